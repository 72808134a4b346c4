#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_vault - TCP connections outlive the workers who serve them
# PURPOSE   Not a byte lost or doubled while workers die under load; what a hostile, slow or leaving
#           client does to itself and to nobody else; caps, and descriptors that run out.
# OWNER     make check
# CONTRACT  SESSIONS=1000 FAULTS=300 UPGRADES=20 test_vault.py under_load: the numbers of the soak;
#           RATE= lines a second and session. Every session is a descriptor in the master, in a worker
#           and in linesim: `ulimit -n` must allow that
# RUNS      beside others
# LIMITS    needs the test build (make testing): the line service is the vault's least user

import os
import random
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from lib.builds import faulty  # noqa: E402
from lib.figures import figures  # noqa: E402
from lib.line import Client, LineSim, Service, wrong  # noqa: E402
from lib.shackd import SHACKD, SLOW, eventually, main  # noqa: E402

SESSIONS = int(os.environ.get("SESSIONS", "100" if SLOW == 1 else "40"))
FAULTS = int(os.environ.get("FAULTS", "20"))
UPGRADES = int(os.environ.get("UPGRADES", "4"))
RATE = int(os.environ.get("RATE", "20"))


# ---- the promise ----

def kill_random_workers(service, faults, sim):
    """Kills FAULTS times, never the same process twice."""
    rng, last, killed = random.Random(20261122), {}, 0
    while killed < faults and sim.running():
        ready = {slot: worker["pid"] for slot, worker in service.lines().items()
                 if worker["state"] == "ready" and last.get(slot) != worker["pid"]}
        if ready:
            slot = rng.choice(sorted(ready))
            os.kill(ready[slot], signal.SIGKILL)
            last[slot] = ready[slot]
            killed += 1
        time.sleep(rng.random() * 0.1)  # spreads the kills, nothing waits for it
    return killed


def test_kills_under_load_lose_no_byte():
    with Service(f"limits.sessions={SESSIONS + 10}", f"limits.sessions_per_ip={SESSIONS + 10}",
                 "server.log_level=error") as service:
        with LineSim(service, "--sessions", SESSIONS, "--rate", RATE, "--big", 2000) as sim:
            sim.wait()
            killed = kill_random_workers(service, FAULTS, sim)
            report = sim.finish()
        eventually(lambda: service.sessions() == 0, 10, "the vault is empty again")
        figures("tcp-kill", sessions=SESSIONS, faults=killed,
                bytes=report["bytes_sent"] + report["bytes_received"], lost=report["lost"],
                doubled=report["doubled"], damaged=report["damaged"], resets=report["resets"],
                longest_silence_ms=report["silence_ms"])
        assert killed == FAULTS, f"only {killed} kills"
        assert not wrong(report), wrong(report)
        assert report["lines"] > SESSIONS


def test_kills_while_sessions_come_and_go_lose_no_byte():
    with Service("server.log_level=error") as service:
        with LineSim(service, "--sessions", 20, "--rate", 200, "--lines", 10, "--slow", 0,
                     "--burst", 20) as sim:
            sim.wait()
            kill_random_workers(service, 15, sim)
            report = sim.finish()
        eventually(lambda: service.sessions() == 0, 10, "the vault is empty again")
        assert not wrong(report), wrong(report)
        assert report["connections"] > 40, report["connections"]


def test_upgrades_under_load_lose_no_byte():
    """Good ones, one that falls over after the exec and is rolled back, and kills between them;
    long sessions, and others that come and go meanwhile."""
    with faulty("crash-before-commit") as bad, Service("server.log_level=error") as service:
        with LineSim(service, "--sessions", SESSIONS, "--rate", RATE, "--big", 2000) as sim, \
                LineSim(service, "--sessions", 10, "--rate", 200, "--lines", 10, "--slow", 0,
                        "--seed", 2) as comers:
            sim.wait()
            comers.wait()
            for upgrade in range(UPGRADES):
                refused = upgrade % 3 == 1
                status, _, why = service.ctl("upgrade", *([bad] if refused else []), check=False)
                assert (status != 0) == refused, (upgrade, status, why)
                kill_random_workers(service, 2, sim)
            reports = sim.finish(), comers.finish()
        eventually(lambda: service.sessions() == 0, 10, "the vault is empty again")
        figures("tcp-upgrade", sessions=SESSIONS + 10, upgrades=UPGRADES,
                bytes=sum(r["bytes_sent"] + r["bytes_received"] for r in reports),
                lost=sum(r["lost"] for r in reports), doubled=sum(r["doubled"] for r in reports),
                damaged=sum(r["damaged"] for r in reports),
                resets=sum(r["resets"] for r in reports),
                longest_silence_ms=max(r["silence_ms"] for r in reports))
        assert not any(map(wrong, reports)), [wrong(report) for report in reports]
        assert reports[1]["connections"] > 20


