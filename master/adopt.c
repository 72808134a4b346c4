/* SPDX-License-Identifier: ISC
 *
 * NAME      adopt - a neighbour reads the sockets of a slot that has to wait
 * PURPOSE   See master/adopt.h. An adoption is begun (by), made (passed), revoked (release,
 *           told), and over when the reader says so or dies.
 * OWNER     master
 * CONTRACT  see master/adopt.h
 * LIMITS    see master/adopt.h
 */
#include "master/adopt.h"

#include <string.h>

#include "master/slot.h"
#include "shm/log.h"
#include "shm/text.h"

static bool has_sockets(const struct slot *slot)
{
	for (unsigned i = 0; i < CONF_LISTEN_MAX; i++)
		if (slot->udp[i] >= 0)
			return true;
	return false;
}

/* How many slots does it read for? */
static unsigned burden(const struct slot *slot)
{
	const struct master *master = slot->master;
	unsigned count = 0;

	for (unsigned i = 0; i < master->slots; i++)
		count += master->slot[i].adoption.by == slot;
	return count;
}

/* The neighbour with the least to do; one that is on probation itself only if there is no other. */
static struct slot *choose(const struct slot *slot)
{
	struct master *master = slot->master;
	struct slot *best = NULL;
	unsigned least = 0;

	for (unsigned i = 0; i < master->slots; i++) {
		struct slot *other = &master->slot[i];
		unsigned weight;

		if (other == slot || other->kind != slot->kind || other->state != SLOT_SERVING ||
		    other->retired)
			continue;
		weight = burden(other);
		if (breaker_state_at(&other->breaker, clock_mono()) != BREAKER_CLOSED)
			weight += MASTER_SLOTS_MAX;
		if (best == NULL || weight < least) {
			best = other;
			least = weight;
		}
	}
	return best;
}

static void begin(struct slot *slot)
{
	struct slot *by = choose(slot);

	if (by == NULL || slot->master->phase != PHASE_SERVING || slot->master->adopt_suspended)
		return;
	slot->adoption = (struct adoption){.by = by};
	log_warning("%s is parked: %s reads its sockets", slot->name, by->name);
	slot_flush(by);
}

void adopt_park(struct slot *slot)
{
	if (slot->master->phase != PHASE_SERVING || !has_sockets(slot))
		return;
	slot->parked = true;
	if (slot->adoption.by == NULL)
		begin(slot);
}

void adopt_look(struct master *master)
{
	for (unsigned i = 0; i < master->slots; i++) {
		struct slot *slot = &master->slot[i];

		if (slot->parked && slot->adoption.by == NULL && slot->state == SLOT_WAITING)
			begin(slot);
	}
}

/* The reader of SLOT's sockets is one no more. */
static void end(struct slot *slot)
{
	slot->adoption = (struct adoption){0};
	if (slot->state == SLOT_READY)
		slot_go(slot);
	else if (slot->state == SLOT_WAITING && slot->parked)
		begin(slot);
}

void adopt_forget(struct slot *slot)
{
	struct master *master = slot->master;

	for (unsigned i = 0; i < master->slots; i++)
		if (master->slot[i].adoption.by == slot)
			end(&master->slot[i]);
}

static void withdraw(struct slot *slot)
{
	if (slot->adoption.release)
		return;
	slot->adoption.release = true;
	slot->adoption.asked = clock_mono();
	slot_flush(slot->adoption.by);
}

bool adopt_give_back(struct slot *slot)
{
	if (slot->adoption.by != NULL && slot->adoption.passed == 0)
		slot->adoption = (struct adoption){0}; /* it never began */
	if (slot->adoption.by != NULL) {
		withdraw(slot);
		return false;
	}
	slot->parked = false;
	return true;
}

void adopt_renew(struct master *master)
{
	for (unsigned i = 0; i < master->slots; i++)
		if (master->slot[i].adoption.by != NULL)
			withdraw(&master->slot[i]);
}

bool adopt_suspend(struct master *master)
{
	bool any = false;

	master->adopt_suspended = true;
	adopt_renew(master);
	for (unsigned i = 0; i < master->slots; i++)
		any |= master->slot[i].adoption.by != NULL;
	return !any;
}

void adopt_resume(struct master *master)
{
	master->adopt_suspended = false;
	adopt_look(master);
}

void adopt_released(struct slot *slot, const struct msg_release *release)
{
	struct master *master = slot->master;

	for (unsigned i = 0; i < master->slots; i++) {
		struct slot *other = &master->slot[i];

		if (other->adoption.by == slot && other->adoption.told &&
		    strncmp(other->name, release->slot, sizeof(other->name)) == 0) {
			log_info("%s has given back the sockets of %s", slot->name, other->name);
			end(other);
			slot_flush(slot); /* the next one may have waited for its turn */
			return;
		}
	}
	master->messages_bad++;
	log_limited(LOG_LEVEL_WARNING, "%s gives back sockets that it was not asked for",
		    slot->name);
}

/* ---- what the reader is told ---- */

static bool pass(struct slot *reader, struct slot *slot)
{
	struct adoption *adoption = &slot->adoption;
	struct msg_fd head = {.role = FD_UDP};

	text_copy(head.slot, sizeof(head.slot), slot->name);
	for (unsigned i = 0; i < CONF_LISTEN_MAX && !adoption->release; i++) {
		if (slot->udp[i] < 0 || !slot->master->listener_used[i] ||
		    (adoption->passed >> i & 1) != 0)
			continue;
		head.index = (uint16_t)i;
		head.addr = slot->master->listener[i];
		if (msg_send(reader->control, MSG_FD, reader->generation, &head, sizeof(head),
			     slot->udp[i]) != 0)
			return false;
		adoption->passed |= 1ULL << i;
	}
	return true;
}

static bool tell(struct slot *reader, struct slot *slot)
{
	struct msg_release release = {{0}};

	if (!slot->adoption.release || slot->adoption.told)
		return true;
	text_copy(release.slot, sizeof(release.slot), slot->name);
	if (msg_send(reader->control, MSG_RELEASE, reader->generation, &release, sizeof(release),
		     -1) != 0)
		return false;
	slot->adoption.told = true;
	return true;
}

bool adopt_flush(struct slot *slot)
{
	struct master *master = slot->master;
	unsigned told = 0;

	for (unsigned i = 0; i < master->slots; i++)
		told += master->slot[i].adoption.by == slot && master->slot[i].adoption.told;
	for (unsigned i = 0; i < master->slots; i++) {
		struct slot *other = &master->slot[i];

		if (other->adoption.by != slot)
			continue;
		if (!pass(slot, other))
			return false;
		if (told == ADOPT_RELEASES || !other->adoption.release || other->adoption.told)
			continue;
		if (!tell(slot, other))
			return false;
		told++;
	}
	return true;
}

bool adopt_overdue(const struct slot *slot, uint64_t now)
{
	const struct master *master = slot->master;

	for (unsigned i = 0; i < master->slots; i++) {
		const struct adoption *adoption = &master->slot[i].adoption;

		if (adoption->by == slot && adoption->told &&
		    clock_age(now, adoption->asked) >= ADOPT_PATIENCE)
			return true;
	}
	return false;
}
