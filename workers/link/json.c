/* SPDX-License-Identifier: ISC
 *
 * NAME      json - the messages of the dashboard protocol
 * PURPOSE   See json.h.
 * OWNER     link
 * CONTRACT  see json.h. A printer that met its end stays full, and gives no message.
 * LIMITS    see json.h
 */
#include "workers/link/json.h"

#include <stdio.h>
#include <string.h>

#include "shm/text.h"

struct printer {
	char *buf;
	size_t used;
	bool full;
};

static void put(struct printer *out, char c)
{
	if (out->used + 1 < JSON_MAX)
		out->buf[out->used++] = c;
	else
		out->full = true;
}

static void put_text(struct printer *out, const char *text)
{
	for (; *text != '\0'; text++)
		put(out, *text);
}

/* A text of many: what an operator wrote may be UTF-8, what came over the air is ASCII. */
static void put_value(struct printer *out, const char *text)
{
	bool utf8 = text_is_utf8(text, strlen(text));

	for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
		bool bad = *c < 0x20 || *c == 0x7f || strchr("'\"\\", *c) != NULL ||
			   (*c > 0x7f && !utf8);

		put(out, bad ? ' ' : (char)*c);
	}
}

static void open_message(struct printer *out, char buf[JSON_MAX])
{
	*out = (struct printer){.buf = buf};
	put(out, '{');
}

static size_t close_message(struct printer *out)
{
	put(out, '}');
	out->buf[out->used] = '\0';
	return out->full ? 0 : out->used;
}

static void put_pair(struct printer *out, const char *key, const char *value)
{
	if (out->used > 1)
		put_text(out, ", ");
	put(out, '"');
	put_text(out, key);
	put_text(out, "\": \"");
	put_value(out, value);
	put(out, '"');
}

/* With so many DIGITS at least. */
static void put_digits(struct printer *out, const char *key, int digits, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%0*lld", digits, (long long)value);
	put_pair(out, key, text);
}

static void put_number(struct printer *out, const char *key, int64_t value)
{
	put_digits(out, key, 1, value);
}

/* Ten characters, as the collector cuts it. */
static void put_padded(struct printer *out, const char *key, const char *value)
{
	char text[CALL_MAX];

	snprintf(text, sizeof(text), "%-10s", value);
	put_pair(out, key, text);
}

static void put_time(struct printer *out, uint64_t real)
{
	char text[TOLD_TIME_MAX];

	put_pair(out, "time", told_time(real, text));
}

static bool is_word(const char *data, size_t length, const char *word)
{
	return length == strlen(word) && memcmp(data, word, length) == 0;
}

enum json_asked json_asked(const char *data, size_t length)
{
	if (is_word(data, length, "CONNREQ"))
		return JSON_CONNREQ;
	if (is_word(data, length, "PING"))
		return JSON_PING;
	return is_word(data, length, "BYE") ? JSON_BYE : JSON_NOTHING;
}

size_t json_word(char buf[JSON_MAX], const char *word, const struct addr *who)
{
	char ip[ADDR_TEXT_MAX];

	return (size_t)snprintf(buf, JSON_MAX, "%s:%s:%u", word, addr_ip_text(who, ip), who->port);
}

/* "[1, 9, 22, 50]" */
static void put_dgids(struct printer *out, const struct conf_dgids *dgids)
{
	char text[512];
	size_t used = 1;

	text[0] = '[';
	for (unsigned dgid = 1; dgid < 100; dgid++)
		if (conf_dgid_in(dgids, dgid))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u",
						 used > 1 ? ", " : "", dgid);
	snprintf(text + used, sizeof(text) - used, "]");
	put_pair(out, "dgid_list", text);
}

