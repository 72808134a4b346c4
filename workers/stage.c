/* SPDX-License-Identifier: ISC
 *
 * NAME      stage - a new configuration in a running worker
 * PURPOSE   See stage.h.
 * OWNER     every worker
 * CONTRACT  see stage.h
 * LIMITS    see stage.h
 */
#include "workers/stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/fault.h"
#include "shm/log.h"
#include "workers/take.h"

/* ---- descriptors that come with it ---- */

static bool keep_descriptor(struct worker *worker, struct msg *msg)
{
	struct worker_fd *more;
	struct msg_fd what;

	memcpy(&what, msg->body, sizeof(what));
	what.slot[sizeof(what.slot) - 1] = '\0';
	if (what.role != FD_PEER_PAGE && what.role != FD_PEER_BELL && what.role != FD_PAGE_OF_SLOT)
		return false;
	more = worker->comings < STAGE_COMING
		       ? realloc(worker->coming, (worker->comings + 1) * sizeof(*more))
		       : NULL;
	if (more == NULL) {
		worker->coming_lost = true;
		log_error("no room for a descriptor of role %u", what.role);
		close(msg->fd);
	} else {
		worker->coming = more;
		more[worker->comings++] = (struct worker_fd){what, msg->fd};
	}
	msg->fd = -1;
	return true;
}

static void drop_descriptors(struct worker *worker)
{
	for (unsigned i = 0; i < worker->comings; i++)
		if (worker->coming[i].fd >= 0)
			close(worker->coming[i].fd);
	free(worker->coming);
	worker->coming = NULL;
	worker->comings = 0;
	worker->coming_lost = false;
}

static void use_descriptors(struct worker *worker)
{
	for (unsigned i = 0; i < worker->comings; i++)
		if (!take_peer(worker, &worker->coming[i].what, &worker->coming[i].fd))
			log_error("descriptor of role %u, index %u can't be used",
				  worker->coming[i].what.role, worker->coming[i].what.index);
	drop_descriptors(worker);
}

/* ---- could it be obeyed? ---- */

static bool judge(struct worker *worker, int fd, uint64_t generation, char why_r[252])
{
	/* one of several refuses: the others have to take it back */
	if (fault_is("refuse-stage") && worker->index > 0) {
		snprintf(why_r, 252, "this build refuses");
		return false;
	}
	if (fault_is("crash-in-stage") && worker->index > 0)
		abort();
	if (worker->coming_lost) {
		snprintf(why_r, 252, "no room for the descriptors that came with it");
		return false;
	}
	conf_unmap(&worker->staged);
	worker->staged = conf_map(fd);
	if (worker->staged == NULL) {
		snprintf(why_r, 252, "the snapshot can't be mapped: %s", strerror(errno));
		return false;
	}
	if (conf_generation(worker->staged) != generation) {
		snprintf(why_r, 252, "the snapshot is of another generation");
		return false;
	}
	return worker->kind->stage == NULL || worker->kind->stage(worker, worker->staged, why_r);
}

static void answer(struct worker *worker, const struct msg_staged *staged)
{
	if (msg_send(worker->control, MSG_STAGED, worker->generation, staged, sizeof(*staged),
		     -1) != 0)
		log_error("can't answer to a new configuration: %s", strerror(errno));
}

static void on_stage(struct worker *worker, struct msg *msg)
{
	struct msg_staged staged = {0};
	struct msg_stage stage;

	memcpy(&stage, msg->body, sizeof(stage));
	staged.conf_generation = stage.conf_generation;
	staged.ok = judge(worker, msg->fd, stage.conf_generation, staged.why);
	if (!staged.ok)
		conf_unmap(&worker->staged);
	close(msg->fd);
	msg->fd = -1;
	fault_point(FAULT_STAGE_JUDGED);
	answer(worker, &staged);
	fault_point(FAULT_STAGE_ANSWERED);
}

/* ---- yes, or no ---- */

static void on_commit(struct worker *worker, const struct msg *msg)
{
	struct conf *before = worker->conf;
	struct msg_stage stage;

	memcpy(&stage, msg->body, sizeof(stage));
	if (worker->staged == NULL || conf_generation(worker->staged) != stage.conf_generation) {
		/* we would go on with the old one: a successor starts with the new one */
		log_error("a configuration came into force that was not staged here");
		worker_finish(worker, 1);
		return;
	}
	fault_point(FAULT_STAGE_COMMITTING);
	use_descriptors(worker);
	worker->conf = worker->staged;
	worker->staged = NULL;
	log_set_level((enum log_level)conf_number(worker->conf, CONF_SERVER_LOG_LEVEL));
	if (worker->kind->commit != NULL)
		worker->kind->commit(worker, before);
	conf_unmap(&before);
	fault_point(FAULT_STAGE_COMMITTED);
	answer(worker, &(struct msg_staged){.conf_generation = stage.conf_generation, .ok = 2});
}

void stage_forget(struct worker *worker)
{
	drop_descriptors(worker);
	if (worker->kind->unstage != NULL && worker->own != NULL)
		worker->kind->unstage(worker);
	conf_unmap(&worker->staged);
}

bool stage_message(struct worker *worker, struct msg *msg)
{
	switch (msg->type) {
	case MSG_FD:
		return keep_descriptor(worker, msg);
	case MSG_STAGE:
		on_stage(worker, msg);
		break;
	case MSG_COMMIT:
		on_commit(worker, msg);
		break;
	case MSG_UNSTAGE:
		stage_forget(worker);
		break;
	default:
		return false;
	}
	if (msg->fd >= 0)
		close(msg->fd);
	msg->fd = -1;
	return true;
}
