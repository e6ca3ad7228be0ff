"""What the two halves of a graph can tell each other through one attention layer: the exact counting bound.

Alice holds the edges at the source, Bob those at the target.  Per head the query reads ``(sum w, sum w v)``, additive
over edges, so Alice can send her two partial sums and Bob can finish the model alone.  Two of Alice's ``2**r`` sets
with the same message would get the same answers, so a correct model needs at least ``2**r`` messages.

``r`` is the number of intermediate vertices, ``p = bits`` the bits of a weight in ``[0, 2**p)`` and of a two's
complement value, ``D = width`` the total value width read by the query, ``H = heads``.
"""

from __future__ import annotations

from math import ceil
from operator import index
from typing import Literal

from theory.bounds.enclosure import Enclosure, at_least_zero, log2, smallest
from theory.errors import InputError

Attention = Literal["softmax", "uniform"]
ATTENTIONS: tuple[Attention, ...] = ("softmax", "uniform")


def _sums(r: int, bits: int, attention: Attention) -> tuple[int, int]:
    """How many values ``sum w`` of one head and ``sum w v`` of one coordinate can take."""
    if attention not in ATTENTIONS:
        raise InputError(f"attention {attention!r} is unknown: give softmax or uniform.")
    # Python integers: numpy's would overflow without a word.
    r, largest = index(r), 2 ** index(bits) - 1
    if attention == "uniform":
        # Every weight is the same constant: sum w tells nothing, and a value alone spans 2**p numbers.
        return 1, r * largest + 1
    return r * largest + 1, r * largest**2 + 1


def message_count(r: int, heads: int, bits: int, width: int, attention: Attention = "softmax") -> int:
    """The number of messages Alice has at most: ``(r(2^p-1)+1)^H (r(2^p-1)^2+1)^D``, or ``(r(2^p-1)+1)^D`` for uniform.

    Source: this project, ``own-message-bound``.

    Raises:
        InputError: unknown attention.
    """
    weight_sums, value_sums = _sums(r, bits, attention)
    return weight_sums ** index(heads) * value_sums ** index(width)


def message_log2(
    r: int, heads: int, bits: int, width: int, attention: Attention = "softmax", precision: int = 64
) -> Enclosure:
    """Enclose the base-2 logarithm of :func:`message_count`, in bits, without forming the number."""
    weight_sums, value_sums = _sums(r, bits, attention)
    # Multiplying by H and D widens the enclosures; the extra precision takes that back.
    heads, width = index(heads), index(width)
    precision += heads.bit_length() + width.bit_length()
    return heads * log2(weight_sums, precision) + width * log2(value_sums, precision)


def message_bits(r: int, heads: int, bits: int, width: int, attention: Attention = "softmax") -> int:
    """Bits that suffice to name Alice's message: the logarithm of :func:`message_count`, rounded up."""
    precision = 64
    while True:
        enclosure = message_log2(r, heads, bits, width, attention, precision)
        # A product of integers is a power of two only if each factor is, and then the logarithms are exact,
        # so the two ends agree at some precision.
        if ceil(enclosure.low) == ceil(enclosure.high):
            return ceil(enclosure.high)
        precision *= 2


def message_min_width(r: int, heads: int, bits: int, attention: Attention = "softmax") -> int:
    """The smallest total value width ``D >= 1`` with ``message_count >= 2**r``.

    Source: this project, ``own-message-bound``.  A smaller width makes every such model wrong on some graph.

    Raises:
        InputError: unknown attention.
    """
    return smallest(lambda width: message_suffices(r, heads, bits, width, attention))


def message_suffices(r: int, heads: int, bits: int, width: int, attention: Attention = "softmax") -> bool:
    """Whether ``message_count >= 2**r``: the size is not ruled out by counting."""
    return at_least_zero(lambda precision: message_log2(r, heads, bits, width, attention, precision) - r)


def closed_form_bits(r: int, heads: int, bits: int, width: int, attention: Attention = "softmax") -> int:
    """``H(p+l) + D(2p+l)`` bits with ``l = ceil(log2 r)``, or ``D(p+l)`` for uniform attention.

    Source: the message of Theorem 3.2, with this project's constants; never below :func:`message_bits`.
    """
    carry = ceil_log2(r)
    if attention == "uniform":
        return width * (bits + carry)
    return heads * (bits + carry) + width * (2 * bits + carry)


def closed_form_min_width(r: int, heads: int, bits: int, attention: Attention = "softmax") -> int:
    """The width that Theorem 3.2 asks for with explicit constants, at least 1.

    The larger of ``(r - H(p+l)) / (2p+l)`` and ``r / (3p+2l)``, rounded up, ``l = ceil(log2 r)``.  The second needs
    no bound on ``H``: every head has at least one coordinate, so ``H <= D``.  Uniform attention: ``r / (p+l)``.

    Source: Mixture of Parrots, Theorem 3.2, which states it asymptotically; the constants are this project's.

    Raises:
        InputError: unknown attention.
    """
    if attention not in ATTENTIONS:
        raise InputError(f"attention {attention!r} is unknown: give softmax or uniform.")
    carry = ceil_log2(r)
    if attention == "uniform":
        return max(1, -(-r // (bits + carry)))
    at_these_heads = -(-(r - heads * (bits + carry)) // (2 * bits + carry))
    at_any_heads = -(-r // (3 * bits + 2 * carry))
    return max(1, at_these_heads, at_any_heads)


def ceil_log2(n: int) -> int:
    """``ceil(log2 n)`` of a positive integer, exactly."""
    return (index(n) - 1).bit_length()
