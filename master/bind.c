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
	if (bind(fd, &sock.sa, length) != 0) {
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

static void close_group(struct master *master, unsigned listener)
{
	for (unsigned i = 0; i < master->ysf_count; i++) {
		if (master->ysf[i].udp[listener] >= 0)
			close(master->ysf[i].udp[listener]);
		master->ysf[i].udp[listener] = -1;
	}
}

/* The sockets of all slots at ADDR, as listener LISTENER. */
static bool bind_group(struct master *master, unsigned listener, const struct addr *addr,
		       struct failure *failure)
{
	struct addr *real = &master->listener[listener];

	*real = *addr;
	master->listener_asked[listener] = *addr;
	for (unsigned i = 0; i < master->ysf_count; i++) {
		int fd = bind_one(master, real, i == 0, failure);
		union addr_sock sock;
		socklen_t length = sizeof(sock);

		if (fd < 0) {
			close_group(master, listener);
			return false;
		}
		master->ysf[i].udp[listener] = fd;
		if (i > 0)
			continue;
		if (getsockname(fd, &sock.sa, &length) != 0 ||
		    addr_from_sock(&sock.sa, length, real) != 0) {
			fail(failure, "getsockname");
			close_group(master, listener);
			return false;
		}
	}
	return true;
}

static bool refuse(struct master *master, const struct addr *addr, const struct failure *failure)
{
	char text[ADDR_TEXT_MAX], user[256];

	addr_text(addr, text);
	if (failure->error == EADDRINUSE)
		return master_why(master, EXIT_START, "ysf.listen: can't bind %s: %s", text,
				  portuser_text(addr->port, user, sizeof(user)));
	if (failure->error == EADDRNOTAVAIL)
		return master_why(master, EXIT_START,
				  "ysf.listen: can't bind %s: this machine has no such address",
				  text);
	if (failure->error == EACCES && addr->port < 1024)
		return master_why(master, EXIT_START,
				  "ysf.listen: can't bind %s: only root may use ports below 1024",
				  text);
	return master_why(master, EXIT_START, "ysf.listen: can't bind %s: %s: %s", text,
			  failure->what, strerror(failure->error));
}

static bool has_no_ipv6(int error)
{
	return error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

/* "*:PORT": both families at one port. A machine without IPv6 gets the IPv4 half. */
static bool bind_pair(struct master *master, const struct addr pair[2])
{
	struct failure failure = {0};
	struct addr second = pair[1];

	for (unsigned i = 0; i < PORT_TRIES; i++) {
		unsigned first = master->listeners;

		if (!bind_group(master, first, &pair[0], &failure))
			return refuse(master, &pair[0], &failure);
		second.port = master->listener[first].port;
		if (bind_group(master, first + 1, &second, &failure)) {
			master->listener_asked[first + 1] = pair[1];
			master->listener_used[first] = master->listener_used[first + 1] = true;
			master->listeners += 2;
			return true;
		}
		if (has_no_ipv6(failure.error)) {
			log_warning("ysf.listen: no IPv6 at port %u: %s: %s", second.port,
				    failure.what, strerror(failure.error));
			master->listener_used[first] = true;
			master->listeners++;
			return true;
		}
		close_group(master, first);
		if (pair[0].port != 0 || failure.error != EADDRINUSE)
			break;
	}
	return refuse(master, &second, &failure);
}

static bool is_pair(const struct addr *addr, size_t left)
{
	return left >= 2 && addr_is_any(&addr[0]) && addr_is_any(&addr[1]) &&
	       addr_family(&addr[0]) == AF_INET && addr_family(&addr[1]) == AF_INET6 &&
	       addr[0].port == addr[1].port;
}

bool bind_all(struct master *master)
{
	struct failure failure = {0};
	size_t count;
	const struct addr *addr = config_listen(master->config, CONF_YSF_LISTEN, &count);

	if (master->ysf_count == 0)
		return true;
	for (size_t i = 0; i < count; i++) {
		if (is_pair(addr + i, count - i)) {
			if (!bind_pair(master, addr + i))
				return false;
			i++;
		} else if (bind_group(master, master->listeners, addr + i, &failure)) {
			master->listener_used[master->listeners++] = true;
		} else {
			return refuse(master, addr + i, &failure);
		}
	}
	return true;
}
