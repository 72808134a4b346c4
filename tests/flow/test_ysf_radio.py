#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_ysf_radio - what radios tell beside their voice
# PURPOSE   Call signs of the header, remarks, model and position become events, each of them once,
#           whatever happens to the workers; what radios send wrong or on purpose harms nobody.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    none known

import os
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from frames import VD1, Radio, ended, short
from holder import stop_inside_a_transaction
from shackd import SLOW, Daemon, eventually, main
from ysf import Lab, events, expect, expect_nobody_died, shared, streams

OPTIONS = ("workers.ysf=1", "dgid.list=1-60", "dgid.default=22", "ysf.frame_rate=0",
           "protection.wild_ptt_count=0")
FLORENCE = short(0x30, (43, 46, 73), True, (11, 14, 7), True)
SYDNEY = short(0x28, (33, 52, 13), False, (151, 12, 56), True)
FACTS = ("rem12", "rem34", "radio", "latitude")


def lab(*options):
    return Lab(shared(*OPTIONS, *options))


def told(daemon, stream):
    """The stream.meta events of a stream, without the one of its header."""
    return [event for event in events(daemon, "stream.meta", stream=stream)
            if "uplink" not in event]


def call_of(box, talker):
    """The id of the latest call of a gateway."""
    return eventually(lambda: events(box.daemon, "stream.start", port=talker.port),
                      what="the start of the call")[-1]["stream"]


def over(box, talker, radio, frames=16):
    """A whole transmission; its id, once it has ended."""
    for data in radio.over(frames):
        talker.send(data)
    return ended_call(box, talker)


def ended_call(box, talker):
    eventually(lambda: events(box.daemon, "stream.end", port=talker.port), what="the end")
    eventually(lambda: not streams(box.daemon), what="no open stream")
    return call_of(box, talker)


def of_kind(found, key):
    return [event for event in found if key in event and (key != "radio" or "latitude" not in event)]


def test_header_tells_its_call_signs():
    with lab() as box:
        talker = box.gateway("TALKER")
        stream = over(box, talker, Radio("TALKER", "IU5JAE", radio_id="FAHuL", cm=1))
        event, = events(box.daemon, "stream.meta", stream=stream)
        expect(event["dest"] == "90123FAHuL" and event["source"] == "IU5JAE    " and
               event["uplink"] == event["downlink"] == "TALKER    ", event)
        start, = events(box.daemon, "stream.start", stream=stream)
        expect(start["number"] + 1 == event["number"], "not with the start of the call")


def test_damaged_header_tells_empty_call_signs():
    with lab() as box:
        talker = box.gateway("TALKER")
        radio = Radio("TALKER", "IU5JAE")
        header = radio.header()
        talker.send(header[:65] + bytes(90))
        talker.send(radio.terminator())
        event, = events(box.daemon, "stream.meta", stream=ended_call(box, talker))
        expect([event[key] for key in ("dest", "source", "uplink", "downlink")] == [""] * 4, event)


def test_remarks_model_and_position_are_told_once():
    with lab() as box:
        talker = box.gateway("TALKER")
        stream = over(box, talker, Radio("TALKER", "IU5JAE", rem12="12345ABCDE",
                                         rem34="54321FAHuL", gps=FLORENCE), 40)
        found = told(box.daemon, stream)
        expect([[key for key in FACTS if key in event][-1] for event in found] == list(FACTS), found)
        expect(found[0]["rem12"] == "12345ABCDE" and found[1]["rem34"] == "54321FAHuL", found[:2])
        expect(found[2] | {"radio": "FT-3D", "radio_code": 48} == found[2], found[2])
        expect(abs(found[3]["latitude"] - 43.778833) < 2e-6 and
               abs(found[3]["longitude"] - 11.2345) < 2e-6, found[3])
        end, = events(box.daemon, "stream.end", stream=stream)
        expect(end["latitude"] == found[3]["latitude"] and end["radio"] == "FT-3D", end)


def test_vd_mode_1():
    with lab() as box:
        talker = box.gateway("TALKER")
        stream = over(box, talker, Radio("TALKER", "IU5JAE", dt=VD1, ft=7, rem12="12345ABCDE",
                                         rem34="54321FAHuL", gps=SYDNEY), 24)
        found = told(box.daemon, stream)
        expect([[key for key in FACTS if key in event][-1] for event in found] == list(FACTS), found)
        expect(abs(found[3]["latitude"] + 33.868833) < 2e-6 and
               abs(found[3]["longitude"] - 151.209333) < 2e-6, found[3])


