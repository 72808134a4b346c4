/* SPDX-License-Identifier: ISC
 *
 * NAME      perspot - what a spot costs from its line to the log
 * PURPOSE   Runs what feed and spot do with a report, in one process on one processor: parse, countries,
 *           ring, stages, append; of lines as the Reverse Beacon Network sends them, and of PSKReporter's
 *           objects; with logs of 1,000 to 300,000 spots, all of them full, so that each new spot makes
 *           the oldest one go.
 * OWNER     make bench
 * CONTRACT  prints one JSON object: spots a second, of each step the nanoseconds a spot, and how long a
 *           successor reads the log. Texts are made before the clock runs; their calls are of
 *           /usr/share/hamradio-files. Spots arrive 2,500 a second by the clock of the pipeline: its
 *           window is as full as on the busiest day.
 * LIMITS    waiting for a socket is not in it, nor is what many processes do to each other's caches
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/country.h"
#include "shm/gate.h"
#include "shm/store/spots.h"
#include "workers/data/atlas.h"
#include "workers/feed/locate.h"
#include "workers/feed/pskr.h"
#include "workers/feed/spotline.h"
#include "workers/spot/funnel.h"
#include "workers/spot/replay.h"

#define FOLDER	 "/usr/share/hamradio-files/"
#define TEXTS	 400000
#define TEXT_MAX 192
#define CALLS	 20000
#define SKIMMERS 300
#define ROUND	 1000 /* spots between two transactions */
#define NOON	 INT64_C(1763812800)
#define GAP	 (NS_PER_SEC / 2500)

struct text {
	char bytes[TEXT_MAX];
	uint16_t length;
};

enum step { STEP_PARSE, STEP_COUNTRY, STEP_RING, STEP_STAGES, STEP_APPEND, STEPS };

static const char *const step_names[STEPS] = {"parse", "country", "ring", "stages", "append"};

static char calls[CALLS][CALL_TEXT_SIZE];
static struct text *texts;
static struct countries *countries;
static uint32_t seed = 155;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "perspot: %s\n", what);
	exit(1);
}

/* The processor's time is what counts: others may use it meanwhile. */
static uint64_t cpu_now(void)
{
	return clock_read(CLOCK_THREAD_CPUTIME_ID);
}

static uint32_t chance(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)seed * below) >> 32);
}

/* ---- reference data ---- */

static char *read_file(const char *path, size_t *length_r)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *data;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	data = malloc((size_t)st.st_size + 1);
	if (data == NULL || read(fd, data, (size_t)st.st_size) != (ssize_t)st.st_size)
		fail("a file can't be read");
	data[st.st_size] = '\0';
	close(fd);
	*length_r = (size_t)st.st_size;
	return data;
}

static void load_countries(void)
{
	static const struct list_source source = {0};
	struct atlas atlas;
	enum cty_news news;
	struct cty cty;
	size_t length;
	char *data = read_file(FOLDER "cty.csv", &length);
	int fd;

	if (data == NULL || !atlas_init(&atlas))
		fail("no country file: install hamradio-files");
	cty_begin(&cty, data, length);
	while ((news = cty_next(&cty)) != CTY_END)
		if (!atlas_take(&atlas, &cty, news))
			fail("no memory");
	fd = atlas_compile(&atlas, &source, NULL);
	countries = fd >= 0 ? countries_map(fd) : NULL;
	if (countries == NULL)
		fail("the country file can't be compiled");
	close(fd);
	atlas_free(&atlas);
	free(data);
}

/* Calls from all over the file of known ones, as far as they have a country. */
static void load_calls(void)
{
	size_t length, lines = 0, n = 0;
	char *data = read_file(FOLDER "MASTER.SCP", &length), *next = data, *line;
	struct country country;

	if (data == NULL)
		fail("no known calls: install hamradio-files");
	for (size_t i = 0; i < length; i++)
		lines += data[i] == '\n';
	for (size_t i = 0; n < CALLS && (line = strsep(&next, "\r\n")) != NULL;) {
		if (!call_valid(line) || strlen(line) > 10 ||
		    !country_of(countries, line, &country))
			continue;
		if (i++ * CALLS / lines >= n)
			memcpy(calls[n++], line, strlen(line));
	}
	for (size_t i = 0; n < CALLS && n > 0; i++)
		memcpy(calls[n++], calls[i], CALL_TEXT_SIZE);
	free(data);
}

/* ---- what is sent ---- */

/* A station stays where it calls; those who hear it differ a little. */
static void where(const char *dx, unsigned *band_r, unsigned *offset_r)
{
	unsigned place = 0;

	for (; *dx != '\0'; dx++)
		place = place * 31 + (unsigned char)*dx;
	*band_r = place % 5;
	*offset_r = place / 5 % 600 + chance(2);
}

