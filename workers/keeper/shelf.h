/* SPDX-License-Identifier: ISC
 *
 * NAME      shelf - a folder that holds a bounded number of small files
 * PURPOSE   What people may want to look at after the fact: crash reports, quarantined
 *           datagrams.
 * OWNER     keeper
 * CONTRACT  a file is there whole or not at all; the oldest makes room for a new one. Names are
 *           plain: letters, digits, points and hyphens, none first that hides it
 * LIMITS    SHELF_FILES files a folder, SHELF_BYTES a file; no folder is synced, so that power
 *           cut in the same second may take a file along
 */
#ifndef SHACKD_WORKERS_KEEPER_SHELF_H
#define SHACKD_WORKERS_KEEPER_SHELF_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHELF_FILES 64
#define SHELF_BYTES 16384
#define SHELF_NAME  64

struct shelf_file {
	char name[SHELF_NAME];
	uint64_t when; /* ns since the epoch */
};

/* May a file be called so? */
bool shelf_name_ok(const char *name);

/* Makes the folder if it is missing. False with errno. */
bool shelf_make(const char *folder);

/* Stores LENGTH bytes as NAME, of the time WHEN (0: now), and removes the oldest files until MOST
 * are left. Returns how many had to go, or -1 with errno. */
int shelf_put(const char *folder, const char *name, const void *data, size_t length, uint64_t when,
	      unsigned most);

/* Reads a file into DATA_R. Returns its length, or -1 with errno (a link, a folder or a file of
 * more than SHELF_BYTES is EINVAL). WHEN_R may be NULL. */
int shelf_get(const char *folder, const char *name, char data_r[SHELF_BYTES + 1], uint64_t *when_r);

/* 0, or -1 with errno. */
int shelf_drop(const char *folder, const char *name);

/* The files, oldest first. Returns how many, or -1 with errno (a missing folder is empty); those
 * beyond SHELF_FILES are left out. */
int shelf_list(const char *folder, struct shelf_file files_r[SHELF_FILES]);

#endif
