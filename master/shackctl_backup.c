/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_backup - the durable state in a folder, and back
 * PURPOSE   See shackctl_backup.h.
 * OWNER     shackctl
 * CONTRACT  see shackctl_backup.h. The manifest is complete before the store gets its name, and gets
 *           its own name last: whenever this breaks off, one of the two manifests fits the store.
 * LIMITS    see shackctl_backup.h
 */
#include "master/shackctl_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "master/shackctl_copy.h"
#include "master/shackctl_talk.h"
#include "master/version.h"

#define ANSWER_SIZE 65536

/* What the daemon says. */
struct answer {
	char text[ANSWER_SIZE];
	size_t length;
};

static int fail(const char *what, const char *name)
{
	fprintf(stderr, "shackctl: %s %s: %s\n", what, name, strerror(errno));
	return EXIT_REFUSED;
}

/* Two that write to one folder would spoil each other's backup, and a reader sees none half done. The
 * folder is unlocked when the descriptor is closed; -1: said why not. */
static int lock_dir(const char *dir, int how)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		fail("can't open", dir);
	} else if (flock(fd, how | LOCK_NB) != 0) {
		fprintf(stderr, "shackctl: another backup or restore uses %s; try again\n", dir);
		close(fd);
		fd = -1;
	}
	return fd;
}

/* ---- asking ---- */

static bool collect(const char *text, size_t length, void *arg)
{
	struct answer *answer = arg;

	if (length > sizeof(answer->text) - 1 - answer->length) {
		fprintf(stderr, "shackctl: the answer is too long\n");
		return false;
	}
	memcpy(answer->text + answer->length, text, length);
	answer->length += length;
	return true;
}

/* ANSWER_R is the caller's. */
static int ask(const struct backup_request *request, const char *verb, const int *file,
	       bool repeatable, json_t **answer_r)
{
	struct answer *answer = calloc(1, sizeof(*answer));
	const char *const words[] = {verb};
	struct talk talk_to = {
		.socket = request->socket,
		.repeatable = repeatable,
		.patience = BACKUP_SECONDS,
		.piece = collect,
		.arg = answer,
		.file = file,
	};
	int code = EXIT_REFUSED;

	*answer_r = NULL;
	if (answer != NULL)
		code = talk(&talk_to, words, 1);
	if (code == EXIT_DONE) {
		*answer_r = json_loadb(answer->text, answer->length, 0, NULL);
		if (*answer_r == NULL) {
			fprintf(stderr, "shackctl: the answer is not understood\n");
			code = EXIT_REFUSED;
		}
	}
	free(answer);
	return code;
}

static long long number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void print_counts(const json_t *state)
{
	printf("%lld blocks, %lld saved DG-IDs, %lld users, %lld filters, %lld human spots",
	       number(state, "blocks"), number(state, "saved_dgids"), number(state, "users"),
	       number(state, "filters"), number(state, "human_spots"));
}

/* ---- backup ---- */

/* The configuration file that the daemon reads; NULL: it does not say. */
static json_t *config_of_daemon(const struct backup_request *request)
{
	json_t *status = NULL, *file = NULL;

	if (request->config != NULL)
		return json_string(request->config);
	if (ask(request, "status", NULL, true, &status) == EXIT_DONE)
		file = json_incref(json_object_get(status, "config_file"));
	json_decref(status);
	return file;
}

/* Is what lies there what the daemon says that it wrote? */
static bool same_file(int fd, const char *name, const json_t *answer)
{
	char hash[COPY_HASH];
	const char *told = json_string_value(json_object_get(answer, "blake2b"));

	if (!copy_hash(fd, hash)) {
		fail("can't read", name);
		return false;
	}
	if (told != NULL && strcmp(told, hash) == 0)
		return true;
	fprintf(stderr, "shackctl: %s is not what the daemon wrote\n", name);
	return false;
}

static json_t *manifest_of(json_t *state, json_t *files)
{
	char date[32];
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &utc);
	return json_pack("{s:i, s:s, s:s, s:s, s:I, s:O, s:o}", "format", 1, "shackctl",
			 version_text(), "date", version_date(), "made", date, "time",
			 (json_int_t)now, "state", state, "files", files);
}

static bool write_manifest(const char *dir, const json_t *manifest)
{
	char *text = json_dumps(manifest, JSON_INDENT(2));
	bool good = text != NULL && copy_text(dir, "manifest.new", text);

	if (!good)
		fail("can't write the manifest in", dir);
	free(text);
	return good;
}

/* Everything is there under its new name: the old ones go. */
static int put_in_place(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int code = EXIT_DONE;

	if (fd < 0 || renameat(fd, "state.mdb.new", fd, "state.mdb") != 0 ||
	    renameat(fd, "manifest.new", fd, "manifest") != 0 || fsync(fd) != 0)
		code = fail("can't finish the backup in", dir);
	if (fd >= 0)
		close(fd);
	return code;
}