static const unsigned bands[] = {3500, 7000, 14000, 21000, 28000};

static int write_line(char *to, const char *de, const char *dx)
{
	static const char *const types[] = {"CQ    ", "CQ    ", "CQ    ", "DX    ", "BEACON"};
	unsigned band, offset;
	double khz;

	where(dx, &band, &offset);
	khz = bands[band] + 5 + offset / 10.0;
	if (chance(5) == 0)
		return snprintf(
			to, TEXT_MAX,
			"DX de %-3s-#:%*.1f  %-14s FT8   %+3d dB                CQ      1200Z", de,
			(int)(14 - strlen(de)), khz, dx, (int)chance(40) - 24);
	return snprintf(to, TEXT_MAX, "DX de %s-#:%*.1f  %-14s CW    %2u dB  %2u WPM  %s  1200Z",
			de, (int)(14 - strlen(de)), khz, dx, chance(40), 14 + chance(30),
			types[chance(5)]);
}

static int write_object(char *to, const char *de, const char *dx)
{
	static const char *const modes[] = {"FT8", "FT8", "FT8", "FT8", "FT4", "CW"};
	static const char *const names[] = {"80m", "40m", "20m", "15m", "10m"};
	unsigned band, offset;

	where(dx, &band, &offset);
	return snprintf(
		to, TEXT_MAX,
		"{\"sq\":%llu,\"f\":%u,\"md\":\"%s\",\"rp\":%d,\"t\":%lld,\"sc\":\"%s\","
		"\"sl\":\"EM33qf%02u\",\"rc\":\"%s\",\"rl\":\"JO%02uQH\",\"sa\":%u,\"ra\":%u,"
		"\"b\":\"%s\"}",
		62145576640ULL + seed, (bands[band] + 70) * 1000 + offset * 5, modes[chance(6)],
		(int)chance(40) - 24, (long long)NOON, dx, chance(100), de, chance(100),
		1 + chance(500), 1 + chance(500), names[band]);
}

static void make_texts(bool objects)
{
	for (unsigned i = 0; i < TEXTS; i++) {
		struct text *text = &texts[i];
		const char *de = calls[chance(SKIMMERS)], *dx = calls[chance(CALLS)];
		int length = objects ? write_object(text->bytes, de, dx)
				     : write_line(text->bytes, de, dx);

		if (length >= TEXT_MAX)
			fail("a text is too long");
		text->length = (uint16_t)length;
	}
}

/* ---- the way of a spot ---- */

struct way {
	bool objects;
	struct store *store;
	struct spotring ring;
	struct pipeline pipeline;
	struct funnel funnel;
	uint64_t now; /* of the pipeline */
	uint64_t sent, kept, bad;
	uint64_t steps[STEPS]; /* nanoseconds */
};

static void one_text(struct way *way, struct spot *spot)
{
	const struct text *text = &texts[way->sent % TEXTS];
	bool good = way->objects ? pskr_parse(text->bytes, text->length, NOON, spot) == PSKR_OK
				 : spotline_parse(text->bytes, text->length, false, NOON, spot) ==
					   SPOTLINE_OK;

	way->sent++;
	way->now += GAP;
	spot->source = way->objects ? SPOT_PSKREPORTER : SPOT_RBN;
	spot->arrived = way->now;
	spot->arrived_real = (uint64_t)NOON * NS_PER_SEC;
	if (!good)
		way->bad++;
}

/* As the daemon does it: a spot goes into the ring as soon as it is there. */
static void a_round(struct way *way)
{
	struct spot spot;
	unsigned fresh;

	for (unsigned i = 0; i < ROUND; i++) {
		one_text(way, &spot);
		if (locate(countries, NULL, &spot))
			spotring_put(&way->ring, 1, way->sent, &spot);
		else
			way->bad++;
	}
	while (funnel_backlog(&way->funnel) > 0) {
		funnel_take(&way->funnel, way->store, way->now);
		if (funnel_commit(&way->funnel, way->store, &fresh) != STORE_OK)
			fail("the store takes nothing");
		way->kept += fresh;
	}
}

/* The same in steps, each timed: for what each costs, not for the sum. */
static void a_round_in_steps(struct way *way)
{
	static struct spot spot[ROUND];
	uint64_t at[4];
	unsigned fresh;

	at[0] = cpu_now();
	for (unsigned i = 0; i < ROUND; i++)
		one_text(way, &spot[i]);
	at[1] = cpu_now();
	for (unsigned i = 0; i < ROUND; i++)
		locate(countries, NULL, &spot[i]);
	at[2] = cpu_now();
	for (unsigned i = 0; i < ROUND; i++)
		spotring_put(&way->ring, 1, way->sent + i, &spot[i]);
	at[3] = cpu_now();
	for (unsigned i = 0; i < STEP_STAGES; i++)
		way->steps[i] += at[i + 1] - at[i];
	while (funnel_backlog(&way->funnel) > 0) {
		at[0] = cpu_now();
		funnel_take(&way->funnel, way->store, way->now);
		at[1] = cpu_now();
		if (funnel_commit(&way->funnel, way->store, &fresh) != STORE_OK)
			fail("the store takes nothing");
		at[2] = cpu_now();
		way->steps[STEP_STAGES] += at[1] - at[0];
		way->steps[STEP_APPEND] += at[2] - at[1];
	}
}

