"""Do the bounds say that *this* model errs?  From its table alone, without finding the graph.

The entropy bound is about given weights: the sums of integer contributions carry so many bits at most, and a model that
is right on every input needs ``r``.  Beside it stand the two bounds for any model of the same size: the message bound
for numbers of a given precision, and the pattern bound, which knows none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from theory.bounds import entropy_bits, message_log2, message_suffices, pattern_bits, pattern_suffices
from theory.bounds.message import Attention
from theory.refute.collisions import integer_contributions
from theory.refute.problem import IntArray, Problem
from theory.refute.result import Side
from theory.table import Block, OneLayerTable

EXACT_COLUMNS = 128
"""Columns up to which the determinant is computed in integers even if floats leave no doubt: seconds."""

ENTROPY, MESSAGE, PATTERN = "own-entropy-bound", "own-message-bound", "own-pattern-bound"


@dataclass(frozen=True)
class Verdict:
    """One bound on one model."""

    statement: str
    about: str
    """What it speaks of: the given weights, or every model of this size."""
    applies: bool
    carried: float | None
    """Bits that can be told at most (rounded up); ``r`` are needed.  None if the bound does not apply."""
    rules_out: bool
    why: str


def rule_out(table: OneLayerTable, bits: int | None = None) -> tuple[Verdict, ...]:
    """Every bound on the model of ``table``, whose weights and values are ``bits``-bit integers (None: they are not).

    A model is ruled out, that is, certain to err on some graph, if one of them says so.

    Raises :class:`theory.errors.InputError` for a table with numbers that are not finite.
    """
    problem = Problem(table)
    return (*_entropy(problem), _message(table, bits), _pattern(table))


def _entropy(problem: Problem) -> Iterator[Verdict]:
    """The bound for Alice's sums, and with the roles of the two exchanged for Bob's."""
    names: tuple[tuple[Side, str], ...] = (("alice", "edges at the source"), ("bob", "edges at the target"))
    for side, edges in names:
        Z = integer_contributions(problem, side)
        about = f"the given weights of the {edges}"
        if Z is None:
            why = "their contributions are no integers: give --bits p to ask about the model rounded to p bits"
            if side == "alice" and problem.table.message_levels is not None:
                why = "their sum is rounded after adding up: the message bound counts what is sent"
            yield Verdict(ENTROPY, about, False, None, False, why)
            continue
        carried, exact = _carried(Z)
        rules_out = exact and carried < problem.r
        says = f"sums of {Z.shape[1]} integers carry {'at most' if exact else 'some'} {carried:.4g} bits"
        verdict = "two sets share a message, and some graph gets a wrong answer" if rules_out else "room enough"
        yield Verdict(ENTROPY, about, True, carried, rules_out, f"{says}, {problem.r} are needed: {verdict}")


def _carried(Z: IntArray) -> tuple[float, bool]:
    """Bits that sums of the rows carry at most, and whether that is proved; if not, they are clearly more than r."""
    if Z.shape[1] == 0:
        return 0.0, True
    if Z.shape[1] > EXACT_COLUMNS:
        sign, log_determinant = np.linalg.slogdet(Z.T.astype(float) @ Z / 4 + np.eye(Z.shape[1]) / 12)
        estimate = (Z.shape[1] * np.log2(2 * np.pi * np.e) + log_determinant / np.log(2)) / 2
        if sign > 0 and estimate > len(Z) + 1:
            return float(estimate), False
    return float(entropy_bits(Z).high), True


def _message(table: OneLayerTable, bits: int | None) -> Verdict:
    r, D, attention = table.r, len(table.offset_D), _attention(table)
    if table.message_levels is not None:
        carried = len(table.residual_M) * float(np.log2(table.message_levels))
        why = f"{len(table.residual_M)} coordinates of {table.message_levels} levels"
        out = table.message_levels ** len(table.residual_M) < 2**r
        return Verdict(MESSAGE, "every model with this message", True, carried, out, _needs(why, carried, r, out))
    if bits is None:
        why = "no precision is given: it speaks of models whose weights and values have p bits"
        return Verdict(MESSAGE, "every model of this size", False, None, False, why)
    carried = float(message_log2(r, table.heads, bits, D, attention).high)
    out = not message_suffices(r, table.heads, bits, D, attention)
    why = f"D = {D}, H = {table.heads}, p = {bits}"
    return Verdict(MESSAGE, "every model of this size", True, carried, out, _needs(why, carried, r, out))


def _pattern(table: OneLayerTable) -> Verdict:
    block, r, D, about = table.block, table.r, len(table.offset_D), "every model of this size, in exact arithmetic"
    if not isinstance(block, Block) or block.top_k > 1:
        what = (
            "experts mixed by weights"
            if isinstance(block, Block)
            else "a block that is no ReLU network of this package"
        )
        return Verdict(PATTERN, about, False, None, False, f"does not cover {what}")
    hidden, attention = block.inner_KMF.shape[2], _attention(table)
    arguments = (r, hidden, D, block.experts, table.heads, attention)
    carried, out = float(pattern_bits(*arguments)), not pattern_suffices(*arguments)
    why = f"D = {D}, K = {block.experts}, {hidden} hidden units an expert"
    return Verdict(PATTERN, about, True, carried, out, _needs(why, carried, r, out))


def _needs(why: str, carried: float, r: int, out: bool) -> str:
    verdict = "every such model errs on some graph" if out else "room enough"
    return f"{why}: {carried:.4g} bits at most, {r} are needed: {verdict}"


def _attention(table: OneLayerTable) -> Attention:
    return "uniform" if table.uniform else "softmax"
