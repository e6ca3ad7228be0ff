"""The study's three sizes.  Every field may be changed by ``--set field=value``."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.studies.settings import check_numbers
from theory.errors import InputError

MOST_INTERMEDIATES = 12
"""All 4^r inputs are visited in every round."""
MOST_SEEDS = 1000


@dataclass(frozen=True)
class CertifiedPreset:
    """Sizes, widths and rounds; the defaults are the quick ones."""

    seeds: int = 3
    """Seeds of every point: 0, 1, …"""
    sizes: tuple[int, ...] = (6, 8, 10)
    """r, intermediate vertices."""
    shares: tuple[float, ...] = (0.5, 0.6, 0.75, 1.0)
    """Widths as a share of r, at most 1."""
    experts: tuple[int, ...] = (1, 4)
    """K of each block; 1 is dense."""
    steps: int = 1000
    """Steps of the plain training that every model starts with."""
    rounds: int = 6
    """Most rounds of further training."""
    round_steps: int = 300
    """Steps of a round."""
    batch: int = 256
    """Graphs a step."""
    fed_back: float = 0.5
    """Share of a round's batch that is drawn from the inputs that the model has been wrong on."""
    device_flops: float = 2e10
    """FLOP/s that ``--dry-run`` assumes of a device (quick: one CPU core)."""

    def __post_init__(self) -> None:
        check_numbers(self)
        if max(self.sizes) > MOST_INTERMEDIATES:
            raise InputError(f"sizes {self.sizes}: all 4^r inputs are visited; give sizes up to {MOST_INTERMEDIATES}.")
        if max(self.shares) > 1:
            raise InputError(f"shares {self.shares}: width is a share of r; give shares up to 1.")
        if self.seeds > MOST_SEEDS:
            raise InputError(f"seeds {self.seeds}: give at most {MOST_SEEDS} seeds.")
        if not 1 <= round(self.fed_back * self.batch) < self.batch:
            raise InputError(
                f"fed_back {self.fed_back}: of {self.batch} graphs at least one must be fed back and one not; "
                "give 0.5 or the like."
            )

    @property
    def grid(self) -> str:
        """What all cells share that may be compared."""
        return (
            f"{self.steps} steps, then at most {self.rounds} rounds of {self.round_steps}, {self.batch} graphs a step, "
            f"{self.fed_back:.0%} fed back"
        )


PRESETS = {
    "quick": CertifiedPreset(),
    "gpu": CertifiedPreset(
        seeds=5,
        sizes=(6, 8, 10, 12),
        shares=(0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0),
        experts=(1, 4, 16),
        steps=6000,
        rounds=20,
        round_steps=1000,
        batch=2048,
        device_flops=4e12,
    ),
    "paper": CertifiedPreset(
        seeds=10,
        sizes=(6, 8, 10, 12),
        shares=(0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 1.0),
        experts=(1, 4, 16, 64),
        steps=20_000,
        rounds=50,
        round_steps=2000,
        batch=4096,
        device_flops=4e12,
    ),
}
