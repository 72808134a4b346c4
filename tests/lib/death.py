# SPDX-License-Identifier: ISC
#
# NAME      death - the end of a master, and the start behind it
# PURPOSE   Kills the master of a daemon in the foreground and starts it again with the same ports, as a
#           service manager does; says how long both took.
# OWNER     flow and soak tests
# CONTRACT  die(daemon) -> seconds until the last worker was gone; again(daemon) -> seconds to the ready
#           line. A daemon that is to be started again needs fixed ports: free_port() finds some.
# LIMITS    a free port may be taken by another test meanwhile; such a start fails and says so

import contextlib
import os
import select
import signal
import socket
import time

from lib.shackd import SLOW


def free_port(kind=socket.SOCK_DGRAM):
    """A port of 127.0.0.1 outside the range that the kernel gives away by itself."""
    low = int(open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii").read().split()[0])
    for number in range(1000):
        port = 1024 + (os.getpid() * 37 + number * 101 + time.monotonic_ns() // 1000) % (low - 1024)
        with socket.socket(socket.AF_INET, kind) as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


def watch(pids):
    """{pidfd: pid}; each becomes readable when its process has ended. Who has ended before is left out."""
    watched = {}
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            watched[os.pidfd_open(pid)] = pid
    return watched


def await_ends(watched, deadline=10.0):
    """Waits for all of them; returns those that live on."""
    end = time.monotonic() + deadline * SLOW
    left = dict(watched)
    while left and (rest := end - time.monotonic()) > 0:
        for fd in select.select(list(left), [], [], rest)[0]:
            del left[fd]
    for fd in watched:
        os.close(fd)
    return list(left.values())


def die(daemon, number=signal.SIGKILL):
    """The master dies of signal NUMBER; returns how long its last worker outlived the blow."""
    watched = watch(daemon.worker_pids().values())
    began = time.monotonic()
    os.kill(daemon.pid, number)
    left = await_ends(watched)
    took = time.monotonic() - began
    assert not left, f"workers outlive their master: {left}"
    daemon.process.wait(timeout=10 * SLOW)
    return took


def again(daemon):
    """Starts it once more; returns the seconds until it serves."""
    began = time.monotonic()
    daemon.process.stdout.close()
    daemon.start()
    return time.monotonic() - began
