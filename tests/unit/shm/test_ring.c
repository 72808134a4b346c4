/* SPDX-License-Identifier: ISC
 *
 * NAME      test_ring - tests of the in-flight ring
 * PURPOSE   what a successor finds after a death at each point, in memory written by hand; deaths
 *           that accuse; a ring full of garbage
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/ring.h"

#define CLIENTS 3000
#define STREAMS 20

static const uint8_t key[RING_KEY] = {1, 2, 3};
static const uint8_t frame[RING_FRAME] = "YSFD";

/* A slot's memory, and its holders one after the other. */
struct lab {
	int fd;
	struct ring *ring;
	struct ring_left left;
};

static struct lab lab_make(void)
{
	struct lab lab = {.fd = ring_create("ysf.0", CLIENTS, STREAMS)};

	assert_true(lab.fd >= 0);
	assert_true(ring_fits(lab.fd, CLIENTS, STREAMS));
	lab.ring = ring_map(lab.fd, CLIENTS, STREAMS);
	assert_non_null(lab.ring);
	ring_recover(lab.ring, 0, &lab.left);
	assert_false(lab.left.foreign);
	return lab;
}

static void lab_end(struct lab *lab)
{
	ring_unmap(&lab->ring);
	assert_null(lab->ring);
	close(lab->fd);
}

/* The holder is gone, whatever it was doing; FAULTS is what the master says of deaths. */
static void successor(struct lab *lab, uint64_t faults)
{
	ring_unmap(&lab->ring);
	lab->ring = ring_map(lab->fd, CLIENTS, STREAMS);
	assert_non_null(lab->ring);
	ring_recover(lab->ring, faults, &lab->left);
	assert_int_equal(lab->left.bad, 0);
}

/* As the kernel does it. */
static void received(struct ring *ring, unsigned count)
{
	ring_batch_open(ring, 3);
	for (unsigned i = 0; i < count; i++)
		ring->memory->io.message[i].msg_len = RING_FRAME;
}

static void taken(struct ring *ring, unsigned count)
{
	received(ring, count);
	for (unsigned i = 0; i < count; i++) {
		struct ring_entry *entry = &ring->memory->entry[i];

		ring_entry_raw(ring, i);
		entry->listener = 3;
		entry->length = RING_FRAME;
		memset(entry->data, (int)i, RING_FRAME);
	}
	ring_batch_taken(ring, count);
}

static unsigned waiting(const struct lab *lab)
{
	unsigned count = 0;

	for (unsigned i = 0; i < lab->left.count; i++)
		count += ring_state(&lab->ring->memory->entry[i]) != RING_DONE;
	return count;
}

/* ---- the batch ---- */

static void test_memory_is_sealed_and_of_one_size(void **state)
{
	struct lab lab = lab_make();

	(void)state;
	assert_int_equal(ftruncate(lab.fd, 0), -1);
	assert_false(ring_fits(lab.fd, CLIENTS + 1, STREAMS));
	assert_false(ring_fits(lab.fd, CLIENTS, STREAMS + 1));
	lab.ring->memory->head.version++;
	assert_false(ring_fits(lab.fd, CLIENTS, STREAMS));
	lab_end(&lab);
}

static void test_mapping_alone_touches_nothing(void **state)
{
	struct lab lab = lab_make();

	(void)state;
	taken(lab.ring, 2);
	ring_handling(lab.ring, 2);
	size_t size = lab.ring->size;
	uint8_t *before = malloc(size);
	assert_non_null(before);
	memcpy(before, lab.ring->memory, size);
	struct ring *standby = ring_map(lab.fd, CLIENTS, STREAMS);
	assert_non_null(standby);
	assert_memory_equal(before, lab.ring->memory, size);
	ring_unmap(&standby);
	assert_memory_equal(before, lab.ring->memory, size);
	free(before);
	lab_end(&lab);
}

