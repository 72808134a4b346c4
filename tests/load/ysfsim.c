/* SPDX-License-Identifier: ISC
 *
 * NAME      ysfsim - plays any number of YSF gateways against a reflector and keeps the truth
 * PURPOSE   registers gateways from distinct loopback addresses, lets some of them talk on chosen
 *           DG-IDs, and accounts for every datagram: loss, doubles, order, rooms, lateness
 * OWNER     a person, a test or the bench; one process, one thread
 * CONTRACT  exit 0: all clean; 1: any fault, also gateways that could not register; 2: usage.
 *           Always ends by itself; TERM, INT or the stop descriptor end the calls, drain, report.
 *           USR1 marks the time from now on, USR2 ends that: the lateness of marked time is
 *           reported by itself too (calm_us, marked_us of a talker).
 * LIMITS    see lib_sim.h; rooms are told by name suffix, so DG-IDs run from 1 to 99
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tests/load/lib_sim.h"

#define SIM_BUDGET  8192 /* datagrams taken in before the clock is looked at again */
#define SIM_TURN_NS (NET_SECOND / 20)
#define SIM_MS	    1000000ull

static const char sim_usage[] =
	"usage: ysfsim [OPTION...] HOST:PORT\n"
	"  --demo                4 gateways on DG-IDs 22 and 9, one talks for 3 s; plain words\n"
	"  --gateways N          how many (4)\n"
	"  --first N             number of the first one (1): name G00001, address 127.16.0.1\n"
	"  --rooms LIST          DG-IDs, each A[-B][:COUNT]: 22,1-10:100 (22)\n"
	"  --no-suffix           names without DG-ID: all in the reflector's default room\n"
	"  --mixed               every other gateway has no DG-ID in its name\n"
	"  --prefix              gateways without must see the room in front of the caller, others not\n"
	"  --radio               frames tell remarks and the model of a radio beside the voice\n"
	"  --voice-fr            frames without a data channel\n"
	"  --bit-errors N        of 1,000 bits of voice frames, FICH and payload: what is heard is damaged then\n"
	"  --talkers N           dealt out over the rooms (one a room)\n"
	"  --frames N            voice frames of a call (30); 0: until the time is up\n"
	"  --calls N             calls of a room (1); 0: until the time is up\n"
	"  --seconds N           talk no longer than this (3600)\n"
	"  --rate N              frames a second of a call (10)\n"
	"  --pause MS            between calls of a room (1000)\n"
	"  --window W            closed loop: at most W frames on their way, instead of a rate\n"
	"  --poll S              keep-alive interval (5); 0: none\n"
	"  --register-timeout S  (30)\n"
	"  --burst               send all first polls at once, each once\n"
	"  --no-unlink           leave without unlinking\n"
	"  --late US             count deliveries later than this (20000)\n"
	"  --drain MS            wait for the last frames, at most (2000)\n"
	"  --linger MS           then listen on for doubles (200)\n"
	"  --user-time           take the time of arrival when reading, not the kernel's\n"
	"  --own-sockets         a socket and port for each gateway\n"
	"  --addresses           this machine has 16.0.1 onwards of the reflector's /8, one a gateway\n"
	"  --sockets N           sockets on IPv4 loopback (1)\n"
	"  --rcvbuf BYTES        receive buffer of each socket (64 MiB)\n"
	"  --manual              take commands on standard input, see lib_manual.c\n"
	"  --stop-fd FD          finish when FD is readable or closed\n"
	"  --progress            registered, talking, draining, done: a line each, at once\n"
	"  --json                report as one JSON object\n";

