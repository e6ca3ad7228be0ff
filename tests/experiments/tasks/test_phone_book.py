"""The phone-book task: unique names, epochs that hold every entry once, recall and its bits, and its shortcuts."""

from __future__ import annotations

import pickle
from collections import Counter
from math import log, log2

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from experiments.tasks import phone_book
from experiments.tasks.phone_book import PhoneBook
from theory.errors import InputError

small_books = st.builds(
    lambda entries, letters, alphabet, digits, seed: PhoneBook(
        min(entries, alphabet**letters), letters, alphabet, digits, seed
    ),
    st.integers(1, 60),
    st.integers(1, 4),
    st.integers(2, 52),
    st.integers(1, 6),
    st.integers(-(2**70), 2**70),
)


@given(small_books)
def test_names_are_unique_and_all_tokens_are_where_they_belong(task: PhoneBook) -> None:
    tokens = task.examples("test", 0, task.entries).tokens
    texts = ["".join(task.vocabulary[token] for token in row) for row in tokens.tolist()]
    names, numbers = zip(*(text.split(":") for text in texts), strict=True)
    assert len(set(names)) == task.entries
    assert all(len(name) == task.letters and name.isalpha() for name in names)
    assert all(len(number) == task.digits and number.isdigit() for number in numbers)
    assert task.length == tokens.shape[1] == len(texts[0])


@given(small_books, st.integers(0, 300), st.integers(1, 90))
def test_an_example_does_not_depend_on_how_it_is_asked_for(task: PhoneBook, first: int, count: int) -> None:
    whole = task.examples("train", first, count).tokens
    single = [task.examples("train", first + i, 1).tokens[0] for i in range(count)]
    assert torch.equal(whole, torch.stack(single))


def test_kept_orders_are_those_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    task = PhoneBook(entries=70)
    kept = task.examples("train", 60, 300).tokens
    monkeypatch.setattr(phone_book, "KEPT_ORDER", 69)
    assert torch.equal(kept, PhoneBook(entries=70).examples("train", 60, 300).tokens)
    assert task.examples("train", 10**12, 3).tokens.shape == (3, task.length)


@given(small_books)
def test_an_epoch_holds_every_entry_once(task: PhoneBook) -> None:
    entries = Counter(map(tuple, task.examples("test", 0, task.entries).tokens.tolist()))
    for epoch in range(3):
        assert (
            Counter(map(tuple, task.examples("train", epoch * task.entries, task.entries).tokens.tolist())) == entries
        )


def test_epochs_are_shuffled_anew() -> None:
    task = PhoneBook(entries=200)
    epochs = [task.examples("train", 200 * i, 200).tokens for i in range(4)]
    for i in range(4):
        for j in range(i):
            assert (epochs[i] == epochs[j]).all(1).sum() < 10  # 1 in expectation


def test_seeds_make_other_books() -> None:
    one, other = (PhoneBook(entries=500, seed=seed).book for seed in (0, 1))
    assert len(set(map(bytes, one)) & set(map(bytes, other))) < 5
    assert abs((one[:, 5:] == other[:, 5:]).mean() - 0.1) < 0.03


def test_a_full_book_of_the_size_in_the_paper() -> None:
    task = PhoneBook(entries=3_000_000, letters=5)
    letters = task.book[:, :5].astype(np.float32) - task.vocabulary.index("a")
    numbers = letters @ (26.0 ** np.arange(5)).astype(np.float32)  # exact: below 2^24
    assert numbers.max() < 26**5 < 2**24 and len(np.unique(numbers)) == 3_000_000
    for place in range(6, 10):
        assert (abs(np.bincount(task.book[:, place])[1:] / 300_000 - 1) < 0.01).all()


def test_names_use_up_the_alphabet_where_there_are_no_more() -> None:
    assert len(set(map(bytes, PhoneBook(entries=9, letters=2, alphabet=3).book[:, :2]))) == 9


def test_grades() -> None:
    task = PhoneBook(entries=10, digits=4)
    examples = task.examples("test", 0, 3)
    written = examples.answer.clone()
    written[1, 2] = 0  # padding in the middle
    written[2] = 10**6  # no token at all
    graded = task.grade(examples, written)
    assert graded["correct"].tolist() == [1, 0, 0]
    assert graded["digits_right"].tolist() == [1, 0.75, 0]
    with pytest.raises(InputError, match=r"shape \(3, 3\).*\(3, 4\)"):
        task.grade(examples, written[:, :3])


