/* SPDX-License-Identifier: ISC
 *
 * NAME      settings - SET and UNSET
 * PURPOSE   What users choose for themselves, for this session and all later ones.
 * OWNER     dxc workers
 * CONTRACT  the store first: what could not be kept does not count in the session either
 * LIMITS    USER_TEXT_MAX bytes a text
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "workers/dxc/account.h"
#include "workers/dxc/command.h"
#include "workers/dxc/prompt.h"
#include "workers/dxc/say.h"
#include "workers/dxc/secret.h"

/* ---- texts ---- */

struct text_change {
	size_t offset, size; /* in the record */
	char text[USER_TEXT_SIZE];
};

static void put_text(struct user_record *record, const void *arg)
{
	const struct text_change *change = arg;
	char *field = (char *)record + change->offset;

	memset(field, 0, change->size);
	memcpy(field, change->text, strnlen(change->text, change->size - 1));
}

#define FIELD(name) offsetof(struct user_record, name), sizeof(((struct user_record *)0)->name)

/* Says REPLY ("Your name is now '%s'") of what was kept. */
static void change_text(struct client *client, const char *text, size_t offset, size_t size,
			const char *reply)
{
	struct text_change change = {.offset = offset, .size = size};

	say_clean(change.text, size < sizeof(change.text) ? size : sizeof(change.text), text);
	if (account_change(client, put_text, &change))
		say(client, reply, change.text);
}

void command_set_name(struct client *client, const char *args)
{
	if (args[0] == '\0')
		say(client, "What is your name? Usage: SET/NAME Joe");
	else
		change_text(client, args, FIELD(name), "Your name is now '%s'");
}

void command_set_qth(struct client *client, const char *args)
{
	if (args[0] == '\0')
		say(client, "Where are you? Usage: SET/QTH East Dereham, Norfolk");
	else
		change_text(client, args, FIELD(qth), "Your QTH is now '%s'");
}

void command_set_email(struct client *client, const char *args)
{
	if (args[0] == '\0' || strchr(args, '@') == NULL || strchr(args, ' ') != NULL)
		say(client, "Usage: SET/EMAIL joe@example.org");
	else
		change_text(client, args, FIELD(email), "Your e-mail address is now '%s'");
}

void command_set_qra(struct client *client, const char *args)
{
	char locator[USER_QRA_SIZE] = "";
	size_t length = strlen(args);

	if (!call_is_grid(args, length) || length >= sizeof(locator)) {
		say(client, "Where are you, as a locator? Usage: SET/QRA JO02LQ");
		return;
	}
	for (size_t i = 0; i < length; i++)
		locator[i] =
			(char)(args[i] >= 'a' && args[i] <= 'z' ? args[i] - 'a' + 'A' : args[i]);
	change_text(client, locator, FIELD(qra), "Your QRA Locator is now '%s'");
}

void command_set_homenode(struct client *client, const char *args)
{
	char call[CALL_TEXT_SIZE];

	if (!call_normalise(args, strlen(args), call) || !call_amateur(call))
		say(client, "Which node? Usage: SET/HOMENODE GB7DJK");
	else
		change_text(client, call, FIELD(home), "Your home node is now '%s'");
}

/* ---- switches ---- */

struct switch_change {
	uint32_t flag;
	bool on;
};

static void put_switch(struct user_record *record, const void *arg)
{
	const struct switch_change *change = arg;

	record->switches_set |= change->flag;
	record->switches &= ~change->flag;
	if (change->on)
		record->switches |= change->flag;
}

static void change_switch(struct client *client, uint32_t flag, bool on, const char *what)
{
	const struct switch_change change = {.flag = flag, .on = on};
	struct session *session = session_of(client);

	if (!account_change(client, put_switch, &change))
		return;
	session->head.flags &= ~flag;
	if (on)
		session->head.flags |= flag;
	account_want(client);
	say(client, "%s %s", what, session->head.call);
}

void command_set_dx(struct client *client, const char *args)
{
	(void)args;
	change_switch(client, SESSION_DX_OFF, false, "DX Spots enabled for");
}

void command_unset_dx(struct client *client, const char *args)
{
	(void)args;
	change_switch(client, SESSION_DX_OFF, true, "DX Spots disabled for");
}

void command_set_beep(struct client *client, const char *args)
{
	(void)args;
	change_switch(client, SESSION_BEEP, true, "Beeps enabled for");
}

void command_unset_beep(struct client *client, const char *args)
{
	(void)args;
	change_switch(client, SESSION_BEEP, false, "Beeps disabled for");
}

void command_set_here(struct client *client, const char *args)
{
	(void)args;
	change_switch(client, SESSION_AWAY, false, "Here set on");
}

void command_unset_here(struct client *client, const char *args)
{
	(void)args;
	change_switch(client, SESSION_AWAY, true, "Here unset on");
}

