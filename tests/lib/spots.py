# SPDX-License-Identifier: ISC
#
# NAME      spots - feeds of a test's own, and what must become of their spots
# PURPOSE   Puts spots into the rings of a daemon, knows by the rules of the field which of them must be
#           in the log, and reads the log past the daemon.
# OWNER     flow tests
# CONTRACT  the rules are written from the field's description, with no part of the product. Each spot
#           carries a number of its own in its comment
# LIMITS    root, for the rings are the master's

import random
import subprocess
import threading

from lib.builds import BUILD, need
from lib.shackd import IS_ROOT, SLOW, Daemon, Skip

SPOTFILL = BUILD / "tests/fault/spotfill"
CW, USB, RTTY, FT8 = 1, 3, 4, 5
HUMAN, BEACON, HAS_REPORT = 1, 2, 8
NEAR = {CW: 300, RTTY: 300, USB: 1000, FT8: 3000}
KIND = {CW: "cw", RTTY: "cw", USB: "voice", FT8: "digital"}
SECOND = 1000000000


def configure(daemon, window, feeds):
    daemon.config.write_text(f"[spot dedup]\nwindow = {window}\n" + "".join(
        f"[feed f{i}]\ntype = rbn\nhost = 127.0.0.1\nport = 1\nslot_buffer = 1000\n"
        for i in range(feeds)))


def cluster(*options, window="120s", feeds=2, **more):
    """A daemon whose feeds dial in vain."""
    if not IS_ROOT:
        raise Skip("only root reaches the master's rings")
    daemon = Daemon("dxc.node_call=N0CALL-1", "dxc.listen=127.0.0.1:0", "ysf.enabled=no", *options,
                    start=False, **more)
    daemon.config = daemon.base / "shackd.ini"
    configure(daemon, window, feeds)
    try:
        return daemon.start()
    except BaseException:
        daemon.close()
        raise


class Spot:
    def __init__(self, number, feed, de, dx, hz, mode=CW, report=None, flags=0, age=0, text=""):
        self.number, self.feed, self.de, self.dx, self.hz = number, feed, de, dx, hz
        self.mode, self.report, self.flags, self.age = mode, report, flags, age
        self.text = text
        self.arrived = self.time = None

    def line(self):
        report = "-" if self.report is None else self.report
        return (f"{self.feed} {self.de} {self.dx} {self.hz} {self.mode} {report} {self.flags} "
                f"{self.age} {self.text} #{self.number}\n")


class Rules:
    """Which spots must be in the log. Spots of one spotter come in the order of their arrival."""

    def __init__(self, window, max_age=300, human_window=3600):
        self.window, self.human_window = window * SECOND, human_window * SECOND
        self.max_age = max_age
        self.marks, self.typed = {}, {}

    def passes(self, spot):
        if spot.age > self.max_age and not spot.flags & HUMAN and "BEACON" not in spot.text:
            return False
        return self.person(spot) if spot.flags & HUMAN else self.machine(spot)

    def person(self, spot):
        letters = "".join(c for c in f"{spot.text} #{spot.number}".upper() if c.isalnum())[:20]
        key = spot.dx, spot.de.split("-")[0], spot.hz // 1000, spot.time // 60, letters
        first = self.typed.get(key)
        if first is not None and spot.arrived - first < self.human_window:
            return False
        self.typed[key] = spot.arrived
        return True

    def machine(self, spot):
        marks = self.marks.setdefault((spot.de, spot.dx, KIND[spot.mode]), [])
        same = [m for m in marks if abs(m["hz"] - spot.hz) <= NEAR[spot.mode] and
                spot.arrived - m["first"] < self.window]
        for mark in same:
            better = spot.report is not None and not mark["raised"] and (
                mark["report"] is None or spot.report - mark["report"] >= 6)
            if not better:
                return False
        for mark in same:
            mark["raised"] = True
        if not same:
            marks.append({"hz": spot.hz, "first": spot.arrived, "report": spot.report,
                          "raised": False})
        return True


class Feeds:
    """with Feeds(daemon) as feeds: feeds.put([spot, ...])"""

    def __init__(self, daemon):
        self.daemon = daemon
        self.sent = []
        self.process = subprocess.Popen([need(SPOTFILL), "put", str(daemon.pid)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def put(self, spots):
        self.process.stdin.write("".join(spot.line() for spot in spots))
        self.process.stdin.flush()
        for spot in spots:
            spot.arrived, spot.time = map(int, self.process.stdout.readline().split())
        self.sent += spots

    def sync(self):
        """Waits until the pipeline has taken all of them."""
        guard = threading.Timer(20 * SLOW, self.process.kill)
        guard.start()
        self.process.stdin.write("sync\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        guard.cancel()
        assert answer == "done", "the pipeline left spots in the rings"

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=10)


def log_of(daemon):
    """[(number in the log, number of the spot)]"""
    done = subprocess.run([need(SPOTFILL), "log", str(daemon.shm_dir / "spots")],
                          stdout=subprocess.PIPE, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    return [(int(row[0]), int(row[-1].removeprefix("#"))) for row in rows]


def judge(feeds, rules, log):
    """What is wrong: (lost, doubled, not to be passed), numbers of spots."""
    must = [spot.number for spot in feeds.sent if rules.passes(spot)]
    have = [number for _, number in log]
    doubled = sorted({n for n in have if have.count(n) > 1}) if len(set(have)) < len(have) else []
    return sorted(set(must) - set(have)), doubled, sorted(set(have) - set(must))


class Traffic(threading.Thread):
    """Random spots, in bursts, until they are enough."""

    def __init__(self, feeds, seed=20261122):
        super().__init__(daemon=True)
        self.feeds, self.rng = feeds, random.Random(seed)
        self.number, self.enough, self.error = 0, threading.Event(), None

    def spot(self):
        rng, self.number = self.rng, self.number + 1
        feed = rng.randrange(2)
        de, dx = f"K{feed}LR{rng.randrange(20)}A-#", f"LZ{rng.randrange(10)}V{chr(65 + rng.randrange(20))}"
        hz = 14010000 + rng.randrange(4) * 250
        kind = rng.randrange(20)
        report = rng.randrange(30) if rng.randrange(4) else None
        if kind == 0:  # its number behind what is compared
            return Spot(self.number, feed, de[:-2], dx, hz, flags=HUMAN, text="A" * 20)
        if kind == 1:
            return Spot(self.number, feed, de, dx, hz, report=report, age=rng.choice((250, 400)),
                        text=rng.choice(("CQ", "BEACON")))
        mode = rng.choice((CW, CW, CW, RTTY, FT8, USB))
        return Spot(self.number, feed, de, dx, hz, mode=mode, report=report, text="CQ")

    def run(self):
        try:
            while not self.enough.wait(0.001):
                self.feeds.put([self.spot() for _ in range(self.rng.randrange(1, 120))])
        except (OSError, ValueError) as error:
            self.error = error

    def stop(self):
        self.enough.set()
        self.join(20 * SLOW)
        assert self.error is None and not self.is_alive(), self.error


def counted(daemon, name):
    """{labels: value} of a counter of the pipeline."""
    status, text, _ = daemon.ask("metrics")
    assert status == 0
    found = {}
    for line in text.splitlines():
        if line.startswith(f"shackd_{name}") and 'slot="spot"' in line:
            labels, value = line.rsplit(" ", 1)
            found[labels.partition("{")[2].rstrip("}")] = int(float(value))
    return found
