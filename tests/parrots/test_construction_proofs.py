"""The proof by cases: it holds for the weights as built, and for none of those that were tampered with."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import event, given
from hypothesis import strategies as st

from parrots.constructions import Case, build, cases
from parrots.constructions.cases import counts_of, prove
from parrots.constructions.floats import gamma, state_error
from parrots.constructions.packed import largest_digits, largest_partial_sum, zigzag
from parrots.constructions.solver import Solver
from parrots.model import OneLayerModel

BY_CASES = [case for case in cases() if case.method == "by-cases"]


@pytest.mark.parametrize("case", BY_CASES, ids=str)
def test_the_proof_holds_and_float32_adds_no_error(case: Case) -> None:
    solver = build(case.construction, vertices=case.vertices, **case.options)
    proof = prove(solver.model)
    assert (proof.wrong, proof.error, proof.broken) == (0, 0, ())
    r, g = case.vertices - 2, math.ceil(math.log(solver.design.digits.max() + 1, 3))  # the largest digit is 3^(g-1)
    assert proof.cases == (r // g) * 3**g + (3 ** (r % g) if r % g else 0)


@pytest.mark.parametrize("g", range(1, 9))
def test_the_zigzag_is_zero_exactly_without_a_digit_2(g: int) -> None:
    breaks, weights = zigzag(g)
    assert len(breaks) == len(weights) == 2**g - 1
    counts = counts_of(g)
    x = counts @ 3 ** np.arange(g)
    assert (x == np.arange(3**g)).all()
    value = np.maximum(x[:, None] - breaks, 0) @ weights  # multiples of 1/2 below 2^53: exact
    has_two = (counts == 2).any(axis=1)
    assert (value[~has_two] == 0).all() and (value[has_two] >= 1).all()


@pytest.mark.parametrize("g", range(1, 11))
def test_partial_sums_stay_below_their_bound(g: int) -> None:
    breaks, weights = zigzag(g)
    terms = np.maximum(np.arange(3 ** min(g, 7))[:, None] - breaks, 0) * weights
    largest = max(terms.clip(min=0).sum(axis=1).max(), -terms.clip(max=0).sum(axis=1).min())
    assert largest <= largest_partial_sum(g) <= Fraction(3, 4) * 6**g


def test_exact_sizes_are_those_of_the_docstring() -> None:
    limits = {g: 2**24 // largest_partial_sum(g) for g in (5, 6, 7, 8, 9)}
    assert limits == {5: 3014, 6: 490, 7: 80, 8: 13, 9: 2}
    for g, coordinates in limits.items():
        assert largest_digits(g * coordinates) == g
        assert largest_digits(g * coordinates + 1) < g


def tampered(solver: Solver, change: Callable[[dict[str, torch.Tensor]], object]) -> OneLayerModel:
    model = copy.deepcopy(solver.model)
    with torch.no_grad():
        change(model.weights())
    return model


def set_to(name: str, place: tuple[int, ...], value: float) -> Callable[[dict[str, torch.Tensor]], object]:
    return lambda weights: weights[name].__setitem__(place, value)


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("edges", (1, 0), 2.0),  # Alice's digit alone
        ("edges", (12, 0), 1.0),  # an irrelevant edge
        ("edges", (0, 1), 1.0),  # cross-talk between coordinates
        ("edges", (0, 0), 0.0),  # a vertex that nobody sees
        ("edges", (0, 3), 1.0),  # an edge that writes the answer
        ("null", (0,), 0.5),
        ("query", (1,), 1.0),
        ("query", (3,), 1.0),
        ("w_value", (0, 1), 1.0),
        ("w_value", (2, 2), 0.5),
        ("w_out", (1, 1), 0.0),
        ("inner", (0, 0, 3), 2.0),
        ("inner", (0, 1, 0), 1.0),  # a unit that reads two coordinates
        ("inner", (0, 0, 0), 0.0),
        ("inner_bias", (0, 0), -2.0),
        ("inner_bias", (0, 5), 0.0),
        ("inner_bias", (0, 0), float("nan")),
        ("inner_bias", (0, 0), -1.0001),
        ("outer", (0, 0, 3), 0.5),
        ("outer", (0, 4, 3), 2.0),
        ("outer_bias", (0, 3), 0.0),
        ("outer_bias", (0, 3), -1.5),
        ("readout", (0,), 1.0),
        ("readout", (3,), -1.0),
    ],
)
def test_one_tampered_weight_makes_the_proof_fail(name: str, place: tuple[int, ...], value: float) -> None:
    solver = build("packed", vertices=8, digits=2)  # 6 intermediates, 3 coordinates and `answer`
    assert prove(solver.model).wrong == 0
    assert prove(tampered(solver, set_to(name, place, value))).wrong > 0


def wrong_counts(model: OneLayerModel) -> list[tuple[int, ...]]:
    """By running the model on every vector of counts in {0, 1, 2}^r: those that it gets wrong."""
    counts = np.array(list(product(range(3), repeat=model.config.intermediates)))
    present = torch.from_numpy(np.concatenate([counts >= 1, counts == 2], axis=1)).float()
    with torch.no_grad():
        answers = (model.forward_table(present) >= 0).numpy()
    return [tuple(row) for row in counts[answers != (counts == 2).any(axis=1)].tolist()]


def test_with_one_coordinate_it_counts_exactly_the_inputs_that_fail() -> None:
    """All three digits in one coordinate: a case is an input, so the two counts must be equal whatever the block is."""
    solver = build("packed", vertices=5, digits=3)
    units, numbers = range(7), set()
    changes = [("inner_bias", (0, u), value) for u in units for value in (0.0, -0.5, -1.5, -4.0, -9.5, 3.0)]
    changes += [("outer", (0, u, 1), value) for u in units for value in (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)]
    changes += [("outer_bias", (0, 1), value) for value in (-1.5, -1.0, -0.25, 0.0, 0.5, -20.0)]
    for change in changes:
        model = tampered(solver, set_to(*change))
        failing = len(wrong_counts(model))
        assert prove(model).wrong == failing
        numbers.add(failing)
    assert 0 in numbers and len(numbers) > 8


PARAMETERS = ["edges", "null", "query", "w_value", "w_out", "inner", "inner_bias", "outer", "outer_bias", "readout"]


@pytest.mark.parametrize("construction", ["dense", "packed"])
@given(data=st.data())
def test_what_is_proved_is_right_on_every_input_whatever_the_weights(construction: str, data: st.DataObject) -> None:
    """Soundness: change up to two weights at random; if the proof still holds, no input may fail."""
    solver = build(construction, vertices=6)

    def change(weights: dict[str, torch.Tensor]) -> None:
        for _ in range(data.draw(st.integers(1, 2))):
            flat = weights[data.draw(st.sampled_from(PARAMETERS))].view(-1)
            place = data.draw(st.integers(0, len(flat) - 1))
            flat[place] = data.draw(st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0]))

    model = tampered(solver, change)
    proof = prove(model)
    event("proved" if proof.wrong == 0 else "not proved")
    assert proof.wrong or wrong_counts(model) == []


def test_a_model_of_another_kind_is_not_proved() -> None:
    solver = build("dense", vertices=5)
    for change, says in (
        ({"embedding": "pair"}, "uniform attention, the star embedding and a dense block"),
        ({"attention": "softmax"}, "uniform attention, the star embedding and a dense block"),
        ({"message_bits": 3}, "no rounding of messages or values"),
        ({"value_bits": 3}, "no rounding of messages or values"),
    ):
        model = copy.copy(solver.model)
        model.config = replace(model.config, **change)
        assert prove(model).broken == (says,) and prove(model).wrong == 1


@pytest.mark.parametrize("tokens", [26, 100, 1000, 2**20 + 1])
@pytest.mark.parametrize(("name", "options"), [("dense", {}), ("packed", {"digits": 2}), ("packed", {"digits": 4})])
def test_other_numbers_of_tokens_are_proved_with_their_error(name: str, options: dict[str, int], tokens: int) -> None:
    proof = prove(build(name, vertices=26, **options).with_slots(tokens - 1))
    assert proof.wrong == 0
    assert 0 < proof.error < Fraction(1, 2)


def test_where_the_error_is_not_below_one_half_nothing_is_proved() -> None:
    model = build("packed", vertices=34, digits=5).with_slots(100)  # N = 101
    proof = prove(model)
    assert proof.error > Fraction(1, 2) and proof.wrong > 0
    assert prove(build("packed", vertices=34, digits=5).with_slots(127)).wrong == 0


@pytest.mark.parametrize(("name", "digits"), [("dense", None), ("packed", 3), ("packed", 5)])
def test_float32_stays_within_the_bound(name: str, digits: int | None) -> None:
    options = {} if digits is None else {"digits": digits}
    solver = build(name, vertices=34, **options)
    rng = np.random.default_rng(2)
    counts = rng.integers(0, 3, size=(500, 32))
    present = torch.from_numpy(np.concatenate([counts >= 1, counts == 2], axis=1)).float()
    with torch.no_grad():
        exact = copy.deepcopy(solver.model).double().forward_table(present.double())
        for tokens in (67, 99, 12_345):
            model = solver.with_slots(tokens - 1)
            off = (model.forward_table(present).double() - exact).abs().max().item()
            assert off <= prove(model).error
            recovered = torch.arange(3.0**5).div(tokens).mul(tokens)
            bound = [state_error(tokens, x) for x in range(3**5)]
            assert all(abs(Fraction(float(a)) - x) <= e for x, (a, e) in enumerate(zip(recovered, bound, strict=True)))


def test_error_terms_are_the_standard_ones() -> None:
    assert state_error(1024, 2) == 0
    assert 5 * Fraction(1, 2**24) < state_error(1000, 2) < 7 * Fraction(1, 2**24)
    assert gamma(1) > Fraction(1, 2**24)
