#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_rules_bad_input - the rest of the list of bad inputs
# PURPOSE   Every row of the protocol's list that is not in the older files: what must not crash, not
#           stall, not reach a radio.
#
#   row    test (here: bad_NN_...; else in the file named)
#   1-8    ysf_bad_input: bad_01 .. bad_08
#   9, 10  ysf_protocol: bad_09_10_odd_suffixes_are_not_static
#   11, 12 ysf_limits: bad_11_clients_per_ip, bad_12_a_flood_of_addresses...
#   13     ysf_bad_input: bad_13_unlink_of_strangers; ysf_protocol: unlink_of_any_size_goes_by_address
#   14     ysf_streams: bad_14_unlink_in_mid_call_frees_at_once...
#   15-18  ysf_bad_input: bad_15 .. bad_17_18
#   19, 20 ysf_streams: bad_19_20_...; ysf_bad_input: bad_19_...; here, for movable listeners
#   21, 22 ysf_bad_input: bad_21, bad_22; ysf_streams: bad_22_no_late_entry_by_default
#   23, 24 ysf_streams: bad_23, bad_24; wild PTT: rules_calls: 4_12_headers_inside_a_call_count_once
#   25     here; ysf_bad_input: bad_25_header_storm
#   26-30  ysf_streams: bad_26 .. bad_30; here 26 for movable listeners
#   31, 32 ysf_streams: bad_31_..., bad_32_...; here: writes of 32
#   33-39  here (33, 34, 37, 38 for static listeners: ysf_streams)
#   40     ysf_streams: bad_40_two_at_once_never_mix
#   41     here
#   42     ysf_limits: bad_42_...
#   43-45  ysf_streams: bad_43, bad_44, bad_45
#   46     ysf_protocol: options_grammar, options_of_any_size
#   47     ysf_bad_input: bad_46_47_...; rules_dgid: 4_14_options_are_for_movable_gateways...
#   48     ysf_bad_input: bad_48_...; rules_status: 2_7_information_of_hostile_text_is_cleaned
#   49     ysf_limits: bad_49_queries_are_limited_per_address
#   50-58  here; 58 too: master: port_in_use_names_the_user
#   59     ysf_bad_input: bad_59_...
#   60     here
#
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    row 54 (dgid.json) is the importer's; the saved DG-IDs are in a database of ours

import os
import select
import socket
import struct
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from frames import Radio, ended, frame_dch, header_csd
from rules import Feed, Lists, hears, metas, over, place, prefixed, rules_lab, talk
from shackd import PATIENCE, ROOT, SLOW, Daemon, Skip, main
from test_frames import REAL_DAMAGED
from ysf import (TERMINATOR, VOICE, Lab, blocked, clients, eventually, events, expect,
                 expect_nobody_died, fich, frame, streams)

BUILD = ROOT / os.environ.get("B", "build/release")
HUGE = 100000
EVIL = ('"quotes"  ', "back\\slash", "apo'strophe", "</script>x", "\x1b[31mred\x07\n", "%n%s%d%x%p",
        "{{7*7}}${x", "\xff\xfe\x80\x81\x90\xa0\xb0\xc0\xd0\xe0", "';DROP--  ", "..//..//et")


def lab(*options):
    return rules_lab("access.check_re=0", *options)


def pair(box):
    return box.gateway("TALKER"), box.gateway("MOVABLE", "DL9MOV"), box.gateway("HEAR-22", "DL9STA")


def whole(box, talker, *listeners):
    """A call goes through, and is answered for, after whatever was done."""
    for listener in listeners:
        listener.drain()
    sent = over(talker, "DL1AFT")
    for listener in listeners:
        fixed = box.client(listener)["fixed"]
        hears(listener, sent if fixed else prefixed(sent, place(box, talker)), "the call after it")


# ---- damaged headers, terminators ----

def test_bad_19_20_damaged_call_sign_data_for_movable_listeners():
    with lab() as box:
        talker, movable, static = pair(box)
        radio = Radio("TALKER", "IU5JAE")
        sent = talk(talker, [REAL_DAMAGED, radio.voice(1), radio.terminator()])
        hears(static, sent)
        hears(movable, prefixed(sent, 22))
        good = radio.header()
        bad = good[:65] + bytes(b if i % 18 < 9 else b ^ 0x3C for i, b in enumerate(good[65:]))
        talk(talker, [bad, radio.terminator()])
        got = movable.drain()
        expect(header_csd(got[0]) == (b"ALL       22/IU5JAE ", b" " * 20), header_csd(got[0]))


