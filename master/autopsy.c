/* SPDX-License-Identifier: ISC
 *
 * NAME      autopsy - what a dead worker wrote about its death
 * PURPOSE   See master/autopsy.h.
 * OWNER     master
 * CONTRACT  see master/autopsy.h
 * LIMITS    see master/autopsy.h
 */
#include "master/autopsy.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "master/slot.h"
#include "master/version.h"
#include "shm/log.h"
#include "shm/text.h"

#define REPORT_MAX	 8192
#define FRAMES_OF_A_LINE 10
#define BUILD_TEXT	 (2 * sizeof(((struct page_crash *)0)->build) + 1)

struct text {
	char *at;
	size_t size, used;
};

static void put(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct text *text, const char *format, ...)
{
	size_t left = text->size - text->used;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text->at + text->used, left, format, args);
	va_end(args);
	if (length > 0)
		text->used += (size_t)length < left ? (size_t)length : left - 1;
}

/* ---- pieces ---- */

static void clean_name(char *name, size_t size)
{
	name[size - 1] = '\0';
	for (; *name != '\0'; name++)
		if (*name <= ' ' || *name > '~')
			*name = '?';
}

void autopsy_clean(struct page_crash *report)
{
	if (report->frames > PAGE_CRASH_FRAMES)
		report->frames = PAGE_CRASH_FRAMES;
	if (report->walked > report->frames)
		report->walked = report->frames;
	if (report->modules > PAGE_CRASH_MODULES)
		report->modules = PAGE_CRASH_MODULES;
	if (report->build_length > sizeof(report->build))
		report->build_length = sizeof(report->build);
	if (report->signal < 0 || report->signal > SIGRTMAX)
		report->signal = 0;
	for (unsigned i = 0; i < report->modules; i++)
		clean_name(report->module[i].name, sizeof(report->module[i].name));
}

static const char *build_text(const struct page_crash *report, char buf[BUILD_TEXT])
{
	buf[0] = '\0';
	for (unsigned i = 0; i < report->build_length; i++)
		snprintf(buf + 2 * i, 3, "%02x", report->build[i]);
	return buf;
}

static const char *signal_text(int number)
{
	const char *name = sigabbrev_np(number);

	return name != NULL ? name : "?";
}

const char *autopsy_frame(const struct page_crash *report, unsigned frame,
			  char buf[AUTOPSY_FRAME_MAX])
{
	uint64_t address = report->frame[frame] - (frame > 0 ? 1 : 0);

	for (unsigned i = 0; i < report->modules; i++) {
		const struct page_module *module = &report->module[i];

		if (address < module->base || address >= module->end)
			continue;
		snprintf(buf, AUTOPSY_FRAME_MAX, "%s+0x%llx", module->name,
			 (unsigned long long)(address - module->base));
		return buf;
	}
	snprintf(buf, AUTOPSY_FRAME_MAX, "0x%llx", (unsigned long long)address);
	return buf;
}

