#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_frames - the codec of these tests against the protocol's vectors
# PURPOSE   What the other flow tests build and read with (tests/lib/frames.py) is held against
#           published blocks and against frames recorded on the air, before it judges the daemon.
# OWNER     make check
# CONTRACT  prints "ok NAME" or "not ok NAME: why" for each case; starts no daemon
# RUNS      beside others
# LIMITS    none

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from frames import (VD1, VOICE_FR, Radio, block_read, columns, csd_read, dch_block, dch_read, ended,
                    fich_of, fich_read, frame_dch, golay_read, gps_read, header_csd, payload_of,
                    prefix_text, rewritten, short)
from shackd import main
from ysf import DATA_FR, crc16, csd_block, damaged, expect, fich, golay24, pad

REAL_VOICE = bytes.fromhex(
    "595346444955354a4145202020204955354a414520202020414c4c202020202020203ed471c9634d206d384468"
    "ed81ffe7989bf282e4542ff303fbc8f95c21383cf9c70b6e9048a39cecd94cb3286a7e763c7789a35606b45990"
    "bdecc85cb76c2c0d762f550d8035746a7b91aecec95e910a0f3f550e411146e7e002e2229decc1c68038785d44"
    "0f41fc8711d99fd110bfdff2f52ef4f3e6dc9567")
REAL_DAMAGED = bytes.fromhex(
    "59534644424d5f5953465f4c4e4b495538454b4e20202020414c4c2020202020202000d471c9634d116d38dcec"
    "2201ff300ed0728278ec60330086717d5c20a66ff893636e4e53118e10df2363c017607f1c886a2cfa06e89226"
    "ffb1b9a85aba46921014be97791574d5dd199c7575a8f77fb81110f2c63f0117e0e781799c8f3def0e84251e49"
    "9464dc40f1d92c0e2131bc1373f60dfbd5890193")
REAL_HEADER = bytes.fromhex(
    "595346444955354a4145202020204955354a414520202020414c4c2020202020202000d471c9634d116578e0fc"
    "220dbfd6e6d0416204aa6021e380877d4fd237accf4da3d81f4d207db0f4c353d81fa01f3db0b4ad1db03a97c5"
    "6d71b82cbab03a9d39e4b1ada46d5db9b916d3d9ada4c81fb9b91bf466daa30c72e4c33999e31aa30b19150339"
    "9911e09bc63f700ce2e18cd35bc63b5b15a2e184")
TERMINATOR = bytes.fromhex(
    "5953464449513541412020202020494b35584d4b2d525054414c4c2020202020202073d471c9634de2973fc0c9"
    "70c06825c383871b6ba0c1e85ba5588c02804c20f72353b41aa07f31f8f4e353101aa33f3df8b0185ab84a9f1c"
    "14bdbc2d9ab0b6963bd4bd39ad0b7fbdc5148ec6a5a1f83fbd4113e7861e230d702503f991b81e4f0a0aa50b79"
    "9c30135ff602bbd5ad019fd357360d68d5a2c193")
GPS_6 = bytes.fromhex(
    "5953464449513541412020202020494b35584d4b20202020414c4c202020202020200cd471c9634d2db5787012"
    "ebfdbca152924163978322a1e1e624f04fd16e1cd10b12fef6666768696a6b6c6d6e6f70717287f576cfeb7778"
    "797a7b7c7d7e7f80818283368c317d1688898a8b8c8d8e8f90919293940d5330b526999a9b9c9d9e9fa0a1a2a3"
    "a4a5312445035baaabacadaeafb0b1b2b3b4b5b6")
GPS_7 = bytes.fromhex(
    "5953464449513541412020202020494b35584d4b20202020414c4c202020202020200ed471c9634d2da500e1b1"
    "ebeeb3d4da9263f2077d22911382d2f08c723a4be8092f6c8b7778797a7b7c7d7e7f808182834939333f058889"
    "8a8b8c8d8e8f9091929394a6481a651f999a9b9c9d9e9fa0a1a2a3a4a5f02113f32caaabacadaeafb0b1b2b3b4"
    "b5b697c3f5fb6cbbbcbdbebfc0c1c2c3c4c5c6c7")
VD1_FIRST = bytes.fromhex(
    "5953464449513541412020202020494b35584d4b20202020414c4c2020202020202002d471c9634d11c4e49a2b"
    "f2bfdcd7638e423092450763a377dbc502019310f72353b41aa07f31f83f464d545b62697077b0185ab84a9f1c"
    "14bdbdc4cbd2d9e0e7eef539ad0b7fbdc5148ec63b424950575e656c731e230d702503f991b8b9c0c7ced5dce3"
    "eaf1135ff602bbd5ad019f373e454c535a61686f")
