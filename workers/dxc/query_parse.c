/* SPDX-License-Identifier: ISC
 *
 * NAME      query_parse - the arguments of SHOW/DX
 * PURPOSE   Reads them once, from left to right; see workers/dxc/query.h.
 * OWNER     dxc workers
 * CONTRACT  whatever is read is bounded before it is kept. Terms that stand side by side are ANDed,
 *           values with commas between are ORed; numbers and the like may stand anywhere.
 * LIMITS    see workers/dxc/query.h
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "shm/band.h"
#include "workers/dxc/query_inside.h"

#define KHZ	    1000
#define NUMBER_MAX  1000000 /* what is beyond is wrong everywhere */
#define PATTERN_MAX 16
#define HZ_MAX	    UINT64_C(1000000000000)
#define SHOWN	    24 /* characters of a wrong token that are shown */

struct token {
	const char *text;
	size_t length; /* 0: the end */
};

struct parse {
	const char *at;
	struct token token; /* the next one */
	struct query *query;
	const struct countries *countries;
	char *why;
	bool failed;
	unsigned depth;
	unsigned call_from, call_to; /* the terms of the call that was read last */
	uint64_t added;		     /* a bit for each term: its last '*' is ours */
};

/* ---- tokens ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static size_t token_length(const char *text)
{
	size_t length = 0;

	if (*text == '(' || *text == ')')
		return 1;
	while (text[length] != '\0' && !is_blank(text[length]) && text[length] != '(' &&
	       text[length] != ')') {
		const char *end = text[length] == '{' ? strchr(text + length, '}') : NULL;

		length = end != NULL ? (size_t)(end - text) + 1 : length + 1;
	}
	return length;
}

static void advance(struct parse *parse)
{
	parse->at += parse->token.length;
	while (is_blank(*parse->at))
		parse->at++;
	parse->token = (struct token){parse->at, token_length(parse->at)};
}

static bool token_is(const struct token *token, const char *word)
{
	return token->length == strlen(word) && strncasecmp(token->text, word, token->length) == 0;
}

static bool fail(struct parse *parse, const char *format, const struct token *token)
{
	char shown[SHOWN + 1] = "";

	if (parse->failed)
		return false;
	for (size_t i = 0; token != NULL && i < token->length && i < SHOWN; i++)
		shown[i] = token->text[i] >= ' ' && token->text[i] <= '~' ? token->text[i] : '?';
	if (token == NULL)
		snprintf(parse->why, QUERY_WHY, "%s", format);
	else
		snprintf(parse->why, QUERY_WHY, format, shown);
	parse->failed = true;
	return false;
}

/* ---- the program ---- */

static bool emit(struct parse *parse, unsigned code)
{
	struct query *query = parse->query;

	if (query->codes == sizeof(query->code))
		return fail(parse, "Too much is asked for at once", NULL);
	query->code[query->codes++] = (uint8_t)code;
	return true;
}

/* A new term, part of the program; NULL: there are too many. */
static struct query_term *new_term(struct parse *parse, unsigned kind)
{
	struct query *query = parse->query;

	if (query->terms == QUERY_TERMS) {
		fail(parse, "Too much is asked for at once", NULL);
		return NULL;
	}
	if (!emit(parse, query->terms))
		return NULL;
	query->term[query->terms] = (struct query_term){.kind = (uint8_t)kind};
	return &query->term[query->terms++];
}

static bool add_number(struct parse *parse, unsigned kind, unsigned number)
{
	struct query_term *term = new_term(parse, kind);

	if (term != NULL)
		term->number = (uint16_t)number;
	return term != NULL;
}

/* Keeps a text of a term, in capitals. */
static bool add_text(struct parse *parse, unsigned kind, const char *text, size_t length, bool more)
{
	struct query *query = parse->query;
	struct query_term *term;

	if (query->texts + length + 1 > QUERY_BYTES || length >= UINT8_MAX)
		return fail(parse, "Too much is asked for at once", NULL);
	term = new_term(parse, kind);
	if (term == NULL)
		return false;
	term->at = query->texts;
	for (size_t i = 0; i < length; i++)
		query->text[query->texts++] = query_upper(text[i]);
	if (more)
		query->text[query->texts++] = '*';
	term->length = (uint8_t)(length + more);
	parse->added |= (uint64_t)more << (query->terms - 1);
	return true;
}