def test_bad_25_header_storm_is_parked():
    with rules_lab("protection.wild_ptt_count=3", "protection.wild_ptt_time=5s",
                   "protection.reactivate=5s", quiet=("ysf.frame_rate=0",)) as box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        radio = Radio("TALKER", "DL1STM")
        for _ in range(30):  # all of them within the block
            talk(talker, [radio.header(), radio.terminator()])
        heard = listener.drain()
        expect(len(heard) == 6, f"{len(heard)} frames instead of those of three calls")
        expect(blocked(box.daemon)["DL1STM"]["reason"] == "wild_ptt", blocked(box.daemon))
        whole(box, talker, listener)


def test_bad_26_terminator_with_fn_1_keeps_its_call_sign_data_for_movable_listeners():
    with lab() as box:
        talker, movable, _ = pair(box)
        radio = Radio("TALKER", "IU5JAE")
        talk(talker, [radio.header(), radio.terminator(fn=1)])
        expect(header_csd(movable.drain()[1]) == (b"ALL       22/IU5JAE ", b"TALKER    " * 2),
               "the call sign data")


def test_bad_32_a_change_on_every_ptt_is_served_and_saved():
    with lab() as box:
        talker = box.gateway("HOPPER", "DL1HOP")
        for n in range(100):
            over(talker, sq=(9, 50)[n % 2], frames=0)
        talker.drain()
        expect(place(box, talker) == 50, place(box, talker))
        talker.unlink()
        talker.silent()
        expect(place(box, talker.link()) == 50, "not saved")
        whole(box, talker, box.gateway("HEAR-50"))


# ---- data channels ----

def dch_frames(radio, fields):
    """Frames whose data channel holds what FIELDS say: (FN, FT, ten bytes)."""
    made = []
    for fn, ft, data in fields:
        saved = radio.gps
        radio.gps = data.ljust(20)[:20] if fn == 6 else b" " * 10 + data.ljust(10)[:10]
        made.append(radio.voice(fn, ft=ft))
        radio.gps = saved
    return made


def test_bad_33_34_odd_positions_are_relayed_and_tell_no_position():
    with lab() as box:
        talker, movable, static = pair(box)
        radio = Radio("TALKER", "IU5JAE", ft=6)
        evil = b"\x07\x22\x62\x03" + bytes([(7 + 0x22 + 0x62 + 3) & 0xFF]) + b"00000"
        sent = [radio.header(ft=0)] + dch_frames(radio, [
            (6, 6, evil), (7, 7, b"\x03" * 10), (7, 7, evil), (6, 7, b"\x00" * 10), (7, 6, evil),
            (6, 0, evil), (7, 3, b"\xff" * 10), (0, 7, evil), (6, 6, b"\x03" * 10)])
        sent.append(radio.terminator())
        talk(talker, sent)
        hears(static, sent)
        hears(movable, prefixed(sent, 22))
        expect(not metas(box.daemon, talker, "position"), metas(box.daemon, talker, "position"))


def test_bad_35_impossible_positions_are_none():
    with lab() as box:
        talker, _, static = pair(box)
        good = bytearray(bytes.fromhex("5222625f30343334563733272a23201c2020"))
        for n, (at, value) in enumerate(((5, 0x39), (6, 0x4A), (7, 0x36), (9, 0x5F), (10, 0x3C),
                                         (11, 0x00), (11, 0xFF), (12, 0x62), (12, 0x25),
                                         (13, 0x1B), (13, 0x80), (8, 0x66))):
            evil = bytearray(good)
            evil[at] = value
            if at == 5:
                evil[6] = 0x3A  # 90 degrees and more
            if at == 7:
                evil[8] = 0x50  # 60 minutes
            one = box.gateway(f"T{n}", f"DL{n}POS")
            hears(static, over(one, frames=9, gps=ended(bytes(evil), 20)), f"byte {at}")
            told = metas(box.daemon, one, "position")
            expect(not told, f"byte {at} = {value:02x}: {told}")
            radio = metas(box.daemon, one, "radio")
            expect([event["radio_code"] for event in radio] == [0x30], f"byte {at}: {radio}")
        one = box.gateway("GOOD", "DL1GUD")
        over(one, frames=9, gps=ended(bytes(good), 20))
        one.silent()
        expect(len(metas(box.daemon, one, "position")) == 1, "a good one is none either")


