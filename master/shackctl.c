/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl - control and inspection of a running shackd
 * PURPOSE   Reads the command line, talks to the daemon, prints what it says.
 * OWNER     shackctl
 * CONTRACT  exit 0 done, 1 refused or failed (says why), 2 usage, 3 the daemon does not answer
 * LIMITS    an answer for people is held in memory as a whole, but for events
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <sodium/utils.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "master/config.h"
#include "master/shackctl_backup.h"
#include "master/shackctl_import.h"
#include "master/shackctl_passwd.h"
#include "master/shackctl_print.h"
#include "master/shackctl_ready.h"
#include "master/shackctl_replay.h"
#include "master/shackctl_talk.h"
#include "master/version.h"
#include "shm/text.h"

#define SOCKET_DEFAULT	"/run/shackd/control.sock"
#define WORDS_MAX	8
#define STOP_SECONDS	60
#define PASSWD_SECONDS	30 /* others may wait for a hash as well */
#define UPGRADE_SECONDS 120 /* rehearsal, a change of the stores' edition, and a way back */

struct command {
	const char *name;
	const char *args;
	int least, most;     /* arguments */
	bool reads;	     /* and changes nothing */
	print_answer *print; /* NULL: the answer is text, or none */
	const char *help;
};

/* clang-format off */
static const struct command commands[] = {
	{"status",  "",               0, 0, true,  print_status,  "is it ready, and if not, why"},
	{"ready",   "[SECONDS]",      0, 1, true,  NULL,          "exit 0 if it serves, or as soon as it does within SECONDS"},
	{"workers", "",               0, 0, true,  print_workers, "every process: state, restarts, heartbeat"},
	{"clients", "",               0, 0, true,  print_clients, "linked gateways"},
	{"streams", "",               0, 0, true,  print_streams, "open calls"},
	{"blocked", "",               0, 0, true,  print_blocked, "callers that may not transmit"},
	{"sessions", "",              0, 0, true,  print_sessions, "users of the DX cluster"},
	{"feeds",   "",               0, 0, true,  print_feeds,   "where its spots come from"},
	{"spots",   "[N]",            0, 1, true,  print_spots,   "the last N spots (20)"},
	{"lists",   "[access [SET]|homes|saved]", 0, 2, true, print_lists, "what is in the lists, and in which"},
	{"events",  "[-f] [N]",       0, 2, true,  print_event,   "the last N events (100); -f: and those to come"},
	{"metrics", "",               0, 0, true,  NULL,          "all counters, in Prometheus' text form"},
	{"block",   "CALL [SECONDS]", 1, 2, false, print_block,   "end the calls of CALL and take no more; without SECONDS for ever"},
	{"unblock", "CALL",           1, 1, false, print_unblock, "take calls of CALL again"},
	{"kick",    "ID",             1, 1, false, print_kick,    "unlink the gateway, or end the session, with that id, such as c12 or s34"},
	{"passwd",  "CALL",           1, 1, false, print_passwd,  "set the password of a user of the DX cluster"},
	{"quarantine", "[show|drop ID]", 0, 3, false, print_quarantine, "datagrams that crashed workers; replay FILE ADDRESS:PORT sends one"},
	{"stop",    "",               0, 0, false, NULL,          "stop the daemon and wait until it is gone"},
	{"reload",  "",               0, 0, false, print_reload,          "read the configuration again"},
	{"reopen",  "",               0, 0, false, NULL,          "open the log file anew"},
	{"upgrade", "[BINARY]",       0, 1, false, print_upgrade, "another build takes over (of the path it was started from)"},
	{"backup",  "DIR",            1, 1, false, NULL,          "copy the durable state to DIR, while it is used"},
	{"restore", "DIR",            1, 1, false, NULL,          "put the backup in DIR in force"},
	{"compact", "",               0, 0, false, NULL,          "make the file of the durable state smaller"},
	{"import",  "KIND FILE...",   0, 5, false, NULL,          "a shackd.ini made of another reflector's: pysf, ysfreflector; or dgid FILE"},
	{"drain",   "",               0, 0, false, NULL,          "stop when the last call is over"},
};
/* clang-format on */

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

struct ctl {
	const struct command *command;
	char socket[CONF_TEXT_MAX + 32];
	const char *config; /* of -c */
	bool json;
	int patience; /* seconds of silence, 0: the usual */
	char *text;   /* of the answer, collected for printing */
	size_t length, room;
};

