/* SPDX-License-Identifier: ISC
 *
 * NAME      access - the compiled access list
 * PURPOSE   Who may transmit, and who may even listen: a look-up costs the same for ten entries and
 *           for a hundred thousand.
 * OWNER     made by data (workers/data), read by ysf, keeper, link and data
 * CONTRACT  read-only. Texts compare byte for byte, as in the files of pYSFReflector3. The layout is
 *           this module's own; every offset in it is checked when it is mapped.
 * LIMITS    texts of up to ten bytes
 */
#ifndef SHACKD_SHM_ACCESS_H
#define SHACKD_SHM_ACCESS_H

#include "shm/list.h"

enum access_set {
	ACCESS_CS,  /* base calls that are refused */
	ACCESS_AL,  /* base calls that are allowed */
	ACCESS_SB,  /* suffixes that are refused */
	ACCESS_GW,  /* gateways that may only listen */
	ACCESS_GWB, /* gateways that neither send nor hear */
	ACCESS_SN,  /* serials of radios, five characters */
	ACCESS_SUB, /* texts that must not occur in a source (lists of G4KLX's YSFReflector) */
	ACCESS_IP,  /* addresses whose gateways may only listen; with prefix lengths */
	ACCESS_IPB, /* addresses whose gateways neither send nor hear */
	ACCESS_SETS,
};

struct access;

/* NULL with errno (EINVAL: none of ours). */
struct access *access_map(int fd);
void access_unmap(struct access **access);

/* Each of these says no to ACCESS NULL. */
bool access_has(const struct access *access, enum access_set set, const char *text);
/* ACCESS_IP or ACCESS_IPB; IP is 16 bytes, IPv4 mapped. */
bool access_has_ip(const struct access *access, enum access_set set, const uint8_t ip[16]);
/* Does a text of ACCESS_SUB occur in SOURCE (compared in upper case)? */
bool access_has_part(const struct access *access, const char *source);

/* Entries of SET; of addresses, how many networks. */
uint32_t access_count(const struct access *access, enum access_set set);
/* Entry N (0 .. access_count - 1) as text ("192.0.2.0/24"). */
const char *access_entry(const struct access *access, enum access_set set, uint32_t n,
			 char text_r[64]);
const char *access_set_name(enum access_set set); /* "CS" ... "IPB"; "SUB" */

#endif
