"""The table of bounds: one row a statement and quantity, what it lacks, what it says about experts."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import statements
from theory.bounds import (
    BoundRow,
    Size,
    bounds_table,
    closed_form_min_width,
    critical_experts_at,
    entropy_min_width,
    index_ceiling,
    message_bits,
    message_log2,
    message_min_width,
    noise_min_columns,
    noise_worst_case_bits,
    pattern_ceiling,
    pattern_min_width,
    planted_ceiling,
    slots_bits,
    slots_min_width,
    transcript_log2,
    transcript_min_width,
)
from theory.bounds.row import QUANTITIES
from theory.errors import InputError

FULL = Size(
    vertices=130,
    heads=2,
    bits=8,
    tokens=200,
    neurons=512,
    width=6,
    experts=4,
    accuracy=Fraction(9, 10),
    set_size=3,
    signal_to_noise=Fraction(10),
    generated_tokens=3,
    vocabulary=1000,
    slots=4,
)


def find(rows: tuple[BoundRow, ...], statement: str, quantity: str) -> BoundRow:
    (row,) = (row for row in rows if (row.statement, row.quantity) == (statement, quantity))
    return row


def value(size: Size, statement: str, quantity: str) -> object:
    return find(bounds_table(size), statement, quantity).value


def test_rows_are_what_the_registry_announces() -> None:
    rows = bounds_table(FULL)
    assert all(row.applies for row in rows)
    announced = {(s.id, quantity) for s in statements.all_statements() for quantity in s.quantities}
    listed = [(row.statement, row.quantity) for row in rows]
    assert set(listed) == announced
    assert len(listed) == len(set(listed))
    assert {quantity for _, quantity in listed} == set(QUANTITIES)


def test_values_are_those_of_the_functions() -> None:
    r = 128
    bits = message_log2(r, 2, 8, 6).high
    expected = {
        ("thm-3.2", "min_width"): closed_form_min_width(r, 2, 8),
        ("thm-3.3", "construction_width"): 130,
        ("cor-3.4", "critical_experts"): critical_experts_at(130, 8, heads=2),
        ("own-message-bound", "min_width"): message_min_width(r, 2, 8),
        ("own-message-bound", "message_bits"): message_bits(r, 2, 8, 6),
        ("own-entropy-bound", "min_width"): entropy_min_width(r, 2, 8),
        ("own-index-ceiling", "accuracy_ceiling"): index_ceiling(bits, r),
        ("own-planted-ceiling", "accuracy_ceiling"): planted_ceiling(bits, r, 3),
        ("own-pattern-bound", "min_width"): pattern_min_width(r, 512, 4, 2, "softmax"),
        ("own-pattern-ceiling", "accuracy_ceiling"): pattern_ceiling(r, 512, 6, 4, 2, "softmax"),
        ("own-noise-ceiling", "min_width"): noise_min_columns(Fraction(9, 10), r, 10) - 2,
        ("own-noise-ceiling", "accuracy_ceiling"): index_ceiling(noise_worst_case_bits(r, 6 + 2, 10).high, r),
        ("own-cot-bound", "min_width"): transcript_min_width(r, 2, 8, 3, 1000),
        ("own-cot-bound", "message_bits"): ceil(transcript_log2(r, 2, 8, 6, 3, 1000).high),
        ("own-slots-bound", "min_width"): slots_min_width(r, 4, 8),
        ("own-slots-bound", "message_bits"): slots_bits(r, 4, 8, 6),
    }
    rows = bounds_table(FULL)
    assert {key: find(rows, *key).value for key in expected} == expected


def test_what_is_missing_is_named_by_its_flag() -> None:
    rows = bounds_table(Size(vertices=64))
    assert [row.statement for row in rows if row.applies] == ["thm-3.3"]
    for row in rows:
        if not row.applies:
            assert row.value is None
            assert row.why.startswith("give --")
    assert find(rows, "own-planted-ceiling", "accuracy_ceiling").why == "give --set-size and --bits and --width"


@given(st.integers(3, 200), st.integers(1, 12), st.integers(1, 60))
def test_verdict_says_what_is_needed_and_what_there_is(vertices: int, bits: int, width: int) -> None:
    rows = bounds_table(Size(vertices, bits=bits, width=width))
    for statement in ("thm-3.2", "own-message-bound", "own-entropy-bound"):
        needed = find(rows, statement, "min_width").value
        verdict = find(rows, statement, "ruled_out")
        assert verdict.value is (width < needed)
        said = "ruled out" if width < needed else "not ruled out"
        assert verdict.why == f"{said}: needs {needed}, has {width}"


def test_experts_do_not_enter_the_message_and_the_text_says_why() -> None:
    alone, many = (bounds_table(Size(66, bits=8, neurons=256, width=2, experts=K)) for K in (1, 512))
    for statement in ("thm-3.2", "own-message-bound", "own-entropy-bound", "own-index-ceiling"):
        for row in (row for row in many if row.statement == statement and row.applies):
            assert row.value == find(alone, statement, row.quantity).value
            if row.quantity != "message_bits":
                assert "K = 512 does not occur: experts act after the message" in row.why
                assert "K =" not in find(alone, statement, row.quantity).why
    pattern = find(many, "own-pattern-bound", "min_width")
    assert pattern.value < find(alone, "own-pattern-bound", "min_width").value
    assert "enters only as a logarithm" in pattern.why


def test_theorem_says_whose_constants_they_are() -> None:
    assert "this project's" in find(bounds_table(FULL), "thm-3.2", "min_width").why


def test_ceilings_judge_the_accuracy_asked_for() -> None:
    rows = bounds_table(FULL)
    for statement in ("own-index-ceiling", "own-planted-ceiling", "own-pattern-ceiling"):
        ceiling = find(rows, statement, "accuracy_ceiling").value
        assert find(rows, statement, "ruled_out").value is (ceiling < FULL.accuracy)


def test_vacuous_corollary_does_not_apply() -> None:
    row = find(bounds_table(Size(64, bits=32)), "cor-3.4", "critical_experts")
    assert (row.value, row.applies, row.missing) == (None, False, ())
    assert "vacuous" in row.why


def test_packed_needs_a_unit_a_vertex() -> None:
    row = find(bounds_table(Size(64, bits=8, neurons=61)), "own-packed", "construction_width")
    assert not row.applies
    assert "needs 62 hidden units" in row.why
    assert value(Size(64, bits=8, neurons=62), "own-packed", "construction_width") == 63


def test_uniform_attention_has_less_to_send() -> None:
    softmax, uniform = (Size(200, bits=8, neurons=400, width=4, attention=a) for a in ("softmax", "uniform"))
    for statement in ("own-message-bound", "own-entropy-bound", "own-pattern-bound"):
        assert value(uniform, statement, "min_width") > value(softmax, statement, "min_width")


def test_tokens_beyond_r_change_nothing() -> None:
    few, many = (bounds_table(Size(40, bits=8, width=3, tokens=N)) for N in (40, 4000))
    assert few == many


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"vertices": 2}, "below 3"),
        ({"vertices": 8.0}, "whole number"),
        ({"vertices": True}, "whole number"),
        ({"vertices": 8, "heads": 0}, "heads 0 is below 1"),
        ({"vertices": 8, "bits": 0}, "bits 0 is below 1"),
        ({"vertices": 8, "bits": 5000}, "above 4096"),
        ({"vertices": 8, "width": 0}, "width 0 is below 1"),
        ({"vertices": 8, "width": 8, "heads": 3}, "multiple of the heads"),
        ({"vertices": 8, "tokens": 7}, "give 8 or more"),
        ({"vertices": 8, "neurons": 0}, "neurons 0 is below 1"),
        ({"vertices": 8, "experts": 0}, "experts 0 is below 1"),
        ({"vertices": 8, "accuracy": Fraction(1, 2)}, "ends excluded"),
        ({"vertices": 8, "accuracy": Fraction(1)}, "ends excluded"),
        ({"vertices": 8, "attention": "linear"}, "softmax or uniform"),
        ({"vertices": 8, "set_size": 7}, "outside 1 to 6"),
        ({"vertices": 8, "hidden_ratio": Fraction(0)}, "not positive"),
        ({"vertices": 8, "signal_to_noise": Fraction(-1)}, "signal_to_noise -1.0 is not positive"),
        ({"vertices": 8, "generated_tokens": 0}, "generated_tokens 0 is below 1"),
        ({"vertices": 8, "vocabulary": 0}, "vocabulary 0 is below 1"),
        ({"vertices": 8, "slots": True}, "whole number"),
        ({"vertices": 10**18 + 1}, "vertices 1000000000000000001 is above 10\\^18: give 3 to"),
        ({"vertices": 8, "experts": 10**5000}, "experts of many digits is above"),
    ],
)
def test_bad_sizes_are_refused_in_one_line(fields, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        Size(**fields)
    assert "\n" not in str(caught.value)


def test_the_width_asked_about_needs_so_many_written_tokens() -> None:
    short = find(
        bounds_table(Size(514, bits=8, width=2, generated_tokens=3, vocabulary=500)), "own-cot-bound", "ruled_out"
    )
    assert short.value is True
    assert "width 2 needs T >= 7" in short.why
    assert transcript_min_width(512, 1, 8, 7, 500) == 2 < transcript_min_width(512, 1, 8, 6, 500)
    uniform = bounds_table(Size(514, bits=8, width=2, generated_tokens=3, vocabulary=500, attention="uniform"))
    assert "T does not occur" in find(uniform, "own-cot-bound", "ruled_out").why
    needed = find(uniform, "own-message-bound", "min_width").value
    assert find(uniform, "own-cot-bound", "min_width").value == needed


def test_a_quieter_state_and_a_softmax_head_carry_more() -> None:
    loud, quiet = (Size(200, width=4, accuracy=Fraction(4, 5), signal_to_noise=Fraction(q)) for q in (1, 100))
    uniform = Size(200, width=4, accuracy=Fraction(4, 5), signal_to_noise=Fraction(1), attention="uniform")
    for quantity, sign in (("accuracy_ceiling", 1), ("min_width", -1), ("message_bits", 1)):
        numbers = [sign * value(size, "own-noise-ceiling", quantity) for size in (uniform, loud, quiet)]
        assert numbers == sorted(set(numbers))


def test_the_fewest_tokens_are_accepted() -> None:
    assert Size(vertices=8, tokens=8).r == 6
