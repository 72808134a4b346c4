/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_import_pysf - pysfreflector.ini
 * PURPOSE   What pYSFReflector3 means by its keys, with its defaults where one is missing.
 * OWNER     shackctl
 * CONTRACT  see shackctl_import_map.h
 * LIMITS    an auxiliary port and an alias for each DG-ID
 */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "master/inifile.h"
#include "master/options.h"
#include "master/shackctl_import_map.h"
#include "shm/addr.h"
#include "shm/text.h"

/* The last id of five digits. */
#define ID_MAX 99999

/* What of DG-IDs and ports is used already. */
struct taken {
	bool listed[100];    /* [DGID] list */
	bool auxiliary[100]; /* has a port */
	bool alias[100];
	char listen[ADDR_TEXT_MAX]; /* host for all ports */
	uint16_t ports[CONF_AUX_MAX + 2];
	size_t count;
};

/* ---- values as Python reads them ---- */

static const char *get(struct import_map *map, const char *section, const char *key)
{
	return peer_ini_get(map->ini, section, key);
}

/* A whole number; NUMBER_R stays what it is when TEXT is none. */
static bool read_int(const char *text, int64_t *number_r)
{
	char copy[64];
	int64_t number;

	if (text == NULL || !text_copy(copy, sizeof(copy), text) ||
	    text_number(text_trim(copy), &number) < 0)
		return false;
	*number_r = number;
	return true;
}

static int64_t get_int(struct import_map *map, const char *section, const char *key,
		       int64_t missing)
{
	int64_t number = missing;

	read_int(get(map, section, key), &number);
	return number;
}

static double get_float(struct import_map *map, const char *section, const char *key,
			double missing)
{
	const char *text = get(map, section, key);
	char *end;
	double number;

	if (text == NULL || *text == '\0')
		return missing;
	number = strtod(text, &end);
	return *end == '\0' && isfinite(number) ? number : missing;
}

/* A key without which pYSFReflector does not start. */
static const char *need(struct import_map *map, const char *section, const char *key, int ours)
{
	const char *text = get(map, section, key);

	if (text == NULL)
		outcome_remark(map->out, ours,
			       "[%s] %s is missing, without which pYSFReflector would not start.",
			       section, key);
	return text;
}

/* ---- who we are ---- */

static void map_info(struct import_map *map)
{
	struct outcome *out = map->out;
	const char *name = need(map, "Info", "Name", CONF_YSF_NAME);
	const char *description = need(map, "Info", "Description", CONF_YSF_DESCRIPTION);
	const char *contact = get(map, "Info", "Contact"), *web = get(map, "Info", "Web");
	int64_t id = get_int(map, "Info", "Id", 0);

	if (id > ID_MAX)
		outcome_remark(out, CONF_YSF_ID,
			       "[Info] Id = %" PRId64 " has more than five digits, which no status "
			       "reply has room for: it is computed of the name.",
			       id);
	outcome_number(out, CONF_YSF_ID, "[Info] Id", id > ID_MAX || id < 0 ? 0 : id);
	if (name != NULL)
		outcome_cut(out, CONF_YSF_NAME, "[Info] Name", name);
	if (description != NULL)
		outcome_cut(out, CONF_YSF_DESCRIPTION, "[Info] Description", description);
	outcome_cut(out, CONF_YSF_CONTACT, "[Info] Contact", contact != NULL ? contact : "");
	outcome_cut(out, CONF_YSF_WEB, "[Info] Web", web != NULL ? web : "");
}

/* ---- where we listen ---- */

/* A literal IPv4 address for all sockets, or all addresses. */
static void find_host(struct import_map *map, const char *key, enum conf_key ours,
		      const char *missing, char *host_r, size_t size)
{
	const char *text = get(map, "Network", key);
	struct addr addr;

	text_copy(host_r, size, text != NULL && *text != '\0' ? text : missing);
	if (addr_parse(host_r, 1, &addr) == 0 && addr.port == 1 && addr_is_ipv4(&addr))
		return;
	outcome_remark(map->out, (int)ours,
		       "[Network] %s = %.100s is no IPv4 address (names are not looked up): %s "
		       "stands for it.",
		       key, host_r, missing);
	text_copy(host_r, size, missing);
}

