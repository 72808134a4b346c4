# SPDX-License-Identifier: ISC
#
# NAME      churn - gateways that link and unlink all the time, and remember what they were told
# PURPOSE   An answered first poll is an acknowledged commit: whoever got one is linked until it says
#           otherwise, whatever dies meanwhile. This is the memory, outside the daemon.
# OWNER     fault and soak tests
# CONTRACT  with Churn(daemon, 300) as churn: churn.turn(seconds) again and again; churn.missing()
#           names gateways that were answered and that the daemon does not know; churn.settle() then
#           churn.ghosts() those it knows though they said goodbye.
# LIMITS    one thread; at most as many gateways as descriptors

import json
import random
import selectors
import socket
import time

POLL_ANSWER = b"YSFPREFLECTOR "
RETRY = 2.0  # after so long without an answer a gateway polls again
STAY = 0.3  # for so long it is linked, on average, and away thereafter


class Station:
    def __init__(self, daemon, number):
        self.name = f"C{number:05d}"
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind((f"127.{64 + number // 62500}.{number // 250 % 250}.{1 + number % 250}", 0))
        self.sock.connect(("127.0.0.1", daemon.port))
        self.address = self.sock.getsockname()
        self.state = "away"  # away, asking, linked
        self.due = 0.0


class Churn:
    def __init__(self, daemon, count, seed=20261121):
        self.daemon = daemon
        self.rng = random.Random(seed)
        self.selector = selectors.DefaultSelector()
        self.stations = [Station(daemon, number) for number in range(count)]
        for station in self.stations:
            station.due = time.monotonic() + self.rng.random() * STAY
            self.selector.register(station.sock, selectors.EVENT_READ, station)
        self.polls = self.answers = self.repeated = self.unlinks = self.odd = 0

    def say(self, station, tag):
        try:
            station.sock.send(tag + station.name.encode().ljust(10))
        except OSError:
            self.odd += 1  # an ICMP error of an earlier datagram: nobody reads that port

    def act(self, station, now):
        """Its time has come."""
        if station.state == "linked":
            self.say(station, b"YSFU")
            self.unlinks += 1
            station.state = "away"
            station.due = now + self.rng.expovariate(1 / STAY)
            return
        self.repeated += station.state == "asking"
        self.polls += 1
        station.state = "asking"
        station.due = now + RETRY
        self.say(station, b"YSFP")

    def hear(self, station, now):
        try:
            data = station.sock.recv(256)
        except OSError:
            self.odd += 1
            return
        if data != POLL_ANSWER or station.state == "away":
            self.odd += 1
            return
        self.answers += 1
        if station.state == "asking":
            station.state = "linked"
            station.due = now + self.rng.expovariate(1 / STAY)

    def turn(self, seconds):
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            for station in self.stations:
                if station.due <= now:
                    self.act(station, now)
            for key, _ in self.selector.select(0.005):
                self.hear(key.data, now)

    def linked(self):
        return {station.address: station for station in self.stations if station.state == "linked"}

    def known(self):
        """What the daemon says; meanwhile nobody does anything."""
        code, text, reason = self.daemon.ask("clients")
        assert code == 0, f"clients: {code} {reason}"
        return {(client["address"], client["port"]) for client in json.loads(text)}

    def missing(self):
        known = self.known()
        return [station.name for address, station in self.linked().items() if address not in known]

    def settle(self, patience=10.0):
        """Nobody begins anything new; those who ask wait for their answer. Returns who got none."""
        end = time.monotonic() + patience
        while any(s.state == "asking" for s in self.stations) and time.monotonic() < end:
            now = time.monotonic()
            for station in self.stations:
                if station.state == "asking" and station.due <= now:
                    self.act(station, now)
            for key, _ in self.selector.select(0.02):
                self.hear(key.data, time.monotonic())
        return [station.name for station in self.stations if station.state == "asking"]

    def ghosts(self):
        known = self.known()
        return [station.name for station in self.stations
                if station.state == "away" and station.address in known]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.selector.close()
        for station in self.stations:
            station.sock.close()
