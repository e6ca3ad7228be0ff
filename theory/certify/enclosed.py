"""Signs and levels of numbers with exp and tanh of rationals in them, by enclosures of growing precision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import inf

from flint import arb

from theory.balls import ball, precision

MAX_BITS = 2**15
"""Precision at which a number that is still not told from 0 stays undecided."""


def sign_of_gated(terms: Sequence[tuple[Fraction, Fraction]]) -> tuple[int | None, float]:
    """Sign of ``sum of output * exp(score)`` over ``terms = [(score, output), …]``, and that over ``sum exp(score)``.

    Outputs of equal scores are added first.  What is left, unless all outputs are 0, is a sum of rational multiples of
    exponentials of different rationals, and such a sum is not 0 (Lindemann–Weierstrass): a precision that tells its
    sign exists.  The sign is None where :data:`MAX_BITS` is not enough.
    """
    outputs: dict[Fraction, Fraction] = {}
    for score, output in terms:
        outputs[score] = outputs.get(score, Fraction(0)) + output
    if len({(output > 0) - (output < 0) for output in outputs.values()}) == 1:  # nothing to weigh
        output = next(iter(outputs.values()))
        return (output > 0) - (output < 0), _gated(terms, 64)
    top = max(outputs)
    for bits in _precisions(MAX_BITS):
        with precision(bits):
            total = sum((ball(output) * ball(score - top).exp() for score, output in outputs.items()), arb(0))
            if total > 0 or total < 0:
                return (1 if total > 0 else -1), _gated(terms, bits)
    return None, _gated(terms, MAX_BITS)


def level_of(message: Fraction, levels: int) -> int:
    """``floor((tanh(message) + 1) / 2 * levels)``, from 0 to levels - 1.

    The tanh of a rational other than 0 is transcendental, so only a message of 0 lies on the border of two levels, and
    its tanh is exact: a precision that tells the level exists, and is found.
    """
    for bits in _precisions(inf):
        with precision(bits):
            position = (ball(message).tanh() + 1) / 2 * levels
            # 0 < position < levels, even where the ball reaches beyond.
            if position < 1:
                return 0
            if position > levels - 1:
                return levels - 1
            level = position.floor().unique_fmpz()
            if level is not None:
                return int(level)
    raise AssertionError("the precisions do not end")


def _precisions(most: float) -> Iterator[int]:
    bits = 128
    while bits <= most:
        yield bits
        bits *= 2


def _gated(terms: Sequence[tuple[Fraction, Fraction]], bits: int) -> float:
    top = max(score for score, _ in terms)
    with precision(bits):
        powers = [ball(score - top).exp() for score, _ in terms]
        total = sum((power * ball(output) for power, (_, output) in zip(powers, terms, strict=True)), arb(0))
        return float((total / sum(powers, arb(0))).mid())
