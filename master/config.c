/* SPDX-License-Identifier: ISC
 *
 * NAME      config - the effective configuration
 * PURPOSE   Defaults, then the file, then what -o says; each value checked by itself and then
 *           against the others.
 * OWNER     master
 * CONTRACT  see master/config.h
 * LIMITS    see master/config.h
 */
#include "master/config.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/config_inside.h"
#include "master/inifile.h"
#include "shm/text.h"

#define YSF_NAME_MAX 16
#define YSF_WORKERS_MAX 64
#define DXC_WORKERS_MAX 16

/* ---- one value ----------------------------------------------------------------------------- */

/* Makes PATH absolute, from DIRECTORY. */
static int make_absolute(const char *directory, char *path, size_t size)
{
	char joined[PATH_MAX + PATH_MAX];
	const char *rest = path;

	if (path[0] == '/')
		return 0;
	while (strncmp(rest, "./", 2) == 0)
		rest += 2;
	if (strcmp(rest, ".") == 0 || *rest == '\0')
		return text_copy(path, size, directory) ? 0 : -1;
	snprintf(joined, sizeof(joined), "%s/%s", strcmp(directory, "/") == 0 ? "" : directory,
		 rest);
	return text_copy(path, size, joined) ? 0 : -1;
}

static bool is_path(const struct option_def *option, const struct value *value)
{
	if (option->type == CONF_LOG)
		return strcmp(value->text, "stderr") != 0 && strcmp(value->text, "syslog") != 0;
	return option->type == CONF_PATH && value->text[0] != '\0';
}

/* TEXT as VALUE_R, paths absolute. Returns -1 with a sentence in WHY. */
static int read_value(const struct option_def *option, const char *text, const char *directory,
		      struct value *value_r, char why[VALUE_WHY_MAX])
{
	char canonical[2 * CONF_TEXT_MAX];
	size_t len;

	if (value_parse(option, text, value_r, why) < 0)
		return -1;
	if (is_path(option, value_r)) {
		char path[CONF_TEXT_MAX];

		text_copy(path, sizeof(path), value_r->text);
		if (make_absolute(directory, path, sizeof(path)) < 0) {
			snprintf(why, VALUE_WHY_MAX, "is too long with %.100s before it",
				 directory);
			return -1;
		}
		/* Again, for what the directory may have brought in. */
		if (value_parse(option, path, value_r, why) < 0)
			return -1;
	}
	/* What -T prints has to be a file that can be read. */
	value_print(option, value_r, canonical, sizeof(canonical));
	len = strlen(option->name) + strlen(" = ") + strlen(canonical);
	if (len <= INIFILE_LINE_MAX)
		return 0;
	snprintf(why, VALUE_WHY_MAX,
		 "is too long (a line of %zu bytes when written out, at most "
		 "%d)",
		 len, INIFILE_LINE_MAX);
	return -1;
}

/* One key that somebody gives a value to. */
struct assignment {
	const struct option_def *option;
	struct member *member; /* of its group, NULL for other keys */
	enum source source;
	int line;
	const char *where; /* put before a finding */
};

/* Reads TEXT and, if it is good, stores it. */
static void set_value(struct load *load, const struct assignment *to, const char *text)
{
	const struct option_def *option = to->option;
	struct slot *slot = config_slot(load->config, to->member, option->key);
	const char *directory = to->source == SOURCE_FILE ? load->file_directory : load->directory;
	char why[VALUE_WHY_MAX], section[OPTION_NAME_SIZE];
	struct value value;

	if (read_value(option, text, directory, &value, why) < 0) {
		slot->rejected = true;
		option_section_text(option->section, to->member != NULL ? to->member->name : NULL,
				    section, sizeof(section));
		problems_add(load->problems, "%s%s.%s: %s", to->where, section, option->name, why);
		return;
	}
	slot->value = value;
	slot->source = to->source;
	slot->line = to->line;
}

static void set_default(struct load *load, enum conf_key key, struct member *member,
			const char *text)
{
	const struct assignment to = {.option = &option_table[key],
				      .member = member,
				      .source = SOURCE_DEFAULT,
				      .where = "default of "};

	set_value(load, &to, text);
}

static void set_defaults(struct load *load, bool foreground)
{
	for (int key = 0; key < CONF_KEYS; key++) {
		bool log = key == CONF_SERVER_LOG && foreground;

		if (conf_key_group((enum conf_key)key) == CONF_GROUPS)
			set_default(load, (enum conf_key)key, NULL,
				    log ? "stderr" : option_table[key].fallback);
	}
}