void command_set_self(struct client *client, const char *args)
{
	(void)args;
	change_switch(client, SESSION_SELF, true, "Spots of yourself always shown to");
}

void command_unset_self(struct client *client, const char *args)
{
	(void)args;
	change_switch(client, SESSION_SELF, false, "Spots of yourself filtered for");
}

/* ---- how things look ---- */

static void put_format(struct user_record *record, const void *arg)
{
	record->format = *(const uint8_t *)arg;
}

void command_set_format(struct client *client, const char *args)
{
	struct session *session = session_of(client);
	unsigned format = format_parse(args, strlen(args));
	uint8_t chosen = (uint8_t)format;

	if (format >= FORMATS) {
		say(client, "Format is %s. Usage: SET/FORMAT SPIDER, WIDE78, RBN or JSON",
		    format_name(session->head.format));
		return;
	}
	if (!account_change(client, put_format, &chosen))
		return;
	session->head.format = chosen;
	account_want(client);
	say(client, "Format is now %s", format_name(format));
}

static void put_width(struct user_record *record, const void *arg)
{
	record->width = *(const uint16_t *)arg;
}

void command_set_width(struct client *client, const char *args)
{
	char *end;
	unsigned long columns = strtoul(args, &end, 10);
	uint16_t width = (uint16_t)columns;

	if (args[0] < '0' || args[0] > '9' || *end != '\0' || columns < 80 || columns > 132) {
		say(client, "Usage: SET/WIDTH columns, 80 to 132");
		return;
	}
	if (!account_change(client, put_width, &width))
		return;
	session_of(client)->width = width;
	say(client, "Width is now %u", width);
}

struct prompt_change {
	uint8_t kind;
	char text[USER_TEXT_SIZE];
};

static void put_prompt(struct user_record *record, const void *arg)
{
	const struct prompt_change *change = arg;

	record->prompt = change->kind;
	memcpy(record->prompt_text, change->text, sizeof(record->prompt_text));
}

static void change_prompt(struct client *client, const struct prompt_change *change,
			  const char *reply)
{
	if (!account_change(client, put_prompt, change))
		return;
	session_of(client)->prompt = change->kind;
	say(client, "%s", reply);
}

void command_set_prompt(struct client *client, const char *args)
{
	struct prompt_change change = {.kind = PROMPT_OWN};
	char word[8] = "";

	for (size_t i = 0; i + 1 < sizeof(word) && args[i] != '\0'; i++)
		word[i] = (char)(args[i] >= 'A' && args[i] <= 'Z' ? args[i] - 'A' + 'a' : args[i]);
	if (args[0] == '\0') {
		say(client, "Usage: SET/PROMPT SPIDER, CC, AR, OFF, or a text as %%C de %%M >");
		return;
	}
	if (strlen(args) < sizeof(word) && prompt_parse(word) < PROMPTS)
		change.kind = (uint8_t)prompt_parse(word);
	else
		say_clean(change.text, sizeof(change.text), args);
	change_prompt(client, &change, "Prompt is set");
}

void command_unset_prompt(struct client *client, const char *args)
{
	const struct prompt_change change = {.kind = PROMPT_OFF};

	(void)args;
	change_prompt(client, &change, "Prompt is off");
}

/* ---- passwords ---- */

static void put_hash(struct user_record *record, const void *arg)
{
	memcpy(record->hash, arg, sizeof(record->hash));
}

/* Who comes first must not become an operator, nor lock one out. */
static bool may_set_password(struct client *client)
{
	const struct session *session = session_of(client);

	if ((session->head.flags & SESSION_PROVEN) ||
	    !secret_is_sysop(client->dxc, session->head.call))
		return true;
	say(client, "The password of an operator's call is set on the node: shackctl passwd");
	return false;
}

void command_set_password(struct client *client, const char *args)
{
	char hash[USER_HASH_SIZE] = "";

	if (args[0] == '\0' || strchr(args, ' ') != NULL || strlen(args) > SECRET_MAX) {
		say(client, "Usage: SET/PASSWORD password, up to %u letters without a blank",
		    SECRET_MAX);
		return;
	}
	if (!may_set_password(client))
		return;
	switch (secret_hash(client, args, hash)) {
	case SECRET_WAITS:
		return;
	case SECRET_YES:
		if (account_change(client, put_hash, hash)) {
			session_of(client)->head.flags |= SESSION_PROVEN;
			say(client, "Your password is set, you will be asked for it");
		}
		return;
	default:
		say(client, "Passwords can't be set now, please try again later");
	}
}

void command_unset_password(struct client *client, const char *args)
{
	static const char none[USER_HASH_SIZE];

	(void)args;
	if (may_set_password(client) && account_change(client, put_hash, none))
		say(client, "Your password is forgotten");
}