# ---- one client ----

def test_lines_of_all_kinds():
    with Service() as service, Client(service) as client:
        assert client.ask(b"abc\n") == b"1: abc\n"
        assert client.ask(b"abc\r\n") == b"2: abc\n"
        assert client.ask(b"abc\r\0") == b"3: abc\n"
        assert client.ask(b"\n") == b"4: \n"
        assert client.ask(b"a\0b\xff\xfd\x01c\n") == b"5: a\0b\xff\xfd\x01c\n"
        client.send(b"two\nin one\nand a ")
        assert (client.line(), client.line()) == (b"6: two\n", b"7: in one\n")
        assert client.ask(b"half\n") == b"8: and a half\n"


def test_a_line_without_end_is_cut_and_the_next_is_whole():
    with Service() as service, Client(service) as client, Client(service) as other:
        for size in (1023, 1024, 1025, 5000, 100000):
            answer = client.ask(b"x" * size + b"\n")
            expected = b"x" * size if size < 1024 else b"x" * 64 + b"..."
            assert answer.split(b": ", 1)[1] == expected + b"\n", (size, answer[:100])
            assert client.ask(b"next\n").endswith(b": next\n")
        assert other.ask(b"me\n") == b"1: me\n"
        assert service.count("tcp_cut_lines_total") == 4
        client.send(b"y" * 300000)  # and never an end
        assert other.ask(b"still\n") == b"2: still\n"


def busy(pid):
    """Seconds of processor time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def worker_of(service):
    """Pid of the worker that has a session."""
    return next(w["pid"] for w in service.lines().values() if w["sessions"])


def test_half_a_line_costs_no_processor_time():
    with Service() as service, Client(service) as client:
        for part in (b"half", b" a ", b"line"):
            client.send(part)
            pid, before = worker_of(service), busy(worker_of(service))
            assert not select.select([client.sock], [], [], 0.4)[0]
            assert busy(pid) - before < 0.1, "it spins"
        assert client.ask(b"\n") == b"1: half a line\n"


def test_an_urgent_byte_does_not_stop_the_stream():
    """Telnet's interrupt key: IAC IP, then IAC DM with the urgent flag. What stood before is void."""
    with Service() as service, Client(service) as client:
        client.send(b"unfinished")
        client.sock.send(b"\xff\xf4\xff", socket.MSG_OOB)
        client.send(b"\xf2after\n")
        answer = client.line()
        assert answer.endswith(b"\xf2after\n"), answer
        for _ in range(3):  # in the middle of a line, at its end, alone
            client.sock.send(b"U", socket.MSG_OOB)
            assert client.ask(b"next\n").endswith(b"next\n")
        pid, before = worker_of(service), busy(worker_of(service))
        assert not select.select([client.sock], [], [], 0.4)[0]
        assert busy(pid) - before < 0.1, "it spins"
        os.kill(pid, signal.SIGKILL)
        assert client.ask(b"successor\n").endswith(b": successor\n"), "the offsets were lost"


def test_half_closed_clients_get_all_answers():
    with Service() as service, Client(service) as client:
        client.send(b"one\nburst 20000\ntwo\nno end")
        client.sock.shutdown(socket.SHUT_WR)
        lines = list(client.file)
        assert (lines[0], lines[-1], len(lines)) == (b"1: one\n", b"3: two\n", 20002)
        eventually(lambda: service.sessions() == 0, 5, "the session is freed")
        assert service.count("tcp_dropped_parts_total") == 1


def test_the_last_words_arrive_though_the_client_still_talks():
    """Closing with unread input would reset the connection, and take the farewell with it."""
    with Service() as service, Client(service) as client:
        client.send(b"burst 3000\nbye\n" + b"chatter\n" * 2000)
        lines = list(client.file)
        assert lines[-1] == b"2: bye\n" and len(lines) == 3001, lines[-1]
        client.close()
        eventually(lambda: service.sessions() == 0, 5, "the session is freed")


def test_a_client_that_never_closes_is_closed():
    with Service() as service, Client(service) as client:
        assert client.ask(b"bye\n") == b"1: bye\n"
        assert client.line() == b""
        eventually(lambda: service.sessions() == 0, 5, "the session is freed")


