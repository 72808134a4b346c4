/* SPDX-License-Identifier: ISC
 *
 * NAME      record - the handover record of this master, written
 * PURPOSE   Gathers what the next image must know and hold.
 * OWNER     master
 * CONTRACT  see master/upgrade/record.h
 * LIMITS    see master/upgrade/handover.h
 */
#include "master/upgrade/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/tcp/accept.h"
#include "master/control.h"
#include "master/dump.h"
#include "master/reload/reload.h"
#include "master/slot.h"
#include "master/upgrade/fdprint.h"
#include "master/tcp/vault.h"
#include "master/version.h"
#include "shm/text.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

struct writing {
	struct handover handover;
	char *why;
	bool failed;
};

static bool fail(struct writing *writing, const char *what)
{
	if (!writing->failed)
		snprintf(writing->why, 160, "%s: %s", what, strerror(errno));
	writing->failed = true;
	return false;
}

/* ---- descriptors ---- */

static struct handover_fd describe(struct writing *writing, enum handover_role role, unsigned index,
				   const char *slot, int fd)
{
	struct handover_fd item = {.fd = fd, .role = (uint16_t)role, .index = (uint16_t)index};

	text_copy(item.slot, sizeof(item.slot), slot);
	if (!fdprint_make(fd, &item.print))
		fail(writing, handover_role_name(role));
	return item;
}

static void put_fd(struct writing *writing, enum handover_role role, unsigned index,
		   const char *slot, int fd)
{
	struct handover_fd item = describe(writing, role, index, slot, fd);

	handover_put(&writing->handover, HANDOVER_FD, &item, sizeof(item), NULL, 0);
}

static void put_own(struct writing *writing, const struct master *master,
		    const struct record_extra *extra)
{
	put_fd(writing, ROLE_EXECUTABLE, 0, "", master->executable[KIND_OWN]);
	put_fd(writing, ROLE_NET, 0, "", master->executable[KIND_NET]);
	put_fd(writing, ROLE_NET, 1, "", extra->net);
	put_fd(writing, ROLE_NULL, 0, "", master->null);
	put_fd(writing, ROLE_CONF, 0, "", master->conf_fd);
	put_fd(writing, ROLE_LOG_READ, 0, "", master->log_read);
	put_fd(writing, ROLE_LOG_WRITE, 0, "", master->log_write);
	if (master->log_err != master->null)
		put_fd(writing, ROLE_LOG_ERR, 0, "", master->log_err);
	for (unsigned i = 0; i < MASTER_GATES; i++)
		if (master->gate_fd[i] >= 0)
			put_fd(writing, ROLE_GATE, i, "", master->gate_fd[i]);
	put_fd(writing, ROLE_PIDFILE, 0, "", master->pidfile);
	for (unsigned i = 0; i < 2; i++)
		if (master->locked[i] >= 0)
			put_fd(writing, ROLE_LOCK, i, "", master->locked[i]);
	for (unsigned i = 0; i < LIST_KINDS; i++)
		if (master->list_fd[i] >= 0)
			put_fd(writing, ROLE_LIST, i, "", master->list_fd[i]);
	put_fd(writing, ROLE_PROGRESS, 0, "", extra->progress);
}

static void put_connection(void *arg, enum handover_role role, int fd)
{
	put_fd(arg, role, 0, "", fd);
}

static void put_acceptors(struct writing *writing, const struct master *master)
{
	unsigned count;
	const struct acceptor *acceptor = accept_list(master, &count);

	for (unsigned i = 0; i < count; i++) {
		struct handover_fd item = describe(
			writing, ROLE_ACCEPT, i, kind_table[acceptor[i].kind].name, acceptor[i].fd);

		item.addr = acceptor[i].addr;
		handover_put(&writing->handover, HANDOVER_FD, &item, sizeof(item), NULL, 0);
	}
}

static void put_session(void *arg, const struct slot *slot, const struct vault_entry *entry)
{
	struct writing *writing = arg;
	struct handover_fd item = describe(writing, ROLE_TCP, entry->index, slot->name, entry->fd);

	item.addr = entry->addr;
	item.session = entry->session;
	item.known = entry->known;
	handover_put(&writing->handover, HANDOVER_FD, &item, sizeof(item), NULL, 0);
}

static void put_sockets(struct writing *writing, const struct slot *slot)
{
	for (unsigned i = 0; i < CONF_LISTEN_MAX; i++) {
		struct handover_fd item;

		if (slot->udp[i] < 0)
			continue;
		item = describe(writing, ROLE_UDP, i, slot->name, slot->udp[i]);
		item.addr =
			slot->kind == SLOT_LINK ? slot->master->feed[i] : slot->master->listener[i];
		handover_put(&writing->handover, HANDOVER_FD, &item, sizeof(item), NULL, 0);
	}
}

