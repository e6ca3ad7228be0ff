"""The log-determinant bound: how many bits an integer sum of given contributions can carry.

Row ``i`` of ``Z`` is the contribution of edge ``(s, i)`` minus that of the null token in its slot, in units of the
scale.  Alice's message is a constant plus ``A^T Z``.  With ``A`` uniform its covariance is ``Z^T Z / 4``; adding a
uniform point of the unit cube turns its entropy into a differential entropy, which a Gaussian bounds:
``H(message) <= 1/2 log2((2 pi e)^k det(Z^T Z / 4 + I / 12))``.  A correct model has ``H(message) = r``.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from operator import index

import numpy as np
from numpy.typing import ArrayLike

from theory.bounds.enclosure import Enclosure, at_least_zero, log2, log2_2pi_e, smallest
from theory.bounds.message import ATTENTIONS, Attention
from theory.errors import InputError


def entropy_bits(Z: ArrayLike, precision: int = 64) -> Enclosure:
    """Enclose the most bits of entropy that a uniform set sends through the contributions ``Z`` ``[r, k]``, integers.

    Columns of zeros are dropped first: each would loosen the bound by a quarter of a bit.
    The determinant is computed in integers: ``det(Z^T Z / 4 + I / 12) = det(3 Z^T Z + I) / 12^k``.

    Source: this project, ``own-entropy-bound``.

    Raises:
        InputError: ``Z`` is not a matrix of integers with at least one row.
    """
    minors = list(leading_minors(_scaled_covariance(Z)))
    return _log_determinant_bits(len(minors) - 1, minors[-1], precision)


def entropy_rules_out(Z: ArrayLike) -> bool:
    """Whether the bound certifies that a model with contributions ``Z`` ``[r, k]`` errs on some graph.

    True: the message carries fewer than ``r`` bits, so two sets share one, and some singleton tells them apart.
    False says nothing.

    Source: this project, ``own-entropy-bound``.

    Raises:
        InputError: ``Z`` is not a matrix of integers with at least one row.
    """
    minors = leading_minors(_scaled_covariance(Z))
    r = len(np.asarray(Z))
    # A further column adds bits: it multiplies the determinant by 1 or more and 2 pi e / 12 exceeds 1.  So the first
    # columns that leave room for r bits settle it, and the long numbers of the last minors are not needed.
    return not any(_leaves_room(r, columns, minor) for columns, minor in enumerate(minors))


def _leaves_room(r: int, columns: int, minor: int) -> bool:
    return at_least_zero(lambda precision: _log_determinant_bits(columns, minor, precision) - r)


def _log_determinant_bits(columns: int, determinant: int, precision: int) -> Enclosure:
    precision += columns.bit_length()
    per_column = log2_2pi_e(precision) - log2(12, precision)
    return Fraction(1, 2) * (columns * per_column + log2(determinant, precision))


def _scaled_covariance(Z: ArrayLike) -> np.ndarray:
    """``3 Z^T Z + I`` in Python integers ``[k, k]``, without the zero columns of ``Z``; checks ``Z``."""
    matrix = np.asarray(Z)
    if matrix.ndim != 2 or matrix.shape[0] < 1:
        raise InputError(f"contributions of shape {list(matrix.shape)}: give a matrix [r, k] with r >= 1 rows.")
    if not (np.issubdtype(matrix.dtype, np.integer) or _holds_python_ints(matrix)):
        raise InputError(f"contributions of type {matrix.dtype}: give integers, in units of the rounding scale.")
    # Python integers: the squares of 32-bit products do not fit in 64 bits.
    exact = matrix.astype(object)
    exact = exact[:, [bool(np.any(column != 0)) for column in exact.T]]
    return 3 * (exact.T @ exact) + np.eye(exact.shape[1], dtype=int).astype(object)


def leading_minors(matrix: np.ndarray) -> Iterator[int]:
    """The determinants of the leading 0, 1, ..., k rows and columns of a positive definite integer matrix ``[k, k]``.

    Bareiss' elimination: every entry stays a minor of the matrix, so each division is exact; each pivot is the next
    leading minor, so none is 0.
    """
    previous = 1
    yield previous
    while len(matrix):
        pivot, row, column, rest = matrix[0, 0], matrix[0, 1:], matrix[1:, 0], matrix[1:, 1:]
        yield int(pivot)
        matrix, previous = (pivot * rest - np.outer(column, row)) // previous, pivot


def _holds_python_ints(matrix: np.ndarray) -> bool:
    return matrix.dtype == object and all(isinstance(entry, int) for entry in matrix.flat)


def _coordinate_bits(r: int, largest: int, precision: int) -> Enclosure:
    """Twice the entropy that one coordinate with contributions in ``[-largest, largest]`` carries at most."""
    return log2_2pi_e(precision) + log2(Fraction(r * largest**2, 4) + Fraction(1, 12), precision)


def entropy_worst_case_bits(
    r: int, heads: int, bits: int, width: int, attention: Attention = "softmax", precision: int = 64
) -> Enclosure:
    """Enclose the entropy bound for the worst ``Z`` that p-bit weights and values allow, in bits.

    By Hadamard's inequality the determinant is at most the product of its diagonal, whose entries are at most
    ``r (2^p-1)^2 / 4 + 1/12`` for ``sum w`` and ``r (2^p-1)^4 / 4 + 1/12`` for ``sum w v``.

    Source: this project, ``own-entropy-bound``.

    Raises:
        InputError: unknown attention.
    """
    if attention not in ATTENTIONS:
        raise InputError(f"attention {attention!r} is unknown: give softmax or uniform.")
    # Python integers: numpy's would overflow without a word.
    r, heads, width, largest = index(r), index(heads), index(width), 2 ** index(bits) - 1
    precision += heads.bit_length() + width.bit_length()
    if attention == "uniform":
        return Fraction(width, 2) * _coordinate_bits(r, largest, precision)
    weights = Fraction(heads, 2) * _coordinate_bits(r, largest, precision)
    return weights + Fraction(width, 2) * _coordinate_bits(r, largest**2, precision)


def entropy_suffices(r: int, heads: int, bits: int, width: int, attention: Attention = "softmax") -> bool:
    """Whether the worst case of the entropy bound leaves room for ``r`` bits: the size is not ruled out."""
    return at_least_zero(lambda precision: entropy_worst_case_bits(r, heads, bits, width, attention, precision) - r)


def entropy_min_width(r: int, heads: int, bits: int, attention: Attention = "softmax") -> int:
    """The smallest total value width ``D >= 1`` that the worst case of the entropy bound does not rule out.

    Source: this project, ``own-entropy-bound``.

    Raises:
        InputError: unknown attention.
    """
    return smallest(lambda width: entropy_suffices(r, heads, bits, width, attention))
