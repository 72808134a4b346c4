/* SPDX-License-Identifier: ISC
 *
 * NAME      test_handover - the record that one image leaves to the next
 * PURPOSE   What is written is read again; what was damaged, cut or made up is refused, wherever
 *           the damage is; what only grew is understood. And the prints of descriptors, and the
 *           proof.
 * OWNER     make check
 * CONTRACT  cmocka; exit status 0 when all pass
 * LIMITS    a whole master made of a record is the business of the flow tests
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "master/upgrade/fdprint.h"
#include "master/upgrade/handover.h"
#include "master/upgrade/net.h"
#include "master/upgrade/proof.h"
#include "shm/list.h"

#define ROOM 8192

/* Words of a header, as handover.c lays them out. */
enum { AT_VERSION = 4, AT_SIZE = 8, AT_FIRST = 56, AT_FIRST_LENGTH = 60 };
/* What the first builds said of a master. */
enum { FIRST_MASTER = 136 };

struct record {
	_Alignas(8) uint8_t data[ROOM];
	size_t size;
};

static const struct handover_master a_master = {.pid = 4711, .images = 3, .foreign = 3};
static const struct handover_fd an_fd = {.fd = 17, .role = ROLE_UDP, .index = 2, .slot = "ysf.1"};

static void make(struct record *record)
{
	const struct handover_text text = {WORD_PROGRAM};
	const struct handover_slot slot = {.name = "ysf.1", .kind = "ysf", .generation = 9};
	struct handover handover;

	handover_begin(&handover, record->data, ROOM);
	handover_put(&handover, HANDOVER_MASTER, &a_master, sizeof(a_master), NULL, 0);
	handover_put(&handover, HANDOVER_TEXT, &text, sizeof(text), "/usr/sbin/shackd", 16);
	handover_put(&handover, HANDOVER_SLOT, &slot, sizeof(slot), NULL, 0);
	handover_put(&handover, HANDOVER_FD, &an_fd, sizeof(an_fd), NULL, 0);
	record->size = handover_end(&handover);
	assert_true(record->size > 0);
}

static int check(const struct record *record)
{
	struct handover_info info;
	char why[160] = "";
	int rc = handover_check(record->data, record->size, &info, why);

	assert_int_equal(rc == 0, why[0] == '\0');
	return rc;
}

/* A right checksum over wrong things. */
static void sign(struct record *record, uint32_t entries, uint32_t fds)
{
	struct handover handover = {.data = record->data,
				    .room = ROOM,
				    .used = record->size,
				    .entries = entries,
				    .fds = fds};

	assert_int_equal(handover_end(&handover), record->size);
}

static void what_is_written_is_read(void **state)
{
	struct handover_master master;
	struct handover_info info;
	struct handover_text text;
	struct handover_item item;
	struct handover_slot slot;
	struct handover_fd fd;
	struct record record;
	char why[160];
	size_t at = 0;

	(void)state;
	make(&record);
	assert_int_equal(handover_check(record.data, record.size, &info, why), 0);
	assert_int_equal(info.entries, 4);
	assert_int_equal(info.fds, 1);
	assert_true(handover_next(record.data, record.size, &at, &item));
	handover_get(&item, &master, sizeof(master));
	assert_memory_equal(&master, &a_master, sizeof(master));
	assert_true(handover_next(record.data, record.size, &at, &item));
	handover_get(&item, &text, sizeof(text));
	assert_int_equal(text.word, WORD_PROGRAM);
	assert_int_equal(item.length, sizeof(text) + 16);
	assert_memory_equal(item.body + sizeof(text), "/usr/sbin/shackd", 16);
	assert_true(handover_next(record.data, record.size, &at, &item));
	handover_get(&item, &slot, sizeof(slot));
	assert_string_equal(slot.name, "ysf.1");
	assert_int_equal(slot.generation, 9);
	assert_true(handover_next(record.data, record.size, &at, &item));
	handover_get(&item, &fd, sizeof(fd));
	assert_memory_equal(&fd, &an_fd, sizeof(fd));
	assert_false(handover_next(record.data, record.size, &at, &item));
}

static void every_changed_byte_is_noticed(void **state)
{
	struct record record;

	(void)state;
	make(&record);
	for (size_t i = 0; i < record.size; i++) {
		record.data[i] ^= 0x10;
		assert_int_equal(check(&record), -1);
		record.data[i] ^= 0x10;
	}
	assert_int_equal(check(&record), 0);
}

static void every_cut_is_noticed(void **state)
{
	struct record record;
	size_t whole;

	(void)state;
	make(&record);
	whole = record.size;
	for (record.size = 0; record.size < whole; record.size++)
		assert_int_equal(check(&record), -1);
	record.size = whole + 8;
	assert_int_equal(check(&record), -1);
}

