"""The cells: one decoder of one size and seed, trained on a book and asked for its entries."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from experiments.engine import DIVERGED, best_device
from experiments.studies.decoders.grading import counted_parameters, grade
from experiments.studies.decoders.models import compared
from experiments.studies.decoders.reading import likelihood, reading
from experiments.studies.decoders.setup import Setup, job
from experiments.studies.decoders.training import ensembles, member, train_cells, tune
from experiments.studies.phone_book.bisection import Bisection
from experiments.studies.phone_book.preset import PhoneBookPreset
from experiments.studies.types import Cell, Finished, Job
from experiments.tasks.phone_book import PhoneBook
from experiments.training.ensemble import TrainedEnsemble
from experiments.training.recipe import Recipe
from parrots.decoder import DecoderConfig

STUDY = "phone-book"
BITS, BOOKS = "a-bits", "b-books"
BISECTED = "bisection ended"


@dataclass(frozen=True)
class BookSetup(Setup):
    """A decoder on a phone-book; with ``books`` the largest of these sizes is sought that it recalls."""

    books: tuple[int, ...]
    threshold: float


def jobs(preset: PhoneBookPreset) -> tuple[Job, ...]:
    """One job for every model of each panel."""
    return (*_bits_jobs(preset), *_book_jobs(preset))


def _bits_jobs(preset: PhoneBookPreset) -> Iterator[Job]:
    book = preset.book(preset.entries)
    for width in preset.widths:
        experts = preset.experts if width in preset.mixture_widths else ()
        controls = preset.controls if width in preset.control_widths else ()
        for family, model in compared([trunk(preset, book, width)], experts, controls):
            setup = _setup(preset, family, model, book, preset.steps)
            yield job(STUDY, BITS, setup, range(preset.seeds), run_bits)


def _book_jobs(preset: PhoneBookPreset) -> Iterator[Job]:
    middle = preset.book(preset.books[len(preset.books) // 2])
    for width in preset.book_widths:
        for family, model in compared([trunk(preset, middle, width)], preset.book_experts, ()):
            setup = _setup(preset, family, model, middle, preset.book_steps, preset.books)
            one = job(STUDY, BOOKS, setup, range(preset.seeds), run_books)
            rounds = len(preset.books).bit_length()
            yield replace(one, cost=one.cost + (rounds - 1) * preset.seeds * setup.training_flops)


def trunk(preset: PhoneBookPreset, book: PhoneBook, width: int) -> DecoderConfig:
    """A dense model for the sequences of ``book``; hidden units as many as the width, as in the paper."""
    return DecoderConfig(len(book.vocabulary), width, preset.layers, preset.heads, positions=book.length)


def _setup(
    preset: PhoneBookPreset,
    family: str,
    model: DecoderConfig,
    book: PhoneBook,
    steps: int,
    books: tuple[int, ...] = (),
) -> BookSetup:
    recipe = Recipe(
        steps=steps, batch=preset.batch, betas=(0.9, 0.99), warmup=preset.warmup, decay=preset.decay,
        balance=preset.balance, precision=preset.precision,
    )  # fmt: skip
    return BookSetup(
        family=family,
        model=model,
        task=book,
        recipe=recipe,
        learning_rates=preset.learning_rates,
        tests=preset.tests,
        grid=f"{book.to_json()}, {recipe.to_json()}, rates {preset.learning_rates}, books {books}",
        books=books,
        threshold=preset.threshold,
    )


def run_bits(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Tune, train and measure the seeds of one model on one book."""
    return train_cells(cells, likelihood, measure, BookSetup)


def run_books(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Bisect the books of all seeds of one model together: in each round every seed trains on a book of its own."""
    device = best_device()
    (setup,) = {BookSetup.of(cell) for cell in cells}
    began = time.perf_counter()
    tuned = tune(setup, likelihood, device)
    searches = {cell.seed: Bisection(setup.books, setup.threshold) for cell in cells}
    counted, diverged = 0, set[int]()
    while open_seeds := [seed for seed, search in searches.items() if search.next() is not None]:
        members = [
            replace(member(setup, seed, tuned.learning_rate), task=_book(setup, seed, searches[seed].next()))
            for seed in open_seeds
        ]
        for trained in ensembles(setup, members, device):
            counted = counted_parameters(trained)
            for i, (one, finite) in enumerate(zip(trained.members, trained.finite, strict=True)):
                recalled = grade(trained.ensemble.member(i), one.task, "test", setup.tests)["correct"]
                searches[one.seed].tell(recalled if finite else 0.0)
                diverged |= set() if finite else {one.seed}
    seconds = (time.perf_counter() - began) / len(cells)
    for cell in cells:
        search = searches[cell.seed]
        metrics = {
            "learning_rate": tuned.learning_rate, "tuning": tuned.scores, "largest": search.largest,
            "recalled": search.told, "bounded": search.largest < max(setup.books), "counted": counted,
        }  # fmt: skip
        yield Finished(cell, metrics, DIVERGED if cell.seed in diverged else BISECTED, seconds, device.type)


def _book(setup: BookSetup, seed: int, entries: int | None) -> PhoneBook:
    book = setup.task_of(seed)
    assert isinstance(book, PhoneBook) and entries is not None
    return replace(book, entries=entries)


def measure(trained: TrainedEnsemble, setup: Setup) -> Sequence[dict[str, Any]]:
    """Bits, recall, what shortcuts reach on the same entries, parameters counted."""
    found = []
    for i, one in enumerate(trained.members):
        model, book = trained.ensemble.member(i), one.task
        assert isinstance(book, PhoneBook)
        asked = book.examples("test", 0, min(setup.tests, book.entries))
        graded = grade(model, book, "test", setup.tests) | reading(model, book, setup.tests)
        found.append(
            {
                **graded,
                "book_bits": book.bits,
                "baselines": book.baselines(asked),
                "counted": counted_parameters(trained),
            }
        )
    return found
