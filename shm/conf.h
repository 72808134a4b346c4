/* SPDX-License-Identifier: ISC
 *
 * NAME      conf - read side of the configuration snapshot
 * PURPOSE   The master turns the ini file into one immutable memfd; everybody else maps it and asks
 *           by key, without parsing anything.
 * OWNER     written by the master (master/snapshot.c), mapped read-only by every worker
 * CONTRACT  the memfd is sealed (no write, no resize); values are canonical and validated
 * LIMITS    CONF_TEXT_MAX bytes a text
 */
#ifndef SHACKD_SHM_CONF_H
#define SHACKD_SHM_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/addr.h"

#define CONF_MAGIC	0x53484b43U
#define CONF_VERSION	3
#define CONF_TEXT_MAX	512
#define CONF_LISTEN_MAX 64
#define CONF_AUX_MAX	32
#define CONF_GROUP_MAX	64

/* Every key, in the order of the sample file. */
enum conf_key {
#define OPTION(id, section, key, type, def, min, max, reload, help) CONF_##id,
#include "shm/options.def"
#undef OPTION
	CONF_KEYS
};

/* The sections of which there may be many, each with a name of its own: [ysf alias NAME]. */
enum conf_group {
#define GROUP(id, section, first, last, name_max, help) CONF_GROUP_##id,
#include "shm/groups.def"
#undef GROUP
	CONF_GROUPS
};

enum conf_type {
	CONF_TEXT,     /* NUL-terminated text */
	CONF_PATH,     /* text; relative paths were made absolute */
	CONF_NUMBER,   /* int64_t */
	CONF_BOOL,     /* int64_t 0 or 1 */
	CONF_DURATION, /* int64_t nanoseconds */
	CONF_SIZE,     /* int64_t bytes */
	CONF_RATE,     /* int64_t events a minute ("20/m") */
	CONF_WORKERS,  /* int64_t; "auto" resolved by the master at cold start */
	CONF_LOG,      /* text: "stderr", "syslog" or an absolute path */
	CONF_LEVEL,    /* int64_t enum log_level, the words in the option's `min` string */
	CONF_CHOICE,   /* text, one of the words in the option's `min` string */
	CONF_DGID,     /* int64_t 1..99 */
	CONF_DGID_SET, /* struct conf_dgids */
	CONF_LISTEN,   /* array of struct addr, "*" expanded to both families */
	CONF_AUX,      /* array of struct conf_aux */
};

/* An auxiliary port: who links there gets DGID. */
struct conf_aux {
	uint16_t dgid; /* 1..99 */
	uint16_t port; /* 0: the kernel chooses */
};

/* A set of DG-IDs; bit n of word n / 64. */
struct conf_dgids {
	uint64_t bits[2];
};

/* Layout of the snapshot: header, CONF_KEYS entries (those of a group's keys are zero), values. */
struct conf_entry {
	uint32_t offset; /* of the value, from the start of the snapshot, 8-byte aligned */
	uint32_t length; /* bytes; text without its NUL */
};

/* The members of a group, each a row of entries: its name, then its keys in order. */
struct conf_members {
	uint32_t offset; /* of the first row, 8-byte aligned */
	uint32_t count;
};

struct conf_header {
	uint32_t magic;
	uint32_t version;
	uint64_t size;	     /* of the whole snapshot */
	uint64_t generation; /* 1, 2, ...: grows with every reload that took effect */
	uint32_t keys;	     /* CONF_KEYS of the writer */
	uint32_t reserved;
	uint64_t listeners;			/* bit n: there is a listener n */
	struct addr listener[CONF_LISTEN_MAX];	/* as configured: a port may be 0 */
	uint8_t listener_dgid[CONF_LISTEN_MAX]; /* 0: of ysf.listen, else of an auxiliary port */
	struct conf_members group[CONF_GROUPS];
	struct conf_entry entry[];
};

struct conf;

/* Maps and checks a snapshot: seals, magic, sizes, every entry inside the file, texts terminated.
 * NULL with errno (EINVAL when it is none of ours). */
struct conf *conf_map(int fd);
void conf_unmap(struct conf **conf);

uint64_t conf_generation(const struct conf *conf);
int64_t conf_number(const struct conf *conf, enum conf_key key);
bool conf_bool(const struct conf *conf, enum conf_key key);
const char *conf_text(const struct conf *conf, enum conf_key key);
struct conf_dgids conf_dgids(const struct conf *conf, enum conf_key key);
/* Addresses of a listen key; COUNT_R of them. */
const struct addr *conf_listen(const struct conf *conf, enum conf_key key, size_t *count_r);

/* What listener INDEX was configured as, or NULL when there is none: a listener keeps its index as
 * long as it lives, so that there may be gaps. */
const struct addr *conf_listener(const struct conf *conf, unsigned index);
/* 0: it belongs to ysf.listen (or is none); else the DG-ID of its auxiliary port. */
uint8_t conf_listener_dgid(const struct conf *conf, unsigned index);

/* Members of a group, in the order of the file: 0 to conf_group_count - 1. KEY is one of its keys.
 */
size_t conf_group_count(const struct conf *conf, enum conf_group group);
const char *conf_group_name(const struct conf *conf, enum conf_group group, size_t member);
int64_t conf_group_number(const struct conf *conf, enum conf_group group, size_t member,
			  enum conf_key key);
const char *conf_group_text(const struct conf *conf, enum conf_group group, size_t member,
			    enum conf_key key);

/* How many keys a group has, and which is its first. */
enum conf_key conf_group_first(enum conf_group group);
unsigned conf_group_keys(enum conf_group group);
/* The group that KEY belongs to; CONF_GROUPS when it belongs to none. */
enum conf_group conf_key_group(enum conf_key key);

static inline bool conf_dgid_in(const struct conf_dgids *set, unsigned dgid)
{
	return dgid < 128 && (set->bits[dgid / 64] >> (dgid % 64) & 1);
}

#endif
