/* SPDX-License-Identifier: ISC
 *
 * NAME      book - one list, from its file to what everybody maps
 * PURPOSE   Follows the file, reads its lines, decides whether they replace the list in force, and
 *           says so.
 * OWNER     data
 * CONTRACT  A list is replaced as a whole or not at all. Good lines are taken, bad ones are named.
 *           The former list stays when the file can't be read, when it is cut off (shorter than
 *           what was read before, the same as far as it goes, and its last line without an end),
 *           when it holds NUL bytes, and when it has bad lines and not one good one. Without a
 *           former list, what is good is taken in all of these cases but the first.
 * LIMITS    NAMED_MAX bad lines are named, the others counted
 */
#ifndef SHACKD_WORKERS_DATA_BOOK_H
#define SHACKD_WORKERS_DATA_BOOK_H

#include "shm/conf.h"
#include "shm/line.h"
#include "shm/store/schema.h"
#include "workers/data/compile.h"
#include "workers/data/file.h"

#define BOOK_NAMED_MAX 20

enum book_news {
	BOOK_SAME,
	BOOK_MORE,   /* call again soon */
	BOOK_NEW,    /* what is in force has changed: compile it */
	BOOK_FAILED, /* what is in force stays, for a new reason */
};

struct book {
	enum list_kind kind; /* LIST_ACCESS or LIST_HOMES */
	const char *key;     /* of the configuration, for the log */
	bool blocklist;	     /* LIST_ACCESS: the format of YSFReflector */
	struct conf_dgids dgids;
	uint64_t conf_generation;
	struct file file;

	/* what is being read */
	bool reading;
	struct lines lines;
	uint32_t bad, again, clashes;
	struct access_rules *rules_next;
	struct rows *homes_next;

	/* what is in force */
	bool in_force;
	struct list_source source;
	struct access_rules *rules; /* kept: host names change */
	struct rows *homes;	    /* until it is compiled */
	char *former;		    /* the text, or NULL */
	size_t former_length;	    /* of the file, even when its text is not kept */

	char note[EVENT_NOTE_MAX]; /* for the event */
};

void book_init(struct book *book, enum list_kind kind);
void book_free(struct book *book);

/* Obeys CONF: another file, another format. What is in force stays until there is news; an empty
 * path is news at once, of an empty list. */
void book_configure(struct book *book, const struct conf *conf, uint64_t now);

/* Goes on from a list that a predecessor compiled. */
void book_resume_access(struct book *book, const struct access *access);
void book_resume_homes(struct book *book, const struct homes *homes);

/* The list that was resumed needs not be read again if the file is what it was compiled of, under
 * the same configuration and by the same program. */
void book_believe(struct book *book);

enum book_news book_turn(struct book *book, uint64_t now, uint64_t real, uint64_t every);

/* Compiles what is in force. -1 with errno. */
int book_compile(struct book *book, const struct compile_help *help);

#endif
