#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_ysf_limits - every table and every rate has its bound
# PURPOSE   Full client tables, links from one address, rates of frames, polls and queries, streams
#           at once, reply sizes: the bound holds, is counted, and others don't feel it.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside few
# LIMITS    rates are given with room above, for a busy machine may take longer to send

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from shackd import Daemon, main
from ysf import (POLL_ANSWER, Counted, Lab, clients, counters, events, eventually, expect,
                 streams)


class Fresh(Lab):
    """A Lab with a daemon of its own."""

    def __init__(self, *options):
        super().__init__(Daemon("workers.ysf=1", *options))

    def __exit__(self, *error):
        super().__exit__(*error)
        self.daemon.close()


def refused(gateway):
    """Its poll is not answered: what it asks for next is what comes first."""
    gateway.poll()
    gateway.silent()


# ---- clients ----

def test_full_table_refuses_without_an_answer():
    with Fresh("limits.clients=5") as box:
        old = [box.gateway(f"G{n}").link() for n in range(5)]  # polled twice: proven
        with Counted(box.daemon, {"refused_total{cause=clients_full}": 3, "evicted_total": 0}):
            newcomer = box.stranger("NEW")
            for _ in range(3):
                refused(newcomer)
        expect(len(clients(box.daemon)) == 5, "clients")
        for gateway in old:
            gateway.link()
        old[0].unlink()
        newcomer.link()


def test_full_table_evicts_only_the_oldest_that_polled_once_and_long_ago():
    with Fresh("limits.clients=4") as box:
        first, proven = box.gateway("FIRST"), box.gateway("PROVEN")
        spoke = box.gateway("SPOKE")
        box.gateway("SECOND")
        proven.link()
        spoke.call()
        first.drain()
        began = time.monotonic()
        newcomer = box.stranger("NEW")
        refused(newcomer)  # nobody's first poll is two seconds old

        def linked():
            newcomer.poll()
            before, _ = newcomer.ask(b"YSFS", b"YSFS")
            return before == [POLL_ANSWER]

        eventually(linked, 6, "the eviction")
        expect(time.monotonic() - began > 1.5, "evicted too young")
        names = sorted(client["gateway"] for client in clients(box.daemon))
        expect(names == ["NEW", "PROVEN", "SECOND", "SPOKE"], names)
        gone, = events(box.daemon, "client.unlink", gateway="FIRST")
        expect(gone["reason"] == "evicted", gone)
        box.stranger("OTHER").link()
        expect("SECOND" not in [c["gateway"] for c in clients(box.daemon)], "SECOND is next")
        refused(box.stranger("LAST"))


def test_bad_12_a_flood_of_addresses_leaves_old_gateways_alone():
    with Fresh("limits.clients=50") as box:
        talker, listener = box.pair()
        talker.link()
        listener.link()
        for n in range(400):
            box.stranger(f"F{n}").poll()
            if n % 50 == 49:
                talker.drain()
        count = len(clients(box.daemon))
        expect(count == 50, f"{count} clients")
        sent = talker.call()
        listener.expect(*sent)


def test_bad_11_clients_per_ip():
    with Fresh("limits.clients_per_ip=8") as box:
        talker, listener = box.pair()
        crowd = [box.gateway(f"C{n}", ip="127.99.0.1") for n in range(8)]
        with Counted(box.daemon, {"refused_total{cause=clients_per_ip}": 100}):
            extra = [box.stranger("EXTRA", ip="127.99.0.1") for _ in range(100)]
            for gateway in extra:
                gateway.poll()
            extra[-1].silent()
        box.gateway("OTHER")  # from another address
        crowd[0].link()  # the known ones go on
        crowd[1].unlink()
        eventually(lambda: extra[0].poll() and extra[0].receive(0.3) == POLL_ANSWER, 5,
                   "a link in the place that became free")
        sent = talker.call()
        listener.expect(*sent)


def test_links_from_one_address_are_limited_in_rate():
    with Fresh("limits.clients_per_ip=4") as box:
        gateway = box.gateway("FLAP")
        began, answers = time.monotonic(), 0
        for _ in range(60):
            gateway.unlink()
            gateway.poll()
        answers = gateway.drain().count(POLL_ANSWER)
        took = time.monotonic() - began
        expect(3 <= answers <= 4 + 4 * took + 1, f"{answers} links in {took:.1f} s")
        expect(counters(box.daemon)["refused_total{cause=rate}"] == 60 - answers, "counter")
        eventually(lambda: gateway.poll() and gateway.receive(0.3) == POLL_ANSWER, 5, "a link")
        box.gateway("OTHER")


