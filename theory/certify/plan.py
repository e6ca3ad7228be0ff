"""How a table is certified: its squares of inputs, what evaluates them, and what bounds the errors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.certify.bounds import Bounds
from theory.certify.certificate import Part
from theory.certify.enclosed import MAX_BITS
from theory.certify.exact import MAX_STATES, Exact
from theory.certify.folded import Folded, FoldedSquare, fold
from theory.certify.grids import Rows, StatesSquare
from theory.certify.integer import Integer
from theory.certify.messages import Messages, decided_messages
from theory.certify.squares import Place, decide
from theory.rounding import Rounding, rounding
from theory.table import Array, ForeignBlock, OneLayerTable

SQUARE_BITS = 9
"""A square has 2^9 subsets of Alice times 2^9 of Bob, or all if there are fewer: tens of milliseconds."""

_PILOTS = 512


@dataclass(frozen=True)
class Plan:
    """Decides one square of inputs after another, each by itself, from any thread."""

    table: OneLayerTable
    errors: Rounding
    messages: Messages | None
    alice_SC: Array
    bob_SC: Array
    folded: Folded | None
    places: tuple[Place, ...]
    best: float
    """A margin that some input has, to be undercut; infinite if the inputs tried are wrong or unsure."""

    @classmethod
    def of(cls, table: OneLayerTable) -> Plan:
        """The plan for a table that :func:`theory.certify.check` takes."""
        errors = rounding(table)
        with np.errstate(all="ignore"):  # without a finite bound numbers may be anything
            messages = None
            if table.message_levels is not None:
                messages = decided_messages(table, Integer(table), errors)
            alice_SC, bob_SC = table.halves()
            alice_SC = alice_SC if messages is None else messages.values()
            folded = fold(table, alice_SC, bob_SC)
            plan = cls(table, errors, messages, alice_SC, bob_SC, folded, _places(table), np.inf)
            return cls(table, errors, messages, alice_SC, bob_SC, folded, plan.places, plan._pilot())

    @property
    def error_bound(self) -> float:
        """On the rounding error of a logit."""
        return self.errors.logit if self.folded is None else self.folded.margin_error

    @property
    def why_undecided(self) -> str:
        """What an undecided input means for this table."""
        if isinstance(self.table.block, ForeignBlock):
            return "a foreign block is a function without an exact form: a margin within its stated error is undecided"
        return (
            f"more than {MAX_STATES} different states in one of {len(self.places)} squares of inputs are within the "
            f"rounding error, or an attention denominator is 0, or {MAX_BITS} bits do not tell a logit from 0"
        )

    @cached_property
    def exact(self) -> Exact | None:
        """Made only if some input needs it."""
        if isinstance(self.table.block, ForeignBlock):
            return None
        return Exact.of(self.table, Integer(self.table), self.messages)

    def decide(self, number: int) -> Part:
        """The verdict on square ``number``."""
        place = self.places[number]
        with np.errstate(all="ignore"):  # of this thread
            square, tiles = self._square(*place.rows), None
            if isinstance(square, FoldedSquare):
                bounds = Bounds.of(square, place)
                tiles = None if bounds is None else bounds.open_tiles(self.best if np.isfinite(self.best) else 0.0)
            return decide(place, square, lambda: self.exact, self.best, tiles)

    def _square(self, alice: slice | Rows, bob: slice | Rows) -> StatesSquare | FoldedSquare:
        if self.folded is not None:
            return self.folded.square(alice, bob)
        return StatesSquare(self.table, self.errors, self.alice_SC[alice], self.bob_SC[bob])

    def _pilot(self) -> float:
        """The least sure margin of some inputs that are hard for most models: no common vertex, or a single one."""
        rng = np.random.default_rng(0)
        everything = (1 << self.table.r) - 1
        alice_N = rng.integers(0, everything + 1, size=3 * _PILOTS)
        free_N = everything & ~alice_N
        bob_N = np.concatenate(
            (
                free_N[:_PILOTS],
                free_N[_PILOTS : 2 * _PILOTS] & rng.integers(0, everything + 1, size=_PILOTS),
                free_N[2 * _PILOTS :] | 1 << rng.integers(0, self.table.r, size=_PILOTS),
            )
        )
        at_N = np.arange(len(alice_N))
        grid = self._square(alice_N, bob_N).grid(at_N[:, None], at_N[:, None])
        logit_N = grid.logit_N if grid.gates is None else grid.logit_N * grid.gates(at_N)
        margin_N = np.where((alice_N & bob_N) != 0, logit_N, -logit_N)
        least = float(np.where(grid.sure_N, margin_N, np.inf).min())
        return least if least >= 0 else np.inf


def _places(table: OneLayerTable) -> tuple[Place, ...]:
    """All squares; of two that the exchange of Alice and Bob maps to each other, one with weight 2."""
    bits = min(table.r, SQUARE_BITS)
    side = range(1 << (table.r - bits))
    if not _symmetric(table):
        return tuple(Place(alice, bob, bits) for alice in side for bob in side)
    return tuple(Place(alice, bob, bits, 1 + (alice != bob)) for alice in side for bob in side if alice <= bob)


def _symmetric(table: OneLayerTable) -> bool:
    """Whether edges (s, i) and (i, d) add the same, for each i: then the state of (A, B) is that of (B, A)."""
    return table.message_levels is None and np.array_equal(table.edges_2rC[: table.r], table.edges_2rC[table.r :])
