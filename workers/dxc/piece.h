/* SPDX-License-Identifier: ISC
 *
 * NAME      piece - a piece of the log of spots, and its lines
 * PURPOSE   What is read from the store once for all groups of sessions; a line is made once for all
 *           that want that format.
 * OWNER     dxc workers
 * CONTRACT  numbers that are missing (damaged records) are nobody's spots
 * LIMITS    PIECE_SPOTS spots
 */
#ifndef SHACKD_WORKERS_DXC_PIECE_H
#define SHACKD_WORKERS_DXC_PIECE_H

#include "shm/spot.h"
#include "shm/store/env.h"
#include "workers/render.h"

#define PIECE_SPOTS 512

struct piece_line {
	char *text; /* NULL: not made yet */
	size_t length;
};

struct piece {
	uint64_t from, to; /* all that is numbered from + 1 to `to` is here, unless damaged ... */
	uint64_t lost;	   /* ... but for the first LOST, which the log has no more */
	unsigned spots;
	struct {
		uint64_t number;
		struct spot spot;
	} item[PIECE_SPOTS];
	struct piece_base {
		char dx[CALL_TEXT_SIZE], de[CALL_TEXT_SIZE];
	} base[PIECE_SPOTS]; /* see piece_bases */
	bool based;
	/* by format and beep */
	struct piece_line line[FORMATS * 2][PIECE_SPOTS];
	char *text[FORMATS * 2]; /* where the lines are, NULL: none was made yet */
	size_t used[FORMATS * 2];
};

struct piece *piece_new(void);
void piece_free(struct piece **piece);

/* Reads what comes behind number AFTER, up to LAST at most. NEWEST_R: of the log. STORE_OK also when
 * nothing came: then from == to. */
enum store_error piece_load(struct piece *piece, struct store *spots, uint64_t after, uint64_t last,
			    uint64_t *newest_r);

/* The base calls of all that is in it. */
const struct piece_base *piece_bases(struct piece *piece);

/* The line of item INDEX, made when it has to be (*MADE is then counted up); NULL: no memory. */
const struct piece_line *piece_line(struct piece *piece, unsigned index, unsigned format, bool beep,
				    uint64_t *made);

#endif