def test_client_count_in_status_follows():
    with Fresh("limits.clients_per_ip=200", "limits.clients=2000") as box:
        for n in range(120):
            box.gateway(f"G{n}", ip="127.98.0.1")
        _, answer = box.stranger().ask(b"YSFS", b"YSFS")
        expect(answer[-3:] == b"120", answer)


# ---- rates ----

def test_bad_42_frames_above_the_rate_are_dropped_and_others_unaffected():
    with Fresh("ysf.frame_rate=20") as box:
        talker, listener = box.pair()
        other, hears = box.gateway("OTHER-9"), box.gateway("HEARS-9")
        talker.header()
        began, passed = time.monotonic(), 0
        for n in range(300):
            talker.voice()
            if n % 50 == 49:
                passed += len(listener.drain())
        passed += len(listener.drain())
        took = time.monotonic() - began
        expect(200 <= passed <= 201 + 20 * took, f"{passed} frames in {took:.1f} s")
        dropped = counters(box.daemon)["dropped_total{cause=frame_rate}"]
        expect(dropped == 301 - passed, f"{dropped} dropped, {passed} passed, 301 sent")
        box.relays(other, hears)
        eventually(lambda: not streams(box.daemon), 5, "the watchdog")


def test_frame_rate_0_is_no_limit():
    with Fresh("ysf.frame_rate=0") as box:
        talker, listener = box.pair()
        listener.expect(talker.header())
        for _ in range(1000):
            listener.expect(talker.voice())
        listener.expect(talker.terminator())


def test_bad_49_queries_are_limited_per_address():
    with Fresh() as box:
        noisy, quiet = box.stranger(), box.stranger()
        twin = box.stranger(ip=noisy.ip)
        began = time.monotonic()
        for _ in range(100):
            noisy.send(b"YSFS")
            twin.send(b"YSFV")  # the same budget
        quiet.silent()  # others are answered; and all of noisy's queries are done
        answers = 0
        while noisy.receive(0.05):
            answers += 1
        while twin.receive(0.05):
            answers += 1
        took = time.monotonic() - began
        expect(10 <= answers <= 11 + 5 * took, f"{answers} answers in {took:.1f} s")
        now = counters(box.daemon)
        expect(now["unanswered_total{kind=query}"] == 200 - answers, "counter")
        expect(now["queries_total{kind=status}"] == 101, "queries counted")


def test_poll_answers_to_one_gateway_are_limited():
    with Fresh() as box:
        gateway, other = box.gateway("NOISY"), box.gateway("OTHER")
        began = time.monotonic()
        for _ in range(100):
            gateway.poll()
        answers = gateway.drain().count(POLL_ANSWER)
        took = time.monotonic() - began
        expect(10 <= answers <= 11 + 2 * took, f"{answers} answers in {took:.1f} s")
        expect(counters(box.daemon)["unanswered_total{kind=poll}"] == 100 - answers, "counter")
        other.link()


def test_replies_never_amplify_beyond_their_size():
    with Fresh() as box:
        stranger = box.stranger()
        for query, tag, most in ((b"YSFS", b"YSFS", 42), (b"YSFV", b"YSFV", 32)):
            _, answer = stranger.ask(query, tag)
            expect(len(answer) <= most, f"{tag}: {len(answer)} bytes")
        stranger.poll()
        expect(len(stranger.receive()) == 14, "poll answer")
        stranger.silent()


# ---- streams ----

def test_streams_at_once_are_limited():
    with Fresh("limits.streams=4", "dgid.list=1-60") as box:
        pairs = [box.pair(10 + n) for n in range(4)]
        fifth, hears = box.pair(20)
        local = box.gateway("LOCAL", dgid=1)
        sent = [talker.header() for talker, _ in pairs]
        for (_, listener), data in zip(pairs, sent):
            listener.expect(data)
        with Counted(box.daemon, {"dropped_total{cause=streams_full}": 2}):
            fifth.header()
            local.header()  # local ones count too
            hears.silent()
            local.silent()
        expect(len(streams(box.daemon)) == 4, "streams")
        pairs[0][1].expect(pairs[0][0].voice(), pairs[0][0].terminator())
        box.relays(fifth, hears)


if __name__ == "__main__":
    main(globals())
