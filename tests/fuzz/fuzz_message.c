/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_message - fuzz target of what comes over a control socket
 * PURPOSE   any bytes: no bad access; what is accepted keeps the rules of shm/msg.h
 * OWNER     make fuzz
 * CONTRACT  aborts if a promise of msg.h does not hold. The first byte says whether a descriptor
 *           came along.
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shm/msg.h"

#define WORDS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void check_words(const struct msg *msg)
{
	const char *words[WORDS];
	int count = msg_words(msg, words, WORDS);
	const char *end = (const char *)msg->body + msg->length;

	demand(count == -1 || (count >= 1 && count <= WORDS));
	for (int i = 0; i < count; i++)
		demand(words[i] + strlen(words[i]) < end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct msg msg;

	if (size < 1)
		return 0;
	memset(&msg, 0xa5, sizeof(msg));
	if (msg_decode(data + 1, size - 1, data[0] & 1, &msg) != 0)
		return 0;
	demand(msg.length <= MSG_BODY_MAX);
	demand(msg.length < size);
	demand(msg.body[msg.length] == 0);
	demand(strcmp(msg_type_name(msg.type), "?") != 0);
	demand((data[0] & 1) == 0 || msg.type == MSG_FD || msg.type == MSG_REQUEST);
	if (msg.type == MSG_REQUEST)
		check_words(&msg);
	return 0;
}
