#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_breaker - workers that keep dying, and what becomes of their sockets
# PURPOSE   Which deaths count, when a slot is parked, who reads its sockets meanwhile, how it comes
#           back, and that no datagram is lost over all that.
# CONTRACT  sends signals to workers of its own daemons only
# RUNS      beside others, about 50 s
# LIMITS    none known

import os
import signal
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import ysf  # noqa: E402
from lib.builds import faulty  # noqa: E402
from lib.holder import slots_of, state_words  # noqa: E402
from lib.shackd import SLOW, Daemon, eventually, main, process_state  # noqa: E402
from lib.sim import Simulator  # noqa: E402

FAULTS_AT = 2648  # of struct page (shm/page.h)
OPTIONS = ("server.log_level=warning", "dgid.list=1-99", "dgid.local=0", "ysf.max_age=0", "ysf.client_timeout=1h",
           "limits.clients_per_ip=2000")
TALK = ("--gateways", 100, "--rooms", "1-10:10", "--talkers", 10, "--frames", 30, "--calls", 0,
        "--pause", 100, "--poll", 1)


def faults_of(daemon, slot):
    return struct.unpack_from("=Q", state_words(daemon)[slot], FAULTS_AT)[0]


def wait_for(daemon, slot, deadline=10, **wanted):
    """Looks until `workers` says all that of SLOT; returns what it says."""
    return eventually(lambda: (now := daemon.workers()[slot]) and
                      all(now[key] == value for key, value in wanted.items()) and now,
                      deadline, f"{slot} with {wanted}")


def hit(daemon, slot, number, deadline=10):
    """Sends a signal to a slot's holder and waits for its successor to serve."""
    before = wait_for(daemon, slot, state="ready")
    os.kill(before["pid"], number)
    return eventually(lambda: (now := daemon.workers()[slot])["generation"] > before["generation"] and
                      now["state"] == "ready" and now, deadline, f"another holder of {slot}")


def park(daemon, slot, most=50):
    """Crashes a slot's holders until it has to wait; returns what `workers` then says."""
    for _ in range(most):
        before = wait_for(daemon, slot, state="ready")
        os.kill(before["pid"], signal.SIGSEGV)
        now = eventually(lambda: (now := daemon.workers()[slot])["pid"] != before["pid"] and now, 5,
                         f"a death in {slot}")
        if now["state"] == "waiting":
            return now
    raise AssertionError(f"{slot} was crashed {most} times and still is not parked")


def assert_all_arrived(report):
    """Everything that was sent came to everybody once."""
    wrong = {key: report[key] for key in ("lost", "duplicates", "headers_missing", "wrong_room",
                                          "terminators_missing", "echoes", "alien") if report[key]}
    assert not wrong and report["expected"] > 0, f"{wrong} of {report['expected']}"


# ---- which deaths count ----

def test_deaths_that_count_are_in_the_page():
    """What crashes twice over one datagram is poison; who is killed from outside accuses nothing."""
    with Daemon("workers.ysf=1", "server.respawn_tokens=6000/m", "server.log_level=warning") as daemon:
        expected = 0
        for number, counts in ((signal.SIGKILL, 0), (signal.SIGSEGV, 1), (signal.SIGTERM, 0),
                               (signal.SIGABRT, 1), (signal.SIGSTOP, 1), (signal.SIGKILL, 0)):
            hit(daemon, "ysf.0", number)
            expected += counts
            seen = faults_of(daemon, "ysf.0")
            assert seen == expected, f"{seen} after signal {number}, not {expected}"


def kill_at(daemon, slot, count, rate):
    """COUNT times SIGKILL to the holders of SLOT, each another process. Returns when it was parked, or
    after COUNT."""
    last, began = None, time.monotonic()
    for number in range(count):
        due = began + number / rate
        time.sleep(max(0, due - time.monotonic()))  # a rate is a matter of time
        pid = eventually(lambda: (pid := slots_of(daemon).get(slot)) != last and pid or
                         daemon.workers()[slot]["state"] == "waiting", 10, f"a holder of {slot}")
        if pid is True:
            return number
        os.kill(pid, signal.SIGKILL)
        last = pid
    return count


def test_kills_of_others_open_it_only_above_ten_a_second():
    with Daemon("workers.ysf=2", "server.respawn_tokens=2/m", *OPTIONS) as daemon:
        assert kill_at(daemon, "ysf.1", 40, 8) == 40, "parked by eight kills a second"
        now = wait_for(daemon, "ysf.1", state="ready")
        assert now["breaker"] == "closed" and now["adopted_by"] is None, now
        time.sleep(1.1)  # kills are counted by the second
        done = kill_at(daemon, "ysf.1", 200, 100)
        assert 10 <= done < 200, f"{done} kills in a row"
        now = wait_for(daemon, "ysf.1", state="waiting")
        assert now["breaker"] == "open" and now["adopted_by"] == "ysf.0", now


