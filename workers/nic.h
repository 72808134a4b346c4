/* SPDX-License-Identifier: ISC
 *
 * NAME      nic - the network interface that has an address
 * PURPOSE   Log lines about what could not be sent name the interface, as an operator knows it.
 * OWNER     any worker
 * CONTRACT  asks the kernel each time: for what is said once in a while, not for each datagram
 * LIMITS    NIC_MOST IPv4 addresses are looked through
 */
#ifndef SHACKD_WORKERS_NIC_H
#define SHACKD_WORKERS_NIC_H

#include <stdint.h>

#define NIC_TEXT 32

/* Name of the interface that has the address IP (16 bytes, IPv4 mapped) at this moment; "no interface"
 * when none has. An IPv6 address that is not usable yet (duplicate address detection is going on, or
 * has failed) reads "NAME, tentative". "?" when the kernel can't be asked. FD: any socket. */
const char *nic_of(int fd, const uint8_t ip[16], char buf[NIC_TEXT]);

#endif
