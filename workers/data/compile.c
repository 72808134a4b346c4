/* SPDX-License-Identifier: ISC
 *
 * NAME      compile - from what a file says to a list that everybody maps
 * PURPOSE   See compile.h.
 * OWNER     data
 * CONTRACT  see compile.h
 * LIMITS    an index takes at least four slots an entry: most look-ups end at the first
 */
#include "workers/data/compile.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "shm/addr.h"
#include "shm/clock.h"

#define SLOTS_AN_ENTRY 4
#define TRIES	       8
#define BEAT_EVERY     8192
#define V4_BITS	       96 /* of the mapped prefix */

/* A list that grows while it is laid out. */
struct image {
	uint8_t *data;
	size_t size, room;
};

static size_t entry_size(enum access_set set)
{
	return set == ACCESS_IP || set == ACCESS_IPB ? sizeof(struct access_net) : LIST_TEXT;
}

bool access_rules_init(struct access_rules *rules)
{
	bool good = rows_init(&rules->names, sizeof(struct access_name), ACCESS_NAME_KEY);

	for (unsigned set = 0; set < ACCESS_SETS; set++)
		good = rows_init(&rules->set[set], entry_size(set), entry_size(set)) && good;
	return good;
}

void access_rules_free(struct access_rules *rules)
{
	for (unsigned set = 0; set < ACCESS_SETS; set++)
		rows_free(&rules->set[set]);
	rows_free(&rules->names);
}

/* ---- pieces of an image ---- */

/* SIZE zero bytes more, at a multiple of 8. Returns where, 0: no memory. */
static size_t add_space(struct image *image, size_t size)
{
	size_t at = (image->size + 7) & ~(size_t)7;
	size_t need = at + size;

	if (need > image->room) {
		size_t room = need > 2 * image->room ? need : 2 * image->room;
		uint8_t *data = realloc(image->data, room);

		if (data == NULL)
			return 0;
		image->data = data;
		image->room = room;
	}
	memset(image->data + image->size, 0, need - image->size);
	image->size = need;
	return at;
}

static bool begin(struct image *image, size_t head)
{
	*image = (struct image){0};
	image->data = calloc(1, head);
	image->size = image->room = head;
	return image->data != NULL;
}

static uint32_t slots_for(uint32_t entries, unsigned try)
{
	uint32_t slots = 8;

	while (slots < entries * SLOTS_AN_ENTRY)
		slots *= 2;
	/* at a quarter full a second key is hardly ever needed, and more room never */
	return try < TRIES / 2 ? slots : slots * 2;
}

/* False: an entry would lie too far from its place. */
static bool place(const struct rows *rows, const uint8_t key[16], uint32_t *slot, uint32_t slots,
		  const struct compile_help *help)
{
	for (uint32_t n = 0; n < rows->count; n++) {
		uint64_t hash = list_hash(key, rows_at(rows, n), rows->key_size);
		unsigned i = 0;

		while (i < LIST_PROBES && slot[(hash + i) & (slots - 1)] != 0)
			i++;
		if (i == LIST_PROBES)
			return false;
		slot[(hash + i) & (slots - 1)] = n + 1;
		if (n % BEAT_EVERY == 0 && help != NULL && help->beat != NULL)
			help->beat(help->arg);
	}
	return true;
}

enum laid { LAID, LAID_BADLY, LAID_NO_MEMORY };

/* Lays ROWS out and describes them in TABLE_R. */
static enum laid add_table(struct image *image, const struct rows *rows, unsigned try,
			   struct list_table *table_r, const struct compile_help *help)
{
	uint32_t slots = slots_for(rows->count, try);
	const struct list_head *head;
	size_t entries, index;

