/* SPDX-License-Identifier: ISC
 *
 * NAME      reload - another configuration without a restart
 * PURPOSE   Acquire (bind, make slots, start their workers), stage, commit, retire: nothing that is
 *           in force changes before everybody has agreed, and each step can be undone.
 * OWNER     master
 * CONTRACT  One at a time. A reload that is refused or undone leaves configuration, descriptors and
 *           processes as they were. Keys that need a restart keep their value.
 * LIMITS    RELOAD_SECONDS for everybody to agree, RETIRE_SECONDS for what goes
 */
#ifndef SHACKD_MASTER_RELOAD_RELOAD_H
#define SHACKD_MASTER_RELOAD_RELOAD_H

#include <jansson.h>

#include "master/master.h"

#define RELOAD_SECONDS 6.0
#define RETIRE_SECONDS 6.0

/* The memory for it. False after master_why. */
bool reload_open(struct master *master);
void reload_close(struct master *master);

/* Somebody sent HUP: begins now, or when what is under way is over, or when the daemon serves. */
void reload_wish(struct master *master);

/* May one begin now? If not, WHY_R is a sentence. */
bool reload_may(const struct master *master, const char **why_r);
/* Begins; the answer goes to whoever waits for it (control_conclude), perhaps before this returns.
 */
void reload_begin(struct master *master);

/* The daemon serves now: fulfils a wish. */
void reload_serving(struct master *master);
/* It stops: nothing of it goes on. */
void reload_stop(struct master *master);

/* What happens to slots meanwhile. reload_slot_ready: true, it is a new one and waits for the
 * commit. reload_slot_died: true, it has no successor. */
bool reload_slot_ready(struct slot *slot);
void reload_slot_serves(struct slot *slot);
bool reload_slot_died(struct slot *slot);
void reload_staged(struct slot *slot, const struct msg_staged *staged);
void reload_drained(struct slot *slot, const struct msg_drain *drain);

/* What SLOT's holder is started with: what is in force, or for a new slot what would be. */
struct reload_view {
	int conf_fd;
	unsigned slots;	    /* end of the table */
	unsigned ysf_count; /* slots in force */
	unsigned listeners;
	const bool *used;
};
void reload_view(const struct slot *slot, struct reload_view *view_r);

/* The last one, for `status`; null when there was none. */
json_t *reload_last(const struct master *master);

/* For SIGUSR1 and `shackctl reopen`: the log opens its file anew. */
void reload_reopen(struct master *master);

/* ---- between reload.c, staging.c and retire.c ---- */

enum reload_step {
	RELOAD_NONE,
	RELOAD_STAGING,	 /* new workers start, the others are asked */
	RELOAD_UNDOING,	 /* refused; new workers end */
	RELOAD_RETIRING, /* in force; what goes runs dry */
};

struct reload {
	struct master *master;
	enum reload_step step;
	ev_timer timer;
	uint64_t began; /* the step, clock_mono */
	bool wished;	/* HUP came meanwhile */
	bool held;	/* the ports' groups are held on their first members */

	struct config *config; /* to be */
	uint64_t conf_generation;
	int conf_fd;
	struct listen_plan *plan;
	bool used[CONF_LISTEN_MAX];
	unsigned listeners;
	unsigned ysf_count;

	bool changed[CONF_KEYS], restart[CONF_KEYS];
	struct problems *problems;
	json_t *last;
	char failure[MASTER_WHY_MAX]; /* the first one that was noticed; "" for none */
};

/* Remembers why it fails; the first reason wins. The second one about what the operator wrote for
 * KEY: WHY begins with its name. Both return false. */
bool reload_fail(struct reload *reload, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
bool reload_fail_at(struct reload *reload, enum conf_key key, const char *why);

/* staging.c: asks whoever has not been asked, has everybody agreed? Takes it back; puts it in force
 * everywhere (OLD_COUNT: from that ysf slot on they are new, and begin); does everybody obey it? */
bool staging_all_agree(struct reload *reload);
void staging_forget(struct reload *reload);
void staging_commit(struct reload *reload, unsigned old_count);
bool staging_all_obey(const struct master *master);

/* retire.c: begins to empty what goes, and goes on with it (true: nothing is left). */
void retire_begin(struct reload *reload);
bool retire_look(struct reload *reload, bool overdue);

/* Lets the groups deal out flows as they like, if they are held and nobody else has a hand on the
 * sockets that were closed. False: not yet. */
bool retire_release(struct reload *reload, bool overdue);

#endif
