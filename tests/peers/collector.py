#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      collector - the collector of pYSFReflector3 at the peer and at ours
# PURPOSE   Runs the unmodified collector3.py twice, once for each reflector, while both get the same
#           traffic; compares the rows of the two data bases.
# OWNER     people; not part of make check
# CONTRACT  PEER=/path/to/pYSFReflector3 tests/peers/collector.py; prints every difference with its
#           reason, `ok` and `not ok` lines, `N passed, N failed`; exit 0 or 1. Without PEER: SKIP.
#           Of the collector the two settings at its head are set (port, data base), nothing else.
# LIMITS    loopback; two and a half minutes, for the peer lists its gateways after two

import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pysf import Ours, Peer, Traffic, need_peer, wait_until
from shackd import die_with_parent

COLLECTOR = "dashboard/collector3/collector3.py"
# what can't be the same twice: random numbers and clocks
OWN = {"stream_id", "time", "date_time", "ID", "TC", "CF", "TR", "BTH_TCORR"}


class Collector:
    def __init__(self, source, reflector):
        self.folder = Path(tempfile.mkdtemp(prefix="shackd-collector-"))
        self.base = self.folder / "collector3.db"
        text = (source / COLLECTOR).read_text()
        text, port = re.subn(r"^srv_addr_port = .*$",
                             f"srv_addr_port = ('127.0.0.1', {reflector.json})", text, flags=re.M)
        text, base = re.subn(r"^db = .*$", f"db = {str(self.base)!r}", text, flags=re.M)
        assert port == base == 1, "this collector has other settings at its head"
        (self.folder / "collector3.py").write_text(text)
        self.output = open(self.folder / "output", "wb+")
        self.process = subprocess.Popen([sys.executable, "-u", "collector3.py"], cwd=self.folder,
                                        stdin=subprocess.DEVNULL, stdout=self.output,
                                        stderr=self.output, preexec_fn=die_with_parent)
        wait_until(lambda: self.rows("reflector"), f"the collector's start at {reflector.name}")

    def rows(self, table):
        try:
            with sqlite3.connect(f"file:{self.base}?mode=ro", uri=True, timeout=5) as base:
                base.row_factory = sqlite3.Row
                return [dict(row) for row in base.execute(f"SELECT rowid, * FROM {table} "
                                                          "ORDER BY rowid")]
        except sqlite3.OperationalError:
            return []

    def said(self):
        return (self.folder / "output").read_text(errors="replace")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.output.close()
        shutil.rmtree(self.folder, ignore_errors=True)


# (table, who, column): why it differs. WHO is what stands in the row's `call`, or "*".
INTENDED = {
    ("reflector", "*", "system"): "its own name",
    ("reflector", "*", "ver"): "its own version",
    ("streams", "DL5PTT", "extra"): "",
}


class Verdict:
    def __init__(self):
        self.passed = self.failed = 0

    def difference(self, table, who, column, peer, ours):
        why = (INTENDED.get((table, who, column)) or INTENDED.get((table, "*", column)))
        print(f"  {table} {who} {column}: peer {peer!r}, ours {ours!r}"
              f"{' - ' + why if why else ''}")
        return bool(why)

    def table(self, name, peer, ours, key):
        """Rows by KEY; those of the same key in their order."""
        good = True
        for who in sorted({row[key] for row in peer + ours}):
            theirs = [row for row in peer if row[key] == who]
            mine = [row for row in ours if row[key] == who]
            if len(theirs) != len(mine):
                good &= self.difference(name, who, "rows", len(theirs), len(mine))
            for one, other in zip(theirs, mine):
                for column in one.keys() - OWN - {"rowid"}:
                    if one[column] != other[column]:
                        good &= self.difference(name, who, column, one[column], other[column])
        self.say(good and peer, f"{name}: {len(peer)} rows at the peer, {len(ours)} at ours")

    def say(self, good, what):
        print(f"{'ok' if good else 'not ok'} {what}")
        self.passed += bool(good)
        self.failed += not good


def main():
    source = need_peer(COLLECTOR)
    opened = []

    def open_(thing):
        opened.append(thing)
        return thing

    try:
        peer, ours = open_(Peer(source)), open_(Ours())
        collectors = [open_(Collector(source, reflector)) for reflector in (peer, ours)]
        traffic = open_(Traffic(peer, ours))
        traffic.evening()
        print(f"the traffic took {time.monotonic() - peer.started:.0f} s; waiting for the lists")
        while not (collectors[0].rows("connected") and collectors[1].rows("connected") and
                   time.monotonic() - ours.started > 123):
            traffic.idle(1)
            assert time.monotonic() - peer.started < 200, "no list"
        traffic.idle(3)
        verdict = Verdict()
        for table, key in (("reflector", "REF_ID"), ("streams", "call"), ("connected", "call"),
                           ("blocked", "call")):
            verdict.table(table, *(one.rows(table) for one in collectors), key)
        for reflector, collector in zip((peer, ours), collectors):
            alive = collector.process.poll() is None
            errors = [line for line in collector.said().splitlines() if "Error" in line or
                      re.fullmatch(r"'\w+'", line)]
            verdict.say(alive and not errors, f"the collector of {reflector.name} met no error"
                        + "".join(f"\n  {line}" for line in errors))
        print(f"{verdict.passed} passed, {verdict.failed} failed")
        return 1 if verdict.failed else 0
    finally:
        for thing in reversed(opened):
            thing.close()


if __name__ == "__main__":
    sys.exit(main())
