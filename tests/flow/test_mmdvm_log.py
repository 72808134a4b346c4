#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_mmdvm_log - the log that YSF dashboards read
# PURPOSE   Every line in its columns, a file a day, what happens to the file from outside, each
#           event once even if link is killed at any moment; and what `shackd -v` prints for them.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    midnight is a clock that is stepped before one; a full disk is /dev/full

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from frames import Radio, short
from lib import builds
from shackd import SHACKD, SLOW, Daemon, eventually, main
from ysf import Lab, counters, events, expect, streams

ROOMS = ("workers.ysf=1", "dgid.list=1-60", "ysf.frame_rate=0")
PLACE = short(48, (43, 46, 73), True, (11, 14, 7), True)
STAMP = r"M: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} "


class Logging(Daemon):
    """A daemon with a log in a directory that its workers may write."""

    def __init__(self, *options, name="YSFReflector-%Y-%m-%d.log", **more):
        self.folder = None
        super().__init__(start=False, **more)
        self.folder = self.base / "mmdvm"
        self.folder.mkdir(mode=0o777)
        self.folder.chmod(0o777)
        self.options = (*ROOMS, f"ysf.mmdvm_log={self.folder / name}", *options)
        self.start()
        # link is no part of what "ready" promises, and tells what happens after its own beginning
        self.wait_for("Starting .*", name=name if "%" not in name else None)

    def file(self, name=None):
        return self.folder / (name or f"YSFReflector-{datetime.now(timezone.utc):%Y-%m-%d}.log")

    def lines(self, name=None):
        path = self.file(name)
        return path.read_text().splitlines() if path.exists() else []

    def wait_for(self, pattern, count=1, name=None):
        """COUNT lines whose text is PATTERN and nothing else."""
        whole = re.compile(STAMP + pattern)

        def found():
            hits = [line for line in self.lines(name) if whole.fullmatch(line)]
            return hits if len(hits) >= count else None
        try:
            return eventually(found, 10, pattern)
        except AssertionError:
            raise AssertionError(f"{pattern}: not in {self.lines(name)[-6:]}") from None


def kill_link(daemon):
    pid = eventually(lambda: daemon.worker_pids().get("link"), 10, "link")
    os.kill(pid, signal.SIGKILL)
    return pid


# ---- lines ----

def test_start_and_links():
    with Logging() as daemon, Lab(daemon) as box:
        gateway = box.gateway("IU5JAE-ND")
        where = re.escape(f"({gateway.ip}:{gateway.port})")
        daemon.wait_for(r"Starting YSFReflector-\d{8}")
        daemon.wait_for(rf"Adding IU5JAE-ND  {where} DG-ID 22")
        gateway.unlink()
        daemon.wait_for(rf"Removing IU5JAE-ND  {where} unlinked")


def test_call_in_its_columns():
    with Logging() as daemon, Lab(daemon) as box:
        radio = Radio("TALKER", "IU5JAE-7", cm=1, radio_id="FAHuL", rem12="12345ABCDE",
                      rem34="54321FAHuL", gps=PLACE)
        talker = box.gateway("TALKER", dgid=9)
        for frame in radio.over(16):
            talker.send(frame)
        number = r"<\d{7}> "
        line = daemon.wait_for(number + r"Received data from IU5JAE-7   to 90123FAHuL at TALKER     "
                               r"FICH-Data: CS:2 \| CM:1 \| FT:7 \| Dev:False \| MR:0 \| VoIP:False "
                               r"\| DT:2 \| SQL:False \| SQC:0")[0]
        expect(line[27:37] == line[27:36] + " " and line[26] == " ", f"columns: {line!r}")
        daemon.wait_for(number + r"Additional information dst:90123FAHuL src:IU5JAE-7   "
                        r"uplink:TALKER     downlink:TALKER    ")
        daemon.wait_for(number + r"Additional information Rem1\+2:12345ABCDE")
        daemon.wait_for(number + r"Additional information Rem3\+4:54321FAHuL")
        daemon.wait_for(number + r"Additional information radio code:48")
        daemon.wait_for(number + r"Received end of transmission coords: 43\.77883\d, 11\.234500 "
                        r"\| 48/0")


