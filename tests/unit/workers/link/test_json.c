/* SPDX-License-Identifier: ISC
 *
 * NAME      test_json - tests of the messages for dashboards
 * PURPOSE   each message letter by letter, what texts may hold, the bound of a datagram
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

#include <stdio.h>
#include <string.h>

#include "shm/clock.h"
#include "workers/link/json.h"

/* 2026-11-21 16:36:39.870999999: the milliseconds are cut */
#define WHEN (1795279299ULL * NS_PER_SEC + 870999999)

static struct event_record start_event(void)
{
	struct event_record event = {.type = EVENT_STREAM_START,
				     .time = WHEN,
				     .stream = 393280,
				     .dgid = 50,
				     .client = 7,
				     .fich = {0x24, 0x07, 0x02, 0x00}};

	strcpy(event.source, "IU5JAE-7");
	strcpy(event.dest, "ALL");
	strcpy(event.gateway, "IU5JAE-ND");
	strcpy(event.call, "IU5JAE");
	return event;
}

static struct event_record meta_event(enum event_meta meta)
{
	return (struct event_record){
		.type = EVENT_STREAM_META, .meta = (uint8_t)meta, .stream = 393280, .time = WHEN};
}

static struct event_record calls_event(const char *dest)
{
	struct event_record event = meta_event(META_CALLS);

	strcpy(event.text[0], dest);
	strcpy(event.text[1], "IU5JAE    ");
	strcpy(event.text[2], "ULNK      ");
	strcpy(event.text[3], "DLNK      ");
	return event;
}

static void expect_message(const struct event_record *event, const struct event_record *calls,
			   const char *wanted)
{
	char buf[JSON_MAX];
	size_t length = json_event(buf, event, calls);

	assert_string_equal(buf, wanted);
	assert_int_equal(length, strlen(wanted));
}

static void test_start(void **state)
{
	struct event_record event = start_event(), calls = calls_event("90123FAHuL");

	(void)state;
	expect_message(&event, &calls,
		       "{\"stream_start\": \"0393280\", \"call\": \"IU5JAE-7\", "
		       "\"target\": \"90123FAHuL\", \"gw\": \"IU5JAE\", \"dgid\": \"50\", "
		       "\"time\": \"2026-11-21 16:41:39.870\", \"CS\": \"2\", \"CM\": \"1\", "
		       "\"FT\": \"7\", \"Dev\": \"False\", \"MR\": \"0\", \"VoIP\": \"False\", "
		       "\"DT\": \"2\", \"SQL\": \"False\", \"SQC\": \"0\"}");
}

/* The network's word is taken when the header says nothing, and padded to ten. */
static void test_target(void **state)
{
	static const char *const nothing[] = {"", "**********", "          "};
	struct event_record event = start_event();
	char buf[JSON_MAX];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct event_record calls = calls_event(nothing[i]);

		json_event(buf, &event, &calls);
		assert_non_null(strstr(buf, "\"target\": \"ALL       \""));
	}
	json_event(buf, &event, NULL);
	assert_non_null(strstr(buf, "\"target\": \"ALL       \""));
}

static void test_dgid(void **state)
{
	struct event_record event = start_event();
	char buf[JSON_MAX];

	(void)state;
	event.dgid = 9;
	json_event(buf, &event, NULL);
	assert_non_null(strstr(buf, "\"dgid\": \"09\""));
	event.flags = STREAM_LOCAL;
	json_event(buf, &event, NULL);
	assert_non_null(strstr(buf, "\"dgid\": \"-7\""));
}

static void test_fich(void **state)
{
	struct event_record event = start_event();
	char buf[JSON_MAX];

	(void)state;
	memcpy(event.fich, (uint8_t[]){0x3c, 0x06, 0x5d, 0xb7}, 4);
	json_event(buf, &event, NULL);
	assert_non_null(strstr(buf,
			       "\"CS\": \"3\", \"CM\": \"3\", \"FT\": \"6\", \"Dev\": \"True\", "
			       "\"MR\": \"3\", \"VoIP\": \"True\", \"DT\": \"1\", "
			       "\"SQL\": \"True\", \"SQC\": \"55\"}"));
}

static void test_metas(void **state)
{
	struct event_record calls = calls_event("90123FAHuL"), rem = meta_event(META_REM12);
	struct event_record radio = meta_event(META_RADIO), place = meta_event(META_POSITION);

	(void)state;
	expect_message(&calls, NULL,
		       "{\"stream_id05\": \"0393280\", \"dst\": \"90123FAHuL\", "
		       "\"src\": \"IU5JAE    \", \"uplink\": \"ULNK      \", "
		       "\"downlink\": \"DLNK      \"}");
	strcpy(rem.text[0], "12345ABCDE");
	expect_message(&rem, NULL, "{\"stream_id01\": \"0393280\", \"Rem1+2\": \"12345ABCDE\"}");
	rem.meta = META_REM34;
	strcpy(rem.text[0], "  321FAHuL");
	expect_message(&rem, NULL, "{\"stream_id02\": \"0393280\", \"Rem3+4\": \"  321FAHuL\"}");
	radio.radio = 48;
	expect_message(&radio, NULL, "{\"stream_id03\": \"0393280\", \"radio_code\": \"48\"}");
	place.latitude = 43778833;
	place.longitude = -250000;
	expect_message(&place, NULL,
		       "{\"stream_id04\": \"0393280\", \"latitude\": \"43.778833\", "
		       "\"longitude\": \"-0.250000\"}");
	place.latitude = POSITION_NONE;
	char buf[JSON_MAX];
	assert_int_equal(json_event(buf, &place, NULL), 0);
}