def test_the_last_slot_is_never_parked():
    with Daemon("workers.ysf=1", "server.respawn_tokens=2/m", *OPTIONS) as daemon:
        for _ in range(5):
            began = time.monotonic()
            now = hit(daemon, "ysf.0", signal.SIGSEGV, 3)
            assert time.monotonic() - began < 1.5 * SLOW and now["adopted_by"] is None, now


def test_two_slots_that_crash_both_come_back():
    with Daemon("workers.ysf=2", "server.respawn_tokens=2/m", *OPTIONS) as daemon:
        park(daemon, "ysf.1")
        began = time.monotonic()
        park(daemon, "ysf.0")
        for slot in ("ysf.0", "ysf.1"):
            wait_for(daemon, slot, 3, state="ready", adopted_by=None)
        assert time.monotonic() - began < 3 * SLOW, "half a minute is what a token takes"


# ---- adoption ----

def test_a_neighbour_reads_for_a_parked_slot():
    """All flows are served while the slot is empty, and while it comes back."""
    with Daemon("workers.ysf=2", "server.respawn_tokens=20/m", *OPTIONS, listen="127.0.0.1:0") as daemon:
        now = park(daemon, "ysf.1")
        assert now["breaker"] == "open" and now["adopted_by"] == "ysf.0", now
        assert "read by ysf.0" in daemon.status()["reasons"][0], daemon.status()
        generation = now["generation"]
        with Simulator(daemon, *TALK) as sim:
            sim.wait("talking")
            probe = wait_for(daemon, "ysf.1", state="ready")
            assert probe["generation"] == generation + 1, probe
            assert probe["breaker"] == "half-open" and probe["adopted_by"] is None, probe
            frames = ysf.counters_of(daemon, "ysf.1")["frames_total"]
            eventually(lambda: ysf.counters_of(daemon, "ysf.1")["frames_total"] > frames + 100, 10,
                       "frames of its own")
            sim.finish()
            report = sim.report()
        assert_all_arrived(report)
        assert daemon.workers()["ysf.0"]["restarts"] == 0, daemon.log()[-1000:]
        wait_for(daemon, "ysf.1", 15, breaker="closed", pid=probe["pid"])
        assert daemon.status()["state"] == "ready"


def test_crashes_under_voice_lose_nothing():
    """From the first crash over parking and probe to the end: everybody hears everything, once."""
    with Daemon("workers.ysf=2", "server.respawn_tokens=20/m", *OPTIONS, listen="127.0.0.1:0") as daemon:
        with Simulator(daemon, *TALK) as sim:
            sim.wait("talking")
            park(daemon, "ysf.1")
            probe = wait_for(daemon, "ysf.1", breaker="half-open", state="ready")
            frames = ysf.counters_of(daemon, "ysf.1")["frames_total"]
            eventually(lambda: ysf.counters_of(daemon, "ysf.1")["frames_total"] > frames + 100, 10,
                       "frames of its own")
            sim.finish()
            report = sim.report()
        print(f"# {probe['deaths']} crashes, {report['expected']} datagrams expected, {report['lost']} "
              f"lost, {report['duplicates']} doubled, latency at most {report['latency_us']['max']} us")
        assert_all_arrived(report)


def test_an_unlink_of_before_the_parking_is_stale_after_it():
    """It lay in the ring all the while, and its gateway went on polling, at the neighbour."""
    with faulty("by-callsign") as build, \
            Daemon("workers.ysf=2", "server.respawn_tokens=20/m", *OPTIONS, program=build) as daemon, \
            ysf.Lab(daemon) as lab:
        slot, killer, leaver = None, None, lab.gateway("KILLER")
        while slot is None or ysf.events(daemon, "client.link")[-1]["slot"] != slot:
            killer, leaver = leaver, lab.gateway("LEAVER")
            slot = ysf.events(daemon, "client.link")[-2]["slot"]
        linked = lab.client(leaver)["id"]
        pid = daemon.worker_pids()[slot]
        os.kill(pid, signal.SIGSTOP)  # one batch
        eventually(lambda: process_state(pid) in "TZ", 2, "the stop")
        for number in range(11):
            killer.send(ysf.header("KILLER", "CRASHME", counter=number))
        leaver.unlink()
        os.kill(pid, signal.SIGCONT)
        wait_for(daemon, slot, state="waiting")

        def over():
            leaver.poll()
            return ysf.counters(daemon)["dropped_total{cause=poison}"] == 11 and \
                daemon.workers()[slot]["state"] == "ready"

        eventually(over, 20, "the last of the poison")
        leaver.drain()
        assert lab.client(leaver)["id"] == linked, "its link was lost"


