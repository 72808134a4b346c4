/* SPDX-License-Identifier: ISC
 *
 * NAME      test_schema - tests of the records' checks
 * PURPOSE   what a good record is, and that each spoiled field is seen
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

static struct client_record good_client(void)
{
	struct client_record record = lab_client("DB0ABC");

	record.version = RECORD_VERSION;
	record.id = 1;
	return record;
}

static struct stream_record good_stream(void)
{
	struct stream_record record = lab_stream(22, 1);

	record.version = RECORD_VERSION;
	record.id = 1;
	return record;
}

#define REFUSED(type, make, spoil)                                                                 \
	do {                                                                                       \
		struct type##_record r = make, out_;                                               \
		assert_true(type##_record_check(&r, sizeof(r), &out_));                            \
		spoil;                                                                             \
		assert_false(type##_record_check(&r, sizeof(r), &out_));                           \
	} while (0)

static void test_client(void **state)
{
	struct client_record record = good_client(), out;

	(void)state;
	assert_true(client_record_check(&record, sizeof(record), &out));
	assert_memory_equal(&record, &out, sizeof(record));
	assert_false(client_record_check(&record, sizeof(record) - 1, &out));
	assert_false(client_record_check(&record, 0, &out));
	record.reserved = 0xff;
	assert_true(client_record_check(&record, sizeof(record), &out));
	REFUSED(client, good_client(), r.version = 2);
	REFUSED(client, good_client(), r.flags = 64);
	REFUSED(client, good_client(), r.dgid = 128);
	REFUSED(client, good_client(), r.home_dgid = 128);
	REFUSED(client, good_client(), r.id = 0);
	REFUSED(client, good_client(), r.id = STREAM_PRIVATE);
	REFUSED(client, good_client(), memset(r.name, 'A', sizeof(r.name)));
	REFUSED(client, good_client(), r.name[2] = '\n');
	REFUSED(client, good_client(), r.name[2] = (char)0xe4);
	REFUSED(client, good_client(), r.name[2] = 0x7f);
}

static void test_stream(void **state)
{
	(void)state;
	REFUSED(stream, good_stream(), r.version = 0);
	REFUSED(stream, good_stream(), r.flags = 16);
	REFUSED(stream, good_stream(), r.dgid = 200);
	REFUSED(stream, good_stream(), r.id = 0);
	REFUSED(stream, good_stream(), r.id = STREAM_ID_MAX + 1);
	REFUSED(stream, good_stream(), r.lane = STREAM_LANES_MAX);
	REFUSED(stream, good_stream(), r.client = 0);
	REFUSED(stream, good_stream(), r.key = 128);
	REFUSED(stream, good_stream(), r.key = STREAM_PRIVATE | 2);
	REFUSED(stream, good_stream(), memset(r.gateway, 'A', sizeof(r.gateway)));
	REFUSED(stream, good_stream(), memset(r.tag, 'A', sizeof(r.tag)));
	REFUSED(stream, good_stream(), r.source[0] = 1);
	REFUSED(stream, good_stream(), r.dest[0] = 0x1b);
}

static void test_block(void **state)
{
	struct block_record good = lab_block(1);

	(void)state;
	good.version = RECORD_VERSION;
	REFUSED(block, good, r.version = 9);
	REFUSED(block, good, r.reason = 0);
	REFUSED(block, good, r.reason = BLOCK_OPERATOR + 1);
	REFUSED(block, good, memset(r.by, 'A', sizeof(r.by)));
}

static void test_event(void **state)
{
	struct event_record good = {.version = RECORD_VERSION, .type = EVENT_STREAM_END};

	(void)state;
	REFUSED(event, good, r.version = 0);
	REFUSED(event, good, r.type = 0);
	REFUSED(event, good, r.type = 255);
	REFUSED(event, good, r.reason = 7);
	REFUSED(event, good, r.reason = 255);
	REFUSED(event, good, r.dgid = 128);
	REFUSED(event, good, r.old_dgid = 128);
	REFUSED(event, good, r.flags = 128);
	REFUSED(event, good, r.has_key = 2);
	REFUSED(event, good, r.stream = STREAM_ID_MAX + 1);
	REFUSED(event, good, r.block_reason = 4);
	REFUSED(event, good, memset(r.slot, 'A', sizeof(r.slot)));
	REFUSED(event, good, memset(r.gateway, 'A', sizeof(r.gateway)));
	REFUSED(event, good, memset(r.source, 'A', sizeof(r.source)));
	REFUSED(event, good, memset(r.dest, 'A', sizeof(r.dest)));
	REFUSED(event, good, memset(r.call, 'A', sizeof(r.call)));
}

static struct event_record good_meta(void)
{
	return (struct event_record){
		.version = RECORD_VERSION,
		.type = EVENT_STREAM_META,
		.meta = META_CALLS,
	};
}

static void test_event_meta(void **state)
{
	struct event_record end = {.version = RECORD_VERSION, .type = EVENT_STREAM_END};

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		REFUSED(event, good_meta(), memset(r.text[i], 'A', sizeof(r.text[i])));
	REFUSED(event, good_meta(), r.text[1][0] = 1);
	REFUSED(event, good_meta(), r.meta = 0);
	REFUSED(event, good_meta(), r.meta = META_POSITION + 1);
	REFUSED(event, good_meta(), r.latitude = 90000001);
	REFUSED(event, good_meta(), r.longitude = -180000001);
	REFUSED(event, end, r.latitude = POSITION_NONE);
	REFUSED(event, end, r.longitude = 180000001);
	end.latitude = end.longitude = POSITION_NONE;
	assert_true(event_record_check(&end, sizeof(end), &end));
	end.type = EVENT_BLOCK_ADD; /* there those bytes are times */
	end.until = UINT64_MAX - 1;
	assert_true(event_record_check(&end, sizeof(end), &end));
}

