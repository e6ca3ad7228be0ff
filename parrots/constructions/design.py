"""What every construction gives at one size: its costs, its weights and the shape of its input."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import nn


class Design(Protocol):
    """A construction at one size.

    :meth:`build` gives a module with ``forward(edges) -> logits``: ``edges`` ``[batch, slots, 2]`` integers, (-1, -1)
    for an empty slot, logits ``[batch]``, "yes" from 0 on.  The source is vertex 0 and the target V - 1; with
    ``names_ends`` it is ``forward(edges, ends)`` instead, ``ends`` ``[batch, 2]`` the source and target of each graph.
    """

    @property
    def name(self) -> str: ...

    @property
    def statement(self) -> str: ...

    @property
    def vertices(self) -> int: ...

    @property
    def width(self) -> int: ...

    @property
    def heads(self) -> int: ...

    @property
    def neurons(self) -> int:
        """Hidden units of all experts."""
        ...

    @property
    def bits(self) -> int: ...

    @property
    def depth(self) -> int: ...

    @property
    def names_ends(self) -> bool: ...

    def build(self, dtype: torch.dtype = torch.float32) -> nn.Module:
        """The weights, rounded to ``dtype``, as one of the package's model classes."""
        ...

    def slots_for(self, edges: int) -> int:
        """Slots of the array in which graphs of up to ``edges`` edges are laid; raises InputError for too many."""
        ...

    def with_slots(self, model: nn.Module, slots: int) -> nn.Module:
        """``model``, as built, for arrays of ``slots`` slots: the model itself where its weights do not depend on N."""
        ...

    def graph_bytes(self, slots: int) -> int:
        """Bytes that a forward pass takes for one graph of ``slots`` slots."""
        ...
