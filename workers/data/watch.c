/* SPDX-License-Identifier: ISC
 *
 * NAME      watch - what the kernel says of the list files
 * PURPOSE   Watches the folders of the files (a file that is replaced by renaming is another file),
 *           so that a change counts at once; access.reload stands behind it where the kernel says
 *           nothing.
 * OWNER     data
 * CONTRACT  a folder that can't be watched is said once and costs only time
 * LIMITS    changes behind a symbolic link are found by access.reload
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "shm/log.h"
#include "shm/watch.h"
#include "workers/data/data.h"

#define READS_A_TURN 16
#define MASK                                                                                       \
	(IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |        \
	 IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

static struct file *file_of(struct data_worker *self, unsigned n)
{
	struct file *const files[WATCHES] = {&self->access.file, &self->homes.file,
					     &self->countries.file, &self->known.file};

	return files[n];
}

static const char *name_of(const struct file *file)
{
	const char *slash = strrchr(file->path, '/');

	return slash != NULL ? slash + 1 : file->path;
}

static enum file_hint hint_of(uint32_t mask)
{
	if (mask & IN_MODIFY)
		return FILE_WRITTEN;
	return mask & (IN_CLOSE_WRITE | IN_MOVED_TO) ? FILE_CLOSED : FILE_CHANGED;
}

static void handle(struct data_worker *self, const struct inotify_event *event)
{
	uint64_t now = clock_mono();

	for (unsigned i = 0; i < WATCHES; i++) {
		struct file *file = file_of(self, i);
		bool ours = event->len > 0 && strcmp(event->name, name_of(file)) == 0;

		if (event->mask & IN_Q_OVERFLOW)
			file_hint(file, FILE_CHANGED, now);
		if (self->watch[i].id != event->wd)
			continue;
		if (event->mask & IN_IGNORED)
			self->watch[i].id = -1; /* the folder is gone: looked for again */
		else if (ours || event->len == 0)
			file_hint(file, ours ? hint_of(event->mask) : FILE_CHANGED, now);
	}
}

static void on_inotify(struct ev_loop *loop, ev_io *io, int events)
{
	struct data_worker *self = io->data;
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	if (watch_lost(loop, io, events))
		return;
	for (int i = 0; i < READS_A_TURN; i++) {
		ssize_t got = read(self->inotify, buffer, sizeof(buffer));

		if (got <= 0)
			return;
		for (ssize_t at = 0; at < got;) {
			const struct inotify_event *event = (const void *)(buffer + at);

			handle(self, event);
			at += (ssize_t)(sizeof(*event) + event->len);
		}
	}
}

void watch_open(struct data_worker *self)
{
	for (unsigned i = 0; i < WATCHES; i++)
		self->watch[i].id = -1;
	self->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (self->inotify < 0) {
		log_warning("changes of list files are found only every access.reload: %s",
			    strerror(errno));
		return;
	}
	ev_io_init(&self->inotify_io, on_inotify, self->inotify, EV_READ);
	self->inotify_io.data = self;
	watch_follow(self);
}

static void forget(struct data_worker *self, unsigned n)
{
	int id = self->watch[n].id;

	self->watch[n].id = -1;
	for (unsigned i = 0; i < WATCHES; i++)
		if (self->watch[i].id == id)
			return; /* one folder has one watch */
	if (id >= 0)
		inotify_rm_watch(self->inotify, id);
}

static void folder_of(const struct file *file, char folder_r[CONF_TEXT_MAX + 1])
{
	size_t length = (size_t)(name_of(file) - file->path);

	snprintf(folder_r, CONF_TEXT_MAX + 1, "%.*s", (int)(length > 1 ? length - 1 : length),
		 file->path);
}

void watch_follow(struct data_worker *self)
{
	char folder[CONF_TEXT_MAX + 1];

	for (unsigned i = 0; i < WATCHES && self->inotify >= 0; i++) {
		folder_of(file_of(self, i), folder);
		if (strcmp(folder, self->watch[i].folder) != 0) {
			forget(self, i);
			self->watch[i].complained = false;
			snprintf(self->watch[i].folder, sizeof(folder), "%s", folder);
		}
		if (folder[0] == '\0' || self->watch[i].id >= 0)
			continue;
		self->watch[i].id = inotify_add_watch(self->inotify, folder, MASK);
		if (self->watch[i].id < 0 && !self->watch[i].complained) {
			self->watch[i].complained = true;
			log_info("%s can't be watched (%s): its files are looked at every "
				 "access.reload",
				 folder, strerror(errno));
		}
	}
}

void watch_close(struct data_worker *self)
{
	if (self->inotify < 0)
		return;
	ev_io_stop(self->worker->loop, &self->inotify_io);
	close(self->inotify);
	self->inotify = -1;
}
