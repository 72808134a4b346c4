/* SPDX-License-Identifier: ISC
 *
 * NAME      country (find) - from a call to its entity
 * PURPOSE   See country.h. Calls name the place their operator is at in more ways than one: by a
 *           prefix before or behind them, by another digit, or not at all.
 * OWNER     see country.h
 * CONTRACT  pure; one hash for a plain call, and a walk down the tree of prefixes
 * LIMITS    SEGMENTS segments between slashes
 */
#include <string.h>

#include "shm/list_layout.h"

#define SEGMENTS 8 /* of CALL_TEXT_MAX characters with a slash between, none empty */

/* A call in pieces; the text is one whole, with a slash between them. */
struct pieces {
	char text[CALL_TEXT_SIZE];
	unsigned count;
	struct {
		uint8_t at, length;
	} piece[SEGMENTS];
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return c >= 'A' && c <= 'Z';
}

static const char *piece(const struct pieces *pieces, unsigned n)
{
	return pieces->text + pieces->piece[n].at;
}

static size_t length_of(const struct pieces *pieces, unsigned n)
{
	return pieces->piece[n].length;
}

static bool piece_is(const struct pieces *pieces, unsigned n, const char *word)
{
	return strlen(word) == length_of(pieces, n) &&
	       memcmp(piece(pieces, n), word, length_of(pieces, n)) == 0;
}

/* Without what a skimmer or a second station of the same operator adds: "-#", "-2". */
static size_t without_ssid(const char *call, size_t length)
{
	size_t digits = 0;

	if (length >= 2 && memcmp(call + length - 2, "-#", 2) == 0)
		length -= 2;
	while (digits < length && is_digit(call[length - 1 - digits]))
		digits++;
	if (digits > 0 && digits < length && call[length - 1 - digits] == '-')
		length -= digits + 1;
	return length;
}

/* Cuts CALL at its slashes; what is empty between them is left out. */
static void cut(const char *call, size_t length, struct pieces *pieces_r)
{
	size_t to = 0;

	memset(pieces_r, 0, sizeof(*pieces_r));
	for (size_t i = 0; i < length;) {
		size_t begin = i;

		while (i < length && call[i] != '/')
			i++;
		if (i > begin) {
			if (to > 0)
				pieces_r->text[to++] = '/';
			memcpy(pieces_r->text + to, call + begin, i - begin);
			pieces_r->piece[pieces_r->count].at = (uint8_t)to;
			pieces_r->piece[pieces_r->count++].length = (uint8_t)(i - begin);
			to += i - begin;
		}
		i++;
	}
}

static void drop_last(struct pieces *pieces)
{
	size_t end;

	pieces->count--;
	end = (size_t)pieces->piece[pieces->count - 1].at + pieces->piece[pieces->count - 1].length;
	memset(pieces->text + end, 0, sizeof(pieces->text) - end);
}

/* ---- the two ways to find a rule ---- */

static const struct country_rule *rule_of(const struct countries *list, unsigned number)
{
	return (const struct country_rule *)((const uint8_t *)list + list->rules_at) + number;
}

static const struct country_rule *exact(const struct countries *list, const char *text,
					size_t length)
{
	char key[CALL_TEXT_SIZE] = "";
	const struct country_call *call;

	memcpy(key, text, length);
	call = list_table_find(&list->head, &list->calls, sizeof(*call), key, sizeof(key));
	return call != NULL ? rule_of(list, call->rule) : NULL;
}

/* The longest prefix of TEXT; NULL: none. USED_R (may be NULL) gets its length. */
static const struct country_rule *longest(const struct countries *list, const char *text,
					  size_t length, size_t *used_r)
{
	const struct country_node *nodes = (const void *)((const uint8_t *)list + list->nodes_at);
	unsigned node = 0, rule = 0;
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned sign = country_sign(text[i]);
		const struct country_edge *edge;

		if (sign == COUNTRY_SIGNS)
			break;
		edge = &nodes[node].edge[sign];
		if (edge->rule != 0) {
			rule = edge->rule;
			used = i + 1;
		}
		node = edge->node;
		if (node == 0)
			break;
	}
	if (used_r != NULL)
		*used_r = used;
	return rule != 0 ? rule_of(list, rule - 1) : NULL;
}

