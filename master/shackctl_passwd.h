/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_passwd - a password from whoever sits here
 * PURPOSE   Asks twice at a terminal, without echo; else takes a line of standard input. It never
 *           stands on a command line, where every user of the machine can read it.
 * OWNER     shackctl
 * CONTRACT  says on standard error what is wrong
 * LIMITS    120 bytes
 */
#ifndef SHACKD_MASTER_SHACKCTL_PASSWD_H
#define SHACKD_MASTER_SHACKCTL_PASSWD_H

#include <stdbool.h>

#define PASSWD_SIZE 122 /* with its line end and the NUL */

bool passwd_ask(const char *call, char password_r[PASSWD_SIZE]);

#endif
