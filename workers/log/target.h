/* SPDX-License-Identifier: ISC
 *
 * NAME      target - where log lines go
 * PURPOSE   Standard error, syslog's socket, or a file; each of them may be missing, full, stopped
 *           or exchanged at any time without anybody waiting for it.
 * OWNER     log worker
 * CONTRACT  target_write never waits. What is not there now is looked for once a second; meanwhile
 *           lines go to standard error. What was lost is counted, and said with the first line that is
 *           taken again.
 * LIMITS    a terminal that has room for a part of a line may hold the writer for the rest of it
 */
#ifndef SHACKD_WORKERS_LOG_TARGET_H
#define SHACKD_WORKERS_LOG_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/log.h"
#include "workers/log/line.h"

enum target_kind { TARGET_STDERR, TARGET_SYSLOG, TARGET_FILE };

struct target {
	enum target_kind kind;
	line_form *form;
	bool torn;	  /* the file ends in a part of a line */
	bool complained;  /* said that the target is missing */
	bool full;	  /* said that it takes no lines */
	int err_fd;	  /* stays the caller's */
	int fd;		  /* syslog or file, -1: not there */
	uint64_t checked; /* clock_mono of the last look at the path or attempt to open it */
	uint64_t lost;	  /* lines that nothing has taken, not yet said */
	uint64_t instead; /* lines that standard error has taken for a full target, not yet said */
	char path[512];	  /* of the file, or of syslog's socket */
};

/* SPEC is "stderr", "syslog" or a path; FORM is that of a line elsewhere than in syslog. Never
 * fails: a target that is missing is looked for later. */
void target_init(struct target *target, const char *spec, line_form *form, int err_fd);
void target_close(struct target *target);

/* Can SPEC be written to? A file is made if need be. False with "PATH: why" in WHY_R. */
bool target_check(const char *spec, char *why_r, size_t size);

/* Returns false when the line is lost. NOW is clock_mono. */
bool target_write(struct target *target, const struct log_record *record, uint64_t now);

#endif
