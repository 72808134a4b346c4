/* SPDX-License-Identifier: ISC
 *
 * NAME      rights - what a worker gives up before it serves
 * PURPOSE   Limits, identity, and the ties to the master.
 * OWNER     every worker, once, early in worker_main
 * CONTRACT  each step is proved; on a failure nothing may be served
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_RIGHTS_H
#define SHACKD_WORKERS_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Stands for "stay who you are". */
#define RIGHTS_SAME ((uint32_t)-1)

/* Becomes UID and GID without any supplementary group, and proves that there is no way back.
 * Forbids new privileges. Returns false with a sentence in ERROR_R. */
bool rights_drop(uint32_t uid, uint32_t gid, char error_r[256]);

/* Dies with the master from now on. False: the master is gone already. */
bool rights_tie(int32_t master_pid);

/* At most RIGHTS_FILES descriptors, and one for each of so many TCP SESSIONS. */
#define RIGHTS_FILES 1024
bool rights_limit(unsigned sessions, char error_r[256]);

/* No core file, no look into our memory by others of our own user. */
void rights_hide(void);

#endif
