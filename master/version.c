/* SPDX-License-Identifier: ISC
 *
 * NAME      version - which build this is
 * PURPOSE   The only file that knows the generated header, so that a new commit rebuilds this
 *           alone.
 * OWNER     master
 * CONTRACT  see master/version.h
 * LIMITS    see master/version.h
 */
#include "master/version.h"

#include <ev.h>
#include <jansson.h>
#include <seccomp.h>
#include <sodium/version.h>
#include <version.h>

/* The Makefile knows SAN=; gcc tells only of the address sanitizer. */
#ifndef SHACKD_SANITIZERS
#ifdef __SANITIZE_ADDRESS__
#define SHACKD_SANITIZERS "address"
#else
#define SHACKD_SANITIZERS ""
#endif
#endif

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

#define TEXT_(x) #x
#define TEXT(x)	 TEXT_(x)

#define VERSION2(a, b)	  TEXT(a) "." TEXT(b)
#define VERSION3(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

/* A build to upgrade to in tests; it is the same but for what it calls itself. */
#ifdef SHACKD_NEXT
#define VERSION_MARK "+next"
#else
#define VERSION_MARK ""
#endif

static const char sanitizers[] = SHACKD_SANITIZERS;

const char *version_text(void)
{
	return SHACKD_VERSION VERSION_MARK;
}

const char *version_date(void)
{
	return SHACKD_DATE;
}

const char *version_build(void)
{
	return "compiler: " COMPILER "\n"
	       "libraries: libev " VERSION2(
		       EV_VERSION_MAJOR,
		       EV_VERSION_MINOR) ", libsodium " SODIUM_VERSION_STRING
					 ", libseccomp " VERSION3(
						 SCMP_VER_MAJOR, SCMP_VER_MINOR,
						 SCMP_VER_MICRO) ", jansson " JANSSON_VERSION
								 ", inih";
}

void version_print(FILE *out)
{
	fprintf(out, "shackd %s (%s)\n%s\nsanitizers: %s\n", version_text(), version_date(),
		version_build(), sanitizers[0] != '\0' ? sanitizers : "none");
}

void version_print_line(FILE *out)
{
	fprintf(out, "YSFReflector version %s\n", version_date());
}
