/* SPDX-License-Identifier: ISC
 *
 * NAME      test_records - tests of clients, streams, blocks and events
 * PURPOSE   the rules of the tables, their bounds, their events; hostile records
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lmdb.h>

#include "tests/unit/shm/store/lab.h"

#define PORT 42000

static void begin(struct lab *lab, struct store_txn *txn)
{
	assert_int_equal(store_write(lab->store, txn), STORE_OK);
}

static void commit(struct store_txn *txn)
{
	assert_int_equal(store_end(txn), STORE_OK);
}

static uint32_t link_one(struct store_txn *txn, uint32_t number, uint16_t port)
{
	struct client_record record = lab_client("DB0ABC");
	struct client_key key = lab_key(number, port);

	assert_int_equal(clients_link(txn, &key, &record), STORE_OK);
	return record.id;
}

struct heard {
	unsigned count;
	uint64_t last;
	struct event_record event; /* the newest */
	unsigned types[256];
};

static void hear(uint64_t number, const struct event_record *event, void *arg)
{
	struct heard *heard = arg;

	if (heard->count++)
		assert_int_equal(number, heard->last + 1);
	heard->last = number;
	heard->event = *event;
	heard->types[event->type]++;
}

static void test_clients(void **state)
{
	struct client_key key = lab_key(1, PORT), back;
	struct store_generations before, after;
	struct client_record record, found;
	struct heard heard = {.count = 0};
	uint64_t cursor = 0;
	struct store_txn txn;
	struct lab lab;
	bool lapped;

	(void)state;
	lab_enter(&lab);
	lab_open(&lab);
	begin(&lab, &txn);
	assert_int_equal(clients_get(&txn, &key, &found), STORE_NOT_FOUND);
	record = lab_client("DB0ABC");
	assert_int_equal(clients_link(&txn, &key, &record), STORE_OK);
	assert_int_equal(record.id, 1);
	assert_int_equal(clients_link(&txn, &key, &record), STORE_EXISTS);
	assert_int_equal(txn.error, STORE_OK);
	assert_int_equal(clients_by_id(&txn, 1, &back), STORE_OK);
	assert_memory_equal(&back, &key, sizeof(key));
	assert_int_equal(clients_by_id(&txn, 2, &back), STORE_NOT_FOUND);
	commit(&txn);
	begin(&lab, &txn);
	store_generations(&txn, &before);
	assert_int_equal(clients_move(&txn, &key, 50, REASON_RADIO), STORE_OK);
	assert_int_equal(clients_move(&txn, &key, 200, REASON_RADIO), STORE_BAD_RECORD);
	commit(&txn);
	begin(&lab, &txn);
	store_generations(&txn, &after);
	assert_int_equal(after.clients, before.clients + 1);
	assert_int_equal(after.streams, before.streams);
	assert_int_equal(after.events, before.events + 1);
	assert_int_equal(clients_touch(&txn, &key, record.polled + 5, true), STORE_OK);
	assert_int_equal(clients_touch(&txn, &key, record.polled, false), STORE_OK);
	commit(&txn);
	assert_int_equal(store_read(lab.store, &txn), STORE_OK);
	store_generations(&txn, &before);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(clients_get(&txn, &key, &found), STORE_OK);
	assert_int_equal(found.dgid, 50);
	assert_int_equal(found.polled, record.polled + 5);
	assert_int_equal(found.flags, CLIENT_PROVEN);
	commit(&txn);
	begin(&lab, &txn);
	assert_int_equal(clients_unlink(&txn, &key, REASON_EXPIRED), STORE_OK);
	assert_int_equal(clients_unlink(&txn, &key, REASON_EXPIRED), STORE_NOT_FOUND);
	assert_int_equal(clients_by_id(&txn, 1, &back), STORE_NOT_FOUND);
	assert_int_equal(clients_count(&txn), 0);
	assert_int_equal(store_entries(&txn, DB_CLIENT_IDS), 0);
	assert_int_equal(events_follow(&txn, &cursor, 100, &lapped, hear, &heard), 3);
	assert_false(lapped);
	assert_int_equal(cursor, 3);
	assert_int_equal(heard.types[EVENT_CLIENT_LINK], 1);
	assert_int_equal(heard.types[EVENT_CLIENT_DGID], 1);
	assert_int_equal(heard.event.type, EVENT_CLIENT_UNLINK);
	assert_int_equal(heard.event.reason, REASON_EXPIRED);
	assert_int_equal(heard.event.dgid, 50);
	assert_int_equal(heard.event.generation, 7);
	assert_string_equal(heard.event.slot, "test.0");
	assert_string_equal(heard.event.gateway, "DB0ABC");
	assert_int_equal(link_one(&txn, 1, PORT), 2);
	commit(&txn);
	lab_leave(&lab);
}

