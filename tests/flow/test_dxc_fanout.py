#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_dxc_fanout - from the log of spots to the sessions
# PURPOSE   Every session gets every spot that it wants, once and in order, while workers die; a slow
#           one loses the oldest, is told how many, and holds nobody up.
# OWNER     make check
# CONTRACT  KILLS=100 test_dxc_fanout.py deaths: the numbers of the soak
# RUNS      beside others, about 50 s
# LIMITS    needs root: spots are put into the rings of the master by tests/fault/spotfill

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.cluster import Cluster  # noqa: E402
from lib.figures import figures  # noqa: E402
from lib.holder import slots_of  # noqa: E402
from lib.killer import Killer  # noqa: E402
from lib.shackd import IS_ROOT, SHACKCTL, SLOW, Skip, eventually, main  # noqa: E402
from lib.spots import HUMAN, Feeds, Spot, configure  # noqa: E402

SESSIONS = int(os.environ.get("SESSIONS", "100" if SLOW == 1 else "30"))
KILLS = int(os.environ.get("KILLS", "6"))
NUMBER = re.compile(rb"#(\d+)")


def cluster(*options):
    """A cluster of which a test plays the one feed; new users get all."""
    if not IS_ROOT:
        raise Skip("only root reaches the master's rings")
    daemon = Cluster("dxc.default_sources=", "dxc.default_modes=", "server.log_level=error", *options,
                     start=False)
    daemon.config = daemon.base / "shackd.ini"
    configure(daemon, "120s", 1)
    try:
        return daemon.start()
    except BaseException:
        daemon.close()
        raise


def spots(first, count, dx="LZ1AB", de="K1ABC"):
    return [Spot(n, 0, de, dx, 14025000 if n % 2 else 7001000, flags=HUMAN)
            for n in range(first, first + count)]


def numbers(text):
    """Those of the spots in TEXT, of which all lines are whole."""
    assert text.endswith(b"\r\n"), text[-100:]
    return [int(n) for n in NUMBER.findall(text)]


def sessions(daemon):
    done = subprocess.run([SHACKCTL, "--json", "-s", str(daemon.run_dir / "control.sock"),
                           "sessions"], capture_output=True, text=True, check=True, timeout=20)
    return {row["call"]: row for row in json.loads(done.stdout)}


def kill_worker(daemon):
    """Kills the dxc worker and waits for its successor."""
    pid = slots_of(daemon, "dxc.")["dxc.0"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: slots_of(daemon, "dxc.").get("dxc.0", pid) != pid, 10, "a successor")


class Readers(threading.Thread):
    """Reads what comes to CLIENTS until finish()."""

    def __init__(self, *clients):
        super().__init__(daemon=True)
        self.text = {client: client.buffer for client in clients}
        self.lines = {client: client.buffer.count(b"\n") for client in clients}
        self.enough = threading.Event()
        self.start()

    def run(self):
        poller = select.poll()
        by = {client.sock.fileno(): client for client in self.text}
        for fd in by:
            poller.register(fd, select.POLLIN)
        while not self.enough.is_set():
            for fd, _ in poller.poll(20):
                data = by[fd].sock.recv(1 << 20)
                self.text[by[fd]] += data
                self.lines[by[fd]] += data.count(b"\n")
                if not data:
                    poller.unregister(fd)

    def have(self, lines):
        """Has each its number of LINES?"""
        return all(self.lines[client] >= want for client, want in lines.items())

    def finish(self, lines, seconds=30):
        """The numbers that came to each, once it has LINES, or after SECONDS."""
        end = time.monotonic() + seconds * SLOW
        while not self.have(lines) and time.monotonic() < end:
            time.sleep(0.01)
        self.enough.set()
        self.join(10)
        return {client: numbers(text) for client, text in self.text.items()}


# ---- deaths ----

def join_all(daemon):
    """SESSIONS users of five kinds; which spots each of them must get."""
    clients, wanted = [], []
    for i in range(SESSIONS):
        client = daemon.user(f"DL{i % 10}A{chr(65 + i // 10 % 26)}", source=f"127.1.{i}.1")
        kind = i % 5
        if kind == 1:
            client.ask("pass band 20m")
        elif kind == 2:
            client.ask("set/format json")
        elif kind == 3:
            client.ask("set/format wide78")
        elif kind == 4:
            client.ask("reject band 40m")
            client.ask("pass band 20m")
        clients.append(client)
        wanted.append(lambda n, odd=kind in (1, 4): n % 2 == 1 or not odd)
    return clients, wanted


