"""The study's three sizes.  Every field may be changed by ``--set field=value``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from experiments.images import sizes
from experiments.studies.settings import check_numbers
from theory.errors import InputError

POWERS = (2, 4, 8, 16, 32, 64, 128, 256, 512)


@dataclass(frozen=True)
class SpecialisationPreset:
    """Models of one total size, from two large experts to many small ones; the defaults are the quick ones."""

    seeds: int = 4
    """Seeds of every model: 0, 1, …"""
    tuning_seeds: int = 2
    """Seeds of their own, on which the learning rate is chosen."""
    images: str = "digits"
    """digits, which scikit-learn holds; or a set whose files are at hand: mnist, fashion-mnist, kmnist, or one of
    MedMNIST, such as organamnist."""
    folder: str = "data"
    """Where the files of the images are."""
    patches: int = 2
    """Patches a side; T is its square."""
    experts: tuple[int, ...] = POWERS
    """n, each with one slot."""
    total_hidden: int = 512
    """Hidden units of all experts together; an expert has this over n, rounded down."""
    activation: Literal["relu", "gelu"] = "relu"
    bias: bool = False
    """Whether experts have biases."""
    learning_rates: tuple[float, ...] = (3e-3, 1e-2, 3e-2, 1e-1)
    """Candidates, the same for every n; the best on validation images is used."""
    epochs: int = 30
    batch: int = 32
    draws: int = 10
    """Random subsets for each model, image and k."""
    greedy: int = 64
    """Largest n for greedy subsets that see the label, and largest k of the greedy subset for all images."""
    exhaustive: int = 16
    """Largest n for which all subsets are tried."""
    device_flops: float = 4e9
    """FLOP/s that ``--dry-run`` assumes of a device (quick: one CPU core on matrices this small)."""

    def __post_init__(self) -> None:
        check_numbers(self, may_be_zero=("bias",))
        known = sizes(self.images)
        if known.height % self.patches or known.width % self.patches:
            raise InputError(
                f"patches {self.patches}: {self.images} has {known.height} x {known.width} pixels; give a divisor."
            )
        if any(n & (n - 1) for n in self.experts) or min(self.experts) < 2:
            raise InputError(f"experts {self.experts}: give powers of two from 2 on, so that k/n can be halved.")
        if max(self.experts) > self.total_hidden:
            raise InputError(
                f"{max(self.experts)} experts for {self.total_hidden} hidden units: some would have none; "
                "give fewer experts or a larger total_hidden."
            )
        if self.batch > known.train:
            raise InputError(
                f"batch {self.batch}: {self.images} has {known.train} training images; give at most those."
            )


PRESETS = {
    "quick": SpecialisationPreset(),
    "gpu": SpecialisationPreset(
        images="mnist",
        total_hidden=1024,
        learning_rates=(3e-4, 1e-3, 3e-3, 1e-2),
        epochs=15,
        batch=256,
        greedy=128,
        device_flops=1e12,
    ),
    # What the authors' code does, but that the rate is not tuned for each n there either, and one of their 15 epochs
    # makes no update.
    "paper": SpecialisationPreset(
        images="mnist",
        total_hidden=784,
        learning_rates=(1e-3,),
        epochs=15,
        batch=256,
        device_flops=1e12,
    ),
}
