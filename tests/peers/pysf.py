# SPDX-License-Identifier: ISC
#
# NAME      pysf - the real pYSFReflector3 beside ours, and gateways that speak to both
# PURPOSE   Starts both with the same settings; every gateway has one socket and sends each datagram
#           to both, so that what dashboards are told of it must be the same.
# OWNER     collector.py, logdashboard.py
# CONTRACT  the peer runs in a copy of its folder, which is removed; PEER_PYTHON is the interpreter
#           that has its modules (default: venv/bin/python beside it, if there is one)
# LIMITS    loopback

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from frames import Radio, short
from shackd import Daemon, die_with_parent
from ysf import pad

PEER_INI = """[General]
Daemon=0
[Info]
Id=12345
Name=LAB REFLECTOR
Description=TEST LAB
Contact=me@x
Web=http://x
[Log]
DisplayLevel=1
FileLevel=1
FilePath={folder}
FileRoot=YSFReflector
FileRotate=1
[Network]
IP=127.0.0.1
Port={port}
Json_IP=127.0.0.1
Json_Port={json}
Debug=0
[Block List]
File={folder}/deny.db
Time=0.5
CheckRE=1
[Protections]
Timeout=3
WildPTTTime=5
WildPTTCount=4
Treactivate=900
[APRS]
enable=0
server=127.0.0.1
port=14580
ssid=-10
[DGID]
list=1,9,22,50
default=22
local=1
database={folder}/dgid.json
home={folder}/home.db
aux_port=
prefix=1
bth_time=900.0
[REFL_ALIAS]
"""
DENY = "CS:DL0BAD\nGW:GWMUTED\nSN:FAHuX\n"
HOMES = "HOMEFIX:9:-1\nHOMETIME:50:30\n"
FLORENCE = short(48, (43, 46, 73), True, (11, 14, 7), True)
SYDNEY = short(37, (33, 52, 13), False, (151, 12, 56), True)
CLIENTS = ("IU5AAA", "DL2BBB", "DL3LSN", "REP-50", "HOMEFIX", "HOMETIME", "GWMUTED", "LEAVER")


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def need_peer(what="YSFReflector"):
    """The peer's folder, or the end of the program."""
    peer = os.environ.get("PEER")
    if not peer or not (Path(peer) / what).exists():
        print(f"SKIP: PEER is not the folder of pYSFReflector3 ({what})")
        sys.exit(0)
    return Path(peer)


def interpreter(source):
    beside = Path(source).resolve().parent / "venv/bin/python"
    return os.environ.get("PEER_PYTHON") or (str(beside) if beside.exists() else sys.executable)


def write_lists(folder):
    for name, text in (("deny.db", DENY), ("home.db", HOMES)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)


class Peer:
    name = "pYSFReflector3"

    def __init__(self, source):
        self.base = Path(tempfile.mkdtemp(prefix="shackd-peer-"))
        self.folder = self.base / "pysf"
        shutil.copytree(source, self.folder, ignore=shutil.ignore_patterns("log", "*.json", "*.db"))
        write_lists(self.folder)
        self.port, self.json = free_port(), free_port()
        ini = self.folder / "peer.ini"
        ini.write_text(PEER_INI.format(folder=self.folder, port=self.port, json=self.json))
        with open(self.folder / "output", "wb") as output:
            self.process = subprocess.Popen(
                [interpreter(source), "YSFReflector", str(ini)], cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=die_with_parent)
        self.started = time.monotonic()
        wait_until(lambda: "Loaded" in self.log(), "the peer's start")

    def log_file(self):
        return next(iter(sorted(self.folder.glob("YSFReflector-*.log"))), None)

    def log(self):
        path = self.log_file()
        return path.read_text(errors="replace") if path else ""

    def close(self):
        self.process.kill()  # it knows no other end
        self.process.wait()
        shutil.rmtree(self.base, ignore_errors=True)