/* ---- groups -------------------------------------------------------------------------------- */

static enum conf_group find_group(const char *section)
{
	int group = 0;

	while (group < CONF_GROUPS && strcmp(group_table[group].section, section) != 0)
		group++;
	return (enum conf_group)group;
}

static const char *bad_name(const struct group_def *def, const char *name, char *why, size_t size)
{
	if (name[0] == '\0') {
		char example[OPTION_NAME_SIZE];

		snprintf(why, size, "needs a name (write [%s])",
			 option_section_text(def->section, NULL, example, sizeof(example)));
		return why;
	}
	if (strlen(name) <= def->name_max)
		return NULL;
	snprintf(why, size, "the name is %zu bytes long (at most %zu)", strlen(name),
		 def->name_max);
	return why;
}

static struct member *add_member(struct load *load, enum conf_group group, const char *name)
{
	struct group *members = &load->config->group[group];
	unsigned keys = conf_group_keys(group);
	struct member *member = calloc(1, sizeof(*member) + keys * sizeof(member->slot[0]));

	if (member == NULL)
		return NULL;
	text_copy(member->name, sizeof(member->name), name);
	members->member[members->count++] = member;
	for (unsigned i = 0; i < keys; i++) {
		enum conf_key key = (enum conf_key)(conf_group_first(group) + i);

		if (!option_is_required(&option_table[key]))
			set_default(load, key, member, option_table[key].fallback);
	}
	return member;
}

/* The member NAME of a group, made when it is new. NULL with a finding, if LOUD. */
static struct member *find_member(struct load *load, const char *section, const char *name,
				  const char *where, bool loud)
{
	enum conf_group group = find_group(section);
	struct group *members = &load->config->group[group];
	char why[VALUE_WHY_MAX], text[OPTION_NAME_SIZE];
	const char *bad = bad_name(&group_table[group], name, why, sizeof(why));
	struct member *member = NULL;

	for (size_t i = 0; i < members->count; i++)
		if (strcmp(members->member[i]->name, name) == 0)
			return members->member[i];
	if (bad == NULL && members->count == CONF_GROUP_MAX) {
		snprintf(why, sizeof(why), "is one too many (at most %d)", CONF_GROUP_MAX);
		bad = why;
	}
	if (bad == NULL) {
		member = add_member(load, group, name);
		bad = member == NULL ? strerror(ENOMEM) : NULL;
	}
	if (bad != NULL && loud)
		problems_add(load->problems, "%s%s: %s", where,
			     option_section_text(section, name, text, sizeof(text)), bad);
	return member;
}

/* ---- the file ------------------------------------------------------------------------------ */

static void begin_section(void *context, int line, const char *section)
{
	struct load *load = context;
	char where[WHERE_MAX], name[OPTION_NAME_SIZE];
	const char *known = option_section(section, name);
	struct member *member;

	if (find_group(known) == CONF_GROUPS)
		return;
	snprintf(where, sizeof(where), "%s:%d: ", load->file, line);
	member = find_member(load, known, name, where, true);
	if (member == NULL || member->line != 0)
		return;
	member->source = SOURCE_FILE;
	member->line = line;
}

static void set_from_file(void *context, int line, const char *section, const char *key,
			  const char *value)
{
	struct load *load = context;
	char where[WHERE_MAX], name[OPTION_NAME_SIZE];
	const char *known = option_section(section, name);
	struct assignment to = {.option = option_find(known, key),
				.source = SOURCE_FILE,
				.line = line,
				.where = where};
	struct slot *slot;

	snprintf(where, sizeof(where), "%s:%d: ", load->file, line);
	if (to.option == NULL && load->lenient)
		return;
	if (to.option == NULL) {
		const struct option_def *nearest = option_nearest(section, key);
		char text[OPTION_NAME_SIZE];

		option_section_text(nearest->section, name[0] != '\0' ? name : NULL, text,
				    sizeof(text));
		problems_add(load->problems, "%s%s.%s: unknown key (nearest: %s.%s)", where,
			     section, key, text, nearest->name);
		return;
	}
	if (find_group(known) != CONF_GROUPS) {
		to.member = find_member(load, known, name, where, false);
		if (to.member == NULL)
			return; /* told where the section began */
	}
	slot = config_slot(load->config, to.member, to.option->key);
	if (slot->first_line != 0) {
		problems_add(load->problems, "%s%s.%s: given twice (first in line %d)", where,
			     section, key, slot->first_line);
		return;
	}
	slot->first_line = line;
	set_value(load, &to, value);
}

