/* SPDX-License-Identifier: ISC
 *
 * NAME      text - small, bounded text handling
 * PURPOSE   Copy, trim, number and duration texts the same way everywhere, with their bounds.
 * OWNER     every process
 * CONTRACT  pure; results are always NUL-terminated
 * LIMITS    ASCII only, but for text_is_utf8
 */
#ifndef SHACKD_SHM_TEXT_H
#define SHACKD_SHM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies as much of SRC as fits SIZE bytes; returns false when it was cut. */
bool text_copy(char *dst, size_t size, const char *src);

/* Copies LEN bytes of a blank- or NUL-padded field, makes other control and 8-bit bytes blank and
 * trims both ends. DST needs LEN + 1 bytes. Returns the length. */
size_t text_from_field(char *dst, const void *field, size_t len);

/* Cuts blanks and tabs from both ends, in place; returns the new start. */
char *text_trim(char *text);

/* Whole-text decimal number with optional sign. Returns 0, or -1 (empty, rubbish, out of range). */
int text_number(const char *text, int64_t *value_r);

/* "60", "60s", "200ms", "15m", "2h", "7d": nanoseconds (a bare number is seconds). 0 or -1. */
int text_duration(const char *text, int64_t *ns_r);

/* "512", "4k", "16M", "1G" (powers of 1024): bytes. 0 or -1. */
int text_size(const char *text, int64_t *bytes_r);

/* yes/no, on/off, true/false, 1/0 in any case: 0 with VALUE_R, or -1. */
int text_bool(const char *text, bool *value_r);

/* The shortest form that text_duration reads back: "15m", "200ms". Returns BUF. */
const char *text_duration_print(int64_t ns, char *buf, size_t size);

/* The same for text_size. */
const char *text_size_print(int64_t bytes, char *buf, size_t size);

/* Edits (insert, delete, replace, swap of neighbours) between two short words; for suggestions. */
unsigned text_distance(const char *a, const char *b);

/* Valid UTF-8 without NUL, LEN bytes. */
bool text_is_utf8(const char *text, size_t len);

#endif