class Ours:
    name = "shackd"

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="shackd-ours-"))
        self.folder.chmod(0o777)
        write_lists(self.folder)
        self.daemon = Daemon(
            "workers.ysf=1", "ysf.frame_rate=0", "ysf.max_age=0", "ysf.name=LAB REFLECTOR",
            "ysf.description=TEST LAB", "ysf.id=12345", "ysf.contact=me@x", "ysf.web=http://x",
            "dgid.list=1,9,22,50", "dgid.default=22", "dgid.local=1",
            f"dgid.home_file={self.folder}/home.db", f"access.file={self.folder}/deny.db",
            "protection.tx_timeout=3s", "protection.reactivate=900s",
            "protection.wild_ptt_time=5s", "protection.wild_ptt_count=4", "access.check_re=1",
            f"ysf.mmdvm_log={self.folder}/YSFReflector-%Y-%m-%d.log", listen="127.0.0.1:0")
        self.started = time.monotonic()
        self.port = self.daemon.port
        self.json = int(self.daemon.dashboards[0].rsplit(":", 1)[1])

    def log_file(self):
        return next(iter(sorted(self.folder.glob("YSFReflector-*.log"))), None)

    def log(self):
        path = self.log_file()
        return path.read_text() if path else ""

    def close(self):
        self.daemon.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def wait_until(predicate, what, seconds=60):
    end = time.monotonic() + seconds
    while not predicate():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(0.1)


class Traffic:
    """The same datagrams for all reflectors."""

    PACE = 0.02  # between frames; faster than voice, slow enough for the peer

    def __init__(self, *reflectors):
        self.ports = [reflector.port for reflector in reflectors]
        self.sockets = {}
        for n, name in enumerate(CLIENTS):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind((f"127.60.0.{n + 1}", 0))
            sock.setblocking(False)
            self.sockets[name] = sock
        self.linked, self.polled = set(), 0.0

    def send(self, name, data, pace=None):
        for port in self.ports:
            self.sockets[name].sendto(data, ("127.0.0.1", port))
        time.sleep(self.PACE if pace is None else pace)
        if time.monotonic() - self.polled > 8:
            self.poll_all()

    def poll_all(self):
        self.polled = time.monotonic()
        for name in self.linked:
            self.send(name, b"YSFP" + pad(name), 0)
        for sock in self.sockets.values():
            try:
                while sock.recv(4096):
                    pass
            except BlockingIOError:
                pass

    def link(self):
        self.linked = set(CLIENTS)
        self.poll_all()
        time.sleep(0.5)

    def over(self, name, source, frames=16, end=True, pace=None, **fields):
        whole = Radio(name, source, **fields).over(frames)
        for frame in whole if end else whole[:-1]:
            self.send(name, frame, pace)
        time.sleep(0.3)

    def idle(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.2)
            if time.monotonic() - self.polled > 8:
                self.poll_all()

    def evening(self):
        """A bit of everything that a dashboard shows."""
        self.link()
        self.over("IU5AAA", "IU5AAA", cm=1, radio_id="FAHuL", rem12="12345ABCDE",
                  rem34="54321FAHuL", gps=FLORENCE)
        self.over("REP-50", "DL1ABC-7", rem34="     E0C4W", gps=SYDNEY)
        self.over("HOMEFIX", "DL4HOM", dt=0)
        self.over("DL2BBB", "DL2BBB", sq=9)  # moves: TD
        self.over("DL2BBB", "DL2BBB", gps=FLORENCE)
        self.over("IU5AAA", "DL7WDG", end=False)
        self.idle(3)  # the watchdog
        self.over("IU5AAA", "12345")  # refused
        self.idle(2)
        self.over("GWMUTED", "DL8MUT")  # refused
        self.idle(2)
        self.over("IU5AAA", "IU5TMO", frames=45, pace=0.1)  # cut after three seconds
        self.idle(3)
        for _ in range(5):  # wild PTT; the fifth is refused
            self.over("HOMETIME", "DL5PTT", frames=1)
        self.idle(2)
        self.over("IU5AAA", "DL6LOC", sq=1)  # to the local room: TD, then local
        self.over("IU5AAA", "DL6LOC")
        self.send("LEAVER", b"YSFU" + pad("LEAVER"))
        self.linked.discard("LEAVER")

    def close(self):
        for name in self.linked:
            self.send(name, b"YSFU" + pad(name), 0)
        for sock in self.sockets.values():
            sock.close()
