#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_feed_telnet - feeds of skimmers and clusters
# PURPOSE   Login, lines good and bad, silence, failures, reload; with a scripted upstream on the other
#           side and the ring of spots read from outside.
# OWNER     make check
# CONTRACT  prints ok or not ok for each test
# LIMITS    none known
# RUNS      beside others

import os
import signal
import socket
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib import builds
from lib.shackd import SLOW, Daemon, eventually, main
from lib.upstream import Ring, Spot, Upstream, counters, feed, malformed

CLUSTER = ("ysf.enabled=no", "dxc.node_call=N0CALL-1", "dxc.listen=127.0.0.1:0", "workers.dxc=1",
           "server.log_level=debug")


def now():
    return datetime.now(timezone.utc).strftime("%H%MZ")


def rbn(dx, khz=14025.3, de="W3LPL-#"):
    return f"DX de {de}:   {khz}  {dx}          CW    24 dB  22 WPM  CQ      {now()}\r\n"


def daemon(*options, **how):
    return Daemon(*CLUSTER, *options, **how)


def state(server, slot="feed.0"):
    return counters(server, slot).get("feed_state")


UP, WAITING = 4, 5


def test_login_on_prompts():
    """Skimmers', clusters', with and without a line end, in pieces, asked twice, with options between."""
    prompts = ("Please enter your call: ", "login: ", "Welcome\r\n\r\ncall: ", "callsign: ",
               "Enter your callsign:", "What is your call? Your CALL", "login:\r\n",
               b"\xff\xfd\x18\xff\xfb\x01login: \xff\xfb\x03")
    ups = [Upstream() for _ in prompts]
    options = [option for number, up in enumerate(ups) for option in up.feed(f"f{number}", login="n0call-7")]
    with daemon(*options):
        for up, prompt in zip(ups, prompts):
            with up:
                session = up.accept()
                session.send(prompt)
                session.expect("N0CALL-7\r\n")


def test_prompts_that_come_back():
    with Upstream() as up, daemon(*up.feed()) as server:
        session = up.accept()
        for piece in ("Please en", "ter your c", "all: "):
            session.send(piece)
        session.expect("N0CALL-1\r\n")
        session.send("login: ")
        session.expect("N0CALL-1\r\n")
        session.send("login: ")  # a third time it is left alone
        session.send("\r\n" + rbn("LZ5VV"))
        spots = Ring(server).wait(1)
        assert spots[0].text == ("W3LPL-#", "14025.3", "LZ5VV", "22 WPM CQ"), spots[0].text
        assert session.has_said() == b"", session.data


def test_glued_first_spot_and_banners():
    with Upstream() as up, daemon(*up.feed()) as server:
        session = up.accept()
        session.send("Please enter your call: " + rbn("LZ5VV"))
        session.expect("N0CALL-1\r\n")
        session.send("Hello N0CALL-1, this is a cluster\r\nLocal users: 12\r\nConnected\r\n"
                     "N0CALL-1 de GB7DXC 22-Nov-2025 1200Z dxspider >\r\n\r\n" + rbn("RW1M"))
        spots = Ring(server).wait(2)
        assert [spot.dx for spot in spots] == [b"LZ5VV", b"RW1M"]
        assert spots[0].source == 1 and spots[0].feed == b"test" and spots[0].flags == Spot.REPORT
        values = counters(server)
        assert malformed(values) == {} and values["feed_other_total"] == 5, values
        assert values["feed_received_total"] == 7 and values["feed_accepted_total"] == 2, values


def test_login_without_a_prompt():
    with Upstream() as up, daemon(*up.feed()):
        session = up.accept()
        began = time.monotonic()
        session.expect("N0CALL-1\r\n")
        assert 4.9 <= time.monotonic() - began <= 7 * SLOW


def test_passwords():
    with Upstream() as up, Upstream() as other, \
            daemon(*up.feed("open", type="cluster", password="s3cret"),
                   *other.feed("shut", type="cluster")) as server:
        session = up.accept()
        session.send("login: ")
        session.expect("N0CALL-1\r\n")
        session.send("password: ")
        session.expect("s3cret\r\n")
        session.send("password: ")
        session.ended()
        session = other.accept()
        session.send("login: ")
        session.expect("N0CALL-1\r\n")
        session.send("Password:")
        session.ended()
        eventually(lambda: "feed shut: 127.0.0.1 asks for a password, and none is configured (feed.password)"
                   in server.log() and "feed open: 127.0.0.1 refuses the password" in server.log(), 5,
                   "a clear line in the log")


