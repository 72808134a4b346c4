#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_rules_calls - the reflector's rules: the life of a call
# PURPOSE   What a call is known by, what its frames tell, how it ends, who is refused for how long,
#           and when key-ups are too many.
#
#   rule                                          test (here, or in the file named)
#   4.9  id of seven digits, unique               4_9_stream_ids_have_seven_digits_and_differ
#   4.9  what is reported at the start            4_9_start_tells_...
#   4.9  target: CSD1, else the network's         4_9_target_...
#   4.9  metadata of V/D 2, each news once        4_9_meta_...
#   4.9  end by FI 2, by the watchdog             ysf_streams: bad_27_..., watchdog_ends_a_silent...
#   4.9  end by the TX timeout                    ysf_streams: bad_43_tx_timeout_cuts_blocks_and_frees;
#                                                 4_9_timeout_...
#   4.9  terminator of a cut call                 ysf_streams: bad_14_..., many_calls_cut_at_once...
#   4.9  no terminator after the watchdog         ysf_streams: watchdog_ends_..._and_tells_nobody
#   4.10 one refusal a (client, source)           4_10_...
#   4.10 an allowed caller goes at once           4_10_an_allowed_caller_...
#   4.12 counting, parking, release               4_12_...
#   4.17 bounds                                   ysf_limits: streams_at_once_are_limited
#
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    none

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from frames import VD1, Radio, short
from rules import Feed, Lists, hears, metas, over, refused, rules_lab, talk
from shackd import SLOW, main
from test_frames import REAL_DAMAGED
from ysf import blocked, eventually, events, expect, expect_nobody_died, streams

LISTS = Lists(access="CS:DL0BAD\nCS:DL0EVIL\n")
FLORENCE = bytes.fromhex("4522625f31543355593230263a536c201c20036e")
NO_POSITION = bytes.fromhex("0722615f2b0317000000")


def lab():
    return rules_lab("access.check_re=0", *LISTS.options)


def wild():
    """Three calls within a second are too many; parked for two seconds."""
    return rules_lab("protection.wild_ptt_time=1s", "protection.wild_ptt_count=3",
                     "protection.reactivate=2s", "ysf.watchdog=300ms",
                     quiet=("ysf.frame_rate=0",))


def short_talk():
    return rules_lab("protection.tx_timeout=1s", "protection.reactivate=2s", "ysf.watchdog=5s")


def seen(box, kind, gateway):
    """Events of a gateway's calls."""
    ids = {event["stream"] for event in events(box.daemon, "stream.start", port=gateway.port)}
    return [event for event in events(box.daemon, kind) if event.get("stream") in ids]


def await_end(box, gateway, calls=1):
    return eventually(lambda: (ended_ := seen(box, "stream.end", gateway)) and
                      len(ended_) >= calls and ended_, 5, "the end of the call")[-1]


# ---- 4.9 opening ----

def test_4_9_stream_ids_have_seven_digits_and_differ():
    with lab() as box:
        talker = box.gateway("TALKER")
        for _ in range(20):
            over(talker, frames=0)
        talker.silent()
        ids = [event["stream"] for event in events(box.daemon, "stream.start", port=talker.port)]
        expect(len(ids) == 20 == len(set(ids)), ids)
        expect(all(len(text) == 7 and text.isdigit() for text in ids), ids)


def test_4_9_start_tells_caller_target_gateway_and_dgid():
    with lab() as box:
        talker = box.gateway("TALKER", dgid=50)
        radio = Radio("OTHERTAG", "IU5JAE-7", cm=1, radio_id="FAHuL")
        talker.send(radio.header())
        talker.silent()
        call, = streams(box.daemon)
        expect((call["source"], call["gateway"], call["dgid"]) == ("IU5JAE-7", "TALKER", 50), call)
        event = seen(box, "stream.start", talker)[-1]
        expect((event["source"], event["gateway"]) == ("IU5JAE-7", "TALKER"), event)
        talk(talker, [radio.terminator()])


def feed_lab():
    return rules_lab("access.check_re=0", "ysf.dashboard_listen=127.0.0.1:0")


def test_4_9_target_is_that_of_the_radio():
    with feed_lab() as box, Feed(box.daemon) as feed:
        feed.subscribe()
        for n, (radio, target) in enumerate((
                (Radio("T", "IU5JAE", cm=1, radio_id="FAHuL"), "90123FAHuL"),
                (Radio("T", "IU5JAE", dest="DL1DST"), "DL1DST    "),
                # none, or none that means anything: the network's
                (Radio("T", "IU5JAE", dest="**********", network_dest="NETDST"), "NETDST    "))):
            talk(box.gateway(f"T{n}"), radio.over(1))
            told = feed.until("stream_start")
            expect(told["target"] == target, f"{told['target']!r} instead of {target!r}")


