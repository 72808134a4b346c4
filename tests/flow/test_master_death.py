#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_master_death - the master dies, and what starts in its place goes on
# PURPOSE   Workers leave at once, whatever they are doing; the start behind it serves within a second,
#           with every registration, block, choice and spot; calls go on or are closed, sessions end.
# OWNER     make check
# CONTRACT  DEATHS=n in the environment for more of them (default 5; the README's row says 200). Who is
#           registered is decided by gateways that hear a call without having polled again
# RUNS      beside others
# LIMITS    the second holds where nothing else keeps the processors busy; the figures say it as it was

import os
import signal
import socket
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from lib.builds import NEXT  # noqa: E402
from lib.cluster import Cluster  # noqa: E402
from lib.death import again, await_ends, die, free_port, watch  # noqa: E402
from lib.figures import figures, of_report  # noqa: E402
from lib.holder import slots_of, stop_inside_a_transaction  # noqa: E402
from lib.shackd import SHACKD, SLOW, Daemon, alive, eventually, main  # noqa: E402
from lib.sim import Simulator  # noqa: E402
from lib.ysf import Lab, blocked, events, expect, streams  # noqa: E402
from test_upgrade import Home  # noqa: E402

DEATHS = int(os.environ.get("DEATHS", "5"))
GATEWAYS = 500 if SLOW == 1 else 100
ROOMS = 10
LISTENERS = 30
HERE = 50  # the DG-ID of our own gateways, where the simulator has nobody
VOICE = ("workers.ysf=2", "dgid.list=1-99", "dgid.local=0", "ysf.max_age=0", "limits.clients=2000",
         "limits.clients_per_ip=2000", "ysf.client_timeout=1h")


def ids(daemon):
    return {client["gateway"]: client["id"] for client in daemon.ctl("clients")}


def all_hear(talker, listeners):
    """What was sent to nobody's order has no order: each listener gets the call, whole and alone."""
    call = talker.call(frames=2)
    for listener in listeners:
        listener.expect(*call)


# ---- registrations ----

