/* SPDX-License-Identifier: ISC
 *
 * NAME      dxschema - records of the DX cluster's tables
 * PURPOSE   The layouts of sessions and users; spots have theirs in shm/spot.h.
 * OWNER     dxc, spot, feed and keeper
 * CONTRACT  as schema.h: fixed layouts that begin with their version, checked when they are read
 * LIMITS    a filter is FILTER_BYTES_MAX opaque bytes here
 */
#ifndef SHACKD_SHM_STORE_DXSCHEMA_H
#define SHACKD_SHM_STORE_DXSCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/addr.h"
#include "shm/call.h"

/* Who is logged in. Key: the call, NUL-padded to CALL_TEXT_SIZE bytes. */
struct session_record {
	uint8_t version;
	uint8_t reserved[3];
	uint32_t index;	  /* place in its slot's session table */
	uint64_t session; /* of the table; people see it as s34 */
	char slot[16];	  /* "dxc.0" */
	uint8_t ip[16];	  /* IPv4 mapped */
	uint16_t port;
	uint16_t reserved_too;
	uint32_t id;	/* 1, 2, 3 ... never reused; people see it as s34. Given by sessions_put */
	uint64_t since; /* clock_mono */
	uint64_t since_real; /* clock_real */
	uint64_t acted;	     /* stream offset of the last line whose effect is in a store */
};

bool session_record_check(const void *data, size_t length, struct session_record *record_r);

#define USER_TEXT_MAX	 60 /* bytes of name, QTH, e-mail, prompt */
#define USER_TEXT_SIZE	 (USER_TEXT_MAX + 1)
#define USER_QRA_SIZE	 11   /* a locator and its NUL */
#define USER_HASH_SIZE	 128  /* crypto_pwhash_STRBYTES, with the NUL */
#define USER_UNSET	 0xff /* of format, prompt, dialect: what the configuration says */
#define FILTER_BYTES_MAX 2000

/* What is kept of a user. Key: as of a session. Texts are terminated, without control bytes; what
 * format, prompt, dialect, dedupe and switches mean is the dxc workers' matter. */
struct user_record {
	uint8_t version;
	uint8_t format;	 /* enum spot_format, or USER_UNSET */
	uint8_t prompt;	 /* kind of prompt, or USER_UNSET */
	uint8_t dialect; /* or USER_UNSET */
	uint8_t dedupe;
	uint8_t reserved[3];
	uint32_t switches;
	uint32_t switches_set; /* which of them were ever chosen */
	uint16_t width, page;  /* 0: not chosen */
	uint32_t logins;
	uint64_t created;    /* clock_real, as all below */
	uint64_t last_login; /* by this the longest-away is forgotten */
	uint64_t changed;    /* set by users_put */
	uint8_t last_ip[16];
	char name[USER_TEXT_SIZE];
	char qth[USER_TEXT_SIZE];
	char email[USER_TEXT_SIZE];
	char prompt_text[USER_TEXT_SIZE];
	char home[CALL_TEXT_SIZE]; /* home node */
	char qra[USER_QRA_SIZE];
	char hash[USER_HASH_SIZE]; /* of the password; empty: none */
	uint8_t reserved_too[81];
};

/* A user who has chosen nothing. */
void user_record_blank(struct user_record *record_r);

bool user_record_check(const void *data, size_t length, struct user_record *record_r);

#endif
