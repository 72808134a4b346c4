/* SPDX-License-Identifier: ISC
 *
 * NAME      flags - the command line of shackd
 * PURPOSE   One table behind the parser, --help and the FLAGS part of shackd(8).
 * OWNER     master; also the build-time program mkdoc
 * CONTRACT  see master/flags.h
 * LIMITS    see master/flags.h
 */
#include "master/flags.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "master/config.h"

struct flag {
	char letter;
	const char *word;     /* long form, NULL for none */
	const char *argument; /* its name, NULL for none */
	const char *help;     /* sentences; the first one is the line of --help */
};

static const struct flag flag_table[] = {
	{'c', "config", "FILE",
	 "Configuration file. The default is " CONFIG_FILE_DEFAULT ", which may be missing: then "
	 "every key has its default. A file that is named here must exist."},
	{'o', "set", "SECTION.KEY=VALUE",
	 "Set one key, over what the file says. May be repeated; of a key that is set twice the "
	 "last "
	 "one counts. The same rules hold as in the file; relative paths start at the working "
	 "directory. A section with a name is written as it stands there: -o \"ysf alias "
	 "NAME.dgid=22\". Kept over a reload."},
	{'f', "foreground", NULL,
	 "Stay in the foreground. The default of server.log becomes stderr."},
	{'t', "test", NULL,
	 "Validate the configuration, print every problem and exit. The status is 0 when there is "
	 "none, else 1."},
	{'T', "dump-config", NULL,
	 "As -t, then print the effective configuration. What is printed is a complete "
	 "configuration "
	 "file."},
	{'p', "pidfile", "FILE", "Pid file. The default is shackd.pid in server.run_dir."},
	{'V', "version", NULL, "Print version and build options."},
	{'v', NULL, NULL,
	 "Print the version line that YSF dashboards ask for. It carries the date of the last "
	 "commit."},
	{'h', "help", NULL, "Print this list."},
};

#define FLAGS (sizeof(flag_table) / sizeof(flag_table[0]))

static const struct flag *find_flag(int letter)
{
	for (size_t i = 0; i < FLAGS; i++)
		if (flag_table[i].letter == letter)
			return &flag_table[i];
	return NULL;
}

/* What getopt_long wants to know. "+" keeps the order of argv, ":" leaves the messages to us. */
static void make_getopt_tables(char letters[2 * FLAGS + 3], struct option words[FLAGS + 1])
{
	size_t count = 0;

	*letters++ = '+';
	*letters++ = ':';
	memset(words, 0, (FLAGS + 1) * sizeof(words[0]));
	for (size_t i = 0; i < FLAGS; i++) {
		const struct flag *flag = &flag_table[i];

		*letters++ = flag->letter;
		if (flag->argument != NULL)
			*letters++ = ':';
		if (flag->word == NULL)
			continue;
		words[count].name = flag->word;
		words[count].has_arg = flag->argument != NULL ? required_argument : no_argument;
		words[count].val = (unsigned char)flag->letter;
		count++;
	}
	*letters = '\0';
}

static void take_flag(struct flags *flags, int letter, char *argument)
{
	switch (letter) {
	case 'c':
		flags->config = argument;
		break;
	case 'o':
		flags->set[flags->sets++] = argument;
		break;
	case 'f':
		flags->foreground = true;
		break;
	case 'T':
		flags->dump = true;
		flags->test = true;
		break;
	case 't':
		flags->test = true;
		break;
	case 'p':
		flags->pidfile = argument;
		break;
	case 'V':
		flags->version = true;
		break;
	case 'v':
		flags->version_line = true;
		break;
	default:
		flags->help = true;
		break;
	}
}

