/* SPDX-License-Identifier: ISC
 *
 * NAME      register - who is linked
 * PURPOSE   Polls and unlinks: the changes of a batch are gathered in one transaction and
 *           answered when it is committed, so that an answered gateway is in the store.
 * OWNER     ysf workers
 * CONTRACT  register_flush ends the gathering; whoever needs the order of datagrams kept calls it.
 *           A poll that is refused is not answered.
 * LIMITS    limits.clients, limits.clients_per_ip; LINK_RATE new links a second from one address,
 *           ALL_LINK_RATE from all together (each per worker)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "shm/log.h"
#include "shm/fault.h"
#include "shm/store/away.h"
#include "shm/store/saved.h"
#include "workers/placing.h"
#include "workers/ysf/ysf.h"

#define LINK_RATE	4
#define ALL_LINK_RATE	1000 /* a second, of all addresses together; at once: as many as may be linked */
#define REPLY_RATE	2  /* answers a second to one gateway: the busiest client polls every 5 s, */
#define REPLY_BURST	10 /* after three polls at once */
#define UNPROVEN_AGE	(2 * NS_PER_SEC)
#define REBIND_YOUNG	(75 * NS_PER_SEC)
#define REBIND_QUIET	(15 * NS_PER_SEC)
#define ROUTE_AGAIN	(10 * NS_PER_SEC)
#define STALE		(2 * NS_PER_SEC) /* so long anything may wait for the gate */
#define KEEP_ALIVE_SLICE 256
#define KEEP_ALIVE_SLICES 4 /* a tick: 20,000 polls a second */
#define GATHER_MAX	64

struct registering {
	struct store_txn txn;
	bool open;
	unsigned changes;
};

bool register_open(struct ysf *ysf)
{
	ysf->registering = calloc(1, sizeof(*ysf->registering));
	ysf->replies = replies_make();
	ysf->promises = replies_make();
	return ysf->registering != NULL && ysf->replies != NULL && ysf->promises != NULL;
}

void register_close(struct ysf *ysf)
{
	free(ysf->registering);
	ysf->registering = NULL;
	replies_free(&ysf->replies);
	replies_free(&ysf->promises);
}

struct store_txn *register_gather(struct ysf *ysf)
{
	struct registering *reg = ysf->registering;

	if (!reg->open) {
		enum store_error error = store_write(ysf->voice, &reg->txn);

		if (error == STORE_BUSY)
			return NULL;
		reg->open = true;
		reg->changes = 0;
	}
	return &reg->txn;
}

void register_changed(struct ysf *ysf)
{
	ysf->registering->changes++;
}

static void forget_evictions(struct ysf *ysf)
{
	for (struct gateway *g = ysf->gateways.oldest; g != NULL; g = g->newer)
		g->evicted = false;
}

void register_flush(struct ysf *ysf)
{
	struct registering *reg = ysf->registering;

	if (!reg->open)
		return;
	reg->open = false;
	fault_point(FAULT_YSF_GATHERED);
	enum store_error error = store_end(&reg->txn);
	if (error != STORE_OK) {
		page_count_by(ysf->page, COUNT_YSF_REFUSED_STORE, reg->changes);
		replies_forget(ysf->promises);
		forget_evictions(ysf);
		ysf_store_failed(ysf, error, "linking gateways");
		return;
	}
	if (reg->changes > 0) {
		fault_point(FAULT_YSF_LINKED);
		worker_ring(ysf->worker);
		follow(ysf);
		fault_point(FAULT_YSF_LINK_RUNG);
	}
	replies_send(ysf, ysf->promises);
}

static void answer(struct ysf *ysf, struct ring_entry *in, bool promise)
{
	uint8_t reply[YSF_POLL_BYTES];
	struct replies *replies = promise ? ysf->promises : ysf->replies;

	ysf_reply_poll(reply);
	if (replies_full(replies)) {
		if (promise)
			register_flush(ysf);
		else
			replies_send(ysf, replies);
	}
	replies_add(ysf, replies, in, reply, sizeof(reply));
}

