"""Chains of thought: transcripts against brute force, and the decoder of two value coordinates that meets them."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from theory import statements
from theory.bounds import (
    message_log2,
    message_min_width,
    transcript_log2,
    transcript_min_tokens,
    transcript_min_width,
    transcript_suffices,
)
from theory.errors import InputError
from theory.instances import all_pairs
from theory.statements.other_models import T, v
from theory.statements.statement import D as D_
from theory.statements.statement import H as H_
from theory.statements.statement import p as p_
from theory.statements.statement import r as r_

sizes = st.tuples(
    st.integers(1, 3000), st.integers(1, 4), st.integers(1, 16), st.integers(1, 50), st.integers(1, 10**5)
)


def complexity(r: int) -> int:
    """Deterministic two-way communication complexity of set disjointness, by every protocol tree."""
    sets = range(2**r)

    @cache
    def depth(rows: frozenset[int], columns: frozenset[int]) -> int:
        if len({bool(a & b) for a in rows for b in columns}) <= 1:
            return 0
        by_alice = (max(depth(x, columns), depth(rows - x, columns)) for x in parts(rows))
        by_bob = (max(depth(rows, y), depth(rows, columns - y)) for y in parts(columns))
        return 1 + min([*by_alice, *by_bob])

    return depth(frozenset(sets), frozenset(sets))


def parts(items: frozenset[int]) -> list[frozenset[int]]:
    """Every split of the items in two, once, by the part that lacks the first of them."""
    _, *rest = sorted(items)
    chosen = product((0, 1), repeat=len(rest))
    return [frozenset(x for x, keep in zip(rest, bits, strict=True) if keep) for bits in chosen if any(bits)]


@pytest.mark.parametrize("r", [1, 2])
def test_disjointness_takes_one_bit_more_than_r(r: int) -> None:
    """The fooling set of all pairs (A, complement of A), and one more leaf for the other answer."""
    assert complexity(r) == r + 1


@pytest.mark.parametrize("r", [1, 2, 3])
def test_mixing_two_of_the_fooling_set_gives_an_intersection(r: int) -> None:
    sets = range(2**r)
    full = 2**r - 1
    assert all(a & (full ^ a) == 0 for a in sets)
    assert all(a & (full ^ b) or b & (full ^ a) for a in sets for b in sets if a != b)


@given(sizes)
def test_min_width_is_the_first_not_ruled_out(size: tuple[int, ...]) -> None:
    r, heads, bits, tokens, words = size
    width = transcript_min_width(r, heads, bits, tokens, words)
    assert transcript_suffices(r, heads, bits, width, tokens, words)
    assert width == 1 or not transcript_suffices(r, heads, bits, width - 1, tokens, words)
    assert transcript_min_width(r, heads, bits, 1, words) == message_min_width(r, heads, bits)


@given(sizes)
def test_min_tokens_is_the_other_reading(size: tuple[int, ...]) -> None:
    r, heads, bits, width, words = size
    tokens = transcript_min_tokens(r, heads, bits, width, words)
    assert transcript_min_width(r, heads, bits, tokens, words) <= width
    assert tokens == 1 or transcript_min_width(r, heads, bits, tokens - 1, words) > width


@pytest.mark.parametrize(("r", "heads", "bits", "tokens", "words"), [(60, 1, 2, 2, 10), (200, 2, 3, 3, 64)])
def test_the_formula_is_what_is_evaluated(r: int, heads: int, bits: int, tokens: int, words: int) -> None:
    relation = statements.get("own-cot-bound").formula.subs({r_: r, H_: heads, p_: bits, T: tokens, v: words})
    passes = [width for width in range(1, r + 1) if relation.subs(D_, width) == sympy.true]
    assert passes[0] == transcript_min_width(r, heads, bits, tokens, words)


def test_uniform_attention_reads_the_same_sums_in_every_pass() -> None:
    assert transcript_log2(50, 1, 8, 3, 9, 100, "uniform") == message_log2(50, 1, 8, 3, "uniform")
    assert transcript_min_width(50, 1, 8, 9, 100, "uniform") == message_min_width(50, 1, 8, "uniform")


@pytest.mark.parametrize(("tokens", "words"), [(0, 5), (5, 0)])
def test_bad_input(tokens: int, words: int) -> None:
    with pytest.raises(InputError, match=f"{tokens} generated tokens of {words} words"):
        transcript_min_width(10, 1, 8, tokens, words)


def think(alice_R: np.ndarray, bob_R: np.ndarray, beta: float) -> tuple[bool, int]:
    """The answer of the two-coordinate decoder of `own-cot-bound`, and how many tokens it wrote."""
    r = len(alice_R)
    c = max(1, (r - 1).bit_length())
    code_Rc = 2 * ((np.arange(r)[:, None] >> np.arange(c)) & 1) - 1
    null = np.zeros(c)
    keys = [code_Rc[i] if there[i] else null for there in (alice_R, bob_R) for i in range(r)]
    values = [unit if there[i] else (0, 0) for there, unit in ((alice_R, (1, 0)), (bob_R, (0, 1))) for i in range(r)]
    for i in range(r):
        # The query and the tokens written before it are sinks.
        logits = beta * np.array([key @ code_Rc[i] for key in keys] + [c - 1] * (i + 1))
        weights = np.exp(logits - logits.max())
        state = weights[: 2 * r] @ np.array(values) / weights.sum()
        if min(state) >= 0.25:
            return True, i + 1
    return False, r


@pytest.mark.parametrize("r", [1, 2, 3, 5])
def test_a_decoder_with_two_value_coordinates_is_right_on_every_graph(r: int) -> None:
    pairs = all_pairs(r)
    beta = np.log(4 * (2 * r + r))  # 2r edge slots, r written tokens
    answers = [think(alice, bob, beta) for alice, bob in zip(pairs.alice_BR, pairs.bob_BR, strict=True)]
    assert [answer for answer, _ in answers] == pairs.intersects_B.tolist()
    # It writes at most r tokens; the bound allows fewer, but not fewer than r over the bits of one pass.
    assert max(tokens for _, tokens in answers) == r >= transcript_min_tokens(r, 1, 8, 2, r + 2)


def test_the_decoder_fails_when_its_attention_is_too_soft() -> None:
    pairs = all_pairs(5)
    answers = [think(alice, bob, 0.5)[0] for alice, bob in zip(pairs.alice_BR, pairs.bob_BR, strict=True)]
    assert answers != pairs.intersects_B.tolist()