static void test_death_before_and_after_receiving(void **state)
{
	struct lab lab = lab_make();

	(void)state;
	successor(&lab, 0);
	assert_int_equal(lab.left.count, 0);
	/* the kernel had nothing, or the call was not made */
	ring_batch_open(lab.ring, 3);
	successor(&lab, 0);
	assert_true(lab.left.filled);
	assert_int_equal(lab.left.count, 0);
	/* the call was over, its result not yet noted */
	received(lab.ring, 5);
	successor(&lab, 0);
	assert_true(lab.left.filled);
	assert_int_equal(lab.left.count, 5);
	assert_int_equal(lab.left.listener, 3);
	/* an empty datagram is a datagram */
	received(lab.ring, 5);
	lab.ring->memory->io.message[2].msg_len = 0;
	successor(&lab, 0);
	assert_int_equal(lab.left.count, 5);
	/* some were taken over already: all are raw once more */
	received(lab.ring, 5);
	ring_entry_raw(lab.ring, 0);
	ring_entry_raw(lab.ring, 1);
	successor(&lab, 0);
	assert_true(lab.left.filled);
	assert_int_equal(lab.left.count, 5);
	received(lab.ring, RING_BATCH);
	successor(&lab, 0);
	assert_int_equal(lab.left.count, RING_BATCH);
	lab_end(&lab);
}

static void test_what_is_done_is_not_taken_up(void **state)
{
	struct lab lab = lab_make();

	(void)state;
	taken(lab.ring, 4);
	ring_set(&lab.ring->memory->entry[0], RING_DONE);
	ring_set(&lab.ring->memory->entry[2], RING_DONE);
	ring_set(&lab.ring->memory->entry[3], RING_RELAYED);
	successor(&lab, 0);
	assert_false(lab.left.filled);
	assert_int_equal(lab.left.count, 4);
	assert_int_equal(waiting(&lab), 2);
	assert_int_equal(ring_state(&lab.ring->memory->entry[1]), RING_WAITING);
	assert_int_equal(ring_state(&lab.ring->memory->entry[3]), RING_RELAYED);
	assert_int_equal(lab.ring->memory->entry[1].data[9], 1);
	ring_batch_end(lab.ring);
	successor(&lab, 0);
	assert_int_equal(lab.left.count, 0);
	/* an entry of a longer batch before is none of this one's */
	taken(lab.ring, 4);
	ring_batch_end(lab.ring);
	taken(lab.ring, 1);
	successor(&lab, 0);
	assert_int_equal(waiting(&lab), 1);
	lab_end(&lab);
}

static void test_numbers_never_come_twice(void **state)
{
	struct lab lab = lab_make();
	uint64_t last = 0;

	(void)state;
	for (unsigned round = 0; round < 5; round++) {
		taken(lab.ring, 3);
		assert_true(lab.ring->memory->entry[0].seq > last);
		assert_int_equal(lab.ring->memory->entry[2].seq,
				 lab.ring->memory->entry[0].seq + 2);
		last = lab.ring->memory->entry[2].seq;
		if (round == 2)
			lab.ring->memory->next_seq = 1; /* as if that store had been lost */
		successor(&lab, 0);
	}
	lab_end(&lab);
}

/* ---- what waits ---- */

static void test_what_waits_is_found_in_its_order(void **state)
{
	struct lab lab = lab_make();

	(void)state;
	taken(lab.ring, 6);
	for (unsigned i = 0; i < 6; i++) {
		lab.ring->memory->entry[i].data[0] = (uint8_t)(10 + i);
		assert_true(ring_hold(lab.ring, &lab.ring->memory->entry[i]));
		ring_set(&lab.ring->memory->entry[i], RING_DONE);
	}
	ring_set(ring_held(lab.ring, 0), RING_DONE);
	ring_set(ring_held(lab.ring, 3), RING_DONE);
	ring_set(ring_held(lab.ring, 5), RING_RELAYED);
	successor(&lab, 0);
	assert_int_equal(waiting(&lab), 0);
	assert_int_equal(lab.ring->held.count, 4);
	assert_int_equal(ring_held(lab.ring, 0)->data[0], 11);
	assert_int_equal(ring_held(lab.ring, 1)->data[0], 12);
	assert_int_equal(ring_held(lab.ring, 2)->data[0], 14);
	assert_int_equal(ring_held(lab.ring, 3)->data[0], 15);
	assert_int_equal(ring_state(ring_held(lab.ring, 3)), RING_RELAYED);
	lab_end(&lab);
}

static void test_what_is_in_both_places_counts_once(void **state)
{
	struct lab lab = lab_make();

	(void)state;
	taken(lab.ring, 2);
	assert_true(ring_hold(lab.ring, &lab.ring->memory->entry[1]));
	successor(&lab, 0); /* died before the entry was marked */
	assert_int_equal(lab.ring->held.count, 1);
	assert_int_equal(waiting(&lab), 1);
	assert_int_equal(ring_state(&lab.ring->memory->entry[1]), RING_DONE);
	lab_end(&lab);
}

