#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_dxc_accept - who may come to the cluster, and how fast
# PURPOSE   A flood from one address, strangers who say nothing, a network that takes too much, and a
#           crowd from everywhere that is only slowed down.
# OWNER     tests
# CONTRACT  loopback; the network of the crowd is a namespace of the test's own
# RUNS      beside others
# LIMITS    the case of one network needs root

import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.cluster import Cluster  # noqa: E402
from lib.shackd import IS_ROOT, SLOW, Skip, eventually, main  # noqa: E402

BURST, RATE, STRANGERS, NETWORK = 6, 3, 3, 64


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


def connect(port, source, host="127.0.0.1"):
    sock = socket.socket()
    sock.settimeout(10 * SLOW)
    sock.bind((source, 0))
    sock.connect((host, port))
    return sock


def was_refused(sock):
    """Reads up to the end, or to what a session is asked first."""
    text = b""
    while not text.endswith(b": ") and b"call" not in text:
        try:
            chunk = sock.recv(4096)
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            expect(text == b"" or (text.startswith(b"Sorry, ") and text.count(b"\r\n") == 1),
                   f"not a refusal in one line: {text!r}")
            return True
        text += chunk
    return False


def counters(cluster):
    return cluster.status()["counters"]


def refused(cluster):
    return {name.removeprefix("sessions_refused_"): count for name, count in counters(cluster).items()
            if name.startswith("sessions_refused_")}


def test_a_flood_from_one_address_gets_three_places():
    with Cluster() as cluster:
        began = time.monotonic()
        flood = [connect(cluster.dxc_port, "127.0.0.1") for _ in range(1000)]
        other = connect(cluster.dxc_port, "127.0.0.2")
        expect(not was_refused(other), "somebody else was refused for it")
        fate = [was_refused(sock) for sock in flood]
        took = time.monotonic() - began
        expect(fate.count(False) == STRANGERS, f"{fate.count(False)} of a flood got in")
        count = refused(cluster)
        expect(sum(count.values()) == 1000 - STRANGERS, f"{count}")
        expect(BURST - STRANGERS <= count["login"] <= BURST - STRANGERS + RATE * took + 1,
               f"{count} in {took:.1f} s")
        for cause in ("login", "rate"):
            expect(cluster.count("dxc_refused_total", cause) == count[cause], "metrics differ")
        expect(counters(cluster)["sessions_refused"] == 0, "somebody was refused for want of room")


def test_who_has_logged_in_is_no_stranger():
    with Cluster("limits.sessions_per_ip=5") as cluster:
        users = []
        for call in ("DL1AA", "DL1AB", "DL1AC", "DL1AD", "DL1AE"):
            users.append(cluster.user(call, source="127.0.0.3"))
            eventually(lambda: cluster.status()["services"]["dxc"]["sessions"] == len(users), 5)
            time.sleep(1 / RATE)  # of the rate that is tried here
        expect(counters(cluster)["sessions_refused_login"] == 0, "a user was taken for a stranger")
        expect(was_refused(connect(cluster.dxc_port, "127.0.0.3")), "one too many of an address")
        expect(refused(cluster)["per_ip"] == 1, f"{refused(cluster)}")
        # who dies before the master knows of a login says it again
        pid = cluster.worker_pids()["dxc.0"]
        os.kill(pid, 9)
        eventually(lambda: cluster.worker_pids().get("dxc.0", pid) != pid, 5)
        users[0].sock.close()
        eventually(lambda: cluster.status()["services"]["dxc"]["sessions"] == 4, 5)
        expect(not was_refused(connect(cluster.dxc_port, "127.0.0.3")), "no room after one left")


def address(i):
    return f"127.{1 + i // 60000}.{i // 250 % 240}.{1 + i % 250}"


def test_a_crowd_from_everywhere_is_served_without_a_refusal():
    crowd = 2000
    with Cluster(f"limits.sessions={crowd}", "workers.dxc=2") as cluster:
        began = time.monotonic()
        place = select.epoll()
        call, text = {}, {}
        for i in range(crowd):
            sock = connect(cluster.dxc_port, address(i))
            sock.setblocking(False)
            place.register(sock.fileno(), select.EPOLLIN)
            call[sock.fileno()] = (sock, f"DL{i % 10}{chr(65 + i // 10 % 26)}{chr(65 + i // 260)}")
            text[sock.fileno()] = b""
        logged_in = set()
        while len(logged_in) < crowd:
            ready = place.poll(20 * SLOW)
            expect(ready, f"{len(logged_in)} of {crowd} are in, nothing comes any more")
            for fd, _ in ready:
                sock, name = call[fd]
                asked = b"call: " in text[fd]
                chunk = sock.recv(65536)
                expect(chunk and b"Sorry" not in chunk, f"{name}: refused: {text[fd] + chunk!r}")
                text[fd] += chunk
                if not asked and b"call: " in text[fd]:
                    sock.send(name.encode() + b"\r\n")
                elif asked and b" dxspider >" in text[fd]:
                    logged_in.add(fd)
        took = time.monotonic() - began
        expect(not any(refused(cluster).values()), f"{refused(cluster)}")
        expect(cluster.status()["services"]["dxc"]["sessions"] == crowd, "not all are there")
        # 300 at once, then 300 a second
        expect(took >= (crowd - 300) / 300 * 0.9, f"nobody waited: {took:.1f} s")
        print(f"# {crowd} logins in {took:.1f} s, {counters(cluster)['sessions_delayed']} pauses")


def test_one_network_takes_its_share_alone():
    if not IS_ROOT or subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode != 0:
        raise Skip("needs root")
    if os.environ.get("DXC_NETWORK") != "own":
        again = subprocess.run(["unshare", "-n", sys.executable, __file__,
                                "test_one_network_takes_its_share_alone"], text=True,
                               env=dict(os.environ, DXC_NETWORK="own"), capture_output=True,
                               timeout=100 * SLOW)
        expect(again.returncode == 0, again.stdout + again.stderr)
        return
    for words in (["link", "set", "lo", "up"], ["addr", "add", "10.1.0.1/16", "dev", "lo"]):
        subprocess.run(["ip", *words], check=True)
    with Cluster("dxc.listen=10.1.0.1:0") as cluster:
        held = []
        while len(held) < 200 and refused(cluster)["network"] == 0:
            sock = connect(cluster.dxc_port, f"10.1.2.{len(held) + 1}", "10.1.0.1")
            if not was_refused(sock):
                held.append(sock)
        expect(len(held) == NETWORK, f"{len(held)} of one network are in")
        expect(not was_refused(connect(cluster.dxc_port, "10.1.3.1", "10.1.0.1")),
               "another network was refused")


if __name__ == "__main__":
    main(globals())