/* ---- values ---- */

/* All digits: the number, at most NUMBER_MAX; else -1. */
static long number_of(const char *text, size_t length)
{
	long number = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		number = number < NUMBER_MAX ? number * 10 + (text[i] - '0') : NUMBER_MAX;
	}
	return length > 0 ? number : -1;
}

/* "14000.5" in Hz. */
static bool read_khz(const char *text, size_t length, uint64_t *hz_r)
{
	uint64_t unit = KHZ;
	size_t i;

	*hz_r = 0;
	for (i = 0; i < length && text[i] >= '0' && text[i] <= '9' && *hz_r < HZ_MAX; i++)
		*hz_r = *hz_r * 10 + (uint64_t)(text[i] - '0') * KHZ;
	if (i == 0)
		return false;
	if (i < length && text[i] == '.')
		for (i++; i < length && text[i] >= '0' && text[i] <= '9'; i++)
			*hz_r += (uint64_t)(text[i] - '0') * (unit /= 10);
	return i == length;
}

static uint32_t modes_of(const struct token *part)
{
	uint32_t modes = 0;

	if (token_is(part, "cw"))
		return UINT32_C(1) << MODE_CW;
	if (token_is(part, "rtty"))
		return UINT32_C(1) << MODE_RTTY;
	if (token_is(part, "ssb"))
		return UINT32_C(1) << MODE_LSB | UINT32_C(1) << MODE_USB;
	if (token_is(part, "data"))
		for (unsigned mode = 1; mode < MODES; mode++)
			modes |= (uint32_t)mode_is_digital(mode) << mode;
	return modes;
}

/* "20m", "hf/cw", "14000/14050" */
static bool read_on(struct parse *parse, unsigned kind, const struct token *value)
{
	const char *slash = memchr(value->text, '/', value->length);
	struct token left = *value, right = {NULL, 0};
	struct query_term *term;
	uint64_t low, high;
	uint32_t bands, modes;
	unsigned band;

	(void)kind;
	if (slash != NULL) {
		left.length = (size_t)(slash - value->text);
		right = (struct token){slash + 1, value->length - left.length - 1};
	}
	if (slash != NULL && read_khz(left.text, left.length, &low) &&
	    read_khz(right.text, right.length, &high) && low <= high) {
		term = new_term(parse, QUERY_RANGE);
		if (term != NULL) {
			term->low = low;
			term->high = high;
		}
		return term != NULL;
	}
	band = band_parse(left.text, left.length);
	bands = band != BAND_NONE ? UINT32_C(1) << band : band_class(left.text, left.length);
	modes = slash != NULL ? modes_of(&right) : 0;
	if (bands == 0 || (slash != NULL && modes == 0))
		return fail(parse, "'%s' is no band (20m, hf/cw) and no range (14000/14050)",
			    value);
	term = new_term(parse, QUERY_BANDS);
	if (term != NULL) {
		term->bands = bands;
		term->modes = modes;
	}
	return term != NULL;
}

static bool is_pattern(const struct token *value)
{
	bool sign = false;

	for (size_t i = 0; i < value->length; i++) {
		char c = query_upper(value->text[i]);
		bool plain = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!plain && (c == '\0' || strchr("/-#*?", c) == NULL))
			return false;
		sign |= plain || c == '*' || c == '?';
	}
	return sign && value->length <= PATTERN_MAX;
}

static bool read_call(struct parse *parse, unsigned kind, const struct token *value)
{
	bool wild = memchr(value->text, '*', value->length) != NULL ||
		    memchr(value->text, '?', value->length) != NULL;

	if (!is_pattern(value))
		return fail(parse, "token '%s' not recognised", value);
	return add_text(parse, kind, value->text, value->length, !wild);
}

