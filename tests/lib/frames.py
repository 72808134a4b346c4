# SPDX-License-Identifier: ISC
#
# NAME      frames - what radios send, and what is in what they hear
# PURPOSE   A second codec of the YSF protocol, written from its definitions and of nothing of the
#           product: reads and writes FICH, call sign data, data channels and positions, makes the
#           frames of a radio in every mode, and says what a movable listener must get of a frame.
# OWNER     flow tests and the comparison with other reflectors
# CONTRACT  readers give None for what can't be read; nothing here knows of daemons or sockets.
#           tests/flow/test_frames.py holds it against the protocol's vectors
# LIMITS    written for clarity: some milliseconds a block; voice is arbitrary bytes

import re

from ysf import (DATA_FR, HEADER, SYNC, TERMINATOR, VD2, VOICE, bits_of, bytes_of, convolve, crc16,
                 csd_block, csd_payload, fich, interleave, pad, whitening)

VD1, VOICE_FR = 0, 3
UNKNOWN = "**********"
BLANK20 = b" " * 20


# ---- reading: interleaver, convolution, Golay ----

def deinterleave(block, rows):
    bits, symbols = bits_of(block), []
    for i in range(20 * rows):
        at = 40 * (i % rows) + 2 * (i // rows)
        symbols += bits[at:at + 2]
    return symbols


def pair_of(bit, state):
    """The symbol pair that BIT makes behind the four bits of STATE (the last one is its lowest)."""
    d1, d2, d3, d4 = (state >> n & 1 for n in range(4))
    return bit ^ d3 ^ d4, bit ^ d1 ^ d2 ^ d4


STEPS = [[(state, bit, pair_of(bit, state)) for state, bit in
          ((end >> 1, end & 1), (end >> 1 | 8, end & 1))] for end in range(16)]


def viterbi(symbols):
    """All bits but the four of the tail. Any start, end in state 0; of equal paths the one whose
    oldest bit is 1."""
    metric, history = [0] * 16, []
    for i in range(0, len(symbols), 2):
        seen, following, came = (symbols[i], symbols[i + 1]), [], []
        for ways in STEPS:
            costs = [metric[state] + (pair[0] ^ seen[0]) + (pair[1] ^ seen[1])
                     for state, _, pair in ways]
            best = 0 if costs[0] < costs[1] else 1
            following.append(costs[best])
            came.append(ways[best][:2])
        metric = following
        history.append(came)
    state, bits = 0, []
    for came in reversed(history):
        state, bit = came[state]
        bits.append(bit)
    return bits[::-1][:-4]


def syndrome(word):
    for bit in range(22, 10, -1):
        if word >> bit & 1:
            word ^= 0xC75 << (bit - 11)
    return word


def errors_of_golay():
    """{syndrome: the up to three wrong bits of 23 that make it}"""
    table = {0: 0}
    for a in range(23):
        for b in range(a, 23):
            for c in range(b, 23):
                wrong = 1 << a | 1 << b | 1 << c
                table[syndrome(wrong)] = wrong
    return table


GOLAY_ERRORS = errors_of_golay()


def golay_read(word):
    """The 12 data bits of 24 received ones; up to three errors beside the parity are mended."""
    word >>= 1
    return (word ^ GOLAY_ERRORS[syndrome(word)]) >> 11


# ---- FICH ----

class Fich:
    """The fields of four information bytes."""

    def __init__(self, info):
        self.info = info
        self.fi, self.cs, self.cm, self.bn = info[0] >> 6, info[0] >> 4 & 3, info[0] >> 2 & 3, info[0] & 3
        self.bt, self.fn, self.ft = info[1] >> 6, info[1] >> 3 & 7, info[1] & 7
        self.dev, self.mr = info[2] >> 6 & 1, info[2] >> 3 & 7
        self.voip, self.dt = info[2] >> 2 & 1, info[2] & 3
        self.sql, self.sq = info[3] >> 7, info[3] & 0x7F


def fich_read(coded):
    """A Fich of 25 bytes, or None."""
    bits = viterbi(deinterleave(coded, 5))
    words = [int("".join(map(str, bits[i:i + 24])), 2) for i in range(0, 96, 24)]
    plain = 0
    for word in words:
        plain = plain << 12 | golay_read(word)
    data = plain.to_bytes(6, "big")
    return Fich(data[:4]) if crc16(data[:4]) == data[4:] else None


def fich_of(frame):
    return fich_read(frame[40:65])


# ---- blocks of call sign data (20 bytes in 45) and of V/D mode 2 (10 bytes in 25) ----

def block_read(block, rows, size):
    data = bytes_of(viterbi(deinterleave(block, rows)))
    white, crc = data[:size], data[size:size + 2]
    if crc16(white) != crc:
        return None
    return bytes(a ^ b for a, b in zip(white, whitening(size)))


def csd_read(block):
    return block_read(block, 9, 20)


def dch_block(text):
    """10 bytes to the 25 coded ones of a V/D mode 2 data channel."""
    white = bytes(a ^ b for a, b in zip(text, whitening(10)))
    return interleave(convolve(bits_of(white + crc16(white)) + [0] * 4), 5)


def dch_read(block):
    return block_read(block, 5, 10)


def columns(payload, first, count):
    """COUNT bytes of each of the five rows, from byte FIRST."""
    return b"".join(payload[18 * row + first:18 * row + first + count] for row in range(5))


def with_columns(payload, first, coded):
    count, made = len(coded) // 5, bytearray(payload)
    for row in range(5):
        made[18 * row + first:18 * row + first + count] = coded[count * row:count * (row + 1)]
    return bytes(made)


def payload_of(frame):
    return frame[65:]


def header_csd(frame):
    """(call sign data 1, call sign data 2) of a header or terminator, each 20 bytes or None."""
    payload = payload_of(frame)
    return csd_read(columns(payload, 0, 9)), csd_read(columns(payload, 9, 9))


def frame_dch(frame):
    """The 10 bytes of a V/D mode 2 frame, or None."""
    return dch_read(columns(payload_of(frame), 0, 5))


# ---- prefix ----

def prefix_text(dgid, source):
    """Ten characters: `22/IU5JAE `."""
    text = source.decode() if isinstance(source, bytes) else source
    return pad(f"{dgid}/{re.split('[-/]', text.strip())[0].strip()}")


def clean(text):
    """What is not printable is a blank in what is written anew."""
    return bytes(byte if 0x20 <= byte <= 0x7E else 0x20 for byte in text)


def rewritten(frame, dgid):
    """What a movable listener gets of FRAME when its sender is on DGID: headers, terminators and the
    source of V/D mode 2 name the room, everything else is as it came."""
    known = fich_of(frame)
    if known is None:
        return frame
    text, payload = prefix_text(dgid, frame[14:24]), payload_of(frame)
    if known.fi in (HEADER, TERMINATOR):
        one, two = header_csd(frame)
        if one is None:
            return frame
        return frame[:65] + csd_payload(clean(one[:10]) + text, clean(two or BLANK20))
    if known.fi == VOICE and known.dt == VD2 and known.fn == 1:
        return frame[:65] + with_columns(payload, 0, dch_block(text))
    return frame


# ---- positions ----

def short(code, lat, north, lon, east, last=b"\x1c \x20"):
    """GPS data of 20 bytes as radios send them: LAT and LON are (degrees, minutes, hundredths)."""
    def digits(values, flags):
        return bytes((0x50 if flag else 0x30) + value for value, flag in zip(values, flags))

    degrees, minutes, hundredths = lat
    ten = lon[0] >= 100 or lon[0] < 10
    head = digits((degrees // 10, degrees % 10, minutes // 10, minutes % 10, hundredths // 10,
                   hundredths % 10), (1, 1, 1, north, ten, not east))
    if not ten:
        east_degrees = 0x26 + lon[0] - 10
    elif lon[0] < 10:
        east_degrees = 0x76 + lon[0]
    else:
        east_degrees = 0x6C + lon[0] - 100 if lon[0] < 110 else 0x26 + lon[0] - 110
    east_minutes = 0x58 + lon[1] if lon[1] < 10 else 0x26 + lon[1] - 10
    data = (b"\x52\x22\x62\x5f" + bytes([code]) + head +
            bytes([east_degrees, east_minutes, 0x1C + lon[2]]) + last)
    return ended(data, 20)


def ended(data, size):
    """DATA with its end mark and checksum, filled up with blanks before them."""
    data = data.ljust(size - 2) + b"\x03"
    return data + bytes([sum(data) & 0xFF])


def gps_end(data, ft):
    """Index of the end mark, or None."""
    for i in range((ft - 5) * 10 - 2, -1, -1):
        if data[i] == 3 and sum(data[:i + 1]) & 0xFF == data[i + 1]:
            return i
    return None


def gps_longitude(data):
    """(degrees, minutes, hundredths) or None."""
    high, degrees, minutes, hundredths = data[9] >> 4, data[11], data[12], data[13]
    ranges = (((0x76, 0x7F, 0), (0x6C, 0x75, 100), (0x26, 0x6B, 110)) if high == 5
              else ((0x26, 0x7F, 10),))
    whole = next((base + degrees - low for low, top, base in ranges if low <= degrees <= top), None)
    if whole is None or not 0x26 <= minutes <= 0x61 or not 0x1C <= hundredths <= 0x7F:
        return None
    return whole, minutes - 0x58 if minutes >= 0x58 else minutes - 0x26 + 10, hundredths - 0x1C


def gps_read(data, ft):
    """(latitude or None, longitude or None, radio code or None)."""
    if gps_end(data, ft) is None:
        return None, None, None
    code = data[4] or None
    if data[1:3] not in (b"\x22\x62", b"\x47\x64") or len(data) < 14:
        return None, None, code
    if any(byte >> 4 not in (3, 5) for byte in data[5:11]):
        return None, None, code
    low = [byte & 15 for byte in data[5:11]]
    degrees, minutes, hundredths = (10 * low[0] + low[1], 10 * low[2] + low[3],
                                    10 * low[4] + low[5])
    east = gps_longitude(data)
    if degrees > 89 or minutes > 59 or hundredths > 99 or east is None:
        return None, None, code
    latitude = degrees + (minutes + hundredths / 100) / 60
    longitude = east[0] + (east[1] + east[2] / 100) / 60
    return (latitude if data[8] >> 4 == 5 else -latitude,
            longitude if data[10] >> 4 == 3 else -longitude, code)


# ---- radios ----

class Radio:
    """A transceiver behind a gateway: every transmission begins with header() and counts on."""

    def __init__(self, tag, source, dt=VD2, ft=None, sq=0, cm=0, dest="ALL", radio_id=None,
                 rem12="", rem34="", gps=None, network_dest="ALL", **fields):
        self.tag, self.source, self.dt, self.sq, self.cm = tag, source, dt, sq, cm
        self.ft = {VD1: 6, VD2: 7 if gps and len(gps) > 10 else 6, DATA_FR: 7, VOICE_FR: 6}[dt] \
            if ft is None else ft
        # in radio-ID mode the destination is a node (5) and the transceiver (5)
        self.dest = pad(("90123" + radio_id) if radio_id else dest)
        self.rem12, self.rem34, self.gps = pad(rem12), pad(rem34), gps or b" " * 20
        self.network_dest, self.fields, self.counter = network_dest, fields, 0

    def own(self):
        return pad(self.source)

    def gateway(self):
        return pad(self.tag)

    def wrap(self, fi, fn, payload, end=False, **change):
        values = dict(fi=fi, fn=fn, ft=self.ft, dt=self.dt, sq=self.sq, cm=self.cm, **self.fields)
        values.update(change)
        frame = (b"YSFD" + self.gateway() + self.own() + pad(self.network_dest) +
                 bytes([self.counter % 128 << 1 | end]) + SYNC + fich(**values) + payload)
        self.counter += 1
        return frame

    def edge_payload(self):
        return csd_payload(self.dest + self.own(), self.gateway() * 2)

    def header(self, **change):
        self.counter = 0
        return self.wrap(HEADER, 0, self.edge_payload(), **change)

    def again(self, **change):
        """A header in the middle."""
        return self.wrap(HEADER, 0, self.edge_payload(), **change)

    def terminator(self, end=True, **change):
        return self.wrap(TERMINATOR, change.pop("fn", 0), self.edge_payload(), end, **change)

    def sound(self):
        return bytes((self.counter * 11 + i * 5 + 3) & 0xFF for i in range(90))

    def data(self, fn):
        """What frame number FN carries beside voice: the coded blocks in front of the columns."""
        if self.dt == VD2:
            texts = (self.dest, self.own(), self.gateway(), self.gateway(), self.rem12, self.rem34,
                     self.gps[:10], self.gps[10:20].ljust(10))
            return (dch_block(texts[fn]),)
        csd = (self.dest + self.own(), self.gateway() * 2, self.rem12 + self.rem34)
        position = [self.gps[:20].ljust(20), BLANK20, BLANK20, BLANK20, BLANK20]
        if self.dt == VD1:
            return (csd_block((list(csd) + position)[fn]),)
        if self.dt == DATA_FR:
            pairs = [csd[0], csd[1], csd[2]] + position + [BLANK20] * 8
            return csd_block(pairs[2 * fn]), csd_block(pairs[2 * fn + 1])
        return ()

    def voice(self, fn=None, **change):
        fn = (self.counter - 1) % (self.ft + 1) if fn is None else fn
        payload = self.sound()
        for n, coded in enumerate(self.data(fn)):
            payload = with_columns(payload, 9 * n, coded)
        return self.wrap(change.pop("fi", VOICE), fn, payload, **change)

    def first_of_voice_fr(self):
        """Frame 0 of 1 of voice full rate: 45 bytes of call sign data in a row."""
        coded = csd_block(self.dest + self.own())
        return self.wrap(VOICE, 0, coded + self.sound()[45:], ft=1)

    def over(self, frames=8):
        """A whole transmission."""
        made = [self.header()]
        if self.dt == VOICE_FR:
            made.append(self.first_of_voice_fr())
        return made + [self.voice() for _ in range(frames)] + [self.terminator()]
