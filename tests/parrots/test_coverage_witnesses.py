"""Every "no" of the coverage table has a model that is narrower than the bounds allow, and right."""

from __future__ import annotations

import numpy as np
import pytest

from parrots.constructions.design import Design
from parrots.constructions.registry import get
from parrots.constructions.solver import Solver
from theory.bounds import message_min_width
from theory.coverage import COVERAGE
from theory.encoding import star_edges
from theory.instances import planted

WITNESSES = [name for row in COVERAGE for name in row.witnesses]
MANTISSA = 24
"""Bits that a float32 carries: a token-wise model of p = 24 has more precise numbers than the witness computes with."""


def biting_design(name: str, most: int = 15) -> Design:
    """The construction on the smallest graph, r = 2^t with t up to ``most``, where a token-wise model must be wider."""
    for t in range(3, most + 1):
        design = get(name).design(2**t + 2)
        if design.width < message_min_width(2**t, max(1, design.heads), MANTISSA):
            return design
    raise AssertionError(f"{name} is wider than the bound on every graph up to r = 2^{most}")


@pytest.mark.parametrize("name", WITNESSES)
def test_a_witness_is_too_narrow_for_a_token_wise_model_and_right(name: str) -> None:
    design = biting_design(name)
    r = design.vertices - 2
    pairs = planted(np.random.default_rng(len(name)), 6, r)
    ends = {"source": 0, "target": r + 1}
    answers = Solver(design).decide(star_edges(pairs), **ends).numpy()
    assert 0 < pairs.intersects_B.sum() < len(pairs)
    assert np.array_equal(answers, pairs.intersects_B)


def test_a_covered_construction_is_never_too_narrow() -> None:
    """The same search finds nothing for a model that the bounds cover."""
    with pytest.raises(AssertionError, match="wider than the bound"):
        biting_design("packed", most=10)
