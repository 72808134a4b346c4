/* SPDX-License-Identifier: ISC
 *
 * NAME      about - what a node says of itself
 * PURPOSE   See about.h.
 * OWNER     dxc workers
 * CONTRACT  see about.h
 * LIMITS    see about.h
 */
#include "workers/dxc/about.h"
#include "shm/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <version.h>

#include "shm/log.h"

#define TOKEN_MAX 64

/* ---- texts with tokens ---- */

static void format_now(uint64_t now, const char *format, char text[TOKEN_MAX])
{
	time_t seconds = (time_t)(now / NS_PER_SEC);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	if (strftime(text, TOKEN_MAX, format, &tm) == 0)
		text[0] = '\0';
}

/* False: WORD is no token. */
static bool token(const char *word, const struct about *about, char text[TOKEN_MAX])
{
	if (strcmp(word, "NODE") == 0 || strcmp(word, "CLUSTER") == 0)
		snprintf(text, TOKEN_MAX, "%s", about->node ? about->node : "");
	else if (strcmp(word, "CALL") == 0)
		snprintf(text, TOKEN_MAX, "%s", about->call ? about->call : "");
	else if (strcmp(word, "DATE") == 0)
		format_now(about->now, "%d-%b-%Y", text);
	else if (strcmp(word, "TIME") == 0)
		format_now(about->now, "%H:%M:%S", text);
	else if (strcmp(word, "DATETIME") == 0)
		format_now(about->now, "%d-%b-%Y %H:%M:%S UTC", text);
	else if (strcmp(word, "USERS") == 0)
		snprintf(text, TOKEN_MAX, "%llu", (unsigned long long)about->users);
	else if (strcmp(word, "VERSION") == 0)
		snprintf(text, TOKEN_MAX, "%s", about_version());
	else
		return false;
	return true;
}

/* Bytes of TEXT that stand for what is put into VALUE; 0: it is just a sign. */
static size_t stand_in(const char *text, const struct about *about, char value[TOKEN_MAX])
{
	char word[12];
	size_t length;

	if (text[0] == '\\' && text[1] == 'n') {
		memcpy(value, "\n", 2);
		return 2;
	}
	if (text[0] != '<')
		return 0;
	length = strcspn(text + 1, ">");
	if (text[length + 1] != '>' || length == 0 || length >= sizeof(word))
		return 0;
	memcpy(word, text + 1, length);
	word[length] = '\0';
	return token(word, about, value) ? length + 2 : 0;
}

size_t about_fill(const char *text, const struct about *about, char filled_r[ABOUT_MAX])
{
	char value[TOKEN_MAX];
	size_t length = 0;

	while (*text != '\0' && length + TOKEN_MAX < ABOUT_MAX) {
		size_t taken = stand_in(text, about, value);

		if (taken == 0)
			filled_r[length++] = *text++;
		else
			length += (size_t)snprintf(filled_r + length, TOKEN_MAX, "%s", value);
		text += taken;
	}
	filled_r[length] = '\0';
	return length;
}

/* ---- version and uptime ---- */

const char *about_version(void)
{
	return SHACKD_VERSION;
}

void about_uptime(uint64_t seconds, char text_r[32])
{
	snprintf(text_r, 32, "%llu %02llu:%02llu", (unsigned long long)(seconds / 86400),
		 (unsigned long long)(seconds / 3600 % 24),
		 (unsigned long long)(seconds / 60 % 60));
}

/* Field 22 of /proc/PID/stat, clock ticks since boot; the second, in parentheses, may be anything.
 * 0: it can't be read. */
static uint64_t start_ticks(int32_t pid)
{
	char path[32], text[1024], *at;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	at = strrchr(text, ')');
	for (unsigned field = 2; field < 22 && at != NULL; field++)
		at = strchr(at + 1, ' ');
	return at != NULL ? strtoull(at, NULL, 10) : 0;
}

uint64_t about_born(int32_t master_pid)
{
	uint64_t now = clock_mono(), booted = clock_read(CLOCK_BOOTTIME);
	uint64_t ticks = start_ticks(master_pid), hertz = (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t age;

	if (ticks == 0 || hertz == 0 || hertz > NS_PER_SEC)
		return now;
	age = clock_age(booted, ticks * (NS_PER_SEC / hertz));
	return age < now ? now - age : 1;
}

/* ---- the message of the day ---- */

static void read_motd(struct dxc *dxc, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t got = fd >= 0 ? read(fd, dxc->motd.text, MOTD_MAX) : -1;

	if (got < 0)
		log_warning("dxc.motd: can't read %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	dxc->motd.length = 0;
	for (ssize_t i = 0; i < got; i++)
		if (dxc->motd.text[i] != '\r' && dxc->motd.text[i] != '\0')
			dxc->motd.text[dxc->motd.length++] = dxc->motd.text[i];
	while (dxc->motd.length > 0 && dxc->motd.text[dxc->motd.length - 1] == '\n')
		dxc->motd.length--;
	dxc->motd.text[dxc->motd.length] = '\0';
}

const char *about_motd(struct dxc *dxc, size_t *length_r)
{
	const char *path = conf_text(dxc->worker->conf, CONF_DXC_MOTD);
	struct stat info = {0};
	int64_t changed;

	if (clock_age(dxc->now, dxc->motd.looked) >= NS_PER_SEC || dxc->motd.looked == 0) {
		dxc->motd.looked = dxc->now;
		if (path[0] == '\0' || stat(path, &info) != 0 || !S_ISREG(info.st_mode))
			memset(&info, 0, sizeof(info));
		changed = info.st_mtim.tv_sec * (int64_t)NS_PER_SEC + info.st_mtim.tv_nsec;
		if (!S_ISREG(info.st_mode)) {
			dxc->motd.length = 0;
			dxc->motd.text[0] = '\0';
			changed = 0;
		} else if (changed != dxc->motd.changed || info.st_size != dxc->motd.size) {
			read_motd(dxc, path);
		}
		dxc->motd.changed = changed;
		dxc->motd.size = info.st_size;
	}
	*length_r = dxc->motd.length;
	return dxc->motd.text;
}
