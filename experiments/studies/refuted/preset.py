"""The study's three sizes.  Every field may be changed by ``--set field=value``."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.studies.settings import check_numbers
from theory.errors import InputError

MOST_CERTIFIED = 12
"""The truth of panel (a) is a certificate over all 4^r inputs."""
LEAST_BROKEN = 16
"""Below, the bounds exclude next to no width."""


@dataclass(frozen=True)
class RefutedPreset:
    """Models, and the logits that a method may compute for each; the defaults are the quick ones."""

    seeds: int = 5
    """Seeds of every trained model: 0, 1, …"""
    sizes: tuple[int, ...] = (8, 10)
    """(a) r of the trained models, each certified over all 4^r inputs."""
    shares: tuple[float, ...] = (0.6, 0.75, 1.0)
    """(a) their widths as a share of r."""
    experts: tuple[int, ...] = (1, 4)
    """(a) K of each block; 1 is dense."""
    steps: int = 600
    """(a) training steps."""
    batch: int = 256
    """(a) graphs a step."""
    samples: int = 20_000
    """(a) graphs that the sampled accuracy is measured on."""
    evaluations: int = 60_000
    """Logits after which a method gives up."""
    large: tuple[int, ...] = (16, 32, 64)
    """(b) r of the hand-built and p-bit models."""
    bits: tuple[int, ...] = (1, 2, 4, 8)
    """(b) p of the p-bit models."""
    device_flops: float = 2e10
    """FLOP/s that ``--dry-run`` assumes of a device (quick: one CPU core)."""

    def __post_init__(self) -> None:
        check_numbers(self)
        if max(self.sizes) > MOST_CERTIFIED:
            raise InputError(f"sizes {self.sizes}: all 4^r inputs are visited; give sizes up to {MOST_CERTIFIED}.")
        if min(self.large) < LEAST_BROKEN:
            raise InputError(
                f"large {self.large}: below r = {LEAST_BROKEN} the bounds exclude next to nothing; give "
                f"{LEAST_BROKEN} or more."
            )
        if max(self.bits) > 16:
            raise InputError(f"bits {self.bits}: sums must be exact float64 integers; give 16 at most.")

    @property
    def grid(self) -> str:
        """What all cells share that may be compared."""
        return (
            f"{self.steps} steps of {self.batch} graphs, {self.samples} test graphs, {self.evaluations} evaluations a "
            "method"
        )


PRESETS = {
    "quick": RefutedPreset(),
    "gpu": RefutedPreset(
        seeds=10,
        sizes=(8, 10, 12),
        shares=(0.5, 0.6, 0.7, 0.8, 1.0),
        experts=(1, 4, 16),
        steps=4000,
        batch=1024,
        samples=100_000,
        evaluations=300_000,
        large=(16, 32, 64, 128),
        bits=(1, 2, 3, 4, 6, 8, 12),
        device_flops=4e12,
    ),
    "paper": RefutedPreset(
        seeds=20,
        sizes=(8, 10, 12),
        shares=(0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
        experts=(1, 4, 16, 64),
        steps=20_000,
        batch=4096,
        samples=1_000_000,
        evaluations=3_000_000,
        large=(16, 32, 64, 128, 256),
        bits=(1, 2, 3, 4, 6, 8, 12, 16),
        device_flops=4e12,
    ),
}
