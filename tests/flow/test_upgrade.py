#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_upgrade - another build takes over and nobody notices
# PURPOSE   Upgrades to and fro under voice and TCP load, as a package manager brings them; what the
#           simulators, the counters and the kernel say afterwards decides.
# OWNER     tests
# CONTRACT  UPGRADES=n in the environment for more of them (default 10; the README's row says 200)
# LIMITS    the signature test needs a key that it makes itself; nothing is skipped

import json
import os
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.builds import NEXT, SCHEMA1, TESTING, copy_of  # noqa: E402
from lib.figures import figures, of_report  # noqa: E402
from lib.shackd import (  # noqa: E402
    Daemon, REQUEST, SHACKD, SLOW, alive, answer, eventually, main, packet)
from lib.line import LineSim, Service, wrong  # noqa: E402
from lib.sim import Simulator  # noqa: E402

UPGRADES = int(os.environ.get("UPGRADES", "10"))
GATEWAYS = 1000 if SLOW == 1 else 100
ROOMS = 10
VOICE = ("dgid.list=1-99", "dgid.local=0", "ysf.max_age=0", "limits.clients=2000", "ysf.client_timeout=1h",
         "limits.clients_per_ip=2000")


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


class Home:
    """A directory with the executable, as a package manager keeps it."""

    def __init__(self, daemon_options=(), program=SHACKD, **how):
        self.folder = tempfile.TemporaryDirectory(prefix="shackd-home-")
        os.chmod(self.folder.name, 0o755)
        self.path = Path(self.folder.name) / "shackd"
        copy_of(program, self.path)
        self.daemon = Daemon(*daemon_options, program=str(self.path), **how)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.daemon.__exit__(kind, value, trace)
        self.folder.cleanup()

    def put(self, program, point=None):
        return copy_of(program, self.path, point)

    def upgrade(self, *words):
        code, text, why = self.daemon.ask("upgrade", *words)
        expect(code == 0, f"the upgrade failed: {why}")
        return json.loads(text)


def metrics(daemon):
    """{name with labels: value} of all counters."""
    lines = daemon.ask("metrics")[1]
    counters, kinds = {}, {}
    for line in lines.splitlines():
        if line.startswith("# TYPE"):
            _, _, name, kind = line.split()
            kinds[name] = kind
        elif line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            if kinds.get(name.split("{")[0]) == "counter":
                counters[name] = float(value)
    return counters


def decreases(before, after):
    return [f"{name}: {value} became {after.get(name)}" for name, value in before.items()
            if after.get(name, -1) < value]


def all_ready(daemon):
    return daemon.status()["state"] == "ready"


def descriptors(daemon):
    return len(os.listdir(f"/proc/{daemon.idle().pid}/fd"))


def ids(daemon):
    return {client["gateway"]: client["id"] for client in daemon.ctl("clients")}


def test_upgrades_to_and_fro_under_voice():
    with Home(("workers.ysf=2", *VOICE), listen="127.0.0.1:0") as home:
        daemon = home.daemon
        with Simulator(daemon, "--gateways", GATEWAYS, "--rooms", f"1-{ROOMS}:{GATEWAYS // ROOMS}",
                       "--talkers", ROOMS, "--frames", 50, "--calls", 0, "--poll", 5,
                       "--no-unlink") as sim:
            sim.wait("talking")
            before, counters, fds = ids(daemon), metrics(daemon), descriptors(daemon)
            pid, took = daemon.pid, []
            for i in range(UPGRADES):
                home.put(NEXT if i % 2 == 0 else SHACKD)
                began = time.monotonic()
                result = home.upgrade()
                took.append(time.monotonic() - began)
                expect(result["pid"] == pid and result["generation"] == i + 2, f"{result}")
                expect(result["version"].endswith("+next") == (i % 2 == 0), f"{result}")
                now = metrics(daemon)
                expect(not decreases(counters, now), f"{decreases(counters, now)[:3]}")
                counters = now
            eventually(lambda: all_ready(daemon), 5, "all workers ready")
            after = ids(daemon)
            sim.finish()
            report = sim.report()
        status = daemon.status()
        print(f"# {UPGRADES} upgrades, {max(took) * 1000:.0f} ms the longest, {report['frames']} frames, "
              f"{report['expected']} datagrams expected, {report['lost']} lost, "
              f"{report['duplicates']} doubled, latency p99.9 {report['latency_us']['p999']} us, "
              f"longest gap {report.get('gap_us')} us")
        figures("upgrade", upgrades=UPGRADES, longest_upgrade_ms=round(max(took) * 1000, 1),
                counters_decreased=0, registrations_lost=len(before.items() - after.items()),
                **of_report(report))
        expect(len(before) == GATEWAYS and before == after, "registrations were lost or made anew")
        for what in ("lost", "wrong_room", "echoes", "alien", "headers_missing", "terminators_missing"):
            expect(report[what] == 0, f"{what}: {report[what]}")
        expect(report["duplicates"] == 0, f"{report['duplicates']} doubled")
        expect(status["pid"] == pid and alive(pid), "another process")
        expect((daemon.run_dir / "shackd.pid").read_text() == f"{pid}\n", "the pid file changed")
        eventually(lambda: descriptors(daemon) == fds, 5, f"{fds} descriptors as before")
        expect(Path(f"/proc/{pid}/comm").read_text() == "shackd\n", "its name")