/* ---- the answer ---- */

static bool answer(const struct countries *list, const struct country_rule *rule,
		   enum country_how how, struct country *country_r)
{
	const struct country_entity *entity;

	if (rule == NULL)
		return false;
	entity = (const struct country_entity *)((const uint8_t *)list + list->entities_at) +
		 rule->entity;
	country_r->adif = entity->adif;
	country_r->cq = rule->cq;
	country_r->itu = rule->itu;
	country_r->continent = rule->continent;
	country_r->how = (uint8_t)how;
	memcpy(country_r->prefix, entity->prefix, sizeof(country_r->prefix));
	country_r->name = entity->name;
	country_r->latitude = rule->latitude;
	country_r->longitude = rule->longitude;
	return true;
}

/* A call that stands for itself; EXACT_TOO: it was not looked for among the calls yet. KG4 with two letters is Guantanamo Bay; all others there are of the
 * United States. */
static bool by_itself(const struct countries *list, const char *call, size_t length, bool exact_too,
		      struct country *country_r)
{
	if (exact_too && answer(list, exact(list, call, length), COUNTRY_EXACT, country_r))
		return true;
	if (length > 3 && memcmp(call, "KG4", 3) == 0 &&
	    !(length == 5 && is_letter(call[3]) && is_letter(call[4])))
		return answer(list, longest(list, call, 2, NULL), COUNTRY_KG4, country_r);
	return answer(list, longest(list, call, length, NULL), COUNTRY_PREFIX, country_r);
}

/* ---- what follows a call ---- */

/* How somebody operates, not where. */
static bool is_manner(const struct pieces *pieces, unsigned n)
{
	static const char letters[] = "PMABCDEHJLOQSTUVXYZ";
	static const char *const words[] = {"QRP", "QRPP", "QRO",  "BCN", "LH",	 "LGT", "LS",
					    "LT",  "JOTA", "YOTA", "PM",  "MOB", "PORT"};

	if (length_of(pieces, n) == 1)
		return memchr(letters, piece(pieces, n)[0], sizeof(letters) - 1) != NULL;
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (piece_is(pieces, n, words[i]))
			return true;
	return false;
}

static bool is_number(const struct pieces *pieces, unsigned n)
{
	for (size_t i = 0; i < length_of(pieces, n); i++)
		if (!is_digit(piece(pieces, n)[i]))
			return false;
	return true;
}

enum ending { ENDING_NONE, ENDING_EXACT, ENDING_MOBILE };

/* Takes away what says nothing of a place. */
static enum ending strip(const struct countries *list, struct pieces *pieces,
			 struct country *country_r)
{
	while (pieces->count > 1) {
		unsigned last = pieces->count - 1;

		if (piece_is(pieces, last, "MM") || piece_is(pieces, last, "AM"))
			return ENDING_MOBILE;
		if (is_number(pieces, last) && length_of(pieces, last) >= 2) {
			drop_last(pieces);
			continue;
		}
		if (!is_manner(pieces, last))
			return ENDING_NONE;
		drop_last(pieces);
		if (answer(list, exact(list, pieces->text, strlen(pieces->text)), COUNTRY_EXACT,
			   country_r))
			return ENDING_EXACT;
	}
	return ENDING_NONE;
}

/* W1AW/4 is in W4: the last digit before the trailing letters changes. */
static bool by_digit(const struct countries *list, struct pieces *pieces, char digit,
		     struct country *country_r)
{
	size_t i = length_of(pieces, 0);

