#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_upgrade_bad - a bad build does no harm
# PURPOSE   Every way that we know for an upgrade to go wrong, each under voice: the build that was
#           there serves on, soon, and nothing is lost.
# OWNER     tests
# CONTRACT  TIMES=n in the environment tries each way as often (default 1; the README's row says 10)
# RUNS      beside few
# LIMITS    a build that hangs in its rehearsal is waited for as long as an operator's (10 s), so it
#           is tried once

import ctypes
import ctypes.util
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from lib.builds import NEXT, TESTING, copy_of, net_beside, replace  # noqa: E402
from lib.shackd import SLOW, alive, eventually, main  # noqa: E402
from lib.sim import Simulator  # noqa: E402
from test_upgrade import GATEWAYS, ROOMS, VOICE, Home, all_ready, expect, ids  # noqa: E402

TIMES = int(os.environ.get("TIMES", "1"))
BACK = 2.0 * SLOW  # seconds from the failure to serving as before


# ---- ways to be bad: each puts something in the executable's place ----

def not_an_elf(home):
    fresh = home.path.with_suffix(".new")
    fresh.write_text("#!/bin/sh\nexit 0\n")
    fresh.chmod(0o755)
    fresh.rename(home.path)


def changed(home, change):
    home.put(TESTING)  # what lies beside it is good
    data = bytearray(TESTING.read_bytes())
    change(data)
    fresh = home.path.with_suffix(".new")
    fresh.write_bytes(data)
    fresh.chmod(0o755)
    fresh.rename(home.path)


def wrong_machine(home):
    def change(data):
        data[18:20] = (0xF3 if data[18] != 0xF3 else 0x3E).to_bytes(2, "little")
    changed(home, change)


def missing_library(home):
    def change(data):
        at = data.index(b"liblmdb.so")
        data[at:at + 10] = b"libl0st.so"
    changed(home, change)


def cut_short(home):
    changed(home, lambda data: data.__delitem__(slice(4096, None)))


def writable_by_others(home):
    copy_of(TESTING, home.path)
    home.path.chmod(0o777)


def writable_parent(home):
    copy_of(TESTING, home.path)
    os.chmod(home.folder.name, 0o777)


def net_missing(home):
    home.put(TESTING)
    net_beside(home.path).unlink()


def net_of_another_build(home):
    home.put(TESTING)
    replace(net_beside(home.path), net_beside(NEXT))


def net_that_is_none(home):
    home.put(TESTING)
    replace(net_beside(home.path), "/bin/true")


def net_writable_by_others(home):
    home.put(TESTING)
    net_beside(home.path).chmod(0o777)


def net_without_its_library(home):
    home.put(TESTING)
    data = net_beside(TESTING).read_bytes().replace(b"libev.so.4", b"libl0st.so", 1)
    fresh = net_beside(home.path).with_suffix(".new")
    fresh.write_bytes(data)
    fresh.chmod(0o755)
    fresh.rename(net_beside(home.path))


def symbolic_link(home):
    real = home.path.with_suffix(".real")
    copy_of(TESTING, real)
    home.path.unlink(missing_ok=True)
    home.path.symlink_to(real)


def failing_at(point):
    def way(home):
        home.put(TESTING, point)
    way.__name__ = point
    return way


WAYS = [  # what is put there, what the operator is told
    (not_an_elf, "not an ELF executable"),
    (wrong_machine, "another machine"),
    (missing_library, "libl0st.so"),
    (cut_short, "rehearsal"),
    (writable_by_others, "others may write to it"),
    (writable_parent, "others may write into the directory"),
    (symbolic_link, "symbolic link"),
    (net_missing, "shackd-net: No such file"),
    (net_of_another_build, "is not of the same build as"),
    (net_that_is_none, "is not of the same build as"),
    (net_writable_by_others, "shackd-net: others may write to it"),
    (net_without_its_library, "libl0st.so"),
    (failing_at("exit-in-rehearsal"), "proved nothing"),
    (failing_at("crash-in-rehearsal"), "signal 6"),
    (failing_at("wrong-schema"), "schema"),
    (failing_at("wrong-fd-count"), "descriptors are open"),
    (failing_at("wrong-fd-count-after-exec"), "descriptors are open"),
    (failing_at("swapped-fd"), "is something else by now"),
    (failing_at("crash-after-exec"), "crashed (signal 6)"),
    (failing_at("exit-after-exec"), "it ended"),
    (failing_at("hang-after-exec"), "took too long"),
    (failing_at("exit-before-ready"), "made to fail"),
    (failing_at("never-ready"), "took too long"),
    (failing_at("crash-at-go"), "of the new build died"),
    (failing_at("crash-before-commit"), "crashed (signal 6)"),
]


