/* SPDX-License-Identifier: ISC
 *
 * NAME      test_country - tests of the look-up of countries and known calls
 * PURPOSE   the tables of the cluster's specification, with the files that Debian ships; damaged lists are refused
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    needs the package hamradio-files; entities that change with an edition are named below
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shm/line.h"
#include "workers/data/atlas.h"

#define FILES	"/usr/share/hamradio-files/"
#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

static const struct list_source source;
static struct countries *csv, *dat;

static char *read_file(const char *path, size_t *length_r)
{
	FILE *file = fopen(path, "r");
	char *text = malloc(4000000);

	assert_non_null(file);
	assert_non_null(text);
	*length_r = fread(text, 1, 4000000, file);
	fclose(file);
	return text;
}

static struct countries *countries_of(const char *text, size_t length)
{
	struct countries *countries;
	struct atlas atlas;
	struct cty cty;
	int fd;

	assert_true(atlas_init(&atlas));
	cty_begin(&cty, text, length);
	for (;;) {
		enum cty_news news = cty_next(&cty);

		if (news == CTY_END)
			break;
		if (news == CTY_BAD || news == CTY_REFUSED)
			fail_msg("line %u %s", cty.line, cty.why);
		assert_true(atlas_take(&atlas, &cty, news));
	}
	fd = atlas_compile(&atlas, &source, NULL);
	countries = countries_map(fd);
	assert_non_null(countries);
	close(fd);
	atlas_free(&atlas);
	return countries;
}

static struct countries *of_file(const char *path)
{
	struct countries *countries;
	size_t length;
	char *text = read_file(path, &length);

	countries = countries_of(text, length);
	free(text);
	return countries;
}

static int setup(void **state)
{
	(void)state;
	csv = of_file(FILES "cty.csv");
	dat = of_file(FILES "cty.dat");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	countries_unmap(&csv);
	countries_unmap(&dat);
	return 0;
}

struct wanted {
	const char *call, *name; /* NULL: none */
	const char *continent;
	unsigned cq, itu, adif;
	enum country_how how;
};

#define USA "United States of America"

/* An edition may move the zones of single calls, and give exact calls a life and an end: SV2ASP/A,
 * JW/LB2PG, 4U1VIC, 3D2AG/P, VP8STI, RI1ANC, R9FT are such. All others are prefixes. */
