/* SPDX-License-Identifier: ISC
 *
 * NAME      door - how fast connections may come
 * PURPOSE   See master/tcp/door.h.
 * OWNER     master
 * CONTRACT  see master/tcp/door.h
 * LIMITS    see master/tcp/door.h
 */
#include "master/tcp/door.h"

#include <sodium/crypto_shorthash.h>
#include <sodium/randombytes.h>
#include <string.h>

#include "shm/clock.h"

#define WAYS 8 /* places that an address may have */

struct rate {
	uint64_t each;	   /* nanoseconds between two */
	uint64_t patience; /* how far `due` may lie ahead */
};

static struct rate rate_of(unsigned a_second, unsigned burst)
{
	uint64_t each = NS_PER_SEC / a_second;

	return (struct rate){each, (burst - 1) * each};
}

static bool allows(const struct rate *rate, uint64_t due, uint64_t now)
{
	return due <= now + rate->patience;
}

static uint64_t after(const struct rate *rate, uint64_t due, uint64_t now)
{
	return (due > now ? due : now) + rate->each;
}

void door_init(struct door *door_r)
{
	memset(door_r, 0, sizeof(*door_r));
	randombytes_buf(door_r->secret, sizeof(door_r->secret));
}

/* ---- who is who ---- */

/* Bytes that make out an address, or its network. */
static size_t bytes_of(const struct addr *addr, bool network)
{
	if (!addr_is_ipv4(addr))
		return 8;
	return network ? 15 : 16;
}

static bool has_network(const struct addr *addr)
{
	return addr_is_ipv4(addr) && !addr_is_loopback(addr);
}

static struct door_key key_of(const struct addr *addr, bool network)
{
	struct door_key key = {{0}};

	memcpy(key.bytes, addr->ip, bytes_of(addr, network));
	key.bytes[16] = (uint8_t)(network + 2 * addr_is_ipv4(addr));
	return key;
}

bool door_same_address(const struct addr *a, const struct addr *b)
{
	return memcmp(a->ip, b->ip, bytes_of(a, false)) == 0;
}

bool door_same_network(const struct addr *a, const struct addr *b)
{
	return has_network(a) && memcmp(a->ip, b->ip, bytes_of(a, true)) == 0;
}

/* ---- what is remembered ---- */

static struct door_cell *find(struct door *door, const struct door_key *key)
{
	struct door_cell *set, *oldest;
	uint64_t hash;

	_Static_assert(sizeof(hash) == crypto_shorthash_BYTES, "a hash is one word");
	crypto_shorthash((uint8_t *)&hash, key->bytes, sizeof(key->bytes), door->secret);
	set = oldest = &door->cell[hash % (DOOR_CELLS / WAYS) * WAYS];
	for (unsigned i = 0; i < WAYS; i++) {
		if (memcmp(&set[i].key, key, sizeof(*key)) == 0)
			return &set[i];
		if (set[i].due < oldest->due)
			oldest = &set[i];
	}
	oldest->key = *key;
	oldest->due = 0;
	return oldest;
}

static bool ask(struct door *door, const struct addr *addr, bool network, const struct rate *rate,
		uint64_t now)
{
	struct door_key key = key_of(addr, network);
	struct door_cell *cell = find(door, &key);

	if (!allows(rate, cell->due, now))
		return false;
	cell->due = after(rate, cell->due, now);
	return true;
}

enum door_answer door_ask(struct door *door, const struct addr *addr, uint64_t now)
{
	struct rate address = rate_of(DOOR_ADDRESS_RATE, DOOR_ADDRESS_BURST);
	struct rate network = rate_of(DOOR_NETWORK_RATE, DOOR_NETWORK_BURST);

	if (!ask(door, addr, false, &address, now))
		return DOOR_ADDRESS;
	if (has_network(addr) && !ask(door, addr, true, &network, now))
		return DOOR_NETWORK;
	return DOOR_OPEN;
}

uint64_t door_wait(const struct door *door, uint64_t now)
{
	struct rate all = rate_of(DOOR_ALL_RATE, DOOR_ALL_BURST);

	return allows(&all, door->due, now) ? 0 : door->due - now - all.patience;
}

void door_pass(struct door *door, uint64_t now)
{
	struct rate all = rate_of(DOOR_ALL_RATE, DOOR_ALL_BURST);

	door->due = after(&all, door->due, now);
}
