#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      pysf_compare - the same evening at pYSFReflector3 and at ours
# PURPOSE   Plays one scenario in step against both, from the same addresses and ports, and compares
#           every datagram that every gateway gets: bytes, and order for each gateway. What differs
#           must be a known bug of the peer or a choice of ours, as the scenario says, step by step.
# OWNER     people; not part of make check
# CONTRACT  PEER=/path/to/pYSFReflector3 tests/peers/pysf_compare.py [--act NAME ...]; PEER_PYTHON is
#           the interpreter that has its modules (default: venv/bin/python beside it, if there is one).
#           Prints what differs, a table of the reasons, `ok`, `not ok` lines, `N passed, N failed`.
#           Without PEER: SKIP, exit 0. --peer-json PORT and --our-json PORT fix the ports of the JSON
#           feeds and --lead SECONDS waits before the first step, so that collectors can be connected:
#           the same traffic for both
# LIMITS    the peer runs in a copy of its folder, which is removed; loopback; about three minutes

import argparse
import collections
import itertools
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pysf_scenario as scenario

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from frames import fich_of, rewritten
from shackd import Daemon, die_with_parent
from ysf import TERMINATOR, events, streams
from ysf import blocked as parked

PEER_INI = """[General]
Daemon=0
[Info]
Id=12345
Name=LAB REFLECTOR
Description=TEST LAB
Contact=
Web=
[Log]
DisplayLevel=1
FileLevel=0
FilePath={folder}
FileRoot=peer
FileRotate=0
[Network]
IP=127.0.0.1
Port={port}
Json_IP=127.0.0.1
Json_Port={json}
Debug=0
[Block List]
File={folder}/deny.db
Time=0.1
CheckRE={check_re}
[Protections]
Timeout={timeout}
WildPTTTime={wild_ptt_time}
WildPTTCount={wild_ptt_count}
Treactivate={reactivate}
[APRS]
enable=0
server=127.0.0.1
port=14580
ssid=-10
[DGID]
list={list}
default={default}
local={local}
database={folder}/dgid.json
home={folder}/home.db
aux_port={aux}
prefix={prefix}
bth_time={home_time}
[REFL_ALIAS]
{aliases}
"""
SETTINGS = dict(check_re=1, timeout=190, wild_ptt_time=1, wild_ptt_count=16, reactivate=900,
                prefix=1, home_time=900)
ROOMS = [int(text) for text in scenario.LIST.split(",")]
PATIENCE = 90  # of an event that must come; expiry takes a minute


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def write_lists(folder):
    for name, text in (("deny.db", scenario.DENY), ("home.db", scenario.HOMES)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)


class Peer:
    """pYSFReflector3 in a copy of its folder; what it does is read in its log."""

    name = "peer"

    def __init__(self, source, settings, json_port):
        self.folder = Path(tempfile.mkdtemp(prefix="shackd-peer-")) / "pysf"
        shutil.copytree(source, self.folder, ignore=shutil.ignore_patterns("log", "*.json", "*.db"))
        write_lists(self.folder)
        self.ports = {dgid: free_port() for dgid in (0, *scenario.AUX)}
        aliases = "".join(f"refl_{n} = {dgid},{number},{name},{text}\n" for n, (
            dgid, number, name, text) in enumerate(scenario.ALIASES))
        ini = self.folder / "compare.ini"
        ini.write_text(PEER_INI.format(
            folder=self.folder, port=self.ports[0], json=json_port or free_port(),
            list=scenario.LIST, default=scenario.DEFAULT, local=scenario.LOCAL, aliases=aliases,
            aux=",".join(f"{dgid}:{self.ports[dgid]}" for dgid in scenario.AUX), **settings))
        with open(self.folder / "output", "wb") as output:
            self.process = subprocess.Popen(
                [interpreter(source), "YSFReflector", str(ini)], cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=die_with_parent)
        self.seen = collections.Counter()
        wait_until(lambda: self.count("Loaded") and self.count("Reload Home"), "the peer's start")

    def log(self):
        path = self.folder / "peer.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def count(self, *words):
        return sum(any(word in line for word in words) for line in self.log().splitlines())

    def more(self, word):
        return self.count(word) > self.seen[word]

    def happened(self, kind):
        open_calls = (self.count("> Received data from") - self.timeouts() -
                      self.count("> Received end of", "> Network watchdog"))
        return {"no calls": lambda: open_calls <= 0,
                "watchdog": lambda: self.more("Network watchdog"),
                "timeout": lambda: self.timeouts() > self.seen["timeouts"],
                "unblocked": lambda: self.count(" blocked/") == self.count("from blockeds queue"),
                "released": lambda: self.count("Appended scheduled") ==
                self.count("temporary blockeds"),
                "home": lambda: self.more(" Back to Home"),
                "expired": lambda: self.more("disappeared")}[kind]()

    def timeouts(self):
        return len(re.findall(r"^M: \S+ \S+ Timeout ", self.log(), re.M))

    def step(self):
        self.seen = collections.Counter({word: self.count(word) for word in (
            "Network watchdog", " Back to Home", "disappeared")}, timeouts=self.timeouts())

    def close(self):
        self.process.kill()  # it knows no other end
        self.process.wait()
        shutil.rmtree(self.folder.parent, ignore_errors=True)


