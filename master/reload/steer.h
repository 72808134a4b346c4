/* SPDX-License-Identifier: ISC
 *
 * NAME      steer - which members of a port's group get the datagrams
 * PURPOSE   While a group grows or shrinks, a small program in the kernel holds all flows on its
 *           first members, so that the others can come without being used yet, or run dry.
 * OWNER     master
 * CONTRACT  a member's number is the order of joining; the last one is closed first, which keeps
 *           the numbers of the others. Affinity is no promise: any worker can serve any datagram.
 * LIMITS    a datagram whose headers are odd goes to the first member
 */
#ifndef SHACKD_MASTER_RELOAD_STEER_H
#define SHACKD_MASTER_RELOAD_STEER_H

#include <linux/filter.h>
#include <stdbool.h>

#define STEER_MAX 32 /* instructions */

/* Writes the program for a group of FAMILY (AF_INET, AF_INET6) that uses the first MEMBERS: the
 * number of one, by a hash of the sender's address and port. Returns how many instructions. Pure.
 */
unsigned steer_program(int family, unsigned members, struct sock_filter program_r[STEER_MAX]);

/* Holds the group of FD on its first MEMBERS. False with errno. */
bool steer_hold(int fd, int family, unsigned members);

/* All members are used again, as the kernel deals flows out. */
void steer_release(int fd);

#endif
