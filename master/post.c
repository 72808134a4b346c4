/* SPDX-License-Identifier: ISC
 *
 * NAME      post - messages that wait for the holder of a slot
 * PURPOSE   The master never waits for a full socket: what does not go now goes in order later.
 * OWNER     master
 * CONTRACT  see slot_post in master/slot.h
 * LIMITS    POSTS_MAX messages wait; further ones are refused
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/slot.h"
#include "shm/log.h"

#define POSTS_MAX 512

struct post {
	struct post *next;
	enum msg_type type;
	int fd; /* a duplicate of ours, -1: none */
	size_t length;
	unsigned char body[];
};

static void drop_first(struct slot *slot)
{
	struct post *post = slot->post;

	slot->post = post->next;
	if (slot->post == NULL)
		slot->post_end = &slot->post;
	slot->posts--;
	if (post->fd >= 0)
		close(post->fd);
	free(post);
}

void slot_forget_posts(struct slot *slot)
{
	while (slot->posts > 0)
		drop_first(slot);
}

bool slot_send_posts(struct slot *slot)
{
	while (slot->posts > 0) {
		const struct post *post = slot->post;

		if (msg_send(slot->control, post->type, slot->generation, post->body, post->length,
			     post->fd) != 0) {
			if (errno != EMSGSIZE)
				return false;
			/* breaks the rule of its type: it would hold up all others for ever */
			log_error("message %s for %s is none", msg_type_name(post->type),
				  slot->name);
		}
		drop_first(slot);
	}
	return true;
}

bool slot_post(struct slot *slot, enum msg_type type, const void *body, size_t length, int fd)
{
	struct post *post = NULL;

	if (slot->control < 0 || slot->posts >= POSTS_MAX ||
	    (post = calloc(1, sizeof(*post) + length)) == NULL)
		goto failed;
	post->type = type;
	post->length = length;
	post->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (fd >= 0 && post->fd < 0)
		goto failed;
	if (length > 0)
		memcpy(post->body, body, length);
	if (slot->posts++ == 0)
		slot->post_end = &slot->post;
	*slot->post_end = post;
	slot->post_end = &post->next;
	slot_flush(slot);
	return true;
failed:
	free(post);
	log_limited(LOG_LEVEL_ERROR, "a message (%s) for %s can't be kept: %s", msg_type_name(type),
		    slot->name, slot->control < 0 ? "it has no holder" : strerror(errno));
	return false;
}
