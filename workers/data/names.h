/* SPDX-License-Identifier: ISC
 *
 * NAME      names - host names, asked for without waiting
 * PURPOSE   Keeps the addresses of every wanted name: asks the hosts file and the DNS, again every
 *           NAMES_REFRESH, and keeps the last good answer as long as there is no other.
 * OWNER     data
 * CONTRACT  nothing here waits for an answer; at most NAMES_ASKING questions are on their way. A
 * name that gets no answer is asked again after 5 s, 10 s ... NAMES_REFRESH, and complained of
 *           once.
 * LIMITS    NAMES_MAX names, HOSTS_ADDRS addresses each
 */
#ifndef SHACKD_WORKERS_DATA_NAMES_H
#define SHACKD_WORKERS_DATA_NAMES_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "shm/clock.h"
#include "shm/hosts.h"

#define NAMES_MAX     10000
#define NAMES_ASKING  32
#define NAMES_REFRESH (600 * NS_PER_SEC)

struct names;

struct names_counts {
	uint64_t answers, failures; /* so far */
	unsigned names, unresolved; /* now */
};

/* NULL with a sentence in WHY_R. */
struct names *names_new(struct ev_loop *loop, char why_r[160]);
void names_free(struct names **names);

/* What a predecessor knew: taken before anybody asks for HOST. */
void names_seed(struct names *names, const char *host, const uint8_t ip[][16], unsigned count);

/* A new set of names: names_want for each of them, in lower case, between begin and end. What is
 * not wanted any more is forgotten. False: NAMES_MAX, or no memory. */
void names_begin(struct names *names);
bool names_want(struct names *names, const char *host);
void names_end(struct names *names);

/* Ask for all of them again now. */
void names_again(struct names *names);

/* Asks what is due. True when an answer has changed something since the last call and no question
 * that might change more is on its way for the first time. */
bool names_turn(struct names *names, uint64_t now);

/* The addresses of HOST, up to HOSTS_ADDRS; returns how many. */
unsigned names_get(const struct names *names, const char *host, uint8_t ip_r[HOSTS_ADDRS][16]);

struct names_counts names_count(const struct names *names);

/* A sealed list of all of them. -1 with errno. */
int names_compile(const struct names *names);

#endif
