/* SPDX-License-Identifier: ISC
 *
 * NAME      text - small, bounded text handling
 * PURPOSE   Copy, trim, number and duration texts the same way everywhere, with their bounds.
 * OWNER     every process
 * CONTRACT  see shm/text.h
 * LIMITS    text_distance looks at the first DISTANCE_MAX bytes of a word
 */
#include "shm/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DISTANCE_MAX 64

/* A suffix and what it multiplies by; tables run from the greatest to the smallest. */
struct unit {
	const char *suffix;
	int64_t factor;
};

static const struct unit duration_units[] = {
	{"d", 86400 * INT64_C(1000000000)}, {"h", 3600 * INT64_C(1000000000)},
	{"m", 60 * INT64_C(1000000000)},    {"s", INT64_C(1000000000)},
	{"ms", INT64_C(1000000)},
};

static const struct unit size_units[] = {
	{"G", INT64_C(1) << 30},
	{"M", INT64_C(1) << 20},
	{"k", INT64_C(1) << 10},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Not isblank(): the locale must not decide what a file means. */
static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool text_copy(char *dst, size_t size, const char *src)
{
	size_t len = strnlen(src, size);

	if (len < size) {
		memcpy(dst, src, len + 1);
		return true;
	}
	if (size > 0) {
		memcpy(dst, src, size - 1);
		dst[size - 1] = '\0';
	}
	return false;
}

size_t text_from_field(char *dst, const void *field, size_t len)
{
	const unsigned char *src = field;
	size_t start = 0, end = len;

	while (start < end && (src[start] <= ' ' || src[start] >= 0x7f))
		start++;
	while (end > start && (src[end - 1] <= ' ' || src[end - 1] >= 0x7f))
		end--;
	for (size_t i = start; i < end; i++)
		dst[i - start] = src[i] < ' ' || src[i] >= 0x7f ? ' ' : (char)src[i];
	dst[end - start] = '\0';
	return end - start;
}

char *text_trim(char *text)
{
	size_t len;

	while (is_blank(*text))
		text++;
	len = strlen(text);
	while (len > 0 && is_blank(text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

/* Digits up to the first other character, at *TEXT, which is moved behind them. LIMIT is the
 * greatest magnitude that is taken. */
static int read_digits(const char **text, uint64_t limit, uint64_t *value_r)
{
	uint64_t value = 0;

	if (!is_digit(**text))
		return -1;
	for (; is_digit(**text); (*text)++) {
		unsigned digit = (unsigned)(**text - '0');

		if (value > (limit - digit) / 10)
			return -1;
		value = value * 10 + digit;
	}
	*value_r = value;
	return 0;
}

int text_number(const char *text, int64_t *value_r)
{
	bool negative = *text == '-';
	uint64_t value;

	if (*text == '-' || *text == '+')
		text++;
	if (read_digits(&text, (uint64_t)INT64_MAX + negative, &value) < 0 || *text != '\0')
		return -1;
	*value_r = negative ? (int64_t)(0 - value) : (int64_t)value;
	return 0;
}

/* Digits and one of UNITS; BARE is the factor when there is no suffix. */
static int read_scaled(const char *text, const struct unit *units, size_t count, int64_t bare,
		       int64_t *value_r)
{
	int64_t factor = 0;
	uint64_t value;

	if (read_digits(&text, INT64_MAX, &value) < 0)
		return -1;
	if (*text == '\0')
		factor = bare;
	for (size_t i = 0; i < count && factor == 0; i++)
		if (strcmp(text, units[i].suffix) == 0)
			factor = units[i].factor;
	if (factor == 0 || (int64_t)value > INT64_MAX / factor)
		return -1;
	*value_r = (int64_t)value * factor;
	return 0;
}

int text_duration(const char *text, int64_t *ns_r)
{
	return read_scaled(text, duration_units, COUNT(duration_units), INT64_C(1000000000), ns_r);
}

int text_size(const char *text, int64_t *bytes_r)
{
	static const struct unit any_case[] = {
		{"G", INT64_C(1) << 30}, {"g", INT64_C(1) << 30}, {"M", INT64_C(1) << 20},
		{"m", INT64_C(1) << 20}, {"K", INT64_C(1) << 10}, {"k", INT64_C(1) << 10},
	};

	return read_scaled(text, any_case, COUNT(any_case), 1, bytes_r);
}

int text_bool(const char *text, bool *value_r)
{
	static const char *const words[][2] = {
		{"no", "yes"}, {"off", "on"}, {"false", "true"}, {"0", "1"}};

	for (size_t i = 0; i < COUNT(words); i++) {
		for (int value = 0; value < 2; value++) {
			if (strcasecmp(text, words[i][value]) == 0) {
				*value_r = value;
				return 0;
			}
		}
	}
	return -1;
}

const char *text_duration_print(int64_t ns, char *buf, size_t size)
{
	for (size_t i = 0; i < COUNT(duration_units); i++) {
		const struct unit *unit = &duration_units[i];

		if (ns != 0 && ns % unit->factor == 0) {
			snprintf(buf, size, "%" PRId64 "%s", ns / unit->factor, unit->suffix);
			return buf;
		}
	}
	/* Parts of a millisecond can't be written; nothing that was read has any. */
	snprintf(buf, size, ns == 0 ? "0" : "%" PRId64 "ms", ns / INT64_C(1000000));
	return buf;
}

const char *text_size_print(int64_t bytes, char *buf, size_t size)
{
	for (size_t i = 0; i < COUNT(size_units); i++) {
		const struct unit *unit = &size_units[i];

		if (bytes != 0 && bytes % unit->factor == 0) {
			snprintf(buf, size, "%" PRId64 "%s", bytes / unit->factor, unit->suffix);
			return buf;
		}
	}
	snprintf(buf, size, "%" PRId64, bytes);
	return buf;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

/* Optimal string alignment: three rows of the usual table are enough. */
unsigned text_distance(const char *a, const char *b)
{
	unsigned rows[3][DISTANCE_MAX + 1];
	size_t alen = strnlen(a, DISTANCE_MAX), blen = strnlen(b, DISTANCE_MAX);

	for (size_t j = 0; j <= blen; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= alen; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i - 1) % 3];
		const unsigned *above2 = rows[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= blen; j++) {
			unsigned cost = a[i - 1] != b[j - 1];

			row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    above2[j - 2] + 1 < row[j])
				row[j] = above2[j - 2] + 1;
		}
	}
	return rows[alen % 3][blen];
}

/* Length of the UTF-8 sequence that begins at BYTE and the least code point that may use it. */
static size_t utf8_length(unsigned char byte, uint32_t *least_r)
{
	if (byte < 0x80) {
		*least_r = 1;
		return 1;
	}
	if ((byte & 0xe0) == 0xc0) {
		*least_r = 0x80;
		return 2;
	}
	if ((byte & 0xf0) == 0xe0) {
		*least_r = 0x800;
		return 3;
	}
	*least_r = 0x10000;
	return (byte & 0xf8) == 0xf0 ? 4 : 0;
}

bool text_is_utf8(const char *text, size_t len)
{
	static const unsigned char lead_mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	const unsigned char *bytes = (const unsigned char *)text;

	for (size_t at = 0; at < len;) {
		uint32_t least, code;
		size_t need = utf8_length(bytes[at], &least);

		if (need == 0 || need > len - at)
			return false;
		code = bytes[at] & lead_mask[need];
		for (size_t i = 1; i < need; i++) {
			if ((bytes[at + i] & 0xc0) != 0x80)
				return false;
			code = code << 6 | (bytes[at + i] & 0x3f);
		}
		if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
			return false;
		at += need;
	}
	return true;
}