bool register_source(const struct ysf *ysf, const struct addr *addr, uint8_t ip_r[16])
{
	static const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	union addr_sock to, source;
	socklen_t length = addr_to_sock(addr, &to), size = sizeof(source);
	int fd = ysf->route_probe[to.sa.sa_family == AF_INET6];
	struct addr own;

	/* a probe keeps the source of its last connect until it is dissolved */
	if (fd < 0 || connect(fd, &nowhere, sizeof(nowhere)) != 0 ||
	    connect(fd, &to.sa, length) != 0 || getsockname(fd, &source.sa, &size) != 0 ||
	    addr_from_sock(&source.sa, size, &own) != 0)
		return false;
	memcpy(ip_r, own.ip, sizeof(own.ip));
	return true;
}

/* Would the route to the gateway leave from another address than the one it polls? Then replies
 * have to name their source, or the gateway would not know them (and NAT would not let them in). */
static bool route_differs(struct ysf *ysf, const struct ring_entry *in)
{
	static const uint8_t bound[16];
	uint8_t source[16];

	if (memcmp(in->local, bound, sizeof(bound)) == 0)
		return false;
	if (!register_source(ysf, &in->from, source))
		return true; /* can't tell: naming the source is never wrong */
	return memcmp(source, in->local, sizeof(source)) != 0;
}

/* A call that is open goes first, with its totals: the store alone does not know them. */
static enum store_error unlink_gateway(struct ysf *ysf, struct store_txn *txn,
				       const struct client_key *key, enum event_reason reason)
{
	const struct gateway *gateway = gateways_find(&ysf->gateways, key);
	const struct call *call = gateway != NULL ? calls_of(ysf, gateway) : NULL;

	if (call != NULL) {
		struct stream_totals totals;
		uint8_t counter;
		bool ours;

		calls_totals(ysf, call, &totals, &counter, &ours);
		streams_close(txn, call->key, call->id, reason, &totals);
	}
	return clients_unlink(txn, key, reason);
}

/* Makes room in a full table: the oldest entry that polled once, never again, and never spoke. */
static bool evict(struct ysf *ysf, struct store_txn *txn)
{
	struct gateway *next;

	for (struct gateway *g = ysf->gateways.oldest; g != NULL; g = next) {
		struct client_record record;

		next = g->newer;
		if (g->evicted)
			continue;
		if (clock_age(ysf->now, g->linked) < UNPROVEN_AGE)
			return false; /* the list is in the order of linking */
		if (clients_get(txn, &g->key, &record) != STORE_OK || record.id != g->id ||
		    record.flags & CLIENT_PROVEN) {
			gateways_proven(&ysf->gateways, g);
			continue;
		}
		if (clients_unlink(txn, &g->key, REASON_EVICTED) != STORE_OK)
			return false;
		g->evicted = true;
		page_count(ysf->page, COUNT_YSF_EVICTED);
		return true;
	}
	return false;
}

static bool refuse(struct ysf *ysf, const struct ring_entry *in, enum page_counter counter,
		   const char *why)
{
	char text[ADDR_TEXT_MAX];

	page_count(ysf->page, counter);
	log_limited(LOG_LEVEL_WARNING, "gateway %s refused: %s", addr_text(&in->from, text), why);
	return false;
}

/* May this unknown gateway link? Counts and says why not. */
static bool may_link(struct ysf *ysf, struct store_txn *txn, const struct ring_entry *in,
		     const struct client_key *key)
{
	struct source *source = sources_get(&ysf->sources, &in->from);
	uint32_t per_ip = ysf->set.clients_per_ip;

	if (clients_count_ip(txn, key, per_ip) >= per_ip)
		return refuse(ysf, in, COUNT_YSF_REFUSED_IP,
			      "limits.clients_per_ip gateways are linked from its address");
	if (!bucket_take(&source->links, ysf->now, LINK_RATE, per_ip))
		return refuse(ysf, in, COUNT_YSF_REFUSED_RATE,
			      "its address links and unlinks too often");
	if (!bucket_take(&ysf->links, ysf->now, ALL_LINK_RATE, ysf->set.clients + ALL_LINK_RATE))
		return refuse(ysf, in, COUNT_YSF_REFUSED_RATE, "too many link at once");
	if (clients_count(txn) >= ysf->set.clients && !evict(ysf, txn))
		return refuse(ysf, in, COUNT_YSF_REFUSED_FULL,
			      "limits.clients gateways are linked");
	return true;
}

