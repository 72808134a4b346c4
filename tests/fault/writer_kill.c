/* SPDX-License-Identifier: ISC
 *
 * NAME      writer_kill - kills writers of the store inside their transactions
 * PURPOSE   Several processes write through the real store and gate; this one, outside, keeps
 *           what they acknowledged (a number down a pipe after each commit), kills them with
 *           SIGKILL again and again, and after each kill compares every record of the store
 *           with what the acknowledged batches must have made of it.
 * OWNER     tests/fault/test_writer_kill.py, or a person
 * CONTRACT  `writer_kill [--kills N] [--places N] [--traces N] [--seed N]`: kills at random
 *           instants of running writers until N held the gate, then N kills at chosen
 *           instructions, spread over all that a few transactions were seen to pass. Prints one
 *           JSON object. Exit 0: nothing was lost, nothing broken, nobody waited.
 * LIMITS    Linux; --places needs ptrace (exit 77 where it can't be had)
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/gate.h"
#include "shm/log.h"
#include "shm/store/clients.h"
#include "shm/store/events.h"
#include "tests/fault/lib_model.h"
#include "tests/fault/lib_steps.h"

#define PATIENCE (10 * NS_PER_SEC) /* nobody may wait so long; generous, for sanitizers */
#define PLACES	 400000		   /* instructions of a transaction that are noted */
#define BATCHES	 40 /* in which an instruction that others passed should come again */

struct writer {
	pid_t pid;
	int pipe; /* its acknowledgements; -1: it is not running */
	uint64_t acknowledged;
	unsigned doubts; /* predecessors that may have committed a batch each without saying so */
};

/* The events since the last audit must tell of every change of the tables. */
struct ledger {
	uint64_t cursor, id;
	int64_t clients, streams, blocks;
	const char *wrong;
};

struct bench {
	char dir[64], path[96];
	struct store_config config;
	struct gate *gate;
	struct writer writer[MODEL_WRITERS];
	struct model model[MODEL_WRITERS];
	struct ledger ledger;
	uint32_t seed;
	unsigned kills, audits, hits;
	uint64_t commits, longest_wait, instructions;
	uint64_t place[PLACES];
	unsigned nplaces;
};

static void fail(const struct bench *b, const char *what)
{
	fprintf(stderr, "writer_kill: after %u kills: %s\n", b->kills, what);
	for (int i = 0; i < MODEL_WRITERS; i++) {
		if (b->writer[i].pid > 0)
			kill(b->writer[i].pid, SIGKILL);
	}
	exit(1);
}

static uint32_t bench_random(struct bench *b)
{
	b->seed = b->seed * 1664525U + 1013904223U;
	return b->seed >> 8;
}

/* ---- the writers ---- */

/* One batch; returns its number when it is committed, 0 when another process writes. It follows on
 * what the transaction sees: a batch that its predecessor had all but committed when it died is
 * there, or not, as the store decided when it was recovered. */
static uint64_t write_batch(struct store *store, unsigned writer)
{
	struct store_txn txn;
	uint64_t batch;

	if (store_write(store, &txn) == STORE_BUSY)
		return 0;
	batch = model_committed(&txn, writer) + 1;
	model_write(&txn, writer, batch);
	if (store_end(&txn) != STORE_OK) {
		fprintf(stderr, "writer %u: %s\n", writer, store_error_text(txn.error));
		_exit(4);
	}
	return batch;
}

/* Acknowledges each commit. One that is traced stops before each batch but the first. */
static void write_for_ever(const struct store_config *config, unsigned writer, int ack, bool traced)
{
	struct timespec busy = {.tv_nsec = 10000};
	struct store *store;
	char error[256];
	uint64_t batch;

	if (store_open(&store, config, NULL, error) != STORE_OK) {
		fprintf(stderr, "writer %u: %s\n", writer, error);
		_exit(3);
	}
	for (;;) {
		batch = write_batch(store, writer);
		if (batch == 0) {
			nanosleep(&busy, NULL);
			continue;
		}
		if (write(ack, &batch, sizeof(batch)) != sizeof(batch))
			_exit(6);
		if (traced)
			raise(SIGSTOP);
	}
}

static void start_writer(struct bench *b, unsigned w, bool traced)
{
	pid_t parent = getpid();
	int ack[2];

	if (pipe2(ack, O_CLOEXEC) == -1)
		fail(b, "no pipe");
	b->writer[w].pid = fork();
	if (b->writer[w].pid == -1)
		fail(b, "no process");
	if (b->writer[w].pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(7);
		log_set_level(LOG_LEVEL_ERROR); /* that others died is what we want */
		close(ack[0]);
		b->config.create = false;
		if (traced)
			ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		write_for_ever(&b->config, w, ack[1], traced);
	}
	close(ack[1]);
	fcntl(ack[0], F_SETFL, O_NONBLOCK);
	b->writer[w].pipe = ack[0];
}

