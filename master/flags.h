/* SPDX-License-Identifier: ISC
 *
 * NAME      flags - the command line of shackd
 * PURPOSE   One table behind the parser, --help and the FLAGS part of shackd(8).
 * OWNER     master; also the build-time program mkdoc
 * CONTRACT  parses only, does nothing of what a flag asks for
 * LIMITS    none known
 */
#ifndef SHACKD_MASTER_FLAGS_H
#define SHACKD_MASTER_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define FLAGS_ERROR_MAX 200

/* Texts point into argv. */
struct flags {
	const char *config;  /* -c, NULL when not given */
	const char *pidfile; /* -p, NULL when not given */
	const char **set;    /* -o, in order; the caller's (flags_destroy) */
	size_t sets;
	bool foreground;   /* -f */
	bool test;	   /* -t, also set by -T */
	bool dump;	   /* -T */
	bool version;	   /* -V */
	bool version_line; /* -v */
	bool help;	   /* -h */
};

/* Returns 0, or -1 with a sentence in ERROR (the caller adds usage and exits 1). FLAGS_R needs
 * flags_destroy in both cases. ARGV keeps its order. */
int flags_parse(int argc, char **argv, struct flags *flags_r, char error[FLAGS_ERROR_MAX]);
void flags_destroy(struct flags *flags);

/* The text of --help. */
void flags_usage(FILE *out);

/* The flags as an mdoc(7) list, for shackd(8). */
void flags_manual(FILE *out);

#endif
