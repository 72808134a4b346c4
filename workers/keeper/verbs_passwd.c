/* SPDX-License-Identifier: ISC
 *
 * NAME      verbs (passwd) - the password of a user of the DX cluster
 * PURPOSE   `passwd CALL PASSWORD` sets it, an empty one takes it away.
 * OWNER     keeper
 * CONTRACT  Another process hashes it, keeper goes on meanwhile. The password is wiped as soon as it
 *           was passed on, and stands in no log. Sessions that are logged in stay so.
 * LIMITS    PASSWORD_MAX bytes; ASK_PATIENCE for an answer
 */
#include <sodium/utils.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/store/users.h"
#include "shm/text.h"
#include "workers/keeper/control.h"
#include "workers/keeper/request.h"
#include "workers/password.h"

#define ASK_PATIENCE (15 * NS_PER_SEC)

struct passwd {
	char password[PASSWORD_MAX + 1];
	char hash[PASSWORD_HASH];
	int fd; /* -1: not asked */
	bool hashed;
	uint64_t began;
};

_Static_assert(PASSWORD_HASH <= USER_HASH_SIZE, "a hash fits the record");

static bool take_password(struct request *request, const char *word)
{
	size_t length = strlen(word);
	struct passwd *passwd;

	if (length > PASSWORD_MAX) {
		request_refuse(request, 2, "passwd: a password has up to %d bytes", PASSWORD_MAX);
		return false;
	}
	passwd = calloc(1, sizeof(*passwd));
	if (passwd == NULL) {
		request_refuse(request, 1, "out of memory");
		return false;
	}
	memcpy(passwd->password, word, length);
	passwd->fd = -1;
	passwd->hashed = length == 0; /* to the empty one */
	passwd->began = clock_mono();
	request->passwd = passwd;
	return true;
}

static bool passwd_parse(struct request *request, const char *const words[], int count)
{
	if (count < 2 || !call_normalise(words[0], strlen(words[0]), request->user) ||
	    !call_amateur(request->user)) {
		request_refuse(request, 2, "passwd: give a call sign and the password");
		return false;
	}
	return take_password(request, words[1]);
}

/* One step towards the hash. */
static enum answer hash_step(struct request *request)
{
	struct passwd *passwd = request->passwd;

	if (clock_mono() - passwd->began > ASK_PATIENCE) {
		request_refuse(request, 1, "the password could not be hashed in time");
		return ANSWER_DONE;
	}
	if (passwd->fd < 0) {
		if (!password_ask(request->keeper->worker, NULL, passwd->password, &passwd->fd))
			passwd->fd = -1;
		return ANSWER_WAIT;
	}
	switch (password_answer(passwd->fd, passwd->hash)) {
	case PASSWORD_WAIT:
		return ANSWER_WAIT;
	case PASSWORD_YES:
		passwd->hashed = true;
		sodium_memzero(passwd->password, sizeof(passwd->password));
		return ANSWER_MORE;
	case PASSWORD_NO:
		request_refuse(request, 1, "the password can't be hashed");
		return ANSWER_DONE;
	default:
		close(passwd->fd);
		passwd->fd = -1; /* asked anew at the next tick */
		return ANSWER_WAIT;
	}
}

static enum answer passwd_step(struct request *request)
{
	struct worker *worker = request->keeper->worker;
	struct user_record record;
	struct store_txn txn, state;
	enum store_error error, put = STORE_OK;

	if (worker->spots == NULL) {
		request_refuse(request, 1, "no DX cluster is running (dxc.node_call is not set)");
		return ANSWER_DONE;
	}
	if (!request->passwd->hashed)
		return hash_step(request);
	if (store_write(worker->spots, &txn) == STORE_BUSY)
		return ANSWER_WAIT;
	store_read(worker->state, &state);
	if (users_get(&txn, &state, request->user, &record) != STORE_OK) {
		user_record_blank(&record);
		record.created = clock_real();
	}
	memcpy(record.hash, request->passwd->hash, sizeof(request->passwd->hash));
	error = store_end(&state);
	if (error == STORE_OK)
		put = users_put(&txn, request->user, &record);
	if (error != STORE_OK || put != STORE_OK)
		store_abort(&txn);
	else
		error = store_end(&txn);
	if (error != STORE_OK || put != STORE_OK)
		return request_failed(request, error != STORE_OK ? error : put);
	request_line(request, json_pack("{s:s, s:b}", "call", request->user, "password",
					(int)(request->passwd->hash[0] != '\0')));
	return ANSWER_DONE;
}

static void passwd_drop(struct request *request)
{
	struct passwd *passwd = request->passwd;

	if (passwd == NULL)
		return;
	if (passwd->fd >= 0)
		close(passwd->fd);
	sodium_memzero(passwd, sizeof(*passwd));
	free(passwd);
	request->passwd = NULL;
}

const struct verb verb_passwd = {
	.name = "passwd",
	.words = 3,
	.parse = passwd_parse,
	.step = passwd_step,
	.drop = passwd_drop,
};