def test_registrations_outlive_the_master():
    with Daemon(*VOICE, listen=f"127.0.0.1:{free_port()}") as daemon, Lab(daemon) as lab:
        talker = lab.gateway("TALKER", "IU5JAE", HERE)
        listeners = [lab.gateway(f"L{number}", "DL9LSN", HERE) for number in range(LISTENERS)]
        with Simulator(daemon, "--gateways", GATEWAYS, "--rooms", f"1-{ROOMS}:{GATEWAYS // ROOMS}",
                       "--talkers", ROOMS, "--frames", 20, "--calls", 0, "--pause", 100,
                       "--poll", 0, "--no-unlink") as sim:
            sim.wait("talking")
            before = ids(daemon)
            left, served = [], []
            for number in range(DEATHS):
                left.append(die(daemon, (signal.SIGKILL, signal.SIGSEGV)[number % 2]))
                served.append(again(daemon))
                expect(ids(daemon) == before, f"death {number}: registrations lost or made anew")
                all_hear(talker, listeners)
            sim.finish()
            report = sim.report()
        total = sorted(one + other for one, other in zip(left, served))
        figures("master-death", deaths=DEATHS, registrations=len(before), registrations_lost=0,
                workers_gone_ms=round(max(left) * 1000, 1),
                serving_s_median=round(statistics.median(served), 3),
                serving_s_p95=round(sorted(served)[len(served) * 95 // 100], 3),
                serving_s_max=round(max(served), 3),
                dead_to_serving_s_max=round(total[-1], 3), **of_report(report))
        print(f"# {DEATHS} deaths: workers gone after {max(left) * 1000:.0f} ms at most, serving "
              f"again after {statistics.median(served):.2f} s, at most {max(served):.2f} s")
        expect(len(before) == GATEWAYS + LISTENERS + 1, f"{len(before)} registered")
        expect(statistics.median(total) < 1 * SLOW, f"served after {total}")
        # nobody hears what is said while nobody is there; nothing more than that
        rate = ROOMS * 10 * (GATEWAYS // ROOMS - 1)
        expect(report["lost"] <= (sum(total) + 0.2 * DEATHS) * rate, f"{report['lost']} lost")
        expect(not report["wrong_room"] and not report["echoes"] and not report["alien"], report)
        expect(report["duplicates"] == 0, f"{report['duplicates']} doubled")


def test_a_plain_respawn_loop():
    """Nothing between the death and the start but a shell: the next one meets those that still die."""
    with Daemon(*VOICE, listen=f"127.0.0.1:{free_port()}", start=False) as daemon:
        daemon.wrapper = ["sh", "-c", 'while :; do "$@"; done', "sh"]
        daemon.start()
        shell, took, tries = daemon.process, [], 0
        try:
            with Lab(daemon) as lab:
                talker = lab.gateway("TALKER", "IU5JAE", HERE)
                listeners = [lab.gateway(f"L{number}", "DL9LSN", HERE) for number in range(10)]
                for _ in range(DEATHS):
                    daemon.pid = int((daemon.run_dir / "shackd.pid").read_text())
                    began = time.monotonic()
                    os.kill(daemon.pid, signal.SIGKILL)
                    eventually(lambda: serves_instead(daemon), 10, "the next one")
                    took.append(time.monotonic() - began)
                    all_hear(talker, listeners)
            tries = daemon.read_stdout().count("shackd: ready")
            figures("respawn-loop", deaths=DEATHS, serving_s_median=round(statistics.median(took), 3),
                    serving_s_max=round(max(took), 3), registrations_lost=0)
            expect(tries == DEATHS + 1, f"{tries} starts became ready")
            expect(statistics.median(took) < 1 * SLOW, f"served after {took}")
            refused = [line for line in daemon.log().splitlines() if line.startswith("shackd: ")
                       and "warning" not in line]
            expect(not refused, f"a start was refused: {refused}")
        finally:
            shell.kill()
            shell.wait()
            daemon.pid = int((daemon.run_dir / "shackd.pid").read_text())
            os.kill(daemon.pid, signal.SIGTERM)
            eventually(lambda: not alive(daemon.pid), 10, "its end")


def serves_instead(daemon):
    """Another process serves where the one killed did."""
    try:
        status = daemon.status()
    except (OSError, AssertionError):
        return False
    return status["pid"] != daemon.pid and status["state"] == "ready"


def test_calls_go_on_or_are_closed():
    with Daemon(*VOICE, listen=f"127.0.0.1:{free_port()}") as daemon, Lab(daemon) as lab:
        daemon.ctl("block", "N0SUCH", "600")
        going, hears = (lab.gateway(name, "IU5JAE", 51) for name in ("GOES", "HEARS"))
        gone, waits = (lab.gateway(name, "DL1ABC", 52) for name in ("GONE", "WAITS"))
        for talker, listener in ((going, hears), (gone, waits)):
            listener.expect(talker.header(), talker.voice())
        open_before = {stream["source"]: stream["id"] for stream in streams(daemon)}
        die(daemon)
        again(daemon)
        hears.expect(going.voice())
        now = {stream["source"]: stream["id"] for stream in streams(daemon)}
        expect(now.get("IU5JAE") == open_before["IU5JAE"], f"{open_before} became {now}")
        hears.expect(going.voice(), going.terminator())
        eventually(lambda: not streams(daemon), 10, "the end of both")
        ended = {event["source"]: event["reason"] for event in events(daemon, "stream.end")}
        expect(ended == {"IU5JAE": "terminator", "DL1ABC": "watchdog"}, f"{ended}")
        expect("N0SUCH" in blocked(daemon), "the block is forgotten")
        lab.relays(gone, waits)


def test_choices_are_kept():
    """What a radio chose is in force in the next daemon, for who stays linked and who links again."""
    with Daemon(*VOICE, listen=f"127.0.0.1:{free_port()}") as daemon, Lab(daemon) as lab:
        stays, comes = lab.gateway("STAYS", "IU5JAE"), lab.gateway("COMES", "DL9LSN")
        for gateway in (stays, comes):
            gateway.call(sq=33, frames=0)
            gateway.silent()
        comes.unlink()
        eventually(lambda: len(ids(daemon)) == 1, 10, "one of them gone")
        die(daemon)
        again(daemon)
        comes.link()
        dgids = {client["gateway"]: client["dgid"] for client in daemon.ctl("clients")}
        expect(dgids == {"STAYS": 33, "COMES": 33}, f"{dgids}")
        lab.relays(stays, comes)


# ---- workers ----

def test_workers_leave_whatever_they_do():
    """Stopped, inside a transaction, just started, waiting: none holds up a start."""
    with Daemon(*VOICE, "server.watchdog=1h", listen=f"127.0.0.1:{free_port()}") as daemon:
        with Simulator(daemon, "--gateways", 100, "--rooms", "50:100", "--talkers", 8, "--frames", 1,
                       "--calls", 0, "--pause", 10, "--seconds", 600, "--poll", 0, "--no-unlink",
                       "--no-suffix") as sim:
            sim.wait("talking")
            inside, _ = stop_inside_a_transaction(daemon)
            pids = daemon.worker_pids()
            os.kill(pids["link"], signal.SIGSTOP)
            os.kill(pids["log"], signal.SIGSTOP)
            took = die(daemon)
            print(f"# {inside} stopped inside a transaction, all gone after {took * 1000:.0f} ms")
            again(daemon)
            expect(took < 1 * SLOW, f"the last one went after {took:.2f} s")
            eventually(lambda: daemon.status()["state"] == "ready", 10, "ready")


def test_a_death_while_starting_leaves_nobody():
    """At every step of the start a little later: whoever was there is gone, and the next one serves."""
    with Daemon("workers.ysf=2", listen=f"127.0.0.1:{free_port()}", start=False) as daemon:
        for step in range(12):
            daemon.launch()
            children = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children")
            # so many workers have been begun
            eventually(lambda: daemon.process.poll() is not None or "ready" in daemon.read_stdout()
                       or len(children.read_text().split()) >= step // 2, 10, "the step")
            begun = watch(int(pid) for pid in children.read_text().split())
            daemon.process.kill()
            left = await_ends(begun)
            expect(not left, f"step {step}: {left} live on")
            daemon.process.wait(timeout=10)
            daemon.process.stdout.close()
        daemon.start()
        expect(daemon.status()["state"] == "ready", "does not serve")


def test_a_death_during_an_upgrade_or_a_reload():
    """At each stage of it; what lies at the place of the executable then serves, with all gateways."""
    def line(daemon):
        return Path(f"/proc/{daemon.pid}/cmdline").read_bytes().split(b"\0")

    stages = {"the request": lambda daemon: "got SIGUSR2" in daemon.log(),
              "the rehearsal": lambda daemon: any(
                  b"--rehearse" in words for words in children(daemon)),
              "the exec": lambda daemon: b"--adopt" in line(daemon),
              "new workers": lambda daemon: b"--adopt" in line(daemon) and slots_of(daemon),
              "a reload": lambda daemon: "got SIGHUP" in daemon.log()}
    with Home(VOICE, listen=f"127.0.0.1:{free_port()}") as home, Lab(home.daemon) as lab:
        daemon = home.daemon
        talker, listener = lab.pair(HERE)
        before = ids(daemon)
        for number, (stage, reached) in enumerate(stages.items()):
            home.put((NEXT, SHACKD)[number % 2])
            daemon.config.write_text(f"[ysf]\nname = N{number}\n")
            daemon.stderr_path.write_text("")
            begun = watch(daemon.worker_pids().values())
            os.kill(daemon.pid, signal.SIGHUP if stage == "a reload" else signal.SIGUSR2)
            # a stage may be over before it is seen: the next moment is as good
            eventually(lambda: reached(daemon) or daemon.log().count("upgraded from"), 10, stage)
            daemon.process.kill()
            left = await_ends(begun)
            daemon.process.wait()
            again(daemon)
            expect(not left, f"{stage}: {left} live on")
            expect(ids(daemon) == before, f"{stage}: registrations lost or made anew")
            lab.relays(talker, listener)


def children(daemon):
    """The words that each child of the master was started with."""
    for pid in Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split():
        try:
            yield Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            pass


# ---- the cluster ----

def test_the_cluster_goes_on():
    port = free_port(socket.SOCK_STREAM)
    with Cluster(f"dxc.listen=127.0.0.1:{port}") as daemon:
        with daemon.user("IU5JAE") as user, daemon.user("DL9LSN") as other:
            user.ask("set/name Giacomo")
            user.ask("reject all")
            user.ask("pass band 20m")
            for number in range(3):
                user.ask(f"dx {14025 + number} K{number}XYZ before the end")
            before = user.ask("show/filter")
            die(daemon)
            for session in (user, other):
                session.rest()  # the end of the stream, not a silence
        again(daemon)
        expect(daemon.ctl("sessions") == [], "sessions of the dead one")

        def ended():
            return {event["call"]: event["reason"] for event in events(daemon, "session.logout")}
        eventually(lambda: ended() == {"IU5JAE": "lost", "DL9LSN": "lost"}, 10, "word of their end")
        with daemon.user("IU5JAE") as user:
            shown = "\n".join(user.ask("sh/dx"))
            expect(all(f"K{number}XYZ" in shown for number in range(3)), shown)
            expect(user.ask("show/filter") == before, f"{before} became {user.ask('show/filter')}")
            expect("14030.0" in user.ask("dx 14030 K9XYZ and on")[-1], "no spot is told")


if __name__ == "__main__":
    main(globals())
