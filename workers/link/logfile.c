/* SPDX-License-Identifier: ISC
 *
 * NAME      logfile - ysf.mmdvm_log
 * PURPOSE   Writes events as lines for dashboards that read logs; a file a day if the path says so.
 * OWNER     link
 * CONTRACT  An event's lines are in the file exactly once, whenever this process is killed: a note
 * in the page says up to which event, in which file, of which length; what lies beyond is the
 *           beginning of the next event's lines, and a successor writes the rest. A file that was
 *           moved, removed or cut short is gone on with from what it is. A full disk loses lines,
 *           counted and said once, and holds up nobody.
 * LIMITS    a list of gateways is not an event: it may be there twice after a kill
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shm/fault.h"
#include "shm/log.h"
#include "shm/text.h"
#include "workers/link/link.h"
#include "workers/link/mmdvm.h"

#include "version.h"

#define BATCHES	      8
#define SECONDS_A_DAY 86400
#define LOOK_EVERY    NS_PER_SEC

static bool is_wanted(const struct link *link)
{
	return conf_text(link->conf, CONF_YSF_MMDVM_LOG)[0] != '\0';
}

/* ---- the file ---- */

static void make_path(struct link *link, uint64_t day)
{
	const char *form = conf_text(link->conf, CONF_YSF_MMDVM_LOG);
	time_t seconds = (time_t)(day * SECONDS_A_DAY);
	struct logfile *self = &link->log;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	if (strchr(form, '%') == NULL || strftime(self->path, sizeof(self->path), form, &tm) == 0)
		text_copy(self->path, sizeof(self->path), form);
	self->day = day;
}

static void forget_file(struct logfile *self)
{
	if (self->fd >= 0)
		close(self->fd);
	self->fd = -1;
}

static void complain(struct logfile *self, const char *what)
{
	if (!self->complained)
		log_error("%s %s: %s (ysf.mmdvm_log); its lines are lost until it can be written",
			  what, self->path, strerror(errno));
	self->complained = true;
}

static void open_file(struct link *link)
{
	struct logfile *self = &link->log;

	self->fd = open(self->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
			0644);
	if (self->fd < 0)
		complain(self, "can't open");
}

/* A number for a file; never 0. */
static uint64_t identity(const struct stat *st)
{
	return ((uint64_t)st->st_dev << 48 ^ (uint64_t)st->st_ino) | 1ULL << 63;
}

static bool is_exchanged(const struct logfile *self)
{
	struct stat open_now, at_path;

	return fstat(self->fd, &open_now) != 0 || stat(self->path, &at_path) != 0 ||
	       identity(&open_now) != identity(&at_path);
}

/* The lines up to event NUMBER are in the file, or lost for good. */
static void note_done(struct link *link, uint64_t number)
{
	struct spare_note note = {.event = number};
	struct stat st;

	if (link->log.fd >= 0 && fstat(link->log.fd, &st) == 0) {
		note.file = identity(&st);
		note.length = (uint64_t)st.st_size;
	}
	spare_note_set(link->page, &note);
}

/* A new file is noted before there is anything in it: what a successor finds beyond is ours. */
static void note_file(struct link *link)
{
	struct spare_note note = spare_note_get(link->page);
	struct stat st;

	if (fstat(link->log.fd, &st) == 0 &&
	    (identity(&st) != note.file || (uint64_t)st.st_size < note.length))
		note_done(link, note.event);
}

/* Brings the file of DAY up. False: there is none now. */
static bool is_there(struct link *link, uint64_t day)
{
	struct logfile *self = &link->log;

	self->checked = link->now;
	if (self->fd >= 0 && (day != self->day || is_exchanged(self)))
		forget_file(self);
	if (self->fd < 0) {
		make_path(link, day);
		open_file(link);
		if (self->fd >= 0)
			note_file(link);
	}
	return self->fd >= 0;
}

/* ---- writing ---- */

