"""The study's three sizes.  Every field may be changed by ``--set field=value``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from experiments.studies.settings import check_numbers
from experiments.tasks.graphs.text import Encoding
from experiments.tasks.shortest_path import ShortestPath
from experiments.tasks.two_hop import LengthTwoPath
from experiments.training.recipe import Precision
from theory.errors import InputError

NEEDED = ("learning_rates", "widths", "depths")
"""Lists that may not be empty; an empty one of the others leaves a part of the study out."""
VERTICES_AN_EDGE = 4
"""In graphs of the length-2 path task, for every edge at the source, and at the target."""


@dataclass(frozen=True)
class ShortestPathPreset:
    """Grids of the two panels; the defaults are the quick ones.

    A step's graphs are fresh, so ``steps * batch`` is how many graphs a model sees: 10^6 in the preset ``paper``, as
    many as the paper's training set, which it passes a number of times that is not given.
    """

    seeds: int = 3
    """Seeds of every model: 0, 1, …; each has its own graphs."""
    learning_rates: tuple[float, ...] = (1e-2, 2e-2)
    """Candidates, the same for every model; the best on validation graphs of a seed of their own is used."""
    tests: int = 1000
    """Test graphs of a seed, of every size."""
    vertices: int = 8
    edges: int = 9
    family: Literal["tree", "uniform"] = "tree"
    """Of graphs: tree (a random tree and random further edges) or uniform (all graphs with as many edges)."""
    shortest: int = 2
    """Shortest distance that is asked for."""
    longest: int = 3
    encoding: Encoding = "edges"
    """Of an edge: edges (one token) or vertices (two)."""
    larger: tuple[int, ...] = (9,)
    """Numbers of vertices beyond training on which models are tested; training uses all their names."""
    layers: int = 2
    head_width: int = 8
    """Coordinates of an attention head, at most the width."""
    widths: tuple[int, ...] = (8, 16, 32)
    experts: tuple[int, ...] = (16,)
    """Of models with experts, top-2, each as wide as the dense layer: the width."""
    controls: tuple[int, ...] = (4,)
    """Dense models with so many times the hidden units: parameters that are all active."""
    control_widths: tuple[int, ...] = (16,)
    """Those of the widths that have them."""
    steps: int = 700
    batch: int = 64
    warmup: float = 0.2
    """Share of the steps in which the learning rate rises, as in the paper's language models."""
    balance: float = 0.01
    decay: float = 0.0
    precision: Precision = "float32"
    """Of products in training: float32 or bfloat16; weights and optimiser are float32."""
    depth_widths: tuple[int, ...] = (8, 16)
    """(b) Widths of models with different numbers of layers."""
    depths: tuple[int, ...] = (1, 2)
    """(b) Layers."""
    depth_experts: int = 16
    depth_vertices: int = 16
    """(b) Vertices of the graphs whose length-2 path is to be found."""
    depth_steps: int = 250
    device_flops: float = 4e9
    """FLOP/s that ``--dry-run`` assumes of a device (quick: one CPU core on matrices this small)."""

    def __post_init__(self) -> None:
        check_numbers(self, may_be_zero=("decay", "balance", "warmup"), may_be_empty=True)
        for name in NEEDED:
            if not getattr(self, name):
                raise InputError(f"{name}: give one or more.")
        if not set(self.control_widths) <= set(self.widths):
            raise InputError(f"control_widths {self.control_widths}: give some of the widths {self.widths}.")
        if min(self.larger, default=self.vertices + 1) <= self.vertices:
            raise InputError(
                f"larger {self.larger}: models are trained on {self.vertices} vertices; give larger numbers."
            )
        _ = self.task  # which refuses graphs that cannot be drawn

    @property
    def names(self) -> int:
        """Names of vertices that training uses."""
        return max(self.vertices, *self.larger, 0)

    @property
    def task(self) -> ShortestPath:
        """As models are trained, with room in the prompt for the edges of the largest graph."""
        kind = ShortestPath(
            vertices=self.vertices,
            edges=self.edges,
            family=self.family,
            distances=(self.shortest, self.longest),
            encoding=self.encoding,
            labels=self.names,
        )
        return replace(kind, slots=kind.larger(self.names).slot_count)

    @property
    def depth_task(self) -> LengthTwoPath:
        return LengthTwoPath(vertices=self.depth_vertices, degree=self.depth_vertices // VERTICES_AN_EDGE)


PRESETS = {
    "quick": ShortestPathPreset(),
    "gpu": ShortestPathPreset(
        learning_rates=(1e-3, 3e-3),
        vertices=50,
        edges=75,
        family="uniform",
        shortest=1,
        longest=8,
        encoding="vertices",
        larger=(60,),
        layers=4,
        head_width=32,
        widths=(64, 128, 256),
        experts=(4, 16),
        control_widths=(64, 128, 256),
        steps=3000,
        batch=128,
        decay=0.1,
        precision="bfloat16",
        depth_widths=(32, 64, 128),
        depths=(1, 2, 4),
        depth_vertices=48,
        depth_steps=3000,
        device_flops=1e13,
    ),
    "paper": ShortestPathPreset(
        seeds=3,
        learning_rates=(3e-4, 1e-3, 3e-3),
        vertices=50,
        edges=75,
        family="uniform",
        shortest=1,
        longest=8,
        encoding="vertices",
        larger=(60, 75, 100),
        layers=12,
        head_width=64,
        widths=(256, 512, 1024),
        experts=(8, 16, 32, 64),
        controls=(4, 8),
        control_widths=(256, 512, 1024),
        steps=15_625,
        batch=64,
        decay=0.1,
        precision="bfloat16",
        depth_widths=(64, 128, 256, 512),
        depths=(1, 2, 4, 12),
        depth_experts=64,
        depth_vertices=50,
        depth_steps=15_625,
        device_flops=4e13,
    ),
}
