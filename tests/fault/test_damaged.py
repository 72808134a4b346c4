#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_damaged - stores that are damaged, foreign, or on a disk that fails
# PURPOSE   Whatever lies where the durable store should be, the service serves and says so; what was
#           there is kept. A store that is damaged while it is used is made anew, without an abort.
# OWNER     tests
# CONTRACT  every test has a daemon of its own
# RUNS      beside others
# LIMITS    other owners, read-only disks: SKIP without root

import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / folder) for folder in ("", "lib")]
from lib.durable import Durable
from lib.shackd import IS_ROOT, Skip, eventually, main
from lib.tmpfs import Tmpfs, namespace, need_namespace
from ysf import Lab, expect

PAGE = 4096
REASON = "the durable store could not be used and was set aside; it began empty"


def reasons(daemon):
    return daemon.status()["reasons"]


def serves(daemon):
    """Voice, a session, a block that reaches the disk."""
    with Lab(daemon) as lab:
        lab.relays(*lab.pair())
    with daemon.user("DL5XX") as user:
        expect(user.ask("sh/time"), "no answer")
    before = daemon.keeper("keeper_applied_total")
    daemon.ask("block", "DL2NEW")
    eventually(lambda: daemon.keeper("keeper_applied_total") > before, 10, "the block on the disk")


def foreign():
    """Another application's store: an LMDB file that is whole, with one table of its own."""
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "make.c"
        source.write_text('#include <lmdb.h>\nint main(int c, char **v) { MDB_env *e; MDB_txn *t; MDB_dbi d;'
                          'MDB_val k = {5, "other"}; (void)c; mdb_env_create(&e); mdb_env_open(e, v[1], 0, 0600);'
                          'mdb_txn_begin(e, 0, 0, &t); mdb_dbi_open(t, 0, 0, &d); mdb_put(t, d, &k, &k, 0);'
                          'return mdb_txn_commit(t); }')
        subprocess.run(["gcc", "-o", f"{folder}/make", source, "-llmdb"], check=True)
        subprocess.run([f"{folder}/make", folder], check=True)
        return (Path(folder) / "data.mdb").read_bytes()


def with_flags(good, flags):
    """Both heads say that the table of free pages is of another kind: LMDB asserts at the first commit."""
    changed = bytearray(good)
    for head in (16, PAGE + 16):
        changed[head + 28] = flags
    return bytes(changed)


