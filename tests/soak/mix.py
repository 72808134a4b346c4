#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      mix - everything at once, for as long as one likes
# PURPOSE   A reflector and a cluster in one daemon under load, while workers of every kind are killed and
#           stopped, the configuration is reloaded (every other one invalid), lists are rewritten, the
#           daemon is upgraded to and fro, floods come and the weather is bad. Two truth-keepers outside
#           the daemon (ysfsim, dxsim) say that nothing is lost; what it occupies is sampled all the
#           time, and a stated test (lib/slope.py) says of each size whether it grows.
# OWNER     tests/soak/run, or a person
# CONTRACT  SECONDS=n in the environment (60); SEED=n; GATEWAYS=n; WEATHER=0 leaves the weather out. A
#           line a minute says how it goes. Samples go to build/soak/samples.jsonl (bounded), the result
#           to build/soak/result.json and, without the flat rows, to a FIGURES line. TERM or INT ends it
#           early, with a result. Ends with `ok test_mix` or `not ok test_mix: why`.
#           The test: the first WARM of the time is left out; the level is 0.05 for all series together;
#           a series that grows (interval above zero, and not wholly below its named bound) is a failure.
# LIMITS    the builds of the tree as it is: ./shackd and the one of `make testing`

import contextlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "flow"))

from lib.churn import Churn  # noqa: E402
from lib.dxsim import DxSim  # noqa: E402
from lib.figures import figures, of_report  # noqa: E402
from lib.sampler import FAMILY, Sampler  # noqa: E402
from lib.shackd import ROOT, SLOW, Skip, eventually, main  # noqa: E402
from lib.sim import Simulator  # noqa: E402
from lib.upstream import Broker  # noqa: E402
from lib.watcher import Watcher, totals  # noqa: E402
from lib.weather import Weather  # noqa: E402
from soak.troubles import Troubles, log_of  # noqa: E402
from test_upgrade import Home  # noqa: E402

SECONDS = int(os.environ.get("SECONDS", "60"))
SEED = int(os.environ.get("SEED", "20261122"))
GATEWAYS = int(os.environ.get("GATEWAYS", "300" if SLOW == 1 else "100"))
SESSIONS = int(os.environ.get("SESSIONS", "100" if SLOW == 1 else "30"))
FOLDER = ROOT / os.environ.get("FOLDER", "build/soak")
ROOMS, FAR, CHURNERS = 10, 10, 30
FRAMES = 52  # of a call, with header and terminator
WARM = 0.25  # share of the time in which sizes may find their place
DAY = 86000  # no play is longer
SERIALS = 1500000  # spots that dxsim can tell apart
OPTIONS = ("workers.ysf=3", "workers.dxc=2", "server.respawn_tokens=6000/m", "server.log_level=error",
           "dgid.list=1-99", "dgid.local=0", "ysf.max_age=0", "ysf.client_timeout=60s", "ysf.watchdog=8s",
           "limits.clients=3000", "limits.clients_per_ip=3000", "limits.events=1000", "limits.spots=5000",
           # what fills up must have filled up before it is judged
           "limits.human_spots=1000", "spot dedup.human_window=5m",
           "dxc.node_call=N0NODE-2", "dxc.listen=127.0.0.1:0", f"limits.sessions={SESSIONS + 400}")


class Pace:
    """How often what happens, by the length of the run: each kind at least a few times in a short one,
    at a low rate in a long one."""

    def __init__(self, seconds):
        def every(share, least, most):
            return min(most, max(least, seconds * share))
        self.upgrade = every(0.14, 4, 300)
        self.kill = every(0.02, 0.5, 8)
        self.stop = every(0.12, 6, 180)
        self.reload = every(0.06, 2, 60)
        self.lists = every(0.1, 3, 90)
        self.flood = every(0.1, 4, 120)
        self.bluster = every(0.15, 6, 150)
        self.sample = every(0.008, 0.2, 5)
        self.say = every(0.1, 5, 60)
        self.settle = self.upgrade * 0.3  # of a life: the rest of it is looked at

    def kinds(self):
        return ("upgrade", "kill", "stop", "reload", "lists", "flood", "bluster")


