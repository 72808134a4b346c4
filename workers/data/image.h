/* SPDX-License-Identifier: ISC
 *
 * NAME      image - a list while it is laid out
 * PURPOSE   The pieces that every compiled list is made of: its head, room for what it holds, tables
 *           with an index, and the seal at the end.
 * OWNER     data
 * CONTRACT  DATA moves whenever the image grows: keep offsets, not pointers. When a table was
 *           LAID_BADLY, begin anew (with another key) up to IMAGE_TRIES times.
 * LIMITS    LIST_SIZE_MAX bytes
 */
#ifndef SHACKD_WORKERS_DATA_IMAGE_H
#define SHACKD_WORKERS_DATA_IMAGE_H

#include "workers/data/compile.h"

#define IMAGE_TRIES 8

struct image {
	uint8_t *data;
	size_t size, room;
};

enum laid { LAID, LAID_BADLY, LAID_NO_MEMORY };

/* Makes room for a head of HEAD bytes, all of them zero. False: no memory. */
bool image_begin(struct image *image, size_t head);
void image_head(struct image *image, enum list_kind kind, unsigned version);
/* SIZE zero bytes more, at a multiple of 8. Returns where, 0: no memory. */
size_t image_space(struct image *image, size_t size);
/* Lays ROWS out and describes them in TABLE_R. */
enum laid image_table(struct image *image, const struct rows *rows, unsigned try,
		      struct list_table *table_r, const struct compile_help *help);
/* Both free the image. A sealed memfd, or -1 with errno; always -1 with ERROR. */
int image_seal(struct image *image, enum list_kind kind);
int image_give_up(struct image *image, int error);

#endif
