# SPDX-License-Identifier: ISC
#
# NAME      watcher - reads the metrics all the time; and what a daemon occupies
# PURPOSE   A counter only grows: over kills, reloads and upgrades. Whoever reads it at any moment must
#           find so. And descriptors, memory and store must be flat over a soak.
# OWNER     fault and soak tests
# CONTRACT  with Watcher(daemon) as watcher: ...; watcher.fallen lists what decreased. footprint()
#           gives sizes by name, grown() names what is larger by more than its slack.
# LIMITS    an answer that did not come (keeper is being replaced) is counted, not judged

import json
import os
import threading
from pathlib import Path

from lib.shackd import SLOW

PAUSE = 0.02  # seconds between two looks: the daemon has better things to do


def metrics(daemon):
    """{(slot, counter): value}; {} when there was no answer."""
    try:
        code, text, _ = daemon.ask("metrics", "--json")
    except (OSError, AssertionError):
        return {}
    if code != 0:
        return {}
    return {(slot, name): value for slot, names in json.loads(text).items()
            for name, value in names.items() if "_total" in name}


def totals(daemon):
    """{counter: sum over the slots}, names without quotes."""
    sums = {}
    for (_, name), value in metrics(daemon).items():
        name = name.replace('"', "")
        sums[name] = sums.get(name, 0) + value
    return sums


class Watcher:
    def __init__(self, daemon, pause=PAUSE):
        self.daemon, self.pause = daemon, pause
        self.looks = self.silent = 0
        self.fallen = []
        self.last = {}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def look(self):
        now = metrics(self.daemon)
        self.looks += 1
        self.silent += not now
        for key, value in now.items():
            if value < self.last.get(key, 0):
                self.fallen.append(f"{key[0]} {key[1]}: {self.last[key]} became {value}")
        self.last.update(now)

    def watch(self):
        while not self.over.wait(self.pause):
            self.look()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.thread.join(30)


# sanitizers keep what was freed for a while: there, leaks are the business of the leak checker
SLACK = {"store": 256 * 1024, "fds": 0, "memory": 1024 if SLOW == 1 else 1 << 30, "files": 0}


def footprint(daemon):
    """Size of the store in bytes; descriptors, memory (KiB) of each process; files in its places."""
    size = {"store": (daemon.shm_dir / "voice/data.mdb").stat().st_size,
            "files of shm_dir": sum(len(files) for _, _, files in os.walk(daemon.shm_dir)),
            "files of run_dir": sum(len(files) for _, _, files in os.walk(daemon.run_dir))}
    for name, pid in {"master": daemon.idle().pid, **daemon.worker_pids()}.items():
        size[f"fds of {name}"] = len(os.listdir(f"/proc/{pid}/fd"))
        status = Path(f"/proc/{pid}/status").read_text()
        size[f"memory of {name}"] = int(status.split("VmRSS:")[1].split()[0])
    return size


def grown(before, now):
    return [f"{name} grew from {value} to {now.get(name)}" for name, value in before.items()
            if now.get(name, 0) > value + SLACK[name.split()[0]]]
