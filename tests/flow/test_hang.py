#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_hang - workers that hang, each in its own way
# PURPOSE   Stopped, spinning, blocked, or holding the gate of the store: found, named, replaced within
#           two seconds, while the calls on other workers go on as if nothing were.
# CONTRACT  stops and ends workers of its own daemons only
# LIMITS    frames on other workers count as late from 200 ms on: the machine is shared. A datagram that
#           hangs two workers in a row takes longer than ysf.watchdog: the calls on that worker would
#           be cut, so that is raised here

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from lib.builds import faulty  # noqa: E402
from lib.shackd import SLOW, Daemon, eventually, main  # noqa: E402
from lib.sim import Simulator  # noqa: E402
from ysf import Lab, events, header  # noqa: E402

ROOMS = 10
OPTIONS = ("workers.ysf=2", "server.respawn_tokens=6000/m", "server.log_level=warning",
           "dgid.list=1-99", "dgid.local=0", "ysf.max_age=0", "ysf.client_timeout=1h",
           "ysf.watchdog=8s")
SENTENCES = {"stopped": "is stopped: sending KILL", "spinning": "spins without progress: sending ABRT",
             "gate": "does not leave the gate of a store: sending KILL",
             "blocked": "is blocked: sending ABRT"}


def watch_a_hang(kind, start, program=None):
    """START makes one worker hang; everything that must then be so."""
    with Daemon(*OPTIONS, program=program, listen="127.0.0.1:0") as daemon, Lab(daemon) as lab:
        killer = lab.gateway("KILLER", dgid=50)
        with Simulator(daemon, "--gateways", 100, "--rooms", f"1-{ROOMS}:10", "--talkers", ROOMS,
                       "--frames", 0, "--calls", 1, "--poll", 0, "--late", 200000) as sim:
            sim.wait("talking")
            eventually(lambda: len(daemon.ctl("streams")) == ROOMS, 10, "all calls open")
            before = daemon.workers()
            began = time.monotonic()
            start(daemon, killer)
            slot = eventually(lambda: next((name for name, now in daemon.workers().items()
                                            if now["generation"] > before[name]["generation"] and
                                            now["state"] == "ready"), None), 5, "another holder")
            took = time.monotonic() - began
            # a datagram that did it does it once more, then it is put away
            eventually(lambda: all(w["state"] == "ready" and w["heartbeat_ms"] < 500
                                   for w in daemon.workers().values()) and
                       (kind == "stopped" or daemon.ctl("quarantine")), 10, "all workers at work")
            sim.finish()
            report = sim.report()
        assert_named(daemon, slot, kind, before[slot])
        assert_harmless(daemon, slot, report)
        print(f"# {kind}: {slot} replaced after {took:.2f} s; of {report['expected']} datagrams "
              f"{report['lost']} lost, {report['duplicates']} doubled")
        # who spins is judged by what it used of the processor, and gets less of one that others want
        busy = os.getloadavg()[0] > os.cpu_count()
        assert took < (4 if busy else 2) * SLOW, f"replaced after {took:.2f} s"


def assert_named(daemon, slot, kind, before):
    """In `workers`, the event log and the log."""
    now = daemon.workers()[slot]
    assert now["last_hang"] == kind and "by our watchdog" in now["last_death"], now
    down = events(daemon, "slot.down", slot=slot, generation=before["generation"])
    assert len(down) == 1 and down[0]["hang"] == kind, down
    line = f"{slot} (pid {before['pid']}) {SENTENCES[kind]}"
    assert line in daemon.log(), f"no {line!r} in {daemon.log()[-2000:]}"
    # who could still speak has left a report
    reported = (now["crash"] or {}).get("signal") == signal.SIGABRT
    assert reported == (kind in ("spinning", "blocked")), now["crash"]


def assert_harmless(daemon, slot, report):
    served = {event["gateway"]: event["slot"] for event in events(daemon, "stream.start")}
    others = [talker for talker in report["talker"] if served.get(talker["name"]) != slot]
    assert others, "all talkers were on the worker that hung"
    late = sum(talker["late"] for talker in others)
    assert late == 0 or SLOW > 1, f"{late} frames late on other workers"
    wrong = {key: report[key] for key in ("lost", "duplicates", "headers_missing", "wrong_room",
                                          "terminators_missing") if report[key]}
    assert not wrong, f"{wrong} of {report['expected']}"


def provoke(kind, caller):
    with faulty("by-callsign") as program:
        watch_a_hang(kind, lambda _, killer: killer.send(header("KILLER", caller)), program)


def test_a_stopped_worker_is_replaced():
    watch_a_hang("stopped",
                 lambda daemon, _: os.kill(daemon.workers()["ysf.1"]["pid"], signal.SIGSTOP))


def test_a_spinning_worker_is_replaced():
    provoke("spinning", "SPINME")


def test_a_blocked_worker_is_replaced():
    provoke("blocked", "BLOCKME")


def test_a_worker_that_keeps_the_gate_is_replaced():
    provoke("gate", "HOLDME")


if __name__ == "__main__":
    main(globals())
