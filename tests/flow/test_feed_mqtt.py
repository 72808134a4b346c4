#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_feed_mqtt - PSKReporter's reports over MQTT
# PURPOSE   A real broker carries payloads good and bad; a broker of the test's own breaks the protocol in
#           every way, and the feed goes on.
# OWNER     make check
# CONTRACT  prints ok or not ok for each test; those of the real broker are skipped without mosquitto
# LIMITS    none known
# RUNS      beside others

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.shackd import Daemon, eventually, main
from lib.upstream import Broker, Client, Ring, Upstream, counters, malformed, packet, publish, string

CLUSTER = ("ysf.enabled=no", "dxc.node_call=N0CALL-1", "dxc.listen=127.0.0.1:0", "workers.dxc=1",
           "server.log_level=debug")
TOPIC = "pskr/filter/v2/15m/{}/WB5XX/KD3AN/EM33/EM66/291/291"
UP = 4


def daemon(*options, **how):
    return Daemon(*CLUSTER, *options, **how)


def report(**fields):
    fields = {"sq": 62145576640, "f": 21074595, "md": "FT8", "rp": -13, "t": int(time.time()), "sc": "WB5XX",
              "sl": "EM33qf01", "rc": "KD3AN", "rl": "EM66QH", "sa": 291, "ra": 291, "b": "15m", **fields}
    return json.dumps(fields)


def state(server):
    return counters(server).get("feed_state")


def test_reports_by_a_real_broker():
    with Broker() as broker, daemon(*broker.feed(modes="ft8, CW")) as server:
        eventually(lambda: state(server) == UP, 10, "the subscription")
        for mode in ("FT8", "CW"):
            broker.subscribed(f"pskr/filter/v2/+/{mode}/#")
        assert "pskr/filter/v2/+/+/#" not in broker.said() and "FT4" not in broker.said()
        broker.publish(TOPIC.format("FT8"), report())
        broker.publish(TOPIC.format("FT4"), report(md="FT4"))   # nobody asked for it
        broker.publish(TOPIC.format("FT8"), report(md="FT4"))   # says one, is the other
        broker.publish(TOPIC.format("CW"), report(md="CW", f=14025300, rc="DL1ABC/QRP", sl=None))
        spots = Ring(server).wait(2)
        assert [spot.text for spot in spots] == [
            ("KD3AN-#", "21074.6", "WB5XX", "EM33QF01>EM66QH"),
            ("DL1ABC/QRP-#", "14025.3", "WB5XX", ">EM66QH")], [spot.text for spot in spots]
        assert spots[0].source == 3 and spots[0].report == -13 and spots[0].feed == b"pskr"
        assert spots[0].dx_side.grid == b"EM33QF01"
        assert counters(server)['feed_dropped_total{cause="mode"}'] == 1


def test_bad_payloads():
    bad = {"json": ["[]", "{", "[" * 1000, '{"a":[' + "1," * 450 + "1]}", "nothing"],
           "field": [report(f=0), report(f=-1), '{"f":1e308}', '{"f":"x"}', report(sc=""), report(md=3),
                     '{"t":9223372036854775808}', "{" + ",".join(['"f":1'] * 100) + "}"],
           "call": [report(sc="W1AW\0X"), report(sc="../../x"), report(rc="W" * 300),
                    report(sc="\ud800W1"), report(sc="1Ä2")],
           "time": [report(t=0), report(t=int(time.time()) + 4000)],
           "band": [report(f=9750000)],
           "too_long": ["[" * 1025, "x" * (2 << 20)]}
    with Broker() as broker, daemon(*broker.feed()) as server:
        eventually(lambda: state(server) == UP, 10, "the subscription")
        for payloads in bad.values():
            for payload in payloads:
                broker.publish(TOPIC.format("FT8"), payload.encode(errors="surrogatepass"))
        want = {cause: len(payloads) for cause, payloads in bad.items()}
        # the last is so long that the connection is given up
        eventually(lambda: malformed(counters(server)) == want, 10, f"{want}, not {malformed(counters(server))}")
        eventually(lambda: counters(server)["feed_connects_total"] == 2 and state(server) == UP, 10,
                   "the feed again")
        for locator in ("ZZ99", "%n", "A" * 64):
            broker.publish(TOPIC.format("FT8"), report(sl=locator))
        for spot in Ring(server).wait(3):
            assert spot.dx_side.grid == b"" and spot.comment == b">EM66QH", spot.text


def test_everything_but_beacons():
    with Broker() as broker, daemon(*broker.feed(modes="")) as server:
        eventually(lambda: state(server) == UP, 10, "the subscription")
        broker.subscribed("pskr/filter/v2/+/+/#")
        broker.publish(TOPIC.format("WSPR"), report(md="WSPR", f=14097100))
        broker.publish(TOPIC.format("JS8"), report(md="JS8"))
        assert Ring(server).wait(1)[0].mode == 9
        assert counters(server)['feed_dropped_total{cause="mode"}'] == 1


