/* SPDX-License-Identifier: ISC
 *
 * NAME      steer - which members of a port's group get the datagrams
 * PURPOSE   The program sees the payload at offset 0 and the headers from SKF_NET_OFF on. The
 *           kernel's own hash of the flow may be missing (loopback): it makes one of its own.
 * OWNER     master
 * CONTRACT  see master/reload/steer.h
 * LIMITS    see master/reload/steer.h
 */
#include "master/reload/steer.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "shm/log.h"

#define NET(offset) ((uint32_t)SKF_NET_OFF + (offset))

#define IP4_SOURCE  12
#define IP6_NEXT    6
#define IP6_SOURCE  8
#define IP6_PAYLOAD 40
/* Odd, with bits all over: every bit of the key reaches the upper half of the product. */
#define SPREAD 0x9e3779b1U

struct writer {
	struct sock_filter *at;
	unsigned count;
};

static void put(struct writer *w, uint16_t code, uint32_t k)
{
	w->at[w->count++] = (struct sock_filter)BPF_STMT(code, k);
}

/* A ^= the word at OFFSET of the network header, by way of memory word 0. */
static void mix_word(struct writer *w, uint32_t offset)
{
	put(w, BPF_ST, 0);
	put(w, BPF_LD | BPF_W | BPF_ABS, NET(offset));
	put(w, BPF_LDX | BPF_MEM, 0);
	put(w, BPF_ALU | BPF_XOR | BPF_X, 0);
}

static void load_ip4(struct writer *w)
{
	/* the port stands behind the options */
	put(w, BPF_LDX | BPF_B | BPF_MSH, NET(0));
	put(w, BPF_LD | BPF_H | BPF_IND, NET(0));
	put(w, BPF_ALU | BPF_MUL | BPF_K, SPREAD);
	mix_word(w, IP4_SOURCE);
}

static void load_ip6(struct writer *w)
{
	static const struct sock_filter is_udp =
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 1, 0);

	/* behind extension headers the port is not worth looking for: flows of one host then stay
	 * together on the first member */
	put(w, BPF_LD | BPF_B | BPF_ABS, NET(IP6_NEXT));
	w->at[w->count++] = is_udp;
	put(w, BPF_RET | BPF_K, 0);
	put(w, BPF_LD | BPF_H | BPF_ABS, NET(IP6_PAYLOAD));
	put(w, BPF_ALU | BPF_MUL | BPF_K, SPREAD);
	for (uint32_t i = 0; i < 16; i += 4)
		mix_word(w, IP6_SOURCE + i);
}

unsigned steer_program(int family, unsigned members, struct sock_filter program_r[STEER_MAX])
{
	struct writer w = {program_r, 0};

	if (members <= 1) {
		put(&w, BPF_RET | BPF_K, 0);
		return w.count;
	}
	if (family == AF_INET6)
		load_ip6(&w);
	else
		load_ip4(&w);
	put(&w, BPF_ALU | BPF_MUL | BPF_K, SPREAD);
	put(&w, BPF_ALU | BPF_RSH | BPF_K, 16);
	put(&w, BPF_ALU | BPF_MOD | BPF_K, members);
	put(&w, BPF_RET | BPF_A, 0);
	return w.count;
}

bool steer_hold(int fd, int family, unsigned members)
{
	struct sock_filter program[STEER_MAX];
	struct sock_fprog attach = {.filter = program};

	attach.len = (unsigned short)steer_program(family, members, program);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &attach, sizeof(attach)) == 0;
}

void steer_release(int fd)
{
	const int none = 0;

	if (setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &none, sizeof(none)) != 0 &&
	    errno != ENOENT)
		log_error("a port's group can't be released: %s", strerror(errno));
}