/* Wrong in itself, however well signed. */
static void hostile_records_are_refused(void **state)
{
	static const uint32_t lengths[] = {0,	       1,	  7,	   FIRST_MASTER - 1,
					   4096,       0x40000,	  0x40001, 0x7fffffff,
					   0xfffffff8, 0xffffffff};
	struct record record;
	uint32_t word;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		make(&record);
		memcpy(record.data + AT_FIRST_LENGTH, &lengths[i], sizeof(lengths[i]));
		sign(&record, 4, 1);
		assert_int_equal(check(&record), -1);
	}
	make(&record);
	sign(&record, 5, 1); /* another number of entries, of descriptors */
	assert_int_equal(check(&record), -1);
	sign(&record, 4, 2);
	assert_int_equal(check(&record), -1);
	word = HANDOVER_TEXT; /* no master at the front */
	memcpy(record.data + AT_FIRST, &word, sizeof(word));
	sign(&record, 4, 1);
	assert_int_equal(check(&record), -1);
	word = 999;
	memcpy(record.data + AT_FIRST, &word, sizeof(word));
	sign(&record, 4, 1);
	assert_int_equal(check(&record), -1);
}

static void two_masters_are_one_too_many(void **state)
{
	struct handover handover;
	struct record record;

	(void)state;
	handover_begin(&handover, record.data, ROOM);
	for (int i = 0; i < 2; i++)
		handover_put(&handover, HANDOVER_MASTER, &a_master, sizeof(a_master), NULL, 0);
	record.size = handover_end(&handover);
	assert_int_equal(check(&record), -1);
	handover_begin(&handover, record.data, ROOM);
	record.size = handover_end(&handover); /* and none too few */
	assert_int_equal(check(&record), -1);
}

static void builds_that_know_more_or_less(void **state)
{
	const struct {
		struct handover_master known;
		uint64_t later;
	} grown = {a_master, 77};
	struct handover_master master;
	struct handover_item item;
	struct handover handover;
	struct record record;
	size_t at = 0;

	(void)state;
	handover_begin(&handover, record.data, ROOM);
	handover_put(&handover, HANDOVER_MASTER, &grown, sizeof(grown), NULL, 0);
	handover_put(&handover, (enum handover_tag)(HANDOVER_OPTIONAL | 999), "news", 4, NULL, 0);
	record.size = handover_end(&handover);
	assert_int_equal(check(&record), 0);
	assert_true(handover_next(record.data, record.size, &at, &item));
	handover_get(&item, &master, sizeof(master));
	assert_memory_equal(&master, &a_master, sizeof(master));
	/* what the writer did not know is zero */
	item.length = offsetof(struct handover_master, foreign);
	handover_get(&item, &master, sizeof(master));
	assert_int_equal(master.images, 3);
	assert_int_equal(master.foreign, 0);
}

/* It is read, so that what it lacks can be told by its name. */
static void records_of_the_first_builds_are_read(void **state)
{
	struct handover_master master;
	struct handover_item item;
	struct handover handover;
	struct record record;
	size_t at = 0;

	(void)state;
	handover_begin(&handover, record.data, ROOM);
	handover_put(&handover, HANDOVER_MASTER, &a_master, FIRST_MASTER, NULL, 0);
	record.size = handover_end(&handover);
	assert_int_equal(check(&record), 0);
	assert_true(handover_next(record.data, record.size, &at, &item));
	handover_get(&item, &master, sizeof(master));
	assert_memory_equal(&master, &a_master, sizeof(master));
}

static void a_record_has_a_bound(void **state)
{
	struct handover handover;
	uint8_t data[256];

	(void)state;
	handover_begin(&handover, data, sizeof(data));
	for (int i = 0; i < 10; i++)
		handover_put(&handover, HANDOVER_FD, &an_fd, sizeof(an_fd), NULL, 0);
	assert_int_equal(handover_end(&handover), 0);
	handover_begin(&handover, data, 10);
	assert_int_equal(handover_end(&handover), 0);
}

/* ---- prints ---- */

static struct handover_fd item_of(int fd, enum handover_role role)
{
	struct handover_fd item = {.fd = fd, .role = (uint16_t)role};

	assert_true(fdprint_make(fd, &item.print));
	return item;
}

/* Another of the same sort at the same number is another one. */
static void expect_told_apart(int fd, int other, enum handover_role role)
{
	struct handover_fd item = item_of(fd, role);
	char why[160];

	assert_true(fdprint_check(&item, why));
	assert_int_equal(dup2(other, fd), fd);
	assert_false(fdprint_check(&item, why));
	close(fd);
	assert_false(fdprint_check(&item, why));
	close(other);
}

