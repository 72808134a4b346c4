/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_model - what the store must hold after a writer's nth batch
 * PURPOSE   A writer's batches follow from its number and theirs alone, so that whoever knows how
 *           many of them were committed knows every record: gateways, streams, blocks.
 * OWNER     tests/fault/writer_kill
 * CONTRACT  Each writer has gateways, DG-IDs and callers of its own; batch n is one transaction,
 *           and carries n as a number in the store itself.
 * LIMITS    MODEL_WRITERS writers of MODEL_GATEWAYS gateways
 */
#ifndef SHACKD_TESTS_FAULT_LIB_MODEL_H
#define SHACKD_TESTS_FAULT_LIB_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/store/env.h"
#include "shm/store/schema.h"

#define MODEL_WRITERS  4
#define MODEL_GATEWAYS 20 /* of each writer; as many DG-IDs and callers */

struct model_gateway {
	uint8_t dgid; /* 0: not linked */
	bool streams; /* holds the stream on the DG-ID that is its own */
	bool blocked; /* the caller of the same number */
};

struct model {
	unsigned writer;
	uint64_t batch; /* committed */
	struct model_gateway gateway[MODEL_GATEWAYS];
};

/* All writers' records, counted while the store is walked. */
struct model_view {
	const struct model *model; /* MODEL_WRITERS of them */
	struct store_txn *txn;
	unsigned clients, streams, blocks;
	uint8_t lanes[STREAM_LANES_MAX / 100];
	const char *wrong; /* the first thing that was */
};

/* Applies the next batch to the model. */
void model_advance(struct model *model);

/* Applies batch number BATCH of WRITER to the store, within a transaction. */
void model_write(struct store_txn *txn, unsigned writer, uint64_t batch);

/* How many batches of WRITER are in the store. */
uint64_t model_committed(struct store_txn *txn, unsigned writer);

/* Are the tables exactly what the models say? NULL, or what is wrong. */
const char *model_compare(struct store_txn *txn, const struct model model[MODEL_WRITERS]);

#endif
