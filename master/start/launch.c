/* SPDX-License-Identifier: ISC
 *
 * NAME      launch - into the background, with word of how it went
 * PURPOSE   See master/start/launch.h. What travels: one byte of status, then text.
 * OWNER     launcher and master
 * CONTRACT  see master/start/launch.h
 * LIMITS    none known
 */
#include "master/start/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master/master.h"

/* The daemon ended without a word. */
static int explain(pid_t pid)
{
	int status = 0;

	if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status))
		fprintf(stderr, "shackd: killed by signal %d while starting\n", WTERMSIG(status));
	else
		fprintf(stderr, "shackd: ended while starting, with status %d\n",
			WEXITSTATUS(status));
	return EXIT_START;
}

static void launcher(int from, pid_t pid)
{
	unsigned char text[MASTER_WHY_MAX + 1];
	size_t have = 0;
	ssize_t got;

	while (have < sizeof(text)) {
		got = read(from, text + have, sizeof(text) - have);
		if (got > 0)
			have += (size_t)got;
		else if (got == 0 || errno != EINTR)
			break;
	}
	if (have == 0)
		_exit(explain(pid));
	if (text[0] != 0) {
		fprintf(stderr, "shackd: %.*s\n", (int)(have - 1), (char *)text + 1);
		waitpid(pid, NULL, 0); /* who tries again at once must find the pid file free */
	}
	_exit(text[0]);
}

int launch_detach(void)
{
	int ends[2], null;
	pid_t pid;

	signal(SIGCHLD, SIG_DFL);
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	pid = fork();
	if (pid < 0)
		return -1;
	if (pid > 0) {
		close(ends[1]);
		launcher(ends[0], pid);
	}
	close(ends[0]);
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || chdir("/") != 0)
		_exit(EXIT_START);
	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	return ends[1];
}

void launch_tell(int *pipe, int status, const char *text)
{
	unsigned char packet[MASTER_WHY_MAX + 1];
	size_t length = strnlen(text, MASTER_WHY_MAX);

	if (*pipe < 0)
		return;
	packet[0] = (unsigned char)status;
	memcpy(packet + 1, text, length);
	/* a launcher that was interrupted does not wait any more: no reason to end */
	if (write(*pipe, packet, length + 1) < 0)
		errno = 0;
	close(*pipe);
	*pipe = -1;
}