class Mix:
    """The main loop: what is due is done, one after the other."""

    def __init__(self, home, parts, pace):
        self.daemon, self.parts, self.pace = home.daemon, parts, pace
        self.rng = random.Random(SEED)
        self.troubles = Troubles(home, self.rng, parts.weather, parts.access)
        self.began = time.monotonic()
        self.due = {kind: self.began + self.wait(kind) for kind in pace.kinds()}
        self.said = self.began
        self.stopped = False

    def wait(self, kind):
        """Around its mean, never twice at once. In the warm-up all comes more often: what is the most
        that was ever in use (pages of a store, tables of a worker) should have been reached then."""
        warm = time.monotonic() < self.began + WARM * SECONDS
        return getattr(self.pace, kind) * (0.5 + self.rng.random()) * (0.4 if warm else 1)

    def settle(self):
        eventually(lambda: self.daemon.status()["state"] == "ready", 30, "all workers ready")

    def turn(self):
        self.parts.churn.turn(0.02)
        self.troubles.clear_up()
        kind = min(self.due, key=self.due.get)
        if self.due[kind] > time.monotonic():
            return
        if kind != "kill":
            self.settle()
        getattr(self.troubles, kind)()
        self.due[kind] = time.monotonic() + self.wait(kind)

    def check(self):
        for name, sim in (("ysfsim", self.parts.sim), ("dxsim", self.parts.dxsim)):
            assert sim.running(), f"{name} ended early"
        assert self.daemon.process.poll() is None, f"the daemon ended: {self.daemon.log()[-2000:]}"
        missing = self.parts.churn.missing()
        assert not missing, f"answered, not linked: {missing[:5]}"

    def say(self):
        now = self.parts.sampler.now()
        done = self.troubles.done

        def of(word):
            return sum(count for kind, count in done.items() if kind.startswith(word))
        minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
        print(f"# {minutes // 60}:{minutes % 60:02}:{seconds:02} kills {of('kill')}, stops {of('stop')}, "
              f"reloads {of('reload')}, upgrades {of('upgrade')}, floods {of('flood')}, "
              f"weather {of('weather')}; KiB master {now['memory of master']:.0f} "
              f"ysf {now.get('memory of ysf', 0):.0f} dxc {now.get('memory of dxc', 0):.0f} "
              f"tmpfs {now['tmpfs']} disk {now['disk']}; master's fds {now['fds of master']:.0f}; "
              f"pages {now.get('pages of the voice store', 0)} + {now.get('pages of the spots store', 0)}", flush=True)

    def run(self, seconds):
        end = self.began + seconds
        while time.monotonic() < end and not self.stopped:
            self.turn()
            if time.monotonic() - self.said > self.pace.say:
                self.said = time.monotonic()
                log_of(self.daemon)
                self.check()
                self.say()
        self.troubles.clear_up(at_once=True)
        self.settle()


