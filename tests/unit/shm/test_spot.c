/* SPDX-License-Identifier: ISC
 *
 * NAME      test_spot - tests of a spot's layout
 * PURPOSE   what is written is read back; what an enemy wrote is refused; comments are clean
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "shm/band.h"
#include "shm/country.h"
#include "shm/spot.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

static struct spot a_spot(void)
{
	struct spot spot = {
		.version = SPOT_VERSION,
		.source = SPOT_RBN,
		.mode = MODE_CW,
		.band = BAND_20M,
		.flags = SPOT_HAS_REPORT | SPOT_BAD_TIME,
		.type = SPOT_TYPE_CQ,
		.unit = SPOT_UNIT_WPM,
		.report = -13,
		.speed = 22,
		.hz = 14025300,
		.raw_hz = 14025310,
		.time = 1762369020,
		.dx_side = {.adif = 212,
			    .cq = 20,
			    .itu = 28,
			    .continent = CONTINENT_EU,
			    .grid = "KN12"},
		.de_side = {.adif = 291, .cq = 5, .itu = 8, .continent = CONTINENT_NA},
		.dx = "LZ5VV",
		.de = "W3LPL-#",
		.feed = "rbn",
	};

	spot_set_comment(&spot, "22 WPM CQ", 9);
	return spot;
}

static void test_there_and_back(void **state)
{
	struct spot spot = a_spot(), back;

	(void)state;
	assert_int_equal(spot_size(&spot), offsetof(struct spot, comment) + 9);
	assert_true(spot_check(&spot, spot_size(&spot), &back));
	assert_memory_equal(&back, &spot, sizeof(spot));
	assert_string_equal(back.comment, "22 WPM CQ");
	/* what follows the comment in memory is not read */
	spot.comment[9] = 'X';
	assert_true(spot_check(&spot, spot_size(&spot), &back));
	assert_string_equal(back.comment, "22 WPM CQ");
}

static void test_length_is_checked(void **state)
{
	struct spot spot = a_spot(), back;

	(void)state;
	for (size_t length = 0; length <= sizeof(spot); length++)
		assert_int_equal(spot_check(&spot, length, &back), length == spot_size(&spot));
	spot.comment_length = SPOT_COMMENT_MAX + 1;
	assert_false(spot_check(&spot, spot_size(&spot), &back));
	spot.comment_length = 255;
	assert_false(spot_check(&spot, sizeof(spot), &back));
}

/* Each row spoils one field. */
static void spoil(struct spot *spot, unsigned n)
{
	switch (n) {
	case 0:
		spot->version++;
		break;
	case 1:
		spot->source = 0;
		break;
	case 2:
		spot->source = SPOT_LOCAL + 1;
		break;
	case 3:
		spot->mode = MODES;
		break;
	case 4:
		spot->band = BANDS;
		break;
	case 5:
		spot->flags = 128;
		break;
	case 6:
		spot->type = SPOT_TYPE_TEST + 1;
		break;
	case 7:
		spot->unit = SPOT_UNIT_BPS + 1;
		break;
	case 8:
		spot->glyph = '\n';
		break;
	case 9:
		spot->hz = 0;
		break;
	case 10:
		spot->hz = UINT64_MAX;
		break;
	case 11:
		spot->time = -1;
		break;
	case 12:
		spot->time = INT64_MAX;
		break;
	case 13:
		spot->dx_side.continent = CONTINENTS;
		break;
	case 14:
		memset(spot->de_side.grid, 'A', sizeof(spot->de_side.grid));
		break;
	case 15:
		memcpy(spot->de_side.grid, "ZZ99", 4);
		break;
	case 16:
		spot->dx[0] = '\0';
		break;
	case 17:
		memset(spot->dx, 'A', sizeof(spot->dx));
		break;
	case 18:
		spot->dx[sizeof(spot->dx) - 1] = 'A';
		break;
	case 19:
		memcpy(spot->de, "W3\x1b[2J", 6);
		break;
	case 20:
		memcpy(spot->dx_raw, "\r\nDX", 4);
		break;
	case 21:
		memset(spot->feed, 'f', sizeof(spot->feed));
		break;
	case 22:
		memcpy(spot->feed, "a\nb", 4);
		break;
	case 23:
		spot->comment[2] = '\n';
		break;
	case 24:
		spot->comment[2] = '\0';
		break;
	case 25:
		spot->comment[2] = 0x7f;
		break;
	case 26:
		spot->raw_hz = UINT64_MAX;
		break;
	case 27:
		spot->dx_side.derived = 2;
		break;
	case 28:
		spot->dx_raw[5] = 'X';
		break;
	}
}