static uint16_t find_port(struct import_map *map, const char *key, enum conf_key ours,
			  int64_t missing)
{
	int64_t port = get_int(map, "Network", key, missing);

	if (port >= 0 && port <= UINT16_MAX)
		return (uint16_t)port;
	outcome_remark(map->out, (int)ours, "[Network] %s = %" PRId64 " is no port.", key, port);
	return (uint16_t)missing;
}

static bool take_port(struct taken *taken, uint16_t port)
{
	for (size_t i = 0; i < taken->count; i++)
		if (taken->ports[i] == port && port != 0)
			return false;
	if (taken->count == sizeof(taken->ports) / sizeof(taken->ports[0]))
		return false;
	taken->ports[taken->count++] = port;
	return true;
}

/* Theirs serves whoever asks. */
static void map_allowed(struct import_map *map, const char *host)
{
	struct addr addr;

	if (addr_parse(host, 0, &addr) == 0 && addr_is_loopback(&addr))
		return; /* nobody else can ask */
	outcome_remark(map->out, CONF_YSF_DASHBOARD_ALLOW,
		       "pYSFReflector sends the feed to everybody who asks, even in the name of "
		       "another. Better name the addresses of your dashboards here.");
	outcome_text(map->out, CONF_YSF_DASHBOARD_ALLOW, "[Network] Json_IP", "*");
}

static uint16_t map_network(struct import_map *map, struct taken *taken)
{
	char host[ADDR_TEXT_MAX], json[2 * ADDR_TEXT_MAX];
	uint16_t port = find_port(map, "Port", CONF_YSF_LISTEN, 42000), json_port;

	find_host(map, "IP", CONF_YSF_LISTEN, "0.0.0.0", taken->listen, ADDR_TEXT_MAX);
	take_port(taken, port);
	find_host(map, "Json_IP", CONF_YSF_DASHBOARD_LISTEN, "127.0.0.1", host, sizeof(host));
	json_port = find_port(map, "Json_Port", CONF_YSF_DASHBOARD_LISTEN,
			      port < UINT16_MAX ? port + 1 : 42001);
	snprintf(json, sizeof(json), "%s:%u", host, json_port);
	if (json_port == port && port != 0)
		outcome_remark(map->out, CONF_YSF_DASHBOARD_LISTEN,
			       "[Network] Json_Port is the port of the reflector itself: no feed.");
	outcome_text(map->out, CONF_YSF_DASHBOARD_LISTEN, "[Network] Json_Port",
		     json_port == port && port != 0 ? "" : json);
	if (json_port != port) {
		take_port(taken, json_port);
		map_allowed(map, host);
	}
	return port;
}

static bool append(char *list, enum conf_key key, const char *item)
{
	size_t length = strlen(list);
	size_t most = INIFILE_LINE_MAX - 3 - strlen(option_table[key].name);

	if (length + strlen(item) + 1 > most)
		return false;
	snprintf(list + length, CONF_TEXT_MAX - length, "%s%s", length > 0 ? "," : "", item);
	return true;
}

/* One "DG-ID:PORT". Of more fields pYSFReflector takes the first two; DG-ID 0 is a port as the main
 * one. A sentence of what is wrong, or NULL. */
static const char *map_aux(struct taken *taken, char *item, char *listen, char *aux)
{
	char *rest = item, *first = strsep(&rest, ":"), *second = strsep(&rest, ":");
	int64_t dgid, port;
	char text[ADDR_TEXT_MAX + 32];

	if (!read_int(first, &dgid) || !read_int(second, &port))
		return "it is not DG-ID:PORT, pYSFReflector passes over it";
	if (dgid < 0 || dgid > 99)
		return "there is no such DG-ID";
	if (port < 0 || port > UINT16_MAX || !take_port(taken, (uint16_t)port))
		return "the port is taken, is none, or is one too many";
	if (dgid > 0 && taken->auxiliary[dgid])
		return "the DG-ID has a port already, and we have one for each";
	snprintf(text, sizeof(text), "%s:%d", taken->listen, (int)port);
	if (dgid != 0)
		snprintf(text, sizeof(text), "%d:%d", (int)dgid, (int)port);
	if (!append(dgid == 0 ? listen : aux, dgid == 0 ? CONF_YSF_LISTEN : CONF_YSF_AUX_PORTS,
		    text))
		return "the line would be too long";
	taken->auxiliary[dgid] = true;
	return NULL;
}

