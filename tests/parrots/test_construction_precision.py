"""Where the constructions stop being exact: fixed point with one bit less, more tokens, longer sums in float32."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from parrots.constructions import build
from parrots.constructions.packed import largest_digits, unchecked
from parrots.constructions.solver import Solver
from parrots.experts import block
from parrots.model import OneLayerModel
from theory.errors import InputError


def all_counts(r: int) -> NDArray[np.int64]:
    """``[3^r, r]``."""
    return np.array(list(product(range(3), repeat=r)))


def wrong_in_fixed_point(solver: Solver, tokens: int, whole_bits: int, fraction_bits: int) -> NDArray[np.int64]:
    """Counts that the model gets wrong when digits and averages are unsigned fixed-point numbers.

    Both are rounded to multiples of ``2^-fraction_bits`` and capped below ``2^whole_bits``; all else is exact.
    """
    config, r = solver.model.config, solver.vertices - 2
    weights = {name: value.detach().double() for name, value in solver.model.stacked().items()}

    def rounded(x: NDArray[np.float64]) -> NDArray[np.float64]:
        steps = np.round(x * 2**fraction_bits)  # to even
        return np.minimum(steps, 2 ** (whole_bits + fraction_bits) - 1) / 2**fraction_bits

    counts = all_counts(r)
    average = rounded(counts @ rounded(weights["edges"][0, :r].numpy()) / tokens)
    logits = block(torch.from_numpy(tokens * average)[None], weights, config).logits[0].numpy()
    return counts[(logits >= 0) != (counts == 2).any(axis=1)]


SIZES = [("dense", 6, {}), ("dense", 7, {}), *(("packed", 8, {"digits": g}) for g in (1, 2, 3, 5, 6))]


@pytest.mark.parametrize(("name", "vertices", "options"), SIZES)
def test_the_stated_bits_hold_everything_exactly(name: str, vertices: int, options: dict[str, int]) -> None:
    """``bits`` splits into ceil(g log2 3) - 1 before and ceil(log2 r) + 1 after the point, N = 2^(ceil(log2 r) + 1)."""
    solver = build(name, vertices=vertices, **options)
    after = (vertices - 3).bit_length() + 1
    assert len(wrong_in_fixed_point(solver, 2**after, solver.bits - after, after)) == 0


@pytest.mark.parametrize("g", [2, 3, 5])
def test_one_bit_less_after_the_point_fails(g: int) -> None:
    solver = build("packed", vertices=8, digits=g)
    after = (8 - 3).bit_length() + 1
    wrong = wrong_in_fixed_point(solver, 2**after, solver.bits - after, after - 1)
    assert len(wrong) > 0
    if g == 2:  # digits (2, 1): x = 5 becomes 5/2 steps, is rounded to 2 steps and read as 4, the digits (1, 1)
        assert [2, 1, 0, 0, 0, 0] in wrong.tolist()


@pytest.mark.parametrize("g", [3, 5])
def test_one_bit_less_before_the_point_fails(g: int) -> None:
    """The digit 3^(g-1) no longer fits; for these g no bit is to spare."""
    solver = build("packed", vertices=8, digits=g)
    after = (8 - 3).bit_length() + 1
    assert len(wrong_in_fixed_point(solver, 2**after, solver.bits - after - 1, after)) > 0


def test_dense_is_right_up_to_the_stated_number_of_tokens_and_fails_with_one_bit_less() -> None:
    """f bits after the point suffice for N <= 2^(f-1)."""
    solver = build("dense", vertices=6)
    assert all(len(wrong_in_fixed_point(solver, tokens, 1, 6)) == 0 for tokens in range(6, 33))
    assert len(wrong_in_fixed_point(solver, 26, 1, 5)) > 0
    assert [0, 0, 0, 2] in wrong_in_fixed_point(solver, 26, 1, 5).tolist()


def in_order(model: OneLayerModel, counts: NDArray[np.int64], order: NDArray[np.int64]) -> float:
    """The logit in float32, the block's terms added one after the other in ``order`` of the units."""
    weights = {name: value.detach().numpy() for name, value in model.weights().items()}
    state = counts.astype(np.float32) @ weights["edges"][: len(counts)]
    hidden = np.maximum(state @ weights["inner"][0] + weights["inner_bias"][0], np.float32(0))
    terms = hidden * (weights["outer"][0] @ weights["readout"])
    total = np.add.accumulate(terms[order], dtype=np.float32)[-1]
    return float(total + np.float32(weights["outer_bias"][0] @ weights["readout"]))


def worst_order_logit(g: int, coordinates: int) -> float:
    """All positive terms first; a count of 2 at the first vertex, 1 everywhere else, so the right answer is yes."""
    layout = unchecked(g * coordinates + 2, g)
    model = OneLayerModel(layout.config, layout.parameters())
    counts = np.ones(g * coordinates, dtype=np.int64)
    counts[0] = 2
    outer = model.weights()["outer"][0, :, layout.answer].detach().numpy()
    return in_order(model, counts, np.argsort(-outer, kind="stable"))


@pytest.mark.parametrize(("g", "coordinates"), [(7, 80), (8, 13), (9, 2)])
def test_at_the_end_of_its_range_float32_is_exact_in_the_worst_order(g: int, coordinates: int) -> None:
    assert largest_digits(g * coordinates) == g
    assert worst_order_logit(g, coordinates) == 0.5


@pytest.mark.parametrize(("g", "coordinates"), [(9, 7), (10, 2)])
def test_past_its_range_float32_answers_wrongly_and_such_sizes_are_refused(g: int, coordinates: int) -> None:
    assert worst_order_logit(g, coordinates) < 0
    with pytest.raises(InputError, match="float32 would round"):
        build("packed", vertices=g * coordinates + 2, digits=g)
