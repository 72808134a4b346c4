/* SPDX-License-Identifier: ISC
 *
 * NAME      lib_manual - frame by frame control of the simulator over its standard input
 * PURPOSE   lets a bench stop a reflector, fill its sockets with a known number of frames and let
 *           it go. Commands, one a line, each answered with "ok" on standard output:
 *               header T      talker T begins a call
 *               frames T N    talker T sends N voice frames as fast as the kernel takes them
 *               end T         talker T ends his call
 *               deaf 0|1      stop reading (1) or read again (0)
 *           The end of the input, or "quit", lets the simulator drain and report.
 * OWNER     tests/load/ysfsim
 * CONTRACT  talkers count from 0 in the order of the rooms; a bad command is answered "bad"
 * LIMITS    lines of at most 255 bytes
 */
#include "tests/load/lib_sim.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Input that has not yet seen its line end. The simulator has exactly one standard input. */
static char manual_buf[256];
static size_t manual_len;

static bool manual_command(struct sim *s, char *line)
{
	char *word = strtok(line, " ");
	char *who = strtok(NULL, " ");
	char *times = strtok(NULL, " ");
	long t, n = 0;

	if (word == NULL || who == NULL || !net_number(who, 0, SIM_TALKERS, &t) ||
	    (times != NULL && !net_number(times, 0, INT_MAX, &n)))
		return false;
	if (strcmp(word, "deaf") == 0) {
		s->deaf = t != 0;
		return true;
	}
	if (t >= s->ntalkers)
		return false;
	if (strcmp(word, "header") == 0) {
		talk_header(s, (int)t);
	} else if (s->talker[t].truth->calls == 0) {
		return false;
	} else if (strcmp(word, "frames") == 0) {
		for (long i = 0; i < n; i++)
			talk_voice(s, (int)t);
	} else if (strcmp(word, "end") == 0) {
		talk_end(s, (int)t);
	} else {
		return false;
	}
	fan_flush(s->fan);
	return true;
}

bool manual_read(struct sim *s)
{
	ssize_t n =
		read(STDIN_FILENO, manual_buf + manual_len, sizeof(manual_buf) - 1 - manual_len);
	char *end;

	if (n == -1 && errno == EINTR)
		return true;
	if (n <= 0)
		return false;
	manual_len += (size_t)n;
	manual_buf[manual_len] = '\0';
	while ((end = strchr(manual_buf, '\n')) != NULL) {
		*end = '\0';
		if (strcmp(manual_buf, "quit") == 0)
			return false;
		printf(manual_command(s, manual_buf) ? "ok\n" : "bad\n");
		fflush(stdout);
		manual_len -= (size_t)(end + 1 - manual_buf);
		memmove(manual_buf, end + 1, manual_len + 1);
	}
	return manual_len < sizeof(manual_buf) - 1;
}
