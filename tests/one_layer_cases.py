"""One-layer models of every kind with random weights, graphs for them, and their logits by the definition."""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from parrots.config import OneLayerConfig
from parrots.model import OneLayerModel
from theory.encoding import encode_star
from theory.instances import Pairs, uniform

Array = NDArray[np.float64]

ROUTINGS = ((1, 1), (4, 1), (4, 2), (16, 1), (16, 2))
"""(experts, top_k)."""

FLOAT_KINDS = tuple(
    OneLayerConfig(
        vertices=6, width=6, hidden=5, heads=heads, experts=K, top_k=k, attention=attention, embedding=embedding
    )
    for attention, heads, (K, k), embedding in product(
        ("uniform", "softmax"), (1, 2), ROUTINGS, ("star", "pair", "endpoints")
    )
)
ROUNDED_KINDS = (
    *(
        OneLayerConfig(
            vertices=6, width=4, hidden=5, experts=K, top_k=k, attention="uniform", message_bits=b, slots=slots
        )
        for (K, k), b, slots in ((ROUTINGS[0], 1, 8), (ROUTINGS[1], 2, 11), (ROUTINGS[4], 5, 8), (ROUTINGS[0], 24, 9))
    ),
    *(
        OneLayerConfig(
            vertices=6, width=4, hidden=5, heads=heads, experts=K, top_k=k, attention=attention, value_bits=p
        )
        for attention, heads, (K, k), p in (
            ("uniform", 1, ROUTINGS[0], 1),
            ("uniform", 2, ROUTINGS[2], 4),
            ("softmax", 1, ROUTINGS[1], 3),
            ("softmax", 2, ROUTINGS[0], 8),
        )
    ),
)


def name_of(config: OneLayerConfig) -> str:
    bits = f"-b{config.message_bits}" if config.message_bits else f"-p{config.value_bits}" if config.value_bits else ""
    return f"{config.attention}-{config.embedding}-H{config.heads}-K{config.experts}-k{config.top_k}{bits}"


def random_model(config: OneLayerConfig, seed: int = 0, scale: float = 1.0) -> OneLayerModel:
    """Every weight random, biases, null and query too; float32."""
    generator = torch.Generator().manual_seed(seed)
    return OneLayerModel(
        config, {name: scale * torch.randn(shape, generator=generator) for name, shape in config.shapes().items()}
    )


def star_graphs(config: OneLayerConfig, batch: int = 40, seed: int = 0) -> tuple[Pairs, Tensor]:
    """Random pairs, the empty and the full pair among them, and their edges in random slots."""
    rng = np.random.default_rng(seed)
    drawn = uniform(rng, batch, config.intermediates)
    constant = np.repeat(np.array([[False], [True]]), config.intermediates, axis=1)
    pairs = Pairs(np.concatenate((drawn.alice_BR, constant)), np.concatenate((drawn.bob_BR, constant)))
    return pairs, torch.from_numpy(encode_star(pairs, config.edge_slots, rng))


def present_of(pairs: Pairs, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.from_numpy(np.concatenate((pairs.alice_BR, pairs.bob_BR), axis=1)).to(dtype)


def logits_by_definition(model: OneLayerModel, edges: NDArray[np.int64]) -> Array:
    """Graph by graph, token by token, head by head, expert by expert, in float64."""
    weights = {name: value.detach().numpy().astype(np.float64) for name, value in model.named_parameters()}
    return np.array([_logit(model.config, weights, graph.tolist()) for graph in edges])


def _logit(config: OneLayerConfig, w: dict[str, Array], graph: list[list[int]]) -> float:
    tokens = [_token(config, w, tail, head) for tail, head in graph]
    N = config.tokens
    assert len(tokens) + 1 == N
    if config.message_bits is None:
        x = w["query"] + N * _attention(config, w, [*tokens, w["query"]]) @ w["w_out"]
        return _block(config, w, x)
    alice = [token for token, (u, v) in zip(tokens, graph, strict=True) if u == 0 and 1 <= v <= config.intermediates]
    padded = sum(alice) + (config.intermediates - len(alice)) * w["null"]
    message = np.tanh(padded @ w["w_value"] @ w["w_out"])
    edges_of_levels = np.linspace(-1, 1, 2**config.message_bits + 1)
    level = np.searchsorted(edges_of_levels, message, side="right") - 1
    centre = (edges_of_levels[level] + edges_of_levels[level + 1]) / 2
    rest = sum(tokens) + w["query"] - padded
    return _block(config, w, w["query"] + centre + rest @ w["w_value"] @ w["w_out"])


def _token(config: OneLayerConfig, w: dict[str, Array], tail: int, head: int) -> Array:
    r, V = config.intermediates, config.vertices
    if tail == -1:
        return w["null"]
    if config.embedding == "pair":
        return w["edges"].reshape(V, V, -1)[tail, head]
    if config.embedding == "endpoints":
        return w["edges"][:V][tail] + w["edges"][V:][head]
    if tail == 0 and 1 <= head <= r:
        return w["edges"][head - 1]
    if head == V - 1 and 1 <= tail <= r:
        return w["edges"][r + tail - 1]
    return w["edges"][2 * r]


def _attention(config: OneLayerConfig, w: dict[str, Array], tokens: list[Array]) -> Array:
    """All heads' outputs at the last token, one after the other."""
    d, outputs = config.head_width, []
    for head in range(config.heads):
        columns = slice(head * d, (head + 1) * d)

        def value(token: Array, columns: slice = columns) -> Array:
            return token @ w["w_value"][:, columns]

        def weight(token: Array, columns: slice = columns) -> float:
            if config.attention == "uniform":
                return 1.0
            return float(np.exp((w["query"] @ w["w_query"])[columns] @ (token @ w["w_key"])[columns]))

        values, weights = [value(token) for token in tokens], [weight(token) for token in tokens]
        low, step = np.zeros(d), np.ones(d)
        if config.value_bits is not None:
            r, most = config.intermediates, 2**config.value_bits - 1
            ends = [(0, i) for i in range(1, r + 1)] + [(i, r + 1) for i in range(1, r + 1)]
            every = [_token(config, w, *edge) for edge in ends] + [w["null"], w["query"]]
            possible = np.array([value(token) for token in every])
            low, step = possible.min(0), (possible.max(0) - possible.min(0)) / most
            values = [np.rint((one - low) / step) for one in values]
            if config.attention == "softmax":
                unit = max(weight(token) for token in every) / most
                weights = [np.rint(one / unit) for one in weights]
        mean = sum(a * v for a, v in zip(weights, values, strict=True)) / sum(weights)
        outputs.append(low + step * mean)
    return np.concatenate(outputs)


def _block(config: OneLayerConfig, w: dict[str, Array], x: Array) -> float:
    outputs = [
        x + w["outer"][k].T @ np.maximum(w["inner"][k].T @ x + w["inner_bias"][k], 0) + w["outer_bias"][k]
        for k in range(config.experts)
    ]
    if config.experts == 1:
        return float(outputs[0] @ w["readout"])
    scores = x @ w["router"] + w["router_bias"]
    probabilities = np.exp(scores - scores.max())
    probabilities /= probabilities.sum()
    chosen = np.argsort(-scores)[: config.top_k]
    gates = probabilities[chosen] if config.top_k == 1 else probabilities[chosen] / probabilities[chosen].sum()
    return float(sum(gate * outputs[k] for gate, k in zip(gates, chosen, strict=True)) @ w["readout"])
