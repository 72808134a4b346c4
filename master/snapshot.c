/* SPDX-License-Identifier: ISC
 *
 * NAME      snapshot - write side of the configuration snapshot
 * PURPOSE   Lays the effective configuration out as shm/conf.h says and seals it.
 * OWNER     master
 * CONTRACT  see master/snapshot.h
 * LIMITS    none known
 */
#include "master/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/conf.h"

#define HEADER_SIZE (sizeof(struct conf_header) + CONF_KEYS * sizeof(struct conf_entry))
#define SEALS	    (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

/* Values begin at multiples of 8, so that numbers can be read in place. */
static size_t align(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

/* Where the bytes of VALUE are, and how many. */
static const void *bytes_of(const struct option_def *option, const struct value *value,
			    size_t *length_r)
{
	switch (option->type) {
	case CONF_TEXT:
	case CONF_PATH:
	case CONF_LOG:
	case CONF_CHOICE:
		*length_r = strlen(value->text);
		return value->text;
	case CONF_DGID_SET:
		*length_r = sizeof(value->dgids);
		return &value->dgids;
	case CONF_LISTEN:
		*length_r = value->listens * sizeof(value->listen[0]);
		return value->listen;
	case CONF_AUX:
		*length_r = value->auxes * sizeof(value->aux[0]);
		return value->aux;
	default:
		*length_r = sizeof(value->number);
		return &value->number;
	}
}

/* A snapshot in the making. Without a HEADER it is only measured. */
struct layout {
	struct conf_header *header;
	size_t at; /* where the next value goes */
};

/* Puts LENGTH bytes there. At least one zero byte follows, which is what ends the texts. */
static struct conf_entry put(struct layout *layout, const void *bytes, size_t length)
{
	struct conf_entry entry = {.offset = (uint32_t)layout->at, .length = (uint32_t)length};

	if (layout->header != NULL)
		memcpy((char *)layout->header + layout->at, bytes, length);
	layout->at = align(layout->at + length + 1);
	return entry;
}

static struct conf_entry put_value(struct layout *layout, enum conf_key key,
				   const struct value *value)
{
	size_t length;
	const void *bytes = bytes_of(&option_table[key], value, &length);

	return put(layout, bytes, length);
}

static void put_group(struct layout *layout, const struct config *config, enum conf_group group)
{
	unsigned keys = conf_group_keys(group);
	struct conf_entry row[1 + keys];
	struct conf_members members = {.offset = (uint32_t)layout->at,
				       .count = (uint32_t)config_group_count(config, group)};

	layout->at += members.count * sizeof(row);
	for (size_t i = 0; i < members.count; i++) {
		const char *name = config_group_name(config, group, i);

		row[0] = put(layout, name, strlen(name));
		for (unsigned k = 0; k < keys; k++) {
			enum conf_key key = (enum conf_key)(conf_group_first(group) + k);

			row[1 + k] = put_value(layout, key, config_group_value(config, i, key));
		}
		if (layout->header != NULL)
			memcpy((char *)layout->header + members.offset + i * sizeof(row), row,
			       sizeof(row));
	}
	if (layout->header != NULL)
		layout->header->group[group] = members;
}

/* Fills the zeroed HEADER, which may be NULL. Returns the size of the whole snapshot. */
static size_t lay_out(struct conf_header *header, const struct config *config, uint64_t generation)
{
	struct layout layout = {.header = header, .at = align(HEADER_SIZE)};

	for (int key = 0; key < CONF_KEYS; key++) {
		struct conf_entry entry = {0};

		if (conf_key_group((enum conf_key)key) == CONF_GROUPS)
			entry = put_value(&layout, (enum conf_key)key,
					  config_value(config, (enum conf_key)key));
		if (header != NULL)
			header->entry[key] = entry;
	}
	for (int group = 0; group < CONF_GROUPS; group++)
		put_group(&layout, config, (enum conf_group)group);
	if (header == NULL)
		return layout.at;
	header->magic = CONF_MAGIC;
	header->version = CONF_VERSION;
	header->size = layout.at;
	header->generation = generation;
	header->keys = CONF_KEYS;
	return layout.at;
}

static void put_listener(struct conf_header *header, size_t at, const struct addr *addr,
			 uint8_t dgid)
{
	header->listeners |= 1ULL << at;
	header->listener[at] = *addr;
	header->listener_dgid[at] = dgid;
}

static void lay_out_listeners(struct conf_header *header, const struct config *config,
			      const struct snapshot_listeners *listeners)
{
	struct config_listener all[CONF_LISTEN_MAX];
	size_t count = listeners == NULL ? config_listeners(config, all) : 0;

	for (size_t i = 0; i < count; i++)
		put_listener(header, i, &all[i].addr, all[i].dgid);
	for (size_t i = 0; listeners != NULL && i < CONF_LISTEN_MAX; i++)
		if (listeners->used[i])
			put_listener(header, i, &listeners->addr[i], listeners->dgid[i]);
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t put = write(fd, data, size);

		if (put < 0 && errno != EINTR)
			return -1;
		if (put > 0) {
			data += put;
			size -= (size_t)put;
		}
	}
	return 0;
}

int snapshot_build(const struct config *config, uint64_t generation,
		   const struct snapshot_listeners *listeners)
{
	size_t size = lay_out(NULL, config, generation);
	struct conf_header *header = calloc(1, size);
	int fd, error;

	if (header == NULL)
		return -1;
	lay_out(header, config, generation);
	lay_out_listeners(header, config, listeners);
	fd = memfd_create("shackd-conf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd >= 0 &&
	    (write_all(fd, (const char *)header, size) < 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0)) {
		error = errno;
		close(fd);
		errno = error;
		fd = -1;
	}
	error = errno;
	free(header);
	errno = error;
	return fd;
}
