#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_kill - workers are disposable
# PURPOSE   SIGKILL of random workers under voice, and a worker stopped while it holds the gate of the
#           store: no registration, no stream, no datagram is lost and none comes twice; the
#           simulator, outside the daemon, decides.
# OWNER     tests
# CONTRACT  KILLS=n in the environment for more kills (default 150; the README's row says 2000)
# LIMITS    a receiver may get a frame twice once in 1,000 kills

import os
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.figures import figures, of_report  # noqa: E402
from lib.holder import slots_of, stop_inside_a_transaction  # noqa: E402
from lib.shackd import Daemon, SLOW, eventually, main  # noqa: E402
from lib.sim import Simulator  # noqa: E402

KILLS = int(os.environ.get("KILLS", "150"))
ROOMS = 10
GATEWAYS = 1000 if SLOW == 1 else 200
OPTIONS = ("dgid.list=1-99", "ysf.client_timeout=1h", "dgid.local=0", "ysf.max_age=0", "limits.clients=2000",
           "server.log_level=warning")


def kill_random_workers(daemon, count, sim, rate=15):
    """Kills COUNT times, never the same process twice, about RATE a second over all slots: above 10 a
    second and slot the breaker would rightly slow the respawns down."""
    last, killed = {}, 0
    rng = random.Random(20261121)
    while killed < count and sim.running():
        slots = slots_of(daemon)
        fresh = [slot for slot, pid in slots.items() if last.get(slot) != pid]
        if fresh:
            slot = rng.choice(fresh)
            os.kill(slots[slot], signal.SIGKILL)
            last[slot] = slots[slot]
            killed += 1
        time.sleep(rng.random() * 2 / rate)  # spreads the kills, nothing waits for it
    return killed


def footprint(daemon):
    """Size of the store, descriptors and memory of the master and the keeper."""
    pids = {"master": daemon.pid, "keeper": daemon.worker_pids()["keeper"]}
    size = {"store": (daemon.shm_dir / "voice/data.mdb").stat().st_size}
    for name, pid in pids.items():
        size[f"fds of {name}"] = len(os.listdir(f"/proc/{pid}/fd"))
        status = Path(f"/proc/{pid}/status").read_text()
        size[f"memory of {name}"] = int(status.split("VmRSS:")[1].split()[0])
    return size


def assert_flat(daemon, before):
    """A request that is just being answered has a descriptor of its own: hence looks, not one look."""
    # sanitizers keep what was freed for a while: there, leaks are the business of the leak checker
    slack = {"store": 256 * 1024, "fds": 0, "memory": 1024 if SLOW == 1 else 1 << 30}

    def grown():
        now = footprint(daemon)
        return [f"{name} grew from {value} to {now[name]}" for name, value in before.items()
                if now[name] > value + slack[name.split()[0]]]

    try:
        eventually(lambda: not grown(), 5)
    except AssertionError as error:
        raise AssertionError("; ".join(grown())) from error


def ids(daemon):
    return {client["gateway"]: client["id"] for client in daemon.ctl("clients")}


