/* SPDX-License-Identifier: ISC
 *
 * NAME      prompt - what the other side asks for
 * PURPOSE   See prompt.h.
 * OWNER     feed
 * CONTRACT  see prompt.h
 * LIMITS    see prompt.h
 */
#include "workers/feed/prompt.h"

#include <ctype.h>
#include <string.h>

#define IAC 0xff
#define ESC 0x1b

static const struct {
	const char *end;
	enum prompt prompt;
} prompts[] = {
	{"password:", PROMPT_PASSWORD}, {"call:", PROMPT_CALL},	    {"login:", PROMPT_CALL},
	{"callsign:", PROMPT_CALL},	{"your call", PROMPT_CALL},
};

/* Bytes of the command or sequence at TEXT; 1: it is none. */
static size_t command_length(const unsigned char *text, size_t length)
{
	size_t i = 2;

	if (text[0] == IAC)
		return length > 1 && text[1] >= 0xfb && text[1] != IAC ? 3 : 2;
	if (text[0] != ESC || length < 2 || text[1] != '[')
		return 1;
	while (i < length && !isalpha(text[i]))
		i++;
	return i + 1;
}

enum prompt prompt_find(const char *text, size_t length)
{
	const unsigned char *bytes = (const unsigned char *)text;
	char tail[2 * PROMPT_TAIL + 1];
	size_t used = 0;

	for (size_t i = 0; i < length; i += command_length(bytes + i, length - i)) {
		if (bytes[i] < 0x20 || bytes[i] > 0x7e)
			continue;
		if (used == sizeof(tail) - 1) {
			memmove(tail, tail + PROMPT_TAIL, PROMPT_TAIL);
			used = PROMPT_TAIL;
		}
		tail[used++] = (char)tolower(bytes[i]);
	}
	while (used > 0 && tail[used - 1] == ' ')
		used--;
	for (size_t i = 0; i < sizeof(prompts) / sizeof(prompts[0]); i++) {
		size_t end = strlen(prompts[i].end);

		if (used >= end && memcmp(tail + used - end, prompts[i].end, end) == 0)
			return prompts[i].prompt;
	}
	return PROMPT_NONE;
}
