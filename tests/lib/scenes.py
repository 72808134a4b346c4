# SPDX-License-Identifier: ISC
#
# NAME      scenes - what is done to a house so that its daemon passes a marked point
# PURPOSE   One class for each WHEN of shm/fault_points.def: what happens while one of its processes dies or
#           hangs, and what must have come of it.
# OWNER     fault tests
# CONTRACT  scene = SCENES["voice"](house); scene.play() makes the point be passed and waits for nothing that a
#           dead or hanging master would have to say; scene.judge(alone) is called when the house is whole
#           again: ALONE means that the master died, and with it what nobody had been promised.
# LIMITS    none known

import os
import signal
import threading

from lib import lists
from lib.cluster import Telnet
from lib.shackd import REQUEST, SLOW, answer, eventually, packet

RETIRED = 4  # descriptors of a slot that a reload has removed, which is kept: it may come back


class Scene:
    def __init__(self, house, victim=""):
        self.house, self.daemon, self.victim = house, house.daemon, victim

    def play(self):
        """Makes it happen."""

    def mend(self):
        """What an operator does before the cold start."""

    def judge(self, alone):
        """What must have come of it."""


class Aside(threading.Thread):
    """Somebody who waits for an answer, which may never come."""

    def __init__(self, task):
        super().__init__(daemon=True)
        self.task, self.result, self.error = task, None, None
        self.start()

    def run(self):
        try:
            self.result = self.task()
        except (OSError, AssertionError) as error:
            self.error = error

    def wait(self):
        self.join(60 * SLOW)
        assert not self.is_alive(), "there was neither an answer nor an end"
        return self.result


class Respawn(Scene):
    """The holder of a slot dies, and its successor comes."""

    def play(self):
        slot = self.victim if self.victim in self.daemon.worker_pids() else "ysf.0"
        self.daemon.kill_worker(slot)


class Death(Scene):
    """A worker dies, which concerns others."""

    def play(self):
        self.daemon.kill_worker("ysf.0")


class Link(Scene):
    count = 0

    def play(self):
        Link.count += 1
        self.name = f"NEW{Link.count}"
        self.gateway = self.house.lab.stranger(self.name, "DL4NEW")
        self.gateway.poll()

    def judge(self, alone):
        # gateways ask again: nobody was promised that the first poll is answered
        for _ in range(10):
            if self.gateway.receive(1.0 * SLOW) == b"YSFPREFLECTOR ":
                break
            self.gateway.poll()
        else:
            raise AssertionError("a new gateway gets no answer")
        found = [client for client in self.daemon.ctl("clients") if client["gateway"] == self.name]
        assert len(found) == 1, f"linked {len(found)} times"
        self.gateway.unlink()
        eventually(lambda: not any(client["gateway"] == self.name
                                   for client in self.daemon.ctl("clients")), 5, "the end of the link")
        self.gateway.close()
        self.house.lab.gateways.remove(self.gateway)


class Voice(Scene):
    def play(self):
        self.sent = self.house.speak(frames=5)

    def judge(self, alone):
        self.house.heard(self.sent)


class Block(Scene):
    count = 0

    def play(self):
        Block.count += 1
        self.call = f"DL5B{Block.count}"
        self.sock = self.daemon.connect()
        self.sock.send(packet(REQUEST, f"block\0{self.call}\0".encode()))

    def judge(self, alone):
        try:
            code = answer(self.sock)[0]
        except (OSError, AssertionError):
            code = None  # its keeper or master died: nothing was promised
        self.sock.close()
        calls = {block["call"] for block in self.daemon.ctl("blocked")}
        assert code != 0 or self.call in calls, f"{self.call} was said to be blocked"
        if code != 0:
            assert self.daemon.ask("block", self.call)[0] == 0, "can't be blocked any more"
        self.house.blocked.add(self.call)


class Login(Scene):
    """A user comes, says a name, and leaves."""
    count = 0

    def play(self):
        Login.count += 1
        self.call = f"DL6L{chr(65 + Login.count // 26 % 26)}{chr(65 + Login.count % 26)}"
        self.aside = Aside(self.visit)

    def visit(self):
        with Telnet(self.daemon) as user:
            user.login(self.call)
            user.ask(f"SET/NAME Joe{Login.count}")
            user.ask("SH/TIME")
            user.type("BYE")
            return user.rest()

    def judge(self, alone):
        whole = self.aside.wait()
        assert alone or whole is not None, f"a session was ended: {self.aside.error}"