static bool read_zone(struct parse *parse, unsigned kind, const struct token *value)
{
	long number = number_of(value->text, value->length);

	if (number < 1 || number > (kind == QUERY_ZONE ? 40 : 90))
		return fail(parse, "'%s' is no zone", value);
	return add_number(parse, kind, (unsigned)number);
}

static bool read_dxcc(struct parse *parse, unsigned kind, const struct token *value)
{
	long number = number_of(value->text, value->length);
	char prefix[CALL_TEXT_SIZE] = "";
	struct country country;

	if (number < 0 && value->length < sizeof(prefix)) {
		for (size_t i = 0; i < value->length; i++)
			prefix[i] = query_upper(value->text[i]);
		number = adif_by_prefix(prefix);
		if (number == 0 && country_of(parse->countries, prefix, &country))
			number = country.adif;
	}
	if (number < 1 || number > 1023)
		return fail(parse, "'%s' is no DXCC entity", value);
	return add_number(parse, kind, (unsigned)number);
}

/* A word, or alternatives in braces: {FT8|FT4}. What would be an expression elsewhere is refused:
 * only its signs would be looked for. */
static bool read_info(struct parse *parse, unsigned kind, const struct token *value)
{
	bool braces = value->text[0] == '{' && value->text[value->length - 1] == '}';
	struct token part = *value;
	unsigned parts = 0;

	if (!braces)
		return add_text(parse, kind, value->text, value->length, false);
	for (size_t i = 1; i + 1 < value->length; i++)
		if (strchr("()[]\\^$*+?.{}", value->text[i]) != NULL)
			return fail(parse, "Only words and {A|B|C} can be looked for, no patterns",
				    NULL);
	part.text++;
	while (part.text < value->text + value->length - 1) {
		part.length = strcspn(part.text, "|}");
		if (part.length > 0 && !add_text(parse, kind, part.text, part.length, false))
			return false;
		if (part.length > 0 && parts++ > 0 && !emit(parse, QUERY_OR))
			return false;
		part.text += part.length + 1;
	}
	return parts > 0 || fail(parse, "'%s' is empty", value);
}

/* ---- words ---- */

typedef bool reader(struct parse *parse, unsigned kind, const struct token *value);

static const struct keyword {
	const char *word;
	reader *read;
	uint8_t kind;
	bool prefix; /* without a value it is the beginning of a call */
} keywords[] = {
	{"on", read_on, 0, true},
	{"freq", read_on, 0, false},
	{"call", read_call, QUERY_DX, false},
	{"by", read_call, QUERY_BY, true},
	{"spotter", read_call, QUERY_BY, false},
	{"info", read_info, QUERY_INFO, false},
	{"dxcc", read_dxcc, QUERY_DXCC, false},
	{"zone", read_zone, QUERY_ZONE, false},
	{"cq", read_zone, QUERY_ZONE, true},
	{"itu", read_zone, QUERY_ITU, false},
};

/* Each value of a list becomes a term, ORed. */
static bool read_values(struct parse *parse, const struct token *list, reader *read, unsigned kind)
{
	struct token value = {list->text, 0};
	const char *end = list->text + list->length;
	unsigned values = 0;

	if (list->text[0] == '{')
		return read(parse, kind, list);
	while (value.text < end) {
		value.length = 0;
		while (value.text + value.length < end && value.text[value.length] != ',')
			value.length++;
		if (value.length > 0 && !read(parse, kind, &value))
			return false;
		if (value.length > 0 && values++ > 0 && !emit(parse, QUERY_OR))
			return false;
		value.text += value.length + 1;
	}
	return values > 0 || fail(parse, "token '%s' not recognised", list);
}

static bool read_calls(struct parse *parse, const struct token *list)
{
	parse->call_from = parse->query->terms;
	if (!read_values(parse, list, read_call, QUERY_DX))
		return false;
	parse->call_to = parse->query->terms;
	return true;
}

static bool has_value(const struct parse *parse)
{
	return parse->token.length > 0 && parse->token.text[0] != '(' &&
	       parse->token.text[0] != ')';
}

