/* SPDX-License-Identifier: ISC
 *
 * NAME      dxsim_report - what became of every spot at every session
 * PURPOSE   Holds what came against what was sent and must have passed, and says it as one object.
 * OWNER     dxsim
 * CONTRACT  a message that a broker never handed over (no session got it, though some filter passes it)
 *           is counted apart; all else that did not come is lost
 * LIMITS    none known
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/load/dxsim.h"

struct sums {
	uint64_t expected, got, lost, doubled, damaged, wrong, reordered, other, slow_lost, bytes;
	uint64_t unhanded, least, most;
};

static bool has(const struct dx_session *session, uint32_t serial)
{
	return session->seen[serial / 8] >> serial % 8 & 1;
}

/* Did anybody get it? */
static bool came(const struct dx_sim *sim, uint32_t serial)
{
	for (long i = 0; i < sim->sessions; i++)
		if (has(&sim->session[i], serial))
			return true;
	return false;
}

/* For each serial number: a bit for each filter that passes it. */
static uint64_t *filters_of(const struct dx_sim *sim)
{
	uint64_t *pass = calloc(sim->serials + 1, sizeof(*pass));

	for (uint32_t serial = 0; pass != NULL && serial < sim->serials; serial++) {
		struct dx_spot spot;

		dx_spot((enum dx_feed)sim->kind[serial], serial, &spot);
		for (unsigned i = 0; i < (unsigned)sim->filters; i++)
			if (dx_filter_passes(i, &spot))
				pass[serial] |= 1ull << i;
	}
	return pass;
}

static void judge(const struct dx_sim *sim, struct dx_session *session, const uint64_t *pass,
		  const uint8_t *unhanded, struct sums *sums)
{
	uint64_t lost = 0;

	for (uint32_t serial = 0; serial < sim->serials; serial++) {
		if (!(pass[serial] >> session->filter & 1))
			continue;
		sums->expected++;
		if (!has(session, serial) && !unhanded[serial])
			lost++;
	}
	if (session->slow)
		sums->slow_lost += lost;
	else
		sums->lost += lost;
}

static void add(struct sums *sums, const struct dx_session *session)
{
	sums->got += session->got;
	sums->doubled += session->doubled;
	sums->damaged += session->damaged;
	sums->wrong += session->wrong;
	sums->reordered += session->reordered;
	sums->other += session->other;
	sums->bytes += session->bytes;
	if (session->got < sums->least)
		sums->least = session->got;
	if (session->got > sums->most)
		sums->most = session->got;
}

static void sum_up(struct dx_sim *sim, struct sums *sums)
{
	uint64_t *pass = filters_of(sim);
	uint8_t *unhanded = calloc(sim->serials + 1, 1);

	if (pass == NULL || unhanded == NULL) {
		perror("dxsim");
		exit(2);
	}
	for (uint32_t serial = 0; serial < sim->serials; serial++) {
		unhanded[serial] =
			sim->kind[serial] == DX_MQTT && pass[serial] != 0 && !came(sim, serial);
		sums->unhanded += unhanded[serial];
	}
	sums->least = UINT64_MAX;
	for (long i = 0; i < sim->sessions; i++) {
		judge(sim, &sim->session[i], pass, unhanded, sums);
		add(sums, &sim->session[i]);
	}
	free(pass);
	free(unhanded);
}

bool dx_complete(struct dx_sim *sim)
{
	uint64_t count[DX_FILTERS] = {0};

	for (uint32_t serial = 0; serial < sim->serials; serial++) {
		struct dx_spot spot;

		dx_spot((enum dx_feed)sim->kind[serial], serial, &spot);
		for (unsigned i = 0; i < (unsigned)sim->filters; i++)
			count[i] += dx_filter_passes(i, &spot);
	}
	for (long i = 0; i < sim->sessions; i++)
		if (!sim->session[i].slow && sim->session[i].got < count[sim->session[i].filter])
			return false;
	return true;
}

/* Of the captured lines: how many came at all sessions, at some, at none. */
static void say_played(const struct dx_sim *sim)
{
	unsigned all = 0, some = 0, none = 0;

	for (unsigned i = 0; i < sim->play.lines; i++) {
		long came_at = 0;

		for (long k = 0; k < sim->sessions; k++)
			came_at += sim->session[k].played[i] > 0;
		if (came_at == sim->sessions)
			all++;
		else if (came_at > 0)
			some++;
		else
			none++;
	}
	printf("\"played\": %u, \"played_at_all\": %u, \"played_at_some\": %u, "
	       "\"played_at_none\": %u, ",
	       sim->play.next, all, some, none);
}

static double milliseconds(uint64_t ns)
{
	return (double)ns / 1e6;
}

bool dx_report(struct dx_sim *sim)
{
	struct sums sums = {0};
	uint64_t feed_resets = 0, connections = 0;

	sum_up(sim, &sums);
	printf("{\"sessions\": %ld, \"filters\": %ld, ", sim->sessions, sim->filters);
	if (sim->play.lines > 0)
		say_played(sim);
	for (unsigned i = 0; i < DX_FEEDS; i++) {
		static const char *const names[DX_FEEDS] = {"rbn", "digital", "cluster", "mqtt"};

		printf("\"%s\": %llu, ", names[i], (unsigned long long)sim->feed[i].sent);
		feed_resets += sim->feed[i].resets;
		connections += sim->feed[i].connections;
	}
	printf("\"sent\": %u, \"expected\": %llu, \"delivered\": %llu, \"lost\": %llu, "
	       "\"doubled\": %llu, \"damaged\": %llu, \"wrong\": %llu, \"reordered\": %llu, "
	       "\"slow_lost\": %llu, \"unhanded\": %llu, \"other_lines\": %llu, \"bytes\": %llu, ",
	       sim->serials, (unsigned long long)sums.expected, (unsigned long long)sums.got,
	       (unsigned long long)sums.lost, (unsigned long long)sums.doubled,
	       (unsigned long long)sums.damaged, (unsigned long long)sums.wrong,
	       (unsigned long long)sums.reordered, (unsigned long long)sums.slow_lost,
	       (unsigned long long)sums.unhanded, (unsigned long long)sums.other,
	       (unsigned long long)sums.bytes);
	printf("\"damage\": \"%s\", ", sim->damage);
	printf("\"least\": %llu, \"most\": %llu, \"resets\": %llu, \"refused\": %llu, "
	       "\"feed_connections\": %llu, \"feed_resets\": %llu, \"logins_ms\": %.0f, "
	       "\"p50_ms\": %.2f, \"p99_ms\": %.2f, \"p999_ms\": %.2f, \"max_ms\": %.2f}\n",
	       (unsigned long long)sums.least, (unsigned long long)sums.most,
	       (unsigned long long)sim->resets, (unsigned long long)sim->refused,
	       (unsigned long long)connections, (unsigned long long)feed_resets,
	       milliseconds(sim->login_ended - sim->login_began),
	       milliseconds(hist_quantile(&sim->latency, 0.5)),
	       milliseconds(hist_quantile(&sim->latency, 0.99)),
	       milliseconds(hist_quantile(&sim->latency, 0.999)), milliseconds(sim->latency.max));
	return sums.lost + sums.doubled + sums.damaged + sums.wrong + sim->resets + sim->refused >
	       0;
}
