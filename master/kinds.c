/* SPDX-License-Identifier: ISC
 *
 * NAME      kinds - what the master must know of each kind of slot
 * PURPOSE   The table.
 * OWNER     master
 * CONTRACT  see master/kinds.h
 * LIMITS    none known
 */
#include "master/kinds.h"

const struct kind kind_table[SLOT_KINDS] = {
	[SLOT_LOG] =
		{
			.name = "log",
			.service = KIND_INTERNAL,
			.enabled = KIND_NO_KEY,
			.listen = KIND_NO_KEY,
			.count = KIND_NO_KEY,
			.sessions = KIND_NO_KEY,
			.sessions_per_ip = KIND_NO_KEY,
		},
	[SLOT_KEEPER] =
		{
			.name = "keeper",
			.service = KIND_INTERNAL,
			.store = true,
			.follows = true,
			.spots = true,
			.enabled = KIND_NO_KEY,
			.listen = KIND_NO_KEY,
			.count = KIND_NO_KEY,
			.sessions = KIND_NO_KEY,
			.sessions_per_ip = KIND_NO_KEY,
		},
#ifdef SHACKD_TEST
	[SLOT_LINE] =
		{
			.name = "line",
			.outside = "line",
			.service = KIND_VAULTED,
			.many = true,
			.enabled = CONF_LINE_ENABLED,
			.listen = CONF_LINE_LISTEN,
			.count = CONF_WORKERS_LINE,
			.sessions = CONF_LIMITS_SESSIONS,
			.sessions_per_ip = CONF_LIMITS_SESSIONS_PER_IP,
		},
#endif
	[SLOT_DATA] =
		{
			.name = "data",
			.service = KIND_AIDE,
			.program = KIND_NET,
			.store = true,
			.cluster = true,
			.enabled = CONF_YSF_ENABLED,
			.listen = KIND_NO_KEY,
			.count = KIND_NO_KEY,
			.sessions = KIND_NO_KEY,
			.sessions_per_ip = KIND_NO_KEY,
		},
	[SLOT_SPOT] =
		{
			.name = "spot",
			.service = KIND_AIDE,
			.spots = true,
			.cluster = true,
			.enabled = KIND_NO_KEY,
			.listen = KIND_NO_KEY,
			.count = KIND_NO_KEY,
			.sessions = KIND_NO_KEY,
			.sessions_per_ip = KIND_NO_KEY,
		},
	[SLOT_LINK] =
		{
			.name = "link",
			.outside = "dashboard",
			.service = KIND_FEED,
			.program = KIND_NET,
			.store = true,
			.follows = true,
			.enabled = CONF_YSF_ENABLED,
			.listen = CONF_YSF_DASHBOARD_LISTEN,
			.count = KIND_NO_KEY,
			.sessions = KIND_NO_KEY,
			.sessions_per_ip = KIND_NO_KEY,
		},
	[SLOT_DXC] =
		{
			.name = "dxc",
			.outside = "dxc",
			.service = KIND_VAULTED,
			.many = true,
			.guarded = true,
			.spots = true,
			.cluster = true,
			.enabled = KIND_NO_KEY,
			.listen = CONF_DXC_LISTEN,
			.count = CONF_WORKERS_DXC,
			.sessions = CONF_LIMITS_SESSIONS,
			.sessions_per_ip = CONF_LIMITS_SESSIONS_PER_IP,
		},
	[SLOT_FEED] =
		{
			.name = "feed",
			.service = KIND_DIALS,
			.program = KIND_NET,
			.many = true,
			.spots = true,
			.cluster = true,
			.enabled = KIND_NO_KEY,
			.listen = KIND_NO_KEY,
			.count = KIND_NO_KEY,
			.sessions = KIND_NO_KEY,
			.sessions_per_ip = KIND_NO_KEY,
		},
	[SLOT_YSF] =
		{
			.name = "ysf",
			.outside = "ysf",
			.service = KIND_DATAGRAM,
			.many = true,
			.lanes = true,
			.store = true,
			.follows = true,
			.enabled = CONF_YSF_ENABLED,
			.listen = CONF_YSF_LISTEN,
			.count = CONF_WORKERS_YSF,
			.sessions = KIND_NO_KEY,
			.sessions_per_ip = KIND_NO_KEY,
		},
};
