/* SPDX-License-Identifier: ISC
 *
 * NAME      rules - what the access list says
 * PURPOSE   see rules.h
 * OWNER     ysf workers
 * CONTRACT  see rules.h
 * LIMITS    none known
 */
#include "workers/ysf/rules.h"

#include <string.h>

#define CM_WITH_SERIAL 1 /* call mode of a group call whose destination is node and radio */
#define SERIAL_AT      5
#define SERIAL_END     10

enum event_reason rules_gateway(const struct access *access, const char *name,
				const uint8_t ip[16], bool *locked_r)
{
	bool name_locked = access_has(access, ACCESS_GWB, name);
	bool ip_locked = access_has_ip(access, ACCESS_IPB, ip);

	*locked_r = name_locked || ip_locked;
	if (name_locked || access_has(access, ACCESS_GW, name))
		return REASON_GATEWAY;
	if (ip_locked || access_has_ip(access, ACCESS_IP, ip))
		return REASON_ADDRESS;
	return REASON_NONE;
}

bool rules_serial(const struct access *access, unsigned cm, const char *dest)
{
	if (cm != CM_WITH_SERIAL || strlen(dest) != SERIAL_END || strcmp(dest, "**********") == 0)
		return true;
	return !access_has(access, ACCESS_SN, dest + SERIAL_AT);
}

bool rules_source(const struct access *access, int check_re, const char *source,
		  const struct callsign *caller)
{
	if (caller->suffix[0] != '\0' && access_has(access, ACCESS_SB, caller->suffix))
		return false;
	if (access_has_part(access, source))
		return false;
	if (check_re < 0)
		return !access_has(access, ACCESS_CS, caller->base) &&
		       access_has(access, ACCESS_AL, caller->base);
	if (access_has(access, ACCESS_AL, caller->base))
		return true;
	if (access_has(access, ACCESS_CS, caller->base))
		return false;
	return check_re == 0 || callsign_valid(caller->base);
}
