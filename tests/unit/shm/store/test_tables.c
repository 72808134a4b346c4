/* SPDX-License-Identifier: ISC
 *
 * NAME      test_tables - tests of the tables of edition 3
 * PURPOSE   saved DG-IDs, who is away, transmissions of callers, infos, metas, dashboards, stations:
 *           their rules, bounds and ends; and that a store below edition 3 has none of them
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

static void enter(struct lab *lab, struct store_txn *txn)
{
	lab_enter(lab);
	lab_open(lab);
	begin(lab, txn);
}

static uint32_t link_one(struct store_txn *txn, const struct client_key *key, const char *name)
{
	struct client_record record = lab_client(name);

	assert_int_equal(clients_link(txn, key, &record), STORE_OK);
	return record.id;
}

/* ---- saved ---- */

static void test_saved(void **state)
{
	const uint8_t here[16] = {1}, there[16] = {2};
	struct saved_record record;
	struct saved_key key;
	struct store_txn txn;
	struct lab lab;

	(void)state;
	enter(&lab, &txn);
	assert_int_equal(saved_lookup(&txn, "DB0ABC", here, &record), STORE_NOT_FOUND);
	assert_int_equal(saved_put(&txn, "DB0ABC", here, 22, 100), STORE_OK);
	assert_int_equal(saved_put(&txn, "DB0ABC", there, 50, 200), STORE_OK);
	assert_int_equal(saved_count(&txn), 3);
	assert_int_equal(saved_lookup(&txn, "DB0ABC", here, &record), STORE_OK);
	assert_int_equal(record.dgid, 22);
	/* from a new address: where it was left last */
	assert_int_equal(saved_lookup(&txn, "DB0ABC", (const uint8_t[16]){3}, &record), STORE_OK);
	assert_int_equal(record.dgid, 50);
	assert_int_equal(record.when, 200);
	assert_int_equal(saved_get(&txn, "DB0ABC", (const uint8_t[16]){3}, &record),
			 STORE_NOT_FOUND);
	assert_int_equal(saved_lookup(&txn, "DB0AB", here, &record), STORE_NOT_FOUND);
	assert_int_equal(saved_lookup(&txn, "", here, &record), STORE_NOT_FOUND);
	/* an older choice changes nothing, the same one may come again */
	assert_int_equal(saved_put(&txn, "DB0ABC", here, 9, 150), STORE_OK);
	assert_int_equal(saved_get(&txn, "DB0ABC", here, &record), STORE_OK);
	assert_int_equal(record.dgid, 9);
	assert_int_equal(saved_get(&txn, "DB0ABC", NULL, &record), STORE_OK);
	assert_int_equal(record.dgid, 50);
	assert_int_equal(saved_count(&txn), 3);
	assert_int_equal(saved_put(&txn, "DB0ABC", here, 0, 300), STORE_BAD_RECORD);
	assert_int_equal(saved_put(&txn, "DB0ABC", here, 128, 300), STORE_BAD_RECORD);
	assert_int_equal(saved_put(&txn, "DB0ABCDEFGH", here, 9, 300), STORE_BAD_RECORD);
	memset(&key, 0, sizeof(key));
	strcpy(key.name, "DB0ABC");
	assert_int_equal(saved_remove(&txn, &key), STORE_OK);
	assert_int_equal(saved_remove(&txn, &key), STORE_NOT_FOUND);
	assert_int_equal(saved_count(&txn), 2);
	assert_int_equal(store_entries(&txn, DB_SAVED_AGES), 2);
	commit(&txn);
	lab_leave(&lab);
}

struct saved_seen {
	unsigned count;
	uint64_t oldest;
};

static bool see_saved(const struct saved_key *key, const struct saved_record *record, void *arg)
{
	struct saved_seen *seen = arg;

	assert_int_equal(key->name[0], 'D');
	if (seen->count++ == 0 || record->when < seen->oldest)
		seen->oldest = record->when;
	return true;
}