class Spots(Scene):
    def play(self):
        self.calls = self.house.spot(4)

    def judge(self, alone):
        if not alone:
            self.house.saw(self.calls)


class Dx(Scene):
    count = 0

    def play(self):
        Dx.count += 1
        self.call = f"OH{Dx.count % 10}{chr(65 + Dx.count // 260 % 26)}{chr(65 + Dx.count // 10 % 26)}"
        self.house.users[Dx.count % 2].type(f"DX {14000 + Dx.count}.5 {self.call} number {Dx.count}")

    def judge(self, alone):
        if not alone:
            self.house.saw([self.call])


class Lines(Link):
    """Something is logged, once."""

    def judge(self, alone):
        super().judge(alone)
        wanted = f"gateway {self.name} "
        eventually(lambda: wanted in self.daemon.log(), 5, f"the line of {self.name} in the log")


class Lists(Scene):
    count = 0

    def play(self):
        Lists.count += 1
        self.call = f"DL7X{Lists.count}"
        new = self.house.deny.with_suffix(".new")
        new.write_text(f"CS:N0CALL\nCS:{self.call}\n")
        os.rename(new, self.house.deny)

    def judge(self, alone):
        eventually(lambda: self.call in (lists.access(self.daemon.pid) or {"CS": []})["CS"], 10,
                   f"a list with {self.call}")


class Reload(Scene):
    """To a configuration with one worker and one listener more."""

    def play(self):
        self.house.configure(large=True, name="A larger one")
        self.aside = Aside(lambda: self.daemon.ask("reload"))

    def judge(self, alone):
        result = self.aside.wait()
        wanted = 3 if alone or (result is not None and result[0] == 0) else 2
        have = sum(slot.startswith("ysf.") for slot in self.daemon.worker_pids())
        assert result is None or have == wanted, f"{have} workers after {result}"
        self.reload(large=False)
        if not alone:
            size = self.house.measure()
            assert size in (self.house.size, self.house.size + RETIRED), \
                f"{self.house.size} descriptors became {size}"
        self.house.size = self.house.measure()
        self.reload(large=True)
        self.reload(large=False)

    def reload(self, large):
        """Undisturbed."""
        self.house.configure(large)
        code, _, why = self.daemon.ask("reload")
        assert code == 0, f"an undisturbed reload failed: {why}"
        self.house.settle()
        have = sum(slot.startswith("ysf.") for slot in self.daemon.worker_pids())
        assert have == (3 if large else 2), f"{have} workers in the {'large' if large else 'small'} one"


class ReloadBad(Scene):
    """To a listener whose port somebody else has."""

    def play(self):
        self.house.configure(large=True, listen=f", 127.0.0.1:{self.house.lab.gateways[0].port}".replace(
            "127.0.0.1", self.house.lab.gateways[0].ip))
        self.aside = Aside(lambda: self.daemon.ask("reload"))

    def mend(self):
        self.house.configure()

    def judge(self, alone):
        result = self.aside.wait()
        assert result is None or result[0] == 1, f"a port that is in use was taken: {result}"
        self.house.configure()
        code, _, why = self.daemon.ask("reload")
        assert code == 0, f"an undisturbed reload failed: {why}"


class Upgrade(Scene):
    """To the same build, which is as good as another."""

    def play(self):
        self.aside = Aside(lambda: self.daemon.ask("upgrade"))

    def judge(self, alone):
        self.aside.wait()
        code, _, why = self.daemon.ask("upgrade")
        assert code == 0, f"an undisturbed upgrade failed: {why}"


class Stop(Scene):
    def play(self):
        os.kill(self.daemon.process.pid, signal.SIGTERM)


SCENES = {"respawn": Respawn, "death": Death, "link": Link, "voice": Voice, "block": Block, "login": Login,
          "spots": Spots, "dx": Dx, "lines": Lines, "lists": Lists, "reload": Reload,
          "reload-bad": ReloadBad, "upgrade": Upgrade, "stop": Stop}
