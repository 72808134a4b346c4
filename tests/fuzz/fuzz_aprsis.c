/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_aprsis - fuzz target of what an APRS-IS server says, and of what we report
 * PURPOSE   any bytes in any pieces: no bad access, all of them used, verified only by a logresp;
 *           any source and position: a line of printable ASCII, or none
 * OWNER     make fuzz
 * CONTRACT  aborts if a promise of aprsis.h or aprs.h does not hold
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "workers/link/aprsis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds)
{
	if (!holds)
		abort();
}

/* The first byte says how large the pieces are. */
static void try_server(const uint8_t *data, size_t size)
{
	struct aprsis self = {0};
	size_t piece, used, at = 1;
	uint64_t now = NS_PER_SEC;

	if (size == 0)
		return;
	piece = data[0] + 1U;
	aprsis_connecting(&self, now);
	aprsis_connected(&self, now);
	while (at < size) {
		size_t length = size - at < piece ? size - at : piece;
		enum aprsis_act act =
			aprsis_input(&self, now, (const char *)data + at, length, &used);

		demand(used > 0 && used <= length);
		demand(self.used < sizeof(self.line));
		demand((act == APRSIS_WELCOME) <= (self.state == APRSIS_ONLINE));
		at += used;
		now += NS_PER_MS;
	}
	demand(self.state != APRSIS_ONLINE || memmem(data, size, "#", 1) != NULL);
	aprsis_failed(&self, now, false, data[0]);
	demand(self.state == APRSIS_IDLE && self.retry > now);
}

static void try_report(const uint8_t *data, size_t size)
{
	char source[CALL_MAX] = "", call[CALL_MAX], line[APRS_LINE_MAX];
	struct aprs_report report = {.ssid = "-10", .via = "shackd", .reflector = 99999};
	size_t length;

	if (size < 20)
		return;
	memcpy(source, data, CALL_MAX - 1);
	memcpy(&report.latitude, data + 10, 4);
	memcpy(&report.longitude, data + 14, 4);
	report.radio = data[18];
	if (report.latitude == INT32_MIN || report.longitude == INT32_MIN)
		return;
	report.latitude %= 90000001;
	report.longitude %= 180000001;
	if (!aprs_station(source, "N0CALL", call))
		return;
	report.call = call;
	length = aprs_report(line, &report);
	if (length == 0) {
		demand(strlen(call) + strlen(report.ssid) > APRS_NAME_MAX);
		return;
	}
	demand(length > 60 && length < 100 && memcmp(line + length - 2, "\r\n", 3) == 0);
	for (size_t i = 0; i < length - 2; i++)
		demand(line[i] >= 0x20 && line[i] <= 0x7e);
	/* minutes are below sixty */
	demand(strchr(line, 'z')[3] < '6' && strchr(line, '/')[4] < '6');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_server(data, size);
	try_report(data, size);
	return 0;
}