static void test_tables(void **state)
{
	struct saved_record saved = {.version = RECORD_VERSION, .dgid = 99};
	struct away_record away = {.version = RECORD_VERSION, .client = 1};
	struct ptt_record ptt = {.version = RECORD_VERSION, .count = 2, .start = {1, 1}};
	struct info_record info = {.version = RECORD_VERSION, .locator = "JN53GC"};
	struct meta_record meta = {.version = RECORD_VERSION, .stream = 1, .rem12 = "          "};
	struct dashboard_record dashboard = {.version = RECORD_VERSION};
	struct station_record station = {.version = RECORD_VERSION, .latitude = -90000000};

	(void)state;
	REFUSED(saved, saved, r.version = 2);
	REFUSED(saved, saved, r.dgid = 0);
	REFUSED(saved, saved, r.dgid = 128);
	REFUSED(away, away, r.version = 0);
	REFUSED(away, away, r.client = 0);
	REFUSED(away, away, r.client = STREAM_PRIVATE);
	REFUSED(ptt, ptt, r.version = 0);
	REFUSED(ptt, ptt, r.count = 0);
	REFUSED(ptt, ptt, r.count = PTT_STARTS + 1);
	REFUSED(ptt, ptt, r.start[0] = 2);
	REFUSED(info, info, r.version = 0);
	REFUSED(info, info, memset(r.locator, 'A', sizeof(r.locator)));
	REFUSED(info, info, memset(r.town, 'A', sizeof(r.town)));
	REFUSED(info, info, memset(r.type, 'A', sizeof(r.type)));
	REFUSED(info, info, r.id[0] = '\t');
	REFUSED(meta, meta, r.version = 0);
	REFUSED(meta, meta, r.stream = 0);
	REFUSED(meta, meta, r.stream = STREAM_ID_MAX + 1);
	REFUSED(meta, meta, r.latitude = -90000001);
	REFUSED(meta, meta, r.longitude = POSITION_NONE);
	REFUSED(meta, meta, r.csd_dest[0] = 1);
	REFUSED(meta, meta, r.csd_source[0] = 1);
	REFUSED(meta, meta, r.uplink[0] = 1);
	REFUSED(meta, meta, r.downlink[0] = 1);
	REFUSED(meta, meta, r.rem12[10] = 'A');
	REFUSED(meta, meta, r.rem34[0] = 0x7f);
	REFUSED(dashboard, dashboard, r.version = 7);
	REFUSED(station, station, r.version = 0);
	REFUSED(station, station, r.latitude--);
	REFUSED(station, station, r.longitude = POSITION_NONE);
}

static void test_editions(void **state)
{
	(void)state;
	assert_int_equal(client_flags(2) & (CLIENT_FIXED | CLIENT_AUX | CLIENT_OPTIONED), 0);
	assert_int_equal(stream_flags(2) & STREAM_PARROT, 0);
	assert_int_equal(event_type_edition(EVENT_CLIENT_LINK), 1);
	assert_int_equal(event_type_edition(EVENT_UPGRADE), 2);
	assert_int_equal(event_type_edition(EVENT_LIST_LOADED), 3);
	assert_int_equal(event_reason_edition(REASON_LIST), 1);
	assert_int_equal(event_reason_edition(REASON_FAILED), 2);
	assert_int_equal(event_reason_edition(REASON_HOME), 3);
}

static void test_keys_and_names(void **state)
{
	struct addr addr = {.ip = {1, 2, 3}, .port = 0x1234}, back;
	struct client_key key;

	(void)state;
	client_key_make(&key, &addr, 0x0102);
	assert_memory_equal(key.ip, addr.ip, 16);
	assert_int_equal(key.port[0], 0x12);
	assert_int_equal(key.listen[1], 0x02);
	assert_int_equal(client_key_listener(&key), 0x0102);
	client_key_addr(&key, &back);
	assert_memory_equal(&addr, &back, sizeof(addr));
	assert_string_equal(event_type_name(EVENT_CLIENT_LINK), "client.link");
	assert_string_equal(event_type_name(EVENT_SLOT_DOWN), "slot.down");
	assert_string_equal(event_type_name(0), "?");
	assert_string_equal(event_reason_name(REASON_WATCHDOG), "watchdog");
	assert_string_equal(event_reason_name(9), "?");
	assert_string_equal(event_reason_name(99), "?");
	assert_string_equal(block_reason_name(BLOCK_WILD_PTT), "wild_ptt");
	assert_string_equal(block_reason_name(0), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client),	       cmocka_unit_test(test_stream),
		cmocka_unit_test(test_block),	       cmocka_unit_test(test_event),
		cmocka_unit_test(test_event_meta),     cmocka_unit_test(test_tables),
		cmocka_unit_test(test_editions),       cmocka_unit_test(test_keys_and_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