/* Options give a home once; the gateway goes there. */
static void test_client_home(void **state)
{
	struct client_key key = lab_key(1, PORT);
	struct heard heard = {.count = 0};
	struct client_record found;
	struct store_txn txn;
	uint64_t cursor = 1;
	struct lab lab;
	bool lapped;

	(void)state;
	lab_enter(&lab);
	lab_open(&lab);
	begin(&lab, &txn);
	assert_int_equal(clients_home(&txn, &key, 9, 900, REASON_OPTIONS), STORE_NOT_FOUND);
	link_one(&txn, 1, PORT);
	assert_int_equal(clients_home(&txn, &key, 128, 900, REASON_OPTIONS), STORE_BAD_RECORD);
	assert_int_equal(clients_home(&txn, &key, 9, 900, REASON_OPTIONS), STORE_OK);
	assert_int_equal(clients_home(&txn, &key, 50, 900, REASON_OPTIONS), STORE_EXISTS);
	assert_int_equal(clients_get(&txn, &key, &found), STORE_OK);
	assert_int_equal(found.dgid, 9);
	assert_int_equal(found.home_dgid, 9);
	assert_int_equal(found.home_time, 900);
	assert_int_equal(events_follow(&txn, &cursor, 10, &lapped, hear, &heard), 1);
	assert_int_equal(heard.event.type, EVENT_CLIENT_DGID);
	assert_int_equal(heard.event.old_dgid, 22);
	assert_int_equal(heard.event.reason, REASON_OPTIONS);
	commit(&txn);
	lab_leave(&lab);
}

static void test_client_bounds(void **state)
{
	struct client_record record = lab_client("DB0ABC");
	struct client_key key;
	struct store_txn txn;
	struct lab lab;
	uint16_t i;

	(void)state;
	lab_enter(&lab);
	lab.config.max_clients = 33;
	lab_open(&lab);
	begin(&lab, &txn);
	for (i = 0; i < 10; i++) {
		link_one(&txn, 1, (uint16_t)(PORT + i));
		link_one(&txn, 2, (uint16_t)(PORT + i));
		link_one(&txn, 3, (uint16_t)(PORT + i));
	}
	key = lab_key(2, 1);
	assert_int_equal(clients_count_ip(&txn, &key, 100), 10);
	assert_int_equal(clients_count_ip(&txn, &key, 4), 4);
	assert_int_equal(clients_count_ip(&txn, &key, 0), 0);
	/* an IPv6 host has a /64 to itself */
	for (uint8_t n = 1; n <= 3; n++) {
		struct addr host = {.ip = {0x20, 0x01, 0x0d, 0xb8, [7] = 1, [15] = n}, .port = 7};
		struct client_key six;
		struct client_record guest = lab_client("SIX");

		client_key_make(&six, &host, 1);
		assert_int_equal(clients_count_ip(&txn, &six, 100), n - 1);
		assert_int_equal(clients_link(&txn, &six, &guest), STORE_OK);
		host.ip[7] = 2;
		client_key_make(&six, &host, 1);
		assert_int_equal(clients_count_ip(&txn, &six, 100), 0);
	}
	key = lab_key(3, 65535);
	assert_int_equal(clients_count_ip(&txn, &key, 100), 10);
	key = lab_key(4, 1);
	assert_int_equal(clients_count_ip(&txn, &key, 100), 0);
	assert_int_equal(clients_link(&txn, &key, &record), STORE_LIMIT);
	record.name[0] = '\n';
	key = lab_key(1, PORT);
	assert_int_equal(clients_unlink(&txn, &key, REASON_EVICTED), STORE_OK);
	key = lab_key(4, 1);
	assert_int_equal(clients_link(&txn, &key, &record), STORE_BAD_RECORD);
	record.name[0] = 'D';
	assert_int_equal(clients_link(&txn, &key, &record), STORE_OK);
	assert_int_equal(record.id, 34);
	commit(&txn);
	lab_leave(&lab);
}