def test_deaths_in_a_burst_lose_and_double_nothing():
    with cluster() as daemon, Feeds(daemon) as feeds:
        clients, wanted = join_all(daemon)
        readers = Readers(*clients)
        killer = Killer(daemon, 4, kind="dxc.", at_work=True)
        count = 0
        while count < 3000 or (killer.killed < KILLS and count < 100000):
            more = 100 if count < 3000 else 20
            feeds.put(spots(count, more))
            count += more
            if killer.killed < KILLS:
                killer.tick()
            time.sleep(0.02 if count >= 3000 else 0)  # so that the readers keep up
        expected = {client: [n for n in range(count) if wants(n)]
                    for client, wants in zip(clients, wanted)}
        got = readers.finish({client: len(want) for client, want in expected.items()})
        figures("dxc-kill", sessions=SESSIONS, spots=count, kills=killer.killed,
                at_work=killer.at_work)
        assert killer.killed == KILLS, killer.killed
        for client, want in expected.items():
            assert got[client] == want, (
                f"lost {sorted(set(want) - set(got[client]))[:5]}, "
                f"{len(got[client]) - len(set(got[client]))} doubled, "
                f"{len(got[client])} of {len(want)}")
        eventually(lambda: all(row["lag"] == 0 for row in sessions(daemon).values()), 5, "no lag")
        rows = sessions(daemon).values()
        assert all(row["dropped"] == 0 for row in rows)
        assert sorted(row["delivered"] for row in rows) == sorted(map(len, expected.values()))


def test_a_half_typed_line_outlives_its_worker():
    with cluster() as daemon, Feeds(daemon) as feeds, daemon.user("DL1ABC") as client:
        client.send("set/na")
        feeds.put(spots(0, 3))
        for n in range(3):
            assert f"#{n} " in client.line()
        kill_worker(daemon)
        client.send("me Jo")
        feeds.put(spots(3, 1))
        assert "#3 " in client.line()
        kill_worker(daemon)
        client.send("e\r\n")
        assert client.prompt() == ["Your name is now 'Joe'"]
        assert client.silent(0.1)


# ---- slow ones ----

def slow_user(daemon, call):
    client = daemon.user(call, buffer=4096)
    client.ask("set/format json")  # long lines
    return client


