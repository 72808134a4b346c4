# SPDX-License-Identifier: ISC
#
# NAME      cluster - a DX cluster to test, and its users
# PURPOSE   A daemon that serves the cluster alone, and a telnet client that expects lines, prompts and
#           bytes.
# OWNER     flow tests
# CONTRACT  no fixed sleeps; everything has a deadline
# LIMITS    IPv4 loopback

import itertools
import os
import re
import socket
import struct

from lib.shackd import PATIENCE, Daemon

NODE = "N0NODE-2"
OPTIONS = (f"dxc.node_call={NODE}", "dxc.listen=127.0.0.1:0", "dxc.enabled=yes", "ysf.enabled=no",
           "workers.ysf=1", "workers.dxc=1", "limits.sessions_per_ip=1000",
           "dxc.batch_interval=0", "server.respawn_tokens=6000/m")
# what makes it speak as GoCluster does
PARITY = ("dxc.login_prompt=Enter your callsign:\\n", "dxc.default_format=wide78", "dxc.prompt=off",
          "dxc.default_sources=", "dxc.farewell=73!", "dxc.greeting=<CALL> de <CLUSTER> <DATETIME>>",
          "dxc.welcome=Experimental DX Cluster\\n\\n")

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
OPTION = re.compile(rb"\xff[\xfb-\xfe].", re.S)  # IAC WILL and so on
PROMPT = re.compile(rb"^\(?[A-Z0-9/-]+\)? de \S+ [ 1-3][0-9]-[A-Z][a-z][a-z]-[0-9]{4} "
                    rb"[0-2][0-9][0-5][0-9]Z dxspider >$")


# Everybody comes from an address and a network of his own, as in life: the rates are for each.
numbers = itertools.count(os.getpid())


def somewhere():
    number = next(numbers)
    return f"127.{10 + number % 200}.{number // 200 % 250}.{1 + number % 250}"


class Cluster(Daemon):
    """with Cluster("dxc.prompt=off") as cluster: ..."""

    def __init__(self, *options, **more):
        super().__init__(*OPTIONS, *options, listen=more.pop("listen", None), **more)

    def user(self, call=None, **more):
        """A connection; with CALL, logged in and past its first prompt."""
        client = Telnet(self, **more)
        if call:
            client.login(call)
        return client

    def count(self, name, cause=None):
        """Sum of a counter over the dxc workers."""
        label = f',cause="{cause}"' if cause else ""
        found = re.findall(rf'^shackd_{name}{{slot="dxc\.\d+"{label}}} (\d+)',
                           self.ask("metrics")[1], re.M)
        return sum(map(int, found))


class Telnet:
    """One connection: bytes in, lines out. `source`: the address that it comes from, else one that
    nobody else has."""

    def __init__(self, cluster, source=None, buffer=None):
        self.sock = socket.socket()
        self.sock.settimeout(10 * PATIENCE)
        if buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.source = source or somewhere()
        self.sock.bind((self.source, 0))
        self.sock.connect(("127.0.0.1", cluster.dxc_port))
        self.buffer = b""
        self.ended = False

    # ---- bytes ----

    def more(self):
        """Reads what comes next; False at the end of the stream."""
        try:
            chunk = self.sock.recv(65536)
        except ConnectionResetError:
            chunk = b""
        self.buffer += chunk
        self.ended = self.ended or not chunk
        return bool(chunk)

    def until(self, what):
        """Bytes up to and with WHAT."""
        while what not in self.buffer:
            assert self.more(), f"ended before {what!r}: {self.buffer!r}"
        at = self.buffer.index(what) + len(what)
        taken, self.buffer = self.buffer[:at], self.buffer[at:]
        return taken

    def rest(self):
        """All bytes up to the end of the stream."""
        while self.more():
            pass
        taken, self.buffer = self.buffer, b""
        return taken

    def silent(self, seconds=0.2):
        """Nothing comes for so long: for what must not come, behind something that did."""
        if self.buffer:
            return False
        self.sock.settimeout(seconds)
        try:
            return not self.more()
        except (TimeoutError, socket.timeout):
            return True
        finally:
            self.sock.settimeout(10 * PATIENCE)

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def type(self, line):
        self.send(line.encode() + b"\r\n" if isinstance(line, str) else line + b"\r\n")

    # ---- lines ----

    def line(self):
        """The next line, as text without telnet's options; it must end in CR LF."""
        line = OPTION.sub(b"", self.until(b"\n"))
        assert line.endswith(b"\r\n") and b"\r" not in line[:-2], line
        return line[:-2].decode("utf-8", "surrogateescape")

    def lines(self, count):
        return [self.line() for _ in range(count)]

    def expect(self, pattern):
        """Lines up to the first that matches; returns that match."""
        while True:
            line = self.line()
            match = re.search(pattern, line)
            if match:
                return match

    def prompt(self):
        """Lines up to a prompt of DXSpider's kind, which is left out."""
        lines = []
        while True:
            line = self.line()
            if PROMPT.match(line.encode("utf-8", "surrogateescape")):
                return lines
            lines.append(line)

    def ask(self, line):
        """Types a command; the lines of its answer, up to the prompt."""
        self.type(line)
        return self.prompt()

    def said(self, line):
        """The one line that answers a command."""
        lines = self.ask(line)
        assert len(lines) == 1, lines
        return lines[0]

    # ---- sessions ----

    def login(self, call, password=None):
        """Up to the first prompt; returns the greeting's lines."""
        self.until(b": ")
        self.type(call)
        if password is not None:
            self.until(b"password: ")
            self.type(password)
        return self.prompt()

    def reset(self):
        """Closes without a farewell: RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
