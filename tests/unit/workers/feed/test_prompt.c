/* SPDX-License-Identifier: ISC
 *
 * NAME      test_prompt - tests of what counts as a prompt
 * PURPOSE   the prompts of the field, what is around them, and what only looks like one
 * OWNER     make check
 * CONTRACT  exit 0 if all is well
 * LIMITS    none known
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

#include "workers/feed/prompt.h"

static void test_prompts(void **state)
{
	static const struct {
		const char *text;
		enum prompt prompt;
	} all[] = {
		{"Please enter your call: ", PROMPT_CALL},
		{"please enter your CALL:", PROMPT_CALL},
		{"login: ", PROMPT_CALL},
		{"Welcome to the cluster\r\nEnter your callsign:  ", PROMPT_CALL},
		{"What is your call", PROMPT_CALL},
		{"callsign: \xff\xfb\x01", PROMPT_CALL},
		{"\xff\xfd\x18login:\x1b[0m ", PROMPT_CALL},
		{"password: ", PROMPT_PASSWORD},
		{"Password:\xff\xfb\x01", PROMPT_PASSWORD},
		{"", PROMPT_NONE},
		{":", PROMPT_NONE},
		{"Hello N0CALL", PROMPT_NONE},
		{"login: now", PROMPT_NONE},
		{"\xff", PROMPT_NONE},
		{"\xff\xfb", PROMPT_NONE},
		{"\x1b[", PROMPT_NONE},
		{"DX de W3LPL-#: 14025.0 K1XYZ", PROMPT_NONE},
	};
	char text[5000];

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_int_equal(prompt_find(all[i].text, strlen(all[i].text)), all[i].prompt);
	for (size_t length = 6; length < sizeof(text); length += 7) {
		memset(text, 'x', sizeof(text));
		memcpy(text + length - 6, "login:", 6);
		assert_int_equal(prompt_find(text, length), PROMPT_CALL);
		assert_int_equal(prompt_find(text, length - 1), PROMPT_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_prompts)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
