# SPDX-License-Identifier: ISC
#
# NAME      verbs - what every service manager must do with the daemon
# PURPOSE   The same black-box scenarios for OpenRC, System V and systemd: only the words differ.
# OWNER     flow tests of init/
# CONTRACT  Service(machine, do, status): do(verb) runs a verb and gives a Result. check_*(service) raise
#           AssertionError.
# LIMITS    the daemon is at the paths of init/, its ports are those of the configuration's defaults

import os
import re
import signal
import time

from lib.shackd import SLOW, eventually
from lib.sim import Simulator

PORT = 42000
CONFIG = "/etc/shackd/shackd.ini"
BROKEN = "\n[ysf]\nid = many\n"  # appended to a good file


class Service:
    """DO maps a verb to the words that an operator types. WHY: where a refusal is explained. The codes
    are those of `status`."""

    def __init__(self, machine, do, why=None, dead=1, stopped=3):
        self.machine, self.words, self.dead, self.stopped = machine, do, dead, stopped
        self.why = why or (lambda result: result.text)
        self.good_config = machine.read(CONFIG)

    def do(self, verb, **more):
        return self.machine.run(*self.words(verb), **more)

    def must(self, verb, **more):
        result = self.do(verb, **more)
        assert result.code == 0, f"{verb}: {result}"
        return result

    def status(self):
        return self.do("status").code

    def break_config(self):
        self.machine.write(CONFIG, self.good_config + BROKEN)

    def mend_config(self, more=""):
        self.machine.write(CONFIG, self.good_config + more)

    def serves(self):
        """It answers gateways and operators."""
        return self.machine.run("shackctl", "ready").code == 0

    def clients(self):
        """What identifies the linked gateways."""
        return sorted((c["gateway"], c["address"], c["port"], c["dgid"])
                      for c in self.machine.ctl("clients"))

    def gateways(self, count, *options, **more):
        return Simulator(None, "--gateways", count, *options, port=PORT,
                         wrapper=self.machine.inside_network(), **more)

    def master(self):
        """Process id of the daemon, as this machine numbers it."""
        return self.machine.outside(self.machine.ctl("status")["pid"])


def check_life(service, ready_at_once=True):
    """start means serving; status says so; stop means gone; both twice are no error."""
    machine = service.machine
    assert service.status() == service.stopped, "stopped at first"
    service.must("start")
    assert service.serves() or not ready_at_once, "start was back before it served"
    with service.gateways(5, "--talkers", 1, "--frames", 10) as sim:
        report = sim.report()
    assert report["lost"] == 0 and report["registered"] == 5, report
    pid = machine.ctl("status")["pid"]
    assert service.status() == 0
    service.must("start")
    assert machine.ctl("status")["pid"] == pid, "a second start has disturbed the first"
    service.must("restart")
    assert service.serves() or not ready_at_once
    again = machine.ctl("status")["pid"]
    assert again != pid, "not restarted"
    service.must("stop")
    assert not machine.path(f"/proc/{again}").exists(), "stop was back before it was gone"
    assert service.status() == service.stopped
    service.must("stop")
    # a daemon that is not there has nothing to reload
    assert service.do("reload").code != 0 and service.do("upgrade").code != 0


def check_reload_and_upgrade(service):
    """What is put in force without a restart: same process, same gateways."""
    machine = service.machine
    service.must("start")
    with service.gateways(20, "--talkers", 2, "--frames", 0, "--calls", 1, "--poll", 1,
                          "--no-unlink") as sim:
        sim.wait("talking")
        before, pid = service.clients(), machine.ctl("status")["pid"]
        service.mend_config("[server]\nlog_level = debug\n")
        service.must("reload")
        status = machine.ctl("status")
        assert status["config_generation"] == 2 and status["pid"] == pid, status
        generation = status["generation"]
        service.must("upgrade")
        status = machine.ctl("status")
        assert status["pid"] == pid and status["generation"] != generation, status
        assert service.status() == 0, "the manager has lost it over the upgrade"
        assert service.clients() == before
        sim.finish()
        report = sim.report()
    assert report["lost"] == 0 and report["duplicates"] == 0, report
    service.must("stop")
    assert service.status() == service.stopped


def check_broken_configuration(service, verbs=("restart", "reload", "upgrade")):
    """No verb hurts what runs; each says what is wrong, and where. A start says it too."""
    machine = service.machine
    service.must("start")
    with service.gateways(20, "--talkers", 1, "--frames", 0, "--calls", 1, "--poll", 1,
                          "--no-unlink") as sim:
        sim.wait("talking")
        before, pid = service.clients(), machine.ctl("status")["pid"]
        line = len((service.good_config + BROKEN).splitlines())
        service.break_config()
        for verb in verbs:
            result = service.do(verb)
            assert result.code != 0, f"{verb} with a broken configuration: {result}"
            why = service.why(result)
            assert f"{CONFIG}:{line}: ysf.id: " in why, f"{verb} does not say why: {why}"
            assert machine.ctl("status")["pid"] == pid, f"{verb} has ended the daemon"
            assert service.clients() == before, f"{verb} has lost gateways"
        assert service.status() == 0
        sim.finish()
        report = sim.report()
    assert report["lost"] == 0, report
    service.must("stop")
    result = service.do("start")
    assert result.code != 0, f"started with a broken configuration: {result}"
    assert service.status() != 0
    service.mend_config()
    service.must("start")
    service.must("stop")


def check_configtest(service):
    result = service.must("configtest")
    service.break_config()
    result = service.do("configtest")
    assert result.code != 0 and re.search(r"ysf\.id: .*many", result.text), result
    service.mend_config("[server]\nrun_dir = /run/elsewhere\n")
    result = service.do("configtest")
    assert result.code != 0 and "make them the same" in result.text, result
    service.mend_config()


def check_dead_master(service, verb="restart"):
    """A killed master without anybody to look after it: said, and one start mends it."""
    service.must("start")
    with service.gateways(20, "--poll", 1, "--talkers", 1, "--frames", 0, "--calls", 1, "--no-unlink") as sim:
        sim.wait("talking")
        before = service.clients()
        master = service.master()
        os.kill(master, signal.SIGKILL)
        eventually(lambda: not os.path.exists(f"/proc/{master}"), 10, "the end of the master")
        assert service.status() == service.dead, service.do("status")
        began = time.monotonic()
        service.must(verb)
        took = time.monotonic() - began
        assert service.status() == 0
        assert service.clients() == before, "registrations were lost"
        sim.finish()
        sim.report()
    assert took < 5 * SLOW, f"{took:.1f} s"
    service.must("stop")
