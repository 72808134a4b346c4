# SPDX-License-Identifier: ISC
#
# NAME      numbered - numbered spots, so that each can be told from all others
# PURPOSE   A line of a skimmer for each number, and what came of them in the log of a cluster.
# OWNER     flow tests
# CONTRACT  line(N) reports the station call_of(N), which nobody else reports
# LIMITS    6,760 numbers

from datetime import datetime, timezone

from lib.shackd import eventually


def call_of(number):
    return f"K{number // 676 % 10}{chr(65 + number // 26 % 26)}{chr(65 + number % 26)}X"


def line(number):
    now = datetime.now(timezone.utc).strftime("%H%MZ")
    return (f"DX de W3LPL-#:   14025.3  {call_of(number)}          CW    24 dB  22 WPM  CQ      "
            f"{now}\r\n")


def has(cluster, *numbers):
    """The log gets these spots, each of them once, and no other."""
    def spots():
        return sorted(spot["dx"] for spot in cluster.ctl("spots", "1000"))

    wanted = sorted(map(call_of, numbers))
    eventually(lambda: len(spots()) >= len(wanted), 10, f"{len(wanted)} spots")
    if spots() != wanted:
        raise AssertionError(f"{spots()} instead of {wanted}")
