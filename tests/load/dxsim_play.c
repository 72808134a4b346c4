/* SPDX-License-Identifier: ISC
 *
 * NAME      dxsim_play - captured feeds, at any multiple of real time
 * PURPOSE   Plays a file of lines as they came from the Reverse Beacon Network, a cluster or PSKReporter,
 *           with their times moved to now, and counts at each session how often each came.
 * OWNER     dxsim
 * CONTRACT  a line that begins with "HH:MM:SS " is due when its clock says; others follow each other by
 *           100 ms; divided by --speed. '{' is a payload of PSKReporter, "-#" in the spotter a skimmer's
 *           line, all else a person's
 * LIMITS    PLAY_LINES lines
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "tests/load/dxsim.h"
#include "tests/load/lib_net.h"

#define PLAY_LINES 100000
#define STEP_NS	   100000000ull

/* The second of the day that a line begins with; -1: none. */
static long clock_of(const char *line)
{
	int hour, minute, second;

	if (sscanf(line, "%2d:%2d:%2d ", &hour, &minute, &second) != 3 || strlen(line) < 10 ||
	    line[8] != ' ')
		return -1;
	return hour * 3600L + minute * 60L + second;
}

/* The calls of a line, as far as a plain look finds them: behind "de " and the second word after it;
 * in a payload behind their keys. */
static void find_calls(struct dx_line *line)
{
	if (line->text[0] == '{') {
		const char *at = strstr(line->text, "\"sc\":\"");

		if (at != NULL)
			sscanf(at + 6, "%15[^\"]", line->dx);
		at = strstr(line->text, "\"rc\":\"");
		if (at != NULL)
			sscanf(at + 6, "%15[^\"]", line->de);
		return;
	}
	if (sscanf(line->text, "DX de %15[^: ]%*[: ]%*s %15s", line->de, line->dx) != 2)
		line->dx[0] = '\0';
}

static enum dx_feed feed_of(const char *text)
{
	const char *colon = strchr(text, ':');

	if (text[0] == '{')
		return DX_MQTT;
	return colon != NULL && colon - text > 2 && colon[-1] == '#' ? DX_RBN : DX_CLUSTER;
}

bool dx_play_load(struct dx_sim *sim)
{
	struct dx_play *play = &sim->play;
	FILE *file = fopen(sim->file, "r");
	char text[1024];
	long first = -1;

	play->line = calloc(PLAY_LINES, sizeof(*play->line));
	if (file == NULL || play->line == NULL) {
		perror(sim->file);
		if (file != NULL)
			fclose(file);
		return false;
	}
	while (play->lines < PLAY_LINES && fgets(text, sizeof(text) - 2, file) != NULL) {
		struct dx_line *line = &play->line[play->lines];
		long at = clock_of(text);
		char *start = at >= 0 ? text + 9 : text;

		start[strcspn(start, "\r\n")] = '\0';
		if (start[0] == '\0')
			continue;
		if (first < 0)
			first = at;
		line->due = at >= 0 ? (uint64_t)(at - first) * NET_SECOND : play->lines * STEP_NS;
		line->due /= (uint64_t)sim->speed;
		line->text = strdup(start);
		line->length = strlen(start);
		find_calls(line);
		play->feed = feed_of(start);
		play->lines++;
	}
	fclose(file);
	return play->lines > 0;
}

/* Time moved to now: in a payload the number behind "t", in a line the minute. */
static size_t retime(const struct dx_line *line, char text_r[1200])
{
	int64_t now = (int64_t)time(NULL);
	const char *at = strstr(line->text, "\"t\":");

	if (line->text[0] == '{' && at != NULL)
		return (size_t)snprintf(text_r, 1200, "%.*s\"t\":%lld%s", (int)(at - line->text),
					line->text, (long long)now,
					at + 4 + strspn(at + 4, "0123456789"));
	snprintf(text_r, 1200, "%s\r\n", line->text);
	dx_retime(text_r, line->length, now);
	return line->length + 2;
}

void dx_play_tick(struct dx_sim *sim, uint64_t now)
{
	struct dx_play *play = &sim->play;

	if (play->began == 0)
		play->began = now;
	while (play->next < play->lines && play->line[play->next].due <= now - play->began) {
		const struct dx_line *line = &play->line[play->next++];
		enum dx_feed feed = feed_of(line->text);
		char text[1200];
		size_t length = retime(line, text);

		dxfeed_add(&sim->feed[feed], "pskr/filter/v2/20m/FT8/A1A/B1B/AA00/BB00/1/1", text,
			   length);
	}
}

bool dx_play_over(const struct dx_sim *sim)
{
	return sim->play.next == sim->play.lines;
}

/* Is it shown as the spotter of a captured line? SSIDs of skimmers may be left out. */
static bool same_spotter(const char *shown, const char *whole)
{
	size_t n = strcspn(shown, "-");

	return strncasecmp(shown, whole, n) == 0 &&
	       (whole[n] == '\0' || whole[n] == '-' || whole[n] == '/');
}

void dx_play_book(struct dx_sim *sim, struct dx_session *session, const char *line, size_t length)
{
	char text[1024], de[16], dx[16];

	snprintf(text, sizeof(text), "%.*s", (int)length, line);
	if (sscanf(text, "DX de %15[^: ]%*[: ]%*s %15s", de, dx) != 2) {
		session->other++;
		return;
	}
	session->got++;
	/* the first of the lines with these calls that has not come yet */
	for (unsigned i = 0; i < sim->play.lines; i++) {
		const struct dx_line *one = &sim->play.line[i];

		if (session->played[i] == 0 && strncasecmp(one->dx, dx, strlen(dx)) == 0 &&
		    same_spotter(de, one->de)) {
			session->played[i]++;
			return;
		}
	}
	session->wrong++; /* no line that was played, or one too many */
}
