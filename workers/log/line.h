/* SPDX-License-Identifier: ISC
 *
 * NAME      line - a log record as a line for people, for programs, for syslog
 * PURPOSE   The forms of a log line, in one place.
 * OWNER     log worker
 * CONTRACT  pure; the record has passed log_record_check, so that its text is printable ASCII
 * LIMITS    a line fits LINE_MAX_SIZE bytes, which is less than what a pipe takes in one piece
 */
#ifndef SHACKD_WORKERS_LOG_LINE_H
#define SHACKD_WORKERS_LOG_LINE_H

#include <stddef.h>

#include "shm/log.h"

#define LINE_MAX_SIZE 4096

/* "2026-11-21T19:08:58.123Z info ysf.0[123] text (3 more of this kind)\n". Returns the length. */
size_t line_text(const struct log_record *record, char buf[LINE_MAX_SIZE]);

/* The same as one JSON object and a line end. Returns the length. */
size_t line_json(const struct log_record *record, char buf[LINE_MAX_SIZE]);

/* In the manner of the G4KLX programs: "I: 2026-11-21 16:36:39.870 text\n", with their letters for
 * the grades. None of our lines is an "M:", which is what dashboards look into. */
size_t line_mmdvm(const struct log_record *record, char buf[LINE_MAX_SIZE]);

/* One of the three above. */
typedef size_t line_form(const struct log_record *record, char buf[LINE_MAX_SIZE]);

/* The datagram that syslogd takes at its local socket; local time, no line end. */
size_t line_syslog(const struct log_record *record, char buf[LINE_MAX_SIZE]);

#endif