static void test_all_places_can_be_used_again(void **state)
{
	struct lab lab = lab_make();

	(void)state;
	taken(lab.ring, 1);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < RING_HOLD; i++)
			assert_true(ring_hold(lab.ring, &lab.ring->memory->entry[0]));
		assert_false(ring_hold(lab.ring, &lab.ring->memory->entry[0]));
		for (unsigned i = 0; i < RING_HOLD; i++)
			ring_set(ring_held(lab.ring, i), RING_DONE);
		ring_hold_sweep(lab.ring);
		assert_int_equal(lab.ring->held.count, 0);
	}
	lab_end(&lab);
}

/* ---- fan-outs ---- */

static struct mmsghdr message[CLIENTS];
static uint32_t ids[CLIENTS];

static void fan_of(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		message[i].msg_len = 77; /* of an earlier frame */
		ids[i] = 5000 + i;
	}
}

/* Who has the frame, as the successor sees it. */
static uint32_t served(struct lab *lab, uint32_t list[CLIENTS])
{
	struct ring_left_relay left;

	assert_true(ring_relay_left(lab->ring, &left, list));
	return left.served;
}

static void begin(struct lab *lab, uint32_t count)
{
	fan_of(count);
	taken(lab->ring, 1);
	ring_relay_begin(lab->ring, lab->ring->memory->entry[0].seq, 22, RING_DONE, 7, key, frame,
			 NULL);
	ring_relay_list(lab->ring, 2, ids, count, 0, message, 1);
}

static void test_death_inside_a_fan_out(void **state)
{
	static uint32_t list[CLIENTS];
	struct lab lab = lab_make();
	struct ring_left_relay left;

	(void)state;
	taken(lab.ring, 1);
	assert_false(ring_relay_left(lab.ring, &left, list));
	begin(&lab, 2500);
	assert_int_equal(served(&lab, list), 0);
	for (uint32_t at = 0, span; at < 2500; at += span) {
		span = 2500 - at;
		struct mmsghdr *offer =
			ring_relay_offer(lab.ring, message, 2500, at, &span, message, 1);
		assert_true(span > 0 && span <= RING_WINDOW);
		assert_int_equal(served(&lab, list), at); /* nothing of it is sent */
		for (uint32_t i = 0; i < span; i++) {
			offer[i].msg_len = RING_FRAME; /* the kernel, one after the other */
			if (i % 100 != 0)
				continue;
			assert_int_equal(served(&lab, list), at + i + 1);
			assert_int_equal(list[at + i], 5000 + at + i);
		}
	}
	assert_int_equal(served(&lab, list), 2500);
	successor(&lab, 0);
	assert_true(ring_relay_left(lab.ring, &left, list));
	assert_int_equal(left.listener, 2);
	assert_int_equal(left.served, 2500);
	assert_int_equal(lab.ring->memory->relay.talker, 7);
	assert_memory_equal(ring_relay_frame(lab.ring, false), frame, RING_FRAME);
	assert_memory_equal(ring_relay_frame(lab.ring, true), frame, RING_FRAME);
	lab_end(&lab);
}

static void test_both_variants_of_a_frame_outlive_their_holder(void **state)
{
	static const uint8_t other[RING_FRAME] = "YSFD, rewritten";
	struct lab lab = lab_make();

	(void)state;
	taken(lab.ring, 1);
	ring_relay_begin(lab.ring, lab.ring->memory->entry[0].seq, 22, RING_DONE, 7, key, frame,
			 other);
	successor(&lab, 0);
	assert_memory_equal(ring_relay_frame(lab.ring, false), frame, RING_FRAME);
	assert_memory_equal(ring_relay_frame(lab.ring, true), other, RING_FRAME);
	lab_end(&lab);
}

static void test_window_is_made_anew_when_the_fan_changes(void **state)
{
	static uint32_t list[CLIENTS];
	struct lab lab = lab_make();
	uint32_t span = 10;

	(void)state;
	begin(&lab, 10);
	struct mmsghdr *one = ring_relay_offer(lab.ring, message, 10, 0, &span, message, 1);
	message[0].msg_hdr.msg_namelen = 16;
	struct mmsghdr *same = ring_relay_offer(lab.ring, message, 10, 0, &span, message, 1);
	assert_ptr_equal(one, same);
	assert_int_equal(same[0].msg_hdr.msg_namelen, 0);
	struct mmsghdr *anew = ring_relay_offer(lab.ring, message, 10, 0, &span, message, 2);
	assert_int_equal(anew[0].msg_hdr.msg_namelen, 16);
	message[0].msg_hdr.msg_namelen = 0;
	/* forty fans, more than there are windows */
	for (unsigned fan = 0; fan < 40; fan++) {
		span = 10;
		ring_relay_list(lab.ring, fan, ids, 10, 0, &ids[fan], 1);
		struct mmsghdr *offer = ring_relay_offer(lab.ring, message, 10, 3, &span, &ids[fan], 1);
		assert_int_equal(span, 7);
		offer[2].msg_len = 1;
		assert_int_equal(served(&lab, list), 4);
		assert_int_equal(list[3], 5005);
	}
	lab_end(&lab);
}