/* A line that is cut by a full disk is taken back. */
static bool write_whole(struct logfile *self, const char *text, size_t length)
{
	ssize_t wrote = length > 0 ? write(self->fd, text, length) : 0;
	off_t end = wrote > 0 ? lseek(self->fd, 0, SEEK_CUR) : 0;

	if (wrote == (ssize_t)length) {
		if (self->complained)
			log_info("%s can be written again (ysf.mmdvm_log)", self->path);
		self->complained = false;
		return true;
	}
	if (wrote >= 0)
		errno = ENOSPC;
	complain(self, "can't write");
	if (wrote > 0 && end >= wrote && ftruncate(self->fd, end - wrote) != 0)
		log_limited(LOG_LEVEL_WARNING, "%s: %s", self->path, strerror(errno));
	return false;
}

/* How much of TEXT a predecessor has written behind what its note knows of. */
static size_t written_part(const struct logfile *self, const struct spare_note *note,
			   const struct stat *st, const char *text, size_t length)
{
	size_t extra = (size_t)((uint64_t)st->st_size - note->length);
	char tail[MMDVM_MAX];

	if (extra == 0 || extra > length ||
	    pread(self->fd, tail, extra, (off_t)note->length) != (ssize_t)extra ||
	    memcmp(tail, text, extra) != 0)
		return 0;
	return extra;
}

/* A line that nobody can finish any more gets its end. */
static void end_torn_line(const struct logfile *self, const struct stat *st)
{
	char last = '\n';

	if (st->st_size > 0 && pread(self->fd, &last, 1, st->st_size - 1) == 1 && last != '\n' &&
	    write(self->fd, "\n", 1) != 1)
		log_limited(LOG_LEVEL_WARNING, "%s: %s", self->path, strerror(errno));
}

/* Writes what of TEXT is not there yet. */
static bool append(struct link *link, const char *text, size_t length)
{
	struct spare_note note = spare_note_get(link->page);
	struct logfile *self = &link->log;
	struct stat st;
	size_t part = 0;

	if (fstat(self->fd, &st) != 0) {
		complain(self, "can't look at");
		return false;
	}
	if (identity(&st) == note.file && (uint64_t)st.st_size > note.length)
		part = written_part(self, &note, &st, text, length);
	if (part == 0 && (identity(&st) != note.file || (uint64_t)st.st_size != note.length))
		end_torn_line(self, &st);
	if (!write_whole(self, text + part, length - part))
		return false;
	fault_point(FAULT_LINK_WRITTEN);
	if (fault_is("crash-after-first-lines") && st.st_size == 0)
		abort();
	return true;
}

static void write_tale(struct link *link, const struct tale *tale)
{
	char text[MMDVM_MAX];
	size_t length = mmdvm_event(text, &tale->event, tale->calls);

	if (length > 0 && is_there(link, tale->event.time / NS_PER_SEC / SECONDS_A_DAY) &&
	    append(link, text, length))
		page_count(link->page, COUNT_LINK_LOG_EVENTS);
	else if (length > 0)
		page_count(link->page, COUNT_LINK_LOG_FAILED);
	note_done(link, tale->number);
}

static void write_events(struct link *link)
{
	static struct batch batch; /* too large for the stack; one process, one thread */
	uint64_t next, done = spare_note_get(link->page).event;

	for (unsigned i = 0; i < BATCHES; i++) {
		if (!follow_batch(link->store, done, &batch, &next) && next == 0)
			return;
		if (next != 0) {
			log_warning("the event log has gone on without ysf.mmdvm_log: events %llu "
				    "to %llu are missing there",
				    (unsigned long long)done + 1, (unsigned long long)next);
			note_done(link, done = next);
		}
		for (unsigned k = 0; k < batch.count; k++)
			write_tale(link, &batch.tale[k]);
		done = batch.count > 0 ? batch.tale[batch.count - 1].number : done;
	}
}

/* ---- lists ---- */

