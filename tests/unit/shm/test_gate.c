/* SPDX-License-Identifier: ISC
 *
 * NAME      test_gate - tests of the lock in front of a store's writer
 * PURPOSE   trylock between processes, recovery after a dead holder, foreign files
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

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/gate.h"

static void test_take_and_leave(void **state)
{
	int fd = gate_create("test");
	struct gate *gate, *other;

	(void)state;
	assert_true(fd >= 0);
	gate = gate_map(fd);
	other = gate_map(fd);
	assert_non_null(gate);
	assert_non_null(other);
	assert_ptr_not_equal(gate, other);
	assert_int_equal(gate_try(gate), GATE_TAKEN);
	assert_int_equal(gate->holder, getpid());
	assert_true(gate->taken > 0);
	assert_int_equal(gate_try(other), GATE_BUSY);
	gate_leave(gate);
	assert_int_equal(gate->holder, 0);
	assert_int_equal(gate->taken, 0);
	assert_int_equal(gate_try(other), GATE_TAKEN);
	gate_leave(other);
	gate_unmap(&gate);
	gate_unmap(&other);
	gate_unmap(&other);
	assert_null(gate);
	close(fd);
}

/* A child that takes the gate, says so and waits for its end. */
static pid_t fork_holder(struct gate *gate)
{
	int ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (gate_try(gate) != GATE_TAKEN || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void test_dead_holder(void **state)
{
	int fd = gate_create("test");
	struct gate *gate = gate_map(fd);
	pid_t pid;
	int i;

	(void)state;
	assert_non_null(gate);
	for (i = 1; i <= 3; i++) {
		pid = fork_holder(gate);
		assert_int_equal(gate_try(gate), GATE_BUSY);
		assert_int_equal(gate->holder, pid);
		kill(pid, SIGSTOP);
		assert_int_equal(gate_try(gate), GATE_BUSY);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_int_equal(gate_try(gate), GATE_RECOVERED);
		assert_int_equal(gate->recovered, i);
		assert_int_equal(gate->holder, getpid());
		gate_leave(gate);
		assert_int_equal(gate_try(gate), GATE_TAKEN);
		gate_leave(gate);
	}
	gate_unmap(&gate);
	close(fd);
}

static void test_foreign_files(void **state)
{
	int fd = memfd_create("foreign", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int real = gate_create("test");
	struct gate *gate;

	(void)state;
	assert_true(fd >= 0);
	assert_null(gate_map(fd));
	assert_int_equal(errno, EINVAL);
	assert_int_equal(ftruncate(fd, sizeof(struct gate)), 0);
	assert_null(gate_map(fd));
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_null(gate_map(fd));
	assert_int_equal(errno, EINVAL);
	close(fd);
	assert_null(gate_map(-1));
	/* a gate in all but the seal: it could shrink under those who map it */
	gate = gate_map(real);
	assert_non_null(gate);
	fd = memfd_create("foreign", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(write(fd, gate, sizeof(*gate)), sizeof(*gate));
	assert_null(gate_map(fd));
	assert_int_equal(errno, EINVAL);
	gate_unmap(&gate);
	close(real);
	close(fd);
	fd = gate_create("test");
	assert_int_equal(ftruncate(fd, 1), -1);
	assert_int_equal(ftruncate(fd, 1 << 20), -1);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take_and_leave),
		cmocka_unit_test(test_dead_holder),
		cmocka_unit_test(test_foreign_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
