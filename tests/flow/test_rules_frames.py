#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_rules_frames - the reflector's rules: what becomes of a frame
# PURPOSE   The steps that a frame goes through, to whom it is relayed, and what movable listeners get.
#
#   rule                                          test (here, or in the file named)
#   4.5 step 0, no client: not relayed            ysf_bad_input: bad_17_18_frames_of_strangers
#   4.5 step 1, own frames wind the home clock    rules_dgid: 4_13_own_transmissions_put_it_off
#   4.5 step 2, busy                              ysf_streams: loser_is_dropped_until_a_new_header
#   4.5 step 3, FICH can't be read                ysf_streams: damaged_fich_inside_a_call_is_relayed;
#                                                 ysf_bad_input: bad_21_header_with_damaged_fich;
#                                                 4_5_3_...
#   4.5 step 4, headers and FN 1                  4_5_4_..., 4_8_...
#   4.5 step 5, data channel                      rules_calls: 4_9_meta_...
#   4.5 step 6, access first                      rules_access
#   4.5 step 7, DG-ID by header                   rules_dgid
#   4.5 step 8, 9 opening, watchdog               ysf_streams: watchdog_...; rules_calls
#   4.5 step 10, all on the DG-ID but the sender  4_5_10_...
#   4.5 step 11, FI 2 ends                        ysf_streams: bad_27_fi_2_ends...
#   4.5 consequences                              ysf_streams: bad_22..bad_31, frames_after_the_end...,
#                                                 other_tag_and_source_in_a_call_change_nothing
#   4.5 late entry                                ysf_streams: late_entry_...
#   4.8 static listeners: bit for bit             4_8_static_and_fixed_listeners_get_the_original
#   4.8 movable listeners: rewritten              4_8_movable_..., 4_8_vector_...
#   4.8 terminators, as headers                   4_8_terminators_...
#   4.8 what is not rewritten                     4_8_not_rewritten_...
#   4.8 the text                                  4_8_text_...
#   4.8 each from the socket of its registration  rules_registration: 4_15_frames_of_the_main_port...
#   4.8 a send that fails stops nobody            ysf_bad_input: bad_59_port_unreachable...;
#                                                 ysf_stall
#
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    what movable listeners must get is computed by tests/lib/frames.py

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from frames import (VD1, VOICE_FR, Radio, fich_of, frame_dch, header_csd, prefix_text,
                    rewritten)
from rules import Lists, aux_ports, hears, over, prefixed, rules_lab, silent_all, talk
from shackd import main
from test_frames import (FN_1_22, FN_1_CUT, PLAIN_FN_1, PREFIX_22, PREFIX_9, REAL_DAMAGED,
                         REAL_HEADER, TERMINATOR)
from ysf import (DATA_FR, VD2, damaged, expect, expect_nobody_died, frame, pad, streams)

LISTS = Lists(access="GW:MUTED\nGWB:LOCKED\n", homes="HOMEFIX:22:-1\n")
OPTIONS = ("ysf.aux_ports=22:0,9:0", "dgid.list=1,9,22,50", "access.check_re=0", *LISTS.options)
POSITION = bytes.fromhex("4522625f31543355593230263a536c201c20036e")


def lab(*options):
    return rules_lab(*OPTIONS, *options)


def trio(box, dgid=22, source="IU5JAE"):
    """A talker, a movable and a static listener on one DG-ID."""
    return (box.gateway("TALKER", source, dgid if dgid != 22 else None),
            box.gateway("MOVABLE", "DL9MOV", dgid if dgid != 22 else None),
            box.gateway(f"STATIC-{dgid}", "DL9STA"))


def source_of(data):
    """Network source of a frame, moved to another caller."""
    return data[14:24]


def as_source(data, source):
    return data[:14] + pad(source) + data[24:]


# ---- 4.5 ----

def test_4_5_3_unreadable_fich_is_relayed_to_movable_listeners_as_it_came():
    with lab() as box:
        talker, movable, static = trio(box)
        radio = Radio("TALKER", "IU5JAE")
        sent = [radio.header(), damaged(radio.voice(1)), radio.voice(), radio.terminator()]
        talk(talker, sent)
        hears(static, sent)
        hears(movable, prefixed(sent, 22))