def test_kills_lose_no_registration_and_no_stream():
    # so few events that the log is at its bound from the start: what grows then is a leak
    with Daemon("workers.ysf=2", "server.respawn_tokens=6000/m", "limits.events=1000", *OPTIONS,
                listen="127.0.0.1:0") as daemon:
        with Simulator(daemon, "--gateways", GATEWAYS, "--rooms", f"1-{ROOMS}:{GATEWAYS // ROOMS}",
                       "--talkers", ROOMS, "--frames", 50, "--calls", 0, "--poll", 0,
                       "--no-unlink") as sim:
            sim.wait("talking")
            before = ids(daemon)
            killed = kill_random_workers(daemon, max(KILLS // 10, 20), sim)
            first = footprint(daemon)
            killed += kill_random_workers(daemon, KILLS - killed, sim)
            eventually(lambda: all(w["state"] == "ready" for w in daemon.workers().values()),
                       10, "all workers ready")
            after = ids(daemon)
            assert_flat(daemon, first)
            sim.finish()
            report = sim.report()
        print(f"# {killed} kills, {report['frames']} frames, {report['expected']} datagrams expected, "
              f"{report['lost']} lost, {report['duplicates']} doubled, "
              f"latency p99.9 {report['latency_us']['p999']} us")
        figures("kill", kills=killed, registrations_lost=len(before.items() - after.items()),
                **of_report(report))
        assert killed >= KILLS, f"only {killed} kills"
        assert len(before) == GATEWAYS and before == after, "registrations were lost or made anew"
        assert report["wrong_room"] == 0 and report["echoes"] == 0 and report["alien"] == 0
        assert report["headers_missing"] == 0 and report["terminators_missing"] == 0
        assert report["frames_unheard"] == 0, f"{report['frames_unheard']} frames unheard"
        assert report["lost"] == 0, f"{report['lost']} lost"
        assert report["duplicates"] <= killed // 1000, f"{report['duplicates']} doubled"
        ended = [event for event in daemon.ctl_lines("events", "100000")
                 if event["type"] == "stream.end"]
        wrong = [e for e in ended if e["reason"] not in ("terminator", "watchdog")]
        assert not wrong, f"streams ended for {wrong[0]['reason']}"


def test_kills_do_not_make_polls_forgotten():
    """Workers live shorter than the second after which they write the times of polls."""
    with Daemon("workers.ysf=2", "server.respawn_tokens=6000/m", *OPTIONS, "ysf.client_timeout=5s",
                listen="127.0.0.1:0") as daemon:
        with Simulator(daemon, "--gateways", GATEWAYS, "--rooms", f"1-{ROOMS}:{GATEWAYS // ROOMS}",
                       "--talkers", ROOMS, "--frames", 50, "--calls", 0, "--poll", 2,
                       "--no-unlink") as sim:
            sim.wait("talking")
            before = ids(daemon)
            killed = kill_random_workers(daemon, KILLS, sim)
            after = ids(daemon)
            sim.finish()
            report = sim.report()
        print(f"# {killed} kills, {report['lost']} lost, {report['duplicates']} doubled")
        figures("kill-polls", kills=killed, client_timeout_s=5, **of_report(report))
        assert killed >= KILLS, f"only {killed} kills"
        assert len(before) == GATEWAYS and before == after, \
            f"{len(before.items() - after.items())} registrations were lost or made anew"
        assert report["lost"] == 0, f"{report['lost']} lost"
        assert report["duplicates"] <= killed // 1000, f"{report['duplicates']} doubled"


def test_a_holder_that_stops_is_replaced_and_others_go_on():
    with Daemon("workers.ysf=2", "limits.clients_per_ip=2000", *OPTIONS,
                listen="127.0.0.1:0") as daemon:
        with Simulator(daemon, "--gateways", 100, "--rooms", f"1-{ROOMS}:10", "--talkers", ROOMS,
                       "--frames", 0, "--calls", 1, "--poll", 0) as sim:
            sim.wait("talking")
            eventually(lambda: len(daemon.ctl("streams")) == ROOMS, 10, "all calls open")
            # something that writes all the time: gateways that link and unlink
            with Simulator(daemon, "--gateways", 400, "--first", 5001, "--rooms", "50:400",
                           "--talkers", 8, "--frames", 1, "--calls", 0, "--pause", 10,
                           "--seconds", 60, "--no-suffix") as churn:
                churn.wait("talking")
                slot, pid = stop_inside_a_transaction(daemon)
                stopped = time.monotonic()
                eventually(lambda: daemon.workers()[slot]["pid"] not in (0, pid)
                           and daemon.workers()[slot]["state"] == "ready", 5, "the replacement")
                replaced = time.monotonic() - stopped
                churn.finish()
                churn.report()
            sim.finish()
            report = sim.report()
        served = {event["gateway"]: event["slot"] for event in daemon.ctl_lines("events", "100000")
                  if event["type"] == "stream.start"}
        others = [t for t in report["talker"] if served.get(t["name"]) != slot]
        late = sum(talker["late"] for talker in others)
        print(f"# {slot} replaced after {replaced:.2f} s; {len(others)} talkers on other slots, "
              f"{late} of their frames later than 20 ms")
        assert replaced < 2 * SLOW, f"replaced after {replaced:.2f} s"
        assert others, "all talkers were on the stopped slot"
        assert sum(talker["lost"] for talker in others) == 0, [t for t in others if t["lost"]]
        assert late == 0 or SLOW > 1, f"{late} frames late"


def test_a_long_batch_is_no_hang():
    """Sixty frames to 3,000 gateways take longer than this watchdog waits, but each is progress."""
    with Daemon("workers.ysf=1", "limits.clients_per_ip=4000", "ysf.frame_rate=0",
                "server.watchdog=100ms", *OPTIONS, "limits.clients=4000",
                listen="127.0.0.1:0") as daemon:
        with Simulator(daemon, "--gateways", 3000, "--rooms", "22", "--talkers", 1, "--window", 60,
                       "--frames", 0, "--seconds", 3, "--poll", 0) as sim:
            report = sim.report()
        assert daemon.workers()["ysf.0"]["restarts"] == 0, daemon.log()[-300:]
        assert report["lost"] == 0, f"{report['lost']} of {report['expected']} lost"


if __name__ == "__main__":
    main(globals())
