/* SPDX-License-Identifier: ISC
 *
 * NAME      inherit - a master made of a handover record
 * PURPOSE   First every descriptor is verified, then each thing is put where it belongs.
 * OWNER     master
 * CONTRACT  see master/upgrade/record.h
 * LIMITS    none known
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master/tcp/accept.h"
#include "master/boot.h"
#include "master/control.h"
#include "master/feeds.h"
#include "master/slot.h"
#include "master/upgrade/fdprint.h"
#include "master/upgrade/record.h"
#include "master/upgrade/twin.h"
#include "master/tcp/vault.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/ring.h"
#include "shm/text.h"

struct inheriting {
	struct master *master;
	const struct record *record;
	enum record_mode mode;
	char *why; /* 256 bytes */
	unsigned kinds; /* whose slots are all there: those before this one */
};

static bool __attribute__((format(printf, 2, 3)))
fail(struct inheriting *in, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(in->why, 256, format, args);
	va_end(args);
	return false;
}

/* ---- is all there, and what it should be? ---- */

/* What may close by itself while the next image works: for who comes back it is gone. */
static bool may_be_gone(const struct inheriting *in, const struct handover_fd *fd)
{
	return in->mode == RECORD_RESUME &&
	       (fd->role == ROLE_HOLDER || fd->role == ROLE_PIDFD || fd->role == ROLE_TCP ||
		fd->role == ROLE_ASKER || fd->role == ROLE_CALLER);
}

static bool verify_count(struct inheriting *in)
{
	int count = fdprint_count();
	uint32_t expected = in->record->master.foreign + in->record->info.fds + 1;

	if (fault_is("wrong-fd-count") ||
	    (in->mode == RECORD_ADOPT && fault_is("wrong-fd-count-after-exec")))
		count++;
	if (in->mode == RECORD_RESUME || (uint32_t)count == expected)
		return true;
	return fail(in, "%d descriptors are open, %u should be", count, expected);
}

static bool verify_writer(struct inheriting *in)
{
	pid_t writer = in->mode == RECORD_REHEARSE ? getppid() : getpid();

	if (in->record->master.pid == writer)
		return true;
	return fail(in, "the handover record is of pid %d, not %d", in->record->master.pid,
		    (int)writer);
}

static bool verify(struct inheriting *in)
{
	uint8_t *seen = calloc(1, 1 << 20);
	struct handover_fd fd;
	char why[160];
	size_t at = 0;
	bool good = true;

	if (seen == NULL)
		return fail(in, "out of memory");
	while (good && record_next_fd(in->record, &at, &fd)) {
		if (fd.role == ROLE_UDP && in->mode == RECORD_ADOPT && fault_is("swapped-fd"))
			fd.print.inode++;
		if (fd.fd < 3 || fd.fd >= 1 << 20 || seen[fd.fd]++ != 0)
			good = fail(in, "descriptor %d is named twice or impossible", fd.fd);
		else if (!fdprint_check(&fd, why) && !may_be_gone(in, &fd))
			good = fail(in, "%s", why);
	}
	free(seen);
	return good && verify_count(in);
}

/* ---- words ---- */

/* Strings of a request live as long as the process, like those of a command line. */
static bool take_request(struct inheriting *in)
{
	static struct config_request request;
	const struct record *record = in->record;
	const char **set = calloc(record->info.entries + 1, sizeof(*set));
	char *text;

	if (set == NULL)
		return fail(in, "out of memory");
	request = (struct config_request){
		.file = record_word(record, WORD_FILE, 0),
		.directory = record_word(record, WORD_DIRECTORY, 0),
		.foreground = record->master.foreground != 0,
		.set = set,
	};
	while ((text = record_word(record, WORD_SET, (unsigned)request.sets)) != NULL)
		set[request.sets++] = text;
	in->master->request = &request;
	return true;
}

/* Keys that the former build did not know have the value that a restart would give them. A file that
 * is wrong is no reason to stay with the former build: they have their default then. */
static void take_news(struct inheriting *in)
{
	static struct problems problems;
	struct config *config = in->master->config, *file;
	char where[PATH_MAX + 16];

	if (config_load(&file, in->master->request, &problems) != 0)
		return;
	/* it writes down every key that it knows */
	if (config_where(config, CONF_DXC_NODE_CALL, where, sizeof(where))[0] == '\0')
		config_swap_group(config, file, CONF_GROUP_FEED);
	for (int key = 0; key < CONF_KEYS; key++)
		if (conf_key_group((enum conf_key)key) == CONF_GROUPS &&
		    config_where(config, (enum conf_key)key, where, sizeof(where))[0] == '\0')
			config_keep(config, file, (enum conf_key)key);
	config_destroy(&file);
}

