/* SPDX-License-Identifier: ISC
 *
 * NAME      reference - data that others publish: the country file and the known calls
 * PURPOSE   Follows such a file, reads it, verifies what became of it, and puts it in force.
 * OWNER     data
 * CONTRACT  A list is replaced as a whole or not at all, and only by one that was verified: nobody
 *           here writes these files, and a download may be anything. The former one stays when the
 *           file can't be read, is none, or is too small to be true.
 * LIMITS    CTY_SIZE_MAX and REFERENCE_KNOWN_SIZE_MAX bytes, LIST_ENTRIES_MAX calls
 */
#ifndef SHACKD_WORKERS_DATA_REFERENCE_H
#define SHACKD_WORKERS_DATA_REFERENCE_H

#include "shm/line.h"
#include "workers/data/atlas.h"
#include "workers/data/book.h"
#include "workers/data/file.h"

#define REFERENCE_KNOWN_SIZE_MAX (16UL * 1024 * 1024)
#define REFERENCE_KNOWN_MIN	 1000 /* calls */

struct reference {
	enum list_kind kind; /* LIST_COUNTRIES or LIST_KNOWN */
	const char *key;     /* of the configuration, for the log */
	uint64_t conf_generation;
	struct file file;
	bool judged; /* the file was taken or refused at least once */

	/* what is being read */
	bool reading;
	struct cty cty;
	struct lines lines;
	uint32_t bad;
	struct atlas *atlas;
	struct rows *calls;

	/* what is in force */
	bool in_force;
	struct list_source source;
	int list; /* sealed, for who asked for news to take; -1: none */

	char note[EVENT_NOTE_MAX]; /* for the event */
};

void reference_init(struct reference *reference, enum list_kind kind);
void reference_free(struct reference *reference);

/* Obeys CONF, which needs these files only when a DX cluster runs. What is in force stays until
 * there is news; an empty path is news at once, of an empty list. */
void reference_configure(struct reference *reference, const struct conf *conf, uint64_t now);

/* Goes on from a list that a predecessor compiled; it needs not be read again if the file is what
 * it was compiled of, under the same configuration and by the same program. */
void reference_resume(struct reference *reference, const struct list_source *source);
void reference_believe(struct reference *reference);

/* Is it worth waiting for? */
bool reference_awaited(const struct reference *reference);

/* As book_turn. BOOK_NEW: a list was compiled. */
enum book_news reference_turn(struct reference *reference, uint64_t now, uint64_t real,
			      uint64_t every, const struct compile_help *help);

#endif
