/* SPDX-License-Identifier: ISC
 *
 * NAME      sites - what a daemon of the build `sites` and its test share
 * PURPOSE   The layout of the file that SITES_FILE names: what is to be listed, what is to fail, the
 *           sites seen so far, and how many blocks each process holds.
 * OWNER     tests/fault; tests/lib/sites.py reads and writes the same
 * CONTRACT  little more than words: the test writes `record`, `step` and, while `armed` is 0, what is
 *           armed; processes write the rest
 * LIMITS    SITES_MAX sites, what finds no place is counted in `lost`
 */
#ifndef SHACKD_TESTS_FAULT_SITES_H
#define SHACKD_TESTS_FAULT_SITES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SITES_MAX	32768
#define SITES_FRAMES	24 /* innermost callers that make a site */
#define SITES_MODULES	64
#define SITES_PROCESSES 4096
#define SITES_NAME	24

/* A return address: how far into which executable or library. */
struct sites_frame {
	uint32_t module; /* number in `module`, from 1 on; 0: none */
	uint32_t offset;
};

struct site {
	_Atomic uint64_t key;	/* of function, kind and callers; 0: vacant */
	_Atomic uint64_t steps; /* in which of the test's steps, as bits */
	_Atomic uint32_t calls;
	uint32_t depth;
	char function[SITES_NAME];
	char kind[SITES_NAME]; /* of the process: "master", "ysf" ... */
	struct sites_frame frame[SITES_FRAMES];
};

struct sites_module {
	_Atomic uint32_t state; /* 0: vacant; 1: being written; 2: known */
	char name[60];
};

struct sites_process {
	_Atomic int32_t pid;
	char kind[SITES_NAME];
	_Atomic int64_t live; /* blocks allocated and not freed */
};

struct sites {
	_Atomic uint32_t record; /* list what comes by */
	uint32_t reserved;
	_Atomic uint64_t step;	 /* a bit: what the test is doing */
	_Atomic uint64_t armed;	 /* key of the site that fails; 0: none */
	struct sites_frame near; /* its first frame */
	uint32_t after;		 /* calls of it that still succeed */
	uint32_t most;		 /* then so many fail */
	_Atomic uint32_t passed;
	_Atomic uint32_t hits;
	int32_t error;
	_Atomic int32_t hit_pid;
	_Atomic uint64_t lost;
	struct sites_module module[SITES_MODULES];
	struct sites_process process[SITES_PROCESSES];
	struct site site[SITES_MAX];
};

#endif