static const struct wanted table[] = {
	{"W1AW", USA, "NA", 5, 8, 291, COUNTRY_PREFIX},
	{"W3LPL-#", USA, "NA", 5, 8, 291, COUNTRY_PREFIX},
	{"N2WQ-1-#", USA, "NA", 5, 8, 291, COUNTRY_PREFIX},
	{"KH6/W1AW", "Hawaii", "OC", 31, 61, 110, COUNTRY_DESIGNATOR},
	{"W1AW/KH6", "Hawaii", "OC", 31, 61, 110, COUNTRY_DESIGNATOR},
	{"W1AW/4", USA, "NA", 5, 8, 291, COUNTRY_DIGIT},
	{"W6XYZ/4", USA, "NA", 5, 8, 291, COUNTRY_DIGIT},
	{"W1AW/VE3", "Canada", "NA", 4, 4, 1, COUNTRY_DESIGNATOR},
	{"VE2/DL1ABC", "Canada", "NA", 5, 4, 1, COUNTRY_DESIGNATOR},
	{"VP2V/K1ABC", "British Virgin Islands", "NA", 8, 11, 65, COUNTRY_DESIGNATOR},
	{"CE0Y/K1ABC", "Easter Island", "SA", 12, 63, 47, COUNTRY_DESIGNATOR},
	{"VK9/OH1ABC", "Norfolk Island", "OC", 32, 60, 189, COUNTRY_DESIGNATOR},
	{"VK9X/G4ABC", "Christmas Island", "OC", 29, 54, 35, COUNTRY_DESIGNATOR},
	{"HK0/K1ABC", "San Andres & Providencia", "NA", 7, 11, 216, COUNTRY_DESIGNATOR},
	{"ZL7/K1ABC", "Chatham Islands", "OC", 32, 60, 34, COUNTRY_DESIGNATOR},
	{"5B4/DL1ABC", "Cyprus", "AS", 20, 39, 215, COUNTRY_DESIGNATOR},
	{"F/DL1ABC/P", "France", "EU", 14, 27, 227, COUNTRY_DESIGNATOR},
	{"DL1ABC/F", "France", "EU", 14, 27, 227, COUNTRY_DESIGNATOR},
	{"EA8/DL1ABC/P", "Canary Islands", "AF", 33, 36, 29, COUNTRY_DESIGNATOR},
	{"EA1ABC/8", "Canary Islands", "AF", 33, 36, 29, COUNTRY_DIGIT},
	{"UA3ABC/9", "Asiatic Russia", "AS", 17, 30, 15, COUNTRY_DIGIT},
	{"UA9XYZ/3", "European Russia", "EU", 16, 29, 54, COUNTRY_DIGIT},
	{"R9FT", "European Russia", "EU", 17, 30, 54, COUNTRY_PREFIX},
	{"RA2FB", "Kaliningrad", "EU", 15, 29, 126, COUNTRY_PREFIX},
	{"UA2F/DL1ABC", "Kaliningrad", "EU", 15, 29, 126, COUNTRY_DESIGNATOR},
	{"IT9ABC", "Sicily", "EU", 15, 28, 248, COUNTRY_PREFIX},
	{"I/IT9ABC", "Italy", "EU", 15, 28, 248, COUNTRY_DESIGNATOR},
	{"IS0/DL1ABC", "Sardinia", "EU", 15, 28, 225, COUNTRY_DESIGNATOR},
	{"OH0/SM0ABC", "Aland Islands", "EU", 15, 18, 5, COUNTRY_DESIGNATOR},
	{"HB0/HB9ABC", "Liechtenstein", "EU", 14, 28, 251, COUNTRY_DESIGNATOR},
	{"9A/S57ABC/P", "Croatia", "EU", 15, 28, 497, COUNTRY_DESIGNATOR},
	{"S57ABC/9A", "Croatia", "EU", 15, 28, 497, COUNTRY_DESIGNATOR},
	{"SV5/DL1ABC", "Dodecanese", "EU", 20, 28, 45, COUNTRY_DESIGNATOR},
	{"SV2ASP/A", "Mount Athos", "EU", 20, 28, 180, COUNTRY_EXACT},
	{"SV1ABC/A", "Greece", "EU", 20, 28, 236, COUNTRY_PREFIX},
	{"JW/LB2PG", "Bear Island", "EU", 40, 18, 259, COUNTRY_EXACT},
	{"KG4AA", "Guantanamo Bay", "NA", 8, 11, 105, COUNTRY_PREFIX},
	{"KG4ABC", USA, "NA", 5, 8, 291, COUNTRY_KG4},
	{"KG4A", USA, "NA", 5, 8, 291, COUNTRY_KG4},
	{"4U1UN", "United Nations HQ", "NA", 5, 8, 289, COUNTRY_EXACT},
	{"4U1VIC", "Austria", "EU", 15, 28, 206, COUNTRY_EXACT},
	{"GM3ABC", "Scotland", "EU", 14, 27, 279, COUNTRY_PREFIX},
	{"MM0ABC", "Scotland", "EU", 14, 27, 279, COUNTRY_PREFIX},
	{"GM3ABC/MM", NULL, "", 0, 0, 0, COUNTRY_MOBILE},
	{"W1AW/AM", NULL, "", 0, 0, 0, COUNTRY_MOBILE},
	{"W1AW/QRP", USA, "NA", 5, 8, 291, COUNTRY_PREFIX},
	{"DL1ABC/LGT", "Fed. Rep. of Germany", "EU", 14, 28, 230, COUNTRY_PREFIX},
	{"G4ABC/BEACON", "England", "EU", 14, 27, 223, COUNTRY_PREFIX},
	{"3D2AG/P", "Rotuma Island", "OC", 32, 56, 460, COUNTRY_EXACT},
	{"3D2AB", "Fiji", "OC", 32, 56, 176, COUNTRY_PREFIX},
	{"VP8STI", "South Sandwich Islands", "SA", 13, 73, 240, COUNTRY_EXACT},
	{"RI1ANC", "Antarctica", "SA", 29, 70, 13, COUNTRY_EXACT},
	{"P5RS7", "DPR of Korea", "AS", 25, 44, 344, COUNTRY_PREFIX},
	{"1S1AA", NULL, "", 0, 0, 0, COUNTRY_MISS},
	{"Q1ABC", NULL, "", 0, 0, 0, COUNTRY_MISS},
	{"N5J", USA, "NA", 4, 7, 291, COUNTRY_PREFIX},
	{"E51DWC", "South Cook Islands", "OC", 32, 63, 234, COUNTRY_PREFIX},
	/* and what the rules say of others */
	{"w1aw.p", USA, "NA", 5, 8, 291, COUNTRY_PREFIX},
	{"W1AW/73", USA, "NA", 5, 8, 291, COUNTRY_PREFIX},
	{"W1AW/P/QRP/73/M", USA, "NA", 5, 8, 291, COUNTRY_PREFIX},
	{"W1AW/4/P", USA, "NA", 5, 8, 291, COUNTRY_DIGIT},
	{"KH6/W1AW/4", "Hawaii", "OC", 31, 61, 110, COUNTRY_DESIGNATOR},
	{"MM/DL1ABC", "Scotland", "EU", 14, 27, 279, COUNTRY_DESIGNATOR},
	{"KG4/W1AW", "Guantanamo Bay", "NA", 8, 11, 105, COUNTRY_DESIGNATOR},
	{"KG4", "Guantanamo Bay", "NA", 8, 11, 105, COUNTRY_PREFIX},
	{"4U1UN-2", "United Nations HQ", "NA", 5, 8, 289, COUNTRY_EXACT},
	{"4U1UN/P", "United Nations HQ", "NA", 5, 8, 289, COUNTRY_EXACT},
	{"//4U1UN//", "United Nations HQ", "NA", 5, 8, 289, COUNTRY_EXACT},
	{"/W1AW", USA, "NA", 5, 8, 291, COUNTRY_PREFIX},
	{"", NULL, "", 0, 0, 0, COUNTRY_MISS},
	{"/", NULL, "", 0, 0, 0, COUNTRY_MISS},
	{"-#", NULL, "", 0, 0, 0, COUNTRY_MISS},
	{"-5", NULL, "", 0, 0, 0, COUNTRY_MISS},
	{"MM", "Scotland", "EU", 14, 27, 279, COUNTRY_PREFIX},
	{"W1AW/ABCDEFGHIJK", NULL, "", 0, 0, 0, COUNTRY_MISS}, /* too long for a call */
	{"W\xc3\xbc"
	 "AW",
	 USA, "NA", 5, 8, 291, COUNTRY_PREFIX},
};