def test_4_5_4_second_header_in_a_call_is_rewritten_too():
    with lab() as box:
        talker, movable, _ = trio(box)
        radio = Radio("TALKER", "IU5JAE")
        sent = talk(talker, [radio.header(), radio.voice(), radio.again(), radio.terminator()])
        expect(rewritten(sent[2], 22) != sent[2], "the second header is not told apart")
        hears(movable, prefixed(sent, 22))


def test_4_5_10_every_mode_reaches_everybody_on_the_dgid_and_nobody_else():
    with lab() as box:
        talker, movable, static = trio(box)
        aux, elsewhere = box.gateway("AUX", port=aux_ports(box.daemon)[22]), box.gateway("OUT-9")
        fixed, local = box.gateway("HOMEFIX"), box.gateway("LOCAL-1")
        for dt in (VD1, DATA_FR, VD2, VOICE_FR):
            sent = over(talker, dt=dt, frames=9, rem12="12345ABCDE", gps=POSITION)
            for listener in (static, aux, fixed):
                hears(listener, sent, f"mode {dt}")
            hears(movable, prefixed(sent, 22), f"mode {dt}")
            silent_all(talker, elsewhere, local)


def test_4_5_10_locked_gateways_hear_nothing_and_muted_ones_all():
    with lab() as box:
        talker = box.gateway("TALKER")
        locked, muted = box.gateway("LOCKED"), box.gateway("MUTED")
        sent = over(talker)
        hears(muted, prefixed(sent, 22))
        locked.silent()


def test_4_5_11_the_terminator_is_relayed_before_the_end():
    with lab() as box:
        talker, movable, static = trio(box)
        sent = over(talker, frames=0)
        hears(static, sent)
        movable.drain()
        expect(not streams(box.daemon), "still open")


# ---- 4.8 ----

def test_4_8_static_and_fixed_listeners_get_the_original():
    with lab() as box:
        talker, _, static = trio(box)
        others = [static, box.gateway("HOMEFIX"), box.gateway("AUX", port=aux_ports(box.daemon)[22])]
        sent = over(talker, frames=8, cm=1, radio_id="FAHuL")
        for listener in others:
            hears(listener, sent)


def test_4_8_movable_listeners_get_header_and_source_with_the_room():
    with lab() as box:
        talker, movable, _ = trio(box)
        sent = over(talker, frames=8, cm=1, radio_id="FAHuL")
        got = movable.drain()
        expect(len(got) == len(sent), f"{len(got)} frames")
        expect(header_csd(got[0])[0] == b"90123FAHuL22/IU5JAE ", header_csd(got[0]))
        expect(header_csd(got[0])[1] == header_csd(sent[0])[1], "downlink and uplink")
        expect(frame_dch(got[2]) == b"22/IU5JAE ", frame_dch(got[2]))
        changed = [n for n, (a, b) in enumerate(zip(sent, got)) if a != b]
        expect(changed == [0, 2, len(sent) - 1], f"frames {changed} differ")
        expect(all(a[:65] == b[:65] for a, b in zip(sent, got)), "bytes before the payload differ")
        expect(got == prefixed(sent, 22), "not the right bytes")


def test_4_8_a_movable_gateway_on_an_aux_port_of_no_listed_dgid_is_movable():
    with rules_lab("ysf.aux_ports=88:0") as box:
        talker = box.gateway("TALKER")
        aux = box.gateway("AUX", port=aux_ports(box.daemon)[88])
        hears(aux, prefixed(over(talker), 22))


def test_4_8_vector_headers():
    with lab() as box:
        for dgid, source, wanted in ((22, "IU5JAE", PREFIX_22), (9, "AB1CDEFG", PREFIX_9)):
            talker, movable, static = trio(box, dgid)
            sent = as_source(REAL_HEADER, source)
            talker.send(sent)
            hears(static, [sent])
            hears(movable, [as_source(wanted, source)])
            talker.terminator()
            for gateway in (talker, movable, static):
                gateway.drain()
                gateway.unlink()
                gateway.silent()


