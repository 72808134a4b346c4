# SPDX-License-Identifier: ISC
#
# NAME      pysf_scenario - one evening at a reflector, for comparing two of them
# PURPOSE   Gateways of every kind link, talk in every mode, change rooms, collide, are refused, time
#           out and leave; told as acts of steps, with what is known to differ and why.
# OWNER     pysf_compare.py
# CONTRACT  act(play) sends with play.send(client, datagram), names its steps with play.step(name,
#           {client: (why, kind)}), and waits with play.wait(kind). After each step everybody is read
#           dry. A difference that a step does not name is a failure, and so is one that does not come.
#           Why is a number of the protocol's list of known bugs of the peer (B10), or NR and words
# LIMITS    IPv4; every act has a pair of servers of its own

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from frames import VD1, VOICE_FR, Radio, ended
from ysf import DATA_FR, damaged, pad

FLORENCE = bytes.fromhex("4522625f31543355593230263a536c201c20036e")
SYDNEY = bytes.fromhex("5247645f283333353251334f2854201c2020031f")
DENY = """# who may not
CS:DL0BAD
DL0BARE
AL:N0CALL
AL:BM_LNK
AL:DL0BOTH
CS:DL0BOTH
SB:RPT
SB:ND
GW:GWMUTED
GWB:GWLOCKED
IP:127.50.0.20
IPB:127.50.0.21
SN:FAHuL
"""
HOMES = "HOMEFIX:9:-1\nHOMETIME:50:30\n"
KEEP_ALIVE = 15  # seconds between the polls of those who are linked
LIST, DEFAULT, LOCAL = "1,9,22,41,50", 22, 1
ALIASES = ((41, 1021, "IT PYSF3-TEST", "PYSF3 TEST REF"), (9, 77, "NINE", "ROOM NINE"))
AUX = (41, 88, 9)  # of which 88 is not in the list

# name: (address, server socket: 0 main, or the DG-ID of the auxiliary port)
CLIENTS = {
    "IU5AAA": ("127.50.0.1", 0), "DL2BBB": ("127.50.0.2", 0), "DL3LSN": ("127.50.0.3", 0),
    "REP-9": ("127.50.0.4", 0), "REP-50": ("127.50.0.5", 0), "REP-22": ("127.50.0.6", 0),
    "AUXA": ("127.50.0.7", 41), "AUXB-9": ("127.50.0.8", 41), "AUXOUT": ("127.50.0.9", 88),
    "HOMEFIX": ("127.50.0.10", 0), "HOMETIME": ("127.50.0.11", 0), "LOCAL-1": ("127.50.0.12", 0),
    "GWMUTED": ("127.50.0.18", 0), "GWLOCKED": ("127.50.0.19", 0),
    "IPMUTED": ("127.50.0.20", 0), "IPLOCKED": ("127.50.0.21", 0),
    "STRANGER": ("127.50.0.30", 0), "LATER": ("127.50.0.31", 0),
}


def callers():
    """Callers that nobody has heard yet: wild PTT counts each of them alone."""
    for n in range(26 * 26 * 26):
        yield f"DL{n % 10}{chr(65 + n // 676)}{chr(65 + n // 26 % 26)}{chr(65 + n % 26)}"


class Evening:
    """Words for the acts."""

    def __init__(self, play):
        self.play, self.fresh = play, callers()
        self.wait, self.linked, self.polled = play.wait, set(), time.monotonic()

    def step(self, name, expected=None, keep=True):
        """KEEP: who is linked polls now and then, as gateways do. In a step of their own: between
        the answer to a poll and the frames of others there is no order to be kept."""
        if keep and time.monotonic() - self.polled > KEEP_ALIVE:
            self.polled = time.monotonic()
            self.play.step("polls in between")
            self.poll(*sorted(self.linked))
        self.play.step(name, expected)

    def caller(self):
        return next(self.fresh)

    def radio(self, name, source=None, **fields):
        return Radio(name, self.caller() if source is None else source, **fields)

    def send(self, name, *datagrams):
        for data in datagrams:
            self.play.send(name, data)

    def over(self, name, source=None, frames=4, **fields):
        self.send(name, *self.radio(name, source, **fields).over(frames))

    def poll(self, *names):
        for name in names:
            self.linked.add(name)
            self.send(name, b"YSFP" + pad(name))

    def options(self, name, text):
        self.send(name, b"YSFO" + pad(name) + pad(text, 36))

    def unlink(self, *names):
        for name in names:
            self.linked.discard(name)
            self.send(name, b"YSFU" + pad(name))

    def go(self, name, dgid):
        """To a room by radio, with a caller of its own."""
        self.over(name, sq=dgid, frames=0)


