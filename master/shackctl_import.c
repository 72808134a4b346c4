/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_import - moving over from another reflector
 * PURPOSE   See shackctl_import.h.
 * OWNER     shackctl
 * CONTRACT  see shackctl_import.h
 * LIMITS    see shackctl_import.h
 */
#include "master/shackctl_import.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/config.h"
#include "master/inifile.h"
#include "master/shackctl_import_map.h"
#include "master/shackctl_talk.h"
#include "shm/text.h"

struct kind {
	const char *name;
	const char *arguments;
	int least, most;
	enum peer_grammar grammar;
	void (*map)(struct import_map *map); /* NULL: there is no configuration */
};

static const struct kind kinds[] = {
	{"pysf", "pysfreflector.ini [deny.db [home.db [dgid.json]]]", 1, 4, PEER_CONFIGPARSER,
	 import_pysf},
	{"ysfreflector", "YSFReflector.ini", 1, 1, PEER_MMDVM, import_ysfreflector},
	{"dgid", "dgid.json", 1, 1, PEER_CONFIGPARSER, NULL},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* ---- files ---- */

/* One step of a read until the end; false: it is over, with GOT_R 0 at the end. */
static bool read_some(int fd, char **data, size_t *have, size_t *size, ssize_t *got_r)
{
	if (*size + 1 == *have) {
		char *more = realloc(*data, 2 * *have);

		if (more == NULL) {
			*got_r = -1;
			return false;
		}
		*data = more;
		*have *= 2;
	}
	*got_r = read(fd, *data + *size, *have - *size - 1);
	if (*got_r > 0)
		*size += (size_t)*got_r;
	return *got_r > 0 || (*got_r < 0 && errno == EINTR);
}

static char *read_fd(int fd, size_t most, size_t *size_r, char *why, size_t room)
{
	size_t size = 0, have = 65536;
	char *data = malloc(have);
	ssize_t got = -1;

	if (data == NULL) {
		snprintf(why, room, "can't be read: %s", strerror(ENOMEM));
		return NULL;
	}
	while (size <= most && read_some(fd, &data, &have, &size, &got))
		continue;
	if (got == 0 && size <= most) {
		data[size] = '\0';
		*size_r = size;
		return data;
	}
	if (size > most)
		snprintf(why, room, "has more than %zu bytes", most);
	else
		snprintf(why, room, "can't be read: %s", strerror(errno));
	free(data);
	return NULL;
}

char *import_read(const char *path, size_t most, size_t *size_r, char *why, size_t room)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	char *data = NULL;

	if (fd < 0) {
		snprintf(why, room, "can't be opened: %s", strerror(errno));
		return NULL;
	}
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		snprintf(why, room, "is no regular file");
	else
		data = read_fd(fd, most, size_r, why, room);
	close(fd);
	return data;
}

bool import_path(const char *directory, const char *name, char *path_r, size_t size)
{
	int length;

	while (strncmp(name, "./", 2) == 0)
		name += 2;
	if (name[0] == '/')
		return text_copy(path_r, size, name);
	if (strcmp(name, ".") == 0 || name[0] == '\0')
		return text_copy(path_r, size, directory);
	length = snprintf(path_r, size, "%s%s%s", directory, strcmp(directory, "/") == 0 ? "" : "/",
			  name);
	return length >= 0 && (size_t)length < size;
}

/* What was given with the command starts at the working directory; "-" is nothing. */
static const char *given(const char *argument, char path_r[PATH_MAX])
{
	char here[PATH_MAX];

	if (argument == NULL || strcmp(argument, "-") == 0 || argument[0] == '\0')
		return NULL;
	if (getcwd(here, sizeof(here)) == NULL || !import_path(here, argument, path_r, PATH_MAX))
		text_copy(path_r, PATH_MAX, argument);
	return path_r;
}

/* ---- the whole ---- */