def test_4_8_vector_sources_of_v_d_2():
    with lab() as box:
        for dgid, source, wanted in ((22, "IU5JAE", FN_1_22), (50, "AB1CDEFG", FN_1_CUT)):
            talker, movable, static = trio(box, dgid)
            radio = Radio("TALKER", source)
            head = talker.send(radio.header())
            sent = talker.send(as_source(PLAIN_FN_1, source))
            hears(static, [head, sent])
            hears(movable, [rewritten(head, dgid), as_source(wanted, source)])
            talker.send(radio.terminator())
            for gateway in (talker, movable, static):
                gateway.drain()
                gateway.unlink()
                gateway.silent()


def test_4_8_the_room_is_the_senders():
    with lab() as box:
        talker, movable, static = trio(box, 9)
        sent = over(talker, sq=77)  # a DG-ID that is not in the list changes nothing
        hears(movable, prefixed(sent, 9))
        hears(static, sent)


def test_4_8_text_is_cut_at_the_first_separator_and_at_ten():
    with lab() as box:
        for source, text in (("AB1CDEFG", "22/AB1CDEF"), ("22/IU5JAE", "22/22     "),
                             ("IU5JAE-RPT", "22/IU5JAE "), ("IU5JAE GIO", "22/IU5JAE "),
                             ("", "22/       "), ("-X", "22/       "), ("O'BRIEN", "22/O'BRIEN")):
            talker, movable, _ = trio(box, source=source)
            sent = over(talker, source, frames=3)
            got = movable.drain()
            expect(got == prefixed(sent, 22), f"{source!r}: not the right bytes")
            expect(header_csd(got[0])[0][10:] == text.encode(), f"{source!r}: {header_csd(got[0])}")
            expect(frame_dch(got[2]) == text.encode(), f"{source!r}: {frame_dch(got[2])}")
            talker.unlink()
            movable.unlink()
            movable.silent()


def test_4_8_text_has_no_leading_zero():
    with lab() as box:
        talker, movable, _ = trio(box, 9)
        over(talker)
        got = movable.drain()
        expect(header_csd(got[0])[0][10:] == b"9/IU5JAE  ", header_csd(got[0]))


def test_4_8_damaged_second_block_becomes_blank():
    with lab() as box:
        talker, movable, static = trio(box)
        radio = Radio("TALKER", "IU5JAE")
        head = bytearray(radio.header())
        for row in range(5):
            for column in range(9, 18):
                head[65 + 18 * row + column] ^= 0x5A
        talker.send(bytes(head))
        hears(static, [bytes(head)])
        got = movable.receive()
        expect(header_csd(got) == (b"ALL       22/IU5JAE ", b" " * 20), header_csd(got))
        talker.send(radio.terminator())


def test_4_8_damaged_first_block_leaves_the_header_alone():
    with lab() as box:
        talker, movable, static = trio(box)
        radio = Radio("TALKER", "IU5JAE")
        sent = talk(talker, [REAL_DAMAGED, radio.voice(1), radio.terminator()])
        hears(static, sent)
        got = movable.drain()
        expect(got[0] == REAL_DAMAGED, "the header was changed")
        expect(got == prefixed(sent, 22), "what follows")


def test_4_8_source_of_v_d_2_is_written_over_a_damaged_one():
    with lab() as box:
        talker, movable, static = trio(box)
        radio = Radio("TALKER", "IU5JAE")
        voice = bytearray(radio.voice(1))
        for row in range(5):
            for column in range(5):
                voice[65 + 18 * row + column] ^= 0xA5
        sent = talk(talker, [radio.header(), bytes(voice), radio.terminator()])
        expect(frame_dch(sent[1]) is None, "not damaged")
        hears(static, sent)
        got = movable.drain()
        expect(frame_dch(got[1]) == b"22/IU5JAE ", frame_dch(got[1]))
        expect(got == prefixed(sent, 22), "not the right bytes")


