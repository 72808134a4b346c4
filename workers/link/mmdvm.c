/* SPDX-License-Identifier: ISC
 *
 * NAME      mmdvm - log lines in the manner of the G4KLX programs
 * PURPOSE   See mmdvm.h.
 * OWNER     link
 * CONTRACT  see mmdvm.h
 * LIMITS    see mmdvm.h
 */
#include "workers/link/mmdvm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shm/clock.h"

struct lines {
	char *buf;
	size_t used;
	uint64_t time;
};

__attribute__((format(printf, 2, 3))) static void say(struct lines *out, const char *format, ...)
{
	size_t room = MMDVM_MAX - out->used;
	char time[TOLD_TIME_MAX];
	va_list args;
	int head, body;

	head = snprintf(out->buf + out->used, room, "M: %s ", told_time(out->time, time));
	if (head < 0 || (size_t)head >= room)
		return;
	va_start(args, format);
	body = vsnprintf(out->buf + out->used + head, room - (size_t)head, format, args);
	va_end(args);
	/* a line is written whole or not at all */
	if (body < 0 || (size_t)head + (size_t)body + 1 >= room) {
		out->buf[out->used] = '\0';
		return;
	}
	out->used += (size_t)head + (size_t)body;
	out->buf[out->used++] = '\n';
	out->buf[out->used] = '\0';
}

static struct lines begin(char buf[MMDVM_MAX], uint64_t time)
{
	buf[0] = '\0';
	return (struct lines){.buf = buf, .time = time};
}

/* "192.0.2.1:42000", of IPv6 without brackets, as in the list where the columns are older */
static const char *who(const struct event_record *event, char buf[ADDR_TEXT_MAX + 8])
{
	char ip[ADDR_TEXT_MAX];
	struct addr addr;

	client_key_addr(&event->key, &addr);
	snprintf(buf, ADDR_TEXT_MAX + 8, "%s:%u", addr_ip_text(&addr, ip), addr.port);
	return buf;
}

static void link_line(struct lines *out, const struct event_record *event)
{
	char where[ADDR_TEXT_MAX + 8];

	if (event->reason == REASON_LISTED)
		say(out, "Static DG-ID (%u) via back to home", event->dgid);
	say(out, "Adding %-10s (%s) DG-ID %u", told_name(event->gateway), who(event, where),
	    event->dgid);
}

static void unlink_line(struct lines *out, const struct event_record *event)
{
	char where[ADDR_TEXT_MAX + 8];

	say(out, "Removing %-10s (%s) %s", told_name(event->gateway), who(event, where),
	    event->reason == REASON_EXPIRED ? "disappeared" : "unlinked");
}

/* Not in the words of pYSFReflector3: its "from 9 to 22" makes dashboards list a caller "9". */
static void dgid_line(struct lines *out, const struct event_record *event)
{
	const char *name = told_name(event->gateway);

	switch (event->reason) {
	case REASON_HOME:
		say(out, "%s Back to Home at DG-ID %u", name, event->dgid);
		break;
	case REASON_OPTIONS:
		say(out, "Static DG-ID (%u) via Options for %s", event->dgid, name);
		break;
	case REASON_LIST:
		say(out, "Invalid DG-ID (%u) changed to default (%u)", event->old_dgid,
		    event->dgid);
		break;
	default:
		say(out, "Changed DG-ID for %s: %u, now %u", name, event->old_dgid, event->dgid);
		break;
	}
}

static void calls_line(struct lines *out, const struct event_record *calls)
{
	say(out, "<%07u> Additional information dst:%-10s src:%-10s uplink:%-10s downlink:%-10s",
	    calls->stream, calls->text[0], calls->text[1], calls->text[2], calls->text[3]);
}

static void start_lines(struct lines *out, const struct event_record *start,
			const struct event_record *calls)
{
	struct told_fich fich;

	told_fich(start->fich, &fich);
	if (told_damaged(calls))
		say(out, "<%07u> Stream opened with invalid HC", start->stream);
	say(out,
	    "<%07u> Received data from %-10s to %-10s at %-10s FICH-Data: CS:%u | CM:%u | FT:%u | "
	    "Dev:%s | MR:%u | VoIP:%s | DT:%u | SQL:%s | SQC:%u",
	    start->stream, start->source, told_target(start, calls),
	    start->call[0] != '\0' ? start->call : start->gateway, fich.cs, fich.cm, fich.ft,
	    told_bool(fich.dev), fich.mr, told_bool(fich.voip), fich.dt, told_bool(fich.sql),
	    fich.sqc);
	if (calls != NULL)
		calls_line(out, calls);
}

static void meta_line(struct lines *out, const struct event_record *meta)
{
	switch (meta->meta) {
	case META_REM12:
		say(out, "<%07u> Additional information Rem1+2:%-10s", meta->stream, meta->text[0]);
		break;
	case META_REM34:
		say(out, "<%07u> Additional information Rem3+4:%-10s", meta->stream, meta->text[0]);
		break;
	case META_RADIO:
		say(out, "<%07u> Additional information radio code:%u", meta->stream, meta->radio);
		break;
	default:
		break; /* the header's came with the start, a position comes with the end */
	}
}

