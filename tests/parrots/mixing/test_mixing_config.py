"""Shapes that do not exist are refused in one line; configurations survive JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from parrots.mixing import MixingConfig
from theory.errors import InputError

GOOD: dict[str, Any] = {"vertices": 6, "width": 8, "hidden": 5, "routing": "token-choice", "experts": 2}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"vertices": 2}, "vertices 2"),
        ({"width": 0}, "width 0"),
        ({"heads": 3}, "3 heads do not divide width 8"),
        ({"routing": "best"}, "routing 'best' is unknown: give one of token-choice, expert-choice, soft"),
        ({"attention": "sparse"}, "give one of none, full, causal"),
        ({"priority": "late"}, "give one of token, choice"),
        ({"nulls": "none"}, "give one of token, masked"),
        ({"prefix": -1}, "prefix -1"),
        ({"capacity": 0}, "capacity 0"),
        ({"capacity": 1.5}, "capacity 1.5"),
        ({"top_k": 3}, "top_k 3"),
        ({"expert_slots": 2}, "expert_slots belongs to soft"),
        ({"routing": "soft", "top_k": 2}, "top_k belongs to token-choice"),
        ({"routing": "soft", "capacity": 2}, "no capacity"),
        ({"routing": "expert-choice"}, "needs a capacity"),
        ({"routing": "expert-choice", "capacity": 1, "experts": 1}, "give 2 or more"),
        ({"routing": "expert-choice", "capacity": 1, "priority": "choice"}, "priority belongs to token-choice"),
        ({"slots": 4}, "slots 4"),
    ],
)
def test_a_shape_that_does_not_exist_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as refused:
        MixingConfig(**(GOOD | change))
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_json_and_back() -> None:
    config = MixingConfig(**GOOD, capacity=3, prefix=1, attention="causal", nulls="masked")
    assert MixingConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    with pytest.raises(InputError, match="not a cross-token configuration"):
        MixingConfig.from_json({"vertices": 6, "colour": "red"})


def test_sizes() -> None:
    config = MixingConfig(**(GOOD | {"routing": "soft"}), expert_slots=3, prefix=2)
    assert (config.intermediates, config.edge_slots, config.tokens, config.soft_slots) == (4, 8, 11, 6)
    shapes = config.shapes()
    assert shapes["slot_vectors"] == (8, 6) and "router" not in shapes
    assert shapes["edges"] == (9, 8) and shapes["prefix"] == (2, 8)
    masked = MixingConfig(**GOOD, attention="none", nulls="masked").shapes()
    assert not {"null", "prefix", "w_query"} & masked.keys()
