# SPDX-License-Identifier: ISC
#
# NAME      shackd - a daemon for the length of a test
# PURPOSE   Starts ./shackd with directories of its own and ports of the kernel's choice, waits until
#           it serves, and leaves nothing behind.
# OWNER     flow, fault and peer tests
# CONTRACT  no fixed sleeps: everything waits for an event or looks again after a short pause, up to
#           a deadline; processes are ended by their pid
# LIMITS    as root the workers become nobody:nogroup unless a test says otherwise

import array
import contextlib
import ctypes
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SHACKD = os.environ.get("SHACKD", str(ROOT / "shackd"))
SHACKCTL = os.environ.get("SHACKCTL", str(ROOT / "shackctl"))
IS_ROOT = os.geteuid() == 0
SLOW = 5 if os.environ.get("SAN") else 1  # sanitizers stretch deadlines, not promises
# How long to wait for what surely comes: where many tests share two processors, longer. Who measures
# a time does not ask it.
PATIENCE = SLOW * float(os.environ.get("PATIENCE", "1"))
READY_DEADLINE = 20 * SLOW

HEADER = struct.Struct("=IHHIIQ")  # magic, type, -, length, -, generation
MAGIC = 0x53484B31
REQUEST, DATA, DONE = 6, 32, 33


LIBC = ctypes.CDLL(None)


