# SPDX-License-Identifier: ISC
#
# NAME      respawn - what the death of the master costs under a service manager
# PURPOSE   Kills the master again and again and measures how long nobody serves; the simulator, outside
#           the daemon, decides whether each gateway is still linked: none of them ever polls again.
# OWNER     flow tests of init/, rows of tests/soak/run
# CONTRACT  measure(service, kills) with the daemon serving gives the seconds that nobody served, and raises
#           AssertionError when a registration was lost
# LIMITS    one call after each death; what is said while nobody serves is lost, as with any restart

import os
import signal
import socket
import statistics
import subprocess
import time

from lib.shackd import SLOW, eventually, process_state
from lib.verbs import PORT

GATEWAYS = 100
FRAMES = 5


def answers(probe, deadline):
    """Asks every 2 ms until somebody answers: a reflector tells its name and number to anybody."""
    end = time.monotonic() + deadline * SLOW
    probe.settimeout(0.002)
    while time.monotonic() < end:
        try:
            probe.send(b"YSFS" + b" " * 10)
            if probe.recv(512):
                return
        except (TimeoutError, ConnectionRefusedError):
            pass
    raise AssertionError(f"nobody serves after {deadline} s")


def empty(probe):
    probe.setblocking(False)
    try:
        while probe.recv(512):
            pass
    except (BlockingIOError, ConnectionRefusedError):
        pass


def speak(service, sim):
    """A call, and it is over."""
    for line in ("header 0", f"frames 0 {FRAMES}", "end 0"):
        sim.process.stdin.write(line + "\n")
        sim.process.stdin.flush()
        sim.wait("ok")
    eventually(lambda: service.machine.ctl("streams") == [], 10, "the end of the call")


def kill_once(service, probe):
    """Seconds from the signal to the first answer, and to the last process of the dead daemon."""
    pid = service.master()
    empty(probe)
    began = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not os.path.exists(f"/proc/{pid}") or process_state(pid) == "Z", 10, "the death")
    empty(probe)  # what it had answered before
    answers(probe, 20)
    return time.monotonic() - began


def measure(service, kills):
    times = []
    options = ("--manual", "--rooms", f"22:{GATEWAYS}", "--talkers", 1, "--poll", 0, "--no-unlink")
    with service.machine.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, \
            service.gateways(GATEWAYS, *options, stdin=subprocess.PIPE) as sim:
        probe.connect(("127.0.0.1", PORT))
        sim.wait("registered")
        before = service.clients()
        assert len(before) == GATEWAYS, f"{len(before)} gateways"
        for _ in range(kills):
            times.append(kill_once(service, probe))
            eventually(service.serves, 10, "ready")
            after = service.clients()
            assert after == before, f"{len(before)} gateways before, {len(after)} after"
            speak(service, sim)
        sim.process.stdin.write("quit\n")
        sim.process.stdin.flush()
        report = sim.report()
    assert report["registered"] == GATEWAYS and report["lost"] == 0 and report["duplicates"] == 0, report
    assert report["expected"] == kills * (FRAMES + 2) * (GATEWAYS - 1), report
    return times


def summary(times):
    """Of the seconds that measure() found."""
    times = sorted(times)
    return {"kills": len(times), "gateways": GATEWAYS, "registrations": len(times) * GATEWAYS,
            "registrations_lost": 0, "serving_ms_median": round(statistics.median(times) * 1000),
            "serving_ms_max": round(times[-1] * 1000), "serving_ms_min": round(times[0] * 1000)}
