# SPDX-License-Identifier: ISC
#
# NAME      troubles - faults, made on purpose
# PURPOSE   Each scene of the manuals is a context: it brings the machine into the situation that the page
#           is for, and looks at the end whether it is over.
# OWNER     flow tests
# CONTRACT  SCENES[name](machine) is a context manager; what the page shows happens inside. Commands that
#           name other numbers or paths than the machine has find them in machine.words
# LIMITS    as root, in machine.enter()'s namespaces

import contextlib
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from builds import BUILD
from lib import private
from lib.machine import CONFIG, LOG, SBIN, Machine, call, need_machine
from lib.shackd import ROOT, SLOW, Skip, eventually
from ysf import Gateway, expect

SCENES = {}
STATE = Path("/var/lib/shackd")
CLUSTER = "[dxc]\nnode_call = N0NODE-2\n"


def scene(function):
    SCENES[function.__name__] = contextlib.contextmanager(function)
    return function


def serves(box):
    box.until("ready")


def writer(text):
    """An editor that leaves this behind."""
    return lambda path: path.write_text(text)


def after_each_command(box, act):
    """What the world does while the operator types."""
    run = box.run

    def run_and_act(*args, **more):
        done = run(*args, **more)
        act()
        return done
    box.run = run_and_act


@scene
def serving(box):
    box.start()
    yield
    serves(box)


# ---- it does not start ----

@scene
def bad_configuration(box):
    box.configure("[ysf]\nlisten = *:99999\nclients = 10\n")
    status, _ = box.run("shackd")
    expect(status == 1, f"status {status}")
    box.edit = lambda path: box.configure("[ysf]\nlisten = *:42000\n")
    yield
    serves(box)


@scene
def port_in_use(box):
    script = ("import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
              "s.bind(('0.0.0.0', 42000)); open('/proc/self/comm', 'w').write('python3'); print(flush=True); sys.stdin.read()")
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        status, _ = box.run("shackd")
        expect(status == 2, f"status {status}")
        box.words["812"] = other.pid
        after_each_command(box, lambda: other.wait(10))
        yield
    serves(box)


@scene
def address_missing(box):
    box.configure("[ysf]\nlisten = 192.0.2.7:42000\n")
    status, _ = box.run("shackd")
    expect(status == 0, f"status {status}")
    box.edit = lambda path: box.configure("[ysf]\nlisten = 127.0.0.1:42000\n")
    yield
    serves(box)


@scene
def second_start(box):
    box.start()
    status, _ = box.run("shackd")
    expect(status == 2, f"status {status}")
    yield
    serves(box)


@scene
def no_user(box):
    box.configure("user = radio\n")
    status, _ = box.run("shackd")
    expect(status == 2, f"status {status}")
    yield
    serves(box)


@scene
def foreign_directory(box):
    STATE.mkdir()
    (STATE / "letter").write_text("of another program")
    status, _ = box.run("shackd")
    expect(status == 2, f"status {status}")
    expect((STATE / "letter").exists() and len(list(STATE.iterdir())) == 1, "it was touched")
    yield
    serves(box)


@scene
def small_shm(box):
    Path("/run/shackd").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", "/run/shackd"], check=True)
    status, _ = box.run("shackd")
    expect(status == 2, f"status {status}")
    yield
    serves(box)


@scene
def no_descriptors(box):
    status, said = box.run("ulimit -n 30; shackd")
    expect(status == 2 and "Too many open files (raise the limit" in said, f"status {status}: {said}")
    yield
    serves(box)


@scene
def tcp_port_in_use(box):
    box.configure(CLUSTER)
    script = ("import socket, sys; open('/proc/self/comm', 'w').write('in.telnetd')\n"
              "s = socket.create_server(('0.0.0.0', 7300)); print(flush=True); sys.stdin.read()")
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        status, _ = box.run("shackd")
        expect(status == 2, f"status {status}")
        box.words["812"] = other.pid
        after_each_command(box, lambda: other.wait(10))
        yield
    serves(box)


@scene
def other_twin(box):
    twin = SBIN / "shackd-net"
    kept = twin.read_bytes()
    shutil.copy2("/bin/true", twin)
    status, _ = box.run("shackd")
    expect(status == 2, f"status {status}")
    twin.write_bytes(kept)
    yield
    serves(box)


# ---- a change is refused ----

