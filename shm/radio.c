/* SPDX-License-Identifier: ISC
 *
 * NAME      radio - models of transceivers
 * PURPOSE   See radio.h.
 * OWNER     pure
 * CONTRACT  see radio.h
 * LIMITS    see radio.h
 */
#include "shm/radio.h"

#include <stddef.h>
#include <stdio.h>

#define HOUSE	 '-'
#define PORTABLE '['
#define MOBILE	 '>'

static const struct model {
	char name[RADIO_NAME_MAX];
	char symbol;
} models[256] = {
	[0x20] = {"DR-2X", HOUSE},	[0x24] = {"FT-1D", PORTABLE},
	[0x25] = {"FTM-400D", MOBILE},	[0x26] = {"DR-1X", HOUSE},
	[0x27] = {"FT-991A", HOUSE},	[0x28] = {"FT-2D", PORTABLE},
	[0x29] = {"FTM-100D", MOBILE},	[0x2a] = {"FTM-3200D", MOBILE},
	[0x2b] = {"FT-70D", PORTABLE},	[0x2d] = {"FTM-3207D", MOBILE},
	[0x2e] = {"FTM-7250D", MOBILE}, [0x30] = {"FT-3D", PORTABLE},
	[0x31] = {"FTM-300D", MOBILE},	[0x32] = {"FTM-200D", MOBILE},
	[0x33] = {"FT-5D", PORTABLE},	[0x34] = {"FTM-500D", MOBILE},
	[0x35] = {"FTM-510D", MOBILE},	[0x37] = {"FTM-310D", MOBILE},
};

bool radio_known(uint8_t code)
{
	return models[code].name[0] != '\0';
}

const char *radio_name(uint8_t code, char buf[RADIO_NAME_MAX])
{
	if (radio_known(code))
		snprintf(buf, RADIO_NAME_MAX, "%s", models[code].name);
	else
		snprintf(buf, RADIO_NAME_MAX, "<0x%02x>", code);
	return buf;
}

char radio_symbol(uint8_t code)
{
	return radio_known(code) ? models[code].symbol : PORTABLE;
}
