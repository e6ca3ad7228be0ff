"""The cells: one hand-built model at one size, asked the same graphs in every number format."""

from __future__ import annotations

import copy
import functools
import operator
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from experiments.studies.precision.preset import PrecisionPreset
from experiments.studies.types import Cell, Finished, Job
from parrots.constructions import get
from parrots.constructions.design import Design
from parrots.model import OneLayerModel
from parrots.precision import FixedPoint, Format, InFormat, Reach, Significand, reach
from theory.digraphs import families
from theory.encoding import NULL
from theory.errors import InputError
from theory.oracles import length_2_paths_scipy

STUDY = "precision"
PANEL = "a-formats"
MACHINE = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16}
"""Formats that torch computes in itself."""
ABOVE = 2
"""Formats with up to so many bits more than the least are tried too: one that fails there is not the least."""
MOST_TOKENS = 2**11
"""Tokens of all graphs of a family together: few graphs where they are large."""
FEWEST = 4
"""Graphs of a family, however large they are: its first ones have a path and none, few edges and many."""


@dataclass(frozen=True)
class Question:
    """Graphs ``edges`` ``[batch, slots, 2]``, their ``ends`` ``[batch, 2]`` and the ``truth`` ``[batch]``."""

    edges: Tensor
    truth: Tensor
    ends: Tensor

    def inputs(self, design: Design) -> tuple[Tensor, ...]:
        """What the model is given."""
        return (self.edges, self.ends) if design.names_ends else (self.edges,)

    def wrong(self, design: Design, model: nn.Module) -> int:
        """How many answers of ``model`` are wrong; a logit that is not a number is wrong either way."""
        with torch.no_grad():
            logits = model(*self.inputs(design))
        return int((((logits >= 0) != self.truth) | logits.isnan()).sum())


@dataclass(frozen=True)
class Questions:
    """The same graphs for every model of a size, each question of one family, laid out as ``design`` wants them."""

    design: Design
    questions: tuple[Question, ...]

    def wrong(self, change: Callable[[nn.Module], nn.Module]) -> int:
        """Wrong answers of the model as it is built, in float32, after ``change`` (which must leave it alone)."""
        model = self.design.build()
        return sum(
            question.wrong(self.design, change(self.design.with_slots(model, question.edges.shape[1])))
            for question in self.questions
        )

    def reach(self) -> Reach:
        """The largest numbers that the model makes of any of the graphs."""
        model = self.design.build()
        found = [
            reach(self.design.with_slots(model, question.edges.shape[1]), *question.inputs(self.design))
            for question in self.questions
        ]
        return functools.reduce(operator.or_, found)

    @property
    def graphs(self) -> int:
        return sum(len(question.truth) for question in self.questions)

    @property
    def tokens(self) -> int:
        """Of the longest input, the query included."""
        return 1 + max(question.edges.shape[1] for question in self.questions)


def jobs(preset: PrecisionPreset) -> tuple[Job, ...]:
    """One job for every construction and size."""
    found = []
    for name in preset.constructions:
        for vertices in preset.vertices:
            cells = tuple(
                _cell(preset, name, options, vertices, seed)
                for options in _options(preset, name, vertices)
                for seed in range(preset.seeds)
            )
            if cells:
                cost = float(len(cells) * preset.graphs * vertices**2)
                found.append(Job(f"precision of {name}, {vertices} vertices", cells, run, cost))
    return tuple(found)


def _options(preset: PrecisionPreset, name: str, vertices: int) -> list[dict[str, int]]:
    """The preset's values of the one option that trades width, as far as a model of that size exists."""
    traded = {"packed": ("digits", preset.digits), "soft-moe": ("experts", preset.experts)}
    if name not in traded:
        return [{}]
    option, values = traded[name]
    return [{option: value} for value in values if _exists(name, vertices, {option: value})]


def _exists(name: str, vertices: int, options: Mapping[str, int]) -> bool:
    try:
        get(name).design(vertices, **options)
    except InputError:
        return False
    return True


