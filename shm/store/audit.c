/* SPDX-License-Identifier: ISC
 *
 * NAME      audit - is this file a durable store of ours, and can all of it be used?
 * PURPOSE   See audit.h.
 * OWNER     aide
 * CONTRACT  see audit.h
 * LIMITS    users' records that were set aside as damaged are kept as they are, unchecked
 */
#include "shm/store/audit.h"

#include <stdio.h>
#include <string.h>

#include "shm/spot.h"
#include "shm/store/dxschema.h"
#include "shm/store/human.h"
#include "shm/store/inside.h"
#include "shm/store/saved.h"

/* A key and a record of a table: may both be believed? */
typedef bool check(const void *key, size_t key_size, const void *value, size_t size);

static bool check_block(const void *key, size_t key_size, const void *value, size_t size)
{
	struct block_record record;

	return key_size == sizeof(struct call_key) && call_key_ok(key) &&
	       block_record_check(value, size, &record);
}

static bool check_saved(const void *key, size_t key_size, const void *value, size_t size)
{
	struct saved_record record;

	return key_size == sizeof(struct saved_key) && call_key_ok(key) &&
	       saved_record_check(value, size, &record);
}

static bool check_user(const void *key, size_t key_size, const void *value, size_t size)
{
	struct user_record record;

	return key_size == sizeof(struct user_key) && user_key_ok(key) &&
	       user_record_check(value, size, &record);
}

static bool check_filter(const void *key, size_t key_size, const void *value, size_t size)
{
	(void)value;
	return key_size == sizeof(struct user_key) && user_key_ok(key) && size > 0 &&
	       size <= FILTER_BYTES_MAX;
}

static bool check_human(const void *key, size_t key_size, const void *value, size_t size)
{
	const size_t origin = sizeof(struct human_origin);
	struct spot spot;

	(void)key;
	return key_size == sizeof(struct number_key) && size > origin &&
	       spot_check((const uint8_t *)value + origin, size - origin, &spot);
}

static const struct {
	const char *table;
	size_t count; /* place in struct audit */
	check *good;
} checks[] = {
	{"blocks", offsetof(struct audit, blocks), check_block},
	{"saved", offsetof(struct audit, saved), check_saved},
	{"users", offsetof(struct audit, users), check_user},
	{"filters", offsetof(struct audit, filters), check_filter},
	{"human", offsetof(struct audit, human), check_human},
};

static void take_meta(struct audit *audit, const void *key, size_t key_size, const void *value,
		      size_t size)
{
	if (key_size != strlen(IDENTITY_KEY) || memcmp(key, IDENTITY_KEY, key_size) != 0)
		return;
	audit->identified = identity_edition(value, size, &audit->edition);
}

static void note_damage(struct audit *audit, const char *table)
{
	if (audit->damaged++ == 0)
		snprintf(audit->damaged_table, sizeof(audit->damaged_table), "%s", table);
}

static void visit(const char *table, const void *key, size_t key_size, const void *value,
		  size_t size, void *arg)
{
	struct audit *audit = arg;

	if (strcmp(table, "meta") == 0)
		take_meta(audit, key, key_size, value, size);
	if (strcmp(table, "events") == 0)
		audit->is_volatile = true;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (strcmp(table, checks[i].table) != 0)
			continue;
		if (checks[i].good(key, key_size, value, size))
			++*(uint64_t *)((char *)audit + checks[i].count);
		else
			note_damage(audit, table);
	}
}

bool audit_file(int fd, struct audit *audit_r, char why_r[256])
{
	memset(audit_r, 0, sizeof(*audit_r));
	if (!examine_file(fd, visit, audit_r, &audit_r->file)) {
		store_say(why_r, "%s", audit_r->file.why);
		return false;
	}
	if (!audit_r->identified || audit_r->is_volatile) {
		store_say(why_r, "it is no durable store of shackd");
		return false;
	}
	if (audit_r->edition >= SCHEMA_OLDEST && audit_r->edition <= SCHEMA_VERSION)
		return true;
	store_say(why_r, "it is of edition %u, this build knows %d to %d", audit_r->edition,
		  SCHEMA_OLDEST, SCHEMA_VERSION);
	return false;
}
