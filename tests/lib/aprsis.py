# SPDX-License-Identifier: ISC
#
# NAME      aprsis - an APRS-IS server to test against
# PURPOSE   Speaks as the servers do: banner, login with a pass code that is really checked, comments
#           as signs of life, a filter line, traffic of others; and misbehaves on demand.
# OWNER     flow tests
# CONTRACT  one thread a server; every line that came in a verified session is in `lines`, whatever
#           came is in `heard`; connections are counted
# LIMITS    loopback; no traffic is passed on

import socket
import threading
import time


def passcode(call):
    code = 0x73E2
    for i, letter in enumerate(call.split("-")[0].upper().encode()):
        code ^= letter << 8 if i % 2 == 0 else letter
    return code & 0x7FFF


class Server:
    """MODE: "good", "refuse" (closes at once), "full", "unverified", "mute" (no banner), "hang"
    (no answer to the login), "cut" (closes in the middle of a line, after each report), "late"
    (banner and answers in single bytes), "deaf" (verifies, then reads nothing more)."""

    def __init__(self, mode="good", port=0):
        self.mode, self.lines, self.heard, self.connections, self.logins = mode, [], [], 0, 0
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if mode == "deaf":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self.sock.bind(("127.0.0.1", port))
        self.sock.listen(8)
        self.port = self.sock.getsockname()[1]
        self.ending = threading.Event()
        self.clients = []
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while not self.ending.is_set():
            try:
                client, _ = self.sock.accept()
            except OSError:
                return
            self.connections += 1
            self.clients.append(client)
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def say(self, client, text):
        data = text.encode()
        pieces = [data[i:i + 1] for i in range(len(data))] if self.mode == "late" else [data]
        for piece in pieces:
            client.sendall(piece)

    def login(self, client, line):
        words = line.split()
        good = (len(words) >= 6 and words[0] == "user" and words[2] == "pass" and
                words[4] == "vers" and words[3] == str(passcode(words[1])))
        verified = good and self.mode != "unverified"
        self.say(client, f"# logresp {words[1] if len(words) > 1 else ''} "
                         f"{'verified' if verified else 'unverified'}, server T2TEST\r\n")
        self.say(client, "# filter none active\r\n# aprsc 2.1.14 lives\r\n"
                         "DL9XYZ>APRS,TCPIP*,qAC,T2TEST:>traffic of somebody else\r\n")
        self.logins += verified
        return verified

    def serve(self, client):
        try:
            self.talk(client)
        except OSError:
            pass
        finally:
            client.close()

    def talk(self, client):
        verified, rest = False, b""
        if self.mode == "refuse":
            return
        if self.mode == "full":
            self.say(client, "# Port full\r\n")
            return
        if self.mode != "mute":
            self.say(client, "# aprsc 2.1.14-g5e22b37\r\n")
        while data := client.recv(4096):
            rest += data
            while b"\n" in rest:
                line, rest = rest.split(b"\n", 1)
                line = line.rstrip(b"\r").decode("latin-1")
                self.heard.append(line)
                if line.startswith("user ") and self.mode not in ("hang", "mute"):
                    verified = self.login(client, line)
                    if self.mode == "deaf":
                        self.ending.wait()
                elif verified and not line.startswith("#"):
                    self.lines.append(line)
                    if self.mode == "cut":
                        self.say(client, "# a line that never en")
                        return

    def comment(self):
        for client in self.clients:
            try:
                client.sendall(b"# aprsc 2.1.14 lives\r\n")
            except OSError:
                pass

    def close(self):
        if self.ending.is_set():
            return
        self.ending.set()
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        for client in self.clients:
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.thread.join(5)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