def test_changed_remark_is_told_again_and_a_blank_one_never():
    with lab() as box:
        talker = box.gateway("TALKER")
        radio = Radio("TALKER", "IU5JAE", rem12="FIRST")
        talker.send(radio.header())
        for text in ("FIRST", "FIRST", "", "SECOND", "SECOND", "FIRST"):
            radio.rem12 = text.encode().ljust(10)
            talker.send(radio.voice(fn=4))
        talker.send(radio.terminator())
        found = told(box.daemon, ended_call(box, talker))
        expect([event["rem12"] for event in found] == ["FIRST     ", "SECOND    ", "FIRST     "],
               found)


def test_first_position_stays():
    with lab() as box:
        talker = box.gateway("TALKER")
        radio = Radio("TALKER", "IU5JAE", gps=FLORENCE)
        for data in [radio.header()] + [radio.voice() for _ in range(8)]:
            talker.send(data)
        radio.gps = SYDNEY
        for data in [radio.voice() for _ in range(8)] + [radio.terminator()]:
            talker.send(data)
        found = told(box.daemon, ended_call(box, talker))
        expect(len([event for event in found if "latitude" in event]) == 1, found)
        expect([event["radio_code"] for event in of_kind(found, "radio")] == [0x30, 0x28], found)


def test_calls_at_the_same_time_do_not_mix():
    with lab() as box:
        one, other = box.gateway("ONE-7"), box.gateway("OTHER-9")
        radios = {one: Radio("ONE-7", "IU5JAE", rem12="ONE", rem34="RADIO ONE", gps=FLORENCE),
                  other: Radio("OTHER-9", "DL1ABC", rem12="OTHER", rem34="RADIO TWO", gps=SYDNEY)}
        for talker, radio in radios.items():
            talker.send(radio.header())
        for _ in range(24):
            for talker, radio in radios.items():
                talker.send(radio.voice())
        for talker, radio in radios.items():
            talker.send(radio.terminator())
        found = {talker: told(box.daemon, ended_call(box, talker)) for talker in radios}
        for talker, (rem, code, lat) in {one: ("ONE       ", 0x30, 43.778833),
                                         other: ("OTHER     ", 0x28, -33.868833)}.items():
            expect([event["rem12"] for event in of_kind(found[talker], "rem12")] == [rem], found)
            expect([event["radio_code"] for event in of_kind(found[talker], "radio")] == [code], found)
            where, = [event["latitude"] for event in found[talker] if "latitude" in event]
            expect(abs(where - lat) < 2e-6, found)


def test_hostile_blocks_tell_no_position_and_the_frames_pass():
    with lab() as box:
        talker, listener = box.pair()
        radio = Radio("TALKER", "IU5JAE")
        early = bytearray(b"\x52\x22\x62\x03\x00\x34\x33\x34\x56\x37")
        early[4] = sum(early[:4]) & 0xFF
        sent = [radio.header()]
        for ft in range(8):
            for gps in (bytes(early) * 2, FLORENCE[10:] + FLORENCE[:10], b"\x03" * 20,
                        ended(b"\x52\x22\x62\x5f\x30" + b"\x99" * 9, 20)):
                radio.gps = gps
                sent += [radio.voice(fn=fn, ft=ft) for fn in (7, 6, 7, 7)]
        sent.append(radio.terminator())
        for data in sent:
            talker.send(data)
        listener.expect(*sent)
        found = told(box.daemon, ended_call(box, talker))
        expect(not [event for event in found if "latitude" in event], found)


def test_remarks_that_change_with_every_frame_are_bounded():
    with lab() as box:
        talker, listener = box.pair()
        radio = Radio("TALKER", "IU5JAE")
        listener.expect(talker.send(radio.header()))
        for n in range(300):
            radio.rem12 = b"N%09d" % n
            listener.expect(talker.send(radio.voice(fn=4)))
        listener.expect(talker.send(radio.terminator()))
        found = told(box.daemon, ended_call(box, talker))
        expect(8 <= len(found) <= 30, f"{len(found)} events of 300 remarks")
        expect(found[-1]["rem12"] == "N000000299", "the last one is told with the end of the call")