def test_broker_that_comes_back():
    with Broker() as broker:
        port = broker.port
        server = daemon(*broker.feed())
        eventually(lambda: state(server) == UP, 10, "the subscription")
    with server:
        eventually(lambda: state(server) != UP, 10, "the loss")
        with Broker(port) as broker:
            broker.subscribed("FT8")
            eventually(lambda: state(server) == UP, 20, "the broker again")
            server.kill_worker("feed.0")
            eventually(lambda: broker.said().count("FT8/#") >= 2 and state(server) == UP, 10, "a successor")
            broker.publish(TOPIC.format("FT8"), report())
            Ring(server).wait(1)


def test_burst():
    """5,000 reports at once: none is lost at the default size."""
    with Broker() as broker, daemon(*broker.feed(slot_buffer=6000)) as server:
        eventually(lambda: state(server) == UP, 10, "the subscription")
        payload = [publish(TOPIC.format("FT8"), report(f=14074000 + i).encode()) for i in range(5000)]
        broker.sock.sendall(b"".join(payload))
        spots = Ring(server).wait(5000)
        assert [spot.raw_hz - 14074000 for spot in spots] == list(range(5000))


def serve(up, refuse=(), topics=5):
    """A broker of the test's own up to the point where reports may come."""
    session = up.accept()
    client = Client(session)
    client.welcome()
    for _ in range(topics):
        client.grant(refuse)
    return session


def test_refusals():
    """A CONNACK that refuses, topics that are refused: one, and all."""
    topic = "pskr/filter/v2/+/{}/#"
    with Upstream() as up, daemon(*up.feed(type="pskreporter", modes="FT8,CW")) as server:
        session = up.accept()
        connect = Client(session).welcome(5)
        assert connect[:8] == b"\0\4MQTT\4\2" and b"N0CALL-1-" in connect, connect
        session.ended()
        eventually(lambda: "not authorised" in server.log(), 10, "the reason in the log")
    # another daemon, for one second has at most one such line
    with Upstream() as up, daemon(*up.feed(type="pskreporter", modes="FT8,CW")) as server:
        serve(up, (topic.format("FT8"), topic.format("CW")), 2).ended()
        eventually(lambda: "the broker refuses every topic" in server.log(), 10, "the reason in the log")
    with Upstream() as up, daemon(*up.feed(type="pskreporter", modes="FT8,CW")) as server:
        session = serve(up, (topic.format("FT8"),), 2)
        session.send(publish(TOPIC.format("CW"), report(md="CW", f=14025300).encode()))
        Ring(server).wait(1)
        assert "refuses to subscribe us to FT8" in server.log() and state(server) == UP


def test_broken_protocol():
    """Each ends the connection, none the process, none makes it large."""
    good = report().encode()
    bad = {
        "a length of five bytes": b"\x30\xff\xff\xff\xff\x01",
        "a claim of 200 MB": b"\x30\xff\xff\xff\x60" + string("t") + b"x" * 1000,
        "a report of 300 KB": publish("t", b"x" * 300000),
        "QoS 1": publish("t", good, 1),
        "QoS 2": publish("t", good, 2),
        "an unknown type": b"\xf7\x02\0\0",
        "a topic longer than the packet": b"\x30\x04\x00\xff" + b"ab",
        "no topic": publish("", good),
        "a topic with a wildcard": publish("pskr/+/x", good),
        "another wildcard": publish("pskr/#", good),
        "a topic with NUL": publish(b"pskr\0x", good),
        "a topic of 300 bytes": publish("t" * 300, good),
        "a broker that subscribes": packet(0x82, b"\0\1" + string("x") + b"\0"),
    }
    ups = {name: Upstream() for name in bad}
    options = [option for number, up in enumerate(ups.values())
               for option in up.feed(f"f{number}", type="pskreporter", modes="FT8")]
    with daemon(*options) as server:
        pids = server.worker_pids()
        sessions = {name: serve(up, topics=1) for name, up in ups.items()}
        for name, session in sessions.items():
            try:
                session.send(bad[name])
            except (BrokenPipeError, ConnectionResetError):
                pass  # it did not want to hear the end
            try:
                session.ended()
            except TimeoutError:
                raise AssertionError(f"{name}: the connection goes on") from None
        for number, (name, up) in enumerate(ups.items()):
            session = serve(up, topics=1)
            session.send(publish(TOPIC.format("FT8"), good))
            Ring(server, f"feed.{number}").wait(1)
            if not os.environ.get("SAN"):
                status = Path(f"/proc/{pids[f'feed.{number}']}/status").read_text()
                peak = int(status.split("VmHWM:")[1].split()[0])
                assert peak < 24000, f"{name}: {peak} KB"
        assert server.worker_pids() == pids
        for up in ups.values():
            up.__exit__(None, None, None)


if __name__ == "__main__":
    main(globals())
