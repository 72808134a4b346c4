#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_ysf_protection - callers that have to pause, through deaths and upgrades
# PURPOSE   Neither the death of every worker nor an upgrade frees a parked caller or forgets how
#           often one has keyed up.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    the rules themselves: test_rules_calls

import os
import signal
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / folder) for folder in ("", "lib")]
from lib.builds import copy_of
from shackd import SHACKD, Daemon, eventually, main
from ysf import Lab, blocked, counters, events, expect, streams

WILD = ("workers.ysf=2", "protection.wild_ptt_count=3", "protection.wild_ptt_time=1m",
        "access.check_re=1")


class Fresh(Lab):
    """A Lab with a daemon of its own."""

    def __init__(self, *options, **more):
        super().__init__(Daemon("dgid.list=1-60", *options, **more))

    def __exit__(self, *error):
        super().__exit__(*error)
        self.daemon.close()

    def kill_all(self):
        """Every worker at once; returns when all have successors."""
        before = self.daemon.worker_pids()
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: all(
            worker["pid"] not in (0, before[slot]) and worker["state"] in ("ready", "up", "idle")
            for slot, worker in self.daemon.workers().items()), 10, "other workers")


def key_up(box, gateway):
    """One short call, to its end."""
    gateway.call(frames=1)
    eventually(lambda: not streams(box.daemon), 5, "the end of the call")


def refusals(box, gateway):
    return [event["reason"] for event in events(box.daemon, "access.refused", port=gateway.port)]


def expect_refused(box, gateway, listener):
    listener.drain()
    gateway.call(frames=1)
    eventually(lambda: refusals(box, gateway) == ["call"], 5, "the refusal")
    listener.silent()


def test_wild_ptt_is_counted_over_deaths_of_all_workers():
    with Fresh(*WILD) as box:
        talker, listener = box.pair()
        for count in range(3):
            expect(not blocked(box.daemon), f"blocked after {count} calls")
            listener.drain()
            listener.expect(*talker.call(frames=1))  # the third one is heard too
            eventually(lambda: not streams(box.daemon), 5, "the end of the call")
            box.kill_all()
        block = eventually(lambda: blocked(box.daemon).get("IU5JAE"), 5, "the block")
        expect(block["reason"] == "wild_ptt", block)
        expect_refused(box, talker, listener)


def test_wild_ptt_is_counted_over_upgrades():
    with tempfile.TemporaryDirectory(prefix="shackd-home-") as folder:
        os.chmod(folder, 0o755)
        program = copy_of(SHACKD, Path(folder) / "shackd")
        with Fresh(*WILD, program=program) as box:
            talker, listener = box.pair()
            for _ in range(3):
                key_up(box, talker)
                code, _, why = box.daemon.ask("upgrade")
                expect(code == 0, f"the upgrade failed: {why}")
            expect(blocked(box.daemon)["IU5JAE"]["reason"] == "wild_ptt", blocked(box.daemon))
            expect_refused(box, talker, listener)


def test_a_parked_caller_stays_parked_over_deaths_of_all_workers():
    with Fresh("protection.tx_timeout=1s", "protection.reactivate=1h") as box:
        talker, listener = box.pair()
        talker.source = "DL5LNG-RPT"
        talker.header()
        eventually(lambda: events(box.daemon, "stream.end", reason="timeout"), 5, "the cut")
        for _ in range(2):
            box.kill_all()
            expect(blocked(box.daemon)["DL5LNG"]["reason"] == "timeout", blocked(box.daemon))
        talker.source = "DL5LNG"
        expect_refused(box, talker, listener)
        talker.source = "DL6OTH"
        box.relays(talker, listener)


def test_an_operators_block_ends_the_call_and_stays_the_operators():
    with Fresh("protection.tx_timeout=1s", "protection.reactivate=2s",
               "workers.ysf=1") as box:
        talker, listener = box.pair()
        talker.source = "DL5LNG"
        listener.expect(talker.header())
        box.daemon.ctl("block", "DL5LNG")
        eventually(lambda: events(box.daemon, "stream.end", port=talker.port), 5, "the cut")
        expect(blocked(box.daemon)["DL5LNG"]["reason"] == "operator", blocked(box.daemon))


def test_a_crowd_of_parked_callers_frees_nobody_that_an_operator_blocked():
    with Fresh("workers.ysf=1", "protection.wild_ptt_count=1", "limits.scheduled_tasks=2") as box:
        talker, listener = box.pair()
        box.daemon.ctl("block", "DL5OPR", "60")  # shorter than the others will be
        for source in ("DL1ONE", "DL1TWO", "DL1TRE"):
            talker.source = source
            listener.expect(*talker.call(frames=1))
            eventually(lambda: not streams(box.daemon), 5, "the end of the call")
        eventually(lambda: "DL1TRE" in blocked(box.daemon), 5, "the last one parked")
        expect(set(blocked(box.daemon)) == {"DL5OPR", "DL1TRE"}, blocked(box.daemon))
        rooms = counters(box.daemon)["store_made_room_total{table=blocks}"]
        expect(rooms >= 2, f"{rooms} counted")
        box.daemon.ctl("block", "DL6OPR", "60")
        talker.source = "DL1FOR"
        listener.expect(*talker.call(frames=1))
        eventually(lambda: not streams(box.daemon), 5, "the end of the call")
        expect(set(blocked(box.daemon)) == {"DL5OPR", "DL6OPR"}, blocked(box.daemon))
        expect("limits.scheduled_tasks" in box.daemon.log(), "not a word")


def test_callers_without_a_call_pause_too():
    with Fresh("workers.ysf=1", "protection.wild_ptt_count=3", "protection.wild_ptt_time=1m",
               "access.check_re=0") as box:
        talker, listener = box.pair()
        for source in ("", "/7", "-RPT"):
            talker.source = source
            listener.expect(*talker.call(frames=1))
            eventually(lambda: not streams(box.daemon), 5, "the end of the call")
        expect(list(blocked(box.daemon)) == ["-"], blocked(box.daemon))
        expect_refused(box, talker, listener)
        box.kill_all()
        talker.link()
        talker.source = "DL1ABC"
        listener.link()
        listener.expect(*talker.call(frames=1))
        talker.source = ""
        talker.call(frames=1)
        listener.silent()
        box.daemon.ctl("unblock", "-")
        listener.expect(*talker.call(frames=1))


def test_a_caller_parked_by_wild_ptt_is_freed_in_time():
    with Fresh("workers.ysf=1", "protection.wild_ptt_count=2", "protection.wild_ptt_time=1s",
               "protection.reactivate=2s") as box:
        talker, listener = box.pair()
        for _ in range(2):
            listener.expect(*talker.call(frames=1))
            eventually(lambda: not streams(box.daemon), 5, "the end of the call")
        expect_refused(box, talker, listener)
        eventually(lambda: "IU5JAE" not in blocked(box.daemon), 5, "the end of the block")
        listener.drain()
        listener.expect(*talker.call(frames=1))


if __name__ == "__main__":
    main(globals())
