/* SPDX-License-Identifier: ISC
 *
 * NAME      query_inside - what the two halves of query share
 * PURPOSE   The codes of a query's program: query_parse.c writes it, query.c runs it.
 * OWNER     query.c, query_parse.c
 * CONTRACT  a program leaves one value, or none when it is empty
 * LIMITS    QUERY_STACK values at a time
 */
#ifndef SHACKD_WORKERS_DXC_QUERY_INSIDE_H
#define SHACKD_WORKERS_DXC_QUERY_INSIDE_H

#include "workers/dxc/query.h"

/* Codes below QUERY_TERMS are terms. */
enum query_code { QUERY_AND = QUERY_TERMS, QUERY_OR, QUERY_NOT };

/* Each open parenthesis holds one value back, and a term adds one. */
#define QUERY_STACK (2 * QUERY_DEPTH + 4)

static inline char query_upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

#endif
