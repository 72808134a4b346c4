#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_master - the master from outside
# PURPOSE   Flags, exit statuses, start, stop, signals, deaths and hangs of workers, the control
#           socket: what operators and init scripts rely on.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others, about 40 s
# LIMITS    some cases need root (users, owners) and are skipped without

import json
import os
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from shackd import (IS_ROOT, SHACKD, SLOW, Daemon, Skip, alive, answer, eventually, main,
                    packet, send_with_fd, REQUEST)


def need_root():
    if not IS_ROOT:
        raise Skip("needs root")


def run(*args):
    done = subprocess.run([SHACKD, *args], capture_output=True, text=True, timeout=30 * SLOW,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def failing_start(daemon):
    """Starts what must not start: (exit status, what it said)."""
    daemon.launch()
    status = daemon.process.wait(timeout=30 * SLOW)
    return status, daemon.log()


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


def expect_text(pattern, text):
    expect(re.search(pattern, text), f"no {pattern!r} in: {text!r}")


def all_ready(daemon):
    return daemon.status()["state"] == "ready"


# ---- flags ----

def test_help_and_versions():
    for flag in ("-h", "--help"):
        status, out, _ = run(flag)
        expect(status == 0, f"{flag}: {status}")
        for long in ("--config", "--set", "--foreground", "--test", "--dump-config", "--pidfile",
                     "--version", "--help"):
            expect(long in out, f"{flag} does not tell of {long}")
    for flag in ("-V", "--version"):
        status, out, _ = run(flag)
        expect(status == 0 and out.startswith("shackd "), f"{flag}: {status} {out!r}")
    status, out, _ = run("-v")
    expect(status == 0 and re.fullmatch(r"YSFReflector version \d{8}\n", out), f"-v: {out!r}")


def test_bad_usage_is_1():
    for args in (["-X"], ["--nonsense"], ["stray"], ["-o"], ["-c"]):
        status, _, err = run(*args)
        expect(status == 1 and err, f"{args}: {status} {err!r}")


def test_configuration_is_checked():
    with Daemon(start=False) as daemon:
        ini = daemon.base / "bad.ini"
        ini.write_text("[server]\nwatchdog = never\nnonsense = 1\n")
        for flag in ("-t", "--test", "-T", "--dump-config"):
            status, _, err = run(flag, "-c", str(ini))
            expect(status == 1, f"{flag}: {status}")
            expect_text(r"bad\.ini:2: server\.watchdog: ", err)
            expect_text(r"bad\.ini:3: server\.nonsense: ", err)
        status, _, err = run("-f", "-c", str(ini))
        expect(status == 1, f"started with a bad file: {status}")
        ini.write_text("[server]\nwatchdog = 3s\n")
        expect(run("-t", "-c", str(ini))[0] == 0, "-t refuses a good file")
        status, out, _ = run("-T", "-c", str(ini), "-o", "ysf.description=hello")
        expect(status == 0, f"-T: {status}")
        expect_text(r"(?m)^watchdog = 3s", out)
        expect_text(r"(?m)^description = hello", out)


# ---- start ----

def test_ready_once_and_ports_are_real():
    with Daemon("workers.ysf=2") as daemon:
        expect(len(daemon.listeners) in (1, 2), daemon.ready)
        expect(daemon.listeners[0] == f"0.0.0.0:{daemon.port}" and daemon.port > 0, daemon.ready)
        if len(daemon.listeners) == 2:
            expect(daemon.listeners[1] == f"[::]:{daemon.port}", daemon.ready)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", daemon.port))
                raise AssertionError("the port is free")
            except OSError:
                pass
        expect(daemon.stop() == 0, "a graceful stop is no failure")
        expect(daemon.stdout_text.count("shackd: ready") == 1, daemon.stdout_text)


def test_several_listeners_keep_their_order():
    with Daemon(listen="127.0.0.1:0,[::1]:0,127.0.0.2:0") as daemon:
        hosts = [text.rsplit(":", 1)[0] for text in daemon.listeners]
        expect(hosts == ["127.0.0.1", "[::1]", "127.0.0.2"], daemon.ready)
        listen = daemon.status()["services"]["ysf"]["listen"]
        expect(listen == daemon.listeners, f"{listen} is not {daemon.listeners}")


def test_without_ysf():
    with Daemon("ysf.enabled=no") as daemon:
        expect(daemon.ready.strip() == "shackd: ready", daemon.ready)
        expect(sorted(daemon.workers()) == ["keeper", "log"], "slots without a use")


def test_launcher_waits_until_it_serves():
    with Daemon(foreground=False) as daemon:
        expect(all_ready(daemon), "exit 0, but not serving")
        expect(daemon.process.poll() == 0, "the launcher did not return 0")
        expect(os.getsid(daemon.pid) != os.getsid(0), "not in a session of its own")
        expect(os.readlink(f"/proc/{daemon.pid}/cwd") == "/", "still in the directory of its start")
        for fd in (0, 1, 2):
            expect(os.readlink(f"/proc/{daemon.pid}/fd/{fd}") == "/dev/null", f"fd {fd}")
        pidfile = daemon.run_dir / "shackd.pid"
        expect(daemon.status()["pid"] == daemon.pid, "the pid file names another")
        daemon.stop()
        expect(not pidfile.exists(), "the pid file was left behind")
        expect(not (daemon.run_dir / "control.sock").exists(), "the socket was left behind")
        expect(daemon.log().count("shackd: ready") == 1, daemon.log())


def test_launcher_passes_the_reason_on():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as blocker:
        blocker.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{blocker.getsockname()[1]}"
        with Daemon(foreground=False, listen=listen, start=False) as daemon:
            status, said = failing_start(daemon)
            expect(status == 2, f"{status}")
            expect_text(f"can't bind {listen}: in use", said)
            expect(not (daemon.run_dir / "shackd.pid").exists(), "a pid file without a daemon")


def test_port_in_use_names_the_user():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as blocker:
        blocker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        blocker.bind(("127.0.0.1", 0))
        with Daemon(listen=f"127.0.0.1:{blocker.getsockname()[1]}", start=False) as daemon:
            status, said = failing_start(daemon)
            expect(status == 2, f"{status}")
            expect_text(rf"in use by pid {os.getpid()} \(", said)


def test_stray_worker_is_named():
    script = ("import socket, sys; open('/proc/self/comm', 'w').write('shackd-ysf.0')\n"
              "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
              "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)\n"
              "s.bind(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); sys.stdin.read()")
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as stray:
        listen = f"127.0.0.1:{int(stray.stdout.readline())}"
        with Daemon(listen=listen, start=False) as daemon:
            status, said = failing_start(daemon)
            expect(status == 2, f"{status}")
            expect_text(rf"pid {stray.pid} \(shackd-ysf\.0\), a stray worker", said)
        stray.stdin.close()


def test_port_listed_twice():
    with Daemon(listen="127.0.0.1:0") as first:
        port = first.port
    with Daemon(listen=f"127.0.0.1:{port},127.0.0.1:{port}", start=False) as daemon:
        status, said = failing_start(daemon)
        expect(status in (1, 2), f"{status}")
        expect_text(r"(?i)twice|duplicate|already", said)


def test_second_start_is_refused():
    with Daemon() as first:
        with Daemon(f"server.run_dir={first.run_dir}", start=False) as second:
            status, said = failing_start(second)
            expect(status == 2, f"{status}")
            expect_text(f"already running as pid {first.pid}\\b", said)
        expect(all_ready(first), "the first one suffered")
        expect(int((first.run_dir / "shackd.pid").read_text()) == first.pid, "pid file changed")
        with Daemon(listen=f"*:{first.port}", start=False) as third:
            status, said = failing_start(third)
            expect(status == 2, f"{status}")
            expect_text(r"in use by pid \d+ \(shackd", said)


def test_stores_have_one_daemon():
    """Two on one store would take each other's gateways for leftovers."""
    with Daemon() as first:
        for key in ("shm_dir", "state_dir"):
            taken = getattr(first, key)
            with Daemon(f"server.{key}={taken}", start=False) as second:
                status, said = failing_start(second)
                expect(status == 2, f"{key}: {status}")
                expect_text(f"server.{key}: another daemon uses {taken}", said)
        expect(all_ready(first), "the first one suffered")


def test_stale_files_do_not_matter():
    with Daemon(clean=False) as daemon:
        daemon.process.kill()
        daemon.wait()
        expect((daemon.run_dir / "shackd.pid").exists(), "nothing stale to test with")
        daemon.clean = True
        daemon.start()
        expect(all_ready(daemon), "does not serve")


def test_own_pidfile():
    with Daemon(start=False) as daemon:
        daemon.flags = ("-p", str(daemon.base / "my.pid"))
        daemon.start()
        expect(int((daemon.base / "my.pid").read_text()) == daemon.pid, "not its pid")
        expect(not (daemon.run_dir / "shackd.pid").exists(), "the default was written too")
        daemon.stop()
        expect(not (daemon.base / "my.pid").exists(), "left behind")


def test_pidfile_is_no_trap():
    with Daemon(start=False) as daemon:
        (daemon.base / "victim").write_text("precious")
        (daemon.base / "my.pid").symlink_to(daemon.base / "victim")
        daemon.flags = ("-p", str(daemon.base / "my.pid"))
        status, said = failing_start(daemon)
        expect(status == 2, f"{status}")
        expect("my.pid" in said, said)
        expect((daemon.base / "victim").read_text() == "precious", "wrote through a link")


def test_unknown_user():
    need_root()
    with Daemon("server.user=no-such-user-here", start=False) as daemon:
        status, said = failing_start(daemon)
        expect(status == 2, f"{status}")
        expect_text(r"adduser --system --group --no-create-home no-such-user-here", said)


def test_unprivileged_start():
    need_root()
    setpriv = shutil.which("setpriv")
    if not setpriv:
        raise Skip("no setpriv")
    with Daemon(start=False) as daemon:
        program = daemon.base / "shackd"
        shutil.copy(SHACKD, program)
        shutil.copy(SHACKD + "-net", daemon.base)
        daemon.program = str(program)
        daemon.wrapper = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups"]
        daemon.options = ("server.user=shackd",)
        os.chown(daemon.base, 65534, 65534)
        os.chown(daemon.shm_dir, 65534, 65534)
        daemon.start()
        expect(all_ready(daemon), "does not serve")
        for slot, pid in daemon.worker_pids().items():
            expect(os.stat(f"/proc/{pid}/task").st_uid in (0, 65534), slot)
        expect(daemon.stop() == 0, "no graceful stop")


def test_directories_are_made_and_owned():
    need_root()
    with Daemon() as daemon:
        for path, uid, gid in ((daemon.run_dir, 0, 65534), (daemon.state_dir, 65534, 65534),
                               (daemon.shm_dir, 65534, 65534)):
            st = os.stat(path)
            expect((st.st_uid, st.st_gid) == (uid, gid), f"{path}: {st.st_uid}:{st.st_gid}")
            expect(st.st_mode & 0o7777 == 0o750, f"{path}: {st.st_mode:o}")
        st = os.stat(daemon.run_dir / "control.sock")
        expect(st.st_mode & 0o7777 == 0o660 and st.st_gid == 65534, f"{st.st_mode:o} {st.st_gid}")
        for slot, pid in daemon.worker_pids().items():
            status = Path(f"/proc/{pid}/status").read_text()
            expect(re.search(r"(?m)^Uid:\t65534\t65534\t65534", status), f"{slot} kept its user")


def test_bad_directories():
    with Daemon(start=False) as daemon:
        (daemon.base / "file").write_text("")
        (daemon.base / "link").symlink_to(daemon.base)
        daemon.options = (f"server.state_dir={daemon.base}/file",)
        status, said = failing_start(daemon)
        expect(status == 2 and "server.state_dir" in said, f"{status} {said}")
        daemon.options = (f"server.shm_dir={daemon.base}/link",)
        status, said = failing_start(daemon)
        expect(status == 2, f"{status}")
        expect_text(r"server\.shm_dir: .*symbolic link", said)


def test_foreign_directory_is_not_taken_over():
    need_root()
    with Daemon(start=False) as daemon:
        daemon.state_dir.mkdir()
        (daemon.state_dir / "somebody's").write_text("")
        status, said = failing_start(daemon)
        expect(status == 2, f"{status}")
        expect_text(r"server\.state_dir: .* belongs to uid 0", said)
        expect(os.stat(daemon.state_dir).st_uid == 0, "changed its owner")


def test_warnings_come_before_the_reason():
    need_root()
    with Daemon("server.user=", "server.group=", "server.state_dir=/dev/null/x",
                start=False) as daemon:
        status, said = failing_start(daemon)
        expect(status == 2, f"{status}")
        expect_text(r"warning: server\.user is empty", said)
        expect_text(r"server\.state_dir: can't make the directory /dev/null/x: Not a directory", said)


def test_shm_dir_beside_tmpfs_is_a_warning():
    with Daemon(start=False) as daemon:
        kind = subprocess.run(["stat", "-f", "-c", "%T", str(daemon.base)], capture_output=True,
                              text=True).stdout.strip()
        if kind == "tmpfs":
            raise Skip("/tmp is on tmpfs")
        daemon.options = (f"server.shm_dir={daemon.base}/shm",)
        daemon.start()
        eventually(lambda: "not on tmpfs" in daemon.log(), 5, "the warning")


def test_keeper_says_why_it_cannot_serve():
    need_root()
    for foreground in (True, False):
        with Daemon(start=False, foreground=foreground) as daemon:
            # a store of root's that can't be set aside either
            (daemon.shm_dir / "voice").mkdir()
            (daemon.shm_dir / "voice.old" / "full").mkdir(parents=True)
            os.chown(daemon.shm_dir, 65534, 65534)
            started = time.monotonic()
            status, said = failing_start(daemon)
            expect(status == 2, f"{status}")
            expect_text(r"(?m)^shackd: keeper can't serve: .*voice", said)
            expect(time.monotonic() - started < 5 * SLOW, "took too long to say so")
            expect(os.listdir(daemon.run_dir) == [], f"left: {os.listdir(daemon.run_dir)}")


def test_too_few_descriptors():
    prlimit = shutil.which("prlimit")
    if not prlimit:
        raise Skip("no prlimit")
    served = False
    for limit in range(12, 60):
        with Daemon("workers.ysf=2", listen="127.0.0.1:0", start=False) as daemon:
            daemon.wrapper = [prlimit, f"--nofile={limit}:{limit}"]
            daemon.launch()
            eventually(lambda: "ready" in daemon.read_stdout() or
                       daemon.process.poll() is not None, 10, f"an outcome with {limit}")
            status = daemon.process.poll()
            expect(status in (None, 2), f"{limit} descriptors: {status}: {daemon.log()}")
            expect(status is None or "Too many open files" in daemon.log(), daemon.log())
            served = served or status is None
    expect(served, "60 descriptors are enough for two workers")


def test_closed_standard_streams():
    with Daemon(start=False, foreground=False) as daemon:
        daemon.wrapper = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
        daemon.start()
        expect(all_ready(daemon), "does not serve")


def test_parent_that_ignores_children():
    with Daemon(start=False) as daemon:
        daemon.wrapper = [sys.executable, "-c", "import os, signal, sys; "
                          "signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
                          "os.execv(sys.argv[1], sys.argv[1:])"]
        daemon.start()
        before = daemon.workers()["ysf.0"]
        os.kill(before["pid"], signal.SIGKILL)
        after = eventually(replaced(daemon, "ysf.0", before), 3, "a new ysf.0")
        expect(after["last_death"].startswith("signal 9"), f"{after}")


# ---- stop and signals ----

def stop_leaves_nothing(number):
    with Daemon("workers.ysf=2") as daemon:
        pids = list(daemon.worker_pids().values())
        status = daemon.stop(number)
        expect(status == 0, f"status {status}")
        expect(not any(alive(pid) for pid in pids), "workers outlived it")
        expect(os.listdir(daemon.run_dir) == [], f"left: {os.listdir(daemon.run_dir)}")


def test_term_stops():
    stop_leaves_nothing(signal.SIGTERM)


def test_int_stops():
    stop_leaves_nothing(signal.SIGINT)


def test_quit_stops():
    stop_leaves_nothing(signal.SIGQUIT)


def test_stop_has_a_deadline():
    with Daemon("workers.ysf=2", "server.watchdog=1h") as daemon:
        pid = daemon.worker_pids()["ysf.1"]
        os.kill(pid, signal.SIGSTOP)
        started = time.monotonic()
        expect(daemon.stop(deadline=20) == 0, "status")
        expect(time.monotonic() - started < 8 * SLOW, "one stopped worker holds everything up")
        expect(not alive(pid), "the stopped worker lives on")


def test_stop_at_any_moment():
    for number in (signal.SIGTERM, signal.SIGQUIT):
        for step in range(25):
            with Daemon("workers.ysf=2", start=False) as daemon:
                daemon.launch()
                # a little later each time, to meet every step of the start
                select.select([], [], [], step * 0.001 * SLOW)
                daemon.process.send_signal(number)
                status = daemon.process.wait(timeout=20 * SLOW)
                ready = "ready" in daemon.read_stdout()
                # before it takes signals as events they have their usual effect
                expect(status in ((0,) if ready else (2, -number)), f"{step}: {status}")
                left = os.listdir(daemon.run_dir) if daemon.run_dir.exists() else []
                expect(status == -number or left == [], f"{step}: left {left}")


def test_stop_by_control():
    with Daemon() as daemon:
        code, _, _ = daemon.ask("stop")
        expect(code == 0, f"{code}")
        expect(daemon.wait() == 0, "status")


# ---- deaths and hangs ----

def replaced(daemon, slot, before):
    def look():
        now = daemon.workers()[slot]
        return now if now["pid"] not in (0, before["pid"]) and now["state"] == "ready" else None
    return look


def test_killed_workers_are_replaced():
    with Daemon("workers.ysf=2") as daemon:
        for slot in ("ysf.0", "ysf.1", "keeper", "log", "data", "link"):
            before = daemon.workers()[slot]
            os.kill(before["pid"], signal.SIGKILL)
            after = eventually(replaced(daemon, slot, before), 3, f"a new {slot}")
            expect(after["restarts"] == before["restarts"] + 1, f"{slot}: {after}")
            expect(after["generation"] > before["generation"], f"{slot}: {after}")
            expect(after["last_death"].startswith("signal 9"), f"{slot}: {after}")
        expect(eventually(lambda: all_ready(daemon), 3, "ready again"), "")


def test_many_kills_leave_no_trace():
    with Daemon("workers.ysf=2") as daemon:
        def descriptors():
            return len(os.listdir(f"/proc/{daemon.idle().pid}/fd"))

        eventually(lambda: all_ready(daemon), 5, "ready")
        before = descriptors()
        for number in range(30):
            slot = ("ysf.0", "ysf.1", "keeper", "log", "data", "link")[number % 6]
            worker = daemon.workers()[slot]
            os.kill(worker["pid"], signal.SIGKILL)
            eventually(replaced(daemon, slot, worker), 10, f"a new {slot}")
        eventually(lambda: descriptors() <= before, 3, "as many descriptors as before")
        children = subprocess.run(["ps", "-o", "stat=", "--ppid", str(daemon.pid)],
                                  capture_output=True, text=True).stdout.split()
        expect(not any(state.startswith("Z") for state in children), f"zombies: {children}")
        expect(len(children) == len(daemon.workers()), f"children: {children}")


def test_stopped_worker_is_replaced():
    with Daemon("workers.ysf=2") as daemon:
        for slot in ("ysf.1", "keeper"):
            before = daemon.workers()[slot]
            os.kill(before["pid"], signal.SIGSTOP)
            eventually(replaced(daemon, slot, before), 2, f"a new {slot}")
            expect("watchdog" in daemon.workers()[slot]["last_death"], slot)


def test_faults_open_the_breaker():
    with Daemon("workers.ysf=2", "server.respawn_tokens=2/m") as daemon:
        for _ in range(3):
            worker = eventually(lambda: (lambda w: w if w["state"] == "ready" else None)(
                daemon.workers()["ysf.1"]), 5, "ysf.1")
            os.kill(worker["pid"], signal.SIGSEGV)
            eventually(lambda: daemon.workers()["ysf.1"]["pid"] != worker["pid"], 5, "its death")
        now = eventually(lambda: (lambda w: w if w["state"] == "waiting" else None)(
            daemon.workers()["ysf.1"]), 5, "a back-off")
        expect(now["breaker"] == "open", f"{now}")
        status = daemon.status()
        expect(status["state"] == "degraded" and "ysf.1" in status["reasons"][0], f"{status}")
        # the last one of its kind never waits for longer than a second
        worker = daemon.workers()["ysf.0"]
        os.kill(worker["pid"], signal.SIGKILL)
        eventually(lambda: daemon.workers()["ysf.0"]["state"] == "ready", 3, "ysf.0")


def test_workers_follow_a_killed_master():
    with Daemon("workers.ysf=2") as daemon:
        pids = list(daemon.worker_pids().values())
        daemon.process.kill()
        daemon.wait()
        for pid in pids:
            eventually(lambda: not alive(pid), 2, f"the end of worker {pid}")


# ---- control ----

def test_status_and_workers_have_their_keys():
    with Daemon("workers.ysf=2") as daemon:
        status = daemon.status()
        for key in ("version", "pid", "uptime", "generation", "config_generation", "last_reload",
                    "state", "reasons", "services", "date"):
            expect(key in status, f"status has no {key}")
        expect(status["state"] == "ready" and status["reasons"] == [], f"{status}")
        workers = daemon.workers()
        expect(list(workers) == ["log", "keeper", "data", "link", "ysf.0", "ysf.1"], f"{list(workers)}")
        for worker in workers.values():
            for key in ("slot", "kind", "pid", "generation", "state", "restarts", "heartbeat_ms",
                        "rss_kb", "breaker", "ready_us", "deaths"):
                expect(key in worker, f"workers have no {key}")
            expect(worker["state"] == "ready" and worker["rss_kb"] > 0, f"{worker}")


def test_odd_requests():
    with Daemon() as daemon:
        odd = [b"x", packet(REQUEST, b"status\0", magic=1), packet(REQUEST, b"status"),
               packet(REQUEST, b"status\0", length=3), packet(999, b"status\0"), packet(4),
               packet(REQUEST, b"\0" * 16000), packet(REQUEST, b"x" * 20000)]
        for data in odd:
            with daemon.connect() as sock:
                sock.send(data)
                code, _, why = answer(sock)
                expect(code == 1 and why, f"{data[:40]!r}: {code} {why!r}")
        with daemon.connect() as sock:
            send_with_fd(sock, packet(REQUEST, b"status\0"), sock.fileno())
            expect(answer(sock)[0] == 1, "a descriptor was accepted")
        counters = daemon.status()["counters"]
        expect(counters["control_refused"] >= len(odd), f"{counters}")


def test_connections_are_bounded():
    with Daemon() as daemon:
        idle = [daemon.connect() for _ in range(32)]
        try:
            eventually(lambda: daemon_refuses(daemon), 3, "a refusal")
        finally:
            for sock in idle:
                sock.close()
        eventually(lambda: not daemon_refuses(daemon), 3, "places again")
        with daemon.connect() as sock:  # says nothing: told so after a while, not kept for ever
            expect(answer(sock)[0] == 1, "an idle connection is kept")


def daemon_refuses(daemon):
    code, _, why = daemon.ask("status")
    return code == 1 and "too many" in why


def ask_as(daemon, uid, gid, verb, groups=()):
    """Asks in a process of that user: "CODE REASON", or the name of the error."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups(list(groups))
            os.setgid(gid)
            os.setuid(uid)
            code, _, why = daemon.ask(verb)
            said = f"{code} {why}"
        except OSError as error:
            said = type(error).__name__
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    return said


def test_rights():
    need_root()
    with Daemon() as daemon:
        expect(ask_as(daemon, 65534, 65534, "status")[0] == "0", "its own user can't read")
        expect_text("^1 the daemon's own user may only read",
                    ask_as(daemon, 65534, 65534, "stop"))
        expect(ask_as(daemon, 12345, 65534, "status")[0] == "0", "the group can't read")
        expect_text("^1 only root", ask_as(daemon, 12345, 65534, "upgrade"))
        expect_text("^1 only root", ask_as(daemon, 12345, 54321, "restore", [65534]))
        expect(ask_as(daemon, 12345, 54321, "status") == "PermissionError", "no door")
        os.chmod(daemon.run_dir, 0o755)
        os.chmod(daemon.run_dir / "control.sock", 0o666)
        expect_text("^1 this user has no rights", ask_as(daemon, 12345, 54321, "status"))
        expect(all_ready(daemon), "stopped by one who may not")


def test_requests_survive_a_keeper():
    with Daemon() as daemon:
        for _ in range(10):
            keeper = daemon.workers()["keeper"]
            os.kill(keeper["pid"], signal.SIGKILL)
            try:
                code, text, why = daemon.ask("clients")
                expect(code == 0 and json.loads(text) == [], f"{code} {text!r} {why!r}")
            except (AssertionError, ConnectionError) as error:
                # what keeper had in its hands when it died is lost, and the client is told by the
                # end of the connection
                expect("ended without" in str(error) or isinstance(error, ConnectionError), error)
            eventually(replaced(daemon, "keeper", keeper), 5, "a new keeper")
            code, _, why = daemon.ask("clients")
            expect(code == 0, why)


def test_no_descriptor_left_for_an_asker_means_waiting_not_spinning():
    def busy():
        fields = Path(f"/proc/{daemon.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    with Daemon() as daemon:
        before = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
        taken = {int(name) for name in os.listdir(f"/proc/{daemon.pid}/fd")}
        lowest = next(fd for fd in range(len(taken) + 1) if fd not in taken)
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (lowest, before[1]))
        with daemon.connect():
            started = busy()
            assert not select.select([], [], [], 1)[0]
            spent = busy() - started
            resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, before)
            assert daemon.status()["state"] == "ready"
        assert spent < 0.3, f"{spent:.2f} s of processor time in one second"


def lingering():
    """A TCP connection whose peer reads nothing, set so that closing it waits for the peer; both."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        peer, _ = listener.accept()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 20))
    ours.setblocking(False)
    while True:
        try:
            ours.send(bytes(65536))
        except BlockingIOError:
            return ours, peer


def test_what_an_asker_passes_holds_nobody_up():
    """A descriptor behind the request, in the queue of a connection that the master or keeper closes."""
    with Daemon() as daemon:
        before = daemon.worker_pids()
        for words in (b"status\0", b"clients\0"):
            ours, peer = lingering()
            with daemon.connect() as sock, peer:
                os.kill(daemon.pid, signal.SIGSTOP)  # ours is closed before it is looked at
                sock.send(packet(REQUEST, words))
                send_with_fd(sock, b"x", ours.fileno())
                ours.close()
                os.kill(daemon.pid, signal.SIGCONT)
                answer(sock)
                began = time.monotonic()
                for again in ("status", "clients"):
                    assert daemon.ask(again)[0] == 0, again
                assert time.monotonic() - began < 1 * SLOW, f"{time.monotonic() - began:.1f} s"
        assert daemon.worker_pids() == before, daemon.workers()["keeper"]


if __name__ == "__main__":
    main(globals())