/* A word with a value behind it. */
static bool read_keyword(struct parse *parse, const struct keyword *keyword,
			 const struct token *word)
{
	struct token value = parse->token;

	if (!has_value(parse))
		return keyword->prefix ? read_calls(parse, word)
				       : fail(parse, "'%s' needs a value", word);
	advance(parse);
	if (keyword->read == read_call && keyword->kind == QUERY_DX)
		return read_calls(parse, &value);
	return read_values(parse, &value, keyword->read, keyword->kind);
}

/* "iota", or "iota EU-005"; "qra", or "qra JO02". */
static bool read_reference(struct parse *parse, bool island)
{
	struct token value = parse->token;
	bool named;

	if (island)
		named = value.length == 6 && value.text[2] == '-' &&
			number_of(value.text + 3, 3) >= 0;
	else
		named = call_is_grid(value.text, value.length);
	if (!named)
		return new_term(parse, island ? QUERY_IOTA : QUERY_QRA) != NULL;
	advance(parse);
	return add_text(parse, QUERY_INFO, value.text, value.length, false);
}

/* What gives a value: a term, a word of them, a call. */
static bool read_term(struct parse *parse)
{
	struct token word = parse->token;

	advance(parse);
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (token_is(&word, keywords[i].word))
			return read_keyword(parse, &keywords[i], &word);
	if (token_is(&word, "qsl"))
		return new_term(parse, QUERY_QSL) != NULL;
	if (token_is(&word, "iota") || token_is(&word, "qra"))
		return read_reference(parse, token_is(&word, "iota"));
	if (token_is(&word, "<es>") || token_is(&word, "<ms>") || token_is(&word, "<tr>"))
		return add_text(parse, QUERY_INFO, word.text, word.length, false);
	if (token_is(&word, "state"))
		return fail(parse, "States are not known here", NULL);
	return read_calls(parse, &word);
}

/* ---- what may stand anywhere ---- */

/* "25", "11-20"; what looks like a number and is no call: "-5", "1e9". */
static bool is_count(const struct token *token)
{
	size_t digits = 0;

	if (token->text[0] == '-' || token->text[0] == '+')
		return true;
	while (digits < token->length && token->text[digits] >= '0' && token->text[digits] <= '9')
		digits++;
	if (digits == token->length)
		return true;
	if (digits == 0)
		return false;
	if (token->text[digits] == '-' || token->text[digits] == '.')
		return true;
	/* no country has a prefix of two digits, or 0E or 1E */
	return (token->text[digits] | 0x20) == 'e' && digits + 1 < token->length &&
	       number_of(token->text + digits + 1, token->length - digits - 1) >= 0 &&
	       (digits > 1 || token->text[0] <= '1');
}

/* "7", "11-20" */
static bool read_range(const struct token *token, long *first_r, long *last_r)
{
	const char *dash = memchr(token->text, '-', token->length);
	size_t left = dash != NULL ? (size_t)(dash - token->text) : token->length;

	*first_r = *last_r = number_of(token->text, left);
	if (dash != NULL)
		*last_r = number_of(dash + 1, token->length - left - 1);
	return *first_r >= 0 && *last_r >= *first_r;
}

static bool read_count(struct parse *parse)
{
	struct token token = parse->token;
	bool range = memchr(token.text, '-', token.length) != NULL;
	long first, last;

	advance(parse);
	if (!read_range(&token, &first, &last) || first < 1 || last > QUERY_LAST_MAX ||
	    (range ? last - first + 1 : last) > QUERY_ROWS_MAX)
		return fail(parse, "Invalid count. Use 1-250.", NULL);
	parse->query->first = (uint16_t)(range ? first : 1);
	parse->query->last = (uint16_t)last;
	return true;
}

static bool read_day(struct parse *parse)
{
	struct token value;
	long first, last;

	advance(parse);
	value = parse->token;
	if (value.length == 0 || !read_range(&value, &first, &last) || last > QUERY_DAYS)
		return fail(parse, "Invalid days. Use 0-100.", NULL);
	advance(parse);
	parse->query->day_first = (uint16_t)first;
	parse->query->day_last = QUERY_DAYS;
	if (memchr(value.text, '-', value.length) != NULL)
		parse->query->day_last = (uint16_t)last;
	parse->query->chosen = true;
	return true;
}