size_t json_system(char buf[JSON_MAX], const struct json_system *about)
{
	struct printer out;

	open_message(&out, buf);
	put_pair(&out, "system", "shackd");
	put_pair(&out, "ver", about->version);
	put_digits(&out, "REF_ID", 5, about->id);
	put_pair(&out, "REF_NAME", about->name);
	put_pair(&out, "REF_DESC", about->description);
	put_pair(&out, "APRS_EN", about->aprs ? "1" : "0");
	put_pair(&out, "APRS_SSID", about->aprs_ssid);
	put_pair(&out, "contact", about->contact);
	put_pair(&out, "web", about->web);
	put_number(&out, "dgid_loc", about->local);
	put_number(&out, "dgid_def", about->initial);
	put_dgids(&out, &about->dgids);
	return close_message(&out);
}

static void put_fich(struct printer *out, const uint8_t info[4])
{
	struct told_fich fich;

	told_fich(info, &fich);
	put_number(out, "CS", fich.cs);
	put_number(out, "CM", fich.cm);
	put_number(out, "FT", fich.ft);
	put_pair(out, "Dev", told_bool(fich.dev));
	put_number(out, "MR", fich.mr);
	put_pair(out, "VoIP", told_bool(fich.voip));
	put_number(out, "DT", fich.dt);
	put_pair(out, "SQL", told_bool(fich.sql));
	put_number(out, "SQC", fich.sqc);
}

static void put_stream(struct printer *out, const char *key, uint32_t stream)
{
	put_digits(out, key, 7, stream);
}

static size_t stream_start(char buf[JSON_MAX], const struct event_record *start,
			   const struct event_record *calls)
{
	struct printer out;

	open_message(&out, buf);
	put_stream(&out, "stream_start", start->stream);
	put_pair(&out, "call", start->source);
	put_padded(&out, "target", told_target(start, calls));
	put_pair(&out, "gw", start->call[0] != '\0' ? start->call : start->gateway);
	if (start->flags & STREAM_LOCAL)
		put_number(&out, "dgid", -(int64_t)start->client);
	else
		put_digits(&out, "dgid", 2, start->dgid);
	put_time(&out, start->time);
	put_fich(&out, start->fich);
	return close_message(&out);
}

static size_t stream_calls(char buf[JSON_MAX], const struct event_record *meta)
{
	static const char *const key[] = {"dst", "src", "uplink", "downlink"};
	struct printer out;

	open_message(&out, buf);
	put_stream(&out, "stream_id05", meta->stream);
	for (unsigned i = 0; i < 4; i++)
		put_pair(&out, key[i], meta->text[i]);
	return close_message(&out);
}

static size_t stream_text(char buf[JSON_MAX], const char *message, const char *key,
			  const struct event_record *meta)
{
	struct printer out;

	open_message(&out, buf);
	put_stream(&out, message, meta->stream);
	put_padded(&out, key, meta->text[0]);
	return close_message(&out);
}

static size_t stream_radio(char buf[JSON_MAX], const struct event_record *meta)
{
	struct printer out;

	open_message(&out, buf);
	put_stream(&out, "stream_id03", meta->stream);
	put_number(&out, "radio_code", meta->radio);
	return close_message(&out);
}

static size_t stream_position(char buf[JSON_MAX], const struct event_record *meta)
{
	struct printer out;
	char text[16];

	if (!told_position(meta->latitude, meta->longitude))
		return 0;
	open_message(&out, buf);
	put_stream(&out, "stream_id04", meta->stream);
	put_pair(&out, "latitude", told_degrees(meta->latitude, true, text));
	put_pair(&out, "longitude", told_degrees(meta->longitude, true, text));
	return close_message(&out);
}

static size_t stream_meta(char buf[JSON_MAX], const struct event_record *meta)
{
	switch (meta->meta) {
	case META_CALLS:
		return stream_calls(buf, meta);
	case META_REM12:
		return stream_text(buf, "stream_id01", "Rem1+2", meta);
	case META_REM34:
		return stream_text(buf, "stream_id02", "Rem3+4", meta);
	case META_RADIO:
		return stream_radio(buf, meta);
	case META_POSITION:
		return stream_position(buf, meta);
	default:
		return 0;
	}
}

static size_t stream_end(char buf[JSON_MAX], const struct event_record *end)
{
	const char *type = told_end(end);
	struct printer out;

	open_message(&out, buf);
	if (type != NULL) {
		put_stream(&out, "stream_end", end->stream);
		put_pair(&out, "type", type);
	} else {
		put_stream(&out, "stream_timeout", end->stream);
		put_pair(&out, "CS", end->source);
	}
	put_time(&out, end->time);
	return close_message(&out);
}

