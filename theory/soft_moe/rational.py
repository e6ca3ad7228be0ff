"""Exact linear algebra on floats: each is a whole number times a power of two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import fmpq, fmpz, fmpz_mat, nmod_mat

from theory.soft_moe.slots import Array

_PRIMES = (2**61 - 1, 2**31 - 1, 2**19 - 1, 2**17 - 1)


@dataclass(frozen=True)
class Basis:
    """A square part of a matrix that is invertible, and as large as there is one modulo a prime."""

    rows: tuple[int, ...]
    columns: tuple[int, ...]

    @property
    def rank(self) -> int:
        """At most the rank of the matrix."""
        return len(self.rows)


def integers(matrix: Array) -> tuple[fmpz_mat, int]:
    """``(M, e)`` with ``matrix = M * 2**e``, exactly."""
    mantissas, exponents = np.frexp(matrix)
    whole = (mantissas * 2.0**53).astype(np.int64)
    least = int(exponents[whole != 0].min()) if whole.any() else 0
    shifts = np.where(whole != 0, exponents - least, 0)
    entries = [int(m) << int(shift) for m, shift in zip(whole.flat, shifts.flat, strict=True)]
    rows, columns = matrix.shape
    return fmpz_mat(rows, columns, entries), least - 53


def basis(matrix: fmpz_mat, prime: int = _PRIMES[0]) -> Basis:
    """Rows and columns of an invertible part, found modulo ``prime``.

    What is invertible modulo a prime is invertible; a prime that divides a minor may hide rows.
    """
    modulo = nmod_mat(matrix, prime)
    return Basis(_pivots(modulo.transpose()), _pivots(modulo))


def _pivots(matrix: nmod_mat) -> tuple[int, ...]:
    reduced, rank = matrix.rref()
    columns, column = [], 0
    for row in range(rank):
        while reduced[row, column] == 0:
            column += 1
        columns.append(column)
    return tuple(columns)


def null_vector(matrix: fmpz_mat) -> list[fmpq] | None:
    """A vector other than 0 that ``matrix`` maps to 0, or None if only 0 is; exact either way."""
    for prime in _PRIMES:
        part = basis(matrix, prime)
        if part.rank == matrix.ncols():
            return None
        free = min(set(range(matrix.ncols())) - set(part.columns))
        right = [-matrix[row, free] for row in part.rows]
        vector = _solved(matrix, part, right)
        vector[free] = fmpq(1)
        if _image(matrix, vector) == [fmpq(0)] * matrix.nrows():
            return vector
    raise ArithmeticError("every prime divides a minor of the matrix")  # four primes at once: not seen


def level_vector(matrix: fmpz_mat, right: fmpz) -> list[fmpq] | None:
    """A vector that ``matrix`` maps to ``(right, ..., right)``, exactly, or None.

    None is a proof that there is none where :func:`null_vector` gives None too.
    """
    for prime in _PRIMES:
        part = basis(matrix, prime)
        vector = _solved(matrix, part, [right] * part.rank)
        if _image(matrix, vector) == [fmpq(right)] * matrix.nrows():
            return vector
        if part.rank == matrix.ncols():
            break
    return None


def _solved(matrix: fmpz_mat, part: Basis, right: list[fmpz]) -> list[fmpq]:
    vector = [fmpq(0)] * matrix.ncols()
    if part.rank:
        square = fmpz_mat([[matrix[row, column] for column in part.columns] for row in part.rows])
        solution = square.solve(fmpz_mat(part.rank, 1, right))
        for index, column in enumerate(part.columns):
            vector[column] = solution[index, 0]
    return vector


def _image(matrix: fmpz_mat, vector: list[fmpq]) -> list[fmpq]:
    common = fmpz(1)
    for x in vector:
        common = common.lcm(x.q)
    column = fmpz_mat(len(vector), 1, [int((x * common).p) for x in vector])
    return [fmpq(x, common) for x in (matrix * column).entries()]
