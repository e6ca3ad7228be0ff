"""A graph through a model itself, token by token and as a table, and through networkx: the test of a counterexample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import torch

from parrots.model import OneLayerModel
from theory.oracles import length_2_path_networkx

Edges = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Replay:
    """Three answers to one star graph: "is there a length-2 path from 0 to V - 1?"."""

    model_answer: bool
    """Token by token, in the model's own precision; so is the table's."""
    table_answer: bool
    oracle: bool

    @property
    def refutes(self) -> bool:
        """Both executions of the model contradict networkx."""
        return self.model_answer == self.table_answer != self.oracle


def replay(model: OneLayerModel, edges: Edges) -> Replay:
    """Ask ``model`` and networkx about the star graph of ``edges`` (0, i) and (i, V - 1).

    Raises :class:`theory.errors.InputError` for edges that the model cannot hold.
    """
    config = model.config
    parameter = next(model.parameters())
    slots = torch.full((1, max(config.edge_slots, len(edges)), 2), -1)
    present = torch.zeros(1, 2 * config.intermediates, dtype=parameter.dtype)
    for slot, (tail, head) in enumerate(edges):
        slots[0, slot] = torch.tensor((tail, head))
        present[0, head - 1 if tail == 0 else config.intermediates + tail - 1] = 1
    graph: nx.DiGraph[int] = nx.DiGraph(list(edges))
    graph.add_nodes_from((0, config.vertices - 1))
    with torch.no_grad():
        return Replay(
            model_answer=bool(model(slots.to(parameter.device))[0] >= 0),
            table_answer=bool(model.forward_table(present.to(parameter.device))[0] >= 0),
            oracle=length_2_path_networkx(graph, 0, config.vertices - 1),
        )
