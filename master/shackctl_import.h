/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_import - moving over from another reflector
 * PURPOSE   Makes a shackd.ini of what pYSFReflector3 or G4KLX's YSFReflector were configured with,
 *           and hands saved DG-IDs to the daemon.
 * OWNER     shackctl
 * CONTRACT  standard output gets a complete file or nothing; whatever has no counterpart is a
 *           comment in it that says why
 * LIMITS    IMPORT_FILE_MAX bytes a data file, INIFILE_SIZE_MAX a configuration
 */
#ifndef SHACKD_MASTER_SHACKCTL_IMPORT_H
#define SHACKD_MASTER_SHACKCTL_IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#define IMPORT_FILE_MAX (64 * 1024 * 1024)

/* `import` with its ARGUMENTS: "pysf FILE [DENY HOME DGID]", "ysfreflector FILE" or "dgid FILE".
 * SOCKET is the daemon's. Returns shackctl's exit code. */
int import_run(const char *socket, const char *const arguments[], int count);

/* The whole regular file at PATH, which the caller frees; a NUL follows it. Never blocks on a pipe.
 * NULL with a reason in WHY. */
char *import_read(const char *path, size_t most, size_t *size_r, char *why, size_t room);

/* NAME as seen from DIRECTORY, as an absolute path; false when it is too long. */
bool import_path(const char *directory, const char *name, char *path_r, size_t size);

/* ---- shackctl_import_dgid.c ---- */
/* Loads dgid.json at PATH into the daemon. A sentence in TEXT: what was loaded, or why not. Returns
 * the exit code. */
int import_dgid(const char *socket, const char *path, char *text, size_t size);

#endif
