/* SPDX-License-Identifier: ISC
 *
 * NAME      hint - what to do about an error of the system
 * PURPOSE   "Too many open files" says what is wrong to a programmer; who starts a daemon at night
 *           wants to know where to turn the screw.
 * OWNER     master, when it could not start
 * CONTRACT  see master/start/place.h
 * LIMITS    an error is recognized by its text, as it stands in a sentence; of texts that begin alike the
 *           longer one comes first
 */
#include <errno.h>
#include <string.h>

#include "master/start/place.h"

const char *place_hint(const char *why)
{
	static const struct {
		int error;
		const char *hint;
	} known[] = {
		{ENFILE, "the whole machine has too many open files, see: sysctl fs.file-nr"},
		{EMFILE, "raise the limit of open files, as with: ulimit -n 65536"},
		{ENOMEM, "free memory, or lower keys of [limits]"},
		{ENOSPC, "make room on that file system, see: df -h"},
		{EDQUOT, "make room, or raise the quota"},
		{EROFS, "mount it for writing, or name another directory"},
		{EACCES, "start it as root, or name directories and ports that this user may use"},
		{EPERM, "start it as root, or look which security module forbids it"},
		{EAGAIN, "the limit of processes is reached, see: ulimit -u"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strstr(why, strerror(known[i].error)) != NULL)
			return known[i].hint;
	return NULL;
}
