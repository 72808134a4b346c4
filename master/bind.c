/* SPDX-License-Identifier: ISC
 *
 * NAME      bind - the sockets of every slot
 * PURPOSE   Slot 0 binds without SO_REUSEPORT: the probe for strays and other daemons. Then it sets
 *           the option and the other slots join.
 * OWNER     master
 * CONTRACT  see master/bind.h
 * LIMITS    none known
 */
#include "master/bind.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "master/slot.h"
#include "shm/log.h"

#define BUFFER_BYTES (4 * 1024 * 1024)
#define PORT_TRIES   16 /* for a kernel-chosen port that must be free in both families */

/* What failed, for the caller that knows whether it matters. */
struct failure {
	const char *what;
	int error;
};

static bool fail(struct failure *failure, const char *what)
{
	failure->what = what;
	failure->error = errno;
	return false;
}

static bool set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

/* Big buffers carry a burst over the death of a worker. */
static void set_buffers(struct master *master, int fd)
{
	int granted = 0;
	socklen_t length = sizeof(granted);

	if (!set(fd, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES))
		set(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES);
	if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES))
		set(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
	getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &granted, &length);
	granted /= 2; /* the kernel doubles what it is asked for */
	if (granted < BUFFER_BYTES && !master->buffer_told) {
		master->buffer_told = true;
		log_warning(
			"the receive buffers have %d KiB instead of %d KiB; raise the limit with: "
			"sysctl net.core.rmem_max=%d",
			granted / 1024, BUFFER_BYTES / 1024, BUFFER_BYTES);
	}
}

static bool set_options(int fd, const struct addr *addr, struct failure *failure)
{
	bool v6 = addr_family(addr) == AF_INET6;

	if (v6 && !set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1))
		return fail(failure, "IPV6_V6ONLY");
	if (!set(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER,
		 v6 ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO))
		return fail(failure, "MTU_DISCOVER");
	if (!set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1))
		return fail(failure, "SO_TIMESTAMPNS");
	if (addr_is_any(addr) &&
	    !set(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO, 1))
		return fail(failure, "PKTINFO");
	return true;
}

bool bind_absent(int fd, const struct addr *addr, bool tell)
{
	bool v6 = addr_family(addr) == AF_INET6;
	union addr_sock sock;
	socklen_t length = addr_to_sock(addr, &sock);
	char text[ADDR_TEXT_MAX];

	if (addr_is_any(addr) ||
	    !set(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_FREEBIND : IP_FREEBIND, 1) ||
	    bind(fd, &sock.sa, length) != 0) {
		errno = EADDRNOTAVAIL;
		return false;
	}
	if (tell)
		log_warning("this machine has no address %s yet: served as soon as it has",
			    addr_ip_text(addr, text));
	return true;
}

/* At the start the network may not be up yet, and a listener that is there may have lost its
 * address; but what an operator asks for in a reload is wrong. */
static bool may_be_absent(const struct master *master, const struct addr *addr)
{
	for (unsigned i = 0; i < CONF_LISTEN_MAX; i++)
		if (master->listener_used[i] && addr_equal(&master->listener[i], addr))
			return true;
	return master->loop == NULL;
}

/* One socket, bound; the first of a port is the probe. */
static int bind_one(struct master *master, const struct addr *addr, bool probe,
		    struct failure *failure)
{
	union addr_sock sock;
	socklen_t length = addr_to_sock(addr, &sock);
	int fd = socket(sock.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		fail(failure, "socket");
		return -1;
	}
	if (!set_options(fd, addr, failure))
		goto failed;
	set_buffers(master, fd);
	if (!probe && !set(fd, SOL_SOCKET, SO_REUSEPORT, 1)) {
		fail(failure, "SO_REUSEPORT");
		goto failed;
	}
	if (bind(fd, &sock.sa, length) != 0 &&
	    (errno != EADDRNOTAVAIL || !may_be_absent(master, addr) || !bind_absent(fd, addr, probe))) {
		fail(failure, "bind");
		goto failed;
	}
	if (probe && !set(fd, SOL_SOCKET, SO_REUSEPORT, 1)) {
		fail(failure, "SO_REUSEPORT");
		goto failed;
	}
	return fd;
failed:
	close(fd);
	return -1;
}

void bind_leave(struct master *master, unsigned listener, unsigned first)
{
	for (unsigned i = MASTER_YSF_MAX; i-- > first;) {
		int *fd = &master->ysf[i].udp[listener];

		if (master->ysf[i].master == NULL)
			continue; /* never was a slot */
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
	}
}

/* The first socket was bound as a probe and is no group as long as it is alone; it becomes one, and
 * stays one, when another joins for a moment. Only a group can be steered when it grows. */
