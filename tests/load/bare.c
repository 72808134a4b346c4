/* SPDX-License-Identifier: ISC
 *
 * NAME      bare - the bare loop: a reflector without manners, as the measure of the real one
 * PURPOSE   Receive a batch, hash the source, one prebuilt array for a DG-ID, sendmmsg with the
 *           talker skipped as two spans. No FICH, no stream, no expiry, no limit, no log. What it
 *           reaches is what the kernel's send path allows on this machine.
 *           With --sendonly it measures that path alone: sendmmsg to N receivers that another
 *           process drains, nothing else, as calibration of the loop itself.
 * OWNER     tests/load/bench.py; one process (a second, the drain, with --sendonly)
 * CONTRACT  prints "ready ysf=ADDRESS:PORT" once it serves; TERM ends it. Sockets as a reflector
 *           would have them: not connected, IP_PMTUDISC_DO, receive buffer of 4 MiB.
 * LIMITS    gateways never leave; a name without DG-ID goes to DG-ID 22
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/load/lib_net.h"
#include "tests/load/lib_slices.h"

#define BARE_BATCH   64
#define BARE_INBOXES 256
#define BARE_SLOTS   (1u << 17) /* of the hash; a power of two */
#define BARE_CLIENTS 50000u
#define BARE_CHUNK   1024 /* messages the kernel takes in one sendmmsg */
#define BARE_DEFAULT 22
#define BARE_RCVBUF  (4 << 20)
#define BARE_DRAIN   0x7F400000u /* receivers of --sendonly: 127.64.0.0 plus n */

struct client {
	struct sockaddr_storage addr;
	int dgid;
	unsigned index; /* in the array of the DG-ID */
};

struct room {
	struct iovec iov; /* shared by all messages: the datagram in hand */
	struct mmsghdr *msg;
	unsigned n, room;
};

struct bare {
	int fd;
	socklen_t addr_len;
	struct client *client;
	unsigned nclients;
	uint32_t *slot; /* client number + 1 */
	struct room room[100];
	uint64_t frames, datagrams;
};

static volatile sig_atomic_t bare_stop;

static void bare_on_term(int sig)
{
	(void)sig;
	bare_stop = 1;
}

static uint32_t bare_hash(const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;
	const struct sockaddr_in *in = (const struct sockaddr_in *)a;
	uint64_t h = a->ss_family == AF_INET
			     ? (uint64_t)in->sin_addr.s_addr << 16 | in->sin_port
			     : (uint64_t)in6->sin6_addr.s6_addr32[3] << 16 | in6->sin6_port;

	return (uint32_t)(h * 0x9E3779B97F4A7C15ull >> 40);
}

static bool bare_equal(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)a;
	const struct sockaddr_in6 *b6 = (const struct sockaddr_in6 *)b;

	if (a->ss_family == AF_INET)
		return memcmp(a, b, 8) == 0; /* family, port, address */
	return a6->sin6_port == b6->sin6_port &&
	       memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
}

/* The client of an address, or NULL; slot_r is where it is or would be. */
static struct client *bare_find(struct bare *b, const struct sockaddr_storage *addr,
				uint32_t *slot_r)
{
	uint32_t i = bare_hash(addr) & (BARE_SLOTS - 1);

	for (; b->slot[i] != 0; i = (i + 1) & (BARE_SLOTS - 1)) {
		struct client *c = &b->client[b->slot[i] - 1];

		if (bare_equal(&c->addr, addr)) {
			*slot_r = i;
			return c;
		}
	}
	*slot_r = i;
	return NULL;
}

static void bare_join(struct bare *b, struct client *c)
{
	struct room *r = &b->room[c->dgid];
	struct mmsghdr *m;

	if (r->n == r->room) {
		r->room = r->room == 0 ? 64 : r->room * 2;
		r->msg = realloc(r->msg, r->room * sizeof(*r->msg));
		if (r->msg == NULL)
			abort();
	}
	c->index = r->n++;
	m = &r->msg[c->index];
	memset(m, 0, sizeof(*m));
	m->msg_hdr.msg_name = &c->addr;
	m->msg_hdr.msg_namelen = b->addr_len;
	m->msg_hdr.msg_iov = &r->iov;
	m->msg_hdr.msg_iovlen = 1;
}

static void bare_poll(struct bare *b, const struct sockaddr_storage *from, const uint8_t *data)
{
	uint32_t slot;
	struct client *c = bare_find(b, from, &slot);

	if (c == NULL && b->nclients < BARE_CLIENTS) {
		c = &b->client[b->nclients++];
		c->addr = *from;
		c->dgid = net_name_dgid(data + 4);
		if (c->dgid == 0)
			c->dgid = BARE_DEFAULT;
		b->slot[slot] = b->nclients;
		bare_join(b, c);
	}
	(void)sendto(b->fd, NET_ANSWER, NET_POLL, 0, (const struct sockaddr *)from, b->addr_len);
}

