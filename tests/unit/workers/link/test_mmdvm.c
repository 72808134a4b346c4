/* SPDX-License-Identifier: ISC
 *
 * NAME      test_mmdvm - tests of the log lines for dashboards
 * PURPOSE   each line letter by letter, in the columns of pYSFReflector3
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
#include "workers/link/mmdvm.h"

#define WHEN (1795279299ULL * NS_PER_SEC + 870999999)
#define T    "M: 2026-11-21 16:41:39.870 "

static struct event_record make(enum event_type type)
{
	struct event_record event = {.type = (uint8_t)type,
				     .time = WHEN,
				     .stream = 393280,
				     .dgid = 22,
				     .old_dgid = 9,
				     .has_key = 1,
				     .fich = {0x24, 0x07, 0x02, 0x00}};
	struct addr addr;

	addr_parse("192.0.2.1:42000", 0, &addr);
	client_key_make(&event.key, &addr, 0);
	strcpy(event.gateway, "IU5JAE-ND");
	strcpy(event.source, "IU5JAE");
	strcpy(event.dest, "ALL");
	return event;
}

static void expect_lines(const struct event_record *event, const struct event_record *calls,
			 const char *wanted)
{
	char buf[MMDVM_MAX];
	size_t length = mmdvm_event(buf, event, calls);

	assert_string_equal(buf, wanted);
	assert_int_equal(length, strlen(wanted));
}

static void test_links(void **state)
{
	struct event_record event = make(EVENT_CLIENT_LINK);

	(void)state;
	expect_lines(&event, NULL, T "Adding IU5JAE-ND  (192.0.2.1:42000) DG-ID 22\n");
	event.gateway[0] = '\0';
	expect_lines(&event, NULL, T "Adding ?????????? (192.0.2.1:42000) DG-ID 22\n");
	event = make(EVENT_CLIENT_UNLINK);
	event.reason = REASON_UNLINK;
	expect_lines(&event, NULL, T "Removing IU5JAE-ND  (192.0.2.1:42000) unlinked\n");
	event.reason = REASON_EXPIRED;
	expect_lines(&event, NULL, T "Removing IU5JAE-ND  (192.0.2.1:42000) disappeared\n");
	event.reason = REASON_KICK;
	expect_lines(&event, NULL, T "Removing IU5JAE-ND  (192.0.2.1:42000) unlinked\n");
}

static void test_dgids(void **state)
{
	struct event_record event = make(EVENT_CLIENT_DGID);

	(void)state;
	event.reason = REASON_RADIO;
	expect_lines(&event, NULL, T "Changed DG-ID for IU5JAE-ND: 9, now 22\n");
	event.reason = REASON_HOME;
	expect_lines(&event, NULL, T "IU5JAE-ND Back to Home at DG-ID 22\n");
	event.reason = REASON_OPTIONS;
	expect_lines(&event, NULL, T "Static DG-ID (22) via Options for IU5JAE-ND\n");
	event.reason = REASON_LIST;
	expect_lines(&event, NULL, T "Invalid DG-ID (9) changed to default (22)\n");
}

#define START(target)                                                                              \
	T "<0393280> Received data from IU5JAE     to " target " at IU5JAE-ND  FICH-Data: CS:2 | " \
	  "CM:1 | FT:7 | Dev:False | MR:0 | VoIP:False | DT:2 | SQL:False | SQC:0\n"

static void test_start(void **state)
{
	struct event_record event = make(EVENT_STREAM_START), calls = make(EVENT_STREAM_META);

	(void)state;
	expect_lines(&event, NULL, START("ALL       "));
	calls.meta = META_CALLS;
	strcpy(calls.text[0], "90123FAHuL");
	strcpy(calls.text[1], "IU5JAE    ");
	strcpy(calls.text[2], "");
	strcpy(calls.text[3], "DLNK      ");
	expect_lines(&event, &calls,
		     START("90123FAHuL") T
		     "<0393280> Additional information dst:90123FAHuL "
		     "src:IU5JAE     uplink:           downlink:DLNK      \n");
	expect_lines(&calls, NULL, ""); /* its line came with the start */
	calls.text[0][0] = calls.text[1][0] = calls.text[3][0] = '\0';
	expect_lines(&event, &calls,
		     T "<0393280> Stream opened with invalid HC\n" START("ALL       ") T
		     "<0393280> Additional information dst:           src:           "
		     "uplink:           downlink:          \n");
}

static void test_metas(void **state)
{
	struct event_record event = make(EVENT_STREAM_META);

	(void)state;
	event.meta = META_REM12;
	strcpy(event.text[0], "12345ABCDE");
	expect_lines(&event, NULL, T "<0393280> Additional information Rem1+2:12345ABCDE\n");
	event.meta = META_REM34;
	strcpy(event.text[0], "     FAHuL");
	expect_lines(&event, NULL, T "<0393280> Additional information Rem3+4:     FAHuL\n");
	event = make(EVENT_STREAM_META);
	event.meta = META_RADIO;
	event.radio = 48;
	expect_lines(&event, NULL, T "<0393280> Additional information radio code:48\n");
	event.meta = META_POSITION;
	expect_lines(&event, NULL, "");
}

