#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      dx_scenarios - captured feeds through a whole daemon
# PURPOSE   Real lines of the Reverse Beacon Network, of cluster users and of PSKReporter become spots,
#           each once, at every session; the counts are those of the files.
# OWNER     people: needs captured files that are not part of this tree
# CONTRACT  DATA=FOLDER with rbn_telnet_20200705_2259z.txt, cluster_human_lines.txt, pskr_payloads.jsonl;
#           prints `ok` and `not ok` lines; without DATA it says SKIP
# LIMITS    needs mosquitto; after `make all loads`

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.scenarios import play  # noqa: E402
from lib.shackd import Skip, main  # noqa: E402


def data(name):
    folder = os.environ.get("DATA")
    if folder is None:
        raise Skip("DATA names no folder with captured files")
    return Path(folder) / name


def all_came(result, lines):
    assert len(result.spots) == lines, f"{len(result.spots)} spots of {lines} lines"
    assert result.report["played_at_all"] == lines and result.report["wrong"] == 0, result.report
    assert result.feed["malformed"] == result.feed["dropped"] == 0, result.feed


def test_r1_ten_seconds_of_the_reverse_beacon_network():
    result = play(data("rbn_telnet_20200705_2259z.txt"), "rbn")
    all_came(result, 34)
    beacons = sorted(spot["dx"] for spot in result.spots if spot["beacon"])
    assert beacons == ["AB8Z/B", "CS3B", "CS3B", "N1NSP/B", "NS9RC", "VA3XCD/B"], beacons
    assert len({spot["dx"] for spot in result.spots}) == 11
    heard = [spot for spot in result.spots if spot["dx"] == "RW1M"]
    assert len({spot["de"] for spot in heard}) == 20
    kilohertz = [spot["freq_hz"] // 100 / 10 for spot in heard]
    assert [kilohertz.count(value) for value in (7018.2, 7018.3, 7018.4)] == [4, 15, 1], kilohertz


def test_r3_people():
    result = play(data("cluster_human_lines.txt"), "cluster")
    all_came(result, 25)
    by_call = {spot["dx"]: spot for spot in result.spots}
    for call, mode in {"VE6KIX": "FT4", "5Z4VJ": "FT8", "RI0SP": "FT4", "OT6V/P": "LSB", "OR2M": "CW",
                       "IK1EZX": "FT8", "EI55WAW": "RTTY"}.items():
        assert by_call[call]["mode"] == mode, by_call[call]
    assert by_call["IK1EZX"]["report"] == -16 and by_call["KE0L"]["comment"] == "WW"
    assert "0230 Rene" in by_call["OT6V/P"]["comment"]
    assert not [spot for spot in result.spots if "\a" in spot["comment"]]


def test_r4_pskreporter():
    result = play(data("pskr_payloads.jsonl"), "pskreporter")
    all_came(result, 9)
    assert result.spots[0]["comment"] == "" and result.spots[0]["dx_side"]["grid"] == ""
    assert all(spot["comment"] for spot in result.spots[1:])


if __name__ == "__main__":
    main(globals())
