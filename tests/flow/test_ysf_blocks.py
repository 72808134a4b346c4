#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_ysf_blocks - timed blocks end when they were to end, whatever happens meanwhile
# PURPOSE   Blocks and their ends through deaths of all workers, an upgrade, a restart and a boot; an
#           unblock counts at once.
# OWNER     tests
# CONTRACT  every test has a daemon of its own
# RUNS      beside others
# LIMITS    none known

import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / folder) for folder in ("", "lib")]
from lib.builds import NEXT, copy_of
from shackd import SHACKD, Daemon, eventually, main
from ysf import Lab, blocked, events, expect, streams

OPTIONS = ("dgid.local=0", "workers.ysf=1")


def kill_all(daemon):
    before = daemon.worker_pids()
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: daemon.status()["state"] == "ready" and
               not set(before.values()) & set(daemon.worker_pids().values()), 15,
               "all workers again")


def refused(daemon):
    """IU5JAE does not come through."""
    with Lab(daemon) as lab:
        talker, listener = lab.pair()
        talker.call()
        listener.silent()


def heard(daemon):
    with Lab(daemon) as lab:
        talker, listener = lab.pair()
        lab.relays(talker, listener)


def test_an_unblock_counts_at_once():
    with Daemon(*OPTIONS) as daemon, Lab(daemon) as lab:
        talker, listener = lab.pair()
        for _ in range(5):
            daemon.ctl("block", "IU5JAE")
            talker.call()
            listener.silent()
            daemon.ctl("unblock", "IU5JAE")
            lab.relays(talker, listener)  # the very next transmission
        kinds = [event["type"] for event in daemon.ctl_lines("events", "1000")
                 if event["type"].startswith("block.")]
        expect(kinds == ["block.add", "block.remove"] * 5, f"{kinds}")


def test_a_block_counts_in_the_middle_of_a_call():
    with Daemon(*OPTIONS) as daemon, Lab(daemon) as lab:
        talker, listener = lab.pair()
        header, voice = talker.header(), talker.voice()
        listener.expect(header, voice)
        expect(daemon.ctl("block", "IU5JAE")["closed"] == 1, "the open call")
        eventually(lambda: not streams(daemon), 5, "the end of the call")
        ended = events(daemon, "stream.end")
        expect([event["reason"] for event in ended] == ["blocked"], f"{ended}")


def test_survives_deaths_upgrade_restart_and_boot():
    with tempfile.TemporaryDirectory(prefix="shackd-blocks-") as folder:
        os.chmod(folder, 0o755)
        path = copy_of(SHACKD, Path(folder) / "shackd")
        with Daemon(*OPTIONS, program=path) as daemon:
            until = daemon.ctl("block", "IU5JAE", "600")["until"]

            def still(when):
                row = blocked(daemon).get("IU5JAE")
                expect(row is not None, f"freed by {when}")
                expect(abs(row["until"] - until) <= 2, f"{when}: until {row['until']}, was {until}")
                expect(row["reason"] == "operator" and row["by"] == "operator", f"{row}")
                refused(daemon)

            still("nothing")
            kill_all(daemon)
            still("deaths")
            copy_of(NEXT, path)
            code, _, why = daemon.ask("upgrade")
            expect(code == 0, f"upgrade: {why}")
            still("an upgrade")
            expect(daemon.stop() == 0, "stops")
            daemon.start()
            still("a restart")
            daemon.stop()
            shutil.rmtree(daemon.shm_dir / "voice")
            daemon.start()
            still("a boot")


def test_ends_on_time_through_deaths():
    with Daemon(*OPTIONS) as daemon:
        daemon.ctl("block", "IU5JAE", "6")
        began = time.monotonic()
        kill_all(daemon)
        refused(daemon)
        kill_all(daemon)
        eventually(lambda: not blocked(daemon), 20, "the end of the block")
        took = time.monotonic() - began
        expect(took > 5, f"ended after {took:.1f} s")
        heard(daemon)


def test_ended_while_nobody_was_there():
    with Daemon(*OPTIONS) as daemon:
        until = daemon.ctl("block", "IU5JAE", "3")["until"]
        daemon.ctl("block", "DL9LSN", "600")
        daemon.stop()
        shutil.rmtree(daemon.shm_dir / "voice")
        while time.time() < until + 1:
            time.sleep(0.2)
        daemon.start()
        expect(set(blocked(daemon)) == {"DL9LSN"}, f"{blocked(daemon)}")
        heard(daemon)


if __name__ == "__main__":
    main(globals())
