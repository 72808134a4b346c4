/* SPDX-License-Identifier: ISC
 *
 * NAME      tell - what the node knows without searching
 * PURPOSE   SHOW/TIME, DATE, VERSION, UPTIME, MOTD, PREFIX.
 * OWNER     dxc workers
 * CONTRACT  none known
 * LIMITS    none known
 */
#include <stdio.h>
#include <string.h>

#include "shm/clock.h"
#include "workers/dxc/about.h"
#include "workers/dxc/command.h"
#include "workers/dxc/login.h"
#include "workers/dxc/say.h"

static void say_now(struct client *client)
{
	char date[SAY_DATE_SIZE], minute[SAY_DATE_SIZE];
	uint64_t now = clock_real();

	say_date(now, date);
	say_minute(now, minute);
	say(client, "It is %s on %s", minute, date + strspn(date, " "));
}

void command_show_time(struct client *client, const char *args)
{
	(void)args;
	say_now(client);
}

void command_show_date(struct client *client, const char *args)
{
	(void)args;
	say_now(client);
}

void command_show_version(struct client *client, const char *args)
{
	(void)args;
	say(client, "%s runs shackd V%s", client->dxc->node, about_version());
}

void command_show_uptime(struct client *client, const char *args)
{
	char uptime[32];

	(void)args;
	about_uptime(clock_age(clock_mono(), client->dxc->born) / NS_PER_SEC, uptime);
	say(client, "Uptime of %s: %s", client->dxc->node, uptime);
}

void command_show_motd(struct client *client, const char *args)
{
	size_t length;

	(void)args;
	about_motd(client->dxc, &length);
	if (length == 0)
		say(client, "There is no message of the day");
	else
		login_show_motd(client, false);
}

/* "12.5 N" of millionths of a degree. */
static void degrees(int32_t value, const char *signs, char text[16])
{
	int32_t tenths = (value < 0 ? -value : value) / 100000;

	snprintf(text, 16, "%d.%d %c", tenths / 10, tenths % 10, value < 0 ? signs[1] : signs[0]);
}

void command_show_prefix(struct client *client, const char *args)
{
	char call[CALL_TEXT_SIZE], north[16], east[16];
	struct country country;

	if (args[0] == '\0' || !call_normalise(args, strcspn(args, " "), call)) {
		say(client, "Usage: SHOW/PREFIX call");
		return;
	}
	if (client->dxc->countries == NULL) {
		say(client, "There is no country file");
		return;
	}
	if (!country_of(client->dxc->countries, call, &country)) {
		say(client, "%s: no country", call);
		return;
	}
	degrees(country.latitude, "NS", north);
	degrees(country.longitude, "EW", east);
	say(client, "%s: %s (%s), %s, CQ zone %u, ITU zone %u, DXCC %u, %s %s", call, country.name,
	    country.prefix, continent_name(country.continent), country.cq, country.itu,
	    country.adif, north, east);
}
