#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_clock - the machine's clock jumps by ten years
# PURPOSE   Either way, and to 1970, while the daemon runs and between two runs: calls, registrations and
#           sessions go on, users, blocks, choices and typed spots are kept, a block ends in its time, and
#           the log and the metrics tell of it.
# OWNER     tests
# CONTRACT  clockstep.so sets the clock of the daemon and its workers alone
# RUNS      beside others
# LIMITS    sanitizers want to be loaded first

import os
import shutil
import signal
import struct
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS / "lib")]
from builds import BUILD
from lib.durable import Durable
from lib.shackd import SLOW, Skip, eventually, main
from ysf import Lab, expect

YEARS = 3652 * 86400
JUMPS = {"ahead": YEARS, "back": -YEARS, "to 1970": 600 - int(time.time())}


class Clock:
    """What the daemon takes for the real time is off by so many seconds."""

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile(prefix="shackd-clock-")
        os.chmod(self.file.name, 0o644)
        self.set(0)
        self.environment = {"LD_PRELOAD": str(BUILD / "tests/fault/clockstep.so"),
                            "CLOCKSTEP_FILE": self.file.name}

    def set(self, seconds):
        self.file.seek(0)
        self.file.write(struct.pack("q", seconds))
        self.file.flush()


@contextmanager
def household():
    """A daemon with something to remember of each kind."""
    if SLOW > 1:
        raise Skip("sanitizers want to be loaded first")
    clock = Clock()
    with Durable(environment=clock.environment) as daemon:
        daemon.choose("DB0ABC", 22)
        daemon.name("DL1ABC", "Anna")
        daemon.spot("DL2ABC", 14025.0, "K1ABC")
        daemon.ctl("block", "N0SUCH", "600")
        daemon.is_durable("users", 2)
        daemon.is_durable("human_spots", 1)
        yield daemon, clock


def jumps(daemon):
    return daemon.keeper("keeper_clock_jumps_total")


def set_clock(daemon, clock, seconds):
    """Until keeper has seen it."""
    before = jumps(daemon)
    clock.set(seconds)
    if seconds:
        eventually(lambda: jumps(daemon) > before, 10, "the jump")
    else:
        eventually(lambda: daemon.keeper("clock_doubted_seconds") == 0, 10, "the end of it")


def another_keeper(daemon):
    """Its rounds of an hour begin at once."""
    pid = daemon.worker_pids()["keeper"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: daemon.workers()["keeper"]["pid"] not in (0, pid) and
               daemon.status()["state"] == "ready", 15, "another keeper")
    # the round that ends the second block comes after one in which each job had its turn
    for call in ("N1RND", "N2RND"):
        daemon.ctl("block", call, "1")
        eventually(lambda: call not in daemon.blocked(), 10, "a round")


def kept(daemon, when):
    expect(daemon.keeper("users") >= 2, f"{when}: {daemon.keeper('users')} users")
    expect(daemon.about("DL1ABC") == "Anna", f"{when}: the name is {daemon.about('DL1ABC')}")
    expect(daemon.keeper("human_spots") >= 1, f"{when}: no typed spots")
    expect("N0SUCH" in daemon.blocked(), f"{when}: blocked are {daemon.blocked()}")
    expect(daemon.saved().get("DB0ABC") == 22, f"{when}: saved are {daemon.saved()}")


def told(daemon):
    """How many events the log has."""
    return len(daemon.ask("events", "1000")[1].splitlines())


def test_while_it_runs():
    with household() as (daemon, clock), Lab(daemon) as lab, daemon.user("DL3ABC") as listener:
        talker, hearer = lab.gateway("TALKER"), lab.gateway("HEARER")
        logged = told(daemon)
        for number, (when, seconds) in enumerate(JUMPS.items()):
            talker.header()
            set_clock(daemon, clock, seconds)
            talker.voice(4)
            talker.terminator()
            eventually(lambda: len(hearer.drain()) >= 1, 5, f"{when}: the call")
            another_keeper(daemon)
            kept(daemon, when)
            expect(told(daemon) >= logged, f"{when}: events are gone")
            expect(len(daemon.ctl("clients")) == 2, f"{when}: gateways are gone")
            daemon.spot("DL2ABC", 14030.0 + number, f"K{number}CLK")
            listener.expect(f"K{number}CLK")
        set_clock(daemon, clock, 0)
        another_keeper(daemon)
        kept(daemon, "right again")
        shown = "\n".join(listener.ask("sh/dx"))
        expect("K1ABC" in shown, f"spots of before: {shown}")
        log = daemon.log()
        expect(log.count("the machine's clock has jumped to 2036-") >= 1, log)
        expect(log.count("the machine's clock has jumped to 1970-") >= 1, log)
        expect("the machine's clock is right again" in log, log)
        expect(log.count("the machine's clock has jumped to ") <= 8, f"said too often: {log}")


def test_users_may_go_on_spotting_after_it_went_back():
    with household() as (daemon, clock):
        with daemon.user("DL4ABC") as user:
            for number in range(9):
                expect("DX de" in user.ask(f"dx {14020 + number} K{number}BCK")[-1], "a spot")
        set_clock(daemon, clock, -YEARS)
        with daemon.user("DL4ABC") as user:  # the rate of a session is another one
            for number in range(3):
                line = user.ask(f"dx {14040 + number} K{number}BCK")[-1]
                expect("DX de" in line, f"refused: {line}")


def test_between_two_runs():
    with household() as (daemon, clock):
        for when, seconds in JUMPS.items():
            call = {"ahead": "N1SHRT", "back": "N2SHRT", "to 1970": "N3SHRT"}[when]
            daemon.ctl("block", call, "6")
            expect(daemon.stop() == 0, "stops")
            clock.set(seconds)
            for name in ("voice", "spots"):
                shutil.rmtree(daemon.shm_dir / name)
            daemon.start()
            kept(daemon, when)
            eventually(lambda: call not in daemon.blocked(), 15, f"{when}: the end of a short block")
            expect("the machine's clock has jumped to" in daemon.log(), daemon.log())
            set_clock(daemon, clock, 0)
            kept(daemon, f"{when}, and right again")


if __name__ == "__main__":
    main(globals())
