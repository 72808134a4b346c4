/* SPDX-License-Identifier: ISC
 *
 * NAME      notify - a word to the service manager
 * PURPOSE   sd_notify(3) without its library: who starts us with NOTIFY_SOCKET is told when the
 *           daemon serves, reloads and stops, and, if it asked with WATCHDOG_USEC, that the loop
 *           still turns.
 * OWNER     master
 * CONTRACT  without NOTIFY_SOCKET nothing happens, and one that does not listen changes nothing.
 *           The process stays the same one for ever, so MAINPID is never said.
 * LIMITS    what finds no room at once is tried again at the next call
 */
#ifndef SHACKD_MASTER_NOTIFY_H
#define SHACKD_MASTER_NOTIFY_H

#include "master/master.h"

/* Says what has changed since the last call. To be called when something may have, and often. */
void notify_turn(const struct master *master);

#endif
