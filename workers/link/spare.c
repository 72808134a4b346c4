/* SPDX-License-Identifier: ISC
 *
 * NAME      spare - the words of the page that outlive the process
 * PURPOSE   Where each follower of the event log is, so that a successor goes on there.
 * OWNER     link
 * CONTRACT  a word changes in one store; a note of three words is written beside the valid one, and
 *           becomes valid by one store
 * LIMITS    none known
 */
#include "workers/link/link.h"

#define NOTE_WORDS 3

_Static_assert(PAGE_LINK_NOTES + 2 * NOTE_WORDS <= PAGE_LINK_SENDING, "the notes overlap");
_Static_assert(PAGE_LINK_SENDING + 2 * sizeof(struct mmsghdr) / 8 <= PAGE_SPARE,
	       "no room for what is being sent");

uint64_t spare_get(const struct page *page, enum page_link word)
{
	return __atomic_load_n(&page->spare[word], __ATOMIC_ACQUIRE);
}

void spare_set(struct page *page, enum page_link word, uint64_t value)
{
	__atomic_store_n(&page->spare[word], value, __ATOMIC_RELEASE);
}

static unsigned note_at(uint64_t which)
{
	return PAGE_LINK_NOTES + (unsigned)(which & 1) * NOTE_WORDS;
}

struct spare_note spare_note_get(const struct page *page)
{
	unsigned at = note_at(spare_get(page, PAGE_LINK_LOG));

	return (struct spare_note){page->spare[at], page->spare[at + 1], page->spare[at + 2]};
}

void spare_note_set(struct page *page, const struct spare_note *note)
{
	uint64_t which = spare_get(page, PAGE_LINK_LOG) ^ 1;
	unsigned at = note_at(which);

	page->spare[at] = note->event;
	page->spare[at + 1] = note->file;
	page->spare[at + 2] = note->length;
	spare_set(page, PAGE_LINK_LOG, which);
}

struct mmsghdr *spare_sending(struct page *page, unsigned number)
{
	return (struct mmsghdr *)(void *)&page->spare[PAGE_LINK_SENDING] + number;
}
