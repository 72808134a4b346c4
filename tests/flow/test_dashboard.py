#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_dashboard - the dashboard protocol of pYSFReflector3
# PURPOSE   Who subscribes, what they are told, what nobody can do to them, and that a killed link
#           goes on where it was.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others, about 80 s
# LIMITS    the two minutes of the list are one second in a build of the test's own

import contextlib
import os
import random
import signal
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from dashboard import Dashboard
from frames import Radio, short
from lib import builds
from shackd import SLOW, Daemon, eventually, main
from ysf import Lab, blocked, counters, counters_of, events, expect, running, shared, streams

ROOMS = ("workers.ysf=1", "dgid.list=1-60", "ysf.frame_rate=0", "ysf.name=LAB REFLECTOR",
         "ysf.description=TEST LAB", "ysf.contact=josé@x", "ysf.web=http://x")
TIME = "%Y-%m-%d %H:%M:%S"
PLACE = short(48, (43, 46, 73), True, (11, 14, 7), True)  # 43.778833, 11.234500


def lab(*options):
    return Lab(shared(*ROOMS, *options))


def quick():
    return lab("ysf.watchdog=300ms", "protection.tx_timeout=1s", "protection.reactivate=1h")


def marker(box, dashboard):
    """Whatever was told before is read when this call's end is."""
    talker = box.gateway("MARKER", "DL0MRK", dgid=59)
    talker.call()
    start = dashboard.until(lambda one: isinstance(one, dict) and one.get("call") == "DL0MRK")
    dashboard.until(lambda one: isinstance(one, dict) and
                    one.get("stream_end") == start["stream_start"])
    talker.unlink()
    return start


# ---- subscribing ----

def test_system_tells_of_the_reflector():
    with lab() as box, Dashboard(box.daemon) as one:
        about = one.subscribe()
        expect(about["REF_ID"] == "82138" and about["REF_NAME"] == "LAB REFLECTOR", about)
        expect(about["REF_DESC"] == "TEST LAB" and about["contact"] == "josé@x", about)
        expect(about["web"] == "http://x" and about["APRS_EN"] == "0", about)
        expect(about["dgid_loc"] == "1" and about["dgid_def"] == "22", about)
        expect(about["dgid_list"] == str(list(range(1, 61))), about)


def test_known_subscriber_is_greeted_again():
    with lab() as box, Dashboard(box.daemon) as one:
        one.subscribe()
        one.send(b"CONNREQ").until(f"CONNOK:{one.ip}:{one.port}".encode())
        one.until("system")


def test_bye_ends_a_subscription():
    with lab() as box, Dashboard(box.daemon) as one, Dashboard(box.daemon) as other:
        one.subscribe()
        other.subscribe()
        one.send(b"BYE").until(f"BYE:{one.ip}:{one.port}".encode())
        marker(box, other)
        one.send(b"PING")
        one.send(b"BYE")
        other.ping()
        expect(one.read(0.05) is None, f"a stranger was told {one.seen[-1]}")


def test_ping_of_a_stranger_is_not_answered():
    with lab() as box, Dashboard(box.daemon) as one, Dashboard(box.daemon) as other:
        one.send(b"PING").send(b"BYE")
        other.subscribe()
        expect(one.read(0.05) is None, f"{one.seen}")


def test_wrong_words_are_ignored():
    with lab() as box, Dashboard(box.daemon) as one, Dashboard(box.daemon) as other:
        before = counters(box.daemon)["dashboards_ignored_total"]
        for word in (b"connreq", b"CONNREQ\n", b"CONNREQ ", b"PING\n", b"ping", b"bye", b"BYE\n", b"",
                     b"\0", b"{}", b"CONNOK:127.0.0.1:1", b"x" * 1400, bytes(range(256))):
            one.send(word)
        other.subscribe()
        expect(one.read(0.05) is None, f"{one.seen}")
        eventually(lambda: counters(box.daemon)["dashboards_ignored_total"] == before + 13, 2,
                   "thirteen ignored datagrams")


