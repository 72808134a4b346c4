#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      ysfgateway_turns - what shackd must take from a real YSFGateway
# PURPOSE   PEER=/path/to/YSFGateway tests/peers/ysfgateway_turns.py
#               [--reflector ADDRESS:PORT]
#           the rhythm of its polls, its options burst, its three unlinks (also in mid-call), its
#           restart on another port and on the same one.
# OWNER     run by hand and by the release check; prints ok / not ok lines, exit 0 or 1
# CONTRACT  after each turn calls still arrive exactly once at everyone in the room; what the
#           gateway put on the wire is recorded and compared with what the protocol says of it
# LIMITS    about two minutes, as an entry left behind by a restart lives for a minute

import argparse
import signal
import time

from calls import Ears, call_frames
from lab import REFLECTOR_ID, Lab, parse_address, peer_or_skip
from wires import free_port

ANSWER = b"YSFPREFLECTOR "
POLL_TIME = 5.0
FORGET = 75.0       # a minute without a poll, and room for clocks that tick once a second


def rhythm(lab):
    """Three polls at once, then one every five seconds, each answered by the same 14 bytes."""
    tap = lab.tap()
    gateway = lab.gateway("N0RHY-22", tap_address(tap))
    lab.report.check(gateway.wait_linked(), "rhythm: links over a recorded wire")
    lab.hub.until(tap.sent[0][0] + 3 * POLL_TIME + 1)
    times = [when for when, data in tap.sent if data == b"YSFPN0RHY-22  "]
    gaps = [round(b - a, 1) for a, b in zip(times, times[1:])]
    lab.report.check(len(times) == len(tap.sent) == 6 and gaps[:2] == [0.0, 0.0]
                     and all(abs(gap - POLL_TIME) < 0.5 for gap in gaps[2:]),
                     "rhythm: three polls, then one in five seconds", f"{gaps} {tap.tags()}")
    answers = [data for _, data in tap.answered]
    lab.report.check(set(answers) == {ANSWER} and 3 < len(answers) <= len(times),
                     "rhythm: polls are answered with 14 exact bytes", f"{answers}")
    print(f"# rhythm: gaps {gaps}, {len(answers)} answers to {len(times)} polls", flush=True)


def tap_address(tap):
    return ("127.0.0.1", tap.port)


def options(lab, ears, neighbour):
    """YSFO after every burst of polls and after the first answer; the first one moves it home."""
    tap = lab.tap()
    gateway = lab.gateway("N0OPT", tap_address(tap), options="9;")
    lab.report.check(gateway.wait_linked(), "options: links")
    lab.hub.until(tap.sent[0][0] + 2 * POLL_TIME + 1)
    sent = [data for _, data in tap.sent if data[:4] == b"YSFO"]
    lab.report.check(len(sent) == 4 and set(sent) == {b"YSFON0OPT     9;".ljust(50)},
                     "options: one after each burst of polls, one after the answer",
                     f"{tap.tags()}")
    print(f"# options: {' '.join(tap.tags())}", flush=True)
    if lab.daemon:
        dgids = [client["dgid"] for client in lab.daemon.client("N0OPT")]
        lab.report.check(dgids == [9], "options: the daemon has it in room 9", f"{dgids}")
    ears.join(gateway, 9, movable=True)
    ears.call(neighbour, "options: hears its new room")
    ears.call(gateway, "options: is heard in its new room")
    lab.report.check(gateway.links() == 1, "options: still linked")


def unlink(lab, ears, other):
    """Three YSFU; nothing arrives any more; a new link later; an unlink in the middle of a call."""
    tap = lab.tap()
    gateway = lab.gateway("N0UNL-22", tap_address(tap), remote=True)
    lab.report.check(gateway.wait_linked(), "unlink: links")
    ears.join(gateway, 22)
    ears.call(other, "unlink: hears the room before")
    drop_link(lab, gateway, tap, "unlink")
    ears.leave(gateway)
    ears.call(other, "unlink: hears nothing after")
    gateway.command(f"LinkYSF {REFLECTOR_ID}")
    lab.report.check(gateway.wait_linked(times=2), "unlink: links again")
    gateway.wait_hearing()
    ears.join(gateway, 22)
    ears.call(other, "unlink: hears the room again")

    frames = call_frames(gateway.name)[:4]
    ears.pace()
    ears.expect(gateway, frames)
    ears.send(gateway, frames)
    ears.judge("unlink: a call begins")
    drop_link(lab, gateway, tap, "unlink in mid-call")
    counts, right = ears.closing(gateway, frames)
    lab.report.check(right and (not lab.daemon or set(counts) == {1}),
                     "unlink in mid-call: each listener gets one closing frame",
                     f"{counts} {right}")
    ears.leave(gateway)
    ears.call(other, "unlink in mid-call: the room is free at once", at_once=True)


