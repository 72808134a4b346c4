#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_ysf_protocol - everything of the YSF protocol but voice
# PURPOSE   Polls, unlinks, queries, information, options, the DG-ID at registration; our own
#           encoder against the protocol's vectors.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside few
# LIMITS    back to home is not part of this version

import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from shackd import IS_ROOT, Daemon, Skip, main
from ysf import (HEADER, POLL_ANSWER, Counted, Lab, clients, csd_payload, eventually, expect,
                 expect_nobody_died, fich, frame, id_hash, pad, shared)

FICH_VECTORS = (
    (dict(fi=0, cm=1, ft=7), "116578e0fc220dbfd6e6d0416204aa6021e380877d4fd237ac"),
    (dict(fi=1, cm=1, fn=2, ft=6), "206d384468ed81ffe7989bf282e4542ff303fbc8f95c21383c"),
    (dict(fi=1, cm=1, ft=7, mr=1, sq=22), "2197b791aee19d93f63391bfe6c46c2ce5d926c4f78b836bd4"),
    (dict(fi=2, cm=1, ft=7, mr=6, sq=0), "d2ca443ea163e56ce6e59c72507156ea6cc30e8bbe89b29c90"),
    (dict(fi=0, cm=1, ft=7, sq=127), "116572c583220db19f88d0416777966021eb2bee7d4feb1b5b"),
)
REAL_HEADER = (
    "595346444955354a4145202020204955354a414520202020414c4c2020202020202000d471c9634d116578e0fc22"
    "0dbfd6e6d0416204aa6021e380877d4fd237accf4da3d81f4d207db0f4c353d81fa01f3db0b4ad1db03a97c56d71"
    "b82cbab03a9d39e4b1ada46d5db9b916d3d9ada4c81fb9b91bf466daa30c72e4c33999e31aa30b191503399911e0"
    "9bc63f700ce2e18cd35bc63b5b15a2e184")
TERMINATOR = (
    "5953464449513541412020202020494b35584d4b2d525054414c4c2020202020202073d471c9634de2973fc0c970"
    "c06825c383871b6ba0c1e85ba5588c02804c20f72353b41aa07f31f8f4e353101aa33f3df8b0185ab84a9f1c14bd"
    "bc2d9ab0b6963bd4bd39ad0b7fbdc5148ec6a5a1f83fbd4113e7861e230d702503f991b81e4f0a0aa50b799c3013"
    "5ff602bbd5ad019fd357360d68d5a2c193")
HASHES = {"IT PYSF3-TEST": 1021, "LAB REFLECTOR": 82138, "Reflector_name": 16282,
          "A very long refl": 99001, "US MNWis RDNT": 57611, "X": 63857, "": 73991}


def lab():
    return Lab(shared("workers.ysf=1", "ysf.name=LAB REFLECTOR", "ysf.description=TEST LAB"))


def placed(box, name):
    """Links under this name: (DG-ID, is it fixed)."""
    client = box.client(box.gateway(name))
    return client["dgid"], client["fixed"]


# ---- the encoder of these tests ----

def test_our_fich_encoder_makes_the_vectors():
    for fields, coded in FICH_VECTORS:
        made = fich(**fields).hex()
        expect(made == coded, f"{fields}: {made}")


def test_our_frame_encoder_makes_the_vectors():
    made = frame("IU5JAE", "IU5JAE", 0, fich(HEADER, cm=1, ft=7),
                 csd_payload(b"90123FAHuL" + pad("IU5JAE"), pad("IU5JAE") * 2))
    expect(made.hex() == REAL_HEADER, "frame C")
    made = frame("IQ5AA", "IK5XMK-RPT", 57, fich(2, ft=7, mr=2, voip=1, sql=1, sq=22),
                 csd_payload(pad("ALL") + pad("IK5XMK"), pad("IQ5AA") * 2), end=True)
    expect(made.hex() == TERMINATOR, "frame D")
    for name, number in HASHES.items():
        expect(id_hash(name) == number, f"id of {name!r}")


# ---- polls ----

def test_poll_answer_is_byte_exact():
    with lab() as box:
        gateway = box.stranger("IU5JAE")
        gateway.poll()
        answer = gateway.receive()
        expect(answer == bytes.fromhex("595346505245464c4543544f5220"),
               f"answered {answer!r}")


