/* SPDX-License-Identifier: ISC
 *
 * NAME      greeting - what a node says at the login
 * PURPOSE   See greeting.h.
 * OWNER     dxc workers
 * CONTRACT  see greeting.h
 * LIMITS    MOTD_STEP bytes of the message of the day a step
 */
#include "workers/dxc/greeting.h"
#include "shm/clock.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "shm/store/sessions.h"
#include "workers/dxc/about.h"
#include "workers/dxc/command.h"
#include "workers/dxc/login.h"
#include "workers/dxc/say.h"

#define MOTD_STEP 700

static uint64_t count_users(struct dxc *dxc)
{
	struct store_txn txn;
	uint64_t users;

	store_read(dxc->worker->spots, &txn);
	users = sessions_count(&txn);
	store_end(&txn);
	return users;
}

/* The text of KEY, filled in. Returns its length. */
static size_t fill(struct client *client, enum conf_key key, uint64_t users, char text_r[ABOUT_MAX])
{
	const struct about about = {.node = client->dxc->node,
				    .call = session_of(client)->head.call,
				    .now = clock_real(),
				    .users = users};

	return about_fill(conf_text(client->dxc->worker->conf, key), &about, text_r);
}

void greeting_ask(struct client *client)
{
	char text[ABOUT_MAX];
	size_t length = fill(client, CONF_DXC_LOGIN_PROMPT, 0, text);

	say_open(client, text);
	if (length > 0 && text[length - 1] != '\n')
		say_open(client, " ");
}

void greeting_welcome(struct client *client)
{
	char text[ABOUT_MAX];
	size_t length = fill(client, CONF_DXC_WELCOME, count_users(client->dxc), text);

	say_open(client, text);
	if (length > 0 && text[length - 1] != '\n')
		say_open(client, "\n");
	greeting_ask(client);
}

/* ---- after the login ---- */

static bool any_forwards(const struct conf *conf)
{
	for (size_t i = 0; i < conf_group_count(conf, CONF_GROUP_FEED); i++)
		if (conf_group_number(conf, CONF_GROUP_FEED, i, CONF_FEED_ENABLED) &&
		    conf_group_number(conf, CONF_GROUP_FEED, i, CONF_FEED_FORWARD_DX))
			return true;
	return false;
}

static void say_usual(struct client *client, const struct user_record *record)
{
	const struct conf *conf = client->dxc->worker->conf;
	const char *qth = conf_text(conf, CONF_DXC_QTH);

	say(client, "Hello %s, this is %s%s%s",
	    record->name[0] != '\0' ? record->name : session_of(client)->head.call,
	    client->dxc->node, qth[0] != '\0' ? " in " : "", qth);
	say(client, "running shackd V%s", about_version());
	say(client, "Capabilities: " CAPABILITIES);
	if (strcasecmp(conf_text(conf, CONF_DXC_DEFAULT_SOURCES), "HUMAN") == 0)
		say(client, "New users see spots of people; PASS SOURCE ALL shows skimmers too.");
	if (!any_forwards(conf))
		say(client, "Spots that you announce stay on this node.");
}

/* Most users since the start of the service, as far as this slot saw it. */
static uint64_t most_users(struct page *page, uint64_t users)
{
	uint64_t most = atomic_load_explicit(&page->gauge[GAUGE_USERS_MOST], memory_order_relaxed);

	if (users <= most)
		return most;
	page_gauge(page, GAUGE_USERS_MOST, users);
	return users;
}

static void say_figures(struct client *client)
{
	uint64_t users = count_users(client->dxc);
	char uptime[32];

	about_uptime(clock_age(clock_mono(), client->dxc->born) / NS_PER_SEC, uptime);
	say(client, "Cluster: 1 nodes, %llu local / %llu total users  Max users %llu  Uptime %s",
	    (unsigned long long)users, (unsigned long long)users,
	    (unsigned long long)most_users(client->dxc->worker->page, users), uptime);
}

void greeting_say(struct client *client, const struct user_record *record, uint64_t users)
{
	char text[ABOUT_MAX];
	bool own = fill(client, CONF_DXC_GREETING, users, text) > 0;

	if (own)
		say(client, "%s", text);
	else
		say_usual(client, record);
	most_users(client->dxc->worker->page, users);
	login_show_motd(client, !own);
}

/* ---- the rest: position[0] in the message of the day, position[1]: with figures ---- */

void login_show_motd(struct client *client, bool figures)
{
	session_of(client)->position[1] = figures;
	command_goes_on(client, MORE_GREETING, 0);
}

/* Whole lines of TEXT, at most MOTD_STEP bytes of it; or the start of a longer one. */
static size_t slice(const char *text, size_t length)
{
	size_t most = length < MOTD_STEP ? length : MOTD_STEP;

	for (size_t at = most; at > 0 && length > most; at--)
		if (text[at - 1] == '\n')
			return at;
	return most;
}

bool login_more(struct client *client)
{
	struct session *session = session_of(client);
	size_t length, part;
	const char *motd = about_motd(client->dxc, &length);
	char text[MOTD_STEP + 2];

	if (session->position[0] < length) {
		part = slice(motd + session->position[0], length - session->position[0]);
		memcpy(text, motd + session->position[0], part);
		session->position[0] += part;
		if (session->position[0] >= length && text[part - 1] != '\n')
			text[part++] = '\n';
		text[part] = '\0';
		say_open(client, text);
		return true;
	}
	if (session->position[1])
		say_figures(client);
	return false;
}
