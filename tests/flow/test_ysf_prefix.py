#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_ysf_prefix - the DG-ID in front of the caller
# PURPOSE   Gateways whose DG-ID may change get frames that name it, the others the frames as they
#           came; each of them all frames once, whatever happens to the workers.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case; KILLS=n in the
#           environment for more kills
# RUNS      beside few
# LIMITS    the simulator makes the rewritten frames with a codec of its own and compares them whole

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from frames import (dch_block, frame_dch, header_csd, rewritten, with_columns)  # noqa: E402
from shackd import Daemon, SLOW, eventually, main  # noqa: E402
from ysf import (Lab, TERMINATOR, VOICE, damaged, edge, expect, expect_nobody_died,  # noqa: E402
                 fich, frame, header, shared, terminator, voice)
from lib.figures import figures, of_report  # noqa: E402
from lib.sim import Simulator  # noqa: E402
from flow.test_kill import kill_random_workers  # noqa: E402

KILLS = int(os.environ.get("KILLS", "100"))
OPTIONS = ("workers.ysf=1", "dgid.list=1-60", "dgid.default=22", "dgid.prefix=yes",
           "ysf.frame_rate=0")


def lab(*options):
    return Lab(shared(*OPTIONS, *options))


def vd2(tag, source, counter, fn, ft, dch):
    """A voice frame with DCH in its data channel."""
    payload = bytes((counter * 7 + i * 13) & 0xFF for i in range(90))
    return frame(tag, source, counter, fich(VOICE, sq=22, fn=fn, ft=ft),
                 with_columns(payload, 0, dch_block(dch.encode().ljust(10))))


def three(box):
    """A talker, a listener that may move, one that may not; all on DG-ID 22."""
    return box.gateway("TALKER"), box.gateway("MOVABLE"), box.gateway("FIXED-22")


def expect_both(frames, movable, fixed, dgid=22):
    for data in frames:
        movable.expect(rewritten(data, dgid))
        fixed.expect(data)


def test_header_terminator_and_source_frames_are_rewritten():
    with lab() as box:
        talker, movable, fixed = three(box)
        frames = [talker.send(header("TALKER", "IU5JAE", 22))]
        frames += [talker.send(vd2("TALKER", "IU5JAE", n, fn=n % 8, ft=7, dch=f"TEXT {n:05}"))
                   for n in range(1, 20)]
        frames.append(talker.send(terminator("TALKER", "IU5JAE", 22, counter=20)))
        expect_both(frames, movable, fixed)
        changed = [data for data in frames if rewritten(data, 22) != data]
        expect(len(changed) == 5, f"{len(changed)} frames to rewrite")
        expect(header_csd(rewritten(frames[0], 22))[0][10:] == b"22/IU5JAE ", "the header's caller")
        expect(frame_dch(rewritten(frames[1], 22)) == b"22/IU5JAE ", "the first frame's caller")
        talker.silent()


def test_source_is_cut_at_its_separator():
    with lab() as box:
        talker, movable, fixed = three(box)
        for counter, source in enumerate(("IU5JAE-RPT", "IU5JAE/M", "IU5JAE GIO", "AB1CDEFG")):
            frames = [talker.send(header("TALKER", source, 22)),
                      talker.send(vd2("TALKER", source, 1, fn=1, ft=6, dch="ANYBODY")),
                      talker.send(terminator("TALKER", source, 22, counter=2 + counter))]
            expect_both(frames, movable, fixed)


def test_terminator_with_fn_1_keeps_its_call_signs():
    with lab() as box:
        talker, movable, fixed = three(box)
        frames = [talker.send(header("TALKER", "IU5JAE", 22)),
                  talker.send(edge(TERMINATOR, "TALKER", "IU5JAE", 1, True, fn=1, sq=22))]
        expect_both(frames, movable, fixed)
        csd = header_csd(rewritten(frames[1], 22))
        expect(csd[0] == b"ALL       22/IU5JAE " and csd[1] == b"TALKER    TALKER    ", csd)


def test_damaged_frames_pass_as_they_are():
    with lab() as box:
        talker, movable, fixed = three(box)
        bad_header = header("TALKER", "IU5JAE", 22)
        bad_header = bad_header[:65] + bytes(90)
        frames = [talker.send(bad_header), talker.send(damaged(voice("TALKER", "IU5JAE", 1))),
                  talker.send(voice("TALKER", "IU5JAE", 2, dt=3))]
        for data in frames:
            movable.expect(data)
            fixed.expect(data)
        talker.send(terminator("TALKER", "IU5JAE", 22, counter=3))


