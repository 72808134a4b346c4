/* SPDX-License-Identifier: ISC
 *
 * NAME      list_layout - what compiled lists look like inside
 * PURPOSE   The one description that the readers (access, homes, hosts, country, known) and the
 *           compiler of the worker kind data share. Everybody else asks through their headers.
 * OWNER     made by data
 * CONTRACT  offsets count from the beginning of the list; unused bytes are zero; texts are
 *           printable ASCII, padded with NULs. A reader checks all of it once, when it maps the
 *           list.
 * LIMITS    LIST_ENTRIES_MAX entries a table, LIST_PROBES looks a question
 */
#ifndef SHACKD_SHM_LIST_LAYOUT_H
#define SHACKD_SHM_LIST_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/access.h"
#include "shm/call.h"
#include "shm/country.h"
#include "shm/homes.h"
#include "shm/hosts.h"
#include "shm/list.h"

#define ACCESS_VERSION	  1
#define HOMES_VERSION	  1
#define HOSTS_VERSION	  1
#define COUNTRIES_VERSION 1
#define KNOWN_VERSION	  1

#define LIST_ENTRIES_MAX 1000000
/* The compiler takes another key when an entry would lie further from its place than this, so that
 * even a hostile list can't make a look-up long. */
#define LIST_PROBES 64
#define LIST_NONE   UINT32_MAX

#define LIST_TEXT 12  /* ten characters, padded */
#define LIST_HOST 256 /* a host name, padded */

/* Entries of one size, each beginning with its key, in the order of the file; and an index of them:
 * open addressing, linear probing, hashed with list_head.key. */
struct list_table {
	uint32_t entries;
	uint32_t slots;	     /* a power of two, 0 when there are no entries */
	uint64_t entries_at; /* multiple of 8 */
	uint64_t slots_at;   /* uint32_t each: number of the entry + 1, 0: free */
};

/* Where a list came from, for the process that goes on after the one that compiled it. */
struct list_source {
	uint64_t dev, ino, size;  /* of the file */
	int64_t mtime;		  /* ns */
	uint64_t conf_generation; /* of the configuration it was read under */
	uint32_t bad_lines;
	uint32_t reserved;
};

/* A network. IPv4 counts as /96 and more of the mapped form, and is asked for in its own family
 * only. The whole entry is its key. */
struct access_net {
	uint8_t ip[16]; /* the bits beyond LENGTH are zero */
	uint8_t length; /* 0..128 */
	uint8_t reserved[3];
};

#define ACCESS_NET_SETS 2 /* ACCESS_IP and ACCESS_IPB */

/* Prefix lengths that occur among the networks of a set, greatest first. */
struct access_lengths {
	uint8_t v4_count, v6_count;
	uint8_t v4[33], v6[129];
};

/* A host name of the access file; its addresses are among the networks. No index: nobody looks one
 * up. */
struct access_name {
	char host[LIST_HOST];
	uint8_t set; /* ACCESS_IP or ACCESS_IPB */
	uint8_t reserved[7];
};

struct access {
	struct list_head head;
	struct list_source source;
	struct list_table table[ACCESS_SETS];
	struct access_lengths lengths[ACCESS_NET_SETS];
	uint8_t part_lengths[16];	   /* [n] != 0: ACCESS_SUB has texts of n characters */
	uint32_t literal[ACCESS_NET_SETS]; /* so many networks, the first ones, are of the file
					    * itself; the others are of host names */
	uint32_t names;
	uint32_t reserved;
	uint64_t names_at; /* struct access_name each */
};

struct homes_entry {
	char name[LIST_TEXT]; /* key */
	uint32_t seconds;
	uint8_t dgid;
	uint8_t fixed;
	uint8_t reserved[2];
};

struct homes {
	struct list_head head;
	struct list_source source;
	struct list_table table;
};

struct hosts_entry {
	char host[LIST_HOST]; /* key, lower case */
	uint32_t count;
	uint32_t reserved;
	uint8_t ip[HOSTS_ADDRS][16];
};

struct hosts {
	struct list_head head;
	struct list_table table;
};

#define COUNTRY_ENTITIES_MAX 512
#define COUNTRY_RULES_MAX    60000
#define COUNTRY_NODES_MAX    60000
#define COUNTRY_PREFIXES_MAX 60000
#define COUNTRY_CALLS_MAX    200000
#define COUNTRY_SIGNS	     37 /* that prefixes are made of */

struct country_entity {
	char prefix[8];	 /* primary, without its star */
	uint8_t starred; /* counts for WAE alone; the key ends here */
	uint8_t reserved;
	uint16_t adif;
	uint8_t cq, itu, continent;
	uint8_t reserved2;
	int32_t latitude, longitude; /* millionths of a degree, north and east positive */
	char name[48];
};

/* What a prefix or a call means: its entity, and what differs from that for it. All of it is its
 * key. */
struct country_rule {
	uint16_t entity;
	uint8_t cq, itu, continent;
	uint8_t reserved[3];
	int32_t latitude, longitude;
};

/* Of a tree of prefixes: for each sign that may come next, the rule of the prefix that ends with it
 * and the node of those that go on. */
struct country_edge {
	uint16_t rule; /* its number + 1, 0: that is no prefix */
	uint16_t node; /* 0: no prefix goes on from here; the root has no edge to it */
};

struct country_node {
	struct country_edge edge[COUNTRY_SIGNS];
};

struct country_call {
	char call[CALL_TEXT_SIZE]; /* key */
	uint16_t rule;
	uint8_t reserved[6];
};

struct countries {
	struct list_head head;
	struct list_source source;
	char version[16];
	uint32_t entities, rules, nodes, prefixes;
	uint64_t entities_at, rules_at, nodes_at; /* one of each struct above */
	struct list_table calls;
};

/* The edge of a sign; COUNTRY_SIGNS: no prefix has that. */
static inline unsigned country_sign(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A') + 10;
	return c == '/' ? 36 : COUNTRY_SIGNS;
}

struct known {
	struct list_head head;
	struct list_source source;
	struct list_table table; /* calls of CALL_TEXT_SIZE, key and all */
};

/* Is TABLE, of a list that begins at HEAD, a sound table of entries of ENTRY_SIZE bytes? */
bool list_table_sound(const struct list_head *head, const struct list_table *table,
		      size_t entry_size);

/* Do COUNT things of SIZE bytes at AT lie inside the list? */
bool list_inside(const struct list_head *head, uint64_t at, uint64_t count, size_t size);

static inline const void *list_entry(const struct list_head *head, const struct list_table *table,
				     size_t entry_size, uint32_t n)
{
	return (const uint8_t *)head + table->entries_at + (uint64_t)n * entry_size;
}

/* The entry with that key, or NULL. */
const void *list_table_find(const struct list_head *head, const struct list_table *table,
			    size_t entry_size, const void *key, size_t key_size);

/* Where an entry belongs. */
uint64_t list_hash(const uint8_t secret[16], const void *key, size_t key_size);

/* Is TEXT of SIZE bytes printable ASCII, not empty, padded with at least one NUL? */
bool list_text_sound(const char *text, size_t size);

#endif
