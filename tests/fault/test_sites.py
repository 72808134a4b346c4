#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_sites - each allocation and system call fails, told apart by its callers
# PURPOSE   A daemon with every kind of worker is asked for all that it can do, and every call site that
#           comes by is listed. Then each one fails in turn: nothing hangs, who dies is replaced, nothing
#           leaks, voice crosses and a session gets its spots, and what failed works the next time.
# OWNER     tests
# CONTRACT  SITES=n in the environment: so many, evenly chosen (default 24; 0: all); STEPS="voice reload":
#           those that are tried in these steps; KINDS="master ysf": those processes; CALLERS=regex: those
#           whose call and callers match; SEED=n: which. Of all the outcome is
#           appended to build/faults.jsonl, of which tests/fault/table.py makes build/faults.md
# RUNS      beside others
# LIMITS    calls that the C library makes of its own do not come by

import collections
import json
import os
import random
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from lib.figures import figures  # noqa: E402
from lib.shackd import ROOT, main  # noqa: E402
from lib.sites import PROGRAM, Sites  # noqa: E402
from lib.trial import Outcome, Trials  # noqa: E402
from lib.whole import Whole  # noqa: E402

COUNT = int(os.environ.get("SITES", "24"))
SEED = int(os.environ.get("SEED", "20261122"))
ONLY = os.environ.get("STEPS", "").split()
KINDS = os.environ.get("KINDS", "").split()
CALLERS = os.environ.get("CALLERS", "")
TABLE = ROOT / "build/faults.jsonl"
# a site is tried in the first of these in which it comes by
STEPS = ("feeds", "show", "filter", "dashboard", "reload_bad", "dx", "kick", "voice", "session", "lists",
         "look", "change", "respawn_ysf0", "respawn_dxc0", "respawn_feed0", "respawn_feed1", "respawn_feed2",
         "respawn_spot", "respawn_data", "respawn_link", "respawn_log", "respawn_keeper", "reload",
         "upgrade")


class Run:
    """Daemons one after another, as long as there are sites to try."""

    def __init__(self, sites):
        self.sites, self.whole, self.trials = sites, None, None
        self.outcomes = collections.Counter()
        self.defects = []

    def fresh(self):
        self.end()
        self.whole = Whole(program=PROGRAM, environment=self.sites.environment)
        self.whole.start()
        self.trials = Trials(self.sites, self.whole)

    def end(self):
        if self.whole is not None:
            self.whole.close()
            self.whole = None

    def list_sites(self, rounds):
        """[(site, step)] of those that came by after the start."""
        assert set(STEPS) == set(self.whole.steps), set(STEPS) ^ set(self.whole.steps)
        for _ in range(rounds):
            for number, step in enumerate(STEPS):
                self.sites.record(number)
                self.whole.steps[step]()
        self.sites.record_no_more()
        return [(site, step) for site in self.sites.all() for number, step in enumerate(STEPS)
                if site.steps >> number & 1]

    def one(self, site, step):
        try:
            outcome = self.trials.run(site, step)
        except (OSError, AssertionError) as error:
            outcome = Outcome(site, step, "DEFECT", str(error), True)
        self.outcomes[outcome.what] += 1
        with open(TABLE, "a", encoding="utf-8") as file:
            file.write(json.dumps(outcome.row()) + "\n")
        if outcome.is_defect:
            self.defects.append(str(outcome))
            print(f"# {outcome}", flush=True)
            print("#    " + self.whole.daemon.log()[-1500:].replace("\n", "\n#    "), flush=True)
        if outcome.is_defect or self.trials.worn:
            self.fresh()


def chosen(listed):
    """Each site once, in the first step in which it came by; then COUNT of them, from every kind of
    process and every function as evenly as can be; by steps, for the sake of time."""
    first, rng = {}, random.Random(SEED)
    for site, step in sorted(listed, key=lambda one: STEPS.index(one[1])):
        first.setdefault(site.key, (site, step))
    groups = collections.defaultdict(list)
    for site, step in sorted(first.values(), key=lambda one: one[0].key):
        if (not ONLY or step in ONLY) and (not KINDS or site.kind in KINDS) and \
                (not CALLERS or re.search(CALLERS, str(site))):
            groups[site.kind, site.function, site.is_ours].append((site, step))
    for group in groups.values():
        rng.shuffle(group)
    keys, picked = sorted(groups), []
    rng.shuffle(keys)
    while keys and (COUNT == 0 or len(picked) < COUNT):
        picked += [groups[key].pop() for key in keys]
        keys = [key for key in keys if groups[key]]
    return sorted(picked[:COUNT or None], key=lambda one: STEPS.index(one[1]))


def test_each_site_that_fails():
    began = time.monotonic()
    with Sites() as sites:
        run = Run(sites)
        try:
            run.fresh()
            listed = run.list_sites(1 if COUNT else 3)
            todo = chosen(listed)
            for site, step in todo:
                run.one(site, step)
        finally:
            run.end()
        figures("sites", listed=len({site.key for site, _ in listed}), tried=len(todo),
                defects=len(run.defects), seconds=round(time.monotonic() - began, 1), seed=SEED,
                **{what.replace(" ", "_"): count for what, count in run.outcomes.items()})
    assert not run.defects, f"{len(run.defects)} of {len(todo)}: " + "; ".join(run.defects[:5])


if __name__ == "__main__":
    main(globals())