def everybody():
    return [name for name in CLIENTS if name not in ("STRANGER", "LATER")]


# ---- act 1: links, queries, modes, rooms ----

def registrations(at):
    at.step("three polls back to back, as gateways link")
    for name in everybody():
        at.poll(name, name, name)
    at.step("everybody again: known already")
    at.poll(*everybody())
    at.step("polls of 155 and 1400 bytes")
    at.send("IU5AAA", (b"YSFPIU5AAA    " + b"\xa5" * 1400)[:155])
    at.send("LATER", (b"YSFPLATER     " + b"\xa5" * 1386))
    at.step("unlink of 14 bytes, twice, and the relinking")
    at.unlink("LATER", "LATER")
    at.poll("LATER")
    at.unlink("LATER")
    at.step("unlink of a stranger, of 4 bytes, of 1400")
    at.send("STRANGER", b"YSFU", b"YSFU" + pad("REP-9"), b"YSFU" + b"x" * 1396)
    at.step("a poll of 4 and of 13 bytes", {"STRANGER": ("B23", "more")})
    at.send("STRANGER", b"YSFP", b"YSFPSTRANGE  ")
    at.step("tags in other case, other words, nothing")
    at.send("STRANGER", b"ysfp" + pad("X"), b"YSFp" + pad("X"), b"YS", b"", b"CONNREQ",
            b"\xff" * 300)
    at.step("the stranger goes (it is linked at the peer)")
    at.unlink("STRANGER")
    at.step("a name of control characters and eight bits")
    at.send("LATER", b"YSFP\x01LAT\xffER\x00\x7f ")
    at.unlink("LATER")
    at.step("a nameless poll")
    at.send("LATER", b"YSFP" + b" " * 10)
    at.unlink("LATER")


def queries(at):
    at.step("status at the main port")
    at.send("STRANGER", b"YSFS")
    at.send("IU5AAA", b"YSFS with more")
    at.step("status at auxiliary ports with an alias")
    at.send("AUXA", b"YSFS")
    at.send("AUXA", b"YSFS")
    at.step("status at an auxiliary port without an alias", {"AUXOUT": ("B13", "other")})
    at.send("AUXOUT", b"YSFS")
    at.step("version", {"STRANGER": ("NR its own name and date", "other")})
    at.send("STRANGER", b"YSFV")
    at.step("information is not answered")
    at.send("IU5AAA", b"YSFI" + pad("IU5AAA") + b"439475000430475000JN53eq" + pad("Florence", 20) +
            pad("MMDVM", 12) + pad("1234567"))


def modes(at):
    for name, fields in (("V/D 2", dict(frames=16, rem12="12345ABCDE", rem34="54321XXXXX",
                                        gps=FLORENCE)),
                         ("V/D 2, FT 6", dict(frames=8)),
                         ("V/D 2, radio-ID mode", dict(frames=8, cm=1, radio_id="XXXXX")),
                         ("V/D 1", dict(frames=8, dt=VD1, gps=SYDNEY, rem12="12345ABCDE")),
                         ("Voice FR", dict(frames=8, dt=VOICE_FR)),
                         ("Data FR", dict(frames=8, dt=DATA_FR, rem12="12345ABCDE")),
                         ("all flags of the FICH", dict(frames=3, cs=1, cm=3, bn=1, bt=2, dev=1,
                                                        mr=3, voip=1, sql=1))):
        at.step(f"a call in {name}: movable talker")
        at.over("IU5AAA", **fields)
        at.step(f"a call in {name}: static talker")
        at.over("REP-22", **fields)
    at.step("calls of an auxiliary port, of a fixed home, of a home with a time")
    at.over("AUXA")
    at.over("HOMEFIX")
    at.over("HOMETIME")
    at.step("sources of every form")
    for source in ("AB12CDE", "DL9QQQ-7", "DL9QQR/M", "DL9QQS GIO", "W1AW/7"):
        at.over("IU5AAA", source, frames=3)
    at.step("dirty tag, source and destination")
    head = at.radio("IU5AAA").header()
    at.send("IU5AAA", head[:4] + b"IU5\x00AA\xff\x1f\x7f " + b"DL1DRT\x80\r\n " + b"AL\x01L" +
            head[28:])
    at.send("IU5AAA", at.radio("IU5AAA", "DL1DRT").terminator())