enum {
	OPT_DEMO = 256,
	OPT_GATEWAYS,
	OPT_FIRST,
	OPT_ROOMS,
	OPT_NO_SUFFIX,
	OPT_MIXED,
	OPT_PREFIX,
	OPT_RADIO,
	OPT_VOICE_FR,
	OPT_BIT_ERRORS,
	OPT_TALKERS,
	OPT_FRAMES,
	OPT_CALLS,
	OPT_SECONDS,
	OPT_RATE,
	OPT_PAUSE,
	OPT_WINDOW,
	OPT_POLL,
	OPT_REGISTER,
	OPT_BURST,
	OPT_NO_UNLINK,
	OPT_LATE,
	OPT_DRAIN,
	OPT_LINGER,
	OPT_USER_TIME,
	OPT_OWN_SOCKETS,
	OPT_ADDRESSES,
	OPT_SOCKETS,
	OPT_RCVBUF,
	OPT_MANUAL,
	OPT_STOP_FD,
	OPT_PROGRESS,
	OPT_JSON,
	OPT_HELP
};

static const struct option sim_options[] = {
	{"demo", no_argument, NULL, OPT_DEMO},
	{"gateways", required_argument, NULL, OPT_GATEWAYS},
	{"first", required_argument, NULL, OPT_FIRST},
	{"rooms", required_argument, NULL, OPT_ROOMS},
	{"no-suffix", no_argument, NULL, OPT_NO_SUFFIX},
	{"mixed", no_argument, NULL, OPT_MIXED},
	{"prefix", no_argument, NULL, OPT_PREFIX},
	{"radio", no_argument, NULL, OPT_RADIO},
	{"voice-fr", no_argument, NULL, OPT_VOICE_FR},
	{"bit-errors", required_argument, NULL, OPT_BIT_ERRORS},
	{"talkers", required_argument, NULL, OPT_TALKERS},
	{"frames", required_argument, NULL, OPT_FRAMES},
	{"calls", required_argument, NULL, OPT_CALLS},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"rate", required_argument, NULL, OPT_RATE},
	{"pause", required_argument, NULL, OPT_PAUSE},
	{"window", required_argument, NULL, OPT_WINDOW},
	{"poll", required_argument, NULL, OPT_POLL},
	{"register-timeout", required_argument, NULL, OPT_REGISTER},
	{"burst", no_argument, NULL, OPT_BURST},
	{"no-unlink", no_argument, NULL, OPT_NO_UNLINK},
	{"late", required_argument, NULL, OPT_LATE},
	{"drain", required_argument, NULL, OPT_DRAIN},
	{"linger", required_argument, NULL, OPT_LINGER},
	{"user-time", no_argument, NULL, OPT_USER_TIME},
	{"own-sockets", no_argument, NULL, OPT_OWN_SOCKETS},
	{"addresses", no_argument, NULL, OPT_ADDRESSES},
	{"sockets", required_argument, NULL, OPT_SOCKETS},
	{"rcvbuf", required_argument, NULL, OPT_RCVBUF},
	{"manual", no_argument, NULL, OPT_MANUAL},
	{"stop-fd", required_argument, NULL, OPT_STOP_FD},
	{"progress", no_argument, NULL, OPT_PROGRESS},
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0}};

static void sim_defaults(struct sim_options *o)
{
	memset(o, 0, sizeof(*o));
	o->fan.gateways = 4;
	o->fan.first = 1;
	o->fan.sockets = 1;
	o->fan.rcvbuf = 64 << 20;
	o->fan.kernel_time = true;
	o->nrooms = 1;
	o->dgid[0] = 22;
	o->suffix = true;
	o->talkers = SIM_TALKERS + 1;
	o->frames = 30;
	o->calls = 1;
	o->seconds = 3600;
	o->interval_ns = NET_SECOND / 10;
	o->pause_ns = NET_SECOND;
	o->poll_ns = 5 * NET_SECOND;
	o->register_ns = 30 * NET_SECOND;
	o->late_ns = 20 * SIM_MS;
	o->drain_ns = 2000 * SIM_MS;
	o->linger_ns = 200 * SIM_MS;
	o->unlink = true;
	o->stop_fd = -1;
}

