"""Hypothesis strategies for one-layer models."""

from __future__ import annotations

from hypothesis import strategies as st

from parrots.config import OneLayerConfig


@st.composite
def configurations(draw: st.DrawFn, **fixed: object) -> OneLayerConfig:
    """Every shape of model: heads, experts, top-k, attention, embedding, slots."""
    heads = draw(st.sampled_from((1, 2, 4)))
    experts = draw(st.sampled_from((1, 2, 4, 16, 64)))
    r = draw(st.integers(1, 6))
    fields: dict[str, object] = {
        "vertices": r + 2,
        "width": heads * draw(st.integers(1, 3)),
        "hidden": draw(st.integers(1, 6)),
        "heads": heads,
        "experts": experts,
        "top_k": draw(st.integers(1, min(experts, 3))),
        "attention": draw(st.sampled_from(("softmax", "uniform"))),
        "embedding": draw(st.sampled_from(("star", "pair", "endpoints"))),
        "slots": draw(st.integers(r + 1, (r + 2) ** 2)),
    }
    return OneLayerConfig(**(fields | fixed))  # type: ignore[arg-type]  # of mixed types
