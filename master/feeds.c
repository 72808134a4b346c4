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
#include "master/value.h"
#include "shm/spotring.h"
#include "shm/text.h"

static bool is_enabled(const struct config *config, size_t member)
{
	return config_group_value(config, member, CONF_FEED_ENABLED)->number != 0;
}

static bool furnish(struct slot *slot, const struct config *config, size_t member)
{
	int64_t buffer = config_group_value(config, member, CONF_FEED_SLOT_BUFFER)->number;

	text_copy(slot->member, sizeof(slot->member),
		  config_group_name(config, CONF_GROUP_FEED, member));
	if (slot->spotring_fd < 0)
		slot->spotring_fd = spotring_create(slot->name, (unsigned)buffer);
	slot->retired = false;
	return slot->spotring_fd >= 0 && slot_furnish(slot);
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
		if (!is_enabled(config, i))
			continue;
		if (!furnish(slot, config, i))
			return master_why(master, EXIT_START,
					  "can't make the memory of slot %s: %s", slot->name,
					  strerror(errno));
		slot++;
	}
	return true;
}
