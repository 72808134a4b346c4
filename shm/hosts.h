/* SPDX-License-Identifier: ISC
 *
 * NAME      hosts - host names, resolved
 * PURPOSE   Only data asks the DNS; everybody else finds literal addresses here.
 * OWNER     made by data, read by link and feed
 * CONTRACT  as access.h. A name keeps its last good answer when the DNS fails; one that was never
 *           resolved has no addresses. Literal addresses need not be asked for.
 * LIMITS    HOSTS_ADDRS addresses a name
 */
#ifndef SHACKD_SHM_HOSTS_H
#define SHACKD_SHM_HOSTS_H

#include "shm/addr.h"
#include "shm/list.h"

#define HOSTS_ADDRS 8

struct hosts;

struct hosts *hosts_map(int fd);
void hosts_unmap(struct hosts **hosts);
/* Writes up to HOSTS_ADDRS addresses (16 bytes, IPv4 mapped) of NAME. Returns how many; 0: none. */
unsigned hosts_get(const struct hosts *hosts, const char *name, uint8_t ip_r[HOSTS_ADDRS][16]);
/* Where to dial next for NAME, a host name or a literal address: a name's addresses come in turns, that
 * TURN counts. False: the name has no address yet (data goes on asking). HOSTS may be NULL. */
bool hosts_address(const struct hosts *hosts, const char *name, uint16_t port, unsigned *turn,
		   struct addr *addr_r);

#endif