/* A call that was cut has an end too, or dashboards show it for ever. */
static void end_lines(struct lines *out, const struct event_record *end)
{
	bool known = told_position(end->latitude, end->longitude);
	bool whole = end->reason == REASON_TERMINATOR;
	char latitude[16], longitude[16];

	if (end->reason == REASON_TIMEOUT)
		say(out, "Timeout %s", end->source);
	say(out, "<%07u> %s coords: %s, %s | %u/%u", end->stream,
	    whole ? "Received end of transmission" : "Network watchdog has expired",
	    told_degrees(end->latitude, known, latitude),
	    told_degrees(end->longitude, known, longitude), end->radio, end->lost);
}

static void busy_line(struct lines *out, const struct event_record *lost)
{
	say(out, "DG-ID %u is busy: %s at %s not relayed", lost->dgid, lost->source,
	    told_name(lost->gateway));
}

static void refused_line(struct lines *out, const struct event_record *refused)
{
	const char *rule = told_refusal(refused->reason);

	if (rule != NULL)
		say(out, "Data from %-10s at %-10s blocked/%s", refused->source,
		    told_name(refused->gateway), rule);
}

static void block_lines(struct lines *out, const struct event_record *block)
{
	const char *rule = told_block(block->block_reason);
	char until[TOLD_TIME_MAX];

	if (rule == NULL) {
		say(out, "%s is blocked by the operator", block->call);
		return;
	}
	if (block->block_reason == BLOCK_WILD_PTT)
		say(out, "Wild-PTT %s", block->call);
	say(out, "Appended scheduled job: %s/%s at time %s", block->call, rule,
	    told_second(block->until, until));
}

size_t mmdvm_event(char buf[MMDVM_MAX], const struct event_record *event,
		   const struct event_record *calls)
{
	struct lines out = begin(buf, event->time);

	switch (event->type) {
	case EVENT_CLIENT_LINK:
		link_line(&out, event);
		break;
	case EVENT_CLIENT_UNLINK:
		unlink_line(&out, event);
		break;
	case EVENT_CLIENT_DGID:
		dgid_line(&out, event);
		break;
	case EVENT_STREAM_START:
		start_lines(&out, event, calls);
		break;
	case EVENT_STREAM_META:
		meta_line(&out, event);
		break;
	case EVENT_STREAM_END:
		end_lines(&out, event);
		break;
	case EVENT_STREAM_BUSY:
		busy_line(&out, event);
		break;
	case EVENT_ACCESS_REFUSED:
		refused_line(&out, event);
		break;
	case EVENT_BLOCK_ADD:
		block_lines(&out, event);
		break;
	case EVENT_BLOCK_REMOVE:
		say(&out, "Removed from temporary blockeds queue %s", event->call);
		break;
	default:
		break;
	}
	return out.used;
}

size_t mmdvm_starting(char buf[MMDVM_MAX], uint64_t time, const char *version)
{
	struct lines out = begin(buf, time);

	say(&out, "Starting YSFReflector-%s", version);
	return out.used;
}

size_t mmdvm_adding(char buf[MMDVM_MAX], uint64_t time, const struct told_gateway *gateway)
{
	struct lines out = begin(buf, time);
	char ip[ADDR_TEXT_MAX];

	say(&out, "Adding %-10s (%s:%u) DG-ID %u", told_name(gateway->name),
	    addr_ip_text(&gateway->addr, ip), gateway->addr.port, gateway->dgid);
	return out.used;
}

size_t mmdvm_linked_head(char buf[MMDVM_MAX], uint64_t time, unsigned total)
{
	struct lines out = begin(buf, time);

	say(&out, "%s repeaters/gateways%s", total > 0 ? "Currently linked" : "No",
	    total > 0 ? ":" : " linked");
	return out.used;
}

size_t mmdvm_linked(char buf[MMDVM_MAX], uint64_t time, const struct told_gateway *gateway)
{
	struct lines out = begin(buf, time);
	char ip[ADDR_TEXT_MAX], linked[TOLD_TIME_MAX];

	say(&out, "     %-10s: %16s:%-5u %2u/60 : %s %2u %2d %2u %6u %6u", told_name(gateway->name),
	    addr_ip_text(&gateway->addr, ip), gateway->addr.port, gateway->silent,
	    told_second(gateway->linked, linked), gateway->dgid, gateway->hold, gateway->home_dgid,
	    gateway->home_time, gateway->home_clock);
	return out.used;
}

size_t mmdvm_muted_head(char buf[MMDVM_MAX], uint64_t time, unsigned total)
{
	struct lines out = begin(buf, time);

	say(&out, "%s repeaters/gateways%s", total > 0 ? "Currently muted" : "No",
	    total > 0 ? ":" : " muted");
	return out.used;
}

size_t mmdvm_muted(char buf[MMDVM_MAX], uint64_t time, const struct told_gateway *gateway)
{
	struct lines out = begin(buf, time);
	char ip[ADDR_TEXT_MAX];

	say(&out, "     %-10s: %s:%u %u/60", told_name(gateway->name),
	    addr_ip_text(&gateway->addr, ip), gateway->addr.port, gateway->silent);
	return out.used;
}
