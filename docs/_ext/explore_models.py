"""The three small models of the interactive page, as plain arrays: one set by hand, two trained while pages are built.

All have r = 4, uniform attention and integer contributions, so that Alice's message is a handful of small integers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from experiments.engine import Member, Recipe, train
from parrots.config import OneLayerConfig
from parrots.extract import extract
from parrots.models import resolve
from theory.bounds import message_min_width
from theory.certify import certify
from theory.instances import Pairs
from theory.protocol import SplitTable
from theory.table import Block, OneLayerTable

R = 4
EDGE_PROBABILITY = 0.45
RECIPE = Recipe(steps=600, batch=128, check_every=200, validation=1024)


def models() -> Iterator[dict[str, Any]]:
    """The models, as the page's scripts take them."""
    wide = OneLayerConfig(R + 2, width=4, hidden=8, experts=4, attention="uniform", value_bits=2)
    yield described("mixture", "trained: wide enough, 4 experts", trained(wide), 2)
    narrow = OneLayerConfig(R + 2, width=1, hidden=4, experts=16, attention="uniform", value_bits=1)
    yield described("narrow", "trained: too narrow, 16 experts", trained(narrow), 1)
    packed = resolve(f"construction:packed?vertices={R + 2}&digits=2")
    yield described("packed", "set by hand: the packed construction", extract(packed), 2)


def trained(config: OneLayerConfig) -> OneLayerTable:
    """The model with the fewest wrong graphs among two that differ in their seed."""
    members = [Member(config, seed, learning_rate=0.02) for seed in range(2)]
    tables = [extract(result.model) for _, result in train(members, random_graphs, RECIPE, EDGE_PROBABILITY)]
    return min(tables, key=lambda table: certify(table).wrong)


def random_graphs(rng: np.random.Generator, n: int, progress: float) -> Pairs:
    """``n`` graphs with independent edges."""
    sets = rng.random((2, n, R)) < EDGE_PROBABILITY
    return Pairs(sets[0], sets[1])


def described(name: str, title: str, table: OneLayerTable, bits: int) -> dict[str, Any]:
    """A table of uniform attention and ``bits``-bit contributions as JSON has it, and what the certifier says of it."""
    block, message = table.block, SplitTable(table, bits).message
    assert isinstance(block, Block) and table.uniform
    certificate = certify(table)
    arrays = {
        "edges": table.edges_2rC + table.null_C,
        "null": table.null_C,
        "query": table.query_C,
        "offset": table.offset_D,
        "scale": table.scale_D,
        "mix": table.mix_DM,
        "residual": table.residual_M,
        "inner": block.inner_KMF,
        "innerBias": block.inner_bias_KF,
        "folded": block.folded_KF,
        "constant": block.constant_K,
        "readout": block.readout_M,
        "router": block.router_MK,
        "routerBias": block.router_bias_K,
    }
    return {
        "name": name,
        "title": title,
        "r": table.r,
        "bits": bits,
        "tokens": table.tokens,
        "values": message.groups[0].values,
        "messageBits": message.bits,
        "leastWidth": message_min_width(table.r, 1, bits, "uniform"),
        "wrong": certificate.wrong + certificate.undecided,
        **{key: None if array is None else array.tolist() for key, array in arrays.items()},
    }
