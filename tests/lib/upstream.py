# SPDX-License-Identifier: ISC
#
# NAME      upstream - the other side of a feed, for the length of a test
# PURPOSE   A cluster or skimmer network that says what the test wants when it wants; a real MQTT broker
#           and one that breaks the protocol; and a reader of the ring in which the spots arrive, outside of
#           the daemon's own processes.
# OWNER     flow, fault and load tests
# CONTRACT  with Upstream() as up: a daemon with up.feed("NAME", type=...) as options;
#           session = up.accept(); session.send(...), session.expect(...). Everything waits for events, up
#           to a deadline. Broker needs mosquitto; it runs on a port of the kernel's choice.
# LIMITS    one connection is accepted at a time; the ring is read as long as it has not wrapped

import ctypes
import mmap
import os
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from lib.shackd import PATIENCE, Skip, die_with_parent, eventually

DEADLINE = 15 * PATIENCE


def feed(name, port, **keys):
    """Options of a daemon with a feed NAME at PORT."""
    keys = {"type": "rbn", "host": "127.0.0.1", "port": port, **keys}
    return [f"feed {name}.{key}={value}" for key, value in keys.items()]


class Session:
    """One connection of the daemon's, seen from the other side."""

    def __init__(self, sock):
        self.sock = sock
        self.data = b""
        sock.settimeout(DEADLINE)

    def send(self, data):
        self.sock.sendall(data.encode() if isinstance(data, str) else data)

    def expect(self, wanted):
        """Reads up to and with WANTED; returns what came before it."""
        wanted = wanted.encode() if isinstance(wanted, str) else wanted
        while wanted not in self.data:
            chunk = self.sock.recv(65536)
            if not chunk:
                raise AssertionError(f"the connection ended before {wanted!r}: {self.data!r}")
            self.data += chunk
        before, self.data = self.data.split(wanted, 1)
        return before

    def has_said(self):
        """What came and was not expected yet, without waiting."""
        self.sock.setblocking(False)
        try:
            while chunk := self.sock.recv(65536):
                self.data += chunk
        except (BlockingIOError, ConnectionResetError):
            pass
        self.sock.settimeout(DEADLINE)
        return self.data

    def login(self, prompt="Please enter your call: ", call="N0CALL-1", greeting="Hello\r\n"):
        self.send(prompt)
        self.expect(f"{call}\r\n")
        self.send(greeting)
        return self

    def ended(self):
        """Waits until the daemon ends the connection."""
        try:
            while self.sock.recv(65536):
                pass
        except ConnectionResetError:
            pass
        self.sock.close()
        return True

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Upstream:
    def __init__(self, port=0):
        self.sock = socket.create_server(("127.0.0.1", port))
        self.port = self.sock.getsockname()[1]
        self.sessions = []

    def feed(self, name="test", **keys):
        return feed(name, self.port, **keys)

    def accept(self, deadline=DEADLINE):
        self.sock.settimeout(deadline)
        session = Session(self.sock.accept()[0])
        self.sessions.append(session)
        return session

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for session in self.sessions:
            session.close()
        self.sock.close()


# ---- the ring ----

class Side(ctypes.Structure):
    _fields_ = [("adif", ctypes.c_uint16), ("cq", ctypes.c_uint8), ("itu", ctypes.c_uint8),
                ("continent", ctypes.c_uint8), ("derived", ctypes.c_uint8), ("grid", ctypes.c_char * 10)]


