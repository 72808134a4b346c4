/* SPDX-License-Identifier: ISC
 *
 * NAME      feeds - a slot for each feed of the configuration
 * PURPOSE   See master/feeds.h.
 * OWNER     master
 * CONTRACT  see master/feeds.h
 * LIMITS    see master/feeds.h
 */
#include "master/feeds.h"

#include <errno.h>
#include <string.h>

#include "master/slot.h"
#include "master/tcp/vault.h"
#include "master/value.h"
#include "shm/spotring.h"
#include "shm/text.h"

bool feeds_is_enabled(const struct config *config, size_t member)
{
	return config_group_value(config, member, CONF_FEED_ENABLED)->number != 0;
}

unsigned feeds_buffer(const struct config *config, size_t member)
{
	return (unsigned)config_group_value(config, member, CONF_FEED_SLOT_BUFFER)->number;
}

bool feeds_furnish(struct slot *slot, const struct config *config, size_t member)
{
	text_copy(slot->member, sizeof(slot->member),
		  config_group_name(config, CONF_GROUP_FEED, member));
	if (slot->spotring_fd < 0)
		slot->spotring_fd = spotring_create(slot->name, feeds_buffer(config, member));
	return slot->spotring_fd >= 0 && (slot->page != NULL || slot_furnish(slot));
}

void feeds_clear(struct slot *slot)
{
	struct master *master = slot->master;
	uint64_t generation = slot->generation; /* never comes again */
	unsigned index = slot->index;

	vault_close(slot);
	slot_unmake(slot);
	memset(slot, 0, sizeof(*slot));
	slot_begin(master, slot, SLOT_FEED, index);
	slot->generation = generation;
	slot->retired = true;
}

bool feeds_make_places(struct master *master)
{
	if (master->slots + MASTER_FEEDS_MAX > MASTER_SLOTS_MAX)
		return false;
	master->feed_place = &master->slot[master->slots];
	master->feed_places = MASTER_FEEDS_MAX;
	master->slots += MASTER_FEEDS_MAX;
	for (unsigned i = 0; i < MASTER_FEEDS_MAX; i++) {
		slot_begin(master, &master->feed_place[i], SLOT_FEED, i);
		master->feed_place[i].retired = true;
	}
	return true;
}

bool feeds_make(struct master *master)
{
	const struct config *config = master->config;
	struct slot *slot;

	if (!feeds_make_places(master))
		return master_why(master, EXIT_START, "there are too many slots");
	slot = master->feed_place;
	for (size_t i = 0; i < config_group_count(config, CONF_GROUP_FEED); i++) {
		if (!feeds_is_enabled(config, i))
			continue;
		if (!feeds_furnish(slot, config, i))
			return master_why(master, EXIT_START,
					  "can't make the memory of slot %s: %s", slot->name,
					  strerror(errno));
		slot++->retired = false;
	}
	return true;
}
