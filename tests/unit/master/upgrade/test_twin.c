/* SPDX-License-Identifier: ISC
 *
 * NAME      test_twin - are two executables of one build?
 * PURPOSE   The stamp is found in a good file and nowhere else; no file makes the reader stumble.
 * OWNER     make check
 * CONTRACT  a program of its own; a failure stops it. It carries a stamp itself.
 * LIMITS    none known
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "master/upgrade/twin.h"

static uint8_t *self;
static size_t self_size;

static int read_self(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	struct stat st;

	(void)state;
	assert_int_equal(fstat(fd, &st), 0);
	self_size = (size_t)st.st_size;
	self = malloc(self_size);
	assert_non_null(self);
	assert_int_equal(read(fd, self, self_size), st.st_size);
	close(fd);
	return 0;
}

static int free_self(void **state)
{
	(void)state;
	free(self);
	return 0;
}

static int file_of(const void *data, size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	return fd;
}

static void own_stamp_is_found(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	char stamp[STAMP_SIZE];

	(void)state;
	assert_true(twin_stamp(fd, stamp));
	assert_memory_equal(stamp, stamp_own.text, STAMP_SIZE);
	assert_int_equal(strspn(stamp_own.text, "0123456789abcdef"), STAMP_SIZE);
	assert_true(twin_is_ours(fd));
	assert_true(twin_same(fd, fd));
	close(fd);
}

static void expect_none(const void *data, size_t size)
{
	char stamp[STAMP_SIZE];
	int fd = file_of(data, size);

	assert_false(twin_stamp(fd, stamp));
	assert_false(twin_is_ours(fd));
	assert_false(twin_same(fd, fd)); /* no stamp is like none */
	close(fd);
}

static void files_without_a_stamp_have_none(void **state)
{
	int fd = open("/bin/true", O_RDONLY);

	(void)state;
	assert_false(twin_is_ours(fd));
	close(fd);
	assert_false(twin_is_ours(-1));
	expect_none("#!/bin/sh\n", 10);
	expect_none("", 0);
	for (size_t size = 1; size < 1024; size += 7)
		expect_none(self, size < 64 ? size : 64);
}

static void *find(const void *what, size_t length)
{
	void *at = memmem(self, self_size, what, length);

	assert_non_null(at);
	return at;
}

static void another_stamp_is_another_build(void **state)
{
	uint8_t *at = find(&stamp_own, sizeof(stamp_own));
	char *text = (char *)at + offsetof(struct stamp_note, text);
	int fd, own = open("/proc/self/exe", O_RDONLY);

	(void)state;
	text[3] ^= 1;
	fd = file_of(self, self_size);
	text[3] ^= 1;
	assert_false(twin_is_ours(fd));
	assert_false(twin_same(fd, own));
	assert_true(twin_same(fd, fd));
	close(fd);
	at[offsetof(struct stamp_note, owner)] = 'S';
	expect_none(self, self_size);
	at[offsetof(struct stamp_note, owner)] = 's';
	close(own);
}

/* Every size field of the note, and every field of the program header, turned into nonsense. */
static void nonsense_is_no_stamp(void **state)
{
	uint8_t *note = find(&stamp_own, sizeof(stamp_own));
	ElfW(Ehdr) *head = (ElfW(Ehdr) *)self;
	uint8_t *segments = self + head->e_phoff;
	char stamp[STAMP_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(struct stamp_head); i++) {
		uint8_t old = note[i];

		note[i] ^= 0xff;
		expect_none(self, self_size);
		note[i] = old;
	}
	for (size_t i = 0; i < (size_t)head->e_phnum * sizeof(ElfW(Phdr)); i++) {
		uint8_t old = segments[i];
		int fd;

		segments[i] ^= 0xff;
		fd = file_of(self, self_size < 65536 ? self_size : 65536);
		if (twin_stamp(fd, stamp)) /* another field than those that count */
			assert_memory_equal(stamp, stamp_own.text, STAMP_SIZE);
		close(fd);
		segments[i] = old;
	}
}

static void path_lies_beside_the_program(void **state)
{
	char path[64];

	(void)state;
	assert_true(twin_path("/usr/sbin/shackd", path, sizeof(path)));
	assert_string_equal(path, "/usr/sbin/shackd-net");
	assert_true(twin_path("/opt/shackd-2", path, sizeof(path)));
	assert_string_equal(path, "/opt/shackd-net");
	assert_true(twin_path("/shackd", path, sizeof(path)));
	assert_string_equal(path, "/shackd-net");
	assert_false(twin_path("/usr/sbin/shackd", path, 20));
	assert_true(twin_path("/usr/sbin/shackd", path, 21));
}

static void sentences_say_what_to_do(void **state)
{
	char why[TWIN_WHY_MAX], folder[] = "/tmp/shackd-test-XXXXXX", program[64], path[64];
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(program, sizeof(program), "%s/shackd", folder);
	snprintf(path, sizeof(path), "%s/shackd-net", folder);
	assert_int_equal(twin_open(program, why), -1);
	assert_non_null(strstr(why, path));
	assert_non_null(strstr(why, "install it beside"));
	assert_int_equal(symlink("/bin/true", path), 0);
	assert_int_equal(twin_open(program, why), -1);
	assert_non_null(strstr(why, "is not of the same build as"));
	unlink(path);
	assert_int_equal(symlink("/proc/self/exe", path), 0);
	fd = twin_open(program, why);
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_stamp_is_found),
		cmocka_unit_test(files_without_a_stamp_have_none),
		cmocka_unit_test(another_stamp_is_another_build),
		cmocka_unit_test(nonsense_is_no_stamp),
		cmocka_unit_test(path_lies_beside_the_program),
		cmocka_unit_test(sentences_say_what_to_do),
	};

	return cmocka_run_group_tests(tests, read_self, free_self);
}
