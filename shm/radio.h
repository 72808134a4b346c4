/* SPDX-License-Identifier: ISC
 *
 * NAME      radio - models of transceivers
 * PURPOSE   What a radio code (the fifth byte of a GPS block) stands for: the model's name, and the
 *           symbol that it has on an APRS map.
 * OWNER     pure; ysf for its log and events, link for position reports
 * CONTRACT  every code has an answer: an unknown one is named by its number
 * LIMITS    RADIO_NAME_MAX bytes a name with its NUL
 */
#ifndef SHACKD_SHM_RADIO_H
#define SHACKD_SHM_RADIO_H

#include <stdbool.h>
#include <stdint.h>

#define RADIO_NAME_MAX 12

/* Is there a model of that code (YSF protocol)? 0 is none: nothing was said. */
bool radio_known(uint8_t code);

/* "FT-3D"; "<0x99>", in lower case, of a code that is not known. Returns BUF. */
const char *radio_name(uint8_t code, char buf[RADIO_NAME_MAX]);

/* Code of the primary APRS symbol table: '[' a portable, '>' a mobile, '-' a repeater or a house;
 * '[' of a code that is not known. */
char radio_symbol(uint8_t code);

#endif
