"""Edge tokens: from an ordered pair of vertices to the rows of the embedding table that it uses."""

from __future__ import annotations

import torch
from torch import Tensor

from parrots.config import OneLayerConfig
from theory import encoding
from theory.errors import InputError


def rows_of_edges(edges: Tensor, config: OneLayerConfig) -> Tensor:
    """Rows of the table ``edges`` that embed each pair; their sum is the token.

    ``edges`` ``[..., 2]``, integer (tail, head) with no null tokens; returns ``[..., 1]``, or ``[..., 2]`` where
    tail and head have a row each (``endpoints``).
    """
    tail, head = edges.unbind(-1)
    V, r = config.vertices, config.intermediates
    if config.embedding == "pair":
        return (tail * V + head).unsqueeze(-1)
    if config.embedding == "endpoints":
        return torch.stack((tail, V + head), dim=-1)
    from_source = (tail == 0) & (head >= 1) & (head <= r)
    to_target = (head == r + 1) & (tail >= 1) & (tail <= r)
    row = torch.full_like(tail, 2 * r)
    row = torch.where(from_source, head - 1, row)
    return torch.where(to_target, r + tail - 1, row).unsqueeze(-1)


def star_rows(config: OneLayerConfig, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """Rows of the edges (s, i) and of the edges (i, d), each ``[r, 1 or 2]``, for i = 1..r."""
    i = torch.arange(1, config.intermediates + 1, device=device)
    source, target = torch.zeros_like(i), torch.full_like(i, config.vertices - 1)
    return (
        rows_of_edges(torch.stack((source, i), -1), config),
        rows_of_edges(torch.stack((i, target), -1), config),
    )


def embed(table: Tensor, rows: Tensor) -> Tensor:
    """Sum of the rows: ``table`` ``[..., rows, width]``, ``rows`` ``[tokens, 1 or 2]`` -> ``[..., tokens, width]``."""
    picked = table.index_select(-2, rows.reshape(-1))
    if rows.shape[-1] == 1:
        return picked
    return picked.unflatten(-2, rows.shape).sum(-2)


def check_edges(edges: Tensor, config: OneLayerConfig) -> None:
    """Refuse anything but ``[batch, slots, 2]`` of vertices 0..V-1, with (-1, -1) for an empty slot.

    Raises :class:`theory.errors.InputError`, also for an edge that a graph lists twice (it would count twice).
    """
    encoding.check_edges(edges.numpy(force=True), config.vertices)
    if edges.shape[1] != config.edge_slots:
        raise InputError(f"{edges.shape[1]} edge slots given, the model has {config.edge_slots}: pad with (-1, -1).")
