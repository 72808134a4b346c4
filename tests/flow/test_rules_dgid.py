#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_rules_dgid - the reflector's rules: how a gateway changes its DG-ID
# PURPOSE   By header, by options, by coming home; and the DG-ID that stays private.
#
#   rule                                          test (here, or in the file named)
#   4.6  only FI 0, after the access check        4_6_only_headers_move, 4_6_refused_callers_...
#   4.6  a listed DG-ID moves, the call is muted  ysf_streams: dgid_change_mutes_the_first_call...
#   4.6  it is saved                              4_6_the_move_is_saved; rules_registration: 4_4_5_...
#   4.6  an unlisted one changes nothing          ysf_streams: bad_31_dgids_that_change_nothing
#   4.6  DG-ID 0, SQL bit                         ysf_streams: bad_31_dgids_that_change_nothing
#   4.6  static, fixed and aux gateways stay      rules_registration: 4_4_1..3;
#                                                 4_6_who_can_not_move_talks_where_it_is
#   4.6  the muted call keeps nobody out          ysf_streams: muted_call_keeps_nobody_out,
#                                                 dgid_change_into_..., dgid_change_out_of_...
#   4.6  no change inside a call                  ysf_streams: bad_24_no_move_in_mid_call
#   4.7  local calls                              ysf_streams: local_dgid_is_not_relayed,
#                                                 change_to_the_local_dgid_and_back; 4_7_...
#   4.14 grammar                                  ysf_protocol: options_grammar, options_of_any_size
#   4.14 who gets a home, and once                ysf_protocol: options_move_home_at_once_and_once,
#                                                 options_before_registration_are_ignored; 4_14_...
#   4.13 (home.db) back home                      4_13_...
#
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    homes of the home list are counted in minutes: their times are tested with options, the
#           clock is the same

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from frames import Radio
from rules import (Lists, aux_ports, hears, moved, over, place, rules_lab, silent_all,
                   talk)
from shackd import SLOW, main
from ysf import events, expect, expect_nobody_died, pad, streams

LISTS = Lists(access="CS:DL0BAD\n", homes="FIXED:9:-1\nTIMED:50:30\n")
OPTIONS = ("ysf.aux_ports=9:0", "dgid.list=1,9,22,50", *LISTS.options)
HOME_TIME, LONGER = 2, 3.5  # seconds


def lab():
    return rules_lab(*OPTIONS)


def homely():
    """Who chose a home by options is back there after two seconds."""
    return rules_lab("dgid.list=1,9,22,50", f"dgid.home_time={HOME_TIME}s")


def options(gateway, text):
    gateway.send(b"YSFO" + pad(gateway.name) + pad(text, 36))
    gateway.silent()


# ---- 4.6 ----

def test_4_6_only_headers_move():
    with lab() as box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        radio = Radio("TALKER", "IU5JAE")
        sent = talk(talker, [radio.header(), radio.voice(sq=9), radio.voice(sq=50),
                             radio.terminator(sq=9)])
        hears(listener, sent)
        talk(talker, [radio.voice(sq=9), radio.terminator(sq=9)])
        talker.silent()
        expect(place(box, talker) == 22, "moved without a header")


def test_4_6_refused_callers_do_not_move_their_gateway():
    with lab() as box:
        talker = box.gateway("TALKER")
        over(talker, "DL0BAD", sq=9)
        talker.silent()
        expect(place(box, talker) == 22, "moved by a refused caller")


def test_4_6_the_move_is_reported_and_saved():
    with lab() as box:
        talker = box.gateway("MOVER", "DL1MOV", ip="127.78.1.1")
        over(talker, sq=9)
        talker.silent()
        event = events(box.daemon, "client.dgid", gateway="MOVER")[-1]
        expect((event["old_dgid"], event["dgid"], event["reason"]) == (22, 9, "radio"), event)
        call = events(box.daemon, "stream.end", port=talker.port)[-1]
        expect(call["muted"] and call["dgid"] == 9, call)
        talker.unlink()
        talker.silent()
        expect(place(box, talker.link()) == 9, "not saved")


