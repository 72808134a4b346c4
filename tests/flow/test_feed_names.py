#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_feed_names - feeds whose host is a name
# PURPOSE   A name server of the test's own; what it says is what is dialled: a name of the operator's, the
#           defaults, one that comes by reload, one whose address changes.
# OWNER     make check
# CONTRACT  one `ok`, `not ok` or `SKIP` line for each test; exit 1 if any failed
# RUNS      beside others
# LIMITS    needs root: see nameserver

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib import nameserver  # noqa: E402
from lib.nameserver import server  # noqa: E402
from lib.shackd import Daemon, eventually, main  # noqa: E402
from lib.upstream import Upstream, counters, feed  # noqa: E402

CLUSTER = ("ysf.enabled=no", "dxc.node_call=N0CALL-1", "dxc.listen=127.0.0.1:0", "workers.dxc=1")
RESOLVING = 1


def test_name_in_any_case_is_dialled():
    server(cluster_example=["127.0.0.1"])
    with Upstream() as up, Daemon(*CLUSTER, *up.feed(host="Cluster.EXAMPLE")):
        up.accept().login()


def test_the_default_hosts_are_dialled():
    names = server(telnet_reversebeacon_net=["127.0.0.1"], mqtt_pskreporter_info=["127.0.0.1"])
    with Upstream() as rbn, Upstream() as psk:
        options = (*feed("a", rbn.port, host=""), *feed("b", psk.port, type="pskreporter", host=""))
        with Daemon(*CLUSTER, *options):
            rbn.accept().login()
            psk.accept().expect(b"MQTT")
    assert "telnet.reversebeacon.net" in names.asked, names.asked


def test_a_name_that_comes_later_is_dialled():
    """Nobody knows it at first; the feed waits, and says what for."""
    server()
    with Upstream() as up, Daemon(*CLUSTER, *up.feed(host="late.example")) as daemon:
        eventually(lambda: "host late.example can't be resolved" in daemon.log(), 20, "a word")
        eventually(lambda: counters(daemon).get("feed_state") == RESOLVING, 10, "a feed that resolves")
        server(late_example=["127.0.0.1"])
        up.accept(60).login()


def test_another_address_is_dialled_after_a_failure():
    """Of two addresses one answers: each is tried in its turn."""
    server(two_example=["127.0.0.9", "127.0.0.1"])
    with Upstream() as up, Daemon(*CLUSTER, *up.feed(host="two.example")):
        up.accept(30).login()


if __name__ == "__main__":
    nameserver.run(main, globals())
