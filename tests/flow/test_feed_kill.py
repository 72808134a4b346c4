#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_feed_kill - a feed outlives its process
# PURPOSE   SIGKILL for the feed's worker, again and again while lines come, upgrades between them: each line's
#           spot is in the ring exactly once, in order, and the other side never notices.
# OWNER     make check
# CONTRACT  prints ok or not ok for each test; the ring is read outside of the daemon's processes
# RUNS      beside few
# LIMITS    none known

import contextlib
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib import builds
from lib.shackd import SLOW, Daemon, eventually, main
from lib.upstream import Ring, Upstream, counters

CLUSTER = ("ysf.enabled=no", "dxc.node_call=N0CALL-1", "dxc.listen=127.0.0.1:0", "workers.dxc=1")
KILLS = 40


def line(number):
    """Unlike all others, or it would be a duplicate; one in seven is no spot."""
    if number % 7 == 3:
        return f"To ALL de W3LPL: this is number {number}\r\n"
    return f"DX de W3LPL-#:   {14000 + number % 300}.1  LZ{number % 10}VV          CW    24 dB  number {number}\r\n"


def spots_of(count):
    return [number for number in range(count) if number % 7 != 3]


class Sender(threading.Thread):
    """Sends lines 0, 1, 2 ... in pieces that end anywhere, until it is told to stop."""

    def __init__(self, session):
        super().__init__(daemon=True)
        self.session, self.count, self.stopping, self.error = session, 0, threading.Event(), None
        self.start()

    def run(self):
        rng, rest = random.Random(20261122), b""
        try:
            while not self.stopping.is_set():
                while len(rest) < 4096:
                    rest += line(self.count).encode()
                    self.count += 1
                cut = rng.randrange(1, 1200)
                self.session.send(rest[:cut])
                rest = rest[cut:]
                time.sleep(rng.random() / 500)
            self.session.send(rest)
        except OSError as error:
            self.error = error

    def stop(self):
        self.stopping.set()
        self.join()
        assert self.error is None, f"the connection did not hold: {self.error}"
        return self.count


def numbers(ring):
    return [int(spot.comment.split()[-1]) for spot in ring.spots()]


def check(server, up, session, sender, ring):
    """All of it, once, in order; by one connection."""
    want = spots_of(sender.stop())
    eventually(lambda: ring.count >= len(want), 20, f"all {len(want)} spots (there are {ring.count})")
    got = numbers(ring)
    assert got == want, f"{len(want)} lines, {len(got)} spots, {len(set(got))} of them different"
    assert ring.words().dropped == 0
    up.sock.settimeout(0)
    try:
        up.sock.accept()
        raise AssertionError("it has connected again")
    except BlockingIOError:
        pass
    assert session.has_said() == b""
    assert counters(server)["feed_connects_total"] == 1


def kill_feed(server, before):
    """Kills the holder that came after BEFORE; returns its pid."""
    pid = eventually(lambda: (found := server.workers()["feed.0"])["state"] == "ready"
                     and found["pid"] != before and found["pid"], 10, "a successor")
    os.kill(pid, signal.SIGKILL)
    return pid


def test_killed_while_lines_come():
    rng = random.Random(20261122)
    with Upstream() as up, Daemon(*CLUSTER, *up.feed(slot_buffer=500000)) as server:
        session = up.accept().login()
        ring = Ring(server)
        sender, pid = Sender(session), None
        for _ in range(KILLS):
            pid = kill_feed(server, pid)
            time.sleep(rng.random() / 10)  # any moment of the next one's life
        eventually(lambda: server.workers()["feed.0"]["state"] == "ready", 10, "the last successor")
        check(server, up, session, sender, ring)
        values = server.ctl("metrics")["feed.0"]
        print(f"# {KILLS} kills, {ring.count} spots, {values.get('feed_repeated_total')} lines a second time")


def test_killed_in_a_burst():
    """5,000 lines lie there at once: the holder dies over them several times."""
    with Upstream() as up, Daemon(*CLUSTER, *up.feed(slot_buffer=50000)) as server:
        session = up.accept().login()
        ring = Ring(server)
        pid = server.worker_pids()["feed.0"]
        count = 5000
        session.send("".join(line(number) for number in range(count)))
        seen, kills, want = 0, 0, spots_of(count)
        while ring.count < len(want) and kills < 10:
            if ring.count > seen:  # it has begun
                os.kill(pid, signal.SIGKILL)
                kills += 1
                seen = ring.count
                pid = eventually(lambda: (found := server.workers()["feed.0"])["pid"] != pid
                                 and found["pid"], 10, "a successor")
        eventually(lambda: ring.count >= len(want), 10 * SLOW, "all of them")
        got = numbers(ring)
        assert got == want, f"{len(want)} lines, {len(got)} spots, {len(set(got))} of them different"
        assert kills > 0, "it was too quick to be killed"


def test_killed_between_spot_and_note():
    """The worst moment: the spot is in the ring, and that the line was acted upon is noted nowhere."""
    with builds.faulty("none") as program, Upstream() as up:
        builds.replace(builds.net_beside(program), builds.net_beside(builds.TESTING), "die-after-put")
        with Daemon(*CLUSTER, *up.feed(slot_buffer=50000), program=program) as server:
            session = up.accept().login()
            ring = Ring(server)
            session.send("".join(line(number) for number in range(1500)))
            want = spots_of(1500)
            eventually(lambda: ring.count >= len(want), 20, f"all spots (there are {ring.count})")
            eventually(lambda: counters(server)["feed_repeated_total"] == len(want) // 200, 10, "deaths")
            assert numbers(ring) == want, f"{len(want)} lines, {ring.count} spots"


def test_upgraded_while_lines_come():
    with contextlib.ExitStack() as stack:
        program = stack.enter_context(builds.faulty("none"))
        up = stack.enter_context(Upstream())
        server = stack.enter_context(Daemon(*CLUSTER, *up.feed(slot_buffer=500000), program=program))
        session = up.accept().login()
        ring, sender = Ring(server), Sender(session)
        for _ in range(3):
            server.ctl("upgrade")
            eventually(lambda: server.status()["state"] == "ready", 10, "the new image")
        check(server, up, session, sender, ring)


if __name__ == "__main__":
    main(globals())