/* The result as text, if shackd has nothing against it. */
static char *make_text(const struct outcome *out, const char *from)
{
	struct config_request request = {.file = "the result"};
	struct problems *problems = calloc(1, sizeof(*problems));
	struct config *config = NULL;
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	if (file != NULL) {
		outcome_print(file, out, from);
		fclose(file);
	}
	if (problems == NULL || text == NULL) {
		fprintf(stderr, "shackctl: out of memory\n");
	} else if (config_parse(&config, &request, text, size, problems) < 0) {
		fputs("shackctl: no configuration can be made of this:\n", stderr);
		problems_print(stderr, problems);
		free(text);
		text = NULL;
	}
	config_destroy(&config);
	free(problems);
	return text;
}

static bool map_file(const struct kind *kind, struct import_map *map, const char *path)
{
	char why[160], directory[PATH_MAX];
	size_t size;
	char *data = import_read(path, INIFILE_SIZE_MAX, &size, why, sizeof(why));

	if (data == NULL || memchr(data, '\0', size) != NULL) {
		fprintf(stderr, "shackctl: %s: %s\n", path,
			data == NULL ? why : "holds NUL bytes (not a configuration file)");
		free(data);
		return false;
	}
	map->ini = peer_ini_parse(kind->grammar, data, size, map->out);
	free(data);
	if (map->ini == NULL ||
	    !(peer_ini_has(map->ini, "Info") || peer_ini_has(map->ini, "Network"))) {
		fprintf(stderr,
			"shackctl: %s: has neither [Info] nor [Network] (not a "
			"configuration of %s)\n",
			path, kind->name);
		return false;
	}
	text_copy(directory, sizeof(directory), path);
	strrchr(directory, '/')[directory == strrchr(directory, '/')] = '\0';
	map->directory = directory;
	kind->map(map);
	map->directory = NULL;
	return true;
}

static int run_map(const struct kind *kind, const char *socket, const char *const paths[4])
{
	struct import_map map = {.deny = paths[1], .home = paths[2], .dgid = paths[3] != NULL};
	char loaded[256], *text = NULL;
	int code = EXIT_REFUSED;

	map.out = calloc(1, sizeof(*map.out));
	if (map.out == NULL) {
		fprintf(stderr, "shackctl: out of memory\n");
		return EXIT_REFUSED;
	}
	if (map_file(kind, &map, paths[0])) {
		code = map.failed ? EXIT_REFUSED : EXIT_DONE;
		if (paths[3] != NULL) {
			if (import_dgid(socket, paths[3], loaded, sizeof(loaded)) != EXIT_DONE)
				code = EXIT_REFUSED;
			outcome_remark(map.out, OUTCOME_GENERAL, "%s: %s.", paths[3], loaded);
		}
		text = make_text(map.out, paths[0]);
	}
	if (text != NULL)
		fputs(text, stdout);
	else
		code = EXIT_REFUSED;
	if (text != NULL && code != EXIT_DONE)
		fputs("shackctl: a data file could not be taken, see the comments\n", stderr);
	free(text);
	free(map.ini);
	free(map.out);
	return code;
}

static int usage(void)
{
	for (size_t i = 0; i < KINDS; i++)
		fprintf(stderr, "%s shackctl import %s %s\n", i == 0 ? "usage:" : "      ",
			kinds[i].name, kinds[i].arguments);
	return EXIT_USAGE;
}

int import_run(const char *socket, const char *const arguments[], int count)
{
	char path[4][PATH_MAX];
	const char *paths[4] = {NULL};
	const struct kind *kind = NULL;
	char text[256];
	int code;

	for (size_t i = 0; i < KINDS && count > 0; i++)
		if (strcmp(kinds[i].name, arguments[0]) == 0)
			kind = &kinds[i];
	if (kind == NULL || count - 1 < kind->least || count - 1 > kind->most)
		return usage();
	for (int i = 1; i < count; i++)
		paths[i - 1] = given(arguments[i], path[i - 1]);
	if (paths[0] == NULL)
		return usage();
	if (kind->map != NULL)
		return run_map(kind, socket, paths);
	code = import_dgid(socket, paths[0], text, sizeof(text));
	fprintf(code == EXIT_DONE ? stdout : stderr, "%s%s: %s\n",
		code == EXIT_DONE ? "" : "shackctl: ", paths[0], text);
	return code;
}
