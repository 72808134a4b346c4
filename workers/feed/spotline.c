/* SPDX-License-Identifier: ISC
 *
 * NAME      spotline - a line of a feed as a spot
 * PURPOSE   See spotline.h. The rules are those of the field: GoCluster's order of tests for each word,
 *           with its errors (numbers as calls, S-meter readings as reports) left out.
 * OWNER     feed
 * CONTRACT  see spotline.h
 * LIMITS    see spotline.h
 */
#include "workers/feed/spotline.h"

#include <string.h>

#include "shm/band.h"

#define WORDS	   (SPOTLINE_MAX / 2 + 1)
#define DAY	   86400
#define REPORT_MIN (-60) /* dB; what lies outside was never measured */
#define REPORT_MAX 120

struct word {
	const char *text;
	unsigned short length;
	bool kept; /* goes into the comment */
};

struct line {
	char text[SPOTLINE_MAX + 1]; /* without control bytes */
	size_t length;
	struct word word[WORDS]; /* behind the spotter */
	unsigned words;
	bool lenient;
	int64_t now;
	struct spot *spot;
	int at;	       /* the word that is looked at */
	int frequency; /* word of it; -1: none yet */
	int call;      /* word of the DX call; -1: none yet */
	int grid_call; /* a locator that stands where a call might; -1: none */
	int number;    /* a word that is a number, directly before this one; -1: none */
	int value;     /* ... and what it is */
	bool timed, digital_before;
	unsigned mode;
};

/* ---- text ---- */

static bool is_digit(char sign)
{
	return sign >= '0' && sign <= '9';
}

static char upper(char sign)
{
	return sign >= 'a' && sign <= 'z' ? (char)(sign - 'a' + 'A') : sign;
}

/* Does TEXT begin with WORD (upper case), in any case? */
static bool begins(const char *text, const char *word)
{
	for (; *word != '\0'; text++, word++)
		if (upper(*text) != *word)
			return false;
	return true;
}

static bool is_odd(unsigned char byte)
{
	return byte < 0x20 || byte == 0x7f;
}

/* Length of the terminal's escape sequence at TEXT. */
static size_t escape_length(const char *text, size_t length)
{
	size_t i = 1;

	if (length < 2 || text[1] != '[')
		return 1;
	for (i = 2; i < length && (upper(text[i]) < 'A' || upper(text[i]) > 'Z'); i++)
		if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] > 0x7e)
			return i;
	return i < length ? i + 1 : i;
}

/* Copies what can be seen, blanks for tabs. */
static void copy_visible(struct line *line, const char *text, size_t length)
{
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		if (!is_odd((unsigned char)text[i]))
			line->text[n++] = text[i];
		else if (text[i] == '\t')
			line->text[n++] = ' ';
		else if (text[i] == '\x1b')
			i += escape_length(text + i, length - i) - 1;
	}
	line->text[n] = '\0';
	line->length = n;
}

/* Bytes that no text has, in whatever alphabet. */
static bool is_garbage(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\0' ||
		    (is_odd((unsigned char)text[i]) && strchr("\a\b\t\r\n\x1b", text[i]) == NULL))
			return true;
	return false;
}

/* Where "DX de" begins that has a blank or nothing behind it; NULL: nowhere. */
static const char *find_spot(const char *text)
{
	for (const char *at = text; *at != '\0'; at++)
		if (begins(at, "DX DE") && (at[5] == ' ' || (at[5] == '\0' && at == text)))
			return at;
	return NULL;
}

static bool is_trimmed(char sign)
{
	return sign == ',' || sign == ';' || sign == ':' || sign == '!' || sign == '.';
}

static struct word clean(const char *text, size_t length)
{
	while (length > 0 && is_trimmed(text[0]))
		text++, length--;
	while (length > 0 && is_trimmed(text[length - 1]))
		length--;
	return (struct word){.text = text, .length = (unsigned short)length, .kept = true};
}

/* WHAT is in upper case. */
static bool is_word(const struct word *word, const char *what)
{
	return word->length == strlen(what) && begins(word->text, what);
}

static void add_word(struct line *line, const char *text, size_t length)
{
	struct word word = clean(text, length);

	if (word.length > 0 && line->words < WORDS)
		line->word[line->words++] = word;
}

/* The next word from AT on; its length is 0 at the end of the text. */
static const char *next_word(const char *at, size_t *length_r)
{
	size_t length = 0;

	while (*at == ' ')
		at++;
	while (at[length] != ' ' && at[length] != '\0')
		length++;
	*length_r = length;
	return at;
}

/* The spotter, and the words behind it. */
static enum spotline_error split(struct line *line, const char *at)
{
	const char *colon;
	size_t length;