def test_who_does_not_ping_disappears():
    with Daemon(*ROOMS) as daemon, Lab(daemon) as box, Dashboard(daemon) as one:
        one.subscribe()
        pinged = time.monotonic()
        eventually(lambda: counters(daemon)["dashboards_gone_total"] == 1, 65, "expiry")
        silent = time.monotonic() - pinged
        expect(60 <= silent < 61.5, f"gone after {silent:.1f} s")


# ---- what is told ----

def test_call_is_told_in_order():
    with lab() as box, Dashboard(box.daemon) as one:
        one.subscribe()
        radio = Radio("TALKER", "IU5JAE-7", cm=1, radio_id="FAHuL", rem12="12345ABCDE",
                      rem34="54321FAHuL", gps=PLACE)
        talker = box.gateway("TALKER", dgid=9)
        for frame in radio.over(16):
            talker.send(frame)
        one.until("stream_end")
        told = one.of("stream_start", "stream_id05", "stream_id01", "stream_id02", "stream_id03",
                      "stream_id04", "stream_end")
        ids = {next(iter(found.values())) for found in told}
        expect(len(ids) == 1 and len(ids.copy().pop()) == 7, f"{ids}")
        expect([next(iter(found)) for found in told] ==
               ["stream_start", "stream_id05", "stream_id01", "stream_id02", "stream_id03",
                "stream_id04", "stream_end"], f"{told}")
        start, calls, rem12, rem34, model, place, end = told
        expect((start["call"], start["target"], start["gw"], start["dgid"]) ==
               ("IU5JAE-7", "90123FAHuL", "TALKER", "09"), start)
        expect((start["CM"], start["DT"], start["FT"], start["SQC"]) == ("1", "2", "7", "0"), start)
        expect((calls["dst"], calls["src"]) == ("90123FAHuL", "IU5JAE-7  "), calls)
        expect((calls["uplink"], calls["downlink"]) == ("TALKER    ", "TALKER    "), calls)
        expect(rem12["Rem1+2"] == "12345ABCDE" and rem34["Rem3+4"] == "54321FAHuL", told)
        expect(model["radio_code"] == "48", model)
        expect(abs(float(place["latitude"]) - 43.778833) < 2e-5 and
               abs(float(place["longitude"]) - 11.2345) < 2e-5, place)
        expect(end["type"] == "TC", end)


def test_ends_have_their_types():
    with quick() as box, Dashboard(box.daemon) as one:
        one.subscribe()
        talker = box.gateway("TALKER", "IU5JAE", dgid=9)
        talker.header()
        expect(one.until("stream_end")["type"] == "WD", "silence is WD")
        mover = box.gateway("MOVER", "DL2MOV")
        mover.call(sq=31)
        expect(one.until("stream_end")["type"] == "TD", "a change of DG-ID is TD")
        talker.header()
        start = one.until("stream_start")

        def cut():
            talker.voice()
            return streams(box.daemon) == []
        eventually(cut, 10, "the timeout")
        timeout = one.until("stream_timeout")
        expect((timeout["stream_timeout"], timeout["CS"]) == (start["stream_start"], "IU5JAE"),
               timeout)
        expect(not [end for end in one.of("stream_end")
                    if end["stream_end"] == start["stream_start"]], "a timeout has no stream_end")


def test_local_call_has_its_gateway_for_dgid():
    with lab() as box, Dashboard(box.daemon) as one:
        one.subscribe()
        talker = box.gateway("TALKER", "IU5JAE", dgid=1)
        number = box.client(talker)["id"].lstrip("c")
        talker.call()
        expect(one.until("stream_start")["dgid"] == f"-{number}", f"{one.seen[-1]}")


