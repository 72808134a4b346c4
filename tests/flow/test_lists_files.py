#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_lists_files - access and home files of every kind and condition
# PURPOSE   What operators do to their files, and what disks, editors and mistakes do: good lines are
#           loaded, bad ones named, and the former list stays whenever the new one can't be trusted;
#           a death of the worker that reads them loses nothing.
# OWNER     make check
# CONTRACT  one `ok`, `not ok` or `SKIP` line for each test; exit 1 if any failed
# RUNS      beside others, about 60 s
# LIMITS    what rules do with the lists is tested elsewhere; host names in test_lists_names.py

import os
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent.parent / "lib")]
from builds import NEXT, copy_of  # noqa: E402
from lists import Lists, entries, homes  # noqa: E402
from shackd import IS_ROOT, SHACKD, SLOW, Skip, eventually, main  # noqa: E402
from ysf import expect  # noqa: E402

BOX = None


def box():
    """One daemon for the tests that only change its files, with a good list in force."""
    global BOX
    if BOX is None:
        BOX = Lists(deny=b"", home=b"")
    if not BOX.deny.is_file() or BOX.deny.is_symlink():
        BOX.put(b"")
    BOX.deny.chmod(0o644)
    BOX.put(b"CS:FORMER\n")
    BOX.become("CS", "FORMER")
    BOX.said(r"loaded access: 1 CS \(")
    return BOX


def stays(lists):
    expect(lists.lists["CS"] == ["FORMER"], f"the former list is in force: {lists.lists}")


# ---- what is in a file ----

def test_good_lines_are_loaded_and_bad_ones_named():
    lists = box()
    lists.put(b"# a comment\n\nN0CALL\nCS:ABC\nAL:A1AAA\nSB:RPT\nGW:GATE-1\nGWB:GATE-2\n"
              b"IP:192.0.2.0/24\nIP:2001:db8::/32\nIPB:[2001:db8:1::1]\nSN:Fkek5\n"
              b"XX:1\nSN:123\nAB\nIP:192.0.2.300\nGW:AN-ELEVENTH\n")
    for number, why in ((13, "begins with none of"), (14, "serial"), (15, "shorter"),
                        (16, "neither an address"), (17, "more than ten")):
        lists.said(rf"^.* warning data.*{lists.deny}:{number}: \".*{why}")
    lists.said(r"loaded access: 2 CS, 1 AL, 1 GW, 2 IP, 1 GWB, 1 IPB, 1 SB, 1 SN, 5 bad lines")
    expect(lists.lists == {"CS": ["ABC", "N0CALL"], "AL": ["A1AAA"], "SB": ["RPT"], "GW": ["GATE-1"],
                           "GWB": ["GATE-2"], "SN": ["Fkek5"], "SUB": [],
                           "IP": ["192.0.2.0/24", "2001:db8::/32"],
                           "IPB": ["2001:db8:1::1/128"]}, lists.lists)


def test_loading_is_an_event_and_counted():
    lists = box()
    name = 'data_loaded_total{list="access"}'
    loaded = lists.daemon.ctl("metrics")["data"][name]
    lists.put(b"CS:EVENT1\nXX:1\nXX:2\n")
    lists.said("loaded")
    eventually(lambda: "access: 1 CS, 2 bad lines" in
               [event.get("note") for event in lists.daemon.ctl_lines("events")], 10, "an event")
    metrics = lists.daemon.ctl("metrics")["data"]
    expect(metrics[name] == loaded + 1 and metrics["bad_lines"] == 2, metrics)


def test_windows_line_ends_and_byte_order_mark():
    lists = box()
    lists.put(b"\xef\xbb\xbfCS:FIRST\r\n\r\nGW:GATE\r\n")
    lists.become("CS", "FIRST")
    lists.become("GW", "GATE")
    lists.said("loaded access: 1 CS, 1 GW \\(")


def test_latin_1_is_named_and_the_rest_loaded():
    lists = box()
    lists.put("# caf\xe9 is fine here\nGW:CAF\xc9\nCS:GOOD\n".encode("latin-1"))
    lists.said(rf"{lists.deny}:2: \"GW:CAF.*holds a character that no call")
    lists.become("CS", "GOOD")


def test_long_lines_are_named_and_the_rest_loaded():
    lists = box()
    lists.put(b"CS:" + b"A" * 10240 + b"\nCS:GOOD\n# " + b"c" * 100000 + b"\nCS:LAST\n")
    said = lists.said(rf"{lists.deny}:1: \"CS:A+\.\.\.\" is longer than any rule")
    expect(len(said[0]) < 300, "and cut in the log")
    lists.become("CS", "GOOD", "LAST")


