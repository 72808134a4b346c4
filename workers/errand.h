/* SPDX-License-Identifier: ISC
 *
 * NAME      errand - long jobs of keeper's that a process of their own does
 * PURPOSE   Copies of the durable store: to a backup, of a backup, to a smaller file. They wait for
 *           the disk, which no event loop may; an aide does each (workers/aide), and is gone.
 * OWNER     asked by keeper, answered by aide
 * CONTRACT  The socket carries one letter, with the file that the job is about if there is one; then
 *           the answer: '+' or '-' and a text, up to the end of the stream. An end without an answer
 *           says that the aide is dead.
 * LIMITS    ERRAND_TEXT bytes of answer
 */
#ifndef SHACKD_WORKERS_ERRAND_H
#define SHACKD_WORKERS_ERRAND_H

#include <stdbool.h>
#include <stddef.h>

#include "shm/conf.h"

#define ERRAND_TEXT 1024

/* Where an aide leaves a store that is to take the place of the one in use; in server.state_dir. */
#define ERRAND_STORE "state.new"

struct worker;

struct errand {
	int fd; /* -1: none is out */
	size_t length;
	char text[ERRAND_TEXT]; /* of the answer, without its first letter when it is complete */
};

enum errand_state {
	ERRAND_WAIT,
	ERRAND_DONE,
	ERRAND_REFUSED, /* the text says why */
	ERRAND_LOST,	/* the aide died */
};

/* Sends an aide for TASK (enum msg_aide_task). FILE, -1 for none, stays the caller's. False: it could
 * not be sent. */
bool errand_ask(struct worker *worker, struct errand *errand, unsigned task, int file);

/* Looks for the answer without waiting. After anything but ERRAND_WAIT the errand is over. */
enum errand_state errand_answer(struct errand *errand);

void errand_forget(struct errand *errand);

/* ---- the aide ---- */

/* Takes the request; FILE_R is -1 when none came with it. */
bool errand_take(int socket, int *file_r);

/* Answers. False when nobody listens any more. */
bool errand_tell(int socket, bool good, const char *text);

#endif