static void put_slot(struct writing *writing, const struct slot *slot)
{
	struct handover_slot item = {
		.index = slot->index,
		.serving = slot->state == SLOT_SERVING,
		.retired = slot->retired,
		.pid = slot->pid,
		.generation = slot->generation,
		.ready_ns = slot->ready_ns,
		.restarts = slot->restarts,
		.deaths = slot->deaths,
	};

	text_copy(item.name, sizeof(item.name), slot->name);
	text_copy(item.kind, sizeof(item.kind), slot_kind_name(slot->kind));
	text_copy(item.last_death, sizeof(item.last_death), slot->last_death);
	text_copy(item.member, sizeof(item.member), slot->member);
	handover_put(&writing->handover, HANDOVER_SLOT, &item, sizeof(item), NULL, 0);
	put_fd(writing, ROLE_PAGE, 0, slot->name, slot->page_fd);
	put_fd(writing, ROLE_BELL, 0, slot->name, slot->bell);
	if (slot->ring_fd >= 0)
		put_fd(writing, ROLE_RING, 0, slot->name, slot->ring_fd);
	if (slot->table_fd >= 0)
		put_fd(writing, ROLE_TABLE, 0, slot->name, slot->table_fd);
	if (slot->spotring_fd >= 0)
		put_fd(writing, ROLE_SPOTRING, 0, slot->name, slot->spotring_fd);
	put_sockets(writing, slot);
	if (slot->pid == 0)
		return;
	put_fd(writing, ROLE_HOLDER, 0, slot->name, slot->control);
	put_fd(writing, ROLE_PIDFD, 0, slot->name, slot->pidfd);
}

/* ---- the rest ---- */

static void put_word(struct writing *writing, enum handover_word word, const char *text)
{
	const struct handover_text head = {word};

	if (text != NULL)
		handover_put(&writing->handover, HANDOVER_TEXT, &head, sizeof(head), text,
			     strlen(text));
}

static void put_words(struct writing *writing, const struct master *master)
{
	const struct config_request *request = master->request;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out != NULL)
		dump_config(out, master->config);
	if (out == NULL || ferror(out) || fclose(out) != 0)
		fail(writing, "the configuration can't be written down");
	else
		put_word(writing, WORD_CONFIG, text);
	free(text);
	put_word(writing, WORD_FILE, request->file);
	put_word(writing, WORD_DIRECTORY, request->directory);
	for (size_t i = 0; i < request->sets; i++)
		put_word(writing, WORD_SET, request->set[i]);
	put_word(writing, WORD_PIDFILE, master->pidfile_path);
	put_word(writing, WORD_SOCKET, master->socket_path);
	put_word(writing, WORD_PROGRAM, master->program);
	put_word(writing, WORD_VERSION, version_text());
	text = json_dumps(master->own_reload->last, JSON_COMPACT);
	put_word(writing, WORD_REPORT, text);
	free(text);
}

static void put_master(struct writing *writing, const struct master *master)
{
	int foreign = fdprint_count();
	struct handover_master item = {
		.pid = getpid(),
		.images = (uint32_t)master->images,
		.started = master->started,
		.conf_generation = master->conf_generation,
		.events_dropped = master->events_dropped,
		.messages_bad = master->messages_bad,
		.control_refused = master->control_refused,
		.crashes_dropped = master->crashes_dropped,
		.sessions_refused = master->sessions_refused,
		.sessions_refused_per_ip = master->sessions_refused_per_ip,
		.accept_failed = master->accept_failed,
		.next_session = master->next_session,
		.check_serial = master->check_serial,
		.asked = clock_mono(),
		.foreign = (uint32_t)foreign,
		.slots = master->slots,
		.foreground = master->foreground,
		.worker_uid = master->worker_uid,
		.worker_gid = master->worker_gid,
		.control_gid = master->control_gid,
		.edition = master->edition,
		.lists_refused = master->lists_refused,
		.sessions_refused_rate = master->sessions_refused_rate,
		.sessions_refused_login = master->sessions_refused_login,
		.sessions_refused_network = master->sessions_refused_network,
		.sessions_delayed = master->sessions_delayed,
		.aides_refused = master->aides_refused,
		.aides_failed = master->aides_failed,
	};

	if (foreign < 0)
		fail(writing, "open descriptors can't be counted");
	handover_put(&writing->handover, HANDOVER_MASTER, &item, sizeof(item), NULL, 0);
}