/* The home list and its own choice are looked up only where nothing nails it. */
static void place(struct ysf *ysf, struct store_txn *txn, const struct client_key *key,
		  struct client_record *record)
{
	struct placing what = {.name = record->name,
			       .aux = ysf->set.aux[client_key_listener(key)],
			       .list = &ysf->set.list,
			       .fallback = ysf->set.dgid_default};
	struct client_place place;
	struct saved_record saved;
	struct home_rule home;

	if (!placing_static(&what, &place)) {
		if (homes_get(ysf->homes, record->name, &home))
			what.home = &home;
		else if (record->name[0] != '\0' &&
			 saved_lookup(txn, record->name, key->ip, &saved) == STORE_OK)
			what.saved = saved.dgid;
		uint8_t invalid = placing_choose(&what, &place);
		if (invalid != 0)
			log_limited(LOG_LEVEL_INFO, "invalid DG-ID %u of %s changed to default %u",
				    invalid, record->name, place.dgid);
	}
	record->dgid = place.dgid;
	record->home_dgid = place.home;
	record->home_time = place.seconds;
	record->flags |= (uint8_t)(place.flags | (what.aux != 0 ? CLIENT_AUX : 0));
}

static void link_gateway(struct ysf *ysf, struct store_txn *txn, struct ring_entry *in,
			 const struct client_key *key)
{
	struct client_record record;

	if (clients_get(txn, key, &record) == STORE_OK) {
		/* linked by another worker, or earlier in this batch (gateways begin with three polls) */
		clients_touch(txn, key, ysf->now, true);
		page_count(ysf->page, COUNT_YSF_POLLS);
		answer(ysf, in, true);
		return;
	}
	if (!may_link(ysf, txn, in, key))
		return;
	record = (struct client_record){
		.linked = ysf->now, .linked_real = clock_real(), .polled = ysf->now};
	ysf_name(in->data, record.name);
	memcpy(record.local, in->local, sizeof(record.local));
	place(ysf, txn, key, &record);
	if (route_differs(ysf, in))
		record.flags |= CLIENT_PKTINFO;
	if (clients_link(txn, key, &record) != STORE_OK)
		return;
	ysf->registering->changes++;
	page_count(ysf->page, COUNT_YSF_LINKS);
	answer(ysf, in, true);
}

/* The journal is full of what has been written since: anew, of what has not. */
static void renew_journal(struct ysf *ysf)
{
	struct ring_polls_new anew = ring_polls_renew(ysf->ring);

	for (const struct gateway *g = ysf->gateways.unwritten; g != NULL; g = g->next_unwritten)
		ring_polls_more(&anew, &g->key, g->polled, (g->flags & CLIENT_PROVEN) != 0);
	ring_polls_switch(&anew);
}

/* Until the store has it, the time of a poll is in the ring's journal, which outlives us. */
static void note_poll(struct ysf *ysf, struct gateway *gateway, bool news)
{
	if (gateway->journaled && !news)
		return;
	gateways_mark(&ysf->gateways, gateway);
	gateway->journaled = true;
	if (!ring_poll_add(ysf->ring, &gateway->key, gateway->polled,
			   (gateway->flags & CLIENT_PROVEN) != 0))
		renew_journal(ysf);
}

/* A poll of a linked gateway costs no transaction: its time is written once a second. */
static void keep_alive(struct ysf *ysf, struct ring_entry *in, struct gateway *gateway, bool news)
{
	gateway->polled = ysf->now;
	note_poll(ysf, gateway, news);
	page_count(ysf->page, COUNT_YSF_POLLS);
	if (bucket_take(&gateway->replies, ysf->now, REPLY_RATE, REPLY_BURST))
		answer(ysf, in, false);
	else
		page_count(ysf->page, COUNT_YSF_UNANSWERED_POLL);
}

/* The second poll. It is written with the times of polls, within a second; at once where an eviction
 * by another worker could come first. */
static void prove(struct ysf *ysf, struct gateway *gateway)
{
	struct store_txn *txn;

	gateway->flags |= CLIENT_PROVEN;
	gateways_proven(&ysf->gateways, gateway);
	if (ysf->gateways.count >= ysf->set.clients / 2 && (txn = register_gather(ysf)) != NULL)
		clients_touch(txn, &gateway->key, ysf->now, true);
}

