/* SPDX-License-Identifier: ISC
 *
 * NAME      proc - what the kernel tells of a process
 * PURPOSE   State letter, processor time and memory, for the watchdog and for `workers`.
 * OWNER     master
 * CONTRACT  false when the process is gone or /proc is not there; results are zero then
 * LIMITS    without schedstat, processor time comes in ticks of 10 ms
 */
#ifndef SHACKD_MASTER_PROC_H
#define SHACKD_MASTER_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* TASK_R is the state letter, CPU_R the processor time in ns. */
bool proc_times(pid_t pid, char *task_r, uint64_t *cpu_r);

/* Resident memory in KiB; 0 when unknown. */
uint64_t proc_rss_kb(pid_t pid);

/* Field INDEX (from 0) of blank-separated TEXT; the empty rest when there are fewer. */
const char *proc_field(const char *text, unsigned index);

/* The command name, "?" when unknown. Returns BUF. */
const char *proc_name(pid_t pid, char *buf, size_t size);

#endif
