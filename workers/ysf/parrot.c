/* SPDX-License-Identifier: ISC
 *
 * NAME      parrot - transmissions that are played back to their sender
 * PURPOSE   Who talks on dgid.parrot hears himself two seconds later, and nobody else does: a test of
 *           his radio, his gateway and the way to us.
 * OWNER     ysf workers
 * CONTRACT  the recording lies in the ring, and how far its playback is, so that a successor goes on
 *           where its predecessor was: no frame is lost or said twice. What is played are the frames
 *           as they came, 100 ms apart. Whatever else the sender opens ends it
 * LIMITS    RING_TAPES senders of a slot at a time, RING_TAPE_FRAMES frames each (the rest of a longer
 *           transmission is not recorded): both counted and said
 */
#include <errno.h>
#include <string.h>

#include "shm/log.h"
#include "workers/ysf/ysf.h"

#define WAIT_NS	  (2 * NS_PER_SEC)
#define PERIOD_NS (100 * NS_PER_MS)
#define LATE_NS	  (20 * NS_PER_MS) /* frames must not come closer together than the rest of a period */
#define STALE_NS  (30 * NS_PER_SEC)
#define AGAIN_NS  (10 * NS_PER_MS) /* the send buffer was full */

static uint32_t recorded(const struct ring_tape *tape)
{
	return atomic_load_explicit(&tape->frames, memory_order_relaxed);
}

static uint64_t start_of(const struct ring_tape *tape)
{
	return atomic_load_explicit(&tape->start, memory_order_relaxed);
}

static uint32_t stream_of(const struct ring_tape *tape)
{
	return atomic_load_explicit(&tape->stream, memory_order_relaxed);
}

static uint64_t due_of(const struct ring_tape *tape)
{
	return start_of(tape) + ring_tape_played(tape) * PERIOD_NS;
}

/* The sender, if it still is where it talked. */
static const struct gateway *sender_of(const struct ysf *ysf, const struct ring_tape *tape)
{
	const struct gateway *gateway;
	struct client_key key;

	memcpy(&key, tape->key, sizeof(key));
	gateway = gateways_find(&ysf->gateways, &key);
	if (gateway == NULL || gateway->id != tape->client || gateway->dgid != tape->dgid ||
	    gateway->locked)
		return NULL;
	return gateway;
}

/* Tapes whose sender has gone: nobody is left to hear them. */
static void clear(struct ysf *ysf)
{
	for (unsigned i = 0; i < RING_TAPES; i++) {
		struct ring_tape *tape = &ysf->ring->tape[i];

		if (stream_of(tape) == 0 || sender_of(ysf, tape) != NULL)
			continue;
		page_count(ysf->page, COUNT_YSF_PARROT_STOPPED);
		ring_tape_erase(tape);
	}
}

/* ---- recording ---- */

/* Told once a call: with its first frame, or with the first that has no room. */
static void say_lost(struct ysf *ysf, struct call *call, const char *why)
{
	page_count(ysf->page, COUNT_YSF_PARROT_LOST);
	if (call->unrecorded)
		return;
	call->unrecorded = true;
	log_info("stream %07u: %s %s", call->id, call->source, why);
}

void parrot_record(struct ysf *ysf, struct call *call, const struct ring_entry *in)
{
	struct ring_tape *tape = ring_tape_of_stream(ysf->ring, call->id);

	if (tape == NULL && !call->unrecorded) {
		clear(ysf);
		tape = ring_tape_begin(ysf->ring, call->id, call->client, &call->owner_key,
				       call->dgid);
	}
	if (tape == NULL) {
		page_count_by(ysf->page, COUNT_YSF_PARROT_BUSY, call->unrecorded ? 0 : 1);
		say_lost(ysf, call, "is not recorded: all tapes are in use");
		return;
	}
	if (!ring_tape_record(tape, in->seq, in->data))
		say_lost(ysf, call, "talks longer than a tape: the rest is not recorded");
}

void parrot_opened(struct ysf *ysf, uint32_t client, uint32_t stream)
{
	struct ring_tape *tape;

	if (!ysf->worker->going)
		return; /* the ring is our predecessor's: parrot_go */
	tape = ring_tape_of_client(ysf->ring, client);
	if (tape == NULL || stream_of(tape) == stream)
		return;
	if (start_of(tape) != 0) {
		page_count(ysf->page, COUNT_YSF_PARROT_STOPPED);
		log_info("stream %07u: not played to its end, the sender talks again",
			 stream_of(tape));
	}
	ring_tape_erase(tape);
}

/* ---- playing ---- */

static void schedule(struct ysf *ysf)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < RING_TAPES; i++) {
		const struct ring_tape *tape = &ysf->ring->tape[i];

		if (stream_of(tape) != 0 && start_of(tape) != 0 && due_of(tape) < next)
			next = due_of(tape);
	}
	ev_timer_stop(ysf->worker->loop, &ysf->parrot);
	if (next == UINT64_MAX)
		return;
	uint64_t wait = next > ysf->now ? next - ysf->now : AGAIN_NS;
	ev_timer_set(&ysf->parrot, (double)wait / (double)NS_PER_SEC, 0.);
	ev_timer_start(ysf->worker->loop, &ysf->parrot);
}

