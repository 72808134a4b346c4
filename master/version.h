/* SPDX-License-Identifier: ISC
 *
 * NAME      version - which build this is
 * PURPOSE   The texts of -V and -v, and the version for status replies.
 * OWNER     master
 * CONTRACT  constant texts
 * LIMITS    libraries are named by the headers that this was built with; the generated header is
 *           <version.h> with angle brackets, this one "master/version.h"
 */
#ifndef SHACKD_MASTER_VERSION_H
#define SHACKD_MASTER_VERSION_H

#include <stdio.h>

/* "0.2.0" */
const char *version_text(void);

/* "20260101": the date of the last commit, eight digits. */
const char *version_date(void);

/* Compiler and libraries, one line each, the last without a line feed. */
const char *version_build(void);

/* What -V prints: "shackd 0.2.0 (20260101)", then version_build and the sanitizers. */
void version_print(FILE *out);

/* What -v prints, the one line that YSF dashboards ask for: "YSFReflector version 20260101". */
void version_print_line(FILE *out);

#endif
