#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_countries - the country file and the list of known calls, while the daemon runs
# PURPOSE   What a download may leave behind: a newer edition in any of the three forms, a page of
#           HTML, half a file, nothing, a giant. The one is in force at once, the others never are, and
#           all of it is said; a death of the worker that reads them loses nothing.
# OWNER     make check
# CONTRACT  one `ok`, `not ok` or `SKIP` line for each test; exit 1 if any failed
# RUNS      beside others, about 40 s
# LIMITS    needs the package hamradio-files; the look-up is tested in tests/unit/shm/test_country.c

import os
import plistlib
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from lists import Lists  # noqa: E402
from shackd import eventually, main  # noqa: E402
from ysf import expect  # noqa: E402

FILES = Path("/usr/share/hamradio-files")
CSV = (FILES / "cty.csv").read_bytes()
DAT = (FILES / "cty.dat").read_bytes()
SCP = (FILES / "MASTER.SCP").read_bytes()
ENTITIES, PREFIXES = 346, 7738  # of the edition of May 2023
BOX = None


class Countries(Lists):
    """with Countries() as box: box.cty and box.scp are the files."""

    def __init__(self, *options, cty=CSV, scp=SCP, node="N0CALL-1", **keywords):
        self.folder = Path(tempfile.mkdtemp(prefix="shackd-test-countries-"))
        self.folder.chmod(0o755)
        self.cty, self.scp = self.folder / "cty", self.folder / "scp"
        for path, data in ((self.cty, cty), (self.scp, scp)):
            if data is not None:
                path.write_bytes(data)
        try:
            super().__init__(f"dxc.node_call={node}", "dxc.listen=127.0.0.1:0", "workers.ysf=1",
                             "workers.dxc=1", f"data.cty_file={self.cty}",
                             f"data.scp_file={self.scp}", *options, deny=None, **keywords)
        except BaseException:
            shutil.rmtree(self.folder)
            raise

    def __exit__(self, kind, value, trace):
        super().__exit__(kind, value, trace)
        shutil.rmtree(self.folder, ignore_errors=True)

    def shown(self):
        """{list: what `shackctl lists` says of it}"""
        return {row["list"]: row for row in self.daemon.ctl("lists")}

    def metrics(self):
        return self.daemon.ctl("metrics")["data"]

    def notes(self):
        return [(event.get("note"), event.get("reason")) for event in self.daemon.ctl_lines("events")
                if event["type"] == "list.loaded"]


def box():
    """One daemon for the tests that only change its files, with the edition of May 2023 in force."""
    global BOX
    if BOX is None:
        BOX = Countries()
    else:
        renew(BOX)
    BOX.skip()
    return BOX


def renew(lists):
    """Good files again, in force again."""
    for path, data, what in ((lists.cty, edition(b"20230502"), "countries"), (lists.scp, SCP, "known")):
        lists.skip()
        if path.is_dir():
            path.rmdir()
        lists.put(data, path)
        lists.said(f"loaded {what}: ")


def edition(version, data=CSV):
    return data.replace(b"=VER20230502", b"=VER" + version)


def plist():
    """cty.csv as the property list of the same author."""
    table = {}
    for line in CSV.decode("ascii").splitlines():
        prefix, name, adif, continent, cq, itu, lat, lon, tz, aliases = line.rstrip(";").split(",", 9)
        for alias in aliases.split():
            exact, key, rest = re.match(r"(=?)([A-Z0-9/]+)(.*)", alias).groups()
            row = {"Country": name, "Prefix": prefix.lstrip("*"), "ADIF": int(adif),
                   "CQZone": int(cq), "ITUZone": int(itu), "Continent": continent,
                   "Latitude": float(lat), "Longitude": float(lon), "GMTOffset": float(tz),
                   "ExactCallsign": bool(exact)}
            for mark, number in re.findall(r"([(\[])(\d+)", rest):
                row["CQZone" if mark == "(" else "ITUZone"] = int(number)
            if key not in table or not exact:
                table[key] = row
    return plistlib.dumps(table)


# ---- good files ----

