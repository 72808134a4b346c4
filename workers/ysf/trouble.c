/* SPDX-License-Identifier: ISC
 *
 * NAME      trouble - datagrams that could not be sent, and those that came back
 * PURPOSE   See workers/ysf/trouble.h.
 * OWNER     ysf workers
 * CONTRACT  see workers/ysf/trouble.h
 * LIMITS    see workers/ysf/trouble.h
 */
#include "workers/ysf/trouble.h"

#include <errno.h>
#include <string.h>

#include "shm/log.h"
#include "shm/text.h"
#include "workers/nic.h"
#include "workers/ysf/ysf.h"

static const struct {
	enum page_counter counter;
	enum log_level level;
	const char *text;
} causes[TROUBLES] = {
	[TROUBLE_ROUTE] = {COUNT_YSF_SEND_UNREACH, LOG_LEVEL_WARNING, "no route"},
	[TROUBLE_FILTER] = {COUNT_YSF_SEND_PERM, LOG_LEVEL_WARNING,
			    "a local packet filter or a prohibiting route"},
	[TROUBLE_BUFFERS] = {COUNT_YSF_SEND_NOBUFS, LOG_LEVEL_WARNING,
			     "the interface takes no more"},
	[TROUBLE_SOURCE] = {COUNT_YSF_SEND_SOURCE, LOG_LEVEL_WARNING,
			    "its source address is gone, or a blackhole route"},
	[TROUBLE_SIZE] = {COUNT_YSF_SEND_SIZE, LOG_LEVEL_WARNING,
			  "larger than the interface carries (MTU)"},
	[TROUBLE_OTHER] = {COUNT_YSF_SEND_OTHER, LOG_LEVEL_WARNING, "another reason"},
	[TROUBLE_BACK_PORT] = {COUNT_YSF_BACK_PORT, LOG_LEVEL_INFO,
			       "it came back: nobody listens there"},
	[TROUBLE_BACK_HOST] = {COUNT_YSF_BACK_HOST, LOG_LEVEL_INFO, "it came back: no way there"},
	[TROUBLE_BACK_FILTER] = {COUNT_YSF_BACK_FILTER, LOG_LEVEL_INFO,
				 "it came back: prohibited there"},
	[TROUBLE_BACK_OTHER] = {COUNT_YSF_BACK_OTHER, LOG_LEVEL_INFO,
				"it came back for another reason"},
};

enum trouble trouble_of(int error)
{
	switch (error) {
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
	case ECONNREFUSED:
	case ENODEV:
	case EBADF: /* a gap: there is no such listener any more */
		return TROUBLE_ROUTE;
	case EPERM:
	case EACCES:
		return TROUBLE_FILTER;
	case ENOBUFS:
	case ENOMEM:
	case EAGAIN:
		return TROUBLE_BUFFERS;
	case EINVAL:
	case EADDRNOTAVAIL:
		return TROUBLE_SOURCE;
	case EMSGSIZE:
		return TROUBLE_SIZE;
	default:
		return TROUBLE_OTHER;
	}
}

/* Those that an ICMP message can leave at a socket. */
bool trouble_again(int error, unsigned *tries)
{
	switch (error) {
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ECONNREFUSED:
	case ENOPROTOOPT:
	case EPROTO:
	case EACCES:
	case EMSGSIZE:
	case EOPNOTSUPP:
	case ENONET:
		return (*tries)++ < TROUBLE_TRIES;
	default:
		return false;
	}
}

/* "from 10.0.0.1 (eth0)"; of a socket that is bound to all addresses it takes a look at the route. */
static const char *way_text(const struct ysf *ysf, const struct trouble_state *state, char *buf,
			    size_t size)
{
	static const uint8_t unknown[16];
	const struct listener *listener = &ysf->listener[state->listener];
	struct addr from = listener->addr;
	char text[ADDR_TEXT_MAX], name[NIC_TEXT];

	if (memcmp(state->local, unknown, sizeof(unknown)) != 0)
		memcpy(from.ip, state->local, sizeof(from.ip));
	else if (listener->wildcard && !register_source(ysf, &state->to, from.ip))
		return "from no interface";
	snprintf(buf, size, "from %s (%s)", addr_ip_text(&from, text),
		 nic_of(ysf->route_probe[0], from.ip, name));
	return buf;
}