static const char *time_text(uint64_t real, char buf[32])
{
	time_t whole = (time_t)(real / NS_PER_SEC);
	struct tm tm;

	if (gmtime_r(&whole, &tm) == NULL || strftime(buf, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		text_copy(buf, 32, "?");
	return buf;
}

/* ---- the log's line ---- */

static void tell_log(const struct slot *slot)
{
	const struct page_crash *report = &slot->crash;
	char line[LOG_TEXT_MAX], build[BUILD_TEXT], frame[AUTOPSY_FRAME_MAX];
	struct text text = {line, sizeof(line), 0};
	unsigned most = report->frames < FRAMES_OF_A_LINE ? report->frames : FRAMES_OF_A_LINE;

	put(&text, "%s generation %llu (pid %d, build %s) crashed: signal %d (%s)", slot->name,
	    (unsigned long long)slot->generation, (int)slot->pid, build_text(report, build),
	    report->signal, signal_text(report->signal));
	if (report->sender != 0)
		put(&text, " sent by pid %d", report->sender);
	else
		put(&text, " at address 0x%llx", (unsigned long long)report->address);
	put(&text, ", %s, in", page_state_name(report->doing));
	for (unsigned i = 0; i < most; i++)
		put(&text, "%s %s", i == report->walked ? " perhaps from" : "",
		    autopsy_frame(report, i, frame));
	log_error("%s", line);
}

/* ---- the file ---- */

static void put_frames(struct text *text, const struct page_crash *report)
{
	char frame[AUTOPSY_FRAME_MAX];

	put(text, "\nframes:\n");
	for (unsigned i = 0; i < report->walked; i++)
		put(text, "%3u %s\n", i, autopsy_frame(report, i, frame));
	if (report->frames > report->walked)
		put(text, "\non the stack below, perhaps from earlier calls:\n");
	for (unsigned i = report->walked; i < report->frames; i++)
		put(text, "    %s\n", autopsy_frame(report, i, frame));
	put(text, "\nmodules:\n");
	for (unsigned i = 0; i < report->modules; i++)
		put(text, "    0x%llx-0x%llx %s\n", (unsigned long long)report->module[i].base,
		    (unsigned long long)report->module[i].end, report->module[i].name);
}

static void put_report(struct text *text, const struct slot *slot)
{
	const struct page_crash *report = &slot->crash;
	char build[BUILD_TEXT], when[32];

	put(text, "slot: %s\ngeneration: %llu\npid: %d\nwhen: %s\n", slot->name,
	    (unsigned long long)report->done, report->pid, time_text(report->when, when));
	put(text, "version: %s\nbuild id: %s\n", version_text(), build_text(report, build));
	put(text, "signal: %d (%s)\ncode: %d\n", report->signal, signal_text(report->signal),
	    report->code);
	if (report->sender != 0)
		put(text, "sender: %d\n", report->sender);
	else
		put(text, "address: 0x%llx\n", (unsigned long long)report->address);
	put(text, "doing: %s\n", page_state_name(report->doing));
	put_frames(text, report);
	put(text,
	    "\naddr2line -fipe shackd OFFSET names the line of a shackd+OFFSET, with the file of "
	    "this build id.\n");
}

bool autopsy_flush(struct slot *keeper)
{
	struct master *master = keeper->master;
	char body[sizeof(struct msg_crash) + REPORT_MAX];

	for (unsigned i = 0; i < master->slots; i++) {
		struct slot *slot = &master->slot[i];
		struct msg_crash head = {.generation = slot->crash.done};
		struct text text = {body + sizeof(head), REPORT_MAX, 0};

		if (!slot->crash_waits)
			continue;
		text_copy(head.slot, sizeof(head.slot), slot->name);
		memcpy(body, &head, sizeof(head));
		put_report(&text, slot);
		if (msg_send(keeper->control, MSG_CRASH, keeper->generation, body,
			     sizeof(head) + text.used, -1) != 0)
			return false;
		slot->crash_waits = false;
	}
	return true;
}

/* ---- taking it ---- */

void autopsy_take(struct slot *slot)
{
	struct master *master = slot->master;

	/* an older one may lie there: KILL leaves none */
	if (atomic_load(&slot->page->crash.done) != slot->generation)
		return;
	memcpy(&slot->crash, &slot->page->crash, sizeof(slot->crash));
	slot->crash.done = slot->generation;
	autopsy_clean(&slot->crash);
	tell_log(slot);
	master->crashes_dropped += slot->crash_waits;
	slot->crash_waits = true;
	slot_flush(master->keeper);
}

json_t *autopsy_json(const struct slot *slot)
{
	const struct page_crash *report = &slot->crash;
	json_t *walked, *others;
	char build[BUILD_TEXT], frame[AUTOPSY_FRAME_MAX];

	if (report->done == 0)
		return json_null();
	walked = json_array();
	others = json_array();
	for (unsigned i = 0; i < report->frames; i++)
		json_array_append_new(i < report->walked ? walked : others,
				      json_string(autopsy_frame(report, i, frame)));
	return json_pack("{s:I, s:i, s:I, s:i, s:s, s:i, s:i, s:I, s:s, s:s, s:o, s:o}",
			 "generation", (json_int_t)report->done, "pid", report->pid, "when",
			 (json_int_t)(report->when / NS_PER_SEC), "signal", report->signal,
			 "signal_name", signal_text(report->signal), "code", report->code, "sender",
			 report->sender, "address", (json_int_t)report->address, "doing",
			 page_state_name(report->doing), "build_id", build_text(report, build),
			 "frames", walked, "perhaps", others);
}
