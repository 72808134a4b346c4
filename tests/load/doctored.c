/* SPDX-License-Identifier: ISC
 *
 * NAME      doctored - a reflector with faults to order
 * PURPOSE   The truth-keeper is believed only after it has reported the faults of this one exactly:
 *           every Nth relayed datagram lost, doubled, swapped with the next one to the same
 *           receiver, damaged, delayed; every Nth frame echoed or heard in a wrong room; every Nth
 *           keep-alive unanswered or answered twice; calls refused whole, or cut off after some
 *           frames; everything standing still for a while from every Nth frame on.
 * OWNER     tests/load/test_truth.py; one process, one thread
 * CONTRACT  prints "ready ysf=ADDRESS:PORT" once it serves; on TERM prints what it really did as
 *           one JSON object. "Nth" counts, for each fault by itself, all datagrams (or frames, or
 *           polls) that it could have hit.
 * LIMITS    DOC_CLIENTS gateways, linear search: for some dozens; a name without DG-ID goes to 22
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/load/lib_net.h"

#define DOC_CLIENTS 512
#define DOC_DELAYED 65536
#define DOC_DEFAULT 22

enum fault {
	LOSE,
	DOUBLE,
	SWAP,
	DAMAGE,
	DELAY,
	ECHO_BACK,
	CROSS,
	MUTE,
	REFUSE,
	GAP,
	TWICE,
	LOSE_FRAME,
	FAULTS
};

static const char *const doc_names[FAULTS] = {
	"lose",	 "double",    "swap",	     "damage", "delay",	       "echo",
	"cross", "mute-poll", "refuse-call", "gap",    "answer-twice", "lose-frame"};

struct client {
	struct sockaddr_storage addr;
	int dgid;
	uint8_t held[NET_FRAME]; /* waits for the next one, to be overtaken */
	bool holds;
	bool refused; /* his present call is not relayed */
	bool answered;
};

struct delayed {
	uint64_t due_ns;
	int client;
	uint8_t frame[NET_FRAME];
};

struct doctored {
	int fd;
	socklen_t addr_len;
	struct client client[DOC_CLIENTS];
	int nclients;
	unsigned every[FAULTS]; /* 0: never */
	unsigned seen[FAULTS];
	unsigned did[FAULTS];
	unsigned relayed, frames;
	uint64_t delay_ns;
	uint64_t gap_ns;
	unsigned cut; /* relay only so many frames of each call; 0: all */
	struct delayed later[DOC_DELAYED];
	unsigned later_head, later_tail;
};

/* Is it the turn of this fault? */
static bool doc_hit(struct doctored *d, enum fault f)
{
	return d->every[f] != 0 && ++d->seen[f] % d->every[f] == 0;
}

static void doc_out(struct doctored *d, const struct client *c, const void *data, size_t len)
{
	(void)sendto(d->fd, data, len, 0, (const struct sockaddr *)&c->addr, d->addr_len);
}

/* Put a frame aside; all delays are equal, so the queue is in order. */
static void doc_later(struct doctored *d, int client, const uint8_t *frame)
{
	struct delayed *l = &d->later[d->later_head % DOC_DELAYED];

	if (d->later_head - d->later_tail == DOC_DELAYED)
		return;
	l->due_ns = net_now() + d->delay_ns;
	l->client = client;
	memcpy(l->frame, frame, NET_FRAME);
	d->later_head++;
	d->did[DELAY]++;
}

/* Another byte each time, of those that a reflector may never touch: columns 9 to 17 of a row. */
static unsigned doc_bad_byte(unsigned n)
{
	return 65 + n % 5 * 18 + 9 + n / 5 % 9;
}

