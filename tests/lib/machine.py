# SPDX-License-Identifier: ISC
#
# NAME      machine - a machine of the test's own, with shackd installed
# PURPOSE   What a manual tells an operator to type is typed here, letter by letter: default paths, default
#           ports, the user and group of the daemon, a log file, an editor.
# OWNER     flow tests
# CONTRACT  `enter()` first in a test's main: it starts the test anew in namespaces (mounts, processes,
#           network) with a copy of /etc and empty /run, /var, /dev/shm and /usr/local/sbin;
#           all of it goes with the test. Machine() needs that.
# LIMITS    SKIP without root; no service manager runs in it

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lib.shackd import IS_ROOT, ROOT, SHACKD, SLOW, Skip, eventually

INSIDE = "SHACKD_TEST_MACHINE"
CONFIG = Path("/etc/shackd/shackd.ini")
LOG = Path("/var/log/shackd/shackd.log")
SBIN = Path("/usr/local/sbin")
EMPTY = ("/run", "/var", "/dev/shm", str(SBIN))
FOLDERS = ("/var/lib", "/var/log/shackd", "/var/backups", "/var/tmp")
ISOLATED = ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]
# A shell as process 1 that buries orphans, so that nobody takes them for the living.
FIRST = ["sh", "-c", '"$@" & wait $!', "sh"]
DEFAULTS = "[server]\nlog = %s\n" % LOG


def enter():
    """Goes on in namespaces, where that is possible."""
    if not IS_ROOT or INSIDE in os.environ:
        return
    if subprocess.run([*ISOLATED, "true"], capture_output=True).returncode == 0:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", [*ISOLATED, *FIRST, sys.executable, *sys.argv])


def need_machine():
    if not IS_ROOT:
        raise Skip("needs root to make namespaces")
    if INSIDE not in os.environ:
        raise Skip("no namespaces here")


def call(*command):
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def furnish():
    """Once: what an installation has."""
    call("ip", "link", "set", "lo", "up")
    etc = tempfile.mkdtemp(prefix="shackd-test-")
    call("mount", "-t", "tmpfs", "none", etc)
    call("cp", "-a", "/etc/.", etc)
    call("mount", "--bind", etc, "/etc")
    call("umount", "-l", etc)
    os.rmdir(etc)
    for path in EMPTY:
        call("mount", "-t", "tmpfs", "-o", "mode=755", "none", path)
    for name, line in (("passwd", "shackd:x:990:990::/nonexistent:/usr/sbin/nologin"),
                       ("group", "shackd:x:990:")):
        path = Path("/etc", name)
        if not re.search(r"^shackd:", path.read_text(), re.M):
            with path.open("a") as file:
                file.write(line + "\n")
    os.environ["PATH"] = f"{SBIN}:{os.environ['PATH']}"


class Machine:
    """with Machine() as machine: one boot of it. What it ran is ended at the end."""

    furnished = False

    def __init__(self):
        need_machine()
        if not Machine.furnished:
            furnish()
            Machine.furnished = True
        self.words = {}  # what the manual calls otherwise: {"4711": "pid here"}
        self.printed = ""  # by all commands
        self.edit = None  # what `vi FILE` does: a function of the path

    def __enter__(self):
        self.install()
        return self

    def __exit__(self, *error):
        if error[0] and error[0] is not Skip and os.environ.get("VERBOSE"):
            print(self.said(), file=sys.stderr)
        self.power_off()

    def install(self, program=SHACKD):
        for name in ("shackd", "shackd-net", "shackctl"):
            source = ROOT / name if name == "shackctl" else Path(program).parent / name
            new = SBIN / (name + ".new")
            shutil.copy2(source, new)
            new.rename(SBIN / name)
        shutil.rmtree("/etc/shackd", ignore_errors=True)
        shutil.copytree(ROOT / "etc", "/etc/shackd")
        CONFIG.write_text(DEFAULTS)
        for folder in FOLDERS:
            Path(folder).mkdir(parents=True, exist_ok=True)
        shutil.chown(LOG.parent, "shackd", "shackd")

    def ours(self):
        """Processes that run from our installation, replaced files too."""
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / "exe").startswith(str(SBIN) + "/"):
                    yield int(entry.name)
            except OSError:
                pass  # it has ended

    def power_off(self):
        def gone():
            for pid in self.ours():
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    pass
            return not list(self.ours())
        eventually(gone, 10, "the end of all processes")
        for path in EMPTY:
            call("sh", "-c", f"umount -l {path}/* {path}/*/* 2>/dev/null; rm -rf {path}/*")

    # ---- what people do ----

    def configure(self, text=""):
        """More configuration than the log."""
        CONFIG.write_text(DEFAULTS + text)

    def run(self, command, check=False):
        """(exit status, what it printed) of a line for the shell."""
        for word, here in self.words.items():
            command = re.sub(rf"(?<![\w.]){re.escape(word)}(?![\w.])", str(here), command)
        if self.edit is not None and (found := re.fullmatch(r"vi (\S+)", command)):
            self.edit(Path(found[1]))
            return 0, ""
        with tempfile.TemporaryFile("w+", dir="/dev/shm") as output:  # a daemon in the background keeps no pipe
            done = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=output,
                                  stderr=subprocess.STDOUT, timeout=60 * SLOW, cwd="/")
            output.seek(0)
            text = output.read()
        self.printed += text
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: {done.returncode}: {text}")
        return done.returncode, text

    def start(self, configuration="", *options):
        self.configure(configuration)
        self.run(" ".join(["shackd", *(f"-o '{option}'" for option in options)]), check=True)
        return self

    # ---- what can be seen ----

    def said(self):
        """Everything that an operator could have read so far."""
        return self.printed + (LOG.read_text(errors="replace") if LOG.exists() else "")

    def wait_for(self, pattern, deadline=10):
        return eventually(lambda: re.search(pattern, self.said()), deadline, f"{pattern!r} to be said")

    def ask(self, *words):
        done = subprocess.run(["shackctl", "--json", *words], capture_output=True, text=True,
                              timeout=20 * SLOW)
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else None

    def status(self):
        return self.ask("status")

    def workers(self):
        return {worker["slot"]: worker for worker in self.ask("workers") or []}

    def pid(self, slot=None):
        """Of the master, or of the process that holds a slot, once there is one."""
        if slot is None:
            return int(Path("/run/shackd/shackd.pid").read_text())
        return eventually(lambda: self.workers().get(slot, {}).get("pid"), 10, slot)

    def kill(self, slot, number):
        pid = self.pid(slot)
        os.kill(pid, number)
        return pid

    def until(self, state, deadline=10):
        """Waits until `status` says so."""
        return eventually(lambda: (now := self.status()) and now["state"] == state and now, deadline,
                          f"the state {state}")
