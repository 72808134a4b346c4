#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_signals - every signal in every phase
# PURPOSE   TERM, INT and QUIT end a daemon that starts, reloads, upgrades or drains, cleanly and soon;
#           HUP, USR1 and USR2 are obeyed, follow later, or are refused with a sentence; none is lost,
#           none does harm.
# OWNER     make check
# CONTRACT  each phase is held open by a process that is stopped, or by a build made to wait; nothing is
#           sent into the blue
# RUNS      beside others
# LIMITS    a phase that cannot be held open (a few microseconds of it) is the business of test_points

import os
import re
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from lib.builds import NEXT, TESTING, faulty, need  # noqa: E402
from lib.shackd import SLOW, Daemon, eventually, main  # noqa: E402
from lib.ysf import Lab, streams  # noqa: E402
from test_upgrade import Home  # noqa: E402

ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
HOLD = ("server.watchdog=1h",)  # nobody but the test ends what it has stopped


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


def says(daemon, number, pattern):
    """Sends NUMBER; the daemon says that it came, and PATTERN thereafter."""
    name, at = signal.Signals(number).name, len(daemon.log())
    os.kill(daemon.pid, number)
    eventually(lambda: re.search(rf"got {name} from pid {os.getpid()}\b.*?{pattern}",
                                 daemon.log()[at:], re.S), 10, f"{pattern!r} after {name}")


def ends(daemon, number, status=0, held=None):
    """NUMBER ends it, soon, with STATUS, and nothing is left. HELD: who was stopped for the test goes on."""
    os.kill(daemon.pid, number)
    if held:
        try:
            os.kill(held, signal.SIGCONT)
        except ProcessLookupError:
            pass  # QUIT does not ask it
    got = daemon.process.wait(timeout=10 * SLOW)
    expect(got == status, f"{signal.Signals(number).name}: status {got}: {daemon.log()[-300:]}")
    left = os.listdir(daemon.run_dir)
    expect(left == [], f"{signal.Signals(number).name}: left {left}")


def stopped(daemon, slot):
    pid = daemon.worker_pids()[slot]
    os.kill(pid, signal.SIGSTOP)
    return pid


# ---- start ----

def starting(program):
    """A daemon whose reflector never gets ready."""
    daemon = Daemon("workers.ysf=1", program=program, start=False)
    daemon.launch()
    daemon.pid = daemon.process.pid
    children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children")
    eventually(lambda: len(children.read_text().split()) >= 5, 10, "all of its workers")
    return daemon


def test_while_it_starts():
    with faulty("never-ready") as program:
        for number in ENDS:
            with starting(program) as daemon:
                if number == signal.SIGTERM:
                    os.kill(daemon.pid, signal.SIGUSR1)
                    os.kill(daemon.pid, signal.SIGHUP)
                    os.kill(daemon.pid, signal.SIGUSR2)
                ends(daemon, number, 2)
                said = daemon.log()
                expect("stopped before it was ready" in said, said)
                if number == signal.SIGTERM:
                    expect("the daemon is still starting: the reload follows" in said, said)
                    expect("no upgrade: the daemon is starting" in said, said)


# ---- reload ----

def test_while_it_reloads():
    for number in ENDS:
        with Daemon("workers.ysf=2", *HOLD) as daemon:
            held = stopped(daemon, "ysf.0")
            daemon.config.write_text("[ysf]\nname = OTHER\n")
            says(daemon, signal.SIGHUP, "")
            says(daemon, signal.SIGHUP, "a reload is under way: the reload follows")
            if number == signal.SIGTERM:
                says(daemon, signal.SIGUSR1, "")
                says(daemon, signal.SIGUSR2, "no upgrade: a reload is running")
            ends(daemon, number, held=held)


# ---- upgrade ----

def rehearsal(daemon):
    """The process that tries the new build; it was found, and is stopped."""
    children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children")

    def look():
        for pid in children.read_text().split():
            try:
                if b"--rehearse" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                    return int(pid)
            except OSError:
                pass
        return None
    pid = eventually(look, 10, "the rehearsal")
    os.kill(pid, signal.SIGSTOP)
    return pid


