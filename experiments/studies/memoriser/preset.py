"""The study's three sizes.  Every field may be changed by ``--set field=value``."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.studies.settings import check_numbers
from theory.errors import InputError


def powers_of_two(first: int, last: int) -> tuple[int, ...]:
    """2^first, …, 2^last."""
    return tuple(2**exponent for exponent in range(first, last + 1))


@dataclass(frozen=True)
class MemoriserPreset:
    """Grids of the three panels; the defaults are the quick ones."""

    seeds: int = 3
    """Seeds of every point: 0, 1, …"""
    tokens: int = 8
    """N, tokens of a sequence."""
    width: int = 16
    """(a), (c) m, numbers in a token."""
    sequences: int = 4096
    """(a), (b) n, random sequences."""
    experts: tuple[int, ...] = powers_of_two(0, 10)
    """(a) K, from one expert, the dense model, on."""
    load_experts: int = 64
    """(b) K at which loads are compared."""
    load_widths: tuple[int, ...] = (2, 4, 8, 16, 32, 64)
    """(b) m, dimensions in which random directions route."""
    bit_sequences: tuple[int, ...] = powers_of_two(5, 15)
    """(c) n, each with the number of experts that is best for it."""
    device_flops: float = 5e8
    """FLOP/s that ``--dry-run`` assumes of a device (quick: one CPU core, which waits for memory)."""

    def __post_init__(self) -> None:
        check_numbers(self)
        if max(*self.experts, self.load_experts) > self.sequences:
            raise InputError(
                f"experts up to {max(*self.experts, self.load_experts)} for {self.sequences} sequences: "
                "some would get none; give fewer experts or more sequences."
            )


PRESETS = {
    "quick": MemoriserPreset(),
    "gpu": MemoriserPreset(
        seeds=5,
        width=64,
        sequences=2**18,
        experts=powers_of_two(0, 14),
        load_experts=512,
        load_widths=powers_of_two(1, 9),
        bit_sequences=powers_of_two(5, 20),
        device_flops=1e11,
    ),
    "paper": MemoriserPreset(
        seeds=10,
        width=256,
        sequences=2**21,
        experts=powers_of_two(0, 16),
        load_experts=1024,
        load_widths=powers_of_two(1, 12),
        bit_sequences=(*powers_of_two(5, 23), 10**7),
        device_flops=1e11,
    ),
}
