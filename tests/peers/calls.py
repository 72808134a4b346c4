# SPDX-License-Identifier: ISC
#
# NAME      calls - one short call, and what every listener has to hear of it
# PURPOSE   a call made of known frames (a header, eight V/D mode 2 frames, a terminator), sent in
#           real time into one modem, and the comparison of what arrived at all others.
# OWNER     the scripts of this folder
# CONTRACT  a call is 155-byte frames with running counters; the comparison is exact, over all 155
#           bytes, in order, and over everything that each modem ever got
# LIMITS    frames 0, 3, 4 and 5 of a real superframe are left out; source and tag are ASCII

import time

FRAME_TIME = 0.1
LISTEN = 3.0
CLOSING = 0.5       # well below the two seconds after which any reflector frees a room
SPACING = 3.0       # between starts of calls, so that no wild-PTT rule takes us for a nuisance
TAG = slice(4, 14)
PAYLOAD = slice(35, 155)

# a good header: FI 0, source IU5JAE
HEADER = bytes.fromhex(
    "595346444955354a4145202020204955354a414520202020414c4c2020202020202000d471c9634d116578"
    "e0fc220dbfd6e6d0416204aa6021e380877d4fd237accf4da3d81f4d207db0f4c353d81fa01f3db0b4ad1d"
    "b03a97c56d71b82cbab03a9d39e4b1ada46d5db9b916d3d9ada4c81fb9b91bf466daa30c72e4c33999e31a"
    "a30b191503399911e09bc63f700ce2e18cd35bc63b5b15a2e184")
# V/D mode 2, FN 1
FIRST = bytes.fromhex(
    "595346444955354a4145202020204955354a414520202020414c4c2020202020202004d471c9634d218d40"
    "a430e182f0327891a010ec882cc3f07cacf75f830770f9c70b6e9048a39cecd94cb3286a7e763c7789a356"
    "06b45990bdecc85cb76c2c0d762f550d8035746a7b91aecec95e910a0f3f550e411146e7e002e2229decc1"
    "c68038785d440f41fc8711d99fd110bfdff2f52ef4f3e6dc9567")
# V/D mode 2, FN 2
SECOND = bytes.fromhex(
    "595346444955354a4145202020204955354a414520202020414c4c202020202020203ed471c9634d206d38"
    "4468ed81ffe7989bf282e4542ff303fbc8f95c21383cf9c70b6e9048a39cecd94cb3286a7e763c7789a356"
    "06b45990bdecc85cb76c2c0d762f550d8035746a7b91aecec95e910a0f3f550e411146e7e002e2229decc1"
    "c68038785d440f41fc8711d99fd110bfdff2f52ef4f3e6dc9567")
# V/D mode 2, FN 6
SIXTH = bytes.fromhex(
    "5953464449513541412020202020494b35584d4b20202020414c4c202020202020200cd471c9634d2db578"
    "7012ebfdbca152924163978322a1e1e624f04fd16e1cd10b12fef6666768696a6b6c6d6e6f70717287f576"
    "cfeb7778797a7b7c7d7e7f80818283368c317d1688898a8b8c8d8e8f90919293940d5330b526999a9b9c9d"
    "9e9fa0a1a2a3a4a5312445035baaabacadaeafb0b1b2b3b4b5b6")
# V/D mode 2, FN 7
SEVENTH = bytes.fromhex(
    "5953464449513541412020202020494b35584d4b20202020414c4c202020202020200ed471c9634d2da500"
    "e1b1ebeeb3d4da9263f2077d22911382d2f08c723a4be8092f6c8b7778797a7b7c7d7e7f80818283493933"
    "3f0588898a8b8c8d8e8f9091929394a6481a651f999a9b9c9d9e9fa0a1a2a3a4a5f02113f32caaabacadae"
    "afb0b1b2b3b4b5b697c3f5fb6cbbbcbdbebfc0c1c2c3c4c5c6c7")
# terminator, FI 2
LAST = bytes.fromhex(
    "5953464449513541412020202020494b35584d4b2d525054414c4c2020202020202073d471c9634de2973f"
    "c0c970c06825c383871b6ba0c1e85ba5588c02804c20f72353b41aa07f31f8f4e353101aa33f3df8b0185a"
    "b84a9f1c14bdbc2d9ab0b6963bd4bd39ad0b7fbdc5148ec6a5a1f83fbd4113e7861e230d702503f991b81e"
    "4f0a0aa50b799c30135ff602bbd5ad019fd357360d68d5a2c193")
# HEADER as a movable listener on DG-ID 22 gets it with prefixes on
HEADER_22 = bytes.fromhex(
    "595346444955354a4145202020204955354a414520202020414c4c2020202020202000d471c9634d116578"
    "e0fc220dbfd6e6d0416204aa6021e380877d4fd237accf4d9fff754d20538ef4c353d81fa01f3db019ad1d"
    "8cdbacc56d69b82cbab03a9d39e4b100656d5dadb1d0d3d9ada4c81fb9b91bf466e4408d72e4f94811e31a"
    "a30b191503399911e0a8e5be700ce6a673d35bc63b5b15a2e184")
# FIRST, the same way
FIRST_22 = bytes.fromhex(
    "595346444955354a4145202020204955354a414520202020414c4c2020202020202004d471c9634d218d40"
    "a430e182f0327891a010ec882cc3f07cacf75f830770e66b80859e48a39cecd94cb3286a7e763c77779a44"
    "4e6d5990bdecc85cb76c2c0d762f55b1828488ee7b91aecec95e910a0f3f550e41e8492618efe2229decc1"
    "c68038785d440f41b801a5b118d110bfdff2f52ef4f3e6dc9567")