struct walk {
	unsigned count;
	struct client_key last;
	struct store_txn *unlink;
	unsigned stop;
};

static bool walk_note(const struct client_key *key, const struct client_record *record, void *arg)
{
	struct walk *walk = arg;

	assert_string_equal(record->name, "DB0ABC");
	if (walk->count)
		assert_true(memcmp(key, &walk->last, sizeof(*key)) > 0);
	walk->last = *key;
	walk->count++;
	if (walk->unlink)
		assert_int_equal(clients_unlink(walk->unlink, key, REASON_EXPIRED), STORE_OK);
	return walk->count != walk->stop;
}

static void test_client_walk(void **state)
{
	struct client_key key = {{0}, {0}, {0}};
	struct walk walk = {.count = 0};
	struct store_txn txn;
	struct lab lab;
	uint32_t i;

	(void)state;
	lab_enter(&lab);
	lab_open(&lab);
	begin(&lab, &txn);
	for (i = 0; i < 700; i++)
		link_one(&txn, i * 7919 % 100000, PORT);
	commit(&txn);
	assert_int_equal(store_read(lab.store, &txn), STORE_OK);
	while (clients_walk(&txn, &key, 64, walk_note, &walk) == 64)
		;
	assert_int_equal(walk.count, 700);
	assert_int_equal(clients_walk(&txn, &key, 64, walk_note, &walk), 0);
	memset(&key, 0, sizeof(key));
	walk = (struct walk){.stop = 5};
	assert_int_equal(clients_walk(&txn, &key, 64, walk_note, &walk), 5);
	commit(&txn);
	/* a visitor may unlink what it sees */
	memset(&key, 0, sizeof(key));
	begin(&lab, &txn);
	walk = (struct walk){.unlink = &txn};
	while (clients_walk(&txn, &key, 64, walk_note, &walk) == 64)
		;
	assert_int_equal(walk.count, 700);
	assert_int_equal(clients_count(&txn), 0);
	commit(&txn);
	lab_leave(&lab);
}

static bool count_stream(const struct stream_record *record, void *arg)
{
	unsigned *count = arg;

	assert_true(record->id > 0);
	(*count)++;
	return true;
}

