/* SPDX-License-Identifier: ISC
 *
 * NAME      run - the life of a worker
 * PURPOSE   What workers of all kinds do alike, in the one order that is safe.
 * OWNER     every worker
 * CONTRACT  see run.h
 * LIMITS    see run.h
 */
#include "workers/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/reserve.h"
#include "shm/role.h"
#include "shm/watch.h"
#include "workers/crash.h"
#include "workers/rights.h"
#include "workers/sandbox.h"
#include "workers/stage.h"
#include "workers/standin.h"
#include "workers/take.h"

/* Seconds between two turns when nothing happens: the watchdog counts turns. */
#define TURN		0.05
#define MESSAGES_A_TURN 32

bool worker_failed(struct worker *worker, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_error("%s", text);
	if (msg_send(worker->control, MSG_FAILED, worker->generation, text, strlen(text), -1) != 0)
		log_error("can't tell the master: %s", strerror(errno));
	return false;
}

void worker_finish(struct worker *worker, int status)
{
	worker->stopping = true;
	worker->status = status;
	ev_break(worker->loop, EVBREAK_ALL);
}

void worker_ring(struct worker *worker)
{
	const uint64_t one = 1;

	/* a bell that can't take more has been rung and not yet heard: that is enough */
	for (unsigned i = 0; i < worker->peer_bells; i++)
		if (write(worker->peer_bell[i], &one, sizeof(one)) < 0 && errno != EAGAIN)
			log_limited(LOG_LEVEL_WARNING, "doorbell %u: %s", i, strerror(errno));
}

