/* SPDX-License-Identifier: ISC
 *
 * NAME      dump - the option table and the configuration as text
 * PURPOSE   `shackd -T`, the sample shackd.ini and the list of keys in shackd.ini(5): one table, so
 *           that they can't disagree.
 * OWNER     master; also the build-time program mkdoc
 * CONTRACT  an ini file written here parses without a finding, to the same configuration
 * LIMITS    the caller checks ferror(OUT)
 */
#ifndef SHACKD_MASTER_DUMP_H
#define SHACKD_MASTER_DUMP_H

#include <stdio.h>

#include "master/config.h"

/* The effective configuration as a complete ini file. */
void dump_config(FILE *out, const struct config *config);

/* The sample file: every key commented out, with its help and default. */
void dump_sample(FILE *out);

/* The keys of all sections as mdoc(7), for shackd.ini(5). */
void dump_manual(FILE *out);

#endif
