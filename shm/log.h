/* SPDX-License-Identifier: ISC
 *
 * NAME      log - the line that every process can say
 * PURPOSE   Formats one line and hands it to the log slot over a queue that the master holds. Nobody
 *           waits for the log: a full queue drops the line and counts it.
 * OWNER     every process writes; only the `log` worker puts lines into files
 * CONTRACT  call log_init first; safe before it too (goes to standard error). Not for signal handlers.
 * LIMITS    a line holds LOG_TEXT_MAX bytes, the rest is cut and marked with "..."
 */
#ifndef SHACKD_SHM_LOG_H
#define SHACKD_SHM_LOG_H

#include <stdbool.h>
#include <stdint.h>

/* Grades, worst first. */
enum log_level {
	LOG_LEVEL_FATAL = 0,   /* the process ends because of it */
	LOG_LEVEL_ERROR = 1,   /* something asked for was not done */
	LOG_LEVEL_WARNING = 2, /* done, but the operator should know */
	LOG_LEVEL_INFO = 3,    /* what an operator wants to read */
	LOG_LEVEL_DEBUG = 4,   /* what a developer wants to read */
};

#define LOG_TEXT_MAX 1024
#define LOG_SLOT_MAX 16

/* What travels through the queue: one record, one SEQPACKET message. */
struct log_record {
	uint32_t magic;
	uint16_t level;
	uint16_t length; /* of text, without NUL */
	int32_t pid;
	uint32_t suppressed; /* how many lines of this cause were held back before this one */
	uint64_t generation; /* of the slot */
	uint64_t time;	     /* clock_real */
	char slot[LOG_SLOT_MAX];
	char text[LOG_TEXT_MAX];
};

#define LOG_MAGIC 0x53484c47U

/* FD is the writing end (non-blocking; stays the caller's) or -1 for standard error. SLOT names the
 * writer ("master", "ysf.0"); lines above LEVEL are not sent. DROPPED, when not NULL, is counted up
 * for every line that the queue refused (a word of the slot page). */
void log_init(int fd, const char *slot, uint64_t generation, enum log_level level,
	      uint64_t *dropped);
void log_set_level(enum log_level level);
bool log_wants(enum log_level level);

void log_write(enum log_level level, uint32_t suppressed, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* State of one cause at one place in the code. */
struct log_limit {
	uint64_t second;
	uint32_t suppressed;
};

/* True when the cause may speak now (once a second); SUPPRESSED_R is what was held back. */
bool log_limit_pass(struct log_limit *limit, uint32_t *suppressed_r);

#define log_fatal(...)	 log_write(LOG_LEVEL_FATAL, 0, __VA_ARGS__)
#define log_error(...)	 log_write(LOG_LEVEL_ERROR, 0, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, 0, __VA_ARGS__)
#define log_info(...)	 log_write(LOG_LEVEL_INFO, 0, __VA_ARGS__)
#define log_debug(...)	 log_write(LOG_LEVEL_DEBUG, 0, __VA_ARGS__)

/* For causes that an outsider can repeat at will: at most once per cause and second. */
#define log_limited(level, ...)                                                                    \
	do {                                                                                       \
		static struct log_limit limit_;                                                    \
		uint32_t suppressed_;                                                              \
		if (log_wants(level) && log_limit_pass(&limit_, &suppressed_))                     \
			log_write(level, suppressed_, __VA_ARGS__);                                \
	} while (0)

/* "error", "warning" ...; "?" for an unknown number. */
const char *log_level_name(enum log_level level);

/* Checks a received record of LENGTH bytes: magic, sizes, slot name terminated; makes every byte of
 * the text printable (attackers choose parts of it). Returns false when it is none of ours. */
bool log_record_check(struct log_record *record, uint64_t length);

#endif