static void map_ports(struct import_map *map, struct taken *taken, uint16_t port)
{
	const char *value = need(map, "DGID", "aux_port", CONF_YSF_AUX_PORTS), *why;
	char copy[PEER_VALUE] = "", listen[CONF_TEXT_MAX], aux[CONF_TEXT_MAX] = "", *rest, *item;

	snprintf(listen, sizeof(listen), "%.64s:%u", taken->listen, port);
	/* so short a text can't name any */
	if (value != NULL && strlen(value) > 3)
		text_copy(copy, sizeof(copy), value);
	rest = copy[0] != '\0' ? copy : NULL;
	while ((item = strsep(&rest, ",")) != NULL) {
		char text[64];

		text_copy(text, sizeof(text), text_trim(item));
		why = map_aux(taken, item, listen, aux);
		if (why != NULL)
			outcome_remark(map->out, CONF_YSF_AUX_PORTS,
				       "[DGID] aux_port: \"%s\" is left out: %s.", text, why);
	}
	outcome_text(map->out, CONF_YSF_LISTEN, "[Network] IP and Port", listen);
	outcome_text(map->out, CONF_YSF_AUX_PORTS, "[DGID] aux_port", aux);
}

/* ---- DG-IDs ---- */

static void map_list(struct import_map *map, struct taken *taken)
{
	const char *value = need(map, "DGID", "list", CONF_DGID_LIST);
	char copy[PEER_VALUE] = "", *rest = copy, *item;
	int64_t dgid;

	if (value == NULL)
		return;
	text_copy(copy, sizeof(copy), value);
	while ((item = strsep(&rest, ",")) != NULL) {
		if (read_int(item, &dgid) && dgid > 0 && dgid < 100)
			taken->listed[dgid] = true;
		else
			outcome_remark(map->out, CONF_DGID_LIST,
				       "[DGID] list: \"%.60s\" is no DG-ID; with it pYSFReflector "
				       "takes none at all.",
				       text_trim(item));
	}
}

static void put_list(struct import_map *map, const struct taken *taken)
{
	char list[CONF_TEXT_MAX] = "";

	for (int dgid = 1; dgid < 100; dgid++)
		if (taken->listed[dgid])
			snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%d",
				 list[0] != '\0' ? "," : "", dgid);
	outcome_text(map->out, CONF_DGID_LIST, "[DGID] list", list);
}

static void map_dgids(struct import_map *map, struct taken *taken)
{
	struct outcome *out = map->out;
	int64_t fallback = get_int(map, "DGID", "default", 22);
	int64_t local = get_int(map, "DGID", "local", 1);

	map_list(map, taken);
	if (fallback < 1 || fallback > 99) {
		outcome_remark(out, CONF_DGID_DEFAULT,
			       "[DGID] default = %" PRId64 " is no DG-ID: it becomes the first of "
			       "the list.",
			       fallback);
		fallback = 1;
		while (fallback < 99 && !taken->listed[fallback])
			fallback++;
	}
	if (!taken->listed[fallback])
		outcome_remark(out, CONF_DGID_DEFAULT,
			       "It was not in [DGID] list, where it has to be: added.");
	taken->listed[fallback] = true;
	put_list(map, taken);
	outcome_number(out, CONF_DGID_DEFAULT, "[DGID] default", fallback);
	if (local < 1 || local > 99 || !taken->listed[local]) {
		outcome_remark(out, CONF_DGID_LOCAL,
			       "[DGID] local = %" PRId64 " is not in the list, so that nobody "
			       "could go there: none.",
			       local);
		local = 0;
	}
	outcome_number(out, CONF_DGID_LOCAL, "[DGID] local", local);
	outcome_text(out, CONF_DGID_PREFIX, "[DGID] prefix",
		     get_int(map, "DGID", "prefix", 1) > 0 ? "yes" : "no");
	outcome_seconds(out, CONF_DGID_HOME_TIME, "[DGID] bth_time",
			get_float(map, "DGID", "bth_time", 900.0));
}

/* ---- aliases ---- */

