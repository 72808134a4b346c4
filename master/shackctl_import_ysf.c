/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_import_ysf - YSFReflector.ini
 * PURPOSE   What G4KLX's YSFReflector means by its keys: one room for all, nobody cut, calls that
 *           are joined in their midst.
 * OWNER     shackctl
 * CONTRACT  see shackctl_import_map.h
 * LIMITS    none known
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "master/options.h"
#include "master/shackctl_import.h"
#include "master/shackctl_import_map.h"
#include "shm/text.h"

/* The DG-ID of the one room. Radios ask for 0 or for what they were set to; none of that moves. */
#define ROOM "1"

/* As atoi(3) reads it: 0 for what is no number. */
static int64_t get_int(struct import_map *map, const char *section, const char *key,
		       int64_t missing)
{
	const char *text = peer_ini_get(map->ini, section, key);

	return text != NULL ? strtol(text, NULL, 10) : missing;
}

static const char *get(struct import_map *map, const char *section, const char *key)
{
	const char *text = peer_ini_get(map->ini, section, key);

	return text != NULL ? text : "";
}

void import_log(struct import_map *map, const char *path, const char *root, bool by_day)
{
	char folder[PATH_MAX], name[2 * PATH_MAX], text[CONF_TEXT_MAX] = "";
	size_t at = 0;

	if (!import_path(map->directory, path, folder, sizeof(folder)))
		return;
	if (path[0] != '/')
		outcome_remark(map->out, CONF_YSF_MMDVM_LOG,
			       "[Log] FilePath = %.100s is relative: it is looked for beside the "
			       "file that this was made of.",
			       path);
	snprintf(name, sizeof(name), "%s%s%.255s", folder,
		 folder[strlen(folder) - 1] == '/' ? "" : "/", root);
	/* conversions are filled in: a percent sign has to be two */
	for (const char *c = name; *c != '\0' && at + 24 < sizeof(text); c++) {
		text[at++] = *c;
		if (*c == '%')
			text[at++] = '%';
	}
	snprintf(text + at, sizeof(text) - at, "%s.log", by_day ? "-%Y-%m-%d" : "");
	outcome_text(map->out, CONF_YSF_MMDVM_LOG, "[Log] FilePath and FileRoot", text);
}

void import_leftovers(struct import_map *map, const struct import_left *known, size_t count,
		      const char *others)
{
	for (size_t i = 0; i < map->ini->count; i++) {
		const struct peer_pair *pair = &map->ini->pair[i];
		const char *why = others;

		if (pair->used)
			continue;
		for (size_t k = 0; k < count; k++)
			if (strcmp(known[k].section, pair->section) == 0 &&
			    strcmp(known[k].key, pair->key) == 0)
				why = known[k].why;
		outcome_remark(map->out, OUTCOME_GENERAL, "[%.40s] %.60s = %.100s (line %d): %s.",
			       pair->section, pair->key, pair->value, pair->line, why);
	}
}

static void map_log(struct import_map *map)
{
	const char *path = get(map, "Log", "FilePath"), *root = get(map, "Log", "FileRoot");
	int64_t level = get_int(map, "Log", "FileLevel", 0);
	bool by_day = get_int(map, "Log", "FileRotate", 1) == 1;

	if (level == 0) {
		outcome_remark(map->out, CONF_YSF_MMDVM_LOG, "[Log] FileLevel = 0: no file.");
		outcome_text(map->out, CONF_YSF_MMDVM_LOG, "[Log] FileLevel", "");
		return;
	}
	if (*root == '\0') {
		outcome_remark(map->out, CONF_YSF_MMDVM_LOG, "[Log] FileRoot is missing: no file.");
		return;
	}
	import_log(map, *path != '\0' ? path : "/", root, by_day);
	if (level > 2)
		outcome_remark(map->out, CONF_YSF_MMDVM_LOG,
			       "[Log] FileLevel = %d: calls and links are written all the same.",
			       (int)level);
}

static void map_network(struct import_map *map)
{
	int64_t port = get_int(map, "Network", "Port", 0);
	char text[32];

	if (port < 1 || port > UINT16_MAX) {
		outcome_remark(map->out, CONF_YSF_LISTEN,
			       "[Network] Port is missing or no port: 42000 stands for it.");
		port = 42000;
	}
	snprintf(text, sizeof(text), "*:%d", (int)port);
	outcome_text(map->out, CONF_YSF_LISTEN, "[Network] Port", text);
	/* the default place is taken by a reflector at that port */
	if (port == 42001)
		outcome_text(map->out, CONF_YSF_DASHBOARD_LISTEN, "[Network] Port", "");
}

static void map_list(struct import_map *map)
{
	const char *file = get(map, "Block List", "File");
	int64_t minutes = get_int(map, "Block List", "Time", 5);

	outcome_text(map->out, CONF_ACCESS_FORMAT, "the form of the block list", "ysfreflector");
	outcome_text(map->out, CONF_ACCESS_CHECK_RE, "what is not in the block list", "0");
	if (*file != '\0')
		import_list(map, IMPORT_BLOCKLIST, "[Block List] File", file, false);
	if (minutes <= 0)
		outcome_remark(map->out, CONF_ACCESS_RELOAD,
			       "[Block List] Time = %d: YSFReflector never reads it again; here a "
			       "change is taken at once.",
			       (int)minutes);
	outcome_seconds(map->out, CONF_ACCESS_RELOAD, "[Block List] Time",
			minutes <= 0 ? 86400.0 : 60.0 * (double)minutes);
}

static void map_room(struct import_map *map)
{
	struct outcome *out = map->out;

	outcome_remark(out, CONF_DGID_LIST,
		       "One room for all. More of them, and gateways move from one to another.");
	outcome_text(out, CONF_DGID_LIST, "the one room", ROOM);
	outcome_text(out, CONF_DGID_DEFAULT, "the one room", ROOM);
	outcome_text(out, CONF_DGID_LOCAL, "no local DG-ID", "0");
	outcome_text(out, CONF_DGID_PREFIX, "no prefix", "no");
	outcome_text(out, CONF_YSF_LATE_ENTRY, "calls without a header", "yes");
	outcome_remark(
		out, CONF_PROTECTION_TX_TIMEOUT,
		"YSFReflector never cuts a call: raise this (at most to 1d) if you miss that.");
	outcome_text(out, CONF_PROTECTION_TX_TIMEOUT, "the default",
		     option_table[CONF_PROTECTION_TX_TIMEOUT].fallback);
}

void import_ysfreflector(struct import_map *map)
{
	static const struct import_left left[] = {
		{"General", "Daemon",
		 "shackd goes into the background unless it is started with -f"},
		{"Log", "DisplayLevel", "see server.log and server.log_level"},
		{"Network", "Debug",
		 "datagrams are not written into the log; see server.log_level"},
	};
	int64_t id = get_int(map, "Info", "Id", 0);

	outcome_number(map->out, CONF_YSF_ID, "[Info] Id", id > 0 ? id % 100000 : 0);
	outcome_cut(map->out, CONF_YSF_NAME, "[Info] Name", get(map, "Info", "Name"));
	outcome_cut(map->out, CONF_YSF_DESCRIPTION, "[Info] Description",
		    get(map, "Info", "Description"));
	map_log(map);
	map_network(map);
	map_room(map);
	map_list(map);
	import_leftovers(map, left, sizeof(left) / sizeof(left[0]),
			 "YSFReflector does not know it either");
}
