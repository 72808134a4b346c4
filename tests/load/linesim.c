/* SPDX-License-Identifier: ISC
 *
 * NAME      linesim - clients of the line service who check every byte
 * PURPOSE   The truth-keeper for TCP: many sessions send lines, cut into random pieces, and hold
 *           the answers against what must come: bytes lost, bytes doubled, bytes damaged,
 *           connections reset or ended too early. Some read slowly, some ask for long answers.
 * OWNER     tests; one process, one thread; knows the service's contract, none of its code
 * CONTRACT  prints "running" when all sessions are greeted; ends after --seconds or on TERM: every
 *           session finishes its line, says "bye" or closes its half, and waits for the rest. Then
 *           one JSON object; exit 0 when nothing is wrong
 * LIMITS    a hole or a repeat is recognised by the WINDOW bytes behind it, a repeat of at most
 *           HISTORY bytes; one server address
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/load/lib_net.h"

#define WINDOW	    48	  /* bytes that tell where in the stream we are */
#define HISTORY	    16384 /* bytes kept of what was expected and came */
#define OUTSTANDING 1500  /* a session asks no more while so many bytes are due */
#define TICK_MS	    4
#define SLOW_BYTES  2048 /* that a slow reader takes in */
#define SLOW_TICKS  10	 /* so many ticks */
#define END_SECONDS 60
#define GREETING    "hello\n"

enum state { GREETED_NOT, RUNNING, ENDING, DONE };

struct bytes {
	uint8_t *data;
	size_t length, room;
};

struct session {
	int fd;
	enum state state;
	uint64_t random;
	bool slow, half_closes, shut;
	uint64_t line;	     /* lines asked in this connection */
	struct bytes out;    /* not sent yet */
	struct bytes expect; /* HISTORY bytes that came and all that is due */
	size_t at;	     /* what is due begins here */
	struct bytes hold;   /* came, and is not understood yet */
	uint64_t next_ns;    /* of the next line */
	uint64_t since_ns;   /* something is due since, 0: nothing */
};

struct report {
	uint64_t lines, sent, received, lost, doubled, damaged, resets, ended_early, unfinished;
	uint64_t connections, holes, repeats, silence_ns;
};

struct sim {
	struct sockaddr_storage addr;
	socklen_t addr_len;
	long sessions, seconds, rate, slow_every, burst_every, big_every, lines_max, seed;
	struct session *session;
	struct report report;
	int epoll;
	bool told_running, ending;
	uint64_t began_ns, end_ns;
};

static volatile sig_atomic_t stop_wanted;

static void on_signal(int number)
{
	(void)number;
	stop_wanted = 1;
}

/* ---- small pieces ---- */

static uint64_t draw(struct session *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return s->random;
}

static void append(struct bytes *bytes, const void *data, size_t length)
{
	if (bytes->length + length > bytes->room) {
		bytes->room = 2 * (bytes->length + length) + 256;
		bytes->data = realloc(bytes->data, bytes->room);
		if (bytes->data == NULL) {
			perror("linesim");
			exit(2);
		}
	}
	memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
}

static void cut_front(struct bytes *bytes, size_t length)
{
	memmove(bytes->data, bytes->data + length, bytes->length - length);
	bytes->length -= length;
}

static size_t due(const struct session *s)
{
	return s->expect.length - s->at;
}

static void expect(struct session *s, const char *text, size_t length)
{
	append(&s->expect, text, length);
}

/* ---- what came, against what must come ---- */

/* The last bytes of all can only be the last ones that are due. */
static bool find_tail(const struct session *s, const uint8_t *data, size_t length, size_t *at_r)
{
	*at_r = s->expect.length - length;
	return length <= s->expect.length && memcmp(s->expect.data + *at_r, data, length) == 0;
}

/* The WINDOW bytes at DATA don't continue at s->at. Where do they? Prefers the nearest place. */
static bool find_place(const struct session *s, const uint8_t *data, size_t *at_r)
{
	const uint8_t *all = s->expect.data;
	const uint8_t *ahead = memmem(all + s->at, s->expect.length - s->at, data, WINDOW);
	size_t forward = ahead != NULL ? (size_t)(ahead - all) - s->at : SIZE_MAX;

	for (size_t back = 1; back <= s->at && back < forward; back++) {
		if (s->at - back + WINDOW <= s->expect.length &&
		    memcmp(all + s->at - back, data, WINDOW) == 0) {
			*at_r = s->at - back;
			return true;
		}
	}
	*at_r = s->at + forward;
	return ahead != NULL;
}

