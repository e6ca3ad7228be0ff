"""The cells: one decoder of one size and seed, trained on graphs, graded on graphs that no training has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.studies.decoders.grading import counted_parameters, grade, validate
from experiments.studies.decoders.models import compared, dense, mixture
from experiments.studies.decoders.setup import Setup, job
from experiments.studies.decoders.training import train_cells
from experiments.studies.shortest_path.preset import ShortestPathPreset
from experiments.studies.types import Cell, Finished, Job
from experiments.tasks import Task
from experiments.tasks.shortest_path import ShortestPath
from experiments.training.ensemble import TrainedEnsemble
from experiments.training.recipe import Recipe
from parrots.decoder import Decoder, DecoderConfig

STUDY = "shortest-path"
MODELS, DEPTH = "a-models", "b-depth"


@dataclass(frozen=True)
class PathSetup(Setup):
    """A decoder on one of the graph tasks."""

    larger: tuple[int, ...]
    """Numbers of vertices beyond training that it is tested on."""


def jobs(preset: ShortestPathPreset) -> tuple[Job, ...]:
    """One job for every model of each panel."""
    return (*_model_jobs(preset), *_depth_jobs(preset))


def _model_jobs(preset: ShortestPathPreset) -> Iterator[Job]:
    for width in preset.widths:
        controls = preset.controls if width in preset.control_widths else ()
        for family, model in compared([trunk(preset, preset.task, width, preset.layers)], preset.experts, controls):
            yield _job(preset, MODELS, family, model, preset.task, preset.steps, preset.larger)


def _depth_jobs(preset: ShortestPathPreset) -> Iterator[Job]:
    for width in preset.depth_widths:
        for layers in preset.depths:
            model = trunk(preset, preset.depth_task, width, layers)
            for family, built in (dense(model), mixture(model, preset.depth_experts)):
                yield _job(preset, DEPTH, family, built, preset.depth_task, preset.depth_steps, ())


def trunk(preset: ShortestPathPreset, task: Task, width: int, layers: int) -> DecoderConfig:
    """A dense model for the sequences of ``task``; hidden units as many as the width, as in the paper."""
    heads = max(1, width // preset.head_width)
    return DecoderConfig(len(task.vocabulary), width, layers, heads, positions=task.length)


def _job(
    preset: ShortestPathPreset,
    panel: str,
    family: str,
    model: DecoderConfig,
    task: Task,
    steps: int,
    larger: tuple[int, ...],
) -> Job:
    recipe = Recipe(
        steps=steps, batch=preset.batch, warmup=preset.warmup, decay=preset.decay, balance=preset.balance,
        precision=preset.precision,
    )  # fmt: skip
    setup = PathSetup(
        family=family,
        model=model,
        task=task,
        recipe=recipe,
        learning_rates=preset.learning_rates,
        tests=preset.tests,
        grid=f"{task.to_json()}, {recipe.to_json()}, rates {preset.learning_rates}",
        larger=larger,
    )
    return job(STUDY, panel, setup, range(preset.seeds), run)


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Tune, train and measure the seeds of one model."""
    return train_cells(cells, validate, measure, PathSetup)


def measure(trained: TrainedEnsemble, setup: Setup) -> Sequence[dict[str, Any]]:
    """Grades on test graphs and on larger ones, what shortcuts reach on the same graphs, parameters counted."""
    assert isinstance(setup, PathSetup)
    found = []
    for i, member in enumerate(trained.members):
        model = trained.ensemble.member(i)
        metrics = _graded(model, member.task, setup.tests)
        larger = {
            str(vertices): _graded(model, _of_size(member.task, vertices), setup.tests) for vertices in setup.larger
        }
        found.append(metrics | {"counted": counted_parameters(trained), "larger": larger})
    return found


def _graded(model: Decoder, task: Task, tests: int) -> dict[str, Any]:
    return {**grade(model, task, "test", tests), "baselines": task.baselines(task.examples("test", 0, tests))}


def _of_size(task: Task, vertices: int) -> Task:
    assert isinstance(task, ShortestPath)
    return task.larger(vertices)
