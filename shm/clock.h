/* SPDX-License-Identifier: ISC
 *
 * NAME      clock - the two clocks of the program
 * PURPOSE   One place that says which clock measures what: ages and timers run on the monotonic
 *           clock (it never steps), people and durable records see the real one.
 * OWNER     every process
 * CONTRACT  pure reads of the kernel's clocks; never fails
 * LIMITS    monotonic values are comparable within one boot only; the stores carry the boot id
 */
#ifndef SHACKD_SHM_CLOCK_H
#define SHACKD_SHM_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_SEC 1000000000ULL
#define NS_PER_MS  1000000ULL

/* 2025-01-01: a real clock that says less was never set. Seconds since the epoch. */
#define CLOCK_UNSET 1735689600

static inline uint64_t clock_read(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* Nanoseconds since boot, never steps. For ages, timers, the watchdog. */
static inline uint64_t clock_mono(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

/* Nanoseconds since the epoch, may step. For people, logs and durable records. */
static inline uint64_t clock_real(void)
{
	return clock_read(CLOCK_REALTIME);
}

/* How long ago THEN was at NOW; 0 when THEN lies ahead (another CPU read it a moment later). */
static inline uint64_t clock_age(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

#endif
