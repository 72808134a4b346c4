/* SPDX-License-Identifier: ISC
 *
 * NAME      config_listen - everything that the reflector listens on
 * PURPOSE   The addresses of ysf.listen, and each auxiliary port at every host of theirs.
 * OWNER     master
 * CONTRACT  see master/config.h
 * LIMITS    none known
 */
#include "master/config.h"

/* The first with that host; one that a wildcard of its family covers is none of its own. */
static bool is_own_host(const struct addr *listen, size_t count, size_t at)
{
	for (size_t i = 0; i < count; i++) {
		if (i < at && addr_same_ip(&listen[i], &listen[at]))
			return false;
		if (!addr_is_any(&listen[at]) && addr_is_any(&listen[i]) &&
		    addr_family(&listen[i]) == addr_family(&listen[at]))
			return false;
	}
	return true;
}

static void add(struct config_listener *listener_r, size_t *count, const struct addr *host,
		uint16_t port, uint16_t dgid)
{
	size_t at = (*count)++;

	if (at >= CONF_LISTEN_MAX)
		return;
	listener_r[at].addr = *host;
	listener_r[at].addr.port = port;
	listener_r[at].dgid = (uint8_t)dgid;
}

size_t config_listeners(const struct config *config, struct config_listener *listener_r)
{
	const struct value *aux = config_value(config, CONF_YSF_AUX_PORTS);
	size_t count = 0, listens;
	const struct addr *listen = config_listen(config, CONF_YSF_LISTEN, &listens);

	for (size_t i = 0; i < listens; i++)
		add(listener_r, &count, &listen[i], listen[i].port, 0);
	for (size_t a = 0; a < aux->auxes; a++)
		for (size_t i = 0; i < listens; i++)
			if (is_own_host(listen, listens, i))
				add(listener_r, &count, &listen[i], aux->aux[a].port,
				    aux->aux[a].dgid);
	return count;
}