def test_4_8_terminators_name_the_room_like_headers():
    with lab() as box:
        talker, movable, static = trio(box)
        radio = Radio("TALKER", "IU5JAE")
        for end in (radio.terminator(), TERMINATOR):
            sent = talk(talker, [radio.header(), end])
            hears(static, sent)
            got = movable.drain()
            one, two = header_csd(end)
            text = prefix_text(22, source_of(end))
            expect(header_csd(got[1]) == (one[:10] + text, two), header_csd(got[1]))
            expect(got[1][:65] == end[:65], "bytes before the payload differ")


def test_4_8_terminators_with_fn_1_keep_their_call_sign_data():
    with lab() as box:
        talker, movable, _ = trio(box)
        radio = Radio("TALKER", "IU5JAE")
        talk(talker, [radio.header(), radio.terminator(fn=1)])
        got = movable.drain()
        expect(header_csd(got[1]) == (b"ALL       22/IU5JAE ", pad("TALKER") * 2),
               header_csd(got[1]))


def test_4_8_not_rewritten_other_modes_and_numbers():
    with lab() as box:
        talker, movable, _ = trio(box)
        for dt in (VD1, DATA_FR, VOICE_FR):
            sent = over(talker, dt=dt, frames=9)
            got = movable.drain()
            expect(got[1:-1] == sent[1:-1], f"mode {dt}: more than both ends was changed")
        sent = over(talker, frames=8)
        got = movable.drain()
        expect([fich_of(b).fn for a, b in zip(sent[1:-1], got[1:-1]) if a != b] == [1], "V/D 2")


def test_4_8_frames_of_fi_3_with_fn_1_are_not_rewritten():
    with lab() as box:
        talker, movable, _ = trio(box)
        radio = Radio("TALKER", "IU5JAE")
        sent = talk(talker, [radio.header(), radio.voice(1, fi=3), radio.terminator()])
        expect(movable.drain()[1] == sent[1], "a test frame was changed")


def test_4_8_without_prefix_all_get_the_original():
    with lab("dgid.prefix=no") as box:
        talker, movable, static = trio(box)
        sent = over(talker, frames=8)
        hears(movable, sent)
        hears(static, sent)


def test_4_8_tag_source_and_counter_never_change():
    with lab() as box:
        talker, movable, _ = trio(box)
        raw = Radio("OTHERTAG", "IU5JAE-X").over(8)
        talk(talker, raw)
        got = movable.drain()
        expect([data[:40] for data in got] == [data[:40] for data in raw], "the network header")


def test_4_8_who_moves_away_in_a_call_hears_no_more_of_it():
    with lab() as box:
        talker, movable, static = trio(box)
        radio = Radio("TALKER", "IU5JAE")
        head = [talker.send(radio.header())]
        hears(movable, prefixed(head, 22))
        movable.go_home(9)
        rest = talk(talker, [radio.voice(), radio.terminator()])
        movable.silent()
        hears(static, head + rest)


def test_4_8_two_rooms_have_their_own_prefix_at_the_same_time():
    with lab() as box:
        pairs = {dgid: trio(box, dgid, source) for dgid, source in ((22, "IU5JAE"), (9, "DL1NIN"))}
        radios = {dgid: Radio("TALKER", talker.source) for dgid, (talker, _, _) in pairs.items()}
        sent = {dgid: [] for dgid in pairs}
        for step in range(5):
            for dgid, radio in radios.items():
                data = radio.header() if step == 0 else radio.voice() if step < 4 \
                    else radio.terminator()
                sent[dgid].append(pairs[dgid][0].send(data))
        for dgid, (_, movable, static) in pairs.items():
            hears(movable, prefixed(sent[dgid], dgid))
            hears(static, sent[dgid])


def test_4_8_frames_of_no_known_payload_are_relayed_as_they_came():
    with lab() as box:
        talker, movable, _ = trio(box)
        radio = Radio("TALKER", "IU5JAE")
        odd = frame("TALKER", "IU5JAE", 1, radio.voice(2)[40:65], b"\xff" * 90)
        sent = talk(talker, [radio.header(), odd, radio.terminator()])
        hears(movable, prefixed(sent, 22))


def test_nothing_of_this_cost_a_worker():
    expect_nobody_died()


if __name__ == "__main__":
    main(globals())
