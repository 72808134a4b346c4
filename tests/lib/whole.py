# SPDX-License-Identifier: ISC
#
# NAME      whole - a daemon with every kind of worker, and all that it can be asked for
# PURPOSE   Voice, dashboards, APRS, the cluster with feeds of all three types and every control verb in
#           one daemon, cut into steps which can be gone again and again; and a look at whether it serves.
# OWNER     fault tests
# CONTRACT  with Whole(program=...) as whole: whole.steps["voice"](); whole.serves()
#           A step raises if something did not come; serves() raises if what must work does not.
# LIMITS    IPv4 loopback; needs mosquitto

import itertools
import json
import os
import re
import shutil
import socket
import tempfile
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

from lib.aprsis import Server
from lib.builds import copy_of
from lib.cluster import Telnet
from lib.dashboard import Dashboard
from lib.shackd import Daemon, eventually
from lib.upstream import Broker, feed
from lib.ysf import Lab, pad

CALLS = [f"{prefix}{digit}{letter}XY" for prefix in ("K", "W", "N") for digit in range(10)
         for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
AGAIN = 2.0  # seconds until one is asked again whether he heard it
SINGLE = ("log", "keeper", "data", "link", "spot")
VERBS = (("status",), ("workers",), ("clients",), ("streams",), ("blocked",), ("sessions",),
         ("feeds",), ("spots", "20"), ("lists",), ("lists", "access"), ("lists", "homes"),
         ("lists", "saved"), ("events", "200"), ("metrics",), ("metrics", "--json"),
         ("quarantine",))


def now():
    return datetime.now(timezone.utc).strftime("%H%MZ")


class Teller(threading.Thread):
    """An upstream of telnet's kind that takes whoever comes, and says the same to all."""

    def __init__(self):
        super().__init__(daemon=True)
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.clients, self.heard = [], b""
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.sock.accept()
                client.sendall(b"Please enter your call: ")
            except OSError:
                return
            threading.Thread(target=self.listen, args=(client,), daemon=True).start()

    def listen(self, client):
        said = False
        try:
            while data := client.recv(65536):
                self.heard = (self.heard + data)[-65536:]
                if not said and b"\n" in data:
                    said = True
                    client.sendall(b"Hello\r\n")
                    self.clients.append(client)
        except OSError:
            pass
        if client in self.clients:
            self.clients.remove(client)
        client.close()

    def tell(self, line):
        for client in list(self.clients):
            try:
                client.sendall(line.encode())
            except OSError:
                pass

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        for client in list(self.clients):
            client.close()


class Whole:
    def __init__(self, *options, program, environment=None, patience=10.0):
        self.patience = patience
        self.numbers = itertools.count(1)
        self.folder = tempfile.TemporaryDirectory(prefix="shackd-home-")
        os.chmod(self.folder.name, 0o755)
        self.program = Path(self.folder.name) / "shackd"
        copy_of(program, self.program)
        self.skimmers, self.neighbours = Teller(), Teller()
        self.broker, self.aprs = Broker(), Server()
        self.access = Path(self.folder.name) / "access.db"
        self.write_lists()
        self.daemon = Daemon(*self.options(), *options, program=str(self.program), start=False,
                             environment=environment, listen=None)
        self.daemon.config = self.daemon.base / "shackd.ini"
        self.ysf_ports = self.free_ports(3)
        self.turn, self.pinged = 0, 0.0
        self.configure()
        self.lab = self.reader = self.board = None
        self.steps = {name.removeprefix("step_"): getattr(self, name)
                      for name in dir(self) if name.startswith("step_")}

    def write_lists(self):
        self.access.write_text(f"CS:BAD{next(self.numbers)}AB\nGW:NOGW\n")
        self.homes = Path(self.folder.name) / "home.db"
        self.homes.write_text("TALKER:22:10\n")

    def options(self):
        return ("dgid.list=1-60", "ysf.frame_rate=0", "ysf.id=12345", "ysf.client_timeout=1h",
                "aprs.enabled=yes", "aprs.server=127.0.0.1", f"aprs.port={self.aprs.port}",
                "dxc.node_call=N0NODE-2", "dxc.listen=127.0.0.1:0", "dxc.enabled=yes", "workers.dxc=1",
                "limits.sessions_per_ip=1000", "dxc.batch_interval=0", "server.respawn_tokens=6000/m",
                "limits.dashboards=64", "dxc.default_sources=", "dxc.default_modes=", "server.log_level=info",
                f"access.file={self.access}", f"dgid.home_file={self.folder.name}/home.db",
                "data.cty_file=", "data.scp_file=",
                *feed("skim", self.skimmers.port), *feed("next", self.neighbours.port, type="cluster",
                                                         forward_dx="yes"),
                *self.broker.feed("psk", modes="FT8"))

    @staticmethod
    def free_ports(count):
        socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
        for sock in socks:
            sock.bind(("127.0.0.1", 0))
        ports = [sock.getsockname()[1] for sock in socks]
        for sock in socks:
            sock.close()
        return ports

    def configure(self, large=False):
        listen = [f"127.0.0.1:{port}" for port in self.ysf_ports[:3 if large else 1]]
        self.daemon.config.write_text(
            f"[ysf]\nlisten = {', '.join(listen)}\ndescription = N{self.turn}\n"
            f"[workers]\nysf = {2 if large else 1}\n")

    # ---- its life ----

    def start(self):
        self.daemon.start()
        return self.settle()

    def settle(self):
        """Those who are there for good come in."""
        self.lab = Lab(self.daemon)
        self.talker = self.lab.gateway("TALKER", "IU5JAE")
        self.listener = self.lab.gateway("LISTENER", "DL9LSN")
        self.reader = self.user("DL1RDR")
        self.reader.sock.settimeout(AGAIN)
        self.board, self.pinged = Dashboard(self.daemon), time.monotonic()
        self.board.subscribe()
        self.feeds_are_up()
        return self

    def feeds_are_up(self):
        eventually(lambda: self.skimmers.clients and self.neighbours.clients, 60, "telnet feeds up")
        eventually(lambda: all(one["state"] == "up" for one in self.feeds()), 60, "all feeds up")

    def feeds_wait(self):
        """Is there one which tries again only later, as it should?"""
        return any(one["state"] in ("waiting", "broken") for one in self.feeds())

    def feeds(self):
        try:
            return json.loads(self.daemon.ask("feeds")[1])
        except (OSError, AssertionError, ValueError):
            return [{"state": "unknown"}]

    def user(self, call=None):
        user = Telnet(self.daemon)
        user.sock.settimeout(self.patience)
        if call:
            user.login(call)
        return user

    def close(self):
        if self.lab:
            self.lab.__exit__()
            self.board.close()
            self.reader.close()
        self.daemon.close()
        for one in (self.skimmers, self.neighbours, self.broker, self.aprs):
            one.close()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    # ---- does it serve? ----

    def ready(self):
        try:
            return self.daemon.status()["state"] == "ready"
        except (OSError, AssertionError):
            return False

    def serves(self):
        """Everybody is ready, voice crosses, a session gets a spot, the feeds are up."""
        eventually(lambda: self.daemon.process.poll() is not None or self.ready(), 30, "all ready")
        assert self.daemon.process.poll() is None, f"ended with {self.daemon.process.returncode}"
        eventually(self.voice_crosses, 10, "voice crosses")
        eventually(self.spot_comes, 20, "a session gets a spot")
        eventually(lambda: all(one["state"] in ("up", "waiting", "broken") for one in self.feeds()), 60,
                   "each feed up, or waiting for its next try")

    def voice_crosses(self):
        for gateway in (self.talker, self.listener):
            while gateway.receive(0.001) is not None:
                pass
        sent = self.talker.call(frames=1)
        return all(self.listener.receive(AGAIN) == data for data in sent)

    def spot_comes(self):
        call, at = CALLS[next(self.numbers) % len(CALLS)], f"{14000 + next(self.numbers) % 9000 / 10:.1f}"
        try:
            with self.user(call) as spotter:
                spotter.ask(f"DX {at} LZ{next(self.numbers) % 10}AB health {next(self.numbers)}")
                text = f"health {next(self.numbers) - 1}"
                spotter.type("bye")
                self.reader.expect(text)
        except (OSError, AssertionError):
            assert not self.reader.ended, "a session was ended"
            return False
        return True

    # ---- what it can be asked for ----

    def step_voice(self):
        gateway = self.lab.stranger(f"GW{next(self.numbers)}", "DL5ABC")
        try:
            gateway.link()
            gateway.go_home(7)
            gateway.call(frames=2)
            gateway.header(sq=22)
            gateway.terminator(sq=22)
            for query in (b"YSFS", b"YSFI" + pad(gateway.name), b"YSFV"):
                gateway.send(query)
            gateway.silent()
            gateway.unlink()
        finally:
            self.lab.gateways.remove(gateway)
            gateway.close()
        sent = self.talker.call(frames=3)
        while (got := self.listener.receive(self.patience)) != sent[-1]:
            assert got is not None, "a call did not come"

    def step_session(self):
        call = CALLS[next(self.numbers) % len(CALLS)]
        with self.user(call) as user:
            for line in ("set/name Joe", "set/qth Here", "set/grid JN58", "help", 
                         "set/prompt spider", "show/users", "show/me", "foo"):
                user.ask(line)
            user.type("bye")
            user.rest()

    def step_dx(self):
        number = next(self.numbers)
        with self.user(CALLS[number % len(CALLS)]) as user:
            user.ask(f"DX {7000 + number % 900 / 10:.1f} LZ{number % 10}CD step {number}")
            self.reader.expect(f"step {number}")
            user.type("bye")
            user.rest()

    def step_show(self):
        with self.user(CALLS[next(self.numbers) % len(CALLS)]) as user:
            for line in ("sh/dx", "sh/dx 5", "sh/dx 20m", "sh/dx lz1ab", "sh/mydx 5", "show/prefix dl1abc",
                         "sh/dx/5 by k1", "sh/users", "sh/filter", "sh/sun"):
                user.ask(line)

    def step_filter(self):
        with self.user(CALLS[next(self.numbers) % len(CALLS)]) as user:
            for line in ("pass band 20m,40m", "reject mode FT8", "pass source human", "sh/filter",
                         "accept/spots 1 on hf/cw and by k", "reject/spots 2 by_zone 14", "clear/spots 2",
                         "pass band all", "reset filter", "sh/filter"):
                user.ask(line)
            number = next(self.numbers)
            self.skimmers.tell(f"DX de W3LPL-#:   14025.3  LZ{number % 1000}Q          CW    24 dB  22 WPM  CQ"
                               f"      {now()}\r\n")
            user.type("bye")
            user.rest()

    def step_feeds(self):
        number = next(self.numbers)
        at, letters = 14000 + number % 700 / 10, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        tail = letters[number % 26] + letters[number // 26 % 26]
        self.skimmers.tell(f"DX de W3LPL-#:   {at:.1f}  LZ1{tail}          CW    24 dB  22 WPM  CQ      {now()}\r\n")
        self.neighbours.tell(f"DX de K1{tail}:   {at:.1f}  LZ2{tail}   next {number}              {now()}\r\n")
        report = {"sq": number, "f": 14074595 + number, "md": "FT8", "rp": -13, "t": int(time.time()),
                  "sc": f"LZ3{tail}", "sl": "EM33qf01", "rc": f"KD3{tail}", "rl": "EM66QH", "sa": 291, "ra": 291,
                  "b": "20m"}
        self.broker.publish(f"pskr/filter/v2/20m/FT8/LZ3{tail}/KD3{tail}/EM33/EM66/291/291", json.dumps(report))
        wanted = {f"LZ{digit}{tail}" for digit in "123"}
        while wanted:
            wanted.discard(self.reader.expect(rf"LZ[123]{tail}")[0])

    def step_dashboard(self):
        """One who stays, and one who only knocks: his place goes to the next."""
        with Dashboard(self.daemon) as knocking:
            knocking.send(b"CONNREQ")
            knocking.until("system", self.patience)
        if time.monotonic() > self.pinged + 5:  # more often it is not answered
            self.pinged = time.monotonic()
            self.board.ping()
        while self.board.read(0.001) is not None:
            pass
        self.talker.call(frames=2)
        self.board.until("stream_end", self.patience)

    def step_look(self):
        for words in VERBS:
            code, _, why = self.daemon.ask(*words)
            assert code == 0, f"{words}: {why}"
        self.daemon.ask("nonsense")
        self.daemon.ask("block")

    def step_change(self):
        call = f"DL9B{'ABCDEFGHIJ'[next(self.numbers) % 10]}B"
        for words in (("block", call, "60"), ("blocked",), ("unblock", call), ("reopen",),
                      ("kick", "c999999"), ("quarantine", "drop", "1"), ("block", call), ("unblock", call)):
            self.daemon.ask(*words)

    def step_kick(self):
        user = self.user("DL1KCK")
        mine = [one for one in json.loads(self.daemon.ask("sessions")[1]) if one["call"] == "DL1KCK"]
        code, _, why = self.daemon.ask("kick", str(mine[0]["id"]))
        assert code == 0, why
        user.rest()
        user.close()

    def step_lists(self):
        before = json.loads(self.daemon.ask("status")[1])
        self.write_lists()
        name = self.access.read_text().split("\n")[0].split(":")[1]
        self.daemon.ask("reload")
        eventually(lambda: name in self.daemon.ask("lists", "access")[1], self.patience, "the new list")
        return before

    def reload(self, large):
        self.turn += 1
        self.configure(large)
        code, _, why = self.daemon.ask("reload")
        assert code == 0, why
        eventually(self.ready, 10, "all ready")

    def step_reload(self):
        self.reload(True)
        self.reload(False)

    def step_reload_bad(self):
        self.daemon.config.write_text("[ysf]\nnonsense = 1\n")
        code, _, _ = self.daemon.ask("reload")
        self.configure()
        assert code != 0

    def step_upgrade(self):
        code, _, why = self.daemon.ask("upgrade")
        assert code == 0, why
        eventually(self.ready, 20, "all ready")

    def respawn(self, slot):
        pid = self.daemon.kill_worker(slot)
        eventually(lambda: self.daemon.worker_pids().get(slot) not in (None, pid) and self.ready(), 20,
                   f"a successor in {slot}")


def _respawner(slot):
    return lambda self: self.respawn(slot)


for _slot in (*SINGLE, "ysf.0", "dxc.0", "feed.0", "feed.1", "feed.2"):
    setattr(Whole, f"step_respawn_{_slot.replace('.', '')}", _respawner(_slot))
