#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_crash - what is left of a worker that crashed
# PURPOSE   The report in the log, in `shackctl workers` and in state_dir/crash: who, which build, which
#           signal, and frames that a tool turns into the names of functions; the datagrams in
#           quarantine and what an operator does with them.
# CONTRACT  sends signals to workers of its own daemons only
# RUNS      beside few
# LIMITS    frames are checked against the symbols of the build under test

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from lib.shackd import SHACKCTL, SHACKD, Daemon, Skip, eventually, main  # noqa: E402
import ysf  # noqa: E402

SIGNALS = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
OPTIONS = ("workers.ysf=1", "server.respawn_tokens=6000/m", "server.log_level=warning")
CRASH_FILES, QUARANTINE_FILES = 32, 64


def crash(daemon, slot, number):
    """Ends a slot's holder by a signal; returns its generation and what `workers` then says."""
    before = eventually(lambda: (now := daemon.workers()[slot])["state"] == "ready" and now, 10, slot)
    os.kill(before["pid"], number)
    now = eventually(lambda: (now := daemon.workers()[slot])["generation"] > before["generation"] and
                     now["state"] == "ready" and now, 10, f"another holder of {slot}")
    return before["generation"], now


def build_id(program):
    text = subprocess.run(["readelf", "-n", program], capture_output=True, text=True, check=True).stdout
    return re.search(r"Build ID: ([0-9a-f]+)", text)[1]


def functions_of(program, frames):
    """What addr2line makes of "shackd+0x..." frames, with those that the compiler made one of."""
    offsets = [frame.split("+")[1] for frame in frames if frame.startswith("shackd+")]
    done = subprocess.run(["addr2line", "-fi", "-e", program, *offsets], capture_output=True, text=True,
                          check=True)
    return done.stdout.splitlines()[::2]


def need(tool):
    if subprocess.run(["which", tool], capture_output=True).returncode != 0:
        raise Skip(f"{tool} is not installed")


def test_every_fault_is_reported():
    need("readelf")
    need("addr2line")
    with Daemon(*OPTIONS) as daemon:
        for number in SIGNALS:
            generation, worker = crash(daemon, "ysf.0", number)
            report = worker["crash"]
            assert report["generation"] == generation and report["signal"] == number, report
            assert report["build_id"] == build_id(SHACKD), report
            assert report["sender"] == os.getpid(), report
            assert report["frames"], report
            names = functions_of(SHACKD, report["frames"] + report["perhaps"])
            # what a sanitizer puts on the stack may leave no room for the way up to there
            wanted = {"worker_main"} if not os.environ.get("SAN") else set(names) - {"??"}
            assert wanted and wanted <= set(names), f"{names} of {report}"
            path = daemon.state_dir / "crash" / f"ysf.0-{generation}.txt"
            eventually(path.exists, 5, f"{path.name}")
            text = path.read_text()
            for word in ("slot: ysf.0\n", f"generation: {generation}\n", f"signal: {int(number)} (",
                         f"build id: {report['build_id']}\n", report["frames"][0],
                         f"sender: {os.getpid()}\n"):
                assert word in text, f"{path.name} lacks {word!r}: {text}"
            lines = [line for line in daemon.log().splitlines()
                     if f"ysf.0 generation {generation} " in line]
            assert len(lines) == 1 and report["build_id"] in lines[0], lines
            assert f"signal {int(number)} " in lines[0] and report["frames"][0] in lines[0], lines


def test_keeper_and_log_report_too():
    with Daemon(*OPTIONS) as daemon:
        for slot in ("keeper", "log"):
            generation, worker = crash(daemon, slot, signal.SIGSEGV)
            assert worker["crash"]["signal"] == signal.SIGSEGV, worker
            eventually((daemon.state_dir / f"crash/{slot}-{generation}.txt").exists, 5, slot)


def test_a_kill_leaves_the_older_report():
    with Daemon(*OPTIONS) as daemon:
        generation, _ = crash(daemon, "ysf.0", signal.SIGSEGV)
        _, worker = crash(daemon, "ysf.0", signal.SIGKILL)
        assert worker["crash"]["generation"] == generation, worker
        assert daemon.workers()["keeper"]["crash"] is None


def test_reports_are_bounded():
    with Daemon(*OPTIONS) as daemon:
        folder = daemon.state_dir / "crash"
        for _ in range(CRASH_FILES + 6):
            generation, _ = crash(daemon, "ysf.0", signal.SIGSEGV)
        eventually((folder / f"ysf.0-{generation}.txt").exists, 5, "the last report")
        names = {path.name for path in folder.iterdir()}
        assert len(names) == CRASH_FILES and "ysf.0-1.txt" not in names, sorted(names)
        assert ysf.counters(daemon)["keeper_files_dropped_total"] == 6, ysf.counters(daemon)


def test_a_report_of_an_earlier_start_is_kept():
    """Generations begin anew with each start, and so do the names."""
    with Daemon(*OPTIONS) as daemon:
        folder = daemon.state_dir / "crash"
        for count in (1, 2, 3):
            assert crash(daemon, "ysf.0", signal.SIGSEGV)[0] == 1
            eventually(lambda count=count: len(list(folder.glob("ysf.0-1*.txt"))) == count, 5,
                       f"{count} reports")
            daemon.process.terminate()
            assert daemon.process.wait(10) == 0
            daemon.start()


