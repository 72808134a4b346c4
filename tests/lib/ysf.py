# SPDX-License-Identifier: ISC
#
# NAME      ysf - gateways for flow tests
# PURPOSE   Builds YSF datagrams of nothing but the protocol's definitions (no table, no line shared
#           with the product), and plays gateways on loopback addresses of their own.
# OWNER     flow tests
# CONTRACT  a Lab unlinks its gateways and closes their sockets at its end. That a datagram did NOT
#           come is proven by one that was asked for later and came (Gateway.silent), never by
#           waiting; that proof needs all of them to go through one worker (workers.ysf=1)
# LIMITS    voice is arbitrary bytes: nobody listens

import atexit
import itertools
import json
import socket
import time

from shackd import SLOW, Daemon, eventually

POLL_ANSWER = b"YSFPREFLECTOR "
SYNC = bytes.fromhex("D471C9634D")
HEADER, VOICE, TERMINATOR, TEST = 0, 1, 2, 3
DATA_FR, VD2 = 1, 2
DEFAULT = 22  # dgid.default
PATIENCE = 3.0 * SLOW


# ---- codes ----

def bits_of(data):
    return [byte >> bit & 1 for byte in data for bit in range(7, -1, -1)]


def bytes_of(bits):
    return bytes(int("".join(map(str, bits[i:i + 8])).ljust(8, "0"), 2)
                 for i in range(0, len(bits), 8))


def crc16(data):
    crc = 0
    for bit in bits_of(data):
        top = crc >> 15 ^ bit
        crc = (crc << 1 & 0xFFFF) ^ (0x1021 if top else 0)
    return (crc ^ 0xFFFF).to_bytes(2, "big")


def golay24(data):
    rest = data << 11
    for bit in range(22, 10, -1):
        if rest >> bit & 1:
            rest ^= 0xC75 << (bit - 11)
    word = data << 11 | rest
    return word << 1 | bin(word).count("1") & 1


def convolve(bits):
    d1 = d2 = d3 = d4 = 0
    out = []
    for bit in bits:
        out += [bit ^ d3 ^ d4, bit ^ d1 ^ d2 ^ d4]
        d1, d2, d3, d4 = bit, d1, d2, d3
    return out