def test_first_bad_lines_are_named_the_others_counted():
    lists = box()
    lists.put(b"CS:GOOD\n" + b"XX:1\n" * 50)
    lists.said(r"deny\.db:21: ")
    lists.said(r"deny\.db: and 30 more bad lines")
    expect("deny.db:22: " not in lists.daemon.log(), "not more than 20 are named")
    lists.become("CS", "GOOD")


def test_duplicates_count_once():
    lists = box()
    lists.put(b"CS:TWICE\nTWICE\nIP:192.0.2.0/24\nIP:192.0.2.9/24\n")
    lists.said("2 lines say again")
    lists.become("CS", "TWICE")
    lists.become("IP", "192.0.2.0/24")


def test_contradictions_are_named_with_the_winner():
    lists = box()
    lists.put(b"CS:BOTH\nAL:BOTH\nGW:GATE\nGWB:GATE\nIP:192.0.2.1\nIPB:192.0.2.1\n")
    lists.said("BOTH is both AL and CS: AL wins with access.check_re 1 and 0, CS with -1")
    lists.said("GATE is both GW and GWB: GWB wins")
    lists.said("1 addresses are both IP and IPB: IPB wins")
    lists.become("AL", "BOTH")


def test_block_list_of_ysfreflector():
    with Lists("access.format=ysfreflector", deny=b"n0c\n\nIU5JAE\nlonger than any\n") as lists:
        lists.said("deny.db:4: \"longer than any\" is longer than any source")
        lists.become("SUB", "IU5JAE", "N0C")


# ---- what is no list ----

def test_junk_does_not_replace_a_list():
    lists = box()
    # of 256 lines of chance one in fifty files has three letters by themselves, which are a call
    lists.put(bytes(byte | 0x80 if byte != 10 else byte for byte in os.urandom(65536)))
    lists.said("has not one good line; the list read before stays in force")
    stays(lists)
    lists.put(b"CS:HALF\n" + b"\0" * 4096)
    lists.said("holds NUL bytes: that is no text; the list read before stays in force")
    stays(lists)
    event = [event for event in lists.daemon.ctl_lines("events") if event["type"] == "list.loaded"]
    eventually(lambda: [event for event in lists.daemon.ctl_lines("events")
                        if event["type"] == "list.loaded" and event.get("reason") == "failed"],
               10, f"an event that says so: {event[-1:]}")


def refused(lists, make, why):
    """What MAKE puts in the file's place is refused at once, and a file is taken again."""
    os.unlink(lists.deny)
    make(lists.deny)
    began = time.monotonic()
    lists.said(f"access.file: {lists.deny} {why}.*; the list read before stays in force", 5)
    expect(time.monotonic() - began < 3 * SLOW, "at once")
    stays(lists)
    (os.rmdir if lists.deny.is_dir() and not lists.deny.is_symlink() else os.unlink)(lists.deny)
    lists.put(b"CS:AGAIN\n")
    lists.become("CS", "AGAIN")


def test_directory():
    refused(box(), os.mkdir, "is a directory")


def test_pipe():
    refused(box(), os.mkfifo, "is a pipe")


def test_device():
    refused(box(), lambda path: path.symlink_to("/dev/zero"), "is a device")


def test_socket():
    with socket.socket(socket.AF_UNIX) as sock:
        refused(box(), lambda path: sock.bind(str(path)), "is a socket")


def test_huge_file():
    def make(path):
        with open(path, "wb") as file:
            file.truncate(64 * 1024 * 1024 + 1)
    refused(box(), make, "is larger than 64 MiB")


def test_loop_of_links():
    refused(box(), lambda path: path.symlink_to(path.name), "can't be opened: Too many levels")


def test_not_for_our_eyes():
    if not IS_ROOT:
        raise Skip("needs root: the workers must be another user")
    lists = box()
    lists.deny.chmod(0o600)
    lists.said(r"may not be read by uid \d+, as which the workers run: give that user")
    stays(lists)
    lists.put(b"CS:CLOSED\n")  # with the rights of a new file: of root, for all
    lists.become("CS", "CLOSED")
    lists.deny.chmod(0o600)
    lists.said("may not be read")
    lists.deny.chmod(0o644)
    lists.said("can be read again and is what it was")


