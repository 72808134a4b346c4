/* SPDX-License-Identifier: ISC
 *
 * NAME      boot - from a configuration to a serving daemon, and out again
 * PURPOSE   The order of the start: nothing is forked before everything is bound, nobody who uses
 *           the stores starts before keeper is READY.
 * OWNER     master
 * CONTRACT  returns the exit status when the daemon has ended
 * LIMITS    none known
 */
#ifndef SHACKD_MASTER_BOOT_H
#define SHACKD_MASTER_BOOT_H

#include "master/config.h"

struct master;

/* CONFIG is loaded of REQUEST, which must outlive the daemon; both stay the caller's, but a reload
 * puts another one in place of *CONFIG. PIDFILE is absolute, or NULL for the default. LAUNCHER: see
 * launch_detach, -1 in the foreground. */
int boot_run(struct config **config, const struct config_request *request, const char *pidfile,
	     int launcher);

/* The same for an image that takes the place of another: see takeover.h. */
int boot_adopt(void);

/* The gates of all stores that there are to be, but for those that are there already. False after
 * master_why. */
bool boot_make_gates(struct master *master);

#endif
