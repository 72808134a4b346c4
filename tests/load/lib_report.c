/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_report - what the simulator has to say
 * PURPOSE   progress lines, the lines of the demonstration, and the final report as a table for
 *           people or as one JSON object
 * OWNER     tests/load/ysfsim
 * CONTRACT  every line is flushed at once, for a test may wait for it. Keys of the JSON object are
 *           only ever added to.
 * LIMITS    none known
 */
#include "tests/load/lib_sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REPORT_DOUBLED 16 /* pairs with doubles that are named */

struct report {
	struct truth_sum sum;
	struct hist latency;
	const struct talker *gap; /* who had the longest forwarding gap */
	double talk_s;
	bool clean;
};

void report_progress(const struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->o.progress)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

static double report_us(uint64_t ns)
{
	return (double)ns / 1000.0;
}

/* Who heard the call that has just ended, and that nobody else did. */
static void report_demo_ears(const struct sim *s, const struct talker *t)
{
	const struct room *room = &s->room[s->gate[t->gate].room];

	for (uint32_t i = 0; i < s->o.fan.gateways; i++) {
		const char *name = (const char *)s->gate[i].name;
		const struct truth_pair *p;

		if (i == t->gate)
			continue;
		if (i - room->first >= room->count) {
			printf("  %.10s on DG-ID %-2d heard %s\n", name,
			       s->room[s->gate[i].room].dgid,
			       s->faults.wrong_room == 0 ? "nothing, as it should be"
							 : "what was not meant for it");
			continue;
		}
		p = &t->truth->pair[i - room->first];
		printf("  %.10s on DG-ID %-2d heard %u frames, %u lost\n", name, room->dgid, p->got,
		       t->truth->sent - p->got);
	}
}

void report_demo_call(const struct sim *s, int talker, bool end)
{
	const struct talker *t = &s->talker[talker];
	const struct room *room = &s->room[s->gate[t->gate].room];

	if (!s->o.demo)
		return;
	if (!end) {
		printf("%.10s talks on DG-ID %d, ten frames a second ...\n",
		       (const char *)s->gate[t->gate].name, room->dgid);
	} else {
		printf("%.10s stops after %u frames (header, voice, terminator)\n",
		       (const char *)s->gate[t->gate].name, t->truth->sent);
		report_demo_ears(s, t);
	}
	fflush(stdout);
}

static void report_sum(struct sim *s, struct report *r)
{
	const struct truth_faults *f = &s->faults;

	memset(r, 0, sizeof(*r));
	for (int i = 0; i < s->ntalkers; i++) {
		struct talker *t = &s->talker[i];

		truth_close(t->truth, &r->sum, t->gate - s->room[s->gate[t->gate].room].first);
		hist_merge(&r->latency, &t->truth->latency);
		if (r->gap == NULL || t->truth->gap_ns > r->gap->truth->gap_ns)
			r->gap = t;
	}
	r->talk_s = (double)(s->talk_end_ns - s->talk_start_ns) / 1e9;
	r->clean = s->registered == s->o.fan.gateways && s->unanswered == 0 &&
		   s->answers_doubled == 0 && r->sum.lost == 0 && r->sum.doubled == 0 &&
		   r->sum.reordered == 0 && r->sum.stale == 0 && f->echoes == 0 &&
		   f->wrong_room == 0 && f->damaged == 0 && f->wrong_variant == 0 && f->alien == 0 && f->malformed == 0 &&
		   f->wrong_source == 0 && fan_drops(s->fan) == 0 && fan_send_errors(s->fan) == 0;
}

static void report_json_latency(const char *key, const struct hist *h)
{
	printf("\"%s\":{\"n\":%llu,\"min\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,"
	       "\"p999\":%.1f,\"max\":%.1f}",
	       key, (unsigned long long)h->n, report_us(h->min), report_us(hist_quantile(h, 0.5)),
	       report_us(hist_quantile(h, 0.9)), report_us(hist_quantile(h, 0.99)),
	       report_us(hist_quantile(h, 0.999)), report_us(h->max));
}

