# SPDX-License-Identifier: ISC
#
# NAME      slope - does a size grow with time?
# PURPOSE   What a soak says of memory, descriptors and pages rests on this: a straight line through what
#           was sampled, an interval in which its slope lies, and a verdict by a rule that is stated.
# OWNER     tests/soak
# CONTRACT  pure: numbers in, numbers out; no clock, no file.
#           by_time(samples, ...): samples are (seconds, value) of one long life. They follow each other
#           too closely to be independent, so the time is cut into equal blocks, a block counts once with
#           its mean, and what dependence is left between neighbours (lag-one correlation r of the
#           residuals, if positive) makes n blocks worth n (1 - r) / (1 + r) of them, in the standard
#           error and in the degrees of freedom. The interval is Student's.
#           by_age(lives, ...): each life is [(age, value), ...] of one process. A slope through each
#           life, their mean weighted by what a life tells (its spread of ages), and an interval from
#           how the lives differ among themselves: lives are independent, samples of one are not.
#           share(family, series): the level for each of so many series that keeps the chance of ANY
#           false alarm among them below FAMILY (Bonferroni's bound).
#           verdict(slope, bound): "flat" when zero is in the interval, "falls" when it lies below zero,
#           "small" when all of it lies below BOUND a day, else "grows"; "short" when there was too
#           little to say anything. The half width of the interval, a day, is the growth that would
#           have been seen: a verdict of "flat" is worth as much as that is small.
# LIMITS    a straight line: what grows in steps that are farther apart than the run is not seen

import functools
import math
from dataclasses import dataclass

DAY = 86400.0
LEAST_BLOCKS = 6
LEAST_LIVES = 4
LEAST_AGES = 5  # samples of a life


@dataclass
class Slope:
    """A day, of the unit that was sampled."""
    per_day: float
    low: float
    high: float
    count: int  # blocks or lives
    worth: float  # so many independent ones

    @property
    def seen_from(self):
        """What would have been told from zero."""
        return (self.high - self.low) / 2


# ---- Student's distribution ----

def density(x, freedom):
    scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - 0.5 * math.log(freedom * math.pi)
    return math.exp(scale - (freedom + 1) / 2 * math.log1p(x * x / freedom))


def within(x, freedom, steps=200):
    """The chance to be between -X and X (Simpson's rule)."""
    width = x / steps
    inner = sum((4 if i % 2 else 2) * density(i * width, freedom) for i in range(1, steps))
    return 2 * width / 3 * (density(0, freedom) + inner + density(x, freedom))


@functools.lru_cache(maxsize=4096)
def quantile(level, freedom):
    """The x with a chance LEVEL to be outside of -x to x; FREEDOM need not be whole."""
    low, high = 0.0, 1.0
    while within(high, freedom) < 1 - level and high < 1e6:
        high *= 2
    for _ in range(40):
        middle = (low + high) / 2
        if within(middle, freedom) < 1 - level:
            low = middle
        else:
            high = middle
    return high


def student(level, freedom):
    """The same for a tenth of freedom at most less, which is wider, and known already."""
    return quantile(level, max(1.0, math.floor(freedom * 10) / 10))


# ---- lines ----

def mean(values):
    return sum(values) / len(values)


def line(points):
    """(slope, sum of squares of x about its mean, residuals) of the least squares' line."""
    mid_x, mid_y = mean([x for x, _ in points]), mean([y for _, y in points])
    spread = sum((x - mid_x) ** 2 for x, _ in points)
    slope = sum((x - mid_x) * (y - mid_y) for x, y in points) / spread
    return slope, spread, [y - mid_y - slope * (x - mid_x) for x, y in points]


def neighbours(residuals):
    """Lag-one correlation; 0 where nothing is left to correlate."""
    squares = sum(r * r for r in residuals)
    if squares <= 0:
        return 0.0
    return sum(a * b for a, b in zip(residuals, residuals[1:])) / squares


def blocks_of(samples, count):
    """Mean time and value of each of COUNT equal stretches of time that has samples."""
    first, last = samples[0][0], samples[-1][0]
    width = (last - first) / count or 1.0
    kept = [[] for _ in range(count)]
    for at, value in samples:
        kept[min(count - 1, int((at - first) / width))].append((at, value))
    return [(mean([at for at, _ in block]), mean([value for _, value in block])) for block in kept if block]


def by_time(samples, level=0.05, count=24):
    """The slope over the whole time; None: too little for one."""
    samples = sorted(samples)
    if not samples or samples[0][0] == samples[-1][0]:
        return None
    points = blocks_of(samples, max(LEAST_BLOCKS, min(count, len(samples) // 2)))
    if len(points) < LEAST_BLOCKS:
        return None
    slope, spread, residuals = line(points)
    alike = max(0.0, neighbours(residuals))
    # not fewer than three: two points always lie on a line
    worth = max(3.0, len(points) * (1 - alike) / (1 + alike))
    error = math.sqrt(sum(r * r for r in residuals) / (worth - 2) / spread)
    half = student(level, worth - 2) * error
    return Slope(slope * DAY, (slope - half) * DAY, (slope + half) * DAY, len(points), round(worth, 1))


def by_age(lives, level=0.05):
    """The slope within lives; None: too few of them are long enough."""
    lives = [line(life) for life in lives if len(life) >= LEAST_AGES and len({age for age, _ in life}) > 1]
    if len(lives) < LEAST_LIVES:
        return None
    total = sum(spread for _, spread, _ in lives)
    slope = sum(spread * own for own, spread, _ in lives) / total
    # one life that outweighs all others is one life, not many
    worth = total ** 2 / sum(spread ** 2 for _, spread, _ in lives)
    if worth < 2:
        return None
    error = math.sqrt(sum((spread * (own - slope)) ** 2 for own, spread, _ in lives)
                      * worth / (worth - 1)) / total
    half = student(level, worth - 1) * error
    return Slope(slope * DAY, (slope - half) * DAY, (slope + half) * DAY, len(lives), round(worth, 1))


# ---- verdicts ----

def share(family, series):
    return family / max(1, series)


def verdict(slope, bound):
    if slope is None:
        return "short"
    if slope.high < 0:
        return "falls"
    if slope.low <= 0:
        return "flat"
    return "small" if slope.high < bound else "grows"
