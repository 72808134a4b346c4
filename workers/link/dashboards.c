/* SPDX-License-Identifier: ISC
 *
 * NAME      dashboards - subscribers of the dashboard protocol
 * PURPOSE   Takes in, answers and expires them; sends what they are told.
 * OWNER     link
 * CONTRACT  A subscription is written to the store before it is answered. Nobody is asked to prove
 *           an address (the protocol has nothing for it), so addresses outside ysf.dashboard_allow
 *           set off nothing, and what a datagram of the others can set off is bounded: two answers
 *           to a CONNREQ, ASK_RATE a second for each address; the feed for SILENCE; and the list of
 *           gateways out of turn LIST_PER_HOUR times for each address, after a PING alone.
 * LIMITS    limits.dashboards; who never sent a PING makes room, who did keeps the place
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "shm/log.h"
#include "shm/reflector.h"
#include "shm/store/dashboards.h"
#include "shm/watch.h"
#include "workers/link/json.h"
#include "workers/link/link.h"

#include "version.h"

#define SILENCE	      (60 * NS_PER_SEC)
#define NOTE_EVERY    NS_PER_SEC
#define ASK_RATE      1
#define ASK_BURST     8
#define ALL_RATE      20
#define ALL_BURST     64
#define LIST_PER_HOUR 60
#define DATAGRAMS     64 /* a turn */
#define WORD_MAX      16
#define STEP_MASK     ((1ULL << FEED_SHIFT) - 1)

/* ---- who there is ---- */

static struct subscriber *find(struct dashboards *self, const struct client_key *key)
{
	for (unsigned i = 0; i < self->count; i++)
		if (memcmp(&self->subscriber[i].key, key, sizeof(*key)) == 0)
			return &self->subscriber[i];
	return NULL;
}

/* In the order of the keys, in which a successor finds them too. */
static struct subscriber *insert(struct dashboards *self, const struct client_key *key)
{
	unsigned at = self->count;

	while (at > 0 && memcmp(&self->subscriber[at - 1].key, key, sizeof(*key)) > 0) {
		self->subscriber[at] = self->subscriber[at - 1];
		at--;
	}
	self->count++;
	self->subscriber[at] = (struct subscriber){.key = *key};
	client_key_addr(key, &self->subscriber[at].addr);
	self->subscriber[at].listener = client_key_listener(key);
	return &self->subscriber[at];
}

static void take_out(struct dashboards *self, unsigned at)
{
	self->count--;
	memmove(&self->subscriber[at], &self->subscriber[at + 1],
		(self->count - at) * sizeof(self->subscriber[0]));
}

static const char *name(const struct subscriber *subscriber, char buf[ADDR_TEXT_MAX])
{
	return addr_text(&subscriber->addr, buf);
}

static void dismiss(struct link *link, struct subscriber *subscriber, const char *why)
{
	char text[ADDR_TEXT_MAX];

	if (subscriber->gone)
		return;
	subscriber->gone = subscriber->dirty = true;
	page_count(link->page, COUNT_LINK_UNSUBSCRIBED);
	log_info("dashboard %s %s", name(subscriber, text), why);
}

/* Someone who never said more than CONNREQ; the one that waits longest. */
static struct subscriber *silent_one(struct dashboards *self)
{
	struct subscriber *found = NULL;

	for (unsigned i = 0; i < self->count; i++) {
		struct subscriber *one = &self->subscriber[i];

		if (!one->gone && one->pinged == one->since &&
		    (found == NULL || one->since < found->since))
			found = one;
	}
	return found;
}

static unsigned served(const struct dashboards *self)
{
	unsigned count = 0;

	for (unsigned i = 0; i < self->count; i++)
		count += !self->subscriber[i].gone;
	return count;
}

static bool make_room(struct link *link)
{
	struct dashboards *self = &link->dashboards;
	unsigned most = (unsigned)conf_number(link->conf, CONF_LIMITS_DASHBOARDS);
	struct subscriber *silent;

	if (self->count >= LINK_SUBSCRIBERS)
		return false; /* those who are gone must be written first */
	if (served(self) < most)
		return true;
	silent = silent_one(self);
	if (silent != NULL)
		dismiss(link, silent, "made room: it never sent a PING");
	return silent != NULL;
}

/* ---- sending ---- */

