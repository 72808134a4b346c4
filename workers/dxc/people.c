/* SPDX-License-Identifier: ISC
 *
 * NAME      people - who is there
 * PURPOSE   SHOW/USERS, WHO, and DISCONNECT.
 * OWNER     dxc workers
 * CONTRACT  the list goes on behind the last call that was shown, whoever comes or goes meanwhile
 * LIMITS    PEOPLE_A_STEP users, WHO_A_STEP sessions a step
 */
#include <stdio.h>
#include <string.h>

#include "shm/clock.h"
#include "workers/dxc/account.h"
#include "workers/dxc/command.h"
#include "workers/dxc/say.h"

#define PEOPLE_A_STEP 60
#define PEOPLE_A_LINE 5
#define WHO_A_STEP    12
#define WHO_NAME      10 /* bytes */

struct person {
	char call[CALL_TEXT_SIZE];
	struct session_record record;
	bool away;
	char name[USER_TEXT_SIZE];
};

struct people {
	struct person person[PEOPLE_A_STEP];
	unsigned count;
};

static bool gather(const char *call, const struct session_record *record, void *arg)
{
	struct people *people = arg;
	struct person *person = &people->person[people->count++];

	memcpy(person->call, call, CALL_TEXT_SIZE);
	person->record = *record;
	return true;
}

static void look_up(struct store_txn *spots, struct store_txn *state, struct people *people)
{
	for (unsigned i = 0; i < people->count; i++) {
		struct person *person = &people->person[i];
		struct user_record record;

		person->away = false;
		person->name[0] = '\0';
		if (users_lookup(spots, state, person->call, &record, NULL) != STORE_OK)
			continue;
		person->away = record.switches & record.switches_set & SESSION_AWAY;
		memcpy(person->name, record.name, sizeof(person->name));
	}
}

/* The next MOST behind the call in the session's query. */
static void next_people(struct client *client, unsigned most, struct people *people)
{
	struct worker *worker = client->dxc->worker;
	struct session *session = session_of(client);
	struct store_txn spots, state = {0};
	char call[CALL_TEXT_SIZE];

	people->count = 0;
	memcpy(call, session->query, sizeof(call));
	call[sizeof(call) - 1] = '\0';
	store_read(worker->spots, &spots);
	if (worker->state != NULL)
		store_read(worker->state, &state);
	sessions_walk(&spots, call, most, gather, people);
	look_up(&spots, state.store != NULL && !state.error ? &state : NULL, people);
	if (state.store != NULL)
		store_end(&state);
	store_end(&spots);
	memcpy(session->query, call, sizeof(call));
}

static void start(struct client *client, enum session_more kind)
{
	memset(session_of(client)->query, 0, CALL_TEXT_SIZE);
	command_goes_on(client, kind, 0);
}

void command_show_users(struct client *client, const char *args)
{
	(void)args;
	say(client, "Callsigns connected to %s", client->dxc->node);
	start(client, MORE_USERS);
}

bool people_more_users(struct client *client)
{
	struct people people;
	char line[128] = "";
	size_t length = 0;

	next_people(client, PEOPLE_A_STEP, &people);
	for (unsigned i = 0; i < people.count; i++) {
		const struct person *person = &people.person[i];
		char shown[CALL_TEXT_SIZE + 2];

		snprintf(shown, sizeof(shown), person->away ? "(%.15s)" : "%.15s", person->call);
		length += (size_t)snprintf(line + length, sizeof(line) - length, "%-12s%s", shown,
					   strlen(shown) >= 12 ? " " : "");
		if ((i + 1) % PEOPLE_A_LINE == 0 || i + 1 == people.count) {
			say(client, "%s", line);
			length = 0;
		}
	}
	return people.count == PEOPLE_A_STEP;
}

void command_who(struct client *client, const char *args)
{
	(void)args;
	say(client, "  Callsign TYPE SORT Started           Name       RTT Address");
	start(client, MORE_WHO);
}

static void say_person(struct client *client, const struct person *person)
{
	bool shows = (session_of(client)->head.flags & SESSION_SYSOP) ||
		     person->record.session == tcp_session(client->conn);
	char date[SAY_DATE_SIZE], minute[SAY_DATE_SIZE], ip[ADDR_TEXT_MAX] = "-";
	char name[WHO_NAME + 1];
	struct addr addr = {0};

	memcpy(addr.ip, person->record.ip, sizeof(addr.ip));
	if (shows)
		addr_ip_text(&addr, ip);
	say_date(person->record.since_real, date);
	say_minute(person->record.since_real, minute);
	say_clean(name, sizeof(name), person->name);
	say(client, "%10s USER TELN %s %s %-*s   - %s", person->call, date, minute, WHO_NAME, name,
	    ip);
}

bool people_more_who(struct client *client)
{
	struct people people;

	next_people(client, WHO_A_STEP, &people);
	for (unsigned i = 0; i < people.count; i++)
		say_person(client, &people.person[i]);
	return people.count == WHO_A_STEP;
}

/* ---- an operator ends a session ---- */

static enum store_error end_session(struct client *client, const char *call)
{
	struct session_record record;
	struct store_txn txn;
	enum store_error error = store_write(client->dxc->worker->spots, &txn);

	if (error)
		return error;
	error = sessions_get(&txn, call, &record);
	if (error == STORE_OK)
		error = sessions_del(&txn, call, record.session, REASON_SYSOP);
	if (error) {
		store_abort(&txn);
		return error;
	}
	return store_end(&txn);
}

void command_disconnect(struct client *client, const char *args)
{
	char call[CALL_TEXT_SIZE];
	enum store_error error = STORE_NOT_FOUND;

	if (!call_normalise(args, strlen(args), call) || !call_valid(call)) {
		say(client, "Usage: DISCONNECT call");
		return;
	}
	error = end_session(client, call);
	if (error == STORE_NOT_FOUND) {
		say(client, "%s is not connected", call);
	} else if (!account_failed(client, error)) {
		worker_ring_spots(client->dxc->worker, "dxc");
		say(client, "%s disconnected", call);
	}
}