def _cell(preset: PrecisionPreset, name: str, options: Mapping[str, int], vertices: int, seed: int) -> Cell:
    config: dict[str, Any] = {
        "construction": name,
        "options": dict(options),
        "vertices": vertices,
        "graphs": preset.graphs,
        "most_bits": preset.most_bits,
        "seed": seed,
        "grid": preset.grid,
    }
    return Cell(STUDY, PANEL, config)


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Each model in every format."""
    for cell in cells:
        began = time.perf_counter()
        metrics = measure(cell.config)
        yield Finished(cell, metrics, "every format tried", time.perf_counter() - began)


def measure(config: Mapping[str, Any]) -> dict[str, Any]:
    """Costs of the model, wrong answers in the machine's formats, least bits of the emulated ones."""
    design = get(config["construction"]).design(config["vertices"], **config["options"])
    questions = ask(design, config["graphs"], config["seed"])
    numbers = questions.reach()

    def right(form: Format) -> bool:
        return questions.wrong(lambda model: InFormat(model, form)) == 0

    most = config["most_bits"]
    return {
        "width": design.width,
        "neurons": design.neurons,
        "heads": design.heads,
        "depth": design.depth,
        "token_wise": isinstance(design.build(), OneLayerModel),
        "stated_bits": design.bits,
        "statement": design.statement,
        "inputs": questions.graphs,
        "tokens": questions.tokens,
        "wrong": {name: questions.wrong(_as(dtype)) for name, dtype in MACHINE.items()},
        "least_significand": least_bits(lambda bits: right(Significand(bits)), most),
        "least_fixed": least_bits(lambda bits: right(FixedPoint(bits, numbers)), most),
    }


def _as(dtype: torch.dtype) -> Callable[[nn.Module], nn.Module]:
    """The same weights in another of torch's formats."""
    return lambda model: copy.deepcopy(model).to(dtype)


def ask(design: Design, graphs: int, seed: int) -> Questions:
    """About ``graphs`` graphs of all families, the same for every construction of a size.

    Of each family at most :data:`MOST_TOKENS` tokens, but :data:`FEWEST` graphs at least; one question holds as many
    graphs as lie within that number of tokens (and one at least).
    """
    V = design.vertices
    found = []
    for edges in families(np.random.default_rng((V, seed)), V, graphs).values():
        kept = edges[: most_graphs(edges.shape[1])]
        slots = design.slots_for(int((kept[:, :, 0] != NULL).sum(axis=1).max(initial=0)))
        padded = np.full((len(kept), max(slots, kept.shape[1]), 2), NULL, dtype=np.int64)
        padded[:, : kept.shape[1]] = kept
        truth = torch.from_numpy(length_2_paths_scipy(kept, V, 0, V - 1))
        together = max(1, MOST_TOKENS // (padded.shape[1] + 1))
        parts = zip(torch.from_numpy(padded).split(together), truth.split(together), strict=True)
        found += [Question(part, yes, torch.tensor([0, V - 1]).expand(len(part), 2)) for part, yes in parts]
    return Questions(design, tuple(found))


def most_graphs(slots: int) -> int:
    """Graphs that are asked of a family whose largest one has ``slots`` edges, at most."""
    return max(FEWEST, MOST_TOKENS // (slots + 1))


def least_bits(right: Callable[[int], bool], most: int) -> int | None:
    """The fewest bits from which on a format is right, by bisection; None if even ``most`` bits are not.

    >>> least_bits(lambda bits: bits >= 7, 40), least_bits(lambda bits: False, 40)
    (7, None)

    Where more bits are not always better, the formats next above decide:

    >>> least_bits(lambda bits: bits >= 7 and bits != 9, 40)
    10
    >>> least_bits(lambda bits: bits >= 7 and bits not in (9, 10), 40)
    11
    """
    right = functools.cache(right)
    if not right(most):
        return None
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if right(middle) else (middle, high)
    while failing := [bits for bits in range(high, min(high + ABOVE, most) + 1) if not right(bits)]:
        high = failing[-1] + 1
    return high
