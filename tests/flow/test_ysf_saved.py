#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_ysf_saved - the DG-ID that a gateway chose by radio is found again
# PURPOSE   Saved by name and address, over unlinking, deaths, restarts, and boots; bounded; shown and
#           taken in by shackctl.
# OWNER     tests
# CONTRACT  every test has a daemon of its own
# RUNS      beside others
# LIMITS    none known

import os
import shutil
import signal
import struct
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / folder) for folder in ("", "lib")]
from builds import BUILD
from shackd import SLOW, Daemon, Skip, eventually, main
from ysf import Lab, ask_json, expect

OPTIONS = ("dgid.list=1,22,50", "dgid.default=1", "dgid.local=0", "workers.ysf=2")


def saved(daemon):
    """{(gateway, address): DG-ID} as `lists saved` tells."""
    return {(row["gateway"], row["address"]): row["dgid"]
            for row in ask_json(daemon, "lists", "saved")}


def dgid_of(lab, gateway):
    return lab.client(gateway)["dgid"]


def choose(lab, gateway, dgid):
    gateway.call(sq=dgid)
    eventually(lambda: dgid_of(lab, gateway) == dgid, 5, f"DG-ID {dgid}")


def leave(lab, gateway):
    gateway.unlink()
    eventually(lambda: lab.client(gateway) is None, 5, "the end of the link")
    lab.gateways.remove(gateway)
    gateway.close()


def visit(daemon, name, dgid=None, ip=None):
    """Links for a moment; tells on which DG-ID it came, and chooses another one if told to."""
    lab = Lab(daemon)
    gateway = lab.gateway(name, ip=ip)
    came = dgid_of(lab, gateway)
    if dgid is not None:
        choose(lab, gateway, dgid)
    leave(lab, gateway)
    return came


def test_found_again_by_name_and_address():
    with Daemon(*OPTIONS) as daemon:
        expect(visit(daemon, "DB0ABC", 22, "127.9.0.1") == 1, "the default at first")
        expect(visit(daemon, "DB0ABC", ip="127.9.0.1") == 22, "what it chose")
        # its address has changed over night
        expect(visit(daemon, "DB0ABC", 50, "127.9.0.2") == 22, "what it chose, from elsewhere")
        expect(visit(daemon, "DB0ABC", ip="127.9.0.1") == 22, "each address has its own")
        expect(visit(daemon, "DB0ABC", ip="127.9.0.3") == 50, "the last choice, from a new address")
        expect(visit(daemon, "DB0ABD", ip="127.9.0.1") == 1, "another gateway")
        expect(saved(daemon) == {("DB0ABC", None): 50, ("DB0ABC", "127.9.0.1"): 22,
                                 ("DB0ABC", "127.9.0.2"): 50}, f"{saved(daemon)}")


def test_options_and_the_way_home_are_not_saved():
    with Daemon(*OPTIONS, "dgid.home_time=1s") as daemon, Lab(daemon) as lab:
        gateway = lab.gateway("DB0ABC", dgid=22)
        choose(lab, gateway, 50)
        eventually(lambda: dgid_of(lab, gateway) == 22, 10, "the way home")
        expect({dgid for dgid in saved(daemon).values()} == {50}, f"{saved(daemon)}")
        leave(lab, gateway)
        visit(daemon, "DB0XYZ")
        expect(not any(name == "DB0XYZ" for name, _ in saved(daemon)), f"{saved(daemon)}")


def test_survives_deaths_restart_and_boot():
    with Daemon(*OPTIONS) as daemon:
        visit(daemon, "DB0ABC", 22, "127.9.0.1")
        before = daemon.worker_pids()
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: daemon.status()["state"] == "ready" and
                   not set(before.values()) & set(daemon.worker_pids().values()), 15,
                   "all workers again")
        expect(visit(daemon, "DB0ABC", ip="127.9.0.1") == 22, "after deaths")
        expect(daemon.stop() == 0, "stops")
        daemon.start()
        expect(visit(daemon, "DB0ABC", ip="127.9.0.1") == 22, "after a restart")
        daemon.stop()
        shutil.rmtree(daemon.shm_dir / "voice")  # as after a boot
        daemon.start()
        expect(visit(daemon, "DB0ABC", ip="127.9.0.1") == 22, "after a boot")
        expect(visit(daemon, "DB0ABC", ip="127.9.0.2") == 22, "after a boot, from elsewhere")