BODY = (FIRST, SECOND, SIXTH, SEVENTH, FIRST, SECOND, SIXTH, SEVENTH)
PREFIXED = {HEADER[PAYLOAD]: HEADER_22[PAYLOAD], FIRST[PAYLOAD]: FIRST_22[PAYLOAD]}
KEPT = 65           # the bytes in front of the radio payload, which no prefix touches


def call_frames(name, source="IU5JAE"):
    """The frames that MMDVMHost would send at gateway `name` for a call of `source`."""
    frames = []
    for count, vector in enumerate((HEADER, *BODY, LAST)):
        frame = bytearray(vector)
        frame[TAG] = name.encode().ljust(10)
        frame[14:24] = source.encode().ljust(10)
        frame[24:34] = b"ALL".ljust(10)
        frame[34] = count << 1 | (vector is LAST)
        frames.append(bytes(frame))
    return frames


def is_prefixed(got, sent, room):
    """Whether a frame is another one with the room and `/` before the source in its radio payload.
    The coded bytes are known for room 22; elsewhere they only have to be where they belong."""
    known = PREFIXED.get(sent[PAYLOAD])
    if known is None or got[:KEPT] != sent[:KEPT]:
        return False
    return got[PAYLOAD] == known if room == 22 else len(got) == len(sent)


def is_closing(frame, header, count):
    """Whether a frame ends a cut call for its listeners: the call's own header with the next
    counter, the end flag and another kind in the FICH. Receivers lock on a tag until such a one."""
    return (len(frame) == len(header) and frame[:34] == header[:34] and frame[34] == count << 1 | 1
            and frame[35:40] == header[35:40] and frame[40:KEPT] != header[40:KEPT]
            and frame[KEPT:] == header[KEPT:])


class Ears:
    """All modems of a lab: who is in which room, and what each one must have heard so far."""

    def __init__(self, lab):
        self.lab = lab
        self.rooms = {}
        self.movable = set()
        self.heard = {}
        self.rewritten = 0
        self.last_start = 0.0
        self.calls = 0

    def join(self, gateway, room, movable=False):
        self.rooms[gateway] = room
        self.heard.setdefault(gateway, [])
        if movable:
            self.movable.add(gateway)

    def leave(self, gateway):
        self.rooms[gateway] = None

    def pace(self):
        self.lab.hub.until(self.last_start + SPACING)
        self.last_start = time.monotonic()

    def send(self, talker, frames):
        """Feeds frames into a modem, one each tenth of a second; returns after the last."""
        begin = time.monotonic()
        sent = []

        def one(frame):
            talker.modem.send(frame)
            sent.append(frame)

        for i, frame in enumerate(frames):
            self.lab.hub.at(begin + i * FRAME_TIME, lambda frame=frame: one(frame))
        self.lab.hub.wait(lambda: len(sent) == len(frames), len(frames) * FRAME_TIME + 5)

    def call(self, talker, label="", frames=None, at_once=False):
        """A whole call; then all modems must hold exactly what they should."""
        if not at_once:
            self.pace()
        self.calls += 1
        frames = frames or call_frames(talker.name)
        self.expect(talker, frames)
        self.send(talker, frames)
        return self.judge(label or f"call {self.calls} from {talker.name}")

    def expect(self, talker, frames):
        for gateway, room in self.rooms.items():
            if gateway is not talker and room is not None and room == self.rooms[talker]:
                self.heard[gateway] += frames

    def closing(self, talker, frames):
        """After a cut call: (how many frames each listener got to close it, whether they are
        right); takes them out of the books."""
        room = self.rooms[talker]
        listeners = [g for g in self.rooms if g is not talker and self.rooms[g] == room]
        self.lab.hub.wait(lambda: all(g.modem.frames for g in listeners), CLOSING)
        extra = [list(g.modem.frames) for g in listeners]
        for gateway in listeners:
            gateway.modem.frames.clear()
        right = all(is_closing(f, frames[0], len(frames)) for got in extra for f in got)
        return [len(got) for got in extra], right

    def judge(self, label):
        def complete():
            return all(len(g.modem.frames) >= len(want) for g, want in self.heard.items())

        self.lab.hub.wait(complete, LISTEN)
        wrong = [text for gateway in self.heard for text in [self.compare(gateway)] if text]
        return self.lab.report.check(not wrong, label, "; ".join(wrong))

    def quiet(self, seconds=1.0):
        """After the last call of a run: nothing may come any more."""
        self.lab.hub.until(time.monotonic() + seconds)
        return self.judge("nothing comes after the last call")

    def compare(self, gateway):
        """What is wrong at one modem, or nothing. Afterwards the books are level again."""
        got, want = gateway.modem.frames, self.heard[gateway]
        text = ""
        if len(got) != len(want):
            text = f"{gateway.name} got {len(got)} frames for {len(want)}"
        for i, (a, b) in enumerate(zip(got, want)):
            if a == b:
                continue
            if gateway in self.movable and is_prefixed(a, b, self.rooms[gateway]):
                self.rewritten += 1
                continue
            at = next((k for k in range(min(len(a), len(b))) if a[k] != b[k]), len(a))
            text = text or f"{gateway.name}: frame {i} differs at byte {at}"
        got.clear()
        want.clear()
        return text
