/* SPDX-License-Identifier: ISC
 *
 * NAME      render - a spot as a line
 * PURPOSE   The layouts that users choose from.
 * OWNER     dxc workers; keeper for `shackctl spots`
 * CONTRACT  pure: the same spot and format give the same bytes in every process of this build, for a
 *           line that was half sent is rendered again by a successor. Whatever the spot holds, the
 *           line is one: printable ASCII, then CR LF; no escape, no second "DX de" at its start.
 * LIMITS    RENDER_MAX bytes
 */
#ifndef SHACKD_WORKERS_RENDER_H
#define SHACKD_WORKERS_RENDER_H

#include "shm/spot.h"

#define RENDER_MAX 1280

/* Numbers are stored with users. */
enum spot_format { FORMAT_SPIDER = 0, FORMAT_WIDE78 = 1, FORMAT_RBN = 2, FORMAT_JSON = 3, FORMATS };

const char *format_name(unsigned format);		/* "SPIDER" */
unsigned format_parse(const char *text, size_t length); /* FORMATS: unknown */

/* The live line with its CR LF (BEEP: two BEL before them). NUMBER is the spot's in the log. Returns
 * its length. */
size_t render_spot(unsigned format, uint64_t number, const struct spot *spot, bool beep,
		   char line_r[RENDER_MAX]);

/* The line of SHOW/DX in that session format: WIDE78 and RBN as live, SPIDER as DXSpider's sh/dx,
 * JSON an object. */
size_t render_history(unsigned format, uint64_t number, const struct spot *spot, unsigned width,
		      char line_r[RENDER_MAX]);

/* DXSpider's line without its end, with what a session wants to see in the end of the comment and
 * behind the time (" FM19", " 14"; NULL: nothing). Returns its length. */
size_t render_spider(const struct spot *spot, const char *inside, const char *behind,
		     char line_r[RENDER_MAX]);

#endif
