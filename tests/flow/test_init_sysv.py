#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_init_sysv - /etc/init.d/shackd of Debian and Devuan, and a line of /etc/inittab
# PURPOSE   The real sysvinit as process 1 of a machine of its own, with the real rc, insserv and startpar:
#           each verb with its exit code, runlevels, and init as the one who starts it again.
# RUNS      beside others
# CONTRACT  prints `ok NAME`, `not ok NAME: why` or `SKIP NAME: why` for each
# LIMITS    root; packages that `make deps` unpacks; init starts a program ten times in two minutes, not
#           more, so that a machine sees nine deaths

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))

from lib.figures import figures
from lib.private import Machine
from lib.respawn import measure, summary
from lib.shackd import SLOW, eventually, main
from lib.verbs import (Service, check_broken_configuration, check_configtest, check_dead_master,
                       check_life, check_reload_and_upgrade)

KILLS = int(os.environ.get("KILLS", 3))
DEATHS = 9
INITTAB = """id:2:initdefault:
si::sysinit:/etc/init.d/rcS
l1:1:wait:/etc/init.d/rc 1
l2:2:wait:/etc/init.d/rc 2
l3:3:wait:/etc/init.d/rc 3
"""
RESPAWN = "sh:23:respawn:/usr/sbin/shackd -f\n"


def sysv(more=""):
    """A machine that has booted into runlevel 2."""
    machine = Machine("sysv", init="sysv", first=["/sbin/init"], files={"/etc/inittab": INITTAB + more})
    eventually(lambda: machine.run("runlevel").text.split()[-1:] == ["2"], 30, "runlevel 2")
    return machine


def service_of(machine):
    return Service(machine, lambda verb: ["/etc/init.d/shackd", verb])


def test_life():
    with sysv() as machine:
        check_life(service_of(machine))
        check_reload_and_upgrade(service_of(machine))


def test_broken_configuration_hurts_nobody():
    with sysv() as machine:
        service = service_of(machine)
        check_configtest(service)
        check_broken_configuration(service, ("restart", "try-restart", "reload", "force-reload", "upgrade"))


def test_dead_master_is_said_and_started():
    with sysv() as machine:
        check_dead_master(service_of(machine))
        check_dead_master(service_of(machine), "start")


def test_exit_codes_of_the_standard():
    with sysv() as machine:
        service = service_of(machine)
        assert service.do("reload").code == 7 and service.do("upgrade").code == 7
        assert service.do("try-restart").code == 0 and service.status() == 3
        assert service.do("nonsense").code == 2
        unprivileged = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        assert machine.run(*unprivileged, "/etc/init.d/shackd", "start").code == 4
        service.must("start")
        assert machine.run(*unprivileged, "/etc/init.d/shackd", "status").code == 4
        assert machine.run("service", "shackd", "status").code == 0
        service.must("reopen")
        service.break_config()
        assert service.do("configtest").code == 6 and service.do("restart").code == 6
        service.must("stop")
        # a pid file that a dead daemon left, whose number somebody else has now
        machine.write("/run/shackd/shackd.pid", "1\n")
        assert service.status() == 1, service.do("status")
        service.mend_config()
        service.must("start")
        assert service.status() == 0
        service.must("stop")
        machine.good("mv", "/usr/sbin/shackd", "/usr/sbin/shackd.away")
        assert service.do("start").code == 5


def test_runlevels():
    """The header is understood: links are made, a boot starts it, a change of level stops it."""
    with sysv() as machine:
        service = service_of(machine)
        machine.good("update-rc.d", "shackd", "defaults")
        links = machine.good("sh", "-c", "ls /etc/rc?.d/").text
        assert links.count("S01shackd") == 4 and links.count("K01shackd") == 3, links
        service.must("start")
        machine.good("telinit", "1")
        eventually(lambda: service.status() == 3, 20, "the end in runlevel 1")
        machine.good("telinit", "2")
        eventually(lambda: service.status() == 0 and service.serves(), 20, "the start in runlevel 2")
        machine.good("telinit", "1")
        eventually(lambda: service.status() == 3, 20, "the end in runlevel 1")


def test_respawned_master_comes_back():
    """A line of inittab is all it takes."""
    found, left = [], KILLS
    while left > 0:
        with sysv(RESPAWN) as machine:
            service = service_of(machine)
            eventually(service.serves, 20, "the first start")
            found += measure(service, min(left, DEATHS))
            left -= DEATHS
            assert service.status() == 0
    found = summary(found)
    print(f"# inittab: {found}")
    figures("respawn-inittab", **found)
    assert found["serving_ms_median"] < 1000 * SLOW, found


if __name__ == "__main__":
    main(globals())
