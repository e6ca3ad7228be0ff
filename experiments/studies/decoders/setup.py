"""Cells of trained decoders: what a configuration holds, and how it counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from experiments.studies.types import Cell, Job
from experiments.tasks import Task, task_from_json
from experiments.training.recipe import Recipe
from parrots.decoder import DecoderConfig
from theory.accounting import DecoderParameters, decoder_flops, decoder_memory, decoder_parameters


@dataclass(frozen=True)
class Setup:
    """Everything a cell depends on but its seed; a study that needs more derives from it.

    The cell's seed is that of the initial weights and of the task: every seed has its own data.
    """

    family: str
    """What the model is drawn as: "dense", "8 experts"."""
    model: DecoderConfig
    task: Task
    """Its own seed is not used."""
    recipe: Recipe
    """Its own learning rate and seed are not used."""
    learning_rates: tuple[float, ...]
    """Candidates, the same for all models that are compared."""
    tests: int
    """Test examples that a model is measured on, at most as many as the task has."""
    grid: str
    """In words, what all cells share that may be compared: a page never mixes two grids."""

    def cell(self, study: str, panel: str, seed: int) -> Cell:
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        plain |= {name: getattr(self, name).to_json() for name in ("model", "task", "recipe")}
        return Cell(study, panel, {**plain, "seed": seed})

    @classmethod
    def of(cls, cell: Cell) -> Self:
        """Inverse of :meth:`cell`."""
        fields = cell.settings
        return cls(
            **{
                **fields,
                "model": DecoderConfig.from_json(fields["model"]),
                "task": task_from_json(fields["task"]),
                "recipe": Recipe.from_json(fields["recipe"]),
            }
        )

    def task_of(self, seed: int) -> Task:
        """The task of a cell."""
        task: Task = dataclasses.replace(self.task, seed=seed)  # type: ignore[type-var]  # every task is a dataclass
        return task

    @property
    def counts(self) -> DecoderParameters:
        return decoder_parameters(self.model)

    @property
    def answer(self) -> int:
        """Tokens that the model writes, and the loss is on."""
        return self.task.length - self.task.prompt

    @property
    def training_flops(self) -> int:
        """Of one model's training: the model reads all tokens of a sequence but the last."""
        forward = decoder_flops(self.model, self.task.length - 1, self.recipe.batch, self.answer)
        return 3 * self.recipe.steps * forward  # the backward pass costs two forward passes

    @property
    def memory(self) -> int:
        """Bytes that training one model takes."""
        return decoder_memory(self.model, self.task.length - 1, self.recipe.batch, self.answer)


def job(study: str, panel: str, setup: Setup, seeds: Sequence[int], function: Any) -> Job:
    """The seeds of one model: they train as one ensemble, after the candidates for its learning rate did."""
    cells = tuple(setup.cell(study, panel, seed) for seed in seeds)
    width, layers = setup.model.width, setup.model.layers
    name = f"{panel}: {setup.family}, width {width}, {layers} layer{'s' if layers > 1 else ''}"
    return Job(name, cells, function, float(job_flops(setup, len(cells))))


def job_flops(setup: Setup, seeds: int) -> int:
    """FLOPs of training ``seeds`` models and, if there are several candidates, one model at each learning rate."""
    candidates = len(setup.learning_rates)
    return (seeds + (candidates if candidates > 1 else 0)) * setup.training_flops
