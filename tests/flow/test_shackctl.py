#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_shackctl - shackctl and the keeper from outside
# PURPOSE   What operators and dashboards read, what they can change, and what of it survives the
#           death of keeper, a restart, and a lost volatile store.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    none known

import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from shackd import REQUEST, SHACKCTL, SLOW, Daemon, alive, eventually, main, packet


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


def shackctl(*args, daemon=None):
    """As an operator types it: (exit status, standard output, standard error)."""
    where = ["-s", str(daemon.run_dir / "control.sock")] if daemon else []
    done = subprocess.run([SHACKCTL, *where, *args], capture_output=True, text=True,
                          timeout=30 * SLOW, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


class Gateway:
    """A linked gateway: polls by hand."""

    def __init__(self, daemon, call):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.settimeout(5 * SLOW)
        self.sock.connect(("127.0.0.1", daemon.port))
        self.call = call
        self.poll()

    def send_poll(self):
        self.sock.send(b"YSFP" + self.call.ljust(10).encode())

    def poll(self):
        self.send_poll()
        expect(self.sock.recv(200)[:4] == b"YSFP", "a poll is answered with a poll")

    @property
    def port(self):
        return self.sock.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


def pid_of(daemon, slot):
    """Never 0, which would stand for our own process group."""
    return eventually(lambda: daemon.worker_pids()[slot], 10, f"a process in {slot}")


def follow(daemon, count="0"):
    process = subprocess.Popen(
        [SHACKCTL, "-s", str(daemon.run_dir / "control.sock"), "--json", "events", "-f", count],
        stdout=subprocess.PIPE, text=True)
    return process


def events(daemon, *args):
    _, out, _ = daemon.ctl("events", *args, check=False)
    return [json.loads(line) for line in out.splitlines()]


# ---- the command line ----

def test_help_lists_every_command():
    code, out, _ = shackctl("--help")
    expect(code == 0, f"exit {code}")
    for word in ("status workers clients streams events blocked block unblock kick metrics stop "
                 "reload reopen upgrade drain").split():
        expect(re.search(rf"^  {word} ", out, re.M), f"{word} is missing in --help")
    expect(shackctl("-V")[1].startswith("shackd "), "-V tells the version")


def test_usage_errors_exit_2():
    for args, text in ((("evnts",), 'did you mean "events"'), (("frobnicate",), "unknown command"),
                       ((), "usage"), (("block",), "usage"), (("status", "now"), "usage"),
                       (("--nonsense",), "usage")):
        code, out, err = shackctl(*args)
        expect(code == 2, f"{args}: exit {code}")
        expect(text in err, f"{args}: {err!r}")
        expect(out == "", f"{args}: errors belong on standard error")


def test_nobody_there_exits_3():
    code, _, err = shackctl("-s", "/nonexistent/control.sock", "status")
    expect(code == 3, f"exit {code}")
    expect("/nonexistent/control.sock" in err, f"names the socket: {err!r}")


def test_socket_of_configuration_file():
    with Daemon() as daemon:
        daemon.config.write_text(f"[server]\nrun_dir = {daemon.run_dir}\n")
        code, out, err = shackctl("-c", str(daemon.config), "--json", "status")
        expect(code == 0, err)
        expect(json.loads(out)["pid"] == daemon.pid, "the right daemon")


# ---- reading ----

def test_columns_and_json_agree():
    with Daemon("ysf.listen=127.0.0.1:0") as daemon, Gateway(daemon, "DL1AAA"), \
            Gateway(daemon, "DL1BBB") as second:
        rows = daemon.ctl("clients")
        expect(sorted(row["gateway"] for row in rows) == ["DL1AAA", "DL1BBB"], rows)
        row = next(row for row in rows if row["gateway"] == "DL1BBB")
        expect(row["address"] == "127.0.0.1" and row["port"] == second.port, row)
        for key in ("id address port dgid fixed home_dgid muted blocked connected idle listener "
                    "proven").split():
            expect(key in row, f"{key} is missing: {row}")
        expect(abs(row["connected"] - time.time()) < 30 * SLOW, row)
        code, out, _ = shackctl("clients", daemon=daemon)
        lines = out.splitlines()
        expect(code == 0 and len(lines) == 3, out)
        expect(lines[0].split()[:3] == ["ID", "GATEWAY", "ADDRESS"], lines[0])
        expect(any(line.split()[:4] == [row["id"], "DL1BBB", "127.0.0.1", str(second.port)]
                   for line in lines), out)
        expect(out.isascii(), "ASCII only")


def test_empty_tables():
    with Daemon() as daemon:
        for verb in ("clients", "streams", "blocked"):
            expect(daemon.ctl(verb) == [], verb)
            code, out, _ = shackctl(verb, daemon=daemon)
            expect(code == 0 and len(out.splitlines()) == 1, out)


def test_many_gateways_come_whole():
    count = 700  # more than two slices
    with Daemon("ysf.listen=127.0.0.1:0", "limits.clients_per_ip=1000") as daemon:
        sock = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
        todo = set(range(count))
        for _ in range(20 * SLOW):
            for i in sorted(todo):
                sock[i].sendto(b"YSFP" + f"T{i:05d}".ljust(10).encode(),
                               ("127.0.0.1", daemon.port))
                sock[i].settimeout(0.2)
                try:
                    sock[i].recv(100)
                    todo.discard(i)
                except socket.timeout:
                    break  # registrations are rationed: try those again
            if not todo:
                break
        linked = count - len(todo)
        expect(linked > 256, f"only {linked} gateways could link")
        rows = daemon.ctl("clients")
        expect(len(rows) >= linked, f"{len(rows)} rows of {linked}")
        expect(len({row["id"] for row in rows}) == len(rows), "an id came twice")
        for one in sock:
            one.close()


def test_metrics_text_and_json():
    with Daemon("ysf.listen=127.0.0.1:0") as daemon, Gateway(daemon, "DL1AAA"):
        code, out, _ = shackctl("metrics", daemon=daemon)
        expect(code == 0, "exit")
        seen, name = set(), None
        for line in out.splitlines():
            head = re.fullmatch(r"# (HELP|TYPE) (shackd_\w+) (.+)", line)
            if head and head[1] == "HELP":
                name = head[2]
                expect(name not in seen, f"HELP of {name} came twice")
                seen.add(name)
            elif not head:
                row = re.fullmatch(r'(shackd_\w+)\{slot="[a-z0-9.]+"(,\w+="\w+")*\} [-+.e\d]+', line)
                expect(row and row[1] == name, f"not under its HELP: {line!r}")
        links = [line for line in out.splitlines() if line.startswith("shackd_ysf_links_total")]
        expect(sum(int(line.split()[-1]) for line in links) == 1, links)
        values = daemon.ctl("metrics")
        expect(sum(values[slot]["ysf_links_total"] for slot in values if slot.startswith("ysf."))
               == 1, "JSON tells the same")


# ---- events ----

def test_events_are_numbered_and_bounded():
    with Daemon() as daemon:
        for i in range(5):
            daemon.ctl("block", f"T{i}")
        got = events(daemon)
        numbers = [event["number"] for event in got]
        expect(numbers == list(range(numbers[0], numbers[0] + len(numbers))), numbers)
        for event in got:
            expect(re.fullmatch(rf"voice-[0-9a-f]{{16}}-{event['number']}", event["id"]), event)
            expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"]), event)
        last = events(daemon, "2")
        expect([event["call"] for event in last] == ["T3", "T4"], last)
        expect(events(daemon, "0") == [], "none asked for, none shown")
        code, _, err = daemon.ctl("events", "x", check=False)
        expect(code == 2 and '"x"' in err, err)


def test_events_follow():
    with Daemon("ysf.listen=127.0.0.1:0") as daemon:
        process = follow(daemon, "1")
        first = json.loads(process.stdout.readline())
        expect(first["type"] == "slot.up", first)
        with Gateway(daemon, "DL1AAA"):
            event = json.loads(process.stdout.readline())
            expect((event["type"], event["gateway"]) == ("client.link", "DL1AAA"), event)
            expect(event["number"] == first["number"] + 1, event)
        process.terminate()
        process.wait()
        process.stdout.close()


def test_slots_in_events():
    with Daemon("workers.ysf=2") as daemon:
        pid = pid_of(daemon, "ysf.1")
        process = follow(daemon, "1")
        process.stdout.readline()  # it follows from here on
        os.kill(pid, signal.SIGKILL)
        down, up = json.loads(process.stdout.readline()), json.loads(process.stdout.readline())
        process.terminate()
        process.wait()
        process.stdout.close()
        expect((down["type"], down["slot"], down["pid"], down["signal"]) ==
               ("slot.down", "ysf.1", pid, 9), down)
        expect((up["type"], up["slot"], up["generation"]) == ("slot.up", "ysf.1", 2), up)


# ---- changing ----

def test_kick():
    with Daemon("ysf.listen=127.0.0.1:0") as daemon, Gateway(daemon, "DL1AAA"):
        client = daemon.ctl("clients")[0]
        code, out, _ = shackctl("kick", client["id"], daemon=daemon)
        expect(code == 0 and "DL1AAA" in out, out)
        expect(daemon.ctl("clients") == [], "gone")
        event = events(daemon, "1")[0]
        expect((event["type"], event["reason"], event["client"]) ==
               ("client.unlink", "kick", client["id"]), event)
        code, _, err = shackctl("kick", client["id"], daemon=daemon)
        expect(code == 1 and client["id"] in err, err)
        for wrong in ("12", "c", "cx", "c0", "c-1", "c99999999999"):
            expect(shackctl("kick", wrong, daemon=daemon)[0] == 2, wrong)


def test_block_and_unblock():
    with Daemon() as daemon:
        answer = daemon.ctl("block", "DL1AAA", "600")
        expect(abs(answer["until"] - time.time() - 600) < 30, answer)
        expect(daemon.ctl("block", "DL1BBB")["until"] is None, "for ever")
        rows = {row["call"]: row for row in daemon.ctl("blocked")}
        expect(set(rows) == {"DL1AAA", "DL1BBB"}, rows)
        expect(rows["DL1AAA"]["reason"] == "operator", rows)
        daemon.ctl("unblock", "DL1AAA")
        code, _, err = shackctl("unblock", "DL1AAA", daemon=daemon)
        expect(code == 1 and "not blocked" in err, err)
        types = [event["type"] for event in events(daemon, "3")]
        expect(types == ["block.add", "block.add", "block.remove"], types)
        for wrong in (["DL1AAA-RPT"], [""], ["A B"], ["ABCDEFGHIJK"], ["X", "0"], ["X", "-5"],
                      ["X", "soon"], ["X", "99999999999"]):
            code, _, err = daemon.ctl("block", *wrong, check=False)
            expect(code == 2 and err, f"{wrong}: {code} {err!r}")


def test_block_runs_out():
    with Daemon() as daemon:
        daemon.ctl("block", "DL1AAA", "1")
        eventually(lambda: [event["type"] for event in events(daemon, "2")] ==
                   ["block.add", "block.remove"], 5, "the end of the block")
        expect(daemon.ctl("blocked") == [], "gone")


def test_blocks_outlive_keeper_restart_and_store():
    with Daemon() as daemon:
        daemon.ctl("block", "DL1AAA")
        daemon.ctl("block", "DL1BBB", "3600")
        daemon.ctl("block", "DL1CCC")
        daemon.ctl("unblock", "DL1CCC")
        os.kill(pid_of(daemon, "keeper"), signal.SIGKILL)

        def calls():
            return {row["call"] for row in daemon.ctl("blocked")}
        eventually(lambda: calls() == {"DL1AAA", "DL1BBB"}, 10, "the blocks after keeper's death")
        expect(daemon.stop() == 0, "stops")
        daemon.start()
        expect(calls() == {"DL1AAA", "DL1BBB"}, "after a restart")
        daemon.ctl("unblock", "DL1AAA")
        daemon.stop()
        shutil.rmtree(daemon.shm_dir / "voice")  # as after a boot
        daemon.start()
        rows = daemon.ctl("blocked")
        expect([row["call"] for row in rows] == ["DL1BBB"], rows)
        expect(abs(rows[0]["until"] - time.time() - 3600) < 60 * SLOW, "ends when it was to end")


def test_blocked_gateway_shows():
    with Daemon("ysf.listen=127.0.0.1:0") as daemon, Gateway(daemon, "DL1AAA"):
        daemon.ctl("block", "DL1AAA")
        expect(daemon.ctl("clients")[0]["blocked"] is True, "flag")


# ---- silence ----

def test_silent_gateway_expires():
    with Daemon("ysf.listen=127.0.0.1:0", "ysf.client_timeout=5s") as daemon, \
            Gateway(daemon, "DL1AAA") as quiet, Gateway(daemon, "DL1BBB") as loud:
        del quiet
        process = follow(daemon)
        end = time.monotonic() + 30 * SLOW
        text = ""
        while "client.unlink" not in text and time.monotonic() < end:
            loud.send_poll()
            select.select([], [], [], 1)  # as gateways do; faster, and replies are rationed
            text += os.read(process.stdout.fileno(), 65536).decode() if readable(process) else ""
        process.terminate()
        process.wait()
        process.stdout.close()
        event = json.loads([line for line in text.splitlines() if "client.unlink" in line][0])
        expect((event["gateway"], event["reason"]) == ("DL1AAA", "expired"), event)
        expect([row["gateway"] for row in daemon.ctl("clients")] == ["DL1BBB"], "the other stays")


def readable(process):
    return bool(select.select([process.stdout], [], [], 0)[0])


def test_changed_listener_drops_its_gateways():
    with Daemon("ysf.listen=127.0.0.1:0") as daemon, Gateway(daemon, "DL1AAA"):
        daemon.stop()
        daemon.listen = "127.0.0.2:0"
        daemon.options = ()
        daemon.start()
        expect(daemon.ctl("clients") == [], "its listener is gone")
        gone = [event for event in events(daemon) if event["type"] == "client.unlink"]
        expect(len(gone) == 1 and gone[0]["reason"] == "listeners", gone)


# ---- readers that died ----

def test_readers_of_the_dead_are_cleared():
    with Daemon("workers.ysf=1") as daemon:
        def cleared():
            return daemon.ctl("metrics")["keeper"]["keeper_readers_cleared_total"]
        before = cleared()
        os.kill(pid_of(daemon, "ysf.0"), signal.SIGKILL)
        # a dead reader's slot would make the store grow for ever
        eventually(lambda: cleared() > before, 10, "the slot of a dead reader being cleared")


# ---- readers that don't read ----

def test_slow_reader_holds_nobody():
    with Daemon() as daemon:
        stuck = []
        for _ in range(16):
            sock = daemon.connect()
            sock.send(request("events", "-f", "1000"))
            stuck.append(sock)

        def refused():
            code, _, reason = daemon.ask("blocked")
            return code == 1 and "too many" in reason
        eventually(refused, 10, "the seventeenth is refused with a sentence")
        for sock in stuck:
            sock.close()
        eventually(lambda: daemon.ask("blocked")[0] == 0, 10, "room again")


def request(*words):
    return packet(REQUEST, b"".join(word.encode() + b"\0" for word in words))


# ---- stop ----

def test_stop_waits_for_the_end():
    with Daemon() as daemon:
        pids = [daemon.pid, *daemon.worker_pids().values()]
        code, _, err = shackctl("stop", daemon=daemon)
        expect(code == 0, err)
        expect(not any(alive(pid) for pid in pids), "all gone when it returns")
        expect(daemon.wait() == 0, "exit 0")


def test_ready_is_an_exit_code():
    """For scripts: 0 it serves, or does in time; 3 nobody is there; 2 nonsense."""
    with Daemon(start=False) as daemon:
        sock = ("-s", str(daemon.run_dir / "control.sock"))

        def ready(*words):
            return subprocess.run([SHACKCTL, *sock, "ready", *words], capture_output=True, text=True)
        assert ready().returncode == 3 and "does not answer" in ready().stderr
        daemon.launch()
        waited = ready(str(20 * SLOW))
        assert (waited.returncode, waited.stdout, waited.stderr) == (0, "", ""), waited
        assert daemon.status()["state"] == "ready"
        for words in (["soon"], ["-1"], ["1", "2"]):
            assert ready(*words).returncode == 2, words
        daemon.pid = daemon.process.pid
        daemon.stop()
        assert ready("1").returncode == 3


if __name__ == "__main__":
    main(globals())
