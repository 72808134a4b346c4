/* SPDX-License-Identifier: ISC
 *
 * NAME      prompt - the line that says "your turn"
 * PURPOSE   See prompt.h.
 * OWNER     dxc workers
 * CONTRACT  see prompt.h
 * LIMITS    see prompt.h
 */
#include "workers/dxc/prompt.h"

#include <stdio.h>
#include <string.h>

#include "workers/dxc/say.h"

static const struct {
	const char *name, *text;
} kinds[PROMPT_OWN] = {
	[PROMPT_OFF] = {"off", ""},
	[PROMPT_SPIDER] = {"spider", "%C de %M %D %T dxspider >"},
	[PROMPT_CC] = {"cc", "%C de %M %D %T   CCC >"},
	[PROMPT_AR] = {"ar", "%C de %M %D %T   arc >"},
};

unsigned prompt_parse(const char *name)
{
	for (unsigned kind = 0; kind < PROMPT_OWN; kind++)
		if (strcmp(kinds[kind].name, name) == 0)
			return kind;
	return PROMPTS;
}

/* What CODE stands for; NULL: nothing. */
static const char *meaning(char code, const struct prompt *prompt, char text[32])
{
	switch (code) {
	case 'C':
		snprintf(text, 32, prompt->away ? "(%s)" : "%s", prompt->call);
		return text;
	case 'M':
		return prompt->node;
	case 'D':
		say_date(prompt->now, text);
		return text;
	case 'T':
		say_minute(prompt->now, text);
		return text;
	case 'B':
		return "\a";
	case '%':
		return "%";
	default:
		return NULL;
	}
}

size_t prompt_text(unsigned kind, const char *own, const struct prompt *prompt,
		   char text_r[PROMPT_MAX])
{
	const char *at = kind == PROMPT_OWN ? own : kind < PROMPT_OWN ? kinds[kind].text : "";
	char text[32];
	size_t length = 0;

	for (; *at != '\0' && length < PROMPT_MAX - 32; at++) {
		const char *word = *at == '%' ? meaning(at[1], prompt, text) : NULL;

		if (word == NULL) {
			text_r[length++] = *at;
			continue;
		}
		length += (size_t)snprintf(text_r + length, 32, "%s", word);
		at++;
	}
	text_r[length] = '\0';
	return length;
}
