# SPDX-License-Identifier: ISC
#
# NAME      bench_lab - the contestants of the bench and the instruments to measure them
# PURPOSE   starts the daemon, the bare loop and the simulator, each pinned to its processor, and
#           reads processor time, memory and socket queues from /proc
# OWNER     tests/load/bench.py
# CONTRACT  every process started here is ended by the with block that started it
# LIMITS    Linux; IPv4 loopback; the daemon is started with directories of its own below /dev/shm

import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

BUILD = os.path.join(os.environ.get("B", "build/release"), "tests/load")
REFLECTOR_CPU = "0"
SIM_CPU = "1"
WAIT = 60


class LabError(Exception):
    """A measurement that could not be made."""


def pinned(cpu, args):
    return ["taskset", "-c", cpu, *args]


class Lines:
    """Lines of a pipe as they come, each with a time limit."""

    def __init__(self, pipe, name):
        self.fd = pipe.fileno()
        self.name = name
        self.rest = b""

    def next(self, timeout=WAIT):
        while b"\n" not in self.rest:
            ready, _, _ = select.select([self.fd], [], [], timeout)
            more = os.read(self.fd, 65536) if ready else b""
            if not more:
                raise LabError(f"{self.name}: no further line")
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode("ascii", "replace")


def end(proc, sig=signal.SIGTERM):
    if proc.poll() is None:
        proc.send_signal(sig)
        try:
            proc.wait(WAIT)
        except subprocess.TimeoutExpired:
            proc.kill()
            proc.wait()


def cpu_ns(pids):
    """Processor time of processes, user and system, in nanoseconds."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
    return total


def state(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        return f.read().rpartition(")")[2].split()[0]


def memory_kb(pid):
    out = {}
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        for line in f:
            key, _, value = line.partition(":")
            if key in ("VmRSS", "RssAnon", "RssShmem"):
                out[key] = int(value.split()[0])
    return out


def share_kb(pids):
    """Memory of processes together, what they share counted once; not their programs' files."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            total += sum(int(line.split()[1]) for line in f
                         if line.startswith(("Pss_Anon:", "Pss_Shmem:")))
    return total


def memory_after(seconds, pid):
    """One reading of a row of them, which are that far apart."""
    time.sleep(seconds)
    return memory_kb(pid)


def queues(port):
    """Socket inode to (bytes waiting, drops) for all UDP sockets of a port on IPv4."""
    out = {}
    with open("/proc/net/udp", encoding="ascii") as f:
        next(f)
        for line in f:
            w = line.split()
            if int(w[1].split(":")[1], 16) == port:
                out[w[9]] = (int(w[4].split(":")[1], 16), int(w[12]))
    return out


class Bare:
    """The bare loop as a contestant."""

    name = "bare"

    def __init__(self, _settings=None, cpus=REFLECTOR_CPU):
        self.cpus = cpus

    def __enter__(self):
        self.proc = subprocess.Popen(
            pinned(self.cpus, [os.path.join(BUILD, "bare"), "127.0.0.1:0"]),
            stdout=subprocess.PIPE)
        self.address = Lines(self.proc.stdout, "bare").next().split("=", 1)[1]
        self.port = int(self.address.rsplit(":", 1)[1])
        self.workers = [self.proc.pid]
        return self

    def __exit__(self, *exc):
        end(self.proc)
        self.proc.stdout.close()


