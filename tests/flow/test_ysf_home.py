#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_ysf_home - home DG-IDs: the way back, and home lists that change
# PURPOSE   Who is away goes home after its time, not earlier, not while somebody talks, whoever dies
#           meanwhile; a home list that changes puts linked gateways where they belong.
# OWNER     tests
# CONTRACT  every test has a daemon of its own
# RUNS      beside others, about 40 s
# LIMITS    none known

import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / folder) for folder in ("", "lib")]
from lib.builds import NEXT, copy_of
from shackd import SHACKD, SLOW, Daemon, eventually, main
from ysf import Lab, ask_json, events, expect, streams

OPTIONS = ("dgid.list=1,9,22,50", "dgid.default=1", "dgid.local=0", "workers.ysf=2",
           "access.reload=1s")


def dgid_of(lab, gateway):
    return lab.client(gateway)["dgid"]


def choose(lab, gateway, dgid):
    gateway.call(sq=dgid)
    eventually(lambda: dgid_of(lab, gateway) == dgid and not streams(lab.daemon), 5, f"{dgid}")


def away(lab, name="DB0ABC", home=22, at=50):
    gateway = lab.gateway(name, dgid=home)
    choose(lab, gateway, at)
    return gateway


def homecoming(daemon):
    """The events of going home."""
    return [event for event in events(daemon, "client.dgid") if event.get("reason") == "home"]


class Polling:
    """with Polling(gateway): it polls as gateways do, and what comes is thrown away."""

    def __init__(self, *gateways):
        self.gateways, self.over = gateways, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over.wait(0.2):
            for gateway in self.gateways:
                gateway.poll()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.thread.join()


def kill_all(daemon):
    before = daemon.worker_pids()
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: daemon.status()["state"] == "ready" and
               not set(before.values()) & set(daemon.worker_pids().values()), 15,
               "all workers again")


# ---- the way back ----

def test_back_after_its_time():
    with Daemon(*OPTIONS, "dgid.home_time=2s") as daemon, Lab(daemon) as lab:
        gateway = away(lab)
        row = lab.client(gateway)
        expect((row["home_dgid"], row["home_time"], row["fixed"]) == (22, 2, False), f"{row}")
        moved = time.monotonic()
        eventually(lambda: dgid_of(lab, gateway) == 22, 10, "the way home")
        took = time.monotonic() - moved
        expect(1.5 < took < 6 * SLOW, f"{took:.1f} s")
        event = homecoming(daemon)
        expect(len(event) == 1 and event[0]["old_dgid"] == 50 and event[0]["dgid"] == 22, f"{event}")
        expect(event[0]["slot"] == "keeper", f"{event}")


def test_no_home_no_way_back():
    with Daemon(*OPTIONS, "dgid.home_time=1s") as daemon, Lab(daemon) as lab:
        there, other = away(lab), lab.gateway("DB0XYZ")
        choose(lab, other, 50)
        eventually(lambda: dgid_of(lab, there) == 22, 10, "the way home")
        expect(dgid_of(lab, other) == 50, "who has no home stays")


def test_own_transmissions_keep_it_there():
    with Daemon(*OPTIONS, "dgid.home_time=3s") as daemon, Lab(daemon) as lab:
        gateway = away(lab)
        with Polling(gateway):
            for _ in range(5):
                time.sleep(1)
                gateway.call()
                expect(dgid_of(lab, gateway) == 50, "it went while it was in use")
            began = time.monotonic()
            eventually(lambda: dgid_of(lab, gateway) == 22, 15, "the way home")
            expect(time.monotonic() - began > 2, "too early")


def test_what_it_hears_does_not_keep_it_but_nobody_is_moved_out_of_a_call():
    with Daemon(*OPTIONS, "dgid.home_time=1s") as daemon, Lab(daemon) as lab:
        talker = lab.gateway("TALKER", "IU5JAE")
        choose(lab, talker, 50)
        gateway = away(lab)
        talker.header()
        for _ in range(30):  # three seconds
            time.sleep(0.1)
            talker.voice()
        expect(dgid_of(lab, gateway) == 50, "it was moved out of a call that it listened to")
        talker.terminator()
        began = time.monotonic()
        eventually(lambda: dgid_of(lab, gateway) == 22, 10, "the way home")
        expect(time.monotonic() - began < 4 * SLOW, "others kept it there")


