/* SPDX-License-Identifier: ISC
 *
 * NAME      country - whose call is it?
 * PURPOSE   Entity, zones and continent of a call, from the country file that data compiled; and the
 *           calls that are known to be real (super check partial).
 * OWNER     made by data (LIST_COUNTRIES, LIST_KNOWN), read by feed, spot, dxc and keeper
 * CONTRACT  a mapping is immutable and shared; look-ups are pure, O(length of the call), and allocate
 *           nothing
 * LIMITS    see list_layout.h
 */
#ifndef SHACKD_SHM_COUNTRY_H
#define SHACKD_SHM_COUNTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/list.h"

enum continent { CONTINENT_NONE, CONTINENT_AF, CONTINENT_AN, CONTINENT_AS, CONTINENT_EU,
		 CONTINENT_NA, CONTINENT_OC, CONTINENT_SA, CONTINENTS };

const char *continent_name(unsigned continent); /* "EU", "" */
unsigned continent_parse(const char *text, size_t length);

struct country {
	uint16_t adif;	   /* 0: unknown */
	uint8_t cq, itu;   /* 0: unknown */
	uint8_t continent; /* enum continent */
	uint8_t how;	   /* enum country_how */
	char prefix[8];	   /* primary prefix of the entity, without its star */
	const char *name;  /* of the entity; lives as long as the mapping */
	int32_t latitude, longitude; /* millionths of a degree, north and east positive */
};

enum country_how { COUNTRY_MISS, COUNTRY_EXACT, COUNTRY_PREFIX, COUNTRY_DESIGNATOR, COUNTRY_DIGIT,
		   COUNTRY_KG4, COUNTRY_MOBILE /* /MM, /AM: no entity */ };

struct countries;

struct countries *countries_map(int fd); /* NULL with errno */
void countries_unmap(struct countries **countries);
/* CALL in any case. False: no entity (COUNTRY_R is zero but for `how`, its name ""), or COUNTRIES is NULL. */
bool country_of(const struct countries *countries, const char *call, struct country *country_r);
/* "20230502"; "": the file says none, or there are no COUNTRIES. */
const char *countries_version(const struct countries *countries);

struct countries_counts {
	uint32_t entities, prefixes, calls;
};

/* Zeros when COUNTRIES is NULL. */
struct countries_counts countries_count(const struct countries *countries);

/* Names by ADIF number, of a table inside the program: what is printed from a stored spot must not
 * change with a list. "" when there is none. */
const char *adif_name(unsigned adif);
const char *adif_prefix(unsigned adif);
/* By primary prefix (without star), by name; any case. 0: unknown. Those that count for WAE alone
 * (IT9, Sicily) give the number of the entity they belong to. */
unsigned adif_by_prefix(const char *prefix);
unsigned adif_by_name(const char *name);

struct known;

struct known *known_map(int fd);
void known_unmap(struct known **known);
/* The call itself or its base; CALL is normalised. False: it is not there, or KNOWN is NULL. */
bool known_has(const struct known *known, const char *call);
uint32_t known_count(const struct known *known);

#endif
