/* SPDX-License-Identifier: ISC
 *
 * NAME      spot - one report: station A heard station B on frequency F at time T
 * PURPOSE   See spot.h.
 * OWNER     see spot.h
 * CONTRACT  see spot.h
 * LIMITS    see spot.h
 */
#include "shm/spot.h"

#include <string.h>

#include "shm/band.h"
#include "shm/country.h"

#define HZ_MAX	  UINT64_C(250000000000)
#define TIME_MAX  INT64_C(253402300800) /* the year 10000 */
#define FLAGS_ALL (2 * SPOT_BAD_TIME - 1)
#define ESCAPE	  0x1b
#define DELETE	  0x7f

size_t spot_size(const struct spot *spot)
{
	return offsetof(struct spot, comment) + spot->comment_length;
}

/* ---- what is read back ---- */

/* Is a text of LENGTH followed by NULs alone? */
static bool is_padded(const char *text, size_t length, size_t size)
{
	while (length < size && text[length] == '\0')
		length++;
	return length == size;
}

/* Printable ASCII up to the first NUL, NULs from there on. */
static bool text_ok(const char *text, size_t size)
{
	size_t length = 0;

	while (length < size && text[length] >= 0x20 && text[length] <= 0x7e)
		length++;
	return length < size && is_padded(text, length, size);
}

/* What is valid is printable, and shorter than its field. */
static bool call_ok(const char call[CALL_TEXT_SIZE])
{
	return call_valid(call) && is_padded(call, strlen(call), CALL_TEXT_SIZE);
}

/* None, or one that mostly is the DX itself, which was checked. */
static bool raw_ok(const struct spot *spot)
{
	return memcmp(spot->dx_raw, spot->dx, CALL_TEXT_SIZE) == 0 ||
	       (spot->dx_raw[0] == '\0' ? is_padded(spot->dx_raw, 0, CALL_TEXT_SIZE)
					: call_ok(spot->dx_raw));
}

static bool side_ok(const struct spot_side *side)
{
	return side->continent < CONTINENTS && side->derived <= 1 &&
	       text_ok(side->grid, sizeof(side->grid)) &&
	       (side->grid[0] == '\0' || call_is_grid(side->grid, strlen(side->grid)));
}

static bool numbers_ok(const struct spot *spot)
{
	return spot->version == SPOT_VERSION && spot->source >= SPOT_RBN &&
	       spot->source <= SPOT_LOCAL && spot->mode < MODES && spot->band < BANDS &&
	       spot->flags <= FLAGS_ALL && spot->type <= SPOT_TYPE_TEST &&
	       spot->unit <= SPOT_UNIT_BPS && spot->hz > 0 && spot->hz <= HZ_MAX &&
	       spot->raw_hz <= HZ_MAX && spot->time >= 0 && spot->time < TIME_MAX &&
	       (spot->glyph == '\0' || (spot->glyph >= 0x20 && spot->glyph <= 0x7e));
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || (unsigned char)c == DELETE;
}

static bool comment_ok(const struct spot *spot)
{
	for (size_t i = 0; i < spot->comment_length; i++)
		if (is_control(spot->comment[i]))
			return false;
	return true;
}

bool spot_check(const void *data, size_t length, struct spot *spot_r)
{
	const size_t fixed = offsetof(struct spot, comment);

	if (length < fixed || length > fixed + SPOT_COMMENT_MAX)
		length = 0;	       /* then nothing of it fits */
	memmove(spot_r, data, length); /* DATA may be the spot itself */
	memset((char *)spot_r + length, 0, sizeof(*spot_r) - length);
	if (spot_size(spot_r) == length && numbers_ok(spot_r) && side_ok(&spot_r->dx_side) &&
	    side_ok(&spot_r->de_side) && call_ok(spot_r->dx) && call_ok(spot_r->de) &&
	    raw_ok(spot_r) && text_ok(spot_r->feed, SPOT_FEED_SIZE) && comment_ok(spot_r))
		return true;
	memset(spot_r, 0, sizeof(*spot_r));
	return false;
}

/* ---- comments ---- */

/* The bytes of the escape sequence at TEXT: ESC, or ESC [ parameters and a final letter. */
static size_t escape_length(const char *text, size_t length)
{
	size_t n = 2;

	if (length < 2 || text[1] != '[')
		return 1;
	while (n < length && text[n] >= 0x20 && text[n] <= 0x3f)
		n++;
	return n < length && text[n] >= 0x40 && text[n] <= 0x7e ? n + 1 : n;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A character of several bytes is cut whole. */
static size_t cut(const char *comment, size_t length)
{
	size_t at = length, continued = 0;
	unsigned char lead;

	while (at > 0 && continued < 3 && ((unsigned char)comment[at - 1] & 0xc0) == 0x80) {
		at--;
		continued++;
	}
	if (at == 0)
		return length;
	lead = (unsigned char)comment[at - 1];
	if ((lead >= 0xf0 && continued < 3) || (lead >= 0xe0 && lead < 0xf0 && continued < 2) ||
	    (lead >= 0xc0 && lead < 0xe0 && continued < 1))
		return at - 1;
	return length;
}

void spot_set_comment(struct spot *spot, const char *text, size_t length)
{
	char *comment = spot->comment;
	size_t n = 0;

	memset(comment, 0, sizeof(spot->comment));
	for (size_t i = 0; i < length;) {
		char c = is_blank(text[i]) ? ' ' : text[i];

		if (c == ESCAPE) {
			i += escape_length(text + i, length - i);
			continue;
		}
		i++;
		if (is_control(c) || (c == ' ' && (n == 0 || comment[n - 1] == ' ')))
			continue;
		if (n == SPOT_COMMENT_MAX) {
			n = cut(comment, n);
			break;
		}
		comment[n++] = c;
	}
	while (n > 0 && comment[n - 1] == ' ')
		n--;
	memset(comment + n, 0, sizeof(spot->comment) - n);
	spot->comment_length = (uint8_t)n;
}

/* ---- what the texts say ---- */

/* Does TEXT begin with WORD (upper case)? */
static bool begins(const char *text, const char *word)
{
	for (; *word != '\0'; text++, word++)
		if (*text != *word && *text != *word + ('a' - 'A'))
			return false;
	return true;
}

bool spot_says_beacon(const struct spot *spot)
{
	size_t length = strlen(spot->dx);

	if (length > 2 && memcmp(spot->dx + length - 2, "/B", 2) == 0)
		return true;
	for (const char *at = spot->comment; *at != '\0'; at++)
		if (begins(at, "NCDXF") || begins(at, "BEACON"))
			return true;
	return false;
}

bool spot_says_self(const struct spot *spot)
{
	char dx[CALL_TEXT_SIZE], de[CALL_TEXT_SIZE];

	call_base(spot->dx, dx);
	call_base(spot->de, de);
	return memcmp(dx, de, CALL_TEXT_SIZE) == 0;
}

/* ---- names ---- */

const char *spot_source_name(unsigned source)
{
	static const char *const names[] = {
		"", "RBN", "RBN-DIGITAL", "PSKREPORTER", "UPSTREAM", "PEER", "LOCAL",
	};

	return source < sizeof(names) / sizeof(names[0]) ? names[source] : "";
}

const char *spot_type_name(unsigned type)
{
	static const char *const names[] = {"", "CQ", "DX", "BEACON", "NCDXF", "TEST"};

	return type < sizeof(names) / sizeof(names[0]) ? names[type] : "";
}
