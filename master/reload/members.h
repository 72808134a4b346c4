/* SPDX-License-Identifier: ISC
 *
 * NAME      members - feeds that a reload brings, changes and removes
 * PURPOSE   A section [feed NAME] is a slot: one that comes gets its place and memory before anybody
 *           is asked and a holder once all have agreed; one that goes ends and its connection with it;
 *           one whose slot_buffer changes gets another ring, between two holders, when spot has
 *           emptied the old one. Connections of those that stay live through all of it.
 * OWNER     master
 * CONTRACT  what was planned is forgotten without a trace when the reload is refused, but for a place
 *           that is furnished already and waits for its feed
 * LIMITS    MASTER_FEEDS_MAX places
 */
#ifndef SHACKD_MASTER_RELOAD_MEMBERS_H
#define SHACKD_MASTER_RELOAD_MEMBERS_H

#include "master/reload/reload.h"

/* Compares the places with reload->config. False after reload_fail. */
bool members_plan(struct reload *reload);
void members_forget(struct reload *reload);

/* It is in force. And goes on with it: true when nothing is left to do. */
void members_commit(struct reload *reload);
bool members_look(struct reload *reload, bool overdue);

#endif
