/* SPDX-License-Identifier: ISC
 *
 * NAME      find - which command is it?
 * PURPOSE   See command.h.
 * OWNER     dxc workers
 * CONTRACT  pure; whatever the line holds
 * LIMITS    words of WORD_MAX letters; longer ones are no command
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "workers/dxc/command.h"

#define WORD_MAX 16

const struct command command_table[] = {
#define COMMAND(verb, sub, function, flags, usage, summary, text)                                  \
	{verb, sub, command_##function, flags, usage, summary, text},
#include "workers/dxc/commands.def"
#undef COMMAND
};
const size_t commands = sizeof(command_table) / sizeof(command_table[0]);

/* What users of other clusters type, and what no abbreviation would find. An empty VERB: of another
 * cluster, and not a command of ours, whatever it may look like. */
static const struct {
	const char *typed, *typed_sub, *verb, *sub;
} aliases[] = {
	{"?", "", "HELP", ""},
	{"A", "", "", ""},
	{"B", "", "BYE", ""},
	{"D", "", "DX", ""},
	{"EX", "", "BYE", ""},
	{"EXIT", "", "BYE", ""},
	{"H", "", "HELP", ""},
	{"L", "", "", ""},
	{"LL", "", "", ""},
	{"LM", "", "", ""},
	{"Q", "", "BYE", ""},
	{"QUIT", "", "BYE", ""},
	{"R", "", "", ""},
	{"S", "", "", ""},
	{"SB", "", "", ""},
	{"SP", "", "", ""},
	{"T", "", "", ""},
	{"TA", "", "", ""},
	{"W", "", "WHO", ""},
	{"SET", "OWN", "SET", "SELF"},
	{"SHOW", "D", "SHOW", "DX"},
	{"SHOW", "MY", "SHOW", "MYDX"},
	{"SHOW", "U", "SHOW", "USERS"},
	{"SHOW", "US", "SHOW", "USERS"},
	{"UNSET", "OWN", "UNSET", "SELF"},
};

/* The letters of a word up to a blank or a slash, in upper case; "" when it is too long. Returns what
 * follows. */
static const char *word_of(const char *text, char word[WORD_MAX + 1])
{
	size_t length = strcspn(text, " /");

	for (size_t i = 0; i < length && i < WORD_MAX; i++)
		word[i] = (char)toupper((unsigned char)text[i]);
	word[length <= WORD_MAX ? length : 0] = '\0';
	return text + length;
}

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " ");
}

static bool begins(const char *word, const char *typed)
{
	return strncmp(word, typed, strlen(typed)) == 0;
}

static bool is_open(const struct command *command, bool privileged)
{
	return privileged || !(command->flags & COMMAND_SYSOP);
}

/* The first command of which VERB is the verb or the beginning of it. NULL: none. */
static const struct command *find_verb(const char *verb, bool privileged)
{
	const struct command *found = NULL;

	for (size_t i = 0; i < commands && verb[0] != '\0'; i++) {
		const struct command *command = &command_table[i];

		if (!is_open(command, privileged))
			continue;
		if (strcmp(command->verb, verb) == 0)
			return command;
		if (found == NULL && begins(command->verb, verb))
			found = command;
	}
	return found;
}

static const struct command *find_sub(const char *verb, const char *sub, bool privileged)
{
	const struct command *found = NULL;

	for (size_t i = 0; i < commands; i++) {
		const struct command *command = &command_table[i];

		if (strcmp(command->verb, verb) != 0 || !is_open(command, privileged))
			continue;
		if (strcmp(command->sub, sub) == 0)
			return command;
		if (found == NULL && sub[0] != '\0' && begins(command->sub, sub))
			found = command;
	}
	return found;
}

/* True: it is one; FOUND_R NULL: one of another cluster. */
static bool find_alias(const char *verb, const char *sub, bool privileged,
		       const struct command **found_r)
{
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		if (strcmp(aliases[i].typed, verb) != 0 || strcmp(aliases[i].typed_sub, sub) != 0)
			continue;
		*found_r = aliases[i].verb[0] == '\0'
				   ? NULL
				   : find_sub(aliases[i].verb, aliases[i].sub, privileged);
		return true;
	}
	return false;
}

/* SUB of VERB; SET/NOX is UNSET/X. */
static const struct command *find_pair(const char *verb, const char *sub, bool privileged)
{
	const struct command *found;

	if (find_alias(verb, sub, privileged, &found))
		return found;
	found = find_sub(verb, sub, privileged);
	if (found != NULL || strcmp(verb, "SET") != 0 || !begins(sub, "NO") || strlen(sub) <= 2)
		return found;
	return find_pair("UNSET", sub + 2, privileged);
}

static void note_word(struct command_line *line, const char *verb, const char *sub)
{
	size_t length = strlen(verb);

	memcpy(line->word, verb, length);
	if (sub[0] != '\0')
		line->word[length++] = '/';
	memcpy(line->word + length, sub, strlen(sub) + 1);
}

/* A verb that has subs: the next word is one, whatever stands between. */
static void find_with_sub(const char *verb, const char *rest, bool privileged,
			  struct command_line *line)
{
	char sub[WORD_MAX + 1];
	const char *args = word_of(skip_blanks(*rest == '/' ? rest + 1 : rest), sub);

	note_word(line, verb, sub);
	line->bare = sub[0] == '\0';
	line->args = skip_blanks(*args == '/' ? args + 1 : args);
	if (!line->bare)
		line->command = find_pair(verb, sub, privileged);
}

void command_find(const char *text, bool privileged, struct command_line *line_r)
{
	char verb[WORD_MAX + 1];
	const char *rest = word_of(skip_blanks(text), verb);
	const struct command *found = NULL;

	memset(line_r, 0, sizeof(*line_r));
	note_word(line_r, verb, "");
	line_r->args = skip_blanks(*rest == '/' ? rest + 1 : rest);
	if (!find_alias(verb, "", privileged, &found))
		found = find_verb(verb, privileged);
	if (found == NULL)
		return;
	if (found->sub[0] != '\0')
		find_with_sub(found->verb, rest, privileged, line_r);
	else if (*rest != '/' || !(found->flags & COMMAND_NO_SLASH))
		line_r->command = found;
}
