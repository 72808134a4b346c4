#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_notify - what a service manager is told
# PURPOSE   The datagrams of sd_notify(3), as any manager would read them.
# RUNS      beside others
# CONTRACT  prints `ok NAME`, `not ok NAME: why` or `SKIP NAME: why` for each
# LIMITS    none known

import os
import select
import signal
import socket
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))

from lib.shackd import SLOW, Daemon, main


class Manager:
    """Listens where NOTIFY_SOCKET says, on a path or under a name without one."""

    def __init__(self, name=None):
        self.folder = tempfile.TemporaryDirectory(prefix="shackd-test-")
        self.name = name or f"{self.folder.name}/notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + self.name[1:] if self.name[0] == "@" else self.name)
        self.socket.setblocking(False)

    def next(self, *ignored):
        """The next message that is none of IGNORED, as a dictionary."""
        end = time.monotonic() + 20 * SLOW
        while time.monotonic() < end:
            if select.select([self.socket], [], [], 0.5)[0]:
                text = self.socket.recv(4096).decode()
                if text not in ignored:
                    return dict(line.split("=", 1) for line in text.splitlines())
        raise AssertionError("no message came")

    def expect(self, key, *ignored):
        message = self.next(*ignored)
        assert message.get(key) == "1", f"{message} in place of {key}"
        return message

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.close()
        self.folder.cleanup()


def test_ready_reloading_stopping():
    for name in (None, f"@shackd-test-{os.getpid()}"):
        with Manager(name) as manager, Daemon(start=False,
                                              environment={"NOTIFY_SOCKET": manager.name}) as daemon:
            daemon.launch()
            ready = manager.expect("READY")
            assert daemon.connect() and daemon.status()["state"] == "ready", "said before it was true"
            assert ready["STATUS"] == "serving" and "MAINPID" not in ready
            daemon.pid = daemon.process.pid
            daemon.send(signal.SIGHUP)
            before = time.monotonic()
            reloading = manager.expect("RELOADING")
            assert abs(int(reloading["MONOTONIC_USEC"]) / 1e6 - before) < 20 * SLOW
            manager.expect("READY")
            daemon.send(signal.SIGTERM)
            manager.expect("STOPPING")
            daemon.wait()


def test_signs_of_life_if_asked():
    """Not without being asked, and not for another process."""
    with Manager() as manager:
        told = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "900000"}
        with Daemon(environment=told):
            manager.expect("READY", "WATCHDOG=1")
            times = [time.monotonic() for _ in range(4) if manager.expect("WATCHDOG")]
        assert times[-1] - times[0] < 3 * 0.9 * SLOW, times
    with Manager() as manager:
        with Daemon(environment={**told, "NOTIFY_SOCKET": manager.name, "WATCHDOG_PID": "1"}):
            pass
        manager.expect("READY")
        manager.expect("STOPPING")


def test_upgrade_keeps_it():
    with Manager() as manager:
        told = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "900000"}
        with Daemon(environment=told) as daemon:
            pid = daemon.status()["pid"]
            daemon.ctl("upgrade")
            assert daemon.status()["pid"] == pid
            manager.expect("READY", "WATCHDOG=1")
            manager.expect("READY", "WATCHDOG=1")  # the new image says it for itself
            manager.expect("WATCHDOG")
            manager.expect("WATCHDOG")


def test_deaf_manager_changes_nothing():
    """Nobody reads, nobody is there, the name is nonsense: it serves."""
    with Manager() as manager:
        for name in (manager.name, "/nonexistent/notify", "@", "relative", "/" + "x" * 200):
            with Daemon(environment={"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000"}) as daemon:
                assert daemon.status()["state"] == "ready"


if __name__ == "__main__":
    main(globals())