def test_people_see_it():
    with Daemon(*OPTIONS) as daemon:
        crash(daemon, "ysf.0", signal.SIGFPE)
        done = subprocess.run([SHACKCTL, "-s", str(daemon.run_dir / "control.sock"), "workers"],
                              capture_output=True, text=True, timeout=20)
        line = [line for line in done.stdout.splitlines() if line.startswith("ysf.0 generation 1 ")]
        assert line and "FPE in " in line[0], done.stdout


# ---- quarantine ----

DATAGRAM = ysf.header("GW1", "DL1ABC")


def put_aside(daemon, name, datagram=DATAGRAM, slot="ysf.0", seq=17):
    """As a worker does; the folder is the daemon's user's."""
    folder = daemon.shm_dir / "quarantine"
    if not folder.exists():
        folder.mkdir()
        owner = daemon.shm_dir.stat()
        os.chown(folder, owner.st_uid, owner.st_gid)
    head = (f"slot: {slot}\ngeneration: 3\nseq: {seq}\nfrom: 127.0.0.1:40001\nlistener: 0\n"
            f"received: 2026-11-21T20:00:00Z\ngateway: GW1\ntries: 2\nbuild id: 1234\nsignal: 11\n\n")
    (folder / ".new").write_bytes(head.encode() + datagram)
    (folder / ".new").rename(folder / name)


def test_quarantine_is_carried_to_disk_and_shown():
    with Daemon(*OPTIONS) as daemon:
        assert daemon.ctl("quarantine") == []
        put_aside(daemon, "ysf.0-17.dgram", DATAGRAM + b"\n\nrest")
        kept = daemon.state_dir / "quarantine/ysf.0-17.dgram"
        eventually(kept.exists, 5, "the file on disk")
        eventually(lambda: not list((daemon.shm_dir / "quarantine").iterdir()), 5, "the move")
        entry, = daemon.ctl("quarantine")
        for key, value in {"id": "ysf.0-17", "slot": "ysf.0", "seq": 17, "from": "127.0.0.1:40001",
                           "size": len(DATAGRAM) + 6, "tries": 2, "file": str(kept),
                           "gateway": "GW1"}.items():
            assert entry[key] == value, f"{key}: {entry}"
        assert entry["when"] > 1700000000 and "hex" not in entry, entry
        shown = daemon.ctl("quarantine", "show", "ysf.0-17")
        assert bytes.fromhex(shown["hex"]) == DATAGRAM + b"\n\nrest", shown
        for wrong in (("show", "ysf.0-18"), ("drop", "../x"), ("show", ".new"), ("eat", "ysf.0-17"),
                      ("show",)):
            assert daemon.ctl("quarantine", *wrong, check=False)[0] in (1, 2), wrong
        assert daemon.ctl("quarantine", "drop", "ysf.0-17")["id"] == "ysf.0-17"
        assert daemon.ctl("quarantine") == [] and not kept.exists()
        assert daemon.ctl("quarantine", "drop", "ysf.0-17", check=False)[0] == 1


def test_quarantine_is_bounded():
    with Daemon(*OPTIONS) as daemon:
        for number in range(QUARANTINE_FILES + 3):
            put_aside(daemon, f"ysf.0-{number}.dgram", seq=number)
            if number % 20 == 0:
                daemon.ctl("quarantine")  # carries what is there
        ids = [entry["id"] for entry in daemon.ctl("quarantine")]
        assert len(ids) == QUARANTINE_FILES and "ysf.0-66" in ids and "ysf.0-0" not in ids, ids


def test_what_is_no_datagram_is_left_alone():
    with Daemon(*OPTIONS) as daemon:
        put_aside(daemon, "ysf.0-1.dgram")
        daemon.ctl("quarantine")
        folder = daemon.shm_dir / "quarantine"
        (folder / "ysf.0-2.dgram").symlink_to("/etc/passwd")
        (folder / "note.txt").write_text("x")
        put_aside(daemon, "ysf.0-3.dgram")
        assert [entry["id"] for entry in daemon.ctl("quarantine")] == ["ysf.0-1", "ysf.0-3"]


def test_replay_links_and_sends():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reflector:
        reflector.bind(("127.0.0.1", 0))
        reflector.settimeout(20)
        with Daemon(*OPTIONS) as daemon:
            put_aside(daemon, "ysf.0-17.dgram")
            path = daemon.ctl("quarantine")[0]["file"]
            ctl = subprocess.Popen([SHACKCTL, "quarantine", "replay", path,
                                    f"127.0.0.1:{reflector.getsockname()[1]}"],
                                   stdout=subprocess.PIPE, text=True)
            poll, sender = reflector.recvfrom(2048)
            assert poll == b"YSFP" + ysf.pad("GW1"), poll
            reflector.sendto(ysf.POLL_ANSWER, sender)
            datagram, again = reflector.recvfrom(2048)
            assert datagram == DATAGRAM and again == sender, datagram
            assert ctl.wait(10) == 0 and "155 bytes sent" in ctl.communicate()[0]
            done = subprocess.run([SHACKCTL, "quarantine", "replay", "/dev/null", "127.0.0.1:1"],
                                  capture_output=True, text=True)
            assert done.returncode == 1 and "no quarantined datagram" in done.stderr, done


if __name__ == "__main__":
    main(globals())
