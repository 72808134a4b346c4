/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_call - the voice frames of a simulated call, each with a stamp of truth
 * PURPOSE   see lib_call.h
 * OWNER     tests/load/ysfsim
 * CONTRACT  see lib_call.h
 * LIMITS    none known
 */
#include "tests/load/lib_call.h"

#include <stdio.h>
#include <string.h>

#include "tests/load/lib_code.h"

#define AT_TAG	   4
#define AT_SOURCE  14
#define AT_DEST	   24
#define AT_COUNTER 34
#define AT_SYNC	   35
#define AT_FICH	   40
#define AT_PAYLOAD 65
#define ROW	   18 /* bytes in a payload row */
#define VOICE	   5  /* first voice column of a row */
#define AT_STAMP   (AT_PAYLOAD + VOICE)

static const uint8_t call_sync[5] = {0xD4, 0x71, 0xC9, 0x63, 0x4D};
static const uint8_t call_all[3] = {'A', 'L', 'L'};

/* FN 4 to 6: remarks, and the block of a radio that has no position. */
static const uint8_t call_radio[3][10] = {
	"12345ABCDE", "54321FAHuL",
	{0x52, 0x22, 0x61, 0x5F, 0x2B, 0x03, 0x62, 0x20, 0x20, 0x20}};

/* Thirteen bytes each fit into the voice columns of rows 0 and 1. */
struct call_row0 {
	uint32_t run;
	uint32_t gateway;
	uint32_t call;
} __attribute__((packed));

struct call_row1 {
	uint32_t seq;
	uint64_t sent_ns;
} __attribute__((packed));

/*
 * A source like Q0001AAB: passes the usual call sign pattern, belongs to nobody (no country has Q),
 * and changes with each call, so that short calls are not taken for a wild PTT.
 */
static void call_source(uint32_t gateway, uint32_t call, uint8_t out[10])
{
	char text[16];

	snprintf(text, sizeof(text), "Q%04u%c%c%c  ", gateway % 10000, 'A' + (int)(call / 676 % 26),
		 'A' + (int)(call / 26 % 26), 'A' + (int)(call % 26));
	memcpy(out, text, 10);
}

/* Put a coded block into columns of the five payload rows. */
static void call_columns(uint8_t *frame, int column, int width, const uint8_t *block)
{
	for (int row = 0; row < 5; row++)
		memcpy(frame + AT_PAYLOAD + row * ROW + column, block + row * width, (size_t)width);
}

static void call_common(const struct call_talker *t, uint32_t call, int kind, uint8_t *frame)
{
	struct code_fich fich = {.fi = 1, .ft = CALL_FT, .dt = t->voice_fr ? 3 : 2, .sq = (uint8_t)t->dgid};
	uint8_t info[4];

	if (kind == CALL_HEADER)
		fich.fi = 0;
	else if (kind == CALL_END)
		fich.fi = 2;
	else
		fich.fn = (uint8_t)(kind - CALL_VOICE);
	memcpy(frame, "YSFD", 4);
	memcpy(frame + AT_TAG, t->tag, 10);
	call_source(t->gateway, call, frame + AT_SOURCE);
	memset(frame + AT_DEST, ' ', 10);
	memcpy(frame + AT_DEST, call_all, sizeof(call_all));
	frame[AT_COUNTER] = 0;
	memcpy(frame + AT_SYNC, call_sync, sizeof(call_sync));
	code_fich_info(&fich, info);
	code_fich(info, frame + AT_FICH);
}

static void call_callsigns(const struct call_talker *t, uint32_t call, uint8_t *frame)
{
	uint8_t block[CODE_CSD_SIZE];
	uint8_t text[20];
	char number[32];

	memset(text, ' ', sizeof(text));
	memcpy(text, call_all, sizeof(call_all));
	memcpy(text + 10, frame + AT_SOURCE, 10);
	code_csd(text, block);
	call_columns(frame, 0, 9, block);
	snprintf(number, sizeof(number), "%.10s%010u", (const char *)t->tag, call);
	code_csd((const uint8_t *)number, block);
	call_columns(frame, 9, 9, block);
}

