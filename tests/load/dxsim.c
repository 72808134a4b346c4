/* SPDX-License-Identifier: ISC
 *
 * NAME      dxsim - feeds and logging programs around a DX cluster, with books
 * PURPOSE   The truth-keeper of the cluster: it is the Reverse Beacon Network, another cluster and
 *           PSKReporter (through a real broker) on one side, and any number of sessions with filters on
 *           the other, and says of every spot and session whether it came once, twice, damaged, to the
 *           wrong one, or not at all, and how long it took.
 * OWNER     tests; one process, one thread; written from the protocol, with no part of the product
 * CONTRACT  prints "listening rbn=PORT digital=PORT cluster=PORT"; reads ADDRESS:PORT of the server from
 *           standard input; logs its sessions in, waits for the wanted feeds, prints "running", plays,
 *           prints "draining", and when all has come, or nothing more does, one JSON object. Exit 0 when
 *           nothing is wrong. TERM ends the play early
 * LIMITS    DX_SERIALS spots; loopback alone
 */
#include "tests/load/dxsim.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tests/load/lib_net.h"

#define TICK_NS	    2000000ull
#define LOGIN_LIMIT (120 * NET_SECOND)
#define LOGINS_OPEN 200 /* on their way at a time */
#define COMPLETE_NS (NET_SECOND / 4)

static volatile sig_atomic_t stop_wanted;

static void on_signal(int number)
{
	(void)number;
	stop_wanted = 1;
}

static void fail(const char *what)
{
	perror(what);
	exit(2);
}

/* ---- the play ---- */

static void send_one(struct dx_sim *sim, enum dx_feed feed, uint64_t now)
{
	char text[DX_LINE], topic[DX_LINE];
	struct dx_spot spot;
	size_t length;

	if (sim->serials == DX_SERIALS)
		return;
	dx_spot(feed, sim->serials, &spot);
	length = dx_write(&spot, (int64_t)time(NULL), text);
	dx_topic(&spot, topic);
	sim->kind[sim->serials] = (uint8_t)feed;
	sim->sent[sim->serials] = now;
	sim->serials++;
	sim->due[feed]++;
	dxfeed_add(&sim->feed[feed], topic, text, length);
}

/* How many of the digital feed's are due: bursts of `burst`, spread over `spread` ms. */
static uint64_t burst_due(const struct dx_sim *sim, uint64_t ms)
{
	uint64_t every = (uint64_t)sim->every, spread = (uint64_t)sim->spread;
	uint64_t within = ms % every < spread ? ms % every : spread;

	return (uint64_t)sim->burst * (ms / every) + (uint64_t)sim->burst * within / spread;
}

static void play(struct dx_sim *sim, uint64_t now)
{
	uint64_t ms = (now - sim->began) / 1000000;
	const uint64_t due[DX_FEEDS] = {
		[DX_RBN] = (uint64_t)sim->rate * ms / 1000,
		[DX_DIGITAL] = sim->burst > 0 ? burst_due(sim, ms) : 0,
		[DX_CLUSTER] = (uint64_t)sim->human * ms / 1000,
		[DX_MQTT] = (uint64_t)sim->mqtt_rate * ms / 1000,
	};

	if (sim->play.lines > 0)
		dx_play_tick(sim, now);
	for (unsigned i = 0; i < DX_FEEDS; i++) {
		while (sim->due[i] < due[i] && sim->serials < DX_SERIALS)
			send_one(sim, (enum dx_feed)i, now);
		dxfeed_flush(&sim->feed[i], sim->epoll);
	}
}

/* ---- the loop ---- */

static void turn(struct dx_sim *sim, int timeout_ms)
{
	struct epoll_event event[256];
	int n = epoll_wait(sim->epoll, event, 256, timeout_ms);

	for (int i = 0; i < n; i++) {
		int fd = event[i].data.fd;

		if (fd >> 20) {
			struct dx_session *session = &sim->session[fd & ((1 << 20) - 1)];

			if (session->fd >= 0)
				dx_session_event(sim, session, event[i].events);
			continue;
		}
		for (unsigned k = 0; k < DX_FEEDS; k++)
			if (fd == sim->feed[k].fd || fd == sim->feed[k].listener)
				dxfeed_event(&sim->feed[k], fd, sim->epoll);
	}
}