/* The oldest choices make room, whatever their names. */
static void test_saved_bound(void **state)
{
	struct saved_seen seen = {0, 0};
	struct saved_key key;
	struct store_txn txn;
	char name[CALL_MAX];
	struct lab lab;
	unsigned i;

	(void)state;
	lab_enter(&lab);
	lab.config.max_saved = 100;
	lab_open(&lab);
	begin(&lab, &txn);
	for (i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "D%u", i * 7919 % 500);
		assert_int_equal(saved_put(&txn, name, NULL, 22, 1000 + i), STORE_OK);
		assert_true(saved_count(&txn) <= 100);
	}
	memset(&key, 0, sizeof(key));
	while (saved_walk(&txn, &key, 7, see_saved, &seen) == 7)
		;
	assert_int_equal(seen.count, 100);
	assert_int_equal(seen.oldest, 1400);
	assert_int_equal(store_entries(&txn, DB_SAVED_AGES), 100);
	/* who is there already takes nobody's room */
	assert_int_equal(saved_put(&txn, name, NULL, 50, 2000), STORE_OK);
	assert_int_equal(saved_count(&txn), 100);
	assert_int_equal(lab_counter(&lab, COUNT_STORE_ROOM_SAVED), 400);
	commit(&txn);
	lab_leave(&lab);
}

static void test_saved_lowered_bound(void **state)
{
	struct store_txn txn;
	char name[CALL_MAX];
	struct lab lab;
	unsigned i;

	(void)state;
	enter(&lab, &txn);
	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "D%u", i);
		saved_put(&txn, name, NULL, 22, 1000 + i);
	}
	commit(&txn);
	store_close(&lab.store);
	lab.config.max_saved = 50;
	lab_open(&lab);
	begin(&lab, &txn);
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "E%u", i);
		assert_int_equal(saved_put(&txn, name, NULL, 22, 5000 + i), STORE_OK);
	}
	assert_int_equal(saved_count(&txn), 50);
	commit(&txn);
	lab_leave(&lab);
}

/* ---- away ---- */

static bool see_away(const struct client_key *key, const struct away_record *record, void *arg)
{
	unsigned *count = arg;

	(void)key;
	assert_true(record->client > 0);
	(*count)++;
	return true;
}

/* Kept by what happens to the gateways. */
static void test_away(void **state)
{
	struct client_key key = lab_key(1, PORT), start;
	struct client_place place;
	struct client_record client;
	struct away_record record;
	struct store_txn txn;
	unsigned count = 0;
	struct lab lab;
	uint32_t id;

	(void)state;
	enter(&lab, &txn);
	id = link_one(&txn, &key, "DB0ABC");
	clients_move(&txn, &key, 50, REASON_RADIO);
	assert_int_equal(away_get(&txn, &key, &record), STORE_NOT_FOUND); /* no home */
	assert_int_equal(clients_home(&txn, &key, 9, 900, REASON_OPTIONS), STORE_OK);
	assert_int_equal(away_get(&txn, &key, &record), STORE_NOT_FOUND);
	clients_move(&txn, &key, 50, REASON_RADIO);
	assert_int_equal(away_get(&txn, &key, &record), STORE_OK);
	assert_int_equal(record.client, id);
	assert_true(record.heard > 0);
	assert_int_equal(away_heard(&txn, &key, record.heard + 5), STORE_OK);
	assert_int_equal(away_heard(&txn, &key, record.heard - 5), STORE_OK);
	count = (unsigned)(record.heard + 5);
	assert_int_equal(away_get(&txn, &key, &record), STORE_OK);
	assert_int_equal((unsigned)record.heard, count);
	memset(&start, 0, sizeof(start));
	count = 0;
	assert_int_equal(away_walk(&txn, &start, 10, see_away, &count), 1);
	assert_int_equal(count, 1);
	clients_move(&txn, &key, 9, REASON_HOME);
	assert_int_equal(away_get(&txn, &key, &record), STORE_NOT_FOUND);
	assert_int_equal(away_heard(&txn, &key, 5), STORE_NOT_FOUND);
	/* a home that goes while it is away */
	clients_move(&txn, &key, 50, REASON_RADIO);
	assert_int_equal(clients_get(&txn, &key, &client), STORE_OK);
	place = client_place(&client);
	assert_int_equal(place.flags, CLIENT_OPTIONED);
	place.home = 0;
	place.flags = 0;
	assert_int_equal(clients_place(&txn, &key, &place, REASON_LISTED), STORE_OK);
	assert_int_equal(away_count(&txn), 0);
	/* one that it gets while it is elsewhere */
	place.home = 22;
	place.seconds = 60;
	assert_int_equal(clients_place(&txn, &key, &place, REASON_LISTED), STORE_OK);
	assert_int_equal(away_count(&txn), 1);
	clients_unlink(&txn, &key, REASON_UNLINK);
	assert_int_equal(away_count(&txn), 0);
	commit(&txn);
	lab_leave(&lab);
}