union control {
	struct cmsghdr align;
	uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static size_t source_control(const struct subscriber *to, union control *control_r)
{
	struct cmsghdr *head = &control_r->align;
	struct in_pktinfo info = {0};
	struct in6_pktinfo info6 = {0};
	bool v4 = addr_is_ipv4(&to->addr);

	memset(control_r, 0, sizeof(*control_r));
	head->cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	head->cmsg_type = v4 ? IP_PKTINFO : IPV6_PKTINFO;
	head->cmsg_len = v4 ? CMSG_LEN(sizeof(info)) : CMSG_LEN(sizeof(info6));
	memcpy(&info.ipi_spec_dst, to->local + 12, 4);
	memcpy(&info6.ipi6_addr, to->local, 16);
	memcpy(CMSG_DATA(head), v4 ? (void *)&info : (void *)&info6,
	       v4 ? sizeof(info) : sizeof(info6));
	return v4 ? CMSG_SPACE(sizeof(info)) : CMSG_SPACE(sizeof(info6));
}

static const uint8_t nowhere[16];

/* One datagram by way of MESSAGE, whose msg_len tells that it went. */
static void send_by(struct link *link, const struct subscriber *to, struct mmsghdr *message,
		    const char *text, size_t length)
{
	struct iovec piece = {(void *)(uintptr_t)text, length};
	union addr_sock sock;
	union control control;
	struct msghdr head = {.msg_name = &sock, .msg_iov = &piece, .msg_iovlen = 1};

	if (to->listener >= LINK_LISTENERS || link->worker->udp[to->listener].fd < 0)
		return;
	head.msg_namelen = addr_to_sock(&to->addr, &sock);
	if (link->dashboards.listener[to->listener].wildcard &&
	    memcmp(to->local, nowhere, 16) != 0) {
		head.msg_controllen = source_control(to, &control);
		head.msg_control = &control;
	}
	message->msg_hdr = head;
	if (sendmmsg(link->worker->udp[to->listener].fd, message, 1, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	    1)
		page_count(link->page, COUNT_LINK_SENT);
	else
		page_count(link->page, COUNT_LINK_UNSENT);
}

void dashboards_send(struct link *link, const struct subscriber *subscriber, const char *text,
		     size_t length)
{
	struct mmsghdr message = {0};

	if (length > 0)
		send_by(link, subscriber, &message, text, length);
}

static bool may_have(const struct subscriber *subscriber, uint64_t number, uint64_t began)
{
	if (!subscriber->kept || subscriber->gone || number <= subscriber->joined)
		return false;
	return began == 0 || subscriber->told || began > subscriber->joined;
}

/* The word counts subscribers that are kept, in an order that a successor finds too. What the
 * kernel took is known by its msg_len, in memory that outlives us; it belongs to the step that the
 * word names. Two of them take turns, so that the next one is empty before the word names it. */
void dashboards_tell(struct link *link, uint64_t number, uint64_t began, const char *text,
		     size_t length)
{
	struct dashboards *self = &link->dashboards;
	uint64_t word = spare_get(link->page, PAGE_LINK_FEED);
	uint64_t done = word & STEP_MASK, step = 0;

	for (unsigned i = 0; length > 0 && i < self->count; i++) {
		struct mmsghdr *message = spare_sending(link->page, step & 1);
		struct mmsghdr *next = spare_sending(link->page, (step + 1) & 1);

		if (!self->subscriber[i].kept || step++ < done)
			continue;
		if (message->msg_len == 0 && may_have(&self->subscriber[i], number, began))
			send_by(link, &self->subscriber[i], message, text, length);
		__atomic_store_n(&next->msg_len, 0, __ATOMIC_RELEASE);
		spare_set(link->page, PAGE_LINK_FEED, (word & ~STEP_MASK) | step);
	}
	__atomic_store_n(&spare_sending(link->page, 0)->msg_len, 0, __ATOMIC_RELEASE);
	spare_set(link->page, PAGE_LINK_FEED, number << FEED_SHIFT);
}

/* ---- answers ---- */

static void send_word(struct link *link, const struct subscriber *to, const char *word)
{
	char buf[JSON_MAX];

	dashboards_send(link, to, buf, json_word(buf, word, &to->addr));
}

static void greet(struct link *link, const struct subscriber *to)
{
	const struct conf *conf = link->conf;
	const char *ssid = conf_text(conf, CONF_APRS_SSID);
	char buf[JSON_MAX];
	struct json_system about = {
		.version = SHACKD_DATE,
		.id = reflector_id((uint32_t)conf_number(conf, CONF_YSF_ID),
				   conf_text(conf, CONF_YSF_NAME)),
		.name = conf_text(conf, CONF_YSF_NAME),
		.description = conf_text(conf, CONF_YSF_DESCRIPTION),
		.contact = conf_text(conf, CONF_YSF_CONTACT),
		.web = conf_text(conf, CONF_YSF_WEB),
		.aprs = conf_bool(conf, CONF_APRS_ENABLED),
		.aprs_ssid = strcmp(ssid, "-0") == 0 ? "" : ssid,
		.local = (unsigned)conf_number(conf, CONF_DGID_LOCAL),
		.initial = (unsigned)conf_number(conf, CONF_DGID_DEFAULT),
		.dgids = conf_dgids(conf, CONF_DGID_LIST),
	};

	send_word(link, to, "CONNOK");
	dashboards_send(link, to, buf, json_system(buf, &about));
}

/* ---- what a source may set off ---- */

static struct link_source *source_of(struct dashboards *self, const struct addr *from)
{
	uint8_t ip[16], hash[crypto_shorthash_BYTES];
	struct link_source *source;

	memcpy(ip, from->ip, sizeof(ip));
	if (!addr_is_ipv4(from))
		memset(ip + 8, 0, 8); /* a /64 is one of them */
	crypto_shorthash(hash, ip, sizeof(ip), self->secret);
	source = &self->source[hash[0] % LINK_SOURCES];
	if (memcmp(source->ip, ip, sizeof(ip)) != 0) {
		*source = (struct link_source){0};
		memcpy(source->ip, ip, sizeof(ip));
	}
	return source;
}

static bool may_ask(struct link *link, const struct addr *from)
{
	struct dashboards *self = &link->dashboards;

	if (bucket_take(&source_of(self, from)->asks, link->now, ASK_RATE, ASK_BURST) &&
	    bucket_take(&self->asks, link->now, ALL_RATE, ALL_BURST))
		return true;
	page_count(link->page, COUNT_LINK_REFUSED_RATE);
	return false;
}

static void turn_away(struct link *link, const struct addr *from)
{
	char text[ADDR_TEXT_MAX];

	page_count(link->page, COUNT_LINK_REFUSED_ADDRESS);
	addr_text(from, text);
	/* each family has a limit of its own: neither hides the other */
	if (addr_is_ipv4(from))
		log_limited(LOG_LEVEL_WARNING, "dashboard %s refused: ysf.dashboard_allow", text);
	else
		log_limited(LOG_LEVEL_WARNING, "dashboard %s refused: ysf.dashboard_allow", text);
}

/* The bucket counts hours where it thinks of seconds. */
static bool may_list(struct link *link, const struct addr *from)
{
	uint64_t hours = link->now / 3600;

	return bucket_take(&source_of(&link->dashboards, from)->lists, hours, LIST_PER_HOUR, 2);
}

/* ---- what comes in ---- */

struct asked {
	struct addr from;
	unsigned listener;
	uint8_t local[16];
};

static void on_connreq(struct link *link, const struct asked *asked, struct subscriber *known,
		       const struct client_key *key)
{
	struct dashboards *self = &link->dashboards;
	struct subscriber *subscriber = known;
	char text[ADDR_TEXT_MAX];

	if (known != NULL && known->gone)
		return; /* its record is about to be removed; it asks again */
	if (!may_ask(link, &asked->from))
		return;
	if (known == NULL && !make_room(link)) {
		page_count(link->page, COUNT_LINK_REFUSED_FULL);
		log_limited(LOG_LEVEL_WARNING, "dashboard %s refused: limits.dashboards",
			    addr_text(&asked->from, text));
		return;
	}
	if (known == NULL) {
		subscriber = insert(self, key);
		memcpy(subscriber->local, asked->local, sizeof(subscriber->local));
		subscriber->since = subscriber->pinged = link->now;
		subscriber->joined = link->feed.done;
		subscriber->dirty = true;
		page_count(link->page, COUNT_LINK_SUBSCRIBED);
		log_info("dashboard %s subscribed", addr_text(&asked->from, text));
	}
	subscriber->greet = true;
}

/* Its record may be NOTE_EVERY behind. */
static void on_ping(struct link *link, struct subscriber *subscriber)
{
	bool first = subscriber->pinged == subscriber->since;

	subscriber->pinged_early = !subscriber->kept;
	if (subscriber->pinged_early)
		return;
	if (first) {
		subscriber->wants_list = may_list(link, &subscriber->addr);
		feed_catch_up(link, subscriber);
	}
	subscriber->pinged = link->now > subscriber->since ? link->now : subscriber->since + 1;
	/* the gate of the store is there for voice, not for whoever pings in a hurry */
	subscriber->dirty = subscriber->dirty || first ||
			    clock_age(link->now, subscriber->noted) >= NOTE_EVERY;
	dashboards_send(link, subscriber, "PONG", 4);
}

static void on_datagram(struct link *link, const struct asked *asked, const char *data,
			size_t length)
{
	enum json_asked word = json_asked(data, length);
	struct subscriber *known;
	struct client_key key;

	if (!nets_hold(&link->dashboards.allowed, &asked->from)) {
		turn_away(link, &asked->from);
		return;
	}
	client_key_make(&key, &asked->from, (uint16_t)asked->listener);
	known = find(&link->dashboards, &key);
	if (word == JSON_CONNREQ) {
		on_connreq(link, asked, known, &key);
	} else if (known != NULL && !known->gone && word == JSON_PING) {
		on_ping(link, known);
	} else if (known != NULL && !known->gone && word == JSON_BYE) {
		send_word(link, known, "BYE");
		dismiss(link, known, "said BYE");
	} else {
		page_count(link->page, COUNT_LINK_IGNORED);
	}
}

static void read_local(struct msghdr *head, uint8_t local_r[16])
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(head); c != NULL; c = CMSG_NXTHDR(head, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memset(local_r + 10, 0xff, 2);
			memcpy(local_r + 12, &info.ipi_addr, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memcpy(local_r, &info.ipi6_addr, 16);
		}
	}
}

/* False: there is none. */
static bool read_one(struct link *link, unsigned index)
{
	char data[WORD_MAX], control[256];
	struct iovec piece = {data, sizeof(data)};
	struct asked asked = {.listener = index};
	union addr_sock sock;
	struct msghdr head = {.msg_name = &sock,
			      .msg_namelen = sizeof(sock),
			      .msg_iov = &piece,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control)};
	ssize_t got = recvmsg(link->worker->udp[index].fd, &head, MSG_DONTWAIT | MSG_TRUNC);