def test_schedule():
    """Refused at first, and tried again; lost, and tried again after a longer time."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    with daemon(*feed("test", port)) as server:
        eventually(lambda: counters(server)["feed_failures_total"] >= 1, 5, "a refused connection")
        with Upstream(port) as up:
            gaps, last = [], time.monotonic()
            for _ in range(2):
                session = up.accept()
                gaps.append(time.monotonic() - last)
                session.reset()
                last = time.monotonic()
        failures = counters(server)["feed_failures_total"]
        assert 2 <= failures <= 4, failures
        # the second gap follows failure 2 or 3: 2 or 4 s, a quarter more or less; and as long may
        # it take to notice that a connection ended while it was handed over
        assert 1.5 <= gaps[1] <= 6 + 2 * SLOW, gaps


def test_silence():
    with Upstream() as up, daemon(*up.feed(idle_timeout="1s")) as server:
        session = up.accept().login()
        session.send(rbn("LZ5VV"))
        session.ended()
        up.accept()
        assert "feed test: silence" in server.log(), server.log()


def test_keepalive():
    with builds.faulty("none") as program, Upstream() as up:
        builds.replace(builds.net_beside(program), builds.net_beside(builds.TESTING), "quick-feeds")
        keep_alive(up, program)


def keep_alive(up, program):
    with daemon(*up.feed(), program=program) as server:
        session = up.accept().login()
        session.expect("\r\n")
        session.expect("\r\n")
        assert state(server) == UP


def test_what_is_refused():
    """Bad frequencies, calls, times; lines that are too long; then still the feed."""
    lines = [f"DX de G4XYZ: {word} LY2XX FT8 2015Z" for word in
             ("nan", "NaN", "inf", "1e309", "0x1p3", "-7000", "7.0.0")]
    lines += ["DX de -#: 14025.0 W1AW", "DX de :", "DX de /: 14025.0 W1AW", "DX de  ",
              "DX de W3LPL-#: 14025.0 -# CW"]
    good = ["DX de W1ABC: 14025.0 K1XYZ 2575Z", "DX de W1ABC: 14025.0 K1XYZ 99:99Z",
            "DX de W1ABC: 14025.0 K1XYZ 24:00"]
    with Upstream() as up, daemon(*up.feed(type="cluster")) as server:
        session = up.accept().login()
        session.send("\r\n".join(lines + good) + "\r\n")
        session.send(b"DX de W1ABC: 14025.0 K1XYZ " + b"x" * 100000 + b"\r\n")
        session.send("DX de W1ABC: 14025.0 K1XYZ " + "y" * 600 + "\n")
        session.send("DX de W1ABC: 7025.0 K2XYZ the last\n")
        ring = Ring(server)
        spots = ring.wait(4)
        assert [spot.comment for spot in spots] == [b"", b"99:99Z", b"24:00", b"the last"], \
            [spot.text for spot in spots]
        for spot in spots:
            assert abs(spot.time - time.time()) < 120 and spot.time % 60 == 0, spot.time
        values = counters(server)
        assert malformed(values) == {"frequency": 7, "spotter": 4, "call": 1, "too_long": 2}, values
        assert values["feed_bad_time_total"] == 1, values
        assert state(server) == UP


def test_garbage():
    with Upstream() as up, daemon(*up.feed()) as server:
        session = up.accept().login()
        session.send(b"\x1f\x8b\x08\x02 gzip\n" * 999 + rbn("LZ5VV").encode() + b"\x01\x02\x03\n" * 999)
        Ring(server).wait(1)
        eventually(lambda: malformed(counters(server)) == {"garbage": 1998}, 10, "all of it counted")
        session.send(b"\x01\x02\x03\n")
        session.ended()
        up.accept()
        assert "nothing that it says makes sense" in server.log()


def test_flood():
    """50,000 lines in a second, and nobody who takes the spots: bounded, counted, said."""
    with Upstream() as up, Upstream() as calm, \
            daemon(*up.feed("flood", slot_buffer=100), *calm.feed("calm"), "server.watchdog=1h") as server:
        session, other = up.accept().login(), calm.accept().login()
        pipeline = server.worker_pids()["spot"]
        os.kill(pipeline, signal.SIGSTOP)
        try:
            line = rbn("LZ5VV").encode()
            session.send(line * 50000)
            eventually(lambda: counters(server, "feed.0")["feed_received_total"] >= 50001, 20, "the flood")
            other.send(rbn("RW1M"))
            ring = Ring(server, "feed.1")
            ring.wait(1)
            values = counters(server, "feed.0")
            dropped = values['feed_dropped_total{cause="full"}']
            # what it took before the pipeline stood still is gone from the ring
            assert values["feed_accepted_total"] + dropped == 50000, values
            assert values["feed_queue"] == 100 and values["feed_capacity"] == 100, values
            assert Ring(server, "feed.0").words().dropped == dropped
            assert "feed flood: the pipeline does not keep up" in server.log()
            assert "(feed.slot_buffer = 100)" in server.log()
            assert counters(server, "feed.1")['feed_dropped_total{cause="full"}'] == 0
        finally:
            os.kill(pipeline, signal.SIGCONT)


def test_half_a_line_is_none():
    with Upstream() as up, daemon(*up.feed()) as server:
        session = up.accept().login()
        session.send(rbn("LZ5VV") + rbn("RW1M")[:40])
        Ring(server).wait(1)
        session.close()
        session = up.accept().login()
        session.send(rbn("K3LR"))
        assert [spot.dx for spot in Ring(server).wait(2)] == [b"LZ5VV", b"K3LR"]


def test_sources_and_switches():
    """Digital modes are another source; people are people; keep_ssid."""
    with Upstream() as up, Upstream() as cluster, \
            daemon(*up.feed("rbn", keep_ssid="yes"), *cluster.feed("cl", type="cluster")) as server:
        up.accept().login().send(rbn("LZ5VV", de="N2WQ-1-#") +
                                 f"DX de S50ARX-#: 14074.0 DL1ABC FT8 -13 dB CQ {now()}\r\n")
        cluster.accept().login("login: ").send(
            f"DX de W1ABC: 14.024 P5RS7 cw {now()}\r\nDX de W2ABC-#: 14025.0 P5RS7 CW 10 dB {now()}\r\n")
        one, two = Ring(server, "feed.0").wait(2)
        assert (one.source, two.source) == (1, 2)
        assert one.flags & Spot.KEEP_SSID and one.de == b"N2WQ-1-#"
        one, two = Ring(server, "feed.1").wait(2)
        assert one.source == two.source == 4
        assert one.flags & Spot.HUMAN and not two.flags & Spot.HUMAN
        assert one.hz == 14024000 and not one.flags & Spot.KEEP_SSID


def test_calls_of_no_country():
    """Of skimmers they are bad decodes, unless the call is known, or at sea, or in the air."""
    lines = ("DX de W3LPL-#: 14025.3 Q1ABC CW 24 dB 22 WPM CQ", "DX de Q1ABC-#: 14025.3 W1AW CW 24 dB 22 WPM CQ",
             "DX de W3LPL-#: 14025.3 GM3ABC/MM CW 24 dB 22 WPM CQ", "DX de W3LPL-#: 14025.3 W1AW CW 24 dB CQ")
    with Upstream() as up, Upstream() as cluster, \
            daemon(*up.feed(), *cluster.feed("cl", type="cluster")) as server:
        eventually(lambda: "loaded known" in server.log(), 10, "the lists")
        up.accept().login().send("\r\n".join(lines) + "\r\n")
        cluster.accept().login().send("DX de W1ABC: 14025.0 Q1ABC rare\r\n")
        spots = Ring(server, "feed.0").wait(2)
        assert [spot.dx for spot in spots] == [b"GM3ABC/MM", b"W1AW"], [spot.text for spot in spots]
        assert counters(server)['feed_dropped_total{cause="no_cty"}'] == 2
        side = spots[1].dx_side
        assert (side.adif, side.cq, side.itu) == (291, 5, 8), (side.adif, side.cq, side.itu)
        assert spots[0].dx_side.adif == 0 and spots[0].de_side.adif == 291
        assert Ring(server, "feed.1").wait(1)[0].dx == b"Q1ABC"


def test_reload():
    """A changed host is dialled; what did not change stays connected; a feed comes, and goes."""
    with Upstream() as one, Upstream() as two, Upstream() as calm:
        def config(feeds):
            path.write_text("".join(f"[feed {name}]\ntype=rbn\nhost=127.0.0.1\nport={up.port}\n{more}\n"
                                    for name, up, more in feeds))

        with daemon(start=False) as server:
            path = server.config = server.base / "shackd.ini"
            config((("calm", calm, ""), ("moves", one, "")))
            server.start()
            quiet, session = calm.accept().login(), one.accept().login()
            config((("calm", calm, "keep_ssid=yes"), ("moves", two, "")))
            server.ctl("reload")
            session.ended()
            session = two.accept().login()
            session.send(rbn("LZ5VV"))
            Ring(server, "feed.1").wait(1)
            quiet.send(rbn("RW1M", de="N2WQ-1-#"))
            assert Ring(server, "feed.0").wait(1)[0].flags & Spot.KEEP_SSID
            config((("calm", calm, "keep_ssid=yes"),))
            server.ctl("reload")
            session.ended()
            config((("calm", calm, "keep_ssid=yes"), ("new", one, "")))
            server.ctl("reload")
            one.accept().login()
            quiet.send(rbn("K3LR"))
            assert len(Ring(server, "feed.0").wait(2)) == 2


if __name__ == "__main__":
    main(globals())
