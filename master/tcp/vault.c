/* SPDX-License-Identifier: ISC
 *
 * NAME      vault - TCP connections that outlive the workers who serve them
 * PURPOSE   See master/tcp/vault.h.
 * OWNER     master
 * CONTRACT  see master/tcp/vault.h. What a holder wrote into the table is never believed here.
 * LIMITS    see master/tcp/vault.h
 */
#include "master/tcp/vault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "master/tcp/door.h"
#include "master/slot.h"
#include "shm/fault.h"
#include "shm/log.h"
#include "shm/table.h"

#define DIALED_MAX 4 /* of one feed: one that serves, others that are about to close */

struct place {
	struct vault_entry entry; /* .fd -1: free */
	uint64_t given; /* generation of the holder that has a duplicate */
};

struct vault_room {
	struct table table;
	unsigned capacity, used;
	unsigned waiting;  /* of them, those that have not logged in */
	unsigned hint;	   /* where the search for a free place begins */
	unsigned ungiven;  /* places from here on may have to be given; all before have been */
	uint64_t given_to; /* generation that UNGIVEN is about */
	struct place place[];
};

/* A worker may have set the connection so that closing it waits for the client. */
static void close_connection(int fd)
{
	msg_no_linger(fd);
	close(fd);
}

bool vault_make(struct slot *slot)
{
	const struct kind *kind = &kind_table[slot->kind];
	struct vault_room *room;
	unsigned capacity;

	if (!kind_has_table(slot->kind))
		return true;
	capacity = kind->sessions == KIND_NO_KEY
			   ? DIALED_MAX
			   : (unsigned)config_number(slot->master->config,
						     (enum conf_key)kind->sessions);
	room = calloc(1, sizeof(*room) + capacity * sizeof(struct place));
	if (room == NULL)
		return false;
	if (slot->table_fd < 0)
		slot->table_fd = table_create(slot->name, capacity);
	if (slot->table_fd < 0 || !table_map(slot->table_fd, &room->table)) {
		free(room);
		return false;
	}
	slot->table_readonly = page_reopen_readonly(slot->table_fd);
	/* an inherited table keeps its size, whatever the key says now */
	room->capacity = capacity < room->table.entries ? capacity : room->table.entries;
	for (unsigned i = 0; i < room->capacity; i++)
		room->place[i].entry.fd = -1;
	slot->room = room;
	return true;
}

void vault_close(struct slot *slot)
{
	struct vault_room *room = slot->room;

	if (room == NULL)
		return;
	for (unsigned i = 0; i < room->capacity; i++)
		if (room->place[i].entry.fd >= 0)
			close_connection(room->place[i].entry.fd);
	table_unmap(&room->table);
	free(room);
	slot->room = NULL;
	close(slot->table_fd);
	if (slot->table_readonly >= 0)
		close(slot->table_readonly);
	slot->table_fd = slot->table_readonly = -1;
}

static void give_up(struct vault_room *room, struct place *place)
{
	table_free(&room->table.block->entry[place->entry.index]);
	close_connection(place->entry.fd);
	place->entry.fd = -1;
	room->used--;
	room->waiting -= !place->entry.known;
}

void vault_clear(struct slot *slot)
{
	struct vault_room *room = slot->room;

	for (unsigned i = 0; room != NULL && i < room->capacity; i++)
		if (room->place[i].entry.fd >= 0)
			give_up(room, &room->place[i]);
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) != 0)
		return 0;
	return cookie;
}

/* Numbers that no earlier image gave: nobody accepts once a nanosecond. */
static uint64_t new_session(struct master *master)
{
	if (master->next_session == 0)
		master->next_session = clock_real();
	return master->next_session++;
}

static struct place *free_place(struct vault_room *room)
{
	for (unsigned i = 0; i < room->capacity; i++) {
		unsigned index = (room->hint + i) % room->capacity;

		if (room->place[index].entry.fd >= 0)
			continue;
		room->hint = (index + 1) % room->capacity;
		room->place[index].entry.index = (uint16_t)index;
		return &room->place[index];
	}
	return NULL;
}

static void occupy(struct vault_room *room, struct place *place, const struct vault_entry *entry)
{
	place->entry = *entry;
	place->given = 0;
	room->used++;
	room->waiting += !entry->known;
	if (entry->index < room->ungiven)
		room->ungiven = entry->index;
}

/* What the holder speaks of; NULL: a predecessor has said that it is over already, and another may
 * have the place by now. */
static struct place *find_place(struct slot *slot, const struct msg_closed *session)
{
	struct vault_room *room = slot->room;
	struct place *place;

	if (room == NULL || session->index >= room->capacity)
		return NULL;
	place = &room->place[session->index];
	return place->entry.fd >= 0 && place->entry.session == session->session ? place : NULL;
}

/* What a worker passes is not believed to be what it says. */
static bool is_stream(int fd)
{
	int type = 0, state = 1;
	socklen_t length = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &state, &length) != 0)
		return false;
	errno = ENOTCONN;
	return type == SOCK_STREAM && state == 0;
}

