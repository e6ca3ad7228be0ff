"""How well a model's total parameters explain a result, how well its active ones do, and both together.

The paper's claim as numbers: memory follows the total, reasoning the active parameters.  For every model the result is
the mean over its seeds, ``y``.  Three fits of ``y``, each with its share of explained variance R²:

* a line in ``log2 total``, and one in ``log2 active``;
* any function that does not fall with the total, and one that does not fall with the active parameters (isotonic
  regression), which asks for no shape;
* a plane in both logarithms, whose two coefficients are what a doubling of one is worth while the other is kept.

Intervals are percentile bootstraps that draw the seeds of every model anew; the grid of models stays, so they say how
sure the numbers are on this grid.  How far they hang on one model of the grid is said by leaving out each in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from experiments.report.statistics import LEVEL, RESAMPLES, SEED, Interval
from theory.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """One model: its parameters, and the result of each of its seeds."""

    total: int
    active: int
    values: tuple[float, ...]


@dataclass(frozen=True)
class Explained:
    """R² of the fits; differences are those of the total minus those of the active parameters."""

    models: int
    correlation: float
    """Of ``log2 total`` and ``log2 active`` over the models: at 1 nothing can tell them apart."""
    total: Interval
    active: Interval
    difference: Interval
    monotone_total: Interval
    monotone_active: Interval
    monotone_difference: Interval
    both: Interval
    by_total: Interval
    """What a doubling of the total is worth at equal active parameters, in the unit of the result."""
    by_active: Interval
    """What a doubling of the active parameters is worth at an equal total."""
    without_one: tuple[float, float]
    """Least and largest ``difference`` when one of the models is left out."""


def explain(samples: Sequence[Sample], scale: Literal["log2", "linear"]) -> Explained | None:
    """Explain the results, or their logarithms to base 2; None where the models cannot tell the two counts apart.

    These are fewer than four models, all of one result, or such that one count is a line in the other.

    Raises:
        InputError: for a model without a value, or one of 0 or below on the scale "log2".
    """
    values = [np.asarray(sample.values, dtype=float) for sample in samples]
    if any(len(of_model) == 0 or (scale == "log2" and of_model.min() <= 0) for of_model in values):
        raise InputError("every model needs a value, above 0 on a logarithmic scale: leave out those without.")
    if scale == "log2":
        values = [np.log2(of_model) for of_model in values]
    total, active = (np.log2([getattr(sample, name) for sample in samples]) for name in ("total", "active"))
    means = np.array([of_model.mean() for of_model in values])
    if len(samples) < 4 or np.ptp(means) == 0 or _rank(total, active) < 3:
        return None
    seeds = f"bootstrap over {min(map(len, values))} seeds a model"
    value = np.array(_numbers(total, active, means))
    drawn = np.array([_numbers(total, active, y) for y in _resampled_means(values)])
    intervals = [_interval(value[i], drawn[:, i], seeds) for i in range(len(value))]
    return Explained(
        models=len(samples),
        correlation=float(np.corrcoef(total, active)[0, 1]),
        without_one=_without_one(total, active, means),
        **dict(zip(_NAMES, intervals, strict=True)),
    )


_NAMES = (
    "total",
    "active",
    "difference",
    "monotone_total",
    "monotone_active",
    "monotone_difference",
    "both",
    "by_total",
    "by_active",
)
"""Of the numbers that have an interval."""


def line_r2(x: Floats, y: Floats) -> float:
    """R² of the least-squares line of ``y`` ``[models]`` on ``x``; 0 where all ``x`` are equal."""
    if np.ptp(x) == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1] ** 2)


def monotone_r2(x: Floats, y: Floats) -> float:
    """R² of the best fit of ``y`` ``[models]`` that does not fall with ``x``; equal ``x`` get one value."""
    from scipy.optimize import isotonic_regression

    places, of, counts = np.unique(x, return_inverse=True, return_counts=True)
    heights = np.bincount(of, weights=y, minlength=len(places)) / counts
    fit = isotonic_regression(heights, weights=counts).x[of]
    return float(1 - ((y - fit) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def plane(total: Floats, active: Floats, y: Floats) -> tuple[float, float, float]:
    """R² of the least-squares plane and its slopes in ``total`` and ``active``."""
    design = _design(total, active)
    coefficients = np.linalg.lstsq(design, y, rcond=None)[0]
    rest = y - design @ coefficients
    r2 = 1 - float(rest @ rest) / float(((y - y.mean()) ** 2).sum())
    return r2, float(coefficients[1]), float(coefficients[2])


def _numbers(total: Floats, active: Floats, y: Floats) -> tuple[float, ...]:
    """The numbers called :data:`_NAMES`; nan where all results are equal."""
    if np.ptp(y) == 0:
        return (float("nan"),) * len(_NAMES)
    lines, monotone = ([r2(total, y), r2(active, y)] for r2 in (line_r2, monotone_r2))
    return (*lines, lines[0] - lines[1], *monotone, monotone[0] - monotone[1], *plane(total, active, y))


def _resampled_means(values: Sequence[Floats]) -> Floats:
    """``[resamples, models]``: for every model the mean of as many of its seeds, drawn with repetition."""
    rng = np.random.default_rng(SEED)
    columns = [of_model[rng.integers(0, len(of_model), (RESAMPLES, len(of_model)))].mean(1) for of_model in values]
    return np.stack(columns, axis=1)


def _interval(value: float, drawn: Floats, method: str) -> Interval:
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return Interval(float(value), min(float(low), float(value)), max(float(high), float(value)), method)


def _without_one(total: Floats, active: Floats, means: Floats) -> tuple[float, float]:
    keep = ~np.eye(len(means), dtype=bool)
    kept = [row for row in keep if np.ptp(means[row]) > 0]
    differences = [line_r2(total[row], means[row]) - line_r2(active[row], means[row]) for row in kept]
    return min(differences), max(differences)


def _design(total: Floats, active: Floats) -> Floats:
    return np.stack((np.ones_like(total), total, active), axis=1)


def _rank(total: Floats, active: Floats) -> int:
    return int(np.linalg.matrix_rank(_design(total - total.mean(), active - active.mean()), tol=1e-6))
