/* SPDX-License-Identifier: ISC
 *
 * NAME      perframe - what the pieces of a frame's handling cost
 * PURPOSE   times the codecs, the prefix and the gathering of radio data in loops of their own, on
 *           frames without an error and with one wrong bit in a hundred
 * OWNER     make bench
 * CONTRACT  prints one JSON object, nanoseconds each; the best of ROUNDS, for whatever disturbs a loop
 *           only makes it longer
 * LIMITS    everything is in the caches: the daemon's own difference is the figure that counts
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "workers/ysf/dch.h"
#include "workers/ysf/meta.h"
#include "workers/ysf/prefix.h"
#include "workers/ysf/tables.h"

#define ROUNDS	 20
#define CALLS	 2000
#define VARIANTS 16 /* damaged copies of a frame */
#define FRAMES	 8  /* of a superframe: FN 0 to 7 */

static uint8_t frame[VARIANTS][FRAMES + 1][YSF_FRAME_BYTES]; /* the last one is a header */
static struct fich fich[FRAMES + 1];
static uint32_t sink; /* so that nothing is left out as useless */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void damage(uint8_t *bytes, unsigned percent)
{
	static uint32_t seed = 155;

	for (unsigned bit = YSF_FICH_AT * 8; bit < YSF_FRAME_BYTES * 8; bit++) {
		seed = seed * 1664525u + 1013904223u;
		if ((seed >> 12) % 100 < percent)
			bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
	}
}

static void make_frames(unsigned percent)
{
	static const char *const text[FRAMES] = {"ALL       ", "IU5JAE    ", "IQ5AA     ",
						 "IQ5AA     ", "12345ABCDE", "54321FAHuL"};
	static const uint8_t position[20] = {0x52, 0x22, 0x62, 0x5f, 0x30, 0x34, 0x33,
					     0x34, 0x56, 0x37, 0x33, 0x27, 0x2a, 0x23,
					     0x20, 0x1c, 0x20, 0x20, 0x03, 0xb3};
	const struct csd csd = {.dest = "90123FAHuL", .source = "IU5JAE", .downlink = "IQ5AA",
				.uplink = "IQ5AA"};

	memset(frame, ' ', sizeof(frame));
	for (unsigned v = 0; v < VARIANTS; v++)
		for (unsigned n = 0; n <= FRAMES; n++) {
			uint8_t *to = frame[v][n];

			fich[n] = (struct fich){.fi = n < FRAMES, .fn = n & 7, .ft = 7, .dt = 2};
			memcpy(to + YSF_SOURCE_AT, "IU5JAE", 6);
			fich_encode(&fich[n], to + YSF_FICH_AT);
			if (n == FRAMES)
				csd_encode(to + YSF_PAYLOAD_AT, &csd);
			else
				dch_write(to + YSF_PAYLOAD_AT,
					  n < 6 ? (const uint8_t *)text[n] : position + 10 * (n - 6));
			damage(to, percent);
		}
}

/* ---- what is timed ---- */

static void work_fich(const uint8_t *bytes, unsigned n)
{
	struct fich got;

	(void)n;
	sink += fich_decode(bytes + YSF_FICH_AT, &got);
}

static void work_csd(const uint8_t *bytes, unsigned n)
{
	struct csd got;

	(void)n;
	sink += csd_decode(bytes + YSF_PAYLOAD_AT, &got);
}

static void work_prefix(const uint8_t *bytes, unsigned n)
{
	uint8_t out[YSF_FRAME_BYTES];

	sink += prefix_frame(bytes, &fich[n], 22, out);
}

static struct meta meta;

static void work_meta(const uint8_t *bytes, unsigned n)
{
	sink += meta_gather(&meta, bytes + YSF_PAYLOAD_AT, &fich[n]);
}

static void work_both(const uint8_t *bytes, unsigned n)
{
	work_prefix(bytes, n);
	work_meta(bytes, n);
}

/* Nanoseconds of one call, over frames FIRST to LAST in turn. */
static double measure(void (*work)(const uint8_t *, unsigned), unsigned first, unsigned last)
{
	uint64_t best = UINT64_MAX;

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t began = now_ns();

		for (unsigned i = 0; i < CALLS; i++)
			for (unsigned n = first; n <= last; n++)
				work(frame[i % VARIANTS][n], n);
		uint64_t took = now_ns() - began;
		best = took < best ? took : best;
	}
	return (double)best / (CALLS * (last - first + 1));
}

int main(void)
{
	ysf_tables_init();
	printf("{");
	for (unsigned percent = 0; percent < 2; percent++) {
		const char *with = percent ? "_1%_errors" : "";

		make_frames(percent);
		meta_begin(&meta);
		printf("\"FICH%s\":%.1f,", with, measure(work_fich, 0, FRAMES));
		printf("\"both_CSD_of_a_header%s\":%.1f,", with, measure(work_csd, FRAMES, FRAMES));
		printf("\"header_rewritten%s\":%.1f,", with, measure(work_prefix, FRAMES, FRAMES));
		printf("\"FN_1_rewritten%s\":%.1f,", with, measure(work_prefix, 1, 1));
		printf("\"FN_4_to_7_read%s\":%.1f,", with, measure(work_meta, 4, 7));
		printf("\"prefix_and_radio_data,_a_frame%s\":%.1f%s", with,
		       measure(work_both, 0, 7), percent ? "}\n" : ",");
	}
	return sink == 12345; /* never */
}
