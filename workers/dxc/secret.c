/* SPDX-License-Identifier: ISC
 *
 * NAME      secret - passwords of sessions
 * PURPOSE   See secret.h.
 * OWNER     dxc workers
 * CONTRACT  see secret.h
 * LIMITS    see secret.h
 */
#include "workers/dxc/secret.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workers/dxc/command.h"

struct password_check {
	uint64_t line_end; /* whose password it is */
	int fd;		   /* -1: nobody is asked */
	unsigned tries;
	enum password_answer answer;
	char hash[PASSWORD_HASH];
};

static void hang_up(struct password_check *check)
{
	if (check->fd >= 0)
		close(check->fd);
	check->fd = -1;
}

void secret_free(struct client *client)
{
	if (client->check == NULL)
		return;
	hang_up(client->check);
	free(client->check);
	client->check = NULL;
}

/* That of the line that is acted upon. NULL: no memory. */
static struct password_check *check_of(struct client *client)
{
	if (client->check != NULL && client->check->line_end == client->dxc->line_end)
		return client->check;
	secret_free(client);
	client->check = calloc(1, sizeof(*client->check));
	if (client->check != NULL) {
		client->check->line_end = client->dxc->line_end;
		client->check->fd = -1;
	}
	return client->check;
}

static enum secret ask(struct client *client, const char *hash, const char *password,
		       struct password_check *check)
{
	if (check->answer == PASSWORD_WAIT && check->fd >= 0) {
		check->answer = password_answer(check->fd, check->hash);
		if (check->answer != PASSWORD_WAIT)
			hang_up(check);
		if (check->answer == PASSWORD_LOST)
			check->answer = PASSWORD_WAIT;
	}
	if (check->answer == PASSWORD_YES)
		return SECRET_YES;
	if (check->answer == PASSWORD_NO)
		return SECRET_NO;
	if (check->fd < 0 && ++check->tries > SECRET_TRIES)
		return SECRET_LOST;
	if (check->fd < 0)
		password_ask(client->dxc->worker, hash, password, &check->fd);
	command_later(client);
	return SECRET_WAITS;
}

enum secret secret_check(struct client *client, const char *hash, const char *password)
{
	struct password_check *check = check_of(client);

	if (check == NULL)
		return SECRET_LOST;
	return strlen(password) > PASSWORD_MAX ? SECRET_NO : ask(client, hash, password, check);
}

enum secret secret_hash(struct client *client, const char *password, char hash_r[PASSWORD_HASH])
{
	struct password_check *check = check_of(client);
	enum secret answer = check != NULL ? ask(client, NULL, password, check) : SECRET_LOST;

	if (answer == SECRET_YES)
		memcpy(hash_r, check->hash, PASSWORD_HASH);
	return answer;
}

bool secret_is_sysop(const struct dxc *dxc, const char *call)
{
	const char *at = conf_text(dxc->worker->conf, CONF_DXC_SYSOPS);

	while (*at != '\0') {
		char one[CALL_TEXT_SIZE];
		size_t length = strcspn(at, ", ");

		if (length > 0 && call_normalise(at, length, one) && strcmp(one, call) == 0)
			return true;
		at += length;
		at += strspn(at, ", ");
	}
	return false;
}
