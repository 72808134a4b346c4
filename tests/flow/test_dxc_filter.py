#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_dxc_filter - users' filters, from the command to what is sent
# PURPOSE   Each rule of GoCluster's filters as a user of his own who gets what it lets through, live and
#           of the past, and nothing else; and filters that outlive sessions, workers and the daemon.
# OWNER     make check
# CONTRACT  prints ok or not ok for each test; one daemon and one list of spots for all rules
# LIMITS    needs hamradio-files
# RUNS      beside others

import re
import sys
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.cluster import Cluster
from lib.shackd import eventually, main
from lib.upstream import Upstream

MARK = "DL0MARK"  # the last spot of each, of his own

# name: feed, kHz, station, spotter, the rest of the line
SPOTS = {
    "cw20": ("rbn", 14025.3, "LZ5VV", "W3LPL-#", "CW    24 dB  22 WPM  CQ"),
    "cw40": ("rbn", 7010.1, "K1ABC", "DL9GTB-#", "CW    10 dB  25 WPM  CQ"),
    "ft8": ("rbn", 14074.5, "DL1ABC", "S50ARX-#", "FT8   -13 dB           CQ"),
    "rtty": ("rbn", 21085.0, "JA1XYZ", "K1TTT-#", "RTTY  29 dB  45 BPS  CQ"),
    "beacon": ("rbn", 28200.5, "VA3XCD/B", "K9LC-2-#", "CW     9 dB  10 WPM  BEACON"),
    "human_cw": ("human", 14030.1, "ZS1ABC", "G4XYZ", "cw up 1"),
    "human_usb": ("human", 14250.0, "VK2DEF", "W1ABC", "usb 59"),
    "human_40": ("human", 7160.0, "LZ1AB", "G4XYZ", "ssb tnx"),
}
RBN = {"cw20", "cw40", "ft8", "rtty", "beacon"}
ALL = set(SPOTS)
HUMAN = ALL - RBN

# commands, replies (or None), what passes
RULES = {
    "a new user sees what people typed": ([], [], HUMAN),
    "F1: PASS adds": (["pass mode ft8", "pass source all"],
                      ["Filter set: Modes FT8", "Source filtering disabled"], ALL),
    "F2: one band": (["reject all", "pass band 20m"], ["All filters cleared", "Filter set: Band 20m"],
                     {"cw20", "ft8", "human_cw", "human_usb"}),
    "F3: what was allowed is used up": (
        ["reject all", "pass band 20m", "reject band 20m"], [None, None, "Band filters disabled: 20m"], set()),
    "F4: only what comes after REJECT ALL": (
        ["reject all", "reject band all", "pass band 40"],
        [None, "All bands blocked", "Filter set: Band 40m"], {"cw40", "human_40"}),
    "F5: symbols": (["reject all", "reject confidence ?"], [None, "Confidence symbols disabled: ?"],
                    {"ft8", "human_usb", "human_40"}),
    "F6: patterns": (["reject all", "pass dxcall lz*", "pass dxcall *bc"],
                     [None, "Filter set: DX callsign LZ*", "Filter set: DX callsign *BC"],
                     {"cw20", "cw40", "ft8", "human_cw", "human_40"}),
    "F7: one pattern goes": (["reject all", "pass dxcall lz*", "pass dxcall *bc", "reject dxcall lz*"],
                             [None, None, None, None], {"cw40", "ft8", "human_cw"}),
    "F8: zones": (["reject all", "pass dxzone 20,14"], [None, "Filter set: DX zones 20, 14"],
                  {"cw20", "ft8", "human_40"}),
    "F10: a wrong element changes nothing": (
        ["reject all", "pass band 20m,99m"], [None, None], ALL),
    "spotters": (["reject all", "pass decall w3lpl,k9lc"], [None, "Filter set: DE callsign W3LPL, K9LC"],
                 {"cw20", "beacon"}),
    "spotters' continent": (["reject all", "pass decont EU"], [None, "Filter set: DE continents EU"],
                            {"cw40", "ft8", "human_cw", "human_40"}),
    "entities": (["reject all", "reject dxdxcc 212"], [None, "DX DXCC filters disabled: 212"],
                 ALL - {"cw20", "human_40"}),
    "beacons": (["reject all", "reject beacon"], [None, "Beacon spots disabled"], ALL - {"beacon"}),
    "skimmers": (["reject all", "reject source human"], [None, "Source filters disabled: HUMAN"], RBN),
    "two dimensions": (["reject all", "pass mode cw", "pass dxcont NA"], [None, None, None],
                       {"cw40", "beacon"}),
}


def daemon(rbn, human):
    return Cluster(*rbn.feed("rbn", type="rbn"), *human.feed("human", type="cluster"))


