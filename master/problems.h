/* SPDX-License-Identifier: ISC
 *
 * NAME      problems - everything that is wrong with a configuration
 * PURPOSE   Collects findings so that the operator sees all of them at once, not one a start.
 * OWNER     master
 * CONTRACT  bounded: PROBLEMS_MAX are kept, the rest is counted; texts are made printable
 * LIMITS    a text is cut at PROBLEM_TEXT_MAX - 1 bytes
 */
#ifndef SHACKD_MASTER_PROBLEMS_H
#define SHACKD_MASTER_PROBLEMS_H

#include <stddef.h>
#include <stdio.h>

#define PROBLEMS_MAX	 100
#define PROBLEM_TEXT_MAX 512

/* Zero it before use; needs no destroying. About 50 KB: keep it static or on the heap. */
struct problems {
	size_t count; /* all that were found, may exceed PROBLEMS_MAX */
	char text[PROBLEMS_MAX][PROBLEM_TEXT_MAX];
};

/* Adds one finding. Control characters and broken UTF-8 become "?": a file may be hostile, and the
 * text ends on somebody's terminal. */
void problems_add(struct problems *problems, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Writes each finding on a line of its own, then "and N more problems" if some were not kept. */
void problems_print(FILE *out, const struct problems *problems);

#endif