static void bare_span(struct bare *b, struct mmsghdr *msg, unsigned n)
{
	while (n > 0) {
		int sent = sendmmsg(b->fd, msg, n < BARE_CHUNK ? n : BARE_CHUNK, 0);

		if (sent <= 0)
			sent = 1; /* one receiver's trouble is not the others' */
		msg += sent;
		n -= (unsigned)sent;
		b->datagrams += (unsigned)sent;
	}
}

static void bare_frame(struct bare *b, const struct sockaddr_storage *from, uint8_t *data)
{
	uint32_t slot;
	struct client *c = bare_find(b, from, &slot);
	struct room *r;

	if (c == NULL)
		return;
	r = &b->room[c->dgid];
	r->iov = (struct iovec){data, NET_FRAME};
	b->frames++;
	bare_span(b, r->msg, c->index);
	bare_span(b, r->msg + c->index + 1, r->n - c->index - 1);
}

static void bare_handle(struct bare *b, const struct sockaddr_storage *from, uint8_t *data,
			unsigned len)
{
	if (len == NET_FRAME && memcmp(data, "YSFD", 4) == 0)
		bare_frame(b, from, data);
	else if (len >= NET_POLL && memcmp(data, "YSFP", 4) == 0)
		bare_poll(b, from, data);
}

/* Wait, take a batch, serve it. */
static void bare_loop(struct bare *b, int ep)
{
	static uint8_t data[BARE_BATCH][256];
	static struct sockaddr_storage from[BARE_BATCH];
	static struct iovec iov[BARE_BATCH];
	static struct mmsghdr in[BARE_BATCH];
	struct epoll_event ev;

	for (int i = 0; i < BARE_BATCH; i++) {
		iov[i] = (struct iovec){data[i], sizeof(data[i])};
		in[i].msg_hdr.msg_name = &from[i];
		in[i].msg_hdr.msg_iov = &iov[i];
		in[i].msg_hdr.msg_iovlen = 1;
	}
	while (!bare_stop) {
		int n;

		if (epoll_wait(ep, &ev, 1, -1) <= 0)
			continue;
		for (int i = 0; i < BARE_BATCH; i++)
			in[i].msg_hdr.msg_namelen = sizeof(from[i]);
		n = recvmmsg(b->fd, in, BARE_BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++)
			bare_handle(b, &from[i], data[i], in[i].msg_len);
	}
}

static int bare_serve(const char *listen)
{
	static struct bare b;
	struct epoll_event ev = {.events = EPOLLIN};
	struct sigaction sa = {.sa_handler = bare_on_term};
	struct sockaddr_storage addr;
	char text[64];
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (!net_parse(listen, &addr, &b.addr_len))
		return 2;
	b.fd = net_udp(&addr, b.addr_len);
	b.client = calloc(BARE_CLIENTS, sizeof(*b.client));
	b.slot = calloc(BARE_SLOTS, sizeof(*b.slot));
	if (b.fd == -1 || ep == -1 || b.client == NULL || b.slot == NULL ||
	    epoll_ctl(ep, EPOLL_CTL_ADD, b.fd, &ev) == -1 ||
	    getsockname(b.fd, (struct sockaddr *)&addr, &b.addr_len) == -1) {
		fprintf(stderr, "bare: %s\n", strerror(errno));
		return 1;
	}
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	net_rcvbuf(b.fd, BARE_RCVBUF);
	printf("ready ysf=%s\n", net_text(&addr, text, sizeof(text)));
	fflush(stdout);
	bare_loop(&b, ep);
	printf("{\"frames\":%llu,\"datagrams\":%llu,\"clients\":%u,\"drops\":%u}\n",
	       (unsigned long long)b.frames, (unsigned long long)b.datagrams, b.nclients,
	       net_drops(b.fd));
	return 0;
}

static void bare_pin(long cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	if (cpu >= 0)
		(void)sched_setaffinity(0, sizeof(set), &set);
}

/* Room for one datagram and all that the kernel says about it. */
struct inbox {
	struct sockaddr_storage from;
	uint8_t data[256];
	uint8_t control[128] __attribute__((aligned(8)));
};

/* The receivers of --sendonly: read as the simulator does, but only count. */
static void bare_drain(int fd, volatile uint64_t *count)
{
	static struct inbox box[BARE_INBOXES];
	static struct iovec iov[BARE_INBOXES];
	static struct mmsghdr in[BARE_INBOXES];
	struct pollfd p = {.fd = fd, .events = POLLIN};

	for (;;) {
		int n;

		for (int i = 0; i < BARE_INBOXES; i++) {
			iov[i] = (struct iovec){box[i].data, sizeof(box[i].data)};
			in[i].msg_hdr = (struct msghdr){.msg_name = &box[i].from,
							.msg_namelen = sizeof(box[i].from),
							.msg_iov = &iov[i],
							.msg_iovlen = 1,
							.msg_control = box[i].control,
							.msg_controllen = sizeof(box[i].control)};
		}
		(void)poll(&p, 1, -1);
		n = recvmmsg(fd, in, BARE_INBOXES, MSG_DONTWAIT, NULL);
		if (n > 0)
			__atomic_add_fetch(count, (uint64_t)n, __ATOMIC_RELEASE);
	}
}