/* cty.csv has another name for three of them. */
static const char *name_in(const struct countries *countries, const char *name)
{
	if (name == NULL)
		return "";
	return countries == csv && strcmp(name, USA) == 0 ? "United States" : name;
}

static void check(const struct countries *countries, const struct wanted *wanted)
{
	struct country got;
	bool found = country_of(countries, wanted->call, &got);

	if (found != (wanted->name != NULL) ||
	    strcmp(got.name, name_in(countries, wanted->name)) != 0 ||
	    strcmp(continent_name(got.continent), wanted->continent) != 0 || got.cq != wanted->cq ||
	    got.itu != wanted->itu || got.adif != wanted->adif || got.how != wanted->how)
		fail_msg("%s: %s %s %u %u %u, how %u", wanted->call, got.name,
			 continent_name(got.continent), got.cq, got.itu, got.adif, got.how);
}

static void test_the_table(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROWS(table); i++) {
		check(csv, &table[i]);
		check(dat, &table[i]); /* the same, with our own numbers */
	}
}

static void test_counts_and_version(void **state)
{
	struct countries_counts counts = countries_count(csv);

	(void)state;
	/* the edition of May 2023 */
	assert_int_equal(counts.entities, 346);
	assert_int_equal(counts.prefixes, 7738);
	assert_string_equal(countries_version(csv), "20230502");
	assert_int_equal(countries_count(dat).entities, 346);
	assert_int_equal(countries_count(dat).prefixes, 7738);
	/* two marks are no calls */
	assert_int_equal(countries_count(dat).calls, 19651 - 2);
	assert_true(counts.calls > 18000);
	assert_string_equal(countries_version(dat), "20230502");
	assert_null(atlas_objection(csv));
	assert_null(atlas_objection(dat));
	assert_non_null(atlas_objection(NULL));
	assert_int_equal(countries_count(NULL).entities, 0);
	assert_string_equal(countries_version(NULL), "");
}

static void test_place_and_prefix(void **state)
{
	struct country country;

	(void)state;
	/* the files count west as positive */
	assert_true(country_of(csv, "4U1UN", &country));
	assert_string_equal(country.prefix, "4U1U");
	assert_int_equal(country.latitude, 40750000);
	assert_int_equal(country.longitude, -73970000);
	assert_true(country_of(csv, "IT9ABC", &country));
	assert_string_equal(country.prefix, "IT9");
	assert_int_equal(country.longitude, 14000000);
	assert_false(country_of(NULL, "W1AW", &country));
	assert_int_equal(country.adif, 0);
	assert_string_equal(country.name, "");
}

