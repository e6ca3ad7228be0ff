"""Subsets of experts against plain loops in float64, and what must hold between the methods that choose them."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from parrots.soft_moe import SoftMoeConfig, initial_parameters, mix, predict, subsets
from theory.errors import InputError

INPUTS = 12


def drawn(experts: int, seed: int, slots: int = 1, **choices: object):
    """A random model in float64 whose scale makes its weights uneven, inputs and labels."""
    config = SoftMoeConfig(3, 4, experts, 5, outputs=3, slots=slots, **choices)
    parameters = {name: value.double() for name, value in initial_parameters(config, seed).items()}
    if "scale" in parameters:
        parameters["scale"] = parameters["scale"] * 4
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(INPUTS, 3, 4, generator=generator, dtype=torch.float64)
    return config, parameters, x, torch.randint(0, 3, (INPUTS,), generator=generator)


def outputs_by_loops(x, parameters, config, kept: list[set[int]]) -> torch.Tensor:
    """The definition: dropped experts give zero, C as it is, then the read-out."""
    mixed = mix(x, parameters, config)
    found = []
    for i, members in enumerate(kept):
        tokens = torch.zeros(config.tokens, config.width, dtype=x.dtype)
        for t in range(config.tokens):
            for slot in range(config.all_slots):
                if slot // config.slots in members:
                    tokens[t] += mixed.combine[i, t, slot] * mixed.outputs[i, slot]
        found.append(tokens.flatten() @ parameters["readout"] + parameters["readout_bias"])
    return torch.stack(found)


def members(mask: torch.Tensor) -> list[set[int]]:
    return [set(row.nonzero().flatten().tolist()) for row in mask]


CASES = [
    drawn(6, 0),
    drawn(5, 1, slots=2),
    drawn(4, 2, logits="plain", activation="gelu"),
    drawn(7, 3, bias=False),
]


@pytest.mark.parametrize("case", CASES)
def test_the_chosen_subset_is_the_definitions(case) -> None:
    config, parameters, x, _ = case
    found, mixed = subsets.parts(x, parameters, config), mix(x, parameters, config)
    order = subsets.by_weight(found.weights)
    for k in range(1, config.experts + 1):
        mask = subsets.keep_first(order, k, config.experts)
        for i, kept in enumerate(members(mask)):
            sums = [
                sum(
                    float(mixed.combine[i, t, s])
                    for t in range(3)
                    for s in range(j * config.slots, (j + 1) * config.slots)
                )
                for j in range(config.experts)
            ]
            assert kept == set(sorted(range(config.experts), key=lambda j: -sums[j])[:k])
        expected = outputs_by_loops(x, parameters, config, members(mask))
        torch.testing.assert_close(subsets.masked_outputs(found, mask), expected)
        torch.testing.assert_close(subsets.nested_outputs(found, order)[:, k - 1], expected)


def test_the_weights_are_not_renormalised() -> None:
    config, parameters, x, _ = CASES[0]
    found = subsets.parts(x, parameters, config)
    torch.testing.assert_close(found.weights.sum(1), torch.full((INPUTS,), 3.0, dtype=torch.float64))
    mask = subsets.keep_first(subsets.by_weight(found.weights), 2, config.experts)
    renormalised = found.bias + ((found.outputs * mask.unsqueeze(-1)).sum(1) * 3) / (found.weights * mask).sum(
        1, keepdim=True
    )
    assert not torch.allclose(subsets.masked_outputs(found, mask), renormalised, rtol=0.01)


def test_exhaustive_search_is_itertools() -> None:
    config, parameters, x, labels = CASES[0]
    found = subsets.parts(x, parameters, config)
    for k in (1, 3, 5):
        masks = subsets.every_subset(config.experts, k)
        assert members(masks) == [set(some) for some in combinations(range(config.experts), k)]
        predicted = torch.stack(
            [outputs_by_loops(x, parameters, config, [set(some)] * INPUTS).argmax(1) for some in members(masks)]
        )  # [M, INPUTS]
        for i in range(INPUTS):
            assert set(subsets.reachable(found, masks)[i].nonzero().flatten().tolist()) == set(predicted[:, i].tolist())
        assert subsets.right_for_all(found, labels, masks).tolist() == (predicted == labels).sum(1).tolist()


def greedy_by_loops(found: subsets.Parts, labels: torch.Tensor, steps: int, rows: list[int]) -> list[int]:
    """The order of largest mean log-likelihood over ``rows``."""
    order: list[int] = []
    for _ in range(steps):
        scores = {}
        for j in range(found.outputs.shape[1]):
            if j not in order:
                logits = [found.bias + sum(found.outputs[i, m] for m in [*order, j]) for i in rows]
                scores[j] = sum(
                    float(one.log_softmax(0)[labels[i]]) for one, i in zip(logits, rows, strict=True)
                ) / len(rows)
        order.append(max(scores, key=scores.__getitem__))
    return order


def test_greedy_takes_the_likeliest_expert_at_each_step() -> None:
    config, parameters, x, labels = CASES[3]
    found = subsets.parts(x, parameters, config)
    alone = subsets.greedy(found, labels, 5)
    assert [greedy_by_loops(found, labels, 5, [i]) for i in range(INPUTS)] == alone.tolist()
    assert subsets.greedy_for_all(found, labels, 5).tolist() == greedy_by_loops(found, labels, 5, list(range(INPUTS)))
    assert alone.tolist() != subsets.greedy_for_all(found, labels, 5).expand(INPUTS, -1).tolist()


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 8), st.integers(0, 10**6), st.sampled_from(["normalised", "plain"]), st.integers(1, 2))
def test_what_holds_for_every_model(experts: int, seed: int, logits: str, slots: int) -> None:
    config, parameters, x, labels = drawn(experts, seed, slots, logits=logits)
    found = subsets.parts(x, parameters, config)
    whole = predict(x, parameters, config)
    orders = {
        "chosen": subsets.by_weight(found.weights),
        "random": subsets.at_random(INPUTS, experts, torch.Generator().manual_seed(seed)),
        "greedy": subsets.greedy(found, labels, experts),
    }
    for order in orders.values():
        assert order.sort(1).values.equal(torch.arange(experts).expand(INPUTS, -1))  # each expert once
        torch.testing.assert_close(subsets.nested_outputs(found, order)[:, -1], whole)  # k = n is the whole model
    for k in range(1, experts + 1):
        masks = subsets.every_subset(experts, k)
        reached = subsets.reachable(found, masks)
        fixed = subsets.right_for_all(found, labels, masks)
        assert int(reached.gather(1, labels[:, None]).sum()) >= int(fixed.max())
        kept = {name: found.weights.gather(1, order[:, :k]).sum(1) for name, order in orders.items()}
        for name, order in orders.items():
            predicted = subsets.masked_outputs(found, subsets.keep_first(order, k, experts)).argmax(1)
            assert reached.gather(1, predicted[:, None]).all(), name  # no method predicts what no subset does
            assert bool((kept["chosen"] >= kept[name] - 1e-12).all()), name


def test_random_orders_are_uniform_and_differ_between_inputs() -> None:
    order = subsets.at_random(6000, 4, torch.Generator().manual_seed(1))
    first = torch.bincount(order[:, 0], minlength=4)
    assert bool(((first - 1500).abs() < 5 * (6000 * 3 / 16) ** 0.5).all())
    assert len({tuple(row) for row in order.tolist()}) == 24


def test_too_many_subsets_are_refused() -> None:
    assert len(subsets.every_subset(20, 10)) == 184_756
    with pytest.raises(InputError, match="137,846,528,820 subsets of 20 of 40 experts: at most 1,048,576"):
        subsets.every_subset(40, 20)
