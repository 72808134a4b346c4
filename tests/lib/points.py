# SPDX-License-Identifier: ISC
#
# NAME      points - the marked points of the test build
# PURPOSE   Reads the table of them, and says which process is to die or to hang at which.
# OWNER     fault tests
# CONTRACT  with Orders() as orders: start a Daemon of the test build with environment=orders.environment;
#           orders.arm(point, "die", who="ysf.0"); ... orders.hits, orders.pid; orders.disarm()
# LIMITS    one order at a time, for all processes that were started with this environment

import mmap
import os
import re
import struct
import tempfile
from collections import namedtuple

from lib.shackd import ROOT

TABLE = ROOT / "shm/fault_points.def"
ROW = re.compile(r'^FAULT_POINT\((\w+), +"([\w-]+)", +"([\w-]+)", +"([^"]*)"\)$', re.M)
Point = namedtuple("Point", "index name who when text")

ACTS = {"die": 1, "crash": 2, "stop": 3, "spin": 4}
MAGIC = 0x53484B46
# struct fault_orders of shm/fault.h
HEAD = struct.Struct("=IIIIIIi16s")
ACT_AT, ORDER_AT, ORDER = 4, 8, struct.Struct("=IIIIi16s")


def points():
    return [Point(index, *row) for index, row in enumerate(ROW.findall(TABLE.read_text()))]


class Orders:
    def __init__(self):
        self.count = len(points())
        self.file = tempfile.NamedTemporaryFile(prefix="shackd-orders-")
        os.chmod(self.file.name, 0o666)
        self.file.truncate(HEAD.size + 4 * self.count)
        self.map = mmap.mmap(self.file.fileno(), HEAD.size + 4 * self.count)
        self.map[0:4] = struct.pack("=I", MAGIC)
        self.environment = {"SHACKD_FAULTS": self.file.name}

    def arm(self, point, act, who="", nth=1):
        """The NTH time from now on that WHO (a slot, the begin of its name, "master") passes POINT."""
        self.disarm()
        self.map[ORDER_AT:HEAD.size] = ORDER.pack(point.index, nth, 0, 0, 0, who.encode())
        self.map[ACT_AT:ACT_AT + 4] = struct.pack("=I", ACTS[act])

    def disarm(self):
        """What happened can still be asked for."""
        self.map[ACT_AT:ACT_AT + 4] = struct.pack("=I", 0)

    @property
    def hits(self):
        return HEAD.unpack_from(self.map)[5]

    @property
    def pid(self):
        """Who it happened to."""
        return HEAD.unpack_from(self.map)[6]

    def passed(self, point):
        """How often anybody has passed POINT."""
        return struct.unpack_from("=I", self.map, HEAD.size + 4 * point.index)[0]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.map.close()
        self.file.close()
