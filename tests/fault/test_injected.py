#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_injected - system calls that the C library and the loader make by themselves fail
# PURPOSE   No wrapper reaches those: libraries that are loaded, files that stdio opens, the heap that
#           grows, names that are looked up. strace(1) lets the nth call of a kind fail, in a worker
#           that takes over and in a master that starts: nothing hangs, nobody crashes, service goes on.
# OWNER     tests
# CONTRACT  CALLS=n in the environment: so many in workers, evenly chosen (default 9), and half as many in
#           the master's start; 0: all. SEED=n: which
# RUNS      beside others
# LIMITS    the nth call of a process is another one where a worker's start differs; while it is traced the
#           master too meets the failure, at its own nth call

import collections
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from lib.figures import figures  # noqa: E402
from lib.shackd import Daemon, LIBC, SHACKD, SLOW, Skip, die_with_parent, eventually, main  # noqa: E402
from lib.trial import CRASH, descriptors  # noqa: E402
from lib.whole import Whole  # noqa: E402
from test_failing_start import PR_SET_CHILD_SUBREAPER, Start, orphans_gone  # noqa: E402

COUNT = int(os.environ.get("CALLS", "9"))
SEED = int(os.environ.get("SEED", "20261122"))
SLOTS = ("ysf.0", "dxc.0", "keeper", "link", "feed.0")
# Who the C library or the loader calls of its own, and what the kernel says to it. brk(2) never fails:
# it returns where the heap ends, which is short of what was asked for. What fails to close is closed all the
# same, which strace can't do: close(2) fails in test_sites.
FAILURES = {
    "access": "error=EACCES", "arch_prctl": "error=EINVAL", "brk": "retval=0",
    "fstatfs": "error=EIO", "getdents64": "error=EIO", "getrandom": "error=EAGAIN", "lseek": "error=ESPIPE",
    "mmap": "error=ENOMEM", "mprotect": "error=ENOMEM", "munmap": "error=ENOMEM", "newfstatat": "error=EACCES",
    "openat": "error=EMFILE", "pread64": "error=EIO", "prlimit64": "error=EPERM", "read": "error=EIO",
    "rseq": "error=ENOSYS", "rt_sigaction": "error=EINVAL", "sched_getaffinity": "error=EPERM",
    "seccomp": "error=EINVAL", "set_robust_list": "error=ENOSYS", "uname": "error=EFAULT", "socket": "error=EMFILE",
    "connect": "error=EACCES", "futex": "error=EINTR", "clone": "error=EAGAIN",
}
FIRST = {"brk": 2}  # the first only asks
MOST = 10  # deaths in one slot until there is another daemon


class Strace:
    """Traces a process, and all that it makes, until the end of the block."""

    def __init__(self, pid, call=None, nth=0):
        self.folder = tempfile.TemporaryDirectory(prefix="shackd-strace-")
        self.out = Path(self.folder.name) / "of"
        self.process = subprocess.Popen(["strace", *words(self.out, call, nth), "-ff", "-p", str(pid)],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                        preexec_fn=die_with_parent)
        said = self.process.stderr.readline()
        if "attached" not in said:
            self.__exit__()
            raise Skip(f"needs ptrace: {said.strip()}")

    def files(self):
        """{process: what it called}"""
        return {int(path.name.rsplit(".", 1)[1]): path.read_text(errors="replace")
                for path in Path(self.folder.name).glob("of.*")}

    def hit(self):
        """Processes whose call has failed."""
        return [pid for pid, text in self.files().items() if "(INJECTED)" in text]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.terminate()
        self.process.wait(20 * SLOW)
        self.process.stderr.close()
        self.traces = list(self.files().values())
        self.folder.cleanup()


def words(out, call, nth):
    """For strace, to let the NTH of CALL fail; without CALL to list all."""
    words_ = ["-o", str(out)]
    return words_ + (["-e", f"inject={call}:{FAILURES[call]}:when={nth}"] if call else [])


def counted(text):
    """{call: how often} of those that are to fail."""
    calls = collections.Counter(re.findall(r"^([a-z_0-9]+)\(", text, re.M))
    return {call: count for call, count in calls.items() if call in FAILURES}


def chosen(counts, most):
    """[(name, call, nth)] of {name: {call: count}}: of each call alike, MOST in all, 0: every one."""
    rng, groups = random.Random(SEED), collections.defaultdict(list)
    for name, calls in sorted(counts.items()):
        for call, count in sorted(calls.items()):
            groups[call] += [(name, call, nth) for nth in range(FIRST.get(call, 1), count + 1)]
    for group in groups.values():
        rng.shuffle(group)
    keys, picked = sorted(key for key in groups if groups[key]), []
    rng.shuffle(keys)
    while keys and (most == 0 or len(picked) < most):
        picked += [groups[key].pop() for key in keys]
        keys = [key for key in keys if groups[key]]
    return picked[:most or None]


def needs_strace():
    if SLOW > 1:
        raise Skip("sanitizers need calls of their own")
    if shutil.which("strace") is None:
        raise Skip("strace is not installed")


# ---- a worker that takes over ----

def there(whole, slot, former):
    """Has SLOT a new process, and is everybody ready?"""
    try:
        return whole.daemon.worker_pids().get(slot) not in (None, former) and whole.ready()
    except (OSError, AssertionError, ValueError):
        return False


def calls_of_a_start(whole, slot):
    with Strace(whole.daemon.pid) as strace:
        former = whole.daemon.kill_worker(slot)
        eventually(lambda: there(whole, slot, former), 30, f"a successor in {slot}")
        files = strace.files()
    return counted(max((text for pid, text in files.items() if pid != whole.daemon.pid), key=len))


