/* SPDX-License-Identifier: ISC
 *
 * NAME      call - call signs of the DX cluster
 * PURPOSE   One normal form and one notion of validity for whoever spots, is spotted, or logs in.
 * OWNER     feed, spot, dxc, data, keeper, and the master (dxc.node_call)
 * CONTRACT  pure; bytes in, text out; results are NUL-terminated, upper case
 * LIMITS    CALL_TEXT_MAX characters
 */
#ifndef SHACKD_SHM_CALL_H
#define SHACKD_SHM_CALL_H

#include <stdbool.h>
#include <stddef.h>

#define CALL_TEXT_MAX  15
#define CALL_TEXT_SIZE 16 /* with the NUL; records pad with NULs */

/* Trims, upper-cases, makes every '.' a '/', removes one trailing '/', trims again. False (CALL_R
 * empty) when the result is longer than CALL_TEXT_MAX or holds a NUL. Says nothing of validity. */
bool call_normalise(const char *text, size_t length, char call_r[CALL_TEXT_SIZE]);

/* Is a normalised call one? 3 to 15 signs of A-Z 0-9 / - #; a letter and a digit; segments that are
 * not empty and at most ten long; three slashes at most; '#' only as a final "-#". */
bool call_valid(const char *call);

/* The stricter shape of an amateur's own call, for logins and spots that people type: a prefix of up
 * to five signs and a slash or none; [0-9]?[A-Z]{1,2}[0-9]{1,5}[A-Z]{1,8}; up to two suffixes of up
 * to seven signs; -0 to -99 or none. */
bool call_amateur(const char *call);

/* The call without what was added to it: "-#", one SSID, prefixes and suffixes (the longest segment
 * with a digit). KH6/W1AW and W1AW-2: W1AW. */
void call_base(const char *call, char base_r[CALL_TEXT_SIZE]);

/* As a spotter is shown to users: N2WQ-1-# becomes N2WQ-#, all others stay. */
void call_collapse(const char *call, char shown_r[CALL_TEXT_SIZE]);

/* A Maidenhead locator of 4, 6, 8 or 10 signs, any case. */
bool call_is_grid(const char *text, size_t length);

#endif
