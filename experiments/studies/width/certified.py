"""Panel (c): models that are perfect on samples, decided on all 4^r inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

from experiments.answers import sampled_accuracy, verdict
from experiments.studies.shapes import widths
from experiments.studies.types import Cell, Finished, Job
from experiments.studies.width.critical import learning_rates
from experiments.studies.width.preset import WidthPreset
from experiments.studies.width.training import Setup, one_job, train_cells
from parrots.model import OneLayerModel

PANEL = "c-certified"
ARMS = {"dense": 1, "top-1": 4}
"""Arm -> experts."""


def jobs(preset: WidthPreset) -> tuple[Job, ...]:
    """One job for every size and arm."""
    return tuple(
        one_job(f"certified, r = {r}, {arm}", PANEL, setups(preset, r, arm), preset.seeds, run)
        for r, arm in product(preset.certified_r, ARMS)
        if setups(preset, r, arm)
    )


def setups(preset: WidthPreset, r: int, arm: str) -> list[Setup]:
    return [
        Setup(
            r=r,
            width=m,
            hidden=4 * r,
            law="everything",
            steps=preset.certified_steps,
            batch=preset.certified_batch,
            learning_rates=learning_rates(r)[1:],  # short runs tie at accuracy 1 here, and the least would win
            experts=ARMS[arm],
            arm=arm,
            test_graphs=preset.certified_samples,
            grid=f"{preset.certified_steps} steps of {preset.certified_batch} graphs, "
            f"{preset.certified_samples} test graphs",
        )
        for m in widths(r, preset.certified_share)
    ]


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    yield from train_cells(cells, measure)


def measure(setup: Setup, seed: int, model: OneLayerModel) -> Mapping[str, Any]:
    """Accuracy on sampled graphs, of the training law and planted, and the verdict on all 4^r inputs."""
    device = next(model.parameters()).device
    certificate = verdict(model)
    return {
        "accuracy": sampled_accuracy(model, setup.test(seed, device)),
        "planted_accuracy": sampled_accuracy(model, replace(setup, law="planted").test(seed, device)),
        "inputs": certificate.inputs,
        "wrong": certificate.wrong,
        "undecided": certificate.undecided,
        "min_margin": certificate.min_margin,
    }
