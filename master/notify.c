/* SPDX-License-Identifier: ISC
 *
 * NAME      notify - a word to the service manager
 * PURPOSE   See master/notify.h.
 * OWNER     master
 * CONTRACT  see master/notify.h
 * LIMITS    see master/notify.h
 */
#include "master/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/log.h"
#include "shm/text.h"

enum said { SAID_NOTHING, SAID_READY, SAID_RELOADING, SAID_STOPPING };

/* What this image of the one master of the process has said. */
static enum said said;
static uint64_t alive_said; /* clock_mono */

/* False: not now. */
static bool send_text(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	socklen_t length;
	bool sent;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@') ||
	    !text_copy(to.sun_path, sizeof(to.sun_path), path))
		return true; /* nobody who could be told */
	length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to, length) >= 0;
	if (!sent)
		log_debug("can't tell %s: %s", path, strerror(errno));
	close(fd);
	return sent;
}

static enum said state_of(const struct master *master)
{
	if (master->phase == PHASE_STOPPING)
		return SAID_STOPPING;
	if (!master->announced)
		return SAID_NOTHING;
	return master->busy == MASTER_RELOADING ? SAID_RELOADING : SAID_READY;
}

static bool say(enum said state)
{
	char text[96];

	switch (state) {
	case SAID_NOTHING:
		return true;
	case SAID_READY:
		return send_text("READY=1\nSTATUS=serving");
	case SAID_RELOADING:
		snprintf(text, sizeof(text),
			 "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=reloading",
			 clock_mono() / 1000);
		return send_text(text);
	case SAID_STOPPING:
		return send_text("STOPPING=1\nSTATUS=stopping");
	}
	return true;
}

/* How often it wants a sign of life, in ns; 0: it does not, or not from us. */
static uint64_t watchdog_period(void)
{
	const char *period = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (period == NULL || (pid != NULL && strtol(pid, NULL, 10) != getpid()))
		return 0;
	return strtoull(period, NULL, 10) * 1000;
}

/* Twice as often as asked for at least, so that one may get lost. */
static void say_alive(void)
{
	uint64_t period = watchdog_period(), now = clock_mono();

	if (period != 0 && now - alive_said >= period / 3 && send_text("WATCHDOG=1"))
		alive_said = now;
}

void notify_turn(const struct master *master)
{
	enum said state = state_of(master);

	if (state != said && say(state))
		said = state;
	say_alive();
}
