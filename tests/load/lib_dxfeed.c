/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_dxfeed - the upstream side of a DX cluster
 * PURPOSE   see lib_dxfeed.h
 * OWNER     dxsim
 * CONTRACT  see lib_dxfeed.h
 * LIMITS    see lib_dxfeed.h
 */
#include "tests/load/lib_dxfeed.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define RBN_PROMPT     "Please enter your call: "
#define CLUSTER_PROMPT "login: "
#define CONNECT_MS     5000

static bool watch(int epoll, int operation, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return epoll_ctl(epoll, operation, fd, &event) == 0;
}

static struct sockaddr_in loopback(unsigned port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return addr;
}

bool dxfeed_listen(struct dxfeed *feed, enum dx_feed kind, bool wide, int epoll)
{
	struct sockaddr_in addr = loopback(0);
	socklen_t length = sizeof(addr);

	*feed = (struct dxfeed){.kind = kind, .fd = -1};
	if (wide)
		addr.sin_addr.s_addr = htonl(INADDR_ANY);
	feed->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (feed->listener < 0 || bind(feed->listener, (struct sockaddr *)&addr, length) != 0 ||
	    listen(feed->listener, 16) != 0 ||
	    getsockname(feed->listener, (struct sockaddr *)&addr, &length) != 0)
		return false;
	feed->port = ntohs(addr.sin_port);
	return watch(epoll, EPOLL_CTL_ADD, feed->listener, EPOLLIN);
}

static void queue(struct dxfeed *feed, const void *data, size_t length)
{
	if (feed->queued + length > feed->room) {
		feed->room = 2 * (feed->queued + length) + 4096;
		feed->queue = realloc(feed->queue, feed->room);
		if (feed->queue == NULL) {
			perror("dxsim");
			exit(2);
		}
	}
	memcpy(feed->queue + feed->queued, data, length);
	feed->queued += length;
}

/* ---- MQTT: no more than a publisher of QoS 0 needs ---- */

static size_t write_length(uint8_t *at, size_t length)
{
	size_t n = 0;

	do {
		at[n] = (uint8_t)(length % 128 | (length >= 128 ? 128 : 0));
		length /= 128;
		n++;
	} while (length > 0);
	return n;
}

bool dxfeed_publish(struct dxfeed *feed, unsigned port, int epoll)
{
	static const uint8_t hello[] = {0x10, 19, 0, 4,	  'M', 'Q', 'T', 'T', 4,   2,  0,
					0,    0,  7, 'd', 'x', 's', 'i', 'm', '-', '1'};
	struct sockaddr_in addr = loopback(port);
	struct pollfd poller = {.events = POLLIN};
	uint8_t answer[4];

	*feed = (struct dxfeed){.kind = DX_MQTT, .listener = -1, .port = port};
	feed->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	poller.fd = feed->fd;
	if (feed->fd < 0 || connect(feed->fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
	    send(feed->fd, hello, sizeof(hello), MSG_NOSIGNAL) != (ssize_t)sizeof(hello) ||
	    poll(&poller, 1, CONNECT_MS) != 1 ||
	    recv(feed->fd, answer, sizeof(answer), MSG_WAITALL) != (ssize_t)sizeof(answer))
		return false;
	if (answer[0] != 0x20 || answer[3] != 0) {
		errno = ECONNREFUSED;
		return false;
	}
	feed->ready = true;
	return watch(epoll, EPOLL_CTL_ADD, feed->fd, EPOLLIN);
}

static void queue_message(struct dxfeed *feed, const char *topic, const char *text, size_t length)
{
	size_t topic_length = strlen(topic);
	uint8_t head[8] = {0x30};
	size_t n = 1 + write_length(head + 1, 2 + topic_length + length);

	head[n++] = (uint8_t)(topic_length >> 8);
	head[n++] = (uint8_t)topic_length;
	queue(feed, head, n);
	queue(feed, topic, topic_length);
	queue(feed, text, length);
}

/* ---- all ---- */

void dxfeed_add(struct dxfeed *feed, const char *topic, const char *text, size_t length)
{
	if (feed->kind == DX_MQTT)
		queue_message(feed, topic, text, length);
	else
		queue(feed, text, length);
	feed->sent++;
}

void dxfeed_flush(struct dxfeed *feed, int epoll)
{
	size_t done = 0;

	if (feed->fd < 0 || !feed->ready)
		return;
	while (done < feed->queued) {
		ssize_t n = send(feed->fd, feed->queue + done, feed->queued - done,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			break;
		done += (size_t)n;
	}
	memmove(feed->queue, feed->queue + done, feed->queued - done);
	feed->queued -= done;
	if (feed->waits != (feed->queued > 0)) {
		feed->waits = feed->queued > 0;
		watch(epoll, EPOLL_CTL_MOD, feed->fd, EPOLLIN | (feed->waits ? EPOLLOUT : 0u));
	}
}

static void greet(struct dxfeed *feed, int epoll)
{
	const char *prompt = feed->kind == DX_CLUSTER ? CLUSTER_PROMPT : RBN_PROMPT;
	int fd = accept4(feed->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int one = 1;

	if (fd < 0)
		return;
	if (feed->fd >= 0)
		close(feed->fd);
	feed->fd = fd;
	feed->ready = false;
	feed->waits = false;
	feed->connections++;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN);
	if (send(fd, prompt, strlen(prompt), MSG_NOSIGNAL) < 0)
		feed->resets++;
}

static void hear(struct dxfeed *feed, int epoll)
{
	static const char hello[] =
		"Hello, this is the simulator.\r\nConnected\r\nN0SIM de SIM >\r\n";
	char text[4096];
	ssize_t n = recv(feed->fd, text, sizeof(text), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close(feed->fd);
		feed->fd = -1;
		feed->ready = false;
		feed->resets++;
		return;
	}
	if (feed->kind == DX_MQTT)
		return;
	if (feed->ready) {
		feed->keepalives++;
	} else if (memchr(text, '\n', (size_t)n) != NULL || memchr(text, '\r', (size_t)n) != NULL) {
		feed->ready = send(feed->fd, hello, sizeof(hello) - 1, MSG_NOSIGNAL) > 0;
		dxfeed_flush(feed, epoll);
	}
}

void dxfeed_event(struct dxfeed *feed, int fd, int epoll)
{
	if (fd == feed->listener) {
		greet(feed, epoll);
		return;
	}
	hear(feed, epoll);
	dxfeed_flush(feed, epoll);
}

void dxfeed_close(struct dxfeed *feed)
{
	if (feed->listener >= 0)
		close(feed->listener);
	if (feed->fd >= 0)
		close(feed->fd);
	free(feed->queue);
	feed->queue = NULL;
	feed->listener = feed->fd = -1;
}
