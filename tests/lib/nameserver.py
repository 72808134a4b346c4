# SPDX-License-Identifier: ISC
#
# NAME      nameserver - a DNS server of the test's own
# PURPOSE   Answers, changes its mind, is silent, refuses, says that there is no such name.
# OWNER     flow tests of names
# CONTRACT  a test file ends with: if __name__ == "__main__": nameserver.run(main, globals()); its tests
#           then run in network and mount namespaces of their own, where port 53 of 127.0.0.1,
#           /etc/resolv.conf and /etc/hosts are theirs, and call server(NAME=[ADDRESS, ...])
# LIMITS    needs root; without, the file prints one SKIP line

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

A, AAAA = 1, 28
REFUSED, NO_SUCH_NAME = 5, 3


class NameServer:
    """Answers on 127.0.0.1:53 what `records` says; `mood` is answer, silent, refuse."""

    def __init__(self):
        self.records, self.mood, self.asked = {}, "answer", []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, peer = self.sock.recvfrom(4096)
            answer = self.answer(query)
            if answer:
                self.sock.sendto(answer, peer)

    def answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        name, kind = ".".join(labels), struct.unpack_from(">H", query, at + 1)[0]
        question = query[12:at + 5]
        self.asked.append(name)
        if self.mood == "silent":
            return None
        code = REFUSED if self.mood == "refuse" else 0 if name in self.records else NO_SUCH_NAME
        data = [] if code else [self.pack(kind, address) for address in self.records[name]]
        data = [record for record in data if record]
        head = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(data), 0, 0)
        return head + question + b"".join(data)

    @staticmethod
    def pack(kind, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        if kind != (AAAA if family == socket.AF_INET6 else A):
            return None
        raw = socket.inet_pton(family, address)
        return struct.pack(">HHHIH", 0xC00C, kind, 1, 60, len(raw)) + raw


SERVER = None


def server(**records):
    """RECORDS: name (with _ for .) = addresses."""
    SERVER.mood = "answer"
    SERVER.records = {name.replace("_", "."): addresses for name, addresses in records.items()}
    return SERVER


def inside(main, namespace):
    global SERVER
    base = Path(tempfile.mkdtemp(prefix="shackd-test-names-"))
    base.chmod(0o755)
    try:
        for name, text in (("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1\n"),
                           ("hosts", "127.0.0.1 localhost\n192.0.2.77 here.test\n")):
            (base / name).write_text(text)
            subprocess.run(["mount", "--bind", str(base / name), f"/etc/{name}"], check=True)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        SERVER = NameServer()
        main(namespace)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def run(main, namespace):
    if os.environ.get("INSIDE_NAMESPACE"):
        inside(main, namespace)
    elif os.geteuid() != 0 or subprocess.run(["unshare", "-m", "-n", "true"],
                                             capture_output=True).returncode != 0:
        print(f"SKIP {Path(sys.argv[0]).stem}: needs root for namespaces of its own")
    else:
        os.environ["INSIDE_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "-m", "-n", sys.executable, *sys.argv])
