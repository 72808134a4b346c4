#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_reboot - the machine goes down, and the daemon of the next boot knows what must last
# PURPOSE   What is of one boot (registrations, calls, sessions) is not believed in the next, even where
#           its files are still there; what is durable (choices, blocks, filters, human spots) is filled in
#           from state/.
# OWNER     make check
# CONTRACT  a boot is another number in /proc/sys/kernel/random/boot_id, mounted over it in a mount
#           namespace of the test's own
# RUNS      beside others
# LIMITS    SKIP without root

import os
import shutil
import socket
import subprocess
import sys
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from lib.cluster import Cluster  # noqa: E402
from lib.death import again, die, free_port  # noqa: E402
from lib.shackd import eventually, main  # noqa: E402
from lib.tmpfs import namespace, need_namespace  # noqa: E402
from lib.ysf import Lab, blocked, expect  # noqa: E402

BOOT_ID = "/proc/sys/kernel/random/boot_id"


def reboot(daemon):
    """From now on it is another boot."""
    file = daemon.base / f"boot-{uuid.uuid4()}"
    file.write_text(f"{uuid.uuid4()}\n")
    os.chmod(file, 0o644)
    subprocess.run(["mount", "--bind", str(file), BOOT_ID], check=True)


def end_of_boots():
    while subprocess.run(["umount", BOOT_ID], capture_output=True).returncode == 0:
        pass


def fill(daemon, lab):
    """What a day leaves: a choice, a block, a filter, a spot."""
    gateway = lab.gateway("DB0ABC", ip="127.9.0.1")
    gateway.call(sq=33, frames=0)
    gateway.silent()
    gateway.header(sq=33)  # and a call that never ends
    daemon.ctl("block", "N0SUCH", "600")
    with daemon.user("IU5JAE") as user:
        user.ask("reject all")
        user.ask("pass band 20m")
        user.ask("dx 14025 K1XYZ of yesterday")
        shown = user.ask("show/filter")
    eventually(lambda: daemon.ctl("sessions") == [], 10, "the end of the session")
    # keeper writes them down a moment later
    eventually(lambda: kept(daemon, "users") and kept(daemon, "human_spots"), 10, "all of it on disk")
    return gateway, shown


def kept(daemon, name):
    """How many the durable store holds."""
    lines = daemon.ask("metrics")[1].splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"shackd_{name}{{"))


def look(daemon, lab, gateway, shown):
    """What is there in the next boot."""
    expect(daemon.ctl("clients") == [] and daemon.ctl("streams") == [], "of another boot")
    expect("N0SUCH" in blocked(daemon), "the block is forgotten")
    gateway.link()
    expect(lab.client(gateway)["dgid"] == 33, "its choice is forgotten")
    with daemon.user("IU5JAE") as user:
        now = user.ask("show/filter")
        expect(now == shown, f"its filter is {now}, was {shown}")
        expect("K1XYZ" in "\n".join(user.ask("sh/dx")), "the spot is forgotten")


def boots(wipe):
    need_namespace()
    options = ("ysf.enabled=yes", "dgid.list=1-99", "dgid.local=0", "ysf.client_timeout=1h",
               f"dxc.listen=127.0.0.1:{free_port(socket.SOCK_STREAM)}")
    with Cluster(*options, listen=f"127.0.0.1:{free_port()}") as daemon, Lab(daemon) as lab:
        gateway, shown = fill(daemon, lab)
        for number in range(2):
            die(daemon)
            reboot(daemon)
            if wipe:
                for name in ("voice", "spots"):
                    shutil.rmtree(daemon.shm_dir / name)
            again(daemon)
            look(daemon, lab, gateway, shown)
            old = sorted(path.name for path in daemon.shm_dir.glob("*.old"))
            expect(old == ([] if wipe else ["spots.old", "voice.old"]), f"boot {number}: {old}")
            said = daemon.log().count("was made before the last boot")
            expect(said == (0 if wipe else 2 * number + 2), f"boot {number}: {daemon.log()}")


def test_stores_of_another_boot_are_not_believed():
    try:
        boots(wipe=False)
    finally:
        end_of_boots()


def test_an_empty_memory_is_filled_from_the_disk():
    try:
        boots(wipe=True)
    finally:
        end_of_boots()


if __name__ == "__main__":
    namespace()
    main(globals())
