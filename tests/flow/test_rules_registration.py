#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_rules_registration - the reflector's rules: who is linked, and where
# PURPOSE   Registration, expiry and the DG-ID that a gateway gets at first.
#
#   rule                                          test (here, or in the file named)
#   4.1  a client is address, port and our port   ysf_protocol: listeners_are_separate_doors...,
#                                                 same_name_from_two_ports_is_two_clients
#   4.1  ids are never used again                 ysf_protocol: ids_are_never_used_again
#   4.2  a known poll renews, a new one creates   ysf_protocol: poll_registers_once_and_each_is...
#   4.2  listed gateways are linked all the same  4_2_a_listed_gateway_is_linked_and_answered
#   4.2  a refused poll is not answered           ysf_limits: full_table_refuses_without_an_answer
#   4.3  silence of more than the timeout         4_3_removed_only_after_the_timeout_without_polls
#   4.3  frames don't keep linked                 ysf_streams: bad_45_frames_do_not_keep...
#   4.4  step 1, auxiliary port                   4_4_1_...
#   4.4  step 2, suffix of the name               4_4_2_...; ysf_protocol: suffix_makes_static,
#                                                 bad_09_10_odd_suffixes_are_not_static
#   4.4  step 3, home list, fixed                 4_4_3_...
#   4.4  step 4, home list with a time            4_4_4_...
#   4.4  step 5, saved                            4_4_5_...
#   4.4  step 6, default                          4_4_6_...; ysf_protocol: default_dgid
#   4.4  last, no DG-ID of the list               4_4_last_...
#   4.15 auxiliary ports and aliases              4_15_...
#
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    times of the home list are minutes: how it brings back is in test_rules_dgid

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from rules import (Lists, aux_ports, hears, linked, over, place, prefixed, rules_lab,
                   silent_all)
from shackd import SLOW, main
from ysf import POLL_ANSWER, eventually, events, expect, expect_nobody_died, id_hash, pad

LISTS = Lists(access="GW:MUTED\nGWB:LOCKED\n",
              homes="FIXED:9:-1\nTIMED:50:30\nTIMED-9:50:30\nNEGAUX:9:-1\nBAD:77:10\nSAVEDHOME:9:5\n")
OPTIONS = ("ysf.aux_ports=9:0, 50:0, 88:0", "dgid.list=1,9,22,50", "ysf.name=LAB REFLECTOR",
           "ysf.description=TEST LAB", *LISTS.options)


def lab():
    return rules_lab(*OPTIONS)


def at_aux(box, dgid, name, source="DL1AUX"):
    return box.gateway(name, source, port=aux_ports(box.daemon)[dgid])


def kind(box, gateway):
    """(DG-ID, static or fixed, home)"""
    client = box.client(gateway)
    return client["dgid"], client["fixed"], client["home_dgid"]


def can_move(gateway, box, to):
    """Does a header with another DG-ID move it?"""
    over(gateway, sq=to, frames=1)
    gateway.drain()
    return place(box, gateway) == to


# ---- 4.2 registration ----

def test_4_2_a_listed_gateway_is_linked_and_answered():
    with lab() as box:
        for name, muted, locked in (("MUTED", True, False), ("LOCKED", True, True),
                                    ("ANYONE", False, False)):
            client = box.client(box.gateway(name))  # link() wants the answer
            expect((client["muted"], client["blocked"]) == (muted, locked), client)


# ---- 4.3 expiry ----

def test_4_3_removed_only_after_the_timeout_without_polls():
    with rules_lab("ysf.client_timeout=5s") as box:
        kept, lost = box.gateway("KEPT"), box.gateway("LOST")
        began = time.monotonic()
        while box.client(lost):
            kept.poll()
            expect(time.monotonic() - began < 9 * SLOW, "never removed")
            time.sleep(0.5)  # the pace of polls, no barrier
        took = time.monotonic() - began
        expect(took > 4.9, f"removed after {took:.1f} s")
        expect(box.client(kept), "who polled was removed")
        ended = events(box.daemon, "client.unlink", gateway="LOST")
        expect(ended and ended[-1]["reason"] == "expired", ended)


# ---- 4.4 the DG-ID at registration ----

def test_4_4_1_aux_port_of_a_listed_dgid_makes_static():
    with lab() as box:
        gateway = at_aux(box, 9, "AUX")
        expect(kind(box, gateway) == (9, True, 0), kind(box, gateway))
        expect(not can_move(gateway, box, 50), "moved by a header")