/* ---- the command line ---- */

static void print_usage(FILE *out)
{
	fputs("usage: shackctl [-s SOCKET] [-c FILE] [--json] COMMAND [ARG...]\n\n"
	      "  -s, --socket SOCKET  control socket; default " SOCKET_DEFAULT "\n"
	      "  -c, --config FILE    take the socket from server.run_dir of this file\n"
	      "      --json           print JSON: one document, or one a line for events\n"
	      "  -V, --version        version\n"
	      "  -h, --help           this text\n\ncommands:\n",
	      out);
	for (size_t i = 0; i < COMMANDS; i++) {
		char head[48];

		snprintf(head, sizeof(head), "%s %s", commands[i].name, commands[i].args);
		fprintf(out, "  %-22s %s\n", head, commands[i].help);
	}
}

static int unknown_command(const char *word)
{
	const char *nearest = NULL;
	unsigned best = 3; /* farther is no help */

	for (size_t i = 0; i < COMMANDS; i++) {
		unsigned distance = text_distance(word, commands[i].name);

		if (distance < best) {
			best = distance;
			nearest = commands[i].name;
		}
	}
	if (nearest != NULL)
		fprintf(stderr, "shackctl: unknown command \"%s\" (did you mean \"%s\"?)\n", word,
			nearest);
	else
		fprintf(stderr, "shackctl: unknown command \"%s\" (see shackctl --help)\n", word);
	return EXIT_USAGE;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* The socket of the daemon that runs with FILE. */
static int socket_of_config(struct ctl *ctl, const char *file)
{
	struct config_request request = {.file = file};
	struct problems *problems = calloc(1, sizeof(*problems));
	struct config *config = NULL;
	int code = EXIT_DONE;

	if (problems == NULL) {
		fprintf(stderr, "shackctl: out of memory\n");
		return EXIT_REFUSED;
	}
	if (config_load(&config, &request, problems) == 0) {
		snprintf(ctl->socket, sizeof(ctl->socket), "%s/control.sock",
			 config_text(config, CONF_SERVER_RUN_DIR));
	} else {
		problems_print(stderr, problems);
		code = EXIT_REFUSED;
	}
	config_destroy(&config);
	free(problems);
	return code;
}

/* Returns EXIT_DONE to go on, or the code to exit with (-1: with 0). */
static int read_options(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'}, {"config", required_argument, NULL, 'c'},
		{"json", no_argument, NULL, 'j'},	  {"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},	  {NULL, 0, NULL, 0},
	};
	int option, code = EXIT_DONE;
	bool named = false;

	/* "+": what follows the command is the command's */
	while (code == EXIT_DONE &&
	       (option = getopt_long(argc, argv, "+s:c:Vh", options, NULL)) != -1) {
		switch (option) {
		case 's':
			named = true;
			if (!text_copy(ctl->socket, sizeof(ctl->socket), optarg))
				code = EXIT_USAGE;
			break;
		case 'c':
			ctl->config = optarg;
			if (!named)
				code = socket_of_config(ctl, optarg);
			break;
		case 'j':
			ctl->json = true;
			break;
		case 'V':
			version_print(stdout);
			return -1;
		case 'h':
			print_usage(stdout);
			return -1;
		default:
			print_usage(stderr);
			code = EXIT_USAGE;
		}
	}
	return code;
}

/* The command and its arguments; a --json among them is ours. */
static int read_words(struct ctl *ctl, int argc, char **argv, const char *words_r[], int *count_r)
{
	int count = 0;

	for (int i = 0; i < argc; i++) {
		if (i > 0 && strcmp(argv[i], "--json") == 0) {
			ctl->json = true;
			continue;
		}
		if (count == WORDS_MAX - 1) {
			fprintf(stderr, "shackctl: too many arguments\n");
			return EXIT_USAGE;
		}
		words_r[count++] = argv[i];
	}
	*count_r = count;
	if (count == 0) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	ctl->command = find_command(words_r[0]);
	if (ctl->command == NULL)
		return unknown_command(words_r[0]);
	if (count - 1 < ctl->command->least || count - 1 > ctl->command->most) {
		fprintf(stderr, "usage: shackctl %s %s\n", ctl->command->name, ctl->command->args);
		return EXIT_USAGE;
	}
	return EXIT_DONE;
}

/* ---- answers ---- */

static bool pass_on(const char *text, size_t length, void *arg)
{
	bool *ends_in_line_end = arg;

	if (length == 0)
		return true;
	*ends_in_line_end = text[length - 1] == '\n';
	return fwrite(text, 1, length, stdout) == length && fflush(stdout) == 0;
}

/* As the daemon says it. */
static int run_raw(struct ctl *ctl, const char *const words[], int count, bool follows)
{
	bool complete = true;
	struct talk request = {
		.socket = ctl->socket,
		.follows = follows,
		.repeatable = ctl->command->reads,
		.patience = ctl->patience,
		.piece = pass_on,
		.arg = &complete,
	};
	int code = talk(&request, words, count);

	if (!complete)
		putchar('\n');
	return code;
}

static bool collect(const char *text, size_t length, void *arg)
{
	struct ctl *ctl = arg;

	if (ctl->length + length + 1 > ctl->room) {
		size_t room = 2 * (ctl->length + length + 1);
		char *more = realloc(ctl->text, room);

		if (more == NULL) {
			fprintf(stderr, "shackctl: out of memory\n");
			return false;
		}
		ctl->text = more;
		ctl->room = room;
	}
	memcpy(ctl->text + ctl->length, text, length);
	ctl->length += length;
	ctl->text[ctl->length] = '\0';
	return true;
}

static int print_document(const struct ctl *ctl, const char *text, size_t length)
{
	json_error_t error;
	json_t *answer = json_loadb(text, length, 0, &error);

	if (answer == NULL) {
		fprintf(stderr, "shackctl: the answer is not understood: %s\n", error.text);
		return EXIT_REFUSED;
	}
	ctl->command->print(stdout, answer, time(NULL));
	json_decref(answer);
	return EXIT_DONE;
}

/* For people: the whole document first. */
static int run_document(struct ctl *ctl, const char *const words[], int count)
{
	struct talk request = {
		.socket = ctl->socket,
		.repeatable = ctl->command->reads,
		.patience = ctl->patience,
		.piece = collect,
		.arg = ctl,
	};
	bool refused;
	int code = talk(&request, words, count);

	/* a refused reload comes with a document that tells more */
	refused = code == EXIT_REFUSED && ctl->command->print == print_reload;
	if ((code == EXIT_DONE || refused) && ctl->length > 0 &&
	    print_document(ctl, ctl->text, ctl->length) != EXIT_DONE)
		code = EXIT_REFUSED;
	return code;
}

/* One event a line, each printed as it comes. */
static bool print_lines(const char *text, size_t length, void *arg)
{
	struct ctl *ctl = arg;
	char *line, *end;

	if (!collect(text, length, ctl))
		return false;
	for (line = ctl->text; (end = strchr(line, '\n')) != NULL; line = end + 1)
		if (print_document(ctl, line, (size_t)(end - line)) != EXIT_DONE)
			return false;
	ctl->length -= (size_t)(line - ctl->text);
	memmove(ctl->text, line, ctl->length + 1);
	return fflush(stdout) == 0;
}

static int run_lines(struct ctl *ctl, const char *const words[], int count, bool follows)
{
	struct talk request = {
		.socket = ctl->socket,
		.follows = follows,
		.repeatable = true,
		.piece = print_lines,
		.arg = ctl,
	};

	return talk(&request, words, count);
}

/* ---- upgrade ---- */

/* The daemon has another working directory. */
static int run_upgrade(struct ctl *ctl, const char *words[], int count)
{
	char path[PATH_MAX], here[PATH_MAX];

	if (count > 1 && words[1][0] != '/') {
		if (getcwd(here, sizeof(here)) == NULL ||
		    snprintf(path, sizeof(path), "%s/%s", here, words[1]) >= (int)sizeof(path)) {
			fprintf(stderr, "shackctl: %s: %s\n", words[1], strerror(ENAMETOOLONG));
			return EXIT_REFUSED;
		}
		words[1] = path;
	}
	ctl->patience = UPGRADE_SECONDS;
	return ctl->json ? run_raw(ctl, words, count, false) : run_document(ctl, words, count);
}

/* ---- stop ---- */

/* Who to wait for; -1 when the daemon does not say. */
static int daemon_pidfd(struct ctl *ctl, int *code_r)
{
	static const char *const status[] = {"status"};
	struct talk request = {.socket = ctl->socket, .piece = collect, .arg = ctl};
	int fd = -1;
	json_t *answer;

	*code_r = talk(&request, status, 1);
	if (*code_r != EXIT_DONE)
		return -1;
	answer = json_loadb(ctl->text != NULL ? ctl->text : "", ctl->length, 0, NULL);
	if (answer != NULL)
		fd = pidfd_open((pid_t)json_integer_value(json_object_get(answer, "pid")), 0);
	json_decref(answer);
	return fd;
}

static int run_stop(struct ctl *ctl, const char *const words[], int count)
{
	struct pollfd gone = {.events = POLLIN};
	int code;

	gone.fd = daemon_pidfd(ctl, &code);
	if (code != EXIT_DONE)
		return code;
	code = run_raw(ctl, words, count, false);
	if (code == EXIT_DONE && gone.fd >= 0 && poll(&gone, 1, STOP_SECONDS * 1000) != 1) {
		fprintf(stderr, "shackctl: the daemon is still there after %d s\n", STOP_SECONDS);
		code = EXIT_REFUSED;
	}
	if (gone.fd >= 0)
		close(gone.fd);
	return code;
}

static bool has_follow(const char *const words[], int count)
{
	for (int i = 1; i < count; i++)
		if (strcmp(words[i], "-f") == 0)
			return true;
	return false;
}

static int run_passwd(struct ctl *ctl, const char *words[], int count)
{
	char password[PASSWD_SIZE] = "";
	int code = EXIT_REFUSED;

	if (count > 1 && passwd_ask(words[1], password)) {
		words[count++] = password;
		ctl->patience = PASSWD_SECONDS;
		code = ctl->json ? run_raw(ctl, words, count, false)
				 : run_document(ctl, words, count);
	}
	sodium_memzero(password, sizeof(password));
	return code;
}

/* What has to do with files of whoever asks. */
static const struct {
	const char *name;
	int (*run)(const struct backup_request *request);
} backups[] = {
	{"backup", backup_run},
	{"restore", restore_run},
	{"compact", compact_run},
};

static int run(struct ctl *ctl, const char *words[], int count)
{
	struct backup_request backup = {
		.socket = ctl->socket,
		.config = ctl->config,
		.dir = count > 1 ? words[1] : NULL,
		.json = ctl->json,
	};
	bool events = ctl->command->print == print_event;
	bool follows = events && has_follow(words, count);

	for (size_t i = 0; i < sizeof(backups) / sizeof(backups[0]); i++)
		if (strcmp(ctl->command->name, backups[i].name) == 0)
			return backups[i].run(&backup);
	if (strcmp(ctl->command->name, "stop") == 0)
		return run_stop(ctl, words, count);
	if (strcmp(ctl->command->name, "ready") == 0)
		return ready_run(ctl->socket, count > 1 ? words[1] : NULL);
	if (strcmp(ctl->command->name, "import") == 0)
		return import_run(ctl->socket, words + 1, count - 1);
	if (strcmp(ctl->command->name, "upgrade") == 0)
		return run_upgrade(ctl, words, count);
	if (ctl->command->print == print_passwd)
		return run_passwd(ctl, words, count);
	if (count > 1 && ctl->command->print == print_quarantine && strcmp(words[1], "replay") == 0)
		return replay(words + 2, count - 2);
	if (strcmp(ctl->command->name, "metrics") == 0 && ctl->json)
		words[count++] = "--json"; /* the one answer that has two forms there */
	if (ctl->json || ctl->command->print == NULL)
		return run_raw(ctl, words, count, follows);
	return events ? run_lines(ctl, words, count, follows) : run_document(ctl, words, count);
}

int main(int argc, char **argv)
{
	struct ctl ctl = {.socket = SOCKET_DEFAULT};
	const char *words[WORDS_MAX];
	int count, code;

	code = read_options(&ctl, argc, argv);
	if (code == -1)
		return EXIT_DONE;
	if (code == EXIT_DONE)
		code = read_words(&ctl, argc - optind, argv + optind, words, &count);
	if (code == EXIT_DONE)
		code = run(&ctl, words, count);
	free(ctl.text);
	if (fflush(stdout) != 0 && code == EXIT_DONE) {
		perror("shackctl: standard output");
		code = EXIT_REFUSED;
	}
	return code;
}