static long count(const struct dx_sim *sim, enum dx_stage stage)
{
	long n = 0;

	for (long i = 0; i < sim->sessions; i++)
		n += sim->session[i].stage == stage;
	return n;
}

static bool feeds_ready(const struct dx_sim *sim)
{
	bool rbn = sim->rate > 0, cluster = sim->human > 0;

	if (sim->play.lines > 0) {
		rbn = sim->play.feed == DX_RBN;
		cluster = sim->play.feed == DX_CLUSTER;
	}
	return (!rbn || sim->feed[DX_RBN].ready) &&
	       (sim->burst == 0 || sim->feed[DX_DIGITAL].ready) &&
	       (!cluster || sim->feed[DX_CLUSTER].ready);
}

static void log_all_in(struct dx_sim *sim)
{
	long started = 0;

	sim->login_began = net_now();
	while (!stop_wanted && net_now() - sim->login_began < LOGIN_LIMIT) {
		long open = count(sim, DX_CONNECTING) + count(sim, DX_LOGGING_IN);

		for (; started < sim->sessions && open < LOGINS_OPEN; started++, open++)
			if (!dx_session_start(sim, &sim->session[started]))
				fail("dxsim: a session");
		if (started == sim->sessions && open == 0)
			break;
		turn(sim, 20);
	}
	sim->login_ended = net_now();
	while (!feeds_ready(sim) && !stop_wanted && net_now() - sim->login_began < LOGIN_LIMIT)
		turn(sim, 20);
}

static void run(struct dx_sim *sim)
{
	uint64_t end, checked = 0;

	puts("running");
	fflush(stdout);
	sim->began = sim->news = net_now();
	end = sim->began + (uint64_t)sim->seconds * NET_SECOND;
	while (!stop_wanted && (sim->play.lines > 0 ? !dx_play_over(sim) : net_now() < end)) {
		uint64_t now = net_now();

		play(sim, now);
		turn(sim, 1);
	}
	puts("draining");
	fflush(stdout);
	sim->news = net_now();
	while (net_now() - sim->news < (uint64_t)sim->settle * NET_SECOND) {
		uint64_t now = net_now();

		for (unsigned i = 0; i < DX_FEEDS; i++)
			dxfeed_flush(&sim->feed[i], sim->epoll);
		turn(sim, 5);
		if (sim->slow == 0 && sim->play.lines == 0 && now - checked > COMPLETE_NS) {
			checked = now;
			/* a little longer: what comes twice comes late */
			if (dx_complete(sim) && now - sim->news > NET_SECOND / 2)
				break;
		}
	}
}

/* ---- start ---- */

static void usage(void)
{
	fputs("usage: dxsim [--sessions N] [--filters N] [--format NAME] [--seconds N] [--settle "
	      "N]\n"
	      "             [--rate LINES-A-SECOND] [--human LINES-A-SECOND]\n"
	      "             [--burst N --every MS --spread MS] [--mqtt PORT --mqtt-rate N]\n"
	      "             [--play FILE [--speed N]] [--slow N] [--wide]\n"
	      "--filters: so many different ones, dealt in turn (1: all get everything); --slow: "
	      "the\n"
	      "last N sessions hardly read; --wide: feeds listen at every address, not loopback alone\n",
	      stderr);
	exit(2);
}

