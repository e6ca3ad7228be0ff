"""The model with cross-token routing against a definition in loops, and what it must not depend on."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from parrots.embedding import embed, rows_of_edges
from parrots.mixing import MixingConfig, MixingModel, initial_parameters
from theory.errors import InputError

BLOCKS: dict[str, dict[str, Any]] = {
    "dropless": {"routing": "token-choice", "experts": 3, "top_k": 2},
    "top-1": {"routing": "token-choice", "experts": 3, "capacity": 2},
    "top-2": {"routing": "token-choice", "experts": 3, "top_k": 2, "capacity": 3},
    "top-2-choice": {"routing": "token-choice", "experts": 3, "top_k": 2, "capacity": 3, "priority": "choice"},
    "expert-choice": {"routing": "expert-choice", "experts": 3, "capacity": 4},
    "soft": {"routing": "soft", "experts": 2, "expert_slots": 3},
}
EDGES = torch.tensor(
    [
        [[0, 1], [1, 5], [-1, -1], [2, 3], [0, 4], [4, 5]],
        [[-1, -1], [3, 5], [0, 5], [0, 2], [-1, -1], [1, 0]],
        [[-1, -1]] * 6,
        [[0, 3], [0, 1], [2, 5], [3, 5], [4, 0], [5, 5]],
    ]
)
blocks = pytest.mark.parametrize("block", BLOCKS)
masks = pytest.mark.parametrize("attention", ["none", "full", "causal"])
nulls = pytest.mark.parametrize("nulls", ["token", "masked"])


def build(block: str, attention: str = "full", nulls: str = "token", seed: int = 0, **other: Any) -> MixingModel:
    fields = {"vertices": 6, "width": 8, "hidden": 5, "heads": 2, "prefix": 2, "slots": 6} | BLOCKS[block] | other
    config = MixingConfig(attention=attention, nulls=nulls, **fields)  # type: ignore[arg-type]
    return MixingModel(config, initial_parameters(config, seed)).double()


def defined(model: MixingModel, edges: Tensor) -> float:
    """The logit of one graph ``[slots, 2]``, token by token and expert by expert; absent tokens are left out."""
    config, weights = model.config, model.weights()
    tokens = list(weights["prefix"])
    for edge in edges:
        if (edge >= 0).all():
            tokens.append(embed(weights["edges"], rows_of_edges(edge[None], config.edge_reader))[0])
        elif config.nulls == "token":
            tokens.append(weights["null"])
    x = attended([*tokens, weights["query"]], weights, config)
    block = {"token-choice": by_tokens, "expert-choice": by_experts, "soft": by_slots}[config.routing]
    return ((x[-1] + block(x, weights, config)) @ weights["readout"]).item()


def attended(tokens: list[Tensor], weights: dict[str, Tensor], config: MixingConfig) -> list[Tensor]:
    if config.attention == "none":
        return tokens
    size, states = config.width // config.heads, []
    for place, token in enumerate(tokens):
        seen = tokens[: place + 1] if config.attention == "causal" else tokens
        outputs = []
        for head in range(config.heads):
            part = slice(head * size, (head + 1) * size)
            query, maps = token @ weights["w_query"][:, part], weights["w_key"][:, part]
            powers = torch.stack([(query @ (other @ maps)).exp() for other in seen])
            values = torch.stack([other @ weights["w_value"][:, part] for other in seen])
            outputs.append((powers / powers.sum()) @ values)
        states.append(token + torch.cat(outputs) @ weights["w_out"])
    return states


def expert(k: int, x: Tensor, weights: dict[str, Tensor]) -> Tensor:
    hidden = (x @ weights["inner"][k] + weights["inner_bias"][k]).clamp(min=0)
    return hidden @ weights["outer"][k] + weights["outer_bias"][k]


def probabilities(x: Tensor, weights: dict[str, Tensor]) -> Tensor:
    return (x @ weights["router"] + weights["router_bias"]).softmax(-1)


def by_tokens(states: list[Tensor], weights: dict[str, Tensor], config: MixingConfig) -> Tensor:
    limit = math.inf if config.capacity is None else config.capacity
    choices = [probabilities(x, weights).topk(config.top_k) for x in states]
    turns = [(t, c) for t in range(len(states)) for c in range(config.top_k)]
    if config.priority == "choice":
        turns.sort(key=lambda turn: turn[1])
    load, output = [0] * config.experts, torch.zeros_like(states[0])
    for t, c in turns:
        k = int(choices[t].indices[c])
        if load[k] < limit and t == len(states) - 1:
            values = choices[t].values
            gate = values[c] if config.top_k == 1 else values[c] / values.sum()
            output = output + gate * expert(k, states[t], weights)
        load[k] += 1
    return output


def by_experts(states: list[Tensor], weights: dict[str, Tensor], config: MixingConfig) -> Tensor:
    scores = [probabilities(x, weights) for x in states]
    output, query = torch.zeros_like(states[0]), len(states) - 1
    for k in range(config.experts):
        ranked = sorted(range(len(states)), key=lambda t: -scores[t][k].item())
        if query in ranked[: config.capacity]:
            output = output + scores[query][k] * expert(k, states[query], weights)
    return output


def by_slots(states: list[Tensor], weights: dict[str, Tensor], config: MixingConfig) -> Tensor:
    x, phi = torch.stack(states), weights["slot_vectors"]
    combine, output = (x[-1] @ phi).softmax(0), torch.zeros_like(states[0])
    for s in range(config.soft_slots):
        slot = (x @ phi[:, s]).softmax(0) @ x
        output = output + combine[s] * expert(s // config.expert_slots, slot, weights)
    return output


@blocks
@masks
@nulls
def test_it_computes_its_definition(block: str, attention: str, nulls: str) -> None:
    model = build(block, attention, nulls)
    logits = model(EDGES).tolist()
    assert logits == pytest.approx([defined(model, edges) for edges in EDGES], abs=1e-12)
    if attention != "none" or block == "soft":
        assert len({round(logit, 9) for logit in logits}) == len(EDGES)  # it does read the graph


@blocks
@masks
@nulls
def test_a_graph_s_answer_depends_on_no_other_graph(block: str, attention: str, nulls: str) -> None:
    model = build(block, attention, nulls)
    together = model(EDGES)
    assert torch.allclose(together, torch.cat([model(graph[None]) for graph in EDGES]), rtol=0, atol=1e-13)
    assert torch.allclose(together.flip(0), model(EDGES.flip(0)), rtol=0, atol=1e-13)


@pytest.mark.parametrize("block", ["dropless", "expert-choice", "soft"])
@pytest.mark.parametrize("attention", ["none", "full"])
@nulls
def test_the_order_of_edges_does_not_matter_where_nothing_is_ordered(block: str, attention: str, nulls: str) -> None:
    model = build(block, attention, nulls)
    shuffled = EDGES[:, torch.tensor([3, 0, 5, 1, 4, 2])]
    assert torch.allclose(model(EDGES), model(shuffled), rtol=0, atol=1e-13)


@pytest.mark.parametrize(("block", "attention"), [("top-1", "full"), ("dropless", "causal")])
def test_it_does_matter_for_position_priority_and_causal_masks(block: str, attention: str) -> None:
    differs = []
    for seed in range(5):
        model = build(block, attention, seed=seed)
        routed = model.answer(EDGES).routing
        backwards = model.answer(EDGES.flip(1)).routing
        slots = slice(2, -1)
        differs.append(not torch.equal(routed.taken[:, slots], backwards.taken[:, slots].flip(1)))
    assert any(differs)


@blocks
@nulls
def test_fewer_slots_are_as_good_where_absent_edges_are_masked(block: str, nulls: str) -> None:
    model, graph = build(block, nulls=nulls), EDGES[1:2]
    alone = model(graph[:, (graph >= 0).all(-1)[0]])
    assert torch.allclose(alone, model(graph), rtol=0, atol=1e-12) == (nulls == "masked")


@blocks
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_other_precisions_agree(block: str, dtype: torch.dtype) -> None:
    """Absent edges masked: null tokens, all alike, would tie, and rounding would break the ties."""
    exact = build(block, nulls="masked")
    rounded = MixingModel(exact.config, {name: value.to(dtype) for name, value in exact.weights().items()})
    logits = rounded(EDGES)
    assert logits.dtype == dtype
    same = MixingModel(exact.config, {name: value.double() for name, value in rounded.weights().items()})
    if dtype == torch.float32:
        assert torch.allclose(logits.double(), same(EDGES), rtol=1e-4, atol=1e-5)
    else:
        assert bool(logits.isfinite().all())


@blocks
@masks
def test_gradients_reach_every_parameter_and_agree_with_differences(block: str, attention: str) -> None:
    """Along a random direction; routing is piecewise constant, so a step this small changes no choice."""
    model = build(block, attention, capacity=None if BLOCKS[block]["routing"] != "expert-choice" else 8)
    (model(EDGES).square().sum()).backward()
    generator = torch.Generator().manual_seed(1)
    read = model.config.attention != "none" or model.config.routing == "soft"
    for name, parameter in model.named_parameters():
        if not read and name in ("edges", "null", "prefix"):
            assert parameter.grad is None or not parameter.grad.any()
            continue
        assert parameter.grad is not None and bool(parameter.grad.any()), name
        direction = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        values = []
        for step in (1e-6, -1e-6):
            with torch.no_grad():
                parameter += step * direction
                values.append(float(model(EDGES).square().sum()))
                parameter -= step * direction
        slope = (values[0] - values[1]) / 2e-6
        assert slope == pytest.approx(float((parameter.grad * direction).sum()), rel=1e-4, abs=1e-6), name


def test_initial_weights_are_fixed_by_the_seed_and_fit_every_embedding() -> None:
    for embedding in ("star", "pair", "endpoints"):
        config = replace(build("soft").config, embedding=embedding)
        one, same, other = (initial_parameters(config, seed) for seed in (0, 0, 1))
        assert {name: tuple(value.shape) for name, value in one.items()} == config.shapes()
        assert all(torch.equal(one[name], same[name]) for name in one)
        assert not torch.equal(one["edges"], other["edges"])
        assert MixingModel(config, one)(EDGES).shape == (4,)


@pytest.mark.parametrize(
    ("edges", "says"),
    [
        (np.full((1, 7, 2), -1), "7 edge slots given, the model has 6"),
        (np.array([[[0, 6]]]), "vertices are 0 to 5"),
        (np.array([[[0, 1], [0, 1]]]), "twice"),
    ],
)
def test_graphs_that_do_not_fit_are_refused(edges: np.ndarray, says: str) -> None:
    with pytest.raises(InputError, match=says):
        build("soft")(torch.from_numpy(edges))


def test_parameters_of_another_shape_are_refused() -> None:
    config = build("soft").config
    with pytest.raises(InputError, match="parameter query has shape"):
        MixingModel(config, initial_parameters(config, 0) | {"query": torch.zeros(3)})