class Ours:
    name = "ours"

    def __init__(self, settings, json_port):
        self.folder = Path(tempfile.mkdtemp(prefix="shackd-ours-"))
        self.folder.chmod(0o755)
        write_lists(self.folder)
        config = self.folder / "shackd.ini"
        config.write_text("".join(
            f"[ysf alias {name}]\ndgid = {dgid}\nid = {number}\ndescription = {text}\n" for dgid, number, name, text in scenario.ALIASES))
        config.chmod(0o644)
        options = [
            "workers.ysf=1", "ysf.frame_rate=0", "ysf.max_age=0", "ysf.name=LAB REFLECTOR",
            "ysf.description=TEST LAB", "ysf.id=12345", f"dgid.list={scenario.LIST}",
            f"dgid.default={scenario.DEFAULT}", f"dgid.local={scenario.LOCAL}",
            f"dgid.home_file={self.folder}/home.db", f"access.file={self.folder}/deny.db",
            f"dgid.home_time={settings['home_time']}s", f"access.check_re={settings['check_re']}",
            f"dgid.prefix={'yes' if settings['prefix'] else 'no'}",
            f"protection.tx_timeout={settings['timeout']}s",
            f"protection.reactivate={settings['reactivate']}s",
            f"protection.wild_ptt_time={settings['wild_ptt_time']}s",
            f"protection.wild_ptt_count={settings['wild_ptt_count']}",
            f"ysf.dashboard_listen=127.0.0.1:{json_port or 0}",
            "ysf.aux_ports=" + ",".join(f"{dgid}:0" for dgid in scenario.AUX)]
        self.daemon = Daemon(*options, listen="127.0.0.1:0", config=config)
        self.ports = {0: self.daemon.port}
        for dgid, port in re.findall(r"(\d+)@127\.0\.0\.1:(\d+)", self.daemon.ready):
            self.ports[int(dgid)] = int(port)
        self.last = 0

    def news(self, kind, reason):
        return any(event["number"] > self.last and event["reason"] == reason
                   for event in events(self.daemon, kind))

    def happened(self, kind):
        return {"no calls": lambda: not streams(self.daemon),
                "watchdog": lambda: self.news("stream.end", "watchdog"),
                "timeout": lambda: self.news("stream.end", "timeout"),
                "unblocked": lambda: True,
                "released": lambda: not parked(self.daemon),
                "home": lambda: self.news("client.dgid", "home"),
                "expired": lambda: self.news("client.unlink", "expired")}[kind]()

    def step(self):
        status, text, _ = self.daemon.ask("events", "1")
        found = re.search(r'"number": ?(\d+)', text)
        self.last = int(found[1]) if status == 0 and found else 0

    def close(self):
        self.daemon.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def interpreter(source):
    beside = Path(source).resolve().parent / "venv/bin/python"
    return os.environ.get("PEER_PYTHON") or (str(beside) if beside.exists() else sys.executable)


