"""What a method finds, and what is told of a search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Literal, Protocol

import numpy as np

from theory.instances import BoolArray
from theory.refute.problem import Problem

Side = Literal["alice", "bob"]


@dataclass(frozen=True)
class Collision:
    """Two sets of one side (vertices 1..r) whose messages are the same or close.

    ``residual`` is the largest difference of a coordinate of the two sums, in the units of the table: integers for a
    p-bit model, where 0 is an exact collision.
    """

    side: Side
    first: tuple[int, ...]
    second: tuple[int, ...]
    residual: float
    exact: bool
    """The two sums are equal in integers: in exact arithmetic one of two inputs is wrong."""


@dataclass(frozen=True)
class Candidate:
    """An input that the table gets wrong in float64: Alice's and Bob's sets (vertices 1..r)."""

    alice: tuple[int, ...]
    bob: tuple[int, ...]
    margin: float
    """The table's logit in the direction of the right answer."""
    collision: Collision | None = None

    def edges(self, r: int) -> list[tuple[int, int]]:
        """The star graph with source 0 and target ``r + 1``."""
        return [(0, i) for i in self.alice] + [(i, r + 1) for i in self.bob]


@dataclass(frozen=True)
class Step:
    """What a method did since it last reported: a fraction of a second's work."""

    evaluations: int
    """Logits computed."""
    candidates: tuple[Candidate, ...] = ()
    margin: float = inf
    """The least margin seen."""
    residual: float = inf
    """The least residual of a collision seen."""


class Method(Protocol):
    """A search that reports as it goes and may be dropped after any report; it ends when it has no more to try."""

    def __call__(self, problem: Problem, rng: np.random.Generator) -> Iterator[Step]: ...


@dataclass(frozen=True)
class Attempt:
    """One run of a method: what it cost, the best it saw, and how it ended."""

    method: str
    evaluations: int
    seconds: float
    margin: float | None
    """Least margin; None if it computed none."""
    residual: float | None
    """Least residual of a collision; None if it looked for none or found none."""
    candidates: int
    """Inputs on which the table was wrong in float64."""
    ended: str


@dataclass(frozen=True)
class Refutation:
    """The end of a search.  ``found`` None means: not refuted after these attempts."""

    found: Candidate | None
    method: str | None
    evaluations: int
    seconds: float
    attempts: tuple[Attempt, ...]
    answered_rightly: int
    """Inputs on which the table was wrong and the replay was not."""
    undecided: int
    """Inputs on which the table was wrong by less than the rounding error."""


def vertices(members_R: BoolArray) -> tuple[int, ...]:
    """A row of memberships ``[r]`` as vertices 1..r."""
    return tuple(int(i) + 1 for i in np.flatnonzero(members_R))


def wrong_inputs(
    alice_BR: BoolArray,
    bob_BR: BoolArray,
    margin_B: np.ndarray,
    most: int = 8,
    collision: Collision | None = None,
) -> tuple[Candidate, ...]:
    """The ``most`` inputs with the least margins below 0, as candidates."""
    worst = np.argsort(margin_B)[:most]
    return tuple(
        Candidate(vertices(alice_BR[b]), vertices(bob_BR[b]), float(margin_B[b]), collision)
        for b in worst
        if margin_B[b] < 0
    )