	if (got < 0 && (errno == EAGAIN || errno == EBADF))
		return false;
	if (got < 0)
		return true; /* an error that an ICMP message left behind */
	read_local(&head, asked.local);
	if (got > (ssize_t)sizeof(data) ||
	    addr_from_sock(&sock.sa, head.msg_namelen, &asked.from) != 0)
		page_count(link->page, COUNT_LINK_IGNORED);
	else
		on_datagram(link, &asked, data, (size_t)got);
	return true;
}

static void on_readable(struct ev_loop *loop, ev_io *watch, int events)
{
	struct link_listener *listener = watch->data;
	struct link *link = listener->link;

	if (watch_lost(loop, watch, events))
		return;
	link->now = clock_mono();
	for (unsigned i = 0; i < DATAGRAMS && read_one(link, listener->index); i++)
		;
	dashboards_tick(link);
}

/* ---- what is kept ---- */

static void record_of(const struct subscriber *subscriber, struct dashboard_record *record_r)
{
	*record_r = (struct dashboard_record){
		.version = RECORD_VERSION,
		.since = subscriber->since,
		.pinged = subscriber->pinged,
	};
	memcpy(record_r->local, subscriber->local, sizeof(record_r->local));
}

static bool has_news(const struct dashboards *self)
{
	for (unsigned i = 0; i < self->count; i++)
		if (self->subscriber[i].dirty || self->subscriber[i].greet)
			return true;
	return false;
}

