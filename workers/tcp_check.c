/* SPDX-License-Identifier: ISC
 *
 * NAME      tcp_check - does this kernel count exactly?
 * PURPOSE   The whole of workers/tcp rests on two sums of the kernel's; here they are tried on a
 *           pair of sockets of our own before a client depends on them.
 * OWNER     the first holder of a vaulted slot
 * CONTRACT  see workers/tcp.h; waits at most CHECK_MS for a byte on loopback
 * LIMITS    loopback of IPv4, else of IPv6
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shm/fault.h"
#include "workers/tcp.h"

#define CHECK_MS 1000

struct pair {
	int listener, client, server;
	struct table_counts client_base, server_base;
	uint64_t written, taken; /* by client, by server */
};

static bool wait_for(int fd, short events)
{
	struct pollfd wait = {.fd = fd, .events = events};

	return poll(&wait, 1, CHECK_MS) == 1;
}

static bool listen_on(struct pair *pair, const char *text)
{
	union addr_sock sock;
	struct addr addr;
	socklen_t length;

	if (addr_parse(text, 0, &addr) != 0)
		return false;
	length = addr_to_sock(&addr, &sock);
	pair->listener = socket(sock.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pair->client = socket(sock.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (pair->listener < 0 || pair->client < 0 || bind(pair->listener, &sock.sa, length) != 0 ||
	    listen(pair->listener, 1) != 0 || getsockname(pair->listener, &sock.sa, &length) != 0)
		return false;
	if (connect(pair->client, &sock.sa, length) != 0 && errno != EINPROGRESS)
		return false;
	if (!wait_for(pair->listener, POLLIN))
		return false;
	pair->server = accept4(pair->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return pair->server >= 0 && wait_for(pair->client, POLLOUT);
}

static void pair_close(struct pair *pair)
{
	int *fds[] = {&pair->listener, &pair->client, &pair->server};

	for (unsigned i = 0; i < 3; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

static bool pair_open(struct pair *pair)
{
	*pair = (struct pair){.listener = -1, .client = -1, .server = -1};
	if (listen_on(pair, "127.0.0.1:0"))
		return true;
	pair_close(pair);
	return listen_on(pair, "[::1]:0");
}

static bool sums_hold(const struct pair *pair)
{
	struct table_counts client, server;

	return table_measure(pair->client, &client) == 0 &&
	       table_measure(pair->server, &server) == 0 &&
	       client.sent - pair->client_base.sent == pair->written &&
	       server.received - pair->server_base.received == pair->taken;
}

static bool write_some(struct pair *pair, size_t length)
{
	static const char zeros[65536];
	ssize_t sent = send(pair->client, zeros, length, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent > 0)
		pair->written += (size_t)sent;
	return sent > 0;
}

static bool take_some(struct pair *pair, size_t length)
{
	static char room[65536];
	ssize_t got;

	if (!wait_for(pair->server, POLLIN))
		return false;
	got = recv(pair->server, room, length, MSG_DONTWAIT);
	if (got > 0)
		pair->taken += (size_t)got;
	return got > 0;
}

/* Fills the connection until the kernel takes a part of a write, or nothing more. */
static bool fill(struct pair *pair)
{
	for (unsigned i = 0; i < 4096; i++)
		if (!write_some(pair, 65536))
			return errno == EAGAIN && sums_hold(pair);
	return false;
}

static const char *what_fails(struct pair *pair)
{
	if (fault_is("counters-lie"))
		return "a test wants it so";
	if (!pair_open(pair))
		return "no connection over loopback";
	if (table_measure(pair->client, &pair->client_base) != 0 ||
	    table_measure(pair->server, &pair->server_base) != 0)
		return "the kernel has no such counters";
	if (!write_some(pair, 1000) || !sums_hold(pair) || !take_some(pair, 300) ||
	    !sums_hold(pair) || !take_some(pair, 300) || !sums_hold(pair))
		return "they differ after a partial read";
	if (!fill(pair) || !take_some(pair, 5000) || !sums_hold(pair))
		return "they differ after a partial write";
	while (pair->taken < pair->written)
		if (!take_some(pair, 65536))
			return "bytes are missing";
	if (!sums_hold(pair))
		return "they differ when all is read";
	if (!write_some(pair, 10) || shutdown(pair->client, SHUT_WR) != 0 ||
	    !wait_for(pair->server, POLLRDHUP))
		return "the end of the stream is not seen";
	pair->client_base.sent++; /* a FIN counts on its sender's side */
	if (!sums_hold(pair) || !take_some(pair, 10) || !sums_hold(pair))
		return "they differ at the end of the stream";
	return NULL;
}

bool tcp_check(char why_r[128])
{
	struct pair pair = {.listener = -1, .client = -1, .server = -1};
	const char *fails = what_fails(&pair);

	snprintf(why_r, 128, "%s", fails != NULL ? fails : "");
	pair_close(&pair);
	return fails == NULL;
}
