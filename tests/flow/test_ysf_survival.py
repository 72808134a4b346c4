#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_ysf_survival - YSF workers are disposable
# PURPOSE   Kills, stops and replaces YSF workers (and keeper) under open calls: gateways stay
#           linked, calls go on, DG-IDs come free, and every worker can serve every gateway.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside few
# LIMITS    the step of the real clock is left to a unit test: it would be one of the whole machine

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from shackd import SLOW, Daemon, eventually, main, process_state
from ysf import (Counted, Lab, clients, counters, counters_of, events, expect, streams,
                 terminator, voice)


class Fresh(Lab):
    """A Lab with a daemon of its own."""

    def __init__(self, *options):
        super().__init__(Daemon("dgid.list=1-60", *options))

    def __exit__(self, *error):
        super().__exit__(*error)
        self.daemon.close()

    def pids(self):
        return self.daemon.worker_pids()

    def slot_of(self, gateway):
        """The slot whose socket the kernel gives this gateway's datagrams to."""
        slots = [slot for slot in self.pids() if slot.startswith("ysf.")]

        def received():
            return {slot: counters_of(self.daemon, slot)["received_total"] for slot in slots}

        before = received()
        gateway.silent()
        grown = eventually(lambda: [s for s, n in received().items() if n > before[s]],
                           what="the slot of a gateway")
        return grown[0]

    def on_each_slot(self, name):
        """One gateway for each of two slots."""
        found = {}
        for n in range(40):
            gateway = self.gateway(f"{name}{n}", f"DL{n}ABC")
            slot = self.slot_of(gateway)
            if slot in found:
                gateway.unlink()
            found.setdefault(slot, gateway)
            if len(found) == 2:
                return found["ysf.0"], found["ysf.1"]
        raise AssertionError("the kernel gives everything to one slot")

    def kill(self, slot, number=signal.SIGKILL):
        """Kills the holder of a slot; returns when another one is ready."""
        old = self.pids()[slot]
        os.kill(old, number)
        self.wait_for_another(slot, old)

    def wait_for_another(self, slot, old):
        eventually(lambda: (w := self.daemon.workers()[slot])["pid"] not in (0, old) and
                   w["state"] in ("ready", "up", "idle"), 10, f"another {slot}")


# ---- more than one worker ----

def test_every_worker_serves_every_gateway():
    with Fresh("workers.ysf=2") as box:
        one, two = box.on_each_slot("G")

        def free():  # the terminator is heard before the other worker knows of the end
            eventually(lambda: not streams(box.daemon), what="the end of the call")
        two.expect(*one.call())
        free()
        one.expect(*two.call())
        free()
        one.unlink()
        eventually(lambda: box.client(one) is None, what="the unlink")
        two.call()
        two.drain()
        free()
        one.link()
        two.expect(*one.call())


def test_busy_dgid_is_known_to_every_worker():
    with Fresh("workers.ysf=2") as box:
        one, two = box.on_each_slot("G")
        listener = box.gateway("LISTENER")
        sent = [one.header()]
        listener.expect(*sent)
        with Counted(box.daemon, {"dropped_total{cause=busy}": 1}):
            two.header()
            two.voice()
            eventually(lambda: counters(box.daemon)["dropped_total{cause=no_stream}"] == 1,
                       what="the loser's voice being dropped")
        listener.expect(one.voice(), one.terminator())
        eventually(lambda: not streams(box.daemon), what="the end of the call")
        listener.expect(*two.call())


def test_dgid_change_is_known_to_every_worker():
    with Fresh("workers.ysf=2") as box:
        one, two = box.on_each_slot("G")
        one.call(sq=10)
        eventually(lambda: box.client(one)["dgid"] == 10, what="the move")
        two.call(sq=10)
        eventually(lambda: box.client(two)["dgid"] == 10, what="the move")
        two.expect(*one.call(sq=10))
        eventually(lambda: not streams(box.daemon), what="the end of the call")
        one.expect(*two.call(sq=10))


def test_terminator_of_a_cut_call_comes_once_whoever_cuts():
    with Fresh("workers.ysf=2") as box:
        one, two = box.on_each_slot("G")
        for talker, listener in ((one, two), (two, one)):
            listener.expect(talker.header(), talker.voice())
            box.daemon.ask("kick", box.client(talker)["id"])
            listener.expect(talker.farewell())
            # a call of a third gateway is the marker behind it
            third = box.gateway("THIRD")
            listener.expect(*third.call())
            third.unlink()
            eventually(lambda: box.client(third) is None, what="the unlink")
            talker.link()


