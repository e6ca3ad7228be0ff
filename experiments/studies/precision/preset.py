"""The study's three sizes.  Every field may be changed by ``--set field=value``."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.studies.settings import check_numbers
from parrots.constructions import CONSTRUCTIONS, get
from theory.errors import InputError

MOST_SEEDS = 1000
MOST_VERTICES = 2**11


@dataclass(frozen=True)
class PrecisionPreset:
    """Graph sizes and how many graphs each model is asked; the defaults are the quick ones."""

    seeds: int = 1
    """Independent draws of the graphs; a model is right in a format if it is on all of them."""
    vertices: tuple[int, ...] = (6, 10, 18, 34)
    """V."""
    constructions: tuple[str, ...] = tuple(CONSTRUCTIONS)
    """Names of hand-built models."""
    digits: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    """g of `packed`."""
    experts: tuple[int, ...] = (1, 2, 4, 8, 16)
    """S of `soft-moe`, one slot an expert."""
    graphs: int = 400
    """Graphs of all families together that a model is asked."""
    most_bits: int = 40
    """Formats of up to so many bits are tried."""
    device_flops: float = 2e9
    """Operations a second that ``--dry-run`` assumes (every result is rounded, in float64)."""

    def __post_init__(self) -> None:
        check_numbers(self)
        for name in self.constructions:
            get(name)
        if min(self.vertices) < 3:
            raise InputError(f"vertices {self.vertices}: a length-2 path needs at least 3; give 3 or more.")
        if self.seeds > MOST_SEEDS:
            raise InputError(f"seeds {self.seeds}: give at most {MOST_SEEDS} seeds.")
        if max(self.vertices) > MOST_VERTICES:
            raise InputError(f"vertices {self.vertices}: dense graphs are asked too; give {MOST_VERTICES} at most.")
        if not 2 <= self.most_bits <= 52:
            raise InputError(f"most_bits {self.most_bits}: formats are emulated in float64; give 2 to 52.")

    @property
    def grid(self) -> str:
        """What all cells share that may be compared."""
        return f"{self.graphs} graphs, formats of up to {self.most_bits} bits"


PRESETS = {
    "quick": PrecisionPreset(),
    "gpu": PrecisionPreset(
        seeds=3, vertices=(6, 10, 18, 34, 66, 130, 258), experts=(1, 2, 4, 8, 16, 32), graphs=4000, device_flops=1e12
    ),
    "paper": PrecisionPreset(
        seeds=5,
        vertices=(6, 10, 18, 34, 66, 130, 258, 514, 1026),
        experts=(1, 2, 4, 8, 16, 32, 64),
        graphs=10_000,
        device_flops=1e12,
    ),
}
