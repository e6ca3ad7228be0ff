"""The study's three sizes.  Every field may be changed by ``--set field=value``."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.studies.settings import check_numbers
from experiments.studies.soft_moe.arms import Budget
from experiments.studies.soft_moe.targets import TARGETS
from experiments.suggest import unknown_name
from theory.errors import InputError


@dataclass(frozen=True)
class SoftMoePreset:
    """Models at equal total parameters, and the inputs they learn on; the defaults are the quick ones."""

    seeds: int = 3
    """Seeds of every model: 0, 1, …"""
    learning_rates: tuple[float, ...] = (0.03, 0.1, 0.3)
    """Candidates, the same for every model; the best on inputs of a seed of their own is used."""
    targets: tuple[str, ...] = tuple(TARGETS)
    """(a), (b) convex functions to learn: frobenius, token, coordinate, quadratic; the first is that of (c)."""
    radius: float = 4.0
    """R, largest Frobenius norm of an input."""
    hidden: int = 127
    """Hidden units of the one expert with one slot whose total parameters all models are held to."""
    larger: int = 10
    """(a) how many times as many hidden units the larger single expert has."""
    tokens: int = 4
    """(a), (b) T, tokens of an input."""
    width: int = 4
    """(a), (b) d, numbers in a token."""
    experts: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    """(b) n, experts with one slot each."""
    slots: tuple[int, ...] = (2, 4, 8, 16)
    """(b) S, slots of the one expert."""
    many: int = 16
    """(a), (c) slots where there are many: of one expert, or one each of as many experts."""
    shape_tokens: tuple[int, ...] = (2, 4)
    """(c) T."""
    shape_widths: tuple[int, ...] = (2, 4, 8)
    """(c) d."""
    steps: int = 300
    """Training steps."""
    batch: int = 96
    """Inputs a step."""
    tests: int = 4096
    """Inputs that a model is measured on."""
    starts: int = 64
    """Inputs from which gradient ascent looks for the largest error."""
    climbs: int = 60
    """Steps of the ascent."""
    device_flops: float = 4e9
    """FLOP/s that ``--dry-run`` assumes of a device (quick: one CPU core on matrices this small)."""

    def __post_init__(self) -> None:
        check_numbers(self)
        for target in self.targets:
            if target not in TARGETS:
                raise unknown_name("target", target, TARGETS)
        if self.many not in self.experts or self.many not in self.slots:
            raise InputError(f"many {self.many} is not among both experts and slots: give one that is.")
        if 1 not in self.experts or 1 in self.slots:
            raise InputError("experts must hold 1, the one expert with one slot, and slots must not: give them so.")
        if min(self.tokens, *self.shape_tokens) < 2:
            raise InputError("tokens below 2: a slot of one token is the token; give 2 or more.")
        for tokens, width in {(self.tokens, self.width), *self.shapes}:
            budget = Budget(tokens, width, self.hidden, "normalised")
            budget.arm("experts", max(self.experts))  # refuses what does not fit
            budget.arm("slots", max(self.slots))

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """(c) T and d of every model but those of (a)."""
        shapes = [(tokens, width) for tokens in self.shape_tokens for width in self.shape_widths]
        return tuple(shape for shape in shapes if shape != (self.tokens, self.width))

    @property
    def grid(self) -> str:
        """What all cells share that may be compared."""
        return (
            f"T = {self.tokens}, d = {self.width} in (a) and (b), {self.hidden} hidden units in one expert, "
            f"{self.larger} times as many in the larger one, R = {self.radius:g}, {self.steps} steps of {self.batch} "
            f"inputs, {self.tests} test inputs, ascent of {self.climbs} steps from {self.starts} inputs, "
            f"rates {', '.join(f'{rate:g}' for rate in self.learning_rates)}"
        )


PRESETS = {
    "quick": SoftMoePreset(),
    "gpu": SoftMoePreset(
        seeds=10,
        learning_rates=(0.01, 0.03, 0.1, 0.3),
        hidden=1023,
        tokens=4,
        width=8,
        experts=(1, 2, 4, 8, 16, 32, 64, 128, 256),
        slots=(2, 4, 8, 16, 32, 64, 128),
        many=64,
        shape_tokens=(2, 4, 8),
        shape_widths=(2, 4, 8, 16),
        steps=4000,
        batch=1024,
        tests=100_000,
        starts=1024,
        climbs=300,
        device_flops=4e12,
    ),
    "paper": SoftMoePreset(
        seeds=20,
        learning_rates=(0.003, 0.01, 0.03, 0.1, 0.3),
        hidden=4095,
        tokens=16,
        width=16,
        experts=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
        slots=(2, 4, 8, 16, 32, 64, 128, 256),
        many=128,
        shape_tokens=(2, 4, 8, 16),
        shape_widths=(2, 4, 8, 16, 32),
        steps=20_000,
        batch=4096,
        tests=1_000_000,
        starts=4096,
        climbs=1000,
        device_flops=1e13,
    ),
}
