/* SPDX-License-Identifier: ISC
 *
 * NAME      boot - from a configuration to a serving daemon, and out again
 * PURPOSE   See master/boot.h.
 * OWNER     master
 * CONTRACT  see master/boot.h
 * LIMITS    none known
 */
#include "master/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/tcp/accept.h"
#include "master/aides.h"
#include "master/bind.h"
#include "master/control.h"
#include "master/lists.h"
#include "master/notify.h"
#include "master/reap.h"
#include "master/reload/reload.h"
#include "master/slot.h"
#include "master/snapshot.h"
#include "master/start/launch.h"
#include "master/start/place.h"
#include "master/upgrade/takeover.h"
#include "master/upgrade/twin.h"
#include "master/upgrade/upgrade.h"
#include "master/tcp/vault.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/reserve.h"

#define QUEUE_BYTES (4 * 1024 * 1024)
#define BOOT_TRIES  3
#define LOW_FD	    10 /* a worker's fixed descriptors lie below */

/* The one master of the process; too big for a stack. */
static struct master the_master;

bool master_why(struct master *master, int exit_code, const char *format, ...)
{
	const char *hint;
	va_list args;
	size_t used;

	if (master->exit_code != 0)
		return false;
	master->exit_code = exit_code;
	va_start(args, format);
	vsnprintf(master->why, sizeof(master->why), format, args);
	va_end(args);
	used = strlen(master->why);
	hint = exit_code == EXIT_START ? place_hint(master->why) : NULL;
	if (hint != NULL)
		snprintf(master->why + used, sizeof(master->why) - used, " (%s)", hint);
	return false;
}

/* ---- what is there before anybody is forked ---- */

static int open_high(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);
	int high;

	if (fd < 0)
		return -1;
	high = fcntl(fd, F_DUPFD_CLOEXEC, LOW_FD);
	close(fd);
	return high;
}

/* The file that we run, whatever its name leads to later. */
static bool open_executable(struct master *master)
{
	master->executable[KIND_OWN] = open_high("/proc/self/exe", O_PATH);
	return master->executable[KIND_OWN] >= 0 ||
	       master_why(master, EXIT_START, "can't open my own executable: %s", strerror(errno));
}

/* Where it is now: a package manager will put its successor there. */
static bool note_program(struct master *master)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path));

	if (length > 0 && length < (ssize_t)sizeof(path))
		master->program = strndup(path, (size_t)length);
	return master->program != NULL ||
	       master_why(master, EXIT_START, "can't find out where my executable is");
}

static bool open_net(struct master *master)
{
	char why[TWIN_WHY_MAX];
	int fd = twin_open(master->program, why);

	if (fd < 0)
		return master_why(master, EXIT_START, "%s", why);
	master->executable[KIND_NET] = fcntl(fd, F_DUPFD_CLOEXEC, LOW_FD);
	close(fd);
	return master->executable[KIND_NET] >= 0 ||
	       master_why(master, EXIT_START, "too many open files: %s", strerror(errno));
}

static bool open_own(struct master *master)
{
	master->null = open_high("/dev/null", O_RDWR);
	if (master->null < 0)
		return master_why(master, EXIT_START, "can't open /dev/null: %s", strerror(errno));
	return open_executable(master) && note_program(master) && open_net(master);
}

static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		log_warning("can't raise the limit of open files: %s", strerror(errno));
}

static void start_log(struct master *master)
{
	log_init(master->log_write, "master", master->images,
		 (enum log_level)config_number(master->config, CONF_SERVER_LOG_LEVEL), NULL);
}

