/* SPDX-License-Identifier: ISC
 *
 * NAME      ring - what a slot has in hand: datagrams that were read and are not yet done
 * PURPOSE   What a worker has taken out of the kernel's queue, and how far it came with it, lies in
 *           memory that the master holds, so that a successor finishes what its predecessor began:
 *           nothing lost, nothing doubled.
 * OWNER     made and held by the master; mapped and written by the slot's present holder alone,
 *           after GO
 * CONTRACT  a kill may come between any two instructions: every change becomes true by one store.
 *           A successor trusts nothing in here: ring_recover leaves only what is in bounds.
 *           SIGKILL acts at the end of a system call that does not sleep: what recvmmsg and
 *           sendmmsg did is told by the msg_len that the kernel wrote into this memory.
 * LIMITS    RING_BATCH datagrams a batch, RING_HOLD that wait; limits.clients and limits.streams of
 *           the cold start
 */
#ifndef SHACKD_SHM_RING_H
#define SHACKD_SHM_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "shm/addr.h"

#define RING_MAGIC    0x53484b52U
#define RING_VERSION  2
#define RING_BATCH    64
#define RING_HOLD     512
#define RING_DATAGRAM 256  /* bytes kept of a datagram */
#define RING_CONTROL  128  /* ancillary data of one */
#define RING_WINDOW   1024 /* messages a sendmmsg takes at most (the kernel's own bound) */
#define RING_WINDOWS  16
#define RING_REPLIES  128  /* answers given to one sendmmsg */
#define RING_KEY      20   /* a gateway's key */
#define RING_FRAME    155
#define RING_LISTENERS 64
#define RING_DGIDS    128
#define RING_VARIANTS 2	   /* of a frame: as it came, and for movable gateways */
#define RING_TAPES    8	   /* recordings at a time */
#define RING_TAPE_FRAMES 1800 /* of a recording: three minutes */
#define RING_TRIES    2	   /* deaths of handlers that make a datagram poison */
#define RING_UNFILLED UINT32_MAX /* msg_len of a message that the kernel has not filled */

/* How far a datagram is. */
enum ring_state {
	RING_DONE = 0,	  /* with all its effects; its place is free */
	RING_WAITING = 1,
	RING_RELAYED = 2, /* its fan-out is over, the end of its call is not yet committed */
};

struct ring_entry {
	_Atomic uint32_t state; /* enum ring_state */
	uint16_t listener;
	uint16_t length; /* bytes in `data` */
	uint64_t seq;	 /* its number, over all holders; never 0 */
	_Atomic uint64_t tries; /* low 8 bits: deaths that accuse it; above: number of the last one */
	uint64_t stamp;	 /* clock_mono at the kernel's receipt */
	struct addr from;
	bool again; /* was counted before */
	bool owing; /* done when what was gathered is committed and answered */
	uint8_t local[16]; /* the address of ours that it was sent to; zero: the bound one */
	uint8_t data[RING_DATAGRAM];
};

/* What recvmmsg fills. */
struct ring_io {
	struct mmsghdr message[RING_BATCH];
	struct iovec vector[RING_BATCH];
	union addr_sock from[RING_BATCH];
	union {
		struct cmsghdr align;
		uint8_t bytes[RING_CONTROL];
	} control[RING_BATCH];
};

/* A fan-out: one frame to all gateways of a DG-ID, listener by listener. It is finished by whoever
 * holds the slot, whatever became of the call since. `progress` says who has the frame:
 * ids[0..base) of the present listener, and those of ids[base..base+span) whose msg_len in the
 * window is not zero; the listeners before have it all. */
struct ring_relay {
	_Atomic uint64_t seq; /* of the datagram or farewell; 0: none */
	_Atomic uint64_t progress;
	uint32_t talker; /* id of the gateway that does not get it; 0: all get it */
	uint8_t talker_key[RING_KEY];
	uint8_t dgid;
	uint8_t then; /* state of the entry when all have it */
	uint8_t variants; /* 1: all get the first */
	uint8_t frame[RING_VARIANTS][RING_FRAME];
};

/* Answers that are being sent: who has his is done. */
struct ring_replies {
	_Atomic uint64_t count;
	uint64_t seq[RING_REPLIES]; /* of what is answered */
	struct mmsghdr message[RING_REPLIES];
};