def test_remark_with_quotes_and_controls_is_cleaned():
    with lab() as box:
        talker = box.gateway("TALKER")
        radio = Radio("TALKER", "IU5JAE")
        talker.send(radio.header())
        for text in (b"\x1b[31m'\"\\</", b"\x00\xff\x7f\x80\x01\n\r\t\x08Z"):
            radio.rem12 = text
            talker.send(radio.voice(fn=4))
        talker.send(radio.terminator())
        found = told(box.daemon, ended_call(box, talker))
        expect([event["rem12"] for event in found] == [" [31m'\"\\</", " " * 9 + "Z"], found)


def test_private_calls_tell_too():
    """The first call after a change of DG-ID is not passed on, but it is told of."""
    with lab() as box:
        talker = box.gateway("TALKER")
        stream = over(box, talker, Radio("TALKER", "IU5JAE", sq=9, rem12="12345ABCDE"))
        start, = events(box.daemon, "stream.start", stream=stream)
        expect(start["muted"], start)
        expect([event["rem12"] for event in told(box.daemon, stream)] == ["12345ABCDE"], "its remark")


def test_a_busy_gate_delays_news_and_no_frame():
    with Daemon(*OPTIONS, "workers.ysf=2", "server.watchdog=1s", "ysf.watchdog=10s",
                "server.respawn_tokens=6000/m") as daemon, Lab(daemon) as box:
        def on(slot, name):
            for _ in range(60):
                gateway = box.gateway(name)
                linked = events(daemon, "client.link", client=box.client(gateway)["id"])
                if linked[-1]["slot"] == slot:
                    return gateway
                gateway.unlink()
            raise AssertionError(f"the kernel gives nothing to {slot}")

        talker, listener = on("ysf.1", "TALKER"), on("ysf.1", "LISTENER")
        churn = on("ysf.0", "CHURN")
        radio = Radio("TALKER", "IU5JAE", rem12="12345ABCDE", rem34="54321FAHuL", gps=FLORENCE)
        listener.expect(talker.send(radio.header()))
        stream = call_of(box, talker)

        def poke():
            churn.poll()
            churn.unlink()

        stop_inside_a_transaction(daemon, only="ysf.0", poke=poke)
        stopped, slowest = time.monotonic(), 0.0
        for _ in range(8):
            at = time.monotonic()
            listener.expect(talker.send(radio.voice()))
            slowest = max(slowest, time.monotonic() - at)
        expect(time.monotonic() - stopped < 0.8 * SLOW, "too slow to see the gate held")
        expect(slowest < 0.05 * SLOW, f"a frame took {slowest:.3f} s")
        found = eventually(lambda: len(told(daemon, stream)) == 4 and told(daemon, stream), 10,
                           "the news")
        expect([[key for key in FACTS if key in event][-1] for event in found] == list(FACTS), found)
        talker.send(radio.terminator())


def test_kills_in_mid_call_tell_nothing_twice_and_lose_nothing():
    with Daemon(*OPTIONS, "server.respawn_tokens=6000/m") as daemon, Lab(daemon) as box:
        rng = random.Random(7)
        talker, kills = box.gateway("TALKER"), 0
        for turn in range(10):
            radio = Radio("TALKER", "IU5JAE", rem12=f"{turn:05}ABCDE", rem34=f"{turn:05}FAHuL",
                          gps=FLORENCE)
            talker.send(radio.header())
            at = {rng.randrange(40) for _ in range(4)}
            for n in range(40):
                talker.send(radio.voice())
                if n in at:
                    pid = daemon.worker_pids()["ysf.0"]
                    if pid:
                        time.sleep(rng.random() * 0.002)  # some have read it, some not
                        os.kill(pid, signal.SIGKILL)
                        kills += 1
                time.sleep(0.01)  # some frames while nobody serves, some while somebody does
            talker.send(radio.terminator())
            found = eventually(lambda: len(events(daemon, "stream.end", port=talker.port)) ==
                               turn + 1 and told(daemon, call_of(box, talker)), 10, "the end")
            kinds = [[key for key in FACTS if key in event][-1] for event in found]
            expect(sorted(kinds) == sorted(FACTS), f"told {kinds} in turn {turn}")
        expect(kills >= 20, f"only {kills} kills")


def test_nobody_died():
    expect_nobody_died()


if __name__ == "__main__":
    main(globals())