def test_both_are_in_force_at_the_ready_line():
    with Countries() as lists:
        shown = lists.shown()
        expect(shown["countries"]["entries"] == ENTITIES and shown["countries"]["made"] and
               shown["countries"]["prefixes"] == PREFIXES and
               shown["countries"]["calls"] > 18000 and
               shown["countries"]["version"] == "20230502", shown["countries"])
        expect(shown["known"]["entries"] > 80000 and shown["known"]["made"], shown["known"])
        for pattern in (r"countries: 346 entities, 7738 prefixes, \d+ calls, 20230502",
                        r"known: \d+ calls"):
            eventually(lambda: any(re.fullmatch(pattern, note) for note, _ in lists.notes()), 10,
                       f"an event {pattern}")


def test_newer_edition_is_in_force_at_once():
    lists = box()
    before = lists.metrics()['data_loaded_total{list="countries"}']
    lists.put(edition(b"20261122"), lists.cty)
    lists.said("loaded countries: 346 entities.*20261122")
    eventually(lambda: lists.shown()["countries"]["version"] == "20261122", 10, "its version")
    eventually(lambda: any("20261122" in (note or "") for note, _ in lists.notes()), 10, "an event")
    eventually(lambda: lists.metrics()['data_loaded_total{list="countries"}'] == before + 1, 10,
               "a count")


def test_all_three_forms_are_read():
    lists = box()
    for data, entities, version in ((edition(b"20250101", DAT), ENTITIES, "20250101"),
                                    (plist(), ENTITIES - 22, "20230502"),
                                    (edition(b"20250102"), ENTITIES, "20250102")):
        lists.put(data, lists.cty)
        lists.said("loaded countries: ")
        # said when it is compiled, in force a moment later
        eventually(lambda: lists.shown()["countries"]["version"] == version, 10, f"version {version}")
        shown = lists.shown()["countries"]
        # a property list names entities only by what belongs to them
        expect(entities <= shown["entries"] <= ENTITIES and shown["prefixes"] == PREFIXES, shown)


def test_newer_known_calls_are_in_force_at_once():
    lists = box()
    lists.put(b"# a comment\n\r\n" + b"".join(b"A%dAA/P\r\n" % n for n in range(1500)), lists.scp)
    lists.said("loaded known: 1500 calls")
    eventually(lambda: lists.shown()["known"]["entries"] == 1500, 10, f"1500 calls: {lists.shown()}")


# ---- bad ones ----

def refuse(which, data, why, note=True):
    """The former list stays, and why is said, in the log, as an event, and as a count."""
    lists = box()
    path = lists.cty if which == "countries" else lists.scp
    failed = f'data_failed_total{{list="{which}"}}'
    before, kept = lists.metrics()[failed], lists.shown()[which]
    if callable(data):
        data(path)
    else:
        lists.put(data, path)
    lists.said(f"data.(cty|scp)_file: {path} {why}.*; the list read before stays in force", 30)
    expect(lists.shown()[which] == kept, f"{lists.shown()[which]}, not {kept}")
    eventually(lambda: lists.metrics()[failed] == before + 1, 10, "a count")
    if note:
        eventually(lambda: any(re.match(f"{which}: {why}"[:50], kept or "") and reason == "failed"
                               for kept, reason in lists.notes()), 10, "an event")
    expect(lists.daemon.workers()["data"]["restarts"] == 0, "data died of it")


def test_html_is_refused():
    refuse("countries", b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head></html>\n",
           "is no country file")


def test_empty_file_is_refused():
    refuse("countries", b"", "is empty")


