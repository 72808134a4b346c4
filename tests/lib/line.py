# SPDX-License-Identifier: ISC
#
# NAME      line - the line service of a test build, and its clients
# PURPOSE   A daemon that serves TCP, one client for single words, and linesim for many
# OWNER     flow, fault and soak tests
# CONTRACT  no fixed sleeps; everything has a deadline
# LIMITS    IPv4 loopback

import json
import re
import signal
import socket
import struct
import subprocess

from lib.builds import BUILD, TESTING, need
from lib.shackd import SLOW, Daemon

OPTIONS = ("line.enabled=yes", "workers.line=2", "workers.ysf=1", "limits.sessions=2000",
           "limits.sessions_per_ip=2000", "server.respawn_tokens=6000/m")


class Service(Daemon):
    """with Service("workers.line=4") as service: ..."""

    def __init__(self, *options, program=None, **more):
        super().__init__(*OPTIONS, *options, program=program or need(TESTING),
                         listen="127.0.0.1:0", **more)

    @property
    def address(self):
        return re.search(r"line=([^\s,]+)", self.ready)[1]

    @property
    def tcp_port(self):
        return int(self.address.rsplit(":", 1)[1])

    def lines(self):
        """{slot: its object} of the line workers"""
        return {slot: worker for slot, worker in self.workers().items()
                if slot.startswith("line.")}

    def sessions(self):
        return sum(worker["sessions"] for worker in self.lines().values())

    def count(self, name, cause=None):
        """Sum of a counter over the line workers."""
        label = f',cause="{cause}"' if cause else ""
        found = re.findall(rf'^shackd_{name}{{slot="line\.\d+"{label}}} (\d+)', self.metrics(), re.M)
        return sum(map(int, found))

    def metrics(self):
        return self.ask("metrics")[1]


class Client:
    """One connection; words in, lines out."""

    def __init__(self, service, greeted=True, buffer=None, source=None):
        self.sock = socket.socket()
        self.sock.settimeout(10 * SLOW)
        if buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        if source:
            self.sock.bind((source, 0))
        self.sock.connect(("127.0.0.1", service.tcp_port))
        self.file = self.sock.makefile("rb")
        if greeted:
            assert self.line() == b"hello\n"

    def line(self):
        return self.file.readline()

    def send(self, data):
        self.sock.sendall(data)

    def ask(self, data):
        self.send(data)
        return self.line()

    def reset(self):
        """Closes without the usual farewell: RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class LineSim:
    """Many clients who check every byte: with LineSim(service, "--sessions", 100) as sim: ..."""

    def __init__(self, service, *options):
        self.process = subprocess.Popen(
            [str(BUILD / "tests/load/linesim"), *map(str, options), service.address],
            stdout=subprocess.PIPE, text=True)

    def wait(self):
        """Until all sessions are greeted."""
        if self.process.stdout.readline() != "running\n":
            raise AssertionError(f"linesim ended with {self.process.wait()}")

    def running(self):
        return self.process.poll() is None

    def finish(self, deadline=120):
        """Ends all sessions; returns what they saw."""
        self.process.send_signal(signal.SIGTERM)
        text, _ = self.process.communicate(timeout=deadline * SLOW)
        return json.loads(text.splitlines()[-1])

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def wrong(report):
    """What linesim found wrong; empty when every byte was right."""
    return {key: report[key] for key in ("lost", "doubled", "damaged", "resets", "ended_early",
                                         "unfinished") if report[key]}
