/* SPDX-License-Identifier: ISC
 *
 * NAME      worker (link) - dashboards, logs and APRS
 * PURPOSE   Tells the outside what happens on the reflector.
 * OWNER     link worker, of shackd-net
 * CONTRACT  nobody waits for it: ysf serves on while it is away. Where each of its parts is in the
 *           event log is a word of the slot's page; it belongs to the predecessor until GO.
 * LIMITS    see link.h
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/fault.h"
#include "shm/log.h"
#include "workers/link/link.h"
#include "workers/roles.h"

void link_store_error(struct link *link, enum store_error error, const char *what)
{
	if (error == STORE_LOST)
		worker_store_lost(link->worker, what);
	else
		log_limited(LOG_LEVEL_WARNING, "%s: %s", what, store_error_text(error));
}

static void map_lists(struct link *link)
{
	const int *fd = link->worker->list_fd;
	struct access *access = fd[LIST_ACCESS] >= 0 ? access_map(fd[LIST_ACCESS]) : NULL;
	struct hosts *hosts = fd[LIST_HOSTS] >= 0 ? hosts_map(fd[LIST_HOSTS]) : NULL;

	if (access != NULL) {
		access_unmap(&link->access);
		link->access = access;
	}
	if (hosts != NULL) {
		hosts_unmap(&link->hosts);
		link->hosts = hosts;
	}
}

static bool link_open(struct worker *worker)
{
	struct link *link = calloc(1, sizeof(*link));

	if (link == NULL)
		return worker_failed(worker, "out of memory");
	worker->own = link;
	link->worker = worker;
	link->page = worker->page;
	link->store = worker->voice;
	link->conf = worker->conf;
	link->now = clock_mono();
	link->log.fd = link->uplink.fd = -1;
	map_lists(link);
	return true;
}

/* Nobody was here before us: everything begins with what happens from now on. */
static bool begin_anew(struct link *link)
{
	struct spare_note note = {0};
	uint64_t newest;

	if (!follow_newest(link->store, &newest))
		return false;
	note.event = newest;
	spare_set(link->page, PAGE_LINK_LISTS, 0);
	spare_set(link->page, PAGE_LINK_FEED, newest << FEED_SHIFT);
	spare_set(link->page, PAGE_LINK_APRS, newest);
	spare_note_set(link->page, &note);
	for (unsigned i = 0; i < 2; i++)
		spare_sending(link->page, i)->msg_len = 0;
	spare_set(link->page, PAGE_LINK_STORE, store_id(link->store));
	return true;
}

static void lists(struct link *link)
{
	uint64_t every = fault_is("quick-lists") ? NS_PER_SEC : LINK_LIST_EVERY;

	if (link->now < link->lists_due)
		return;
	link->lists_due += every;
	if (link->lists_due <= link->now)
		link->lists_due = link->now + every;
	spare_set(link->page, PAGE_LINK_LISTS, link->lists_due);
	feed_lists_due(link);
	logfile_lists_due(link);
}

static void link_tick(struct worker *worker)
{
	struct link *link = worker->own;

	link->now = clock_mono();
	dashboards_tick(link);
	feed_tick(link);
	logfile_tick(link);
	uplink_tick(link);
	lists(link);
}

static void link_go(struct worker *worker)
{
	struct link *link = worker->own;

	if (spare_get(link->page, PAGE_LINK_STORE) != store_id(link->store) && !begin_anew(link)) {
		worker_store_lost(worker, "events");
		return;
	}
	feed_go(link);
	logfile_go(link);
	uplink_go(link);
	if (!dashboards_go(link)) {
		worker_store_lost(worker, "dashboards");
		return;
	}
	link->lists_due = spare_get(link->page, PAGE_LINK_LISTS);
	if (link->lists_due == 0) {
		logfile_started(link);
		link->lists_due = link->now + (fault_is("quick-lists") ? 0 : LINK_LIST_EVERY);
		spare_set(link->page, PAGE_LINK_LISTS, link->lists_due);
	}
	link_tick(worker);
}

static void link_list(struct worker *worker, unsigned index)
{
	struct link *link = worker->own;

	map_lists(link);
	/* a server whose name has addresses at last is tried at once */
	if (worker->going && index == LIST_HOSTS && link->uplink.session.state == APRSIS_IDLE &&
	    link->uplink.session.failures == 0)
		uplink_tick(link);
}

static bool differs(const struct conf *a, const struct conf *b, enum conf_key key)
{
	return strcmp(conf_text(a, key), conf_text(b, key)) != 0;
}

static bool link_stage(struct worker *worker, const struct conf *conf, char why_r[252])
{
	why_r[0] = '\0';
	return !differs(worker->conf, conf, CONF_YSF_MMDVM_LOG) || logfile_check(conf, why_r);
}

static void link_commit(struct worker *worker, const struct conf *before)
{
	struct link *link = worker->own;

	link->conf = worker->conf;
	if (!worker->going)
		return; /* nothing of it is in use yet */
	if (differs(before, link->conf, CONF_YSF_MMDVM_LOG))
		logfile_reopen(link);
	if (differs(before, link->conf, CONF_YSF_DASHBOARD_ALLOW))
		dashboards_allow(link);
	if (differs(before, link->conf, CONF_APRS_SERVER) ||
	    differs(before, link->conf, CONF_YSF_NAME) ||
	    conf_number(before, CONF_APRS_PORT) != conf_number(link->conf, CONF_APRS_PORT) ||
	    conf_number(before, CONF_YSF_ID) != conf_number(link->conf, CONF_YSF_ID))
		uplink_changed(link);
}

static void link_message(struct worker *worker, struct msg *msg)
{
	struct link *link = worker->own;

	if (msg->type == MSG_REOPEN)
		logfile_reopen(link);
	else
		page_count(worker->page, COUNT_MESSAGES_BAD);
	if (msg->fd >= 0)
		close(msg->fd);
}

static void link_stop(struct worker *worker)
{
	link_tick(worker); /* what has happened by now is told */
	worker_finish(worker, 0);
}

static void link_close(struct worker *worker)
{
	struct link *link = worker->own;

	if (worker->going) {
		dashboards_close(link);
		feed_close(link);
		logfile_close(link);
		uplink_close(link);
	}
	access_unmap(&link->access);
	hosts_unmap(&link->hosts);
	free(link);
	worker->own = NULL;
}

const struct worker_kind link_kind = {
	.name = "link",
	.wants_voice = true,
	.open = link_open,
	.go = link_go,
	.tick = link_tick,
	.message = link_message,
	.list = link_list,
	.stage = link_stage,
	.commit = link_commit,
	.stop = link_stop,
	.close = link_close,
};