static const char *report_name(const struct sim *s, uint32_t gate, char name[11])
{
	snprintf(name, 11, "%.*s", (int)strcspn((const char *)s->gate[gate].name, " "),
		 (const char *)s->gate[gate].name);
	return name;
}

/* The longest forwarding gap of a talker: how long, who suffered it, when it ended. */
static void report_json_gap(const struct sim *s, const struct talker *t)
{
	uint32_t receiver = s->room[s->gate[t->gate].room].first + t->truth->gap_member;
	char name[11];

	if (t->truth->gap_ns == 0) {
		printf("\"gap_us\":0,");
		return;
	}
	printf("\"gap_us\":%.1f,\"gap_receiver\":\"%s\",\"gap_at_s\":%.3f,",
	       report_us(t->truth->gap_ns), report_name(s, receiver, name),
	       (double)(t->truth->gap_at_ns - s->talk_start_ns) / 1e9);
}

/* Who heard frames twice, at most so many of them. */
static void report_json_doubled(const struct sim *s)
{
	char talker[11], receiver[11];
	int listed = 0;

	printf("\"doubled\":[");
	for (int i = 0; i < s->ntalkers; i++) {
		const struct talker *t = &s->talker[i];
		const struct room *room = &s->room[s->gate[t->gate].room];

		for (uint32_t m = 0; m < room->count && listed < REPORT_DOUBLED; m++) {
			if (t->truth->pair[m].doubled == 0)
				continue;
			printf("%s{\"talker\":\"%s\",\"receiver\":\"%s\",\"frames\":%u}",
			       listed++ > 0 ? "," : "", report_name(s, t->gate, talker),
			       report_name(s, room->first + m, receiver),
			       t->truth->pair[m].doubled);
		}
	}
	printf("],");
}

static void report_json_talker(const struct sim *s, const struct talker *t)
{
	const struct room *room = &s->room[s->gate[t->gate].room];
	uint32_t self = t->gate - room->first;
	uint64_t got = 0, doubled = 0, reordered = 0, stale = 0;

	for (uint32_t m = 0; m < room->count; m++) {
		const struct truth_pair *p = &t->truth->pair[m];

		if (m == self)
			continue;
		got += p->got;
		doubled += p->doubled;
		reordered += p->reordered;
		stale += p->stale;
	}
	printf("{\"name\":\"%.*s\",\"dgid\":%d,\"receivers\":%u,\"calls\":%u,\"frames\":%u,"
	       "\"delivered\":%llu,\"lost\":%llu,\"duplicates\":%llu,\"reordered\":%llu,"
	       "\"stale\":%llu,\"frames_partial\":%llu,\"frames_unheard\":%llu,\"late\":%llu,",
	       (int)strcspn((const char *)s->gate[t->gate].name, " "),
	       (const char *)s->gate[t->gate].name, room->dgid, t->truth->receivers,
	       t->truth->calls, t->truth->sent, (unsigned long long)got,
	       (unsigned long long)((uint64_t)t->truth->sent * t->truth->receivers - got),
	       (unsigned long long)doubled, (unsigned long long)reordered,
	       (unsigned long long)stale, (unsigned long long)t->truth->partial,
	       (unsigned long long)t->truth->unheard, (unsigned long long)t->truth->late);
	report_json_gap(s, t);
	report_json_latency("latency_us", &t->truth->latency);
	if (t->truth->marked.n > 0) {
		struct hist calm = t->truth->latency;

		hist_subtract(&calm, &t->truth->marked);
		putchar(',');
		report_json_latency("calm_us", &calm);
		putchar(',');
		report_json_latency("marked_us", &t->truth->marked);
	}
	putchar('}');
}

