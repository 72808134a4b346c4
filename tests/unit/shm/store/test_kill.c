/* SPDX-License-Identifier: ISC
 *
 * NAME      test_kill - writers that die or stop inside transactions
 * PURPOSE   SIGKILL at any instant breaks and blocks nothing; SIGSTOP makes others busy
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    KILLS kills, the seed is fixed but the instants are not; tests/fault/writer_kill does the
 *           same in thousands, with models of what must be there
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "shm/log.h"
#include "tests/unit/shm/store/lab.h"

#define KILLS	 100
#define GATEWAYS 60
#define DEADLINE (60 * NS_PER_SEC)
#define PATIENCE (2 * NS_PER_SEC)

/* What writers tell the test, in memory that all of them have. */
struct board {
	_Atomic uint64_t commits;
	_Atomic uint64_t linked; /* changes that a writer knows to be committed */
};

static uint32_t mix(uint32_t *seed)
{
	*seed = *seed * 1664525U + 1013904223U;
	return *seed >> 8;
}

/* One random change. */
static void change(struct store_txn *txn, uint32_t *seed)
{
	struct client_key key = lab_key(mix(seed) % GATEWAYS, 42000);
	struct client_record record = lab_client("DB0ABC");
	struct stream_record stream;
	struct block_record block;
	char call[CALL_MAX];

	switch (mix(seed) % 5) {
	case 0:
	case 1:
		if (clients_link(txn, &key, &record) == STORE_OK) {
			stream = lab_stream(mix(seed) % 100, record.id);
			streams_open(txn, &stream);
		}
		break;
	case 2:
		clients_unlink(txn, &key, REASON_UNLINK);
		break;
	case 3:
		clients_move(txn, &key, (uint8_t)(mix(seed) % 100), REASON_RADIO);
		break;
	default:
		snprintf(call, sizeof(call), "DL%uX", mix(seed) % 80);
		block = lab_block(mix(seed) % 1000);
		blocks_add(txn, call, &block);
	}
}

static void write_for_ever(const struct lab *lab, struct board *board, uint32_t seed)
{
	struct store_txn txn;
	struct store *store;
	char error[256];
	unsigned i;

	if (store_open(&store, &lab->config, NULL, error)) {
		fprintf(stderr, "writer: %s\n", error);
		_exit(3);
	}
	for (;;) {
		if (store_write(store, &txn) == STORE_BUSY)
			continue;
		for (i = mix(&seed) % 20; i > 0; i--)
			change(&txn, &seed);
		if (store_end(&txn)) {
			fprintf(stderr, "writer: %s\n", store_error_text(txn.error));
			_exit(4);
		}
		atomic_fetch_add(&board->commits, 1);
	}
}

static pid_t fork_writer(struct lab *lab, struct board *board, uint32_t seed)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		lab->config.create = false;
		lab->config.page = NULL;
		log_set_level(LOG_LEVEL_ERROR); /* that others died is what we want */
		write_for_ever(lab, board, seed);
	}
	return pid;
}

