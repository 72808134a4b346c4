#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_ysf_parrot - the DG-ID that plays back what it hears
# PURPOSE   Each frame of a transmission comes back once, in order, at the pace of speech, to its
#           sender and to nobody else; whatever happens to the worker that has the recording.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case; KILLS=n in the
#           environment for more kills
# RUNS      beside others, about 70 s
# LIMITS    when a frame came is told by the kernel's own stamp; the longest tape is filled, but only
#           the first frames of it are played

import os
import random
import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from lib.builds import NEXT  # noqa: E402
from lib.figures import figures  # noqa: E402
from shackd import Daemon, SLOW, eventually, main  # noqa: E402
from ysf import Counted, Lab, counters, events, expect, expect_nobody_died, shared, streams  # noqa: E402
from flow.test_upgrade import Home  # noqa: E402

KILLS = int(os.environ.get("KILLS", "60"))
PARROT = 10
OPTIONS = ("workers.ysf=1", "dgid.list=1-60", "dgid.default=22", f"dgid.parrot={PARROT}",
           "ysf.frame_rate=0", "ysf.client_timeout=1h", "protection.wild_ptt_count=0",
           "protection.tx_timeout=10m")
STAMP = 35  # SO_TIMESTAMPNS, and the type of its message
TAPES, TAPE_FRAMES = 8, 1800
WAIT, PERIOD = 2.0, 0.1


def lab(*options):
    return Lab(shared(*OPTIONS, *options))


def sender(box, name="PARROT", source="IU5JAE"):
    gateway = box.gateway(f"{name}-{PARROT}", source)
    gateway.sock.setsockopt(socket.SOL_SOCKET, STAMP, 1)
    return gateway


def heard(gateway, patience):
    """(frame, when the kernel had it), or None."""
    if not select.select([gateway.sock], [], [], patience)[0]:
        return None
    data, extra, _, _ = gateway.sock.recvmsg(2048, 128)
    for level, kind, value in extra:
        if level == socket.SOL_SOCKET and kind == STAMP:
            seconds, nanos = struct.unpack("qq", value[:16])
            return data, seconds + nanos / 1e9
    return data, time.time()


def playback(gateway, count, patience=WAIT + 3):
    """Up to COUNT frames, and whatever follows within three periods."""
    got = []
    while (one := heard(gateway, patience * SLOW if len(got) < count else 3 * PERIOD)) is not None:
        got.append(one)
        patience = 3
    return got


def expect_played(gateway, sent, ended=None, patience=WAIT + 3):
    got = playback(gateway, len(sent), patience)
    frames, times = [frame for frame, _ in got], [at for _, at in got]
    expect(frames == sent, f"{gateway.name} heard {len(frames)} frames, not its {len(sent)}"
           if len(frames) != len(sent) else f"{gateway.name} heard other frames, or in another order")
    if ended is not None:
        expect(WAIT - 0.05 < times[0] - ended < WAIT + 0.5 * SLOW,
               f"began {times[0] - ended:.2f} s after the end")
    return times


def expect_pace(times, slack=0.0):
    gaps = [after - before for before, after in zip(times, times[1:])]
    expect(min(gaps) > 0.06, f"two frames {min(gaps):.3f} s apart")
    whole = (times[-1] - times[0]) / len(gaps)
    expect(PERIOD - 0.002 < whole < PERIOD * 1.15 * SLOW + slack, f"{whole:.3f} s a frame")


def record(gateway, frames, pause=0.0, end=True):
    sent = [gateway.header()]
    for _ in range(frames):
        if pause:
            time.sleep(pause)
        sent.append(gateway.voice())
    return sent + ([gateway.terminator()] if end else [])


def quiet(daemon):
    eventually(lambda: not streams(daemon), what="no open stream")


