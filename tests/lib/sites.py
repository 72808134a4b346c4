# SPDX-License-Identifier: ISC
#
# NAME      sites - the call sites of a daemon, and the one that fails
# PURPOSE   The other side of tests/fault/sites.c: lists every allocation and system call by process and
#           stack of callers, arms one of them, names its callers by function and line.
# OWNER     fault tests
# CONTRACT  with Sites() as sites: start a Daemon with environment=sites.environment, program=PROGRAM;
#           sites.step(3); ... sites.all(); sites.arm(site, error); ... sites.hits; sites.disarm()
# LIMITS    not together with sanitizers; layout as in tests/fault/sites.h

import bisect
import ctypes
import errno
import mmap
import os
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

from lib.failing import ERRORS
from lib.shackd import ROOT, SLOW, Skip

BUILD = ROOT / os.environ.get("B", "build/release")
PROGRAM = BUILD / "sites/shackd"
MAX, FRAMES, MODULES, PROCESSES, NAME = 32768, 24, 64, 4096, 24
OURS = ("shackd", "shackd-net")
ALLOCATIONS = ("malloc", "calloc", "realloc", "posix_memalign")

# What fails how, beside what lib.failing says; the rest fails with EIO.
MORE_ERRORS = {
    "access": errno.EACCES, "close_range": errno.EMFILE, "dup": errno.EMFILE,
    "epoll_wait": errno.EINTR, "faccessat": errno.EACCES, "fdatasync": errno.EIO,
    "fdopendir": errno.ENOMEM, "fopen": errno.EMFILE, "fstatat": errno.EACCES,
    "fstatvfs": errno.EIO, "fsync": errno.EIO, "futimens": errno.EPERM, "getcwd": errno.ENOENT,
    "getgrnam": errno.ENOMEM, "getgroups": errno.EINVAL, "gethostname": errno.ENAMETOOLONG,
    "getpwnam": errno.ENOMEM, "getpwuid": errno.ENOMEM, "getresgid": errno.EFAULT,
    "getresuid": errno.EFAULT, "getrlimit": errno.EINVAL, "inotify_add_watch": errno.ENOSPC,
    "inotify_init1": errno.EMFILE, "inotify_rm_watch": errno.EINVAL, "ioctl": errno.ENOTTY,
    "kill": errno.EPERM, "lseek": errno.ESPIPE, "madvise": errno.ENOMEM, "mincore": errno.ENOMEM,
    "mlock": errno.ENOMEM, "mprotect": errno.ENOMEM, "msync": errno.EIO, "munlock": errno.ENOMEM,
    "opendir": errno.EMFILE, "pidfd_send_signal": errno.EPERM, "poll": errno.EINTR,
    "posix_memalign": errno.ENOMEM, "pread": errno.EIO, "pthread_getattr_np": errno.ENOMEM,
    "pthread_mutex_init": errno.ENOMEM, "readlink": errno.EACCES, "readlinkat": errno.EACCES,
    "realpath": errno.ENOMEM, "recv": errno.ENOMEM, "recvfrom": errno.ENOMEM,
    "recvmmsg": errno.ENOMEM, "rmdir": errno.EACCES, "sched_getaffinity": errno.EINVAL,
    "sendmmsg": errno.ENOBUFS, "setsid": errno.EPERM, "shutdown": errno.ENOTCONN,
    "sigaltstack": errno.ENOMEM, "statvfs": errno.EIO, "timerfd_create": errno.EMFILE,
    "timerfd_settime": errno.EINVAL, "waitpid": errno.EINTR, "writev": errno.EIO,
}


class Frame(ctypes.Structure):
    _fields_ = [("module", ctypes.c_uint32), ("offset", ctypes.c_uint32)]


class Raw(ctypes.Structure):
    """struct site"""
    _fields_ = [("key", ctypes.c_uint64), ("steps", ctypes.c_uint64), ("calls", ctypes.c_uint32),
                ("depth", ctypes.c_uint32), ("function", ctypes.c_char * NAME),
                ("kind", ctypes.c_char * NAME), ("frame", Frame * FRAMES)]


class Module(ctypes.Structure):
    _fields_ = [("state", ctypes.c_uint32), ("name", ctypes.c_char * 60)]


class Process(ctypes.Structure):
    _fields_ = [("pid", ctypes.c_int32), ("kind", ctypes.c_char * NAME), ("live", ctypes.c_int64)]


class File(ctypes.Structure):
    """struct sites"""
    _fields_ = [("record", ctypes.c_uint32), ("reserved", ctypes.c_uint32),
                ("step", ctypes.c_uint64), ("armed", ctypes.c_uint64), ("near", Frame),
                ("after", ctypes.c_uint32), ("most", ctypes.c_uint32), ("passed", ctypes.c_uint32),
                ("hits", ctypes.c_uint32), ("error", ctypes.c_int32), ("hit_pid", ctypes.c_int32),
                ("lost", ctypes.c_uint64), ("module", Module * MODULES),
                ("process", Process * PROCESSES), ("site", Raw * MAX)]


