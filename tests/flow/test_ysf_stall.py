#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_ysf_stall - a line that can't carry what we send
# PURPOSE   The send buffer of a listener's socket fills (a throttled line between two namespaces).
#           The fan-out stalls and goes on where it stood; what does not fit is counted; those on
#           another listener go on talking; afterwards all is as before.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others, about 30 s
# LIMITS    needs root, ip, tc and a kernel with veth and tbf; else it skips

import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from shackd import SLOW, Daemon, eventually, main
from wire import FAR, NEAR, Wire
from ysf import (POLL_ANSWER, Gateway, Lab, counters, events, expect, streams, tell)

PACE = 0.1
CROWD = 400  # 27 frames to each fill a send buffer of 4 MiB
STALLED, NOBUFS = "send_stalled_total", "send_failed_total{cause=no_buffers}"
OPTIONS = ("workers.ysf=1", "ysf.frame_rate=0", "dgid.list=1-60", "limits.clients_per_ip=100000",
           "limits.clients=20000", "server.log_level=warning")


class Line(Lab):
    """A daemon with a listener at a slow line, many gateways at its far end, and one on loopback."""

    def __init__(self, *options):
        self.wire = Wire()
        try:
            super().__init__(Daemon(*OPTIONS, *options, listen=f"{NEAR}:0,127.0.0.1:0"))
            self.crowd = self.wire.far(lambda: [
                Gateway(self.daemon, f"FAR{n}", ip=FAR, to=NEAR) for n in range(CROWD)])
            self.probe = self.wire.far(lambda: Gateway(self.daemon, "PROBE", ip=FAR, to=NEAR))
            self.gateways += self.crowd + [self.probe]
            for gateway in self.crowd:
                gateway.poll()
            for gateway in self.crowd:
                gateway.expect(POLL_ANSWER)
            self.talker, self.listener = self.pair()
        except BaseException:
            self.wire.__exit__()
            raise
        self.before = counters(self.daemon)

    def gateway(self, *args, **where):
        return super().gateway(*args, port=self.daemon.ports[1], **where)

    def rise(self, name):
        return counters(self.daemon)[name] - self.before[name]

    def fill(self, limit=60):
        """Voice, frame by frame, until the send buffer is full: the frames."""
        self.wire.throttle()
        sent, self.heard = [self.talker.header()], 0
        while True:
            data = self.listener.receive(0.05)
            if data is not None:
                expect(data == sent[self.heard], f"got {tell(data)}")
                self.heard += 1
            if self.rise(STALLED) > 0:
                return sent
            if self.heard == len(sent):
                expect(len(sent) < limit, "the send buffer does not fill")
                sent.append(self.talker.voice())

    def listener_hears(self, sent):
        """All of SENT that it has not heard yet, in order."""
        self.listener.expect(*sent[self.heard:])

    def read_crowd(self, sent):
        """All that came: of SENT each gateway has some, in order, none twice. How many it lacks."""
        missing = 0
        self.probe.ask(b"YSFS", b"YSFS")  # the answer comes behind everything
        for gateway in self.crowd:
            got = []
            while (data := gateway.receive(0.001)) is not None:
                got.append(data)
            places = [sent.index(data) for data in got if data in sent]
            expect(len(places) == len(got), f"{gateway.name} got something else: "
                   f"{[tell(data) for data in got if data not in sent]}")
            expect(all(a < b for a, b in zip(places, places[1:])),
                   f"{gateway.name} got frames {places}")
            missing += len(sent) - len(got)
        return missing

    def expect_well(self):
        """Everything as before: polls are answered, a call reaches everybody."""
        eventually(lambda: not streams(self.daemon), 5, "the end of the call")
        for gateway in self.crowd:
            gateway.poll()
            gateway.expect(POLL_ANSWER)
        call = self.talker.call()
        self.listener.expect(*call)
        for gateway in self.crowd:
            gateway.expect(*call)
        self.listener.silent()
        worker = self.daemon.workers()["ysf.0"]
        expect(worker["restarts"] == 0 and not events(self.daemon, "slot.down"), worker)

    def overcrowd(self, count=12000):
        """So many more at the far end that one frame alone fills the send buffer; they don't listen."""
        def poll(port):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind((FAR, port))
                sock.sendto(b"YSFP" + b"SILENT".ljust(10), (NEAR, self.daemon.port))

        linked = counters(self.daemon)["links_total"]
        for first in range(10000, 10000 + count, 500):
            self.wire.far(lambda first=first: [poll(first + n) for n in range(500)])
            linked += 500
            eventually(lambda linked=linked: counters(self.daemon)["links_total"] >= linked, 10,
                       "the links")

    def __exit__(self, *error):
        super().__exit__(*error)
        self.daemon.close()
        self.wire.__exit__()


