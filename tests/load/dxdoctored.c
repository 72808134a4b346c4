/* SPDX-License-Identifier: ISC
 *
 * NAME      dxdoctored - a DX cluster with faults to order
 * PURPOSE   dxsim is believed only after it has reported the faults of this one exactly: every Nth
 *           delivery lost, sent twice, torn, changed in its frequency, overtaken by the next one, or
 *           made to a session whose filter withholds it; sessions cut off.
 * OWNER     tests/load/test_dxtruth.py; one process, one thread
 * CONTRACT  dxdoctored --feed PORT [--feed PORT ...] --filters N [--FAULT N ...]: logs in at the feeds,
 *           prints "ready dxc=127.0.0.1:PORT"; on TERM prints what it really did as one JSON object.
 *           "Nth" counts, for each fault by itself, all deliveries that it could have hit
 * LIMITS    SESSIONS sessions, in the order of dxsim's numbers; blocking sends: for tests of some
 *           thousand lines
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/load/lib_dx.h"
#include "tests/load/lib_net.h"

#define SESSIONS 64
#define FEEDS	 4
#define BYTES	 65536

enum fault { LOSE, DOUBLE, TEAR, CHANGE, SWAP, CROSS, CUT, FAULTS };

static const char *const names[FAULTS] = {"lose", "double", "tear", "change",
					  "swap", "cross",  "cut"};

struct side {
	int fd; /* -1: vacant */
	bool in;
	unsigned filter;
	size_t used;
	char text[BYTES];
	char held[DX_LINE]; /* is overtaken by the next one */
	size_t held_length;
};

struct doctored {
	int listener;
	long filters, feeds, every[FAULTS];
	unsigned port[FEEDS];
	uint64_t chance[FAULTS], done[FAULTS], delivered;
	struct side feed[FEEDS], session[SESSIONS];
	unsigned sessions;
};

static volatile sig_atomic_t stop_wanted;

static void on_signal(int number)
{
	(void)number;
	stop_wanted = 1;
}

static bool strikes(struct doctored *doc, enum fault fault)
{
	if (doc->every[fault] == 0 || ++doc->chance[fault] % (uint64_t)doc->every[fault] != 0)
		return false;
	doc->done[fault]++;
	return true;
}

static void say(struct side *side, const char *text, size_t length)
{
	while (side->fd >= 0 && length > 0) {
		ssize_t n = send(side->fd, text, length, MSG_NOSIGNAL);

		if (n < 0)
			return;
		text += n;
		length -= (size_t)n;
	}
}

/* ---- spots out ---- */

static void deliver(struct doctored *doc, struct side *session, const char *line, size_t length)
{
	char copy[DX_LINE];

	if (strikes(doc, LOSE))
		return;
	memcpy(copy, line, length);
	if (strikes(doc, TEAR)) {
		say(session, copy, 9);
		say(session, "\r\n", 2);
		return;
	}
	if (strikes(doc, CHANGE))
		copy[24 - 1] = copy[24 - 1] == '9' ? '8' : '9'; /* the tenth of a kilohertz */
	doc->delivered++;
	if (session->held_length == 0 && strikes(doc, SWAP)) {
		memcpy(session->held, copy, length);
		session->held_length = length;
		return;
	}
	say(session, copy, length);
	if (strikes(doc, DOUBLE))
		say(session, copy, length);
	say(session, session->held, session->held_length);
	session->held_length = 0;
}

static void to_all(struct doctored *doc, enum dx_feed feed, const char *line, size_t length)
{
	struct dx_heard heard;
	struct dx_spot spot;

	if (length + 2 > DX_LINE || !dx_read(line, length - 2, &heard))
		return;
	dx_spot(feed, heard.serial, &spot);
	for (unsigned i = 0; i < doc->sessions; i++) {
		struct side *session = &doc->session[i];

		if (session->fd < 0 || !session->in)
			continue;
		if (!dx_filter_passes(session->filter, &spot)) {
			if (strikes(doc, CROSS))
				say(session, line, length);
		} else if (strikes(doc, CUT)) {
			close(session->fd);
			session->fd = -1;
		} else {
			deliver(doc, session, line, length);
		}
	}
}

/* ---- lines in ---- */

static void feed_line(struct doctored *doc, unsigned which, char *line, size_t length)
{
	to_all(doc, (enum dx_feed)which, line, length);
}

static void session_line(struct side *session, char *line, size_t length, long filters)
{
	if (!session->in) {
		unsigned number = 0;
		char call[16];

		/* which session it is, its call says */
		for (; number < SESSIONS; number++) {
			dx_user(number, call);
			if (strncmp(call, line, strlen(call)) == 0)
				break;
		}
		session->filter = number % (unsigned)filters;
		session->in = true;
		say(session, "Hello\r\n", 7);
	} else if (length > 5 && memcmp(line, "echo ", 5) == 0) {
		say(session, line + 5, length - 5);
	}
}