def test_not_while_it_talks():
    with Daemon(*OPTIONS, "dgid.home_time=1s") as daemon, Lab(daemon) as lab:
        gateway = away(lab)
        gateway.header()
        for _ in range(30):
            time.sleep(0.1)
            gateway.voice()
        expect(dgid_of(lab, gateway) == 50, "it was moved while it talked")
        expect(len(streams(daemon)) == 1, "its call is over")
        gateway.terminator()
        eventually(lambda: dgid_of(lab, gateway) == 22, 10, "the way home")


def test_survives_deaths_and_an_upgrade():
    with tempfile.TemporaryDirectory(prefix="shackd-home-") as folder:
        os.chmod(folder, 0o755)
        path = copy_of(SHACKD, Path(folder) / "shackd")
        with Daemon(*OPTIONS, "dgid.home_time=8s", program=path) as daemon, Lab(daemon) as lab:
            gateway = away(lab)
            moved = time.monotonic()
            kill_all(daemon)
            expect(dgid_of(lab, gateway) == 50, "deaths sent it home")
            copy_of(NEXT, path)
            code, _, why = daemon.ask("upgrade")
            expect(code == 0, f"upgrade: {why}")
            kill_all(daemon)
            if time.monotonic() - moved < 7:
                expect(dgid_of(lab, gateway) == 50, "an upgrade sent it home")
                row = lab.client(gateway)
                expect((row["home_dgid"], row["home_time"]) == (22, 8), f"{row}")
            eventually(lambda: dgid_of(lab, gateway) == 22, 30, "the way home")
            took = time.monotonic() - moved
            expect(took > 7.5, f"home after {took:.1f} s")
            expect(len(homecoming(daemon)) == 1, f"{homecoming(daemon)}")


# ---- lists that change ----

class Listed(Daemon):
    """With a home file that tests write anew."""

    def __init__(self, text, *options, **more):
        self.folder = Path(tempfile.mkdtemp(prefix="shackd-home-"))
        self.folder.chmod(0o755)
        self.file = self.folder / "home.db"
        self.write(text)
        super().__init__(*OPTIONS, f"dgid.home_file={self.file}", *options, **more)

    def write(self, text):
        fresh = self.folder / "fresh"
        fresh.write_text(text)
        fresh.chmod(0o644)
        fresh.rename(self.file)

    def close(self):
        super().close()
        shutil.rmtree(self.folder, ignore_errors=True)


def place(lab, gateway):
    row = lab.client(gateway)
    return row["dgid"], row["home_dgid"], row["fixed"]


def becomes(lab, gateway, *wanted):
    try:
        eventually(lambda: place(lab, gateway) == wanted, 10, "")
    except AssertionError:
        raise AssertionError(f"{gateway.name}: {place(lab, gateway)}, not {wanted}") from None


def test_a_list_that_changes():
    with Listed("#\nDB0FIX:9:-1\nDB0HOM:22:30\n") as daemon, Lab(daemon) as lab:
        fixed, homed = lab.gateway("DB0FIX"), lab.gateway("DB0HOM")
        other = lab.gateway("DB0XYZ")
        expect(place(lab, fixed) == (9, 0, True), f"{place(lab, fixed)}")
        expect(place(lab, homed) == (22, 22, False), f"{place(lab, homed)}")
        expect(lab.client(homed)["home_time"] == 1800, "minutes")
        expect(place(lab, other) == (1, 0, False), f"{place(lab, other)}")
        # the other way round, and one more
        daemon.write("DB0FIX:50:5\nDB0HOM:9:-1\nDB0XYZ:22:-1\n")
        becomes(lab, homed, 9, 0, True)
        becomes(lab, fixed, 9, 50, False)  # its DG-ID stays, its home is another
        becomes(lab, other, 22, 0, True)
        # nobody
        daemon.write("# nobody\n")
        becomes(lab, homed, 9, 0, False)
        becomes(lab, fixed, 9, 0, False)
        becomes(lab, other, 22, 0, False)
        reasons = {event.get("reason") for event in events(daemon, "client.dgid")}
        expect(reasons == {"listed"}, f"{reasons}")


def test_a_file_that_vanishes_changes_nothing():
    with Listed("DB0FIX:9:-1\n") as daemon, Lab(daemon) as lab:
        gateway = lab.gateway("DB0FIX")
        daemon.file.unlink()
        eventually(lambda: events(daemon, "list.loaded", reason="failed"), 10, "a complaint")
        kill_all(daemon)
        expect(place(lab, gateway) == (9, 0, True), f"{place(lab, gateway)}")