static void test_successor_goes_on_with_another_order(void **state)
{
	static uint32_t list[CLIENTS], other[CLIENTS];
	struct lab lab = lab_make();
	uint32_t span = 50;

	(void)state;
	begin(&lab, 100);
	struct mmsghdr *offer = ring_relay_offer(lab.ring, message, 100, 0, &span, message, 1);
	for (uint32_t i = 0; i < 30; i++)
		offer[i].msg_len = RING_FRAME;
	successor(&lab, 0);
	assert_int_equal(served(&lab, list), 30);
	/* those thirty in front, the others behind; then it dies before it sends, and while */
	for (uint32_t i = 0; i < 100; i++)
		other[i] = i < 30 ? list[29 - i] : 5000 + 129 - i;
	ring_relay_list(lab.ring, 2, other, 100, 30, NULL, 0);
	successor(&lab, 0);
	assert_int_equal(served(&lab, list), 30);
	assert_memory_equal(list, other, 30 * sizeof(*list));
	ring_relay_list(lab.ring, 2, other, 100, 30, NULL, 0);
	span = 70;
	offer = ring_relay_offer(lab.ring, message, 100, 30, &span, message, 1);
	offer[0].msg_len = RING_FRAME;
	successor(&lab, 0);
	assert_int_equal(served(&lab, list), 31);
	assert_int_equal(list[30], 5099);
	lab_end(&lab);
}

static void test_who_has_his_answer_is_done(void **state)
{
	struct lab lab = lab_make();
	uint64_t seq[3];

	(void)state;
	taken(lab.ring, 4);
	for (unsigned i = 0; i < 3; i++)
		seq[i] = lab.ring->memory->entry[i + 1].seq;
	fan_of(3);
	struct mmsghdr *offer = ring_replies_offer(lab.ring, message, seq, 3);
	successor(&lab, 0);
	assert_int_equal(waiting(&lab), 4);
	offer = ring_replies_offer(lab.ring, message, seq, 3);
	offer[0].msg_len = offer[1].msg_len = 14;
	successor(&lab, 0);
	assert_int_equal(waiting(&lab), 2);
	assert_int_equal(ring_state(&lab.ring->memory->entry[0]), RING_WAITING);
	assert_int_equal(ring_state(&lab.ring->memory->entry[3]), RING_WAITING);
	offer = ring_replies_offer(lab.ring, message, seq, 3);
	offer[2].msg_len = 14;
	ring_replies_end(lab.ring);
	successor(&lab, 0);
	assert_int_equal(waiting(&lab), 2);
	lab_end(&lab);
}

static void test_fan_out_is_over_with_its_entry(void **state)
{
	static uint32_t list[CLIENTS];
	struct ring_left_relay left;
	struct lab lab = lab_make();

	(void)state;
	begin(&lab, 10);
	ring_set(&lab.ring->memory->entry[0], RING_RELAYED);
	successor(&lab, 0); /* died between the two stores at its end */
	assert_false(ring_relay_left(lab.ring, &left, list));
	assert_int_equal(waiting(&lab), 1);
	begin(&lab, 10);
	ring_set(&lab.ring->memory->entry[0], RING_DONE);
	successor(&lab, 0);
	assert_false(ring_relay_left(lab.ring, &left, list));
	begin(&lab, 10);
	ring_relay_end(lab.ring);
	successor(&lab, 0);
	assert_false(ring_relay_left(lab.ring, &left, list));
	lab_end(&lab);
}

/* ---- farewells and polls ---- */

