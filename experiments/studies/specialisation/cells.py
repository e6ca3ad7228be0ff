"""The cells: one model of one n and seed, trained, and measured with parts of its experts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from math import fsum
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn.functional import cross_entropy

from experiments.engine import DIVERGED, TUNING_SEED, best_device
from experiments.images import load
from experiments.studies.specialisation.measure import Measured, answers, measure, retained
from experiments.studies.specialisation.preset import SpecialisationPreset
from experiments.studies.specialisation.setup import Setup, training_flops
from experiments.studies.specialisation.training import Member, Tokens, train
from experiments.studies.types import Cell, Finished, Job
from parrots.soft_moe import SoftMoe, SoftMoeConfig
from parrots.soft_moe.checkpoint import to_bytes
from theory.accounting import soft_moe_parameters

STUDY, PANEL = "specialisation", "a-subsets"
PART = 8
"""One expert in so many is kept where a candidate's retained accuracy is measured."""
MOST_LOSS = 1e30
"""The loss of a model that is not finite."""
TRAINED = "used its epochs"


def jobs(preset: SpecialisationPreset) -> tuple[Job, ...]:
    """One job for every n: candidates for the rate, then all seeds."""
    found = []
    for n in preset.experts:
        setup = _setup(preset, n)
        cells = tuple(Cell(STUDY, PANEL, asdict(setup) | {"seed": seed}) for seed in range(preset.seeds))
        cost = (preset.seeds + len(candidates(setup))) * training_flops(setup)
        found.append(Job(f"{PANEL}: n = {n}", cells, partial(run, folder=preset.folder), cost))
    return tuple(found)


def _setup(preset: SpecialisationPreset, n: int) -> Setup:
    training = f"{preset.epochs} epochs in batches of {preset.batch}, rates {preset.learning_rates}"
    layer = f"{preset.patches**2} patches, {preset.total_hidden} hidden units, {preset.activation}"
    return Setup(
        images=preset.images,
        patches=preset.patches,
        experts=n,
        hidden=preset.total_hidden // n,
        activation=preset.activation,
        bias=preset.bias,
        learning_rates=preset.learning_rates,
        tuning_seeds=preset.tuning_seeds,
        epochs=preset.epochs,
        batch=preset.batch,
        draws=preset.draws,
        greedy=min(n, preset.greedy),
        oracle=n <= preset.greedy,
        exhaustive=n <= preset.exhaustive,
        seed=0,
        grid=f"{preset.images}, {layer}{', biases' if preset.bias else ''}, {training}",
    )


def run(cells: tuple[Cell, ...], folder: str) -> Iterator[Finished]:
    """Tune, train and measure the seeds of one n; ``folder`` holds the files of the images."""
    device = best_device()
    setup, start = Setup.of(cells[0]), time.perf_counter()
    images = load(setup.images, Path(folder))
    data, validation, test = (
        Tokens.of(split, setup.patches, device) for split in (images.train, images.validation, images.test)
    )
    rate, scores = tune(setup, data, validation)
    members = [Member(cell.seed, rate) for cell in cells]
    trained = train(setup.config, data, members, setup.epochs, setup.batch)
    shared = (time.perf_counter() - start) / len(cells)
    for cell, parameters in zip(cells, trained, strict=True):
        start = time.perf_counter()
        metrics: dict[str, Any] = {
            "learning_rate": rate,
            "tuning": scores,
            "parameters": soft_moe_parameters(setup.config),
        }
        finite = all(bool(value.isfinite().all()) for value in parameters.values())
        if finite:
            metrics |= measure(Measured.of(parameters, setup.config, validation, test), Setup.of(cell))
        model = to_bytes(SoftMoe(setup.config, parameters)) if finite else None
        seconds = shared + time.perf_counter() - start
        yield Finished(cell, metrics, TRAINED if finite else DIVERGED, seconds, device.type, model)


def candidates(setup: Setup) -> list[Member]:
    """What the rate is chosen by: every rate with every tuning seed (no result uses them); one rate needs no run."""
    if len(setup.learning_rates) == 1:
        return []
    seeds = range(TUNING_SEED, TUNING_SEED + setup.tuning_seeds)
    return [Member(seed, rate) for rate in setup.learning_rates for seed in seeds]


def tune(setup: Setup, data: Tokens, validation: Tokens) -> tuple[float, dict[str, dict[str, list[float]]]]:
    """The rate of highest mean accuracy on ``validation``, of equal ones that of least loss; and the scores of all."""
    members = candidates(setup)
    if not members:
        return setup.learning_rates[0], {}
    trained = train(setup.config, data, members, setup.epochs, setup.batch)
    scores: dict[float, list[dict[str, float]]] = {rate: [] for rate in setup.learning_rates}
    for member, parameters in zip(members, trained, strict=True):
        scores[member.learning_rate].append(_score(parameters, setup.config, validation))
    best = max(scores, key=lambda rate: (_total(scores[rate], "accuracy"), -_total(scores[rate], "loss")))
    return best, {f"{rate:g}": {name: [one[name] for one in of] for name in of[0]} for rate, of in scores.items()}


def _total(scores: list[dict[str, float]], name: str) -> float:
    return fsum(score[name] for score in scores)


def _score(parameters: dict[str, Tensor], config: SoftMoeConfig, validation: Tokens) -> dict[str, float]:
    """Accuracy and loss, and the share of the accuracy that an eighth of the experts keeps."""
    logits = answers(validation.x, parameters, config).double()
    labels = validation.labels
    return {
        "accuracy": float(((logits.argmax(1) == labels) & logits.isfinite().all(1)).double().mean()),
        "loss": float(cross_entropy(logits, labels).nan_to_num(nan=MOST_LOSS, posinf=MOST_LOSS)),
        "retained": retained(parameters, config, validation, max(1, config.experts // PART)),
    }
