#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_strays - a start among what a dead daemon left behind
# PURPOSE   A worker that did not follow its master is found and ended, if it is surely ours; what is
#           not is left alone; what can't be ended stops the start, with its pid and what to do.
# OWNER     make check
# CONTRACT  ends nothing but processes that it began; strays are the real executable, started as a
#           master starts it, and stopped before it notices that nobody talks to it
# RUNS      beside others
# LIMITS    other users and programs need root to be told apart; without, those cases are skipped

import ctypes
import mmap
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.death import free_port  # noqa: E402
from lib.shackd import (  # noqa: E402
    IS_ROOT, LIBC, SHACKD, SLOW, Daemon, Skip, alive, die_with_parent, eventually, main,
    process_state)

PTRACE_SEIZE, TRACE_EXIT = 0x4206, 0x40
MUCH = 400 << 20


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


class Stray:
    """A worker without a master, stopped; PORT: it holds that UDP port."""

    def __init__(self, run_dir, slot="ysf.0", port=None, program=SHACKD, wrapper=(), **how):
        self.ours, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        held = [control.fileno()]
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        if port:
            self.sock.bind(("127.0.0.1", port))
            held.append(self.sock.fileno())

        def prepare():
            os.dup2(control.fileno(), 3)
        self.process = subprocess.Popen([*wrapper, program, "--role", slot, str(run_dir)],
                                        stdin=subprocess.DEVNULL, pass_fds=[3, *held],
                                        preexec_fn=prepare, **how)
        self.pid = self.worker(bool(wrapper))
        os.kill(self.pid, signal.SIGSTOP)
        eventually(lambda: process_state(self.pid) == "T", 5, "the stop")
        control.close()
        self.sock.close()

    def worker(self, wrapped):
        """The process that is the worker: the child of its wrapper."""
        pid = self.process.pid
        if not wrapped:
            return pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        return int(eventually(lambda: children.read_text().split(), 5, "the wrapped one")[0])

    def lives(self):
        return alive(self.pid)

    def close(self):
        for pid in {self.pid, self.process.pid}:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.ours.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def refused(daemon):
    """A start that must fail: what it said."""
    daemon.launch()
    status = daemon.process.wait(timeout=30 * SLOW)
    daemon.process.stdout.close()
    expect(status == 2, f"status {status}: {daemon.log()}")
    return daemon.log()


def test_strays_are_ended():
    """Of root, as it is before it gives up its rights, and of the workers' user."""
    port = free_port()
    users = [{}, {"user": 65534, "group": 65534}] if IS_ROOT else [{}]
    with Daemon(listen=f"127.0.0.1:{port}", start=False) as daemon:
        for slot, user in zip(("ysf.0", "keeper"), users):
            with Stray(daemon.run_dir, slot, port, **user) as stray:
                began = time.monotonic()
                daemon.start()
                took = time.monotonic() - began
                expect(stray.process.wait(timeout=5) == -signal.SIGKILL, "it lives on")
                expect(f"pid {stray.pid} (shackd" in daemon.log() and
                       "outlived the daemon that died here: sending KILL" in daemon.log(),
                       f"not said: {daemon.log()}")
                expect(took < 2 * SLOW, f"serves after {took:.1f} s")
                expect(daemon.status()["state"] == "ready", "does not serve")
                daemon.stop()
                daemon.process.stdout.close()


def test_many_strays_are_ended():
    with Daemon(listen=f"127.0.0.1:{free_port()}", start=False) as daemon:
        strays = [Stray(daemon.run_dir, f"ysf.{number}") for number in range(40)]
        try:
            daemon.start()
            expect(not any(stray.lives() for stray in strays), "some live on")
        finally:
            for stray in strays:
                stray.close()


