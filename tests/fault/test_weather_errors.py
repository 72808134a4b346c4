#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_weather_errors - what the network answers when it does not take a datagram
# PURPOSE   No route, a prohibiting and a blackhole route, a packet filter, a full queue, a narrow
#           interface, a source address that is gone, and what comes back by ICMP: each is counted and
#           said once with gateway and interface, the others hear every frame meanwhile, and all is
#           well when it is over. Real kernels on both sides.
# OWNER     tests
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    needs root, tun and nft; the kernel tells of ICMP errors at its own pace, so those are
#           counted as "at least one"

import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from lib.shackd import Daemon, Skip, eventually, main  # noqa: E402
from lib.weather import DEVICE, Weather  # noqa: E402
from ysf import Lab, counters, expect  # noqa: E402

OPTIONS = ("workers.ysf=1", "dgid.list=1-60", "ysf.frame_rate=0", "server.log_level=info")
FAILED, BACK = "send_failed_total{cause=%s}", "returned_total{cause=%s}"
FRAMES = 20


class Scene(Lab):
    """A talker and a good listener at one DG-ID, and as many bad ones as a test likes."""

    def __init__(self, *options, address=None, seed=1):
        self.weather = Weather(seed)
        try:
            self.address = address or self.weather.ADDRESS
            host = f"[{self.address}]" if ":" in self.address else self.address
            super().__init__(Daemon(*OPTIONS, *options, wrapper=self.weather.near,
                                    listen=f"{host}:0,127.0.0.1:0"))
            self.number = 0
            self.talker, self.good = self.there("TALKER"), self.there("GOOD")
        except BaseException:
            self.weather.close()
            raise

    def there(self, name, ip=None):
        """A gateway at the far side, on DG-ID 9."""
        self.number += 1
        own = f"10.16.0.{self.number}" if ":" not in self.address else self.weather.PEER6
        with self.weather.inside("far"):
            return self.gateway(name, f"DL{self.number}XYZ", 9, ip=ip or own, to=self.address)

    def local(self, name="LOCAL"):
        """One on the daemon's own machine: no weather reaches it."""
        with self.weather.inside("near"):
            return self.gateway(name, "DL0AAA", 9, ip="127.0.0.1", to="127.0.0.1",
                                port=self.daemon.ports[1])

    def call(self, frames=FRAMES):
        """A call that GOOD hears to its last frame."""
        for data in self.talker.call(frames=frames):
            self.good.expect(data)
        return frames + 2

    def near(self, *command):
        done = subprocess.run([*self.weather.near, *command], capture_output=True, text=True)
        expect(done.returncode == 0, f"{' '.join(command)}: {done.stderr}")

    def lines(self, pattern):
        return re.findall(pattern, self.daemon.log())

    def rises(self, name, before, least):
        eventually(lambda: counters(self.daemon)[name] >= before.get(name, 0) + least, 10,
                   f"{name} by {least}")
        return counters(self.daemon)[name] - before.get(name, 0)

    def __exit__(self, *error):
        super().__exit__(*error)
        self.daemon.close()
        self.weather.close()


def said_once(scene, gateway, why, way=rf"10\.0\.0\.1 \({DEVICE}\)"):
    """Of a cause one line, however many datagrams."""
    ip = f"[{gateway.ip}]" if ":" in gateway.ip else gateway.ip
    wanted = rf"can't send to {gateway.name} at {re.escape(ip)}:{gateway.port} from {way}: {why}"
    found = eventually(lambda: scene.lines(wanted), 5, f"a line: {wanted}")
    expect(len(found) == 1, f"{len(found)} lines of {gateway.name}: {found}")


def make_routers(scene, bad):
    """The far side sends back what is for these, as a router on the way would."""
    scene.weather.sysctl("far", "ipv4/conf/all/forwarding", 1)
    for name, kind in (("NOHOST", "unreachable"), ("NOENTRY", "prohibit")):
        scene.weather.ip("far", "route", "add", kind, f"{bad[name].ip}/32", "table", "77")
        scene.weather.ip("far", "rule", "add", "pref", "1", "iif", DEVICE, "to",
                         f"{bad[name].ip}/32", "lookup", "77")
    # the local table comes first otherwise, and these addresses are the far side's own
    scene.weather.ip("far", "rule", "add", "pref", "10", "lookup", "local")
    scene.weather.ip("far", "rule", "del", "pref", "0", "lookup", "local")


