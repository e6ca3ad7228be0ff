"""Zig-zags, cuts and directions as plain arrays, held against fractions and against the labels themselves."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.accounting import fixed_point_bits
from theory.errors import InputError
from theory.memorisation import (
    RandomSequences,
    ZigZags,
    balls_in_bins,
    guaranteed_bits,
    interval_cuts,
    least_bits,
    projection,
    random_directions,
    reading_variance,
    zigzags,
)
from theory.memorisation.grid import MOST_BITS, inside
from theory.memorisation.routers import DIRECTION_BITS, interval_logits

distinct_readings = st.lists(st.floats(-6, 6, allow_subnormal=False), min_size=1, max_size=40, unique=True).map(
    lambda values: np.unique(np.round(np.array(values) + 0.0, 9))
)


def exact(layout: ZigZags, expert: int, reading: float) -> Fraction:
    """The expert's function in fractions."""
    total = Fraction(layout.biases[expert])
    for threshold, weight in zip(layout.thresholds[expert], layout.weights[expert], strict=True):
        total += Fraction(weight) * max(Fraction(reading) - Fraction(threshold), Fraction(0))
    return total


def signs(layout: ZigZags, readings: np.ndarray, chosen: np.ndarray) -> list[int]:
    values = [exact(layout, int(k), float(t)) for t, k in zip(readings, chosen, strict=True)]
    return [(value > 0) - (value < 0) for value in values]


@given(distinct_readings, st.data())
def test_every_label_is_the_sign_in_fractions(readings: np.ndarray, data) -> None:
    """Any readings, any labels, any split among experts, in any order."""
    size = len(readings)
    readings = readings[data.draw(st.permutations(range(size)))]
    labels = np.array(data.draw(st.lists(st.sampled_from([-1, 1]), min_size=size, max_size=size)), dtype=np.int8)
    chosen = np.array(data.draw(st.lists(st.integers(0, 3), min_size=size, max_size=size)))
    layout = zigzags(readings, labels, chosen, 4)
    assert signs(layout, readings, chosen) == labels.tolist()
    # No value is closer to 0 than the margin, since the slopes are 1 and -1.
    values = [abs(exact(layout, int(k), float(t))) for t, k in zip(readings, chosen, strict=True)]
    assert min(values) >= min(Fraction(min(layout.margin, 1.0)), Fraction(1))
    for k in range(4):
        mine = np.argsort(readings[chosen == k])
        ordered = labels[chosen == k][mine]
        assert layout.changes[k] == (ordered[1:] != ordered[:-1]).sum()
    assert layout.hidden == layout.changes.max()
    scaled = layout.thresholds * 2.0**layout.fraction_bits
    assert (scaled == np.round(scaled)).all()


@given(distinct_readings, st.data())
def test_the_fewest_bits_are_enough_and_one_less_is_not(readings: np.ndarray, data) -> None:
    size = len(readings)
    labels = np.array(data.draw(st.lists(st.sampled_from([-1, 1]), min_size=size, max_size=size)), dtype=np.int8)
    chosen = np.zeros(size, dtype=np.int64)
    before = 2 + int(np.log2(int(np.abs(readings).max()) + 1))  # sign, and the integer part of |t| + 1
    bits = before + zigzags(readings, labels, chosen, 1).least_fraction_bits
    layout = zigzags(readings, labels, chosen, 1, bits)
    assert signs(layout, readings, chosen) == labels.tolist()
    assert fixed_point_bits(layout.thresholds) <= bits
    if bits > before + 1:
        with pytest.raises(InputError, match=f"give --bits {bits} or more"):
            zigzags(readings, labels, chosen, 1, bits - 1)


def test_slopes_are_one_and_minus_one_in_turn() -> None:
    readings, labels = np.arange(6) / 2.0, np.array([1, -1, -1, 1, -1, 1], dtype=np.int8)
    layout = zigzags(readings, labels, np.zeros(6, dtype=np.int64), 1)
    assert layout.weights.tolist() == [[-1.0, 2.0, -2.0, 2.0]]
    assert layout.biases.tolist() == [1.0]
    assert layout.thresholds.tolist() == [[-0.75, 0.75, 1.5, 2.0]]  # zeros at 0.25, 1.25, 1.75, 2.25
    assert [float(exact(layout, 0, t)) for t in (0.25, 1.25, 1.75, 2.25)] == [0.0] * 4


