/* SPDX-License-Identifier: ISC
 *
 * NAME      mkdoc - writes what the tables know into sample file and manuals
 * PURPOSE   mkdoc sample           > etc/shackd.ini
 *           mkdoc man   < man/shackd.ini.5.in > man/shackd.ini.5
 *           mkdoc flags < man/shackd.8.in     > man/shackd.8
 * OWNER     build time only, never installed
 * CONTRACT  replaces the line @OPTIONS@ (man) or @FLAGS@ (flags), copies every other one; exit 1
 *           when that line is missing, 2 on usage
 * LIMITS    lines of LINE_SIZE - 2 bytes
 */
#include <stdio.h>
#include <string.h>

#include "master/dump.h"
#include "master/flags.h"

#define LINE_SIZE 1024

/* Copies standard input, with what WRITE puts out in place of the line MARK. */
static int fill(const char *mark, void (*write)(FILE *out))
{
	char line[LINE_SIZE];
	int found = 0;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (strcmp(line, mark) == 0) {
			write(stdout);
			found = 1;
		} else {
			fputs(line, stdout);
		}
	}
	if (!found)
		fprintf(stderr, "mkdoc: no line %s", mark);
	return found ? 0 : 1;
}

static int run(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "sample") == 0) {
		dump_sample(stdout);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "man") == 0)
		return fill("@OPTIONS@\n", dump_manual);
	if (argc == 2 && strcmp(argv[1], "flags") == 0)
		return fill("@FLAGS@\n", flags_manual);
	fputs("usage: mkdoc sample | man | flags\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	int status = run(argc, argv);

	if (fflush(stdout) != 0 || ferror(stdout) || ferror(stdin)) {
		perror("mkdoc");
		return 1;
	}
	return status;
}
