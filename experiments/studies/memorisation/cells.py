"""The cells: one model of one shape and seed, trained on all of its sequences until it knows every label."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from experiments.engine import BUDGET, DIVERGED, best_device
from experiments.studies.memorisation.preset import MemorisationPreset
from experiments.studies.memorisation.setup import TUNING_SHARE, Setup, counts
from experiments.studies.memorisation.shortcuts import shortcut_job
from experiments.studies.memorisation.training import Trained, train, tune
from experiments.studies.types import Cell, Finished, Job
from parrots.flat import sizes
from parrots.memoriser.trainable import TrainableConfig

CAPACITY, LONGER, ATTENTION, SWEEP = "a-capacity", "b-longer", "b-attention", "c-sweep"
HELD = "every label held"


def jobs(preset: MemorisationPreset) -> tuple[Job, ...]:
    """One job for every model and number of sequences."""
    return (*_capacity_jobs(preset), *_control_jobs(preset), *_sweep_jobs(preset), *_shortcut_jobs(preset))


def mixtures(preset: MemorisationPreset, total: int) -> list[TrainableConfig]:
    """With about ``total`` parameters, one for each number of experts."""
    return [TrainableConfig(preset.width, hidden_units(total, preset.width, K), K) for K in preset.experts]


def hidden_units(total: float, width: int, experts: int) -> int:
    """F of an expert in a model of about ``total`` parameters, at least 1."""
    router = experts * (width + 1) if experts > 1 else 0
    return max(1, round((total - router - experts) / (experts * (width + 2))))


def capacity_models(preset: MemorisationPreset) -> list[TrainableConfig]:
    """Models with experts, and dense ones with as many parameters in total or as many as are active; each once."""
    mixed = [model for total in preset.totals for model in mixtures(preset, total)]
    counted = map(counts, mixed)
    sizes = {hidden_units(size, preset.width, 1) for count in counted for size in (count.total, count.active)}
    return [*(TrainableConfig(preset.width, hidden) for hidden in sorted(sizes)), *dict.fromkeys(mixed)]


def _capacity_jobs(preset: MemorisationPreset) -> Iterator[Job]:
    for model, load in product(capacity_models(preset), preset.loads):
        yield _job(preset, CAPACITY, model, _loaded(model, load), preset.steps)


def _control_jobs(preset: MemorisationPreset) -> Iterator[Job]:
    """The models of the largest total with more steps, and with learned attention."""
    largest = mixtures(preset, max(preset.totals))
    total = max(counts(model).total for model in largest)
    for model in (TrainableConfig(preset.width, hidden_units(total, preset.width, 1)), *largest):
        n = _loaded(model, preset.longer_load)
        yield _job(preset, LONGER, model, n, preset.longer * preset.steps)
        yield _job(preset, ATTENTION, replace(model, attention="learned"), n, preset.steps)


def _loaded(model: TrainableConfig, load: float) -> int:
    return round(load * counts(model).total)


def _sweep_jobs(preset: MemorisationPreset) -> Iterator[Job]:
    n, m = preset.sequences, preset.sweep_width
    for K in preset.sweep_experts:
        for F in dict.fromkeys(hidden_units(share * n, m, K) for share in preset.sweep_shares):
            yield _job(preset, SWEEP, TrainableConfig(m, F, K), n, preset.steps)


def _shortcut_jobs(preset: MemorisationPreset) -> Iterator[Job]:
    """On the sequences of panel (c), and on as many as the largest model has parameters."""
    sizes = dict.fromkeys(((max(preset.totals), preset.width), (preset.sequences, preset.sweep_width)))
    grid = f"n, m = {list(sizes)}, N = {preset.tokens}"
    for n, m in sizes:
        yield shortcut_job(n, m, preset.tokens, preset.seeds, grid)


def _job(preset: MemorisationPreset, panel: str, model: TrainableConfig, n: int, steps: int) -> Job:
    setup = _setup(preset, panel, model, n, steps)
    name = f"{panel}: n = {n}, m = {model.width}, F = {model.hidden}, K = {model.experts}"
    return Job(name, tuple(setup.cell(panel, seed) for seed in range(preset.seeds)), run, setup.core_seconds)


def _setup(preset: MemorisationPreset, panel: str, model: TrainableConfig, n: int, steps: int) -> Setup:
    shared = {
        "m": model.width, "N": preset.tokens, "steps": steps, "rates": preset.learning_rates,
        "momenta": preset.momenta, "balance": preset.balance, "seeds": preset.seeds,
    }  # fmt: skip
    if panel == SWEEP:
        shared["n"] = n
    return Setup(
        width=model.width,
        hidden=model.hidden,
        experts=model.experts,
        attention=model.attention,
        tokens=preset.tokens,
        sequences=n,
        steps=steps,
        tuning_steps=max(1, steps // TUNING_SHARE),
        learning_rates=preset.learning_rates,
        momenta=preset.momenta,
        balance=preset.balance,
        together=preset.seeds,
        grid=", ".join(f"{name} = {value}" for name, value in shared.items()),
    )


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Tune and train all seeds of one point; yield those asked for."""
    began = time.perf_counter()
    device = best_device()
    (setup,) = {Setup.of(cell) for cell in cells}
    tuned = tune(setup, device)
    seeds = range(setup.together)
    ends = train(setup, seeds, [tuned.choice] * setup.together, setup.steps, device)
    seconds = (time.perf_counter() - began) / setup.together
    for cell in cells:
        end = ends[cell.seed]
        metrics = {
            "wrong": end.wrong,
            "steps": end.steps,
            "loads": end.loads,
            "total": sum(sizes(setup.model.shapes()).values()),
            "learning_rate": tuned.choice.learning_rate,
            "momentum": tuned.choice.momentum,
            "tuning": tuned.wrong,
        }
        yield Finished(cell, metrics, _stopped(end), seconds, device.type)


def _stopped(end: Trained) -> str:
    if not end.finite:
        return DIVERGED
    return BUDGET if end.wrong else HELD
