#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_kill_fast - workers that are killed faster than the breaker allows
# PURPOSE   Above ten kills a second and slot the breaker rightly slows the respawns down: slots are
#           parked, a neighbour reads their sockets, and the last one waits up to a second. Datagrams
#           then wait in the socket; no registration, no stream, no datagram is lost.
# OWNER     tests
# CONTRACT  KILLS=n in the environment for more kills (default 120; the table's row says 300)
# LIMITS    how late frames come is told, not judged: the breaker's waits are what is meant here

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.figures import figures, of_report  # noqa: E402
from lib.killer import Killer  # noqa: E402
from lib.shackd import Daemon, SLOW, eventually, main  # noqa: E402
from lib.sim import Simulator  # noqa: E402

KILLS = int(os.environ.get("KILLS", "120"))
SEED = int(os.environ.get("SEED", "20261121"))
RATE = 40  # a second, over two slots
ROOMS = 10
GATEWAYS = 1000 if SLOW == 1 else 200


def ids(daemon):
    return {client["gateway"]: client["id"] for client in daemon.ctl("clients")}


def test_kills_above_the_breakers_rate():
    with Daemon("workers.ysf=2", "dgid.list=1-99", "ysf.client_timeout=1h", "dgid.local=0",
                "ysf.max_age=0", "limits.clients=2000", "server.log_level=error",
                listen="127.0.0.1:0") as daemon:
        with Simulator(daemon, "--gateways", GATEWAYS, "--rooms", f"1-{ROOMS}:{GATEWAYS // ROOMS}",
                       "--talkers", ROOMS, "--frames", 50, "--calls", 0, "--poll", 5,
                       "--drain", 5000, "--no-unlink") as sim:
            sim.wait("talking")
            before = ids(daemon)
            killer, parked, began = Killer(daemon, RATE, SEED), 0, time.monotonic()
            while killer.killed < KILLS and sim.running():
                killer.run(5)
                parked += any(worker["breaker"] != "closed" for slot, worker in
                              daemon.workers().items() if slot.startswith("ysf."))
            took = time.monotonic() - began
            eventually(lambda: sum(worker["state"] == "ready" for slot, worker in
                                   daemon.workers().items() if slot.startswith("ysf.")) >= 1,
                       10, "a worker that serves")
            after = ids(daemon)
            sim.finish()
            report = sim.report()
        ended = {}
        for event in daemon.ctl_lines("events", "100000"):
            if event["type"] == "stream.end":
                ended[event["reason"]] = ended.get(event["reason"], 0) + 1
        figures("kill-fast", kills=killer.killed, kills_a_second=round(killer.killed / took, 1),
                gateways=GATEWAYS, registrations_lost=len(before.items() - after.items()),
                streams_ended=ended, seed=SEED, **of_report(report))
        assert killer.killed >= KILLS, f"only {killer.killed} kills"
        # under sanitizers a worker takes longer to start than the breaker's tenth of a second
        assert parked > 0 or SLOW > 1, "the breaker never opened"
        assert len(before) == GATEWAYS and before == after, "registrations were lost or made anew"
        assert not set(ended) - {"terminator"}, f"streams ended: {ended}"
        wrong = {key: report[key] for key in ("lost", "headers_missing", "terminators_missing",
                                              "echoes", "wrong_room", "alien") if report[key]}
        assert not wrong, f"{wrong} of {report['expected']}"
        assert report["duplicates"] <= killer.killed // 1000, f"{report['duplicates']} doubled"


if __name__ == "__main__":
    main(globals())
