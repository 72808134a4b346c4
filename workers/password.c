/* SPDX-License-Identifier: ISC
 *
 * NAME      password - hashing and checking passwords without keeping anybody waiting
 * PURPOSE   See workers/password.h.
 * OWNER     see workers/password.h
 * CONTRACT  see workers/password.h. Both ends are of one build: the structs need no version.
 * LIMITS    see workers/password.h
 */
#include "workers/password.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium/core.h>
#include <sodium/utils.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "shm/log.h"
#include "workers/run.h"

#define SERVE_SECONDS 5 /* for the request to come: it was written before we were asked for */

struct request {
	char hash[PASSWORD_HASH];
	char password[PASSWORD_MAX + 1];
};

struct answer {
	bool yes;
	char hash[PASSWORD_HASH];
};

static bool fill(struct request *request, const char *hash, const char *password)
{
	memset(request, 0, sizeof(*request));
	if (hash == NULL)
		hash = "";
	if (strlen(hash) >= sizeof(request->hash) || strlen(password) >= sizeof(request->password))
		return false;
	memcpy(request->hash, hash, strlen(hash));
	memcpy(request->password, password, strlen(password));
	return true;
}

/* An empty stream takes such a small request whole. */
static bool put_request(int fd, const char *hash, const char *password)
{
	struct request request;
	bool sent = fill(&request, hash, password) &&
		    send(fd, &request, sizeof(request), MSG_NOSIGNAL) == (ssize_t)sizeof(request);

	sodium_memzero(&request, sizeof(request));
	return sent;
}

bool password_ask(struct worker *worker, const char *hash, const char *password, int *fd_r)
{
	int pair[2];

	*fd_r = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		log_limited(LOG_LEVEL_WARNING, "no socket for a password: %s", strerror(errno));
		return false;
	}
	if (fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0 || !put_request(pair[0], hash, password)) {
		close(pair[0]);
		close(pair[1]);
		return false;
	}
	if (!worker_aide(worker, AIDE_PASSWORD, pair[1])) {
		close(pair[0]);
		return false;
	}
	*fd_r = pair[0];
	return true;
}

enum password_answer password_answer(int fd, char hash_r[PASSWORD_HASH])
{
	struct answer answer;
	ssize_t got = recv(fd, &answer, sizeof(answer), MSG_DONTWAIT);

	hash_r[0] = '\0';
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return PASSWORD_WAIT;
	if (got != (ssize_t)sizeof(answer))
		return PASSWORD_LOST;
	memcpy(hash_r, answer.hash, PASSWORD_HASH);
	hash_r[PASSWORD_HASH - 1] = '\0';
	return answer.yes ? PASSWORD_YES : PASSWORD_NO;
}

/* ---- the aide ---- */

static void judge(const struct request *request, struct answer *answer_r)
{
	size_t length = strlen(request->password);

	memset(answer_r, 0, sizeof(*answer_r));
	if (request->hash[0] != '\0')
		answer_r->yes =
			crypto_pwhash_str_verify(request->hash, request->password, length) == 0;
	else
		answer_r->yes = crypto_pwhash_str_alg(answer_r->hash, request->password, length,
						      crypto_pwhash_OPSLIMIT_INTERACTIVE,
						      crypto_pwhash_MEMLIMIT_INTERACTIVE,
						      crypto_pwhash_ALG_ARGON2ID13) == 0;
}

bool password_serve(int socket)
{
	const struct timeval patience = {.tv_sec = SERVE_SECONDS};
	struct request request;
	struct answer answer;
	bool done;

	if (sodium_init() < 0 ||
	    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0 ||
	    recv(socket, &request, sizeof(request), MSG_WAITALL) != (ssize_t)sizeof(request))
		return false;
	request.hash[sizeof(request.hash) - 1] = '\0';
	request.password[sizeof(request.password) - 1] = '\0';
	judge(&request, &answer);
	sodium_memzero(&request, sizeof(request));
	done = send(socket, &answer, sizeof(answer), MSG_NOSIGNAL) == (ssize_t)sizeof(answer);
	sodium_memzero(&answer, sizeof(answer));
	return done;
}