@scene
def reload_refused(box):
    box.start()
    box.configure("[dgid]\ndefault = 77\n")
    status, _ = box.run("shackctl reload")
    expect(status == 1, f"status {status}")
    box.edit = lambda path: box.configure("[dgid]\ndefault = 9\n")
    yield
    expect(box.status()["last_reload"]["ok"], "the reload was refused")
    serves(box)


@scene
def upgrade_refused(box):
    box.start()
    (SBIN / "shackd").chmod(0o777)
    status, _ = box.run("shackctl upgrade")
    expect(status == 1, f"status {status}")
    yield
    serves(box)


# ---- the daemon is gone ----

class Port:
    """What a Gateway wants to know of a daemon."""

    port = 42000


@scene
def master_killed(box):
    box.start()
    gateway = Gateway(Port, "GATE").link()
    os.kill(box.pid(), signal.SIGKILL)
    eventually(lambda: not list(box.ours()), 10, "the workers to follow their master")
    status, _ = box.run("shackctl status")
    expect(status == 3, f"status {status}")
    yield
    expect([client["gateway"] for client in box.ask("clients")] == ["GATE"], "the gateway was forgotten")
    gateway.close()


# ---- what is on disk ----

@scene
def damaged_state(box):
    box.start()
    block_for_good(box)
    box.run("shackctl backup /var/backups/shackd-Mon", check=True)
    box.run("shackctl stop", check=True)
    (STATE / "state/data.mdb").write_bytes(b"no store of anybody's")
    box.run("shackd", check=True)
    yield
    expect("DL1ABC" in [block["call"] for block in box.ask("blocked")], "the block of the backup")
    serves(box)


def full(path):
    """A file system without room for anything."""
    path.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", str(path)], check=True)


def block_for_good(box):
    box.run("shackctl block DL1ABC", check=True)
    eventually(lambda: box.ask("metrics")["keeper"].get("keeper_applied_total"), 10, "the block on disk")


@scene
def backups(box):
    box.start(CLUSTER)
    block_for_good(box)
    yield
    expect([block["call"] for block in box.ask("blocked")] == ["DL1ABC"], "the block")
    serves(box)


@scene
def backup_refused(box):
    box.start()
    full(Path("/run/stick"))
    status, _ = box.run("shackctl backup /run/stick/shackd-Mon")
    expect(status == 1, f"status {status}")
    yield
    serves(box)


@scene
def restore_refused(box):
    box.start()
    box.run("shackctl backup /var/backups/shackd-Mon", check=True)
    with Path("/var/backups/shackd-Mon/state.mdb").open("r+b") as copy:
        copy.write(b"bits that flipped")
    status, _ = box.run("shackctl restore /var/backups/shackd-Mon")
    expect(status == 1, f"status {status}")
    box.run("shackctl backup /var/backups/shackd-Sun", check=True)
    yield
    serves(box)


@scene
def restore_by_hand(box):
    box.start()
    block_for_good(box)
    box.run("shackctl backup /var/backups/shackd-Mon", check=True)
    box.run("shackctl stop", check=True)
    (STATE / "state/data.mdb").write_bytes(b"no store of anybody's")
    yield
    expect([block["call"] for block in box.ask("blocked")] == ["DL1ABC"], "the block")
    serves(box)


@scene
def large_state(box):
    box.start()
    yield
    serves(box)


# ---- the machine ----

@scene
def shm_full(box):
    Path("/run/shackd").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "none", "/run/shackd"], check=True)
    box.start()
    with open("/run/shackd/shm/filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(b"x" * 65536)
    first = Gateway(Port, "GATE", "DL1ABC").link()
    second = Gateway(Port, "SPOT", "DL2ABC").link()
    voice = eventually(lambda: first.call() and second.receive(1), 10, "voice")
    expect(voice[:4] == b"YSFD", voice)
    yield
    first.call()
    expect(second.receive()[:4] == b"YSFD", "no voice any more")
    serves(box)


@scene
def disk_full(box):
    STATE.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(STATE)], check=True)
    shutil.chown(STATE, "shackd", "shackd")
    box.start()
    with open(STATE / "filler", "wb", buffering=0) as filler:
        for size in (65536, 512):
            with contextlib.suppress(OSError):
                while True:
                    filler.write(b"x" * size)

    def block():
        for number in range(40):
            box.run(f"shackctl block DL{number % 10}{chr(65 + number // 10)}AA", check=True)
        return "writing to the durable store: no space left" in box.said()
    eventually(block, 20, "a full store")
    yield
    wanted = len(box.ask("blocked"))
    eventually(lambda: box.ask("metrics")["keeper"]["keeper_applied_total"] >= wanted, 20, "the blocks on disk")
    serves(box)


