"""What a task is: settings that give numbered examples, grade what a model wrote, and know their shortcuts."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from experiments.suggest import unknown_name
from theory.errors import InputError

PAD = 0
"""Token id of ``<pad>``: it fills up short answers, is no part of the loss, and is never part of a right answer."""

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class Examples(NamedTuple):
    """A batch of sequences: ``tokens[:, :prompt]`` is given, the rest is to be written."""

    tokens: Tensor
    """``[batch, length]`` int64.  Answers end in :data:`PAD` where they are shorter than the longest one."""
    prompt: int

    @property
    def answer(self) -> Tensor:
        """``[batch, length - prompt]``: what is to be written; positions that are not :data:`PAD` are in the loss."""
        return self.tokens[:, self.prompt :]


@runtime_checkable
class Task(Protocol):
    """A frozen dataclass of settings, ``seed`` among them; see :mod:`experiments.tasks` for how one is found."""

    name: ClassVar[str]

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Text of every token; the index is the token id, and id 0 is ``<pad>``."""
        ...

    @property
    def length(self) -> int:
        """Tokens of a sequence, prompt and answer."""
        ...

    @property
    def prompt(self) -> int: ...

    def size(self, split: Split) -> int | None:
        """How many different example numbers ``split`` has; None: its stream never ends."""
        ...

    def examples(self, split: Split, first: int, count: int) -> Examples:
        """Examples ``first .. first + count - 1`` of ``split``, the same however they are asked for.

        Raises:
            InputError: for another split, a negative number, or a number beyond :meth:`size`.
        """
        ...

    def grade(self, examples: Examples, written: Tensor) -> dict[str, Tensor]:
        """Metrics ``[batch]`` (float32) of the answers ``written [batch, length - prompt]``; "correct" is always there.

        Any token ids may be written, those outside the vocabulary included: they are wrong, not errors.
        """
        ...

    def baselines(self, examples: Examples) -> dict[str, dict[str, float]]:
        """What shortcuts reach on ``examples``: their name -> metric -> mean."""
        ...

    def show(self, tokens: Tensor) -> str:
        """One sequence ``[length]`` as a person reads it."""
        ...

    def check_context(self, positions: int) -> None:
        """Raises InputError, with both numbers, when a model with ``positions`` cannot read a sequence."""
        ...

    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class TaskSettings:
    """What all tasks share: checked field types, and JSON.  A task derives from it and lists its fields."""

    def __post_init__(self) -> None:
        for name, hint in typing.get_type_hints(type(self)).items():
            if typing.get_origin(hint) is not ClassVar:
                _check_type(name, getattr(self, name), hint)

    def __getstate__(self) -> dict[str, Any]:
        """Settings alone: what a task has computed is computed anew where it is needed, not sent to workers."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def check_context(self, positions: int) -> None:
        """Raises :class:`~theory.errors.InputError` when a model with ``positions`` cannot read a sequence.

        It reads all tokens but the last, which nothing follows.
        """
        length = self.length  # type: ignore[attr-defined]  # every task has a length
        if length - 1 > positions:
            raise InputError(
                f"sequences of {self.name} have {length} tokens, the model {positions} positions, and it reads all but "  # type: ignore[attr-defined]
                f"the last token: give --positions {length - 1} or more to training, or a task with shorter sequences."
            )

    def to_json(self) -> dict[str, Any]:
        """``{"name": ..., field: value, ...}``; tuples become lists.  :func:`settings_from_json` reads it."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}
        return {"name": self.name, **plain}  # type: ignore[attr-defined]  # every task has a name


def settings_from_json(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """The task of class ``kind`` with the fields ``values``; a field that is left out keeps its default.

    Raises:
        InputError: for an unknown field, or a value that the task refuses.
    """
    names = [field.name for field in dataclasses.fields(kind)]
    for name in values:
        if name not in names:
            raise unknown_name(f"field of task {kind.name}", str(name), names)
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def check_request(task: Task, split: str, first: int, count: int) -> None:
    """Raises :class:`~theory.errors.InputError` unless ``task`` has these examples."""
    if split not in SPLITS:
        raise unknown_name("split", str(split), SPLITS)
    if first < 0 or count < 0:
        raise InputError(f"examples from {first}, {count} of them: both must be 0 or more; give such numbers.")
    size = task.size(split)
    if size is not None and first + count > size:
        raise InputError(
            f"examples {first} to {first + count - 1} of {split}: {task.name} has {size} of them; ask for these only."
        )


def check_written(examples: Examples, written: Tensor) -> None:
    """Raises :class:`~theory.errors.InputError` unless ``written`` has the shape of the answers."""
    if written.shape != examples.answer.shape:
        raise InputError(
            f"written answers of shape {tuple(written.shape)}: the answers to these examples have shape "
            f"{tuple(examples.answer.shape)}; pad or cut to it."
        )


def means(graded: Mapping[str, Tensor]) -> dict[str, float]:
    """Mean of every metric; one that is undefined (nan) for an example leaves it out, and is nan if it is for all."""
    return {name: float(torch.nanmean(values.double())) for name, values in graded.items()}


def _check_type(name: str, value: object, hint: Any) -> None:
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, tuple) or any(type(item) is not int for item in value):
            raise InputError(f"{name} {value!r}: it is a list of whole numbers; give one.")
    elif typing.get_origin(hint) is Literal:
        if value not in typing.get_args(hint):
            raise unknown_name(name, str(value), typing.get_args(hint))
    elif type(None) in typing.get_args(hint):
        if value is not None:
            _check_type(name, value, typing.get_args(hint)[0])
    elif hint is float and type(value) is int:
        return
    elif type(value) is not hint:
        kind = {int: "a whole number", bool: "true or false", float: "a number", str: "text"}[hint]
        raise InputError(f"{name} {value!r}: it is {kind}; give one.")
