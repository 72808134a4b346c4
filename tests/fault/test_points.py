#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_points - a process dies, or hangs, where it is worst
# PURPOSE   At every marked point of the test build (shm/fault_points.def), in boot, serving, reload, upgrade
#           and stop, a process is killed, crashes, stops or spins. What must then be so is looked at from
#           outside: everybody is there again, no registration, frame, spot or session is lost or doubled,
#           nothing is left over; after the death of the master a cold start brings all of it back.
# OWNER     tests
# CONTRACT  ACTS="die crash stop spin" in the environment: which of them (default: die, and the others at a few
#           points); KINDS=all: each kind of worker at the points that all pass (default: one of them, in
#           turn). WORDS: only points whose name contains one. Without any of these a third of the
#           points at which the master dies, another one each day (SHARE=0, 1 or 2), for each of them takes
#           a cold start. Writes build/points.md.
# RUNS      beside others
# LIMITS    one process dies at a time. A master that hangs is ended by its operator, here by the test:
#           nothing in the daemon watches it but what started it

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from lib.figures import figures  # noqa: E402
from lib.house import House  # noqa: E402
from lib.points import Orders, points  # noqa: E402
from lib.scenes import SCENES  # noqa: E402
from lib.shackd import ROOT, SLOW, alive, eventually, main  # noqa: E402