QUERY_HEADER = bytes.fromhex(
    "5953464449513541412020202020494b35584d4b20202020414c4c2020202020202000d471c9634d210b4478ed"
    "310edf02c8cfb3229a7d4b9150fed74fd203a8f8f72353b41aa07f31f8df2363c017607f1c88b0185ab84a9f1c"
    "14bdb9a85aba46921014be39ad0b7fbdc5148ec675a8f77fb81110f2c61e230d702503f991b83def0e84251e49"
    "9464135ff602bbd5ad019f1373f60dfbd5890193")
QUERY_COMMAND = bytes.fromhex(
    "5953464449513541412020202020494b35584d4b20202020414c4c2020202020202002d471c9634d11eb3c0031"
    "f28dd000be8e61b00e190761a0040ac5d1a009e7df2363c017607f1c88f3c76eac16653f2938b9a85aba469210"
    "14be8966fe6c864c4a1be575a8f77fb81110f2c676f09db2d41c7c63333def0e84251e4994648ddaba70a3de9f"
    "5ead1373f60dfbd58901938870ad0ba8b9846d90")
PREFIX_22 = bytes.fromhex(
    "595346444955354a4145202020204955354a414520202020414c4c2020202020202000d471c9634d116578e0fc"
    "220dbfd6e6d0416204aa6021e380877d4fd237accf4d9fff754d20538ef4c353d81fa01f3db019ad1d8cdbacc5"
    "6d69b82cbab03a9d39e4b100656d5dadb1d0d3d9ada4c81fb9b91bf466e4408d72e4f94811e31aa30b19150339"
    "9911e0a8e5be700ce6a673d35bc63b5b15a2e184")
PLAIN_FN_1 = bytes.fromhex(
    "595346444955354a4145202020204955354a414520202020414c4c2020202020202004d471c9634d218d40a430"
    "e182f0327891a010ec882cc3f07cacf75f830770f9c70b6e9048a39cecd94cb3286a7e763c7789a35606b45990"
    "bdecc85cb76c2c0d762f550d8035746a7b91aecec95e910a0f3f550e411146e7e002e2229decc1c68038785d44"
    "0f41fc8711d99fd110bfdff2f52ef4f3e6dc9567")
FN_1_22 = bytes.fromhex(
    "595346444955354a4145202020204955354a414520202020414c4c2020202020202004d471c9634d218d40a430"
    "e182f0327891a010ec882cc3f07cacf75f830770e66b80859e48a39cecd94cb3286a7e763c77779a444e6d5990"
    "bdecc85cb76c2c0d762f55b1828488ee7b91aecec95e910a0f3f550e41e8492618efe2229decc1c68038785d44"
    "0f41b801a5b118d110bfdff2f52ef4f3e6dc9567")
PREFIX_9 = bytes.fromhex(
    "595346444955354a4145202020204955354a414520202020414c4c2020202020202000d471c9634d116578e0fc"
    "220dbfd6e6d0416204aa6021e380877d4fd237accf4d9811f04d2053e2f4c353d81fa01f3db0ebad1d87469ac5"
    "6d55b82cbab03a9d39e4b127506d5db77dfbd3d9ada4c81fb9b91bf466c8609172e4f8b7efe31aa30b19150339"
    "9911e09f0c14700cd65b7cd35bc63b5b15a2e184")
FN_1_CUT = bytes.fromhex(
    "595346444955354a4145202020204955354a414520202020414c4c2020202020202004d471c9634d218d40a430"
    "e182f0327891a010ec882cc3f07cacf75f830770d36c31a56048a39cecd94cb3286a7e763c775a9356ad035990"
    "bdecc85cb76c2c0d762f55838cd9fa297b91aecec95e910a0f3f550e41cb79c095d7e2229decc1c68038785d44"
    "0f41b411927904d110bfdff2f52ef4f3e6dc9567")
FICHES = {
    "24070200": "116578e0fc220dbfd6e6d0416204aa6021e380877d4fd237ac",
    "64160200": "206d384468ed81ffe7989bf282e4542ff303fbc8f95c21383c",
    "64070a16": "2197b791aee19d93f63391bfe6c46c2ce5d926c4f78b836bd4",
    "a4073200": "d2ca443ea163e56ce6e59c72507156ea6cc30e8bbe89b29c90",
    "2407027f": "116572c583220db19f88d0416777966021eb2bee7d4feb1b5b",
}
CSD = bytes.fromhex("cf4da3d81f4d207db0b4ad1db03a97c56d71ada46d5db9b916d3d9daa30c72e4c33999e3"
                    "e09bc63f700ce2e18c")