def test_bad_35_hundredths_of_ten_units_are_known_in_the_wild():
    with lab() as box:
        talker = box.gateway("TALKER")
        data = bytearray(bytes.fromhex("5222625f30343334563733272a23201c2020"))
        data[9], data[10] = data[9] & 0xF0 | 8, 0x3A  # 80 and 10
        over(talker, frames=9, gps=ended(bytes(data), 20))
        talker.silent()
        event, = metas(box.daemon, talker, "position")
        expect(abs(event["latitude"] - (43 + 46.90 / 60)) < 2e-6, event)


def printable(text):
    return all(32 <= ord(char) < 127 for char in text)


def test_bad_36_evil_texts_are_neutral_everywhere():
    with lab() as box:
        talker, movable, static = pair(box)
        for n, text in enumerate(EVIL):
            raw = text.encode("latin-1").ljust(10)[:10]
            one = box.gateway(f"T{n}", f"DL{n}EVL")
            radio = Radio(f"T{n}", f"DL{n}EVL", rem12=raw, rem34=raw, dest=raw)
            sent = talk(one, radio.over(8))
            hears(static, sent, repr(text))
            hears(movable, prefixed(sent, 22), repr(text))
            for event in metas(box.daemon, one, "rem12") + metas(box.daemon, one, "calls"):
                expect(printable(str(event)), event)  # it was JSON, or it were not here
        log = box.daemon.log()
        expect(printable(log.replace("\n", "")), "the log")


def test_bad_37_38_odd_sources_with_check_and_without():
    with lab() as box:
        for source, text in (("O'BRIEN", "22/O'BRIEN"), ("", "22/       ")):
            talker, movable, static = pair(box)
            sent = over(talker, source)
            hears(static, sent)
            got = movable.drain()
            expect(header_csd(got[0])[0][10:] == text.encode(), header_csd(got[0]))
    with rules_lab("access.check_re=1") as box:
        talker, _, static = pair(box)
        for source in ("O'BRIEN", ""):
            over(talker, source)
            static.silent()


def test_bad_39_source_longer_than_fits_is_cut():
    with lab() as box:
        talker, movable, _ = pair(box)
        over(talker, "AB12CDEFGH")
        got = movable.drain()
        expect(header_csd(got[0])[0][10:] == b"22/AB12CDE", header_csd(got[0]))
        expect(frame_dch(got[2]) == b"22/AB12CDE", frame_dch(got[2]))


def test_bad_41_the_same_call_from_two_gateways_is_heard_once():
    with lab() as box:
        one, two, listener = box.gateway("BRIDGE1"), box.gateway("BRIDGE2"), box.gateway("HEAR-22")
        radio = Radio("SAMETAG", "IU5JAE")
        sent = radio.over(10)
        for data in sent[:-1]:
            one.send(data)
            two.send(data)
        one.silent()
        two.send(sent[-1])
        two.drain()
        one.send(sent[-1])
        hears(listener, sent)


# ---- the JSON feed ----

def feed_lab():
    return lab("ysf.dashboard_listen=127.0.0.1:0", "limits.dashboards=8")


def test_bad_50_words_that_are_none_are_not_answered():
    with feed_lab() as box, Feed(box.daemon) as feed:
        for word in (b"CONNREQ\n", b"connreq", b"PING", b"PING\n", b"ping", b"BYE", b"BYE\0",
                     b"", b"\xff" * 1400, b"CONNREQCONNREQ", b"YSFS"):
            feed.send(word)
        feed.send(b"CONNREQ")
        expect(feed.receive().startswith(b"CONNOK:127.251."), "another answer came first")


def test_bad_50_a_crowd_of_subscribers_is_limited():
    with feed_lab() as box:
        crowd = [Feed(box.daemon) for _ in range(300)]
        for feed in crowd:
            feed.send(b"CONNREQ")
        whole(box, *pair(box)[::2])
        eventually(lambda: select.select([feed.sock for feed in crowd], [], [], 0)[0], 5,
                   "an answer")
        over(box.gateway("MARK"), "DL1MRK", frames=0)
        hearers = set()

        def told():
            """Everybody is told of a call before anybody is told of its end."""
            ended = False
            for feed in crowd:
                for data in everything(feed):
                    ended = ended or b"stream_end" in data
                    hearers.update([feed] if b"DL1MRK" in data else [])
            return ended and hearers

        eventually(told, 5, "the call in the feed")
        told()
        expect(len(hearers) <= 8, f"{len(hearers)} subscribers")
        for feed in crowd:
            feed.__exit__()


def everything(feed):
    found = []
    while (data := feed.receive(0)) is not None:
        found.append(data)
    return found


