"""The study's three sizes.  Every field may be changed by ``--set field=value``."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.studies.settings import check_numbers
from experiments.tasks.phone_book import PhoneBook
from experiments.training.recipe import Precision
from theory.errors import InputError


@dataclass(frozen=True)
class PhoneBookPreset:
    """Grids of the two panels; the defaults are the quick ones."""

    seeds: int = 3
    """Seeds of every model: 0, 1, …; each has its own book."""
    learning_rates: tuple[float, ...] = (2e-2, 4e-2)
    """Candidates, the same for every model; the one that recalls most of the book of another seed is used."""
    tests: int = 2000
    """Entries that a model is asked for, at most."""
    letters: int = 4
    """Of a name."""
    digits: int = 4
    """Of a number."""
    placed: bool = True
    """Whether each place of a name has letters of its own, without which one layer cannot read their order."""
    entries: int = 2000
    """(a) Of the book."""
    layers: int = 1
    heads: int = 4
    widths: tuple[int, ...] = (8, 16, 32)
    experts: tuple[int, ...] = (16,)
    """Of models with experts, top-2, each as wide as the dense layer: the width."""
    mixture_widths: tuple[int, ...] = (8, 16)
    """Those of the widths that have them."""
    controls: tuple[int, ...] = (16,)
    """Dense models with so many times the hidden units: parameters that are all active."""
    control_widths: tuple[int, ...] = (8, 16)
    """Those of the widths that have them."""
    steps: int = 1200
    batch: int = 250
    warmup: float = 0.05
    balance: float = 0.01
    decay: float = 0.0
    precision: Precision = "float32"
    """Of products in training: float32 or bfloat16; weights and optimiser are float32."""
    book_widths: tuple[int, ...] = (8, 16)
    """(b) Widths."""
    book_experts: tuple[int, ...] = (16,)
    books: tuple[int, ...] = (25, 50, 100, 150, 200, 300, 400, 600, 800, 1200, 1600)
    """(b) Sizes of books, in ascending order, of which the largest that is recalled is found by bisection."""
    book_steps: int = 300
    threshold: float = 0.9
    """(b) Share of numbers that a recalled book exceeds."""
    device_flops: float = 4e9
    """FLOP/s that ``--dry-run`` assumes of a device (quick: one CPU core on matrices this small)."""

    def __post_init__(self) -> None:
        check_numbers(self, may_be_zero=("decay", "balance", "warmup", "placed"), may_be_empty=True)
        for name in ("learning_rates", "widths", "books"):
            if not getattr(self, name):
                raise InputError(f"{name}: give one or more.")
        if list(self.books) != sorted(self.books):
            raise InputError(f"books {self.books}: bisection goes through them in order; give them ascending.")
        if not self.threshold < 1:
            raise InputError(f"threshold {self.threshold}: a share of the numbers; give one below 1.")
        for name in ("mixture_widths", "control_widths", "book_widths"):
            if not set(getattr(self, name)) <= set(self.widths):
                raise InputError(f"{name} {getattr(self, name)}: give some of the widths {self.widths}.")
        self.book(max(self.entries, *self.books))  # which refuses more entries than there are names

    def book(self, entries: int) -> PhoneBook:
        return PhoneBook(entries=entries, letters=self.letters, digits=self.digits, placed=self.placed)


PRESETS = {
    "quick": PhoneBookPreset(),
    "gpu": PhoneBookPreset(
        learning_rates=(1e-3, 3e-3, 1e-2),
        tests=20_000,
        letters=6,
        digits=8,
        placed=False,
        entries=20_000,
        layers=2,
        heads=8,
        widths=(32, 64, 128),
        mixture_widths=(32, 64, 128),
        experts=(4, 16),
        control_widths=(32, 64),
        steps=4000,
        batch=1000,
        precision="bfloat16",
        book_widths=(32, 64),
        books=(500, 1000, 1500, 2000, 3000, 4000, 6000, 8000, 12_000, 16_000),
        book_steps=2000,
        device_flops=1e13,
    ),
    "paper": PhoneBookPreset(
        learning_rates=(3e-4, 1e-3, 3e-3),
        tests=1000,
        letters=8,
        digits=8,
        placed=False,
        entries=3_000_000,
        layers=12,
        heads=8,
        widths=(256, 512, 1024),
        mixture_widths=(256, 512, 1024),
        experts=(8, 16, 32, 64),
        controls=(8,),
        control_widths=(256, 512),
        steps=120_000,
        batch=2500,
        decay=0.1,
        precision="bfloat16",
        book_widths=(256, 512, 1024),
        book_experts=(8, 16, 32, 64),
        books=(100_000, 500_000, 1_000_000, 1_500_000, 2_000_000, 2_500_000, 3_000_000),
        book_steps=120_000,
        device_flops=4e13,
    ),
}
"""`paper`: its widths, depth, books and number of queries; names, numbers, rates and epochs are not published."""
