#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_rules_status - the reflector's rules: queries, information and options
# PURPOSE   What anybody may ask, what gateways tell, and the number that names the reflector.
#
#   rule                                          test (here, or in the file named)
#   2.5  42 bytes, cut and padded                 2_5_...; ysf_protocol: status_is_42_bytes_exact
#   2.5  all clients, those of aux ports too      rules_registration: 4_15_status_on_an_aux_port...
#   2.5  rate per source                          ysf_limits: bad_49_queries_are_limited_per_address
#   2.5  id of an alias                           rules_registration: 4_15_...
#   2.6  program and date                         ysf_protocol: version_names_program_and_date
#   2.7  YSFI is stored, never answered           2_7_information_...; ysf_protocol: information_is...
#   2.7  YSFO is never answered                   2_7_options_...; rules_dgid: 4_14_...
#   2.8  extended queries are not served          ysf_bad_input: other_protocols
#   2.9  authenticated links are not served       ysf_bad_input: other_protocols
#   2.10 names and sources are cleaned            ysf_protocol: poll_name_is_cleaned_and_trimmed;
#                                                 ysf_streams: names_in_frames_are_cleaned...;
#                                                 2_10_...
#   4.16 the hash of the name                     4_16_...; ysf_protocol: status_id_is_the_hash...
#
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside others
# LIMITS    none

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from rules import hears, over, prefixed, rules_lab
from shackd import main
from ysf import (POLL_ANSWER, clients, expect, expect_nobody_died, id_hash, pad)

INFO = (b"YSFI" + pad("IU5JAE") + b"439475000" + b"430475000" + b"JN53eq" + pad("Florence", 20) +
        pad("MMDVM", 12) + pad("1234567"))
HASHES = {"IT PYSF3-TEST": 1021, "LAB REFLECTOR": 82138, "Reflector_name": 16282,
          "A very long refl": 99001, "US MNWis RDNT": 57611, "X": 63857}


def lab(*options):
    return rules_lab(*options)


def status(box):
    return box.stranger().ask(b"YSFS", b"YSFS")[1]


# ---- 2.5 ----

def test_2_5_long_texts_fill_their_fields():
    with lab("ysf.name=SIXTEEN LETTERS!", "ysf.description=FOURTEEN CHARS", "ysf.id=7") as box:
        expect(status(box) == b"YSFS00007SIXTEEN LETTERS!FOURTEEN CHARS000", status(box))


def test_2_5_short_texts_are_padded():
    with lab("ysf.name=N", "ysf.description=", "ysf.id=99999") as box:
        got = status(box)
        expect(got == b"YSFS99999" + pad("N", 16) + b" " * 14 + b"000", got)


def test_2_5_anybody_may_ask_anything_behind_the_tag():
    with lab() as box:
        for query in (b"YSFS", b"YSFS" + pad("NOBODY"), b"YSFS" + b"\xff" * 1000):
            _, answer = box.stranger().ask(query, b"YSFS")
            expect(len(answer) == 42, f"{len(answer)} bytes")
        expect(not clients(box.daemon), "a query registered somebody")


# ---- 2.6 ----

def test_2_6_version_is_short_and_ends_in_a_date():
    with lab() as box:
        _, answer = box.stranger().ask(b"YSFV", b"YSFV")
        words = answer[4:].decode().split(" ")
        expect(len(words) == 2 and len(words[1]) == 8 and words[1].isdigit(), answer)
        expect(words[1].startswith("20"), answer)


# ---- 2.7 ----

def information(box, gateway):
    """What is known of a gateway, texts and numbers of its YSFI."""
    client = box.client(gateway)
    return client.get("info") or {}


def test_2_7_information_is_stored_with_its_gateway():
    with lab() as box:
        gateway = box.gateway("IU5JAE")
        expect(not information(box, gateway), "information before it was sent")
        gateway.send(INFO)
        gateway.silent()
        info = information(box, gateway)
        wanted = {"rx_hz": 439475000, "tx_hz": 430475000, "locator": "JN53eq", "town": "Florence",
                  "type": "MMDVM", "id": "1234567"}
        expect(info == wanted, info)


def test_2_7_information_of_hostile_text_is_cleaned():
    with lab() as box:
        gateway = box.gateway("HOSTILE")
        gateway.send(b"YSFI" + pad("HOSTILE") + b"12a456789" + b"\xff" * 9 + b"\x1b[31m\n" +
                     b"\"\\'</script>\x00\x07\x80\xfe     " + b"%n%s%d%x\r\n\t " + b"\x80" * 10)
        gateway.silent()
        client = box.client(gateway)
        text = str(client)
        expect(all(32 <= ord(char) < 127 for char in text), text)


def test_2_7_information_goes_with_its_gateway():
    with lab() as box:
        gateway = box.gateway("IU5JAE")
        gateway.send(INFO)
        gateway.unlink()
        gateway.silent()
        gateway.link()
        expect(not information(box, gateway), "information of a former link")


def test_2_7_longer_information_is_taken_and_later_replaces_former():
    with lab() as box:
        gateway = box.gateway("IU5JAE")
        gateway.send(INFO)
        gateway.send(INFO.replace(b"Florence", b"Pisa    ") + b"8888888")
        gateway.silent()
        expect(information(box, gateway)["town"] == "Pisa", information(box, gateway))


def test_2_7_options_are_not_answered():
    with lab() as box:
        gateway = box.gateway("IU5JAE")
        gateway.send(b"YSFO" + pad("IU5JAE") + pad("9;", 36))
        gateway.silent()


# ---- 2.10 ----

def test_2_10_names_are_cleaned_in_every_tag_and_payload_bits_are_not():
    with lab() as box:
        gateway, listener = box.gateway("TALKER"), box.gateway("HEAR-22")
        gateway.send(b"YSFP\x80TALKER\xff\x01\x7f")
        gateway.expect(POLL_ANSWER)
        expect(box.client(gateway)["gateway"] == "TALKER", "the name")
        frames = over(gateway, frames=3)
        hears(listener, frames)


def test_2_10_sources_are_cleaned_before_they_are_judged_and_prefixed():
    with lab() as box:
        gateway, movable = box.gateway("TALKER"), box.gateway("MOVABLE")
        dirty = over(gateway, b"\x00IU5JAE\xff\x1f\x80", frames=2)
        clean = [data[:14] + b" IU5JAE   " + data[24:] for data in dirty]
        hears(movable, prefixed(clean, 22))


# ---- 4.16 ----

def test_4_16_id_is_the_hash_of_the_name_and_follows_it():
    with lab("ysf.id=0") as box:
        number = int(status(box)[4:9])
        name = status(box)[9:25].decode().rstrip()
        expect(number == id_hash(name), f"{number} of {name!r}")
    for name, wanted in HASHES.items():
        expect(id_hash(name) == wanted, f"our own hash of {name!r}")


def test_4_16_the_hash_follows_a_new_name_at_once():
    with lab("dgid.local=0") as box:
        daemon = box.daemon
        try:
            for name, wanted in HASHES.items():
                Path(daemon.config).write_text(f"[ysf]\nname = {name}\n")
                daemon.ctl("reload")
                answer = status(box)
                expect(answer[4:9] == b"%05d" % wanted, f"{name!r}: {answer!r}")
        finally:
            Path(daemon.config).write_text("")
            daemon.ctl("reload")


def test_nothing_of_this_cost_a_worker():
    expect_nobody_died()


if __name__ == "__main__":
    main(globals())
