#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_aprs - positions to APRS-IS
# PURPOSE   What is reported, in a form that another program decodes; what is not; and servers that
#           misbehave.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others, about 30 s
# LIMITS    five seconds between two reports, and minutes of silence or back-off, are the unit tests'

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from aprsis import Server
from frames import Radio, short
from shackd import SLOW, Daemon, Skip, eventually, main
from ysf import Lab, counters, events, expect

PLACE = short(48, (43, 46, 73), True, (11, 14, 7), True)
ELSEWHERE = short(37, (33, 52, 13), False, (151, 12, 56), True)
REPORT = re.compile(r"([A-Z0-9-]+)>APRS,TCPIP\*:@(\d{6})z(\d{4}\.\d\d[NS])/(\d{5}\.\d\d[EW])(.)"
                    r"YSF#(\d{5}) via (.+)")


class Uplink(Daemon):
    def __init__(self, server, *options):
        super().__init__("workers.ysf=1", "dgid.list=1-60", "ysf.frame_rate=0", "ysf.id=12345",
                         "aprs.enabled=yes", "aprs.server=127.0.0.1", f"aprs.port={server.port}",
                         *options)

    def count(self, name):
        return counters(self)[name]


def talk(gateway, source, gps=PLACE):
    for frame in Radio(gateway.name, source, gps=gps).over(16):
        gateway.send(frame)


def online(daemon):
    eventually(lambda: daemon.count("aprs_logins_total"), 10, "a verified login")


def wait_lines(server, count):
    return eventually(lambda: server.lines if len(server.lines) >= count else None, 20,
                      f"{count} reports")


# ---- what is reported ----

def test_report():
    with Server() as server, Uplink(server) as daemon, Lab(daemon) as box:
        talk(box.gateway("GW", dgid=9), "IU5JAE-7")
        line = wait_lines(server, 1)[0]
        found = REPORT.fullmatch(line)
        expect(found, line)
        call, stamp, latitude, longitude, symbol, number, rest = found.groups()
        expect((call, latitude, longitude, symbol, number, rest) ==
               ("IU5JAE-10", "4346.73N", "01114.07E", "[", "12345", "shackd FT-3D"), line)
        now = time.gmtime()
        expect(stamp[:2] in (f"{now.tm_mday:02}", f"{(now.tm_mday - 1) or 31:02}"), stamp)
        expect(server.heard[0].startswith("user YSF12345 pass 27270 vers shackd 20"),
               server.heard[0])
        expect(server.connections == 1 and server.logins == 1, "one connection")


def test_another_program_decodes_it():
    if not shutil.which("decode_aprs"):
        raise Skip("decode_aprs is not installed (direwolf)")
    with Server() as server, Uplink(server, "aprs.ssid=-9") as daemon, Lab(daemon) as box:
        gateway = box.gateway("GW", dgid=9)
        talk(gateway, "IU5JAE")
        talk(gateway, "VK2ABC/P", ELSEWHERE)
        lines = wait_lines(server, 2)
        done = subprocess.run(["decode_aprs"], input="\n".join(lines) + "\n", text=True,
                              capture_output=True, timeout=20 * SLOW)
        text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
        expect("IU5JAE-9" in text and "VK2ABC-9" in text, text)
        expect(re.search(r"N 43 46\.7300, E 0?11 14\.0700", text), text)
        expect(re.search(r"S 33 52\.1300, E 151 12\.5600", text), text)
        expect("via shackd FT-3D" in text and "via shackd FTM-400D" in text, text)
        expect(not re.search(r"error|invalid|bad|unexpected|expected", text, re.I), text)


def test_same_place_is_reported_once():
    with Server() as server, Uplink(server) as daemon, Lab(daemon) as box:
        gateway = box.gateway("GW", dgid=9)
        for _ in range(3):
            talk(gateway, "IU5JAE")
        talk(gateway, "IU5JAE", ELSEWHERE)  # moved, but a moment ago it was reported
        talk(gateway, "DL1ABC")
        lines = wait_lines(server, 2)
        expect([line.split("-")[0] for line in lines] == ["IU5JAE", "DL1ABC"], f"{lines}")
        expect(daemon.count("aprs_unsent_total{cause=not_moved}") == 2, "two repeats")
        expect(daemon.count("aprs_unsent_total{cause=rate}") == 1, "one too soon")


def test_who_is_not_reported():
    with Server() as server, Uplink(server, "aprs.opt_out=DL9OPT, IU5XYZ") as daemon, Lab(daemon) as box:
        gateway = box.gateway("GW", dgid=9)
        online(daemon)
        talk(gateway, "DL9OPT-7")
        talk(gateway, "iu5xyz")
        talk(gateway, "AB")
        talk(gateway, "DL1ABCD")  # ten characters with its "-10": one too many for APRS-IS
        gateway.call()  # no position
        cut = Radio("GW", "DL3CUT", gps=PLACE).over(16)[:-1]
        for frame in cut:
            gateway.send(frame)
        eventually(lambda: events(daemon, "stream.end", source="DL3CUT"), 10, "the watchdog")
        talk(gateway, "DL1ABC")
        expect(wait_lines(server, 1)[0].startswith("DL1ABC-10>"), f"{server.lines}")
        expect(len(server.lines) == 1, f"{server.lines}")
        expect(daemon.count("aprs_unsent_total{cause=opted_out}") == 4, "four declined")


