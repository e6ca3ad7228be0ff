"""What trained models answer: right and wrong on sampled graphs, and the certificate over all of them."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from experiments.engine import Graphs
from parrots.extract import extract
from parrots.model import OneLayerModel
from theory.certify import Certificate, certify

GRAPHS_AT_ONCE = 8192
"""Graphs in one forward pass."""


class AnswersTable(Protocol):
    """A model of any depth that answers graphs given as the edges present."""

    def forward_table(self, present: Tensor) -> Tensor:
        """Logits ``[batch]`` for ``present`` ``[batch, 2r]``."""
        ...


def wrong_answers(model: AnswersTable, graphs: Graphs) -> Tensor:
    """Boolean ``[n]``; a logit that is not a number is wrong either way."""
    found = []
    parts = zip(graphs.present.split(GRAPHS_AT_ONCE), graphs.labels.split(GRAPHS_AT_ONCE), strict=True)
    with torch.no_grad():
        for present, labels in parts:
            logits = model.forward_table(present)
            found.append(((logits >= 0) != labels.bool()) | logits.isnan())
    return torch.cat(found)


def sampled_accuracy(model: AnswersTable, graphs: Graphs) -> float:
    """Share of right answers of ``model`` on ``graphs``."""
    return 1 - int(wrong_answers(model, graphs).sum()) / len(graphs.labels)


def is_finite(model: OneLayerModel) -> bool:
    """Whether training left the model weights that are numbers."""
    return all(bool(value.isfinite().all()) for value in model.weights().values())


def verdict(model: OneLayerModel) -> Certificate:
    """The certificate; of a model that training threw out of range: wrong on every input, an answer that is none."""
    if is_finite(model):
        return certify(extract(model))
    r = model.config.intermediates
    return Certificate(r, 4**r, wrong=4**r, undecided=0, min_margin=math.nan, error_bound=0.0, counterexample=None)
