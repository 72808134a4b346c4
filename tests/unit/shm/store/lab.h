/* SPDX-License-Identifier: ISC
 *
 * NAME      lab - a store in a directory of its own, for the tests of the store
 * PURPOSE   set up, tear down, and records as gateways would make them
 * OWNER     tests/unit/shm/store
 * CONTRACT  include after cmocka.h; the directory lies in /dev/shm and goes with lab_leave
 * LIMITS    none known
 */
#ifndef SHACKD_TESTS_STORE_LAB_H
#define SHACKD_TESTS_STORE_LAB_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/clock.h"
#include "shm/gate.h"
#include "shm/page.h"
#include "shm/store/away.h"
#include "shm/store/blocks.h"
#include "shm/store/clients.h"
#include "shm/store/dashboards.h"
#include "shm/store/env.h"
#include "shm/store/events.h"
#include "shm/store/infos.h"
#include "shm/store/metas.h"
#include "shm/store/ptts.h"
#include "shm/store/saved.h"
#include "shm/store/schema.h"
#include "shm/store/stations.h"
#include "shm/store/streams.h"

struct lab {
	char dir[96];
	char path[128];
	int page_fd;
	struct page *page;
	struct store_config config;
	struct store *store;
	char error[256];
	bool set_aside;
};

static inline void lab_enter_at(struct lab *lab, const char *parent)
{
	memset(lab, 0, sizeof(*lab));
	snprintf(lab->dir, sizeof(lab->dir), "%s/store-test-XXXXXX", parent);
	assert_non_null(mkdtemp(lab->dir));
	snprintf(lab->path, sizeof(lab->path), "%s/voice", lab->dir);
	lab->page_fd = page_create("test.0", 100);
	assert_true(lab->page_fd >= 0);
	lab->page = page_map(lab->page_fd);
	assert_non_null(lab->page);
	page_set_state(lab->page, PAGE_BUSY);
	lab->config = (struct store_config){
		.kind = STORE_VOICE,
		.path = lab->path,
		.gate_fd = gate_create("test"),
		.max_clients = 1000,
		.max_streams = 100,
		.max_blocks = 50,
		.max_events = 1000,
		.page = lab->page,
		.slot = "test.0",
		.generation = 7,
		.create = true,
	};
	lab->config.map_size = store_map_size(&lab->config);
}

static inline void lab_enter(struct lab *lab)
{
	lab_enter_at(lab, "/dev/shm");
}

static inline void lab_open(struct lab *lab)
{
	enum store_error error;

	error = store_open(&lab->store, &lab->config, &lab->set_aside, lab->error);
	if (error)
		fprintf(stderr, "%s\n", lab->error);
	assert_int_equal(error, STORE_OK);
	assert_non_null(lab->store);
}

static inline void lab_remove(const char *path)
{
	char file[256];

	snprintf(file, sizeof(file), "%s/data.mdb", path);
	unlink(file);
	snprintf(file, sizeof(file), "%s/lock.mdb", path);
	unlink(file);
	if (rmdir(path) < 0)
		unlink(path);
}

static inline void lab_leave(struct lab *lab)
{
	char old[160];

	store_close(&lab->store);
	snprintf(old, sizeof(old), "%s.old", lab->path);
	lab_remove(lab->path);
	lab_remove(old);
	assert_int_equal(rmdir(lab->dir), 0);
	page_unmap((const struct page **)&lab->page);
	close(lab->page_fd);
	close(lab->config.gate_fd);
}

/* 127.x.y.z, one gateway each. */
static inline struct client_key lab_key(uint32_t number, uint16_t port)
{
	struct client_key key;
	struct addr addr = {.port = port};

	addr.ip[10] = addr.ip[11] = 0xff;
	addr.ip[12] = 127;
	addr.ip[13] = (uint8_t)(number >> 16);
	addr.ip[14] = (uint8_t)(number >> 8);
	addr.ip[15] = (uint8_t)number;
	client_key_make(&key, &addr, 0);
	return key;
}

static inline struct client_record lab_client(const char *name)
{
	struct client_record record = {
		.dgid = 22,
		.linked = clock_mono(),
		.linked_real = clock_real(),
		.polled = clock_mono(),
	};

	snprintf(record.name, sizeof(record.name), "%s", name);
	return record;
}

static inline struct stream_record lab_stream(uint32_t key, uint32_t client)
{
	struct stream_record record = {
		.dgid = (uint8_t)(key & STREAM_PRIVATE ? 22 : key),
		.key = key,
		.client = client,
		.owner = lab_key(client, 42000),
		.gateway = "DB0ABC",
		.tag = "DB0ABC",
		.source = "DL1ABC",
		.dest = "ALL",
		.started = clock_mono(),
		.started_real = clock_real(),
	};

	return record;
}

static inline struct block_record lab_block(uint64_t seconds)
{
	return (struct block_record){
		.reason = BLOCK_TIMEOUT,
		.until = clock_mono() + seconds * NS_PER_SEC,
		.until_real = clock_real() + seconds * NS_PER_SEC,
		.by = "test.0",
	};
}

static inline uint64_t lab_counter(const struct lab *lab, enum page_counter which)
{
	return lab->page->counter[which];
}

#endif
