/* SPDX-License-Identifier: ISC
 *
 * NAME      dirs - run_dir, shm_dir, state_dir
 * PURPOSE   Makes what is missing with the right owner, takes over what is empty and ours, and
 *           refuses what somebody else could play with.
 * OWNER     master
 * CONTRACT  the last component is never a symbolic link; nothing that holds files changes its owner
 * LIMITS    the components before it are the operator's: links there are followed
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "master/options.h"
#include "master/start/place.h"
#include "shm/log.h"

struct wanted {
	const char *key;  /* for messages */
	const char *path; /* absolute */
	uid_t uid;	  /* (uid_t)-1: whoever we are */
	gid_t gid;
	mode_t mode;
};

/* Makes every missing component. MADE_R: the last one too. */
static bool make_path(const char *path, mode_t mode, bool *made_r)
{
	char part[CONF_TEXT_MAX];
	size_t length = strlen(path);

	*made_r = false;
	if (length >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return false;
	}
	for (size_t i = 1; i <= length; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, i == length ? mode : 0755) == 0)
			*made_r = i == length;
		else if (errno != EEXIST)
			return false;
	}
	return true;
}

static bool is_empty(int fd)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again >= 0 ? fdopendir(again) : NULL;
	struct dirent *entry;
	bool empty = true;

	if (dir == NULL) {
		if (again >= 0)
			close(again);
		return false;
	}
	while (empty && (entry = readdir(dir)) != NULL)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	closedir(dir);
	return empty;
}

static bool give_away(struct master *master, const struct wanted *wanted, int fd)
{
	if (fchown(fd, wanted->uid, wanted->gid) == 0 && fchmod(fd, wanted->mode) == 0)
		return true;
	return master_why(master, EXIT_START, "%s: can't set owner and mode of %s: %s", wanted->key,
			  wanted->path, strerror(errno));
}

/* With errno. A disk that became read-only keeps nobody from serving: keeper tells of it. */
static bool may_be_read_only(const struct wanted *wanted)
{
	return errno == EROFS && strcmp(wanted->key, "server.state_dir") == 0;
}

/* A directory that was there before us. */
static bool check_old(struct master *master, const struct wanted *wanted, int fd)
{
	uid_t owner = wanted->uid != (uid_t)-1 ? wanted->uid : geteuid();
	struct stat st;

	if (fstat(fd, &st) != 0)
		return master_why(master, EXIT_START, "%s: can't look at %s: %s", wanted->key,
				  wanted->path, strerror(errno));
	if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX))
		return master_why(master, EXIT_START,
				  "%s: everybody may write to %s; make it safe with: chmod o-w %s",
				  wanted->key, wanted->path, wanted->path);
	if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) != 0 && !may_be_read_only(wanted))
		return master_why(master, EXIT_START, "%s: can't write to %s: %s", wanted->key,
				  wanted->path, strerror(errno));
	if (st.st_uid == owner || (owner == geteuid() && st.st_uid == 0))
		return true;
	if (st.st_uid == geteuid() && is_empty(fd))
		return give_away(master, wanted, fd);
	return master_why(
		master, EXIT_START,
		"%s: %s belongs to uid %u, not to uid %u; if it is meant to be used here: "
		"chown -R %u %s",
		wanted->key, wanted->path, (unsigned)st.st_uid, (unsigned)owner, (unsigned)owner,
		wanted->path);
}

static int prepare(struct master *master, const struct wanted *wanted)
{
	bool made, good;
	int fd;

	if (!make_path(wanted->path, wanted->mode, &made)) {
		master_why(master, EXIT_START, "%s: can't make the directory %s: %s", wanted->key,
			   wanted->path, strerror(errno));
		return -1;
	}
	fd = open(wanted->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		master_why(master, EXIT_START, "%s: can't use %s as a directory: %s", wanted->key,
			   wanted->path,
			   errno == ELOOP || errno == ENOTDIR
				   ? "it is a symbolic link or no directory at all"
				   : strerror(errno));
		return -1;
	}
	if (made && master->privileged)
		good = give_away(master, wanted, fd);
	else
		good = made || check_old(master, wanted, fd);
	if (good)
		return fd;
	close(fd);
	return -1;
}

static void warn_unless_tmpfs(const char *path, int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type != TMPFS_MAGIC)
		log_warning("server.shm_dir: %s is not on tmpfs: the volatile stores will be slow",
			    path);
}

/* Two daemons on one store would each have a gate of its own, and take each other's gateways for
 * leftovers. The lock lasts as long as the descriptor. */
static bool lock_directory(struct master *master, const struct wanted *wanted, int *fd)
{
	int number = (int)(fd - master->locked);

	for (int i = 0; i < number; i++) {
		struct stat one, other;

		if (fstat(master->locked[i], &one) == 0 && fstat(*fd, &other) == 0 &&
		    one.st_dev == other.st_dev && one.st_ino == other.st_ino)
			return true; /* the same directory for both: it is locked */
	}
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (errno == EWOULDBLOCK)
		return master_why(master, EXIT_START, "%s: another daemon uses %s; give each of them a directory of its own",
				  wanted->key, wanted->path);
	return master_why(master, EXIT_START, "%s: can't lock %s: %s", wanted->key, wanted->path,
			  strerror(errno));
}

static struct wanted run_dir(const struct master *master)
{
	return (struct wanted){"server.run_dir", config_text(master->config, CONF_SERVER_RUN_DIR),
			       (uid_t)-1, (gid_t)master->control_gid, 0750};
}

bool place_run_dir(struct master *master)
{
	const struct wanted wanted = run_dir(master);
	int fd = prepare(master, &wanted);

	if (fd >= 0)
		close(fd); /* the pid file in it is locked */
	return fd >= 0;
}

static struct wanted store_dir(const struct master *master, const char *key, enum conf_key number)
{
	return (struct wanted){key, config_text(master->config, number),
			       (uid_t)master->worker_uid, (gid_t)master->worker_gid, 0750};
}

/* Workers own the stores; the control socket must not lie in their hands. */
static bool is_run_dir(const struct master *master, int fd)
{
	struct stat run, other;

	return lstat(config_text(master->config, CONF_SERVER_RUN_DIR), &run) == 0 &&
	       fstat(fd, &other) == 0 && run.st_dev == other.st_dev && run.st_ino == other.st_ino;
}

bool place_stores(struct master *master)
{
	const struct wanted wanted[] = {
		store_dir(master, "server.shm_dir", CONF_SERVER_SHM_DIR),
		store_dir(master, "server.state_dir", CONF_SERVER_STATE_DIR),
	};

	for (unsigned i = 0; i < 2; i++) {
		master->locked[i] = prepare(master, &wanted[i]);
		if (master->locked[i] < 0)
			return false;
		if (i == 0)
			warn_unless_tmpfs(wanted[i].path, master->locked[i]);
		if (!lock_directory(master, &wanted[i], &master->locked[i]))
			return false;
		if (wanted[i].uid != (uid_t)-1 && is_run_dir(master, master->locked[i]))
			return master_why(
				master, EXIT_START,
				"%s: %s is server.run_dir too; they need different owners",
				wanted[i].key, wanted[i].path);
	}
	return true;
}
