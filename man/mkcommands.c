/* SPDX-License-Identifier: ISC
 *
 * NAME      mkcommands - writes the table of commands into the users' manual
 * PURPOSE   mkcommands < man/shackd-dxcluster.7.in > man/shackd-dxcluster.7
 * OWNER     build time only, never installed
 * CONTRACT  replaces the line @COMMANDS@, copies every other one; exit 1 when it is missing
 * LIMITS    lines of LINE_SIZE - 2 bytes
 */
#include <stdio.h>
#include <string.h>

#define LINE_SIZE 1024

struct row {
	const char *verb, *sub, *usage, *text;
	unsigned flags;
};

enum { COMMAND_SYSOP = 1, COMMAND_NO_SLASH = 2 };

static const struct row rows[] = {
#define COMMAND(verb, sub, function, flags, usage, summary, text) {verb, sub, usage, text, flags},
#include "workers/dxc/commands.def"
#undef COMMAND
};

/* TEXT for mandoc: no line begins with a point, backslashes stay what they are; each sentence has a line
 * of its own. */
static void put_text(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else
			putchar(*text);
		if (text[0] == '.' && text[1] == ' ' && text[2] >= 'A' && text[2] <= 'Z') {
			putchar('\n');
			text++;
		}
	}
	putchar('\n');
}

static void put_row(const struct row *row)
{
	printf(".It Li \"%s%s%s\"", row->verb, row->sub[0] != '\0' ? "/" : "", row->sub);
	if (row->usage[0] != '\0')
		printf(" Ar \"%s\"", row->usage);
	putchar('\n');
	put_text(row->text);
}

int main(void)
{
	char line[LINE_SIZE];
	int found = 0;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (strcmp(line, "@COMMANDS@\n") != 0) {
			fputs(line, stdout);
			continue;
		}
		found = 1;
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			put_row(&rows[i]);
	}
	if (!found)
		fputs("mkcommands: no line @COMMANDS@\n", stderr);
	return found && fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
