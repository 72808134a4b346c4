/* SPDX-License-Identifier: ISC
 *
 * NAME      ring - what a slot has in hand: datagrams that were read and are not yet done
 * PURPOSE   see ring.h
 * OWNER     see ring.h
 * CONTRACT  the order of stores is what makes a kill at any point harmless, hence the release stores
 * LIMITS    see ring.h
 */
#include "shm/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/ring_inside.h"
#include "shm/text.h"

#define RING_SEALS   (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define PAGE_STEP    4096

/* ---- making and mapping ---- */

static size_t align_up(size_t bytes)
{
	return (bytes + 63) & ~(size_t)63;
}

static size_t ids_at(void)
{
	return align_up(sizeof(struct ring_memory));
}

static size_t polls_at(uint32_t clients)
{
	return ids_at() + align_up(2 * (size_t)clients * sizeof(uint32_t));
}

static size_t farewells_at(uint32_t clients)
{
	return polls_at(clients) + align_up(2 * (size_t)clients * sizeof(struct ring_poll));
}

static size_t calls_at(uint32_t clients, uint32_t streams)
{
	return farewells_at(clients) + align_up(streams * sizeof(struct ring_farewell));
}

static size_t tapes_at(uint32_t clients, uint32_t streams)
{
	return calls_at(clients, streams) + align_up(streams * sizeof(struct ring_call));
}

static size_t ring_bytes(uint32_t clients, uint32_t streams)
{
	return tapes_at(clients, streams) + RING_TAPES * sizeof(struct ring_tape);
}

static int close_failed(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
	return -1;
}

