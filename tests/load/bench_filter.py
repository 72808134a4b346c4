# SPDX-License-Identifier: ISC
#
# NAME      bench_filter - what a filter, a question and a line cost
# PURPOSE   The pieces that each spot passes for each group of sessions, by themselves.
# OWNER     tests/load/bench.py
# CONTRACT  filters without call patterns have a target; the other rows say what one pays
# LIMITS    everything is in the caches

import json
import os
import subprocess
import time

from bench_lab import BUILD, REFLECTOR_CPU, pinned

TARGET = 50  # ns a spot and filter


def measure(book):
    start = time.time()
    done = subprocess.run(pinned(REFLECTOR_CPU, [os.path.join(BUILD, "perfilter")]),
                          stdout=subprocess.PIPE, text=True, check=True)
    for figure, value in json.loads(done.stdout).items():
        book.add(f"pieces.{figure}", "shackd", value, "ns", start)


def rows(book):
    for figure, who in list(book.values):
        if not figure.startswith("pieces."):
            continue
        value = book.median(figure, who)
        bound = "pieces.filter_" in figure and "patterns" not in figure
        book.row(f"a spot; {figure.removeprefix('pieces.').replace('_', ' ')}", None,
                 f"{value:.0f} ns", None, f"< {TARGET} ns" if bound else "",
                 value < TARGET if bound else None)
