#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_ysf_hold - what waits for the gate of the store
# PURPOSE   One worker is stopped inside a transaction. Until the watchdog has replaced it, nobody can
#           write: headers, polls and unlinks at the other worker wait and are done afterwards, in
#           order and once; open calls go on as if nothing were.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# LIMITS    the holder is stopped for as long as server.watchdog: about one second

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from holder import stop_inside_a_transaction
from shackd import SLOW, eventually, main, process_state
from ysf import (POLL_ANSWER, Counted, Lab, counters, events, expect, shared, streams, tell)

OPTIONS = ("workers.ysf=2", "server.watchdog=1s", "server.respawn_tokens=6000/m",
           "dgid.list=1-60", "limits.clients_per_ip=100000", "limits.clients=5000",
           "server.log_level=warning")
VICTIM, OTHER = "ysf.0", "ysf.1"
WAITING = 384  # datagrams other than frames that may wait
PACE = 0.1


class Held(Lab):
    """A Lab whose gateways are all served by the worker that is not stopped."""

    def __init__(self):
        super().__init__(shared(*OPTIONS))
        self.churn = []
        self.pid = self.stopped = None

    def on(self, slot, name, source="DL1ABC"):
        """A linked gateway that SLOT serves: the kernel spreads them by their address."""
        for _ in range(60):
            gateway = self.gateway(name, source)
            linked = events(self.daemon, "client.link", client=self.client(gateway)["id"])
            if linked[-1]["slot"] == slot:
                return gateway
            gateway.unlink()
        raise AssertionError(f"the kernel gives nothing to {slot}")

    def pair(self, dgid=7):
        return (self.on(OTHER, "TALKER", "IU5JAE").go_home(dgid),
                self.on(OTHER, "LISTENER", "DL9LSN").go_home(dgid))

    def newcomer(self, name="NEW"):
        """A gateway that is not linked, and will be served by the other worker."""
        gateway = self.on(OTHER, name)
        gateway.unlink()
        eventually(lambda: self.client(gateway) is None, 5, "the unlink")
        return gateway

    def stop(self):
        """From here on nobody can write, for about a second."""
        churn = [self.on(VICTIM, f"CHURN{n}") for n in range(3)]

        def poke():
            for gateway in churn:
                gateway.poll()
                gateway.unlink()

        _, self.pid = stop_inside_a_transaction(self.daemon, only=VICTIM, poke=poke)
        self.stopped = time.monotonic()

    def since(self):
        return time.monotonic() - self.stopped

    def expect_held(self):
        """The holder is still stopped: what was seen before this was seen under a held gate."""
        expect(process_state(self.pid) == "T", f"the holder was replaced within {self.since():.2f} s")

    def expect_replaced(self):
        eventually(lambda: self.daemon.workers()[VICTIM]["pid"] not in (0, self.pid) and
                   self.daemon.workers()[VICTIM]["state"] == "ready", 5, "the replacement")


def talk(talker, listener, until, limit=40):
    """Frames at the pace of speech until UNTIL says so; (sent, received, slowest)."""
    sent, received, slowest = [], [], 0.0
    begun = time.monotonic()
    while not until(received) and len(sent) < limit:
        at = time.monotonic()
        sent.append(talker.voice())
        while (left := begun + PACE * len(sent) - time.monotonic()) > 0:
            got = listener.receive(left)
            if got:
                received.append(got)
                if got == sent[-1]:
                    slowest = max(slowest, time.monotonic() - at)
    return sent, received, slowest


def test_a_header_waits_and_its_voice_not_too_long():
    with Held() as lab:
        talker, listener = lab.pair()
        before = counters(lab.daemon)
        lab.stop()
        opened = talker.header()
        sent, got, _ = talk(talker, listener, lambda received: len(received) > 3)
        waited = lab.since()
        sent.append(talker.terminator())
        while (data := listener.receive(1.0)) is not None:
            got.append(data)
        expect(got and got[0] == opened, f"{tell(got[0] if got else None)} is not the header")
        lost = len(sent) - (len(got) - 1)
        expect(got[1:] == sent[lost:], f"{len(got) - 1} of {len(sent)} frames, not the last ones")
        late = counters(lab.daemon)["dropped_total{cause=hold_late}"] - \
            before["dropped_total{cause=hold_late}"]
        expect(late == lost and lost >= 3, f"{lost} frames missing, {late} counted")
        expect(waited < 2.0 * SLOW, f"first frames after {waited:.2f} s")
        eventually(lambda: not streams(lab.daemon), 5, "the end of the call")
        lab.expect_replaced()
        listener.silent()
        talker.silent()


