#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_lists - compiled lists reach everybody, and stay
# PURPOSE   What data has compiled is in the hands of every holder that looks things up: at its start,
#           at once when there is a newer one, and over deaths and upgrades.
# OWNER     tests
# CONTRACT  a list is told by the inode of its memory, which all who have it share
# RUNS      beside few
# LIMITS    what lists say and mean is for other tests; needs /proc of the workers

import os
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from lib.builds import NEXT, TESTING  # noqa: E402
from lib.shackd import SHACKD, eventually, main  # noqa: E402
from test_upgrade import Home, all_ready, expect  # noqa: E402

READERS = ("keeper", "data", "link", "ysf.0", "ysf.1")


def lists_of(pid):
    """{(name of a list, inode), ...} of the descriptors of a process."""
    found = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{fd}"
        try:
            name = os.readlink(path)
            if "shackd-list-" in name:
                found.add((name.split("shackd-list-")[1].split()[0], os.stat(path).st_ino))
        except FileNotFoundError:
            continue  # it is just closing
    return found


def names(lists):
    return sorted(name for name, _ in lists)


class Listed:
    """A daemon with an access list and a home list, in a file system that all of it may read."""

    def __init__(self, access="CS:N0CALL\n", program=SHACKD):
        self.folder = tempfile.TemporaryDirectory(prefix="shackd-lists-")
        os.chmod(self.folder.name, 0o755)
        self.access, self.homes = Path(self.folder.name) / "deny.db", Path(self.folder.name) / "homes.db"
        self.write(access)
        self.homes.write_text("N1CALL:22:10\n")
        self.home = Home((f"access.file={self.access}", f"dgid.home_file={self.homes}", "workers.ysf=2",
                          "dgid.list=1-99"), program=program)
        self.daemon = self.home.daemon

    def write(self, text):
        fresh = self.access.with_suffix(".new")
        fresh.write_text(text)
        fresh.rename(self.access)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.home.__exit__(kind, value, trace)
        self.folder.cleanup()

    def master(self):
        return lists_of(self.daemon.pid)

    def shared(self):
        """The master's lists, when they are complete and every reader has the same ones."""
        pids, master = self.daemon.worker_pids(), self.master()
        complete = names(master) == ["access", "homes", "hosts"]
        try:
            return master if complete and all(lists_of(pids[slot]) == master for slot in READERS) else None
        except FileNotFoundError:
            return None  # one is just dying

    def settled(self, what):
        return eventually(self.shared, 10, what)

    def inode(self, name):
        """None at the moment of a change."""
        return dict(self.master()).get(name)


def test_everybody_has_them_from_the_start():
    with Listed() as listed:
        listed.settled("the same lists everywhere")
        expect(not lists_of(listed.daemon.worker_pids()["log"]), "log has lists")


def test_nobody_listens_before_they_are_there():
    with Listed("".join(f"CS:N{number}CALL\n" for number in range(400000))) as listed:
        ups = [event["slot"] for event in listed.daemon.ctl_lines("events", "100")
               if event["type"] == "slot.up"]
        expect(ups.index("data") < min(ups.index("ysf.0"), ups.index("ysf.1")), f"{ups}")


def test_newer_one_takes_the_place_of_the_old():
    with Listed() as listed:
        listed.settled("the same lists everywhere")
        for number in range(5):
            before, homes = listed.inode("access"), listed.inode("homes")
            listed.write(f"CS:N{number}CALL\n")
            eventually(lambda: listed.inode("access") not in (None, before), 10, "a newer list")
            listed.settled("the newer list everywhere, and no older one")
            expect(listed.inode("homes") == homes, "a list that did not change was made anew")


def test_killed_reader_gets_them_again():
    with Listed() as listed:
        before = listed.settled("the same lists everywhere")
        for slot in ("ysf.0", "ysf.1", "keeper", "link"):
            pid = listed.daemon.worker_pids()[slot]
            os.kill(pid, signal.SIGKILL)
            eventually(lambda: listed.daemon.worker_pids()[slot] not in (0, pid), 10, f"a new {slot}")
        expect(listed.settled("the same lists everywhere") == before, "other lists")


def test_lists_stay_when_data_dies():
    with Listed() as listed:
        listed.settled("the same lists everywhere")
        worker = listed.daemon.workers()["data"]
        os.kill(worker["pid"], signal.SIGSTOP)  # as dead as one that is killed, and for longer
        ysf = listed.daemon.worker_pids()["ysf.0"]
        before = listed.master()
        os.kill(ysf, signal.SIGKILL)
        eventually(lambda: listed.daemon.worker_pids()["ysf.0"] not in (0, ysf), 10, "a new ysf.0")
        eventually(lambda: lists_of(listed.daemon.worker_pids()["ysf.0"]) >= before, 10, "its lists")
        eventually(lambda: (now := listed.daemon.workers()["data"])["generation"] > worker["generation"] and
                   now["state"] == "ready", 10, "a new data")
        listed.settled("the same lists everywhere")


def test_lists_go_over_an_upgrade_and_back():
    with Listed(program=TESTING) as listed:
        listed.settled("the same lists everywhere")
        listed.home.put(NEXT)
        listed.home.upgrade()
        eventually(lambda: all_ready(listed.daemon), 5, "all workers ready")
        listed.settled("the same lists everywhere, and no older one")
        for point in ("crash-before-commit", "crash-at-go", "crash-after-exec"):
            listed.home.put(TESTING, point)
            code, _, why = listed.daemon.ask("upgrade")
            expect(code == 1, f"{point} was taken")
            eventually(lambda: all_ready(listed.daemon), 5, "all workers ready")
            listed.settled(f"the same lists everywhere after {point} ({why}), and no older one")
        before = listed.inode("access")
        listed.write("CS:N5CALL\n")
        eventually(lambda: listed.inode("access") not in (None, before), 10, "a newer list")
        listed.settled("the newer list everywhere")


if __name__ == "__main__":
    main(globals())
