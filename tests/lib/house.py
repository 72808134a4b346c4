# SPDX-License-Identifier: ISC
#
# NAME      house - one daemon that does everything, with people who notice what it loses
# PURPOSE   A reflector with gateways and a cluster with users and a feed in one daemon, at ports that stay
#           when it is started anew; and the look at all of it after something was done to it.
# OWNER     fault tests
# CONTRACT  with House(environment=...) as house: house.look() raises what is wrong: a worker that is not
#           there, a registration lost or made anew, a frame or a spot lost or doubled, a session ended,
#           a descriptor or a process left. house.reborn() starts it anew after its master's death.
# LIMITS    loopback; users lose their sessions with the master and log in again

import os
import signal
import socket
import tempfile
import time
from pathlib import Path

from lib.builds import TESTING, copy_of
from lib.cluster import NODE, Telnet
from lib.numbered import call_of, line
from lib.shackd import Daemon, SLOW, alive, eventually
from lib.upstream import Upstream
from ysf import Lab

OPTIONS = ("workers.dxc=2", "dgid.list=1-99", "dgid.local=0", "ysf.max_age=0",
           "ysf.client_timeout=1h", "ysf.watchdog=20s", "server.respawn_tokens=6000/m",
           f"dxc.node_call={NODE}", "dxc.enabled=yes", "limits.sessions_per_ip=1000",
           "dxc.batch_interval=0", "dxc.default_sources=", "server.watchdog=500ms", "limits.clients_per_ip=1000")
