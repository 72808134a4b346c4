#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_exhausted - nothing left: disks, descriptors, a log that nobody writes
# PURPOSE   The disk of state_dir, log and ysf.mmdvm_log is full; no process may open a descriptor more; the
#           log writer is stopped under load; syslog goes, fills, and comes back. Voice and spots go on, what
#           was lost is counted and said, and all is as before when there is room again.
# OWNER     tests
# CONTRACT  as root, in a mount namespace of its own. SECONDS=n: how long the log writer is stopped
#           (default 3; the row log-stopped says 600)
# RUNS      beside others
# LIMITS    SKIP without root

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from lib.figures import figures, of_report  # noqa: E402
from lib.house import House  # noqa: E402
from lib.shackd import SLOW, Daemon, eventually, main  # noqa: E402
from lib.sim import Simulator  # noqa: E402
from lib.tmpfs import Tmpfs, namespace, need_namespace  # noqa: E402
from ysf import Lab, expect  # noqa: E402

SECONDS = float(os.environ.get("SECONDS", "3"))
DESCRIPTORS = 1024  # enough for all processes of a test
VOICE = ("workers.ysf=2", "dgid.list=1-99", "dgid.local=0", "ysf.max_age=0", "ysf.client_timeout=1h",
         "ysf.frame_rate=0")


# ---- the disk ----

def test_a_full_disk_delays_what_is_durable_and_says_so():
    need_namespace()
    with Tmpfs("24m") as disk:
        os.chmod(disk.path, 0o777)
        state = disk.path / "state"
        with House(f"server.state_dir={state}", f"server.log={disk.path}/log/shackd.log",
                   f"ysf.mmdvm_log={disk.path}/log/YSF", prepare=lambda: folder(disk.path / "log")) as house:
            house.move_in()
            eventually(lambda: kept(house) == (2, 0), 10, "two users in state/")
            disk.fill()
            house.excused = {"the durable store can't be written: what is new is in memory only"}
            harm(house)
            house.look()
            # the last page of the file has room for some lines more
            eventually(lambda: (house.heard(house.speak(0)),
                                "takes no lines: No space left" in house.daemon.log())[1], 20,
                       "that the log takes no lines")
            not_moved = eventually(lambda: counted(house, "keeper_not_moved_total"), 10,
                                   "that something can't be saved")
            house.look()
            expect(house.daemon.status()["reasons"] == list(house.excused), house.daemon.status())
            house.excused = set()
            disk.empty()
            log = disk.path / "log" / "shackd.log"
            eventually(lambda: (house.look(), "takes lines again" in log.read_text())[1], 20,
                       "that the log takes lines again")
            # all of it becomes durable now
            eventually(lambda: kept(house) == (3, 1), 10, "the user and the spot of a full disk in state/")
            house.daemon.stop()
            for name in ("voice", "spots"):
                shutil.rmtree(house.daemon.shm_dir / name)
            house.reborn(registered=False)
            blocked = {block["call"] for block in house.daemon.ctl("blocked")}
            expect("DL5FULL" in blocked, f"the block of a full disk is not durable: {blocked}")
            eventually(lambda: kept(house) == (3, 1), 5, "the user and the spot of a full disk after a boot")
    print(f"# disk full: {not_moved} rounds in which keeper could save nothing; all durable afterwards")


def folder(path):
    path.mkdir()
    os.chmod(path, 0o777)


def counted(house, name):
    return sum(value for slot in house.daemon.ctl("metrics").values() for key, value in slot.items()
               if key.startswith(name))


def kept(house):
    """Users and human spots in state/."""
    gauges = house.daemon.ctl("metrics").get("keeper", {})
    return gauges.get("users"), gauges.get("human_spots")


def harm(house):
    """All that wants to be written: a block, a name, a spot, a crash, lines of both logs."""
    expect(house.daemon.ask("block", "DL5FULL")[0] == 0, "can't block anybody")
    with house.user("DL6FULL") as user:
        user.ask("SET/NAME Joe")
    house.users[1].type("DX 14001.5 OH2FULL disk")
    house.saw(["OH2FULL"])
    house.daemon.kill_worker("ysf.1", signal.SIGSEGV)
    house.settle()


