/* SPDX-License-Identifier: ISC
 *
 * NAME      test_spare - tests of the words that outlive the process
 * PURPOSE   a note is the old one or the new one, the words do not overlap
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

#include <stdio.h>
#include <string.h>

#include "workers/link/link.h"

static void test_notes(void **state)
{
	static struct page page;
	struct spare_note note = {1, 2, 3}, read;
	uint64_t before[3];

	(void)state;
	memset(page.spare, 0, sizeof(page.spare));
	read = spare_note_get(&page);
	assert_int_equal(read.event, 0);
	spare_note_set(&page, &note);
	read = spare_note_get(&page);
	assert_memory_equal(&read, &note, sizeof(note));
	/* the valid one is left alone while the next is written */
	memcpy(before, &page.spare[PAGE_LINK_NOTES + 3], sizeof(before));
	assert_memory_equal(before, &note, sizeof(note));
	note.event = 9;
	spare_note_set(&page, &note);
	assert_memory_equal(&page.spare[PAGE_LINK_NOTES + 3], before, sizeof(before));
	read = spare_note_get(&page);
	assert_int_equal(read.event, 9);
}

static void test_words_apart(void **state)
{
	static struct page page;
	struct spare_note note = {~0ULL, ~0ULL, ~0ULL};

	(void)state;
	memset(page.spare, 0, sizeof(page.spare));
	spare_note_set(&page, &note);
	spare_note_set(&page, &note);
	assert_int_equal(spare_get(&page, PAGE_LINK_STORE), 0);
	assert_int_equal(spare_get(&page, PAGE_LINK_FEED), 0);
	assert_int_equal(spare_get(&page, PAGE_LINK_APRS), 0);
	assert_int_equal(spare_get(&page, PAGE_LINK_LISTS), 0);
	assert_int_equal(spare_sending(&page, 0)->msg_len, 0);
	memset(spare_sending(&page, 1), 0xff, sizeof(struct mmsghdr));
	assert_int_equal(spare_sending(&page, 0)->msg_len, 0);
	assert_true((char *)(spare_sending(&page, 1) + 1) <= (char *)&page.spare[PAGE_SPARE]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_words_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