static void call_voice(const struct call_talker *t, uint32_t call, int kind, uint8_t *frame)
{
	struct call_row0 id = {.run = t->run, .gateway = t->gateway, .call = call};
	uint8_t block[CODE_DCH_SIZE];
	uint8_t text[10];

	memset(text, ' ', sizeof(text));
	if (kind == CALL_VOICE)
		memcpy(text, call_all, sizeof(call_all));
	else if (kind == CALL_VOICE + 1)
		memcpy(text, frame + AT_SOURCE, 10);
	else if (kind == CALL_VOICE + 2)
		memcpy(text, t->tag, 10);
	else if (t->radio && kind >= CALL_VOICE + 4)
		memcpy(text, call_radio[kind - CALL_VOICE - 4], sizeof(text));
	code_dch(text, block);
	for (int i = 0; i < 5 * ROW; i++)
		frame[AT_PAYLOAD + i] = (uint8_t)(i * 37 + kind);
	if (!t->voice_fr)
		call_columns(frame, 0, 5, block);
	memcpy(frame + AT_STAMP, &id, sizeof(id));
}

/* The caller as movable listeners see him: no source of ours has a separator in it. */
static void call_prefix(const struct call_talker *t, struct call_frames *c)
{
	const uint8_t *source = c->frame[CALL_HEADER] + AT_SOURCE;
	uint8_t text[20];
	char seen[16];

	snprintf(seen, sizeof(seen), "%d/%.10s", t->prefix % 100, (const char *)source);
	memset(text, ' ', sizeof(text));
	memcpy(text, call_all, sizeof(call_all));
	memcpy(text + 10, seen, 10);
	code_csd(text, c->calls);
	code_dch(text + 10, c->channel);
}

void call_begin(struct call_talker *t, uint32_t call, uint32_t first_seq)
{
	struct call_frames *c = &t->call[call % 2];

	memset(c, 0, sizeof(*c));
	c->used = true;
	c->call = call;
	c->first_seq = first_seq;
	c->end.seq = UINT32_MAX;
	for (int kind = 0; kind < CALL_KINDS; kind++) {
		call_common(t, call, kind, c->frame[kind]);
		if (kind == CALL_HEADER || kind == CALL_END)
			call_callsigns(t, call, c->frame[kind]);
		else
			call_voice(t, call, kind, c->frame[kind]);
	}
	if (t->prefix != 0)
		call_prefix(t, c);
}

/* A word that no single damage of the stamp leaves right. */
static uint32_t call_check(const struct call_stamp *stamp)
{
	uint64_t sum = ((uint64_t)stamp->call << 32 | stamp->seq) * 0x9E3779B97F4A7C15ull;

	sum ^= (stamp->sent_ns + stamp->talker) * 0xC2B2AE3D27D4EB4Full;
	return (uint32_t)(sum >> 32 ^ sum);
}

/* The fields that differ between two voice frames of equal FN. */
static void call_vary(uint8_t *frame, uint32_t place, const struct call_stamp *stamp)
{
	struct call_row1 row = {.seq = stamp->seq, .sent_ns = stamp->sent_ns};
	uint32_t check = call_check(stamp);

	frame[AT_COUNTER] = (uint8_t)((place & 127) << 1);
	memcpy(frame + AT_STAMP + ROW, &row, sizeof(row));
	memcpy(frame + AT_STAMP + 2 * ROW, &check, sizeof(check));
}

const uint8_t *call_make(struct call_talker *t, uint32_t call, uint32_t seq, bool end,
			 uint64_t now_ns)
{
	struct call_frames *c = &t->call[call % 2];
	struct call_stamp stamp = {t->gateway, call, seq, now_ns};
	uint32_t place = seq - c->first_seq;
	uint8_t *frame;

	if (place == 0) {
		c->header = stamp;
		return c->frame[CALL_HEADER];
	}
	if (end) {
		c->end = stamp;
		c->frame[CALL_END][AT_COUNTER] = (uint8_t)((place & 127) << 1 | 1);
		return c->frame[CALL_END];
	}
	frame = c->frame[CALL_VOICE + (place - 1) % (CALL_FT + 1)];
	call_vary(frame, place, &stamp);
	return frame;
}

