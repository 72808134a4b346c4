/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_backup - the durable state in a folder, and back
 * PURPOSE   `backup DIR` and `restore DIR`.
 * OWNER     shackctl
 * CONTRACT  Files are opened with the rights of whoever runs shackctl; the daemon gets descriptors.
 *           A backup in DIR is replaced only by a complete one.
 *             DIR/state.mdb   the durable store
 *             DIR/manifest    JSON: what was copied when, by which build, with checksums
 *             DIR/config/     the configuration file and the lists that it names: to look at
 * LIMITS    BACKUP_SECONDS
 */
#ifndef SHACKD_MASTER_SHACKCTL_BACKUP_H
#define SHACKD_MASTER_SHACKCTL_BACKUP_H

#include <stdbool.h>

#define BACKUP_SECONDS 600

struct backup_request {
	const char *socket;
	const char *config; /* of -c; NULL: the file that the daemon names */
	const char *dir;
	bool json;
};

/* These return the exit code. */
int backup_run(const struct backup_request *request);
int restore_run(const struct backup_request *request);
int compact_run(const struct backup_request *request);

#endif
