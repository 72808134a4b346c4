# SPDX-License-Identifier: ISC
#
# NAME      failing - the nth call of a function fails, in a daemon of one's choice
# PURPOSE   The other side of tests/fault/failing.c: says what is to fail, counts the calls.
# OWNER     fault and flow tests
# CONTRACT  with Failing("master") as failing: start a Daemon with environment=failing.environment;
#           failing.arm("socket", 3); ... failing.calls, failing.hits; failing.disarm()
# LIMITS    not together with sanitizers

import errno
import mmap
import os
import struct
import tempfile

from lib.shackd import ROOT, SLOW, Skip

BUILD = ROOT / os.environ.get("B", "build/release")
LAYOUT = struct.Struct("=32sIIiI")

# What fails how; the rest fails with EIO.
ERRORS = {
    "accept4": errno.EMFILE, "bind": errno.EADDRINUSE, "calloc": errno.ENOMEM,
    "chmod": errno.EPERM, "dup2": errno.EMFILE, "epoll_create1": errno.EMFILE,
    "epoll_ctl": errno.ENOSPC, "eventfd": errno.EMFILE, "execveat": errno.ENOMEM,
    "fallocate": errno.ENOSPC, "fchmod": errno.EPERM, "fchown": errno.EPERM,
    "flock": errno.ENOLCK, "fork": errno.EAGAIN, "ftruncate": errno.ENOSPC,
    "getsockname": errno.ENOBUFS, "getsockopt": errno.ENOBUFS, "lchown": errno.EPERM,
    "listen": errno.EADDRINUSE, "malloc": errno.ENOMEM, "memfd_create": errno.EMFILE,
    "mkdir": errno.ENOSPC, "mmap": errno.ENOMEM, "open": errno.EMFILE, "openat": errno.EMFILE,
    "pidfd_open": errno.EMFILE, "pipe2": errno.EMFILE, "prctl": errno.EPERM,
    "pwrite": errno.ENOSPC, "realloc": errno.ENOMEM, "recvmsg": errno.ENOMEM,
    "rename": errno.ENOSPC, "send": errno.ENOBUFS, "sendmsg": errno.ENOBUFS,
    "setgroups": errno.EPERM, "setresgid": errno.EAGAIN, "setresuid": errno.EAGAIN,
    "setrlimit": errno.EPERM, "setsockopt": errno.ENOBUFS, "signalfd": errno.EMFILE,
    "socket": errno.EMFILE, "socketpair": errno.EMFILE, "unlink": errno.EACCES,
    "waitid": errno.EINTR, "write": errno.ENOSPC, "chdir": errno.EACCES, "connect": errno.EAGAIN,
    "fcntl": errno.EMFILE, "fstat": errno.EIO, "fstatfs": errno.EIO, "getrandom": errno.EAGAIN,
    "lstat": errno.EACCES, "read": errno.EIO, "sigaction": errno.EINVAL,
    "sigprocmask": errno.EINVAL, "stat": errno.EACCES,
}


class Failing:
    def __init__(self, process):
        if SLOW > 1:
            raise Skip("sanitizers have the allocator to themselves")
        library = BUILD / "tests/fault/failing.so"
        self.file = tempfile.NamedTemporaryFile(prefix="shackd-failing-")
        os.chmod(self.file.name, 0o666)
        self.file.truncate(LAYOUT.size)
        self.map = mmap.mmap(self.file.fileno(), LAYOUT.size)
        self.environment = {"LD_PRELOAD": str(library), "FAILING_FILE": self.file.name,
                            "FAILING_IN": process}

    def arm(self, name="", nth=0):
        """From now on calls of NAME are counted, and the NTH fails (0: none does)."""
        self.map[:] = LAYOUT.pack(name.encode(), 0, nth, ERRORS.get(name, errno.EIO), 0)

    def disarm(self):
        self.map[0:1] = b"\0"  # a name that nothing has; the numbers stay

    @property
    def calls(self):
        return LAYOUT.unpack(self.map[:])[1]

    @property
    def hits(self):
        return LAYOUT.unpack(self.map[:])[4]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.map.close()
        self.file.close()


def spread(calls, most):
    """At most MOST of the numbers 1 .. CALLS, evenly, with the first and the last."""
    if calls <= most:
        return list(range(1, calls + 1))
    if most == 1:
        return [calls]
    return sorted({1 + i * (calls - 1) // (most - 1) for i in range(most)})
