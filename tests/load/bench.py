#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      bench - how fast, how dear, how big, beside a bare loop on the same machine
# PURPOSE   Measures the daemon and the bare loop in interleaved rounds, prints medians with the
#           targets beside them, and writes one JSON line for each figure of each round.
# OWNER     make bench; options in BENCH="--quick --only ceiling"
# CONTRACT  run at the top of the tree, after building. Reflector on processor 0, simulator on
#           processor 1, for both alike. Exit 0 when everything could be measured, whatever the
#           figures say: ratios of a shared machine are for people to judge.
# LIMITS    two processors at least; root for the large receive buffers

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import bench_fan
import bench_filter
import bench_lists
import bench_spots
from bench_lab import (BUILD, REFLECTOR_CPU, SIM_CPU, Bare, LabError, Product, Simulator, cpu_ns,
                       go_on, halt, memory_after, pinned, queues, wait_idle)

CEILING = ((10, 32), (100, 32), (1000, 32), (10000, 4))
REAL_TIME = (1000, 10000)
PRELOAD = 5000
FRAME_ERRORS = (0, 10)  # of 1,000 bits
FRAME_LIST = 100000
MIB = 1024


class Book:
    """All figures: to the file as they come, to the table at the end."""

    def __init__(self, args):
        self.values = {}
        self.rows = []
        self.seed = args.seed
        self.commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], check=False,
                                     stdout=subprocess.PIPE, text=True).stdout.strip()
        os.makedirs(os.path.dirname(args.out) or ".", exist_ok=True)
        self.file = open(args.out, "a", encoding="ascii")

    def add(self, figure, who, value, unit, start, **more):
        self.values.setdefault((figure, who), []).append(value)
        self.file.write(json.dumps({
            "figure": figure, "contestant": who, "round": len(self.values[(figure, who)]),
            "value": value, "unit": unit, "seed": self.seed, "commit": self.commit,
            "start": round(start, 3), "end": round(time.time(), 3), **more}) + "\n")
        self.file.flush()

    def median(self, figure, who):
        values = self.values.get((figure, who))
        return statistics.median(values) if values else None

    def worst(self, figure, who):
        return max(self.values.get((figure, who), [0]))

    def row(self, what, bare, mine, ratio, target, good):
        self.rows.append((what, bare, mine, ratio, target, good))

    def ratio(self, figure, other, base, base_figure=None):
        """Median of the rounds' own ratios: a machine that changes its speed between two rounds, as
        virtual ones do, bends the two medians against each other, but not a round's ratio."""
        pairs = [mine / bare for mine, bare in zip(self.values.get((figure, other), []),
                                                   self.values.get((base_figure or figure, base), []))
                 if bare]
        return statistics.median(pairs) if pairs else None

    def compare(self, what, figure, fmt, target, test):
        """A row with both medians and the median of the rounds' ratios, judged by test(ratio)."""
        bare, mine = self.median(figure, "bare"), self.median(figure, "shackd")
        ratio = self.ratio(figure, "shackd", "bare")
        self.row(what, bare and fmt(bare), mine is not None and fmt(mine), ratio, target,
                 test(ratio) if ratio is not None and target else None)

    def print(self):
        print(f"\n{'figure':42}{'bare loop':>17}{'shackd':>17}{'ratio':>8}  target")
        for what, bare, mine, ratio, target, good in self.rows:
            verdict = {None: "", True: "reached", False: "MISSED"}[good]
            print(f"{what:42}{bare or '-':>17}{mine or '-':>17}"
                  f"{'-' if ratio is None else format(ratio, '.3f'):>8}  {target:22}{verdict}")


