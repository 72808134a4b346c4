#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_rules_access - the reflector's rules: who may talk, and the lists that say so
# PURPOSE   Every rule of the access check, their order, the pattern of call signs; the files.
#
#   rule                                          test (here, or in the file named)
#   4.11 order: DT GW IP SN CS                    4_11_order_...
#   4.11 only without an open call                4_11_an_open_call_is_not_judged_frame_by_frame
#   4.11 every frame is judged, not only headers  4_11_frames_without_a_header_are_judged_too
#   4.11 1 DT, Wires-X queries                    4_11_dt_...; ysf_streams: wires_x_queries_are_refused
#   4.11 2 GW, the registered name                4_11_gw_...
#   4.11 3 IP                                     4_11_ip_...
#   4.11 4 SN                                     4_11_sn_...
#   4.11 5 CS: suffix, parked, CheckRE            4_11_cs_..., 4_11_check_re_...
#   4.13 deny.db: lines                           4_13_lines_...
#   4.13 deny.db: reloading                       4_13_reload_...
#   4.13 home.db                                  4_13_home_...; rules_registration: 4_4_3, 4_4_4
#   4.13 back home                                rules_dgid: 4_13_...
#   4.13 C's block list                           4_13_ysfreflector_...
#
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    lists by host name are tested with the resolver, in the unit tests of data

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from frames import Radio
from rules import Lists, hears, over, prefixed, rules_lab, talk
from shackd import main
from ysf import DATA_FR, clients, eventually, events, expect, expect_nobody_died, streams

DENY = """# comment
CS:DL0BAD
DL0BARE
CS:DL0TWO:MORE
AL:N0CALL
AL:BM_LNK
CS:DL0BOTH
AL:DL0BOTH
SB:RPT
SB:ND
GW:GWMUTED
GWB:GWLOCKED
GW:GWBOTH
IP:127.99.0.1
IPB:127.99.0.2
IP:127.99.1.0/24
SN:FAHuL
SN:TOOLONG
XX:DL1IGN
AL:DL0A:DL0B
SB:
CS:DL
CS:DL0TOOLONG
   CS:DL0BLANKS   

"""
LISTS = Lists(access=DENY)


def lab(check_re=1):
    return rules_lab(f"access.check_re={check_re}", *LISTS.options)


def verdict(box, source, gateway="TALKER", where=None, **radio):
    """None, or the reason why the call was refused; told by what a listener hears too."""
    listener = box.gateway("HEAR-9")
    talker = box.gateway(gateway, **(where or {}))
    talker.go_home(9)
    sent = over(talker, source, frames=2, **radio)
    heard = listener.drain()
    told = events(box.daemon, "access.refused", port=talker.port, address=talker.ip)
    reason = told[-1]["reason"] if told else None
    expect(heard == ([] if reason else sent),
           f"{source}: {len(heard)} of {len(sent)} frames heard, refused: {reason}")
    for one in (talker, listener):
        one.unlink()
    listener.silent()
    return reason


def verdicts(box, wanted):
    """{source: reason or None}, all of them wrong at once."""
    wrong = {}
    for source, reason in wanted.items():
        got = verdict(box, source)
        if got != reason:
            wrong[source] = got
    expect(not wrong, f"wrong: {wrong}")


# ---- 4.11 ----

def test_4_11_order_dt_gw_ip_sn_cs():
    with lab() as box:
        muted_ip, sn = dict(ip="127.99.0.1"), dict(cm=1, radio_id="FAHuL")
        query = dict(dt=DATA_FR, ft=1)
        expect(verdict(box, "DL0BAD", "GWMUTED", muted_ip, **sn, **query) == "data", "DT first")
        expect(verdict(box, "DL0BAD", "GWMUTED", muted_ip, **sn) == "gateway", "then GW")
        expect(verdict(box, "DL0BAD", "TALKER", muted_ip, **sn) == "address", "then IP")
        expect(verdict(box, "DL0BAD", "TALKER", None, **sn) == "serial", "then SN")
        expect(verdict(box, "DL0BAD") == "call", "then CS")
        expect(verdict(box, "DL1OK") is None, "then nothing")


def test_4_11_an_open_call_is_not_judged_frame_by_frame():
    with lab() as box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        radio = Radio("TALKER", "DL1OK")
        head = radio.header()
        radio.source, radio.dt, radio.ft = "DL0BAD", DATA_FR, 1
        sent = talk(talker, [head, radio.voice(0), radio.again(), radio.terminator()])
        hears(listener, sent)