/* Takes in what was acknowledged until now. */
static void hear(struct bench *b, unsigned w)
{
	struct writer *writer = &b->writer[w];
	uint64_t batch[64];
	ssize_t n;

	while (writer->pipe != -1 && (n = read(writer->pipe, batch, sizeof(batch))) > 0) {
		for (size_t i = 0; i < (size_t)n / sizeof(batch[0]); i++) {
			if (batch[i] <= writer->acknowledged ||
			    batch[i] > writer->acknowledged + 1 + writer->doubts)
				fail(b, "a writer skipped or repeated a batch");
			writer->acknowledged = batch[i];
			writer->doubts = 0;
			b->commits++;
		}
	}
}

/* ---- what must hold after any kill ---- */

static void audit_event(uint64_t number, const struct event_record *event, void *arg)
{
	struct ledger *ledger = arg;

	if (ledger->cursor != 0 && number != ledger->cursor + 1)
		ledger->wrong = "a number is missing in the event log";
	ledger->cursor = number;
	ledger->clients += event->type == EVENT_CLIENT_LINK;
	ledger->clients -= event->type == EVENT_CLIENT_UNLINK;
	ledger->streams += event->type == EVENT_STREAM_START;
	ledger->streams -= event->type == EVENT_STREAM_END;
}

/* Each link, unlink, start and end has its event, and no event is without its change. */
static const char *audit_events(struct bench *b, struct store_txn *txn)
{
	struct ledger *ledger = &b->ledger;
	uint64_t cursor = ledger->cursor;
	bool lapped;

	events_follow(txn, &cursor, 10000000, &lapped, audit_event, ledger);
	if (lapped)
		return "the audit was lapped by the event log";
	if (ledger->wrong == NULL && ledger->cursor != events_newest(txn))
		return "the event log does not end with its newest event";
	if (ledger->wrong == NULL && (ledger->clients != (int64_t)clients_count(txn) ||
				      ledger->streams != (int64_t)store_entries(txn, DB_STREAMS)))
		return "the events tell of other changes than the tables show";
	return ledger->wrong;
}

static const char *audit_batches(struct bench *b, struct store_txn *txn)
{
	for (unsigned w = 0; w < MODEL_WRITERS; w++) {
		uint64_t committed = model_committed(txn, w);

		if (committed < b->writer[w].acknowledged)
			return "an acknowledged commit was lost";
		hear(b, w);
		if (committed > b->writer[w].acknowledged + 1 + b->writer[w].doubts)
			return "a commit was not acknowledged, though another followed";
		while (b->model[w].batch < committed)
			model_advance(&b->model[w]);
	}
	return model_compare(txn, b->model);
}

static void audit(struct bench *b)
{
	struct store_config config = b->config;
	bool set_aside = false;
	const char *wrong;
	struct store *store;
	struct store_txn txn;
	char error[256];

	/* heard before the store is read: all of it must be there */
	for (unsigned w = 0; w < MODEL_WRITERS; w++)
		hear(b, w);
	config.create = false;
	if (store_open(&store, &config, &set_aside, error) != STORE_OK)
		fail(b, error);
	if (b->ledger.id != 0 && b->ledger.id != store_id(store))
		fail(b, "this is another store");
	b->ledger.id = store_id(store);
	if (store_read(store, &txn) != STORE_OK)
		fail(b, "the store can't be read");
	wrong = audit_batches(b, &txn);
	if (wrong == NULL)
		wrong = audit_events(b, &txn);
	if (wrong != NULL)
		fail(b, wrong);
	if (store_end(&txn) != STORE_OK)
		fail(b, "the store can't be read to the end");
	if (b->config.page->counter[COUNT_STORE_BAD_RECORD] != 0)
		fail(b, "a damaged record");
	store_close(&store);
	b->audits++;
}

static void end_writer(struct bench *b, unsigned w)
{
	struct writer *writer = &b->writer[w];
	int status;

	kill(writer->pid, SIGKILL);
	if (waitpid(writer->pid, &status, 0) != writer->pid)
		fail(b, "no child to wait for");
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail(b, "a writer ended by itself");
	hear(b, w);
	close(writer->pipe);
	writer->pid = 0;
	writer->doubts++; /* between commit and acknowledgement */
	writer->pipe = -1;
	b->kills++;
}

