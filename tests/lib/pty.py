# SPDX-License-Identifier: ISC
#
# NAME      pty - a program at a terminal, for the length of a test
# PURPOSE   Runs a real program that wants a terminal, types at it, and reads what it shows.
# OWNER     flow and peer tests
# CONTRACT  with Terminal("telnet", "127.0.0.1", port) as term: term.expect("call:"); term.type("N0CALL\r")
# LIMITS    text is searched as it was written, without understanding where on the screen it went

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

from lib.shackd import SLOW

ESCAPES = re.compile(rb"\x1b(\[[0-9;?]*[ -/]*[@-~]|[()][A-Z0-9]|[=>78]|\][^\x07]*\x07)")


class Terminal:
    def __init__(self, *command, folder=None, environment=None, rows=40, columns=120):
        self.shown = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if folder is not None:
                os.chdir(folder)
            os.environ.update({"TERM": "xterm", "LC_ALL": "C", **(environment or {})})
            os.execvp(command[0], [str(word) for word in command])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        """What it shows within so many seconds, at most; returns False at its end."""
        readable, _, _ = select.select([self.fd], [], [], seconds)
        if not readable:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.shown += data
        return bool(data)

    def text(self):
        return ESCAPES.sub(b"", self.shown).decode("latin-1")

    def expect(self, pattern, deadline=10.0):
        """Waits until it has shown what PATTERN, a regular expression, matches; forgets all up to there."""
        end = time.monotonic() + deadline * SLOW
        while True:
            match = re.search(pattern, self.text())
            if match:
                rest = self.text()[match.end():]
                self.shown = rest.encode("latin-1")
                return match
            if time.monotonic() > end or not self.read(0.1):
                raise AssertionError(f"{pattern!r} did not come; shown: {self.text()[-600:]!r}")

    def type(self, text):
        os.write(self.fd, text.encode())

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(self.pid, 0)
        os.close(self.fd)
