/* SPDX-License-Identifier: ISC
 *
 * NAME      fanout - the receivers of a DG-ID, ready to be sent to
 * PURPOSE   One prebuilt array of message headers per DG-ID and listener, so that a frame costs
 *           nothing per receiver but the kernel's own work.
 * OWNER     ysf workers
 * CONTRACT  an array changes by one entry when one gateway comes or goes (the last takes the place of
 *           the one that left), and never while a fan-out that was begun is not finished
 * LIMITS    FANOUT_LISTENERS listeners; 1,024 datagrams a system call (the kernel's own bound)
 */
#ifndef SHACKD_WORKERS_YSF_FANOUT_H
#define SHACKD_WORKERS_YSF_FANOUT_H

#include <sys/socket.h>

#include "shm/ring.h"
#include "workers/ysf/gateways.h"
#include "workers/ysf/trouble.h"

#define FANOUT_DGIDS	 128
#define FANOUT_LISTENERS 64

/* The source address that a datagram must carry, where the route would choose another. */
union fanout_source {
	struct cmsghdr align;
	uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct fan {
	struct mmsghdr *message;
	uint8_t *to; /* socket addresses, `stride` bytes each */
	struct gateway **who;
	uint32_t *id; /* of the gateways: what the ring notes of a fan-out */
	uint64_t version; /* grows with every change */
	uint32_t count;
	uint32_t room;
	uint32_t stride;
	struct iovec frame[RING_VARIANTS]; /* what the messages send: as it came, for the movable */
};

struct fanout {
	struct fan **fan; /* [dgid * FANOUT_LISTENERS + listener], made when first needed */
};

bool fanout_init(struct fanout *fanout);
void fanout_free(struct fanout *fanout);

/* NULL when nobody was ever there. */
struct fan *fanout_fan(const struct fanout *fanout, unsigned dgid, unsigned listener);

/* Enters GATEWAY under its DG-ID and listener. False: no memory. */
bool fanout_add(struct fanout *fanout, struct gateway *gateway);
/* Nothing to do for one that is in no fan. */
void fanout_remove(struct fanout *fanout, struct gateway *gateway);
/* The flags of GATEWAY, which is entered, have changed: from now on it gets the frame that suits. */
void fanout_suit(struct fanout *fanout, const struct gateway *gateway);

/* Control data that makes LOCAL (16 bytes, IPv4 mapped) the source of a datagram to an address of
 * FAMILY. Returns its length. */
size_t fanout_source_make(union fanout_source *source_r, int family, const uint8_t local[16]);

/* How far the sending of one frame to one fan has come, and what came of it. */
struct fan_result {
	uint32_t sent;
	struct trouble_batch failed;
};

#define FAN_NOBODY UINT32_MAX

/* Sends fan->frame to all entries from *AT on, each its variant, but SKIP, from socket FD; moves *AT.
 * Adds to RESULT. Returns false when the socket's send buffer is full: call again when it is writable. A
 * receiver that can't be reached is counted and left out; it never stops the others. The messages
 * go by way of RING (after ring_relay_list for this fan), which so knows who has the frame. */
bool fan_send(struct fan *fan, struct ring *ring, int fd, uint32_t skip, uint32_t *at,
	      struct fan_result *result);

/* Puts the entries whose ids are among the COUNT of IDS (sorted by this) to the front. Returns how
 * many there are. */
uint32_t fan_front(struct fan *fan, uint32_t *ids, uint32_t count);

#endif
