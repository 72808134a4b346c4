/* SPDX-License-Identifier: ISC
 *
 * NAME      accept - TCP connections come in
 * PURPOSE   See master/tcp/accept.h.
 * OWNER     master
 * CONTRACT  see master/tcp/accept.h
 * LIMITS    see master/tcp/accept.h
 */
#include "master/tcp/accept.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "master/bind.h"
#include "master/options.h"
#include "master/slot.h"
#include "master/tcp/door.h"
#include "master/tcp/vault.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/watch.h"

#define BACKLOG	      4096 /* a crowd waits here */
#define ACCEPT_BUDGET 64
#define PAUSE_SECONDS 0.2
#define LOGIN_NS      (20 * NS_PER_MS) /* until others have logged in, perhaps */
#define RECEIVE_BYTES (208 * 1024)
#define OWN_FDS	      256 /* what the master needs beside connections, roughly */
#define SPARE_FDS     64  /* never taken by connections: another worker, a reload, shackctl */

struct acceptors {
	struct door door;
	unsigned count;
	struct acceptor one[SLOT_KINDS * CONF_LISTEN_MAX];
};

/* ---- listening ---- */

static bool set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

/* A worker leaves half a line in the socket until the rest is there. The kernel charges the whole
 * packet for it, on loopback 64 KiB, and opens the window only for a packet of that size: with the
 * usual buffer the rest could never come. Accepted sockets inherit the size. */
static void set_buffer(int fd)
{
	if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES))
		set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BYTES);
}