/* A terminator that is owed to the listeners of a call that was cut. */
struct ring_farewell {
	_Atomic uint64_t seq; /* 0: vacant */
	_Atomic uint64_t tries;
	uint8_t talker_key[RING_KEY];
	uint8_t dgid;
	uint8_t frame[RING_FRAME];
};

/* What makes the terminator of a call that this slot carries, should it be cut while nobody holds the
 * slot: the store forgets a call with its end. One for each lane. */
struct ring_call {
	_Atomic uint32_t stream; /* 0: none */
	uint8_t dgid;
	uint8_t flags;
	uint8_t owner_key[RING_KEY];
	uint8_t header[RING_FRAME];
};

/* A transmission that is recorded, then played back to its sender. A frame is on it when `frames`
 * says so; `played` is twice the frames that were sent back, and one more while `message` tells
 * whether the next one was. Frame N is due at start + N periods. */
struct ring_tape {
	_Atomic uint32_t stream; /* what is recorded; 0: vacant */
	uint32_t client;	 /* id of the sender */
	uint8_t key[RING_KEY];
	uint8_t dgid;
	_Atomic uint32_t frames;
	_Atomic uint32_t played;
	_Atomic uint64_t start; /* clock_mono; 0: it is recording */
	struct mmsghdr message;
	struct {
		uint64_t seq; /* of the datagram */
		uint8_t frame[RING_FRAME];
	} record[RING_TAPE_FRAMES];
};

/* A poll whose time is not yet in the store. */
struct ring_poll {
	uint64_t polled; /* clock_mono */
	uint8_t key[RING_KEY];
	uint32_t proven;
};

enum ring_phase {
	RING_IDLE = 0,
	RING_FILLING = 1, /* recvmmsg may have filled messages: msg_len tells which */
	RING_WORKING = 2, /* `count` entries are taken over */
};

struct ring_head {
	uint32_t magic;
	uint32_t version;
	uint32_t clients;
	uint32_t streams;
	char slot[16];
};

/* The shared memory; behind it lie ids[2][clients], poll[2][clients], farewell[streams],
 * call[streams] and tape[RING_TAPES]. */
struct ring_memory {
	struct ring_head head;
	_Atomic uint64_t next_seq;
	_Atomic uint64_t current;     /* number of what is being handled, 0: nothing */
	_Atomic uint64_t faults_seen; /* page->faults when the last one was laid to something */
	_Atomic uint64_t batch;	      /* phase << 32 | listener << 16 | count */
	uint64_t first;		      /* number of the batch's first entry */
	_Atomic uint64_t polls;	      /* half << 32 | count */
	_Atomic uint64_t followed;    /* the last event that a holder knows; 0: none */
	uint64_t store;		      /* ... of the store of this identity */
	uint32_t ids_count[2];
	struct ring_relay relay;
	struct ring_replies replies;
	struct ring_io io;
	struct ring_entry entry[RING_BATCH];
	struct ring_entry hold[RING_HOLD];
	struct mmsghdr window[RING_WINDOWS][RING_WINDOW];
};

/* Places in use in their order, and the vacant ones; private to the holder. */
struct ring_places {
	uint32_t *queue;
	uint32_t *vacant;
	uint32_t room, count, vacants;
};

/* Whose messages (or ids) lie in a part of the memory: not copied again while that is unchanged. */
struct ring_copy {
	const void *owner;
	uint64_t version;
	uint32_t first;
	uint32_t count;
};

/* A holder's view of its ring. */
struct ring {
	struct ring_memory *memory;
	size_t size;
	uint32_t clients, streams;
	uint32_t *ids[2];
	struct ring_poll *poll[2];
	struct ring_farewell *farewell;
	struct ring_call *call;
	struct ring_tape *tape;
	struct ring_places held, owed;
	struct ring_copy window[RING_WINDOWS], list[2];
	unsigned next_window;
	uint64_t where; /* listener and list of `progress`, which stay for a fan */
	bool shared; /* false: private memory, nothing outlives the holder */
};

/* Makes the memfd of a slot (sealed against resizing), or returns -1 with errno. */
int ring_create(const char *slot, uint32_t clients, uint32_t streams);

/* Is it one of these limits, made by a build of the same layout? */
bool ring_fits(int fd, uint32_t clients, uint32_t streams);