def drop_link(lab, gateway, tap, label):
    before = len(tap.sent)
    gateway.command("UnLink")
    lab.hub.wait(lambda: tap.tags(before).count("YSFU") >= 3, 5)
    sent = [data for _, data in tap.sent[before:] if data[:4] == b"YSFU"]
    lab.report.check(sent == [b"YSFU" + gateway.name.encode().ljust(10)] * 3,
                     f"{label}: YSFU three times", f"{tap.tags(before)}")
    if lab.daemon:
        end = time.monotonic() + 2
        while lab.daemon.client(gateway.name) and time.monotonic() < end:
            lab.hub.until(time.monotonic() + 0.05)
        left = lab.daemon.client(gateway.name)
        lab.report.check(not left, f"{label}: the daemon forgets it", f"{left}")


def restart(lab, ears, gateway, other, how, label):
    """Ends the gateway without an unlink (it never says goodbye) and starts it again."""
    before = lab.daemon.client(gateway.name) if lab.daemon else None
    gateway.stop(how)
    gateway.modem.strange.clear()
    gateway.start()
    lab.report.check(gateway.wait_linked(), f"{label}: links again",
                     " | ".join(gateway.process.lines[-5:]))
    ears.call(other, f"{label}: hears each frame once")
    ears.call(gateway, f"{label}: is heard")
    return before


def restarts(lab, ears, other):
    moving = lab.gateway("N0MOV-22")
    fixed = lab.gateway("N0FIX-22", port=free_port())
    for gateway in (moving, fixed):
        lab.report.check(gateway.wait_linked(), f"{gateway.name} links")
        ears.join(gateway, 22)
    ears.call(other, "restart: both hear the room")
    before = restart(lab, ears, fixed, other, signal.SIGTERM, "restart on the same port")
    if lab.daemon:
        after = lab.daemon.client(fixed.name)
        lab.report.check([c["id"] for c in after] == [c["id"] for c in before],
                         "restart on the same port: the same entry", f"{before} became {after}")
    restart(lab, ears, moving, other, signal.SIGTERM, "restart on another port")
    restart(lab, ears, moving, other, signal.SIGKILL, "kill, and another port")
    return moving


def forgotten(lab, gateway):
    """The entries of dead ports go after a minute; the living one stays."""
    if not lab.daemon:
        return
    end = time.monotonic() + FORGET
    while len(lab.daemon.client(gateway.name)) > 1 and time.monotonic() < end:
        lab.hub.until(time.monotonic() + 1)
    left = lab.daemon.client(gateway.name)
    lab.report.check(len(left) == 1, "only the living entry is left", f"{left}")


def run(lab):
    ears = Ears(lab)
    other, neighbour = lab.gateway("N0AAA-22"), lab.gateway("N0CCC-9")
    ears.join(other, 22)
    ears.join(neighbour, 9)
    lab.all_linked()
    moving = restarts(lab, ears, other)
    unlink(lab, ears, other)
    options(lab, ears, neighbour)
    rhythm(lab)
    forgotten(lab, moving)
    ears.call(other, "at the end: a call in one room")
    ears.call(neighbour, "at the end: a call in the other")
    ears.quiet()
    lab.workers_unharmed()


def main():
    parser = argparse.ArgumentParser(description="a real YSFGateway that comes and goes")
    parser.add_argument("--reflector", help="ADDRESS:PORT of another reflector to try")
    args = parser.parse_args()
    peer = peer_or_skip("ysfgateway_turns")
    lab = Lab(peer, [parse_address(args.reflector)] if args.reflector else [])
    return lab.conduct(lambda: run(lab))


if __name__ == "__main__":
    raise SystemExit(main())
