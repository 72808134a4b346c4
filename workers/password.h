/* SPDX-License-Identifier: ISC
 *
 * NAME      password - hashing and checking passwords without keeping anybody waiting
 * PURPOSE   argon2id takes some 0.1 s and 64 MiB on purpose: a process of its own does it, one
 *           request each (workers/aide), while the one who asks goes on with its other work.
 * OWNER     asked by dxc and keeper, answered by aide
 * CONTRACT  One request, one answer, then the socket is over. Who gets no answer asks again: the aide
 *           may have been killed, or too many wait. Passwords are wiped from memory after use and
 *           appear in no log. Hashes are libsodium's text form, with their parameters inside.
 * LIMITS    PASSWORD_MAX bytes a password
 */
#ifndef SHACKD_WORKERS_PASSWORD_H
#define SHACKD_WORKERS_PASSWORD_H

#include <sodium/crypto_pwhash.h>
#include <stdbool.h>

#define PASSWORD_MAX  120
#define PASSWORD_HASH crypto_pwhash_STRBYTES /* with its NUL */

struct worker;

enum password_answer {
	PASSWORD_WAIT, /* no answer yet */
	PASSWORD_YES,  /* it fits the hash; or its hash was made */
	PASSWORD_NO,   /* it does not fit, or can't be hashed */
	PASSWORD_LOST, /* there will be no answer: ask again, later */
};

/* Asks. HASH NULL or "": a new hash of PASSWORD is wanted, else whether it fits HASH. *FD_R is the
 * caller's: readable when there is an answer. False: ask again later. */
bool password_ask(struct worker *worker, const char *hash, const char *password, int *fd_r);

/* Takes the answer from FD, without waiting; HASH_R is "" unless one was made. FD stays the caller's,
 * who closes it after anything but PASSWORD_WAIT. */
enum password_answer password_answer(int fd, char hash_r[PASSWORD_HASH]);

/* ---- the aide ---- */

/* Does one request of SOCKET; waits at most some seconds for it. False: there was none. */
bool password_serve(int socket);

#endif
