/* SPDX-License-Identifier: ISC
 *
 * NAME      key - a public key as operators write it
 * PURPOSE   See key.h.
 * OWNER     master, shackctl
 * CONTRACT  see key.h
 * LIMITS    none known
 */
#include "master/key.h"

#include <sodium.h>
#include <string.h>

_Static_assert(KEY_BYTES == crypto_sign_PUBLICKEYBYTES, "an Ed25519 public key");

bool key_read(const char *text, uint8_t key_r[KEY_BYTES])
{
	size_t length = strlen(text), have = 0;

	if (length == 2 * KEY_BYTES)
		return sodium_hex2bin(key_r, KEY_BYTES, text, length, NULL, &have, NULL) == 0 &&
		       have == KEY_BYTES;
	for (int form = 0; form < 2; form++)
		if (sodium_base642bin(key_r, KEY_BYTES, text, length, NULL, &have, NULL,
				      form == 0 ? sodium_base64_VARIANT_ORIGINAL
						: sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
		    have == KEY_BYTES)
			return true;
	return false;
}