static void test_ends(void **state)
{
	struct event_record event = make(EVENT_STREAM_END);

	(void)state;
	event.reason = REASON_TERMINATOR;
	event.latitude = event.longitude = POSITION_NONE;
	expect_lines(
		&event, NULL,
		T "<0393280> Received end of transmission coords: 999.000000, 999.000000 | 0/0\n");
	event.latitude = -33868833;
	event.longitude = 151209333;
	event.radio = 40;
	event.lost = 3;
	expect_lines(
		&event, NULL,
		T "<0393280> Received end of transmission coords: -33.868833, 151.209333 | 40/3\n");
	event.reason = REASON_WATCHDOG;
	expect_lines(
		&event, NULL,
		T "<0393280> Network watchdog has expired coords: -33.868833, 151.209333 | 40/3\n");
	event.reason = REASON_TIMEOUT;
	expect_lines(
		&event, NULL,
		T "Timeout IU5JAE\n" T
		  "<0393280> Network watchdog has expired coords: -33.868833, 151.209333 | 40/3\n");
}

static void test_refusals(void **state)
{
	struct event_record event = make(EVENT_ACCESS_REFUSED);

	(void)state;
	event.reason = REASON_CALL;
	expect_lines(&event, NULL, T "Data from IU5JAE     at IU5JAE-ND  blocked/CS\n");
	event.reason = REASON_SERIAL;
	expect_lines(&event, NULL, T "Data from IU5JAE     at IU5JAE-ND  blocked/SN\n");
	event.type = EVENT_STREAM_BUSY;
	expect_lines(&event, NULL, T "DG-ID 22 is busy: IU5JAE at IU5JAE-ND not relayed\n");
}

static void test_blocks(void **state)
{
	struct event_record event = make(EVENT_BLOCK_ADD);

	(void)state;
	strcpy(event.call, "IU5JAE");
	event.until = WHEN;
	event.block_reason = BLOCK_TIMEOUT;
	expect_lines(&event, NULL,
		     T "Appended scheduled job: IU5JAE/RCT at time 2026-11-21 16:41:39\n");
	event.block_reason = BLOCK_WILD_PTT;
	expect_lines(&event, NULL,
		     T "Wild-PTT IU5JAE\n" T
		       "Appended scheduled job: IU5JAE/RCW at time 2026-11-21 16:41:39\n");
	event.block_reason = BLOCK_OPERATOR;
	expect_lines(&event, NULL, T "IU5JAE is blocked by the operator\n");
	event.type = EVENT_BLOCK_REMOVE;
	expect_lines(&event, NULL, T "Removed from temporary blockeds queue IU5JAE\n");
}

static void test_lists(void **state)
{
	struct told_gateway gateway = {.linked = WHEN,
				       .silent = 8,
				       .home_time = 900,
				       .home_clock = 12,
				       .hold = -1,
				       .dgid = 9,
				       .home_dgid = 50};
	char buf[MMDVM_MAX];

	(void)state;
	strcpy(gateway.name, "IU5JAE-ND");
	addr_parse("192.0.2.1:4200", 0, &gateway.addr);
	mmdvm_linked_head(buf, WHEN, 1);
	assert_string_equal(buf, T "Currently linked repeaters/gateways:\n");
	mmdvm_linked_head(buf, WHEN, 0);
	assert_string_equal(buf, T "No repeaters/gateways linked\n");
	mmdvm_linked(buf, WHEN, &gateway);
	assert_string_equal(buf, T "     IU5JAE-ND :        192.0.2.1:4200   8/60 : "
				   "2026-11-21 16:41:39  9 -1 50    900     12\n");
	mmdvm_muted_head(buf, WHEN, 0);
	assert_string_equal(buf, T "No repeaters/gateways muted\n");
	mmdvm_muted_head(buf, WHEN, 2);
	assert_string_equal(buf, T "Currently muted repeaters/gateways:\n");
	mmdvm_muted(buf, WHEN, &gateway);
	assert_string_equal(buf, T "     IU5JAE-ND : 192.0.2.1:4200 8/60\n");
	mmdvm_starting(buf, WHEN, "20261121");
	assert_string_equal(buf, T "Starting YSFReflector-20261121\n");
	mmdvm_adding(buf, WHEN, &gateway);
	assert_string_equal(buf, T "Adding IU5JAE-ND  (192.0.2.1:4200) DG-ID 9\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links),  cmocka_unit_test(test_dgids),
		cmocka_unit_test(test_start),  cmocka_unit_test(test_metas),
		cmocka_unit_test(test_ends),   cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_blocks), cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