enum verdict { MORE_NEEDED, MOVED, DAMAGED };

/* The bytes at DATA are not what is due: says why, and moves to where they belong. */
static enum verdict judge(struct sim *sim, struct session *s, const uint8_t *data, size_t length,
			  bool last)
{
	size_t at;

	if (length < WINDOW && !last)
		return MORE_NEEDED;
	if (length < WINDOW ? !find_tail(s, data, length, &at) : !find_place(s, data, &at)) {
		sim->report.damaged++;
		s->at += s->at < s->expect.length;
		return DAMAGED;
	}
	if (at > s->at) {
		sim->report.lost += at - s->at;
		sim->report.holes++;
	} else {
		sim->report.doubled += s->at - at;
		sim->report.repeats++;
	}
	s->at = at;
	return MOVED;
}

/* Understands what is held. LAST: nothing more will come. */
static void compare(struct sim *sim, struct session *s, bool last)
{
	enum verdict verdict = MOVED;
	size_t done = 0;

	while (done < s->hold.length && verdict != MORE_NEEDED) {
		if (s->at < s->expect.length && s->hold.data[done] == s->expect.data[s->at]) {
			s->at++;
			done++;
			continue;
		}
		verdict = judge(sim, s, s->hold.data + done, s->hold.length - done, last);
		done += verdict == DAMAGED;
	}
	cut_front(&s->hold, done);
	if (s->at > 2 * HISTORY) {
		cut_front(&s->expect, s->at - HISTORY);
		s->at = HISTORY;
	}
}

/* ---- what is sent ---- */

static void ask(struct sim *sim, struct session *s, const char *line)
{
	char text[256];

	s->line++;
	sim->report.lines++;
	append(&s->out, text,
	       (size_t)snprintf(text, sizeof(text), "%s%s", line, draw(s) % 2 ? "\n" : "\r\n"));
	expect(s, text,
	       (size_t)snprintf(text, sizeof(text), "%llu: %s\n", (unsigned long long)s->line,
				line));
}

static void ask_burst(struct sim *sim, struct session *s, unsigned count)
{
	char text[64];

	s->line++;
	sim->report.lines++;
	append(&s->out, text, (size_t)snprintf(text, sizeof(text), "burst %u\n", count));
	for (unsigned i = 1; i <= count; i++)
		expect(s, text,
		       (size_t)snprintf(text, sizeof(text), "%llu.%u: burst\n",
					(unsigned long long)s->line, i));
}

static void ask_something(struct sim *sim, struct session *s)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-";
	char line[128];
	size_t length = draw(s) % 100, at;

	if (sim->big_every > 0 && draw(s) % (uint64_t)sim->big_every == 0) {
		ask_burst(sim, s, 14000); /* 200 KiB */
	} else if (sim->burst_every > 0 && draw(s) % (uint64_t)sim->burst_every == 0) {
		ask_burst(sim, s, (unsigned)(draw(s) % 400));
	} else {
		at = (size_t)snprintf(line, sizeof(line), "%llu ",
				      (unsigned long long)draw(s) % 1000);
		while (at < length)
			line[at++] = letters[draw(s) % (sizeof(letters) - 1)];
		line[at] = '\0';
		ask(sim, s, line);
	}
}

/* ---- a session ---- */

static void session_start(struct sim *sim, struct session *s)
{
	const int small = 4096, one = 1;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};

	s->fd = socket(sim->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	s->state = GREETED_NOT;
	s->line = 0;
	s->at = s->expect.length = s->hold.length = s->out.length = 0;
	s->since_ns = net_now();
	s->shut = false;
	if (s->slow && s->fd >= 0)
		setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&sim->addr, sim->addr_len) != 0) {
		perror("linesim: connect");
		exit(2);
	}
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!s->slow && epoll_ctl(sim->epoll, EPOLL_CTL_ADD, s->fd, &event) != 0) {
		perror("linesim: epoll");
		exit(2);
	}
	sim->report.connections++;
	expect(s, GREETING, strlen(GREETING));
}

static void session_over(struct session *s)
{
	close(s->fd);
	s->fd = -1;
	s->state = DONE;
}

static void on_reset(struct sim *sim, struct session *s)
{
	sim->report.resets++;
	session_over(s);
}

