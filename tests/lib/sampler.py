# SPDX-License-Identifier: ISC
#
# NAME      sampler - what a daemon occupies, looked at all the time, and whether it grows
# PURPOSE   Memory and descriptors of the master and of each kind of worker, pages of the stores, what
#           lies in tmpfs, in memory files and on the disk; and the verdict about each.
# OWNER     soak tests
# CONTRACT  with Sampler(daemon, every, path) as sampler: ...; sampler.judge(since, ...) -> rows. Samples
#           are also written to PATH, a JSON object a line, at most LINES of them.
#           Memory is what a process has for itself (RssAnon): pages of files and of shared memory are
#           counted where they lie. A process lives from its start, or from the moment when it became
#           another program (an upgrade), to its end.
# LIMITS    reads /proc of the daemon: both of one user, or the test root's

import json
import os
import threading
import time
from pathlib import Path

from lib.shackd import SLOW
from lib.slope import by_age, by_time, share, verdict

LINES = 20000
FAMILY = 0.05  # the chance of any false alarm in a run
# what may grow a day without being called growth: of processes, KiB; descriptors; pages; KiB; processes
BOUNDS = {"memory": 1024, "fds": 1, "pages": 256, "tmpfs": 1024, "memfd": 1024, "disk": 4096, "processes": 1}
# and in a run of less than SHORT seconds, however short: windows and caches are still being filled
ONCE = {"memory": 4096, "fds": 1, "pages": 1024, "tmpfs": 4096, "memfd": 4096, "disk": 1024, "processes": 1}
SHORT = 1200
# What fills as it should, up to a bound: seconds of a life that it may take.
FILLS = {"memory of spot": 300}  # its windows, laid out at the start, are touched as spots come
GAUGES = {"pages of the voice store": "store_pages", "pages of the spots store": "spots_store_pages"}


def anonymous(pid):
    """Memory of a process of its own, KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    return None  # it is ending


def life_of(pid):
    """Another one for each process and each program that it has been: where its code lies changes."""
    return f"{pid}:{Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[23]}"


def occupied(folder, skip=()):
    """KiB of all files below FOLDER."""
    total = 0
    for base, _, files in os.walk(folder):
        for name in files:
            try:
                if name not in skip:
                    total += os.stat(os.path.join(base, name)).st_blocks // 2
            except FileNotFoundError:
                continue
    return total


def memory_files(pid):
    """KiB of the memory files that a process holds, each once."""
    sizes, folder = {}, f"/proc/{pid}/fd"
    for number in os.listdir(folder):
        try:
            if os.readlink(f"{folder}/{number}").startswith("/memfd:"):
                st = os.stat(f"{folder}/{number}")
                sizes[st.st_ino] = st.st_blocks // 2
        except FileNotFoundError:
            continue
    return sum(sizes.values())


def slot_of(pid):
    """The slot of a worker; None: it is none, or none yet."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return words[2].decode() if len(words) > 2 and words[1].startswith(b"--") else None


class Sampler:
    def __init__(self, daemon, every, path):
        self.daemon, self.every, self.path = daemon, every, Path(path)
        self.began = time.monotonic()
        self.size = {}  # series: [(seconds, value)]
        self.lives = {}  # series: {life: [(seconds, value)]}
        self.lines = self.missed = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    # ---- looking ----

    def processes(self):
        """[(kind, pid)], the master first."""
        found = [("master", self.daemon.pid)]
        tasks = Path(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children").read_text().split()
        for pid in tasks:
            try:
                slot = slot_of(pid)
            except OSError:
                continue
            found.append((slot.split(".")[0] if slot else "other", int(pid)))
        return found

    def look_at(self, kind, pid, now, kept):
        try:
            life, memory = life_of(pid), anonymous(pid)
            fds = len(os.listdir(f"/proc/{pid}/fd"))
        except (OSError, IndexError):
            return  # it ended meanwhile
        if memory is None or kind == "other":
            return
        for name, value in ((f"memory of {kind}", memory), (f"fds of {kind}", fds)):
            kept.setdefault(name, []).append(value)
            self.lives.setdefault(name, {}).setdefault(life, []).append((now, value))

    def gauges(self):
        try:
            code, text, _ = self.daemon.ask("metrics", "--json")
        except (OSError, AssertionError):
            code = 1
        if code != 0:
            self.missed += 1
            return {}
        slots = json.loads(text).values()
        return {name: max(slot.get(gauge, 0) for slot in slots) for name, gauge in GAUGES.items()}

    def look(self):
        now, kept = time.monotonic() - self.began, {}
        processes = self.processes()
        for kind, pid in processes:
            self.look_at(kind, pid, now, kept)
        one = {name: sum(values) / len(values) for name, values in kept.items()}
        one["processes"] = len(processes)
        one["tmpfs"] = occupied(self.daemon.shm_dir)
        one["memfd"] = memory_files(self.daemon.pid)
        one["disk"] = occupied(self.daemon.base, skip=("stderr",))
        one.update({name: value for name, value in self.gauges().items() if value})
        for name, value in one.items():
            self.size.setdefault(name, []).append((now, value))
        self.write(now, one)

    def write(self, now, one):
        if self.lines < LINES:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps({"at": round(now, 1), **one}) + "\n")
        self.lines += 1

    def watch(self):
        while not self.over.wait(self.every):
            try:
                self.look()
            except (OSError, ValueError):
                self.missed += 1  # the daemon is ending, or gone: others say so

    # ---- judging ----

    def now(self):
        """The newest value of each series."""
        return {name: samples[-1][1] for name, samples in self.size.items()}

    def grown_lives(self, name, since, settle):
        """[(age, value)] of each life, without its first SETTLE seconds."""
        found = []
        for samples in self.lives[name].values():
            first = samples[0][0]
            found.append([(at - first, value) for at, value in samples if at - first >= settle and at >= since])
        return found

    def judge(self, since, settle):
        """A row for each series: its slope against time after the warm-up of SINCE seconds, and within
        lives after SETTLE seconds of each."""
        seconds = max(1.0, time.monotonic() - self.began - since)
        tests = len(self.size) + len(self.lives)
        level = share(FAMILY, tests)
        late = {name: [sample for sample in samples if sample[0] >= since] for name, samples in self.size.items()}
        slopes = [(name, "time", by_time(samples, level)) for name, samples in late.items()]
        slopes += [(name, "age", by_age(self.grown_lives(name, since, max(settle, FILLS.get(name, 0))), level))
                   for name in self.lives]
        rows = []
        for name, against, slope in slopes:
            what = name.split()[0]
            bound = BOUNDS[what] if seconds >= SHORT else ONCE[what] * SLOW * 86400 / seconds
            row = {"series": name, "against": against, "verdict": verdict(slope, bound),
                   "bound_per_day": round(bound, 1), "now": round(self.size[name][-1][1], 1)}
            if slope:
                row |= {"per_day": round(slope.per_day, 2), "low": round(slope.low, 2),
                        "high": round(slope.high, 2), "seen_from": round(slope.seen_from, 2),
                        "count": slope.count, "worth": slope.worth}
            rows.append(row)
        return sorted(rows, key=lambda row: (row["series"], row["against"])), level

    def __enter__(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("")
        self.look()
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.thread.join(30)
