#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      logdashboard - a dashboard that reads logs, at the peer's log and at ours
# PURPOSE   Gives the same traffic to both reflectors, feeds both logs to the unmodified functions.js
#           of WSYSFDash (dg9vh), and compares the tables that a browser would show.
# OWNER     people; not part of make check
# CONTRACT  PEER=/path/to/pYSFReflector3 DASHBOARD=/path/to/WSYSFDash tests/peers/logdashboard.py;
#           needs node; prints what both show, every difference with its reason, `ok` and `not ok`
#           lines, `N passed, N failed`; exit 0 or 1. Without PEER or DASHBOARD: SKIP
# LIMITS    loopback; two and a half minutes, for the peer lists its gateways after two

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pysf import Ours, Peer, Traffic, need_peer

TABLES = {"t_lh": "last heard", "t_allh": "all heard", "t_gw": "gateways",
          "t_mgw": "muted gateways", "t_ct": "now transmitting"}
HEARD = ("time", "caller", "target", "gateway", "seconds", "mode", "position")
LINKED = ("listed", "linked", "gateway", "address")
CLOCKS = {"time", "seconds", "listed", "linked"}  # compared as far as they can be: not at all

# (column, caller or gateway): why it differs
INTENDED = {
    "position": "the peer has no bar behind the coordinates and its cell is empty or cut",
    "IU5TMO": "a call that was cut has an end at ours; the peer's stays on the air",
}


def need_dashboard():
    folder = os.environ.get("DASHBOARD")
    if not folder or not (Path(folder) / "html/js/functions.js").exists() or not shutil.which("node"):
        print("SKIP: DASHBOARD is not the folder of WSYSFDash, or there is no node")
        sys.exit(0)
    return Path(folder)


def show(dashboard, reflector):
    with tempfile.NamedTemporaryFile("w") as log:
        log.write(reflector.log())
        log.flush()
        done = subprocess.run(["node", Path(__file__).with_name("wsysfdash.js"), dashboard / "html",
                               log.name], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"the dashboard failed on the log of {reflector.name}: {done.stderr}")
    return json.loads(done.stdout)


def compare(name, peer, ours):
    """Prints the rows of a table; true if only what is intended differs."""
    columns = LINKED if name in ("t_gw", "t_mgw") else HEARD
    good = len(peer) == len(ours)
    print(f"{TABLES[name]}: {len(peer)} rows at the peer, {len(ours)} at ours")
    order = columns.index("gateway") if columns is LINKED else None
    if order is not None:
        peer, ours = (sorted(rows, key=lambda row: row[order]) for rows in (peer, ours))
    for one, other in zip(peer, ours):
        same = all(theirs == mine or column in CLOCKS
                   for column, theirs, mine in zip(columns, one, other))
        print(f"    both {other}" if same else f"    peer {one}\n    ours {other}")
        for column, theirs, mine in zip(columns, one, other):
            if theirs == mine or column in CLOCKS:
                continue
            why = INTENDED.get(column) or INTENDED.get(one[1])
            print(f"      {column}: {theirs!r} and {mine!r}{' - ' + why if why else ''}")
            good &= bool(why)
    return good


def main():
    source, dashboard = need_peer(), need_dashboard()
    opened = []
    try:
        peer, ours = Peer(source), Ours()
        opened += [peer, ours]
        traffic = Traffic(peer, ours)
        opened.append(traffic)
        traffic.evening()
        while time.monotonic() - ours.started < 123:
            traffic.idle(1)
        shown = [show(dashboard, reflector) for reflector in (peer, ours)]
        results = [(TABLES[name], compare(name, shown[0][name], shown[1][name])) for name in TABLES]
        for what, good in results:
            print(f"{'ok' if good else 'not ok'} {what}")
        failed = sum(not good for _, good in results)
        print(f"{len(results) - failed} passed, {failed} failed")
        return 1 if failed else 0
    finally:
        for thing in reversed(opened):
            thing.close()


if __name__ == "__main__":
    sys.exit(main())
