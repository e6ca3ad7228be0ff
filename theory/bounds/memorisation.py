"""How many parameters and bits memorising n random labels takes: a bound from below, and what the built models use."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import isqrt

from theory.accounting import Parameters, memoriser_parameters
from theory.bounds.enclosure import Enclosure, at_least_zero, log2, log2_e, log2_of, pi, smallest
from theory.errors import InputError
from theory.memorisation.routers import Router


def memorisation_min_parameters(sequences: int, bits: int) -> int:
    """``ceil(n / c)``: parameters of ``bits`` (c) bits that any model needs which can hold all 2^n labelings.

    W parameters of c bits have ``2^(W c)`` values and give at most as many labelings of n fixed inputs.  A dense model
    uses all of its parameters at every input, so all of them are active; a mixture needs as many in total.

    Source: Mixture of Parrots, Theorem 3.6, which states it asymptotically.

    Raises:
        InputError: a number below 1.
    """
    for name, value in (("sequences", sequences), ("bits", bits)):
        if value < 1:
            raise InputError(f"{name} {value} is below 1: give 1 or more.")
    return -(-sequences // bits)


def most_labels(parameters: int, bits: int) -> int:
    """``W c``: the most inputs whose labelings W parameters of c bits can all hold.

    The largest n with :func:`memorisation_min_parameters` at most W.

    Source: Mixture of Parrots, Theorem 3.6.

    Raises:
        InputError: a number below 1.
    """
    for name, value in (("parameters", parameters), ("bits", bits)):
        if value < 1:
            raise InputError(f"{name} {value} is below 1: give 1 or more.")
    return parameters * bits


def most_facts(capacity: int | Fraction, answers: int) -> int:
    """The most facts, each one of ``answers`` (2 or more) equally likely ones, that so many bits can hold.

    The largest n with ``n log2(answers) <= capacity``: a closed book of n entries has ``answers^n`` contents.

    Raises:
        InputError: fewer than two answers, or less than no capacity.
    """
    if answers < 2 or capacity < 0:
        raise InputError(f"{answers} answers, {capacity} bits: give 2 or more answers and 0 or more bits.")
    bits = Enclosure.exact(capacity)
    return smallest(lambda n: not at_least_zero(lambda precision: bits - n * log2(answers, precision))) - 1


def labelings_held(parameters: int, bits: int, sequences: int, wrong: int = 0) -> Fraction:
    """At most this share of all 2^n labelings can be held by W parameters of c bits: ``min(1, 2^(W c - n))``.

    So random labels are memorised with at most this probability.  With up to ``wrong`` errors allowed each of the
    ``2^(W c)`` models is near ``sum_(i <= wrong) C(n, i)`` labelings, by which the share grows.

    Raises:
        InputError: ``wrong`` is no number of the sequences.
    """
    if not 0 <= wrong <= sequences:
        raise InputError(f"wrong {wrong} is outside 0 to {sequences}, the sequences: give a number of them.")
    return min(Fraction(1), Fraction(2) ** (parameters * bits - sequences) * _near(sequences, wrong))


@cache
def _near(sequences: int, wrong: int) -> int:
    """Labelings within ``wrong`` errors of one."""
    term = total = 1
    for errors in range(1, wrong + 1):
        term = term * (sequences - errors + 1) // errors
        total += term
    return total


def largest_load(sequences: int, experts: int) -> int:
    """``ceil(n / K)``: the most sequences of one expert behind an interval router."""
    return -(-sequences // experts)


def memoriser_bound(sequences: int, width: int, experts: int, router: Router = "interval") -> Parameters:
    """Parameters that hold any labels of n sequences with distinct readings: an expert never needs more units.

    An expert with L sequences has at most L - 1 label changes and needs a unit for each.  With the rank-one
    router ``.total`` is ``m + 2K + K(3 ceil(n/K) - 2)`` and ``.active`` is ``m + 2K + 3 ceil(n/K) - 2``; with the dense
    one it is ``K(m + 1)`` instead of ``2K``.

    Source: this project, ``own-interval-memoriser``; with the dense router a finite form of Theorem 3.5.

    Raises:
        InputError: a number below 1, more experts than sequences, or a router that does not balance the load.
    """
    for name, value in (("sequences", sequences), ("width", width), ("experts", experts)):
        if value < 1:
            raise InputError(f"{name} {value} is below 1: give 1 or more.")
    if experts > sequences:
        raise InputError(f"{experts} experts for {sequences} sequences: some would get none; give 1 to {sequences}.")
    if router not in ("interval", "dense-interval"):
        raise InputError(f"router {router} bounds no load: give interval or dense-interval.")
    return memoriser_parameters(width, largest_load(sequences, experts) - 1, experts, router)


@cache
def best_experts(sequences: int, width: int, router: Router = "interval") -> int:
    """The K with the fewest active parameters by :func:`memoriser_bound`, the smallest of equals.

    About ``sqrt(3n/2)`` for the rank-one router, ``sqrt(3n/(m + 1))`` for the dense one.
    """

    def active(experts: int) -> tuple[int, int]:
        return memoriser_bound(sequences, width, experts, router).active, experts

    # Where a K has a + bK + 3n/K active parameters up to 3, none beyond twice the minimum is best.
    most = min(sequences, 4 * isqrt(3 * sequences) + 4)
    return min(map(active, range(1, most + 1)))[1]


def fraction_bits_suffice(sequences: int, bits: int, failure: Fraction, variance: Fraction) -> bool:
    """Whether thresholds with that many fraction bits hold random labels with probability ``1 - failure`` or more.

    Two Gaussian readings of variance s^2 are within x of each other with probability at most ``x / (s sqrt(pi))``, and
    have different labels with probability 1/2.  A gap wider than ``2^(1 - q)`` holds a zero.  By the union bound over
    pairs ``2^q >= n(n-1) / (2 sqrt(pi) s failure)`` suffices.
    """
    pairs = Fraction(sequences * (sequences - 1), 2) / failure
    return at_least_zero(lambda precision: log2_of(pi(precision), precision) + log2(variance, precision)
                         + 2 * bits - 2 * log2(max(pairs, Fraction(1)), precision))  # fmt: skip


def fraction_bits(sequences: int, failure: Fraction, variance: Fraction = Fraction(1)) -> int:
    """The fewest fraction bits of which :func:`fraction_bits_suffice` says so, at least 1: ``2 log2 n + O(1)``.

    Raises:
        InputError: ``failure`` is no probability.
    """
    _check_failure(failure)
    return smallest(lambda bits: fraction_bits_suffice(sequences, bits, failure, variance))


def integer_bits(sequences: int, failure: Fraction, variance: Fraction = Fraction(1)) -> int:
    """Bits before the point that hold every threshold with probability ``1 - failure`` or more: ``O(log log n)``.

    The largest of n Gaussian readings of variance s^2 exceeds y in size with probability at most
    ``n exp(-y^2 / (2 s^2))``.  A threshold exceeds it by 1 at most, so ``2^i - 1 >= s sqrt(2 ln(n / failure))`` is
    enough.

    Raises:
        InputError: ``failure`` is no probability.
    """
    _check_failure(failure)

    def suffices(bits: int) -> bool:
        return at_least_zero(lambda precision: (2**bits - 1) ** 2 * log2_e(precision)
                             - 2 * variance * log2(sequences / failure, precision))  # fmt: skip

    return smallest(suffices)


def threshold_bits(sequences: int, failure: Fraction, variance: Fraction = Fraction(1)) -> int:
    """Bits of a threshold in two's complement that hold random labels with probability ``1 - failure`` or more.

    A sign, :func:`integer_bits` and :func:`fraction_bits`, each failing half as often:
    ``2 log2 n + log2(1/failure) + O(log log n)``.
    """
    half = Fraction(failure) / 2
    return 1 + integer_bits(sequences, half, variance) + fraction_bits(sequences, half, variance)


def _check_failure(failure: Fraction) -> None:
    if not 0 < failure < 1:
        raise InputError(
            f"failure {float(failure)} is outside 0 to 1, ends excluded: give a probability such as 1/100."
        )