static bool make_group(struct master *master, const struct addr *real, struct failure *failure)
{
	int fd = bind_one(master, real, false, failure);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool learn_address(int fd, struct addr *real, struct failure *failure)
{
	union addr_sock sock;
	socklen_t length = sizeof(sock);

	if (getsockname(fd, &sock.sa, &length) != 0 || addr_from_sock(&sock.sa, length, real) != 0)
		return fail(failure, "getsockname");
	return true;
}

/* Sockets of the slots FIRST to COUNT - 1 for LISTENER, whose address is known unless FIRST is 0.
 */
static bool join_group(struct master *master, unsigned listener, unsigned first, unsigned count,
		       struct failure *failure)
{
	struct addr *real = &master->listener[listener];

	for (unsigned i = first; i < count; i++) {
		int fd = bind_one(master, real, i == 0, failure);

		master->ysf[i].udp[listener] = fd;
		if (fd < 0 || (i == 0 && !learn_address(fd, real, failure)) ||
		    (count == 1 && !make_group(master, real, failure))) {
			bind_leave(master, listener, first);
			return false;
		}
	}
	return true;
}

/* The sockets of COUNT slots at ADDR, as listener LISTENER. */
static bool bind_group(struct master *master, unsigned listener, const struct addr *addr,
		       unsigned count, struct failure *failure)
{
	struct addr before = master->listener[listener];

	master->listener[listener] = *addr;
	if (join_group(master, listener, 0, count, failure))
		return true;
	master->listener[listener] = before;
	return false;
}

void bind_explain(const char *key, const struct addr *addr, bool tcp, const char *what, int error,
		  char why_r[BIND_WHY_MAX])
{
	char text[ADDR_TEXT_MAX], user[256];

	addr_text(addr, text);
	if (error == EADDRINUSE)
		snprintf(why_r, BIND_WHY_MAX, "%s: can't bind %s: %s", key, text,
			 portuser_text(addr->port, tcp, user, sizeof(user)));
	else if (error == EADDRNOTAVAIL)
		snprintf(why_r, BIND_WHY_MAX, "%s: can't bind %s: this machine has no such address",
			 key, text);
	else if (error == EACCES && addr->port < 1024)
		snprintf(why_r, BIND_WHY_MAX,
			 "%s: can't bind %s: only root may use ports below 1024", key, text);
	else
		snprintf(why_r, BIND_WHY_MAX, "%s: can't bind %s: %s: %s", key, text, what,
			 strerror(error));
}

/* KEY: what asks for it. */
static bool refuse_for(const char *key, const struct addr *addr, const struct failure *failure,
		       char why_r[BIND_WHY_MAX])
{
	bind_explain(key, addr, false, failure->what, failure->error, why_r);
	return false;
}

static const char *key_name(uint8_t dgid)
{
	return dgid != 0 ? "ysf.aux_ports" : "ysf.listen";
}

static bool refuse(const struct addr *addr, uint8_t dgid, const struct failure *failure,
		   char why_r[BIND_WHY_MAX])
{
	return refuse_for(key_name(dgid), addr, failure, why_r);
}

static bool has_no_ipv6(int error)
{
	return error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

/* "*:PORT": both families at one port. A machine without IPv6 gets the IPv4 half. */
static bool bind_pair(struct master *master, struct listen_entry pair[2], unsigned count,
		      char why_r[BIND_WHY_MAX])
{
	struct failure failure = {0};
	struct addr second = pair[1].asked;

	for (unsigned i = 0; i < PORT_TRIES; i++) {
		if (!bind_group(master, pair[0].index, &pair[0].asked, count, &failure))
			return refuse(&pair[0].asked, pair[0].dgid, &failure, why_r);
		second.port = master->listener[pair[0].index].port;
		pair[0].bound = true;
		if (bind_group(master, pair[1].index, &second, count, &failure)) {
			pair[1].bound = true;
			return true;
		}
		if (has_no_ipv6(failure.error)) {
			log_warning("%s: no IPv6 at port %u: %s: %s", key_name(pair[1].dgid),
				    second.port, failure.what, strerror(failure.error));
			return true;
		}
		bind_leave(master, pair[0].index, 0);
		pair[0].bound = false;
		if (pair[0].asked.port != 0 || failure.error != EADDRINUSE)
			break;
	}
	return refuse(&second, pair[1].dgid, &failure, why_r);
}

static bool is_pair(const struct listen_entry *entry, size_t left)
{
	const struct addr *a = &entry[0].asked, *b = &entry[left >= 2].asked;

	return left >= 2 && !entry[1].kept && entry[0].dgid == entry[1].dgid && addr_is_any(a) &&
	       addr_is_any(b) && addr_family(a) == AF_INET && addr_family(b) == AF_INET6 &&
	       a->port == b->port;
}

/* The IPv6 half of a "*:PORT" whose other half is there already. */
static bool is_missing_half(const struct listen_plan *plan, unsigned at)
{
	const struct listen_entry *entry = &plan->entry[at];

	return at > 0 && entry[-1].kept && entry[-1].dgid == entry->dgid &&
	       addr_is_any(&entry->asked) && addr_family(&entry->asked) == AF_INET6 &&
	       addr_is_any(&entry[-1].asked) && entry[-1].asked.port == entry->asked.port;
}

static bool bind_entries(struct master *master, struct listen_plan *plan, unsigned count,
			 char why_r[BIND_WHY_MAX])
{
	struct failure failure = {0};

	for (unsigned i = 0; i < plan->entries; i++) {
		struct listen_entry *entry = &plan->entry[i];

		if (entry->kept)
			continue;
		plan->aux_failed = entry->dgid != 0;
		if (is_pair(entry, plan->entries - i)) {
			if (!bind_pair(master, entry, count, why_r))
				return false;
			i++;
		} else if (bind_group(master, entry->index, &entry->asked, count, &failure)) {
			entry->bound = true;
		} else if (!is_missing_half(plan, i) || !has_no_ipv6(failure.error)) {
			return refuse(&entry->asked, entry->dgid, &failure, why_r);
		}
	}
	return true;
}

void bind_undo(struct master *master, struct listen_plan *plan)
{
	for (unsigned i = 0; i < plan->entries; i++) {
		if (plan->entry[i].bound)
			bind_leave(master, plan->entry[i].index, 0);
		plan->entry[i].bound = false;
	}
}

bool bind_listeners(struct master *master, struct listen_plan *plan, unsigned count,
		    char why_r[BIND_WHY_MAX])
{
	if (bind_entries(master, plan, count, why_r))
		return true;
	bind_undo(master, plan);
	return false;
}

bool bind_join(struct master *master, unsigned listener, unsigned first, unsigned count,
	       char why_r[BIND_WHY_MAX])
{
	struct failure failure = {0};

	return join_group(master, listener, first, count, &failure) ||
	       refuse(&master->listener[listener], master->listener_dgid[listener], &failure,
		      why_r);
}

bool bind_plan(const struct master *master, const struct config *config, struct listen_plan *plan_r)
{
	struct listen_now now = {.bound = master->listener,
				 .asked = master->listener_asked,
				 .dgid = master->listener_dgid,
				 .used = master->listener_used,
				 .known = master->listener_known};
	struct config_listener all[CONF_LISTEN_MAX];
	size_t count = config_listeners(config, all);

	return listen_compare(&now, all, master->ysf_count > 0 ? count : 0, plan_r);
}

void bind_commit(struct master *master, const struct listen_plan *plan)
{
	for (unsigned i = 0; i < plan->entries; i++) {
		const struct listen_entry *entry = &plan->entry[i];

		if (entry->kept || entry->bound)
			master->listener_dgid[entry->index] = entry->dgid;
		/* one that stays goes on as what it was asked for first: its gateways are noted so
		 */
		if (!entry->bound)
			continue;
		master->listener_asked[entry->index] = entry->asked;
		master->listener_used[entry->index] = master->listener_known[entry->index] = true;
	}
	master->listeners = 0;
	for (unsigned i = 0; i < CONF_LISTEN_MAX; i++) {
		master->listener_used[i] = master->listener_used[i] && !(plan->gone >> i & 1);
		if (master->listener_used[i])
			master->listeners = i + 1;
	}
}

bool bind_all(struct master *master)
{
	struct listen_plan plan;
	char why[BIND_WHY_MAX];

	if (!bind_plan(master, master->config, &plan) ||
	    !bind_listeners(master, &plan, master->ysf_count, why))
		return master_why(master, EXIT_START, "%s", why);
	bind_commit(master, &plan);
	return true;
}

bool bind_feeds(struct master *master)
{
	struct slot *link = slot_single(master, SLOT_LINK);
	struct failure failure = {0};
	char why[BIND_WHY_MAX];
	size_t count;
	const struct addr *addr = config_listen(master->config, CONF_YSF_DASHBOARD_LISTEN, &count);

	for (size_t i = 0; link != NULL && i < count; i++) {
		int *fd = &link->udp[master->feeds];

		*fd = bind_one(master, &addr[i], true, &failure);
		if (*fd >= 0 && learn_address(*fd, &master->feed[master->feeds], &failure)) {
			master->feeds++;
		} else if (*fd < 0 && i > 0 && addr_is_any(&addr[i]) &&
			   has_no_ipv6(failure.error)) {
			log_warning("ysf.dashboard_listen: no IPv6: %s", strerror(failure.error));
		} else {
			refuse_for("ysf.dashboard_listen", &addr[i], &failure, why);
			return master_why(master, EXIT_START, "%s", why);
		}
	}
	return true;
}
