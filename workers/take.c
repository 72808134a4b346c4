/* SPDX-License-Identifier: ISC
 *
 * NAME      take - what a worker gets from the master before it starts
 * PURPOSE   Puts each descriptor where its role says.
 * OWNER     every worker
 * CONTRACT  see take.h
 * LIMITS    see take.h
 */
#include "workers/take.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/text.h"

void take_init(struct worker *worker)
{
	memset(worker, 0, sizeof(*worker));
	worker->control = worker->bell = worker->log_fd = worker->ring_fd = -1;
	worker->gate_voice = worker->gate_state = worker->gate_spots = -1;
	worker->log_read = worker->log_err = -1;
	for (unsigned i = 0; i < WORKER_LISTENERS; i++)
		worker->udp[i].fd = -1;
	for (unsigned i = 0; i < LIST_KINDS; i++)
		worker->list_fd[i] = -1;
	for (unsigned i = 0; i < WORKER_FEEDS; i++)
		worker->spotring_fd[i] = -1;
}

static void drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void take_undo(struct worker *worker)
{
	for (unsigned i = 0; i < WORKER_LISTENERS; i++)
		drop(&worker->udp[i].fd);
	for (unsigned i = 0; i < LIST_KINDS; i++)
		drop(&worker->list_fd[i]);
	for (unsigned i = 0; i < worker->peer_bells; i++)
		drop(&worker->peer_bell[i]);
	for (unsigned i = 0; i < worker->spot_bells; i++)
		drop(&worker->spot_bell[i].fd);
	for (unsigned i = 0; i < WORKER_FEEDS; i++)
		drop(&worker->spotring_fd[i]);
	for (unsigned i = 0; i < worker->slot_tables; i++)
		table_unmap(&worker->slot_table[i].table);
	for (unsigned i = 0; i < WORKER_PEERS; i++)
		page_unmap(&worker->peer_page[i]);
	for (unsigned i = 0; i < worker->slot_pages; i++)
		page_unmap(&worker->slot_page[i].page);
	page_unmap((const struct page **)&worker->page);
	conf_unmap(&worker->conf);
	table_unmap(&worker->table);
	drop(&worker->bell);
	drop(&worker->ring_fd);
	drop(&worker->gate_voice);
	drop(&worker->gate_state);
	drop(&worker->gate_spots);
	drop(&worker->log_read);
	drop(&worker->log_err);
	drop(&worker->control);
}

/* Keeps the descriptor itself; one of a role only. */
static bool keep(int *place, int *fd)
{
	if (*place >= 0)
		return false;
	*place = *fd;
	*fd = -1;
	return true;
}

static bool take_peer_page(struct worker *worker, unsigned index, int fd)
{
	if (index >= WORKER_PEERS || worker->peer_page[index] != NULL)
		return false;
	worker->peer_page[index] = page_map_readonly(fd);
	if (index >= worker->peers)
		worker->peers = index + 1;
	return worker->peer_page[index] != NULL;
}

static bool take_slot_page(struct worker *worker, const struct msg_fd *what, int fd)
{
	const struct page *page;
	unsigned i = 0;

	/* one that comes again takes the place of the one before */
	while (i < worker->slot_pages && strcmp(worker->slot_page[i].slot, what->slot) != 0)
		i++;
	if (i >= WORKER_SLOTS || (page = page_map_readonly(fd)) == NULL)
		return false;
	page_unmap(&worker->slot_page[i].page);
	worker->slot_page[i].page = page;
	text_copy(worker->slot_page[i].slot, sizeof(worker->slot_page[i].slot), what->slot);
	if (i == worker->slot_pages)
		worker->slot_pages++;
	return true;
}

static bool take_slot_table(struct worker *worker, const struct msg_fd *what, int fd)
{
	unsigned i = worker->slot_tables;

	if (i >= WORKER_PEERS || !table_map_readonly(fd, &worker->slot_table[i].table))
		return false;
	text_copy(worker->slot_table[i].slot, sizeof(worker->slot_table[i].slot), what->slot);
	worker->slot_tables++;
	return true;
}

