/* SPDX-License-Identifier: ISC
 *
 * NAME      command - what users type
 * PURPOSE   See command.h. Which one it is: find.c; what they do: the other files.
 * OWNER     dxc workers
 * CONTRACT  see command.h
 * LIMITS    UNKNOWN_BURST unknown commands, one more each UNKNOWN_EACH; then one a second, and
 *           UNKNOWN_END of these in a row end the session
 */
#include "workers/dxc/command.h"
#include "shm/clock.h"

#include <stdio.h>
#include <string.h>

#include "workers/dxc/about.h"
#include "workers/dxc/account.h"
#include "workers/dxc/fan.h"
#include "workers/dxc/login.h"
#include "workers/dxc/prompt.h"
#include "workers/dxc/rate.h"
#include "workers/dxc/say.h"

#define UNKNOWN_EACH  (3 * NS_PER_SEC)
#define UNKNOWN_BURST 20
#define UNKNOWN_PAUSE NS_PER_SEC
#define UNKNOWN_END   10

#define PROMPT_PATIENCE NS_PER_SEC

void command_later(struct client *client)
{
	client->waits = true;
	tcp_later(client->conn);
}

void command_goes_on(struct client *client, enum session_more kind, uint64_t position)
{
	struct session *session = session_of(client);

	session->more = (uint8_t)kind;
	session->position[0] = position;
	tcp_more(client->conn);
}

void command_prompt(struct client *client)
{
	const struct session *session = session_of(client);
	struct prompt prompt = {.call = session->head.call,
				.node = client->dxc->node,
				.away = session->head.flags & SESSION_AWAY,
				.now = clock_real()};
	struct account account = {0};
	char text[PROMPT_MAX];

	if (session->head.stage != SESSION_IN || session->prompt == PROMPT_OFF)
		return;
	if (session->prompt == PROMPT_OWN)
		account_read(client->dxc, session->head.call, &account);
	if (prompt_text(session->prompt, account.record.prompt_text, &prompt, text) > 0)
		say(client, "%s", text);
}

static bool is_privileged(struct client *client)
{
	return session_of(client)->head.flags & SESSION_SYSOP;
}

static void unknown(struct client *client, const char *word)
{
	struct session *session = session_of(client);
	struct page *page = client->dxc->worker->page;
	uint64_t now = client->dxc->now;

	if (!rate_take(&session->bucket[RATE_UNKNOWN], now, UNKNOWN_EACH, UNKNOWN_BURST)) {
		if (clock_age(now, session->head.input) < UNKNOWN_PAUSE) {
			command_later(client);
			return;
		}
		session->unknown++;
	}
	page_count(page, COUNT_DXC_UNKNOWN);
	if (session->unknown >= UNKNOWN_END) {
		page_count(page, COUNT_DXC_UNKNOWN_ENDED);
		say(client, "Too many unknown commands");
		session->head.flags |= SESSION_ABUSED;
		login_close(client);
		return;
	}
	say(client, "Unknown command: %s\nType HELP for available commands.", word);
}

/* The subs of VERB, eight to a line. */
static void list_subs(struct client *client, const char *verb)
{
	char line[160] = "";
	size_t length = 0;
	unsigned count = 0;

	say(client, "%s needs one of:", verb);
	for (size_t i = 0; i < commands; i++) {
		const struct command *command = &command_table[i];

		if (strcmp(command->verb, verb) != 0)
			continue;
		length += (size_t)snprintf(line + length, sizeof(line) - length, "%s%s",
					   length > 0 ? " " : "", command->sub);
		if (++count % 8 == 0) {
			say(client, "%s", line);
			length = 0;
		}
	}
	if (length > 0)
		say(client, "%s", line);
}

void command_run(struct client *client, const char *text)
{
	struct session *session = session_of(client);
	struct command_line line;

	if (text[strspn(text, " ")] == '\0') {
		command_prompt(client);
		return;
	}
	command_find(text, is_privileged(client), &line);
	if (line.command != NULL) {
		session->unknown = 0;
		page_count(client->dxc->worker->page, COUNT_DXC_COMMANDS);
		line.command->run(client, line.args);
	} else if (line.bare) {
		list_subs(client, line.word);
	} else {
		unknown(client, line.word);
	}
	if (!client->waits && session->more == MORE_NONE && session->due == 0)
		command_prompt(client);
}

void command_prompt_later(struct client *client)
{
	struct session *session = session_of(client);

	if (session->prompt == PROMPT_OFF)
		return;
	session->due = client->dxc->now + PROMPT_PATIENCE;
	session->position[1] = session->head.delivered;
}