def test_a_client_that_resets_is_forgotten():
    with Service() as service, Client(service) as other:
        clients = [Client(service) for _ in range(20)]
        clients[0].send(b"half a line")
        clients[1].send(b"burst 100000\n")
        for client in clients:
            client.reset()
        eventually(lambda: service.sessions() == 1, 5, "the sessions are freed")
        assert other.ask(b"me\n") == b"1: me\n"
        assert all(worker["deaths"] == 0 for worker in service.lines().values())


# ---- slow and greedy ones ----

def unread(service, client):
    """Bytes of CLIENT that wait in the daemon's socket, by the kernel's table."""
    ours = client.sock.getsockname()[1]
    for row in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = row.split()
        if (int(fields[1].split(":")[1], 16), int(fields[2].split(":")[1], 16)) == \
                (service.tcp_port, ours):
            return int(fields[4].split(":")[1], 16)
    raise AssertionError("no such connection")


def test_who_does_not_read_is_not_read_and_others_go_on():
    with Service("workers.line=1") as service, Client(service, buffer=65536) as slow, \
            Client(service) as other:
        line = b"z" * 900 + b"\n"
        asked = 0
        slow.sock.setblocking(False)
        while select.select([], [slow.sock], [], 0.5)[1]:
            asked += slow.sock.send(line * 20)
        assert unread(service, slow) > 10000, "it is still read"
        assert service.count("tcp_paused_total") > 0
        for i in range(1, 50):
            assert other.ask(b"quick\n") == b"%d: quick\n" % i
        os.kill(worker_of(service), signal.SIGKILL)
        assert other.ask(b"quick\n") == b"50: quick\n"
        slow.sock.settimeout(10 * SLOW)
        whole, rest = divmod(asked, len(line))
        for i in range(1, whole + 1):
            assert slow.line() == b"%d: %s" % (i, line), i
        assert slow.ask(line[rest:]) == b"%d: %s" % (whole + 1, line)


def test_bursts_of_200_kib():
    with Service() as service:
        clients = [Client(service) for _ in range(10)]
        for client in clients:
            client.send(b"burst 14000\n")
        for client in clients:
            size = 0
            for i in range(1, 14001):
                line = client.line()
                assert line == b"1.%d: burst\n" % i, (i, line)
                size += len(line)
            assert size > 190 * 1024
            client.close()


# ---- bounds ----

def test_sessions_are_capped_in_total():
    with Service("limits.sessions=5") as service:
        clients = [Client(service) for _ in range(5)]
        with Client(service, greeted=False) as refused:
            assert refused.line().startswith(b"Sorry, this server is full"), "no clear refusal"
            assert refused.line() == b""
        status = service.status()
        assert status["counters"]["sessions_refused"] == 1
        assert status["services"]["line"]["sessions"] == 5
        clients.pop().close()
        eventually(lambda: service.sessions() == 4, 5, "a place is free again")
        clients.append(Client(service))
        for client in clients:
            assert client.ask(b"me\n") == b"1: me\n"
            client.close()


def test_sessions_are_capped_per_address():
    with Service("limits.sessions_per_ip=3") as service:
        clients = [Client(service) for _ in range(3)]
        with Client(service, greeted=False) as refused:
            assert refused.line().startswith(b"Sorry, there are too many connections from your")
        clients += [Client(service, source="127.0.0.2") for _ in range(3)]
        assert service.status()["counters"]["sessions_refused_per_ip"] == 1
        for client in clients:
            assert client.ask(b"me\n") == b"1: me\n"
            client.close()


def test_connections_are_spread():
    with Service("workers.line=4") as service:
        clients = [Client(service) for _ in range(20)]
        assert [w["sessions"] for w in service.lines().values()] == [5, 5, 5, 5]
        for client in clients[:10]:
            client.close()
        eventually(lambda: service.sessions() == 10, 5, "ten are gone")
        clients = clients[10:] + [Client(service) for _ in range(10)]
        assert [w["sessions"] for w in service.lines().values()] == [5, 5, 5, 5]
        for client in clients:
            client.close()


