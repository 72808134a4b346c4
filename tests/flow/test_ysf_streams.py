#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_ysf_streams - voice through the reflector
# PURPOSE   Who may open a stream, where it is heard, how DG-IDs change, how a stream ends.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    frames are compared whole; what nobody may hear is proven by Lab's silent()

import random
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from shackd import SLOW, main
from ysf import (DATA_FR, TEST, VOICE, Counted, Lab, ask_json, blocked, damaged, events,
                 eventually, expect, expect_nobody_died, fich, frame, header, shared, streams,
                 terminator, voice)

# Frames of real stations (tag IU5JAE or as said): V/D 2 communication; a header with a damaged CSD1
# (BM_YSF_LNK); a header; GPS in FN 6 and FN 7; V/D 1; Wires-X query.
REAL_VOICE = bytes.fromhex(
    "595346444955354a4145202020204955354a414520202020414c4c202020202020203ed471c9634d206d3844"
    "68ed81ffe7989bf282e4542ff303fbc8f95c21383cf9c70b6e9048a39cecd94cb3286a7e763c7789a35606b4"
    "5990bdecc85cb76c2c0d762f550d8035746a7b91aecec95e910a0f3f550e411146e7e002e2229decc1c68038"
    "785d440f41fc8711d99fd110bfdff2f52ef4f3e6dc9567")
BAD_CSD_HEADER = bytes.fromhex(
    "59534644424d5f5953465f4c4e4b495538454b4e20202020414c4c2020202020202000d471c9634d116d38dc"
    "ec2201ff300ed0728278ec60330086717d5c20a66ff893636e4e53118e10df2363c017607f1c886a2cfa06e8"
    "9226ffb1b9a85aba46921014be97791574d5dd199c7575a8f77fb81110f2c63f0117e0e781799c8f3def0e84"
    "251e499464dc40f1d92c0e2131bc1373f60dfbd5890193")
GPS_6 = bytes.fromhex(
    "5953464449513541412020202020494b35584d4b20202020414c4c202020202020200cd471c9634d2db57870"
    "12ebfdbca152924163978322a1e1e624f04fd16e1cd10b12fef6666768696a6b6c6d6e6f70717287f576cfeb"
    "7778797a7b7c7d7e7f80818283368c317d1688898a8b8c8d8e8f90919293940d5330b526999a9b9c9d9e9fa0"
    "a1a2a3a4a5312445035baaabacadaeafb0b1b2b3b4b5b6")
WIRESX_HEADER = bytes.fromhex(
    "5953464449513541412020202020494b35584d4b20202020414c4c2020202020202000d471c9634d210b4478"
    "ed310edf02c8cfb3229a7d4b9150fed74fd203a8f8f72353b41aa07f31f8df2363c017607f1c88b0185ab84a"
    "9f1c14bdb9a85aba46921014be39ad0b7fbdc5148ec675a8f77fb81110f2c61e230d702503f991b83def0e84"
    "251e499464135ff602bbd5ad019f1373f60dfbd5890193")

ROOMS = ("workers.ysf=1", "dgid.list=1-60", "ysf.frame_rate=0")


def lab(*options):
    return Lab(shared(*ROOMS, *options))


def quick():
    """Streams end by silence soon, and transmissions are long soon."""
    return lab("ysf.watchdog=300ms", "protection.tx_timeout=1s", "protection.reactivate=2s")


def expect_closed(box, why="still open"):
    """A terminator is relayed a moment before its stream is closed."""
    eventually(lambda: not streams(box.daemon), what=f"no stream ({why})")


def expect_end(box, talker, reason):
    ended = eventually(lambda: events(box.daemon, "stream.end", port=talker.port),
                       what="the end of the stream")
    expect(ended[-1]["reason"] == reason, f"ended by {ended[-1]['reason']}, not {reason}")
    return ended[-1]


# ---- relaying ----