static size_t blocked(char buf[JSON_MAX], const struct event_record *refused)
{
	const char *rule = told_refusal(refused->reason);
	struct printer out;

	if (rule == NULL)
		return 0;
	open_message(&out, buf);
	put_pair(&out, "blocked", "-1");
	put_padded(&out, "CS", refused->source);
	put_padded(&out, "GW", refused->gateway);
	put_pair(&out, "BR", rule);
	put_time(&out, refused->time);
	return close_message(&out);
}

/* pYSFReflector3 does not tell; its collector passes over what it does not know. */
static size_t busy(char buf[JSON_MAX], const struct event_record *lost)
{
	struct printer out;

	open_message(&out, buf);
	put_digits(&out, "stream_busy", 2, lost->dgid);
	put_padded(&out, "CS", lost->source);
	put_padded(&out, "GW", lost->gateway);
	put_time(&out, lost->time);
	return close_message(&out);
}

size_t json_event(char buf[JSON_MAX], const struct event_record *event,
		  const struct event_record *calls)
{
	switch (event->type) {
	case EVENT_STREAM_START:
		return stream_start(buf, event, calls);
	case EVENT_STREAM_META:
		return stream_meta(buf, event);
	case EVENT_STREAM_END:
		return stream_end(buf, event);
	case EVENT_ACCESS_REFUSED:
		return blocked(buf, event);
	case EVENT_STREAM_BUSY:
		return busy(buf, event);
	default:
		return 0;
	}
}

/* The collector splits at points and hides the fourth part. */
static void put_ip(struct printer *out, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];
	const uint8_t *ip = addr->ip;

	if (addr_is_ipv4(addr))
		addr_ip_text(addr, text);
	else
		snprintf(text, sizeof(text), "v6.%x.%x.x", ip[0] << 8 | ip[1], ip[2] << 8 | ip[3]);
	put_pair(out, "IP", text);
}

size_t json_linked(char buf[JSON_MAX], unsigned number, const struct told_gateway *gateway)
{
	struct printer out;
	char text[TOLD_TIME_MAX];

	open_message(&out, buf);
	put_number(&out, "linked", number);
	put_pair(&out, "call", told_name(gateway->name));
	put_ip(&out, &gateway->addr);
	put_number(&out, "port", gateway->addr.port);
	put_number(&out, "TC", gateway->silent);
	put_pair(&out, "CF", told_second(gateway->linked, text));
	put_pair(&out, "LO", gateway->muted ? "1" : "0");
	put_pair(&out, "LK", gateway->locked ? "1" : "0");
	put_digits(&out, "DGID", 2, gateway->dgid);
	put_number(&out, "T_HOLD", gateway->hold);
	put_number(&out, "BTH_DGID", gateway->home_dgid);
	put_number(&out, "BTH_TOUT", gateway->home_time);
	put_number(&out, "BTH_TCORR", gateway->home_clock);
	return close_message(&out);
}

static size_t total(char buf[JSON_MAX], const char *key, unsigned number)
{
	struct printer out;

	open_message(&out, buf);
	put_number(&out, key, number);
	return close_message(&out);
}

size_t json_total_linked(char buf[JSON_MAX], unsigned number)
{
	return total(buf, "total_linked", number);
}

size_t json_parked(char buf[JSON_MAX], unsigned number, const struct told_parked *parked)
{
	const char *rule = told_block(parked->reason);
	struct printer out;
	char text[TOLD_TIME_MAX];

	if (rule == NULL)
		return 0;
	open_message(&out, buf);
	put_number(&out, "blk_time", number);
	put_pair(&out, "call", parked->call);
	put_pair(&out, "BR", rule);
	put_pair(&out, "TR", told_second(parked->until, text));
	return close_message(&out);
}

size_t json_total_parked(char buf[JSON_MAX], unsigned number)
{
	return total(buf, "total_blk_time", number);
}