static void write_all(struct dashboards *self, struct store_txn *txn)
{
	for (unsigned i = 0; i < self->count; i++) {
		struct subscriber *subscriber = &self->subscriber[i];
		struct dashboard_record record;

		if (!subscriber->dirty)
			continue;
		record_of(subscriber, &record);
		if (subscriber->gone)
			dashboards_del(txn, &subscriber->key);
		else
			dashboards_put(txn, &subscriber->key, &record);
	}
}

/* What was written is now so. */
static void settle(struct link *link)
{
	struct dashboards *self = &link->dashboards;

	for (unsigned i = self->count; i > 0; i--) {
		struct subscriber *subscriber = &self->subscriber[i - 1];

		subscriber->dirty = false;
		subscriber->kept = true;
		subscriber->noted = subscriber->pinged;
		if (subscriber->greet && !subscriber->gone)
			greet(link, subscriber);
		subscriber->greet = false;
		if (subscriber->pinged_early && !subscriber->gone)
			on_ping(link, subscriber);
		if (subscriber->gone)
			take_out(self, i - 1);
	}
}

/* A store that takes nothing does not keep dashboards from being served. */
static void keep(struct link *link)
{
	struct dashboards *self = &link->dashboards;
	enum store_error error;
	struct store_txn txn;

	if (store_write(link->store, &txn) == STORE_BUSY)
		return; /* next turn */
	write_all(self, &txn);
	error = store_end(&txn);
	if (error != STORE_OK && !self->unkept)
		link_store_error(link, error, "subscriptions of dashboards");
	self->unkept = error != STORE_OK;
	settle(link);
}

