/* SPDX-License-Identifier: ISC
 *
 * NAME      cty - country files
 * PURPOSE   See cty.h. Here: cty.dat and cty.csv, which differ in how a record begins; both go on
 *           with aliases up to a semicolon.
 * OWNER     data
 * CONTRACT  see cty.h
 * LIMITS    see cty.h
 */
#include "workers/data/cty.h"

#include <string.h>

#define FIELD_MAX  64 /* bytes of a field of a record's beginning */
#define DAT_FIELDS 8
#define CSV_FIELDS 9
#define SNIFFED	   1024 /* bytes in which a file shows what it is */
#define CQ_MAX	   40
#define ITU_MAX	   90
#define ADIF_MAX   9999
#define MILLION	   1000000
#define CUT_OFF	   "ends in the middle of a record: it was cut off"
#define NO_CTY	   "is no country file: neither cty.dat nor cty.csv nor cty.plist"

struct field {
	const char *text;
	size_t length;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void trim(struct field *field)
{
	while (field->length > 0 && is_blank(field->text[0])) {
		field->text++;
		field->length--;
	}
	while (field->length > 0 && is_blank(field->text[field->length - 1]))
		field->length--;
}

/* ---- what the forms share ---- */

static void count_lines(struct cty *cty)
{
	for (; cty->line_at < cty->at; cty->line_at++)
		cty->line += *cty->line_at == '\n';
}

enum cty_news cty_bad(struct cty *cty, const char *why)
{
	count_lines(cty);
	cty->why = why;
	return CTY_BAD;
}

enum cty_news cty_refuse(struct cty *cty, const char *why)
{
	count_lines(cty);
	cty->why = why;
	cty->format = CTY_NONE;
	return CTY_REFUSED;
}

bool cty_number(const char *text, size_t length, unsigned most, unsigned *number_r)
{
	unsigned number = 0;

	if (length == 0 || length > 5)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!is_digit(text[i]))
			return false;
		number = number * 10 + (unsigned)(text[i] - '0');
	}
	if (number > most)
		return false;
	*number_r = number;
	return true;
}

bool cty_degrees(const char *text, size_t length, int32_t most, int32_t *degrees_r)
{
	bool minus = length > 0 && text[0] == '-';
	int64_t value = 0, scale = MILLION;
	size_t i = length > 0 && (minus || text[0] == '+') ? 1 : 0, digits = 0;

	for (; i < length && is_digit(text[i]) && digits < 4; i++, digits++)
		value = value * 10 + (text[i] - '0');
	value *= MILLION;
	if (i < length && text[i] == '.')
		for (i++; i < length && is_digit(text[i]); i++, digits++) {
			scale /= 10;
			value += (text[i] - '0') * scale;
		}
	if (i != length || digits == 0 || value > (int64_t)most * MILLION)
		return false;
	*degrees_r = (int32_t)(minus ? -value : value);
	return true;
}

static bool copy_text(char *to, size_t size, const char *text, size_t length)
{
	memset(to, 0, size);
	if (length == 0 || length >= size)
		return false;
	for (size_t i = 0; i < length; i++)
		to[i] = text[i] >= 0x20 && text[i] <= 0x7e ? text[i] : '?';
	return true;
}

bool cty_entity_name(struct country_entity *entity, const char *text, size_t length)
{
	return copy_text(entity->name, sizeof(entity->name), text, length);
}

bool cty_entity_prefix(struct country_entity *entity, const char *text, size_t length)
{
	entity->starred = length > 0 && text[0] == '*';
	text += entity->starred;
	length -= entity->starred;
	for (size_t i = 0; i < length; i++)
		if (!(is_digit(text[i]) || text[i] == '/' || (text[i] >= 'A' && text[i] <= 'Z') ||
		      (text[i] >= 'a' && text[i] <= 'z')))
			return false;
	return copy_text(entity->prefix, sizeof(entity->prefix), text, length);
}

bool cty_key(char key_r[CALL_TEXT_SIZE], const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (country_sign(text[i]) == COUNTRY_SIGNS)
			return false;
	return copy_text(key_r, CALL_TEXT_SIZE, text, length);
}

enum cty_news cty_mark(struct cty *cty)
{
	const char *key = cty->alias.key;

	if (!cty->alias.exact || strncmp(key, "VER", 3) != 0)
		return CTY_ALIAS;
	if (strcmp(key, "VERSION") == 0)
		return CTY_END;
	if (strlen(key) != 11 || strspn(key + 3, "0123456789") != 8)
		return CTY_ALIAS;
	memcpy(cty->version, key + 3, 9);
	return CTY_VERSION;
}

/* ---- how a record begins ---- */