def test_a_first_poll_waits():
    with Held() as lab:
        gateway = lab.newcomer()
        lab.stop()
        gateway.poll()
        lab.expect_held()
        gateway.expect(POLL_ANSWER)
        answered = lab.since()
        expect(0.5 < answered < 2.0 * SLOW, f"answered after {answered:.2f} s")
        gateway.silent()
        lab.expect_replaced()


def test_an_unlink_waits():
    with Held() as lab:
        gateway = lab.on(OTHER, "LEAVING")
        there = lab.client(gateway)
        lab.stop()
        gateway.unlink()
        expect(lab.client(gateway) is not None, "unlinked under a held gate")
        lab.expect_held()
        eventually(lambda: lab.client(gateway) is None, 5, "the unlink")
        gone = events(lab.daemon, "client.unlink", client=there["id"])
        expect([event["reason"] for event in gone] == ["unlink"], gone)
        lab.expect_replaced()


def test_an_unlink_does_not_overtake_the_first_poll():
    with Held() as lab:
        gateway = lab.newcomer()
        lab.stop()
        gateway.poll()
        gateway.unlink()
        lab.expect_held()
        gateway.expect(POLL_ANSWER)
        lab.expect_replaced()
        gateway.silent()
        expect(lab.client(gateway) is None, "still linked though its last word was unlink")


def test_an_open_call_goes_on():
    with Held() as lab:
        talker, listener = lab.pair()
        listener.expect(talker.header(), talker.voice())
        lab.stop()
        sent, got, slowest = talk(talker, listener, lambda _: lab.since() > 1.5)
        expect(got == sent, f"{len(got)} of {len(sent)} frames")
        print(f"# {len(sent)} frames under a held gate and after, the slowest {slowest * 1000:.1f} ms")
        expect(slowest < 0.020 or SLOW > 1, f"a frame took {slowest * 1000:.1f} ms")
        lab.expect_replaced()
        listener.expect(talker.terminator())
        listener.silent()


def test_a_terminator_is_relayed_at_once_and_the_dgid_free_after():
    with Held() as lab:
        talker, listener = lab.pair()
        listener.expect(talker.header(), talker.voice())
        lab.stop()
        listener.expect(talker.terminator())
        expect(len(streams(lab.daemon)) == 1, "ended under a held gate")
        lab.expect_held()
        eventually(lambda: not streams(lab.daemon), 5, "the end of the call")
        expect(lab.since() < 2.0 * SLOW, f"ended after {lab.since():.2f} s")
        listener.expect(*talker.call())
        lab.expect_replaced()
        listener.silent()
        ended = events(lab.daemon, "stream.end", gateway="TALKER")[-2:]
        expect([(e["reason"], e["frames"]) for e in ended] ==
               [("terminator", 3), ("terminator", 5)], ended)


def test_the_next_caller_waits_for_the_end_of_the_last():
    """Its header came after the terminator: the DG-ID is not busy, only not yet freed."""
    with Held() as lab:
        talker, listener = lab.pair()
        rival = lab.on(OTHER, "RIVAL", "SP1XYZ").go_home(7)
        listener.expect(talker.header(), talker.voice())
        rival.drain()
        lab.stop()
        listener.expect(talker.terminator())
        opened = rival.header()
        lab.expect_held()
        listener.expect(opened)
        listener.expect(rival.voice(), rival.terminator())
        listener.silent()
        lab.expect_replaced()


def test_more_waits_than_there_is_room_for():
    with Held() as lab:
        crowd, late = lab.newcomer("CROWD"), lab.newcomer("LATE")
        talker, listener = lab.pair()
        listener.expect(talker.header(), talker.voice())
        with Counted(lab.daemon, {"dropped_total{cause=hold_full}": 100,
                                  "dropped_total{cause=hold_late}": 0}):
            lab.stop()
            for n in range(WAITING + 100):
                crowd.poll()
                if n % 50 == 0:
                    listener.expect(talker.voice())
            lab.expect_held()
            sent, got, slowest = talk(talker, listener, lambda _: lab.since() > 1.5)
        expect(got == sent, f"{len(got)} of {len(sent)} frames")
        print(f"# {len(sent)} frames beside a full hold, the slowest {slowest * 1000:.1f} ms")
        expect(slowest < 0.020 or SLOW > 1, f"a frame took {slowest * 1000:.1f} ms")
        crowd.expect(POLL_ANSWER)
        lab.expect_replaced()
        late.link()
        listener.expect(talker.terminator())
        listener.silent()


def test_only_the_stopped_were_replaced():
    daemon = shared(*OPTIONS)
    down = events(daemon, "slot.down")
    expect(all(event["slot"] == VICTIM for event in down), down)
    expect(daemon.workers()[OTHER]["restarts"] == 0, "the other worker died")


if __name__ == "__main__":
    main(globals())