def held_by(whole):
    """Descriptors of the master, without those of feeds that are up: one may have waited for its next try."""
    return descriptors(whole.daemon.pid) - sum(one["state"] == "up" for one in whole.feeds())


def loader_crashed(text):
    """Without memory it dies before the program begins: it has not let go of its list of libraries yet."""
    return "(INJECTED)" in text and "SIGSEGV" in text and "munmap(" not in text


def crashes(before, now, traces):
    """Who crashed, but for the loader."""
    for name, worker in now.items():
        how = worker["last_death"]
        if worker["deaths"] != before[name]["deaths"] and CRASH.search(how) and "signal 9" not in how and \
                not any(map(loader_crashed, traces)):
            yield f"{name}: {how}"


def fail_in_a_worker(whole, slot, call, nth):
    """Who was hit, by name. Raises when the daemon is not as it was afterwards."""
    master, held, before = whole.daemon.pid, held_by(whole), whole.daemon.workers()
    with Strace(master, call, nth) as strace:
        former = whole.daemon.kill_worker(slot)
        # each that is born meets it, so that it must not go on until one is well
        eventually(lambda: set(strace.hit()) - {master} or there(whole, slot, former), 30,
                   f"a successor in {slot}")
        hit = ["the master" if pid == master else slot for pid in strace.hit()]
    whole.serves()
    crashed = list(crashes(before, whole.daemon.workers(), strace.traces))
    assert not crashed, "; ".join(crashed)
    eventually(lambda: held_by(whole) <= held, 5, f"no more than {held} descriptors of the master")
    return hit


class Wholes:
    """Daemons one after another: a slot whose starts have failed again and again waits for long."""

    def __init__(self):
        self.whole = None

    def one(self):
        if self.whole is not None and max(worker["deaths"] for worker in self.whole.daemon.workers().values()) > MOST:
            self.__exit__()
        if self.whole is None:
            self.whole = Whole(program=SHACKD)
            self.whole.start()
        return self.whole

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.whole is not None:
            self.whole.close()
        self.whole = None


def test_calls_inside_libraries_of_a_worker():
    needs_strace()
    began, hits, wrong = time.monotonic(), collections.Counter(), []
    with Wholes() as wholes:
        slots = SLOTS if COUNT == 0 else random.Random(SEED).sample(SLOTS, 2)
        todo = chosen({slot: calls_of_a_start(wholes.one(), slot) for slot in slots}, COUNT)
        for slot, call, nth in todo:
            try:
                hits.update(fail_in_a_worker(wholes.one(), slot, call, nth) or ["nobody"])
            except (OSError, AssertionError) as error:
                wrong.append(f"{call} {nth} of {slot}: {error}")
                print(f"# {wrong[-1]}", flush=True)
                wholes.__exit__()  # who was harmed is of no use to the next
    figures("injected", tried=len(todo), wrong=len(wrong), seconds=round(time.monotonic() - began, 1),
            **{f"failed_in_{name.replace(' ', '_')}": count for name, count in hits.items()})
    assert not wrong, f"{len(wrong)} of {len(todo)}: " + "; ".join(wrong[:5])
    assert hits["nobody"] < len(todo), "nothing failed at all"


# ---- a master that starts ----

def start_of(daemon, out, call=None, nth=0):
    """One start of a daemon whose master is traced, and its end: (start, exit status)."""
    daemon.wrapper = ["strace", "-D", *words(out, call, nth)]  # -D: the daemon is our child, not strace
    start = Start(daemon)
    status = start.end()
    assert orphans_gone(), "left a process behind"
    return start, status


def judge(start, status, trace):
    """What is wrong with such an end, or None."""
    text = start.text().strip()
    if loader_crashed(trace):
        return None
    if status < 0:
        return f"died of {signal.Signals(-status).name}: {text[-300:]}"
    if start.served:
        return f"served, then ended with {status}" if status else None
    return None if status and text else f"ended with {status} {'unserved' if text else 'without a word'}"


def test_calls_inside_libraries_of_a_start():
    needs_strace()
    began, ends, wrong = time.monotonic(), collections.Counter(), []
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory(prefix="shackd-strace-") as folder:
        out = Path(folder) / "of"
        daemon = Daemon("workers.ysf=1", "server.log_level=warning", start=False, listen="127.0.0.1:0")
        try:
            start, status = start_of(daemon, out)
            calls = counted(out.read_text(errors="replace")) if out.exists() else {}
            if not calls:
                raise Skip("needs ptrace: " + start.text()[:200].strip())
            assert start.served and status == 0, start.text()
            todo = chosen({"master": calls}, (COUNT + 1) // 2)
            for _, call, nth in todo:
                start, status = start_of(daemon, out, call, nth)
                trace = out.read_text(errors="replace")
                ends["not_reached" if "(INJECTED)" not in trace else "served" if start.served else "refused"] += 1
                why = judge(start, status, trace)
                if why:
                    wrong.append(f"{call} {nth}: {why}")
                    print(f"# {wrong[-1]}", flush=True)
        finally:
            daemon.process = None  # each was waited for
            daemon.close()
    figures("injected-start", tried=len(todo), wrong=len(wrong), seconds=round(time.monotonic() - began, 1), **ends)
    assert not wrong, f"{len(wrong)} of {len(todo)}: " + "; ".join(wrong[:5])


if __name__ == "__main__":
    main(globals())
