#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_weather - voice through bad weather
# PURPOSE   Loss, doubles, reordering and delay between gateways and daemon, an interface that flaps,
#           goes away, comes back with another address: nothing is lost but what the weather took, no
#           DG-ID stays busy longer than ysf.watchdog, registrations stay, and it is said.
# OWNER     tests
# CONTRACT  SECONDS=, GATEWAYS=, FLAPS= in the environment for the table's row; prints "ok NAME",
#           "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    needs root and tun

import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from lib.figures import figures  # noqa: E402
from lib.shackd import SLOW, Daemon, eventually, main  # noqa: E402
from lib.sim import Simulator  # noqa: E402
from lib.weather import DEVICE, Weather  # noqa: E402
from ysf import Lab, counters, expect, streams  # noqa: E402

SECONDS = int(os.environ.get("SECONDS", "8"))
GATEWAYS = int(os.environ.get("GATEWAYS", "20"))  # in rooms of 10
FLAPS = int(os.environ.get("FLAPS", "1"))
SEED = int(os.environ.get("SEED", "20261121"))
WATCHDOG = 2.0
ROOM = 10
OPTIONS = ("workers.ysf=2", "ysf.max_age=0", "dgid.list=1-99", "dgid.local=0", "limits.clients=3000",
           "server.log_level=info")
ONE = ("workers.ysf=1",)  # what was not heard is proven by an answer on the same way
EXACT = ("header", "end", "poll", "answer")  # spared: without a header a whole call is lost


def simulator(weather, daemon, *more):
    return Simulator(daemon, "--gateways", GATEWAYS, "--rooms", f"1-{GATEWAYS // ROOM}:{ROOM}",
                     "--talkers", GATEWAYS // ROOM, "--addresses", "--poll", 5, "--drain", 3000, "--no-unlink",
                     *more, wrapper=weather.far, host=weather.ADDRESS)


def outcome(report, wire):
    """What was lost or doubled beyond the weather, and what the weather did. Of a frame that was doubled on
    its way up one copy may be lost on its way down, which is neither a loss nor a double any more."""
    up, down = wire["up"]["voice"], wire["down"]["voice"]
    # what is lost on the way up is lost to all other gateways of its room
    taken = down["lost"] + down["cut"] + (up["lost"] + up["cut"]) * (ROOM - 1)
    added = down["doubled"] + up["doubled"] * (ROOM - 1)
    return {"lost_beyond": max(report["lost"] - taken, 0),
            "doubled_beyond": max(report["duplicates"] - added, 0),
            "unaccounted": report["lost"] - report["duplicates"] - (taken - added), "lost_by_weather": taken, "doubled_by_weather": added,
            "overtaken": up["overtaken"] + down["overtaken"]}


def test_nothing_is_lost_but_by_the_weather():
    """Every frame that is missing or double at a gateway is accounted for on the wire."""
    with Weather(SEED) as weather, \
            Daemon(*OPTIONS, wrapper=weather.near, listen=f"{weather.ADDRESS}:0") as daemon:
        weather.spare(*EXACT)
        weather.loss(2)
        weather.double(2)
        weather.delay(5, jitter=3)
        with simulator(weather, daemon, "--frames", 100, "--calls", 0, "--seconds", SECONDS) as sim:
            report = sim.report()
        wire = weather.settled()
        seen = outcome(report, wire)
        counted = counters(daemon)["lost_frames_total"]
        figures("weather", seed=SEED, expected=report["expected"], **seen)
        expect(wire["up"]["voice"]["lost"] > 0 and wire["down"]["voice"]["doubled"] > 0, "it was calm")
        wrong = [name for name in ("lost_beyond", "doubled_beyond", "unaccounted") if seen[name]]
        expect(not wrong, f"{seen}")
        expect(counted == wire["up"]["voice"]["lost"], f"{counted} counted, not {wire['up']['voice']['lost']}")
        expect(not report["headers_missing"] and not report["terminators_missing"], f"{report}")


def test_overtaken_frames_are_passed_on_and_not_counted_twice():
    """A frame that comes late is no loss of those after it."""
    with Weather(SEED) as weather, \
            Daemon(*OPTIONS, wrapper=weather.near, listen=f"{weather.ADDRESS}:0") as daemon:
        weather.spare(*EXACT)
        weather.overtake(10, "up", ms=150)
        with simulator(weather, daemon, "--frames", 40, "--calls", 0, "--seconds", SECONDS) as sim:
            report = sim.report()
        wire = weather.settled()["up"]["voice"]
        counted = counters(daemon)["lost_frames_total"]
        expect(wire["overtaken"] > 3, f"{wire}")
        # those that the terminator overtook came after their call
        expect(report["lost"] <= wire["overtaken"] * (ROOM - 1), f"{report['lost']} lost")
        # at the moment of the gap it is missing; never more than once
        expect(counted <= wire["overtaken"], f"{counted} counted of {wire['overtaken']} overtaken")


class Watch:
    """Looks at the open calls: how long has one been without a frame?"""

    def __init__(self, daemon):
        self.daemon, self.known, self.longest, self.looks = daemon, {}, 0.0, 0

    def look(self):
        before = time.monotonic()
        found = {stream["id"]: stream["frames"] for stream in streams(self.daemon)}
        now = time.monotonic()
        self.known = {key: self.known[key] if key in self.known and self.known[key][0] == frames
                      else (frames, now) for key, frames in found.items()}
        for frames, since in self.known.values():
            self.longest = max(self.longest, before - since)
        self.looks += 1
        return found