def test_4_4_1_aux_port_comes_before_name_and_home_list():
    with lab() as box:
        for name in ("NAME-22", "NEGAUX", "TIMED"):
            gateway = at_aux(box, 50, name)
            expect(kind(box, gateway) == (50, True, 0), f"{name}: {kind(box, gateway)}")


def test_4_4_1_aux_port_of_no_listed_dgid_leaves_the_choice_to_later_steps():
    with lab() as box:
        for name, wanted in (("FIXED", (9, True, 0)), ("TIMED", (50, False, 50)),
                             ("ANYBODY", (22, False, 0)), ("NAME-9", (22, False, 0))):
            gateway = at_aux(box, 88, name)
            expect(kind(box, gateway) == wanted, f"{name}: {kind(box, gateway)}")


def test_4_4_1_nobody_on_an_aux_port_moves_by_header():
    with lab() as box:
        gateway, listener = at_aux(box, 88, "ANYBODY"), box.gateway("LISTENER")
        sent = over(gateway, sq=50)
        hears(listener, prefixed(sent, 22))  # so its first call is no muted one either
        expect(place(box, gateway) == 22, "moved by a header")


def test_4_4_1_two_ports_are_one_room():
    with lab() as box:
        one, two = at_aux(box, 9, "ONE"), at_aux(box, 9, "TWO", "DL2TWO")
        main_port = box.gateway("THREE-9", "DL3THR")
        for talker, others in ((one, (two, main_port)), (main_port, (one, two))):
            sent = over(talker)
            for listener in others:
                hears(listener, sent)
        silent_all(one, two)


def test_4_4_2_name_suffix_makes_static():
    with lab() as box:
        for name in ("NAME-9", "NAME-009", "-9"):
            gateway = box.gateway(name)
            expect(kind(box, gateway) == (9, True, 0), f"{name}: {kind(box, gateway)}")
            expect(not can_move(gateway, box, 50), f"{name} moved by a header")


def test_4_4_2_suffix_that_is_no_listed_dgid_counts_for_nothing():
    with lab() as box:
        for name in ("NAME-77", "NAME-0", "NAME-ND", "A-9-9", "NAME-"):
            gateway = box.gateway(name)
            expect(kind(box, gateway) == (22, False, 0), f"{name}: {kind(box, gateway)}")


def test_4_4_2_suffix_comes_before_the_home_list():
    with lab() as box:
        expect(kind(box, box.gateway("TIMED-9")) == (9, True, 0), "the home list won")


def test_4_4_3_home_list_with_negative_time_fixes():
    with lab() as box:
        gateway = box.gateway("FIXED")
        expect(kind(box, gateway) == (9, True, 0), kind(box, gateway))
        expect(not can_move(gateway, box, 50), "moved by a header")
        gateway.send(b"YSFO" + pad("FIXED") + pad("50;", 36))
        gateway.silent()
        expect(kind(box, gateway) == (9, True, 0), "moved by options")


def test_4_4_4_home_list_with_a_time_places_and_leaves_movable():
    with lab() as box:
        gateway = box.gateway("TIMED")
        expect(kind(box, gateway) == (50, False, 50), kind(box, gateway))
        expect(can_move(gateway, box, 9), "nailed to its home")


def test_4_4_4_home_list_comes_before_the_saved_dgid():
    with lab() as box:
        gateway = box.gateway("SAVEDHOME")
        expect(can_move(gateway, box, 50), "not movable")
        gateway.unlink()
        gateway.link()
        expect(kind(box, gateway) == (9, False, 9), kind(box, gateway))


def test_4_4_4_names_of_the_home_list_are_compared_whole_and_with_case():
    with lab() as box:
        for name in ("fixed", "FIXE", "FIXEDX", "BAD"):
            expect(kind(box, box.gateway(name)) == (22, False, 0), name)


def test_4_4_5_the_dgid_chosen_by_radio_is_taken_again():
    with lab() as box:
        gateway = box.gateway("ROAMER", ip="127.77.1.1")
        expect(can_move(gateway, box, 50), "not movable")
        gateway.unlink()
        gateway.silent()
        expect(kind(box, gateway.link()) == (50, False, 0), "its own address")
        # nobody of that name at that address: what the name chose last, from anywhere
        expect(kind(box, box.gateway("ROAMER", ip="127.77.1.2")) == (50, False, 0), "elsewhere")


def test_4_4_5_the_choice_of_another_address_does_not_overrule_ones_own():
    with lab() as box:
        one, two = [box.gateway("TWICE", ip=f"127.77.2.{n}") for n in (1, 2)]
        expect(can_move(one, box, 50) and can_move(two, box, 9), "not movable")
        one.unlink()
        one.silent()
        expect(place(box, one.link()) == 50, "another's choice was taken")


