/* SPDX-License-Identifier: ISC
 *
 * NAME      account - what is kept of a user
 * PURPOSE   Settings, password and filter of a call, from the store to a session and back.
 * OWNER     dxc workers
 * CONTRACT  A call with an SSID that has set nothing has the settings, the filter and the password of
 *           its base call; what it changes is its own from then on, but for the password. A change is
 *           one transaction with the note that its line was acted upon.
 * LIMITS    none known
 */
#ifndef SHACKD_WORKERS_DXC_ACCOUNT_H
#define SHACKD_WORKERS_DXC_ACCOUNT_H

#include "shm/store/sessions.h"
#include "shm/store/users.h"
#include "workers/dxc/dxc.h"

struct account {
	struct user_record record; /* to be changed and put: without what is another call's alone */
	char hash[USER_HASH_SIZE]; /* of the password that counts; empty: none */
};

/* Inside transactions; STATE may be NULL. A record that is damaged is as if it were not there; STORE_OK
 * then too. Anything else: nobody knows what there is, least of all that there is no password. */
enum store_error account_get(struct store_txn *spots, struct store_txn *state, const char *call,
			     struct account *account_r);

/* The same with a transaction of its own of the durable store. */
enum store_error account_within(struct dxc *dxc, struct store_txn *spots, const char *call,
				struct account *account_r);

/* The same with both of its own. */
enum store_error account_read(struct dxc *dxc, const char *call, struct account *account_r);

/* Sets what the session has of its user: format, switches, prompt, width. */
void account_apply(struct client *client, const struct account *account);

/* The stored filter, or what new users have; that too when the error says that nobody knows. FILTER_R
 * has room for FILTER_SIZE_MAX bytes. */
enum store_error account_filter(struct dxc *dxc, const char *call, struct filter *filter_r);

/* Tells fan what the session wants by its filter and its settings of now. When the filter can't be
 * read, what it had goes on, or nothing is sent yet; it is tried again (client->unread). */
void account_want(struct client *client);

/* Changes the user of the session for the line that is acted upon. True: it is done (or was, before a
 * worker died). False: the line comes again, or the user was told why not, or the session is over. */
typedef void account_edit(struct user_record *record, const void *arg);
bool account_change(struct client *client, account_edit *edit, const void *arg);
bool account_keep_filter(struct client *client, const struct filter *filter);

/* What to do with ERROR of a transaction for the line that is acted upon: nothing more when true. */
bool account_failed(struct client *client, enum store_error error);

/* Room for a struct filter, whose size only filter knows. */
union account_filter {
	uint64_t align;
	uint8_t bytes[FILTER_SIZE_MAX];
};
static inline struct filter *account_filter_of(union account_filter *room)
{
	return (struct filter *)(void *)room->bytes;
}

#endif
