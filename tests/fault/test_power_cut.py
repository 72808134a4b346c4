#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_power_cut - the durable store when the power goes
# PURPOSE   Whatever mixture of sectors a disk kept, it opens clean and has every commit that returned.
# OWNER     tests
# CONTRACT  CUTS, COMMITS, SEED in the environment for the long run
# RUNS      beside others
# LIMITS    none known

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / folder) for folder in ("", "lib")]
from lib.shackd import ROOT, SLOW, main
from ysf import expect

BUILD = ROOT / os.environ.get("B", "build/release")


def setting(name, usual):
    return os.environ.get(name, str(usual))


def test_any_mixture_of_sectors_opens_clean():
    with tempfile.TemporaryDirectory(prefix="shackd-cut-", dir="/dev/shm") as folder:
        done = subprocess.run([BUILD / "tests/fault/power_cut", folder, setting("COMMITS", 300),
                               setting("CUTS", 500), setting("SEED", 1)], capture_output=True, text=True,
                              timeout=3600 * SLOW)
    print(done.stdout.strip())
    expect(done.returncode == 0 and done.stdout.startswith("ok: "), f"{done}")


if __name__ == "__main__":
    main(globals())
