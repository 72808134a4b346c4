/* SPDX-License-Identifier: ISC
 *
 * NAME      verbs (state) - the durable store as a whole
 * PURPOSE   `backup` copies it to a file of the caller's, `restore` puts such a file in its place,
 *           `compact` makes it smaller.
 * OWNER     keeper
 * CONTRACT  An aide does what is long. The file comes with the request: whoever asks must be able to
 *           open it himself. A store is exchanged between two turns, by one rename; whoever reads the
 *           former one goes on with the new one.
 * LIMITS    one of these at a time (their aides wait for each other); FREEZE_MOST for a compaction,
 *           while what should become durable waits in memory
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/log.h"
#include "workers/errand.h"
#include "workers/keeper/request.h"
#include "workers/keeper/restored.h"

#define FILE_PATIENCE (5 * NS_PER_SEC)
#define FREEZE_MOST   (60 * NS_PER_SEC)

struct state_job {
	struct errand errand;
	uint64_t began;
	bool asked, exchanged;
};

static bool state_parse(struct request *request, const char *const words[], int count)
{
	(void)words;
	(void)count;
	request->job = calloc(1, sizeof(*request->job));
	if (request->job == NULL) {
		request_refuse(request, 1, "out of memory");
		return false;
	}
	request->job->errand.fd = -1;
	request->job->began = clock_mono();
	return true;
}

/* Sends the aide; the file is its own from now on. */
static bool send_aide(struct request *request, unsigned task)
{
	struct state_job *job = request->job;

	job->asked = errand_ask(request->keeper->worker, &job->errand, task, request->file);
	if (request->file >= 0)
		close(request->file);
	request->file = -1;
	if (!job->asked)
		request_refuse(request, 1, "no process can be started for it; see the log");
	return job->asked;
}

/* What two aides leave lies in the same place. */
static bool reserve(struct request *request)
{
	struct keeper *keeper = request->keeper;

	if (keeper->exchanger == request)
		return true;
	if (keeper->exchanger != NULL || restored_pending(keeper)) {
		request_refuse(request, 1, "another restore or compaction is at work; try again");
		return false;
	}
	keeper->exchanger = request;
	return true;
}

/* Waits for the file, and has the aide work. ANSWER_MORE: it is done. */
static enum answer work(struct request *request, unsigned task)
{
	struct state_job *job = request->job;

	if (!job->asked && request->verb->takes_file && request->file < 0) {
		if (clock_age(clock_mono(), job->began) < FILE_PATIENCE)
			return ANSWER_WAIT;
		request_refuse(request, 2, "%s: no file came with the request",
			       request->verb->name);
		return ANSWER_DONE;
	}
	if (!job->asked)
		return send_aide(request, task) ? ANSWER_WAIT : ANSWER_DONE;
	switch (errand_answer(&job->errand)) {
	case ERRAND_WAIT:
		return ANSWER_WAIT;
	case ERRAND_DONE:
		return ANSWER_MORE;
	case ERRAND_REFUSED:
		request_refuse(request, 1, "%s", job->errand.text);
		break;
	default:
		request_refuse(request, 1,
			       "the process that did it was ended (by an upgrade?) or died (is the "
			       "backup or the store damaged?); see the log");
	}
	log_warning("%s: %s", request->verb->name, request->done.text);
	return ANSWER_DONE;
}

static unsigned took_ms(const struct state_job *job)
{
	return (unsigned)(clock_age(clock_mono(), job->began) / NS_PER_MS);
}

static enum answer tell(struct request *request)
{
	request_text(request, "{%s,\"took_ms\":%u}\n", request->job->errand.text,
		     took_ms(request->job));
	return ANSWER_DONE;
}

/* ---- backup ---- */

static enum answer backup_step(struct request *request)
{
	enum answer answer = work(request, AIDE_BACKUP);

	if (answer != ANSWER_MORE)
		return answer;
	log_info("the durable store was copied to a backup in %u ms", took_ms(request->job));
	page_count(request->keeper->worker->page, COUNT_KEEPER_BACKUPS);
	return tell(request);
}

/* ---- restore ---- */

/* What was said until now belongs to the former store, as far as its disk takes it. */
static bool exchange_restored(struct request *request)
{
	struct keeper *keeper = request->keeper;

	if (!restored_exchange(keeper, true, request->done.text, sizeof(request->done.text))) {
		request->done.exit = 1;
		return false;
	}
	request->job->exchanged = true;
	page_count(keeper->worker->page, COUNT_KEEPER_RESTORES);
	return true;
}

static enum answer restore_step(struct request *request)
{
	if (!request->job->exchanged) {
		enum answer answer;

		if (!reserve(request))
			return ANSWER_DONE;
		answer = work(request, AIDE_RESTORE);
		if (answer != ANSWER_MORE)
			return answer;
		if (!exchange_restored(request))
			return ANSWER_DONE;
	}
	/* the rounds bring the volatile stores in line */
	return restored_pending(request->keeper) ? ANSWER_WAIT : tell(request);
}

/* ---- compact ---- */

static enum answer compact_done(struct request *request)
{
	struct keeper *keeper = request->keeper;
	bool frozen = keeper->frozen == request;

	if (!frozen) {
		request_refuse(request, 1, "the durable store was needed meanwhile; try again");
		return ANSWER_DONE;
	}
	keeper->frozen = NULL;
	if (!restored_exchange(keeper, false, request->done.text, sizeof(request->done.text))) {
		request->done.exit = 1;
		return ANSWER_DONE;
	}
	page_count(keeper->worker->page, COUNT_KEEPER_COMPACTIONS);
	log_info("the durable store was compacted in %u ms", took_ms(request->job));
	return tell(request);
}

/* What would be written to the store after the aide has read it would be lost: it waits. */
static enum answer compact_step(struct request *request)
{
	struct keeper *keeper = request->keeper;
	enum answer answer;

	if (!reserve(request))
		return ANSWER_DONE;
	if (!request->job->asked)
		keeper->frozen = request;
	answer = work(request, AIDE_COMPACT);
	if (answer == ANSWER_MORE)
		return compact_done(request);
	if (answer == ANSWER_WAIT && clock_age(clock_mono(), request->job->began) > FREEZE_MOST) {
		request_refuse(request, 1,
			       "the disk of server.state_dir takes too long; nothing was changed");
		return ANSWER_DONE;
	}
	return answer;
}

static void state_drop(struct request *request)
{
	if (request->keeper->frozen == request)
		request->keeper->frozen = NULL;
	if (request->keeper->exchanger == request)
		request->keeper->exchanger = NULL;
	if (request->file >= 0)
		close(request->file);
	request->file = -1;
	if (request->job != NULL)
		errand_forget(&request->job->errand);
	free(request->job);
	request->job = NULL;
}

const struct verb verb_backup = {
	.name = "backup",
	.words = 1,
	.takes_file = true,
	.parse = state_parse,
	.step = backup_step,
	.drop = state_drop,
};

const struct verb verb_restore = {
	.name = "restore",
	.words = 1,
	.takes_file = true,
	.parse = state_parse,
	.step = restore_step,
	.drop = state_drop,
};

const struct verb verb_compact = {
	.name = "compact",
	.words = 1,
	.parse = state_parse,
	.step = compact_step,
	.drop = state_drop,
};
