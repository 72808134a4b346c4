/* SPDX-License-Identifier: ISC
 *
 * NAME      help - what there is to type
 * PURPOSE   The list of commands, and the page of one, from the table.
 * OWNER     dxc workers
 * CONTRACT  operators' commands are shown to operators
 * LIMITS    HELP_ROWS rows a step
 */
#include <stdio.h>
#include <string.h>

#include "workers/dxc/command.h"
#include "workers/dxc/say.h"

#define HELP_ROWS  20
#define HELP_WIDTH 78

static bool is_shown(struct client *client, const struct command *command)
{
	return !(command->flags & COMMAND_SYSOP) ||
	       (session_of(client)->head.flags & SESSION_SYSOP) != 0;
}

static const char *name_of(const struct command *command, char name[40])
{
	snprintf(name, 40, "%s%s%s", command->verb, command->sub[0] != '\0' ? "/" : "",
		 command->sub);
	return name;
}

/* TEXT in lines that fit a screen. */
static void say_wrapped(struct client *client, const char *text)
{
	while (*text != '\0') {
		size_t length = strlen(text);

		if (length > HELP_WIDTH) {
			for (length = HELP_WIDTH; length > 1 && text[length] != ' ';)
				length--;
		}
		say(client, "%.*s", (int)length, text);
		text += length;
		text += strspn(text, " ");
	}
}

static void say_command(struct client *client, const struct command *command)
{
	char name[40];

	say(client, "%s%s%s", name_of(command, name), command->usage[0] != '\0' ? " " : "",
	    command->usage);
	say_wrapped(client, command->text);
}

void command_help(struct client *client, const char *args)
{
	struct command_line line;

	if (args[0] == '\0') {
		say(client, "Commands; words may be abbreviated. HELP COMMAND tells more.");
		command_goes_on(client, MORE_HELP, 0);
		return;
	}
	command_find(args, session_of(client)->head.flags & SESSION_SYSOP, &line);
	if (line.command != NULL) {
		say_command(client, line.command);
		return;
	}
	if (!line.bare) {
		say(client, "No help for %s", args);
		return;
	}
	for (size_t i = 0; i < commands; i++)
		if (strcmp(command_table[i].verb, line.word) == 0)
			say(client, "%s/%-12s %s", line.word, command_table[i].sub,
			    command_table[i].summary);
}

bool help_more(struct client *client)
{
	struct session *session = session_of(client);
	uint64_t at = session->position[0];
	char name[40];

	for (unsigned rows = 0; rows < HELP_ROWS && at < commands; at++) {
		const struct command *command = &command_table[at];

		if (!is_shown(client, command))
			continue;
		say(client, "%-16s %s", name_of(command, name), command->summary);
		rows++;
	}
	session->position[0] = at;
	return at < commands;
}