class Product:
    """The daemon as a contestant, with directories of its own."""

    name = "shackd"
    settings = {
        "ysf.listen": "127.0.0.1:0", "workers.ysf": "1", "limits.clients": "25000",
        "limits.clients_per_ip": "25000", "ysf.max_age": "0", "ysf.frame_rate": "0",
        "dgid.list": "1-99", "dgid.default": "22", "dgid.local": "0", "server.user": "", "server.log_level": "warning",
    }

    def __init__(self, settings=None, cpus=REFLECTOR_CPU):
        self.cpus = cpus
        self.settings = {**Product.settings, **(settings or {})}

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="shackd-bench-", dir="/dev/shm")
        conf = os.path.join(self.dir, "empty.ini")
        with open(conf, "w", encoding="ascii"):
            pass
        for d in ("run", "shm", "state"):
            os.mkdir(os.path.join(self.dir, d))
            self.settings[f"server.{d}_dir"] = os.path.join(self.dir, d)
        self.settings.setdefault("ysf.dashboard_listen", "127.0.0.1:0")
        args = ["./shackd", "-f", "-c", conf]
        for key, value in self.settings.items():
            args += ["-o", f"{key}={value}"]
        self.err = open(os.path.join(self.dir, "stderr"), "w+", encoding="utf-8")
        self.proc = subprocess.Popen(pinned(self.cpus, args), stdout=subprocess.PIPE,
                                     stderr=self.err)
        try:
            self.ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def ready(self):
        try:
            lines = Lines(self.proc.stdout, "shackd")
            line = lines.next()
            while not line.startswith("shackd: ready"):
                line = lines.next()
        except LabError as e:
            self.err.seek(0)
            raise LabError(f"shackd did not start: {self.err.read()[-500:]}") from e
        self.address = [w[4:] for w in line.split() if w.startswith("ysf=")][0].split(",")[0]
        self.port = int(self.address.rsplit(":", 1)[1])
        self.dxc_port = next((int(w.rsplit(":", 1)[1]) for w in line.split()
                              if w.startswith("dxc=")), None)
        self.table = self.control("workers")
        self.workers = [w["pid"] for w in self.table if w["kind"] == "ysf"]

    def respawn(self):
        """Kill the first worker; microseconds from its successor's fork to READY, or None."""
        old = self.workers[0]
        os.kill(old, signal.SIGKILL)
        start = time.monotonic()
        while time.monotonic() - start < WAIT:
            for w in self.control("workers"):
                if w["kind"] == "ysf" and w["pid"] not in (0, old) and w["state"] == "ready":
                    return w.get("ready_us")
            time.sleep(0.01)
        raise LabError("the worker was not replaced")

    def control(self, *command):
        sock = os.path.join(self.dir, "run", "control.sock")
        done = subprocess.run(["./shackctl", "-s", sock, "--json", *command], timeout=WAIT,
                              stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)

    def __exit__(self, *exc):
        end(self.proc)
        self.proc.stdout.close()
        self.err.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Simulator:
    """The gateway simulator; manual ones take commands, others run to their end."""

    def __init__(self, address, *args):
        self.args = pinned(SIM_CPU, [os.path.join(BUILD, "ysfsim"), "--json", "--progress",
                                     *[str(a) for a in args], address])

    def __enter__(self):
        self.proc = subprocess.Popen(self.args, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lines = Lines(self.proc.stdout, "ysfsim")
        return self

    def wait_for(self, word, timeout=WAIT):
        line = self.lines.next(timeout)
        while not line.startswith(word):
            line = self.lines.next(timeout)
        return line

    def tell(self, command):
        self.proc.stdin.write(command.encode() + b"\n")
        self.proc.stdin.flush()
        if self.wait_for(("ok", "bad")) != "ok":
            raise LabError(f"the simulator refused: {command}")

    def report(self):
        return json.loads(self.wait_for("{"))

    def __exit__(self, *exc):
        end(self.proc, signal.SIGKILL if exc[0] else signal.SIGTERM)
        self.proc.stdin.close()
        self.proc.stdout.close()


def wait_idle(contestant, step=0.002):
    """Until the sockets are empty and every worker sleeps; seconds that took."""
    start = time.monotonic()
    while time.monotonic() - start < WAIT:
        # The states first: to read them costs next to nothing.
        if all(state(p) == "S" for p in contestant.workers) and \
                all(q[0] == 0 for q in queues(contestant.port).values()):
            return time.monotonic() - start
        time.sleep(step)
    raise LabError("the workers never came to rest")


def halt(contestant):
    for pid in contestant.workers:
        os.kill(pid, signal.SIGSTOP)
    start = time.monotonic()
    while any(state(p) != "T" for p in contestant.workers):
        if time.monotonic() - start > WAIT:
            raise LabError("a worker does not stop")
        time.sleep(0.001)


def go_on(contestant):
    for pid in contestant.workers:
        os.kill(pid, signal.SIGCONT)