static void sim_demo(struct sim_options *o)
{
	o->demo = true;
	o->nrooms = 2;
	o->dgid[0] = 22;
	o->dgid[1] = 9;
	o->talkers = 1;
	o->register_ns = 3 * NET_SECOND;
}

/* The number that text begins with, within limits; moves text behind it. */
static bool sim_take(const char **text, long min, long max, long *n_r)
{
	char *end;

	errno = 0;
	*n_r = strtol(*text, &end, 10);
	if (errno != 0 || end == *text || *n_r < min || *n_r > max)
		return false;
	*text = end;
	return true;
}

/* One item of the room list: A[-B][:COUNT]. */
static bool sim_room(struct sim_options *o, const char *item)
{
	long a, b, count = 0;

	if (!sim_take(&item, 1, 99, &a))
		return false;
	b = a;
	if (*item == '-') {
		item++;
		if (!sim_take(&item, a, 99, &b))
			return false;
	}
	if (*item == ':') {
		item++;
		if (!sim_take(&item, 1, 99999, &count))
			return false;
	}
	if (*item != '\0')
		return false;
	for (; a <= b; a++) {
		if (o->nrooms == SIM_ROOMS)
			return false;
		o->count[o->nrooms] = (uint32_t)count;
		o->dgid[o->nrooms++] = (int)a;
	}
	return true;
}

static bool sim_rooms(struct sim_options *o, const char *list)
{
	char *copy = strdup(list);
	char *save = NULL;
	bool good = copy != NULL;

	o->nrooms = 0;
	for (char *item = good ? strtok_r(copy, ",", &save) : NULL; good && item != NULL;
	     item = strtok_r(NULL, ",", &save))
		good = sim_room(o, item);
	free(copy);
	return good && o->nrooms > 0;
}

/* Options that are followed by a number; false when it does not fit. */
static bool sim_number(struct sim_options *o, int opt, const char *arg)
{
	long n;

	if (!net_number(arg, 0, INT_MAX, &n))
		return false;
	switch (opt) {
	case OPT_GATEWAYS:
		o->fan.gateways = (uint32_t)n;
		return n >= 1 && n <= 99999;
	case OPT_FIRST:
		o->fan.first = (uint32_t)n;
		return n >= 1 && n <= 99999;
	case OPT_TALKERS:
		o->talkers = (uint32_t)n;
		return n <= SIM_TALKERS;
	case OPT_FRAMES:
		o->frames = (uint32_t)n;
		return true;
	case OPT_CALLS:
		o->calls = (uint32_t)n;
		return n <= 65535;
	case OPT_SECONDS:
		o->seconds = (uint64_t)n;
		return n >= 1 && n <= 86400;
	case OPT_RATE:
		o->interval_ns = n > 0 ? NET_SECOND / (uint64_t)n : 0;
		return n > 0;
	case OPT_PAUSE:
		o->pause_ns = (uint64_t)n * SIM_MS;
		return true;
	case OPT_WINDOW:
		o->window = (uint32_t)n;
		return n <= TRUTH_RING / 4;
	case OPT_POLL:
		o->poll_ns = (uint64_t)n * NET_SECOND;
		return true;
	case OPT_REGISTER:
		o->register_ns = (uint64_t)n * NET_SECOND;
		return n > 0;
	case OPT_LATE:
		o->late_ns = (uint64_t)n * 1000;
		return true;
	case OPT_DRAIN:
		o->drain_ns = (uint64_t)n * SIM_MS;
		return true;
	case OPT_LINGER:
		o->linger_ns = (uint64_t)n * SIM_MS;
		return true;
	case OPT_SOCKETS:
		o->fan.sockets = (uint32_t)n;
		return n >= 1 && n <= FAN_SOCKETS;
	case OPT_RCVBUF:
		o->fan.rcvbuf = (int)n;
		return n >= 1;
	case OPT_BIT_ERRORS:
		o->bit_errors = (uint32_t)n;
		return n <= 1000;
	case OPT_STOP_FD:
		o->stop_fd = (int)n;
		return true;
	default:
		return false;
	}
}

