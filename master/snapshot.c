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
/* The greatest value is a full listen key; a text takes less. */
#define VALUE_MAX   (CONF_LISTEN_MAX * sizeof(struct addr) + 16)
#define BUFFER_SIZE (HEADER_SIZE + CONF_KEYS * VALUE_MAX)
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

/* Fills the zeroed BUFFER and returns how much of it is used. At least one zero byte follows every
 * value, which is what ends the texts. */
static size_t lay_out(struct conf_header *header, const struct config *config, uint64_t generation)
{
	size_t at = align(HEADER_SIZE);

	for (int key = 0; key < CONF_KEYS; key++) {
		const struct value *value = config_value(config, (enum conf_key)key);
		size_t length;
		const void *bytes = bytes_of(&option_table[key], value, &length);

		memcpy((char *)header + at, bytes, length);
		header->entry[key].offset = (uint32_t)at;
		header->entry[key].length = (uint32_t)length;
		at = align(at + length + 1);
	}
	header->magic = CONF_MAGIC;
	header->version = CONF_VERSION;
	header->size = at;
	header->generation = generation;
	header->keys = CONF_KEYS;
	return at;
}

static void lay_out_listeners(struct conf_header *header, const struct config *config,
			      const struct snapshot_listeners *listeners)
{
	size_t count;
	const struct addr *addr = config_listen(config, CONF_YSF_LISTEN, &count);

	if (listeners != NULL) {
		addr = listeners->addr;
		count = CONF_LISTEN_MAX;
	}
	for (size_t i = 0; i < count; i++) {
		if (listeners != NULL && !listeners->used[i])
			continue;
		header->listeners |= 1ULL << i;
		header->listener[i] = addr[i];
	}
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
	struct conf_header *header = calloc(1, BUFFER_SIZE);
	int fd, error;
	size_t size;

	if (header == NULL)
		return -1;
	size = lay_out(header, config, generation);
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
