"""A transformer of several layers that reads any digraph: edges attend to each other, a query token is read.

Tokens: an edge slot each, a sink and the query; N = slots + 2, and the weights do not depend on N.  Every layer is
softmax attention of all tokens to all tokens with a residual, without block or normalisation; a layer's scores are
plain products of queries and keys (a factor ``head_width ** -0.5`` is left to the weights).  The answer is a linear
read-out of the query after the last layer.

:mod:`parrots.two_layer` is the two-layer model for star graphs that studies train.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from parrots.model import Parameters
from parrots.module import NamedParameters
from theory.encoding import check_edges
from theory.errors import InputError


@dataclass(frozen=True)
class GraphTransformerConfig:
    """Shape of the model; each of the ``heads`` of a layer outputs ``width / heads`` numbers.

    Raises :class:`theory.errors.InputError` for a shape that does not exist.
    """

    vertices: int
    """V."""
    width: int
    """m, numbers a token carries."""
    depth: int
    """L, layers of attention."""
    heads: int = 1
    """H, attention heads of each layer; divides the width."""
    names_ends: bool = False
    """Whether source and target are given to the query token, rather than fixed in the weights."""

    def __post_init__(self) -> None:
        for name, least in (("vertices", 3), ("width", 1), ("depth", 1), ("heads", 1)):
            if getattr(self, name) < least:
                raise InputError(f"{name} {getattr(self, name)} is not allowed: give at least {least}.")
        if self.width % self.heads:
            raise InputError(f"{self.heads} heads do not divide width {self.width}: give a width that is a multiple.")

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every parameter's shape.

        ``tail`` and ``head``: an edge (u, v) is embedded as ``tail[u] + head[v]``; ``source`` and ``target``: rows that
        the query adds for the ends it names.
        """
        V, m, L = self.vertices, self.width, self.depth
        ends = {"source": (V, m), "target": (V, m)} if self.names_ends else {}
        maps = dict.fromkeys(("w_query", "w_key", "w_value", "w_out"), (L, m, m))
        special = {"null": (m,), "sink": (m,), "query": (m,)}
        return {"tail": (V, m), "head": (V, m), **special, **ends, **maps, "readout": (m,)}


class GraphTransformer(NamedParameters):
    """The model; memory is linear in the number of tokens, as long as no gradient is asked for."""

    def __init__(self, config: GraphTransformerConfig, parameters: Parameters) -> None:
        super().__init__(config.shapes(), parameters)
        self.config = config

    def forward(self, edges: Tensor, ends: Tensor | None = None) -> Tensor:
        """``edges`` ``[batch, slots, 2]`` integers, (-1, -1) for an empty slot -> logits ``[batch]``.

        ``ends`` ``[batch, 2]``, source and target of each graph, exactly if the configuration names them.  A loop is
        read as an empty slot: the graphs are simple.

        Raises :class:`theory.errors.InputError` for edges or ends that the model cannot hold.
        """
        check_edges(edges.numpy(force=True), self.config.vertices)
        tokens = self.tokens(edges, ends)
        for layer in range(self.config.depth - 1):
            tokens = self.attend(layer, tokens, tokens)
        query = self.attend(self.config.depth - 1, tokens[:, -1:], tokens)
        return query[:, 0] @ self.weights()["readout"]

    def tokens(self, edges: Tensor, ends: Tensor | None) -> Tensor:
        """Embeddings ``[batch, slots + 2, m]``: the slots, the sink, the query."""
        weights, batch = self.weights(), len(edges)
        tail, head = edges.unbind(-1)
        slots = weights["tail"][tail.clamp(min=0)] + weights["head"][head.clamp(min=0)]
        slots = torch.where((tail == head)[..., None], weights["null"], slots)  # empty, or a loop
        special = torch.stack((weights["sink"], weights["query"])).expand(batch, 2, -1)
        if (ends is not None) != self.config.names_ends:
            raise InputError("ends are given exactly if the query token names them: see `names_ends` of the model.")
        if ends is not None:
            if ends.shape != (batch, 2) or bool((ends < 0).any()) or bool((ends >= self.config.vertices).any()):
                raise InputError(
                    f"ends of shape {tuple(ends.shape)} for {batch} graphs: give a source and a target for each, "
                    f"vertices 0 to {self.config.vertices - 1}."
                )
            named = special[:, 1] + weights["source"][ends[:, 0]] + weights["target"][ends[:, 1]]
            special = torch.stack((special[:, 0], named), 1)
        return torch.cat((slots, special), 1)

    def attend(self, layer: int, reading: Tensor, tokens: Tensor) -> Tensor:
        """One layer: ``reading`` ``[batch, n, m]`` plus what its attention over ``tokens`` ``[batch, N, m]`` adds."""
        weights, heads = self.weights(), self.config.heads

        def split(x: Tensor, name: str) -> Tensor:
            return (x @ weights[name][layer]).unflatten(-1, (heads, -1)).transpose(1, 2)

        query, key, value = split(reading, "w_query"), split(tokens, "w_key"), split(tokens, "w_value")
        read = scaled_dot_product_attention(query, key, value, scale=1.0)
        return reading + read.transpose(1, 2).flatten(2) @ weights["w_out"][layer]
