/* SPDX-License-Identifier: ISC
 *
 * NAME      signals - what an operator says by kill(1)
 * PURPOSE   Signals become events of the loop; nothing runs in a handler.
 * OWNER     master
 * CONTRACT  blocked from the first moment, so none is lost while the daemon starts
 * LIMITS    none known
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "master/master.h"
#include "master/reload/reload.h"
#include "master/upgrade/upgrade.h"
#include "shm/log.h"
#include "shm/watch.h"

static void on_signal(struct ev_loop *loop, ev_io *io, int events)
{
	struct master *master = io->data;
	struct signalfd_siginfo info;

	if (watch_lost(loop, io, events))
		return;
	while (read(master->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		int number = (int)info.ssi_signo;

		log_info("got SIG%s from pid %u", sigabbrev_np(number), info.ssi_pid);
		if (number == SIGTERM || number == SIGINT)
			stop_begin(master, STOP_GRACEFUL);
		else if (number == SIGQUIT)
			stop_begin(master, STOP_NOW);
		else if (number == SIGHUP)
			reload_wish(master);
		else if (number == SIGUSR1)
			reload_reopen(master);
		else
			upgrade_wish(master);
	}
}

bool signals_block(struct master *master)
{
	static const int wanted[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		sigaddset(&set, wanted[i]);
	if (sigprocmask(SIG_SETMASK, &set, NULL) != 0)
		return master_why(master, EXIT_START, "can't block signals: %s", strerror(errno));
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL); /* ignored by our parent, it would reap behind our back */
	master->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (master->signal_fd < 0)
		return master_why(master, EXIT_START, "can't take signals as events: %s",
				  strerror(errno));
	return true;
}

void signals_start(struct master *master)
{
	ev_io_init(&master->signal_watch, on_signal, master->signal_fd, EV_READ);
	master->signal_watch.data = master;
	ev_io_start(master->loop, &master->signal_watch);
}
