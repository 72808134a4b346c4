/* SPDX-License-Identifier: ISC
 *
 * NAME      secret - passwords of sessions
 * PURPOSE   Has an aide check or hash the password of a line; the line waits in the kernel meanwhile.
 * OWNER     dxc workers
 * CONTRACT  Called again with the line that waits, it answers in the end. An answer that is lost (the
 *           aide was killed, too many wait) is asked for again.
 * LIMITS    SECRET_MAX bytes; SECRET_TRIES questions a line
 */
#ifndef SHACKD_WORKERS_DXC_SECRET_H
#define SHACKD_WORKERS_DXC_SECRET_H

#include "workers/dxc/dxc.h"
#include "workers/password.h"

#define SECRET_MAX   64U
#define SECRET_TRIES 200

enum secret {
	SECRET_WAITS, /* the line comes again */
	SECRET_YES,
	SECRET_NO,
	SECRET_LOST, /* nobody answers */
};

enum secret secret_check(struct client *client, const char *hash, const char *password);
enum secret secret_hash(struct client *client, const char *password, char hash_r[PASSWORD_HASH]);

/* Is CALL one of dxc.sysops? */
bool secret_is_sysop(const struct dxc *dxc, const char *call);

/* The connection is over. */
void secret_free(struct client *client);

#endif