def test_whatever_lies_there_is_set_aside_and_said():
    with Durable() as daemon:
        state, data = daemon.state_dir / "state", daemon.state_dir / "state/data.mdb"
        daemon.ask("block", "DL1BAD")
        eventually(lambda: daemon.keeper("keeper_applied_total") >= 1, 10, "the block on the disk")
        expect(daemon.stop() == 0, "stops")
        good = data.read_bytes()

        # the table of all that is one, as it is and as it was before
        found = [match.start() for match in re.finditer(b"identity", good)]

        def damage(place, change):
            changed = bytearray(good)
            for at in found:
                changed[place(at)] = change(changed[place(at)])
            return bytes(changed)

        cases = {
            "the file is empty": b"",
            "the file ends before page": good[:5000],
            "it is no store, or its head is damaged": b"?" * len(good),
            "is not what it should be": damage(lambda at: at // PAGE * PAGE + 10, lambda byte: byte | 0x40),
            "a record is of a kind that no store of ours has": foreign(),
            "it is of a kind that no store of ours is": with_flags(good, 0x0c),
            "has schema 99, this build serves 1 to 3": damage(lambda at: at + 8, lambda byte: 99),
        }
        for number, (why, bytes_) in enumerate(cases.items()):
            data.write_bytes(bytes_)
            daemon.start()
            name = "state.old" + (str(number) if number else "")
            log = daemon.log()
            expect(f"durable store set aside as {state.parent}/{name}: " in log and why in log, f"{why}: {log}")
            expect((state.parent / name / "data.mdb").read_bytes() == bytes_, f"{why}: it is not kept")
            expect(REASON in reasons(daemon) and daemon.status()["state"] == "degraded", f"{daemon.status()}")
            expect(daemon.blocked() >= {"DL1BAD"}, "the volatile store still knows it")
            if number == 0:
                serves(daemon)
                daemon.kill_worker("keeper")  # the reason outlives it
                eventually(lambda: reasons(daemon) == [REASON], 10, "the reason alone")
            expect(daemon.stop() == 0, "stops")
        daemon.start()
        expect(reasons(daemon) == [] and daemon.blocked() >= {"DL1BAD"}, f"{reasons(daemon)}")
        events = [json.loads(line) for line in daemon.ask("events", "1000")[1].splitlines()]
        expect(any(event.get("note") == "state: set aside, begun anew" for event in events), "no event")


def test_flipped_bits_are_no_reason_to_die():
    """At random: it starts, and nobody aborts."""
    dice = random.Random(int(os.environ.get("SEED", "1")))
    with Durable() as daemon:
        for number in range(150):
            daemon.ask("block", f"DL{number:04}")
        daemon.name("DL1AA", "Anna")
        daemon.is_durable("users", 1)
        expect(daemon.stop() == 0, "stops")
        data = daemon.state_dir / "state/data.mdb"
        good = data.read_bytes()
        for _ in range(int(os.environ.get("ROUNDS", "4"))):
            changed = bytearray(good)
            for _ in range(dice.choice((1, 2, 10, 100))):
                page = dice.randrange(len(good) // PAGE) * PAGE
                changed[page + dice.choice((dice.randrange(PAGE), dice.randrange(64)))] ^= 1 << dice.randrange(8)
            data.write_bytes(changed)
            if IS_ROOT:
                shutil.chown(data, "nobody", "nogroup")
            shutil.rmtree(daemon.shm_dir / "voice")
            daemon.start()
            serves(daemon)
            deaths = {slot: worker["deaths"] for slot, worker in daemon.workers().items() if worker["deaths"]}
            expect(not deaths, f"{deaths} {daemon.log()}")
            expect(daemon.stop() == 0, "stops")
            for old in daemon.state_dir.glob("state.old*"):
                shutil.rmtree(old)


def test_a_store_of_another_owner():
    if not IS_ROOT:
        raise Skip("needs root to be another owner")
    with Durable() as daemon:
        daemon.ask("block", "DL1BAD")
        expect(daemon.stop() == 0, "stops")
        state = daemon.state_dir / "state"
        for path in (state, *state.iterdir()):
            os.chown(path, 0, 0)
        state.chmod(0o700)
        daemon.start()
        expect("durable store set aside as" in daemon.log() and REASON in reasons(daemon), daemon.log())
        serves(daemon)


def test_a_disk_that_becomes_read_only():
    need_namespace()
    with Tmpfs("40m") as disk:
        shutil.chown(disk.path, "nobody", "nogroup")
        with Durable(f"server.state_dir={disk.path}/state") as daemon:
            daemon.state_dir = disk.path / "state"
            daemon.ask("block", "DL1BAD")
            daemon.name("DL1AA", "Anna")
            daemon.is_durable("users", 1)
            eventually(lambda: daemon.keeper("keeper_applied_total") >= 1, 10, "the block on the disk")
            # the descriptors of before would go on writing
            expect(daemon.stop() == 0, "stops")
            subprocess.run(["mount", "-o", "remount,ro", str(disk.path)], check=True)
            daemon.start()
            expect("server.state_dir can't be used: nothing is durable" in reasons(daemon), f"{reasons(daemon)}")
            expect("what should be durable is kept in memory: can't open" in daemon.log(), daemon.log())
            expect(daemon.blocked() == {"DL1BAD"} and daemon.about("DL1AA") == "Anna", "what the disk has")
            serves(daemon)
            daemon.kill_worker("keeper")
            eventually(lambda: daemon.workers()["keeper"]["state"] == "ready", 10, "a keeper")
            expect(daemon.blocked() == {"DL1BAD", "DL2NEW"}, f"{daemon.blocked()}")
            subprocess.run(["mount", "-o", "remount,rw", str(disk.path)], check=True)
            daemon.kill_worker("keeper")
            eventually(lambda: "server.state_dir works again" in daemon.log(), 10, "the way back")
            eventually(lambda: daemon.status()["state"] == "ready", 10, "no reasons")
            daemon.forget_memory()
            expect(daemon.blocked() == {"DL1BAD", "DL2NEW"}, f"{daemon.blocked()}")
            expect(daemon.about("DL1AA") == "Anna", "the user")


def answered(daemon):
    """Until a gateway that polls is served again."""
    with Lab(daemon) as lab:
        probe = lab.stranger("PROBE")
        eventually(lambda: probe.poll() or probe.receive(0.5), 15, "an answer to polls")
    with daemon.user("DL6XX") as user:
        expect(user.ask("sh/time"), "no session")


def spoil(path, keep):
    """Damages all pages but the heads of a file in use: whoever reads it next meets it."""
    with open(path, "r+b", buffering=0) as file:
        size = file.seek(0, 2)
        for page in range(keep, size // PAGE):
            file.seek(page * PAGE)
            file.write(b"\xff" * 64)


def test_a_volatile_store_that_is_damaged_while_it_is_used():
    with Durable("server.respawn_tokens=20/m") as daemon:
        daemon.ask("block", "DL1BAD")
        daemon.choose("DB0ABC", 22)
        eventually(lambda: daemon.keeper("keeper_applied_total") >= 2, 10, "all of it on the disk")
        for name in ("voice", "spots"):
            master = daemon.status()["pid"]
            spoil(daemon.shm_dir / name / "data.mdb", 2)
            eventually(lambda: (daemon.shm_dir / f"{name}.old").exists(), 15, f"{name} set aside")
            eventually(lambda: daemon.status()["state"] == "ready", 20, "all workers again")
            expect(daemon.status()["pid"] == master, "the master went")
            (daemon.shm_dir / f"{name}.old").rename(daemon.shm_dir / f"{name}.seen")
            answered(daemon)
            serves(daemon)
            expect("DL1BAD" in daemon.blocked() and daemon.saved()["DB0ABC"] == 22, "from the disk")
        deaths = {slot: worker["last_death"] for slot, worker in daemon.workers().items()}
        expect(not any("ABRT" in why for why in deaths.values()), f"{deaths}")
        expect(max(worker["deaths"] for worker in daemon.workers().values()) <= 10, f"{daemon.workers()}")


def test_a_durable_store_that_is_damaged_while_it_is_used():
    with Durable() as daemon:
        daemon.ask("block", "DL1BAD")
        daemon.choose("DB0ABC", 22)
        eventually(lambda: daemon.keeper("keeper_applied_total") >= 2, 10, "all of it on the disk")
        spoil(daemon.state_dir / "state/data.mdb", 2)
        daemon.ask("block", "DL3NEW")
        eventually(lambda: (daemon.state_dir / "state.old").exists(), 15, "it is set aside")
        eventually(lambda: daemon.workers()["keeper"]["state"] == "ready", 20, "a keeper")
        serves(daemon)
        daemon.forget_memory()  # the new one has learned from the volatile one
        expect(daemon.blocked() >= {"DL1BAD", "DL3NEW"} and daemon.saved()["DB0ABC"] == 22, f"{daemon.blocked()}")


if __name__ == "__main__":
    namespace()
    main(globals())