def test_usr2_takes_what_lies_at_its_place():
    with Home() as home:
        daemon = home.daemon
        home.put(NEXT)
        daemon.send(signal.SIGUSR2)
        eventually(lambda: daemon.status()["generation"] == 2, 10, "the next generation")
        status = daemon.status()
        expect(status["version"].endswith("+next"), status["version"])
        last = status["last_upgrade"]
        expect(last["ok"] and last["version"] == status["version"], f"{last}")
        events = [e for e in daemon.ctl_lines("events", "1000") if e["type"] == "upgrade"]
        expect(len(events) == 1 and "reason" not in events[0], f"{events}")
        expect(status["version"] in events[0]["note"], f"{events}")


def test_background_daemon_is_upgraded():
    with Home(foreground=False) as home:
        home.put(NEXT)
        home.upgrade()
        expect(home.daemon.status()["version"].endswith("+next"), "version")
        home.daemon.stop()
        expect(not (home.daemon.run_dir / "shackd.pid").exists(), "the pid file stays")


def test_requests_wait_and_are_answered():
    """Who calls while nobody accepts is answered afterwards, also who was connected before."""
    with Home() as home:
        daemon = home.daemon
        with daemon.connect() as early:
            home.put(NEXT)
            home.upgrade()
            early.send(packet(REQUEST, b"status\0"))
            code, text, _ = answer(early)
            expect(code == 0 and json.loads(text)["generation"] == 2, text)


def test_workers_end_with_their_master():
    """The tie to the master holds over an exec: death signal and parent's pid."""
    with Home() as home:
        home.put(NEXT)
        home.upgrade()
        pids = list(home.daemon.worker_pids().values())
        expect(all(alive(pid) for pid in pids), "workers ended with the exec")
        home.daemon.send(signal.SIGKILL)
        eventually(lambda: not any(alive(pid) for pid in pids), 5, "the end of the workers")


def test_configuration_and_options_are_kept():
    with Home(("ysf.description=Hams",)) as home:
        daemon = home.daemon
        daemon.config.write_text("[ysf]\ndescription = other\nname = CHANGED\n")
        home.put(NEXT)
        home.upgrade()
        expect(daemon.ask("reload")[0] == 0, "the reload failed")
        eventually(lambda: daemon.status()["config_generation"] == 2, 5, "the new configuration")
        last = daemon.status()["last_reload"]
        expect(last["ok"] and not last["restart"], f"{last}")
        expect(last["changed"] == ["ysf.name"], f"what -o said counts no more: {last['changed']}")


def test_other_path_and_other_directory():
    with Home() as home:
        elsewhere = Path(home.folder.name) / "other"
        elsewhere.mkdir(mode=0o755)
        copy_of(NEXT, elsewhere / "shackd-2")
        result = home.upgrade(str(elsewhere / "shackd-2"))
        expect(result["version"].endswith("+next"), f"{result}")
        back = home.upgrade()
        expect(not back["version"].endswith("+next"), "USR2 and no path mean where it was started")


