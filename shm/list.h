/* SPDX-License-Identifier: ISC
 *
 * NAME      list - compiled lists: what they have in common
 * PURPOSE   `data` compiles files and names into sealed, immutable snapshots; the master holds the
 *           newest of each kind and hands it to whoever looks things up in it. A worker maps the new
 *           one and lets the old one go: no list is ever half changed.
 * OWNER     written by data, held by the master, mapped read-only by whoever looks things up
 * CONTRACT  a mapping stays valid as long as it is not unmapped, whatever comes after it
 * LIMITS    LIST_SIZE_MAX bytes a list
 */
#ifndef SHACKD_SHM_LIST_H
#define SHACKD_SHM_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIST_MAGIC    0x53484b4cU
#define LIST_SIZE_MAX (256UL * 1024 * 1024)

/* Numbers are for ever. */
enum list_kind {
	LIST_ACCESS = 0, /* shm/access.h */
	LIST_HOMES = 1,	 /* shm/homes.h */
	LIST_HOSTS = 2,	 /* shm/hosts.h */
	LIST_COUNTRIES = 3, /* shm/country.h */
	LIST_KNOWN = 4,	    /* shm/country.h */
	LIST_KINDS = 5,
	LIST_KINDS_MAX = 16,
};

/* How every list begins. */
struct list_head {
	uint32_t magic;
	uint16_t kind;	  /* enum list_kind */
	uint16_t version; /* of that kind's layout */
	uint64_t size;	  /* of the whole list */
	uint64_t made;	  /* clock_real */
	uint8_t key[16];  /* of its hash tables, random for each list */
};

/* Is FD a memfd that can neither be written nor resized any more, of 1 to LIST_SIZE_MAX bytes? All
 * that the master needs to know. */
bool list_sealed(int fd);

/* Maps a list of KIND and VERSION after list_sealed and a check of its head. NULL with errno. */
const struct list_head *list_map(int fd, enum list_kind kind, unsigned version);
void list_unmap(const struct list_head **list);

/* Makes a sealed memfd of SIZE bytes at DATA, which begin with a list_head. -1 with errno. */
int list_seal(enum list_kind kind, const void *data, size_t size);

const char *list_name(enum list_kind kind); /* "access", "homes", "hosts", "countries", "known" */

#endif
