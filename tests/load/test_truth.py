#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_truth - does the truth-keeper tell the truth?
# PURPOSE   runs the simulator against a reflector with faults to order and demands that its report
#           has exactly those faults, no more and no fewer
# OWNER     make check
# CONTRACT  prints "ok NAME" or "not ok NAME: why" for each case; exit 0 when all are ok
# RUNS      beside few
# LIMITS    IPv4 and IPv6 loopback; words on the command line choose cases

import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import time

BUILD = os.path.join(os.environ.get("B", "build/release"), "tests/load")
TIMEOUT = 60

# Ten rooms of six gateways, one talker each: 5 receivers hear 3 calls of 22 frames at 200 a second.
ROOMS = ["--rooms", "1-10:6", "--calls", "3", "--frames", "20", "--rate", "200", "--pause", "20",
         "--linger", "300"]
FRAMES = 10 * 3 * 22
DATAGRAMS = FRAMES * 5

FAULTS = ("lost", "duplicates", "reordered", "stale", "echoes", "wrong_room", "damaged", "alien",
          "malformed", "wrong_source", "polls_unanswered", "headers_missing",
          "terminators_missing", "late", "rewritten", "sim_drops", "sim_send_errors")


class Reflector:
    """The doctored reflector, for the length of a with block."""

    def __init__(self, *faults, listen="127.0.0.1:0"):
        self.args = [os.path.join(BUILD, "doctored"), *faults, listen]

    def __enter__(self):
        self.proc = subprocess.Popen(self.args, stdout=subprocess.PIPE, text=True)
        line = self.proc.stdout.readline()
        if not line.startswith("ready ysf="):
            raise AssertionError("the doctored reflector did not start")
        self.address = line.strip().split("=", 1)[1]
        return self

    def finish(self):
        self.proc.send_signal(signal.SIGTERM)
        out, _ = self.proc.communicate(timeout=TIMEOUT)
        return json.loads(out)

    def __exit__(self, *exc):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        self.proc.stdout.close()


def command(address, *args):
    return [os.path.join(BUILD, "ysfsim"), *args, address]


def simulate(address, *args):
    done = subprocess.run(command(address, "--json", *args), stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, timeout=TIMEOUT, check=False)
    return done.returncode, json.loads(done.stdout)


def same(what, got, want):
    if got != want:
        raise AssertionError(f"{what}: {got}, expected {want}")


def only(report, **expected):
    """All faults are as expected, and those not named are absent."""
    for key in FAULTS:
        same(key, report[key], expected.get(key, 0))


def faulty(faults, args=None):
    with Reflector(*faults) as r:
        status, report = simulate(r.address, *(args or ROOMS))
        truth = r.finish()
    return status, report, truth


def case_clean():
    status, report, truth = faulty([])
    only(report)
    same("exit", status, 0)
    same("frames", report["frames"], FRAMES)
    same("delivered", report["delivered"], DATAGRAMS)
    same("relayed", truth["relayed"], DATAGRAMS)
    same("complete", report["frames_complete"], FRAMES)
    same("latency", report["latency_us"]["n"], DATAGRAMS)