def rooms(at):
    at.step("a header with another DG-ID moves, its call is mute")
    at.over("DL2BBB", sq=9)
    at.step("and the next call is heard there")
    at.over("DL2BBB", sq=9)
    at.step("DG-ID 0 and the own one change nothing; SQL counts for nothing")
    for fields in (dict(sq=0), dict(sq=9), dict(sq=9, sql=1), dict(sq=0, sql=1)):
        at.over("DL2BBB", frames=2, **fields)
    at.step("invalid DG-IDs: on the present one")
    for sq in (77, 99, 100, 126):
        at.over("DL2BBB", sq=sq, frames=2)
    at.step("DG-ID 127: nothing")
    at.over("DL2BBB", sq=127)
    at.step("who is nailed talks where it is, whatever its header says")
    for name in ("REP-9", "HOMEFIX", "AUXA", "AUXOUT"):
        at.over(name, sq=50, frames=2)
    at.step("to the local DG-ID, there, and back")
    at.over("DL2BBB", sq=1)
    at.over("DL2BBB", sq=1)
    at.over("DL2BBB", sq=22)
    at.step("local talk of two at once")
    one, two = at.radio("LOCAL-1"), at.radio("DL2BBB")
    at.go("DL2BBB", 1)
    at.send("LOCAL-1", one.header())
    at.send("DL2BBB", two.header())
    at.send("LOCAL-1", one.voice(), one.terminator())
    at.send("DL2BBB", two.voice(), two.terminator())
    at.go("DL2BBB", 22)
    at.step("the home with a time moves away by radio")
    at.over("HOMETIME", sq=9)
    at.over("HOMETIME", sq=9)
    at.step("an unlinked gateway comes back to where its radio was")
    at.go("DL2BBB", 9)
    at.unlink("DL2BBB")
    at.poll("DL2BBB")
    at.over("REP-9")
    at.go("DL2BBB", 22)
    at.step("and one whose home is listed comes back to its home")
    at.unlink("HOMETIME")
    at.poll("HOMETIME")
    at.over("REP-50")


