#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_net - shackd-net and its two slots
# PURPOSE   The second executable is found beside the first and of its build, data serves before
#           anybody is listened to, link has its sockets for life, and both come back when they die.
# OWNER     tests
# CONTRACT  none
# RUNS      beside few
# LIMITS    what data and link do is for other tests

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.builds import NEXT, copy_of, net_beside, replace  # noqa: E402
from lib.shackd import SHACKD, Daemon, eventually, main  # noqa: E402
from lib.sim import Simulator  # noqa: E402


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


def refused(daemon, pattern):
    daemon.launch()
    status = daemon.wait()
    said = daemon.log()
    expect(status == 2 and re.search(pattern, said), f"status {status}: {said}")
    daemon.stderr_path.write_text("")


def test_second_executable_is_found_or_missed():
    with Daemon(start=False) as daemon:
        daemon.program = copy_of(SHACKD, daemon.base / "shackd")
        beside = net_beside(daemon.program)
        replace(beside, net_beside(NEXT))
        refused(daemon, f"{beside} is not of the same build as {daemon.program}: install both")
        shutil.copy("/bin/true", beside)
        refused(daemon, f"{beside} is not of the same build as {daemon.program}: install both")
        beside.unlink()
        refused(daemon, f"can't open {beside}: No such file or directory.* install it beside")
        replace(beside, net_beside(SHACKD))
        daemon.start()
        expect(daemon.status()["state"] == "ready", "does not serve")


def test_it_is_nothing_of_its_own():
    done = subprocess.run([net_beside(SHACKD)], capture_output=True, text=True)
    expect(done.returncode == 1 and "part of shackd" in done.stderr, f"{done}")


def test_data_serves_before_others_start():
    with Daemon("workers.ysf=2") as daemon:
        ups = [event["slot"] for event in daemon.ctl_lines("events", "100") if event["type"] == "slot.up"]
        expect(set(ups) >= {"keeper", "data", "link", "ysf.0", "ysf.1"}, f"{ups}")
        expect(ups.index("keeper") < ups.index("data"), f"{ups}")
        expect(ups.index("data") < min(ups.index(slot) for slot in ("link", "ysf.0", "ysf.1")), f"{ups}")
        for slot in ("data", "link"):
            name = Path(f"/proc/{daemon.worker_pids()[slot]}/comm").read_text()
            expect(name == f"shackd-{slot}\n", name)


def test_dashboards_have_their_sockets():
    with Daemon("ysf.dashboard_listen=127.0.0.1:0,127.0.0.2:0") as daemon:
        hosts = [text.rsplit(":", 1)[0] for text in daemon.dashboards]
        expect(hosts == ["127.0.0.1", "127.0.0.2"], daemon.ready)
        expect(re.search(r" ysf=\S+( aux=\S+)? dashboard=\S+$", daemon.ready), daemon.ready)
        service = daemon.status()["services"]["dashboard"]
        expect(service["listen"] == daemon.dashboards and service["ready"] == 1, f"{service}")
        with Daemon(start=False) as other:
            # the last one on the command line counts
            other.options = (f"ysf.dashboard_listen={daemon.dashboards[0]}",)
            refused(other, r"ysf\.dashboard_listen: can't bind 127.0.0.1:\d+: in use by")
    with Daemon("ysf.dashboard_listen=") as daemon:
        expect(not daemon.dashboards and daemon.status()["services"]["dashboard"]["listen"] == [],
               daemon.ready)
        expect(daemon.workers()["link"]["state"] == "ready", "no link without dashboards")


def inodes(pid):
    found = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            pass
    return {name for name in found if name.startswith("socket:")}


def test_killed_under_load_they_come_back():
    """Nobody waits for them: not one frame is lost."""
    with Daemon("workers.ysf=2", "ysf.max_age=0", "dgid.list=1-99", "dgid.local=0",
                "limits.clients_per_ip=100") as daemon:
        with Simulator(daemon, "--gateways", 50, "--rooms", "1-5:10", "--talkers", 5, "--frames", 50,
                       "--calls", 0, "--poll", 5, "--no-unlink") as sim:
            sim.wait("talking")
            for number in range(20):
                slot = ("data", "link")[number % 2]
                worker = daemon.workers()[slot]
                os.kill(worker["pid"], signal.SIGKILL)
                eventually(lambda: (now := daemon.workers()[slot])["generation"] > worker["generation"] and
                           now["state"] == "ready", 10, f"a new {slot}")
            eventually(lambda: daemon.status()["state"] == "ready", 5, "all workers ready")
            sim.finish()
            report = sim.report()
        expect(report["lost"] == 0 and report["duplicates"] == 0,
               f"{report['lost']} lost, {report['duplicates']} doubled")
        shared = inodes(daemon.pid) & inodes(daemon.worker_pids()["link"])
        expect(len(shared) >= len(daemon.dashboards), "link has not the master's sockets")
        expect(daemon.stop() == 0, "no graceful stop")


if __name__ == "__main__":
    main(globals())
