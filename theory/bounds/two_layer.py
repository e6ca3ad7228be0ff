"""How sharp the attention of the hand-built two- and three-layer models must be, and what float32 may add.

All three layers are the same argument (`own-two-layer`): of N tokens one group should win, the scores of the others lie
at least a gap below, so the odds against the winner are at most ``N exp(-beta · gap)``.  :func:`attention` evaluates
the whole chain with intervals; :func:`sufficient_beta` is the closed form that implies it in exact arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from mpmath import iv

from theory.bounds.enclosure import at_least_zero, log2, log2_e, smallest
from theory.bounds.message import ceil_log2
from theory.bounds.softmax import EXP_UNITS, RESCALED

READ = 3
"""The read-out layer is this many times as sharp as the layers before it."""
MARGIN = Fraction(1, 6)
"""How far the query's attention to edges must stay from 1/2, on the right side."""
LEAST_TOKENS = 8
"""Smallest N that the closed form speaks of."""


def code_length(vertices: int) -> int:
    """``c = ceil(log2 V)``: signs that tell V vertices apart."""
    return ceil_log2(vertices)


def two_layer_width(vertices: int) -> int:
    """``2c + 7``: two codes and seven named coordinates."""
    return 2 * code_length(vertices) + 7


def three_layer_width(vertices: int) -> int:
    """``2c + 8``: one coordinate more, which marks the query."""
    return 2 * code_length(vertices) + 8


def sufficient_beta(tokens: int) -> int:
    """The least whole ``beta >= ln(8 N)``; N counts edge slots, sink and query, at least :data:`LEAST_TOKENS`."""
    N = max(tokens, LEAST_TOKENS)

    def at_least_log(beta: int) -> bool:  # beta log2 e >= log2(8 N); the two are never equal
        return at_least_zero(lambda precision: beta * log2_e(precision) - log2(8 * N, precision))

    return smallest(at_least_log)


@dataclass(frozen=True)
class Attention:
    """The query's attention to edges: at least ``path`` in graphs with a path, at most ``no_path`` in all others."""

    path: float
    no_path: float

    @property
    def decides(self) -> bool:
        half = Fraction(1, 2)
        return self.path >= half + MARGIN and self.no_path <= half - MARGIN


def attention(
    tokens: int, beta: int, named: bool = False, direct: bool = False, log_error: Fraction = Fraction(0)
) -> Attention:
    """Bounds over all graphs of at most N = ``tokens`` tokens.

    ``named``: the query names the ends, so that the flags of source and target come out of a layer; ``direct``: the
    edge (s, d) itself counts as a path; ``log_error``: rounding changes the odds of a layer, and a value that it reads,
    by a factor between ``exp(-log_error)`` and ``exp(log_error)``.  Everything is an interval; the outer ends are
    returned.
    """
    factor = iv.exp(_interval(log_error))
    above_one = factor - 1
    flag = _interval(Fraction(0))  # how far a flag of source or target is from 0 or 1
    if named:  # the query (score c) against the sink (c - 1) and N others (at most c - 2)
        flag = (iv.exp(-beta) + tokens * iv.exp(-2 * beta)) * factor + above_one
    # An edge's partner (c + 2) against the sink (c + 1) and N others (at most c); without partner the sink should win.
    against = (iv.exp(-beta * (1 - 4 * flag)) + tokens * iv.exp(-beta * (2 - 2 * flag))) * factor
    found = 1 / (factor * (1 + against))
    stray = tokens * iv.exp(-beta * (1 - 2 * flag)) * factor
    # The read-out: an edge at s with a partner (1 + found) against the sink (3/2) and N others.
    on_source = 2 if direct else 1
    noise = stray + above_one + (on_source + direct) * flag  # what may be added to a score that should be lower
    lead = iv.mpf([min(found.a, (1 - flag).a), 1]) - on_source * flag
    half, sharp = _interval(Fraction(1, 2)), READ * beta
    others = (iv.exp(-sharp * (lead - half - noise)) + tokens * iv.exp(-sharp * (1 + lead - noise))) * factor
    path = 1 / (factor * (1 + others))
    no_path = tokens * iv.exp(-sharp * (half - noise)) * factor
    return Attention(float(path.a), float(no_path.b))


def _interval(value: Fraction) -> Any:
    return iv.mpf(value.numerator) / value.denominator


def float_error(tokens: int, code: int, width: int, beta: int, unit_roundoff: Fraction) -> Fraction:
    """``log_error`` of :func:`attention` for a float program with this unit roundoff u.

    A score is a sum of ``width`` products whose sizes add up to at most ``beta (3c + 20)``, 3c of them where edges of
    named ends are compared with edges; computing it and subtracting the running maximum are off by at most
    ``(width + 4) u`` times that.  An exponential is right to :data:`~theory.bounds.softmax.EXP_UNITS` u.  Sums over N
    tokens add at most N roundings to a term, in any order, and one more such exponential for every
    :data:`~theory.bounds.softmax.RESCALED` tokens of a stream, N/2 u together.  A read value is the ratio of two such
    sums.
    """
    score = (width + 4) * beta * (3 * code + 20)
    per_term = (score + EXP_UNITS + (1 + Fraction(EXP_UNITS, RESCALED)) * tokens) * unit_roundoff
    return Fraction(5, 2) * per_term  # 2 for the ratio, the rest for products of errors while this is below 1/4


def largest_tokens(code: int, width: int, unit_roundoff: Fraction, named: bool, direct: bool) -> int:
    """The largest power of two N for which :func:`attention` decides, at ``sufficient_beta(N)`` and this roundoff."""
    tokens = LEAST_TOKENS
    while carries(2 * tokens, code, width, unit_roundoff, named, direct):
        tokens *= 2
    return tokens


def carries(tokens: int, code: int, width: int, unit_roundoff: Fraction, named: bool, direct: bool) -> bool:
    """Whether a float program with this unit roundoff is shown right for N = ``tokens``, at ``sufficient_beta(N)``."""
    return _shown(sufficient_beta(tokens), tokens, code, width, unit_roundoff, named, direct)


def float_beta(tokens: int, code: int, width: int, unit_roundoff: Fraction, named: bool, direct: bool) -> int:
    """A whole beta at which a float program is shown right for N = ``tokens``, at most :func:`largest_tokens`.

    It is ``sufficient_beta(N)`` where that leaves room for rounding, else that of the next power of two, one more at
    most: there the bounds decide, and at the same beta all of them are tighter for fewer tokens.
    """
    least = sufficient_beta(tokens)
    if _shown(least, tokens, code, width, unit_roundoff, named, direct):
        return least
    return sufficient_beta(1 << (tokens - 1).bit_length())


def _shown(beta: int, tokens: int, code: int, width: int, unit_roundoff: Fraction, named: bool, direct: bool) -> bool:
    error = float_error(tokens, code, width, beta, unit_roundoff)
    return error < Fraction(1, 4) and attention(tokens, beta, named, direct, error).decides
