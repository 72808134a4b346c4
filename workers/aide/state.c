/* SPDX-License-Identifier: ISC
 *
 * NAME      state (aide) - copies of the durable store
 * PURPOSE   See state.h.
 * OWNER     aide
 * CONTRACT  see state.h
 * LIMITS    see state.h
 */
#include "workers/aide/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium/core.h>
#include <sodium/crypto_generichash.h>
#include <sodium/utils.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/msg.h"
#include "shm/store/audit.h"
#include "shm/store/copy.h"
#include "workers/errand.h"

#define LOCK_FILE    "state.lock" /* the master has locked the directory itself */
#define LOCK_SECONDS 5
#define PATIENCE_US  50000
#define CHUNK	     65536
#define PATH_SIZE    (CONF_TEXT_MAX + 64)
#define NICE	     10 /* nobody who talks shall feel it */

struct job {
	int file;	       /* the backup; -1: none */
	int lock;	       /* LOCK_FILE */
	int copy;	       /* of ERRAND_STORE; -1: not made */
	char store[PATH_SIZE]; /* in use */
	char fresh[PATH_SIZE]; /* ERRAND_STORE */
	char fresh_data[PATH_SIZE + 16];
	struct audit audit;
	char why[512];
};

static bool fail(struct job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(struct job *job, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(job->why, sizeof(job->why), format, args);
	va_end(args);
	return false;
}

/* ---- one at a time ---- */

static bool lock_dir(struct job *job, const char *dir)
{
	uint64_t end = clock_mono() + LOCK_SECONDS * NS_PER_SEC;
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/" LOCK_FILE, dir);
	job->lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (job->lock < 0)
		return fail(job, "can't open %.200s: %s", path, strerror(errno));
	while (flock(job->lock, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fail(job, "can't lock %.200s: %s", path, strerror(errno));
		if (clock_mono() > end)
			return fail(job,
				    "another backup, restore or compaction is at work; try again");
		usleep(PATIENCE_US);
	}
	return true;
}

/* ---- files ---- */

static bool is_file(struct job *job)
{
	struct stat st;

	if (job->file < 0 || fstat(job->file, &st) != 0 || !S_ISREG(st.st_mode))
		return fail(job, "the backup is no regular file");
	return true;
}

static bool write_all(int fd, const uint8_t *bytes, size_t length)
{
	while (length > 0) {
		ssize_t wrote = write(fd, bytes, length);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return false;
		bytes += wrote;
		length -= (size_t)wrote;
	}
	return true;
}

/* The bytes of FROM, from its beginning; to TO unless that is -1. HASH_R may be NULL. */
static bool pass_bytes(struct job *job, int from, int to, char hash_r[65])
{
	uint8_t chunk[CHUNK], hash[32];
	crypto_generichash_state state;
	off_t at = 0;
	ssize_t got;

	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	while ((got = pread(from, chunk, sizeof(chunk), at)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(job, "can't read the backup: %s", strerror(errno));
		if (to >= 0 && !write_all(to, chunk, (size_t)got))
			return fail(job, "can't write %.200s: %s", job->fresh_data,
				    strerror(errno));
		crypto_generichash_update(&state, chunk, (size_t)got);
		at += got;
	}
	crypto_generichash_final(&state, hash, sizeof(hash));
	if (hash_r != NULL)
		sodium_bin2hex(hash_r, 65, hash, sizeof(hash));
	return true;
}

/* What a job that was killed left there goes. */
static bool remove_fresh(struct job *job)
{
	char lock[PATH_SIZE + 16];

	snprintf(lock, sizeof(lock), "%s/lock.mdb", job->fresh);
	if ((unlink(job->fresh_data) != 0 && errno != ENOENT) ||
	    (unlink(lock) != 0 && errno != ENOENT) || (rmdir(job->fresh) != 0 && errno != ENOENT))
		return fail(job, "can't remove %.200s: %s", job->fresh, strerror(errno));
	return true;
}

static bool make_fresh(struct job *job)
{
	if (!remove_fresh(job))
		return false;
	if (mkdir(job->fresh, 0750) != 0)
		return fail(job, "can't make %.200s: %s", job->fresh, strerror(errno));
	job->copy = open(job->fresh_data, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (job->copy < 0)
		return fail(job, "can't make %.200s: %s", job->fresh_data, strerror(errno));
	return true;
}

static bool sync_path(struct job *job, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;

	if (!good)
		fail(job, "can't write %.200s to the disk: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return good;
}

/* ---- checks ---- */

static bool check(struct job *job, int fd, const char *what)
{
	char why[256];

	if (!audit_file(fd, &job->audit, why))
		return fail(job, "%s is damaged: %s", what, why);
	return true;
}

static bool no_damage(struct job *job, const char *what)
{
	if (job->audit.damaged == 0)
		return true;
	return fail(job, "%s has %" PRIu64 " damaged records, the first in table %s", what,
		    job->audit.damaged, job->audit.damaged_table);
}

static int print_audit(const struct job *job, char *text, size_t size)
{
	const struct audit *audit = &job->audit;

	return snprintf(text, size,
			"\"edition\":%u,\"blocks\":%" PRIu64 ",\"saved_dgids\":%" PRIu64
			",\"users\":%" PRIu64 ",\"filters\":%" PRIu64 ",\"human_spots\":%" PRIu64
			",\"damaged\":%" PRIu64,
			audit->edition, audit->blocks, audit->saved, audit->users, audit->filters,
			audit->human, audit->damaged);
}

static long long size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (long long)st.st_size : 0;
}

/* ---- the jobs ---- */

/* A copy that can't be read back is none. */
static bool backup(struct job *job, char *answer, size_t size)
{
	char hash[65], why[256];
	int length;

	if (!is_file(job))
		return false;
	if (ftruncate(job->file, 0) != 0 || lseek(job->file, 0, SEEK_SET) != 0)
		return fail(job, "can't write the backup: %s", strerror(errno));
	if (copy_store(job->store, job->file, why) != STORE_OK)
		return fail(job, "%s", why);
	if (!check(job, job->file, "the copy") || !pass_bytes(job, job->file, -1, hash))
		return false;
	length = print_audit(job, answer, size);
	snprintf(answer + length, size - (size_t)length, ",\"bytes\":%lld,\"blake2b\":\"%s\"",
		 size_of(job->file), hash);
	return true;
}

/* Checked is what we wrote, not what we read: the file is the caller's. */
static bool restore(struct job *job, char *answer, size_t size)
{
	char why[256];

	if (!is_file(job) || !make_fresh(job) || !pass_bytes(job, job->file, job->copy, NULL) ||
	    !check(job, job->copy, "the backup") || !no_damage(job, "the backup"))
		return false;
	if (copy_mark(job->fresh, why) != STORE_OK)
		return fail(job, "%s", why);
	if (!sync_path(job, job->fresh_data) || !sync_path(job, job->fresh))
		return false;
	print_audit(job, answer, size);
	return true;
}

static bool compact(struct job *job, char *answer, size_t size)
{
	char path[PATH_SIZE + 16], why[256];
	struct stat before;

	snprintf(path, sizeof(path), "%s/data.mdb", job->store);
	if (stat(path, &before) != 0)
		return fail(job, "can't read %.200s: %s", path, strerror(errno));
	if (!make_fresh(job))
		return false;
	if (copy_store(job->store, job->copy, why) != STORE_OK)
		return fail(job, "%s", why);
	if (!check(job, job->copy, "the copy") || !sync_path(job, job->fresh))
		return false;
	snprintf(answer, size, "\"bytes\":%lld,\"bytes_before\":%lld", size_of(job->copy),
		 (long long)before.st_size);
	return true;
}

static const struct {
	unsigned task;
	bool (*run)(struct job *job, char *answer, size_t size);
} jobs[] = {
	{AIDE_BACKUP, backup},
	{AIDE_RESTORE, restore},
	{AIDE_COMPACT, compact},
};

#define JOBS (sizeof(jobs) / sizeof(jobs[0]))

bool state_knows(unsigned task)
{
	for (size_t i = 0; i < JOBS; i++)
		if (jobs[i].task == task)
			return true;
	return false;
}

static bool run(struct job *job, unsigned task, const char *dir, char *answer, size_t size)
{
	bool good = false;

	snprintf(job->store, sizeof(job->store), "%s/state", dir);
	snprintf(job->fresh, sizeof(job->fresh), "%s/" ERRAND_STORE, dir);
	snprintf(job->fresh_data, sizeof(job->fresh_data), "%s/data.mdb", job->fresh);
	if (!lock_dir(job, dir))
		return false;
	for (size_t i = 0; i < JOBS; i++)
		if (jobs[i].task == task)
			good = jobs[i].run(job, answer, size);
	if (!good && job->copy >= 0) {
		char why[sizeof(job->why)];

		memcpy(why, job->why, sizeof(why));
		remove_fresh(job);
		memcpy(job->why, why, sizeof(why));
	}
	return good;
}

bool state_serve(unsigned task, int socket, const struct conf *conf)
{
	struct job job = {.file = -1, .lock = -1, .copy = -1};
	char text[ERRAND_TEXT] = "";
	bool good;

	if (sodium_init() < 0 || !errand_take(socket, &job.file))
		return false;
	if (setpriority(PRIO_PROCESS, 0, NICE) != 0)
		fprintf(stderr, "shackd: an aide stays at its priority: %s\n", strerror(errno));
	good = run(&job, task, conf_text(conf, CONF_SERVER_STATE_DIR), text, sizeof(text));
	return errand_tell(socket, good, good ? text : job.why);
}
