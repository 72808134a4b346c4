# SPDX-License-Identifier: ISC
#
# NAME      tmpfs - a small file system of the test's own
# PURPOSE   Disks that become full.
# OWNER     flow tests
# CONTRACT  `namespace()` first in a test's main: it starts the test anew in a mount namespace, with which
#           all that is mounted goes; need_namespace() in each test that mounts
# LIMITS    SKIP without root

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from lib.shackd import IS_ROOT, Skip

INSIDE = "SHACKD_TEST_NAMESPACE"


class Tmpfs:
    """A small file system for the stores."""

    def __init__(self, size):
        self.path = Path(tempfile.mkdtemp(prefix="shackd-test-full-"))
        self.path.chmod(0o755)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "none",
                        str(self.path)], check=True)

    def fill(self):
        """Takes every page that is left."""
        with open(self.path / "filler", "wb", buffering=0) as file:
            block = b"x" * 65536
            while block:
                try:
                    file.write(block)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    block = block[:len(block) // 2]

    def empty(self):
        (self.path / "filler").unlink()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        subprocess.run(["umount", "-l", str(self.path)], check=True)
        self.path.rmdir()


def need_namespace():
    if not IS_ROOT:
        raise Skip("needs root to mount a tmpfs")
    if INSIDE not in os.environ:
        raise Skip("no mount namespaces here")


def namespace():
    if IS_ROOT and INSIDE not in os.environ:
        probe = subprocess.run(["unshare", "-m", "true"], capture_output=True)
        if probe.returncode == 0:
            os.environ[INSIDE] = "1"
            os.execvp("unshare", ["unshare", "-m", sys.executable, *sys.argv])
