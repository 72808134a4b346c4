/* SPDX-License-Identifier: ISC
 *
 * NAME      candidate - may this file become the daemon?
 * PURPOSE   See master/upgrade/candidate.h.
 * OWNER     master
 * CONTRACT  see master/upgrade/candidate.h
 * LIMITS    see master/upgrade/candidate.h
 */
#include "master/upgrade/candidate.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/key.h"

struct candidate {
	const char *path;
	int folder, fd;
	char *why;
};

static bool __attribute__((format(printf, 2, 3)))
refuse(struct candidate *candidate, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(candidate->why, CANDIDATE_WHY_MAX, format, args);
	va_end(args);
	return false;
}

static bool refuse_path(struct candidate *candidate, const char *path, const char *what)
{
	return refuse(candidate, "%.220s: %s", path, what);
}

/* ---- who could have written it ---- */

/* Group 0, and the own group of somebody who isn't root, are no others. */
static bool others_write(const struct stat *st)
{
	bool own_group = st->st_gid == 0 || (geteuid() != 0 && st->st_gid == getegid());

	return (st->st_mode & S_IWOTH) != 0 || ((st->st_mode & S_IWGRP) != 0 && !own_group);
}

static bool ours(const struct stat *st)
{
	return st->st_uid == 0 || st->st_uid == geteuid();
}

static bool check_folder(struct candidate *candidate, int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return refuse_path(candidate, path, strerror(errno));
	if (!ours(&st))
		return refuse_path(candidate, path, "the directory belongs to another user");
	if (others_write(&st) && (st.st_mode & S_ISVTX) == 0)
		return refuse_path(candidate, path,
				   "others may write into the directory (chmod go-w it)");
	return true;
}

