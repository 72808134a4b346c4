#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_full - a shm_dir that is too small, or becomes full
# PURPOSE   Limits that don't fit are refused at the start, with the numbers; a tmpfs that others fill at
#           run time doesn't take the voice from linked gateways.
# OWNER     make check
# CONTRACT  as root, in a mount namespace of its own (the test starts itself anew in one); the tmpfs that
#           it mounts goes with the namespace
# RUNS      beside few
# LIMITS    SKIP without root

import os
import signal
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS / "lib")]
from lib.shackd import SLOW, Daemon, eventually, main
from lib.tmpfs import Tmpfs, namespace, need_namespace
from ysf import POLL_ANSWER, Lab, counters, expect

CALLS = int(os.environ.get("CALLS", "4500" if SLOW == 1 else "1000"))


def test_limits_that_do_not_fit_are_refused_with_the_numbers():
    need_namespace()
    with Tmpfs("2m") as tmpfs:
        daemon = Daemon(f"server.shm_dir={tmpfs.path}/shm", start=False)
        try:
            status = daemon.launch().wait(20)
            text = daemon.log()
        finally:
            daemon.close()
    expect(status == 2, f"status {status}")
    expect("limits need" in text and "MiB" in text and str(tmpfs.path) in text, text)


def test_calls_go_on_while_shm_dir_is_full():
    """More of them than the reserve holds events for: the log must stop growing by itself."""
    need_namespace()
    with Tmpfs("40m") as tmpfs, Daemon(f"server.shm_dir={tmpfs.path}/shm", "workers.ysf=2",
                                       "ysf.frame_rate=0") as daemon, Lab(daemon) as lab:
        talker, listener = lab.pair()
        size = (tmpfs.path / "shm/voice/data.mdb").stat
        eventually(lambda: size().st_blocks * 512 > size().st_size, 5, "the reserve")
        tmpfs.fill()
        for _ in range(CALLS):
            listener.expect(*talker.call(frames=1))
        listener.silent()
        kept = daemon.worker_pids()["keeper"]
        os.kill(kept, signal.SIGKILL)
        eventually(lambda: daemon.worker_pids()["keeper"] not in (0, kept) and
                   daemon.workers()["keeper"]["state"] == "ready", 5, "a new keeper")
        lab.relays(talker, listener)


def stop_keeper(daemon, lab):
    """Stops keeper, but not while it holds the gate: a newcomer can still be linked. Its pid."""
    for attempt in range(20):
        pid = daemon.worker_pids()["keeper"]
        os.kill(pid, signal.SIGSTOP)
        probe = lab.stranger(f"PROBE{attempt}")
        probe.poll()
        if probe.receive(1.0 * SLOW) == POLL_ANSWER:
            return pid
        os.kill(pid, signal.SIGCONT)
    raise AssertionError("keeper always holds the gate")


def test_linked_gateways_talk_on_while_shm_dir_is_full():
    need_namespace()
    with Tmpfs("64m") as tmpfs, Daemon(f"server.shm_dir={tmpfs.path}/shm", "workers.ysf=1", "server.watchdog=1m",
                                       "limits.events=20000", "ysf.frame_rate=0", "limits.clients=60000",
                                       "limits.clients_per_ip=60000") as daemon, Lab(daemon) as lab:
        talker, listener = lab.pair()
        # the reserve is made by keeper's second-hand: what it holds is taken from the tmpfs
        size = (tmpfs.path / "shm/voice/data.mdb").stat
        eventually(lambda: size().st_blocks * 512 > size().st_size, 5, "the reserve")
        tmpfs.fill()
        for _ in range(300):
            listener.expect(*talker.call(frames=2))
        listener.silent()
        # new gateways may be refused now, and then are not answered; whoever is answered is linked
        crowd = [lab.stranger(f"C{n}") for n in range(200)]
        keeper = stop_keeper(daemon, lab)  # it would bound the log in time
        for turn in range(40):
            for _ in range(20):
                for gateway in crowd:
                    gateway.poll()
                    gateway.unlink()
            talker.drain()  # all that is worked off
            newcomers = [lab.stranger(f"N{turn}-{n}") for n in range(50)]
            for newcomer in newcomers:
                newcomer.poll()
            talker.drain()  # and these, too: whoever has no answer by now gets none
            answered = {n.name for n in newcomers if n.receive(0.01) == POLL_ANSWER}
            if len(answered) < len(newcomers):
                break
        os.kill(keeper, signal.SIGCONT)
        linked = {client["gateway"] for client in daemon.ctl("clients")}
        expect(answered <= linked, f"answered, not linked: {sorted(answered - linked)}")
        refused = counters(daemon)["refused_total{cause=store}"]
        expect(refused, "the store never became full")
        # keeper bounds the log within a second or so; from then on calls go through again
        eventually(lambda: "event log is held" in daemon.log(), 5, "the bound of the log")
        lab.relays(talker, listener)
        tmpfs.empty()
        lab.relays(talker, listener)
        lab.relays(*lab.pair(9))
        died = [slot for slot, worker in daemon.workers().items() if worker["restarts"]]
        expect(not died, f"died: {died}")
        print(f"# full after {turn + 1} rounds; {refused} changes were refused, "
              f"{len(newcomers) - len(answered)} of the last {len(newcomers)} newcomers")


if __name__ == "__main__":
    namespace()
    main(globals())