/* WORD is the argument that getopt_long stopped at; LETTER is 0 if it was a long form. */
static int bad_flag(char error[FLAGS_ERROR_MAX], int why, int letter, const char *word)
{
	const struct flag *flag = find_flag(letter);

	if (why == ':' && flag != NULL)
		snprintf(error, FLAGS_ERROR_MAX, "-%c needs %s", letter, flag->argument);
	else if (letter != 0 && flag == NULL)
		snprintf(error, FLAGS_ERROR_MAX, "unknown flag -%c", letter);
	else if (flag != NULL && flag->word != NULL)
		snprintf(error, FLAGS_ERROR_MAX, "--%s takes no argument", flag->word);
	else
		snprintf(error, FLAGS_ERROR_MAX, "unknown flag %.100s", word);
	return -1;
}

int flags_parse(int argc, char **argv, struct flags *flags_r, char error[FLAGS_ERROR_MAX])
{
	char letters[2 * FLAGS + 3];
	struct option words[FLAGS + 1];
	int letter;

	memset(flags_r, 0, sizeof(*flags_r));
	flags_r->set = calloc((size_t)argc + 1, sizeof(flags_r->set[0]));
	if (flags_r->set == NULL) {
		snprintf(error, FLAGS_ERROR_MAX, "out of memory");
		return -1;
	}
	make_getopt_tables(letters, words);
	optind = 0; /* glibc: begin anew */
	opterr = 0;
	while ((letter = getopt_long(argc, argv, letters, words, NULL)) != -1) {
		if (letter == '?' || letter == ':')
			return bad_flag(error, letter, optopt, argv[optind - 1]);
		if (optarg != NULL && optarg[0] == '\0')
			return bad_flag(error, ':', letter, "");
		take_flag(flags_r, letter, optarg);
	}
	if (optind < argc) {
		snprintf(error, FLAGS_ERROR_MAX, "unexpected argument \"%.100s\"", argv[optind]);
		return -1;
	}
	return 0;
}

void flags_destroy(struct flags *flags)
{
	free(flags->set);
	flags->set = NULL;
	flags->sets = 0;
}

/* Length of the first sentence of TEXT, without its full stop. */
static size_t first_sentence(const char *text)
{
	const char *end = strstr(text, ". ");

	return end != NULL ? (size_t)(end - text) : strlen(text) - 1;
}

void flags_usage(FILE *out)
{
	fputs("usage: shackd [-fhTtVv] [-c FILE] [-o SECTION.KEY=VALUE] [-p FILE]\n\n", out);
	for (size_t i = 0; i < FLAGS; i++) {
		const struct flag *flag = &flag_table[i];
		char forms[64];

		snprintf(forms, sizeof(forms), "-%c%s%s%s%s", flag->letter,
			 flag->word != NULL ? ", --" : "", flag->word != NULL ? flag->word : "",
			 flag->argument != NULL ? " " : "",
			 flag->argument != NULL ? flag->argument : "");
		fprintf(out, "  %-30s %.*s\n", forms, (int)first_sentence(flag->help), flag->help);
	}
	fputs("\nThe manual is shackd(8), the configuration file shackd.ini(5).\n", out);
}

/* HELP with one sentence a line, as mdoc(7) wants it. */
static void print_help(FILE *out, const char *help)
{
	for (const char *at = help; *at != '\0'; at++) {
		if (*at == '-' && at > help && at[-1] == ' ')
			fputs("\\-", out);
		else if (at[0] == '.' && at[1] == ' ') {
			fputs(".\n", out);
			at++;
		} else
			fputc(*at, out);
	}
	fputc('\n', out);
}

void flags_manual(FILE *out)
{
	fputs(".Bl -tag -width Ds\n", out);
	for (size_t i = 0; i < FLAGS; i++) {
		const struct flag *flag = &flag_table[i];

		fprintf(out, ".It Fl %c%s%s", flag->letter, flag->argument != NULL ? " Ar " : "",
			flag->argument != NULL ? flag->argument : "");
		if (flag->word != NULL)
			fprintf(out, " , Fl Fl %s%s%s", flag->word,
				flag->argument != NULL ? " Ar " : "",
				flag->argument != NULL ? flag->argument : "");
		fputc('\n', out);
		print_help(out, flag->help);
	}
	fputs(".El\n", out);
}