/* Cuts COUNT fields, each ended by MARK, off the record. False: they are not there. */
static bool cut_fields(struct cty *cty, char mark, struct field *field, unsigned count)
{
	const char *at = cty->at;

	for (unsigned n = 0; n < count; n++) {
		size_t left = (size_t)(cty->end - at);
		size_t room = left < FIELD_MAX ? left : FIELD_MAX;
		const char *end = memchr(at, mark, room);

		if (end == NULL || memchr(at, ';', (size_t)(end - at)) != NULL)
			return false;
		field[n] = (struct field){.text = at, .length = (size_t)(end - at)};
		trim(&field[n]);
		at = end + 1;
	}
	cty->at = at;
	return true;
}

static bool take_zones(struct country_entity *entity, const struct field *cq,
		       const struct field *itu, const struct field *continent)
{
	unsigned cq_number, itu_number;

	if (!cty_number(cq->text, cq->length, CQ_MAX, &cq_number) ||
	    !cty_number(itu->text, itu->length, ITU_MAX, &itu_number))
		return false;
	entity->cq = (uint8_t)cq_number;
	entity->itu = (uint8_t)itu_number;
	entity->continent = (uint8_t)continent_parse(continent->text, continent->length);
	return entity->continent != CONTINENT_NONE;
}

static bool take_place(struct country_entity *entity, const struct field *latitude,
		       const struct field *longitude)
{
	int32_t west;

	if (!cty_degrees(latitude->text, latitude->length, 90, &entity->latitude) ||
	    !cty_degrees(longitude->text, longitude->length, 180, &west))
		return false;
	entity->longitude = -west;
	return true;
}

/* cty.dat has no numbers: those of the program, by prefix, then by name. */
static uint16_t adif_of(const struct country_entity *entity)
{
	unsigned adif = adif_by_prefix(entity->prefix);

	return (uint16_t)(adif != 0 ? adif : adif_by_name(entity->name));
}

static bool take_dat(struct cty *cty, struct country_entity *entity)
{
	struct field f[DAT_FIELDS];

	if (!cut_fields(cty, ':', f, DAT_FIELDS) ||
	    !cty_entity_name(entity, f[0].text, f[0].length) ||
	    !take_zones(entity, &f[1], &f[2], &f[3]) || !take_place(entity, &f[4], &f[5]) ||
	    !cty_entity_prefix(entity, f[7].text, f[7].length))
		return false;
	entity->adif = adif_of(entity);
	return true;
}

static bool take_csv(struct cty *cty, struct country_entity *entity)
{
	struct field f[CSV_FIELDS];
	unsigned adif;

	if (!cut_fields(cty, ',', f, CSV_FIELDS) ||
	    !cty_entity_prefix(entity, f[0].text, f[0].length) ||
	    !cty_entity_name(entity, f[1].text, f[1].length) ||
	    !cty_number(f[2].text, f[2].length, ADIF_MAX, &adif) ||
	    !take_zones(entity, &f[4], &f[5], &f[3]) || !take_place(entity, &f[6], &f[7]))
		return false;
	entity->adif = (uint16_t)adif;
	return true;
}

/* Behind the next semicolon; without one the file ends here, but too early. */
static enum cty_news skip_record(struct cty *cty)
{
	const char *end = memchr(cty->at, ';', (size_t)(cty->end - cty->at));
	enum cty_news news;

	if (end == NULL)
		return cty_refuse(cty, CUT_OFF);
	news = cty_bad(cty, "no record of an entity begins here");
	cty->at = end + 1;
	return news;
}

static enum cty_news next_record(struct cty *cty)
{
	struct country_entity entity = {0};
	bool good;

	while (cty->at < cty->end && is_blank(*cty->at))
		cty->at++;
	if (cty->at == cty->end)
		return CTY_END;
	good = cty->format == CTY_DAT ? take_dat(cty, &entity) : take_csv(cty, &entity);
	if (!good)
		return skip_record(cty);
	cty->entity = entity;
	cty->inside = true;
	return CTY_ENTITY;
}

/* ---- aliases ---- */

/* One override: (cq), [itu], <latitude/longitude>, {continent}, ~offset~; TEXT without the marks. */
static bool take_override(struct country_rule *rule, char mark, const struct field *text)
{
	unsigned number;
	const char *slash;
	int32_t west;

	switch (mark) {
	case '(':
		if (!cty_number(text->text, text->length, CQ_MAX, &number))
			return false;
		rule->cq = (uint8_t)number;
		return true;
	case '[':
		if (!cty_number(text->text, text->length, ITU_MAX, &number))
			return false;
		rule->itu = (uint8_t)number;
		return true;
	case '{':
		rule->continent = (uint8_t)continent_parse(text->text, text->length);
		return rule->continent != CONTINENT_NONE;
	case '<':
		slash = memchr(text->text, '/', text->length);
		if (slash == NULL ||
		    !cty_degrees(text->text, (size_t)(slash - text->text), 90, &rule->latitude) ||
		    !cty_degrees(slash + 1, (size_t)(text->text + text->length - slash - 1), 180,
				 &west))
			return false;
		rule->longitude = -west;
		return true;
	default:
		return true; /* the offset from UTC is of no use here */
	}
}

