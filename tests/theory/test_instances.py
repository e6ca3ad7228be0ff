"""The laws of the generators, exactly: against enumerations by hand, with fixed seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from theory import instances
from theory.errors import InputError
from theory.instances import Pairs

SAMPLES = 40_000
Law = dict[tuple[int, int], Fraction]


def law_of_members(r: int, density: Fraction) -> dict[int, Fraction]:
    """Sets as bit masks."""
    return {mask: density ** mask.bit_count() * (1 - density) ** (r - mask.bit_count()) for mask in range(2**r)}


def uniform_law(r: int, density: Fraction) -> Law:
    one = law_of_members(r, density)
    return {(a, b): one[a] * one[b] for a, b in product(one, one)}


def index_law(r: int) -> Law:
    return {(a, 1 << i): Fraction(1, 2**r * r) for a in range(2**r) for i in range(r)}


def planted_law(r: int, k: int, density: Fraction) -> Law:
    """Word by word: B a uniform k-set, I uniform in B, Y fair, A outside B independent, A inside B = {I} iff Y."""
    law: Counter[tuple[int, int]] = Counter()
    sets = list(combinations(range(r), k))
    for chosen in sets:
        b = sum(1 << i for i in chosen)
        outside = [i for i in range(r) if i not in chosen]
        for hidden, y, inside in product(chosen, (0, 1), product((0, 1), repeat=len(outside))):
            a = sum(bit << i for bit, i in zip(inside, outside, strict=True)) + (y << hidden)
            weight = density ** sum(inside) * (1 - density) ** (len(outside) - sum(inside))
            law[a, b] += weight * Fraction(1, len(sets) * k * 2)
    return dict(law)


def mixed(*parts: tuple[Fraction, Law]) -> Law:
    law: Counter[tuple[int, int]] = Counter()
    for weight, part in parts:
        for pair, probability in part.items():
            law[pair] += weight * probability
    return dict(law)


def masks(members_BR: np.ndarray) -> list[int]:
    return (members_BR @ (1 << np.arange(members_BR.shape[1]))).tolist()


def p_value(pairs: Pairs, law: Law) -> float:
    """Chi-square of a sample against an exact law; 0 if it holds a pair that the law excludes."""
    assert sum(law.values()) == 1
    seen = Counter(zip(masks(pairs.alice_BR), masks(pairs.bob_BR), strict=True))
    if any(law.get(pair, 0) == 0 for pair in seen):
        return 0.0
    cells = [pair for pair, probability in law.items() if probability]
    return float(chisquare([seen[cell] for cell in cells], [float(law[cell]) * len(pairs) for cell in cells]).pvalue)


HALF, THIRD = Fraction(1, 2), Fraction(1, 3)
LAWS: dict[str, tuple[Callable[..., Pairs], int, Law]] = {
    "uniform": (instances.uniform, 3, uniform_law(3, HALF)),
    "sparse": (partial(instances.uniform, density=1 / 3), 3, uniform_law(3, THIRD)),
    "index": (instances.index, 3, index_law(3)),
    "planted-k1": (partial(instances.planted, k=1), 4, planted_law(4, 1, HALF)),
    "planted-k2": (partial(instances.planted, k=2), 4, planted_law(4, 2, HALF)),
    "planted-k4": (partial(instances.planted, k=4), 4, planted_law(4, 4, HALF)),
    "planted-default": (instances.planted, 5, planted_law(5, 2, HALF)),
    "planted-sparse": (partial(instances.planted, k=2, density=1 / 3), 4, planted_law(4, 2, THIRD)),
    "mixture": (
        partial(instances.mixture, parts=[(1.0, instances.uniform), (3.0, instances.planted)]),
        3,
        mixed((Fraction(1, 4), uniform_law(3, HALF)), (Fraction(3, 4), planted_law(3, 1, HALF))),
    ),
}


@pytest.mark.parametrize("name", LAWS)
def test_a_generator_has_its_law(name: str) -> None:
    generator, r, law = LAWS[name]
    assert p_value(generator(np.random.default_rng(7), SAMPLES, r), law) > 1e-3


def test_the_law_test_sees_a_small_bias() -> None:
    pairs = instances.uniform(np.random.default_rng(7), SAMPLES, 3, density=0.48)
    assert p_value(pairs, uniform_law(3, HALF)) < 1e-6
    planted = instances.planted(np.random.default_rng(7), SAMPLES, 4, k=2)
    assert p_value(planted, planted_law(4, 2, THIRD)) < 1e-6


def test_rows_of_a_mixture_are_in_random_order() -> None:
    parts = [(1.0, instances.index), (1.0, partial(instances.planted, k=5))]
    drawn = [instances.mixture(np.random.default_rng(seed), 2, 5, parts) for seed in range(2000)]
    is_index = np.array([(pairs.bob_BR.sum(axis=1) == 1) for pairs in drawn])
    table = np.bincount(is_index @ [2, 1], minlength=4)  # both, the first, the second, or neither from INDEX
    assert chisquare(table).pvalue > 1e-3


def best_size_accuracy(law: Law) -> Fraction:
    """By brute force: guess the likelier answer for every pair of sizes."""
    by_size: dict[tuple[int, int], list[Fraction]] = {}
    for (a, b), probability in law.items():
        totals = by_size.setdefault((a.bit_count(), b.bit_count()), [Fraction(0), Fraction(0)])
        totals[bool(a & b)] += probability
    return sum((max(totals) for totals in by_size.values()), Fraction(0))


@pytest.mark.parametrize(("r", "k"), [(r, k) for r in range(1, 8) for k in range(1, r + 1)])
def test_size_baseline_is_the_best_rule_on_sizes(r: int, k: int) -> None:
    assert instances.size_baseline(r, k) == best_size_accuracy(planted_law(r, k, HALF))


def test_size_advantage_shrinks_as_the_square_root() -> None:
    # The central binomial probability is below sqrt(2 / (pi n)), so the advantage is below 0.4 / sqrt(n).
    for r in (12, 48, 192, 768):
        advantage = instances.size_baseline(r) - HALF
        n = r - instances.default_overlap_size(r)
        assert Fraction(9, 100) < advantage**2 * n < Fraction(16, 100)


@given(st.integers(1, 70), st.integers(0, 40), st.integers(0, 2**32), st.data())
def test_planted_pairs_meet_in_at_most_one_element(r: int, batch: int, seed: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, r))
    pairs = instances.planted(np.random.default_rng(seed), batch, r, k)
    assert pairs.alice_BR.shape == pairs.bob_BR.shape == (batch, r)
    assert (pairs.bob_BR.sum(axis=1) == k).all()
    assert ((pairs.alice_BR & pairs.bob_BR).sum(axis=1) == pairs.intersects_B).all()


def test_the_same_seed_gives_the_same_pairs() -> None:
    one, two, other = (instances.planted(np.random.default_rng(seed), 64, 33) for seed in (5, 5, 6))
    assert np.array_equal(one.alice_BR, two.alice_BR) and np.array_equal(one.bob_BR, two.bob_BR)
    assert not np.array_equal(one.bob_BR, other.bob_BR)


def test_exhaustive_lists_hold_every_instance_once() -> None:
    pairs = instances.all_pairs(4)
    assert len(pairs) == 4**4
    assert list(zip(masks(pairs.alice_BR), masks(pairs.bob_BR), strict=True)) == list(product(range(16), range(16)))
    index = instances.all_index(4)
    assert list(zip(masks(index.alice_BR), masks(index.bob_BR), strict=True)) == list(index_law(4))


def test_keys_never_tie_and_know_their_column() -> None:
    for n in (1, 2, 5, 64):
        keys = instances.distinct_keys(np.random.default_rng(0), 300, n)
        assert (np.sort(instances.key_owner(keys, n), axis=1) == np.arange(n)).all()
        assert all(len(set(row)) == n for row in keys.tolist())


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda rng: instances.uniform(rng, 4, 0), "r = 0"),
        (lambda rng: instances.uniform(rng, -1, 3), "batch = -1"),
        (lambda rng: instances.uniform(rng, 4, 3, density=1.5), "density 1.5"),
        (lambda rng: instances.planted(rng, 4, 3, k=4), "k = 4"),
        (lambda rng: instances.planted(rng, 4, 3, k=0), "k = 0"),
        (lambda rng: instances.mixture(rng, 4, 3, []), "mixture weights []"),
        (lambda rng: instances.mixture(rng, 4, 3, [(-1.0, instances.index)]), "mixture weights [-1.0]"),
        (lambda rng: instances.all_pairs(13), "at most 16777216"),
        (lambda rng: instances.all_index(20), "at most 16777216"),
        (lambda rng: instances.size_baseline(3, 4), "k = 4"),
        (lambda rng: Pairs(np.zeros((1, 2), bool), np.zeros((1, 3), bool)), "(1, 2) and (1, 3)"),
    ],
)
def test_bad_sizes_are_refused_in_one_line(call: Callable[[np.random.Generator], object], says: str) -> None:
    with pytest.raises(InputError) as refused:
        call(np.random.default_rng(0))
    assert says in str(refused.value) and "\n" not in str(refused.value)