@scene
def log_gone(box):
    shutil.chown(LOG.parent, "root", "root")
    box.start()

    said = box.said

    def said_while_gateways_link():
        Gateway(Port, "GATE").link().close()
        time.sleep(0.1)
        return said()
    said_while_gateways_link()
    box.said = said_while_gateways_link
    yield
    serves(box)


@scene
def clock_jumped(box):
    """For the daemon alone; its operator looks at a clock and it is right."""
    if SLOW > 1:
        raise Skip("sanitizers want to be loaded first")
    offset = Path("/run/clockstep")
    offset.write_bytes(struct.pack("q", 0))
    library = shutil.copy2(BUILD / "tests/fault/clockstep.so", "/run/clockstep.so")
    box.configure(CLUSTER)
    box.run(f"LD_PRELOAD={library} CLOCKSTEP_FILE={offset} shackd", check=True)
    serves(box)
    with offset.open("r+b") as file:  # mapped by the daemon
        file.write(struct.pack("q", 3652 * 86400))
    run = box.run

    def run_and_set(command, **more):
        done = run(command, **more)
        if command.startswith("date"):
            with offset.open("r+b") as file:
                file.write(struct.pack("q", 0))
        return done
    box.run = run_and_set
    yield
    expect(box.ask("metrics")["keeper"]["clock_doubted_seconds"] == 0, "it is not believed")
    serves(box)


# ---- workers ----

@scene
def worker_crashed(box):
    box.start("[workers]\nysf = 1\n")
    box.kill("ysf.0", signal.SIGSEGV)
    yield
    serves(box)


@scene
def worker_parked(box):
    box.start("respawn_tokens = 30/m\n[workers]\nysf = 2\n")

    def parked():
        now = box.workers()["ysf.1"]
        if now["state"] == "ready" and not now["adopted_by"]:
            os.kill(now["pid"], signal.SIGSEGV)
        return now["adopted_by"]
    eventually(parked, 20, "the breaker to open")
    yield
    serves(box)


@scene
def worker_stopped(box):
    box.start("[workers]\nysf = 1\n")
    pid = box.kill("ysf.0", signal.SIGSTOP)
    eventually(lambda: box.pid("ysf.0") != pid and box.status()["state"] == "ready", 10, "a successor")
    yield
    serves(box)


@scene
def poison(box):
    box.start()
    folder = Path("/run/shackd/shm/quarantine")
    folder.mkdir()
    shutil.chown(folder, "shackd", "shackd")
    (folder / ".new").write_bytes(
        b"slot: ysf.0\ngeneration: 3\nseq: 17\nfrom: 192.0.2.9:40001\nlistener: 0\n"
        b"received: 2026-11-21T20:00:00Z\ngateway: GW1\ntries: 2\nbuild id: 1234\nsignal: 11\n\nYSFD")
    (folder / ".new").rename(folder / "ysf.0-17.dgram")
    yield
    expect(Path("/var/tmp/ysf.0-17.dgram").exists(), "it was not copied")
    expect(box.ask("quarantine") == [], "it is still there")


# ---- gateways and callers ----

@scene
def gateway_refused(box):
    box.start("[limits]\nclients_per_ip = 1\n[workers]\nysf = 1\n")
    first = Gateway(Port, "GATE", ip="127.0.0.1").link()
    second = Gateway(Port, "SPOT", ip="127.0.0.1")
    second.poll()
    box.edit = lambda path: box.configure("[limits]\nclients_per_ip = 100\n[workers]\nysf = 1\n")
    yield
    second.link()
    expect(len(box.ask("clients")) == 2, "the second is not linked")
    first.close()
    second.close()


@scene
def caller_blocked(box):
    box.start("[protection]\ntx_timeout = 1s\n[workers]\nysf = 1\n")
    gateway = Gateway(Port, "GATE", "DL1ABC").link()
    gateway.header()

    def blocked():
        gateway.voice()
        return box.ask("blocked")
    eventually(blocked, 10, "the block")
    yield
    expect(box.ask("blocked") == [], "still blocked")
    gateway.close()


# ---- lists ----

@scene
def list_missing(box):
    deny = Path("/etc/shackd/deny.db")
    box.start("[access]\nfile = deny.db\n")
    deny.unlink()
    box.edit = writer("CS:DL1ABC\n")
    yield
    serves(box)