def test_what_is_not_ours_is_left_alone():
    with tempfile.TemporaryDirectory(prefix="shackd-strays-") as folder, \
         Daemon(listen=f"127.0.0.1:{free_port()}", start=False) as daemon:
        os.chmod(folder, 0o755)
        shell, program = Path(folder) / "shackd", Path(folder) / "other" / "shackd"
        program.parent.mkdir()
        shutil.copy("/bin/sh", shell)
        shutil.copy(SHACKD, program)
        kinds = {"of another daemon": Stray(f"{daemon.run_dir}-2"),
                 "with a master": Stray(daemon.run_dir, wrapper=[shell, "-c", '"$0" "$@" & wait'])}
        if IS_ROOT:
            kinds["of another user"] = Stray(daemon.run_dir, user=12345, group=12345)
            kinds["of another program"] = Stray(daemon.run_dir, program=program)
        try:
            daemon.start()
            ended = [kind for kind, stray in kinds.items() if not stray.lives()]
            expect(not ended, f"ended what is not ours: {ended}")
            if IS_ROOT:
                expect(f"pid {kinds['of another program'].pid} (" in daemon.log() and
                       "executes another program: left alone" in daemon.log(), daemon.log())
        finally:
            for stray in kinds.values():
                stray.close()


def slow_to_end(port):
    """A process with a worker's name that holds PORT and takes long to end: it has much to give back."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", port))
    there, ready = os.pipe()
    pid = os.fork()
    if pid == 0:
        die_with_parent()
        LIBC.prctl(15, b"shackd-slow", 0, 0, 0)  # PR_SET_NAME
        with mmap.mmap(-1, MUCH) as memory:
            memory.madvise(mmap.MADV_NOHUGEPAGE)
            for at in range(0, MUCH, mmap.PAGESIZE):
                memory[at] = 1
            os.write(ready, b"!")
            while True:
                signal.pause()
    os.read(there, 1)
    os.close(there)
    os.close(ready)
    sock.close()
    return pid


def test_who_is_just_ending_is_waited_for():
    port = free_port()
    with Daemon(listen=f"127.0.0.1:{port}", start=False) as daemon:
        pid = slow_to_end(port)
        os.kill(pid, signal.SIGKILL)
        daemon.start()  # not: "in use by"
        expect(process_state(pid) in ("Z", None), "it was not waited for")
        os.waitpid(pid, 0)
        expect("sending KILL" not in daemon.log(), "it ended by itself")


class Tracer:
    """A process that holds another one at its exit, as a debugger does."""

    def __init__(self, pid):
        self.child = os.fork()
        if self.child == 0:
            die_with_parent()
            LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
            failed = LIBC.ptrace(PTRACE_SEIZE, pid, None, TRACE_EXIT)
            if failed:
                os._exit(1)
            while True:
                signal.pause()
        self.pid = pid

    def holds(self):
        """True once it traces; Skip where that is forbidden."""
        if os.waitpid(self.child, os.WNOHANG)[0]:
            raise Skip("needs ptrace")
        return f"TracerPid:\t{self.child}\n" in Path(f"/proc/{self.pid}/status").read_text()


def test_what_does_not_end_stops_the_start():
    """A worker held at its exit: it keeps its port, and KILL does not help."""
    with Daemon("workers.ysf=1", listen=f"127.0.0.1:{free_port()}") as daemon:
        worker = daemon.worker_pids()["ysf.0"]
        tracer = Tracer(worker)
        eventually(tracer.holds, 5, "the tracer")
        os.kill(daemon.pid, signal.SIGKILL)
        daemon.process.wait()
        daemon.process.stdout.close()
        eventually(lambda: process_state(worker) == "t", 5, "its stop at the exit")
        began = time.monotonic()
        said = refused(daemon)
        took = time.monotonic() - began
        match = re.search(rf"pid {worker} \(shackd-ysf\.0\), left by a daemon that died here, does not end "
                          r"after KILL \(state t\): pid \d+ traces it, end that with: (kill \d+); "
                          "then start again", said)
        expect(match, said)
        expect(took < 5 * SLOW, f"said so after {took:.1f} s")
        subprocess.run(match[1].split(), check=True)
        os.waitpid(tracer.child, 0)
        daemon.start()
        expect(daemon.status()["state"] == "ready", "does not serve")


if __name__ == "__main__":
    main(globals())