static void end_writer(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void wait_for_commits(struct board *board, uint64_t more)
{
	uint64_t from = atomic_load(&board->commits), began = clock_mono();

	while (atomic_load(&board->commits) < from + more)
		assert_true(clock_age(clock_mono(), began) < PATIENCE);
}

/* ---- what must hold after any kill ---- */

struct audit {
	struct store_txn *txn;
	unsigned clients, streams;
	unsigned linked, unlinked, started, ended;
	uint64_t last;
	uint8_t lanes[100];
};

static bool audit_client(const struct client_key *key, const struct client_record *record,
			 void *arg)
{
	struct audit *audit = arg;
	struct client_key back;

	audit->clients++;
	assert_int_equal(clients_by_id(audit->txn, record->id, &back), STORE_OK);
	assert_memory_equal(key, &back, sizeof(back));
	return true;
}

static bool audit_stream(const struct stream_record *record, void *arg)
{
	struct audit *audit = arg;
	struct client_key owner;

	audit->streams++;
	assert_int_equal(audit->lanes[record->lane]++, 0);
	assert_int_equal(clients_by_id(audit->txn, record->client, &owner), STORE_OK);
	return true;
}

static void audit_event(uint64_t number, const struct event_record *event, void *arg)
{
	struct audit *audit = arg;

	if (audit->last)
		assert_int_equal(number, audit->last + 1);
	audit->last = number;
	audit->linked += event->type == EVENT_CLIENT_LINK;
	audit->unlinked += event->type == EVENT_CLIENT_UNLINK;
	audit->started += event->type == EVENT_STREAM_START;
	audit->ended += event->type == EVENT_STREAM_END;
}

/* All that survives from one audit to the next: the numbers told by the events since. */
struct ledger {
	struct store_generations generations;
	uint64_t cursor, id;
	unsigned clients, streams;
};

static void audit_tables(struct store_txn *txn, struct audit *audit)
{
	struct client_key key = {{0}, {0}, {0}};

	clients_walk(txn, &key, 100000, audit_client, audit);
	streams_walk(txn, audit_stream, audit);
	assert_int_equal(audit->clients, clients_count(txn));
	assert_int_equal(audit->clients, store_entries(txn, DB_CLIENT_IDS));
	assert_int_equal(audit->streams, streams_count(txn));
}

static void audit_store(struct lab *lab, struct ledger *ledger)
{
	struct store_generations generations;
	struct store_txn txn;
	struct audit audit = {.txn = &txn};
	bool lapped;

	lab_open(lab);
	assert_false(lab->set_aside);
	if (ledger->id)
		assert_int_equal(ledger->id, store_id(lab->store));
	ledger->id = store_id(lab->store);
	assert_int_equal(store_read(lab->store, &txn), STORE_OK);
	audit_tables(&txn, &audit);
	assert_int_equal(store_generations(&txn, &generations), STORE_OK);
	assert_true(generations.clients >= ledger->generations.clients);
	assert_true(generations.streams >= ledger->generations.streams);
	assert_true(generations.access >= ledger->generations.access);
	assert_true(generations.events >= ledger->generations.events);
	audit.last = ledger->cursor;
	events_follow(&txn, &ledger->cursor, 10000000, &lapped, audit_event, &audit);
	assert_false(lapped);
	assert_int_equal(ledger->cursor, generations.events);
	/* each link, unlink, start and end has its event, and no event is without its change */
	assert_int_equal(ledger->clients + audit.linked - audit.unlinked, audit.clients);
	assert_int_equal(ledger->streams + audit.started - audit.ended, audit.streams);
	ledger->clients = audit.clients;
	ledger->streams = audit.streams;
	ledger->generations = generations;
	assert_int_equal(store_end(&txn), STORE_OK);
	assert_int_equal(lab_counter(lab, COUNT_STORE_BAD_RECORD), 0);
	store_close(&lab->store);
}

static void sleep_us(unsigned us)
{
	struct timespec ts = {.tv_sec = 0, .tv_nsec = (long)us * 1000};

	nanosleep(&ts, NULL);
}

static struct board *board_make(void)
{
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(board, MAP_FAILED);
	return board;
}

static void enter_with_room(struct lab *lab)
{
	lab_enter(lab);
	lab->config.max_events = 2000000;
	lab->config.map_size = 1ULL << 30;
	lab_open(lab);
	store_close(&lab->store);
}

static void test_kills(void **state)
{
	struct ledger ledger = {.cursor = 0};
	struct board *board = board_make();
	uint64_t began = clock_mono();
	uint32_t seed = 12345;
	struct gate *gate;
	struct lab lab;
	pid_t survivor, victim;
	unsigned i, recovered;

	(void)state;
	enter_with_room(&lab);
	gate = gate_map(lab.config.gate_fd);
	for (i = 0; i < KILLS; i++) {
		assert_true(clock_age(clock_mono(), began) < DEADLINE);
		survivor = i % 4 == 0 ? fork_writer(&lab, board, i) : 0;
		victim = fork_writer(&lab, board, 1000 + i);
		wait_for_commits(board, 1 + i % 5);
		sleep_us(mix(&seed) % 3000);
		end_writer(victim);
		if (survivor) {
			/* the other one goes on at once */
			wait_for_commits(board, 3);
			end_writer(survivor);
		}
		audit_store(&lab, &ledger);
	}
	recovered = (unsigned)gate->recovered;
	print_message("%u kills, %u inside a transaction, %llu commits, %llu events\n", i,
		      recovered, (unsigned long long)board->commits,
		      (unsigned long long)ledger.generations.events);
	assert_true(recovered > KILLS / 20);
	gate_unmap(&gate);
	munmap(board, sizeof(*board));
	lab_leave(&lab);
}

/* A writer that is stopped while it holds the gate: nobody waits for it. */
static void test_stopped_holder(void **state)
{
	struct board *board = board_make();
	struct store_txn txn;
	uint64_t began;
	struct lab lab;
	int ready[2];
	pid_t pid;
	char byte;

	(void)state;
	enter_with_room(&lab);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (store_open(&lab.store, &lab.config, NULL, lab.error) ||
		    store_write(lab.store, &txn))
			_exit(1);
		store_meta_put(&txn, "never", 1);
		if (write(ready[1], "x", 1) != 1)
			_exit(2);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	lab_open(&lab);
	began = clock_mono();
	assert_int_equal(store_write(lab.store, &txn), STORE_BUSY);
	assert_int_equal(store_write(lab.store, &txn), STORE_BUSY);
	assert_true(clock_age(clock_mono(), began) < 100 * NS_PER_MS);
	assert_int_equal(store_end(&txn), STORE_BUSY);
	assert_int_equal(store_read(lab.store, &txn), STORE_OK);
	assert_int_equal(store_meta_get(&txn, "never"), 0);
	assert_int_equal(store_end(&txn), STORE_OK);
	end_writer(pid);
	assert_int_equal(store_write(lab.store, &txn), STORE_OK);
	assert_int_equal(store_meta_get(&txn, "never"), 0);
	store_meta_put(&txn, "now", 1);
	assert_int_equal(store_end(&txn), STORE_OK);
	assert_int_equal(lab_counter(&lab, COUNT_STORE_RECOVERED), 1);
	close(ready[0]);
	close(ready[1]);
	munmap(board, sizeof(*board));
	lab_leave(&lab);
}

/* Writers and readers over each other: store_moved never misses the last commit. */
static void test_moved_beside_writer(void **state)
{
	struct store_generations generations = {0};
	struct board *board = board_make();
	uint64_t seen = 0, moves = 0, began = clock_mono();
	struct store_txn txn;
	struct lab lab;
	pid_t pid;

	(void)state;
	enter_with_room(&lab);
	pid = fork_writer(&lab, board, 5);
	lab_open(&lab);
	while (moves < 2000 && clock_age(clock_mono(), began) < 5 * NS_PER_SEC) {
		if (!store_moved(lab.store, &seen))
			continue;
		moves++;
		assert_int_equal(store_read(lab.store, &txn), STORE_OK);
		assert_true(mdb_txn_id(txn.mdb) >= seen);
		assert_int_equal(store_end(&txn), STORE_OK);
	}
	end_writer(pid);
	store_moved(lab.store, &seen);
	assert_int_equal(store_read(lab.store, &txn), STORE_OK);
	assert_int_equal(store_generations(&txn, &generations), STORE_OK);
	assert_true(mdb_txn_id(txn.mdb) == seen);
	assert_int_equal(store_end(&txn), STORE_OK);
	assert_true(moves > 10);
	munmap(board, sizeof(*board));
	lab_leave(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kills),
		cmocka_unit_test(test_stopped_holder),
		cmocka_unit_test(test_moved_beside_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
