/* SPDX-License-Identifier: ISC
 *
 * NAME      line - a log record as a line for people, for programs, for syslog
 * PURPOSE   The forms of a log line, in one place.
 * OWNER     log worker
 * CONTRACT  see line.h
 * LIMITS    see line.h
 */
#include "workers/log/line.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "shm/clock.h"

#define ISO_TIME   "%Y-%m-%dT%H:%M:%S"
#define MMDVM_TIME "%Y-%m-%d %H:%M:%S"

/* "2026-11-21T19:08:58.123" with FORM "%Y-%m-%dT%H:%M:%S" */
static void print_time(const char *form, uint64_t time, char buf[32])
{
	time_t seconds = (time_t)(time / NS_PER_SEC);
	struct tm tm;
	char date[24];

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), form, &tm);
	snprintf(buf, 32, "%s.%03u", date, (unsigned)(time % NS_PER_SEC / NS_PER_MS));
}

static void print_suppressed(const struct log_record *record, char buf[40])
{
	buf[0] = '\0';
	if (record->suppressed > 0)
		snprintf(buf, 40, " (%u more of this kind)", record->suppressed);
}

size_t line_text(const struct log_record *record, char buf[LINE_MAX_SIZE])
{
	char time[32], more[40];

	print_time(ISO_TIME, record->time, time);
	print_suppressed(record, more);
	return (size_t)snprintf(buf, LINE_MAX_SIZE, "%sZ %s %s[%d] %s%s\n", time,
				log_level_name((enum log_level)record->level), record->slot,
				record->pid, record->text, more);
}

/* Quotes printable ASCII; OUT holds twice the text. */
static void escape(const char *text, char *out)
{
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			*out++ = '\\';
		*out++ = *text;
	}
	*out = '\0';
}

size_t line_json(const struct log_record *record, char buf[LINE_MAX_SIZE])
{
	char time[32], slot[2 * LOG_SLOT_MAX], text[2 * LOG_TEXT_MAX];

	print_time(ISO_TIME, record->time, time);
	escape(record->slot, slot);
	escape(record->text, text);
	return (size_t)snprintf(buf, LINE_MAX_SIZE,
				"{\"time\":\"%sZ\",\"level\":\"%s\",\"slot\":\"%s\",\"pid\":%d,"
				"\"generation\":%llu,\"text\":\"%s\",\"suppressed\":%u}\n",
				time, log_level_name((enum log_level)record->level), slot,
				record->pid, (unsigned long long)record->generation, text,
				record->suppressed);
}

size_t line_mmdvm(const struct log_record *record, char buf[LINE_MAX_SIZE])
{
	static const char letter[] = {'F', 'E', 'W', 'I', 'D'};
	char time[32], more[40];

	print_time(MMDVM_TIME, record->time, time);
	print_suppressed(record, more);
	return (size_t)snprintf(buf, LINE_MAX_SIZE, "%c: %s %s%s\n", letter[record->level], time,
				record->text, more);
}

size_t line_syslog(const struct log_record *record, char buf[LINE_MAX_SIZE])
{
	static const int priority[] = {LOG_CRIT, LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
	time_t seconds = (time_t)(record->time / NS_PER_SEC);
	char stamp[24], more[40];
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &tm);
	print_suppressed(record, more);
	return (size_t)snprintf(buf, LINE_MAX_SIZE, "<%d>%s shackd[%d]: %s: %s%s",
				LOG_DAEMON | priority[record->level], stamp, record->pid,
				record->slot, record->text, more);
}
