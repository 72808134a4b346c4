/* SPDX-License-Identifier: ISC
 *
 * NAME      weather - a wire between two network namespaces, and what may happen to packets on it
 * PURPOSE   Makes two namespaces, near and far, each with a tun device, and carries real IP packets
 *           between them; loses, doubles, overtakes, delays or stops them as it is told, and accounts
 *           for each by direction and kind, so that a truth-keeper can tell what the weather lost
 *           from what the daemon lost.
 * OWNER     tests/lib/weather.py, or a person
 * CONTRACT  `weather [SEED]`. First line: "ready near=PATH far=PATH", files for nsenter --net=. Then a
 *           command a line on standard input, each answered by "ok", "bad: why" or a JSON line:
 *             loss|double|overtake up|down|both PERCENT   up: far to near (gateways to daemon)
 *             delay|jitter|behind MS   all wait so long; up to so much longer; overtaken ones so much
 *             spare [KIND...]          kinds that nothing of it happens to
 *             cut on|off               nothing passes
 *             seed N, calm             calm ends all of these
 *             remove|make near|far     the device goes; comes back, without address, and down
 *             report                   counts since the beginning
 *           Ends with its input, and takes devices and namespaces along.
 * LIMITS    a frame is a header if its counter is 0: calls of at most 127 frames are told apart.
 *           QUEUE packets under way, those beyond go at once and are counted; 2 KiB a packet
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DEVICE "weather0"
#define PACKET 2048
#define QUEUE  65536
#define BATCH  256
#define MS     1000000ULL

enum { NEAR, FAR, SIDES };
enum way { DOWN, UP, WAYS }; /* DOWN: what NEAR sends */

enum kind { HEADER, VOICE, END, POLL, ANSWER, OTHER_UDP, TCP, ICMP, REST, KINDS };

static const char *const kind_name[KINDS] = {"header", "voice", "end",	"poll", "answer",
					     "udp",    "tcp",	"icmp", "other"};

enum fate { PASSED, LOST, DOUBLED, OVERTAKEN, CUT, CROWDED, FATES };

static const char *const fate_name[FATES] = {"passed",	  "lost", "doubled",
					     "overtaken", "cut",  "crowded"};

struct packet {
	uint64_t due;
	uint64_t number; /* of two that are due at once the earlier goes first */
	uint32_t length;
	uint8_t to;
	uint8_t data[];
};

struct weather {
	int space[SIDES]; /* network namespaces */
	int device[SIDES];
	uint64_t random;
	double loss[WAYS], twice[WAYS], overtake[WAYS];
	uint64_t delay, jitter, behind;
	bool spared[KINDS];
	bool cut;
	uint64_t count[WAYS][KINDS][FATES];
	uint64_t refused; /* by a device that is down */
	uint64_t number;
	struct packet *queue[QUEUE]; /* a heap, the next on top */
	unsigned queued;
};

static struct weather the_weather; /* too large for the stack */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 * MS + (uint64_t)ts.tv_nsec;
}