def test_refused_caller_is_told():
    with lab("access.check_re=1") as box, Dashboard(box.daemon) as one:
        one.subscribe()
        talker = box.gateway("TALKER", "12345")
        talker.call()
        told = one.until("blocked")
        expect((told["blocked"], told["CS"], told["GW"], told["BR"]) ==
               ("-1", "12345     ", "TALKER    ", "CS"), told)


def test_texts_can_do_no_harm():
    with lab() as box, Dashboard(box.daemon) as one:
        one.subscribe()
        for source in ("O'BRIEN", 'A"B', "A\\B", "'; DROP--", "</script>"):
            radio = Radio("TA'L\"K", source, dest="X'Y\"Z\\A", rem12="'\"\\1+2", rem34="a'b\"c\\d")
            talker = box.gateway("TA'L\"K", dgid=9)
            for frame in radio.over(8):
                talker.send(frame)
            one.until("stream_end")  # each message was looked at as it came
            talker.unlink()


# ---- lists ----

def test_list_comes_once_after_the_first_ping():
    with lab() as box, Dashboard(box.daemon) as one:
        gateways = [box.gateway(f"GW{n}", dgid=9 + n) for n in range(3)]
        static = box.gateway("XX-22")
        one.send(b"CONNREQ").until("system")
        marker(box, one)
        expect(not one.of("linked", "total_linked"), "a list before any PING")
        one.ping()
        linked, parked = one.list()
        by_port = {int(found["port"]): found for found in linked}
        for n, gateway in enumerate(gateways):
            found = by_port[gateway.port]
            expect((found["call"], found["IP"], found["DGID"], found["T_HOLD"]) ==
                   (f"GW{n}", gateway.ip, f"{9 + n:02}", "0"), found)
            expect((found["LO"], found["LK"]) == ("0", "0") and int(found["TC"]) <= 2, found)
            linked_at = time.mktime(time.strptime(found["CF"], TIME)) - time.timezone
            expect(abs(time.time() - linked_at) < 30 * SLOW, found)
            expect((found["BTH_DGID"], found["BTH_TOUT"]) == (f"{9 + n}", "900"), found)
        expect(by_port[static.port]["T_HOLD"] == "-1", by_port[static.port])
        expect(parked == [], parked)
        one.ping()
        marker(box, one)
        expect(len(one.of("total_linked")) == 1, "a second list soon after")


def test_parked_callers_are_listed():
    with quick() as box, Dashboard(box.daemon) as one:
        talker = box.gateway("TALKER", "IU5ZZZ", dgid=9)
        talker.header()

        def parked():
            talker.voice()
            return "IU5ZZZ" in blocked(box.daemon)
        eventually(parked, 10, "the timeout")
        box.daemon.ask("block", "DL9OPR")
        one.subscribe()
        found = {entry["call"]: entry for entry in one.list()[1]}
        expect(found["IU5ZZZ"]["BR"] == "RCT" and "DL9OPR" not in found, f"{found}")
        left = time.mktime(time.strptime(found["IU5ZZZ"]["TR"], TIME)) - time.timezone - time.time()
        expect(3500 < left <= 3600, f"{left} s")


def test_lists_come_on_schedule_even_empty():
    with contextlib.ExitStack() as stack:
        program = stack.enter_context(builds.faulty("none"))
        builds.replace(builds.net_beside(program), builds.net_beside(builds.TESTING), "quick-lists")
        daemon = stack.enter_context(Daemon(*ROOMS, program=program))
        one = stack.enter_context(Dashboard(daemon))
        one.subscribe()
        began = time.monotonic()
        for _ in range(4):
            expect(one.list() == ([], []), f"{one.seen[-3:]}")
        expect(2 < time.monotonic() - began < 8 * SLOW, "not every second")


# ---- nobody can misuse it ----