class Parts:
    """Everything around the daemon; ends in the order in which it must."""

    def __init__(self, stack, pace):
        self.stack, self.pace = stack, pace
        self.weather = self.far = self.access = None

    def inside(self):
        return self.weather.inside("near") if self.weather else contextlib.nullcontext()

    def start_weather(self):
        """None where there are no namespaces, or if it is not wanted."""
        if os.environ.get("WEATHER") == "0":
            return
        try:
            self.weather = self.stack.enter_context(Weather(SEED))
        except Skip as why:
            print(f"# no weather: {why}", flush=True)

    def start_cluster(self):
        with self.inside():
            self.broker = self.stack.enter_context(Broker())
        rates = {"--rate": 20, "--human": 3, "--mqtt-rate": 10}
        burst, every = 200, 10000
        total = sum(rates.values()) + burst * 1000 / every
        thin = min(1.0, SERIALS / total / SECONDS)  # a run of many hours at a lower rate
        words = [word for name, rate in rates.items() for word in (name, max(1, int(rate * thin)))]
        self.dxsim = self.stack.enter_context(DxSim(
            "--sessions", SESSIONS, "--filters", 12, "--seconds", DAY, "--mqtt", self.broker.port,
            "--burst", int(burst * thin), "--every", every, "--spread", 2000, "--settle", 10 * SLOW, *words,
            wrapper=self.weather.near if self.weather else ()))

    def start_daemon(self):
        options = [*OPTIONS, *self.dxsim.feeds(), *self.broker.feed("psk")]
        how = {"wrapper": self.weather.near} if self.weather else {}
        listen = "*:0" if self.weather else "127.0.0.1:0"
        home = Home(options, listen=listen, start=False, **how)
        self.access = Path(home.folder.name) / "access.db"
        self.access.write_text("CS:NOBODY\n")
        self.access.chmod(0o644)
        home.daemon.options = [*options, f"access.file={self.access}"]
        home.daemon.start()
        self.stack.enter_context(home)
        return home

    def start_load(self, daemon):
        near = self.weather.near if self.weather else ()
        voice = ("--frames", FRAMES - 2, "--calls", 0, "--poll", 5, "--drain", 5000, "--no-unlink", "--seconds", DAY)
        self.sim = self.stack.enter_context(Simulator(
            daemon, "--gateways", GATEWAYS, "--rooms", f"1-{ROOMS}:{GATEWAYS // ROOMS}", "--talkers", ROOMS,
            *voice, wrapper=near))
        self.sim.wait("talking")
        if self.weather:
            self.far = self.stack.enter_context(Simulator(
                daemon, "--gateways", FAR, "--first", 5001, "--rooms", f"20:{FAR}", "--talkers", 1, "--addresses",
                *voice, wrapper=self.weather.far, host=self.weather.ADDRESS))
            self.far.wait("talking")
        self.dxsim.serve(daemon.dxc_port)
        self.dxsim.wait("running")
        with self.inside():
            self.churn = self.stack.enter_context(Churn(daemon, CHURNERS, SEED))
        self.watcher = self.stack.enter_context(Watcher(daemon, pause=1.0))
        self.sampler = self.stack.enter_context(Sampler(daemon, self.pace.sample, FOLDER / "samples.jsonl"))


def ids(daemon):
    """Of the gateways that are near and stay: G00001 and so on."""
    return {client["gateway"]: client["id"] for client in daemon.ctl("clients")
            if client["gateway"].startswith("G0") and int(client["gateway"][1:6]) <= GATEWAYS}


def finish(parts, daemon):
    """Ends the calls and the play; {name: report}."""
    silent = parts.churn.settle()
    missing = parts.churn.missing()
    assert not missing and not silent, f"answered, not linked: {missing}; not answered: {silent}"
    eventually(lambda: not parts.churn.ghosts(), 10, "that who said goodbye is gone")
    sims = {"voice": parts.sim, "spots": parts.dxsim} | ({"far": parts.far} if parts.far else {})
    for sim in sims.values():
        sim.finish()
    return {name: sim.report() for name, sim in sims.items()}


def wrong_voice(report):
    return {key: report[key] for key in ("lost", "headers_missing", "terminators_missing", "echoes",
                                         "wrong_room", "alien", "polls_unanswered") if report[key]}


def wrong_spots(report):
    return {key: report[key] for key in ("lost", "doubled", "damaged", "wrong", "resets", "refused",
                                         "feed_resets", "reordered") if report[key]}