ROOM = 30
SETTLED = 30.0  # seconds for everything to be as before, by itself
SAME = 20  # readings, 10 ms apart
SPOTS = 6760  # numbers that tests/lib/numbered.py has


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class House:
    def __init__(self, *options, environment=None, program=TESTING, prepare=None):
        self.excused = set()  # reasons for which it may say that it is degraded
        self.folder = tempfile.TemporaryDirectory(prefix="shackd-house-")
        self.home = Path(self.folder.name)
        os.chmod(self.home, 0o777)
        self.path = copy_of(program, self.home / "shackd")
        os.chmod(self.home, 0o755)
        (self.home / "log").mkdir()
        os.chmod(self.home / "log", 0o777)
        if prepare:
            prepare()
        self.deny = self.home / "deny.db"
        self.deny.write_text("CS:N0CALL\n")
        self.up = Upstream()
        ysf, dxc = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM)
        self.daemon = Daemon(*OPTIONS, *self.up.feed("A", slot_buffer=10000), f"access.file={self.deny}",
                             f"ysf.mmdvm_log={self.home}/log/SHACKD", f"dxc.listen=127.0.0.1:{dxc}",
                             *options, listen=None, program=self.path, start=False,
                             environment=environment)
        self.ysf, self.more = ysf, free_port(socket.SOCK_DGRAM)
        self.daemon.config = self.daemon.base / "shackd.ini"
        self.configure()
        self.lab = None
        self.number = 0
        self.users, self.feed = [], None
        self.blocked = set()  # who has to be, for ever

    # ---- life ----

    def configure(self, large=False, listen="", name="A house"):
        """What comes from the file, and so by a reload: LARGE has one more worker and listener."""
        more = f", 127.0.0.1:{self.more}" if large else ""
        self.daemon.config.write_text(f"[ysf]\nlisten = 127.0.0.1:{self.ysf}{more}{listen}\n"
                                      f"description = {name}\n[workers]\nysf = {3 if large else 2}\n")

    def start(self):
        self.daemon.start()
        self.settle()
        self.lab = self.lab or Lab(self.daemon)
        return self

    def move_in(self):
        """Those who live here: gateways that stay, users, the feed."""
        self.talker = self.lab.gateway("TALKER", "IU5JAE", ROOM)
        self.listener = self.lab.gateway("LISTENER", "DL9LSN", ROOM)
        self.other = self.lab.gateway("OTHER", "DL8OTH", ROOM)
        self.registered = self.ids()
        self.log_in()
        self.size = self.measure()
        return self

    def log_in(self):
        for user in self.users:
            user.close()
        self.users = [self.user(call) for call in ("DL1AA", "DL1BB")]
        self.feed = eventually(self.dialed, 10, "the feed's connection")

    def dialed(self):
        """What the feed says; whoever dialed and died meanwhile waits in the backlog, too."""
        try:
            return self.up.accept().login(call=NODE)
        except (AssertionError, ConnectionError):
            return None

    def user(self, call):
        """A session at its first prompt; a crowd at the door is let in by and by."""
        user = Telnet(self.daemon)
        user.login(call)
        return user

    def reborn(self, registered=True):
        """After the death of the master: everybody has left, and a new one takes it all up."""
        began = time.monotonic()
        eventually(lambda: not self.left_over(), 5, "the end of the workers")
        self.daemon.process.stdout.close()
        self.daemon.start()
        took = time.monotonic() - began
        self.settle()
        if self.lab is not None and self.users:
            self.log_in()
        if self.users:
            self.size = self.measure()
        if not registered:  # as after a boot of the machine: gateways ask again by themselves
            for gateway in (self.talker, self.listener, self.other):
                gateway.link()
            self.registered = self.ids()
        return took

    def kill(self):
        """Its master, which may be stopped."""
        self.daemon.process.kill()
        self.daemon.process.wait(10 * SLOW)

    def children(self):
        pid = self.daemon.process.pid
        return [int(child) for child in
                Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def left_over(self):
        """Processes of the executable that live on without a master."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == self.daemon.process.pid:
                continue
            try:
                path = os.readlink(entry / "exe")
            except OSError:
                continue
            if path.startswith(str(self.home)) and alive(int(entry.name)):
                found.append(int(entry.name))
        return found

    def ended(self):
        return self.daemon.process.poll() is not None

    # ---- looking ----

    def ids(self):
        return {client["gateway"]: client["id"] for client in self.daemon.ctl("clients")
                if client["gateway"] in ("TALKER", "LISTENER", "OTHER")}

    def descriptors(self):
        """Of the master, without those of the dead, which it keeps for a moment."""
        count = 0
        for link in Path(f"/proc/{self.daemon.pid}/fd").iterdir():
            try:
                count += os.readlink(link) != "anon_inode:[pidfd]"
            except OSError:
                pass  # closed meanwhile
        return count

    def measure(self):
        """The same when nothing comes or goes: as often as not a connection of ours is not closed yet."""
        seen = []

        def same():
            seen.append(self.descriptors())
            return len(seen) >= SAME and len(set(seen[-SAME:])) == 1
        eventually(same, 5, "a steady number of descriptors")
        return seen[-1]

    def at_rest(self):
        """Nobody missing, nobody too many, nobody silent."""
        try:
            workers = self.daemon.workers()
        except (OSError, AssertionError):
            return False
        bad = [slot for slot, worker in workers.items()
               if worker["state"] != "ready" or worker["heartbeat_ms"] > 400 * SLOW]
        pids = {worker["pid"] for worker in workers.values()}
        status = self.daemon.status()
        return not bad and set(self.children()) == pids and \
            (status["state"] == "ready" or set(status["reasons"]) <= self.excused)

    def settle(self, deadline=SETTLED):
        eventually(self.at_rest, deadline, "all workers at work")

    def speak(self, frames=3):
        """A call of frames that nobody else ever sent. Returns them."""
        return self.talker.call(frames=frames)

    def heard(self, sent):
        for ears in (self.listener, self.other):
            ears.expect(*sent)

    def spot(self, count=1):
        """The feed reports; returns the stations."""
        calls = [call_of(self.number + i) for i in range(count)]
        self.feed.send("".join(line(self.number + i) for i in range(count)))
        self.number += count
        assert self.number < SPOTS, "all numbers are used up"
        return calls

    def saw(self, calls):
        """Each user sees each of them once, in order, and no other."""
        for user in self.users:
            seen = []
            while len(seen) < len(calls):
                seen.append(user.expect(r"^DX de \S+: +[\d.]+ +(\S+)")[1])
            assert seen == calls, f"{user.source} saw {seen} instead of {calls}"

    def look(self):
        """All that must be so, whatever happened."""
        self.settle()
        assert self.ids() == self.registered, f"registrations {self.registered} became {self.ids()}"
        self.heard(self.speak())
        for gateway in (self.talker, self.listener, self.other):
            gateway.silent()
        self.saw(self.spot(2))
        # a prompt that is answered says that nothing else came before it
        for user in self.users:
            lines = [text for text in user.ask("SH/TIME") if text.startswith("DX de")]
            assert not lines, f"more spots than were sent: {lines}"
        eventually(lambda: not self.daemon.ctl("streams"), 5, "the end of all calls")
        eventually(lambda: self.descriptors() == self.size, 5,
                   f"{self.size} descriptors as before (they are {self.descriptors()})")

    # ---- the end ----

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def close(self):
        for user in self.users:
            user.close()
        if self.lab is not None and not self.ended():
            self.lab.__exit__(None, None, None)
        if self.daemon.process is not None and not self.ended():
            os.kill(self.daemon.process.pid, signal.SIGCONT)
        self.daemon.close()
        self.up.__exit__(None, None, None)
        self.folder.cleanup()

    def __exit__(self, kind, value, trace):
        if kind and os.environ.get("VERBOSE"):
            print(self.daemon.log()[-6000:])
        self.close()