/* Walks down without following links, so that what was checked is what is gone through. */
static bool walk(struct candidate *candidate, char *path)
{
	char *at = path + 1;

	candidate->folder = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (candidate->folder < 0 || !check_folder(candidate, candidate->folder, "/"))
		return false;
	while (*at != '\0') {
		char *slash = strchr(at, '/');
		int next;

		if (slash != NULL)
			*slash = '\0';
		next = openat(candidate->folder, at, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return refuse_path(candidate, path, strerror(errno));
		close(candidate->folder);
		candidate->folder = next;
		if (!check_folder(candidate, next, path))
			return false;
		if (slash == NULL)
			break;
		*slash = '/';
		at = slash + 1;
	}
	return true;
}

static bool enter_folder(struct candidate *candidate)
{
	char folder[PATH_MAX], real[PATH_MAX], *slash;

	if (candidate->path[0] != '/' ||
	    snprintf(folder, sizeof(folder), "%s", candidate->path) >= (int)sizeof(folder))
		return refuse_path(candidate, candidate->path, "is no absolute path");
	slash = strrchr(folder, '/');
	slash[slash == folder] = '\0';
	if (realpath(folder, real) == NULL)
		return refuse_path(candidate, folder, strerror(errno));
	return walk(candidate, real);
}

static bool check_file(struct candidate *candidate)
{
	struct stat st;

	if (fstat(candidate->fd, &st) != 0)
		return refuse_path(candidate, candidate->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return refuse_path(candidate, candidate->path, "is not a plain file");
	if (!ours(&st))
		return refuse_path(candidate, candidate->path, "belongs to another user");
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return refuse_path(candidate, candidate->path,
				   "others may write to it (chmod go-w it)");
	if ((st.st_mode & S_IXUSR) == 0)
		return refuse_path(candidate, candidate->path, "is not executable");
	if (st.st_size > CANDIDATE_MAX)
		return refuse_path(candidate, candidate->path, "is too big");
	return true;
}

/* The last part: itself no link either. */
static bool open_file(struct candidate *candidate)
{
	const char *name = strrchr(candidate->path, '/') + 1;

	candidate->fd = openat(candidate->folder, name,
			       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (candidate->fd < 0)
		return refuse_path(candidate, candidate->path,
				   errno == ELOOP ? "is a symbolic link" : strerror(errno));
	return check_file(candidate);
}

/* ---- what machine it is for ---- */

static bool read_head(int fd, Elf64_Ehdr *head_r)
{
	return pread(fd, head_r, sizeof(*head_r), 0) == (ssize_t)sizeof(*head_r) &&
	       memcmp(head_r->e_ident, ELFMAG, SELFMAG) == 0;
}

/* What we are is what runs here. The fields lie at the same place in both classes. */
static bool check_machine(struct candidate *candidate)
{
	int own = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr ours_head, head;
	bool known = own >= 0 && read_head(own, &ours_head);

	if (own >= 0)
		close(own);
	if (!read_head(candidate->fd, &head))
		return refuse_path(candidate, candidate->path, "is not an ELF executable");
	if (!known)
		return refuse(candidate, "can't read my own executable");
	if (head.e_ident[EI_CLASS] != ours_head.e_ident[EI_CLASS] ||
	    head.e_ident[EI_DATA] != ours_head.e_ident[EI_DATA] ||
	    head.e_machine != ours_head.e_machine)
		return refuse_path(candidate, candidate->path, "is for another machine");
	if (head.e_type != ET_EXEC && head.e_type != ET_DYN)
		return refuse_path(candidate, candidate->path, "is not an executable");
	return true;
}

/* ---- who signed it ---- */

/* All of FD; NULL with errno. Not mapped: a file that shrinks would be a SIGBUS. */
static uint8_t *read_whole(int fd, size_t *size_r)
{
	struct stat st;
	uint8_t *data;
	size_t have = 0;

	if (fstat(fd, &st) != 0)
		return NULL;
	data = malloc((size_t)st.st_size + 1);
	while (data != NULL && have < (size_t)st.st_size) {
		ssize_t got = pread(fd, data + have, (size_t)st.st_size - have, (off_t)have);

		if (got > 0) {
			have += (size_t)got;
		} else if (got == 0 || errno != EINTR) {
			errno = got == 0 ? EIO : errno;
			free(data);
			return NULL;
		}
	}
	*size_r = have;
	return data;
}

static bool read_signature(struct candidate *candidate, uint8_t signature_r[crypto_sign_BYTES])
{
	char name[PATH_MAX];
	uint8_t beyond;
	bool whole;
	int fd;

	snprintf(name, sizeof(name), "%s.sig", strrchr(candidate->path, '/') + 1);
	fd = openat(candidate->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return refuse(candidate, "%.200s.sig: %s (server.upgrade_key asks for a signature)",
			      candidate->path, strerror(errno));
	whole = pread(fd, signature_r, crypto_sign_BYTES, 0) == crypto_sign_BYTES &&
		pread(fd, &beyond, 1, crypto_sign_BYTES) == 0;
	close(fd);
	return whole || refuse(candidate, "%.200s.sig: is not a signature of %u bytes",
			       candidate->path, (unsigned)crypto_sign_BYTES);
}

static bool check_signature(struct candidate *candidate, const char *text)
{
	uint8_t key[crypto_sign_PUBLICKEYBYTES], signature[crypto_sign_BYTES], *data;
	size_t size;
	bool good;

	if (text[0] == '\0')
		return true;
	if (sodium_init() < 0 || !key_read(text, key))
		return refuse(candidate, "server.upgrade_key is no Ed25519 public key");
	if (!read_signature(candidate, signature))
		return false;
	data = read_whole(candidate->fd, &size);
	if (data == NULL)
		return refuse_path(candidate, candidate->path, strerror(errno));
	good = crypto_sign_verify_detached(signature, data, size, key) == 0;
	free(data);
	return good || refuse(candidate, "%.200s.sig: the signature is not of this file and key",
			      candidate->path);
}

int candidate_open(const char *path, const char *key, char why_r[CANDIDATE_WHY_MAX])
{
	struct candidate candidate = {.path = path, .folder = -1, .fd = -1, .why = why_r};
	bool good = enter_folder(&candidate) && open_file(&candidate) &&
		    check_machine(&candidate) && check_signature(&candidate, key);

	if (candidate.folder >= 0)
		close(candidate.folder);
	if (!good && candidate.fd >= 0)
		close(candidate.fd);
	return good ? candidate.fd : -1;
}
