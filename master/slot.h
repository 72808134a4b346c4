/* SPDX-License-Identifier: ISC
 *
 * NAME      slot - an identity that outlives its holders
 * PURPOSE   Makes what belongs to a slot for ever, and speaks with its present holder.
 * OWNER     master
 * CONTRACT  nothing here waits: what a full socket does not take is sent when it is writable
 * LIMITS    none known
 */
#ifndef SHACKD_MASTER_SLOT_H
#define SHACKD_MASTER_SLOT_H

#include <limits.h>

#include "master/master.h"

/* The table of all slots with their pages and doorbells. False after master_why. */
bool slot_make_all(struct master *master);

/* Does CONFIG want any? And those that it wants, at the end of the table: false after master_why. */
bool slot_kind_wanted(const struct config *config, enum slot_kind kind);
bool slot_make_kind(struct master *master, enum slot_kind kind);

/* Slot ysf.INDEX, beyond the table: for a reload that wants more of them. False with errno. */
bool slot_make_more(struct master *master, unsigned index);
/* And away again: nobody holds it, its sockets are closed. */
void slot_unmake(struct slot *slot);
/* A zeroed entry of the table becomes a slot that has nothing yet. */
void slot_begin(struct master *master, struct slot *slot, enum slot_kind kind, unsigned index);
/* Makes what it lacks (what it has was inherited) and maps it. False with errno. */
bool slot_furnish(struct slot *slot);

/* Starts a holder (fork and exec). A failure is a death before READY: it is tried again later. */
void slot_spawn(struct slot *slot);

/* GO and STOP. */
void slot_go(struct slot *slot);
void slot_stop(struct slot *slot);

/* Sends what waits for the holder: start sequence, GO, events, STOP. */
void slot_flush(struct slot *slot);

/* Sends a message to the holder, in order, before its STOP; what the socket does not take waits (FD
 * is duplicated then and stays the caller's). Forgotten when the holder dies. False when there is
 * no holder or too much waits. */
bool slot_post(struct slot *slot, enum msg_type type, const void *body, size_t length, int fd);
void slot_forget_posts(struct slot *slot);
/* For slot_flush: false with errno when the socket took one not. */
bool slot_send_posts(struct slot *slot);

/* Reads what the holder says until there is no more. */
void slot_read(struct slot *slot);

/* Sends a signal to the holder. */
void slot_signal(struct slot *slot, int number);

/* Tells keeper that the slot came up or went down; waits for keeper if it must. */
void slot_event(struct slot *slot, bool up, int signal, int status);

/* Tells keeper of something that befell the daemon as a whole; waits for keeper if it must. */
void slot_note(struct master *master, enum msg_note_type type, bool failed, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define SLOT_STARTED UINT_MAX /* of `passed`: all was sent */

/* Sends the start sequence on from message *PASSED. False with errno when the socket took one not.
 */
bool slot_send_start(const struct slot *slot, int control, uint64_t generation, bool standby,
		     unsigned *passed);

/* Forks a process for the slot. PIDFD_R and CONTROL_R are the caller's. Its pid, or 0 with errno.
 */
pid_t slot_fork(const struct slot *slot, int *pidfd_r, int *control_r);

/* Follows the holder whose pid, pidfd and control were just put into the slot. */
void slot_follow(struct slot *slot);

/* The slot of a KIND that has one at most; NULL: there is none. */
struct slot *slot_single(struct master *master, enum slot_kind kind);

static inline bool slot_alive(const struct slot *slot)
{
	return slot->pid != 0;
}

/* Does another slot of its kind serve? */
bool slot_has_neighbour(const struct slot *slot);

const char *slot_kind_name(enum slot_kind kind);
const char *slot_state_name(enum slot_state state);

#endif
