#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_ysf_access - the access check under load, and through deaths
# PURPOSE   A new list reaches thousands of gateways while voice goes on; refused crowds stay cheap;
#           what was refused stays refused whoever dies.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# LIMITS    the rules themselves: test_rules_access

import resource
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from frames import Radio
from rules import Lists
from shackd import SLOW, Daemon, eventually, main
from ysf import Counted, Lab, counters, events, expect, header

CROWD = 1200 if SLOW == 1 else 200
GAP = 0.25 * SLOW  # seconds without a frame, of one in 20 ms


class Fresh(Lab):
    """A Lab with a daemon of its own."""

    def __init__(self, *options):
        super().__init__(Daemon("dgid.list=1-60", "ysf.frame_rate=0", *options))

    def __exit__(self, *error):
        super().__exit__(*error)
        self.daemon.close()


class Voice(threading.Thread):
    """A call that goes on, and the longest time that its listener heard nothing."""

    def __init__(self, talker, listener):
        super().__init__()
        self.talker, self.listener = talker, listener
        self.done, self.gap, self.heard = threading.Event(), 0.0, 0

    def run(self):
        last = time.monotonic()
        self.talker.header()
        while not self.done.is_set():
            self.talker.voice()
            if self.listener.receive(0.02):
                self.heard += 1
                self.gap = max(self.gap, time.monotonic() - last)
                last = time.monotonic()
            time.sleep(0.02)
        self.talker.terminator()


def refusals(box, gateway):
    return [(event["source"], event["reason"])
            for event in events(box.daemon, "access.refused", port=gateway.port)]


def hearers(crowd, talker):
    """Who hears a call, by name."""
    sent = talker.call(frames=1)
    return {gateway.name for gateway in crowd if gateway.drain() == sent}


def test_a_new_list_reaches_a_crowd_while_voice_goes_on():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    lists = Lists(access="#\n")
    with Fresh("workers.ysf=1", "limits.clients=3000", *lists.options) as box:
        crowd = [box.stranger(f"G{n:04}") for n in range(CROWD)]
        for gateway in crowd:
            gateway.poll()
        eventually(lambda: len(box.daemon.ctl("clients")) == CROWD, 20, "the crowd")
        sample = crowd[::CROWD // 20] + crowd[1::CROWD // 20]
        every = {gateway.name for gateway in sample}
        odd = {name for name in every if int(name[1:]) % 2}
        for gateway in sample:
            gateway.drain()
        talker = box.gateway("TALKER", "IU5JAE")
        expect(hearers(sample, talker) == every, "not all hear it")
        voice = Voice(*box.pair(50))
        voice.start()
        for _ in range(5):
            lists.write(lists.access, "".join(f"GWB:G{n:04}\n" for n in range(0, CROWD, 2)))
            eventually(lambda: hearers(sample, talker) == odd, 10, "half of them locked")
            lists.write(lists.access, "#\n")
            eventually(lambda: hearers(sample, talker) == every, 10, "all of them back")
        voice.done.set()
        voice.join()
        expect(voice.heard > 10 and voice.gap < GAP, f"{voice.heard} frames, gap {voice.gap:.3f} s")
        print(f"# longest gap {voice.gap * 1000:.0f} ms in {voice.heard} frames")


def test_crowds_of_refused_sources_do_not_fill_the_event_log():
    with Fresh("workers.ysf=1", "access.check_re=-1") as box:
        crowd = [box.gateway(f"G{n}") for n in range(20)]
        before = counters(box.daemon)
        head = header("G", "DL1ABC")
        began = time.monotonic()
        for n in range(100):
            for m, gateway in enumerate(crowd):
                source = f"DL{m % 10}{chr(65 + n // 26)}{chr(65 + n % 26)}".ljust(10).encode()
                gateway.send(head[:14] + source + head[24:])
            if n % 10 == 9:
                crowd[0].drain()  # no more at once than the socket takes
        most = 500 + 100 * (time.monotonic() - began + 0.5)
        rise = {name: counters(box.daemon)[name] - before[name]
                for name in ("dropped_total{cause=call}", "untold_total", "store_commits_total")}
        told = 2000 - rise["untold_total"]
        expect(rise["dropped_total{cause=call}"] == 2000, rise)
        expect(500 <= told <= most < 1500, f"{told} were told of, at most {most:.0f} may be")
        expect(rise["store_commits_total"] < told + 300, rise)


def test_what_follows_a_refused_serial_is_refused_with_it():
    lists = Lists(access="SN:FAHuL\n")
    with Fresh("workers.ysf=1", "ysf.late_entry=yes", *lists.options) as box:
        talker, listener = box.pair()
        radio = Radio("TALKER", "IU5JAE", cm=1, radio_id="FAHuL")
        with Counted(box.daemon, {"dropped_total{cause=serial}": 12}):
            talker.send(radio.header())
            for n in range(10):
                talker.send(radio.voice(n % 7))
            talker.send(radio.terminator())
            listener.silent()
        expect(refusals(box, talker) == [("IU5JAE", "serial")], refusals(box, talker))
        radio = Radio("TALKER", "IU5JAE", cm=1, radio_id="E0C4W")  # his other radio
        sent = [talker.send(radio.header()), talker.send(radio.terminator())]
        listener.expect(*sent)


def test_lists_hold_for_the_first_frame_of_a_successor():
    lists = Lists(access="CS:DL0BAD\nGWB:LOCKED\n")
    with Fresh("workers.ysf=1", *lists.options) as box:
        talker, listener = box.gateway("TALKER", "DL0BAD"), box.gateway("LISTENER")
        locked = box.gateway("LOCKED", "DL1ABC")
        for _ in range(5):
            box.daemon.kill_worker("ysf.0")
            talker.call(frames=1)  # lie in the socket until the successor is there
            locked.call(frames=1)
            listener.silent()
        talker.source = "DL1GOOD"
        listener.expect(*talker.call(frames=1))
        locked.silent()


def test_a_refused_caller_and_an_allowed_one_side_by_side():
    lists = Lists(access="CS:DL0BAD\n")
    with Fresh("workers.ysf=1", *lists.options) as box:
        talker, listener = box.pair()
        for _ in range(10):
            talker.source = "DL0BAD"
            talker.header()
            talker.voice()
            talker.terminator()
            talker.source = "IU5JAE"
            listener.expect(*talker.call(frames=1))
        expect(refusals(box, talker) == [("DL0BAD", "call")], refusals(box, talker))


if __name__ == "__main__":
    main(globals())
