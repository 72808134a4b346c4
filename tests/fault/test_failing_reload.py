#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_failing_reload - the nth call of each function fails during a reload
# PURPOSE   Listeners and workers come and go by a reload; whatever the system refuses meanwhile, to the
#           master or to a worker, the reload is done as a whole or nothing has changed: not the
#           configuration, not a descriptor, not a process. It never hangs.
# OWNER     tests
# CONTRACT  FAULTS=n in the environment: at most n calls of each function and process, evenly spread
#           (default 1; the table's row says 40)
# RUNS      beside few
# LIMITS    a worker that dies of the failure itself is replaced: then its slot has another process

import os
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.failing import ERRORS, Failing, spread  # noqa: E402
from lib.figures import figures  # noqa: E402
from lib.shackd import Daemon, eventually, main  # noqa: E402

MOST = int(os.environ.get("FAULTS", "1"))
# what a reload is made of; a longer run takes all that we know
OFTEN = ("bind", "dup2", "eventfd", "fcntl", "fork", "malloc", "memfd_create", "mmap", "sendmsg",
         "setsockopt", "socket", "socketpair")
ONLY = os.environ.get("FUNCTIONS", "").split() or (OFTEN if MOST == 1 else sorted(ERRORS))
LONGEST = 15.0  # seconds for the answer to a reload
SINGLE = ("log", "keeper", "data", "link")  # slots of which there is one


def free_ports(count):
    socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for sock in socks:
        sock.bind(("127.0.0.1", 0))
    ports = [sock.getsockname()[1] for sock in socks]
    for sock in socks:
        sock.close()
    return ports


class Reloads:
    """One daemon with a small and a large configuration."""

    def __init__(self, process, failing, daemon, ports):
        self.process, self.failing, self.daemon = process, failing, daemon
        self.small = f"[ysf]\nlisten = 127.0.0.1:{ports[0]}\n[workers]\nysf = 1\n"
        self.large = (f"[ysf]\nlisten = 127.0.0.1:{ports[0]}, 127.0.0.1:{ports[1]}\n"
                      "[workers]\nysf = 2\n")
        self.seen = {"reloads": 0, "failures": 0, "done": 0, "refused": 0, "longest_ms": 0.0}
        self.wrong = []

    def state(self):
        status = self.daemon.status()
        return {"generation": status["config_generation"],
                "descriptors": len(os.listdir(f"/proc/{self.daemon.idle().pid}/fd")),
                "pids": self.daemon.worker_pids()}

    def settled(self):
        return self.daemon.status()["state"] == "ready"

    def load(self, text):
        self.daemon.config.write_text(text)
        began = time.monotonic()
        try:
            code, _, why = self.daemon.ask("reload")
        except (OSError, AssertionError):
            # the failure was that of our own connection: what became of the reload, status says
            code, why = None, "the connection ended"
        took = time.monotonic() - began
        self.seen["reloads"] += 1
        self.seen["longest_ms"] = max(self.seen["longest_ms"], round(took * 1000, 1))
        assert took < LONGEST, f"a reload took {took:.1f} s"
        return code, why

    def back(self):
        """To the small configuration, undisturbed; returns the state then."""
        code, why = self.load(self.small)
        assert code == 0, f"an undisturbed reload failed: {why}"
        eventually(self.settled, 20, "all workers ready")
        eventually(lambda: set(self.daemon.worker_pids()) == {*SINGLE, "ysf.0"}, 20,
                   "one ysf worker")
        return self.state()

    def attempt(self, name, nth, before):
        """One reload to the large configuration in which the NTH call fails; what is wrong, or None."""
        self.failing.arm(name, nth)
        code, why = self.load(self.large)
        calls, hit = self.failing.calls, self.failing.hits
        self.failing.disarm()
        self.seen["failures"] += hit
        eventually(self.settled, 20, "all workers ready")
        if code is None:
            code = 1 if self.daemon.status()["config_generation"] == before["generation"] else 0
        if hit:
            self.seen["refused" if code else "done"] += 1
        if code == 0:
            wanted = {*SINGLE, "ysf.0", "ysf.1"}
            if set(self.daemon.worker_pids()) != wanted:
                return calls, f"done, but the workers are {sorted(self.daemon.worker_pids())}"
            return calls, None
        try:
            eventually(lambda: self.changes(before) == [], 3)
        except AssertionError:
            return calls, f"refused ({why}), but {'; '.join(self.changes(before))}"
        return calls, None

    def changes(self, before):
        now = self.state()
        changed = []
        if now["generation"] != before["generation"]:
            changed.append(f"generation {before['generation']} became {now['generation']}")
        if now["descriptors"] > before["descriptors"]:
            changed.append(f"{before['descriptors']} descriptors became {now['descriptors']}")
        # who had the failure may have died of it
        changed += [f"another process in {slot}" for slot, pid in before["pids"].items()
                    if slot != self.process and now["pids"].get(slot) != pid]
        return changed + [f"{slot} is left" for slot in now["pids"] if slot not in before["pids"]]

    def function(self, name):
        before = self.back()
        calls, why = self.attempt(name, 0, before)
        if why is not None:
            raise AssertionError(f"before {name}: {why}")
        for nth in spread(calls, MOST):
            before = self.back()
            try:
                _, why = self.attempt(name, nth, before)
            except AssertionError as error:
                why = str(error)
            assert self.daemon.process.poll() is None, \
                f"{name} {nth} of {calls}: ended: {self.daemon.log()[-400:]}"
            if why is not None:
                self.wrong.append(f"{name} {nth} of {calls}: {why}")
                print(f"# {self.wrong[-1]}", flush=True)


def fail_each(process):
    with Failing(process) as failing:
        ports = free_ports(2)
        with Daemon("server.log_level=warning", "server.respawn_tokens=6000/m",
                    listen=f"127.0.0.1:{ports[0]}", start=False,
                    environment=failing.environment) as daemon:
            # listen is to come from the file: what is set by -o stays
            reloads = Reloads(process, failing, daemon, ports)
            command = daemon.command()
            at = next(i for i, word in enumerate(command) if word.startswith("ysf.listen="))
            del command[at - 1:at + 1]
            daemon.command = lambda: command
            daemon.config.write_text(reloads.small)
            daemon.start()
            for name in ONLY:
                reloads.function(name)
    figures("failing-reload", process=process, wrong=len(reloads.wrong), **reloads.seen)
    assert not reloads.wrong, f"{len(reloads.wrong)} wrong: " + "; ".join(reloads.wrong[:8])


def test_reload_in_the_master():
    fail_each("master")


def test_reload_in_a_worker():
    fail_each("ysf.0")


def test_reload_in_a_new_worker():
    fail_each("ysf.1")


if __name__ == "__main__":
    main(globals())
