# SPDX-License-Identifier: ISC
#
# NAME      troubles - what happens to a daemon in a soak, one kind after another
# PURPOSE   Kills, stopped workers, reloads good and bad, lists rewritten, upgrades to and fro, floods of
#           datagrams, polls and connections, and weather: each a method that does it once, counts it
#           and leaves the daemon as it should be found.
# OWNER     tests/soak/mix.py
# CONTRACT  Troubles(home, rng, weather): kill(), stop(), reload(), lists(), upgrade(), flood(), bluster()
#           and, often, clear_up(); .done counts them by kind. The first slot of a kind that has several
#           is spared by kill() and stop(): it lives from upgrade to upgrade, long enough to show what
#           grows with age
# LIMITS    floods come from 127.192.0.0/10, where nobody else does

import os
import random
import signal
import socket
import struct
import time
from pathlib import Path

from lib.builds import NEXT
from lib.holder import slots_of
from lib.shackd import SHACKD, eventually

# how often each kind dies, of so many
WEIGHTS = {"ysf": 4, "dxc": 4, "feed": 2, "spot": 1, "link": 1, "data": 1, "keeper": 1, "log": 1}
SPARED = ("ysf.0", "dxc.0")
WRONG = ("nonsense = 1", "watchdog = soon", "listen = nowhere at all", "no key here")
RUBBISH = (b"YSFP", b"YSFD", b"YSFU", b"YSFI", b"YSFS", b"YSFO", b"", b"P25", b"\xff\xfa")


def somewhere(rng):
    """An address of a flood."""
    return f"127.{rng.randrange(192, 255)}.{rng.randrange(1, 250)}.{rng.randrange(1, 250)}"