class Spot(ctypes.Structure):
    """struct spot of shm/spot.h."""
    _fields_ = [("version", ctypes.c_uint8), ("source", ctypes.c_uint8), ("mode", ctypes.c_uint8),
                ("band", ctypes.c_uint8), ("flags", ctypes.c_uint8), ("type", ctypes.c_uint8),
                ("unit", ctypes.c_uint8), ("glyph", ctypes.c_char), ("report", ctypes.c_int16),
                ("speed", ctypes.c_uint16), ("reserved", ctypes.c_uint32), ("hz", ctypes.c_uint64),
                ("raw_hz", ctypes.c_uint64), ("time", ctypes.c_int64), ("arrived", ctypes.c_uint64),
                ("arrived_real", ctypes.c_uint64), ("session", ctypes.c_uint64),
                ("ip", ctypes.c_uint8 * 16), ("dx_side", Side), ("de_side", Side),
                ("dx", ctypes.c_char * 16), ("dx_raw", ctypes.c_char * 16), ("de", ctypes.c_char * 16),
                ("feed", ctypes.c_char * 17), ("comment_length", ctypes.c_uint8),
                ("comment", ctypes.c_char * 122)]

    HUMAN, BEACON, INFERRED, REPORT, KEEP_SSID, SELF, BAD_TIME = 1, 2, 4, 8, 16, 32, 64

    @property
    def text(self):
        """(spotter, kHz with one decimal, station, comment)"""
        return (self.de.decode(), f"{(self.hz + 50) // 100 / 10:.1f}", self.dx.decode(),
                self.comment.decode(errors="replace"))


class Entry(ctypes.Structure):
    _fields_ = [("session", ctypes.c_uint64), ("offset", ctypes.c_uint64), ("spot", Spot)]


class Head(ctypes.Structure):
    _fields_ = [("magic", ctypes.c_uint32), ("version", ctypes.c_uint32), ("capacity", ctypes.c_uint32),
                ("reserved", ctypes.c_uint32), ("id", ctypes.c_uint64), ("slot", ctypes.c_char * 16),
                ("pad", ctypes.c_uint8 * 24), ("head", ctypes.c_uint64), ("dropped", ctypes.c_uint64),
                ("pad2", ctypes.c_uint8 * 48), ("tail", ctypes.c_uint64), ("pad3", ctypes.c_uint8 * 56)]


MAGIC = 0x53484B53
assert ctypes.sizeof(Head) == 192 and ctypes.sizeof(Entry) == 320


class Ring:
    """The ring of a feed's slot, found among the master's descriptors."""

    def __init__(self, daemon, slot="feed.0"):
        self.map = self.find(daemon.pid, slot.encode())
        self.head = Head.from_buffer_copy(self.map)

    def find(self, pid, slot):
        folder = Path(f"/proc/{pid}/fd")
        found = None
        for link in folder.iterdir():
            try:
                if "memfd:" not in os.readlink(link):
                    continue
                with open(link, "rb") as file:
                    head = file.read(ctypes.sizeof(Head))
                    if len(head) == ctypes.sizeof(Head) and Head.from_buffer_copy(head).magic == MAGIC \
                            and Head.from_buffer_copy(head).slot == slot:
                        found = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
            except OSError:
                continue  # it was closed meanwhile, or is no file
        if found is None:
            raise AssertionError(f"the master holds no ring of {slot.decode()}")
        return found

    def words(self):
        self.head = Head.from_buffer_copy(self.map)
        return self.head

    @property
    def count(self):
        return self.words().head

    def entries(self):
        """All that were ever put in."""
        head = self.words()
        if head.head > head.capacity:
            raise AssertionError("the ring has wrapped: give the feed a larger slot_buffer")
        size = ctypes.sizeof(Entry)
        return [Entry.from_buffer_copy(self.map, ctypes.sizeof(Head) + i * size) for i in range(head.head)]

    def spots(self):
        return [entry.spot for entry in self.entries()]

    def wait(self, count, deadline=10):
        eventually(lambda: self.count >= count, deadline, f"spot {count} of the ring (it has {self.count})")
        return self.spots()


def counters(daemon, slot="feed.0"):
    """{name: value} of a slot."""
    return daemon.ctl("metrics").get(slot, {})


def malformed(values):
    """{cause: lines} of counters() above zero."""
    return {name.split('"')[1]: value for name, value in values.items()
            if name.startswith("feed_malformed_total") and value}


# ---- MQTT ----

def string(text):
    data = text.encode() if isinstance(text, str) else text
    return struct.pack(">H", len(data)) + data