def test_poll_registers_once_and_each_is_answered():
    with lab() as box:
        gateway = box.stranger("IU5JAE")
        for _ in range(3):  # back to back, as gateways do
            gateway.poll()
        gateway.expect(POLL_ANSWER, POLL_ANSWER, POLL_ANSWER)
        found = [c for c in clients(box.daemon) if c["address"] == gateway.ip]
        expect(len(found) == 1 and found[0]["gateway"] == "IU5JAE", found)


def test_long_polls_are_polls():
    with lab() as box:
        for size in (15, 155, 1400):
            gateway = box.stranger()
            gateway.send(b"YSFP" + pad("LONGPOLL") + b"\xa5" * (size - 14))
            gateway.expect(POLL_ANSWER)
            expect(box.client(gateway)["gateway"] == "LONGPOLL", f"poll of {size} bytes")


def test_poll_name_is_cleaned_and_trimmed():
    with lab() as box:
        for raw, name in ((b"\xffAB\x01CD\x7f\x80\x00\x00", "AB CD"), (b"  IU5JAE  ", "IU5JAE"),
                          (b"IU5JAE\0\0\0\0", "IU5JAE"), (b'a"\\</b>;%\x1b', 'a"\\</b>;%')):
            gateway = box.stranger()
            gateway.send(b"YSFP" + raw)
            gateway.expect(POLL_ANSWER)
            got = box.client(gateway)["gateway"]
            expect(got == name, f"{raw!r} is called {got!r}")


def test_nameless_poll_is_accepted():
    with lab() as box:
        for raw in (b" " * 10, b"\0" * 10, b"\xff" * 10):
            gateway = box.stranger()
            gateway.send(b"YSFP" + raw)
            gateway.expect(POLL_ANSWER)
            expect(box.client(gateway)["gateway"] == "", f"name {raw!r}")
        expect(box.client(gateway)["dgid"] == 22, "a nameless gateway's DG-ID")
        eventually(lambda: "??????????" in box.daemon.log(), what="the name in the log")


def test_answer_leaves_from_the_address_that_was_polled():
    with lab() as box:  # the sockets are connected: another source would not be heard
        gateway = box.stranger(to="127.0.0.9").link()
        gateway.silent()
        talker = box.gateway("TALKER")
        box.relays(talker, gateway)


def test_frames_follow_a_gateway_to_the_address_that_it_polls_now():
    with lab() as box:
        talker, gateway = box.gateway("TALKER", dgid=9), box.gateway(dgid=9)
        for address in ("127.0.0.9", "127.0.0.8", "127.0.0.1"):
            gateway.sock.connect((address, box.daemon.port))  # from the same port
            gateway.link()
            gateway.link()
            box.relays(talker, gateway)
        expect(sum(c["address"] == gateway.ip for c in clients(box.daemon)) == 1, "entries")


def test_listeners_are_separate_doors_of_one_house():
    with Daemon("workers.ysf=1", listen="127.0.0.1:0,127.0.0.2:0,[::1]:0") as daemon:
        with Lab(daemon) as box:
            doors = list(zip(("127.0.0.1", "127.0.0.2", "::1"), daemon.ports))
            one, two, six = [box.gateway(f"G{port}", to=to, port=port,
                                         ip="::1" if to == "::1" else None) for to, port in doors]
            sent = one.call()
            for gateway in (two, six):
                gateway.expect(*sent)
            two.silent()
            one.expect(*six.call())
            two.drain()
            # the same address and port at another door is another client, and a stranger until then
            one.sock.connect(doors[1])
            one.call()
            two.silent()
            one.link()
            expect(sum(c["port"] == one.port for c in clients(daemon)) == 2, "clients")
            two.expect(*one.call())


def test_same_name_from_two_ports_is_two_clients():
    with lab() as box:
        one = box.gateway("TWIN")
        two = box.gateway("TWIN", ip=one.ip)
        expect(box.client(one)["id"] != box.client(two)["id"], "ids")
        box.relays(one, two)


def test_ids_are_never_used_again():
    with lab() as box:
        gateway = box.gateway()
        first = box.client(gateway)["id"]
        gateway.unlink()
        gateway.link()
        expect(int(box.client(gateway)["id"][1:]) > int(first[1:]), "same id after a new link")


def test_ipv6_gateways_link_and_talk_with_ipv4():
    with lab() as box:
        if len(box.daemon.listeners) < 2:
            raise Skip("no IPv6 here")
        six, four = box.gateway("SIX", ip="::1"), box.gateway("FOUR")
        expect(box.client(six)["address"] == "::1", "address")
        box.relays(six, four)
        six.expect(*four.call())


# ---- unlink ----