static int finish_backup(const struct backup_request *request, json_t *answer)
{
	json_t *config = config_of_daemon(request);
	json_t *files = copy_config(json_string_value(config), request->dir);
	json_t *manifest = files != NULL ? manifest_of(answer, files) : NULL;
	int code = EXIT_REFUSED;

	if (manifest != NULL && write_manifest(request->dir, manifest))
		code = put_in_place(request->dir);
	if (code == EXIT_DONE && request->json) {
		json_dumpf(manifest, stdout, JSON_COMPACT);
		putchar('\n');
	} else if (code == EXIT_DONE) {
		printf("%s/state.mdb: %lld bytes, ", request->dir, number(answer, "bytes"));
		print_counts(answer);
		putchar('\n');
	}
	if (code == EXIT_DONE && number(answer, "damaged") > 0)
		fprintf(stderr,
			"shackctl: %lld records of the durable store are damaged; "
			"this backup has them as they are, and can't be restored\n",
			number(answer, "damaged"));
	json_decref(manifest);
	json_decref(config);
	return code;
}

static int write_backup(const struct backup_request *request, const char *name)
{
	json_t *answer = NULL;
	int fd = copy_open(name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW), code;

	if (fd < 0)
		return EXIT_REFUSED;
	code = ask(request, "backup", &fd, true, &answer);
	if (code == EXIT_DONE && (!same_file(fd, name, answer) || fsync(fd) != 0))
		code = EXIT_REFUSED;
	close(fd);
	if (code == EXIT_DONE)
		code = finish_backup(request, answer);
	if (code != EXIT_DONE)
		unlink(name);
	json_decref(answer);
	return code;
}

int backup_run(const struct backup_request *request)
{
	char name[COPY_PATH];
	int lock, code = EXIT_REFUSED;

	if (!copy_join(name, request->dir, "state.mdb.new"))
		return EXIT_USAGE;
	if (mkdir(request->dir, 0700) != 0 && errno != EEXIST)
		return fail("can't make", request->dir);
	lock = lock_dir(request->dir, LOCK_EX);
	if (lock >= 0) {
		code = write_backup(request, name);
		close(lock);
	}
	return code;
}

/* ---- restore ---- */

/* The manifest that was written for a store with HASH. */
static json_t *manifest_for(const char *dir, const char *hash)
{
	static const char *const names[] = {"manifest", "manifest.new"};
	char name[COPY_PATH];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		json_t *manifest = NULL;
		const char *told;
		int fd = -1;

		if (copy_join(name, dir, names[i]) && access(name, F_OK) == 0)
			fd = copy_open(name, O_RDONLY);
		if (fd >= 0) {
			manifest = json_loadfd(fd, 0, NULL);
			close(fd);
		}
		told = json_string_value(
			json_object_get(json_object_get(manifest, "state"), "blake2b"));
		if (told != NULL && strcmp(told, hash) == 0)
			return manifest;
		json_decref(manifest);
	}
	return NULL;
}

static json_t *check_backup(const char *dir, const char *name, int fd)
{
	char hash[COPY_HASH];
	json_t *manifest = NULL;

	if (copy_hash(fd, hash))
		manifest = manifest_for(dir, hash);
	else
		fail("can't read", name);
	if (manifest == NULL)
		fprintf(stderr, "shackctl: %s/manifest does not fit %s: this is no whole backup\n",
			dir, name);
	return manifest;
}

static int read_backup(const struct backup_request *request, const char *name)
{
	json_t *manifest, *answer = NULL;
	int fd = copy_open(name, O_RDONLY), code = EXIT_REFUSED;

	if (fd < 0)
		return EXIT_REFUSED;
	manifest = check_backup(request->dir, name, fd);
	if (manifest != NULL)
		code = ask(request, "restore", &fd, false, &answer);
	close(fd);
	if (code == EXIT_DONE && request->json) {
		json_dumpf(answer, stdout, JSON_COMPACT);
		putchar('\n');
	} else if (code == EXIT_DONE) {
		printf("in force is the backup of %s: ",
		       json_string_value(json_object_get(manifest, "made")));
		print_counts(answer);
		printf("\nwhat was in force before is kept as state.old\n");
	}
	json_decref(manifest);
	json_decref(answer);
	return code;
}

int restore_run(const struct backup_request *request)
{
	char name[COPY_PATH];
	int lock, code = EXIT_REFUSED;

	if (!copy_join(name, request->dir, "state.mdb"))
		return EXIT_USAGE;
	lock = lock_dir(request->dir, LOCK_SH);
	if (lock >= 0) {
		code = read_backup(request, name);
		close(lock);
	}
	return code;
}

/* ---- compact ---- */

int compact_run(const struct backup_request *request)
{
	json_t *answer = NULL;
	int code = ask(request, "compact", NULL, false, &answer);

	if (code == EXIT_DONE && request->json) {
		json_dumpf(answer, stdout, JSON_COMPACT);
		putchar('\n');
	} else if (code == EXIT_DONE) {
		printf("the durable store has %lld bytes, and had %lld\n", number(answer, "bytes"),
		       number(answer, "bytes_before"));
	}
	json_decref(answer);
	return code;
}