# ---- deaths ----

def killed_in_mid_call(workers):
    with Fresh(f"workers.ysf={workers}", "ysf.max_age=0") as box:
        talker, listener = box.pair()
        slot = "ysf.0" if workers == 1 else box.slot_of(talker)
        listener.expect(talker.header(), talker.voice())
        call, = streams(box.daemon)
        for _ in range(3):
            box.kill(slot)
            listener.expect(talker.voice(), talker.voice())
        still, = streams(box.daemon)
        expect(still["id"] == call["id"], "another stream")
        listener.expect(talker.terminator())
        ended = eventually(lambda: events(box.daemon, "stream.end"), what="the end")
        expect((ended[-1]["reason"], ended[-1]["frames"]) == ("terminator", 9), ended)
        expect(len(clients(box.daemon)) == 2, "a gateway was lost")
        expect(len(events(box.daemon, "client.link")) == 2, "a gateway linked anew")
        listener.expect(*talker.call())  # no new poll was needed


def test_a_call_cut_while_its_worker_dies_gets_its_terminator():
    """The end is committed by keeper; the worker that carried the call never learns of it."""
    with Fresh("workers.ysf=2", "ysf.watchdog=60s", "server.watchdog=10s") as box:
        one, two = box.on_each_slot("G")
        third = box.gateway("THIRD")
        for listener in (two, third):
            listener.drain()
        sent = [one.header(), one.voice()]
        for listener in (two, third):
            listener.expect(*sent)
        pid = box.pids()["ysf.0"]  # on_each_slot gives them in the order of the slots
        os.kill(pid, signal.SIGSTOP)
        box.daemon.ctl("kick", box.client(one)["id"])
        eventually(lambda: not streams(box.daemon), what="the end of the call")
        os.kill(pid, signal.SIGKILL)
        for listener in (two, third):
            listener.expect(one.farewell())
            listener.silent()


def test_call_goes_on_when_its_only_worker_is_killed():
    killed_in_mid_call(1)


def test_call_goes_on_when_its_worker_is_killed_beside_another():
    killed_in_mid_call(2)


def test_frames_sent_while_no_worker_lives_wait_in_the_kernel():
    with Fresh("workers.ysf=1", "ysf.max_age=0") as box:
        talker, listener = box.pair()
        sent = [talker.header()]
        old = box.pids()["ysf.0"]
        os.kill(old, signal.SIGKILL)
        sent += [talker.voice() for _ in range(5)] + [talker.terminator()]
        listener.expect(*sent)
        listener.link()


def test_killed_worker_leaves_no_dgid_busy():
    with Fresh("workers.ysf=2", "ysf.watchdog=300ms") as box:
        one, two = box.on_each_slot("G")
        listener = box.gateway("LISTENER")
        listener.expect(one.header())
        os.kill(box.pids()["ysf.0"], signal.SIGKILL)
        eventually(lambda: not streams(box.daemon), 5, "the end of the orphan")
        ended = events(box.daemon, "stream.end")
        expect(len(ended) == 1 and ended[0]["reason"] == "watchdog", ended)
        listener.expect(*two.call())


def test_tx_timeout_survives_the_worker():
    with Fresh("workers.ysf=1", "protection.tx_timeout=1s", "ysf.max_age=0") as box:
        talker, listener = box.pair()
        began = time.monotonic()
        listener.expect(talker.header())
        box.kill("ysf.0")
        while True:
            talker.voice()
            got = listener.receive()
            if got != voice("TALKER", "IU5JAE", talker.counter):
                break
            expect(time.monotonic() - began < 6 * SLOW, "never cut")
            time.sleep(0.05)  # the pace of a talker, no barrier
        # its successor knows header, start and last counter
        expect(got in (talker.farewell(), terminator("TALKER", "IU5JAE", 0, talker.counter)),
               "no terminator with the next counter")
        box.kill("ysf.0")
        talker.call()
        listener.silent()  # the block survives as well


def test_blocks_homes_and_static_dgids_survive_the_worker():
    with Fresh("workers.ysf=1") as box:
        home, static = box.gateway("HOME", dgid=10), box.gateway("STATIC-10")
        caller = box.gateway("BLOCKED", "DL1BAD", dgid=10)
        box.daemon.ask("block", "DL1BAD")
        box.kill("ysf.0")
        static.expect(*home.call())
        home.expect(*static.call(sq=11))
        caller.drain()
        caller.call()
        static.silent()
        home.send(b"YSFO" + b"HOME".ljust(10) + b"11".ljust(36))
        home.silent()
        expect(box.client(home)["dgid"] == 10, "a home was set twice")