static void test_farewells_wait_in_their_order(void **state)
{
	static uint32_t list[CLIENTS];
	struct ring_left_relay left;
	struct lab lab = lab_make();

	(void)state;
	assert_null(ring_farewell_first(lab.ring));
	for (uint8_t i = 0; i < STREAMS; i++)
		assert_true(ring_farewell_add(lab.ring, i, key, frame));
	assert_false(ring_farewell_add(lab.ring, 1, key, frame));
	ring_farewell_done(lab.ring, ring_farewell_first(lab.ring));
	ring_farewell_done(lab.ring, ring_farewell_first(lab.ring));
	assert_true(ring_farewell_add(lab.ring, 99, key, frame));
	successor(&lab, 0);
	struct ring_farewell *first = ring_farewell_first(lab.ring);
	assert_int_equal(first->dgid, 2);
	ring_relay_begin(lab.ring, first->seq, first->dgid, RING_DONE, 0, NULL, first->frame,
			 NULL);
	successor(&lab, 0);
	assert_true(ring_relay_left(lab.ring, &left, list));
	assert_ptr_equal(ring_farewell_find(lab.ring, left.seq), ring_farewell_first(lab.ring));
	ring_farewell_done(lab.ring, ring_farewell_first(lab.ring));
	successor(&lab, 0);
	assert_false(ring_relay_left(lab.ring, &left, list));
	for (uint8_t i = 3; i < STREAMS; i++) {
		assert_int_equal(ring_farewell_first(lab.ring)->dgid, i);
		ring_farewell_done(lab.ring, ring_farewell_first(lab.ring));
	}
	assert_int_equal(ring_farewell_first(lab.ring)->dgid, 99);
	lab_end(&lab);
}

static void test_polls_outlive_their_holder(void **state)
{
	const struct ring_poll *polls;
	struct lab lab = lab_make();
	uint32_t count;

	(void)state;
	for (uint32_t i = 0; i < CLIENTS; i++)
		assert_true(ring_poll_add(lab.ring, &(uint8_t[RING_KEY]){(uint8_t)i}, 100 + i,
					  i % 2));
	assert_false(ring_poll_add(lab.ring, key, 1, false));
	struct ring_polls_new anew = ring_polls_renew(lab.ring);
	for (uint32_t i = 0; i < 10; i++)
		ring_polls_more(&anew, key, 5000 + i, true);
	successor(&lab, 0); /* died before the new one counts */
	polls = ring_polls(lab.ring, &count);
	assert_int_equal(count, CLIENTS);
	assert_int_equal(polls[77].polled, 177);
	assert_int_equal(polls[77].key[0], 77);
	assert_int_equal(polls[77].proven, 1);
	anew = ring_polls_renew(lab.ring);
	for (uint32_t i = 0; i < 10; i++)
		ring_polls_more(&anew, key, 5000 + i, true);
	ring_polls_switch(&anew);
	assert_true(ring_poll_add(lab.ring, key, 6000, false));
	successor(&lab, 0);
	polls = ring_polls(lab.ring, &count);
	assert_int_equal(count, 11);
	assert_int_equal(polls[9].polled, 5009);
	assert_int_equal(polls[10].polled, 6000);
	ring_polls_clear(lab.ring);
	successor(&lab, 0);
	ring_polls(lab.ring, &count);
	assert_int_equal(count, 0);
	lab_end(&lab);
}

static void test_recordings_outlive_their_holder(void **state)
{
	struct lab lab = lab_make();
	struct ring_tape *tape = ring_tape_begin(lab.ring, 1001, 7, key, 22);
	struct iovec vector;

	(void)state;
	assert_non_null(tape);
	for (uint64_t seq = 1; seq <= 5; seq++) {
		assert_true(ring_tape_record(tape, seq, frame));
		successor(&lab, 0);
		tape = ring_tape_of_stream(lab.ring, 1001);
		assert_true(ring_tape_record(tape, seq, key)); /* died before it was marked done */
		assert_int_equal(tape->frames, seq);
	}
	assert_ptr_equal(ring_tape_of_client(lab.ring, 7), tape);
	assert_null(ring_tape_of_client(lab.ring, 8));
	assert_null(ring_tape_of_stream(lab.ring, 0));
	tape->start = 55;
	for (uint32_t n = 0; n < 5; n++) {
		assert_int_equal(ring_tape_played(tape), n);
		ring_tape_offer(tape, &vector);
		successor(&lab, 0); /* before the kernel had it */
		tape = ring_tape_of_stream(lab.ring, 1001);
		assert_int_equal(ring_tape_played(tape), n);
		struct mmsghdr *offered = ring_tape_offer(tape, &vector);
		assert_int_equal(vector.iov_len, RING_FRAME);
		assert_memory_equal(vector.iov_base, frame, RING_FRAME);
		offered->msg_len = RING_FRAME;
		if (n % 2 == 0)
			ring_tape_next(tape);
		successor(&lab, 0); /* before it was noted, or after */
		tape = ring_tape_of_stream(lab.ring, 1001);
	}
	assert_int_equal(ring_tape_played(tape), 5);
	ring_tape_erase(tape);
	successor(&lab, 0);
	assert_null(ring_tape_of_stream(lab.ring, 1001));
	lab_end(&lab);
}

