/* SPDX-License-Identifier: ISC
 *
 * NAME      config_check - values of the configuration against each other
 * PURPOSE   What is well by itself and wrong beside another value is found here.
 * OWNER     master
 * CONTRACT  see master/config_inside.h
 * LIMITS    see master/config_inside.h
 */
#include "master/config_inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "master/key.h"
#include "shm/nets.h"

static const struct value *value_of(const struct load *load, enum conf_key key)
{
	return &load->config->slot[key].value;
}

/* Are these keys worth comparing? One that was rejected stands at its default: noise. */
static bool sound(const struct load *load, enum conf_key a, enum conf_key b)
{
	return !load->config->slot[a].rejected && !load->config->slot[b].rejected;
}

/* A finding about KEY in the light of OTHER, put where the operator wrote one of them. */
static void __attribute__((format(printf, 4, 5)))
clash(struct load *load, enum conf_key key, enum conf_key other, const char *format, ...)
{
	bool named = load->config->slot[key].source != SOURCE_DEFAULT;
	const struct option_def *option = &option_table[key];
	char what[VALUE_WHY_MAX], where[WHERE_MAX];
	va_list args;

	config_where(load->config, named ? key : other, where, sizeof(where));
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	problems_add(load->problems, "%s%s.%s: %s", where, option->section, option->name, what);
}

static void check_dgids(struct load *load)
{
	const struct conf_dgids *list = &value_of(load, CONF_DGID_LIST)->dgids;
	int64_t fallback = value_of(load, CONF_DGID_DEFAULT)->number;
	int64_t local = value_of(load, CONF_DGID_LOCAL)->number;

	if (sound(load, CONF_DGID_DEFAULT, CONF_DGID_LIST) &&
	    !conf_dgid_in(list, (unsigned)fallback))
		clash(load, CONF_DGID_DEFAULT, CONF_DGID_LIST,
		      "%d is not in dgid.list (add it there or choose another)", (int)fallback);
	if (sound(load, CONF_DGID_LOCAL, CONF_DGID_LIST) && local != 0 &&
	    !conf_dgid_in(list, (unsigned)local))
		clash(load, CONF_DGID_LOCAL, CONF_DGID_LIST,
		      "%d is not in dgid.list (add it there, or 0 for none)", (int)local);
}

static void check_parrot(struct load *load)
{
	int64_t parrot = value_of(load, CONF_DGID_PARROT)->number;

	if (parrot == 0)
		return;
	if (sound(load, CONF_DGID_PARROT, CONF_DGID_LIST) &&
	    !conf_dgid_in(&value_of(load, CONF_DGID_LIST)->dgids, (unsigned)parrot))
		clash(load, CONF_DGID_PARROT, CONF_DGID_LIST,
		      "%d is not in dgid.list (add it there, or 0 for none)", (int)parrot);
	if (sound(load, CONF_DGID_PARROT, CONF_DGID_LOCAL) &&
	    value_of(load, CONF_DGID_LOCAL)->number == parrot)
		clash(load, CONF_DGID_PARROT, CONF_DGID_LOCAL,
		      "%d is dgid.local too (choose another, or 0 for none)", (int)parrot);
	if (sound(load, CONF_DGID_PARROT, CONF_DGID_DEFAULT) &&
	    value_of(load, CONF_DGID_DEFAULT)->number == parrot)
		clash(load, CONF_DGID_PARROT, CONF_DGID_DEFAULT,
		      "%d is dgid.default too (choose another, or 0 for none)", (int)parrot);
}

static void check_aux(struct load *load)
{
	const struct value *aux = value_of(load, CONF_YSF_AUX_PORTS);
	const struct value *listen = value_of(load, CONF_YSF_LISTEN);
	struct config_listener all[CONF_LISTEN_MAX];
	size_t count;

	if (!sound(load, CONF_YSF_AUX_PORTS, CONF_YSF_LISTEN))
		return;
	for (size_t i = 0; i < aux->auxes; i++)
		for (size_t j = 0; j < listen->listens; j++)
			if (aux->aux[i].port != 0 && aux->aux[i].port == listen->listen[j].port) {
				clash(load, CONF_YSF_AUX_PORTS, CONF_YSF_LISTEN,
				      "%u is a port of ysf.listen too (choose another)",
				      aux->aux[i].port);
				break;
			}
	count = config_listeners(load->config, all);
	if (count > CONF_LISTEN_MAX)
		clash(load, CONF_YSF_AUX_PORTS, CONF_YSF_LISTEN,
		      "at every host of ysf.listen it comes to %zu addresses (at most %d)", count,
		      CONF_LISTEN_MAX);
}

static void check_dashboards(struct load *load)
{
	const struct value *dashboards = value_of(load, CONF_YSF_DASHBOARD_LISTEN);
	struct config_listener all[CONF_LISTEN_MAX];
	size_t count = config_listeners(load->config, all);
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < dashboards->listens; i++)
		for (size_t j = 0; j < count && j < CONF_LISTEN_MAX; j++) {
			enum conf_key other =
				all[j].dgid == 0 ? CONF_YSF_LISTEN : CONF_YSF_AUX_PORTS;

			if (!sound(load, CONF_YSF_DASHBOARD_LISTEN, other) ||
			    !value_collide(&dashboards->listen[i], &all[j].addr))
				continue;
			clash(load, CONF_YSF_DASHBOARD_LISTEN, other,
			      "%s is taken by ysf.%s (choose another port)",
			      addr_text(&dashboards->listen[i], text), option_table[other].name);
			return;
		}
}