static void read_flags(struct dx_sim *sim, int argc, char **argv)
{
	static const struct option flags[] = {
		{"sessions", 1, NULL, 0},  {"filters", 1, NULL, 1}, {"seconds", 1, NULL, 2},
		{"rate", 1, NULL, 3},	   {"human", 1, NULL, 4},   {"burst", 1, NULL, 5},
		{"every", 1, NULL, 6},	   {"spread", 1, NULL, 7},  {"mqtt", 1, NULL, 8},
		{"mqtt-rate", 1, NULL, 9}, {"speed", 1, NULL, 10},  {"slow", 1, NULL, 11},
		{"settle", 1, NULL, 12},   {"format", 1, NULL, 13}, {"play", 1, NULL, 14},
		{"wide", 0, NULL, 15},
		{NULL, 0, NULL, 0}};
	long *const value[] = {&sim->sessions,	&sim->filters,	 &sim->seconds, &sim->rate,
			       &sim->human,	&sim->burst,	 &sim->every,	&sim->spread,
			       &sim->mqtt_port, &sim->mqtt_rate, &sim->speed,	&sim->slow,
			       &sim->settle};
	int flag;

	while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
		if (flag == 13)
			sim->format = optarg;
		else if (flag == 14)
			sim->file = optarg;
		else if (flag == 15)
			sim->wide = true;
		else if (flag == '?' || !net_number(optarg, 0, 1000000, value[flag]))
			usage();
	}
	if (optind != argc || sim->filters < 1 || sim->filters > DX_FILTERS || sim->every < 1 ||
	    sim->spread < 1 || sim->speed < 1)
		usage();
}

static void make_sessions(struct dx_sim *sim)
{
	sim->kind = calloc(DX_SERIALS, sizeof(*sim->kind));
	sim->sent = calloc(DX_SERIALS, sizeof(*sim->sent));
	sim->session = calloc((size_t)sim->sessions + 1, sizeof(*sim->session));
	if (sim->kind == NULL || sim->sent == NULL || sim->session == NULL)
		fail("dxsim");
	for (long i = 0; i < sim->sessions; i++) {
		struct dx_session *session = &sim->session[i];

		*session = (struct dx_session){.fd = -1, .number = (unsigned)i};
		session->filter = (unsigned)(i % sim->filters);
		session->slow = i >= sim->sessions - sim->slow;
		session->seen = calloc(DX_SERIALS / 8 + 1, 1);
		session->played = calloc(sim->play.lines + 1, sizeof(*session->played));
		if (session->seen == NULL || session->played == NULL)
			fail("dxsim");
	}
}

static void open_feeds(struct dx_sim *sim)
{
	for (unsigned i = 0; i < DX_MQTT; i++)
		if (!dxfeed_listen(&sim->feed[i], (enum dx_feed)i, sim->wide, sim->epoll))
			fail("dxsim: a feed");
	sim->feed[DX_MQTT] = (struct dxfeed){.kind = DX_MQTT, .listener = -1, .fd = -1};
	if (sim->mqtt_port > 0 &&
	    !dxfeed_publish(&sim->feed[DX_MQTT], (unsigned)sim->mqtt_port, sim->epoll))
		fail("dxsim: the broker");
	printf("listening rbn=%u digital=%u cluster=%u\n", sim->feed[DX_RBN].port,
	       sim->feed[DX_DIGITAL].port, sim->feed[DX_CLUSTER].port);
	fflush(stdout);
}

static void give_back(struct dx_sim *sim)
{
	for (unsigned i = 0; i < DX_FEEDS; i++)
		dxfeed_close(&sim->feed[i]);
	for (long i = 0; i < sim->sessions; i++) {
		dx_session_end(&sim->session[i]);
		free(sim->session[i].seen);
		free(sim->session[i].played);
	}
	for (unsigned i = 0; i < sim->play.lines; i++)
		free(sim->play.line[i].text);
	free(sim->play.line);
	free(sim->session);
	free(sim->kind);
	free(sim->sent);
	close(sim->epoll);
}

int main(int argc, char **argv)
{
	static struct dx_sim sim = {.sessions = 10,
				    .filters = 1,
				    .seconds = 5,
				    .every = 15000,
				    .spread = 1000,
				    .speed = 1,
				    .settle = 10};
	struct rlimit limit;
	char server[128];
	bool wrong;

	read_flags(&sim, argc, argv);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	sim.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (sim.epoll < 0)
		fail("dxsim");
	if (sim.file != NULL && !dx_play_load(&sim))
		return 2;
	make_sessions(&sim);
	open_feeds(&sim);
	if (fgets(server, sizeof(server), stdin) == NULL)
		usage();
	server[strcspn(server, "\r\n")] = '\0';
	if (!net_parse(server, &sim.server, &sim.server_length))
		usage();
	log_all_in(&sim);
	run(&sim);
	wrong = dx_report(&sim);
	give_back(&sim);
	return wrong;
}
