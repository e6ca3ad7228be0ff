"""What explains a result: synthetic results that hang on the total alone, on the active parameters alone, on both."""

from __future__ import annotations

from collections.abc import Callable
from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.studies.decoders.explain import Sample, explain, line_r2, monotone_r2, plane
from theory.errors import InputError

COUNTS = [(1000, 1000), (4000, 1200), (9000, 1500), (4000, 4000), (16_000, 4800), (60_000, 5200), (16_000, 16_000)]


def samples(result: Callable[[float, float], float], noise: float = 0.0, seeds: int = 3) -> list[Sample]:
    rng = np.random.default_rng(1)
    return [
        Sample(total, active, tuple(result(total, active) * np.exp(noise * rng.normal(size=seeds))))
        for total, active in COUNTS
    ]


def test_a_result_of_the_total_alone() -> None:
    found = explain(samples(lambda total, active: 1.5 * total**0.8, noise=0.02), "log2")
    assert found is not None
    assert found.models == len(COUNTS)
    assert found.total.value > 0.999
    assert found.monotone_total.value > 0.999
    assert found.active.value < 0.8
    assert found.difference.low > 0.15
    assert found.without_one[0] > 0
    assert found.by_total.value == pytest.approx(0.8, abs=0.02)
    assert found.by_active.value == pytest.approx(0.0, abs=0.02)
    assert found.by_total.low < found.by_total.value < found.by_total.high


def test_a_result_of_the_active_parameters_alone_and_not_linear() -> None:
    """A threshold: isotonic regression sees all of it, a line does not."""
    found = explain(samples(lambda total, active: 0.2 if active < 3000 else 0.9), "linear")
    assert found is not None
    assert found.monotone_active.value == pytest.approx(1.0)
    assert found.active.value < 0.95
    assert found.monotone_total.value < 0.95
    assert found.difference.value < 0
    assert found.difference.low == found.difference.high == found.difference.value  # no noise
    assert found.by_active.value > 10 * abs(found.by_total.value)


def test_a_result_of_both() -> None:
    found = explain(samples(lambda total, active: 3 + log2(total) + 2 * log2(active)), "linear")
    assert found is not None
    assert (found.both.value, found.by_total.value, found.by_active.value) == pytest.approx((1, 1, 2))
    assert found.both.value > max(found.total.value, found.active.value)


def test_noise_alone_explains_nothing_surely() -> None:
    rng = np.random.default_rng(5)
    found = explain([Sample(t, a, tuple(rng.normal(size=3))) for t, a in COUNTS], "linear")
    assert found is not None
    assert found.difference.low < 0 < found.difference.high


def test_what_cannot_be_told_apart() -> None:
    good = samples(lambda total, active: total)
    assert explain(good[:3], "log2") is None  # a plane fits any three
    assert explain([Sample(s.total, s.total, s.values) for s in good], "log2") is None
    assert explain([Sample(s.total, s.active, (2.0, 2.0)) for s in good], "linear") is None


@pytest.mark.parametrize("values", [(), (1.0, 0.0), (-1.0,)])
def test_values_that_have_no_logarithm(values: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="every model needs a value"):
        explain([*samples(lambda total, active: total), Sample(5, 5, values)], "log2")


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-3, 3)), min_size=3, max_size=12))
def test_monotone_fits_are_at_least_as_good_as_rising_lines(pairs: list[tuple[int, float]]) -> None:
    x, y = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    if np.ptp(y) < 1e-3:
        return
    fit = monotone_r2(x, y)
    assert -1e-9 <= fit <= 1 + 1e-9
    rising = np.ptp(x) > 0 and np.corrcoef(x, y)[0, 1] >= 0
    assert not rising or fit >= line_r2(x, y) - 1e-9
    # The order of x is all that counts.
    assert monotone_r2(np.exp(x), y) == pytest.approx(fit)


def test_equal_counts_share_one_value() -> None:
    """Two models of one total whose results are 0 and 2: no function of the total explains them."""
    y = np.array([0.0, 2.0, 0.0, 2.0])
    assert monotone_r2(np.array([1.0, 1.0, 2.0, 2.0]), y) == pytest.approx(0)
    assert line_r2(np.ones(4), y) == 0


def test_the_plane_is_least_squares() -> None:
    rng = np.random.default_rng(2)
    a, b, y = rng.normal(size=(3, 20))
    r2, by_a, by_b = plane(a, b, y)
    rest = y - y.mean() - by_a * (a - a.mean()) - by_b * (b - b.mean())
    assert rest @ (a - a.mean()) == pytest.approx(0, abs=1e-9)
    assert rest @ (b - b.mean()) == pytest.approx(0, abs=1e-9)
    assert r2 == pytest.approx(1 - rest @ rest / ((y - y.mean()) ** 2).sum())