static void check_directories(struct load *load)
{
	const char *shm = value_of(load, CONF_SERVER_SHM_DIR)->text;
	const char *state = value_of(load, CONF_SERVER_STATE_DIR)->text;

	if (sound(load, CONF_SERVER_STATE_DIR, CONF_SERVER_SHM_DIR) && strcmp(shm, state) == 0)
		clash(load, CONF_SERVER_STATE_DIR, CONF_SERVER_SHM_DIR,
		      "is the same directory as server.shm_dir (they need one each)");
}

/* Found out now, not when an upgrade is urgent. */
static void check_upgrade_key(struct load *load)
{
	const char *text = value_of(load, CONF_SERVER_UPGRADE_KEY)->text;
	uint8_t key[KEY_BYTES];

	if (text[0] != '\0' && !key_read(text, key))
		clash(load, CONF_SERVER_UPGRADE_KEY, CONF_SERVER_UPGRADE_KEY,
		      "is no Ed25519 public key (64 hexadecimal digits, or base64)");
}

static void check_dashboard_allow(struct load *load)
{
	char bad[ADDR_TEXT_MAX];
	struct nets nets;

	if (!nets_parse(value_of(load, CONF_YSF_DASHBOARD_ALLOW)->text, &nets, bad))
		clash(load, CONF_YSF_DASHBOARD_ALLOW, CONF_YSF_DASHBOARD_ALLOW,
		      "\"%s\" is no address or network (such as 192.0.2.0/24, 2001:db8::1, or * "
		      "alone for everybody)",
		      bad);
}

/* ---- groups -------------------------------------------------------------------------------- */

/* A finding about KEY of MEMBER. */
static void __attribute__((format(printf, 4, 5)))
clash_member(struct load *load, const struct member *member, enum conf_key key, const char *format,
	     ...)
{
	const struct option_def *option = &option_table[key];
	const struct slot *slot = &member->slot[key - conf_group_first(conf_key_group(key))];
	int line = slot->source == SOURCE_DEFAULT ? member->line : slot->line;
	char what[VALUE_WHY_MAX], where[WHERE_MAX] = "-o ", section[OPTION_NAME_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (line > 0)
		snprintf(where, sizeof(where), "%s:%d: ", load->file, line);
	option_section_text(option->section, member->name, section, sizeof(section));
	problems_add(load->problems, "%s%s.%s: %s", where, section, option->name, what);
}

static void check_required(struct load *load, enum conf_group group, const struct member *member)
{
	for (unsigned i = 0; i < conf_group_keys(group); i++) {
		enum conf_key key = (enum conf_key)(conf_group_first(group) + i);
		const struct slot *slot = &member->slot[i];

		if (option_is_required(&option_table[key]) && slot->source == SOURCE_DEFAULT &&
		    !slot->rejected)
			clash_member(load, member, key, "is missing (it has no default)");
	}
}

static const struct slot *alias_dgid(const struct member *member)
{
	return &member->slot[CONF_YSF_ALIAS_DGID - conf_group_first(CONF_GROUP_YSF_ALIAS)];
}

static bool is_aux(const struct value *aux, int64_t dgid)
{
	for (size_t i = 0; i < aux->auxes; i++)
		if (aux->aux[i].dgid == dgid)
			return true;
	return false;
}

/* A DG-ID that nobody can have is a slip; one with two names would be a matter of chance. */
static void check_alias(struct load *load, size_t at)
{
	const struct group *aliases = &load->config->group[CONF_GROUP_YSF_ALIAS];
	const struct member *alias = aliases->member[at];
	const struct slot *slot = alias_dgid(alias);
	int64_t dgid = slot->value.number;

	if (slot->source == SOURCE_DEFAULT || slot->rejected)
		return;
	if (sound(load, CONF_DGID_LIST, CONF_YSF_AUX_PORTS) &&
	    !conf_dgid_in(&value_of(load, CONF_DGID_LIST)->dgids, (unsigned)dgid) &&
	    !is_aux(value_of(load, CONF_YSF_AUX_PORTS), dgid))
		clash_member(load, alias, CONF_YSF_ALIAS_DGID,
			     "%d is neither in ysf.aux_ports nor in dgid.list", (int)dgid);
	for (size_t i = 0; i < at; i++)
		if (alias_dgid(aliases->member[i])->value.number == dgid)
			clash_member(load, alias, CONF_YSF_ALIAS_DGID,
				     "%d is that of [ysf alias %s] too (one alias a DG-ID)",
				     (int)dgid, aliases->member[i]->name);
}

void config_check(struct load *load)
{
	check_dgids(load);
	check_parrot(load);
	check_aux(load);
	check_dashboards(load);
	check_dashboard_allow(load);
	check_directories(load);
	check_upgrade_key(load);
	for (int group = 0; group < CONF_GROUPS; group++)
		for (size_t i = 0; i < load->config->group[group].count; i++)
			check_required(load, (enum conf_group)group,
				       load->config->group[group].member[i]);
	for (size_t i = 0; i < load->config->group[CONF_GROUP_YSF_ALIAS].count; i++)
		check_alias(load, i);
}
