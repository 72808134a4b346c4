/* SPDX-License-Identifier: ISC
 *
 * NAME      reference - data that others publish: the country file and the known calls
 * PURPOSE   See reference.h.
 * OWNER     data
 * CONTRACT  see reference.h
 * LIMITS    ITEMS_A_TURN prefixes, calls or lines a turn
 */
#include "workers/data/reference.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/log.h"

#define ITEMS_A_TURN 5000

static const char too_many[] = "holds more than a list can hold";
static const char no_memory[] = "has no place in memory";

void reference_init(struct reference *reference, enum list_kind kind)
{
	*reference = (struct reference){.kind = kind, .list = -1};
	reference->key = kind == LIST_COUNTRIES ? "data.cty_file" : "data.scp_file";
	file_init(&reference->file, "");
}

static void stop_reading(struct reference *reference)
{
	reference->reading = false;
	file_forget(&reference->file);
	if (reference->atlas != NULL)
		atlas_free(reference->atlas);
	if (reference->calls != NULL)
		rows_free(reference->calls);
	free(reference->atlas);
	free(reference->calls);
	reference->atlas = NULL;
	reference->calls = NULL;
}

static void drop_list(struct reference *reference)
{
	if (reference->list >= 0)
		close(reference->list);
	reference->list = -1;
}

void reference_free(struct reference *reference)
{
	stop_reading(reference);
	drop_list(reference);
	file_free(&reference->file);
}

static const char *path(const struct reference *reference)
{
	return reference->file.path;
}

static enum book_news fail(struct reference *reference, const char *why)
{
	stop_reading(reference);
	reference->judged = true;
	snprintf(reference->note, sizeof(reference->note), "%s: %s", list_name(reference->kind),
		 why);
	log_warning("%s: %s %s; %s", reference->key, path(reference), why,
		    reference->in_force ? "the list read before stays in force"
					: "there is no list until it can be used");
	return BOOK_FAILED;
}

/* ---- reading ---- */

static bool has_tables(struct reference *reference)
{
	if (reference->kind == LIST_COUNTRIES) {
		reference->atlas = calloc(1, sizeof(*reference->atlas));
		return reference->atlas != NULL && atlas_init(reference->atlas);
	}
	reference->calls = calloc(1, sizeof(*reference->calls));
	return reference->calls != NULL &&
	       rows_init(reference->calls, CALL_TEXT_SIZE, CALL_TEXT_SIZE);
}

/* Somebody stopped in the middle of writing it. A country file tells so itself. */
static bool is_cut_off(const struct reference *reference)
{
	const struct file *file = &reference->file;

	return reference->kind == LIST_KNOWN && reference->in_force && file->length > 0 &&
	       file->text[file->length - 1] != '\n' && file->length < reference->source.size;
}

static enum book_news begin(struct reference *reference)
{
	struct file *file = &reference->file;

	if (is_cut_off(reference))
		return fail(reference,
			    "is cut off in the middle of a line (end that line if this is all)");
	if (!has_tables(reference))
		return fail(reference, no_memory);
	reference->bad = 0;
	reference->reading = true;
	if (reference->kind == LIST_COUNTRIES)
		cty_begin(&reference->cty, file->text, file->length);
	else
		lines_begin(&reference->lines, file->text, file->length);
	return BOOK_MORE;
}

/* Who publishes these files can't be told by our log: that is for the curious. */
static void name_bad(struct reference *reference, uint32_t line, const char *why)
{
	if (++reference->bad <= BOOK_NAMED_MAX)
		log_debug("%s:%u: what stands here %s", path(reference), line, why);
}

/* BOOK_NEW: all of it was read. */
static enum book_news read_countries(struct reference *reference)
{
	struct cty *cty = &reference->cty;

	for (unsigned i = 0; i < ITEMS_A_TURN; i++) {
		enum cty_news news = cty_next(cty);

		if (news == CTY_END)
			return BOOK_NEW;
		if (news == CTY_REFUSED)
			return fail(reference, cty->why);
		if (news == CTY_BAD)
			name_bad(reference, cty->line, cty->why);
		else if (!atlas_take(reference->atlas, cty, news))
			return fail(reference, too_many);
	}
	return BOOK_MORE;
}

static enum book_news read_known(struct reference *reference)
{
	for (unsigned i = 0; i < ITEMS_A_TURN; i++) {
		char call[CALL_TEXT_SIZE];
		const char *line;
		size_t length;

		if (!lines_next(&reference->lines, &line, &length))
			return BOOK_NEW;
		if (length == 0 || line[0] == '#')
			continue;
		if (!call_normalise(line, length, call) || !call_valid(call))
			name_bad(reference, reference->lines.number, "is no call");
		else if (rows_put(reference->calls, call, NULL) == ROWS_FULL)
			return fail(reference, too_many);
	}
	return BOOK_MORE;
}

/* ---- what becomes of it ---- */

static int compile(const struct reference *reference, const struct list_source *source,
		   const struct compile_help *help)
{
	return reference->kind == LIST_COUNTRIES ? atlas_compile(reference->atlas, source, help)
						 : compile_known(reference->calls, source, help);
}