def inside_a_call(at):
    at.step("headers in a row, test frames, wrong sync, odd counters")
    radio = at.radio("REP-22")
    frames = [radio.header(), radio.again(), radio.again(), radio.voice(), radio.voice(fi=3)]
    odd = bytearray(radio.voice())
    odd[35:40] = b"\0\1\2\3\4"
    frames += [bytes(odd)]
    for counter in (5, 5, 90, 4):
        radio.counter = counter
        frames.append(radio.voice(2))
    at.send("REP-22", *frames, radio.terminator())
    at.step("another tag and source inside a call")
    radio, other = at.radio("REP-22"), Radio("OTHER", "DL9ZZZ")
    other.header()
    at.send("REP-22", radio.header(), other.voice(), other.terminator())
    at.step("the end bit alone ends nothing, FI 2 without it does")
    radio = at.radio("REP-22")
    at.send("REP-22", radio.header(), radio.voice(end=True), radio.voice(),
            radio.terminator(end=False), radio.voice(), radio.terminator())
    at.step("frames without a header, and after the end")
    radio = at.radio("REP-22")
    radio.header()
    at.send("REP-22", radio.voice(), radio.voice(), radio.terminator())
    at.step("a header whose call sign data 1 is damaged")
    radio = at.radio("REP-22")
    at.send("REP-22", spoiled(radio.header(), 0, 9), radio.voice(1), radio.terminator())
    at.step("a header whose call sign data 2 is damaged")
    radio = at.radio("REP-22")
    at.send("REP-22", spoiled(radio.header(), 9, 18), radio.voice(1), radio.terminator())
    at.step("a source in V/D 2 that is damaged")
    radio = at.radio("REP-22")
    at.send("REP-22", radio.header(), spoiled(radio.voice(1), 0, 5), radio.terminator())
    at.step("a header whose FICH can't be read opens nothing")
    at.send("REP-22", damaged(at.radio("REP-22").header()))
    at.step("a frame in a call whose FICH can't be read", here("REP-22", "B32", "less"))
    radio = at.radio("REP-22")
    at.send("REP-22", radio.header(), damaged(radio.voice()), radio.terminator())
    at.step("a terminator with FN 1", movable("REP-22", "B11", "other"))
    radio = at.radio("REP-22")
    at.send("REP-22", radio.header(), radio.terminator(fn=1))
    at.step("a test frame with FN 1", movable("REP-22", "NR only FI 1 is rewritten", "other"))
    radio = at.radio("REP-22")
    at.send("REP-22", radio.header(), radio.voice(1, fi=3), radio.terminator())
    at.step("positions that are none: relayed all the same", here("REP-22", "B12", "less"))
    radio = at.radio("REP-22", ft=6, gps=b"\x07\x22\x62\x03" + b"\x8e00000")
    at.send("REP-22", radio.header(), radio.voice(6), radio.terminator())
    at.step("a position of nonsense")
    at.over("REP-22", frames=9, gps=ended(bytes(range(0x20, 0x32)), 20))
    at.step("frames of every wrong size")
    good = at.radio("REP-22").header() * 10
    at.send("REP-22", *[good[:size] for size in (5, 14, 35, 40, 154, 156, 1500)])
    at.step("frames of zeros, of ones, of noise")
    at.send("REP-22", b"YSFD" + b"\0" * 151, b"YSFD" + b"\xff" * 151,
            b"YSFD" + bytes((i * i * 7 + 3 * i) & 0xFF for i in range(151)))
    at.step("a header with another DG-ID inside a call", header_inside())
    radio = at.radio("DL2BBB")
    at.send("DL2BBB", radio.header(sq=22), radio.voice(), radio.again(sq=9), radio.voice(),
            radio.terminator())
    at.step("both know where it is: everybody back to 22")
    at.wait("no calls")
    at.go("DL2BBB", 50)
    at.go("DL2BBB", 22)
    at.over("DL2BBB")


ON_22 = ("IU5AAA", "DL2BBB", "DL3LSN", "REP-22", "AUXOUT", "GWMUTED", "IPMUTED")
MOVABLE_22 = ("IU5AAA", "DL2BBB", "DL3LSN", "AUXOUT", "GWMUTED", "IPMUTED")


def here(talker, why, kind):
    """All on DG-ID 22 but the talker."""
    return {name: (why, kind) for name in ON_22 if name != talker}


def movable(talker, why, kind):
    return {name: (why, kind) for name in MOVABLE_22 if name != talker}


def header_inside():
    """The peer moves it and forgets its call: nobody hears the rest."""
    return here("DL2BBB", "NR no change inside a call", "less")


def spoiled(frame, first, last):
    payload = bytes(b ^ 0x5A if first <= i % 18 < last else b for i, b in enumerate(frame[65:]))
    return frame[:65] + payload


# ---- collisions ----

