/* SPDX-License-Identifier: ISC
 *
 * NAME      line - the lines of a list file
 * PURPOSE   See line.h.
 * OWNER     data, shackctl
 * CONTRACT  see line.h
 * LIMITS    see line.h
 */
#include "shm/line.h"

#include <string.h>

void lines_begin(struct lines *lines, const char *text, size_t length)
{
	size_t mark = length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	*lines = (struct lines){.at = text + mark, .end = text + length};
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static void trim(const char **line, size_t *length)
{
	while (*length > 0 && is_blank((*line)[0])) {
		(*line)++;
		(*length)--;
	}
	while (*length > 0 && is_blank((*line)[*length - 1]))
		(*length)--;
}

bool lines_next(struct lines *lines, const char **line_r, size_t *length_r)
{
	const char *end;

	if (lines->at >= lines->end)
		return false;
	end = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
	if (end == NULL)
		end = lines->end;
	*line_r = lines->at;
	*length_r = (size_t)(end - lines->at);
	trim(line_r, length_r);
	lines->at = end < lines->end ? end + 1 : end;
	lines->number++;
	return true;
}

enum line_kind line_look(const char *line, size_t length, const char **why_r)
{
	if (length == 0 || line[0] == '#')
		return LINE_NOTHING;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)line[i];

		*why_r = c > 0x7e ? "holds a character that no call, gateway or host has"
				  : "holds a control character";
		if (c > 0x7e || (c < 0x20 && c != '\t'))
			return LINE_BAD;
	}
	*why_r = "is longer than any rule";
	return length > LINE_MAX_BYTES ? LINE_BAD : LINE_RULE;
}

bool line_field(const char **line, size_t *length, const char **field_r, size_t *size_r)
{
	const char *colon;

	if (*line == NULL)
		return false;
	colon = memchr(*line, ':', *length);
	*field_r = *line;
	*size_r = colon != NULL ? (size_t)(colon - *line) : *length;
	*line = colon != NULL ? colon + 1 : NULL;
	*length = colon != NULL ? *length - *size_r - 1 : 0;
	trim(field_r, size_r);
	return true;
}

bool line_copy(char *dst, size_t size, const char *field, size_t length)
{
	if (length == 0 || length >= size)
		return false;
	memset(dst, 0, size);
	memcpy(dst, field, length);
	return true;
}