	at = next_word(at, &length);
	colon = memchr(at, ':', length);
	if (colon != NULL && (size_t)(colon - at) < length)
		add_word(line, colon, length - (size_t)(colon - at));
	if (colon == NULL) {
		struct word spotter = clean(at, length);

		if (!call_normalise(spotter.text, spotter.length, line->spot->de))
			return SPOTLINE_SPOTTER;
	} else if (!call_normalise(at, (size_t)(colon - at), line->spot->de)) {
		return SPOTLINE_SPOTTER;
	}
	if (!call_valid(line->spot->de))
		return SPOTLINE_SPOTTER;
	while (length > 0) {
		at = next_word(at + length, &length);
		add_word(line, at, length);
	}
	return SPOTLINE_OK;
}

/* ---- one word ---- */

static void set_report(struct line *line, int report)
{
	if (report < REPORT_MIN || report > REPORT_MAX)
		return;
	line->spot->report = (int16_t)report;
	line->spot->flags |= SPOT_HAS_REPORT;
}

/* [+-]? and one to three digits. Returns how many bytes, 0: it is none. */
static size_t read_integer(const char *text, size_t length, int *value_r)
{
	size_t at = length > 0 && (text[0] == '+' || text[0] == '-');
	size_t digits = at;
	int value = 0;

	while (at < length && at - digits < 3 && is_digit(text[at]))
		value = value * 10 + (text[at++] - '0');
	if (at == digits || (at < length && is_digit(text[at])))
		return 0;
	*value_r = text[0] == '-' ? -value : value;
	return at;
}

