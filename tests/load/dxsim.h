/* SPDX-License-Identifier: ISC
 *
 * NAME      dxsim - what its files share
 * PURPOSE   The run: feeds, sessions, the books of who must have got what.
 * OWNER     dxsim
 * CONTRACT  one process, one thread
 * LIMITS    see dxsim.c
 */
#ifndef SHACKD_TESTS_LOAD_DXSIM_H
#define SHACKD_TESTS_LOAD_DXSIM_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "tests/load/lib_dx.h"
#include "tests/load/lib_dxfeed.h"
#include "tests/load/lib_hist.h"

#define DX_NONE UINT32_MAX

enum dx_stage { DX_IDLE, DX_CONNECTING, DX_LOGGING_IN, DX_RUNNING, DX_ENDED };

struct dx_session {
	int fd;
	enum dx_stage stage;
	unsigned number, filter;
	bool slow;
	uint8_t *seen; /* a bit for each serial number */
	uint64_t lines, got, doubled, damaged, wrong, reordered, other, bytes;
	uint32_t last[DX_FEEDS]; /* newest serial number of each feed; DX_NONE: none yet */
	size_t partial;
	char line[1024];  /* the line that has not ended yet */
	uint32_t *played; /* of captured lines: how often each came */
};

/* A captured file that is played. */
struct dx_play {
	enum dx_feed feed;
	unsigned lines, next;
	struct dx_line {
		char *text;
		size_t length;
		uint64_t due; /* ns from the start */
		char de[16], dx[16];
	} * line;
	uint64_t began;
};

struct dx_sim {
	int epoll;
	struct sockaddr_storage server;
	socklen_t server_length;
	long sessions, filters, seconds, rate, burst, every, spread, human, mqtt_port, mqtt_rate,
		slow;
	long speed, settle, quit;
	bool wide; /* feeds listen at every address */
	const char *format, *file;
	struct dxfeed feed[DX_FEEDS];
	struct dx_session *session;
	struct dx_play play;

	uint32_t serials;	/* sent so far */
	uint8_t *kind;		/* enum dx_feed of each */
	uint64_t *sent;		/* ns */
	uint64_t due[DX_FEEDS]; /* sent of each feed, for pacing */
	struct hist latency;
	uint64_t began, news, login_began, login_ended;
	uint64_t resets, refused;
	char damage[3 * 256]; /* the first lines that were wrong, for people */
	bool playing, ended;
};

/* dxsim_session.c */
bool dx_session_start(struct dx_sim *sim, struct dx_session *session);
void dx_session_event(struct dx_sim *sim, struct dx_session *session, uint32_t events);
void dx_session_end(struct dx_session *session);

/* dxsim_play.c: false with a sentence on standard error */
bool dx_play_load(struct dx_sim *sim);
void dx_play_tick(struct dx_sim *sim, uint64_t now);
bool dx_play_over(const struct dx_sim *sim);
/* Books a line of a captured spot. */
void dx_play_book(struct dx_sim *sim, struct dx_session *session, const char *line, size_t length);

/* dxsim_report.c: prints the JSON object. True when something was wrong. */
bool dx_report(struct dx_sim *sim);
/* Has every session all that it must get? */
bool dx_complete(struct dx_sim *sim);

#endif
