/* SPDX-License-Identifier: ISC
 *
 * NAME      test_json - tests of the records' JSON
 * PURPOSE   keys and values that shackctl promises
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shm/store/json.h"
#include "tests/unit/shm/store/lab.h"

static const char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	assert_non_null(text);
	return text;
}

static long long number_of(json_t *object, const char *key)
{
	assert_true(json_is_integer(json_object_get(object, key)));
	return json_integer_value(json_object_get(object, key));
}

static void test_client(void **state)
{
	struct client_record record = lab_client("DB0ABC");
	struct client_key key = lab_key(258, 42001);
	json_t *object;

	(void)state;
	record.id = 12;
	record.flags = CLIENT_STATIC;
	record.polled = 1000 * NS_PER_MS;
	record.linked_real = 1700000000ULL * NS_PER_SEC + 5;
	object = json_client(&key, &record, true, 3500 * NS_PER_MS);
	assert_string_equal(text_of(object, "id"), "c12");
	assert_string_equal(text_of(object, "gateway"), "DB0ABC");
	assert_string_equal(text_of(object, "address"), "127.0.1.2");
	assert_int_equal(number_of(object, "port"), 42001);
	assert_int_equal(number_of(object, "dgid"), 22);
	assert_int_equal(number_of(object, "home_dgid"), 0);
	assert_int_equal(number_of(object, "connected"), 1700000000);
	assert_true(json_is_true(json_object_get(object, "fixed")));
	assert_true(json_is_true(json_object_get(object, "blocked")));
	assert_true(json_is_false(json_object_get(object, "muted")));
	assert_true(json_real_value(json_object_get(object, "idle")) == 2.5);
	json_decref(object);
}

static void test_stream_and_block(void **state)
{
	struct stream_record stream = lab_stream(22, 3);
	struct block_record block = lab_block(1);
	json_t *object;

	(void)state;
	stream.id = 4711;
	object = json_stream(&stream, 50, 2);
	assert_int_equal(number_of(object, "id"), 4711);
	assert_int_equal(number_of(object, "dgid"), 22);
	assert_int_equal(number_of(object, "frames"), 50);
	assert_int_equal(number_of(object, "lost"), 2);
	assert_string_equal(text_of(object, "gateway"), "DB0ABC");
	assert_string_equal(text_of(object, "source"), "DL1ABC");
	assert_true(number_of(object, "started") > 0);
	json_decref(object);

	block.until_real = 1700000000ULL * NS_PER_SEC;
	object = json_block("DL1ABC", &block);
	assert_string_equal(text_of(object, "call"), "DL1ABC");
	assert_string_equal(text_of(object, "reason"), "timeout");
	assert_int_equal(number_of(object, "until"), 1700000000);
	json_decref(object);
	block.until_real = BLOCK_FOREVER;
	object = json_block("DL1ABC", &block);
	assert_true(json_is_null(json_object_get(object, "until")));
	json_decref(object);
}

static void test_events(void **state)
{
	struct event_record event = {
		.time = 1700000000ULL * NS_PER_SEC + 250 * NS_PER_MS,
		.slot = "ysf.0",
		.generation = 3,
		.client = 9,
		.has_key = 1,
		.key = lab_key(1, 42000),
		.gateway = "DB0ABC",
		.reason = REASON_TERMINATOR,
		.stream = 77,
		.frames = 5,
		.duration_ms = 1500,
	};
	unsigned type, known = 0;
	json_t *object;

	(void)state;
	event.type = EVENT_STREAM_END;
	object = json_event(42, &event);
	assert_int_equal(number_of(object, "number"), 42);
	assert_string_equal(text_of(object, "event"), "stream.end");
	assert_string_equal(text_of(object, "slot"), "ysf.0");
	assert_string_equal(text_of(object, "reason"), "terminator");
	assert_string_equal(text_of(object, "client"), "c9");
	assert_true(json_real_value(json_object_get(object, "time")) == 1700000000.25);
	assert_true(json_real_value(json_object_get(object, "duration")) == 1.5);
	json_decref(object);
	for (type = 0; type < 256; type++) {
		if (*event_type_name(type) == '?')
			continue;
		event.type = (uint8_t)type;
		object = json_event(1, &event);
		assert_non_null(object);
		assert_string_equal(text_of(object, "event"), event_type_name(type));
		json_decref(object);
		known++;
	}
	assert_int_equal(known, 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_stream_and_block),
		cmocka_unit_test(test_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
