#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_breaker - workers that keep dying, and what becomes of their sockets
# PURPOSE   Which deaths count, when a slot is parked, who reads its sockets meanwhile, how it comes
#           back, and that no datagram is lost over all that.
# CONTRACT  sends signals to workers of its own daemons only
# LIMITS    none known

import os
import signal
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.holder import state_words  # noqa: E402
from lib.shackd import Daemon, eventually, main  # noqa: E402

FAULTS_AT = 2648  # of struct page (shm/page.h)


def faults_of(daemon, slot):
    return struct.unpack_from("=Q", state_words(daemon)[slot], FAULTS_AT)[0]


def hit(daemon, slot, number):
    """Sends a signal to a slot's holder and waits for its successor to serve."""
    before = daemon.workers()[slot]
    os.kill(before["pid"], number)
    return eventually(lambda: (now := daemon.workers()[slot])["generation"] > before["generation"] and
                      now["state"] == "ready" and now, 10, f"another holder of {slot}")


def test_deaths_that_count_are_in_the_page():
    """What crashes twice over one datagram is poison; who is killed from outside accuses nothing."""
    with Daemon("workers.ysf=1", "server.respawn_tokens=6000/m", "server.log_level=warning") as daemon:
        expected = 0
        for number, counts in ((signal.SIGKILL, 0), (signal.SIGSEGV, 1), (signal.SIGTERM, 0),
                               (signal.SIGABRT, 1), (signal.SIGSTOP, 1), (signal.SIGKILL, 0)):
            hit(daemon, "ysf.0", number)
            expected += counts
            seen = faults_of(daemon, "ysf.0")
            assert seen == expected, f"{seen} after signal {number}, not {expected}"


if __name__ == "__main__":
    main(globals())
