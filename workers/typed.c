/* SPDX-License-Identifier: ISC
 *
 * NAME      typed - when two spots of people are the same
 * PURPOSE   Takes from a spot what it is known by.
 * OWNER     spot and dxc workers
 * CONTRACT  see typed.h
 * LIMITS    none known
 */
#include "workers/typed.h"

#include <string.h>

static void letters_of(const struct spot *spot, char letters_r[TYPED_LETTERS])
{
	unsigned n = 0;

	for (unsigned i = 0; i < spot->comment_length && n < TYPED_LETTERS; i++) {
		char c = spot->comment[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
			letters_r[n++] = c;
	}
}

void typed_of(const struct spot *spot, struct typed *typed_r)
{
	uint64_t hz = spot->raw_hz != 0 ? spot->raw_hz : spot->hz;

	memset(typed_r, 0, sizeof(*typed_r));
	memcpy(typed_r->dx, spot->dx_raw[0] != '\0' ? spot->dx_raw : spot->dx, CALL_TEXT_SIZE);
	call_base(spot->de, typed_r->de);
	typed_r->khz = hz / 1000;
	typed_r->minute = spot->time / 60;
	letters_of(spot, typed_r->letters);
}
