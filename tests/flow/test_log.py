#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_log - the log from outside
# PURPOSE   Forms and targets of log lines, and what happens when a target is missing, moved away or
#           stopped, or when the log worker dies.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    syslog's socket is tested in a mount namespace and needs root for it

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from shackd import IS_ROOT, SLOW, Daemon, Skip, eventually, main

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "
                  r"(fatal|error|warning|info|debug) [a-z]+(\.\d+)?\[\d+\] .+")


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


def pid_of(daemon, slot):
    """Never 0, which would stand for our own process group."""
    return eventually(lambda: daemon.worker_pids()[slot], 10, f"a process in {slot}")


def kill_slot(daemon, slot):
    pid = pid_of(daemon, slot)
    os.kill(pid, signal.SIGKILL)

    def replaced():
        worker = daemon.workers()[slot]
        return worker["pid"] not in (0, pid) and worker["state"] == "ready"
    eventually(replaced, 10, f"a new {slot}")
    return pid


def test_text_lines():
    with Daemon() as daemon:
        pid = kill_slot(daemon, "ysf.0")
        eventually(lambda: f"(pid {pid}) died" in daemon.log(), 10, "the death in the log")
        for line in daemon.log().splitlines():
            expect(LINE.fullmatch(line), f"{line!r}")


def test_json_lines():
    with Daemon("server.log_format=json") as daemon:
        pid = kill_slot(daemon, "ysf.0")
        eventually(lambda: f"(pid {pid}) died" in daemon.log(), 10, "the death in the log")
        for line in daemon.log().splitlines():
            record = json.loads(line)
            expect(set(record) == {"time", "level", "slot", "pid", "generation", "text",
                                   "suppressed"}, record)


def test_level():
    with Daemon("server.log_level=error") as daemon:
        kill_slot(daemon, "ysf.0")
        daemon.stop()
        expect("died" not in daemon.log(), "a warning is below the level")


def file_of(daemon):
    return daemon.state_dir / "shackd.log"


class FileDaemon(Daemon):
    """One that logs into a file in its state directory, where its workers may write."""

    def command(self):
        self.flags = ["-o", f"server.log={self.state_dir}/shackd.log"]
        return super().command()


def test_file_and_rotation():
    with FileDaemon() as daemon:
        kill_slot(daemon, "ysf.0")
        path = file_of(daemon)
        eventually(lambda: path.exists() and "died" in path.read_text(), 10, "the line")
        expect(path.stat().st_mode & 0o777 == 0o640, oct(path.stat().st_mode))
        old = path.with_suffix(".1")
        path.rename(old)
        size = old.stat().st_size

        def made_anew():
            kill_slot(daemon, "keeper")
            return path.exists() and "died" in path.read_text()
        eventually(made_anew, 20, "the file, made anew")
        daemon.stop()
        expect("stopped" in path.read_text(), "the last line is in the new file")
        expect(old.stat().st_size >= size, "the old file lost nothing")


def test_missing_target_goes_to_stderr():
    with Daemon("server.log=/nonexistent/shackd.log") as daemon:
        kill_slot(daemon, "ysf.0")
        eventually(lambda: "died" in daemon.log(), 10, "lines on standard error")
        expect("can't open the log target /nonexistent/shackd.log" in daemon.log(), daemon.log())


def numbers(text):
    """Of the lines that the master wrote about stopped and started workers, the pids."""
    return re.findall(r"\(pid (\d+)\) died", text)


def test_killed_log_worker_loses_no_line():
    with Daemon("workers.ysf=2", "server.respawn_tokens=6000/m") as daemon:
        killed = []
        for _ in range(8):
            pids = {slot: pid_of(daemon, slot) for slot in ("log", "ysf.0")}
            os.kill(pids["log"], signal.SIGSTOP)  # holds what comes next in the queue
            os.kill(pids["ysf.0"], signal.SIGKILL)
            os.kill(pids["log"], signal.SIGKILL)
            killed += [pids["ysf.0"], pids["log"]]
            eventually(lambda: all(worker["pid"] not in (0, *killed) and worker["state"] == "ready"
                                   for worker in daemon.workers().values()), 15, "new workers")
        eventually(lambda: set(map(str, killed)) <= set(numbers(daemon.log())), 10,
                   "every death in the log")
        for line in daemon.log().splitlines():
            expect(LINE.fullmatch(line), f"{line!r}")


class PipeDaemon(Daemon):
    """One whose standard error is a pipe that is full from the start, and that nobody reads."""

    def launch(self):
        self.reader, writer = os.pipe()
        env = dict(os.environ)
        self.stdout_text = ""
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=writer, env=env)
        # a description of our own: the daemon's must stay blocking, as a shell leaves it
        filler = os.open(f"/proc/self/fd/{writer}", os.O_WRONLY | os.O_NONBLOCK)
        os.close(writer)
        try:
            while True:
                os.write(filler, b"\n" * 512)
        except BlockingIOError:
            os.close(filler)
        os.set_blocking(self.process.stdout.fileno(), False)
        return self


def test_stopped_reader_of_stderr_holds_nobody():
    with PipeDaemon() as daemon:
        kill_slot(daemon, "ysf.0")
        eventually(lambda: daemon.ctl("metrics")["log"]["log_write_failed_total"] > 0, 10,
                   "a lost line, counted")
        expect(daemon.status()["state"] == "ready", "everybody serves")
        expect(daemon.workers()["log"]["restarts"] == 0, "the log worker did not hang")
        os.set_blocking(daemon.reader, False)
        text = b""

        def heard():
            nonlocal text
            daemon.ask("upgrade", "/nonexistent")  # refused, and logged
            try:
                text += os.read(daemon.reader, 1 << 20)
            except BlockingIOError:
                pass
            return b"nonexistent" in text
        eventually(heard, 10, "lines when it reads again")
        expect(daemon.stop() == 0, "stops")
        os.close(daemon.reader)


def test_syslog():
    if not IS_ROOT:
        raise Skip("needs root for a mount namespace")
    if shutil.which("unshare") is None or subprocess.run(
            ["unshare", "-m", "true"], capture_output=True).returncode != 0:
        raise Skip("no mount namespaces here")
    # a /dev of its own that holds nothing but what the daemon needs and our socket
    script = ("mkdir -p \"$1\" && touch /dev/log 2>/dev/null; mount --bind \"$1/log\" /dev/log && "
              "shift && exec \"$@\"")
    base = Path("/dev/shm") / f"shackd-test-syslog-{os.getpid()}"
    base.mkdir()
    existed = os.path.lexists("/dev/log")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        sock.bind(str(base / "log"))
        os.chmod(base / "log", 0o666)
        sock.settimeout(10 * SLOW)
        wrapper = ["unshare", "-m", "sh", "-c", script, "sh", str(base)]
        with Daemon("server.log=syslog", wrapper=wrapper) as daemon:
            kill_slot(daemon, "ysf.0")
            text = ""
            while "died" not in text:
                text = sock.recv(4096).decode()
            expect(re.fullmatch(r"<28>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d shackd\[\d+\]: "
                                r"master: ysf\.0 \(pid \d+\) died.*", text), text)
    finally:
        sock.close()
        shutil.rmtree(base)
        if not existed and os.path.lexists("/dev/log"):
            os.unlink("/dev/log")


if __name__ == "__main__":
    main(globals())
