/* SPDX-License-Identifier: ISC
 *
 * NAME      piece - a piece of the log of spots, and its lines
 * PURPOSE   See workers/dxc/piece.h.
 * OWNER     dxc workers
 * CONTRACT  see workers/dxc/piece.h
 * LIMITS    see workers/dxc/piece.h
 */
#include "workers/dxc/piece.h"

#include <stdlib.h>

#include "shm/store/spots.h"

struct piece *piece_new(void)
{
	return calloc(1, sizeof(struct piece));
}

void piece_free(struct piece **piece)
{
	if (*piece == NULL)
		return;
	for (unsigned i = 0; i < FORMATS * 2; i++)
		free((*piece)->text[i]);
	free(*piece);
	*piece = NULL;
}

static bool keep(uint64_t number, const struct spot *spot, void *arg)
{
	struct piece *piece = arg;

	piece->item[piece->spots].number = number;
	piece->item[piece->spots++].spot = *spot;
	return true;
}

static void empty(struct piece *piece, uint64_t after)
{
	piece->from = after;
	piece->to = after;
	piece->lost = 0;
	piece->based = false;
	for (unsigned i = 0; i < FORMATS * 2; i++) {
		for (unsigned j = 0; piece->used[i] > 0 && j < piece->spots; j++)
			piece->line[i][j].text = NULL;
		piece->used[i] = 0;
	}
	piece->spots = 0;
}

enum store_error piece_load(struct piece *piece, struct store *spots, uint64_t after, uint64_t last,
			    uint64_t *newest_r)
{
	uint64_t oldest, begin, most;
	struct store_txn txn;
	enum store_error error;

	empty(piece, after);
	store_read(spots, &txn);
	*newest_r = spots_newest(&txn);
	oldest = spots_oldest(&txn);
	if (last > *newest_r)
		last = *newest_r;
	if (txn.error == STORE_OK && last > after) {
		begin = oldest > after + 1 ? oldest : after + 1;
		if (begin > last)
			begin = last + 1;
		most = last + 1 - begin;
		if (most > PIECE_SPOTS)
			most = PIECE_SPOTS;
		piece->lost = begin - after - 1;
		piece->to = begin - 1;
		if (most > 0)
			piece->to += spots_each(&txn, begin, (unsigned)most, keep, piece);
	}
	error = store_end(&txn);
	if (error != STORE_OK)
		empty(piece, after);
	return error;
}

const struct piece_base *piece_bases(struct piece *piece)
{
	for (unsigned i = 0; !piece->based && i < piece->spots; i++) {
		call_base(piece->item[i].spot.dx, piece->base[i].dx);
		call_base(piece->item[i].spot.de, piece->base[i].de);
	}
	piece->based = true;
	return piece->base;
}

const struct piece_line *piece_line(struct piece *piece, unsigned index, unsigned format, bool beep,
				    uint64_t *made)
{
	unsigned kind = format * 2 + beep;
	struct piece_line *line = &piece->line[kind][index];

	if (line->text != NULL)
		return line;
	if (piece->text[kind] == NULL)
		piece->text[kind] = malloc((size_t)PIECE_SPOTS * RENDER_MAX);
	if (piece->text[kind] == NULL)
		return NULL;
	line->text = piece->text[kind] + piece->used[kind];
	line->length = render_spot(format, piece->item[index].number, &piece->item[index].spot,
				   beep, line->text);
	piece->used[kind] += line->length;
	(*made)++;
	return line;
}
