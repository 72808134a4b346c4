/* SPDX-License-Identifier: ISC
 *
 * NAME      book - one list, from its file to what everybody maps
 * PURPOSE   See book.h.
 * OWNER     data
 * CONTRACT  see book.h
 * LIMITS    LINES_A_TURN lines a turn
 */
#include "workers/data/book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/denylist.h"
#include "shm/homelist.h"
#include "shm/log.h"
#include "workers/data/names.h"

#define LINES_A_TURN 5000
#define FORMER_MAX   (4UL * 1024 * 1024)
#define SHOWN	     60 /* bytes of a bad line in the log */

void book_init(struct book *book, enum list_kind kind)
{
	*book = (struct book){.kind = kind};
	book->key = kind == LIST_ACCESS ? "access.file" : "dgid.home_file";
	file_init(&book->file, "");
}

static void free_rules(struct access_rules **rules)
{
	if (*rules != NULL)
		access_rules_free(*rules);
	free(*rules);
	*rules = NULL;
}

static void free_rows(struct rows **rows)
{
	if (*rows != NULL)
		rows_free(*rows);
	free(*rows);
	*rows = NULL;
}

static struct access_rules *new_rules(void)
{
	struct access_rules *rules = calloc(1, sizeof(*rules));

	if (rules != NULL && !access_rules_init(rules))
		free_rules(&rules);
	return rules;
}

static struct rows *new_homes(void)
{
	struct rows *rows = calloc(1, sizeof(*rows));

	if (rows != NULL && !rows_init(rows, sizeof(struct homes_entry), LIST_TEXT))
		free_rows(&rows);
	return rows;
}

static void stop_reading(struct book *book)
{
	book->reading = false;
	file_forget(&book->file);
	free_rules(&book->rules_next);
	free_rows(&book->homes_next);
}

void book_free(struct book *book)
{
	stop_reading(book);
	file_free(&book->file);
	free_rules(&book->rules);
	free_rows(&book->homes);
	free(book->former);
	book->former = NULL;
}

static const char *path(const struct book *book)
{
	return book->file.path;
}

/* ---- lines ---- */

static void name_bad(struct book *book, const char *line, size_t length, const char *why)
{
	book->bad++;
	if (book->bad <= BOOK_NAMED_MAX)
		log_warning("%s:%u: \"%.*s%s\" %s", path(book), book->lines.number,
			    (int)(length < SHOWN ? length : SHOWN), line,
			    length < SHOWN ? "" : "...", why);
}

static const char full[] = "is one more than a list can hold";

static void take_rule(struct book *book, const struct deny_rule *rule, const char *line,
		      size_t length)
{
	struct access_rules *rules = book->rules_next;
	struct access_name name = {.set = (uint8_t)rule->set};
	bool is_net = rule->set == ACCESS_IP || rule->set == ACCESS_IPB;
	enum rows_put put;

	if (rule->host[0] == '\0') {
		put = rows_put(&rules->set[rule->set],
			       is_net ? (const void *)&rule->net : (const void *)rule->text, NULL);
	} else if (rules->names.count < NAMES_MAX) {
		memcpy(name.host, rule->host, sizeof(name.host));
		put = rows_put(&rules->names, &name, NULL);
	} else {
		put = ROWS_FULL;
	}
	if (put == ROWS_FULL)
		name_bad(book, line, length, full);
	book->again += put == ROWS_THERE;
}

static void take_access_line(struct book *book, const char *line, size_t length)
{
	enum line_kind kind;
	struct deny_rule rule;

	kind = book->blocklist ? blocklist_parse(line, length, &rule)
			       : denylist_parse(line, length, &rule);
	if (kind == LINE_BAD)
		name_bad(book, line, length, rule.why);
	else if (kind == LINE_RULE)
		take_rule(book, &rule, line, length);
}

/* The same gateway twice: nailed goes before timed (as at its registration), else the first line.
 */
