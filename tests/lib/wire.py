# SPDX-License-Identifier: ISC
#
# NAME      wire - a slow line between two network namespaces
# PURPOSE   A veth pair between two namespaces that nobody else has; the near side can be throttled so
#           that the send buffer of a socket fills, and let go again.
# OWNER     flow and fault tests
# CONTRACT  with Wire() as wire: daemons and sockets made inside belong to the near side; far() makes
#           a socket of the other side. The namespaces have no names: they end with their last user.
#           Raises Skip without root, without ip and tc, or where the kernel lacks a part.
# LIMITS    IPv4; moves the whole process, so no threads; all of it on one CPU

import ctypes
import os
import shutil
import subprocess

from shackd import LIBC, Skip

CLONE_NEWNET = 0x40000000
NEAR, FAR, PREFIX = "10.77.0.1", "10.77.0.2", 16
THROTTLE = ("rate", "200kbit", "burst", "2kb")  # about 120 frames a second, of thousands
OPEN = ("rate", "100mbit", "burst", "50kb")  # in steps that the far side's input queue takes
QUEUE = ("limit", "64mb")  # far above the send buffer: the line itself drops nothing


def check(result, what):
    if result != 0:
        raise Skip(f"{what}: {os.strerror(ctypes.get_errno())}")


class Wire:
    def __init__(self):
        if os.geteuid() != 0:
            raise Skip("network namespaces need root")
        for tool in ("ip", "tc"):
            if shutil.which(tool) is None:
                raise Skip(f"{tool} is not installed")
        self.home = self.here()
        # on several CPUs veth hands packets over in another order than they were sent
        self.cpus = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(self.cpus)})
        try:
            self.far_ns = self.fresh()
            self.near_ns = self.fresh()
            self.build()
        except BaseException:
            self.leave()
            raise

    @staticmethod
    def here():
        return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def fresh(self):
        check(LIBC.unshare(CLONE_NEWNET), "unshare")
        self.run("ip", "link", "set", "lo", "up")
        return self.here()

    @staticmethod
    def enter(namespace):
        check(LIBC.setns(namespace, CLONE_NEWNET), "setns")

    @staticmethod
    def run(*command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Skip(f"{' '.join(command)}: {done.stderr.strip()}")

    def build(self):
        self.run("ip", "link", "add", "near", "type", "veth", "peer", "name", "far")
        self.run("ip", "link", "set", "far", "netns", f"/proc/{os.getpid()}/fd/{self.far_ns}")
        self.run("ip", "addr", "add", f"{NEAR}/{PREFIX}", "dev", "near")
        self.run("ip", "link", "set", "near", "up")
        self.run("tc", "qdisc", "add", "dev", "near", "root", "tbf", *OPEN, *QUEUE)
        self.enter(self.far_ns)
        self.run("ip", "addr", "add", f"{FAR}/{PREFIX}", "dev", "far")
        self.run("ip", "link", "set", "far", "up")
        self.enter(self.near_ns)

    def throttle(self):
        self.run("tc", "qdisc", "change", "dev", "near", "root", "tbf", *THROTTLE, *QUEUE)

    def release(self):
        self.run("tc", "qdisc", "change", "dev", "near", "root", "tbf", *OPEN, *QUEUE)

    def far(self, make):
        """What MAKE returns, its sockets belonging to the far side."""
        self.enter(self.far_ns)
        try:
            return make()
        finally:
            self.enter(self.near_ns)

    def __enter__(self):
        return self

    def leave(self):
        self.enter(self.home)
        os.sched_setaffinity(0, self.cpus)

    def __exit__(self, *error):
        self.leave()
        for namespace in (self.home, self.far_ns, self.near_ns):
            os.close(namespace)
