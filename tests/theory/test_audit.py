"""What is read off for a language model: bounds inverted exactly, needs that are the bounds, what is left open."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import statements
from theory.accounting import LanguageModel, language_model_flops, language_model_parameters
from theory.accounting.attention import GroupedAttention, LatentAttention
from theory.accounting.feed_forward import Mixture
from theory.accounting.language_model import Dense, Layer
from theory.audit import audit, graph_that_fits, width_laws
from theory.bounds import (
    Size,
    bounds_table,
    entropy_min_width,
    entropy_suffices,
    message_count,
    message_min_width,
    message_suffices,
)
from theory.bounds.memorisation import memorisation_min_parameters, most_facts, most_labels
from theory.coverage import extra_bits, streaming_min_width
from theory.errors import InputError

ATTENTION = GroupedAttention(heads=2, key_value_heads=1, head_width=4)
DENSE, MIXED = Dense(5), Mixture(experts=4, top_k=2, hidden=5)


def model(*blocks: Dense | Mixture, positions: int = 64) -> LanguageModel:
    layers = tuple(Layer(ATTENTION, block, norms=12) for block in blocks)
    return LanguageModel(9, 6, layers, positions, tied=False, head_bias=False, norms=6)


@settings(max_examples=25)
@given(heads=st.integers(1, 5), each=st.integers(1, 6), bits=st.integers(1, 9))
def test_every_law_leaves_room_at_its_largest_graph_and_none_at_the_next(heads: int, each: int, bits: int) -> None:
    D = heads * each
    message, entropy, subtracted, streamed = (law.largest_vertices for law in width_laws(heads, D, bits))

    def messages(r: int) -> int:
        return message_count(r, heads, bits, D)

    r = message - 2
    assert messages(r) >= 2**r
    assert messages(r + 1) < 2 ** (r + 1)
    assert message_suffices(r, heads, bits, D)
    assert entropy_suffices(entropy - 2, heads, bits, D)
    assert not entropy_suffices(entropy - 1, heads, bits, D)
    extra = extra_bits("maximum-subtracted", 1, bits, heads)
    r = subtracted - 2
    assert messages(r) * 2**extra >= 2**r
    assert messages(r + 1) * 2**extra < 2 ** (r + 1)
    assert max(1, streamed - 2) <= bits * (2 * heads + D) == streamed - 2
    assert all(streaming_min_width(r, heads, bits) > D for r in (streamed - 1, 2 * streamed))


@settings(max_examples=6)
@given(heads=st.integers(1, 3), each=st.integers(1, 3), bits=st.integers(1, 4))
def test_no_smaller_graph_is_ruled_out_and_no_larger_one_is_not(heads: int, each: int, bits: int) -> None:
    """By trying every r: the search relies on each law saying yes up to some r and never again."""
    D = heads * each
    laws = width_laws(heads, D, bits)
    for r in range(1, 2 * max(law.largest_vertices for law in laws)):
        verdicts = (
            message_suffices(r, heads, bits, D),
            entropy_suffices(r, heads, bits, D),
            message_count(r, heads, bits, D) * 2 ** extra_bits("maximum-subtracted", r, bits, heads) >= 2**r,
            streaming_min_width(r, heads, bits) <= D,
        )
        assert verdicts == tuple(r + 2 <= law.largest_vertices for law in laws)


def test_the_needs_are_what_the_table_of_bounds_says() -> None:
    found = audit(model(MIXED), bits=8, vertices=500)
    rows = bounds_table(Size(500, heads=2, bits=8))
    told = {row.statement: row.value for row in rows if row.quantity == "min_width" and row.applies}
    needed = {need.statement: need for need in found.needs}
    for name in ("own-message-bound", "own-entropy-bound"):
        assert needed[name].width == told[name]
        assert needed[name].has == found.value_width == 8
    assert needed["own-message-bound"].width == message_min_width(498, 2, 8) > 8
    assert needed["own-entropy-bound"].width == entropy_min_width(498, 2, 8)
    built = {row.statement: row.value for row in rows if row.quantity == "construction_width" and row.applies}
    assert needed["thm-3.3"].width == built["thm-3.3"] == 500
    assert needed["own-packed"].width == built["own-packed"]
    assert needed["own-two-layer"].width == 2 * 9 + 7
    assert all(needed[name].has == 6 for name in ("thm-3.3", "own-packed", "own-two-layer"))
    assert not any(need.met for need in found.needs)


def test_a_need_is_met_exactly_up_to_the_law() -> None:
    laws = {law.statement: law.largest_vertices for law in audit(model(MIXED), bits=8).laws[:2]}
    for name, largest in laws.items():
        for vertices, met in ((largest, True), (largest + 1, False)):
            needs = {need.statement: need.met for need in audit(model(MIXED), bits=8, vertices=vertices).needs}
            assert needs[name] is met


@pytest.mark.parametrize(("positions", "vertices"), [(1, 0), (2, 0), (3, 3), (4, 3), (5, 4), (8192, 4097)])
def test_the_largest_star_graph_that_fits(positions: int, vertices: int) -> None:
    assert graph_that_fits(positions) == vertices
    if vertices:
        r = vertices - 2
        assert 2 * r + 1 <= positions < 2 * (r + 1) + 1
    assert audit(model(DENSE, positions=positions)).vertices == (vertices or 3)


def test_what_is_left_open_is_what_concerns_the_model() -> None:
    dense, deep, mixed = (audit(model(*blocks)) for blocks in ((DENSE,), (DENSE, DENSE), (DENSE, MIXED)))
    assert (dense.covered.name, deep.covered.name, mixed.covered.name) == ("dense", "dense", "token-choice")
    assert dense.covered.holds == mixed.covered.holds == "yes"
    names = [{row.name for row in found.left_open} for found in (dense, deep, mixed)]
    assert names[1] - names[0] == {"depth"}
    assert names[2] - names[1] == {"capacity-after-attention", "expert-choice-after-attention"}
    assert names[0] == {"chain-of-thought", "variable-length"}
    assert "SwiGLU" in mixed.any_precision
    assert mixed.any_precision in statements.get("own-pattern-bound").says_not


def test_counts_and_the_widest_layer_are_the_models() -> None:
    latent = LatentAttention(heads=3, latent=2, unrotated=2, rotated=2, value=7)
    both = LanguageModel(9, 6, (Layer(ATTENTION, DENSE, 12), Layer(latent, MIXED, 12)), 64, True, False, 6)
    found = audit(both, context=7)
    assert (found.heads, found.value_width) == (3, 21)
    assert found.parameters == language_model_parameters(both)
    assert found.flops == language_model_flops(both, 7)


@given(st.integers(1, 10**30), st.integers(1, 4096))
def test_labels_are_the_inverse_of_the_parameters_that_they_need(parameters: int, bits: int) -> None:
    labels = most_labels(parameters, bits)
    assert memorisation_min_parameters(labels, bits) == parameters
    assert memorisation_min_parameters(labels + 1, bits) == parameters + 1


@given(st.integers(0, 400), st.integers(2, 10**5), st.integers(1, 7))
def test_facts_are_as_many_as_a_book_of_so_many_bits_can_tell_apart(bits: int, answers: int, part: int) -> None:
    facts = most_facts(Fraction(bits, part), answers)
    assert answers ** (part * facts) <= 2**bits < answers ** (part * (facts + 1))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: audit(model(DENSE), bits=0), "bits 0 is below 1"),
        (lambda: audit(model(DENSE), context=0), "context 0 is outside 1 to"),
        (lambda: audit(model(DENSE), vertices=2), "vertices 2 is below 3"),
        (lambda: most_labels(0, 8), "parameters 0 is below 1"),
        (lambda: most_facts(5, 1), "1 answers"),
    ],
)
def test_numbers_out_of_range_are_refused(call, said: str) -> None:
    with pytest.raises(InputError, match=said):
        call()