def test_4_11_frames_without_a_header_are_judged_too():
    with lab() as box:
        talker = box.gateway("TALKER")
        radio = Radio("TALKER", "DL0BAD")
        radio.header()
        talker.send(radio.voice())
        talker.silent()
        expect(events(box.daemon, "access.refused", port=talker.port), "not judged")


def test_4_11_dt_queries_of_one_and_two_frames():
    with lab() as box:
        for ft, reason in ((0, None), (1, "data"), (2, "data"), (3, None), (7, None)):
            got = verdict(box, "DL1OK", dt=DATA_FR, ft=ft)
            expect(got == reason, f"FT {ft}: {got}")


def test_4_11_gw_is_the_registered_name_not_the_tag():
    with lab() as box:
        for name, reason in (("GWMUTED", "gateway"), ("GWLOCKED", "gateway"), ("GWBOTH", "gateway"),
                             ("GWMUTE", None), ("gwmuted", None)):
            expect(verdict(box, "DL1OK", name) == reason, name)
        talker, listener = box.gateway("HONEST"), box.gateway("HEAR-22")
        hears(listener, talk(talker, Radio("GWMUTED", "DL1OK").over(2)), "a foreign tag")


def test_4_11_gw_mutes_and_gwb_deafens():
    with lab() as box:
        muted, locked, talker = (box.gateway("GWMUTED"), box.gateway("GWLOCKED"),
                                 box.gateway("TALKER"))
        sent = over(talker, "DL1OK")
        hears(muted, prefixed(sent, 22))
        locked.silent()
        flags = {name: (client["muted"], client["blocked"]) for name in ("GWMUTED", "GWLOCKED")
                 for client in clients(box.daemon) if client["gateway"] == name}
        expect(flags == {"GWMUTED": (True, False), "GWLOCKED": (True, True)}, flags)


def test_4_11_ip_and_ipb():
    with lab() as box:
        for ip, reason in (("127.99.0.1", "address"), ("127.99.0.2", "address"),
                           ("127.99.0.3", None), ("127.99.1.200", "address")):
            expect(verdict(box, "DL1OK", where=dict(ip=ip)) == reason, ip)
        talker = box.gateway("TALKER")
        muted, locked = box.gateway("M", ip="127.99.0.1"), box.gateway("L", ip="127.99.0.2")
        sent = over(talker, "DL1OK")
        hears(muted, prefixed(sent, 22))
        locked.silent()


def test_4_11_sn_needs_radio_id_mode_and_five_characters():
    with lab() as box:
        for radio, reason in ((dict(cm=1, radio_id="FAHuL"), "serial"),
                              (dict(cm=0, radio_id="FAHuL"), None),
                              (dict(cm=1, radio_id="fahul"), None),
                              (dict(cm=1, radio_id="XXXXX"), None),
                              (dict(cm=1, dest="**********"), None)):
            expect(verdict(box, "DL1OK", **radio) == reason, radio)


def test_4_11_sn_of_one_caller_does_not_hit_another():
    with lab() as box:
        bad, good = box.gateway("BAD"), box.gateway("GOOD")
        listener = box.gateway("HEAR-22")
        over(bad, "DL1OK", cm=1, radio_id="FAHuL")
        # no header of its own told a serial: what others sent is no matter
        hears(listener, over(good, "DL2OK", cm=1, dest="**********"))


def test_4_11_cs_base_call_is_cut_at_the_first_separator():
    with lab() as box:
        verdicts(box, {"DL0BAD": "call", "DL0BAD-7": "call", "DL0BAD/M": "call",
                       "DL0BAD M": "call", "DL0BAD'X": "call", "DL0BARE": "call",
                       "DL00BAD": None, "DL0BA": None, "DL0BLANKS": "call"})


def test_4_11_cs_suffix_directly_behind_the_base():
    with lab() as box:
        verdicts(box, {"IU5JAE-RPT": "call", "IU5JAE/ND": "call", "IU5JAE RPT": "call",
                       "IU5JAE'ND": "call", "I5JA-X-RPT": None, "IU5JAE-rpt": None,
                       "IU5JAE-RPX": None, "N0CALL-RPT": "call"})


def test_4_11_cs_parked_callers_whatever_the_lists_say():
    with lab() as box:
        box.daemon.ask("block", "N0CALL")
        try:
            expect(verdict(box, "N0CALL") == "call", "a parked caller that is allowed by list")
        finally:
            box.daemon.ask("unblock", "N0CALL")
        expect(verdict(box, "N0CALL") is None, "after its release")