def die_with_parent():
    """A daemon does not outlive a test that was killed (PR_SET_PDEATHSIG), and takes the signals that
    a shell tells what it puts in the background to ignore."""
    LIBC.prctl(1, signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


class Skip(Exception):
    """This test can't run here."""


def eventually(predicate, deadline=10.0, what="the condition", fds=()):
    """Looks until PREDICATE is true (returns its value); wakes early when one of FDS is readable."""
    end = time.monotonic() + deadline * PATIENCE
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {deadline * PATIENCE:.1f} s")
        select.select(fds, [], [], 0.01)


def process_state(pid):
    """State letter of a process, None when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return None


def alive(pid):
    return process_state(pid) not in (None, "Z", "X")


class Daemon:
    """with Daemon("workers.ysf=2") as daemon: ... - each option as of -o."""

    def __init__(self, *options, foreground=True, flags=(), config=None, start=True,
                 listen="*:0", program=None, wrapper=(), environment=None, clean=True):
        self.base = Path(tempfile.mkdtemp(prefix="shackd-test-"))
        self.base.chmod(0o755)
        self.shm_dir = Path(tempfile.mkdtemp(prefix="shackd-test-", dir="/dev/shm"))
        self.run_dir = self.base / "run"
        self.state_dir = self.base / "state"
        self.stderr_path = self.base / "stderr"
        self.stdout_text = ""
        self.foreground, self.clean = foreground, clean
        self.listen, self.config, self.options, self.flags = listen, config, options, flags
        self.program, self.wrapper = program or SHACKD, list(wrapper)
        self.environment = environment
        self.process, self.pid, self.ready = None, None, None
        self.listeners, self.ports, self.dashboards, self.telnets = [], [], [], []
        if start:
            try:
                self.start()
            except BaseException:
                self.close()
                raise

    def command(self):
        """What is executed; defaults first, so that a test's own options win."""
        command = self.wrapper + [self.program]
        if self.foreground:
            command.append("-f")
        if self.config is None:
            self.config = self.base / "shackd.ini"
            self.config.write_text("")
        options = [f"server.run_dir={self.run_dir}", f"server.shm_dir={self.shm_dir}",
                   f"server.state_dir={self.state_dir}",
                   "dgid.prefix=no",  # so that frames can be compared as they were sent
                   "ysf.dashboard_listen=127.0.0.1:0",  # its default is one port for all daemons
                   # callers of tests have odd names, and are quicker than people
                   "access.check_re=0", "protection.wild_ptt_count=0"]
        if self.listen is not None:  # else it stands in the file
            options.append(f"ysf.listen={self.listen}")
        if IS_ROOT:
            options += ["server.user=nobody", "server.group=nogroup"]
        if not self.foreground:
            options.append(f"server.log={self.state_dir}/log")
        command += ["-c", str(self.config)]
        for option in options + list(self.options):
            command += ["-o", option]
        return command + list(self.flags)

    def launch(self):
        """Starts without waiting for anything."""
        env = dict(os.environ, **(self.environment or {}))
        self.stdout_text = ""
        with open(self.stderr_path, "ab") as stderr:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=stderr, env=env,
                                            preexec_fn=die_with_parent)
        os.set_blocking(self.process.stdout.fileno(), False)
        return self

    def read_stdout(self):
        chunk = self.process.stdout.read()
        self.stdout_text += chunk.decode() if chunk else ""
        return self.stdout_text

    def start(self):
        """Starts and waits until it serves."""
        self.launch()
        if not self.foreground:
            return self.start_background()

        def ready():
            match = re.search(r"^shackd: ready(.*)$\n", self.read_stdout(), re.M)
            if not match and self.process.poll() is not None:
                raise AssertionError(f"ended with status {self.process.returncode}: {self.log()}")
            return match

        found = eventually(ready, READY_DEADLINE / SLOW, "the ready line", [self.process.stdout])
        self.pid = self.process.pid
        self.understand(found[0])
        return self

    def start_background(self):
        status = self.process.wait(timeout=READY_DEADLINE)
        if status != 0:
            raise AssertionError(f"the launcher ended with {status}: {self.log()}")
        self.pid = int((self.run_dir / "shackd.pid").read_text())
        path = self.state_dir / "log"
        line = eventually(lambda: re.search(r"shackd: ready.*", path.read_text())
                          if path.exists() else None, 10, "the ready line in the log")
        self.understand(line[0])
        return self

    def understand(self, line):
        self.ready = line
        match = re.search(r"ysf=(\S+)", line)
        self.listeners = match[1].split(",") if match else []
        self.ports = [int(text.rsplit(":", 1)[1]) for text in self.listeners]
        match = re.search(r"dashboard=(\S+)", line)
        self.dashboards = match[1].split(",") if match else []
        match = re.search(r"dxc=(\S+)", line)
        self.telnets = match[1].split(",") if match else []

    @property
    def dxc_port(self):
        """Where the DX cluster serves."""
        return int(self.telnets[0].rsplit(":", 1)[1])

    @property
    def port(self):
        return self.ports[0]

    def log(self):
        """What it wrote to standard error, or to its log file in the background."""
        path = self.state_dir / "log"
        text = self.stderr_path.read_text(errors="replace") if self.stderr_path.exists() else ""
        return text + (path.read_text(errors="replace") if path.exists() else "")

    # ---- the control socket ----

    def ctl(self, *args, check=True):
        """Runs shackctl --json; returns the parsed answer (None if there is none). With check=False
        returns (exit status, standard output, standard error) instead."""
        done = subprocess.run([SHACKCTL, "-s", str(self.run_dir / "control.sock"), "--json", *args],
                              capture_output=True, text=True, timeout=20 * PATIENCE)
        if not check:
            return done.returncode, done.stdout, done.stderr
        if done.returncode != 0:
            raise AssertionError(f"shackctl {' '.join(args)}: {done.returncode}: {done.stderr}")
        text = done.stdout.strip()
        return json.loads(text) if text else None

    def ctl_lines(self, *args):
        """The same for an answer of one JSON object a line."""
        status, out, err = self.ctl(*args, check=False)
        if status != 0:
            raise AssertionError(f"shackctl {' '.join(args)}: {status}: {err}")
        return [json.loads(line) for line in out.splitlines()]

    def connect(self):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.settimeout(20 * PATIENCE)
        sock.connect(str(self.run_dir / "control.sock"))
        return sock

    def ask(self, *words):
        """One request without shackctl: (exit code, answer text, reason)."""
        with self.connect() as sock:
            body = b"".join(word.encode() + b"\0" for word in words)
            try:
                sock.send(packet(REQUEST, body))
            except BrokenPipeError:
                pass  # turned away already; the reason can be read
            return answer(sock)

    def status(self):
        return json.loads(self.ask("status")[1])

    def workers(self):
        """{slot: its object}"""
        return {worker["slot"]: worker for worker in json.loads(self.ask("workers")[1])}

    def worker_pids(self):
        return {slot: worker["pid"] for slot, worker in self.workers().items()}

    def aides(self):
        """Processes for one task each, as the examination of the durable store after a start."""
        found = []
        for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
            with contextlib.suppress(OSError):  # it is gone
                if Path(f"/proc/{pid}/comm").read_text().strip() == "shackd-aide":
                    found.append(int(pid))
        return found

    def idle(self):
        """Waits until nothing is done beside serving: an aide takes descriptors of the master."""
        eventually(lambda: not self.aides(), 10, "the end of all aides")
        return self

    def passwd(self, call, password):
        """Gives a user of the DX cluster a password, as an operator does."""
        done = subprocess.run([SHACKCTL, "-s", str(self.run_dir / "control.sock"), "passwd", call],
                              input=password + "\n", capture_output=True, text=True, timeout=40 * PATIENCE)
        assert done.returncode == 0, f"passwd {call}: {done.stderr}"

    def kill_worker(self, slot, number=signal.SIGKILL):
        """Sends signal NUMBER to the process that holds SLOT, once there is one. Returns its process id."""
        def hit():
            pid = self.worker_pids().get(slot)
            try:
                return pid and (os.kill(pid, number) or pid)
            except ProcessLookupError:
                return None  # it ended between the answer and the signal
        return eventually(hit, 10, f"a process in {slot}")

    # ---- the end ----

    def send(self, number):
        os.kill(self.pid, number)

    def wait(self, deadline=10):
        """Waits for the end; returns the exit status (None in the background)."""
        if self.foreground:
            status = self.process.wait(timeout=deadline * PATIENCE)
            self.read_stdout()
            return status
        eventually(lambda: not alive(self.pid), deadline, "the end of the daemon")
        return None

    def stop(self, number=signal.SIGTERM, deadline=10):
        self.send(number)
        return self.wait(deadline)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=10 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process and self.process.stdout:
            self.process.stdout.close()
        if not self.foreground and self.pid and alive(self.pid):
            os.kill(self.pid, signal.SIGTERM)
            eventually(lambda: not alive(self.pid), 10, "the end of the daemon")
        if self.clean:
            shutil.rmtree(self.base, ignore_errors=True)
            shutil.rmtree(self.shm_dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind and kind is not Skip and os.environ.get("VERBOSE"):
            print(self.log(), file=sys.stderr)
        self.close()


def packet(kind, body=b"", magic=MAGIC, length=None):
    """A message as it travels; the last two arguments make it a wrong one."""
    return HEADER.pack(magic, kind, 0, len(body) if length is None else length, 0, 0) + body


def send_with_fd(sock, data, fd):
    sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])