# ---- descriptors ----

def limit_descriptors(pid, most=None):
    """Not one more than it has, or MOST. Returns how many it could have; None: it has ended."""
    try:
        taken = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
        owner = int(re.search(r"^Uid:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)[1])
    except OSError:
        return None
    limit = most or next(fd for fd in range(len(taken) + 1) if fd not in taken)
    # only its own user may do that without more capabilities than a container has
    done = subprocess.run(["prlimit", f"--pid={pid}", f"--nofile={limit}:"], user=owner, group=owner,
                          extra_groups=[], capture_output=True, text=True)
    expect(done.returncode == 0 or "No such process" in done.stderr, done.stderr)
    return DESCRIPTORS


def test_no_process_may_open_a_descriptor_more():
    with House() as house:
        house.move_in()
        workers = house.daemon.worker_pids()
        before = {pid: limit_descriptors(pid) for pid in (house.daemon.pid, *workers.values())}
        # what is there works on
        house.heard(house.speak())
        house.saw(house.spot(3))
        newcomer = house.lab.stranger("NEWCOMER", "DL4NEW")
        newcomer.link()
        newcomer.unlink()
        # who wants a descriptor waits: a user in the backlog, an operator at the socket
        with socket.create_connection(("127.0.0.1", house.daemon.dxc_port)) as user, \
                house.daemon.connect() as operator:
            user.settimeout(10 * SLOW)
            eventually(lambda: "can't accept" in house.daemon.log(), 10, "that nobody can be accepted")
            house.heard(house.speak())
            # a worker that dies has a successor as soon as there is a descriptor for it
            os.kill(workers["dxc.1"], signal.SIGKILL)
            os.kill(workers["log"], signal.SIGKILL)
            house.heard(house.speak())
            for pid, most in before.items():
                limit_descriptors(pid, most)
            expect(user.recv(4096), "the user who waited is not let in")
            operator.close()
        house.look()


def test_workers_without_descriptors_lose_no_session():
    """The master has descriptors, the workers none: what is passed to them does not arrive."""
    with House() as house:
        house.move_in()
        for pid in house.daemon.worker_pids().values():
            limit_descriptors(pid)
        # by itself, without anybody's help: a worker that can't take what it is given makes room for one
        # that can
        with house.user("DL4NEW") as user:
            expect(user.ask("SH/TIME"), "a session that can't be used")
        try:
            house.daemon.ask("clients")  # keeper goes, and the request with it
        except AssertionError as error:
            expect("ended without an answer" in str(error), error)
        house.settle()
        expect(house.daemon.ask("clients")[0] == 0, "keeper does not answer")
        new = house.deny.with_suffix(".new")
        new.write_text("CS:N0CALL\nCS:DL4DENY\n")
        os.rename(new, house.deny)
        house.look()


# ---- the log ----

def test_a_stopped_log_writer_holds_nobody():
    with Daemon(*VOICE, "server.watchdog=1h", "server.log_level=info", listen="127.0.0.1:0") as daemon, \
            Lab(daemon) as lab:
        talker, listener = lab.pair(50)
        with Simulator(daemon, "--gateways", 100, "--rooms", "1-10:10", "--talkers", 10, "--frames", 20,
                       "--calls", 0, "--poll", 5) as sim:
            sim.wait("talking")
            pid = daemon.worker_pids()["log"]
            os.kill(pid, signal.SIGSTOP)
            end = time.monotonic() + SECONDS
            calls, once = 0, talker.call(frames=0)
            listener.expect(*once)
            # calls of two lines each, until the queue is full and for as long as was asked for
            while time.monotonic() < end or not dropped(daemon):
                for frame in once * 50:  # the same call again and again: frames take long to make
                    talker.send(frame)
                listener.expect(*once * 50)
                calls += 50
                expect(calls < 1000000, "the queue never became full")
            lost = dropped(daemon)
            memory = resident(daemon)
            sim.finish()
            report = sim.report()
            os.kill(pid, signal.SIGCONT)

        def said():
            """Each process says how many, with its next line; some have had no other since."""
            listener.expect(*talker.call(frames=0))
            found = re.findall(r"(\d+) lines of this process were lost: the log was full", daemon.log())
            return sum(map(int, found)) >= lost * 0.9 and sum(map(int, found))
        told = eventually(said, 10, f"that {lost} lines were lost")
        figures("log-stopped", seconds=SECONDS, calls=calls, dropped=lost, said=told,
                resident_kib=memory, **of_report(report))
        expect(report["lost"] == 0 and report["duplicates"] == 0, f"{report['lost']} frames lost")
        expect(told <= dropped(daemon), f"said {told}, counted {dropped(daemon)}")
        expect(not any(w["restarts"] for w in daemon.workers().values()), "a worker was replaced")


def dropped(daemon):
    """Lines that a full queue refused, of all slots."""
    return sum(counters.get("log_dropped_total", 0) for counters in daemon.ctl("metrics").values())


def resident(daemon):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{daemon.pid}/status").read_text())[1])


# ---- syslog ----

class Syslog:
    """/dev/log of a mount namespace, ours."""

    def __init__(self):
        self.path, self.sock = Path("/dev/log"), None

    def start(self):
        self.stop()
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(str(self.path))
        os.chmod(self.path, 0o666)
        self.sock.settimeout(10 * SLOW)

    def stop(self):
        if self.sock is not None:
            self.sock.close()
        self.sock = None
        if os.path.lexists(self.path):
            self.path.unlink()

    def until(self, text):
        """Reads up to a line with TEXT; returns it."""
        while True:
            line = self.sock.recv(65536).decode(errors="replace")
            if text in line:
                return line


def test_syslog_goes_fills_and_comes_back():
    need_namespace()
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    folder_of_dev()
    syslog = Syslog()
    syslog.start()
    with Daemon(*VOICE, "server.log=syslog", listen="127.0.0.1:0") as daemon, Lab(daemon) as lab:
        talker, listener = lab.pair(50)

        def talk():
            listener.expect(*talker.call(frames=0))

        talk()
        syslog.until("stream")
        # nobody reads: lines are lost, nobody waits
        while daemon.ctl("metrics")["log"]["log_write_failed_total"] < 10:
            talk()
        failed = daemon.ctl("metrics")["log"]["log_write_failed_total"]
        syslog.sock.setblocking(False)
        try:
            while True:
                syslog.sock.recv(65536)
        except BlockingIOError:
            syslog.sock.settimeout(10 * SLOW)
        talk()
        line = syslog.until("lines were lost: /dev/log took none")
        said = int(re.search(r"(\d+) lines were lost", line)[1])
        expect(said >= failed, f"{said} of {failed} said")
        # it goes: lines go to standard error
        syslog.stop()
        eventually(lambda: (talk(), "can't open the log target /dev/log" in daemon.log())[1], 5,
                   "that syslog is gone")
        eventually(lambda: (talk(), "stream" in daemon.log())[1], 5, "lines on standard error")
        # and comes back
        syslog.start()
        eventually(talk_until(talk, syslog, "is there again"), 10, "that syslog is there again")
        expect(not any(w["restarts"] for w in daemon.workers().values()), "a worker was replaced")
    syslog.stop()


def talk_until(talk, syslog, text):
    def look():
        talk()
        syslog.sock.settimeout(0.2)
        try:
            return syslog.until(text)
        except (TimeoutError, socket.timeout):
            return None
    return look


def folder_of_dev():
    """/dev/log may be made and removed here without anybody else seeing it."""
    subprocess.run(["mount", "-t", "tmpfs", "none", "/mnt"], check=True)
    dev = Path("/mnt/dev")
    dev.mkdir()
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        subprocess.run(["cp", "-a", f"/dev/{name}", str(dev)], check=True)
    (dev / "shm").mkdir()
    subprocess.run(["mount", "--bind", "/dev/shm", str(dev / "shm")], check=True)
    subprocess.run(["mount", "--rbind", str(dev), "/dev"], check=True)


if __name__ == "__main__":
    namespace()
    main(globals())