def test_each_cause_by_itself():
    """One bad receiver of each kind; the good one hears every frame; then it is over."""
    with Scene() as scene:
        bad = {name: scene.there(name) for name in ("NOROUTE", "PROHIBIT", "BLACKHOLE", "DEAD",
                                                    "NOHOST", "NOENTRY")}
        routes = {"NOROUTE": "unreachable", "PROHIBIT": "prohibit", "BLACKHOLE": "blackhole"}
        before = counters(scene.daemon)
        for name, kind in routes.items():
            scene.weather.ip("near", "route", "add", kind, f"{bad[name].ip}/32")
        bad["DEAD"].sock.close()  # its kernel answers: nobody listens at the port
        make_routers(scene, bad)
        sent = sum(scene.call() for _ in range(3))
        for cause in ("unreachable", "permission", "source"):
            found = scene.rises(FAILED % cause, before, sent)
            expect(found == sent, f"{cause}: {found}, not {sent}")
        for cause in ("port", "host", "prohibited"):
            scene.rises(BACK % cause, before, 1)
        said_once(scene, bad["NOROUTE"], "no route: No route to host")
        said_once(scene, bad["PROHIBIT"], "a local packet filter or a prohibiting route: Permission denied")
        said_once(scene, bad["BLACKHOLE"], "its source address is gone, or a blackhole route: Invalid")
        said_once(scene, bad["DEAD"], "it came back: nobody listens there: Connection refused")
        said_once(scene, bad["NOHOST"], "it came back: no way there: No route to host")
        said_once(scene, bad["NOENTRY"], "it came back: prohibited there: ")
        eventually(lambda: counters(scene.daemon)["troubles"] >= 3, 5, "a gauge tells of it")
        for name, kind in routes.items():
            scene.weather.ip("near", "route", "del", kind, f"{bad[name].ip}/32")
        for data in scene.talker.call(frames=2):
            scene.good.expect(data)
            bad["NOROUTE"].expect(data)  # at once, not after a pause
        # nobody is unlinked for what the network says of him
        expect(scene.client(bad["NOHOST"]) is not None, "unlinked for an ICMP message")
        eventually(lambda: counters(scene.daemon)["troubles"] == 0, 20, "it is over")
        over = scene.lines(rf"can send again: no route: for \d+ s, {sent} datagrams \(No route to host\)")
        expect(len(over) == 1, f"{over}")
        expect(len(scene.lines("can't send to")) == 6, "\n".join(scene.lines(".*can't send to.*")))


def test_packet_filter():
    if shutil.which("nft") is None:
        raise Skip("nft is not installed")
    with Scene() as scene:
        bad, before = scene.there("FILTERED"), counters(scene.daemon)
        scene.near("nft", "add table ip t; add chain ip t out { type filter hook output priority 0; }; "
                   f"add rule ip t out ip daddr {bad.ip} drop")
        sent = scene.call()
        expect(scene.rises(FAILED % "permission", before, sent) == sent, "counted wrongly")
        said_once(scene, bad, "a local packet filter or a prohibiting route: Operation not permitted")
        scene.near("nft", "delete table ip t")
        for data in scene.talker.call(frames=2):
            bad.expect(data)


def test_full_queue_and_narrow_interface():
    """The device takes one packet a second and queues one; then it takes none of that size."""
    with Scene() as scene:
        before = counters(scene.daemon)
        scene.near("tc", "qdisc", "replace", "dev", DEVICE, "root", "tbf", "rate", "2kbit",
                   "burst", "200", "limit", "400")
        for _ in range(FRAMES):
            scene.talker.voice()  # of no call: dropped
        scene.talker.header()
        for _ in range(FRAMES):
            scene.talker.voice()
        scene.rises(FAILED % "no_buffers", before, FRAMES // 2)
        said_once(scene, scene.good, "the interface takes no more: No buffer space available")
        scene.near("tc", "qdisc", "del", "dev", DEVICE, "root")
        scene.talker.terminator()
        scene.good.drain()
        scene.call(3)
        scene.near("ip", "link", "set", DEVICE, "mtu", "150")
        before = counters(scene.daemon)
        sent = len(scene.talker.call(frames=3))
        expect(scene.rises(FAILED % "size", before, sent) == sent, "counted wrongly")
        said_once(scene, scene.good, r"larger than the interface carries \(MTU\): Message too long")
        scene.near("ip", "link", "set", DEVICE, "mtu", "1500")
        scene.call(3)


def failed(scene):
    now = counters(scene.daemon)
    return now[FAILED % "source"] + now[FAILED % "unreachable"]


def test_address_gone_and_back():
    """A listener that is bound to an address outlives the address; the others don't notice."""
    with Scene() as scene:
        talker, listener = scene.local(), scene.local("LOCAL2")
        for fault, way in ((("addr", "del", "10.0.0.1/8", "dev", DEVICE), "no interface"),
                           (("link", "set", DEVICE, "down"), DEVICE)):
            before = failed(scene)
            scene.weather.ip("near", *fault)
            if fault[0] == "addr":  # a route that stays: what fails is the source and nothing else
                scene.weather.ip("near", "addr", "replace", "10.0.0.9/8", "dev", DEVICE)
            frames = talker.call(frames=FRAMES)
            listener.expect(*frames)
            eventually(lambda: failed(scene) - before == 2 * len(frames), 5, "all of them counted")
            # kernels differ in what they call it
            found = eventually(lambda: scene.lines(
                rf"(?:can't send| the last) to \S+ at 10\.16\.\S+ from 10\.0\.0\.1 \({way}\): "
                r"(?:no route: Network|its source address .*: Invalid)"), 5, "a line of it")
            expect(len(found) == 1, f"{found}")
            scene.weather.ip("near", "addr", "flush", "dev", DEVICE)
            scene.weather.up()
            frames = talker.call(frames=FRAMES)
            listener.expect(*frames)
            scene.good.expect(*frames)
            scene.talker.expect(*frames)
            if way != DEVICE:  # or the other fault would be the same trouble
                eventually(lambda: counters(scene.daemon)["troubles"] == 0, 20, "it is over")


def test_errors_over_ipv6():
    """The same over IPv6, the daemon at all its addresses."""
    with Scene(address="fd77::1") as scene:
        bad = [scene.there(name) for name in ("NOROUTE6", "DEAD6")]
        bad[1].sock.close()
        before = counters(scene.daemon)
        scene.call(5)
        scene.rises(BACK % "port", before, 1)
        said_once(scene, bad[1], "it came back: nobody listens there: Connection refused",
                  way=rf"fd77::1 \({DEVICE}\)")


if __name__ == "__main__":
    main(globals())
