/* SPDX-License-Identifier: ISC
 *
 * NAME      inifile - reads an ini file and says where everything stood
 * PURPOSE   inih cuts long lines, joins indented ones, keeps going after a fault and tells only the
 *           first one's line. So it gets its lines from here, one checked line at a time.
 * OWNER     master
 * CONTRACT  see master/inifile.h
 * LIMITS    see master/inifile.h
 */
#include "master/inifile.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/options.h"
#include "shm/text.h"

#define PLACE_MAX (2 * INIFILE_LINE_MAX)

/* State of one pass over a file. SECTION is our own and not inih's, which cuts names. */
struct reader {
	const char *name;
	const char *data;
	size_t size;
	size_t at; /* of the next line */
	int line;
	char section[INIFILE_LINE_MAX + 1];
	bool in_section;
	bool section_known; /* keys of others, and of a broken line, are skipped */
	bool after_key;	    /* inih would join an indented line to the key before it */
	const struct inifile_sink *sink;
	struct problems *problems;
};

/* ---- the file ------------------------------------------------------------------------------ */

static const char *unreadable_kind(mode_t mode)
{
	if (S_ISDIR(mode))
		return "is a directory";
	if (S_ISFIFO(mode))
		return "is a pipe";
	if (S_ISSOCK(mode))
		return "is a socket";
	return S_ISBLK(mode) ? "is a block device" : NULL;
}

/* Everything up to INIFILE_SIZE_MAX. Returns the number of bytes, or -1 with a finding. */
static ssize_t read_all(int fd, const char *name, char *data, struct problems *problems)
{
	size_t size = 0;
	ssize_t got = 1;

	while (got > 0 && size <= INIFILE_SIZE_MAX) {
		got = read(fd, data + size, INIFILE_SIZE_MAX + 1 - size);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			size += (size_t)got;
	}
	if (got < 0) {
		problems_add(problems, "%s: can't be read: %s", name, strerror(errno));
		return -1;
	}
	if (size > INIFILE_SIZE_MAX) {
		problems_add(problems, "%s: is larger than %d bytes (not a configuration file?)",
			     name, INIFILE_SIZE_MAX);
		return -1;
	}
	return (ssize_t)size;
}

/* O_NONBLOCK: opening a pipe that nobody writes to must not hang the start. */
static int open_file(const char *path, const char *name, struct problems *problems)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	const char *kind;
	struct stat st;

	if (fd < 0) {
		problems_add(problems, "%s: can't be opened: %s", name, strerror(errno));
		return -1;
	}
	kind = fstat(fd, &st) < 0 ? strerror(errno) : unreadable_kind(st.st_mode);
	if (kind != NULL) {
		problems_add(problems, "%s: %s (a regular file is needed)", name, kind);
		close(fd);
		return -1;
	}
	return fd;
}

int inifile_load(const char *path, const char *name, char **data_r, size_t *size_r,
		 struct problems *problems)
{
	int fd = open_file(path, name, problems);
	char *data;
	ssize_t size;

	*data_r = NULL;
	*size_r = 0;
	if (fd < 0)
		return -1;
	data = malloc(INIFILE_SIZE_MAX + 1);
	if (data == NULL) {
		problems_add(problems, "%s: can't be read: %s", name, strerror(errno));
		close(fd);
		return -1;
	}
	size = read_all(fd, name, data, problems);
	close(fd);
	if (size < 0) {
		free(data);
		return -1;
	}
	*data_r = data;
	*size_r = (size_t)size;
	return 0;
}

/* ---- one line ------------------------------------------------------------------------------ */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

/* The first of CHARS in TEXT, not looking into a comment; NULL when there is none. A comment begins
 * as inih sees it: with a semicolon behind a blank. */
static const char *find_char(const char *text, const char *chars)
{
	bool after_blank = false;

	for (; *text != '\0'; text++) {
		if (strchr(chars, *text) != NULL)
			return text;
		if (after_blank && *text == ';')
			return NULL;
		after_blank = is_blank(*text);
	}
	return NULL;
}

