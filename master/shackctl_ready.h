/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_ready - does it serve?
 * PURPOSE   What init scripts and probes ask: an exit code, at once or when it has come true.
 * OWNER     shackctl
 * CONTRACT  serving is state `ready` or `degraded` of `status`: all sockets bound, a worker behind
 *           each service
 * LIMITS    looks every READY_POLL_MS
 */
#ifndef SHACKD_MASTER_SHACKCTL_READY_H
#define SHACKD_MASTER_SHACKCTL_READY_H

#define READY_POLL_MS	  50
#define READY_SECONDS_MAX 86400

/* Waits up to SECONDS (a number, NULL: 0) for the daemon at SOCKET to serve. Returns EXIT_DONE when
 * it does; EXIT_REFUSED when it answers but does not serve, after its state and reasons on standard
 * error; EXIT_SILENT when nobody answers; EXIT_USAGE. */
int ready_run(const char *socket, const char *seconds);

#endif