void command_tick(struct client *client)
{
	const struct session *session = session_of(client);

	if (session->due == 0 ||
	    (session->head.delivered == session->position[1] && client->dxc->now < session->due))
		return;
	if (!tcp_begin(client->conn))
		return;
	session_of(client)->due = 0;
	command_prompt(client);
	tcp_end(client->conn);
}

static bool go_on(struct client *client)
{
	switch ((enum session_more)session_of(client)->more) {
	case MORE_SHDX:
		return shdx_more(client);
	case MORE_HELP:
		return help_more(client);
	case MORE_USERS:
		return people_more_users(client);
	case MORE_WHO:
		return people_more_who(client);
	case MORE_GREETING:
		return login_more(client);
	default:
		return false;
	}
}

bool command_more(struct client *client)
{
	struct session *session = session_of(client);

	if (session->more == MORE_PROMPT || session->more == MORE_NONE) {
		session->more = MORE_NONE;
		command_prompt(client);
		return false;
	}
	if (!go_on(client))
		session->more = MORE_PROMPT; /* there may be no room for it in this step */
	return true;
}

/* ---- the simplest ---- */

void command_blank(struct client *client, const char *args)
{
	(void)args;
	say(client, "%s", "");
}

void command_echo(struct client *client, const char *args)
{
	say(client, "%s", args);
}

void command_bye(struct client *client, const char *args)
{
	struct session *session = session_of(client);
	const struct about about = {
		.node = client->dxc->node, .call = session->head.call, .now = clock_real()};
	char text[ABOUT_MAX];

	(void)args;
	if (about_fill(conf_text(client->dxc->worker->conf, CONF_DXC_FAREWELL), &about, text) > 0)
		say(client, "%s", text);
	session->head.flags |= SESSION_SAID_BYE;
	login_close(client);
}

/* ---- filters ---- */

static void change_filter(struct client *client, const char *args,
			  bool (*change)(struct filter *, const char *, char *))
{
	union account_filter room;
	struct filter *filter = account_filter_of(&room);
	char reply[FILTER_REPLY] = "";

	if (account_failed(client,
			   account_filter(client->dxc, session_of(client)->head.call, filter)))
		return;
	if (change(filter, args, reply)) {
		if (!account_keep_filter(client, filter))
			return;
		account_want(client);
	}
	say(client, "%s", reply);
}

void command_pass(struct client *client, const char *args)
{
	change_filter(client, args, filter_pass_words);
}

void command_reject(struct client *client, const char *args)
{
	change_filter(client, args, filter_reject_words);
}

void command_reset_filter(struct client *client, const char *args)
{
	const struct conf *conf = client->dxc->worker->conf;
	union account_filter room;

	(void)args;
	filter_default(account_filter_of(&room), conf_text(conf, CONF_DXC_DEFAULT_SOURCES),
		       conf_text(conf, CONF_DXC_DEFAULT_MODES));
	if (!account_keep_filter(client, account_filter_of(&room)))
		return;
	account_want(client);
	say(client, "Your filter is that of new users");
}

void command_show_filter(struct client *client, const char *args)
{
	union account_filter room;
	char reply[SAY_MAX] = "";

	if (account_failed(client, account_filter(client->dxc, session_of(client)->head.call,
						  account_filter_of(&room))))
		return;
	filter_show(account_filter_of(&room), args, reply, sizeof(reply));
	say(client, "%s", reply);
}

void command_set_filter(struct client *client, const char *args)
{
	(void)args;
	say(client, "Filters are set with PASS and REJECT, as PASS BAND 20m: see HELP PASS");
}

void command_unset_filter(struct client *client, const char *args)
{
	(void)args;
	say(client, "REJECT ALL clears your filter, PASS opens it: see HELP PASS");
}

/* ---- past spots ---- */

static void show_dx_with(struct client *client, const char *word, const char *args)
{
	char query[TELNET_LINE + 16];

	snprintf(query, sizeof(query), "%s %s", word, args);
	shdx_start(client, query);
}

void command_show_dx(struct client *client, const char *args)
{
	shdx_start(client, args);
}

void command_show_mydx(struct client *client, const char *args)
{
	show_dx_with(client, "filter 50", args); /* unless args say how many */
}

void command_show_fdx(struct client *client, const char *args)
{
	show_dx_with(client, "real", args);
}

void command_show_dxcc(struct client *client, const char *args)
{
	if (args[0] == '\0')
		say(client, "Usage: SHOW/DXCC prefix, as SHOW/DXCC 3B8");
	else
		show_dx_with(client, "dxcc", args);
}
