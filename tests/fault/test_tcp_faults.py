#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_tcp_faults - TCP sessions over kills and upgrades
# PURPOSE   Not a byte lost or doubled, not a connection reset, while the workers that serve them are
#           killed and the daemon is replaced by another build.
# OWNER     tests
# CONTRACT  SESSIONS=1000 FAULTS=300 in the environment are the table's row; every tenth fault is an
#           upgrade (default 60 and 20); RATE= lines a second and session
# RUNS      beside few
# LIMITS    needs the test build (make testing): the line service is the vault's least user

import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.builds import TESTING, copy_of  # noqa: E402
from lib.figures import figures  # noqa: E402
from lib.line import LineSim, Service, wrong  # noqa: E402
from lib.shackd import SLOW, eventually, main  # noqa: E402

SESSIONS = int(os.environ.get("SESSIONS", "60" if SLOW == 1 else "20"))
FAULTS = int(os.environ.get("FAULTS", "20"))
RATE = int(os.environ.get("RATE", "20"))
SEED = int(os.environ.get("SEED", "20261121"))


def all_ready(service):
    return all(worker["state"] == "ready" for worker in service.workers().values())


def kill_one(service, rng, last):
    """Another process than last time."""
    slot, pid = eventually(lambda: next(iter(rng.sample(
        [(slot, worker["pid"]) for slot, worker in sorted(service.lines().items())
         if worker["state"] == "ready" and last.get(slot) != worker["pid"]] or [None], 1)), None),
        10, "a worker to kill")
    os.kill(pid, signal.SIGKILL)
    last[slot] = pid


def test_sessions_outlive_kills_and_upgrades():
    rng, last, kills, upgrades, slowest = random.Random(SEED), {}, 0, 0, 0.0
    with tempfile.TemporaryDirectory(prefix="shackd-home-") as home:
        os.chmod(home, 0o755)
        path = copy_of(TESTING, Path(home) / "shackd")
        with Service(f"limits.sessions={SESSIONS + 10}", f"limits.sessions_per_ip={SESSIONS + 10}",
                     "server.log_level=error", program=path) as service:
            with LineSim(service, "--sessions", SESSIONS, "--rate", RATE, "--big", 2000) as sim:
                sim.wait()
                while kills + upgrades < FAULTS and sim.running():
                    if (kills + upgrades) % 10 == 9:
                        eventually(lambda: all_ready(service), 10, "all workers ready")
                        copy_of(TESTING, path)
                        began = time.monotonic()
                        code, _, why = service.ask("upgrade")
                        assert code == 0, f"upgrade: {why}"
                        slowest = max(slowest, time.monotonic() - began)
                        upgrades += 1
                    else:
                        kill_one(service, rng, last)
                        kills += 1
                    time.sleep(rng.random() * 0.1)  # spreads the faults, nothing waits for it
                report = sim.finish()
            eventually(lambda: service.sessions() == 0, 10, "the vault is empty again")
    figures("tcp", sessions=SESSIONS, kills=kills, upgrades=upgrades,
            longest_upgrade_ms=round(slowest * 1000, 1),
            bytes=report["bytes_sent"] + report["bytes_received"], lost=report["lost"],
            doubled=report["doubled"], resets=report["resets"], seed=SEED)
    assert kills + upgrades >= FAULTS, f"only {kills} kills and {upgrades} upgrades"
    assert not wrong(report), f"{wrong(report)}"


if __name__ == "__main__":
    main(globals())
