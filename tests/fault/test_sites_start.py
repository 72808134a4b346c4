#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_sites_start - each call site of the master fails while it starts, and while it stops
# PURPOSE   Whatever the system refuses at a start, to whichever caller: the daemon serves, or it ends with
#           an exit status and a sentence; no hang, no crash, no process left, and the next start works. A
#           stop ends, whatever fails on its way.
# OWNER     tests
# CONTRACT  SITES=n in the environment: so many, evenly chosen (default 8; 0: all), CALLERS=regex: those whose
#           call and callers match, SEED=n: which. Outcomes are appended to build/faults.jsonl
# RUNS      beside others
# LIMITS    the C library itself crashes where its name service gets no memory (glibc 2.36), before serving

import collections
import json
import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from lib.figures import figures  # noqa: E402
from lib.shackd import Daemon, LIBC, ROOT, eventually, main  # noqa: E402
from lib.sites import Lines, PROGRAM, Sites  # noqa: E402
from lib.trial import Outcome, first  # noqa: E402
from lib.upstream import feed  # noqa: E402
from test_failing_start import PATIENCE, PR_SET_CHILD_SUBREAPER, Start  # noqa: E402

COUNT = int(os.environ.get("SITES", "8"))
SEED = int(os.environ.get("SEED", "20261122"))
CALLERS = os.environ.get("CALLERS", "")
TABLE = ROOT / "build/faults.jsonl"
START, STOP = 0, 1
OPTIONS = ("workers.ysf=1", "workers.dxc=1", "dxc.node_call=N0NODE-2", "dxc.listen=127.0.0.1:0", "aprs.enabled=no",
           "server.log_level=warning", "data.cty_file=", "data.scp_file=", *feed("far", 1))
NAMES = re.compile(r"getgrnam|getpwnam|getpwuid|nss|initgroups")


def children():
    """Ours, and whom we inherited; without those that tell names."""
    pids = set()
    for pid in map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()):
        if pid not in {process.pid for process in Lines.programs.values()} and os.waitpid(pid, os.WNOHANG)[0] == 0:
            pids.add(pid)
    return pids


def orphans_gone():
    """Workers whose master is gone end by themselves, and soon."""
    try:
        return eventually(lambda: not children(), 5)
    except AssertionError:
        return False


def end(sites, start, site=None):
    """Asks it to end, while SITE fails; the exit status."""
    if not start.served:
        return start.end()
    if site is not None:
        sites.arm(site)
    return start.end()


def list_sites(sites, daemon):
    sites.record(START)
    start = Start(daemon)
    assert start.served, start.text()
    sites.record(STOP)
    assert start.end() == 0 and orphans_gone()
    sites.record_no_more()
    return [(site, step) for site in sites.all() if site.kind == "master" for step in (START, STOP)
            if site.steps >> step & 1 and (not CALLERS or re.search(CALLERS, str(site)))]


def chosen(listed):
    groups, rng = collections.defaultdict(list), random.Random(SEED)
    for site, step in sorted(listed, key=lambda one: (one[0].key, one[1])):
        groups[site.function, step].append((site, step))
    for group in groups.values():
        rng.shuffle(group)
    keys, picked = sorted(groups), []
    rng.shuffle(keys)
    while keys and (COUNT == 0 or len(picked) < COUNT):
        picked += [groups[key].pop() for key in keys]
        keys = [key for key in keys if groups[key]]
    return picked[:COUNT or None]


def one(sites, daemon, site, step):
    name = ("start", "stop")[step]
    if step == START:
        sites.arm(site)
    try:
        start = Start(daemon)
        status = end(sites, start, site if step == STOP else None)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        return Outcome(site, name, "DEFECT", str(error), True)
    finally:
        hits = sites.hits
        sites.disarm()
    said = start.text().strip()
    if not orphans_gone():
        return Outcome(site, name, "DEFECT", f"left a process behind: {said[-300:]}", True)
    if hits == 0:
        return Outcome(site, name, "not reached")
    if status < 0 and not start.served and site.is_allocation and NAMES.search(" ".join(site.callers(20))):
        return Outcome(site, name, "library crashed", signal.Signals(-status).name)
    if status < 0:
        return Outcome(site, name, "DEFECT", f"died of {signal.Signals(-status).name}: {said[-300:]}", True)
    if start.served:
        return Outcome(site, name, "served" if status == 0 else "DEFECT", f"ended with {status}; said: {first(said)}",
                       status != 0)
    if status == 0 or not said:
        return Outcome(site, name, "DEFECT", f"ended with {status}, without {'having served' if said else 'a word'}",
                       True)
    return Outcome(site, name, "start refused", f"status {status}: {said.splitlines()[-1]}")


def test_each_site_of_a_start_and_a_stop():
    outcomes, defects = collections.Counter(), []
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with Sites() as sites:
        daemon = Daemon(*OPTIONS, start=False, listen="127.0.0.1:0", program=str(PROGRAM),
                        environment=sites.environment)
        try:
            listed = list_sites(sites, daemon)
            todo = chosen(listed)
            for site, step in todo:
                outcome = one(sites, daemon, site, step)
                outcomes[outcome.what] += 1
                with open(TABLE, "a", encoding="utf-8") as file:
                    file.write(json.dumps(outcome.row()) + "\n")
                if outcome.is_defect:
                    defects.append(str(outcome))
                    print(f"# {outcome}", flush=True)
        finally:
            if daemon.process and daemon.process.poll() is None:
                daemon.process.kill()
                daemon.process.wait(PATIENCE)
            daemon.process = None  # each was waited for
            daemon.close()
    figures("sites-start", listed=len(listed), tried=len(todo), defects=len(defects), seed=SEED,
            **{what.replace(" ", "_"): count for what, count in outcomes.items()})
    assert not defects, f"{len(defects)} of {len(todo)}: " + "; ".join(defects[:5])


if __name__ == "__main__":
    main(globals())