def packet(kind, body):
    length, size = len(body), b""
    while True:
        length, byte = divmod(length, 128)
        size += bytes([byte | (128 if length else 0)])
        if not length:
            return bytes([kind]) + size + body


def publish(topic, payload, qos=0):
    return packet(0x30 | qos << 1, string(topic) + (b"\0\1" if qos else b"") + payload)


class Broker:
    """mosquitto, with a publisher."""

    PROGRAM = "/usr/sbin/mosquitto"

    def __init__(self, port=0):
        if not os.path.exists(self.PROGRAM):
            raise Skip("mosquitto is not installed")
        if port == 0:
            with socket.create_server(("127.0.0.1", 0)) as sock:
                port = sock.getsockname()[1]
        self.port = port
        self.folder = tempfile.TemporaryDirectory(prefix="shackd-broker-")
        conf = Path(self.folder.name) / "conf"
        conf.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
                        "log_dest stderr\nlog_type subscribe\nmax_queued_messages 0\n"
                        "user root\n")  # who changes its user does not die with its parent
        conf.chmod(0o644)
        Path(self.folder.name).chmod(0o755)
        self.log = open(Path(self.folder.name) / "log", "wb+")
        self.process = subprocess.Popen([self.PROGRAM, "-c", str(conf)], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, preexec_fn=die_with_parent)
        self.sock = eventually(self.connect, 10, "the broker's port")

    def connect(self):
        try:
            sock = socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)
        except OSError:
            if self.process.poll() is not None:
                raise AssertionError(f"the broker ended: {self.said()}") from None
            return None
        sock.sendall(packet(0x10, string("MQTT") + b"\4\2\0\0" + string(f"test-{os.getpid()}")))
        if sock.recv(4) != b"\x20\x02\0\0":
            raise AssertionError("the broker refuses us")
        return sock

    def said(self):
        return (Path(self.folder.name) / "log").read_text(errors="replace")

    def subscribed(self, topic):
        """Waits for a subscription of the daemon's."""
        eventually(lambda: topic in self.said(), 10, f"a subscription of {topic}")

    def publish(self, topic, payload):
        self.sock.sendall(publish(topic, payload.encode() if isinstance(payload, str) else payload))

    def feed(self, name="pskr", **keys):
        return feed(name, self.port, type="pskreporter", **keys)

    def close(self):
        self.sock.close()
        self.process.terminate()
        self.process.wait(DEADLINE)
        self.log.close()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close()


class Client:
    """What the daemon says to a broker of the test's own, packet by packet."""

    def __init__(self, session):
        self.session = session

    def read(self):
        """(type and flags, body)"""
        kind = self.exactly(1)[0]
        length = shift = 0
        while True:
            byte = self.exactly(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if not byte & 128:
                return kind, self.exactly(length)

    def exactly(self, count):
        while len(self.session.data) < count:
            chunk = self.session.sock.recv(65536)
            if not chunk:
                raise AssertionError("the daemon ended the connection")
            self.session.data += chunk
        data, self.session.data = self.session.data[:count], self.session.data[count:]
        return data

    def welcome(self, code=0):
        kind, body = self.read()
        if kind != 0x10:
            raise AssertionError(f"not a CONNECT: {kind:#x}")
        self.session.send(bytes([0x20, 2, 0, code]))
        return body

    def grant(self, refuse=()):
        """Answers one SUBSCRIBE; returns its topic."""
        kind, body = self.read()
        if kind != 0x82:
            raise AssertionError(f"not a SUBSCRIBE: {kind:#x}")
        length = struct.unpack(">H", body[2:4])[0]
        topic = body[4:4 + length].decode()
        self.session.send(b"\x90\x03" + body[:2] + (b"\x80" if topic in refuse else b"\0"))
        return topic


def wait_until(moment):
    """To be used where the passing of time itself is what is tested."""
    while (left := moment - time.monotonic()) > 0:
        time.sleep(left)