def test_4_9_target_of_a_damaged_header_is_the_networks():
    with feed_lab() as box, Feed(box.daemon) as feed:
        feed.subscribe()
        talker = box.gateway("TALKER")
        talker.send(REAL_DAMAGED)
        told = feed.until("stream_start")
        expect((told["target"], told["call"]) == ("ALL       ", "IU8EKN"), told)
        told = feed.until("stream_id05")
        expect((told["dst"], told["src"]) == ("", ""), told)
        talker.terminator()


# ---- 4.9 metadata ----

def test_4_9_meta_of_the_header():
    with lab() as box:
        talker = box.gateway("TALKER", "IU5JAE")
        over(talker, frames=0, cm=1, radio_id="FAHuL")
        await_end(box, talker)
        event, = metas(box.daemon, talker, "calls")
        expect((event["dest"], event["source"], event["uplink"], event["downlink"]) ==
               ("90123FAHuL", "IU5JAE    ", "TALKER    ", "TALKER    "), event)


def test_4_9_meta_rem_once_for_each_news():
    with lab() as box:
        talker = box.gateway("TALKER")
        radio = Radio("TALKER", "IU5JAE", rem12="12345ABCDE", rem34="54321FAHuL")
        frames = [radio.header()] + [radio.voice() for _ in range(14)]  # two rounds
        radio.rem34 = b"99999G0gBJ"
        frames += [radio.voice() for _ in range(7)] + [radio.terminator()]
        talk(talker, frames)
        await_end(box, talker)
        expect([e["rem12"] for e in metas(box.daemon, talker, "rem12")] == ["12345ABCDE"], "Rem1+2")
        expect([e["rem34"] for e in metas(box.daemon, talker, "rem34")] == ["54321FAHuL", "99999G0gBJ"],
               "Rem3+4")


def test_4_9_meta_blank_rem_is_no_news():
    with lab() as box:
        talker = box.gateway("TALKER")
        over(talker, frames=14)
        await_end(box, talker)
        expect(not metas(box.daemon, talker, "rem12") and not metas(box.daemon, talker, "rem34"), "blank texts")


def test_4_9_meta_position_and_radio_once():
    with lab() as box:
        talker = box.gateway("TALKER")
        over(talker, frames=24, gps=FLORENCE)
        end = await_end(box, talker)
        radio, position = metas(box.daemon, talker, "radio"), metas(box.daemon, talker, "position")
        expect(len(radio) == 1 and radio[0]["radio_code"] == 49, radio)
        expect(len(position) == 1, position)
        for event in (position[0], end):
            expect(abs(event["latitude"] - 43.986667) < 2e-6, event)
            expect(abs(event["longitude"] - 10.509167) < 2e-6, event)
        expect(end["radio_code"] == 49, end)


def test_4_9_meta_radio_without_a_position():
    with lab() as box:
        talker = box.gateway("TALKER")
        over(talker, frames=14, gps=NO_POSITION)
        end = await_end(box, talker)
        expect([e["radio_code"] for e in metas(box.daemon, talker, "radio")] == [43], metas(box.daemon, talker))
        expect(not metas(box.daemon, talker, "position") and "latitude" not in end, end)


def test_4_9_meta_first_position_counts():
    with lab() as box:
        talker = box.gateway("TALKER")
        radio = Radio("TALKER", "IU5JAE", gps=FLORENCE)
        frames = [radio.header()] + [radio.voice() for _ in range(8)]
        radio.gps = short(48, (10, 0, 0), 1, (20, 0, 0), 1)
        frames += [radio.voice() for _ in range(8)] + [radio.terminator()]
        talk(talker, frames)
        end = await_end(box, talker)
        expect(abs(end["latitude"] - 43.986667) < 2e-6, end)
        expect(end["radio_code"] == 48, end)  # the radio may be known better later