ACTS = os.environ.get("ACTS", "").split()
WORDS = os.environ.get("WORDS", "").split()
SHARE = int(os.environ.get("SHARE", time.time() // 86400)) % 3
ALL_KINDS = os.environ.get("KINDS", "") == "all"
REPORT = ROOT / "build/points.md"
KINDS = ("ysf.1", "keeper", "log", "data", "link", "dxc.1", "spot", "feed.0")
STORES = (("ysf", "voice"), ("keeper", "block"), ("dxc", "login"), ("spot", "spots"), ("data", "lists"))
HEIRS = ("ysf.1", "dxc.1", "feed.0")
MASTERS = ("master", "adopter")
# beside their death, in the short run
OFTEN = {"YSF_RELAY_BEGUN": ["crash", "stop"], "KEEPER_ACTED": ["spin"], "SPOT_COMMITTED": ["crash"],
         "STORE_BEGUN": ["stop"], "RELOAD_HALF": ["stop"], "ADOPT_HEIR": ["crash"], "ADOPT_HANDED": ["crash"],
         "STAGE_JUDGED": ["stop"], "WORKER_OPEN": ["spin"]}
PATIENCE = 20.0  # seconds until a point is passed


class Case:
    def __init__(self, point, act, who, when):
        self.point, self.act, self.who, self.when = point, act, who, when
        self.outcome = None

    def __str__(self):
        return f"{self.point.name} {self.act}" + (f" in {self.who}" if self.who else "")


def victims(point, turn):
    """(who, when) of everybody who is to pass a point."""
    if point.who == "store":
        return list(STORES) if ALL_KINDS else [STORES[turn % len(STORES)]]
    if point.who == "any":
        return [(kind, point.when) for kind in KINDS] if ALL_KINDS else \
            [(KINDS[turn % len(KINDS)], point.when)]
    if point.who == "heir":
        return [(kind, point.when) for kind in HEIRS]
    if point.who in ("child", "rehearsal"):
        return [("", point.when)]
    return [("master" if point.who in MASTERS else point.who, point.when)]


def is_wanted(point, turn):
    if WORDS:
        return any(word in point.name for word in WORDS)
    return bool(ACTS) or point.who not in MASTERS or point.name in OFTEN or turn % 3 == SHARE


def cases():
    found = []
    for turn, point in enumerate(points()):
        if not is_wanted(point, turn):
            continue
        for act in ACTS or ["die"] + OFTEN.get(point.name, []):
            found += [Case(point, act, who, when) for who, when in victims(point, turn)]
    return found


class Loop:
    """Case after case in one house, or in another when that one fell down."""

    def __init__(self, orders):
        self.orders, self.house = orders, None
        self.failed, self.done = [], []

    def open(self):
        if self.house is None:
            self.house = House(environment=self.orders.environment).__enter__().move_in()
        return self.house

    def close(self):
        self.orders.disarm()
        if self.house is not None:
            self.house.close()
        self.house = None

    def try_all(self, all_cases):
        for case in all_cases:
            began = time.monotonic()
            try:
                case.outcome = self.boot(case) if case.when == "boot" else self.case(case)
            except Exception as error:  # whatever it was, the others are tried too
                case.outcome = "FAILED: " + " ".join(str(error).split())[:200]
                self.failed.append(case)
                print(f"# {case}: {case.outcome}", flush=True)
                if os.environ.get("VERBOSE"):
                    import traceback
                    traceback.print_exc()
                    print(self.house.daemon.log()[-3000:])
                self.close()
            self.done.append(case)
            if os.environ.get("VERBOSE"):
                print(f"# {case}: {case.outcome} ({time.monotonic() - began:.2f} s)", flush=True)

    def passed(self):
        eventually(lambda: self.orders.hits, PATIENCE, "the point's passage")

    # ---- while it starts ----

    def boot(self, case):
        house = self.open()
        house.daemon.stop()
        self.orders.arm(case.point, case.act, case.who)
        house.daemon.process.stdout.close()
        house.daemon.launch()
        self.passed()
        self.end_master(case)
        took = house.reborn()
        house.look()
        return f"cold start {took:.2f} s"

    # ---- while it serves ----

    def end_master(self, case):
        """Who died is dead; who hangs is ended by an operator."""
        self.orders.disarm()
        if case.act in ("stop", "spin"):
            self.house.kill()
        self.house.daemon.process.wait(10 * SLOW)

    def case(self, case):
        house = self.open()
        scene = SCENES[case.when](house, case.who)
        self.orders.arm(case.point, case.act, case.who)
        scene.play()
        self.passed()
        began = time.monotonic()
        self.orders.disarm()
        if case.when == "stop":
            return self.stopped(case)
        alone = self.is_alone(case)
        if alone:
            self.end_master(case)
            scene.mend()
            took = house.reborn()
        else:
            if case.point.who not in MASTERS:
                eventually(lambda: not alive(self.orders.pid), PATIENCE, "the end of who hangs")
            house.settle()
            took = time.monotonic() - began
        scene.judge(alone)
        house.look()
        return f"cold start {took:.2f} s" if alone else f"whole after {took:.2f} s"

    def is_alone(self, case):
        """Did the master go, or has it to be ended? A new image that crashes or hangs before it has
        committed goes back to the one before; but not one that is killed or stopped."""
        if case.point.who not in MASTERS:
            return False
        return case.point.who == "master" or case.act in ("die", "stop")

    def stopped(self, case):
        if case.point.who == "master":
            self.end_master(case)
        else:
            self.house.daemon.process.wait(15 * SLOW)
        left = eventually(lambda: [] == self.house.left_over(), 5, "the end of all processes")
        assert left, "processes are left"
        took = self.house.reborn()
        self.house.look()
        return f"ended; cold start {took:.2f} s"


def tell(done):
    """The table: a row for each point and victim, a column for each act."""
    rows, acts = {}, []
    for case in done:
        rows.setdefault((case.point, case.who, case.when), {})[case.act] = case.outcome
        if case.act not in acts:
            acts.append(case.act)
    lines = ["# What became of the daemon at each marked point", "",
             f"| point | who | when | what has happened | {' | '.join(acts)} |",
             "|" + "---|" * (4 + len(acts))]
    for (point, who, when), outcome in rows.items():
        lines.append(f"| {point.name} | {who or point.who} | {when} | {point.text} | " +
                     " | ".join(outcome.get(act, "") for act in acts) + " |")
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text("\n".join(lines) + "\n")


def test_every_point():
    with Orders() as orders:
        loop = Loop(orders)
        try:
            loop.try_all(cases())
        finally:
            loop.close()
    tell(loop.done)
    figures("points", cases=len(loop.done), points=len({case.point for case in loop.done}),
            failed=len(loop.failed))
    print(f"# {len(loop.done)} deaths and hangs, {len(loop.failed)} with harm: {REPORT}")
    assert not loop.failed, f"{len(loop.failed)} of {len(loop.done)}: {loop.failed[0]}: {loop.failed[0].outcome}"


def test_the_table_names_all_of_them():
    """A point that nothing passes would be tried in vain, one that is passed elsewhere looked at wrongly."""
    sources = [path.read_text() for folder in ("master", "workers", "shm")
               for path in (ROOT / folder).rglob("*.c")]
    for point in points():
        count = sum(text.count(f"FAULT_{point.name})") + text.count(f"FAULT_{point.name} :")
                    for text in sources)
        assert count == 1, f"{point.name} stands at {count} places"


if __name__ == "__main__":
    main(globals())
