/* SPDX-License-Identifier: ISC
 *
 * NAME      render - a spot as a line
 * PURPOSE   The layouts of DXSpider, GoCluster and the Reverse Beacon Network; see workers/render.h.
 * OWNER     dxc workers; keeper for `shackctl spots`
 * CONTRACT  columns are what programs cut lines at: a text that is too long loses its end, never its
 *           neighbour's place
 * LIMITS    see workers/render.h
 */
#include "workers/render.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "shm/band.h"
#include "workers/render_inside.h"

#define COMMENT_SIZE (SPOT_COMMENT_MAX + 2)
#define FREQUENCY    16 /* of its text, with the NUL */
#define SPIDER_WORDS 30 /* width of DXSpider's comment */
#define SPIDER_FRONT 38 /* what is before the comment and its blank */
#define SPIDER_LEFT  17 /* spotter, colon and frequency */
#define RBN_WORDS    40
#define WIDTH_MIN    40
#define WIDTH_MAX    255

static const char *const names[FORMATS] = {
	[FORMAT_SPIDER] = "SPIDER",
	[FORMAT_WIDE78] = "WIDE78",
	[FORMAT_RBN] = "RBN",
	[FORMAT_JSON] = "JSON",
};

const char *format_name(unsigned format)
{
	return format < FORMATS ? names[format] : "";
}

unsigned format_parse(const char *text, size_t length)
{
	for (unsigned format = 0; format < FORMATS; format++)
		if (strlen(names[format]) == length &&
		    strncasecmp(names[format], text, length) == 0)
			return format;
	return FORMATS;
}

/* ---- parts ---- */

