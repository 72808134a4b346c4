# SPDX-License-Identifier: ISC
#
# NAME      private - a machine of the test's own, with an init system that this one does not run
# PURPOSE   Namespaces and a root made of this machine's files, packages that `make deps` has unpacked and
#           what `make install` installs; its process 1 is whatever the test says.
# OWNER     flow tests of init/
# CONTRACT  with Machine("openrc", files={"/etc/x": "..."}, first=["/sbin/openrc-init"]) as machine:
#           machine.run("rc-service", "shackd", "start"). Nothing is changed outside, nothing is left.
# LIMITS    SKIP without root, without namespaces or overlayfs, or without the packages

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from lib.shackd import IS_ROOT, LIBC, ROOT, SLOW, Skip, eventually

# the simulator's calls are odd, and quicker than people
CONFIG = """[server]
log = /var/log/shackd/shackd.log
[dgid]
prefix = no
[access]
check_re = 0
[protection]
wild_ptt_count = 0
[ysf]
dashboard_listen =
"""
ENVIRONMENT = {"container": "private", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "dumb",
               "LC_ALL": "C"}
NAMESPACES = ["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup"]
USER = 990  # of shackd in there


def packages(name):
    """Where the packages of an init system lie; a copy of the tree in build/ uses those of the tree."""
    for top in (ROOT, *ROOT.parents):
        if (top / "build/packages" / name / ".unpacked").exists():
            return top / "build/packages" / name
    raise Skip(f"the packages of {name} are not unpacked (make deps)")


def probe():
    if not IS_ROOT:
        raise Skip("needs root to make namespaces")
    done = subprocess.run(["unshare", *NAMESPACES, "--fork", "true"], capture_output=True, text=True)
    if done.returncode != 0:
        raise Skip(f"no namespaces here: {done.stderr.strip()}")


class Groups:
    """A cgroup of its own in each hierarchy, so that a manager there finds a root that it may use."""

    def __init__(self, name):
        self.paths = []
        try:
            for top in [Path("/sys/fs/cgroup"), *sorted(Path("/sys/fs/cgroup").glob("*/"))]:
                if (top / "cgroup.procs").exists():
                    self.paths.append(self.make(top, name))
        except BaseException:
            self.close()
            raise
        if not self.paths:
            raise Skip("no cgroups here")

    @staticmethod
    def make(top, name):
        path = top / name
        path.mkdir()
        for setting in ("cpuset.cpus", "cpuset.mems"):  # without them nobody may come in
            if (path / setting).exists() and not (path / setting).read_text().strip():
                (path / setting).write_text((top / setting).read_text())
        return path

    def enter(self):
        for path in self.paths:
            (path / "cgroup.procs").write_text("0")

    def close(self):
        for path in self.paths:
            for folder, _, _ in os.walk(path, topdown=False):
                eventually(lambda: self.remove(folder), 10, f"the end of {folder}")

    @staticmethod
    def remove(folder):
        try:
            os.rmdir(folder)
        except FileNotFoundError:
            pass
        except OSError:
            return False
        return True


class Result:
    def __init__(self, done):
        self.code, self.text = done.returncode, done.stdout
        self.lines = self.text.splitlines()

    def __repr__(self):
        return f"exit {self.code}: {self.text.strip()[-600:]}"