/* splitmix64 */
static uint64_t next_random(struct weather *w)
{
	uint64_t z = w->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static bool happens(struct weather *w, double percent)
{
	/* asked only if it can happen: what is off must not change what the seed gives */
	return percent > 0 && (double)(next_random(w) >> 11) * 0x1p-53 * 100 < percent;
}

/* ---- what a packet is ---- */

static enum kind kind_of_udp(const uint8_t *udp, size_t length)
{
	const uint8_t *data = udp + 8;

	if (length < 8 + 14)
		return OTHER_UDP;
	if (length == 8 + 155 && memcmp(data, "YSFD", 4) == 0) {
		if (data[34] & 1)
			return END;
		return data[34] == 0 ? HEADER : VOICE;
	}
	if (length == 8 + 14 && memcmp(data, "YSFP", 4) == 0)
		return memcmp(data, "YSFPREFLECTOR ", 14) == 0 ? ANSWER : POLL;
	return OTHER_UDP;
}

static enum kind kind_of(const uint8_t *data, size_t length)
{
	size_t head;
	uint8_t protocol;

	if (length >= 20 && data[0] >> 4 == 4) {
		head = (size_t)(data[0] & 15) * 4;
		protocol = data[9];
	} else if (length >= 40 && data[0] >> 4 == 6) {
		head = 40;
		protocol = data[6];
	} else {
		return REST;
	}
	if (protocol == 17 && length >= head)
		return kind_of_udp(data + head, length - head);
	if (protocol == 6)
		return TCP;
	return protocol == 1 || protocol == 58 ? ICMP : REST;
}

/* ---- under way ---- */

static void deliver(struct weather *w, int to, const uint8_t *data, size_t length)
{
	if (w->device[to] < 0 || write(w->device[to], data, length) != (ssize_t)length)
		w->refused++;
}

static bool sooner(const struct packet *a, const struct packet *b)
{
	return a->due != b->due ? a->due < b->due : a->number < b->number;
}

static void enqueue(struct weather *w, struct packet *packet)
{
	unsigned at = w->queued++;

	for (; at > 0 && sooner(packet, w->queue[(at - 1) / 2]); at = (at - 1) / 2)
		w->queue[at] = w->queue[(at - 1) / 2];
	w->queue[at] = packet;
}

static struct packet *dequeue(struct weather *w)
{
	struct packet *top = w->queue[0], *last = w->queue[--w->queued];
	unsigned at = 0, child;

	while ((child = 2 * at + 1) < w->queued) {
		if (child + 1 < w->queued && sooner(w->queue[child + 1], w->queue[child]))
			child++;
		if (sooner(last, w->queue[child]))
			break;
		w->queue[at] = w->queue[child];
		at = child;
	}
	w->queue[at] = last;
	return top;
}

static void send_due(struct weather *w, uint64_t now)
{
	while (w->queued > 0 && w->queue[0]->due <= now) {
		struct packet *packet = dequeue(w);

		deliver(w, packet->to, packet->data, packet->length);
		free(packet);
	}
}

/* After WAIT, or at once. */
static void send_on(struct weather *w, int to, const uint8_t *data, size_t length, uint64_t wait,
		    uint64_t *crowded)
{
	struct packet *packet = NULL;

	if (wait > 0 && w->queued < QUEUE)
		packet = malloc(sizeof(*packet) + length);
	if (packet == NULL) {
		*crowded += wait > 0;
		deliver(w, to, data, length);
		return;
	}
	packet->due = now_ns() + wait;
	packet->number = w->number++;
	packet->length = (uint32_t)length;
	packet->to = (uint8_t)to;
	memcpy(packet->data, data, length);
	enqueue(w, packet);
}

static uint64_t wait_of(struct weather *w)
{
	return w->delay + (w->jitter > 0 ? next_random(w) % w->jitter : 0);
}

static void carry(struct weather *w, enum way way, const uint8_t *data, size_t length)
{
	enum kind kind = kind_of(data, length);
	uint64_t *count = w->count[way][kind], wait;
	int to = way == DOWN ? FAR : NEAR;

	if (w->cut) {
		count[CUT]++;
		return;
	}
	if (w->spared[kind]) {
		count[PASSED]++;
		send_on(w, to, data, length, w->delay, &count[CROWDED]);
		return;
	}
	if (happens(w, w->loss[way])) {
		count[LOST]++;
		return;
	}
	count[PASSED]++;
	wait = wait_of(w);
	if (happens(w, w->overtake[way])) {
		count[OVERTAKEN]++;
		wait += w->behind;
	}
	send_on(w, to, data, length, wait, &count[CROWDED]);
	if (happens(w, w->twice[way])) {
		count[DOUBLED]++;
		send_on(w, to, data, length, wait_of(w), &count[CROWDED]);
	}
}

static void read_device(struct weather *w, int from)
{
	uint8_t data[PACKET];
	ssize_t length;

	for (unsigned i = 0; i < BATCH; i++) {
		length = read(w->device[from], data, sizeof(data));
		if (length <= 0)
			return; /* nothing more, or the device is down */
		carry(w, from == NEAR ? DOWN : UP, data, (size_t)length);
	}
}

/* ---- namespaces and devices ---- */

static bool lift_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;

	if (fd >= 0)
		close(fd);
	return up;
}

