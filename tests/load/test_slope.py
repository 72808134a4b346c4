#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
#
# NAME      test_slope - what the soak says of growth is true of series that were made up
# PURPOSE   Flat ones with noise of every kind are not called growing more often than stated; leaks are
#           found in all of them; what is too short is said to be.
# OWNER     make check
# CONTRACT  prints "ok NAME" or "not ok NAME: why" for each case; the random numbers are always the same
# RUNS      beside others
# LIMITS    none known

import math
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.shackd import main  # noqa: E402
from lib.slope import DAY, Slope, by_age, by_time, quantile, share, verdict  # noqa: E402

TIMES = range(0, 7200, 30)  # two hours, two samples a minute
BOUND = 1024.0  # KiB a day


def noise(rng, alike=0.0, size=20.0):
    """Numbers of which each is like the one before it by ALIKE."""
    value = 0.0
    while True:
        value = alike * value + rng.gauss(0, size) * math.sqrt(1 - alike * alike)
        yield value


def series(rng, per_day=0.0, alike=0.0, size=20.0):
    return [(at, 5000 + per_day * at / DAY + error) for at, error in zip(TIMES, noise(rng, alike, size))]


def alarms(runs, make, level):
    return sum(by_time(make(), level).low > 0 for _ in range(runs))


def test_quantiles_of_student():
    """From the tables that every book has."""
    for freedom, level, value in ((1, 0.05, 12.706), (2, 0.05, 4.303), (10, 0.05, 2.228), (22, 0.05, 2.074),
                                  (22, 0.01, 2.819), (4, 0.001, 8.610), (1000, 0.05, 1.962)):
        assert abs(quantile(level, freedom) - value) < 0.002 * value, (freedom, level)
    assert quantile(0.05, 2.5) < quantile(0.05, 2) and quantile(0.05, 2.5) > quantile(0.05, 3)


def test_line_without_noise():
    slope = by_time([(at, 100 + at / 4) for at in TIMES])
    assert abs(slope.per_day - DAY / 4) < 1e-6 * DAY and slope.seen_from < 1e-3, slope
    still = by_time([(at, 42) for at in TIMES])
    assert still.per_day == still.low == still.high == 0 and verdict(still, BOUND) == "flat", still


def test_flat_with_noise_is_called_growing_as_often_as_stated():
    """Above zero by chance: half of LEVEL, for the interval has two sides."""
    rng, runs = random.Random(1), 250
    for alike in (0.0, 0.9):
        seen = alarms(runs, lambda like=alike: series(rng, alike=like), 0.1)
        assert 0.02 * runs < seen < 0.08 * runs, f"{seen} of {runs}, noise alike by {alike}"


def test_slow_waves_are_no_leak():
    """What is alike over minutes would look like growth to who believes every sample."""
    rng, runs = random.Random(2), 250
    seen = alarms(runs, lambda: series(rng, alike=0.98), 0.1)
    assert seen < 0.1 * runs, f"{seen} of {runs}"


def test_many_series_together_keep_their_level():
    rng, runs, many = random.Random(3), 10, 60
    level = share(0.05, many)
    seen = sum(any(by_time(series(rng), level).low > 0 for _ in range(many)) for _ in range(runs))
    assert seen <= 2, f"{seen} of {runs} runs with a false alarm"


def test_leaks_are_found():
    """Several times what the interval of a flat one is wide: nine of ten at least."""
    rng, runs = random.Random(4), 60
    for alike, times in ((0.0, 4), (0.9, 8)):
        seen = 0
        for _ in range(runs):
            flat = by_time(series(rng, alike=alike), 0.001)
            seen += verdict(by_time(series(rng, times * flat.seen_from, alike), 0.001), 0) == "grows"
        assert seen >= 0.9 * runs, f"{seen} of {runs}, noise alike by {alike}"


def test_saw_of_lives_is_flat_and_leak_within_them_is_found():
    """A worker that is replaced now and then: over time nothing grows, with its age it does."""
    rng = random.Random(5)

    def lives(growth):
        return [[(age, 3000 + level + growth * age + rng.gauss(0, 4))
                 for age in range(60, rng.randrange(120, 400), 10)]
                for level in (rng.gauss(0, 200) for _ in range(24))]
    flat, leak = by_age(lives(0)), by_age(lives(0.5))
    assert verdict(flat, BOUND) == "flat", flat
    assert verdict(leak, BOUND) == "grows" and abs(leak.per_day - 0.5 * DAY) < 0.1 * DAY, leak
    saw = [(at, 3000 + 0.5 * (at % 300) + rng.gauss(0, 4)) for at in TIMES]
    assert verdict(by_time(saw, 0.001), BOUND) == "flat"


def test_flat_lives_are_called_growing_as_often_as_stated():
    rng, runs, seen = random.Random(6), 600, 0
    for _ in range(runs):
        lives = []
        for _ in range(12):
            level, errors = rng.gauss(0, 100), noise(rng, 0.9)
            lives.append([(age, level + next(errors)) for age in range(0, rng.randrange(60, 400), 10)])
        seen += by_age(lives, 0.1).low > 0
    assert seen < 0.1 * runs, f"{seen} of {runs}"


def test_one_life_is_not_many():
    tick = [(age, age % 7) for age in range(0, 50, 10)]
    long = [(age, age % 7) for age in range(0, 7200, 10)]
    assert by_age([tick, tick, tick, tick, long]) is None
    assert by_age([long] * 3) is None and by_age([[(0, 1)]] * 9) is None


def test_too_short_says_so():
    assert by_time([]) is None and by_time([(1, 1)]) is None and by_time([(1, 1), (1, 2)]) is None
    assert by_time([(0, 1), (1, 2), (2, 3)]) is None
    assert verdict(None, BOUND) == "short"


def test_verdicts():
    for low, high, said in ((-5, 5, "flat"), (0, 0, "flat"), (-9, -1, "falls"), (1, 1000, "small"),
                            (1, 1025, "grows"), (2000, 3000, "grows")):
        assert verdict(Slope((low + high) / 2, low, high, 24, 24), BOUND) == said, (low, high)


if __name__ == "__main__":
    main(globals())