def test_4_4_5_options_and_homes_are_not_saved():
    with lab() as box:
        gateway = box.gateway("OPTIONS")
        gateway.go_home(50)
        expect(place(box, gateway) == 50, "no home by options")
        gateway.unlink()
        gateway.silent()
        expect(kind(box, gateway.link()) == (22, False, 0), "the home by options was saved")


def test_4_4_6_default_for_all_others():
    with lab() as box:
        expect(kind(box, box.gateway("NOBODY")) == (22, False, 0), "default")


def test_4_4_last_a_saved_dgid_that_left_the_list_becomes_the_default():
    keys = "[dgid]\nlist = 1,9,22\n"
    with rules_lab("ysf.name=SHORT LIST") as box:
        daemon = box.daemon
        gateway = box.gateway("LEAVER")
        expect(can_move(gateway, box, 50), "not movable")
        gateway.unlink()
        gateway.silent()
        Path(daemon.config).write_text(keys)
        daemon.ctl("reload")
        try:
            eventually(lambda: kind(box, gateway.link()) == (22, False, 0), 5, "the default")
        finally:
            Path(daemon.config).write_text("")
            daemon.ctl("reload")


# ---- 4.15 auxiliary ports and aliases ----

def test_4_15_the_ready_line_names_every_port_with_its_dgid():
    with lab() as box:
        ports = aux_ports(box.daemon)
        expect(sorted(ports) == [9, 50, 88], box.daemon.ready)
        expect(len({box.daemon.port, *ports.values()}) == 4, "a port twice")


def test_4_15_answers_leave_from_the_aux_port():
    with lab() as box:
        gateway = at_aux(box, 9, "AUX")  # its socket is connected to that port
        gateway.poll()
        gateway.expect(POLL_ANSWER)


def test_4_15_frames_of_the_main_port_leave_from_the_listeners_own_port():
    with lab() as box:
        talker, listener = box.gateway("TALK-9"), at_aux(box, 9, "AUX")
        hears(listener, over(talker))


def test_4_15_the_same_gateway_on_two_ports_is_two_clients():
    with lab() as box:
        gateway = box.gateway("BRANDM", ip="127.77.3.1")
        gateway.sock.connect(("127.0.0.1", aux_ports(box.daemon)[9]))
        gateway.link()
        places = sorted(client["dgid"] for client in linked(box.daemon, "BRANDM"))
        expect(places == [9, 22], places)
        gateway.unlink()
        gateway.silent()
        gateway.sock.connect(("127.0.0.1", box.daemon.port))
        expect(place(box, gateway) == 22, "the other one went too")


def alias_lab():
    keys = ("[ysf alias NINE NET]\ndgid = 9\nid = 1234\ndescription = ROOM NINE\n"
            "[ysf alias IT PYSF3-TEST]\ndgid = 50\nid = 0\ndescription = PYSF3 TEST REF\n")
    box = rules_lab("ysf.aux_ports=9:0,50:0,22:0", "ysf.name=LAB REFLECTOR",
                    "ysf.description=TEST LAB", "ysf.id=12345", config=LISTS.config(keys))
    return box


def status_at(box, dgid):
    port = aux_ports(box.daemon)[dgid] if dgid else box.daemon.port
    return box.stranger(port=port).ask(b"YSFS", b"YSFS")[1]


def test_4_15_status_on_an_aux_port_is_that_of_its_alias():
    with alias_lab() as box:
        box.gateway("ONE")
        at_aux(box, 9, "TWO")
        wanted = {9: b"YSFS01234NINE NET        ROOM NINE     002",
                  50: b"YSFS%05dIT PYSF3-TEST   PYSF3 TEST REF002" % id_hash("IT PYSF3-TEST"),
                  0: b"YSFS12345LAB REFLECTOR   TEST LAB      002"}
        for dgid, answer in wanted.items():
            got = status_at(box, dgid)
            expect(got == answer, f"at {dgid}: {got!r}")


def test_4_15_status_on_an_aux_port_without_alias_is_the_main_one():
    with alias_lab() as box:
        got = status_at(box, 22)
        expect(got[:-3] == b"YSFS12345LAB REFLECTOR   TEST LAB      ", f"{got!r}")


def test_nothing_of_this_cost_a_worker():
    expect_nobody_died()


if __name__ == "__main__":
    main(globals())
