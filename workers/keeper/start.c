/* SPDX-License-Identifier: ISC
 *
 * NAME      start (keeper) - the stores as they must be before anybody serves
 * PURPOSE   Clears what dead processes left, brings the gateways in line with the configuration,
 *           closes calls that nobody carries on, and brings the blocks back.
 * OWNER     keeper, before READY
 * CONTRACT  Workers may be running already (keeper was replaced): everything is looked at again
 *           inside the write. Only here may keeper wait for a gate, and only PATIENCE long.
 * LIMITS    none known
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "shm/clock.h"
#include "shm/log.h"
#include "shm/store/clients.h"
#include "workers/keeper/keeper.h"

/* A gate is held for 5 ms at most, or its holder is killed within a second. */
#define PATIENCE (3 * NS_PER_SEC)

enum store_error start_write(struct store *store, struct store_txn *txn_r)
{
	uint64_t end = clock_mono() + PATIENCE;
	enum store_error error;

	while ((error = store_write(store, txn_r)) == STORE_BUSY && clock_mono() < end)
		poll(NULL, 0, 1);
	return error;
}

/* ---- gateways ---- */

static bool settle_all(struct keeper *keeper)
{
	uint64_t end = clock_mono() + PATIENCE;
	enum step step = STEP_AGAIN;

	settle_begin(keeper, true);
	while (step == STEP_AGAIN || step == STEP_BUSY) {
		step = settle_step(keeper, clock_mono());
		if (clock_mono() > end)
			return false;
		if (step == STEP_BUSY)
			poll(NULL, 0, 1);
	}
	return step == STEP_DONE;
}

/* ---- calls ---- */

static bool close_dead_calls(struct keeper *keeper)
{
	uint64_t end = clock_mono() + PATIENCE;
	uint64_t watchdog = (uint64_t)conf_number(keeper->worker->conf, CONF_YSF_WATCHDOG);
	enum step step = STEP_AGAIN;

	while (step == STEP_AGAIN || step == STEP_BUSY) {
		step = expire_streams_after(keeper, clock_mono(), watchdog);
		if (clock_mono() > end)
			return false;
		if (step == STEP_BUSY)
			poll(NULL, 0, 1);
	}
	return step == STEP_DONE;
}

bool start_all(struct keeper *keeper)
{
	struct worker *worker = keeper->worker;
	int cleared = store_check_readers(worker->voice);
	enum store_error error;

	if (cleared < 0 || store_check_readers(worker->state) < 0)
		return worker_failed(worker, "can't check the readers of the stores");
	page_count_by(worker->page, COUNT_KEEPER_READERS, (uint64_t)cleared);
	if (!settle_all(keeper))
		return worker_failed(worker, "can't bring the gateways in line with the configuration");
	if (!close_dead_calls(keeper))
		return worker_failed(worker, "can't close dead calls");
	error = judge_start(keeper);
	if (error == STORE_OK)
		error = durable_start(keeper);
	if (error != STORE_OK)
		return worker_failed(worker, "can't bring the blocks in line: %s",
				     store_error_text(error));
	return true;
}
