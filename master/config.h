/* SPDX-License-Identifier: ISC
 *
 * NAME      config - the effective configuration
 * PURPOSE   Defaults, then the file, then what -o says; each value checked by itself and then
 *           against the others. What it hands out can be obeyed without another look.
 * OWNER     master
 * CONTRACT  immutable once in force; every key has a value; paths are absolute; "auto", empty names
 *           and wildcards are resolved
 * LIMITS    none known
 */
#ifndef SHACKD_MASTER_CONFIG_H
#define SHACKD_MASTER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/problems.h"
#include "master/value.h"
#include "shm/conf.h"

#define CONFIG_FILE_DEFAULT "/etc/shackd/shackd.ini"

struct config_request {
	const char *file;	/* of -c; NULL: CONFIG_FILE_DEFAULT, which may be missing */
	const char *const *set; /* of -o, SECTION.KEY=VALUE each */
	size_t sets;
	bool foreground;       /* of -f: server.log is stderr unless said otherwise */
	const char *directory; /* absolute; relative FILE and paths in SET start here. NULL: the
				* working directory. Remember it before chdir for a reload. */
	bool lenient; /* leave out keys that this build does not know: another build wrote it */
};

struct config;

/* Returns 0 and a configuration that is the caller's (config_destroy), or -1 with at least one
 * finding added to PROBLEMS and CONFIG_R set to NULL. */
int config_load(struct config **config_r, const struct config_request *request,
		struct problems *problems);
void config_destroy(struct config **config);

/* The same for SIZE bytes that were read already; REQUEST's file is only a name then. */
int config_parse(struct config **config_r, const struct config_request *request, const char *data,
		 size_t size, struct problems *problems);

/* False when there was no file at the default path, so that everything is default or -o. */
bool config_has_file(const struct config *config);

/* Accessors; the type is in shm/options.def. Texts live as long as CONFIG. */
int64_t config_number(const struct config *config, enum conf_key key);
bool config_bool(const struct config *config, enum conf_key key);
const char *config_text(const struct config *config, enum conf_key key);
const struct addr *config_listen(const struct config *config, enum conf_key key, size_t *count_r);
const struct value *config_value(const struct config *config, enum conf_key key);

/* One thing that the reflector listens on. */
struct config_listener {
	struct addr addr;
	uint8_t dgid; /* of its auxiliary port; 0: it is an address of ysf.listen */
};

/* The addresses of ysf.listen, then those of ysf.aux_ports: each at every distinct host of
 * ysf.listen. LISTENER_R has CONF_LISTEN_MAX places; returns how many there are, which is more
 * than that only while the configuration is being checked. */
size_t config_listeners(const struct config *config, struct config_listener *listener_r);

/* Is there to be a DX cluster? It needs a call sign. */
bool config_wants_cluster(const struct config *config);

/* Where the operator wrote KEY: "FILE:LINE: ", "-o ", or "" for a default. Returns BUF. */
const char *config_where(const struct config *config, enum conf_key key, char *buf, size_t size);

/* The sections of a group, in the order of the file, then those that only -o has. KEY is one of the
 * group's keys. */
size_t config_group_count(const struct config *config, enum conf_group group);
const char *config_group_name(const struct config *config, enum conf_group group, size_t member);
const struct value *config_group_value(const struct config *config, size_t member,
				       enum conf_key key);

/* Was the value left open ("auto")? */
bool config_is_open(const struct config *config, enum conf_key key);

/* Puts the value that KEY has in OTHER into CONFIG: a reload may not change every key.
 * Not for keys of groups, which are all LIVE. */
void config_keep(struct config *config, const struct config *other, enum conf_key key);

/* The members that GROUP has in OTHER, in exchange for ours. */
void config_swap_group(struct config *config, struct config *other, enum conf_group group);

/* Same effective value in both? Of a group's key: the same in the same members? */
bool config_equal(const struct config *a, const struct config *b, enum conf_key key);

#endif