/* What was in force stays in force, whatever the file says by now: that is for a reload. */
static bool take_config(struct inheriting *in)
{
	static struct problems problems;
	const struct config_request request = {
		.file = "handover record",
		.directory = "/",
		.foreground = in->record->master.foreground != 0,
		.lenient = true,
	};
	char *text = record_word(in->record, WORD_CONFIG, 0);
	int rc = -1;

	if (text != NULL)
		rc = config_parse(&in->master->config, &request, text, strlen(text), &problems);
	free(text);
	if (rc == 0) {
		take_news(in);
		return true;
	}
	return fail(in, "the configuration in force is none for this build: %.150s",
		    problems.count > 0 ? problems.text[0] : "there is none");
}

static bool take_words(struct inheriting *in)
{
	struct master *master = in->master;
	const struct record *record = in->record;

	master->pidfile_path = record_word(record, WORD_PIDFILE, 0);
	master->socket_path = record_word(record, WORD_SOCKET, 0);
	master->program = record_word(record, WORD_PROGRAM, 0);
	if (master->pidfile_path == NULL || master->socket_path == NULL || master->program == NULL)
		return fail(in, "the handover record lacks a path");
	return take_request(in) && take_config(in);
}

static void take_numbers(struct inheriting *in)
{
	const struct handover_master *from = &in->record->master;
	struct master *master = in->master;

	master->foreground = from->foreground != 0;
	master->images = from->images + (in->mode == RECORD_ADOPT);
	master->started = from->started;
	master->conf_generation = from->conf_generation;
	master->events_dropped = from->events_dropped;
	master->messages_bad = from->messages_bad;
	master->control_refused = from->control_refused;
	master->crashes_dropped = from->crashes_dropped;
	master->sessions_refused = from->sessions_refused;
	master->sessions_refused_per_ip = from->sessions_refused_per_ip;
	master->accept_failed = from->accept_failed;
	master->next_session = from->next_session;
	master->check_serial = from->check_serial;
	master->worker_uid = from->worker_uid;
	master->worker_gid = from->worker_gid;
	master->control_gid = from->control_gid;
	master->edition = from->edition;
	master->lists_refused = from->lists_refused;
	master->sessions_refused_rate = from->sessions_refused_rate;
	master->sessions_refused_login = from->sessions_refused_login;
	master->sessions_refused_network = from->sessions_refused_network;
	master->sessions_delayed = from->sessions_delayed;
	master->aides_refused = from->aides_refused;
	master->aides_failed = from->aides_failed;
	master->privileged = geteuid() == 0;
	master->announced = true;
	master->phase = PHASE_SERVING;
}

/* ---- slots and listeners ---- */

static bool take_listener(struct inheriting *in, const struct handover_item *item)
{
	struct master *master = in->master;
	struct handover_listener from;

	handover_get(item, &from, sizeof(from));
	if (from.index >= CONF_LISTEN_MAX || from.dgid > 99)
		return fail(in, "the handover record has a listener %u of DG-ID %u", from.index,
			    from.dgid);
	master->listener[from.index] = from.real;
	master->listener_asked[from.index] = from.asked;
	master->listener_dgid[from.index] = (uint8_t)from.dgid;
	master->listener_used[from.index] = from.used != 0;
	master->listener_known[from.index] = from.known != 0;
	if (from.index >= master->listeners)
		master->listeners = from.index + 1;
	return true;
}

static bool find_kind(const char *name, enum slot_kind *kind_r)
{
	for (unsigned i = 0; i < SLOT_KINDS; i++) {
		*kind_r = (enum slot_kind)i;
		if (strcmp(kind_table[i].name, name) == 0)
			return true;
	}
	return false;
}

static struct slot *find_slot(struct master *master, const char *name)
{
	for (unsigned i = 0; i < master->slots; i++)
		if (strcmp(master->slot[i].name, name) == 0)
			return &master->slot[i];
	return NULL;
}

/* Kinds before KIND that the configuration wants and the former build did not have: in their place of
 * the table, with nobody there yet. */