def test_unlink_is_silent_and_final():
    with lab() as box:
        gateway, other = box.pair()
        with Counted(box.daemon, {"unlinks_total": 1, "dropped_total{cause=not_linked}": 5}):
            gateway.unlink()
            gateway.unlink()  # a repeat is ignored
            gateway.silent()
            expect(box.client(gateway) is None, "still linked")
            gateway.call()
            other.silent()


def test_unlink_of_any_size_goes_by_address():
    with lab() as box:
        for data in (b"YSFU", b"YSFUSOMEONE   ", b"YSFU" + b"x" * 1396):
            gateway = box.gateway()
            gateway.send(data)
            gateway.silent()
            expect(box.client(gateway) is None, f"still linked after {len(data)} bytes")


def test_unlink_of_a_stranger_is_ignored():
    with lab() as box:
        gateway, other = box.pair()
        box.stranger("TALKER").unlink()
        box.relays(gateway, other)


# ---- queries ----

def test_status_is_42_bytes_exact():
    with Lab(Daemon("workers.ysf=1", "ysf.name=LAB REFLECTOR", "ysf.description=TEST LAB",
                    "ysf.id=12345")) as box:
        try:
            stranger = box.stranger()
            for count in range(3):
                _, answer = stranger.ask(b"YSFS", b"YSFS")
                wanted = b"YSFS12345LAB REFLECTOR   TEST LAB      %03d" % count
                expect(answer == wanted, f"{answer!r}")
                box.gateway()
            _, answer = stranger.ask(b"YSFS and more" * 100, b"YSFS")
            expect(answer[-3:] == b"003", f"{answer!r}")
        finally:
            box.daemon.close()


def test_status_id_is_the_hash_of_the_name():
    for name, number in HASHES.items():
        if name:  # an empty one is the server's name
            daemon = Daemon("workers.ysf=1", f"ysf.name={name}")
            with daemon, Lab(daemon) as box:
                _, answer = box.stranger().ask(b"YSFS", b"YSFS")
                expect(answer == b"YSFS%05d" % number + pad(name, 16) + b" " * 14 + b"000",
                       f"{answer!r}")


def test_version_names_program_and_date():
    with lab() as box:
        for query in (b"YSFV", b"YSFV" + b"\xff" * 300):
            _, answer = box.stranger().ask(query, b"YSFV")
            expect(re.fullmatch(rb"YSFVshackd \d{8}", answer), f"{answer!r}")


# ---- information and options ----

def test_information_is_taken_silently():
    info = (b"YSFI" + pad("IU5JAE") + b"439475000" + b"430475000" + b"JN53eq" +
            pad("Florence", 20) + pad("MMDVM", 12) + pad("1234567"))
    expect(len(info) == 80, len(info))
    with lab() as box:
        gateway = box.gateway()
        with Counted(box.daemon, {"information_total": 3}):
            gateway.send(info)
            gateway.send(info + b"8888888")
            gateway.send(b"YSFI" + b"\xff\"\\\x1b" * 19)
            gateway.silent()
        stranger = box.stranger()
        with Counted(box.daemon, {"information_total": 0, "dropped_total{cause=not_linked}": 1}):
            stranger.send(info)
            stranger.silent()


def options(gateway, text):
    gateway.send(b"YSFO" + pad(gateway.name) + pad(text, 36))
    gateway.silent()


def test_options_move_home_at_once_and_once():
    with lab() as box:
        gateway = box.gateway()
        options(gateway, "50;")
        client = box.client(gateway)
        expect((client["dgid"], client["home_dgid"]) == (50, 50), client)
        options(gateway, "9;")
        client = box.client(gateway)
        expect((client["dgid"], client["home_dgid"]) == (50, 50), "a home was set twice")
        talker = box.gateway("TALKER", dgid=50)
        box.relays(talker, gateway)


def test_options_home_leaves_the_gateway_movable():
    with lab() as box:
        gateway = box.gateway(dgid=50)
        gateway.call(sq=9)
        gateway.silent()
        client = box.client(gateway)
        expect((client["dgid"], client["home_dgid"]) == (9, 50), client)


def test_options_grammar():
    for text, dgid in (("22", 22), (" 9 ;", 9), ("009", 9), ("9;50;", 9), ("bth=60;9", 9),
                       ("9;abc", 9), ("77", 0), ("abc", 0), ("", 0), ("9,50", 0), ("DG-ID=9", 0),
                       (";;;;", 0), ("1" * 36, 0), (b"\xff" * 36, 0), ("0", 0), ("-9", 0),
                       ("+9", 0), ("9 50", 0), ("100", 0)):
        with lab() as box:
            gateway = box.gateway()
            options(gateway, text)
            client = box.client(gateway)
            expect((client["dgid"], client["home_dgid"]) == (dgid or 22, dgid),
                   f"{text!r} gave {client['dgid']}, home {client['home_dgid']}")


