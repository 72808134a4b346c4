/* SPDX-License-Identifier: ISC
 *
 * NAME      standin - the durable store when its disk can't be used
 * PURPOSE   See standin.h.
 * OWNER     keeper
 * CONTRACT  see standin.h. Nobody writes the file that is copied: it can't be written.
 * LIMITS    see standin.h
 */
#include "workers/standin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/log.h"

#define PATH_SIZE (CONF_TEXT_MAX + 32)

static const char *folder(const struct worker *worker, enum conf_key dir, const char *name,
			  char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s/state%s", conf_text(worker->conf, dir), name);
	return path;
}

/* False with errno; then there is no file TO. */
static bool copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out = -1, saved;
	char chunk[65536];
	ssize_t got = -1;

	if (in >= 0)
		out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	while (out >= 0 && (got = read(in, chunk, sizeof(chunk))) > 0 &&
	       write(out, chunk, (size_t)got) == got)
		;
	saved = got > 0 ? ENOSPC : errno;
	if (in >= 0)
		close(in);
	if (out >= 0 && (close(out) != 0 || got != 0))
		unlink(to);
	errno = saved;
	return got == 0;
}

/* At the first start a directory of the wrong owner is a mistake to be told, later it is no reason to
 * end. */
static bool disk_fails(const struct worker *worker)
{
	char path[PATH_SIZE];
	int error = 0, fd;

	fd = open(folder(worker, CONF_SERVER_STATE_DIR, ".probe", path),
		  O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "?", 1) != 1 || fsync(fd) != 0)
		error = errno;
	if (fd >= 0)
		close(fd);
	unlink(path);
	if (error == EROFS || error == EIO)
		return true;
	return worker->generation > 1 &&
	       (error == EACCES || error == EPERM || error == ENOENT || error == ENOTDIR);
}

bool standin_begin(struct worker *worker, const char *why)
{
	char from[PATH_SIZE], path[PATH_SIZE], to[PATH_SIZE];

	if (!disk_fails(worker))
		return false;
	log_error("server.state_dir can't be used, what should be durable is kept in memory: %s",
		  why);
	/* it goes on with what stood in before; another error comes with the open */
	if (mkdir(folder(worker, CONF_SERVER_SHM_DIR, "", path), 0750) != 0)
		return true;
	if (!copy_file(folder(worker, CONF_SERVER_STATE_DIR, "/data.mdb", from),
		       folder(worker, CONF_SERVER_SHM_DIR, "/data.mdb", to)) &&
	    errno != ENOENT)
		log_warning("%s can't be copied: %s", from, strerror(errno));
	return true;
}

void standin_end(struct worker *worker)
{
	static const char *const names[] = {"/data.mdb", "/lock.mdb"};
	char path[PATH_SIZE];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (unlink(folder(worker, CONF_SERVER_SHM_DIR, names[i], path)) == 0 && i == 0)
			log_info("server.state_dir works again, what stood in for it is gone");
	if (rmdir(folder(worker, CONF_SERVER_SHM_DIR, "", path)) != 0 && errno != ENOENT)
		log_warning("can't remove %s: %s", path, strerror(errno));
}
