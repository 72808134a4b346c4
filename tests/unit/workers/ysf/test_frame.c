/* SPDX-License-Identifier: ISC
 *
 * NAME      test_frame - tests of the YSF datagrams
 * PURPOSE   classification by tag and size, cleaning, fields, terminator, replies, id hash, options
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "workers/ysf/fich.h"
#include "workers/ysf/frame.h"
#include "workers/ysf/tables.h"

/* A real communication frame: IU5JAE to ALL, counter 31. */
static const char frame_a[] =
    "595346444955354a4145202020204955354a414520202020414c4c202020202020203ed471c9634d206d384468"
    "ed81ffe7989bf282e4542ff303fbc8f95c21383cf9c70b6e9048a39cecd94cb3286a7e763c7789a35606b45990"
    "bdecc85cb76c2c0d762f550d8035746a7b91aecec95e910a0f3f550e411146e7e002e2229decc1c68038785d44"
    "0f41fc8711d99fd110bfdff2f52ef4f3e6dc9567";

/* A real header frame: IU5JAE to ALL, counter 0. */
static const char frame_c[] =
    "595346444955354a4145202020204955354a414520202020414c4c2020202020202000d471c9634d116578e0fc"
    "220dbfd6e6d0416204aa6021e380877d4fd237accf4da3d81f4d207db0f4c353d81fa01f3db0b4ad1db03a97c5"
    "6d71b82cbab03a9d39e4b1ada46d5db9b916d3d9ada4c81fb9b91bf466daa30c72e4c33999e31aa30b19150339"
    "9911e09bc63f700ce2e18cd35bc63b5b15a2e184";

/* The first 40 bytes of a constructed terminator: tag IQ5AA, source IK5XMK-RPT, counter 57, end. */
static const char start_d[] =
    "5953464449513541412020202020494b35584d4b2d525054414c4c2020202020202073d471c9634d";

