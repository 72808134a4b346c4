# SPDX-License-Identifier: ISC
#
# NAME      bench_fan - spots to sessions
# PURPOSE   Processor time of the fan-out beside a bare loop that sends the same bytes in the same
#           batches to the same sockets; what different filters add; what idle sessions take of memory;
#           a crowd that logs in at once.
# OWNER     tests/load/bench.py
# CONTRACT  the fan-out and the loop take turns batch by batch, inside one process (perfan); memory and
#           logins are measured at the daemon
# LIMITS    a descriptor a session in three processes; IPv4 loopback

import json
import os
import re
import resource
import select
import socket
import subprocess
import time

from bench_lab import BUILD, REFLECTOR_CPU, LabError, Product, pinned, share_kb

# sessions, filters, spots a batch
RUNS = ((1000, 1, 1), (1000, 1, 10), (1000, 20, 10), (1000, 1, 100), (1000, 20, 100), (500, 1, 500))
IDLE = 5000
CROWD = 2000
SETTINGS = {"dxc.node_call": "N0CALL-1", "dxc.listen": "127.0.0.1:0",
            "workers.dxc": "1", "limits.sessions": "6000", "dxc.prompt": "off"}


def name(run):
    return "fan.{}.{}.{}".format(*run)


def measure(book, rounds):
    for run in RUNS:
        start = time.time()
        done = subprocess.run(
            pinned(REFLECTOR_CPU, [os.path.join(BUILD, "perfan"), *map(str, run),
                                   str(max(rounds // max(run[2] // 20, 1), 10))]),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise LabError(done.stderr.strip().splitlines()[-1])
        got = json.loads(done.stdout)
        book.add(name(run), "shackd", got["lines_per_s"], "lines/s", start, detail=got)
        book.add(name(run), "bare", got["bare_per_s"], "lines/s", start)
    crowd(book)
    idle(book)


class Crowd:
    """Sessions of the daemon, each from an address of its own; no threads."""

    def __init__(self, port, count, first=0):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.socks, self.text = [], {}
        self.poller = select.poll()
        for i in range(first, first + count):
            sock = socket.socket()
            sock.bind((f"127.{1 + i % 200}.{1 + i // 200 % 250}.1", 0))
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
            self.socks.append(sock)
            self.text[sock.fileno()] = [sock, i, b"", False]
            self.poller.register(sock.fileno(), select.POLLIN)

    def log_in(self, seconds=60):
        """Returns how many are in, and how many were closed."""
        end, waiting, closed = time.monotonic() + seconds, set(self.text), 0
        while waiting and time.monotonic() < end:
            for fd, _ in self.poller.poll(1000):
                sock, i, text, asked = row = self.text[fd]
                try:
                    data = sock.recv(65536)
                except ConnectionError:
                    data = b""
                row[2] = text = text + data
                if not asked and b"call:" in text:
                    row[3] = True
                    sock.sendall(f"DL{i % 10}{chr(65 + i // 10 % 26)}{chr(65 + i // 260 % 26)}"
                                 f"{chr(65 + i // 6760)}\r\n".encode())
                if re.search(rb"Cluster: .*\n", text) or not data:
                    closed += not data
                    waiting.discard(fd)
                    self.poller.unregister(fd)
        return len(self.text) - len(waiting) - closed, closed

    def close(self):
        for sock in self.socks:
            sock.close()


def crowd(book):
    start = time.time()
    with Product(SETTINGS, "0,1") as c:
        began = time.monotonic()
        many = Crowd(c.dxc_port, CROWD)
        inside, closed = many.log_in()
        book.add("crowd.seconds", "shackd", time.monotonic() - began, "s", start)
        book.add("crowd.refused", "shackd", CROWD - inside, "logins", start, closed=closed)
        many.close()


def own_kb(c):
    return share_kb([c.proc.pid] + [w["pid"] for w in c.table if w["pid"]])


def idle(book):
    start = time.time()
    with Product(SETTINGS, "0,1") as c:
        before = own_kb(c)
        many = Crowd(c.dxc_port, IDLE)
        inside, _ = many.log_in()
        time.sleep(2)
        book.add("idle.bytes", "shackd", (own_kb(c) - before) * 1024 / max(inside, 1), "bytes",
                 start, sessions=inside)
        many.close()


def rows(book):
    if book.median(name(RUNS[0]), "shackd") is None:
        return
    for run in RUNS:
        sessions, filters, spots = run
        book.compare(f"spots to {sessions} sessions, {filters} filter{'s' * (filters > 1)}, {spots} "
                     "a batch", name(run), lambda v: f"{v / 1000:.0f} k lines/s", ">= 0.85",
                     lambda r: r >= 0.85)
    for spots in (10, 100):
        ratio = book.ratio(name((1000, 1, spots)), "shackd", "shackd", name((1000, 20, spots)))
        book.row(f"20 filters by one, {spots} a batch", None, None, ratio, "<= 1.5",
                 ratio is not None and ratio <= 1.5)
    seconds, refused = book.median("crowd.seconds", "shackd"), book.worst("crowd.refused", "shackd")
    book.row(f"{CROWD} logins at once: refused (seconds)", None, f"{refused} ({seconds:.1f})", None,
             "0", refused == 0)
    size = book.median("idle.bytes", "shackd")
    book.row(f"an idle session of {IDLE}", None, f"{size:.0f} bytes", None, "<= 8192", size <= 8192)
