#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_dx_programs - real programs of amateurs at the cluster
# PURPOSE   A telnet client and a contest logger (tlf), as Debian has them, log in, see spots and ask
#           for more; what they show and log decides.
# OWNER     tests
# CONTRACT  needs the packages telnet and tlf
# LIMITS    programs with windows are for people to try: tests/peers/README.md
# RUNS      beside others

import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.dxsim import DxSim  # noqa: E402
from lib.pty import Terminal  # noqa: E402
from lib.shackd import Daemon, Skip, eventually, main  # noqa: E402

OPTIONS = ("ysf.enabled=no", "dxc.node_call=N0NODE-2", "dxc.qth=Somewhere",
           "dxc.listen=127.0.0.1:0", "workers.dxc=1")
PROMPT = r"de N0NODE-2 +\d+-[A-Z][a-z]{2}-\d{4} \d{4}Z dxspider >"


def need(program):
    path = shutil.which(program) or shutil.which(program, path="/usr/games:/usr/bin")
    if path is None:
        raise Skip(f"{program} is not installed")
    return path


def test_telnet_logs_in_spots_and_asks():
    telnet = need("telnet")
    with Daemon(*OPTIONS, listen=None) as daemon, \
            Terminal(telnet, "127.0.0.1", daemon.dxc_port) as term:
        term.expect("Please enter your call:")
        term.type("g1tlh\r")
        term.expect("Hello .*N0NODE-2 in Somewhere")
        term.expect("Capabilities: .*rbn")
        term.expect("G1TLH " + PROMPT)
        term.type("dx 14025.3 lz5vv up 2\r")
        term.expect(r"DX de G1TLH:\s+14025\.3  LZ5VV        up 2 +\d{4}Z")
        term.type("sh/dx 1\r")
        term.expect(r"14025\.3 LZ5VV +\d+-[A-Z][a-z]{2}-\d{4} \d{4}Z up 2 +<G1TLH>")
        term.type("bye\r")
        term.expect("73 de N0NODE-2")
        eventually(lambda: not term.read(0.1), what="telnet's end")


def test_telnet_with_echo_and_erasing():
    """Character by character, with a typing error rubbed out."""
    telnet = need("telnet")
    with Daemon(*OPTIONS, listen=None) as daemon, \
            Terminal(telnet, "127.0.0.1", daemon.dxc_port) as term:
        term.expect("Please enter your call:")
        term.type("g1tlh\r")
        term.expect(PROMPT)
        for sign in "echo hellp\x7fo\r":
            term.type(sign)
        term.expect(r"hello\r?\n")


def clusterlog(folder):
    path = Path(folder) / "clusterlog"
    return path.read_text(errors="replace") if path.exists() else ""


def test_tlf_shows_spots_and_asks():
    tlf = need("tlf")
    with tempfile.TemporaryDirectory(prefix="shackd-tlf-") as folder, \
            DxSim("--sessions", 1, "--human", 5, "--seconds", 3) as sim, \
            Daemon(*OPTIONS, *sim.feeds(), listen=None) as daemon:
        Path(folder, "logcfg.dat").write_text(
            "CONTEST=QSO\nCALL=N0CALL\nCLUSTER\nCLUSTERLOGIN=N0CALL\nCLUSTER_LOG\n"
            f"TELNETHOST=127.0.0.1\nTELNETPORT={daemon.dxc_port}\nNOB4\n")
        with Terminal(tlf, "-r", folder=folder, rows=25, columns=80) as term:
            term.expect("Press any key to continue", 30)
            term.type(" ")
            eventually(lambda: term.read(0.05) and "dxspider >" in clusterlog(folder), 30,
                       "the prompt in tlf's log")
            sim.serve(daemon.dxc_port)
            eventually(lambda: term.read(0.05) and clusterlog(folder).count("DX de ") >= 10, 30,
                       "ten spots in tlf's log")
            before = clusterlog(folder).count("DX de ")
            term.type(":packet\r")
            term.expect("still here|logged into", 10)
            term.type("sh/dx/5\r")
            eventually(lambda: term.read(0.05) and clusterlog(folder).count("Z CW  ") +
                       clusterlog(folder).count("worked by ear") > before, 20,
                       "the answer to sh/dx/5")
            assert not [line for line in clusterlog(folder).splitlines() if "Unknown" in line]


if __name__ == "__main__":
    main(globals())
