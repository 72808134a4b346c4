/* SPDX-License-Identifier: ISC
 *
 * NAME      perfan - what it costs to bring spots to sessions
 * PURPOSE   Runs the fan-out of a DX cluster worker on a log of its own, to sessions over loopback, and
 *           beside it, batch by batch, a bare loop that sends the same bytes to the same sockets.
 * OWNER     make bench
 * CONTRACT  perfan SESSIONS FILTERS SPOTS ROUNDS: SPOTS new spots in each of ROUNDS rounds to SESSIONS
 *           sessions with FILTERS different filters, all of which pass all of them. Prints one JSON
 *           object. What counts is this process's processor time; a child on another processor reads
 *           each batch, when it is sent and before the next is.
 * LIMITS    appending to the log is the pipeline's work and not counted
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master/config.h"
#include "master/snapshot.h"
#include "shm/clock.h"
#include "shm/gate.h"
#include "shm/store/spots.h"
#include "workers/dxc/fan.h"
#include "workers/dxc/filter_inside.h"

#define KEPT	 20000
#define WARM_UP	 20
#define LINE_MAX 128

struct bench {
	struct worker worker;
	struct dxc dxc;
	unsigned sessions, filters, spots, rounds;
	int *fd; /* our ends */
	struct client *client;
	pid_t reader;
	struct {
		_Atomic uint64_t wanted, got; /* bytes */
	} * shared;
	uint64_t sent;
	char *bytes; /* the bare loop's batch */
	char folder[32];
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "perfan: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t cpu_now(void)
{
	return clock_read(CLOCK_PROCESS_CPUTIME_ID);
}

/* ---- the other side ---- */

/* Looks only when it is told to: nobody is woken by what is sent, as it would be elsewhere. */
static _Noreturn void read_all(struct bench *bench, const int *fds)
{
	static char room[1 << 20];
	cpu_set_t second;

	CPU_ZERO(&second);
	CPU_SET(1, &second);
	sched_setaffinity(0, sizeof(second), &second);
	for (uint64_t got = 0;; usleep(100)) {
		uint64_t wanted = atomic_load(&bench->shared->wanted);

		while (got < wanted)
			for (unsigned i = 0; i < bench->sessions; i++) {
				ssize_t part = recv(fds[i], room, sizeof(room), MSG_DONTWAIT);

				got += part > 0 ? (uint64_t)part : 0;
			}
		atomic_store(&bench->shared->got, got);
	}
}

static void await_reader(struct bench *bench)
{
	atomic_store(&bench->shared->wanted, bench->sent);
	while (atomic_load(&bench->shared->got) < bench->sent)
		usleep(100);
}

static void connect_all(struct bench *bench)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(sin);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int *client = calloc(bench->sessions, sizeof(int));

	bench->fd = calloc(bench->sessions, sizeof(int));
	if (bind(listener, (struct sockaddr *)&sin, length) != 0 || listen(listener, 100) != 0 ||
	    getsockname(listener, (struct sockaddr *)&sin, &length) != 0)
		fail("no listener");
	for (unsigned i = 0; i < bench->sessions; i++) {
		client[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(client[i], (struct sockaddr *)&sin, length) != 0)
			fail("connect");
		bench->fd[i] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (bench->fd[i] < 0)
			fail("accept");
	}
	close(listener);
	bench->shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bench->reader = fork();
	if (bench->reader == 0) {
		for (unsigned i = 0; i < bench->sessions; i++)
			close(bench->fd[i]);
		read_all(bench, client);
	}
	for (unsigned i = 0; i < bench->sessions; i++)
		close(client[i]);
	free(client);
}

/* ---- a worker's surroundings ---- */

static void open_conf(struct bench *bench)
{
	static struct problems problems;
	const char *ini = "[limits]\nspots = 20000\n[dxc]\nbatch_interval = 0\nkeepalive = 0\n";
	struct config_request request = {.file = "perfan.ini", .directory = "/"};
	struct config *config;
	int fd;

	if (config_parse(&config, &request, ini, strlen(ini), &problems) != 0)
		fail("configuration");
	fd = snapshot_build(config, 1, NULL);
	bench->worker.conf = conf_map(fd);
	config_destroy(&config);
	close(fd);
}

