/* SPDX-License-Identifier: ISC
 *
 * NAME      file - a list file that others write whenever they like
 * PURPOSE   Tells when the file is new and whole, reads it in slices, and says once what is wrong
 *           with it.
 * OWNER     data
 * CONTRACT  Never waits: what is not a regular file is never opened, and what is opened is read a
 *           slice at a time. What is given to the caller was the same before and after it was
 *           read, and nobody was seen writing it:
 *           - a file that its writer closed, or that was renamed into place, is taken at once;
 *           - one that was changed and not closed, when it is quiet for FILE_OPEN_QUIET;
 *           - one whose changes the kernel does not report (file systems of other machines), when
 *             it is quiet for FILE_QUIET; so is one whose last line has no end;
 *           - an urgent one as it is: a change will make it read again.
 * LIMITS    FILE_SIZE_MAX bytes, or fewer
 */
#ifndef SHACKD_WORKERS_DATA_FILE_H
#define SHACKD_WORKERS_DATA_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "shm/clock.h"
#include "shm/conf.h"

#define FILE_SIZE_MAX	(64UL * 1024 * 1024)
#define FILE_QUIET	(2 * NS_PER_SEC)
#define FILE_OPEN_QUIET (10 * NS_PER_SEC)

struct file_stamp {
	uint64_t dev, ino, size;
	int64_t mtime; /* ns */
};

enum file_news {
	FILE_SAME,    /* nothing new, or not yet */
	FILE_MORE,    /* a slice was read: call again soon */
	FILE_CONTENT, /* text and length: the caller takes or frees them (file_forget) */
	FILE_TROUBLE, /* it can't be read: why. Given once until that changes */
	FILE_BACK,    /* it can be read again, and is what it was */
};

/* What the kernel says happened to it. */
enum file_hint { FILE_WRITTEN, FILE_CLOSED, FILE_CHANGED };

struct file {
	char path[CONF_TEXT_MAX + 1]; /* empty: none */
	size_t most;		      /* bytes; FILE_SIZE_MAX, or what the caller sets */
	char why[160];		      /* what troubles; empty: nothing */
	bool judged;		      /* `taken` is what was given last */
	struct file_stamp taken;
	bool urgent;		/* there is no list: half of one is better than none */
	bool looked;		/* `seen` is what it looked like last */
	struct file_stamp seen; /* since seen_at, clock_mono */
	uint64_t seen_at;
	bool gone; /* since gone_at, clock_mono */
	uint64_t gone_at;
	bool writing, closed; /* since the last change, as far as the kernel said */
	uint64_t due;	      /* next look, clock_mono */
	int fd;		      /* while it is read, else -1 */
	char *text;
	size_t length, room;
};

/* PATH may be empty: then nothing ever happens. */
void file_init(struct file *file, const char *path);
void file_free(struct file *file);

/* Goes on; EVERY is the time between two looks that nobody asked for. Times are clock_mono, and
 * clock_real for the age of the file. */
enum file_news file_turn(struct file *file, uint64_t now, uint64_t real, uint64_t every);

/* Read it again even if it has not changed. */
void file_again(struct file *file, uint64_t now);
void file_hint(struct file *file, enum file_hint hint, uint64_t now);

/* Frees the text. */
void file_forget(struct file *file);

#endif