def test_sender_alone_hears_it_two_seconds_later_at_the_pace_of_speech():
    with lab() as box:
        talker, other, elsewhere = sender(box), sender(box, "OTHER"), box.gateway("L22")
        sent = record(talker, 20)
        quiet(box.daemon)
        times = expect_played(talker, sent, ended=time.time())
        expect_pace(times)
        for gateway in (other, elsewhere, talker):
            gateway.silent()
        start, = events(box.daemon, "stream.start", port=talker.port)
        expect(start["parrot"] and not start["local"] and not start["muted"], start)


def test_call_without_terminator_is_played_too():
    with lab("ysf.watchdog=300ms") as box:
        talker = sender(box)
        sent = record(talker, 5, end=False)
        quiet(box.daemon)
        expect_played(talker, sent, ended=time.time())


def test_several_senders_at_the_same_time():
    with lab() as box:
        talkers = [sender(box, f"P{n}", f"DL{n}ABC") for n in range(TAPES)]
        sent = {talker: [talker.header()] for talker in talkers}
        for _ in range(8):
            for talker in talkers:
                sent[talker].append(talker.voice())
        for talker in talkers:
            sent[talker].append(talker.terminator())
        for talker in talkers:
            expect_pace(expect_played(talker, sent[talker]))


def test_next_transmission_ends_the_playback_and_is_played_itself():
    with lab() as box, Counted(box.daemon, {"parrot_stopped_total": 1}):
        talker = sender(box)
        first = record(talker, 30)
        got = [heard(talker, 4 * SLOW)[0] for _ in range(4)]
        expect(got == first[:4], "not what was said")
        second = record(talker, 3)
        got = []
        while not got or got[-1] != second[-1]:
            one = heard(talker, 4 * SLOW)
            expect(one is not None, "the second one is not played")
            got.append(one[0])
        rest = got[:-len(second)]
        expect(got[-len(second):] == second, "not the second one")
        # what was on its way when he keyed up
        expect(rest == first[4:4 + len(rest)] and len(rest) <= 2, f"{len(rest)} more of the first")


def test_transmission_before_the_playback_replaces_it():
    with lab() as box:
        talker = sender(box)
        record(talker, 3)
        quiet(box.daemon)
        second = record(talker, 4)
        expect_played(talker, second)


def test_transmission_elsewhere_ends_it_too():
    with lab() as box:
        talker = box.gateway("MOVABLE").go_home(PARROT)
        record(talker, 3)
        quiet(box.daemon)
        talker.header(sq=22)
        talker.terminator(sq=22)
        expect(not playback(talker, 1, WAIT + 1), "played on another DG-ID")


def test_first_transmission_after_a_change_of_dgid_is_not_recorded():
    with lab() as box:
        talker = box.gateway("MOVABLE")
        talker.call(sq=PARROT)
        expect(not playback(talker, 1, WAIT + 1), "the call that only moved was played")
        sent = talker.call(sq=PARROT)
        expect_played(talker, sent)


def test_longest_recording_is_three_minutes():
    with lab() as box, Counted(box.daemon, {"parrot_lost_total": 52}):
        talker = sender(box)
        sent = [talker.header()]
        for n in range(TAPE_FRAMES + 50):
            sent.append(talker.voice())
            if n % 200 == 0:
                eventually(lambda n=n: streams(box.daemon)[0]["frames"] > n, what="that it was read")
        sent.append(talker.terminator())
        got = [heard(talker, 5 * SLOW)[0] for _ in range(5)]
        expect(got == sent[:5], "not its beginning")
        log = box.daemon.log()
        expect(log.count("longer than a tape") == 1, "said not once")


def test_when_all_tapes_are_in_use_it_is_counted_and_said():
    with lab() as box, Counted(box.daemon, {"parrot_busy_total": 1, "parrot_lost_total": 3}):
        talkers = [sender(box, f"P{n}", f"DL{n}ABC") for n in range(TAPES)]
        late = sender(box, "LATE")
        sent = {talker: [talker.header()] for talker in talkers}
        eventually(lambda: len(streams(box.daemon)) == TAPES, what="all calls open")
        late.header()
        late.voice()
        late.terminator()
        for talker in talkers:
            sent[talker].append(talker.terminator())
        for talker in talkers:
            expect_played(talker, sent[talker])
        expect(heard(late, 0.5) is None, "one too many was played")
        expect("all tapes are in use" in box.daemon.log(), "not said")