def test_vanished_file_keeps_its_list_and_is_said_once():
    lists = box()
    os.unlink(lists.deny)
    lists.said("does not exist; the list read before stays in force")
    stays(lists)
    lists.daemon.send(signal.SIGHUP)
    lists.said("reload")
    stays(lists)
    lists.put(b"CS:BACK\n")
    lists.become("CS", "BACK")
    expect(lists.news().count("does not exist") == 0, "said once")


def test_removed_and_written_anew_is_no_trouble():
    lists = box()
    lists.skip()
    os.unlink(lists.deny)
    lists.write(b"CS:ANEW\n")
    lists.become("CS", "ANEW")
    expect("does not exist" not in lists.news(), "nobody was alarmed")


# ---- half a file ----

def test_half_a_list_is_never_loaded():
    lists = box()
    with open(lists.deny, "wb", buffering=0) as file:
        file.write(b"CS:ONE\n")
        began = time.monotonic()
        eventually(lambda: time.monotonic() - began > 3, 10, "time")
        stays(lists)  # its writer has not finished, however long it pauses within reason
        file.write(b"CS:TWO\n")
    lists.become("CS", "ONE", "TWO")


def test_truncated_file_keeps_the_former_list():
    lists = box()
    whole = b"".join(b"CS:C%05d\n" % i for i in range(1000))
    lists.put(whole)
    lists.said("loaded access: 1000 CS")
    with open(lists.deny, "r+b") as file:
        file.truncate(5004)
    lists.said("is cut off in the middle of a line .*; the list read before stays in force")
    expect(len(lists.lists["CS"]) == 1000, "all of them")
    lists.write(whole)
    lists.said("loaded access: 1000 CS")


def test_last_line_without_an_end_counts_when_it_is_quiet():
    lists = box()
    lists.put(b"CS:OTHER\nCS:LAST")
    lists.become("CS", "LAST", "OTHER")


def test_renamed_file_is_loaded_at_once():
    lists = box()
    began = time.monotonic()
    lists.put(b"CS:QUICK\n")
    lists.become("CS", "QUICK")
    expect(time.monotonic() - began < 1 * SLOW, "at once")


def test_changes_that_nobody_reports_are_found_by_looking():
    with Lists("access.reload=1s", deny=None) as lists:
        lists.said("does not exist; there is no list until it can be read")
        far = lists.base / "far"
        far.mkdir(mode=0o755)
        (far / "real.db").write_bytes(b"CS:FAR\n")
        lists.deny.symlink_to(far / "real.db")
        lists.become("CS", "FAR")
        (far / "real.db").write_bytes(b"CS:FARTHER\n")
        lists.become("CS", "FARTHER")


# ---- configuration ----

def test_first_list_is_in_force_before_anybody_is_served():
    deny = b"".join(b"CS:C%06d\n" % i for i in range(100000))  # takes a while
    with Lists(deny=deny) as lists:
        expect(entries(lists.daemon.pid) == 100000, "at the ready line")


def test_missing_file_at_the_start_is_no_obstacle():
    with Lists(deny=None) as lists:
        lists.said("does not exist; there is no list until it can be read")
        lists.put(b"CS:LATE\n")
        lists.become("CS", "LATE")


def test_reload_takes_another_file_and_none():
    lists = Lists(deny=b"CS:ONE\n", start=False)
    with lists:
        daemon = lists.daemon
        daemon.options = [option for option in daemon.options if not option.startswith("access.f")]
        daemon.config = lists.base / "shackd.ini"
        daemon.config.write_text(f"[access]\nfile = {lists.deny}\n")
        daemon.start()
        lists.become("CS", "ONE")
        other = lists.base / "other.db"
        other.write_bytes(b"CS:TWO\n")
        daemon.config.write_text(f"[access]\nfile = {other}\n")
        daemon.send(signal.SIGHUP)
        lists.become("CS", "TWO")
        daemon.config.write_text("[access]\nfile =\n")
        daemon.send(signal.SIGHUP)
        lists.become("CS")
        lists.said("access.file is empty: that list is none")


# ---- homes ----

