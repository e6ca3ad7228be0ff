"""Local search on the margin: many annealed walks over pairs of sets at once.

A walk stays in one class: its sets share nothing (the right answer is "no"), or share something ("yes"). Within a
class the margin is a fixed sign times the logit, so it changes smoothly with the state, and a step that lowers it
leads towards an input with the wrong answer. A step gives one vertex another of its four places (in no set, Alice's,
Bob's, both), or exchanges the places of two vertices. Each walk tries :data:`TRIES` steps at a time and takes the
best of them by Metropolis' rule; the halves of the state are updated by the edges that changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from theory.instances import BoolArray
from theory.refute.problem import Array, IntArray, Problem, margins_of
from theory.refute.result import Step, wrong_inputs
from theory.refute.sampling import fitting_pairs

WALKS = 64
TRIES = 4
"""Steps of a walk that are evaluated together; the best one may be taken."""
EXCHANGES = 0.3
"""Share of steps that exchange two vertices."""
HEAT, COLD = 0.5, 0.01
"""First and last temperature, in standard deviations of the margins at the start."""
SWEEPS = 10
"""Steps of a walk for every vertex, until it starts anew."""


def local_search(problem: Problem, rng: np.random.Generator) -> Iterator[Step]:
    """Walks from fresh random pairs, again and again, without end."""
    while True:
        yield from _anneal(problem, rng)


def _anneal(problem: Problem, rng: np.random.Generator) -> Iterator[Step]:
    walks = Walks.start(problem, rng, max(2, min(WALKS, problem.batch // TRIES)))
    yield walks.report(walks.margin_W, walks.alice_WR, walks.bob_WR)
    finite = walks.margin_W[np.isfinite(walks.margin_W)]
    heat = HEAT * float(finite.std()) if len(finite) else 0.0
    steps = SWEEPS * problem.r
    for step in range(steps):
        yield walks.step(heat * COLD ** (step / steps), rng)


@dataclass(frozen=True)
class Moves:
    """Proposed steps, a row each: walk, first and second vertex, and the new places of the two."""

    walk: IntArray
    first: IntArray
    second: IntArray
    alice_2: BoolArray
    """Whether Alice holds the first and the second vertex afterwards, ``[2, moves]``; so for Bob."""
    bob_2: BoolArray
    shared: IntArray
    """Shared elements afterwards."""


@dataclass
class Walks:
    """``W`` walks: memberships ``[W, r]``, halves of the state ``[W, S]``, margins ``[W]``."""

    problem: Problem
    alice_WR: BoolArray
    bob_WR: BoolArray
    alice_WS: Array
    bob_WS: Array
    margin_W: Array
    shared_W: IntArray
    yes_W: BoolArray

    @classmethod
    def start(cls, problem: Problem, rng: np.random.Generator, walks: int) -> Walks:
        """Walks from :func:`theory.refute.sampling.fitting_pairs`."""
        pairs = fitting_pairs(problem, rng, walks)
        alice_WR, bob_WR = np.ascontiguousarray(pairs.alice_BR), np.ascontiguousarray(pairs.bob_BR)
        alice_WS, bob_WS = problem.alice(alice_WR), problem.bob(bob_WR)
        shared_W = (alice_WR & bob_WR).sum(1)
        margin_W = margins_of(problem.logits(alice_WS, bob_WS), shared_W > 0)
        return cls(problem, alice_WR, bob_WR, alice_WS, bob_WS, margin_W, shared_W, shared_W > 0)

    def step(self, temperature: float, rng: np.random.Generator) -> Step:
        """Try steps on every walk; take the best of each by Metropolis' rule."""
        W = len(self.margin_W)
        moves = self._propose(rng)
        alice_TS = self.alice_WS[moves.walk] + self._change(self.alice_WR, moves.alice_2, moves, 0)
        bob_TS = self.bob_WS[moves.walk] + self._change(self.bob_WR, moves.bob_2, moves, self.problem.r)
        yes_T = self.yes_W[moves.walk]
        margin_T = margins_of(self.problem.logits(alice_TS, bob_TS), yes_T)
        margin_T[(moves.shared > 0) != yes_T] = np.inf
        margin_T[self._edges_after(moves) > self.problem.table.edge_slots] = np.inf
        found = self._wrong(margin_T, moves)
        best_W = np.where(np.isnan(margin_T), np.inf, margin_T).reshape(W, TRIES).argmin(1) + TRIES * np.arange(W)
        with np.errstate(invalid="ignore"):  # infinity less infinity: not taken
            worse_W = margin_T[best_W] - self.margin_W
        taken = np.flatnonzero(worse_W <= temperature * rng.exponential(size=W))
        self._take(taken, best_W[taken], moves, alice_TS, bob_TS, margin_T)
        return Step(len(margin_T), found, float(np.nanmin(margin_T, initial=np.inf)))

    def report(self, margin_B: Array, alice_BR: BoolArray, bob_BR: BoolArray) -> Step:
        return Step(len(margin_B), wrong_inputs(alice_BR, bob_BR, margin_B), float(np.nanmin(margin_B, initial=np.inf)))

    def _propose(self, rng: np.random.Generator) -> Moves:
        W, r = self.alice_WR.shape
        T = W * TRIES
        walk = np.repeat(np.arange(W), TRIES)
        first, second = rng.integers(0, r, size=(2, T))
        exchange = rng.random(T) < EXCHANGES
        second = np.where(exchange, second, first)
        place = self.alice_WR[walk, first] + 2 * self.bob_WR[walk, first]
        other = (place + rng.integers(1, 4, size=T)) & 3
        alice_2 = np.stack((other & 1 > 0, self.alice_WR[walk, first]))
        bob_2 = np.stack((other & 2 > 0, self.bob_WR[walk, first]))
        alice_2[0] = np.where(exchange, self.alice_WR[walk, second], alice_2[0])
        bob_2[0] = np.where(exchange, self.bob_WR[walk, second], bob_2[0])
        alice_2[1] = np.where(exchange, alice_2[1], alice_2[0])
        bob_2[1] = np.where(exchange, bob_2[1], bob_2[0])
        gained = (alice_2[0] & bob_2[0]).astype(np.int64) - (place == 3)
        return Moves(walk, first, second, alice_2, bob_2, self.shared_W[walk] + np.where(exchange, 0, gained))

    def _change(self, member_WR: BoolArray, after_2T: BoolArray, moves: Moves, first_edge: int) -> Array:
        """What the moves add to the halves of one side, ``[moves, S]``."""
        edges = self.problem.edges_2rS
        before = member_WR[moves.walk, moves.first]
        change = (after_2T[0].astype(np.float64) - before)[:, None] * edges[first_edge + moves.first]
        swapped = np.flatnonzero(moves.second != moves.first)
        second, walk = moves.second[swapped], moves.walk[swapped]
        difference = after_2T[1][swapped].astype(np.float64) - member_WR[walk, second]
        change[swapped] += difference[:, None] * edges[first_edge + second]
        return np.asarray(change)

    def _edges_after(self, moves: Moves) -> IntArray:
        """At most so many edges after each move (an exchange keeps their number)."""
        walk, first = moves.walk, moves.first
        edges_W = self.alice_WR.sum(1) + self.bob_WR.sum(1)
        gained = moves.alice_2[0].astype(np.int64) - self.alice_WR[walk, first]
        gained += moves.bob_2[0].astype(np.int64) - self.bob_WR[walk, first]
        return np.asarray(edges_W[walk] + np.where(moves.second == first, gained, 0))

    def _wrong(self, margin_T: Array, moves: Moves) -> tuple:
        """Candidates among the moves, their sets written out."""
        wrong = np.flatnonzero(margin_T < 0)
        if not len(wrong):
            return ()
        wrong = wrong[np.argsort(margin_T[wrong])[:8]]
        alice_BR, bob_BR = self.alice_WR[moves.walk[wrong]], self.bob_WR[moves.walk[wrong]]
        _write(alice_BR, bob_BR, np.arange(len(wrong)), moves, wrong)
        return wrong_inputs(alice_BR, bob_BR, self.problem.margins(alice_BR, bob_BR))

    def _take(
        self, walks: IntArray, chosen: IntArray, moves: Moves, alice_TS: Array, bob_TS: Array, margin_T: Array
    ) -> None:
        _write(self.alice_WR, self.bob_WR, walks, moves, chosen)
        self.alice_WS[walks], self.bob_WS[walks] = alice_TS[chosen], bob_TS[chosen]
        self.margin_W[walks], self.shared_W[walks] = margin_T[chosen], moves.shared[chosen]


def _write(alice_BR: BoolArray, bob_BR: BoolArray, rows: IntArray, moves: Moves, chosen: IntArray) -> None:
    """The places of the two vertices of the ``chosen`` moves, into the given rows."""
    for part, vertex in enumerate((moves.first[chosen], moves.second[chosen])):
        alice_BR[rows, vertex] = moves.alice_2[part][chosen]
        bob_BR[rows, vertex] = moves.bob_2[part][chosen]
