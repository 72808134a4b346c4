/* SPDX-License-Identifier: ISC
 *
 * NAME      sockets - what a YSF worker reads, and what it sends from
 * PURPOSE   A listener is an address; its own socket is read and sent from. A parked neighbour's
 *           sockets are only read: each slot has its own, the kernel spreads the gateways over them,
 *           and none of these flows may dry up.
 * OWNER     ysf workers
 * CONTRACT  a listener's index is for ever; one that is removed leaves a gap. Sockets come and go by
 *           messages of the master; MSG_DRAINED and MSG_RELEASED are said when nothing that was read
 *           from them is left undone.
 * LIMITS    WORKER_LISTENERS listeners, YSF_INTAKES sockets, YSF_RELEASES neighbours at a time
 */
#include <errno.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shm/log.h"
#include "shm/text.h"
#include "shm/watch.h"
#include "workers/ysf/ysf.h"

#define LEAVE_NS    (500 * NS_PER_MS)
#define EMPTY_TICKS 2

static void on_readable(struct ev_loop *loop, ev_io *watch, int events)
{
	struct intake *intake = watch->data;

	if (watch_lost(loop, watch, events))
		return;
	receive_from(intake->ysf, intake);
}

static void on_writable(struct ev_loop *loop, ev_io *watch, int events)
{
	struct listener *listener = watch->data;

	if (watch_lost(loop, watch, events))
		return;
	ev_io_stop(loop, watch);
	listener->ysf->now = clock_mono();
	relay_drained(listener->ysf, listener);
}

void receive_reading(struct ysf *ysf, bool on)
{
	ysf->reading = on;
	for (unsigned i = 0; i < YSF_INTAKES; i++) {
		struct intake *intake = &ysf->intake[i];

		if (intake->fd < 0)
			continue;
		if (on)
			ev_io_start(ysf->worker->loop, &intake->readable);
		else
			ev_io_stop(ysf->worker->loop, &intake->readable);
	}
}

/* ---- which there are ---- */

static bool matches(const struct intake *intake, unsigned listener, const char *slot)
{
	return intake->fd >= 0 && strcmp(intake->slot, slot) == 0 &&
	       (listener == MSG_ALL_LISTENERS || intake->listener == listener);
}

static struct intake *vacant(struct ysf *ysf)
{
	for (unsigned i = 0; i < YSF_INTAKES; i++)
		if (ysf->intake[i].fd < 0)
			return &ysf->intake[i];
	return NULL;
}

static bool known(const struct ysf *ysf, unsigned listener, const char *slot)
{
	for (unsigned i = 0; i < YSF_INTAKES; i++)
		if (matches(&ysf->intake[i], listener, slot))
			return true;
	return false;
}

static void listener_open(struct ysf *ysf, unsigned index, const struct addr *addr, int fd)
{
	struct listener *listener = &ysf->listener[index];

	listener->fd = fd;
	listener->addr = *addr;
	listener->wildcard = addr_is_any(addr);
	listener->choked = false;
	listener->drops = 0;
	ev_io_init(&listener->writable, on_writable, fd, EV_WRITE);
	listener->writable.data = listener;
	if (index >= ysf->listeners)
		ysf->listeners = index + 1;
	ysf->worker->udp[index] = (struct worker_socket){fd, *addr};
}

bool receive_add(struct ysf *ysf, unsigned listener, const struct addr *addr, int fd,
		 const char *slot)
{
	struct intake *intake = vacant(ysf);

	if (listener >= WORKER_LISTENERS || intake == NULL || known(ysf, listener, slot)) {
		log_error("socket of listener %u%s%s can't be read: %s", listener,
			  slot[0] != '\0' ? " of " : "", slot,
			  intake == NULL ? "too many" : "none like it is wanted");
		close(fd);
		return false;
	}
	*intake = (struct intake){.ysf = ysf, .listener = listener, .fd = fd};
	text_copy(intake->slot, sizeof(intake->slot), slot);
	ev_io_init(&intake->readable, on_readable, fd, EV_READ);
	intake->readable.data = intake;
	if (slot[0] == '\0')
		listener_open(ysf, listener, addr, fd);
	if (ysf->gone_ahead)
		returned_wanted(ysf, intake, true);
	if (ysf->reading)
		ev_io_start(ysf->worker->loop, &intake->readable);
	return true;
}

