#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_backup - backup, restore and compact of the durable state
# PURPOSE   While the daemon serves: what was copied comes back as it was, a backup that is not whole
#           changes nothing, and nothing is lost on the way.
# OWNER     tests
# CONTRACT  every test has a daemon of its own
# RUNS      beside others
# LIMITS    full disks: SKIP without root

import fcntl
import itertools
import json
import os
import shutil
import subprocess
import sys
from hashlib import blake2b
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / folder) for folder in ("", "lib")]
from lib.builds import SCHEMA1
from lib.durable import Durable
from lib.shackd import IS_ROOT, SHACKCTL, SLOW, eventually, main
from lib.tmpfs import Tmpfs, namespace, need_namespace
from ysf import Lab, expect


numbers = itertools.count()


def fill(daemon):
    """One thing of each kind."""
    daemon.ask("block", "DL1BAD", "3600")
    daemon.choose("DB0ABC", 22)
    daemon.name("DL1AA", "Anna")
    daemon.spot("DL1AA", 14025.0, "K1TTT")
    daemon.is_durable("users", 1)
    daemon.is_durable("human_spots", 1)


def change(daemon):
    """All of it becomes something else."""
    daemon.ask("unblock", "DL1BAD")
    daemon.ask("block", "DL1NEW")
    daemon.choose("DB0ABC", 50)
    daemon.choose("DB0XYZ", 50)
    daemon.name("DL1AA", "Berta")
    daemon.spot("DL1AA", 14026.0 + next(numbers), "K1ZZZ")
    daemon.is_durable("human_spots", 2)


def expect_filled(daemon):
    expect(daemon.blocked() == {"DL1BAD"}, f"{daemon.blocked()}")
    expect(daemon.saved() == {"DB0ABC": 22}, f"{daemon.saved()}")
    expect(daemon.about("DL1AA") == "Anna", daemon.about("DL1AA"))


def expect_changed(daemon):
    expect(daemon.blocked() == {"DL1NEW"}, f"{daemon.blocked()}")
    expect(daemon.saved() == {"DB0ABC": 50, "DB0XYZ": 50}, f"{daemon.saved()}")
    expect(daemon.about("DL1AA") == "Berta", daemon.about("DL1AA"))


def sign(folder):
    """Makes the manifest fit a store that was changed: the daemon itself has to find out."""
    manifest = json.loads((folder / "manifest").read_text())
    manifest["state"]["blake2b"] = blake2b((folder / "state.mdb").read_bytes(), digest_size=32).hexdigest()
    (folder / "manifest").write_text(json.dumps(manifest))


def test_a_backup_comes_back_while_all_serve():
    with Durable() as daemon, Lab(daemon) as lab:
        fill(daemon)
        text = daemon.shackctl("backup", daemon.base / "copy")
        expect("1 blocks, 2 saved DG-IDs" in text and "1 human spots" in text, text)
        change(daemon)
        expect_changed(daemon)
        talker, listener = lab.pair()
        user, pids = daemon.user("DL5XX"), daemon.worker_pids()
        text = daemon.shackctl("restore", daemon.base / "copy")
        expect("in force is the backup of 20" in text and "1 blocks, 2 saved" in text, text)
        expect_filled(daemon)
        expect(daemon.worker_pids() == pids, "somebody was replaced for it")
        expect(user.ask("sh/time"), "a session has ended")
        lab.relays(talker, listener)
        expect((daemon.state_dir / "state.old/data.mdb").exists(), "what was there is not kept")
        expect(any("state: restored" in event.get("note", "") for event in told(daemon)), "no event")
        eventually(lambda: "a backup of the durable store is in force: 1 blocks" in daemon.log(), 5, "a line")
        # what comes later goes on from there, and all of it is on the disk
        daemon.ask("block", "DL1LAT")
        daemon.forget_memory()
        expect(daemon.blocked() == {"DL1BAD", "DL1LAT"}, f"{daemon.blocked()}")
        expect(daemon.about("DL1AA") == "Anna", "the user after a boot")


def told(daemon):
    """The events of the voice store."""
    return [json.loads(line) for line in daemon.ask("events", "1000")[1].splitlines()]


