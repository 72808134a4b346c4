/* SPDX-License-Identifier: ISC
 *
 * NAME      staging - every holder is asked, told, or told to forget
 * PURPOSE   What a reload says to the holders of the slots and what they answer; one that dies
 *           meanwhile is asked again in the person of its successor.
 * OWNER     master
 * CONTRACT  see master/reload/reload.h
 * LIMITS    STAGE_TRIES holders of one slot are asked
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "master/reload/listen.h"
#include "master/reload/reload.h"
#include "master/slot.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/text.h"

#define STAGE_NS    (2 * NS_PER_SEC) /* for the answer of one worker */
#define STAGE_TRIES 4

enum staged { STAGE_NONE, STAGE_ASKED, STAGE_AGREED, STAGE_TOLD };

static bool post_fd(struct slot *to, enum msg_fd_role role, unsigned index, const struct slot *of,
		    int fd)
{
	struct msg_fd head = {.role = (uint16_t)role, .index = (uint16_t)index};

	if (of != NULL)
		text_copy(head.slot, sizeof(head.slot), of->name);
	else
		head.addr = to->master->listener[index];
	return slot_post(to, MSG_FD, &head, sizeof(head), fd);
}

/* Pages and doorbells of slots that never were before; who came back is known to all. */
static bool post_slots(struct reload *reload, struct slot *to)
{
	struct master *master = reload->master;
	bool sent = true;

	for (unsigned i = master->ysf_count; i < reload->ysf_count && sent; i++) {
		const struct slot *slot = &master->ysf[i];

		if (slot->retired || !kind_table[to->kind].store)
			continue;
		sent = post_fd(to, FD_PEER_PAGE, i, slot, slot->page_readonly) &&
		       post_fd(to, FD_PEER_BELL, i, slot, slot->bell) &&
		       (to->kind != SLOT_KEEPER ||
			post_fd(to, FD_PAGE_OF_SLOT, i, slot, slot->page_readonly));
	}
	for (unsigned i = 0; i < master->feed_places && sent && to->kind == SLOT_KEEPER; i++) {
		const struct slot *feed = &master->feed_place[i];

		if (feed->change == FEED_COMES)
			sent = post_fd(to, FD_PAGE_OF_SLOT, i, feed, feed->page_readonly);
	}
	return sent;
}

static bool post_listeners(struct reload *reload, struct slot *to)
{
	bool sent = true;

	for (unsigned i = 0; i < reload->plan->entries && sent; i++) {
		const struct listen_entry *entry = &reload->plan->entry[i];

		if (entry->bound && to->udp[entry->index] >= 0)
			sent = post_fd(to, FD_UDP, entry->index, NULL, to->udp[entry->index]);
	}
	return sent;
}

/* Asks the holder of SLOT; with what it needs to judge. */
static void ask(struct reload *reload, struct slot *slot)
{
	struct msg_stage stage = {reload->conf_generation};

	if (++slot->staging.tries > STAGE_TRIES) {
		reload_fail(reload, "%s dies again and again when it is asked, last: %s",
			    slot->name, slot->last_death);
		return;
	}
	slot->staging.asked = clock_mono();
	slot->staging.state = STAGE_ASKED;
	if (!post_slots(reload, slot) || !post_listeners(reload, slot) ||
	    !slot_post(slot, MSG_STAGE, &stage, sizeof(stage), reload->conf_fd))
		reload_fail(reload, "%s can't be asked", slot->name);
	fault_point(FAULT_RELOAD_ASKED);
}

static bool can_answer(const struct slot *slot)
{
	return slot_alive(slot) && (slot->state == SLOT_READY || slot->state == SLOT_SERVING);
}

void reload_staged(struct slot *slot, const struct msg_staged *staged)
{
	struct reload *reload = slot->master->own_reload;
	char why[sizeof(staged->why)], text[512];

	ev_feed_event(slot->master->loop, &reload->timer, EV_TIMER);
	if (slot->staging.state == STAGE_TOLD && staged->ok == 2)
		slot->staging.state = STAGE_NONE;
	if (reload->step != RELOAD_STAGING || slot->staging.state != STAGE_ASKED ||
	    staged->conf_generation != reload->conf_generation)
		return;
	text_from_field(why, staged->why, strnlen(staged->why, sizeof(staged->why) - 1));
	if (staged->ok)
		slot->staging.state = STAGE_AGREED;
	else if (strncmp(why, "server.log:", 11) == 0)
		reload_fail_at(reload, CONF_SERVER_LOG, why);
	else {
		snprintf(text, sizeof(text), "%s refuses the configuration: %s", slot->name, why);
		reload_fail(reload, "%s", text);
	}
}

