/* SPDX-License-Identifier: ISC
 *
 * NAME      listed - the access list and the home list
 * PURPOSE   Maps the newest ones, and applies a new access list to who is there already: gateways
 *           that may only listen, gateways that may not even do that, calls that it refuses.
 * OWNER     ysf workers
 * CONTRACT  A gateway is judged anew before the new list lets it open a call. The rest follow a slice
 *           a tick, so that voice never waits for it.
 * LIMITS    JUDGE_SLICE gateways a tick
 */
#include <errno.h>
#include <string.h>

#include "shm/log.h"
#include "workers/ysf/rules.h"
#include "workers/ysf/ysf.h"

#define JUDGE_SLICE 1024

/* A list that can't be mapped leaves the former one in force. */
static void take_access(struct ysf *ysf)
{
	struct access *access = access_map(ysf->worker->list_fd[LIST_ACCESS]);

	if (access == NULL) {
		log_limited(LOG_LEVEL_ERROR, "can't map the new access list: %s", strerror(errno));
		return;
	}
	access_unmap(&ysf->access);
	ysf->access = access;
	listed_judge_all(ysf);
}

static void take_homes(struct ysf *ysf)
{
	struct homes *homes = homes_map(ysf->worker->list_fd[LIST_HOMES]);

	if (homes == NULL) {
		log_limited(LOG_LEVEL_ERROR, "can't map the new home list: %s", strerror(errno));
		return;
	}
	homes_unmap(&ysf->homes);
	ysf->homes = homes;
}

void listed_come(struct worker *worker, unsigned index)
{
	struct ysf *ysf = worker->own;

	if (worker->list_fd[index] < 0)
		return;
	if (index == LIST_ACCESS)
		take_access(ysf);
	else if (index == LIST_HOMES)
		take_homes(ysf);
	if (worker->going)
		listed_tick(ysf);
}

void listed_open(struct ysf *ysf)
{
	ysf->access_version = 1;
	listed_come(ysf->worker, LIST_ACCESS);
	listed_come(ysf->worker, LIST_HOMES);
}

void listed_close(struct ysf *ysf)
{
	access_unmap(&ysf->access);
	homes_unmap(&ysf->homes);
}

void listed_judge_all(struct ysf *ysf)
{
	ysf->access_version++;
	ysf->judged = 0;
	ysf->judge_calls = true;
}

void listed_judge(struct ysf *ysf, struct gateway *gateway)
{
	bool locked;

	if (gateway->judged == ysf->access_version)
		return;
	gateway->judged = ysf->access_version;
	gateway->muted = (uint8_t)rules_gateway(ysf->access, gateway->name, gateway->key.ip, &locked);
	if (locked == gateway->locked)
		return;
	gateway->locked = locked;
	if (locked)
		fanout_remove(&ysf->fanout, gateway);
	else if (!fanout_add(&ysf->fanout, gateway))
		ysf_no_memory(ysf, "the fan-out");
}

/* Calls that go on although they could not be opened any more are ended with the next tick. */
static void judge_calls(struct ysf *ysf)
{
	for (uint32_t lane = 0; lane < ysf->set.streams && ysf->calls > 0; lane++) {
		struct call *call = &ysf->call[lane];

		if (call->open && call->closing == REASON_NONE && !admit_still(ysf, call))
			call->closing = REASON_BLOCKED;
	}
}

void listed_tick(struct ysf *ysf)
{
	uint32_t end = ysf->judged + JUDGE_SLICE;

	if (ysf->relay.active)
		return; /* no fan changes under it */
	if (ysf->judge_calls)
		judge_calls(ysf);
	ysf->judge_calls = false;
	for (; ysf->judged < ysf->gateways.top && ysf->judged < end; ysf->judged++) {
		struct gateway *gateway = gateways_at(&ysf->gateways, ysf->judged);

		if (gateway != NULL)
			listed_judge(ysf, gateway);
	}
}