static void settle_homes(struct book *book, const struct homes_entry *entry)
{
	struct homes_entry *first = rows_find(book->homes_next, entry->name);

	if (memcmp(first, entry, sizeof(*entry)) == 0)
		return;
	bool taken = entry->fixed && !first->fixed;
	if (++book->clashes <= BOOK_NAMED_MAX)
		log_warning("%s:%u: %s is there already, with another home: %s", path(book),
			    book->lines.number, entry->name,
			    taken ? "this one holds, for it can't be left"
				  : "the earlier line holds");
	if (taken)
		*first = *entry;
}

static void take_home_line(struct book *book, const char *line, size_t length)
{
	struct home_line home;
	enum line_kind kind = homelist_parse(line, length, &book->dgids, &home);

	if (kind == LINE_BAD)
		name_bad(book, line, length, home.why);
	if (kind != LINE_RULE)
		return;
	enum rows_put put = rows_put(book->homes_next, &home.entry, NULL);
	if (put == ROWS_FULL)
		name_bad(book, line, length, full);
	if (put != ROWS_THERE)
		return;
	book->again++;
	settle_homes(book, &home.entry);
}

static bool begin_lines(struct book *book)
{
	book->bad = book->again = book->clashes = 0;
	free_rules(&book->rules_next);
	free_rows(&book->homes_next);
	if (book->kind == LIST_ACCESS)
		book->rules_next = new_rules();
	else
		book->homes_next = new_homes();
	if (book->rules_next == NULL && book->homes_next == NULL)
		return false;
	lines_begin(&book->lines, book->file.text, book->file.length);
	book->reading = true;
	return true;
}

/* False: there are more. */
static bool take_lines(struct book *book)
{
	const char *line;
	size_t length;

	for (unsigned i = 0; i < LINES_A_TURN; i++) {
		if (!lines_next(&book->lines, &line, &length))
			return true;
		if (book->kind == LIST_ACCESS)
			take_access_line(book, line, length);
		else
			take_home_line(book, line, length);
	}
	return false;
}

/* ---- what they are worth ---- */

static uint32_t rules_count(const struct book *book)
{
	uint32_t count = 0;

	if (book->kind == LIST_HOMES)
		return book->homes_next->count;
	for (unsigned set = 0; set < ACCESS_SETS; set++)
		count += book->rules_next->set[set].count;
	return count + book->rules_next->names.count;
}

/* Somebody stopped in the middle of writing what was there before. */
static bool is_cut_off(const struct book *book)
{
	const struct file *file = &book->file;

	if (file->length == 0 || file->text[file->length - 1] == '\n' ||
	    file->length >= book->former_length)
		return false;
	return book->former == NULL || memcmp(book->former, file->text, file->length) == 0;
}

/* Why the file must not replace what is in force; NULL: it may. */
static const char *objection(const struct book *book)
{
	if (!book->in_force)
		return NULL;
	if (is_cut_off(book))
		return "is cut off in the middle of a line (end that line if this is all)";
	if (book->file.length > 0 && memchr(book->file.text, '\0', book->file.length) != NULL)
		return "holds NUL bytes: that is no text";
	if (book->bad > 0 && rules_count(book) == 0)
		return "has not one good line";
	return NULL;
}

static void keep_former_text(struct book *book)
{
	free(book->former);
	book->former = NULL;
	book->former_length = book->file.length;
	if (book->file.length <= FORMER_MAX) {
		book->former = book->file.text;
		book->file.text = NULL;
	}
}

/* Entries of two sets that can't both have their way. */
static void name_clashes(struct book *book, enum access_set weak, enum access_set strong,
			 const char *outcome)
{
	const struct rows *rows = &book->rules_next->set[weak];
	uint32_t clashes = 0;

	for (uint32_t i = 0; i < rows->count; i++) {
		const void *entry = rows_at(rows, i);

		if (rows_find(&book->rules_next->set[strong], entry) == NULL)
			continue;
		if (++clashes <= BOOK_NAMED_MAX && rows->entry_size == LIST_TEXT)
			log_warning("%s: %s is both %s and %s: %s", path(book), (const char *)entry,
				    access_set_name(weak), access_set_name(strong), outcome);
	}
	if (clashes > 0 && rows->entry_size != LIST_TEXT)
		log_warning("%s: %u addresses are both %s and %s: %s", path(book), clashes,
			    access_set_name(weak), access_set_name(strong), outcome);
	book->clashes += clashes;
}

