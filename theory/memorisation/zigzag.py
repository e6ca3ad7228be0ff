"""Experts as zig-zags: functions of one variable with slopes 1 and -1 whose signs are given labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theory.errors import InputError
from theory.memorisation.grid import MOST_BITS, guaranteed_bits, inside, least_bits

LEAD = 1.0
"""How far an expert's first breakpoint lies before its first zero, and the size of its bias."""


@dataclass(frozen=True)
class ZigZags:
    """K experts ``f_k(t) = biases[k] + sum_i weights[k, i] relu(t - thresholds[k, i])`` with F units each.

    ``thresholds``, ``weights`` ``[K, F]``, unused units 0; ``biases`` ``[K]``; ``changes`` ``[K]`` is the number of
    units that expert k uses.  Thresholds are multiples of ``2^-fraction_bits``; no reading is closer than ``margin``
    to a zero of its expert.
    """

    thresholds: NDArray[np.float64]
    weights: NDArray[np.float64]
    biases: NDArray[np.float64]
    changes: NDArray[np.int64]
    fraction_bits: int
    least_fraction_bits: int
    """The fewest fraction bits that give a zig-zag with the same signs."""
    margin: float

    @property
    def hidden(self) -> int:
        return self.thresholds.shape[1]


def zigzags(
    readings: NDArray[np.float64],
    labels: NDArray[np.int8],
    chosen: NDArray[np.int64],
    experts: int,
    bits: int | None = None,
    hidden: int | None = None,
) -> ZigZags:
    """Experts with ``f_chosen[j](readings[j])`` of the sign ``labels[j]`` for every sequence j; all arrays ``[n]``.

    *Zeros.*  An expert needs one zero in each gap between neighbouring readings of different label.  It is put on the
    multiple of ``h = 2^(1 - q)`` nearest the gap's middle.

    *Breakpoints.*  f has slopes 1 and -1 in turn and turns midway between neighbouring zeros, on a multiple of ``h/2``
    without further rounding; so the zeros are where they were put, and none is moved by those before it.  The first
    breakpoint lies 1 before the first zero, where f is the bias, plus or minus 1.

    *Units.*  As many as label changes, with output weights 1, -2, 2, -2, … up to a sign; no unit without a change.

    ``bits``: of a threshold in two's complement, of which q follow the point; None takes as many as leave a quarter of
    the narrowest gap on both sides of a zero.  ``hidden``: F; None takes what the expert with most changes needs.

    Raises:
        InputError: readings of different label that are equal or too close for ``bits`` or for float64, or too many
            changes for ``hidden``; the message says what would do.
    """
    order = np.lexsort((readings, chosen))
    t, label, expert = readings[order], labels[order], chosen[order]
    change = np.flatnonzero((expert[1:] == expert[:-1]) & (label[1:] != label[:-1]))
    left, right, owner = t[change], t[change + 1], expert[change]
    fraction, least = _fraction_bits(left, right, bits, _bits_before_point(readings))
    zeros = inside(left, right, fraction - 1)
    changes = np.bincount(owner, minlength=experts)
    F = _hidden(changes, hidden)
    start = np.ones(experts)
    present, first = np.unique(expert, return_index=True)
    start[present] = label[first]
    place = np.arange(len(owner)) - (np.cumsum(changes) - changes)[owner]
    before = np.concatenate([[0.0], zeros])[:-1]
    thresholds, weights = np.zeros((experts, F)), np.zeros((experts, F))
    thresholds[owner, place] = np.where(place == 0, zeros - LEAD, (before + zeros) / 2)
    weights[owner, place] = -start[owner] * np.where(place == 0, 1.0, np.where(place % 2, -2.0, 2.0))
    margin = float(np.minimum(zeros - left, right - zeros).min(initial=np.inf))
    return ZigZags(thresholds, weights, LEAD * start, changes, fraction, least, margin)


def _bits_before_point(readings: NDArray[np.float64]) -> int:
    """Sign and integer part of any threshold, whose size is at most that of the largest reading and 1."""
    return 1 + (int(np.abs(readings).max()) + 1).bit_length()


def _fraction_bits(
    left: NDArray[np.float64], right: NDArray[np.float64], bits: int | None, before: int
) -> tuple[int, int]:
    """Fraction bits of the thresholds, and the fewest that would do; zeros have one bit less."""
    if bits is not None and not before < bits <= before + MOST_BITS:
        raise InputError(
            f"bits {bits}: sign and integer part of a threshold take {before} here, its fraction 1 to {MOST_BITS}; "
            f"give --bits {before + 1} to {before + MOST_BITS}."
        )
    if not len(left):
        return (1 if bits is None else bits - before), 1
    gap = float((right - left).min())
    if gap == 0:
        raise InputError(
            "two sequences of different label have the same reading, so no function of it tells them apart: "
            "give another --seed, or sequences that differ."
        )
    least = least_bits(left, right) + 1
    fraction = guaranteed_bits(gap) + 1 if bits is None else bits - before
    if max(fraction, least) > MOST_BITS:
        raise InputError(
            f"two sequences of different label have readings {gap:.1e} apart, below what float64 tells apart with "
            f"{MOST_BITS} fraction bits: give another --seed or fewer --sequences."
        )
    if fraction < least:
        raise InputError(
            f"bits {bits} are too few for readings of different label {gap:.1e} apart: "
            f"give --bits {before + least} or more, or fewer --sequences."
        )
    return fraction, least


def _hidden(changes: NDArray[np.int64], wanted: int | None) -> int:
    needed = int(changes.max())
    if wanted is not None and wanted < needed:
        raise InputError(
            f"expert {int(changes.argmax())} has {needed} label changes and needs as many hidden units, got {wanted}: "
            f"give --hidden {needed} or more, or more --experts; the router interval balances the load."
        )
    return needed if wanted is None else wanted