def clean(home):
    os.chmod(home.folder.name, 0o755)
    if home.path.is_symlink():
        home.path.unlink()


def try_one(home, way, word):
    """Returns how long it took until all was as before, counted from the refusal."""
    daemon = home.daemon
    pid, generation = daemon.pid, daemon.status()["generation"]
    way(home)
    code, _, why = daemon.ask("upgrade")
    answered = time.monotonic()
    expect(code == 1, f"{way.__name__} was taken")
    expect(word in why, f"{way.__name__}: {why!r} does not say {word!r}")
    eventually(lambda: all_ready(daemon), BACK, f"service after {way.__name__}")
    took = time.monotonic() - answered
    status = daemon.status()
    expect(status["pid"] == pid and alive(pid) and status["generation"] == generation,
           f"{way.__name__}: another daemon")
    expect(not status["last_upgrade"]["ok"] and word in status["last_upgrade"]["why"],
           f"{status['last_upgrade']}")
    clean(home)
    return took


def under_voice(home, ways):
    daemon = home.daemon
    with Simulator(daemon, "--gateways", GATEWAYS // 2, "--rooms", f"1-{ROOMS}:{GATEWAYS // 2 // ROOMS}",
                   "--talkers", ROOMS, "--frames", 50, "--calls", 0, "--poll", 5,
                   "--no-unlink") as sim:
        sim.wait("talking")
        before = ids(daemon)
        worst = max((try_one(home, way, word), way.__name__) for way, word in ways
                    for _ in range(TIMES))
        after = ids(daemon)
        sim.finish()
        report = sim.report()
    print(f"# {len(ways)} ways, {TIMES} times each, service after {worst[0] * 1000:.0f} ms at most "
          f"({worst[1]}), {report['expected']} datagrams expected, {report['lost']} lost, "
          f"{report['duplicates']} doubled, longest gap {report.get('gap_us')} us")
    expect(before == after and len(after) == GATEWAYS // 2, "registrations were lost or made anew")
    expect(report["lost"] == 0, f"{report['lost']} lost")
    expect(report["duplicates"] <= len(ways) * TIMES, f"{report['duplicates']} doubled")


def test_bad_builds_leave_the_old_one_serving():
    with Home(("workers.ysf=2", *VOICE), program=TESTING, listen="127.0.0.1:0") as home:
        under_voice(home, WAYS)
        # and a good one is still taken
        home.put(TESTING)
        expect(home.upgrade()["generation"] == 2, "generation")


def bodies(pid):
    """Children of PID that are dead and not reaped."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if state == "Z" and int(parent) == pid:
            found.append(stat.parent.name)
    return found


def test_no_body_stays_after_a_way_back():
    """A holder that ended just before the way back is reaped by who comes back."""
    with Home(("workers.ysf=2",), program=TESTING, listen="127.0.0.1:0") as home:
        daemon = home.daemon
        for _ in range(6):
            home.put(TESTING, "crash-at-go")
            expect(daemon.ask("upgrade")[0] == 1, "it was taken")
            eventually(lambda: all_ready(daemon), BACK, "service")
        eventually(lambda: not bodies(daemon.pid), 5, "an end without bodies")


def test_sessions_that_end_before_a_way_back():
    """Their descriptors' numbers are those of other things afterwards."""
    with tempfile.TemporaryDirectory(prefix="shackd-config-") as folder:
        os.chmod(folder, 0o755)
        config = Path(folder) / "shackd.ini"
        config.write_text("[workers]\nysf = 1\n")
        with Home(("line.enabled=yes", "line.listen=127.0.0.1:0", "workers.line=1",
                   "limits.sessions_per_ip=100"), program=TESTING, listen="127.0.0.1:0",
                  config=config) as home:
            daemon = home.daemon
            port = int(daemon.ready.split("line=127.0.0.1:")[1].split()[0].split(",")[0])
            clients = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(40)]
            for client in clients:
                client.recv(100)
            # memory of slots that come now has higher descriptors than the sessions
            config.write_text("[workers]\nysf = 24\n")
            expect(daemon.ask("reload")[0] == 0, "reload")
            home.put(TESTING, "never-ready")
            upgrade = threading.Thread(target=daemon.ask, args=("upgrade",))
            upgrade.start()
            eventually(lambda: "executing" in daemon.log(), 5, "the exec")
            for client in clients[:30]:
                client.close()
            upgrade.join()
            eventually(lambda: all_ready(daemon), 5, "service")
            for pid in daemon.worker_pids().values():
                os.kill(pid, signal.SIGKILL)
            eventually(lambda: all_ready(daemon) and daemon.workers()["line.0"]["sessions"] == 10, 10,
                       "new workers")
            for client in clients[30:]:
                client.sendall(b"still here\n")
                expect(client.recv(100).endswith(b"still here\n"), "its answer")
                client.close()