@scene
def name_unknown(box):
    Path("/etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
    Path("/etc/shackd/deny.db").write_text("IP:gateway.example\n")
    box.start("[access]\nfile = deny.db\n")

    def edit(path):
        with path.open("a") as file:
            file.write("192.0.2.9 gateway.example\n")
    box.edit = edit
    yield
    serves(box)


# ---- the DX cluster ----

@scene
def feed_down(box):
    feed = CLUSTER + "[feed HOME]\ntype = cluster\nhost = 127.0.0.1\nport = %d\n"
    box.start(feed % 7373)

    def greet(server):
        session = server.accept()[0]
        session.sendall(b"login: ")
        session.recv(100)
        session.sendall(b"Hello\r\n")
        session.recv(100)  # to its end

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=greet, args=[server], daemon=True).start()
        box.edit = lambda path: box.configure(feed % server.getsockname()[1])
        yield
    serves(box)


@scene
def session_refused(box):
    limits = "[limits]\nsessions_per_ip = %d\n" + CLUSTER
    box.start(limits % 1)
    with contextlib.ExitStack() as open_ones:
        for _ in range(2):
            open_ones.enter_context(socket.create_connection(("127.0.0.1", 7300)))
        box.edit = lambda path: box.configure(limits % 10)
        yield
    serves(box)


# ---- to the outside ----

@scene
def dashboard_refused(box):
    allow = "[ysf]\ndashboard_allow = %s\n"
    box.start(allow % "127.0.0.1/32")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dashboard:
        dashboard.bind(("127.0.0.2", 0))

        def ask():
            dashboard.sendto(b"CONNREQ", ("127.0.0.1", 42001))
        ask()

        def edit(path):
            box.configure(allow % "127.0.0.0/8")
        box.edit = edit
        after_each_command(box, ask)
        yield
    serves(box)


@scene
def mmdvm_log(box):
    box.start("[ysf]\nmmdvm_log = /var/log/mmdvm/YSFReflector.log\n")
    after_each_command(box, lambda: Gateway(Port, "GATE").link().close())
    yield
    serves(box)


# ---- the control socket ----

@scene
def control_refused(box):
    box.start()
    status, _ = box.run("setpriv --reuid games --regid games --clear-groups shackctl status")
    expect(status == 1, f"status {status}")
    yield
    serves(box)


# ---- strays and boots ----

@scene
def stray(box):
    """A worker without a master that a tracer holds after its death."""
    box.start()
    left = box.pid("ysf.0")
    with tracer(left) as other:
        os.kill(box.pid(), signal.SIGKILL)
        status, _ = box.run("shackd")
        expect(status == 2, f"status {status}")
        box.words["815"], box.words["990"] = left, other.pid
        after_each_command(box, other.poll)
        yield
    serves(box)


@contextlib.contextmanager
def tracer(pid):
    """A debugger that does not let go."""
    script = ("import ctypes, signal; libc = ctypes.CDLL(None)\n"
              "libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]\n"
              f"assert libc.ptrace(0x4206, {pid}, None, 0x40) == 0\n"  # SEIZE, TRACEEXIT
              "print(flush=True); signal.pause()")
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as other:
        expect(other.stdout.readline() == b"\n", "ptrace")
        try:
            yield other
        finally:
            other.kill()


@scene
def booted(box):
    box.start()
    block_for_good(box)
    gateway = Gateway(Port, "GATE").link()
    os.kill(box.pid(), signal.SIGKILL)
    eventually(lambda: not list(box.ours()), 10, "the workers to follow their master")
    call("sh", "-c", "rm -rf /run/* /dev/shm/*")
    box.start()
    gateway.link()
    yield
    expect([block["call"] for block in box.ask("blocked")] == ["DL1ABC"], "the block")
    gateway.close()
    serves(box)


# ---- the network ----

FAR = "192.0.2.9/32"


