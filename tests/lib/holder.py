# SPDX-License-Identifier: ISC
#
# NAME      holder - a worker that is stopped while it holds the gate of the voice store
# PURPOSE   Finds the moment: looks at the word of the slots' pages that the watchdog reads, and stops
#           a worker that is inside a transaction.
# OWNER     flow and fault tests
# CONTRACT  ends and stops nothing but workers of the daemon that it is given
# LIMITS    the page's layout is that of shm/page.h; somebody has to make the workers write meanwhile

import mmap
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.shackd import SLOW, eventually, process_state  # noqa: E402

STATE_AT, LMDB_HOLD = 64, 5  # of struct page (shm/page.h): the word that the watchdog reads
LOOKS = 500  # between two pokes: about as long as what a poke asks for


def slots_of(daemon, kind="ysf."):
    """{slot: pid} of the workers alive whose slot begins so, read from /proc: asking the daemon would
    be too slow."""
    found = {}
    children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
    for pid in children:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if len(words) > 2 and words[2].startswith(kind.encode()) and process_state(pid) not in "ZX":
            found[words[2].decode()] = int(pid)
    return found


def state_words(daemon, kind="ysf."):
    """{slot: its page}, mapped through the master's descriptors: asking would be far too slow."""
    pages = {}
    folder = Path(f"/proc/{daemon.pid}/fd")
    for number in os.listdir(folder):
        try:
            if "memfd:page" not in os.readlink(folder / number):
                continue
            with open(folder / number, "rb") as file:
                page = mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ)
        except OSError:
            continue
        pages[page[16:32].split(b"\0")[0].decode()] = page
    return {slot: page for slot, page in pages.items() if slot.startswith(kind)}


def stop_inside_a_transaction(daemon, deadline=30, only=None, poke=None):
    """Stops a ysf worker (the one of slot ONLY) at a moment when it holds the gate; returns its slot
    and pid. POKE is called between looks."""
    end = time.monotonic() + deadline * SLOW
    pages, pids = state_words(daemon), slots_of(daemon)
    assert pages.keys() == pids.keys(), f"pages of {pages.keys()}, workers {pids.keys()}"
    pages = {slot: page for slot, page in pages.items() if only in (None, slot)}
    while time.monotonic() < end:
        if poke is not None:
            poke()
        for slot, page in list(pages.items()) * LOOKS:
            if page[STATE_AT] != LMDB_HOLD:
                continue
            os.kill(pids[slot], signal.SIGSTOP)
            eventually(lambda: process_state(pids[slot]) in ("T", None), 2, "the stop")
            if page[STATE_AT] == LMDB_HOLD:
                return slot, pids[slot]
            os.kill(pids[slot], signal.SIGCONT)
    raise AssertionError("no worker was caught inside a transaction")
