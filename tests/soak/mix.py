#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      mix - everything at once, for as long as one likes
# PURPOSE   1,000 gateways talk on 10 DG-IDs, others link and unlink all the time, while workers are
#           killed and stopped, the configuration is reloaded (every other one invalid) and the daemon
#           is upgraded to and fro. Counters never decrease, what it occupies stays flat, nothing is lost.
# OWNER     tests/soak/run, or a person
# CONTRACT  SECONDS=n in the environment (60), SEED=n; ends with `ok test_mix` or `not ok test_mix: why`
# LIMITS    the builds of the tree as it is: ./shackd and the one of `make testing`

import os
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "flow"))

from lib.builds import NEXT  # noqa: E402
from lib.churn import Churn  # noqa: E402
from lib.figures import figures, of_report  # noqa: E402
from lib.holder import slots_of  # noqa: E402
from lib.killer import Killer  # noqa: E402
from lib.shackd import SHACKD, SLOW, eventually, main  # noqa: E402
from lib.sim import Simulator  # noqa: E402
from lib.watcher import Watcher, footprint, grown  # noqa: E402
from test_upgrade import Home  # noqa: E402

SECONDS = int(os.environ.get("SECONDS", "60"))
SEED = int(os.environ.get("SEED", "20261121"))
ROOMS = 10
GATEWAYS = 1000 if SLOW == 1 else 200
CHURNERS = 100
WARM = 0.2  # share of the time after which sizes must not grow any more
OPTIONS = ("workers.ysf=2", "server.respawn_tokens=6000/m", "dgid.list=1-99", "dgid.local=0",
           "ysf.max_age=0", "ysf.client_timeout=1h", "limits.clients=2000", "limits.events=1000",
           "server.log_level=error", "ysf.watchdog=8s")


class Mix:
    def __init__(self, home, churn):
        self.home, self.daemon, self.churn = home, home.daemon, churn
        self.rng = random.Random(SEED)
        self.killer = Killer(self.daemon, 10, SEED)
        self.done = {"reloads": 0, "reloads_refused": 0, "upgrades": 0, "stops": 0}
        self.longest = 0.0

    def reload(self):
        bad = (self.done["reloads"] + self.done["reloads_refused"]) % 2 == 1
        name = f"N{self.done['reloads']}"
        self.daemon.config.write_text(f"[ysf]\ndescription = {name}\n" +
                                      ("nonsense = 1\n" if bad else ""))
        code, _, why = self.daemon.ask("reload")
        assert (code != 0) == bad, f"reload: {code} {why}"
        # an upgrade would rightly refuse to begin with it
        self.daemon.config.write_text(f"[ysf]\ndescription = {name}\n")
        self.done["reloads_refused" if bad else "reloads"] += 1

    def upgrade(self):
        self.home.put(NEXT if self.done["upgrades"] % 2 == 0 else SHACKD)
        began = time.monotonic()
        code, _, why = self.daemon.ask("upgrade")
        assert code == 0, f"upgrade: {why}"
        self.longest = max(self.longest, time.monotonic() - began)
        self.done["upgrades"] += 1

    def stop_one(self):
        """The watchdog's business."""
        slot, pid = self.rng.choice(sorted(slots_of(self.daemon).items()))
        os.kill(pid, signal.SIGSTOP)
        eventually(lambda: slots_of(self.daemon).get(slot) != pid, 10, "the end of a stopped worker")
        self.done["stops"] += 1

    def ready(self):
        return self.daemon.status()["state"] == "ready"

    def settle(self):
        eventually(self.ready, 20, "all workers ready")

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.killer.run(self.rng.randrange(1, 20), meanwhile=lambda: self.churn.turn(0.005))
            self.settle()
            self.rng.choice([self.reload, self.reload, self.upgrade, self.upgrade, self.stop_one])()
            self.settle()
            missing = self.churn.missing()
            assert not missing, f"answered, not linked: {missing[:5]}"


def ids(daemon):
    return {client["gateway"]: client["id"] for client in daemon.ctl("clients")
            if client["gateway"].startswith("G")}


def test_mix():
    with Home(OPTIONS, listen="127.0.0.1:0") as home:
        daemon = home.daemon
        with Watcher(daemon) as watcher, Churn(daemon, CHURNERS, SEED) as churn, \
             Simulator(daemon, "--gateways", GATEWAYS, "--rooms", f"1-{ROOMS}:{GATEWAYS // ROOMS}",
                       "--talkers", ROOMS, "--frames", 50, "--calls", 0, "--poll", 5,
                       "--drain", 5000, "--no-unlink", "--seconds", 86000) as sim:
            sim.wait("talking")
            mix, before, pid = Mix(home, churn), ids(daemon), daemon.pid
            mix.run(SECONDS * WARM)
            first = footprint(daemon)
            mix.run(SECONDS * (1 - WARM))
            silent = churn.settle()
            missing = churn.missing()
            eventually(lambda: not churn.ghosts(), 5, "that who said goodbye is gone")
            after = ids(daemon)
            mix.settle()
            try:
                eventually(lambda: not grown(first, footprint(daemon)), 10)
            except AssertionError:
                pass
            larger = grown(first, footprint(daemon))
            sim.finish()
            report = sim.report()
        figures("mix", kills=mix.killer.killed, **mix.done, longest_upgrade_s=round(mix.longest, 3),
                acknowledged=churn.answers, repeated=churn.repeated, looks=watcher.looks,
                decreases=len(watcher.fallen), grown=larger, seed=SEED, **of_report(report))
        assert daemon.status()["pid"] == pid, "another process"
        assert not watcher.fallen, f"{len(watcher.fallen)} decreases: {watcher.fallen[:3]}"
        assert before == after and len(before) == GATEWAYS, "registrations were lost or made anew"
        assert not missing and not silent, f"answered, not linked: {missing}; not answered: {silent}"
        wrong = {key: report[key] for key in ("lost", "headers_missing", "terminators_missing",
                                              "echoes", "wrong_room", "alien", "polls_unanswered")
                 if report[key]}
        assert not wrong, f"{wrong} of {report['expected']}"
        assert report["duplicates"] <= mix.killer.killed // 1000, f"{report['duplicates']} doubled"
        assert not larger, "; ".join(larger)


if __name__ == "__main__":
    main(globals())
