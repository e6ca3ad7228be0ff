"""Merging experts by how they are routed to: M-SMoE (Li et al. 2024), carried over to Soft MoE.

1.  The experts that are used most, by their total combine weight on some inputs, stay.
2.  Each other expert joins the one whose routing logits are most similar to its own: the largest cosine over all inputs
    and tokens.
3.  Its hidden units are permuted to match those of the expert that it joins: the assignment of largest inner product.
4.  A group's weights become their mean, weighted by use.

In M-SMoE the router stays as it is, and all experts of a group are one; here too all slots and their vectors stay
(:func:`merge`).  That stores fewer experts and computes as many.  A model that also computes fewer has one slot vector
a group (:func:`fewer_slots`), the mean of the group's by use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from parrots.soft_moe.config import SoftMoeConfig
from parrots.soft_moe.layer import unit
from theory.errors import InputError

Parameters = Mapping[str, Tensor]


@dataclass(frozen=True)
class Groups:
    """Who is merged with whom."""

    kept: Tensor
    """``[groups]``, the expert that each group is matched to, the most used first."""
    of: Tensor
    """``[n]``, the group of every expert."""
    share: Tensor
    """``[n]``, an expert's part in its group, by use; sums to 1 in each."""


def grouped(logits: Tensor, usage: Tensor, groups: int) -> Groups:
    """Groups from ``logits`` ``[inputs, T, n]`` of models with one slot an expert, and ``usage`` ``[n]``, above 0.

    Raises :class:`theory.errors.InputError` unless there are from 1 to n groups.
    """
    experts = len(usage)
    if not 1 <= groups <= experts:
        raise InputError(f"{groups} groups of {experts} experts: give 1 to {experts}.")
    kept = usage.sort(descending=True, stable=True).indices[:groups]
    directions = unit(logits.flatten(0, 1), 0)
    of = (directions.mT @ directions[:, kept]).argmax(1)
    of[kept] = torch.arange(groups, device=of.device)  # of two experts with the same logits each keeps its own
    total = torch.zeros(groups, dtype=usage.dtype, device=of.device).index_add(0, of, usage)
    return Groups(kept, of, usage / total[of])


def merge(parameters: Parameters, groups: Groups) -> dict[str, Tensor]:
    """The model with as many slots as before whose experts of one group are the same."""
    means = _means(parameters, groups)
    return {**parameters, **{name: mean[groups.of] for name, mean in means.items()}}


def fewer_slots(
    parameters: Parameters, groups: Groups, config: SoftMoeConfig
) -> tuple[SoftMoeConfig, dict[str, Tensor]]:
    """The model with one expert and one slot for each group.

    Raises :class:`theory.errors.InputError` for a model with several slots an expert.
    """
    if config.slots != 1:
        raise InputError(f"{config.slots} slots an expert: merging is defined for one.")
    weights = (groups.of == torch.arange(len(groups.kept), device=groups.of.device)[:, None]) * groups.share
    merged = {**parameters, **_means(parameters, groups), "slot_vectors": parameters["slot_vectors"] @ weights.mT}
    return replace(config, experts=len(groups.kept)), merged


def _means(parameters: Parameters, groups: Groups) -> dict[str, Tensor]:
    """Name -> ``[groups, ...]``, of the experts' parameters."""
    names = [name for name in ("inner", "outer", "inner_bias", "outer_bias") if name in parameters]
    aligned = _aligned({name: parameters[name] for name in names}, groups)
    shape = {name: (len(groups.kept), *value.shape[1:]) for name, value in aligned.items()}
    return {
        name: torch.zeros(shape[name], dtype=value.dtype, device=value.device).index_add(
            0, groups.of, value * groups.share.to(value.dtype).view(-1, *[1] * (value.dim() - 1))
        )
        for name, value in aligned.items()
    }


def _aligned(experts: dict[str, Tensor], groups: Groups) -> dict[str, Tensor]:
    """The experts with their hidden units in the order of those of the kept one of their group."""
    units = [experts["inner"].mT, experts["outer"]]  # [n, F, width] each: a row a unit
    if "inner_bias" in experts:
        units.append(experts["inner_bias"].unsqueeze(-1))
    rows = torch.cat(units, -1)
    likeness = rows[groups.kept[groups.of]] @ rows.mT  # [n, F of the kept, F of the expert]
    order = torch.stack([torch.from_numpy(linear_sum_assignment(one, maximize=True)[1]) for one in likeness.cpu()])
    order = order.to(rows.device)
    columns = order.unsqueeze(-1).expand(-1, -1, experts["outer"].shape[-1])
    moved = {"inner": experts["inner"].mT.gather(1, columns).mT, "outer": experts["outer"].gather(1, columns)}
    if "inner_bias" in experts:
        moved["inner_bias"] = experts["inner_bias"].gather(1, order)
    return {**experts, **moved}
