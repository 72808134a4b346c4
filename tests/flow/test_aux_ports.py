#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_aux_ports - sockets of auxiliary ports and named sections of the configuration
# PURPOSE   Every host of ysf.listen listens on each auxiliary port, whichever worker answers; a reload
#           adds, removes and renames them under linked gateways; an upgrade keeps them; what is wrong
#           with one names its key. [ysf alias NAME] comes from file, -o and reload.
# OWNER     make check
# CONTRACT  none
# RUNS      beside few
# LIMITS    what an auxiliary port means for its gateways: test_rules_*

import re
import socket
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from flow.test_reload import Reloaded, expect  # noqa: E402
from flow.test_upgrade import Home  # noqa: E402
from lib.shackd import SHACKD, Daemon, eventually, main  # noqa: E402
from ysf import POLL_ANSWER, Lab  # noqa: E402


def auxiliaries(daemon):
    """{DG-ID: [(host, port)]} as the daemon tells it now."""
    found = {}
    for text in daemon.status()["services"]["ysf"]["aux"]:
        dgid, at = text.split("@")
        host, port = at.rsplit(":", 1)
        found.setdefault(int(dgid), []).append((host, int(port)))
    return found


def port_of(daemon, dgid):
    [(_, port)] = auxiliaries(daemon)[dgid]
    return port


