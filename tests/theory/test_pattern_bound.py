"""The pattern bound: the cell count, the smallest width, and every random block obeys it."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product
from math import comb

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.bounds import (
    Enclosure,
    hyperplane_units,
    index_ceiling,
    packed_neurons,
    packed_width,
    pattern,
    pattern_accuracy_min_width,
    pattern_accuracy_suffices,
    pattern_bits,
    pattern_ceiling,
    pattern_min_width,
    pattern_suffices,
)
from theory.bounds.pattern import cells, log2_cells, pattern_log2
from theory.errors import InputError


@given(st.integers(1, 60), st.integers(0, 70))
def test_cells_are_the_binomial_sum(m: int, k: int) -> None:
    assert cells(m, k) == sum(comb(m, j) for j in range(k + 1))


def test_cells_count_the_faces_of_lines_in_the_plane() -> None:
    """Every face of seven lines in general position has a corner: look into the four sectors at each crossing."""
    slopes = range(1, 8)  # the line y = t^3 - t x; three of them would meet only if their t added up to 0
    step, patterns = Fraction(1, 10**6), set()
    for t, u in combinations(slopes, 2):
        x = Fraction(t**3 - u**3, t - u)
        y = t**3 - t * x
        for along_t, along_u in product((-step, step), repeat=2):
            point = (x + along_t + along_u, y - t * along_t - u * along_u)
            patterns.add(tuple(point[1] >= v**3 - v * point[0] for v in slopes))
    assert len(patterns) == cells(7, 2)


@given(st.integers(70, 3000), st.floats(0.02, 0.99))
def test_enclosed_cells_hold_the_count(m: int, share: float) -> None:
    k = max(1, int(share * m))
    exact, held = log2_cells(m, k, 128, counted=m), log2_cells(m, k, counted=0)
    assert held.low <= exact.low
    assert exact.high <= held.high


@pytest.mark.parametrize(("r", "width"), [(64, 4), (128, 7), (256, 13), (512, 23), (1024, 43)])
def test_smallest_widths_at_four_units_a_vertex(r: int, width: int) -> None:
    assert pattern_min_width(r, 4 * r) == width


@given(st.integers(1, 400), st.integers(1, 2000), st.integers(1, 20), st.sampled_from(["uniform", "softmax"]))
def test_min_width_is_the_first_that_passes(r: int, neurons: int, experts: int, attention) -> None:
    width = pattern_min_width(r, neurons, experts, attention=attention)
    units, extra = hyperplane_units(neurons, experts), attention == "softmax"

    def passes(width: int) -> bool:
        k = width + extra
        return sum(comb(units * r, j) for j in range(k + 1)) * sum(comb(r, j) for j in range(k + 1)) >= 2**r

    assert passes(width)
    assert width == 1 or not passes(width - 1)


def test_cells_are_counted_where_the_enclosure_leaves_it_open(monkeypatch) -> None:
    exact = {
        (r, n, width): cells(n * r, width) * cells(r, width) >= 2**r
        for r, n, width in product(range(2, 40), range(1, 6), range(1, 8))
    }
    open_to_both = Enclosure(Fraction(0), Fraction(100))
    monkeypatch.setattr(pattern, "log2_cells", lambda *_, **__: open_to_both)
    assert {size: pattern_suffices(*size) for size in exact} == exact
    assert set(exact.values()) == {True, False}


@given(st.integers(2, 3000), st.integers(1, 10**5), st.integers(2, 8))
def test_several_softmax_heads_follow_warren(r: int, neurons: int, heads: int) -> None:
    width = pattern_min_width(r, neurons, heads=heads, attention="softmax")

    def room(width: int) -> mpmath.mpf:
        k = width + heads
        inside = 16 * mpmath.e**2 * heads**2 * neurons * mpmath.mpf(r) ** 2 / k**2
        return k * mpmath.log(inside, 2) - r

    with mpmath.workprec(200):
        assert width + heads > r or room(width) >= 0
        assert width == 1 or (width - 1 + heads <= r and room(width - 1) < 0)


@given(st.integers(1, 300), st.integers(1, 500), st.integers(1, 8))
def test_more_units_or_experts_never_need_more_width(r: int, neurons: int, experts: int) -> None:
    width = pattern_min_width(r, neurons, experts)
    assert pattern_min_width(r, 2 * neurons, experts) <= width
    assert pattern_min_width(r, neurons, experts + 1) <= width
    assert pattern_min_width(r + 1, neurons, experts) >= width


def test_experts_enter_as_a_logarithm() -> None:
    widths = [pattern_min_width(1024, 1024, experts) for experts in (1, 10, 100, 1000)]
    # A thousand experts are ten doublings: they save a few coordinates and not a factor of a thousand.
    assert widths[0] < 2 * widths[-1]
    assert widths == sorted(widths, reverse=True)


def test_hyperplane_units() -> None:
    # Three experts of five units: fifteen preactivations and the pairs 01, 02, 12 of router rows.
    assert hyperplane_units(5, 3) == 15 + len(list(combinations(range(3), 2)))
    assert hyperplane_units(5) == 5


@given(st.integers(1, 300), st.integers(1, 8))
def test_the_packed_construction_is_never_ruled_out(r: int, digits: int) -> None:
    # Its answer coordinate is not read from attention, so one coordinate less is enough for the state.
    assert pattern_suffices(r, packed_neurons(r, digits), packed_width(r, digits) - 1)


@pytest.mark.parametrize("seed", range(6))
def test_random_blocks_show_no_more_patterns_than_allowed(seed: int) -> None:
    generator = np.random.default_rng(seed)
    r, neurons, width = 10, 2, 1
    x, y = generator.normal(size=(2, r, width))
    sets = np.array(list(product((0, 1), repeat=r)))
    state = (sets @ x)[:, None] + y[None]  # [sets, partner, width]
    hidden = np.maximum(state @ generator.normal(size=(width, neurons)) + generator.normal(size=neurons), 0)
    outputs = hidden @ generator.normal(size=neurons)
    answers = outputs >= np.median(outputs)
    patterns = len(np.unique(answers, axis=0))
    assert 1 < patterns <= 2 ** float(pattern_bits(r, neurons, width)) < 2**r
    assert not pattern_suffices(r, neurons, width)


@pytest.mark.parametrize("seed", range(6))
def test_random_mixtures_show_no_more_patterns_than_allowed(seed: int) -> None:
    generator = np.random.default_rng(seed)
    r, neurons, width, experts = 11, 1, 1, 2
    x, y = generator.normal(size=(2, r, width))
    sets = np.array(list(product((0, 1), repeat=r)))
    state = (sets @ x)[:, None] + y[None]
    chosen = np.argmax(state @ generator.normal(size=(width, experts)), axis=-1)[..., None]
    hidden = np.maximum(state @ generator.normal(size=(width, experts)) + generator.normal(size=experts), 0)
    outputs = hidden * generator.normal(size=experts) + generator.normal(size=experts)
    answers = np.take_along_axis(outputs, chosen, axis=-1)[..., 0] >= 0
    patterns = len(np.unique(answers, axis=0))
    assert patterns <= 2 ** float(pattern_bits(r, neurons, width, experts)) < 2**r


def test_ceiling_of_a_narrow_model() -> None:
    assert float(pattern_ceiling(512, 2048, 8)) == pytest.approx(0.851, abs=5e-4)


@given(st.integers(2, 200), st.integers(1, 300), st.integers(1, 12), st.data())
def test_ceiling_is_index_at_the_bits_of_the_patterns(r: int, neurons: int, width: int, data) -> None:
    set_size = data.draw(st.integers(1, r))
    free = r - set_size + 1
    count = cells(neurons * free, width) * cells(free, width)
    bits = pattern_bits(r, neurons, width, set_size=set_size)
    assert 2 ** int(bits) <= count <= 2 ** int(bits + 1)
    assert pattern_ceiling(r, neurons, width, set_size=set_size) == index_ceiling(bits, free)


@given(st.integers(2, 300), st.integers(1, 300), st.fractions(Fraction(1, 2), 1, max_denominator=50))
def test_width_at_an_accuracy(r: int, neurons: int, accuracy: Fraction) -> None:
    width = pattern_accuracy_min_width(accuracy, r, neurons)
    assert pattern_accuracy_suffices(accuracy, r, neurons, width)
    assert pattern_ceiling(r, neurons, width) >= accuracy
    assert width <= pattern_min_width(r, neurons)
    assert width == 1 or not pattern_accuracy_suffices(accuracy, r, neurons, width - 1)


def test_large_sizes_are_decided_quickly() -> None:
    width = pattern_min_width(10**6, 4 * 10**6)
    assert pattern_log2(10**6, 4 * 10**6, width).high >= 10**6 > pattern_log2(10**6, 4 * 10**6, width - 1).low


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"neurons": 0}, "1 or more"), ({"neurons": 4, "attention": "linear"}, "softmax or uniform")],
)
def test_bad_input_is_refused(arguments, words: str) -> None:
    with pytest.raises(InputError, match=words):
        pattern_min_width(8, **arguments)
