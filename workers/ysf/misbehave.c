/* SPDX-License-Identifier: ISC
 *
 * NAME      misbehave - datagrams that a test build dies of
 * PURPOSE   see misbehave.h
 * OWNER     see misbehave.h
 * CONTRACT  see misbehave.h
 * LIMITS    see misbehave.h
 */
#include "workers/ysf/misbehave.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/fault.h"

static void spin(void)
{
	for (volatile unsigned turns = 0;; turns++)
		;
}

static void block(void)
{
	int ends[2];
	char byte;

	if (pipe(ends) == 0 && read(ends[0], &byte, 1) < 0)
		abort();
}

static void hold(struct ysf *ysf)
{
	struct store_txn txn;

	while (store_write(ysf->voice, &txn) != STORE_OK)
		;
	spin();
}

void misbehave(struct ysf *ysf, const struct ring_entry *in)
{
	char source[YSF_NAME_SIZE];

	if (!fault_is("by-callsign"))
		return;
	ysf_source(in->data, source);
	if (strcmp(source, "CRASHME") == 0)
		abort();
	if (strcmp(source, "SPINME") == 0)
		spin();
	if (strcmp(source, "BLOCKME") == 0)
		block();
	if (strcmp(source, "HOLDME") == 0)
		hold(ysf);
	if (strcmp(source, "HUSHME") == 0 && send(ysf->worker->log_fd, "", 0, MSG_DONTWAIT) != 0)
		abort();
}
