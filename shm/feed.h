/* SPDX-License-Identifier: ISC
 *
 * NAME      feed - what a [feed NAME] section says, its defaults filled in
 * PURPOSE   Who dials and who resolves must mean the same host.
 * OWNER     feed, data, keeper
 * CONTRACT  pure; MEMBER is a section of CONF_GROUP_FEED; texts live as long as the configuration
 * LIMITS    none known
 */
#ifndef SHACKD_SHM_FEED_H
#define SHACKD_SHM_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/conf.h"

enum feed_type { FEED_RBN, FEED_CLUSTER, FEED_PSKREPORTER };

enum feed_type feed_type(const struct conf *conf, size_t member);
/* Host name (in the case of the file) or address; "": none, a cluster that names no host. */
const char *feed_host(const struct conf *conf, size_t member);
uint16_t feed_port(const struct conf *conf, size_t member);
/* The call sign to log in with. */
const char *feed_login(const struct conf *conf, size_t member);
/* Feeds run when the DX cluster does: it is enabled, and the node has a call. */
bool feed_wanted(const struct conf *conf, size_t member);

#endif
