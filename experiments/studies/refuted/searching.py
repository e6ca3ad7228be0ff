"""One method on one model: how many logits it takes to the first counterexample."""

from __future__ import annotations

from dataclasses import dataclass

from parrots.extract import extract
from parrots.model import OneLayerModel
from parrots.replay import replay
from theory.refute import Candidate, Refutation, Search, refute
from theory.table import OneLayerTable

NO_LIMIT = 1e6
"""Seconds: a cell's result must not depend on how fast the machine is."""


@dataclass(frozen=True)
class Target:
    """A model and its table."""

    model: OneLayerModel
    table: OneLayerTable

    @classmethod
    def of(cls, model: OneLayerModel) -> Target:
        model = model.cpu()
        return cls(model, extract(model))

    def search(self, method: str, evaluations: int, seed: int) -> Refutation:
        """``method`` alone, one worker, every candidate replayed on the model and on networkx."""
        search = Search(NO_LIMIT, evaluations, (method,), workers=1, seed=seed)
        return refute(self.table, search, self._refuted)

    def _refuted(self, candidate: Candidate) -> bool:
        return replay(self.model, candidate.edges(self.table.r)).refutes