static void test_streams(void **state)
{
	struct stream_totals totals = {.frames = 100, .lost = 3};
	struct stream_record stream = lab_stream(22, 5), other = lab_stream(22, 6), found;
	struct heard heard = {.count = 0};
	uint64_t cursor = 0;
	struct store_txn txn;
	unsigned count = 0;
	struct lab lab;
	bool lapped;

	(void)state;
	lab_enter(&lab);
	lab_open(&lab);
	begin(&lab, &txn);
	assert_int_equal(streams_open(&txn, &stream), STORE_OK);
	assert_true(stream.id >= 1 && stream.id <= STREAM_ID_MAX);
	assert_int_equal(stream.lane, 0);
	assert_int_equal(streams_open(&txn, &other), STORE_EXISTS);
	other.key = STREAM_PRIVATE | 6;
	assert_int_equal(streams_open(&txn, &other), STORE_OK);
	assert_int_not_equal(other.id, stream.id);
	assert_int_equal(other.lane, 1);
	found = lab_stream(22, 7);
	found.key = 128;
	assert_int_equal(streams_open(&txn, &found), STORE_BAD_RECORD);
	found.key = STREAM_PRIVATE | 8;
	assert_int_equal(streams_open(&txn, &found), STORE_BAD_RECORD);
	streams_walk(&txn, count_stream, &count);
	assert_int_equal(count, 2);
	assert_int_equal(streams_get(&txn, 22, &found), STORE_OK);
	assert_int_equal(found.id, stream.id);
	totals.last = stream.started + 2500 * NS_PER_MS;
	assert_int_equal(streams_close(&txn, 22, stream.id + 1, REASON_TERMINATOR, &totals),
			 STORE_NOT_FOUND);
	assert_int_equal(streams_close(&txn, 22, stream.id, REASON_TERMINATOR, &totals), STORE_OK);
	assert_int_equal(streams_close(&txn, 22, stream.id, REASON_TERMINATOR, &totals),
			 STORE_NOT_FOUND);
	assert_int_equal(events_follow(&txn, &cursor, 100, &lapped, hear, &heard), 3);
	assert_int_equal(heard.event.type, EVENT_STREAM_END);
	assert_int_equal(heard.event.stream, stream.id);
	assert_int_equal(heard.event.frames, 100);
	assert_int_equal(heard.event.lost, 3);
	assert_int_equal(heard.event.duration_ms, 2500);
	assert_string_equal(heard.event.source, "DL1ABC");
	stream.key = 9;
	assert_int_equal(streams_open(&txn, &stream), STORE_OK);
	assert_int_equal(stream.lane, 0);
	commit(&txn);
	lab_leave(&lab);
}

static void test_stream_bounds(void **state)
{
	struct stream_record stream;
	struct store_txn txn;
	struct lab lab;
	uint32_t i, first = 0;

	(void)state;
	lab_enter(&lab);
	lab_open(&lab);
	begin(&lab, &txn);
	/* the last quarter is not for calls that nobody hears */
	for (i = 1; i <= 75; i++) {
		stream = lab_stream(STREAM_PRIVATE | i, i);
		assert_int_equal(streams_open(&txn, &stream), STORE_OK);
		assert_int_equal(stream.lane, i - 1);
		if (i == 50)
			first = stream.id;
	}
	stream = lab_stream(STREAM_PRIVATE | 76, 76);
	assert_int_equal(streams_open(&txn, &stream), STORE_LIMIT);
	for (i = 51; i <= 75; i++) {
		stream = lab_stream(i, i);
		assert_int_equal(streams_open(&txn, &stream), STORE_OK);
	}
	stream = lab_stream(22, 1);
	assert_int_equal(streams_open(&txn, &stream), STORE_LIMIT);
	assert_int_equal(streams_close(&txn, STREAM_PRIVATE | 50, first, REASON_WATCHDOG, NULL),
			 STORE_OK);
	assert_int_equal(streams_open(&txn, &stream), STORE_OK);
	assert_int_equal(stream.lane, 49);
	assert_int_equal(streams_count(&txn), 100);
	commit(&txn);
	lab_leave(&lab);
}

