"""The study's three sizes.  Every field may be changed by ``--set field=value``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from experiments.studies.settings import check_numbers
from experiments.tasks import Task
from experiments.tasks.phone_book import PhoneBook
from experiments.tasks.shortest_path import ShortestPath
from experiments.tasks.two_hop import LengthTwoPath
from theory.errors import InputError

VERTICES_AN_EDGE = 4
"""In graphs of the length-2 path task, for every edge at the source, and at the target."""


@dataclass(frozen=True)
class RoutingPreset:
    """One width and one number of experts for each panel; the defaults are the quick ones."""

    seeds: int = 3
    """Seeds of every model: 0, 1, …; each has its own book and graphs."""
    learning_rates: tuple[float, ...] = (2e-2, 5e-2)
    """Candidates, the same for every router; the best on validation examples of a seed of their own is used."""
    experts: int = 8
    """K; an even number, for experts of two sizes and for half as many of twice the size."""
    capacity: float = 1.25
    """Of the router with a capacity, in even shares."""
    noise: float = 1.0
    """Of the noisy router; 1 is Shazeer's."""
    bias_rate: float = 0.01
    """Steps of the loss-free bias."""
    warmup: float = 0.05
    """Share of the steps in which the learning rate rises."""
    balance: float = 0.01
    """Weight of the load-balancing loss, where a router has it."""
    heads: int = 2
    """Of attention, in both panels."""
    book_width: int = 8
    """(a) Width."""
    book_layers: int = 1
    """(a) Layers."""
    entries: int = 250
    """(a) Of the phone-book."""
    letters: int = 4
    """(a) Of a name."""
    alphabet: int = 10
    """(a) Letters that names are made of."""
    digits: int = 4
    """(a) Of a number."""
    book_steps: int = 250
    book_batch: int = 100
    paths: Literal["two-hop", "shortest-path"] = "two-hop"
    """(b) The task: name the midpoint of a length-2 path, or write a shortest path."""
    path_width: int = 16
    """(b) Width."""
    path_layers: int = 1
    """(b) Layers."""
    vertices: int = 16
    """(b) Of the graphs; those of shortest-path have 3 edges for every 2 vertices."""
    path_steps: int = 150
    path_batch: int = 64
    tests: int = 1000
    """(b) Test graphs of a seed."""
    device_flops: float = 8e8
    """FLOP/s that ``--dry-run`` assumes of a device (quick: one CPU core on matrices this small)."""

    def __post_init__(self) -> None:
        check_numbers(self, may_be_zero=("balance", "warmup"))
        if self.experts % 2 or self.experts < 4:
            raise InputError(f"experts {self.experts}: give an even number, 4 or more.")
        _ = self.book, self.graphs  # which refuse what cannot be drawn

    @property
    def book(self) -> PhoneBook:
        """For one layer letters have a token of their own at each place: it would read a bag of letters otherwise."""
        return PhoneBook(
            entries=self.entries,
            letters=self.letters,
            alphabet=self.alphabet,
            digits=self.digits,
            placed=self.book_layers == 1,
        )

    @property
    def graphs(self) -> Task:
        if self.paths == "two-hop":
            return LengthTwoPath(vertices=self.vertices, degree=self.vertices // VERTICES_AN_EDGE)
        return ShortestPath(vertices=self.vertices)


PRESETS = {
    "quick": RoutingPreset(),
    "gpu": RoutingPreset(
        learning_rates=(1e-3, 3e-3),
        experts=16,
        bias_rate=0.003,
        heads=4,
        book_width=64,
        book_layers=2,
        entries=50_000,
        alphabet=26,
        book_steps=4000,
        book_batch=1024,
        paths="shortest-path",
        path_width=64,
        path_layers=4,
        vertices=20,
        path_steps=4000,
        path_batch=256,
        device_flops=1e13,
    ),
    "paper": RoutingPreset(
        seeds=3,
        learning_rates=(3e-4, 1e-3, 3e-3),
        experts=64,
        bias_rate=0.001,
        heads=4,
        book_width=256,
        book_layers=12,
        entries=10**6,
        alphabet=26,
        letters=6,
        digits=8,
        book_steps=40_000,
        book_batch=1024,
        paths="shortest-path",
        path_width=256,
        path_layers=12,
        vertices=50,
        path_steps=15_625,
        path_batch=64,
        device_flops=4e13,
    ),
}