/* ---- -o ------------------------------------------------------------------------------------ */

/* Cuts SECTION.KEY=VALUE in place. A section's name may have full stops, a key has none. */
static bool cut_set(char *set, char **section_r, char **key_r, char **value_r)
{
	char *equal = strchr(set, '='), *dot;

	if (equal == NULL)
		return false;
	*equal = '\0';
	dot = strrchr(set, '.');
	if (dot == NULL) {
		*equal = '=';
		return false;
	}
	*dot = '\0';
	*section_r = text_trim(set);
	*key_r = text_trim(dot + 1);
	*value_r = text_trim(equal + 1);
	return true;
}

static void set_unknown(struct load *load, const char *section, const char *key)
{
	const struct option_def *nearest = option_nearest(section, key);
	char name[OPTION_NAME_SIZE], text[OPTION_NAME_SIZE];
	const char *what = option_section(section, name) != NULL ? "key" : "section";

	option_section_text(nearest->section, name[0] != '\0' ? name : NULL, text, sizeof(text));
	problems_add(load->problems, "-o %s.%s: unknown %s (nearest: %s.%s)", section, key, what,
		     text, nearest->name);
}

/* SET is SECTION.KEY=VALUE, cut into a copy here. */
static void set_from_flag(struct load *load, const char *set)
{
	struct assignment to = {.source = SOURCE_SET, .where = "-o "};
	char copy[CONF_TEXT_MAX * 2], name[OPTION_NAME_SIZE], *section, *key, *value;
	const char *known;

	if (!text_copy(copy, sizeof(copy), set)) {
		problems_add(load->problems, "-o %.40s...: is too long", set);
		return;
	}
	if (!cut_set(copy, &section, &key, &value)) {
		problems_add(load->problems, "-o %s: is not SECTION.KEY=VALUE", copy);
		return;
	}
	known = option_section(section, name);
	to.option = known != NULL ? option_find(known, key) : NULL;
	if (to.option == NULL) {
		set_unknown(load, section, key);
		return;
	}
	if (find_group(known) != CONF_GROUPS) {
		to.member = find_member(load, known, name, to.where, true);
		if (to.member == NULL)
			return;
		to.member->source = SOURCE_SET;
	}
	set_value(load, &to, value);
}

/* ---- what is left open by the operator ----------------------------------------------------- */

/* Processors that this process may use, which a container or taskset may have cut. */
static int64_t processors(void)
{
	cpu_set_t set;
	long count;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		count = CPU_COUNT(&set);
	else
		count = sysconf(_SC_NPROCESSORS_ONLN);
	return count < 1 ? 1 : count;
}

static void cut_text(char *text, size_t most)
{
	size_t len = strlen(text);

	if (len > most)
		len = most;
	while (len > 0 && !text_is_utf8(text, len))
		len--;
	while (len > 0 && text[len - 1] == ' ')
		len--;
	text[len] = '\0';
}

/* The kernel takes any bytes as a host name, we don't. */
static void read_host_name(struct value *name_r)
{
	const struct option_def *option = &option_table[CONF_SERVER_NAME];
	char host[HOST_NAME_MAX + 1] = "", why[VALUE_WHY_MAX];

	if (gethostname(host, sizeof(host)) < 0 || host[0] == '\0' ||
	    value_parse(option, host, name_r, why) < 0)
		value_parse(option, "shackd", name_r, why);
}

static void resolve_workers(struct load *load, enum conf_key key, int64_t most)
{
	struct value *workers = &load->config->slot[key].value;
	int64_t count = processors();

	load->config->slot[key].open = workers->number == 0;
	if (workers->number == 0)
		workers->number = count < most ? count : most;
}

/* Empty names and "auto". Done before the snapshot, so that every process sees the same. */
static void resolve(struct load *load)
{
	struct value *name = &load->config->slot[CONF_SERVER_NAME].value;
	struct value *ysf_name = &load->config->slot[CONF_YSF_NAME].value;

	if (name->text[0] == '\0')
		read_host_name(name);
	if (ysf_name->text[0] == '\0') {
		text_copy(ysf_name->text, sizeof(ysf_name->text), name->text);
		cut_text(ysf_name->text, YSF_NAME_MAX);
	}
	resolve_workers(load, CONF_WORKERS_YSF, YSF_WORKERS_MAX);
	resolve_workers(load, CONF_WORKERS_DXC, DXC_WORKERS_MAX);
}

