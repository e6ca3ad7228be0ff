"""Width at a given accuracy: the ceilings of INDEX and of planted instances, read as bounds on the width."""

from __future__ import annotations

from fractions import Fraction

from theory.bounds.ceilings import free_coordinates, index_bits
from theory.bounds.enclosure import at_least_zero, smallest
from theory.bounds.message import Attention, message_log2
from theory.bounds.pattern import pattern_log2


def index_suffices(
    accuracy: Fraction,
    r: int,
    heads: int,
    bits: int,
    width: int,
    attention: Attention = "softmax",
    set_size: int = 1,
) -> bool:
    """Whether the message of a p-bit model leaves room for this accuracy on INDEX, or planted with ``|B| = set_size``.

    Source: ``own-index-ceiling`` and ``own-planted-ceiling`` with the message count of ``own-message-bound``.

    Raises:
        InputError: ``set_size`` outside 1 to ``r``, or unknown attention.
    """
    asked = free_coordinates(r, set_size)
    return at_least_zero(
        lambda precision: (
            message_log2(r, heads, bits, width, attention, precision) - index_bits(accuracy, asked, precision)
        )
    )


def index_min_width(
    accuracy: Fraction, r: int, heads: int, bits: int, attention: Attention = "softmax", set_size: int = 1
) -> int:
    """The smallest ``D >= 1`` that :func:`index_suffices` allows."""
    return smallest(lambda width: index_suffices(accuracy, r, heads, bits, width, attention, set_size))


def pattern_accuracy_suffices(
    accuracy: Fraction,
    r: int,
    neurons: int,
    width: int,
    experts: int = 1,
    heads: int = 1,
    attention: Attention = "uniform",
) -> bool:
    """Whether the answer patterns of the model leave room for this accuracy on INDEX, at any precision.

    Source: this project, ``own-pattern-ceiling``.

    Raises:
        InputError: unknown attention, or fewer than one hidden unit or expert.
    """
    return at_least_zero(
        lambda precision: (
            pattern_log2(r, neurons, width, experts, heads, attention, precision) - index_bits(accuracy, r, precision)
        )
    )


def pattern_accuracy_min_width(
    accuracy: Fraction, r: int, neurons: int, experts: int = 1, heads: int = 1, attention: Attention = "uniform"
) -> int:
    """The smallest ``D >= 1`` that :func:`pattern_accuracy_suffices` allows."""
    return smallest(lambda width: pattern_accuracy_suffices(accuracy, r, neurons, width, experts, heads, attention))
