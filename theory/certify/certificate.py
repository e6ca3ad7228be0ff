"""What is known of a model's answers: of some of its inputs (a part), and of all of them (a certificate)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, isnan, nan

Worst = tuple[float, int, int]
"""Margin, Alice's and Bob's subset of a wrong input."""


@dataclass(frozen=True)
class Certificate:
    """What is known of all ``inputs = 4^r`` inputs.

    ``wrong`` counts inputs that are surely wrong and ``inputs - wrong - undecided`` are surely right.
    """

    r: int
    inputs: int
    wrong: int
    undecided: int
    min_margin: float
    """Least logit in the direction of the right answer, over all inputs, within ``error_bound``; not positive if some
    answer is wrong."""
    error_bound: float
    """Rounding error of a logit in float64, at most."""
    counterexample: tuple[tuple[int, ...], tuple[int, ...]] | None
    """Alice's and Bob's sets (vertices 1..r) of the input with the least margin among the wrong ones."""
    decided_exactly: int = 0
    """Inputs too close for float64 that exact arithmetic decided (they are not among the undecided)."""
    why_undecided: str | None = None
    """One line, if some input is undecided."""

    @property
    def holds(self) -> bool:
        """Right on every input."""
        return self.wrong == 0 and self.undecided == 0


@dataclass(frozen=True)
class Part:
    """The same of some of the inputs.  ``min_margin`` is infinite for none."""

    inputs: int = 0
    wrong: int = 0
    undecided: int = 0
    decided_exactly: int = 0
    min_margin: float = inf
    worst: Worst | None = None

    def times(self, weight: int) -> Part:
        """For this part and ``weight - 1`` others that differ from it by a symmetry of the model."""
        counts = (self.inputs, self.wrong, self.undecided, self.decided_exactly)
        inputs, wrong, undecided, exactly = (weight * count for count in counts)
        return Part(inputs, wrong, undecided, exactly, self.min_margin, self.worst)


def whole(r: int, parts: Iterable[Part], error_bound: float, why_undecided: str) -> Certificate:
    """The certificate of ``parts`` that together are all inputs."""
    parts = list(parts)
    worst = min((part.worst for part in parts if part.worst is not None), default=None)
    undecided = sum(part.undecided for part in parts)
    margins = [part.min_margin for part in parts]
    return Certificate(
        r=r,
        inputs=sum(part.inputs for part in parts),
        wrong=sum(part.wrong for part in parts),
        undecided=undecided,
        min_margin=min(margins) if not any(map(isnan, margins)) else nan,
        error_bound=error_bound,
        counterexample=None if worst is None else (vertices(worst[1], r), vertices(worst[2], r)),
        decided_exactly=sum(part.decided_exactly for part in parts),
        why_undecided=why_undecided if undecided else None,
    )


def vertices(subset: int, r: int) -> tuple[int, ...]:
    """The vertices, from 1, of a row of :func:`theory.instances.subsets`."""
    return tuple(i + 1 for i in range(r) if subset >> i & 1)
