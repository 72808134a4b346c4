/* SPDX-License-Identifier: ISC
 *
 * NAME      key - a public key as operators write it
 * PURPOSE   server.upgrade_key is checked with the configuration and used by an upgrade; both read
 *           it the same way.
 * OWNER     master, shackctl
 * CONTRACT  pure; libsodium need not be initialized
 * LIMITS    none known
 */
#ifndef SHACKD_MASTER_KEY_H
#define SHACKD_MASTER_KEY_H

#include <stdbool.h>
#include <stdint.h>

#define KEY_BYTES 32

/* TEXT is 64 hexadecimal digits, or base64 with or without its padding. False: it is no key. */
bool key_read(const char *text, uint8_t key_r[KEY_BYTES]);

#endif