static void
from_hex(const char *hex, uint8_t *bytes_r)
{
	for (size_t i = 0; hex[2 * i]; i++) {
		char pair[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		bytes_r[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
}

/* Classifies from memory of exactly the datagram's size, so that a sanitizer sees a read beyond. */
static struct ysf_datagram
classify(const char *tag, size_t len)
{
	struct ysf_datagram datagram;
	uint8_t *data = malloc(len ? len : 1);
	size_t tag_len = strlen(tag);
	enum ysf_kind kind;

	assert_non_null(data);
	memset(data, 0xFF, len);
	memcpy(data, tag, tag_len < len ? tag_len : len);
	kind = ysf_classify(data, len, &datagram);
	assert_int_equal(kind, datagram.kind);
	assert_int_equal(ysf_classify(data, len, NULL), kind);
	assert_int_equal(datagram.len, len);
	assert_true(datagram.used <= len);
	assert_int_equal(kind == YSF_REJECTED, datagram.reject != YSF_REJECT_NONE);
	ysf_sanitise(data, &datagram);
	free(data);
	return datagram;
}

static void
check_kind(const char *tag, size_t len, enum ysf_kind kind, enum ysf_reject reject)
{
	struct ysf_datagram datagram = classify(tag, len);

	assert_int_equal(datagram.kind, kind);
	assert_int_equal(datagram.reject, reject);
}

static void
test_classify_accepts(void **state)
{
	(void)state;
	check_kind("YSFP", 14, YSF_POLL, YSF_REJECT_NONE);
	check_kind("YSFP", 155, YSF_POLL, YSF_REJECT_NONE);
	check_kind("YSFP", 1400, YSF_POLL, YSF_REJECT_NONE);
	check_kind("YSFU", 4, YSF_UNLINK, YSF_REJECT_NONE);
	check_kind("YSFU", 14, YSF_UNLINK, YSF_REJECT_NONE);
	check_kind("YSFU", 1400, YSF_UNLINK, YSF_REJECT_NONE);
	check_kind("YSFD", 155, YSF_DATA, YSF_REJECT_NONE);
	check_kind("YSFS", 4, YSF_STATUS, YSF_REJECT_NONE);
	check_kind("YSFS", 1400, YSF_STATUS, YSF_REJECT_NONE);
	check_kind("YSFV", 4, YSF_VERSION, YSF_REJECT_NONE);
	check_kind("YSFI", 80, YSF_INFO, YSF_REJECT_NONE);
	check_kind("YSFI", 87, YSF_INFO, YSF_REJECT_NONE);
	check_kind("YSFI", 1400, YSF_INFO, YSF_REJECT_NONE);
	check_kind("YSFO", 15, YSF_OPTIONS, YSF_REJECT_NONE);
	check_kind("YSFO", 50, YSF_OPTIONS, YSF_REJECT_NONE);
	check_kind("YSFO", 1400, YSF_OPTIONS, YSF_REJECT_NONE);
}

static void
test_classify_rejects(void **state)
{
	static const size_t data_sizes[] = { 4, 14, 35, 40, 154, 156, 1500 };

	(void)state;
	check_kind("", 0, YSF_REJECTED, YSF_REJECT_EMPTY);
	check_kind("Y", 1, YSF_REJECTED, YSF_REJECT_SHORT);
	check_kind("YS", 2, YSF_REJECTED, YSF_REJECT_SHORT);
	check_kind("YSF", 3, YSF_REJECTED, YSF_REJECT_SHORT);
	check_kind("YSFP", 4, YSF_REJECTED, YSF_REJECT_POLL_SIZE);
	check_kind("YSFP", 13, YSF_REJECTED, YSF_REJECT_POLL_SIZE);
	check_kind("ysfp", 14, YSF_REJECTED, YSF_REJECT_TAG);
	check_kind("YSFp", 14, YSF_REJECTED, YSF_REJECT_TAG);
	check_kind("YSFX", 14, YSF_REJECTED, YSF_REJECT_TAG);
	check_kind("QSRU", 4, YSF_REJECTED, YSF_REJECT_TAG);
	check_kind("YSFI", 4, YSF_REJECTED, YSF_REJECT_INFO_SIZE);
	check_kind("YSFI", 79, YSF_REJECTED, YSF_REJECT_INFO_SIZE);
	check_kind("YSFO", 4, YSF_REJECTED, YSF_REJECT_OPTIONS_SIZE);
	check_kind("YSFO", 14, YSF_REJECTED, YSF_REJECT_OPTIONS_SIZE);
	for (size_t i = 0; i < sizeof(data_sizes) / sizeof(data_sizes[0]); i++)
		check_kind("YSFD", data_sizes[i], YSF_REJECTED, YSF_REJECT_DATA_SIZE);
}

static void
test_every_reason_has_a_text(void **state)
{
	(void)state;
	for (int i = 0; i < YSF_REJECTS; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(ysf_reject_text((enum ysf_reject)i),
			    ysf_reject_text((enum ysf_reject)j));
	for (int i = 0; i < YSF_KINDS; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(ysf_kind_text((enum ysf_kind)i),
			    ysf_kind_text((enum ysf_kind)j));
	assert_string_equal(ysf_reject_text(YSF_REJECTS), "unknown");
	assert_string_equal(ysf_kind_text(YSF_DATA), "data");
}

/* Every byte that the rule covers is printable afterwards, every other byte is as it was. */
static void
check_sanitise(const char *tag, size_t len, size_t end)
{
	uint8_t data[1500] = { 0 }, before[1500] = { 0 };
	struct ysf_datagram datagram;

	for (size_t i = 0; i < len; i++)
		before[i] = (uint8_t)(i * 37 + 0x80);
	memcpy(before, tag, 4);
	memcpy(data, before, len);
	ysf_classify(data, len, &datagram);
	ysf_sanitise(data, &datagram);
	for (size_t i = 0; i < len; i++) {
		bool text = i >= 4 && i < end;

		if (text && (before[i] < 0x20 || before[i] > 0x7E))
			assert_int_equal(data[i], ' ');
		else
			assert_int_equal(data[i], before[i]);
	}
}

static void
test_sanitise(void **state)
{
	(void)state;
	check_sanitise("YSFP", 14, 14);
	check_sanitise("YSFP", 155, 14);
	check_sanitise("YSFU", 4, 4);
	check_sanitise("YSFU", 9, 9);
	check_sanitise("YSFU", 100, 14);
	check_sanitise("YSFD", 155, 34);
	check_sanitise("YSFD", 154, 4);
	check_sanitise("YSFS", 20, 4);
	check_sanitise("YSFI", 80, 80);
	check_sanitise("YSFI", 87, 87);
	check_sanitise("YSFI", 1400, 80);
	check_sanitise("YSFO", 15, 15);
	check_sanitise("YSFO", 50, 50);
	check_sanitise("YSFO", 1400, 50);
	check_sanitise("NOPE", 155, 4);
}

static void
test_names(void **state)
{
	char name[YSF_NAME_SIZE];

	(void)state;
	assert_int_equal(ysf_name((const uint8_t *)"YSFPIU5JAE    ", name), 6);
	assert_string_equal(name, "IU5JAE");
	assert_int_equal(ysf_name((const uint8_t *)"YSFPIU5JAE\0\0\0\0", name), 6);
	assert_string_equal(name, "IU5JAE");
	assert_int_equal(ysf_name((const uint8_t *)"YSFP  A\xFF" "B  \x01 ", name), 3);
	assert_string_equal(name, "A B");
	assert_int_equal(ysf_name((const uint8_t *)"YSFP          ", name), 0);
	assert_string_equal(name, "");
	assert_int_equal(ysf_name((const uint8_t *)"YSFP\0\0\0\0\0\0\0\0\0\0", name), 0);
	assert_int_equal(ysf_name((const uint8_t *)"YSFPABCDEFGHIJ", name), 10);
	assert_string_equal(name, "ABCDEFGHIJ");
}

static void
test_frame_fields(void **state)
{
	uint8_t frame[YSF_FRAME_BYTES];
	char text[YSF_NAME_SIZE];

	(void)state;
	from_hex(frame_a, frame);
	ysf_name(frame, text);
	assert_string_equal(text, "IU5JAE");
	ysf_source(frame, text);
	assert_string_equal(text, "IU5JAE");
	ysf_dest(frame, text);
	assert_string_equal(text, "ALL");
	assert_int_equal(ysf_frame_counter(frame), 31);
	assert_false(ysf_frame_end(frame));

	from_hex(start_d, frame);
	ysf_name(frame, text);
	assert_string_equal(text, "IQ5AA");
	ysf_source(frame, text);
	assert_string_equal(text, "IK5XMK-RPT");
	assert_int_equal(ysf_frame_counter(frame), 57);
	assert_true(ysf_frame_end(frame));

	ysf_frame_set_counter(frame, 127, false);
	assert_int_equal(frame[YSF_COUNTER_AT], 0xFE);
	ysf_frame_set_counter(frame, 0, true);
	assert_int_equal(frame[YSF_COUNTER_AT], 0x01);
}

static void
check_terminator(uint8_t last, uint8_t want_counter)
{
	uint8_t header[YSF_FRAME_BYTES], end[YSF_FRAME_BYTES];
	struct fich fich;

	from_hex(frame_c, header);
	assert_true(ysf_terminator(header, last, end));
	assert_int_equal(fich_decode(end + YSF_FICH_AT, &fich), FICH_OK);
	assert_memory_equal(fich.info, "\xA4\x07\x02\x00", FICH_INFO_BYTES);
	assert_int_equal(ysf_frame_counter(end), want_counter);
	assert_true(ysf_frame_end(end));
	assert_memory_equal(end, header, YSF_COUNTER_AT);
	assert_memory_equal(end + YSF_SYNC_AT, header + YSF_SYNC_AT, YSF_FICH_AT - YSF_SYNC_AT);
	assert_memory_equal(end + YSF_PAYLOAD_AT, header + YSF_PAYLOAD_AT,
	    YSF_FRAME_BYTES - YSF_PAYLOAD_AT);
}

static void
test_terminator(void **state)
{
	uint8_t header[YSF_FRAME_BYTES], end[YSF_FRAME_BYTES], same[YSF_FRAME_BYTES];

	(void)state;
	check_terminator(0, 1);
	check_terminator(31, 32);
	check_terminator(127, 0);

	from_hex(frame_c, header);
	assert_true(ysf_terminator(header, 5, end));
	memcpy(same, header, sizeof(same));
	assert_true(ysf_terminator(same, 5, same));
	assert_memory_equal(same, end, sizeof(same));

	memset(header + YSF_FICH_AT, 0, FICH_BYTES);
	memset(end, 0xEE, sizeof(end));
	memcpy(same, end, sizeof(same));
	assert_false(ysf_terminator(header, 5, end));
	assert_memory_equal(end, same, sizeof(end));
}

static void
test_info(void **state)
{
	uint8_t data[YSF_INFO_LONG_BYTES + 20];
	struct ysf_info info;

	(void)state;
	memset(data, 'Z', sizeof(data));
	memcpy(data, "YSFIIU5JAE    434500000 43490000JN53GT"
	    "Firenze\x1B</script>   " "MMDVM       " "1234567   ", YSF_INFO_BYTES);
	ysf_info_parse(data, YSF_INFO_BYTES, &info);
	assert_string_equal(info.name, "IU5JAE");
	assert_int_equal(info.rx_hz, 434500000);
	assert_int_equal(info.tx_hz, 43490000);
	assert_string_equal(info.locator, "JN53GT");
	assert_string_equal(info.town, "Firenze </script>");
	assert_string_equal(info.type, "MMDVM");
	assert_string_equal(info.id, "1234567");

	/* Long forms: seven more bytes belong to the id, the rest of a giant doesn't. */
	ysf_info_parse(data, YSF_INFO_LONG_BYTES, &info);
	assert_string_equal(info.id, "1234567   ZZZZZZZ");
	ysf_info_parse(data, sizeof(data), &info);
	assert_string_equal(info.id, "1234567");

	memset(data + 4, 0xFF, sizeof(data) - 4);
	ysf_info_parse(data, YSF_INFO_LONG_BYTES, &info);
	assert_string_equal(info.name, "");
	assert_string_equal(info.id, "");
	assert_int_equal(info.rx_hz, 0);

	memcpy(data + 14, "4345x0000999999999", 18);
	ysf_info_parse(data, YSF_INFO_BYTES, &info);
	assert_int_equal(info.rx_hz, 0);
	assert_int_equal(info.tx_hz, 999999999);
}

static int
options(const char *text)
{
	uint8_t data[YSF_OPTIONS_BYTES];
	size_t len = strlen(text);

	memset(data, ' ', sizeof(data));
	memcpy(data, "YSFOIU5JAE", 10);
	memcpy(data + 14, text, len < 36 ? len : 36);
	return ysf_options_dgid(data, sizeof(data));
}

static void
test_options(void **state)
{
	uint8_t short_one[] = "YSFOIU5JAE    9";
	uint8_t rubbish[1400];

	(void)state;
	assert_int_equal(options("22"), 22);
	assert_int_equal(options("22;"), 22);
	assert_int_equal(options(" 22 ;"), 22);
	assert_int_equal(options("022"), 22);
	assert_int_equal(options("9;"), 9);
	assert_int_equal(options("50;51;"), 50);
	assert_int_equal(options("77"), 77);
	assert_int_equal(options("bth=600;50"), 50);
	assert_int_equal(options("bth=600; listen=9; 50 ;"), 50);
	assert_int_equal(options("22;bth=600"), 22);

	assert_int_equal(options(""), 0);
	assert_int_equal(options(";;;;"), 0);
	assert_int_equal(options("abc"), 0);
	assert_int_equal(options("abc;22"), 0);
	assert_int_equal(options("22,9"), 0);
	assert_int_equal(options("DG-ID=22"), 0);
	assert_int_equal(options("0"), 0);
	assert_int_equal(options("122"), 0);
	assert_int_equal(options("-5"), 0);
	assert_int_equal(options("=22"), 0);
	assert_int_equal(options("111111111111111111111111111111111111"), 0);

	assert_int_equal(ysf_options_dgid(short_one, YSF_OPTIONS_MIN), 9);
	memset(rubbish, 0xFF, sizeof(rubbish));
	assert_int_equal(ysf_options_dgid(rubbish, sizeof(rubbish)), 0);
	memset(rubbish + YSF_OPTIONS_BYTES, '5', sizeof(rubbish) - YSF_OPTIONS_BYTES);
	memcpy(rubbish + YSF_OPTIONS_BYTES - 1, "7", 1);
	assert_int_equal(ysf_options_dgid(rubbish, sizeof(rubbish)), 7);
}

static void
test_poll_reply(void **state)
{
	uint8_t reply[YSF_POLL_BYTES], want[YSF_POLL_BYTES];

	(void)state;
	from_hex("595346505245464c4543544f5220", want);
	ysf_reply_poll(reply);
	assert_memory_equal(reply, want, sizeof(want));
}

static void
test_id_hash(void **state)
{
	(void)state;
	assert_int_equal(ysf_id_hash("IT PYSF3-TEST"), 1021);
	assert_int_equal(ysf_id_hash("LAB REFLECTOR"), 82138);
	assert_int_equal(ysf_id_hash("Reflector_name"), 16282);
	assert_int_equal(ysf_id_hash("A very long refl"), 99001);
	assert_int_equal(ysf_id_hash("US MNWis RDNT"), 57611);
	assert_int_equal(ysf_id_hash("X"), 63857);
	assert_int_equal(ysf_id_hash(""), 73991);
	assert_int_equal(ysf_id_hash("  X  "), 63857);
}

static void
test_id_rule(void **state)
{
	(void)state;
	assert_int_equal(ysf_id(12345, "X"), 12345);
	assert_int_equal(ysf_id(1, "X"), 1);
	assert_int_equal(ysf_id(99999, "X"), 99999);
	assert_int_equal(ysf_id(0, "X"), 63857);
	assert_int_equal(ysf_id(100000, "X"), 63857);
}

static void
check_status(uint32_t id, const char *name, const char *description, size_t clients,
    const char *want)
{
	uint8_t reply[YSF_STATUS_BYTES];

	assert_int_equal(strlen(want), YSF_STATUS_BYTES);
	ysf_reply_status(reply, id, name, description, clients);
	assert_memory_equal(reply, want, YSF_STATUS_BYTES);
}

static void
test_status_reply(void **state)
{
	(void)state;
	check_status(12345, "LAB REFLECTOR", "TEST LAB", 2,
	    "YSFS12345LAB REFLECTOR   TEST LAB      002");
	check_status(0, "IT PYSF3-TEST", "PYSF3 TEST REF", 3,
	    "YSFS01021IT PYSF3-TEST   PYSF3 TEST REF003");
	check_status(7, "A very long reflector name", "A very long description", 20000,
	    "YSFS00007A very long reflA very long de999");
	check_status(7, "", "", 0,
	    "YSFS00007                              000");
	check_status(7, "caf\xC3\xA9", "\x1B", 999,
	    "YSFS00007caf                           999");
}

static void
test_version_reply(void **state)
{
	uint8_t reply[YSF_VERSION_MAX];
	char program[2 * YSF_VERSION_MAX];

	(void)state;
	assert_int_equal(ysf_reply_version(reply, "pYSFReflector", 20260414), 26);
	assert_memory_equal(reply, "YSFVpYSFReflector 20260414", 26);
	assert_int_equal(ysf_reply_version(reply, "shackd", 1), 19);
	assert_memory_equal(reply, "YSFVshackd 00000001", 19);
	memset(program, 'p', sizeof(program));
	program[sizeof(program) - 1] = '\0';
	assert_int_equal(ysf_reply_version(reply, program, 20260414), YSF_VERSION_MAX);
	assert_memory_equal(reply + YSF_VERSION_MAX - 9, " 20260414", 9);
}

/* Random datagrams of every kind and size through all that may be called for their kind. */
static void
test_random_datagrams(void **state)
{
	static const char tags[][5] = { "YSFP", "YSFU", "YSFD", "YSFS", "YSFV", "YSFI", "YSFO" };
	struct ysf_datagram datagram;
	struct ysf_info info;
	char text[YSF_NAME_SIZE];
	uint8_t end[YSF_FRAME_BYTES];

	(void)state;
	srand(10);
	for (int round = 0; round < 20000; round++) {
		size_t len = round % 3 ? (size_t)rand() % 200 : YSF_FRAME_BYTES;
		uint8_t *data = malloc(len ? len : 1);

		assert_non_null(data);
		for (size_t i = 0; i < len; i++)
			data[i] = (uint8_t)rand();
		if (len >= 4)
			memcpy(data, tags[rand() % 7], 4);
		ysf_classify(data, len, &datagram);
		ysf_sanitise(data, &datagram);
		if (datagram.kind == YSF_INFO)
			ysf_info_parse(data, len, &info);
		if (datagram.kind == YSF_OPTIONS)
			assert_in_range(ysf_options_dgid(data, len), 0, 99);
		if (datagram.kind == YSF_POLL)
			assert_in_range(ysf_name(data, text), 0, YSF_NAME_BYTES);
		if (datagram.kind == YSF_DATA) {
			assert_in_range(ysf_source(data, text), 0, YSF_NAME_BYTES);
			ysf_terminator(data, ysf_frame_counter(data), end);
		}
		free(data);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classify_accepts),
		cmocka_unit_test(test_classify_rejects),
		cmocka_unit_test(test_every_reason_has_a_text),
		cmocka_unit_test(test_sanitise),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_frame_fields),
		cmocka_unit_test(test_terminator),
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_poll_reply),
		cmocka_unit_test(test_id_hash),
		cmocka_unit_test(test_id_rule),
		cmocka_unit_test(test_status_reply),
		cmocka_unit_test(test_version_reply),
		cmocka_unit_test(test_random_datagrams),
	};

	ysf_tables_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
