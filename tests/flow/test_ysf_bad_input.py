#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_ysf_bad_input - what nobody should send
# PURPOSE   The protocol's list of bad inputs: each is counted under its cause, nothing of it
#           reaches a gateway, and the valid traffic behind it goes through.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside few
# LIMITS    cases about files, the JSON feed and APRS are not part of this version

import random
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from shackd import main
from ysf import (POLL_ANSWER, Counted, Lab, clients, damaged, eventually, expect,
                 expect_nobody_died, fich, frame, header, pad, shared, streams, terminator, voice)

SEED = 20210824


class Bad:
    """with Bad(cause=count, ...) as bad: what is sent inside is dropped for these causes, neither
    answered nor relayed, and a call works afterwards."""

    def __init__(self, **causes):
        daemon = shared("workers.ysf=1", "ysf.frame_rate=0")
        self.box = Lab(daemon)
        self.counted = Counted(daemon, {f"dropped_total{{cause={cause}}}": count
                                        for cause, count in causes.items()})

    def __enter__(self):
        self.box.__enter__()
        self.talker, self.listener = self.box.pair()
        self.stranger = self.box.stranger("STRANGER")
        self.linked = len(clients(self.box.daemon))
        self.counted.__enter__()
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                for gateway in (self.stranger, self.talker, self.listener):
                    gateway.silent()
                self.counted.__exit__(None, None, None)
                expect(len(clients(self.box.daemon)) == self.linked, "something was registered")
                expect(not streams(self.box.daemon), "a stream is open")
                self.box.relays(self.talker, self.listener)
        finally:
            self.box.__exit__(kind, value, trace)

    def all_send(self, *datagrams):
        for data in datagrams:
            self.stranger.send(data)
            self.talker.send(data)


def test_bad_01_empty_datagram():
    with Bad(empty=2) as bad:
        bad.all_send(b"")


def test_bad_02_pieces_of_a_tag():
    with Bad(short=6) as bad:
        bad.all_send(b"Y", b"YS", b"YSF")


def test_bad_03_04_short_polls():
    with Bad(short=6) as bad:
        bad.all_send(b"YSFP", b"YSFPI", b"YSFP" + b"IU5JAE   ")


def test_bad_05_to_07_polls_of_a_linked_gateway_stay_one_entry():
    with Bad() as bad:
        for data in (b"YSFP" + b"\xff" * 1396, b"YSFP" + b"\0" * 10,
                     b"YSFP" + b"\x1b[2J\r\n'\"\\%"):
            bad.talker.send(data)
            bad.talker.expect(POLL_ANSWER)


def test_bad_08_tags_are_case_sensitive():
    tags = (b"ysfp", b"YSFp", b"ysfd", b"Ysfs", b"YSFX", b"YSF\0", b"\0SFP", b"    ")
    with Bad(unknown_tag=2 * len(tags)) as bad:
        bad.all_send(*[tag + pad("IU5JAE") for tag in tags])


def test_other_protocols():
    # authenticated link, extended queries, feed requests, and what else comes by
    words = (b"YSFL" + pad("A"), b"YSFK" + b"\0" * 42, b"YSFACK" + pad("A"), b"YSFNAK" + pad("A"),
             b"QSRU", b"QGWL", b"QLHL", b"CONNREQ", b"PING", b"bye\n", b"DMRD" + b"\0" * 51,
             b"GET / HTTP/1.1\r\n\r\n", b"{}{}", b"\xff" * 1500)
    with Bad(unknown_tag=2 * len(words)) as bad:
        bad.all_send(*words)


def test_bad_13_unlink_of_strangers():
    with Bad() as bad:
        for data in (b"YSFU", b"YSFU" + pad("TALKER"), b"YSFU" + b"\xff" * 1396):
            bad.stranger.send(data)


def test_bad_15_frames_of_wrong_size():
    good = header("TALKER", "IU5JAE")
    sizes = (4, 5, 14, 34, 35, 40, 64, 65, 120, 154, 156, 255, 256, 257, 1500, 9000)
    with Bad(size=2 * len(sizes)) as bad:
        bad.all_send(*[(good * 60)[:size] for size in sizes])


def test_bad_16_frames_of_rubbish():
    rng = random.Random(SEED)
    rubbish = [b"YSFD" + b"\0" * 151, b"YSFD" + b"\xff" * 151, b"YSFD" * 38 + b"YSF"]
    rubbish += [b"YSFD" + rng.randbytes(151) for _ in range(100)]
    with Bad(fich=len(rubbish)) as bad:
        for data in rubbish:
            bad.talker.send(data)


def test_bad_17_18_frames_of_strangers():
    with Bad(not_linked=10) as bad:
        bad.stranger.call()  # under its own name
        bad.stranger.name = "TALKER"  # and under that of a linked gateway
        bad.stranger.call()


def test_stranger_does_not_disturb_the_call_whose_tag_it_writes():
    with Bad(not_linked=2) as bad:
        bad.stranger.name, bad.stranger.source = "TALKER", "IU5JAE"
        sent = [bad.talker.header()]
        bad.stranger.voice()
        sent.append(bad.talker.voice())
        bad.stranger.terminator()
        sent += [bad.talker.voice(), bad.talker.terminator()]
        bad.listener.expect(*sent)


def test_bad_21_header_with_damaged_fich():
    with Bad(fich=2, no_stream=1) as bad:
        bad.talker.send(damaged(header("TALKER", "IU5JAE")))
        bad.talker.send(damaged(terminator("TALKER", "IU5JAE")))
        bad.talker.voice()