/* As pYSFReflector cuts a field: LENGTH characters of what stands there, blanks included. */
static void cut_field(char *text_r, const char *field, size_t letters, size_t bytes)
{
	char copy[PEER_VALUE];
	size_t at = 0;

	text_copy(copy, sizeof(copy), field);
	while (copy[at] != '\0' && letters > 0) {
		at++;
		while (((unsigned char)copy[at] & 0xc0) == 0x80)
			at++;
		letters--;
	}
	copy[at] = '\0';
	text_copy(text_r, CONF_TEXT_MAX, text_trim(copy));
	outcome_fit(text_r, bytes);
}

static bool is_name_free(const struct outcome *out, const char *name)
{
	for (size_t i = 0; i < out->aliases; i++)
		if (strcmp(out->alias[i].name, name) == 0)
			return false;
	return name[0] != '\0' && strpbrk(name, "];") == NULL;
}

/* "DG-ID, id, name, description". A sentence of what is wrong, or NULL. */
static const char *map_alias(struct outcome *out, struct taken *taken, const char *value)
{
	char copy[PEER_VALUE], *rest = copy, *field[4];
	struct outcome_alias *alias = &out->alias[out->aliases];
	int64_t dgid, id;
	size_t fields = 0;

	text_copy(copy, sizeof(copy), value);
	for (char *item; (item = strsep(&rest, ",")) != NULL; fields++)
		if (fields < 4)
			field[fields] = item;
	if (fields != 4 || !read_int(field[0], &dgid) || !read_int(field[1], &id) || dgid < 1 ||
	    dgid > 99 || id < 0)
		return "it is not DG-ID, id, name, description: pYSFReflector passes over it";
	if (taken->alias[dgid])
		return "the DG-ID has an alias already";
	if (!taken->listed[dgid] && !taken->auxiliary[dgid])
		return "its DG-ID is neither in the list nor has it a port, so it has no effect";
	if (out->aliases == CONF_GROUP_MAX)
		return "there are too many";
	cut_field(alias->name, field[2], 16, 16);
	cut_field(alias->description, field[3], 14, 14);
	if (!is_name_free(out, alias->name))
		return "the name is empty, has a ] or ; in it, or is that of another alias";
	alias->dgid = (int)dgid;
	alias->id = id > ID_MAX ? 0 : id;
	taken->alias[dgid] = true;
	out->aliases++;
	return id > ID_MAX ? "its id has more than five digits: it is computed of the name" : NULL;
}

static void map_aliases(struct import_map *map, struct taken *taken)
{
	for (size_t i = 0; i < map->ini->count; i++) {
		struct peer_pair *pair = &map->ini->pair[i];
		bool leaked = strcmp(pair->section, "DEFAULT") == 0;
		const char *why;

		/* what [DEFAULT] has counts in every section */
		if (strcmp(pair->section, "REFL_ALIAS") != 0 && !leaked)
			continue;
		why = pair->value[0] != '\0' ? map_alias(map->out, taken, pair->value) : NULL;
		pair->used |= !leaked;
		if (why != NULL && !leaked)
			outcome_remark(map->out, OUTCOME_GENERAL,
				       "[REFL_ALIAS] %.40s = %.100s: %s.", pair->key, pair->value,
				       why);
	}
}

/* ---- the rest ---- */

static void map_files(struct import_map *map)
{
	const char *deny = get(map, "Block List", "File");
	const char *home = need(map, "DGID", "home", CONF_DGID_HOME_FILE);
	int64_t check = get_int(map, "Block List", "CheckRE", 1);
	double minutes = get_float(map, "Block List", "Time", 5.0);

	deny = map->deny != NULL ? map->deny : deny;
	home = map->home != NULL ? map->home : home;
	outcome_text(map->out, CONF_ACCESS_FORMAT, "the form of deny.db", "pysf");
	if (deny != NULL && *deny != '\0')
		import_list(map, IMPORT_DENY, "[Block List] File", deny, map->deny != NULL);
	if (home != NULL && *home != '\0')
		import_list(map, IMPORT_HOME, "[DGID] home", home, map->home != NULL);
	outcome_number(map->out, CONF_ACCESS_CHECK_RE, "[Block List] CheckRE",
		       check > 1    ? 1
		       : check < -1 ? -1
				    : check);
	outcome_seconds(map->out, CONF_ACCESS_RELOAD, "[Block List] Time",
			60 * (minutes < 0.1 ? 0.1 : minutes));
}