/* ---- loading ------------------------------------------------------------------------------- */

static int find_directories(struct load *load, const struct config_request *request)
{
	char path[PATH_MAX];
	char *slash;

	if (request->directory != NULL)
		text_copy(load->directory, sizeof(load->directory), request->directory);
	else if (getcwd(load->directory, sizeof(load->directory)) == NULL)
		text_copy(load->directory, sizeof(load->directory), "/");
	if (!text_copy(path, sizeof(path), load->file) ||
	    make_absolute(load->directory, path, sizeof(path)) < 0) {
		problems_add(load->problems, "%.100s...: %s", load->file, strerror(ENAMETOOLONG));
		return -1;
	}
	slash = strrchr(path, '/');
	slash[slash == path] = '\0';
	text_copy(load->file_directory, sizeof(load->file_directory), path);
	return 0;
}

static struct load *load_begin(const struct config_request *request, struct problems *problems)
{
	struct load *load = calloc(1, sizeof(*load));

	if (load != NULL)
		load->config = calloc(1, sizeof(*load->config));
	if (load == NULL || load->config == NULL) {
		problems_add(problems, "configuration: %s", strerror(ENOMEM));
		free(load);
		return NULL;
	}
	load->problems = problems;
	load->lenient = request->lenient;
	load->file = request->file != NULL ? request->file : CONFIG_FILE_DEFAULT;
	text_copy(load->config->file, sizeof(load->config->file), load->file);
	if (find_directories(load, request) < 0) {
		free(load->config);
		free(load);
		return NULL;
	}
	set_defaults(load, request->foreground);
	return load;
}

/* Everything behind the file. */
static void finish(struct load *load, const struct config_request *request)
{
	for (size_t i = 0; i < request->sets; i++)
		set_from_flag(load, request->set[i]);
	config_check(load);
	resolve(load);
}

int config_parse(struct config **config_r, const struct config_request *request, const char *data,
		 size_t size, struct problems *problems)
{
	size_t before = problems->count;
	struct load *load = load_begin(request, problems);
	const struct inifile_sink sink = {.context = load,
					  .pair = set_from_file,
					  .section = begin_section,
					  .lenient = request->lenient};

	*config_r = NULL;
	if (load == NULL)
		return -1;
	load->config->has_file = true;
	inifile_parse(load->file, data, size, &sink, problems);
	finish(load, request);
	*config_r = load->config;
	free(load);
	if (problems->count > before)
		config_destroy(config_r);
	return *config_r != NULL ? 0 : -1;
}

/* The absolute name of the file: the master may have changed its directory since the start. */
static int file_path(const struct config_request *request, char *path, size_t size)
{
	if (!text_copy(path, size, request->file != NULL ? request->file : CONFIG_FILE_DEFAULT))
		return -1;
	return request->directory != NULL ? make_absolute(request->directory, path, size) : 0;
}

int config_load(struct config **config_r, const struct config_request *request,
		struct problems *problems)
{
	char path[PATH_MAX], *data = NULL;
	bool missing = false;
	size_t size = 0;
	int rc = 0;

	*config_r = NULL;
	if (file_path(request, path, sizeof(path)) < 0) {
		problems_add(problems, "%.100s...: %s", request->file, strerror(ENAMETOOLONG));
		return -1;
	}
	/* Every key has a default, so a daemon without any file is as good as with an empty one;
	 * but a file that was asked for has to be there. */
	if (request->file == NULL)
		missing = access(path, F_OK) < 0 && errno == ENOENT;
	if (!missing)
		rc = inifile_load(path, request->file != NULL ? request->file : path, &data, &size,
				  problems);
	/* Without the file there is still -o to judge: all findings at once. */
	if (config_parse(config_r, request, data != NULL ? data : "", size, problems) < 0)
		rc = -1;
	else
		(*config_r)->has_file = !missing;
	free(data);
	if (rc < 0)
		config_destroy(config_r);
	return rc;
}

void config_destroy(struct config **config)
{
	for (int group = 0; *config != NULL && group < CONF_GROUPS; group++)
		for (size_t i = 0; i < (*config)->group[group].count; i++)
			free((*config)->group[group].member[i]);
	free(*config);
	*config = NULL;
}