def interleave(symbols, rows):
    block = [0] * (40 * rows)
    for i in range(20 * rows):
        at = 40 * (i % rows) + 2 * (i // rows)
        block[at:at + 2] = symbols[2 * i:2 * i + 2]
    return bytes_of(block)


def whitening(length):
    bits = [1, 0, 0, 1, 0, 0, 1, 1, 1]
    while len(bits) < 8 * length:
        bits.append(bits[-5] ^ bits[-9])
    return bytes_of(bits[:8 * length])


def fich(fi, sq=0, fn=0, ft=6, dt=VD2, cs=2, cm=0, bn=0, bt=0, dev=0, mr=0, voip=0, sql=0):
    """The 25 coded bytes."""
    info = bytes([fi << 6 | cs << 4 | cm << 2 | bn, bt << 6 | fn << 3 | ft,
                  dev << 6 | mr << 3 | voip << 2 | dt, sql << 7 | sq])
    plain = int.from_bytes(info + crc16(info), "big")
    words = b"".join(golay24(plain >> shift & 0xFFF).to_bytes(3, "big")
                     for shift in (36, 24, 12, 0))
    return interleave(convolve(bits_of(words) + [0] * 4), 5)


def csd_block(text):
    """20 characters to the 45 coded bytes of a call sign data block."""
    white = bytes(a ^ b for a, b in zip(text, whitening(20)))
    return interleave(convolve(bits_of(white + crc16(white)) + [0] * 4), 9)


def csd_payload(csd1, csd2):
    one, two = csd_block(csd1), csd_block(csd2)
    return b"".join(one[9 * r:9 * r + 9] + two[9 * r:9 * r + 9] for r in range(5))


def pad(text, length=10):
    data = text if isinstance(text, bytes) else text.encode()
    return data[:length].ljust(length)


# ---- datagrams ----

def frame(tag, source, counter, coded, payload, end=False, dest="ALL"):
    return (b"YSFD" + pad(tag) + pad(source) + pad(dest) + bytes([counter % 128 << 1 | end]) +
            SYNC + coded + payload)


def edge(fi, tag, source, counter=0, end=False, **fields):
    """A header or a terminator."""
    payload = csd_payload(pad("ALL") + pad(source), pad(tag) + pad(tag))
    return frame(tag, source, counter, fich(fi, **fields), payload, end)


def header(tag, source, sq=0, counter=0, **fields):
    return edge(HEADER, tag, source, counter, sq=sq, **fields)


def terminator(tag, source, sq=0, counter=1, end=True, **fields):
    return edge(TERMINATOR, tag, source, counter, end, sq=sq, **fields)


def voice(tag, source, counter, sq=0, fi=VOICE, end=False, **fields):
    payload = bytes((counter * 7 + i * 13) & 0xFF for i in range(90))
    return frame(tag, source, counter, fich(fi, sq=sq, fn=counter % 7, **fields), payload, end)


def damaged(data):
    """The same frame with a FICH that nobody can read."""
    return data[:40] + bytes(byte ^ (0x5A, 0xC3, 0x3E)[i % 3] for i, byte in
                             enumerate(data[40:65])) + data[65:]


def id_hash(name):
    """The five digits that a reflector's name hashes to."""
    value = 0
    for byte in pad(name, 16):
        value = (value + byte) * 1025 & 0xFFFFFFFF
        value ^= value >> 6
    value = value * 9 & 0xFFFFFFFF
    value ^= value >> 11
    value = value * 32769 & 0xFFFFFFFF
    return value % 100000


def tell(data):
    return "nothing" if data is None else f"{len(data)} bytes {data[:14]!r}"


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


# ---- gateways ----

addresses = itertools.count(0)


class Gateway:
    """A socket with an address of its own, a name, and a caller behind it."""

    def __init__(self, daemon, name="GW", source="DL1ABC", ip=None, to=None, port=None):
        self.name, self.source = name, source
        number = next(addresses)
        self.ip = ip or f"127.{1 + number // 250 % 250}.{number // 62500}.{1 + number % 250}"
        family = socket.AF_INET6 if ":" in self.ip else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.bind((self.ip, 0))
        # connected: what comes from another address or port than we talk to is not for us
        self.sock.connect((to or ("::1" if ":" in self.ip else "127.0.0.1"), port or daemon.port))
        self.port = self.sock.getsockname()[1]
        self.counter = 0
        self.asked = False  # for another DG-ID, by radio

    def send(self, data):
        self.sock.send(data)
        return data

    def receive(self, patience=PATIENCE):
        """The next datagram, or None."""
        self.sock.settimeout(patience)
        try:
            return self.sock.recv(2048)
        except (TimeoutError, socket.timeout, ConnectionRefusedError):
            return None

    def expect(self, *wanted):
        for data in wanted:
            got = self.receive()
            expect(got == data, f"{self.name} got {tell(got)} instead of {tell(data)}")

    def ask(self, query, tag, tries=5):
        """Sends a query until it is answered (the daemon limits rates); returns what came before
        the answer, and the answer."""
        before = []
        for _ in range(tries):
            self.send(query)
            end = time.monotonic() + 1.0 * SLOW
            while (left := end - time.monotonic()) > 0:
                got = self.receive(left)
                if got and got[:4] == tag:
                    return before, got
                if got:
                    before.append(got)
        raise AssertionError(f"{self.name}: no answer to {query[:4]!r}")

    def silent(self):
        """Nothing came: an answer that was asked for now is what comes next."""
        before, _ = self.ask(b"YSFS", b"YSFS")
        expect(not before, f"{self.name} got {', '.join(map(tell, before))}")

    def drain(self):
        return self.ask(b"YSFS", b"YSFS")[0]

    # registration

    def poll(self):
        return self.send(b"YSFP" + pad(self.name))

    def link(self):
        self.poll()
        self.expect(POLL_ANSWER)
        return self

    def unlink(self):
        return self.send(b"YSFU" + pad(self.name))

    def go_home(self, dgid):
        """Moves by options; done when a query sent after it is answered."""
        self.send(b"YSFO" + pad(self.name) + pad(f"{dgid};", 36))
        self.silent()
        return self

    # calls

    def header(self, sq=0, **fields):
        self.counter = 0
        self.asked |= sq != 0
        return self.send(header(self.name, self.source, sq, **fields))

    def voice(self, sq=0, **fields):
        self.counter += 1
        return self.send(voice(self.name, self.source, self.counter, sq, **fields))

    def terminator(self, sq=0, **fields):
        self.counter += 1
        return self.send(terminator(self.name, self.source, sq, self.counter, **fields))

    def farewell(self, sq=0, **fields):
        """The terminator that the reflector makes of our last header when it cuts the call."""
        return terminator(self.name, self.source, sq, self.counter + 1, **fields)

    def call(self, sq=0, frames=3):
        return ([self.header(sq)] + [self.voice(sq) for _ in range(frames)] +
                [self.terminator(sq)])

    def close(self):
        self.sock.close()


class Lab:
    """with Lab(daemon) as lab: the gateways of one test."""

    def __init__(self, daemon):
        self.daemon, self.gateways = daemon, []

    def stranger(self, name="GW", source="DL1ABC", **where):
        self.gateways.append(Gateway(self.daemon, name, source, **where))
        return self.gateways[-1]

    def gateway(self, name="GW", source="DL1ABC", dgid=None, **where):
        gateway = self.stranger(name, source, **where).link()
        return gateway.go_home(dgid) if dgid else gateway

    def pair(self, dgid=None):
        """A talker and a listener on one DG-ID."""
        return (self.gateway("TALKER", "IU5JAE", dgid), self.gateway("LISTENER", "DL9LSN", dgid))

    def relays(self, talker, listener, sq=0):
        """A call goes through, whole and alone."""
        listener.expect(*talker.call(sq))
        listener.silent()
        talker.silent()

    def client(self, gateway):
        """What the daemon says of it, or None."""
        for client in clients(self.daemon):
            if client["port"] == gateway.port and client["address"] == gateway.ip:
                return client
        return None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for gateway in self.gateways:
            try:
                if gateway.asked:  # what it chose is kept for its name, which the next test uses
                    gateway.terminator()
                    gateway.call(sq=DEFAULT, frames=0)
                gateway.unlink()
            except OSError:
                pass  # its socket was part of the test
            gateway.close()


# ---- the daemon ----

running = {}


def shared(*options, **more):
    """One daemon for all tests of a program that want these options."""
    key = (options, tuple(more.items()))
    if key not in running:
        running[key] = Daemon(*options, **more)
        atexit.register(running[key].close)
    expect(running[key].process.poll() is None, "the daemon has ended")
    return running[key]


def expect_nobody_died():
    """To be the last test of a program: no worker of a shared daemon had to be replaced."""
    for daemon in running.values():
        fallen = events(daemon, "slot.down")
        restarts = {slot: worker["restarts"] for slot, worker in daemon.workers().items()}
        expect(not fallen and not any(restarts.values()), f"{restarts} {daemon.log()[-1000:]}")


def ask_json(daemon, *words):
    code, text, reason = daemon.ask(*words)
    expect(code == 0, f"{' '.join(words)}: {code} {reason}")
    return json.loads(text)


def clients(daemon):
    return ask_json(daemon, "clients")


def streams(daemon):
    return ask_json(daemon, "streams")


def blocked(daemon):
    return {block["call"]: block for block in ask_json(daemon, "blocked")}


def events(daemon, kind, **fields):
    """The events of a type whose fields have these values, oldest first."""
    code, text, reason = daemon.ask("events", "1000")
    expect(code == 0, f"events: {code} {reason}")
    found = [json.loads(line) for line in text.splitlines()]
    return [event for event in found if event["type"] == kind and
            all(event.get(name) == value for name, value in fields.items())]


def counters(daemon):
    """{name: sum over the slots}; names as in `metrics`, without quotes and "ysf_"."""
    total = {}
    for slot in ask_json(daemon, "metrics", "--json").values():
        for name, value in slot.items():
            name = name.replace('"', "").removeprefix("ysf_")
            total[name] = total.get(name, 0) + value
    return total


def counters_of(daemon, slot):
    return {name.replace('"', "").removeprefix("ysf_"): value
            for name, value in ask_json(daemon, "metrics", "--json")[slot].items()}


class Counted:
    """with Counted(daemon, {"dropped_total{cause=empty}": 3}): ... - these rise by so much."""

    def __init__(self, daemon, rises):
        self.daemon, self.rises = daemon, rises

    def __enter__(self):
        self.before = counters(self.daemon)

    def seen(self):
        now = counters(self.daemon)
        return {name: now[name] - self.before[name] for name in self.rises}

    def __exit__(self, kind, value, trace):
        if kind is not None:
            return
        # words of the page are relaxed atomics: visible soon, not at once
        try:
            eventually(lambda: self.seen() == self.rises, 2, "the counters")
        except AssertionError:
            raise AssertionError(f"counted {self.seen()}, not {self.rises}") from None
