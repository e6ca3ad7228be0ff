"""Slots against width: the count, and a small Soft MoE layer whose messages are counted one by one."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from theory import statements
from theory.bounds import message_count, message_min_width, min_slots, slots_bits, slots_min_width, slots_suffice
from theory.statements.other_models import S as S_
from theory.statements.other_models import m as m_
from theory.statements.statement import p as p_
from theory.statements.statement import r as r_

sizes = st.tuples(st.integers(1, 3000), st.integers(1, 40), st.integers(1, 16))


@given(sizes)
def test_min_width_is_the_first_not_ruled_out(size: tuple[int, int, int]) -> None:
    r, slots, bits = size
    width = slots_min_width(r, slots, bits)
    assert slots_suffice(r, slots, bits, width)
    assert width == 1 or not slots_suffice(r, slots, bits, width - 1)


@given(sizes)
def test_min_slots_is_the_other_reading(size: tuple[int, int, int]) -> None:
    r, width, bits = size
    slots = min_slots(r, bits, width)
    assert slots_min_width(r, slots, bits) <= width
    assert slots == 1 or slots_min_width(r, slots - 1, bits) > width


@given(sizes)
def test_twice_the_slots_need_no_more_than_half_the_width(size: tuple[int, int, int]) -> None:
    r, slots, bits = size
    assert 2 * slots_min_width(r, 2 * slots, bits) <= slots_min_width(r, slots, bits) + 1
    assert slots_min_width(r, 1, bits) == message_min_width(r, 1, bits)


@pytest.mark.parametrize(("r", "slots", "bits"), [(30, 1, 2), (62, 4, 3), (100, 3, 8)])
def test_the_formula_is_what_is_evaluated(r: int, slots: int, bits: int) -> None:
    relation = statements.get("own-slots-bound").formula.subs({r_: r, S_: slots, p_: bits})
    passes = [width for width in range(1, r + 1) if relation.subs(m_, width) == sympy.true]
    assert passes[0] == slots_min_width(r, slots, bits)
    assert slots_bits(r, slots, bits, 2) == (message_count(r, slots, bits, 2 * slots) - 1).bit_length()


def messages(weight_2rS: np.ndarray, token_2rm: np.ndarray, r: int) -> set[bytes]:
    """Alice's parts ``(sum w, sum w x)`` of all slots for each of her sets; rows are her edges, then her nulls."""
    term = np.concatenate([weight_2rS, (weight_2rS[:, :, None] * token_2rm[:, None]).reshape(2 * r, -1)], axis=1)
    sets = np.array(list(product((0, 1), repeat=r)))
    return {row.tobytes() for row in sets @ term[:r] + (1 - sets) @ term[r:]}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("slots", "width"), [(1, 1), (2, 1), (1, 2)])
def test_no_layer_has_more_messages_than_the_count(seed: int, slots: int, width: int) -> None:
    rng, r, bits = np.random.default_rng(seed), 8, 2
    weights = rng.integers(0, 2**bits, (2 * r, slots))
    tokens = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (2 * r, width))
    assert len(messages(weights, tokens, r)) <= message_count(r, slots, bits, slots * width)


def test_one_hot_slots_reach_every_set() -> None:
    """As many slots as vertices: width 1 names every set, as the bound allows."""
    r = 6
    weights = np.concatenate([np.eye(r, dtype=int), np.zeros((r, r), dtype=int)])
    assert len(messages(weights, np.ones((2 * r, 1), dtype=int), r)) == 2**r
    assert slots_suffice(r, r, 1, 1)


@given(sizes)
def test_the_closed_form_follows(size: tuple[int, int, int]) -> None:
    """``S (m (2p + l) + p + l) >= r`` with ``l = ceil(log2 r)``."""
    r, slots, bits = size
    carry = (r - 1).bit_length()
    assert slots * (slots_min_width(r, slots, bits) * (2 * bits + carry) + bits + carry) >= r
