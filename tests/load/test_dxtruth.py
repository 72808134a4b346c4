#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_dxtruth - does the cluster's truth-keeper tell the truth?
# PURPOSE   runs dxsim against a cluster with faults to order and demands that its report has exactly
#           those faults, no more and no fewer
# OWNER     make check
# CONTRACT  prints "ok NAME" or "not ok NAME: why" for each case; exit 0 when all are ok
# LIMITS    words on the command line choose cases
# RUNS      beside others

import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lib.dxsim import BUILD, DxSim  # noqa: E402

TIMEOUT = 60
SESSIONS, FILTERS = 12, 4
PLAY = ("--sessions", SESSIONS, "--filters", FILTERS, "--seconds", 1, "--settle", 1,
        "--rate", 400, "--human", 100, "--burst", 300, "--every", 1000, "--spread", 200)
FAULTS = ("lost", "doubled", "damaged", "wrong", "reordered", "resets", "refused", "feed_resets",
          "slow_lost", "unhanded")


class Cluster:
    """The doctored cluster, for the length of a with block."""

    def __init__(self, sim, *faults):
        feeds = [word for name in ("rbn", "digital", "cluster")
                 for word in ("--feed", str(sim.port[name]))]
        self.args = [str(BUILD / "tests/load/dxdoctored"), *feeds, "--filters", str(FILTERS), *faults]

    def __enter__(self):
        self.proc = subprocess.Popen(self.args, stdout=subprocess.PIPE, text=True)
        line = self.proc.stdout.readline()
        if not line.startswith("ready dxc="):
            raise AssertionError("the doctored cluster did not start")
        self.port = int(line.rsplit(":", 1)[1])
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


def run(*faults):
    with DxSim(*PLAY) as sim, Cluster(sim, *faults) as cluster:
        sim.serve(cluster.port)
        report = sim.report(TIMEOUT)
        return report, cluster.finish()


def only(report, **expected):
    for key in FAULTS:
        want = expected.get(key, 0)
        if want is not None and report[key] != want:
            raise AssertionError(f"{key}: {report[key]}, expected {want}")


def some(number):
    if number < 10:
        raise AssertionError(f"only {number} faults were made: the case says little")
    return number


def test_faultless():
    report, did = run()
    only(report)
    if not report["expected"] == report["delivered"] == did["delivered"] > 1000:
        raise AssertionError(f"{report['expected']} expected, {did['delivered']} sent")


def test_lost():
    report, did = run("--lose", "50")
    only(report, lost=some(did["lose"]))


def test_doubled():
    report, did = run("--double", "70")
    only(report, doubled=some(did["double"]))


def test_torn():
    """A spot without its end is damaged, and is lost."""
    report, did = run("--tear", "60")
    only(report, lost=some(did["tear"]), damaged=did["tear"])


def test_changed():
    report, did = run("--change", "40")
    only(report, damaged=some(did["change"]))


def test_wrong():
    report, did = run("--cross", "90")
    only(report, wrong=some(did["cross"]))


def test_overtaken():
    """What the next one overtakes is not lost; it is out of order when both are of one feed."""
    report, did = run("--swap", "80")
    if not 0 < report["reordered"] <= some(did["swap"]):
        raise AssertionError(f"{report['reordered']} of {did['swap']} seen")
    only(report, reordered=None)


def test_cut_off():
    report, did = run("--cut", "1500")
    if not did["cut"] > 0 or report["lost"] == 0:
        raise AssertionError("nobody was cut off")
    only(report, resets=did["cut"], lost=None)


def main():
    failed = 0
    for name, case in sorted(globals().items()):
        if not name.startswith("test_") or (sys.argv[1:] and name not in sys.argv[1:]):
            continue
        try:
            case()
            print(f"ok {name}", flush=True)
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {name}: {error}", flush=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
