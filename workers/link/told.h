/* SPDX-License-Identifier: ISC
 *
 * NAME      told - the words of pYSFReflector3
 * PURPOSE   Times, names and reasons as its dashboard protocol and its log write them, for json and
 *           mmdvm alike.
 * OWNER     link
 * CONTRACT  pure; what goes in has passed the checks of the store
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_LINK_TOLD_H
#define SHACKD_WORKERS_LINK_TOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/store/schema.h"

#define TOLD_TIME_MAX 32

/* "2026-11-21 16:36:39.870", UTC, the milliseconds cut and not rounded. REAL is clock_real. */
const char *told_time(uint64_t real, char buf[TOLD_TIME_MAX]);
/* The same without the milliseconds. */
const char *told_second(uint64_t real, char buf[TOLD_TIME_MAX]);

/* What the FICH of a header says (YSF protocol). */
struct told_fich {
	uint8_t cs, cm, ft, mr, dt, sqc;
	bool dev, voip, sql;
};
void told_fich(const uint8_t info[4], struct told_fich *fich_r);
const char *told_bool(bool value); /* "True", "False" */

/* DT GW IP SN CS for the reason of an access.refused; NULL for any other. */
const char *told_refusal(unsigned reason);

/* "TC", "TD" or "WD" for a stream.end; NULL for one that the transmission timeout made. */
const char *told_end(const struct event_record *end);

/* "RCT" or "RCW"; NULL for a block that pYSFReflector3 does not know. */
const char *told_block(unsigned reason);

/* Whom the call is for: the header's own word if it says anything, else that of the network (YSF
 * protocol). CALLS is the stream.meta of the header, or NULL. */
const char *told_target(const struct event_record *start, const struct event_record *calls);

/* Was the header of this call too damaged to say who calls whom? False without CALLS. */
bool told_damaged(const struct event_record *calls);

/* Degrees with six decimals; "999.000000" for none. MILLIONTHS of a degree. */
const char *told_degrees(int32_t millionths, bool known, char buf[16]);
bool told_position(int32_t latitude, int32_t longitude);

/* A linked gateway, as dashboards list it. */
struct told_gateway {
	uint32_t id; /* grows with each link */
	char name[CALL_MAX];
	struct addr addr;
	uint64_t linked;     /* clock_real */
	uint32_t silent;     /* seconds since its last poll */
	uint32_t home_time;  /* seconds */
	uint32_t home_clock; /* seconds that count towards it */
	int hold;	     /* 0 movable, -1 nailed by port or name, -2 by the home list */
	uint8_t dgid;
	uint8_t home_dgid; /* 0: none */
	bool muted;
	bool locked;
};

/* A caller who may not transmit for a time. */
struct told_parked {
	char call[CALL_MAX];
	uint8_t reason; /* enum block_reason */
	uint64_t until; /* clock_real */
};

/* "??????????" for an empty one. */
const char *told_name(const char *name);

#endif