static bool take_spot_bell(struct worker *worker, const struct msg_fd *what, int *fd)
{
	unsigned i = 0;

	while (i < worker->spot_bells && strcmp(worker->spot_bell[i].slot, what->slot) != 0)
		i++;
	if (i >= WORKER_BELLS)
		return false;
	if (i == worker->spot_bells)
		worker->spot_bell[worker->spot_bells++].fd = -1;
	drop(&worker->spot_bell[i].fd);
	text_copy(worker->spot_bell[i].slot, sizeof(worker->spot_bell[i].slot), what->slot);
	return keep(&worker->spot_bell[i].fd, fd);
}

static bool take_spotring(struct worker *worker, const struct msg_fd *what, int *fd)
{
	if (what->index >= WORKER_FEEDS)
		return false;
	drop(&worker->spotring_fd[what->index]);
	return keep(&worker->spotring_fd[what->index], fd);
}

static bool take_socket(struct worker *worker, const struct msg_fd *what, int *fd)
{
	if (what->index >= WORKER_LISTENERS || !keep(&worker->udp[what->index].fd, fd))
		return false;
	worker->udp[what->index].addr = what->addr;
	return true;
}

static bool take_bell(struct worker *worker, int *fd)
{
	if (worker->peer_bells >= WORKER_BELLS)
		return false;
	worker->peer_bell[worker->peer_bells++] = *fd;
	*fd = -1;
	return true;
}

bool take_list(struct worker *worker, const struct msg_fd *what, int *fd)
{
	if (what->index >= LIST_KINDS || !list_sealed(*fd))
		return false;
	drop(&worker->list_fd[what->index]);
	return keep(&worker->list_fd[what->index], fd);
}

bool take_spots(struct worker *worker, const struct msg_fd *what, int *fd)
{
	return what->role == FD_SPOT_BELL  ? take_spot_bell(worker, what, fd)
	       : what->role == FD_SPOTRING ? take_spotring(worker, what, fd)
					   : false;
}

bool take_peer(struct worker *worker, const struct msg_fd *what, int *fd)
{
	switch (what->role) {
	case FD_PEER_PAGE:
		return take_peer_page(worker, what->index, *fd);
	case FD_PAGE_OF_SLOT:
		return take_slot_page(worker, what, *fd);
	case FD_PEER_BELL:
		return take_bell(worker, fd);
	default:
		return false;
	}
}

/* One descriptor; sets *FD to -1 when it was kept. */
static bool take_one(struct worker *worker, const struct msg_fd *what, int *fd)
{
	switch (what->role) {
	case FD_CONF:
		conf_unmap(&worker->conf);
		return (worker->conf = conf_map(*fd)) != NULL;
	case FD_PAGE:
		page_unmap((const struct page **)&worker->page);
		return (worker->page = page_map(*fd)) != NULL;
	case FD_PEER_PAGE:
	case FD_PAGE_OF_SLOT:
	case FD_PEER_BELL:
		return take_peer(worker, what, fd);
	case FD_LIST:
		return take_list(worker, what, fd);
	case FD_SPOT_BELL:
	case FD_SPOTRING:
		return take_spots(worker, what, fd);
	case FD_TABLE_OF_SLOT:
		return take_slot_table(worker, what, *fd);
	case FD_TABLE:
		table_unmap(&worker->table);
		return table_map(*fd, &worker->table);
	case FD_GATE_VOICE:
		return keep(&worker->gate_voice, fd);
	case FD_GATE_STATE:
		return keep(&worker->gate_state, fd);
	case FD_GATE_SPOTS:
		return keep(&worker->gate_spots, fd);
	case FD_LOG:
		return keep(&worker->log_fd, fd);
	case FD_LOG_READ:
		return keep(&worker->log_read, fd);
	case FD_LOG_ERR:
		return keep(&worker->log_err, fd);
	case FD_BELL:
		return keep(&worker->bell, fd);
	case FD_RING:
		return keep(&worker->ring_fd, fd);
	case FD_UDP:
		return take_socket(worker, what, fd);
	default:
		return false;
	}
}

