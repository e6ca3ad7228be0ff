"""Panel (b): hand-built models, whole and with one weight broken, and p-bit models below and at the lower bounds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
import torch

from experiments.studies.refuted.preset import RefutedPreset
from experiments.studies.refuted.searching import Target
from experiments.studies.refuted.trained import STUDY
from experiments.studies.types import Cell, Finished, Job
from parrots.config import Attention, OneLayerConfig
from parrots.initialise import initial_parameters
from parrots.model import OneLayerModel
from parrots.models import PREFIX, resolve
from theory.bounds import entropy_min_width, message_min_width
from theory.rule_out import rule_out

PANEL = "b-built"
WHOLE, BROKEN, BELOW, AT = "built, whole", "built, one weight broken", "p-bit, below the bound", "p-bit, at the bound"
KINDS = (WHOLE, BROKEN, BELOW, AT)
TRUTH = {WHOLE: "right", BROKEN: "wrong", BELOW: "wrong", AT: "not known"}
"""By proof: of the construction, of what was broken, and of the bound."""
METHODS = ("sampling", "local")
CONSTRUCTIONS = ("dense", "packed")
EXPERTS = (1, 4)
ATTENTIONS: tuple[Attention, ...] = ("uniform", "softmax")
COST = 5e5
"""About the time of a cell for every vertex, in that of a training FLOP of panel (a)."""


@dataclass(frozen=True)
class Setup:
    """What a cell depends on: ``name`` is a construction, or the attention of a p-bit model."""

    kind: str
    name: str
    r: int
    bits: int | None
    experts: int
    evaluations: int
    seed: int
    grid: str

    @classmethod
    def of(cls, cell: Cell) -> Setup:
        return cls(**cell.config)

    def model(self) -> OneLayerModel | None:
        """The model; None if no width lies below the bound."""
        if self.name not in CONSTRUCTIONS:
            return self._p_bit()
        model = resolve(f"{PREFIX}{self.name}?vertices={self.r + 2}")
        if self.kind == BROKEN:
            _break(model, self.seed)
        return model

    def _p_bit(self) -> OneLayerModel | None:
        assert self.bits is not None
        attention: Attention = "softmax" if self.name == "softmax" else "uniform"
        arguments = (self.r, 1, self.bits, attention)
        width = max(message_min_width(*arguments), entropy_min_width(*arguments)) - (self.kind == BELOW)
        if width < 1:
            return None
        config = OneLayerConfig(
            vertices=self.r + 2,
            width=width,
            hidden=4 * self.r,
            experts=self.experts,
            attention=attention,
            value_bits=self.bits,
        )
        return OneLayerModel(config, initial_parameters(config, self.seed))


def _break(model: OneLayerModel, seed: int) -> None:
    """One weight, such that some graph is provably answered wrongly: an edge (s, i) that looks like a null token."""
    rng = np.random.default_rng(seed)
    row = int(rng.integers(model.config.intermediates))
    with torch.no_grad():
        edges = model.weights()["edges"]
        edges[row, int(edges[row].abs().argmax())] = 0


def jobs(preset: RefutedPreset) -> tuple[Job, ...]:
    """One job for every size."""
    return tuple(_job(preset, r) for r in preset.large)


def _job(preset: RefutedPreset, r: int) -> Job:
    built = [
        Setup(kind, name, r, None, 1, preset.evaluations, seed, preset.grid)
        for kind, name, seed in product((WHOLE, BROKEN), CONSTRUCTIONS, range(preset.seeds))
        if kind == BROKEN or seed == 0
    ]
    p_bit = [
        Setup(kind, attention, r, bits, experts, preset.evaluations, 0, preset.grid)
        for kind, attention, bits, experts in product((BELOW, AT), ATTENTIONS, preset.bits, EXPERTS)
    ]
    setups = [*built, *(setup for setup in p_bit if setup.model() is not None)]
    cells = tuple(Cell(STUDY, PANEL, asdict(setup)) for setup in setups)
    return Job(f"built and p-bit, r = {r}", cells, run, COST * r * len(cells))


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    for cell in cells:
        began = time.perf_counter()
        metrics = measure(Setup.of(cell))
        yield Finished(cell, metrics, "searched", time.perf_counter() - began)


def measure(setup: Setup) -> Mapping[str, Any]:
    """What the bounds say, what each method finds, and, of integers, whether an exact collision is found."""
    model = setup.model()
    assert model is not None
    target = Target.of(model)
    found = {method: target.search(method, setup.evaluations, setup.seed) for method in METHODS}
    collision = None
    if setup.kind == BELOW:
        result = target.search("lattice", setup.evaluations, setup.seed)
        found["lattice"] = result
        collision = min((a.residual for a in result.attempts if a.residual is not None), default=None)
    return {
        "width": model.config.width,
        "ruled_out": any(verdict.rules_out for verdict in rule_out(target.table, setup.bits)),
        "evaluations": {name: result.evaluations if result.found else None for name, result in found.items()},
        "spent": {name: result.evaluations for name, result in found.items()},
        "least_residual": collision,
    }
