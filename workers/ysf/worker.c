/* SPDX-License-Identifier: ISC
 *
 * NAME      worker - the YSF worker as a kind of process
 * PURPOSE   Puts the parts together, and gives them their turns.
 * OWNER     ysf workers
 * CONTRACT  see workers/run.h; disposable: everything it owns can be built anew from the voice store
 *           and the slot's page
 * LIMITS    none known
 */
#include "workers/roles.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shm/log.h"
#include "workers/ysf/tables.h"
#include "workers/ysf/ysf.h"

/* The alias of the auxiliary port for DGID; without one, and at main ports, the reflector itself. */
static struct ysf_identity identity_of(const struct conf *conf, uint8_t dgid)
{
	const enum conf_group group = CONF_GROUP_YSF_ALIAS;

	for (size_t i = 0; dgid != 0 && i < conf_group_count(conf, group); i++) {
		if (conf_group_number(conf, group, i, CONF_YSF_ALIAS_DGID) != dgid)
			continue;
		return (struct ysf_identity){
			.id = (uint32_t)conf_group_number(conf, group, i, CONF_YSF_ALIAS_ID),
			.name = conf_group_name(conf, group, i),
			.description = conf_group_text(conf, group, i, CONF_YSF_ALIAS_DESCRIPTION)};
	}
	return (struct ysf_identity){.id = (uint32_t)conf_number(conf, CONF_YSF_ID),
				     .name = conf_text(conf, CONF_YSF_NAME),
				     .description = conf_text(conf, CONF_YSF_DESCRIPTION)};
}

static void read_settings(struct ysf *ysf)
{
	const struct conf *conf = ysf->worker->conf;
	struct ysf_settings *set = &ysf->set;

	set->watchdog = (uint64_t)conf_number(conf, CONF_YSF_WATCHDOG);
	set->max_age = (uint64_t)conf_number(conf, CONF_YSF_MAX_AGE);
	set->tx_timeout = (uint64_t)conf_number(conf, CONF_PROTECTION_TX_TIMEOUT);
	set->reactivate = (uint64_t)conf_number(conf, CONF_PROTECTION_REACTIVATE);
	set->frame_rate = (uint32_t)conf_number(conf, CONF_YSF_FRAME_RATE);
	set->clients = (uint32_t)conf_number(conf, CONF_LIMITS_CLIENTS);
	set->clients_per_ip = (uint32_t)conf_number(conf, CONF_LIMITS_CLIENTS_PER_IP);
	set->streams = (uint32_t)conf_number(conf, CONF_LIMITS_STREAMS);
	set->late_entry = conf_bool(conf, CONF_YSF_LATE_ENTRY);
	set->prefix = conf_bool(conf, CONF_DGID_PREFIX);
	set->check_re = (int)conf_number(conf, CONF_ACCESS_CHECK_RE);
	set->wild_ptt_time = (uint64_t)conf_number(conf, CONF_PROTECTION_WILD_PTT_TIME);
	set->wild_ptt_count = (uint32_t)conf_number(conf, CONF_PROTECTION_WILD_PTT_COUNT);
	set->home_time = (uint32_t)(conf_number(conf, CONF_DGID_HOME_TIME) / (int64_t)NS_PER_SEC);
	for (unsigned i = 0; i < WORKER_LISTENERS; i++)
		set->aux[i] = conf_listener_dgid(conf, i);
	set->list = conf_dgids(conf, CONF_DGID_LIST);
	set->dgid_default = (uint8_t)conf_number(conf, CONF_DGID_DEFAULT);
	set->dgid_local = (uint8_t)conf_number(conf, CONF_DGID_LOCAL);
	set->dgid_parrot = (uint8_t)conf_number(conf, CONF_DGID_PARROT);
	for (unsigned i = 0; i < WORKER_LISTENERS; i++)
		set->identity[i] = identity_of(conf, set->aux[i]);
}

static bool open_parts(struct ysf *ysf)
{
	struct worker *worker = ysf->worker;

	if (!gateways_init(&ysf->gateways) ||
	    !fanout_init(&ysf->fanout) || !blocked_init(&ysf->blocked) ||
	    !sources_init(&ysf->sources) || !calls_open(ysf) || !register_open(ysf))
		return worker_failed(worker, "no memory for the tables of a YSF worker");
	return true;
}