def test_bits() -> None:
    task = PhoneBook(entries=300, digits=4)
    assert task.bits == pytest.approx(300 * log2(10_000))
    sure, guess = torch.zeros(50, 4), torch.full((50, 4), -log(10))
    assert task.bits_recalled(sure) == pytest.approx(task.bits)
    assert task.bits_recalled(guess) == pytest.approx(0, abs=1e-3)
    assert task.bits_recalled(2 * guess) == 0  # worse than a guess is no negative memory
    assert task.bits_recalled(torch.cat((sure, guess))) == pytest.approx(task.bits / 2, rel=1e-6)
    first_two = torch.cat((sure[:, :2], guess[:, :2]), 1)  # half of each number
    assert task.bits_recalled(first_two) == pytest.approx(task.bits / 2, rel=1e-6)
    with pytest.raises(InputError, match="no answers"):
        task.bits_recalled(torch.zeros(0, 4))


def test_baselines_are_what_a_slow_count_finds() -> None:
    task = PhoneBook(entries=200, letters=3, alphabet=3 + 4, digits=1, seed=5)
    examples = task.examples("test", 0, 200)
    names = [tuple(row[:3]) for row in examples.tokens.tolist()]
    numbers = [row[4] for row in examples.tokens.tolist()]
    measured = task.baselines(examples)
    assert measured["most frequent number"]["correct"] == pytest.approx(max(Counter(numbers).values()) / 200)
    assert measured["most frequent digit"]["correct"] == pytest.approx(max(Counter(numbers).values()) / 200)
    assert measured["random guess"] == {"correct": pytest.approx(0.1), "digits_right": pytest.approx(0.1)}

    def shared(one: tuple[int, ...], other: tuple[int, ...]) -> int:
        return next((i for i in range(3) if one[i] != other[i]), 3)

    guessed = task._numbers_of_nearest_names(examples)[:, 0]
    for i, name in enumerate(names):
        longest = max(shared(name, other) for j, other in enumerate(names) if j != i)
        allowed = {numbers[j] for j, other in enumerate(names) if j != i and shared(name, other) == longest}
        assert guessed[i] in allowed
    assert PhoneBook(entries=1).baselines(PhoneBook(entries=1).examples("test", 0, 1))["nearest name"]["correct"] == 1


def test_shows_name_and_number() -> None:
    task = PhoneBook(entries=5, letters=3, digits=2)
    tokens = task.examples("test", 0, 1).tokens[0]
    name, number = task.vocabulary[tokens[0]], task.vocabulary[tokens[-1]]
    shown = task.show(tokens)
    assert shown.startswith(f"Given: {name}") and shown.endswith(number) and ":  To write: " in shown


def test_a_worker_gets_settings_only() -> None:
    task = PhoneBook(entries=50_000)
    before = task.book
    assert len(pickle.dumps(task)) < 500
    again = pickle.loads(pickle.dumps(task))
    assert again == task and (again.book == before).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"entries": 457_000}, "entries 457000: 4 letters of an alphabet of 26 make 456976 names; give at most 456976"),
        ({"entries": 0}, "entries 0: a phone-book needs 1 or more"),
        ({"entries": 2.5}, "entries 2.5: it is a whole number"),
        ({"entries": True}, "entries True: it is a whole number"),
        ({"digits": 0}, "digits 0"),
        ({"letters": -1}, "letters -1"),
        ({"letters": 40}, "more than 4.61e\\+18 names"),
        ({"alphabet": 53}, "alphabet 53: it has from 2 to 52"),
        ({"alphabet": 1}, "alphabet 1"),
    ],
)
def test_bad_settings(settings: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        PhoneBook(**settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (("valid", 0, 1), "unknown split 'valid': did you mean validation"),
        (("train", -1, 1), "must be 0 or more"),
        (("test", 3, 3), "phone-book has 5 of them"),
    ],
)
def test_bad_requests(request_: tuple[str, int, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        PhoneBook(entries=5).examples(*request_)  # type: ignore[arg-type]


def test_placed_letters_tell_permutations_of_a_name_apart_and_change_no_number():
    plain, placed = PhoneBook(entries=50, seed=3), PhoneBook(entries=50, seed=3, placed=True)
    assert len(placed.vocabulary) == len(plain.vocabulary) + 3 * 26
    assert (plain.book[:, 4:] == placed.book[:, 4:]).all()
    for place in range(4):
        assert (placed.book[:, place] == plain.book[:, place] + 26 * place).all()
    assert "a1" in placed.vocabulary and placed.vocabulary[placed.book[0, 3]].endswith("4")


def test_placed_letters_that_no_byte_holds_are_refused():
    with pytest.raises(InputError, match="room for 256"):
        PhoneBook(letters=6, alphabet=52, placed=True)