class Machine:
    """PACKAGES: names of unpacked groups; INIT: what `make install` is to serve."""

    def __init__(self, *names, init, first, files=None, config=CONFIG, user=True, cgroups=False):
        probe()
        self.layers = [packages(name) for name in names]
        self.base = Path(tempfile.mkdtemp(prefix="shackd-test-"))
        self.base.chmod(0o755)
        self.process, self.first_pid, self.groups = None, None, None
        try:
            self.groups = Groups(self.base.name) if cgroups else None
            self.fill(init, config, files or {}, user)
            self.boot(first)
        except BaseException:
            self.close()
            raise

    def fill(self, init, config, files, user):
        installed, own = self.base / "installed", self.base / "own"
        self.install(installed, init)
        self.layers += [installed, own]
        files = {"/etc/shackd/shackd.ini": config, **files}
        if user:
            files["/etc/passwd"] = Path("/etc/passwd").read_text() + \
                f"shackd:x:{USER}:{USER}::/var/lib/shackd:/usr/sbin/nologin\n"
            files["/etc/group"] = Path("/etc/group").read_text() + f"shackd:x:{USER}:\n"
        for name, text in files.items():
            path = own / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(text, tuple):  # a program
                path.write_text(text[0])
                path.chmod(0o755)
            else:
                path.write_text(text)

    @staticmethod
    def install(to, init, prefix="/usr"):
        """What is built, as `make install` does it; nothing is built anew."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}
        done = subprocess.run(["make", "-s", "-o", "all", "install", f"DESTDIR={to}", f"PREFIX={prefix}",
                               f"INIT={init}"], cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"make install: {done.stderr}")

    def boot(self, first):
        layers = ":".join(str(layer) for layer in self.layers)
        with open(self.base / "console", "wb") as console:
            self.process = subprocess.Popen(
                ["unshare", *NAMESPACES, "--fork", "--kill-child=KILL",
                 str(ROOT / "tests/lib/private_root"), str(self.base), layers, *first],
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, env=ENVIRONMENT,
                preexec_fn=self.before_exec)
        self.first_pid = eventually(self.child, 10, "process 1 of the machine")
        eventually(self.booted, 20, "the root of the machine")

    def before_exec(self):
        LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG; unshare does not hear of TERM
        if self.groups:
            self.groups.enter()

    def child(self):
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return next((int(word) for word in path.read_text().split()), None)

    def booted(self):
        """Process 1 has its own root and is no shell of ours any more."""
        if self.process.poll() is not None:
            raise AssertionError(f"the machine ended: {self.console()}")
        command = Path(f"/proc/{self.first_pid}/cmdline").read_bytes()
        return b"private_root" not in command and b"umount -l /mnt/old" not in command

    def console(self):
        return (self.base / "console").read_text(errors="replace")

    def command(self, *words):
        return ["nsenter", "-t", str(self.first_pid), "-m", "-p", "-n", "-u", "-i", "-C", "--root",
                "--wdns=/", "--", *map(str, words)]

    def run(self, *words, deadline=60, **more):
        """Runs a program there; standard output and error in .text, exit code in .code."""
        return Result(subprocess.run(self.command(*words), stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                     env={**ENVIRONMENT, **more}, timeout=deadline * SLOW, cwd="/"))

    def good(self, *words, **more):
        """The same, and it must succeed."""
        result = self.run(*words, **more)
        assert result.code == 0, f"{' '.join(map(str, words))}: {result}"
        return result

    def read(self, path):
        return self.path(path).read_text(errors="replace")

    def write(self, path, text):
        """Written there: the file is another one, as an editor would make it."""
        done = subprocess.run(self.command("tee", path), input=text, text=True,
                              stdout=subprocess.DEVNULL, check=True)
        return done

    def path(self, path):
        """A file of the machine as it is seen from here."""
        return Path(f"/proc/{self.first_pid}/root") / str(path).lstrip("/")

    # ---- the daemon in it ----

    def pid(self, path="/run/shackd/shackd.pid"):
        """Process id of the daemon, as it is in there."""
        return int(self.read(path))

    def outside(self, pid):
        """The same process as this machine numbers it."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    status = (entry / "status").read_text()
                except OSError:
                    continue
                for line in status.splitlines():
                    if line.startswith("NSpid:"):
                        numbers = line.split()[1:]
                        if len(numbers) > 1 and numbers[-1] == str(pid) and self.ours(entry):
                            return int(entry.name)
        raise AssertionError(f"no process {pid} in the machine")

    def ours(self, entry):
        try:
            return os.readlink(entry / "ns/pid") == os.readlink(f"/proc/{self.first_pid}/ns/pid")
        except OSError:
            return False

    def ctl(self, *words):
        return json.loads(self.good("shackctl", "--json", *words).text)

    def inside_network(self, *words):
        """Words that run a program of this machine in the other's network."""
        return ["nsenter", "-t", str(self.first_pid), "-n", "--", *map(str, words)]

    def socket(self, *kind):
        """A socket in the machine's network, for this process."""
        with open("/proc/self/ns/net", "rb") as own, \
                open(f"/proc/{self.first_pid}/ns/net", "rb") as other:
            if LIBC.setns(other.fileno(), 0) != 0:
                raise OSError("setns")
            try:
                return socket.socket(*kind)
            finally:
                LIBC.setns(own.fileno(), 0)

    # ---- the end ----

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()  # --kill-child: process 1 and with it all others
            self.process.wait()
        if self.first_pid:
            end = time.monotonic() + 10
            while Path(f"/proc/{self.first_pid}").exists() and time.monotonic() < end:
                time.sleep(0.01)
        if self.groups:
            self.groups.close()
        shutil.rmtree(self.base, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind and kind is not Skip and os.environ.get("VERBOSE"):
            print(self.console())
        self.close()