def send_all(sessions):
    now = datetime.now(timezone.utc).strftime("%H%MZ")
    for feed, khz, dx, de, rest in SPOTS.values():
        sessions[feed].send(f"DX de {de}:   {khz:.1f}  {dx}   {rest}  {now}\r\n")


def name_of(line):
    """Which spot a line is of; None: the mark of somebody."""
    for name, (_, khz, dx, _, _) in SPOTS.items():
        if re.search(rf"\b{khz:.1f}\s+{re.escape(dx)}\b", line):
            return name
    assert MARK in line, line
    return None


def until_own_mark(user, call, khz):
    """The spots that came before his own mark, which he gets whatever his filter says."""
    user.type(f"dx {khz:.1f} {MARK} x")
    got = []
    while True:
        line = user.line()
        if not line.startswith("DX de "):
            continue
        if line.startswith(f"DX de {call}:"):
            return got
        if name_of(line):
            got.append(name_of(line))


def test_rules():
    """What each user gets live, and what SHOW/MYDX then shows him, is what his filter lets through."""
    with Upstream() as rbn, Upstream() as human, daemon(rbn, human) as cluster:
        sessions = {"rbn": rbn.accept().login(call="N0NODE-2"), "human": human.accept().login(call="N0NODE-2")}
        users = {}
        for i, (rule, (commands, replies, _)) in enumerate(RULES.items()):
            call = f"K1A{chr(65 + i)}"
            users[rule] = call, user = call, cluster.user(call, source=f"127.0.1.{i + 1}")
            for command, reply in zip(commands, replies):
                said = user.ask(command)
                assert reply is None or said[0] == reply, (rule, command, said)
            assert user.silent(0.01), call
        send_all(sessions)
        eventually(lambda: len(cluster.ctl("spots", "100")) >= len(SPOTS), 10, "all spots in the log")
        for i, (rule, (_, _, wanted)) in enumerate(RULES.items()):
            call, user = users[rule]
            got = until_own_mark(user, call, 21300 + i / 10)
            assert len(got) == len(set(got)) and set(got) == wanted, (rule, got, wanted)
            user.prompt()
            rows = [name_of(line) for line in user.ask("sh/mydx 100") if "<" in line]
            past = {name for name in rows if name}
            assert past == wanted, (rule, past, wanted)


def test_replies_that_say_more():
    with Cluster() as cluster, cluster.user("K1ABC") as user:
        assert user.ask("pass band 99m")[0] == "Unknown band: 99m"
        assert user.ask("pass mode xyz")[1].startswith("Supported modes: CW, FT4, FT8, LSB, USB, RTTY, MSK144")
        assert user.ask("pass dxzone 99") == ["Unknown CQ zone: [99]", "Valid zones: 1-40"]
        user.ask("reject all")
        user.ask("pass band 20m")
        said = user.ask("reject band 20m")
        assert "PASS BAND ALL" in said[1], said
        said = " ".join(user.ask("show filter"))
        assert said.startswith("Current filters: Bands: NONE | Modes: ALL | Source: ALL | "), said
        user.ask("pass band all")
        user.ask("reject band 20m,40m")
        assert "Bands: ALL except 40m, 20m |" in " ".join(user.ask("show filter"))
        assert "20m=DISABLED" in " ".join(user.ask("show filter bands"))


def test_patterns_are_bounded():
    """X29: no more than 64 of them, whatever is typed."""
    with Cluster() as cluster, cluster.user("K1ABC") as user:
        for chunk in range(20):
            said = user.ask("pass dxcall " + ",".join(f"A{chunk}{i}*" for i in range(50)))
            assert said[0].startswith("Filter set" if chunk == 0 else "Too many callsign patterns"), said
        assert " ".join(user.ask("show filter dxcall")).count("*") == 50
        user.ask("pass dxcall " + ",".join(f"B{i}*" for i in range(14)))
        assert user.ask("pass dxcall C1*") == ["Too many callsign patterns: 64 are allowed"]


def test_filters_outlive():
    """The session, the worker, and the daemon."""
    with Cluster() as cluster:
        with cluster.user("K1ABC") as user:
            user.ask("reject all")
            user.ask("pass band 20m")
            user.ask("pass dxcall lz*")
            before = user.ask("show filter")
            cluster.kill_worker("dxc.0")
            assert user.ask("show filter") == before
        with cluster.user("K1ABC") as user:
            assert user.ask("show filter") == before
        with cluster.user("K1ABC-7") as user:
            assert user.ask("show filter") == before, "his other station begins with it"
            user.ask("pass band 40m")
        cluster.stop()
        cluster.start()
        with cluster.user("K1ABC") as user, cluster.user("K1ABC-7") as other:
            assert user.ask("show filter") == before
            assert "Bands: 40m, 20m |" in " ".join(other.ask("show filter"))


if __name__ == "__main__":
    main(globals())