struct pages {
	char *text;
	size_t used, room;
};

static void add_line(struct pages *pages, const char *line, size_t length)
{
	if (pages->text == NULL || pages->room - pages->used < length) {
		size_t room = pages->room * 2 + MMDVM_MAX;
		char *grown = realloc(pages->text, room);

		if (grown == NULL)
			return; /* a list with a gap */
		pages->text = grown;
		pages->room = room;
	}
	memcpy(pages->text + pages->used, line, length);
	pages->used += length;
}

static void add_gateways(struct pages *pages, const struct roster *roster)
{
	char line[MMDVM_MAX];
	unsigned muted = 0;

	add_line(pages, line, mmdvm_linked_head(line, roster->taken, roster->gateways));
	for (unsigned i = 0; i < roster->gateways; i++) {
		muted += roster->gateway[i].muted;
		add_line(pages, line, mmdvm_linked(line, roster->taken, &roster->gateway[i]));
	}
	if (roster->gateways == 0)
		return;
	add_line(pages, line, mmdvm_muted_head(line, roster->taken, muted));
	for (unsigned i = 0; i < roster->gateways; i++)
		if (roster->gateway[i].muted)
			add_line(pages, line,
				 mmdvm_muted(line, roster->taken, &roster->gateway[i]));
}

/* Lines that belong to no event, behind those of the event that was last. */
static void write_pages(struct link *link, const struct roster *roster, struct pages *pages)
{
	uint64_t done = spare_note_get(link->page).event;

	if (pages->used > 0 && is_there(link, roster->taken / NS_PER_SEC / SECONDS_A_DAY))
		append(link, pages->text, pages->used);
	note_done(link, done);
	free(pages->text);
}

void logfile_lists_due(struct link *link)
{
	struct pages pages = {0};
	struct roster roster;

	if (!is_wanted(link) || !roster_take(link, &roster))
		return;
	add_gateways(&pages, &roster);
	write_pages(link, &roster, &pages);
	roster_drop(&roster);
}

/* Dashboards forget what they knew, and are told who is linked. */
void logfile_started(struct link *link)
{
	struct pages pages = {0};
	struct roster roster;
	char line[MMDVM_MAX];

	if (!is_wanted(link) || !roster_take(link, &roster))
		return;
	add_line(&pages, line, mmdvm_starting(line, roster.taken, SHACKD_DATE));
	for (unsigned i = 0; i < roster.gateways; i++)
		add_line(&pages, line, mmdvm_adding(line, roster.taken, &roster.gateway[i]));
	write_pages(link, &roster, &pages);
	roster_drop(&roster);
}

/* ---- the beginning and the end ---- */

void logfile_reopen(struct link *link)
{
	forget_file(&link->log);
	link->log.complained = false;
}

bool logfile_check(const struct conf *conf, char why_r[252])
{
	struct link link = {.conf = conf, .log = {.complained = true, .fd = -1}};

	if (!is_wanted(&link))
		return true;
	make_path(&link, clock_real() / NS_PER_SEC / SECONDS_A_DAY);
	open_file(&link);
	if (link.log.fd < 0)
		snprintf(why_r, 252, "ysf.mmdvm_log: can't open %.180s: %s", link.log.path,
			 strerror(errno));
	forget_file(&link.log);
	return why_r[0] == '\0';
}

void logfile_go(struct link *link)
{
	link->log.fd = -1;
}

/* While none is wanted nothing is late: it begins with what happens then. */
void logfile_tick(struct link *link)
{
	if (!is_wanted(link)) {
		note_done(link, link->feed.done);
		return;
	}
	write_events(link);
	/* one that vanished is there again before its next line */
	if (clock_age(link->now, link->log.checked) >= LOOK_EVERY)
		is_there(link, clock_real() / NS_PER_SEC / SECONDS_A_DAY);
}

void logfile_close(struct link *link)
{
	forget_file(&link->log);
}
