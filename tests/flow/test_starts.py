#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_starts - of two starts at once, exactly one wins
# PURPOSE   In the foreground and in the background, over the remains of a daemon that was killed or
#           beside one that is stopping or upgrading: one serves, the others say why they don't, and
#           disturb nothing: not the pid file, not the sockets, not what is in the stores.
# OWNER     make check
# CONTRACT  RACES=n (default 24; the README's row says 1000) and SEED=n in the environment
# RUNS      beside others
# LIMITS    none known

import os
import random
import re
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from lib.builds import NEXT  # noqa: E402
from lib.death import free_port  # noqa: E402
from lib.figures import figures  # noqa: E402
from lib.shackd import SHACKD, SLOW, Daemon, alive, die_with_parent, eventually, main  # noqa: E402
from lib.ysf import Lab  # noqa: E402
from test_upgrade import Home  # noqa: E402

RACES = int(os.environ.get("RACES", "24"))
SEED = int(os.environ.get("SEED", "20261121"))
APART = 0.04  # seconds: about as long as the first half of a start
REASONS = (r"already running( as pid \d+)? \(\S+ is locked\)|another daemon uses|"
           r"another daemon \(pid \d+\) answers at")


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


class Entrant:
    """A start that waits for its signal."""

    def __init__(self, daemon, foreground):
        daemon.foreground = self.foreground = foreground
        self.said = ""
        self.process = subprocess.Popen(
            ["sh", "-c", 'read -r _ && exec "$@"', "sh", *daemon.command()], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=die_with_parent)
        for pipe in (self.process.stdout, self.process.stderr):
            os.set_blocking(pipe.fileno(), False)

    def go(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.close()

    def outcome(self):
        """None: not yet known; True: it serves; False: it ended."""
        status = self.process.poll()
        for pipe in (self.process.stdout, self.process.stderr):
            self.said += (pipe.read() or b"").decode()
        if status is None:
            return True if self.foreground and "shackd: ready" in self.said else None
        return status == 0 and not self.foreground

    def has_lost(self):
        """It ended as one that may not start: with the right status, and a sentence."""
        expect(self.process.returncode == 2, f"the loser ended with {self.process.returncode}: {self.said}")
        expect(re.search(REASONS, self.said), f"the loser says: {self.said!r}")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            pipe.close()


def pid_of(daemon):
    return int((daemon.run_dir / "shackd.pid").read_text())


def end(daemon, pid, number):
    os.kill(pid, number)
    for entrant in daemon.entrants:  # ours to reap, if it was in the foreground
        if entrant.process.pid == pid:
            entrant.process.wait(timeout=10 * SLOW)
    eventually(lambda: not alive(pid), 10, "the end of the winner")


def run_race(daemon, rng, registered):
    """Two starts at once; returns the pid of the one that serves."""
    entrants = daemon.entrants = [Entrant(daemon, rng.random() < 0.5) for _ in range(2)]
    wait = rng.choice((0, rng.random() * APART))
    entrants[0].go()
    limit = time.monotonic() + wait
    while time.monotonic() < limit:
        pass  # a moment, not a barrier: it only has to be another one each time
    entrants[1].go()
    eventually(lambda: all(one.outcome() is not None for one in entrants), 20, "both outcomes")
    winners = [one for one in entrants if one.outcome()]
    expect(len(winners) == 1, f"{len(winners)} winners: {[one.said for one in entrants]}")
    for one in entrants:
        if one is not winners[0]:
            one.has_lost()
    pid = pid_of(daemon)
    expect(not winners[0].foreground or pid == winners[0].process.pid, "another's pid in the file")
    status = daemon.status()
    expect(status["pid"] == pid and status["state"] == "ready", f"{status}")
    expect(sorted(os.listdir(daemon.run_dir)) == ["control.sock", "shackd.pid"], "more in run_dir")
    expect([client["id"] for client in daemon.ctl("clients")] == registered, "another store")
    return pid


def test_of_two_starts_one_wins():
    rng = random.Random(SEED)
    began, ends = time.monotonic(), {}
    with Daemon("workers.ysf=1", "ysf.client_timeout=1h", listen=f"127.0.0.1:{free_port()}") as daemon, \
         Lab(daemon) as lab:
        lab.gateway("STAYS")
        registered = [client["id"] for client in daemon.ctl("clients")]
        daemon.stop()
        daemon.process.stdout.close()
        try:
            for _ in range(RACES):
                pid = run_race(daemon, rng, registered)
                how = rng.choice((signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGQUIT))
                ends[how.name] = ends.get(how.name, 0) + 1
                end(daemon, pid, how)
                for entrant in daemon.entrants:
                    entrant.close()
        finally:
            if (daemon.run_dir / "shackd.pid").exists() and alive(pid := pid_of(daemon)):
                end(daemon, pid, signal.SIGTERM)  # one in the background is nobody's child
            for entrant in daemon.entrants:
                entrant.close()
            daemon.foreground, daemon.process = True, None
    figures("starts", races=RACES, won_by_one=RACES, registrations_lost=0, ended_before=ends, seed=SEED)
    print(f"# {RACES} races in {time.monotonic() - began:.0f} s")


def test_another_pid_file_is_no_second_daemon():
    """Nor with stores of its own: the control socket would be taken from under the first."""
    with Daemon() as first, Daemon(f"server.run_dir={first.run_dir}", start=False) as second:
        second.flags = ("-p", str(second.base / "my.pid"))
        entrant = Entrant(second, True)
        entrant.go()
        eventually(lambda: entrant.outcome() is not None, 20, "an outcome")
        entrant.has_lost()
        expect(f"server.run_dir: another daemon (pid {first.pid}) answers at {first.run_dir}"
               in entrant.said, entrant.said)
        entrant.close()
        expect(first.status()["pid"] == first.pid, "the first one is not heard any more")
        expect(not (second.base / "my.pid").exists(), "a pid file was left")


def test_a_daemon_that_hears_nobody_keeps_its_socket():
    """It is stopped, and so many wait for it that nobody can join them."""
    with Daemon() as first, Daemon(f"server.run_dir={first.run_dir}", start=False) as second:
        second.flags = ("-p", str(second.base / "my.pid"))
        os.kill(first.pid, signal.SIGSTOP)
        waiting = []
        try:
            while len(waiting) < 5000:
                waiting.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK))
                waiting[-1].connect(str(first.run_dir / "control.sock"))
        except BlockingIOError:
            pass
        entrant = Entrant(second, True)
        try:
            entrant.go()
            eventually(lambda: entrant.outcome() is not None, 20, "an outcome")
        finally:
            os.kill(first.pid, signal.SIGCONT)
            for sock in waiting:
                sock.close()
        won, said = entrant.outcome(), entrant.said
        entrant.close()
        expect(not won, f"{len(waiting)} waited, and it took the socket: {said}")
        expect(f"server.run_dir: somebody else listens at {first.run_dir}/control.sock" in said, said)
        eventually(lambda: answers_as(first) == first.pid, 10, "an answer of the first one")