def test_bad_22_call_without_header():
    with Bad(no_stream=11) as bad:
        for _ in range(10):
            bad.talker.voice()
        bad.talker.terminator()


def test_bad_46_47_options_of_strangers_and_short_ones():
    with Bad(short=5, not_linked=4) as bad:
        bad.all_send(b"YSFO", b"YSFO" + pad("TALKER"))
        bad.stranger.send(b"YSFO" + b"9" * 9)
        for text in (b"9;", b"\xff" * 36, b";;;;", b"9" * 1386):
            bad.stranger.send(b"YSFO" + pad("TALKER") + text)


def test_bad_48_information_short_and_of_strangers():
    with Bad(short=4, not_linked=2) as bad:
        bad.all_send(b"YSFI", b"YSFI" + b"x" * 75)
        bad.stranger.send(b"YSFI" + b"\xff" * 76)
        bad.stranger.send(b"YSFI" + b"\0" * 1396)


def test_bad_48_information_of_1400_bytes_is_cut():
    with Bad() as bad:
        bad.talker.send(b"YSFI" + b"\xff" * 1396)
        bad.talker.send(b"YSFI" + pad("TALKER") + b"%n%s%d</x>\"'\\" * 100)


def test_bad_25_header_storm():
    with Bad(busy=0) as bad:
        for n in range(200):
            bad.talker.source = f"DL{n % 10}AAA"
            bad.listener.expect(bad.talker.header(), bad.talker.terminator())


def test_every_size_of_every_tag():
    with Bad() as bad:
        for tag in (b"YSFD", b"YSFI", b"YSFO"):
            for size in list(range(4, 160)) + [255, 256, 257, 512, 1472]:
                bad.stranger.send((tag + b"\x80" * size)[:size])


def test_random_datagrams_crash_nothing():
    rng = random.Random(SEED + 1)
    tags = [b"YSFP", b"YSFU", b"YSFD", b"YSFI", b"YSFO", b"YSFS", b"YSFV", b"", b"YSF"]
    with Bad() as bad:
        generations = {slot: w["generation"] for slot, w in bad.box.daemon.workers().items()}
        wild = [bad.box.stranger("WILD") for _ in range(5)]
        for n in range(3000):
            tag = rng.choice(tags)
            size = 151 if tag == b"YSFD" and n % 2 else rng.choice((0, 1, 10, 46, 76, 83, 200))
            data = tag + rng.randbytes(size)
            if size == 151 and n % 4 == 1:  # a FICH that can be read, around nonsense
                data = data[:40] + fich(rng.randrange(4), rng.randrange(128), rng.randrange(8),
                                        rng.randrange(8), rng.randrange(4)) + data[65:]
            wild[n % len(wild)].send(data)
            if n % 50 == 0:  # a marker, so that no receive buffer overflows
                bad.stranger.send(b"YSFP" + pad("STRANGER"))
                eventually(bad.stranger.receive, what="an answer in between")
                bad.stranger.unlink()
        for gateway in wild:
            gateway.unlink()
        now = {slot: w["generation"] for slot, w in bad.box.daemon.workers().items()}
        expect(now == generations, "a worker died")
        bad.talker.drain()
        bad.listener.drain()


def test_bad_19_header_of_nothing_but_a_fich():
    with Bad() as bad:
        for filler in (b"\0", b"\xff"):
            data = frame("TALKER", "IU5JAE", 0, fich(0), filler * 90)
            bad.listener.expect(bad.talker.send(data), bad.talker.terminator())


def test_bad_59_port_unreachable_from_listeners_is_ignored():
    with Bad() as bad:
        gone = [bad.box.gateway(f"GONE{n}") for n in range(3)]
        late = bad.box.gateway("LATE")
        for gateway in gone:
            gateway.close()  # without unlink: the kernel answers frames with ICMP
        sent = bad.talker.call(frames=20)
        bad.listener.expect(*sent)
        late.expect(*sent)
        for gateway in gone:  # the same ports again, so that they can be unlinked
            gateway.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            gateway.sock.bind((gateway.ip, gateway.port))
            gateway.sock.connect(("127.0.0.1", bad.box.daemon.port))
            gateway.unlink()
        late.unlink()


def test_log_of_hostile_text_is_one_clean_line_each():
    with Bad() as bad:
        evil = bad.box.gateway()
        evil.send(b"YSFI" + pad(b"\x1b]0;x\x07\n") + b"\r\n\x1b[31m\x00\x07fake line\n" * 4)
        evil.unlink()
        evil.send(b"YSFP\n\x1b[2Jshack")
        evil.expect(POLL_ANSWER)
        evil.unlink()
        log = eventually(lambda: bad.box.daemon.log(), what="a log")
        raw = [c for c in log if ord(c) < 0x20 and c != "\n"]
        expect(not raw, f"control characters in the log: {raw[:5]}")


def test_frames_log_does_not_flood():
    with Bad() as bad:
        before = bad.box.daemon.log().count("\n")
        for n in range(300):
            bad.stranger.send(voice("A", "B", n))
            bad.talker.send(damaged(voice("A", "B", n)))
        bad.talker.silent()
        lines = bad.box.daemon.log().count("\n") - before
        expect(lines < 20, f"{lines} log lines for 600 bad frames")


def test_nothing_of_this_cost_a_worker():
    expect_nobody_died()


if __name__ == "__main__":
    main(globals())
