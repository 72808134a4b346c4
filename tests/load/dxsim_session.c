/* SPDX-License-Identifier: ISC
 *
 * NAME      dxsim_session - a logging program's side of a session
 * PURPOSE   Logs in from an address of its own, sets its filter, and books every line that comes.
 * OWNER     dxsim
 * CONTRACT  a line is read as a user would read it; what is wrong with it is counted, nothing is
 *           forgiven
 * LIMITS    lines of 1,023 bytes
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/load/dxsim.h"
#include "tests/load/lib_net.h"

#define READ_BYTES 262144
#define SLOW_BYTES 512
#define READY_WORD "dxsim-is-ready"

void dx_session_end(struct dx_session *session)
{
	if (session->fd >= 0)
		close(session->fd);
	session->fd = -1;
	session->stage = DX_ENDED;
}

/* Loopback has sixteen million addresses: each session comes from a network of its own. Elsewhere this
 * machine must have been given 32.1.1 onwards of the server's /8. */
static bool bind_own(const struct dx_sim *sim, const struct dx_session *session)
{
	const struct sockaddr_in *server = (const struct sockaddr_in *)&sim->server;
	uint32_t eight = ntohl(server->sin_addr.s_addr) >> 24;
	struct sockaddr_in addr = {.sin_family = AF_INET};
	unsigned n = session->number, first = eight == 127 ? 1 : 32;

	if (sim->server.ss_family != AF_INET)
		return true;
	addr.sin_addr.s_addr =
		htonl(eight << 24 | (first + n / 250 % 16) << 16 | (n % 250 + 1) << 8 | 1);
	return bind(session->fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
}

bool dx_session_start(struct dx_sim *sim, struct dx_session *session)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = session};
	int small = 4096;

	session->fd = socket(sim->server.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (session->fd < 0 || !bind_own(sim, session))
		return false;
	if (session->slow)
		setsockopt(session->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (connect(session->fd, (struct sockaddr *)&sim->server, sim->server_length) != 0 &&
	    errno != EINPROGRESS)
		return false;
	session->stage = DX_CONNECTING;
	for (unsigned i = 0; i < DX_FEEDS; i++)
		session->last[i] = DX_NONE;
	event.data.fd = 1 << 20 | (int)session->number; /* beyond all descriptors */
	return epoll_ctl(sim->epoll, EPOLL_CTL_ADD, session->fd, &event) == 0;
}

/* Asked for a call: says it, and all it wants, at once, as programs with start-up commands do. */
static void log_in(struct dx_sim *sim, struct dx_session *session)
{
	char text[1024], call[16], filter[DX_LINE];
	int n;

	dx_user(session->number, call);
	dx_filter_commands(session->filter, filter);
	n = snprintf(text, sizeof(text), "%s\r\n%s%s%s%secho " READY_WORD "\r\n", call, filter,
		     sim->format != NULL ? "set/format " : "",
		     sim->format != NULL ? sim->format : "", sim->format != NULL ? "\r\n" : "");
	if (send(session->fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		sim->resets++;
	session->stage = DX_LOGGING_IN;
}

/* Keeps the first such lines, without what would break the report's text. */
static void damaged(struct dx_sim *sim, struct dx_session *session, const char *line, size_t length)
{
	size_t at = strlen(sim->damage);

	session->damaged++;
	for (size_t i = 0; i < length && at < sizeof(sim->damage) - 2; i++)
		sim->damage[at++] =
			line[i] < ' ' || line[i] == '"' || line[i] == '\\' ? '?' : line[i];
	if (at < sizeof(sim->damage) - 2)
		sim->damage[at] = '|';
}

static void book(struct dx_sim *sim, struct dx_session *session, const struct dx_heard *heard,
		 const char *line, size_t length)
{
	uint8_t bit = (uint8_t)(1u << heard->serial % 8);
	enum dx_feed feed;
	struct dx_spot spot;

	if (heard->serial >= sim->serials) {
		damaged(sim, session, line, length); /* never sent */
		return;
	}
	feed = (enum dx_feed)sim->kind[heard->serial];
	dx_spot(feed, heard->serial, &spot);
	if (heard->hz != spot.hz || strcmp(heard->de, spot.de) != 0)
		damaged(sim, session, line, length);
	if (!dx_filter_passes(session->filter, &spot))
		session->wrong++;
	if (session->seen[heard->serial / 8] & bit) {
		session->doubled++;
		return;
	}
	session->seen[heard->serial / 8] |= bit;
	session->got++;
	if (session->last[feed] != DX_NONE && heard->serial < session->last[feed])
		session->reordered++;
	session->last[feed] = heard->serial;
	if (!session->slow)
		hist_add(&sim->latency, net_now() - sim->sent[heard->serial]);
}

static void one_line(struct dx_sim *sim, struct dx_session *session, const char *line,
		     size_t length)
{
	struct dx_heard heard;

	session->lines++;
	if (session->stage == DX_LOGGING_IN) {
		if (memmem(line, length, READY_WORD, strlen(READY_WORD)) != NULL)
			session->stage = DX_RUNNING;
	} else if (sim->play.lines > 0) {
		dx_play_book(sim, session, line, length);
	} else if (dx_read(line, length, &heard)) {
		book(sim, session, &heard, line, length);
	} else {
		session->other++;
		if (memmem(line, length, "DX de", 5) != NULL)
			damaged(sim, session, line, length); /* torn: a spot that is none */
	}
}

static void take(struct dx_sim *sim, struct dx_session *session, const char *data, size_t length)
{
	const char *end;

	while ((end = memchr(data, '\n', length)) != NULL) {
		size_t n = (size_t)(end - data);
		const char *line = data;

		if (session->partial > 0) {
			if (session->partial + n > sizeof(session->line))
				n = sizeof(session->line) - session->partial;
			memcpy(session->line + session->partial, data, n);
			n += session->partial;
			line = session->line;
		}
		if (n > 0 && line[n - 1] == '\r')
			n--;
		one_line(sim, session, line, n);
		session->partial = 0;
		length -= (size_t)(end + 1 - data);
		data = end + 1;
	}
	if (length > sizeof(session->line) - session->partial)
		length = sizeof(session->line) - session->partial;
	memcpy(session->line + session->partial, data, length);
	session->partial += length;
}

void dx_session_event(struct dx_sim *sim, struct dx_session *session, uint32_t events)
{
	static char data[READ_BYTES];
	ssize_t n = recv(session->fd, data, session->slow ? SLOW_BYTES : READ_BYTES, MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		if (session->stage == DX_RUNNING)
			sim->resets++;
		else
			sim->refused++;
		dx_session_end(session);
		return;
	}
	sim->news = net_now();
	session->bytes += (uint64_t)n;
	take(sim, session, data, (size_t)n);
	if (session->stage == DX_CONNECTING)
		log_in(sim, session);
}