/* ---- places ---- */

static void note_event(uint64_t number, const struct event_record *event, void *arg)
{
	(void)number;
	*(struct event_record *)arg = *event;
}

static void test_place(void **state)
{
	struct client_place place = {.dgid = 9, .flags = CLIENT_FIXED};
	struct client_key key = lab_key(1, PORT);
	struct event_record event = {.type = 0};
	struct client_record client;
	struct store_txn txn;
	struct lab lab;
	uint64_t cursor;
	bool lapped;

	(void)state;
	enter(&lab, &txn);
	assert_int_equal(clients_place(&txn, &key, &place, REASON_LISTED), STORE_NOT_FOUND);
	link_one(&txn, &key, "DB0ABC");
	assert_int_equal(clients_place(&txn, &key, &place, REASON_LISTED), STORE_OK);
	assert_int_equal(clients_get(&txn, &key, &client), STORE_OK);
	assert_int_equal(client.dgid, 9);
	assert_int_equal(client.flags, CLIENT_FIXED);
	assert_false(client_movable(&client));
	assert_int_equal(clients_home(&txn, &key, 50, 60, REASON_OPTIONS), STORE_EXISTS);
	cursor = 1;
	assert_int_equal(events_follow(&txn, &cursor, 10, &lapped, note_event, &event), 1);
	assert_int_equal(event.type, EVENT_CLIENT_DGID);
	assert_int_equal(event.reason, REASON_LISTED);
	assert_int_equal(event.old_dgid, 22);
	/* the same again is no news, another flag alone is */
	assert_int_equal(clients_place(&txn, &key, &place, REASON_LISTED), STORE_OK);
	assert_int_equal(events_newest(&txn), 2);
	place.flags = 0;
	assert_int_equal(clients_place(&txn, &key, &place, REASON_LISTED), STORE_OK);
	assert_int_equal(events_newest(&txn), 3);
	assert_int_equal(clients_get(&txn, &key, &client), STORE_OK);
	assert_true(client_movable(&client));
	place.dgid = 128;
	assert_int_equal(clients_place(&txn, &key, &place, REASON_LISTED), STORE_BAD_RECORD);
	commit(&txn);
	lab_leave(&lab);
}

/* ---- ptts ---- */