def test_4_11_check_re_1_allowed_first_then_refused_then_the_pattern():
    with lab(1) as box:
        verdicts(box, {"N0CALL": None, "BM_LNK": None, "DL0BOTH": None, "DL0BAD": "call",
                       "IU5JAE": None, "iu5jae": None, "2E0ABC": None, "9A1AA": None,
                       "3DA0RS": None, "A1B": None, "W1AW/7": None, "12345": "call",
                       "TEST": "call", "A": "call", "AA12345A": "call", "1AA1234AB": "call",
                       "": "call", "BM_LNKX": "call", "22/IU5JAE": "call"})


def test_4_11_check_re_0_all_but_the_refused():
    with lab(0) as box:
        verdicts(box, {"N0CALL": None, "DL0BOTH": None, "DL0BAD": "call", "12345": None, "": None,
                       "TEST": None, "22/IU5JAE": None, "IU5JAE-RPT": "call"})


def test_4_11_check_re_minus_1_only_the_allowed():
    with lab(-1) as box:
        verdicts(box, {"N0CALL": None, "BM_LNK": None, "DL0BOTH": "call", "DL0BAD": "call",
                       "IU5JAE": "call", "": "call"})


def test_4_11_refused_calls_open_nothing():
    with lab() as box:
        talker = box.gateway("TALKER")
        talker.send(Radio("TALKER", "DL0BAD").header())
        talker.silent()
        expect(not streams(box.daemon), "a stream is open")


# ---- 4.13 lines ----

def test_4_13_lines_that_say_nothing_are_passed_over():
    with lab() as box:
        # XX: unknown; AL with three fields; CS with two calls; comments; SN of seven characters
        verdicts(box, {"DL1IGN": None, "DL0A": None, "DL0B": None, "DL0TWO": "call"})
        expect(verdict(box, "DL1OK", cm=1, radio_id="TOOLO") is None, "a serial that is too long")
    with lab(0) as box:
        verdicts(box, {"DL": None, "DL0TOOLONG": None})  # CS of two and of ten characters


def own_lists(access="", homes=""):
    """Lists that the test will change, and a daemon of its own for them."""
    lists = Lists(access, homes)
    return lists, rules_lab("access.reload=1s", "access.check_re=0", *lists.options)


def heard(box, source="DL1OK", talker=None, listener=None):
    """Does a call of this source come through? Nobody is linked or unlinked for it."""
    over(talker, source, frames=1)
    return bool(listener.drain())


def test_4_13_reload_takes_effect_without_a_signal():
    lists, box = own_lists("CS:DL0ONE\n")
    with box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        pair = dict(talker=talker, listener=listener)
        expect(not heard(box, "DL0ONE", **pair), "the first list")
        lists.write(lists.access, "CS:DL0TWO\n")
        eventually(lambda: heard(box, "DL0ONE", **pair), 5, "the new list")
        expect(not heard(box, "DL0TWO", **pair), "the new list, whole")


def reaches(talker, listener):
    over(talker)
    return bool(listener.drain())


def test_4_13_reload_mutes_and_deafens_who_is_linked():
    lists, box = own_lists("#\n")
    with box:
        talker, one, two = box.gateway("TALKER"), box.gateway("ONE"), box.gateway("TWO")
        hears(one, prefixed(over(talker), 22))
        two.drain()
        lists.write(lists.access, "GWB:ONE\nGW:TWO\n")
        eventually(lambda: box.client(one)["blocked"] and box.client(two)["muted"], 5, "the rules")
        # keeper tells of the list; the worker that relays may have it a moment later
        eventually(lambda: not reaches(talker, one), 5, "the gateway to hear nothing")
        two.drain()
        sent = over(talker)
        one.silent()
        hears(two, prefixed(sent, 22))
        over(two)
        talker.silent()
        lists.write(lists.access, "#\n")
        eventually(lambda: not box.client(one)["blocked"], 5, "the release")
        eventually(lambda: reaches(talker, one), 5, "the gateway to hear again")
        hears(one, prefixed(over(talker), 22))


def test_4_13_reload_ends_a_call_that_the_new_list_refuses():
    lists, box = own_lists("#\n")
    with box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        radio = Radio("TALKER", "DL1NOW")
        head = talker.send(radio.header())
        lists.write(lists.access, "CS:DL1NOW\n")
        end = eventually(lambda: events(box.daemon, "stream.end", port=talker.port), 5, "the end")
        expect(end[-1]["reason"] == "blocked", end)
        got = listener.drain()
        expect(got[0] == head and got[-1][34] & 1, "no terminator")


