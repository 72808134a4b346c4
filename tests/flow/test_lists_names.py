#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_lists_names - host names in access files
# PURPOSE   A name server of the test's own that answers, changes its mind, is silent, refuses, and
#           says that there is no such name: nobody waits for it, and no good answer is lost.
# OWNER     make check
# CONTRACT  one `ok`, `not ok` or `SKIP` line for each test; exit 1 if any failed
# RUNS      beside others, about 70 s
# LIMITS    needs root: network and mount namespaces of its own, so that port 53 of 127.0.0.1 and
#           /etc/resolv.conf are the test's

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
import nameserver  # noqa: E402
from lists import Lists, hosts  # noqa: E402
from nameserver import server  # noqa: E402
from shackd import SLOW, eventually, main  # noqa: E402
from ysf import Lab, expect  # noqa: E402

def kill_data(daemon):
    pid = daemon.worker_pids()["data"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: daemon.worker_pids().get("data") not in (0, None, pid) and
               daemon.workers()["data"]["state"] == "ready", 10, "a successor")


def test_names_get_their_addresses_of_both_families():
    server(gate_example=["192.0.2.1", "2001:db8::1"], ban_example=["192.0.2.2"])
    with Lists(deny=b"IP:gate.example\nIPB:Ban.Example\nIP:192.0.2.0/30\n") as lists:
        lists.become("IP", "192.0.2.0/30", "192.0.2.1/32", "2001:db8::1/128")
        lists.become("IPB", "192.0.2.2/32")
        expect(hosts(lists.daemon.pid) == {"gate.example": {"192.0.2.1", "2001:db8::1"},
                                           "ban.example": {"192.0.2.2"}}, hosts(lists.daemon.pid))


def test_hosts_file_counts():
    server()
    with Lists(deny=b"IP:here.test\n") as lists:
        lists.become("IP", "192.0.2.77/32")


def test_changed_answer_is_taken():
    names = server(gate_example=["192.0.2.1"])
    with Lists(deny=b"IP:gate.example\n") as lists:
        lists.become("IP", "192.0.2.1/32")
        names.records["gate.example"] = ["192.0.2.9", "2001:db8::9"]
        lists.put(lists.deny.read_bytes())  # asks anew, as every ten minutes does
        lists.become("IP", "192.0.2.9/32", "2001:db8::9/128")


def keeps(mood, why):
    names = server(gate_example=["192.0.2.1"])
    with Lists(deny=b"IP:gate.example\n") as lists:
        lists.become("IP", "192.0.2.1/32")
        if mood == "gone":
            names.records.clear()
        else:
            names.mood = mood
        lists.put(lists.deny.read_bytes())
        lists.said(f"host gate.example can't be resolved: {why}.*; its last addresses stay", 20)
        expect(lists.lists["IP"] == ["192.0.2.1/32"], lists.lists)
        for _ in range(2):
            kill_data(lists.daemon)
            lists.said("host gate.example can't be resolved", 20)
            expect(lists.lists["IP"] == ["192.0.2.1/32"], "a successor knows it too")
        server(gate_example=["192.0.2.5"])
        lists.said("host gate.example can be resolved again", 20)
        lists.become("IP", "192.0.2.5/32")


def test_last_answer_stays_when_the_server_refuses():
    keeps("refuse", "(DNS server refused query|Could not contact DNS servers)")


def test_last_answer_stays_when_the_server_is_silent():
    keeps("silent", "Timeout")


def test_last_answer_stays_when_the_name_is_gone():
    keeps("gone", "Domain name not found")


def test_everything_gone_and_the_worker_killed_loses_nothing():
    names = server(gate_example=["192.0.2.1"])
    with Lists(deny=b"IP:gate.example\nCS:BANNED\nIPB:192.0.2.64/26\n") as lists:
        lists.become("IP", "192.0.2.1/32")
        names.mood = "silent"
        os.unlink(lists.deny)
        for _ in range(3):
            kill_data(lists.daemon)
            lists.said("does not exist; the list read before stays")
            lists.said("host gate.example can't be resolved: Timeout", 20)
            expect(lists.lists["IP"] == ["192.0.2.1/32"] and lists.lists["CS"] == ["BANNED"] and
                   lists.lists["IPB"] == ["192.0.2.64/26"], lists.lists)
        server(gate_example=["192.0.2.6"])  # and names go on without their file
        lists.become("IP", "192.0.2.6/32", deadline=30)


def test_name_that_never_resolves_is_said_once_and_stops_nothing():
    names = server()
    with Lists(deny=b"IP:never.example\nCS:BANNED\n") as lists:
        expect(lists.lists["CS"] == ["BANNED"], "in force at the ready line")
        lists.said("host never.example can't be resolved: .*; it has no address until it can")
        asked = len(names.asked)
        eventually(lambda: len(names.asked) > asked, 20, "another try")
        kept = lists.daemon.ctl("metrics")["data"]
        expect(kept["names_unresolved"] == 1 and kept["names"] == 1, kept)
        server(never_example=["192.0.2.3"])
        lists.become("IP", "192.0.2.3/32", deadline=40)
        expect(lists.daemon.log().count("can't be resolved") == 1, "said once")


def test_silent_server_delays_nobody():
    names = server()
    names.mood = "silent"
    deny = b"CS:BANNED\n" + b"".join(b"IP:gate%d.example\n" % i for i in range(200))
    began = time.monotonic()
    with Lists("workers.ysf=1", deny=deny) as lists:
        expect(time.monotonic() - began < 5 * SLOW, "the start")
        expect(lists.lists["CS"] == ["BANNED"], "the list is in force")
        began = time.monotonic()
        lists.put(deny + b"CS:NEW\n")
        lists.become("CS", "BANNED", "NEW")
        expect(time.monotonic() - began < 1 * SLOW, "a new file")
        with Lab(daemon=lists.daemon) as lab:
            gateway = lab.gateway("GATE")
            other = lab.gateway("OTHER")
            for frame in gateway.call():
                other.expect(frame)
        expect(lists.daemon.workers()["data"]["restarts"] == 0, "nobody hung")


def test_other_servers_are_found():
    """The configuration of the resolver changes while the daemon runs."""
    server(gate_example=["192.0.2.1"])
    good = Path("/etc/resolv.conf").read_text()
    Path("/etc/resolv.conf").write_text("nameserver 127.0.0.9\n")
    try:
        with Lists(deny=b"IP:gate.example\n") as lists:
            lists.said("host gate.example can't be resolved", 20)
            Path("/etc/resolv.conf").write_text(good)
            lists.become("IP", "192.0.2.1/32", deadline=20)
    finally:
        Path("/etc/resolv.conf").write_text(good)


if __name__ == "__main__":
    nameserver.run(main, globals())
