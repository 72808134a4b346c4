/* SPDX-License-Identifier: ISC
 *
 * NAME      worker - the line service, a kind of process of test builds
 * PURPOSE   The least that a TCP service can be: it numbers the lines it gets and sends them back,
 *           so that a client can tell every lost, doubled or torn byte.
 * OWNER     line workers of test builds (SHACKD_TEST)
 * CONTRACT  greeting "hello\n"; a line is answered "N: LINE\n", N counting from 1 in each session;
 *           "burst K" is answered by K lines "N.I: burst\n", I from 1; "bye" closes after
 *           "N: bye\n"; of a line that was too long come back CUT bytes and "..."; "crash" is
 *           answered by dying of it
 * LIMITS    BURST_MAX lines a burst
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/log.h"
#include "workers/roles.h"
#include "workers/tcp.h"

#define BURST_MAX 1000000
#define BURST_ROW 40 /* bytes that a line of a burst has at most */
#define CUT	  64

/* What a successor must know; in the session's record. */
struct progress {
	uint64_t lines;
	uint64_t burst_done, burst_all;
};

static void on_open(struct tcp_conn *conn)
{
	tcp_printf(conn, "hello\n");
}

static bool on_resume(struct tcp_conn *conn)
{
	const struct progress *progress = tcp_own(conn);

	return progress->burst_done <= progress->burst_all && progress->burst_all <= BURST_MAX;
}

static bool burst_on(struct tcp_conn *conn)
{
	struct progress *progress = tcp_own(conn);

	for (unsigned i = 0; i < TCP_STEP / BURST_ROW; i++) {
		if (progress->burst_done >= progress->burst_all)
			return false;
		progress->burst_done++;
		tcp_printf(conn, "%llu.%llu: burst\n", (unsigned long long)progress->lines,
			   (unsigned long long)progress->burst_done);
	}
	return progress->burst_done < progress->burst_all;
}

static bool is_burst(const struct tcp_line *line, uint64_t *count_r)
{
	char number[16];
	char *end;

	if (line->length < 7 || line->length >= 6 + sizeof(number) ||
	    memcmp(line->text, "burst ", 6) != 0)
		return false;
	memcpy(number, line->text + 6, line->length - 6);
	number[line->length - 6] = '\0';
	*count_r = strtoull(number, &end, 10);
	return *end == '\0' && *count_r <= BURST_MAX;
}

static void on_line(struct tcp_conn *conn, const struct tcp_line *line)
{
	struct progress *progress = tcp_own(conn);
	uint64_t count;
	char head[32];

	if (line->length == 5 && memcmp(line->text, "crash", 5) == 0)
		abort();
	progress->lines++;
	if (is_burst(line, &count)) {
		progress->burst_done = 0;
		progress->burst_all = count;
		if (burst_on(conn))
			tcp_more(conn);
		return;
	}
	tcp_put(conn, head,
		(size_t)snprintf(head, sizeof(head),
				 "%llu: ", (unsigned long long)progress->lines));
	tcp_put(conn, line->text, line->cut ? CUT : line->length);
	tcp_put(conn, line->cut ? "...\n" : "\n", line->cut ? 4 : 1);
	if (line->length == 3 && memcmp(line->text, "bye", 3) == 0)
		tcp_close(conn);
}

static const struct tcp_kind line_service = {
	.open = on_open,
	.resume = on_resume,
	.line = on_line,
	.more = burst_on,
};

/* ---- the kind ---- */

static bool line_open(struct worker *worker)
{
	struct tcp *tcp = NULL;

	if (worker->table.block != NULL)
		tcp = tcp_new(worker, &line_service);
	worker->own = tcp;
	return tcp != NULL || worker_failed(worker, "no table or no memory for a line worker");
}

static void line_go(struct worker *worker)
{
	tcp_go(worker->own);
}

static void line_tick(struct worker *worker)
{
	tcp_tick(worker->own);
}

static void line_message(struct worker *worker, struct msg *msg)
{
	if (!tcp_take(worker->own, msg)) {
		page_count(worker->page, COUNT_MESSAGES_BAD);
		log_limited(LOG_LEVEL_WARNING, "unexpected message %s", msg_type_name(msg->type));
		if (msg->fd >= 0)
			close(msg->fd);
	}
}

static void line_stop(struct worker *worker)
{
	worker_finish(worker, 0); /* all of it is in the table and in the vault */
}

static void line_close(struct worker *worker)
{
	struct tcp *tcp = worker->own;

	tcp_free(&tcp);
	worker->own = NULL;
}

const struct worker_kind line_kind = {
	.name = "line",
	.open = line_open,
	.go = line_go,
	.tick = line_tick,
	.message = line_message,
	.stop = line_stop,
	.close = line_close,
};