	*table_r = (struct list_table){0};
	if (rows->count == 0)
		return LAID;
	entries = add_space(image, rows->count * rows->entry_size);
	index = add_space(image, slots * sizeof(uint32_t));
	if (entries == 0 || index == 0)
		return LAID_NO_MEMORY;
	memcpy(image->data + entries, rows->entry, rows->count * rows->entry_size);
	*table_r = (struct list_table){
		.entries = rows->count, .slots = slots, .entries_at = entries, .slots_at = index};
	head = (const void *)image->data;
	return place(rows, head->key, (uint32_t *)(void *)(image->data + index), slots, help)
		       ? LAID
		       : LAID_BADLY;
}

static void fill_head(struct image *image, enum list_kind kind, unsigned version)
{
	struct list_head head = {.magic = LIST_MAGIC,
				 .kind = (uint16_t)kind,
				 .version = (uint16_t)version,
				 .made = clock_real()};

	randombytes_buf(head.key, sizeof(head.key));
	memcpy(image->data, &head, sizeof(head));
}

static int seal(struct image *image, enum list_kind kind)
{
	struct list_head *head = (void *)image->data;
	int fd, error;

	head->size = image->size;
	fd = list_seal(kind, image->data, image->size);
	error = errno;
	free(image->data);
	errno = error;
	return fd;
}

static int give_up(struct image *image, int error)
{
	free(image->data);
	errno = error;
	return -1;
}

/* ---- access ---- */

/* The networks of the file, and behind them the addresses of its host names. */
static bool gather_nets(const struct access_rules *rules, enum access_set set,
			const struct compile_help *help, struct rows *nets_r)
{
	const struct rows *literal = &rules->set[set];
	uint8_t ip[HOSTS_ADDRS][16];

	if (!rows_init(nets_r, sizeof(struct access_net), sizeof(struct access_net)))
		return false;
	for (uint32_t i = 0; i < literal->count; i++)
		if (rows_put(nets_r, rows_at(literal, i), NULL) == ROWS_FULL)
			return false;
	for (uint32_t i = 0; i < rules->names.count; i++) {
		const struct access_name *name = rows_at(&rules->names, i);
		unsigned count = 0;

		if (name->set == set && help != NULL && help->resolve != NULL)
			count = help->resolve(help->arg, name->host, ip);
		for (unsigned n = 0; n < count; n++) {
			struct access_net net = {.length = 128};

			memcpy(net.ip, ip[n], sizeof(net.ip));
			if (rows_put(nets_r, &net, NULL) == ROWS_FULL)
				return false;
		}
	}
	return true;
}

static void note_lengths(struct access_lengths *lengths, const struct rows *nets)
{
	bool v4[129] = {false}, v6[129] = {false};

	for (uint32_t i = 0; i < nets->count; i++) {
		const struct access_net *net = rows_at(nets, i);
		struct addr addr = {0};

		memcpy(addr.ip, net->ip, sizeof(addr.ip));
		if (addr_is_ipv4(&addr) && net->length >= V4_BITS)
			v4[net->length] = true;
		else
			v6[net->length] = true;
	}
	for (int length = 128; length >= 0; length--) {
		if (v4[length])
			lengths->v4[lengths->v4_count++] = (uint8_t)length;
		if (v6[length])
			lengths->v6[lengths->v6_count++] = (uint8_t)length;
	}
}

static void note_parts(struct access *access, const struct rows *texts)
{
	for (uint32_t i = 0; i < texts->count; i++)
		access->part_lengths[strnlen(rows_at(texts, i), LIST_TEXT)] = 1;
}

static enum laid add_set(struct image *image, const struct access_rules *rules, enum access_set set,
			 unsigned try, const struct compile_help *help)
{
	const struct rows *rows = &rules->set[set];
	struct rows nets = {0};
	struct list_table table = {0};
	enum laid laid = LAID_NO_MEMORY;
	bool is_net = set == ACCESS_IP || set == ACCESS_IPB;

	if (!is_net)
		laid = add_table(image, rows, try, &table, help);
	else if (gather_nets(rules, set, help, &nets))
		laid = add_table(image, &nets, try, &table, help);
	struct access *access = (void *)image->data;
	if (laid == LAID) {
		access->table[set] = table;
		if (is_net) {
			access->literal[set == ACCESS_IPB] = rows->count;
			note_lengths(&access->lengths[set == ACCESS_IPB], &nets);
		}
		if (set == ACCESS_SUB)
			note_parts(access, rows);
	}
	rows_free(&nets);
	return laid;
}

