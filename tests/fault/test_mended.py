#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_mended - call sites whose failure once did harm
# PURPOSE   Each was found by test_sites, which tries a few a time; these are tried every time: the site
#           fails, and then everything serves, nothing leaks, and the step works as before.
# OWNER     tests
# CONTRACT  a row of SITES: process, call, what its callers match, the step in which it comes by
# RUNS      beside others
# LIMITS    as test_sites

import atexit
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from lib.shackd import main  # noqa: E402
from lib.sites import PROGRAM, Sites  # noqa: E402
from lib.trial import Trials  # noqa: E402
from lib.whole import Whole  # noqa: E402

ROUNDS = 4
SITES = {
    # it gave up before its loop ran, was READY all the same, and obeyed nobody any more
    "no_room_for_gateways": ("ysf", "realloc", "grow .*rebuild_client", "respawn_ysf0"),
    "no_room_for_a_fan_out": ("ysf", "realloc", "fan_grow .*rebuild_client", "respawn_ysf0"),
    # a session that was taken over got no spots any more
    "no_room_for_a_filter": ("dxc", "calloc", "group_new .*login_resume", "respawn_dxc0"),
    "no_room_for_a_member": ("dxc", "calloc", "join .*login_resume", "respawn_dxc0"),
    # a session that was taken over was ended, one that came got no answer and was kept for ever
    "no_room_for_a_session": ("dxc", "calloc", "add_client .*take_up", "respawn_dxc0"),
    "no_room_for_a_connection": ("dxc", "calloc", "^tcp_take ", "respawn_dxc0"),
    "no_room_for_who_comes": ("dxc", "calloc", "^tcp_take ", "dx"),
    # a worker was not told what it needs, or not to go: it waited until the watchdog, or for ever
    "no_room_for_a_descriptor": ("master", "sendmsg", r"msg_send.*slot_send_start slot.c:3", "respawn_ysf0"),
    "no_room_for_go": ("master", "sendmsg", "msg_send.*flush_flag.*slot_go", "respawn_ysf0"),
    # the event loop's library ended the process
    "no_room_in_a_loop": ("ysf", "realloc", "libev.*make_loop", "respawn_ysf0"),
    # a session was ended because the kernel did not tell at once how much it had sent
    "no_measure_of_a_session": ("dxc", "getsockopt", "table_measure.*(take_up|measure) tcp", "respawn_dxc0"),
    # the loop's library stopped to watch a descriptor, for good
    "no_room_to_watch_a_worker": ("master", "epoll_ctl", "ev_run", "respawn_ysf0"),
    "no_room_to_watch_a_session": ("dxc", "epoll_ctl", "ev_run", "respawn_dxc0"),
    "no_room_to_watch_a_socket": ("ysf", "epoll_ctl", "ev_run", "respawn_ysf0"),
    # the meta page of a store: LMDB takes and reads nothing more in that process, which went on without
    "no_room_for_a_subscription": ("link", "pwrite", "^liblmdb:mdb_txn_commit store_end.* keep dashboards", "dashboard"),
}
shared = {}


def everything():
    """One daemon for all."""
    if not shared:
        sites = Sites()
        whole = Whole(program=PROGRAM, environment=sites.environment)
        atexit.register(whole.close)
        whole.start()
        shared.update(sites=sites, whole=whole, trials=Trials(sites, whole))
    return shared["sites"], shared["trials"]


def find(sites, trials, kind, function, callers, step):
    """The sites of that name, among those that come by in STEP."""
    trials.prepare(step)
    sites.record(0)
    assert trials.go(step) is None
    sites.record_no_more()
    trials.whole.serves()
    found = [site for site in sites.all() if site.kind == kind and site.function == function and
             re.search(callers, " ".join(site.callers(20)))]
    return found


def fail(name):
    sites, trials = everything()
    hits = 0
    try:
        for _ in range(ROUNDS):  # where two messages race, it comes by on one of two ways
            for site in find(sites, trials, *SITES[name])[:3]:
                outcome = trials.run(site, SITES[name][3])
                assert not outcome.is_defect, outcome
                hits += outcome.what != "not reached"
            if hits:
                return
    except (AssertionError, OSError):
        shared.clear()  # who was harmed is of no use to the next
        raise
    assert hits, f"{SITES[name]} did not come by"


for _name in SITES:
    globals()[f"test_{_name}"] = lambda name=_name: fail(name)


if __name__ == "__main__":
    main(globals())