def wait_until(predicate, what, feed=None, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not predicate():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds} s")
        if feed:
            feed()
        time.sleep(0.1)  # the pace of frames, and of the looks


def within(part, whole):
    """Is PART what remains of WHOLE when some datagrams are left out?"""
    rest = iter(whole)
    return all(any(data == other for other in rest) for data in part)


def as_ours(peer):
    """The peer's terminators as ours send them to movable listeners, for every room that may be."""
    known = fich_of(peer) if len(peer) == 155 else None
    if known is None or known.fi != TERMINATOR or known.fn == 1:
        return ()
    return [rewritten(peer, dgid) for dgid in ROOMS]


def alike(peer, ours):
    """PEER with the one choice of ours that shows in every call: the end of it names the room too."""
    made = []
    for data in peer:
        if data not in ours:
            data = next((other for other in as_ours(data) if other in ours), data)
        made.append(data)
    return made


def matches(kind, peer, ours):
    """Is the difference of this kind? KIND tells of the peer: it sent less, more, other bytes."""
    if kind == "less":
        return len(peer) < len(ours) and within(peer, ours)
    if kind == "more":
        return len(peer) > len(ours) and within(ours, peer)
    if kind == "other":
        return len(peer) == len(ours) and peer != ours
    # cut: at about the same frame, and ours says so with a terminator
    same = sum(a == b for a, b in zip(peer, ours))
    return bool(ours) and bool(ours[-1][34] & 1) and same >= min(len(peer), len(ours)) - 2 and \
        abs(len(peer) - len(ours)) <= 3


class Play:
    """Both servers, the gateways that speak to both, and the account."""

    def __init__(self, servers, report):
        self.servers, self.report = servers, report
        self.name, self.expected = None, {}
        self.probes = itertools.count(1)
        self.sockets = {}
        for name, (ip, _) in scenario.CLIENTS.items():
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            sock.bind((ip, 0))
            sock.setblocking(False)
            self.sockets[name] = sock
        self.owner = {port: server for server in servers for port in server.ports.values()}
        self.got = self.nothing()
        self.named = 0

    def nothing(self):
        return {server: {name: [] for name in self.sockets} for server in self.servers}

    def send(self, name, data):
        for server in self.servers:
            self.sockets[name].sendto(data, ("127.0.0.1",
                                             server.ports[scenario.CLIENTS[name][1]]))

    def step(self, name, expected=None):
        self.finish()
        self.name, self.expected = name, expected or {}
        for server in self.servers:
            server.step()

    def wait(self, kind, feed=None):
        self.fence()
        wait_until(lambda: all(server.happened(kind) for server in self.servers),
                   f"{self.name}: {kind}", feed)

    # ---- the end of a step ----

    def fence(self):
        """A question from an address of its own at every port: its answer comes when everything
        before it has been dealt with. Asked twice: the peer's ports have threads of their own."""
        for _ in range(2):
            number = next(self.probes)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind((f"127.60.{number // 250}.{1 + number % 250}", 0))
                probe.settimeout(20)
                for port in self.owner:
                    probe.sendto(b"YSFS", ("127.0.0.1", port))
                    probe.recv(100)

    def read(self):
        for name, sock in self.sockets.items():
            while True:
                try:
                    data, address = sock.recvfrom(4096)
                except (BlockingIOError, ConnectionRefusedError):
                    break
                self.got[self.owner[address[1]]][name].append(data)

    def differences(self):
        peer, ours = (self.got[server] for server in self.servers)
        found = {}
        for name in self.sockets:
            if peer[name] != ours[name]:
                same = alike(peer[name], ours[name])
                self.named += sum(a != b for a, b in zip(peer[name], same))
                if same != ours[name]:
                    found[name] = same, ours[name]
        return found

    def unexplained(self):
        found = self.differences()
        wrong = [name for name, both in found.items()
                 if name not in self.expected or not matches(self.expected[name][1], *both)]
        return wrong + [name for name in self.expected if name not in found]

    def finish(self):
        if self.name is None:
            return
        self.fence()
        self.read()
        end = time.monotonic() + 1.0
        while self.unexplained() and time.monotonic() < end:  # something may still be on its way
            select.select(list(self.sockets.values()), [], [], end - time.monotonic())
            self.read()
        self.report.step(self)
        self.got = self.nothing()

    def close(self):
        for sock in self.sockets.values():
            sock.close()


