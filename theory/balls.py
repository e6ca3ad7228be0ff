"""Real numbers as balls of python-flint (Arb), which hold the number that they stand for whatever was rounded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from math import inf, nextafter
from threading import RLock

import numpy as np
from flint import arb, arb_mat, ctx, fmpq

_PRECISION = RLock()  # flint keeps one precision for all threads


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Balls made inside have ``bits`` bits; other threads wait."""
    with _PRECISION, ctx.workprec(bits):
        yield


def ball(value: Fraction | int | float) -> arb:
    """The ball of a rational; a float is an exact one."""
    if isinstance(value, float):
        return arb(value)
    return arb(fmpq(int(value.numerator), int(value.denominator)))


def matrix(numbers: np.ndarray) -> arb_mat:
    """Floats ``[rows, columns]`` as a matrix of exact balls."""
    return arb_mat(numbers.astype(np.float64).tolist())


def above(number: arb) -> float:
    """A float that is at least the number, and the next one or two at that."""
    nearest = float(number.upper())
    return nearest if nearest == inf or arb(nearest) >= number else nextafter(nearest, inf)


def below(number: arb) -> float:
    """A float that is at most the number."""
    return -above(-number)


def largest(numbers: list[arb]) -> arb:
    """A ball that holds the largest of the numbers."""
    result = numbers[0]
    for number in numbers[1:]:
        result = result.max(number)
    return result