/* Both files are of one author: where both name a call they mean the same number. */
static void test_files_agree(void **state)
{
	const uint32_t calls = dat->calls.entries;
	struct country a, b;
	unsigned both = 0;

	(void)state;
	for (uint32_t i = 0; i < calls; i++) {
		const struct country_call *call =
			list_entry(&dat->head, &dat->calls, sizeof(*call), i);

		assert_true(country_of(dat, call->call, &a));
		assert_true(a.adif != 0 && a.how == COUNTRY_EXACT);
		if (!country_of(csv, call->call, &b) || b.how != COUNTRY_EXACT)
			continue;
		both++;
		if (a.adif != b.adif)
			fail_msg("%s: %s and %s", call->call, a.name, b.name);
	}
	assert_true(both > 15000);
}

/* The numbers inside the program are those of the file. */
static void test_adif(void **state)
{
	const struct country_entity *entity =
		(const void *)((const uint8_t *)csv + csv->entities_at);

	(void)state;
	for (uint32_t i = 0; i < csv->entities; i++) {
		assert_int_equal(adif_by_prefix(entity[i].prefix), entity[i].adif);
		assert_int_equal(adif_by_name(entity[i].name), entity[i].adif);
		if (!entity[i].starred) {
			assert_string_equal(adif_name(entity[i].adif), entity[i].name);
			assert_string_equal(adif_prefix(entity[i].adif), entity[i].prefix);
		}
	}
	assert_string_equal(adif_name(291), "United States");
	assert_int_equal(adif_by_name(USA), 291);
	assert_string_equal(adif_name(248), "Italy");
	assert_string_equal(adif_prefix(248), "I");
	assert_int_equal(adif_by_prefix("it9"), 248);
	assert_int_equal(adif_by_prefix("3D2/C"), 489);
	assert_int_equal(adif_by_name("SHETLAND ISLANDS"), 279);
	assert_int_equal(adif_by_prefix(""), 0);
	assert_int_equal(adif_by_name("Atlantis"), 0);
	assert_string_equal(adif_name(0), "");
	assert_string_equal(adif_name(9999), "");
	assert_string_equal(adif_prefix(2), "");
}

static void test_continents(void **state)
{
	(void)state;
	for (unsigned i = 1; i < CONTINENTS; i++)
		assert_int_equal(continent_parse(continent_name(i), 2), i);
	assert_int_equal(continent_parse("eu", 2), CONTINENT_EU);
	assert_int_equal(continent_parse("EUR", 3), CONTINENT_NONE);
	assert_int_equal(continent_parse("XX", 2), CONTINENT_NONE);
	assert_int_equal(continent_parse("", 0), CONTINENT_NONE);
	assert_string_equal(continent_name(99), "");
}

/* ---- damaged lists ---- */

static bool is_taken(const void *data, size_t size)
{
	int fd = list_seal(LIST_COUNTRIES, data, size);
	struct countries *countries = countries_map(fd);
	bool taken = countries != NULL;

	countries_unmap(&countries);
	close(fd);
	return taken;
}

static void spoil(struct countries *list, unsigned n)
{
	struct country_rule *rule = (void *)((uint8_t *)list + list->rules_at);
	struct country_node *node = (void *)((uint8_t *)list + list->nodes_at);
	struct country_entity *entity = (void *)((uint8_t *)list + list->entities_at);
	struct country_call *call = (void *)((uint8_t *)list + list->calls.entries_at);

	switch (n) {
	case 0:
		rule[7].entity = (uint16_t)list->entities;
		break;
	case 1:
		rule[7].continent = CONTINENTS;
		break;
	case 2:
		node[3].edge[4].node = (uint16_t)list->nodes;
		break;
	case 3:
		node[3].edge[4].rule = (uint16_t)(list->rules + 1);
		break;
	case 4:
		memset(entity[5].name, 'A', sizeof(entity[5].name));
		break;
	case 5:
		memset(entity[5].prefix, 'A', sizeof(entity[5].prefix));
		break;
	case 6:
		call[9].rule = (uint16_t)list->rules;
		break;
	case 7:
		memset(call[9].call, 'A', sizeof(call[9].call));
		break;
	case 8:
		memset(list->version, '1', sizeof(list->version));
		break;
	case 9:
		list->entities = UINT32_MAX;
		break;
	case 10:
		list->rules_at = list->head.size - 8;
		break;
	case 11:
		list->nodes_at = UINT64_MAX - 7;
		break;
	case 12:
		list->nodes = 0;
		break;
	case 13:
		list->calls.slots = 3;
		break;
	case 14:
		list->rules = 0;
		break;
	case 15:
		list->head.version++;
		break;
	}
}

