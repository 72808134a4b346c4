/* SPDX-License-Identifier: ISC
 *
 * NAME      replay - runs a fuzz target without libFuzzer
 * PURPOSE   `make check` has every target eat its seeds, each seed cut at every length, and a fixed
 *           number of random changes of them, with whatever sanitizers the build has.
 * OWNER     tests
 * CONTRACT  replay SEED_FOLDER; the same seeds give the same run (the generator starts at a constant)
 * LIMITS    coverage is libFuzzer's business (`make fuzz`)
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_MAX  65536
#define MUTATIONS 2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t state = 0x5eed1234;

static uint32_t next(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

/* Feeds a copy of exactly SIZE bytes, so that a sanitizer sees one byte too far. */
static void feed(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (copy == NULL)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void change(uint8_t *data, size_t size)
{
	unsigned times = 1 + next() % 8;

	while (times-- > 0 && size > 0)
		data[next() % size] = next() % 3 ? (uint8_t)next() : data[next() % size];
}

static void replay(const char *path)
{
	static uint8_t seed[SEED_MAX], copy[SEED_MAX];
	FILE *file = fopen(path, "rb");

	if (file == NULL)
		return;
	size_t size = fread(seed, 1, sizeof(seed), file);
	fclose(file);
	for (size_t cut = 0; cut <= size && cut < 2048; cut++)
		feed(seed, cut);
	feed(seed, size);
	for (unsigned i = 0; i < MUTATIONS; i++) {
		memcpy(copy, seed, size);
		change(copy, size);
		feed(copy, size);
	}
}

int main(int argc, char **argv)
{
	unsigned files = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: %s SEED_FOLDER\n", argv[0]);
		return 2;
	}
	DIR *folder = opendir(argv[1]);
	if (folder == NULL) {
		printf("not ok %s: no seeds\n", argv[1]);
		return 1;
	}
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		char path[PATH_MAX];

		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name) >=
		    (int)sizeof(path))
			continue;
		replay(path);
		files++;
	}
	closedir(folder);
	printf(files ? "ok %s: %u seeds\n" : "not ok %s: %u seeds\n", argv[1], files);
	return files ? 0 : 1;
}