/* "section.key" as far as LINE tells it: findings should name what they are about. */
static void describe_place(const struct reader *reader, const char *line, char place[PLACE_MAX])
{
	static const char word[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	const char *key = skip_blanks(line);
	size_t len = strspn(key, word);
	const char *behind = skip_blanks(key + len);

	if (len == 0 || len > INIFILE_LINE_MAX || (*behind != '=' && *behind != ':'))
		len = 0;
	snprintf(place, PLACE_MAX, "%s%s%.*s%s", reader->section,
		 len > 0 && reader->section[0] != '\0' ? "." : "", (int)len, key,
		 len > 0 || reader->section[0] != '\0' ? ": " : "");
}

/* Always false, so that a check can say `return reject(...)`. */
static bool __attribute__((format(printf, 3, 4)))
reject(struct reader *reader, const char *line, const char *format, ...)
{
	char place[PLACE_MAX], what[PROBLEM_TEXT_MAX];
	va_list args;

	describe_place(reader, line, place);
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	problems_add(reader->problems, "%s:%d: %s%s", reader->name, reader->line, place, what);
	return false;
}

/* LINE begins, behind blanks, with a bracket. */
static bool check_section(struct reader *reader, const char *line)
{
	const char *start = skip_blanks(line) + 1;
	const char *end = find_char(start, "]"), *behind;
	char name[OPTION_NAME_SIZE];

	reader->in_section = true;
	reader->section_known = false;
	reader->section[0] = '\0';
	if (end == NULL)
		return reject(reader, line, "section without \"]\" (write [SECTION])");
	snprintf(reader->section, sizeof(reader->section), "%.*s", (int)(end - start), start);
	reader->section_known = option_section(reader->section, name) != NULL;
	if (!reader->section_known)
		return reader->sink->lenient ||
		       reject(reader, "", "unknown section (nearest: [%s])",
			      option_section_text(option_nearest_section(reader->section), NULL,
						  name, sizeof(name)));
	if (reader->sink->section != NULL)
		reader->sink->section(reader->sink->context, reader->line, reader->section);
	behind = skip_blanks(end + 1);
	if (*behind != '\0' && *behind != ';' && *behind != '#')
		return reject(reader, "", "text behind the section's name (one thing a line)");
	return true;
}

static bool check_key(struct reader *reader, const char *line)
{
	const char *key = skip_blanks(line);

	reader->after_key = true;
	if (find_char(key, "=:") == NULL)
		return reject(reader, line, "neither a section nor a key (write KEY = VALUE)");
	if (*key == '=' || *key == ':')
		return reject(reader, line, "key without a name (write KEY = VALUE)");
	if (!reader->in_section)
		return reject(reader, line,
			      "key before the first section (begin with a [SECTION])");
	return true;
}

/* LINE is NUL-terminated text of allowed bytes and length. False: inih must not see it. */
static bool check_structure(struct reader *reader, const char *line)
{
	const char *start = skip_blanks(line);
	bool indented = start > line;

	if (*start == '\0' || *start == ';' || *start == '#')
		return true;
	if (*start == '[') {
		bool joined = indented && reader->after_key;

		reader->after_key = false;
		return check_section(reader, line) &&
		       (!joined || reject(reader, "",
					  "section is indented below a key "
					  "(begin it in the first column)"));
	}
	if (indented && reader->after_key)
		return reject(reader, line,
			      "continuation lines are not supported "
			      "(begin keys in the first column)");
	return check_key(reader, line);
}

/* Bytes of the line, before it may be treated as text. */
static bool check_bytes(struct reader *reader, const char *line, size_t len)
{
	char head[INIFILE_LINE_MAX + 1];

	snprintf(head, sizeof(head), "%.*s", (int)(len < sizeof(head) ? len : sizeof(head) - 1),
		 line);
	if (memchr(line, '\0', len) != NULL)
		return reject(reader, head, "line holds a NUL byte");
	if (len > INIFILE_LINE_MAX)
		return reject(reader, head, "line is %zu bytes long (at most %d)", len,
			      INIFILE_LINE_MAX);
	if (!text_is_utf8(line, len))
		return reject(reader, head, "line is not valid UTF-8");
	for (size_t i = 0; i < len; i++)
		if (line[i] == 0x7f || ((unsigned char)line[i] < ' ' && line[i] != '\t'))
			return reject(reader, head, "line holds a control character");
	return true;
}

/* ---- the pass ------------------------------------------------------------------------------ */

/* inih's reader: the next line into BUF without its end; a rejected line becomes an empty one, so
 * that both sides count alike. */
static char *next_line(char *buf, int size, void *stream)
{
	struct reader *reader = stream;
	const char *line = reader->data + reader->at;
	size_t left = reader->size - reader->at, len;
	const char *end;

	if (left == 0)
		return NULL;
	end = memchr(line, '\n', left);
	len = end != NULL ? (size_t)(end - line) : left;
	reader->at += len + (end != NULL);
	reader->line++;
	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (reader->line == 1 && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
		line += 3;
		len -= 3;
	}
	buf[0] = '\0';
	if (!check_bytes(reader, line, len)) {
		reader->after_key = true;
		return buf;
	}
	snprintf(buf, (size_t)size, "%.*s", (int)len, line);
	if (!check_structure(reader, buf))
		buf[0] = '\0';
	return buf;
}

static int hand_on(void *stream, const char *section, const char *key, const char *value)
{
	struct reader *reader = stream;

	(void)section;
	if (reader->section_known)
		reader->sink->pair(reader->sink->context, reader->line, reader->section, key,
				   value);
	return 1;
}

void inifile_parse(const char *name, const char *data, size_t size, const struct inifile_sink *sink,
		   struct problems *problems)
{
	struct reader reader = {
		.name = name,
		.data = data,
		.size = size,
		.sink = sink,
		.problems = problems,
	};
	int bad = ini_parse_stream(next_line, &reader, hand_on, &reader);

	/* Only lines that inih understands reach it; if it disagrees, say so rather than go on. */
	if (bad != 0)
		problems_add(problems, "%s:%d: is not understood", name, bad);
}
