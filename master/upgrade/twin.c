/* SPDX-License-Identifier: ISC
 *
 * NAME      twin - shackd-net, the second executable of a build
 * PURPOSE   See master/upgrade/twin.h.
 * OWNER     master
 * CONTRACT  see master/upgrade/twin.h
 * LIMITS    see master/upgrade/twin.h
 */
#include "master/upgrade/twin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/role.h"

#define NOTES_MAX    4096
#define SEGMENTS_MAX 64

extern char **environ;

bool twin_path(const char *program, char *path_r, unsigned size)
{
	const char *slash = strrchr(program, '/');
	int folder = slash != NULL ? (int)(slash - program) + 1 : 0;

	return snprintf(path_r, size, "%.*s%s", folder, program, TWIN_NAME) < (int)size;
}

/* ---- its stamp ---- */

static size_t align4(size_t size)
{
	return (size + 3) & ~(size_t)3;
}

/* The stamp among the SIZE bytes of NOTES. */
static bool find_stamp(const uint8_t *notes, size_t size, char stamp_r[STAMP_SIZE])
{
	static const struct stamp_head *const wanted = &stamp_own.head;
	size_t at = 0;

	while (size - at >= sizeof(*wanted)) {
		const uint8_t *owner = notes + at + sizeof(*wanted);
		struct stamp_head head;
		size_t whole;

		memcpy(&head, notes + at, sizeof(head));
		if (head.owner_size > NOTES_MAX || head.text_size > NOTES_MAX)
			return false;
		whole = sizeof(head) + align4(head.owner_size) + align4(head.text_size);
		if (whole > size - at)
			return false;
		if (memcmp(&head, wanted, sizeof(head)) == 0 &&
		    memcmp(owner, STAMP_OWNER, sizeof(STAMP_OWNER)) == 0) {
			memcpy(stamp_r, owner + align4(head.owner_size), STAMP_SIZE);
			return true;
		}
		at += whole;
	}
	return false;
}

static bool in_segment(int fd, const ElfW(Phdr) * segment, char stamp_r[STAMP_SIZE])
{
	_Alignas(8) uint8_t notes[NOTES_MAX];

	/* notes of eight-byte alignment are the compiler's */
	if (segment->p_type != PT_NOTE || segment->p_align > 4 || segment->p_filesz > NOTES_MAX)
		return false;
	return pread(fd, notes, segment->p_filesz, (off_t)segment->p_offset) ==
		       (ssize_t)segment->p_filesz &&
	       find_stamp(notes, segment->p_filesz, stamp_r);
}

bool twin_stamp(int fd, char stamp_r[STAMP_SIZE])
{
	ElfW(Phdr) segment;
	ElfW(Ehdr) head;

	errno = ENOEXEC;
	if (pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_phentsize != sizeof(segment))
		return false;
	for (unsigned i = 0; i < head.e_phnum && i < SEGMENTS_MAX; i++) {
		off_t at = (off_t)head.e_phoff + (off_t)i * (off_t)sizeof(segment);

		if (pread(fd, &segment, sizeof(segment), at) == (ssize_t)sizeof(segment) &&
		    in_segment(fd, &segment, stamp_r))
			return true;
	}
	return false;
}

bool twin_same(int fd, int other)
{
	char one[STAMP_SIZE], two[STAMP_SIZE];

	return twin_stamp(fd, one) && twin_stamp(other, two) && memcmp(one, two, STAMP_SIZE) == 0;
}

bool twin_is_ours(int fd)
{
	char stamp[STAMP_SIZE];

	return twin_stamp(fd, stamp) && memcmp(stamp, stamp_own.text, STAMP_SIZE) == 0;
}

int twin_open(const char *program, char why_r[TWIN_WHY_MAX])
{
	char path[PATH_MAX];
	int fd = -1;

	if (twin_path(program, path, sizeof(path)))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	else
		errno = ENAMETOOLONG;
	if (fd < 0) {
		snprintf(why_r, TWIN_WHY_MAX,
			 "can't open %.120s: %s: it belongs to shackd, install it beside %.80s",
			 path, strerror(errno), program);
	} else if (!twin_is_ours(fd)) {
		snprintf(why_r, TWIN_WHY_MAX,
			 "%.120s is not of the same build as %.80s: install both anew", path,
			 program);
		close(fd);
		fd = -1;
	}
	return fd;
}

/* ---- does it run? ---- */

static void __attribute__((noreturn)) become(int fd, int out)
{
	char *argv[] = {(char[]){TWIN_NAME}, (char[]){ROLE_STAMP_FLAG}, NULL};

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (dup2(out, 1) < 0)
		_exit(127);
	execveat(fd, "", argv, environ, AT_EMPTY_PATH);
	dprintf(2, "%s can't be executed: %s\n", TWIN_NAME, strerror(errno));
	_exit(127);
}

bool twin_runs(int fd)
{
	char text[STAMP_SIZE + 2] = "";
	int ends[2], status = 1;
	ssize_t got = -1;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	pid = fork();
	if (pid == 0)
		become(fd, ends[1]);
	close(ends[1]);
	if (pid > 0) { /* a line is written at once */
		got = read(ends[0], text, sizeof(text));
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(ends[0]);
	return status == 0 && got == STAMP_SIZE + 1 &&
	       memcmp(text, stamp_own.text, STAMP_SIZE) == 0;
}
