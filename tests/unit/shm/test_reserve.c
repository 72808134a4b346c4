/* SPDX-License-Identifier: ISC
 *
 * NAME      test_reserve - memory for who can't do without
 * PURPOSE   As realloc while there is memory; when there is none, blocks of the reserve that keep their
 *           content, come back when all are gone, and end at the bound with NULL.
 * OWNER     tests
 * CONTRACT  prints TAP
 * LIMITS    memory runs out by a size that no machine has
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/reserve.h"

#define BLOCK (64 * 1024)

/* Sanitizers have the allocator to themselves. */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* No more address space than is in use: only what the heap has left can be had, so that is taken. */
static void *hoard[100000];
static unsigned hoarded;

static void take_all(void)
{
	struct rlimit none = {0, RLIM_INFINITY};

	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	for (size_t size = 1 << 20; size >= 64; size /= 2)
		while (hoarded < sizeof(hoard) / sizeof(hoard[0]) &&
		       (hoard[hoarded] = malloc(size)) != NULL)
			hoarded++;
}

static void give_all(void)
{
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};

	while (hoarded > 0)
		free(hoard[--hoarded]);
	assert_int_equal(setrlimit(RLIMIT_AS, &all), 0);
}

static void as_realloc(void **state)
{
	char *text = reserve_realloc(NULL, 6);

	(void)state;
	strcpy(text, "hello");
	text = reserve_realloc(text, 100000);
	assert_string_equal(text, "hello");
	assert_null(reserve_realloc(text, 0));
	assert_null(reserve_realloc(NULL, 0));
}

static void without_memory(void **state)
{
	char *text = reserve_realloc(NULL, 64), *other = NULL, *more = NULL;

	(void)state;
	if (SANITIZED)
		skip();
	strcpy(text, "hello");
	take_all();
	for (int round = 0; round < 3; round++) {
		text = reserve_realloc(text, BLOCK);
		other = reserve_realloc(NULL, BLOCK);
		more = reserve_realloc(NULL, BLOCK);
		if (text == NULL || other == NULL || more == NULL)
			break;
		memset(other, 1, BLOCK);
		memset(more, 2, BLOCK);
		reserve_realloc(other, 0);
		reserve_realloc(more, 0);
		if (reserve_realloc(NULL, RESERVE_BYTES) != NULL || strcmp(text, "hello") != 0)
			break;
		/* with memory again, it leaves the reserve, which is whole then */
		give_all();
		text = reserve_realloc(text, 2 * BLOCK);
		take_all();
	}
	give_all();
	assert_non_null(text);
	assert_non_null(other);
	assert_non_null(more);
	assert_string_equal(text, "hello");
	reserve_realloc(text, 0);
}

/* Each of them was overcome before the next one came. */
static void now_and_then(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		assert_true(reserve_wait());
		usleep(250 * 1000); /* what goes well meanwhile */
	}
}

static void for_a_second(void **state)
{
	unsigned pauses = 0;

	(void)state;
	while (pauses < 100000 && reserve_wait())
		pauses++;
	assert_in_range(pauses, 1, 99999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_realloc),
		cmocka_unit_test(without_memory),
		cmocka_unit_test(now_and_then),
		cmocka_unit_test(for_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