def test_a_moved_threshold_is_seen() -> None:
    """Moving any threshold by a quarter moves every later zero by a half, onto or past a reading."""
    readings, labels = np.arange(8) / 2.0, np.array([1, -1, 1, -1, -1, 1, -1, 1], dtype=np.int8)
    chosen = np.zeros(8, dtype=np.int64)
    layout = zigzags(readings, labels, chosen, 1)
    for unit in range(layout.hidden):
        layout.thresholds[0, unit] += 0.25
        assert signs(layout, readings, chosen) != labels.tolist(), unit
        layout.thresholds[0, unit] -= 0.25
    assert signs(layout, readings, chosen) == labels.tolist()


def test_rounding_midpoints_one_by_one_fails_where_rounded_zeros_do_not() -> None:
    """Thresholds each rounded to the nearest grid point: the zeros drift by the sum of the errors."""
    rng = np.random.default_rng(0)
    readings, labels = np.sort(rng.standard_normal(2048)), (2 * rng.integers(0, 2, 2048) - 1).astype(np.int8)
    layout = zigzags(readings, labels, np.zeros(2048, dtype=np.int64), 1)
    change = np.flatnonzero(labels[1:] != labels[:-1])
    ideal = (readings[change] + readings[change + 1]) / 2
    scale = 2.0**layout.fraction_bits
    thresholds = np.rint(np.concatenate([[ideal[0] - 1], (ideal[1:] + ideal[:-1]) / 2]) * scale) / scale

    def wrong(breaks: np.ndarray) -> int:
        values = np.maximum(readings[:, None] - breaks, 0) @ layout.weights[0] + layout.biases[0]
        return int((values * labels <= 0).sum())

    assert wrong(layout.thresholds[0]) == 0
    assert wrong(thresholds) > 0


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=60, unique=True), st.data())
def test_intervals_are_balanced_and_the_highest_line_is_the_interval(values: list[float], data) -> None:
    readings = np.unique(np.round(np.array(values), 6) + 0.0)
    experts = data.draw(st.integers(1, len(readings)))
    cuts, margin = interval_cuts(readings, experts)
    slopes, biases = interval_logits(cuts)
    chosen = []
    for t in readings:
        logits = [Fraction(k) * Fraction(t) + Fraction(b) for k, b in zip(slopes, biases, strict=True)]
        assert logits.count(max(logits)) == 1
        chosen.append(logits.index(max(logits)))
        assert all(abs(Fraction(t) - Fraction(cut)) >= Fraction(margin) * Fraction(999, 1000) for cut in cuts)
    loads = np.bincount(chosen, minlength=experts)
    assert set(loads) <= {len(readings) // experts, -(-len(readings) // experts)}
    assert chosen == sorted(chosen)


def test_gaps_and_grids() -> None:
    left, right = np.array([0.1, 0.3]), np.array([0.3, 0.31])
    # 39/128 = 0.3047 is inside the second gap; 19/64 = 0.2969 and 20/64 = 0.3125 are not.
    assert least_bits(left, right) == 7
    assert inside(left, right, 7).tolist() == [0.203125, 0.3046875]
    assert np.isnan(inside(left, right, 6)).tolist() == [False, True]
    assert least_bits(np.array([0.0]), np.array([2.0])) == 0
    for gap in (1e-9, 0.3, 0.5, 1.0, 1.9):
        assert gap / 4 < 2.0 ** -guaranteed_bits(gap) <= gap / 2
    assert guaranteed_bits(100.0) == 0


def test_readings_have_the_stated_law() -> None:
    for width, tokens in ((1, 1), (1, 8), (16, 8), (64, 3)):
        source = RandomSequences(20_000, width, tokens, seed=1)
        u = projection(width, tokens, 1)
        readings = np.concatenate([block.mean(1) @ u for block in source.blocks()])
        assert len(readings) == 20_000
        assert Fraction(1, 2) <= reading_variance(width, tokens) <= 2
        assert readings.var() == pytest.approx(float(reading_variance(width, tokens)), rel=0.05)
        assert (u @ u) / tokens == pytest.approx(float(reading_variance(width, tokens)))


def test_sequences_are_a_function_of_the_seed() -> None:
    first, again, other = (RandomSequences(5000, 3, 2, seed) for seed in (4, 4, 5))
    blocks = [np.concatenate(list(source.blocks())) for source in (first, again, other)]
    assert (blocks[0] == blocks[1]).all()
    assert not (blocks[0] == blocks[2]).any()
    assert blocks[0].shape == (5000, 2, 3)
    assert (first.labels() == again.labels()).all()
    assert set(first.labels().tolist()) == {-1, 1}
    assert abs(first.labels().mean()) < 0.1


def test_random_directions() -> None:
    unit = random_directions(50, 8, 0, unit=True)
    lengths = np.linalg.norm(unit, axis=1)
    assert np.allclose(lengths, np.sqrt(8), atol=1e-3)
    gaussian = random_directions(50, 8, 0, unit=False)
    assert np.linalg.norm(gaussian, axis=1).std() > 0.3
    for rows in (unit, gaussian):
        assert (rows * 2**DIRECTION_BITS == np.rint(rows * 2**DIRECTION_BITS)).all()


def test_balls_in_bins_against_all_outcomes() -> None:
    """3 balls, 2 bins: the largest load is 3 with probability 1/4, else 2."""
    loads = balls_in_bins(3, 2, trials=4000)
    assert set(loads.tolist()) == {2, 3}
    assert (loads == 3).mean() == pytest.approx(0.25, abs=0.03)


ONE = np.zeros(3, dtype=np.int64)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: RandomSequences(0, 1), "sequences 0 is below 1"),
        (lambda: RandomSequences(1, 1, seed=-1), "seed -1 is below 0"),
        (lambda: RandomSequences(10**11, 16), "sequences 100000000000 is too large: .* give [0-9]{8} or fewer"),
        (lambda: RandomSequences(10**5000, 16), "sequences of many digits is too large"),
        (lambda: RandomSequences(10**4, 10**7, 10**3), "less --width"),
        (lambda: RandomSequences(10**4, 1, 10**400), "less --width or --tokens"),
        (lambda: interval_cuts(np.zeros(3), 4), "4 experts for 3 sequences.*give --experts 1 to 3"),
        (lambda: interval_cuts(np.zeros(4), 2), "0.0e\\+00 apart.*another --seed"),
        (lambda: interval_cuts(np.array([1.0, 1.0 + 2**-50]), 2), f"{MOST_BITS} fraction bits at most"),
        (
            lambda: zigzags(np.array([0.0, 1.0, 1.0]), np.array([1, 1, -1], np.int8), ONE, 1),
            "have the same reading.*another --seed",
        ),
        (
            lambda: zigzags(np.array([0.0, 1.0, 1.0 + 2**-50]), np.array([1, 1, -1], np.int8), ONE, 1),
            "below what float64 tells apart.*fewer --sequences",
        ),
        (
            lambda: zigzags(np.array([0.0, 0.1, 0.2]), np.array([1, -1, 1], np.int8), ONE, 1, bits=4),
            "bits 4 are too few.*give --bits 7 or more",
        ),
        (
            lambda: zigzags(np.array([0.0, 1.0, 2.0]), np.array([1, -1, 1], np.int8), ONE, 1, hidden=1),
            "expert 0 has 2 label changes.*got 1: give --hidden 2 or more",
        ),
        (lambda: zigzags(np.full(3, 1.5), np.ones(3, np.int8), ONE, 1, bits=3), "bits 3: .*give --bits 4 to 51"),
        (lambda: zigzags(np.full(3, 1.5), np.ones(3, np.int8), ONE, 1, bits=99), "bits 99: .*give --bits 4 to 51"),
    ],
)
def test_what_cannot_be_built_is_refused_with_what_to_change(call, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_equal_readings_of_one_label_are_fine() -> None:
    readings, labels = np.array([0.0, 1.0, 1.0]), np.array([1, -1, -1], dtype=np.int8)
    layout = zigzags(readings, labels, ONE, 1)
    assert signs(layout, readings, ONE) == [1, -1, -1]


def test_more_hidden_units_than_needed_are_padding() -> None:
    readings, labels = np.array([0.0, 1.0, 2.0]), np.array([1, -1, 1], dtype=np.int8)
    layout = zigzags(readings, labels, ONE, 1, hidden=5)
    assert layout.hidden == 5
    assert np.count_nonzero(layout.weights) == layout.changes[0] == 2
    assert signs(layout, readings, ONE) == [1, -1, 1]


def test_an_expert_without_sequences_or_changes_is_a_constant() -> None:
    readings, labels = np.array([0.0, 1.0]), np.array([-1, -1], dtype=np.int8)
    layout = zigzags(readings, labels, np.array([2, 2]), 4)
    assert layout.hidden == 0
    assert layout.biases.tolist() == [1.0, 1.0, -1.0, 1.0]
    assert layout.margin == np.inf
