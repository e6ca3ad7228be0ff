"""What the bounds say of given weights, against the certifier and against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from math import log2

import numpy as np
import pytest

from theory.bounds import entropy_rules_out
from theory.certify import certify
from theory.rule_out import ENTROPY, MESSAGE, PATTERN, Verdict, rule_out
from theory.table import Block, ForeignBlock, OneLayerTable


def integer_table(Z_2rD: np.ndarray, block: Block | None = None) -> OneLayerTable:
    """Uniform attention over integers; without a block, counts looked at by one unit a column, which fires at 2."""
    rows, D = Z_2rD.shape
    counting = Block(
        inner_KMF=np.eye(D)[None],
        inner_bias_KF=-np.ones((1, D)),
        folded_KF=np.ones((1, D)),
        constant_K=np.array([-0.5]),
        readout_M=np.zeros(D),
        router_MK=None,
        router_bias_K=None,
    )
    return OneLayerTable(
        edges_2rC=Z_2rD.astype(float),
        null_C=np.zeros(D),
        query_C=np.zeros(D),
        edge_slots=rows,
        heads=1,
        uniform=True,
        offset_D=np.zeros(D),
        scale_D=np.ones(D),
        mix_DM=(rows + 1) * np.eye(D),
        residual_M=np.zeros(D),
        block=counting if block is None else block,
    )


def by_statement(table: OneLayerTable, bits: int | None = None) -> dict[str, list[Verdict]]:
    verdicts = rule_out(table, bits)
    return {name: [v for v in verdicts if v.statement == name] for name in (ENTROPY, MESSAGE, PATTERN)}


def test_no_ruled_out_model_is_certified() -> None:
    """400 random integer models: from one-hot codes, which are right, to codes that collide."""
    rng = np.random.default_rng(0)
    ruled_out = certified = 0
    for _ in range(400):
        r = int(rng.integers(3, 7))
        Z = np.eye(r, dtype=int)
        for _ in range(int(rng.integers(0, 3))):  # some vertices lose their coordinate, or get another number
            Z[int(rng.integers(r))] = rng.integers(-1, 2, size=r) * (rng.random(r) < 0.5)
        Z = Z[:, rng.permutation(r)[: int(rng.integers(1, r + 1))]] if rng.random() < 0.7 else Z
        table = integer_table(np.concatenate((Z, Z)))
        out = any(verdict.rules_out for verdict in rule_out(table, 2))
        holds = certify(table).holds
        assert not (out and holds)
        ruled_out, certified = ruled_out + out, certified + holds
    assert ruled_out > 50 and certified > 20  # so that the claim above was put to the test


def test_each_side_is_asked() -> None:
    narrow, wide = np.ones((12, 1), dtype=int), 2 ** np.arange(12)[:, None]
    verdicts = by_statement(integer_table(np.concatenate((wide, narrow))))[ENTROPY]
    assert [verdict.rules_out for verdict in verdicts] == [False, True]
    assert "source" in verdicts[0].about and "target" in verdicts[1].about
    assert entropy_rules_out(narrow) and not entropy_rules_out(wide)
    # h(Binomial(12, 1/2) + U) <= 1/2 log2(2 pi e (12/4 + 1/12))
    assert verdicts[1].carried == pytest.approx(0.5 * log2(2 * np.pi * np.e * (3 + 1 / 12)))


def test_contributions_that_are_all_zero_carry_nothing() -> None:
    verdict = by_statement(integer_table(np.zeros((6, 2), dtype=int)))[ENTROPY][0]
    assert (verdict.carried, verdict.rules_out) == (0.0, True)


def test_floats_are_not_asked_about_integers() -> None:
    table = integer_table(np.ones((8, 1), dtype=int))
    table = replace(table, edges_2rC=table.edges_2rC * 0.3)
    found = by_statement(table)
    assert all(not v.applies and v.carried is None and "--bits" in v.why for v in found[ENTROPY])
    assert not found[MESSAGE][0].applies
    assert found[PATTERN][0].applies


def test_the_message_bound_needs_bits() -> None:
    table = integer_table(np.ones((80, 1), dtype=int))
    assert not by_statement(table)[MESSAGE][0].applies
    at_1_bit, at_38_bits = (by_statement(table, bits)[MESSAGE][0] for bits in (1, 38))
    assert at_1_bit.rules_out and at_1_bit.carried == pytest.approx(log2(41))
    assert not at_38_bits.rules_out and at_38_bits.carried == pytest.approx(log2(40 * (2**38 - 1) + 1))


@pytest.mark.parametrize(("levels", "rules_out"), [(4, True), (2**10, True), (2**11, False)])
def test_rounded_messages_are_counted(levels: int, rules_out: bool) -> None:
    """r = 21 bits are needed; two coordinates of 2^10 levels are 20."""
    table = replace(integer_table(np.ones((42, 2), dtype=int)), message_levels=levels)
    found = by_statement(table)
    assert found[MESSAGE][0].rules_out == rules_out and found[MESSAGE][0].carried == 2 * log2(levels)
    assert not found[ENTROPY][0].applies  # Alice's sum is rounded, Bob's is not
    assert found[ENTROPY][1].applies


def test_the_pattern_bound_knows_what_it_covers() -> None:
    table = integer_table(np.ones((200, 1), dtype=int))
    assert by_statement(table)[PATTERN][0].rules_out  # one hidden unit on one coordinate, r = 100
    foreign = replace(table, block=ForeignBlock(lambda x: x[:, 0], 0.0))
    assert not by_statement(foreign)[PATTERN][0].applies
    experts = Block(
        inner_KMF=np.ones((2, 1, 1)),
        inner_bias_KF=np.zeros((2, 1)),
        folded_KF=np.ones((2, 1)),
        constant_K=np.zeros(2),
        readout_M=np.zeros(1),
        router_MK=np.ones((1, 2)),
        router_bias_K=np.zeros(2),
    )
    assert by_statement(replace(table, block=experts))[PATTERN][0].rules_out
    assert not by_statement(replace(table, block=replace(experts, top_k=2)))[PATTERN][0].applies


def test_a_wide_model_is_answered_without_a_long_determinant() -> None:
    verdict = by_statement(integer_table(np.concatenate([np.eye(600, dtype=int)] * 2)))[ENTROPY][0]
    assert verdict.applies and not verdict.rules_out
    # columns one by one: 1/2 log2(2 pi e (1/4 + 1/12)) bits each
    assert verdict.carried == pytest.approx(300 * log2(2 * np.pi * np.e / 3))
