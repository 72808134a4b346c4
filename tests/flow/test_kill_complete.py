#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_kill_complete - workers are disposable with everything on
# PURPOSE   As test_kill, with all that a complete reflector does: prefixes, lists of a thousand
#           entries that change meanwhile, an auxiliary port, aliases, dashboards, a parrot. Workers of
#           every kind but the keeper and the log die; nothing is lost and nothing comes twice; the
#           simulator, outside the daemon, decides.
# OWNER     tests
# CONTRACT  KILLS=n in the environment for more kills (default 100; the row `complete` says 2000)
# RUNS      beside few
# LIMITS    a receiver may get a frame twice once in 1,000 kills

import os
import random
import signal
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from lib.figures import figures, of_report  # noqa: E402
from lib.holder import slots_of  # noqa: E402
from lib.shackd import Daemon, SLOW, eventually, main  # noqa: E402
from lib.sim import Simulator  # noqa: E402
from rules import Lists, aux_ports, feed_of  # noqa: E402

KILLS = int(os.environ.get("KILLS", "100"))
ROOMS, PER_ROOM = 5, 60 if SLOW == 1 else 12
MOVABLE, AUX = (300, 60) if SLOW == 1 else (40, 12)
ENTRIES = 1000
VICTIMS = ("ysf.", "data", "link")


def access(edition):
    """A list of every kind of rule; none of them is for the simulator's callers."""
    lines = [f"# edition {edition}"]
    for n in range(ENTRIES // 5):
        lines += [f"CS:ZZ{n}X", f"AL:ZY{n}X", f"GW:NOBODY{n}", f"IP:192.0.2.{n % 250}", f"SN:{n:05}"]
    return "\n".join(lines) + "\n"


def homes():
    return "".join(f"HOME{n}:30:{'-1' if n % 2 else '30'}\n" for n in range(ENTRIES))


CONFIG = ("[ysf alias FORTY]\ndgid = 40\nid = 40404\ndescription = ROOM FORTY\n"
          "[ysf alias TWENTY TWO]\ndgid = 22\nid = 0\ndescription = ROOM 22\n")
OPTIONS = ("workers.ysf=2", "server.respawn_tokens=6000/m", "dgid.list=1-60", "dgid.default=22",
           "dgid.local=59", "dgid.parrot=60", "dgid.prefix=yes", "ysf.max_age=0",
           "ysf.client_timeout=1h", "ysf.aux_ports=40:0", "ysf.frame_rate=0",
           "ysf.dashboard_listen=127.0.0.1:0", "access.check_re=0", "access.reload=1s",
           "protection.wild_ptt_count=0", "aprs.enabled=no", "limits.clients=2000",
           "limits.clients_per_ip=2000", "limits.events=1000", "server.log_level=warning")


class Dashboards:
    """Subscribers that come back when their feed went silent, as collectors do."""

    def __init__(self, daemon, count=4):
        self.socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
        for sock in self.socks:
            sock.bind(("127.0.0.1", 0))
            sock.connect(feed_of(daemon))
            sock.setblocking(False)
        self.messages, self.asked = 0, 0.0

    def turn(self):
        if time.monotonic() - self.asked > 2:
            for sock in self.socks:
                sock.send(b"CONNREQ")
            self.asked = time.monotonic()
        for sock in self.socks:
            try:
                while sock.recv(2048):
                    self.messages += 1
            except (BlockingIOError, ConnectionRefusedError):
                pass

    def close(self):
        for sock in self.socks:
            sock.close()


def victims(daemon):
    """{slot: pid} of the workers that may die."""
    return {slot: pid for kind in VICTIMS for slot, pid in slots_of(daemon, kind).items()}


def kill(daemon, count, sims, meanwhile, rate=15):
    last, killed, rng = {}, {}, random.Random(20261122)
    while sum(killed.values()) < count and all(sim.running() for sim in sims):
        slots = victims(daemon)
        fresh = sorted(slot for slot, pid in slots.items() if last.get(slot) != pid)
        if fresh:
            slot = rng.choice(fresh)
            os.kill(slots[slot], signal.SIGKILL)
            last[slot] = slots[slot]
            killed[slot] = killed.get(slot, 0) + 1
        meanwhile(sum(killed.values()))
        time.sleep(rng.random() * 2 / rate)  # spreads the kills, nothing waits for it
    return killed


def simulators(daemon):
    """Nailed gateways in rooms of their own, movable and nailed ones in one, and an auxiliary port."""
    common = ("--frames", 50, "--calls", 0, "--poll", 0, "--no-unlink")
    return (
        Simulator(daemon, "--gateways", ROOMS * PER_ROOM, "--rooms", f"1-{ROOMS}:{PER_ROOM}",
                  "--talkers", ROOMS, *common),
        Simulator(daemon, "--gateways", MOVABLE, "--first", 2001, "--rooms", "22", "--mixed",
                  "--prefix", "--talkers", 1, *common),
        Simulator(daemon, "--gateways", AUX, "--first", 3001, "--rooms", "40", "--no-suffix",
                  "--talkers", 1, *common, port=aux_ports(daemon)[40]))


def ids(daemon):
    return {client["gateway"] + client["address"] + str(client["port"]): client["id"]
            for client in daemon.ctl("clients")}


def judge(reports, killed):
    for name, report in reports.items():
        wrong = {key: report[key] for key in (
            "lost", "headers_missing", "terminators_missing", "echoes", "wrong_room", "alien",
            "frames_unheard", "damaged", "wrong_variant") if report[key]}
        assert not wrong, f"{name}: {wrong} of {report['expected']}"
    doubled = sum(report["duplicates"] for report in reports.values())
    assert doubled <= killed // 1000, f"{doubled} doubled"


def test_kills_with_everything_on_lose_nothing():
    lists = Lists(access(0), homes())
    with Daemon(*OPTIONS, *lists.options, listen="127.0.0.1:0", config=lists.config(CONFIG)) \
            as daemon:
        dashboards = Dashboards(daemon)
        sims = simulators(daemon)
        try:
            for sim in sims:
                sim.wait("talking")
            before = ids(daemon)

            def meanwhile(killed):
                dashboards.turn()
                if killed % 20 == 10:
                    lists.write(lists.access, access(killed))

            killed = kill(daemon, KILLS, sims, meanwhile)
            eventually(lambda: all(w["state"] == "ready" for w in daemon.workers().values()),
                       10, "all workers ready")
            after = ids(daemon)
            for sim in sims:
                sim.finish()
            reports = dict(zip(("nailed", "movable", "aux"), (sim.report() for sim in sims)))
            messages = dashboards.messages
        finally:
            for sim in sims:
                sim.__exit__(None, None, None)
            dashboards.close()
    total = sum(killed.values())
    for name, report in reports.items():
        print(f"# {name}: {report['frames']} frames, {report['expected']} datagrams expected, "
              f"{report['rewritten']} rewritten, {report['lost']} lost, "
              f"{report['duplicates']} doubled, p99.9 {report['latency_us']['p999']} us")
        figures(f"complete-{name}", kills=killed, rewritten=report["rewritten"],
                registrations_lost=len(before.items() - after.items()), dashboard=messages,
                **of_report(report))
    assert total >= KILLS, f"only {total} kills"
    assert before == after and len(before) == ROOMS * PER_ROOM + MOVABLE + AUX, \
        f"{len(before.items() - after.items())} of {len(before)} registrations lost or made anew"
    assert reports["movable"]["rewritten"] > 0, "nothing was rewritten"
    assert messages > 0, "the dashboards heard nothing"
    judge(reports, total)


if __name__ == "__main__":
    main(globals())
