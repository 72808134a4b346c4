/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_talk - one request to the daemon and its answer
 * PURPOSE   Connects, sends the words, and hands over the answer piece by piece.
 * OWNER     shackctl
 * CONTRACT  every failure is told on standard error, with the socket's name, before the exit code
 *           is returned
 * LIMITS    TALK_SECONDS of silence, but for answers that follow something
 */
#ifndef SHACKD_MASTER_SHACKCTL_TALK_H
#define SHACKD_MASTER_SHACKCTL_TALK_H

#include <stdbool.h>
#include <stddef.h>

#define TALK_SECONDS 15

/* shackctl's exit codes */
enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_SILENT = 3 };

struct talk {
	const char *socket;
	bool follows;	 /* the answer may pause for long */
	bool quiet;	 /* nothing is said of a daemon that is not there */
	int patience;	 /* seconds of silence; 0: TALK_SECONDS */
	bool repeatable; /* asking twice does no harm: a process that was replaced just then is no
			    reason to fail */
	/* One piece of the answer, not terminated. False stops the talk (exit code EXIT_REFUSED).
	 */
	bool (*piece)(const char *text, size_t length, void *arg);
	void *arg;
	const int *file; /* passed on with the request; NULL: none */
};

/* Returns the exit code. */
int talk(const struct talk *talk, const char *const words[], int count);

#endif
