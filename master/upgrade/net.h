/* SPDX-License-Identifier: ISC
 *
 * NAME      net - what catches a new image that falls
 * PURPOSE   Between the exec and the commit point every way to fail leads back into the executable
 *           that served before: fault signals, an exit, a timer, and a word of our own.
 * OWNER     master, the image that has taken over and not yet committed
 * CONTRACT  armed first of all, before anything is read or allocated; what it needs comes by the
 *           command line. Going back keeps the pid and every descriptor of the record.
 * LIMITS    not caught: SIGKILL, and a loader that fails after a rehearsal that passed
 */
#ifndef SHACKD_MASTER_UPGRADE_NET_H
#define SHACKD_MASTER_UPGRADE_NET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define NET_SECONDS  8
#define NET_WHY_MAX  256
#define NET_CHILDREN 256

/* argv: { "shackd", NET_ADOPT or NET_RESUME, "RECORD:EXECUTABLE:PROGRESS", what the daemon was
 * started with... }: three descriptors; EXECUTABLE is the way back. */
#define NET_ADOPT  "--adopt"
#define NET_RESUME "--resume"

/* Shared by the images over the exec, in a memfd of the record. */
struct net_progress {
	uint32_t magic;
	int32_t signal;		     /* that ended the attempt; 0: none */
	uint64_t failed;	     /* clock_mono of the failure; 0: none */
	uint32_t spawned;	     /* processes that the new image started */
	int32_t child[NET_CHILDREN]; /* the first of them */
	uint32_t attempts;	     /* 1: the new image runs */
	char stage[64];		     /* what it was doing */
	char why[NET_WHY_MAX];
};

/* Makes the memfd. -1 with errno. */
int net_progress_create(void);
struct net_progress *net_progress_map(int fd);
void net_progress_unmap(struct net_progress **progress);

struct net_way {
	int record, back, progress; /* descriptors */
};

bool net_parse(const char *text, struct net_way *way_r);
/* ARGV: what the daemon was started with; must live on. Every image shows it again. */
void net_remember(char **argv);
/* Executes EXECUTABLE with NET_ADOPT and WAY. Returns only when that failed, with errno. */
void net_exec(int executable, const struct net_way *way);

/* Arms it: back into the executable of WAY. */
void net_arm(const struct net_way *way);
/* For who failed to say what was being done. */
void net_stage(const char *stage);
/* Every process that is started: the image before has to end it, and to give later generations
 * other numbers. */
void net_spawned(pid_t pid);
/* Goes back. */
void net_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
bool net_armed(void);
/* The commit point. */
void net_disarm(void);

#endif