class Bench:
    def __init__(self, args, book):
        self.args = args
        self.book = book
        self.random = random.Random(args.seed)
        self.seconds = 1 if args.quick else 2

    def contestants(self):
        """Both, in an order of chance."""
        both = [Bare] if self.args.bare_only else [Bare, Product]
        self.random.shuffle(both)
        return both

    # ---- ceiling: how many datagrams a second -----------------------------------------------

    def ceiling(self):
        for gateways, window in CEILING:
            self.sendonly(gateways, window)
            for kind in self.contestants():
                self.ceiling_one(kind, gateways, window)

    def sendonly(self, gateways, window):
        start = time.time()
        done = subprocess.run(pinned(REFLECTOR_CPU, [
            os.path.join(BUILD, "bare"), "--sendonly", str(gateways - 1), str(window),
            str(self.seconds), SIM_CPU]), stdout=subprocess.PIPE, text=True, check=True)
        got = json.loads(done.stdout)
        self.book.add(f"ceiling.{gateways}", "sendonly", got["slice_datagrams_per_s"],
                      "datagrams/s", start, settings={"window": window}, detail=got)
        self.book.add(f"ceiling.{gateways}.cpu", "sendonly",
                      (got["cpu_s"] - got["waited_s"]) * 1e9 / got["datagrams"],
                      "ns/datagram", start, settings={"window": window})

    def ceiling_one(self, kind, gateways, window):
        start = time.time()
        # every other gateway may move: it gets frames with the DG-ID in front of the caller
        with kind() as c, Simulator(c.address, "--gateways", gateways, "--window", window,
                                    "--frames", 0, "--seconds", self.seconds, "--user-time",
                                    "--poll", 0, "--no-unlink", "--mixed") as sim:
            sim.wait_for("talking")
            cpu, wall = cpu_ns(c.workers), time.monotonic()
            sim.wait_for("draining")
            cpu, wall = cpu_ns(c.workers) - cpu, time.monotonic() - wall
            report = sim.report()
        name = f"ceiling.{gateways}"
        common = {"settings": {"window": window, "seconds": self.seconds}}
        self.book.add(name, kind.name, report["slice_datagrams_per_s"], "datagrams/s", start,
                      lost=report["lost"], sim_drops=report["sim_drops"],
                      given_up=report["given_up"], rewritten=report["rewritten"], **common)
        self.book.add(f"{name}.cpu", kind.name, cpu / max(report["delivered"], 1),
                      "ns/datagram", start, **common)
        self.book.add(f"{name}.busy", kind.name, cpu / 1e9 / wall, "share", start, **common)

    def ceiling_rows(self):
        def rate(v):
            return f"{v / 1000:.0f} k/s"
        for gateways, window in CEILING:
            name = f"ceiling.{gateways}"
            target = ">= 0.95" if gateways >= 100 else ""
            self.book.compare(f"ceiling, {gateways} gateways, window {window}", name, rate,
                              target, lambda r: r >= 0.95)
            bare, only = self.book.median(name, "bare"), self.book.median(name, "sendonly")
            if bare and only:
                self.book.row("  bare loop / sendmmsg alone", rate(bare), f"({rate(only)})",
                              self.book.ratio(name, "bare", "sendonly"), ">= 0.95 (calibration)",
                              self.book.ratio(name, "bare", "sendonly") >= 0.95)
            bare, only = (self.book.median(name + ".cpu", w) for w in ("bare", "sendonly"))
            if bare and only:
                self.book.row("  the same in CPU a datagram", f"{bare:.0f} ns",
                              f"({only:.0f} ns)",
                              self.book.ratio(name + ".cpu", "sendonly", "bare"), ">= 0.95",
                              self.book.ratio(name + ".cpu", "sendonly", "bare") >= 0.95)
            self.book.compare("  CPU a datagram", f"{name}.cpu", lambda v: f"{v:.0f} ns", "",
                              None)
            self.book.compare("  share of the processor it had", f"{name}.busy",
                              lambda v: f"{v:.0%}", "", None)

    # ---- real time: one talker, ten frames a second ------------------------------------------

    def realtime(self):
        for gateways in REAL_TIME:
            for kind in self.contestants():
                self.realtime_one(kind, gateways, 25 if self.args.quick else 60)
        for kind in self.contestants():
            self.realtime_one(kind, 20000, 20)
        for kind in self.contestants():
            self.keepalive_one(kind)

    def keepalive_one(self, kind):
        """What the same gateways cost while nobody talks: part of every real-time figure."""
        start = time.time()
        with kind() as c, Simulator(c.address, "--gateways", 1000, "--talkers", 0, "--seconds", 3,
                                    "--no-unlink") as sim:
            sim.wait_for("talking")
            cpu = cpu_ns(c.workers)
            sim.wait_for("draining")
            cpu = cpu_ns(c.workers) - cpu
            report = sim.report()
        # The registration's own polls were before.
        polls = report["polls"] - report["gateways"]
        self.book.add("keepalive", kind.name, cpu / max(polls, 1) / 1000, "us/poll", start,
                      settings={"gateways": 1000, "keepalive_s": 5})

    def realtime_one(self, kind, gateways, frames):
        start = time.time()
        with kind() as c, Simulator(c.address, "--gateways", gateways, "--frames", frames,
                                    "--no-unlink") as sim:
            sim.wait_for("talking")
            cpu = cpu_ns(c.workers)
            sim.wait_for("draining")
            cpu = cpu_ns(c.workers) - cpu
            report = sim.report()
        common = {"settings": {"frames": frames, "rate": 10, "keepalive_s": 5},
                  "sim_drops": report["sim_drops"]}
        name = f"realtime.{gateways}"
        self.book.add(f"{name}.cpu", kind.name, cpu / max(report["delivered"], 1),
                      "ns/datagram", start, **common)
        for q in ("p50", "p99", "max"):
            self.book.add(f"{name}.{q}", kind.name, report["latency_us"][q], "us", start, **common)
        self.book.add(f"{name}.lost", kind.name, report["lost"], "datagrams", start, **common)

    def realtime_rows(self):
        def us(v):
            return f"{v:.0f} us"
        for gateways in REAL_TIME:
            name = f"realtime.{gateways}"
            self.book.compare(f"real time, {gateways}: CPU a datagram", f"{name}.cpu",
                              lambda v: f"{v:.0f} ns", "<= 1.10", lambda r: r <= 1.10)
            self.book.compare(f"real time, {gateways}: p50", f"{name}.p50", us, "0.90 .. 1.10",
                              lambda r: r <= 1.10)
            worst = self.book.worst(f"{name}.p99", "bare")
            mine = self.book.median(f"{name}.p99", "shackd")
            self.book.row(f"real time, {gateways}: p99 (bare: worst)", us(worst),
                          mine and us(mine), mine / worst if mine and worst else None, "<= 1.00",
                          mine <= worst if mine else None)
        self.book.compare("keep-alive of 1,000: CPU a poll", "keepalive",
                          lambda v: f"{v:.1f} us", "", None)
        for gateways in (*REAL_TIME, 20000):
            lost = [sum(self.book.values.get((f"realtime.{gateways}.lost", w), [0]))
                    for w in ("bare", "shackd")]
            have = self.book.median(f"realtime.{gateways}.lost", "shackd") is not None
            self.book.row(f"real time, {gateways}: lost in all rounds", str(lost[0]),
                          str(lost[1]) if have else None, None, "0",
                          lost[1] == 0 if have else None)

    # ---- two workers: preloaded, receivers not reading ---------------------------------------

    def workers(self):
        if self.args.bare_only:
            return
        for workers in self.random.sample((1, 2), 2):
            start = time.time()
            seconds = self.drain(workers)
            self.book.add(f"drain.{workers}", "shackd", seconds, "s", start,
                          settings={"frames": 2 * PRELOAD, "receivers": 199})

    def drain(self, workers):
        """Seconds for 2 * PRELOAD frames, half of them in each of two sockets if there are two."""
        settings = {"workers.ysf": str(workers), "server.watchdog": "30s", "ysf.watchdog": "60s"}
        with Product(settings, "0,1") as c, Simulator(
                c.address, "--manual", "--rooms", "2-13:200", "--poll", 0, "--rcvbuf", 65536,
                "--no-unlink") as sim:
            sim.wait_for("talking")
            for t in range(12):
                sim.tell(f"header {t}")
            sim.tell("deaf 1")
            wait_idle(c)
            seconds = 0.0
            for _ in range(1 if workers == 2 else 2):
                seconds += self.drain_once(c, sim, workers)
        return seconds

    def drain_once(self, c, sim, workers):
        halt(c)
        talkers = self.talker_of_socket(c, sim, workers)
        for t, have in talkers:
            sim.tell(f"frames {t} {PRELOAD - have}")
        drops = sum(q[1] for q in queues(c.port).values())
        start = time.monotonic()
        go_on(c)
        wait_idle(c, 0.005)
        seconds = time.monotonic() - start
        if sum(q[1] for q in queues(c.port).values()) != 0 or drops != 0:
            raise LabError("the preload did not fit into the receive buffers")
        return seconds

    @staticmethod
    def talker_of_socket(c, sim, want):
        """For each socket a talker whose frames it gets, and how many frames it has already."""
        found = {}
        have = {}
        before = queues(c.port)
        for t in range(12):
            sim.tell(f"frames {t} 1")
            after = queues(c.port)
            for inode, (waiting, _) in after.items():
                if waiting > before[inode][0]:
                    found.setdefault(inode, t)
                    have[inode] = have.get(inode, 0) + 1
            before = after
        if len(found) < want:
            raise LabError("all talkers' frames go to one socket")
        return [(t, have[inode]) for inode, t in found.items()]

    def workers_rows(self):
        one, two = (self.book.median(f"drain.{n}", "shackd") for n in (1, 2))
        if one and two:
            self.book.row("two workers' drain (left: one worker's)", f"{one * 1000:.0f} ms",
                          f"{two * 1000:.0f} ms", two / one, "<= 0.625", two / one <= 0.625)

    # ---- finding a sender ---------------------------------------------------------------------

    def lookup(self):
        for gateways in self.random.sample((20, 20000), 2):
            for kind in self.contestants():
                self.lookup_one(kind, gateways)

    def lookup_one(self, kind, gateways):
        """Cost of a frame of somebody who is alone in his room; twenty such take turns."""
        start = time.time()
        rooms = "2-21:1" + (f",90:{gateways - 20}" if gateways > 20 else "")
        with kind({"server.watchdog": "30s", "ysf.watchdog": "60s"}) as c, Simulator(
                c.address, "--manual", "--rooms", rooms, "--talkers", 20, "--poll", 0,
                "--no-unlink") as sim:
            sim.wait_for("talking")
            for t in range(20):
                sim.tell(f"header {t}")
            wait_idle(c)
            halt(c)
            for i in range(PRELOAD // 5):
                sim.tell(f"frames {i % 20} 5")
            cpu = cpu_ns(c.workers)
            go_on(c)
            wait_idle(c)
            cpu = cpu_ns(c.workers) - cpu
            drops = sum(q[1] for q in queues(c.port).values())
        if drops:
            raise LabError("the preload did not fit into the receive buffer")
        self.book.add(f"lookup.{gateways}", kind.name, cpu / PRELOAD, "ns/frame", start,
                      settings={"frames": PRELOAD})

    def lookup_rows(self):
        for who in ("bare", "shackd"):
            few, many = (self.book.median(f"lookup.{n}", who) for n in (20, 20000))
            if few and many:
                cells = [None, None]
                cells[who != "bare"] = f"{few:.0f}/{many:.0f} ns"
                self.book.row("frame of one among 20 / among 20,000", *cells, many / few,
                              "about 1" if who == "shackd" else "",
                              many / few <= 1.10 if who == "shackd" else None)

    # ---- what a frame costs beside its relaying ------------------------------------------------

    def frame(self):
        """The same frames with all that is done for them, and without: nobody hears them, so that
        what is left is the work on the frame itself."""
        if self.args.bare_only:
            return
        rounds = [(on, errors) for on in (False, True) for errors in FRAME_ERRORS]
        for on, errors in self.random.sample(rounds, len(rounds)):
            self.frame_one(on, errors)

    def frame_one(self, on, errors):
        start = time.time()
        with tempfile.NamedTemporaryFile("w", prefix="shackd-bench-", suffix=".db",
                                         encoding="ascii") as file:
            settings = {"server.watchdog": "30s", "ysf.watchdog": "60s", "dgid.prefix": "no",
                        "protection.wild_ptt_count": "0"}
            if on:
                file.writelines(f"CS:Z{n // 1000}A{chr(65 + n % 26)}{chr(65 + n // 26 % 26)}{n}\n"
                                for n in range(FRAME_LIST))
                file.flush()
                os.chmod(file.name, 0o644)
                settings |= {"dgid.prefix": "yes", "access.file": file.name}
            cpu = self.frame_cpu(settings, ("--radio",) if on else ("--voice-fr",), errors)
        name = "on" if on else "off"
        self.book.add(f"frame.{name}.{errors}", "shackd", cpu, "ns/frame", start,
                      settings={"frames": PRELOAD, "bit_errors_of_1000": errors,
                                "list": FRAME_LIST if on else 0})

    @staticmethod
    def frame_cpu(settings, options, errors):
        with Product(settings) as c, Simulator(
                c.address, "--manual", "--rooms", "2-21:1", "--talkers", 20, "--poll", 0,
                "--no-unlink", "--bit-errors", errors, *options) as sim:
            sim.wait_for("talking")
            for t in range(20):
                sim.tell(f"header {t}")
            wait_idle(c)
            halt(c)
            for i in range(PRELOAD // 5):
                sim.tell(f"frames {i % 20} 5")
            cpu = cpu_ns(c.workers)
            go_on(c)
            wait_idle(c)
            cpu = cpu_ns(c.workers) - cpu
            if sum(q[1] for q in queues(c.port).values()):
                raise LabError("the preload did not fit into the receive buffer")
        return cpu / PRELOAD

    def frame_rows(self):
        for errors in FRAME_ERRORS:
            off, on = (self.book.values.get((f"frame.{name}.{errors}", "shackd"), [])
                       for name in ("off", "on"))
            if not off or not on:
                continue
            added = statistics.median(b - a for a, b in zip(off, on))
            target = "< 3000 ns" if errors == 0 else ""
            self.book.row(f"a frame; + lists, prefix, radio data, {errors // 10} % err.",
                          f"{statistics.median(off):.0f} ns", f"+{added:.0f} ns", None, target,
                          added < 3000 if target else None)
        self.frame_micro()

    def frame_micro(self):
        """The pieces by themselves, in a loop that does nothing else."""
        start = time.time()
        done = subprocess.run(pinned(REFLECTOR_CPU, [os.path.join(BUILD, "perframe")]),
                              stdout=subprocess.PIPE, text=True, check=True)
        for figure, value in json.loads(done.stdout).items():
            self.book.add(f"micro.{figure}", "shackd", value, "ns", start)
            self.book.row(f"  {figure.replace('_', ' ')}", None, f"{value:.0f} ns", None,
                          "", None)

    # ---- ten thousand at once -----------------------------------------------------------------

    def burst(self):
        for kind in self.contestants():
            start = time.time()
            with kind() as c, Simulator(c.address, "--gateways", 10000, "--burst", "--talkers",
                                        0, "--seconds", 1, "--register-timeout", 3, "--poll", 0,
                                        "--no-unlink") as sim:
                report = sim.report()
            self.book.add("burst.last", kind.name, report["register_ms"], "ms", start)
            self.book.add("burst.unanswered", kind.name, 10000 - report["registered"], "polls",
                          start)

    def burst_rows(self):
        cells = [self.book.median("burst.last", w) for w in ("bare", "shackd")]
        missing = self.book.worst("burst.unanswered", "shackd")
        self.book.row("10,000 first polls: last answer",
                      *[c is not None and f"{c:.0f} ms" for c in cells], None, "<= 200 ms, all",
                      cells[1] <= 200 and missing == 0 if cells[1] is not None else None)
        self.book.row("10,000 first polls: unanswered, worst round",
                      *[str(self.book.worst("burst.unanswered", w)) for w in ("bare", "shackd")],
                      None, "0", missing == 0 if cells[1] is not None else None)

    # ---- memory and start ---------------------------------------------------------------------

    def memory(self):
        if self.args.bare_only:
            return
        start = time.time()
        with Product() as c:
            self.memory_note(c, 0, start)
            with Simulator(c.address, "--gateways", 20000, "--talkers", 0, "--stop-fd", 0,
                           "--no-unlink") as sim:
                sim.wait_for("talking")
                wait_idle(c)
                self.memory_note(c, 20000, start)
            again = c.respawn()
            if again is not None:
                self.book.add("respawn", "shackd", again, "us", start)
            for w in c.table:
                if w["kind"] == "ysf" and "ready_us" in w:
                    self.book.add("ready", "shackd", w["ready_us"], "us", start)

    def memory_note(self, c, gateways, start):
        # what a crowd's arrival touched is given back within a second: the peak of the time after
        time.sleep(1.5)
        for who, pid in (("master", c.proc.pid), ("worker", c.workers[0])):
            m = max((memory_after(0.1, pid) for _ in range(15)),
                    key=lambda m: m["RssAnon"] + m["RssShmem"])
            own = (m["RssAnon"] + m["RssShmem"]) / MIB
            self.book.add(f"memory.{who}.{gateways}", "shackd", own, "MiB", start, status=m)
            self.book.add(f"rss.{who}.{gateways}", "shackd", m["VmRSS"] / MIB, "MiB", start)

    def memory_rows(self):
        for who in ("master", "worker"):
            for gateways in (0, 20000):
                own = self.book.median(f"memory.{who}.{gateways}", "shackd")
                rss = self.book.median(f"rss.{who}.{gateways}", "shackd")
                if own is not None:
                    self.book.row(f"{who}, {gateways} gateways: own (RSS)", None,
                                  f"{own:.1f} ({rss:.1f}) MiB", None, "< 8 MiB own", own < 8)
        for figure, when in (("ready", "cold start, all at once"), ("respawn", "after a kill, 20,000 gateways")):
            ready = self.book.median(figure, "shackd")
            if ready is not None:
                self.book.row(f"fork to READY, {when}", None, f"{ready / 1000:.2f} ms", None,
                              "< 3 ms", ready < 3000)


    # ---- a new access list while somebody talks -----------------------------------------------

    def lists(self):
        if not self.args.bare_only:
            bench_lists.measure(self.book, 3 if self.args.quick else 6)

    def lists_rows(self):
        bench_lists.rows(self.book)

    # ---- spots ----------------------------------------------------------------------------------

    def spots(self):
        if not self.args.bare_only:
            bench_spots.measure(self.book, 50 if self.args.quick else 200)

    def spots_rows(self):
        bench_spots.rows(self.book)

    # ---- filters --------------------------------------------------------------------------------

    def filters(self):
        if not self.args.bare_only:
            bench_filter.measure(self.book)

    # ---- calls ----------------------------------------------------------------------------------

    def calls(self):
        start = time.time()
        done = subprocess.run(pinned(REFLECTOR_CPU, [os.path.join(BUILD, "percall")]),
                              stdout=subprocess.PIPE, text=True, check=True)
        for figure, value in json.loads(done.stdout).items():
            self.book.add(f"calls.{figure}", "shackd", value, "ns", start)

    def calls_rows(self):
        for figure, what, most in (("plain", "country of a plain call", 200),
                                   ("portable", "country of a portable call", 200),
                                   ("known", "  is a call known", None)):
            cost = self.book.median(f"calls.{figure}", "shackd")
            if cost is not None:
                self.book.row(what, None, f"{cost:.0f} ns", None, f"< {most} ns" if most else "",
                              cost < most if most else None)

    def filters_rows(self):
        bench_filter.rows(self.book)

    # ---- spots to sessions ----------------------------------------------------------------------

    def fan(self):
        if not self.args.bare_only:
            bench_fan.measure(self.book, 50 if self.args.quick else 200)

    def fan_rows(self):
        bench_fan.rows(self.book)


FIGURES = ("ceiling", "realtime", "workers", "lookup", "frame", "burst", "memory", "lists",
           "spots", "calls", "filters", "fan")


def arguments():
    p = argparse.ArgumentParser(description="Measures the daemon beside a bare loop.")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--only", help="comma-separated: " + ", ".join(FIGURES))
    p.add_argument("--quick", action="store_true", help="one short round, for a first look")
    p.add_argument("--bare-only", action="store_true", help="leave the daemon out")
    p.add_argument("--seed", type=int, default=int(time.time()), help="order of the contestants")
    p.add_argument("--out", default="build/bench.jsonl", help="JSON lines are appended here")
    args = p.parse_args()
    if args.quick:
        args.rounds = 1
    args.only = args.only.split(",") if args.only else list(FIGURES)
    if set(args.only) - set(FIGURES):
        p.error("--only knows " + ", ".join(FIGURES))
    return args


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return os.uname().machine


def main():
    args = arguments()
    if len(os.sched_getaffinity(0)) < 2:
        print("SKIP bench: needs two processors")
        return 0
    book = Book(args)
    bench = Bench(args, book)
    failed = []
    print(f"bench: commit {book.commit}, seed {args.seed}, {args.rounds} rounds, reflector on "
          f"processor {REFLECTOR_CPU}, simulator on {SIM_CPU}, load {os.getloadavg()[0]:.2f}")
    print(f"machine: {os.uname().release}, {os.cpu_count()} processors, {cpu_model()}")
    if not args.bare_only:
        print("shackd: " + " ".join(f"{k}={v}" for k, v in Product.settings.items()))
    for n in range(args.rounds):
        for figure in args.only:
            print(f"round {n + 1}: {figure}", flush=True)
            try:
                getattr(bench, figure)()
            except (LabError, KeyError, OSError, subprocess.SubprocessError) as e:
                failed.append(f"round {n + 1}: {figure}: {e}")
                print(f"  not measured: {e}", flush=True)
    for figure in args.only:
        getattr(bench, figure + "_rows")()
    book.print()
    for line in failed:
        print("not measured: " + line)
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
