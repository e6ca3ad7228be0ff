"""One large model over several processes: FSDP2, and checkpoints of which each process writes its own shards."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor
from torch.distributed.checkpoint import DefaultLoadPlanner, load, save
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.optim import AdamW

from experiments.training.optimiser import moments
from experiments.training.recipe import Recipe
from parrots.decoder import Decoder


def shard(model: Decoder, recipe: Recipe) -> None:
    """Split every parameter over the processes, in place: each layer is gathered when it runs, the rest as the root.

    With bfloat16, layers are gathered and run in it and gradients are added up in float32; the weights that the
    optimiser changes stay float32.
    """
    bfloat16 = torch.bfloat16 if recipe.precision == "bfloat16" else None
    policy = MixedPrecisionPolicy(param_dtype=bfloat16, reduce_dtype=torch.float32)
    for layer in model.layers:
        fully_shard(layer, mp_policy=policy)
    fully_shard(model, mp_policy=policy)


def write_shards(folder: Path, model: Decoder, optimiser: AdamW) -> None:
    """Each process writes the numbers that it holds, to a safetensors file of its own."""
    save(_arrays(model, optimiser), storage_writer=HuggingFaceStorageWriter(str(folder), save_distributed=True))


def read_shards(folder: Path, model: Decoder, optimiser: AdamW | None = None) -> None:
    """Read the safetensors files of ``folder``, however many processes wrote them and however many read them now."""
    arrays = _arrays(model, optimiser)
    alone = not any(isinstance(array, DTensor) for array in arrays.values())
    planner = DefaultLoadPlanner(flatten_state_dict=False, flatten_sharded_tensors=False)
    with warnings.catch_warnings():  # it warns that one process loads, which is what is asked for
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        load(arrays, storage_reader=HuggingFaceStorageReader(str(folder)), planner=planner, no_dist=alone)


def _arrays(model: Decoder, optimiser: AdamW | None) -> dict[str, Tensor]:
    """Parameters, buffers and moments by name: the tensors themselves, so that reading fills them in place."""
    arrays = {name: value.detach() for name, value in model.state_dict().items()}
    return arrays if optimiser is None else arrays | moments(model, optimiser)
