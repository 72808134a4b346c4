#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_lines - does the truth-keeper for TCP tell the truth?
# PURPOSE   runs linesim against a line service with faults to order and demands that its report has
#           exactly those faults, no more and no fewer
# OWNER     make check
# CONTRACT  prints "ok NAME" or "not ok NAME: why" for each case; exit 0 when all are ok
# RUNS      beside few
# LIMITS    IPv4 loopback; the service here shares no code with the product's

import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from lib.shackd import main  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent
LINESIM = ROOT / os.environ.get("B", "build/release") / "tests/load/linesim"
CLEAN = {"lost": 0, "doubled": 0, "damaged": 0, "holes": 0, "repeats": 0, "resets": 0,
         "ended_early": 0, "unfinished": 0}


class Client(threading.Thread):
    """One connection of the doctored service. FAULT is (kind, offset in the output, bytes)."""

    def __init__(self, sock, fault):
        super().__init__(daemon=True)
        self.sock, self.fault, self.sent, self.lines = sock, fault, 0, 0
        self.all = bytearray()

    def put(self, text):
        kind, at, size = self.fault or (None, 0, 0)
        start, self.sent = self.sent, self.sent + len(text)
        self.all += text.encode()
        data = self.all[start:]
        if kind == "lose":
            data = self.all[start:max(start, at)] + self.all[max(start, at + size):]
        elif kind and start <= at < self.sent:
            if kind == "double":
                data = self.all[start:at] + self.all[at - size:]
            elif kind == "damage":
                data[at - start] ^= 0x80
            elif kind == "reset":
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise ConnectionError
            elif kind == "end":
                raise ConnectionError
        self.sock.sendall(data)

    def answer(self, line):
        self.lines += 1
        burst = re.fullmatch(r"burst (\d+)", line)
        if burst:
            self.put("".join(f"{self.lines}.{i}: burst\n" for i in range(1, int(burst[1]) + 1)))
        else:
            self.put(f"{self.lines}: {line}\n")

    def run(self):
        try:
            self.put("hello\n")
            for line in self.sock.makefile("rb"):
                self.answer(line.decode().rstrip("\r\n"))
                if line.startswith(b"bye"):
                    break
            if self.fault and self.fault[0] == "extra":
                self.sock.sendall(b"x" * self.fault[2])
        except ConnectionError:
            pass
        self.sock.close()


def simulate(faults, sessions=8, options=()):
    """FAULTS: by number of the connection."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)

    def serve():
        for number in range(sessions):
            Client(listener.accept()[0], faults.get(number)).start()

    threading.Thread(target=serve, daemon=True).start()
    done = subprocess.run([LINESIM, "--sessions", str(sessions), "--seconds", "1", "--rate", "100",
                           "--slow", "4", "--burst", "20", *options,
                           f"127.0.0.1:{listener.getsockname()[1]}"],
                          capture_output=True, text=True, timeout=100)
    listener.close()
    lines = done.stdout.splitlines()
    assert lines[0] == "running", done.stdout + done.stderr
    return done.returncode, json.loads(lines[-1])


def expect(faults, options=(), **expected):
    status, report = simulate(faults, options=options)
    wrong = {key: report[key] for key, value in {**CLEAN, **expected}.items()
             if report[key] != value}
    assert not wrong, f"{wrong} instead of {expected}"
    assert status == (1 if expected else 0), status
    assert report["lines"] > 100 and report["sessions"] == 8
    return report


def test_an_exact_service_has_no_faults():
    expect({})


def test_long_answers_and_slow_readers_have_no_faults():
    expect({}, options=("--big", "60"))


def test_one_byte_lost():
    expect({3: ("lose", 500, 1)}, lost=1, holes=1)


def test_one_byte_doubled():
    expect({5: ("double", 501, 1)}, doubled=1, repeats=1)


def test_one_reset():
    expect({2: ("reset", 700, 0)}, resets=1)


def test_one_byte_damaged():
    expect({1: ("damage", 400, 1)}, damaged=1)


def test_one_early_end():
    expect({6: ("end", 600, 0)}, ended_early=1)


def test_bytes_that_nobody_asked_for():
    expect({4: ("extra", 0, 3)}, damaged=3)


def test_several_faults_at_once():
    expect({0: ("lose", 300, 30), 1: ("lose", 333, 2), 2: ("double", 450, 20),
            3: ("double", 350, 1), 4: ("reset", 800, 0), 5: ("lose", 700, 600)},
           lost=632, holes=3, doubled=21, repeats=2, resets=1)


if __name__ == "__main__":
    main(globals())
