"""Every label against the module's own answer."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from parrots.memoriser.batches import token_batches
from parrots.memoriser.module import Memoriser
from theory.memorisation import RandomSequences


@dataclass(frozen=True)
class Verdict:
    """``wrong`` labels of all sequences; ``loads`` ``[K]``, how many sequences the router sent to each expert."""

    wrong: int
    loads: NDArray[np.int64]


def check(model: Memoriser, sequences: RandomSequences, dtype: torch.dtype = torch.float64) -> Verdict:
    """Run all sequences, token by token in batches, through ``model`` with weights and tokens in ``dtype``.

    A logit of 0 or nan is wrong.
    """
    model = copy.deepcopy(model).to(dtype)
    device = model.outer_bias.device
    labels = torch.from_numpy(sequences.labels()).to(device)
    wrong, done = 0, 0
    loads = torch.zeros(model.experts, dtype=torch.int64, device=device)
    for tokens in token_batches(sequences, model.experts + 2 * model.hidden, device):
        logits, chosen = model.answer(tokens.to(dtype))
        wrong += int((~(logits * labels[done : done + len(tokens)] > 0)).sum())
        loads += torch.bincount(chosen, minlength=model.experts)
        done += len(tokens)
    return Verdict(wrong, loads.cpu().numpy())
