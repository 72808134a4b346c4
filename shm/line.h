/* SPDX-License-Identifier: ISC
 *
 * NAME      line - the lines of a list file
 * PURPOSE   Cuts a file of any origin into lines, and says what all formats have in common:
 *           comments, blanks, and what can't be right in any of them.
 * OWNER     data, shackctl
 * CONTRACT  pure; a line is a piece of the file, not a copy
 * LIMITS    LINE_MAX_BYTES bytes a line
 */
#ifndef SHACKD_SHM_LINE_H
#define SHACKD_SHM_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest good line is "IPB:" and a host name of 253 characters. */
#define LINE_MAX_BYTES 300

enum line_kind {
	LINE_NOTHING, /* empty, or a comment */
	LINE_RULE,
	LINE_BAD,
};

/* A place in a file that is read into memory. */
struct lines {
	const char *at, *end;
	uint32_t number; /* of the line given last, from 1 */
};

/* A byte order mark of UTF-8 is passed over. */
void lines_begin(struct lines *lines, const char *text, size_t length);

/* The next line, without its end (LF or CR LF) and the blanks on both sides. False: no more. */
bool lines_next(struct lines *lines, const char **line_r, size_t *length_r);

/* LINE_NOTHING; LINE_BAD with a reason in WHY_R; LINE_RULE: worth a closer look, all of it
 * printable ASCII. */
enum line_kind line_look(const char *line, size_t length, const char **why_r);

/* Cuts the next field off *LINE at the first colon, without the blanks around it. False: no field
 * is left. */
bool line_field(const char **line, size_t *length, const char **field_r, size_t *size_r);

/* Copies a field of 1 to SIZE - 1 bytes, padded with NULs. False: empty or too long. */
bool line_copy(char *dst, size_t size, const char *field, size_t length);

#endif
