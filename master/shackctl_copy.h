/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_copy - files of a backup
 * PURPOSE   Copies, checksums, and which files belong to a configuration.
 * OWNER     shackctl
 * CONTRACT  a file is complete and on the disk when it gets its name
 * LIMITS    COPY_PATH bytes a name
 */
#ifndef SHACKD_MASTER_SHACKCTL_COPY_H
#define SHACKD_MASTER_SHACKCTL_COPY_H

#include <jansson.h>
#include <stdbool.h>

#define COPY_PATH 4096
#define COPY_HASH 65 /* BLAKE2b of 32 bytes, as hexadecimal digits, and the NUL */

/* "DIR/NAME"; false, told, when that is too long. */
bool copy_join(char path_r[COPY_PATH], const char *dir, const char *name);

/* Opens PATH with FLAGS, never waiting for another side: a FIFO, a folder or a device is refused with a
 * sentence. -1 then; the caller says nothing more. */
int copy_open(const char *path, int flags);

/* Of the whole file. False with errno. */
bool copy_hash(int fd, char hash_r[COPY_HASH]);

/* Makes or replaces DIR/NAME. False with errno. */
bool copy_text(const char *dir, const char *name, const char *text);

/* Copies the configuration FILE (NULL: there is none) and the lists that it names to DIR/config, for
 * reading only. What can't be copied is told on standard error. Returns an array of objects (name,
 * path, bytes, blake2b; or path and error), the caller's; NULL, told, when DIR/config can't be made. */
json_t *copy_config(const char *file, const char *dir);

#endif