static int bound(struct addr *addr_r)
{
	union addr_sock sock = {.in = {.sin_family = AF_INET}};
	socklen_t length = sizeof(sock);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(bind(fd, &sock.sa, sizeof(sock.in)), 0);
	assert_int_equal(getsockname(fd, &sock.sa, &length), 0);
	assert_int_equal(addr_from_sock(&sock.sa, length, addr_r), 0);
	return fd;
}

static int sealed(void)
{
	int fd = memfd_create("test", MFD_ALLOW_SEALING);

	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	return fd;
}

static void descriptors_are_told_apart(void **state)
{
	int pair[2], other[2];

	(void)state;
	expect_told_apart(eventfd(0, 0), eventfd(0, 0), ROLE_BELL);
	expect_told_apart(sealed(), sealed(), ROLE_PAGE);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, other), 0);
	expect_told_apart(pair[0], other[0], ROLE_HOLDER);
	close(pair[1]);
	close(other[1]);
}

static void a_descriptor_must_fit_its_role(void **state)
{
	struct handover_fd item;
	struct addr addr;
	char why[160];
	int udp = bound(&addr), memory = memfd_create("test", MFD_ALLOW_SEALING);
	int list = list_seal(LIST_HOSTS, "list", 4);

	(void)state;
	item = item_of(udp, ROLE_UDP);
	assert_false(fdprint_check(&item, why)); /* bound to another address than it says */
	item.addr = addr;
	assert_true(fdprint_check(&item, why));
	item.role = ROLE_TCP;
	assert_false(fdprint_check(&item, why));
	item.role = 999;
	assert_false(fdprint_check(&item, why));
	item = item_of(memory, ROLE_PAGE);
	assert_false(fdprint_check(&item, why)); /* could shrink under who maps it */
	item = item_of(memory, ROLE_LIST);
	assert_false(fdprint_check(&item, why));
	item = item_of(memory, ROLE_NET);
	assert_true(fdprint_check(&item, why)); /* a plain file: its stamp tells more */
	item = item_of(udp, ROLE_NET);
	assert_false(fdprint_check(&item, why));
	item = item_of(list, ROLE_LIST);
	assert_true(fdprint_check(&item, why));
	close(list);
	close(udp);
	close(memory);
}

static void open_descriptors_are_counted(void **state)
{
	int before = fdprint_count(), stays, closes;

	(void)state;
	stays = open("/dev/null", O_RDONLY);
	closes = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fdprint_count(), before + 1);
	close(stays);
	close(closes);
	assert_int_equal(fdprint_count(), before);
}

/* ---- the proof, the way ---- */

static void a_proof_is_of_one_record(void **state)
{
	struct handover_info info = {.sum = {0xab, 0xcd}}, other = {.sum = {0xab, 0xce}};
	char sum[65] = "abcd", text[128];
	struct proof proof;

	(void)state;
	memset(sum + 4, '0', 60);
	snprintf(text, sizeof(text), "shackd-rehearsal %s 1 2 2\n", sum);
	assert_true(proof_read(text, &info, &proof));
	assert_int_equal(proof.oldest, 1);
	assert_int_equal(proof.newest, 2);
	assert_int_equal(proof.edition, 2);
	assert_false(proof_read(text, &other, &proof));
	snprintf(text, sizeof(text), "shackd-rehearsal %s 1 2 2 \n", sum);
	assert_false(proof_read(text, &info, &proof));
	snprintf(text, sizeof(text), "shackd-rehearsal %s 1 2\n", sum);
	assert_false(proof_read(text, &info, &proof));
	snprintf(text, sizeof(text), "shackd-rehearsal %s 1 2 99999999999\n", sum);
	assert_false(proof_read(text, &info, &proof));
	assert_false(proof_read("", &info, &proof));
}

static void ways_are_three_descriptors(void **state)
{
	static const char *const wrong[] = {
		"",	 "7",	   "7:8",    "7:8:",   "7:8:2",
		"a:8:9", "7:8:9:", "7:8:9 ", "-7:8:9", "7:8:99999999999"};
	struct net_way way;

	(void)state;
	assert_true(net_parse("7:8:9", &way));
	assert_int_equal(way.record, 7);
	assert_int_equal(way.back, 8);
	assert_int_equal(way.progress, 9);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(net_parse(wrong[i], &way));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(every_changed_byte_is_noticed),
		cmocka_unit_test(every_cut_is_noticed),
		cmocka_unit_test(hostile_records_are_refused),
		cmocka_unit_test(two_masters_are_one_too_many),
		cmocka_unit_test(builds_that_know_more_or_less),
		cmocka_unit_test(records_of_the_first_builds_are_read),
		cmocka_unit_test(a_record_has_a_bound),
		cmocka_unit_test(descriptors_are_told_apart),
		cmocka_unit_test(a_descriptor_must_fit_its_role),
		cmocka_unit_test(open_descriptors_are_counted),
		cmocka_unit_test(a_proof_is_of_one_record),
		cmocka_unit_test(ways_are_three_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
