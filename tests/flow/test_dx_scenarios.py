#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_dx_scenarios - what feeds really send, through a whole daemon
# PURPOSE   Lines in the shapes that go over the air (one station heard by twenty skimmers, beacons,
#           people's lines with all their oddities, reports through a real broker) become the spots that
#           they say, each once, at every session.
# OWNER     tests
# CONTRACT  what must come out is written beside each line, by the rules of the protocols' description.
#           tests/peers/dx_scenarios.py does the same with captured files
# LIMITS    needs mosquitto
# RUNS      beside others

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.scenarios import play  # noqa: E402
from lib.shackd import main  # noqa: E402

SKIMMERS = ("DK9IP", "F6IIT", "HB9DCO", "LZ3CB", "F8DGY", "S50U", "ES5PC", "OH6BG", "SM6FMB", "G4ZFE",
            "EA5WU", "LA6TPA", "OE9GHV", "ON5KQ", "PA0MBO", "RN4WA", "SV8RV", "UA4CC", "YO4RYU", "9A1CIG")
KHZ = ("7018.2", "7018.3", "7018.3", "7018.4")
# line, then: DX, kHz, mode, is it a person's, is it a beacon, comment
RBN = [(f"DX de {call}-#:   {KHZ[n % 4]}  RW1M           CW    {10 + n} dB  18 WPM  CQ      2259Z",
        "RW1M", float(KHZ[n % 4]), "CW", False, False, "18 WPM CQ") for n, call in enumerate(SKIMMERS)]
RBN += [
    ("DX de KM3T-2-#:  14100.0  CS3B           CW    24 dB  22 WPM  NCDXF B 2259Z",
     "CS3B", 14100.0, "CW", False, True, "22 WPM NCDXF B"),
    ("DX de K9LC-#:    28169.9  VA3XCD/B       CW     9 dB  10 WPM  BEACON  2259Z",
     "VA3XCD/B", 28169.9, "CW", False, True, "10 WPM BEACON"),
    ("DX de RN4WA-#:  14091.60  IZ0FVD         RTTY  29 dB  45 BPS  CQ      1516Z",
     "IZ0FVD", 14091.6, "RTTY", False, False, "45 BPS CQ"),
    ("DX de DL9GTB-#:  14071.0  UR4EYN         PSK31 44 dB  31 BPS  CQ      1026Z",
     "UR4EYN", 14071.0, "PSK", False, False, "31 BPS CQ"),
    ("DX de S50ARX-#:  14074.0  DL1ABC         FT8   -13 dB           CQ      0007Z",
     "DL1ABC", 14074.0, "FT8", False, False, "CQ"),
]
PEOPLE = [
    ("DX de G4XYZ:     21142.3  VE6AAA                                      1829Z",
     "VE6AAA", 21142.3, "FT4", True, False, ""),
    ("DX de PY8AAA:    21074.9  IK1AAA       FT8 -16                        1830Z",
     "IK1AAA", 21074.9, "FT8", True, False, ""),
    ("DX de EI55WAW     7046.5  EI55WAW      ses rtty                       1604Z",
     "EI55WAW", 7046.5, "RTTY", True, False, "ses"),
    ("DX de JI1IZS/     3500.0  JI1IZS/2     WWFF JAFF-0262    1201Z",
     "JI1IZS/2", 3500.0, "CW", True, False, "WWFF JAFF-0262"),
    ("DX de W3LPL:      3525.1  E51DWC       Heard in WA                    0919Z FM19",
     "E51DWC", 3525.1, "CW", True, False, "Heard in WA FM19"),
    ("DX de GM5G: 28421.9 GM5G USB ARRL 10m Contest 1708ZIO87 1708Z",
     "GM5G", 28421.9, "USB", True, False, "ARRL 10m Contest IO87"),
    ("DX de BG8NUD:     7014.2  CX2AQ        QSX 7015.20 CW                 0923Z OL36",
     "CX2AQ", 7014.2, "CW", True, False, "QSX 7015.20 OL36"),
    ("DX de F4AAA:     14074.0  K7AAA        FT8 Tnx                        1630Z\a\a",
     "K7AAA", 14074.0, "FT8", True, False, "Tnx"),
    ("DX de W1ABC: 14.024 P5RS7 cw 1234Z", "P5RS7", 14024.0, "CW", True, False, ""),
]


def report(call, locator, receiver, hertz, mode="FT8", **more):
    return json.dumps({"sq": 1, "f": hertz, "md": mode, "rp": -13, "t": 0, "sc": call, "sl": locator,
                       "rc": receiver, "rl": "FM19LB", **more}, separators=(",", ":"))


REPORTS = [
    (report("WB5XX", "EM33qf01", "KD3AN", 21074595, sa=291, ra=291),
     "WB5XX", 21074.6, "FT8", False, False, "EM33QF01>FM19LB"),
    (report("pc2j", "JO22le91", "WB5JJJ", 28076461, "ft8"),
     "PC2J", 28076.5, "FT8", False, False, "JO22LE91>FM19LB"),
    (report("DL1ABC", "JO62", "W3LPL", 14074250),
     "DL1ABC", 14074.3, "FT8", False, False, "JO62>FM19LB"),
]


def check(name, kind, cases):
    with tempfile.TemporaryDirectory(prefix="shackd-scenario-") as folder:
        path = Path(folder) / name
        path.write_text("".join(case[0] + "\n" for case in cases))
        result = play(path, kind, speed=10)
    found = [(spot["dx"], (spot["freq_hz"] + 50) // 100 / 10, spot["mode"], spot["human"], spot["beacon"],
              spot["comment"]) for spot in result.spots]
    for want, got in zip((case[1:] for case in cases), found):
        assert got == want, f"{got}, expected {want}"
    assert len(found) == len(cases), f"{len(found)} spots of {len(cases)} lines"
    counts = result.report
    assert counts["played_at_all"] == len(cases), counts
    assert counts["delivered"] == 2 * len(cases) and counts["wrong"] == 0, counts
    assert (result.feed["accepted"], result.feed["malformed"], result.feed["dropped"]) == \
        (len(cases), 0, 0), result.feed
    return result


def test_reverse_beacon_network():
    result = check("rbn", "rbn", RBN)
    heard = [spot["de"] for spot in result.spots if spot["dx"] == "RW1M"]
    assert len(set(heard)) == 20 and heard[0] == "DK9IP-#", heard


def test_people():
    result = check("people", "cluster", PEOPLE)
    assert {spot["dx"]: spot["report"] for spot in result.spots if spot["has_report"]} == {"IK1AAA": -16}


def test_pskreporter():
    result = check("reports", "pskreporter", REPORTS)
    assert [spot["de"] for spot in result.spots] == ["KD3AN-#", "WB5JJJ-#", "W3LPL-#"]


if __name__ == "__main__":
    main(globals())
