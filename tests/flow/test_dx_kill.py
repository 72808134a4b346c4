#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_dx_kill - a cluster whose workers die, and whose binary changes, under load
# PURPOSE   Feeds come in bursts, sessions with filters read, and meanwhile workers of every kind of the
#           cluster are killed and the daemon is upgraded: every session gets every spot that its filter
#           passes exactly once and no session is reset. dxsim, outside the daemon, decides.
# OWNER     tests
# CONTRACT  SESSIONS, FILTERS, BURST, EVERY (ms), SECONDS, KILLS, UPGRADES in the environment for the long
#           run: SESSIONS=500 FILTERS=50 BURST=5000 EVERY=15000 SECONDS=300 KILLS=300 UPGRADES=20
# RUNS      beside few
# LIMITS    what a broker had not handed over when a feed died is counted apart (`unhanded`)

import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.builds import NEXT, copy_of  # noqa: E402
from lib.dxsim import DxSim  # noqa: E402
from lib.figures import figures  # noqa: E402
from lib.holder import slots_of  # noqa: E402
from lib.shackd import Daemon, SHACKD, SLOW, main  # noqa: E402
from lib.upstream import Broker  # noqa: E402


def setting(name, usual, slow=None):
    return int(os.environ.get(name, usual if SLOW == 1 or slow is None else slow))


SESSIONS, FILTERS = setting("SESSIONS", 60, 20), setting("FILTERS", 12)
BURST, EVERY = setting("BURST", 500, 100), setting("EVERY", 1500)
SECONDS, KILLS, UPGRADES = setting("SECONDS", 12), setting("KILLS", 40, 15), setting("UPGRADES", 2, 1)
REPORTS = 50  # of PSKReporter, a second
VICTIMS = ("dxc.", "spot", "feed.")
OPTIONS = ("ysf.enabled=no", "dxc.node_call=N0NODE-2", "dxc.listen=127.0.0.1:0", "workers.dxc=2",
           f"limits.sessions={SESSIONS + 100}", "server.respawn_tokens=6000/m",
           "server.log_level=warning")


def victims(daemon):
    """{slot: pid} of the workers that may die."""
    return {slot: pid for kind in VICTIMS for slot, pid in slots_of(daemon, kind).items()}


class Fate:
    """Kills and upgrades, spread over the time of the play."""

    def __init__(self, daemon, program):
        self.daemon, self.program = daemon, program
        self.rng = random.Random(20261122)
        self.last, self.killed, self.upgraded = {}, {}, 0

    def kill_one(self):
        slots = victims(self.daemon)
        fresh = sorted(slot for slot, pid in slots.items() if self.last.get(slot) != pid)
        if not fresh:
            return
        kind = self.rng.choice(sorted({slot.split(".")[0] for slot in fresh}))
        slot = self.rng.choice([slot for slot in fresh if slot.split(".")[0] == kind])
        os.kill(slots[slot], signal.SIGKILL)
        self.last[slot] = slots[slot]
        self.killed[kind] = self.killed.get(kind, 0) + 1

    def upgrade(self):
        copy_of(NEXT if self.upgraded % 2 == 0 else SHACKD, self.program)
        self.daemon.ctl("upgrade")
        self.upgraded += 1

    def work(self, sim, seconds):
        """So many of both in so many seconds, while the simulator plays."""
        began, kills = time.monotonic(), 0
        while kills < KILLS and sim.running():
            part = (time.monotonic() - began) / seconds
            if self.upgraded < UPGRADES and part * UPGRADES > self.upgraded + 0.5:
                self.upgrade()
            if part * KILLS > kills:
                self.kill_one()
                kills = sum(self.killed.values())
            time.sleep(self.rng.random() * 0.02)  # spreads the kills, nothing waits for it
        while self.upgraded < UPGRADES and sim.running():
            self.upgrade()


def home(folder):
    """A directory with the executables, as a package manager keeps it."""
    os.chmod(folder, 0o755)
    path = Path(folder) / "shackd"
    copy_of(SHACKD, path)
    return path


def judge(report):
    wrong = {key: report[key] for key in ("lost", "doubled", "damaged", "wrong", "resets", "refused",
                                          "feed_resets", "reordered") if report[key]}
    assert not wrong, f"{wrong} of {report['expected']}: {report}"
    assert report["expected"] > 0 and report["least"] > 0, report
    assert report["unhanded"] < report["mqtt"] / 2, report


def simulator(broker):
    return DxSim("--sessions", SESSIONS, "--filters", FILTERS, "--seconds", SECONDS, "--rate", 30, "--human", 5,
                 "--mqtt", broker.port, "--mqtt-rate", REPORTS, "--burst", BURST, "--every", EVERY,
                 "--spread", min(1000, EVERY // 2), "--settle", 4 * SLOW)


def test_kills_and_upgrades_lose_no_spot_and_no_session():
    with tempfile.TemporaryDirectory(prefix="shackd-home-") as folder, Broker() as broker, \
            simulator(broker) as sim:
        program = home(folder)
        with Daemon(*OPTIONS, *sim.feeds(), *broker.feed("psk"), listen=None,
                    program=str(program)) as daemon:
            fate = Fate(daemon, program)
            sim.serve(daemon.dxc_port)
            sim.wait("running")
            fate.work(sim, SECONDS * 0.9)
            report = sim.report(SECONDS + 120)
            figures("dx_kill", **report, killed=fate.killed, upgrades=fate.upgraded)
            judge(report)
            assert sum(fate.killed.values()) >= KILLS * 0.8, f"only {fate.killed} kills"
            assert fate.upgraded == UPGRADES, f"only {fate.upgraded} upgrades"


if __name__ == "__main__":
    main(globals())
