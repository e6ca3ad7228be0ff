"""S3: with many slots and plain logits one expert approximates the largest token norm, on every input tried."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from theory import statements
from theory.bounds.enclosure import Enclosure
from theory.errors import InputError
from theory.soft_moe.boundary import Cover, axes, best_kappa, evenly_spread, grid, grid_slots, largest_norm_error

ROUNDING = 1e-9


def layer(x_BTD: np.ndarray, cover: Cover, beta: float) -> np.ndarray:
    """The largest first coordinate of an output token, with the expert ``|z| e_1``, for inputs ``[batch, T, d]``."""
    logits = beta * x_BTD @ cover.directions
    tokens = np.exp(logits - logits.max(1, keepdims=True))
    slots = np.einsum("bts,btd->bsd", tokens / tokens.sum(1, keepdims=True), x_BTD)
    weights = np.exp(logits - logits.max(2, keepdims=True))
    outputs = np.einsum("bts,bs->bt", weights / weights.sum(2, keepdims=True), np.linalg.norm(slots, axis=-1))
    return outputs.max(1)


def inputs(rng: np.random.Generator, count: int, tokens: int, width: int) -> np.ndarray:
    """Tokens of norm 1 at most: random ones, and short ones in directions close to the longest."""
    x = rng.normal(size=(count, tokens, width))
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    lengths = rng.uniform(size=(count, tokens, 1)) ** rng.choice([0.1, 1.0], size=(count, 1, 1))
    near = x[:, :1] + rng.choice([0.0, 0.1, 0.5], size=(count, 1, 1)) * x
    near /= np.linalg.norm(near, axis=-1, keepdims=True)
    return np.where(rng.uniform(size=(count, 1, 1)) < 0.5, x, near) * lengths


COVERS = {
    "plane 3": evenly_spread(3),
    "plane 8": evenly_spread(8),
    "line": axes(1),
    "axes": axes(4),
    "grid": grid(3, 2),
}


@pytest.mark.parametrize("name", COVERS)
@pytest.mark.parametrize("beta", [0.5, 10.0, 300.0])
@pytest.mark.parametrize("tokens", [1, 2, 5])
def test_never_above_and_never_further_below_than_the_bound(name: str, beta: float, tokens: int) -> None:
    cover = COVERS[name]
    width, slots = cover.directions.shape
    x = inputs(np.random.default_rng(0), 4000, tokens, width)
    largest = np.linalg.norm(x, axis=-1).max(1)
    bound = largest_norm_error(cover.kappa, tokens, slots, Fraction(beta), Fraction(1))
    softness = float(largest_norm_error(Enclosure.exact(1), tokens, slots, Fraction(beta), Fraction(1)).high)
    loss = largest - layer(x, cover, beta)
    assert loss.min() >= -ROUNDING
    assert (loss <= (1 - float(cover.kappa.low)) * largest + softness + ROUNDING).all()
    assert float(bound.high) == pytest.approx(1 - float(cover.kappa.low) + softness)


@pytest.mark.parametrize("slots", [3, 8, 20])
def test_the_loss_of_the_plane_is_sharp_as_the_slot_vectors_grow(slots: int) -> None:
    """Between two directions lies the longest token, and along each of them one that is just long enough to win."""
    kappa = np.cos(np.pi / slots)
    angles = np.pi / slots * np.array([1, 0, 2])
    x = np.stack((np.cos(angles), np.sin(angles)), 1) * np.array([1, kappa * 1.001, kappa * 1.001])[:, None]
    loss = 1 - layer(x[None], evenly_spread(slots), 1e6)[0]
    bound = largest_norm_error(evenly_spread(slots).kappa, 3, slots, Fraction(10**6), Fraction(1))
    assert 0.9 * float(bound.high) < loss <= float(bound.high)


def test_the_bound_is_the_statements() -> None:
    formula = statements.get("own-soft-many-slots").formula
    names = {symbol.name: symbol for symbol in formula.free_symbols}
    (bound,) = (part.rhs for part in formula.args if part.has(names["beta"]))
    (kappa,) = (part.rhs for part in formula.args if part.is_Equality)
    values = {names["T"]: 5, names["S"]: 7, names["beta"]: 9, names["t"]: 2, names["kappa"]: kappa.subs(names["S"], 7)}
    number = bound.subs(values).subs(names["S"], 7).evalf(30)
    found = largest_norm_error(evenly_spread(7).kappa, 5, 7, Fraction(9), Fraction(2))
    assert found.width < Fraction(1, 10**30)
    assert abs(float(found.low) - float(number)) < 1e-14


@pytest.mark.parametrize("name", COVERS)
def test_no_direction_is_further_from_all_than_kappa_says(name: str) -> None:
    cover = COVERS[name]
    x = np.random.default_rng(1).normal(size=(20000, cover.directions.shape[0]))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    assert (x @ cover.directions).max(1).min() >= float(cover.kappa.low) - ROUNDING
    assert np.linalg.norm(cover.directions, axis=0) == pytest.approx(1)


@pytest.mark.parametrize(("width", "steps"), [(1, 1), (2, 3), (3, 2), (4, 2)])
def test_the_grid_has_as_many_directions_as_it_says(width: int, steps: int) -> None:
    assert grid(width, steps).directions.shape == (width, grid_slots(width, steps))


@pytest.mark.parametrize(("width", "slots"), [(1, 1), (2, 2), (3, 5), (8, 15)])
def test_too_few_slots_promise_nothing(width: int, slots: int) -> None:
    assert best_kappa(width, slots) is None


def test_more_slots_promise_more() -> None:
    for width in (2, 3, 5):
        found = [best_kappa(width, slots).low for slots in (2 * width, 200, 20000, 10**6)]
        assert found == sorted(found)
        assert 0 < found[0] < found[-1] < 1
    assert best_kappa(1, 2) == Enclosure.exact(1)


@settings(max_examples=25, deadline=None)
@given(
    arrays(np.float64, (3, 2), elements=st.floats(-2, 2, width=32)),
    arrays(np.float64, (2, 4), elements=st.floats(-2, 2, width=32)),
)
def test_slots_that_affinely_span_agree_only_on_equal_tokens(x: np.ndarray, vectors: np.ndarray) -> None:
    assume(abs(np.linalg.det(vectors[:, 1:3] - vectors[:, :1])) > 0.1)
    assume(np.abs(x - x[0]).max() > 0.1)
    with mpmath.workdps(40):
        tokens, rows = mpmath.matrix(x.tolist()), vectors.T.tolist()
        means = []
        for row in rows:
            powers = [mpmath.exp(logit) for logit in tokens * mpmath.matrix(row)]
            means.append([sum(powers[i] * tokens[i, j] for i in range(3)) / sum(powers) for j in range(2)])
        assert max(abs(mean[j] - means[0][j]) for mean in means for j in range(2)) > 1e-30


def test_bad_input_is_refused() -> None:
    for call in (lambda: evenly_spread(0), lambda: grid(9, 1), lambda: grid(0, 1), lambda: grid(20, 3)):
        with pytest.raises(InputError, match="give"):
            call()
