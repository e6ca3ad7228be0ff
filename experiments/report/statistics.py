"""Intervals: Wilson's for a rate, the bootstrap's for everything else; the same data give the same interval."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from theory.errors import InputError

Values: TypeAlias = "Sequence[float] | NDArray[np.floating]"
LEVEL = 0.95
RESAMPLES = 2000
SEED = 0


@dataclass(frozen=True)
class Interval:
    """A number with its confidence interval: ``low <= value <= high`` at confidence ``level``.

    ``method`` is what the page says about it ("Wilson, n = 512", "bootstrap over 5 seeds").
    """

    value: float
    low: float
    high: float
    method: str
    level: float = LEVEL

    @property
    def bounds_text(self) -> str:
        return f"[{number_text(self.low)}, {number_text(self.high)}]"

    def __str__(self) -> str:
        return f"{number_text(self.value)} {self.bounds_text}"


def number_text(value: float) -> str:
    """Three significant digits, more where a rate would round to 1, none after the point from 1000 on; a dash for nan.

    >>> number_text(0.12345), number_text(0.99996), number_text(12345.6), number_text(1e-7), number_text(float("nan"))
    ('0.123', '0.99996', '12,346', '1e-07', '–')
    """
    if math.isnan(value):
        return "–"
    if math.isfinite(value) and 1000 <= abs(value) < 1e15:
        return f"{value:,.0f}"
    if 0.9 < value < 1:
        return f"{value:.{max(3, -math.floor(math.log10(1 - value)))}f}".rstrip("0")
    return f"{value:.3g}"


def wilson(successes: int, trials: int, level: float = LEVEL) -> Interval:
    """Wilson's score interval for a rate of ``successes`` in ``trials`` (Wilson 1927; scipy's ``proportion_ci``).

    Raises:
        InputError: unless ``0 <= successes <= trials`` and ``trials >= 1``.

    >>> print(wilson(8, 10))
    0.8 [0.49, 0.943]
    """
    from scipy.stats import binomtest

    if not (trials >= 1 and 0 <= successes <= trials):
        raise InputError(f"a rate needs 0 <= successes <= trials and trials >= 1, got {successes} of {trials}")
    bounds = binomtest(int(successes), int(trials)).proportion_ci(level, method="wilson")
    return Interval(successes / trials, float(bounds.low), float(bounds.high), f"Wilson, n = {trials}", level)


def bootstrap(
    samples: Sequence[Values],
    statistic: Callable[..., float],
    *,
    paired: bool = False,
    level: float = LEVEL,
) -> Interval:
    """Percentile bootstrap interval of ``statistic(*samples)``.

    ``samples`` are one-dimensional.  Paired samples (x and y of a slope) have one length and are drawn together;
    others (the two groups of a ratio) are drawn apart.  A sample of one element has no spread to draw from: the
    interval is then the value alone, and ``method`` says so.

    Raises:
        InputError: if a sample is empty, or paired samples differ in length.
    """
    arrays = [np.asarray(sample, dtype=float) for sample in samples]
    sizes = [len(array) for array in arrays]
    if min(sizes) == 0:
        raise InputError(f"an interval needs at least one value in each sample, got sizes {sizes}")
    if paired and len(set(sizes)) > 1:
        raise InputError(f"paired samples need one length, got {sizes}")
    value = float(statistic(*arrays))
    if min(sizes) == 1:
        return Interval(value, value, value, "one value, no interval", level)
    drawn = _distribution(arrays, statistic, paired)
    tail = (1 - level) / 2
    low, high = (float(bound) for bound in np.nanquantile(drawn, [tail, 1 - tail]))
    return Interval(value, min(low, value), max(high, value), f"bootstrap, n = {' and '.join(map(str, sizes))}", level)


def mean_interval(values: Values) -> Interval:
    """Mean of ``values`` with its bootstrap interval.

    Raises:
        InputError: if there are none.
    """
    return bootstrap([values], lambda drawn: float(drawn.mean()))


def slope(x: Values, y: Values) -> float:
    """Slope of the least-squares line of ``y`` on ``x``; nan where all ``x`` are equal."""
    points = np.asarray(x, dtype=float)
    centred = points - points.mean()
    spread = float(centred @ centred)
    return float(centred @ np.asarray(y, dtype=float)) / spread if spread else float("nan")


def _distribution(arrays: Sequence[NDArray], statistic: Callable[..., float], paired: bool) -> NDArray:
    """The statistic on :data:`RESAMPLES` resamples; nan where a resample has none (a slope of equal x)."""
    from scipy.stats import bootstrap as resample

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy warns of degenerate resamples, which nanquantile leaves out
        result = resample(
            arrays,
            statistic,
            n_resamples=RESAMPLES,
            vectorized=False,
            paired=paired,
            method="percentile",
            rng=np.random.default_rng(SEED),
        )
    return result.bootstrap_distribution
