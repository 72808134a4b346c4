/* SPDX-License-Identifier: ISC
 *
 * NAME      compile - from what a file says to a list that everybody maps
 * PURPOSE   Lays tables out as list_layout.h wants them and seals them.
 * OWNER     data
 * CONTRACT  what goes in was checked by the parsers; what comes out is accepted by access_map,
 *           homes_map, hosts_map and known_map. Costs what the entries cost, in one go: BEAT (may be NULL) is
 *           called every few thousand of them.
 * LIMITS    LIST_ENTRIES_MAX entries a table
 */
#ifndef SHACKD_WORKERS_DATA_COMPILE_H
#define SHACKD_WORKERS_DATA_COMPILE_H

#include "shm/list_layout.h"
#include "workers/data/rows.h"

/* What an access file says. */
struct access_rules {
	struct rows set[ACCESS_SETS]; /* texts of LIST_TEXT bytes, or struct access_net */
	struct rows names;	      /* struct access_name; its key is host and set */
};

#define ACCESS_NAME_KEY (LIST_HOST + 1)

/* False: no memory. RULES stays where it is as long as it is used. */
bool access_rules_init(struct access_rules *rules);
void access_rules_free(struct access_rules *rules);

struct compile_help {
	/* The addresses of HOST as far as they are known; returns how many. */
	unsigned (*resolve)(void *arg, const char *host, uint8_t ip_r[HOSTS_ADDRS][16]);
	void (*beat)(void *arg);
	void *arg;
};

/* Each returns a sealed memfd, or -1 with errno. */
int compile_access(const struct access_rules *rules, const struct list_source *source,
		   const struct compile_help *help);
int compile_homes(const struct rows *homes, const struct list_source *source,
		  const struct compile_help *help);
/* HOSTS holds struct hosts_entry, keyed by the name. */
int compile_hosts(const struct rows *hosts, const struct compile_help *help);
/* CALLS holds texts of CALL_TEXT_SIZE bytes. */
int compile_known(const struct rows *calls, const struct list_source *source,
		  const struct compile_help *help);

/* What ACCESS was compiled of: the way back, for a process that has nothing else. RULES_R is
 * initialised and empty. False: no memory. */
bool compile_back(const struct access *access, struct access_rules *rules_r);

#endif