/* From here on nothing that is said gets lost: it waits for the log worker. */
static bool open_log(struct master *master)
{
	const int size = QUEUE_BYTES;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return master_why(master, EXIT_START, "can't make the log queue: %s",
				  strerror(errno));
	master->log_read = pair[0];
	master->log_write = pair[1];
	if (setsockopt(pair[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
		setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	master->log_err = fcntl(2, F_DUPFD_CLOEXEC, LOW_FD);
	if (master->log_err < 0)
		master->log_err = master->null;
	start_log(master);
	return true;
}

static bool make_snapshot(struct master *master)
{
	struct snapshot_listeners listeners = {master->listener_asked, master->listener_used,
					       master->listener_dgid};

	master->conf_fd = snapshot_build(master->config, master->conf_generation, &listeners);
	if (master->conf_fd < 0)
		return master_why(master, EXIT_START, "can't make the configuration snapshot: %s",
				  strerror(errno));
	return true;
}

bool boot_make_gates(struct master *master)
{
	static const char *const names[MASTER_GATES] = {"voice", "state", "spots"};
	unsigned count = config_wants_cluster(master->config) ? MASTER_GATES : MASTER_GATES - 1;

	fault_point(FAULT_BOOT_BOUND);
	for (unsigned i = 0; i < count; i++) {
		if (master->gate[i] != NULL)
			continue; /* inherited */
		master->gate_fd[i] = gate_create(names[i]);
		master->gate[i] = master->gate_fd[i] >= 0 ? gate_map(master->gate_fd[i]) : NULL;
		if (master->gate[i] == NULL)
			return master_why(master, EXIT_START,
					  "can't make the gate of the %s store: %s", names[i],
					  strerror(errno));
	}
	return true;
}

static void on_loop_error(const char *text)
{
	const char *why = strerror(errno);

	log_limited(LOG_LEVEL_ERROR, "event loop: %s: %s", text, why);
	if (reserve_wait())
		return;
	fprintf(stderr, "shackd: event loop: %s: %s\n", text, why);
	log_fatal("event loop: %s: %s", text, why);
	_exit(EXIT_GAVE_UP); /* the workers see the control sockets close and follow */
}

/* Not the default loop: that one would take SIGCHLD and reap behind our back. */
static bool make_loop(struct master *master)
{
	ev_set_syserr_cb(on_loop_error);
	ev_set_allocator(reserve_realloc);
	master->loop = ev_loop_new(EVFLAG_NOENV);
	if (master->loop == NULL)
		return master_why(master, EXIT_START, "can't make an event loop");
	ev_set_userdata(master->loop, master);
	return true;
}

static bool prepare(struct master *master, const char *pidfile)
{
	raise_limits();
	umask(022);
	return signals_block(master) && open_own(master) && open_log(master) &&
	       place_identity(master) && place_run_dir(master) &&
	       place_pidfile(master, pidfile) && place_clear(master) && place_alone(master) &&
	       place_stores(master) && slot_make_all(master) && bind_all(master) &&
	       bind_feeds(master) && accept_open(master) && make_snapshot(master) &&
	       boot_make_gates(master) && control_open(master) && reload_open(master) &&
	       upgrade_open(master) && make_loop(master);
}

/* ---- one after the other ---- */

static void announce(struct master *master)
{
	char services[SLOT_KINDS * CONF_LISTEN_MAX * ADDR_TEXT_MAX];

	master->announced = true;
	report_services(master, services, sizeof(services));
	notify_turn(master);
	if (!master->foreground) {
		log_info("shackd: ready%s", services);
		launch_tell(&master->launcher, 0, "");
		return;
	}
	printf("shackd: ready%s\n", services);
	if (fflush(stdout) != 0)
		log_warning("can't say that it is ready: standard output: %s", strerror(errno));
}

static bool is_aide(const struct slot *slot)
{
	return kind_table[slot->kind].service == KIND_AIDE;
}

static void start_workers(struct master *master)
{
	master->phase = PHASE_WORKERS;
	/* one that can't even be forked ends the start */
	for (unsigned i = 0; i < master->slots && master->phase == PHASE_WORKERS; i++)
		if (kind_serves(master->slot[i].kind) && !is_aide(&master->slot[i]) &&
		    !master->slot[i].retired)
			slot_spawn(&master->slot[i]);
}

/* One after the other: who may talk is known before anybody is listened to, and the pipeline is there
 * before there are spots. */
static void start_aides(struct master *master)
{
	master->phase = PHASE_AIDES;
	for (unsigned i = 0; i < master->slots; i++) {
		if (!is_aide(&master->slot[i]) || master->slot[i].state != SLOT_EMPTY)
			continue;
		slot_spawn(&master->slot[i]);
		return;
	}
	start_workers(master);
}

static bool all_ready(const struct master *master)
{
	for (unsigned i = 0; i < master->slots; i++)
		if (!master->slot[i].retired && master->slot[i].state != SLOT_READY &&
		    master->slot[i].state != SLOT_SERVING)
			return false;
	return true;
}

/* Cold start only: the workers go together, so that none serves beside a port without a reader. */
static void go_together(struct master *master)
{
	if (master->phase != PHASE_WORKERS || !all_ready(master))
		return;
	master->phase = PHASE_SERVING;
	for (unsigned i = 0; i < master->slots; i++) {
		if (master->slot[i].state != SLOT_READY)
			continue;
		slot_go(&master->slot[i]);
		fault_point(FAULT_BOOT_HALF_GO);
	}
	accept_start(master);
	announce(master);
	fault_point(FAULT_BOOT_ANNOUNCED);
	upgrade_settle_stores(master);
	reload_serving(master);
}

void boot_slot_ready(struct slot *slot)
{
	struct master *master = slot->master;

	if (master->phase == PHASE_STOPPING)
		return;
	if (reload_slot_ready(slot))
		return;
	if (!kind_serves(slot->kind) || is_aide(slot) || master->phase == PHASE_SERVING)
		slot_go(slot);
	if (slot == master->keeper) {
		control_keeper_serves(master);
		if (master->announced)
			upgrade_settle_stores(master);
	}
	if (slot == master->log && master->phase == PHASE_LOG) {
		master->phase = PHASE_KEEPER;
		fault_point(FAULT_BOOT_LOG_READY);
		slot_spawn(master->keeper);
	} else if (slot == master->keeper && master->phase == PHASE_KEEPER) {
		fault_point(FAULT_BOOT_KEEPER_READY);
		start_aides(master);
	} else if (is_aide(slot) && master->phase == PHASE_AIDES) {
		start_aides(master);
	}
	go_together(master);
}

void boot_slot_died(struct slot *slot)
{
	if (slot->failed[0] == '\0' && slot->tries < BOOT_TRIES)
		return;
	if (slot->failed[0] != '\0')
		master_why(slot->master, EXIT_START, "%s can't serve: %s", slot->name,
			   slot->failed);
	else
		master_why(slot->master, EXIT_START, "%s died %u times while starting, last: %s; the log and server.state_dir/crash tell "
			   "more",
			   slot->name, slot->tries, slot->last_death);
	stop_begin(slot->master, STOP_GRACEFUL);
}

/* ---- the end ---- */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Everything by hand, so that a leak checker sees what is really lost. */
static void tear_down(struct master *master)
{
	if (master->loop != NULL)
		reap_all(master);
	fault_point(FAULT_STOP_LAST);
	aides_end(master);
	accept_close(master);
	control_close(master);
	reload_close(master);
	lists_close(master);
	place_leave(master);
	for (unsigned i = 0; i < master->slots; i++) {
		struct slot *slot = &master->slot[i];

		page_unmap((const struct page **)&slot->page);
		vault_close(slot);
		for (unsigned j = 0; j < CONF_LISTEN_MAX; j++)
			close_fd(&slot->udp[j]);
	}
	for (unsigned i = 0; i < MASTER_GATES; i++)
		if (master->gate[i] != NULL)
			gate_unmap(&master->gate[i]);
	if (master->loop != NULL)
		ev_loop_destroy(master->loop);
	log_init(-1, "master", 0, LOG_LEVEL_INFO, NULL);
	free(master->socket_path);
	free(master->pidfile_path);
	free(master->program);
	upgrade_free(master);
	close_fd(&master->pidfile);
	for (unsigned i = 0; i < 2; i++)
		close_fd(&master->locked[i]);
}

/* What waited for a log worker that never came. */
static void say_what_is_left(struct master *master)
{
	struct log_record record;
	ssize_t got;

	while ((got = recv(master->log_read, &record, sizeof(record), MSG_DONTWAIT)) > 0)
		if (log_record_check(&record, (uint64_t)got))
			fprintf(stderr, "shackd: %s: %s\n", log_level_name(record.level),
				record.text);
}

static void say_why(struct master *master)
{
	if (master->log_read >= 0)
		say_what_is_left(master);
	if (master->exit_code == 0 && master->announced)
		return;
	if (master->launcher >= 0)
		launch_tell(&master->launcher, master->exit_code, master->why);
	else
		fprintf(stderr, "shackd: %s\n", master->why);
}

void boot_init(struct master *master_r)
{
	*master_r = (struct master){
		.launcher = -1,
		.started = clock_mono(),
		.executable = {-1, -1},
		.list_fd = {[0 ... LIST_KINDS - 1] = -1},
		.null = -1,
		.conf_fd = -1,
		.log_read = -1,
		.log_write = -1,
		.log_err = -1,
		.gate_fd = {-1, -1, -1},
		.pidfile = -1,
		.locked = {-1, -1},
	};
}

int boot_run(struct config **config, const struct config_request *request, const char *pidfile,
	     int launcher)
{
	struct master *master = &the_master;

	boot_init(master);
	master->config = *config;
	master->request = request;
	master->foreground = request->foreground;
	master->launcher = launcher;
	master->conf_generation = master->images = 1;
	if (prepare(master, pidfile)) {
		signals_start(master);
		control_start(master);
		watchdog_start(master);
		fault_point(FAULT_BOOT_PREPARED);
		slot_spawn(master->log);
		if (master->phase != PHASE_STOPPING)
			ev_run(master->loop, 0);
	}
	tear_down(master);
	*config = master->config;
	say_why(master);
	return master->exit_code;
}

static bool adopt(struct master *master)
{
	takeover_inherit(master);
	start_log(master);
	return signals_block(master) && open_executable(master) && make_snapshot(master) &&
	       reload_open(master) && upgrade_open(master) && make_loop(master);
}

int boot_adopt(void)
{
	struct master *master = &the_master;

	boot_init(master);
	if (!adopt(master)) {
		say_why(master);
		exit(master->exit_code); /* and so back, if there is a way */
	}
	watchdog_start(master);
	takeover_start(master);
	ev_run(master->loop, 0);
	tear_down(master);
	config_destroy(&master->config);
	say_why(master);
	return master->exit_code;
}