def test_no_dgid_stays_busy():
    """Nothing is spared: headers and terminators are lost, doubled and come late."""
    with Weather(SEED) as weather, \
            Daemon(*OPTIONS, wrapper=weather.near, listen=f"{weather.ADDRESS}:0") as daemon:
        watch = Watch(daemon)
        weather.loss(20)
        weather.double(10)
        weather.overtake(10, ms=400)
        with simulator(weather, daemon, "--frames", 8, "--calls", 0, "--pause", 200,
                       "--seconds", SECONDS) as sim:
            while sim.running():
                watch.look()
                time.sleep(0.05)  # the pace of looking
            sim.report()
        weather.calm()
        eventually(lambda: not watch.look(), WATCHDOG + 3, "all DG-IDs are free")
        now, wire = counters(daemon), weather.settled()["up"]
        figures("weather-busy", seed=SEED, looks=watch.looks, longest_silence_s=round(watch.longest, 2),
                ended_by_watchdog=now["stream_ends_total{cause=watchdog}"])
        expect(wire["end"]["lost"] + wire["header"]["lost"] > 0, f"{wire}")
        expect(watch.longest < WATCHDOG + 1 * SLOW, f"a call without frames for {watch.longest:.1f} s")
        expect(not [up for up in daemon.ctl_lines("events", "1000") if up["type"] == "slot.down"],
               "a worker ended")


def far_gateway(lab, weather, name, number, dgid=9):
    with weather.inside("far"):
        return lab.gateway(name, f"DL{number}XYZ", dgid, ip=f"10.16.0.{number}", to=weather.ADDRESS)


def test_a_cut_call_ends_with_the_watchdog():
    """The cable is pulled in the middle of a call: others may talk after ysf.watchdog."""
    with Weather(SEED) as weather, \
            Daemon(*OPTIONS, *ONE, wrapper=weather.near, listen=f"{weather.ADDRESS}:0,127.0.0.1:0") as daemon, \
            Lab(daemon) as lab:
        lost = far_gateway(lab, weather, "LOST", 1)
        with weather.inside("near"):
            here = [lab.gateway(name, f"DL0{name}", 9, ip="127.0.0.1", to="127.0.0.1",
                                port=daemon.ports[1]) for name in ("AAA", "BBB")]
        data = lost.header()
        for one in here:
            one.expect(data)
        weather.cut()
        began = time.monotonic()
        eventually(lambda: not streams(daemon), WATCHDOG + 1, "the DG-ID is free")
        took = time.monotonic() - began
        for one in here:
            one.drain()
        lab.relays(*here)
        weather.calm()
        figures("weather-cut", busy_s=round(took, 2))
        expect(took < WATCHDOG + 1 * SLOW, f"busy for {took:.1f} s")


def test_interface_flaps_goes_and_comes_with_another_address():
    """Down and up under load, gone and made anew, then with another address: bound to all addresses the
    daemon serves on, everybody keeps the place, and gateways that poll the new address hear from it."""
    rng = random.Random(SEED)
    with Weather(SEED) as weather, \
            Daemon(*OPTIONS, *ONE, wrapper=weather.near, listen="*:0") as daemon, Lab(daemon) as lab:
        talker, listener = far_gateway(lab, weather, "TALKER", 1), far_gateway(lab, weather, "LISTENER", 2)
        ids = {client["gateway"]: client["id"] for client in daemon.ctl("clients")}
        for number in range(FLAPS):
            talker.header()
            weather.flap(0.2 + rng.random(), side=("near", "far")[number % 2])
            talker.terminator()
            listener.drain()
            lab.relays(talker, listener)
        for side in ("near", "far"):
            weather.remove(side)
            weather.make(side)
            if side == "far":
                weather.ip("far", "route", "replace", "local", "10.16.0.0/12", "dev", "lo")
            lab.relays(talker, listener)
        after = {client["gateway"]: client["id"] for client in daemon.ctl("clients")}
        expect(ids == after, f"{ids} became {after}")
        move_to_another_address(weather, lab, (talker, listener))
        figures("weather-flap", flaps=FLAPS, registrations=len(after))


def move_to_another_address(weather, lab, gateways):
    """The same sockets go on at the new address, as gateways do that ask the name again."""
    weather.change_address("10.0.0.77", "fd77::77")
    for gateway in gateways:
        gateway.sock.connect(("10.0.0.77", lab.daemon.port))
        gateway.link()
    lab.relays(*gateways)
    names = [client["gateway"] for client in lab.daemon.ctl("clients")]
    expect(sorted(names) == ["LISTENER", "TALKER"], f"{names}")


def test_replies_and_voice_leave_from_the_address_that_is_polled():
    """After a flap another address is the first of the interface: routes choose it from now on."""
    with Weather(SEED) as weather, \
            Daemon(*OPTIONS, *ONE, wrapper=weather.near, listen="*:0") as daemon, Lab(daemon) as lab:
        talker, listener = far_gateway(lab, weather, "TALKER", 1), far_gateway(lab, weather, "LISTENER", 2)
        weather.ip("near", "addr", "flush", "dev", DEVICE)
        weather.ip("near", "addr", "add", "10.0.0.9/8", "dev", DEVICE)
        weather.ip("near", "addr", "add", f"{weather.ADDRESS}/8", "dev", DEVICE)

        def polled_and_heard():
            for gateway in (talker, listener):
                gateway.poll()
                gateway.drain()
            frames = talker.call(frames=1)
            return [listener.receive(0.2) for _ in frames] == frames

        # found out with a poll, at most every few seconds
        eventually(polled_and_heard, 15, "voice from the polled address")
        lab.relays(talker, listener)


if __name__ == "__main__":
    main(globals())
