# SPDX-License-Identifier: ISC
#
# NAME      rules - what the tests of the reflector's rules share
# PURPOSE   Lists that a test writes and changes, auxiliary ports, transmissions of radios and what
#           each kind of listener must get of them.
# OWNER     tests/flow/test_rules_*.py
# CONTRACT  a list is replaced as editors do it (a new file renamed over the old one); who changes one
#           waits for what it must bring about, not for a time
# LIMITS    none

import atexit
import itertools
import json
import os
import re
import shutil
import socket
import tempfile
from pathlib import Path

from frames import Radio, rewritten
from shackd import SLOW, eventually
from ysf import Lab, clients, events, expect, shared

QUIET = ("protection.wild_ptt_count=0", "ysf.frame_rate=0")  # tests talk often and fast
PREFIX = "dgid.prefix=yes"  # as it is unless an operator says otherwise


class Lists:
    """An access list and a home list, and the options that name them."""

    def __init__(self, access="", homes=""):
        self.base = Path(tempfile.mkdtemp(prefix="shackd-lists-"))
        self.base.chmod(0o755)  # the workers are somebody else
        atexit.register(shutil.rmtree, self.base, True)
        self.access, self.homes = self.base / "deny.db", self.base / "home.db"
        self.write(self.access, access)
        self.write(self.homes, homes)

    @staticmethod
    def write(path, text):
        fresh = path.with_suffix(".new")
        fresh.write_bytes(text if isinstance(text, bytes) else text.encode())
        fresh.chmod(0o644)
        os.rename(fresh, path)

    def config(self, text):
        """A configuration file, always the same one."""
        path = self.base / "shackd.ini"
        self.write(path, text)
        return path

    @property
    def options(self):
        return f"access.file={self.access}", f"dgid.home_file={self.homes}"


def rules_lab(*options, quiet=QUIET, **more):
    """A Lab on the daemon that all tests with these options share."""
    return Lab(shared("workers.ysf=1", PREFIX, *quiet, *options, **more))


def aux_ports(daemon):
    """{DG-ID: port} of its ready line."""
    found = re.search(r"\baux=(\S+)", daemon.ready)
    ports = {}
    for text in found[1].split(",") if found else ():
        dgid, address = text.split("@", 1)
        ports.setdefault(int(dgid), int(address.rsplit(":", 1)[1]))
    return ports


def feed_of(daemon):
    """(host, port) of its JSON feed, of the ready line."""
    found = re.search(r"\bdashboard=(\S+)", daemon.ready)
    expect(found, f"no feed: {daemon.ready}")
    host, port = found[1].split(",")[0].rsplit(":", 1)
    return host.strip("[]"), int(port)


class Feed:
    """A dashboard: with Feed(daemon) as feed, from an address of its own."""

    numbers = itertools.count(1)

    def __init__(self, daemon):
        number = next(self.numbers)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((f"127.251.{number // 250}.{1 + number % 250}", 0))
        self.sock.connect(feed_of(daemon))
        self.objects = []

    def send(self, word):
        self.sock.send(word)

    def receive(self, patience=3 * SLOW):
        self.sock.settimeout(patience)
        try:
            return self.sock.recv(2048)
        except (TimeoutError, BlockingIOError, ConnectionRefusedError):
            return None

    def subscribe(self):
        """Asks until it is heard: how often all may ask is limited."""
        for _ in range(10):
            self.send(b"CONNREQ")
            while (data := self.receive(1 * SLOW)) is not None:
                if data.startswith(b'{"system"'):
                    return self
        raise AssertionError("no answer to CONNREQ")

    def until(self, key, **fields):
        """Reads on to an object with this key."""
        while True:
            data = self.receive()
            expect(data is not None, f"no {key} in the feed")
            if not data.startswith(b"{"):
                continue
            self.objects.append(json.loads(data))
            last = self.objects[-1]
            if key in last and all(last[name] == value for name, value in fields.items()):
                return last

    def __enter__(self):
        return self

    def __exit__(self, *error):
        try:
            self.send(b"BYE")
        except OSError:
            pass  # the feed is gone: nothing to take leave of
        self.sock.close()


def metas(daemon, gateway, what=None):
    """What the calls of a gateway told: all of it, or calls, rem12, rem34, radio or position."""
    ids = {event["stream"] for event in events(daemon, "stream.start", port=gateway.port,
                                               address=gateway.ip)}
    found = [event for event in events(daemon, "stream.meta") if event["stream"] in ids]
    keys = {"calls": "dest", "rem12": "rem12", "rem34": "rem34", "position": "latitude"}
    if what == "radio":
        return [event for event in found if not any(key in event for key in keys.values())]
    return [event for event in found if what is None or keys[what] in event]


def talk(gateway, frames):
    """Sends a transmission; gives it back."""
    for data in frames:
        gateway.send(data)
    return frames


def prefixed(frames, dgid):
    """What movable listeners get of a transmission that a gateway on DGID sends."""
    return [rewritten(data, dgid) for data in frames]


def over(gateway, source=None, frames=3, **radio):
    """Sends a transmission of a radio behind GATEWAY; gives its frames."""
    return talk(gateway, Radio(gateway.name, gateway.source if source is None else source, **radio).over(frames))


def place(box, gateway):
    client = box.client(gateway)
    return client["dgid"] if client else None


def moved(box, gateway, dgid):
    """Waits until a gateway is on this DG-ID."""
    eventually(lambda: place(box, gateway) == dgid, 10,
               f"{gateway.name} on DG-ID {dgid} instead of {place(box, gateway)}")
    return gateway


def refused(daemon, source, reason=None):
    """The refusals of a caller, newest last."""
    found = events(daemon, "access.refused", source=source)
    return [event for event in found if reason is None or event["reason"] == reason]


def linked(daemon, name):
    return [client for client in clients(daemon) if client["gateway"] == name]


def silent_all(*gateways):
    for gateway in gateways:
        gateway.silent()


def hears(listener, frames, what="the call"):
    """Exactly these frames and nothing behind them."""
    for n, data in enumerate(frames):
        got = listener.receive()
        expect(got == data, f"{listener.name}, frame {n} of {what}: "
                            f"{'nothing' if got is None else got.hex()} instead of {data.hex()}")
    listener.silent()
