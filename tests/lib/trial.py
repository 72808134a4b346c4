# SPDX-License-Identifier: ISC
#
# NAME      trial - one call site fails, and what became of it
# PURPOSE   Lets a site fail in a step of a daemon with everything, then looks at all that must hold:
#           nothing hangs, who dies is replaced, nothing leaks, voice crosses, a session gets its spots.
# OWNER     fault tests
# CONTRACT  trial = Trials(sites, whole); trial.run(site, "step") -> Outcome; .is_defect, .text
# LIMITS    blocks are counted in the master alone: workers cache what they like

import os
import re

from lib.shackd import eventually

SHORT = 1.5  # seconds that a step waits for what may not come any more
LONG = 10.0
REPEATS = 3
SETTLE = 5.0  # seconds until nothing may be occupied any more that was not before
CRASH = re.compile(r"signal|SEGV|ABRT|BUS|FPE|ILL|hung|watchdog", re.I)


class Outcome:
    """One line of the table."""

    def __init__(self, site, step, what, text="", is_defect=False):
        self.site, self.step, self.what, self.text, self.is_defect = site, step, what, text, is_defect

    def row(self):
        return {"process": self.site.kind, "call": self.site.function,
                "callers": self.site.callers(), "step": self.step, "outcome": self.what,
                "text": self.text, "defect": self.is_defect, "ours": self.site.is_ours,
                "key": f"{self.site.key:016x}"}

    def __str__(self):
        return f"{self.what}: {self.site} in {self.step}: {self.text}"


class Trials:
    def __init__(self, sites, whole):
        self.sites, self.whole, self.daemon = sites, whole, whole.daemon
        self.prepared, self.worn = None, False  # worn: go on with another daemon, a feed waits in this

    def look(self):
        """What must be as it was: descriptors of all, blocks of the master; and who is there."""
        workers = self.daemon.workers()
        held = {slot: descriptors(worker["pid"]) for slot, worker in workers.items()}
        held["master"] = descriptors(self.daemon.pid)
        return {"workers": workers, "held": held, "blocks": self.sites.blocks(self.daemon.pid)}

    def go(self, step):
        """Goes the step; None, or why not all of it came."""
        try:
            self.whole.steps[step]()
        except (OSError, AssertionError, ValueError, KeyError, IndexError) as error:
            return str(error) or type(error).__name__
        return None

    def grown(self, before):
        now = self.look()
        found = [f"descriptors of {name}: {before['held'][name]} became {count}"
                 for name, count in now["held"].items() if count > before["held"].get(name, count)]
        if now["blocks"] > before["blocks"]:
            found.append(f"blocks of the master: {before['blocks']} became {now['blocks']}")
        found += [f"{slot} is gone" for slot in before["workers"] if slot not in now["workers"]]
        return found

    def prepare(self, step):
        """As a trial leaves it: the step once gone, and all of it came."""
        if self.prepared != step:
            missed = self.go(step)
            assert missed is None, f"without any failure {step} does not work: {missed}"
            self.whole.serves()
            self.prepared = step

    def run(self, site, step):
        """Lets SITE fail once in STEP, then goes the step again."""
        self.prepare(step)
        before, log_at = self.look(), len(self.daemon.log())
        self.whole.patience = SHORT
        self.sites.arm(site)
        missed = self.go(step)
        hits = self.sites.hits
        self.sites.disarm()
        self.whole.patience = LONG
        if hits == 0:
            self.prepared = step if missed is None else None
            return Outcome(site, step, "not reached", missed or "")
        try:
            self.whole.serves()
            outcome = self.judge(site, step, before, missed, self.daemon.log()[log_at:])
            if self.whole.feeds_wait():
                self.worn = True
                return outcome
            again = self.go(step)
            if again:
                raise AssertionError(f"the step fails for good: {again}")
            self.whole.serves()
            if self.larger(before) and self.grows(site, step):
                raise AssertionError("leaks: " + "; ".join(self.grown(before)))
        except (OSError, AssertionError) as error:
            said = first(self.daemon.log()[log_at:])
            return Outcome(site, step, "DEFECT", f"{error}; said: {said}", True)
        return outcome

    def larger(self, before):
        try:
            eventually(lambda: not self.grown(before), SETTLE)
        except AssertionError:
            return True
        return False

    def grows(self, site, step):
        """What is larger once may be a table that grew; a leak is so again, every time."""
        for _ in range(REPEATS):
            before = self.look()
            self.sites.arm(site)
            self.go(step)
            self.sites.disarm()
            self.whole.serves()
            self.go(step)
            self.whole.serves()
            if not self.larger(before):
                return False
        return True

    def judge(self, site, step, before, missed, said):
        now = self.daemon.workers()
        dead = {slot: worker["last_death"] for slot, worker in now.items()
                if worker["deaths"] != before["workers"].get(slot, worker)["deaths"]}
        meant = step.removeprefix("respawn_")
        text = first(said)
        for slot, how in dead.items():
            if CRASH.search(how) and not (slot.replace(".", "") == meant and "signal 9" in how):
                what = "CRASHED, replaced" if not library_crashed(site, how) else "library crashed"
                return Outcome(site, step, what, f"{slot}: {how}; said: {text}", what != "library crashed")
        dead = {slot: how for slot, how in dead.items() if slot.replace(".", "") != meant}
        if dead:
            return Outcome(site, step, "worker replaced", f"{dead}; said: {text}")
        if missed:
            return Outcome(site, step, "refused", f"{missed}; said: {text}")
        return Outcome(site, step, "served", text)


def library_crashed(site, how):
    """libseccomp 2.5 uses what it did not get; the worker dies while it starts, and is replaced."""
    return "SEGV" in how and site.is_allocation and site.frames[0][0].startswith("libseccomp")


def descriptors(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def first(said):
    """The first line of a log that tells of trouble."""
    for line in said.splitlines():
        words = line.split(" ", 2)
        if len(words) == 3 and words[1] in ("warning", "error"):
            return re.sub(r"\[\d+\]", "", words[2])
    return ""
