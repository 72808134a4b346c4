#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_manuals - what shackd-runbook(7) and shackd-troubleshooting(7) say is true
# PURPOSE   Every command in them is run, and every message is read, in the situation that they are for,
#           made on a machine of the test's own; what is quoted must be in the sources.
# OWNER     make check
# CONTRACT  one test for each scene that a page names; a scene that no page names, or that does not exist,
#           is a failure. How displays are read is told in tests/lib/manual.py.
# RUNS      beside others
# LIMITS    without root and namespaces the scenes are skipped; what is checked against the sources is not

import itertools
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from lib import machine, troubles  # noqa: E402
from lib.manual import LEVEL, displays, missing_line, says, sections  # noqa: E402
from lib.messages import Messages  # noqa: E402
from lib.shackd import ROOT, SHACKD, eventually, main  # noqa: E402

PAGES = [ROOT / "man" / name for name in ("shackd-runbook.7", "shackd-troubleshooting.7")]
DISPLAYS = [display for page in PAGES for display in displays(page)]
PARTS = ["Shows", "Meanwhile", r"\&Do", "Over"]
NO_FAULTS = {"NAME", "SYNOPSIS", "DESCRIPTION", "FIRST LOOK"}


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


def expect_none(wrong, what):
    expect(not wrong, f"{what}: " + "; ".join(map(str, wrong)))


# ---- what is told is there ----

def test_each_fault_has_its_four_parts():
    wrong = []
    for page in PAGES:
        for heading, lines in sections(page).items():
            parts = [found[1] for line in lines if (found := re.match(r"\.It Sy (.+)", line))]
            if parts != PARTS:
                wrong.append(f"{page.name}: {heading}: {parts}")
    expect_none(wrong, "sections")


def test_quoted_messages_are_in_the_sources():
    messages = Messages([ROOT / folder for folder in ("master", "shm", "workers")], (ROOT / "init").glob("shackd.*"))
    wrong = [f"{display}: {quote}" for display in DISPLAYS for quote in display.quotes
             if not messages.explains(LEVEL.sub("", quote))]
    expect_none(wrong, "nobody says that")


def test_other_messages_are_told_apart():
    """One word of a quoted line that nobody says makes it wrong."""
    messages = Messages([ROOT / folder for folder in ("master", "shm", "workers")])
    for said, unsaid in (
            ("ysf.0 (pid 21) died: signal 9 (KILL), by our watchdog", "ysf.0 (pid 21) dies: signal 9 (KILL), by our watchdog"),
            ("access.file: /x does not exist; the list read before stays in force", "access.file: /x does not exist; the list of before stays in force"),
            ("ysf.0 (pid 21) is stopped: sending KILL", "ysf.0 (pid 21) is stopped: sends KILL"),
            ("can't open the log target /x: No such file or directory (server.log); lines go to standard error until it is there",
             "can't open the log target /x: No such file or folder (server.log); lines go to standard error until it is there"),
            ("shackd is not running", "is running shackd not")):
        expect(messages.explains(said), said)
        expect(not messages.explains(unsaid), unsaid)


def test_metrics_and_keys_exist():
    text = "\n".join(page.read_text() for page in PAGES)
    sources = (ROOT / "shm/counters.def").read_text() + (ROOT / "shm/page.h").read_text() + \
        "\n".join(path.read_text() for path in (ROOT / "workers/keeper").glob("*.c"))
    ini = (ROOT / "etc/shackd.ini").read_text()
    keys = {f"{section[1]}.{key}" for section in re.finditer(r"(?ms)^#?\[(\w+)[^]]*\](.*?)(?=^#?\[|\Z)", ini)
            for key in re.findall(r"(?m)^#?(\w+) =", section[2])}
    known = {key.split(".")[0] for key in keys}
    wrong = []
    for name in set(re.findall(r"\bshackd_\w+", text)):
        bare = name.removeprefix("shackd_").removesuffix("_total")
        if f'"{bare}"' not in sources and f'"{bare}_total"' not in sources:
            wrong.append(name)
    text = "\n".join(line for line in text.splitlines() if "unknown key" not in line)
    for key in set(re.findall(r"\b([a-z]+\.[a-z_]+)\b", text)):
        if key.split(".")[0] in known and key not in keys and key not in ("shackd.ini", "data.mdb"):
            wrong.append(key)
    expect_none(wrong, "there is no")


def test_pages_are_found():
    """Each of our pages is named by the others' SEE ALSO."""
    pages = sorted((ROOT / "man").glob("*.[578]"))
    wrong = []
    for page in pages:
        name, section = page.name.rsplit(".", 1)
        for other in pages:
            if other in PAGES and other != page and f".Xr {name} {section}" not in other.read_text():
                wrong.append(f"{other.name} does not name {page.name}")
            elif page in PAGES and f".Xr {name} {section}" not in other.read_text() and other != page:
                wrong.append(f"{other.name} does not name {page.name}")
    expect_none(wrong, "SEE ALSO")


# ---- what is told is true ----

def run_command(box, display, command, promised):
    status, printed = box.run(command)
    expect(status == 0, f"{display}: {command}: exit status {status}: {printed}")
    missing = missing_line(promised, printed)
    expect(missing is None, f"{display}: {command}: {missing!r} is not in: {printed}")


def play(name, shown):
    """The displays of a scene, in it, in their order."""
    with troubles.machine_for(name) as box:
        with troubles.SCENES[name](box):
            for display in shown:
                for quote in [] if display.quoted_only else display.quotes:
                    try:
                        eventually(lambda: says(quote, box.said()), 20, f"{display}: {quote!r}")
                    except AssertionError as error:
                        raise AssertionError(f"{error}; said was: {box.said()[-2000:]}") from None
                for command, promised in display.commands:
                    run_command(box, display, command, promised)


def make_test(name, shown):
    return lambda: play(name, shown)


def make_tests():
    named = [display for display in DISPLAYS if display.scene]
    for name, shown in itertools.groupby(sorted(named, key=lambda display: display.scene),
                                         lambda display: display.scene):
        if name in troubles.SCENES:
            globals()[f"test_scene_{name}"] = make_test(name, list(shown))


def test_every_display_has_a_scene():
    used = {display.scene for display in DISPLAYS}
    expect_none(sorted(used - set(troubles.SCENES) - {None}), "unknown scenes")
    expect_none(sorted(set(troubles.SCENES) - used), "scenes that no page names")
    expect_none([display for display in DISPLAYS if not display.scene and
                 (display.commands or not display.quoted_only)], "displays without a scene")


make_tests()
if __name__ == "__main__":
    machine.enter()
    main(globals())
