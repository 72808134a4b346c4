# SPDX-License-Identifier: ISC
#
# NAME      lab - real YSFGateway processes, our daemon, and the calls between them
# PURPOSE   starts gateways with a configuration of their own and shackd with folders of its own,
#           and keeps the score.
# OWNER     the scripts of this folder
# CONTRACT  everything a Lab started has ended, and its folders are gone, when close() returns
# LIMITS    Linux only (/dev/shm)

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from wires import HOST, Broker, Hub, Modem, Process, Tap, free_port, udp

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REFLECTOR_NAME = "XX-SHACKD"
REFLECTOR_ID = "54321"
BUSY = 3.5          # so long a gateway keeps frames from its modem after a remote command, and more


GATEWAY_INI = """[General]
Callsign={name}
Suffix=
Id=1234567
RptAddress=127.0.0.1
RptPort={modem}
LocalAddress=127.0.0.1
LocalPort={local}
WiresXCommandPassthrough=0
Debug=0
Daemon=0
[Info]
RXFrequency=430475000
TXFrequency=439475000
Power=1
Name=Test
Description=Test
[Log]
DisplayLevel=1
FileLevel=0
MQTTLevel=0
FilePath={folder}
FileRoot=gateway
FileRotate=0
[APRS]
Enable=0
[MQTT]
Address=127.0.0.1
Port={mqtt}
Keepalive=60
Auth=0
Name=gateway
[Network]
Startup={reflector}
{options}
InactivityTimeout=0
Reconnect=0
Revert=0
Debug=0
[YSF Network]
Enable=1
Port={port}
Hosts={hosts}
ReloadTime=0
ParrotPort=0
YSF2DMRPort=0
YSF2NXDNPort=0
YSF2P25Port=0
[FCS Network]
Enable=0
[GPSD]
Enable=0
[Remote Commands]
Enable={remote}
Port={command}
"""


class Gateway:
    """One real YSFGateway and the modem behind it. `port` 0 makes the gateway use an ephemeral
    port towards the reflector; `remote` switches its remote commands on (LinkYSF, UnLink)."""

    def __init__(self, lab, name, reflector, options="", remote=False, port=0):
        self.lab = lab
        self.name = name
        self.reflector = reflector
        self.options = options
        self.remote = remote
        self.port = port
        self.folder = os.path.join(lab.folder, name)
        os.mkdir(self.folder)
        self.modem = Modem(lab.hub, name)
        self.broker = Broker(lab.hub) if lab.needs_mqtt else None
        self.command_port = 0
        self.deaf_until = 0.0
        self.process = None

    def start(self):
        local = free_port()
        self.command_port = free_port()
        text = GATEWAY_INI.format(
            name=self.name, modem=self.modem.port, local=local, folder=self.folder,
            mqtt=self.broker.port if self.broker else 1883, reflector=REFLECTOR_NAME,
            options=f"Options={self.options}" if self.options else "", port=self.port,
            hosts=self.write_hosts(), remote=int(self.remote), command=self.command_port)
        path = os.path.join(self.folder, "gateway.ini")
        with open(path, "w", encoding="ascii") as out:
            out.write(text)
        self.modem.gateway = (HOST, local)
        self.process = Process(self.lab.hub, [self.lab.peer, path], self.folder, self.name)

    def write_hosts(self):
        """The host list: one line of text for older gateways, JSON for newer ones."""
        address, port = self.reflector[:2]
        if not self.lab.needs_json:
            path = os.path.join(self.folder, "hosts.txt")
            with open(path, "w", encoding="ascii") as out:
                out.write(f"{REFLECTOR_ID};{REFLECTOR_NAME};Test;{address};{port};000\n")
            return path
        path = os.path.join(self.folder, "hosts.json")
        six = ":" in address
        entry = {"designator": REFLECTOR_ID, "country": "XX", "name": REFLECTOR_NAME[3:],
                 "use_xx_prefix": True, "user_count": "000", "description": "Test",
                 "port": port, "ipv4": None if six else address, "ipv6": address if six else None}
        with open(path, "w", encoding="ascii") as out:
            json.dump({"reflectors": [entry]}, out)
        return path

    def links(self):
        return len(self.process.says("Linked to"))

    def wait_linked(self, seconds=15, times=1):
        self.lab.hub.wait(lambda: self.links() >= times or not self.process.alive(), seconds)
        return self.links() >= times and self.process.alive()

    def wait_link_of_modem(self, seconds=15):
        return self.lab.hub.wait(lambda: self.process.says("Link successful to MMDVM"), seconds)

    def command(self, text):
        self.deaf_until = time.monotonic() + BUSY
        if self.broker:
            self.broker.command(text)
        else:
            self.modem.sock.sendto(text.encode() + b"\0", (HOST, self.command_port))

    def wait_hearing(self):
        """Until the gateway has told the radio of the last command and listens again."""
        self.lab.hub.until(self.deaf_until)

    def trouble(self):
        """Lines of its log that no gateway with a good link writes."""
        bad = ("Link has failed", "Disconnecting", "Reconnecting", "Reverting", "Cannot",
               "Unable", "Error", "non existent")
        return [line for line in self.process.lines if any(word in line for word in bad)]

    def stop(self, how=signal.SIGTERM):
        return self.process.stop(how)

    def close(self):
        if self.process and self.process.child.returncode is None:
            self.stop()
        if self.broker:
            self.broker.close()
        self.modem.close()