def brief(datagrams):
    return [f"{data[4:24]!r}#{data[34] >> 1}" if len(data) == 155 else repr(data[:42])
            for data in datagrams]


class Report:
    def __init__(self):
        self.passed, self.failed, self.datagrams, self.terminators = 0, 0, 0, 0
        self.reasons = collections.defaultdict(lambda: [0, set()])
        self.act = ""

    def step(self, play):
        wrong = play.unexplained()
        play.named = 0
        found = play.differences()
        self.terminators += play.named
        self.datagrams += sum(map(len, play.got[play.servers[1]].values()))
        for name, (peer, ours) in found.items():
            if name in wrong:
                continue
            why = play.expected[name][0]
            self.reasons[why][0] += abs(len(peer) - len(ours)) or sum(
                a != b for a, b in zip(peer, ours))
            self.reasons[why][1].add(play.name)
        print(f"{'not ok' if wrong else 'ok'} {self.act}: {play.name}", flush=True)
        for name in wrong:
            peer, ours = found.get(name, ([], []))
            print(f"    {name}: " + ("as at the peer, though a difference is known: "
                                     f"{play.expected[name]}; "
                                     f"{brief(play.got[play.servers[1]][name])}"
                                     if name not in found else
                                     f"peer {brief(peer)}\n    {' ' * len(name)}  ours {brief(ours)}"))
        self.passed, self.failed = self.passed + (not wrong), self.failed + bool(wrong)

    def broken(self, why):
        print(f"not ok {self.act}: {why}", flush=True)
        self.failed += 1

    def table(self):
        print("\nreason                                    datagrams  steps")
        for why, (count, steps) in sorted(self.reasons.items()):
            print(f"{why:42}{count:9}  {'; '.join(sorted(steps))}")
        print(f"{'NR terminators name the room, too':42}{self.terminators:9}  everywhere")
        print(f"{self.datagrams} datagrams compared")
        print(f"{self.passed} passed, {self.failed} failed")


def run_act(name, peer, ports, lead, report):
    play_act, settings = scenario.ACTS[name]
    report.act = name
    servers, play = [], None
    try:
        servers.append(Peer(peer, {**SETTINGS, **settings}, ports[0]))
        servers.append(Ours({**SETTINGS, **settings}, ports[1]))
        play = Play(servers, report)
        time.sleep(lead)
        play_act(scenario.Evening(play))
        play.finish()
    except RuntimeError as error:
        report.broken(error)
    finally:
        if play:
            play.close()
        for server in servers:
            server.close()


def main():
    parser = argparse.ArgumentParser(description="pYSFReflector3 and shackd in step")
    parser.add_argument("--act", action="append", choices=list(scenario.ACTS))
    parser.add_argument("--peer-json", type=int, default=0, metavar="PORT")
    parser.add_argument("--our-json", type=int, default=0, metavar="PORT")
    parser.add_argument("--lead", type=float, default=0, metavar="SECONDS")
    args = parser.parse_args()
    peer = os.environ.get("PEER")
    if not peer:
        print("SKIP pysf_compare: PEER names no pYSFReflector3")
        return 0
    report = Report()
    for name in args.act or scenario.ACTS:
        run_act(name, peer, (args.peer_json, args.our_json), args.lead, report)
    report.table()
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