def test_damaged_source_frame_is_made_anew():
    with lab() as box:
        talker, movable, fixed = three(box)
        voice_data = bytes((i * 37) & 0xFF for i in range(90))
        bad = header("TALKER", "IU5JAE", 22)[:34] + bytes([2]) + \
            header("TALKER", "IU5JAE", 22)[35:40] + fich(VOICE, sq=22, fn=1, ft=6) + voice_data
        frames = [talker.send(header("TALKER", "IU5JAE", 22)), talker.send(bad),
                  talker.send(terminator("TALKER", "IU5JAE", 22, counter=2))]
        expect_both(frames, movable, fixed)
        expect(frame_dch(bad) is None and frame_dch(rewritten(bad, 22)) == b"22/IU5JAE ", "the frame")


def test_prefix_names_the_room_of_the_talker():
    with lab() as box:
        talker = box.gateway("TALKER-7")
        movable = box.gateway("MOVER")
        movable.send(header("MOVER", "DL1XYZ", 7))  # moves there, not passed on
        movable.send(terminator("MOVER", "DL1XYZ", 7))
        eventually(lambda: box.client(movable)["dgid"] == 7, what="the move")
        frames = [talker.send(header("TALKER-7", "IU5JAE", 0)),
                  talker.send(terminator("TALKER-7", "IU5JAE", 0))]
        for data in frames:
            movable.expect(rewritten(data, 7))


def test_late_entry_is_rewritten_from_the_first_source_frame():
    with lab("ysf.late_entry=yes") as box:
        talker, movable, fixed = three(box)
        frames = [talker.send(vd2("TALKER", "IU5JAE", n, fn=n % 7, ft=6, dch=f"TEXT {n:05}"))
                  for n in range(5, 25)]
        expect_both(frames[2:], movable, fixed)
        talker.send(terminator("TALKER", "IU5JAE", 22, counter=25))


def test_terminator_of_a_cut_call_is_rewritten():
    with lab() as box:
        talker, movable, fixed = three(box)
        first = talker.send(header("TALKER", "IU5JAE", 22))
        expect_both([first], movable, fixed)
        talker.unlink()
        end = fixed.receive()
        expect(end is not None and end[34] & 1, "no terminator")
        movable.expect(rewritten(end, 22))
        expect(rewritten(end, 22) != end, "a terminator that could be rewritten")


def test_without_prefix_all_get_the_same():
    with lab("dgid.prefix=no") as box:
        talker, movable, fixed = three(box)
        for data in (talker.send(header("TALKER", "IU5JAE", 22)),
                     talker.send(vd2("TALKER", "IU5JAE", 1, fn=1, ft=6, dch="ANYBODY")),
                     talker.send(terminator("TALKER", "IU5JAE", 22, counter=2))):
            movable.expect(data)
            fixed.expect(data)


def test_kills_leave_everyone_his_variant():
    """Workers die in the middle of fan-outs: who takes over goes on with the right frame for each."""
    gateways = 600 if SLOW == 1 else 100
    with Daemon("workers.ysf=2", "server.respawn_tokens=6000/m", "dgid.list=1-60",
                "dgid.default=22", "dgid.prefix=yes", "ysf.max_age=0", "ysf.client_timeout=1h",
                "limits.clients=2000", "limits.events=1000", "server.log_level=warning",
                "ysf.frame_rate=0", listen="127.0.0.1:0") as daemon:
        with Simulator(daemon, "--gateways", gateways, "--rooms", "22", "--mixed", "--prefix",
                       "--talkers", 1, "--frames", 50, "--calls", 0, "--window", 4, "--poll", 0,
                       "--no-unlink") as sim:
            sim.wait("talking")
            killed = kill_random_workers(daemon, KILLS, sim)
            sim.finish()
            report = sim.report()
    print(f"# {killed} kills, {report['frames']} frames, {report['expected']} datagrams expected, "
          f"{report['rewritten']} rewritten, {report['wrong_variant']} of the other variant, "
          f"{report['lost']} lost, {report['duplicates']} doubled")
    figures("prefix-kill", kills=killed, rewritten=report["rewritten"],
            wrong_variant=report["wrong_variant"], **of_report(report))
    expect(killed >= KILLS, f"only {killed} kills")
    expect(report["rewritten"] > report["expected"] // 20, "hardly anything was rewritten")
    expect(report["wrong_variant"] == 0, f"{report['wrong_variant']} of the other variant")
    expect(report["damaged"] == 0, f"{report['damaged']} damaged")
    expect(report["lost"] == 0, f"{report['lost']} lost")
    expect(report["duplicates"] <= killed // 1000, f"{report['duplicates']} doubled")


def test_nobody_died():
    expect_nobody_died()


if __name__ == "__main__":
    main(globals())