def test_what_is_not_whole_changes_nothing():
    with Durable() as daemon:
        fill(daemon)
        copy = daemon.base / "copy"
        config = daemon.base / "access.db"
        config.write_text("CS:DL9ZZZ\n")
        daemon.config.write_text(f"[access]\nfile = {config}\n")
        daemon.shackctl("backup", copy)
        manifest = json.loads((copy / "manifest").read_text())
        expect({file["name"] for file in manifest["files"]} == {"shackd.ini", "access.db"}, f"{manifest}")
        expect((copy / "config/access.db").read_text() == config.read_text(), "the list")
        expect((copy / "state.mdb").stat().st_mode & 0o777 == 0o600, "others can read it")
        change(daemon)
        pid, good = daemon.worker_pids()["keeper"], (copy / "state.mdb").read_bytes()

        def refused(data, why, signed=True):
            (copy / "state.mdb").write_bytes(data)
            if signed:
                sign(copy)
            said = daemon.shackctl("restore", copy, code=1)
            expect(why in said, f"{said!r}, not {why!r}")

        refused(good[:-1] + b"x", "this is no whole backup", signed=False)
        refused(b"", "the file is empty")
        refused(good[:4096], "the file is too short")
        refused(good[:-4096], "the file ends before page")
        refused(b"x" * len(good), "it is no store")
        refused((daemon.shm_dir / "voice/data.mdb").read_bytes(), "it is no durable store of shackd")
        at = good.index(b"DL1BAD")
        refused(good[:at] + b"\xffL1BAD" + good[at + 6:], "damaged records, the first in table blocks")
        flipped = bytearray(good)
        flipped[3 * 4096 + 10] ^= 0x40  # the flags of a page
        refused(bytes(flipped), "is not what it should be")
        head = 4096 + 16  # of the second of the two heads: the newest commit
        refused(good[:head + 28] + b"\x0c" + good[head + 29:], "it is of a kind that no store of ours is")
        refused(good[:head + 128] + b"\xff" * 8 + good[head + 136:], "the number of its last commit")
        at = good.index(b"identity") + 8
        refused(good[:at] + b"\x63" + good[at + 1:], "it is of edition 99")
        expect_changed(daemon)
        expect(daemon.worker_pids()["keeper"] == pid, "keeper was replaced")
        expect(not any((daemon.state_dir / name).exists() for name in ("state.old", "state.new")), "leftovers")
        (copy / "state.mdb").write_bytes(good)
        sign(copy)
        daemon.shackctl("restore", copy)
        expect_filled(daemon)


def test_what_is_no_file_keeps_nobody_waiting():
    with Durable() as daemon:
        fill(daemon)
        copy, other = daemon.base / "copy", daemon.base / "other"
        daemon.shackctl("backup", copy)
        other.mkdir()
        for make in (os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)):
            make(other / "state.mdb")
            expect("it is no regular file" in daemon.shackctl("restore", other, code=1), "what is it?")
            (other / "state.mdb").rmdir() if make is os.mkdir else (other / "state.mdb").unlink()
        shutil.copy(copy / "state.mdb", other)
        os.mkfifo(other / "manifest")
        expect("this is no whole backup" in daemon.shackctl("restore", other, code=1), "no manifest")
        for name in ("state.mdb.new", "manifest.new"):
            os.mkfifo(other / name)
            daemon.shackctl("backup", other, code=1)
            (other / name).unlink(missing_ok=True)
        held = os.open(copy, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)  # as one that writes there just now
        for verb in ("backup", "restore"):
            expect("another backup or restore uses" in daemon.shackctl(verb, copy, code=1), verb)
        os.close(held)
        daemon.shackctl("restore", copy)


def test_a_backup_that_breaks_off_leaves_the_former_one():
    with Durable() as daemon:
        fill(daemon)
        copy = daemon.base / "copy"
        daemon.shackctl("backup", copy)
        before = {path: path.read_bytes() for path in copy.iterdir() if path.is_file()}
        # a death between the two names: the newer manifest is the one that fits
        shutil.copy(copy / "manifest", copy / "manifest.new")
        (copy / "manifest").write_text("{}")
        daemon.shackctl("restore", copy)
        (copy / "manifest.new").rename(copy / "manifest")
        expect(daemon.stop() == 0, "stops")
        daemon.shackctl("backup", copy, code=3)
        expect({path: path.read_bytes() for path in copy.iterdir() if path.is_file()} == before, "it changed")


def test_of_a_build_with_another_edition():
    with Durable(program=SCHEMA1) as daemon:
        daemon.ask("block", "DL1OLD")
        eventually(lambda: daemon.keeper('keeper_applied_total') > 0, 10, "the block on disk")
        text = daemon.shackctl("backup", daemon.base / "copy")
        expect("1 blocks" in text, text)
        older = daemon.base / "copy"
        expect(json.loads((older / "manifest").read_text())["state"]["edition"] == 1, "edition 1")
        with Durable() as newer:
            newer.choose("DB0ABC", 22)
            newer.shackctl("restore", older)
            expect(newer.blocked() == {"DL1OLD"} and newer.saved() == {}, "what edition 1 knows")
            newer.choose("DB0ABC", 50)  # and what it does not
            newer.forget_memory()
            expect(newer.blocked() == {"DL1OLD"} and newer.saved() == {"DB0ABC": 50}, f"{newer.saved()}")
            newer.shackctl("backup", newer.base / "copy")
            text = daemon.shackctl("restore", newer.base / "copy", code=1)
            expect("it is of edition 3, this build knows 1 to 1" in text, text)