/* ---- what is said ---- */

/* How the parts of a note are put together; the short way is for those that don't fit. */
struct note_style {
	const char *between, *bad, *bads;
};

static const struct note_style styles[] = {{", ", "bad line", "bad lines"}, {" ", "bad", "bad"}};

static void add_note(char *note, size_t size, const char *between, uint32_t count, const char *what)
{
	size_t length = strlen(note);

	if (count > 0 && length < size)
		snprintf(note + length, size - length, "%s%u %s",
			 note[length - 1] == ':' ? " " : between, count, what);
}

static void write_note(const struct book *book, const struct note_style *style, char *note,
		       size_t size)
{
	static const enum access_set order[] = {ACCESS_CS, ACCESS_AL,  ACCESS_GW,
						ACCESS_IP, ACCESS_GWB, ACCESS_IPB,
						ACCESS_SB, ACCESS_SN,  ACCESS_SUB};

	snprintf(note, size, "%s:", list_name(book->kind));
	if (book->kind == LIST_HOMES) {
		add_note(note, size, style->between, book->homes->count, "gateways");
	} else {
		for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++)
			add_note(note, size, style->between, book->rules->set[order[i]].count,
				 access_set_name(order[i]));
		add_note(note, size, style->between, book->rules->names.count, "names");
	}
	add_note(note, size, style->between, book->bad, book->bad == 1 ? style->bad : style->bads);
	if (note[strlen(note) - 1] == ':')
		snprintf(note, size, "%s: empty", list_name(book->kind));
}

/* "access: 3 CS, 1 AL, 2 bad lines" */
static void make_note(struct book *book)
{
	char whole[256];
	bool fits;

	write_note(book, &styles[0], whole, sizeof(whole));
	log_info("loaded %s (%s)", whole, path(book));
	fits = strlen(whole) < sizeof(book->note);
	write_note(book, &styles[!fits], book->note, sizeof(book->note));
}

static enum book_news fail(struct book *book, const char *why)
{
	snprintf(book->note, sizeof(book->note), "%s: %s", list_name(book->kind), why);
	log_warning("%s: %s %s; %s", book->key, path(book), why,
		    book->in_force ? "the list read before stays in force"
				   : "there is no list until it can be read");
	return BOOK_FAILED;
}

static enum book_news put_in_force(struct book *book)
{
	if (book->kind == LIST_ACCESS) {
		name_clashes(book, ACCESS_AL, ACCESS_CS,
			     "AL wins with access.check_re 1 and 0, CS with -1");
		name_clashes(book, ACCESS_GW, ACCESS_GWB, "GWB wins");
		name_clashes(book, ACCESS_IP, ACCESS_IPB, "IPB wins");
	}
	free_rules(&book->rules);
	free_rows(&book->homes);
	book->rules = book->rules_next;
	book->homes = book->homes_next;
	book->rules_next = NULL;
	book->homes_next = NULL;
	book->source = (struct list_source){.dev = book->file.taken.dev,
					    .ino = book->file.taken.ino,
					    .size = book->file.taken.size,
					    .mtime = book->file.taken.mtime,
					    .conf_generation = book->conf_generation,
					    .bad_lines = book->bad};
	book->in_force = true;
	keep_former_text(book);
	make_note(book);
	return BOOK_NEW;
}

static enum book_news finish_lines(struct book *book)
{
	enum book_news news;