/* HHMMZ; what is glued to it stays in the word. False: the word is not, or not only, a time. */
static bool take_time(struct line *line, struct word *word)
{
	const char *text = word->text;

	if (word->length < 5 || text[4] != 'Z')
		return false;
	for (unsigned i = 0; i < 4; i++)
		if (!is_digit(text[i]))
			return false;
	if (!line->timed) {
		unsigned hour = (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
		unsigned minute = (unsigned)(text[2] - '0') * 10 + (unsigned)(text[3] - '0');

		line->timed = true;
		if (!spotline_time(hour, minute, line->now, &line->spot->time))
			line->spot->flags |= SPOT_BAD_TIME;
		*word = clean(text + 5, word->length - 5U);
	} else if (word->length == 5) {
		word->length = 0;
	}
	if (word->length == 0)
		word->kept = false;
	return word->length == 0;
}

static bool take_frequency(struct line *line, struct word *word)
{
	bool is_one;

	if (line->frequency >= 0)
		return false;
	is_one = line->lenient ? band_frequency_typed(word->text, word->length, &line->spot->raw_hz)
			       : band_frequency(word->text, word->length, &line->spot->raw_hz);
	if (is_one) {
		line->frequency = line->at;
		word->kept = false;
	}
	return is_one;
}

static void take_number(struct line *line)
{
	line->word[line->number].kept = false;
}

static bool take_speed(struct line *line, struct word *word)
{
	bool bps = is_word(word, "BPS");

	if (!bps && !is_word(word, "WPM"))
		return false;
	if (line->number < 0 || line->value < 0)
		return bps; /* alone it is a word like others, but never a call */
	take_number(line);
	word->kept = false;
	line->spot->speed = (uint16_t)line->value;
	line->spot->unit = bps ? SPOT_UNIT_BPS : SPOT_UNIT_WPM;
	return true;
}

static bool take_keyword(struct line *line, struct word *word)
{
	unsigned mode = mode_word(word->text, word->length);

	if (mode != MODE_NONE) {
		line->digital_before = mode_is_digital(mode);
		if (line->mode == MODE_NONE) {
			line->mode = mode;
			word->kept = false;
		}
		return true;
	}
	if (is_word(word, "DB")) {
		if (line->number >= 0) {
			set_report(line, line->value);
			take_number(line);
		}
		word->kept = false;
		return true;
	}
	if (is_word(word, "DX") || is_word(word, "DE")) {
		if (!line->lenient && line->call >= 0 && is_word(word, "DX"))
			line->spot->type = SPOT_TYPE_DX;
		word->kept = false;
		return true;
	}
	return take_speed(line, word);
}

/* -13dB, +5db */
static bool take_inline_report(struct line *line, struct word *word)
{
	int value;
	size_t digits = read_integer(word->text, word->length, &value);

	if (digits == 0 || digits + 2U != word->length || !begins(word->text + digits, "DB"))
		return false;
	set_report(line, value);
	word->kept = false;
	return true;
}

static bool is_call(const struct word *word, char call_r[CALL_TEXT_SIZE])
{
	return call_normalise(word->text, word->length, call_r) && call_valid(call_r);
}

static bool is_locator(const struct word *word)
{
	return (word->length == 4 || word->length == 6) && call_is_grid(word->text, word->length);
}

static bool take_call(struct line *line, struct word *word)
{
	if (line->frequency < 0 || line->call >= 0 || !is_call(word, line->spot->dx))
		return false;
	if (is_locator(word)) { /* only when nothing else comes */
		if (line->grid_call < 0)
			line->grid_call = line->at;
		return false;
	}
	line->call = line->at;
	word->kept = false;
	return true;
}

/* A number that may belong to the next word, or be the report of the mode before it (FT8 -16). */
static void note_number(struct line *line, struct word *word, bool after_digital)
{
	int value = 0;

	if (read_integer(word->text, word->length, &value) != word->length)
		return;
	if (after_digital && !is_digit(word->text[0])) {
		set_report(line, value); /* if "dB" follows, it says the same */
		word->kept = false;
	}
	line->number = line->at;
	line->value = value;
}

static void look_at(struct line *line, struct word *word)
{
	bool after_digital = line->digital_before;
	int number = line->number;

	line->digital_before = false;
	if (take_time(line, word) || take_frequency(line, word) || take_keyword(line, word) ||
	    take_inline_report(line, word) || take_call(line, word)) {
		line->number = -1;
		return;
	}
	note_number(line, word, after_digital);
	if (line->number == number)
		line->number = -1; /* belongs to the word right behind it, or to none */
}

/* ---- the whole ---- */

/* "22 WPM" */
static size_t write_speed(const struct spot *spot, char *to)
{
	size_t used = 0;

	for (unsigned unit = 10000; unit > 0; unit /= 10)
		if (spot->speed >= unit || unit == 1)
			to[used++] = (char)('0' + spot->speed / unit % 10);
	memcpy(to + used, spot->unit == SPOT_UNIT_WPM ? " WPM" : " BPS", 4);
	return used + 4;
}

static void set_comment(struct line *line)
{
	struct spot *spot = line->spot;
	size_t used = 0;

	if (spot->unit != SPOT_UNIT_NONE)
		used = write_speed(spot, spot->comment);
	for (unsigned i = 0; i < line->words; i++) {
		const struct word *word = &line->word[i];
		size_t length = word->length, blank = used > 0;

		if (!word->kept)
			continue;
		if (used + blank >= SPOT_COMMENT_MAX)
			break;
		if (used + blank + length > SPOT_COMMENT_MAX)
			length = SPOT_COMMENT_MAX - used - blank;
		if (blank)
			spot->comment[used++] = ' ';
		memcpy(spot->comment + used, word->text, length);
		used += length;
	}
	spot->comment[used] = '\0';
	spot->comment_length = (uint8_t)used;
}

/* What a skimmer heard the station do. */
static void set_type(struct line *line)
{
	static const struct {
		const char *word;
		enum spot_type type;
	} types[] = {{"CQ", SPOT_TYPE_CQ},	 {"BEACON", SPOT_TYPE_BEACON},
		     {"NCDXF", SPOT_TYPE_NCDXF}, {"TEST", SPOT_TYPE_TEST},
		     {"CWT", SPOT_TYPE_TEST},	 {"NONE", SPOT_TYPE_NONE}};

	for (unsigned i = 0; i < line->words && line->spot->type == SPOT_TYPE_NONE; i++)
		for (unsigned n = 0; n < sizeof(types) / sizeof(types[0]); n++)
			if (line->word[i].kept && is_word(&line->word[i], types[n].word))
				line->spot->type = (uint8_t)types[n].type;
}

/* The first [+-]N dB anywhere in TEXT. */
static bool find_report(struct line *line, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		size_t digits, blanks;
		int value;

		if (text[i] != '+' && text[i] != '-')
			continue;
		digits = read_integer(text + i, length - i, &value);
		if (digits == 0)
			continue;
		blanks = i + digits;
		while (blanks < length && text[blanks] == ' ')
			blanks++;
		if (length - blanks >= 2 && begins(text + blanks, "DB")) {
			set_report(line, value);
			return true;
		}
	}
	return false;
}

static void set_mode(struct line *line)
{
	struct spot *spot = line->spot;

	if (line->mode != MODE_NONE) {
		spot->mode = (uint8_t)mode_resolve(line->mode, spot->hz);
		return;
	}
	spot->mode = (uint8_t)mode_infer(spot->hz, (spot->flags & SPOT_HUMAN) == 0);
	spot->flags |= SPOT_MODE_INFERRED;
}

