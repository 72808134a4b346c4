#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_ysf_poison - a datagram that kills whoever handles it
# PURPOSE   A test build that dies of a frame by its source: the frame is tried twice, then put away
#           and counted, and nobody else loses a frame.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside few
# LIMITS    none known

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from lib.builds import faulty  # noqa: E402
from shackd import Daemon, eventually, main, process_state  # noqa: E402
from ysf import Lab, counters, header, streams  # noqa: E402


class Frail:
    """A Lab with a daemon of one YSF worker that some callers kill."""

    def __init__(self, *options):
        self.options = ("workers.ysf=1", "server.respawn_tokens=6000/m", "server.watchdog=300ms",
                        "ysf.max_age=0", *options)

    def __enter__(self):
        self.build = faulty("by-callsign")
        self.daemon = Daemon(*self.options, program=self.build.__enter__())
        self.lab = Lab(self.daemon)
        return self.lab

    def __exit__(self, *error):
        self.lab.__exit__(*error)
        self.daemon.close()
        self.build.__exit__(*error)


def at_once(daemon, send):
    """What SEND sends is read in one batch: the worker stands still meanwhile."""
    pid = daemon.worker_pids()["ysf.0"]
    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: process_state(pid) == "T", what="the worker to stop")
    sent = send()
    os.kill(pid, signal.SIGCONT)
    return sent


def poisoned_by(caller, deaths=2):
    with Frail() as box:
        talker, listener, killer = (box.gateway(name) for name in ("TALKER", "LISTENER", "KILLER"))
        listener.expect(talker.header(), talker.voice())
        poison = header("KILLER", caller)
        restarts = box.daemon.workers()["ysf.0"]["restarts"]

        def send():
            before = [talker.voice(), talker.voice()]
            killer.send(poison)
            return before + [talker.voice(), talker.voice()]

        sent = at_once(box.daemon, send)
        eventually(lambda: counters(box.daemon).get("dropped_total{cause=poison}") == 1, 20,
                   what="the poison being counted")
        listener.expect(*sent)
        listener.expect(talker.terminator())
        listener.silent()
        eventually(lambda: not streams(box.daemon), what="the end of the call")
        assert box.daemon.workers()["ysf.0"]["restarts"] - restarts == deaths
        entry, = eventually(lambda: box.daemon.ctl("quarantine"), what="the quarantine")
        shown = box.daemon.ctl("quarantine", "show", entry["id"])
        assert bytes.fromhex(shown["hex"]) == poison, shown
        assert (entry["slot"], entry["tries"], entry["gateway"]) == ("ysf.0", 2, "KILLER"), entry
        assert entry["from"] == f"{killer.ip}:{killer.port}", entry
        # who sent it is as welcome as ever
        killer.drain()
        talker.drain()
        listener.expect(*killer.call())


def test_a_frame_that_crashes_is_tried_twice():
    poisoned_by("CRASHME")


def test_a_frame_that_spins_is_tried_twice():
    poisoned_by("SPINME")


def test_a_frame_that_blocks_is_tried_twice():
    poisoned_by("BLOCKME")


def test_a_frame_that_holds_the_gate_is_tried_twice():
    poisoned_by("HOLDME")


def test_kills_from_outside_accuse_nobody():
    with Frail() as box:
        talker, listener = box.gateway("TALKER"), box.gateway("LISTENER")
        for _ in range(5):
            listener.expect(talker.header())
            pid = box.daemon.worker_pids()["ysf.0"]
            os.kill(pid, signal.SIGKILL)
            listener.expect(talker.voice(), talker.terminator())
        assert counters(box.daemon).get("dropped_total{cause=poison}", 0) == 0
        assert box.daemon.ctl("quarantine") == []


def test_a_poll_is_not_repeated_behind_its_unlink():
    """Poll and unlink came in one batch and both were handled when the worker died."""
    with Frail() as box:
        leaver, killer = box.gateway("LEAVER"), box.gateway("KILLER")

        def send():
            leaver.send(b"YSFP" + b"LEAVER".ljust(10))
            leaver.send(b"YSFU" + b"LEAVER".ljust(10))
            killer.send(header("KILLER", "CRASHME"))

        at_once(box.daemon, send)
        eventually(lambda: counters(box.daemon).get("dropped_total{cause=poison}") == 1, 20,
                   what="the poison being counted")
        assert box.client(leaver) is None, "who had unlinked is linked again"


def test_an_empty_packet_is_not_the_end_of_the_log():
    """Any worker can put one into the queue; it must not lie there and end one log worker after another."""
    with Frail() as box:
        before = box.daemon.worker_pids()
        killer = box.gateway("KILLER")
        killer.send(header("KILLER", "HUSHME"))
        killer.silent()
        box.gateway("LATER")
        eventually(lambda: "LATER" in box.daemon.log(), what="the log to go on")
        assert box.daemon.worker_pids() == before, f"{before} {box.daemon.workers()}"


if __name__ == "__main__":
    main(globals())