static void test_ptts(void **state)
{
	const uint64_t t = 1000 * NS_PER_SEC, window = 5 * NS_PER_SEC;
	struct ptt_record record;
	struct store_txn txn;
	struct lab lab;
	unsigned count, i;

	(void)state;
	enter(&lab, &txn);
	assert_int_equal(ptts_add(&txn, "DL1ABC", t, window, &count), STORE_OK);
	assert_int_equal(count, 1);
	ptts_add(&txn, "DL1ABC", t + 2 * NS_PER_SEC, window, &count);
	assert_int_equal(count, 2);
	ptts_add(&txn, "DL1ABD", t + 2 * NS_PER_SEC, window, &count);
	assert_int_equal(count, 1);
	ptts_add(&txn, "DL1ABC", t + 5 * NS_PER_SEC, window, &count);
	assert_int_equal(count, 3); /* the first is just not too old */
	ptts_add(&txn, "DL1ABC", t + 8 * NS_PER_SEC, window, &count);
	assert_int_equal(count, 2);
	/* a clock read earlier than the one before */
	ptts_add(&txn, "DL1ABC", t + 7 * NS_PER_SEC, window, &count);
	assert_int_equal(count, 3);
	for (i = 0; i < 100; i++)
		ptts_add(&txn, "DL1ABC", t + 9 * NS_PER_SEC + i, window, &count);
	assert_int_equal(count, PTT_STARTS);
	assert_int_equal(ptts_get(&txn, "DL1ABC", &record), STORE_OK);
	assert_int_equal(record.start[PTT_STARTS - 1], t + 9 * NS_PER_SEC + 99);
	assert_int_equal(ptts_add(&txn, "", t, window, &count), STORE_BAD_RECORD);
	assert_int_equal(ptts_count(&txn), 2);
	assert_int_equal(store_entries(&txn, DB_PTT_AGES), 2);
	assert_int_equal(ptts_expire(&txn, t + 9 * NS_PER_SEC, 10), 1);
	assert_int_equal(ptts_get(&txn, "DL1ABD", &record), STORE_NOT_FOUND);
	assert_int_equal(ptts_remove(&txn, "DL1ABC"), STORE_OK);
	assert_int_equal(ptts_remove(&txn, "DL1ABC"), STORE_NOT_FOUND);
	assert_int_equal(store_entries(&txn, DB_PTT_AGES), 0);
	commit(&txn);
	lab_leave(&lab);
}

static void test_ptts_bound(void **state)
{
	struct ptt_record record;
	struct store_txn txn;
	char call[CALL_MAX];
	struct lab lab;
	unsigned i, count;

	(void)state;
	lab_enter(&lab);
	lab.config.max_ptts = 16;
	lab_open(&lab);
	begin(&lab, &txn);
	for (i = 0; i < 100; i++) {
		ptts_add(&txn, "DL1ABC", 1000 + i, NS_PER_SEC, &count); /* goes on: stays */
		snprintf(call, sizeof(call), "A%uB", i);
		ptts_add(&txn, call, 1000 + i, NS_PER_SEC, &count);
		assert_true(ptts_count(&txn) <= 16);
	}
	assert_int_equal(ptts_get(&txn, "DL1ABC", &record), STORE_OK);
	assert_int_equal(record.count, PTT_STARTS);
	assert_int_equal(ptts_get(&txn, "A84B", &record), STORE_NOT_FOUND);
	assert_int_equal(ptts_get(&txn, "A85B", &record), STORE_OK);
	assert_int_equal(lab_counter(&lab, COUNT_STORE_ROOM_PTTS), 85);
	commit(&txn);
	lab_leave(&lab);
}

/* ---- infos ---- */

static void test_infos(void **state)
{
	struct info_record info = {.rx_hz = 438000000, .locator = "JN53GC", .town = "Firenze"};
	struct client_key key = lab_key(1, PORT);
	struct info_record found;
	struct store_txn txn;
	struct lab lab;

	(void)state;
	enter(&lab, &txn);
	assert_int_equal(infos_put(&txn, &key, &info), STORE_NOT_FOUND);
	link_one(&txn, &key, "DB0ABC");
	assert_int_equal(infos_get(&txn, &key, &found), STORE_NOT_FOUND);
	assert_int_equal(infos_put(&txn, &key, &info), STORE_OK);
	assert_int_equal(infos_put(&txn, &key, &info), STORE_OK);
	assert_int_equal(infos_get(&txn, &key, &found), STORE_OK);
	assert_int_equal(found.rx_hz, 438000000);
	assert_string_equal(found.town, "Firenze");
	info.town[0] = '\n';
	assert_int_equal(infos_put(&txn, &key, &info), STORE_BAD_RECORD);
	clients_unlink(&txn, &key, REASON_UNLINK);
	assert_int_equal(infos_count(&txn), 0);
	commit(&txn);
	lab_leave(&lab);
}

/* ---- metas ---- */

