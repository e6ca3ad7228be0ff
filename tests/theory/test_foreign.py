"""Models from elsewhere: their attention as a table, and error bounds that hold against 50-digit arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import mpmath
import numpy as np
import pytest
from exact_table import exact
from numpy.typing import NDArray

from theory.errors import InputError
from theory.foreign import ErrorBound, attention_table, state_bound
from theory.table import Block, ForeignBlock, OneLayerTable

Array = NDArray[np.float64]
R, D, H, M = 3, 4, 2, 5


def pieces(seed: int, spread: float = 1.0) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {
        "values_TD": rng.normal(size=(2 * R + 2, D)),
        "weights_TH": np.exp(spread * rng.normal(size=(2 * R + 2, H))),
        "mix_DM": rng.normal(size=(D, M)),
        "residual_M": rng.normal(size=M),
    }


def nothing(x_BM: Array) -> Array:
    return np.zeros(len(x_BM))


NONE = ForeignBlock(nothing, 0.0)


def state_by_definition(parts: dict[str, Array], alice: Array, bob: Array) -> Array:
    """Softmax over the tokens of one graph, a head at a time, nothing shared with the table."""
    present = [*np.flatnonzero(alice), *(R + np.flatnonzero(bob))]
    tokens = present + [2 * R] * (2 * R - len(present)) + [2 * R + 1]
    heads = []
    for head in range(H):
        weights = parts["weights_TH"][tokens, head]
        columns = slice(head * D // H, (head + 1) * D // H)
        heads.append(weights / weights.sum() @ parts["values_TD"][tokens, columns])
    return np.asarray(parts["residual_M"] + np.concatenate(heads) @ parts["mix_DM"])


def states(table: OneLayerTable) -> Array:
    alice, bob = table.halves()
    return table.states((alice[:, None] + bob).reshape(-1, alice.shape[1]))


def test_states_are_those_of_softmax_attention_on_every_graph() -> None:
    parts = pieces(0)
    table = attention_table(**parts, block=NONE)
    bits = np.arange(2**R)[:, None] >> np.arange(R) & 1
    expected = [state_by_definition(parts, a, b) for a, b in product(bits, bits)]
    np.testing.assert_allclose(states(table), expected, rtol=1e-12)
    rescaled = parts | {"weights_TH": parts["weights_TH"] * [1e-3, 40]}
    np.testing.assert_allclose(states(attention_table(**rescaled, block=NONE)), expected, rtol=1e-12)
    uniform = parts | {"weights_TH": np.ones((2 * R + 2, H))}
    averaged = attention_table(**(parts | {"weights_TH": None}), block=NONE)
    assert averaged.uniform
    np.testing.assert_allclose(states(averaged), states(attention_table(**uniform, block=NONE)), rtol=1e-12)


@pytest.mark.parametrize("spread", [0.1, 2.0, 8.0])
def test_the_state_s_error_is_within_its_bound(spread: float) -> None:
    """Against 60 digits; weights far apart make null tokens cancel."""
    block = Block(np.zeros((1, M, 1)), np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1), np.ones(M), None, None)
    for seed, weights in ((1, True), (2, True), (3, False)):
        parts = pieces(seed, spread) | ({} if weights else {"weights_TH": None})
        table = attention_table(**parts, block=block)
        bound = state_bound(table)
        assert bound.error < 1e-5
        computed = states(table)
        bits = (np.arange(2**R)[:, None] >> np.arange(R) & 1).astype(bool)
        for at, (a, b) in list(enumerate(product(bits, bits)))[::7]:
            truth = exact(table, a, b).state
            off = mpmath.sqrt(sum((x - y) ** 2 for x, y in zip(truth, computed[at].tolist(), strict=True)))
            assert off <= bound.error
            assert mpmath.sqrt(sum(x**2 for x in truth)) <= bound.size


@pytest.mark.parametrize("null_value", [0.0, 1e3])
def test_sums_in_which_null_tokens_cancel(null_value: float) -> None:
    """Light edges beside a heavy null token: what is left of the sums of weights, or of values, is mostly rounding."""
    rng = np.random.default_rng(0)
    parts = pieces(0)
    parts["weights_TH"][:] = 1e-7 * rng.uniform(0.5, 1, size=(2 * R + 2, H))
    parts["weights_TH"][-2] = 1.0
    parts["values_TD"][:] = 1e3 if null_value == 0 else rng.normal(size=(2 * R + 2, D))
    parts["values_TD"][-2] = null_value
    block = Block(np.zeros((1, M, 1)), np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1), np.ones(M), None, None)
    table = attention_table(**parts, block=block)
    truth = exact(table, np.ones(R, dtype=bool), np.ones(R, dtype=bool)).state
    off = norm([x - y for x, y in zip(truth, states(table)[-1].tolist(), strict=True)])
    plain = 1e-13 * float(norm(truth))  # the rounding of numbers of that size, without cancellation
    assert plain < off <= state_bound(table).error


def norm(x: list[mpmath.mpf]) -> mpmath.mpf:
    return mpmath.sqrt(sum(y**2 for y in x))


def exact_norm(x: list[mpmath.mpf], gain: Array, shift: Array) -> list[mpmath.mpf]:
    mean = sum(x) / len(x)
    root = mpmath.sqrt(sum((y - mean) ** 2 for y in x) / len(x) + mpmath.mpf(1e-5))
    return [(y - mean) / root * g + s for y, g, s in zip(x, gain.tolist(), shift.tolist(), strict=True)]


def float_norm(x: Array, gain: Array, shift: Array) -> Array:
    centred = x - x.mean()
    return np.asarray(centred / np.sqrt((centred**2).mean() + 1e-5) * gain + shift)


@pytest.mark.parametrize("size", [1e-6, 1e-2, 1.0, 1e4])
@pytest.mark.parametrize("off", [0.0, 1e-12])
@pytest.mark.parametrize("mean", [0.0, 1e6])
def test_every_operation_stays_within_its_bound(size: float, off: float, mean: float) -> None:
    rng = np.random.default_rng(0)
    matrix, gain, shift = rng.normal(size=(M, M)), rng.normal(size=M), rng.normal(size=M)
    for _ in range(20):
        direction = rng.normal(size=(2, M))
        x = mean + size * direction[0]
        moved = x + off * (mean + size) * direction[1]
        apart = float(np.linalg.norm(moved - x))
        assert (apart > 0) == (off > 0)
        start = ErrorBound(float(np.linalg.norm(x)) * 1.0001, apart * 1.0001)
        with mpmath.workdps(50):
            true = [mpmath.mpf(float(y)) for y in x]
            linear = [sum(y * w for y, w in zip(true, column.tolist(), strict=True)) for column in matrix.T]
            linear = [y + s for y, s in zip(linear, shift.tolist(), strict=True)]
            other, image = start.linear(matrix, shift), moved @ matrix + shift
            cases: list[tuple[list[mpmath.mpf], Array, ErrorBound]] = [
                (linear, image, other),
                (exact_norm(true, gain, shift), float_norm(moved, gain, shift), start.normalised(gain, shift, 1e-5)),
                ([max(y, mpmath.mpf(0)) for y in true], np.maximum(moved, 0), start.activated(1.0)),
                ([mpmath.tanh(y) for y in true], np.tanh(moved), start.activated(1.0, 4)),
                ([y + z for y, z in zip(true, linear, strict=True)], moved + image, start.plus(other)),
                ([y * z for y, z in zip(true, linear, strict=True)], moved * image, start.times(other)),
            ]
            for truth, computed, bound in cases:
                assert norm([y - c for y, c in zip(truth, computed.tolist(), strict=True)]) <= bound.error
                assert norm(truth) <= bound.size


def test_bounds_are_not_vacuous() -> None:
    """Within a factor 10^4 of what an input error really does, in its worst direction."""
    matrix = np.diag([3.0, 1.0])
    assert 3e-9 <= ErrorBound(1.0, 1e-9).linear(matrix).error < 3.1e-9
    flat, steep = np.array([1.0, 1.0 + 1e-9]), np.array([1.0, 1.0 + 2e-9])
    moved = np.linalg.norm(float_norm(steep, np.ones(2), np.zeros(2)) - float_norm(flat, np.ones(2), np.zeros(2)))
    bound = ErrorBound(2.0, float(np.linalg.norm(steep - flat))).normalised(np.ones(2), 0.0, 1e-5).error
    assert moved <= bound < 2 * moved
    assert ErrorBound(1.0, 0.0).normalised(np.ones(2), 0.0, 1e-5).error < 1e-11


def without(name: str, change: Callable[[Array], Array | None]) -> dict[str, Array | None]:
    parts: dict[str, Array | None] = dict(pieces(0))
    given = parts[name]
    assert given is not None
    return parts | {name: change(given)}


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        (without("values_TD", lambda x: x[:-1]), "give values [2r + 2, D]"),
        (without("values_TD", lambda x: x[:2]), "give values [2r + 2, D]"),
        (without("weights_TH", lambda x: x[:-2]), "weights (6, 2)"),
        (without("weights_TH", lambda x: np.ones((8, 3))), "H dividing D"),
        (without("mix_DM", lambda x: x[:, :3]), "mix (4, 3)"),
        (without("residual_M", lambda x: x * np.nan), "not all finite"),
        (without("weights_TH", lambda x: x * np.inf), "not all finite"),
        (without("weights_TH", lambda x: x * [0, 1]), "not positive"),
    ],
)
def test_what_is_no_attention_is_refused(parts: dict[str, Array], says: str) -> None:
    with pytest.raises(InputError) as refused:
        attention_table(**parts, block=NONE)
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_slots() -> None:
    assert attention_table(**pieces(0), block=NONE).edge_slots == 2 * R
    assert attention_table(**pieces(0), block=NONE, edge_slots=R + 1).edge_slots == R + 1
    with pytest.raises(InputError, match=r"3 edge slots: give at least r \+ 1 = 4"):
        attention_table(**pieces(0), block=NONE, edge_slots=R)


def test_weights_too_far_apart_have_no_bound() -> None:
    parts = pieces(0)
    parts["weights_TH"][0] = 1e-18
    table = attention_table(**parts, block=NONE)
    assert state_bound(table).error == np.inf
    assert state_bound(replace(table, edges_2rC=table.edges_2rC[[1, 2, 4, 5]])).error < 1e-8