def test_bad_51_a_subscriber_that_never_reads_holds_nobody_up():
    with feed_lab() as box, Feed(box.daemon) as deaf, Feed(box.daemon) as other:
        deaf.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        deaf.send(b"CONNREQ")
        other.subscribe()
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        began = time.monotonic()
        for n in range(200):
            listener.expect(*over(talker, f"DL{n % 10}AB{chr(65 + n // 10)}", frames=0))
        expect(time.monotonic() - began < 5 * PATIENCE, "slow")
        everything(other)
        over(talker, "DL1END", frames=0)
        other.until("stream_start", call="DL1END")


# ---- list files ----

def list_lab(lists):
    return lab("access.reload=1s", *lists.options)


def lets_through(talker, listener, source):
    over(talker, source, frames=1)
    return bool(listener.drain())


def test_bad_52_lists_of_every_kind_of_text():
    many = "\n".join(f"CS:DL{n % 10}{chr(65 + n // 10 % 26)}{chr(65 + n // 260 % 26)}"
                     f"{chr(65 + n // 6760 % 26)}" for n in range(HUGE))
    for text, source in ((many.encode() + b"\nCS:DL0END", "DL0END"),
                         (b"\xef\xbb\xbfCS:DL0BOM\r\nCS:DL0CR\r\n", "DL0BOM"),
                         (b"CS:DL0CR\r\nAL:X\r\n", "DL0CR"),
                         (b"CS:" + b"x" * 10240 + b"\nCS:DL0LONG\n", "DL0LONG"),
                         (os.urandom(4096) + b"\nCS:DL0BIN\n\0\0\xff" + os.urandom(512), "DL0BIN"),
                         (b"CS:DL0NUL\0\nCS:DL0AFT\n", "DL0AFT")):
        lists = Lists(access=text)
        with list_lab(lists) as box:
            talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
            expect(not lets_through(talker, listener, source), f"{source} is not refused")
            expect(lets_through(talker, listener, "DL9OTHER"), f"all are refused with {source}")


def test_bad_53_lists_that_go_bad_leave_the_last_good_one():
    lists = Lists(access="CS:DL0ONE\n", homes="NAILED:9:-1\n")
    with list_lab(lists) as box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        nailed = box.gateway("NAILED")

        def as_before(what):
            """The list that came last; a look later than the reload of a second."""
            expect(not lets_through(talker, listener, "DL0ONE"), f"{what}: let through")
            expect(place(box, nailed) == 9, f"{what}: not at home")

        as_before("at first")
        for what in ("deleted", "a directory", "unreadable"):
            said = box.daemon.log().count("deny.db")
            for path in (lists.access, lists.homes):
                path.unlink()
                if what == "a directory":
                    path.mkdir()
                elif what == "unreadable":  # from its first moment
                    new = path.with_suffix(".new")
                    new.write_text("CS:DL0TWO\n")
                    new.chmod(0)
                    new.rename(path)
            eventually(lambda: box.daemon.log().count("deny.db") > said, 5, f"a warning: {what}")
            as_before(what)
            for path in (lists.access, lists.homes):
                if path.is_dir():
                    path.rmdir()
            lists.write(lists.homes, "NAILED:9:-1\n")
            lists.write(lists.access, "CS:DL0ONE\nCS:DL0MARK\n")
            eventually(lambda: not lets_through(talker, listener, "DL0MARK"), 5, "a good list")
            lists.write(lists.access, "CS:DL0ONE\n")
            eventually(lambda: lets_through(talker, listener, "DL0MARK"), 5, "a good list again")
        lists.write(lists.access, "CS:DL0ONE\nCS:DL0HALF")  # half written: no final newline
        eventually(lambda: not lets_through(talker, listener, "DL0HALF"), 5, "its last line")
        expect(box.daemon.log().count("deny.db") < 60, "more than a warning now and then")


def test_bad_55_host_names_that_do_not_resolve_delay_nothing():
    lists = Lists(access="CS:DL0ONE\n")
    with list_lab(lists) as box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        names = "".join(f"IP:host{n}.invalid\nIPB:nobody{n}.invalid\n" for n in range(50))
        lists.write(lists.access, names + "CS:DL0TWO\n")
        eventually(lambda: not lets_through(talker, listener, "DL0TWO"), 5,
                   "the rest of the list, names unresolved")
        began = time.monotonic()
        whole(box, talker, listener)
        expect(time.monotonic() - began < 1.0 * SLOW, "voice waits for the resolver")


# ---- the machine ----