static void test_damaged_lists(void **state)
{
	size_t size = csv->head.size;
	struct countries *copy = malloc(size);

	(void)state;
	assert_non_null(copy);
	memcpy(copy, csv, size);
	assert_true(is_taken(copy, size));
	for (unsigned n = 0; n <= 15; n++) {
		memcpy(copy, csv, size);
		spoil(copy, n);
		if (is_taken(copy, size))
			fail_msg("damaged in way %u, and taken", n);
	}
	for (size_t cut = 1; cut < size; cut += 100003) {
		memcpy(copy, csv, size);
		copy->head.size = size - cut;
		assert_false(is_taken(copy, size - cut));
	}
	free(copy);
}

/* A tree that leads in a circle ends with the call. */
static void test_circle(void **state)
{
	size_t size = csv->head.size;
	struct countries *copy = malloc(size), *circle;
	struct country_node *node;
	struct country country;
	int fd;

	(void)state;
	assert_non_null(copy);
	memcpy(copy, csv, size);
	node = (void *)((uint8_t *)copy + copy->nodes_at);
	for (unsigned sign = 0; sign < COUNTRY_SIGNS; sign++)
		node[0].edge[sign].node = node[1].edge[sign].node = 1;
	fd = list_seal(LIST_COUNTRIES, copy, size);
	circle = countries_map(fd);
	assert_non_null(circle);
	country_of(circle, "WWWWWWWWWWWWWW1", &country);
	countries_unmap(&circle);
	close(fd);
	free(copy);
}

/* ---- known calls ---- */

static struct known *known_of(const char *path)
{
	struct known *known;
	struct lines lines;
	struct rows rows;
	const char *line;
	size_t length;
	char *text = read_file(path, &length);
	int fd;

	assert_true(rows_init(&rows, CALL_TEXT_SIZE, CALL_TEXT_SIZE));
	lines_begin(&lines, text, length);
	while (lines_next(&lines, &line, &length)) {
		char call[CALL_TEXT_SIZE];

		if (call_normalise(line, length, call) && call_valid(call))
			rows_put(&rows, call, NULL);
	}
	fd = compile_known(&rows, &source, NULL);
	known = known_map(fd);
	assert_non_null(known);
	close(fd);
	rows_free(&rows);
	free(text);
	return known;
}

static void test_known(void **state)
{
	struct known *known = known_of(FILES "MASTER.SCP");

	(void)state;
	assert_true(known_count(known) > 80000);
	assert_true(known_has(known, "W1AW"));
	assert_false(known_has(known, "N0CALL"));
	assert_true(known_has(known, "W1AW/P"));
	assert_true(known_has(known, "W3LPL-#"));
	assert_true(known_has(known, "KH6/W1AW"));
	assert_false(known_has(known, ""));
	assert_false(known_has(known, "W1AWWWWWWWWWWWWWWWWWW"));
	assert_false(known_has(NULL, "W1AW"));
	assert_int_equal(known_count(NULL), 0);
	known_unmap(&known);
	assert_null(known);
}

static void test_damaged_known(void **state)
{
	struct rows rows;
	struct known *known, *copy;
	int fd;

	(void)state;
	assert_true(rows_init(&rows, CALL_TEXT_SIZE, CALL_TEXT_SIZE));
	rows_put(&rows, "W1AW\0\0\0\0\0\0\0\0\0\0\0", NULL);
	fd = compile_known(&rows, &source, NULL);
	known = known_map(fd);
	assert_non_null(known);
	close(fd);
	copy = malloc(known->head.size);
	assert_non_null(copy);
	memcpy(copy, known, known->head.size);
	memset((uint8_t *)copy + copy->table.entries_at, 'A', CALL_TEXT_SIZE);
	fd = list_seal(LIST_KNOWN, copy, copy->head.size);
	assert_null(known_map(fd));
	close(fd);
	free(copy);
	known_unmap(&known);
	rows_free(&rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_table),
		cmocka_unit_test(test_files_agree),
		cmocka_unit_test(test_counts_and_version),
		cmocka_unit_test(test_place_and_prefix),
		cmocka_unit_test(test_adif),
		cmocka_unit_test(test_continents),
		cmocka_unit_test(test_damaged_lists),
		cmocka_unit_test(test_circle),
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_damaged_known),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