class Daemon:
    """Our own shackd, in the foreground, with folders of its own."""

    def __init__(self, lab):
        self.lab = lab
        self.run = os.path.join(lab.folder, "run")
        self.shm = tempfile.mkdtemp(prefix="shackd-peer-", dir="/dev/shm")
        state = os.path.join(lab.folder, "state")
        empty = os.path.join(lab.folder, "shackd.ini")
        for folder in (self.run, state):
            os.mkdir(folder)
        with open(empty, "w", encoding="ascii"):
            pass
        listen = f"{HOST}:0,[::1]:0" if has_ipv6() else f"{HOST}:0"
        argv = [os.path.join(ROOT, "shackd"), "-f", "-c", empty]
        for item in (f"server.run_dir={self.run}", f"server.shm_dir={self.shm}",
                     f"server.state_dir={state}", "server.user=", f"ysf.listen={listen}",
                     f"ysf.dashboard_listen={HOST}:0",
                     "dgid.list=1,9,22,50", "dgid.default=22"):
            argv += ["-o", item]
        self.process = Process(lab.hub, argv, lab.folder, "shackd")

    def addresses(self, seconds=20):
        """[(address, port), ...] of the ready line, or None."""
        self.lab.hub.wait(lambda: self.process.says("shackd: ready") or not self.process.alive(),
                          seconds)
        line = " ".join(self.process.says("shackd: ready")[:1])
        found = re.search(r"\bysf=(\S+)", line)
        if not found:
            return None
        return [parse_address(text) for text in found.group(1).split(",")]

    def ask(self, verb):
        out = subprocess.run([os.path.join(ROOT, "shackctl"), "-s",
                              os.path.join(self.run, "control.sock"), "--json", verb],
                             capture_output=True, timeout=20, check=True)
        return json.loads(out.stdout)

    def client(self, name):
        return [entry for entry in self.ask("clients") if entry["gateway"] == name]

    def stop(self):
        status = self.process.stop(seconds=20)
        shutil.rmtree(self.shm, ignore_errors=True)
        return status


def parse_address(text):
    address, _, port = text.rpartition(":")
    return address.strip("[]"), int(port)


def has_ipv6():
    try:
        with udp("::1"):
            return True
    except OSError:
        return False


class Report:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, good, name, why=""):
        if good:
            self.passed += 1
            print(f"ok {name}", flush=True)
        else:
            self.failed += 1
            print(f"not ok {name}: {why or 'no'}", flush=True)
        return bool(good)

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0


class Lab:
    """The folder, the loop, the reflector and the gateways of one run."""

    def __init__(self, peer, reflectors):
        self.peer = os.path.abspath(peer)
        with open(self.peer, "rb") as binary:
            image = binary.read()
        self.needs_mqtt = b"mosquitto_" in image
        self.needs_json = b"load/parse JSON" in image
        self.hub = Hub()
        self.report = Report()
        self.folder = tempfile.mkdtemp(prefix="shackd-peer-")
        self.reflectors = reflectors
        self.daemon = None
        self.gateways = []
        self.taps = []

    def version(self):
        out = subprocess.run([self.peer, "-v"], capture_output=True, timeout=10, check=True)
        return out.stdout.decode("ascii", "replace").strip()

    def open(self):
        """Says who plays, and has a reflector ready: the one given, or a shackd of our own."""
        print(f"# peer: {self.version()}", flush=True)
        if not self.reflectors:
            built = all(os.access(os.path.join(ROOT, name), os.X_OK)
                        for name in ("shackd", "shackctl"))
            if not built:
                return self.report.check(False, "shackd and shackctl are built", "run make first")
            self.daemon = Daemon(self)
            self.reflectors = self.daemon.addresses()
            if not self.report.check(self.reflectors, "daemon is ready",
                                     " | ".join(self.daemon.process.lines[-5:])):
                return False
        print("# reflector: " + " ".join(f"{a}:{p}" for a, p in self.reflectors), flush=True)
        return True

    def reflector(self, six=False):
        for entry in self.reflectors:
            if (":" in entry[0]) == six:
                return entry
        return None

    def tap(self):
        self.taps.append(Tap(self.hub, self.reflector()))
        return self.taps[-1]

    def gateway(self, name, reflector=None, **kind):
        where = reflector or self.reflector()
        self.gateways.append(Gateway(self, name, where, **kind))
        self.gateways[-1].start()
        return self.gateways[-1]

    def all_linked(self):
        for gateway in self.gateways:
            good = gateway.wait_linked() and gateway.wait_link_of_modem()
            self.report.check(good, f"{gateway.name} links",
                              " | ".join(gateway.process.lines[-5:]))

    def workers_unharmed(self):
        if self.daemon:
            hurt = [w for w in self.daemon.ask("workers") if w["restarts"]]
            self.report.check(not hurt, "no worker died", f"{hurt}")
            self.report.check(self.daemon.process.alive(), "the daemon runs")

    def conduct(self, body):
        """Runs a test to its end, whatever happens to it, and returns the exit code."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        try:
            if self.open():
                body()
        except (OSError, subprocess.SubprocessError, ValueError, LookupError) as problem:
            self.report.check(False, "the test could go on", repr(problem))
        finally:
            self.close()
        return self.report.finish()

    def close(self):
        for gateway in self.gateways:
            gateway.close()
        for tap in self.taps:
            tap.close()
        if self.daemon:
            status = self.daemon.stop()
            self.report.check(status == 0, "daemon stops with exit code 0", f"{status}")
            if self.report.failed:
                print("".join(f"# {line}\n" for line in self.daemon.process.lines[-30:]), end="")
        shutil.rmtree(self.folder, ignore_errors=True)


def peer_or_skip(name):
    peer = os.environ.get("PEER")
    if not peer:
        print(f"SKIP {name}: PEER=/path/to/YSFGateway not given")
        sys.exit(0)
    if not os.access(peer, os.X_OK):
        print(f"not ok {name}: {peer} is no program")
        sys.exit(1)
    return peer
