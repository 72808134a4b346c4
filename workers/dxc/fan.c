/* SPDX-License-Identifier: ISC
 *
 * NAME      fan - spots to sessions: groups, and the turn
 * PURPOSE   Who wants the same is put together; what is new in the log is made into lines once for
 *           each group. See workers/dxc/fan.h.
 * OWNER     dxc workers
 * CONTRACT  see workers/dxc/fan.h
 * LIMITS    TURN_NS of a turn of the loop; then others have theirs. GROUPS_AT_ONCE groups
 */
#include <stdlib.h>
#include <string.h>

#include "shm/clock.h"
#include "shm/log.h"
#include "shm/store/spots.h"
#include "workers/dxc/fan_inside.h"

#define TURN_NS (20 * NS_PER_MS)
#define CARE_NS NS_PER_SEC
/* A piece makes one chunk for each, two if its lines are long. */
#define GROUPS_AT_ONCE (TABLE_CHUNKS / 2)
#define FNV_SEED       0xcbf29ce484222325ULL

static void on_again(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	fan_tick(timer->data);
}

struct fan *fan_new(struct dxc *dxc)
{
	struct fan *fan = calloc(1, sizeof(*fan));

	if (fan == NULL)
		return NULL;
	fan->dxc = dxc;
	fan->batch.tcp = dxc->tcp;
	fan->now = piece_new();
	fan->late = piece_new();
	fan->scratch = calloc(1, filter_program_size());
	ev_timer_init(&fan->again, on_again, 0, 0);
	fan->again.data = fan;
	if (fan->now == NULL || fan->late == NULL || fan->scratch == NULL)
		fan_free(&fan);
	else
		fan->at = fan_newest(fan);
	return fan;
}

static void group_free(struct fan *fan, struct fan_group *group)
{
	*group->link = group->next;
	if (group->next != NULL)
		group->next->link = group->link;
	batch_drop(&fan->batch, group);
	free(group->program);
	free(group);
}

void fan_free(struct fan **fan)
{
	if (*fan == NULL)
		return;
	ev_timer_stop((*fan)->dxc->worker->loop, &(*fan)->again);
	while ((*fan)->groups != NULL) {
		struct fan_group *group = (*fan)->groups;

		while (group->members != NULL)
			fan_leave(group->members->client);
		group_free(*fan, group);
	}
	piece_free(&(*fan)->now);
	piece_free(&(*fan)->late);
	free((*fan)->scratch);
	free(*fan);
	*fan = NULL;
}

bool fan_failed(struct fan *fan, enum store_error error)
{
	if (error == STORE_OK)
		return false;
	if (error == STORE_LOST)
		worker_store_lost(fan->dxc->worker, "the spots store");
	else
		log_limited(LOG_LEVEL_WARNING, "spots can't be read: %s", store_error_text(error));
	return true;
}

uint64_t fan_newest(struct fan *fan)
{
	struct store_txn txn;
	uint64_t newest;

	store_read(fan->dxc->worker->spots, &txn);
	newest = spots_newest(&txn);
	if (!fan_failed(fan, store_end(&txn)))
		fan->newest = newest;
	return fan->newest;
}

/* ---- groups ---- */

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t length)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
	return hash;
}

static struct fan_group *group_new(struct fan *fan, const struct fan_want *want, uint64_t hash)
{
	struct fan_group *group = calloc(1, sizeof(*group));

	if (group == NULL || (group->program = malloc(filter_program_size())) == NULL) {
		free(group);
		return NULL;
	}
	memcpy(group->program, fan->scratch, filter_program_size());
	group->hash = hash;
	group->off = want->off;
	group->beep = want->beep;
	group->format = want->format;
	group->to = fan->at;
	group->quiet = fan->at;
	group->slot = BATCH_NONE;
	group->next = fan->groups;
	group->link = &fan->groups;
	if (group->next != NULL)
		group->next->link = &group->next;
	fan->groups = group;
	return group;
}

static struct fan_group *group_of(struct fan *fan, const struct fan_want *want)
{
	size_t size = filter_program_size();
	uint64_t hash;

	memset(fan->scratch, 0, size);
	if (!want->off)
		filter_compile(want->filter, fan->scratch);
	hash = hash_bytes(FNV_SEED, fan->scratch, size);
	for (struct fan_group *group = fan->groups; group != NULL; group = group->next)
		if (group->hash == hash && group->off == want->off && group->beep == want->beep &&
		    group->format == want->format &&
		    memcmp(group->program, fan->scratch, size) == 0)
			return group;
	return group_new(fan, want, hash);
}

/* Not at once when the last one leaves: somebody may be walking over them. */
static void prune(struct fan *fan)
{
	struct fan_group *next;
	unsigned groups = 0;

	for (struct fan_group *group = fan->groups; group != NULL; group = next) {
		next = group->next;
		if (group->members == NULL)
			group_free(fan, group);
		else
			groups++;
	}
	fan->group_count = groups;
	page_gauge(fan->dxc->worker->page, GAUGE_FAN_GROUPS, groups);
}