/* It polls another address of ours than before: ours has changed, or what its host list says. */
static bool address_moved(struct ysf *ysf, const struct ring_entry *in, const struct gateway *gateway)
{
	if (memcmp(gateway->local, in->local, sizeof(gateway->local)) == 0)
		return false;
	struct source *source = sources_get(&ysf->sources, &in->from);
	return bucket_take(&source->links, ysf->now, LINK_RATE, ysf->set.clients_per_ip);
}

/* Routes change with interfaces and addresses: frames that left from the address it polls without
 * being told would now leave from another, and it would not know them. */
static bool route_moved(struct ysf *ysf, const struct ring_entry *in, struct gateway *gateway)
{
	uint8_t source[16];

	if (!ysf->listener[in->listener].wildcard || gateway->flags & CLIENT_PKTINFO ||
	    clock_age(ysf->now, gateway->routed) < ROUTE_AGAIN)
		return false;
	gateway->routed = ysf->now;
	return register_source(ysf, &in->from, source) &&
	       memcmp(source, in->local, sizeof(source)) != 0;
}

/* Frames have to leave from the address that is polled now: links it anew, where it is. */
static void link_anew(struct ysf *ysf, struct store_txn *txn, struct ring_entry *in,
		      const struct client_key *key)
{
	struct client_record record;

	if (clients_get(txn, key, &record) != STORE_OK)
		return;
	memcpy(record.local, in->local, sizeof(record.local));
	record.flags = (uint8_t)((record.flags & ~CLIENT_PKTINFO) | CLIENT_PROVEN |
				 (route_differs(ysf, in) ? CLIENT_PKTINFO : 0));
	record.polled = ysf->now;
	if (unlink_gateway(ysf, txn, key, REASON_REBOUND) != STORE_OK ||
	    clients_link(txn, key, &record) != STORE_OK)
		return;
	ysf->registering->changes++;
	page_count(ysf->page, COUNT_YSF_REBOUND);
	answer(ysf, in, true);
}

bool register_poll(struct ysf *ysf, struct ring_entry *in, struct gateway *gateway)
{
	struct client_key key;

	if (gateway != NULL && !gateway->evicted &&
	    (address_moved(ysf, in, gateway) || route_moved(ysf, in, gateway))) {
		struct store_txn *txn = register_gather(ysf);

		if (txn == NULL)
			return false;
		key = gateway->key;
		link_anew(ysf, txn, in, &key);
		register_flush(ysf); /* so that its next poll finds it so */
		return true;
	}
	if (gateway != NULL && !gateway->evicted) {
		bool news = !(gateway->flags & CLIENT_PROVEN);

		if (news)
			prove(ysf, gateway);
		keep_alive(ysf, in, gateway, news);
		return true;
	}
	struct store_txn *txn = register_gather(ysf);
	if (txn == NULL)
		return false;
	client_key_make(&key, &in->from, in->listener);
	link_gateway(ysf, txn, in, &key);
	if (ysf->registering->changes >= GATHER_MAX)
		register_flush(ysf);
	return true;
}

/* A predecessor left it, and meanwhile, at a neighbour that read our sockets, its sender has polled
 * again. */
static bool is_stale(const struct ysf *ysf, struct store_txn *txn, const struct ring_entry *in,
		     const struct client_key *key)
{
	struct client_record record;

	return ysf->careful && clients_get(txn, key, &record) == STORE_OK &&
	       record.polled > in->stamp + STALE;
}

bool register_unlink(struct ysf *ysf, const struct ring_entry *in, struct gateway *gateway)
{
	struct store_txn *txn = register_gather(ysf);

	if (txn == NULL)
		return false;
	if (is_stale(ysf, txn, in, &gateway->key)) {
		page_count(ysf->page, COUNT_YSF_DROP_HOLD_LATE);
		register_flush(ysf);
		return true;
	}
	if (unlink_gateway(ysf, txn, &gateway->key, REASON_UNLINK) == STORE_OK) {
		ysf->registering->changes++;
		page_count(ysf->page, COUNT_YSF_UNLINKS);
	}
	register_flush(ysf);
	return true;
}

struct rebind {
	const struct gateway *gateway;
	uint64_t now;
	struct client_key old;
	bool found;
};

