"""The part of a Soft MoE layer that decides what it can see: slot vectors and the kind of logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from flint import arb, arb_mat

from theory.balls import matrix
from theory.errors import InputError

Array = npt.NDArray[np.float64]
Logits = Literal["plain", "normalised"]
EPSILON = 1e-6
"""Added to the sum of squares that a vector is normalised by, as in the official code."""


@dataclass(frozen=True)
class SlotVectors:
    """Slot vectors as exact numbers, each a float, and the logits that they take part in.

    Raises:
        InputError: not a matrix of finite numbers that float64 holds, or an unknown kind of logits.
    """

    vectors: Array
    """``[d, S]``, a column a slot."""
    logits: Logits
    """``plain``: ``<phi_s, x>``.  ``normalised``: ``scale <x / sqrt(|x|^2 + eps), phi_s / sqrt(|phi_s|^2 + eps)>``."""
    scale: float = 1.0
    """Of normalised logits."""

    def __post_init__(self) -> None:
        if self.logits not in get_args(Logits):
            raise InputError(f"logits {self.logits!r:.80} are unknown: give one of {', '.join(get_args(Logits))}.")
        vectors = np.asarray(self.vectors)
        if vectors.ndim != 2 or 0 in vectors.shape or vectors.dtype.kind not in "fiu":
            raise InputError(
                f"slot vectors of shape {vectors.shape} and type {vectors.dtype}: give a matrix of real numbers, "
                "[width, slots]."
            )
        exact, vectors = vectors.astype(np.longdouble), _floats(vectors)
        if not (np.isfinite(exact).all() and np.isfinite(self.scale)):
            raise InputError("the slot vectors or the scale hold numbers that are not finite: train the layer again.")
        if (exact != vectors).any():
            raise InputError(f"slot vectors of type {self.vectors.dtype} that float64 does not hold: round them first.")
        object.__setattr__(self, "vectors", vectors)

    @property
    def width(self) -> int:
        """d, numbers of a token."""
        return int(self.vectors.shape[0])

    @property
    def count(self) -> int:
        """S, slots in total."""
        return int(self.vectors.shape[1])

    @property
    def normalised(self) -> bool:
        return self.logits == "normalised"

    def effective(self) -> arb_mat:
        """``[S, d]``, a row a slot: what a token, normalised if the logits are, is multiplied with."""
        rows = matrix(self.vectors.T)
        if not self.normalised:
            return rows
        return arb_mat([[arb(self.scale) * x for x in _unit(row)] for row in rows.tolist()])

    def tokens(self, x: arb_mat) -> arb_mat:
        """Tokens ``[T, d]`` as they enter the logits."""
        return arb_mat([_unit(row) for row in x.tolist()]) if self.normalised else x


def _floats(numbers: npt.NDArray[Any]) -> Array:
    with np.errstate(over="ignore"):  # what becomes infinite is refused, without numpy's warning
        return numbers.astype(np.float64)


def _unit(row: list[arb]) -> list[arb]:
    factor = (sum((x * x for x in row), arb(0)) + arb(EPSILON)).rsqrt()
    return [x * factor for x in row]