/* Sends the next frame of TAPE. False: the send buffer is full. */
static bool send_one(struct ysf *ysf, struct ring_tape *tape, const struct gateway *gateway)
{
	union fanout_source source;
	struct iovec vector;
	union addr_sock to;
	struct addr addr;

	client_key_addr(&gateway->key, &addr);
	struct mmsghdr *message = ring_tape_offer(tape, &vector);
	message->msg_hdr.msg_name = &to;
	message->msg_hdr.msg_namelen = addr_to_sock(&addr, &to);
	if (gateway->flags & CLIENT_PKTINFO) {
		message->msg_hdr.msg_control = &source;
		message->msg_hdr.msg_controllen =
			fanout_source_make(&source, to.sa.sa_family, gateway->local);
	}
	unsigned tries = 0;
	int sent;
	do
		sent = sendmmsg(ysf->listener[gateway->listener].fd, message, 1, MSG_DONTWAIT);
	while (sent <= 0 && trouble_again(errno, &tries));
	if (sent <= 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return false;
	if (sent > 0)
		page_count(ysf->page, COUNT_YSF_PARROT_PLAYED);
	else
		trouble_note(ysf, trouble_of(errno), errno, &addr, gateway->listener);
	ring_tape_next(tape);
	return true;
}

/* Plays what is due. A holder that comes late does not hurry: the rest moves. */
static void play(struct ysf *ysf, struct ring_tape *tape)
{
	const struct gateway *gateway = sender_of(ysf, tape);

	if (gateway == NULL)
		return;
	while (ring_tape_played(tape) < recorded(tape) && due_of(tape) <= ysf->now) {
		uint64_t late = ysf->now - due_of(tape);

		if (late > LATE_NS)
			atomic_store(&tape->start, start_of(tape) + late);
		if (!send_one(ysf, tape, gateway))
			return;
	}
	if (ring_tape_played(tape) < recorded(tape))
		return;
	log_info("stream %07u: %u frames played back to %s", stream_of(tape), recorded(tape),
		 gateway->name);
	ring_tape_erase(tape);
}

static void on_due(struct ev_loop *loop, ev_timer *watch, int events)
{
	struct ysf *ysf = watch->data;

	(void)loop;
	(void)events;
	ysf->now = clock_mono();
	clear(ysf);
	for (unsigned i = 0; i < RING_TAPES; i++) {
		struct ring_tape *tape = &ysf->ring->tape[i];

		if (stream_of(tape) != 0 && start_of(tape) != 0)
			play(ysf, tape);
	}
	schedule(ysf);
}

static bool is_open(const struct ysf *ysf, uint32_t stream)
{
	uint32_t left = ysf->calls;

	for (uint32_t lane = 0; left > 0 && lane < ysf->set.streams; lane++) {
		left -= ysf->call[lane].open;
		if (ysf->call[lane].open && ysf->call[lane].id == stream)
			return true;
	}
	return false;
}

/* However a call ended, and whoever saw it: what is recorded and no longer open is to be played. */
void parrot_tick(struct ysf *ysf)
{
	bool begun = false;

	for (unsigned i = 0; i < RING_TAPES; i++) {
		struct ring_tape *tape = &ysf->ring->tape[i];

		if (stream_of(tape) == 0 || start_of(tape) != 0 || is_open(ysf, stream_of(tape)))
			continue;
		atomic_store(&tape->start, ysf->now + WAIT_NS);
		begun = true;
	}
	if (begun)
		schedule(ysf);
}

/* What should have been played long ago (the slot had no holder) is of no use any more; a start that
 * lies further ahead than we ever put it is a predecessor's nonsense. */
void parrot_go(struct ysf *ysf)
{
	ev_init(&ysf->parrot, on_due);
	ysf->parrot.data = ysf;
	for (unsigned i = 0; i < RING_TAPES; i++) {
		struct ring_tape *tape = &ysf->ring->tape[i];

		if (stream_of(tape) == 0 || start_of(tape) == 0)
			continue;
		if (start_of(tape) > ysf->now + WAIT_NS)
			atomic_store(&tape->start, ysf->now + WAIT_NS);
		else if (clock_age(ysf->now, due_of(tape)) > STALE_NS)
			ring_tape_erase(tape);
	}
	for (uint32_t lane = 0; ysf->calls > 0 && lane < ysf->set.streams; lane++)
		if (ysf->call[lane].open)
			parrot_opened(ysf, ysf->call[lane].client, ysf->call[lane].id);
	schedule(ysf);
}

void parrot_stop(struct ysf *ysf)
{
	if (ev_is_active(&ysf->parrot))
		ev_timer_stop(ysf->worker->loop, &ysf->parrot);
}