def talk(talker, listener, seconds, also=None):
    """Frames at the pace of speech, each after one of ALSO's; (sent, received, slowest)."""
    sent, received, slowest = [], [], 0.0
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        if also:
            also.voice()
        at = time.monotonic()
        sent.append(talker.voice())
        while (left := begun + PACE * len(sent) - time.monotonic()) > 0:
            got = listener.receive(left)
            if got:
                received.append(got)
                if got == sent[-1]:
                    slowest = max(slowest, time.monotonic() - at)
    return sent, received, slowest


def test_a_short_stall_costs_nothing():
    # no frame is to be left out for its age: all are accounted for
    with Line("ysf.max_age=0") as line:
        for _ in range(5):  # on a busy machine the line may be released too late
            line.before = counters(line.daemon)
            sent = line.fill()
            line.wire.release()
            sent.append(line.talker.terminator())
            line.listener_hears(sent)
            eventually(lambda: not streams(line.daemon), 5, "the end of the call")
            missing, counted = line.read_crowd(sent), line.rise(NOBUFS)
            expect(missing == counted, f"{missing} datagrams missing, {counted} counted")
            if missing == 0:
                break
        print(f"# {len(sent)} frames to {CROWD}, {line.rise(STALLED)} stalls, {missing} missing")
        expect(missing == 0, f"{missing} datagrams missing after a short stall")
        line.expect_well()


def test_a_successor_finishes_what_stalled():
    """The worker is killed in the middle of a fan-out: who has the frame does not get it again."""
    with Line("ysf.max_age=0") as line:
        for _ in range(5):  # as above
            line.before = counters(line.daemon)
            sent = line.fill()
            line.daemon.kill_worker("ysf.0")
            line.wire.release()
            sent.append(line.talker.terminator())
            line.listener_hears(sent)
            eventually(lambda: not streams(line.daemon), 5, "the end of the call")
            missing, counted = line.read_crowd(sent), line.rise(NOBUFS)
            expect(missing == counted, f"{missing} datagrams missing, {counted} counted")
            line.listener.silent()
            if missing == 0:
                break
        expect(missing == 0, f"{missing} datagrams missing after a kill in a stall")


def test_a_long_stall_is_counted_and_passes():
    with Line("ysf.max_age=0") as line:
        sent = line.fill()
        line.listener_hears(sent)
        sent += talk(line.talker, line.listener, 3.0)[0]
        stalls = line.rise(STALLED)
        line.wire.release()
        line.listener.drain()
        last = [line.talker.voice(), line.talker.terminator()]
        line.listener.expect(*last)
        sent += last
        missing, counted = line.read_crowd(sent), line.rise(NOBUFS)
        print(f"# {len(sent)} frames to {CROWD}, {stalls} stalls, {missing} missing")
        expect(missing == counted > 0, f"{missing} datagrams missing, {counted} counted")
        line.expect_well()


def test_voice_goes_on_at_another_listener():
    """A line that stays full is left out until it drains: no frame waits for it again."""
    with Line() as line:
        others, hearer = line.pair(9)
        hearer.expect(others.header())
        line.fill()
        line.listener.drain()  # while it stalled, frames got too old
        sent, got, slowest = talk(others, hearer, 3.0, line.talker)
        print(f"# {len(got)} of {len(sent)} frames beside a full line, the slowest "
              f"{slowest * 1000:.1f} ms")
        expect(got == sent, f"{len(got)} of {len(sent)} frames")
        expect(slowest < 0.020 or SLOW > 1, f"a frame took {slowest * 1000:.1f} ms")
        expect(line.rise(NOBUFS) > 20 * CROWD, f"only {line.rise(NOBUFS)} left out")
        last = line.talker.terminator()
        while (heard := line.listener.receive()) != last:
            expect(heard is not None, "the room of the full line fell silent")
        hearer.expect(others.terminator())
        line.wire.release()
        line.probe.ask(b"YSFS", b"YSFS")
        for gateway in line.crowd:
            while gateway.receive(0.001):
                pass
        line.expect_well()


def test_a_header_waits_for_a_farewell_that_stalls():
    """A gateway comes back from another port while its call is open: that is cut, and the terminator
    for its listeners fills the send buffer before the header of its new call can go."""
    with Line("ysf.watchdog=60s") as line:
        _, hearer = line.pair(9)
        line.overcrowd()
        line.talker.poll()
        polled = time.monotonic()
        line.listener.expect(line.talker.header())
        eventually(lambda: time.monotonic() - polled > 15.5, 20, "a gateway that is quiet")
        again = line.stranger(line.talker.name, line.talker.source, ip=line.talker.ip,
                              port=line.daemon.ports[1]).link().go_home(9)
        line.wire.throttle()
        line.before = counters(line.daemon)
        hearer.expect(again.header())
        hearer.expect(again.voice(), again.terminator())
        ended = eventually(lambda: events(line.daemon, "stream.end", reason="rebound"), 5,
                           "the end of the old call")
        expect(ended[0]["frames"] == 1, ended)
        line.listener.expect(line.talker.farewell())
        expect(line.rise(STALLED) == 1, f"{line.rise(STALLED)} stalls")


if __name__ == "__main__":
    main(globals())