def test_what_was_chosen_last_is_on_disk_when_keeper_dies():
    with Daemon(*OPTIONS) as daemon:
        visit(daemon, "DB0ABC", 22, "127.9.0.1")
        keeper = daemon.worker_pids()["keeper"]
        lab = Lab(daemon)
        gateway = lab.gateway("DB0ABC", ip="127.9.0.1")
        os.kill(keeper, signal.SIGSTOP)  # nobody writes the durable store
        gateway.call(sq=50)
        gateway.silent()
        # the watchdog ends it; its successor reads the events that it missed
        eventually(lambda: daemon.workers()["keeper"]["pid"] not in (0, keeper) and
                   daemon.status()["state"] == "ready", 15, "another keeper")
        leave(lab, gateway)
        daemon.stop()
        shutil.rmtree(daemon.shm_dir / "voice")
        daemon.start()
        expect(visit(daemon, "DB0ABC", ip="127.9.0.1") == 50, "the last choice")


def test_bounded():
    with Daemon(*OPTIONS, "limits.saved_dgids=16") as daemon:
        for number in range(12):
            visit(daemon, f"GW{number}", 22, f"127.9.1.{number + 1}")
        rows = saved(daemon)
        expect(len(rows) == 16, f"{len(rows)} saved")
        expect({name for name, _ in rows} == {f"GW{n}" for n in range(4, 12)}, f"{rows}")
        made_room = sum(value for slot in ask_json(daemon, "metrics", "--json").values()
                        for name, value in slot.items()
                        if name.startswith("store_made_room_total") and "saved" in name)
        expect(made_room >= 8, f"{made_room} counted")
        daemon.stop()
        shutil.rmtree(daemon.shm_dir / "voice")
        daemon.start()
        expect(len(saved(daemon)) == 16, "after a boot")
        expect(visit(daemon, "GW11", ip="127.9.1.12") == 22, "the newest is kept")
        expect(visit(daemon, "GW0", ip="127.9.1.1") == 1, "the oldest made room")


def test_one_that_left_the_list_counts_no_more():
    with Daemon(*OPTIONS) as daemon:
        visit(daemon, "DB0ABC", 50)
        daemon.stop()
        daemon.options = ("dgid.list=1,22", "dgid.default=1", "dgid.local=0")
        daemon.start()
        expect(visit(daemon, "DB0ABC") == 1, "the default")


def test_a_clock_that_is_set_back_keeps_no_choice_from_counting():
    if SLOW > 1:
        raise Skip("sanitizers want to be loaded first")
    with tempfile.NamedTemporaryFile(prefix="shackd-clock-") as file:
        os.chmod(file.name, 0o644)

        def step(seconds):
            file.seek(0)
            file.write(struct.pack("q", seconds))
            file.flush()

        step(7200)
        with Daemon(*OPTIONS, environment={"LD_PRELOAD": str(BUILD / "tests/fault/clockstep.so"),
                                           "CLOCKSTEP_FILE": file.name}) as daemon:
            visit(daemon, "DB0ABC", 22, "127.9.0.1")
            step(0)
            expect(visit(daemon, "DB0ABC", 50, "127.9.0.1") == 22, "the choice of before")
            expect(visit(daemon, "DB0ABC", ip="127.9.0.1") == 50, "the last choice")
            expect(visit(daemon, "DB0ABC", ip="127.9.0.2") == 50, "from elsewhere")
            daemon.stop()
            shutil.rmtree(daemon.shm_dir / "voice")
            daemon.start()
            expect(visit(daemon, "DB0ABC", ip="127.9.0.1") == 50, "after a boot")


def test_import():
    with Daemon(*OPTIONS) as daemon:
        expect(ask_json(daemon, "import", "dgid", "DB0ABC", "22", "DB0ABD", "50") == {"saved": 2},
               "the answer")
        expect(visit(daemon, "DB0ABD", ip="127.9.0.1") == 50, "what was taken in")
        expect(visit(daemon, "DB0ABC", 50, "127.9.0.1") == 22, "what was taken in")
        expect(visit(daemon, "DB0ABC", ip="127.9.0.2") == 50, "a choice counts more")
        daemon.stop()
        shutil.rmtree(daemon.shm_dir / "voice")
        daemon.start()
        expect(visit(daemon, "DB0ABD") == 50, "after a boot")
        for wrong in (("import",), ("import", "dgid"), ("import", "dgid", "X"),
                      ("import", "dgid", "X", "0"), ("import", "dgid", "X", "100"),
                      ("import", "dgid", "ABCDEFGHIJK", "1"), ("import", "dgid", "", "1"),
                      ("import", "other", "X", "1"), ("import", "dgid", "X", "1", "Y")):
            code, _, why = daemon.ask(*wrong)
            expect(code == 2 and why, f"{wrong}: {code} {why!r}")


if __name__ == "__main__":
    main(globals())