def test_call_is_relayed_bit_for_bit_without_echo():
    with lab() as box:
        talker, listener = box.pair()
        others = [box.gateway(f"L{n}") for n in range(3)]
        sent = talker.call(frames=20)
        for gateway in [listener] + others:
            gateway.expect(*sent)
            gateway.silent()
        talker.silent()
        event = expect_end(box, talker, "terminator")
        expect((event["frames"], event["lost"], event["source"]) == (22, 0, "IU5JAE"), event)


def test_real_frames_are_relayed_unchanged():
    with lab() as box:
        talker, listener = box.pair()
        for data in (talker.header(), REAL_VOICE, GPS_6):
            listener.expect(talker.send(data) if data[34] else data)
        listener.expect(talker.terminator())


def test_bad_19_20_header_with_damaged_call_sign_data_opens():
    with lab() as box:
        talker, listener = box.pair()
        listener.expect(talker.send(BAD_CSD_HEADER), talker.voice(), talker.terminator())


def test_names_in_frames_are_cleaned_and_nothing_else():
    with lab() as box:
        talker, listener = box.pair()
        raw = header("TALKER", "IU5JAE")
        dirty = raw[:4] + b"TAL\x00KER\xff\x1f\x7f" + b"IU5JAE\x80\r\n " + b"AL\x01L" + raw[28:]
        clean = raw[:4] + b"TAL KER   " + b"IU5JAE    " + b"AL L" + raw[28:]
        talker.send(dirty)
        listener.expect(clean)
        listener.expect(talker.terminator())


def test_dgids_are_separate_rooms():
    with lab() as box:
        talker, listener = box.pair(10)
        elsewhere = [box.gateway("E", dgid=11), box.gateway("S-12"), box.gateway("D")]
        box.relays(talker, listener)
        for gateway in elsewhere:
            gateway.silent()


def test_parallel_calls_on_many_dgids():
    with lab() as box:
        pairs = [box.pair(dgid) for dgid in range(10, 30)]
        sent = [[talker.header()] for talker, _ in pairs]
        for _ in range(5):
            for (talker, _), frames in zip(pairs, sent):
                frames.append(talker.voice())
        box.stranger().silent()  # all of it is done
        expect(len(streams(box.daemon)) == len(pairs), "streams in parallel")
        for (talker, listener), frames in zip(pairs, sent):
            frames.append(talker.terminator())
            listener.expect(*frames)
            listener.silent()


def test_loser_is_dropped_until_a_new_header():
    with lab() as box:
        winner, listener = box.pair()
        loser = box.gateway("LOSER", "DL0LOS")
        started = winner.header()
        with Counted(box.daemon, {"dropped_total{cause=busy}": 1,
                                  "dropped_total{cause=no_stream}": 3}):
            loser.header()
            loser.voice()
            listener.expect(started, winner.voice(), winner.terminator())
            loser.voice()  # its call is lost, though the DG-ID is free
            loser.terminator()
            listener.silent()
        winner.expect(*loser.call())


