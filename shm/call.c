/* SPDX-License-Identifier: ISC
 *
 * NAME      call - call signs of the DX cluster
 * PURPOSE   See call.h.
 * OWNER     see call.h
 * CONTRACT  see call.h
 * LIMITS    see call.h
 */
#include "shm/call.h"

#include <string.h>

#define VALID_MIN    3
#define SEGMENT_MAX  10
#define SLASHES_MAX  3
#define SKIMMER	     "-#"
#define SKIMMER_SIZE 2

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_letter(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_sign(char c)
{
	return is_letter(c) || is_digit(c);
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static void trim(const char **text, size_t *length)
{
	while (*length > 0 && is_blank((*text)[0])) {
		(*text)++;
		(*length)--;
	}
	while (*length > 0 && is_blank((*text)[*length - 1]))
		(*length)--;
}

bool call_normalise(const char *text, size_t length, char call_r[CALL_TEXT_SIZE])
{
	memset(call_r, 0, CALL_TEXT_SIZE);
	trim(&text, &length);
	if (length > 0 && (text[length - 1] == '/' || text[length - 1] == '.'))
		length--;
	trim(&text, &length);
	/* a NUL inside would hide what follows it from everybody who looks later */
	if (length > CALL_TEXT_MAX || (length > 0 && memchr(text, '\0', length) != NULL))
		return false;
	for (size_t i = 0; i < length; i++)
		call_r[i] = text[i] == '.' ? '/' : upper(text[i]);
	return true;
}

/* ---- validity ---- */

static bool ends_as_skimmer(const char *call, size_t length)
{
	return length > SKIMMER_SIZE &&
	       memcmp(call + length - SKIMMER_SIZE, SKIMMER, SKIMMER_SIZE) == 0;
}

/* Letters and digits in segments, '/' and '-' between them. */
bool call_valid(const char *call)
{
	size_t length = strnlen(call, CALL_TEXT_SIZE), segment = 0;
	bool letter = false, digit = false;
	unsigned slashes = 0;

	if (length < VALID_MIN || length > CALL_TEXT_MAX)
		return false;
	if (ends_as_skimmer(call, length))
		length -= SKIMMER_SIZE;
	for (size_t i = 0; i < length; i++) {
		if (is_sign(call[i])) {
			letter = letter || is_letter(call[i]);
			digit = digit || is_digit(call[i]);
			if (++segment > SEGMENT_MAX)
				return false;
			continue;
		}
		if ((call[i] != '/' && call[i] != '-') || segment == 0)
			return false;
		slashes += call[i] == '/';
		segment = 0;
	}
	return letter && digit && segment > 0 && slashes <= SLASHES_MAX;
}

/* ---- the shape of an amateur's call ---- */

/* How many characters of TEXT up to END, MOST at the most, are of the kind IS. */
static size_t span(const char *text, const char *end, size_t most, bool (*is)(char))
{
	size_t n = 0;

	while (n < most && text + n < end && is(text[n]))
		n++;
	return n;
}

/* [0-9]?[A-Z]{1,2}[0-9]{1,5}[A-Z]{1,8}, the whole of it. */
static bool is_core(const char *at, const char *end)
{
	size_t n;

	at += span(at, end, 1, is_digit);
	n = span(at, end, 2, is_letter);
	if (n == 0)
		return false;
	at += n;
	n = span(at, end, 5, is_digit);
	if (n == 0)
		return false;
	at += n;
	n = span(at, end, 8, is_letter);
	return n > 0 && at + n == end;
}

static bool is_affix(const char *at, const char *end, size_t most)
{
	size_t n = span(at, end, most, is_sign);

	return n > 0 && at + n == end;
}

static const char *slash_or_end(const char *at, const char *end)
{
	const char *slash = memchr(at, '/', (size_t)(end - at));

	return slash != NULL ? slash : end;
}

/* CORE, then up to two suffixes. */
static bool is_core_and_suffixes(const char *at, const char *end)
{
	const char *next = slash_or_end(at, end);

	if (!is_core(at, next))
		return false;
	for (unsigned i = 0; next < end; i++) {
		at = next + 1;
		next = slash_or_end(at, end);
		if (i == 2 || !is_affix(at, next, 7))
			return false;
	}
	return true;
}

/* Where the call ends and "-NN" begins; NULL when what follows the hyphen is none. */
static const char *before_ssid(const char *call, const char *end)
{
	const char *hyphen = memchr(call, '-', (size_t)(end - call));
	size_t n;

	if (hyphen == NULL)
		return end;
	n = span(hyphen + 1, end, 2, is_digit);
	return n > 0 && hyphen + 1 + n == end ? hyphen : NULL;
}

bool call_amateur(const char *call)
{
	const char *end = call + strnlen(call, CALL_TEXT_SIZE), *slash;

	if (!call_valid(call))
		return false;
	end = before_ssid(call, end);
	if (end == NULL)
		return false;
	if (is_core_and_suffixes(call, end))
		return true;
	slash = slash_or_end(call, end);
	return slash < end && is_affix(call, slash, 5) && is_core_and_suffixes(slash + 1, end);
}

/* ---- parts ---- */

static bool has_digit(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (is_digit(text[i]))
			return true;
	return false;
}

void call_base(const char *call, char base_r[CALL_TEXT_SIZE])
{
	size_t length = strnlen(call, CALL_TEXT_MAX), best_length = 0;
	const char *best = call, *hyphen;

	memset(base_r, 0, CALL_TEXT_SIZE);
	if (ends_as_skimmer(call, length))
		length -= SKIMMER_SIZE;
	for (const char *at = call, *end = call + length; at <= end;) {
		const char *next = slash_or_end(at, end);
		size_t n = (size_t)(next - at);

		if (n > best_length && has_digit(at, n)) {
			best = at;
			best_length = n;
		}
		at = next + 1;
	}
	if (best_length == 0)
		best_length = length; /* no call, but somebody may ask */
	hyphen = memchr(best, '-', best_length);
	memcpy(base_r, best, hyphen != NULL ? (size_t)(hyphen - best) : best_length);
}

void call_collapse(const char *call, char shown_r[CALL_TEXT_SIZE])
{
	size_t length = strnlen(call, CALL_TEXT_MAX), core, digits = 0;

	memset(shown_r, 0, CALL_TEXT_SIZE);
	memcpy(shown_r, call, length);
	if (!ends_as_skimmer(call, length))
		return;
	core = length - SKIMMER_SIZE;
	while (digits < core && is_digit(call[core - 1 - digits]))
		digits++;
	if (digits == 0 || digits + 1 >= core || call[core - 1 - digits] != '-')
		return;
	core -= digits + 1;
	memset(shown_r, 0, CALL_TEXT_SIZE);
	memcpy(shown_r, call, core);
	memcpy(shown_r + core, SKIMMER, SKIMMER_SIZE);
}

bool call_is_grid(const char *text, size_t length)
{
	/* field, square, subsquare, and once more square and subsquare */
	static const char last[] = "RR99XX99XX";

	if (length < 4 || length > 10 || length % 2 != 0)
		return false;
	for (size_t i = 0; i < length; i++) {
		char first = is_digit(last[i]) ? '0' : 'A', c = upper(text[i]);

		if (c < first || c > last[i])
			return false;
	}
	return true;
}
