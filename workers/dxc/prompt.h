/* SPDX-License-Identifier: ISC
 *
 * NAME      prompt - the line that says "your turn"
 * PURPOSE   DXSpider's, CC Cluster's and AR-Cluster's prompts, a user's own, or none.
 * OWNER     dxc workers
 * CONTRACT  pure. Codes in the text: %C call (in parentheses when away), %M node, %D date, %T time,
 *           %B bell, %% percent sign; of anything else the percent sign stays (DXSpider)
 * LIMITS    PROMPT_MAX bytes
 */
#ifndef SHACKD_WORKERS_DXC_PROMPT_H
#define SHACKD_WORKERS_DXC_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROMPT_MAX 320

/* Numbers are stored with users. */
enum prompt_kind { PROMPT_OFF, PROMPT_SPIDER, PROMPT_CC, PROMPT_AR, PROMPT_OWN, PROMPTS };

struct prompt {
	const char *call, *node;
	bool away;
	uint64_t now; /* clock_real */
};

/* The kind that dxc.prompt names; PROMPTS: none. */
unsigned prompt_parse(const char *name);

/* KIND's text, or OWN of PROMPT_OWN, filled in; without an end. Returns its length, 0: no prompt. */
size_t prompt_text(unsigned kind, const char *own, const struct prompt *prompt,
		   char text_r[PROMPT_MAX]);

#endif