def test_options_of_any_size():
    with lab() as box:
        for data, dgid in ((b"YSFO", 22), (b"YSFO" + pad("GW"), 22),
                           (b"YSFO" + pad("GW") + b"9", 9),
                           (b"YSFO" + pad("GW") + pad("9", 1386), 9)):
            gateway = box.gateway()
            gateway.send(data)
            gateway.silent()
            expect(box.client(gateway)["dgid"] == dgid, f"options of {len(data)} bytes")


def test_options_do_not_move_static_gateways():
    with lab() as box:
        gateway = box.gateway("STATIC-9")
        options(gateway, "50;")
        client = box.client(gateway)
        expect((client["dgid"], client["home_dgid"]) == (9, 0), client)


def test_options_before_registration_are_ignored():
    with lab() as box:
        gateway = box.stranger()
        with Counted(box.daemon, {"dropped_total{cause=not_linked}": 1}):
            options(gateway, "50;")
        expect(box.client(gateway) is None, "options registered a gateway")
        expect(box.client(gateway.link())["dgid"] == 22, "options outlived the refusal")


# ---- DG-ID at registration ----

def test_default_dgid():
    with lab() as box:
        for name in ("IU5JAE", "IU5JAE-", "IU5JAE-ND"):
            expect(placed(box, name) == (22, False), name)
    with Lab(shared("workers.ysf=1", "dgid.default=50", "dgid.list=1,50-52")) as box:
        expect(placed(box, "IU5JAE") == (50, False), "dgid.default")
        expect(placed(box, "IU5JAE-52") == (52, True), "a DG-ID inside a range")
        expect(placed(box, "IU5JAE-53") == (50, False), "a DG-ID outside the list")


def test_suffix_makes_static():
    with lab() as box:
        for name, dgid in (("IU5JAE-9", 9), ("-22", 22), ("X-022", 22), ("X-0000009", 9),
                           ("X-9   ", 9), ("A/B-50", 50), ("-1", 1)):
            expect(placed(box, name) == (dgid, True), f"{name!r}: {placed(box, name)}")


def test_bad_09_10_odd_suffixes_are_not_static():
    with lab() as box:
        for name in ("X-99999999", "X-+9", "X- 9", "X-2_2", "X-0x16", "X--9", "X-1-9", "-1-9",
                     "X-abc", "X-0", "X-00", "X-77", "X-222", "X-9a", "X-9-", "9", "X9",
                     "X-4294967", "-", "--", "X-9 9"):
            expect(placed(box, name) == (22, False), f"{name!r}: {placed(box, name)}")


# ---- routes ----

def inside_a_namespace():
    """Two addresses of ours; the route to 127.0.0.1 would leave from 127.0.0.1."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in ("10.7.0.1/32", "10.7.0.2/32"):
        subprocess.run(["ip", "address", "add", address, "dev", "lo"], check=True)
    daemon = Daemon("workers.ysf=1")
    with daemon, Lab(daemon) as box:
        talker = box.gateway("TALKER", ip="10.7.0.1", to="10.7.0.1")
        others = [box.gateway("G1", ip="127.0.0.1", to="10.7.0.1"),
                  box.gateway("G2", ip="10.7.0.2", to="10.7.0.1"),
                  box.gateway("G3", ip="10.7.0.2", to="127.0.0.1")]
        sent = talker.call()
        for other in others:
            other.expect(*sent)


def test_frames_leave_from_the_polled_address_whatever_the_route():
    if not IS_ROOT:
        raise Skip("needs root for a network namespace")
    done = subprocess.run(["unshare", "-n", sys.executable, __file__], capture_output=True,
                          text=True, env=dict(os.environ, INSIDE_NAMESPACE="1"), timeout=60)
    if "unshare failed" in done.stderr:
        raise Skip("no network namespaces here")
    expect(done.returncode == 0, done.stderr.strip().splitlines()[-1:])


def test_nothing_of_this_cost_a_worker():
    expect_nobody_died()


if __name__ == "__main__":
    if os.environ.get("INSIDE_NAMESPACE"):
        inside_a_namespace()
    else:
        main(globals())