static enum laid add_names(struct image *image, const struct rows *names)
{
	size_t at = add_space(image, names->count * sizeof(struct access_name));
	struct access *access = (void *)image->data;

	if (at == 0)
		return LAID_NO_MEMORY;
	if (names->count > 0)
		memcpy(image->data + at, names->entry, names->count * sizeof(struct access_name));
	access->names = names->count;
	access->names_at = at;
	return LAID;
}

int compile_access(const struct access_rules *rules, const struct list_source *source,
		   const struct compile_help *help)
{
	struct image image;

	for (unsigned try = 0; try < TRIES; try++) {
		enum laid laid = LAID;

		if (!begin(&image, sizeof(struct access)))
			return give_up(&image, ENOMEM);
		fill_head(&image, LIST_ACCESS, ACCESS_VERSION);
		((struct access *)(void *)image.data)->source = *source;
		for (unsigned set = 0; set < ACCESS_SETS && laid == LAID; set++)
			laid = add_set(&image, rules, set, try, help);
		if (laid == LAID)
			laid = add_names(&image, &rules->names);
		if (laid == LAID)
			return seal(&image, LIST_ACCESS);
		if (laid == LAID_NO_MEMORY)
			return give_up(&image, ENOMEM);
		free(image.data);
	}
	errno = ELOOP;
	return -1;
}

static bool put_all(struct rows *rows, const uint8_t *entries, size_t size, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (rows_put(rows, entries + i * size, NULL) == ROWS_FULL)
			return false;
	return true;
}

bool compile_back(const struct access *access, struct access_rules *rules_r)
{
	const uint8_t *base = (const uint8_t *)access;

	for (unsigned set = 0; set < ACCESS_SETS; set++) {
		const struct list_table *table = &access->table[set];
		uint32_t count = table->entries;

		if (set == ACCESS_IP || set == ACCESS_IPB)
			count = access->literal[set == ACCESS_IPB];
		if (!put_all(&rules_r->set[set], base + table->entries_at, entry_size(set), count))
			return false;
	}
	return put_all(&rules_r->names, base + access->names_at, sizeof(struct access_name),
		       access->names);
}

/* ---- homes and hosts ---- */

/* A list of one table, which lies at offset TABLE of its head of HEAD bytes. */
static int compile_one(const struct rows *rows, enum list_kind kind, unsigned version, size_t head,
		       size_t table, const struct list_source *source,
		       const struct compile_help *help)
{
	struct image image;

	for (unsigned try = 0; try < TRIES; try++) {
		struct list_table described = {0};
		enum laid laid;

		if (!begin(&image, head))
			return give_up(&image, ENOMEM);
		fill_head(&image, kind, version);
		laid = add_table(&image, rows, try, &described, help);
		if (laid == LAID_NO_MEMORY)
			return give_up(&image, ENOMEM);
		memcpy(image.data + table, &described, sizeof(described));
		if (source != NULL)
			((struct homes *)(void *)image.data)->source = *source;
		if (laid == LAID)
			return seal(&image, kind);
		free(image.data);
	}
	errno = ELOOP;
	return -1;
}

int compile_homes(const struct rows *homes, const struct list_source *source,
		  const struct compile_help *help)
{
	return compile_one(homes, LIST_HOMES, HOMES_VERSION, sizeof(struct homes),
			   offsetof(struct homes, table), source, help);
}

int compile_hosts(const struct rows *hosts, const struct compile_help *help)
{
	return compile_one(hosts, LIST_HOSTS, HOSTS_VERSION, sizeof(struct hosts),
			   offsetof(struct hosts, table), NULL, help);
}