static void expect_end(unsigned reason, unsigned flags, const char *wanted)
{
	struct event_record event = start_event();

	event.type = EVENT_STREAM_END;
	event.reason = (uint8_t)reason;
	event.flags = (uint8_t)flags;
	expect_message(&event, NULL, wanted);
}

#define END(type)                                                                                  \
	"{\"stream_end\": \"0393280\", \"type\": \"" type "\", "                                   \
	"\"time\": \"2026-11-21 16:41:39.870\"}"

static void test_ends(void **state)
{
	(void)state;
	expect_end(REASON_TERMINATOR, 0, END("TC"));
	expect_end(REASON_TERMINATOR, STREAM_LOCAL, END("TC"));
	expect_end(REASON_TERMINATOR, STREAM_MUTED, END("TD"));
	expect_end(REASON_WATCHDOG, 0, END("WD"));
	expect_end(REASON_WATCHDOG, STREAM_MUTED, END("WD"));
	expect_end(REASON_UNLINK, 0, END("WD"));
	expect_end(REASON_KICK, 0, END("WD"));
	expect_end(REASON_TIMEOUT, 0,
		   "{\"stream_timeout\": \"0393280\", \"CS\": \"IU5JAE-7\", "
		   "\"time\": \"2026-11-21 16:41:39.870\"}");
}

static void test_blocked(void **state)
{
	static const struct {
		unsigned reason;
		const char *rule;
	} table[] = {{REASON_DATA, "DT"},
		     {REASON_GATEWAY, "GW"},
		     {REASON_ADDRESS, "IP"},
		     {REASON_SERIAL, "SN"},
		     {REASON_CALL, "CS"}};
	struct event_record event = start_event();
	char wanted[JSON_MAX];

	(void)state;
	event.type = EVENT_ACCESS_REFUSED;
	for (unsigned i = 0; i < 5; i++) {
		event.reason = (uint8_t)table[i].reason;
		snprintf(wanted, sizeof(wanted),
			 "{\"blocked\": \"-1\", \"CS\": \"IU5JAE-7  \", \"GW\": \"IU5JAE-ND \", "
			 "\"BR\": \"%s\", \"time\": \"2026-11-21 16:41:39.870\"}",
			 table[i].rule);
		expect_message(&event, NULL, wanted);
	}
	event.reason = REASON_NONE;
	assert_int_equal(json_event(wanted, &event, NULL), 0);
}

static void test_others(void **state)
{
	struct event_record event = start_event();
	char buf[JSON_MAX];

	(void)state;
	event.type = EVENT_STREAM_BUSY;
	expect_message(&event, NULL,
		       "{\"stream_busy\": \"50\", \"CS\": \"IU5JAE-7  \", \"GW\": \"IU5JAE-ND \", "
		       "\"time\": \"2026-11-21 16:41:39.870\"}");
	event.type = EVENT_CLIENT_LINK;
	assert_int_equal(json_event(buf, &event, NULL), 0);
}

static void test_linked(void **state)
{
	struct told_gateway gateway = {.linked = WHEN,
				       .silent = 8,
				       .home_time = 900,
				       .home_clock = 12,
				       .hold = -1,
				       .dgid = 9,
				       .home_dgid = 50,
				       .muted = true};
	char buf[JSON_MAX];

	(void)state;
	strcpy(gateway.name, "MUTED");
	addr_parse("127.0.0.1:40859", 0, &gateway.addr);
	json_linked(buf, 1, &gateway);
	assert_string_equal(buf, "{\"linked\": \"1\", \"call\": \"MUTED\", \"IP\": \"127.0.0.1\", "
				 "\"port\": \"40859\", \"TC\": \"8\", "
				 "\"CF\": \"2026-11-21 16:41:39\", \"LO\": \"1\", \"LK\": \"0\", "
				 "\"DGID\": \"09\", \"T_HOLD\": \"-1\", \"BTH_DGID\": \"50\", "
				 "\"BTH_TOUT\": \"900\", \"BTH_TCORR\": \"12\"}");
	gateway.name[0] = '\0';
	addr_parse("[2001:db8::1]:42000", 0, &gateway.addr);
	json_linked(buf, 20, &gateway);
	assert_non_null(strstr(buf, "\"call\": \"??????????\", \"IP\": \"v6.2001.db8.x\""));
}