/* A skimmer of FT8 may say where the station is. */
static void set_grid(struct line *line)
{
	for (unsigned i = 0; i < line->words; i++) {
		const struct word *word = &line->word[i];

		if (word->kept && word->length == 4 && call_is_grid(word->text, 4)) {
			for (unsigned n = 0; n < 4; n++)
				line->spot->dx_side.grid[n] = upper(word->text[n]);
			return;
		}
	}
}

static void set_flags(struct spot *spot)
{
	if (spot_says_beacon(spot))
		spot->flags |= SPOT_BEACON;
	if (spot_says_self(spot))
		spot->flags |= SPOT_SELF;
}

static bool is_skimmer(const char *call)
{
	size_t length = strlen(call);

	return length > 2 && strcmp(call + length - 2, "-#") == 0;
}

/* Calls and frequency are there. */
static enum spotline_error complete(struct line *line)
{
	struct spot *spot = line->spot;
	bool human = line->lenient && !is_skimmer(spot->de);

	spot->version = SPOT_VERSION;
	spot->hz = spot->raw_hz;
	spot->band = (uint8_t)band_of(spot->hz);
	if (human)
		spot->flags |= SPOT_HUMAN;
	else if (spot->band == BAND_NONE)
		return SPOTLINE_BAND;
	memcpy(spot->dx_raw, spot->dx, sizeof(spot->dx_raw));
	if (!line->timed || (spot->flags & SPOT_BAD_TIME))
		spot->time = line->now - line->now % 60;
	set_mode(line);
	set_comment(line);
	if ((spot->flags & SPOT_HAS_REPORT) == 0 && (!human || mode_is_digital(spot->mode)) &&
	    !find_report(line, spot->comment, spot->comment_length))
		find_report(line, line->text, line->length);
	if (!human)
		set_type(line);
	if (!human && mode_is_digital(spot->mode))
		set_grid(line);
	set_flags(spot);
	return SPOTLINE_OK;
}

static enum spotline_error read_line(struct line *line, const char *at)
{
	enum spotline_error error = split(line, at);

	if (error != SPOTLINE_OK)
		return error;
	for (unsigned i = 0; i < line->words; i++) {
		line->at = (int)i;
		look_at(line, &line->word[i]);
	}
	if (line->frequency < 0)
		return SPOTLINE_FREQUENCY;
	if (line->call < 0 && line->grid_call >= 0) {
		line->call = line->grid_call;
		line->word[line->call].kept = false;
	}
	if (line->call < 0 || !is_call(&line->word[line->call], line->spot->dx))
		return SPOTLINE_CALL;
	return complete(line);
}

enum spotline_error spotline_parse(const char *text, size_t length, bool lenient, int64_t now,
				   struct spot *spot_r)
{
	struct line line;
	const char *at;
	enum spotline_error error;

	*spot_r = (struct spot){0};
	if (length > SPOTLINE_MAX)
		return SPOTLINE_LONG;
	/* not all of it: the words alone are four kilobytes */
	line.length = line.words = 0;
	line.lenient = lenient;
	line.now = now;
	line.spot = spot_r;
	line.frequency = line.call = line.grid_call = line.number = -1;
	line.timed = line.digital_before = false;
	line.mode = MODE_NONE;
	copy_visible(&line, text, length);
	at = find_spot(line.text);
	if (at == NULL)
		return is_garbage(text, length) ? SPOTLINE_GARBAGE : SPOTLINE_OTHER;
	error = read_line(&line, at + 5);
	if (error != SPOTLINE_OK)
		*spot_r = (struct spot){0};
	return error;
}

bool spotline_time(unsigned hour, unsigned minute, int64_t now, int64_t *time_r)
{
	int64_t time;

	if (hour > 23 || minute > 59)
		return false;
	time = now - now % DAY + (int64_t)hour * 3600 + (int64_t)minute * 60;
	if (time - now > DAY / 2)
		time -= DAY;
	else if (now - time > DAY / 2)
		time += DAY;
	*time_r = time;
	return true;
}

const char *spotline_error_text(enum spotline_error error)
{
	static const char *const text[SPOTLINE_ERRORS] = {
		[SPOTLINE_OK] = "a spot",
		[SPOTLINE_OTHER] = "no spot",
		[SPOTLINE_GARBAGE] = "no text",
		[SPOTLINE_SPOTTER] = "no spotter",
		[SPOTLINE_FREQUENCY] = "no frequency",
		[SPOTLINE_CALL] = "no station",
		[SPOTLINE_BAND] = "outside the bands",
		[SPOTLINE_LONG] = "too long",
	};

	return error < SPOTLINE_ERRORS ? text[error] : "?";
}
