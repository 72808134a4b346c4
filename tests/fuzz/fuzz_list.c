/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_list - fuzz target of the compiled lists
 * PURPOSE   any bytes as a list of each kind: mapped or refused, and no question to a mapped one
 *           reads outside of it
 * OWNER     make fuzz
 * CONTRACT  the head is set right, so that the checks behind it are reached
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/list_layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask_access(int fd)
{
	struct access *access = access_map(fd);
	char text[64];

	for (unsigned set = 0; set < ACCESS_SETS; set++) {
		static const uint8_t ip[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2};

		access_has(access, set, "IU5JAE");
		access_has_ip(access, set, ip);
		access_has_ip(access, set, (const uint8_t[16]){0x20, 0x01});
		for (uint32_t i = 0; i < access_count(access, set) && i < 100; i++)
			access_entry(access, set, i, text);
	}
	access_has_part(access, "N0CALL");
	access_unmap(&access);
}

static void ask_homes(int fd)
{
	struct homes *homes = homes_map(fd);
	struct home_rule rule;

	homes_get(homes, "IU5JAE", &rule);
	for (uint32_t i = 0; i < homes_count(homes) && i < 100; i++) {
		const char *name = homes_entry(homes, i, &rule);

		if (!homes_get(homes, name, &rule) && strlen(name) > 10)
			abort();
	}
	homes_unmap(&homes);
}

static void ask_hosts(int fd)
{
	struct hosts *hosts = hosts_map(fd);
	uint8_t ip[HOSTS_ADDRS][16];

	if (hosts_get(hosts, "a.example", ip) > HOSTS_ADDRS)
		abort();
	hosts_unmap(&hosts);
}

static void ask_countries(int fd)
{
	static const char *const calls[] = {"W1AW", "KH6/W1AW", "EA1ABC/8", "KG4ABC", "G4ABC/P"};
	struct countries *countries = countries_map(fd);
	struct country country;

	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (country_of(countries, calls[i], &country) &&
		    (strlen(country.name) > 47 || country.continent >= CONTINENTS))
			abort();
	countries_unmap(&countries);
}

static void ask_known(int fd)
{
	struct known *known = known_map(fd);

	if (known_has(known, "W1AW/P") && known_count(known) == 0)
		abort();
	known_unmap(&known);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const ask[LIST_KINDS])(int fd) = {ask_access, ask_homes, ask_hosts,
							ask_countries, ask_known};
	struct list_head *head = calloc(1, size + sizeof(*head));

	if (head == NULL)
		return 0;
	memcpy(head, data, size);
	for (unsigned kind = 0; kind < LIST_KINDS && size >= sizeof(*head); kind++) {
		head->magic = LIST_MAGIC;
		head->kind = (uint16_t)kind;
		head->version = 1;
		head->size = size;
		int fd = list_seal(kind, head, size);

		ask[kind](fd);
		close(fd);
	}
	free(head);
	return 0;
}
