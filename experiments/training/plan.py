"""What a training run is: task, model and recipe, and how two runs differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from experiments.suggest import clip
from experiments.tasks import Task, task_from_json
from experiments.training.recipe import Recipe
from parrots.decoder import DecoderConfig
from theory.errors import InputError


@dataclass(frozen=True)
class Plan:
    """Everything that fixes a run's result; raises :class:`theory.errors.InputError` where the parts do not fit."""

    task: Task
    config: DecoderConfig
    recipe: Recipe

    def __post_init__(self) -> None:
        self.task.check_context(self.config.positions)
        if len(self.task.vocabulary) > self.config.vocabulary:
            raise InputError(
                f"{self.task.name} has {len(self.task.vocabulary)} different tokens, the model "
                f"{self.config.vocabulary}: give a model with a larger vocabulary."
            )
        router = self.config.router
        if router is not None and not router.causal and self.answer > 1:
            raise InputError(
                f"router {router.name} as set here looks at later tokens, and {self.task.name} has answers of "
                f"{self.answer} tokens: the model would read what it should write; give a causal setting of it, "
                "another router, or a task whose answer is one token."
            )

    @property
    def reads(self) -> int:
        """Tokens of a sequence that the model reads: all but the last, which nothing follows."""
        return self.task.length - 1

    @property
    def answer(self) -> int:
        """Tokens of a sequence that the model predicts."""
        return self.task.length - self.task.prompt

    def to_json(self) -> dict[str, Any]:
        return {"task": self.task.to_json(), "model": self.config.to_json(), "recipe": self.recipe.to_json()}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Plan:
        """Inverse of :meth:`to_json`; raises :class:`theory.errors.InputError` for what cannot be read."""
        return cls(
            task_from_json(plain["task"]),
            DecoderConfig.from_json(plain["model"]),
            Recipe.from_json(plain["recipe"]),
        )


def differences(there: Mapping[str, Any], given: Mapping[str, Any], within: str = "") -> list[str]:
    """Each field that two plans' JSON disagree on, ``"recipe.clip: 1.0 there, 2.0 given"``.

    >>> differences({"recipe": {"clip": 1.0, "seed": 0}}, {"recipe": {"clip": 2.0, "seed": 0}})
    ['recipe.clip: 1.0 there, 2.0 given']
    """
    found = []
    for name in dict.fromkeys((*there, *given)):
        before, now = there.get(name), given.get(name)
        if isinstance(before, Mapping) and isinstance(now, Mapping):
            found += differences(before, now, f"{within}{name}.")
        elif before != now:
            found.append(f"{within}{name}: {clip(str(before))} there, {clip(str(now))} given")
    return found
