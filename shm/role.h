/* SPDX-License-Identifier: ISC
 *
 * NAME      role - what an executable can be started as
 * PURPOSE   The master starts a worker by executing its own file with a role argument; this is the
 *           agreement on how, without the master knowing any worker.
 * OWNER     main (dispatch); each executable links one table
 * CONTRACT  argv is { "shackd", ROLE_FLAG, SLOT, NULL }; descriptor ROLE_CONTROL_FD is the control
 *           socket; everything else comes over it
 * LIMITS    none known
 */
#ifndef SHACKD_SHM_ROLE_H
#define SHACKD_SHM_ROLE_H

#define ROLE_FLAG	"--role"
#define ROLE_CONTROL_FD 3

/* A kind of process that this executable can become. RUN gets the slot name and returns the exit
 * status. The table ends with a NULL kind. */
struct role {
	const char *kind;
	int (*run)(const char *slot);
};

extern const struct role role_table[];

#endif
