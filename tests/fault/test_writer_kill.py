#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_writer_kill - SIGKILL of writers inside their transactions
# PURPOSE   No acknowledged commit is lost, no invariant is broken, nobody waits: with the store's own
#           code and gate, at random instants and at chosen instructions; and with the whole daemon,
#           where an answered first poll is the acknowledgement.
# OWNER     tests
# CONTRACT  KILLS=n in the environment for more kills (default 200; the table's row says 5000)
# RUNS      beside few
# LIMITS    chosen instructions need ptrace

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.churn import Churn  # noqa: E402
from lib.figures import figures  # noqa: E402
from lib.killer import Killer  # noqa: E402
from lib.shackd import Daemon, ROOT, SLOW, Skip, eventually, main  # noqa: E402

BUILD = ROOT / os.environ.get("B", "build/release")
KILLS = int(os.environ.get("KILLS", "200")) // (1 if SLOW == 1 else 4)
SEED = int(os.environ.get("SEED", "20261121"))
GATEWAYS = 400 if SLOW == 1 else 100


def writer_kill(*options):
    done = subprocess.run([str(BUILD / "tests/fault/writer_kill"), "--seed", str(SEED),
                           *map(str, options)], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        raise Skip("instructions can't be traced here")
    assert done.returncode == 0, f"{done.returncode}: {done.stderr.strip()[-300:]}"
    return json.loads(done.stdout)


def test_random_instants():
    seen = writer_kill("--kills", KILLS)
    figures("writer-kill", where="store, at random instants", seed=SEED, **seen)
    assert seen["inside"] >= KILLS, f"only {seen['inside']} inside a transaction"
    assert seen["longest_wait_ms"] < 1000 * SLOW, f"writers waited {seen['longest_wait_ms']} ms"


def test_chosen_instructions():
    seen = writer_kill("--places", KILLS // 2, "--traces", 4 if SLOW == 1 else 1)
    figures("writer-kill", where="store, at chosen instructions", seed=SEED, **seen)
    assert seen["places_hit"] >= KILLS // 2 * 0.9, f"only {seen['places_hit']} places were hit"


def test_answered_polls_of_a_daemon():
    with Daemon("workers.ysf=2", "server.respawn_tokens=6000/m", "ysf.client_timeout=1h",
                "limits.clients=2000", "server.log_level=error", listen="127.0.0.1:0") as daemon:
        with Churn(daemon, GATEWAYS, SEED) as churn:
            # below the rate at which the breaker would slow the respawns down
            killer = Killer(daemon, 15, SEED)
            looks = 0
            while killer.killed < KILLS:
                killer.run(8, meanwhile=lambda: churn.turn(0.01))
                missing = churn.missing()
                looks += 1
                assert not missing, f"after {killer.killed} kills: answered, not linked: {missing}"
            silent = churn.settle()
            assert not silent, f"never answered: {silent}"
            missing = churn.missing()
            # a goodbye that is still in a socket is not said yet
            eventually(lambda: not churn.ghosts(), 5, "that who said goodbye is gone")
            assert not missing, f"at the end: answered, not linked: {missing}"
            figures("writer-kill", where="daemon, answered polls", seed=SEED, kills=killer.killed,
                    polls=churn.polls, acknowledged=churn.answers, repeated=churn.repeated,
                    unlinks=churn.unlinks, looks=looks, lost=0, ghosts=0, odd=churn.odd)


if __name__ == "__main__":
    main(globals())
