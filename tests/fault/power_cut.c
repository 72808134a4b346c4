/* SPDX-License-Identifier: ISC
 *
 * NAME      power_cut - what a disk may hold when the power goes
 * PURPOSE   Records every write of a durable store; then, cut after cut, lays down what a disk may have
 *           kept: all that was synced, and of the later writes any sectors, in any mixture. Each such
 *           file must open clean, and hold every commit that had returned.
 * OWNER     test_power_cut.py
 * CONTRACT  usage: power_cut DIR COMMITS CUTS SEED; exit 0, and a line that says how many
 * LIMITS    sectors of 512 bytes are written whole or not at all
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/gate.h"
#include "shm/store/audit.h"
#include "shm/store/blocks.h"
#include "shm/store/env.h"

#define SECTOR 512
#define KEPT   40 /* blocks that are there at a time */
#define OPS    400000

struct op {
	bool sync;    /* all before it is on the disk */
	bool durable; /* a write that is on the disk when it returns */
	off_t at;
	size_t length;
	uint8_t *bytes;
};

static struct op op[OPS];
static size_t ops;
static bool recording;
static size_t acked[100000]; /* operations when commit I had returned */

static void fail(const char *what)
{
	printf("not ok: %s\n", what);
	exit(1);
}

/* ---- between LMDB and the system ---- */

static bool is_data(int fd)
{
	char link[64], path[512];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = '\0';
	return recording && strstr(path, "/data.mdb") != NULL;
}

static void record(int fd, const void *bytes, size_t length, off_t at)
{
	struct op *one = &op[ops];

	if (ops == OPS)
		fail("too many writes");
	ops++;
	one->at = at;
	one->length = length;
	one->durable = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
	one->bytes = malloc(length);
	memcpy(one->bytes, bytes, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at)
{
	ssize_t wrote = syscall(SYS_pwrite64, fd, bytes, length, at);

	if (wrote > 0 && is_data(fd))
		record(fd, bytes, (size_t)wrote, at);
	return wrote;
}

ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t at)
{
	ssize_t wrote = 0;

	for (int i = 0; i < count; i++) {
		ssize_t one = pwrite(fd, iov[i].iov_base, iov[i].iov_len, at + wrote);

		if (one < 0)
			return wrote > 0 ? wrote : one;
		wrote += one;
	}
	return wrote;
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	ssize_t wrote = pwritev(fd, iov, count, at);

	if (wrote > 0)
		lseek(fd, at + wrote, SEEK_SET);
	return wrote;
}

ssize_t write(int fd, const void *bytes, size_t length)
{
	off_t at = recording ? lseek(fd, 0, SEEK_CUR) : -1;
	ssize_t wrote = syscall(SYS_write, fd, bytes, length);

	if (wrote > 0 && at >= 0 && is_data(fd))
		record(fd, bytes, (size_t)wrote, at);
	return wrote;
}

int fdatasync(int fd)
{
	if (is_data(fd))
		op[ops++].sync = true;
	return 0; /* what a disk would do is our part */
}

int fsync(int fd)
{
	return fdatasync(fd);
}

/* ---- commits ---- */

static struct store_config settings(const char *path, int gate)
{
	return (struct store_config){.kind = STORE_STATE,
				     .path = path,
				     .gate_fd = gate,
				     .map_size = 64 << 20,
				     .max_blocks = 10000,
				     .slot = "test",
				     .create = true};
}

static void name_block(char call[CALL_MAX], unsigned number)
{
	snprintf(call, CALL_MAX, "DL%06u", number);
}

/* Each adds one block and removes the oldest: pages are freed and used again. */
static void commit_all(const char *path, int gate, unsigned commits)
{
	struct store_config config = settings(path, gate);
	struct block_record record_ = {.version = RECORD_VERSION,
				       .reason = BLOCK_OPERATOR,
				       .until = BLOCK_FOREVER,
				       .until_real = BLOCK_FOREVER};
	char call[CALL_MAX], error[256];
	struct store *store;
	struct store_txn txn;

	recording = true;
	if (store_open(&store, &config, NULL, error) != STORE_OK)
		fail(error);
	acked[0] = ops;
	for (unsigned i = 1; i <= commits; i++) {
		store_write(store, &txn);
		name_block(call, i);
		blocks_add(&txn, call, &record_);
		name_block(call, i > KEPT ? i - KEPT : 0);
		blocks_remove(&txn, call);
		if (store_end(&txn) != STORE_OK)
			fail("a commit failed");
		acked[i] = ops;
	}
	recording = false;
	store_close(&store);
}

