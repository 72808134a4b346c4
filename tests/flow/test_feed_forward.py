#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_feed_forward - spots of our users to another cluster, and what is told of feeds
# PURPOSE   feed.forward_dx: each spot that is typed here goes out once, also when the feed's worker dies or
#           the connection was away; what comes back of it is not shown twice. feed.state among the events.
# OWNER     make check
# CONTRACT  prints ok or not ok for each test
# LIMITS    none known
# RUNS      beside others

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.cluster import NODE, Cluster
from lib.shackd import eventually, main
from lib.upstream import Ring, Upstream, counters

UP = 4


def connected(server, up):
    session = up.accept().login("login: ", call=NODE)
    eventually(lambda: counters(server).get("feed_state") == UP, 10, "the feed")
    return session


def typed(server, call, comments):
    user = server.user(call, source=f"127.0.0.{10 + int(call[1])}")
    for number, comment in enumerate(comments):
        user.send(f"dx {14025 + number}.0 k1xyz {comment}\r\n")
    return user


def test_each_once():
    """While the worker dies between them; and those that were typed while the connection was away."""
    with Upstream() as up, Cluster(*up.feed(type="cluster", forward_dx="yes")) as server:
        session = connected(server, up)
        users = []
        for number in range(6):
            users.append(typed(server, f"W{number}AW", (f"run {number} {i}" for i in range(4))))
            pid = server.worker_pids()["feed.0"]
            os.kill(pid, signal.SIGKILL)
            eventually(lambda: server.workers()["feed.0"]["pid"] != pid, 10, "a successor")
        want = sorted(f"DX {14025 + i}.0 K1XYZ run {number} {i}" for number in range(6) for i in range(4))
        got = sorted(session.expect("\r\n").decode() for _ in want)
        assert got == want, got
        session.reset()
        eventually(lambda: counters(server).get("feed_state") != UP, 10, "the loss")
        users.append(typed(server, "W7AW", ["meanwhile"]))
        session = connected(server, up)
        assert session.expect("\r\n") == b"DX 14025.0 K1XYZ meanwhile"
        assert session.has_said() == b"", session.data


def test_what_comes_back():
    with Upstream() as up, Cluster(*up.feed(type="cluster", forward_dx="yes")) as server:
        session = connected(server, up)
        user = typed(server, "W1AW", ["caf\u00e9 up 5"])
        line = session.expect("\r\n").decode()
        assert line.startswith("DX 14025.0 K1XYZ caf") and line.isascii(), line
        session.send(f"DX de {NODE}:  14025.0  K1XYZ  caf up 5  1200Z\r\nDX de DL1AA:  7001.0  K2XYZ\r\n")
        assert [spot.dx for spot in Ring(server).wait(1)] == [b"K2XYZ"]
        assert counters(server)['feed_dropped_total{cause="own"}'] == 1
        user.sock.close()


def test_told():
    """feed.state: up, lost, up again."""
    with Upstream() as up, Cluster(*up.feed()) as server:
        def notes():
            return [event.get("note") for event in server.ctl_lines("events") if event["type"] == "feed.state"]

        session = up.accept().login(call=NODE)
        eventually(lambda: notes() == ["test up"], 5, f"the event (there are {notes()})")
        session.reset()
        up.accept().login(call=NODE)
        eventually(lambda: notes() == ["test up", "test waiting (the connection ended)", "test up"], 10,
                   f"the events (there are {notes()})")


if __name__ == "__main__":
    main(globals())
