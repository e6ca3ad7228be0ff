"""Corollary 3.4 with exact parameter counts: how many experts make a matched model too narrow."""

from __future__ import annotations

from fractions import Fraction

from theory.bounds.entropy import entropy_min_width
from theory.bounds.message import Attention
from theory.errors import InputError


def dense_parameters(width: int, hidden_ratio: int | Fraction) -> Fraction:
    """``4 m^2 + 2 c m^2``: query, key, value and output maps, and one hidden layer of ``c m`` units.

    Embeddings and biases are not counted.
    """
    return (4 + 2 * Fraction(hidden_ratio)) * width**2


def expert_parameters(width: int, hidden_ratio: int | Fraction, experts: int) -> Fraction:
    """``4 m^2 + K (2 c m^2 + m)``: attention once, ``K`` experts, and one router row for each."""
    return 4 * Fraction(width) ** 2 + experts * (2 * Fraction(hidden_ratio) * width**2 + width)


def critical_experts(vertices: int, hidden_ratio: int | Fraction, first_allowed_width: int) -> int | None:
    """The number of experts from which on a mixture matched to the dense model is too narrow to be right.

    The dense model has width ``V`` and solves the problem (Theorem 3.3).  A mixture that may be right has width
    ``m1 = first_allowed_width`` or more.  The answer is the smallest ``K`` at which even width ``m1`` has more
    parameters than the dense model: ``floor(((4+2c) V^2 - 4 m1^2) / (2 c m1^2 + m1)) + 1``.
    ``None`` if ``m1 <= 1``: no width is ruled out and the corollary says nothing at this size.

    Source: Mixture of Parrots, Corollary 3.4, which states it asymptotically; the counts are this project's.

    Raises:
        InputError: ``hidden_ratio`` is not positive.
    """
    if hidden_ratio <= 0:
        raise InputError(
            f"hidden ratio {hidden_ratio} is not positive: give hidden units per unit of width, such as 1 or 4."
        )
    if first_allowed_width <= 1:
        return None
    spare = dense_parameters(vertices, hidden_ratio) - expert_parameters(first_allowed_width, hidden_ratio, 0)
    per_expert = expert_parameters(first_allowed_width, hidden_ratio, 1) - expert_parameters(
        first_allowed_width, hidden_ratio, 0
    )
    return max(1, spare // per_expert + 1)


def critical_experts_at(
    vertices: int, bits: int, hidden_ratio: int | Fraction = 1, heads: int = 1, attention: Attention = "softmax"
) -> int | None:
    """:func:`critical_experts` at the smallest width that the entropy bound does not rule out for p-bit numbers."""
    return critical_experts(vertices, hidden_ratio, entropy_min_width(vertices - 2, heads, bits, attention))
