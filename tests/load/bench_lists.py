# SPDX-License-Identifier: ISC
#
# NAME      bench_lists - what a new access list costs those who talk
# PURPOSE   Swaps a list of 100,000 entries while a call goes on: how long until it is in force, and
#           whether the voice notices.
# OWNER     tests/load/bench.py
# CONTRACT  the daemon may use both processors, as it does where it serves; the same call without a
#           swap is measured beside it
# LIMITS    none known

import os
import sys
import tempfile
import time

from bench_lab import LabError, Product, Simulator

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from lists import entries  # noqa: E402

ENTRIES = 50000  # calls, and as many addresses
SWAPS = 5


def rules(letter, count):
    return b"".join(b"CS:%c%06d\nIP:10.%d.%d.%d\n" % (letter, i, i >> 16, i >> 8 & 255, i & 255)
                    for i in range(count))


def swap(pid, path, count):
    """Seconds until the master hands a list of COUNT calls to everybody."""
    with open(path + ".new", "wb") as file:
        file.write(rules(b"AB"[count % 2], count))
    start = time.monotonic()
    os.rename(path + ".new", path)
    while entries(pid) != count:
        if time.monotonic() - start > 30:
            raise LabError("the list was not loaded")
        time.sleep(0.002)
    return time.monotonic() - start


def measure(book, seconds):
    for swaps in (0, SWAPS):
        start = time.time()
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            os.chmod(folder, 0o755)
            path = os.path.join(folder, "deny.db")
            with open(path, "wb") as file:
                file.write(rules(b"A", 10))
            one_run(book, path, swaps, seconds, start)


def one_run(book, path, swaps, seconds, start):
    with Product({"access.file": path}, "0,1") as c, Simulator(
            c.address, "--gateways", 100, "--frames", 10 * seconds, "--no-unlink") as sim:
        sim.wait_for("talking")
        for i in range(swaps):
            book.add("lists.load", "shackd", swap(c.proc.pid, path, ENTRIES + i) * 1000, "ms",
                     start, settings={"entries": 2 * (ENTRIES + i)})
            time.sleep(0.1)
        sim.wait_for("draining")
        report = sim.report()
    name = "lists.swap" if swaps else "lists.calm"
    for q in ("p50", "p99", "p999", "max"):
        book.add(f"{name}.{q}", "shackd", report["latency_us"][q], "us", start)
    book.add(f"{name}.lost", "shackd", report["lost"], "datagrams", start)


def rows(book):
    load = book.median("lists.load", "shackd")
    if load is None:
        return
    worst = book.worst("lists.load", "shackd")
    book.row("list of 100,000 entries: median (worst)", None, f"{load:.0f} ({worst:.0f}) ms", None,
             "worst < 1 s", worst < 1000)
    for q in ("p50", "p99", "p999", "max"):
        calm, swapped = (book.median(f"lists.{when}.{q}", "shackd") for when in ("calm", "swap"))
        book.row(f"  voice meanwhile: {q} (left: without)", f"{calm:.0f} us", f"{swapped:.0f} us",
                 swapped / calm if calm else None, "", None)
    lost = sum(book.values.get(("lists.swap.lost", "shackd"), [0]))
    book.row("  voice meanwhile: lost", None, str(lost), None, "0", lost == 0)
