"""The verdict on one square of inputs: 2^m subsets of Alice times 2^m subsets of Bob."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf

import numpy as np
from numpy.typing import NDArray

from theory.certify.certificate import Part, Worst
from theory.certify.exact import Exact
from theory.certify.grids import Grid, Rows, Square

INPUTS_AT_ONCE = 2**12
"""The arrays of a grid stay in a core's cache."""


@dataclass(frozen=True)
class Place:
    """Subsets ``alice·2^bits …`` of Alice and ``bob·2^bits …`` of Bob, ``2^bits`` of each.

    ``weight`` 2 stands for the square with the two exchanged as well.
    """

    alice: int
    bob: int
    bits: int
    weight: int = 1

    @property
    def rows(self) -> tuple[slice, slice]:
        """Rows of the halves."""
        return (
            slice(self.alice << self.bits, (self.alice + 1) << self.bits),
            slice(self.bob << self.bits, (self.bob + 1) << self.bits),
        )


@dataclass
class Tally:
    """Counts of the inputs of one square, as its tiles are evaluated."""

    place: Place
    best: float
    """Least margin so far: that of an input seen before, or infinite."""
    inputs: int = 0
    wrong: int = 0
    worst: Worst | None = None
    unsure: list[tuple[Rows, Rows]] = field(default_factory=list)

    def add(self, alice_TA: Rows, bob_TB: Rows, grid: Grid) -> None:
        """Count the inputs of ``grid``; rows are within the square."""
        alice_N = np.broadcast_to(alice_TA[:, :, None], (*alice_TA.shape, bob_TB.shape[1])).reshape(-1)
        bob_N = np.broadcast_to(bob_TB[:, None], (*alice_TA.shape, bob_TB.shape[1])).reshape(-1)
        margin_N = np.where(self.truth(alice_N, bob_N), grid.logit_N, -grid.logit_N)
        self.inputs += len(margin_N)
        if not grid.sure_N.all():
            at = np.flatnonzero(~grid.sure_N)
            self.unsure.append((alice_N[at], bob_N[at]))
            margin_N[at] = inf
        self.wrong += int((margin_N < 0).sum())
        self._least(margin_N, alice_N, bob_N, grid)

    def _least(self, margin_N: NDArray[np.float64], alice_N: Rows, bob_N: Rows, grid: Grid) -> None:
        if grid.gates is None:
            at = np.array([margin_N.argmin()])
        else:
            # A gate lies between its least value and 1.
            at = np.flatnonzero(margin_N < (self.best / grid.least_gate if self.best > 0 else self.best))
            if len(at) == 0:
                return
            margin_N = margin_N.copy()
            margin_N[at] *= grid.gates(at)
        least = at[margin_N[at].argmin()]
        self.see(float(margin_N[least]), int(alice_N[least]), int(bob_N[least]), wrong=margin_N[least] < 0)

    def see(self, margin: float, alice: int, bob: int, wrong: bool) -> None:
        """One input's margin; rows are within the square."""
        self.best = min(self.best, margin)
        if wrong:
            found = (margin, (self.place.alice << self.place.bits) + alice, (self.place.bob << self.place.bits) + bob)
            self.worst = found if self.worst is None else min(self.worst, found)

    def truth(self, alice_N: Rows, bob_N: Rows) -> NDArray[np.bool_]:
        """Whether the sets meet: somewhere in the high bits that the square fixes, or in the low ones."""
        if self.place.alice & self.place.bob:
            return np.ones(len(alice_N), dtype=np.bool_)
        return np.asarray((alice_N & bob_N) != 0)


def decide(
    place: Place, square: Square, exact: Callable[[], Exact | None], best: float, tiles: Tiles | None = None
) -> Part:
    """Decide every input of a square; ``best`` is the margin of some input of the table, to be undercut.

    ``tiles`` are what has to be evaluated; the other inputs are known to be right, with a margin of at least ``best``.
    """
    tally = Tally(place, best)
    tiles = whole_square(place) if tiles is None else tiles
    for alice_TA, bob_TB in tiles.grids():
        tally.add(alice_TA, bob_TB, square.grid(alice_TA, bob_TB))
    undecided, exactly = _decide_exactly(tally, square, exact)
    part = Part(1 << 2 * place.bits, tally.wrong, undecided, exactly, tally.best, tally.worst)
    return part.times(place.weight)


def _decide_exactly(tally: Tally, square: Square, exact: Callable[[], Exact | None]) -> tuple[int, int]:
    """How many inputs stay undecided, and how many float64 left undecided and exact arithmetic did not."""
    if not tally.unsure:
        return 0, 0
    alice_N = np.concatenate([alice for alice, _ in tally.unsure])
    bob_N = np.concatenate([bob for _, bob in tally.unsure])
    known_N = np.zeros(len(alice_N), dtype=np.bool_)
    decider = exact()
    if decider is not None:
        shift = tally.place.bits
        found = decider.decide(alice_N + (tally.place.alice << shift), bob_N + (tally.place.bob << shift))
        known_N = found.sign_B != 2
        truth_N = tally.truth(alice_N, bob_N)
        wrong_N = known_N & ((found.sign_B >= 0) != truth_N)
        margin_N = np.where(truth_N, found.logit_B, -found.logit_B) + 0.0  # which makes -0 a 0
        tally.wrong += int(wrong_N.sum())
        for which_N in (wrong_N, known_N & ~wrong_N):
            if which_N.any():
                at = int(np.where(which_N, margin_N, inf).argmin())
                tally.see(float(margin_N[at]), int(alice_N[at]), int(bob_N[at]), wrong=bool(wrong_N[at]))
    if not known_N.all():
        left = np.flatnonzero(~known_N)
        logit_N = square.logits(alice_N[left], bob_N[left])
        margins = np.where(tally.truth(alice_N[left], bob_N[left]), logit_N, -logit_N)
        tally.best = float(np.minimum(tally.best, margins.min()))  # not a number if one is
    return int((~known_N).sum()), int(known_N.sum())


@dataclass(frozen=True)
class Tiles:
    """Tiles of ``2^bits`` rows of Alice times as many of Bob, by the number of each among those of the square."""

    alice_T: Rows
    bob_T: Rows
    bits: int

    def grids(self) -> Iterator[tuple[Rows, Rows]]:
        """Rows ``[T, A]`` and ``[T, B]`` of some tiles at a time."""
        bits = min(self.bits, 4)
        split = np.arange(1 << (self.bits - bits))
        shape = (len(self.alice_T), len(split), len(split))
        alice_T = np.broadcast_to((self.alice_T[:, None, None] * len(split)) + split[:, None], shape).reshape(-1)
        bob_T = np.broadcast_to((self.bob_T[:, None, None] * len(split)) + split, shape).reshape(-1)
        within, step = np.arange(1 << bits), max(1, INPUTS_AT_ONCE >> 2 * bits)
        for first in range(0, len(alice_T), step):
            some = slice(first, first + step)
            yield (alice_T[some, None] << bits) + within, (bob_T[some, None] << bits) + within


def whole_square(place: Place) -> Tiles:
    """One tile, the square."""
    zero = np.zeros(1, dtype=np.int64)
    return Tiles(zero, zero, place.bits)
