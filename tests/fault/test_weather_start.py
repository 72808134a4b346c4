#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_weather_start - a start before the network is up
# PURPOSE   Addresses that the machine does not have yet, or whose duplicate address detection is still
#           going on, are no reason not to start: it is said, and they serve when they are there.
# OWNER     tests
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    needs root, tun and veth

import re
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from lib.shackd import Daemon, Skip, eventually, main  # noqa: E402
from lib.weather import DEVICE, Weather  # noqa: E402
from ysf import POLL_ANSWER, Lab, expect  # noqa: E402

LATER = "10.0.0.50"
OPTIONS = ("dgid.list=1-60", "dxc.node_call=N0NODE-2", f"dxc.listen={LATER}:0",
           f"ysf.dashboard_listen={LATER}:0")


def absent(daemon, address):
    return len(re.findall(rf"this machine has no address {re.escape(address)} yet: served as soon as it has",
                          daemon.log()))


def test_start_before_the_address():
    """YSF, dashboards and telnet; then the address comes, goes while workers are added, and comes."""
    with Weather() as weather, \
            Daemon(*OPTIONS, wrapper=weather.near, listen=f"{LATER}:0") as daemon, Lab(daemon) as lab:
        expect(absent(daemon, LATER) == 3, f"said {absent(daemon, LATER)} times")
        expect(daemon.listeners[0].startswith(LATER) and daemon.telnets[0].startswith(LATER), daemon.ready)
        weather.ip("near", "addr", "add", f"{LATER}/8", "dev", DEVICE)
        with weather.inside("far"):
            pair = [lab.gateway(name, name, 9, ip=f"10.16.0.{number}", to=LATER)
                    for number, name in ((1, "DL1AAA"), (2, "DL2BBB"))]
            with socket.create_connection((LATER, daemon.dxc_port), 10) as telnet:
                expect(telnet.recv(100), "no greeting")
        lab.relays(*pair)
        weather.ip("near", "addr", "del", f"{LATER}/8", "dev", DEVICE)
        daemon.config.write_text("[workers]\nysf = 4\n")
        code, _, why = daemon.ask("reload")
        expect(code == 0, f"reload: {why}")
        expect("ysf.3" in daemon.workers(), "no more workers")
        weather.ip("near", "addr", "add", f"{LATER}/8", "dev", DEVICE)
        for gateway in pair:  # some flows have another socket now
            gateway.link()
        lab.relays(*pair)


def tentative(weather):
    return "tentative" in weather.ip("near", "addr", "show", "dev", "v0", "to", "fd88::1").stdout


def test_address_that_is_still_tentative():
    """Duplicate address detection takes seconds, in which nobody can bind to the address."""
    with Weather() as weather:
        if weather.ip("near", "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns",
                      weather.path["far"], check=False).returncode != 0:
            raise Skip("no veth here")
        weather.sysctl("near", "ipv6/conf/v0/dad_transmits", 3)
        weather.ip("far", "link", "set", "v1", "up")
        weather.ip("far", "addr", "add", "fd88::2/64", "dev", "v1", "nodad")
        weather.ip("near", "link", "set", "v0", "up")
        weather.ip("near", "addr", "add", "fd88::1/64", "dev", "v0")
        with Daemon("workers.ysf=2", "dgid.list=1-60", wrapper=weather.near, listen="[fd88::1]:0") as daemon, \
                Lab(daemon) as lab:
            expect(absent(daemon, "fd88::1") == 1 or not tentative(weather), f"not said: {daemon.log()}")
            with weather.inside("far"):
                pair = [lab.stranger(name, name, ip="fd88::2", to="fd88::1") for name in ("DL1AAA", "DL2BBB")]

            def links(gateway):
                gateway.poll()
                return gateway.receive(0.3) == POLL_ANSWER

            for gateway in pair:
                eventually(lambda gateway=gateway: links(gateway), 15, "an answer from the new address")
                gateway.drain()
            lab.relays(*pair)


if __name__ == "__main__":
    main(globals())