static void open_store(struct bench *bench)
{
	struct store_config config = {
		.kind = STORE_SPOTS,
		.gate_fd = gate_create("perfan"),
		.slot = "dxc.0",
		.max_spots = KEPT,
		.create = true,
	};
	char error[256];
	bool aside;

	strcpy(bench->folder, "/dev/shm/perfan-XXXXXX");
	if (mkdtemp(bench->folder) == NULL)
		fail("folder");
	config.path = bench->folder;
	config.map_size = store_map_size(&config);
	if (store_open(&bench->worker.spots, &config, &aside, error) != STORE_OK)
		fail(error);
}

static void on_open(struct tcp_conn *conn)
{
	(void)conn;
}

static void on_line(struct tcp_conn *conn, const struct tcp_line *line)
{
	(void)conn;
	(void)line;
}

static const struct tcp_kind service = {
	.open = on_open,
	.line = on_line,
	.told = fan_told,
	.ready = fan_ready,
};

static void open_worker(struct bench *bench)
{
	struct worker *worker = &bench->worker;
	int table = table_create("dxc.0", bench->sessions), page = page_create("dxc.0", 0);

	worker->loop = ev_loop_new(EVFLAG_NOENV);
	worker->page = page_map(page);
	worker->control = -1;
	if (!table_map(table, &worker->table))
		fail("table");
	worker->table.block->mode = TABLE_EXACT;
	bench->dxc.worker = worker;
	bench->dxc.tcp = tcp_new(worker, &service);
	tcp_go(bench->dxc.tcp);
	bench->dxc.fan = fan_new(&bench->dxc);
}

/* Filter INDEX: passes all that is sent here; which band that isn't it does not pass tells it from
 * the others. */
static void make_filter(struct filter *filter, unsigned index)
{
	char reply[FILTER_REPLY], words[64];

	filter_clear(filter);
	if (index == 0)
		return;
	snprintf(words, sizeof(words), "DXZONE %u", 1 + index);
	if (!filter_reject_words(filter, words, reply))
		fail(reply);
}

static unsigned joined;
static struct bench *joining;

static void join(struct tcp_conn *conn, void *arg)
{
	struct filter *filter = arg;
	struct client *client = &joining->client[joined];
	struct fan_want want = {.filter = filter, .format = FORMAT_SPIDER, .self = true};

	snprintf(want.base, sizeof(want.base), "DL%uA", joined);
	client->dxc = &joining->dxc;
	client->conn = conn;
	*tcp_user(conn) = client;
	make_filter(filter, joined++ % joining->filters);
	if (!fan_want(client, &want))
		fail("join");
}

static void open_sessions(struct bench *bench)
{
	struct filter *filter = malloc(filter_size());
	struct addr peer = {.port = 1};

	for (unsigned i = 0; i < bench->sessions; i++) {
		struct msg_fd head = {.role = FD_TCP, .index = (uint16_t)i};
		struct msg msg = {.type = MSG_FD, .length = sizeof(head), .fd = dup(bench->fd[i])};
		struct table_counts counts;

		if (table_measure(bench->fd[i], &counts) != 0)
			fail("counters");
		table_fill(&bench->worker.table.block->entry[i], i + 1, &peer, &counts);
		memcpy(msg.body, &head, sizeof(head));
		if (!tcp_take(bench->dxc.tcp, &msg))
			fail("no place for a session");
	}
	bench->client = calloc(bench->sessions, sizeof(struct client));
	joining = bench;
	tcp_each(bench->dxc.tcp, join, filter);
	free(filter);
}

/* ---- rounds ---- */

/* Appends spots; the bare loop's bytes are theirs. Returns how many bytes. */
static size_t append(struct bench *bench)
{
	struct store_txn txn;
	size_t length = 0;
	uint64_t number;

	if (store_write(bench->worker.spots, &txn) != STORE_OK)
		fail("store");
	for (unsigned i = 0; i < bench->spots; i++) {
		struct spot spot = {
			.version = SPOT_VERSION,
			.source = SPOT_RBN,
			.mode = MODE_CW,
			.flags = SPOT_HAS_REPORT,
			.report = (int16_t)(10 + i % 20),
			.hz = 14000000 + i * 100,
			.raw_hz = 14000000 + i * 100,
			.band = (uint8_t)band_of(14000000),
			.time = (int64_t)(clock_real() / NS_PER_SEC),
			.arrived = clock_mono(),
			.dx = "LZ5VV",
			.de = "W3LPL-#",
			.dx_side = {.cq = 1, .adif = 212},
		};

		spot_set_comment(&spot, "22 WPM CQ", 9);
		if (spots_append(&txn, &spot, &number) != STORE_OK)
			fail("append");
		length += render_spot(FORMAT_SPIDER, number, &spot, false, bench->bytes + length);
	}
	if (store_end(&txn) != STORE_OK)
		fail("commit");
	return length;
}

