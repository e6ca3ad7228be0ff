"""The cells: one decoder with one router and seed, trained on one task, graded, its routing measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from experiments.engine import TUNING_SEED
from experiments.studies.decoders.grading import validate
from experiments.studies.decoders.reading import likelihood
from experiments.studies.decoders.setup import Setup, job
from experiments.studies.decoders.training import train_cells
from experiments.studies.routing.arms import Arm, arms, is_noisy
from experiments.studies.routing.measure import measure
from experiments.studies.routing.preset import RoutingPreset
from experiments.studies.types import Cell, Finished, Job
from experiments.tasks import Task
from experiments.training.recipe import Recipe
from parrots.decoder import DecoderConfig

STUDY = "routing"
MEMORY, PATHS = "a-memory", "b-paths"


def jobs(preset: RoutingPreset) -> tuple[Job, ...]:
    """One job for every router of each panel."""
    book = DecoderConfig(len(preset.book.vocabulary), preset.book_width, preset.book_layers, preset.heads,
                         positions=preset.book.length)  # fmt: skip
    paths = replace(book, vocabulary=len(preset.graphs.vocabulary), width=preset.path_width, layers=preset.path_layers,
                    positions=preset.graphs.length)  # fmt: skip
    return (
        *_panel(preset, MEMORY, book, preset.book, (preset.book_steps, preset.book_batch), preset.entries),
        *_panel(preset, PATHS, paths, preset.graphs, (preset.path_steps, preset.path_batch), preset.tests),
    )


def _panel(
    preset: RoutingPreset, panel: str, trunk: DecoderConfig, task: Task, training: tuple[int, int], tests: int
) -> Iterator[Job]:
    """``training``: steps and sequences of a step."""
    steps, batch = training
    for arm in arms(trunk, preset.experts, preset.capacity, preset.noise, preset.bias_rate):
        balance = preset.balance if arm.balanced else 0.0
        recipe = Recipe(steps=steps, batch=batch, warmup=preset.warmup, balance=balance)
        yield job(STUDY, panel, _setup(preset, arm, task, recipe, tests), range(preset.seeds), run)


def _setup(preset: RoutingPreset, arm: Arm, task: Task, recipe: Recipe, tests: int) -> Setup:
    shared = f"{task.to_json()}, {replace(recipe, balance=preset.balance).to_json()}, rates {preset.learning_rates}"
    return Setup(
        family=arm.name,
        model=arm.model,
        task=task,
        recipe=recipe,
        learning_rates=preset.learning_rates,
        tests=tests,
        grid=f"{shared}, {preset.experts} experts, width {arm.model.width}",
    )


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Tune, train and measure the seeds of one router.

    A router that draws noise trains its seeds one after the other, each with the same noise, because stacked ones share
    a generator: a seed's result must not depend on who trains beside it.
    """
    for together in [(cell,) for cell in cells] if is_noisy(Setup.of(cells[0]).model) else [cells]:
        torch.manual_seed(TUNING_SEED)
        yield from train_cells(together, likelihood if together[0].panel == MEMORY else validate, measure)
