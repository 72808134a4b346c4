# SPDX-License-Identifier: ISC
#
# NAME      bench_spots - what a spot costs from its line to the log
# PURPOSE   Spots a second on one processor (parse, countries, ring, stages, append) from lines of the
#           Reverse Beacon Network and from PSKReporter's objects; and whether a long history makes them
#           dearer.
# OWNER     tests/load/bench.py
# CONTRACT  counts the processor's time, so that others on it disturb little; a log of every length is
#           full
# LIMITS    needs hamradio-files

import json
import os
import statistics
import subprocess
import time

from bench_lab import BUILD, REFLECTOR_CPU, LabError, pinned

HISTORIES = (1000, 10000, 100000, 300000)
KINDS = (("rbn", "RBN lines", 150000), ("pskreporter", "PSKReporter", 100000))
STEPS = ("parse", "country", "ring", "stages", "append")
FLAT = 1.25  # dearest by cheapest


def measure(book, rounds):
    """One run; its texts are the same each time."""
    start = time.time()
    done = subprocess.run(pinned(REFLECTOR_CPU, [os.path.join(BUILD, "perspot"), str(rounds)]),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise LabError(done.stderr.strip().splitlines()[-1])
    for name, got in json.loads(done.stdout).items():
        book.add(f"spot.{name}", "shackd", got["rate"], "spots/s", start, detail=got)
        for step in STEPS:
            book.add(f"spot.{name}.{step}", "shackd", got[step], "ns", start)
        book.add(f"spot.{name}.replay", "shackd", got["replay_ms"], "ms", start)


def flatness(book, kind):
    """Median over the rounds of each one's own ratio."""
    rounds = zip(*(book.values.get((f"spot.{kind}.{n}", "shackd"), []) for n in HISTORIES))
    ratios = [max(rates) / min(rates) for rates in rounds]
    return statistics.median(ratios) if ratios else None


def rows(book):
    for kind, what, least in KINDS:
        longest = f"spot.{kind}.{HISTORIES[-1]}"
        rate, flat = book.median(longest, "shackd"), flatness(book, kind)
        if rate is None:
            continue
        book.row(f"spots a second, {what}", None, f"{rate / 1000:.0f} k/s", None,
                 f">= {least // 1000} k/s", rate >= least)
        steps = [book.median(f"{longest}.{step}", "shackd") for step in STEPS]
        for step, cost in zip(STEPS, steps):
            book.row(f"  {step}", None, f"{cost:.0f} ns", None, "", None)
        book.row("  1,000 to 300,000 spots of history", None, f"{flat:.2f}", None,
                 f"dearest <= {FLAT} x", flat <= FLAT)
        replay = book.median(f"{longest}.replay", "shackd")
        book.row("  300,000 spots read by a successor", None, f"{replay:.0f} ms", None, "", None)
