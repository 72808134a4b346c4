/* SPDX-License-Identifier: ISC
 *
 * NAME      nic - the network interface that has an address
 * PURPOSE   See workers/nic.h.
 * OWNER     any worker
 * CONTRACT  no netlink: the sandbox has none
 * LIMITS    see workers/nic.h
 */
#include "workers/nic.h"

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define NIC_MOST 128
#define UNUSABLE 0x48 /* IFA_F_TENTATIVE, IFA_F_DADFAILED */

static bool is_ipv4(const uint8_t ip[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(ip, mapped, sizeof(mapped)) == 0;
}

static const char *of_ipv4(int fd, const uint8_t ip[4], char buf[NIC_TEXT])
{
	struct ifreq one[NIC_MOST] = {0};
	struct ifconf all = {.ifc_len = sizeof(one), .ifc_req = one};

	if (ioctl(fd, SIOCGIFCONF, &all) != 0)
		return "?";
	for (unsigned i = 0; i < (size_t)all.ifc_len / sizeof(one[0]); i++) {
		struct sockaddr_in in;

		memcpy(&in, &one[i].ifr_addr, sizeof(in));
		if (in.sin_family != AF_INET || memcmp(&in.sin_addr, ip, 4) != 0)
			continue;
		snprintf(buf, NIC_TEXT, "%.*s", IFNAMSIZ, one[i].ifr_name);
		return buf;
	}
	return "no interface";
}

/* A line is: address, index, length of the prefix, scope, flags (all hexadecimal), name. */
static bool is_about(char *line, const uint8_t ip[16], unsigned long *flags_r, char **name_r)
{
	enum { ADDRESS, FLAGS = 4, NAME, FIELDS };
	char wanted[33], *field[FIELDS], *rest = line;

	for (unsigned i = 0; i < FIELDS; i++)
		if ((field[i] = strtok_r(rest, " \n", &rest)) == NULL)
			return false;
	for (unsigned i = 0; i < 16; i++)
		snprintf(wanted + 2 * i, 3, "%02x", ip[i]);
	*flags_r = strtoul(field[FLAGS], NULL, 16);
	*name_r = field[NAME];
	return strcmp(field[ADDRESS], wanted) == 0;
}

static const char *of_ipv6(const uint8_t ip[16], char buf[NIC_TEXT])
{
	FILE *file = fopen("/proc/net/if_inet6", "re");
	const char *found = "no interface";
	char line[128], *name;
	unsigned long flags;

	if (file == NULL)
		return "?";
	while (fgets(line, sizeof(line), file) != NULL) {
		if (!is_about(line, ip, &flags, &name))
			continue;
		snprintf(buf, NIC_TEXT, "%.*s%s", IFNAMSIZ, name,
			 flags & UNUSABLE ? ", tentative" : "");
		found = buf;
		break;
	}
	fclose(file);
	return found;
}

const char *nic_of(int fd, const uint8_t ip[16], char buf[NIC_TEXT])
{
	return is_ipv4(ip) ? of_ipv4(fd, ip + 12, buf) : of_ipv6(ip, buf);
}