def answer(sock):
    """Reads an answer to its end: (exit code, text, reason)."""
    text = b""
    while True:
        data = sock.recv(65536)
        if not data:
            raise AssertionError("the connection ended without an answer")
        kind, body = HEADER.unpack(data[:HEADER.size])[1], data[HEADER.size:]
        if kind == DATA:
            text += body
        elif kind == DONE:
            reason = body[4:].split(b"\0", 1)[0].decode()
            return struct.unpack("=I", body[:4])[0], text.decode(), reason


def main(namespace):
    """Runs every test_* function of a module: main(globals()). Words on the command line choose;
    TIMES=1 in the environment tells how long each took."""
    failed = 0
    words = sys.argv[1:]
    for name, test in list(namespace.items()):
        if not name.startswith("test_") or (words and not any(word in name for word in words)):
            continue
        began = time.monotonic()
        try:
            test()
            print(f"ok {name}", flush=True)
            if os.environ.get("TIMES"):
                print(f"# {name} took {time.monotonic() - began:.1f} s", flush=True)
        except Skip as why:
            print(f"SKIP {name}: {why}", flush=True)
        except Exception as error:  # the runner's job is to report, whatever it was
            failed += 1
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            print(f"not ok {name}: {reason}", flush=True)
            traceback.print_exc()
    sys.exit(1 if failed else 0)
