/* SPDX-License-Identifier: ISC
 *
 * NAME      request - one control request while it is being answered
 * PURPOSE   What the verbs share: their place in the answer, and how they add to it.
 * OWNER     keeper
 * CONTRACT  A verb reads its words once, then is stepped until it says done. A step adds at most
 *           SLICE records to the answer and holds nothing over its return.
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_KEEPER_REQUEST_H
#define SHACKD_WORKERS_KEEPER_REQUEST_H

#include <jansson.h>

#include "shm/call.h"
#include "shm/store/clients.h"
#include "shm/store/saved.h"
#include "workers/keeper/keeper.h"

enum answer {
	ANSWER_MORE, /* step again as soon as this much is sent */
	ANSWER_WAIT, /* step again at the next tick: gate busy, or no event yet */
	ANSWER_DONE, /* request->done is filled */
};

struct request;

struct verb {
	const char *name;
	int words; /* at most, the verb included */
	bool takes_file; /* it follows the request: request->file */
	/* Reads the words; false after request_refuse. NULL: there are none. */
	bool (*parse)(struct request *request, const char *const words[], int count);
	enum answer (*step)(struct request *request);
	/* Gives up what the request holds, however it ends. May be NULL. */
	void (*drop)(struct request *request);
};

extern const struct verb verb_clients, verb_streams, verb_blocked, verb_events;
extern const struct verb verb_quarantine, verb_lists, verb_import;
extern const struct verb verb_block, verb_unblock, verb_kick, verb_metrics;
extern const struct verb verb_backup, verb_restore, verb_compact;
extern const struct verb verb_sessions, verb_feeds, verb_spots, verb_passwd;

/* `kick` of a session of the DX cluster. */
enum answer kick_session(struct request *request);

struct passwd;
struct state_job;

#define IMPORT_PAIRS 16 /* in one request */

struct request {
	struct control *control;
	struct keeper *keeper;
	const struct verb *verb; /* NULL: free */
	int fd;
	ev_io reader, writer;
	bool waiting;
	bool finished;
	struct msg_done done;
	uint64_t progress; /* clock_mono of the last time the reader took something */

	char *text; /* of the answer, not yet sent */
	size_t length, sent, room;

	/* the verbs' own */
	struct client_key client;
	char call[CALL_MAX];
	char name[64];
	uint64_t number;
	uint64_t spots; /* of the spots store */
	uint64_t skip;
	char user[CALL_TEXT_SIZE]; /* a call of the DX cluster */
	struct passwd *passwd;
	struct state_job *job; /* backup, restore, compact */
	int file;	       /* -1: none (yet) */
	uint64_t until, until_real;
	uint32_t stream_key;
	struct saved_key saved;
	unsigned list, set; /* of `lists` */
	struct {
		char name[CALL_MAX];
		uint8_t dgid;
	} import[IMPORT_PAIRS];
	unsigned count;
	bool follow, started, json, of_session;
	bool filed; /* what follows the request was read */
};

/* Ends the answer: shackctl's exit code and why. */
void request_refuse(struct request *request, uint32_t exit, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for an error of the store. ANSWER_WAIT when the gate is busy, else ANSWER_DONE. */
enum answer request_failed(struct request *request, enum store_error error);

/* Adds text to the answer. */
void request_text(struct request *request, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Adds a document and a line end; takes OBJECT over. NULL counts as out of memory. */
void request_line(struct request *request, json_t *object);

/* Adds an element of the array, which the first one opens. */
void request_element(struct request *request, json_t *object);
void request_array_end(struct request *request);

#endif