def test_a_slow_session_loses_the_oldest_and_is_told():
    count = 16000
    with cluster("dxc.queue_client=1000", "limits.spots=50000") as daemon, \
            Feeds(daemon) as feeds, slow_user(daemon, "DL1SLW") as slow, \
            daemon.user("DL2FST") as fast:
        fast.ask("pass band 20m")
        readers = Readers(fast)
        late = 0.0
        for first in range(0, count, 1000):
            feeds.put(spots(first, 1000))
            start = time.monotonic()
            eventually(lambda: readers.have({fast: (first + 1000) // 2}), 5, "the others")
            late = max(late, time.monotonic() - start)
        assert readers.finish({})[fast] == list(range(1, count, 2))
        before = sessions(daemon)["DL1SLW"]
        assert before["dropped"] > 1000, "it was not slow enough to lose anything"
        text = slow.buffer
        slow.sock.settimeout(2 * SLOW)
        while f'#{count - 1}"'.encode() not in text:
            text += slow.sock.recv(65536)
        got = numbers(text)
        assert got == sorted(set(got)), "doubled or out of order"
        skipped = [int(n) for n in re.findall(rb"\*\*\* (\d+) spots skipped \(slow connection\)\r\n",
                                              text)]
        assert skipped == [count - len(got)], (skipped, count, len(got))
        after = sessions(daemon)["DL1SLW"]
        assert (after["delivered"], after["dropped"]) == (len(got), count - len(got)), after
        assert daemon.count("dxc_dropped_total", "lapped") == count - len(got)
        figures("dxc-slow", spots=count, dropped=count - len(got), others_late_ms=late * 1000)


def test_what_a_slow_session_did_not_want_is_not_missed():
    count = 16000
    with cluster("dxc.queue_client=1000", "limits.spots=50000") as daemon, \
            Feeds(daemon) as feeds, slow_user(daemon, "DL1SLW") as slow:
        slow.ask("pass band 20m")
        for first in range(0, count, 1000):
            feeds.put(spots(first, 1000))
        eventually(lambda: sessions(daemon)["DL1SLW"]["dropped"] > 500, 10, "it is lapped")
        kill_worker(daemon)
        text = slow.buffer
        while f'#{count - 1}"'.encode() not in text:
            text += slow.sock.recv(65536)
        got = numbers(text)
        assert got == sorted(set(got)) and all(n % 2 for n in got)
        row = sessions(daemon)["DL1SLW"]
        assert (row["delivered"], row["dropped"]) == (len(got), count // 2 - len(got)), row


def test_who_never_reads_is_ended_and_the_others_are_served():
    with cluster("dxc.write_timeout=2s", "dxc.queue_client=1000") as daemon, \
            Feeds(daemon) as feeds, slow_user(daemon, "DL1DED") as dead, \
            daemon.user("DL2FST") as fast:
        first = 0
        while "DL1DED" in sessions(daemon):
            assert first < 200000, "it is never ended"
            feeds.put(spots(first, 500))
            for n in range(first, first + 500):
                assert f"#{n} " in fast.line()
            first += 500
            if first > 20000:
                time.sleep(0.1)  # the kernel is full by now; the rest is patience
        assert daemon.count("dxc_slow_ended_total", "write_timeout") == 1
        dead.sock.settimeout(5 * SLOW)
        try:
            while dead.sock.recv(1 << 20):
                pass
        except ConnectionResetError:
            pass
        assert fast.said("sh/version")


def test_who_has_ended_and_is_told_what_he_missed_is_over_once():
    """The notice, and little behind it, is the last for a client that has sent its end."""
    with cluster("dxc.queue_client=1000", "limits.spots=50000") as daemon, \
            Feeds(daemon) as feeds, slow_user(daemon, "DL1SLW") as slow, \
            daemon.user("DL2FST") as fast:
        pid = slots_of(daemon, "dxc.")["dxc.0"]
        slow.ask("pass band 20m")
        first = 0
        while not sessions(daemon)["DL1SLW"]["dropped"]:
            assert first < 50000, "it was not slow enough to lose anything"
            feeds.put(spots(first, 500))
            first += 500
        feeds.put([Spot(n, 0, "K1ABC", "LZ1AB", 7001000, flags=HUMAN)
                   for n in range(first, first + 1100)])
        feeds.put(spots(first + 1101, 1))
        Readers(fast).finish({fast: first + 1101})
        slow.sock.shutdown(socket.SHUT_WR)
        assert fast.said("echo a moment") == "a moment"
        text = slow.rest()
        assert b" spots skipped (slow connection)\r\n" in text, text[-400:]
        assert slots_of(daemon, "dxc.")["dxc.0"] == pid, "its worker died"


# ---- what else a session is sent ----

def test_ones_own_spots_pass_every_filter():
    with cluster() as daemon, Feeds(daemon) as feeds, daemon.user("DL1ABC-2") as client, \
            daemon.user("DL2ABC") as other:
        for one in (client, other):
            one.ask("reject band all")
        feeds.put(spots(0, 5) + spots(5, 1, dx="DL1ABC/P") + spots(6, 5) +
                  spots(11, 1, de="DL1ABC") + spots(12, 1))
        assert "#5 " in client.line()
        assert "#11 " in client.line()
        kill_worker(daemon)
        feeds.put(spots(13, 3) + spots(16, 1, dx="DL1ABC"))
        assert "#16 " in client.line()
        assert other.silent()


def test_spots_off_and_on_again():
    with cluster() as daemon, Feeds(daemon) as feeds, daemon.user("DL1ABC") as client, \
            daemon.user("DL2ABC") as other:
        client.ask("unset/dx")
        feeds.put(spots(0, 10))
        other.expect("#9 ")
        client.ask("set/dx")
        feeds.put(spots(10, 2))
        assert "#10 " in client.line()
        assert "#11 " in client.line()


def test_a_new_filter_is_for_what_comes():
    with cluster() as daemon, Feeds(daemon) as feeds, daemon.user("DL1ABC") as client, \
            daemon.user("DL2ABC") as other:
        client.ask("reject band 20m")
        feeds.put(spots(1, 1))
        other.expect("#1 ")
        client.ask("pass band all")
        kill_worker(daemon)
        feeds.put(spots(2, 1))
        assert "#2 " in client.line()


def test_silence_is_broken_by_empty_lines():
    with cluster("dxc.keepalive=1s") as daemon, daemon.user("DL1ABC") as client:
        assert client.lines(2) == ["", ""]
        assert daemon.count("dxc_keepalives_total") >= 2
        with daemon.user() as stranger:
            stranger.until(b":")
            client.line()
            client.line()
            assert stranger.buffer in (b"", b" "), stranger.buffer


def test_clients_that_vanish_in_a_burst():
    with cluster() as daemon, Feeds(daemon) as feeds, daemon.user("DL1ABC") as client:
        others = [daemon.user(f"DL{i}XYZ", source=f"127.1.{i}.1") for i in range(10)]
        readers = Readers(client)
        for first in range(0, 3000, 300):
            feeds.put(spots(first, 300))
            others.pop().reset()
        assert readers.finish({client: 3000})[client] == list(range(3000))
        eventually(lambda: list(sessions(daemon)) == ["DL1ABC"], 10, "the others are gone")
        assert slots_of(daemon, "dxc.") and not daemon.count("slot_deaths_total")


if __name__ == "__main__":
    main(globals())