static void say(const struct ysf *ysf, enum trouble what, struct trouble_state *state,
		const char *begin)
{
	char way[ADDR_TEXT_MAX + NIC_TEXT + 16], to[ADDR_TEXT_MAX];

	state->told = ysf->now;
	if (log_wants(causes[what].level))
		log_write(causes[what].level, 0, "%s %s%s%s %s: %s: %s", begin, state->name,
			  state->name[0] != '\0' ? " at " : "", addr_text(&state->to, to),
			  way_text(ysf, state, way, sizeof(way)), causes[what].text,
			  strerror(state->error));
}

static void gauge(struct ysf *ysf)
{
	unsigned present = 0;

	for (unsigned what = 0; what < TROUBLES; what++)
		present += ysf->trouble[what].since != 0;
	page_gauge(ysf->page, GAUGE_YSF_TROUBLES, present);
}

static void happened(struct ysf *ysf, enum trouble what, const struct trouble_state *now,
		     uint32_t count)
{
	struct trouble_state *state = &ysf->trouble[what];
	const struct trouble_state before = *state;

	page_count_by(ysf->page, causes[what].counter, count);
	*state = *now;
	state->since = before.since;
	state->told = before.told;
	state->count = before.count + count;
	state->total = before.total + count;
	state->last = ysf->now;
	if (before.since != 0)
		return;
	state->since = ysf->now;
	state->total = count;
	say(ysf, what, state, "can't send to");
	state->count = 0;
	gauge(ysf);
}

static void of_gateway(struct trouble_state *state_r, int error, const struct gateway *gateway)
{
	*state_r = (struct trouble_state){.error = error, .listener = gateway->listener};
	client_key_addr(&gateway->key, &state_r->to);
	if (gateway->flags & CLIENT_PKTINFO)
		memcpy(state_r->local, gateway->local, sizeof(state_r->local));
	text_copy(state_r->name, sizeof(state_r->name), gateway->name);
}

void trouble_note_batch(struct ysf *ysf, const struct trouble_batch *batch)
{
	struct trouble_state now;

	for (unsigned what = 0; what < TROUBLES; what++) {
		if (batch->count[what] == 0)
			continue;
		of_gateway(&now, batch->error[what], batch->who[what]);
		happened(ysf, (enum trouble)what, &now, batch->count[what]);
	}
}

void trouble_note(struct ysf *ysf, enum trouble what, int error, const struct addr *to,
		  unsigned listener)
{
	struct trouble_state now = {.error = error, .to = *to, .listener = (uint16_t)listener};
	struct client_key key;
	const struct gateway *gateway;

	client_key_make(&key, to, listener);
	gateway = gateways_find(&ysf->gateways, &key);
	if (gateway != NULL)
		of_gateway(&now, error, gateway);
	happened(ysf, what, &now, 1);
}

static void over(enum trouble what, struct trouble_state *state)
{
	uint64_t lasted = clock_age(state->last, state->since);

	log_info("can send again: %s: for %llu s, %llu datagrams (%s)", causes[what].text,
		 (unsigned long long)(lasted / NS_PER_SEC), (unsigned long long)state->total,
		 strerror(state->error));
	*state = (struct trouble_state){0};
}

static void goes_on(const struct ysf *ysf, enum trouble what, struct trouble_state *state)
{
	char begin[96];

	snprintf(begin, sizeof(begin), "still can't send: %llu datagrams in %llu s, the last to",
		 (unsigned long long)state->count,
		 (unsigned long long)(clock_age(ysf->now, state->told) / NS_PER_SEC));
	say(ysf, what, state, begin);
	state->count = 0;
}

void trouble_tick(struct ysf *ysf)
{
	for (unsigned what = 0; what < TROUBLES; what++) {
		struct trouble_state *state = &ysf->trouble[what];

		if (state->since == 0)
			continue;
		if (clock_age(ysf->now, state->last) >= TROUBLE_QUIET)
			over((enum trouble)what, state);
		else if (clock_age(ysf->now, state->told) >= TROUBLE_AGAIN && state->count > 0)
			goes_on(ysf, (enum trouble)what, state);
	}
	gauge(ysf);
}
