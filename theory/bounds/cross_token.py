"""Sizes and exact range of the constructions with attention and cross-token routing.

Attention flags the edges whose partner exists.  With ``y = e^-beta``, N tokens and codes of c signs the flag is at
least ``1 / (1 + y)`` if the partner is there and at most ``R / (1 + R)`` if not, ``R`` the :func:`leak`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from theory.bounds.enclosure import Enclosure
from theory.bounds.message import ceil_log2
from theory.bounds.softmax import EXP_UNITS, Precision, exp, exp_factor, is_power_of_two, softmax_error
from theory.errors import InputError

HALF = Fraction(1, 2)
GAIN = Fraction(2)
"""The router's logit is GAIN times the flag: small, so that a softmax of two logits does not saturate."""


@dataclass(frozen=True)
class Flags:
    """Computed flags, rounding included: at least ``partner`` with a partner, at most ``alone`` without, and at most
    ``idle`` at tokens that are no edge of a length-2 path."""

    partner: Fraction
    alone: Fraction
    idle: Fraction


def code_length(r: int) -> int:
    """``c = max(1, ceil(log2 r))`` signs tell r vertices apart."""
    return max(1, ceil_log2(r))


def cross_token_width(r: int) -> int:
    """``c + 4``: the code, the edge's type (later the answer), a one, the sink's mark, the flag."""
    return code_length(r) + 4


def leak(code: int, tokens: int, beta: Fraction) -> Enclosure:
    """``R = ((1 + y^2)^c - 1) / y + max(0, N - 2^c) y^(2c-1)``, ``y = e^-beta``.

    The most attention, relative to the sink's, that an edge without partner gives to other tokens: the first term for
    edges of the other type, at most ``binom(c, k)`` at Hamming distance k, the second for all others.
    """
    y = exp(-beta)
    return Enclosure(_leak(code, tokens, y.low), _leak(code, tokens, y.high))


def _leak(code: int, tokens: int, y: Fraction) -> Fraction:
    return ((1 + y * y) ** code - 1) / y + max(0, tokens - 2**code) * y ** (2 * code - 1)


def flags(code: int, tokens: int, beta: Fraction, precision: Precision | None = None) -> Flags:
    """The flags that attention computes; ``precision`` None for exact arithmetic."""
    error = Fraction(0) if precision is None else softmax_error(tokens, precision)
    y, stray = exp(-beta).high, leak(code, tokens, beta).high
    idle = (tokens - 1) * y ** (2 * code - 1)
    return Flags(
        partner=(1 - error) / (1 + y),
        alone=(1 + error) * stray / (1 + stray),
        idle=(1 + error) * idle / (1 + idle),
    )


def capacity_is_exact(code: int, tokens: int, beta: Fraction, precision: Precision) -> bool:
    """Whether token choice sends flagged edges, and no others, to the query's expert.

    The router compares ``GAIN (flag - 1/2)`` with 0, by exponentials that are rounded and then divided by their sum.
    """
    found = _exact_flags(code, tokens, beta, precision)
    slack = (16 * precision.unit + 2 * EXP_UNITS * precision.internal) / GAIN
    return found is not None and found.alone + slack < HALF < found.partner - slack


def expert_choice_is_exact(code: int, tokens: int, beta: Fraction, precision: Precision) -> bool:
    """Whether the scores rank flagged edges, then the query, then all other tokens.

    The query's flag starts at 1/2 and gains at most ``idle``; a score is the softmax of ``(GAIN flag, 0)``, rounded.
    """
    found = _exact_flags(code, tokens, beta, precision)
    if found is None:
        return False
    up = exp_factor(precision)
    highest = (HALF + found.idle) * (1 + precision.unit)
    return (
        _score(found.alone).high * up < _score(HALF).low / up
        and _score(highest).high * up < _score(found.partner).low / up
    )


def soft_is_exact(code: int, tokens: int, beta: Fraction, precision: Precision, beta2: Fraction) -> bool:
    """Whether one slot, a softmax mean of the flags at ``beta2``, is below 1/2 without a path and above with one.

    The mean is at most the largest flag.  With a path at least one token weighs ``e^(beta2 partner)``, and fewer than N
    weigh at most ``e^(beta2 alone)``.
    """
    found = _exact_flags(code, tokens, beta, precision)
    if found is None or not is_power_of_two(beta2):
        return False
    error = softmax_error(tokens, precision)
    others = tokens * exp(-beta2 * (found.partner - found.alone)).high
    return found.alone * (1 + error) < HALF < found.partner / (1 + others) * (1 - error)


FORMS: dict[str, Callable[[int, int, Fraction, Precision], bool]] = {
    "soft": lambda code, tokens, beta, precision: soft_beta2(code, tokens, beta, precision) is not None,
    "expert-choice": expert_choice_is_exact,
    "capacity": capacity_is_exact,
}


def cross_token_beta(form: str, code: int, tokens: int, precision: Precision) -> Fraction:
    """The least power of two from 1 on at which the ``form`` is right on every graph of up to ``tokens`` tokens.

    Raises:
        InputError: none up to 64, because the precision is too low for so many tokens or vertices.
    """
    for power in range(7):
        if FORMS[form](code, tokens, Fraction(2**power), precision):
            return Fraction(2**power)
    raise InputError(
        f"{tokens} tokens and codes of {code} signs are beyond what {precision.name} computes exactly: "
        "give fewer slots or vertices, or a higher precision."
    )


def soft_beta2(code: int, tokens: int, beta: Fraction, precision: Precision) -> Fraction | None:
    """The least power of two up to 256 at which :func:`soft_is_exact`, None if there is none."""
    powers = (Fraction(2**power) for power in range(9))
    return next((beta2 for beta2 in powers if soft_is_exact(code, tokens, beta, precision, beta2)), None)


def _exact_flags(code: int, tokens: int, beta: Fraction, precision: Precision) -> Flags | None:
    """The computed flags, if logits (integers up to 4c times a power of two) are exact and 1/2 separates the flags."""
    if not is_power_of_two(beta) or 4 * code > precision.exact_integers:
        return None
    found = flags(code, tokens, beta, precision)
    return found if found.alone < HALF < found.partner else None


def _score(flag: Fraction) -> Enclosure:
    """Softmax of ``(GAIN flag, 0)``: ``1 / (1 + e^(-GAIN flag))``."""
    rest = exp(-GAIN * flag)
    return Enclosure(1 / (1 + rest.high), 1 / (1 + rest.low))
