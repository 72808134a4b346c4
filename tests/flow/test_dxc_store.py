#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_dxc_store - what the DX cluster must not forget
# PURPOSE   Users and human spots outlive a boot, a full disk, a damaged record and the death of keeper;
#           shackctl shows feeds and spots.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    a full disk: SKIP without root

import shutil
import sys
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.shackd import SLOW, Daemon, eventually, main
from lib.tmpfs import Tmpfs, namespace, need_namespace
from lib.upstream import Upstream, counters

CLUSTER = ("ysf.enabled=no", "dxc.node_call=N0CALL-1", "dxc.listen=127.0.0.1:0", "workers.dxc=1")
HASH = b"$argon2id$"


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


def keeper(daemon, name):
    return counters(daemon, "keeper").get(name, 0)


def reaches(daemon, name, value, deadline=10):
    eventually(lambda: keeper(daemon, name) == value, deadline * SLOW,
               f"{name} of {value}, it is {keeper(daemon, name)}")


class Cluster:
    """The cluster that feeds ours: people spot there."""

    def __init__(self, up):
        self.session = up.accept()
        self.session.send("login: ")
        self.session.expect("N0CALL-1\r\n")
        self.count = 0

    def spot(self, many):
        time = datetime.now(timezone.utc).strftime("%H%MZ")
        for _ in range(many):
            self.count += 1
            self.session.send(f"DX de W3LPL:     {7000 + self.count / 10:8.1f}  "
                              f"DL{self.count % 10}A{chr(65 + self.count // 10 % 26)}X        "
                              f"nr {self.count:<26d} {time}\r\n")


def test_users_and_human_spots_outlive_a_boot():
    with Upstream() as up, Daemon(*CLUSTER, *up.feed("people", type="cluster")) as daemon:
        cluster = Cluster(up)
        cluster.spot(12)
        reaches(daemon, "human_spots", 12)
        daemon.passwd("DL1ABC", "geheim")
        daemon.passwd("dl2abc-3", "secret")
        reaches(daemon, "users", 2)
        feed, = daemon.ctl("feeds")
        expect((feed["name"], feed["type"], feed["state"], feed["accepted"]) ==
               ("people", "cluster", "up", 12), f"{feed}")
        spots = daemon.ctl("spots", "5")
        expect([spot["comment"] for spot in spots] == [f"nr {n}" for n in range(8, 13)], f"{spots}")
        expect(all(spot["line"].startswith("DX de W3LPL:") and spot["human"] for spot in spots),
               f"{spots}")
        changes = [event["note"] for event in daemon.ctl_lines("events", "100")
                   if event["type"] == "feed.state"]
        expect(changes and changes[-1].startswith("people up"), f"{changes}")
        both = daemon.ctl_lines("events", "100")
        expect({event["id"].split("-")[0] for event in both} == {"voice", "spots"}, f"{both}")
        for log in ("voice", "spots"):
            numbers = [event["number"] for event in both if event["id"].startswith(log)]
            expect(numbers == sorted(set(numbers)), f"{log}: {numbers}")
        expect(daemon.ctl_lines("events", "3") == both[-3:], "the last three of both")
        daemon.stop()
        shutil.rmtree(daemon.shm_dir / "spots")
        daemon.start()
        Cluster(up).spot(1)
        reaches(daemon, "human_spots", 13)
        expect(keeper(daemon, "users") == 2, "users are there after a boot")
        expect(len(daemon.ctl("spots")) == 1, "the log of spots begins anew")
        daemon.stop()
        data = (daemon.state_dir / "state" / "data.mdb").read_bytes()
        for call in (b"DL1ABC", b"DL2ABC-3"):
            at = data.find(call.ljust(16, b"\0") + b"\x01\xff\xff\xff")
            expect(at > 0 and HASH in data[at:at + 600], f"the password of {call} is kept")


def test_the_log_of_spots_outlives_a_restart():
    with Upstream() as up, Daemon(*CLUSTER, *up.feed("people", type="cluster")) as daemon:
        Cluster(up).spot(7)
        reaches(daemon, "human_spots", 7)
        daemon.stop()
        daemon.start()
        expect(len(daemon.ctl("spots")) == 7, "the same boot, the same log")
        reaches(daemon, "spots", 7)
        expect(keeper(daemon, "human_spots") == 7, "and none was copied twice")


def test_a_damaged_record_is_kept_aside():
    with Daemon(*CLUSTER) as daemon:
        daemon.passwd("DL1ABC", "one")
        daemon.passwd("DL2ABC", "two")
        reaches(daemon, "users", 2)
        daemon.stop()
        file = daemon.state_dir / "state" / "data.mdb"
        data = file.read_bytes()
        mark = b"DL1ABC".ljust(16, b"\0")
        expect(mark + b"\x01\xff\xff\xff" in data, "the record is where it was expected")
        file.write_bytes(data.replace(mark + b"\x01\xff\xff\xff", mark + b"\x77\xff\xff\xff"))
        daemon.start()
        daemon.passwd("DL1ABC", "new")
        reaches(daemon, "keeper_users_aside_total", 1)
        expect(keeper(daemon, "users") == 2, "the new record took its place")
        lines = [line for line in daemon.log().splitlines() if "damaged" in line]
        expect(len(lines) == 1 and "DL1ABC" in lines[0] and "aside" in lines[0], f"{lines}")


def test_a_full_disk_delays_only():
    need_namespace()
    with Tmpfs("8m") as disk, Upstream() as up, \
            Daemon(*CLUSTER, f"server.state_dir={disk.path}/state",
                   *up.feed("people", type="cluster")) as daemon:
        cluster = Cluster(up)
        cluster.spot(3)
        reaches(daemon, "human_spots", 3)
        disk.fill()
        cluster.spot(300)
        for number in range(3):
            daemon.passwd(f"DL{number}ABC", "secret")
        eventually(lambda: keeper(daemon, "keeper_not_moved_total") >= 2, 15 * SLOW, "failures")
        expect(len(daemon.ctl("spots", "1000")) == 303, "spots go on")
        expect(keeper(daemon, "users") == 0, "nothing was written by halves")
        disk.empty()
        reaches(daemon, "users", 3)
        reaches(daemon, "human_spots", 303)
        restarts = {slot: worker["restarts"] for slot, worker in daemon.workers().items()}
        expect(not any(restarts.values()), f"died: {restarts}")


def test_deaths_of_keeper_lose_nothing():
    with Upstream() as up, Daemon(*CLUSTER, *up.feed("people", type="cluster")) as daemon:
        cluster = Cluster(up)
        for turn in range(6):
            cluster.spot(40)
            daemon.passwd(f"DL{turn}ABC", "secret")
            generation = daemon.workers()["keeper"]["generation"]
            daemon.kill_worker("keeper")
            eventually(lambda before=generation: daemon.workers()["keeper"]["generation"] > before,
                       10 * SLOW, "a new keeper")
        reaches(daemon, "human_spots", 240, 15)
        reaches(daemon, "users", 6)
        expect(keeper(daemon, "spots") == 240, "every spot once")


if __name__ == "__main__":
    namespace()
    main(globals())
