"""Phone-books: asked with the book in the prompt, or without it, of a model that has learned it."""

from __future__ import annotations

from string import ascii_letters
from typing import Any

import numpy as np

from experiments.probes.probe import SHOTS, Item, Probe
from experiments.probes.words import WORDS
from experiments.tasks.numbered import key
from experiments.tasks.phone_book import PhoneBook
from theory.errors import InputError

OPEN, CLOSED = "parrots_open_book", "parrots_closed_book"
NAME_WORDS, DIGITS = 4, 4
PATTERN = r"^\s*(\d+)"
UNTIL = ("\n", ".")
LEAST_POOL = 1024
"""Names, at least, that the lists of the open book are drawn from."""
_LISTS = 2
"""Purpose of the seed: which names a list has, and their numbers."""
MOST_LINES = 10**7
"""Of all lists of an open book together, which are text in memory."""


def closed_book(entries: int, examples: int, seed: int) -> Probe:
    """The number that belongs to a name, which the prompt does not hold; :attr:`~Probe.to_learn` has the whole book.

    Names of the examples shown are not in the book: they show the form alone.

    Raises:
        InputError: more entries than there are names.
    """
    facts = _facts(_book(entries + SHOTS, seed))
    questions = [_question(*fact) | {"entries": entries} for fact in facts]
    asked, shown = questions[: min(examples, entries)], questions[entries:]
    reached = _book(entries, seed).baselines(_book(entries, seed).examples("test", 0, len(asked)))
    shortcuts = {name: found["correct"] for name, found in reached.items()}
    to_learn = tuple(_sentence(*fact) for fact in facts[:entries])
    return Probe(CLOSED, entries, "text", asked, shown, shortcuts, until=UNTIL, pattern=PATTERN, to_learn=to_learn)


def open_book(entries: int, examples: int, seed: int) -> Probe:
    """The same question, the entries listed before it in random order: no memory of the weights is needed.

    A list has its own numbers; names shown are not among those asked.

    Raises:
        InputError: no entry, more than there are names, or more lines in all lists than memory is for.
    """
    if not 1 <= entries <= MOST_LINES // examples:
        raise InputError(
            f"vertices {entries}: {examples:,} open books have from 1 to {MOST_LINES // examples:,} entries each."
        )
    pool = max(LEAST_POOL, entries)
    names = [name for name, _ in _facts(_book(pool + SHOTS * entries, seed))]
    rng = np.random.default_rng(key(seed, _LISTS, entries))
    asked = [_listed(rng, list(rng.choice(names[:pool], entries, replace=False))) for _ in range(examples)]
    shown = [_listed(rng, names[first : first + entries]) for first in range(pool, len(names), entries)]
    last = [item["prompt"].rsplit(".", 1)[0].rsplit(" ", 1)[1] == item["answer"] for item in asked]
    shortcuts = {"any number of the list": 1 / entries, "last number of the list": float(np.mean(last))}
    return Probe(OPEN, entries, "text", asked, shown, shortcuts, until=UNTIL, pattern=PATTERN)


def _listed(rng: np.random.Generator, names: list[str]) -> Item:
    numbers = ["".join(map(str, digits)) for digits in rng.integers(0, 10, (len(names), DIGITS))]
    one = int(rng.integers(len(names)))
    question = _question(names[one], numbers[one])
    listed = "\n".join(map(_sentence, names, numbers))
    return question | {"prompt": f"{listed}\n{question['prompt']}", "entries": len(names)}


def _sentence(name: str, number: str) -> str:
    return f"The phone number of {name} is {number}."


def _question(name: str, number: str) -> dict[str, Any]:
    """What :func:`_sentence` says, cut before the number."""
    return {"prompt": _sentence(name, number).removesuffix(f" {number}."), "answer": number}


def _book(entries: int, seed: int) -> PhoneBook:
    return PhoneBook(entries, NAME_WORDS, len(ascii_letters), DIGITS, seed)


def _facts(book: PhoneBook) -> list[tuple[str, str]]:
    """Names and numbers; a word for each letter of the task's names."""
    vocabulary = dict(enumerate(book.vocabulary))
    words = dict(zip(ascii_letters, WORDS, strict=False))  # more words than letters
    rows = [[vocabulary[token] for token in row] for row in book.book.tolist()]
    return [(" ".join(words[x] for x in row[:NAME_WORDS]), "".join(row[book.prompt :])) for row in rows]