static void test_an_enemy_wrote_it(void **state)
{
	struct spot spot, back;

	(void)state;
	for (unsigned n = 0; n <= 28; n++) {
		spot = a_spot();
		spoil(&spot, n);
		if (spot_check(&spot, offsetof(struct spot, comment) + 9, &back))
			fail_msg("spoiled in way %u, and taken", n);
		assert_int_equal(back.version, 0);
	}
}

static void check_comment(const char *text, size_t length, const char *wanted)
{
	struct spot spot = a_spot();

	spot_set_comment(&spot, text, length);
	assert_string_equal(spot.comment, wanted);
	assert_int_equal(spot.comment_length, strlen(wanted));
	assert_true(spot_check(&spot, spot_size(&spot), &spot));
}

static void test_comments(void **state)
{
	static const char *const row[][2] = {
		{"", ""},
		{"  up  2 ", "up 2"},
		{"a\tb\r\nc\vd\fe", "a b c d e"},
		{"tnx\a\a", "tnx"},
		{"\r\nDX de FAKE: ...", "DX de FAKE: ..."},
		{"a\x1b[31mred\x1b[0m", "ared"},
		{"a\x1b[31", "a"},
		{"a\x1b[", "a"},
		{"a\x1b", "a"},
		{"a\x1bZb", "aZb"},
		{"a\x1b[3\nb", "a b"},
		{"%0d%0a", "%0d%0a"},
		{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
		{"a\x7f\x01 b", "a b"},
	};

	(void)state;
	for (unsigned i = 0; i < ROWS(row); i++)
		check_comment(row[i][0], strlen(row[i][0]), row[i][1]);
	check_comment("a\0b", 3, "ab");
}

static void test_long_comments(void **state)
{
	char text[1000], wanted[SPOT_COMMENT_MAX + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	memset(wanted, 'x', SPOT_COMMENT_MAX);
	wanted[SPOT_COMMENT_MAX] = '\0';
	check_comment(text, sizeof(text), wanted);
	check_comment(text, SPOT_COMMENT_MAX, wanted);
	/* neither a blank nor half a character is left at the cut */
	text[SPOT_COMMENT_MAX - 1] = ' ';
	wanted[SPOT_COMMENT_MAX - 1] = '\0';
	check_comment(text, sizeof(text), wanted);
	memcpy(text + SPOT_COMMENT_MAX - 1, "\xc3\xbc", 2);
	check_comment(text, sizeof(text), wanted);
	memcpy(text + SPOT_COMMENT_MAX - 2, "\xe2\x82\xac", 3);
	wanted[SPOT_COMMENT_MAX - 2] = '\0';
	check_comment(text, sizeof(text), wanted);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(spot_source_name(SPOT_RBN), "RBN");
	assert_string_equal(spot_source_name(SPOT_RBN_DIGITAL), "RBN-DIGITAL");
	assert_string_equal(spot_source_name(SPOT_PSKREPORTER), "PSKREPORTER");
	assert_string_equal(spot_source_name(SPOT_UPSTREAM), "UPSTREAM");
	assert_string_equal(spot_source_name(SPOT_PEER), "PEER");
	assert_string_equal(spot_source_name(SPOT_LOCAL), "LOCAL");
	assert_string_equal(spot_source_name(77), "");
	assert_string_equal(spot_type_name(SPOT_TYPE_BEACON), "BEACON");
	assert_string_equal(spot_type_name(77), "");
	/* half up, to 100 Hz */
	assert_int_equal(spot_decihertz(14025350), 140254);
	assert_int_equal(spot_decihertz(14025349), 140253);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),	  cmocka_unit_test(test_length_is_checked),
		cmocka_unit_test(test_an_enemy_wrote_it), cmocka_unit_test(test_comments),
		cmocka_unit_test(test_long_comments),	  cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