def answers_as(daemon):
    """Whose pid the answer tells; None while too many wait for one."""
    try:
        return daemon.status()["pid"]
    except (OSError, ValueError):  # or it is turned away
        return None


def test_the_socket_of_a_dead_daemon_is_waited_for():
    """Who began to listen is gone; who still holds the socket is about to go."""
    with Daemon(start=False) as daemon:
        daemon.run_dir.mkdir(mode=0o750)
        child = os.fork()
        if child == 0:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            sock.bind(str(daemon.run_dir / "control.sock"))
            sock.listen(5)
            if os.fork() == 0:
                select.select([sock], [], [], 60)  # until somebody asks
            os._exit(0)
        os.waitpid(child, 0)
        daemon.start()
        expect(daemon.status()["state"] == "ready", "does not serve")


def challenge(daemon, report):
    """A start beside a daemon: it must lose, or come after that one's end and serve."""
    entrant = Entrant(daemon, True)
    entrant.go()
    eventually(lambda: entrant.outcome() is not None, 20, "an outcome")
    won = entrant.outcome()
    report.append((won, entrant.said))
    if not won:
        entrant.has_lost()
    return entrant


def test_starts_while_another_stops():
    """What comes too early is refused; what comes in time serves; never is there less than was said."""
    for number in range(4):
        with Daemon("workers.ysf=2", listen=f"127.0.0.1:{free_port()}") as daemon:
            if number % 2:  # one that stops slowly
                os.kill(daemon.worker_pids()["ysf.1"], signal.SIGSTOP)
            first, report = daemon.process, []
            first.terminate()
            entrant = challenge(daemon, report)
            tries = 1
            while not report[-1][0] and tries < 1000:
                entrant.close()
                entrant = challenge(daemon, report)
                tries += 1
            expect(report[-1][0], f"never: {report[-1][1]}")
            expect(first.wait(timeout=10 * SLOW) == 0, "the first did not stop well")
            status = daemon.status()
            expect(status["pid"] == entrant.process.pid == pid_of(daemon), f"{status['pid']}")
            expect(status["state"] == "ready", f"{status}")
            entrant.process.terminate()
            expect(entrant.process.wait(timeout=10 * SLOW) == 0, "the second did not stop well")
            entrant.close()


def test_starts_while_another_upgrades():
    with Home(("workers.ysf=2",), listen=f"127.0.0.1:{free_port()}") as home:
        daemon, losers = home.daemon, []
        pid = daemon.pid
        for number in range(3):
            home.put((NEXT, SHACKD)[number % 2])
            before = daemon.status()["generation"]
            daemon.send(signal.SIGUSR2)
            while daemon.status()["generation"] == before and len(losers) < 500:
                challenge(daemon, losers).close()
        expect(losers and not any(won for won, _ in losers), f"{len(losers)} starts")
        expect(all(f"already running as pid {pid} " in said for _, said in losers),
               [said for _, said in losers if f"pid {pid} " not in said][:1])
        expect(daemon.status()["pid"] == pid == pid_of(daemon), "another one serves")
        print(f"# {len(losers)} starts refused during upgrades")


if __name__ == "__main__":
    main(globals())