static bool take_fd(struct worker *worker, struct msg *msg, char error_r[256])
{
	struct msg_fd what;
	bool taken;

	memcpy(&what, msg->body, sizeof(what));
	what.slot[sizeof(what.slot) - 1] = '\0';
	errno = 0;
	taken = take_one(worker, &what, &msg->fd);
	if (msg->fd >= 0)
		close(msg->fd);
	if (!taken)
		snprintf(error_r, 256, "descriptor of role %u, index %u can't be used%s%s",
			 what.role, what.index, errno != 0 ? ": " : "",
			 errno != 0 ? strerror(errno) : "");
	return taken;
}

/* START names the number of listeners; all must be there. */
static bool finish(struct worker *worker, const struct msg *msg, struct msg_start *start_r,
		   char error_r[256])
{
	memcpy(start_r, msg->body, sizeof(*start_r));
	start_r->slot[sizeof(start_r->slot) - 1] = '\0';
	if (worker->conf == NULL || worker->page == NULL) {
		snprintf(error_r, 256, "START came without the configuration or the page");
		return false;
	}
	if (start_r->listeners > WORKER_LISTENERS || strcmp(start_r->slot, worker->slot) != 0) {
		snprintf(error_r, 256, "START is for slot %s with %u listeners", start_r->slot,
			 start_r->listeners);
		return false;
	}
	/* a gap where the configuration has a gap */
	for (unsigned i = 0; i < start_r->listeners; i++) {
		if (worker->udp[i].fd < 0 && conf_listener(worker->conf, i) != NULL) {
			snprintf(error_r, 256, "the socket of listener %u is missing", i);
			return false;
		}
	}
	worker->generation = start_r->generation;
	worker->index = start_r->index;
	worker->count = start_r->count;
	worker->listeners = start_r->listeners;
	worker->standby = start_r->standby != 0;
	worker->master_pid = start_r->master_pid;
	text_from_field(worker->member, start_r->member,
			strnlen(start_r->member, sizeof(start_r->member) - 1));
	return true;
}

/* Waits for the next message, at most until DEADLINE (clock_mono). As take_all. */
static int next_message(int control, uint64_t deadline, struct msg *msg_r, char error_r[256])
{
	for (;;) {
		struct pollfd wait = {.fd = control, .events = POLLIN};
		uint64_t now = clock_mono();
		int got = msg_recv(control, msg_r);

		if (got >= 0)
			return got;
		if (errno != EAGAIN && errno != EINTR) {
			snprintf(error_r, 256, "control socket: %s", strerror(errno));
			return -1;
		}
		if (now >= deadline) {
			snprintf(error_r, 256, "no START from the master within %d s",
				 TAKE_SECONDS);
			return -1;
		}
		if (poll(&wait, 1, (int)((deadline - now) / NS_PER_MS) + 1) < 0 && errno != EINTR) {
			snprintf(error_r, 256, "poll: %s", strerror(errno));
			return -1;
		}
	}
}

int take_all(struct worker *worker, struct msg_start *start_r, char error_r[256])
{
	uint64_t deadline = clock_mono() + TAKE_SECONDS * NS_PER_SEC;
	struct msg msg;

	for (;;) {
		int got = next_message(worker->control, deadline, &msg, error_r);

		if (got <= 0)
			return got;
		if (msg.type == MSG_START)
			return finish(worker, &msg, start_r, error_r) ? 1 : -1;
		if (msg.type == MSG_STOP)
			return 0;
		if (msg.type != MSG_FD) {
			if (msg.fd >= 0)
				close(msg.fd);
			snprintf(error_r, 256, "message %s before START", msg_type_name(msg.type));
			return -1;
		}
		if (!take_fd(worker, &msg, error_r))
			return -1;
	}
}