static void test_parked(void **state)
{
	struct told_parked parked = {.reason = BLOCK_WILD_PTT, .until = WHEN};
	char buf[JSON_MAX];

	(void)state;
	strcpy(parked.call, "IU5JAE");
	json_parked(buf, 1, &parked);
	assert_string_equal(buf, "{\"blk_time\": \"1\", \"call\": \"IU5JAE\", \"BR\": \"RCW\", "
				 "\"TR\": \"2026-11-21 16:41:39\"}");
	parked.reason = BLOCK_TIMEOUT;
	json_parked(buf, 2, &parked);
	assert_non_null(strstr(buf, "\"BR\": \"RCT\""));
	parked.reason = BLOCK_OPERATOR;
	assert_int_equal(json_parked(buf, 3, &parked), 0);
	json_total_parked(buf, 2);
	assert_string_equal(buf, "{\"total_blk_time\": \"2\"}");
	json_total_linked(buf, 0);
	assert_string_equal(buf, "{\"total_linked\": \"0\"}");
}

static void test_system(void **state)
{
	struct json_system about = {.version = "20260414",
				    .id = 1021,
				    .name = "LAB REFLECTOR",
				    .description = "TEST LAB",
				    .contact = "jos\xc3\xa9@x",
				    .web = "http://x",
				    .aprs_ssid = "-10",
				    .aprs = true,
				    .local = 1,
				    .initial = 50};
	char buf[JSON_MAX];
	size_t length;

	(void)state;
	about.dgids.bits[0] = 1ULL << 1 | 1ULL << 9 | 1ULL << 22 | 1ULL << 50;
	length = json_system(buf, &about);
	assert_int_equal(length, strlen(buf));
	assert_string_equal(buf,
			    "{\"system\": \"shackd\", \"ver\": \"20260414\", "
			    "\"REF_ID\": \"01021\", \"REF_NAME\": \"LAB REFLECTOR\", "
			    "\"REF_DESC\": \"TEST LAB\", \"APRS_EN\": \"1\", "
			    "\"APRS_SSID\": \"-10\", \"contact\": \"jos\xc3\xa9@x\", "
			    "\"web\": \"http://x\", \"dgid_loc\": \"1\", \"dgid_def\": \"50\", "
			    "\"dgid_list\": \"[1, 9, 22, 50]\"}");
}

/* The longest texts that the options take. */
static void test_longest(void **state)
{
	char contact[65], web[129], buf[JSON_MAX];
	struct json_system about = {.version = "20260414",
				    .id = 99999,
				    .name = "0123456789abcdef",
				    .description = "0123456789abcd",
				    .contact = contact,
				    .web = web,
				    .aprs_ssid = "-10",
				    .local = 99,
				    .initial = 99,
				    .dgids = {{UINT64_MAX, UINT64_MAX}}};

	(void)state;
	memset(contact, 'c', 64);
	memset(web, 'w', 128);
	contact[64] = web[128] = '\0';
	assert_true(json_system(buf, &about) > 0);
	assert_non_null(strstr(buf, "98, 99]\"}"));
}

/* Nothing may leave its apostrophes, in JSON or in the SQL that a collector makes of it. */
static void test_hostile_texts(void **state)
{
	struct event_record event = start_event();
	char buf[JSON_MAX];

	(void)state;
	strcpy(event.source, "O'B\"R\\I\tE\x7f");
	strcpy(event.call, "A\xff\xe4Z");
	json_event(buf, &event, NULL);
	assert_non_null(strstr(buf, "\"call\": \"O B R I E \""));
	assert_non_null(strstr(buf, "\"gw\": \"A  Z\""));
}

static void test_words(void **state)
{
	struct addr addr;
	char buf[JSON_MAX];

	(void)state;
	addr_parse("127.0.0.1:40859", 0, &addr);
	assert_int_equal(json_word(buf, "CONNOK", &addr), 22);
	assert_string_equal(buf, "CONNOK:127.0.0.1:40859");
	assert_int_equal(json_asked("CONNREQ", 7), JSON_CONNREQ);
	assert_int_equal(json_asked("PING", 4), JSON_PING);
	assert_int_equal(json_asked("BYE", 3), JSON_BYE);
	assert_int_equal(json_asked("PING\n", 5), JSON_NOTHING);
	assert_int_equal(json_asked("ping", 4), JSON_NOTHING);
	assert_int_equal(json_asked("CONNREQ\0", 8), JSON_NOTHING);
	assert_int_equal(json_asked("", 0), JSON_NOTHING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),	cmocka_unit_test(test_target),
		cmocka_unit_test(test_dgid),	cmocka_unit_test(test_fich),
		cmocka_unit_test(test_metas),	cmocka_unit_test(test_ends),
		cmocka_unit_test(test_blocked), cmocka_unit_test(test_others),
		cmocka_unit_test(test_linked),	cmocka_unit_test(test_parked),
		cmocka_unit_test(test_system),	cmocka_unit_test(test_longest),
		cmocka_unit_test(test_words),	cmocka_unit_test(test_hostile_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