@contextlib.contextmanager
def interface():
    """A wire with 192.0.2.1 at the near end; the far end is on this machine too."""
    call("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
    call("ip", "address", "add", "192.0.2.1/24", "dev", "eth0")
    call("ip", "link", "set", "eth0", "up")
    call("ip", "address", "add", FAR, "dev", "lo")
    try:
        yield
    finally:
        call("ip", "address", "del", FAR, "dev", "lo")
        call("ip", "link", "del", "eth0")


@scene
def no_route(box):
    with interface():
        box.start("[workers]\nysf = 1\n")
        first = Gateway(Port, "GATE", "DL1ABC").link()
        second = Gateway(Port, "SPOT", "DL2ABC", ip="192.0.2.9", to="192.0.2.1").link()
        call("ip", "address", "del", FAR, "dev", "lo")
        call("ip", "route", "add", "unreachable", FAR)
        first.call()
        box.wait_for("can't send to SPOT")
        call("ip", "route", "del", "unreachable", FAR)
        call("ip", "address", "add", FAR, "dev", "lo")
        yield
        first.call()
        expect(second.receive()[:4] == b"YSFD", "no voice")
        first.close()
        second.close()
    serves(box)


# ---- service managers ----

def install_sysv():
    script = Path("/etc/init.d/shackd")
    script.parent.mkdir(exist_ok=True)
    shutil.copy(ROOT / "init/shackd.sysv", script)
    script.chmod(0o755)
    Path("/etc/default").mkdir(exist_ok=True)
    Path("/etc/default/shackd").write_text(f"SHACKCTL={SBIN}/shackctl\n")


@scene
def sysv(box):
    install_sysv()
    box.run("/etc/init.d/shackd start", check=True)
    good = CONFIG.read_text()
    CONFIG.write_text(good + "[ysf]\nid = many\n")
    status, _ = box.run("/etc/init.d/shackd restart")
    expect(status == 6, f"status {status}")
    expect(box.run("/etc/init.d/shackd status")[0] == 0, "it was ended")
    box.edit = writer(good)
    yield
    serves(box)


@scene
def sysv_dead(box):
    install_sysv()
    box.run("/etc/init.d/shackd start", check=True)
    os.kill(box.pid(), signal.SIGKILL)
    eventually(lambda: not list(box.ours()), 10, "the workers to follow their master")
    yield
    serves(box)


class Serviced:
    """A machine with an init system of its own, as scenes know machines."""

    def __init__(self, machine):
        self.machine, self.printed, self.words, self.edit = machine, "", {}, None

    def run(self, command, check=False):
        if self.edit is not None and (found := re.fullmatch(r"vi (\S+)", command)):
            self.edit(found[1])
            return 0, ""
        result = self.machine.run("sh", "-c", command)
        self.printed += result.text
        expect(result.code == 0 or not check, f"{command}: {result}")
        return result.code, result.text

    def said(self):
        return self.printed

    def serves(self):
        return self.machine.run("shackctl", "ready").code == 0


def with_openrc():
    machine = private.Machine("openrc", init="openrc", first=["/sbin/openrc-init"],
                              files={"/etc/conf.d/shackd": 'supervisor="supervise-daemon"\nrespawn_max=1\n'})
    eventually(lambda: machine.path("/run/openrc/softlevel").exists()
               and machine.read("/run/openrc/softlevel").strip() == "default", 20, "the boot")
    return machine


def with_systemd():
    machine = private.Machine("systemd", init="systemd", user=False, cgroups=True,
                              first=["/lib/systemd/systemd", "--unit=basic.target"])
    eventually(lambda: machine.run("systemctl", "is-system-running").text.split()[:1]
               in (["running"], ["degraded"]), 30, "the boot")
    machine.good("systemd-sysusers")
    machine.good("systemd-tmpfiles", "--create", "shackd.conf")
    return machine


@contextlib.contextmanager
def machine_for(name):
    """What a scene is played on."""
    if name not in HOUSES:
        with Machine() as box:
            yield box
        return
    need_machine()
    with HOUSES[name]() as other:
        yield Serviced(other)


def outside(box):
    """The master's process id as it is numbered here."""
    return box.machine.outside(box.machine.ctl("status")["pid"])


@scene
def openrc_gave_up(box):
    box.run("rc-service shackd start", check=True)
    for _ in range(2):
        eventually(box.serves, 20, "service")
        pid = outside(box)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not os.path.exists(f"/proc/{pid}"), 10, "its end")
    eventually(lambda: box.run("rc-service shackd status")[0] != 0, 20, "the supervisor to give up")
    yield
    eventually(box.serves, 20, "service")


@scene
def systemd_failed(box):
    good = box.machine.read("/etc/shackd/shackd.ini")
    box.machine.write("/etc/shackd/shackd.ini", good + "[ysf]\nid = many\n")
    status, _ = box.run("systemctl start shackd")
    expect(status != 0, "it was started")
    box.edit = lambda path: box.machine.write(path, good)
    yield
    expect(box.serves(), "it does not serve")


HOUSES = {"openrc_gave_up": with_openrc, "systemd_failed": with_systemd}
