/* SPDX-License-Identifier: ISC
 *
 * NAME      handover - the record that one image of the master leaves to the next
 * PURPOSE   See master/upgrade/handover.h.
 * OWNER     master
 * CONTRACT  see master/upgrade/handover.h
 * LIMITS    see master/upgrade/handover.h
 */
#include "master/upgrade/handover.h"

#include <sodium/crypto_generichash.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct header {
	uint32_t magic;
	uint32_t version;
	uint64_t size;
	uint32_t entries;
	uint32_t fds;
	uint8_t sum[HANDOVER_SUM]; /* over everything, with these bytes zero */
};

struct entry {
	uint32_t tag;
	uint32_t length;
};

static size_t align(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

static void make_sum(const void *data, size_t size, uint8_t sum_r[HANDOVER_SUM])
{
	crypto_generichash_state state;
	struct header header;

	memcpy(&header, data, sizeof(header));
	memset(header.sum, 0, sizeof(header.sum));
	crypto_generichash_init(&state, NULL, 0, HANDOVER_SUM);
	crypto_generichash_update(&state, (const uint8_t *)&header, sizeof(header));
	crypto_generichash_update(&state, (const uint8_t *)data + sizeof(header),
				  size - sizeof(header));
	crypto_generichash_final(&state, sum_r, HANDOVER_SUM);
}

/* ---- writing ---- */

void handover_begin(struct handover *handover_r, void *data, size_t room)
{
	*handover_r = (struct handover){.data = data, .room = room, .used = sizeof(struct header)};
	handover_r->full = room < handover_r->used;
}

void handover_put(struct handover *handover, enum handover_tag tag, const void *body, size_t length,
		  const void *more, size_t more_length)
{
	struct entry entry = {(uint32_t)tag, (uint32_t)(length + more_length)};
	size_t need = sizeof(entry) + align(length + more_length);
	uint8_t *at = handover->data + handover->used;

	if (handover->full || length + more_length > HANDOVER_BODY_MAX ||
	    need > handover->room - handover->used) {
		handover->full = true;
		return;
	}
	memset(at, 0, need);
	memcpy(at, &entry, sizeof(entry));
	memcpy(at + sizeof(entry), body, length);
	if (more_length > 0)
		memcpy(at + sizeof(entry) + length, more, more_length);
	handover->used += need;
	handover->entries++;
	handover->fds += tag == HANDOVER_FD;
}

size_t handover_end(struct handover *handover)
{
	struct header header = {
		.magic = HANDOVER_MAGIC,
		.version = HANDOVER_VERSION,
		.size = handover->used,
		.entries = handover->entries,
		.fds = handover->fds,
	};

	if (handover->full)
		return 0;
	memcpy(handover->data, &header, sizeof(header));
	make_sum(handover->data, handover->used, header.sum);
	memcpy(handover->data, &header, sizeof(header));
	return handover->used;
}

/* ---- reading ---- */

/* The shortest body that the first edition of a record had; 0: no such tag. */
static size_t least(uint32_t tag)
{
	switch (tag) {
	case HANDOVER_MASTER:
		return offsetof(struct handover_master, lists_refused);
	case HANDOVER_TEXT:
		return sizeof(struct handover_text);
	case HANDOVER_LISTENER:
		return sizeof(struct handover_listener);
	case HANDOVER_SLOT:
		return offsetof(struct handover_slot, member);
	case HANDOVER_FD:
		return offsetof(struct handover_fd, known);
	case HANDOVER_EVENT:
		return 1;
	default:
		return 0;
	}
}

bool handover_next(const void *data, size_t size, size_t *at, struct handover_item *item_r)
{
	struct entry entry;

	if (*at == 0)
		*at = sizeof(struct header);
	if (*at >= size || size - *at < sizeof(entry))
		return false;
	memcpy(&entry, (const uint8_t *)data + *at, sizeof(entry));
	if (entry.length > HANDOVER_BODY_MAX || align(entry.length) > size - *at - sizeof(entry))
		return false;
	item_r->tag = entry.tag;
	item_r->length = entry.length;
	item_r->body = (const uint8_t *)data + *at + sizeof(entry);
	*at += sizeof(entry) + align(entry.length);
	return true;
}

void handover_get(const struct handover_item *item, void *struct_r, size_t size)
{
	memset(struct_r, 0, size);
	memcpy(struct_r, item->body, item->length < size ? item->length : size);
}

static int wrong(char why_r[160], const char *what)
{
	snprintf(why_r, 160, "the handover record %s", what);
	return -1;
}

static int check_entries(const void *data, size_t size, const struct header *header,
			 char why_r[160])
{
	struct handover_item item;
	uint32_t entries = 0, fds = 0;
	size_t at = 0;

	while (handover_next(data, size, &at, &item)) {
		bool optional = (item.tag & HANDOVER_OPTIONAL) != 0;

		if (least(item.tag) == 0 && !optional)
			return wrong(why_r, "has an entry that this build does not know");
		if (item.length < least(item.tag))
			return wrong(why_r, "has an entry that is too short");
		if ((entries == 0) != (item.tag == HANDOVER_MASTER))
			return wrong(why_r, "does not begin with the master, or has two");
		entries++;
		fds += item.tag == HANDOVER_FD;
	}
	if (at != size || entries == 0)
		return wrong(why_r, "ends inside an entry");
	if (entries != header->entries || fds != header->fds)
		return wrong(why_r, "has another number of entries than it says");
	return 0;
}

int handover_check(const void *data, size_t size, struct handover_info *info_r, char why_r[160])
{
	struct header header;
	uint8_t sum[HANDOVER_SUM];

	memset(info_r, 0, sizeof(*info_r));
	if (size < sizeof(header) || size > HANDOVER_MAX)
		return wrong(why_r, "has an impossible size");
	memcpy(&header, data, sizeof(header));
	if (header.magic != HANDOVER_MAGIC)
		return wrong(why_r, "is none");
	if (header.version != HANDOVER_VERSION)
		return wrong(why_r, "is of another version");
	if (header.size != size)
		return wrong(why_r, "is cut");
	make_sum(data, size, sum);
	if (memcmp(sum, header.sum, sizeof(sum)) != 0)
		return wrong(why_r, "is damaged: wrong checksum");
	info_r->entries = header.entries;
	info_r->fds = header.fds;
	memcpy(info_r->sum, sum, sizeof(sum));
	return check_entries(data, size, &header, why_r);
}

const char *handover_role_name(unsigned role)
{
	static const char *const names[] = {
		[ROLE_EXECUTABLE] = "executable",
		[ROLE_NULL] = "null device",
		[ROLE_CONF] = "configuration",
		[ROLE_LOG_READ] = "log queue (reading)",
		[ROLE_LOG_WRITE] = "log queue",
		[ROLE_LOG_ERR] = "standard error",
		[ROLE_GATE] = "gate",
		[ROLE_PIDFILE] = "pid file",
		[ROLE_LOCK] = "directory",
		[ROLE_CONTROL] = "control socket",
		[ROLE_ASKER] = "control connection",
		[ROLE_CALLER] = "control connection",
		[ROLE_PROGRESS] = "progress",
		[ROLE_NET] = "shackd-net",
		[ROLE_LIST] = "compiled list",
		[ROLE_PAGE] = "page",
		[ROLE_BELL] = "doorbell",
		[ROLE_RING] = "ring",
		[ROLE_TABLE] = "table",
		[ROLE_HOLDER] = "worker's control socket",
		[ROLE_PIDFD] = "worker's pidfd",
		[ROLE_UDP] = "UDP socket",
		[ROLE_ACCEPT] = "TCP listener",
		[ROLE_TCP] = "TCP connection",
		[ROLE_SPOTRING] = "ring of spots",
	};

	if (role >= sizeof(names) / sizeof(names[0]) || names[role] == NULL)
		return NULL;
	return names[role];
}