def is_armed(pid):
    """Has the new image its way back? What it maps last for that is the memory for its progress."""
    return "shackd-progress" in Path(f"/proc/{pid}/maps").read_text()


def test_any_signal_of_a_fault_leads_back():
    for number in (signal.SIGTRAP, signal.SIGXFSZ, signal.SIGSEGV):
        with Home(program=TESTING, listen="127.0.0.1:0") as home:
            daemon = home.daemon
            home.put(TESTING, "never-ready")
            reasons = []
            upgrade = threading.Thread(target=lambda: reasons.append(daemon.ask("upgrade")[2]))
            upgrade.start()
            eventually(lambda: b"--adopt" in Path(f"/proc/{daemon.pid}/cmdline").read_bytes() and
                       is_armed(daemon.pid), 5, "the exec, and the handlers of the new image")
            daemon.send(number)
            upgrade.join()
            expect(reasons and f"signal {int(number)}" in reasons[0], f"{number}: {reasons}")
            eventually(lambda: all_ready(daemon), BACK, "service")


def test_a_rehearsal_that_hangs_is_ended():
    with Home(program=TESTING) as home:
        began = time.monotonic()
        pids = home.daemon.worker_pids()
        try_one(home, failing_at("hang-in-rehearsal"), "longer than 10 s")
        took = time.monotonic() - began
        expect(10 <= took < 14 * SLOW, f"it took {took:.1f} s")
        expect(home.daemon.worker_pids() == pids, "workers changed")


def test_term_in_the_middle_of_a_rehearsal():
    with Home(program=TESTING) as home:
        daemon, reasons = home.daemon, []
        home.put(TESTING, "hang-in-rehearsal")
        upgrade = threading.Thread(target=lambda: reasons.append(daemon.ask("upgrade")))
        upgrade.start()
        eventually(lambda: "trying" in daemon.log(), 5, "the request")
        expect(daemon.stop() == 0, "it did not end well")
        upgrade.join()
        expect(reasons and reasons[0][0] == 1 and "is stopping" in reasons[0][2],
               f"who asked was told {reasons}")


def test_second_request_is_refused():
    with Home(program=TESTING) as home:
        home.put(TESTING, "hang-in-rehearsal")
        first = threading.Thread(target=home.daemon.ask, args=("upgrade",))
        first.start()
        eventually(lambda: "trying" in home.daemon.log(), 5, "the first request")
        code, _, why = home.daemon.ask("upgrade")
        expect(code == 1 and "an upgrade is running" in why, why)
        code, _, why = home.daemon.ask("reload")
        expect(code == 1 and why, "a reload beside an upgrade")
        first.join()


# ---- signatures ----

class Signer:
    """An Ed25519 key of libsodium, for the length of a test."""

    def __init__(self):
        self.sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
        self.public, self.secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
        expect(self.sodium.sodium_init() >= 0, "libsodium")
        self.sodium.crypto_sign_keypair(self.public, self.secret)

    def sign(self, path):
        data = Path(path).read_bytes()
        signature = ctypes.create_string_buffer(64)
        self.sodium.crypto_sign_detached(signature, None, data, ctypes.c_ulonglong(len(data)), self.secret)
        Path(f"{path}.sig").write_bytes(signature.raw)


def test_signatures():
    signer, other = Signer(), Signer()
    with Home((f"server.upgrade_key={signer.public.raw.hex()}",), program=TESTING) as home:
        signature = Path(f"{home.path}.sig")

        def missing(home):
            signature.unlink(missing_ok=True)

        def of_another_key(home):
            other.sign(home.path)

        def of_another_file(home):
            signer.sign(home.path)
            with open(home.path, "ab") as file:
                file.write(b"\0")

        def too_short(home):
            signer.sign(home.path)
            signature.write_bytes(signature.read_bytes()[:-1])

        for way, word in ((missing, "No such file"), (of_another_key, "signature is not of"),
                          (of_another_file, "signature is not of"), (too_short, "not a signature")):
            for _ in range(TIMES):
                home.put(TESTING)
                try_one(home, way, word)
        for way, word in ((lambda home: None, "shackd-net.sig: No such file"),
                          (lambda home: other.sign(net_beside(home.path)), "signature is not of")):
            home.put(TESTING)
            signer.sign(home.path)
            try_one(home, way, word)
        home.put(TESTING)
        signer.sign(home.path)
        signer.sign(net_beside(home.path))
        expect(home.upgrade()["generation"] == 2, "a good signature was refused")


if __name__ == "__main__":
    main(globals())