/* A gateway that goes takes its streams with it, and nobody else's. */
static void test_unlink_closes(void **state)
{
	struct client_key key = lab_key(1, PORT);
	struct heard heard = {.count = 0};
	struct stream_record stream;
	struct store_txn txn;
	uint64_t cursor = 0;
	struct lab lab;
	uint32_t id;
	bool lapped;

	(void)state;
	lab_enter(&lab);
	lab_open(&lab);
	begin(&lab, &txn);
	id = link_one(&txn, 1, PORT);
	stream = lab_stream(1, id);
	assert_int_equal(streams_open(&txn, &stream), STORE_OK);
	stream = lab_stream(22, id);
	assert_int_equal(streams_open(&txn, &stream), STORE_OK);
	stream = lab_stream(STREAM_PRIVATE | id, id);
	assert_int_equal(streams_open(&txn, &stream), STORE_OK);
	stream = lab_stream(9, id + 1);
	assert_int_equal(streams_open(&txn, &stream), STORE_OK);
	stream = lab_stream(STREAM_PRIVATE | (id + 1), id + 1);
	assert_int_equal(streams_open(&txn, &stream), STORE_OK);
	cursor = events_newest(&txn);
	assert_int_equal(clients_unlink(&txn, &key, REASON_KICK), STORE_OK);
	assert_int_equal(streams_count(&txn), 2);
	assert_int_equal(events_follow(&txn, &cursor, 100, &lapped, hear, &heard), 4);
	assert_int_equal(heard.types[EVENT_STREAM_END], 3);
	assert_int_equal(heard.event.type, EVENT_CLIENT_UNLINK);
	commit(&txn);
	lab_leave(&lab);
}

static bool count_block(const char *call, const struct block_record *record, void *arg)
{
	unsigned *count = arg;

	assert_true(strlen(call) > 0);
	assert_int_equal(record->reason, BLOCK_TIMEOUT);
	(*count)++;
	return true;
}

static void test_blocks(void **state)
{
	struct block_record block = lab_block(100), found;
	struct store_generations before, after;
	struct heard heard = {.count = 0};
	char call[CALL_MAX] = "";
	struct store_txn txn;
	uint64_t cursor = 0;
	unsigned i, count = 0;
	struct lab lab;
	bool lapped;

	(void)state;
	lab_enter(&lab);
	lab_open(&lab);
	begin(&lab, &txn);
	store_generations(&txn, &before);
	for (i = 0; i < 50; i++) {
		snprintf(call, sizeof(call), "DL%uABC", i);
		block = lab_block(i == 33 ? 50 : 100 + i);
		assert_int_equal(blocks_add(&txn, call, &block), STORE_OK);
	}
	assert_int_equal(blocks_add(&txn, "", &block), STORE_BAD_RECORD);
	assert_int_equal(blocks_add(&txn, "ABCDEFGHIJK", &block), STORE_BAD_RECORD);
	assert_int_equal(blocks_get(&txn, "DL33ABC", &found), STORE_OK);
	assert_int_equal(blocks_get(&txn, "DL33AB", &found), STORE_NOT_FOUND);
	commit(&txn);
	begin(&lab, &txn);
	store_generations(&txn, &after);
	assert_int_equal(after.access, before.access + 1);
	cursor = events_newest(&txn);
	assert_int_equal(blocks_add(&txn, "DL1ABC", &block), STORE_OK); /* replaces */
	assert_int_equal(blocks_count(&txn), 50);
	assert_int_equal(blocks_add(&txn, "ABCDEFGHIJ", &block), STORE_OK); /* makes room */
	assert_int_equal(blocks_count(&txn), 50);
	assert_int_equal(blocks_get(&txn, "DL33ABC", &found), STORE_NOT_FOUND);
	assert_int_equal(events_follow(&txn, &cursor, 100, &lapped, hear, &heard), 3);
	assert_int_equal(heard.types[EVENT_BLOCK_REMOVE], 1);
	assert_int_equal(heard.types[EVENT_BLOCK_ADD], 2);
	assert_string_equal(heard.event.call, "ABCDEFGHIJ");
	assert_int_equal(heard.event.until, block.until_real);
	assert_int_equal(heard.event.block_until, block.until);
	assert_int_equal(heard.event.block_reason, BLOCK_TIMEOUT);
	call[0] = '\0';
	while (blocks_walk(&txn, call, 7, count_block, &count) == 7)
		;
	assert_int_equal(count, 50);
	assert_int_equal(blocks_remove(&txn, "ABCDEFGHIJ"), STORE_OK);
	assert_int_equal(blocks_remove(&txn, "ABCDEFGHIJ"), STORE_NOT_FOUND);
	commit(&txn);
	lab_leave(&lab);
}

