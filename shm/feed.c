/* SPDX-License-Identifier: ISC
 *
 * NAME      feed - what a [feed NAME] section says, its defaults filled in
 * PURPOSE   See feed.h.
 * OWNER     see feed.h
 * CONTRACT  see feed.h
 * LIMITS    see feed.h
 */
#include "shm/feed.h"

#include <string.h>

static const struct {
	const char *word, *host;
	uint16_t port;
} types[] = {
	[FEED_RBN] = {"rbn", "telnet.reversebeacon.net", 7000},
	[FEED_CLUSTER] = {"cluster", "", 7300},
	[FEED_PSKREPORTER] = {"pskreporter", "mqtt.pskreporter.info", 1883},
};

enum feed_type feed_type(const struct conf *conf, size_t member)
{
	const char *word = conf_group_text(conf, CONF_GROUP_FEED, member, CONF_FEED_TYPE);

	for (unsigned type = 0; type < sizeof(types) / sizeof(types[0]); type++)
		if (strcmp(word, types[type].word) == 0)
			return (enum feed_type)type;
	return FEED_CLUSTER; /* the one that assumes nothing */
}

const char *feed_host(const struct conf *conf, size_t member)
{
	const char *host = conf_group_text(conf, CONF_GROUP_FEED, member, CONF_FEED_HOST);

	return host[0] != '\0' ? host : types[feed_type(conf, member)].host;
}

uint16_t feed_port(const struct conf *conf, size_t member)
{
	int64_t port = conf_group_number(conf, CONF_GROUP_FEED, member, CONF_FEED_PORT);

	return port != 0 ? (uint16_t)port : types[feed_type(conf, member)].port;
}

const char *feed_login(const struct conf *conf, size_t member)
{
	const char *login = conf_group_text(conf, CONF_GROUP_FEED, member, CONF_FEED_LOGIN);

	return login[0] != '\0' ? login : conf_text(conf, CONF_DXC_NODE_CALL);
}

bool feed_wanted(const struct conf *conf, size_t member)
{
	return conf_bool(conf, CONF_DXC_ENABLED) &&
	       conf_text(conf, CONF_DXC_NODE_CALL)[0] != '\0' &&
	       conf_group_number(conf, CONF_GROUP_FEED, member, CONF_FEED_ENABLED) != 0;
}
