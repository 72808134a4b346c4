/* SPDX-License-Identifier: ISC
 *
 * NAME      keys - names as keys
 * PURPOSE   Base calls and numbers in the form that they have in the tables.
 * OWNER     the record modules of this folder
 * CONTRACT  pure
 * LIMITS    none known
 */
#include <string.h>

#include "shm/store/inside.h"

bool call_key_make(struct call_key *key_r, const char *call)
{
	size_t i;

	memset(key_r, 0, sizeof(*key_r));
	for (i = 0; call[i]; i++) {
		if (i >= CALL_MAX - 1 || call[i] < 0x20 || call[i] > 0x7e)
			return false;
		key_r->call[i] = call[i];
	}
	return i > 0;
}

bool call_key_ok(const void *key)
{
	struct call_key taken, again;

	memcpy(&taken, key, sizeof(taken));
	return taken.call[CALL_MAX - 1] == '\0' && call_key_make(&again, taken.call) &&
	       memcmp(&taken, &again, sizeof(taken)) == 0;
}

bool user_key_make(struct user_key *key_r, const char *call)
{
	size_t i;

	memset(key_r, 0, sizeof(*key_r));
	for (i = 0; call[i]; i++) {
		if (i >= CALL_TEXT_MAX || call[i] <= 0x20 || call[i] > 0x7e)
			return false;
		key_r->call[i] = call[i];
	}
	return i > 0;
}

bool user_key_ok(const void *key)
{
	struct user_key taken, again;

	memcpy(&taken, key, sizeof(taken));
	return taken.call[CALL_TEXT_MAX] == '\0' && user_key_make(&again, taken.call) &&
	       memcmp(&taken, &again, sizeof(taken)) == 0;
}

struct number_key number_key_make(uint64_t number)
{
	struct number_key key;

	for (int i = 0; i < 8; i++)
		key.bytes[i] = (uint8_t)(number >> (56 - 8 * i));
	return key;
}

struct id_key id_key_make(uint32_t id)
{
	return (struct id_key){
		{(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id}};
}
