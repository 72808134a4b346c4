#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_hang_others - while one worker hangs, the others notice nothing
# PURPOSE   Workers are made to hang again and again, in each of the ways that the watchdog tells apart;
#           each is replaced within two seconds, nothing is lost, and the lateness of the calls on the
#           other slots stays what it was in the seconds before, in the same run.
# OWNER     tests
# CONTRACT  HANGS=n in the environment: of each kind at least n (default 1; the table's row says 25)
# LIMITS    frames of a datagram that hangs two workers are put away as poison: every datagram hangs
#           two. A worker that spins takes a processor from the others: on two of them, that is seen

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from lib.builds import faulty  # noqa: E402
from lib.figures import figures, of_report  # noqa: E402
from lib.shackd import Daemon, SLOW, eventually, main  # noqa: E402
from lib.sim import Simulator  # noqa: E402
from ysf import Lab, events, header  # noqa: E402

HANGS = int(os.environ.get("HANGS", "1"))
ROOMS = 10
CALM = 2.0  # seconds before and after, for comparison
# p99.9 of the others may be so much above that of calm seconds: a processor is shared by all
SLACK_US = {"stopped": 5000, "blocked": 5000, "gate": 20000, "spinning": 20000}
OPTIONS = ("workers.ysf=2", "server.respawn_tokens=6000/m", "server.log_level=error",
           "dgid.list=1-99", "dgid.local=0", "ysf.max_age=0", "ysf.client_timeout=1h",
           "ysf.watchdog=8s")


class Hanging:
    """One daemon under voice, whose workers hang in one way."""

    def __init__(self, kind, daemon, lab, sim):
        self.kind, self.daemon, self.sim = kind, daemon, sim
        self.killer = lab.gateway("KILLER", dgid=50)
        self.hangs, self.slowest = 0, 0.0
        self.slots = set()

    def stop_one(self):
        os.kill(self.daemon.workers()["ysf.1"]["pid"], signal.SIGSTOP)

    def send_poison(self):
        caller = {"spinning": "SPINME", "blocked": "BLOCKME", "gate": "HOLDME"}[self.kind]
        self.killer.send(header("KILLER", caller))

    def settled(self):
        return all(worker["state"] == "ready" and worker["heartbeat_ms"] < 500
                   for worker in self.daemon.workers().values())

    def round(self):
        """Calm seconds, then one cause: one worker stopped, or a datagram that hangs two holders."""
        time.sleep(CALM)  # seconds to compare with
        before = self.daemon.workers()
        self.sim.process.send_signal(signal.SIGUSR1)
        self.sim.wait("marked")
        wanted = 1 if self.kind == "stopped" else 2
        began = time.monotonic()
        self.stop_one() if self.kind == "stopped" else self.send_poison()
        slot = eventually(lambda: next((name for name, now in self.daemon.workers().items()
                                        if now["generation"] >= before[name]["generation"] + wanted
                                        and now["state"] == "ready"), None),
                          10, f"{wanted} other holders")
        took = (time.monotonic() - began) / wanted
        eventually(self.settled, 10, "all workers at work")
        self.sim.process.send_signal(signal.SIGUSR2)
        self.sim.wait("calm")
        self.hangs += wanted
        self.slots.add(slot)
        self.slowest = max(self.slowest, took)
        for file in self.daemon.ctl("quarantine"):
            self.daemon.ctl("quarantine", "drop", str(file["id"]))


def p999(talkers, key):
    return max(talker[key]["p999"] for talker in talkers)


def hang(kind, program=None):
    with Daemon(*OPTIONS, program=program, listen="127.0.0.1:0") as daemon, Lab(daemon) as lab:
        with Simulator(daemon, "--gateways", 100, "--rooms", f"1-{ROOMS}:10", "--talkers", ROOMS,
                       "--frames", 0, "--calls", 1, "--poll", 5, "--rate", 20) as sim:
            sim.wait("talking")
            eventually(lambda: len(daemon.ctl("streams")) == ROOMS, 10, "all calls open")
            hanging = Hanging(kind, daemon, lab, sim)
            while hanging.hangs < HANGS:
                hanging.round()
            sim.finish()
            report = sim.report()
        served = {event["gateway"]: event["slot"] for event in events(daemon, "stream.start")}
        hangs = [e for e in events(daemon, "slot.down") if e.get("hang") == kind]
    others = [talker for talker in report["talker"]
              if served.get(talker["name"]) not in hanging.slots]
    assert others, "all talkers were on the worker that hung"
    calm, marked = p999(others, "calm_us"), p999(others, "marked_us")
    figures("hang", kind=kind, hangs=hanging.hangs, slowest_s=round(hanging.slowest, 2),
            others=len(others), others_calm_p999_ms=round(calm / 1000, 2),
            others_hang_p999_ms=round(marked / 1000, 2), **of_report(report))
    assert len(hangs) == hanging.hangs, f"{len(hangs)} hangs of {hanging.hangs} were named {kind}"
    assert hanging.slowest < 2 * SLOW, f"replaced after {hanging.slowest:.2f} s"
    wrong = {key: report[key] for key in ("lost", "duplicates", "headers_missing",
                                          "terminators_missing", "wrong_room", "polls_unanswered")
             if report[key]}
    assert not wrong, f"{wrong} of {report['expected']}"
    assert marked <= calm + SLACK_US[kind] or SLOW > 1, f"p99.9 {calm} us became {marked} us"


def test_stopped():
    hang("stopped")


def test_spinning():
    with faulty("by-callsign") as program:
        hang("spinning", program)


def test_blocked():
    with faulty("by-callsign") as program:
        hang("blocked", program)


def test_gate():
    with faulty("by-callsign") as program:
        hang("gate", program)


if __name__ == "__main__":
    main(globals())