static void report_json_number(const char *key, uint64_t n)
{
	printf("\"%s\":%llu,", key, (unsigned long long)n);
}

static void report_json_registration(const struct sim *s)
{
	report_json_number("gateways", s->o.fan.gateways);
	report_json_number("registered", s->registered);
	printf("\"register_ms\":%.3f,",
	       s->register_last_ns > s->register_start_ns
		       ? (double)(s->register_last_ns - s->register_start_ns) / 1e6
		       : 0.0);
	report_json_number("polls", s->polls);
	report_json_number("polls_repeated", s->repolls);
	report_json_number("polls_unanswered", s->unanswered);
	report_json_number("answers", s->answers);
	report_json_number("answers_doubled", s->answers_doubled);
	report_json_number("unlinks", s->unlinks);
	report_json_number("received", s->received);
}

static void report_json(struct sim *s, const struct report *r)
{
	const struct truth_faults *f = &s->faults;

	printf("{\"clean\":%s,", r->clean ? "true" : "false");
	report_json_registration(s);
	report_json_number("rooms", (uint64_t)s->o.nrooms);
	report_json_number("talkers", (uint64_t)s->ntalkers);
	report_json_number("calls", r->sum.calls);
	report_json_number("frames", r->sum.frames);
	report_json_number("expected", r->sum.expected);
	report_json_number("delivered", r->sum.delivered);
	report_json_number("lost", r->sum.lost);
	report_json_number("duplicates", r->sum.doubled);
	report_json_number("doubled_pairs", r->sum.pairs_doubled);
	report_json_number("doubled_most", r->sum.most_doubled);
	report_json_number("reordered", r->sum.reordered);
	report_json_number("stale", r->sum.stale);
	report_json_number("headers_missing", r->sum.headers_missing);
	report_json_number("terminators_missing", r->sum.ends_missing);
	report_json_number("frames_complete", r->sum.complete);
	report_json_number("frames_partial", r->sum.partial);
	report_json_number("frames_unheard", r->sum.unheard);
	report_json_number("calls_mute", r->sum.calls_mute);
	report_json_number("calls_cut", r->sum.calls_cut);
	report_json_number("longest_gap", r->sum.longest_gap);
	report_json_number("given_up", r->sum.given_up);
	report_json_number("echoes", f->echoes);
	report_json_number("wrong_room", f->wrong_room);
	report_json_number("damaged", f->damaged);
	report_json_number("alien", f->alien);
	report_json_number("malformed", f->malformed);
	report_json_number("wrong_source", f->wrong_source);
	report_json_number("rewritten", f->rewritten);
	report_json_number("wrong_variant", f->wrong_variant);
	report_json_number("late", r->sum.late);
	report_json_number("late_limit_us", s->o.late_ns / 1000);
	printf("\"sim_send_late_us\":%.1f,", report_us(s->send_late_ns));
	report_json_number("sim_drops", fan_drops(s->fan));
	report_json_number("sim_send_errors", fan_send_errors(s->fan));
	report_json_number("sim_rcvbuf", (uint64_t)fan_rcvbuf(s->fan));
	printf("\"slice_datagrams_per_s\":%.0f,", slices_median(&s->slices));
	printf("\"talk_s\":%.6f,\"datagrams_per_s\":%.0f,", r->talk_s,
	       r->talk_s > 0 ? (double)r->sum.delivered / r->talk_s : 0.0);
	if (r->gap != NULL)
		report_json_gap(s, r->gap);
	report_json_doubled(s);
	report_json_latency("latency_us", &r->latency);
	printf(",\"talker\":[");
	for (int i = 0; i < s->ntalkers; i++) {
		if (i > 0)
			putchar(',');
		report_json_talker(s, &s->talker[i]);
	}
	printf("]}\n");
}

