/* SPDX-License-Identifier: ISC
 *
 * NAME      quarantine - datagrams that kill
 * PURPOSE   A datagram whose handling ended in two deaths is written to a file with what is known
 *           of it, so that somebody with a debugger can send it again.
 * OWNER     ysf workers; keeper moves the files from shm_dir to state_dir
 * CONTRACT  a file appears whole: shm_dir/quarantine/SLOT-SEQ.dgram; lines "key: value", an empty
 *           line, the raw datagram. shm_dir is memory, so nothing here waits for a disk.
 * LIMITS    QUARANTINE_FILES at a time; further ones are counted only
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shm/log.h"
#include "shm/text.h"
#include "workers/ysf/ysf.h"

#define QUARANTINE_FILES 64
#define HEAD_MAX	 1024

static void build_text(const struct page_crash *crash, char text_r[48])
{
	uint32_t length = crash->build_length;

	text_r[0] = '\0';
	for (uint32_t i = 0; i < length && i < sizeof(crash->build); i++)
		snprintf(text_r + (size_t)2 * i, 3, "%02x", crash->build[i]);
}

static void time_text(uint64_t real, char text_r[32])
{
	time_t seconds = (time_t)(real / NS_PER_SEC);
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL || strftime(text_r, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		text_r[0] = '\0';
}

static int head_text(struct ysf *ysf, const struct ring_entry *entry, char head_r[HEAD_MAX])
{
	const struct page_crash *crash = &ysf->page->crash;
	const struct worker *worker = ysf->worker;
	char from[ADDR_TEXT_MAX], at[ADDR_TEXT_MAX], build[48], received[32];
	bool told = atomic_load(&crash->done) != 0;
	struct addr listener = {0};
	struct client_key key;

	if (ysf->listener[entry->listener].fd >= 0)
		listener = ysf->listener[entry->listener].addr;
	client_key_make(&key, &entry->from, entry->listener);
	const struct gateway *gateway = gateways_find(&ysf->gateways, &key);
	build_text(crash, build);
	time_text(entry->stamp + (uint64_t)ysf->clock_offset, received);
	return snprintf(head_r, HEAD_MAX,
			"slot: %s\ngeneration: %llu\nseq: %llu\nfrom: %s\nlistener: %s\n"
			"received: %s\ngateway: %s\ntries: %u\nbuild id: %s\nsignal: %d\n\n",
			worker->slot, (unsigned long long)worker->generation,
			(unsigned long long)entry->seq, addr_text(&entry->from, from),
			addr_text(&listener, at), received,
			gateway != NULL ? gateway->name : "", ring_tries(&entry->tries),
			told ? build : "", told ? crash->signal : 0);
}

static unsigned files_in(const char *path)
{
	DIR *folder = opendir(path);
	unsigned count = 0;

	while (folder != NULL && readdir(folder) != NULL)
		count++;
	if (folder != NULL)
		closedir(folder);
	return count > 2 ? count - 2 : 0; /* "." and ".." */
}

static bool write_all(const char *path, const char *head, size_t length,
		      const struct ring_entry *entry)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);

	if (fd < 0)
		return false;
	bool written = write(fd, head, length) == (ssize_t)length &&
		       write(fd, entry->data, entry->length) == (ssize_t)entry->length;
	return close(fd) == 0 && written;
}

static bool write_file(struct ysf *ysf, const struct ring_entry *entry, const char *folder)
{
	char name[64], draft[CONF_TEXT_MAX + 96], path[CONF_TEXT_MAX + 96], head[HEAD_MAX];
	int length = head_text(ysf, entry, head);

	snprintf(name, sizeof(name), "%s-%llu.dgram", ysf->worker->slot,
		 (unsigned long long)entry->seq);
	snprintf(draft, sizeof(draft), "%s/.%s", folder, name);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (length < HEAD_MAX && write_all(draft, head, (size_t)length, entry) &&
	    rename(draft, path) == 0)
		return true;
	log_error("can't write %s: %s", path, strerror(errno));
	unlink(draft);
	return false;
}

void quarantine(struct ysf *ysf, const struct ring_entry *entry)
{
	char folder[CONF_TEXT_MAX + 16], from[ADDR_TEXT_MAX];

	snprintf(folder, sizeof(folder), "%s/quarantine",
		 conf_text(ysf->worker->conf, CONF_SERVER_SHM_DIR));
	log_error("datagram %llu of %s is poison: %u workers died of it; quarantined",
		  (unsigned long long)entry->seq, addr_text(&entry->from, from),
		  ring_tries(&entry->tries));
	if (mkdir(folder, 0750) != 0 && errno != EEXIST)
		log_error("can't make %s: %s", folder, strerror(errno));
	if (files_in(folder) >= QUARANTINE_FILES || !write_file(ysf, entry, folder))
		page_count(ysf->page, COUNT_YSF_QUARANTINE_FULL);
}