static void test_metas(void **state)
{
	struct stream_record stream = lab_stream(22, 1), other = lab_stream(50, 2);
	struct meta_record meta = {.latitude = POSITION_NONE, .longitude = POSITION_NONE};
	struct event_record event = {.type = 0};
	struct meta_record found;
	struct store_txn txn;
	struct lab lab;
	uint64_t cursor = 0;
	bool lapped;

	(void)state;
	enter(&lab, &txn);
	memcpy(stream.fich, "\x01\x02\x03\x04", 4);
	assert_int_equal(streams_open(&txn, &stream), STORE_OK);
	events_follow(&txn, &cursor, 10, &lapped, note_event, &event);
	assert_int_equal(event.type, EVENT_STREAM_START);
	assert_string_equal(event.call, "DB0ABC");
	assert_memory_equal(event.fich, "\x01\x02\x03\x04", 4);
	meta.stream = stream.id;
	strcpy(meta.uplink, "IR5UAA    ");
	assert_int_equal(metas_put(&txn, 50, &meta), STORE_NOT_FOUND);
	assert_int_equal(metas_put(&txn, 22, &meta), STORE_OK);
	meta.latitude = 43767167;
	assert_int_equal(metas_put(&txn, 22, &meta), STORE_BAD_RECORD);
	meta.longitude = 11234567;
	meta.radio = 0x28;
	assert_int_equal(metas_put(&txn, 22, &meta), STORE_OK);
	assert_int_equal(metas_get(&txn, stream.id, &found), STORE_OK);
	assert_string_equal(found.uplink, "IR5UAA    ");
	assert_int_equal(metas_get(&txn, stream.id + 1, &found), STORE_NOT_FOUND);
	assert_int_equal(streams_open(&txn, &other), STORE_OK);
	assert_int_equal(metas_put(&txn, 50, &meta), STORE_NOT_FOUND);
	assert_int_equal(streams_close(&txn, 22, stream.id, REASON_TERMINATOR, NULL), STORE_OK);
	events_follow(&txn, &cursor, 10, &lapped, note_event, &event);
	assert_int_equal(event.type, EVENT_STREAM_END);
	assert_int_equal(event.latitude, 43767167);
	assert_int_equal(event.longitude, 11234567);
	assert_int_equal(event.radio, 0x28);
	assert_int_equal(metas_count(&txn), 0);
	streams_close(&txn, 50, other.id, REASON_TERMINATOR, NULL);
	events_follow(&txn, &cursor, 10, &lapped, note_event, &event);
	assert_int_equal(event.latitude, 0);
	assert_int_equal(event.longitude, 0);
	/* what a stream left behind whose record was damaged */
	stream = lab_stream(22, 1);
	streams_open(&txn, &stream);
	meta.stream = stream.id;
	metas_put(&txn, 22, &meta);
	assert_int_equal(metas_tidy(&txn), 0);
	store_del(&txn, DB_STREAMS, "\0\0\0\x16", 4);
	assert_int_equal(metas_tidy(&txn), 1);
	assert_int_equal(metas_count(&txn), 0);
	commit(&txn);
	lab_leave(&lab);
}

/* ---- dashboards ---- */

static bool see_dashboard(const struct client_key *key, const struct dashboard_record *record,
			  void *arg)
{
	unsigned *count = arg;

	(void)key;
	assert_true(record->since >= 1);
	(*count)++;
	return true;
}

static void test_dashboards(void **state)
{
	struct dashboard_record record = {.since = 1, .pinged = 1}, found;
	struct client_key key, start;
	unsigned i, count = 0;
	struct store_txn txn;
	struct lab lab;

	(void)state;
	enter(&lab, &txn);
	for (i = 0; i < DASHBOARDS_MAX; i++) {
		key = lab_key(i, PORT);
		assert_int_equal(dashboards_put(&txn, &key, &record), STORE_OK);
	}
	record.pinged = 2;
	assert_int_equal(dashboards_put(&txn, &key, &record), STORE_OK);
	assert_int_equal(dashboards_get(&txn, &key, &found), STORE_OK);
	assert_int_equal(found.pinged, 2);
	start = lab_key(i, PORT);
	assert_int_equal(dashboards_put(&txn, &start, &record), STORE_LIMIT);
	assert_int_equal(dashboards_del(&txn, &key), STORE_OK);
	assert_int_equal(dashboards_del(&txn, &key), STORE_NOT_FOUND);
	assert_int_equal(dashboards_put(&txn, &start, &record), STORE_OK);
	memset(&start, 0, sizeof(start));
	while (dashboards_walk(&txn, &start, 10, see_dashboard, &count) == 10)
		;
	assert_int_equal(count, DASHBOARDS_MAX);
	commit(&txn);
	lab_leave(&lab);
}

