/* SPDX-License-Identifier: ISC
 *
 * NAME      conf - read side of the configuration snapshot
 * PURPOSE   Maps the master's memfd and answers by key.
 * OWNER     every worker
 * CONTRACT  see shm/conf.h; asking a key for another type than its own is a bug and aborts
 * LIMITS    none known
 */
#include "shm/conf.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* A snapshot has about 8 KB, with all groups full 100; the bound keeps a wrong descriptor from
 * eating our address space. */
#define SNAPSHOT_MAX (1024 * 1024)
#define SEALS	     (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct conf {
	const struct conf_header *header;
	size_t size;
};

static const enum conf_type key_type[CONF_KEYS] = {
#define OPTION(id, section, key, type, def, min, max, reload, help) [CONF_##id] = CONF_##type,
#include "shm/options.def"
#undef OPTION
};

static const struct {
	enum conf_key first, last;
} group_keys[CONF_GROUPS] = {
#define GROUP(id, section, first_, last_, name_max, help)                                          \
	[CONF_GROUP_##id] = {.first = CONF_##first_, .last = CONF_##last_},
#include "shm/groups.def"
#undef GROUP
};

/* How a type is stored. */
enum form {
	FORM_NUMBER,
	FORM_TEXT,
	FORM_DGIDS,
	FORM_LISTEN,
	FORM_AUX,
};

static enum form form_of(enum conf_key key)
{
	switch (key_type[key]) {
	case CONF_TEXT:
	case CONF_PATH:
	case CONF_LOG:
	case CONF_CHOICE:
		return FORM_TEXT;
	case CONF_DGID_SET:
		return FORM_DGIDS;
	case CONF_LISTEN:
		return FORM_LISTEN;
	case CONF_AUX:
		return FORM_AUX;
	default:
		return FORM_NUMBER;
	}
}

enum conf_key conf_group_first(enum conf_group group)
{
	return group_keys[group].first;
}

unsigned conf_group_keys(enum conf_group group)
{
	return (unsigned)(group_keys[group].last - group_keys[group].first) + 1;
}

enum conf_group conf_key_group(enum conf_key key)
{
	int group = 0;

	while (group < CONF_GROUPS &&
	       (key < group_keys[group].first || key > group_keys[group].last))
		group++;
	return (enum conf_group)group;
}

static const void *bytes_at(const struct conf_header *header, const struct conf_entry *entry)
{
	return (const char *)header + entry->offset;
}

static const void *value_at(const struct conf_header *header, enum conf_key key)
{
	return bytes_at(header, &header->entry[key]);
}

/* Does ENTRY hold a value of FORM, inside the file? */
static bool entry_ok(const struct conf_header *header, const struct conf_entry *entry,
		     enum form form)
{
	uint64_t end = (uint64_t)entry->offset + entry->length;
	const char *text;

	if (entry->offset % 8 != 0 || end >= header->size ||
	    entry->offset < sizeof(*header) + CONF_KEYS * sizeof(*entry))
		return false;
	switch (form) {
	case FORM_NUMBER:
		return entry->length == sizeof(int64_t);
	case FORM_TEXT:
		text = bytes_at(header, entry);
		return entry->length < CONF_TEXT_MAX && text[entry->length] == '\0' &&
		       strlen(text) == entry->length;
	case FORM_DGIDS:
		return entry->length == sizeof(struct conf_dgids);
	case FORM_LISTEN:
		return entry->length % sizeof(struct addr) == 0 &&
		       entry->length / sizeof(struct addr) <= CONF_LISTEN_MAX;
	case FORM_AUX:
		return entry->length % sizeof(struct conf_aux) == 0 &&
		       entry->length / sizeof(struct conf_aux) <= CONF_AUX_MAX;
	}
	return false;
}

/* A group's key has its values with the members. */
static bool key_ok(const struct conf_header *header, enum conf_key key)
{
	const struct conf_entry *entry = &header->entry[key];

	if (conf_key_group(key) != CONF_GROUPS)
		return entry->offset == 0 && entry->length == 0;
	return entry_ok(header, entry, form_of(key));
}

/* The entries of MEMBER: its name's, then those of its keys. */
static const struct conf_entry *row_at(const struct conf_header *header, enum conf_group group,
				       size_t member)
{
	const char *rows = (const char *)header + header->group[group].offset;

	return (const struct conf_entry *)(const void *)rows +
	       member * (1 + conf_group_keys(group));
}

static bool group_ok(const struct conf_header *header, enum conf_group group)
{
	const struct conf_members *members = &header->group[group];
	unsigned keys = conf_group_keys(group);
	uint64_t size = members->count * (1 + (uint64_t)keys) * sizeof(struct conf_entry);

	if (members->count == 0)
		return true;
	if (members->count > CONF_GROUP_MAX || members->offset % 8 != 0 ||
	    members->offset < sizeof(*header) || members->offset + size > header->size)
		return false;
	for (size_t i = 0; i < members->count; i++) {
		const struct conf_entry *row = row_at(header, group, i);

		if (!entry_ok(header, &row[0], FORM_TEXT))
			return false;
		for (unsigned k = 0; k < keys; k++)
			if (!entry_ok(header, &row[1 + k],
				      form_of((enum conf_key)(conf_group_first(group) + k))))
				return false;
	}
	return true;
}

static bool header_ok(const struct conf_header *header, size_t size)
{
	if (header->magic != CONF_MAGIC || header->version != CONF_VERSION ||
	    header->size != size || header->keys != CONF_KEYS || header->generation == 0)
		return false;
	for (int key = 0; key < CONF_KEYS; key++)
		if (!key_ok(header, (enum conf_key)key))
			return false;
	for (int group = 0; group < CONF_GROUPS; group++)
		if (!group_ok(header, (enum conf_group)group))
			return false;
	return true;
}

struct conf *conf_map(int fd)
{
	const size_t least = sizeof(struct conf_header) + CONF_KEYS * sizeof(struct conf_entry);
	struct conf *conf;
	struct stat st;
	void *map;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || fstat(fd, &st) < 0)
		return NULL;
	if ((seals & SEALS) != SEALS || st.st_size < (off_t)least || st.st_size > SNAPSHOT_MAX) {
		errno = EINVAL;
		return NULL;
	}
	/* Private: kernels before 6.7 refuse even a reading MAP_SHARED of a write-sealed memfd. */
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	conf = malloc(sizeof(*conf));
	if (conf == NULL || !header_ok(map, (size_t)st.st_size)) {
		errno = conf == NULL ? ENOMEM : EINVAL;
		free(conf);
		munmap(map, (size_t)st.st_size);
		return NULL;
	}
	conf->header = map;
	conf->size = (size_t)st.st_size;
	return conf;
}

