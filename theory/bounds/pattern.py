"""The pattern bound: what one layer can do at *any* precision, by counting the cells of a hyperplane arrangement.

Bob's sets are the singletons.  The ``r`` answers of a ReLU block at the states ``x + y_1, ..., x + y_r`` are a function
of Alice's state ``x``.  The signs of its ``n r`` preactivations split the space of ``x`` into at most ``C(n r, D)``
cells, on each the ``r`` outputs are affine, so they take at most ``C(r, D)`` sign patterns there.  A correct model
shows ``2**r`` patterns: ``2**r <= C(n r, D) C(r, D)`` with ``C(m, k) = sum_{j<=k} binom(m, j)``.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from operator import index

from theory.bounds.ceilings import free_coordinates, index_ceiling
from theory.bounds.enclosure import Enclosure, at_least_zero, log2, log2_2pi_e, log2_e, smallest
from theory.bounds.message import ATTENTIONS, Attention
from theory.errors import InputError

# Up to these dimensions cells are counted one by one: to say how many bits they are, and to decide a comparison,
# where an enclosure nearly always settles it and the count is kept for the rest, while it takes seconds at most.
COUNTED_DIMENSION = 4096
DECIDED_BY_COUNT = 64
COUNTED_AT_ALL = 1 << 16


@lru_cache(maxsize=256)
def cells(hyperplanes: int, dimension: int) -> int:
    """``C(m, k) = sum_{j<=k} binom(m, j)``: the most cells that ``m`` hyperplanes cut ``k``-space into."""
    if dimension >= hyperplanes:
        return 1 << hyperplanes
    total = term = 1
    for j in range(1, dimension + 1):
        term = term * (hyperplanes - j + 1) // j
        total += term
    return total


def log2_cells(hyperplanes: int, dimension: int, precision: int = 64, counted: int = COUNTED_DIMENSION) -> Enclosure:
    """Enclose ``log2 C(m, k)``, in bits; counted exactly up to the dimension ``counted``.

    Beyond it: ``C(m, k) >= 2^(m-1)`` if ``2k >= m``; else ``binom(m, k) <= C(m, k) <= binom(m, k) (m-k+1)/(m-2k+1)``,
    by a geometric series, with Robbins' bounds on the factorials.
    """
    m, k = hyperplanes, dimension
    if k >= m:
        return Enclosure.exact(m)
    if k <= counted:
        return log2(cells(m, k), precision)
    if 2 * k >= m:
        return Enclosure(Fraction(m - 1), Fraction(m))
    largest = log2_factorial(m, precision) - log2_factorial(k, precision) - log2_factorial(m - k, precision)
    series = log2(Fraction(m - k + 1, m - 2 * k + 1), precision)
    return Enclosure(largest.low, min(Fraction(m), (largest + series).high))


def log2_factorial(n: int, precision: int = 64) -> Enclosure:
    """Enclose ``log2 n!``: ``n! = sqrt(2 pi n) (n/e)^n e^t`` with ``1/(12n+1) < t < 1/(12n)`` (Robbins 1955)."""
    precision += n.bit_length()
    e_bits = log2_e(precision)
    remainder = Enclosure(Fraction(1, 12 * n + 1) * e_bits.low, Fraction(1, 12 * n) * e_bits.high)
    root = Fraction(1, 2) * (log2_2pi_e(precision) - e_bits + log2(n, precision))
    return n * (log2(n, precision) - e_bits) + root + remainder


def hyperplane_units(neurons: int, experts: int = 1) -> int:
    """``n = K h + K (K-1) / 2``: hidden units of all experts and the differences of a linear top-1 router's rows.

    One expert has no router: ``n = h``.
    """
    neurons, experts = index(neurons), index(experts)  # Python integers: numpy's would overflow without a word
    return experts * neurons + experts * (experts - 1) // 2


def _check(attention: Attention, neurons: int, experts: int) -> None:
    if attention not in ATTENTIONS:
        raise InputError(f"attention {attention!r} is unknown: give softmax or uniform.")
    if neurons < 1 or experts < 1:
        raise InputError(f"{neurons} hidden units and {experts} experts: give 1 or more of each.")


def pattern_log2(
    r: int,
    neurons: int,
    width: int,
    experts: int = 1,
    heads: int = 1,
    attention: Attention = "uniform",
    precision: int = 64,
) -> Enclosure:
    """Enclose the bits that name one of the answer patterns a one-layer model can show, at any precision.

    Uniform attention: dimension ``D``.  One softmax head: ``D + 1``, after clearing its denominator.  ``H > 1`` softmax
    heads: polynomials of degree ``H`` in ``k = D + H`` variables, so Warren's ``(4 e H n r / k)^k (4 e H r / k)^k``
    while ``k <= r``; above that all ``2^r`` patterns.

    Source: this project, ``own-pattern-bound``.

    Raises:
        InputError: unknown attention, or fewer than one hidden unit or expert.
    """
    _check(attention, neurons, experts)
    units = hyperplane_units(neurons, experts)
    r, width, heads = index(r), index(width), index(heads)
    if attention == "softmax" and heads > 1:
        return _warren_log2(r, units, width + heads, heads, precision)
    dimension = width + (attention == "softmax")
    return log2_cells(units * r, dimension, precision) + log2_cells(r, dimension, precision)


def _warren_log2(r: int, units: int, variables: int, heads: int, precision: int) -> Enclosure:
    if variables > r:
        return Enclosure.exact(r)
    precision += variables.bit_length()
    base = log2(Fraction(16 * heads**2 * units * r**2, variables**2), precision) + 2 * log2_e(precision)
    return variables * base


def pattern_bits(
    r: int,
    neurons: int,
    width: int,
    experts: int = 1,
    heads: int = 1,
    attention: Attention = "uniform",
    set_size: int = 1,
) -> Fraction:
    """A rational upper bound on :func:`pattern_log2`; ``r - k + 1`` stands for ``r`` if ``|B| = k = set_size``."""
    return pattern_log2(free_coordinates(r, set_size), neurons, width, experts, heads, attention).high


def pattern_suffices(
    r: int, neurons: int, width: int, experts: int = 1, heads: int = 1, attention: Attention = "uniform"
) -> bool:
    """Whether the model can show ``2**r`` answer patterns: the size is not ruled out.

    Beyond dimension 65536 a case that the enclosure leaves open counts as not ruled out.
    """
    _check(attention, neurons, experts)
    if attention == "softmax" and heads > 1:
        return at_least_zero(
            lambda precision: pattern_log2(r, neurons, width, experts, heads, attention, precision) - r
        )
    r, width = index(r), index(width)
    dimension, hyperplanes = width + (attention == "softmax"), hyperplane_units(neurons, experts) * r
    spare = log2_cells(hyperplanes, dimension, counted=DECIDED_BY_COUNT) - r
    spare += log2_cells(r, dimension, counted=DECIDED_BY_COUNT)
    if spare.low >= 0 or spare.high < 0:
        return spare.low >= 0
    if dimension > COUNTED_AT_ALL:
        return True
    return (cells(hyperplanes, dimension) * cells(r, dimension)).bit_length() > r


def pattern_min_width(r: int, neurons: int, experts: int = 1, heads: int = 1, attention: Attention = "uniform") -> int:
    """The smallest total value width ``D >= 1`` that the pattern bound does not rule out, whatever the precision.

    ``neurons`` are the hidden units of one expert.

    Source: this project, ``own-pattern-bound``.

    Raises:
        InputError: unknown attention, or fewer than one hidden unit or expert.
    """
    _check(attention, neurons, experts)
    return smallest(lambda width: pattern_suffices(r, neurons, width, experts, heads, attention))


def pattern_ceiling(
    r: int,
    neurons: int,
    width: int,
    experts: int = 1,
    heads: int = 1,
    attention: Attention = "uniform",
    set_size: int = 1,
) -> Fraction:
    """The accuracy that no model of this shape exceeds on INDEX, or on planted instances with ``|B| = set_size > 1``.

    The answer pattern is a message about ``A`` that suffices for Bob, so the INDEX ceiling holds with ``M`` its bits.
    It needs no quantisation: it speaks of exact arithmetic on the model's weights.

    Source: this project, ``own-pattern-ceiling``.

    Raises:
        InputError: unknown attention, fewer than one hidden unit or expert, ``set_size`` outside 1 to ``r``.
    """
    bits = pattern_bits(r, neurons, width, experts, heads, attention, set_size)
    return index_ceiling(bits, free_coordinates(r, set_size))