/* The pair that fared worst, for people who look for a cause. */
static void report_worst(const struct sim *s)
{
	const char *who = NULL, *whom = NULL;
	uint32_t worst = 0;

	for (int i = 0; i < s->ntalkers; i++) {
		const struct talker *t = &s->talker[i];
		const struct room *room = &s->room[s->gate[t->gate].room];

		for (uint32_t m = 0; m < room->count; m++) {
			uint32_t lost = t->truth->sent - t->truth->pair[m].got;

			if (m == t->gate - room->first || lost <= worst)
				continue;
			worst = lost;
			who = (const char *)s->gate[t->gate].name;
			whom = (const char *)s->gate[room->first + m].name;
		}
	}
	if (worst > 0)
		printf("worst pair          %.10s -> %.10s lost %u frames\n", who, whom, worst);
}

static void report_line(const char *key, uint64_t n)
{
	printf("%-20s%llu\n", key, (unsigned long long)n);
}

static void report_table(const struct sim *s, const struct report *r)
{
	const struct truth_faults *f = &s->faults;
	const struct hist *h = &r->latency;

	printf("gateways            %u of %u registered in %.1f ms, %llu polls, %llu unanswered\n",
	       s->registered, s->o.fan.gateways,
	       s->register_last_ns > s->register_start_ns
		       ? (double)(s->register_last_ns - s->register_start_ns) / 1e6
		       : 0.0,
	       (unsigned long long)s->polls, (unsigned long long)s->unanswered);
	printf("calls               %llu by %d talkers in %d rooms, %llu frames in %.1f s\n",
	       (unsigned long long)r->sum.calls, s->ntalkers, s->o.nrooms,
	       (unsigned long long)r->sum.frames, r->talk_s);
	printf("delivered           %llu of %llu (%.0f a second)\n",
	       (unsigned long long)r->sum.delivered, (unsigned long long)r->sum.expected,
	       r->talk_s > 0 ? (double)r->sum.delivered / r->talk_s : 0.0);
	report_line("lost", r->sum.lost);
	report_line("doubled", r->sum.doubled);
	report_line("out of order", r->sum.reordered + r->sum.stale);
	report_line("echoed to talker", f->echoes);
	report_line("on a wrong DG-ID", f->wrong_room);
	report_line("damaged", f->damaged);
	report_line("of the other variant", f->wrong_variant);
	report_line("unknown", f->alien + f->malformed + f->wrong_source);
	report_line("headers missing", r->sum.headers_missing);
	report_line("ends missing", r->sum.ends_missing);
	printf("calls cut off       %llu, and %llu not heard at all; longest gap %llu frames\n",
	       (unsigned long long)r->sum.calls_cut, (unsigned long long)r->sum.calls_mute,
	       (unsigned long long)r->sum.longest_gap);
	printf("latency             p50 %.0f  p90 %.0f  p99 %.0f  p99.9 %.0f  max %.0f us\n",
	       report_us(hist_quantile(h, 0.5)), report_us(hist_quantile(h, 0.9)),
	       report_us(hist_quantile(h, 0.99)), report_us(hist_quantile(h, 0.999)),
	       report_us(h->max));
	if (r->gap != NULL)
		printf("forwarding gap      %.1f ms at most (beyond the talker's own pace)\n",
		       report_us(r->gap->truth->gap_ns) / 1000);
	report_worst(s);
	if (fan_drops(s->fan) > 0)
		printf("ATTENTION           the simulator's own sockets dropped %llu datagrams\n",
		       (unsigned long long)fan_drops(s->fan));
	printf("%s\n", r->clean ? "clean" : "NOT CLEAN");
}

bool report_print(struct sim *s)
{
	struct report r;

	report_sum(s, &r);
	if (s->o.demo)
		printf("%s\n", r.clean ? "All was heard where it belongs, and only there."
				       : "Something is wrong: run it with --json to see what.");
	else if (s->o.json)
		report_json(s, &r);
	else
		report_table(s, &r);
	fflush(stdout);
	return r.clean;
}
