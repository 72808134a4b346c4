/* SPDX-License-Identifier: ISC
 *
 * NAME      sandbox - the system calls that a worker gives up
 * PURPOSE   A broken-into worker must not become another program, read another process, talk to
 *           other daemons of the machine, or change how the kernel spreads our datagrams.
 * OWNER     every worker, once, after its stores are open
 * CONTRACT  a list of what is refused; whatever it does not name stays allowed, so that libraries
 *           may change their ways. execve and ptrace end the process, the rest fails with EPERM.
 * LIMITS    a build with an address sanitizer keeps fork, execve and ptrace: its leak check needs
 * them
 */
#ifndef SHACKD_WORKERS_SANDBOX_H
#define SHACKD_WORKERS_SANDBOX_H

#include <stdbool.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_SANITIZED true
#else
#define SANDBOX_SANITIZED false
#endif
#else
#define SANDBOX_SANITIZED false
#endif

/* Loads the filter for the rest of the process's life. With CONNECT_UNIX, sockets of AF_UNIX stay
 * allowed. Returns 0, or -1 with errno. */
int sandbox_enter(bool connect_unix);

#endif
