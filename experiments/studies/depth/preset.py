"""The study's three sizes.  Every field may be changed by ``--set field=value``."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.studies.settings import check_numbers
from parrots.two_layer import built_width
from theory.errors import InputError

MOST_SEEDS = 1000
LEAST_SIZE = 4


@dataclass(frozen=True)
class DepthPreset:
    """Grids of the panels; the defaults are the quick ones."""

    seeds: int = 5
    """Seeds of every point: 0, 1, …"""
    sizes: tuple[int, ...] = (16, 32)
    """r, intermediate vertices."""
    shares: tuple[float, ...] = (0.25, 0.5, 1.0)
    """Widths as a share of r, the same for every arm."""
    experts: int = 8
    """K of the one-layer models with experts."""
    steps: int = 1200
    batch: int = 128
    """Graphs a step, the same for every arm."""
    learning_rates: tuple[float, ...] = (0.005, 0.02)
    """Candidates of every arm at every width."""
    test_graphs: int = 5000

    noise: tuple[float, ...] = (0.0, 0.01, 0.03, 0.1)
    """(c) standard deviation of what is added to every number of the built weights."""
    noise_width: int = 12
    """(c) width, wide enough for the built weights of every size."""
    noise_steps: int = 300
    noise_rate: float = 0.002
    """(c) learning rate."""

    built_graphs: int = 100
    """Digraphs that the widest hand-built models are tried on."""
    device_flops: float = 1e10
    """FLOP/s that ``--dry-run`` assumes of a device (quick: one CPU core on matrices this small)."""

    def __post_init__(self) -> None:
        check_numbers(self, may_be_zero=("noise",))
        if min(self.sizes) < LEAST_SIZE:
            raise InputError(f"sizes {self.sizes}: give {LEAST_SIZE} or more intermediate vertices.")
        if max(self.shares) > 2:
            raise InputError(f"shares {self.shares}: widths as a share of r; give 2 at most.")
        if self.experts < 2:
            raise InputError(f"experts {self.experts}: the dense arm has one; give 2 or more.")
        if self.seeds > MOST_SEEDS:
            raise InputError(f"seeds {self.seeds}: give at most {MOST_SEEDS}; the tuning seed lies beyond them.")
        needed = built_width(max(self.sizes))
        if self.noise_width < needed:
            raise InputError(
                f"noise_width {self.noise_width}: the built weights for r = {max(self.sizes)} need width {needed}; "
                f"give {needed} or more."
            )


PRESETS = {
    "quick": DepthPreset(),
    "gpu": DepthPreset(
        seeds=10,
        sizes=(16, 32, 64, 128),
        shares=(0.125, 0.25, 0.5, 0.75, 1.0),
        steps=5000,
        batch=256,
        learning_rates=(0.0025, 0.005, 0.01, 0.02),
        test_graphs=20_000,
        noise_width=16,
        noise_steps=1000,
        built_graphs=2000,
        device_flops=4e12,
    ),
    "paper": DepthPreset(
        seeds=10,
        sizes=(64, 128, 256, 512),
        shares=(0.03125, 0.0625, 0.125, 0.25, 0.5, 0.75, 1.0),
        experts=64,
        steps=20_000,
        batch=512,
        learning_rates=(0.00125, 0.0025, 0.005, 0.01, 0.02),
        test_graphs=100_000,
        noise_width=24,
        noise_steps=4000,
        built_graphs=5000,
        device_flops=2e13,
    ),
}
