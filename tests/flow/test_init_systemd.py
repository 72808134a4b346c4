#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_init_systemd - shackd.service
# PURPOSE   The real systemd as process 1 of a machine of its own, with cgroups of its own: start means
#           serving, reload and upgrade keep the process, a dead or stuck master is replaced.
# RUNS      beside others
# CONTRACT  prints `ok NAME`, `not ok NAME: why` or `SKIP NAME: why` for each
# LIMITS    root, cgroups; packages that `make deps` unpacks

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))

from lib.figures import figures
from lib.private import Machine
from lib.respawn import measure, summary
from lib.shackd import SLOW, eventually, main
from lib.verbs import Service, check_broken_configuration, check_life, check_reload_and_upgrade

KILLS = int(os.environ.get("KILLS", 3))
WORDS = {"configtest": ["shackd", "-t"], "upgrade": ["shackctl", "upgrade"],
         "restart": ["sh", "-c", "shackd -t && systemctl restart shackd"]}


def systemd(more=""):
    """A machine that has booted; MORE: lines of a drop-in."""
    machine = Machine("systemd", init="systemd", user=False, cgroups=True,
                      first=["/lib/systemd/systemd", "--unit=basic.target"],
                      files={"/etc/systemd/system/shackd.service.d/test.conf": more})
    eventually(lambda: machine.run("systemctl", "is-system-running").text.split()[:1]
               in (["running"], ["degraded"]), 30, "the boot")
    return machine


def service_of(machine):
    def journal(result):
        return result.text + machine.good("journalctl", "--no-pager", "-u", "shackd", "-n", "30").text
    return Service(machine, lambda verb: WORDS.get(verb) or ["systemctl", verb, "shackd"], why=journal,
                   dead=3)


def shown(machine, name):
    return machine.good("systemctl", "show", "-P", name, "shackd").text.strip()


def test_life():
    with systemd() as machine:
        service = service_of(machine)
        check_life(service)
        check_reload_and_upgrade(service)


def test_broken_configuration_hurts_nobody():
    """And what can't start is not started again and again."""
    with systemd() as machine:
        service = service_of(machine)
        check_broken_configuration(service)
        service.break_config()
        assert service.do("start").code != 0
        assert shown(machine, "NRestarts") == "0" and shown(machine, "ExecMainStatus") == "1"


def test_users_and_directories():
    """Made by the first start, as sysusers.d and tmpfiles.d say; the unit has no complaint of systemd's
    own checker."""
    with systemd() as machine:
        service_of(machine).do("start")
        found = machine.good("stat", "-c", "%n %U:%G %a", "/run/shackd", "/run/shackd/shm",
                             "/var/lib/shackd", "/var/log/shackd").lines
        assert found == ["/run/shackd root:shackd 750", "/run/shackd/shm shackd:shackd 750",
                         "/var/lib/shackd shackd:shackd 750", "/var/log/shackd shackd:shackd 750"], found
        result = machine.good("systemd-analyze", "verify", "--man=no", "shackd.service")
        assert "shackd.service" not in result.text, result


def test_boot_starts_it():
    with systemd() as machine:
        service = service_of(machine)
        machine.good("systemctl", "enable", "shackd")
        machine.good("systemctl", "isolate", "multi-user.target")
        eventually(lambda: service.status() == 0, 20, "the start with the machine")
        assert service.serves()


def test_killed_master_comes_back():
    with systemd() as machine:
        service = service_of(machine)
        service.must("start")
        found = summary(measure(service, KILLS))
        print(f"# systemd: {found}")
        figures("respawn-systemd", **found)
        assert shown(machine, "NRestarts") == str(KILLS)
        service.must("stop")
        assert service.status() == service.stopped
    assert found["serving_ms_median"] < 1000 * SLOW, found


def test_stuck_master_is_replaced():
    """systemd hears no sign of life from it; the gateways are linked as before."""
    with systemd(f"[Service]\nWatchdogSec={2 * SLOW}\n") as machine:
        service = service_of(machine)
        service.must("start")
        with service.gateways(20, "--poll", 1, "--talkers", 1, "--frames", 0, "--calls", 1,
                              "--no-unlink") as sim:
            sim.wait("talking")
            before, pid = service.clients(), machine.ctl("status")["pid"]
            first = shown(machine, "WatchdogTimestampMonotonic")
            eventually(lambda: int(shown(machine, "WatchdogTimestampMonotonic")) > int(first), 10,
                       "signs of life")
            os.kill(service.master(), signal.SIGSTOP)
            eventually(lambda: shown(machine, "NRestarts") == "1" and service.serves(), 30, "the next one")
            assert machine.ctl("status")["pid"] != pid
            assert service.clients() == before
            sim.finish()
            sim.report()


def test_signals_of_the_manual():
    """What the unit's head says of upgrades, and a reload by signal."""
    with systemd() as machine:
        service = service_of(machine)
        service.must("start")
        status = machine.ctl("status")
        machine.good("systemctl", "kill", "-s", "USR2", "--kill-who=main", "shackd")
        eventually(lambda: service.serves() and machine.ctl("status")["generation"] > status["generation"],
                   20, "the upgrade")
        assert machine.ctl("status")["pid"] == status["pid"] == int(shown(machine, "MainPID"))
        machine.good("systemctl", "kill", "-s", "HUP", "--kill-who=main", "shackd")
        eventually(lambda: (machine.ctl("status")["last_reload"] or {}).get("ok"), 20, "the reload")
        assert service.status() == 0 and shown(machine, "StatusText") == "serving"


if __name__ == "__main__":
    main(globals())
