"""The certificate of a trained model, whatever training made of it."""

from __future__ import annotations

import math

from parrots.extract import extract
from parrots.model import OneLayerModel
from theory.certify import Certificate, certify


def is_finite(model: OneLayerModel) -> bool:
    """Whether training left the model weights that are numbers."""
    return all(bool(value.isfinite().all()) for value in model.weights().values())


def verdict(model: OneLayerModel) -> Certificate:
    """The certificate; of a model that training threw out of range: wrong on every input, an answer that is none."""
    if is_finite(model):
        return certify(extract(model))
    r = model.config.intermediates
    return Certificate(r, 4**r, wrong=4**r, undecided=0, min_margin=math.nan, error_bound=0.0, counterexample=None)
