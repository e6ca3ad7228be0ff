"""Accuracy ceilings for float models whose state carries Gaussian noise: no quantisation, the noise limits the bits.

Row ``i`` of ``Z`` ``[r, k]`` is the contribution of edge ``(s, i)`` to the additive state minus that of the null token
in its slot.  Alice's message is a constant plus ``A^T Z`` plus independent ``N(0, sigma^2)`` in each of the ``k``
coordinates.  With ``A`` uniform its covariance is ``Z^T Z / 4 + sigma^2 I``, and a Gaussian has the most entropy for
its covariance, so it tells at most ``M = 1/2 log2 det(I + Z^T Z / (4 sigma^2))`` bits about ``A``.
"""

from __future__ import annotations

from fractions import Fraction
from math import isfinite, lcm
from numbers import Rational

import numpy as np
from numpy.typing import ArrayLike

from theory.bounds.ceilings import free_coordinates, index_bits, index_ceiling
from theory.bounds.enclosure import Enclosure, at_least_zero, log2, smallest
from theory.bounds.entropy import leading_minors
from theory.errors import InputError


def noise_bits(Z: ArrayLike, sigma: float | Fraction, precision: int = 64) -> Enclosure:
    """Enclose ``1/2 log2 det(I + Z^T Z / (4 sigma^2))``, the most bits that a noisy state tells about Alice's set.

    ``Z`` ``[r, k]`` holds integers, rationals or floats, all taken as the rationals they are; ``sigma`` likewise, in
    the same unit.  The determinant is computed in integers: with ``Z = Y / s`` and ``sigma = a / b`` it is
    ``det(4 a^2 s^2 I + b^2 Y^T Y) / (4 a^2 s^2)^k``.

    Source: this project, ``own-noise-ceiling``.

    Raises:
        InputError: ``Z`` is not a matrix of finite numbers with a row, or ``sigma`` is not positive and finite.
    """
    scaled, scale = _integers(Z)
    noise = _positive(sigma, "noise sigma")
    columns = scaled.shape[1]
    unit = 4 * (noise.numerator * scale) ** 2
    gram = noise.denominator**2 * (scaled.T @ scaled) + unit * np.eye(columns, dtype=int).astype(object)
    *_, determinant = leading_minors(gram)
    return Fraction(1, 2) * log2(Fraction(determinant, unit**columns), precision)


def noise_ceiling(Z: ArrayLike, sigma: float | Fraction, set_size: int = 1) -> Fraction:
    """The accuracy that this noisy model cannot exceed on INDEX, or on planted instances with ``|B| = set_size``.

    Rounded up, by less than ``2**-43``.  :func:`noise_bits` also bounds the message when ``A`` is uniform on the
    subsets of fewer elements, since dropping rows of ``Z`` lowers the determinant; so the planted ceiling may use it.

    Source: this project, ``own-noise-ceiling``.

    Raises:
        InputError: as :func:`noise_bits`, or ``set_size`` outside 1 to ``r``.
    """
    bits = noise_bits(Z, sigma).high
    return index_ceiling(bits, free_coordinates(len(np.asarray(Z)), set_size))


def noise_worst_case_bits(r: int, columns: int, signal_to_noise: float | Fraction, precision: int = 64) -> Enclosure:
    """Enclose ``k/2 log2(1 + r q^2 / 4)``: the most of :func:`noise_bits` over all ``Z`` ``[r, k]`` with entries up to
    ``q sigma`` in absolute value, ``q = signal_to_noise``.

    By Hadamard's inequality the determinant is at most the product of its diagonal, whose entries are at most that.

    Source: this project, ``own-noise-ceiling``.

    Raises:
        InputError: ``signal_to_noise`` is not positive and finite.
    """
    ratio = _positive(signal_to_noise, "signal-to-noise ratio")
    return Fraction(columns, 2) * log2(1 + r * ratio**2 / 4, precision + columns.bit_length())


def noise_min_columns(accuracy: Fraction, r: int, signal_to_noise: float | Fraction, set_size: int = 1) -> int:
    """The smallest ``k >= 1`` whose :func:`noise_worst_case_bits` leave room for this accuracy; 1 is always right.

    Source: this project, ``own-noise-ceiling``.

    Raises:
        InputError: as :func:`noise_worst_case_bits`, or ``set_size`` outside 1 to ``r``.
    """
    asked = free_coordinates(r, set_size)
    return smallest(
        lambda columns: at_least_zero(
            lambda precision: (
                noise_worst_case_bits(r, columns, signal_to_noise, precision) - index_bits(accuracy, asked, precision)
            )
        )
    )


def _integers(Z: ArrayLike) -> tuple[np.ndarray, int]:
    """``Z`` as Python integers ``[r, k]`` over one common denominator; checks ``Z``."""
    matrix = np.asarray(Z)
    if matrix.ndim != 2 or not matrix.size:
        raise InputError(f"contributions of shape {list(matrix.shape)}: give a matrix [r, k] with a row and a column.")
    exact = [[_rational(entry) for entry in row] for row in matrix.tolist()]
    scale = lcm(*(entry.denominator for row in exact for entry in row))
    return np.array([[int(entry * scale) for entry in row] for row in exact], dtype=object), scale


def _rational(entry: object) -> Fraction:
    if isinstance(entry, Rational) or (isinstance(entry, float) and isfinite(entry)):
        return Fraction(entry)
    raise InputError(f"contribution {entry!r} is not a finite number: give integers, rationals or floats.")


def _positive(number: float | Fraction, name: str) -> Fraction:
    if not isfinite(number) or number <= 0:
        raise InputError(f"{name} {number} is not positive and finite: give a number above 0.")
    return Fraction(number)