CSD_REMS = bytes.fromhex("c371c897cd4dcb3de974aeae3f08e5c743a7ed29a1985576e1a485856f7a271b85b56d78"
                         "e5ce006a9c04696f73")
DCH = bytes.fromhex("e66b80859e779a444e6db1828488eee8492618efb801a5b118")
POSITIONS = (  # 20 or 10 bytes, FT, latitude, longitude, radio code
    ("4522625f31543355593230263a536c201c20036e", 7, 43.986667, 10.509167, 49),
    ("5222625f30343334563733272a23201c202003b3", 7, 43.778833, 11.234500, 48),
    ("5247645f283333353251334f2854201c2020031f", 7, -33.868833, 151.209333, 40),
    ("5222625f37303033505050762b1c201c2020032b", 7, 0.5, -0.25, 55),
    ("5222625f253435333050506b5744201c2020034b", 7, -45.5, -179.99, 37),
    ("5222615f2b0362202020", 6, None, None, 43),
    ("0722615f2b0317000000", 6, None, None, 43),
)


def info(frame):
    known = fich_of(frame)
    return known.info.hex() if known else None


def test_crc_and_golay():
    for data, crc in ((b"123456789", "ce3c"), (b"\0" * 4, "ffff"), (b"IU5JAE    ", "7d43")):
        expect(crc16(data).hex() == crc, data)
    for data, word in ((1, 0x0018EB), (2, 0x00293E), (0x123, 0x1230AC), (0x800, 0x800C75),
                       (0xABC, 0xABC23C), (0xFFF, 0xFFFFFF)):
        expect(golay24(data) == word and golay_read(word) == data, hex(data))
    for word, data in ((0x2BC23C, 0xABC), (0x3BC23D, 0xABC), (0x8BC02C, 0xABC), (0xDBC23D, 0xABC)):
        expect(golay_read(word) == data, hex(word))


def test_fich_of_every_vector():
    for wanted, coded in FICHES.items():
        expect(fich_read(bytes.fromhex(coded)).info.hex() == wanted, wanted)
    rng = random.Random(3)
    for _ in range(20):
        fields = dict(fi=rng.randrange(4), sq=rng.randrange(128), fn=rng.randrange(8),
                      ft=rng.randrange(8), dt=rng.randrange(4), cm=rng.randrange(4))
        got = fich_read(fich(**fields))
        expect(all(getattr(got, name) == value for name, value in fields.items()), fields)


def test_blocks():
    expect(csd_block(b"90123FAHuL" + pad("IU5JAE")) == CSD, "call sign data")
    expect(csd_read(CSD) == b"90123FAHuLIU5JAE    ", csd_read(CSD))
    expect(csd_read(CSD_REMS) == b"12345ABCDE54321FAHuL", csd_read(CSD_REMS))
    expect(dch_block(pad("22/IU5JAE")) == DCH and dch_read(DCH) == pad("22/IU5JAE"), "data channel")
    expect(dch_read(bytes(b ^ 0x99 for b in DCH)) is None, "a damaged block")
    mended = bytearray(CSD)
    for at in (3, 17, 31):
        mended[at] ^= 0x10
    expect(csd_read(bytes(mended)) == csd_read(CSD), "three wrong bits")


def test_real_frames():
    expect(info(REAL_VOICE) == "64160200" and frame_dch(REAL_VOICE) == pad("IU5JAE"), "voice")
    expect(info(REAL_DAMAGED) == "24060200", info(REAL_DAMAGED))
    expect(header_csd(REAL_DAMAGED) == (None, b" " * 20), header_csd(REAL_DAMAGED))
    expect(header_csd(REAL_HEADER) == (b"90123FAHuLIU5JAE    ", b"IU5JAE    IU5JAE    "), "header")
    expect(info(TERMINATOR) == "a0071696", info(TERMINATOR))
    expect(header_csd(TERMINATOR)[0] == pad("ALL") + pad("IK5XMK"), "terminator")
    expect(info(VD1_FIRST) == "60070000", info(VD1_FIRST))
    expect(csd_read(columns(payload_of(VD1_FIRST), 0, 9)) == pad("ALL") + pad("IK5XMK"), "V/D 1")
    expect(info(QUERY_HEADER) == "20010100" and info(QUERY_COMMAND) == "60090100", "Wires-X")
    expect(csd_read(columns(payload_of(QUERY_COMMAND), 9, 9))[1:4] == b"\x5d\x71\x5f", "command")
    expect(fich_of(damaged(REAL_VOICE)) is None, "a damaged FICH can be read")


