/* SPDX-License-Identifier: ISC
 *
 * NAME      percall - what it costs to ask for the country of a call, and whether it is known
 * PURPOSE   times the look-ups on calls of the published list, in an order that no cache foresees,
 *           and on portable ones, whose place is named in some other way
 * OWNER     make bench
 * CONTRACT  prints one JSON object, nanoseconds of the processor each; the best of ROUNDS, for whatever
 *           disturbs a loop only makes it longer
 * LIMITS    needs hamradio-files
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shm/line.h"
#include "workers/data/atlas.h"

#define FILES	   "/usr/share/hamradio-files/"
#define ROUNDS	   100
#define CALLS	   20000
#define FILE_BYTES 4000000

static const struct list_source source;
static char plain[CALLS][CALL_TEXT_SIZE], portable[CALLS][CALL_TEXT_SIZE];
static uint32_t sink; /* so that nothing is left out as useless */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static char *read_file(const char *path, size_t *length_r)
{
	FILE *file = fopen(path, "r");
	char *text = malloc(FILE_BYTES);

	if (file == NULL || text == NULL) {
		fprintf(stderr, "percall: %s can't be read: is hamradio-files installed?\n", path);
		exit(1);
	}
	*length_r = fread(text, 1, FILE_BYTES, file);
	fclose(file);
	return text;
}

static struct countries *read_countries(void)
{
	struct countries *countries;
	enum cty_news news;
	struct atlas atlas;
	struct cty cty;
	size_t length;
	char *text = read_file(FILES "cty.csv", &length);

	atlas_init(&atlas);
	cty_begin(&cty, text, length);
	while ((news = cty_next(&cty)) != CTY_END && news != CTY_REFUSED)
		atlas_take(&atlas, &cty, news);
	int fd = atlas_compile(&atlas, &source, NULL);
	countries = countries_map(fd);
	close(fd);
	atlas_free(&atlas);
	free(text);
	return countries;
}

static struct known *read_known(struct rows *calls)
{
	char call[CALL_TEXT_SIZE];
	struct lines lines;
	const char *line;
	size_t length;
	char *text = read_file(FILES "MASTER.SCP", &length);

	rows_init(calls, CALL_TEXT_SIZE, CALL_TEXT_SIZE);
	lines_begin(&lines, text, length);
	while (lines_next(&lines, &line, &length))
		if (call_normalise(line, length, call) && call_valid(call))
			rows_put(calls, call, NULL);
	free(text);
	int fd = compile_known(calls, &source, NULL);
	struct known *known = known_map(fd);

	close(fd);
	return known;
}

static void choose_calls(const struct rows *calls)
{
	static const char *const places[] = {"KH6/%s", "%s/P", "%s/4", "%s/VE3", "EA8/%s"};
	uint32_t seed = 155;

	for (unsigned i = 0; i < CALLS; i++) {
		char text[64];

		seed = seed * 1664525u + 1013904223u;
		memcpy(plain[i], rows_at(calls, (seed >> 8) % calls->count), CALL_TEXT_SIZE);
		snprintf(text, sizeof(text), places[i % 5], plain[i]);
		call_normalise(text, strlen(text), portable[i]);
	}
}

static double measure_countries(const struct countries *countries, char (*call)[CALL_TEXT_SIZE])
{
	uint64_t best = UINT64_MAX;

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t began = now_ns(), took;
		struct country country;

		for (unsigned i = 0; i < CALLS; i++)
			sink += country_of(countries, call[i], &country);
		took = now_ns() - began;
		best = took < best ? took : best;
	}
	return (double)best / CALLS;
}

static double measure_known(const struct known *known)
{
	uint64_t best = UINT64_MAX;

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t began = now_ns(), took;

		for (unsigned i = 0; i < CALLS; i++)
			sink += known_has(known, plain[i]);
		took = now_ns() - began;
		best = took < best ? took : best;
	}
	return (double)best / CALLS;
}

int main(void)
{
	struct countries *countries = read_countries();
	struct rows calls;
	struct known *known = read_known(&calls);

	if (countries == NULL || known == NULL)
		return 1;
	choose_calls(&calls);
	printf("{\"plain\":%.1f,\"portable\":%.1f,\"known\":%.1f}\n",
	       measure_countries(countries, plain), measure_countries(countries, portable),
	       measure_known(known));
	rows_free(&calls);
	countries_unmap(&countries);
	known_unmap(&known);
	return sink == 12345; /* never */
}
