"""The study's three sizes.  Every field may be changed by ``--set field=value``."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.studies.settings import check_numbers
from theory.errors import InputError

LOADS = tuple(round(2 ** (step / 4), 2) for step in range(-1, 6))
"""0.84 to 2.38, each 2^(1/4) times the one before."""


@dataclass(frozen=True)
class MemorisationPreset:
    """Grids of the three panels; the defaults are the quick ones."""

    seeds: int = 4
    """Seeds of every point: 0, 1, …; each has its own sequences, labels and initial weights."""
    tokens: int = 4
    """N, tokens of a sequence."""
    learning_rates: tuple[float, ...] = (0.05, 0.12, 0.3)
    """Candidates, each with each momentum; the same for every model."""
    momenta: tuple[float, ...] = (0.9, 0.98)
    """Candidates for Adam's first beta."""
    steps: int = 1500
    """Of training, each on all sequences."""
    balance: float = 0.03
    """Weight of the load-balancing loss."""
    width: int = 8
    """(a), (b) m, numbers in a token."""
    totals: tuple[int, ...] = (240, 480)
    """(a), (b) Parameters in total of the models with experts; dense models have as many in total, or as active."""
    experts: tuple[int, ...] = (4, 8)
    """(a), (b) K."""
    loads: tuple[float, ...] = LOADS
    """(a), (b) n over the total parameters."""
    longer: int = 3
    """(b) Times as many steps, for the models of the largest total."""
    longer_load: float = LOADS[-1]
    """(b) n over the total parameters there, and where attention is learned."""
    sweep_width: int = 4
    """(c) m."""
    sequences: int = 512
    """(c) n."""
    sweep_experts: tuple[int, ...] = (1, 4, 8, 16, 32)
    """(c) K."""
    sweep_shares: tuple[float, ...] = (0.71, 0.84, 1.0, 1.19, 1.41, 1.68, 2.0, 2.38)
    """(c) Total parameters over n, which set the hidden units of an expert."""
    device_flops: float = 1.2e9
    """FLOP/s that ``--dry-run`` assumes of a device (quick: one CPU core on matrices this small)."""

    def __post_init__(self) -> None:
        check_numbers(self, may_be_zero=("balance",))
        if not max(self.momenta) < 1:
            raise InputError(f"momenta {self.momenta}: a beta of Adam is below 1; give numbers below 1.")
        if min(self.experts) < 2:
            raise InputError(f"experts {self.experts}: 1 is the dense model, which is there anyway; give 2 or more.")
        fewest = round(min(min(self.loads) * min(self.totals), self.longer_load * max(self.totals)))
        if max(self.experts) > min(self.totals) // (2 * self.width + 4):
            raise InputError(
                f"experts {max(self.experts)} in {min(self.totals)} parameters: a unit and a router row of width "
                f"{self.width} for each take more; give fewer experts, a smaller width or larger totals."
            )
        if max(*self.experts, *self.sweep_experts) > min(fewest, self.sequences):
            raise InputError(
                f"experts up to {max(*self.experts, *self.sweep_experts)} for {min(fewest, self.sequences)} sequences: "
                "some would get none; give fewer experts or more sequences."
            )


PRESETS = {
    "quick": MemorisationPreset(),
    "gpu": MemorisationPreset(
        seeds=8,
        learning_rates=(0.01, 0.03, 0.1, 0.3),
        steps=20_000,
        width=16,
        totals=(2000, 8000, 32_000),
        experts=(4, 16, 32),
        sweep_width=16,
        sequences=16_384,
        sweep_experts=(1, 2, 4, 8, 16, 32, 64, 128),
        device_flops=2e12,
    ),
    "paper": MemorisationPreset(
        seeds=10,
        learning_rates=(0.003, 0.01, 0.03, 0.1, 0.3),
        steps=50_000,
        width=64,
        totals=(32_000, 128_000),
        experts=(8, 32, 128),
        sweep_width=64,
        sequences=131_072,
        sweep_experts=(1, 4, 16, 32, 64, 128),
        device_flops=1e13,
    ),
}
"""The paper has no experiment on memorising random sequences; `paper` is what its Theorem 3.5 is about, made large."""
