# SPDX-License-Identifier: ISC
#
# NAME      scenarios - a captured feed through a whole daemon
# PURPOSE   Plays a file of lines as they went over the air (dxsim moves their times to now) into a daemon
#           with a session that wants everything, and gives what the session read and what the log holds.
# OWNER     flow and peer tests
# CONTRACT  result = play(path, kind): kind is "rbn", "cluster" or "pskreporter" (through a real broker);
#           result.spots as of `shackctl --json spots`, oldest first; result.report of the simulator;
#           result.feed as of `shackctl --json feeds`
# LIMITS    files of up to 1,000 lines

import types

from lib.dxsim import DxSim
from lib.shackd import Daemon
from lib.upstream import Broker

OPTIONS = ("ysf.enabled=no", "dxc.node_call=N0NODE-2", "dxc.listen=127.0.0.1:0", "workers.dxc=1",
           "feed played.keep_ssid=yes")


def run(path, port, feed_of, speed, ready=lambda: None):
    with DxSim("--sessions", 2, "--play", path, "--speed", speed, "--settle", 2,
               *(("--mqtt", port) if port else ())) as sim, \
            Daemon(*OPTIONS, *(f"feed played.{key}={value}" for key, value in feed_of(sim)),
                   listen=None) as daemon:
        ready()  # what a broker has no subscriber for is gone
        sim.serve(daemon.dxc_port)
        report = sim.report()
        spots = daemon.ctl("spots", "1000")
        feeds = daemon.ctl("feeds")
        return types.SimpleNamespace(report=report, feed=feeds[0],
                                     spots=sorted(spots, key=lambda spot: spot["id"]))


def play(path, kind, speed=5):
    if kind == "pskreporter":
        with Broker() as broker:
            return run(path, broker.port, lambda sim: (
                ("type", kind), ("host", "127.0.0.1"), ("port", broker.port)), speed, lambda: broker.subscribed("/MSK144/"))
    return run(path, 0, lambda sim: (
        ("type", kind), ("host", "127.0.0.1"), ("port", sim.port[kind])), speed)
