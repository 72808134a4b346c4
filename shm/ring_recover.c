/* SPDX-License-Identifier: ISC
 *
 * NAME      ring_recover - the ring as a successor finds it
 * PURPOSE   Makes what a dead holder left safe to go on with: what is in bounds stays, what is not
 *           is dropped and counted, and a death that counts is laid to what was being handled.
 * OWNER     see ring.h
 * CONTRACT  memory of a predecessor is read as if an enemy had written it. Can itself be killed at
 *           any point: the next one comes to the same result.
 * LIMITS    see ring.h
 */
#include <string.h>

#include "shm/ring_inside.h"

#define SEQ_MOST (UINT64_MAX >> 1)

static bool is_ours(const struct ring *ring)
{
	const struct ring_head *head = &ring->memory->head;

	return head->magic == RING_MAGIC && head->version == RING_VERSION &&
	       head->clients == ring->clients && head->streams == ring->streams;
}

static void wipe(struct ring *ring)
{
	struct ring_memory *memory = ring->memory;

	memory->head.magic = 0;
	store(&memory->batch, 0);
	store(&memory->polls, 0);
	store(&memory->current, 0);
	store(&memory->relay.seq, 0);
	store(&memory->replies.count, 0);
	for (unsigned i = 0; i < RING_BATCH; i++)
		ring_set(&memory->entry[i], RING_DONE);
	for (unsigned i = 0; i < RING_HOLD; i++)
		ring_set(&memory->hold[i], RING_DONE);
	store(&memory->followed, 0);
	for (uint32_t i = 0; i < ring->streams; i++) {
		store(&ring->farewell[i].seq, 0);
		atomic_store(&ring->call[i].stream, 0);
	}
	for (unsigned i = 0; i < RING_TAPES; i++)
		atomic_store(&ring->tape[i].stream, 0);
	memory->head.version = RING_VERSION;
	memory->head.clients = ring->clients;
	memory->head.streams = ring->streams;
	memory->head.magic = RING_MAGIC;
}

/* Is it in bounds? What is not is dropped: better a datagram less than a holder led astray. */
static bool entry_holds(struct ring_entry *entry)
{
	uint32_t state = ring_state(entry);

	if (state == RING_DONE)
		return false;
	entry->owing = false;
	memset(&entry->again, 0, sizeof(entry->again)); /* a bool that is neither 0 nor 1 is no bool */
	return (state == RING_WAITING || state == RING_RELAYED) && entry->seq != 0 &&
	       entry->seq < SEQ_MOST && entry->listener < RING_LISTENERS &&
	       entry->length <= RING_DATAGRAM;
}

static void check_entry(struct ring_entry *entry, struct ring_left *left)
{
	if (ring_state(entry) == RING_DONE || entry_holds(entry))
		return;
	ring_set(entry, RING_DONE);
	left->bad++;
}

static void check_batch(struct ring *ring, struct ring_left *left)
{
	struct ring_memory *memory = ring->memory;
	uint64_t word = load(&memory->batch);
	uint32_t phase = (uint32_t)(word >> 32);

	unsigned count = word & 0xffff, taken = phase == RING_WORKING ? count : 0;

	left->listener = (word >> 16) & 0xffff;
	if (phase > RING_WORKING || left->listener >= RING_LISTENERS || count > RING_BATCH ||
	    memory->first >= SEQ_MOST || (phase != RING_IDLE && memory->first == 0)) {
		left->bad++;
		phase = taken = 0;
		store(&memory->batch, 0);
	}
	for (unsigned i = 0; i < taken; i++)
		check_entry(&memory->entry[i], left);
	for (unsigned i = taken; i < RING_BATCH; i++)
		ring_set(&memory->entry[i], RING_DONE); /* of an earlier batch, or still raw */
	left->count = taken;
	left->filled = phase == RING_FILLING;
	while (left->filled && left->count < RING_BATCH &&
	       memory->io.message[left->count].msg_len != RING_UNFILLED)
		left->count++;
}