def test_lists_are_for_those_who_ping():
    """Of all messages they are the longest by far: a forged CONNREQ does not set them off."""
    with contextlib.ExitStack() as stack:
        program = stack.enter_context(builds.faulty("none"))
        builds.replace(builds.net_beside(program), builds.net_beside(builds.TESTING), "quick-lists")
        daemon = stack.enter_context(Daemon(*ROOMS, program=program))
        forged, genuine = (stack.enter_context(Dashboard(daemon)) for _ in range(2))
        forged.send(b"CONNREQ").until("system")
        genuine.subscribe()
        for _ in range(3):
            genuine.list()
        expect(forged.read(0.05) is None, f"{forged.seen[-1]}")
        forged.ping()
        forged.list()


def test_forged_connreqs_do_not_amplify():
    with Daemon(*ROOMS) as daemon, Lab(daemon) as box, Dashboard(daemon) as genuine:
        genuine.subscribe()
        genuine.list()
        with Dashboard(daemon, "127.66.0.1") as probe:
            victims = [Dashboard(daemon, "127.66.6.6") for _ in range(1000)]
            for victim in victims:
                victim.send(b"CONNREQ")
            probe.subscribe()  # another address is still served
            got = [victim.sock for victim in victims]
            told = 0
            for sock in got:
                sock.setblocking(False)
                try:
                    while sock.recv(4096):
                        told += 1
                except BlockingIOError:
                    pass
            expect(told <= 2 * (8 + 10 * SLOW), f"{told} datagrams for a thousand")
            seen = counters(daemon)
            expect(seen["dashboards_refused_total{cause=rate}"] > 900, f"{seen}")
            marker(box, genuine)
            for victim in victims:
                victim.close()


def test_signs_of_life_cost_few_transactions():
    """The gate of the store belongs to voice: whoever pings in a hurry must not hold it."""
    with lab() as box, Dashboard(box.daemon) as one:
        one.subscribe()
        before, began = counters_of(box.daemon, "link")["store_commits_total"], time.monotonic()
        for _ in range(500):
            one.ping()
        rise = counters_of(box.daemon, "link")["store_commits_total"] - before
        expect(rise <= 2 + time.monotonic() - began, f"{rise} transactions for 500 PINGs")


def test_places_go_to_those_who_ping():
    with Daemon(*ROOMS, "limits.dashboards=4") as daemon, Lab(daemon) as box:
        served = [Dashboard(daemon) for _ in range(3)]
        for one in served:
            one.subscribe()
        for _ in range(10):  # each takes the place of the one before
            Dashboard(daemon).send(b"CONNREQ").until("system")
        last = Dashboard(daemon)
        last.subscribe()
        refused = Dashboard(daemon).send(b"CONNREQ")
        last.ping()
        expect(refused.read(0.05) is None, f"{refused.seen}")
        for one in served + [last]:
            one.ping()
            marker(box, one)
        expect(counters(daemon)["dashboards_refused_total{cause=full}"] == 1, "counted")


def test_subscriber_that_never_reads_holds_up_nobody():
    with Daemon(*ROOMS) as daemon, Lab(daemon) as box, Dashboard(daemon) as one:
        deaf = [Dashboard(daemon) for _ in range(8)]
        for each in deaf:
            each.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            each.send(b"CONNREQ").send(b"PING")
        one.subscribe()
        talker, listener = box.pair(dgid=9)
        for _ in range(30):
            box.relays(talker, listener)
        eventually(lambda: len([one.read(0.01) for _ in range(5)]) and
                   len(one.of("stream_end")) == 30, 10, "thirty ends")


def allow(daemon, networks):
    daemon.config.write_text(f"[ysf]\ndashboard_allow = {networks}\n")
    code, _, why = daemon.ask("reload")
    expect(code == 0, why)


def refusals(daemon):
    return counters(daemon)["dashboards_refused_total{cause=address}"]