def wrong_far(report, weather):
    """What the wire took can't have come, nor a call whose header it took; a header that was overtaken
    comes too late for the frame or two before it, a frame too late for a call that has ended. No more
    may be missing."""
    wire = weather.settled()
    voice = ("header", "voice", "end")
    taken = {way: {kind: wire[way][kind]["lost"] + wire[way][kind]["cut"] for kind in voice} for way in ("up", "down")}
    behind = sum(wire["up"][kind]["overtaken"] for kind in voice)
    most = sum(taken["down"].values())
    most += (FAR - 1) * (sum(taken["up"].values()) + taken["up"]["header"] * FRAMES + 2 * behind)
    wrong = {key: report[key] for key in ("echoes", "wrong_room") if report[key]}
    return wrong | ({"lost": report["lost"], "taken": most} if report["lost"] > most else {})


def table(rows, level, warm):
    """For people: what grows, and of the rest how much would have been seen."""
    counts = {}
    for row in rows:
        counts[row["verdict"]] = counts.get(row["verdict"], 0) + 1
    print(f"# slopes: {', '.join(f'{count} {word}' for word, count in sorted(counts.items()))}; least squares, the "
          f"first {warm:.0f} s left out, level {level:.5f} each ({FAMILY} for all {len(rows)})", flush=True)
    for row in rows:
        if row["verdict"] != "short" and (row["verdict"] != "flat" or row["series"].startswith(("memory", "pages"))):
            print(f"#   {row['series']} against {row['against']}: {row['verdict']}, {row['per_day']} a day "
                  f"({row['low']} to {row['high']}), now {row['now']}", flush=True)


def run_all(stack):
    pace = Pace(SECONDS)
    parts = Parts(stack, pace)
    parts.start_weather()
    parts.start_cluster()
    home = parts.start_daemon()
    daemon = home.daemon
    parts.start_load(daemon)
    before, pid = ids(daemon), daemon.pid
    mix = Mix(home, parts, pace)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(mix, "stopped", True))
    mix.run(SECONDS)
    seconds = time.monotonic() - mix.began
    rows, level = parts.sampler.judge(WARM * seconds, pace.settle)
    after = ids(daemon)
    reports = finish(parts, daemon)
    table(rows, level, WARM * seconds)
    grows = [row for row in rows if row["verdict"] == "grows"]
    figures("mix", seconds=round(seconds), done=mix.troubles.done, seed=SEED, grows=grows,
            longest_upgrade_s=round(mix.troubles.longest_upgrade, 3), watched=parts.watcher.looks,
            decreases=len(parts.watcher.fallen), level=level, spots=reports["spots"], **of_report(reports["voice"]))
    result = {"seconds": round(seconds), "seed": SEED, "done": mix.troubles.done, "slopes": rows, "level": level,
              "warm": round(WARM * seconds), "reports": reports, "decreases": parts.watcher.fallen,
              "samples": parts.sampler.lines, "missed": parts.sampler.missed, "log": daemon.log()[-20000:],
              "counters": {name: value for name, value in totals(daemon).items() if value}}
    (FOLDER / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    return daemon, pid, before, after, reports, parts, grows


def test_mix():
    with contextlib.ExitStack() as stack:
        daemon, pid, before, after, reports, parts, grows = run_all(stack)
        assert daemon.status()["pid"] == pid, "another process"
        assert not parts.watcher.fallen, f"{len(parts.watcher.fallen)} decreases: {parts.watcher.fallen[:3]}"
        assert before == after and len(before) == GATEWAYS, "registrations were lost or made anew"
        wrong = wrong_voice(reports["voice"])
        assert not wrong, f"voice: {wrong} of {reports['voice']['expected']}"
        assert reports["voice"]["duplicates"] <= 1 + SECONDS // 1000, f"{reports['voice']['duplicates']} doubled"
        wrong = wrong_spots(reports["spots"])
        assert not wrong, f"spots: {wrong} of {reports['spots']['expected']}"
        if parts.far:
            wrong = wrong_far(reports["far"], parts.weather)
            assert not wrong, f"far: {wrong} of {reports['far']['expected']}"
        assert not grows, "; ".join(f"{row['series']} against {row['against']}: {row['low']} to {row['high']} a day"
                                    for row in grows)


if __name__ == "__main__":
    main(globals())