bool vault_add(struct slot *slot, int fd, const struct addr *addr)
{
	struct vault_room *room = slot->room;
	struct table_counts counts;
	struct place *place;

	if (room->used == room->capacity || table_measure(fd, &counts) != 0)
		return false;
	place = free_place(room);
	if (place == NULL)
		return false;
	occupy(room, place,
	       &(struct vault_entry){
		       .fd = fd,
		       .index = place->entry.index,
		       .session = new_session(slot->master),
		       .cookie = cookie_of(fd),
		       .addr = *addr,
	       });
	table_fill(&room->table.block->entry[place->entry.index], place->entry.session, addr,
		   &counts);
	return true;
}

void vault_known(struct slot *slot, const struct msg_closed *session)
{
	struct place *place = find_place(slot, session);

	if (place == NULL || place->entry.known)
		return;
	place->entry.known = true;
	slot->room->waiting--;
}

void vault_dialed(struct slot *slot, struct msg *msg)
{
	struct msg_dialed dialed;

	memcpy(&dialed, msg->body, sizeof(dialed));
	if (slot->room != NULL && is_stream(msg->fd) && vault_add(slot, msg->fd, &dialed.addr)) {
		slot_flush(slot);
	} else {
		slot->master->accept_failed++;
		log_limited(LOG_LEVEL_WARNING, "%s: its connection can't be kept: %s", slot->name,
			    strerror(errno));
		close_connection(msg->fd);
	}
	msg->fd = -1;
}

void vault_over(struct slot *slot, const struct msg_closed *closed)
{
	struct place *place = find_place(slot, closed);

	if (place != NULL)
		give_up(slot->room, place);
}

bool vault_flush(struct slot *slot)
{
	struct vault_room *room = slot->room;

	if (room == NULL || slot->state != SLOT_SERVING)
		return true;
	if (room->given_to != slot->generation) {
		room->given_to = slot->generation;
		room->ungiven = 0;
	}
	for (; room->ungiven < room->capacity; room->ungiven++) {
		struct place *place = &room->place[room->ungiven];
		struct msg_fd head = {.role = FD_TCP, .index = place->entry.index};

		if (place->entry.fd < 0 || place->given == slot->generation)
			continue;
		head.addr = place->entry.addr;
		if (msg_send(slot->control, MSG_FD, slot->generation, &head, sizeof(head),
			     place->entry.fd) != 0)
			return false;
		fault_point(FAULT_ACCEPT_GIVEN);
		place->given = slot->generation;
	}
	return true;
}

void vault_renumber(struct slot *slot, uint64_t generation)
{
	struct vault_room *room = slot->room;

	for (unsigned i = 0; room != NULL && i < room->capacity; i++)
		if (room->place[i].given == slot->generation)
			room->place[i].given = generation;
}

unsigned vault_used(const struct slot *slot)
{
	return slot->room != NULL ? slot->room->used : 0;
}

unsigned vault_count(const struct master *master, enum slot_kind kind)
{
	unsigned count = 0;

	for (unsigned i = 0; i < master->slots; i++)
		if (master->slot[i].kind == kind)
			count += vault_used(&master->slot[i]);
	return count;
}

unsigned vault_waiting(const struct master *master, enum slot_kind kind)
{
	unsigned count = 0;

	for (unsigned i = 0; i < master->slots; i++)
		if (master->slot[i].kind == kind && master->slot[i].room != NULL)
			count += master->slot[i].room->waiting;
	return count;
}

struct vault_census vault_census(const struct master *master, enum slot_kind kind,
				 const struct addr *addr)
{
	struct vault_census census = {0};

	for (unsigned i = 0; i < master->slots; i++) {
		const struct vault_room *room = master->slot[i].room;

		if (master->slot[i].kind != kind || room == NULL || room->used == 0)
			continue;
		for (unsigned j = 0; j < room->capacity; j++) {
			const struct vault_entry *entry = &room->place[j].entry;
			bool same = entry->fd >= 0 && door_same_address(&entry->addr, addr);

			census.address += same;
			census.waiting += same && !entry->known;
			census.network +=
				entry->fd >= 0 && door_same_network(&entry->addr, addr);
		}
	}
	return census;
}

void vault_each(const struct master *master, vault_visit *visit, void *arg)
{
	for (unsigned i = 0; i < master->slots; i++) {
		const struct vault_room *room = master->slot[i].room;

		for (unsigned j = 0; room != NULL && j < room->capacity; j++)
			if (room->place[j].entry.fd >= 0)
				visit(arg, &master->slot[i], &room->place[j].entry);
	}
}

bool vault_adopt(struct slot *slot, const struct vault_entry *entry)
{
	struct vault_room *room = slot->room;

	errno = EINVAL;
	if (room == NULL || entry->index >= room->capacity || entry->session == 0 ||
	    room->place[entry->index].entry.fd >= 0)
		return false;
	errno = ESTALE;
	if (cookie_of(entry->fd) != entry->cookie)
		return false;
	errno = ENOENT;
	if (atomic_load(&room->table.block->entry[entry->index].session) != entry->session)
		return false;
	occupy(room, &room->place[entry->index], entry);
	if (slot_alive(slot)) /* who serves on has its duplicate */
		room->place[entry->index].given = slot->generation;
	if (slot->master->next_session <= entry->session)
		slot->master->next_session = entry->session + 1;
	return true;
}