def test_a_probe_that_crashes_is_parked_again():
    with Daemon("workers.ysf=2", "server.respawn_tokens=30/m", *OPTIONS) as daemon:
        first = park(daemon, "ysf.1")
        with Simulator(daemon, *TALK) as sim:
            sim.wait("talking")
            for _ in range(2):
                probe = wait_for(daemon, "ysf.1", breaker="half-open", state="ready")
                os.kill(probe["pid"], signal.SIGSTOP)  # so that it dies with nothing in its hands
                eventually(lambda: process_state(probe["pid"]) in "TZ", 2, "the stop")
                now = wait_for(daemon, "ysf.1", breaker="open", state="waiting")
                assert now["adopted_by"] == "ysf.0", now
            sim.finish()
            report = sim.report()
        assert now["generation"] == first["generation"] + 2, now
        assert_all_arrived(report)


def test_an_adopter_that_dies_is_replaced():
    with Daemon("workers.ysf=3", "server.respawn_tokens=4/m", *OPTIONS, listen="127.0.0.1:0") as daemon:
        now = park(daemon, "ysf.2")
        seen = set()
        with Simulator(daemon, *TALK) as sim:
            sim.wait("talking")
            for _ in range(6):
                adopter = now["adopted_by"]
                seen.add(adopter)
                hit(daemon, adopter, signal.SIGKILL)
                now = eventually(lambda: (now := daemon.workers()["ysf.2"])["adopted_by"] and now, 2,
                                 "another adopter")
                assert now["state"] == "waiting", now
            sim.finish()
            report = sim.report()
        assert daemon.workers()["ysf.2"]["state"] == "waiting", "the test took too long"
        assert seen == {"ysf.0", "ysf.1"}, seen
        assert_all_arrived(report)


def test_an_adopter_that_hangs_does_not_keep_the_sockets():
    """The probe is READY, its sockets are asked for, and the neighbour stands still: one reader only."""
    with Daemon("workers.ysf=2", "server.respawn_tokens=20/m", *OPTIONS) as daemon:
        park(daemon, "ysf.1")
        stopped = daemon.workers()["ysf.0"]["pid"]
        os.kill(stopped, signal.SIGSTOP)
        eventually(lambda: process_state(stopped) in "TZ", 2, "the stop")
        for slot in ("ysf.0", "ysf.1"):
            wait_for(daemon, slot, state="ready", adopted_by=None)
        assert daemon.workers()["ysf.0"]["last_hang"] == "stopped"
        with Simulator(daemon, "--gateways", 40, "--rooms", "1-4:10", "--talkers", 4) as sim:
            assert_all_arrived(sim.report())


def test_a_probe_waits_until_its_sockets_are_given_back():
    """Between READY and GO of the probe lies the neighbour's word: never two readers."""
    with Daemon("workers.ysf=2", "server.respawn_tokens=20/m", *OPTIONS, "server.watchdog=5s") as daemon:
        park(daemon, "ysf.1")
        neighbour = daemon.workers()["ysf.0"]["pid"]
        page = state_words(daemon)["ysf.1"]
        os.kill(neighbour, signal.SIGSTOP)  # can't answer
        eventually(lambda: struct.unpack_from("=i", page, 68)[0] != 0 and page[64] == 2, 10, "READY")
        assert daemon.workers()["ysf.1"]["adopted_by"] == "ysf.0"
        for _ in range(20):
            assert page[64] == 2, f"it serves beside its neighbour: state {page[64]}"
            time.sleep(0.02)  # nothing may happen, for a while
        os.kill(neighbour, signal.SIGCONT)
        wait_for(daemon, "ysf.1", state="ready", adopted_by=None)
        assert daemon.workers()["ysf.0"]["restarts"] == 0


def udp_sockets(pid):
    """Inodes of the UDP sockets that a process has open."""
    known = {line.split()[9] for table in ("udp", "udp6")
             for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]}
    found = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(path)
        except OSError:
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found & known


def test_a_failed_upgrade_leaves_no_second_reader():
    """The image that comes back knows nothing of adoptions: so there must be none at the exec."""
    with faulty("crash-after-exec") as bad, \
            Daemon("workers.ysf=2", "server.respawn_tokens=2/m", *OPTIONS) as daemon:
        park(daemon, "ysf.1")
        adopter = daemon.workers()["ysf.0"]["pid"]
        before = len(udp_sockets(adopter))
        assert daemon.ctl("upgrade", bad, check=False)[0] == 1
        now = wait_for(daemon, "ysf.1", state="ready", adopted_by=None)
        assert daemon.workers()["ysf.0"]["pid"] == adopter, "the adopter was to live on"
        assert len(udp_sockets(adopter)) == before - len(daemon.listeners)
        assert not udp_sockets(adopter) & udp_sockets(now["pid"])


if __name__ == "__main__":
    main(globals())