def test_truncated_files_are_refused():
    for length in (200000, 200200):  # in the beginning of a record, and among its calls
        refuse("countries", CSV[:length], "ends in the middle of a record")
    refuse("countries", DAT[:len(DAT) // 2], "ends in the middle of a record")
    refuse("countries", plist()[:3000000], "ends in the middle of the list")


def test_file_cut_between_records_is_refused():
    refuse("countries", b"".join(CSV.splitlines(True)[:250]), "has fewer than 300 entities")


def test_file_without_germany_is_refused():
    lines = [line for line in CSV.splitlines(True) if not line.startswith(b"DL,")]
    refuse("countries", b"".join(lines), "does not know W1AW or DL1AA")


def test_file_without_prefixes_is_refused():
    lines = [re.sub(rb"([,;]|^)(\S+,){9}.*", rb"\g<0>", line) for line in CSV.splitlines(True)]
    few = b"".join(b",".join(line.split(b",", 9)[:9]) + b",=X1X;\n" for line in lines)
    refuse("countries", few, "has fewer than 5000 prefixes")


def test_giants_are_refused():
    def sparse(path):
        new = path.with_suffix(".new")
        with open(new, "wb") as file:
            file.truncate(1 << 30)
        os.rename(new, path)

    refuse("countries", sparse, "is larger than 32 MiB")
    refuse("known", sparse, "is larger than 16 MiB")
    refuse("known", b"W1AW\n" * 10000000, "is larger than 16 MiB")


def test_declarations_in_a_property_list_are_refused():
    bomb = b'<!DOCTYPE plist [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    refuse("countries", re.sub(rb"<!DOCTYPE[^>]*>", bomb, plist()), "has declarations of its own")
    refuse("countries", b"<plist>" + b"<dict>" * 100000, "has elements too deep")


def test_more_than_a_list_holds_is_refused():
    flood = CSV.rstrip().rstrip(b";") + b"".join(b" =K%dAA" % n for n in range(300000)) + b";\n"
    refuse("countries", flood, "holds more than a list can hold")


def test_too_few_known_calls_are_refused():
    refuse("known", b"".join(b"A%dAA\n" % n for n in range(999)), "has fewer than 1000 calls")
    refuse("known", b"<html>\n" * 5000, "has fewer than 1000 calls")
    refuse("known", SCP[:len(SCP) // 2 - 1].rstrip(), "is cut off in the middle of a line")


def test_file_that_is_no_file_is_refused():
    def folder(path):
        path.unlink()
        path.mkdir()

    refuse("countries", folder, "is a directory")


def test_file_that_goes_and_comes_back():
    lists = box()
    data = lists.cty.read_bytes()
    lists.cty.unlink()
    lists.said(f"{lists.cty} does not exist; the list read before stays in force")
    expect(lists.shown()["countries"]["entries"] == ENTITIES, lists.shown())
    lists.put(data, lists.cty)
    lists.said("loaded countries: ")


# ---- the start, deaths, and doing without ----

def test_missing_files_are_a_warning():
    with Countries(cty=None, scp=None) as lists:
        for key in ("cty", "scp"):
            expect(re.search(rf"warning data.* data\.{key}_file: \S+ does not exist; there is no list "
                             "until it can be used", lists.daemon.log()), lists.daemon.log())
        shown = lists.shown()
        expect(all(shown[name]["entries"] == 0 and shown[name]["made"] is None
                   for name in ("countries", "known")), shown)
        lists.skip()
        lists.put(CSV, lists.cty)
        lists.said("loaded countries: 346")
        lists.put(SCP, lists.scp)
        lists.said("loaded known: ")


def test_bad_file_at_the_start_delays_nothing():
    with Countries(cty=b"<html>") as lists:
        expect("there is no list until it can be used" in lists.daemon.log() and
               "is not there after" not in lists.daemon.log(), lists.daemon.log())
        expect(lists.shown()["countries"]["entries"] == 0 and
               lists.shown()["known"]["entries"] > 80000, lists.shown())


def test_lists_outlive_who_made_them():
    lists = box()
    lists.put(b"<html>", lists.cty)
    lists.said("is no country file")
    before = lists.shown()
    pid = lists.daemon.worker_pids()["data"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: lists.daemon.worker_pids().get("data") not in (0, None, pid) and
               lists.daemon.workers()["data"]["state"] == "ready", 10, "a successor")
    lists.said("is no country file.*; the list read before stays in force")
    expect(lists.shown() == before, lists.shown())
    lists.put(edition(b"20270101"), lists.cty)
    lists.said("loaded countries: .*20270101")
    global BOX
    BOX = None  # a data that was restarted is not what other tests expect
    lists.__exit__(None, None, None)


def test_nothing_is_read_without_a_cluster():
    with Countries(node="") as lists:
        shown = lists.shown()
        expect(all(shown[name]["made"] is None for name in ("countries", "known")), shown)
        expect("cty_file" not in lists.daemon.log() and "loaded" not in lists.daemon.log(),
               lists.daemon.log())


def test_empty_paths_are_no_lists():
    with Countries("data.cty_file=", "data.scp_file=") as lists:
        shown = lists.shown()
        expect(all(shown[name]["made"] is None for name in ("countries", "known")), shown)


if __name__ == "__main__":
    try:
        main(globals())
    finally:
        if BOX is not None:
            BOX.__exit__(None, None, None)
