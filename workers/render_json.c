/* SPDX-License-Identifier: ISC
 *
 * NAME      render_json - a spot as an object
 * PURPOSE   All that a spot says of itself, one object a line; the address of who typed it is nobody's
 *           business. See workers/render.h.
 * OWNER     dxc workers; keeper for `shackctl spots`
 * CONTRACT  JSON in printable ASCII: a character beyond it is escaped, a byte that is none is '?'
 * LIMITS    see workers/render.h
 */
#include <string.h>

#include "shm/band.h"
#include "shm/clock.h"
#include "shm/country.h"
#include "workers/render_inside.h"

static void line_unit(struct line *line, unsigned unit)
{
	static const char hex[] = "0123456789abcdef";

	line_text(line, "\\u");
	for (int shift = 12; shift >= 0; shift -= 4)
		line_char(line, hex[unit >> shift & 15]);
}

/* The code point of LENGTH valid bytes of UTF-8. */
static unsigned code_point(const char *text, size_t length)
{
	unsigned point = (unsigned char)text[0] & (0xffU >> (length + 1));

	for (size_t i = 1; i < length; i++)
		point = point << 6 | ((unsigned char)text[i] & 0x3f);
	return point;
}

static bool is_plain(char c)
{
	return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

static void line_string(struct line *line, const char *text, size_t length)
{
	size_t character = 0, step = 1, plain = 0;

	line_char(line, '"');
	/* most texts are nothing else */
	while (plain < length && is_plain(text[plain]))
		plain++;
	line_bytes(line, text, plain);
	for (size_t i = plain; i < length; i += step) {
		unsigned char c = (unsigned char)text[i];
		unsigned point;

		character = render_character(text + i, length - i);
		step = character > 0 ? character : 1;
		if (c == '"' || c == '\\')
			line_char(line, '\\');
		if (c < ' ' || c == 0x7f) {
			line_char(line, ' ');
		} else if (c < 0x80) {
			line_char(line, (char)c);
		} else if (character == 0) {
			line_char(line, '?');
		} else if ((point = code_point(text + i, character)) < 0x10000) {
			line_unit(line, point);
		} else {
			line_unit(line, 0xd800 + ((point - 0x10000) >> 10));
			line_unit(line, 0xdc00 + ((point - 0x10000) & 0x3ff));
		}
	}
	line_char(line, '"');
}

static void key(struct line *line, const char *name)
{
	if (line->text[line->length - 1] != '{')
		line_char(line, ',');
	line_char(line, '"');
	line_text(line, name);
	line_text(line, "\":");
}

static void key_text(struct line *line, const char *name, const char *text)
{
	key(line, name);
	line_string(line, text, strlen(text));
}

static void key_number(struct line *line, const char *name, int64_t number)
{
	key(line, name);
	line_number(line, number);
}

/* What is not known is null. */
static void key_known(struct line *line, const char *name, bool known, int64_t number)
{
	key(line, name);
	if (known)
		line_number(line, number);
	else
		line_text(line, "null");
}

static void key_bool(struct line *line, const char *name, bool value)
{
	key(line, name);
	line_text(line, value ? "true" : "false");
}

static void key_side(struct line *line, const char *name, const struct spot_side *side)
{
	key(line, name);
	line_char(line, '{');
	key_known(line, "adif", side->adif != 0, side->adif);
	key_text(line, "entity", adif_name(side->adif));
	key_text(line, "continent", continent_name(side->continent));
	key_known(line, "cq", side->cq != 0, side->cq);
	key_known(line, "itu", side->itu != 0, side->itu);
	key_text(line, "grid", side->grid);
	key_bool(line, "grid_derived", side->derived != 0);
	line_char(line, '}');
}

/* Seconds since the epoch, with three decimals. */
static void key_moment(struct line *line, const char *name, uint64_t ns)
{
	unsigned ms = (unsigned)(ns / NS_PER_MS % 1000);

	key(line, name);
	line_number(line, (int64_t)(ns / NS_PER_SEC));
	line_char(line, '.');
	line_char(line, (char)('0' + ms / 100));
	line_char(line, (char)('0' + ms / 10 % 10));
	line_char(line, (char)('0' + ms % 10));
}

void render_json(struct line *line, uint64_t number, const struct spot *spot)
{
	static const char *const unit[] = {"", "WPM", "BPS"};
	char base[CALL_TEXT_SIZE];

	call_base(spot->de, base);
	line_char(line, '{');
	key_number(line, "id", (int64_t)number);
	key_text(line, "dx", spot->dx);
	key_text(line, "dx_raw", spot->dx_raw[0] != '\0' ? spot->dx_raw : spot->dx);
	key_text(line, "de", spot->de);
	key_text(line, "de_base", base);
	key_number(line, "freq_hz", (int64_t)spot->hz);
	key_number(line, "freq_raw_hz", (int64_t)spot->raw_hz);
	key_text(line, "band", band_name(spot->band));
	key_text(line, "mode", mode_name(spot->mode));
	key_bool(line, "mode_inferred", (spot->flags & SPOT_MODE_INFERRED) != 0);
	key_known(line, "report", (spot->flags & SPOT_HAS_REPORT) != 0, spot->report);
	key_bool(line, "has_report", (spot->flags & SPOT_HAS_REPORT) != 0);
	key_known(line, "speed", spot->unit != SPOT_UNIT_NONE, spot->speed);
	key_text(line, "speed_unit", spot->unit <= SPOT_UNIT_BPS ? unit[spot->unit] : "");
	key_text(line, "type", spot_type_name(spot->type));
	key_number(line, "t_spot", spot->time);
	key_moment(line, "t_rx", spot->arrived_real);
	key(line, "comment");
	line_string(line, spot->comment, spot->comment_length);
	key_text(line, "source", spot_source_name(spot->source));
	key_text(line, "source_name", spot->feed);
	key_bool(line, "human", (spot->flags & SPOT_HUMAN) != 0);
	key_bool(line, "beacon", (spot->flags & SPOT_BEACON) != 0);
	key(line, "glyph");
	line_string(line, &spot->glyph, spot->glyph != '\0');
	key_side(line, "dx_side", &spot->dx_side);
	key_side(line, "de_side", &spot->de_side);
	line_char(line, '}');
}
