/* SPDX-License-Identifier: ISC
 *
 * NAME      command - what users type
 * PURPOSE   From a line to the function behind it: VERB/SUB ARGUMENTS or VERB SUB ARGUMENTS, each
 *           word abbreviated as far as one likes; and the table of all commands.
 * OWNER     dxc workers
 * CONTRACT  command_find is pure. The table (commands.def) is also HELP and shackd-dxcluster(7).
 * LIMITS    the rates in command.c
 */
#ifndef SHACKD_WORKERS_DXC_COMMAND_H
#define SHACKD_WORKERS_DXC_COMMAND_H

#include "workers/dxc/dxc.h"

enum command_flag {
	COMMAND_SYSOP = 1,    /* of privileged sessions only */
	COMMAND_NO_SLASH = 2, /* VERB/WORD is not VERB WORD: another cluster's command */
};

/* ARGS: what follows the command's words, trimmed. */
typedef void command_function(struct client *client, const char *args);

struct command {
	const char *verb; /* "SHOW" */
	const char *sub;  /* "DX", or "" */
	command_function *run;
	unsigned flags;
	const char *usage;   /* of the arguments: "[count] [what]" */
	const char *summary; /* one line */
	const char *text;    /* more, for HELP COMMAND and the manual */
};

/* In alphabetical order of verb and sub. */
extern const struct command command_table[];
extern const size_t commands;

struct command_line {
	const struct command *command; /* NULL: unknown */
	bool bare;		       /* a verb that wants a sub, which is not there */
	char word[40];		       /* as typed, upper case: "SET/FOO" */
	const char *args;	       /* inside the line */
};

/* PRIVILEGED: commands of sysops count too. */
void command_find(const char *line, bool privileged, struct command_line *line_r);

/* A step: LINE of a session that is logged in; puts the prompt behind what it says. */
void command_run(struct client *client, const char *line);

/* Goes on with output; true while there is more. */
bool command_more(struct client *client);

/* The line that is acted upon has to come again; what was said is forgotten. */
void command_later(struct client *client);

/* The prompt, if the session has one. */
void command_prompt(struct client *client);

/* The same, but behind the spot that the line makes: DXSpider's users see it first. */
void command_prompt_later(struct client *client);
/* Outside of steps: puts such a prompt out. */
void command_tick(struct client *client);

/* More than one step of output: KIND goes on from position POSITION. */
void command_goes_on(struct client *client, enum session_more kind, uint64_t position);

/* ---- functions of the table, by file ---- */

#define COMMAND(verb, sub, function, flags, usage, summary, text)                                  \
	void command_##function(struct client *client, const char *args);
#include "workers/dxc/commands.def"
#undef COMMAND

/* help.c, people.c: outputs that go on. */
bool help_more(struct client *client);
bool people_more_users(struct client *client);
bool people_more_who(struct client *client);

#endif