def test_bad_40_two_at_once_never_mix():
    for workers in (1, 2):
        with Lab(shared(f"workers.ysf={workers}", "ysf.frame_rate=0")) as box:
            listener = box.gateway("LISTENER")
            talkers = [box.gateway(f"T{n}", f"DL{n}AAA") for n in range(6)]
            barrier = threading.Barrier(len(talkers))

            def talk(talker):
                barrier.wait()
                talker.call(frames=10)
                talker.drain()  # answered by the worker that had the call, after it

            threads = [threading.Thread(target=talk, args=(t,)) for t in talkers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            expect_closed(box)
            heard = listener.drain()
            names = [data[4:14] for data in heard]
            runs = [name for n, name in enumerate(names) if n == 0 or names[n - 1] != name]
            expect(heard and len(runs) == len(set(runs)), f"interleaved: {runs}")
            expect(all(names.count(name) == 12 for name in set(names)), f"incomplete: {runs}")


def test_fan_out_is_right_after_any_coming_and_going():
    rng = random.Random(20260414)
    rooms = [10, 11, 12, 13]
    with lab() as box:
        where = {}  # gateway: its DG-ID, or None
        for n in range(80):  # both families, and some whose frames must name their source
            ip, to = rng.choice(((None, None), (None, "127.0.0.9"), ("::1", None)))
            if ip and len(box.daemon.listeners) < 2:
                ip = None
            where[box.stranger(f"G{n}", f"DL{n}AA", ip=ip, to=to)] = None
        chosen = {}  # by radio, for the next link too
        for _ in range(400):
            gateway = rng.choice(list(where))
            if where[gateway] is None:
                where[gateway] = chosen.get(gateway, 22)
                gateway.link()
            elif rng.random() < 0.4:
                gateway.unlink()
                where[gateway] = None
            else:
                dgid = rng.choice([room for room in rooms if room != where[gateway]])
                gateway.call(sq=dgid, frames=0)  # the muted call that moves
                where[gateway] = chosen[gateway] = dgid
        for family in ("127.0.0.1", "::1") if len(box.daemon.listeners) > 1 else ("127.0.0.1",):
            box.stranger(ip=family if ":" in family else None).silent()  # all of it is done
        listed = {(c["address"], c["port"]): c["dgid"] for c in ask_json(box.daemon, "clients")}
        for gateway, dgid in where.items():
            expect(listed.get((gateway.ip, gateway.port)) == dgid, f"{gateway.name} on {dgid}")
        for room in rooms + [22]:
            members = [gateway for gateway, dgid in where.items() if dgid == room]
            expect(len(members) > 2, f"{len(members)} on {room}")
            sent = members[0].call(sq=room)
            for gateway in members[1:]:
                gateway.expect(*sent)
        # each got what was for it and nothing else: a poll's answer is what comes next
        for gateway, dgid in where.items():
            if dgid:
                gateway.link()


# ---- DG-ID change by radio ----

def test_dgid_change_mutes_the_first_call_and_moves():
    with lab() as box:
        talker, old = box.pair(10)
        new = box.gateway("NEW", dgid=11)
        talker.header(sq=11)
        talker.silent()
        call, = streams(box.daemon)
        expect(call["dgid"] == 11 and call["muted"], call)
        talker.voice(sq=11)
        talker.terminator(sq=11)
        for gateway in (old, new, talker):
            gateway.silent()
        expect(box.client(talker)["dgid"] == 11, "not moved")
        box.relays(talker, new, sq=11)
        old.silent()
        talker.expect(*new.call())


def test_bad_32_each_change_mutes_its_first_call():
    with lab() as box:
        talker, listener = box.pair(10)
        listeners = {10: listener, 11: box.gateway("B", dgid=11), 12: box.gateway("C", dgid=12)}
        for dgid in (11, 12, 10, 12, 11):
            talker.call(sq=dgid)
        for gateway in listeners.values():
            gateway.silent()
        box.relays(talker, listeners[11], sq=11)


def test_muted_call_keeps_nobody_out():
    with lab() as box:
        mover = box.gateway("MOVER", dgid=10)
        talker, listener = box.pair(11)
        mover.header(sq=11)
        listener.expect(talker.header(), talker.voice())
        expect(len(streams(box.daemon)) == 2, "both calls are reported")
        mover.terminator(sq=11)
        listener.expect(talker.terminator())


def test_dgid_change_out_of_a_busy_room():
    with lab() as box:
        talker, listener = box.pair(10)
        mover = box.gateway("MOVER", dgid=10)
        listener.expect(talker.header())
        mover.drain()
        mover.call(sq=11)
        eventually(lambda: events(box.daemon, "stream.end", port=mover.port), 5,
                   "the muted call in the events")
        expect(box.client(mover)["dgid"] == 11, "not moved")
        listener.expect(talker.voice(), talker.terminator())
        mover.silent()  # it had left before


def test_dgid_change_into_a_busy_room():
    with lab() as box:
        talker, listener = box.pair(11)
        mover = box.gateway("MOVER", dgid=10)
        listener.expect(talker.header())
        mover.call(sq=11)
        mover.silent()
        mover.call(sq=11)  # now it is an ordinary loser
        listener.expect(talker.voice(), talker.terminator())
        talker.silent()


def test_static_gateway_stays():
    with lab() as box:
        talker, listener = box.gateway("TALK-10"), box.gateway("HEAR-10")
        box.relays(talker, listener, sq=11)
        expect(box.client(talker)["dgid"] == 10, "moved")


def test_bad_31_dgids_that_change_nothing():
    with lab() as box:
        talker, listener = box.pair(10)
        for fields in (dict(sq=0), dict(sq=10), dict(sq=61), dict(sq=99), dict(sq=100),
                       dict(sq=126), dict(sq=10, sql=1), dict(sq=0, sql=1)):
            listener.expect(talker.header(**fields), talker.voice(**fields),
                            talker.terminator(**fields))
            expect(box.client(talker)["dgid"] == 10, f"moved by {fields}")
        talker.call(sq=11)
        talker.header(sq=10, sql=1)  # the SQL bit is no part of the DG-ID
        talker.terminator(sq=10)
        listener.silent()
        expect(box.client(talker)["dgid"] == 10, "not moved back")


def test_bad_31_dgid_127_opens_nothing():
    with lab() as box:
        talker, listener = box.pair()
        for sql in (0, 1):
            with Counted(box.daemon, {"dropped_total{cause=dgid_127}": 1,
                                      "dropped_total{cause=no_stream}": 2}):
                talker.header(sq=127, sql=sql)
                talker.voice(sq=127)
                talker.terminator(sq=127)
                listener.silent()
        expect(not streams(box.daemon), "a stream is open")
        box.relays(talker, listener)


def test_bad_24_no_move_in_mid_call():
    with lab() as box:
        talker, listener = box.pair(10)
        other = box.gateway("OTHER", dgid=11)
        listener.expect(talker.header(sq=10), talker.header(sq=11), talker.voice(sq=11),
                        talker.terminator(sq=11))
        other.silent()
        expect(box.client(talker)["dgid"] == 10, "moved")


def test_options_in_mid_call_move_but_the_call_stays():
    with lab() as box:
        talker, listener = box.pair()
        other = box.gateway("OTHER", dgid=12)
        listener.expect(talker.header())
        talker.go_home(12)
        listener.expect(talker.voice(), talker.terminator())
        talker.silent()
        other.silent()
        box.relays(talker, other)


# ---- the local DG-ID ----

def test_local_dgid_is_not_relayed():
    with lab() as box:
        talker, listener = box.pair(1)
        other = box.gateway("OTHER", dgid=1)
        talker.header()
        other.header()  # any number at the same time
        other.silent()
        calls = streams(box.daemon)
        expect(len(calls) == 2 and all(call["local"] for call in calls), calls)
        for gateway in (talker, other):
            gateway.voice()
            gateway.terminator()
        for gateway in (talker, listener, other):
            gateway.silent()
        expect_end(box, talker, "terminator")
        expect_end(box, other, "terminator")


def test_change_to_the_local_dgid_and_back():
    with lab() as box:
        talker, listener = box.pair(10)
        talker.call(sq=1)
        talker.call(sq=1)
        talker.call(sq=10)
        listener.silent()
        box.relays(talker, listener, sq=10)


# ---- inside a call ----

def test_bad_23_headers_in_a_row_are_one_call():
    with lab() as box:
        talker, listener = box.pair()
        with Counted(box.daemon, {"streams_total": 1, "stream_ends_total{cause=terminator}": 1}):
            listener.expect(*[talker.header() for _ in range(10)])
            listener.expect(talker.terminator())


def test_other_tag_and_source_in_a_call_change_nothing():
    with lab() as box:
        talker, listener = box.pair()
        listener.expect(talker.header())
        listener.expect(talker.send(voice("OTHER", "DL9ZZZ", 1)))
        call, = streams(box.daemon)
        expect(call["source"] == "IU5JAE", call)
        listener.expect(talker.send(terminator("THIRD", "DL8YYY", counter=2)))
        expect_closed(box)


def test_bad_26_terminator_with_fn_1_is_untouched():
    with lab() as box:
        talker, listener = box.pair()
        listener.expect(talker.header(), talker.terminator(fn=1))
        expect_closed(box)


def test_bad_27_fi_2_ends_and_the_end_bit_does_not():
    with lab() as box:
        talker, listener = box.pair()
        listener.expect(talker.header(), talker.voice(end=True), talker.voice())
        expect(len(streams(box.daemon)) == 1, "ended by the end bit")
        listener.expect(talker.terminator(end=False))
        expect_closed(box, "not ended by FI 2")


def test_bad_28_fi_3_only_inside_a_call():
    with lab() as box:
        talker, listener = box.pair()
        with Counted(box.daemon, {"dropped_total{cause=no_stream}": 1}):
            talker.voice(fi=TEST)
            listener.silent()
        listener.expect(talker.header(), talker.voice(fi=TEST), talker.terminator())


def test_bad_29_counters_go_as_they_come():
    with lab() as box:
        talker, listener = box.pair()
        listener.expect(talker.header())
        for counter in (1, 1, 5, 4, 127, 0, 64):
            talker.counter = counter - 1
            listener.expect(talker.voice())
        listener.expect(talker.terminator())
        expect(expect_end(box, talker, "terminator")["frames"] == 9, "frames")


def test_losses_are_counted():
    with lab() as box:
        talker, listener = box.pair()
        talker.header()
        for counter in (1, 2, 5, 6, 8):  # 3, 4 and 7 are missing
            talker.counter = counter - 1
            talker.voice()
        talker.terminator()
        expect(expect_end(box, talker, "terminator")["lost"] == 3, "lost frames")


def test_bad_30_wrong_sync_is_relayed():
    with lab() as box:
        talker, listener = box.pair()
        listener.expect(talker.header())
        data = voice("TALKER", "IU5JAE", 1)
        listener.expect(talker.send(data[:35] + b"\0\1\2\3\4" + data[40:]))
        listener.expect(talker.terminator())


def test_bad_33_34_odd_v_d_2_frames_are_relayed():
    with lab() as box:
        talker, listener = box.pair()
        listener.expect(talker.header(ft=0))
        for fn, ft in ((6, 6), (7, 7), (7, 0), (6, 3), (7, 5), (0, 7)):
            payload = bytes.fromhex("22620303") * 22 + b"\x03\x03"
            listener.expect(talker.send(frame("TALKER", "IU5JAE", 1, fich(VOICE, fn=fn, ft=ft),
                                              payload)))
        listener.expect(talker.terminator())


def test_damaged_fich_inside_a_call_is_relayed():
    with lab() as box:
        talker, listener = box.pair()
        listener.expect(talker.header())
        listener.expect(talker.send(damaged(voice("TALKER", "IU5JAE", 1))))
        expect(len(streams(box.daemon)) == 1, "ended by a damaged FICH")
        # with the end bit it counts as the terminator
        listener.expect(talker.send(damaged(terminator("TALKER", "IU5JAE", counter=2))))
        expect_closed(box, "not ended by the end bit of a damaged frame")


def test_fich_with_correctable_errors_opens_and_is_relayed_as_it_came():
    with lab() as box:
        talker, listener = box.pair()
        data = bytearray(header("TALKER", "IU5JAE"))
        for bit in (3, 77, 151):
            data[40 + bit // 8] ^= 0x80 >> bit % 8
        with Counted(box.daemon, {"fich_corrected_total": 1, "streams_total": 1}):
            listener.expect(talker.send(bytes(data)))
            listener.expect(talker.terminator())


def test_frames_after_the_end_are_dropped():
    with lab() as box:
        talker, listener = box.pair()
        listener.expect(*talker.call())
        with Counted(box.daemon, {"dropped_total{cause=no_stream}": 2}):
            talker.voice()
            talker.terminator()
            listener.silent()


# ---- who may talk ----

def test_bad_37_38_odd_sources_are_allowed():
    with lab() as box:
        for source in ("O'BRIEN", "", "A", "12345", "22/IU5JAE", "<script>", 'Q"\\', "IU5JAE GIO",
                       "//////////", "-"):
            talker, listener = box.gateway("T", source), box.gateway("L")
            box.relays(talker, listener)
            expect(expect_end(box, talker, "terminator")["source"] == source, source)


def test_wires_x_queries_are_refused():
    with lab() as box:
        talker, listener = box.pair()
        with Counted(box.daemon, {"dropped_total{cause=data}": 3}):
            talker.send(WIRESX_HEADER)
            talker.voice(dt=DATA_FR, ft=1)
            talker.header(dt=DATA_FR, ft=2)
            listener.silent()
        expect(len(events(box.daemon, "access.refused", port=talker.port)) == 2,
               "one refusal for each source")
        listener.expect(talker.header(dt=DATA_FR, ft=3), talker.terminator())


# ---- late entry ----

def test_bad_22_no_late_entry_by_default():
    with lab() as box:
        talker, listener = box.pair()
        for _ in range(6):
            talker.voice()
        listener.silent()


def test_late_entry_is_not_for_127():
    with lab("ysf.late_entry=yes") as box:
        talker, listener = box.pair()
        talker.call(sq=127, frames=10)
        listener.silent()
        expect(not streams(box.daemon), "a call of Wires-X")
        talker.silent()


def test_late_entry_opens_after_three_good_frames():
    with lab("ysf.late_entry=yes") as box:
        talker, listener = box.pair()
        talker.voice(sq=30)
        talker.voice(sq=30)
        listener.silent()
        with Counted(box.daemon, {"late_entries_total": 1, "streams_total": 0}):
            listener.expect(talker.voice(sq=30), talker.voice(sq=30), talker.terminator(sq=30))
        expect(box.client(talker)["dgid"] == 22, "moved by late entry")
        expect(expect_end(box, talker, "terminator")["late"], "not called late")


def test_late_entry_wants_frames_that_belong_together():
    with lab("ysf.late_entry=yes") as box:
        talker, listener = box.pair()
        for source in ("DL1AAA", "DL1BBB", "DL1AAA", "DL1BBB", "DL1AAA"):
            talker.send(voice("TALKER", source, 1))
        for tag in ("ONE", "TWO", "ONE", "TWO"):
            talker.send(voice(tag, "DL1AAA", 1))
        listener.silent()


def test_late_entry_wants_frames_in_a_row():
    with lab("ysf.late_entry=yes") as box:
        for between in (lambda t: t.send(damaged(voice("TALKER", "IU5JAE", 3))),
                        lambda t: t.voice(fi=TEST), lambda t: t.terminator(),
                        lambda t: t.voice(dt=DATA_FR, ft=1), lambda t: t.header(sq=127)):
            talker, listener = box.pair()
            talker.voice()
            talker.voice()
            between(talker)
            talker.voice()
            talker.voice()
            listener.silent()
            listener.expect(talker.voice(), talker.terminator())
            talker.unlink()
            listener.unlink()
            listener.silent()


def test_late_entry_does_not_open_on_one_stray_frame_after_the_end():
    with lab("ysf.late_entry=yes") as box:
        talker, listener = box.pair()
        for _ in range(2):
            talker.voice()
        listener.expect(talker.voice(), talker.terminator())
        stray = talker.voice()
        expect(stray and not listener.drain(), "a stray frame opened a call")
        expect(not streams(box.daemon), "a stray frame opened a call")


def test_late_entry_waits_for_a_free_dgid():
    with lab("ysf.late_entry=yes") as box:
        talker, listener = box.pair()
        late = box.gateway("LATE", "DL1LAT")
        listener.expect(talker.header())
        for _ in range(5):
            late.voice()
        listener.expect(talker.terminator(), late.voice(), late.terminator())


# ---- ends that are no terminators ----

def test_watchdog_ends_a_silent_stream_and_tells_nobody():
    with quick() as box:
        talker, listener = box.pair()
        began = time.monotonic()
        listener.expect(talker.header(), talker.voice())
        expect_end(box, talker, "watchdog")
        took = time.monotonic() - began
        expect(0.3 <= took < 1.0 * SLOW, f"took {took:.2f} s")
        listener.silent()
        talker.expect(*listener.call())


def test_watchdog_frees_muted_and_local_calls():
    with quick() as box:
        local, mover = box.gateway("LOCAL", dgid=1), box.gateway("MOVER", dgid=10)
        local.header()
        mover.header(sq=11)
        expect_end(box, local, "watchdog")
        expect_end(box, mover, "watchdog")


def test_frames_after_the_watchdog_are_dropped():
    with quick() as box:
        talker, listener = box.pair()
        listener.expect(talker.header())
        expect_end(box, talker, "watchdog")
        talker.voice()
        listener.silent()
        box.relays(talker, listener)


def test_bad_14_unlink_in_mid_call_frees_at_once_and_sends_the_terminator():
    with lab() as box:
        talker, listener = box.pair(10)
        other = box.gateway("OTHER", dgid=10)
        sent = [talker.header(sq=10, cm=1, ft=7, mr=2), talker.voice(), talker.voice()]
        talker.unlink()
        end = talker.farewell(sq=10, cm=1, ft=7, mr=2)
        listener.expect(*sent, end, *other.call())
        other.expect(*sent, end)
        talker.silent()
        expect_end(box, talker, "unlink")


def test_unlink_counts_as_the_end_of_its_stream():
    with lab() as box:
        talker, listener = box.pair()
        with Counted(box.daemon, {"stream_ends_total{cause=unlink}": 1}):
            listener.expect(talker.header())
            talker.unlink()
            listener.expect(talker.farewell())


def test_unlink_in_a_muted_or_local_call_sends_nothing():
    with lab() as box:
        mover, local = box.gateway("MOVER", dgid=10), box.gateway("LOCAL", dgid=1)
        hears = [box.gateway("L1", dgid=11), box.gateway("L2", dgid=1), box.gateway("L3", dgid=10)]
        mover.header(sq=11)
        local.header()
        mover.unlink()
        local.unlink()
        for gateway in hears:
            gateway.silent()


def test_kick_in_mid_call_sends_the_terminator():
    with lab() as box:
        talker, listener = box.pair()
        listener.expect(talker.header())
        code, _, reason = box.daemon.ask("kick", box.client(talker)["id"])
        expect(code == 0, reason)
        listener.expect(talker.farewell())
        expect_end(box, talker, "kick")


def test_block_by_operator_cuts_and_unblock_frees():
    with lab() as box:
        talker, listener = box.pair()
        talker.source = "DL3BLK"
        with Counted(box.daemon, {"stream_ends_total{cause=blocked}": 1}):
            listener.expect(talker.header(), talker.voice())
            box.daemon.ask("block", "DL3BLK")
            listener.expect(talker.farewell())
        talker.call()
        talker.source = "DL3BLK-ND"
        talker.call()
        listener.silent()
        expect(blocked(box.daemon)["DL3BLK"]["reason"] == "operator", "reason")
        box.daemon.ask("unblock", "DL3BLK")
        box.relays(talker, listener)


def test_many_calls_cut_at_once_get_a_terminator_each():
    with lab() as box:
        pairs = [box.pair(dgid) for dgid in range(10, 60)]
        for talker, _ in pairs:
            talker.source = "DL4ALL"
            talker.header()
        box.stranger().silent()  # all of it is done
        code, _, reason = box.daemon.ask("block", "DL4ALL")
        expect(code == 0, reason)
        for talker, listener in pairs:
            listener.expect(header(talker.name, "DL4ALL"), talker.farewell())
        box.daemon.ask("unblock", "DL4ALL")


def talk_until_cut(talker, listener):
    """Sends frames until the reflector has cut the call; returns what its terminator must be."""
    began = time.monotonic()
    listener.expect(talker.header())
    while True:
        talker.voice()
        got = listener.receive()
        if got != voice(talker.name, talker.source, talker.counter):
            break
        expect(time.monotonic() - began < 5 * SLOW, "never cut")
        time.sleep(0.05)  # the pace of a talker, no barrier
    took = time.monotonic() - began
    expect(took > 0.9, f"cut after {took:.2f} s")
    # the reflector may have cut just before our last frame
    wanted = (talker.farewell(), terminator(talker.name, talker.source, 0, talker.counter))
    expect(got in wanted, "no terminator with the next counter")


def test_bad_43_tx_timeout_cuts_blocks_and_frees():
    with quick() as box:
        talker, listener = box.pair()
        other = box.gateway("OTHER", "DL2OTH")
        talker.source = "DL5TOT-RPT"
        talk_until_cut(talker, listener)
        expect_end(box, talker, "timeout")
        expect(blocked(box.daemon)["DL5TOT"]["reason"] == "timeout", "reason")
        other.drain()
        with Counted(box.daemon, {"dropped_total{cause=blocked}": 14}):
            for source in ("DL5TOT-RPT", "DL5TOT", "DL5TOT/M"):
                talker.source = source
                talker.call(frames=2)
            talker.voice()  # the rest of the cut call
            talker.voice()
            listener.silent()
        box.relays(other, listener)  # the DG-ID is free
        talker.source = "DL6FREE"
        talker.drain()
        box.relays(talker, listener)  # an allowed caller at the same gateway goes at once
        talker.source = "DL5TOT"
        eventually(lambda: "DL5TOT" not in blocked(box.daemon), 5, "the end of the block")
        other.drain()
        box.relays(talker, listener)


def test_bad_44_stream_that_stops_at_the_timeout_ends_once():
    with lab("ysf.watchdog=1s", "protection.tx_timeout=1s", "protection.reactivate=1s") as box:
        talker, listener = box.pair()
        talker.source = "DL7BOTH"
        listener.expect(talker.header())
        eventually(lambda: not streams(box.daemon), 4, "the end of the stream")
        expect(len(events(box.daemon, "stream.end", port=talker.port)) == 1, "ended twice")
        talker.source = "DL8NEXT"
        listener.drain()
        box.relays(talker, listener)


def test_bad_45_frames_do_not_keep_a_gateway_linked():
    with lab("ysf.client_timeout=5s") as box:
        talker, listener = box.pair()
        began = time.monotonic()
        listener.expect(talker.header())
        while True:
            talker.voice()
            got = listener.receive()
            if got != voice("TALKER", "IU5JAE", talker.counter):
                break
            if talker.counter % 20 == 0:
                listener.link()
            expect(time.monotonic() - began < 12 * SLOW, "never expired")
            time.sleep(0.05)  # the pace of a talker, no barrier
        took = time.monotonic() - began
        expect(4.9 < took < 8 * SLOW, f"expired after {took:.1f} s")
        expect(got in (talker.farewell(), terminator("TALKER", "IU5JAE", 0, talker.counter)),
               "no terminator")
        expect_end(box, talker, "expired")
        expect(box.client(talker) is None, "still linked")
        expect(box.client(listener), "the listener expired, though it polls")


def test_a_thousand_calls_leave_no_stream():
    with lab() as box:
        talker, listener = box.pair(10)
        for _ in range(1000):
            listener.expect(talker.header(), talker.terminator())
        expect_closed(box)
        listener.silent()


def test_calls_without_terminators_leave_every_dgid_free():
    with quick() as box:
        talkers = [box.gateway(f"T{n}", dgid=10 + n) for n in range(40)]
        for _ in range(3):
            with Counted(box.daemon, {"stream_ends_total{cause=watchdog}": len(talkers)}):
                for talker in talkers:
                    talker.header()
                box.stranger().silent()
                eventually(lambda: not streams(box.daemon), 5, "the end of all streams")
        expect(len(events(box.daemon, "stream.start", port=talkers[0].port)) == 3, "a busy DG-ID")


def test_nothing_of_this_cost_a_worker():
    expect_nobody_died()


if __name__ == "__main__":
    main(globals())