def test_home_file():
    lists = box()
    lists.put(b"GATE-1:22:10\nGATE-2:9:-1\nGATE-3:1:0\nGATE-1:9:5\nGATE-3:9:-5\n"
              b"GATE-4:77:1\nGATE-5:22\nGATE-6:22:ten\n", lists.home)
    lists.said("home.db:4: GATE-1 is there already, with another home: the earlier line holds")
    lists.said("home.db:5: GATE-3 is there already, .*: this one holds")
    lists.said("home.db:6: .* has a DG-ID that dgid.list has not")
    lists.said("home.db:7: .* is not NAME:DGID:MINUTES")
    lists.said("home.db:8: .* minutes")
    lists.said("loaded homes: 3 gateways, 3 bad lines")
    expect(homes(lists.daemon.pid) == {"GATE-1": (22, False, 600), "GATE-2": (9, True, 0),
                                       "GATE-3": (9, True, 0)}, homes(lists.daemon.pid))
    os.unlink(lists.home)
    lists.said("dgid.home_file: .* does not exist; the list read before stays")
    expect(len(homes(lists.daemon.pid)) == 3, "the former list stays")


# ---- size ----

def test_hundred_thousand_entries_load_within_a_second():
    lists = box()
    data = b"".join(b"CS:C%06d\nIP:10.%d.%d.%d\n" % (i, i >> 16, i >> 8 & 255, i & 255)
                    for i in range(50000))
    began = time.monotonic()
    lists.put(data)
    eventually(lambda: entries(lists.daemon.pid) == 50000, 10, "all of them")
    took = time.monotonic() - began
    expect(len(lists.lists["IP"]) == 50000, "addresses too")
    print(f"# 100,000 entries in force after {took:.2f} s", flush=True)
    expect(took < 1 * SLOW, f"{took:.2f} s")


# ---- deaths ----

def kill_data(daemon):
    pid = daemon.worker_pids()["data"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: daemon.worker_pids().get("data") not in (0, None, pid) and
               daemon.workers()["data"]["state"] == "ready", 10, "a successor")


def test_killed_worker_loses_nothing_even_without_its_files():
    lists = box()
    lists.put(b"GATE-1:22:10\n", lists.home)
    lists.said("loaded homes: 1 gateways")
    os.unlink(lists.deny)
    os.unlink(lists.home)
    lists.said("access.file: .* does not exist")
    for _ in range(3):
        kill_data(lists.daemon)
        stays(lists)
        expect(homes(lists.daemon.pid) == {"GATE-1": (22, False, 600)}, "the homes too")
    lists.put(b"CS:AFTER\n")
    lists.become("CS", "AFTER")


def test_killed_at_any_point_of_a_load():
    lists = box()
    data = [b"".join(b"CS:%c%05d\n" % (letter, i) for i in range(40000)) for letter in b"AB"]
    for i in range(12):
        lists.put(data[i % 2])
        pid = lists.daemon.worker_pids()["data"]
        began = time.monotonic()
        eventually(lambda: time.monotonic() - began > i * 0.008, 10, "the moment")
        os.kill(pid, signal.SIGKILL)
        # the master holds none that can be opened at the moment of a change
        count = len(eventually(lambda: lists.lists, 5, "a list")["CS"])
        expect(count in (1, 40000), f"a whole list is in force: {count}")
        letter = "AB"[i % 2]
        eventually(lambda: (lists.lists or {"CS": [""]})["CS"][0] == f"{letter}00000", 10,
                   f"the new list, loaded by the successor of kill {i}")


def test_upgrade_keeps_the_lists_even_without_their_files():
    with tempfile.TemporaryDirectory(prefix="shackd-home-") as folder:
        os.chmod(folder, 0o755)
        program = copy_of(SHACKD, Path(folder) / "shackd")
        with Lists(deny=b"CS:FORMER\n", home=b"GATE-1:22:10\n", program=program) as lists:
            lists.become("CS", "FORMER")
            os.unlink(lists.deny)
            os.unlink(lists.home)
            lists.said("access.file: .* does not exist")
            copy_of(NEXT, program)
            code, _, why = lists.daemon.ask("upgrade")
            expect(code == 0, why)
            stays(lists)
            expect(homes(lists.daemon.pid) == {"GATE-1": (22, False, 600)}, "the homes too")
            lists.put(b"CS:AFTER\n")  # and the new build goes on with them
            lists.become("CS", "AFTER")


def test_nothing_of_this_cost_another_worker():
    lists = box()
    for slot, worker in lists.daemon.workers().items():
        expect(slot == "data" or worker["restarts"] == 0, f"{slot}: {worker}")


if __name__ == "__main__":
    try:
        main(globals())
    finally:
        if BOX is not None:
            BOX.__exit__(None, None, None)