static void sort_places(struct ring_places *places, const struct ring *ring, bool hold)
{
	/* few: an insertion sort, for qsort has no room for the ring */
	for (uint32_t i = 1; i < places->count; i++) {
		uint32_t place = places->queue[i], at = i;
		uint64_t seq = hold ? ring->memory->hold[place].seq : load(&ring->farewell[place].seq);

		for (; at > 0; at--) {
			uint32_t other = places->queue[at - 1];
			uint64_t its = hold ? ring->memory->hold[other].seq
					    : load(&ring->farewell[other].seq);

			if (its <= seq)
				break;
			places->queue[at] = other;
		}
		places->queue[at] = place;
	}
}

static void check_hold(struct ring *ring, struct ring_left *left)
{
	struct ring_places *held = &ring->held;

	held->count = held->vacants = 0;
	for (uint32_t i = RING_HOLD; i > 0; i--) {
		struct ring_entry *entry = &ring->memory->hold[i - 1];

		check_entry(entry, left);
		if (ring_state(entry) == RING_DONE)
			held->vacant[held->vacants++] = i - 1;
		else
			held->queue[held->count++] = i - 1;
	}
	sort_places(held, ring, true);
}

/* It was copied to the hold area, and its holder died before it could say so: it counts once. */
static void drop_doubles(struct ring *ring, const struct ring_left *left)
{
	for (unsigned i = 0; i < left->count; i++) {
		struct ring_entry *entry = &ring->memory->entry[i];

		for (uint32_t n = 0; ring_state(entry) != RING_DONE && n < ring->held.count; n++)
			if (ring_held(ring, n)->seq == entry->seq)
				ring_set(entry, RING_DONE);
	}
}

static void check_farewells(struct ring *ring, struct ring_left *left)
{
	struct ring_places *owed = &ring->owed;

	owed->count = owed->vacants = 0;
	for (uint32_t i = ring->streams; i > 0; i--) {
		struct ring_farewell *farewell = &ring->farewell[i - 1];
		uint64_t seq = load(&farewell->seq);

		if (seq != 0 && (seq >= SEQ_MOST || farewell->dgid >= RING_DGIDS)) {
			store(&farewell->seq, 0);
			left->bad++;
			seq = 0;
		}
		if (seq == 0)
			owed->vacant[owed->vacants++] = i - 1;
		else
			owed->queue[owed->count++] = i - 1;
	}
	sort_places(owed, ring, false);
}

struct ring_farewell *ring_farewell_find(struct ring *ring, uint64_t seq)
{
	for (uint32_t n = 0; n < ring->owed.count; n++)
		if (load(&ring->farewell[ring->owed.queue[n]].seq) == seq)
			return &ring->farewell[ring->owed.queue[n]];
	return NULL;
}

struct ring_entry *ring_find(struct ring *ring, uint64_t seq)
{
	struct ring_memory *memory = ring->memory;

	for (unsigned i = 0; i < RING_BATCH; i++)
		if (memory->entry[i].seq == seq && ring_state(&memory->entry[i]) != RING_DONE)
			return &memory->entry[i];
	for (uint32_t n = 0; n < ring->held.count; n++)
		if (ring_held(ring, n)->seq == seq && ring_state(ring_held(ring, n)) != RING_DONE)
			return ring_held(ring, n);
	return NULL;
}

/* Who has his answer does not get another. */
static void check_replies(struct ring *ring, struct ring_left *left)
{
	struct ring_replies *replies = &ring->memory->replies;
	uint64_t count = load(&replies->count);

	if (count > RING_REPLIES) {
		left->bad++;
		count = 0;
	}
	for (unsigned i = 0; i < count; i++) {
		struct ring_entry *entry = ring_find(ring, replies->seq[i]);

		if (entry != NULL && replies->message[i].msg_len != 0)
			ring_set(entry, RING_DONE);
	}
	store(&replies->count, 0);
}

/* A fan-out belongs to something that is not done; else it was over when its holder died. */
static void check_relay(struct ring *ring, struct ring_left *left)
{
	struct ring_relay *relay = &ring->memory->relay;
	uint64_t seq = load(&relay->seq);

	if (seq == 0)
		return;
	struct ring_entry *entry = ring_find(ring, seq);
	if (relay->dgid >= RING_DGIDS || relay->then > RING_RELAYED ||
	    relay->then == RING_WAITING || relay->variants < 1 ||
	    relay->variants > RING_VARIANTS) {
		left->bad++;
	} else if (entry != NULL ? ring_state(entry) == RING_WAITING
				 : ring_farewell_find(ring, seq) != NULL) {
		return;
	}
	store(&relay->seq, 0);
}