/* What --sendonly measures. */
struct pump {
	double waited_s; /* processor time spent on waiting, with the window full */
	struct slices slices;
};

/* Processor time of this process so far. */
static double bare_cpu_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Until the receivers have got on, or for a good while; returns the processor time it took. */
static double bare_spin(const volatile uint64_t *count, uint64_t got)
{
	double start = bare_cpu_s();

	for (int i = 0; i < 100000 && __atomic_load_n(count, __ATOMIC_ACQUIRE) == got; i++)
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return bare_cpu_s() - start;
}

/* Send to all receivers again and again while no more than window frames each are on their way. */
static void bare_pump(struct bare *b, unsigned n, unsigned window, uint64_t end,
		      volatile uint64_t *count, struct pump *p)
{
	static uint8_t frame[NET_FRAME] = "YSFD";
	struct room *r = &b->room[BARE_DEFAULT];
	uint64_t seen = 0, now = net_now(), progress = now;

	r->iov = (struct iovec){frame, sizeof(frame)};
	while (now < end) {
		uint64_t got = __atomic_load_n(count, __ATOMIC_ACQUIRE);
		bool full = b->datagrams - got > (uint64_t)(window - 1) * n;

		if (got != seen)
			progress = now;
		seen = got;
		if (full && now - progress < NET_SECOND / 2) {
			p->waited_s += bare_spin(count, got);
		} else {
			bare_span(b, r->msg, n);
			b->frames++;
		}
		now = net_now();
		slices_tick(&p->slices, now, b->datagrams);
	}
}

/* A socket bound to every address at once, read by a process of its own. */
static pid_t bare_receivers(struct sockaddr_in *addr_r, long cpu, volatile uint64_t *count)
{
	struct sockaddr_storage any = {.ss_family = AF_INET};
	socklen_t len = sizeof(*addr_r);
	int fd = net_udp(&any, len);
	int on = 1;
	pid_t pid;

	if (fd == -1 || setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) == -1)
		return -1;
	net_rcvbuf(fd, 64 << 20);
	if (getsockname(fd, (struct sockaddr *)addr_r, &len) == -1)
		return -1;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		bare_pin(cpu);
		bare_drain(fd, count);
	}
	close(fd);
	return pid;
}

static int bare_sendonly(unsigned n, unsigned window, unsigned seconds, long cpu)
{
	static struct bare b; /* too big for the stack */
	volatile uint64_t *count =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sockaddr_storage mine = {.ss_family = AF_INET};
	struct sockaddr_in to;
	static struct pump pump;
	uint64_t start, end;
	pid_t pid;

	if (count == MAP_FAILED)
		return 1;
	((struct sockaddr_in *)&mine)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	b.addr_len = sizeof(to);
	b.fd = net_udp(&mine, b.addr_len);
	b.client = calloc(n, sizeof(*b.client));
	pid = bare_receivers(&to, cpu, count);
	if (b.fd == -1 || b.client == NULL || pid == -1) {
		fprintf(stderr, "bare: %s\n", strerror(errno));
		return 1;
	}
	for (unsigned i = 0; i < n; i++) {
		to.sin_addr.s_addr = htonl(BARE_DRAIN + 1 + i);
		memcpy(&b.client[i].addr, &to, sizeof(to));
		b.client[i].dgid = BARE_DEFAULT;
		bare_join(&b, &b.client[i]);
	}
	start = net_now();
	bare_pump(&b, n, window, start + seconds * NET_SECOND, count, &pump);
	end = net_now();
	kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	printf("{\"sendonly\":%u,\"window\":%u,\"datagrams\":%llu,\"received\":%llu,"
	       "\"seconds\":%.3f,\"waited_s\":%.3f,\"cpu_s\":%.3f,\"datagrams_per_s\":%.0f,"
	       "\"slice_datagrams_per_s\":%.0f}\n",
	       n, window, (unsigned long long)b.datagrams, (unsigned long long)*count,
	       (double)(end - start) / 1e9, pump.waited_s, bare_cpu_s(),
	       (double)b.datagrams / ((double)(end - start) / 1e9), slices_median(&pump.slices));
	return 0;
}

static int bare_usage(void)
{
	fputs("usage: bare HOST:PORT\n"
	      "       bare --sendonly RECEIVERS WINDOW SECONDS DRAIN_CPU\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	long n, window, seconds, cpu;
	int status;

	if (argc == 2) {
		status = bare_serve(argv[1]);
		return status == 2 ? bare_usage() : status;
	}
	if (argc != 6 || strcmp(argv[1], "--sendonly") != 0 ||
	    !net_number(argv[2], 1, BARE_CLIENTS, &n) || !net_number(argv[3], 1, 1024, &window) ||
	    !net_number(argv[4], 1, 60, &seconds) || !net_number(argv[5], -1, 1023, &cpu))
		return bare_usage();
	return bare_sendonly((unsigned)n, (unsigned)window, (unsigned)seconds, cpu);
}