void worker_ring_spots(struct worker *worker, const char *kind)
{
	const uint64_t one = 1;

	for (unsigned i = 0; i < worker->spot_bells; i++) {
		const struct worker_bell *bell = &worker->spot_bell[i];
		size_t length = strcspn(bell->slot, ".");

		if (kind != NULL &&
		    (strlen(kind) != length || strncmp(bell->slot, kind, length) != 0))
			continue;
		if (write(bell->fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
			log_limited(LOG_LEVEL_WARNING, "doorbell of %s: %s", bell->slot,
				    strerror(errno));
	}
}

bool worker_aide(struct worker *worker, unsigned task, int socket)
{
	const struct msg_aide aide = {.task = (uint16_t)task};
	bool sent = msg_send(worker->control, MSG_AIDE, worker->generation, &aide, sizeof(aide),
			     socket) == 0;

	if (!sent)
		log_limited(LOG_LEVEL_WARNING, "can't ask the master for an aide: %s",
			    strerror(errno));
	close(socket);
	return sent;
}

void worker_store_lost(struct worker *worker, const char *what)
{
	log_error("%s: the store can't go on in this process, leaving it to a successor", what);
	worker_finish(worker, 1);
}

/* A slot has one owner: while the predecessor serves, its page is its own. */
static bool owns_page(const struct worker *worker)
{
	return worker->going || !worker->standby;
}

static void show(struct worker *worker, enum page_state state)
{
	if (owns_page(worker))
		page_set_state(worker->page, state);
}

static void count_bad_message(struct worker *worker)
{
	if (owns_page(worker))
		page_count(worker->page, COUNT_MESSAGES_BAD);
}

static void stop(struct worker *worker)
{
	if (worker->stopping)
		return;
	worker->stopping = true;
	fault_point(FAULT_STOP_WORKER);
	show(worker, PAGE_STOPPING);
	if (worker->going && worker->kind->stop != NULL)
		worker->kind->stop(worker);
	else
		worker_finish(worker, 0);
}

/* ---- watchers ---- */

static void on_term(struct ev_loop *loop, ev_signal *watch, int events)
{
	(void)loop;
	(void)events;
	stop(watch->data);
}

static void on_bell(struct ev_loop *loop, ev_io *watch, int events)
{
	struct worker *worker = watch->data;
	uint64_t rings;

	if (watch_lost(loop, watch, events))
		return;
	if (read(worker->bell, &rings, sizeof(rings)) < 0 && errno != EAGAIN)
		log_limited(LOG_LEVEL_WARNING, "own doorbell: %s", strerror(errno));
	if (worker->kind->tick != NULL)
		worker->kind->tick(worker);
}

/* Restored, compacted; or what stood in for it is gone. */
static bool state_is_elsewhere(const struct worker *worker)
{
	char file[CONF_TEXT_MAX + 32];

	snprintf(file, sizeof(file), "%s/data.mdb", store_config(worker->state)->path);
	return store_replaced(worker->state) || access(file, F_OK) != 0;
}

/* Looks once a second whether ours still are the stores that all others use. The durable one may be
 * another one when it was restored or compacted: it is read again, nothing is lost with it. */
static bool store_is_gone(struct worker *worker)
{
	uint64_t now = clock_mono();

	if (worker->kind->creates_stores || clock_age(now, worker->looked) < NS_PER_SEC)
		return false;
	worker->looked = now;
	if (worker->state != NULL && state_is_elsewhere(worker) && !worker_reopen_state(worker))
		return true;
	return (worker->voice != NULL && store_replaced(worker->voice)) ||
	       (worker->spots != NULL && store_replaced(worker->spots));
}

static void on_timer(struct ev_loop *loop, ev_timer *watch, int events)
{
	struct worker *worker = watch->data;

	(void)loop;
	(void)events;
	if (!worker->going)
		return;
	if (store_is_gone(worker))
		worker_store_lost(worker, "a store that others use was set aside and made anew");
	else if (store_is_lost(worker->voice) || store_is_lost(worker->spots))
		worker_store_lost(worker, "a store failed for good");
	else if (worker->kind->tick != NULL)
		worker->kind->tick(worker);
}

/* READY and STOPPING tell more than IDLE and BUSY would: they stay. */
static bool shows_work(const struct worker *worker)
{
	return worker->going && !worker->stopping;
}

static void on_prepare(struct ev_loop *loop, ev_prepare *watch, int events)
{
	struct worker *worker = watch->data;

	(void)loop;
	(void)events;
	if (shows_work(worker))
		page_set_state(worker->page, PAGE_IDLE);
}

static void on_check(struct ev_loop *loop, ev_check *watch, int events)
{
	struct worker *worker = watch->data;

	(void)loop;
	(void)events;
	if (owns_page(worker))
		page_beat(worker->page, clock_mono());
	if (shows_work(worker))
		page_set_state(worker->page, PAGE_BUSY);
}

static void start_log(struct worker *worker)
{
	log_init(worker->log_fd, worker->slot, worker->generation,
		 (enum log_level)conf_number(worker->conf, CONF_SERVER_LOG_LEVEL),
		 owns_page(worker) ? (uint64_t *)&worker->page->counter[COUNT_LOG_DROPPED] : NULL);
}

/* The page is ours from here on. */
static void enter_page(struct worker *worker)
{
	start_log(worker);
	atomic_store_explicit(&worker->page->pid, getpid(), memory_order_relaxed);
}

/* Of a build made to fail, the workers that face the outside do. */
static bool fails_at(const struct worker *worker, const char *point)
{
	return strcmp(worker->kind->name, "ysf") == 0 && fault_is(point);
}

static void go(struct worker *worker)
{
	if (worker->going || worker->stopping)
		return;
	if (fails_at(worker, "crash-at-go"))
		abort();
	fault_point(FAULT_WORKER_GO);
	worker->going = true;
	if (worker->standby)
		enter_page(worker);
	page_set_state(worker->page, PAGE_BUSY);
	if (worker->bell >= 0)
		ev_io_start(worker->loop, &worker->bell_watch);
	worker->kind->go(worker);
	fault_point(FAULT_WORKER_GONE);
}

/* A newer list. What can't be used is said and let go: the one before it still holds. */
static bool list_message(struct worker *worker, struct msg *msg)
{
	struct msg_fd what;

	if (msg->type != MSG_FD)
		return false;
	memcpy(&what, msg->body, sizeof(what));
	if (what.role != FD_LIST)
		return false;
	if (!take_list(worker, &what, &msg->fd)) {
		count_bad_message(worker);
		log_limited(LOG_LEVEL_WARNING, "a list of kind %u can't be used", what.index);
		close(msg->fd);
	} else if (worker->kind->list != NULL) {
		worker->kind->list(worker, what.index);
	}
	msg->fd = -1;
	return true;
}

static bool spots_message(struct worker *worker, struct msg *msg)
{
	struct msg_fd what;

	if (msg->type != MSG_FD)
		return false;
	memcpy(&what, msg->body, sizeof(what));
	what.slot[sizeof(what.slot) - 1] = '\0';
	if (what.role != FD_SPOT_BELL && what.role != FD_SPOTRING)
		return false;
	if (!take_spots(worker, &what, &msg->fd)) {
		count_bad_message(worker);
		log_limited(LOG_LEVEL_WARNING, "descriptor of role %u, index %u can't be used",
			    what.role, what.index);
		close(msg->fd);
	} else if (what.role == FD_SPOTRING && worker->kind->spotring != NULL) {
		worker->kind->spotring(worker, what.index);
	}
	msg->fd = -1;
	return true;
}

static void handle_message(struct worker *worker, struct msg *msg)
{
	if (msg->type == MSG_GO) {
		go(worker);
	} else if (msg->type == MSG_STOP) {
		stop(worker);
	} else if (list_message(worker, msg) || spots_message(worker, msg) ||
		   stage_message(worker, msg)) {
		return;
	} else if (worker->kind->message != NULL) {
		worker->kind->message(worker, msg);
	} else {
		count_bad_message(worker);
		log_limited(LOG_LEVEL_WARNING, "unexpected message %s", msg_type_name(msg->type));
		if (msg->fd >= 0)
			close(msg->fd);
	}
}

static void on_control(struct ev_loop *loop, ev_io *watch, int events)
{
	struct worker *worker = watch->data;
	struct msg msg;

	if (watch_lost(loop, watch, events))
		return;
	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		int got = msg_recv(worker->control, &msg);

		if (got > 0) {
			handle_message(worker, &msg);
		} else if (got == 0) {
			worker_finish(worker, 0); /* the master is gone, and so is our reason */
			return;
		} else if (errno == EBADMSG) {
			count_bad_message(worker);
		} else if (errno == EAGAIN || errno == EINTR) {
			return;
		} else {
			if (errno == EMFILE)
				log_error("no descriptor left for what the master passes: "
					  "a successor gets all of it");
			else
				log_error("control socket: %s", strerror(errno));
			worker_finish(worker, 1);
			return;
		}
	}
}

static void on_loop_error(const char *text)
{
	const char *why = strerror(errno);

	log_limited(LOG_LEVEL_ERROR, "event loop: %s: %s", text, why);
	if (reserve_wait())
		return;
	log_fatal("event loop: %s: %s", text, why);
	_exit(1);
}

static bool make_loop(struct worker *worker)
{
	ev_set_allocator(reserve_realloc);
	ev_set_syserr_cb(on_loop_error);
	worker->loop = ev_loop_new(EVFLAG_NOENV);
	if (worker->loop == NULL)
		return worker_failed(worker, "can't make an event loop");
	ev_io_init(&worker->control_watch, on_control, worker->control, EV_READ);
	ev_io_init(&worker->bell_watch, on_bell, worker->bell, EV_READ);
	ev_timer_init(&worker->timer, on_timer, TURN, TURN);
	ev_prepare_init(&worker->prepare, on_prepare);
	ev_check_init(&worker->check, on_check);
	ev_signal_init(&worker->term, on_term, SIGTERM);
	ev_set_priority(&worker->check, EV_MAXPRI);   /* first after the wait */
	ev_set_priority(&worker->prepare, EV_MINPRI); /* last before it */
	worker->control_watch.data = worker->bell_watch.data = worker->timer.data = worker;
	worker->prepare.data = worker->check.data = worker->term.data = worker;
	ev_io_start(worker->loop, &worker->control_watch);
	ev_timer_start(worker->loop, &worker->timer);
	ev_prepare_start(worker->loop, &worker->prepare);
	ev_check_start(worker->loop, &worker->check);
	ev_signal_start(worker->loop, &worker->term);
	return true;
}

static void stop_watchers(struct worker *worker)
{
	ev_io_stop(worker->loop, &worker->control_watch);
	ev_io_stop(worker->loop, &worker->bell_watch);
	ev_timer_stop(worker->loop, &worker->timer);
	ev_prepare_stop(worker->loop, &worker->prepare);
	ev_check_stop(worker->loop, &worker->check);
	ev_signal_stop(worker->loop, &worker->term);
}

/* ---- the start, step by step ---- */

/* What the terminal sends goes to the whole foreground group; only the master obeys it. */
static void reset_signals(void)
{
	static const int ignored[] = {SIGINT, SIGHUP, SIGPIPE, SIGQUIT, SIGUSR1, SIGUSR2};
	sigset_t none;

	for (unsigned i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static struct store_config store_settings(const struct worker *worker, enum store_kind kind)
{
	const struct conf *conf = worker->conf;
	struct store_config config = {
		.kind = kind,
		.gate_fd = kind == STORE_VOICE	 ? worker->gate_voice
			   : kind == STORE_STATE ? worker->gate_state
						 : worker->gate_spots,
		.max_clients = (uint32_t)conf_number(conf, CONF_LIMITS_CLIENTS),
		.max_streams = (uint32_t)conf_number(conf, CONF_LIMITS_STREAMS),
		.max_blocks = (uint32_t)conf_number(conf, CONF_LIMITS_BLOCKS),
		.max_events = (uint32_t)conf_number(conf, CONF_LIMITS_EVENTS),
		.max_saved = (uint32_t)conf_number(conf, CONF_LIMITS_SAVED),
		.max_ptts = (uint32_t)conf_number(conf, CONF_LIMITS_WILD_PTT),
		.max_stations = (uint32_t)conf_number(conf, CONF_LIMITS_STATIONS),
		.max_spots = (uint32_t)conf_number(conf, CONF_LIMITS_SPOTS),
		.max_human = (uint32_t)conf_number(conf, CONF_LIMITS_HUMAN_SPOTS),
		.max_users = (uint32_t)conf_number(conf, CONF_LIMITS_USERS),
		.max_sessions = (uint32_t)conf_number(conf, CONF_LIMITS_SESSIONS),
		.page = worker->page,
		.slot = worker->slot,
		.generation = worker->generation,
		.create = worker->kind->creates_stores,
	};

	config.map_size = store_map_size(&config);
	return config;
}

/* DIR/NAME. WHY_R when that can't be. */
static bool open_store_at(struct worker *worker, enum store_kind kind, const char *dir,
			  struct store **store_r, char why_r[CONF_TEXT_MAX + 320])
{
	static const char *const names[] = {"voice", "state", "spots"};
	struct store_config config = store_settings(worker, kind);
	bool set_aside = false;
	char path[CONF_TEXT_MAX + 16], error[256] = "";

	snprintf(path, sizeof(path), "%s/%s", dir, names[kind]);
	config.path = path;
	if (config.create && mkdir(path, 0750) != 0 && errno != EEXIST) {
		snprintf(why_r, CONF_TEXT_MAX + 320, "can't make %s: %s", path, strerror(errno));
		return false;
	}
	if (store_open(store_r, &config, &set_aside, error) != STORE_OK) {
		snprintf(why_r, CONF_TEXT_MAX + 320, "can't open the store %s: %s", path, error);
		return false;
	}
	if (set_aside && kind == STORE_STATE)
		worker->state_trouble = STATE_ASIDE;
	return true;
}

static bool open_store(struct worker *worker, enum store_kind kind, struct store **store_r)
{
	const char *dir = conf_text(worker->conf, kind == STORE_STATE ? CONF_SERVER_STATE_DIR
								      : CONF_SERVER_SHM_DIR);
	char why[CONF_TEXT_MAX + 320];

	return open_store_at(worker, kind, dir, store_r, why) || worker_failed(worker, "%s", why);
}

/* A disk that can't be written must not keep anybody from serving: then what should be durable is kept
 * in memory, as far as the disk could be read with what was on it. */
static bool open_state(struct worker *worker)
{
	const char *dir = conf_text(worker->conf, CONF_SERVER_STATE_DIR);
	const char *memory = conf_text(worker->conf, CONF_SERVER_SHM_DIR);
	bool maker = worker->kind->creates_stores;
	char why[CONF_TEXT_MAX + 320];

	if (open_store_at(worker, STORE_STATE, dir, &worker->state, why)) {
		if (maker)
			standin_end(worker);
		return true;
	}
	if (maker && !standin_begin(worker, why))
		return worker_failed(worker, "%s", why);
	if (!open_store_at(worker, STORE_STATE, memory, &worker->state, why))
		return worker_failed(worker, "%s", why);
	worker->state_trouble = STATE_STAND_IN;
	return true;
}

bool worker_reopen_state(struct worker *worker)
{
	store_close(&worker->state);
	return open_state(worker);
}

static bool open_stores(struct worker *worker)
{
	const struct worker_kind *kind = worker->kind;
	bool state = kind->creates_stores || kind->reads_state;
	bool spots = kind->creates_stores ? worker->gate_spots >= 0 : kind->wants_spots;

	return (!kind->wants_voice || open_store(worker, STORE_VOICE, &worker->voice)) &&
	       (!state || open_state(worker)) &&
	       (!spots || open_store(worker, STORE_SPOTS, &worker->spots));
}

/* From the descriptors to READY. False: the status is set. */
static bool start(struct worker *worker)
{
	struct msg_start first;
	char error[256] = "";
	int got = take_all(worker, &first, error);

	if (got == 0)
		return false; /* nobody wants us any more: status 0 */
	worker->status = 1;
	if (got < 0)
		return worker_failed(worker, "%s", error);
	fault_point(FAULT_WORKER_TOOK);
	if (worker->standby)
		start_log(worker);
	else
		enter_page(worker);
	show(worker, PAGE_STARTING);
	if (!crash_catch(worker->page, worker->generation))
		log_warning("no crash reports: %s", strerror(errno));
	crash_tell(store_fault_at);
	if (chdir("/") != 0)
		return worker_failed(worker, "can't change to /: %s", strerror(errno));
	if (!rights_limit(worker->table.entries, error) ||
	    !rights_drop(first.uid, first.gid, error))
		return worker_failed(worker, "%s", error);
	if (!rights_tie(worker->master_pid)) {
		worker->status = 0;
		return false;
	}
	rights_hide();
	if (!make_loop(worker) || !open_stores(worker))
		return false;
	fault_point(FAULT_WORKER_STORES);
	if (conf_bool(worker->conf, CONF_SERVER_SANDBOX) &&
	    sandbox_enter(worker->kind->may_connect_unix) != 0)
		return worker_failed(worker, "can't enter the sandbox: %s (server.sandbox = no goes without)",
				     strerror(errno));
	if (fails_at(worker, "exit-before-ready"))
		return worker_failed(worker, "this build is made to fail");
	if (fault_is("fail-start") && worker->index >= 2)
		return worker_failed(worker, "this build starts two only");
	if (!worker->kind->open(worker))
		return false;
	/* it has said why; the loop that worker_finish ended does not run yet */
	if (worker->stopping)
		return worker_failed(worker, "gave up while it started");
	show(worker, PAGE_READY);
	fault_point(FAULT_WORKER_OPEN);
	if (fails_at(worker, "never-ready"))
		return true;
	if (msg_send(worker->control, MSG_READY, worker->generation, NULL, 0, -1) != 0)
		return worker_failed(worker, "can't say READY: %s", strerror(errno));
	fault_point(worker->standby ? FAULT_WORKER_HEIR : FAULT_WORKER_READY);
	worker->status = 0;
	return true;
}

static void finish(struct worker *worker)
{
	stage_forget(worker);
	if (worker->kind->close != NULL && worker->own != NULL)
		worker->kind->close(worker);
	store_close(&worker->voice);
	store_close(&worker->state);
	store_close(&worker->spots);
	if (worker->loop != NULL) {
		stop_watchers(worker);
		ev_loop_destroy(worker->loop);
	}
	log_init(-1, worker->slot, worker->generation, LOG_LEVEL_INFO, NULL);
	crash_forget();
	take_undo(worker);
	if (worker->log_fd >= 0)
		close(worker->log_fd);
	fault_point(FAULT_STOP_CLOSED);
}

int worker_main(const struct worker_kind *kind, const char *slot)
{
	struct worker worker;

	reset_signals();
	take_init(&worker);
	worker.kind = kind;
	snprintf(worker.slot, sizeof(worker.slot), "%s", slot);
	worker.control = ROLE_CONTROL_FD;
	fcntl(worker.control, F_SETFD, FD_CLOEXEC);
	log_init(-1, worker.slot, 0, LOG_LEVEL_INFO, NULL);
	if (start(&worker))
		ev_run(worker.loop, 0);
	finish(&worker);
	return worker.status;
}