def test_4_13_reload_of_a_missing_file_keeps_the_last_list():
    lists, box = own_lists("CS:DL0ONE\n")
    with box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        pair = dict(talker=talker, listener=listener)
        expect(not heard(box, "DL0ONE", **pair), "the first list")
        lists.access.unlink()
        eventually(lambda: "deny.db" in box.daemon.log(), 5, "a word about it in the log")
        expect(not heard(box, "DL0ONE", **pair), "the list went with its file")
        lists.write(lists.access, "CS:DL0TWO\n")
        eventually(lambda: heard(box, "DL0ONE", **pair), 5, "the list that came back")


def test_4_13_a_file_that_is_missing_at_the_start_is_found_later():
    lists = Lists()
    lists.access.unlink()
    with rules_lab("access.reload=1s", "access.check_re=0", *lists.options) as box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        pair = dict(talker=talker, listener=listener)
        expect(heard(box, "DL0ONE", **pair), "nobody is refused without a list")
        lists.write(lists.access, "CS:DL0ONE\n")
        eventually(lambda: not heard(box, "DL0ONE", **pair), 5, "the list")


# ---- 4.13 home.db ----

def settled(box, gateway):
    client = box.client(gateway)
    return client["dgid"], client["fixed"], client["home_dgid"]


def test_4_13_home_reload_places_who_is_linked():
    lists, box = own_lists("", "#\n")
    with box:
        fixed, timed, static = box.gateway("NAILED"), box.gateway("TIMED"), box.gateway("NAME-9")
        lists.write(lists.homes, "NAILED:50:-1\nTIMED:9:10\nNAME-9:50:-1\n")
        eventually(lambda: settled(box, fixed) == (50, True, 0), 5, "a fixed home")
        # who gets a home with a time stays where it is, and who is static stays static
        eventually(lambda: settled(box, timed) == (22, False, 9), 5, "a home with a time")
        expect(settled(box, static) == (9, True, 0), settled(box, static))
        lists.write(lists.homes, "NAILED:50:10\n")
        eventually(lambda: settled(box, fixed) == (50, False, 50), 5, "no longer fixed")
        eventually(lambda: settled(box, timed) == (22, False, 0), 5, "no longer at home")
        lists.write(lists.homes, "NAILED:9:-1\n")
        eventually(lambda: settled(box, fixed) == (9, True, 0), 5, "fixed again")
        lists.write(lists.homes, "#\n")
        eventually(lambda: settled(box, fixed) == (9, False, 0), 5, "movable where it is")


def test_4_13_home_by_options_survives_a_reload_that_does_not_name_it():
    lists, box = own_lists("", "#\n")
    with box:
        gateway, mark = box.gateway("CHOOSER"), box.gateway("MARK")
        gateway.go_home(50)
        lists.write(lists.homes, "MARK:9:10\n")
        eventually(lambda: settled(box, mark)[2] == 9, 5, "the list")
        expect(settled(box, gateway) == (50, False, 50), settled(box, gateway))
        lists.write(lists.homes, "MARK:9:10\nCHOOSER:9:10\n")
        eventually(lambda: settled(box, gateway) == (50, False, 9), 5, "the list comes first")


def test_4_13_home_bad_lines_do_not_void_the_file():
    lists, box = own_lists("", "# homes\nBAD:x:y\nBAD2:9\nOUT:77:5\nZERO:9:0\nGOOD:50:-5\nEND:9:1")
    with box:
        for name, wanted in (("GOOD", (50, True, 0)), ("END", (9, False, 9)),
                             ("ZERO", (9, False, 9)), ("OUT", (22, False, 0)),
                             ("BAD", (22, False, 0)), ("BAD2", (22, False, 0))):
            gateway = box.gateway(name)
            expect(settled(box, gateway) == wanted, f"{name}: {settled(box, gateway)}")


# ---- 4.13 block list of YSFReflector ----

def test_4_13_ysfreflector_list_refuses_by_parts_of_the_source():
    lists = Lists(access="n0c\n# comment\nDL5\n")
    with rules_lab("access.format=ysfreflector", "access.check_re=0", *lists.options) as box:
        verdicts(box, {"N0CALL": "call", "IN0CA": "call", "in0ca": "call", "DL5ABC": "call",
                       "XDL5": "call", "DL6ABC": None, "N0XC": None})


def test_nothing_of_this_cost_a_worker():
    expect_nobody_died()


if __name__ == "__main__":
    main(globals())