def test_4_6_the_call_after_the_first_is_heard():
    with lab() as box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-9")
        over(talker, sq=9)
        listener.silent()
        hears(listener, over(talker, sq=9))


def test_4_6_who_can_not_move_talks_where_it_is():
    with lab() as box:
        there, here = box.gateway("THERE-50", "DL1THE"), box.gateway("HERE-9", "DL1HER")
        aux = box.gateway("AUX", "DL1AUX", port=aux_ports(box.daemon)[9])
        fixed, static = box.gateway("FIXED", "DL1FIX"), box.gateway("STATIC-9", "DL1STA")
        for talker in (aux, fixed, static):
            sent = over(talker, sq=50)
            hears(here, sent, talker.name)
            there.silent()
            expect(place(box, talker) == 9, f"{talker.name} moved")


def test_4_6_127_is_never_relayed_and_never_moves():
    with lab() as box:
        talker, listener = box.gateway("T127"), box.gateway("HEAR-22")
        over(talker, sq=127)
        listener.silent()
        expect(place(box, talker) == 22, "moved")
        opened = events(box.daemon, "stream.start", port=talker.port, address=talker.ip)
        expect(not opened, f"a call with 127: {opened}")


# ---- 4.7 ----

def test_4_7_calls_on_the_local_dgid_are_reported_and_never_relayed():
    with lab() as box:
        talkers = [box.gateway(f"LOC{n}-1", f"DL{n}LOC") for n in range(3)]
        radios = [Radio(talker.name, talker.source) for talker in talkers]
        for talker, radio in zip(talkers, radios):
            talker.send(radio.header())
        talkers[0].silent()
        calls = streams(box.daemon)
        expect(len(calls) == 3 and all(call["local"] for call in calls), calls)
        for talker, radio in zip(talkers, radios):
            talk(talker, [radio.voice(), radio.terminator()])
        silent_all(*talkers)


def test_4_7_without_a_local_dgid_all_are_relayed():
    with rules_lab("dgid.local=0") as box:
        talker, listener = box.gateway("TALK-1"), box.gateway("HEAR-1")
        hears(listener, over(talker))


# ---- 4.14 ----

def test_4_14_options_give_a_home_at_once_and_leave_movable():
    with lab() as box:
        gateway, listener = box.gateway("OPTIONER"), box.gateway("HEAR-9")
        options(gateway, "50;")
        client = box.client(gateway)
        expect((client["dgid"], client["home_dgid"], client["fixed"]) == (50, 50, False), client)
        over(gateway, sq=9)
        gateway.silent()
        expect(place(box, gateway) == 9, "not movable")
        hears(listener, over(gateway, sq=9))


def test_4_14_options_are_for_movable_gateways_without_a_home():
    with lab() as box:
        for gateway in (box.gateway("STATIC-9"), box.gateway("FIXED"), box.gateway("TIMED"),
                        box.gateway("AUX", port=aux_ports(box.daemon)[9])):
            before = box.client(gateway)
            options(gateway, "22;")
            client = box.client(gateway)
            expect(client["dgid"] == before["dgid"], f"{gateway.name} moved")
            expect(client["home_dgid"] == before["home_dgid"], f"{gateway.name}: another home")


def test_4_14_repeated_options_change_nothing():
    with lab() as box:
        gateway = box.gateway("REPEATER")
        options(gateway, "50;")
        over(gateway, sq=9)
        for text in ("50;", "22;", "50;9;"):
            options(gateway, text)
        client = box.client(gateway)
        expect((client["dgid"], client["home_dgid"]) == (9, 50), client)


def test_4_14_a_new_link_may_choose_again():
    with lab() as box:
        gateway = box.gateway("CHOOSER")
        options(gateway, "50;")
        gateway.unlink()
        gateway.link()
        options(gateway, "9;")
        expect(place(box, gateway) == 9, "the old home stuck")


