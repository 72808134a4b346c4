# SPDX-License-Identifier: ISC
#
# NAME      killer - SIGKILL for random workers, at a chosen rate
# PURPOSE   Never the same process twice, spread evenly at random; what dies is known by its slot.
# OWNER     flow, fault and soak tests
# CONTRACT  killer = Killer(daemon, rate): killer.tick() often; it kills when the time has come. Kills
#           nothing but workers of the daemon that it is given, ysf workers unless KIND says otherwise.
#           With AT_WORK the victim dies while its page says that it is not idle.
# LIMITS    a kill is due only while some worker lives that was not killed yet; a victim at work is
#           waited for a few milliseconds, then any moment will do

import os
import random
import signal
import time

from lib.holder import STATE_AT, slots_of, state_words

IDLE = 3  # enum page_state
LOOKS = 200000


class Killer:
    def __init__(self, daemon, rate, seed=20261121, only=None, at_work=False, kind="ysf."):
        self.daemon, self.rate, self.only, self.kind = daemon, rate, only, kind
        self.pages = state_words(daemon, kind) if at_work else {}
        self.at_work = 0
        self.rng = random.Random(seed)
        self.last, self.killed, self.of = {}, 0, {}
        self.due = time.monotonic()

    def tick(self):
        """Kills if it is time; returns the slot whose worker died, or None."""
        now = time.monotonic()
        if now < self.due:
            return None
        slots = slots_of(self.daemon, self.kind)
        fresh = sorted(slot for slot, pid in slots.items()
                       if self.last.get(slot) != pid and self.only in (None, slot))
        if not fresh:
            return None
        slot = self.rng.choice(fresh)
        self.await_work(slot)
        try:
            os.kill(slots[slot], signal.SIGKILL)
        except ProcessLookupError:
            return None
        self.last[slot] = slots[slot]
        self.of[slot] = self.of.get(slot, 0) + 1
        self.killed += 1
        # no catching up: a worker that comes late would die before it has done anything
        self.due = now + self.rng.random() * 2 / self.rate
        return slot

    def await_work(self, slot):
        page = self.pages.get(slot)
        for _ in range(LOOKS if page else 0):
            if page[STATE_AT] > IDLE:
                self.at_work += 1
                return

    def run(self, count, go_on=lambda: True, meanwhile=None):
        """COUNT more kills, as long as GO_ON; MEANWHILE is called between them."""
        target = self.killed + count
        while self.killed < target and go_on():
            self.tick()
            if meanwhile is not None:
                meanwhile()
            else:
                time.sleep(max(0, min(0.01, self.due - time.monotonic())))
        return count - (target - self.killed)