static bool make_missing(struct inheriting *in, unsigned kind)
{
	struct master *master = in->master;

	for (; in->kinds < kind; in->kinds++)
		if (slot_single(master, (enum slot_kind)in->kinds) == NULL &&
		    !slot_make_kind(master, (enum slot_kind)in->kinds))
			return fail(in, "%.250s", master->why);
	return true;
}

/* A feed has a place among those of all feeds. */
static struct slot *place_for(struct master *master, enum slot_kind kind, unsigned index)
{
	if (kind != SLOT_FEED)
		return master->slots < MASTER_SLOTS_MAX ? &master->slot[master->slots++] : NULL;
	if (master->feed_places == 0 && !feeds_make_places(master))
		return NULL;
	return index < master->feed_places ? &master->feed_place[index] : NULL;
}

static bool take_slot(struct inheriting *in, const struct handover_item *item)
{
	struct master *master = in->master;
	struct handover_slot from;
	enum slot_kind kind;
	struct slot *slot;

	handover_get(item, &from, sizeof(from));
	from.name[sizeof(from.name) - 1] = from.kind[sizeof(from.kind) - 1] = '\0';
	from.last_death[sizeof(from.last_death) - 1] = '\0';
	if (!find_kind(from.kind, &kind))
		return fail(in, "this build has no workers of the kind '%s'", from.kind);
	if (kind < in->kinds)
		return fail(in, "the slots of the handover record are in disorder");
	if (!make_missing(in, kind))
		return false;
	slot = place_for(master, kind, from.index);
	if (slot == NULL || (slot->member[0] != '\0') ||
	    (kind != SLOT_FEED && find_slot(master, from.name) != NULL))
		return fail(in, "the handover record has too many slots, or %s twice", from.name);
	slot_begin(master, slot, kind, from.index);
	if (strcmp(slot->name, from.name) != 0)
		return fail(in, "slot %s is called %s by this build", from.name, slot->name);
	slot->retired = from.retired != 0;
	slot->generation = from.generation;
	slot->ready_ns = from.ready_ns;
	slot->restarts = from.restarts;
	slot->deaths = from.deaths;
	text_copy(slot->last_death, sizeof(slot->last_death), from.last_death);
	from.member[sizeof(from.member) - 1] = '\0';
	text_copy(slot->member, sizeof(slot->member), from.member);
	slot->pid = from.pid;
	slot->passed = SLOT_STARTED;
	slot->state = from.pid != 0 && from.serving != 0 ? SLOT_SERVING : SLOT_EMPTY;
	slot->former = from.pid != 0;
	return true;
}

/* log, keeper, and the ysf slots last: the others rely on that order. */
static bool order_slots(struct inheriting *in)
{
	struct master *master = in->master;
	unsigned i = 2;

	master->ysf_count = 0;
	if (master->slots < 2 || master->slot[0].kind != SLOT_LOG ||
	    master->slot[1].kind != SLOT_KEEPER)
		return fail(in, "the handover record has no log or keeper at its place");
	master->log = &master->slot[0];
	master->keeper = &master->slot[1];
	while (i < master->slots && master->slot[i].kind != SLOT_YSF)
		i++;
	master->ysf = &master->slot[i];
	for (; i < master->slots; i++) {
		if (master->slot[i].kind != SLOT_YSF)
			return fail(in, "the slots of the handover record are in disorder");
		master->ysf_count += !master->slot[i].retired;
	}
	return true;
}

static bool take_parts(struct inheriting *in)
{
	const struct record *record = in->record;
	struct handover_item item;
	size_t at = 0;

	while (handover_next(record->data, record->size, &at, &item)) {
		if (item.tag == HANDOVER_LISTENER && !take_listener(in, &item))
			return false;
		if (item.tag == HANDOVER_SLOT && !take_slot(in, &item))
			return false;
		if (item.tag == HANDOVER_EVENT && in->master->events < MASTER_EVENTS)
			handover_get(&item, &in->master->event[in->master->events++],
				     sizeof(struct master_event));
	}
	return make_missing(in, SLOT_KINDS) && order_slots(in);
}

/* ---- descriptors ---- */