def test_keeper_killed_in_mid_call_is_not_heard():
    with Fresh("workers.ysf=1") as box:
        talker, listener = box.pair()
        listener.expect(talker.header())
        os.kill(box.pids()["keeper"], signal.SIGKILL)
        listener.expect(talker.voice(), talker.terminator())
        listener.expect(*talker.call())

        def answers():
            try:  # a request in the hands of the one that dies ends without an answer
                return box.daemon.ask("clients")[0] == 0
            except AssertionError:
                return False
        eventually(answers, 10, "another keeper")
        expect(len(clients(box.daemon)) == 2, "clients")


def test_kills_at_random_moments_of_short_calls():
    with Fresh("workers.ysf=2", "ysf.max_age=0", "ysf.frame_rate=0",
               "ysf.watchdog=500ms") as box:
        talkers = [box.gateway(f"T{n}", f"DL{n}ABC", dgid=10 + n) for n in range(8)]
        listeners = [box.gateway(f"L{n}", dgid=10 + n) for n in range(8)]
        for turn in range(12):
            for talker in talkers:
                talker.header()
                talker.voice()
            slot = f"ysf.{turn % 2}"
            old = box.pids()[slot]
            os.kill(old, signal.SIGKILL)
            for talker in talkers:
                talker.voice()
                talker.terminator()
            box.wait_for_another(slot, old)
        eventually(lambda: not streams(box.daemon), 5, "the end of all streams")
        for gateway in talkers + listeners:
            gateway.drain()
        expect(len(clients(box.daemon)) == 16, "a gateway was lost")
        for talker, listener in zip(talkers, listeners):
            sent = talker.call()
            listener.expect(*sent)


# ---- stops ----

def wait_stopped(pid):
    eventually(lambda: process_state(pid) == "T", what="the stop of a worker")


def test_voice_that_waited_longer_than_max_age_is_dropped():
    with Fresh("workers.ysf=1", "server.watchdog=10s", "ysf.max_age=200ms") as box:
        talker, listener = box.pair()
        listener.expect(talker.header(), talker.voice())
        pid = box.pids()["ysf.0"]
        with Counted(box.daemon, {"dropped_total{cause=max_age}": 3}):
            os.kill(pid, signal.SIGSTOP)
            wait_stopped(pid)
            try:
                for _ in range(3):
                    talker.voice()
                time.sleep(0.5)  # the age is what is under test
                second = talker.header()
            finally:
                os.kill(pid, signal.SIGCONT)
            listener.expect(second)
            talker.counter = 4
        listener.expect(talker.voice())
        os.kill(pid, signal.SIGSTOP)
        wait_stopped(pid)
        try:
            end = talker.terminator()
            time.sleep(0.5)  # likewise
        finally:
            os.kill(pid, signal.SIGCONT)
        listener.expect(end)  # headers and terminators are never too old
        eventually(lambda: not streams(box.daemon), what="the end of the stream")


def test_max_age_0_keeps_all():
    with Fresh("workers.ysf=1", "server.watchdog=10s", "ysf.max_age=0") as box:
        talker, listener = box.pair()
        listener.expect(talker.header())
        pid = box.pids()["ysf.0"]
        os.kill(pid, signal.SIGSTOP)
        wait_stopped(pid)
        try:
            sent = [talker.voice() for _ in range(3)]
            time.sleep(0.5)  # the age is what is under test
        finally:
            os.kill(pid, signal.SIGCONT)
        listener.expect(*sent, talker.terminator())


def test_hung_worker_is_replaced_and_its_gateways_served():
    with Fresh("workers.ysf=1", "server.watchdog=300ms", "ysf.max_age=0") as box:
        talker, listener = box.pair()
        listener.expect(talker.header())
        old = box.pids()["ysf.0"]
        os.kill(old, signal.SIGSTOP)
        sent = [talker.voice(), talker.voice()]
        listener.expect(*sent, talker.voice(), talker.terminator())
        expect(box.pids()["ysf.0"] != old, "the same process")


def test_stopped_worker_does_not_hold_up_the_other():
    with Fresh("workers.ysf=2", "server.watchdog=10s") as box:
        one, two = box.on_each_slot("G")
        listener = box.gateway("LISTENER")
        pid = box.pids()["ysf.0"]
        os.kill(pid, signal.SIGSTOP)
        wait_stopped(pid)
        try:
            sent = two.call()
            listener.expect(*sent)
        finally:
            os.kill(pid, signal.SIGCONT)
        one.expect(*sent)


if __name__ == "__main__":
    main(globals())