/* Maps a ring that fits, without reading or writing it (a standby must not): ring_recover comes
 * first. FD -1: private memory instead. NULL with errno. */
struct ring *ring_map(int fd, uint32_t clients, uint32_t streams);
void ring_unmap(struct ring **ring);

/* What a predecessor left. */
struct ring_left {
	bool foreign;	   /* of another layout, or no ring at all: emptied */
	bool filled;	   /* the batch's entries are raw: take them out of `io` (ring_entry_raw) */
	unsigned listener; /* ... of this listener */
	unsigned count;	   /* entries of the batch, done ones among them */
	unsigned bad;	   /* things that broke a bound: dropped */
	uint64_t accused;  /* number of what the last death is laid to; 0: nothing */
};

/* Makes the ring safe to go on with, after GO and before anything else. FAULTS is page->faults: deaths
 * that count. Idempotent: a successor of a holder that died in here comes to the same result. */
void ring_recover(struct ring *ring, uint64_t faults, struct ring_left *left_r);

/* Entry I of the batch is WAITING from now on, with its number; the rest of it is filled in. */
void ring_entry_raw(struct ring *ring, unsigned i);
/* Raw messages taken out: the batch has COUNT entries that are to be worked off. */
void ring_batch_taken(struct ring *ring, unsigned count);

/* How often has handling it ended in a death? */
static inline unsigned ring_tries(const _Atomic uint64_t *tries)
{
	return (unsigned)(atomic_load_explicit(tries, memory_order_relaxed) & 0xff);
}

/* ---- the batch ---- */

/* Before recvmmsg: all RING_BATCH messages count as not filled, and numbers are given. */
void ring_batch_open(struct ring *ring, unsigned listener);
/* All of it is done (or never was). */
void ring_batch_end(struct ring *ring);
/* Touches the memory that the kernel is going to write, so that no page of it is missing. */
void ring_touch(struct ring *ring);

static inline uint32_t ring_state(const struct ring_entry *entry)
{
	return atomic_load_explicit(&entry->state, memory_order_relaxed);
}

static inline void ring_set(struct ring_entry *entry, enum ring_state state)
{
	atomic_store_explicit(&entry->state, state, memory_order_release);
}

/* What is handled from now on: a death that counts is laid to it. 0: nothing. */
static inline void ring_handling(struct ring *ring, uint64_t seq)
{
	atomic_store_explicit(&ring->memory->current, seq, memory_order_release);
}

static inline uint64_t ring_handled(const struct ring *ring)
{
	return atomic_load_explicit(&ring->memory->current, memory_order_relaxed);
}

/* The entry (of batch or hold) with that number that is not done, or NULL. */
struct ring_entry *ring_find(struct ring *ring, uint64_t seq);

/* ---- what waits ---- */

/* Copies ENTRY behind the others. False: full. The original is the caller's to set DONE. */
bool ring_hold(struct ring *ring, const struct ring_entry *entry);
/* Number N in the order of waiting (N < ring->held.count). */
static inline struct ring_entry *ring_held(struct ring *ring, unsigned n)
{
	return &ring->memory->hold[ring->held.queue[n]];
}
/* Gives the places of those that are DONE back. */
void ring_hold_sweep(struct ring *ring);

/* ---- fan-outs ---- */

/* Begins. TALKER 0: no talker. REWRITTEN: the frame of movable gateways, NULL: the same. */
void ring_relay_begin(struct ring *ring, uint64_t seq, uint8_t dgid, enum ring_state then,
		      uint32_t talker, const void *talker_key, const void *frame,
		      const void *rewritten);
/* What a gateway gets of the fan-out that is under way. */
void *ring_relay_frame(struct ring *ring, bool movable);
/* The fan of LISTENER comes next; BASE of its COUNT receivers have the frame. OWNER and VERSION tell
 * whether the ids lie there already; OWNER NULL: copy in any case. */
void ring_relay_list(struct ring *ring, unsigned listener, const uint32_t *ids, uint32_t count,
		     uint32_t base, const void *owner, uint64_t version);
/* Offers MESSAGE[AT .. AT+SPAN) of COUNT to sendmmsg; SPAN may come out smaller. Returns the
 * messages to pass, which lie in the ring. */
struct mmsghdr *ring_relay_offer(struct ring *ring, const struct mmsghdr *message, uint32_t count,
				 uint32_t at, uint32_t *span, const void *owner, uint64_t version);
