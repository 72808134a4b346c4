/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_ready - does it serve?
 * PURPOSE   See master/shackctl_ready.h.
 * OWNER     shackctl
 * CONTRACT  see master/shackctl_ready.h
 * LIMITS    see master/shackctl_ready.h
 */
#include "master/shackctl_ready.h"

#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/shackctl_talk.h"
#include "shm/clock.h"

#define ANSWER_MAX 65536

struct answer {
	size_t length;
	char text[ANSWER_MAX];
};

static bool collect(const char *text, size_t length, void *arg)
{
	struct answer *answer = arg;

	if (length > sizeof(answer->text) - answer->length)
		return false;
	memcpy(answer->text + answer->length, text, length);
	answer->length += length;
	return true;
}

static bool serves(const char *state)
{
	return state != NULL && (strcmp(state, "ready") == 0 || strcmp(state, "degraded") == 0);
}

static int say_state(const json_t *status)
{
	const char *state = json_string_value(json_object_get(status, "state"));
	const json_t *reasons = json_object_get(status, "reasons");

	fprintf(stderr, "shackctl: it does not serve: %s\n", state != NULL ? state : "no state");
	for (size_t i = 0; i < json_array_size(reasons); i++)
		fprintf(stderr, "  %s\n", json_string_value(json_array_get(reasons, i)));
	return EXIT_REFUSED;
}

/* One look; LAST: what is wrong is said. */
static int look(const char *socket, bool last)
{
	static const char *const words[] = {"status"};
	static struct answer answer;
	struct talk request = {
		.socket = socket,
		.repeatable = true,
		.quiet = !last,
		.piece = collect,
		.arg = &answer,
	};
	json_t *status;
	int code;

	answer.length = 0;
	code = talk(&request, words, 1);
	if (code != EXIT_DONE)
		return code;
	status = json_loadb(answer.text, answer.length, 0, NULL);
	if (!serves(json_string_value(json_object_get(status, "state"))))
		code = last ? say_state(status) : EXIT_REFUSED;
	json_decref(status);
	return code;
}

int ready_run(const char *socket, const char *seconds)
{
	char *end = NULL;
	long patience = seconds != NULL ? strtol(seconds, &end, 10) : 0;
	uint64_t deadline;
	bool last;
	int code;

	if (patience < 0 || patience > READY_SECONDS_MAX || (end != NULL && *end != '\0')) {
		fprintf(stderr, "usage: shackctl ready [SECONDS]\n");
		return EXIT_USAGE;
	}
	deadline = clock_mono() + (uint64_t)patience * 1000000000u;
	do {
		last = clock_mono() >= deadline;
		code = look(socket, last);
		if (code != EXIT_DONE && !last)
			poll(NULL, 0, READY_POLL_MS);
	} while (code != EXIT_DONE && !last);
	return code;
}