bool reload_slot_ready(struct slot *slot)
{
	struct reload *reload = slot->master->own_reload;

	if (reload->step != RELOAD_NONE)
		ev_feed_event(slot->master->loop, &reload->timer, EV_TIMER);
	return slot->coming;
}

/* A worker that could not be started ends the reload. */
static void note_stillborn(struct reload *reload, const struct slot *slot)
{
	char why[MASTER_WHY_MAX + 128];

	snprintf(why, sizeof(why), "workers.ysf: the new worker %s can't start: %s", slot->name,
		 slot->failed[0] != '\0' ? slot->failed : slot->last_death);
	reload_fail_at(reload, CONF_WORKERS_YSF, why);
}

bool reload_slot_died(struct slot *slot)
{
	struct reload *reload = slot->master->own_reload;
	bool leaves = slot->retired && (slot->planned || !slot->staging.leaving);
	bool over = slot->coming || leaves || slot->change == FEED_GOES || slot->change == FEED_RENEWS;

	slot->staging.state = STAGE_NONE;
	slot->staging.draining = 0;
	if (reload->step == RELOAD_NONE)
		return over;
	if (slot->coming && reload->step == RELOAD_STAGING)
		note_stillborn(reload, slot);
	if (over)
		slot->state = SLOT_EMPTY;
	ev_feed_event(slot->master->loop, &reload->timer, EV_TIMER);
	return over;
}

/* Asks whoever has not been asked. Has everybody agreed? */
bool staging_all_agree(struct reload *reload)
{
	struct master *master = reload->master;
	uint64_t now = clock_mono();
	bool all = true;

	for (unsigned i = 0; i < master->slots; i++) {
		struct slot *slot = &master->slot[i];

		if (slot->coming || !slot_alive(slot))
			continue; /* a slot without a holder starts with what is in force then */
		if (slot->staging.state == STAGE_NONE && can_answer(slot))
			ask(reload, slot);
		if (slot->staging.state == STAGE_ASKED &&
		    clock_age(now, slot->staging.asked) > STAGE_NS)
			reload_fail(reload, "%s does not answer", slot->name);
		all = all && slot->staging.state == STAGE_AGREED;
	}
	for (unsigned i = master->ysf_count; i < reload->ysf_count; i++)
		all = all && master->ysf[i].state == SLOT_READY;
	return all;
}

/* ---- undo ---- */

void staging_forget(struct reload *reload)
{
	struct master *master = reload->master;
	struct msg_stage stage = {reload->conf_generation};

	for (unsigned i = 0; i < master->slots; i++) {
		struct slot *slot = &master->slot[i];

		if (slot->staging.state != STAGE_NONE && slot_alive(slot))
			slot_post(slot, MSG_UNSTAGE, &stage, sizeof(stage), -1);
		slot->staging.state = STAGE_NONE;
	}
}

void staging_commit(struct reload *reload, unsigned old_count)
{
	struct master *master = reload->master;
	struct msg_stage stage = {reload->conf_generation};

	for (unsigned i = 0; i < master->slots; i++) {
		struct slot *slot = &master->slot[i];

		if (slot->staging.state != STAGE_AGREED)
			continue;
		slot->staging.state = STAGE_TOLD;
		if (!slot_post(slot, MSG_COMMIT, &stage, sizeof(stage), -1))
			slot_signal(slot, SIGKILL); /* its successor begins with the new one */
		fault_point(FAULT_RELOAD_HALF_TOLD);
	}
	for (unsigned i = old_count; i < master->ysf_count; i++) {
		slot_event(&master->ysf[i], true, 0, 0);
		slot_go(&master->ysf[i]);
	}
}

/* Does every holder obey it? Whoever asked for the reload may rely on that. */
bool staging_all_obey(const struct master *master)
{
	for (unsigned i = 0; i < master->slots; i++)
		if (slot_alive(&master->slot[i]) && master->slot[i].staging.state == STAGE_TOLD)
			return false;
	return true;
}
