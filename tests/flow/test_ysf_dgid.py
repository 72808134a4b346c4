#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_ysf_dgid - DG-IDs through deaths, restarts and busy rooms
# PURPOSE   What a gateway chose is there again whoever died; the way home begins with its last frame;
#           who is nailed stays so; who loses against a busy DG-ID is told of once.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside few
# LIMITS    the rules themselves: test_rules_registration, test_rules_dgid

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from rules import Lists, aux_ports
from shackd import SLOW, Daemon, eventually, main
from ysf import Lab, events, expect, streams


class Fresh(Lab):
    """A Lab with a daemon of its own."""

    def __init__(self, *options):
        super().__init__(Daemon("dgid.list=1-60", *options))

    def __exit__(self, *error):
        super().__exit__(*error)
        self.daemon.close()

    def kill(self, *slots):
        """These workers, or all; returns when they have successors."""
        before = {slot: pid for slot, pid in self.daemon.worker_pids().items()
                  if not slots or slot in slots}
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        now = self.daemon.workers
        eventually(lambda: all(now()[slot]["pid"] not in (0, pid) and
                               now()[slot]["state"] in ("ready", "up", "idle")
                               for slot, pid in before.items()), 10, "other workers")

    def place(self, gateway):
        return self.client(gateway)["dgid"]


def test_the_chosen_dgid_outlives_all_workers():
    with Fresh("workers.ysf=2") as box:
        talker = box.gateway("CHOOSER", "DL1CHO")
        talker.call(sq=44)
        eventually(lambda: box.place(talker) == 44, 5, "the move")
        eventually(lambda: not streams(box.daemon), 5, "the end of the call")
        box.kill()
        expect(box.place(talker) == 44, "its place")
        talker.unlink()
        eventually(lambda: box.client(talker) is None, 5, "the unlink")
        box.kill()
        talker.link()
        expect(box.place(talker) == 44, "its place at the next link")


def test_nails_outlive_workers():
    lists = Lists(homes="NAILED:9:-1\n")
    with Fresh("workers.ysf=1", "ysf.aux_ports=41:0", *lists.options) as box:
        static, nailed = box.gateway("GW-50", "DL1STA"), box.gateway("NAILED", "DL1NAI")
        aux = box.gateway("AUX", "DL1AUX", port=aux_ports(box.daemon)[41])
        for _ in range(2):
            for gateway in (static, nailed, aux):
                gateway.call(sq=33)
                gateway.send(b"YSFO" + gateway.name.encode().ljust(10) + b"33;".ljust(36))
                gateway.silent()
            expect([box.place(gateway) for gateway in (static, nailed, aux)] == [50, 9, 41],
                   "somebody moved")
            box.kill("ysf.0")


def test_the_way_home_begins_with_the_last_frame_whoever_dies():
    away = 3.0
    with Fresh("workers.ysf=1", f"dgid.home_time={int(away)}s") as box:
        talker = box.gateway("HOMER", "DL1HOM", dgid=9)
        talker.call(sq=50)
        began = time.monotonic()
        while time.monotonic() < began + 2 * away:
            talker.call(frames=1)  # names no DG-ID
            last = time.monotonic()
            expect(box.place(talker) == 50, "home too soon")
            if int(last - began) == 2 and not events(box.daemon, "slot.down"):
                box.kill()
            time.sleep(0.2)
        eventually(lambda: box.place(talker) == 9, 3 * away, "its way home")
        expect(time.monotonic() - last > away - 1.2, "home too soon after the last frame")
        expect(time.monotonic() - last < (away + 4) * SLOW, "home too late")


def test_a_busy_dgid_is_told_once_for_each_attempt():
    with Fresh("workers.ysf=1") as box:
        winner, loser = box.gateway("WINNER", "DL1WIN"), box.gateway("LOSER", "DL1LOS")

        def told():
            return len(events(box.daemon, "stream.busy", port=loser.port))

        winner.header()
        for attempt in range(1, 4):
            loser.header()
            loser.header()
            for _ in range(5):
                loser.voice()
            loser.header()
            loser.terminator()
            winner.voice()
            eventually(lambda n=attempt: told() == n, 5, f"{told()} told after {attempt} attempts")
        event = events(box.daemon, "stream.busy", port=loser.port)[-1]
        expect((event["source"], event["gateway"], event["dgid"]) == ("DL1LOS", "LOSER", 22), event)
        winner.terminator()
        loser.drain()
        winner.expect(*loser.call())


def test_muted_and_local_calls_keep_nobody_out():
    with Fresh("workers.ysf=1") as box:
        mover, talker, listener = (box.gateway("MOVER", "DL1MOV"), box.gateway("TALKER-50", "DL1TAL"),
                                   box.gateway("HEAR-50"))
        mover.header(sq=50)  # muted
        listener.expect(*talker.call())
        mover.voice(sq=50)
        listener.expect(talker.header())
        late = box.gateway("LATE", "DL1LAT")
        late.header(sq=50)  # into a busy room: moved and reported all the same
        eventually(lambda: box.place(late) == 50, 5, "the move into a busy room")
        expect(len(streams(box.daemon)) == 3, streams(box.daemon))
        listener.expect(talker.terminator())
        expect(not events(box.daemon, "stream.busy"), "nobody was kept out")


if __name__ == "__main__":
    main(globals())
