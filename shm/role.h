/* SPDX-License-Identifier: ISC
 *
 * NAME      role - what an executable can be started as
 * PURPOSE   The master starts a worker by executing its own file with a role argument; this is the
 *           agreement on how, without the master knowing any worker.
 * OWNER     main (dispatch); each executable links one table
 * CONTRACT  argv is { "shackd" or "shackd-net", ROLE_FLAG, SLOT, RUN_DIR, NULL }; descriptor
 *           ROLE_CONTROL_FD is the control socket; everything else comes over it. RUN_DIR says whose
 *           worker it is, to people and to a master that finds it without its own (start/strays.c)
 * LIMITS    none known
 */
#ifndef SHACKD_SHM_ROLE_H
#define SHACKD_SHM_ROLE_H

#include <stdbool.h>
#include <stdint.h>

#define ROLE_FLAG	"--role"
#define ROLE_ARGS	4
#define ROLE_STAMP_FLAG "--stamp" /* of shackd-net: prints the stamp of its build (shm/stamp.h) */
#define ROLE_CONTROL_FD 3

/* A kind of process that this executable can become. RUN gets the slot name and returns the exit
 * status. The table ends with a NULL kind. */
struct role {
	const char *kind;
	int (*run)(const char *slot);
};

extern const struct role role_table[];

/* Becomes the holder of SLOT, whose kind is looked up in TABLE. Returns the exit status. */
int role_run(const struct role *table, const char *slot);

/* ---- the stores, of which the master knows nothing but this ---- */

/* The editions that the workers of this executable serve. */
void role_editions(unsigned *oldest_r, unsigned *newest_r);

struct role_place {
	const char *shm_dir, *state_dir;
	int gate_voice, gate_state; /* memfds */
	uint32_t uid, gid;	    /* of the workers; (uint32_t)-1: ours */
};

/* Could the workers of this executable go on with the stores that lie there? Gives up the rights that
 * workers have not: only for a process that does nothing else. EDITION_R: theirs; one that is too new
 * is no failure here, for it can be brought down. False with a sentence. */
bool role_rehearse(const struct role_place *place, unsigned *edition_r, char error_r[256]);

#endif