static void map_protections(struct import_map *map)
{
	struct outcome *out = map->out;
	int64_t count = get_int(map, "Protections", "WildPTTCount", 3);

	outcome_seconds(out, CONF_PROTECTION_TX_TIMEOUT, "[Protections] Timeout",
			get_float(map, "Protections", "Timeout", 240.0));
	outcome_seconds(out, CONF_PROTECTION_REACTIVATE, "[Protections] Treactivate",
			get_float(map, "Protections", "Treactivate", 1800.0));
	outcome_seconds(out, CONF_PROTECTION_WILD_PTT_TIME, "[Protections] WildPTTTime",
			get_float(map, "Protections", "WildPTTTime", 5.0));
	if (count <= 0)
		outcome_remark(out, CONF_PROTECTION_WILD_PTT_COUNT,
			       "With [Protections] WildPTTCount = %" PRId64 " pYSFReflector blocks "
			       "every caller at once; here it switches that off.",
			       count);
	outcome_number(out, CONF_PROTECTION_WILD_PTT_COUNT, "[Protections] WildPTTCount",
		       count < 0 ? 0 : count);
}

static void map_aprs(struct import_map *map)
{
	struct outcome *out = map->out;
	const char *server = need(map, "APRS", "server", CONF_APRS_SERVER);
	const char *ssid = need(map, "APRS", "ssid", CONF_APRS_SSID);

	outcome_text(out, CONF_APRS_ENABLED, "[APRS] enable",
		     get_int(map, "APRS", "enable", 0) >= 1 ? "yes" : "no");
	if (server != NULL && *server != '\0')
		outcome_cut(out, CONF_APRS_SERVER, "[APRS] server", server);
	outcome_number(out, CONF_APRS_PORT, "[APRS] port", get_int(map, "APRS", "port", 14580));
	if (ssid != NULL)
		outcome_cut(out, CONF_APRS_SSID, "[APRS] ssid",
			    strcmp(ssid, "-0") == 0 ? "" : ssid);
}

static void map_log(struct import_map *map)
{
	const char *path = need(map, "Log", "FilePath", CONF_YSF_MMDVM_LOG);
	const char *root = need(map, "Log", "FileRoot", CONF_YSF_MMDVM_LOG);
	const char *rotate = get(map, "Log", "FileRotate");
	int64_t level = get_int(map, "Log", "FileLevel", 1);

	if (path != NULL && root != NULL)
		import_log(map, path, root, rotate == NULL || strcmp(rotate, "1") == 0);
	if (level != 1)
		outcome_remark(map->out, CONF_YSF_MMDVM_LOG,
			       "[Log] FileLevel = %" PRId64 ": what is written is that of level 1.",
			       level);
}

static void map_database(struct import_map *map)
{
	const char *file = need(map, "DGID", "database", OUTCOME_GENERAL);

	if (file != NULL && *file != '\0' && !map->dgid)
		outcome_remark(map->out, OUTCOME_GENERAL,
			       "[DGID] database = %.200s: saved DG-IDs are in the durable store. "
			       "Take them over as soon as shackd runs with: shackctl import dgid "
			       "FILE",
			       file);
}

void import_pysf(struct import_map *map)
{
	static const struct import_left left[] = {
		{"General", "daemon",
		 "pYSFReflector does not look at it; shackd goes into the background unless it is "
		 "started with -f"},
		{"Log", "displaylevel",
		 "pYSFReflector does not look at it; see server.log and server.log_level"},
		{"Log", "enableextendedcommands",
		 "of pYSFReflector 1: its query commands are not answered"},
		{"Network", "debug",
		 "datagrams are not written into the log; see server.log_level"},
	};
	struct taken taken = {0};
	uint16_t port;

	map_info(map);
	map_log(map);
	port = map_network(map, &taken);
	map_dgids(map, &taken);
	map_ports(map, &taken, port);
	map_aliases(map, &taken);
	map_files(map);
	map_protections(map);
	map_aprs(map);
	map_database(map);
	import_leftovers(map, left, sizeof(left) / sizeof(left[0]),
			 "pYSFReflector does not know it either");
}
