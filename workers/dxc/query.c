/* SPDX-License-Identifier: ISC
 *
 * NAME      query - what SHOW/DX is asked for
 * PURPOSE   Is a spot wanted? The arguments are read in query_parse.c; see workers/dxc/query.h.
 * OWNER     dxc workers
 * CONTRACT  each term is linear in the length of a comment; there are no expressions that could be more
 * LIMITS    see workers/dxc/query.h
 */
#include "workers/dxc/query.h"

#include <string.h>

#include "shm/clock.h"
#include "workers/dxc/filter_inside.h"
#include "workers/dxc/query_inside.h"

#define SECONDS_A_DAY 86400

/* What several terms look at, made once a spot. */
struct view {
	const struct spot *spot;
	char comment[SPOT_COMMENT_MAX + 1]; /* upper case */
	bool upper;
};

static const char *comment_of(struct view *view)
{
	size_t length = view->spot->comment_length;

	if (!view->upper) {
		length = length <= SPOT_COMMENT_MAX ? length : SPOT_COMMENT_MAX;
		for (size_t i = 0; i < length; i++)
			view->comment[i] = query_upper(view->spot->comment[i]);
		view->comment[length] = '\0';
		view->upper = true;
	}
	return view->comment;
}

static bool is_alnum(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Does EACH find what it looks for at the start of a word of the comment? */
static bool any_word(const char *comment, bool (*each)(const char *word, size_t length))
{
	while (*comment != '\0') {
		size_t length = 0;

		while (is_alnum(comment[length]) || (length > 0 && comment[length] == '-'))
			length++;
		if (length > 0 && each(comment, length))
			return true;
		comment += length > 0 ? length : 1;
	}
	return false;
}

/* "EU-005" */
static bool is_island(const char *word, size_t length)
{
	if (length < 6 || word[2] != '-')
		return false;
	for (unsigned i = 3; i < 6; i++)
		if (word[i] < '0' || word[i] > '9')
			return false;
	return word[0] >= 'A' && word[0] <= 'Z' && word[1] >= 'A' && word[1] <= 'Z' &&
	       (length == 6 || !is_alnum(word[6]));
}

static bool is_locator(const char *word, size_t length)
{
	return (length == 4 || length == 6) && call_is_grid(word, length);
}

static bool has_text(struct view *view, const char *text, size_t length)
{
	const char *comment = comment_of(view);

	return memmem(comment, strlen(comment), text, length) != NULL;
}

static bool term_holds(const struct query *query, const struct query_term *term, struct view *view)
{
	const struct spot *spot = view->spot;
	const char *text = query->text + term->at;
	uint32_t band = UINT32_C(1) << (spot->band & 31), mode = UINT32_C(1) << (spot->mode & 31);

	switch (term->kind) {
	case QUERY_DX:
		return filter_glob(text, term->length, spot->dx, strnlen(spot->dx, CALL_TEXT_SIZE));
	case QUERY_BY:
		return filter_glob(text, term->length, spot->de, strnlen(spot->de, CALL_TEXT_SIZE));
	case QUERY_RANGE:
		return spot->hz >= term->low && spot->hz <= term->high;
	case QUERY_BANDS:
		return (term->bands & band) != 0 && (term->modes == 0 || (term->modes & mode) != 0);
	case QUERY_INFO:
		return has_text(view, text, term->length);
	case QUERY_DXCC:
		return spot->dx_side.adif == term->number;
	case QUERY_ZONE:
		return spot->dx_side.cq == term->number;
	case QUERY_ITU:
		return spot->dx_side.itu == term->number;
	case QUERY_QSL:
		return has_text(view, "QSL", 3) || has_text(view, "VIA", 3);
	case QUERY_IOTA:
		return any_word(comment_of(view), is_island);
	case QUERY_QRA:
		return any_word(comment_of(view), is_locator);
	default:
		return false;
	}
}

static uint32_t days_back(const struct spot *spot, uint32_t today)
{
	uint32_t day = (uint32_t)(spot->time / SECONDS_A_DAY);

	return day < today ? today - day : 0;
}

bool query_is_past(const struct query *query, const struct spot *spot, uint32_t today)
{
	/* they are in the order in which they came, not in that of their times */
	/* older ones may come after those of an hour in which the clock was not set */
	return spot->time >= CLOCK_UNSET && days_back(spot, today) > query->day_last + 1U;
}

bool query_match(const struct query *query, const struct spot *spot, uint32_t today)
{
	uint32_t back = days_back(spot, today);
	struct view view = {.spot = spot};
	bool stack[QUERY_STACK];
	unsigned depth = 0;

	if (back < query->day_first || back > query->day_last)
		return false;
	for (unsigned i = 0; i < query->codes; i++) {
		uint8_t code = query->code[i];

		if (code < QUERY_TERMS && depth < QUERY_STACK) {
			stack[depth++] = term_holds(query, &query->term[code], &view);
		} else if (code == QUERY_NOT && depth >= 1) {
			stack[depth - 1] = !stack[depth - 1];
		} else if (code == QUERY_AND && depth >= 2) {
			depth--;
			stack[depth - 1] = stack[depth - 1] && stack[depth];
		} else if (code == QUERY_OR && depth >= 2) {
			depth--;
			stack[depth - 1] = stack[depth - 1] || stack[depth];
		} else {
			return false;
		}
	}
	return depth == 0 || stack[0];
}
