/* SPDX-License-Identifier: ISC
 *
 * NAME      telnet - options and line editing
 * PURPOSE   See telnet.h.
 * OWNER     dxc workers
 * CONTRACT  one automaton for both: where a piece ends is found with a copy of the state that then
 *           takes it, so that the two can't disagree
 * LIMITS    see telnet.h
 */
#include "workers/dxc/telnet.h"

#include <string.h>

enum {
	SE = 240,
	SB = 250,
	WILL = 251,
	WONT = 252,
	DO = 253,
	DONT = 254,
	IAC = 255,
	OPTION_ECHO = 1,
	OPTION_NAWS = 31,
};

enum telnet_state {
	AT_TEXT,
	AT_IAC,	    /* behind IAC */
	AT_OPTION,  /* behind IAC WILL and so on */
	AT_SUB,	    /* inside a subnegotiation */
	AT_SUB_IAC, /* behind an IAC in it */
	AT_RUIN,    /* inside one that is too long */
	AT_RUIN_IAC,
};

/* What a byte was. */
enum telnet_sort {
	SORT_NOTHING, /* part of an option, or ignored */
	SORT_TEXT,
	SORT_ERASE,
	SORT_END,
	SORT_OPTION, /* the last byte of WILL, WONT, DO, DONT */
	SORT_SUB,    /* a byte inside a subnegotiation; its number is telnet->sub */
};

static enum telnet_sort take_text(struct telnet *telnet, uint8_t byte)
{
	bool after_cr = telnet->after_cr != 0;

	telnet->after_cr = 0;
	switch (byte) {
	case IAC:
		telnet->after_cr = after_cr;
		telnet->state = AT_IAC;
		return SORT_NOTHING;
	case '\r':
		telnet->after_cr = 1;
		return SORT_END;
	case '\n':
		return after_cr ? SORT_NOTHING : SORT_END;
	case '\b':
	case 0x7f:
		return SORT_ERASE;
	case '\t':
		return SORT_TEXT;
	default:
		return byte >= ' ' ? SORT_TEXT : SORT_NOTHING;
	}
}

static enum telnet_sort take_command(struct telnet *telnet, uint8_t byte)
{
	telnet->state = AT_TEXT;
	if (byte == IAC) {
		telnet->after_cr = 0;
		return SORT_TEXT; /* 0xff itself */
	}
	if (byte >= WILL && byte <= DONT) {
		telnet->verb = byte;
		telnet->state = AT_OPTION;
	} else if (byte == SB) {
		telnet->sub = 0;
		telnet->state = AT_SUB;
	}
	return SORT_NOTHING;
}

static enum telnet_sort take_sub(struct telnet *telnet, uint8_t byte)
{
	bool escaped = telnet->state == AT_SUB_IAC;

	if (!escaped && byte == IAC) {
		telnet->state = AT_SUB_IAC;
		return SORT_NOTHING;
	}
	if (escaped && byte != IAC) {
		/* IAC SE is the end; IAC and anything else is no proper one, and ends it too */
		telnet->state = AT_TEXT;
		return SORT_NOTHING;
	}
	telnet->state = AT_SUB;
	if (++telnet->sub >= TELNET_SUB)
		telnet->state = AT_RUIN;
	return SORT_SUB;
}

static enum telnet_sort take_ruin(struct telnet *telnet, uint8_t byte)
{
	if (telnet->state == AT_RUIN_IAC)
		telnet->state = byte == SE ? AT_TEXT : AT_RUIN;
	else if (byte == IAC)
		telnet->state = AT_RUIN_IAC;
	else if (byte == '\n')
		telnet->state = AT_TEXT;
	return SORT_NOTHING;
}

static enum telnet_sort take_byte(struct telnet *telnet, uint8_t byte)
{
	switch ((enum telnet_state)telnet->state) {
	case AT_IAC:
		return take_command(telnet, byte);
	case AT_OPTION:
		telnet->state = AT_TEXT;
		return SORT_OPTION;
	case AT_SUB:
	case AT_SUB_IAC:
		return take_sub(telnet, byte);
	case AT_RUIN:
	case AT_RUIN_IAC:
		return take_ruin(telnet, byte);
	case AT_TEXT:
		break;
	}
	telnet->state = AT_TEXT; /* whatever a predecessor left there */
	return take_text(telnet, byte);
}

/* Does the byte behind a CR belong to it? */
static bool is_tail(const uint8_t *text, size_t length, size_t at)
{
	return at < length && text[at - 1] == '\r' && (text[at] == '\n' || text[at] == '\0');
}

