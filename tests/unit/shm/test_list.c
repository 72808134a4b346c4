/* SPDX-License-Identifier: ISC
 *
 * NAME      test_list - compiled lists: what they have in common
 * PURPOSE   Only what can never change again is taken for a list, and only of the right kind.
 * OWNER     make check
 * CONTRACT  a program of its own; a failure stops it
 * LIMITS    none known
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/list.h"

struct small {
	struct list_head head;
	char text[40];
};

static struct small example(void)
{
	struct small list = {.head = {.magic = LIST_MAGIC,
				      .kind = LIST_HOMES,
				      .version = 3,
				      .size = sizeof(list)}};

	strcpy(list.text, "first");
	return list;
}

static void sealed_list_is_mapped_and_let_go(void **state)
{
	struct small list = example();
	int fd = list_seal(LIST_HOMES, &list, sizeof(list));
	const struct list_head *map;

	(void)state;
	assert_true(fd >= 0);
	assert_true(list_sealed(fd));
	map = list_map(fd, LIST_HOMES, 3);
	assert_non_null(map);
	close(fd);
	assert_string_equal(((const struct small *)map)->text, "first");
	list_unmap(&map);
	assert_null(map);
	list_unmap(&map);
}

static void nobody_can_change_a_sealed_list(void **state)
{
	struct small list = example();
	int fd = list_seal(LIST_HOMES, &list, sizeof(list));

	(void)state;
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 1), -1);
	assert_int_equal(ftruncate(fd, 8192), -1);
	assert_ptr_equal(mmap(NULL, 1, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_true(list_sealed(fd));
	close(fd);
}

static int memfd(size_t size, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void assert_refused(int fd)
{
	assert_true(fd >= 0);
	assert_false(list_sealed(fd));
	assert_null(list_map(fd, LIST_HOMES, 3));
	close(fd);
}

static void what_could_still_change_is_no_list(void **state)
{
	const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	int ends[2];

	(void)state;
	assert_refused(memfd(100, 0));
	assert_refused(memfd(100, all & ~F_SEAL_WRITE));
	assert_refused(memfd(100, all & ~F_SEAL_GROW));
	assert_refused(memfd(100, all & ~F_SEAL_SHRINK));
	assert_refused(memfd(0, all));
	assert_refused(memfd(LIST_SIZE_MAX + 1, all));
	assert_refused(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
	assert_int_equal(pipe(ends), 0);
	assert_refused(ends[0]);
	close(ends[1]);
	assert_false(list_sealed(-1));
}

static void assert_no_map(const struct small *list, size_t size)
{
	int fd = list_seal(LIST_HOMES, list, size);

	assert_true(list_sealed(fd));
	errno = 0;
	assert_null(list_map(fd, LIST_HOMES, 3));
	assert_int_equal(errno, EINVAL);
	close(fd);
}

static void head_must_be_that_of_the_kind(void **state)
{
	struct small list;

	(void)state;
	list = example();
	list.head.magic++;
	assert_no_map(&list, sizeof(list));
	list = example();
	list.head.kind = LIST_ACCESS;
	assert_no_map(&list, sizeof(list));
	list = example();
	list.head.version = 4;
	assert_no_map(&list, sizeof(list));
	list = example();
	list.head.size++;
	assert_no_map(&list, sizeof(list));
	list = example();
	assert_no_map(&list, sizeof(list.head) - 1);
}

static void size_has_bounds(void **state)
{
	struct small list = example();

	(void)state;
	assert_int_equal(list_seal(LIST_HOMES, &list, 0), -1);
	assert_int_equal(list_seal(LIST_HOMES, &list, LIST_SIZE_MAX + 1), -1);
}

static void kinds_have_names(void **state)
{
	(void)state;
	assert_string_equal(list_name(LIST_ACCESS), "access");
	assert_string_equal(list_name(LIST_HOMES), "homes");
	assert_string_equal(list_name(LIST_HOSTS), "hosts");
	assert_string_equal(list_name((enum list_kind)LIST_KINDS), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sealed_list_is_mapped_and_let_go),
		cmocka_unit_test(nobody_can_change_a_sealed_list),
		cmocka_unit_test(what_could_still_change_is_no_list),
		cmocka_unit_test(head_must_be_that_of_the_kind),
		cmocka_unit_test(size_has_bounds),
		cmocka_unit_test(kinds_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