# ---- 4.13: back home ----

def away(box, gateway, home=50, to=9):
    """Moves it from home; returns when."""
    options(gateway, f"{home};")
    over(gateway, sq=to)
    gateway.silent()
    expect(place(box, gateway) == to, "not away")
    return time.monotonic()


def test_4_13_who_is_quiet_elsewhere_comes_home():
    with homely() as box:
        gateway, listener = box.gateway("HOMER"), box.gateway("HEAR-50")
        left = away(box, gateway)
        moved(box, gateway, 50)
        took = time.monotonic() - left
        expect(HOME_TIME - 0.1 < took < (HOME_TIME + 2.5) * SLOW, f"home after {took:.1f} s")
        event = events(box.daemon, "client.dgid", gateway="HOMER")[-1]
        expect((event["old_dgid"], event["dgid"], event["reason"]) == (9, 50, "home"), event)
        gateway.drain()
        hears(listener, over(gateway))


def test_4_13_own_transmissions_put_it_off():
    with homely() as box:
        gateway = box.gateway("TALKER")
        left = away(box, gateway)
        radio = Radio("TALKER", "IU5JAE")
        gateway.send(radio.header(sq=9))
        while time.monotonic() - left < LONGER:
            gateway.send(radio.voice(sq=9))
            expect(place(box, gateway) == 9, "moved while it talked")
            time.sleep(0.1)  # the pace of a talker, no barrier
        gateway.send(radio.terminator(sq=9))
        moved(box, gateway, 50)


def test_4_13_refused_or_orphan_frames_count_as_its_own():
    """What wakes the clock is any frame of the gateway (step 1 comes before the access check)."""
    with homely() as box:
        gateway = box.gateway("ORPHAN")
        left = away(box, gateway)
        radio = Radio("ORPHAN", "IU5JAE")
        radio.header()
        while time.monotonic() - left < LONGER:
            gateway.send(radio.voice())
            expect(place(box, gateway) == 9, "moved in spite of its frames")
            time.sleep(0.1)  # the pace of a talker, no barrier


def test_4_13_nobody_is_taken_out_of_a_call_that_it_hears():
    with homely() as box:
        gateway, other = box.gateway("HEARER"), box.gateway("TALK-9", "DL1TLK")
        left = away(box, gateway)
        radio = Radio("TALK-9", "DL1TLK")
        other.send(radio.header())
        while time.monotonic() - left < LONGER:
            other.send(radio.voice())
            expect(place(box, gateway) == 9, "moved while it listened")
            time.sleep(0.1)  # the pace of a talker, no barrier
        other.send(radio.terminator())
        moved(box, gateway, 50)


def test_4_13_polls_do_not_put_it_off():
    with homely() as box:
        gateway = box.gateway("POLLER")
        left = away(box, gateway)
        while place(box, gateway) != 50:
            gateway.poll()
            expect(time.monotonic() - left < (HOME_TIME + 3) * SLOW, "polls kept it away")
            time.sleep(0.5)  # the pace of polls, no barrier


def test_4_13_who_has_no_home_stays():
    with homely() as box:
        gateway, homer = box.gateway("STAYER"), box.gateway("HOMER2")
        over(gateway, sq=9)
        gateway.silent()
        away(box, homer)
        moved(box, homer, 50)  # a whole home time later
        expect(place(box, gateway) == 9, "sent home without a home")


def test_4_13_a_return_home_is_not_saved():
    with homely() as box:
        gateway = box.gateway("SAVER", ip="127.78.2.1")
        away(box, gateway)
        moved(box, gateway, 50)
        gateway.unlink()
        gateway.silent()
        expect(place(box, gateway.link()) == 9, "what was saved is not the choice by radio")


def test_nothing_of_this_cost_a_worker():
    expect_nobody_died()


if __name__ == "__main__":
    main(globals())