/* ---- stations ---- */

static bool see_station(const char *call, const struct station_record *record, void *arg)
{
	unsigned *count = arg;

	assert_int_equal(call[0], 'D');
	assert_true(record->heard_real >= 1084);
	(*count)++;
	return true;
}

static void test_stations(void **state)
{
	struct station_record record = {.latitude = 1, .longitude = -1}, found;
	char call[CALL_MAX] = "";
	struct store_txn txn;
	unsigned i, count = 0;
	struct lab lab;

	(void)state;
	lab_enter(&lab);
	lab.config.max_stations = 16;
	lab_open(&lab);
	begin(&lab, &txn);
	for (i = 0; i < 100; i++) {
		snprintf(call, sizeof(call), "D%uA", i);
		record.heard_real = 1000 + i;
		assert_int_equal(stations_put(&txn, call, &record), STORE_OK);
	}
	assert_int_equal(stations_count(&txn), 16);
	call[0] = '\0';
	while (stations_walk(&txn, call, 5, see_station, &count) == 5)
		;
	assert_int_equal(count, 16);
	assert_int_equal(stations_get(&txn, "D83A", &found), STORE_NOT_FOUND);
	assert_int_equal(stations_get(&txn, "D84A", &found), STORE_OK);
	assert_int_equal(found.longitude, -1);
	record.latitude = 90000001;
	assert_int_equal(stations_put(&txn, "D84A", &record), STORE_BAD_RECORD);
	assert_int_equal(stations_expire(&txn, 1090, 3), 3);
	assert_int_equal(stations_expire(&txn, 1090, 100), 3);
	assert_int_equal(stations_count(&txn), 10);
	assert_int_equal(store_entries(&txn, DB_STATION_AGES), 10);
	commit(&txn);
	lab_leave(&lab);
}

/* ---- what is damaged ---- */

/* A record that fails its check holds nobody up, is replaced by the next, and goes in its turn. */
static void test_damaged(void **state)
{
	struct saved_record found;
	struct saved_key key;
	struct store_txn txn;
	struct lab lab;
	char name[CALL_MAX];
	unsigned i;

	(void)state;
	lab_enter(&lab);
	lab.config.max_saved = 10;
	lab_open(&lab);
	begin(&lab, &txn);
	saved_put(&txn, "DB0ABC", NULL, 22, 100);
	saved_put(&txn, "DB0ABD", NULL, 22, 101);
	memset(&key, 0, sizeof(key));
	strcpy(key.name, "DB0ABC");
	store_put(&txn, DB_SAVED, &key, sizeof(key), "junk", 4, 0);
	strcpy(key.name, "DB0ABD");
	store_put(&txn, DB_SAVED, &key, sizeof(key), "junk", 4, 0);
	assert_int_equal(saved_get(&txn, "DB0ABC", NULL, &found), STORE_BAD_RECORD);
	assert_int_equal(saved_put(&txn, "DB0ABC", NULL, 50, 200), STORE_OK);
	assert_int_equal(saved_get(&txn, "DB0ABC", NULL, &found), STORE_OK);
	assert_int_equal(found.dgid, 50);
	for (i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "D%u", i);
		assert_int_equal(saved_put(&txn, name, NULL, 22, 150 + i), STORE_OK);
		assert_true(saved_count(&txn) <= 10);
	}
	assert_int_equal(saved_get(&txn, "DB0ABC", NULL, &found), STORE_OK);
	assert_int_equal(saved_get(&txn, "DB0ABD", NULL, &found), STORE_NOT_FOUND);
	/* keys that are none, in the index too */
	store_put(&txn, DB_SAVED_AGES, "\0", 1, "x", 1, 0);
	for (i = 10; i < 20; i++) {
		snprintf(name, sizeof(name), "D%u", i);
		assert_int_equal(saved_put(&txn, name, NULL, 22, 300 + i), STORE_OK);
	}
	assert_int_equal(saved_count(&txn), 10);
	assert_int_equal(store_entries(&txn, DB_SAVED_AGES), 10);
	assert_true(lab_counter(&lab, COUNT_STORE_BAD_RECORD) > 0);
	commit(&txn);
	lab_leave(&lab);
}