/* One datagram to one receiver, with whatever is to happen to it. */
static void doc_relay_one(struct doctored *d, int client, const uint8_t *frame)
{
	struct client *c = &d->client[client];
	uint8_t bad[NET_FRAME];

	d->relayed++;
	if (c->holds) {
		doc_out(d, c, frame, NET_FRAME);
		doc_out(d, c, c->held, NET_FRAME);
		c->holds = false;
		d->did[SWAP]++;
		return;
	}
	if (doc_hit(d, LOSE)) {
		d->did[LOSE]++;
		return;
	}
	if (doc_hit(d, SWAP) && !(frame[34] & 1)) {
		memcpy(c->held, frame, NET_FRAME);
		c->holds = true;
		return;
	}
	if (doc_hit(d, DELAY)) {
		doc_later(d, client, frame);
		return;
	}
	if (doc_hit(d, DAMAGE)) {
		memcpy(bad, frame, NET_FRAME);
		bad[doc_bad_byte(d->did[DAMAGE]++)] ^= 0x10;
		doc_out(d, c, bad, NET_FRAME);
		return;
	}
	doc_out(d, c, frame, NET_FRAME);
	if (doc_hit(d, DOUBLE)) {
		doc_out(d, c, frame, NET_FRAME);
		d->did[DOUBLE]++;
	}
}

/* Somebody who should not hear this. */
static void doc_cross(struct doctored *d, int talker, const uint8_t *frame)
{
	for (int i = 0; i < d->nclients; i++) {
		if (d->client[i].dgid == d->client[talker].dgid)
			continue;
		doc_out(d, &d->client[i], frame, NET_FRAME);
		d->did[CROSS]++;
		return;
	}
}

/* What comes meanwhile waits in the socket. */
static void doc_stand_still(struct doctored *d)
{
	uint64_t end = net_now() + d->gap_ns;

	for (uint64_t now = net_now(); now < end; now = net_now()) {
		struct timespec ts = {(time_t)((end - now) / NET_SECOND),
				      (long)((end - now) % NET_SECOND)};

		nanosleep(&ts, NULL);
	}
	d->did[GAP]++;
}

static void doc_frame(struct doctored *d, int talker, const uint8_t *frame)
{
	struct client *t = &d->client[talker];

	d->frames++;
	/* A call begins with counter 0 and no end flag; refuse every Nth one whole. */
	if (frame[34] == 0)
		t->refused = doc_hit(d, REFUSE);
	if (t->refused) {
		d->did[REFUSE]++;
		return;
	}
	if (d->cut != 0 && (unsigned)frame[34] >> 1 >= d->cut)
		return;
	if (doc_hit(d, LOSE_FRAME)) {
		d->did[LOSE_FRAME]++;
		return;
	}
	if (doc_hit(d, GAP))
		doc_stand_still(d);
	for (int i = 0; i < d->nclients; i++) {
		if (i != talker && d->client[i].dgid == t->dgid)
			doc_relay_one(d, i, frame);
	}
	if (doc_hit(d, ECHO_BACK)) {
		doc_out(d, t, frame, NET_FRAME);
		d->did[ECHO_BACK]++;
	}
	if (doc_hit(d, CROSS))
		doc_cross(d, talker, frame);
}

static void doc_poll(struct doctored *d, int client)
{
	struct client *c = &d->client[client];

	/* First polls are answered always: the fault is a keep-alive that gets none. */
	if (c->answered && doc_hit(d, MUTE)) {
		d->did[MUTE]++;
		return;
	}
	c->answered = true;
	doc_out(d, c, NET_ANSWER, NET_POLL);
	if (doc_hit(d, TWICE)) {
		doc_out(d, c, NET_ANSWER, NET_POLL);
		d->did[TWICE]++;
	}
}

static int doc_find(const struct doctored *d, const struct sockaddr_storage *from)
{
	/* Family, port and address come first in either kind of address. */
	size_t len = from->ss_family == AF_INET6 ? 24 : 8;

	for (int i = 0; i < d->nclients; i++) {
		if (memcmp(&d->client[i].addr, from, len) == 0)
			return i;
	}
	return -1;
}

static void doc_read(struct doctored *d)
{
	struct sockaddr_storage from = {0};
	socklen_t len;
	uint8_t data[256];
	ssize_t n;
	int i;

	for (;;) {
		len = sizeof(from);
		n = recvfrom(d->fd, data, sizeof(data), 0, (struct sockaddr *)&from, &len);
		if (n == -1)
			return;
		i = n > 0 ? doc_find(d, &from) : -1;
		if (n == NET_FRAME && memcmp(data, "YSFD", 4) == 0 && i >= 0) {
			doc_frame(d, i, data);
		} else if (n >= NET_POLL && memcmp(data, "YSFP", 4) == 0) {
			if (i < 0 && d->nclients < DOC_CLIENTS) {
				i = d->nclients++;
				d->client[i].addr = from;
				d->client[i].dgid = net_name_dgid(data + 4);
				if (d->client[i].dgid == 0)
					d->client[i].dgid = DOC_DEFAULT;
			}
			if (i >= 0)
				doc_poll(d, i);
		}
	}
}