static bool sim_option(struct sim_options *o, int opt, const char *arg)
{
	switch (opt) {
	case OPT_DEMO:
		sim_demo(o);
		return true;
	case OPT_ROOMS:
		return sim_rooms(o, arg);
	case OPT_MIXED:
		o->mixed = true;
		return true;
	case OPT_PREFIX:
		o->prefix = true;
		return true;
	case OPT_RADIO:
		o->radio = true;
		return true;
	case OPT_VOICE_FR:
		o->voice_fr = true;
		return true;
	case OPT_NO_SUFFIX:
		o->suffix = false;
		return true;
	case OPT_BURST:
		o->burst = true;
		return true;
	case OPT_NO_UNLINK:
		o->unlink = false;
		return true;
	case OPT_USER_TIME:
		o->fan.kernel_time = false;
		return true;
	case OPT_OWN_SOCKETS:
		o->fan.own_sockets = true;
		return true;
	case OPT_ADDRESSES:
		o->fan.addresses = true;
		return true;
	case OPT_MANUAL:
		o->manual = true;
		return true;
	case OPT_PROGRESS:
		o->progress = true;
		return true;
	case OPT_JSON:
		o->json = true;
		return true;
	default:
		return arg != NULL && sim_number(o, opt, arg);
	}
}

/* Rooms that all name a count also name the number of gateways. */
static void sim_total(struct sim_options *o)
{
	uint32_t sum = 0;

	for (int r = 0; r < o->nrooms; r++) {
		if (o->count[r] == 0)
			return;
		sum += o->count[r];
	}
	if (o->nrooms > 0 && sum > 0)
		o->fan.gateways = sum;
}

static bool sim_arguments(struct sim_options *o, int argc, char **argv)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&o->fan.peer;
	int opt;

	sim_defaults(o);
	while ((opt = getopt_long(argc, argv, "", sim_options, NULL)) != -1) {
		if (opt == OPT_HELP || opt == '?')
			return false;
		if (!sim_option(o, opt, optarg)) {
			fprintf(stderr, "ysfsim: bad value: %s\n", optarg != NULL ? optarg : "");
			return false;
		}
	}
	if (optind + 1 != argc || !net_parse(argv[optind], &o->fan.peer, &o->fan.peer_len))
		return false;
	/* Distinct addresses can be had on IPv4 loopback, elsewhere only if somebody says so. */
	if (!o->fan.addresses && in->sin_family == AF_INET &&
	    (ntohl(in->sin_addr.s_addr) >> 24) != 127)
		o->fan.own_sockets = true;
	sim_total(o);
	return o->fan.first + o->fan.gateways <= 100000 && ((o->suffix && !o->mixed) || o->nrooms == 1);
}