int ring_create(const char *slot, uint32_t clients, uint32_t streams)
{
	struct ring_head head = {.magic = RING_MAGIC,
				 .version = RING_VERSION,
				 .clients = clients,
				 .streams = streams};
	char name[32];
	int fd;

	text_copy(head.slot, sizeof(head.slot), slot);
	snprintf(name, sizeof(name), "ring-%s", head.slot);
	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -1;
	if (fchmod(fd, 0600) < 0 || ftruncate(fd, (off_t)ring_bytes(clients, streams)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, RING_SEALS) < 0 ||
	    pwrite(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		return close_failed(fd);
	return fd;
}

bool ring_fits(int fd, uint32_t clients, uint32_t streams)
{
	struct ring_head head;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & F_SEAL_SHRINK) && fstat(fd, &st) == 0 &&
	       st.st_size == (off_t)ring_bytes(clients, streams) &&
	       pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	       head.version == RING_VERSION;
}

static bool places_init(struct ring_places *places, uint32_t room)
{
	places->room = room;
	places->queue = calloc(room, sizeof(uint32_t));
	places->vacant = calloc(room, sizeof(uint32_t));
	return places->queue != NULL && places->vacant != NULL;
}

static void places_clear(struct ring_places *places)
{
	places->count = 0;
	places->vacants = 0;
	for (uint32_t i = places->room; i > 0; i--)
		places->vacant[places->vacants++] = i - 1;
}

struct ring *ring_map(int fd, uint32_t clients, uint32_t streams)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	uint8_t *memory;

	if (ring == NULL)
		return NULL;
	*ring = (struct ring){.clients = clients, .streams = streams, .shared = fd >= 0};
	ring->size = ring_bytes(clients, streams);
	memory = mmap(NULL, ring->size, PROT_READ | PROT_WRITE,
		      fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
	ring->memory = memory == MAP_FAILED ? NULL : (struct ring_memory *)(void *)memory;
	if (ring->memory == NULL || !places_init(&ring->held, RING_HOLD) ||
	    !places_init(&ring->owed, streams)) {
		int saved = errno;

		ring_unmap(&ring);
		errno = saved;
		return NULL;
	}
	for (unsigned i = 0; i < 2; i++) {
		ring->ids[i] = (uint32_t *)(void *)(memory + ids_at()) + i * (size_t)clients;
		ring->poll[i] = (struct ring_poll *)(void *)(memory + polls_at(clients)) +
				i * (size_t)clients;
	}
	ring->farewell = (struct ring_farewell *)(void *)(memory + farewells_at(clients));
	ring->call = (struct ring_call *)(void *)(memory + calls_at(clients, streams));
	ring->tape = (struct ring_tape *)(void *)(memory + tapes_at(clients, streams));
	places_clear(&ring->held);
	places_clear(&ring->owed);
	return ring;
}

void ring_unmap(struct ring **ring)
{
	if (*ring == NULL)
		return;
	if ((*ring)->memory != NULL)
		munmap((*ring)->memory, (*ring)->size);
	free((*ring)->held.queue);
	free((*ring)->held.vacant);
	free((*ring)->owed.queue);
	free((*ring)->owed.vacant);
	free(*ring);
	*ring = NULL;
}

/* ---- the batch ---- */

void ring_touch(struct ring *ring)
{
	_Atomic uint8_t *byte = (_Atomic uint8_t *)ring->memory;
	const size_t end = offsetof(struct ring_memory, hold);

	for (size_t at = 0; at < end; at += PAGE_STEP)
		atomic_fetch_or(&byte[at], 0);
	atomic_fetch_or(&byte[end - 1], 0);
}

void ring_batch_open(struct ring *ring, unsigned listener)
{
	struct ring_memory *memory = ring->memory;
	uint64_t first = load(&memory->next_seq);

	for (unsigned i = 0; i < RING_BATCH; i++)
		memory->io.message[i].msg_len = RING_UNFILLED;
	store(&memory->next_seq, first + RING_BATCH);
	memory->first = first;
	store(&memory->batch, (uint64_t)RING_FILLING << 32 | (uint64_t)listener << 16);
}

void ring_entry_raw(struct ring *ring, unsigned i)
{
	struct ring_entry *entry = &ring->memory->entry[i];

	entry->seq = ring->memory->first + i;
	entry->again = entry->owing = false;
	atomic_store_explicit(&entry->tries, 0, memory_order_relaxed);
	ring_set(entry, RING_WAITING);
}

void ring_batch_taken(struct ring *ring, unsigned count)
{
	_Atomic uint64_t *batch = &ring->memory->batch;

	store(batch, (uint64_t)RING_WORKING << 32 | (load(batch) & 0xffff0000) | count);
}

void ring_batch_end(struct ring *ring)
{
	store(&ring->memory->batch, 0);
}

/* ---- what waits ---- */

bool ring_hold(struct ring *ring, const struct ring_entry *entry)
{
	struct ring_places *held = &ring->held;

	if (held->vacants == 0)
		return false;
	uint32_t place = held->vacant[--held->vacants];
	struct ring_entry *to = &ring->memory->hold[place];
	const size_t from = offsetof(struct ring_entry, listener);
	memcpy((uint8_t *)to + from, (const uint8_t *)entry + from, sizeof(*to) - from);
	ring_set(to, (enum ring_state)ring_state(entry));
	held->queue[held->count++] = place;
	return true;
}

void ring_hold_sweep(struct ring *ring)
{
	struct ring_places *held = &ring->held;
	uint32_t kept = 0;

	for (uint32_t n = 0; n < held->count; n++) {
		uint32_t place = held->queue[n];

		if (ring_state(&ring->memory->hold[place]) == RING_DONE)
			held->vacant[held->vacants++] = place;
		else
			held->queue[kept++] = place;
	}
	held->count = kept;
}

/* ---- fan-outs ---- */

static uint64_t where_of(unsigned listener, unsigned list)
{
	return (uint64_t)(listener & 0xff) << 24 | (uint64_t)list << WHERE_SHIFT;
}

void ring_relay_begin(struct ring *ring, uint64_t seq, uint8_t dgid, enum ring_state then,
		      uint32_t talker, const void *talker_key, const void *frame,
		      const void *rewritten)
{
	struct ring_relay *relay = &ring->memory->relay;

	store(&relay->progress, ring->where = where_of(0, 0));
	relay->dgid = dgid;
	relay->then = (uint8_t)then;
	relay->talker = talker;
	if (talker != 0)
		memcpy(relay->talker_key, talker_key, RING_KEY);
	memcpy(relay->frame[0], frame, RING_FRAME);
	if (rewritten != NULL)
		memcpy(relay->frame[1], rewritten, RING_FRAME);
	relay->variants = rewritten != NULL ? 2 : 1;
	store(&relay->seq, seq);
}

void *ring_relay_frame(struct ring *ring, bool movable)
{
	struct ring_relay *relay = &ring->memory->relay;

	return relay->frame[movable && relay->variants > 1 ? 1 : 0];
}

static bool copy_is(const struct ring_copy *copy, const void *owner, uint64_t version,
		    uint32_t first, uint32_t count)
{
	return owner != NULL && copy->owner == owner && copy->version == version &&
	       copy->first == first && copy->count == count;
}

void ring_relay_list(struct ring *ring, unsigned listener, const uint32_t *ids, uint32_t count,
		     uint32_t base, const void *owner, uint64_t version)
{
	struct ring_memory *memory = ring->memory;
	unsigned list = (unsigned)(ring->where >> WHERE_SHIFT) & 1;
	uint32_t most = count < ring->clients ? count : ring->clients;

	/* never the list that `progress` names, unless it is this very one */
	if (!copy_is(&ring->list[list], owner, version, 0, count)) {
		list ^= 1;
		if (!copy_is(&ring->list[list], owner, version, 0, count)) {
			ring->list[list] = (struct ring_copy){owner, version, 0, count};
			memory->ids_count[list] = most;
			memcpy(ring->ids[list], ids, most * sizeof(*ids));
		}
	}
	ring->where = where_of(listener, list);
	store(&memory->relay.progress, (uint64_t)base << 32 | ring->where);
}

/* The window that holds messages FIRST .. FIRST+COUNT of OWNER, filled when it must be. */
static unsigned window_for(struct ring *ring, const struct mmsghdr *message, uint32_t first,
			   uint32_t count, const void *owner, uint64_t version)
{
	unsigned window;

	for (window = 0; window < RING_WINDOWS; window++)
		if (copy_is(&ring->window[window], owner, version, first, count))
			return window;
	for (window = 0; window < RING_WINDOWS; window++)
		if (ring->window[window].owner == owner && ring->window[window].first == first)
			break; /* an older one of the same: nobody wants that any more */
	if (window == RING_WINDOWS)
		window = ring->next_window++ % RING_WINDOWS;
	ring->window[window] = (struct ring_copy){owner, version, first, count};
	memcpy(ring->memory->window[window], message + first, count * sizeof(*message));
	return window;
}

struct mmsghdr *ring_relay_offer(struct ring *ring, const struct mmsghdr *message, uint32_t count,
				 uint32_t at, uint32_t *span, const void *owner, uint64_t version)
{
	_Atomic uint64_t *progress = &ring->memory->relay.progress;
	uint32_t first = at - at % RING_WINDOW, in_window = count - first;
	uint64_t base = (uint64_t)at << 32 | ring->where;

	if (in_window > RING_WINDOW)
		in_window = RING_WINDOW;
	if (*span > first + in_window - at)
		*span = first + in_window - at;
	store(progress, base); /* from here the window tells nothing */
	unsigned window = window_for(ring, message, first, in_window, owner, version);
	struct mmsghdr *offer = &ring->memory->window[window][at - first];
	for (uint32_t i = 0; i < *span; i++)
		offer[i].msg_len = 0;
	store(progress, base | (uint64_t)window << (WHERE_SHIFT + 1) | *span);
	return offer;
}

void ring_relay_end(struct ring *ring)
{
	store(&ring->memory->relay.seq, 0);
}

bool ring_relay_left(struct ring *ring, struct ring_left_relay *relay_r, uint32_t *served)
{
	const struct ring_memory *memory = ring->memory;
	uint64_t progress = load(&memory->relay.progress);
	uint32_t base = (uint32_t)(progress >> 32), span = progress & 0xffff;
	unsigned list = (unsigned)(progress >> WHERE_SHIFT) & 1;
	unsigned window = (unsigned)(progress >> (WHERE_SHIFT + 1)) & 0x7f;
	uint32_t known = memory->ids_count[list];

	*relay_r = (struct ring_left_relay){.seq = load(&memory->relay.seq),
					    .listener = (unsigned)(progress >> 24) & 0xff};
	if (relay_r->seq == 0)
		return false;
	if (known > ring->clients)
		known = ring->clients;
	for (uint32_t i = 0; i < base && i < known; i++)
		served[relay_r->served++] = ring->ids[list][i];
	if (window >= RING_WINDOWS || base >= known || span > RING_WINDOW - base % RING_WINDOW)
		return true;
	for (uint32_t i = 0; i < span && base + i < known; i++)
		if (memory->window[window][base % RING_WINDOW + i].msg_len != 0)
			served[relay_r->served++] = ring->ids[list][base + i];
	return true;
}

/* ---- answers ---- */

struct mmsghdr *ring_replies_offer(struct ring *ring, const struct mmsghdr *message,
				   const uint64_t *seq, unsigned count)
{
	struct ring_replies *replies = &ring->memory->replies;

	store(&replies->count, 0);
	memcpy(replies->seq, seq, count * sizeof(*seq));
	memcpy(replies->message, message, count * sizeof(*message));
	for (unsigned i = 0; i < count; i++)
		replies->message[i].msg_len = 0;
	store(&replies->count, count);
	return replies->message;
}

void ring_replies_end(struct ring *ring)
{
	store(&ring->memory->replies.count, 0);
}

/* ---- farewells ---- */

bool ring_farewell_add(struct ring *ring, uint8_t dgid, const void *talker_key, const void *frame)
{
	struct ring_places *owed = &ring->owed;

	if (owed->vacants == 0)
		return false;
	uint64_t seq = load(&ring->memory->next_seq);
	uint32_t place = owed->vacant[--owed->vacants];
	struct ring_farewell *farewell = &ring->farewell[place];
	farewell->dgid = dgid;
	memcpy(farewell->talker_key, talker_key, RING_KEY);
	memcpy(farewell->frame, frame, RING_FRAME);
	atomic_store_explicit(&farewell->tries, 0, memory_order_relaxed);
	store(&ring->memory->next_seq, seq + 1);
	store(&farewell->seq, seq);
	owed->queue[owed->count++] = place;
	return true;
}

struct ring_farewell *ring_farewell_first(struct ring *ring)
{
	return ring->owed.count == 0 ? NULL : &ring->farewell[ring->owed.queue[0]];
}

void ring_farewell_done(struct ring *ring, struct ring_farewell *farewell)
{
	struct ring_places *owed = &ring->owed;
	uint32_t place = (uint32_t)(farewell - ring->farewell), kept = 0;

	store(&farewell->seq, 0);
	for (uint32_t n = 0; n < owed->count; n++)
		if (owed->queue[n] != place)
			owed->queue[kept++] = owed->queue[n];
	if (kept < owed->count)
		owed->vacant[owed->vacants++] = place;
	owed->count = kept;
}

/* ---- calls that are carried ---- */

void ring_call_note(struct ring *ring, uint32_t lane, uint32_t stream, uint8_t dgid, uint8_t flags,
		    const void *owner_key, const void *header)
{
	if (lane >= ring->streams)
		return;
	struct ring_call *call = &ring->call[lane];
	atomic_store_explicit(&call->stream, 0, memory_order_release);
	call->dgid = dgid;
	call->flags = flags;
	memcpy(call->owner_key, owner_key, RING_KEY);
	memcpy(call->header, header, RING_FRAME);
	atomic_store_explicit(&call->stream, stream, memory_order_release);
}

void ring_call_forget(struct ring *ring, uint32_t lane, uint32_t stream)
{
	if (lane < ring->streams && atomic_load(&ring->call[lane].stream) == stream)
		atomic_store(&ring->call[lane].stream, 0);
}

const struct ring_call *ring_call_find(const struct ring *ring, uint32_t stream, uint32_t *lane_r)
{
	for (uint32_t lane = 0; stream != 0 && lane < ring->streams; lane++) {
		const struct ring_call *call = &ring->call[lane];

		if (atomic_load(&call->stream) != stream || call->dgid >= RING_DGIDS)
			continue;
		*lane_r = lane;
		return call;
	}
	return NULL;
}

void ring_follow(struct ring *ring, uint64_t identity, uint64_t number)
{
	struct ring_memory *memory = ring->memory;

	if (memory->store != identity) {
		store(&memory->followed, 0);
		memory->store = identity;
	}
	store(&memory->followed, number);
}

uint64_t ring_followed(const struct ring *ring, uint64_t identity)
{
	return ring->memory->store == identity ? load(&ring->memory->followed) : 0;
}

/* ---- polls that are not written ---- */

static void poll_write(struct ring_poll *poll, const void *key, uint64_t polled, bool proven)
{
	poll->polled = polled;
	poll->proven = proven;
	memcpy(poll->key, key, RING_KEY);
}

bool ring_poll_add(struct ring *ring, const void *key, uint64_t polled, bool proven)
{
	uint64_t word = load(&ring->memory->polls);
	uint32_t count = (uint32_t)word;

	if (count >= ring->clients)
		return false;
	poll_write(&ring->poll[word >> 32 & 1][count], key, polled, proven);
	store(&ring->memory->polls, word + 1);
	return true;
}

void ring_polls_clear(struct ring *ring)
{
	_Atomic uint64_t *polls = &ring->memory->polls;

	store(polls, load(polls) >> 32 << 32);
}

struct ring_polls_new ring_polls_renew(struct ring *ring)
{
	unsigned half = (load(&ring->memory->polls) >> 32 & 1) ^ 1;

	return (struct ring_polls_new){ring, half, 0};
}

void ring_polls_more(struct ring_polls_new *anew, const void *key, uint64_t polled, bool proven)
{
	if (anew->count < anew->ring->clients)
		poll_write(&anew->ring->poll[anew->half][anew->count++], key, polled, proven);
}

void ring_polls_switch(struct ring_polls_new *anew)
{
	store(&anew->ring->memory->polls, (uint64_t)anew->half << 32 | anew->count);
}

const struct ring_poll *ring_polls(const struct ring *ring, uint32_t *count_r)
{
	uint64_t word = load(&ring->memory->polls);

	*count_r = (uint32_t)word;
	return ring->poll[word >> 32 & 1];
}
