/* SPDX-License-Identifier: ISC
 *
 * NAME      examine - is the file of a store whole?
 * PURPOSE   Walks the trees of an LMDB file page by page: every page is what its number says, is used
 *           once, and holds what its header promises; keys are in order; the counts agree.
 * OWNER     see examine.h
 * CONTRACT  see examine.h. The layout is that of LMDB 0.9 (data version 1) on 64 bits.
 * LIMITS    trees of DEPTH_MAX levels, all of them together
 */
#include "shm/store/examine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC	    0xBEEFC0DEU
#define DATA_FORMAT 1
#define DEPTH_MAX   48
#define KEY_MOST    511
#define NO_ROOT	    UINT64_MAX
#define PAGE_LEAST  512
#define PAGE_MOST   65536
/* Pages at the end that were taken and given back within one commit are never written. */
#define UNWRITTEN_MOST (64 << 20)
#define TXNID_MOST     (UINT64_MAX / 2) /* a number that wraps makes the next commit an old one */

enum page_flag { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_OVERFLOW = 4, PAGE_META = 8 };
enum node_flag { NODE_BIG = 1, NODE_TABLE = 2 };
enum table_flag { TABLE_NUMBERS = 8 }; /* the keys are numbers of this machine */

struct page_head {
	uint64_t number;
	uint16_t pad, flags;
	union {
		struct {
			uint16_t lower, upper;
		};
		uint32_t pages; /* of an overflow */
	};
};

struct node_head {
	uint16_t low, high, flags, key_size;
};

struct table_head {
	uint32_t pad; /* of the table of free pages: the size of a page */
	uint16_t flags, depth;
	uint64_t branches, leaves, overflows, entries, root;
};

struct meta {
	uint32_t magic, format;
	uint64_t address, map_size;
	struct table_head free, main;
	uint64_t last, txnid;
};

struct examiner {
	int fd;
	uint32_t page_size;
	uint64_t last;	/* number of the last page */
	uint8_t *seen;	/* a bit for each page */
	uint8_t *pages; /* DEPTH_MAX of them: the way down to where we are */
	uint8_t *big;	/* a record that is longer than a page */
	size_t big_room;
	examine_visitor *visit;
	void *arg;
	struct examine_report *report;
};

enum tree_kind { TREE_FREE, TREE_MAIN, TREE_TABLE };

/* One table while it is walked. */
struct tree {
	enum tree_kind kind;
	char name[32];
	unsigned depth;
	uint64_t branches, leaves, overflows, entries;
	uint8_t key[KEY_MOST + 1]; /* the last one seen */
	size_t key_size;
	bool any, same_is_good; /* the last one seen was a branch's: what follows may equal it */
};

