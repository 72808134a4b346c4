/* SPDX-License-Identifier: ISC
 *
 * NAME      fuzz_ini - fuzz target of the ini reader and the validation
 * PURPOSE   any bytes as a configuration file, and their first line as what -o says: no bad access;
 *           findings are printable; what is accepted can be dumped, read back and snapshotted
 * OWNER     make fuzz
 * CONTRACT  aborts if a promise of inifile.h, config.h, dump.h or conf.h does not hold
 * LIMITS    none known
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/config.h"
#include "master/dump.h"
#include "master/snapshot.h"
#include "shm/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct problems problems;

static void demand(int holds)
{
	if (!holds)
		abort();
}

static struct config *parse(const char *data, size_t size, const char *set)
{
	struct config_request request = {
		.file = "f", .set = &set, .sets = set != NULL, .directory = "/base"};
	struct config *config;

	problems.count = 0;
	if (config_parse(&config, &request, data, size, &problems) < 0)
		demand(config == NULL && problems.count > 0);
	else
		demand(config != NULL && problems.count == 0);
	for (size_t i = 0; i < problems.count && i < PROBLEMS_MAX; i++) {
		const char *text = problems.text[i];

		demand(text_is_utf8(text, strlen(text)) && strpbrk(text, "\n\r\033") == NULL);
	}
	return config;
}

static char *dump(const struct config *config, size_t *size_r)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, size_r);

	demand(out != NULL);
	dump_config(out, config);
	fclose(out);
	return text;
}

static void check_dump(const struct config *config)
{
	size_t first_size, second_size;
	char *first = dump(config, &first_size), *second;
	struct config *again = parse(first, first_size, NULL);

	demand(again != NULL);
	second = dump(again, &second_size);
	demand(first_size == second_size && memcmp(first, second, first_size) == 0);
	config_destroy(&again);
	free(first);
	free(second);
}

static void check_snapshot(const struct config *config)
{
	int fd = snapshot_build(config, 1, NULL);
	struct conf *conf = conf_map(fd);

	demand(conf != NULL);
	demand(strcmp(conf_text(conf, CONF_YSF_NAME), config_text(config, CONF_YSF_NAME)) == 0);
	for (size_t i = 0; i < config_group_count(config, CONF_GROUP_YSF_ALIAS); i++)
		demand(strcmp(conf_group_name(conf, CONF_GROUP_YSF_ALIAS, i),
			      config_group_name(config, CONF_GROUP_YSF_ALIAS, i)) == 0 &&
		       conf_group_number(conf, CONF_GROUP_YSF_ALIAS, i, CONF_YSF_ALIAS_DGID) > 0);
	conf_unmap(&conf);
	close(fd);
}

static void check(struct config *config)
{
	if (config == NULL)
		return;
	check_dump(config);
	check_snapshot(config);
	config_destroy(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size);
	size_t len = end != NULL ? (size_t)(end - data) : size;
	char *set = malloc(len + 1);

	demand(set != NULL);
	memcpy(set, data, len);
	set[len] = '\0';
	check(parse((const char *)data, size, NULL));
	check(parse("", 0, set));
	free(set);
	return 0;
}
