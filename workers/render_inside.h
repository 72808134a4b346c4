/* SPDX-License-Identifier: ISC
 *
 * NAME      render_inside - what the files of render share
 * PURPOSE   A line that is being built, and what every layout does alike to a spot's texts.
 * OWNER     render.c, render_json.c
 * CONTRACT  a line never grows beyond its end: what does not fit is left out
 * LIMITS    RENDER_MAX
 */
#ifndef SHACKD_WORKERS_RENDER_INSIDE_H
#define SHACKD_WORKERS_RENDER_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "workers/render.h"

struct line {
	char *text;
	size_t length, size;
};

static inline void line_char(struct line *line, char c)
{
	if (line->length < line->size)
		line->text[line->length++] = c;
}

static inline void line_bytes(struct line *line, const char *text, size_t length)
{
	size_t room = line->size - line->length;

	length = length < room ? length : room;
	memcpy(line->text + line->length, text, length);
	line->length += length;
}

static inline void line_text(struct line *line, const char *text)
{
	line_bytes(line, text, strlen(text));
}

/* Blanks up to COLUMN characters. */
static inline void line_pad(struct line *line, size_t column)
{
	while (line->length < column && line->length < line->size)
		line_char(line, ' ');
}

/* At most MOST characters of TEXT. */
static inline void line_cut(struct line *line, const char *text, size_t most)
{
	line_bytes(line, text, strnlen(text, most));
}

void line_number(struct line *line, int64_t number);

/* Length of the UTF-8 character at TEXT (1 to 4), of LENGTH bytes; 0: what is there is none. */
size_t render_character(const char *text, size_t length);

void render_json(struct line *line, uint64_t number, const struct spot *spot);

#endif