def test_tcp_sessions_live_on():
    """Connections of the test build's line service: open over upgrades, every byte at its place."""
    with Home(("line.enabled=yes", "line.listen=127.0.0.1:0", "workers.line=2"),
              program=TESTING) as home:
        port = int(home.daemon.ready.split("line=127.0.0.1:")[1].split()[0].split(",")[0])
        clients = [socket.create_connection(("127.0.0.1", port), timeout=10 * SLOW) for _ in range(12)]
        readers = [client.makefile("rb") for client in clients]
        try:
            for reader in readers:
                reader.readline()  # the greeting
            for turn in range(4):
                for n, client in enumerate(clients):
                    client.sendall(f"turn {turn} of {n}\nhal".encode())
                home.put(TESTING)
                home.upgrade()
                for n, (client, reader) in enumerate(zip(clients, readers)):
                    line = reader.readline().decode()
                    expect(line.endswith(f"turn {turn} of {n}\n"), f"{line!r}")
                    client.sendall(b"f\n")
                    line = reader.readline().decode()
                    expect(line.endswith("half\n"), f"{line!r}")
        finally:
            for client in clients:
                client.close()


def test_tcp_sessions_under_load():
    """Every byte at its place, over upgrades and over those that fail after the exec."""
    turns = max(UPGRADES // 2, 5)
    with tempfile.TemporaryDirectory(prefix="shackd-home-") as folder:
        os.chmod(folder, 0o755)
        path = copy_of(TESTING, Path(folder) / "shackd")
        with Service(program=path) as service:
            with LineSim(service, "--sessions", 100 if SLOW == 1 else 20) as sim:
                sim.wait()
                for turn in range(turns):
                    point = ("crash-before-commit", "crash-after-exec", None)[turn % 3]
                    copy_of(TESTING, path, point)
                    code, _, why = service.ask("upgrade")
                    expect((code == 0) == (point is None), f"{point}: {code} {why}")
                eventually(lambda: all_ready(service), 5, "all workers ready")
                report = sim.finish()
        print(f"# {turns} upgrades, two of three failing: {report}")
        expect(not wrong(report), f"{wrong(report)}")


def newer_events(daemon):
    return [event["type"] for event in daemon.ctl_lines("events", "100000")
            if event["type"] in ("upgrade", "config.reload")]


def test_stores_step_up_and_down():
    """From the edition before to ours and back, with gateways and calls going on."""
    with Home(("workers.ysf=2", *VOICE), program=SCHEMA1, listen="127.0.0.1:0") as home:
        daemon = home.daemon
        with Simulator(daemon, "--gateways", 100, "--rooms", "1-5:20", "--talkers", 5, "--frames", 50,
                       "--calls", 0, "--poll", 5, "--no-unlink") as sim:
            sim.wait("talking")
            before = ids(daemon)
            for _ in range(2):
                home.put(SHACKD)
                home.upgrade()
                eventually(lambda: "upgrade" in newer_events(daemon), 5, "the event of the upgrade")
                # those of an earlier time with this edition must not come back
                expect(newer_events(daemon) == ["upgrade"], f"{newer_events(daemon)}")
                expect(daemon.ask("reload")[0] == 0, "the reload failed")
                eventually(lambda: "config.reload" in newer_events(daemon), 5, "the reload's event")
                home.put(SCHEMA1)
                home.upgrade()
                expect(not newer_events(daemon), f"{newer_events(daemon)}")
            last = daemon.status()["last_reload"]
            expect(last is not None and last["ok"], f"{last}")
            after = ids(daemon)
            sim.finish()
            report = sim.report()
        expect(before == after and len(after) == 100, "registrations were lost")
        expect(report["lost"] == 0 and report["duplicates"] == 0,
               f"{report['lost']} lost, {report['duplicates']} doubled")


def test_a_keeper_that_dies_while_the_stores_step_down():
    with Home(("workers.ysf=1",), listen="127.0.0.1:0") as home:
        home.put(SCHEMA1)
        home.daemon.kill_worker("keeper", signal.SIGSTOP)  # the watchdog ends it
        expect(home.upgrade()["generation"] == 2, "its successor was not asked")


if __name__ == "__main__":
    main(globals())