void conf_unmap(struct conf **conf)
{
	if (*conf == NULL)
		return;
	munmap((void *)(uintptr_t)(*conf)->header, (*conf)->size);
	free(*conf);
	*conf = NULL;
}

uint64_t conf_generation(const struct conf *conf)
{
	return conf->header->generation;
}

int64_t conf_number(const struct conf *conf, enum conf_key key)
{
	assert(form_of(key) == FORM_NUMBER && conf_key_group(key) == CONF_GROUPS);
	return *(const int64_t *)value_at(conf->header, key);
}

bool conf_bool(const struct conf *conf, enum conf_key key)
{
	assert(key_type[key] == CONF_BOOL);
	return conf_number(conf, key) != 0;
}

const char *conf_text(const struct conf *conf, enum conf_key key)
{
	assert(form_of(key) == FORM_TEXT && conf_key_group(key) == CONF_GROUPS);
	return value_at(conf->header, key);
}

struct conf_dgids conf_dgids(const struct conf *conf, enum conf_key key)
{
	assert(form_of(key) == FORM_DGIDS);
	return *(const struct conf_dgids *)value_at(conf->header, key);
}

const struct addr *conf_listener(const struct conf *conf, unsigned index)
{
	if (index >= CONF_LISTEN_MAX || !(conf->header->listeners >> index & 1))
		return NULL;
	return &conf->header->listener[index];
}

uint8_t conf_listener_dgid(const struct conf *conf, unsigned index)
{
	return conf_listener(conf, index) != NULL ? conf->header->listener_dgid[index] : 0;
}

const struct addr *conf_listen(const struct conf *conf, enum conf_key key, size_t *count_r)
{
	assert(form_of(key) == FORM_LISTEN);
	*count_r = conf->header->entry[key].length / sizeof(struct addr);
	return value_at(conf->header, key);
}

size_t conf_group_count(const struct conf *conf, enum conf_group group)
{
	return conf->header->group[group].count;
}

/* The value of KEY that MEMBER has. */
static const void *member_value(const struct conf *conf, enum conf_group group, size_t member,
				enum conf_key key)
{
	const struct conf_entry *row = row_at(conf->header, group, member);

	assert(member < conf_group_count(conf, group) && conf_key_group(key) == group);
	return bytes_at(conf->header, &row[1 + key - conf_group_first(group)]);
}

const char *conf_group_name(const struct conf *conf, enum conf_group group, size_t member)
{
	assert(member < conf_group_count(conf, group));
	return bytes_at(conf->header, row_at(conf->header, group, member));
}

int64_t conf_group_number(const struct conf *conf, enum conf_group group, size_t member,
			  enum conf_key key)
{
	assert(form_of(key) == FORM_NUMBER);
	return *(const int64_t *)member_value(conf, group, member, key);
}

const char *conf_group_text(const struct conf *conf, enum conf_group group, size_t member,
			    enum conf_key key)
{
	assert(form_of(key) == FORM_TEXT);
	return member_value(conf, group, member, key);
}
