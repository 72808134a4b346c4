#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_reload - another configuration without a restart
# PURPOSE   What a reload may change takes effect at once and costs nobody a datagram; one that is
#           invalid, or that fails on the way, leaves configuration, descriptors and processes as
#           they were and says what was wrong; workers and listeners come and go under voice.
# OWNER     make check
# CONTRACT  RELOADS=n in the environment for more of them under voice (default 40)
# RUNS      beside few
# LIMITS    the simulator, outside the daemon, decides what was lost

import contextlib
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

import ysf  # noqa: E402
from lib.builds import TESTING, faulty, need  # noqa: E402
from lib.figures import figures, of_report  # noqa: E402
from lib.shackd import SLOW, Daemon, eventually, main, process_state  # noqa: E402
from lib.sim import Simulator  # noqa: E402

RELOADS = int(os.environ.get("RELOADS", "40"))
GATEWAYS = int(os.environ.get("GATEWAYS", "1000" if SLOW == 1 else "100"))
ROOMS = 10
BASE = {"workers.ysf": "2", "ysf.listen": "127.0.0.1:0", "dgid.list": "1-99", "dgid.local": "0",
        "ysf.max_age": "0",
        "ysf.frame_rate": "0", "limits.clients": "2000", "limits.clients_per_ip": "2000"}
TALK = ("--gateways", GATEWAYS, "--rooms", f"2-{ROOMS + 1}:{GATEWAYS // ROOMS}", "--talkers", ROOMS,
        "--frames", 50, "--calls", 0, "--pause", 100, "--rate", 30, "--poll", 2)


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


# ---- a daemon whose configuration is a file ----

def ini(keys):
    """{section.key: value} as a file, each section once, in the order given."""
    sections = {}
    for name, value in keys.items():
        section, key = name.split(".", 1)
        sections.setdefault(section, []).append(f"{key} = {value}")
    return "".join(f"[{section}]\n" + "\n".join(lines) + "\n" for section, lines in sections.items())


class Reloaded(Daemon):
    """Reloaded({key: value}): over BASE; keys are changed with reload()."""

    def __init__(self, keys=None, options=(), program=None, **more):
        super().__init__(*options, listen=None, start=False, program=program, **more)
        self.keys = {**BASE, **(keys or {})}
        self.config = self.base / "shackd.ini"
        self.write()
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def write(self):
        """As an editor does: whoever reads it meanwhile sees the old one or the new one."""
        fresh = self.config.with_suffix(".new")
        fresh.write_text(ini(self.keys))
        fresh.rename(self.config)

    def change(self, keys):
        """Puts keys into the file; those that are None go out."""
        self.keys.update(keys)
        self.keys = {key: value for key, value in self.keys.items() if value is not None}
        self.write()

    def reload(self, keys=None):
        """(exit status, the answer, what shackctl said on standard error)"""
        self.change(keys or {})
        status, out, err = self.ctl("reload", check=False)
        return status, json.loads(out) if out.strip() else None, err

    def reloaded(self, keys=None):
        """The same for one that must succeed; returns the answer."""
        status, answer, err = self.reload(keys)
        expect(status == 0 and answer["ok"], f"{status} {answer} {err}")
        return answer

    def refused(self, keys=None, text=None):
        """For one that must fail; the file is put back."""
        before = dict(self.keys)
        if text is None:
            status, answer, err = self.reload(keys)
        else:
            self.config.write_text(text)
            status, out, err = self.ctl("reload", check=False)
            answer = json.loads(out)
        expect(status == 1 and answer["ok"] is False and answer["problems"] and
               answer["changed"] == [] == answer["restart"], f"{status} {answer} {err}")
        expect(answer["problems"][0] in err, f"shackctl hides the reason: {err!r}")
        self.keys = before
        self.write()
        return answer["problems"]

    def listener_of(self, port):
        return next(text for text in self.status()["services"]["ysf"]["listen"]
                    if text.endswith(f":{port}"))


def descriptors(daemon):
    """{process: {descriptor: what it leads to}} of the master and every worker. Compiled lists are told
    by their names: a newer one has another number, whenever it comes."""
    found = {}
    for name, pid in [("master", daemon.idle().pid), *daemon.worker_pids().items()]:
        entries = {}
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = os.readlink(entry)
                entries[target if "shackd-list-" in target else int(entry.name)] = target
        found[name] = entries
    return found