void dashboards_tick(struct link *link)
{
	struct dashboards *self = &link->dashboards;

	for (unsigned i = 0; i < self->count; i++)
		if (clock_age(link->now, self->subscriber[i].pinged) > SILENCE)
			dismiss(link, &self->subscriber[i], "disappeared");
	if (has_news(self))
		keep(link);
}

/* ---- the beginning and the end ---- */

void dashboards_allow(struct link *link)
{
	struct dashboards *self = &link->dashboards;
	char bad[ADDR_TEXT_MAX];

	if (!nets_parse(conf_text(link->conf, CONF_YSF_DASHBOARD_ALLOW), &self->allowed, bad))
		log_error("ysf.dashboard_allow: \"%s\": nobody is served", bad);
	for (unsigned i = 0; i < self->count; i++)
		if (!nets_hold(&self->allowed, &self->subscriber[i].addr))
			dismiss(link, &self->subscriber[i], "is not in ysf.dashboard_allow");
}

static bool load(const struct client_key *key, const struct dashboard_record *record, void *arg)
{
	struct link *link = arg;
	struct dashboards *self = &link->dashboards;
	struct subscriber *subscriber;

	if (self->count >= LINK_SUBSCRIBERS)
		return false;
	subscriber = insert(self, key);
	memcpy(subscriber->local, record->local, sizeof(subscriber->local));
	subscriber->since = record->since;
	subscriber->pinged = subscriber->noted = record->pinged;
	subscriber->told = record->pinged > record->since;
	subscriber->joined = subscriber->told ? 0 : link->feed.done;
	subscriber->kept = true;
	return true;
}

static bool load_all(struct link *link)
{
	struct client_key key = {0};
	struct store_txn txn;
	enum store_error error;

	if (store_read(link->store, &txn) == STORE_OK)
		dashboards_walk(&txn, &key, LINK_SUBSCRIBERS, load, link);
	error = store_end(&txn);
	return error == STORE_OK || worker_failed(link->worker, "subscriptions of dashboards: %s",
						  store_error_text(error));
}

bool dashboards_go(struct link *link)
{
	struct dashboards *self = &link->dashboards;

	randombytes_buf(self->secret, sizeof(self->secret));
	if (!load_all(link))
		return false;
	dashboards_allow(link); /* it may have changed while nobody was here */
	for (unsigned i = 0; i < LINK_LISTENERS && i < link->worker->listeners; i++) {
		struct link_listener *listener = &self->listener[i];
		const struct worker_socket *socket = &link->worker->udp[i];

		if (socket->fd < 0)
			continue;
		*listener = (struct link_listener){.link = link, .index = i};
		listener->wildcard = addr_is_any(&socket->addr);
		ev_io_init(&listener->readable, on_readable, socket->fd, EV_READ);
		listener->readable.data = listener;
		ev_io_start(link->worker->loop, &listener->readable);
	}
	return true;
}

void dashboards_close(struct link *link)
{
	for (unsigned i = 0; i < LINK_LISTENERS; i++)
		if (link->dashboards.listener[i].link != NULL)
			ev_io_stop(link->worker->loop, &link->dashboards.listener[i].readable);
}
