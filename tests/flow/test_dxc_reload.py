#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_dxc_reload - feeds come, change and go while the cluster serves
# PURPOSE   Sections [feed NAME] are slots: a reload makes and removes them, and gives one another ring,
#           without a spot lost or doubled and without a connection of the others closed.
# OWNER     tests
# CONTRACT  upstreams and users are the test's own
# RUNS      beside others
# LIMITS    none known

import contextlib
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.cluster import Cluster  # noqa: E402
from lib.shackd import eventually, main  # noqa: E402
from lib.numbered import has, line  # noqa: E402
from lib.upstream import Upstream  # noqa: E402


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


class Fed(Cluster):
    """A cluster whose feeds stand in its file, with an upstream for each."""

    def __init__(self, *names, **more):
        self.ups = {}
        super().__init__(start=False, **more)
        self.config = self.base / "shackd.ini"
        self.write(*names)
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def write(self, *names, **keys):
        """KEYS: of the feed of that name, {"key": value}."""
        text = ""
        for name in names:
            up = self.ups.setdefault(name, Upstream())
            options = {"type": "rbn", "host": "127.0.0.1", "port": up.port, **keys.get(name, {})}
            text += f"[feed {name}]\n" + "".join(f"{key} = {value}\n" for key, value in options.items())
        self.config.write_text(text)

    def reload(self, *names, **keys):
        self.write(*names, **keys)
        code, text, why = self.ask("reload")
        expect(code == 0, f"the reload failed: {why} {self.log()}")

    def session(self, name):
        """The feed logs in at its upstream."""
        return self.ups[name].accept().login(call="N0NODE-2")

    def feeds(self):
        return {slot: worker["pid"] for slot, worker in self.workers().items() if slot.startswith("feed")}

    def __exit__(self, kind, value, trace):
        with contextlib.ExitStack() as stack:
            for up in self.ups.values():
                stack.enter_context(up)
        return super().__exit__(kind, value, trace)


def test_feeds_come_and_go_beside_those_that_stay():
    with Fed("A", "B") as cluster:
        a, b = cluster.session("A"), cluster.session("B")
        user = cluster.user("DL1AA")
        a.send(line(1) + line(2)[:30])  # half a line is on its way
        b.send(line(3))
        has(cluster, 1, 3)
        before = cluster.worker_pids()
        cluster.reload("A", "C")
        expect(b.ended(), "the connection of a feed that is gone lives on")
        c = cluster.session("C")
        a.send(line(2)[30:])
        c.send(line(4))
        has(cluster, 1, 2, 3, 4)
        after = cluster.worker_pids()
        expect({slot: pid for slot, pid in after.items() if slot != "feed.2"} ==
               {slot: pid for slot, pid in before.items() if slot != "feed.1"}, f"{before} {after}")
        expect(user.ask("SH/TIME"), "a user does not get on with it")
        # back again: in its old place, where its counters are
        cluster.reload("C", "B", "A")
        b = cluster.session("B")
        b.send(line(5))
        has(cluster, 1, 2, 3, 4, 5)
        expect(sorted(cluster.feeds()) == ["feed.0", "feed.1", "feed.2"], f"{cluster.feeds()}")
        cluster.reload()
        expect(a.ended() and b.ended() and c.ended() and cluster.feeds() == {}, "somebody stayed")
        expect(cluster.status()["state"] == "ready", "no feed is no fault")
        user.close()


def test_a_disabled_feed_is_none():
    with Fed("A") as cluster:
        a = cluster.session("A")
        cluster.reload("A", A={"enabled": "no"})
        expect(a.ended() and cluster.feeds() == {}, "it is still there")
        cluster.reload("A")
        cluster.session("A").send(line(1))
        has(cluster, 1)


def test_another_ring_loses_and_doubles_nothing():
    with Fed("A") as cluster:
        a = cluster.session("A")
        sent = 0
        for room in (100, 5000, 137, 4000):
            a.send("".join(line(number) for number in range(sent, sent + 20)) + line(sent + 20)[:40])
            pid = cluster.feeds()["feed.0"]
            cluster.reload("A", A={"slot_buffer": room})
            expect(cluster.feeds()["feed.0"] != pid, "the same holder as before")
            a.send(line(sent + 20)[40:])
            sent += 21
        has(cluster, *range(sent))
        cluster.ups["A"].sock.settimeout(0.1)
        with contextlib.suppress(TimeoutError, socket.timeout):
            cluster.ups["A"].sock.accept()
            raise AssertionError("it has connected anew")


def test_a_refused_reload_leaves_all_feeds_alone():
    with Fed("A", "B") as cluster:
        a, _ = cluster.session("A"), cluster.session("B")
        before = cluster.worker_pids()
        for wrong in ("[feed A]\ntype = carrier pigeon\n", "[feed C]\n", "[dxc]\nkeepalive = long\n",
                      "[feed A]\ntype = cluster\n"):
            cluster.config.write_text(wrong)
            expect(cluster.ask("reload")[0] != 0, f"taken: {wrong}")
        expect(cluster.worker_pids() == before, "somebody was replaced")
        a.send(line(1))
        has(cluster, 1)


def test_names_change_for_a_hundred_reloads():
    """More feeds than there are places, one after the other."""
    with Fed("A") as cluster:
        a = cluster.session("A")
        for i in range(0, 99, 3):
            cluster.write("A", *(f"N{i + j}" for j in range(3)))
            code, _, why = cluster.ask("reload")
            expect(code == 0, f"reload {i}: {why}")
        expect(len(cluster.feeds()) == 4, f"{cluster.feeds()}")
        a.send(line(1))
        has(cluster, 1)


if __name__ == "__main__":
    main(globals())