def case_loss():
    status, report, truth = faulty(["--lose", "37"])
    same("exit", status, 1)
    same("lost by the reflector", truth["lose"], DATAGRAMS // 37)
    missing = report["headers_missing"], report["terminators_missing"]
    only(report, lost=truth["lose"], headers_missing=missing[0], terminators_missing=missing[1])
    if missing == (0, 0):
        raise AssertionError("some header or terminator must have been among the lost")
    same("by talker", sum(t["lost"] for t in report["talker"]), truth["lose"])


def case_one_lost_datagram():
    _, report, truth = faulty(["--lose", str(DATAGRAMS // 2 + 1)])
    same("lost by the reflector", truth["lose"], 1)
    same("lost", report["lost"], 1)
    same("partial", report["frames_partial"], 1)


def case_doubles():
    status, report, truth = faulty(["--double", "13"])
    same("exit", status, 1)
    same("doubled by the reflector", truth["double"], DATAGRAMS // 13)
    only(report, duplicates=truth["double"])
    # The 13 * i-th datagram of 5 to 6 gateways a room: no pair has more than its share.
    pairs = report["doubled"]
    same("pairs named", len(pairs), min(report["doubled_pairs"], 16))
    same("most of a pair", max(pair["frames"] for pair in pairs) <= report["doubled_most"], True)


def case_doubles_by_receiver():
    # Two doubles at one of 3 receivers of a single talker: the pair is named.
    _, report, truth = faulty(["--double", "31"],
                              ["--rooms", "1:4", "--talkers", "1", "--frames", "20", "--rate",
                               "100"])
    same("doubled by the reflector", truth["double"], 2)
    named = {pair["receiver"]: pair["frames"] for pair in report["doubled"]}
    same("named", sum(named.values()), 2)
    same("pairs", report["doubled_pairs"], len(named))
    same("most", report["doubled_most"], max(named.values()))


def case_order():
    status, report, truth = faulty(["--swap", "11"])
    same("exit", status, 1)
    if truth["swap"] == 0:
        raise AssertionError("nothing was swapped")
    only(report, reordered=truth["swap"])


def case_damage():
    status, report, truth = faulty(["--damage", "17"])  # every byte of the stamp has its turn
    same("exit", status, 1)
    same("damaged by the reflector", truth["damage"], DATAGRAMS // 17)
    missing = report["headers_missing"], report["terminators_missing"]
    only(report, damaged=truth["damage"], lost=truth["damage"], headers_missing=missing[0],
         terminators_missing=missing[1])


def case_echo():
    status, report, truth = faulty(["--echo", "7"])
    same("exit", status, 1)
    same("echoed by the reflector", truth["echo"], FRAMES // 7)
    only(report, echoes=truth["echo"])


def case_wrong_room():
    status, report, truth = faulty(["--cross", "9"])
    same("exit", status, 1)
    same("crossed by the reflector", truth["cross"], FRAMES // 9)
    only(report, wrong_room=truth["cross"])


def case_lateness():
    # Each 50th datagram is held for 300 ms, the others for nothing: it is overtaken, unless it
    # was among the last of its talker; and it is late.
    status, report, truth = faulty(["--delay", "50", "--delay-ms", "300"],
                                   ROOMS + ["--late", "250000", "--drain", "1000"])
    same("exit", status, 1)
    same("delayed by the reflector", truth["delay"], DATAGRAMS // 50)
    if report["late"] < truth["delay"]:
        raise AssertionError(f"late: {report['late']} of {truth['delay']}")
    same("lost", report["lost"], 0)
    same("duplicates", report["duplicates"], 0)
    if report["latency_us"]["max"] < 300000:
        raise AssertionError("the longest delay was not seen")


def case_gap():
    # The 150th of 220 frames waits for as long as everything stands still.
    for wanted in (30, 250):
        _, report, truth = faulty(["--gap", "150", "--gap-ms", str(wanted)],
                                  ["--rooms", "1-10:6", "--frames", "20", "--rate", "50"])
        same("gaps of the reflector", truth["gap"], 1)
        only(report, late=report["late"])
        gap = report["gap_us"] / 1000
        if abs(gap - wanted) > 5:
            raise AssertionError(f"a gap of {wanted} ms was measured as {gap} ms")
        same("of the talker who suffered most", max(t["gap_us"] for t in report["talker"]),
             report["gap_us"])


def case_gap_of_lost_frames():
    # Nobody hears the seventh frame of a talker: one interval of 100 ms is missing, no more.
    _, report, truth = faulty(["--lose-frame", "7"],
                              ["--rooms", "1:4", "--talkers", "1", "--frames", "10", "--rate",
                               "10"])
    same("lost by the reflector", truth["lose-frame"], 1)
    if abs(report["gap_us"] / 1000 - 100) > 5:
        raise AssertionError(f"a lost frame made a gap of {report['gap_us']} us")


def case_marked_time():
    # Lateness of marked time is booked by itself: that of others stays calm.
    args = ["--json", "--progress", "--rooms", "1:6", "--frames", "0", "--calls", "0", "--rate",
            "50"]
    with Reflector() as r:
        proc = subprocess.Popen(command(r.address, *args), stdout=subprocess.PIPE, text=True)
        for number, word in ((None, "talking"), (signal.SIGUSR1, "marked"),
                             (signal.SIGUSR2, "calm")):
            if number is not None:
                proc.send_signal(number)
            while proc.stdout.readline().strip() != word:
                pass
            if word == "marked":
                r.proc.send_signal(signal.SIGSTOP)
                time.sleep(0.2)  # the fault itself: a reflector that stands still
                r.proc.send_signal(signal.SIGCONT)
                time.sleep(0.1)
        time.sleep(0.3)
        proc.send_signal(signal.SIGTERM)
        out, _ = proc.communicate(timeout=TIMEOUT)
    report = json.loads([line for line in out.splitlines() if line.startswith("{")][0])
    talker = report["talker"][0]
    same("all", talker["calm_us"]["n"] + talker["marked_us"]["n"], talker["latency_us"]["n"])
    if talker["marked_us"]["p99"] < 100000 or talker["calm_us"]["p90"] > 50000:
        raise AssertionError(f"marked {talker['marked_us']}, calm {talker['calm_us']}")


def case_doubled_answers():
    # Every fifth answer comes twice; 60 gateways, each with a first poll and two keep-alives.
    args = ["--rooms", "1-10:6", "--talkers", "0", "--seconds", "3", "--poll", "1",
            "--drain", "100", "--linger", "300"]
    status, report, truth = faulty(["--answer-twice", "5"], args)
    same("exit", status, 1)
    only(report)
    same("answers_doubled", report["answers_doubled"], truth["answer-twice"])
    same("answers", report["answers"], report["polls"] + truth["answer-twice"])


def case_silent_polls():
    # 60 gateways, each with a keep-alive a second for 2 s; every fifth gets no answer.
    args = ["--rooms", "1-10:6", "--talkers", "0", "--seconds", "3", "--poll", "1",
            "--drain", "100", "--linger", "1500"]
    status, report, truth = faulty(["--mute-poll", "5"], args)
    same("exit", status, 1)
    only(report, polls_unanswered=truth["mute-poll"])
    same("registered", report["registered"], 60)


def case_refused_calls():
    status, report, truth = faulty(["--refuse-call", "4"])
    same("exit", status, 1)
    calls = 30 // 4
    same("refused frames", truth["refuse-call"], calls * 22)
    only(report, lost=calls * 22 * 5, headers_missing=calls * 5, terminators_missing=calls * 5)
    same("unheard", report["frames_unheard"], calls * 22)
    same("mute calls", report["calls_mute"], calls)
    same("cut calls", report["calls_cut"], 0)


def case_cut_calls():
    # Frames 11 to 21 of each call (its last are 20 voice frames and a terminator) reach nobody.
    status, report, _ = faulty(["--cut", "11"])
    same("exit", status, 1)
    same("cut calls", report["calls_cut"], 30)
    same("mute calls", report["calls_mute"], 0)
    same("longest gap", report["longest_gap"], 11)
    only(report, lost=30 * 11 * 5, terminators_missing=30 * 5)


def case_all_at_once():
    status, report, truth = faulty(["--lose", "41", "--double", "43", "--echo", "11",
                                    "--cross", "13", "--damage", "97"])
    same("exit", status, 1)
    same("lost", report["lost"], truth["lose"] + truth["damage"])
    same("duplicates", report["duplicates"], truth["double"])
    same("echoes", report["echoes"], truth["echo"])
    same("wrong_room", report["wrong_room"], truth["cross"])
    same("damaged", report["damaged"], truth["damage"])
    same("reordered", report["reordered"], 0)


def case_closed_loop():
    args = ["--rooms", "1-4:50", "--frames", "2000", "--window", "32"]
    _, report, truth = faulty([], args)
    only(report, late=report["late"])
    same("frames", report["frames"], 4 * 2002)
    same("delivered", report["delivered"], 4 * 2002 * 49)
    same("relayed", truth["relayed"], 4 * 2002 * 49)


def case_closed_loop_with_loss():
    args = ["--rooms", "5:20", "--frames", "100", "--window", "32"]
    _, report, truth = faulty(["--lose", "900"], args)
    same("lost", report["lost"], truth["lose"])
    if report["given_up"] == 0:
        raise AssertionError("the loop never noticed that it stood still")


def case_turns():
    # Three talkers of a room take turns; names without DG-ID.
    args = ["--gateways", "9", "--no-suffix", "--talkers", "3", "--calls", "6", "--frames", "10",
            "--rate", "200", "--pause", "10"]
    status, report, _ = faulty([], args)
    only(report)
    same("exit", status, 0)
    same("calls", [t["calls"] for t in report["talker"]], [2, 2, 2])


def case_ipv6():
    with Reflector(listen="[::1]:0") as r:
        status, report = simulate(r.address, "--rooms", "1-2:5", "--rate", "200")
        truth = r.finish()
    only(report)
    same("exit", status, 0)
    same("delivered", report["delivered"], truth["relayed"])


def case_own_sockets():
    with Reflector() as r:
        status, report = simulate(r.address, "--rooms", "1-2:5", "--rate", "200", "--own-sockets")
    only(report)
    same("exit", status, 0)


def case_neighbours():
    # Two simulators on one reflector and one DG-ID hear each other, and know it.
    with Reflector() as r:
        proc = subprocess.Popen(command(r.address, "--json", "--progress", "--first", "501",
                                        "--rooms", "22:3", "--talkers", "0", "--stop-fd", "0"),
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        while proc.stdout.readline().strip() != "talking":
            pass
        _, mine = simulate(r.address, "--rooms", "22:4", "--frames", "10", "--rate", "100")
        proc.stdin.close()
        proc.stdin = None
        out, _ = proc.communicate(timeout=TIMEOUT)
        other = json.loads([line for line in out.splitlines() if line.startswith("{")][0])
    only(mine)
    only(other, alien=12 * 3)


def case_stop():
    # TERM in the middle of a long call: terminator, drain, report; nothing is missing.
    with Reflector() as r:
        proc = subprocess.Popen(command(r.address, "--json", "--progress", "--rooms", "1-3:4",
                                        "--frames", "0", "--calls", "0", "--rate", "100"),
                                stdout=subprocess.PIPE, text=True)
        while proc.stdout.readline().strip() != "talking":
            pass
        proc.send_signal(signal.SIGTERM)
        out, _ = proc.communicate(timeout=TIMEOUT)
    lines = out.splitlines()
    same("last line", lines[-1], "done")
    report = json.loads([line for line in lines if line.startswith("{")][0])
    only(report)
    same("exit", proc.returncode, 0)


def case_manual():
    with Reflector() as r:
        proc = subprocess.Popen(command(r.address, "--json", "--progress", "--manual", "--rooms",
                                        "1-2:3", "--poll", "0"),
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        while proc.stdout.readline().strip() != "talking":
            pass
        for line, answer in (("header 0", "ok"), ("header 1", "ok"), ("frames 0 500", "ok"),
                             ("nonsense", "bad"), ("frames 7 1", "bad"), ("frames 1 20", "ok"),
                             ("end 0", "ok"), ("end 1", "ok")):
            proc.stdin.write(line + "\n")
            proc.stdin.flush()
            same(line, proc.stdout.readline().strip(), answer)
        out, _ = proc.communicate(timeout=TIMEOUT)
        truth = r.finish()
    report = json.loads([line for line in out.splitlines() if line.startswith("{")][0])
    only(report)
    same("frames", report["frames"], 502 + 22)
    same("relayed", truth["relayed"], (502 + 22) * 2)


def case_burst():
    with Reflector() as r:
        status, report = simulate(r.address, "--rooms", "1-10:50", "--burst", "--talkers", "0",
                                  "--seconds", "1", "--poll", "0")
    same("exit", status, 0)
    same("polls", report["polls"], 500)
    same("registered", report["registered"], 500)


def case_demo():
    with Reflector() as r:
        done = subprocess.run(command(r.address, "--demo"), stdout=subprocess.PIPE, text=True,
                              timeout=TIMEOUT, check=False)
    same("exit", done.returncode, 0)
    text = " ".join(done.stdout.split())
    for words in ("G00001-22 talks on DG-ID 22", "G00002-22 on DG-ID 22 heard 32 frames, 0 lost",
                  "G00003-9 on DG-ID 9 heard nothing", "only there"):
        if words not in text:
            raise AssertionError(f"no {words!r} in {text!r}")


def case_nobody_there():
    # A socket of ours that never answers, so that the port is surely nobody else's.
    import socket
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        status, report = simulate(f"127.0.0.1:{mute.getsockname()[1]}", "--register-timeout", "1")
    same("exit", status, 1)
    same("registered", report["registered"], 0)


def case_usage():
    for args in ([], ["--rooms", "0"], ["--rooms", "1:9,2:x"], ["--gateways", "0"], ["--bad"]):
        done = subprocess.run(command("127.0.0.1:9", *args) if args else command("nowhere"),
                              stderr=subprocess.DEVNULL, timeout=TIMEOUT, check=False)
        same(f"exit of {args}", done.returncode, 2)


# Alone on the machine: they look at times, or take all of it.
ALONE = ("clean", "gap", "gap_of_lost_frames", "marked_time", "lateness", "closed_loop",
         "closed_loop_with_loss", "turns", "ipv6", "own_sockets", "stop", "manual")


def attempt(name, case):
    try:
        case()
        return f"ok truth.{name}"
    except (AssertionError, KeyError, IndexError, ValueError, OSError,
            subprocess.SubprocessError) as error:
        return f"not ok truth.{name}: {error}"


def main():
    words = [word.removeprefix("truth.") for word in sys.argv[1:]]
    cases = {key[5:]: case for key, case in globals().items() if key.startswith("case_")
             and (not words or any(word in key for word in words))}
    failed = 0

    def told(line):
        nonlocal failed
        failed += line.startswith("not ok")
        print(line, flush=True)

    for name in [name for name in ALONE if name in cases]:
        told(attempt(name, cases.pop(name)))
    # the others spend most of their time waiting
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for line in pool.map(lambda item: attempt(*item), cases.items()):
            told(line)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
