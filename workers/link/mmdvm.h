/* SPDX-License-Identifier: ISC
 *
 * NAME      mmdvm - log lines in the manner of the G4KLX programs
 * PURPOSE   Renders events and lists as the lines that log-reading YSF dashboards cut into columns.
 * OWNER     link
 * CONTRACT  pure; the same event always gives the same bytes, so that a successor can tell what a
 *           predecessor had written. Lines of our own keep clear of the words that dashboards look
 *           for (from, to, Received, Adding, Removing, Starting, /60).
 * LIMITS    MMDVM_MAX bytes an event or a list's line
 */
#ifndef SHACKD_WORKERS_LINK_MMDVM_H
#define SHACKD_WORKERS_LINK_MMDVM_H

#include <stddef.h>
#include <stdint.h>

#include "shm/store/schema.h"
#include "workers/link/told.h"

#define MMDVM_MAX 2048

/* The lines of an event, each with its line end. Returns the length, 0 when it has none. CALLS: of
 * a stream.start, the stream.meta of its header, or NULL; such a meta has its line there. */
size_t mmdvm_event(char buf[MMDVM_MAX], const struct event_record *event,
		   const struct event_record *calls);

/* "M: ... Starting YSFReflector-20261121": dashboards forget their gateways. TIME is clock_real. */
size_t mmdvm_starting(char buf[MMDVM_MAX], uint64_t time, const char *version);

/* A gateway that is linked already. */
size_t mmdvm_adding(char buf[MMDVM_MAX], uint64_t time, const struct told_gateway *gateway);

/* The list of linked gateways, and that of the muted ones, begin with a head each. */
size_t mmdvm_linked_head(char buf[MMDVM_MAX], uint64_t time, unsigned total);
size_t mmdvm_linked(char buf[MMDVM_MAX], uint64_t time, const struct told_gateway *gateway);
size_t mmdvm_muted_head(char buf[MMDVM_MAX], uint64_t time, unsigned total);
size_t mmdvm_muted(char buf[MMDVM_MAX], uint64_t time, const struct told_gateway *gateway);

#endif
