"""How a decoder model trains: everything that fixes a run but the model and the task."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from experiments.suggest import clip, unknown_name
from theory.errors import InputError

Schedule = Literal["cosine", "linear"]
Precision = Literal["float32", "bfloat16"]

_COUNTS = ("steps", "batch", "accumulate", "validation", "log_every", "check_every", "save_every", "keep")
_SHARES = {"learning_rate": (0.0, math.inf), "clip": (0.0, math.inf)}
_MAY_BE_ZERO = {"decay": math.inf, "warmup": 1.0, "balance": math.inf, "z": math.inf}


@dataclass(frozen=True)
class Recipe:
    """AdamW with warm-up, a falling learning rate and clipped gradients."""

    steps: int = 1000
    """Updates of the weights."""
    batch: int = 64
    """Sequences of one step, over all of its parts and all processes."""
    accumulate: int = 1
    """Parts that a step's batch is split into, one after the other, to save memory."""
    learning_rate: float = 3e-3
    """Highest learning rate, reached after the warm-up."""
    betas: tuple[float, float] = (0.9, 0.95)
    """AdamW's averages of the gradient and of its square."""
    decay: float = 0.0
    """Weight decay of matrices; embeddings, norms, biases and routers have none."""
    warmup: float = 0.05
    """Share of the steps in which the learning rate rises."""
    schedule: Schedule = "cosine"
    """How the learning rate falls to zero after the warm-up: cosine or linear."""
    clip: float = 1.0
    """Longest gradient; a longer one is scaled down to it."""
    balance: float = 0.01
    """Weight of the load-balancing loss, which is 1 for a balanced router."""
    z: float = 0.0
    """Weight of the router's z-loss."""
    precision: Precision = "float32"
    """bfloat16: products in bfloat16 (autocast), weights and optimiser in float32."""
    compile: bool = False
    """Compile the model with torch.compile."""
    seed: int = 0
    """Seed of the initial weights and of router noise; the task has its own."""
    validation: int = 512
    """Validation examples at each check."""
    log_every: int = 10
    """Steps between two lines of metrics."""
    check_every: int = 100
    """Steps between two looks at the validation examples."""
    save_every: int = 100
    """Steps between two checkpoints."""
    keep: int = 2
    """Latest checkpoints that are kept, beside the best one."""

    def __post_init__(self) -> None:
        """Raises :class:`theory.errors.InputError` for numbers that no run can have."""
        for name in _COUNTS:
            _whole(name, getattr(self, name), 1)
        _whole("seed", self.seed, 0)
        for name, (low, high) in _SHARES.items():
            value = getattr(self, name)
            if not low < value < high:
                raise InputError(f"{_flag(name)} {value} is not allowed: give a finite number above 0.")
        for name, most in _MAY_BE_ZERO.items():
            value = getattr(self, name)
            if not (0 <= value <= most and math.isfinite(value)):
                allowed = "from 0 to 1" if most == 1 else "of 0 or more"
                raise InputError(f"{_flag(name)} {value} is not allowed: give a finite number {allowed}.")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise InputError(f"--betas {self.betas} is not allowed: give two numbers of at least 0 and below 1.")
        for name, kind in (("schedule", Schedule), ("precision", Precision)):
            if getattr(self, name) not in get_args(kind):
                raise unknown_name(name, str(getattr(self, name)), get_args(kind))
        if self.batch % self.accumulate:
            raise InputError(
                f"--accumulate {self.accumulate} does not divide --batch {self.batch}: give a batch that is a multiple."
            )

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"betas": list(self.betas)}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Recipe:
        """Raises :class:`theory.errors.InputError` when a field is unknown."""
        try:
            return cls(**{**fields, "betas": tuple(fields.get("betas", cls.betas))})
        except TypeError as error:
            raise InputError(f"not a recipe ({clip(str(error))}): give the fields of Recipe.") from error


def _flag(field: str) -> str:
    return "--" + field.replace("_", "-")


def _whole(name: str, value: object, least: int) -> None:
    """Tensors hold these numbers, so 64 bits with a sign are the most."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{_flag(name)} {clip(str(value))} is not allowed: give a whole number of at least {least}.")
    if value >= 2**63:
        raise InputError(f"{_flag(name)} {clip(str(value))} is not allowed: give a whole number below 2**63.")
