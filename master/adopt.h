/* SPDX-License-Identifier: ISC
 *
 * NAME      adopt - a neighbour reads the sockets of a slot that has to wait
 * PURPOSE   A slot whose breaker is open is empty for seconds. Its sockets go on receiving,
 *           because the kernel spreads the flows over all sockets of a port: so another slot of
 *           the kind reads them meanwhile.
 * OWNER     master
 * CONTRACT  a socket has one reader: the slot's own next holder gets GO when the neighbour has
 *           said that it reads no more, or is dead. If it does neither within ADOPT_PATIENCE it
 *           is taken for hung.
 * LIMITS    what the dead holder had read stays in its ring until the next one comes
 */
#ifndef SHACKD_MASTER_ADOPT_H
#define SHACKD_MASTER_ADOPT_H

#include <stdbool.h>

#include "master/master.h"

#define ADOPT_PATIENCE (5 * NS_PER_SEC)
#define ADOPT_RELEASES 8 /* a holder remembers so many at a time */

/* The slot, empty now, has to wait: finds somebody who reads its sockets, now or as soon as there
 * is one. */
void adopt_park(struct slot *slot);

/* The slot's holder is gone, and with it what it read for others: they need another. */
void adopt_forget(struct slot *slot);

/* Somebody serves: finds a reader for every parked slot that has none. */
void adopt_look(struct master *master);

/* The slot's new holder is READY. True: nobody else reads its sockets. False: whoever does was
 * asked to stop; slot_go is called again when it has. */
bool adopt_give_back(struct slot *slot);

/* SLOT says that it reads no more what RELEASE names. */
void adopt_released(struct slot *slot, const struct msg_release *release);

/* Sends what SLOT must know as a reader for others. False with errno when its socket is full. */
bool adopt_flush(struct slot *slot);

/* The sockets of parked slots have changed: whoever reads them begins anew. */
void adopt_renew(struct master *master);

/* For who must know all readers (upgrade): adoptions end, and none begins. True when there is none
 * any more; call it again until then. What comes for parked slots waits in the kernel's queues. */
bool adopt_suspend(struct master *master);
void adopt_resume(struct master *master);

/* Does SLOT keep a neighbour waiting for its sockets for too long? */
bool adopt_overdue(const struct slot *slot, uint64_t now);

#endif