/* Callers that only have to pause end no block of an operator. */
static void test_operators_blocks(void **state)
{
	struct block_record pause = lab_block(100), block = lab_block(10), found;
	struct store_txn txn;
	struct lab lab;
	char call[CALL_MAX];

	(void)state;
	lab_enter(&lab);
	lab_open(&lab);
	begin(&lab, &txn);
	block.reason = BLOCK_OPERATOR;
	assert_int_equal(blocks_add(&txn, "DL1TMO", &pause), STORE_OK);
	for (unsigned i = 1; i < 50; i++) {
		snprintf(call, sizeof(call), "DL%uOPR", i);
		assert_int_equal(blocks_add(&txn, call, &block), STORE_OK);
	}
	assert_int_equal(blocks_add(&txn, "DL2TMO", &pause), STORE_OK);
	assert_int_equal(blocks_get(&txn, "DL1TMO", &found), STORE_NOT_FOUND);
	assert_int_equal(blocks_add(&txn, "DL0OPR", &block), STORE_OK);
	assert_int_equal(blocks_get(&txn, "DL2TMO", &found), STORE_NOT_FOUND);
	assert_int_equal(lab_counter(&lab, COUNT_STORE_ROOM_BLOCKS), 2);
	assert_int_equal(blocks_add(&txn, "DL3TMO", &pause), STORE_LIMIT);
	assert_int_equal(blocks_count(&txn), 50);
	block.until_real++;
	assert_int_equal(blocks_add(&txn, "DL99OPR", &block), STORE_OK);
	assert_int_equal(blocks_count(&txn), 50);
	commit(&txn);
	lab_leave(&lab);
}

static void test_durable_blocks(void **state)
{
	struct block_record block = lab_block(100);
	struct store_txn txn;
	struct lab lab;

	(void)state;
	lab_enter(&lab);
	lab.config.kind = STORE_STATE;
	lab_open(&lab);
	begin(&lab, &txn);
	assert_int_equal(blocks_add(&txn, "DL1ABC", &block), STORE_OK);
	store_meta_put(&txn, "applied", 77);
	commit(&txn);
	store_close(&lab.store);
	lab_open(&lab);
	assert_int_equal(store_read(lab.store, &txn), STORE_OK);
	assert_int_equal(blocks_count(&txn), 1);
	assert_int_equal(store_meta_get(&txn, "applied"), 77);
	assert_int_equal(events_newest(&txn), 0);
	assert_int_equal(store_entries(&txn, DB_EVENTS), 0);
	commit(&txn);
	lab_leave(&lab);
}

static void append(struct store_txn *txn, uint64_t time)
{
	struct event_record event = {.type = EVENT_STREAM_META, .meta = META_CALLS, .time = time};

	assert_int_equal(events_append(txn, &event), STORE_OK);
}

