#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_weather_cluster - the DX cluster through bad weather
# PURPOSE   Sessions and feeds over a line that loses, reorders and flaps get every spot once; a peer that
#           is gone for good is found and ended, on either side, and a feed comes back by itself.
# OWNER     tests
# CONTRACT  SECONDS=, SESSIONS=, FLAPS= in the environment for the table's row; prints "ok NAME",
#           "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    needs root and tun

import os
import random
import re
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.dxsim import DxSim  # noqa: E402
from lib.figures import figures  # noqa: E402
from lib.shackd import Daemon, eventually, main  # noqa: E402
from lib.weather import Weather  # noqa: E402

SECONDS = int(os.environ.get("SECONDS", "6"))
SESSIONS = int(os.environ.get("SESSIONS", "10"))
FLAPS = int(os.environ.get("FLAPS", "2"))
SEED = int(os.environ.get("SEED", "20261121"))
OPTIONS = ("ysf.enabled=no", "dxc.node_call=N0NODE-2", "workers.dxc=1", f"limits.sessions={SESSIONS + 50}",
           f"limits.sessions_per_ip={SESSIONS + 50}", "server.log_level=info")


def daemon_of(weather, sim, *options):
    return Daemon(*OPTIONS, *options, *sim.feeds(weather.PEER), wrapper=weather.near,
                  flags=("-o", f"dxc.listen={weather.ADDRESS}:0"), listen=None)


def test_spots_cross_a_line_that_flaps():
    rng = random.Random(SEED)
    with Weather(SEED) as weather, \
            DxSim("--wide", "--sessions", SESSIONS, "--filters", 4, "--rate", 40, "--seconds", SECONDS,
                  "--settle", 20, wrapper=weather.far) as sim, daemon_of(weather, sim) as daemon:
        sim.serve(daemon.dxc_port, weather.ADDRESS)
        sim.wait("running")
        weather.loss(1)
        weather.overtake(2, ms=30)
        weather.delay(10, jitter=5)
        for number in range(FLAPS):
            time.sleep(SECONDS * 0.6 / FLAPS)  # spreads them over the play
            weather.flap(0.3 + rng.random() / 2, side=("near", "far")[number % 2])
        report = sim.report(SECONDS + 60)
        wire = weather.report()
    figures("weather-dx", flaps=FLAPS, packets_lost=sum(wire[way]["tcp"]["lost"] for way in ("up", "down")),
            **report)
    wrong = {key: report[key] for key in ("lost", "doubled", "damaged", "wrong", "resets", "refused",
                                          "feed_resets", "reordered") if report[key]}
    assert not wrong, f"{wrong} of {report['expected']}"
    assert report["expected"] > 0, f"{report}"


def feeds(daemon):
    return {feed["name"]: feed for feed in daemon.ctl("feeds")}


def test_a_pulled_cable_ends_both_and_a_feed_comes_back():
    """Nothing passes: the session that takes nothing is ended, so is the feed that says nothing, both
    with a line; when the cable is back so is the feed."""
    with Weather(SEED) as weather, \
            DxSim("--wide", "--sessions", 0, "--rate", 20, "--seconds", 3600, wrapper=weather.far) as sim, \
            daemon_of(weather, sim, "feed rbn.idle_timeout=2s", "dxc.write_timeout=2s",
                      "dxc.keepalive=1s") as daemon:
        sim.serve(daemon.dxc_port, weather.ADDRESS)
        eventually(lambda: feeds(daemon)["rbn"]["state"] == "up", 20, "the feed is up")
        with weather.inside("far"):
            user = socket.create_connection((weather.ADDRESS, daemon.dxc_port), 10)
        user.sendall(b"DL1AAA\r\n")
        eventually(lambda: [one for one in daemon.ctl("sessions") if one["call"] == "DL1AAA"], 10, "a login")
        weather.cut()
        began = time.monotonic()
        eventually(lambda: not daemon.ctl("sessions"), 20, "the session is ended")
        ended = time.monotonic() - began
        eventually(lambda: feeds(daemon)["rbn"]["state"] != "up", 20, "the feed is given up")
        eventually(lambda: re.search(r"feed rbn: silence", daemon.log()), 5, "a line of it")
        weather.calm()
        began = time.monotonic()
        eventually(lambda: feeds(daemon)["rbn"]["state"] == "up", 60, "the feed is up again")
        figures("weather-cable", session_ended_s=round(ended, 1), feed_back_s=round(time.monotonic() - began, 1))
        user.close()


if __name__ == "__main__":
    main(globals())
