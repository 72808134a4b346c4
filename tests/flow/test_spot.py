#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_spot - from the feeds' rings into the log, whatever dies
# PURPOSE   Every spot that must be in the log is there exactly once, in the order of its feed, and none
#           that must not be, while the pipeline is killed again and again; counted outside the daemon.
# OWNER     make check
# CONTRACT  KILLS=300 test_spot.py kills: the numbers of the soak
# RUNS      beside others
# LIMITS    needs root and the programs of `make faults`; feeds are played by tests/fault/spotfill

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from lib.figures import figures  # noqa: E402
from lib.holder import slots_of  # noqa: E402
from lib.killer import Killer  # noqa: E402
from lib.shackd import eventually, main  # noqa: E402
from lib.spots import (HUMAN, Feeds, Rules, Spot, Traffic, cluster, configure, counted,  # noqa: E402
                       judge, log_of)

KILLS = int(os.environ.get("KILLS", "20"))
WINDOW = 2


def kill_spot(daemon):
    """Kills the pipeline and waits for another one."""
    pid = slots_of(daemon, "spot")["spot"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: slots_of(daemon, "spot").get("spot", pid) != pid, 10, "a successor")


def expect_right(feeds, daemon, rules):
    log = log_of(daemon)
    lost, doubled, wrong = judge(feeds, rules, log)
    assert not (lost or doubled or wrong), (
        f"lost {lost[:10]}, doubled {doubled[:10]}, passed wrongly {wrong[:10]} "
        f"of {len(feeds.sent)} sent, {len(log)} in the log")
    assert [number for number, _ in log] == list(range(1, len(log) + 1))
    feed_of = {spot.number: spot.feed for spot in feeds.sent}
    for feed in (0, 1):
        order = [spot for _, spot in log if feed_of[spot] == feed]
        assert order == sorted(order), f"feed {feed} is out of order"
    return len(log)


def causes(daemon):
    """How many were dropped for each."""
    dropped = counted(daemon, "spot_dropped_total")
    return [sum(value for labels, value in dropped.items() if cause in labels)
            for cause in ("dup_primary", "dup_human", "stale")]


def test_spots_without_a_death():
    with cluster(window=f"{WINDOW}s") as daemon, Feeds(daemon) as feeds:
        traffic = Traffic(feeds)
        traffic.start()
        time.sleep(2.5)  # how long it goes on, longer than a window
        eventually(lambda: all(causes(daemon)), 10, "spots that are dropped for each cause")
        traffic.stop()
        feeds.sync()
        kept = expect_right(feeds, daemon, Rules(WINDOW))
        assert kept < len(feeds.sent) - 100, "hardly any duplicates: the test is blind"
        dropped = counted(daemon, "spot_dropped_total")
        assert sum(counted(daemon, "spot_kept_total").values()) == kept
        assert sum(counted(daemon, "spot_taken_total").values()) == len(feeds.sent)
        assert sum(dropped.values()) == len(feeds.sent) - kept, dropped
        assert all(causes(daemon)), dropped


def kills_under_traffic(window, kills):
    with cluster("server.log_level=error", window=f"{window}s") as daemon, Feeds(daemon) as feeds:
        killer = Killer(daemon, 8, kind="spot", at_work=True)
        traffic = Traffic(feeds)
        traffic.start()
        killer.run(kills, traffic.is_alive)
        traffic.stop()
        feeds.sync()
        kept = expect_right(feeds, daemon, Rules(window))
        figures("spot-kill", window=window, kills=killer.killed, at_work=killer.at_work,
                sent=len(feeds.sent), kept=kept)
        assert killer.killed == kills, killer.killed
        return len(feeds.sent) - kept


def test_kills_lose_nothing_and_double_nothing():
    assert kills_under_traffic(WINDOW, KILLS) > 100, "hardly any duplicates: the test is blind"


def test_kills_double_nothing_where_no_window_would_hide_it():
    kills_under_traffic(0, KILLS // 2)


def test_upgrades_lose_nothing():
    with cluster("server.log_level=error", window=f"{WINDOW}s") as daemon, Feeds(daemon) as feeds:
        traffic = Traffic(feeds)
        traffic.start()
        for _ in range(3):
            pid = slots_of(daemon, "spot")["spot"]
            status, _, why = daemon.ctl("upgrade", check=False)
            assert status == 0, why
            assert slots_of(daemon, "spot")["spot"] != pid
        traffic.stop()
        feeds.sync()
        expect_right(feeds, daemon, Rules(WINDOW))


def test_a_successor_knows_the_window():
    """The moments are the test's own: one duplicate before and one behind each kill."""
    with cluster(window="4s") as daemon, Feeds(daemon) as feeds:
        def heard(report=None, flags=0, text="CQ"):
            de = "K3LR" if flags & HUMAN else "K3LR-#"
            feeds.put([Spot(len(feeds.sent) + 1, 0, de, "LZ5VV", 14025300, report=report,
                            flags=flags, text=text)])
            feeds.sync()
            return len(log_of(daemon))

        assert heard(report=10) == 1
        kill_spot(daemon)
        assert heard(report=12) == 1
        assert heard(report=17) == 2
        kill_spot(daemon)
        assert heard(report=40) == 2, "a second one that is stronger, by a successor that forgot"
        assert heard(flags=HUMAN, text="B" * 20) == 3
        kill_spot(daemon)
        heard(flags=HUMAN, text="B" * 20)  # passes if it happens to be of another minute
        eventually(lambda: time.monotonic_ns() - feeds.sent[0].arrived > 4 * 10**9, 10, "the window")
        kill_spot(daemon)
        before = len(log_of(daemon))
        assert heard(report=1) == before + 1, "the window never ends"
        assert counted(daemon, "spot_replayed_total") and expect_right(feeds, daemon, Rules(4))


def test_spots_wait_in_the_ring_while_nobody_takes_them():
    with cluster() as daemon, Feeds(daemon) as feeds:
        pid = slots_of(daemon, "spot")["spot"]
        os.kill(pid, signal.SIGSTOP)
        feeds.put([Spot(i + 1, i % 2, "K3LR-#", f"LZ{i}VV", 14025300) for i in range(900)])
        eventually(lambda: slots_of(daemon, "spot").get("spot", pid) != pid, 20, "a successor")
        feeds.sync()
        assert expect_right(feeds, daemon, Rules(120)) == 900


def test_a_reload_changes_the_rules():
    with cluster(window="1h") as daemon, Feeds(daemon) as feeds:
        def heard():
            feeds.put([Spot(len(feeds.sent) + 1, 0, "K3LR-#", "LZ5VV", 14025300)])
            feeds.sync()
            return len(log_of(daemon))

        assert heard() == 1
        assert heard() == 1
        configure(daemon, 0, 2)
        status, _, why = daemon.ctl("reload", check=False)
        assert status == 0, why
        assert heard() == 2
        assert heard() == 3


if __name__ == "__main__":
    main(globals())
