/* SPDX-License-Identifier: ISC
 *
 * NAME      value - one configuration value, from text and back
 * PURPOSE   Parses a text by the type and range of its option, and prints the canonical text that
 *           parses back to the same value.
 * OWNER     master
 * CONTRACT  pure; no file access, no name lookups. Paths stay as they are given here; config makes
 *           them absolute.
 * LIMITS    CONF_TEXT_MAX - 1 bytes a text, CONF_LISTEN_MAX addresses a listen key,
 *           CONF_AUX_MAX auxiliary ports
 */
#ifndef SHACKD_MASTER_VALUE_H
#define SHACKD_MASTER_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/options.h"
#include "shm/addr.h"
#include "shm/conf.h"

/* Room for what is wrong with a value. */
#define VALUE_WHY_MAX 200

/* Only the members of the option's type mean something. NUMBER of a LEVEL or CHOICE is the index of
 * its word; NUMBER of WORKERS is 0 for "auto" until config resolves it. */
struct value {
	int64_t number;
	struct conf_dgids dgids;
	size_t listens;
	struct addr listen[CONF_LISTEN_MAX];
	size_t auxes;
	struct conf_aux aux[CONF_AUX_MAX];
	char text[CONF_TEXT_MAX]; /* TEXT, PATH, LOG, LEVEL, CHOICE */
};

/* Returns 0, or -1 with a sentence in WHY ("must be 1 to 64", with a hint in brackets if there is
 * one). VALUE_R is zeroed first. */
int value_parse(const struct option_def *option, const char *text, struct value *value_r,
		char why[VALUE_WHY_MAX]);

/* Would the kernel refuse to bind both? It picks a fresh port for every 0. */
bool value_collide(const struct addr *a, const struct addr *b);

/* The canonical text of VALUE. Returns BUF. */
const char *value_print(const struct option_def *option, const struct value *value, char *buf,
			size_t size);

#endif
