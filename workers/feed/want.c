/* SPDX-License-Identifier: ISC
 *
 * NAME      want - what the configuration wants of a feed
 * PURPOSE   One section [feed NAME] with its defaults filled in.
 * OWNER     feed
 * CONTRACT  pure: a configuration in, a struct out
 * LIMITS    FEED_MODES modes
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "shm/band.h"
#include "workers/feed/feed.h"

/* Two texts are one only when their ends are where the other's are. */
static uint64_t mix(uint64_t hash, const char *text)
{
	do {
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
	} while (*text++ != '\0');
	return hash;
}

static void add_mode(struct feed_want *want, const char *text, size_t length)
{
	unsigned mode;

	while (length > 0 && *text == ' ')
		text++, length--;
	while (length > 0 && text[length - 1] == ' ')
		length--;
	if (length == 0 || length >= sizeof(want->mode[0].name) || want->modes == FEED_MODES)
		return;
	for (size_t i = 0; i < length; i++)
		want->mode[want->modes].name[i] = (char)toupper((unsigned char)text[i]);
	mode = length == 4 && strncasecmp(text, "WSPR", 4) == 0 ? MODE_WSPR
								: mode_word(text, length);
	want->mode[want->modes++].mode = mode != MODE_NONE ? mode : MODE_DIGI;
}

static void read_modes(struct feed_want *want, const char *text)
{
	while (*text != '\0') {
		size_t length = strcspn(text, ",");

		add_mode(want, text, length);
		text += length + (text[length] == ',');
	}
}

static bool find_member(const struct conf *conf, const char *member, size_t *index_r)
{
	for (size_t i = 0; i < conf_group_count(conf, CONF_GROUP_FEED); i++) {
		*index_r = i;
		if (strcmp(conf_group_name(conf, CONF_GROUP_FEED, i), member) == 0)
			return true;
	}
	return false;
}

static bool read_login(const char *text, struct feed_want *want)
{
	if (!call_normalise(text, strlen(text), want->login) || !call_valid(want->login))
		return false;
	call_base(want->login, want->login_base);
	return true;
}

/* What is to be connected to, and as whom. */
static void note_target(const struct conf *conf, size_t index, struct feed_want *want)
{
	char port[16];

	snprintf(port, sizeof(port), "%u %u", want->port, (unsigned)want->type);
	want->target = mix(mix(0xcbf29ce484222325, want->host), port);
	want->target = mix(mix(want->target, want->login), want->password);
	want->target = mix(want->target, want->topic);
	want->target =
		mix(want->target, conf_group_text(conf, CONF_GROUP_FEED, index, CONF_FEED_MODES));
}

bool feed_want_read(const struct conf *conf, const char *member, struct feed_want *want_r,
		    char why_r[252])
{
	const enum conf_group group = CONF_GROUP_FEED;
	struct feed_want want = {0};
	size_t index;

	*want_r = want;
	snprintf(want.name, sizeof(want.name), "%s", member);
	if (!find_member(conf, member, &index)) {
		*want_r = want; /* retired: not enabled */
		return true;
	}
	want.type = feed_type(conf, index);
	want.enabled = conf_group_number(conf, group, index, CONF_FEED_ENABLED) != 0;
	snprintf(want.host, sizeof(want.host), "%s", feed_host(conf, index));
	want.port = feed_port(conf, index);
	snprintf(want.password, sizeof(want.password), "%s",
		 conf_group_text(conf, group, index, CONF_FEED_PASSWORD));
	snprintf(want.topic, sizeof(want.topic), "%s",
		 conf_group_text(conf, group, index, CONF_FEED_TOPIC));
	want.keep_ssid = conf_group_number(conf, group, index, CONF_FEED_KEEP_SSID) != 0;
	want.forward_dx = want.type == FEED_CLUSTER &&
			  conf_group_number(conf, group, index, CONF_FEED_FORWARD_DX) != 0;
	want.idle_timeout = (uint64_t)conf_group_number(conf, group, index, CONF_FEED_IDLE_TIMEOUT);
	read_modes(&want, conf_group_text(conf, group, index, CONF_FEED_MODES));
	if (!read_login(feed_login(conf, index), &want)) {
		snprintf(why_r, 252, "feed %s.login: no call sign", member);
		return false;
	}
	if (want.host[0] == '\0') {
		snprintf(why_r, 252, "feed %s.host: missing (a cluster has no default)", member);
		return false;
	}
	note_target(conf, index, &want);
	*want_r = want;
	return true;
}