def anonymous(descriptors_of):
    """The same without the numbers of sockets and descriptors: how many of which sort."""
    return {name: sorted(re.sub(r"\[\d+\]", "", target) for target in entries.values())
            for name, entries in descriptors_of.items()}


def look(daemon):
    status = daemon.status()
    return {"pids": daemon.worker_pids(), "descriptors": descriptors(daemon),
            "generation": status["config_generation"], "state": status["state"],
            "services": status["services"]}


def fingerprint(daemon):
    """All that an invalid reload must not touch. Our own questions are connections, too, which the
    daemon closes a moment after its answer: so it looks until it sees the same twice."""
    seen = [look(daemon)]

    def steady():
        seen.append(look(daemon))
        return seen[-1] if seen[-1] == seen[-2] else None

    return eventually(steady, 5, "the same twice in a row")


def differences(before, now, path=""):
    if before == now:
        return []
    if not isinstance(before, dict) or not isinstance(now, dict):
        return [f"{path}: {before} -> {now}"]
    return [line for key in sorted({*before, *now}, key=str)
            for line in differences(before.get(key), now.get(key), f"{path}/{key}")]


def expect_flat(daemon, before):
    """As many descriptors of each sort as before, in every process."""
    try:
        eventually(lambda: anonymous(descriptors(daemon)) == before, 3, "as many")
    except AssertionError:
        raise AssertionError("; ".join(differences(before, anonymous(descriptors(daemon))))) from None


def expect_untouched(daemon, before):
    """A connection of shackctl and the bodies of the dead are gone soon, not at once."""
    try:
        eventually(lambda: fingerprint(daemon) == before, 3, "all as before")
    except AssertionError:
        raise AssertionError("; ".join(differences(before, fingerprint(daemon)))) from None


def expect_all_arrived(report):
    wrong = {key: report[key] for key in ("lost", "duplicates", "headers_missing", "wrong_room",
                                          "terminators_missing", "echoes", "alien") if report[key]}
    print(f"# {report['expected']} datagrams expected, {report['lost']} lost, "
          f"{report['duplicates']} doubled, p99.9 {report['latency_us']['p999']} us")
    expect(not wrong and report["expected"] > 0, f"{wrong} of {report['expected']}")


@contextlib.contextmanager
def voice(daemon, *more, port=None):
    """Voice for the length of the block; afterwards all of it must have arrived."""
    with Simulator(daemon, *(more or TALK), port=port) as sim:
        sim.wait("talking")
        yield sim
        expect(sim.running(), "the simulator has ended")
        sim.finish()
        sim.seen = sim.report()
        expect_all_arrived(sim.seen)


def nobody_died(daemon):
    fallen = [event for event in daemon.ctl_lines("events", "1000") if event["type"] == "slot.down"]
    return all(worker["deaths"] == 0 for worker in daemon.workers().values()), fallen


# ---- values ----