/* ---- cuts ---- */

static uint64_t dice;

static uint64_t throw(uint64_t below)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice % below;
}

static void lay(int fd, const struct op *one, unsigned odds)
{
	for (size_t at = 0; at < one->length; at += SECTOR) {
		size_t length = one->length - at < SECTOR ? one->length - at : SECTOR;

		if (throw(8) < odds &&
		    syscall(SYS_pwrite64, fd, one->bytes + at, length, one->at + (off_t)at) < 0)
			fail("the disk");
	}
}

/* Operation CUT is the first that did not return. */
static void lay_down(const char *file, size_t cut)
{
	int fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	unsigned odds = (unsigned) throw(9);
	size_t synced = 0;

	for (size_t i = 0; i < cut; i++)
		if (op[i].sync)
			synced = i;
	for (size_t i = 0; i <= cut && i < ops; i++)
		if (!op[i].sync)
			lay(fd, &op[i], i < synced || (op[i].durable && i < cut) ? 8 : odds);
	close(fd);
}

struct seen {
	unsigned count, least, most;
};

static bool see(const char *call, const struct block_record *record_, void *arg)
{
	struct seen *seen = arg;
	unsigned number = (unsigned)strtoul(call + 2, NULL, 10);

	(void)record_;
	if (seen->count++ == 0)
		seen->least = number;
	seen->most = number;
	return true;
}

/* Exactly what commit NUMBER left? */
static bool is_state(const struct seen *seen, unsigned number)
{
	unsigned count = number < KEPT ? number : KEPT;

	return seen->count == count &&
	       (count == 0 || (seen->most == number && seen->least == number - count + 1));
}

static void look(const char *path, int gate, unsigned known, size_t cut)
{
	struct store_config config = settings(path, gate);
	char call[CALL_MAX] = "", error[256] = "", why[400];
	struct seen seen = {0, 0, 0};
	bool set_aside = false;
	struct store *store;
	struct store_txn txn;

	if (store_open(&store, &config, &set_aside, error) != STORE_OK || set_aside) {
		snprintf(why, sizeof(why), "cut %zu: %s", cut, error);
		fail(why);
	}
	store_read(store, &txn);
	blocks_walk(&txn, call, 100000, see, &seen);
	store_end(&txn);
	store_close(&store);
	if (is_state(&seen, known) || is_state(&seen, known + 1))
		return;
	snprintf(why, sizeof(why), "cut %zu: %u blocks, %u to %u, after commit %u", cut, seen.count,
		 seen.least, seen.most, known);
	fail(why);
}

int main(int argc, char **argv)
{
	char path[256], cut_path[256], file[300], lock[300];
	unsigned commits, cuts, known;
	int gate = gate_create("test");

	if (argc != 5 || gate < 0)
		fail("usage: power_cut DIR COMMITS CUTS SEED");
	commits = (unsigned)atoi(argv[2]);
	cuts = (unsigned)atoi(argv[3]);
	dice = strtoull(argv[4], NULL, 10) * 2654435761U + 1;
	snprintf(path, sizeof(path), "%s/state", argv[1]);
	snprintf(cut_path, sizeof(cut_path), "%s/cut", argv[1]);
	snprintf(file, sizeof(file), "%s/data.mdb", cut_path);
	snprintf(lock, sizeof(lock), "%s/lock.mdb", cut_path);
	commit_all(path, gate, commits);
	if (ops < 2ULL * commits)
		fail("the writes were not seen");
	mkdir(cut_path, 0700);
	for (unsigned i = 0; i < cuts; i++) {
		size_t cut = acked[0] + throw(ops - acked[0]);

		for (known = 0; known < commits && acked[known + 1] <= cut; known++)
			;
		lay_down(file, cut);
		unlink(lock);
		/* a gate of its own: every file is examined */
		int own = gate_create("cut");

		look(cut_path, own, known, cut);
		close(own);
	}
	printf("ok: %u commits, %zu writes and syncs, %u cuts, all clean, none lost\n", commits,
	       ops, cuts);
	return 0;
}
