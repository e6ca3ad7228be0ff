"""Critical widths, ratios, slopes and bits against hand examples; a seed that reaches the target nowhere is counted."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from width_rows import SYNTHETIC, index_metrics, row_of, synthetic_rows

from experiments.studies.selection import left_out, of_one_grid
from experiments.studies.types import Cell
from experiments.studies.width import ceiling, ceiling_report, critical
from experiments.studies.width.critical_analysis import (
    Crossing,
    crossing,
    crossings,
    mean_width,
    measured_bits,
    ratio,
    reached,
    slope_in_r,
)

ACCURACY = st.floats(0.5, 1)


def at(r: int, arm: str, width: float | None, seed: int = 0, kind: str = "found") -> Crossing:
    return Crossing(r, arm, seed, kind if width is not None else "not reached", width)


# Crossing ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 500), min_size=2, max_size=8, unique=True), st.lists(ACCURACY, min_size=8, max_size=8),
       st.floats(0.6, 0.999))  # fmt: skip
def test_a_monotone_curve_crosses_between_its_neighbours(widths, accuracies, target):
    widths, accuracies = sorted(widths), sorted(accuracies)[: len(widths)]
    kind, width = crossing(dict(zip(widths, accuracies, strict=True)), target)
    enough = [m for m, accuracy in zip(widths, accuracies, strict=True) if accuracy >= target]
    if not enough:
        assert (kind, width) == ("not reached", None)
    elif len(enough) == len(widths):
        assert (kind, width) == ("at most", widths[0])
    else:
        assert kind == "found"
        below = widths[widths.index(enough[0]) - 1]
        assert below - 0.05 <= width <= enough[0] + 0.05


@given(st.integers(2, 9), st.floats(0.6, 0.98), st.floats(0.001, 1), st.floats(0.001, 1))
def test_a_higher_target_needs_no_less_width_and_scaling_scales(m, target, below, above):
    low, high = 0.5 + (target - 0.5) * (1 - below), target + (1 - target) * above
    assume(low < target < high)
    _, width = crossing({10 * m: low, 30 * m: high}, target)
    _, scaled = crossing({100 * m: low, 300 * m: high}, target)
    assert scaled == pytest.approx(10 * width, abs=0.6)
    _, higher = crossing({10 * m: low, 30 * m: high}, (target + high) / 2)
    assert higher >= width


def test_half_of_the_margin_lies_halfway():
    """At 97.725 % the normal quantile is 2, at 84.134 % it is 1: the target 93.319 % (1.5) lies in the middle."""
    assert crossing({10: 0.8413447, 20: 0.9772499}, 0.9331928) == ("found", 15.0)


def test_the_wider_model_that_misses_decides():
    assert crossing({4: 1.0, 8: 0.5, 16: 1.0}, 0.99)[1] > 8
    assert crossing({4: 1.0, 8: 1.0, 16: 0.5}, 0.99) == ("not reached", None)


# What is averaged ----------------------------------------------------------------------------------------------------


def test_a_mean_has_every_seed_inside_the_grid_or_is_none():
    assert mean_width([at(8, "dense", 4.0), at(8, "dense", 6.0, 1)]).value == 5.0
    assert mean_width([at(8, "dense", 4.0), at(8, "dense", None, 1)]) is None
    assert mean_width([at(8, "dense", 4.0), at(8, "dense", 4.0, 1, "at most")]) is None
    assert mean_width([]) is None


def test_the_table_counts_every_kind():
    found = [at(8, "a", 5.0), at(8, "a", 4.0, 1, "at most"), at(8, "a", None, 2)]
    assert reached(found) == "1 of 3, 1 at most 4, 1 not reached"
    assert reached(found[:1]) == "1 of 1"


def test_a_ratio_is_of_pairs_of_one_size_and_seed():
    found = [at(8, "moe", 4.0), at(8, "dense", 5.0), at(16, "moe", 12.0), at(16, "dense", 10.0), at(32, "moe", 1.0)]
    interval, counted = ratio(found, "moe", "dense")
    assert interval.value == pytest.approx((4 / 5 + 12 / 10) / 2)
    assert interval.low <= interval.value <= interval.high
    assert counted == "2 of 2 pairs"


def test_a_ratio_says_what_it_leaves_out_and_on_which_side():
    found = [at(8, "moe", 4.0), at(8, "dense", 5.0), at(16, "moe", None), at(16, "dense", 10.0)]
    found += [at(32, "moe", 8.0, 0, "at most"), at(32, "dense", 20.0), at(64, "moe", 9.0), at(64, "dense", None)]
    interval, counted = ratio(found, "moe", "dense")
    assert interval.value == pytest.approx(0.8)
    assert counted == (
        "1 of 4 pairs; numerator 1 × below the grid; numerator 1 × above the grid; denominator 1 × above the grid"
    )
    assert ratio(found[2:], "moe", "dense")[0] is None
    assert ratio([], "moe", "dense") == (None, "0 of 0 pairs")


def test_a_slope_uses_only_sizes_that_every_seed_crosses():
    line = [at(r, "dense", 0.5 * r + 1, seed) for r in (8, 16, 32) for seed in range(3)]
    assert slope_in_r(line, "dense").value == pytest.approx(0.5)
    lucky = [*line, at(64, "dense", 10.0), at(64, "dense", None, 1)]
    assert slope_in_r(lucky, "dense").value == pytest.approx(0.5)
    assert slope_in_r(line[:3], "dense") is None
    assert slope_in_r(line, "moe") is None


# Rows ----------------------------------------------------------------------------------------------------------------


def test_crossings_come_from_rows_of_the_panel_alone():
    rows = synthetic_rows()
    found = crossings(rows, 0.99)
    assert {(c.r, c.arm, c.seed) for c in found} == {
        (r, arm, seed) for r in SYNTHETIC.critical_r for arm in critical.ARMS for seed in range(SYNTHETIC.seeds)
    }
    dense = [c.width for c in found if c.arm == critical.DENSE and c.r == 16]
    assert len(set(dense)) == 1
    assert 0.62 * 16 - 1 <= dense[0] <= 0.95 * 16  # synthetic accuracy: 0.99 at 3/4 of r


def critical_row(seed: int, accuracy: float, by_bits: dict[int, float]):
    (job,) = [job for job in critical.jobs(SYNTHETIC) if job.name.endswith("r = 8, dense")]
    cell = next(cell for cell in job.cells if cell.seed == seed)
    metrics = {"accuracy": accuracy, "accuracy_by_bits": {str(bits): value for bits, value in by_bits.items()}}
    return row_of(cell, metrics)


def test_measured_bits_are_enough_from_there_on():
    rows = [critical_row(0, 0.995, {2: 0.6, 3: 0.995, 4: 0.98, 5: 0.991, 6: 0.995})]
    assert measured_bits(rows, 8, critical.DENSE, 0.99) == 5
    assert measured_bits(rows, 8, critical.DENSE, 0.9) == 3
    assert measured_bits(rows, 8, critical.TOP_1, 0.9) is None
    assert measured_bits(rows, 16, critical.DENSE, 0.9) is None
    assert measured_bits([critical_row(0, 0.98, {2: 1.0})], 8, critical.DENSE, 0.99) is None
    assert measured_bits([critical_row(0, 0.995, {2: 0.5})], 8, critical.DENSE, 0.99) is None


def test_one_grid_a_panel_is_shown_and_the_rest_counted():
    old = synthetic_rows()
    changed = dataclasses.replace(SYNTHETIC, critical_steps=7)
    new = [
        dataclasses.replace(row, finished="2026-01-02T00:00:00.000+00:00")
        for row in synthetic_rows(changed)
        if row.panel == critical.PANEL
    ]
    for rows in ([*old, *new], [*new, *old]):
        shown = of_one_grid(rows)
        assert {row.config["steps"] for row in shown if row.panel == critical.PANEL} == {7}
        assert len(shown) == len(old)
        assert {row.config["steps"] for row in left_out(rows)} == {SYNTHETIC.critical_steps}
    assert left_out(old) == []


def test_more_seeds_and_widths_are_the_same_grid():
    more = dataclasses.replace(SYNTHETIC, seeds=3, critical_share=(0.3, 0.8), critical_r=(32,), certified_r=(10,))
    rows = [*synthetic_rows(), *synthetic_rows(more)]
    assert left_out(rows) == []


def test_a_guess_on_samples_counts_as_no_information():
    """A model that stores its M bits and guesses the rest lies on the line, whatever the sample says by chance."""
    cell = Cell("width", ceiling.INDEX, {"r": 16, "seed": 0, "width": 2, "message_bits": 1})
    asked = ceiling.SAMPLED_SETS
    chance = [asked // 2 + 40 * (-1) ** i for i in range(14)]
    row = row_of(cell, index_metrics(16, [0, 0, *chance], asked, False))
    found = ceiling_report.least_informative_errors(row)
    assert found[2:] == [0.5] * 14
    assert max(found[:2]) < 0.003
    exact = row_of(cell, index_metrics(16, [0, 0, *chance], asked, True))
    assert ceiling_report.least_informative_errors(exact) == ceiling_report.errors(exact)
