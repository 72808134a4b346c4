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

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/inifile.h"
#include "master/key.h"
#include "shm/text.h"

#define YSF_NAME_MAX 16
#define WORKERS_MAX  64
/* Room for "FILE:LINE" or "-o". */
#define WHERE_MAX (PATH_MAX + 16)

/* Who set a value; later ones win. */
enum source {
	SOURCE_DEFAULT,
	SOURCE_FILE,
	SOURCE_SET,
};

struct slot {
	enum source source;
	bool rejected; /* a value was given that is none */
	bool open;     /* was left open, and resolved */
	int line;      /* of the file */
	struct value value;
};

struct config {
	bool has_file;
	char file[PATH_MAX]; /* as the operator named it */
	struct slot slot[CONF_KEYS];
};

/* State of one load. */
struct load {
	struct config *config;
	const char *file;	       /* as the operator named it */
	char directory[PATH_MAX];      /* of the process */
	char file_directory[PATH_MAX]; /* of the file */
	bool lenient;
	int first_line[CONF_KEYS]; /* where the file has a key, valid or not */
	struct problems *problems;
};

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

/* Reads TEXT and, if it is good, stores it. WHERE is put before a finding. */
static void set_value(struct load *load, const struct option_def *option, const char *text,
		      enum source source, int line, const char *where)
{
	struct slot *slot = &load->config->slot[option->key];
	const char *directory = source == SOURCE_FILE ? load->file_directory : load->directory;
	char why[VALUE_WHY_MAX];
	struct value value;

	if (read_value(option, text, directory, &value, why) < 0) {
		slot->rejected = true;
		problems_add(load->problems, "%s%s.%s: %s", where, option->section, option->name,
			     why);
		return;
	}
	slot->value = value;
	slot->source = source;
	slot->line = line;
}

static void set_defaults(struct load *load, bool foreground)
{
	for (int key = 0; key < CONF_KEYS; key++) {
		const struct option_def *option = &option_table[key];
		bool log = key == CONF_SERVER_LOG && foreground;

		set_value(load, option, log ? "stderr" : option->fallback, SOURCE_DEFAULT, 0,
			  "default of ");
	}
}

/* ---- the file ------------------------------------------------------------------------------ */

static void set_from_file(void *context, int line, const char *section, const char *key,
			  const char *value)
{
	struct load *load = context;
	const struct option_def *option = option_find(section, key);
	char where[WHERE_MAX];

	snprintf(where, sizeof(where), "%s:%d: ", load->file, line);
	if (option == NULL && load->lenient)
		return;
	if (option == NULL) {
		const struct option_def *nearest = option_nearest(section, key);

		problems_add(load->problems, "%s%s.%s: unknown key (nearest: %s.%s)", where,
			     section, key, nearest->section, nearest->name);
		return;
	}
	if (load->first_line[option->key] != 0) {
		problems_add(load->problems, "%s%s.%s: given twice (first in line %d)", where,
			     section, key, load->first_line[option->key]);
		return;
	}
	load->first_line[option->key] = line;
	set_value(load, option, value, SOURCE_FILE, line, where);
}

/* ---- -o ------------------------------------------------------------------------------------ */

/* SET is SECTION.KEY=VALUE, cut into a copy here. */
static void set_from_flag(struct load *load, const char *set)
{
	char copy[CONF_TEXT_MAX * 2], *dot, *equal, *section, *key;
	const struct option_def *option;

	if (!text_copy(copy, sizeof(copy), set)) {
		problems_add(load->problems, "-o %.40s...: is too long", set);
		return;
	}
	equal = strchr(copy, '=');
	dot = strchr(copy, '.');
	if (equal == NULL || dot == NULL || dot > equal) {
		problems_add(load->problems, "-o %s: is not SECTION.KEY=VALUE", set);
		return;
	}
	*equal = *dot = '\0';
	section = text_trim(copy);
	key = text_trim(dot + 1);
	option = option_find(section, key);
	if (option == NULL) {
		option = option_nearest(section, key);
		problems_add(load->problems, "-o %s.%s: unknown %s (nearest: %s.%s)", section, key,
			     option_section_known(section) ? "key" : "section", option->section,
			     option->name);
		return;
	}
	set_value(load, option, text_trim(equal + 1), SOURCE_SET, 0, "-o ");
}

