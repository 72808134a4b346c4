/* SPDX-License-Identifier: ISC
 *
 * NAME      denylist - a line of an access file
 * PURPOSE   Reads what operators of pYSFReflector3 have in their deny.db, and more: networks and
 *           IPv6 addresses.
 * OWNER     data, shackctl
 * CONTRACT  pure; any bytes are a line. A word that stands before the first colon is the kind of
 *           the rule; what stands behind it, all of it, is the address of an IP or IPB rule, so
 *           that colons of IPv6 need no quoting ("IP:2001:db8::/32").
 * LIMITS    texts of ten characters, host names of 253
 */
#ifndef SHACKD_SHM_DENYLIST_H
#define SHACKD_SHM_DENYLIST_H

#include "shm/line.h"
#include "shm/list_layout.h"

struct deny_rule {
	enum access_set set;
	char text[LIST_TEXT]; /* of the sets of texts */
	/* of ACCESS_IP and ACCESS_IPB: a host name, or empty and a network */
	char host[LIST_HOST]; /* lower case */
	struct access_net net;
	const char *why; /* LINE_BAD: what is wrong, for "LINE why" */
};

/* LINE as of lines_next. */
enum line_kind denylist_parse(const char *line, size_t length, struct deny_rule *rule_r);

/* The same for the block list of G4KLX's YSFReflector: each line is a text that must not occur in a
 * source, whatever its case. Comments and empty lines are ours. */
enum line_kind blocklist_parse(const char *line, size_t length, struct deny_rule *rule_r);

/* The network of "192.0.2.0/24", "2001:db8::1", "[2001:db8::]/32"; bits beyond the prefix are
 * cleared. False: no literal address. */
bool denylist_net(const char *text, struct access_net *net_r);

/* Could NAME be the name of a host? All digits and dots is an address that went wrong. */
bool denylist_is_host(const char *name);

#endif