def test_sender_that_has_gone_is_not_played_to():
    with lab() as box:
        talker = sender(box)
        record(talker, 3)
        quiet(box.daemon)
        talker.unlink()
        eventually(lambda: box.client(talker) is None, what="the unlink")
        expect(not playback(talker, 1, WAIT + 1), "played to one who is not linked")
        talker.link()
        expect_played(talker, record(talker, 3))


def kill(daemon):
    pid = daemon.worker_pids()["ysf.0"]
    if pid:
        os.kill(pid, signal.SIGKILL)
    return bool(pid)


def test_kills_while_it_records_and_plays_lose_and_double_nothing():
    rng = random.Random(20261122)
    with Daemon(*OPTIONS, "server.respawn_tokens=6000/m") as daemon, Lab(daemon) as box:
        talkers = [sender(box, f"P{n}", f"DL{n}ABC") for n in range(TAPES)]
        kills = frames = 0
        while kills < KILLS:
            sent = {talker: [talker.header()] for talker in talkers}
            count = rng.randrange(15, 25)
            for n in range(count):
                for talker in talkers:
                    sent[talker].append(talker.terminator() if n == count - 1 else talker.voice())
                if rng.random() < 0.5:
                    time.sleep(rng.random() * 0.002)
                    kills += kill(daemon)
                time.sleep(0.02 + rng.random() * 0.1)
            got = {talker: [] for talker in talkers}
            deadline = time.monotonic() + (WAIT + count * PERIOD * 2 + 5) * SLOW
            due = time.monotonic() + WAIT * rng.random()
            while (any(len(got[talker]) < len(sent[talker]) for talker in talkers) and
                   time.monotonic() < deadline):
                if time.monotonic() >= due:
                    kills += kill(daemon)
                    # often enough, and spread over the period; below the pace that slows respawns
                    due = time.monotonic() + 0.1 + rng.random() * 0.15
                for talker in talkers:
                    while (one := heard(talker, 0.001)) is not None:
                        got[talker].append(one)
            for talker in talkers:
                got[talker] += playback(talker, 0, 0)
                said, back = sent[talker], [frame for frame, _ in got[talker]]
                expect(back == said, f"{talker.name} heard {len(back)} of {len(said)} frames, "
                       f"{len(back) - len(set(back))} doubled, after {kills} kills")
                frames += len(back)
        print(f"# {kills} kills, {frames} frames recorded and played back, none lost, none doubled")
        figures("parrot-kill", kills=kills, frames=frames, lost=0, doubled=0)


def test_upgrades_while_it_records_and_plays():
    with Home(OPTIONS) as home, Lab(home.daemon) as box:
        talker = sender(box)
        sent = [talker.header()]
        for n in range(10):
            sent.append(talker.voice())
            if n == 5:
                home.put(NEXT)
                home.upgrade()
        sent.append(talker.terminator())
        got = [heard(talker, 5 * SLOW) for _ in range(4)]
        home.upgrade()
        got += playback(talker, len(sent) - 4)
        expect([frame for frame, _ in got] == sent, f"{len(got)} of {len(sent)} frames")
        expect_pace([at for _, at in got], slack=0.2)


def test_counted_and_flat():
    with lab() as box:
        talker = sender(box)
        before = counters(box.daemon)["parrot_played_total"]
        for _ in range(2):
            sent = record(talker, 4)
            expect_played(talker, sent)
        eventually(lambda: counters(box.daemon)["parrot_played_total"] - before == 12,
                   what="twelve frames counted")
        expect(not streams(box.daemon), "a stream is left open")


def test_nobody_died():
    expect_nobody_died()


if __name__ == "__main__":
    main(globals())