def test_nothing_when_off():
    with Server() as server, Uplink(server, "aprs.enabled=no") as daemon, Lab(daemon) as box:
        talk(box.gateway("GW", dgid=9), "IU5JAE")
        eventually(lambda: events(daemon, "stream.end"), 5, "the end")
        expect(server.connections == 0, "a connection")


def test_switched_on_and_off_by_reload():
    with Server() as server, Daemon("workers.ysf=1", "dgid.list=1-60", "ysf.frame_rate=0") as daemon:
        with Lab(daemon) as box:
            where = f"server = 127.0.0.1\nport = {server.port}\n"
            daemon.config.write_text(f"[aprs]\nenabled = yes\n{where}")
            expect(daemon.ask("reload")[0] == 0, "reload")
            eventually(lambda: server.logins, 10, "a login")
            daemon.config.write_text(f"[aprs]\nenabled = no\n{where}")
            expect(daemon.ask("reload")[0] == 0, "reload")
            talk(box.gateway("GW", dgid=9), "IU5JAE")
            eventually(lambda: events(daemon, "stream.end"), 5, "the end")
            expect(server.lines == [], f"{server.lines}")


# ---- servers ----

def test_report_waits_for_a_server():
    with Server("refuse") as server:
        port = server.port
        with Uplink(server) as daemon, Lab(daemon) as box:
            talk(box.gateway("GW", dgid=9), "IU5JAE")
            eventually(lambda: daemon.count("aprs_failures_total") >= 1, 10, "a failure")
            server.close()
            with Server(port=port) as better:
                wait_lines(better, 1)
                expect(daemon.count("aprs_sent_total") == 1, "sent once")


def test_server_that_has_a_name():
    """data looks it up, here in /etc/hosts; link is told the addresses."""
    with Server() as server, Uplink(server, "aprs.server=localhost") as daemon, Lab(daemon) as box:
        talk(box.gateway("GW", dgid=9), "IU5JAE")
        wait_lines(server, 1)


def test_server_that_closes_in_mid_line():
    with Server("cut") as server, Uplink(server) as daemon, Lab(daemon) as box:
        gateway = box.gateway("GW", dgid=9)
        talk(gateway, "IU5JAE")
        talk(gateway, "DL1ABC")
        lines = wait_lines(server, 2)
        expect([line.split("-")[0] for line in lines] == ["IU5JAE", "DL1ABC"], f"{lines}")
        expect(server.connections >= 2, "reconnected")


def test_server_that_speaks_in_single_bytes():
    with Server("late") as server, Uplink(server) as daemon, Lab(daemon) as box:
        talk(box.gateway("GW", dgid=9), "IU5JAE")
        wait_lines(server, 1)


def test_login_that_is_not_verified_is_not_tried_again_soon():
    with Server("unverified") as server, Uplink(server) as daemon, Lab(daemon) as box:
        talk(box.gateway("GW", dgid=9), "IU5JAE")
        eventually(lambda: daemon.count("aprs_breaks_total") == 1, 10, "the breaker")
        expect(daemon.log().count("left alone for 15 minutes") == 1, "said once")
        box.relays(*box.pair(dgid=9))
        expect(server.connections == 1 and server.lines == [], f"{server.connections}")


def check_harmless(mode):
    with Server(mode) as server, Uplink(server) as daemon, Lab(daemon) as box:
        talker, listener = box.pair(dgid=9)
        for n in range(20):
            talk(talker, f"DL{n % 10}AB{chr(65 + n)}")
        listener.drain()
        eventually(lambda: server.connections >= 1, 10, "a connection")
        began = time.monotonic()
        for _ in range(5):
            box.relays(talker, listener)
        expect(time.monotonic() - began < 10 * SLOW, "the relay waits")
        expect(not events(daemon, "slot.down"), "nobody died")
        return server.lines


def test_servers_that_misbehave_hold_up_nobody():
    for mode in ("full", "mute", "hang", "refuse"):
        expect(check_harmless(mode) == [], mode)


def test_server_that_reads_nothing_holds_up_nobody():
    check_harmless("deaf")


def test_no_server_at_all():
    with Server() as gone:
        pass
    with Uplink(gone) as daemon, Lab(daemon) as box:
        talk(box.gateway("GW", dgid=9), "IU5JAE")
        eventually(lambda: daemon.count("aprs_failures_total") >= 1, 10, "a failure")
        box.relays(*box.pair(dgid=9))


# ---- it outlives link ----

def test_killed_link_repeats_nothing_and_forgets_nothing():
    with Server() as server, Uplink(server) as daemon, Lab(daemon) as box:
        gateway = box.gateway("GW", dgid=9)
        for n in range(4):
            talk(gateway, f"DL{n}ABC")
            talk(gateway, f"DL{n}ABC")
            pid = eventually(lambda: daemon.worker_pids().get("link"), 10, "link")
            os.kill(pid, signal.SIGKILL)
        calls = [line.split("-")[0] for line in wait_lines(server, 4)]
        talk(gateway, "DL0ABC")  # known from before the kills
        eventually(lambda: daemon.count("aprs_unsent_total{cause=not_moved}") >= 5, 10, "repeats")
        expect(sorted(set(calls)) == [f"DL{n}ABC" for n in range(4)], f"{calls}")
        expect(len(server.lines) == 4, f"{server.lines}")


if __name__ == "__main__":
    main(globals())
