#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_soak - half a minute of the soak
# PURPOSE   What `make soak` does for hours, at a rate that meets every kind of trouble: nothing is lost,
#           nothing is reset, no counter falls, and nothing grows so fast that half a minute shows it.
# OWNER     make check
# CONTRACT  SECONDS=n in the environment for more; prints ok or not ok
# RUNS      beside few
# LIMITS    slow leaks are the long run's

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
for name, value in {"SECONDS": "25", "GATEWAYS": "60", "SESSIONS": "20", "FOLDER": "build/soak/short"}.items():
    os.environ.setdefault(name, value)

from lib.shackd import main  # noqa: E402
from soak.mix import test_mix as test_soak  # noqa: E402

if __name__ == "__main__":
    main({"test_soak": test_soak})