static bool make_device(struct weather *w, int side)
{
	struct ifreq request = {.ifr_name = DEVICE, .ifr_flags = IFF_TUN | IFF_NO_PI};

	if (w->device[side] >= 0)
		return true;
	if (setns(w->space[side], CLONE_NEWNET) != 0)
		return false;
	w->device[side] = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return w->device[side] >= 0 && ioctl(w->device[side], TUNSETIFF, &request) == 0;
}

static bool make_side(struct weather *w, int side)
{
	w->device[side] = -1;
	if (unshare(CLONE_NEWNET) != 0 || !lift_loopback())
		return false;
	w->space[side] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return w->space[side] >= 0 && make_device(w, side);
}

/* ---- commands ---- */

static bool for_ways(double value[WAYS], const char *way, const char *percent)
{
	bool both = way != NULL && strcmp(way, "both") == 0;
	double number = percent != NULL ? atof(percent) : -1;

	if (number < 0 || number > 100)
		return false;
	if (!both && (way == NULL || (strcmp(way, "up") != 0 && strcmp(way, "down") != 0)))
		return false;
	if (both || strcmp(way, "up") == 0)
		value[UP] = number;
	if (both || strcmp(way, "down") == 0)
		value[DOWN] = number;
	return true;
}

static bool in_ms(uint64_t *value, const char *text)
{
	if (text == NULL || atof(text) < 0)
		return false;
	*value = (uint64_t)(atof(text) * (double)MS);
	return true;
}

static bool spare(struct weather *w, char *word)
{
	memset(w->spared, 0, sizeof(w->spared));
	for (; word != NULL; word = strtok(NULL, " ")) {
		unsigned kind = 0;

		while (kind < KINDS && strcmp(kind_name[kind], word) != 0)
			kind++;
		if (kind == KINDS)
			return false;
		w->spared[kind] = true;
	}
	return true;
}

static void calm(struct weather *w)
{
	for (unsigned way = 0; way < WAYS; way++)
		w->loss[way] = w->twice[way] = w->overtake[way] = 0;
	w->delay = w->jitter = 0;
	w->cut = false;
	send_due(w, UINT64_MAX);
}

static void report(const struct weather *w)
{
	static const char *const way_name[WAYS] = {"down", "up"};

	printf("{\"refused\":%llu,\"queued\":%u", (unsigned long long)w->refused, w->queued);
	for (unsigned way = 0; way < WAYS; way++) {
		printf(",\"%s\":{", way_name[way]);
		for (unsigned kind = 0; kind < KINDS; kind++) {
			printf("%s\"%s\":{", kind > 0 ? "," : "", kind_name[kind]);
			for (unsigned fate = 0; fate < FATES; fate++)
				printf("%s\"%s\":%llu", fate > 0 ? "," : "", fate_name[fate],
				       (unsigned long long)w->count[way][kind][fate]);
			printf("}");
		}
		printf("}");
	}
	printf("}\n");
}

static int side_of(const char *word)
{
	if (word == NULL)
		return SIDES;
	return strcmp(word, "near") == 0 ? NEAR : strcmp(word, "far") == 0 ? FAR : SIDES;
}

static bool change_device(struct weather *w, bool make, const char *word)
{
	int side = side_of(word);

	if (side == SIDES)
		return false;
	if (make)
		return make_device(w, side);
	if (w->device[side] >= 0)
		close(w->device[side]);
	w->device[side] = -1;
	return true;
}

