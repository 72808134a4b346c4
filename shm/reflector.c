/* SPDX-License-Identifier: ISC
 *
 * NAME      reflector - the number of a reflector
 * PURPOSE   See reflector.h.
 * OWNER     pure
 * CONTRACT  see reflector.h
 * LIMITS    see reflector.h
 */
#include "shm/reflector.h"

#include <string.h>

#define NAME_BYTES 16

uint32_t reflector_hash(const char *name)
{
	char padded[NAME_BYTES];
	uint32_t hash = 0;

	name += strspn(name, " ");
	memset(padded, ' ', sizeof(padded));
	memcpy(padded, name, strnlen(name, sizeof(padded)));
	for (size_t i = 0; i < sizeof(padded); i++) {
		hash += (uint8_t)padded[i];
		hash += hash << 10;
		hash ^= hash >> 6;
	}
	hash += hash << 3;
	hash ^= hash >> 11;
	hash += hash << 15;
	return hash % REFLECTOR_IDS;
}

uint32_t reflector_id(uint32_t id, const char *name)
{
	return id > 0 && id < REFLECTOR_IDS ? id : reflector_hash(name);
}
