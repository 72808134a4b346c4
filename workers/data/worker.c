/* SPDX-License-Identifier: ISC
 *
 * NAME      worker (data) - access lists, home lists and host names
 * PURPOSE   Reads the operator's files, asks the name service, and hands compiled lists to whoever
 *           uses them.
 * OWNER     data worker, of shackd-net
 * CONTRACT  nobody waits for it: ysf serves on while it is away, with the lists that the master
 *           holds. It goes on from these, so that a death loses nothing, even while files and name
 *           servers are gone. At a cold start READY waits for the files (not for names), but no
 *           longer than FIRST.
 * LIMITS    see book.h and names.h
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/denylist.h"
#include "shm/feed.h"
#include "shm/log.h"
#include "workers/data/data.h"
#include "workers/roles.h"

#define FIRST	    (3 * NS_PER_SEC)
#define FIRST_PAUSE 5000 /* us */

/* Before GO the page of a slot may still be its predecessor's. */
static bool owns_page(const struct data_worker *self)
{
	return self->worker->going || !self->worker->standby;
}

void data_count(struct data_worker *self, enum page_counter which, uint64_t by)
{
	if (owns_page(self))
		page_count_by(self->worker->page, which, by);
}

static void beat(void *arg)
{
	struct data_worker *self = arg;

	if (owns_page(self))
		page_beat(self->worker->page, clock_mono());
}

/* ---- lists ---- */

static unsigned resolve(void *arg, const char *host, uint8_t ip_r[HOSTS_ADDRS][16])
{
	return names_get(((struct data_worker *)arg)->names, host, ip_r);
}

static void compile(struct data_worker *self, struct book *book)
{
	const struct compile_help help = {.resolve = resolve, .beat = beat, .arg = self};
	int fd = book_compile(book, &help);

	if (fd >= 0)
		outbox_list(self, book->kind, fd);
	else
		log_error("the list of %s can't be compiled: %s", list_name(book->kind),
			  strerror(errno));
}

static void compile_hosts_list(struct data_worker *self)
{
	int fd = names_compile(self->names);

	if (fd >= 0)
		outbox_list(self, LIST_HOSTS, fd);
	else
		log_error("the list of hosts can't be compiled: %s", strerror(errno));
}