static void test_events(void **state)
{
	struct event_record bad = {.type = 99};
	struct heard heard = {.count = 0};
	uint64_t cursor = 0, i;
	struct store_txn txn;
	struct lab lab;
	bool lapped;

	(void)state;
	lab_enter(&lab);
	lab_open(&lab);
	begin(&lab, &txn);
	assert_int_equal(events_oldest(&txn), 0);
	assert_int_equal(events_follow(&txn, &cursor, 10, &lapped, hear, &heard), 0);
	assert_false(lapped);
	for (i = 1; i <= 999; i++)
		append(&txn, 1000 + i);
	assert_int_equal(events_follow(&txn, &cursor, 500, &lapped, hear, &heard), 500);
	assert_int_equal(events_follow(&txn, &cursor, 500, &lapped, hear, &heard), 499);
	assert_int_equal(cursor, 999);
	for (i = 1000; i <= 1500; i++) {
		append(&txn, 1000 + i);
		assert_true(store_entries(&txn, DB_EVENTS) <= 1000);
	}
	assert_int_equal(events_oldest(&txn), 501);
	assert_int_equal(events_newest(&txn), 1500);
	assert_int_equal(events_follow(&txn, &cursor, 1000, &lapped, hear, &heard), 501);
	cursor = 499;
	assert_int_equal(events_follow(&txn, &cursor, 10, &lapped, hear, &heard), 0);
	assert_true(lapped);
	assert_int_equal(cursor, 499);
	cursor = 500;
	heard.count = 0;
	assert_int_equal(events_follow(&txn, &cursor, 10, &lapped, hear, &heard), 10);
	assert_false(lapped);
	cursor = 1501; /* of another store */
	assert_int_equal(events_follow(&txn, &cursor, 10, &lapped, hear, &heard), 0);
	assert_true(lapped);
	assert_int_equal(lab_counter(&lab, COUNT_EVENTS_LAPPED), 2);
	assert_int_equal(events_expire(&txn, 1000 + 601, 40), 40);
	assert_int_equal(events_expire(&txn, 1000 + 601, 400), 60);
	assert_int_equal(events_expire(&txn, 1000 + 601, 400), 0);
	assert_int_equal(events_oldest(&txn), 601);
	assert_int_equal(events_expire(&txn, UINT64_MAX, 10000), 900);
	assert_int_equal(events_oldest(&txn), 0);
	append(&txn, 1);
	assert_int_equal(events_newest(&txn), 1501);
	assert_int_equal(events_oldest(&txn), 1501);
	commit(&txn);
	begin(&lab, &txn);
	assert_int_equal(events_append(&txn, &bad), STORE_FAILED);
	assert_int_equal(store_end(&txn), STORE_FAILED);
	store_close(&lab.store);

	/* limits were lowered: the log shrinks as it is written */
	begin((lab.config.max_events = 1000, lab_open(&lab), &lab), &txn);
	for (i = 0; i < 900; i++)
		append(&txn, 5);
	commit(&txn);
	store_close(&lab.store);
	lab.config.max_events = 100;
	lab_open(&lab);
	begin(&lab, &txn);
	for (i = 0; i < 60; i++)
		append(&txn, 5);
	assert_int_equal(store_entries(&txn, DB_EVENTS), 100);
	commit(&txn);
	lab_leave(&lab);
}