static void read_side(struct doctored *doc, struct side *side, int feed)
{
	ssize_t n = recv(side->fd, side->text + side->used, BYTES - side->used, MSG_DONTWAIT);
	size_t start = 0;
	char *end;

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN) {
			close(side->fd);
			side->fd = -1;
		}
		return;
	}
	side->used += (size_t)n;
	while ((end = memchr(side->text + start, '\n', side->used - start)) != NULL) {
		char *line = side->text + start;
		size_t length = (size_t)(end + 1 - line);

		if (feed >= 0)
			feed_line(doc, (unsigned)feed, line, length);
		else
			session_line(side, line, length, doc->filters);
		start += length;
	}
	memmove(side->text, side->text + start, side->used - start);
	side->used -= start;
}

/* ---- connections ---- */

static struct sockaddr_in loopback(unsigned port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return addr;
}

static void fail(const char *what)
{
	perror(what);
	exit(2);
}

static void start(struct doctored *doc)
{
	struct sockaddr_in addr = loopback(0);
	socklen_t length = sizeof(addr);

	doc->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (doc->listener < 0 || bind(doc->listener, (struct sockaddr *)&addr, length) != 0 ||
	    listen(doc->listener, SESSIONS) != 0 ||
	    getsockname(doc->listener, (struct sockaddr *)&addr, &length) != 0)
		fail("dxdoctored");
	for (long i = 0; i < FEEDS; i++)
		doc->feed[i].fd = -1;
	for (long i = 0; i < doc->feeds; i++) {
		struct sockaddr_in to = loopback(doc->port[i]);

		doc->feed[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(doc->feed[i].fd, (struct sockaddr *)&to, sizeof(to)) != 0)
			fail("dxdoctored: a feed");
		say(&doc->feed[i], "N0NODE\r\n", 8);
	}
	printf("ready dxc=127.0.0.1:%u\n", ntohs(addr.sin_port));
	fflush(stdout);
}

static void take_session(struct doctored *doc)
{
	int fd = accept4(doc->listener, NULL, NULL, SOCK_CLOEXEC);
	struct side *session = &doc->session[doc->sessions];

	if (fd < 0 || doc->sessions == SESSIONS)
		return;
	doc->sessions++;
	session->fd = fd;
	say(session, "call: ", 6);
}

/* Nothing comes that could overtake what is held. */
static void release(struct doctored *doc)
{
	for (unsigned i = 0; i < doc->sessions; i++) {
		say(&doc->session[i], doc->session[i].held, doc->session[i].held_length);
		doc->session[i].held_length = 0;
	}
}

static void turn(struct doctored *doc)
{
	struct pollfd poller[1 + FEEDS + SESSIONS] = {{.fd = doc->listener, .events = POLLIN}};
	unsigned n = 1 + FEEDS + doc->sessions;

	for (unsigned i = 0; i < FEEDS; i++)
		poller[1 + i] = (struct pollfd){.fd = doc->feed[i].fd, .events = POLLIN};
	for (unsigned i = 0; i < doc->sessions; i++)
		poller[1 + FEEDS + i] = (struct pollfd){.fd = doc->session[i].fd, .events = POLLIN};
	if (poll(poller, n, 100) <= 0) {
		release(doc);
		return;
	}
	for (unsigned i = 0; i < FEEDS; i++)
		if (poller[1 + i].revents != 0)
			read_side(doc, &doc->feed[i], (int)i);
	for (unsigned i = 0; i < n - 1 - FEEDS; i++)
		if (poller[1 + FEEDS + i].revents != 0)
			read_side(doc, &doc->session[i], -1);
	if (poller[0].revents != 0)
		take_session(doc);
}

static void usage(void)
{
	fputs("usage: dxdoctored --feed PORT [--feed PORT ...] [--filters N] [--lose N] [--double "
	      "N]\n"
	      "                  [--tear N] [--change N] [--swap N] [--cross N] [--cut N]\n",
	      stderr);
	exit(2);
}

static void read_flags(struct doctored *doc, int argc, char **argv)
{
	struct option flags[FAULTS + 3] = {{"feed", 1, NULL, FAULTS},
					   {"filters", 1, NULL, FAULTS + 1}};
	int flag;

	for (int i = 0; i < FAULTS; i++)
		flags[i + 2] = (struct option){names[i], 1, NULL, i};
	while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
		long value;

		if (flag == '?' || !net_number(optarg, 0, 1000000, &value))
			usage();
		if (flag == FAULTS && doc->feeds < FEEDS)
			doc->port[doc->feeds++] = (unsigned)value;
		else if (flag == FAULTS + 1)
			doc->filters = value;
		else if (flag < FAULTS)
			doc->every[flag] = value;
	}
	if (doc->feeds == 0 || doc->filters < 1)
		usage();
}

int main(int argc, char **argv)
{
	static struct doctored doc = {.filters = 1};

	signal(SIGTERM, on_signal);
	read_flags(&doc, argc, argv);
	start(&doc);
	while (!stop_wanted)
		turn(&doc);
	printf("{\"delivered\": %llu", (unsigned long long)doc.delivered);
	for (unsigned i = 0; i < FAULTS; i++)
		printf(", \"%s\": %llu", names[i], (unsigned long long)doc.done[i]);
	puts("}");
	return 0;
}
