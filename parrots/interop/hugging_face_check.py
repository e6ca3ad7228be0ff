"""Does transformers compute from an exported folder what the decoder computes?  Needs the extra ``hf``."""

from __future__ import annotations

import copy
import importlib
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import torch

from parrots.decoder.model import Decoder
from theory.errors import InputError

TOLERANCE = 1e-5
"""Largest difference of two logits, as a part of the largest logit where that is above 1."""


class Agreement(NamedTuple):
    """On random tokens: the largest difference of two logits, and the largest logit by absolute value."""

    difference: float
    largest: float

    @property
    def holds(self) -> bool:
        return self.difference <= TOLERANCE * max(1.0, self.largest)


def transformers() -> ModuleType:
    """The library; raises :class:`theory.errors.InputError` where it is not installed."""
    try:
        return importlib.import_module("transformers")
    except ImportError as error:
        raise InputError(
            "comparing with transformers needs it: pip install 'mixture-of-parrots[hf]', or leave --check out."
        ) from error


def agreement(model: Decoder, folder: Path, tokens: int = 64, seed: int = 0) -> Agreement:
    """Compare ``model`` with what ``AutoModelForCausalLM.from_pretrained(folder)`` makes of two random texts.

    Both in float32.  Raises :class:`theory.errors.InputError` where transformers is not installed.
    """
    loader = transformers().AutoModelForCausalLM
    shape = (2, min(tokens, model.config.positions))
    text = torch.randint(model.config.vocabulary, shape, generator=torch.Generator().manual_seed(seed))
    theirs = loader.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
    with torch.no_grad():
        expected = theirs(text).logits
        found = copy.deepcopy(model).float().eval()(text).logits
    return Agreement(float((found - expected).abs().max()), float(expected.abs().max()))