static void way_open(struct way *way, bool objects, uint32_t history, const char *folder)
{
	struct pipeline_rules rules = {
		.max_age = 300 * NS_PER_SEC,
		.max_age_human = 3600 * NS_PER_SEC,
		.window = 120 * NS_PER_SEC,
		.human_window = 3600 * NS_PER_SEC,
		.stronger = true,
	};
	struct store_config config = {
		.kind = STORE_SPOTS,
		.path = folder,
		.gate_fd = gate_create("perspot"),
		.max_events = 1000,
		.max_spots = history,
		.max_sessions = 10,
		.slot = "perspot",
		.create = true,
	};
	int fd = spotring_create("feed.0", 4000);
	char error[256] = "";
	bool set_aside;

	*way = (struct way){.objects = objects, .now = 5000 * NS_PER_SEC};
	config.map_size = store_map_size(&config);
	if (store_open(&way->store, &config, &set_aside, error) != STORE_OK)
		fail(error);
	if (!pipeline_init(&way->pipeline, &rules, history) ||
	    !funnel_init(&way->funnel, &way->pipeline, NULL) || !spotring_map(fd, &way->ring) ||
	    !funnel_add(&way->funnel, way->store, 0, fd))
		fail("no memory");
}

static void way_close(struct way *way, const char *folder)
{
	char path[256];

	funnel_free(&way->funnel);
	pipeline_free(&way->pipeline);
	spotring_unmap(&way->ring);
	store_close(&way->store);
	snprintf(path, sizeof(path), "%s/data.mdb", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/lock.mdb", folder);
	unlink(path);
}

/* What a successor does before it takes the first spot: milliseconds. */
static double replay_all(struct way *way)
{
	struct pipeline pipeline;
	struct replay replay;
	uint64_t began = cpu_now();

	if (!pipeline_init(&pipeline, &way->pipeline.rules, way->pipeline.machine.most))
		fail("no memory");
	replay_begin(&replay, &pipeline, way->store, NULL, way->now);
	while (!replay_go_on(&replay))
		;
	began = cpu_now() - began;
	pipeline_free(&pipeline);
	return (double)began / 1e6;
}

static void measure(bool objects, uint32_t history, unsigned rounds, const char *folder)
{
	const char *name = objects ? "pskreporter" : "rbn";
	struct way way;
	uint64_t began, took, kept;

	way_open(&way, objects, history, folder);
	/* the log is full, and so is the window, before the clock runs */
	while (way.kept < history + history / 10 || way.sent < 2000)
		a_round(&way);
	kept = way.kept;
	began = cpu_now();
	for (unsigned i = 0; i < rounds; i++)
		a_round(&way);
	took = cpu_now() - began;
	kept = way.kept - kept;
	for (unsigned i = 0; i < rounds / 4; i++)
		a_round_in_steps(&way);
	if (way.bad > 0)
		fail("a text was no good");
	printf("\"%s.%u\":{\"rate\":%.0f,\"kept\":%.3f,\"marks\":%u", name, history,
	       rounds * (double)ROUND * 1e9 / (double)took, (double)kept / (rounds * ROUND),
	       way.pipeline.machine.used);
	for (unsigned i = 0; i < STEPS; i++)
		printf(",\"%s\":%.0f", step_names[i], (double)way.steps[i] / (rounds / 4 * ROUND));
	printf(",\"replay_ms\":%.1f}", replay_all(&way));
	way_close(&way, folder);
}

int main(int argc, char **argv)
{
	static const uint32_t histories[] = {1000, 10000, 100000, 300000};
	unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 200;
	char folder[] = "/dev/shm/perspot-XXXXXX";
	const char *comma = "{";

	if (sodium_init() < 0 || mkdtemp(folder) == NULL || rounds < 4 ||
	    (texts = calloc(TEXTS, sizeof(*texts))) == NULL)
		fail("can't begin");
	load_countries();
	load_calls();
	for (unsigned objects = 0; objects < 2; objects++) {
		make_texts(objects);
		for (unsigned i = 0; i < sizeof(histories) / sizeof(histories[0]); i++) {
			printf("%s", comma);
			measure(objects, histories[i], rounds, folder);
			comma = ",";
		}
	}
	printf("}\n");
	rmdir(folder);
	return 0;
}