/* ---- values against each other ------------------------------------------------------------- */

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
	return count < 1 ? 1 : count > WORKERS_MAX ? WORKERS_MAX : count;
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

/* Empty names and "auto". Done before the snapshot, so that every process sees the same. */
static void resolve(struct load *load)
{
	struct value *name = &load->config->slot[CONF_SERVER_NAME].value;
	struct value *ysf_name = &load->config->slot[CONF_YSF_NAME].value;
	struct value *workers = &load->config->slot[CONF_WORKERS_YSF].value;

	if (name->text[0] == '\0')
		read_host_name(name);
	if (ysf_name->text[0] == '\0') {
		text_copy(ysf_name->text, sizeof(ysf_name->text), name->text);
		cut_text(ysf_name->text, YSF_NAME_MAX);
	}
	load->config->slot[CONF_WORKERS_YSF].open = workers->number == 0;
	if (workers->number == 0)
		workers->number = processors();
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
	check_dgids(load);
	check_parrot(load);
	check_directories(load);
	check_upgrade_key(load);
	resolve(load);
}

int config_parse(struct config **config_r, const struct config_request *request, const char *data,
		 size_t size, struct problems *problems)
{
	size_t before = problems->count;
	struct load *load = load_begin(request, problems);

	*config_r = NULL;
	if (load == NULL)
		return -1;
	load->config->has_file = true;
	inifile_parse(load->file, data, size, set_from_file, load, problems);
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
	free(*config);
	*config = NULL;
}

/* ---- asking -------------------------------------------------------------------------------- */

bool config_has_file(const struct config *config)
{
	return config->has_file;
}

const struct value *config_value(const struct config *config, enum conf_key key)
{
	return &config->slot[key].value;
}

int64_t config_number(const struct config *config, enum conf_key key)
{
	return config_value(config, key)->number;
}

bool config_bool(const struct config *config, enum conf_key key)
{
	assert(option_table[key].type == CONF_BOOL);
	return config_number(config, key) != 0;
}

const char *config_text(const struct config *config, enum conf_key key)
{
	return config_value(config, key)->text;
}

const struct addr *config_listen(const struct config *config, enum conf_key key, size_t *count_r)
{
	assert(option_table[key].type == CONF_LISTEN);
	*count_r = config_value(config, key)->listens;
	return config_value(config, key)->listen;
}

const char *config_where(const struct config *config, enum conf_key key, char *buf, size_t size)
{
	const struct slot *slot = &config->slot[key];

	buf[0] = '\0';
	if (slot->source == SOURCE_FILE)
		snprintf(buf, size, "%s:%d: ", config->file, slot->line);
	else if (slot->source == SOURCE_SET)
		snprintf(buf, size, "-o ");
	return buf;
}

bool config_is_open(const struct config *config, enum conf_key key)
{
	return config->slot[key].open;
}

void config_keep(struct config *config, const struct config *other, enum conf_key key)
{
	config->slot[key] = other->slot[key];
}

bool config_equal(const struct config *a, const struct config *b, enum conf_key key)
{
	char atext[2 * CONF_TEXT_MAX], btext[2 * CONF_TEXT_MAX];

	/* The canonical text says it all, and unlike the struct has no bytes of no meaning. */
	value_print(&option_table[key], config_value(a, key), atext, sizeof(atext));
	value_print(&option_table[key], config_value(b, key), btext, sizeof(btext));
	return strcmp(atext, btext) == 0;
}
