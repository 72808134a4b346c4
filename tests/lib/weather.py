# SPDX-License-Identifier: ISC
#
# NAME      weather - a daemon and its users in two network namespaces, and the wire between them
# PURPOSE   Loses, doubles, reorders, delays and stops what passes; takes the interface down, away, or
#           gives it another address. Real kernels on both sides, real packets between them.
# OWNER     fault and soak tests
# CONTRACT  with Weather(seed) as weather:
#               with Daemon(wrapper=weather.near, listen=f"{weather.ADDRESS}:0") as daemon, \
#                       Simulator(daemon, ..., wrapper=weather.far, host=weather.ADDRESS) as sim:
#                   weather.loss(1); weather.double(1); weather.flap(3); weather.calm()
#                   weather.report()["up"]["voice"]["lost"]
#           The daemon is near, at ADDRESS and ADDRESS6; the far side has PEER, PEER6, all of 10.16.0.0/12
#           and, for whom else it needs, 10.32.0.0/12. Control sockets are files: shackctl needs no wrapper.
#           An interface that is down has lost its IPv6 addresses; up() gives them back, as a network
#           manager would. What the weather lost is in report(); what was sent while an interface was
#           down is not, for it never came to the wire.
# LIMITS    SKIP without root, tun or network namespaces; one packet at a time: about 100,000 a second

import contextlib
import ctypes
import json
import os
import subprocess
import time

from lib.shackd import IS_ROOT, ROOT, Skip, eventually

BUILD = ROOT / os.environ.get("B", "build/release")
DEVICE = "weather0"
KINDS = ("header", "voice", "end", "poll", "answer", "udp", "tcp", "icmp", "other")
CLONE_NEWNET = 0x40000000


def enter(path):
    """This thread's further sockets are of the namespace at PATH."""
    with open(path, "rb") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


class Weather:
    ADDRESS, ADDRESS6 = "10.0.0.1", "fd77::1"
    PEER, PEER6 = "10.0.0.2", "fd77::2"

    def __init__(self, seed=1):
        if not IS_ROOT:
            raise Skip("needs root for network namespaces")
        # one packet that is not counted would make the accounts wrong
        self.process = subprocess.Popen([BUILD / "tests/fault/weather", str(seed)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("ready"):
            why = self.process.stderr.read().strip()
            self.close()
            raise Skip(why)
        self.path = dict(word.split("=") for word in line.split()[1:])
        self.near, self.far = self.wrapper("near"), self.wrapper("far")
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.up("near")
        self.up("far")
        self.ip("far", "route", "add", "local", "10.16.0.0/12", "dev", "lo")
        self.ip("far", "route", "add", "local", "10.32.0.0/12", "dev", "lo")

    def wrapper(self, side):
        """Command words before those of a program that is to run there."""
        return ["nsenter", f"--net={self.path[side]}"]

    @contextlib.contextmanager
    def inside(self, side):
        """Sockets that this thread makes meanwhile are on that side."""
        enter(self.path[side])
        try:
            yield
        finally:
            enter(f"/proc/self/fd/{self.home}")

    # ---- the wire ----

    def tell(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer or answer.startswith("bad"):
            raise AssertionError(f"weather {' '.join(map(str, words))}: {answer or 'it ended'}")
        return answer

    def loss(self, percent, way="both"):
        self.tell("loss", way, percent)

    def double(self, percent, way="both"):
        self.tell("double", way, percent)

    def overtake(self, percent, way="both", ms=150):
        """So many are overtaken by what is sent within MS after them."""
        self.tell("behind", ms)
        self.tell("overtake", way, percent)

    def delay(self, ms, jitter=0):
        self.tell("delay", ms)
        self.tell("jitter", jitter)

    def spare(self, *kinds):
        """Kinds that nothing of it happens to; none without words."""
        self.tell("spare", *kinds)

    def cut(self, on=True):
        self.tell("cut", "on" if on else "off")

    def calm(self):
        """Nothing more is lost, doubled or late."""
        self.tell("calm")

    def report(self):
        """{"up": {"voice": {"passed": n, "lost": n, "doubled": n, "overtaken": n, "cut": n}}}"""
        return json.loads(self.tell("report"))

    def settled(self, deadline=5):
        """The report when nothing is under way any more."""
        eventually(lambda: self.report()["queued"] == 0, deadline, "nothing is under way")
        return self.report()

    def lost(self, way, kind):
        counts = self.report()[way][kind]
        return counts["lost"] + counts["cut"]

    # ---- the interfaces ----

    def ip(self, side, *words, check=True):
        return subprocess.run(self.wrapper(side) + ["ip", *map(str, words)], check=check,
                              capture_output=True, text=True)

    def sysctl(self, side, name, value):
        """NAME as a path below net/, for instance ipv4/conf/all/forwarding."""
        subprocess.run(self.wrapper(side) + ["sh", "-c", f"echo {value} >/proc/sys/net/{name}"],
                       check=True, capture_output=True)

    def up(self, side="near", address=None, address6=None):
        """Up, with its addresses. 10/8 is on the wire, so its route comes with the address."""
        address = address or (self.ADDRESS if side == "near" else self.PEER)
        address6 = address6 or (self.ADDRESS6 if side == "near" else self.PEER6)
        self.ip(side, "link", "set", DEVICE, "up", "txqueuelen", 20000)
        self.ip(side, "addr", "replace", f"{address}/8", "dev", DEVICE)
        self.ip(side, "-6", "addr", "replace", f"{address6}/64", "dev", DEVICE, "nodad")

    def down(self, side="near"):
        self.ip(side, "link", "set", DEVICE, "down")

    def flap(self, seconds, side="near"):
        self.down(side)
        time.sleep(seconds)  # the length of the fault: nothing waits for it
        self.up(side)

    def remove(self, side="near"):
        """The interface goes, with addresses and routes."""
        self.tell("remove", side)

    def make(self, side="near", **addresses):
        """Another one of its name comes."""
        self.tell("make", side)
        self.up(side, **addresses)

    def change_address(self, address, address6=None, side="near"):
        """The old address goes first, as with a new lease."""
        self.ip(side, "addr", "flush", "dev", DEVICE)
        self.up(side, address, address6)

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(timeout=10)
        self.process.stdout.close()
        self.process.stderr.close()
        if hasattr(self, "home"):
            os.close(self.home)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