/* ---- members ---- */

static uint32_t hash_call(const char *base)
{
	return (uint32_t)hash_bytes(FNV_SEED, base, strnlen(base, CALL_TEXT_SIZE));
}

static void unlink_member(struct fan *fan, struct fan_member *member)
{
	*member->link = member->next;
	if (member->next != NULL)
		member->next->link = member->link;
	if (!member->self)
		return;
	*member->self_link = member->self_next;
	if (member->self_next != NULL)
		member->self_next->self_link = member->self_link;
	member->self = false;
	fan->self_members--;
}

static void link_member(struct fan *fan, struct fan_member *member, const struct fan_want *want)
{
	struct fan_member **chain;

	member->next = member->group->members;
	member->link = &member->group->members;
	if (member->next != NULL)
		member->next->link = &member->next;
	*member->link = member;
	memcpy(member->base, want->base, sizeof(member->base));
	if (!want->self || want->off)
		return;
	member->self = true;
	member->hash = hash_call(member->base);
	chain = &fan->selves[member->hash % FAN_SELVES];
	member->self_next = *chain;
	member->self_link = chain;
	if (member->self_next != NULL)
		member->self_next->self_link = &member->self_next;
	*chain = member;
	fan->self_members++;
	/* nobody has looked for his spots in what he has not seen yet */
	if (member->cursor < fan->at)
		member->self_hit = fan->at;
}

static struct fan_member *join(struct fan *fan, struct client *client)
{
	struct fan_member *member = calloc(1, sizeof(*member));
	const struct session *session = tcp_own(client->conn);

	if (member == NULL)
		return NULL;
	member->client = client;
	member->cursor = session->head.cursor;
	/* of a log that was there before this one */
	if (member->cursor > fan_newest(fan))
		member->cursor = fan->newest;
	member->untold = session->head.dropped > session->skip_told;
	member->began = clock_mono();
	tcp_guard(client->conn,
		  (uint64_t)conf_number(fan->dxc->worker->conf, CONF_DXC_WRITE_TIMEOUT));
	return member;
}

bool fan_want(struct client *client, const struct fan_want *want)
{
	struct fan *fan = client->dxc->fan;
	struct fan_group *group = group_of(fan, want);

	if (group == NULL)
		return false;
	if (client->member != NULL)
		unlink_member(fan, client->member);
	else if ((client->member = join(fan, client)) == NULL)
		return false;
	client->member->group = group;
	link_member(fan, client->member, want);
	fan_note(client->member);
	if (client->member->cursor < group->to)
		tcp_bulk_later(client->conn);
	return true;
}

void fan_leave(struct client *client)
{
	struct fan_member *member = client->member;

	if (member == NULL)
		return;
	unlink_member(client->dxc->fan, member);
	batch_drop(&client->dxc->fan->batch, member);
	client->member = NULL;
	free(member);
}

/* ---- lines ---- */

static bool is_self(const struct fan_member *member, struct piece *piece, unsigned index)
{
	const struct piece_base *base = piece_bases(piece) + index;

	return strcmp(base->dx, member->base) == 0 || strcmp(base->de, member->base) == 0;
}

bool fan_wants(struct fan *fan, const struct fan_group *group, const struct fan_member *self,
	       struct piece *piece, unsigned index)
{
	if (group->off)
		return false;
	fan->judged++;
	return filter_passes(group->program, &piece->item[index].spot) ||
	       (self != NULL && self->self && is_self(self, piece, index));
}

unsigned fan_fill(struct fan *fan, const struct fan_filling *filling, unsigned slot,
		  uint64_t *quiet)
{
	struct piece *piece = filling->piece;
	const struct fan_group *group = filling->group;
	uint64_t end = piece->to < filling->last ? piece->to : filling->last;

	for (unsigned i = 0; i < piece->spots && piece->item[i].number <= end; i++) {
		uint64_t number = piece->item[i].number;
		const struct piece_line *line;

		if (!fan_wants(fan, group, filling->self, piece, i))
			continue;
		line = piece_line(piece, i, group->format, group->beep, &fan->made);
		if (line == NULL)
			continue;
		if (slot == BATCH_NONE)
			slot = batch_new(&fan->batch, filling->owner, piece->from);
		if (!table_chunk_add(batch_chunk(&fan->batch, slot), number, line->text,
				     line->length)) {
			batch_chunk(&fan->batch, slot)->to = number - 1;
			if (filling->first)
				return slot;
			slot = batch_new(&fan->batch, filling->owner, number - 1);
			table_chunk_add(batch_chunk(&fan->batch, slot), number, line->text,
					line->length);
		}
		*quiet = number;
	}
	if (slot != BATCH_NONE)
		batch_chunk(&fan->batch, slot)->to = end;
	return slot;
}