	if (book->bad > BOOK_NAMED_MAX)
		log_warning("%s: and %u more bad lines", path(book), book->bad - BOOK_NAMED_MAX);
	if (book->again > 0)
		log_info("%s: %u %s again what an earlier one says", path(book), book->again,
			 book->again == 1 ? "line says" : "lines say");
	const char *why = objection(book);
	news = why != NULL ? fail(book, why) : put_in_force(book);
	stop_reading(book);
	return news;
}

/* ---- the whole way ---- */

static enum book_news empty_list(struct book *book)
{
	free_rules(&book->rules);
	free_rows(&book->homes);
	if (book->kind == LIST_ACCESS)
		book->rules = new_rules();
	else
		book->homes = new_homes();
	if (book->rules == NULL && book->homes == NULL)
		return fail(book, "has no place in memory");
	free(book->former);
	book->former = NULL;
	book->former_length = 0;
	book->source = (struct list_source){0};
	book->in_force = false;
	snprintf(book->note, sizeof(book->note), "%s: none, %s is empty", list_name(book->kind),
		 book->key);
	log_info("%s is empty: that list is none", book->key);
	return BOOK_NEW;
}

void book_configure(struct book *book, const struct conf *conf, uint64_t now)
{
	bool is_access = book->kind == LIST_ACCESS;
	const char *new = conf_text(conf, is_access ? CONF_ACCESS_FILE : CONF_DGID_HOME_FILE);

	stop_reading(book);
	book->blocklist = strcmp(conf_text(conf, CONF_ACCESS_FORMAT), "ysfreflector") == 0;
	book->dgids = conf_dgids(conf, CONF_DGID_LIST);
	if (strcmp(new, path(book)) != 0) {
		file_free(&book->file);
		file_init(&book->file, new);
		/* a shorter file elsewhere is not this one, cut off */
		free(book->former);
		book->former = NULL;
		book->former_length = 0;
	}
	file_again(&book->file, now);
	book->file.urgent = !book->in_force;
	book->conf_generation = conf_generation(conf);
}

void book_resume_access(struct book *book, const struct access *access)
{
	book->rules = new_rules();
	if (book->rules == NULL || !compile_back(access, book->rules)) {
		free_rules(&book->rules); /* it stays in force, with the addresses that it has */
		log_warning("no memory for the list that is in force: its host names rest");
	}
	book->in_force = true;
	book->source = access->source;
	book->former_length = access->source.size;
}

void book_resume_homes(struct book *book, const struct homes *homes)
{
	book->in_force = true;
	book->source = homes->source;
	book->former_length = homes->source.size;
}

void book_believe(struct book *book)
{
	const struct list_source *source = &book->source;

	if (!book->in_force || source->conf_generation != book->conf_generation)
		return;
	book->file.taken = (struct file_stamp){.dev = source->dev,
					       .ino = source->ino,
					       .size = source->size,
					       .mtime = source->mtime};
	book->file.judged = true;
}

enum book_news book_turn(struct book *book, uint64_t now, uint64_t real, uint64_t every)
{
	if (path(book)[0] == '\0')
		return book->in_force ? empty_list(book) : BOOK_SAME;
	if (book->reading)
		return take_lines(book) ? finish_lines(book) : BOOK_MORE;
	switch (file_turn(&book->file, now, real, every)) {
	case FILE_MORE:
		return BOOK_MORE;
	case FILE_CONTENT:
		return begin_lines(book) ? BOOK_MORE : fail(book, "has no place in memory");
	case FILE_TROUBLE:
		return fail(book, book->file.why);
	case FILE_BACK:
		log_info("%s: %s can be read again and is what it was", book->key, path(book));
		return BOOK_SAME;
	default:
		return BOOK_SAME;
	}
}

int book_compile(struct book *book, const struct compile_help *help)
{
	int fd;

	if (book->kind == LIST_ACCESS)
		return compile_access(book->rules, &book->source, help);
	fd = compile_homes(book->homes, &book->source, help);
	if (fd >= 0)
		free_rows(&book->homes);
	return fd;
}