/* -1 with errno. ADDR gets the port that the kernel chose. */
static int listen_at(struct addr *addr)
{
	union addr_sock sock;
	socklen_t length = addr_to_sock(addr, &sock);
	int fd = socket(sock.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int saved;

	if (fd < 0)
		return -1;
	set_buffer(fd);
	if ((sock.sa.sa_family != AF_INET6 || set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
	    set(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
	    (bind(fd, &sock.sa, length) == 0 ||
	     (errno == EADDRNOTAVAIL && bind_absent(fd, addr, true))) &&
	    listen(fd, BACKLOG) == 0 && getsockname(fd, &sock.sa, &length) == 0 &&
	    addr_from_sock(&sock.sa, length, addr) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

bool accept_adopt(struct master *master, enum slot_kind kind, int fd, const struct addr *addr)
{
	struct acceptors *all = master->acceptors;
	struct acceptor *acceptor;

	if (all == NULL && (all = master->acceptors = calloc(1, sizeof(*all))) != NULL)
		door_init(&all->door);
	if (all == NULL || all->count == SLOT_KINDS * CONF_LISTEN_MAX)
		return false;
	acceptor = &all->one[all->count++];
	acceptor->master = master;
	acceptor->kind = kind;
	acceptor->fd = fd;
	acceptor->addr = *addr;
	return true;
}

static bool refuse(struct master *master, enum conf_key key, const struct addr *addr)
{
	const struct option_def *option = &option_table[key];
	char name[64], why[BIND_WHY_MAX];
	int error = errno;

	snprintf(name, sizeof(name), "%s.%s", option->section, option->name);
	bind_explain(name, addr, true, "listen", error, why);
	return master_why(master, EXIT_START, "%s", why);
}

/* The IPv6 half of "*:PORT": the machine may have no IPv6, and port 0 means the port of the IPv4
 * half. */
static bool is_second_half(const struct addr *addr, size_t i)
{
	return i > 0 && addr_is_any(&addr[i - 1]) && addr_family(&addr[i - 1]) == AF_INET &&
	       addr_is_any(&addr[i]) && addr_family(&addr[i]) == AF_INET6 &&
	       addr[i - 1].port == addr[i].port;
}

static bool open_kind(struct master *master, enum slot_kind kind)
{
	enum conf_key key = (enum conf_key)kind_table[kind].listen;
	uint16_t port = 0;
	size_t count;
	const struct addr *addr = config_listen(master->config, key, &count);

	for (size_t i = 0; i < count; i++) {
		bool second = is_second_half(addr, i);
		struct addr real = addr[i];
		int fd;

		if (second)
			real.port = port;
		fd = listen_at(&real);
		if (fd < 0 && second && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
			log_warning("no IPv6 at TCP port %u: %s", port, strerror(errno));
			continue;
		}
		if (fd < 0)
			return refuse(master, key, &addr[i]);
		port = real.port;
		if (!accept_adopt(master, kind, fd, &real)) {
			close(fd);
			return refuse(master, key, &addr[i]);
		}
	}
	return true;
}

/* Every connection is a descriptor here and, as a duplicate, in a worker. */
static void check_descriptors(const struct master *master, enum slot_kind kind)
{
	int64_t sessions = config_number(master->config, (enum conf_key)kind_table[kind].sessions);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < (rlim_t)sessions + OWN_FDS)
		log_warning("the limit of open files (%llu) is too low for %lld sessions; raise it "
			    "with: ulimit -n %lld",
			    (unsigned long long)limit.rlim_cur, (long long)sessions,
			    (long long)sessions + OWN_FDS);
}

/* Those that were taken over. */
static bool has_listeners(const struct master *master, enum slot_kind kind)
{
	unsigned count;
	const struct acceptor *acceptor = accept_list(master, &count);

	for (unsigned i = 0; i < count; i++)
		if (acceptor[i].kind == kind)
			return true;
	return false;
}

bool accept_open(struct master *master)
{
	for (unsigned i = 0; i < SLOT_KINDS; i++) {
		enum slot_kind kind = (enum slot_kind)i;

		if (!kind_vaulted(kind) || slot_single(master, kind) == NULL ||
		    has_listeners(master, kind))
			continue;
		check_descriptors(master, kind);
		if (!open_kind(master, kind))
			return false;
	}
	return true;
}

const struct acceptor *accept_list(const struct master *master, unsigned *count_r)
{
	*count_r = master->acceptors != NULL ? master->acceptors->count : 0;
	return master->acceptors != NULL ? master->acceptors->one : NULL;
}

/* ---- who comes ---- */

/* The slot with the fewest connections, rather one that serves. */
static struct slot *choose(struct master *master, enum slot_kind kind)
{
	struct slot *best = NULL;

	for (unsigned i = 0; i < master->slots; i++) {
		struct slot *slot = &master->slot[i];
		bool serves = slot->state == SLOT_SERVING;
		bool best_serves = best != NULL && best->state == SLOT_SERVING;

		if (slot->kind != kind)
			continue;
		if (best == NULL || (serves && !best_serves) ||
		    (serves == best_serves && vault_used(slot) < vault_used(best)))
			best = slot;
	}
	return best;
}

static void turn_away(int fd, const char *why)
{
	/* a new connection has room for a line; if not, so be it */
	if (send(fd, why, strlen(why), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		shutdown(fd, SHUT_WR);
	close(fd);
}

/* Why somebody is turned away. */
struct refusal {
	const char *cause; /* for the log */
	const char *words; /* for him */
	uint64_t *count;   /* for status */
	enum page_counter counter;
};

static bool refuse_entry(struct acceptor *acceptor, int fd, const struct addr *addr,
			 const struct refusal *refusal)
{
	struct slot *slot = slot_single(acceptor->master, acceptor->kind);
	char text[ADDR_TEXT_MAX];

	++*refusal->count;
	if (kind_table[acceptor->kind].guarded && slot != NULL)
		page_count(slot->page, refusal->counter);
	log_limited(LOG_LEVEL_WARNING, "%s: a connection from %s is refused: %s",
		    kind_table[acceptor->kind].name, addr_text(addr, text), refusal->cause);
	turn_away(fd, refusal->words);
	return false;
}

/* By what is there already. */
static bool has_room(struct acceptor *acceptor, int fd, const struct addr *addr)
{
	struct master *master = acceptor->master;
	const struct kind *kind = &kind_table[acceptor->kind];
	struct vault_census census = vault_census(master, acceptor->kind, addr);
	const struct refusal full = {"limits.sessions are open",
				     "Sorry, this server is full. Please try again later.\r\n",
				     &master->sessions_refused, COUNT_DXC_REFUSED_FULL};
	const struct refusal many = {"limits.sessions_per_ip are open from there",
				     "Sorry, there are too many connections from your address.\r\n",
				     &master->sessions_refused_per_ip, COUNT_DXC_REFUSED_ADDRESS};
	const struct refusal waiting = {
		"too many from there have not logged in",
		"Sorry, other connections from your address have not logged in yet.\r\n",
		&master->sessions_refused_login, COUNT_DXC_REFUSED_LOGIN};
	const struct refusal network = {
		"too many from its network",
		"Sorry, there are too many connections from your network.\r\n",
		&master->sessions_refused_network, COUNT_DXC_REFUSED_NETWORK};

	if (vault_count(master, acceptor->kind) >=
	    config_number(master->config, (enum conf_key)kind->sessions))
		return refuse_entry(acceptor, fd, addr, &full);
	if (census.address >= config_number(master->config, (enum conf_key)kind->sessions_per_ip))
		return refuse_entry(acceptor, fd, addr, &many);
	if (kind->guarded && census.waiting >= DOOR_ADDRESS_LOGINS)
		return refuse_entry(acceptor, fd, addr, &waiting);
	if (kind->guarded && census.network >= DOOR_NETWORK_MOST)
		return refuse_entry(acceptor, fd, addr, &network);
	return true;
}

/* False when he is turned away; the connection is closed then. */
static bool may_enter(struct acceptor *acceptor, int fd, const struct addr *addr)
{
	struct master *master = acceptor->master;
	const struct refusal soon = {
		"too many in a short time",
		"Sorry, too many connections in a short time. Please try again later.\r\n",
		&master->sessions_refused_rate, COUNT_DXC_REFUSED_RATE};
	struct door *door = &master->acceptors->door;
	uint64_t now = clock_mono();

	if (!kind_table[acceptor->kind].guarded)
		return has_room(acceptor, fd, addr);
	if (door_ask(door, addr, now) != DOOR_OPEN)
		return refuse_entry(acceptor, fd, addr, &soon);
	if (!has_room(acceptor, fd, addr))
		return false;
	door_pass(door, now);
	return true;
}

static void enter(struct acceptor *acceptor, int fd, const union addr_sock *sock, socklen_t length)
{
	struct slot *slot = choose(acceptor->master, acceptor->kind);
	struct addr addr;

	/* urgent bytes stay in their place in the stream, or offsets would not count them */
	if (addr_from_sock(&sock->sa, length, &addr) != 0 ||
	    !set(fd, SOL_SOCKET, SO_OOBINLINE, 1) || !set(fd, SOL_SOCKET, SO_KEEPALIVE, 1) ||
	    !set(fd, IPPROTO_TCP, TCP_NODELAY, 1)) {
		close(fd); /* gone already */
		return;
	}
	if (!may_enter(acceptor, fd, &addr))
		return;
	if (slot == NULL || !vault_add(slot, fd, &addr)) {
		acceptor->master->accept_failed++;
		log_limited(LOG_LEVEL_WARNING, "a connection can't be kept: %s", strerror(errno));
		close(fd);
		return;
	}
	fault_point(FAULT_ACCEPT_KEPT);
	slot_flush(slot);
}

static void on_pause_over(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct acceptor *acceptor = timer->data;

	(void)events;
	ev_io_start(loop, &acceptor->watch);
}

static void pause_for(struct acceptor *acceptor, double seconds)
{
	struct ev_loop *loop = acceptor->master->loop;

	ev_io_stop(loop, &acceptor->watch);
	ev_timer_set(&acceptor->pause, seconds, 0);
	ev_timer_start(loop, &acceptor->pause);
}

/* What keeps us from accepting will not be over the next moment, and the listener stays readable.
 */
static void pause_failed(struct acceptor *acceptor, int error)
{
	acceptor->master->accept_failed++;
	log_limited(LOG_LEVEL_ERROR, "can't accept: %s", strerror(error));
	pause_for(acceptor, PAUSE_SECONDS);
}

/* Who comes in a crowd waits in the backlog: nobody is refused for the others. */
static bool must_wait(struct acceptor *acceptor)
{
	struct master *master = acceptor->master;
	struct slot *slot = slot_single(master, acceptor->kind);
	uint64_t wait;

	if (!kind_table[acceptor->kind].guarded)
		return false;
	wait = door_wait(&master->acceptors->door, clock_mono());
	if (wait == 0 && vault_waiting(master, acceptor->kind) >= DOOR_ALL_LOGINS)
		wait = LOGIN_NS;
	if (wait == 0)
		return false;
	master->sessions_delayed++;
	if (slot != NULL)
		page_count(slot->page, COUNT_DXC_DELAYED);
	pause_for(acceptor, (double)wait / 1e9);
	return true;
}

/* Connections must not take what the master needs to live on. */
static bool descriptors_run_out(const struct acceptor *acceptor)
{
	int next = fcntl(acceptor->fd, F_DUPFD_CLOEXEC, 0); /* the lowest that is free */
	struct rlimit limit;

	if (next < 0)
		return true;
	close(next);
	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && (rlim_t)next + SPARE_FDS >= limit.rlim_cur;
}

static int accept_one(const struct acceptor *acceptor, union addr_sock *sock_r, socklen_t *length_r)
{
	*length_r = sizeof(*sock_r);
	if (!descriptors_run_out(acceptor))
		return accept4(acceptor->fd, &sock_r->sa, length_r, SOCK_NONBLOCK | SOCK_CLOEXEC);
	errno = EMFILE;
	return -1;
}

static void on_connection(struct ev_loop *loop, ev_io *io, int events)
{
	struct acceptor *acceptor = io->data;

	if (watch_lost(loop, io, events))
		return;
	for (unsigned i = 0; i < ACCEPT_BUDGET && !must_wait(acceptor); i++) {
		union addr_sock sock;
		socklen_t length;
		int fd = accept_one(acceptor, &sock, &length);

		if (fd >= 0) {
			enter(acceptor, fd, &sock, length);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_failed(acceptor, errno);
		if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

/* ---- when ---- */

void accept_start(struct master *master)
{
	struct acceptors *all = master->acceptors;

	for (unsigned i = 0; all != NULL && i < all->count; i++) {
		struct acceptor *acceptor = &all->one[i];

		ev_io_init(&acceptor->watch, on_connection, acceptor->fd, EV_READ);
		ev_timer_init(&acceptor->pause, on_pause_over, 0, 0);
		acceptor->watch.data = acceptor->pause.data = acceptor;
		ev_io_start(master->loop, &acceptor->watch);
	}
}

void accept_stop(struct master *master)
{
	struct acceptors *all = master->acceptors;

	for (unsigned i = 0; all != NULL && i < all->count; i++) {
		ev_io_stop(master->loop, &all->one[i].watch);
		ev_timer_stop(master->loop, &all->one[i].pause);
	}
}

void accept_close(struct master *master)
{
	struct acceptors *all = master->acceptors;

	if (all == NULL)
		return;
	if (master->loop != NULL)
		accept_stop(master);
	for (unsigned i = 0; i < all->count; i++)
		close(all->one[i].fd);
	free(all);
	master->acceptors = NULL;
}
