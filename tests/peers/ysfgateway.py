#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      ysfgateway - shackd against G4KLX's real YSFGateway
# PURPOSE   PEER=/path/to/YSFGateway tests/peers/ysfgateway.py [--minutes 10]
#               [--reflector ADDRESS:PORT[,ADDRESS:PORT]]
#           links five real gateways to one reflector (three in room 22, two in room 9), talks
#           into their modem sides and compares every frame that comes out of every other one.
# OWNER     run by hand and by the release check; prints ok / not ok lines, exit 0 or 1
# CONTRACT  same room: all 155 bytes equal, in order. Other room and talker: nothing. All stay
#           linked for the given time: same client ids, one link message per gateway, no trouble
#           in their logs. YSFGateway itself rewrites no byte of a frame in either direction.
# LIMITS    a movable listener may also get the frames with the DG-ID prefix in the payload; with
#           --reflector the list of clients can't be asked, calls alone then prove the links

import argparse
import time

from calls import Ears
from lab import Lab, parse_address, peer_or_skip

EVERY = 20.0


def gateways(lab, ears):
    """Three in room 22 (two by their names, one by default and over IPv6 if there is one)."""
    for name, room in (("N0AAA-22", 22), ("N0BBB-22", 22), ("N0CCC-9", 9), ("N0EEE-9", 9)):
        ears.join(lab.gateway(name), room)
    ears.join(lab.gateway("N0DDD", lab.reflector(six=True)), 22, movable=True)
    lab.all_linked()


def registrations(lab):
    """Who is registered, as the daemon says it: {gateway: (id, port, dgid, connected)}."""
    if not lab.daemon:
        return None
    return {c["gateway"]: (c["id"], c["port"], c["dgid"], c["connected"])
            for c in lab.daemon.ask("clients")}


def check_rooms(lab, ears, registered):
    if registered is not None:
        want = {g.name: room for g, room in ears.rooms.items()}
        got = {name: entry[2] for name, entry in registered.items()}
        lab.report.check(got == want, "every gateway is in its room, once", f"{got}")


def check_links(lab, registered):
    for gateway in lab.gateways:
        trouble = gateway.trouble()
        lab.report.check(gateway.process.alive() and gateway.links() == 1 and not trouble,
                         f"{gateway.name} never lost its link",
                         f"linked {gateway.links()} times; " + " | ".join(trouble[:3]))
        lab.report.check(not gateway.modem.strange, f"{gateway.name} sent its modem only "
                         "polls and frames", f"{gateway.modem.strange[:2]}")
    if lab.daemon:
        now = registrations(lab)
        lab.report.check(now == registered, "the registrations are the first ones",
                         f"{registered} became {now}")


def talk(lab, ears, seconds):
    """A first round at once, then a call now and then for the rest of the time."""
    end = time.monotonic() + seconds
    for gateway in lab.gateways:
        ears.call(gateway)
    turn = 0
    while time.monotonic() + EVERY < end:
        lab.hub.until(time.monotonic() + EVERY)
        ears.call(lab.gateways[turn % len(lab.gateways)])
        turn += 1
    lab.hub.until(end)
    for gateway in lab.gateways:
        ears.call(gateway, f"after {seconds:.0f} s: call from {gateway.name}")
    ears.quiet()


def run(lab, minutes):
    ears = Ears(lab)
    gateways(lab, ears)
    registered = registrations(lab)
    check_rooms(lab, ears, registered)
    talk(lab, ears, minutes * 60)
    check_links(lab, registered)
    lab.workers_unharmed()
    print(f"# {ears.calls} calls; {ears.rewritten} frames came with a DG-ID prefix", flush=True)


def main():
    parser = argparse.ArgumentParser(description="shackd against real YSFGateways")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--reflector", help="ADDRESS:PORT of another reflector to try, "
                        "and after a comma its IPv6 address")
    args = parser.parse_args()
    peer = peer_or_skip("ysfgateway")
    lab = Lab(peer, [parse_address(a) for a in (args.reflector or "").split(",") if a])
    return lab.conduct(lambda: run(lab, args.minutes))


if __name__ == "__main__":
    raise SystemExit(main())
