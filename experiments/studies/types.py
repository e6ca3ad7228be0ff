"""What a study is made of: cells, jobs that train cells, presets that list them, and the page they end on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from experiments.report.page import Page
    from experiments.store import Row


@dataclass(frozen=True)
class Cell:
    """One model to train and measure, or one measurement: the unit that is stored once and never repeated.

    ``config`` is everything the result depends on, the seed included, in JSON types; what does not change the result
    (device, number of workers) stays out of it.  Two cells are the same cell iff their :attr:`key` is the same.
    """

    study: str
    panel: str
    config: Mapping[str, Any]

    def __post_init__(self) -> None:
        if type(self.config.get("seed")) is not int:
            raise ValueError(f"a cell's config needs an integer 'seed', got {self.config.get('seed')!r}")
        plain = json.loads(json.dumps(self.config, allow_nan=False))  # a copy; tuples become lists, as on reading back
        object.__setattr__(self, "config", plain)

    @property
    def seed(self) -> int:
        return self.config["seed"]

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration without the seed, lists as tuples: fields for the dataclass that it was made of."""
        return {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in self.config.items()
            if name != "seed"
        }

    @cached_property
    def key(self) -> str:
        """SHA-256 of the canonical JSON (sorted keys, no spaces, ASCII) of study, panel and config, in hexadecimal."""
        whole = [self.study, self.panel, self.config]
        return hashlib.sha256(json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def __hash__(self) -> int:
        return hash(self.key)


@dataclass(frozen=True)
class Finished:
    """A cell's result.  ``stopped`` says which rule ended it ("target reached", "budget", "diverged", "exact", …)."""

    cell: Cell
    metrics: Mapping[str, Any]
    stopped: str
    seconds: float
    """Wall seconds the cell took; for a member of an ensemble its share."""
    device: str = "cpu"
    checkpoint: bytes | None = None
    """The trained model as a file (:mod:`parrots.checkpoint`); kept beside the store under the cell's key."""


@dataclass(frozen=True)
class Job:
    """Cells that are trained together, as members of one batched model or one after the other.

    ``function`` gets the cells that are not in the store yet, in order, and yields each as soon as it is finished.  It
    is a module-level function, because workers import it, and a cell's result must not depend on which other cells
    of the job it is trained with.
    """

    name: str
    cells: tuple[Cell, ...]
    function: Callable[[tuple[Cell, ...]], Iterator[Finished]]
    cost: float
    """Relative cost of all cells together, above 0, in any unit that is the same for all jobs of the study."""


@dataclass(frozen=True)
class Estimate:
    """One line of ``--dry-run``: a group of cells and what they take on one of the preset's devices."""

    label: str
    cells: int
    parameters: int
    """Of the largest model of the group, total."""
    flops: int
    """Forward and backward, all cells of the group."""
    memory_bytes: int
    """Largest amount held at one time."""
    device_hours: float


FLOAT_BYTES = 4
"""Of a number in training."""
COPIES_OF_PARAMETERS = 4
"""What training holds: weights, gradient and two moments."""


class Study(Protocol):
    """A question, its grids, and how its rows become a page.

    ``presets`` maps a name ("quick", "gpu", "paper") to a frozen dataclass.  Its fields are what ``--set field=value``
    may change (int, float, bool, str, optional ones and tuples of them); its ``__post_init__`` raises
    :class:`theory.errors.InputError` for values that make no sense.
    """

    @property
    def name(self) -> str: ...

    @property
    def question(self) -> str: ...

    @property
    def presets(self) -> Mapping[str, Any]: ...

    def jobs(self, preset: Any) -> tuple[Job, ...]:
        """The whole grid; no key may occur twice.  The runner leaves out what the store has."""
        ...

    def dry_run(self, preset: Any) -> tuple[Estimate, ...]:
        """What the grid takes; trains nothing and allocates nothing large."""
        ...

    def page(self, rows: Sequence[Row]) -> Page:
        """Tables, figures and checks from the rows alone, complete or not (an interrupted run has few rows)."""
        ...