def collisions(at):
    at.step("two at once on one DG-ID: the first wins, the other is not heard")
    one, two = at.radio("REP-22"), at.radio("DL2BBB")
    at.send("REP-22", one.header())
    at.send("DL2BBB", two.header())
    for _ in range(3):
        at.send("REP-22", one.voice())
        at.send("DL2BBB", two.voice())
    at.send("REP-22", one.terminator())
    at.step("the loser goes on without a header")
    at.send("DL2BBB", two.voice(), two.terminator())
    at.step("and comes with a new one")
    at.over("DL2BBB")
    at.step("three DG-IDs at the same time")
    radios = {name: at.radio(name) for name in ("REP-22", "REP-9", "REP-50", "AUXA")}
    for step in range(6):
        for name, radio in radios.items():
            at.send(name, radio.header() if step == 0 else radio.voice() if step < 5
                    else radio.terminator())
    at.step("out of a busy room: moved at both, mute at ours, nothing at the peer's")
    busy, mover = at.radio("REP-22"), at.radio("DL2BBB", sq=9)
    at.send("REP-22", busy.header())
    at.send("DL2BBB", mover.header(), mover.voice(), mover.terminator())
    at.send("REP-22", busy.voice(), busy.terminator())
    at.over("REP-9", frames=2)
    at.go("DL2BBB", 22)
    at.step("into a busy room: mute, and it stays busy no longer than the real call",
            {name: ("B22", "less") for name in ("DL2BBB", "HOMEFIX")})
    real, mover = at.radio("REP-9"), at.radio("DL2BBB", sq=9)
    at.send("REP-9", real.header())
    at.send("DL2BBB", mover.header(), mover.voice())
    at.send("REP-9", real.voice(), real.terminator())
    at.over("REP-9", frames=1)  # the peer holds the room for the mute call
    at.send("DL2BBB", mover.terminator())
    at.step("after it, both rooms are free")
    at.over("REP-9", frames=1)
    at.go("DL2BBB", 22)
    at.over("DL2BBB", frames=1)
    at.step("unlink in mid-call", cut_short())
    at.poll("LATER")
    radio = at.radio("LATER")
    at.send("LATER", radio.header(), radio.voice())
    at.unlink("LATER")
    at.step("the DG-ID is free at once", here("REP-22", "B26", "less"))
    at.over("REP-22", frames=1)
    at.wait("no calls")
    at.step("a call that goes silent, and the next")
    radio = at.radio("REP-22")
    at.send("REP-22", radio.header(), radio.voice())
    at.wait("watchdog")
    at.step("its late frames are not heard")
    at.send("REP-22", radio.voice(), radio.terminator())
    at.step("and the room is free")
    at.over("DL2BBB")


def cut_short():
    """Ours tells the radios that the call is over."""
    return {name: ("NR a cut call gets its terminator", "less") for name in ON_22}


# ---- refusals ----

def refusals(at):
    at.step("refused: call, bare call, suffix, pattern")
    for source in ("DL0BAD", "DL0BARE", "DL0BAD-7", "DL0BAD/M", "DL9AAA-RPT", "DL9AAA/ND", "12345",
                   "TEST", "A", "", "AA12345A", "22/DL9AAA"):
        at.over("REP-22", source, frames=2)
    at.wait("unblocked")
    at.step("allowed: by list, by pattern")
    for source in ("N0CALL", "BM_LNK", "DL0BOTH", "dl9zzy", "2E0ABC", "9A1AA", "3DA0RS", "A1B",
                   "DL9AAB-rpt", "DL9AAC-X-RPT"):
        at.over("REP-22", source, frames=2)
    at.step("refused: gateways that may only listen, by name and address")
    for name in ("GWMUTED", "GWLOCKED", "IPMUTED", "IPLOCKED"):
        at.over(name, frames=2)
    at.step("refused: the serial of the radio")
    at.over("REP-22", cm=1, radio_id="FAHuL")
    at.wait("unblocked")
    at.step("refused: Wires-X queries of one and two frames; longer data are heard")
    at.over("REP-22", dt=DATA_FR, ft=1)
    at.over("REP-22", dt=DATA_FR, ft=2)
    at.wait("unblocked")
    at.over("REP-22", dt=DATA_FR, ft=3)
    at.step("an allowed caller behind a refused one", here("REP-22", "B10", "less"))
    at.over("REP-22", "DL0BAD", frames=2)
    at.over("REP-22", frames=4)
    at.wait("unblocked")
    at.step("a serial that somebody else sent", here("REP-22", "B8", "less"))
    radio = at.radio("REP-22", cm=1)
    radio.header()
    at.over("REP-9", cm=1, radio_id="FAHuL", frames=0)
    at.send("REP-22", radio.voice())  # of no call: judged by the last header of anybody
    at.over("REP-22")
    at.wait("unblocked")
    at.step("strangers' frames")
    at.over("STRANGER")
    at.send("STRANGER", *Radio("REP-22", "DL9STR").over(2))