/* An address needs no question. */
static void want_server(struct data_worker *self, const char *server)
{
	struct access_net net;
	char lower[LIST_HOST];

	if (denylist_net(server, &net) || !denylist_is_host(server))
		return;
	snprintf(lower, sizeof(lower), "%s", server);
	for (char *c = lower; *c != '\0'; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
	names_want(self->names, lower);
}

/* What has to be resolved: the servers that others dial, and the names in the access file. */
static void want_names(struct data_worker *self)
{
	const struct conf *conf = self->worker->conf;
	const struct access_rules *rules = self->access.rules;

	names_begin(self->names);
	if (conf_bool(conf, CONF_APRS_ENABLED))
		want_server(self, conf_text(conf, CONF_APRS_SERVER));
	for (size_t n = 0; n < conf_group_count(conf, CONF_GROUP_FEED); n++)
		if (feed_wanted(conf, n))
			want_server(self, feed_host(conf, n));
	for (uint32_t i = 0; rules != NULL && i < rules->names.count; i++) {
		const struct access_name *name = rows_at(&rules->names, i);

		names_want(self->names, name->host);
	}
	names_end(self->names);
}

static void count_loaded(struct data_worker *self, const struct book *book, bool failed)
{
	bool is_access = book->kind == LIST_ACCESS;

	if (failed)
		data_count(self, is_access ? COUNT_DATA_ACCESS_FAILED : COUNT_DATA_HOMES_FAILED, 1);
	else
		data_count(self, is_access ? COUNT_DATA_ACCESS_LOADED : COUNT_DATA_HOMES_LOADED, 1);
	data_count(self, COUNT_DATA_BAD_LINES, failed ? 0 : book->bad);
}

static void count_reference(struct data_worker *self, const struct reference *reference,
			    bool failed)
{
	bool is_countries = reference->kind == LIST_COUNTRIES;

	if (failed)
		data_count(self,
			   is_countries ? COUNT_DATA_COUNTRIES_FAILED : COUNT_DATA_KNOWN_FAILED, 1);
	else
		data_count(self,
			   is_countries ? COUNT_DATA_COUNTRIES_LOADED : COUNT_DATA_KNOWN_LOADED, 1);
	data_count(self, COUNT_DATA_BAD_LINES, failed ? 0 : reference->bad);
}

/* Returns whether there is more to do at once. */
static bool turn_book(struct data_worker *self, struct book *book)
{
	uint64_t every = (uint64_t)conf_number(self->worker->conf, CONF_ACCESS_RELOAD);

	switch (book_turn(book, clock_mono(), clock_real(), every)) {
	case BOOK_MORE:
		return true;
	case BOOK_NEW:
		if (book->kind == LIST_ACCESS) {
			want_names(self);
			names_again(self->names); /* who saves the file wants it obeyed now */
		}
		compile(self, book);
		count_loaded(self, book, false);
		outbox_event(self, book->note, false);
		return false;
	case BOOK_FAILED:
		count_loaded(self, book, true);
		outbox_event(self, book->note, true);
		return false;
	default:
		return false;
	}
}

/* As turn_book. */
static bool turn_reference(struct data_worker *self, struct reference *reference)
{
	const struct compile_help help = {.beat = beat, .arg = self};
	uint64_t every = (uint64_t)conf_number(self->worker->conf, CONF_ACCESS_RELOAD);

	switch (reference_turn(reference, clock_mono(), clock_real(), every, &help)) {
	case BOOK_MORE:
		return true;
	case BOOK_NEW:
		outbox_list(self, reference->kind, reference->list);
		reference->list = -1;
		count_reference(self, reference, false);
		outbox_event(self, reference->note, false);
		return false;
	case BOOK_FAILED:
		count_reference(self, reference, true);
		outbox_event(self, reference->note, true);
		return false;
	default:
		return false;
	}
}

static void show_gauges(struct data_worker *self)
{
	struct names_counts counts = names_count(self->names);
	struct page *page = self->worker->page;

	page_gauge(page, GAUGE_DATA_NAMES, counts.names);
	page_gauge(page, GAUGE_DATA_UNRESOLVED, counts.unresolved);
	page_gauge(page, GAUGE_DATA_BAD_LINES,
		   self->access.source.bad_lines + self->homes.source.bad_lines +
			   self->countries.source.bad_lines + self->known.source.bad_lines);
	page_gauge(page, GAUGE_DATA_FAILING,
		   (self->access.file.why[0] != '\0') + (self->homes.file.why[0] != '\0') +
			   (self->countries.file.why[0] != '\0') +
			   (self->known.file.why[0] != '\0'));
}

static bool turn_books(struct data_worker *self)
{
	bool access_more = turn_book(self, &self->access);
	bool homes_more = turn_book(self, &self->homes);
	bool countries_more = turn_reference(self, &self->countries);
	bool known_more = turn_reference(self, &self->known);

	return access_more || homes_more || countries_more || known_more;
}

static void turn(struct data_worker *self)
{
	if (turn_books(self))
		ev_idle_start(self->worker->loop, &self->more);
	else
		ev_idle_stop(self->worker->loop, &self->more);
}

static void on_more(struct ev_loop *loop, ev_idle *watch, int events)
{
	(void)loop;
	(void)events;
	turn(watch->data);
}

static void turn_names(struct data_worker *self)
{
	struct names_counts before = names_count(self->names), after;

	if (names_turn(self->names, clock_mono())) {
		compile_hosts_list(self);
		if (self->access.rules != NULL && self->access.rules->names.count > 0)
			compile(self, &self->access);
	}
	after = names_count(self->names);
	data_count(self, COUNT_DATA_ANSWERS, after.answers - before.answers);
	data_count(self, COUNT_DATA_NO_ANSWERS, after.failures - before.failures);
}

/* ---- the start ---- */

/* The lists that the master holds, and the addresses that the names had. */
static void resume(struct data_worker *self)
{
	const int *fd = self->worker->list_fd;
	struct hosts *hosts = fd[LIST_HOSTS] >= 0 ? hosts_map(fd[LIST_HOSTS]) : NULL;
	struct access *access = fd[LIST_ACCESS] >= 0 ? access_map(fd[LIST_ACCESS]) : NULL;
	struct homes *homes = fd[LIST_HOMES] >= 0 ? homes_map(fd[LIST_HOMES]) : NULL;
	struct countries *countries =
		fd[LIST_COUNTRIES] >= 0 ? countries_map(fd[LIST_COUNTRIES]) : NULL;
	struct known *known = fd[LIST_KNOWN] >= 0 ? known_map(fd[LIST_KNOWN]) : NULL;

	for (uint32_t i = 0; hosts != NULL && i < hosts->table.entries; i++) {
		const struct hosts_entry *entry =
			list_entry(&hosts->head, &hosts->table, sizeof(*entry), i);

		names_seed(self->names, entry->host, entry->ip, entry->count);
	}
	if (access != NULL)
		book_resume_access(&self->access, access);
	if (homes != NULL)
		book_resume_homes(&self->homes, homes);
	if (countries != NULL)
		reference_resume(&self->countries, &countries->source);
	if (known != NULL)
		reference_resume(&self->known, &known->source);
	countries_unmap(&countries);
	known_unmap(&known);
	hosts_unmap(&hosts);
	access_unmap(&access);
	homes_unmap(&homes);
}

static bool is_waited_for(const struct book *book)
{
	return !book->in_force && book->file.path[0] != '\0' && book->file.why[0] == '\0';
}

static bool anything_awaited(const struct data_worker *self)
{
	return is_waited_for(&self->access) || is_waited_for(&self->homes) ||
	       reference_awaited(&self->countries) || reference_awaited(&self->known);
}

/* Nobody who is banned gets through in the first second, and no spot is without its country: READY
 * waits for the files. */
static void load_first(struct data_worker *self)
{
	uint64_t began = clock_mono();

	while (clock_age(clock_mono(), began) < FIRST) {
		bool more = turn_books(self);

		outbox_turn(self);
		beat(self);
		if (!more && !anything_awaited(self) && outbox_lists_sent(self))
			return;
		if (!more)
			usleep(FIRST_PAUSE);
	}
	log_warning("a list is not there after %llu s, serving without it until it is",
		    (unsigned long long)(FIRST / NS_PER_SEC));
}

static void configure(struct data_worker *self)
{
	const struct conf *conf = self->worker->conf;
	uint64_t now = clock_mono();

	book_configure(&self->access, conf, now);
	book_configure(&self->homes, conf, now);
	reference_configure(&self->countries, conf, now);
	reference_configure(&self->known, conf, now);
}

static bool data_open(struct worker *worker)
{
	struct data_worker *self = calloc(1, sizeof(*self));
	char why[160];

	if (self == NULL)
		return worker_failed(worker, "out of memory");
	worker->own = self;
	self->worker = worker;
	self->inotify = -1;
	for (unsigned kind = 0; kind < LIST_KINDS; kind++)
		self->list_out[kind] = -1;
	book_init(&self->access, LIST_ACCESS);
	book_init(&self->homes, LIST_HOMES);
	reference_init(&self->countries, LIST_COUNTRIES);
	reference_init(&self->known, LIST_KNOWN);
	ev_idle_init(&self->more, on_more);
	self->more.data = self;
	self->names = names_new(worker->loop, why);
	if (self->names == NULL)
		return worker_failed(worker, "%s", why);
	resume(self);
	configure(self);
	if (!worker->standby) { /* else this may be a build that reads files in another way */
		book_believe(&self->access);
		book_believe(&self->homes);
		reference_believe(&self->countries);
		reference_believe(&self->known);
	}
	watch_open(self);
	want_names(self);
	if (anything_awaited(self))
		load_first(self);
	turn_names(self); /* the list of hosts is there from the start, with what is known */
	outbox_turn(self);
	return true;
}

static void data_go(struct worker *worker)
{
	struct data_worker *self = worker->own;

	if (self->inotify >= 0)
		ev_io_start(worker->loop, &self->inotify_io);
	turn(self);
}

static void data_tick(struct worker *worker)
{
	struct data_worker *self = worker->own;

	watch_follow(self);
	turn(self);
	turn_names(self);
	outbox_turn(self);
	show_gauges(self);
}

/* An operator who reloads wants everything looked at anew, names too. */
static void data_commit(struct worker *worker, const struct conf *before)
{
	struct data_worker *self = worker->own;

	(void)before;
	configure(self);
	watch_follow(self);
	want_names(self);
	names_again(self->names);
}

static void data_stop(struct worker *worker)
{
	outbox_turn(worker->own);
	worker_finish(worker, 0);
}

static void data_close(struct worker *worker)
{
	struct data_worker *self = worker->own;

	ev_idle_stop(worker->loop, &self->more);
	watch_close(self);
	names_free(&self->names);
	book_free(&self->access);
	book_free(&self->homes);
	reference_free(&self->countries);
	reference_free(&self->known);
	outbox_close(self);
	free(self);
	worker->own = NULL;
}

const struct worker_kind data_kind = {
	.name = "data",
	.wants_voice = true,
	.open = data_open,
	.go = data_go,
	.tick = data_tick,
	.commit = data_commit,
	.stop = data_stop,
	.close = data_close,
};
