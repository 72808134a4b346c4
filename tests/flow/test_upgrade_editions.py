#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_upgrade_editions - what stores of different editions keep
# PURPOSE   Between this build and one of edition 1, by upgrade and by restart: places, homes and
#           saved DG-IDs come through, and nothing is left that the older build takes for damage.
# OWNER     tests
# CONTRACT  every test has a daemon of its own
# RUNS      beside others
# LIMITS    needs `make testing`

import os
import signal
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / folder) for folder in ("", "lib")]
from lib.builds import SCHEMA1, copy_of
from shackd import SHACKD, Daemon, eventually, main
from ysf import Lab, ask_json, blocked, events, expect, streams

OPTIONS = ("dgid.list=1,9,22,50", "dgid.default=1", "dgid.local=0", "workers.ysf=2",
           "dgid.home_time=20s")
NEWER = ("listed", "home", "gateway", "address", "serial")


class Home:
    """A daemon in a folder of its own, with a home list, that becomes other builds."""

    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory(prefix="shackd-editions-")
        os.chmod(self.folder.name, 0o755)
        self.path = Path(self.folder.name) / "shackd"
        self.list = Path(self.folder.name) / "home.db"
        self.list.write_text("DB0FIX:9:-1\nDB0HOM:22:30\n")
        copy_of(program, self.path)
        self.daemon = Daemon(*OPTIONS, f"dgid.home_file={self.list}", program=str(self.path))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.daemon.__exit__(kind, value, trace)
        self.folder.cleanup()

    def become(self, program):
        copy_of(program, self.path)
        code, _, why = self.daemon.ask("upgrade")
        expect(code == 0, f"the upgrade failed: {why}")

    def restart_as(self, program):
        expect(self.daemon.stop() == 0, "stops")
        copy_of(program, self.path)
        self.daemon.start()


def place(lab, gateway):
    row = lab.client(gateway)
    return row["dgid"], row["home_dgid"], row["fixed"]


def becomes(lab, gateway, *wanted):
    try:
        eventually(lambda: place(lab, gateway) == wanted, 15, "")
    except AssertionError:
        raise AssertionError(f"{gateway.name}: {place(lab, gateway)}, not {wanted}") from None


def choose(lab, gateway, dgid):
    gateway.call(sq=dgid)
    eventually(lambda: lab.client(gateway)["dgid"] == dgid and not streams(lab.daemon), 5, f"{dgid}")


def damaged(daemon):
    return sum(value for slot in ask_json(daemon, "metrics", "--json").values()
               for name, value in slot.items() if name.startswith("store_bad_record"))


def saved(daemon):
    return {row["gateway"]: row["dgid"] for row in ask_json(daemon, "lists", "saved")
            if row["address"] is None}


def edition(home, number):
    eventually(lambda: home.daemon.log().count(f"becomes {number}") >= 2, 15,
               f"stores of edition {number}")


def test_there_and_back_by_upgrade():
    with Home(SHACKD) as home, Lab(home.daemon) as lab:
        daemon = home.daemon
        fixed, homed = lab.gateway("DB0FIX"), lab.gateway("DB0HOM")
        optioned = lab.gateway("DB0OPT", dgid=22)
        static, chooser = lab.gateway("DB0ABC-50"), lab.gateway("DB0SAV")
        choose(lab, optioned, 50)
        choose(lab, chooser, 9)
        daemon.ask("block", "DL1AAA", "3600")
        expect(place(lab, fixed) == (9, 0, True), f"{place(lab, fixed)}")
        ids = {row["gateway"]: row["id"] for row in ask_json(daemon, "clients")}

        home.become(SCHEMA1)
        expect({row["gateway"]: row["id"] for row in ask_json(daemon, "clients")} == ids, "links")
        expect(place(lab, fixed) == (9, 0, False), "an older build knows no fixed gateways")
        expect(place(lab, static) == (50, 0, True), "but those that their name nails")
        expect(place(lab, optioned) == (50, 22, False), "and homes")
        expect("DL1AAA" in blocked(daemon), "and blocks")
        expect(not saved(daemon), "and no saved DG-IDs")
        code, text, _ = daemon.ask("events", "1000")
        expect(code == 0 and not any(f'"reason":"{word}"' in text for word in NEWER) and
               "stream.busy" not in text and "list.loaded" not in text, text)
        expect(damaged(daemon) == 0, "it takes something for damage")

        home.become(SHACKD)
        becomes(lab, fixed, 9, 0, True)
        expect(place(lab, homed) == (22, 22, False), "home by the list")
        expect(place(lab, optioned)[1] == 22, "home by options")
        eventually(lambda: saved(daemon).get("DB0SAV") == 9, 15, "the saved DG-ID")
        expect({row["gateway"]: row["id"] for row in ask_json(daemon, "clients")} == ids, "links")
        # away since before, sent home by the newer build
        eventually(lambda: place(lab, optioned)[0] == 22, 60, "the way home")
        expect(damaged(daemon) == 0, "something was taken for damage")


def test_a_store_of_the_first_edition_is_served_and_stepped():
    with Home(SCHEMA1) as home:
        daemon = home.daemon
        with Lab(daemon) as lab:
            lab.gateway("DB0OPT", dgid=22)
            daemon.ask("block", "DL1AAA", "3600")
            home.restart_as(SHACKD)
            lab.gateways.clear()
        edition(home, 3)
        expect("DL1AAA" in blocked(daemon), "the block")
        with Lab(daemon) as lab:
            chooser = lab.gateway("DB0SAV")
            choose(lab, chooser, 9)
            eventually(lambda: saved(daemon).get("DB0SAV") == 9, 5, "the saved DG-ID")
            expect(place(lab, lab.gateway("DB0FIX")) == (9, 0, True), "fixed")
            expect(damaged(daemon) == 0, "something was taken for damage")


def test_a_keeper_that_dies_while_the_stores_step():
    with Home(SHACKD) as home, Lab(home.daemon) as lab:
        fixed = lab.gateway("DB0FIX")
        for program in (SCHEMA1, SHACKD):
            home.daemon.kill_worker("keeper", signal.SIGSTOP)  # the watchdog ends it
            home.become(program)
        becomes(lab, fixed, 9, 0, True)
        expect(damaged(home.daemon) == 0, "something was taken for damage")
        expect(events(home.daemon, "slot.down", slot="keeper"), "keeper did not die")


if __name__ == "__main__":
    main(globals())
