/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_handover - fuzz target of the handover record
 * PURPOSE   any bytes: no bad access; what is accepted can be walked to its end, every entry inside
 * OWNER     make fuzz
 * CONTRACT  aborts if a promise of master/upgrade/handover.h does not hold. The input is taken as a record,
 *           and as the entries of one that is signed here: a checksum stops no enemy.
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "master/upgrade/handover.h"

#define HEADER 56
#define ROOM   65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds)
{
	if (!holds)
		abort();
}

/* Returns how many entries there are; FDS_R: descriptors. */
static uint32_t walk(const uint8_t *data, size_t size, uint32_t *fds_r)
{
	struct handover_item item;
	struct handover_slot slot;
	struct handover_fd fd;
	uint32_t entries = 0;
	size_t at = 0;

	*fds_r = 0;
	while (handover_next(data, size, &at, &item)) {
		demand(item.length <= HANDOVER_BODY_MAX);
		demand(item.body >= data + HEADER && item.body + item.length <= data + size);
		demand(at <= size);
		handover_get(&item, &slot, sizeof(slot));
		handover_get(&item, &fd, sizeof(fd));
		entries++;
		*fds_r += item.tag == HANDOVER_FD;
	}
	return entries;
}

static int check(const uint8_t *data, size_t size)
{
	struct handover_info info;
	uint32_t entries, fds;
	char why[160] = "";

	if (handover_check(data, size, &info, why) != 0) {
		demand(why[0] != '\0' && memchr(why, '\0', sizeof(why)) != NULL);
		return -1;
	}
	entries = walk(data, size, &fds);
	demand(entries == info.entries && fds == info.fds && entries > 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(8) uint8_t record[ROOM];
	struct handover handover;

	check(data, size);
	if (size > ROOM - HEADER)
		return 0;
	handover_begin(&handover, record, ROOM);
	memset(record, 0, HEADER);
	if (size > 0)
		memcpy(record + HEADER, data, size);
	handover.used = HEADER + size;
	handover.entries = walk(record, handover.used, &handover.fds);
	demand(handover_end(&handover) == HEADER + size);
	check(record, HEADER + size);
	return 0;
}
