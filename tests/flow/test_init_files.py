#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_init_files - make install, and logrotate
# PURPOSE   What lands where, that an operator's own files stay; the real logrotate loses no line.
# RUNS      beside others
# CONTRACT  prints `ok NAME`, `not ok NAME: why` or `SKIP NAME: why` for each
# LIMITS    logrotate: root; a package that `make deps` unpacks

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))

from lib.private import Machine
from lib.shackd import eventually, main

EVERYWHERE = {"usr/sbin/shackd", "usr/sbin/shackd-net", "usr/bin/shackctl", "etc/shackd/shackd.ini",
              "etc/logrotate.d/shackd", "usr/lib/tmpfiles.d/shackd.conf", "usr/lib/sysusers.d/shackd.conf"}
OF = {"sysv": {"etc/init.d/shackd", "etc/default/shackd"},
      "openrc": {"etc/init.d/shackd", "etc/conf.d/shackd"},
      "systemd": {"usr/lib/systemd/system/shackd.service"}}


def files_in(top):
    return {str(path.relative_to(top)) for path in Path(top).rglob("*") if path.is_file()}


def test_install():
    """Each init system gets what it needs, and no path of another prefix is left in it."""
    for init, own in OF.items():
        with tempfile.TemporaryDirectory(prefix="shackd-test-") as top:
            Machine.install(top, init)
            found = files_in(top)
            assert EVERYWHERE | own <= found, EVERYWHERE | own - found
            others = set().union(*OF.values()) - own
            assert not others & found, others & found
            for name in own | EVERYWHERE:
                if not name.startswith("usr/sbin") and not name.startswith("usr/bin"):
                    assert "/usr/local/s" not in (Path(top) / name).read_text(), name


def test_install_keeps_what_is_an_operators():
    with tempfile.TemporaryDirectory(prefix="shackd-test-") as top:
        Machine.install(top, "sysv systemd")
        own = [Path(top) / name for name in ("etc/shackd/shackd.ini", "etc/default/shackd",
                                             "etc/logrotate.d/shackd", "etc/shackd/deny.db")]
        for path in own:
            path.write_text("mine\n")
        Machine.install(top, "sysv systemd")
        for path in own:
            assert path.read_text() == "mine\n", f"{path} was written over"
            assert path.with_name(path.name + ".new").exists(), f"nothing beside {path}"


def test_devices_of_a_machine_are_its_own():
    """Whoever sets owner and mode of a terminal there, as a getty does, sets not those of /dev/null here."""
    with Machine("openrc", init="openrc", first=["/bin/sleep", "infinity"]) as machine:
        for name in ("null", "zero", "full", "random", "urandom", "tty", "console"):
            own = machine.path(f"/dev/{name}").stat()
            for ours in ("null", name):
                found = os.stat(f"/dev/{ours}") if os.path.exists(f"/dev/{ours}") else None
                assert found is None or not os.path.samestat(own, found), f"its {name} is our {ours}"
        assert machine.good("sh", "-c", "head -c 3 /dev/zero >/dev/null && echo >/dev/console").code == 0


def test_machine_goes_with_a_test_that_was_killed():
    with Machine("openrc", init="openrc", first=["/bin/sleep", "infinity"]):
        pass  # or a skip
    here, go_on = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        with Machine("openrc", init="openrc", first=["/bin/sleep", "infinity"]) as machine:
            os.write(here[1], f"{machine.first_pid} {machine.base}\n".encode())
            os.read(go_on[0], 1)
        os._exit(0)
    first, base = os.read(here[0], 1000).decode().split()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    try:
        eventually(lambda: not os.path.exists(f"/proc/{first}"), 10, "the end of its process 1")
    finally:
        if os.path.exists(f"/proc/{first}"):
            os.kill(int(first), signal.SIGKILL)
        shutil.rmtree(base, ignore_errors=True)


def test_logrotate_loses_no_line():
    """Rotated three times while it writes; the daemon goes on in the new file each time."""
    log = "/var/log/shackd/shackd.log"
    with Machine("logrotate", init="sysv", first=["/bin/sleep", "infinity"]) as machine:
        machine.good("/etc/init.d/shackd", "start")
        for turn in range(3):
            for _ in range(5):
                machine.good("shackctl", "reload")
            machine.good("logrotate", "-f", "/etc/logrotate.d/shackd")
            machine.good("shackctl", "reload")  # something to be said
            eventually(lambda: machine.path(log).exists() and "reload" in machine.read(log), 10,
                       f"lines in the new file, time {turn}")
        machine.good("/etc/init.d/shackd", "stop")
        assert machine.good("stat", "-c", "%U:%G %a", log).text.strip() == "shackd:shackd 640"
        text = machine.good("sh", "-c", f"zcat -f {log}.* {log}").text
    lines = [line for line in text.splitlines() if line.endswith("reloaded, changed: nothing")]
    assert len(lines) == 18, f"{len(lines)} lines of 18 reloads: {text[-1500:]}"
    assert "ready" in text and "stopped" in text


if __name__ == "__main__":
    main(globals())