/* ---- editions ---- */

static void test_below_edition_3(void **state)
{
	struct event_record event = {.type = EVENT_STREAM_BUSY}, told = {.type = 0};
	struct client_place place = {.dgid = 9, .home = 22, .seconds = 9, .flags = CLIENT_FIXED};
	struct client_key key = lab_key(1, PORT);
	struct info_record info = {.rx_hz = 1};
	struct saved_record saved;
	struct client_record client;
	struct stream_record stream = lab_stream(STREAM_PRIVATE | 1, 1);
	struct store_txn txn;
	struct lab lab;
	uint64_t cursor;
	unsigned count;
	bool lapped;

	(void)state;
	enter(&lab, &txn);
	saved_put(&txn, "DB0ABC", NULL, 22, 100);
	assert_int_equal(store_set_edition(&txn, 2), STORE_OK);
	commit(&txn);
	begin(&lab, &txn);
	assert_int_equal(store_edition(&txn), 2);
	link_one(&txn, &key, "DB0ABC");
	assert_int_equal(saved_put(&txn, "DB0ABC", key.ip, 22, 200), STORE_NOT_FOUND);
	assert_int_equal(saved_lookup(&txn, "DB0ABC", key.ip, &saved), STORE_NOT_FOUND);
	assert_int_equal(infos_put(&txn, &key, &info), STORE_NOT_FOUND);
	assert_int_equal(ptts_add(&txn, "DL1ABC", 1, 1, &count), STORE_NOT_FOUND);
	assert_int_equal(count, 0);
	/* flags, reasons and events are told as far as that edition knows them */
	assert_int_equal(clients_place(&txn, &key, &place, REASON_LISTED), STORE_OK);
	assert_int_equal(clients_get(&txn, &key, &client), STORE_OK);
	assert_int_equal(client.flags, 0);
	assert_int_equal(client.dgid, 9);
	cursor = events_newest(&txn) - 1;
	events_follow(&txn, &cursor, 1, &lapped, note_event, &told);
	assert_int_equal(told.reason, REASON_NONE);
	assert_int_equal(events_append(&txn, &event), STORE_OK);
	assert_int_equal(events_newest(&txn), cursor);
	event = (struct event_record){.type = EVENT_ACCESS_REFUSED, .reason = REASON_SERIAL};
	assert_int_equal(events_append(&txn, &event), STORE_OK);
	events_follow(&txn, &cursor, 1, &lapped, note_event, &told);
	assert_int_equal(told.reason, REASON_CALL);
	stream.flags = STREAM_PARROT | STREAM_LATE;
	assert_int_equal(streams_open(&txn, &stream), STORE_OK);
	assert_int_equal(stream.flags, STREAM_LATE);
	assert_int_equal(store_entries(&txn, DB_AWAY), 0);
	assert_int_equal(txn.error, STORE_OK);
	commit(&txn);
	/* what lay there is found again */
	begin(&lab, &txn);
	store_set_edition(&txn, 3);
	assert_int_equal(saved_lookup(&txn, "DB0ABC", key.ip, &saved), STORE_OK);
	commit(&txn);
	lab_leave(&lab);
}

