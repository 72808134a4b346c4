/* SPDX-License-Identifier: ISC
 *
 * NAME      sessions - who is logged in to the DX cluster
 * PURPOSE   One session a call over all workers, and the note that makes each line's effect happen
 *           once whatever dies.
 * OWNER     dxc workers write; keeper removes what an operator ends and what nobody holds any more
 * CONTRACT  as clients.h; session.login and session.logout are written with the change. Who logs in
 *           later wins: a worker that finds another session under its session's call, or none,
 *           ends that session (store_generations.clients grew). A call is normalised
 *           (call_normalise).
 * LIMITS    twice store_config.max_sessions: STORE_LIMIT
 */
#ifndef SHACKD_SHM_STORE_SESSIONS_H
#define SHACKD_SHM_STORE_SESSIONS_H

#include "shm/store/dxschema.h"
#include "shm/store/env.h"
#include "shm/store/schema.h"

enum store_error sessions_get(struct store_txn *txn, const char *call,
			      struct session_record *record_r);

/* Logs in. The same session again: nothing changes, no event. Another session under the call makes
 * room (its logout with REASON_REPLACED); REPLACED_R (may be NULL) gets its record, or session 0. */
enum store_error sessions_put(struct store_txn *txn, const char *call,
			      const struct session_record *record,
			      struct session_record *replaced_r);

/* Before a line's effect on a store, in the same transaction: notes that the line which ends at
 * OFFSET is acted upon. STORE_EXISTS: it was already, so answer only. STORE_NOT_FOUND: the call is
 * another session's by now, or nobody's. */
enum store_error sessions_act(struct store_txn *txn, const char *call, uint64_t session,
			      uint64_t offset);

/* Logs out, if the call is still SESSION's; else STORE_NOT_FOUND. */
enum store_error sessions_del(struct store_txn *txn, const char *call, uint64_t session,
			      enum event_reason reason);

uint64_t sessions_count(struct store_txn *txn);

/* Walks on from CALL ("": from the start) as clients_walk does. */
typedef bool sessions_visitor(const char *call, const struct session_record *record, void *arg);
unsigned sessions_walk(struct store_txn *txn, char call[CALL_TEXT_SIZE], unsigned most,
		       sessions_visitor *visit, void *arg);

#endif