def dead(port):
    """Nobody is bound to that port of the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def test_ready_line_names_auxiliary_ports():
    with Daemon("ysf.aux_ports=41:0, 88:0", "workers.ysf=2", listen="127.0.0.1:0,127.0.0.2:0") as daemon:
        match = re.search(r" ysf=(\S+) aux=(\S+)", daemon.ready)
        expect(match, daemon.ready)
        expect([text.rsplit(":", 1)[0] for text in match[1].split(",")] == ["127.0.0.1", "127.0.0.2"],
               daemon.ready)
        expect([text.rsplit(":", 1)[0] for text in match[2].split(",")] ==
               ["41@127.0.0.1", "41@127.0.0.2", "88@127.0.0.1", "88@127.0.0.2"], daemon.ready)
        expect(daemon.status()["services"]["ysf"]["aux"] == match[2].split(","), "status says otherwise")


def test_every_worker_answers_at_every_auxiliary_port():
    with Daemon("ysf.aux_ports=41:0", "workers.ysf=3", listen="*:0") as daemon:
        hosts = {host: port for host, port in auxiliaries(daemon)[41]}
        expect(set(hosts) == {"0.0.0.0", "[::]"} and len(set(hosts.values())) == 1,
               f"one port in both families: {hosts}")
        with Lab(daemon) as lab:
            for i in range(12):
                lab.gateway(f"GW{i}", port=hosts["0.0.0.0"])
            expect(len(daemon.ctl("clients")) == 12, "all are linked")


def test_no_auxiliary_ports_no_word():
    with Daemon(listen="127.0.0.1:0") as daemon:
        expect(" aux=" not in daemon.ready, daemon.ready)
        expect(daemon.status()["services"]["ysf"]["aux"] == [], "status")


def test_reload_adds_and_removes():
    with Reloaded({"ysf.aux_ports": "41:0"}) as daemon, Lab(daemon) as lab:
        first = port_of(daemon, 41)
        one = lab.gateway("ONE", port=first)
        daemon.reloaded({"ysf.aux_ports": "88:0, 41:0"})
        expect(port_of(daemon, 41) == first, "41 got another port")
        two = lab.gateway("TWO", port=port_of(daemon, 88))
        one.silent()
        daemon.reloaded({"ysf.aux_ports": "88:0"})
        expect(set(auxiliaries(daemon)) == {88}, f"{auxiliaries(daemon)}")
        two.link()
        eventually(lambda: dead(first), 5, "the end of the removed port")
        daemon.reloaded({"ysf.aux_ports": f"88:0, 41:{first}"})
        one.link()
        expect(lab.client(two), "the other gateway was lost")


def test_reload_gives_a_port_another_dgid():
    with Reloaded({"ysf.aux_ports": "41:0"}) as daemon, Lab(daemon) as lab:
        port = port_of(daemon, 41)
        gateway, other = lab.gateway("AUX", port=port), lab.gateway("MAIN")
        daemon.reloaded({"ysf.aux_ports": f"42:{port}"})
        expect(port_of(daemon, 42) == port, f"{auxiliaries(daemon)}")
        eventually(lambda: lab.client(gateway) is None, 5, "the gateway unlinked")
        gateway.link()
        expect(lab.client(other), "the gateway of the main port was lost")


def test_a_dgid_that_comes_to_the_list_nails_who_asks_for_it():
    with Reloaded({"ysf.aux_ports": "41:0", "dgid.list": "1,22", "dgid.default": "22"}) as daemon, \
            Lab(daemon) as lab:
        aux, named = lab.gateway("AUX", port=port_of(daemon, 41)), lab.gateway("GW-41")
        plain = lab.gateway("PLAIN")

        def dgids():
            return [lab.client(gateway)["dgid"] for gateway in (aux, named, plain)]

        expect(dgids() == [22, 22, 22], f"{dgids()}")
        for _ in range(2):
            daemon.reloaded({"ysf.aux_ports": "41:0", "dgid.list": "1,22,41", "dgid.default": "22"})
            eventually(lambda: dgids() == [41, 41, 22], 5, "who is nailed to 41")
            named.call(sq=1)
            named.silent()
            expect(dgids() == [41, 41, 22], f"moved by radio: {dgids()}")
            daemon.reloaded({"ysf.aux_ports": "41:0", "dgid.list": "1,22", "dgid.default": "22"})
            eventually(lambda: dgids() == [22, 22, 22], 5, "all on the default")


def test_busy_auxiliary_port_names_its_key():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as busy:
        busy.bind(("127.0.0.1", 0))
        port = busy.getsockname()[1]
        daemon = Daemon(f"ysf.aux_ports=41:{port}", listen="127.0.0.1:0", start=False)
        try:
            daemon.launch()
            expect(daemon.process.wait(timeout=20) != 0, "it started")
            expect(f"ysf.aux_ports: can't bind 127.0.0.1:{port}" in daemon.log(), daemon.log())
        finally:
            daemon.close()
        with Reloaded({"ysf.aux_ports": "41:0"}) as daemon, Lab(daemon) as lab:
            gateway = lab.gateway("ONE", port=port_of(daemon, 41))
            before = daemon.status()["services"]
            problems = daemon.refused({"ysf.aux_ports": f"41:0, 88:{port}"})
            where = f"{daemon.config}:"
            expect(problems[0].startswith(where) and "ysf.aux_ports: can't bind" in problems[0], problems)
            expect(daemon.status()["services"] == before, "something stayed")
            gateway.link()


def test_upgrade_keeps_auxiliary_ports():
    with Home(("workers.ysf=2", "ysf.aux_ports=41:0,88:0", "ysf alias ANNA.dgid=41"),
              listen="127.0.0.1:0") as home:
        before = auxiliaries(home.daemon)
        with Lab(home.daemon) as lab:
            gateway = lab.gateway("ONE", port=port_of(home.daemon, 41))
            home.put(SHACKD)
            home.upgrade()
            expect(auxiliaries(home.daemon) == before, f"{auxiliaries(home.daemon)} {before}")
            expect(lab.client(gateway), "the gateway was lost")
            gateway.poll()
            gateway.expect(POLL_ANSWER)


def run(*options):
    done = subprocess.run([SHACKD, "-T", "-c", "/dev/null", *options], capture_output=True, text=True,
                          timeout=20)
    return done.returncode, done.stdout, done.stderr


def test_alias_sections():
    code, text, err = run("-o", "ysf alias IT PYSF3-TEST.dgid=22", "-o", "ysf alias B.C.dgid = 9",
                          "-o", "ysf alias B.C.description=there")
    expect(code == 0, err)
    expect("[ysf alias IT PYSF3-TEST]\ndgid = 22\nid = 0\ndescription =\n" in text, text)
    expect("[ysf alias B.C]\ndgid = 9\nid = 0\ndescription = there\n" in text, text)
    code, _, err = run("-o", "ysf alias A.dgid=22", "-o", "ysf alias B.dgid=22")
    expect(code == 1 and "ysf alias B.dgid: 22 is that of [ysf alias A] too" in err, err)


def test_reload_of_aliases():
    with Reloaded({"ysf alias A.dgid": "22"}) as daemon:
        answer = daemon.reloaded({"ysf alias B.dgid": "23", "ysf alias B.id": "12345"})
        expect("ysf alias *.dgid" in answer["changed"], f"{answer}")
        answer = daemon.reloaded({"ysf alias B.dgid": None, "ysf alias B.id": None})
        expect("ysf alias *.dgid" in answer["changed"], f"{answer}")
        problems = daemon.refused({"ysf alias C.id": "1"})
        expect(problems[0].endswith("ysf alias C.dgid: is missing (it has no default)"), problems)


if __name__ == "__main__":
    main(globals())
