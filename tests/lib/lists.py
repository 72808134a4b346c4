# SPDX-License-Identifier: ISC
#
# NAME      lists - list files and what became of them
# PURPOSE   A daemon with an access file and a home file of its own; looks into the compiled lists that
#           the master holds, which is what every worker maps.
# OWNER     flow tests, bench
# CONTRACT  nothing here sleeps for an event: it looks again until a deadline
# LIMITS    reads /proc of the daemon, so both must be of one user, or the test root's

import ipaddress
import os
import re
import shutil
import struct
import tempfile
import time
from pathlib import Path

from shackd import Daemon, eventually

SETS = ["CS", "AL", "SB", "GW", "GWB", "SN", "SUB", "IP", "IPB"]
HEAD = struct.Struct("=IHHQQ16s")
SOURCE = struct.Struct("=QQQqQII")
TABLE = struct.Struct("=IIQQ")
NET = struct.Struct("=16sB3x")
HOME = struct.Struct("=12sIBB2x")
HOST = struct.Struct("=256sII128s")
LOOKS = 20  # before there is said to be none


def held(pid, kind, size):
    """Bytes of the list that the master holds now; None: none, or it is just being exchanged."""
    folder = Path(f"/proc/{pid}/fd")
    for entry in folder.iterdir():
        try:
            if f"shackd-list-{kind}" in os.readlink(entry):
                with open(entry, "rb") as file:
                    data = file.read(size)
                if len(data) > HEAD.size + (0 if kind == "hosts" else SOURCE.size):
                    return data
        except OSError:
            continue  # closed meanwhile
    return None


def image(pid, kind, size=-1):
    """The same, but for the moment in which one is exchanged for another."""
    for _ in range(LOOKS):
        data = held(pid, kind, size)
        if data is not None:
            return data
        time.sleep(0.005)
    return None


def text_of(field):
    return field.split(b"\0", 1)[0].decode("ascii")


def net_of(ip, length):
    address = ipaddress.IPv6Address(ip)
    if address.ipv4_mapped and length >= 96:
        return str(ipaddress.ip_network((address.ipv4_mapped, length - 96)))
    return str(ipaddress.ip_network((address, length)))


def rows(data, at, form):
    count, _slots, entries, _index = TABLE.unpack_from(data, at)
    return [form.unpack_from(data, entries + i * form.size) for i in range(count)]


def access(pid):
    """{set: sorted entries} of the access list in force; None: there is none."""
    data = image(pid, "access")
    if data is None:
        return None
    found = {}
    for i, name in enumerate(SETS):
        at = HEAD.size + SOURCE.size + i * TABLE.size
        if name.startswith("IP"):
            found[name] = sorted(net_of(*row) for row in rows(data, at, NET))
        else:
            form = struct.Struct("12s")
            found[name] = sorted(text_of(row[0]) for row in rows(data, at, form))
    return found


def entries(pid, name="CS"):
    """How many entries a set has, without a look at them."""
    data = image(pid, "access", 4096)
    at = HEAD.size + SOURCE.size + SETS.index(name) * TABLE.size
    return TABLE.unpack_from(data, at)[0] if data else 0


def homes(pid):
    """{gateway: (DG-ID, nailed, seconds)}; None: there is none."""
    data = image(pid, "homes")
    if data is None:
        return None
    return {text_of(name): (dgid, bool(fixed), seconds) for name, seconds, dgid, fixed in
            rows(data, HEAD.size + SOURCE.size, HOME)}


def hosts(pid):
    """{name: set of addresses}; None: there is none."""
    data = image(pid, "hosts")
    if data is None:
        return None
    return {text_of(name): {net_of(ips[16 * i:16 * i + 16], 128).rsplit("/", 1)[0]
                            for i in range(count)}
            for name, count, _, ips in rows(data, HEAD.size, HOST)}


class Lists:
    """with Lists() as box: box.deny and box.home are the files; box.daemon the daemon."""

    def __init__(self, *options, deny=b"", home=None, start=True, **keywords):
        self.base = Path(tempfile.mkdtemp(prefix="shackd-test-lists-"))
        self.base.chmod(0o755)
        self.deny, self.home = self.base / "deny.db", self.base / "home.db"
        if deny is not None:
            self.deny.write_bytes(deny)
        if home is not None:
            self.home.write_bytes(home)
        self.mark = 0
        files = [f"access.file={self.deny}", f"dgid.home_file={self.home if home is not None else ''}"]
        try:
            self.daemon = Daemon(*files, "access.reload=1h", *options, start=start, **keywords)
        except BaseException:
            shutil.rmtree(self.base)
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.daemon.__exit__(kind, value, trace)
        shutil.rmtree(self.base, ignore_errors=True)

    # ---- files ----

    def put(self, data, path=None):
        """As editors do: a new file, renamed into place."""
        path = path or self.deny
        new = path.with_suffix(".new")
        new.write_bytes(data)
        os.rename(new, path)

    def write(self, data, path=None):
        """In place."""
        (path or self.deny).write_bytes(data)

    # ---- what is said, and in force ----

    def news(self):
        """What was logged since the last look that found something."""
        return self.daemon.log()[self.mark:]

    def said(self, pattern, deadline=10):
        """Waits for a line; later looks begin behind it. Returns the match."""
        found = eventually(lambda: re.search(pattern, self.news(), re.M), deadline,
                           f"a line like {pattern} in {self.news()!r}:")
        self.mark += found.end()
        return found

    def skip(self):
        self.mark = len(self.daemon.log())

    @property
    def lists(self):
        return access(self.daemon.pid)

    def become(self, name, *entries, deadline=10):
        """Waits until a set of the access list is exactly so."""
        eventually(lambda: (self.lists or {}).get(name) == sorted(entries), deadline,
                   f"{name} = {entries}")
