/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_copy - files of a backup
 * PURPOSE   See shackctl_copy.h.
 * OWNER     shackctl
 * CONTRACT  see shackctl_copy.h
 * LIMITS    see shackctl_copy.h; lists that only an -o of the daemon names are not known here
 */
#include "master/shackctl_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium/core.h>
#include <sodium/crypto_generichash.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/config.h"

#define CHUNK	  65536
#define HASH_SIZE 32

bool copy_join(char path_r[COPY_PATH], const char *dir, const char *name)
{
	int length = snprintf(path_r, COPY_PATH, "%s/%s", dir, name);

	if (length > 0 && length < COPY_PATH)
		return true;
	fprintf(stderr, "shackctl: %.200s...: %s\n", dir, strerror(ENAMETOOLONG));
	return false;
}

int copy_open(const char *path, int flags)
{
	int fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		fprintf(stderr, "shackctl: can't open %s: %s\n", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		fprintf(stderr, "shackctl: can't open %s: it is no regular file\n", path);
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool write_all(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length > 0) {
		ssize_t wrote = write(fd, at, length);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return false;
		at += wrote;
		length -= (size_t)wrote;
	}
	return true;
}

/* From the beginning of FROM; to TO unless that is -1. Returns how many bytes, or -1. */
static long long pass_bytes(int from, int to, char hash_r[COPY_HASH])
{
	unsigned char chunk[CHUNK], hash[HASH_SIZE];
	crypto_generichash_state state;
	long long at = 0;
	ssize_t got;

	if (sodium_init() < 0)
		return -1;
	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	while ((got = pread(from, chunk, sizeof(chunk), at)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || (to >= 0 && !write_all(to, chunk, (size_t)got)))
			return -1;
		crypto_generichash_update(&state, chunk, (unsigned long long)got);
		at += got;
	}
	crypto_generichash_final(&state, hash, sizeof(hash));
	sodium_bin2hex(hash_r, COPY_HASH, hash, sizeof(hash));
	return at;
}

bool copy_hash(int fd, char hash_r[COPY_HASH])
{
	return pass_bytes(fd, -1, hash_r) >= 0;
}

bool copy_text(const char *dir, const char *name, const char *text)
{
	char path[COPY_PATH];
	bool good;
	int fd;

	if (!copy_join(path, dir, name))
		return false;
	fd = copy_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	good = write_all(fd, text, strlen(text)) && write_all(fd, "\n", 1) && fsync(fd) == 0;
	return close(fd) == 0 && good;
}

/* ---- the configuration ---- */

/* NULL with errno. What was there before goes. */
static json_t *copy_one(const char *path, const char *dir, const char *name)
{
	char to[COPY_PATH], hash[COPY_HASH];
	long long bytes = -1;
	int from, fd = -1;

	if (!copy_join(to, dir, name))
		return NULL;
	from = copy_open(path, O_RDONLY);
	if (from >= 0 && (unlink(to) == 0 || errno == ENOENT))
		fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (fd >= 0)
		bytes = pass_bytes(from, fd, hash);
	if (fd >= 0 && (fsync(fd) != 0 || close(fd) != 0))
		bytes = -1;
	if (from >= 0)
		close(from);
	if (bytes < 0)
		return NULL;
	return json_pack("{s:s, s:s, s:I, s:s}", "name", name, "path", path, "bytes",
			 (json_int_t)bytes, "blake2b", hash);
}

static void add(json_t *files, const char *path, const char *dir)
{
	const char *slash = strrchr(path, '/');
	json_t *file;

	errno = 0;
	file = copy_one(path, dir, slash != NULL ? slash + 1 : path);
	if (file == NULL) {
		fprintf(stderr, "shackctl: %s is not in the backup: %s\n", path, strerror(errno));
		file = json_pack("{s:s, s:s}", "path", path, "error", strerror(errno));
	}
	json_array_append_new(files, file);
}

static void add_lists(json_t *files, const char *file, const char *dir)
{
	static const enum conf_key keys[] = {CONF_ACCESS_FILE, CONF_DGID_HOME_FILE};
	struct config_request request = {.file = file, .lenient = true};
	struct problems *problems = calloc(1, sizeof(*problems));
	struct config *config = NULL;

	if (problems == NULL || config_load(&config, &request, problems) != 0)
		fprintf(stderr, "shackctl: %s can't be used: its lists are not in the backup\n",
			file);
	for (size_t i = 0; config != NULL && i < sizeof(keys) / sizeof(keys[0]); i++)
		if (config_text(config, keys[i])[0] != '\0')
			add(files, config_text(config, keys[i]), dir);
	config_destroy(&config);
	free(problems);
}

json_t *copy_config(const char *file, const char *dir)
{
	char folder[COPY_PATH];
	json_t *files = json_array();

	if (file == NULL || files == NULL)
		return files;
	if (!copy_join(folder, dir, "config"))
		return NULL;
	if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
		fprintf(stderr, "shackctl: can't make %s: %s\n", folder, strerror(errno));
		json_decref(files);
		return NULL;
	}
	add(files, file, folder);
	add_lists(files, file, folder);
	return files;
}
