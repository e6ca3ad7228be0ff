"""Tasks for decoder models, one file each: adding a file to this folder adds a task.

A file is found when it defines a dataclass with a text ``name`` and a method ``examples``
(:class:`experiments.tasks.task.Task` says what else it needs).
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from experiments.suggest import unknown_name
from experiments.tasks.task import PAD, SPLITS, Examples, Split, Task, settings_from_json
from theory.errors import InputError

__all__ = ["PAD", "SPLITS", "TASKS", "Examples", "Split", "Task", "get", "task_from_json"]


def _tasks_of(module: ModuleType) -> list[Any]:
    return [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type)
        and kind.__module__ == module.__name__
        and dataclasses.is_dataclass(kind)
        and isinstance(getattr(kind, "name", None), str)
        and callable(getattr(kind, "examples", None))
    ]


def _scan() -> dict[str, type[Any]]:
    found: dict[str, type[Any]] = {}
    for file in pkgutil.iter_modules(__path__):
        for kind in _tasks_of(importlib.import_module(f"{__name__}.{file.name}")):
            if kind.name in found:
                raise RuntimeError(
                    f"two tasks are called {kind.name}: {found[kind.name].__module__}, {kind.__module__}"
                )
            found[kind.name] = kind
    return found


TASKS: Mapping[str, type[Any]] = _scan()
"""Name -> class of settings."""


def get(name: str) -> type[Any]:
    """The task called ``name``; its settings are the fields.  Raises InputError for a name that does not exist."""
    if name not in TASKS:
        raise unknown_name("task", name, TASKS)
    return TASKS[name]


def task_from_json(values: Mapping[str, Any]) -> Task:
    """The task that ``to_json`` wrote.

    Raises:
        InputError: without a name, for an unknown task or field, or a value that the task refuses.
    """
    if not isinstance(values.get("name"), str):
        raise InputError(f"a task without a name (fields {', '.join(map(str, values)) or 'none'}): give name, a text.")
    fields = {name: value for name, value in values.items() if name != "name"}
    return settings_from_json(get(values["name"]), fields)