static void put_listeners(struct writing *writing, const struct master *master)
{
	for (unsigned i = 0; i < master->listeners; i++) {
		struct handover_listener item = {
			.index = i,
			.used = master->listener_used[i],
			.known = master->listener_known[i],
			.dgid = master->listener_dgid[i],
			.real = master->listener[i],
			.asked = master->listener_asked[i],
		};

		handover_put(&writing->handover, HANDOVER_LISTENER, &item, sizeof(item), NULL, 0);
	}
}

static void put_events(struct writing *writing, const struct master *master)
{
	for (unsigned i = 0; i < master->events; i++) {
		const struct master_event *event =
			&master->event[(master->event_first + i) % MASTER_EVENTS];

		handover_put(&writing->handover, HANDOVER_EVENT, event, sizeof(*event), NULL, 0);
	}
}

static size_t fill(struct writing *writing, const struct master *master,
		   const struct record_extra *extra)
{
	put_master(writing, master);
	put_words(writing, master);
	put_listeners(writing, master);
	for (unsigned i = 0; i < master->slots; i++)
		if (master->slot[i].page_fd >= 0)
			put_slot(writing, &master->slot[i]);
	put_own(writing, master, extra);
	control_each(master, put_connection, writing);
	put_acceptors(writing, master);
	vault_each(master, put_session, writing);
	put_events(writing, master);
	if (writing->handover.full && !writing->failed) {
		errno = E2BIG;
		fail(writing, "the record");
	}
	return writing->failed ? 0 : handover_end(&writing->handover);
}

static int seal(const void *data, size_t size)
{
	int fd = memfd_create("shackd-handover", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -1;
	if (write(fd, data, size) != (ssize_t)size || fcntl(fd, F_ADD_SEALS, SEALS) != 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int record_write(const struct master *master, const struct record_extra *extra, char why_r[160])
{
	struct writing writing = {.why = why_r};
	void *data = malloc(HANDOVER_MAX);
	size_t size;
	int fd = -1;

	if (data == NULL) {
		fail(&writing, "the record");
		return -1;
	}
	handover_begin(&writing.handover, data, HANDOVER_MAX);
	size = fill(&writing, master, extra);
	if (size > 0) {
		fd = seal(data, size);
		if (fd < 0)
			fail(&writing, "the record");
	}
	free(data);
	return fd;
}

/* ---- a record that is there ---- */

bool record_open(struct record *record_r, int fd, char why_r[160])
{
	struct handover_item item;
	struct stat st;
	size_t at = 0;
	void *data;

	*record_r = (struct record){.fd = fd};
	if (fstat(fd, &st) != 0 || st.st_size <= 0 || st.st_size > HANDOVER_MAX ||
	    fcntl(fd, F_GET_SEALS) != SEALS) {
		snprintf(why_r, 160, "descriptor %d is no handover record", fd);
		return false;
	}
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED) {
		snprintf(why_r, 160, "the handover record can't be mapped: %s", strerror(errno));
		return false;
	}
	record_r->data = data;
	record_r->size = (size_t)st.st_size;
	if (handover_check(data, record_r->size, &record_r->info, why_r) != 0) {
		record_close(record_r);
		return false;
	}
	handover_next(data, record_r->size, &at, &item);
	handover_get(&item, &record_r->master, sizeof(record_r->master));
	return true;
}

void record_close(struct record *record)
{
	if (record->data != NULL)
		munmap((void *)(uintptr_t)record->data, record->size);
	record->data = NULL;
}

bool record_next_fd(const struct record *record, size_t *at, struct handover_fd *fd_r)
{
	struct handover_item item;

	while (handover_next(record->data, record->size, at, &item)) {
		if (item.tag != HANDOVER_FD)
			continue;
		handover_get(&item, fd_r, sizeof(*fd_r));
		fd_r->slot[sizeof(fd_r->slot) - 1] = '\0';
		return true;
	}
	return false;
}

void record_close_on_exec(const struct record *record, bool wanted)
{
	struct handover_fd fd;
	size_t at = 0;

	while (record_next_fd(record, &at, &fd))
		if (fcntl(fd.fd, F_SETFD, wanted ? FD_CLOEXEC : 0) != 0)
			continue; /* it closed since */
	fcntl(record->fd, F_SETFD, wanted ? FD_CLOEXEC : 0);
}

char *record_word(const struct record *record, enum handover_word word, unsigned n)
{
	struct handover_item item;
	struct handover_text head;
	size_t at = 0;

	while (handover_next(record->data, record->size, &at, &item)) {
		if (item.tag != HANDOVER_TEXT)
			continue;
		handover_get(&item, &head, sizeof(head));
		if (head.word == word && n-- == 0)
			return strndup((const char *)item.body + sizeof(head),
				       item.length - sizeof(head));
	}
	return NULL;
}
