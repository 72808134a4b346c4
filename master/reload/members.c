/* SPDX-License-Identifier: ISC
 *
 * NAME      members - feeds that a reload brings, changes and removes
 * PURPOSE   See master/reload/members.h.
 * OWNER     master
 * CONTRACT  see master/reload/members.h
 * LIMITS    see master/reload/members.h
 */
#include "master/reload/members.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "master/feeds.h"
#include "master/slot.h"
#include "master/tcp/vault.h"
#include "shm/log.h"
#include "shm/spotring.h"
#include "shm/text.h"

/* Entries that the ring of SLOT has room for, and those that wait in it. */
static void look_into(const struct slot *slot, unsigned *room_r, unsigned *used_r)
{
	struct spotring ring;

	*room_r = *used_r = 0;
	if (slot->spotring_fd < 0 || !spotring_map(slot->spotring_fd, &ring))
		return;
	*room_r = ring.capacity;
	*used_r = spotring_used(&ring);
	spotring_unmap(&ring);
}

static bool is_drained(const struct slot *slot)
{
	unsigned room, used;

	look_into(slot, &room, &used);
	return used == 0;
}

static struct slot *find(struct master *master, const char *member)
{
	for (unsigned i = 0; i < master->feed_places; i++)
		if (strcmp(master->feed_place[i].member, member) == 0)
			return &master->feed_place[i];
	return NULL;
}

/* Its own from before, one that nobody ever had, or one whose feed is gone for good. */
static struct slot *choose(struct master *master, const char *member)
{
	struct slot *own = find(master, member), *other = NULL;

	if (own != NULL)
		return own;
	for (unsigned i = 0; i < master->feed_places; i++) {
		struct slot *slot = &master->feed_place[i];

		if (slot->member[0] == '\0')
			return slot;
		if (other == NULL && slot->retired && slot->change == FEED_STAYS &&
		    is_drained(slot))
			other = slot;
	}
	if (other != NULL)
		feeds_clear(other);
	return other;
}

/* ---- what is to be ---- */

static bool bring(struct reload *reload, size_t member)
{
	const char *name = config_group_name(reload->config, CONF_GROUP_FEED, member);
	struct slot *slot = choose(reload->master, name);

	if (slot == NULL)
		return reload_fail(reload, "feed %s: too many feeds come and go at once", name);
	if (!feeds_furnish(slot, reload->config, member))
		return reload_fail(reload, "can't make the memory of slot %s: %s", slot->name,
				   strerror(errno));
	slot->change = FEED_COMES;
	return true;
}

bool members_plan(struct reload *reload)
{
	struct master *master = reload->master;

	for (unsigned i = 0; i < master->feed_places; i++)
		if (!master->feed_place[i].retired)
			master->feed_place[i].change = FEED_GOES;
	for (size_t i = 0; i < config_group_count(reload->config, CONF_GROUP_FEED); i++) {
		struct slot *slot =
			find(master, config_group_name(reload->config, CONF_GROUP_FEED, i));
		unsigned room, used;

		if (master->feed_places == 0 || !feeds_is_enabled(reload->config, i))
			continue;
		if (slot == NULL || slot->retired) {
			if (!bring(reload, i))
				return false;
			continue;
		}
		look_into(slot, &room, &used);
		slot->change = room == feeds_buffer(reload->config, i) ? FEED_STAYS : FEED_RENEWS;
	}
	return true;
}

void members_forget(struct reload *reload)
{
	struct master *master = reload->master;

	for (unsigned i = 0; i < master->feed_places; i++)
		master->feed_place[i].change = FEED_STAYS;
}

/* ---- in force ---- */

static void post(struct slot *to, enum msg_fd_role role, const struct slot *feed, int fd)
{
	struct msg_fd head = {.role = (uint16_t)role, .index = (uint16_t)feed->index};

	text_copy(head.slot, sizeof(head.slot), feed->name);
	if (slot_alive(to) && !slot_post(to, MSG_FD, &head, sizeof(head), fd))
		slot_signal(to, SIGKILL); /* its successor gets it with everything else */
}

static void begin(struct slot *slot)
{
	struct slot *spot = slot_single(slot->master, SLOT_SPOT);

	post(spot, FD_SPOTRING, slot, slot->spotring_fd);
	post(spot, FD_SPOT_BELL, slot, slot->bell);
	slot->change = FEED_BEGINS;
	slot_spawn(slot);
}

static void end(struct slot *slot)
{
	slot->planned = true;
	if (slot_alive(slot)) {
		slot_stop(slot);
		return;
	}
	ev_timer_stop(slot->master->loop, &slot->timer);
	slot->state = SLOT_EMPTY;
}

void members_commit(struct reload *reload)
{
	struct master *master = reload->master;

	for (unsigned i = 0; i < master->feed_places; i++) {
		struct slot *slot = &master->feed_place[i];

		if (slot->change == FEED_COMES) {
			slot->retired = false;
			begin(slot);
		} else if (slot->change != FEED_STAYS) {
			slot->retired = slot->change == FEED_GOES;
			end(slot);
		}
	}
}

/* ---- what takes a moment ---- */

static unsigned wanted_room(const struct slot *slot)
{
	const struct config *config = slot->master->config;
	size_t member = 0;

	while (strcmp(config_group_name(config, CONF_GROUP_FEED, member), slot->member) != 0)
		member++;
	return feeds_buffer(config, member);
}

/* A ring of another size, in place of one that is empty. */
static void renew(struct slot *slot)
{
	int fd = spotring_create(slot->name, wanted_room(slot));

	if (fd < 0) {
		log_error("%s keeps its slot_buffer: %s", slot->name, strerror(errno));
	} else {
		close(slot->spotring_fd);
		slot->spotring_fd = fd;
	}
	begin(slot);
}

static bool has_begun(struct slot *slot, bool overdue)
{
	/* one that died is as any other that did */
	if (slot->state == SLOT_STARTING && !overdue)
		return false;
	slot->change = FEED_STAYS;
	return true;
}

static bool is_settled(struct slot *slot, bool overdue)
{
	if (slot->change == FEED_BEGINS)
		return has_begun(slot, overdue);
	if (slot_alive(slot)) {
		if (overdue && !slot->condemned) {
			log_warning("%s does not end in time: killed", slot->name);
			slot->condemned = true;
			slot_signal(slot, SIGKILL);
		}
		return false;
	}
	if (slot->change == FEED_RENEWS) {
		if (!is_drained(slot) && !overdue)
			return false;
		if (!is_drained(slot))
			log_warning("%s: what waited for spot is lost with its ring", slot->name);
		renew(slot);
		return false;
	}
	vault_clear(slot);
	slot->change = FEED_STAYS;
	return true;
}

bool members_look(struct reload *reload, bool overdue)
{
	struct master *master = reload->master;
	bool all = true;

	for (unsigned i = 0; i < master->feed_places; i++)
		if (master->feed_place[i].change != FEED_STAYS &&
		    !is_settled(&master->feed_place[i], overdue))
			all = false;
	return all;
}