/* A ring of another layout, as after an upgrade, is no reason not to serve. */
static bool open_ring(struct ysf *ysf)
{
	struct worker *worker = ysf->worker;
	bool fits = worker->ring_fd >= 0 &&
		    ring_fits(worker->ring_fd, ysf->set.clients, ysf->set.streams);

	if (!fits)
		log_warning("no in-flight ring of this build's layout: what is in hand when this "
			    "worker dies is lost");
	ysf->ring = ring_map(fits ? worker->ring_fd : -1, ysf->set.clients, ysf->set.streams);
	if (ysf->ring == NULL)
		return worker_failed(worker, "can't map the in-flight ring: %s", strerror(errno));
	return true;
}

static bool ysf_open(struct worker *worker)
{
	struct ysf *ysf = calloc(1, sizeof(*ysf));

	if (ysf == NULL)
		return worker_failed(worker, "no memory for a YSF worker");
	worker->own = ysf;
	ysf->worker = worker;
	ysf->page = worker->page;
	ysf->voice = worker->voice;
	sockets_open(ysf);
	read_settings(ysf);
	ysf_tables_init();
	if (!open_parts(ysf) || !open_ring(ysf))
		return false;
	/* no probe for a family that the machine does not have: route_differs then names the source */
	ysf->route_probe[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ysf->route_probe[1] = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	listed_open(ysf);
	enum store_error error = follow_rebuild(ysf);
	if (error != STORE_OK)
		return worker_failed(worker, "reading the voice store: %s",
				     store_error_text(error));
	return true;
}

static void ysf_go(struct worker *worker)
{
	struct ysf *ysf = worker->own;

	ysf->now = clock_mono();
	sockets_go(ysf);
	sockets_gauge_buffer(ysf);
	recover(ysf);
	parrot_go(ysf);
}

static void ysf_tick(struct worker *worker)
{
	struct ysf *ysf = worker->own;

	ysf->now = clock_mono();
	sockets_tick(ysf);
	relay_check(ysf);
	if (ysf->relay.active)
		return;
	follow(ysf);
	listed_tick(ysf);
	hold_retry(ysf);
	if (ysf->relay.active)
		return;
	calls_tick(ysf);
	parrot_tick(ysf);
	register_keep_alive(ysf, false);
	follow_forget_pages(ysf);
	if (clock_age(ysf->now, ysf->counted) >= NS_PER_SEC) {
		sockets_count_drops(ysf);
		trouble_tick(ysf);
		ysf->counted = ysf->now;
	}
}

static void ysf_commit(struct worker *worker, const struct conf *before)
{
	struct ysf *ysf = worker->own;

	ysf->now = clock_mono();
	read_settings(ysf);
	if (conf_number(before, CONF_ACCESS_CHECK_RE) != ysf->set.check_re)
		listed_judge_all(ysf);
	receive_staged_use(ysf);
	sockets_follow_conf(ysf);
	sockets_gauge_buffer(ysf);
}

static void ysf_unstage(struct worker *worker)
{
	receive_staged_drop(worker->own);
}

static void ysf_stop(struct worker *worker)
{
	struct ysf *ysf = worker->own;

	ysf->stopping = true;
	receive_reading(ysf, false);
	receive_flush(ysf);
	register_keep_alive(ysf, true);
	worker_finish(worker, 0);
}

static void ysf_close(struct worker *worker)
{
	struct ysf *ysf = worker->own;

	if (ysf == NULL)
		return;
	parrot_stop(ysf);
	sockets_close(ysf);
	register_close(ysf);
	calls_close(ysf);
	listed_close(ysf);
	sources_free(&ysf->sources);
	blocked_free(&ysf->blocked);
	fanout_free(&ysf->fanout);
	gateways_free(&ysf->gateways);
	ring_unmap(&ysf->ring);
	for (unsigned i = 0; i < 2; i++)
		if (ysf->route_probe[i] >= 0)
			close(ysf->route_probe[i]);
	free(ysf);
	worker->own = NULL;
}

void ysf_no_memory(struct ysf *ysf, const char *what)
{
	log_fatal("no memory for %s", what);
	worker_finish(ysf->worker, 1);
}

void ysf_store_failed(struct ysf *ysf, enum store_error error, const char *what)
{
	if (error == STORE_LOST)
		worker_store_lost(ysf->worker, what);
	else
		log_limited(LOG_LEVEL_ERROR, "%s: %s", what, store_error_text(error));
}

const struct worker_kind ysf_kind = {
	.name = "ysf",
	.wants_voice = true,
	.open = ysf_open,
	.go = ysf_go,
	.tick = ysf_tick,
	.message = sockets_message,
	.list = listed_come,
	.commit = ysf_commit,
	.unstage = ysf_unstage,
	.stop = ysf_stop,
	.close = ysf_close,
};