def test_compacting_loses_nothing():
    with Durable() as daemon:
        calls = [f"DL{number:04}" for number in range(300)]
        for call in calls:
            daemon.ask("block", call)
        fill(daemon)
        daemon.spot("DL1AA", 14030.0, "K1AAA")
        for call in calls[50:]:
            daemon.ask("unblock", call)
        eventually(lambda: daemon.keeper("keeper_applied_total") >= 550, 20, "all of it on disk")
        pids, user = daemon.worker_pids(), daemon.user("DL5XX")
        daemon.ask("block", "DL1BEF")
        before = (daemon.state_dir / "state/data.mdb").stat().st_size
        answer = json.loads(daemon.shackctl("--json", "compact"))
        daemon.ask("block", "DL1AFT")
        expect(answer["bytes_before"] == before and answer["bytes"] < before, f"{answer} {before}")
        expect(daemon.worker_pids() == pids and user.ask("sh/time"), "somebody was replaced for it")
        expect(not (daemon.state_dir / "state.old").exists() and
               not (daemon.state_dir / "state.new").exists(), "leftovers")
        daemon.name("DL1AA", "Berta")  # after it
        eventually(lambda: daemon.keeper("users") >= 1, 10, "")
        daemon.forget_memory()
        expect(daemon.blocked() == set(calls[:50]) | {"DL1BAD", "DL1BEF", "DL1AFT"}, f"{daemon.blocked()}")
        expect(daemon.saved() == {"DB0ABC": 22}, f"{daemon.saved()}")
        expect(daemon.about("DL1AA") == "Berta", "the user")


def test_two_at_once():
    with Durable() as daemon:
        fill(daemon)
        daemon.shackctl("backup", daemon.base / "copy")
        socket_path = str(daemon.run_dir / "control.sock")
        words = [["backup", str(daemon.base / "other")], ["restore", str(daemon.base / "copy")],
                 ["compact"], ["compact"], ["restore", str(daemon.base / "copy")]]
        there = [subprocess.Popen([SHACKCTL, "-s", socket_path, *more],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                 for more in words]
        done = [process.communicate(timeout=60 * SLOW) for process in there]
        for process, (_, said) in zip(there, done):
            expect(process.returncode == 0 or "is at work; try again" in said, f"{process.args}: {said}")
        expect(any(process.returncode == 0 for process in there[1:]), f"{done}")
        expect_filled(daemon)


def test_keeper_dies_on_the_way():
    """Either the one or the other is in force, and whole."""
    with Durable() as daemon:
        fill(daemon)
        daemon.shackctl("backup", daemon.base / "copy")
        was_restored = 0
        for _ in range(4):
            change(daemon)
            asked = subprocess.Popen([SHACKCTL, "-s",
                                      str(daemon.run_dir / "control.sock"), "restore",
                                      str(daemon.base / "copy")], stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE)
            old = daemon.state_dir / "state.old"
            before = old.stat().st_ino if old.exists() else 0
            eventually(lambda: old.exists() and old.stat().st_ino != before, 10, "the exchange")
            daemon.kill_worker("keeper")
            asked.communicate(timeout=60)
            eventually(lambda: daemon.status()["state"] == "ready", 10, "a keeper")
            eventually(lambda: daemon.blocked() in ({"DL1BAD"}, {"DL1NEW"}), 10, "one of both")
            was_restored += daemon.blocked() == {"DL1BAD"}
            if daemon.blocked() == {"DL1BAD"}:
                expect(daemon.saved() == {"DB0ABC": 22}, f"{daemon.saved()}")
        expect(was_restored > 0, "no restore came through")


def test_disks_that_are_full():
    need_namespace()
    with Tmpfs("6m") as state, Tmpfs("1m") as other:
        shutil.chown(state.path, "nobody", "nogroup")
        with Durable(f"server.state_dir={state.path}/state") as daemon:
            daemon.state_dir = state.path / "state"
            fill(daemon)
            copy = daemon.base / "copy"
            daemon.shackctl("backup", copy)
            other.fill()
            said = daemon.shackctl("backup", other.path / "copy", code=1)
            expect("No space left" in said or "no space left" in said.lower(), said)
            expect(not list(other.path.glob("copy/state*")), f"{list(other.path.glob('copy/*'))}")
            state.fill()
            for verb in (("restore", copy), ("compact",)):
                said = daemon.shackctl(*verb, code=1)
                expect("No space left" in said, said)
            expect(not (daemon.state_dir / "state.new").exists(), "leftovers")
            state.empty()
            expect_filled(daemon)
            daemon.shackctl("restore", copy)
            daemon.shackctl("compact")
            expect_filled(daemon)


def test_by_hand_when_the_daemon_is_down():
    with Durable() as daemon:
        fill(daemon)
        daemon.shackctl("backup", daemon.base / "copy")
        change(daemon)
        expect(daemon.stop() == 0, "stops")
        state = daemon.state_dir / "state"
        shutil.rmtree(state)
        state.mkdir()
        shutil.copy(daemon.base / "copy/state.mdb", state / "data.mdb")
        if IS_ROOT:
            shutil.chown(state, "nobody", "nogroup")
            shutil.chown(state / "data.mdb", "nobody", "nogroup")
        for name in ("voice", "spots"):
            shutil.rmtree(daemon.shm_dir / name)
        daemon.start()
        expect_filled(daemon)


if __name__ == "__main__":
    namespace()
    main(globals())