def test_bad_56_a_full_disk_for_the_log_costs_no_voice():
    with Daemon("workers.ysf=1", "server.log=/dev/full") as daemon, Lab(daemon) as box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        for n in range(20):
            hears(listener, over(talker, f"DL{n}LOG"), f"call {n}")
        eventually(lambda: "/dev/full takes no lines" in daemon.log(), 5, "a warning on stderr")
        expect(all(not worker["restarts"] for worker in daemon.workers().values()), "a worker died")


def test_bad_57_steps_of_the_wall_clock_end_nothing():
    if SLOW > 1:
        raise Skip("sanitizers want to be loaded first")
    with tempfile.NamedTemporaryFile(prefix="shackd-clock-") as file:
        os.chmod(file.name, 0o644)
        file.write(struct.pack("q", 0))
        file.flush()

        def step(seconds):
            file.seek(0)
            file.write(struct.pack("q", seconds))
            file.flush()

        library = BUILD / "tests/fault/clockstep.so"
        # the kernel stamps datagrams with its own clock: no ages of ours can be told from them
        with Daemon("workers.ysf=1", "protection.wild_ptt_count=0", "ysf.client_timeout=1h",
                    "ysf.max_age=0", environment={"LD_PRELOAD": str(library), "CLOCKSTEP_FILE": file.name}) \
                as daemon, Lab(daemon) as box:
            talker, movable, static = pair(box)
            daemon.ask("block", "DL1BLK", "3600")
            for seconds in (3600, -3600, 86400 * 365, 0):
                radio = Radio("TALKER", "IU5JAE")
                head = talk(talker, [radio.header(), radio.voice()])
                step(seconds)
                rest = talk(talker, [radio.voice(), radio.terminator()])
                hears(static, head + rest, f"the call over a step to {seconds}")
                movable.drain()
                expect(len(clients(daemon)) == 3, f"gateways lost by a step to {seconds}")
                over(talker, "DL1BLK")
                static.silent()
                expect("DL1BLK" in blocked(daemon), f"a block ended by a step to {seconds}")
            expect(not events(daemon, "slot.down"), "a worker was taken for hung")
            stamp = events(daemon, "stream.end")
            years = {event["time"][:4] for event in stamp}
            expect(len(years) == 2, f"the clock did not step: {years}")


def test_bad_58_a_port_in_use_ends_the_start():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for listen, options in ((f"127.0.0.1:{port}", ()),
                                ("127.0.0.1:0", (f"ysf.aux_ports=9:{port}",)),
                                ("127.0.0.1:0", (f"ysf.dashboard_listen=127.0.0.1:{port}",))):
            daemon = Daemon(*options, listen=listen, start=False)
            daemon.launch()
            expect(daemon.wait() != 0, f"{options or listen}: exit status 0")
            expect(str(port) in daemon.log(), daemon.log()[-300:])
            daemon.close()


def test_bad_60_aprs_servers_that_refuse_hang_or_close_cost_no_voice():
    with socket.socket() as mute, socket.socket() as refuser:
        mute.bind(("127.0.0.1", 0))
        mute.listen(1)  # accepts in the kernel, and never says a word
        refuser.bind(("127.0.0.1", 0))
        ports = {"hangs": mute.getsockname()[1], "refuses": refuser.getsockname()[1]}
        for what, port in ports.items():
            with Daemon("workers.ysf=1", "protection.wild_ptt_count=0", "aprs.enabled=yes",
                        "aprs.server=127.0.0.1", f"aprs.port={port}") as daemon, Lab(daemon) as box:
                talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
                gps = bytes.fromhex("4522625f31543355593230263a536c201c20036e")
                for n in range(10):
                    hears(listener, over(talker, f"DL{n}APR", frames=9, gps=gps), what)
                restarts = {s: w["restarts"] for s, w in daemon.workers().items()}
                expect(not any(restarts.values()), f"{what}: {restarts}")


def test_every_kind_of_nonsense_in_readable_frames():
    with lab() as box:
        talker, movable, static = pair(box)
        sent = [Radio("TALKER", "IU5JAE").header()]
        for n in range(64):
            payload = bytes((n * 37 + i * i) & 0xFF for i in range(90))
            sent.append(frame("TALKER", "IU5JAE", n + 1,
                              fich(VOICE, fn=n & 7, ft=n >> 3, dt=n % 3 and 2), payload))
        sent.append(frame("TALKER", "IU5JAE", 65, fich(TERMINATOR), b"\0" * 90, True))
        talk(talker, sent)
        hears(static, sent)
        hears(movable, prefixed(sent, 22))
        expect(not streams(box.daemon), "still open")


def test_nothing_of_this_cost_a_worker():
    expect_nobody_died()


if __name__ == "__main__":
    main(globals())