static const char *judge_countries(struct reference *reference, int fd)
{
	struct countries *countries = countries_map(fd);
	struct countries_counts counts = countries_count(countries);
	const char *why = atlas_objection(countries);

	snprintf(reference->note, sizeof(reference->note),
		 "countries: %u entities, %u prefixes, %u calls%s%s", counts.entities,
		 counts.prefixes, counts.calls, countries_version(countries)[0] != '\0' ? ", " : "",
		 countries_version(countries));
	countries_unmap(&countries);
	return why;
}

static const char *judge_known(struct reference *reference)
{
	snprintf(reference->note, sizeof(reference->note), "known: %u calls",
		 reference->calls->count);
	return reference->calls->count < REFERENCE_KNOWN_MIN ? "has fewer than 1000 calls" : NULL;
}

static enum book_news put_in_force(struct reference *reference, int fd,
				   const struct list_source *source)
{
	drop_list(reference);
	reference->list = fd;
	reference->source = *source;
	reference->in_force = true;
	reference->judged = true;
	stop_reading(reference);
	log_info("loaded %s, %u bad (%s)", reference->note, source->bad_lines, path(reference));
	return BOOK_NEW;
}

static enum book_news finish(struct reference *reference, const struct compile_help *help)
{
	const struct file_stamp *taken = &reference->file.taken;
	const struct list_source source = {.dev = taken->dev,
					   .ino = taken->ino,
					   .size = taken->size,
					   .mtime = taken->mtime,
					   .conf_generation = reference->conf_generation,
					   .bad_lines = reference->bad};
	const char *why;
	int fd;

	fd = compile(reference, &source, help);
	if (fd < 0)
		return fail(reference, strerror(errno));
	why = reference->kind == LIST_COUNTRIES ? judge_countries(reference, fd)
						: judge_known(reference);
	if (why == NULL)
		return put_in_force(reference, fd, &source);
	close(fd);
	return fail(reference, why);
}

static enum book_news empty_list(struct reference *reference)
{
	const struct list_source none = {0};
	int fd = has_tables(reference) ? compile(reference, &none, NULL) : -1;

	reference->in_force = false;
	if (fd < 0)
		return fail(reference, no_memory);
	stop_reading(reference);
	drop_list(reference);
	reference->list = fd;
	reference->source = none;
	snprintf(reference->note, sizeof(reference->note), "%s: none, %s is empty",
		 list_name(reference->kind), reference->key);
	log_info("%s is empty: that list is none", reference->key);
	return BOOK_NEW;
}

/* ---- the whole way ---- */

static const char *wanted_path(const struct reference *reference, const struct conf *conf)
{
	if (!conf_bool(conf, CONF_DXC_ENABLED) || conf_text(conf, CONF_DXC_NODE_CALL)[0] == '\0')
		return "";
	return conf_text(conf, reference->kind == LIST_COUNTRIES ? CONF_DATA_CTY_FILE
								 : CONF_DATA_SCP_FILE);
}

void reference_configure(struct reference *reference, const struct conf *conf, uint64_t now)
{
	const char *new = wanted_path(reference, conf);

	stop_reading(reference);
	if (strcmp(new, path(reference)) != 0) {
		if (path(reference)[0] != '\0') /* a shorter one elsewhere is not this one, cut off */
			reference->source.size = 0;
		file_free(&reference->file);
		file_init(&reference->file, new);
	}
	reference->file.most =
		reference->kind == LIST_COUNTRIES ? CTY_SIZE_MAX : REFERENCE_KNOWN_SIZE_MAX;
	file_again(&reference->file, now);
	reference->file.urgent = !reference->in_force;
	reference->conf_generation = conf_generation(conf);
}

void reference_resume(struct reference *reference, const struct list_source *source)
{
	/* an empty path leaves an empty list behind, which is no list */
	reference->in_force = source->size > 0;
	reference->source = *source;
}

void reference_believe(struct reference *reference)
{
	const struct list_source *source = &reference->source;

	if (!reference->in_force || source->conf_generation != reference->conf_generation)
		return;
	reference->file.taken = (struct file_stamp){.dev = source->dev,
						    .ino = source->ino,
						    .size = source->size,
						    .mtime = source->mtime};
	reference->file.judged = true;
}

bool reference_awaited(const struct reference *reference)
{
	return !reference->in_force && !reference->judged && path(reference)[0] != '\0' &&
	       reference->file.why[0] == '\0';
}

enum book_news reference_turn(struct reference *reference, uint64_t now, uint64_t real,
			      uint64_t every, const struct compile_help *help)
{
	enum book_news news;

	if (path(reference)[0] == '\0')
		return reference->in_force ? empty_list(reference) : BOOK_SAME;
	if (reference->reading) {
		news = reference->kind == LIST_COUNTRIES ? read_countries(reference)
							 : read_known(reference);
		return news == BOOK_NEW ? finish(reference, help) : news;
	}
	switch (file_turn(&reference->file, now, real, every)) {
	case FILE_MORE:
		return BOOK_MORE;
	case FILE_CONTENT:
		return begin(reference);
	case FILE_TROUBLE:
		return fail(reference, reference->file.why);
	case FILE_BACK:
		log_info("%s: %s can be read again and is what it was", reference->key,
			 path(reference));
		return BOOK_SAME;
	default:
		return BOOK_SAME;
	}
}
