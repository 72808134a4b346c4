#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_dxc_renewed - the spots store is damaged, and made anew under those who use it
# PURPOSE   Sessions go on and are in the new store; what is typed after that is told to all, and forwarded,
#           each once.
# OWNER     make check
# CONTRACT  prints ok or not ok for each test
# RUNS      beside others
# LIMITS    none known

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from lib.cluster import NODE, Cluster  # noqa: E402
from lib.shackd import eventually, main  # noqa: E402
from lib.upstream import Upstream, counters  # noqa: E402

FEED_UP = 4
USERS = ("keeper", "spot", "dxc.0", "feed.0")


def damage(server):
    """Keeper finds no store there, and makes one; the others leave theirs."""
    before = server.worker_pids()
    with open(server.shm_dir / "spots" / "data.mdb", "r+b") as file:
        file.write(b"\xff" * 8192)
    os.kill(before["keeper"], signal.SIGKILL)

    def successors():
        now = {slot: worker["pid"] for slot, worker in server.workers().items()
               if worker.get("state") in (None, "ready", "idle", "busy")}
        return all(now.get(slot, before[slot]) != before[slot] for slot in USERS)

    eventually(successors, 20, "successors of all")


def test_sessions_and_forwarding_go_on():
    with Upstream() as up, Cluster(*up.feed(type="cluster", forward_dx="yes"),
                                   "dxc.default_sources=") as server:
        session = up.accept().login("login: ", call=NODE)
        eventually(lambda: counters(server).get("feed_state") == FEED_UP, 10, "the feed")
        with server.user("W1REN") as user, server.user("K1REN") as other:
            for number in range(5):
                assert f"run {number}" in user.ask(f"dx {14025 + number} k1xyz run {number}")[-1]
                assert f"run {number}".encode() in session.expect("\r\n")
            damage(server)
            eventually(lambda: sorted(one["call"] for one in server.ctl("sessions")) ==
                       ["K1REN", "W1REN"], 10, "both in the new store")
            assert "14125.0" in user.ask("dx 14125 k1xyz and on")[-1]
            assert session.expect("\r\n") == b"DX 14125.0 K1XYZ and on"
            other.expect("DX de W1REN: +14125.0")
            assert session.has_said() == b"", session.data
        eventually(lambda: server.ctl("sessions") == [], 10, "both out")


if __name__ == "__main__":
    main(globals())
