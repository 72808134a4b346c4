/* SPDX-License-Identifier: ISC
 *
 * NAME      record - the handover record of this master, written and read
 * PURPOSE   What of the master goes into the record, and how a master is made of it.
 * OWNER     master
 * CONTRACT  whatever the master holds for life is in it; record_inherit believes nothing that it
 *           has not checked
 * LIMITS    see master/upgrade/handover.h
 */
#ifndef SHACKD_MASTER_UPGRADE_RECORD_H
#define SHACKD_MASTER_UPGRADE_RECORD_H

#include "master/master.h"
#include "master/upgrade/handover.h"

/* A mapped record. */
struct record {
	int fd;
	const void *data;
	size_t size;
	struct handover_info info;
	struct handover_master master;
};

/* What the next image is given that is not the master's own: PROGRESS (net.h), and shackd-net of its
 * build. */
struct record_extra {
	int progress, net;
};

/* Writes it into a sealed memfd. -1 with a sentence. */
int record_write(const struct master *master, const struct record_extra *extra, char why_r[160]);

/* Maps and checks the record FD. False with a sentence. */
bool record_open(struct record *record_r, int fd, char why_r[160]);
void record_close(struct record *record);

enum record_mode {
	RECORD_REHEARSE, /* in a child of the writer: look, keep nothing */
	RECORD_ADOPT,	 /* the next image: everything has to be there */
	RECORD_RESUME, /* the writer's own build, after the next one failed: what closed is gone */
};

/* Makes the MASTER (zeroed but for its descriptors, -1, and mode of start) of the record. False
 * with a sentence. The holders are followed later, by takeover. */
bool record_inherit(struct master *master, const struct record *record, enum record_mode mode,
		    char why_r[256]);

/* The next descriptor of the record from *AT on (0: the first), its texts terminated. False: no
 * more. */
bool record_next_fd(const struct record *record, size_t *at, struct handover_fd *fd_r);

/* Puts the mark that closes descriptors at an exec on all of the record (WANTED), or takes it off;
 * those that closed since are left out. */
void record_close_on_exec(const struct record *record, bool wanted);

/* Text of WORD, number N of its kind; NULL: there are no more. The caller's (free). */
char *record_word(const struct record *record, enum handover_word word, unsigned n);

#endif