static void test_tapes_are_bounded(void **state)
{
	struct lab lab = lab_make();

	(void)state;
	for (uint32_t i = 0; i < RING_TAPES; i++)
		assert_non_null(ring_tape_begin(lab.ring, 100 + i, 1 + i, key, 22));
	assert_null(ring_tape_begin(lab.ring, 200, 99, key, 22));
	struct ring_tape *tape = ring_tape_of_client(lab.ring, 3);
	for (uint64_t seq = 1; seq <= RING_TAPE_FRAMES; seq++)
		assert_true(ring_tape_record(tape, seq, frame));
	assert_false(ring_tape_record(tape, RING_TAPE_FRAMES + 1, frame));
	successor(&lab, 0);
	assert_int_equal(ring_tape_of_client(lab.ring, 3)->frames, RING_TAPE_FRAMES);
	ring_tape_erase(ring_tape_of_client(lab.ring, 5));
	assert_non_null(ring_tape_begin(lab.ring, 200, 99, key, 22));
	assert_int_equal(ring_tape_of_client(lab.ring, 99)->frames, 0);
	lab_end(&lab);
}

static void test_calls_and_what_was_followed(void **state)
{
	struct lab lab = lab_make();
	uint32_t lane = 99;

	(void)state;
	assert_null(ring_call_find(lab.ring, 0, &lane));
	ring_call_note(lab.ring, 4, 1001, 22, 0, key, frame);
	ring_call_note(lab.ring, 5, 1002, 9, 1, key, frame);
	ring_call_note(lab.ring, STREAMS, 1003, 9, 1, key, frame); /* no such lane */
	ring_follow(lab.ring, 77, 500);
	successor(&lab, 0);
	const struct ring_call *call = ring_call_find(lab.ring, 1002, &lane);
	assert_non_null(call);
	assert_int_equal(lane, 5);
	assert_int_equal(call->dgid, 9);
	assert_memory_equal(call->header, frame, RING_FRAME);
	ring_call_forget(lab.ring, 5, 1001); /* that one is in another lane */
	assert_non_null(ring_call_find(lab.ring, 1002, &lane));
	ring_call_forget(lab.ring, 5, 1002);
	assert_null(ring_call_find(lab.ring, 1002, &lane));
	assert_null(ring_call_find(lab.ring, 1003, &lane));
	assert_int_equal(ring_followed(lab.ring, 77), 500);
	assert_int_equal(ring_followed(lab.ring, 78), 0); /* of another store */
	ring_follow(lab.ring, 78, 3);
	assert_int_equal(ring_followed(lab.ring, 78), 3);
	lab_end(&lab);
}

/* ---- deaths that accuse ---- */

static void test_a_death_accuses_what_was_handled(void **state)
{
	struct lab lab = lab_make();
	struct ring_entry *entry = &lab.ring->memory->entry[1];

	(void)state;
	taken(lab.ring, 3);
	ring_handling(lab.ring, entry->seq);
	successor(&lab, 0); /* killed from outside */
	entry = &lab.ring->memory->entry[1];
	assert_int_equal(ring_tries(&entry->tries), 0);
	assert_int_equal(lab.left.accused, 0);
	successor(&lab, 1);
	entry = &lab.ring->memory->entry[1];
	assert_int_equal(ring_tries(&entry->tries), 1);
	assert_int_equal(lab.left.accused, entry->seq);
	successor(&lab, 1); /* that one was killed from outside */
	entry = &lab.ring->memory->entry[1];
	assert_int_equal(ring_tries(&entry->tries), 1);
	/* died after it had accused, before it had noted so */
	lab.ring->memory->faults_seen = 0;
	successor(&lab, 1);
	entry = &lab.ring->memory->entry[1];
	assert_int_equal(ring_tries(&entry->tries), 1);
	successor(&lab, 2);
	entry = &lab.ring->memory->entry[1];
	assert_int_equal(ring_tries(&entry->tries), RING_TRIES);
	assert_int_equal(ring_tries(&lab.ring->memory->entry[0].tries), 0);
	assert_int_equal(ring_tries(&lab.ring->memory->entry[2].tries), 0);
	lab_end(&lab);
}

