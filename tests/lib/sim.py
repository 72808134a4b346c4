# SPDX-License-Identifier: ISC
#
# NAME      sim - the gateway simulator for the length of a test
# PURPOSE   Starts ysfsim against a daemon, follows what it says, gives its report: the truth-keeper that
#           decides what was lost, doubled or late.
# OWNER     flow, fault and soak tests
# CONTRACT  with Simulator(daemon, "--gateways", "10") as sim: sim.wait("talking"); report = sim.report()
# LIMITS    one report per simulator

import json
import os
import signal
import subprocess

from lib.shackd import ROOT, SLOW

BUILD = ROOT / os.environ.get("B", "build/release")


class Simulator:
    def __init__(self, daemon, *options, port=None, host="127.0.0.1", wrapper=(), stdin=None):
        self.process = subprocess.Popen(
            [*wrapper, str(BUILD / "tests/load/ysfsim"), "--progress", "--json", *map(str, options),
             f"{host}:{port or daemon.port}"], stdin=stdin, stdout=subprocess.PIPE, text=True)

    def wait(self, word):
        """Reads on until the simulator says WORD (registered, talking, draining, done)."""
        for line in self.process.stdout:
            if line.startswith(word):
                return line
        raise AssertionError(f"the simulator ended without saying {word}")

    def finish(self):
        """Asks it to end its calls; report() gives the result."""
        self.process.send_signal(signal.SIGTERM)

    def running(self):
        return self.process.poll() is None

    def report(self, deadline=120):
        text, _ = self.process.communicate(timeout=deadline * SLOW)
        for line in text.splitlines():
            if line.startswith("{"):
                return json.loads(line)
        raise AssertionError(f"the simulator ended with {self.process.returncode}, no report")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
