# SPDX-License-Identifier: ISC
#
# NAME      dashboard - a subscriber of the dashboard protocol
# PURPOSE   Speaks it as the collector of pYSFReflector3 does, and looks at every message more
#           strictly than that.
# OWNER     flow tests
# CONTRACT  a message that is too long, no JSON, not of strings alone, or harmful in SQL is an error
#           where it is read; an address of its own for each subscriber
# LIMITS    replies come in order and whole: loopback

import itertools
import json
import socket
import time

from shackd import SLOW
from ysf import expect

WORDS = {"system", "stream_start", "stream_id01", "stream_id02", "stream_id03", "stream_id04",
         "stream_id05", "stream_end", "stream_timeout", "blocked", "linked", "total_linked",
         "blk_time", "total_blk_time"}
# what the collector of pYSFReflector3 must find in each
KEYS = {
    "system": "ver REF_ID REF_NAME REF_DESC APRS_EN APRS_SSID contact web dgid_loc dgid_def "
              "dgid_list",
    "stream_start": "call target gw dgid time CS CM FT Dev MR VoIP DT SQL SQC",
    "stream_id01": "Rem1+2", "stream_id02": "Rem3+4", "stream_id03": "radio_code",
    "stream_id04": "latitude longitude", "stream_id05": "dst src uplink downlink",
    "stream_end": "type time", "stream_timeout": "CS time", "blocked": "CS GW BR time",
    "linked": "call IP port TC CF LO LK DGID T_HOLD BTH_DGID BTH_TOUT BTH_TCORR",
    "total_linked": "", "blk_time": "call BR TR", "total_blk_time": "",
}
addresses = itertools.count(1)


def understand(data):
    """One datagram: bytes as they are, or the object, after a close look."""
    expect(len(data) <= 1024, f"{len(data)} bytes in one datagram")
    if not data.startswith(b"{"):
        return data
    found = json.loads(data)
    first = next(iter(found))
    for key, value in found.items():
        expect(isinstance(value, str), f"{key} is no string: {data!r}")
        expect(not set(value) & set("'\"\\") and all(c >= " " for c in value),
               f"{key} would hurt: {data!r}")
        expect(key == first or key not in WORDS, f"{key} inside of {first}")
    if first in KEYS:
        missing = set(KEYS[first].split()) - set(found)
        expect(not missing, f"{first} lacks {missing}")
    return found


class Dashboard:
    def __init__(self, daemon, ip=None, to=0):
        host, port = daemon.dashboards[to].rsplit(":", 1)
        number = next(addresses)
        self.ip = ip or f"127.77.{number // 250}.{1 + number % 250}"
        family = socket.AF_INET6 if ":" in self.ip else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sock.bind((self.ip, 0))
        self.sock.connect((host.strip("[]"), int(port)))
        self.port = self.sock.getsockname()[1]
        self.seen = []

    def send(self, data):
        self.sock.send(data)
        return self

    def read(self, patience=5.0):
        """The next message, or None."""
        self.sock.settimeout(max(patience, 0.001) * SLOW)
        try:
            found = understand(self.sock.recv(4096))
        except (TimeoutError, ConnectionRefusedError):
            return None
        self.seen.append(found)
        return found

    def until(self, wanted, patience=10.0):
        """Reads on to a message of which WANTED is true (or: that has this first key, or is these
        bytes) and returns it."""
        if isinstance(wanted, str):
            key, wanted = wanted, lambda found: isinstance(found, dict) and next(iter(found)) == key
        elif isinstance(wanted, bytes):
            word, wanted = wanted, lambda found: found == word
        end = time.monotonic() + patience * SLOW
        while time.monotonic() < end:
            found = self.read(end - time.monotonic())
            if found is not None and wanted(found):
                return found
        raise AssertionError(f"it did not come; last: {self.seen[-3:]}")

    def subscribe(self):
        """As the collector begins; returns `system`. The first list comes soon."""
        self.send(b"CONNREQ")
        expect(self.until(lambda found: True) == f"CONNOK:{self.ip}:{self.port}".encode(),
               f"{self.seen[-1]}")
        system = self.until("system")
        self.ping()
        return system

    def ping(self):
        self.send(b"PING")
        self.until(b"PONG")
        return self

    def list(self):
        """The next whole list: gateways, parked callers."""
        gateways = []
        while True:
            found = self.until(lambda one: isinstance(one, dict) and
                               next(iter(one)) in ("linked", "total_linked"))
            if "total_linked" in found:
                break
            gateways.append(found)
        expect(int(found["total_linked"]) == len(gateways), f"{found} after {len(gateways)}")
        expect([int(one["linked"]) for one in gateways] == list(range(1, len(gateways) + 1)),
               "not numbered from one on")
        parked = []
        while "total_blk_time" not in (found := self.until(lambda one: isinstance(one, dict) and
                                                           ("blk_time" in one or
                                                            "total_blk_time" in one))):
            parked.append(found)
        expect(int(found["total_blk_time"]) == len(parked), f"{found} after {len(parked)}")
        return gateways, parked

    def of(self, *keys):
        """What was read so far of these kinds."""
        return [found for found in self.seen
                if isinstance(found, dict) and next(iter(found)) in keys]

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