static void test_what_waits_and_farewells_can_be_accused(void **state)
{
	struct lab lab = lab_make();

	(void)state;
	taken(lab.ring, 1);
	lab.ring->memory->entry[0].tries = (uint64_t)4 << 8 | 1; /* goes with the copy */
	assert_true(ring_hold(lab.ring, &lab.ring->memory->entry[0]));
	ring_set(&lab.ring->memory->entry[0], RING_DONE);
	ring_handling(lab.ring, ring_held(lab.ring, 0)->seq);
	successor(&lab, 5);
	assert_int_equal(ring_tries(&ring_held(lab.ring, 0)->tries), 2);
	assert_true(ring_farewell_add(lab.ring, 1, key, frame));
	ring_handling(lab.ring, ring_farewell_first(lab.ring)->seq);
	successor(&lab, 6);
	assert_int_equal(ring_tries(&ring_farewell_first(lab.ring)->tries), 1);
	assert_int_equal(ring_tries(&ring_held(lab.ring, 0)->tries), 2);
	ring_handling(lab.ring, 0);
	successor(&lab, 7);
	assert_int_equal(lab.left.accused, 0);
	assert_int_equal(ring_tries(&ring_farewell_first(lab.ring)->tries), 1);
	lab_end(&lab);
}

/* ---- a hostile predecessor ---- */

static void test_foreign_memory_is_emptied(void **state)
{
	struct lab lab = lab_make();

	(void)state;
	taken(lab.ring, 3);
	lab.ring->memory->head.version = 99;
	successor(&lab, 4);
	assert_true(lab.left.foreign);
	assert_int_equal(lab.left.count, 0);
	taken(lab.ring, 2);
	successor(&lab, 4);
	assert_false(lab.left.foreign);
	assert_int_equal(waiting(&lab), 2);
	assert_int_equal(lab.left.accused, 0);
	lab_end(&lab);
}

/* Uses all that recovery left, as a worker does: the sanitizers and the bounds here must hold. */
static void use(struct lab *lab)
{
	static uint32_t list[CLIENTS + 1];
	struct ring *ring = lab->ring;
	struct ring_left_relay left;
	uint32_t count;

	assert_true(lab->left.count <= RING_BATCH);
	assert_true(lab->left.count == 0 || lab->left.listener < RING_LISTENERS);
	for (unsigned i = 0; !lab->left.filled && i < lab->left.count; i++) {
		const struct ring_entry *entry = &ring->memory->entry[i];

		assert_true(ring_state(entry) <= RING_RELAYED);
		assert_true(ring_state(entry) == RING_DONE ||
			    (entry->length <= RING_DATAGRAM && entry->listener < RING_LISTENERS));
	}
	assert_true(ring->held.count + ring->held.vacants == RING_HOLD);
	for (uint32_t n = 0; n < ring->held.count; n++) {
		assert_true(ring_held(ring, n)->length <= RING_DATAGRAM);
		assert_true(ring_held(ring, n)->listener < RING_LISTENERS);
		assert_true(n == 0 || ring_held(ring, n)->seq >= ring_held(ring, n - 1)->seq);
	}
	assert_true(ring->owed.count + ring->owed.vacants == STREAMS);
	if (ring_relay_left(ring, &left, list)) {
		assert_true(left.served <= CLIENTS);
		assert_true(ring->memory->relay.dgid < RING_DGIDS);
		assert_true(ring_find(ring, left.seq) != NULL ||
			    ring_farewell_find(ring, left.seq) != NULL);
		ring_relay_list(ring, 0, ids, 100, 50, NULL, 0);
		count = 50;
		ring_relay_offer(ring, message, 100, 50, &count, message, 1);
	}
	const struct ring_poll *polls = ring_polls(ring, &count);
	assert_true(count <= CLIENTS);
	for (uint32_t i = 0; i < count; i++)
		list[i] = polls[i].proven;
	for (uint32_t i = 0; i < STREAMS; i++) {
		const struct ring_call *call = ring_call_find(ring, ring->call[i].stream, &count);

		assert_true(call == NULL || (call->dgid < RING_DGIDS && count < STREAMS));
	}
	for (unsigned i = 0; i < RING_TAPES; i++) {
		struct ring_tape *tape = &ring->tape[i];
		struct iovec vector;

		if (tape->stream == 0)
			continue;
		assert_true(tape->dgid < RING_DGIDS && tape->frames <= RING_TAPE_FRAMES);
		assert_true(ring_tape_played(tape) <= tape->frames);
		ring_tape_record(tape, 1, frame);
		if (ring_tape_played(tape) < tape->frames)
			ring_tape_offer(tape, &vector);
		ring_tape_erase(tape);
	}
	while (ring_farewell_first(ring) != NULL) {
		assert_true(ring_farewell_first(ring)->dgid < RING_DGIDS);
		ring_farewell_done(ring, ring_farewell_first(ring));
	}
	/* and it can be worked with from there */
	ring_batch_end(ring);
	taken(ring, 3);
	assert_true(ring->memory->entry[0].seq != 0);
	ring_batch_end(ring);
}

