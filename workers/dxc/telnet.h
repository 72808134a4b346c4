/* SPDX-License-Identifier: ISC
 *
 * NAME      telnet - options and line editing
 * PURPOSE   What a terminal sends beside text: negotiation, erasing, ends of lines of all kinds.
 * OWNER     dxc workers
 * CONTRACT  pure; its state is a struct telnet in the session's record, so that a successor goes on in
 *           the middle of an option. Each option is answered once.
 * LIMITS    TELNET_SUB bytes of a subnegotiation
 */
#ifndef SHACKD_WORKERS_DXC_TELNET_H
#define SHACKD_WORKERS_DXC_TELNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TELNET_SUB 256

struct telnet {
	uint8_t reserved[4];
	uint32_t answered[8]; /* options that were answered: WILL in words 0-3, DO in 4-7 (options
			       * above 127 share one bit) */
	uint16_t width;	      /* from NAWS; 0: unknown */
	uint8_t echo_off;     /* we said WILL ECHO, for a password */
	uint8_t reserved_too;
};

#endif