static bool wrong(struct examiner *x, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static bool walk_tree(struct examiner *x, const struct table_head *head, enum tree_kind kind,
		      const char *name, unsigned level);
static bool walk_page(struct examiner *x, struct tree *tree, uint64_t number, unsigned level,
		      unsigned height);

static bool wrong(struct examiner *x, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(x->report->why, sizeof(x->report->why), format, args);
	va_end(args);
	return false;
}

static bool read_at(const struct examiner *x, void *to, size_t length, uint64_t offset)
{
	uint8_t *at = to;

	while (length > 0) {
		ssize_t got = pread(x->fd, at, length, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += got;
		offset += (uint64_t)got;
		length -= (size_t)got;
	}
	return true;
}

/* A page is used once, by a table or as a free one. */
static bool claim(struct examiner *x, uint64_t number, uint64_t count)
{
	if (number < 2 || number > x->last || count > x->last - number + 1)
		return wrong(x, "page %llu is outside the file", (unsigned long long)number);
	for (uint64_t page = number; page < number + count; page++) {
		uint8_t bit = (uint8_t)(1U << (page & 7));

		if (x->seen[page >> 3] & bit)
			return wrong(x, "page %llu is used twice", (unsigned long long)page);
		x->seen[page >> 3] |= bit;
	}
	return true;
}

/* ---- keys ---- */

/* The table of free pages goes by numbers, all others by bytes. */
static int compare_keys(const struct tree *tree, const uint8_t *key, size_t size)
{
	size_t common = size < tree->key_size ? size : tree->key_size;
	uint64_t one, other;
	int order;

	if (tree->kind == TREE_FREE) {
		memcpy(&one, key, sizeof(one));
		memcpy(&other, tree->key, sizeof(other));
		return one < other ? -1 : one > other;
	}
	order = memcmp(key, tree->key, common);
	if (order != 0)
		return order;
	return size < tree->key_size ? -1 : size > tree->key_size;
}

static bool commit_ok(const struct examiner *x, const uint8_t *key)
{
	uint64_t number;

	memcpy(&number, key, sizeof(number));
	return number >= 1 && number <= x->report->txnid;
}

static bool next_key(struct examiner *x, struct tree *tree, const uint8_t *key, size_t size,
		     bool of_branch, uint64_t page)
{
	int order;

	if (size == 0 || size > KEY_MOST || (tree->kind == TREE_FREE && size != sizeof(uint64_t)))
		return wrong(x, "a key of page %llu has %zu bytes", (unsigned long long)page, size);
	if (tree->kind == TREE_FREE && !commit_ok(x, key))
		return wrong(x, "page %llu has free pages of a commit that was none",
			     (unsigned long long)page);
	order = tree->any ? compare_keys(tree, key, size) : 1;
	if (order < 0 || (order == 0 && !tree->same_is_good))
		return wrong(x, "the keys of page %llu are not in order", (unsigned long long)page);
	memcpy(tree->key, key, size);
	tree->key_size = size;
	tree->any = true;
	tree->same_is_good = of_branch;
	return true;
}

/* ---- records ---- */

static uint64_t overflow_pages(const struct examiner *x, uint64_t size)
{
	return (sizeof(struct page_head) - 1 + size) / x->page_size + 1;
}

static bool take_overflow(struct examiner *x, struct tree *tree, uint64_t number, uint64_t size)
{
	uint64_t count = overflow_pages(x, size);
	struct page_head head;

	if (!claim(x, number, count))
		return false;
	if (!read_at(x, &head, sizeof(head), number * x->page_size))
		return wrong(x, "the file ends before page %llu", (unsigned long long)number);
	if (head.number != number || head.flags != PAGE_OVERFLOW || head.pages != count)
		return wrong(x, "page %llu holds no long record", (unsigned long long)number);
	tree->overflows += count;
	return true;
}

/* Numbers of free pages, their count first, then falling: LMDB looks for neighbours in them. */
static bool take_free_pages(struct examiner *x, const uint8_t *list, uint64_t size)
{
	uint64_t count, number, former = UINT64_MAX;

	if (size < sizeof(count))
		return wrong(x, "a list of free pages is cut off");
	memcpy(&count, list, sizeof(count));
	if (count > size / sizeof(number) - 1)
		return wrong(x, "a list of free pages is cut off");
	for (uint64_t i = 1; i <= count; i++) {
		memcpy(&number, list + i * sizeof(number), sizeof(number));
		if (number >= former)
			return wrong(x, "a list of free pages is not in order");
		if (!claim(x, number, 1))
			return false;
		former = number;
	}
	x->report->free += count;
	return true;
}

static bool read_long(struct examiner *x, uint64_t number, uint64_t size)
{
	if (size > x->big_room) {
		uint8_t *room = realloc(x->big, size);

		if (room == NULL)
			return wrong(x, "no memory to read %llu bytes", (unsigned long long)size);
		x->big = room;
		x->big_room = size;
	}
	if (!read_at(x, x->big, size, number * x->page_size + sizeof(struct page_head)))
		return wrong(x, "the file ends in page %llu", (unsigned long long)number);
	return true;
}

static void show(const struct examiner *x, const struct tree *tree, const uint8_t *value,
		 uint64_t size)
{
	if (x->visit != NULL && tree->kind == TREE_TABLE)
		x->visit(tree->name, tree->key, tree->key_size, value, size, x->arg);
}

static bool take_long(struct examiner *x, struct tree *tree, uint64_t number, uint64_t size)
{
	if (!take_overflow(x, tree, number, size) || !read_long(x, number, size))
		return false;
	if (tree->kind == TREE_FREE)
		return take_free_pages(x, x->big, size);
	show(x, tree, x->big, size);
	return true;
}

/* DATA has ROOM bytes up to the end of its page. */
static bool take_record(struct examiner *x, struct tree *tree, const struct node_head *node,
			const uint8_t *data, size_t room, unsigned level)
{
	uint64_t size = node->low | (uint64_t)node->high << 16, number;
	struct table_head table;
	char name[32];

	tree->entries++;
	if (node->flags & NODE_BIG) {
		if (room < sizeof(number) || node->flags != NODE_BIG)
			return wrong(x, "a long record is damaged");
		memcpy(&number, data, sizeof(number));
		return take_long(x, tree, number, size);
	}
	if (size > room)
		return wrong(x, "a record is longer than its page");
	if (tree->kind == TREE_FREE)
		return node->flags == 0 ? take_free_pages(x, data, size)
					: wrong(x, "a list of free pages is damaged");
	if (node->flags == 0 && tree->kind == TREE_TABLE) {
		show(x, tree, data, size);
		return true;
	}
	if (node->flags != NODE_TABLE || tree->kind != TREE_MAIN || size != sizeof(table))
		return wrong(x, "a record is of a kind that no store of ours has");
	memcpy(&table, data, sizeof(table));
	snprintf(name, sizeof(name), "%.*s", (int)tree->key_size, (const char *)tree->key);
	x->report->tables++;
	if (table.flags != 0)
		return wrong(x, "a table is of a kind that no store of ours has");
	return walk_tree(x, &table, TREE_TABLE, name, level + 1);
}

/* ---- pages ---- */

/* Finds the node; its key and data lie behind it. */
static bool find_node(struct examiner *x, const uint8_t *page, unsigned index, uint64_t number,
		      struct node_head *node_r, size_t *offset_r)
{
	const struct page_head *head = (const struct page_head *)page;
	uint16_t offset;

	memcpy(&offset, page + sizeof(*head) + index * sizeof(offset), sizeof(offset));
	if (offset < head->upper || (offset & 1) || offset + sizeof(*node_r) > x->page_size)
		return wrong(x, "page %llu is damaged", (unsigned long long)number);
	memcpy(node_r, page + offset, sizeof(*node_r));
	*offset_r = offset + sizeof(*node_r);
	if (*offset_r + node_r->key_size > x->page_size)
		return wrong(x, "a key of page %llu is cut off", (unsigned long long)number);
	return true;
}

/* What LMDB takes for it, which is always even. */
static size_t node_size(const struct node_head *node, bool leaf)
{
	size_t size = sizeof(*node) + node->key_size;

	if (leaf && (node->flags & NODE_BIG))
		size += sizeof(uint64_t);
	else if (leaf)
		size += node->low | (size_t)node->high << 16;
	return (size + 1) & ~(size_t)1;
}

/* All nodes together fill the page from `upper` to its end: otherwise some overlap. */
static bool nodes_fit(struct examiner *x, const uint8_t *page, unsigned nodes, uint64_t number,
		      bool leaf)
{
	const struct page_head *head = (const struct page_head *)page;
	struct node_head node;
	size_t at, sum = 0;

	for (unsigned i = 0; i < nodes; i++) {
		if (!find_node(x, page, i, number, &node, &at))
			return false;
		sum += node_size(&node, leaf);
	}
	return sum == x->page_size - head->upper ||
	       wrong(x, "what page %llu holds does not fit it", (unsigned long long)number);
}

static bool walk_leaf(struct examiner *x, struct tree *tree, uint64_t number, unsigned level,
		      unsigned nodes)
{
	const uint8_t *page = x->pages + (size_t)level * x->page_size;
	struct node_head node;
	size_t at, end;

	tree->leaves++;
	for (unsigned i = 0; i < nodes; i++) {
		if (!find_node(x, page, i, number, &node, &at) ||
		    !next_key(x, tree, page + at, node.key_size, false, number))
			return false;
		end = at + node.key_size;
		if (!take_record(x, tree, &node, page + end, x->page_size - end, level))
			return false;
	}
	return true;
}

static bool walk_branch(struct examiner *x, struct tree *tree, uint64_t number, unsigned level,
			unsigned nodes, unsigned height)
{
	const uint8_t *page = x->pages + (size_t)level * x->page_size;
	struct node_head node;
	size_t at;

	tree->branches++;
	if (nodes < 2 && tree->kind != TREE_FREE)
		return wrong(x, "branch page %llu has no branches", (unsigned long long)number);
	for (unsigned i = 0; i < nodes; i++) {
		uint64_t child;

		if (!find_node(x, page, i, number, &node, &at))
			return false;
		/* the first one stands for all that is smaller, whatever its key */
		if (i > 0 && !next_key(x, tree, page + at, node.key_size, true, number))
			return false;
		child = node.low | (uint64_t)node.high << 16 | (uint64_t)node.flags << 32;
		if (!walk_page(x, tree, child, level + 1, height + 1))
			return false;
	}
	return true;
}

static bool walk_page(struct examiner *x, struct tree *tree, uint64_t number, unsigned level,
		      unsigned height)
{
	uint8_t *page = x->pages + (size_t)level * x->page_size;
	const struct page_head *head = (const struct page_head *)page;
	bool leaf = height == tree->depth;
	unsigned nodes;

	if (level >= DEPTH_MAX || height > tree->depth)
		return wrong(x, "a tree is too deep");
	if (!claim(x, number, 1))
		return false;
	if (!read_at(x, page, x->page_size, number * x->page_size))
		return wrong(x, "the file ends before page %llu", (unsigned long long)number);
	if (head->number != number || head->flags != (leaf ? PAGE_LEAF : PAGE_BRANCH))
		return wrong(x, "page %llu is not what it should be", (unsigned long long)number);
	if (head->lower < sizeof(*head) || head->lower > head->upper ||
	    head->upper > x->page_size || (head->lower & 1))
		return wrong(x, "the head of page %llu is damaged", (unsigned long long)number);
	nodes = (head->lower - (unsigned)sizeof(*head)) / sizeof(uint16_t);
	if (!nodes_fit(x, page, nodes, number, leaf))
		return false;
	if (leaf)
		return walk_leaf(x, tree, number, level, nodes);
	return walk_branch(x, tree, number, level, nodes, height);
}

static bool walk_tree(struct examiner *x, const struct table_head *head, enum tree_kind kind,
		      const char *name, unsigned level)
{
	struct tree *tree;
	bool good = true;

	if (head->root == NO_ROOT)
		return head->entries == 0 || wrong(x, "a table has lost its entries");
	tree = calloc(1, sizeof(*tree));
	if (tree == NULL)
		return wrong(x, "no memory");
	tree->kind = kind;
	snprintf(tree->name, sizeof(tree->name), "%s", name);
	tree->depth = head->depth;
	good = walk_page(x, tree, head->root, level, 1);
	if (good && (tree->entries != head->entries || tree->branches != head->branches ||
		     tree->leaves != head->leaves || tree->overflows != head->overflows))
		good = wrong(x, "a table does not have what its head counts");
	x->report->pages += tree->branches + tree->leaves + tree->overflows;
	if (kind == TREE_TABLE)
		x->report->entries += tree->entries;
	free(tree);
	return good;
}

/* ---- the file ---- */

static bool page_size_ok(uint32_t size)
{
	return size >= PAGE_LEAST && size <= PAGE_MOST && (size & (size - 1)) == 0;
}

static bool read_meta(struct examiner *x, uint64_t offset, struct meta *meta_r)
{
	struct page_head head;

	if (!read_at(x, &head, sizeof(head), offset) ||
	    !read_at(x, meta_r, sizeof(*meta_r), offset + sizeof(head)))
		return wrong(x, "the file is too short");
	if (!(head.flags & PAGE_META) || meta_r->magic != MAGIC)
		return wrong(x, "it is no store, or its head is damaged");
	if (meta_r->format != DATA_FORMAT)
		return wrong(x, "its format is %u", meta_r->format);
	if (!page_size_ok(meta_r->free.pad))
		return wrong(x, "the head of the file is damaged");
	return true;
}

/* The head of the newest commit. */
static bool find_meta(struct examiner *x, struct meta *meta_r)
{
	struct meta other = {0};
	struct stat st;

	if (fstat(x->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return wrong(x, "it is no file");
	if (st.st_size == 0)
		return wrong(x, "the file is empty");
	if (!read_meta(x, 0, meta_r) || !read_meta(x, meta_r->free.pad, &other))
		return false;
	if (other.free.pad != meta_r->free.pad)
		return wrong(x, "the two heads of the file do not agree");
	if (other.txnid > meta_r->txnid)
		*meta_r = other;
	x->page_size = meta_r->free.pad;
	x->last = meta_r->last;
	if (x->page_size == 0 || x->last < 1 ||
	    x->last > ((uint64_t)st.st_size + UNWRITTEN_MOST) / x->page_size)
		return wrong(x, "the file is too short: %llu bytes",
			     (unsigned long long)st.st_size);
	return true;
}

static bool examine_trees(struct examiner *x, const struct meta *meta)
{
	x->seen = calloc(1, x->last / 8 + 1);
	x->pages = malloc((size_t)DEPTH_MAX * x->page_size);
	if (x->seen == NULL || x->pages == NULL)
		return wrong(x, "no memory");
	x->report->pages = 2;
	x->report->txnid = meta->txnid;
	if (meta->main.flags != 0 || meta->free.flags != TABLE_NUMBERS)
		return wrong(x, "it is of a kind that no store of ours is");
	if (meta->txnid > TXNID_MOST)
		return wrong(x, "the number of its last commit is damaged");
	return walk_tree(x, &meta->main, TREE_MAIN, "", 0) &&
	       walk_tree(x, &meta->free, TREE_FREE, "", 0);
}

bool examine_file(int fd, examine_visitor *visit, void *arg, struct examine_report *report_r)
{
	struct examiner x = {.fd = fd, .visit = visit, .arg = arg, .report = report_r};
	struct meta meta = {0};
	bool good;

	memset(report_r, 0, sizeof(*report_r));
	good = find_meta(&x, &meta) && examine_trees(&x, &meta);
	free(x.seen);
	free(x.pages);
	free(x.big);
	return good;
}
