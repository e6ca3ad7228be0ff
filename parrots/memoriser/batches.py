"""Token batches of a size that a device's nearest memory holds."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from theory.memorisation import RandomSequences

CPU_ELEMENTS, GPU_ELEMENTS = 2**22, 2**27
"""Numbers of one batch's largest intermediate result: a core's cache, a gigabyte of a GPU."""


def token_batches(sequences: RandomSequences, per_sequence: int, device: torch.device) -> Iterator[Tensor]:
    """All tokens in order, ``[batch, N, m]`` float64.

    ``per_sequence``: numbers that a sequence takes in the caller's intermediate results, its tokens not counted.
    """
    elements = CPU_ELEMENTS if device.type == "cpu" else GPU_ELEMENTS
    rows = max(1, elements // (per_sequence + sequences.tokens * sequences.width))
    for block in sequences.blocks():
        yield from torch.from_numpy(block).to(device).split(rows)