static void fill_with_garbage(struct ring *ring, unsigned round)
{
	uint8_t *bytes = (uint8_t *)ring->memory;
	const struct ring_head head = ring->memory->head;
	size_t least = sizeof(head);

	for (size_t i = least; i < ring->size; i += 8) {
		const size_t tapes = (size_t)((uint8_t *)ring->tape - bytes);
		uint64_t word = (uint64_t)rand() << 32 ^ (uint64_t)rand();

		/* of what is recorded any bytes do */
		if (i >= tapes && (i - tapes) % sizeof(struct ring_tape) >= 1024)
			continue;
		/* small numbers lead further than large ones */
		if (round % 3 == 1)
			word &= 0x0000000300000003;
		if (round % 3 == 2 && rand() % 2)
			word &= 0xff;
		memcpy(bytes + i, &word, ring->size - i < 8 ? ring->size - i : 8);
	}
	if (round % 2) /* mostly sound outside, rotten inside */
		ring->memory->batch = (uint64_t)(rand() % 4) << 32 | (uint64_t)(rand() % 66) << 16 |
				      (uint64_t)(rand() % 70);
	if (round % 4 == 1)
		ring->memory->relay.seq = ring->memory->hold[rand() % RING_HOLD].seq;
	ring->memory->head = head;
}

static void test_garbage_leads_nobody_astray(void **state)
{
	struct lab lab = lab_make();

	(void)state;
	srand(155);
	for (unsigned round = 0; round < 60; round++) {
		fill_with_garbage(lab.ring, round);
		ring_unmap(&lab.ring);
		lab.ring = ring_map(lab.fd, CLIENTS, STREAMS);
		ring_recover(lab.ring, round, &lab.left);
		use(&lab);
		ring_recover(lab.ring, round, &lab.left);
		assert_int_equal(lab.left.bad, 0); /* what was bad is gone */
	}
	lab_end(&lab);
}

static void test_private_memory_serves_too(void **state)
{
	struct lab lab = {.fd = -1, .ring = ring_map(-1, CLIENTS, STREAMS)};

	(void)state;
	assert_non_null(lab.ring);
	ring_recover(lab.ring, 3, &lab.left);
	taken(lab.ring, 3);
	ring_recover(lab.ring, 3, &lab.left);
	assert_int_equal(waiting(&lab), 3);
	ring_unmap(&lab.ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_is_sealed_and_of_one_size),
		cmocka_unit_test(test_mapping_alone_touches_nothing),
		cmocka_unit_test(test_death_before_and_after_receiving),
		cmocka_unit_test(test_what_is_done_is_not_taken_up),
		cmocka_unit_test(test_numbers_never_come_twice),
		cmocka_unit_test(test_what_waits_is_found_in_its_order),
		cmocka_unit_test(test_what_is_in_both_places_counts_once),
		cmocka_unit_test(test_all_places_can_be_used_again),
		cmocka_unit_test(test_death_inside_a_fan_out),
		cmocka_unit_test(test_both_variants_of_a_frame_outlive_their_holder),
		cmocka_unit_test(test_window_is_made_anew_when_the_fan_changes),
		cmocka_unit_test(test_successor_goes_on_with_another_order),
		cmocka_unit_test(test_who_has_his_answer_is_done),
		cmocka_unit_test(test_fan_out_is_over_with_its_entry),
		cmocka_unit_test(test_farewells_wait_in_their_order),
		cmocka_unit_test(test_polls_outlive_their_holder),
		cmocka_unit_test(test_recordings_outlive_their_holder),
		cmocka_unit_test(test_tapes_are_bounded),
		cmocka_unit_test(test_calls_and_what_was_followed),
		cmocka_unit_test(test_a_death_accuses_what_was_handled),
		cmocka_unit_test(test_what_waits_and_farewells_can_be_accused),
		cmocka_unit_test(test_foreign_memory_is_emptied),
		cmocka_unit_test(test_garbage_leads_nobody_astray),
		cmocka_unit_test(test_private_memory_serves_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
