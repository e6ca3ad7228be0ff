"""The study's three sizes.  Every field may be changed by ``--set field=value``."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.studies.settings import check_numbers
from theory.errors import InputError

MOST_SEEDS = 1000
WIDEST_SHARE = 10
"""Ten times the width that suffices by Theorem 3.3."""


@dataclass(frozen=True)
class WidthPreset:
    """Grids of the four panels; the defaults are the quick ones."""

    seeds: int = 3
    """Seeds of every point: 0, 1, …"""

    index_r: int = 8
    """(a) size at which INDEX is measured on all inputs."""
    index_sampled_r: int = 16
    """(a) a larger size, where Alice's set is sampled; 0 leaves it out."""
    index_bits: tuple[int, ...] = (1, 2, 3)
    """(a) bits a coordinate of the message."""
    index_experts: tuple[int, ...] = (1, 4, 16)
    """(a) numbers of experts; the wide dense control has as many hidden units as the most experts together."""
    index_hidden: int = 16
    """(a) hidden units of an expert."""
    index_steps: int = 300
    index_batch: int = 256
    float_r: int = 64
    """(a) size of the unquantised models that are held against the precision-free ceiling; 0 leaves them out."""
    float_widths: tuple[int, ...] = (1, 2, 4, 8)
    float_steps: int = 300

    critical_r: tuple[int, ...] = (8, 16, 32)
    """(b) sizes."""
    critical_share: tuple[float, ...] = (0.5, 0.7, 0.9, 1.1)
    """(b) widths as a share of r."""
    critical_share_large_batch: tuple[float, ...] = (0.55, 0.85)
    """(b) widths of the arms with a larger batch."""
    critical_experts: int = 8
    critical_steps: int = 500
    critical_batch: int = 256
    """(b) graphs a step, at most 16 r."""
    test_graphs: int = 20_000

    certified_r: tuple[int, ...] = (8, 10)
    """(c) sizes that are certified over all 4^r inputs."""
    certified_share: tuple[float, ...] = (0.6, 0.75, 1.0)
    certified_steps: int = 1500
    certified_batch: int = 512
    certified_samples: int = 100_000
    """(c) graphs sampled from each law; a model that is right on all of them may still be wrong somewhere."""

    matched_r: int = 16
    """(d) size."""
    matched_width: int = 24
    """(d) width of the dense model; with K experts the width shrinks until the totals match."""
    matched_experts: tuple[int, ...] = (1, 2, 4, 8, 16)
    matched_steps: int = 600
    matched_batch: int = 512

    two_layer_r: tuple[int, ...] = (32, 64)
    """(b) sizes of the two-layer models of logarithmic width."""

    device_gib: float = 4.0
    """Memory that a job may take; a larger one is split."""
    device_flops: float = 2e10
    """FLOP/s that ``--dry-run`` assumes of a device (quick: one CPU core; otherwise one GPU on models this small)."""

    def __post_init__(self) -> None:
        check_numbers(self, may_be_zero=("index_sampled_r", "float_r"), may_be_empty=True)
        self._check_sizes()

    def _check_sizes(self) -> None:
        if max(self.certified_r, default=0) > 12:
            raise InputError(f"certified_r {self.certified_r}: all 4^r inputs are visited; give sizes up to 12.")
        if self.index_r > 12:
            raise InputError(f"index_r {self.index_r}: all 2^r sets are visited; give at most 12.")
        if self.critical_experts < 8 or self.critical_experts % 2:
            raise InputError(
                f"critical_experts {self.critical_experts}: the study compares 8 experts or more, and top-2 needs an "
                "even number for equal samples an expert; give 8, 10, 12, …"
            )
        if self.seeds > MOST_SEEDS:
            raise InputError(f"seeds {self.seeds}: give at most {MOST_SEEDS}; the tuning seed lies beyond them.")
        for name in ("critical_share", "critical_share_large_batch", "certified_share"):
            if max(getattr(self, name), default=0) > WIDEST_SHARE:
                raise InputError(f"{name} {getattr(self, name)}: widths as a share of r; give {WIDEST_SHARE} at most.")
        if self.index_r and not self.index_experts:
            raise InputError("index_experts is empty: give one number of experts or more.")


PRESETS = {
    "quick": WidthPreset(),
    "gpu": WidthPreset(
        seeds=5,
        device_gib=64.0,
        device_flops=4e12,
        float_r=128,
        float_steps=2000,
        index_steps=2000,
        critical_r=(8, 16, 32, 64, 128),
        critical_share=(0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9),
        critical_share_large_batch=(0.45, 0.55, 0.65, 0.75, 0.9),
        critical_steps=4000,
        critical_batch=2048,
        test_graphs=100_000,
        certified_r=(8, 10, 12),
        certified_share=(0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.25),
        certified_steps=6000,
        certified_batch=2048,
        matched_r=32,
        matched_width=48,
        matched_experts=(1, 2, 4, 8, 16, 32),
        matched_steps=3000,
        matched_batch=2048,
        two_layer_r=(16, 32, 64, 128),
    ),
    "paper": WidthPreset(
        seeds=5,
        device_gib=64.0,
        device_flops=2e13,
        float_r=512,
        float_steps=20_000,
        index_steps=5000,
        critical_r=(64, 128, 256, 512, 1024),
        critical_share=(0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
        critical_share_large_batch=(0.4, 0.5, 0.6, 0.7, 0.8, 1.0),
        critical_experts=64,
        critical_steps=60_000,
        critical_batch=8192,
        test_graphs=1_000_000,
        certified_r=(8, 10, 12),
        certified_share=(0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.25),
        certified_steps=20_000,
        certified_batch=4096,
        matched_r=256,
        matched_width=384,
        matched_experts=(1, 4, 16, 64, 256),
        matched_steps=60_000,
        matched_batch=8192,
        two_layer_r=(64, 128, 256, 512, 1024),
    ),
}
