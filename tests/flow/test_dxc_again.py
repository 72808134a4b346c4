#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_dxc_again - spots that were typed before
# PURPOSE   Whoever types what is known already is told so: by himself in another session, by another
#           worker's user, by another cluster; while nobody takes what is typed; and a line that has to wait
#           for the store is no duplicate of itself and costs one token.
# OWNER     make check
# CONTRACT  prints ok or not ok for each test
# RUNS      beside others
# LIMITS    none known

import contextlib
import ctypes
import mmap
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from lib.cluster import NODE, Cluster  # noqa: E402
from lib.shackd import LIBC, eventually, main  # noqa: E402
from lib.upstream import Upstream  # noqa: E402

SORRY = "Sorry, this is a duplicate"
MUTEX_AT = 8  # in a gate


def early_in_a_minute():
    """The minute is part of what makes two spots the same."""
    eventually(lambda: time.time() % 60 < 45, 20, "a new minute")


class Gate:
    """Holds the gate of the spots store as another writer would."""

    def __init__(self, server):
        folder = Path(f"/proc/{server.pid}/fd")
        name = next(path for path in folder.iterdir()
                    if os.readlink(path).startswith("/memfd:spots "))
        self.file = open(name, "r+b", buffering=0)
        self.map = mmap.mmap(self.file.fileno(), 0)
        self.mutex = ctypes.c_char.from_buffer(self.map, MUTEX_AT)

    def __enter__(self):
        eventually(lambda: LIBC.pthread_mutex_trylock(ctypes.byref(self.mutex)) == 0, 5, "the gate")
        return self

    def __exit__(self, *exc):
        LIBC.pthread_mutex_unlock(ctypes.byref(self.mutex))


def test_6_6_another_session_of_the_same_station():
    with Cluster("workers.dxc=2", "dxc.default_sources=") as server:
        early_in_a_minute()
        with server.user("W1AGN") as user:
            assert "K1AGN" in user.said("dx 14025.3 k1agn cq up")
        with server.user("W1AGN") as user, server.user("W1AGN-7") as other:
            assert user.said("dx 14025.9 K1AGN cq-UP") == SORRY
            assert other.said("dx k1agn 14025.0 cq up") == SORRY
            # all these differ
            for line in ("14026.0 k1agn cq up", "14025.3 k1agn cq", "14025.3 k1agm cq up"):
                assert "DX de W1AGN" in user.ask("dx " + line)[-1], line
        with server.user("W2AGN") as user:
            assert "DX de W2AGN" in user.said("dx 14025.3 k1agn cq up")


def test_6_6_heard_from_another_cluster():
    with Upstream() as up, Cluster(*up.feed(type="cluster"), "dxc.default_sources=") as server:
        session = up.accept().login("login: ", call=NODE)
        early_in_a_minute()
        with server.user("W3AGN") as user:
            now = time.strftime("%H%MZ", time.gmtime())
            session.send(f"DX de W3AGN:     14033.0  K3AGN        from there              {now}\r\n")
            user.expect("K3AGN")
            assert user.said("dx 14033.2 k3agn From There") == SORRY


def test_6_6_while_nobody_takes_what_is_typed():
    with Cluster("dxc.default_sources=") as server:
        early_in_a_minute()
        pid = server.worker_pids()["spot"]
        with server.user("W4AGN") as user:
            os.kill(pid, signal.SIGSTOP)
            try:
                user.type("dx 14040 k4agn")
                eventually(lambda: server.count("dxc_dx_total") == 1, 5, "the spot in the inbox")
                with server.user("W4AGN-1") as other:
                    assert other.said("dx 14040.5 k4agn") == SORRY
            finally:
                with contextlib.suppress(ProcessLookupError):  # the watchdog was quicker
                    os.kill(pid, signal.SIGCONT)
            assert "K4AGN" in user.prompt()[-1]
            assert user.said("dx 14040.5 k4agn") == SORRY


def test_a_line_that_waits_for_the_store_costs_once():
    with Cluster("dxc.default_sources=") as server, server.user("W5AGN") as user:
        busy = server.count("store_busy_total")
        with Gate(server):
            user.type("dx 7012 k5agn waits")
            eventually(lambda: server.count("store_busy_total") > busy + 30, 10, "many attempts")
        assert "K5AGN" in user.prompt()[-1]
        assert server.count("dxc_dx_refused_total", "rate") == 0


if __name__ == "__main__":
    main(globals())
