/* SPDX-License-Identifier: ISC
 *
 * NAME      stage - a new configuration in a running worker
 * PURPOSE   Takes what the master sends after START for a configuration that may come into force:
 *           first it is only kept and judged, then committed or forgotten.
 * OWNER     every worker
 * CONTRACT  until MSG_COMMIT nothing that is in force changes; MSG_UNSTAGE leaves no trace, no
 *           descriptor either
 * LIMITS    STAGE_COMING descriptors
 */
#ifndef SHACKD_WORKERS_STAGE_H
#define SHACKD_WORKERS_STAGE_H

#include "workers/run.h"

#define STAGE_COMING 512

/* Obeys MSG when it is one of these: STAGE, COMMIT, UNSTAGE, and FD of a page or doorbell. False:
 * it is the kind's. */
bool stage_message(struct worker *worker, struct msg *msg);

/* Forgets everything that is not in force. */
void stage_forget(struct worker *worker);

#endif
