/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_cty - fuzz target of country files
 * PURPOSE   any bytes as a country file: the reader comes to an end, what it gives is sound, and
 *           what is made of it is a list in which every call is found
 * OWNER     make fuzz
 * CONTRACT  aborts if a promise of cty.h or atlas.h does not hold
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workers/data/atlas.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int holds)
{
	if (!holds)
		abort();
}

static void check(const struct cty *cty, enum cty_news news)
{
	demand(news != CTY_BAD || cty->why != NULL);
	if (news == CTY_VERSION)
		demand(strlen(cty->version) == 8);
	if (news != CTY_ENTITY && news != CTY_ALIAS)
		return;
	demand(list_text_sound(cty->entity.name, sizeof(cty->entity.name)));
	demand(list_text_sound(cty->entity.prefix, sizeof(cty->entity.prefix)));
	demand(cty->entity.continent > CONTINENT_NONE && cty->entity.continent < CONTINENTS);
	demand(labs(cty->entity.latitude) <= 90000000 && labs(cty->entity.longitude) <= 180000000);
	if (news == CTY_ENTITY)
		return;
	demand(list_text_sound(cty->alias.key, sizeof(cty->alias.key)));
	demand(cty->alias.rule.cq <= 40 && cty->alias.rule.itu <= 90);
	for (const char *c = cty->alias.key; *c != '\0'; c++)
		demand(country_sign(*c) < COUNTRY_SIGNS);
}

/* Every call of the file is in the list. */
static void look_up(const struct atlas *atlas)
{
	static const struct list_source source;
	int fd = atlas_compile(atlas, &source, NULL);
	struct countries *countries = countries_map(fd);
	struct country country;

	demand(countries != NULL);
	for (uint32_t i = 0; i < atlas->calls.count; i++) {
		const struct country_call *call = rows_at(&atlas->calls, i);

		if (call_valid(call->call))
			demand(country_of(countries, call->call, &country) &&
			       country.how == COUNTRY_EXACT);
	}
	for (uint32_t i = 0; i < atlas->prefixes.count; i++)
		country_of(countries, ((struct country_call *)rows_at(&atlas->prefixes, i))->call,
			   &country);
	countries_unmap(&countries);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	enum cty_news news;
	struct atlas atlas;
	struct cty cty;
	size_t items = 0;
	bool room = true;

	demand(text != NULL && atlas_init(&atlas));
	memcpy(text, data, size);
	text[size] = '\0';
	cty_begin(&cty, text, size);
	do {
		news = cty_next(&cty);
		check(&cty, news);
		room = room && atlas_take(&atlas, &cty, news);
		demand(++items <= size + 2);
	} while (news != CTY_END && news != CTY_REFUSED);
	demand(news == CTY_END || cty.why != NULL);
	if (room)
		look_up(&atlas);
	atlas_free(&atlas);
	free(text);
	return 0;
}