class Troubles:
    def __init__(self, home, rng=None, weather=None, access=None):
        self.home, self.daemon, self.weather, self.access = home, home.daemon, weather, access
        self.rng = rng or random.Random(1)
        self.done, self.last = {}, {}
        self.longest_upgrade, self.clear_at = 0.0, None

    def count(self, what):
        self.done[what] = self.done.get(what, 0) + 1

    # ---- workers ----

    def victim(self, kinds):
        """(slot, pid) of a worker that may die and has not been killed yet, of one of KINDS."""
        slots = {slot: pid for slot, pid in slots_of(self.daemon, "").items()
                 if slot not in SPARED and self.last.get(slot) != pid and slot.split(".")[0] in kinds}
        if not slots:
            return None, None
        there = sorted({slot.split(".")[0] for slot in slots})
        kind = self.rng.choices(there, [WEIGHTS[name] for name in there])[0]
        slot = self.rng.choice([slot for slot in sorted(slots) if slot.split(".")[0] == kind])
        return slot, slots[slot]

    def hit(self, number, what, kinds):
        slot, pid = self.victim(kinds)
        if slot is None:
            return None
        self.last[slot] = pid
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return None  # it ended by itself: an upgrade's
        self.count(f"{what} {slot.split('.')[0]}")
        return slot, pid

    def kill(self):
        self.hit(signal.SIGKILL, "kill", WEIGHTS)

    def stop(self):
        """The watchdog's business."""
        slot, pid = self.hit(signal.SIGSTOP, "stop", ("ysf", "dxc")) or (None, None)
        if slot:
            eventually(lambda: slots_of(self.daemon, slot).get(slot) != pid, 20, f"the end of the stopped {slot}")

    # ---- configuration ----

    def write(self, extra=""):
        number = sum(self.done.values())
        self.daemon.config.write_text(f"[dxc]\nwelcome = Number {number}\\n\n[ysf]\ndescription = N{number}\n{extra}\n")

    def reload(self):
        bad = self.rng.random() < 0.5
        self.write(self.rng.choice(WRONG) if bad else "")
        code, _, why = self.daemon.ask("reload")
        assert (code != 0) == bad, f"reload: {code} {why}: {self.daemon.config.read_text()!r}"
        self.write()  # an upgrade would rightly refuse to begin with a bad one
        self.count("reload refused" if bad else "reload")

    def lists(self):
        """Another list of a thousand callers, none of whom is here."""
        if self.access is None:
            return
        fresh = self.access.with_suffix(".new")
        fresh.write_text("".join(f"CS:X{self.rng.randrange(10 ** 7):07}\n" for _ in range(1000)))
        os.rename(fresh, self.access)
        self.count("list")

    def upgrade(self):
        self.home.put(NEXT if self.done.get("upgrade", 0) % 2 == 0 else SHACKD)
        began = time.monotonic()
        code, _, why = self.daemon.ask("upgrade")
        assert code == 0, f"upgrade: {why}"
        self.longest_upgrade = max(self.longest_upgrade, time.monotonic() - began)
        self.count("upgrade")

    # ---- floods ----

    def near(self):
        """Where sockets must be made to reach the daemon by loopback."""
        return self.weather.inside("near") if self.weather else _here()

    def datagrams(self, count, make, spread):
        """COUNT datagrams of MAKE(n), from SPREAD addresses, at a rate that leaves voice its room."""
        socks = []
        try:
            for _ in range(spread):
                with self.near():
                    socks.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                socks[-1].bind((somewhere(self.rng), 0))
                socks[-1].setblocking(False)
            for n in range(count):
                try:
                    socks[n % spread].sendto(make(n), ("127.0.0.1", self.daemon.port))
                except OSError:
                    pass  # a flood may be lost
                if n % 50 == 49:
                    time.sleep(0.01)  # the pace of the flood: nothing waits for it
        finally:
            for sock in socks:
                sock.close()

    def rubbish(self):
        self.datagrams(2000, lambda n: self.rng.choice(RUBBISH) + self.rng.randbytes(self.rng.randrange(200)), 20)
        self.count("flood of rubbish")

    def polls(self):
        """Gateways that nobody ever hears of again; they expire."""
        self.datagrams(500, lambda n: b"YSFP" + f"F{self.rng.randrange(10 ** 6):06}".encode().ljust(10), 500)
        self.count("flood of polls")

    def connections(self):
        """Users who connect and do nothing, or nonsense, or leave with a reset."""
        socks = []
        for n in range(100):
            with self.near():
                sock = socket.socket()
            sock.setblocking(False)
            socks.append(sock)
            sock.bind((somewhere(self.rng), 0))
            sock.connect_ex(("127.0.0.1", self.daemon.dxc_port))
            if n % 10 == 9:
                time.sleep(0.01)  # the pace of the flood: nothing waits for it
        for n, sock in enumerate(socks):
            try:
                sock.send([b"N0BODY\r\nshow/dx\r\nbye\r\n", b"GET / HTTP/1.0\r\n\r\n", b"\xff\xfd\x01" * 50, b""][n % 4])
            except OSError:
                pass  # it was turned away already
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", n % 2, 0))
            sock.close()
        self.count("flood of connections")

    def flood(self):
        self.rng.choice([self.rubbish, self.polls, self.connections])()

    # ---- weather ----

    def bluster(self):
        """Bad weather for those who are far; clear_up() ends it."""
        if self.weather is None or self.clear_at is not None:
            return
        what = self.rng.choice(["loss", "double", "overtake", "delay", "cut"])
        if what == "delay":
            self.weather.delay(50, 30)
        elif what == "cut":
            self.weather.cut()
        else:
            getattr(self.weather, what)(2)
        self.clear_at = time.monotonic() + (2 if what == "cut" else 5)
        self.count(f"weather: {what}")

    def clear_up(self, at_once=False):
        if self.clear_at is not None and (at_once or time.monotonic() > self.clear_at):
            self.weather.cut(False)
            self.weather.calm()
            self.clear_at = None


class _here:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


def log_of(daemon, most=4 * 1024 * 1024):
    """Keeps the log from filling the disk: its end is what matters."""
    path = Path(daemon.stderr_path)
    if path.stat().st_size > most:
        with open(path, "rb+") as file:
            file.seek(-most // 4, os.SEEK_END)
            tail = file.read()
            file.seek(0)
            file.truncate()
            file.write(tail)