/* A signal descriptor for all that we obey. */
static int sim_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void sim_signal(struct sim *s, int sigfd)
{
	struct signalfd_siginfo info;

	if (read(sigfd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR1 || info.ssi_signo == SIGUSR2) {
		s->marked = info.ssi_signo == SIGUSR1;
		report_progress(s, s->marked ? "marked" : "calm");
	} else {
		s->stop = true;
	}
}

/* Wait for datagrams, a reason to stop or a command, at most until due; then take all in. */
static void sim_turn(struct sim *s, int sigfd, uint64_t due)
{
	struct pollfd more[3] = {
		{.fd = sigfd, .events = POLLIN},
		{.fd = s->stop ? -1 : s->o.stop_fd, .events = POLLIN},
		{.fd = s->o.manual && !s->stop ? STDIN_FILENO : -1, .events = POLLIN}};
	uint64_t now = net_now();
	uint64_t wait = due <= now ? 0 : due - now < SIM_TURN_NS ? due - now : SIM_TURN_NS;

	if (s->deaf)
		(void)poll(more, 3, (int)(wait / SIM_MS));
	else
		(void)fan_wait(s->fan, wait, more, 3);
	if (more[0].revents != 0)
		sim_signal(s, sigfd);
	if (more[1].revents != 0)
		s->stop = true;
	if (more[2].revents != 0 && !manual_read(s))
		s->stop = true;
	if (!s->deaf)
		(void)fan_receive(s->fan, SIM_BUDGET, station_heard, s);
}

static bool sim_register(struct sim *s, int sigfd)
{
	uint64_t end = net_now() + s->o.register_ns;

	while (!station_all_registered(s) && !s->stop && net_now() < end) {
		station_register_turn(s, net_now());
		sim_turn(s, sigfd, net_now() + SIM_TURN_NS);
	}
	report_progress(s, "registered %u", s->registered);
	if (s->o.demo && s->registered > 0)
		printf("%u gateways are linked, two on DG-ID 22, two on DG-ID 9\n", s->registered);
	if (!station_all_registered(s))
		fprintf(stderr, "ysfsim: %u of %u gateways got no answer; is a reflector there?\n",
			s->o.fan.gateways - s->registered, s->o.fan.gateways);
	return station_all_registered(s);
}

static void sim_talk(struct sim *s, int sigfd)
{
	uint64_t now = net_now();

	/* Talkers of different rooms never begin in the same instant. */
	for (int r = 0; r < s->o.nrooms; r++)
		s->room[r].next_ns = now + (uint64_t)r * s->o.interval_ns / (uint64_t)s->o.nrooms;
	s->talk_start_ns = s->talk_end_ns = now;
	report_progress(s, "talking");
	while (s->o.manual
		       ? !s->stop
		       : !talk_done(s) || (s->ntalkers == 0 && !s->stop &&
					   now - s->talk_start_ns < s->o.seconds * NET_SECOND)) {
		uint64_t due = station_keep_due(s);

		now = net_now();
		slices_tick(&s->slices, now, s->heard);
		station_keep_turn(s, now);
		if (!s->o.manual) {
			talk_turn(s, now);
			due = talk_due(s) < due ? talk_due(s) : due;
		}
		sim_turn(s, sigfd, due);
	}
}

/* Until everybody has everything, or nothing has come for the time given; then for doubles. */
static void sim_drain(struct sim *s, int sigfd)
{
	uint64_t start = net_now();
	uint64_t now = start;
	uint64_t quiet = start;

	report_progress(s, "draining");
	s->deaf = false;
	while (!talk_drained(s) && now - quiet < s->o.drain_ns && now - start < 60 * NET_SECOND) {
		sim_turn(s, sigfd, quiet + s->o.drain_ns);
		now = net_now();
		if (s->last_heard_ns > quiet)
			quiet = s->last_heard_ns;
	}
	for (start = now; now - start < s->o.linger_ns; now = net_now())
		sim_turn(s, sigfd, start + s->o.linger_ns);
}

static int sim_run(struct sim *s, int sigfd)
{
	bool all = sim_register(s, sigfd);
	bool clean;

	if (all || s->o.burst) {
		sim_talk(s, sigfd);
		sim_drain(s, sigfd);
	}
	station_count_silent(s, net_now());
	clean = report_print(s);
	if (s->o.unlink)
		station_unlink_all(s);
	report_progress(s, "done");
	return clean && all ? 0 : 1;
}

int main(int argc, char **argv)
{
	static struct sim s;
	int sigfd;
	int status;

	if (!sim_arguments(&s.o, argc, argv)) {
		fputs(sim_usage, stderr);
		return 2;
	}
	if (!talk_setup(&s))
		return 2;
	sigfd = sim_signals();
	s.fan = fan_create(&s.o.fan);
	if (sigfd == -1 || s.fan == NULL) {
		fprintf(stderr, "ysfsim: sockets: %s\n", strerror(errno));
		return 1;
	}
	status = sim_run(&s, sigfd);
	fan_destroy(&s.fan);
	talk_destroy(&s);
	close(sigfd);
	return status;
}