def test_while_it_rehearses():
    for number in ENDS:
        with Home(program=TESTING) as home:
            home.put(TESTING, "hang-in-rehearsal")
            daemon = home.daemon
            os.kill(daemon.pid, signal.SIGUSR2)
            rehearsal(daemon)
            if number == signal.SIGTERM:
                says(daemon, signal.SIGHUP, "an upgrade is under way: the reload follows")
                says(daemon, signal.SIGUSR1, "")
                says(daemon, signal.SIGUSR2, "no upgrade: an upgrade is running")
            ends(daemon, number)


def test_hup_and_another_upgrade_while_it_upgrades():
    """What HUP asked for comes, after the upgrade and in its successor."""
    with Home(program=TESTING) as home:
        daemon = home.daemon
        home.put(TESTING, "hang-in-rehearsal")
        os.kill(daemon.pid, signal.SIGUSR2)
        pid = rehearsal(daemon)
        daemon.config.write_text("[ysf]\nname = FIRST\n")
        says(daemon, signal.SIGHUP, "the reload follows")
        os.kill(pid, signal.SIGKILL)  # the upgrade fails
        eventually(lambda: daemon.status()["config_generation"] == 2, 10, "the reload after it")
        home.put(TESTING)
        answers = []
        asker = threading.Thread(target=lambda: answers.append(daemon.ask("upgrade")))
        daemon.config.write_text("[ysf]\nname = SECOND\n")
        asker.start()
        eventually(lambda: "asks for an upgrade" in daemon.log(), 10, "the request")
        for _ in range(5):
            os.kill(daemon.pid, signal.SIGHUP)
        asker.join(30 * SLOW)
        expect(answers and answers[0][0] == 0, f"{answers}")
        eventually(lambda: daemon.status()["config_generation"] >= 3, 10, "what HUP asked for")
        expect(daemon.status()["generation"] == 2, "not upgraded")


def test_a_stop_is_not_lost_over_the_exec():
    """The new image hangs after the exec: what was sent to it meanwhile, the old one obeys."""
    with Home(program=TESTING) as home:
        daemon = home.daemon
        home.put(TESTING, "hang-after-exec")
        os.kill(daemon.pid, signal.SIGUSR2)
        eventually(lambda: b"--adopt" in Path(f"/proc/{daemon.pid}/cmdline").read_bytes(), 10,
                   "the new image")
        os.kill(daemon.pid, signal.SIGTERM)
        expect(daemon.process.wait(timeout=30 * SLOW) == 0, daemon.log()[-300:])
        expect(os.listdir(daemon.run_dir) == [], "something is left")


def test_while_workers_are_replaced():
    for number in ENDS:
        with Home(("workers.ysf=2", *HOLD)) as home:
            daemon = home.daemon
            home.put(NEXT)
            held = stopped(daemon, "ysf.1")
            os.kill(daemon.pid, signal.SIGUSR2)
            eventually(lambda: b"--adopt" in Path(f"/proc/{daemon.pid}/cmdline").read_bytes(), 10,
                       "the new image")
            ends(daemon, number, held=held)


# ---- drain ----

def test_while_it_drains():
    for number in ENDS:
        with Daemon("workers.ysf=1", "ysf.watchdog=8s") as daemon, Lab(daemon) as lab:
            talker = lab.gateway("TALKER", "IU5JAE")
            talker.header()
            eventually(lambda: streams(daemon), 10, "the call")
            expect(daemon.ask("drain")[0] == 0, "drain")
            if number == signal.SIGTERM:
                says(daemon, signal.SIGHUP, "reloaded, changed: nothing")
                says(daemon, signal.SIGUSR1, "")
                says(daemon, signal.SIGUSR2, "no upgrade: the daemon is stopping")
            ends(daemon, number)


if __name__ == "__main__":
    need(TESTING)
    main(globals())