def test_only_who_is_allowed_is_served():
    with Daemon(*ROOMS) as daemon, Lab(daemon) as box, Dashboard(daemon, "127.0.0.1") as genuine, \
            Dashboard(daemon, "127.0.0.2") as other:
        allow(daemon, "127.0.0.1/32")
        genuine.subscribe()
        for word in (b"CONNREQ", b"PING", b"BYE"):
            other.send(word)
        eventually(lambda: refusals(daemon) == 3, 5, "three refusals")
        marker(box, genuine)
        expect(other.read(0.05) is None, f"{other.seen}")
        eventually(lambda: f"dashboard 127.0.0.2:{other.port} refused: ysf.dashboard_allow" in
                   daemon.log(), 5, "a line that names the key")
        allow(daemon, "127.0.0.1/32, 127.0.0.2")
        other.subscribe()
        marker(box, other)
        allow(daemon, "127.0.0.1/32")
        eventually(lambda: counters(daemon)["dashboards_gone_total"] == 1, 5, "let out")
        while other.read(0.05) is not None:
            pass  # what was sent before
        marker(box, genuine)
        other.send(b"PING")
        genuine.ping()
        expect(other.read(0.05) is None, f"{other.seen[-1]}")
        eventually(lambda: refusals(daemon) == 4, 5, "its PING counted")
        allow(daemon, "*")
        other.subscribe()
        daemon.config.write_text("[ysf]\ndashboard_allow = 127.0.0.1/33\n")
        code, _, why = daemon.ask("reload")
        expect(code == 1 and "shackd.ini:2: ysf.dashboard_allow" in why, f"{code} {why}")
        other.ping()


# ---- calls that were open before ----

def test_subscriber_in_mid_call_is_told_the_beginning():
    with lab() as box, Dashboard(box.daemon) as first, Dashboard(box.daemon) as late:
        first.subscribe()
        radio = Radio("TALKER", "IU5JAE", rem12="12345ABCDE", rem34="54321FAHuL",
                      gps=PLACE)
        talker = box.gateway("TALKER", dgid=9)
        over = radio.over(16)
        for frame in over[:7]:  # up to the remarks
            talker.send(frame)
        first.until("stream_id02")
        late.send(b"CONNREQ").until("system")
        marker(box, late)
        late.ping()  # what went before is there when this is answered
        for frame in over[7:]:
            talker.send(frame)
        late.until("stream_end")
        stream = first.of("stream_start")[0]["stream_start"]
        told = [next(iter(found)) for found in late.seen if isinstance(found, dict) and
                stream in found.values()]
        expect(told == ["stream_start", "stream_id05", "stream_id01", "stream_id02", "stream_id03",
                        "stream_id04", "stream_end"], f"{told}")


def test_nothing_of_a_call_without_its_beginning():
    """The collector of pYSFReflector3 would hang for ever."""
    with lab() as box, Dashboard(box.daemon) as first, Dashboard(box.daemon) as late:
        first.subscribe()
        radio = Radio("TALKER", "IU5JAE", rem12="12345ABCDE", gps=PLACE)
        talker = box.gateway("TALKER", dgid=9)
        over = radio.over(8)
        for frame in over[:3]:
            talker.send(frame)
        first.until("stream_start")
        late.send(b"CONNREQ").until("system")
        for frame in over[3:]:
            talker.send(frame)
        first.until("stream_end")
        marker(box, late)
        stream = first.of("stream_start")[0]["stream_start"]
        expect(not [found for found in late.seen if isinstance(found, dict) and
                    stream in found.values()], f"{late.seen}")


# ---- it outlives link ----

def kill_link(daemon):
    pid = eventually(lambda: daemon.worker_pids().get("link"), 10, "link")
    os.kill(pid, signal.SIGKILL)
    return pid