static bool read_exact(struct parse *parse)
{
	struct query *query = parse->query;

	if (parse->call_from == parse->call_to)
		return fail(parse, "'exact' needs a call before it", NULL);
	for (unsigned i = parse->call_from; i < parse->call_to; i++)
		if ((parse->added >> i & 1) != 0)
			query->term[i].length--;
	parse->call_from = parse->call_to = 0;
	advance(parse);
	return true;
}

/* Is the next token one of these? Reads it then. */
static bool read_switch(struct parse *parse)
{
	if (is_count(&parse->token)) {
		read_count(parse);
	} else if (token_is(&parse->token, "day")) {
		read_day(parse);
	} else if (token_is(&parse->token, "exact")) {
		read_exact(parse);
	} else if (token_is(&parse->token, "real") || token_is(&parse->token, "rt")) {
		parse->query->live = true;
		advance(parse);
	} else if (token_is(&parse->token, "filter")) {
		parse->query->filter = true;
		parse->query->chosen = true;
		advance(parse);
	} else {
		return false;
	}
	return true;
}

/* ---- the grammar ---- */

static bool parse_any(struct parse *parse);

static bool parse_one(struct parse *parse)
{
	bool negated = false, good;

	while (token_is(&parse->token, "not")) {
		negated = !negated;
		advance(parse);
	}
	if (parse->token.length == 0 || parse->token.text[0] == ')')
		return fail(parse, "Something is missing at the end", NULL);
	if (parse->token.text[0] != '(') {
		good = read_term(parse);
	} else {
		if (++parse->depth > QUERY_DEPTH)
			return fail(parse, "Too many parentheses", NULL);
		advance(parse);
		good = parse_any(parse);
		if (good && parse->token.text[0] != ')')
			return fail(parse, "A ) is missing", NULL);
		parse->depth--;
		advance(parse);
	}
	parse->query->chosen = true;
	if (!good)
		return fail(parse, "Something is missing at the end", NULL);
	return !negated || emit(parse, QUERY_NOT);
}

/* Terms side by side. False without a failure: there was none. */
static bool parse_all(struct parse *parse)
{
	unsigned values = 0;

	while (!parse->failed && parse->token.length > 0 && parse->token.text[0] != ')' &&
	       !token_is(&parse->token, "or")) {
		if (read_switch(parse))
			continue;
		if (token_is(&parse->token, "and")) {
			advance(parse);
			if (values == 0 || parse->token.length == 0)
				return fail(parse, "'and' needs two sides", NULL);
			continue;
		}
		if (!parse_one(parse) || (values++ > 0 && !emit(parse, QUERY_AND)))
			return false;
	}
	return values > 0 && !parse->failed;
}

static bool parse_any(struct parse *parse)
{
	if (!parse_all(parse))
		return parse->failed || parse->token.length > 0
			       ? fail(parse, "Something is missing before '%s'", &parse->token)
			       : false;
	while (token_is(&parse->token, "or")) {
		advance(parse);
		if (!parse_all(parse))
			return fail(parse, "'or' needs two sides", NULL);
		if (!emit(parse, QUERY_OR))
			return false;
	}
	return true;
}

bool query_parse(const char *arguments, const struct countries *countries, struct query *query_r,
		 char why_r[QUERY_WHY])
{
	struct parse parse = {
		.at = arguments, .query = query_r, .countries = countries, .why = why_r};

	memset(query_r, 0, sizeof(*query_r));
	query_r->first = 1;
	query_r->last = QUERY_ROWS;
	query_r->day_last = QUERY_DAYS;
	why_r[0] = '\0';
	if (strlen(arguments) > QUERY_BYTES)
		return fail(&parse, "Too much is asked for at once", NULL);
	parse.token = (struct token){arguments, 0};
	advance(&parse);
	parse_any(&parse);
	if (!parse.failed && parse.token.length > 0)
		fail(&parse, "token '%s' not recognised", &parse.token);
	return !parse.failed;
}
