#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_dxc_shdx - SHOW/DX
# PURPOSE   What it finds, in which layout; what it refuses; that a worker that dies in the middle of an
#           answer neither loses nor repeats a row, and that a long search holds nobody else up.
# OWNER     make check
# CONTRACT  prints ok or not ok for each test
# LIMITS    needs hamradio-files, and root for the rings of feeds
# RUNS      beside others

import os
import re
import shutil
import signal
import sys
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.cluster import Cluster
from lib.shackd import eventually, main
from lib.spots import Feeds, Spot
from lib.upstream import Upstream, feed

MANY = 60000  # spots that a long search looks at
ROWS = 600  # of skimmers; each tenth frequency is another band
ROW = re.compile(r"^ *(\d+\.\d) (\S+) +[ 123]\d-[A-Z][a-z]{2}-20\d\d \d{4}Z .*<(\S+)>$")


def filled(cluster, rbn, human):
    """ROWS spots of skimmers and six of people, the newest last."""
    now = datetime.now(timezone.utc).strftime("%H%MZ")
    skimmer, person = rbn.accept().login(call="N0NODE-2"), human.accept().login(call="N0NODE-2")
    for i in range(ROWS):
        khz = (7000 if i % 10 == 0 else 14000) + i / 10
        skimmer.send(f"DX de W3LPL-#:  {khz:.1f}  LZ{i % 10}A{chr(65 + i // 26 % 26)}{chr(65 + i % 26)}  "
                     f"CW    24 dB  22 WPM  CQ      {now}\r\n")
    eventually(lambda: count(cluster) == ROWS, 20, "the spots of skimmers in the log")
    for khz, dx, words in ((14195.0, "3B8CW", "up 5 QSL via K1ABC"), (14200.0, "P5DX", "59 <ES>"),
                           (7160.0, "EA6NB", "IOTA EU-004"), (21300.0, "P5D", "in JO02ab"),
                           (14074.0, "W1AW/P", "FT8 -12 dB"), (28500.0, "ZL1XX", "tnx")):
        person.send(f"DX de G4XYZ:  {khz:.1f}  {dx}  {words}  {now}\r\n")
    eventually(lambda: count(cluster) == ROWS + 6, 20, "those of people")


def count(cluster):
    found = re.search(r'^shackd_spot_kept_total{slot="spot"} (\d+)', cluster.ask("metrics")[1], re.M)
    return int(found[1]) if found else 0


class Filled(Cluster):
    """A daemon whose log has all of these."""

    def __init__(self, *options):
        self.rbn, self.human = Upstream(), Upstream()
        super().__init__(*self.rbn.feed("rbn", type="rbn"), *self.human.feed("human", type="cluster"), *options)
        filled(self, self.rbn, self.human)

    def __exit__(self, *exc):
        super().__exit__(*exc)
        self.rbn.__exit__(*exc)
        self.human.__exit__(*exc)


def parsed(lines):
    rows = [ROW.match(line) for line in lines]
    assert all(rows), lines
    return [(float(row[1]), row[2], row[3]) for row in rows]


def stations(user, arguments):
    return [row[1] for row in parsed(user.ask(f"sh/dx {arguments}".strip()))]


def frequencies(user, arguments):
    return [row[0] for row in parsed(user.ask(f"sh/dx {arguments}".strip()))]


# what is asked for -> which stations come, the newest first
FOUND = {
    "6": ["ZL1XX", "W1AW/P", "P5D", "EA6NB", "P5DX", "3B8CW"],
    "2-3": ["W1AW/P", "P5D"],
    "p5": ["P5D", "P5DX"],
    "p5d exact": ["P5D"],
    "*6nb": ["EA6NB"],
    "zl1?x": ["ZL1XX"],
    "p5dx,ea6": ["EA6NB", "P5DX"],
    "by g4xyz on 20m": ["W1AW/P", "P5DX", "3B8CW"],
    "on 14190/14200 by g4": ["P5DX", "3B8CW"],
    "on hf/data": ["W1AW/P"],
    "on 40m by g4xyz": ["EA6NB"],
    "info qsl": ["3B8CW"],
    "info {up 5|tnx}": ["ZL1XX", "3B8CW"],
    "dxcc 3b8": ["3B8CW"],
    "dxcc zl 5": ["ZL1XX"],
    "zone 32": ["ZL1XX"],
    "qsl": ["3B8CW"],
    "iota": ["EA6NB"],
    "iota eu-004": ["EA6NB"],
    "qra": ["P5D"],
    "<es>": ["P5DX"],
    "by g4xyz and not (p5 or on 20m)": ["ZL1XX", "EA6NB"],
    "day 0-0 p5d exact": ["P5D"],
}

