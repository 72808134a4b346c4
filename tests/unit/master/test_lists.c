/* SPDX-License-Identifier: ISC
 *
 * NAME      test_lists - the compiled lists in the master's hands
 * PURPOSE   Who may send one, who gets it, and what happens when somebody is slow to take it.
 * OWNER     make check
 * CONTRACT  a program of its own; a failure stops it. Holders are ends of socket pairs.
 * LIMITS    a start sequence is not sent
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "master/lists.h"
#include "master/slot.h"

enum { DATA, YSF, LOG, SLOTS };

static struct master *master;
static int holder[SLOTS]; /* their ends */

static void make_slot(unsigned i, enum slot_kind kind)
{
	struct slot *slot = &master->slot[i];
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	slot->master = master;
	slot->kind = kind;
	slot->pid = 1;
	slot->passed = SLOT_STARTED;
	slot->state = SLOT_READY;
	slot->control = pair[0];
	holder[i] = pair[1];
	ev_init(&slot->control_watch, NULL);
	ev_init(&slot->timer, NULL);
}

static int begin(void **state)
{
	master = malloc(sizeof(*master));
	assert_non_null(master);
	boot_init(master);
	master->loop = ev_loop_new(0);
	make_slot(DATA, SLOT_DATA);
	make_slot(YSF, SLOT_YSF);
	make_slot(LOG, SLOT_LOG);
	master->slots = SLOTS;
	(void)state;
	return 0;
}

static int end(void **state)
{
	lists_close(master);
	for (unsigned i = 0; i < SLOTS; i++) {
		close(holder[i]);
		close(master->slot[i].control);
	}
	ev_loop_destroy(master->loop);
	free(master);
	(void)state;
	return 0;
}

static int make_list(const char *text)
{
	return list_seal(LIST_ACCESS, text, strlen(text));
}

/* SLOT sends FD as list INDEX; what is left of the message's descriptor is closed. */
static void give(unsigned slot, unsigned index, int fd)
{
	struct msg msg = {.type = MSG_LIST, .length = sizeof(struct msg_list), .fd = fd};
	const struct msg_list body = {.index = (uint16_t)index};

	memcpy(msg.body, &body, sizeof(body));
	lists_take(&master->slot[slot], &msg);
	if (msg.fd >= 0)
		close(msg.fd);
}

/* The next message to HOLDER must be a list of INDEX that begins with BYTE. */
static void expect_list(unsigned slot, unsigned index, char byte)
{
	struct msg_fd what;
	struct msg msg;
	char have = 0;

	assert_int_equal(msg_recv(holder[slot], &msg), 1);
	assert_int_equal(msg.type, MSG_FD);
	memcpy(&what, msg.body, sizeof(what));
	assert_int_equal(what.role, FD_LIST);
	assert_int_equal(what.index, index);
	assert_int_equal(pread(msg.fd, &have, 1, 0), 1);
	assert_int_equal(have, byte);
	close(msg.fd);
}

static void expect_nothing(unsigned slot)
{
	struct msg msg;

	assert_int_equal(msg_recv(holder[slot], &msg), -1);
	assert_int_equal(errno, EAGAIN);
}

static void list_goes_to_who_uses_the_store(void **state)
{
	(void)state;
	give(DATA, LIST_HOMES, make_list("h"));
	expect_list(YSF, LIST_HOMES, 'h');
	expect_list(DATA, LIST_HOMES, 'h');
	expect_nothing(LOG);
	assert_int_equal(master->lists_refused, 0);
	give(DATA, LIST_HOMES, make_list("i"));
	expect_list(YSF, LIST_HOMES, 'i');
	expect_nothing(YSF);
}

static void what_is_none_is_refused_and_counted(void **state)
{
	struct stat before, now;

	(void)state;
	give(DATA, LIST_ACCESS, make_list("a"));
	assert_int_equal(fstat(master->list_fd[LIST_ACCESS], &before), 0);
	give(DATA, LIST_ACCESS, dup(holder[LOG]));
	give(DATA, LIST_ACCESS, -1);
	give(DATA, LIST_KINDS, make_list("b"));
	give(DATA, 0xffff, make_list("c"));
	give(YSF, LIST_ACCESS, make_list("d")); /* not its to send */
	assert_int_equal(master->lists_refused, 5);
	assert_int_equal(fstat(master->list_fd[LIST_ACCESS], &now), 0);
	assert_int_equal(before.st_ino, now.st_ino);
	expect_list(YSF, LIST_ACCESS, 'a');
	expect_nothing(YSF);
}

static int descriptors(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static void former_list_is_closed(void **state)
{
	int first;

	(void)state;
	give(DATA, LIST_ACCESS, make_list("a"));
	expect_list(YSF, LIST_ACCESS, 'a');
	expect_list(DATA, LIST_ACCESS, 'a');
	first = descriptors();
	for (unsigned i = 0; i < 20; i++) {
		give(DATA, LIST_ACCESS, make_list("b"));
		expect_list(YSF, LIST_ACCESS, 'b');
		expect_list(DATA, LIST_ACCESS, 'b');
	}
	assert_in_range(descriptors(), 0, first + 1);
}

/* One that does not read gets the newest when it does, and costs nothing until then. */
static void slow_holder_gets_the_newest(void **state)
{
	const struct msg_check filler = {0};
	struct msg msg;
	unsigned sent = 0;

	(void)state;
	while (msg_send(master->slot[YSF].control, MSG_CHECK, 0, &filler, sizeof(filler), -1) == 0)
		sent++;
	give(DATA, LIST_HOSTS, make_list("a"));
	for (unsigned i = 0; i < 1000; i++) {
		give(DATA, LIST_HOSTS, make_list("x"));
		expect_list(DATA, LIST_HOSTS, i == 0 ? 'a' : 'x');
	}
	give(DATA, LIST_HOSTS, make_list("z"));
	assert_int_equal(master->slot[YSF].lists, 1U << LIST_HOSTS);
	for (; sent > 0; sent--)
		assert_int_equal(msg_recv(holder[YSF], &msg), 1);
	slot_flush(&master->slot[YSF]);
	expect_list(YSF, LIST_HOSTS, 'z');
	expect_nothing(YSF);
	assert_int_equal(master->slot[YSF].lists, 0);
}

/* What is not sent when an heir takes over is sent by the slot. */
static void heir_gets_it_too(void **state)
{
	struct heir *heir = &master->slot[YSF].heir;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	ev_init(&heir->control_watch, NULL);
	ev_init(&heir->timer, NULL);
	heir->pid = 2;
	heir->passed = SLOT_STARTED;
	heir->control = pair[0];
	give(DATA, LIST_ACCESS, make_list("a"));
	expect_list(YSF, LIST_ACCESS, 'a');
	holder[YSF] = (close(holder[YSF]), pair[1]);
	expect_list(YSF, LIST_ACCESS, 'a');
	close(pair[0]);
	heir->pid = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(list_goes_to_who_uses_the_store, begin, end),
		cmocka_unit_test_setup_teardown(what_is_none_is_refused_and_counted, begin, end),
		cmocka_unit_test_setup_teardown(former_list_is_closed, begin, end),
		cmocka_unit_test_setup_teardown(slow_holder_gets_the_newest, begin, end),
		cmocka_unit_test_setup_teardown(heir_gets_it_too, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
