/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_command - fuzz target of what users type
 * PURPOSE   any line: which command it is, the DX command's grammar, texts that are kept, prompts
 * OWNER     make fuzz
 * CONTRACT  aborts if a promise of command.h, dxline.h, say.h or prompt.h does not hold
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shm/band.h"
#include "shm/text.h"
#include "workers/dxc/about.h"
#include "workers/dxc/command.h"
#include "workers/dxc/dxline.h"
#include "workers/dxc/prompt.h"
#include "workers/dxc/say.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void find(const char *line, size_t length)
{
	struct command_line found;

	for (int privileged = 0; privileged < 2; privileged++) {
		command_find(line, privileged != 0, &found);
		demand(found.args >= line && found.args <= line + length);
		demand(memchr(found.word, '\0', sizeof(found.word)) != NULL);
		demand(found.command == NULL || privileged ||
		       !(found.command->flags & COMMAND_SYSOP));
	}
}

static void dx(const char *line, size_t length)
{
	struct dxline spot;

	if (dxline_parse(line, &spot) != DXLINE_OK)
		return;
	demand(call_valid(spot.call) && (spot.by[0] == '\0' || call_valid(spot.by)));
	demand(band_of(spot.hz) != BAND_NONE);
	demand(spot.comment >= line && spot.comment <= line + length);
}

static void texts(const char *line)
{
	const struct prompt prompt = {.call = "W1AW", .node = "N0NODE-2", .now = 1};
	const struct about about = {.node = "N0NODE-2", .call = "W1AW", .now = 1};
	char text[61], shown[PROMPT_MAX], filled[ABOUT_MAX];
	size_t length = say_clean(text, sizeof(text), line);

	demand(length < sizeof(text) && strlen(text) == length && text_is_utf8(text, length));
	demand(prompt_text(PROMPT_OWN, line, &prompt, shown) < PROMPT_MAX);
	demand(about_fill(line, &about, filled) < ABOUT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1);

	if (line == NULL)
		return 0;
	memcpy(line, data, size);
	line[size] = '\0';
	find(line, strlen(line));
	dx(line, strlen(line));
	texts(line);
	free(line);
	return 0;
}
