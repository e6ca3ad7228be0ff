"""The memoriser's weights: every label through the module, counts from its tensors, and what breaks it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from parrots.memoriser import Built, build, check
from parrots.memoriser.batches import token_batches
from theory.accounting import fixed_point_bits, memoriser_flops, memoriser_parameters
from theory.bounds.memorisation import memorisation_min_parameters, memoriser_bound
from theory.errors import InputError
from theory.memorisation import ROUTERS, RandomSequences

BALANCED = ("interval", "dense-interval")
GRID = [(n, m, K) for n in (1, 60, 1000) for m in (1, 2, 16) for K in sorted({1, 2, 7, 32, n}) if n >= K]


def readings_and_experts(built: Built, source: RandomSequences) -> tuple[np.ndarray, np.ndarray]:
    """What the module reads of each sequence, and whom it sends it to, one sequence at a time."""
    model, readings, chosen = built.model, [], []
    for tokens in token_batches(source, source.sequences, torch.device("cpu")):
        for sequence in tokens:
            readings.append(float(model.reader(sequence[None])[1]))
            chosen.append(int(model.answer(sequence[None])[1]))
    return np.array(readings), np.array(chosen)


def exact_output(built: Built, expert: int, reading: float) -> Fraction:
    """The expert's function from the module's own tensors, in fractions."""
    model = built.model
    total = Fraction(model.outer_bias[expert, 0].item())
    units = (model.inner[expert, 0].tolist(), model.inner_bias[expert].tolist(), model.outer[expert, :, 0].tolist())
    for inner, bias, outer in zip(*units, strict=True):
        total += Fraction(outer) * max(Fraction(inner) * Fraction(reading) + Fraction(bias), Fraction(0))
    return total


@settings(max_examples=25)
@given(
    n=st.integers(1, 60),
    m=st.integers(1, 6),
    tokens=st.integers(1, 5),
    seed=st.integers(0, 1000),
    router=st.sampled_from(ROUTERS),
    data=st.data(),
)
def test_every_label_by_an_independent_evaluation(n, m, tokens, seed, router, data) -> None:
    experts = data.draw(st.integers(1, n))
    source = RandomSequences(n, m, tokens, seed)
    built = build(source, experts, router)
    readings, chosen = readings_and_experts(built, source)
    outputs = [exact_output(built, int(k), float(t)) for t, k in zip(readings, chosen, strict=True)]
    assert [1 if value > 0 else -1 for value in outputs] == source.labels().tolist()
    assert 0 not in outputs
    verdict = check(built.model, source)
    assert verdict.wrong == 0
    assert verdict.loads.tolist() == built.loads.tolist() == np.bincount(chosen, minlength=experts).tolist()


@pytest.mark.parametrize("router", ROUTERS)
@pytest.mark.parametrize(("n", "m", "K"), GRID)
def test_labels_loads_and_counts_over_a_grid(n: int, m: int, K: int, router: str) -> None:
    source = RandomSequences(n, m, seed=n + m + K)
    built = build(source, K, router)
    assert check(built.model, source).wrong == 0
    counted, formula = built.model.stored(), memoriser_parameters(m, built.model.hidden, K, router)
    assert (counted.total, counted.active) == (formula.total, formula.active)
    assert counted.total == sum(parameter.numel() for parameter in built.model.parameters())
    assert counted.used == formula.total - 3 * int((built.model.hidden - built.layout.changes).sum())
    assert counted.used_active == counted.active  # the fullest expert has no padding
    assert counted.bits >= n >= memorisation_min_parameters(n, max(1, counted.bits // counted.total))
    if router in BALANCED:
        assert set(built.loads.tolist()) <= {n // K, -(-n // K)}
        bound = memoriser_bound(n, m, K, router)
        assert counted.total <= bound.total
        assert counted.active <= bound.active


def test_counts_by_hand() -> None:
    """Four sequences, two experts with a unit each, of which the second is padding."""
    source = RandomSequences(4, 3, 2, seed=0)
    built = build(source, 2)
    stored = built.model.stored()
    assert built.model.hidden == 1
    assert stored.total == 3 + (2 + 2) + 2 * (3 + 1) == 15  # direction; slopes and biases; W1, b1, W2, b2 of each
    assert stored.active == 15 - 4
    assert built.layout.changes.tolist() == [1, 0]
    assert (stored.used, stored.used_active) == (12, 11)
    sizes = {name: (value.numel(), fixed_point_bits(value.numpy())) for name, value in built.model.named_parameters()}
    assert stored.bits == sum(size * bits for size, bits in sizes.values())


@pytest.mark.parametrize(
    ("values", "bits"),
    [([0.0], 0), ([1.0], 2), ([-1.0], 1), ([1.0, -2.0], 2), ([0.5, -4.0], 4), ([3.25, -7.75], 6), ([6.0, 8.0], 4)],
)
def test_fixed_point_bits(values: list[float], bits: int) -> None:
    assert fixed_point_bits(np.array(values)) == bits


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=8), st.integers(-60, 60))
def test_fixed_point_bits_against_integers(numbers: list[int], exponent: int) -> None:
    """The fewest bits of the integers that are left after the common factors of two are taken out."""
    while any(numbers) and all(number % 2 == 0 for number in numbers):
        numbers = [number // 2 for number in numbers]
    bits = 0
    while any(numbers) and not all(-(2**bits) <= 2 * number < 2**bits for number in numbers):
        bits += 1
    assert fixed_point_bits(np.ldexp(np.array(numbers, dtype=np.float64), exponent)) == bits


def test_flops_by_hand() -> None:
    """n = 10, m = 3, N = 2, F = 5, K = 4: tokens added, reading, K lines or K rows, one expert."""
    assert memoriser_flops(3, 2, 5, 4, "interval", 10) == 10 * (6 + 6 + 8 + 20)
    assert memoriser_flops(3, 2, 5, 4, "random", 10) == 10 * (6 + 6 + 24 + 20)
    assert memoriser_flops(3, 2, 5, 1, "random", 10) == 10 * (6 + 6 + 20)


def test_a_moved_threshold_is_seen() -> None:
    """Moved by half the way from the zero after it to the next reading, and a little more: that reading's label flips.

    A zero follows from the one before and the breakpoint between: ``2 threshold - zero``.
    """
    source = RandomSequences(500, 4, seed=3)
    built = build(source, 5)
    readings, chosen = readings_and_experts(built, source)
    weights = built.model.inner_bias.data
    assert check(built.model, source).wrong == 0
    for expert in range(5):
        unit = int(built.layout.changes[expert]) // 2
        first, *others = -weights[expert, : unit + 1].numpy()
        zero = first + 1
        for threshold in others:
            zero = 2 * threshold - zero
        mine = np.sort(readings[chosen == expert])
        kept = weights[expert, unit].item()
        weights[expert, unit] -= 0.505 * (mine[np.searchsorted(mine, zero)] - zero)
        assert check(built.model, source).wrong > 0
        weights[expert, unit] = kept
    assert check(built.model, source).wrong == 0


@pytest.mark.parametrize("name", ["outer", "outer_bias", "inner_bias", "inner"])
def test_any_broken_tensor_is_seen(name: str) -> None:
    source = RandomSequences(300, 4)
    built = build(source, 4)
    getattr(built.model, name).data[1] *= -1
    assert check(built.model, source).wrong > 0


def test_the_gate_changes_no_label_but_the_router_does() -> None:
    source = RandomSequences(300, 4)
    built = build(source, 4)
    built.model.router.biases.data += 5.0  # the same softmax
    assert check(built.model, source).wrong == 0
    built.model.router.biases.data[1] -= 0.5
    verdict = check(built.model, source)
    assert verdict.wrong > 0
    assert verdict.loads.tolist() != built.loads.tolist()


def test_float64_holds_what_float32_does_not() -> None:
    source = RandomSequences(20_000, 16, 2)
    built = build(source, 100)
    assert check(built.model, source).wrong == 0
    assert check(built.model, source, torch.float32).wrong > 0


def test_few_bits_hold_few_sequences() -> None:
    """With --bits as few as the message says; one less is refused."""
    source = RandomSequences(400, 4)
    with pytest.raises(InputError, match=r"bits 8 are too few.*give --bits \d+ or more") as caught:
        build(source, 10, bits=8)
    least = int(str(caught.value).split("--bits ")[1].split()[0])
    built = build(source, 10, bits=least)
    assert check(built.model, source).wrong == 0
    assert fixed_point_bits(built.layout.thresholds) <= least
    with pytest.raises(InputError, match="too few"):
        build(source, 10, bits=least - 1)


def test_random_directions_load_experts_unevenly_and_less_so_in_many_dimensions() -> None:
    def imbalance(router: str, m: int) -> float:
        loads = [build(RandomSequences(2000, m, 2, seed), 20, router).loads for seed in range(3)]
        return float(np.mean([load.max() for load in loads])) / 100

    assert imbalance("interval", 2) == 1
    assert imbalance("random", 2) > imbalance("random-unit", 2) > 1.3
    assert imbalance("random", 2) > imbalance("random", 32) > imbalance("random-unit", 32)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"experts": 21}, "21 experts for 20 sequences: give --experts 1 to 20"),
        ({"experts": 0}, "0 experts for 20 sequences"),
        ({"experts": 21, "router": "random"}, "give --experts 1 to 20"),
        ({"experts": 2, "router": "best"}, "router 'best' is unknown: give one of interval"),
        ({"experts": 2, "hidden": 1}, "label changes and needs as many hidden units, got 1: give --hidden"),
        ({"experts": 2, "bits": 4}, "bits 4"),
    ],
)
def test_what_cannot_be_built_says_what_to_change(arguments: dict, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        build(RandomSequences(20, 3), **arguments)
    assert "\n" not in str(caught.value)


def test_gaps_below_rounding_are_refused(monkeypatch) -> None:
    """As if float64 had few bits: the zeros are then closer to readings than readings are known."""
    monkeypatch.setattr("parrots.memoriser.building.UNIT", 2.0**-18)
    with pytest.raises(InputError, match=r"a zero .* from a reading, and float64 may err by .*fewer --sequences"):
        build(RandomSequences(2000, 3), 1)
    with pytest.raises(InputError, match=r"a cut between experts lies .* give fewer --experts"):
        build(RandomSequences(2000, 3), 40)