def test_4_9_meta_of_parallel_calls_do_not_mix():
    with lab() as box:
        pairs = []
        for n, dgid in enumerate((9, 22, 50)):
            gps = short(40 + n, (10 + n, 0, 0), 1, (30 + n, 0, 0), 1)
            pairs.append((box.gateway(f"T{n}-{dgid}", f"DL{n}PAR"),
                          Radio(f"T{n}-{dgid}", f"DL{n}PAR", gps=gps, rem12=f"1234{n}ABCDE")))
        for step in range(18):
            for talker, radio in pairs:
                talker.send(radio.header() if step == 0 else radio.voice() if step < 17
                            else radio.terminator())
        for n, (talker, _) in enumerate(pairs):
            end = await_end(box, talker)
            expect(abs(end["latitude"] - 10 - n) < 2e-6 and end["radio_code"] == 40 + n, end)
            expect([e["rem12"] for e in metas(box.daemon, talker, "rem12")] == [f"1234{n}ABCDE"], n)


def test_4_9_meta_of_one_call_is_not_that_of_the_next():
    with lab() as box:
        talker = box.gateway("TALKER")
        over(talker, frames=16, gps=FLORENCE, rem12="12345ABCDE")
        await_end(box, talker)
        over(talker, "DL1NXT", frames=16, rem12="12345ABCDE")
        end = await_end(box, talker, 2)
        expect("latitude" not in end and not end.get("radio_code"), end)
        expect(len(metas(box.daemon, talker, "rem12")) == 2, "the second call's Rem1+2 is news again")


def test_4_9_meta_rem_of_v_d_1():
    with lab() as box:
        talker = box.gateway("TALKER")
        over(talker, frames=14, dt=VD1, rem12="12345ABCDE", rem34="54321FAHuL")
        await_end(box, talker)
        expect([e["rem12"] for e in metas(box.daemon, talker, "rem12")] == ["12345ABCDE"], "Rem1+2")
        expect([e["rem34"] for e in metas(box.daemon, talker, "rem34")] == ["54321FAHuL"], "Rem3+4")


# ---- 4.9 the transmission timeout ----

def talk_on(box, talker, listener, radio, seconds=4):
    """Until it is cut; the datagrams that the listener got."""
    heard, began = [], time.monotonic()
    talker.send(radio.header())
    while not seen(box, "stream.end", talker):
        talker.send(radio.voice())
        expect(time.monotonic() - began < seconds * SLOW, "never cut")
        time.sleep(0.05)  # the pace of a talker, no barrier
    heard += listener.drain()
    return heard


def test_4_9_timeout_cuts_a_caller_that_is_parked_already():
    with short_talk() as box:
        one, two = box.gateway("ONE-9", "DL1TWI"), box.gateway("TWO-50", "DL1TWI")
        listeners = box.gateway("HEAR-9"), box.gateway("HEAR-50")
        radios = Radio("ONE-9", "DL1TWI"), Radio("TWO-50", "DL1TWI")
        for talker, radio in zip((one, two), radios):
            talker.send(radio.header())
        began = time.monotonic()
        while streams(box.daemon):
            for talker, radio in zip((one, two), radios):
                talker.send(radio.voice())
            expect(time.monotonic() - began < 4 * SLOW, "never cut")
            time.sleep(0.05)  # the pace of a talker, no barrier
        for talker, listener in zip((one, two), listeners):
            expect(seen(box, "stream.end", talker)[-1]["reason"] == "timeout", talker.name)
            last = listener.drain()[-1]
            expect(last[34] & 1, f"{talker.name}: no terminator")


def test_4_9_timeout_parks_the_base_call():
    with short_talk() as box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        talk_on(box, talker, listener, Radio("TALKER", "DL2SUF/M"))
        expect(blocked(box.daemon)["DL2SUF"]["reason"] == "timeout", blocked(box.daemon))
        for source in ("DL2SUF", "DL2SUF/M", "DL2SUF-7"):
            over(talker, source)
        listener.silent()
        eventually(lambda: "DL2SUF" not in blocked(box.daemon), 5, "the end of the block")
        hears(listener, over(talker, "DL2SUF/M"))


# ---- 4.10 ----

def test_4_10_one_refusal_is_told_for_each_caller_at_a_gateway():
    with lab() as box:
        talker, other = box.gateway("TALKER"), box.gateway("OTHER")
        before = len(refused(box.daemon, "DL0BAD"))
        for _ in range(5):
            over(talker, "DL0BAD", frames=5)
        talker.silent()
        expect(len(refused(box.daemon, "DL0BAD")) == before + 1, refused(box.daemon, "DL0BAD"))
        over(talker, "DL0EVIL")
        over(other, "DL0BAD")
        other.silent()
        expect(len(refused(box.daemon, "DL0BAD")) == before + 2, "another gateway is news")
        expect(len(refused(box.daemon, "DL0EVIL")) == 1, "another caller is news")


