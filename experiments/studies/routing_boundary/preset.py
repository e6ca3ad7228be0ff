"""The study's three sizes.  Every field may be changed by ``--set field=value``."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.studies.settings import check_numbers
from theory.bounds.cross_token import cross_token_width
from theory.errors import InputError


@dataclass(frozen=True)
class RoutingBoundaryPreset:
    """Grids of the panels; the defaults are the quick ones.  Fields that begin with ``slots_`` are panel (c)'s."""

    seeds: int = 5
    """Seeds of every trained point: 0, 1, …"""
    built_sizes: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
    """(a) r of the hand-built models."""
    built_graphs: int = 64
    """(a) sampled graphs of each law, for every hand-built model."""
    sizes: tuple[int, ...] = (16,)
    """(a), (b) r of the trained models, at every width."""
    large_sizes: tuple[int, ...] = (32,)
    """(a), (b) r of the models that are trained at the largest width alone."""
    extra_widths: tuple[int, ...] = (0, 4)
    """(a), (b) widths of the trained models, above the width c + 4 of the hand-built ones."""
    hidden: int = 32
    """(a), (b) F, hidden units of one expert of a trained model."""
    steps: int = 1000
    """(a), (b) training steps at the most."""
    large_steps: int = 1600
    """(a), (b) the same at the large sizes."""
    batch: int = 64
    """(a), (b) graphs a step."""
    rates: tuple[float, ...] = (0.01, 0.02)
    """(a), (b) learning rates that every arm may choose from, on a seed of its own."""
    test_graphs: int = 5000
    """(a), (b) fresh planted graphs that accuracy is measured on."""
    kept_size: int = 16
    """(b) r of the models that start from the construction."""
    kept_steps: int = 500
    """(b) their training steps at the most."""
    noises: tuple[float, ...] = (0.0, 0.1, 0.3, 1.0)
    """(b) share of a random initialisation that is added to the construction."""
    slots_r: int = 16
    """(c) r of the trained models, Soft MoE without attention."""
    slots_large_r: int = 1024
    """(c) r at which the laws are drawn and the hand-built models tried."""
    slots_counts: tuple[int, ...] = (1, 2, 4, 8, 16)
    """(c) S, slots, each with an expert of its own."""
    slots_shares: tuple[float, ...] = (0.6, 0.9, 1.2, 1.6)
    """(c) widths of the trained models as a share of the hand-built width."""
    slots_hidden: int = 256
    """(c) hidden units of all experts together."""
    slots_steps: int = 2000
    """(c) training steps at the most."""
    slots_batch: int = 128
    """(c) graphs a step."""
    slots_rates: tuple[float, ...] = (0.02, 0.04)
    """(c) learning rates to choose from, on a seed of its own."""
    slots_seeds: int = 3
    """(c) seeds of every point."""
    device_flops: float = 6e9
    """FLOP/s that ``--dry-run`` assumes of a device (quick: one CPU core, small products)."""

    def __post_init__(self) -> None:
        check_numbers(self, may_be_zero=("extra_widths", "noises"))
        if set(self.sizes) & set(self.large_sizes):
            raise InputError(f"sizes {self.sizes} and large_sizes {self.large_sizes}: give each r in one of them.")
        if max(self.slots_counts) > self.slots_r or self.slots_r > self.slots_large_r:
            raise InputError(
                f"slots_counts {self.slots_counts}, slots_r {self.slots_r}, slots_large_r {self.slots_large_r}: every "
                "slot needs a vertex, and the laws are drawn at the larger r; give fewer slots or larger sizes."
            )
        if min(*self.sizes, *self.large_sizes, self.kept_size, *self.built_sizes) < 2:
            raise InputError("a size r below 2: the token of a single vertex needs no routing; give sizes from 2 on.")

    def widths(self, r: int) -> tuple[int, ...]:
        """Widths of the trained models."""
        return tuple(cross_token_width(r) + extra for extra in self.extra_widths)


PRESETS = {
    "quick": RoutingBoundaryPreset(),
    "gpu": RoutingBoundaryPreset(
        seeds=10,
        built_sizes=(16, 32, 64, 128, 256, 512, 1024, 2048),
        built_graphs=500,
        sizes=(16, 32, 64),
        large_sizes=(128, 256),
        steps=10_000,
        large_steps=30_000,
        batch=512,
        rates=(0.002, 0.005, 0.01),
        test_graphs=20_000,
        kept_size=64,
        kept_steps=5000,
        noises=(0.0, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0),
        slots_r=64,
        slots_counts=(1, 2, 4, 8, 16, 32),
        slots_shares=(0.5, 0.6, 0.7, 0.8, 1.0, 1.2, 1.4, 1.6),
        slots_steps=10_000,
        slots_batch=512,
        slots_rates=(0.01, 0.02, 0.04),
        slots_seeds=5,
        device_flops=4e12,
    ),
    "paper": RoutingBoundaryPreset(
        seeds=20,
        built_sizes=(16, 32, 64, 128, 256, 512, 1024, 2048, 4096),
        built_graphs=2000,
        sizes=(16, 32, 64, 128),
        large_sizes=(256, 512),
        extra_widths=(0, 2, 4, 8),
        steps=30_000,
        large_steps=100_000,
        batch=1024,
        rates=(0.001, 0.002, 0.005, 0.01),
        test_graphs=100_000,
        kept_size=128,
        kept_steps=10_000,
        noises=(0.0, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0),
        slots_r=128,
        slots_counts=(1, 2, 4, 8, 16, 32, 64),
        slots_shares=(0.5, 0.6, 0.7, 0.8, 1.0, 1.2, 1.4, 1.6),
        slots_hidden=1024,
        slots_steps=30_000,
        slots_batch=1024,
        slots_rates=(0.005, 0.01, 0.02, 0.04),
        slots_seeds=10,
        device_flops=4e12,
    ),
}