static void on_end(struct sim *sim, struct session *s)
{
	bool wanted = s->state == ENDING && s->out.length == 0;

	session_over(s);
	if (wanted) {
		compare(sim, s, true);
		sim->report.lost += due(s);
	} else {
		sim->report.ended_early++;
	}
	if (wanted && !sim->ending)
		session_start(sim, s);
}

static void note_silence(struct sim *sim, struct session *s)
{
	uint64_t now = net_now();

	if (s->since_ns != 0 && !s->slow && now - s->since_ns > sim->report.silence_ns)
		sim->report.silence_ns = now - s->since_ns;
	s->since_ns = due(s) > 0 ? now : 0;
}

static void session_read(struct sim *sim, struct session *s, size_t most)
{
	static uint8_t room[65536];
	ssize_t got = recv(s->fd, room, most, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got < 0) {
		on_reset(sim, s);
	} else if (got == 0) {
		on_end(sim, s);
	} else {
		sim->report.received += (uint64_t)got;
		append(&s->hold, room, (size_t)got);
		compare(sim, s, false);
		note_silence(sim, s);
		if (s->state == GREETED_NOT && s->at >= strlen(GREETING))
			s->state = RUNNING;
	}
}

/* A random part of what is to be sent; often the cut is inside a line. */
static void session_send(struct sim *sim, struct session *s)
{
	size_t part = 1 + draw(s) % s->out.length;
	ssize_t sent = send(s->fd, s->out.data, s->state == ENDING ? s->out.length : part,
			    MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (sent < 0) {
		on_reset(sim, s);
		return;
	}
	sim->report.sent += (uint64_t)sent;
	cut_front(&s->out, (size_t)sent);
	if (s->since_ns == 0 && s->out.length == 0)
		s->since_ns = net_now();
}

static void session_end(struct sim *sim, struct session *s)
{
	s->state = ENDING;
	if (!s->half_closes)
		ask(sim, s, "bye");
}

static void session_tick(struct sim *sim, struct session *s, uint64_t now, uint64_t ticks)
{
	if (s->state == RUNNING &&
	    (sim->ending || (sim->lines_max > 0 && s->line >= (uint64_t)sim->lines_max)))
		session_end(sim, s);
	if (s->state == RUNNING && s->out.length == 0 && now >= s->next_ns &&
	    due(s) < OUTSTANDING) {
		ask_something(sim, s);
		s->next_ns = now + draw(s) % (2 * NET_SECOND / (uint64_t)sim->rate);
	}
	if (s->fd >= 0 && s->out.length > 0)
		session_send(sim, s);
	if (s->state == ENDING && s->half_closes && s->out.length == 0 && !s->shut) {
		s->shut = true;
		shutdown(s->fd, SHUT_WR);
	}
	/* at the end they hurry */
	if (s->fd >= 0 && s->slow && (s->state != RUNNING || ticks % SLOW_TICKS == 0))
		session_read(sim, s, s->state == RUNNING ? SLOW_BYTES : 65536);
}

/* ---- all of them ---- */

static long count(const struct sim *sim, enum state state)
{
	long n = 0;

	for (long i = 0; i < sim->sessions; i++)
		n += sim->session[i].state == state;
	return n;
}

static void tick(struct sim *sim, uint64_t ticks)
{
	uint64_t now = net_now();

	if (!sim->ending &&
	    (stop_wanted ||
	     (sim->seconds > 0 && now - sim->began_ns >= (uint64_t)sim->seconds * NET_SECOND))) {
		sim->ending = true;
		sim->end_ns = now;
	}
	for (long i = 0; i < sim->sessions; i++)
		if (sim->session[i].state != DONE)
			session_tick(sim, &sim->session[i], now, ticks);
	if (!sim->told_running && count(sim, GREETED_NOT) == 0) {
		sim->told_running = true;
		puts("running");
		fflush(stdout);
	}
}

static void run(struct sim *sim)
{
	struct epoll_event event[256];
	uint64_t next = net_now();

	for (uint64_t ticks = 0; count(sim, DONE) < sim->sessions;) {
		uint64_t now = net_now();
		int n = epoll_wait(sim->epoll, event, 256, now >= next ? 0 : TICK_MS);

		for (int i = 0; i < n; i++)
			if (((struct session *)event[i].data.ptr)->fd >= 0)
				session_read(sim, event[i].data.ptr, 65536);
		if (now >= next) {
			tick(sim, ticks++);
			next = now + TICK_MS * 1000000ull;
		}
		if (sim->ending && net_now() - sim->end_ns > END_SECONDS * NET_SECOND)
			break;
	}
	for (long i = 0; i < sim->sessions; i++) {
		struct session *s = &sim->session[i];

		if (s->state == DONE)
			continue;
		sim->report.unfinished++;
		session_over(s);
		sim->report.lost += due(s);
	}
}

static int say(const struct sim *sim)
{
	const struct report *r = &sim->report;

	printf("{\"sessions\": %ld, \"connections\": %llu, \"lines\": %llu, \"bytes_sent\": %llu, "
	       "\"bytes_received\": %llu, \"lost\": %llu, \"doubled\": %llu, \"damaged\": %llu, "
	       "\"holes\": %llu, \"repeats\": %llu, \"resets\": %llu, \"ended_early\": %llu, "
	       "\"unfinished\": %llu, \"silence_ms\": %llu}\n",
	       sim->sessions, (unsigned long long)r->connections, (unsigned long long)r->lines,
	       (unsigned long long)r->sent, (unsigned long long)r->received,
	       (unsigned long long)r->lost, (unsigned long long)r->doubled,
	       (unsigned long long)r->damaged, (unsigned long long)r->holes,
	       (unsigned long long)r->repeats, (unsigned long long)r->resets,
	       (unsigned long long)r->ended_early, (unsigned long long)r->unfinished,
	       (unsigned long long)(r->silence_ns / 1000000));
	return r->lost + r->doubled + r->damaged + r->resets + r->ended_early + r->unfinished > 0;
}

/* So that a leak checker sees what is really lost. */
static void give_back(struct sim *sim)
{
	for (long i = 0; i < sim->sessions; i++) {
		free(sim->session[i].out.data);
		free(sim->session[i].expect.data);
		free(sim->session[i].hold.data);
	}
	free(sim->session);
	close(sim->epoll);
}

static void usage(void)
{
	fputs("usage: linesim [--sessions N] [--seconds N] [--rate LINES-A-SECOND] [--slow "
	      "EVERY-Nth]\n"
	      "               [--burst EVERY-Nth-LINE] [--big EVERY-Nth-LINE] [--lines N] [--seed "
	      "N]\n"
	      "               ADDRESS:PORT\n"
	      "--slow: every Nth session reads slowly; --burst: up to 400 lines of answer; --big:\n"
	      "200 KiB of answer; --lines: a session ends after so many and comes anew\n",
	      stderr);
	exit(2);
}

static void read_flags(struct sim *sim, int argc, char **argv)
{
	static const struct option flags[] = {
		{"sessions", 1, NULL, 0}, {"seconds", 1, NULL, 1}, {"rate", 1, NULL, 2},
		{"slow", 1, NULL, 3},	  {"burst", 1, NULL, 4},   {"big", 1, NULL, 5},
		{"lines", 1, NULL, 6},	  {"seed", 1, NULL, 7},	   {NULL, 0, NULL, 0}};
	long *const value[] = {&sim->sessions,	 &sim->seconds,	    &sim->rate,
			       &sim->slow_every, &sim->burst_every, &sim->big_every,
			       &sim->lines_max,	 &sim->seed};
	int flag;

	while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1)
		if (flag == '?' ||
		    !net_number(optarg, flag == 0 || flag == 2, 1000000, value[flag]))
			usage();
	if (optind != argc - 1 || !net_parse(argv[optind], &sim->addr, &sim->addr_len))
		usage();
}

int main(int argc, char **argv)
{
	/* static: what it holds to the end is no leak */
	static struct sim sim = {
		.sessions = 100, .rate = 10, .slow_every = 10, .burst_every = 50, .seed = 1};
	struct rlimit limit;

	read_flags(&sim, argc, argv);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	sim.session = calloc((size_t)sim.sessions, sizeof(*sim.session));
	sim.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (sim.session == NULL || sim.epoll < 0) {
		perror("linesim");
		return 2;
	}
	sim.began_ns = net_now();
	for (long i = 0; i < sim.sessions; i++) {
		struct session *s = &sim.session[i];

		s->random = (uint64_t)(sim.seed * 1000003 + i + 1) * 0x9e3779b97f4a7c15ull | 1;
		s->slow = sim.slow_every > 0 && i % sim.slow_every == sim.slow_every - 1;
		s->half_closes = i % 2 == 0;
		session_start(&sim, s);
	}
	run(&sim);
	give_back(&sim);
	return say(&sim);
}
