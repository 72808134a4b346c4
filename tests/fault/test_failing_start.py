#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_failing_start - the nth call of each function fails while the daemon starts
# PURPOSE   Whatever the system refuses to the master or to a worker at its start: the daemon serves, or
#           it ends with an exit status and says why; it never hangs, never dies of a signal, and
#           leaves neither a process nor anything that keeps the next start out.
# OWNER     tests
# CONTRACT  FAULTS=n in the environment: at most n calls of each function and process, evenly spread
#           (default 1; the table's row says 40; 100000 are all)
# RUNS      beside few
# LIMITS    the C library itself crashes where its name service gets no memory (glibc 2.36: an assertion
#           or a null pointer in getgrnam): such an end before serving is no failure of ours

import os
import re
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.failing import ERRORS, Failing, spread  # noqa: E402
from lib.figures import figures  # noqa: E402
from lib.shackd import Daemon, LIBC, main  # noqa: E402

MOST = int(os.environ.get("FAULTS", "1"))
ONLY = os.environ.get("FUNCTIONS", "").split()
PATIENCE = 60  # seconds after which a start counts as hung: the watchdog waits for 5, or 50 if starved
PR_SET_CHILD_SUBREAPER = 36


class Start:
    """One start of a daemon in which something fails, and its end."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.began = time.monotonic()
        self.log_at = daemon.stderr_path.stat().st_size if daemon.stderr_path.exists() else 0
        daemon.launch()
        self.served = self.wait_for_service()
        self.took = time.monotonic() - self.began

    def text(self):
        return self.daemon.log()[self.log_at:]

    def wait_for_service(self):
        """True: it serves; False: it has ended; a hang is neither."""
        process = self.daemon.process
        while time.monotonic() < self.began + PATIENCE:
            if re.search(r"^shackd: ready.*\n", self.daemon.read_stdout(), re.M):
                self.daemon.pid = process.pid
                return True
            if process.poll() is not None:
                return False
            time.sleep(0.002)
        process.kill()
        process.wait()
        raise AssertionError(f"neither served nor ended within {PATIENCE} s: {self.text()[-300:]}")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.daemon.idle().pid}/fd"))

    def end(self):
        process = self.daemon.process
        if self.served:
            process.terminate()
            try:
                process.wait(timeout=PATIENCE)
            except Exception:
                process.kill()
                process.wait()
                raise AssertionError("served, but did not end when asked to") from None
        process.stdout.close()
        return process.returncode


def orphans_gone():
    """Workers whose master is gone end by themselves, and soon; we inherited them."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if pid == 0:
            time.sleep(0.002)
    return False


def judge(name, start, status):
    """What is wrong with this end, or None."""
    text = start.text().strip()
    if start.served and status != 0:
        return f"served, then ended with {status}"
    if status < 0 and "(libev)" in text:
        return None  # its allocator knows no other answer, and says so
    if name == "malloc" and status in (-signal.SIGSEGV, -signal.SIGABRT) and not start.served:
        return None  # the C library's name service, see LIMITS
    if status < 0:
        return f"died of {signal.Signals(-status).name}"
    if not start.served and status == 0:
        return "ended with 0 without having served"
    if not start.served and not text:
        return f"ended with {status} without a word"
    return None


def fail_each(process):
    """Every function in one process; returns counts, or raises with all that was wrong."""
    seen = {"starts": 0, "failures": 0, "served": 0, "refused": 0, "longest_ms": 0.0}
    wrong = []
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with Failing(process) as failing:
        daemon = Daemon("workers.ysf=1", "server.log_level=warning", start=False,
                        listen="127.0.0.1:0", environment=failing.environment)
        try:
            for name in sorted(ERRORS):
                if not ONLY or name in ONLY:
                    fail_function(failing, daemon, name, seen, wrong)
        finally:
            daemon.process = None  # each was waited for
            daemon.close()
    seen["wrong"] = len(wrong)
    figures("failing-start", process=process, lost=0, **seen)
    assert not wrong, f"{len(wrong)} wrong: " + "; ".join(wrong[:8])


def once(failing, daemon, name, nth, seen):
    failing.arm(name, nth)
    start = Start(daemon)
    descriptors = start.descriptors() if start.served else 0
    calls = failing.calls
    status = start.end()
    seen["starts"] += 1
    seen["longest_ms"] = max(seen["longest_ms"], round(start.took * 1000, 1))
    return start, status, descriptors, calls


def fail_function(failing, daemon, name, seen, wrong):
    start, status, baseline, calls = once(failing, daemon, name, 0, seen)
    if not start.served or status != 0 or not orphans_gone():
        wrong.append(f"after {name}: an undisturbed start failed: {start.text()[-300:]}")
        return
    for nth in spread(calls, MOST):
        try:
            start, status, descriptors, _ = once(failing, daemon, name, nth, seen)
            why = judge(name, start, status)
            if failing.hits:
                seen["failures"] += 1
                seen["served" if start.served else "refused"] += 1
            if why is None and start.served and descriptors > baseline + 1:
                why = f"{descriptors} descriptors, not {baseline}"
        except AssertionError as error:
            why = str(error)
        if not orphans_gone():
            why = "left a process behind"
        if why is not None:
            wrong.append(f"{name} {nth} of {calls}: {why}")
            print(f"# {wrong[-1]}", flush=True)


def test_start_of_the_master():
    fail_each("master")


def test_start_of_a_ysf_worker():
    fail_each("ysf.0")


def test_start_of_keeper():
    fail_each("keeper")


def test_start_of_log():
    fail_each("log")


if __name__ == "__main__":
    main(globals())