/* A frame that was offered was sent if the kernel wrote so. */
static void check_tapes(struct ring *ring, struct ring_left *left)
{
	for (unsigned i = 0; i < RING_TAPES; i++) {
		struct ring_tape *tape = &ring->tape[i];
		uint32_t frames = atomic_load(&tape->frames), played = atomic_load(&tape->played);

		if (atomic_load(&tape->stream) == 0)
			continue;
		if (frames > RING_TAPE_FRAMES || played > 2 * frames || tape->client == 0 ||
		    tape->dgid >= RING_DGIDS || load(&tape->start) >= SEQ_MOST) {
			ring_tape_erase(tape);
			left->bad++;
		} else if (played % 2 != 0) {
			atomic_store(&tape->played, tape->message.msg_len != 0 ? played + 1
									       : played - 1);
		}
	}
}

static void check_polls(struct ring *ring, struct ring_left *left)
{
	uint64_t word = load(&ring->memory->polls);

	if (word >> 32 <= 1 && (uint32_t)word <= ring->clients)
		return;
	left->bad++;
	store(&ring->memory->polls, 0);
}

/* Numbers go on behind the highest that is in use. */
static void check_numbers(struct ring *ring, const struct ring_left *left)
{
	uint64_t next = load(&ring->memory->next_seq), least = 1; /* a new ring is all zero */

	if (left->count > 0)
		least = ring->memory->first + RING_BATCH;
	if (ring->held.count > 0 && ring_held(ring, ring->held.count - 1)->seq >= least)
		least = ring_held(ring, ring->held.count - 1)->seq + 1;
	for (unsigned i = 0; i < left->count; i++)
		if (ring_state(&ring->memory->entry[i]) != RING_DONE &&
		    ring->memory->entry[i].seq >= least)
			least = ring->memory->entry[i].seq + 1;
	for (uint32_t n = 0; n < ring->owed.count; n++)
		if (load(&ring->farewell[ring->owed.queue[n]].seq) >= least)
			least = load(&ring->farewell[ring->owed.queue[n]].seq) + 1;
	if (next < least || next >= SEQ_MOST)
		store(&ring->memory->next_seq, least);
}

/* Lays the last death that counts to what was being handled. The number of the death and the count
 * change with one store, so that nobody who dies in here lays it twice. */
static void accuse(struct ring *ring, uint64_t faults, struct ring_left *left)
{
	struct ring_memory *memory = ring->memory;
	uint64_t seq = load(&memory->current);
	_Atomic uint64_t *tries = NULL;

	if (faults == load(&memory->faults_seen))
		return;
	struct ring_entry *entry = seq == 0 ? NULL : ring_find(ring, seq);
	struct ring_farewell *farewell = seq == 0 ? NULL : ring_farewell_find(ring, seq);
	if (entry != NULL)
		tries = &entry->tries;
	else if (farewell != NULL)
		tries = &farewell->tries;
	if (tries != NULL && load(tries) >> 8 != (faults & (UINT64_MAX >> 8))) {
		uint64_t count = ring_tries(tries);

		store(tries, faults << 8 | (count < 255 ? count + 1 : count));
	}
	if (tries != NULL)
		left->accused = seq;
	store(&memory->faults_seen, faults);
}

void ring_recover(struct ring *ring, uint64_t faults, struct ring_left *left_r)
{
	struct ring_left *left = left_r;

	*left = (struct ring_left){.foreign = !is_ours(ring)};
	if (left->foreign) {
		wipe(ring);
		store(&ring->memory->faults_seen, faults);
	}
	check_batch(ring, left);
	check_hold(ring, left);
	check_farewells(ring, left);
	drop_doubles(ring, left);
	check_replies(ring, left);
	accuse(ring, faults, left);
	check_relay(ring, left);
	check_tapes(ring, left);
	check_polls(ring, left);
	check_numbers(ring, left);
	memset(ring->window, 0, sizeof(ring->window));
	memset(ring->list, 0, sizeof(ring->list));
	ring->where = load(&ring->memory->relay.progress) & WHERE_MASK;
}