def test_4_10_an_allowed_caller_at_the_same_gateway_is_heard_at_once_and_whole():
    with lab() as box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        over(talker, "DL0BAD", frames=5)
        hears(listener, over(talker, "DL1GOOD", frames=5))


def test_4_10_a_refused_caller_does_not_make_the_dgid_busy():
    with lab() as box:
        bad, good, listener = box.gateway("BAD"), box.gateway("GOOD"), box.gateway("HEAR-22")
        radio = Radio("BAD", "DL0BAD")
        talk(bad, [radio.header(), radio.voice()])
        hears(listener, over(good, "DL1GOOD"))


# ---- 4.12 ----

def keyed(talker, source):
    return over(talker, source, frames=0)


def parked(box, call):
    return blocked(box.daemon).get(call, {}).get("reason")


def test_4_12_the_call_that_is_too_many_goes_out_and_the_next_is_refused():
    with wild() as box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        for n in range(3):
            expect(parked(box, "DL1WLD") is None, f"parked before call {n}")
            hears(listener, keyed(talker, "DL1WLD"), f"call {n}")
        expect(parked(box, "DL1WLD") == "wild_ptt", blocked(box.daemon))
        keyed(talker, "DL1WLD")
        listener.silent()
        eventually(lambda: parked(box, "DL1WLD") is None, 5, "the release")
        hears(listener, keyed(talker, "DL1WLD"))


def test_4_12_suffixes_are_the_same_caller():
    with wild() as box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        for source in ("DL2WLD", "DL2WLD-7", "DL2WLD/M"):
            keyed(talker, source)
        listener.drain()
        expect(parked(box, "DL2WLD") == "wild_ptt", blocked(box.daemon))
        for source in ("DL2WLD", "DL2WLD-9"):
            keyed(talker, source)
        listener.silent()


def test_4_12_counts_over_all_gateways_and_dgids_muted_and_local_calls_too():
    with wild() as box:
        one, two, three = (box.gateway("ONE-9"), box.gateway("LOCAL-1"), box.gateway("THREE"))
        keyed(one, "DL3WLD")
        keyed(two, "DL3WLD")  # local
        over(three, "DL3WLD", frames=0, sq=50)  # muted
        three.silent()
        expect(parked(box, "DL3WLD") == "wild_ptt", blocked(box.daemon))


def test_4_12_slow_key_ups_are_no_wild_ones():
    with wild() as box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        for n in range(5):
            hears(listener, keyed(talker, "DL4WLD"), f"call {n}")
            time.sleep(0.6)  # the pace of the caller: never three within a second
        expect(parked(box, "DL4WLD") is None, blocked(box.daemon))


def test_4_12_headers_inside_a_call_count_once():
    with wild() as box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        radio = Radio("TALKER", "DL5WLD")
        sent = talk(talker, [radio.header()] + [radio.again() for _ in range(9)] +
                    [radio.terminator()])
        hears(listener, sent)
        expect(parked(box, "DL5WLD") is None, blocked(box.daemon))


def test_4_12_others_are_not_counted_with_it():
    with wild() as box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        for n in range(6):
            hears(listener, keyed(talker, f"DL{n}OTH"))
        expect(not any(parked(box, f"DL{n}OTH") for n in range(6)), blocked(box.daemon))


def test_4_12_count_0_is_off():
    with lab() as box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        for n in range(10):
            hears(listener, keyed(talker, "DL6WLD"), f"call {n}")
        expect(parked(box, "DL6WLD") is None, blocked(box.daemon))


def test_4_12_time_0_is_off():
    with rules_lab("protection.wild_ptt_time=0", quiet=("ysf.frame_rate=0",)) as box:
        talker, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        for n in range(10):
            hears(listener, keyed(talker, "DL7WLD"), f"call {n}")


def test_4_12_losers_of_a_busy_dgid_are_not_counted():
    with wild() as box:
        winner, loser = box.gateway("WINNER"), box.gateway("LOSER")
        radio = Radio("WINNER", "DL1WIN")
        winner.send(radio.header())
        for _ in range(5):
            keyed(loser, "DL8WLD")
        loser.drain()
        expect(parked(box, "DL8WLD") is None, blocked(box.daemon))
        winner.send(radio.terminator())


def test_nothing_of_this_cost_a_worker():
    expect_nobody_died()


if __name__ == "__main__":
    main(globals())
