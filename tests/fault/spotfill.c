/* SPDX-License-Identifier: ISC
 *
 * NAME      spotfill - stands in for feeds, and reads the log of spots past the daemon
 * PURPOSE   Puts spots into the rings of a running daemon, so that a test decides what arrives when;
 *           and prints what is in the log without any of the daemon's processes.
 * OWNER     tests
 * CONTRACT  spotfill put PID: reads lines "FEED DE DX HZ MODE REPORT FLAGS AGE COMMENT" (REPORT "-":
 *           none; AGE: seconds by which its time lies back), puts each into the ring of feed.FEED of
 *           the master PID as of now, waits while it is full, and answers with the moment of arrival
 *           in nanoseconds and the spot's time. "sync" waits until the pipeline has taken all of them, and answers
 *           "done". spotfill log DIR: prints "NUMBER ARRIVED DE DX HZ MODE FLAGS COMMENT" of each spot
 *           in the store DIR.
 * LIMITS    no other process may write into these rings: their feeds must be dialling in vain
 */
#include <dirent.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/band.h"
#include "shm/clock.h"
#include "shm/spotring.h"

#define FEEDS 64
#define LINE  512

static struct spotring rings[FEEDS];

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "spotfill: %s\n", what);
	exit(1);
}

/* ---- rings ---- */

/* The ring that the master holds under this name; of several the newest is the last one opened. */
static int find_ring(const char *pid, unsigned feed)
{
	char folder[64], want[64], path[400], link[64];
	struct dirent *entry;
	int found = -1;
	DIR *dir;

	snprintf(folder, sizeof(folder), "/proc/%s/fd", pid);
	snprintf(want, sizeof(want), "/memfd:spots-feed.%u (deleted)", feed);
	dir = opendir(folder);
	if (dir == NULL)
		fail("no such process, or it is not ours");
	while ((entry = readdir(dir)) != NULL) {
		ssize_t length;

		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		length = readlink(path, link, sizeof(link) - 1);
		link[length > 0 ? length : 0] = '\0';
		if (strcmp(link, want) == 0 && found < 0)
			found = open(path, O_RDWR | O_CLOEXEC);
	}
	closedir(dir);
	return found;
}

static struct spotring *ring_of(const char *pid, unsigned feed)
{
	if (feed >= FEEDS)
		fail("no such feed");
	if (rings[feed].block == NULL) {
		int fd = find_ring(pid, feed);

		if (fd < 0 || !spotring_map(fd, &rings[feed]))
			fail("no ring of that feed");
		close(fd);
	}
	return &rings[feed];
}

static void put_line(const char *pid, const char *line)
{
	char de[CALL_TEXT_SIZE], dx[CALL_TEXT_SIZE], report[16], comment[200] = "";
	struct spot spot = {.version = SPOT_VERSION, .source = SPOT_RBN};
	struct spotring *ring;
	unsigned long long hz;
	unsigned feed, mode, flags;
	long age;

	if (sscanf(line, "%u %15s %15s %llu %u %15s %u %ld %199[^\n]", &feed, de, dx, &hz, &mode,
		   report, &flags, &age, comment) < 8)
		fail("a line that is none");
	ring = ring_of(pid, feed);
	memcpy(spot.de, de, strlen(de));
	memcpy(spot.dx, dx, strlen(dx));
	spot.hz = spot.raw_hz = hz;
	spot.band = (uint8_t)band_of(hz);
	spot.mode = (uint8_t)mode;
	spot.flags = (uint8_t)flags;
	if (flags & SPOT_HUMAN)
		spot.source = SPOT_UPSTREAM;
	if (report[0] != '-' || report[1] != '\0') {
		spot.flags |= SPOT_HAS_REPORT;
		spot.report = (int16_t)atoi(report);
	}
	spot_set_comment(&spot, comment, strlen(comment));
	while (spotring_used(ring) >= ring->capacity)
		usleep(1000);
	spot.arrived = clock_mono();
	spot.arrived_real = clock_real();
	spot.time = (int64_t)(spot.arrived_real / NS_PER_SEC) - age;
	spotring_put(ring, 1, ring->block->head, &spot);
	printf("%llu %lld\n", (unsigned long long)spot.arrived, (long long)spot.time);
}

static void sync_all(void)
{
	for (unsigned i = 0; i < FEEDS; i++)
		while (rings[i].block != NULL && spotring_used(&rings[i]) > 0)
			usleep(1000);
	printf("done\n");
}

static void put_all(const char *pid)
{
	char line[LINE];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (strcmp(line, "sync\n") == 0)
			sync_all();
		else
			put_line(pid, line);
		fflush(stdout);
	}
}

/* ---- the log ---- */

static void print_spot(const MDB_val *key, const MDB_val *value)
{
	struct spot spot = {0};
	uint64_t number;

	if (key->mv_size != sizeof(number) || value->mv_size > sizeof(spot))
		fail("a record that is none");
	memcpy(&number, key->mv_data, sizeof(number));
	memcpy(&spot, value->mv_data, value->mv_size);
	printf("%llu %llu %s %s %llu %u %u %s\n", (unsigned long long)__builtin_bswap64(number),
	       (unsigned long long)spot.arrived, spot.de, spot.dx, (unsigned long long)spot.hz,
	       spot.mode, spot.flags, spot.comment);
}

static void print_log(const char *path)
{
	MDB_val key, value;
	MDB_cursor *cursor;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	int rc;

	if (mdb_env_create(&env) || mdb_env_set_maxdbs(env, 64) ||
	    mdb_env_open(env, path, MDB_RDONLY | MDB_NOTLS, 0) ||
	    mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) || mdb_dbi_open(txn, "spots", 0, &dbi) ||
	    mdb_cursor_open(txn, dbi, &cursor))
		fail("the store can't be read");
	for (rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST); rc == 0;
	     rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT))
		print_spot(&key, &value);
	mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
	mdb_env_close(env);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "put") == 0)
		put_all(argv[2]);
	else if (argc == 3 && strcmp(argv[1], "log") == 0)
		print_log(argv[2]);
	else
		fail("usage: spotfill put PID | spotfill log DIR");
	return 0;
}
