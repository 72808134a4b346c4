/* SPDX-License-Identifier: ISC
 *
 * NAME      frame - the datagrams of the YSF network protocol
 * PURPOSE   tell what a datagram is, clean it, read its fields, build the fixed replies
 * OWNER     ysf workers
 * CONTRACT  pure; nothing is read beyond the length given to ysf_classify() as long as a function
 *           is called for the kinds that its comment names. Only ysf_terminator() needs
 *           ysf_tables_init()
 * LIMITS    extended queries and the authenticated link are not known: unknown tag
 */
#ifndef SHACKD_WORKERS_YSF_FRAME_H
#define SHACKD_WORKERS_YSF_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define YSF_TAG_BYTES		4
#define YSF_NAME_BYTES		10	/* names and sources on the wire, blank padded */
#define YSF_NAME_SIZE		11	/* ... in memory, with a NUL */
#define YSF_POLL_BYTES		14
#define YSF_FRAME_BYTES		155
#define YSF_STATUS_BYTES	42
#define YSF_VERSION_MAX		64
#define YSF_INFO_BYTES		80
#define YSF_INFO_LONG_BYTES	87	/* with a longer id, as some clients send it */
#define YSF_OPTIONS_BYTES	50
#define YSF_OPTIONS_MIN		15

/* Offsets in a YSFD. */
#define YSF_TAG_AT		4	/* name of the sending gateway */
#define YSF_SOURCE_AT		14
#define YSF_DEST_AT		24
#define YSF_COUNTER_AT		34	/* bits 7..1 counter, bit 0 end of transmission */
#define YSF_SYNC_AT		35
#define YSF_FICH_AT		40
#define YSF_PAYLOAD_AT		65

#define YSF_COUNTER_MOD		128
#define YSF_CLIENTS_MAX		999	/* what three digits of a status reply can say */
#define YSF_ID_MOD		100000

enum ysf_kind {
	YSF_REJECTED,
	YSF_POLL,
	YSF_UNLINK,
	YSF_DATA,
	YSF_STATUS,
	YSF_VERSION,
	YSF_INFO,
	YSF_OPTIONS,
	YSF_KINDS
};

enum ysf_reject {
	YSF_REJECT_NONE,
	YSF_REJECT_EMPTY,		/* no byte at all */
	YSF_REJECT_SHORT,		/* 1..3 bytes: no room for a tag */
	YSF_REJECT_TAG,			/* unknown tag (case counts) */
	YSF_REJECT_POLL_SIZE,		/* YSFP below 14 bytes */
	YSF_REJECT_DATA_SIZE,		/* YSFD of any size but 155 */
	YSF_REJECT_INFO_SIZE,		/* YSFI below 80 bytes */
	YSF_REJECT_OPTIONS_SIZE,	/* YSFO below 15 bytes: no option in it */
	YSF_REJECTS
};

struct ysf_datagram {
	enum ysf_kind kind;
	enum ysf_reject reject;		/* YSF_REJECT_NONE unless kind is YSF_REJECTED */
	size_t len;			/* bytes received */
	size_t used;			/* bytes of it that mean something; ignore the rest */
};

/* The fields of a YSFI, cleaned, trimmed, NUL-terminated. */
struct ysf_info {
	char name[YSF_NAME_SIZE];
	uint32_t rx_hz;			/* 0: not a number */
	uint32_t tx_hz;
	char locator[7];
	char town[21];
	char type[13];
	char id[18];
};

/* Tells what a datagram is by tag and size (YSF protocol). Changes nothing; *out_r may be NULL. */
enum ysf_kind ysf_classify(const uint8_t *data, size_t len, struct ysf_datagram *out_r);

/* A short lower-case word for counters and log lines: "poll", "data-size" ... */
const char *ysf_kind_text(enum ysf_kind kind);
const char *ysf_reject_text(enum ysf_reject reject);

/* Replaces every byte below 0x20 or above 0x7E by a blank. */
void ysf_clean(uint8_t *text, size_t len);

/*
 * Cleans the text of a classified datagram in place: bytes 4..13 of every kind that has them,
 * 4..33 of YSFD, all text of YSFI and YSFO. A cleaned YSFD is what is relayed.
 */
void ysf_sanitise(uint8_t *data, const struct ysf_datagram *datagram);

/*
 * Copies `len` bytes of text, cleaned, with the blanks at both ends cut, and a NUL behind.
 * text_r has room for len + 1 bytes. Returns the length.
 */
size_t ysf_text(const uint8_t *field, size_t len, char *text_r);

/* Gateway name of POLL, DATA, INFO, OPTIONS; source and destination of DATA; see ysf_text(). */
size_t ysf_name(const uint8_t *data, char name_r[YSF_NAME_SIZE]);
size_t ysf_source(const uint8_t *frame, char source_r[YSF_NAME_SIZE]);
size_t ysf_dest(const uint8_t *frame, char dest_r[YSF_NAME_SIZE]);

/* Frame counter (0..127) and end-of-transmission bit of DATA. */
uint8_t ysf_frame_counter(const uint8_t *frame);
bool ysf_frame_end(const uint8_t *frame);
void ysf_frame_set_counter(uint8_t *frame, uint8_t counter, bool end);

/*
 * Makes the terminator of a call that ended without one: the call's header frame with FI 2 in the
 * FICH, the counter after `last_counter` and the end bit; all else, also the call sign data, stays.
 * False, and out_r untouched, if the FICH of the header can't be read.
 */
bool ysf_terminator(const uint8_t header[YSF_FRAME_BYTES], uint8_t last_counter,
    uint8_t out_r[YSF_FRAME_BYTES]);

/* INFO: all fields. `len` is the datagram's, at least YSF_INFO_BYTES. */
void ysf_info_parse(const uint8_t *data, size_t len, struct ysf_info *info_r);

/*
 * OPTIONS: the home DG-ID that it asks for, 1..99, or 0. Options are items between semicolons, a
 * bare DG-ID or KEY=VALUE; the first bare DG-ID counts. Text that leaves this grammar before it
 * is ignored, as elsewhere. `len` is the datagram's, at least YSF_OPTIONS_MIN.
 */
int ysf_options_dgid(const uint8_t *data, size_t len);

/* The answer to a poll, "YSFPREFLECTOR "; clients compare it byte by byte. */
void ysf_reply_poll(uint8_t out_r[YSF_POLL_BYTES]);

/* The five-digit id of a reflector: `id` if 0 < id < 100000, else the hash of its name. */
uint32_t ysf_id(uint32_t id, const char *name);

/* The id that a name of up to 16 characters hashes to, 0..99999; all reflectors agree on it. */
uint32_t ysf_id_hash(const char *name);

/*
 * The answer to a status query: id by ysf_id(), name cut or padded to 16, description to 14,
 * client count up to 999.
 */
void ysf_reply_status(uint8_t out_r[YSF_STATUS_BYTES], uint32_t id, const char *name,
    const char *description, size_t clients);

/*
 * The answer to a version query: "YSFV", program name, a blank, the version as eight digits.
 * Returns its length; the program name is cut so that it is at most YSF_VERSION_MAX.
 */
size_t ysf_reply_version(uint8_t out_r[YSF_VERSION_MAX], const char *program, uint32_t version);

#endif