static int *place_of_slot(struct slot *slot, const struct handover_fd *fd)
{
	switch (fd->role) {
	case ROLE_PAGE:
		return &slot->page_fd;
	case ROLE_BELL:
		return &slot->bell;
	case ROLE_RING:
		return &slot->ring_fd;
	case ROLE_TABLE:
		return &slot->table_fd;
	case ROLE_SPOTRING:
		return &slot->spotring_fd;
	case ROLE_HOLDER:
		return &slot->control;
	case ROLE_PIDFD:
		return &slot->pidfd;
	case ROLE_UDP:
		return fd->index < CONF_LISTEN_MAX ? &slot->udp[fd->index] : NULL;
	default:
		return NULL;
	}
}

static int *place_of(struct master *master, const struct handover_fd *fd)
{
	struct slot *slot = fd->slot[0] != '\0' ? find_slot(master, fd->slot) : NULL;

	if (slot != NULL)
		return place_of_slot(slot, fd);
	switch (fd->role) {
	case ROLE_NULL:
		return &master->null;
	case ROLE_LOG_READ:
		return &master->log_read;
	case ROLE_LOG_WRITE:
		return &master->log_write;
	case ROLE_LOG_ERR:
		return &master->log_err;
	case ROLE_PIDFILE:
		return &master->pidfile;
	case ROLE_GATE:
		return fd->index < MASTER_GATES ? &master->gate_fd[fd->index] : NULL;
	case ROLE_LOCK:
		return fd->index < 2 ? &master->locked[fd->index] : NULL;
	case ROLE_NET:
		return &master->executable[KIND_NET];
	case ROLE_LIST:
		return fd->index < LIST_KINDS ? &master->list_fd[fd->index] : NULL;
	default:
		return NULL;
	}
}

/* The addresses of link's sockets are told by the sockets alone. */
static void note_feed(struct master *master, const struct handover_fd *fd)
{
	const struct slot *slot = find_slot(master, fd->slot);

	if (fd->role != ROLE_UDP || slot == NULL || slot->kind != SLOT_LINK)
		return;
	master->feed[fd->index] = fd->addr;
	if (fd->index >= master->feeds)
		master->feeds = fd->index + 1;
}

/* Descriptors that are of no use to this image, or that it makes in its own turn. */
static bool is_passed_over(const struct inheriting *in, const struct handover_fd *fd)
{
	bool next = in->mode != RECORD_RESUME;

	return fd->role == ROLE_EXECUTABLE || fd->role == ROLE_CONF || fd->role == ROLE_PROGRESS ||
	       (fd->role == ROLE_NET && (fd->index == 1) != next);
}

static bool take_fd(struct inheriting *in, const struct handover_fd *fd)
{
	enum slot_kind kind;
	int *place;

	if (is_passed_over(in, fd))
		return true;
	if (fd->role == ROLE_CONTROL || fd->role == ROLE_ASKER || fd->role == ROLE_CALLER) {
		if (!control_inherit(in->master, (enum handover_role)fd->role, fd->fd))
			return fail(in, "a control connection can't be taken over");
		return true;
	}
	if (fd->role == ROLE_ACCEPT) {
		if (!find_kind(fd->slot, &kind) ||
		    !accept_adopt(in->master, kind, fd->fd, &fd->addr))
			return fail(in, "a listener of %s can't be taken over", fd->slot);
		return true;
	}
	place = place_of(in->master, fd);
	if (place == NULL || *place >= 0)
		return fail(in, "nothing is known of descriptor %d (%s %s %u)", fd->fd,
			    handover_role_name(fd->role), fd->slot, fd->index);
	*place = fd->fd;
	note_feed(in->master, fd);
	if (fd->role == ROLE_LIST)
		in->master->list_lent[fd->index] = true;
	return true;
}

static bool take_session(struct inheriting *in, const struct handover_fd *fd)
{
	const struct vault_entry entry = {
		.fd = fd->fd,
		.index = fd->index,
		.session = fd->session,
		.cookie = fd->print.extra,
		.addr = fd->addr,
		.known = fd->known != 0,
	};
	struct slot *slot = find_slot(in->master, fd->slot);

	if (slot != NULL && vault_adopt(slot, &entry))
		return true;
	/* over since, if it is there at all; clients leave while a rehearsal looks, too */
	if (in->mode == RECORD_RESUME || (in->mode == RECORD_REHEARSE && errno == ENOENT)) {
		close(fd->fd);
		return true;
	}
	return fail(in, "TCP connection %u of %s can't be taken over: %s", fd->index, fd->slot,
		    strerror(errno));
}