def test_every_event_once_over_kills_at_many_points():
    with Daemon(*ROOMS) as daemon, Lab(daemon) as box, Dashboard(daemon) as one, \
            Dashboard(daemon) as two:
        one.subscribe()
        two.subscribe()
        talkers = [box.gateway(f"T{n}", f"DL{n}ABC", dgid=30 + n) for n in range(8)]
        chance = random.Random(7)
        for talker in talkers * 5:
            talker.call()
            time.sleep(chance.random() * 0.01)
            kill_link(daemon)
        wanted = [event["stream"] for event in events(daemon, "stream.start")]
        expect(len(wanted) == 40, f"{len(wanted)} calls")
        for dashboard in (one, two):
            eventually(lambda: [dashboard.read(0.01) for _ in range(50)] and
                       len(dashboard.of("stream_end")) >= 40, 20, "the ends")
            marker(box, dashboard)
            for kind in ("stream_start", "stream_end"):
                told = [found[kind] for found in dashboard.of(kind)][:40]
                expect(told == [f"{stream:07}" for stream in wanted],
                       f"{kind}: {len(told)} told, {len(set(told))} different")
            dashboard.ping()  # still subscribed


def test_every_event_once_over_upgrades():
    with Daemon(*ROOMS) as daemon, Lab(daemon) as box, Dashboard(daemon) as one:
        one.subscribe()
        talker = box.gateway("TALKER", "DL1ABC", dgid=30)
        for _ in range(3):
            talker.call()
            before = daemon.worker_pids()["link"]
            code, _, why = daemon.ask("upgrade")
            expect(code == 0 and daemon.worker_pids()["link"] != before, why)
        wanted = [f"{event['stream']:07}" for event in events(daemon, "stream.start")]
        marker(box, one)
        for kind in ("stream_start", "stream_end"):
            told = [found[kind] for found in one.of(kind)][:3]
            expect(told == wanted, f"{kind}: {told}, not {wanted}")
        one.ping()


def test_a_store_made_anew_is_followed():
    """Whoever went on reading the one that was set aside would be silent for ever."""
    with Daemon(*ROOMS) as daemon, Lab(daemon) as box, Dashboard(daemon) as one:
        before = {slot: worker["generation"] for slot, worker in daemon.workers().items()}
        store = daemon.shm_dir / "voice" / "data.mdb"
        fresh, owner = store.with_name("fresh"), store.stat()
        fresh.write_bytes(b"no store" * 4096)
        os.chown(fresh, owner.st_uid, owner.st_gid)
        fresh.rename(store)
        daemon.kill_worker("keeper")
        for slot in ("ysf.0", "data", "link"):
            eventually(lambda slot=slot: (now := daemon.workers()[slot])["state"] == "ready" and
                       now["generation"] > before[slot], 10, f"{slot} on the new store")
        one.subscribe()
        marker(box, one)


def test_list_goes_on_schedule_after_a_kill():
    with lab() as box, Dashboard(box.daemon) as one:
        one.subscribe()
        one.list()
        kill_link(box.daemon)
        one.ping()
        marker(box, one)
        expect(len(one.of("total_linked")) == 1, "a list because of a kill")


def test_reply_comes_from_the_address_asked():
    with Daemon(*ROOMS, "ysf.dashboard_listen=*:0") as daemon:
        port = daemon.dashboards[0].rsplit(":", 1)[1]
        daemon.dashboards = [f"127.88.1.2:{port}"]
        with Dashboard(daemon) as one:  # connected: another source would not be heard
            one.subscribe()
            one.list()


def test_no_port_when_off():
    with Daemon(*ROOMS, "ysf.dashboard_listen=") as daemon:
        expect("dashboard=" not in daemon.ready, daemon.ready)
        expect("link" in daemon.workers(), "link runs for the logs")


def test_nobody_died_of_itself():
    for daemon in running.values():
        fallen = [event for event in events(daemon, "slot.down") if event["slot"] != "link"]
        signals = {event["signal"] for event in events(daemon, "slot.down", slot="link")}
        expect(not fallen and signals <= {signal.SIGKILL}, f"{fallen} {signals}")


if __name__ == "__main__":
    main(globals())
