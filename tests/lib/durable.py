# SPDX-License-Identifier: ISC
#
# NAME      durable - what a daemon keeps for good
# PURPOSE   A daemon with voice and cluster, things to remember of each kind, and a look at all of them.
# OWNER     flow and fault tests
# CONTRACT  no fixed sleeps
# LIMITS    IPv4 loopback

import re
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS / "lib")]
from lib.cluster import Telnet
from lib.shackd import SHACKCTL, SLOW, Daemon, eventually
from ysf import Gateway, expect

BOTH = ("dxc.node_call=N0NODE-2", "dxc.listen=127.0.0.1:0", "dxc.enabled=yes", "workers.ysf=1",
        "workers.dxc=1", "limits.sessions_per_ip=1000", "dxc.batch_interval=0",
        "server.respawn_tokens=6000/m", "dgid.list=1,22,50", "dgid.default=1", "dgid.local=0")


class Durable(Daemon):
    """with Durable() as daemon: ..."""

    def __init__(self, *options, **more):
        super().__init__(*BOTH, *options, **more)

    # ---- shackctl as an operator runs it ----

    def shackctl(self, *words, code=0, **more):
        """What it prints; its exit status must be CODE."""
        done = subprocess.run([SHACKCTL, "-s", str(self.run_dir / "control.sock"), *map(str, words)],
                              capture_output=True, text=True, timeout=90 * SLOW, **more)
        expect(done.returncode == code, f"{words}: {done}")
        return done.stdout if code == 0 else done.stderr

    # ---- things to remember ----

    def choose(self, name, dgid, ip="127.9.0.1"):
        """A gateway chooses a DG-ID by radio and leaves."""
        gateway = Gateway(self, name, ip=ip)
        gateway.link()
        gateway.call(sq=dgid)
        eventually(lambda: self.saved().get(name) == dgid, 10, f"{name} on {dgid}")
        gateway.unlink()
        gateway.close()

    def user(self, call):
        client = Telnet(self)
        client.login(call)
        return client

    def name(self, call, name):
        """A user of the cluster says its name."""
        with self.user(call) as client:
            client.ask(f"set/name {name}")

    def spot(self, call, hz, dx):
        with self.user(call) as client:
            client.ask(f"dx {hz} {dx}")

    # ---- what it remembers ----

    def blocked(self):
        return {row["call"] for row in self.ctl("blocked")}

    def saved(self):
        return {row["gateway"]: row["dgid"] for row in self.ctl("lists", "saved")
                if row["address"] is None}

    def about(self, call):
        """The name that the cluster greets CALL by."""
        with Telnet(self) as client:
            greeting = " ".join(client.login(call))
        found = re.search(r"[Hh]ello (\w+)", greeting)
        return found[1] if found else greeting

    def keeper(self, name):
        return self.ctl("metrics")["keeper"].get(name, 0)

    def is_durable(self, name, least):
        """Waits until keeper's gauge NAME (users, human_spots) shows it on the disk."""
        eventually(lambda: self.keeper(name) >= least, 15, f"{least} {name}, not {self.keeper(name)}")

    def forget_memory(self):
        """As after a boot: what is in memory is gone."""
        expect(self.stop() == 0, "stops")
        subprocess.run(["rm", "-rf", str(self.shm_dir / "voice"), str(self.shm_dir / "spots")], check=True)
        self.start()
