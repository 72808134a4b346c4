# SPDX-License-Identifier: ISC
#
# NAME      builds - other builds of the daemon, for tests that need one
# PURPOSE   Names the test build, the one of the edition before and the next one, and makes copies of
#           the test build that fail at a point of the test's choice.
# OWNER     flow, fault and soak tests
# CONTRACT  with faulty("crash-after-exec") as program: Daemon(program=program); the copy is gone after
#           it. An upgrade wants the file in a directory that nobody else may write: it gets one of its own
# LIMITS    the mark is that of shm/fault.c: at most POINT_MAX characters

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from lib.shackd import ROOT, Skip

BUILD = ROOT / os.environ.get("B", "build/release")
TESTING, SCHEMA1, NEXT = (BUILD / name / "shackd" for name in ("testing", "schema1", "next"))

MARK = b"SHACKD-FAULT-POINT:"
MARK_SIZE = 64
POINT_MAX = MARK_SIZE - len(MARK) - 1


def need(program):
    """The path of a build, or a skip that names the command which makes it."""
    if not program.exists():
        raise Skip(f"{program} is not built (make testing)")
    return str(program)


def mark(path, point):
    """Makes the executable at PATH, a copy of the test build, the one that fails at POINT."""
    data = Path(path).read_bytes()
    if data.count(MARK) != 1:
        raise AssertionError(f"{path} has {data.count(MARK)} fault marks, not one: is it a test build?")
    if len(point) > POINT_MAX:
        raise AssertionError(f"{point} is longer than {POINT_MAX} characters")
    at = data.index(MARK)
    new = (MARK + point.encode()).ljust(MARK_SIZE, b"\0")
    Path(path).write_bytes(data[:at] + new + data[at + MARK_SIZE:])


def net_beside(program):
    """The path of shackd-net that belongs to PROGRAM."""
    return Path(program).parent / "shackd-net"


def replace(target, source, point=None):
    """One file, as a package manager does it: complete, then renamed."""
    fresh = f"{target}.new"
    shutil.copyfile(need(Path(source)), fresh)
    if point is not None:
        mark(fresh, point)
    os.chmod(fresh, 0o755)
    os.rename(fresh, target)


def copy_of(program, target, point=None):
    """Puts copies of both executables of a build at TARGET and beside it."""
    replace(net_beside(target), net_beside(program))
    replace(target, program, point)
    return str(target)


@contextlib.contextmanager
def faulty(point, program=TESTING):
    """A copy of the test build that fails at POINT; its path."""
    with tempfile.TemporaryDirectory(prefix="shackd-build-") as folder:
        os.chmod(folder, 0o755)
        yield copy_of(program, Path(folder) / "shackd", point)
