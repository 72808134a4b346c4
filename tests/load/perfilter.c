/* SPDX-License-Identifier: ISC
 *
 * NAME      perfilter - what a filter, a question and a line cost
 * PURPOSE   Times the evaluation of users' filters, of SHOW/DX's questions, and the layouts, on spots of
 *           all bands, modes and countries, in loops of their own.
 * OWNER     make bench
 * CONTRACT  prints one JSON object, nanoseconds a spot each; the best of ROUNDS, for whatever disturbs a
 *           loop only makes it longer
 * LIMITS    SPOTS spots, which fit the caches: a filter is read with each, a spot by many filters
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/band.h"
#include "shm/clock.h"
#include "shm/country.h"
#include "workers/dxc/filter_inside.h"
#include "workers/dxc/query.h"
#include "workers/render.h"

#define ROUNDS 20
#define SPOTS  2000
#define TODAY  20414

static struct spot spots[SPOTS];
static size_t sink; /* so that nothing is left out as useless */

static uint32_t next(uint32_t most)
{
	static uint32_t seed = 155;

	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % most;
}

static void make_side(struct spot_side *side)
{
	side->adif = (uint16_t)(1 + next(500));
	side->cq = (uint8_t)(1 + next(40));
	side->itu = (uint8_t)(1 + next(90));
	side->continent = (uint8_t)(1 + next(CONTINENTS - 1));
	if (next(2) == 0)
		snprintf(side->grid, sizeof(side->grid), "%c%c%u", 'A' + (int)next(18),
			 'A' + (int)next(18), 10 + next(90));
}

static void make_spots(void)
{
	static const uint64_t band[] = {1800, 3500, 7000, 10100, 14000, 18068, 21000, 24890, 28000};
	static const uint8_t mode[] = {MODE_CW,	 MODE_CW,  MODE_CW,  MODE_FT8,
				       MODE_FT8, MODE_FT4, MODE_USB, MODE_RTTY};

	for (unsigned i = 0; i < SPOTS; i++) {
		struct spot *spot = &spots[i];

		spot->version = SPOT_VERSION;
		spot->flags = next(4) == 0 ? SPOT_HUMAN : SPOT_HAS_REPORT;
		spot->source = SPOT_RBN;
		spot->mode = mode[next(sizeof(mode))];
		spot->hz = (band[next(9)] + next(99)) * 1000 + next(1000);
		spot->band = (uint8_t)band_of(spot->hz);
		spot->glyph = "?SPV"[next(4)];
		spot->report = (int16_t)next(40);
		spot->time = (int64_t)TODAY * 86400 + next(86400);
		snprintf(spot->dx, sizeof(spot->dx), "%c%c%u%c%c", 'A' + (int)next(26),
			 'A' + (int)next(26), next(10), 'A' + (int)next(26), 'A' + (int)next(26));
		snprintf(spot->de, sizeof(spot->de), "%c%u%c%c-#", 'A' + (int)next(26), next(10),
			 'A' + (int)next(26), 'A' + (int)next(26));
		spot_set_comment(spot, "22 WPM CQ", 9);
		make_side(&spot->dx_side);
		make_side(&spot->de_side);
	}
}

/* ---- what is timed ---- */

static struct filter_program program;
static struct query query;
static unsigned format;

static void work_filter(const struct spot *spot)
{
	sink += filter_passes(&program, spot);
}

static void work_query(const struct spot *spot)
{
	sink += query_match(&query, spot, TODAY);
}

static void work_render(const struct spot *spot)
{
	char line[RENDER_MAX];

	sink += render_spot(format, 1, spot, false, line);
}

static double measure(void (*work)(const struct spot *))
{
	uint64_t best = UINT64_MAX;

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t began = clock_mono(), took;

		for (unsigned i = 0; i < SPOTS; i++)
			work(&spots[i]);
		took = clock_mono() - began;
		best = took < best ? took : best;
	}
	return (double)best / SPOTS;
}

static void time_filter(const char *name, const char *const *words)
{
	struct filter filter;
	char reply[FILTER_REPLY];

	filter_clear(&filter);
	for (; *words != NULL; words++)
		if (!(**words == '-' ? filter_reject_words(&filter, *words + 1, reply)
				     : filter_pass_words(&filter, *words, reply)))
			exit(1);
	filter_compile(&filter, &program);
	printf("\"filter_%s\":%.1f,", name, measure(work_filter));
}

static void time_query(const char *name, const char *arguments)
{
	char why[QUERY_WHY];

	if (!query_parse(arguments, NULL, &query, why))
		exit(1);
	printf("\"sh/dx_%s\":%.1f,", name, measure(work_query));
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

int main(void)
{
	make_spots();
	printf("{");
	time_filter("that_passes_all", (const char *const[]){NULL});
	time_filter("of_a_new_user", WORDS("SOURCE HUMAN", "MODE CW,LSB,USB,RTTY,MSK144"));
	time_filter("of_all_kinds",
		    WORDS("-BAND 60m", "-MODE FT4", "SOURCE SKIMMER,HUMAN", "-CONFIDENCE ?",
			  "-DXCONT AN", "-DECONT AN", "-DXZONE 1", "-DEZONE 1", "-DXDXCC 1",
			  "-DEDXCC 1", "-DXGRID2 AA", "-DEGRID2 AA", "-BEACON"));
	time_filter("with_8_call_patterns", WORDS("DXCALL LZ*,*VV,K1ABC,W1*,DL*,EA?AB,*5*,JA*"));
	time_query("lz5*_on_20m/cw", "lz5* on 20m/cw");
	time_query("info_{FT8|FT4}", "info {FT8|FT4}");
	for (format = 0; format < FORMATS; format++)
		printf("\"line_%s\":%.1f%s", format_name(format), measure(work_render),
		       format + 1 < FORMATS ? "," : "}\n");
	return sink == 12345; /* never */
}
