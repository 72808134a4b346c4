/* SPDX-License-Identifier: ISC
 *
 * NAME      log - the line that every process can say
 * PURPOSE   Formats one line and hands it to the log slot over a queue that the master holds.
 * OWNER     every process
 * CONTRACT  see log.h; never waits, never fails visibly, leaves errno alone
 * LIMITS    LOG_TEXT_MAX bytes a line
 */
#include "shm/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shm/clock.h"

/* A process has exactly one voice. */
static struct {
	int fd;
	enum log_level level;
	uint64_t generation;
	uint64_t *dropped;
	uint64_t lost; /* lines of which nobody has heard yet */
	char slot[LOG_SLOT_MAX];
} log_self = {.fd = -1, .level = LOG_LEVEL_INFO, .slot = "shackd"};

static const char *const level_names[] = {"fatal", "error", "warning", "info", "debug"};

#define LEVELS (sizeof(level_names) / sizeof(level_names[0]))

void log_init(int fd, const char *slot, uint64_t generation, enum log_level level,
	      uint64_t *dropped)
{
	log_self.fd = fd;
	log_self.level = level;
	log_self.generation = generation;
	log_self.dropped = dropped;
	snprintf(log_self.slot, sizeof(log_self.slot), "%s", slot);
}

void log_set_level(enum log_level level)
{
	log_self.level = level;
}

bool log_wants(enum log_level level)
{
	return level <= log_self.level;
}

const char *log_level_name(enum log_level level)
{
	return (unsigned)level < LEVELS ? level_names[level] : "?";
}

static bool is_printable(unsigned char c)
{
	return c >= 0x20 && c < 0x7f;
}

/* Formats into RECORD; a text too long ends in "...". */
static void format_text(struct log_record *record, const char *format, va_list args)
{
	int length = vsnprintf(record->text, sizeof(record->text), format, args);

	if (length < 0)
		length = snprintf(record->text, sizeof(record->text), "(line can't be formatted)");
	if ((size_t)length >= sizeof(record->text)) {
		length = sizeof(record->text) - 1;
		memcpy(record->text + length - 3, "...", 3);
	}
	record->length = (uint16_t)length;
}

static void count_dropped(void)
{
	log_self.lost++;
	if (log_self.dropped != NULL)
		__atomic_store_n(log_self.dropped, *log_self.dropped + 1, __ATOMIC_RELAXED);
}

/* For the time before log_init, and for last words that the queue refused. */
static void to_stderr(struct log_record *record)
{
	char line[LOG_TEXT_MAX + 64];
	int length;
	ssize_t wrote;

	log_record_check(record, offsetof(struct log_record, text) + record->length + 1);
	length = snprintf(line, sizeof(line), "%s %s[%d] %s\n",
			  log_level_name((enum log_level)record->level), record->slot, record->pid,
			  record->text);
	wrote = write(STDERR_FILENO, line, (size_t)length);
	if (wrote != length)
		count_dropped();
}

/* Everything but the text. */
static void begin_record(struct log_record *record, enum log_level level, uint32_t suppressed)
{
	memset(record, 0, offsetof(struct log_record, text));
	record->magic = LOG_MAGIC;
	record->level = (uint16_t)level;
	record->pid = getpid();
	record->suppressed = suppressed;
	record->generation = log_self.generation;
	record->time = clock_real();
	memcpy(record->slot, log_self.slot, sizeof(record->slot));
}

static bool put_record(const struct log_record *record)
{
	size_t size = offsetof(struct log_record, text) + record->length + 1U;

	return send(log_self.fd, record, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* The first that the queue takes again says what it did not take. */
static void say_lost(void)
{
	struct log_record record;

	begin_record(&record, LOG_LEVEL_WARNING, 0);
	record.length = (uint16_t)snprintf(record.text, sizeof(record.text),
					   "%llu lines of this process were lost: the log was full",
					   (unsigned long long)log_self.lost);
	if (put_record(&record))
		log_self.lost = 0;
}

void log_write(enum log_level level, uint32_t suppressed, const char *format, ...)
{
	struct log_record record;
	int saved = errno;
	va_list args;

	if (!log_wants(level))
		return;
	if (log_self.lost > 0 && log_self.fd >= 0 && log_wants(LOG_LEVEL_WARNING))
		say_lost();
	begin_record(&record, level, suppressed);
	va_start(args, format);
	format_text(&record, format, args);
	va_end(args);
	if (log_self.fd < 0) {
		to_stderr(&record);
	} else if (!put_record(&record)) {
		count_dropped();
		if (level == LOG_LEVEL_FATAL)
			to_stderr(&record);
	}
	errno = saved;
}

bool log_limit_pass(struct log_limit *limit, uint32_t *suppressed_r)
{
	/* + 1, so that the zeroed state belongs to no second, not even the first after boot */
	uint64_t second = clock_mono() / NS_PER_SEC + 1;

	if (limit->second == second) {
		limit->suppressed++;
		return false;
	}
	limit->second = second;
	*suppressed_r = limit->suppressed;
	limit->suppressed = 0;
	return true;
}

bool log_record_check(struct log_record *record, uint64_t length)
{
	const size_t fixed = offsetof(struct log_record, text);

	if (length <= fixed || record->magic != LOG_MAGIC || record->level >= LEVELS)
		return false;
	if (record->length >= LOG_TEXT_MAX || length != fixed + record->length + 1U)
		return false;
	if (memchr(record->slot, '\0', sizeof(record->slot)) == NULL)
		return false;
	for (char *c = record->slot; *c != '\0'; c++)
		*c = is_printable((unsigned char)*c) ? *c : '?';
	for (unsigned i = 0; i < record->length; i++)
		if (!is_printable((unsigned char)record->text[i]))
			record->text[i] = '?';
	record->text[record->length] = '\0';
	return true;
}
