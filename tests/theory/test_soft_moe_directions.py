"""Directions that slot vectors do not see, and the norm that balances a pair, by fractions and the Lambert function."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb
from scipy.special import lambertw
from soft_moe_layers import gaussian

from theory.balls import precision
from theory.soft_moe.directions import BITS, level, unseen
from theory.soft_moe.pairs import balance
from theory.soft_moe.rational import integers, level_vector, null_vector


def test_directions_are_exact_in_fractions() -> None:
    vectors = np.random.default_rng(4).normal(size=(7, 5)).astype(np.float32).astype(float)
    matrix, exponent = integers(vectors.T)
    hidden, alike = ([Fraction(int(x.p), int(x.q)) for x in v] for v in (null_vector(matrix), level_vector(matrix, 1)))
    for column in vectors.T:
        exact = [Fraction(value) for value in column]
        assert sum(p * q for p, q in zip(exact, hidden, strict=True)) == 0
        assert sum(p * q for p, q in zip(exact, alike, strict=True)) == Fraction(2) ** exponent
    assert any(hidden) and any(alike)


@pytest.mark.parametrize("seed", range(3))
def test_directions_are_seen_alike(seed: int) -> None:
    for logits in ("plain", "normalised"):
        slots = gaussian(seed, 6, 4, logits, -1.5)
        for direction in (unseen(slots), level(slots)):
            with precision(BITS):
                seen = [
                    sum((p * q for p, q in zip(row, direction.vector, strict=True)), 0) - direction.level
                    for row in slots.effective().tolist()
                ]
                assert max(float(abs(x).upper()) for x in seen) < 1e-60
        assert level(slots).level > 0


@pytest.mark.parametrize(("c", "size"), [(0.01, 3.0), (0.8, 5.0), (2.0, 20.0)])
def test_the_balancing_norm_is_lamberts_function(c: float, size: float) -> None:
    with precision(BITS):
        a = float(balance(arb(c), size, gaussian(0, 2, 2)))
    assert a == pytest.approx(float(lambertw(c * size * np.exp(-c * size)).real / c), rel=1e-12)
    assert a * np.exp(c * a) == pytest.approx(size * np.exp(-c * size), rel=1e-12)


def test_the_balancing_norm_of_normalised_logits_at_large_sizes() -> None:
    """Where eps does not matter it is ``L exp(-2c)``."""
    with precision(BITS):
        a = float(balance(arb(0.7), 1e6, gaussian(0, 2, 2, "normalised")))
    assert a == pytest.approx(1e6 * np.exp(-1.4), rel=1e-9)