static bool take_overrides(struct country_rule *rule, const char *at, const char *end)
{
	static const char opens[] = "([{<~", closes[] = ")]}>~";

	while (at < end) {
		const char *mark = memchr(opens, *at, sizeof(opens) - 1);
		const char *close;

		if (mark == NULL)
			return false;
		close = memchr(at + 1, closes[mark - opens], (size_t)(end - at - 1));
		if (close == NULL ||
		    !take_override(
			    rule, *at,
			    &(struct field){.text = at + 1, .length = (size_t)(close - at - 1)}))
			return false;
		at = close + 1;
	}
	return true;
}

static enum cty_news take_alias(struct cty *cty, const char *at, const char *end)
{
	const struct country_entity *entity = &cty->entity;
	const char *key_end;

	cty->alias = (struct cty_alias){.exact = *at == '=',
					.rule = {.cq = entity->cq,
						 .itu = entity->itu,
						 .continent = entity->continent,
						 .latitude = entity->latitude,
						 .longitude = entity->longitude}};
	at += cty->alias.exact;
	for (key_end = at; key_end < end && country_sign(*key_end) != COUNTRY_SIGNS;)
		key_end++;
	if (!cty_key(cty->alias.key, at, (size_t)(key_end - at)))
		return cty_bad(cty, "is neither a prefix nor a call");
	if (!take_overrides(&cty->alias.rule, key_end, end))
		return cty_bad(cty, "has marks behind it that say nothing");
	return cty_mark(cty);
}

static bool is_between(char c)
{
	return is_blank(c) || c == ',';
}

static enum cty_news next_alias(struct cty *cty)
{
	const char *begin;

	while (cty->at < cty->end && is_between(*cty->at))
		cty->at++;
	if (cty->at == cty->end)
		return cty_refuse(cty, CUT_OFF);
	if (*cty->at == ';') {
		cty->at++;
		cty->inside = false;
		return next_record(cty);
	}
	begin = cty->at;
	while (cty->at < cty->end && !is_between(*cty->at) && *cty->at != ';')
		cty->at++;
	return take_alias(cty, begin, cty->at);
}

/* ---- the whole ---- */

/* How often C stands before the end of the line, as far as that is near. */
static unsigned in_line(const char *text, size_t length, char c)
{
	unsigned count = 0;

	for (size_t i = 0; i < length && i < SNIFFED && text[i] != '\n'; i++)
		count += text[i] == c;
	return count;
}

static enum cty_format sniff(const char *text, size_t length)
{
	if (length > 0 && text[0] == '<') {
		size_t looked = length < SNIFFED ? length : SNIFFED;

		return memmem(text, looked, "<plist", 6) != NULL ? CTY_PLIST : CTY_NONE;
	}
	if (in_line(text, length, ':') >= DAT_FIELDS)
		return CTY_DAT;
	return in_line(text, length, ',') >= CSV_FIELDS ? CTY_CSV : CTY_NONE;
}

void cty_begin(struct cty *cty, const char *text, size_t length)
{
	struct field all = {.text = text, .length = length};

	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		all.text += 3;
		all.length -= 3;
	}
	trim(&all);
	*cty = (struct cty){.at = all.text,
			    .end = all.text + all.length,
			    .line_at = text,
			    .line = 1,
			    .format = sniff(all.text, all.length)};
	if (all.length == 0)
		cty->why = "is empty";
	else if (length > CTY_SIZE_MAX)
		cty->why = "is larger than 32 MiB";
	else if (memchr(text, '\0', length) != NULL)
		cty->why = "holds NUL bytes: that is no text";
	else if (cty->format == CTY_NONE)
		cty->why = NO_CTY;
	if (cty->why != NULL)
		cty->format = CTY_NONE;
}

enum cty_news cty_next(struct cty *cty)
{
	enum cty_news news = CTY_REFUSED;

	if (cty->format == CTY_PLIST)
		return cty_plist_next(cty);
	if (cty->format == CTY_NONE)
		return CTY_REFUSED; /* why is said */
	do {
		bool inside = cty->inside;

		news = inside ? next_alias(cty) : next_record(cty);
		if (news == CTY_END && cty->at == cty->end && !cty->inside)
			return CTY_END;
	} while (news == CTY_END); /* a mark that says nothing */
	return news;
}