def wild_ptt(at):
    at.step("too many key-ups: the one that is too many is heard, the next is not")
    for _ in range(6):
        at.over("REP-22", "DL1WLD", frames=0)
    at.wait("unblocked")
    at.step("after its release it is heard again")
    at.wait("released")
    at.over("REP-22", "DL1WLD", frames=0)
    at.step("key-ups with a suffix", here("REP-22", "B1", "more"))
    for _ in range(6):
        at.over("REP-22", "DL2WLD-7", frames=0)
    at.wait("unblocked")
    at.wait("released")


def timeouts(at):
    at.step("a call that is too long: cut", here("REP-22", "B21", "cut"))
    radio = at.radio("REP-22", "DL1LNG")
    at.send("REP-22", radio.header())
    at.wait("timeout", lambda: at.send("REP-22", radio.voice()))
    at.step("the rest of it, and the caller again: refused")
    at.send("REP-22", radio.voice(), radio.terminator())
    at.over("REP-22", "DL1LNG", frames=1)
    at.wait("unblocked")
    at.step("another caller: heard")
    at.over("REP-22")
    at.step("after its release it is heard again")
    at.wait("released")
    at.over("REP-22", "DL1LNG", frames=1)


def homes(at):
    at.step("options: forms that give no home")
    for text in ("77;", "abc", "", "22,9", "DG-ID=22", ";;", "0"):
        at.options("IU5AAA", text)
    at.over("REP-22", frames=1)
    at.step("options: a home at once")
    at.options("IU5AAA", " 050 ;")
    at.over("REP-50", frames=1)
    at.over("REP-22", frames=1)
    at.step("options again, of static, fixed and listed ones: nothing")
    for name in ("IU5AAA", "REP-22", "HOMEFIX", "HOMETIME", "AUXA"):
        at.options(name, "9;")
    at.over("REP-9", frames=1)
    at.over("REP-50", frames=1)
    at.step("it moves by radio and comes home")
    at.go("IU5AAA", 9)
    at.over("REP-9", frames=1)
    at.wait("home")
    at.over("REP-9", frames=1)
    at.over("REP-50", frames=1)
    at.step("options of a stranger")
    at.options("STRANGER", "9;")
    at.step("a home by options goes with the link; what the radio chose stays")
    at.unlink("IU5AAA")
    at.poll("IU5AAA")
    at.over("REP-9", frames=1)
    at.over("REP-50", frames=1)


def farewells(at):
    at.step("everybody leaves but one")
    at.unlink(*[name for name in everybody() if name != "REP-22"])
    at.step("who does not poll goes after a minute", keep=False)
    at.wait("expired")
    at.send("STRANGER", b"YSFS")


def first_act(at):
    registrations(at)
    queries(at)
    modes(at)
    rooms(at)
    inside_a_call(at)
    collisions(at)
    refusals(at)


def second_act(at):
    at.step("links")
    at.poll(*everybody())
    wild_ptt(at)
    timeouts(at)
    homes(at)


def check_re(at):
    """The same callers; what becomes of them is the server's setting."""
    at.step("links")
    at.poll("REP-22", "IU5AAA", "DL3LSN")
    at.step("callers of every form")
    for source in ("N0CALL", "BM_LNK", "DL0BOTH", "DL0BAD", "DL9AAA", "12345", "TEST", "A", "",
                   "AA12345A", "22/DL9AAA", "DL9AAB-RPT"):
        at.over("REP-22", source, frames=1)
        at.wait("unblocked")


def plain(at):
    at.step("links")
    at.poll(*everybody())
    at.step("calls without a prefix")
    at.over("REP-22", frames=8)
    at.over("IU5AAA", frames=8)
    at.over("HOMEFIX", frames=8, dt=VD1)


def last_act(at):
    at.step("links")
    at.poll(*everybody())
    farewells(at)


# name: (what is played, options that both servers get)
ACTS = {
    "rooms": (first_act, {}),
    "times": (second_act, dict(wild_ptt_time=2, wild_ptt_count=4, timeout=2, reactivate=4,
                               home_time=2)),
    "check_re 0": (check_re, dict(check_re=0)),
    "check_re -1": (check_re, dict(check_re=-1)),
    "no prefix": (plain, dict(prefix=0)),
    "expiry": (last_act, {}),
}
