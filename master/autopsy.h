/* SPDX-License-Identifier: ISC
 *
 * NAME      autopsy - what a dead worker wrote about its death
 * PURPOSE   Takes the report out of the slot's page, tells the log in one line, and gives keeper
 *           the whole of it to keep in a file.
 * OWNER     master
 * CONTRACT  every word of a report is somebody else's: numbers are bounded, texts made printable
 * LIMITS    one report a slot waits for keeper; a newer one takes its place and is counted
 */
#ifndef SHACKD_MASTER_AUTOPSY_H
#define SHACKD_MASTER_AUTOPSY_H

#include <jansson.h>
#include <stdbool.h>

#include "master/master.h"

/* The slot's holder is dead and its successor not forked yet. */
void autopsy_take(struct slot *slot);

/* Sends waiting reports. False with errno when the socket took one not. */
bool autopsy_flush(struct slot *keeper);

/* The slot's last report for `workers`; null when there is none. */
json_t *autopsy_json(const struct slot *slot);

/* "shackd+0x1f2a": FRAME of REPORT. One that is a caller is shown as the address of its call and
 * not of what comes after it, so that a tool names the right line. Pure. */
#define AUTOPSY_FRAME_MAX 48
const char *autopsy_frame(const struct page_crash *report, unsigned frame,
			  char buf[AUTOPSY_FRAME_MAX]);

/* Makes every number and text of a report harmless. Pure. */
void autopsy_clean(struct page_crash *report);

#endif