void line_number(struct line *line, int64_t number)
{
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
	char digits[20];
	size_t n = 0;

	if (number < 0)
		line_char(line, '-');
	do {
		digits[n++] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	while (n > 0)
		line_char(line, digits[--n]);
}

static void line_right(struct line *line, int64_t number, size_t width)
{
	char text[24];
	struct line right = {.text = text, .size = sizeof(text)};

	line_number(&right, number);
	line_pad(line, line->length + (right.length < width ? width - right.length : 0));
	for (size_t i = 0; i < right.length; i++)
		line_char(line, text[i]);
}

/* "14025.3" */
static size_t frequency(const struct spot *spot, char text_r[FREQUENCY])
{
	uint64_t tenths = spot_decihertz(spot->hz);
	struct line line = {.text = text_r, .size = FREQUENCY - 1};

	line_number(&line, (int64_t)(tenths / 10));
	line_char(&line, '.');
	line_char(&line, (char)('0' + tenths % 10));
	text_r[line.length] = '\0';
	return line.length;
}

/* "0454Z" */
static void line_time(struct line *line, const struct spot *spot)
{
	unsigned minute = (unsigned)((uint64_t)spot->time / 60 % (24 * 60));

	line_char(line, (char)('0' + minute / 600));
	line_char(line, (char)('0' + minute / 60 % 10));
	line_char(line, (char)('0' + minute % 60 / 10));
	line_char(line, (char)('0' + minute % 10));
	line_char(line, 'Z');
}

/* A call in at most MOST characters: a short suffix is given up before letters are. What says that
 * it is a skimmer stays. */
static void line_call(struct line *line, const char *call, size_t most)
{
	size_t length = strlen(call);
	bool skimmer = length > 2 && strcmp(call + length - 2, "-#") == 0 && length > most;
	const char *slash;

	if (skimmer) {
		length -= 2;
		most -= most > 2 ? 2 : 0;
	}
	while (length > most && (slash = memrchr(call, '/', length)) != NULL) {
		size_t before = (size_t)(slash - call);

		if (length - before - 1 >= before)
			break; /* it is the call itself, behind a prefix */
		length = before;
	}
	line_cut(line, call, length < most ? length : most);
	if (skimmer)
		line_text(line, "-#");
}

static void shown_spotter(const struct spot *spot, char shown_r[CALL_TEXT_SIZE])
{
	if ((spot->flags & SPOT_KEEP_SSID) != 0)
		memcpy(shown_r, spot->de, CALL_TEXT_SIZE);
	else
		call_collapse(spot->de, shown_r);
}

static bool is_tail(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

size_t render_character(const char *text, size_t length)
{
	unsigned char a = (unsigned char)text[0], b = length > 1 ? (unsigned char)text[1] : 0;

	if (a < 0x80)
		return 1;
	if (a >= 0xc2 && a <= 0xdf && length >= 2 && is_tail(text[1]))
		return 2;
	if (a >= 0xe0 && a <= 0xef && length >= 3 && is_tail(text[1]) && is_tail(text[2]) &&
	    !(a == 0xe0 && b < 0xa0) && !(a == 0xed && b > 0x9f)) /* overlong, surrogate */
		return 3;
	if (a >= 0xf0 && a <= 0xf4 && length >= 4 && is_tail(text[1]) && is_tail(text[2]) &&
	    is_tail(text[3]) && !(a == 0xf0 && b < 0x90) && !(a == 0xf4 && b > 0x8f))
		return 4;
	return 0;
}

/* The comment as one line of printable ASCII. The record's own rule makes it so but for what is not
 * ASCII; a line that goes out to programs relies on nobody. */
static void clean_comment(const struct spot *spot, char text_r[COMMENT_SIZE])
{
	size_t n = 0, length = spot->comment_length, character, step;
	char *fake;

	for (size_t i = 0; i < length; i += step) {
		unsigned char c = (unsigned char)spot->comment[i];

		character = render_character(spot->comment + i, length - i);
		step = character > 0 ? character : 1;
		if (c >= '\t' && c <= '\r')
			c = ' ';
		if (c < ' ' || c == 0x7f || (c == ' ' && (n == 0 || text_r[n - 1] == ' ')))
			continue;
		text_r[n++] = c < 0x80 ? (char)c : '?';
	}
	while (n > 0 && text_r[n - 1] == ' ')
		n--;
	text_r[n] = '\0';
	/* programs that search lines for it find the first one only, and that is ours */
	while ((fake = strstr(text_r, "DX de")) != NULL)
		fake[2] = '-';
}

/* "CW 27 dB", "FT8 +0 dB", "CW", or nothing. */
static void line_mode(struct line *line, const struct spot *spot)
{
	bool plain = spot->mode == MODE_CW || spot->mode == MODE_RTTY;

	line_text(line, mode_name(spot->mode));
	if ((spot->flags & SPOT_HAS_REPORT) == 0)
		return;
	if (line->length > 0)
		line_char(line, ' ');
	if (spot->report >= 0 && !plain)
		line_char(line, '+');
	line_number(line, spot->report);
	line_text(line, " dB");
}

static void mode_text(const struct spot *spot, char text_r[32])
{
	struct line line = {.text = text_r, .size = 31};

	line_mode(&line, spot);
	text_r[line.length] = '\0';
}

/* Does the comment say the mode already? */
static bool says_mode(const struct spot *spot, const char *comment)
{
	while (*comment != '\0') {
		size_t length = strcspn(comment, " ");

		if (mode_resolve(mode_word(comment, length), spot->hz) == spot->mode)
			return true;
		comment += length + strspn(comment + length, " ");
	}
	return false;
}

/* ---- the words of DXSpider's comment ---- */

/* What a person wrote, and behind it the mode that he gave and the parser took out. */
static void line_human(struct line *line, const struct spot *spot, size_t most)
{
	char comment[COMMENT_SIZE], mode[32] = "";
	size_t length;

	clean_comment(spot, comment);
	if ((spot->flags & SPOT_MODE_INFERRED) == 0 && !says_mode(spot, comment))
		mode_text(spot, mode);
	length = strlen(mode);
	if (length + 1 >= most)
		length = 0;
	line_cut(line, comment, length > 0 ? most - length - 1 : most);
	if (length == 0)
		return;
	if (comment[0] != '\0')
		line_char(line, ' ');
	line_text(line, mode);
}

/* "CW   24dB 22 WPM CQ V" */
static void line_skimmer(struct line *line, const struct spot *spot, size_t most)
{
	char comment[COMMENT_SIZE], words[COMMENT_SIZE + 32];
	struct line all = {.text = words, .size = sizeof(words) - 1};
	bool glyph = spot->glyph > ' ' && most > 2;

	clean_comment(spot, comment);
	line_text(&all, mode_name(spot->mode));
	if ((spot->flags & SPOT_HAS_REPORT) != 0) {
		line_pad(&all, 3);
		line_char(&all, ' ');
		line_right(&all, spot->report, 3);
		line_text(&all, "dB");
	}
	if (comment[0] != '\0' && all.length > 0)
		line_char(&all, ' ');
	line_text(&all, comment);
	words[all.length] = '\0';
	line_cut(line, words, glyph ? most - 2 : most);
	if (glyph) {
		line_char(line, ' ');
		line_char(line, spot->glyph);
	}
}

/* ---- layouts ---- */

size_t render_spider(const struct spot *spot, const char *inside, const char *behind,
		     char line_r[RENDER_MAX])
{
	struct line line = {.text = line_r, .size = RENDER_MAX};
	size_t words = SPIDER_WORDS, comment, end;
	char shown[CALL_TEXT_SIZE], khz[FREQUENCY];
	size_t digits = frequency(spot, khz);

	shown_spotter(spot, shown);
	line_text(&line, "DX de ");
	line_text(&line, shown);
	line_char(&line, ':');
	line_pad(&line, 6 + (digits <= 8 ? 9 : SPIDER_LEFT - digits));
	line_char(&line, ' ');
	line_pad(&line, line.length + (digits < 8 ? 8 - digits : 0));
	line_text(&line, khz);
	line_text(&line, "  ");
	line_text(&line, spot->dx);
	line_pad(&line, SPIDER_FRONT);
	line_char(&line, ' ');
	/* long calls take from the comment: the time keeps its place */
	comment = line.length;
	words -= comment - SPIDER_FRONT - 1;
	end = comment + words;
	if ((spot->flags & SPOT_HUMAN) != 0)
		line_human(&line, spot, words);
	else
		line_skimmer(&line, spot, words);
	line_pad(&line, end);
	if (inside != NULL && strlen(inside) < words) {
		line.length = end - strlen(inside);
		line_text(&line, inside);
	}
	line_char(&line, ' ');
	line_time(&line, spot);
	if (behind != NULL)
		line_text(&line, behind);
	return line.length;
}

static void render_wide78(struct line *line, const struct spot *spot)
{
	char shown[CALL_TEXT_SIZE], khz[FREQUENCY], comment[COMMENT_SIZE], mode[32];
	size_t digits = frequency(spot, khz);

	shown_spotter(spot, shown);
	clean_comment(spot, comment);
	mode_text(spot, mode);
	line_text(line, "DX de ");
	line_call(line, shown, 17 - digits);
	line_char(line, ':');
	line_pad(line, 25 - digits);
	line_text(line, khz);
	line_text(line, "  ");
	line_call(line, spot->dx, 11);
	line_pad(line, 39);
	line_text(line, mode);
	if (line->length > 39 && line->length < 65)
		line_char(line, ' ');
	line_cut(line, comment, 65 - line->length);
	line_pad(line, 66);
	for (unsigned i = 0; i < 4 && spot->dx_side.grid[i] != '\0'; i++)
		line_char(line, spot->dx_side.grid[i] >= 'A' && spot->dx_side.derived != 0
					? (char)(spot->dx_side.grid[i] | 0x20)
					: spot->dx_side.grid[i]);
	line_pad(line, 71);
	line_char(line, spot->glyph > ' ' ? spot->glyph : ' ');
	line_char(line, ' ');
	line_time(line, spot);
}

/* The type of a skimmer's spot is what is left of the comment behind the speed. */
static const char *behind_speed(const struct spot *spot, const char *comment)
{
	size_t digits = strspn(comment, "0123456789");

	if (spot->unit == SPOT_UNIT_NONE || digits == 0)
		return comment;
	if (strncmp(comment + digits, " WPM", 4) != 0 && strncmp(comment + digits, " BPS", 4) != 0)
		return comment;
	comment += digits + 4;
	return comment + strspn(comment, " ");
}

static void render_rbn(struct line *line, const struct spot *spot)
{
	char shown[CALL_TEXT_SIZE], khz[FREQUENCY], comment[COMMENT_SIZE];
	size_t digits = frequency(spot, khz), at;

	shown_spotter(spot, shown);
	clean_comment(spot, comment);
	line_text(line, "DX de ");
	line_text(line, shown);
	line_char(line, ':');
	line_pad(line, 24 - digits);
	line_text(line, khz);
	line_text(line, "  ");
	line_text(line, spot->dx);
	line_pad(line, 40);
	line_char(line, ' ');
	at = line->length;
	line_text(line, mode_name(spot->mode));
	line_pad(line, at + 6);
	if ((spot->flags & SPOT_HAS_REPORT) != 0) {
		line_right(line, spot->report, 2);
		line_text(line, " dB  ");
	} else {
		line_pad(line, line->length + 7);
	}
	if (spot->unit != SPOT_UNIT_NONE) {
		line_right(line, spot->speed, 2);
		line_text(line, spot->unit == SPOT_UNIT_WPM ? " WPM  " : " BPS  ");
	} else {
		line_pad(line, line->length + 9);
	}
	at = line->length;
	line_cut(line, behind_speed(spot, comment), RBN_WORDS);
	line_pad(line, at + 7);
	line_char(line, ' ');
	line_time(line, spot);
}

/* DXSpider's row of SHOW/DX; where there is less room than the row takes, the comment has none. */
static void render_row(struct line *line, const struct spot *spot, unsigned width)
{
	static const char month[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	char shown[CALL_TEXT_SIZE], khz[FREQUENCY], mode[32], comment[COMMENT_SIZE];
	time_t when = (time_t)spot->time;
	size_t used, words, end;
	struct tm day;

	width = width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : width;
	gmtime_r(&when, &day);
	shown_spotter(spot, shown);
	line_pad(line, 9 - (frequency(spot, khz) < 9 ? strlen(khz) : 9));
	line_text(line, khz);
	line_char(line, ' ');
	used = line->length;
	line_text(line, spot->dx);
	line_pad(line, used + 11);
	line_char(line, ' ');
	line_right(line, day.tm_mday, 2);
	line_char(line, '-');
	line_text(line, month[day.tm_mon]);
	line_char(line, '-');
	line_number(line, 1900 + day.tm_year);
	line_char(line, ' ');
	line_time(line, spot);
	used = line->length + 4 + strlen(shown) + 2;
	words = width > used ? width - used : 0;
	line_char(line, ' ');
	end = line->length + words;
	if ((spot->flags & SPOT_HUMAN) != 0) {
		line_human(line, spot, words);
	} else {
		mode_text(spot, mode);
		clean_comment(spot, comment);
		line_cut(line, mode, words);
		if (mode[0] != '\0' && line->length < end)
			line_char(line, ' ');
		line_cut(line, comment, end - line->length);
	}
	line_pad(line, end);
	line_char(line, '<');
	line_text(line, shown);
	line_char(line, '>');
}

size_t render_spot(unsigned format, uint64_t number, const struct spot *spot, bool beep,
		   char line_r[RENDER_MAX])
{
	struct line line = {.text = line_r, .size = RENDER_MAX - 2};

	switch (format) {
	case FORMAT_WIDE78:
		render_wide78(&line, spot);
		break;
	case FORMAT_RBN:
		render_rbn(&line, spot);
		break;
	case FORMAT_JSON:
		render_json(&line, number, spot);
		break;
	default:
		line.length = render_spider(spot, NULL, NULL, line_r);
		break;
	}
	/* a program that reads objects has no bell */
	if (beep && format != FORMAT_JSON)
		line_text(&line, "\a\a");
	line.size = RENDER_MAX;
	line_text(&line, "\r\n");
	return line.length;
}

size_t render_history(unsigned format, uint64_t number, const struct spot *spot, unsigned width,
		      char line_r[RENDER_MAX])
{
	struct line line = {.text = line_r, .size = RENDER_MAX};

	if (format != FORMAT_SPIDER)
		return render_spot(format, number, spot, false, line_r);
	render_row(&line, spot, width);
	line_text(&line, "\r\n");
	return line.length;
}