# what is refused, and how
REFUSED = {
    "999999999": "Invalid count. Use 1-250.",  # X26
    "-5": "Invalid count. Use 1-250.",
    "1e9": "Invalid count. Use 1-250.",
    "0": "Invalid count. Use 1-250.",
    "251": "Invalid count. Use 1-250.",
    "info {(a+)+$}": "Only words and {A|B|C} can be looked for, no patterns",  # X27
    "(" * 150 + "lz": "Too many parentheses",  # X28
    "on 99m": "'99m' is no band (20m, hf/cw) and no range (14000/14050)",
    "lz;": "token 'lz;' not recognised",
    "zz9zz": "sh/dx: 'zz9zz' not found",
    "p5 on 6m": "sh/dx: 'p5 on 6m' not found",
    "dxcc lz day 50": "sh/dx: 'dxcc lz day 50' not found",
}


def test_answers():
    with Filled() as cluster, cluster.user("K1ABC") as user:
        user.ask("set/dx")
        for arguments, wanted in FOUND.items():
            assert stations(user, arguments) == wanted, (arguments, stations(user, arguments))
        for arguments, wanted in REFUSED.items():
            assert user.ask(f"sh/dx {arguments}") == [wanted], arguments
        # ways to write it
        assert len(user.ask("sh/dx")) == 10
        for command in ("sh/dx/25", "sh/dx 25", "show dx 25", "SH DX 25", "show/dx 25"):
            assert len(user.ask(command)) == 25, command
        assert parsed(user.ask("sh/dx/10-20")) == parsed(user.ask("sh/dx 20"))[9:]
        # the newest first, all of them, to the last one
        newest = [khz for khz in frequencies(user, "7-250 lz")]
        assert newest == [14000 + i / 10 if i % 10 else 7000 + i / 10 for i in range(593, 349, -1)], newest
        assert len(frequencies(user, "501-750 by w3lpl")) == 100
        layouts(user)


def layouts(user):
    row = user.ask("sh/dx 3b8cw")
    assert len(row[0]) == 77 and row[0].startswith("  14195.0 3B8CW       "), row
    live = user.ask("sh/dx 3b8cw real")
    assert len(live[0]) == 75 and live[0].startswith("DX de G4XYZ:     14195.0  3B8CW        up 5 QSL via K1ABC  "), live
    assert user.ask("sh/fdx 3b8cw") == live
    user.ask("set/format wide78")
    wide = user.ask("sh/dx 3b8cw")
    assert len(wide[0]) == 78 and wide[0].startswith("DX de G4XYZ:      14195.0  3B8CW       "), wide
    user.ask("set/format rbn")
    assert user.ask("sh/dx 1 lz")[0].startswith("DX de W3LPL-#:   14059.9  LZ9A"), user.ask("sh/dx 1 lz")
    user.ask("set/format json")
    assert '"dx":"3B8CW"' in user.ask("sh/dx 3b8cw")[0]
    user.ask("set/format spider")
    assert user.ask("sh/dx 3b8cw") == row