def test_names_and_options_come_first():
    with Listed("#\n") as daemon, Lab(daemon) as lab:
        static, optioned = lab.gateway("DB0ABC-50"), lab.gateway("DB0OPT", dgid=22)
        marker = lab.gateway("DB0MRK")
        daemon.write("DB0ABC-50:9:-1\nDB0MRK:9:-1\n")
        becomes(lab, marker, 9, 0, True)
        expect(place(lab, static) == (50, 0, True), "its name nails it")
        expect(place(lab, optioned) == (22, 22, False), "its options gave it a home")
        daemon.write("DB0OPT:50:10\n")
        becomes(lab, optioned, 22, 50, False)  # the list names it
        daemon.write("# nobody\n")
        becomes(lab, optioned, 22, 0, False)


def test_a_home_from_the_list_is_where_it_goes_back_to():
    with Listed("DB0HOM:22:1\n") as daemon, Lab(daemon) as lab:
        gateway = lab.gateway("DB0HOM")
        choose(lab, gateway, 50)
        daemon.write("DB0HOM:9:1\n")
        becomes(lab, gateway, 50, 9, False)
        # a minute is the shortest time of a list: seen here is that it is noted as away
        eventually(lambda: ask_json(daemon, "metrics", "--json")["keeper"]["away"] == 1, 10,
                   "one gateway that is away")


def test_a_call_is_not_cut_by_a_list():
    with Listed("#\n") as daemon, Lab(daemon) as lab:
        gateway, marker = lab.gateway("DB0FIX"), lab.gateway("DB0MRK")
        gateway.header()
        daemon.write("DB0FIX:9:-1\nDB0MRK:9:-1\n")
        end = time.monotonic() + 3
        while time.monotonic() < end:
            gateway.voice()
            time.sleep(0.1)
        becomes(lab, marker, 9, 0, True)
        expect(dgid_of(lab, gateway) == 1 and len(streams(daemon)) == 1, "its call was cut")
        gateway.terminator()
        becomes(lab, gateway, 9, 0, True)


def test_the_list_counts_again_after_deaths_and_a_restart():
    with Listed("DB0FIX:9:-1\n") as daemon:
        with Lab(daemon) as lab:
            gateway = lab.gateway("DB0FIX")
            kill_all(daemon)
            expect(place(lab, gateway) == (9, 0, True), "after deaths")
            daemon.write("DB0FIX:22:-1\n")
            becomes(lab, gateway, 22, 0, True)
        daemon.stop()
        daemon.write("DB0FIX:50:-1\n")
        daemon.start()
        with Lab(daemon) as lab:
            expect(place(lab, lab.gateway("DB0FIX")) == (50, 0, True), "after a restart")


def test_what_the_list_gave_stays_the_lists_over_a_restart():
    with Listed("DB0HOM:22:30\n") as daemon, Lab(daemon) as lab:
        # on the same port the next daemon finds its gateways still linked
        daemon.listen = f"*:{daemon.port}"
        daemon.stop()
        daemon.start()
        gateway = lab.gateway("DB0HOM")
        choose(lab, gateway, 50)
        daemon.stop()
        daemon.start()
        becomes(lab, gateway, 50, 22, False)
        daemon.stop()
        daemon.write("# nobody\n")
        daemon.start()
        becomes(lab, gateway, 50, 0, False)


def test_a_dgid_that_leaves_the_list():
    with Listed("DB0FIX:9:-1\nDB0HOM:22:30\n") as daemon, Lab(daemon) as lab:
        fixed, homed = lab.gateway("DB0FIX"), lab.gateway("DB0HOM")
        choose(lab, homed, 50)
        daemon.stop()
        daemon.options = [o for o in daemon.options if not o.startswith("dgid.list=")]
        daemon.options.append("dgid.list=1,50")
        daemon.start()
        with Lab(daemon) as again:
            expect(place(again, again.gateway("DB0FIX"))[0] == 1, "fixed on a DG-ID that is gone")
            expect(place(again, again.gateway("DB0HOM"))[0] in (1, 50), "home on one that is gone")
        lab.gateways.clear()
        fixed.close()
        homed.close()


if __name__ == "__main__":
    main(globals())