/* ---- what is new ---- */

static void hit(struct fan *fan, const char *base, unsigned index)
{
	uint32_t hash = hash_call(base);
	struct fan_member *member = fan->selves[hash % FAN_SELVES];

	for (; member != NULL; member = member->self_next)
		if (member->hash == hash && strcmp(member->base, base) == 0 &&
		    !filter_passes(member->group->program, &fan->now->item[index].spot))
			member->self_hit = fan->now->item[index].number;
}

/* Who gets something that his group does not? */
static void look_for_selves(struct fan *fan)
{
	const struct piece_base *base;

	if (fan->self_members == 0)
		return;
	base = piece_bases(fan->now);
	for (unsigned i = 0; i < fan->now->spots; i++) {
		hit(fan, base[i].dx, i);
		hit(fan, base[i].de, i);
	}
}

/* May what is new come into the chunk of before? Not when it would have to be cut in two. */
static bool goes_on(struct fan *fan, const struct fan_group *group)
{
	const struct table_chunk *chunk;

	if (!batch_has(&fan->batch, group, group->slot))
		return false;
	chunk = batch_chunk(&fan->batch, group->slot);
	fan->batch.slot[group->slot].used = ++fan->batch.clock;
	return chunk->to == fan->now->from && table_chunk_length(chunk) <= TABLE_CHUNK_BYTES / 2;
}

static void fill_group(struct fan *fan, struct fan_group *group)
{
	struct fan_filling filling = {
		.piece = fan->now, .group = group, .owner = group, .last = fan->now->to};

	if (fan->now->lost > 0)
		group->quiet = fan->now->from; /* who was not there yet misses something */
	if (!goes_on(fan, group))
		group->slot = BATCH_NONE;
	group->slot = fan_fill(fan, &filling, group->slot, &group->quiet);
	group->to = fan->now->to;
}

static void serve_conn(struct tcp_conn *conn, void *arg)
{
	struct client *client = *tcp_user(conn);

	if (client != NULL && client->member != NULL)
		fan_serve(arg, client->member);
}

/* In the order of the table, which is that of memory: the caches notice. */
static void serve_all(struct fan *fan)
{
	for (struct fan_group *group = fan->groups; group != NULL; group = group->next)
		fill_group(fan, group);
	tcp_each(fan->dxc->tcp, serve_conn, fan);
}

/* Group by group: their chunks would not all be there at once. */
static void serve_each(struct fan *fan)
{
	struct fan_group *next_group;
	struct fan_member *next;

	for (struct fan_group *group = fan->groups; group != NULL; group = next_group) {
		next_group = group->next;
		fill_group(fan, group);
		for (struct fan_member *member = group->members; member != NULL; member = next) {
			next = member->next;
			fan_serve(fan, member);
		}
	}
}

/* True: there was something, there may be more. */
static bool read_on(struct fan *fan)
{
	if (fan_failed(fan, piece_load(fan->now, fan->dxc->worker->spots, fan->at, UINT64_MAX,
				       &fan->newest)) ||
	    fan->now->to == fan->at)
		return false;
	fan->at = fan->now->to; /* groups that come into being now begin behind it */
	fan->now->from += fan->now->lost;
	fan_bound(fan);
	look_for_selves(fan);
	if (fan->group_count <= GROUPS_AT_ONCE)
		serve_all(fan);
	else
		serve_each(fan);
	return true;
}

static void count(struct fan *fan)
{
	struct page *page = fan->dxc->worker->page;

	page_count_by(page, COUNT_FAN_RENDERED, fan->made);
	page_count_by(page, COUNT_FAN_JUDGED, fan->judged);
	page_count_by(page, COUNT_FAN_ALONE, fan->alone);
	fan->made = fan->judged = fan->alone = 0;
}

static void come_again(struct fan *fan, uint64_t ns)
{
	struct ev_loop *loop = fan->dxc->worker->loop;

	if (ev_is_active(&fan->again))
		return;
	ev_timer_set(&fan->again, (double)ns / (double)NS_PER_SEC, 0);
	ev_timer_start(loop, &fan->again);
}

void fan_tick(struct fan *fan)
{
	uint64_t now = clock_mono();
	uint64_t gather = (uint64_t)conf_number(fan->dxc->worker->conf, CONF_DXC_BATCH_INTERVAL);

	prune(fan);
	if (clock_age(now, fan->cared) >= CARE_NS) {
		fan->cared = now;
		fan_care(fan, now);
	}
	if (clock_age(now, fan->sent) < gather) {
		come_again(fan, gather - clock_age(now, fan->sent));
		return;
	}
	while (read_on(fan)) {
		fan->sent = now;
		if (clock_age(clock_mono(), now) < TURN_NS)
			continue;
		fan->sent = 0;
		come_again(fan, 0);
		break;
	}
	count(fan);
}