/* ---- kills at random instants ---- */

/* A moment, and the writer that holds the gate at that moment, or was the last to hold it. */
static unsigned choose_victim(struct bench *b)
{
	struct timespec ts = {.tv_nsec = (long)(bench_random(b) % 400000)};
	unsigned any = bench_random(b) % MODEL_WRITERS;
	uint64_t began = clock_mono();

	nanosleep(&ts, NULL);
	/* some are killed wherever they are, also while they open the store */
	if (bench_random(b) % 16 == 0)
		return any;
	while (clock_age(clock_mono(), began) < PATIENCE) {
		int32_t holder = b->gate->holder;

		for (unsigned w = 0; w < MODEL_WRITERS; w++) {
			if (b->writer[w].pid == holder)
				return w;
		}
	}
	fail(b, "nobody writes");
	return 0;
}

/* Of those that live, somebody goes on at once. */
static void wait_for_a_commit(struct bench *b)
{
	uint64_t commits = b->commits, began = clock_mono(), waited;
	struct timespec ts = {.tv_nsec = 20000};

	while (b->commits == commits) {
		for (unsigned w = 0; w < MODEL_WRITERS; w++)
			hear(b, w);
		if (clock_age(clock_mono(), began) > PATIENCE)
			fail(b, "the writers wait");
		nanosleep(&ts, NULL);
	}
	waited = clock_age(clock_mono(), began);
	if (waited > b->longest_wait)
		b->longest_wait = waited;
}

/* A victim held the gate if another had to recover it. */
static void kill_at_random(struct bench *b, unsigned wanted)
{
	for (unsigned w = 0; w < MODEL_WRITERS; w++)
		start_writer(b, w, false);
	while (b->gate->recovered < wanted) {
		unsigned w = choose_victim(b);

		end_writer(b, w);
		wait_for_a_commit(b);
		audit(b);
		start_writer(b, w, false);
	}
	for (unsigned w = 0; w < MODEL_WRITERS; w++)
		end_writer(b, w);
	audit(b);
}

/* ---- kills at chosen instructions ---- */

/* Waits until the traced writer stops; the signal that stopped it. */
static int wait_for_stop(const struct bench *b, pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		fail(b, "the writer that is traced ended");
	return WSTOPSIG(status);
}

static void go_on(const struct bench *b, pid_t pid, int request)
{
	if (ptrace(request, pid, NULL, NULL) == -1)
		fail(b, strerror(errno));
}

/* A writer that stands before its second batch; the first one recovered what was left behind. */
static pid_t start_traced(struct bench *b, unsigned w)
{
	start_writer(b, w, true);
	if (wait_for_stop(b, b->writer[w].pid) != SIGSTOP)
		fail(b, "the writer that is traced stopped by itself");
	return b->writer[w].pid;
}

static int place_compare(const void *one, const void *two)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)two;

	return (a > b) - (a < b);
}

/* In order, each once. */
static void sort_places(struct bench *b)
{
	unsigned n = 0;

	qsort(b->place, b->nplaces, sizeof(b->place[0]), place_compare);
	for (unsigned i = 0; i < b->nplaces; i++) {
		if (n == 0 || b->place[i] != b->place[n - 1])
			b->place[n++] = b->place[i];
	}
	b->nplaces = n;
}

/* Notes every instruction of one batch, from its begin to its acknowledgement; false where that
 * can't be had. */
static bool note_places(struct bench *b, unsigned w)
{
	pid_t pid = start_traced(b, w);
	uint64_t place;

	go_on(b, pid, PTRACE_SINGLESTEP);
	while (wait_for_stop(b, pid) == SIGTRAP) {
		if (!steps_place(pid, &place)) {
			end_writer(b, w);
			return false;
		}
		if (b->nplaces == PLACES)
			sort_places(b);
		if (b->nplaces == PLACES)
			fail(b, "a transaction has more instructions than we can hold");
		b->place[b->nplaces++] = place;
		b->instructions++;
		go_on(b, pid, PTRACE_SINGLESTEP);
	}
	end_writer(b, w);
	audit(b);
	sort_places(b);
	return true;
}