static bool find_older_self(const struct client_key *key, const struct client_record *record,
			    void *arg)
{
	struct rebind *rebind = arg;
	const struct gateway *gateway = rebind->gateway;

	if (memcmp(key->ip, gateway->key.ip, sizeof(key->ip)) != 0)
		return false;
	if (record->id < gateway->id && memcmp(key->listen, gateway->key.listen, 2) == 0 &&
	    strcmp(record->name, gateway->name) == 0 && gateway->name[0] != '\0' &&
	    clock_age(rebind->now, record->polled) > REBIND_QUIET) {
		rebind->old = *key;
		rebind->found = true;
		return false;
	}
	return true;
}

void register_heard(struct ysf *ysf, struct store_txn *txn, struct gateway *gateway)
{
	struct rebind rebind = {.gateway = gateway, .now = ysf->now};
	struct client_key from = {0};

	if (!(gateway->flags & CLIENT_PROVEN)) {
		clients_touch(txn, &gateway->key, gateway->polled, true);
		gateway->flags |= CLIENT_PROVEN;
		gateways_proven(&ysf->gateways, gateway);
	}
	if (clock_age(ysf->now, gateway->linked) > REBIND_YOUNG)
		return;
	memcpy(from.ip, gateway->key.ip, sizeof(from.ip));
	clients_walk(txn, &from, ysf->set.clients_per_ip, find_older_self, &rebind);
	if (rebind.found && unlink_gateway(ysf, txn, &rebind.old, REASON_REBOUND) == STORE_OK)
		page_count(ysf->page, COUNT_YSF_REBOUND);
}

static void write_times(struct store_txn *txn, const struct gateway *gateway)
{
	clients_touch(txn, &gateway->key, gateway->polled, (gateway->flags & CLIENT_PROVEN) != 0);
	if (gateway->heard != 0 && gateway_away(gateway))
		away_heard(txn, &gateway->key, gateway->heard);
}

/* One transaction's worth of times of polls and frames. */
static enum store_error write_slice(struct ysf *ysf)
{
	struct store_txn txn;
	struct gateway *slice[KEEP_ALIVE_SLICE];
	unsigned count = 0;

	enum store_error error = store_write(ysf->voice, &txn);
	if (error == STORE_BUSY)
		return error;
	while (count < KEEP_ALIVE_SLICE) {
		struct gateway *gateway = gateways_unmark(&ysf->gateways);

		if (gateway == NULL)
			break;
		write_times(&txn, gateway);
		slice[count++] = gateway;
	}
	error = store_end(&txn);
	ysf->events_read += count; /* these touch as many pages as following does */
	if (error != STORE_OK) {
		while (count > 0)
			gateways_mark(&ysf->gateways, slice[--count]);
		ysf_store_failed(ysf, error, "writing the times of polls");
	}
	return error;
}

void register_keep_alive(struct ysf *ysf, bool all)
{
	if (!all && clock_age(ysf->now, ysf->flushed) < NS_PER_SEC)
		return;
	/* a few slices a tick, each a short hold of the gate; the second starts anew when none is left */
	for (unsigned n = 0; all || n < KEEP_ALIVE_SLICES; n++) {
		if (ysf->gateways.unwritten == NULL || write_slice(ysf) != STORE_OK)
			break;
		follow_forget_pages(ysf);
	}
	if (ysf->gateways.unwritten == NULL) {
		ring_polls_clear(ysf->ring);
		ysf->flushed = ysf->now;
	}
}

void register_recover(struct ysf *ysf)
{
	uint32_t count;
	const struct ring_poll *poll = ring_polls(ysf->ring, &count);

	for (uint32_t i = 0; i < count; i++) {
		struct client_key key;

		memcpy(&key, poll[i].key, sizeof(key));
		struct gateway *gateway = gateways_find(&ysf->gateways, &key);
		if (gateway == NULL || poll[i].polled > ysf->now)
			continue;
		if (poll[i].polled > gateway->polled)
			gateway->polled = poll[i].polled;
		if (poll[i].proven && !(gateway->flags & CLIENT_PROVEN)) {
			gateway->flags |= CLIENT_PROVEN;
			gateways_proven(&ysf->gateways, gateway);
		}
		gateways_mark(&ysf->gateways, gateway);
	}
}
