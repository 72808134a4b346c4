/* SPDX-License-Identifier: ISC
 *
 * NAME      candidate - may this file become the daemon?
 * PURPOSE   Opens the executable of another build and looks at everything that can be known of it
 *           without running it: who could have written it, what machine it is for, who signed it.
 * OWNER     master
 * CONTRACT  what was looked at is what is executed: the descriptor, never the name again
 * LIMITS    CANDIDATE_MAX bytes
 */
#ifndef SHACKD_MASTER_UPGRADE_CANDIDATE_H
#define SHACKD_MASTER_UPGRADE_CANDIDATE_H

#include <stdbool.h>

#define CANDIDATE_WHY_MAX 320
#define CANDIDATE_MAX	  (512U * 1024 * 1024)

/* Opens PATH (absolute). KEY: Ed25519 public key as hex or base64, "" for none; with one, PATH.sig
 * must hold the signature (64 bytes) of the whole file. Returns the descriptor, or -1 with a
 * sentence. */
int candidate_open(const char *path, const char *key, char why_r[CANDIDATE_WHY_MAX]);

#endif