/* All have it. */
void ring_relay_end(struct ring *ring);

/* The fan-out that a predecessor left: how far was it? Fills SERVED (room for ring->clients) with the
 * ids of those who have it at the present listener. False: there is none. */
struct ring_left_relay {
	uint64_t seq;
	unsigned listener;
	uint32_t served;
};
bool ring_relay_left(struct ring *ring, struct ring_left_relay *relay_r, uint32_t *served);

/* ---- answers ---- */

/* Offers COUNT (at most RING_REPLIES) answers, to the datagrams SEQ, to sendmmsg. Returns the messages
 * to pass. */
struct mmsghdr *ring_replies_offer(struct ring *ring, const struct mmsghdr *message,
				   const uint64_t *seq, unsigned count);
/* What was answered of them is marked done. */
void ring_replies_end(struct ring *ring);

/* ---- farewells ---- */

/* False: full. */
bool ring_farewell_add(struct ring *ring, uint8_t dgid, const void *talker_key, const void *frame);
/* The one that is owed for longest, or NULL. */
struct ring_farewell *ring_farewell_first(struct ring *ring);
/* The one of that number, or NULL. */
struct ring_farewell *ring_farewell_find(struct ring *ring, uint64_t seq);
/* It is said. */
void ring_farewell_done(struct ring *ring, struct ring_farewell *farewell);

/* ---- calls that are carried ---- */

void ring_call_note(struct ring *ring, uint32_t lane, uint32_t stream, uint8_t dgid, uint8_t flags,
		    const void *owner_key, const void *header);
/* It ended, and all that follows from that is noted. */
void ring_call_forget(struct ring *ring, uint32_t lane, uint32_t stream);
/* The call that STREAM is, and its lane; NULL: not carried here. */
const struct ring_call *ring_call_find(const struct ring *ring, uint32_t stream, uint32_t *lane_r);

/* All up to event NUMBER of STORE has been followed. */
void ring_follow(struct ring *ring, uint64_t store, uint64_t number);
/* What was followed last in STORE; 0: nothing. */
uint64_t ring_followed(const struct ring *ring, uint64_t store);

/* ---- recordings ---- */

/* A vacant tape, for STREAM of the gateway CLIENT with KEY on DGID. NULL: all are in use. */
struct ring_tape *ring_tape_begin(struct ring *ring, uint32_t stream, uint32_t client,
				  const void *key, uint8_t dgid);
/* The tape of STREAM, or of the gateway CLIENT (0: any); NULL: none. */
struct ring_tape *ring_tape_of_stream(struct ring *ring, uint32_t stream);
struct ring_tape *ring_tape_of_client(struct ring *ring, uint32_t client);
/* Records a frame that came with datagram SEQ; the newest one does not come twice. False: full. */
bool ring_tape_record(struct ring_tape *tape, uint64_t seq, const void *frame);
/* Offers the next frame (there is one) to sendmmsg. Returns the message; its name is the caller's to
 * fill in, VECTOR to keep until it is sent. */
struct mmsghdr *ring_tape_offer(struct ring_tape *tape, struct iovec *vector);
/* The frame that was offered is sent (or can't be). */
void ring_tape_next(struct ring_tape *tape);
/* How many were sent. */
static inline uint32_t ring_tape_played(const struct ring_tape *tape)
{
	return atomic_load_explicit(&tape->played, memory_order_relaxed) / 2;
}
/* It is vacant. */
void ring_tape_erase(struct ring_tape *tape);

/* ---- polls that are not written ---- */

/* False: that half of the journal is full, write it anew. */
bool ring_poll_add(struct ring *ring, const void *key, uint64_t polled, bool proven);
/* All are written. */
void ring_polls_clear(struct ring *ring);
/* The journal anew, of those that are not written: any number of more, then switch. */
struct ring_polls_new {
	struct ring *ring;
	unsigned half;
	uint32_t count;
};
struct ring_polls_new ring_polls_renew(struct ring *ring);
void ring_polls_more(struct ring_polls_new *anew, const void *key, uint64_t polled, bool proven);
void ring_polls_switch(struct ring_polls_new *anew);
/* What is in it. */
const struct ring_poll *ring_polls(const struct ring *ring, uint32_t *count_r);

#endif