/* A fan-out that waits for room in its send buffer has nobody to wait for any more. */
static void listener_close(struct ysf *ysf, unsigned index)
{
	struct listener *listener = &ysf->listener[index];

	ev_io_stop(ysf->worker->loop, &listener->writable);
	listener->fd = -1;
	ysf->worker->udp[index].fd = -1;
	while (ysf->listeners > 0 && ysf->listener[ysf->listeners - 1].fd < 0)
		ysf->listeners--;
	relay_drained(ysf, listener);
}

static void intake_close(struct ysf *ysf, struct intake *intake)
{
	int fd = intake->fd;

	ev_io_stop(ysf->worker->loop, &intake->readable);
	intake->fd = -1;
	if (intake->slot[0] == '\0')
		listener_close(ysf, intake->listener);
	close(fd);
}

void receive_remove(struct ysf *ysf, unsigned listener, const char *slot)
{
	for (unsigned i = 0; i < YSF_INTAKES; i++)
		if (matches(&ysf->intake[i], listener, slot))
			intake_close(ysf, &ysf->intake[i]);
}

void receive_staged_use(struct ysf *ysf)
{
	for (unsigned i = 0; i < WORKER_LISTENERS; i++) {
		struct worker_socket staged = ysf->staged[i];

		ysf->staged[i].fd = -1;
		if (staged.fd >= 0)
			receive_add(ysf, i, &staged.addr, staged.fd, "");
	}
}

void receive_staged_drop(struct ysf *ysf)
{
	for (unsigned i = 0; i < WORKER_LISTENERS; i++) {
		if (ysf->staged[i].fd >= 0)
			close(ysf->staged[i].fd);
		ysf->staged[i].fd = -1;
	}
}

/* ---- what the master is told ---- */

static void say(struct ysf *ysf, enum msg_type type, const void *body, size_t length)
{
	const struct worker *worker = ysf->worker;

	if (msg_send(worker->control, type, worker->generation, body, length, -1) != 0)
		log_error("can't say %s to the master: %s", msg_type_name(type), strerror(errno));
}

static void say_drained(struct ysf *ysf, unsigned listener)
{
	struct msg_drain drain = {.listener = (uint16_t)listener};

	say(ysf, MSG_DRAINED, &drain, sizeof(drain));
}

