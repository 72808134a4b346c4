/* SPDX-License-Identifier: ISC
 *
 * NAME      shackctl_passwd - a password from whoever sits here
 * PURPOSE   See shackctl_passwd.h.
 * OWNER     shackctl
 * CONTRACT  see shackctl_passwd.h
 * LIMITS    see shackctl_passwd.h
 */
#include "master/shackctl_passwd.h"

#include <sodium/utils.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* One line of standard input without its end. */
static bool read_line(char line_r[PASSWD_SIZE])
{
	size_t length;

	if (fgets(line_r, PASSWD_SIZE, stdin) == NULL) {
		fprintf(stderr, "shackctl: no password was given\n");
		return false;
	}
	length = strlen(line_r);
	if (length == PASSWD_SIZE - 1 && line_r[length - 1] != '\n') {
		fprintf(stderr, "shackctl: a password has up to %d bytes\n", PASSWD_SIZE - 2);
		return false;
	}
	line_r[strcspn(line_r, "\r\n")] = '\0';
	return true;
}

static bool ask(const char *prompt, char line_r[PASSWD_SIZE])
{
	struct termios before, silent;
	bool good;

	fputs(prompt, stderr);
	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return read_line(line_r);
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	good = read_line(line_r);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fputc('\n', stderr);
	return good;
}

bool passwd_ask(const char *call, char password_r[PASSWD_SIZE])
{
	char prompt[64], again[PASSWD_SIZE] = "";
	bool same;

	password_r[0] = '\0';
	if (!isatty(STDIN_FILENO))
		return read_line(password_r);
	snprintf(prompt, sizeof(prompt), "New password of %.20s (empty: none): ", call);
	if (!ask(prompt, password_r) || !ask("Once more: ", again))
		return false;
	same = strcmp(password_r, again) == 0;
	sodium_memzero(again, sizeof(again));
	if (!same)
		fprintf(stderr, "shackctl: these were two different ones\n");
	return same;
}
