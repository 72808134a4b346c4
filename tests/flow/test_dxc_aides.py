#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_dxc_aides - passwords are checked by processes of their own
# PURPOSE   Two at a time, whatever comes; those that are killed are replaced, one that hangs is ended;
#           nobody else waits for any of it.
# OWNER     tests
# CONTRACT  aides are found among the master's children by their name
# RUNS      beside others
# LIMITS    none known

import os
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.cluster import Cluster  # noqa: E402
from lib.shackd import SLOW, eventually, main  # noqa: E402

PASSWORD = "sesame-7"


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


class Watcher(threading.Thread):
    """Counts aides; kills the first KILLS of them."""

    def __init__(self, cluster, kills=0, number=signal.SIGKILL):
        super().__init__(daemon=True)
        self.cluster, self.kills, self.number = cluster, kills, number
        self.most, self.killed, self.over = 0, set(), False

    def run(self):
        while not self.over:
            there = self.cluster.aides()
            self.most = max(self.most, len(there))
            for pid in there:
                if len(self.killed) < self.kills and pid not in self.killed:
                    self.killed.add(pid)
                    os.kill(pid, self.number)
            time.sleep(0.002)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        self.over = True
        self.join()


def knock(cluster, number, password):
    """Up to the password, which is not waited for."""
    client = cluster.user(source=f"127.0.3.{number}")
    client.until(b": ")
    client.type("DL1AA")
    client.until(b"password: ")
    client.type(password)
    return client


def test_two_at_a_time_and_those_that_are_killed_are_replaced():
    with Cluster("workers.dxc=2") as cluster:
        cluster.passwd("DL1AA", PASSWORD)
        other = cluster.user("DL1ZZ")
        with Watcher(cluster, kills=4) as watcher:
            wrong = [knock(cluster, number, "no") for number in range(1, 13)]
            began = time.monotonic()
            expect(other.ask("SH/TIME"), "somebody who has no password waits")
            waited = time.monotonic() - began
            for client in wrong:
                client.expect("(?i)password|try again|sorry|invalid|wrong|denied")
            right = knock(cluster, 20, PASSWORD)
            right.until(b" dxspider >")
        expect(len(watcher.killed) == 4 and 1 <= watcher.most <= 2, f"{watcher.most} {watcher.killed}")
        counters = cluster.status()["counters"]
        expect(1 <= counters["aides_failed"] <= 4 and counters["aides_refused"] == 0, f"{counters}")
        expect(waited < 1 * SLOW, f"{waited:.1f} s for a command beside them")
        eventually(lambda: not cluster.aides(), 5, "the end of the last one")


def test_one_that_hangs_is_ended():
    with Cluster() as cluster:
        cluster.passwd("DL1AA", PASSWORD)
        began = time.monotonic()
        with Watcher(cluster, kills=1, number=signal.SIGSTOP) as watcher:
            client = knock(cluster, 1, PASSWORD)
            eventually(lambda: watcher.killed, 5, "an aide")
            client.sock.settimeout(30 * SLOW)
            client.until(b" dxspider >")
        expect(10 <= time.monotonic() - began < 15 * SLOW, "10 s are what it has")
        eventually(lambda: not cluster.aides(), 5, "its end")


def test_they_end_with_the_daemon():
    with Cluster() as cluster:
        cluster.passwd("DL1AA", PASSWORD)
        with Watcher(cluster, kills=1, number=signal.SIGSTOP) as watcher:
            knock(cluster, 1, PASSWORD)
            eventually(lambda: watcher.killed, 5, "an aide")
        code, _, why = cluster.ask("upgrade")  # it does not go with us into the next image
        expect(code == 0, why)
        expect(not watcher.killed & set(cluster.aides()), "the next image has it")
    expect(not any(Path(f"/proc/{pid}").exists() for pid in watcher.killed), "it lives on")


if __name__ == "__main__":
    main(globals())