static bool is_empty(const struct intake *intake)
{
	char byte;

	return recv(intake->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       (errno == EAGAIN || errno == EWOULDBLOCK);
}

/* Is there still one of LISTENER that has to stay empty for a while? */
static bool drips(const struct ysf *ysf, unsigned listener)
{
	for (unsigned i = 0; i < YSF_INTAKES; i++) {
		const struct intake *intake = &ysf->intake[i];

		if (intake->fd >= 0 && intake->draining && intake->empty < EMPTY_TICKS &&
		    (listener == MSG_ALL_LISTENERS || intake->listener == listener))
			return true;
	}
	return false;
}

/* Our own socket and those of neighbours' slots. */
static void leave(struct ysf *ysf, unsigned listener)
{
	ysf->leave_at[listener] = 0;
	for (unsigned i = 0; i < YSF_INTAKES; i++)
		if (ysf->intake[i].fd >= 0 && ysf->intake[i].listener == listener)
			intake_close(ysf, &ysf->intake[i]);
}

static void drained(struct ysf *ysf, unsigned listener)
{
	bool asked = false;

	for (unsigned i = 0; i < YSF_INTAKES; i++) {
		struct intake *intake = &ysf->intake[i];

		if (intake->fd < 0 || !intake->draining ||
		    (listener != MSG_ALL_LISTENERS && intake->listener != listener))
			continue;
		intake->draining = false;
		asked = true;
	}
	/* closed before it is said: the master may bind the address again at once */
	if (listener != MSG_ALL_LISTENERS && ysf->leave_at[listener] != 0)
		leave(ysf, listener);
	if (asked)
		say_drained(ysf, listener);
}

static void drain_tick(struct ysf *ysf)
{
	for (unsigned i = 0; i < YSF_INTAKES; i++) {
		struct intake *intake = &ysf->intake[i];

		if (intake->fd >= 0 && intake->draining)
			intake->empty = is_empty(intake) ? intake->empty + 1 : 0;
	}
	if (!receive_idle(ysf))
		return;
	for (unsigned i = 0; i < WORKER_LISTENERS; i++)
		if (ysf->leave_at[i] != 0 && (!drips(ysf, i) || ysf->now >= ysf->leave_at[i]))
			drained(ysf, i);
	if (ysf->drain_all) {
		if (drips(ysf, MSG_ALL_LISTENERS))
			return;
		ysf->drain_all = false;
		for (unsigned i = 0; i < YSF_INTAKES; i++)
			ysf->intake[i].draining = false;
		say_drained(ysf, MSG_ALL_LISTENERS);
		return;
	}
	for (unsigned i = 0; i < WORKER_LISTENERS; i++)
		if (!drips(ysf, i))
			drained(ysf, i);
}

/* Whoever still sends to a listener that goes does not hold it for ever. */
void sockets_follow_conf(struct ysf *ysf)
{
	for (unsigned i = 0; i < YSF_INTAKES; i++) {
		struct intake *intake = &ysf->intake[i];

		if (intake->fd < 0 || conf_listener(ysf->worker->conf, intake->listener) != NULL)
			continue;
		intake->draining = true;
		intake->empty = 0;
		ysf->leave_at[intake->listener] = ysf->now + LEAVE_NS;
	}
}

void sockets_tick(struct ysf *ysf)
{
	drain_tick(ysf);
	for (unsigned i = 0; i < YSF_RELEASES && receive_idle(ysf); i++) {
		struct msg_release release;

		if (ysf->release[i][0] == '\0')
			continue;
		memcpy(release.slot, ysf->release[i], sizeof(release.slot));
		ysf->release[i][0] = '\0';
		say(ysf, MSG_RELEASED, &release, sizeof(release));
	}
}

/* ---- what the master says ---- */

static bool take_socket(struct ysf *ysf, const struct msg_fd *what, int fd)
{
	if (what->slot[0] != '\0' && strcmp(what->slot, ysf->worker->slot) != 0)
		return receive_add(ysf, what->index, &what->addr, fd, what->slot);
	if (what->index >= WORKER_LISTENERS || known(ysf, what->index, "")) {
		close(fd);
		return false;
	}
	if (ysf->staged[what->index].fd >= 0)
		close(ysf->staged[what->index].fd);
	ysf->staged[what->index] = (struct worker_socket){fd, what->addr};
	return true;
}

static bool on_fd(struct ysf *ysf, struct msg *msg)
{
	struct msg_fd what;
	int fd = msg->fd;

	memcpy(&what, msg->body, sizeof(what));
	what.slot[sizeof(what.slot) - 1] = '\0';
	if (what.role != FD_UDP)
		return false;
	msg->fd = -1;
	return take_socket(ysf, &what, fd);
}

/* Reading ends at once; what was read is worked off before RELEASED is said. */
static bool on_release(struct ysf *ysf, const struct msg *msg)
{
	struct msg_release release;

	memcpy(&release, msg->body, sizeof(release));
	release.slot[sizeof(release.slot) - 1] = '\0';
	if (release.slot[0] == '\0')
		return false;
	receive_remove(ysf, MSG_ALL_LISTENERS, release.slot);
	for (unsigned i = 0; i < YSF_RELEASES; i++) {
		if (ysf->release[i][0] != '\0')
			continue;
		memcpy(ysf->release[i], release.slot, sizeof(release.slot));
		sockets_tick(ysf);
		return true;
	}
	return false;
}

static bool on_drain(struct ysf *ysf, const struct msg *msg)
{
	struct msg_drain drain;
	bool found = false;

	memcpy(&drain, msg->body, sizeof(drain));
	for (unsigned i = 0; i < YSF_INTAKES; i++) {
		struct intake *intake = &ysf->intake[i];

		if (intake->fd < 0 ||
		    (drain.listener != MSG_ALL_LISTENERS && intake->listener != drain.listener))
			continue;
		intake->draining = found = true;
		intake->empty = 0;
	}
	if (drain.listener == MSG_ALL_LISTENERS)
		ysf->drain_all = true;
	else if (!found)
		say_drained(ysf, drain.listener); /* nothing is ever as empty as what is not there */
	return true;
}

void sockets_message(struct worker *worker, struct msg *msg)
{
	struct ysf *ysf = worker->own;
	bool done = false;

	ysf->now = clock_mono();
	if (msg->type == MSG_FD)
		done = on_fd(ysf, msg);
	else if (msg->type == MSG_RELEASE)
		done = on_release(ysf, msg);
	else if (msg->type == MSG_DRAIN)
		done = on_drain(ysf, msg);
	else if (msg->type == MSG_NO_CALLS)
		done = ysf->no_calls = true;
	if (!done) {
		page_count(worker->page, COUNT_MESSAGES_BAD);
		log_limited(LOG_LEVEL_WARNING, "message %s can't be obeyed",
			    msg_type_name(msg->type));
	}
	if (msg->fd >= 0)
		close(msg->fd);
}

/* ---- the life of it ---- */

/* The kernel counts what it had to drop at a full receive buffer since the socket was made, that
 * is, over all holders of the slot: so the counter is set, not added to. */
void sockets_count_drops(struct ysf *ysf)
{
	uint64_t drops = 0;

	for (unsigned i = 0; i < ysf->listeners; i++) {
		struct listener *listener = &ysf->listener[i];
		uint32_t info[SK_MEMINFO_VARS];
		socklen_t size = sizeof(info);

		if (listener->fd >= 0 &&
		    getsockopt(listener->fd, SOL_SOCKET, SO_MEMINFO, info, &size) == 0)
			listener->drops = info[SK_MEMINFO_DROPS];
		drops += listener->drops;
	}
	atomic_store_explicit(&ysf->page->counter[COUNT_YSF_KERNEL_DROPS], drops,
			      memory_order_relaxed);
}

void sockets_gauge_buffer(struct ysf *ysf)
{
	uint64_t smallest = UINT64_MAX;

	for (unsigned i = 0; i < ysf->listeners; i++) {
		int bytes = 0;
		socklen_t size = sizeof(bytes);

		if (ysf->listener[i].fd < 0)
			continue;
		if (getsockopt(ysf->listener[i].fd, SOL_SOCKET, SO_RCVBUF, &bytes, &size) != 0)
			bytes = 0;
		smallest = (uint64_t)bytes < smallest ? (uint64_t)bytes : smallest;
	}
	page_gauge(ysf->page, GAUGE_RECEIVE_BUFFER, smallest);
}

void sockets_open(struct ysf *ysf)
{
	for (unsigned i = 0; i < YSF_INTAKES; i++)
		ysf->intake[i].fd = -1;
	for (unsigned i = 0; i < WORKER_LISTENERS; i++) {
		ysf->staged[i].fd = -1;
		ysf->listener[i] = (struct listener){.ysf = ysf, .index = i, .fd = -1};
	}
	for (unsigned i = 0; i < ysf->worker->listeners; i++) {
		const struct worker_socket *socket = &ysf->worker->udp[i];

		if (socket->fd >= 0)
			receive_add(ysf, i, &socket->addr, socket->fd, "");
	}
}

void sockets_go(struct ysf *ysf)
{
	ysf->gone_ahead = true;
	for (unsigned i = 0; i < YSF_INTAKES; i++)
		if (ysf->intake[i].fd >= 0)
			returned_wanted(ysf, &ysf->intake[i], true);
}

void sockets_close(struct ysf *ysf)
{
	receive_staged_drop(ysf);
	for (unsigned i = 0; i < YSF_INTAKES; i++) {
		struct intake *intake = &ysf->intake[i];

		if (intake->fd < 0)
			continue;
		ev_io_stop(ysf->worker->loop, &intake->readable);
		if (intake->slot[0] == '\0') /* own ones are the worker's to close */
			returned_wanted(ysf, intake, false);
		else
			close(intake->fd);
	}
	for (unsigned i = 0; i < WORKER_LISTENERS; i++)
		ev_io_stop(ysf->worker->loop, &ysf->listener[i].writable);
}