static void test_going_down(void **state)
{
	struct client_place place = {.dgid = 9, .home = 22, .seconds = 9, .flags = CLIENT_FIXED};
	struct client_key key = lab_key(1, PORT), start;
	struct stream_record stream = lab_stream(STREAM_PRIVATE | 1, 1), found;
	struct event_record event = {.type = EVENT_STREAM_START, .flags = STREAM_PARROT};
	struct client_record client;
	struct saved_record saved;
	struct store_txn txn;
	struct lab lab;

	(void)state;
	enter(&lab, &txn);
	assert_int_equal(event_edition(&event), 3);
	event.flags = STREAM_LATE;
	assert_int_equal(event_edition(&event), 1);
	event.reason = REASON_HOME;
	assert_int_equal(event_edition(&event), 3);
	event.type = EVENT_UPGRADE;
	event.reason = REASON_FAILED;
	assert_int_equal(event_edition(&event), 2);
	link_one(&txn, &key, "DB0ABC");
	saved_put(&txn, "DB0ABC", NULL, 22, 100);
	clients_place(&txn, &key, &place, REASON_LISTED);
	stream.flags = STREAM_PARROT | STREAM_LATE;
	streams_open(&txn, &stream);
	assert_int_equal(away_count(&txn), 1);
	memset(&start, 0, sizeof(start));
	assert_int_equal(clients_strip(&txn, &start, 10, 2), 1);
	streams_strip(&txn, 2);
	store_clear_newer(&txn, 2);
	assert_int_equal(clients_get(&txn, &key, &client), STORE_OK);
	assert_int_equal(client.flags, 0);
	assert_int_equal(client.home_dgid, 22);
	assert_int_equal(streams_get(&txn, stream.key, &found), STORE_OK);
	assert_int_equal(found.flags, STREAM_LATE);
	assert_int_equal(away_count(&txn), 0);
	assert_int_equal(saved_get(&txn, "DB0ABC", NULL, &saved), STORE_OK);
	commit(&txn);
	lab_leave(&lab);
}

/* A store of an earlier build has no such tables: served without, until its keeper makes them. */
static void test_tables_are_made(void **state)
{
	struct saved_record saved;
	struct store *keeper;
	struct store_txn txn;
	struct lab lab;
	MDB_dbi dbi;
	MDB_env *env;
	MDB_txn *mdb;

	(void)state;
	enter(&lab, &txn);
	commit(&txn);
	store_close(&lab.store);
	assert_int_equal(mdb_env_create(&env), 0);
	mdb_env_set_maxdbs(env, 20);
	assert_int_equal(mdb_env_open(env, lab.path, 0, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &mdb), 0);
	assert_int_equal(mdb_dbi_open(mdb, "saved", 0, &dbi), 0);
	assert_int_equal(mdb_drop(mdb, dbi, 1), 0);
	assert_int_equal(mdb_txn_commit(mdb), 0);
	mdb_env_close(env);

	lab.config.create = false;
	lab_open(&lab);
	begin(&lab, &txn);
	assert_int_equal(saved_put(&txn, "DB0ABC", NULL, 22, 100), STORE_NOT_FOUND);
	assert_int_equal(saved_count(&txn), 0);
	commit(&txn);
	store_close(&lab.store);
	lab.config.create = true;
	assert_int_equal(store_open(&keeper, &lab.config, NULL, lab.error), STORE_OK);
	store_close(&keeper);
	lab.config.create = false;
	lab_open(&lab);
	begin(&lab, &txn);
	assert_int_equal(saved_put(&txn, "DB0ABC", NULL, 22, 100), STORE_OK);
	assert_int_equal(saved_get(&txn, "DB0ABC", NULL, &saved), STORE_OK);
	commit(&txn);
	lab_leave(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_saved),
		cmocka_unit_test(test_saved_bound),
		cmocka_unit_test(test_saved_lowered_bound),
		cmocka_unit_test(test_away),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_ptts),
		cmocka_unit_test(test_ptts_bound),
		cmocka_unit_test(test_infos),
		cmocka_unit_test(test_metas),
		cmocka_unit_test(test_dashboards),
		cmocka_unit_test(test_stations),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_below_edition_3),
		cmocka_unit_test(test_going_down),
		cmocka_unit_test(test_tables_are_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
