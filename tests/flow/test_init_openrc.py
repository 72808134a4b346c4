#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_init_openrc - /etc/init.d/shackd of Gentoo, Alpine and Devuan
# PURPOSE   The real OpenRC as process 1 of a machine of its own: each verb, with and without
#           supervise-daemon.
# RUNS      beside others
# CONTRACT  prints `ok NAME`, `not ok NAME: why` or `SKIP NAME: why` for each
# LIMITS    root; packages that `make deps` unpacks

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))

from lib.private import CONFIG, Machine
from lib.figures import figures
from lib.respawn import measure, summary
from lib.shackd import SLOW, eventually, main
from lib.verbs import (Service, check_broken_configuration, check_configtest, check_dead_master,
                       check_life, check_reload_and_upgrade)

KILLS = int(os.environ.get("KILLS", 3))
SUPERVISED = f'supervisor="supervise-daemon"\nrespawn_max={KILLS + 10}\n'


def openrc(conf="", **files):
    """A machine that has booted."""
    machine = Machine("openrc", init="openrc", first=["/sbin/openrc-init"],
                      files={"/etc/conf.d/shackd": conf, **files})
    eventually(lambda: machine.path("/run/openrc/softlevel").exists()
               and machine.read("/run/openrc/softlevel").strip() == "default", 20, "the boot")
    return machine


def service_of(machine):
    return Service(machine, lambda verb: ["rc-service", "shackd", verb])


def test_life():
    with openrc() as machine:
        check_life(service_of(machine))


def test_names_with_spaces():
    """The script tests the file that the daemon will read."""
    name = "/etc/shackd/our club.ini"
    with openrc(f'shackd_config="{name}"\n', **{name: CONFIG}) as machine:
        assert service_of(machine).do("start").code == 0
        assert machine.run("rc-service", "shackd", "status").code == 0


def test_reload_and_upgrade():
    with openrc() as machine:
        check_reload_and_upgrade(service_of(machine))


def test_broken_configuration_hurts_nobody():
    with openrc() as machine:
        check_configtest(service_of(machine))
        check_broken_configuration(service_of(machine))


def test_life_under_supervision():
    with openrc(SUPERVISED) as machine:
        check_life(service_of(machine))
        check_reload_and_upgrade(service_of(machine))


def test_broken_configuration_under_supervision():
    with openrc(SUPERVISED) as machine:
        check_broken_configuration(service_of(machine))


def test_supervised_master_comes_back():
    """At once, with all gateways; and what was stopped stays stopped."""
    with openrc(SUPERVISED) as machine:
        service = service_of(machine)
        service.must("start")
        found = summary(measure(service, KILLS))
        print(f"# supervise-daemon: {found}")
        figures("respawn-supervise-daemon", **found)
        assert service.status() == 0
        service.must("stop")
        assert service.status() == service.stopped
    assert found["serving_ms_median"] < 1000 * SLOW, found


def test_orphan_of_a_killed_supervisor():
    """It serves on and status says so; a restart gives it a supervisor again."""
    with openrc(SUPERVISED) as machine:
        service = service_of(machine)
        service.must("start")
        machine.good("pkill", "-KILL", "-x", "supervise-daemo")
        first = machine.ctl("status")["pid"]
        result = service.must("status")
        assert "nobody looks after it" in result.text, result
        service.must("restart")
        second = machine.ctl("status")["pid"]
        assert second != first and not machine.path(f"/proc/{first}").exists()
        os.kill(service.master(), signal.SIGKILL)
        eventually(lambda: service.serves() and machine.ctl("status")["pid"] != second, 10, "the next one")
        service.must("stop")
        assert service.status() == service.stopped


def test_dead_master_is_said_and_restarted():
    with openrc() as machine:
        check_dead_master(service_of(machine))


if __name__ == "__main__":
    main(globals())