/* Lets a writer run until it comes to PLACE for the nth time, at most BATCHES long; kills it. */
static bool kill_at_place(struct bench *b, unsigned w, uint64_t place, unsigned nth)
{
	pid_t pid = start_traced(b, w);
	struct steps_break at;
	unsigned batches = 0;
	bool hit = false;

	if (steps_plant(pid, place, &at)) {
		go_on(b, pid, PTRACE_CONT);
		while (!hit && batches < BATCHES) {
			if (wait_for_stop(b, pid) == SIGSTOP) {
				batches++;
			} else if (nth-- <= 1) {
				hit = steps_lift(pid, &at);
				continue;
			} else if (steps_lift(pid, &at)) {
				go_on(b, pid, PTRACE_SINGLESTEP);
				wait_for_stop(b, pid);
				steps_plant(pid, place, &at);
			}
			hear(b, w);
			go_on(b, pid, PTRACE_CONT);
		}
	}
	end_writer(b, w);
	audit(b);
	return hit;
}

/* Of every instruction that a transaction passes, WANTED ones spread evenly; some not on their
 * first passing. */
static bool kill_at_places(struct bench *b, unsigned wanted, unsigned traces)
{
	for (unsigned i = 0; i < traces; i++) {
		if (!note_places(b, i % MODEL_WRITERS))
			return false;
	}
	for (unsigned i = 0; i < wanted; i++) {
		uint64_t place = b->place[(uint64_t)i * b->nplaces / wanted];

		b->hits += kill_at_place(b, i % MODEL_WRITERS, place, 1 + bench_random(b) % 4);
	}
	return true;
}

/* ---- */

static bool bench_open(struct bench *b)
{
	struct store *store;
	char error[256];
	int page_fd;

	snprintf(b->dir, sizeof(b->dir), "/dev/shm/writer-kill-XXXXXX");
	page_fd = page_create("test.0", 100);
	if (mkdtemp(b->dir) == NULL || page_fd == -1)
		return false;
	snprintf(b->path, sizeof(b->path), "%s/voice", b->dir);
	b->config = (struct store_config){
		.kind = STORE_VOICE,
		.path = b->path,
		.gate_fd = gate_create("test"),
		.max_clients = 1000,
		.max_streams = 100,
		.max_blocks = 1000,
		.max_events = 50000,
		.page = page_map(page_fd),
		.slot = "test.0",
		.generation = 1,
		.create = true,
	};
	b->config.map_size = store_map_size(&b->config);
	b->gate = gate_map(b->config.gate_fd);
	for (unsigned w = 0; w < MODEL_WRITERS; w++) {
		b->writer[w].pipe = -1;
		b->model[w].writer = w;
	}
	if (b->gate == NULL || b->config.page == NULL ||
	    store_open(&store, &b->config, NULL, error) != STORE_OK)
		return false;
	store_close(&store);
	return true;
}

static void bench_close(struct bench *b)
{
	char file[128];

	snprintf(file, sizeof(file), "%s/data.mdb", b->path);
	unlink(file);
	snprintf(file, sizeof(file), "%s/lock.mdb", b->path);
	unlink(file);
	rmdir(b->path);
	rmdir(b->dir);
}

static uint64_t bench_size(const struct bench *b)
{
	struct stat st;
	char file[128];

	snprintf(file, sizeof(file), "%s/data.mdb", b->path);
	return stat(file, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void bench_tell(const struct bench *b)
{
	printf("{\"kills\":%u,\"inside\":%llu,\"instructions\":%llu,\"places\":%u,"
	       "\"places_hit\":%u,\"commits\":%llu,\"audits\":%u,\"events\":%llu,\"lost\":0,"
	       "\"broken\":0,\"longest_wait_ms\":%.1f,\"store_bytes\":%llu}\n",
	       b->kills, (unsigned long long)b->gate->recovered,
	       (unsigned long long)b->instructions, b->nplaces, b->hits,
	       (unsigned long long)b->commits, b->audits, (unsigned long long)b->ledger.cursor,
	       (double)b->longest_wait / 1e6, (unsigned long long)bench_size(b));
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"kills", required_argument, NULL, 0},
						{"places", required_argument, NULL, 1},
						{"traces", required_argument, NULL, 2},
						{"seed", required_argument, NULL, 3},
						{NULL, 0, NULL, 0}};
	unsigned number[4] = {0, 0, 4, 20261121};
	static struct bench b;
	bool traced = true;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt > 3)
			return 2;
		number[opt] = (unsigned)strtoul(optarg, NULL, 10);
	}
	b.seed = number[3];
	if (!bench_open(&b)) {
		fprintf(stderr, "writer_kill: no store: %s\n", strerror(errno));
		return 2;
	}
	if (number[0] > 0)
		kill_at_random(&b, number[0]);
	if (number[1] > 0)
		traced = kill_at_places(&b, number[1], number[2]);
	bench_tell(&b);
	bench_close(&b);
	return traced ? 0 : 77;
}