/* One that closed since is no holder, no connection any more; closed by the image that failed, its
 * number may be one of our own by now. */
static bool each_fd(struct inheriting *in, bool sessions,
		    bool (*take)(struct inheriting *in, const struct handover_fd *fd))
{
	struct handover_fd fd;
	char why[160];
	size_t at = 0;

	while (record_next_fd(in->record, &at, &fd)) {
		if ((fd.role == ROLE_TCP) != sessions ||
		    (may_be_gone(in, &fd) && !fdprint_check(&fd, why)))
			continue;
		if (!take(in, &fd))
			return false;
	}
	return true;
}

static bool map_gates(struct inheriting *in)
{
	struct master *master = in->master;

	for (unsigned i = 0; i < MASTER_GATES; i++) {
		if (master->gate_fd[i] >= 0)
			master->gate[i] = gate_map(master->gate_fd[i]);
		if (master->gate[i] == NULL && (master->gate_fd[i] >= 0 || i < 2))
			return fail(in, "the gate of a store can't be mapped: %s", strerror(errno));
	}
	return boot_make_gates(master) || fail(in, "%.250s", master->why);
}

/* A ring of another layout is nothing to go on with: the slot gets a new one. Its holder finishes
 * what it has in hand before it goes, and the former build finds its own ring in the record. */
static void judge_ring(struct slot *slot)
{
	const struct config *config = slot->master->config;

	if (slot->ring_fd >= 0 &&
	    !ring_fits(slot->ring_fd, (uint32_t)config_number(config, CONF_LIMITS_CLIENTS),
		       (uint32_t)config_number(config, CONF_LIMITS_STREAMS)))
		slot->ring_fd = -1;
}

/* A holder that the image before us has seen die: the body may be there still. */
static void bury_holder(struct slot *slot)
{
	siginfo_t info;

	if (slot->pidfd >= 0) {
		if (waitid(P_PIDFD, (id_t)slot->pidfd, &info, WEXITED | WNOHANG) != 0)
			log_debug("%s: its former holder is reaped already", slot->name);
		close(slot->pidfd);
	}
	if (slot->control >= 0)
		close(slot->control);
	slot->pidfd = slot->control = -1;
	slot->pid = 0;
	slot->state = SLOT_EMPTY;
}

static bool furnish(struct inheriting *in)
{
	struct master *master = in->master;

	for (unsigned i = 0; i < master->slots; i++) {
		struct slot *slot = &master->slot[i];

		if (slot->page != NULL || (slot->retired && slot->page_fd < 0))
			continue; /* it is new, or an empty place */
		judge_ring(slot);
		if (slot->page_fd < 0 || slot->bell < 0 ||
		    (kind_has_table(slot->kind) && slot->table_fd < 0) ||
		    (slot->kind == SLOT_FEED && slot->spotring_fd < 0))
			return fail(in, "the handover record lacks a good descriptor of %s",
				    slot->name);
		if (slot->pidfd < 0 || slot->control < 0) {
			if (slot->pid != 0 && in->mode != RECORD_RESUME)
				return fail(in, "the record lacks the holder of %s", slot->name);
			bury_holder(slot);
		}
		if (!slot_furnish(slot))
			return fail(in, "the memory of slot %s can't be mapped: %s", slot->name,
				    strerror(errno));
	}
	return true;
}

bool record_inherit(struct master *master, const struct record *record, enum record_mode mode,
		    char why_r[256])
{
	struct inheriting in = {.master = master, .record = record, .mode = mode, .why = why_r};

	if (!verify_writer(&in) || !verify(&in) || !take_words(&in))
		return false;
	take_numbers(&in);
	if (!take_parts(&in) || !each_fd(&in, false, take_fd))
		return false;
	if (master->log_err < 0)
		master->log_err = master->null;
	if (master->null < 0 || master->log_read < 0 || master->log_write < 0 ||
	    master->pidfile < 0 || master->own_control == NULL)
		return fail(&in, "the handover record lacks a descriptor of the master's own");
	if (!twin_is_ours(master->executable[KIND_NET]))
		return fail(&in, "%s is not of the same build", TWIN_NAME);
	if (!map_gates(&in) || !furnish(&in) || !each_fd(&in, true, take_session))
		return false;
	return accept_open(master) || fail(&in, "%.250s", master->why);
}