def test_who_comes_while_no_worker_lives_is_served():
    with Service("workers.line=1", "server.watchdog=1h") as service, Client(service) as client:
        pid = worker_of(service)
        os.kill(pid, signal.SIGSTOP)
        clients = [Client(service, greeted=False) for _ in range(10)]
        for one in clients:
            one.send(b"early\n")
        eventually(lambda: service.sessions() == 11, 5, "all are in the vault")
        assert all(unread(service, one) == 6 for one in clients), "the master has read"
        os.kill(pid, signal.SIGKILL)
        for one in clients:
            assert (one.line(), one.line()) == (b"hello\n", b"1: early\n")
            one.close()
        assert client.ask(b"me\n") == b"1: me\n"


def test_one_worker_can_serve_them_all():
    count, (_, most) = 1100, resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with Service("workers.line=1", "limits.sessions=1200") as service:
        clients = [Client(service, greeted=False) for _ in range(count)]
        for client in clients:
            assert client.line() == b"hello\n"
        for client in clients:
            client.close()


def test_no_descriptor_left_means_waiting_not_spinning():
    with Service("limits.sessions=200", "limits.sessions_per_ip=200") as service, \
            Client(service) as client:
        pid = service.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        used = max(int(name) for name in os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 6, before[1]))
        try:
            waiting = [Client(service, greeted=False) for _ in range(20)]
        finally:
            started = busy(pid)
            assert not select.select([], [], [], 1)[0]
            spent = busy(pid) - started
            assert client.ask(b"me\n") == b"1: me\n"
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        assert spent < 0.3, f"{spent:.2f} s of processor time in one second"
        for one in waiting:
            assert one.line() == b"hello\n"
            one.close()
        failed = service.status()["counters"]["accept_failed"]
        assert 1 <= failed <= 40, failed


def test_connections_leave_room_for_another_worker():
    """Those who come take the master's descriptors, but not those that a successor costs."""
    with Service("workers.line=1", "limits.sessions=2000", "limits.sessions_per_ip=2000") as service, \
            Client(service) as client:
        pid, worker = service.pid, worker_of(service)
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (300, before[1]))
        others = [Client(service, greeted=False) for _ in range(310)]
        eventually(lambda: service.status()["counters"]["accept_failed"] > 1, 10, "no more to be taken")
        os.kill(worker, signal.SIGKILL)
        began = time.monotonic()
        assert client.ask(b"me\n") == b"1: me\n"
        assert time.monotonic() - began < 1 * SLOW, f"{time.monotonic() - began:.1f} s"
        assert "can't start a process" not in service.log()
        for one in others:
            one.close()


# ---- workers that fall over what they read ----

def test_a_line_that_kills_two_workers_costs_its_session_alone():
    with Service("workers.line=1") as service, Client(service) as client:
        others = [Client(service) for _ in range(5)]
        assert client.ask(b"one\n") == b"1: one\n"
        client.send(b"two\ncrash\nthree\n")
        assert client.line() == b"2: two\n"
        try:
            assert client.line() == b"", "it should be closed"
        except ConnectionResetError:
            pass  # there were more lines to read
        for other in others:
            assert other.ask(b"me\n") == b"1: me\n"
            other.close()
        assert service.lines()["line.0"]["deaths"] == 2
        assert service.count("tcp_refused_total", "poison") == 1


def test_without_exact_counters_it_goes_on_at_whole_lines():
    with faulty("counters-lie") as program, Service(program=program) as service:
        with Client(service) as client:
            assert client.ask(b"abc\n") == b"1: abc\n"
            for i in range(5):
                # there a worker that dies between sending and noting it does repeat itself
                eventually(lambda: all(w["doing"] == "idle" for w in service.lines().values()),
                           5, "nothing to do")
                os.kill(worker_of(service), signal.SIGKILL)
                assert client.ask(b"next\n") == b"%d: next\n" % (i + 2)
            client.send(b"burst 12000\n")
            assert all(client.line() == b"7.%d: burst\n" % (i + 1) for i in range(12000))
        assert "counters of TCP are not exact" in service.log()


def test_stopping_ends_every_session():
    with Service() as service:
        clients = [Client(service) for _ in range(10)]
        assert service.stop() == 0
        for client in clients:
            assert client.line() == b""
            client.close()


def test_it_is_not_in_the_product():
    done = subprocess.run([SHACKD, "-t", "-c", "/dev/null", "-o", "line.enabled=yes"],
                          capture_output=True, text=True)
    assert done.returncode != 0 and "unknown section" in done.stderr, done.stderr


if __name__ == "__main__":
    if SESSIONS > resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 300:
        print(f"SKIP test_vault: ulimit -n is too low for {SESSIONS} sessions")
        raise SystemExit(0)
    main(globals())