size_t telnet_find(const struct telnet *telnet, const uint8_t *text, size_t length)
{
	struct telnet walk = *telnet;
	size_t looked = length < TELNET_PIECE ? length : TELNET_PIECE;
	size_t columns = 0; /* of the line as it would stand on the screen */
	size_t before = 0;  /* bytes that leave nothing on it */

	for (size_t i = 0; i < looked; i++) {
		enum telnet_sort sort = take_byte(&walk, text[i]);

		if (sort == SORT_END && before == 0)
			return i + 1 < looked && is_tail(text, length, i + 1) ? i + 2 : i + 1;
		if (sort == SORT_END)
			return before;
		if (sort == SORT_TEXT)
			columns++;
		else if (sort == SORT_ERASE && columns > 0)
			columns--;
		if (columns == 0 && walk.state == AT_TEXT)
			before = i + 1;
	}
	if (before > 0)
		return before;
	return telnet->discards || looked == TELNET_PIECE ? looked : 0;
}

/* ---- taking ---- */

static void answer(struct telnet *telnet, uint8_t option, struct telnet_piece *piece)
{
	bool offer = telnet->verb == WILL;
	unsigned bit = (option < 128 ? option : 127) + (offer ? 0 : 128);
	uint8_t *bytes = piece->answers + piece->answers_length;

	if (telnet->verb != WILL && telnet->verb != DO)
		return;
	if (telnet->echo_off && !offer && option == OPTION_ECHO)
		return; /* it agrees with what we said */
	if ((telnet->answered[bit / 32] >> (bit % 32) & 1) ||
	    piece->answers_length + 3 > TELNET_ANSWERS)
		return;
	telnet->answered[bit / 32] |= 1U << (bit % 32);
	bytes[0] = IAC;
	bytes[1] = !offer ? WONT : option == OPTION_NAWS ? DO : DONT;
	bytes[2] = option;
	piece->answers_length += 3;
}

static void erase(struct telnet_piece *piece)
{
	/* a sign of UTF-8 goes whole */
	while (piece->length > 0 && ((uint8_t)piece->text[--piece->length] & 0xc0) == 0x80)
		;
}

static void add(struct telnet_piece *piece, uint8_t byte, size_t most)
{
	if (piece->length >= most)
		piece->too_long = true;
	else
		piece->text[piece->length++] = (char)(byte == '\t' ? ' ' : byte);
}

/* A subnegotiation: option, width, height. */
struct sub {
	uint8_t byte[5];
	size_t seen; /* of it in this piece */
};

static void look_at_size(struct telnet *telnet, const struct sub *sub)
{
	if (telnet->sub == 5 && sub->seen == 5 && sub->byte[0] == OPTION_NAWS)
		telnet->width = (uint16_t)(sub->byte[1] << 8 | sub->byte[2]);
}

void telnet_take(struct telnet *telnet, const uint8_t *text, size_t length, size_t most,
		 struct telnet_piece *piece_r)
{
	bool discards = telnet->discards != 0;
	struct sub sub = {0};

	piece_r->line = false;
	piece_r->too_long = false;
	piece_r->length = piece_r->answers_length = 0;
	if (most > TELNET_LINE)
		most = TELNET_LINE;
	for (size_t i = 0; i < length; i++) {
		uint8_t was = telnet->state;
		enum telnet_sort sort = take_byte(telnet, text[i]);

		if (was == AT_IAC && telnet->state == AT_SUB)
			sub.seen = 0;
		if (sort == SORT_OPTION)
			answer(telnet, text[i], piece_r);
		else if (sort == SORT_SUB && sub.seen < sizeof(sub.byte))
			sub.byte[sub.seen++] = text[i];
		else if (was == AT_SUB_IAC && text[i] == SE)
			look_at_size(telnet, &sub);
		else if (sort == SORT_TEXT)
			add(piece_r, text[i], most);
		else if (sort == SORT_ERASE)
			erase(piece_r);
		else if (sort == SORT_END)
			piece_r->line = true;
	}
	/* a piece without an end is either nothing, or the start of what is too long */
	telnet->discards = !piece_r->line && (discards || piece_r->length > 0);
	if (!piece_r->line && piece_r->length > 0)
		piece_r->too_long = true;
	if (discards)
		piece_r->too_long = piece_r->line = false;
	if (piece_r->too_long)
		piece_r->line = false;
	piece_r->text[piece_r->length] = '\0';
}

size_t telnet_echo(struct telnet *telnet, bool off, uint8_t bytes_r[3])
{
	if (off == (telnet->echo_off != 0))
		return 0;
	telnet->echo_off = off;
	bytes_r[0] = IAC;
	bytes_r[1] = off ? WILL : WONT;
	bytes_r[2] = OPTION_ECHO;
	return 3;
}