void call_damage(uint8_t frame[NET_FRAME], uint32_t bit_errors, uint32_t *seed)
{
	for (unsigned bit = AT_FICH * 8; bit < NET_FRAME * 8; bit++) {
		*seed = *seed * 1664525u + 1013904223u;
		if ((*seed >> 12) % 1000 < bit_errors)
			frame[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
	}
}

long call_gateway(const uint8_t frame[NET_FRAME])
{
	long n = 0;

	if (frame[AT_TAG] != 'G')
		return -1;
	for (int i = 1; i <= 5; i++) {
		int digit = frame[AT_TAG + i] - '0';

		if (digit < 0 || digit > 9)
			return -1;
		n = n * 10 + digit;
	}
	return n;
}

/* Equal but for columns 0..width-1 of the payload rows, which a reflector may rewrite. */
static bool call_same_outside(const uint8_t *a, const uint8_t *b, int width)
{
	if (memcmp(a, b, AT_PAYLOAD) != 0)
		return false;
	for (int row = 0; row < 5; row++) {
		int at = AT_PAYLOAD + row * ROW + width;

		if (memcmp(a + at, b + at, (size_t)(ROW - width)) != 0)
			return false;
	}
	return true;
}

/* What came of a frame that was sent as mine. */
static enum call_verdict call_compare(const struct call_talker *t, const struct call_frames *c,
				      int kind, const uint8_t *frame, const uint8_t *mine,
				      bool movable)
{
	bool calls = kind == CALL_HEADER || kind == CALL_END;
	bool rewritable = t->prefix != 0 && (calls || kind == CALL_VOICE + 1);
	uint8_t other[NET_FRAME];

	if (memcmp(frame, mine, NET_FRAME) == 0)
		return rewritable && movable ? CALL_OTHER : CALL_OK;
	if (t->prefix == 0)
		return call_same_outside(frame, mine, calls ? 9 : 5) ? CALL_REWRITTEN : CALL_DAMAGED;
	memcpy(other, mine, NET_FRAME);
	if (calls)
		call_columns(other, 0, 9, c->calls);
	else if (rewritable)
		call_columns(other, 0, 5, c->channel);
	if (memcmp(frame, other, NET_FRAME) != 0)
		return CALL_DAMAGED;
	return movable ? CALL_REWRITTEN : CALL_OTHER;
}

/* A header or terminator is the very one that was sent, at most with another CSD1. */
static enum call_verdict call_judge_once(const struct call_talker *t, const uint8_t *frame,
					 int kind, bool movable, struct call_stamp *stamp_r)
{
	enum call_verdict verdict = CALL_ALIEN;

	for (int i = 0; i < 2; i++) {
		const struct call_frames *c = &t->call[i];

		if (!c->used || (kind == CALL_END && c->end.seq == UINT32_MAX))
			continue;
		*stamp_r = kind == CALL_HEADER ? c->header : c->end;
		verdict = call_compare(t, c, kind, frame, c->frame[kind], movable);
		if (verdict != CALL_DAMAGED)
			return verdict;
	}
	return verdict;
}

enum call_verdict call_judge(const struct call_talker *t, const uint8_t frame[NET_FRAME],
			     bool movable, struct call_stamp *stamp_r, bool *header_r, bool *end_r)
{
	const struct call_frames *c;
	uint8_t mine[NET_FRAME];
	struct call_row0 id;
	struct call_row1 row;
	uint32_t place, check;
	int kind;

	*header_r = *end_r = false;
	memcpy(&id, frame + AT_STAMP, sizeof(id));
	memcpy(&row, frame + AT_STAMP + ROW, sizeof(row));
	if (id.run != t->run) {
		*end_r = (frame[AT_COUNTER] & 1) != 0;
		*header_r = !*end_r;
		return call_judge_once(t, frame, *end_r ? CALL_END : CALL_HEADER, movable,
				       stamp_r);
	}
	*stamp_r = (struct call_stamp){id.gateway, id.call, row.seq, row.sent_ns};
	memcpy(&check, frame + AT_STAMP + 2 * ROW, sizeof(check));
	if (check != call_check(stamp_r))
		return CALL_DAMAGED;
	c = &t->call[id.call % 2];
	place = row.seq - c->first_seq;
	if (!c->used || c->call != id.call)
		return CALL_ALIEN;
	if (id.gateway != t->gateway || place == 0 || place > INT32_MAX)
		return CALL_DAMAGED;
	kind = (int)(CALL_VOICE + (place - 1) % (CALL_FT + 1));
	memcpy(mine, c->frame[kind], NET_FRAME);
	call_vary(mine, place, stamp_r);
	return call_compare(t, c, kind, frame, mine, movable);
}