/* Puts a record past every check, as a process gone wild might. */
static void raw_put(struct lab *lab, const char *db, const void *key, size_t key_size,
		    const void *value, size_t size)
{
	MDB_val name = {key_size, (void *)key}, data = {size, (void *)value};
	MDB_txn *txn;
	MDB_env *env;
	MDB_dbi dbi;

	assert_int_equal(mdb_env_create(&env), 0);
	mdb_env_set_maxdbs(env, 6);
	assert_int_equal(mdb_env_open(env, lab->path, MDB_NOSYNC | MDB_NOTLS, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, db, 0, &dbi), 0);
	assert_int_equal(mdb_put(txn, dbi, &name, &data, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void plant_hostile(struct lab *lab)
{
	static const uint8_t junk[300] = {1, 0xff, 0xff, 0xff};
	struct client_key key = lab_key(500, PORT);
	struct stream_record misplaced = lab_stream(22, 1);

	misplaced.version = RECORD_VERSION;
	misplaced.id = 5;
	raw_put(lab, "clients", &key, sizeof(key), junk, sizeof(struct client_record));
	raw_put(lab, "clients", "", 1, junk, 1);
	raw_put(lab, "clients", "a long key that is none of ours at all", 38, junk, 5);
	raw_put(lab, "client_ids", "\0\0\x7f\x7f", 4, junk, 3);
	raw_put(lab, "streams", "\0\0\0\x05", 4, junk, 10);
	raw_put(lab, "streams", "\0\0\0\x06", 4, &misplaced, sizeof(misplaced));
	raw_put(lab, "streams", "\1", 1, junk, 10);
	raw_put(lab, "blocks", "DL1ABC\0\0\0\0\0", 11, junk, 64);
	raw_put(lab, "blocks", "DL1\0BC\0\0\0\0\0", 11, junk, 64);
	raw_put(lab, "blocks", "DL1ABC", 6, junk, 64);
	raw_put(lab, "events", "\0\0\0\0\0\0\0\2", 8, junk, sizeof(struct event_record));
	raw_put(lab, "events", "\xff\xff\xff\xff\xff\xff\xff\xff", 8, junk, 3);
	raw_put(lab, "events", "\0\0\0\0\0\0\0\2x", 9, junk, 3);
	raw_put(lab, "meta", "n.spoilt", 8, junk, 3);
}

static void test_hostile(void **state)
{
	struct client_key start = {{0}, {0}, {0}}, key = lab_key(500, PORT), back;
	struct stream_record stream = lab_stream(5, 1);
	struct block_record block = lab_block(10), found;
	struct walk walk = {.count = 0};
	struct heard heard = {.count = 0};
	struct client_record record;
	char call[CALL_MAX] = "";
	unsigned count = 0, seen;
	struct store_txn txn;
	uint64_t cursor = 0;
	struct lab lab;
	bool lapped;

	(void)state;
	lab_enter(&lab);
	lab_open(&lab);
	begin(&lab, &txn);
	link_one(&txn, 400, PORT);
	link_one(&txn, 600, PORT);
	append(&txn, 5);
	commit(&txn);
	store_close(&lab.store);
	plant_hostile(&lab);
	lab_open(&lab);
	assert_false(lab.set_aside);
	assert_int_equal(store_read(lab.store, &txn), STORE_OK);
	assert_int_equal(clients_get(&txn, &key, &record), STORE_BAD_RECORD);
	assert_int_equal(clients_by_id(&txn, 0x7f7f, &back), STORE_BAD_RECORD);
	assert_int_equal(clients_walk(&txn, &start, 100, walk_note, &walk), 3);
	assert_int_equal(walk.count, 2);
	streams_walk(&txn, count_stream, &count);
	assert_int_equal(count, 0);
	assert_int_equal(blocks_get(&txn, "DL1ABC", &found), STORE_BAD_RECORD);
	seen = blocks_walk(&txn, call, 100, count_block, &count);
	assert_int_equal(seen, 1);
	assert_int_equal(count, 0);
	assert_int_equal(store_meta_get(&txn, "spoilt"), 0);
	heard.last = 0;
	assert_int_equal(events_follow(&txn, &cursor, 1, &lapped, hear, &heard), 1);
	heard.count = 0;
	events_follow(&txn, &cursor, 100, &lapped, hear, &heard);
	assert_int_equal(cursor, 3);
	assert_int_equal(heard.count, 1);
	commit(&txn);
	assert_true(lab_counter(&lab, COUNT_STORE_BAD_RECORD) >= 10);

	/* and none of it keeps anybody out */
	begin(&lab, &txn);
	record = lab_client("DB0ABC");
	assert_int_equal(clients_link(&txn, &key, &record), STORE_OK);
	assert_int_equal(streams_open(&txn, &stream), STORE_OK);
	assert_int_equal(stream.lane, 0);
	assert_int_equal(blocks_add(&txn, "DL1ABC", &block), STORE_OK);
	append(&txn, 5);
	assert_int_equal(clients_unlink(&txn, &key, REASON_KICK), STORE_OK);
	assert_int_equal(events_expire(&txn, UINT64_MAX, 1000), 10);
	commit(&txn);
	lab_leave(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clients),	       cmocka_unit_test(test_client_home),
		cmocka_unit_test(test_client_bounds),  cmocka_unit_test(test_client_walk),
		cmocka_unit_test(test_streams),	       cmocka_unit_test(test_stream_bounds),
		cmocka_unit_test(test_unlink_closes),  cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_operators_blocks),
		cmocka_unit_test(test_durable_blocks), cmocka_unit_test(test_events),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