def test_ends_and_blocks():
    with Logging("ysf.watchdog=1500ms", "protection.tx_timeout=3s") as daemon, Lab(daemon) as box:
        talker = box.gateway("TALKER", "IU5JAE", dgid=9)
        talker.header()
        daemon.wait_for(r"<\d{7}> Network watchdog has expired coords: 999\.000000, 999\.000000 "
                        r"\| 0/0")
        talker.header()

        def cut():
            talker.voice()
            return streams(daemon) == []
        eventually(cut, 10, "the timeout")
        daemon.wait_for("Timeout IU5JAE")
        daemon.wait_for(r"Appended scheduled job: IU5JAE/RCT at time \d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
        daemon.wait_for(r"<\d{7}> Network watchdog has expired .*", 2)
        daemon.ask("unblock", "IU5JAE")
        daemon.wait_for("Removed from temporary blockeds queue IU5JAE")


def test_refused_caller():
    with Logging("access.check_re=1") as daemon, Lab(daemon) as box:
        box.gateway("TALKER", "12345").call()
        daemon.wait_for("Data from 12345      at TALKER     blocked/CS")


def test_dgid_change_shows_no_caller():
    with Logging() as daemon, Lab(daemon) as box:
        box.gateway("MOVER", "IU5JAE").call(sq=31)
        daemon.wait_for(r"Changed DG-ID for MOVER: 22, now 31")
        poison = [line for line in daemon.lines() if " from " in line and "Received data" not in line]
        expect(not poison, f"{poison}")


def test_lists():
    with builds.faulty("none") as program:
        builds.replace(builds.net_beside(program), builds.net_beside(builds.TESTING), "quick-lists")
        with Logging(program=program) as daemon, Lab(daemon) as box:
            daemon.wait_for("No repeaters/gateways linked")
            gateway = box.gateway("IU5JAE-ND", dgid=9)
            daemon.wait_for("Currently linked repeaters/gateways:")
            line = daemon.wait_for(r"     IU5JAE-ND : {1,10}\S+:\d+ {1,5} \d/60 : "
                                   r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  9  0  9    900 {1,6}\d+")[0]
            expect(line[32:42].strip() == "IU5JAE-ND", f"{line[32:42]!r}")
            expect(line[44:line.index("/60") - 2].strip() == f"{gateway.ip}:{gateway.port}", line)
            daemon.wait_for("No repeaters/gateways muted")


# ---- the file ----

def test_vanished_file_is_made_anew():
    with Logging() as daemon, Lab(daemon) as box:
        box.gateway("ONE")
        daemon.wait_for("Adding ONE .*")
        daemon.file().unlink()
        eventually(daemon.file().exists, 5, "a new file")
        box.gateway("TWO")
        daemon.wait_for("Adding TWO .*")
        daemon.file().rename(daemon.folder / "old")
        box.gateway("THREE")
        daemon.wait_for("Adding THREE .*")
        expect(len(daemon.lines()) == 1 and len(daemon.lines("old")) == 1, "each line in one file")


def test_cut_file_is_gone_on_with():
    """As logrotate's copytruncate does."""
    with Logging() as daemon, Lab(daemon) as box:
        box.gateway("ONE")
        daemon.wait_for("Adding ONE .*")
        os.truncate(daemon.file(), 0)
        box.gateway("TWO")
        daemon.wait_for("Adding TWO .*")
        expect(len(daemon.lines()) == 1, f"{daemon.lines()}")


def test_reopen_by_signal():
    with Logging(name="log") as daemon, Lab(daemon) as box:
        box.gateway("ONE")
        daemon.wait_for("Adding ONE .*", name="log")
        daemon.send(signal.SIGUSR1)
        box.gateway("TWO")
        daemon.wait_for("Adding TWO .*", name="log")


def test_reload_changes_the_file():
    with Logging(name="one") as daemon, Lab(daemon) as box:
        box.gateway("ONE")
        daemon.wait_for("Adding ONE .*", name="one")
    with Daemon(*ROOMS) as daemon, Lab(daemon) as box:
        folder = daemon.base / "mmdvm"
        folder.mkdir()
        folder.chmod(0o777)
        daemon.config.write_text(f"[ysf]\nmmdvm_log = {folder}/none/log\n")
        code, _, why = daemon.ask("reload")
        expect(code == 1 and "ysf.mmdvm_log" in why, f"{code} {why}")
        daemon.config.write_text(f"[ysf]\nmmdvm_log = {folder}/log\n")
        code, _, why = daemon.ask("reload")
        expect(code == 0, why)
        box.gateway("TWO")
        eventually(lambda: (folder / "log").exists() and
                   "Adding TWO" in (folder / "log").read_text(), 5, "a line in the new file")


def test_file_that_can_not_be_written_costs_nothing_else():
    with Daemon(*ROOMS, "ysf.mmdvm_log=/dev/full") as daemon, Lab(daemon) as box:
        eventually(lambda: "(ysf.mmdvm_log)" in daemon.log(), 10, "the beginning of link")
        talker, listener = box.pair(dgid=9)
        for _ in range(3):
            box.relays(talker, listener)
        eventually(lambda: counters(daemon)["mmdvm_log_failed_total"] >= 8, 5, "counted losses")
        expect(daemon.log().count("(ysf.mmdvm_log)") == 1, "said once")
        expect(not events(daemon, "slot.down"), "nobody died")


def test_folder_that_is_not_there():
    with Daemon(*ROOMS, "ysf.mmdvm_log=/nonexistent/folder/log") as daemon, Lab(daemon) as box:
        eventually(lambda: "(ysf.mmdvm_log)" in daemon.log(), 10, "the beginning of link")
        box.relays(*box.pair(dgid=9))
        eventually(lambda: counters(daemon)["mmdvm_log_failed_total"] >= 4, 5, "counted losses")
        expect(daemon.log().count("(ysf.mmdvm_log)") == 1, "said once")


# ---- each event once ----

def count_lines(daemon, pattern):
    return len(re.findall(pattern, daemon.file().read_text()))


def test_every_event_once_over_kills_at_many_points():
    with Logging() as daemon, Lab(daemon) as box:
        talkers = [box.gateway(f"T{n}", f"DL{n}ABC", dgid=30 + n) for n in range(8)]
        chance = random.Random(11)
        for talker in talkers * 8:
            talker.call()
            time.sleep(chance.random() * 0.01)
            kill_link(daemon)
        wanted = [f"{event['stream']:07}" for event in events(daemon, "stream.start")]
        daemon.wait_for(rf"<{wanted[-1]}> Received end .*")
        text = daemon.file().read_text()
        expect(re.findall(r"<(\d+)> Received data", text) == wanted, "starts")
        expect(re.findall(r"<(\d+)> Received end", text) == wanted, "ends")
        expect(text.count("Starting ") == 1, "one start")
        for line in text.splitlines():
            expect(re.match(STAMP, line), f"torn: {line!r}")


def test_first_event_of_a_file_once_too():
    """Of a new file the note of a dead predecessor tells nothing, unless it is noted when it is opened."""
    with contextlib.ExitStack() as stack:
        program = stack.enter_context(builds.faulty("none"))
        builds.replace(builds.net_beside(program), builds.net_beside(builds.TESTING),
                       "crash-after-first-lines")
        daemon = stack.enter_context(Logging(program=program))
        box = stack.enter_context(Lab(daemon))
        daemon.wait_for("Starting .*", 2)  # the first died of it
        box.gateway("ONE").unlink()
        daemon.wait_for("Removing ONE .*")
        daemon.file().rename(daemon.folder / "yesterday")
        box.gateway("TWO")
        box.gateway("THREE")
        daemon.wait_for("Adding THREE .*")
        expect(len(events(daemon, "slot.down")) == 2, "link died of its first line in each file")
        expect(count_lines(daemon, "Adding TWO") == 1, f"{daemon.lines()}")


def test_torn_line_is_finished_by_the_successor():
    """What a kill in the middle of a write leaves."""
    with Logging() as daemon, Lab(daemon) as box:
        box.gateway("ONE")
        daemon.wait_for("Adding ONE .*")
        with open(daemon.file(), "a") as file:
            file.write("M: torn by somebody else")
        box.gateway("TWO")
        daemon.wait_for("Adding TWO .*")
        expect("M: torn by somebody else" in daemon.lines(), f"{daemon.lines()}")


def test_restart_of_the_daemon_names_who_is_linked():
    with Logging() as daemon, Lab(daemon) as box:
        box.gateway("ONE")
        daemon.wait_for("Adding ONE .*")
        daemon.options += (f"ysf.listen=127.0.0.1:{daemon.port}",)
        daemon.send(signal.SIGQUIT)
        daemon.wait()
        daemon.start()
        daemon.wait_for("Starting .*", 2)
        box.gateway("TWO")
        daemon.wait_for("Adding TWO .*")


# ---- what dashboards ask the program ----

def test_version_as_dashboards_cut_it():
    out = subprocess.run([SHACKD, "-v"], capture_output=True, text=True, check=True).stdout
    expect(out.startswith("YSFReflector version 20") and re.fullmatch(r"20\d{6}", out[21:29]),
           f"{out!r}")


def test_main_log_in_the_same_form():
    with Daemon(*ROOMS, "server.log_format=mmdvm") as daemon, Lab(daemon) as box:
        box.gateway("ONE")
        eventually(lambda: "gateway ONE" in daemon.log(), 5, "a line")
        for line in daemon.log().splitlines():
            expect(re.fullmatch(r"[DIWEF]: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} .+", line), line)


if __name__ == "__main__":
    main(globals())