/* Send what is due; returns milliseconds until the next, or -1. */
static int doc_due(struct doctored *d)
{
	while (d->later_tail != d->later_head) {
		struct delayed *l = &d->later[d->later_tail % DOC_DELAYED];
		uint64_t now = net_now();

		if (now < l->due_ns)
			return (int)((l->due_ns - now) / 1000000) + 1;
		doc_out(d, &d->client[l->client], l->frame, NET_FRAME);
		d->later_tail++;
	}
	return -1;
}

static void doc_report(const struct doctored *d)
{
	printf("{\"frames\":%u,\"relayed\":%u", d->frames, d->relayed);
	for (int f = 0; f < FAULTS; f++)
		printf(",\"%s\":%u", doc_names[f], d->did[f]);
	printf("}\n");
	fflush(stdout);
}

static bool doc_arguments(struct doctored *d, int argc, char **argv,
			  struct sockaddr_storage *addr_r)
{
	struct option options[FAULTS + 4] = {{NULL, 0, NULL, 0}};
	long n;
	int opt;

	for (int f = 0; f < FAULTS; f++)
		options[f] = (struct option){doc_names[f], required_argument, NULL, 256 + f};
	options[FAULTS] = (struct option){"delay-ms", required_argument, NULL, 256 + FAULTS};
	options[FAULTS + 1] = (struct option){"cut", required_argument, NULL, 256 + FAULTS + 1};
	options[FAULTS + 2] = (struct option){"gap-ms", required_argument, NULL, 256 + FAULTS + 2};
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt < 256 || !net_number(optarg, 1, 1000000, &n))
			return false;
		if (opt == 256 + FAULTS)
			d->delay_ns = (uint64_t)n * 1000000;
		else if (opt == 256 + FAULTS + 1)
			d->cut = (unsigned)n;
		else if (opt == 256 + FAULTS + 2)
			d->gap_ns = (uint64_t)n * 1000000;
		else
			d->every[opt - 256] = (unsigned)n;
	}
	return optind + 1 == argc && net_parse(argv[optind], addr_r, &d->addr_len);
}

static int doc_open(struct doctored *d, const struct sockaddr_storage *listen)
{
	struct sockaddr_storage addr = *listen;
	char text[64];

	d->fd = net_udp(&addr, d->addr_len);
	if (d->fd == -1 || getsockname(d->fd, (struct sockaddr *)&addr, &d->addr_len) == -1)
		return -1;
	net_rcvbuf(d->fd, 4 << 20);
	printf("ready ysf=%s\n", net_text(&addr, text, sizeof(text)));
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	static struct doctored d = {.delay_ns = 50000000, .gap_ns = 50000000};
	struct sockaddr_storage listen;
	struct pollfd p[2];
	sigset_t set;

	if (!doc_arguments(&d, argc, argv, &listen)) {
		fputs("usage: doctored [--FAULT N]... [--delay-ms MS] [--gap-ms MS] [--cut FRAMES]"
		      " HOST:PORT\n"
		      "faults: lose double swap damage delay echo cross mute-poll refuse-call gap"
		      " answer-twice lose-frame\n",
		      stderr);
		return 2;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	p[1] = (struct pollfd){.fd = signalfd(-1, &set, SFD_CLOEXEC), .events = POLLIN};
	if (doc_open(&d, &listen) == -1 || p[1].fd == -1) {
		fprintf(stderr, "doctored: %s\n", strerror(errno));
		return 1;
	}
	p[0] = (struct pollfd){.fd = d.fd, .events = POLLIN};
	do {
		p[0].revents = p[1].revents = 0;
		(void)poll(p, 2, doc_due(&d));
		doc_read(&d);
	} while (p[1].revents == 0);
	doc_report(&d);
	return 0;
}