def test_hostile_comments():
    """X19 to X22: whatever is typed, each layout shows one line of printable ASCII, and no second spot."""
    comments = (b"\x1b[2J\x1b]0;title\x07 red \x1b[31mred", b"up \xff\xfe na\xc3\xafve \xf0\x9f\x93\xbb",
                b"DX de FAKE: 14000.0 K1ABC 1234Z", b"%0d%0a%s%n%d", b"x\rDX de FAKE: 14000.0 K1ABC")
    with Cluster() as cluster, cluster.user("K1ABC") as user:
        for i, comment in enumerate(comments):
            user.type(f"dx 1421{i}.5 lz{i}aa ".encode() + comment)
        eventually(lambda: count(cluster) == len(comments), 10, "the spots in the log")
        user.type("echo all")
        user.expect("^all$")
        user.prompt()
        for layout in ("wide78", "rbn", "json", "spider"):
            user.ask(f"set/format {layout}")
            for arguments in ("on 20m", "on 20m real"):
                rows = user.ask(f"sh/dx {arguments}")
                assert len(rows) == len(comments), rows
                for row in rows:
                    assert re.fullmatch("[ -~]+", row), row
                    assert layout == "json" or "DX de" not in row[1:], row
        assert "%0d%0a%s%n%d" in user.ask("sh/dx lz3aa")[0]


def test_nothing_yet():
    with Cluster() as cluster, cluster.user("K1ABC") as user:
        assert user.ask("show dx 5") == ["No spots available."]
        assert user.ask("sh/dx lz") == ["sh/dx: 'lz' not found"]


def kill_worker(cluster):
    before = cluster.worker_pids()["dxc.0"]
    os.kill(before, signal.SIGKILL)
    return before


def test_a_death_in_the_middle_of_an_answer():
    """The user reads slowly; whenever the worker dies, he gets each row once."""
    with Filled() as cluster, cluster.user("K1ABC", buffer=4096) as user:
        wanted = user.ask("sh/dx 250 lz")
        assert len(wanted) == 250
        for deaths in range(1, 6):
            got = []
            user.type("sh/dx 250 lz")
            for _ in range(deaths):
                got += [user.line() for _ in range(17)]
                kill_worker(cluster)
            got += user.prompt()
            assert got == wanted, [line for line in got if line not in wanted]


def test_a_long_search():
    """It is done in slices, whoever dies meanwhile; each spot is looked at once."""
    with Cluster(*feed("f0", 1, slot_buffer=4000)) as cluster, Feeds(cluster) as feeds, \
            cluster.user("K1ABC") as user, cluster.user("K2ABC") as other:
        for first in range(0, MANY, 500):
            feeds.put([Spot(first + i, 0, "W3LPL-#", f"LZ{i % 10}A{chr(65 + i // 26)}{chr(65 + i % 26)}",
                            14000000 + first * 4 + i) for i in range(500)])
        feeds.sync()
        kept = count(cluster)
        assert kept > MANY * 0.9, kept
        assert user.ask("sh/dx zz9zz") == ["sh/dx: 'zz9zz' not found"]
        looked, slices = (cluster.count(f"dxc_search{name}_total") for name in ("ed_spots", "_slices"))
        assert slices >= 2 and kept <= looked < kept + slices, (kept, looked, slices)
        for _ in range(5):
            user.type("sh/dx info zz9")
            other.type("sh/dx 1 lz9")
            kill_worker(cluster)
            assert user.prompt() == ["sh/dx: 'info zz9' not found"]
            assert len(parsed(other.prompt())) == 1


def test_what_people_typed_outlives_the_log():
    """A daemon that starts on a machine that did, too, has no log of spots, but finds what was typed."""
    with Filled() as cluster:
        with cluster.user("K1ABC") as user:
            before = user.ask("sh/dx by g4xyz")
            assert len(before) == 6
        eventually(lambda: human_count(cluster) == 6, 10, "the durable log")
        cluster.stop()
        shutil.rmtree(cluster.shm_dir / "spots")
        cluster.start()
        with cluster.user("K1ABC") as user:
            after = user.ask("sh/dx")
            assert after == before, (after, before)
            assert user.ask("sh/dx 2-3 by g4xyz") == before[1:3]


def human_count(cluster):
    found = re.search(r'^shackd_human_spots{.*} (\d+)', cluster.ask("metrics")[1], re.M)
    return int(found[1]) if found else 0


if __name__ == "__main__":
    main(globals())
