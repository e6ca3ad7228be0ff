"""Average-case ceilings: the accuracy that M bits about Alice's set can buy, as rationals that are never too low.

INDEX: ``A`` uniform on the subsets of ``[r]``, ``B = {i}``, ``i`` uniform.  A message of ``M`` bits tells at most ``M``
bits about ``r`` independent fair bits, and a bit guessed with error ``e`` is worth at least ``1 - h2(e)`` of them, so
``M >= r (1 - h2(error))``.  Experts act after the message and public randomness is conditioned on: neither occurs.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from math import ceil

from theory.bounds.enclosure import Enclosure, at_least_zero, log2
from theory.errors import InputError

# The inverse of h2 is found on the grid of multiples of 2**-GRID_BITS.
GRID_BITS = 44


def binary_entropy(probability: int | Fraction, precision: int = 128) -> Enclosure:
    """Enclose ``h2(x) = -x log2 x - (1-x) log2(1-x)`` in bits; exact at 0, 1/2 and 1.

    Raises:
        InputError: ``probability`` is outside [0, 1].
    """
    x = Fraction(probability)
    if not 0 <= x <= 1:
        raise InputError(f"probability {float(x)} is outside 0 to 1: give an error rate as a fraction of the cases.")
    if x in (0, 1):
        return Enclosure.exact(0)
    return -x * log2(x, precision) - (1 - x) * log2(1 - x, precision)


@lru_cache(maxsize=4096)
def binary_entropy_inverse(bits: int | Fraction) -> Enclosure:
    """Enclose the error rate in [0, 1/2] whose binary entropy is ``bits``, to ``2**-44``.

    Bisection on dyadic points; each step compares an enclosure of ``h2`` with ``bits``.  No rational inside (0, 1/2)
    has rational entropy, so every comparison is decided.

    Raises:
        InputError: ``bits`` is outside [0, 1].
    """
    target = Fraction(bits)
    if not 0 <= target <= 1:
        raise InputError(f"entropy {float(target)} is outside 0 to 1: give the bits of one binary answer.")
    if target == 1:
        return Enclosure.exact(Fraction(1, 2))
    if target == 0:
        return Enclosure.exact(0)
    low, high = 0, 1 << (GRID_BITS - 1)
    while high - low > 1:
        middle = (low + high) // 2
        if _entropy_exceeds(Fraction(middle, 1 << GRID_BITS), target):
            high = middle
        else:
            low = middle
    return Enclosure(Fraction(low, 1 << GRID_BITS), Fraction(high, 1 << GRID_BITS))


def _entropy_exceeds(error: Fraction, target: Fraction) -> bool:
    return at_least_zero(lambda precision: binary_entropy(error, precision) - target)


def bits_of_count(messages: int) -> Fraction:
    """``log2 messages`` rounded up to a multiple of ``2**-96``: the bits of a message given by how many there are."""
    return log2(messages, 96).high


def index_ceiling(message_bits: int | Fraction, r: int) -> Fraction:
    """The accuracy that no ``message_bits`` allow anyone to exceed on INDEX: ``1 - h2^-1(max(0, 1 - M/r))``.

    Rounded up, by less than ``2**-43``.  ``message_bits`` is a number or an upper bound on the message's entropy.

    Source: the classical bound for random access codes (Nayak 1999), applied to transformers; ``own-index-ceiling``.

    Raises:
        InputError: negative ``message_bits`` or ``r < 1``.
    """
    if message_bits < 0:
        raise InputError(f"message of {message_bits} bits: give 0 or more.")
    if r < 1:
        raise InputError(f"r = {r} intermediate vertices: give 1 or more.")
    missing = max(Fraction(0), 1 - Fraction(message_bits) / r)
    return 1 - binary_entropy_inverse(missing).low


def planted_ceiling(message_bits: int | Fraction, r: int, set_size: int) -> Fraction:
    """The INDEX ceiling with ``r - k + 1`` for ``r``, for planted instances whose ``B`` has ``k = set_size`` elements.

    ``B`` is a uniform k-set, ``A`` uniform outside ``B`` and meets ``B`` in one uniform element or in none, by a fair
    coin.  Source: this project, ``own-planted-ceiling``.

    Raises:
        InputError: ``set_size`` is outside 1 to ``r``, or negative ``message_bits``.
    """
    return index_ceiling(message_bits, free_coordinates(r, set_size))


def free_coordinates(r: int, set_size: int) -> int:
    """``r - k + 1``, the coordinates a planted instance leaves to chance once all of ``B`` but one is fixed.

    Raises:
        InputError: ``set_size`` is outside 1 to ``r``.
    """
    if not 1 <= set_size <= r:
        raise InputError(f"planted set of {set_size} elements among {r} intermediate vertices: give 1 to {r}.")
    return r - set_size + 1


def trivial_scheme(message_bits: int | Fraction, r: int) -> Fraction:
    """The INDEX accuracy of "store M of the r bits, guess the rest": ``(1 + M/r) / 2``, at most 1."""
    return min(Fraction(1), (1 + Fraction(message_bits) / r) / 2)


def index_bits(accuracy: Fraction, r: int, precision: int = 128) -> Enclosure:
    """Enclose ``r (1 - h2(accuracy))``, the bits that INDEX at this accuracy takes at least."""
    return r * (Enclosure.exact(1) - binary_entropy(1 - accuracy, precision + r.bit_length()))


def index_min_bits(accuracy: Fraction, r: int) -> int:
    """The smallest whole number of message bits not ruled out at this accuracy on INDEX.

    Source: ``own-index-ceiling`` read the other way.

    Raises:
        InputError: ``accuracy`` is outside 1/2 to 1.
    """
    if not Fraction(1, 2) <= accuracy <= 1:
        raise InputError(f"accuracy {float(accuracy)} is outside 0.5 to 1: give a fraction of right answers.")
    precision = 128
    while True:
        enclosure = index_bits(accuracy, r, precision)
        # h2(a/c) with a + b = c coprime is rational only at 0, 1/2 and 1, where the enclosure is a point: no odd
        # prime cancels in a^a b^b / c^c, so all three are powers of two.  Hence the ends agree in the end.
        if ceil(enclosure.low) == ceil(enclosure.high):
            return ceil(enclosure.high)
        precision *= 2


def per_coordinate_bits(errors: Iterable[int | Fraction]) -> Enclosure:
    """Enclose ``sum_i (1 - h2(error_i))``: the bits a message must have if coordinate ``i`` is read with ``error_i``.

    Sharper than the average form, since ``h2`` is concave.  ``errors`` are exact, such as ``Fraction(wrong, asked)``.

    Source: the proof of ``own-index-ceiling``.

    Raises:
        InputError: an error rate outside [0, 1].
    """
    return sum((Enclosure.exact(1) - binary_entropy(error) for error in errors), Enclosure.exact(0))
