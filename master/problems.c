/* SPDX-License-Identifier: ISC
 *
 * NAME      problems - everything that is wrong with a configuration
 * PURPOSE   Collects findings so that the operator sees all of them at once, not one a start.
 * OWNER     master
 * CONTRACT  see master/problems.h
 * LIMITS    see master/problems.h
 */
#include "master/problems.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "shm/text.h"

/* Length of the sequence that LEAD promises. */
static size_t sequence_length(unsigned char lead)
{
	if (lead < 0xc0)
		return 1;
	return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

static void make_printable(char *text)
{
	unsigned char *at = (unsigned char *)text;

	while (*at != '\0') {
		size_t len = sequence_length(*at);

		if (len > strlen((char *)at) || !text_is_utf8((char *)at, len))
			len = 1;
		/* C0, DEL and stray bytes, and the C1 controls, which UTF-8 writes as C2 80..9F. */
		if (len == 1 && (*at < ' ' || *at >= 0x7f))
			*at = '?';
		if (len == 2 && at[0] == 0xc2 && at[1] < 0xa0)
			at[0] = at[1] = '?';
		at += len;
	}
}

void problems_add(struct problems *problems, const char *format, ...)
{
	va_list args;
	char *text;

	if (problems->count++ >= PROBLEMS_MAX)
		return;
	text = problems->text[problems->count - 1];
	va_start(args, format);
	vsnprintf(text, PROBLEM_TEXT_MAX, format, args);
	va_end(args);
	make_printable(text);
}

void problems_print(FILE *out, const struct problems *problems)
{
	size_t kept = problems->count < PROBLEMS_MAX ? problems->count : PROBLEMS_MAX;
	size_t more = problems->count - kept;

	for (size_t i = 0; i < kept; i++)
		fprintf(out, "%s\n", problems->text[i]);
	if (more > 0)
		fprintf(out, "and %zu more problem%s\n", more, more == 1 ? "" : "s");
}
