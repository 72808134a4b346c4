#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_ysf_totals - what stream.end says of a call that was cut
# PURPOSE   However a call ends (unlink, kick, block, expiry, a gateway that comes from elsewhere), its
#           event has the frames and losses that were counted.
# OWNER     make check
# CONTRACT  prints "ok NAME", "not ok NAME: why" or "SKIP NAME: why" for each case
# RUNS      beside few
# LIMITS    none known

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from shackd import Daemon, eventually, main
from ysf import (Lab, ask_json, events, expect, expect_nobody_died, shared)

OPTIONS = ("workers.ysf=2", "dgid.list=1-60")


def open_call(lab, dgid=7):
    """A call under way: header and four frames, of which one was lost before it came to us."""
    talker, listener = lab.pair(dgid)
    listener.expect(talker.header(), talker.voice(), talker.voice())
    talker.counter += 1
    listener.expect(talker.voice(), talker.voice())
    return talker, listener


def expect_end(lab, talker, reason):
    ended = eventually(lambda: events(lab.daemon, "stream.end", client=talker.id), 10,
                       "the end of the stream")
    expect(len(ended) == 1, ended)
    found = {name: ended[0][name] for name in ("reason", "frames", "lost")}
    expect(found == {"reason": reason, "frames": 5, "lost": 1}, found)


def cut(end, reason, daemon=None):
    with Lab(daemon or shared(*OPTIONS)) as lab:
        talker, listener = open_call(lab)
        talker.id = lab.client(talker)["id"]
        end(lab, talker)
        expect_end(lab, talker, reason)
        listener.expect(talker.farewell())


def test_unlink():
    cut(lambda lab, talker: talker.unlink(), "unlink")


def test_kick():
    cut(lambda lab, talker: ask_json(lab.daemon, "kick", talker.id), "kick")


def test_kick_of_a_caller_on_the_local_dgid():
    with Lab(shared("dgid.local=9", *OPTIONS)) as lab:
        talker = lab.gateway("TALKER", "IU5JAE", 9)
        talker.id = lab.client(talker)["id"]
        talker.header()
        for _ in range(2):
            talker.voice()
        talker.counter += 1
        for _ in range(2):
            talker.voice()
        talker.silent()
        ask_json(lab.daemon, "kick", talker.id)
        expect_end(lab, talker, "kick")


def test_block():
    def block(lab, talker):
        ask_json(lab.daemon, "block", talker.source, "600")

    try:
        cut(block, "blocked")
    finally:
        ask_json(shared(*OPTIONS), "unblock", "IU5JAE")


def test_expiry():
    # the call must not end before the gateway does
    with Daemon("ysf.client_timeout=5s", "ysf.watchdog=60s", *OPTIONS) as daemon, Lab(daemon) as lab:
        talker, _ = open_call(lab)
        talker.id = lab.client(talker)["id"]
        expect_end(lab, talker, "expired")


def test_a_gateway_that_polls_another_address_of_ours():
    """It is linked anew, its call is cut."""
    with Daemon(*OPTIONS, listen="0.0.0.0:0") as daemon, Lab(daemon) as lab:
        talker, listener = open_call(lab)
        talker.id = lab.client(talker)["id"]
        talker.sock.connect(("127.0.0.2", daemon.port))
        talker.poll()
        expect_end(lab, talker, "rebound")
        listener.expect(talker.farewell())


def test_nobody_died():
    expect_nobody_died()


if __name__ == "__main__":
    main(globals())
