#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_counters - what the daemon counts, beside what really happened
# PURPOSE   Over kills no counter ever decreases, whoever looks whenever; and afterwards the totals are
#           those of the simulator, but for what a death leaves open.
# OWNER     tests
# CONTRACT  KILLS=n in the environment for more kills (default 100; the table's row says 1000)
# RUNS      beside few
# LIMITS    A worker counts what it has done, and dies in between: its successor does again what has no
#           done mark, and counts it then. So a total may be off by what one worker has in hand: at
#           most BATCH datagrams, and the fan-out of one frame, a death. Seen: far fewer

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.figures import figures, of_report  # noqa: E402
from lib.killer import Killer  # noqa: E402
from lib.shackd import Daemon, SLOW, eventually, main  # noqa: E402
from lib.sim import Simulator  # noqa: E402
from lib.watcher import Watcher, totals  # noqa: E402

KILLS = int(os.environ.get("KILLS", "100"))
SEED = int(os.environ.get("SEED", "20261121"))
ROOMS = 10
GATEWAYS = 1000 if SLOW == 1 else 200
BATCH = 64


def truth_of(report):
    """What the counters should say, and by how much one death may blur it."""
    fan = GATEWAYS // ROOMS
    return {
        "ysf_received_total": (report["polls"] + report["frames"], BATCH),
        "ysf_frames_total": (report["frames"], BATCH),
        "ysf_sent_total": (report["delivered"], fan),
        "ysf_replies_total": (report["answers"], BATCH),
        "ysf_streams_total": (report["calls"], 1),
        "ysf_stream_ends_total{cause=terminator}": (report["calls"], 1),
        "ysf_links_total": (report["registered"], BATCH),
    }


def test_counters_over_kills():
    with Daemon("workers.ysf=2", "server.respawn_tokens=6000/m", "dgid.list=1-99",
                "ysf.client_timeout=1h", "dgid.local=0", "ysf.max_age=0", "limits.clients=2000",
                "server.log_level=error", listen="127.0.0.1:0") as daemon:
        with Watcher(daemon) as watcher, \
             Simulator(daemon, "--gateways", GATEWAYS, "--rooms", f"1-{ROOMS}:{GATEWAYS // ROOMS}",
                       "--talkers", ROOMS, "--frames", 50, "--calls", 0, "--poll", 5,
                       "--no-unlink") as sim:
            sim.wait("talking")
            killer = Killer(daemon, 15, SEED, at_work=True)
            killer.run(KILLS, sim.running)
            eventually(lambda: all(w["state"] == "ready" for w in daemon.workers().values()),
                       10, "all workers ready")
            sim.finish()
            report = sim.report()
        now = totals(daemon)
        off = {name: now.get(name, 0) - true for name, (true, _) in truth_of(report).items()}
        figures("counters", kills=killer.killed, at_work=killer.at_work, looks=watcher.looks, unanswered=watcher.silent,
                decreases=len(watcher.fallen), off=off, recovered=now.get("ysf_recovered_total"),
                ring_bad=now.get("ysf_ring_bad_total"), seed=SEED, **of_report(report))
        assert killer.killed >= KILLS, f"only {killer.killed} kills"
        assert not watcher.fallen, f"{len(watcher.fallen)} decreases: {watcher.fallen[:3]}"
        assert watcher.looks > KILLS, f"only {watcher.looks} looks"
        assert report["lost"] == 0, f"{report['lost']} lost"
        for name, (true, blur) in truth_of(report).items():
            assert abs(off[name]) <= blur * killer.killed, f"{name}: {now.get(name)}, not {true}"
        assert now["ysf_kernel_drops_total"] == 0 and now["ysf_ring_bad_total"] == 0, "drops"


if __name__ == "__main__":
    main(globals())