static uint64_t run_fan(struct bench *bench)
{
	uint64_t began = cpu_now();

	fan_tick(bench->dxc.fan);
	return cpu_now() - began;
}

static uint64_t run_bare(struct bench *bench, size_t length)
{
	uint64_t began = cpu_now();

	for (unsigned i = 0; i < bench->sessions; i++)
		for (size_t at = 0; at < length;) {
			size_t part =
				length - at < TABLE_CHUNK_BYTES ? length - at : TABLE_CHUNK_BYTES;
			ssize_t sent = send(bench->fd[i], bench->bytes + at, part,
					    MSG_DONTWAIT | MSG_NOSIGNAL);

			if (sent != (ssize_t)part)
				fail("the bare loop filled a socket");
			at += part;
		}
	return cpu_now() - began;
}

/* The bare loop's bytes are not the worker's: they must not count among its own. */
static void forget_bare(struct bench *bench, size_t length)
{
	for (unsigned i = 0; i < bench->sessions; i++)
		bench->worker.table.block->entry[i].base_sent += length;
}

static void measure(struct bench *bench)
{
	uint64_t fan = 0, bare = 0;
	size_t length = 0;

	for (unsigned round = 0; round < bench->rounds + WARM_UP; round++) {
		bool fan_first = round % 2 == 0;
		uint64_t took[2];

		length = append(bench);
		for (unsigned i = 0; i < 2; i++) {
			bool is_fan = (i == 0) == fan_first;

			took[is_fan] = is_fan ? run_fan(bench) : run_bare(bench, length);
			bench->sent += length * bench->sessions;
			await_reader(bench);
		}
		forget_bare(bench, length);
		if (round < WARM_UP)
			continue;
		fan += took[true];
		bare += took[false];
	}
	printf("{\"fan_ns\":%.1f,\"bare_ns\":%.1f,\"ratio\":%.4f,\"lines_per_s\":%.0f,"
	       "\"bare_per_s\":%.0f,\"batch_bytes\":%zu}\n",
	       (double)fan / bench->rounds / bench->sessions / bench->spots,
	       (double)bare / bench->rounds / bench->sessions / bench->spots,
	       (double)bare / (double)fan,
	       1e9 * bench->rounds * bench->sessions * bench->spots / (double)fan,
	       1e9 * bench->rounds * bench->sessions * bench->spots / (double)bare, length);
}

static unsigned number(const char *text, unsigned most)
{
	unsigned long value = strtoul(text, NULL, 10);

	if (value < 1 || value > most)
		fail(text);
	return (unsigned)value;
}

int main(int argc, char **argv)
{
	struct rlimit files = {65536, 65536};
	static struct bench bench;
	char path[64];

	if (argc != 5) {
		fprintf(stderr, "usage: perfan SESSIONS FILTERS SPOTS ROUNDS\n");
		return 2;
	}
	bench.sessions = number(argv[1], 10000);
	bench.filters = number(argv[2], 39);
	bench.spots = number(argv[3], 2000);
	bench.rounds = number(argv[4], 100000);
	bench.bytes = malloc((size_t)bench.spots * LINE_MAX);
	setrlimit(RLIMIT_NOFILE, &files);
	connect_all(&bench);
	open_conf(&bench);
	open_store(&bench);
	open_worker(&bench);
	open_sessions(&bench);
	measure(&bench);
	kill(bench.reader, SIGKILL);
	waitpid(bench.reader, NULL, 0);
	store_close(&bench.worker.spots);
	snprintf(path, sizeof(path), "%s/data.mdb", bench.folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/lock.mdb", bench.folder);
	unlink(path);
	rmdir(bench.folder);
	return 0;
}