def name_in_status(port):
    """What a status query says; queries above a rate are not answered, so it asks again."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.3)
        for _ in range(20 * SLOW):
            sock.sendto(b"YSFS", ("127.0.0.1", port))
            with contextlib.suppress(TimeoutError):
                return sock.recv(256)[9:25].decode().rstrip()
    raise AssertionError(f"port {port} does not answer")


def test_live_keys_take_effect_and_others_are_named():
    with Reloaded({"ysf.name": "BEFORE"}) as daemon:
        pids = daemon.worker_pids()
        expect(daemon.status()["last_reload"] is None, "a reload that never was")
        expect(name_in_status(daemon.port) == "BEFORE", "the name at the start")
        answer = daemon.reloaded({"ysf.name": "AFTER", "limits.events": "2000",
                                  "server.sandbox": "no"})
        expect(answer["changed"] == ["ysf.name"], f"{answer}")
        expect(answer["restart"] == ["server.sandbox", "limits.events"], f"{answer}")
        eventually(lambda: name_in_status(daemon.port) == "AFTER", 2, "the new name")
        status = daemon.status()
        expect(status["config_generation"] == 2, f"{status}")
        expect({**status["last_reload"]} == answer and answer["problems"] == [], f"{status}")
        expect(abs(status["last_reload"]["when"] - time.time()) < 60, "the time of it")
        expect(daemon.worker_pids() == pids, "a worker was replaced")
        event = [e for e in daemon.ctl_lines("events", "100") if e["type"] == "config.reload"]
        expect(len(event) == 1 and "ysf.name" in event[0]["note"], f"{event}")
        expect("until a restart: server.sandbox, limits.events" in daemon.log(), daemon.log())
        # a key that needs a restart is named as long as it differs
        expect(daemon.reloaded()["restart"] == ["server.sandbox", "limits.events"], "forgotten")
        expect(daemon.status()["config_generation"] == 2, "nothing has changed")


def test_people_read_the_answer():
    with Reloaded() as daemon:
        import subprocess
        from lib.shackd import SHACKCTL
        daemon.change({"ysf.max_age": "150ms", "limits.streams": "50"})
        command = [SHACKCTL, "-s", str(daemon.run_dir / "control.sock"), "reload"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20 * SLOW)
        expect(done.returncode == 0 and re.search(r"ysf\.max_age", done.stdout) and
               re.search(r"restart.*limits\.streams", done.stdout), f"{done}")
        daemon.config.write_text("[ysf]\nmax_age = old\nnonsense = 1\n")
        done = subprocess.run(command, capture_output=True, text=True, timeout=20 * SLOW)
        for line in (r"shackd\.ini:2: ysf\.max_age: ", r"shackd\.ini:3: ysf\.nonsense: "):
            expect(done.returncode == 1 and re.search(line, done.stderr), f"{done}")


def test_o_wins_over_the_file_after_a_reload_too():
    with Reloaded({"ysf.name": "FILE"}, options=("ysf.name=FLAG",)) as daemon:
        answer = daemon.reloaded({"ysf.name": "OTHER", "ysf.max_age": "1s"})
        expect(answer["changed"] == ["ysf.max_age"], f"{answer}")
        expect(name_in_status(daemon.port) == "FLAG", "-o was forgotten")


def test_client_timeout_and_log_level_are_obeyed():
    with Reloaded({"ysf.client_timeout": "1h", "server.log_level": "warning"}) as daemon:
        expect("reloaded" not in daemon.log(), "too much said")
        daemon.reloaded({"server.log_level": "debug", "ysf.client_timeout": "5s"})
        eventually(lambda: "reloaded" in daemon.log(), 2, "a line of the new level")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"YSFPN0CALL    ", ("127.0.0.1", daemon.port))
            eventually(lambda: daemon.ctl("clients"), 5, "a gateway")
            eventually(lambda: not daemon.ctl("clients"), 9, "its end")


def test_gateways_leave_a_dgid_that_is_gone():
    with Reloaded({"dgid.list": "22,40,50", "dgid.default": "22"}) as daemon:
        with Simulator(daemon, "--gateways", 20, "--rooms", "40:10,50:10", "--talkers", 2,
                       "--frames", 0, "--calls", 1) as sim:
            sim.wait("talking")
            eventually(lambda: len(daemon.ctl("streams")) == 2, 5, "two calls")
            daemon.reloaded({"dgid.list": "22,50"})
            eventually(lambda: sorted({c["dgid"] for c in daemon.ctl("clients")}) == [22, 50], 5,
                       "all of DG-ID 40 on 22")
            eventually(lambda: [s["dgid"] for s in daemon.ctl("streams")] == [50], 5,
                       "the end of the call on DG-ID 40")
        moved = [e for e in daemon.ctl_lines("events", "1000") if e["type"] == "client.dgid"]
        expect(len(moved) == 10 and {e["reason"] for e in moved} == {"list"}, f"{moved[:2]}")


# ---- the log ----

def test_log_is_opened_anew_and_elsewhere():
    with Reloaded() as daemon:
        first, second = daemon.state_dir / "one.log", daemon.state_dir / "two.log"
        daemon.reloaded({"server.log": str(first)})
        daemon.reloaded({"ysf.max_age": "1s"})
        eventually(lambda: first.exists() and "max_age" in first.read_text(), 3, "the first file")
        moved = first.with_suffix(".1")
        first.rename(moved)
        daemon.send(signal.SIGUSR1)
        eventually(lambda: first.exists() and "open anew" in first.read_text(), 3, "after USR1")
        first.rename(moved)
        expect(daemon.ctl("reopen", check=False)[0] == 0, "shackctl reopen")
        eventually(lambda: first.exists() and "open anew" in first.read_text(), 3, "after reopen")
        before = fingerprint(daemon)
        problems = daemon.refused({"server.log": str(daemon.state_dir / "no/such/file")})
        expect(re.search(r"shackd\.ini:\d+: server\.log: can't open .*no/such/file", problems[0]),
               problems)
        expect_untouched(daemon, before)
        daemon.reloaded({"server.log": str(second), "server.log_format": "json"})
        daemon.reloaded({"ysf.max_age": "2s"})
        eventually(lambda: second.exists() and "max_age" in second.read_text(), 3, "the second")
        json.loads(second.read_text().splitlines()[-1])


# ---- what is refused ----

def taken_port():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


def invalid_files(daemon, port):
    """Each is refused for another reason, and nothing of it may happen."""
    good = daemon.keys
    yield ini({**good, "workers.ysf": "many"})
    yield ini({**good, "ysf.name": "HALF", "ysf.nonsense": "1"})
    yield ini({**good, "dgid.default": "77", "dgid.list": "1-50", "workers.ysf": "4"})
    yield ini({**good, "workers.ysf": "3", "ysf.name": "HALF",
               "ysf.listen": f"{good['ysf.listen']},127.0.0.1:0,127.0.0.1:{port}"})
    yield ini({**good, "ysf.name": "HALF", "server.log": "/proc/no/such/file", "workers.ysf": "3",
               "ysf.listen": f"{good['ysf.listen']},127.0.0.1:0"})
    yield ini({**good, "ysf.listen": f"{good['ysf.listen']},203.0.113.7:0"})
    yield "[server\n"
    yield ini(good) + "\0"


def test_invalid_reloads_change_nothing():
    with taken_port() as stranger, Reloaded() as daemon:
        port = stranger.getsockname()[1]
        before = fingerprint(daemon)
        for text in invalid_files(daemon, port):
            problems = daemon.refused(text=text)
            expect(str(daemon.config) in problems[0], f"no file in {problems}")
            expect_untouched(daemon, before)
        expect(name_in_status(daemon.port) != "HALF", "a part of an invalid configuration")
        failed = [e for e in daemon.ctl_lines("events", "100") if e["type"] == "config.reload"]
        expect(failed and {e["reason"] for e in failed} == {"failed"}, f"{failed}")
        expect(daemon.status()["last_reload"]["ok"] is False, "last_reload")


def test_a_taken_port_is_named():
    with taken_port() as stranger, Reloaded() as daemon:
        port = stranger.getsockname()[1]
        line = ini(daemon.keys).splitlines().index("listen = 127.0.0.1:0") + 1
        problems = daemon.refused({"ysf.listen": f"127.0.0.1:0,127.0.0.1:{port}"})
        expect(re.search(rf"shackd\.ini:{line}: ysf\.listen: can't bind 127\.0\.0\.1:{port}: in use",
                         problems[0]), problems)


def test_a_file_that_is_gone_is_named():
    with Reloaded() as daemon:
        before = fingerprint(daemon)
        daemon.config.unlink()
        status, out, err = daemon.ctl("reload", check=False)
        expect(status == 1 and str(daemon.config) in err, f"{status} {out} {err}")
        expect_untouched(daemon, before)


def test_new_workers_that_cannot_start_are_undone():
    with faulty("fail-start") as program, Reloaded(program=program) as daemon:
        with voice(daemon, *TALK[:-2], "--poll", 0):
            before = fingerprint(daemon)
            for _ in range(3):
                problems = daemon.refused({"workers.ysf": "4", "ysf.name": "HALF",
                                           "ysf.listen": "127.0.0.1:0,127.0.0.1:0"})
                expect(re.search(r"shackd\.ini:\d+: workers\.ysf: the new worker ysf\.[23] can't "
                                 r"start: this build starts two only", problems[0]), problems)
                expect_untouched(daemon, before)


def test_a_worker_that_refuses_undoes_it_everywhere():
    with faulty("refuse-stage") as program, Reloaded(program=program) as daemon:
        before = fingerprint(daemon)
        problems = daemon.refused({"workers.ysf": "3", "ysf.name": "HALF",
                                   "ysf.listen": "127.0.0.1:0,127.0.0.1:0"})
        expect("ysf.1 refuses" in problems[0], problems)
        expect_untouched(daemon, before)
        expect(name_in_status(daemon.port) != "HALF", "it was committed by some")


def test_a_worker_that_dies_of_the_question_undoes_it():
    with faulty("crash-in-stage") as program, Reloaded(program=program) as daemon:
        before = anonymous(fingerprint(daemon)["descriptors"])
        problems = daemon.refused({"ysf.name": "HALF"})
        expect("ysf.1 dies again and again" in problems[0], problems)
        eventually(lambda: daemon.status()["state"] == "ready", 10, "ysf.1 again")
        expect(daemon.status()["config_generation"] == 1, "it was committed")
        expect_flat(daemon, before)


# ---- odd moments ----

def test_a_worker_killed_while_it_is_asked_is_asked_again():
    with Reloaded() as daemon:
        victim = daemon.worker_pids()["ysf.1"]
        os.kill(victim, signal.SIGSTOP)
        done = []
        thread = threading.Thread(target=lambda: done.append(daemon.reload({"ysf.name": "NEW"})))
        thread.start()
        eventually(lambda: "asks for a reload" in daemon.log(), 5, "the reload")
        expect(not done and daemon.status()["config_generation"] == 1, "it did not wait for all")
        os.kill(victim, signal.SIGKILL)
        thread.join(20 * SLOW)
        expect(done and done[0][0] == 0, f"{done}")
        expect(daemon.worker_pids()["ysf.1"] != victim, "no successor")
        for _ in range(20):  # whichever worker answers
            expect(name_in_status(daemon.port) == "NEW", "a worker with the old configuration")


def test_one_reload_at_a_time():
    with Reloaded({"server.watchdog": "1h"}) as daemon:
        victim = daemon.worker_pids()["ysf.0"]
        os.kill(victim, signal.SIGSTOP)
        try:
            done = []
            thread = threading.Thread(target=lambda: done.append(daemon.reload({"ysf.id": "77"})))
            thread.start()
            eventually(lambda: "asks for a reload" in daemon.log(), 5, "the reload")
            status, _, err = daemon.ctl("reload", check=False)
            expect(status == 1 and "under way" in err, f"{status} {err}")
        finally:
            # nobody answers for it, and no watchdog helps: then it is undone
            thread.join(20 * SLOW)
            os.kill(victim, signal.SIGCONT)
        expect(done[0][0] == 1 and "ysf.0 does not answer" in done[0][2], f"{done}")
        expect(daemon.status()["config_generation"] == 1, "it was committed")
        daemon.reloaded({"ysf.id": "78"})


def test_a_storm_of_hups():
    with Reloaded() as daemon:
        pids = daemon.worker_pids()
        for number in range(100):
            daemon.change({"ysf.name": f"STORM {number}"})
            daemon.send(signal.SIGHUP)
        eventually(lambda: name_in_status(daemon.port) == "STORM 99", 10, "the last name")
        eventually(lambda: daemon.status()["state"] == "ready", 5, "ready")
        expect(daemon.worker_pids() == pids, "a worker was replaced")
        expect(daemon.status()["config_generation"] <= 101, "more reloads than wishes")


def test_hup_in_the_middle_of_a_reload_is_obeyed_afterwards():
    with Reloaded({"server.watchdog": "1h"}) as daemon:
        victim = daemon.worker_pids()["ysf.0"]
        os.kill(victim, signal.SIGSTOP)
        try:
            done = []
            thread = threading.Thread(target=lambda: done.append(daemon.reload({"ysf.id": "77"})))
            thread.start()
            eventually(lambda: "asks for a reload" in daemon.log(), 5, "the reload")
            daemon.change({"ysf.name": "SECOND"})
            daemon.send(signal.SIGHUP)
            eventually(lambda: "the reload follows" in daemon.log(), 5, "the wish")
        finally:
            os.kill(victim, signal.SIGCONT)
        thread.join(20 * SLOW)
        expect(done and done[0][0] == 0, f"{done}")
        eventually(lambda: daemon.status()["config_generation"] == 3, 5, "the second reload")
        # the master counts when it commits, the worker hears of it a moment later
        eventually(lambda: name_in_status(daemon.port) == "SECOND", 5, "the name")


def test_hup_while_it_starts_is_not_lost():
    with Daemon(start=False) as daemon:
        daemon.config = daemon.base / "shackd.ini"
        daemon.config.write_text("[ysf]\nname = EARLY\n")
        daemon.launch()
        # caught from the first moment on, when the pid file is there
        eventually(lambda: (daemon.run_dir / "shackd.pid").exists(), 10, "the pid file")
        daemon.config.write_text("[ysf]\nname = LATE\n")
        os.kill(daemon.process.pid, signal.SIGHUP)
        line = eventually(lambda: re.search(r"shackd: ready.*", daemon.read_stdout()), 20,
                          "the ready line", [daemon.process.stdout])
        daemon.pid = daemon.process.pid
        daemon.understand(line[0])
        eventually(lambda: name_in_status(daemon.port) == "LATE", 5, "the later name")


def test_term_in_the_middle_of_a_reload():
    with Reloaded({"server.watchdog": "1h"}) as daemon:
        victim = daemon.worker_pids()["ysf.0"]
        os.kill(victim, signal.SIGSTOP)
        done = []
        thread = threading.Thread(target=lambda: done.append(daemon.reload({"workers.ysf": "4"})))
        thread.start()
        eventually(lambda: "asks for a reload" in daemon.log(), 5, "the reload")
        daemon.send(signal.SIGTERM)
        thread.join(20 * SLOW)
        os.kill(victim, signal.SIGCONT)
        expect(daemon.wait() == 0, "the exit status")
        expect(done and done[0][0] == 1, f"{done}")


# ---- under voice ----

def test_reloads_under_voice_lose_nothing():
    with taken_port() as stranger, Reloaded({"server.log_level": "warning"}) as daemon:
        with voice(daemon) as sim:
            port = stranger.getsockname()[1]
            good = 0
            daemon.reloaded({"ysf.description": "first"})
            before = fingerprint(daemon)
            flat = anonymous(before["descriptors"])
            while good < RELOADS // 2:
                for text in invalid_files(daemon, port):
                    daemon.refused(text=text)
                    expect_untouched(daemon, before)
                    daemon.reloaded({"ysf.description": f"number {good}"})
                    good += 1
                    expect_flat(daemon, flat)
                    now = fingerprint(daemon)
                    expect(now["pids"] == before["pids"], "a valid reload replaced a worker")
                    before = now
            print(f"# {2 * good} reloads, every other one invalid")
        figures("reload", reloads=2 * good, invalid=good, **of_report(sim.seen))


def test_worker_counts_change_under_voice():
    with Reloaded({"server.log_level": "warning"}) as daemon:
        def count(number):
            daemon.reloaded({"workers.ysf": str(number)})
            expect(sorted(slot for slot in daemon.workers() if slot.startswith("ysf")) ==
                   [f"ysf.{i}" for i in range(number)], f"{sorted(daemon.workers())}")
            expect(daemon.status()["state"] == "ready", f"{daemon.status()}")

        with voice(daemon):
            for number in (4, 1, 2):
                count(number)
            before = anonymous(fingerprint(daemon)["descriptors"])
            for number in (4, 1, 3, 2) * 3:
                count(number)
            # workers that came back were given the same; those who stayed keep what they know
            expect_flat(daemon, before)
        restarts = {slot: worker["restarts"] for slot, worker in daemon.workers().items()}
        expect(not any(restarts.values()), f"{restarts}")


def test_all_workers_take_their_share_after_growing():
    with Reloaded({"workers.ysf": "1"}) as daemon:
        daemon.reloaded({"workers.ysf": "4"})
        with voice(daemon, "--gateways", 200, "--rooms", "2-11:20", "--talkers", 10, "--frames", 20,
                   "--calls", 2, "--pause", 100, "--poll", 1, "--own-sockets") as sim:
            sim.wait("draining")
            got = {slot: ysf.counters_of(daemon, slot)["received_total"]
                   for slot in daemon.worker_pids() if slot.startswith("ysf")}
            expect(len(got) == 4 and all(got.values()), f"{got}")


def open_port():
    with taken_port() as sock:
        return sock.getsockname()[1]


def linked_at(daemon, listener):
    return {client["gateway"]: client["id"] for client in daemon.ctl("clients")
            if client["listener"] == listener}


def test_listeners_come_and_go_beside_voice():
    with Reloaded({"server.log_level": "warning"}) as daemon:
        port, third = open_port(), open_port()
        both = f"127.0.0.1:0,127.0.0.1:{port}"
        with voice(daemon):
            daemon.reloaded({"ysf.listen": both})
            expect(str(port) in daemon.status()["services"]["ysf"]["listen"][1], "not said")
            second = ("--gateways", 20, "--first", 5000, "--rooms", "50:20", "--talkers", 1,
                      "--frames", 10, "--calls", 2, "--pause", 100)
            with voice(daemon, *second, port=port) as sim:
                sim.wait("draining")
            with Simulator(daemon, "--gateways", 20, "--first", 6000, "--rooms", "51:20",
                           "--talkers", 0, "--poll", 1, port=port) as sim:
                sim.wait("talking")
                before = eventually(lambda: (now := linked_at(daemon, 1)) and len(now) == 20 and now,
                                    5, "gateways of the new listener")
                daemon.reloaded({"ysf.listen": "127.0.0.1:0"})
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    sock.bind(("127.0.0.1", port))  # nobody holds it any more
                # another one in between takes another index, and comes and goes likewise
                daemon.reloaded({"ysf.listen": f"127.0.0.1:{third},127.0.0.1:0"})
                expect(name_in_status(third), "the third listener answers")
                # the old address again, whatever the order: with its gateways
                daemon.reloaded({"ysf.listen": f"127.0.0.1:{port},127.0.0.1:{third},127.0.0.1:0"})
                expect(linked_at(daemon, 1) == before, "the gateways were linked anew")
            with voice(daemon, *second, port=port) as sim:
                sim.wait("draining")
            expect(len(linked_at(daemon, 0)) == GATEWAYS, "gateways of the first listener")
            daemon.reloaded({"ysf.listen": "127.0.0.1:0"})
        expect(all(worker["deaths"] == 0 for worker in daemon.workers().values()), "a death")


def test_a_removed_listener_that_is_still_sent_to_goes():
    with Reloaded() as daemon:
        port = open_port()
        daemon.reloaded({"ysf.listen": f"127.0.0.1:0,127.0.0.1:{port}"})
        with Simulator(daemon, "--gateways", 100, "--rooms", "2-11:10", "--talkers", 10, "--frames",
                       0, "--calls", 1, "--poll", 1, port=port) as sim:
            sim.wait("talking")
            daemon.reloaded({"ysf.listen": "127.0.0.1:0"})
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind(("127.0.0.1", port))
        expect(name_in_status(daemon.port), "the one that stays answers")


def test_all_at_once():
    """Workers, listeners and values in one reload, under voice, there and back."""
    with Reloaded({"server.log_level": "warning"}) as daemon:
        with voice(daemon):
            for _ in range(3):
                port = open_port()
                daemon.reloaded({"workers.ysf": "3", "ysf.description": "three",
                                 "ysf.listen": f"127.0.0.1:0,127.0.0.1:{port}"})
                expect(name_in_status(port), "the new listener answers")
                daemon.reloaded({"workers.ysf": "1", "ysf.description": "one",
                                 "ysf.listen": "127.0.0.1:0"})


def test_workers_that_come_do_not_wait_for_a_listener_that_goes():
    """They never had it, so nobody has to wait until they have read it empty."""
    with Reloaded() as daemon:
        daemon.reloaded({"ysf.listen": f"127.0.0.1:0,127.0.0.1:{open_port()}"})
        began = time.monotonic()
        daemon.reloaded({"workers.ysf": "4", "ysf.listen": "127.0.0.1:0"})
        took = time.monotonic() - began
        expect(took < 3 * SLOW, f"it took {took:.1f} s")


# ---- drain ----

def test_drain_waits_for_the_last_call():
    with Reloaded() as daemon:
        with Simulator(daemon, "--gateways", 20, "--rooms", "2-3:10", "--talkers", 2, "--frames", 30,
                       "--calls", 0, "--pause", 100, "--poll", 1) as sim:
            sim.wait("talking")
            eventually(lambda: len(daemon.ctl("streams")) == 2, 5, "two calls")
            expect(daemon.ctl("drain", check=False)[0] == 0, "drain")
            expect(daemon.status()["state"] == "draining", f"{daemon.status()['state']}")
            expect(process_state(daemon.pid) not in (None, "Z"), "it did not wait")
            expect(daemon.wait(20) == 0, "the exit status")
            expect("the last call is over" in daemon.log(), daemon.log())


if __name__ == "__main__":
    need(TESTING)
    main(globals())