	while (i > 0 && is_letter(pieces->text[i - 1]))
		i--;
	if (i > 0 && is_digit(pieces->text[i - 1]))
		pieces->text[i - 1] = digit;
	return answer(list, longest(list, pieces->text, length_of(pieces, 0), NULL), COUNTRY_DIGIT,
		      country_r);
}

/* ---- a prefix before or behind a call ---- */

static bool has_digit(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (is_digit(text[i]))
			return true;
	return false;
}

/* Does a prefix leave nothing of it but digits, and perhaps one letter? */
static const struct country_rule *designator(const struct countries *list,
					     const struct pieces *pieces, unsigned n)
{
	const char *text = piece(pieces, n);
	size_t length = length_of(pieces, n), i;
	const struct country_rule *rule = longest(list, text, length, &i);

	if (rule == NULL)
		return NULL;
	while (i < length && is_digit(text[i]))
		i++;
	if (i + 1 == length && is_letter(text[i]) && has_digit(text, length))
		i++;
	return i == length ? rule : NULL;
}

static bool is_whole_call(const struct pieces *pieces, unsigned n)
{
	char call[CALL_TEXT_SIZE] = "";

	memcpy(call, piece(pieces, n), length_of(pieces, n));
	return call_amateur(call);
}

/* Of the first two pieces the shorter one is the place, unless only the other can be. */
static bool by_designator(const struct countries *list, const struct pieces *pieces,
			  struct country *country_r)
{
	unsigned first = length_of(pieces, 0) <= length_of(pieces, 1) ? 0 : 1;
	const struct country_rule *rule = designator(list, pieces, first);

	if (rule == NULL && !is_whole_call(pieces, 1 - first))
		rule = designator(list, pieces, 1 - first);
	return answer(list, rule, COUNTRY_DESIGNATOR, country_r);
}

static bool by_longest_piece(const struct countries *list, const struct pieces *pieces,
			     struct country *country_r)
{
	unsigned best = 0;
	size_t best_length = 0;

	for (unsigned n = 0; n < pieces->count; n++)
		if (length_of(pieces, n) > best_length &&
		    has_digit(piece(pieces, n), length_of(pieces, n))) {
			best = n;
			best_length = length_of(pieces, n);
		}
	return best_length > 0 &&
	       by_itself(list, piece(pieces, best), best_length, true, country_r);
}

bool country_of(const struct countries *countries, const char *call, struct country *country_r)
{
	char normal[CALL_TEXT_SIZE];
	struct pieces pieces;
	enum ending ending;
	size_t length;

	*country_r = (struct country){.name = "", .how = COUNTRY_MISS};
	if (countries == NULL || !call_normalise(call, strlen(call), normal))
		return false;
	length = without_ssid(normal, strlen(normal));
	if (length == 0)
		return false;
	if (answer(countries, exact(countries, normal, length), COUNTRY_EXACT, country_r))
		return true;
	if (memchr(normal, '/', length) == NULL) /* nearly all of them */
		return by_itself(countries, normal, length, false, country_r);
	cut(normal, length, &pieces);
	if (pieces.count == 0)
		return false;
	ending = strip(countries, &pieces, country_r);
	if (ending == ENDING_MOBILE)
		country_r->how = COUNTRY_MOBILE;
	if (ending != ENDING_NONE)
		return ending == ENDING_EXACT;
	if (pieces.count > 1 && length_of(&pieces, pieces.count - 1) == 1 &&
	    is_number(&pieces, pieces.count - 1)) {
		char digit = piece(&pieces, pieces.count - 1)[0];

		drop_last(&pieces);
		if (pieces.count == 1)
			return by_digit(countries, &pieces, digit, country_r);
	}
	if (pieces.count == 1)
		return by_itself(countries, pieces.text, length_of(&pieces, 0),
				 length_of(&pieces, 0) != length, country_r);
	return by_designator(countries, &pieces, country_r) ||
	       by_longest_piece(countries, &pieces, country_r);
}
