/* SPDX-License-Identifier: ISC
 *
 * NAME      own - the filter of a user
 * PURPOSE   See workers/dxc/own.h.
 * OWNER     dxc workers
 * CONTRACT  see workers/dxc/own.h
 * LIMITS    see workers/dxc/own.h
 */
#include "workers/dxc/own.h"

#include "shm/call.h"
#include "shm/store/users.h"

static enum store_error stored(const struct worker *worker, const char *call,
			       uint8_t bytes_r[FILTER_BYTES_MAX], size_t *length_r)
{
	struct store_txn spots, state;
	char base[CALL_TEXT_SIZE];
	enum store_error found;

	call_base(call, base);
	/* in this order: what keeper has taken from the one is in the other */
	store_read(worker->spots, &spots);
	if (worker->state != NULL)
		store_read(worker->state, &state);
	found = filters_get(&spots, worker->state != NULL ? &state : NULL, call, bytes_r, length_r);
	if (found == STORE_NOT_FOUND)
		found = filters_get(&spots, worker->state != NULL ? &state : NULL, base, bytes_r,
				    length_r);
	if (worker->state != NULL)
		store_end(&state);
	store_end(&spots);
	return found;
}

void own_filter(const struct worker *worker, const char *call, struct filter *filter_r)
{
	uint8_t bytes[FILTER_BYTES_MAX];
	size_t length = 0;

	if (stored(worker, call, bytes, &length) == STORE_OK &&
	    filter_check(bytes, length, filter_r))
		return;
	filter_default(filter_r, conf_text(worker->conf, CONF_DXC_DEFAULT_SOURCES),
		       conf_text(worker->conf, CONF_DXC_DEFAULT_MODES));
}