def test_positions():
    expect(info(GPS_6) == "64370200" and info(GPS_7) == "643f0200", "frames of a position")
    data = frame_dch(GPS_6) + frame_dch(GPS_7)
    expect(data.hex() == POSITIONS[0][0], data.hex())
    for text, ft, lat, lon, code in POSITIONS:
        got = gps_read(bytes.fromhex(text), ft)
        same = all(a is b is None or abs(a - b) < 1e-6 for a, b in zip(got, (lat, lon, code)))
        expect(same, f"{text}: {got}")
    for lat, north, lon, east in (((43, 46, 73), 1, (11, 14, 7), 1), ((0, 0, 0), 0, (109, 59, 99), 0),
                                  ((89, 59, 99), 1, (5, 9, 50), 0), ((1, 2, 3), 0, (179, 10, 0), 1)):
        got = gps_read(short(48, lat, north, lon, east), 7)
        wanted = ((lat[0] + (lat[1] + lat[2] / 100) / 60) * (1 if north else -1),
                  (lon[0] + (lon[1] + lon[2] / 100) / 60) * (1 if east else -1), 48)
        expect(all(abs(a - b) < 1e-9 for a, b in zip(got, wanted)), f"{got} is not {wanted}")


def test_impossible_positions():
    good = bytearray(short(48, (43, 46, 73), 1, (11, 14, 7), 1))
    for at, byte in ((5, 0x59), (7, 0x56), (9, 0x5F), (6, 0x43), (12, 0x62), (13, 0x1B), (11, 0x25)):
        evil = good.copy()
        evil[at] = byte
        lat, lon, code = gps_read(ended(bytes(evil[:18]), 20), 7)
        expect(lat is lon is None and code == 48, f"byte {at} = {byte:02x}: {lat}, {lon}")


def test_prefixes():
    for data, dgid, source, wanted in ((REAL_HEADER, 22, "IU5JAE", PREFIX_22),
                                       (PLAIN_FN_1, 22, "IU5JAE", FN_1_22),
                                       (REAL_HEADER, 9, "AB1CDEFG", PREFIX_9),
                                       (PLAIN_FN_1, 50, "AB1CDEFG", FN_1_CUT)):
        # the published results show the payload: bytes 14..23 are the first sender's in all of them
        made = rewritten(data[:14] + pad(source) + data[24:], dgid)
        expect(made[24:] == wanted[24:], f"{dgid} {source}")
    for dgid, source, text in ((50, "AB1CDEFG", "50/AB1CDEF"), (50, "22/IU5JAE", "50/22     "),
                               (50, "IU5JAE GIO", "50/IU5JAE "), (50, "", "50/       ")):
        expect(prefix_text(dgid, source) == text.encode(), prefix_text(dgid, source))
    expect(header_csd(rewritten(TERMINATOR, 22)) == (b"ALL       22/IK5XMK ", pad("IQ5AA") * 2),
           "terminator")
    for data in (REAL_DAMAGED, VD1_FIRST, REAL_VOICE, damaged(REAL_HEADER)):
        expect(rewritten(data, 22) == data, "a frame that stays as it is")


def test_radios():
    radio = Radio("GW", "IU5JAE-7", cm=1, radio_id="FAHuL", rem12="12345ABCDE", rem34="54321FAHuL",
                  gps=bytes.fromhex(POSITIONS[0][0]), sq=9)
    over = radio.over(16)
    expect([len(data) for data in over] == [155] * 18, "sizes")
    expect([data[34] >> 1 for data in over] == list(range(18)), "counters")
    expect([fich_of(data).fn for data in over[1:9]] == list(range(8)), "frame numbers")
    expect(frame_dch(over[5]) == b"12345ABCDE" and frame_dch(over[6]) == b"54321FAHuL", "Rem")
    expect(gps_read(frame_dch(over[7]) + frame_dch(over[8]), 7)[2] == 49, "position")
    expect(header_csd(over[0])[0] == b"90123FAHuLIU5JAE-7  ", "header")
    for dt in (VD1, DATA_FR, VOICE_FR):
        over = Radio("GW", "IU5JAE", dt=dt, rem12="12345ABCDE").over(8)
        expect({fich_of(data).dt for data in over} == {dt}, f"mode {dt}")
    over = Radio("GW", "IU5JAE", dt=DATA_FR, rem12="12345ABCDE").over(8)
    expect(csd_read(columns(payload_of(over[2]), 0, 9))[:10] == b"12345ABCDE", "Rem in data")
    first = Radio("GW", "IU5JAE", dt=VOICE_FR).over(2)[1]
    expect(csd_read(payload_of(first)[:45]) == pad("ALL") + pad("IU5JAE"), "voice full rate")
    expect(block_read(b"\0" * 25, 5, 10) is None, "a block of nothing")


if __name__ == "__main__":
    main(globals())
