# SPDX-License-Identifier: ISC
#
# NAME      wires - the loop, and the parties around a real gateway
# PURPOSE   one selector loop (Hub) with the modem side of a gateway (Modem), a recording wire
#           towards the reflector (Tap), a minimal MQTT broker (Broker) and child processes.
# OWNER     the scripts of this folder
# CONTRACT  one thread; every wait is bounded and ends on the event it waits for; all sockets are
#           on loopback; only processes started here are ended, by pid.
# LIMITS    free_port() lets go of the port it found, so another program could take it meanwhile

import heapq
import os
import selectors
import signal
import socket
import subprocess
import time

HOST = "127.0.0.1"
MODEM_POLL = 5.0


class Hub:
    """One selector and one timer heap; everything here happens in turn()."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.timers = []
        self.order = 0

    def add(self, fileobj, ready):
        self.selector.register(fileobj, selectors.EVENT_READ, ready)

    def remove(self, fileobj):
        try:
            self.selector.unregister(fileobj)
        except (KeyError, ValueError):
            pass

    def at(self, when, action):
        self.order += 1
        heapq.heappush(self.timers, (when, self.order, action))

    def turn(self, limit):
        now = time.monotonic()
        if self.timers:
            limit = min(limit, self.timers[0][0] - now)
        for key, _ in self.selector.select(max(0.0, limit)):
            key.data()
        now = time.monotonic()
        while self.timers and self.timers[0][0] <= now:
            heapq.heappop(self.timers)[2]()

    def until(self, when):
        """Lets everything go on until a point in (monotonic) time."""
        while time.monotonic() < when:
            self.turn(when - time.monotonic())

    def wait(self, done, seconds):
        """Runs until done() or the time is over; tells which."""
        end = time.monotonic() + seconds
        while not done():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.turn(left)
        return True


def udp(address=HOST, port=0):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind((address, port))
    sock.setblocking(False)
    return sock


def free_port():
    with udp() as sock:
        return sock.getsockname()[1]


def drain(sock):
    """All datagrams that wait on a socket. A refused earlier send shows up here; it is no news."""
    for _ in range(1000):
        try:
            yield sock.recvfrom(2048)
        except BlockingIOError:
            return
        except ConnectionRefusedError:
            continue


class Modem:
    """MMDVMHost as a gateway sees it: polls, sends frames, takes frames."""

    def __init__(self, hub, tag):
        self.hub = hub
        self.tag = tag.encode().ljust(10)
        self.sock = udp()
        self.port = self.sock.getsockname()[1]
        self.gateway = None
        self.sent = set()
        self.frames = []
        self.replies = []       # Wires-X frames that the gateway itself makes after a command
        self.polls = 0
        self.strange = []
        hub.add(self.sock, self.ready)
        self.poll()

    def poll(self):
        self.hub.at(time.monotonic() + MODEM_POLL, self.poll)
        if self.gateway and self.sock.fileno() >= 0:
            self.sock.sendto(b"YSFP" + self.tag, self.gateway)

    def ready(self):
        for data, peer in drain(self.sock):
            if peer != self.gateway:
                self.strange.append((peer, data))
            elif data[:4] == b"YSFP":
                self.polls += 1
            elif data[:4] == b"YSFD" and data[4:14] == self.tag and data not in self.sent:
                self.replies.append(data)
            elif data[:4] == b"YSFD":
                self.frames.append(data)
            else:
                self.strange.append((peer, data))

    def send(self, frame):
        self.sent.add(frame)
        self.sock.sendto(frame, self.gateway)

    def close(self):
        self.hub.remove(self.sock)
        self.gateway = None
        self.sock.close()


class Tap:
    """A wire with a recorder between one gateway and the reflector. As a NAT does it, every
    source port of the gateway gets a port of its own towards the reflector; the one before it
    is closed, so that what still comes for it is refused by the kernel."""

    def __init__(self, hub, reflector):
        self.hub = hub
        self.reflector = reflector
        self.near = udp()
        self.port = self.near.getsockname()[1]
        self.far = None
        self.gateway = None
        self.sent = []
        self.answered = []
        hub.add(self.near, self.from_gateway)

    def from_gateway(self):
        for data, peer in drain(self.near):
            if peer != self.gateway:
                self.renew(peer)
            self.sent.append((time.monotonic(), data))
            self.far.sendto(data, self.reflector)

    def renew(self, peer):
        self.drop_far()
        self.gateway = peer
        self.far = udp("::1" if ":" in self.reflector[0] else HOST)
        self.hub.add(self.far, self.from_reflector)

    def drop_far(self):
        if self.far:
            self.hub.remove(self.far)
            self.far.close()

    def from_reflector(self):
        for data, peer in drain(self.far):
            if peer[:2] == self.reflector[:2]:
                self.answered.append((time.monotonic(), data))
                self.near.sendto(data, self.gateway)

    def tags(self, since=0):
        return [data[:4].decode("latin-1") for _, data in self.sent[since:]]

    def close(self):
        self.drop_far()
        self.hub.remove(self.near)
        self.near.close()


class Broker:
    """As much of an MQTT 3.1.1 broker as newer gateways need to start: everything they publish is
    acknowledged and dropped, and command() publishes a remote command to whoever subscribed."""

    def __init__(self, hub):
        self.hub = hub
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.links = {}
        self.topics = []
        hub.add(self.listener, self.accept)

    def accept(self):
        link, _ = self.listener.accept()
        self.links[link] = b""
        self.hub.add(link, lambda: self.ready(link))

    def ready(self, link):
        try:
            data = link.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.hub.remove(link)
            del self.links[link]
            link.close()
            return
        self.links[link] += data
        while link in self.links:
            packet, rest = self.cut(self.links[link])
            if packet is None:
                return
            self.links[link] = rest
            self.answer(link, *packet)

    @staticmethod
    def cut(data):
        """One packet (first byte, body) and what follows it, or None when it is not whole yet."""
        length = 0
        for i in range(1, min(5, len(data))):
            length |= (data[i] & 0x7F) << (7 * (i - 1))
            if not data[i] & 0x80:
                end = i + 1 + length
                if len(data) < end:
                    break
                return (data[0], data[i + 1:end]), data[end:]
        return None, data

    def answer(self, link, head, body):
        kind, qos = head >> 4, (head >> 1) & 3
        if kind == 1:                                   # CONNECT
            link.send(bytes((0x20, 2, 0, 0)))
        elif kind == 8:                                 # SUBSCRIBE, of one topic
            size = int.from_bytes(body[2:4], "big")
            self.topics.append((link, body[4:4 + size]))
            link.send(bytes((0x90, 3)) + body[:2] + b"\0")
        elif kind == 3 and qos:                         # PUBLISH
            size = int.from_bytes(body[:2], "big")
            link.send(bytes((0x40 if qos == 1 else 0x50, 2)) + body[2 + size:4 + size])
        elif kind == 6:                                 # PUBREL
            link.send(bytes((0x70, 2)) + body[:2])
        elif kind == 12:                                # PINGREQ
            link.send(bytes((0xD0, 0)))

    def command(self, text):
        for link, topic in self.topics:
            if link in self.links:
                body = len(topic).to_bytes(2, "big") + topic + text.encode()
                link.send(bytes((0x30, len(body))) + body)

    def close(self):
        for fileobj in [self.listener, *self.links]:
            self.hub.remove(fileobj)
            fileobj.close()


class Process:
    """A child whose output is read line by line."""

    def __init__(self, hub, argv, cwd, name):
        self.hub = hub
        self.name = name
        self.lines = []
        self.rest = b""
        self.child = subprocess.Popen(argv, cwd=cwd, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.child.stdout.fileno(), False)
        hub.add(self.child.stdout, self.ready)

    def ready(self):
        data = self.child.stdout.read(65536)
        if not data:
            self.hub.remove(self.child.stdout)
            return
        *lines, self.rest = (self.rest + data).split(b"\n")
        self.lines += [line.decode("utf-8", "replace") for line in lines]

    def alive(self):
        return self.child.poll() is None

    def says(self, text):
        return [line for line in self.lines if text in line]

    def stop(self, how=signal.SIGTERM, seconds=10):
        if self.alive():
            self.child.send_signal(how)
        if not self.hub.wait(lambda: self.child.poll() is not None or not self.output_open(),
                             seconds):
            self.child.kill()
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.hub.remove(self.child.stdout)
        self.child.stdout.close()
        return self.child.returncode

    def output_open(self):
        return self.child.stdout in {key.fileobj for key in
                                     self.hub.selector.get_map().values()}
