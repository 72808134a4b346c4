/* SPDX-License-Identifier: ISC
 *
 * NAME      telnet - options and line editing
 * PURPOSE   What a terminal sends beside text: negotiation, erasing, ends of lines of all kinds.
 * OWNER     dxc workers
 * CONTRACT  pure; its state is a struct telnet in the session's record, so that a successor goes on in
 *           the middle of an option. Each option is answered once: we do nothing that a terminal may
 *           ask for, and want nothing that it offers but its width.
 * LIMITS    TELNET_PIECE bytes of a line with all that is in it; TELNET_SUB bytes of a
 *           subnegotiation, the rest up to its end or to the next LF is thrown away
 */
#ifndef SHACKD_WORKERS_DXC_TELNET_H
#define SHACKD_WORKERS_DXC_TELNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TELNET_SUB     256
#define TELNET_PIECE   1024
#define TELNET_LINE    1000 /* greatest line */
#define TELNET_ANSWERS 192  /* bytes of answers to one piece; what is beyond is never answered */

struct telnet {
	uint8_t state;	      /* where it is in an option */
	uint8_t verb;	      /* WILL, WONT, DO or DONT, while its option is awaited */
	uint8_t after_cr;     /* an LF or NUL that comes now belongs to the CR before it */
	uint8_t discards;     /* inside a line that is too long */
	uint32_t answered[8]; /* options that were answered: WILL in words 0-3, DO in 4-7 (options
			       * above 127 share one bit) */
	uint16_t width;	      /* from NAWS; 0: unknown */
	uint16_t sub;	      /* bytes of the subnegotiation so far */
	uint8_t echo_off;     /* we said WILL ECHO, for a password */
	uint8_t reserved[3];
	uint32_t reserved_too;
};

/* What a piece of input was. */
struct telnet_piece {
	bool line;     /* TEXT is a line; else there was nothing to act upon */
	bool too_long; /* a line, or the start of one, was thrown away: said once for each */
	size_t length;
	char text[TELNET_LINE + 1]; /* as edited, NUL-terminated; bytes from 0x80 on may be in it */
	size_t answers_length;
	uint8_t answers[TELNET_ANSWERS];
};

/* How many of the LENGTH bytes at TEXT belong to the next piece: a line with its end (LF, CR, CR LF,
 * CR NUL), or what comes before text, or part of what is too long. 0: wait for more. Never more than
 * TELNET_PIECE, and not 0 when so many are there. */
size_t telnet_find(const struct telnet *telnet, const uint8_t *text, size_t length);

/* Takes a piece, as telnet_find cut it; lines longer than MOST (at most TELNET_LINE) are too long. */
void telnet_take(struct telnet *telnet, const uint8_t *text, size_t length, size_t most,
		 struct telnet_piece *piece_r);

/* The bytes that switch the terminal's own echo off, for a password, or on again. Returns their
 * number, 0 when it is so already. */
size_t telnet_echo(struct telnet *telnet, bool off, uint8_t bytes_r[3]);

#endif
