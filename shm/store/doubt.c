/* SPDX-License-Identifier: ISC
 *
 * NAME      doubt - files that can't be believed
 * PURPOSE   LMDB aborts when a page is not what it should be, and reads wherever a damaged page sends
 *           it. A process that meets such a thing says so in the gate, which all share, and ends; keeper
 *           looks at the whole file, and only what is damaged is set aside.
 * OWNER     every process that opens a store
 * CONTRACT  A durable store is examined once after each start of the daemon, before LMDB opens it: the
 *           disk kept it while nobody looked. A volatile one only when it is doubted.
 * LIMITS    LOOKS looks at a file that seems damaged: a process of a master that was just killed may be
 *           writing it, and it does not know our gate. What is found whole PARDONS times and doubted
 *           again within PARDON_MINUTES each time is set aside all the same: nobody can use it
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/log.h"
#include "shm/store/examine.h"
#include "shm/store/inside.h"

#define LOOKS	       5
#define PAUSE_MS       20
#define GATE_MS	       1
#define GATE_MOST      500 /* turns of GATE_MS */
#define OPEN_MOST      4
#define PARDONS	       3
#define PARDON_MINUTES 1

/* Those that are open in this process, for the handler of faults. */
static struct store *opened[OPEN_MOST];

void doubt_raise(struct store *store, const char *what)
{
	if (store->gate == NULL)
		return;
	if (atomic_exchange(&store->gate->trust, GATE_DOUBTED) == GATE_DOUBTED)
		return;
	store_count(store, COUNT_STORE_DOUBTS);
	log_error("%s: may be damaged (%s), keeper will look at it", store->path, what);
}

/* LMDB would abort. Nothing was committed. */
static void on_assert(MDB_env *env, const char *what)
{
	struct store *store = mdb_env_get_userctx(env);

	doubt_raise(store, what);
	log_error("%s: the store can't go on in this process, leaving it to a successor (%s)",
		  store->path, what);
	_exit(1);
}

int doubt_catch(struct store *store)
{
	int rc = mdb_env_set_userctx(store->env, store);

	return rc ? rc : mdb_env_set_assert(store->env, on_assert);
}

void doubt_enter(struct store *store)
{
	for (unsigned i = 0; i < OPEN_MOST; i++) {
		if (opened[i] != NULL)
			continue;
		opened[i] = store;
		return;
	}
}

void doubt_leave(const struct store *store)
{
	for (unsigned i = 0; i < OPEN_MOST; i++)
		if (opened[i] == store)
			opened[i] = NULL;
}

void store_fault_at(uintptr_t address)
{
	for (unsigned i = 0; i < OPEN_MOST; i++) {
		const struct store *store = opened[i];

		if (store != NULL && store->gate != NULL && store->map != NULL &&
		    address - (uintptr_t)store->map < store->map_length)
			atomic_store(&store->gate->trust, GATE_DOUBTED);
	}
}

/* ---- looking ---- */

static bool look_once(const struct store *store, int fd, char why_r[256])
{
	struct examine_report report;

	if (examine_file(fd, NULL, NULL, &report))
		return true;
	store_say(why_r, "%.80s is damaged: %.160s", store->path, report.why);
	return false;
}

static bool take_gate(struct gate *gate)
{
	for (unsigned i = 0; i < GATE_MOST; i++) {
		enum gate_result result = gate_try(gate);

		if (result != GATE_BUSY)
			return result != GATE_BROKEN;
		poll(NULL, 0, GATE_MS);
	}
	return false;
}

/* Nobody commits meanwhile, but for those who don't know our gate. */
static bool look(struct store *store, int fd, char why_r[256])
{
	bool held = take_gate(store->gate), sound = look_once(store, fd, why_r);

	if (held)
		gate_leave(store->gate);
	for (unsigned i = 1; i < LOOKS && !sound; i++) {
		poll(NULL, 0, PAUSE_MS);
		held = take_gate(store->gate);
		sound = look_once(store, fd, why_r);
		if (held)
			gate_leave(store->gate);
	}
	return sound;
}

/* It was doubted, and is whole. False: that was so too often. */
static bool pardon(struct store *store, char why_r[256])
{
	struct gate *gate = store->gate;
	uint16_t minute = (uint16_t)(clock_mono() / (60 * NS_PER_SEC));

	if ((uint16_t)(minute - atomic_exchange(&gate->pardoned, minute)) > PARDON_MINUTES)
		atomic_store(&gate->pardons, 0);
	if (atomic_load(&gate->pardons) >= PARDONS) {
		store_say(why_r, "%.160s seems whole, but is doubted again and again", store->path);
		return false;
	}
	atomic_fetch_add(&gate->pardons, 1);
	log_warning("%s: was doubted, and is whole", store->path);
	return true;
}

enum store_verdict doubt_examine(struct store *store, char error_r[256])
{
	char file[STORE_PATH_MAX];
	uint32_t trust = atomic_load(&store->gate->trust);
	enum store_verdict verdict = VERDICT_OURS;
	int fd;

	if (!store->config.create || trust == GATE_TRUSTED ||
	    (trust == GATE_UNKNOWN && store_is_volatile(store->config.kind)))
		return VERDICT_OURS;
	if (snprintf(file, sizeof(file), "%s/data.mdb", store->path) >= (int)sizeof(file))
		return VERDICT_OURS; /* LMDB says why not */
	fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0) {
		bool sound = look(store, fd, error_r);

		if (sound && trust == GATE_DOUBTED)
			sound = pardon(store, error_r);
		verdict = sound ? VERDICT_OURS : VERDICT_FOREIGN;
		close(fd);
	}
	/* what takes its place is made by us */
	if (verdict != VERDICT_OURS)
		atomic_store(&store->gate->pardons, 0);
	atomic_store(&store->gate->trust, GATE_TRUSTED);
	return verdict;
}

bool store_sound(struct store *store, char why_r[256])
{
	int fd;

	if (atomic_load(&store->gate->trust) != GATE_DOUBTED)
		return true;
	/* of LMDB's own: another one, closed again, would do no harm either */
	if (mdb_env_get_fd(store->env, &fd)) {
		store_say(why_r, "%.200s has no file", store->path);
		return false;
	}
	/* a successor sets it aside */
	if (!look(store, fd, why_r) || !pardon(store, why_r))
		return false;
	atomic_store(&store->gate->trust, GATE_TRUSTED);
	return true;
}
