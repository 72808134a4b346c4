/* SPDX-License-Identifier: ISC
 *
 * NAME      compile - from what a file says to a list that everybody maps
 * PURPOSE   See compile.h.
 * OWNER     data
 * CONTRACT  see compile.h
 * LIMITS    see image.h
 */
#include "workers/data/compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/addr.h"
#include "workers/data/image.h"

#define V4_BITS 96 /* of the mapped prefix */

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
		laid = image_table(image, rows, try, &table, help);
	else if (gather_nets(rules, set, help, &nets))
		laid = image_table(image, &nets, try, &table, help);
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
	size_t at = image_space(image, names->count * sizeof(struct access_name));
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

	for (unsigned try = 0; try < IMAGE_TRIES; try++) {
		enum laid laid = LAID;

		if (!image_begin(&image, sizeof(struct access)))
			return image_give_up(&image, ENOMEM);
		image_head(&image, LIST_ACCESS, ACCESS_VERSION);
		((struct access *)(void *)image.data)->source = *source;
		for (unsigned set = 0; set < ACCESS_SETS && laid == LAID; set++)
			laid = add_set(&image, rules, set, try, help);
		if (laid == LAID)
			laid = add_names(&image, &rules->names);
		if (laid == LAID)
			return image_seal(&image, LIST_ACCESS);
		if (laid == LAID_NO_MEMORY)
			return image_give_up(&image, ENOMEM);
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

/* ---- homes, hosts and known calls ---- */

/* A list of one table, which lies at offset TABLE of its head of HEAD bytes. */
static int compile_one(const struct rows *rows, enum list_kind kind, unsigned version, size_t head,
		       size_t table, const struct list_source *source,
		       const struct compile_help *help)
{
	struct image image;

	for (unsigned try = 0; try < IMAGE_TRIES; try++) {
		struct list_table described = {0};
		enum laid laid;

		if (!image_begin(&image, head))
			return image_give_up(&image, ENOMEM);
		image_head(&image, kind, version);
		laid = image_table(&image, rows, try, &described, help);
		if (laid == LAID_NO_MEMORY)
			return image_give_up(&image, ENOMEM);
		memcpy(image.data + table, &described, sizeof(described));
		if (source != NULL)
			((struct homes *)(void *)image.data)->source = *source;
		if (laid == LAID)
			return image_seal(&image, kind);
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

int compile_known(const struct rows *calls, const struct list_source *source,
		  const struct compile_help *help)
{
	return compile_one(calls, LIST_KNOWN, KNOWN_VERSION, sizeof(struct known),
			   offsetof(struct known, table), source, help);
}
