#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_dxc_upgrade - another build takes the cluster over
# PURPOSE   Users, strangers, feeds, rings and tables go on in the next build, in the middle of a line; a
#           build of before the cluster hands over too; what fails leaves everything as it was.
# OWNER     tests
# CONTRACT  upstreams and users are the test's own
# RUNS      beside others
# LIMITS    none known

import os
import signal
import socket
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.builds import NEXT, TESTING, copy_of, faulty  # noqa: E402
from lib.cluster import Cluster  # noqa: E402
from lib.shackd import SHACKD, eventually, main  # noqa: E402
from lib.numbered import has, line  # noqa: E402
from lib.upstream import Upstream  # noqa: E402


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


def upgrade(cluster, program):
    code, _, why = cluster.ask("upgrade", str(program))
    expect(code == 0, f"the upgrade failed: {why}\n{cluster.log()}")


def dxc(cluster):
    return cluster.status()["services"]["dxc"]


def test_users_and_feeds_go_on_in_the_middle_of_a_line():
    with Upstream() as up, Cluster(*up.feed("A"), "workers.dxc=2") as cluster:
        feed = up.accept().login(call="N0NODE-2")
        users = [cluster.user(call, source="127.0.0.8") for call in ("DL1AA", "DL1AB", "DL1AC")]
        strangers = [cluster.user(source="127.0.0.9") for _ in range(3)]
        for stranger in strangers:
            stranger.until(b": ")
        refused = cluster.user(source="127.0.0.9")
        expect(refused.rest().startswith(b"Sorry"), "a fourth stranger")
        for turn, program in enumerate((NEXT, SHACKD, NEXT)):
            feed.send(line(2 * turn) + line(2 * turn + 1)[:33])
            users[0].send("SH/TI")
            before = cluster.worker_pids()
            listen = dxc(cluster)["listen"]
            upgrade(cluster, program)
            after = cluster.worker_pids()
            expect(before.keys() == after.keys() and not set(before.values()) & set(after.values()),
                   f"{before} {after}")
            expect(dxc(cluster)["listen"] == listen and dxc(cluster)["sessions"] == 6, f"{dxc(cluster)}")
            feed.send(line(2 * turn + 1)[33:])
            users[0].type("ME")
            expect(users[0].prompt(), "the command was forgotten")
            expect(users[1].ask("SH/TIME"), "a user is lost")
            has(cluster, *range(2 * turn + 2))
        counters = cluster.status()["counters"]
        expect(counters["sessions_refused_login"] == 1, f"{counters}")
        # who was known stays known, who was a stranger stays one
        expect(cluster.user(source="127.0.0.9").rest().startswith(b"Sorry"), "strangers were forgotten")
        cluster.user("DL1AD", source="127.0.0.8").close()
        strangers[0].type("DL1ZZ")
        expect(strangers[0].prompt(), "a stranger can't log in")
        eventually(lambda: [s for s in cluster.ctl("sessions") if s["call"] == "DL1ZZ"], 5)


def test_after_an_upgrade_feeds_come_and_go():
    with Upstream() as up, Upstream() as other, Cluster(start=False) as cluster:
        cluster.config = cluster.base / "shackd.ini"
        text = "".join(f"[feed {name}]\ntype = rbn\nhost = 127.0.0.1\nport = {feed.port}\n"
                       for name, feed in (("A", up), ("B", other)))
        cluster.config.write_text(text.split("[feed B]")[0])
        cluster.start()
        feed = up.accept().login(call="N0NODE-2")
        upgrade(cluster, NEXT)
        cluster.config.write_text(text)
        expect(cluster.ask("reload")[0] == 0, cluster.log())
        second = other.accept().login(call="N0NODE-2")
        cluster.config.write_text("[feed B]" + text.split("[feed B]")[1])
        expect(cluster.ask("reload")[0] == 0, cluster.log())
        expect(feed.ended(), "it is there still")
        upgrade(cluster, SHACKD)
        second.send(line(1))
        has(cluster, 1)


def test_a_failed_upgrade_leaves_users_and_feeds_alone():
    with Upstream() as up, tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with Cluster(*up.feed("A"), program=copy_of(TESTING, Path(folder) / "shackd")) as cluster:
            feed = up.accept().login(call="N0NODE-2")
            user = cluster.user("DL1AA")
            for turn, point in enumerate(("crash-after-exec", "crash-before-commit")):
                feed.send(line(2 * turn) + line(2 * turn + 1)[:33])
                with faulty(point) as program:
                    code, _, why = cluster.ask("upgrade", program)
                expect(code != 0, f"{point}: it did not fail")
                feed.send(line(2 * turn + 1)[33:])
                has(cluster, *range(2 * turn + 2))
                expect(user.ask("SH/TIME"), f"{point}: the user is lost")
                expect(dxc(cluster)["sessions"] == 1, f"{point}: {dxc(cluster)}")


def test_a_build_of_before_the_cluster_hands_over():
    with Upstream() as up, faulty("before-cluster") as old:
        with Cluster(*up.feed("A"), "ysf.enabled=yes", "ysf.listen=127.0.0.1:0",
                     program=old) as cluster:
            expect(not cluster.telnets and "dxc" not in cluster.status()["services"], "it has one")
            # the next one can't listen where it should: nothing has changed
            before = cluster.worker_pids()
            with socket.create_server(("127.0.0.1", 0)) as taken:
                port = taken.getsockname()[1]
                with Cluster(f"dxc.listen=127.0.0.1:{port}", "ysf.enabled=yes", "ysf.listen=127.0.0.1:0",
                             program=old) as unlucky:
                    code, _, why = unlucky.ask("upgrade", str(TESTING))
                    expect(code != 0 and "dxc.listen" in why, f"{code} {why}")
                    expect(unlucky.status()["generation"] == 1, "it went on")
            upgrade(cluster, TESTING)
            services = cluster.status()["services"]
            expect(services["dxc"]["workers"] == 1 and "ysf" in services, f"{services}")
            after = cluster.worker_pids()
            expect(after.keys() - before.keys() == {"spot", "dxc.0", "feed.0"}, f"{before} {after}")
            cluster.telnets = services["dxc"]["listen"]
            up.accept().login(call="N0NODE-2").send(line(1))
            user = eventually(lambda: cluster.user("DL1AA"), 5)
            has(cluster, 1)
            # and on from there, as ever
            upgrade(cluster, NEXT)
            expect(user.ask("SH/TIME") and cluster.status()["state"] == "ready", "it ends there")


def test_killed_feeds_and_spot_lose_nothing():
    """The vault and the ring, without an upgrade."""
    with Upstream() as up, Cluster(*up.feed("A")) as cluster:
        feed = up.accept().login(call="N0NODE-2")
        for turn in range(6):
            feed.send(line(2 * turn) + line(2 * turn + 1)[:33])
            slot = ("feed.0", "spot", "keeper")[turn % 3]
            pid = cluster.worker_pids()[slot]
            os.kill(pid, signal.SIGKILL)
            feed.send(line(2 * turn + 1)[33:])
            eventually(lambda: cluster.worker_pids().get(slot, pid) != pid, 5, "a successor")
        eventually(lambda: cluster.status()["state"] == "ready", 5)
        has(cluster, *range(12))


if __name__ == "__main__":
    main(globals())
