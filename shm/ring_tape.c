/* SPDX-License-Identifier: ISC
 *
 * NAME      ring_tape - transmissions that are recorded, to be played back
 * PURPOSE   What was recorded, and how far the playback is, outlives the worker: nothing of it is
 *           lost or said twice.
 * OWNER     see ring.h
 * CONTRACT  see ring.h: one store makes each change true
 * LIMITS    RING_TAPES recordings of RING_TAPE_FRAMES frames
 */
#include <string.h>

#include "shm/ring_inside.h"

static uint32_t word(const _Atomic uint32_t *at)
{
	return atomic_load_explicit(at, memory_order_relaxed);
}

static void set(_Atomic uint32_t *at, uint32_t value)
{
	atomic_store_explicit(at, value, memory_order_release);
}

struct ring_tape *ring_tape_of_stream(struct ring *ring, uint32_t stream)
{
	for (unsigned i = 0; stream != 0 && i < RING_TAPES; i++)
		if (word(&ring->tape[i].stream) == stream)
			return &ring->tape[i];
	return NULL;
}

struct ring_tape *ring_tape_of_client(struct ring *ring, uint32_t client)
{
	for (unsigned i = 0; i < RING_TAPES; i++)
		if (word(&ring->tape[i].stream) != 0 && ring->tape[i].client == client)
			return &ring->tape[i];
	return NULL;
}

struct ring_tape *ring_tape_begin(struct ring *ring, uint32_t stream, uint32_t client,
				  const void *key, uint8_t dgid)
{
	for (unsigned i = 0; i < RING_TAPES; i++) {
		struct ring_tape *tape = &ring->tape[i];

		if (word(&tape->stream) != 0)
			continue;
		tape->client = client;
		memcpy(tape->key, key, RING_KEY);
		tape->dgid = dgid;
		set(&tape->frames, 0);
		set(&tape->played, 0);
		store(&tape->start, 0);
		set(&tape->stream, stream);
		return tape;
	}
	return NULL;
}

bool ring_tape_record(struct ring_tape *tape, uint64_t seq, const void *frame)
{
	uint32_t frames = word(&tape->frames);

	/* its holder died after it had recorded it */
	if (frames > 0 && tape->record[frames - 1].seq == seq)
		return true;
	if (frames >= RING_TAPE_FRAMES)
		return false;
	tape->record[frames].seq = seq;
	memcpy(tape->record[frames].frame, frame, RING_FRAME);
	set(&tape->frames, frames + 1);
	return true;
}

struct mmsghdr *ring_tape_offer(struct ring_tape *tape, struct iovec *vector)
{
	uint32_t played = word(&tape->played) & ~1U;

	set(&tape->played, played); /* from here the message tells nothing */
	*vector = (struct iovec){tape->record[played / 2].frame, RING_FRAME};
	tape->message = (struct mmsghdr){.msg_hdr = {.msg_iov = vector, .msg_iovlen = 1}};
	set(&tape->played, played + 1);
	return &tape->message;
}

void ring_tape_next(struct ring_tape *tape)
{
	set(&tape->played, (word(&tape->played) & ~1U) + 2);
}

void ring_tape_erase(struct ring_tape *tape)
{
	set(&tape->stream, 0);
}