class Site:
    """One of them, as it was when it was listed; two of the same NAME differ in callers far out."""

    def __init__(self, raw, modules):
        self.key, self.steps, self.calls = raw.key, raw.steps, raw.calls
        self.function, self.kind = raw.function.decode(), raw.kind.decode()
        self.near = (raw.frame[0].module, raw.frame[0].offset)
        self.frames = [(modules[frame.module - 1], frame.offset) if frame.module else ("?", 0)
                       for frame in raw.frame[:raw.depth]]

    @property
    def is_ours(self):
        """Do we call, not a library?"""
        return self.frames[0][0] in OURS

    @property
    def is_allocation(self):
        return self.function in ALLOCATIONS

    @property
    def error(self):
        return ERRORS.get(self.function, MORE_ERRORS.get(self.function, errno.EIO))

    def callers(self, most=5):
        """The innermost callers by name, libraries shortened to their own names."""
        names = []
        for module, offset in self.frames:
            name = name_of(module, offset)
            if not names or names[-1] != name:
                names.append(name)
        ours = next((i for i, (module, _) in enumerate(self.frames) if module in OURS), 0)
        return names[:max(most, min(ours, 3) + most)]

    def __str__(self):
        return f"{self.kind} {self.function} < {' < '.join(self.callers())}"


class Sites:
    def __init__(self):
        if SLOW > 1:
            raise Skip("sanitizers have the allocator to themselves")
        if not PROGRAM.exists():
            raise Skip(f"{PROGRAM} is not built (make faults)")
        self.file = tempfile.NamedTemporaryFile(prefix="shackd-sites-")
        os.chmod(self.file.name, 0o666)
        self.file.truncate(ctypes.sizeof(File))
        self.map = mmap.mmap(self.file.fileno(), ctypes.sizeof(File))
        self.view = File.from_buffer(self.map)
        self.environment = {"SITES_FILE": self.file.name}

    def record(self, step):
        """From now on what is called is listed as of this step (0 to 63)."""
        self.view.step = 1 << step
        self.view.record = 1

    def record_no_more(self):
        self.view.record = 0

    def all(self):
        names = [module.name.decode() for module in self.view.module]
        assert self.view.lost == 0, f"{self.view.lost} sites found no place"
        return [Site(raw, names) for raw in self.view.site if raw.key]

    def arm(self, site, after=0, most=1):
        """The call of SITE after AFTER more fails, and so do those behind it, MOST in all."""
        self.disarm()
        self.view.near = Frame(*site.near)
        self.view.after, self.view.most, self.view.passed, self.view.hits = after, most, 0, 0
        self.view.error, self.view.hit_pid = site.error, 0
        self.view.armed = site.key

    def disarm(self):
        self.view.armed = 0

    @property
    def hits(self):
        return self.view.hits

    def blocks(self, pid):
        """How many a process has allocated and not freed."""
        for process in self.view.process:
            if process.pid == pid:
                return process.live
            if process.pid == 0:
                break
        return 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        del self.view
        self.map.close()
        self.file.close()


# ---- names ----

@lru_cache(None)
def library(module):
    for folder in ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu",
                   "/usr/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64"):
        path = Path(folder) / module
        if path.exists():
            return path
    return None


@lru_cache(None)
def exported(module):
    """What a library exports: (addresses, names), sorted."""
    path = library(module)
    if path is None:
        return [], []
    done = subprocess.run(["nm", "-D", "--defined-only", str(path)], capture_output=True, text=True,
                          check=False)
    rows = sorted((int(address, 16), name.split("@")[0]) for address, kind, name in
                  (line.split() for line in done.stdout.splitlines() if len(line.split()) == 3)
                  if kind in "TWi")
    return [row[0] for row in rows], [row[1] for row in rows]


class Lines:
    """One addr2line a program: function and line of an address."""

    programs = {}

    @classmethod
    def of(cls, module):
        if module not in cls.programs:
            cls.programs[module] = subprocess.Popen(
                ["addr2line", "-f", "-s", "-e", str(PROGRAM.parent / module)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return cls.programs[module]


@lru_cache(None)
def name_of(module, offset):
    """The call before a return address: `function file:line`, or `library:function`."""
    if module in OURS:
        process = Lines.of(module)
        process.stdin.write(f"{offset - 1:#x}\n")
        process.stdin.flush()
        function, line = process.stdout.readline().strip(), process.stdout.readline().strip()
        return f"{function} {line.split(' ')[0]}"
    addresses, names = exported(module)
    at = bisect.bisect_right(addresses, offset - 1) - 1
    short = module.split(".so")[0]
    return f"{short}:{names[at]}" if at >= 0 else short
