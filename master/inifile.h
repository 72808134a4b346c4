/* SPDX-License-Identifier: ISC
 *
 * NAME      inifile - reads an ini file and says where everything stood
 * PURPOSE   Feeds inih with checked lines, so that nothing is cut, joined or skipped silently, and
 *           finds every fault of form in one pass.
 * OWNER     master
 * CONTRACT  reads regular files and character devices only and never blocks on a pipe; calls back
 *           for well-formed `key = value` lines of known sections
 * LIMITS    lines of INIFILE_LINE_MAX bytes, files of INIFILE_SIZE_MAX bytes
 */
#ifndef SHACKD_MASTER_INIFILE_H
#define SHACKD_MASTER_INIFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "master/problems.h"

/* inih's line buffer is 200 bytes: this many, line feed and NUL. */
#define INIFILE_LINE_MAX 198
#define INIFILE_SIZE_MAX (1024 * 1024)

/* Who is told. The texts live as long as the call; SECTION is as it stands in the file. */
struct inifile_sink {
	void *context;
	/* One `key = value`. */
	void (*pair)(void *context, int line, const char *section, const char *key,
		     const char *value);
	/* A section begins; may be NULL. */
	void (*section)(void *context, int line, const char *section);
	bool lenient; /* sections that are not known are no finding, and left out */
};

/* The whole file at PATH in a buffer that the caller frees; NAME is what findings call it. Returns
 * 0, or -1 with a finding added to PROBLEMS. */
int inifile_load(const char *path, const char *name, char **data_r, size_t *size_r,
		 struct problems *problems);

/* Parses SIZE bytes of DATA; NAME is what findings call the file. */
void inifile_parse(const char *name, const char *data, size_t size, const struct inifile_sink *sink,
		   struct problems *problems);

#endif