static bool obey(struct weather *w, const char *what, char *one, const char *two)
{
	if (strcmp(what, "loss") == 0)
		return for_ways(w->loss, one, two);
	if (strcmp(what, "double") == 0)
		return for_ways(w->twice, one, two);
	if (strcmp(what, "overtake") == 0)
		return for_ways(w->overtake, one, two);
	if (strcmp(what, "delay") == 0)
		return in_ms(&w->delay, one);
	if (strcmp(what, "jitter") == 0)
		return in_ms(&w->jitter, one);
	if (strcmp(what, "behind") == 0)
		return in_ms(&w->behind, one);
	if (strcmp(what, "remove") == 0 || strcmp(what, "make") == 0)
		return change_device(w, what[0] == 'm', one);
	if (strcmp(what, "cut") == 0 && one != NULL) {
		w->cut = strcmp(one, "on") == 0;
		return true;
	}
	if (strcmp(what, "seed") == 0 && one != NULL) {
		w->random = strtoull(one, NULL, 10);
		return true;
	}
	if (strcmp(what, "calm") != 0)
		return false;
	calm(w);
	return true;
}

static void command(struct weather *w, char *line)
{
	char *what = strtok(line, " ");
	bool known;

	errno = EINVAL;
	if (what != NULL && strcmp(what, "report") == 0) {
		report(w);
		return;
	}
	if (what != NULL && strcmp(what, "spare") == 0) {
		known = spare(w, strtok(NULL, " "));
	} else {
		char *one = strtok(NULL, " ");

		known = what != NULL && obey(w, what, one, strtok(NULL, " "));
	}
	if (known)
		printf("ok\n");
	else
		printf("bad: %s: %s\n", what != NULL ? what : "nothing", strerror(errno));
}

/* False at the end of the input. */
static bool read_commands(struct weather *w)
{
	static char text[4096];
	static size_t have;
	ssize_t got = read(STDIN_FILENO, text + have, sizeof(text) - 1 - have);
	char *end;

	if (got <= 0)
		return false;
	have += (size_t)got;
	text[have] = '\0';
	while ((end = strchr(text, '\n')) != NULL) {
		*end = '\0';
		command(w, text);
		have -= (size_t)(end + 1 - text);
		memmove(text, end + 1, have + 1);
	}
	return have < sizeof(text) - 1;
}

/* ---- the life of it ---- */

static void run(struct weather *w)
{
	for (;;) {
		struct pollfd watch[] = {{STDIN_FILENO, POLLIN, 0},
					 {w->device[NEAR], POLLIN, 0},
					 {w->device[FAR], POLLIN, 0}};
		struct timespec wait = {1, 0};

		if (w->queued > 0) {
			uint64_t now = now_ns(), due = w->queue[0]->due;
			uint64_t left = due > now ? due - now : 0;

			wait = (struct timespec){(time_t)(left / (1000 * MS)),
						 (long)(left % (1000 * MS))};
		}
		if (ppoll(watch, 3, &wait, NULL) < 0 && errno != EINTR)
			return;
		send_due(w, now_ns());
		for (int side = NEAR; side <= FAR; side++)
			if (watch[1 + side].revents & POLLIN)
				read_device(w, side);
		if (watch[0].revents != 0 && !read_commands(w))
			return;
	}
}

int main(int argc, char **argv)
{
	struct weather *w = &the_weather;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setvbuf(stdout, NULL, _IOLBF, 0);
	w->random = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	w->behind = 150 * MS;
	if (!make_side(w, NEAR) || !make_side(w, FAR)) {
		fprintf(stderr, "weather: can't make a namespace with a tun device: %s\n",
			strerror(errno));
		return 1;
	}
	printf("ready near=/proc/%d/fd/%d far=/proc/%d/fd/%d\n", (int)getpid(), w->space[NEAR],
	       (int)getpid(), w->space[FAR]);
	run(w);
	return 0;
}
