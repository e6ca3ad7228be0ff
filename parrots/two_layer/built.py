"""The construction of two layers (`own-two-layer`) in the model class that is trained, for star graphs."""

from __future__ import annotations

import torch
from torch import Tensor

from parrots.two_layer.config import TwoLayerConfig
from theory.bounds.message import ceil_log2
from theory.bounds.two_layer import READ, sufficient_beta
from theory.errors import InputError

NAMED = ("source", "target", "query", "found", "answer")
"""Coordinates after the code."""


def built_width(r: int) -> int:
    """``ceil(log2 r) + 5``: one code, since the intermediate vertex alone tells edges of one side apart."""
    return ceil_log2(r) + len(NAMED)


def built_parameters(config: TwoLayerConfig, beta: int | None = None) -> dict[str, Tensor]:
    """Weights, float32, that answer every star graph; ``beta`` scales all scores (default `sufficient_beta` of N).

    Vertex i has a code a(i) of ``c = ceil(log2 r)`` signs.  The edges (s, i) and (i, d) hold a(i) and the flag of their
    side; the query token is the sink.

    *Layer 1.*  An edge (s, i) gives an edge (i', d) the score ``beta (<a(i), a(i')> + 2)``: ``beta (c + 2)`` to its
    partner, at most ``beta c`` to others.  An edge (s, i') gets ``beta <a(i), a(i')>``, at most ``beta c``, and the
    query ``beta (c + 1)``.  An edge (i, d) scores the same without the 2, and the query gives itself
    ``beta (c + 1)``, edges 0.  ``found`` = attention to edges, so with N tokens it is at least
    ``1 / (1 + e^-beta + N e^(-2 beta))`` where the partner exists and at most ``N e^-beta`` elsewhere: the bounds of
    the proof for all digraphs, and layer 2 is that of the proof.

    *Layer 2.*  The query gives ``3 beta (source + found)`` to edges and ``3 beta (3/2 + found)`` to itself; ``answer``
    = attention to edges, the logit ``answer - 1/2``.  ``beta >= ln(8 N)`` suffices for ``N >= 8``.

    Needs width :func:`built_width` and one head; coordinates beyond it are 0, as are the hidden units.

    Raises:
        InputError: a narrower width, several heads, or edges that do not meet.
    """
    c, at = ceil_log2(config.intermediates), _places(config)
    sharp = float(sufficient_beta(config.tokens) if beta is None else beta)
    scale = config.head_width**0.5  # what the model divides scores by
    weights = {name: torch.zeros(shape) for name, shape in config.shapes().items()}
    codes = 2.0 * (torch.arange(config.intermediates)[:, None] >> torch.arange(c) & 1) - 1
    weights["edges"][:, :c] = torch.cat((codes, codes))
    weights["edges"][: config.intermediates, at["source"]] = 1.0
    weights["edges"][config.intermediates :, at["target"]] = 1.0
    weights["query"][at["query"]] = 1.0

    ask, key = weights["w_query_1"], weights["w_key_1"]
    ask[:c, :c], key[:c, :c] = sharp * scale * torch.eye(c), torch.eye(c)
    ask[at["source"], c], key[at["target"], c] = 2 * sharp * scale, 1.0
    everyone = [at[name] for name in ("source", "target", "query")]
    ask[everyone, c + 1], key[at["query"], c + 1] = (c + 1) * sharp * scale, 1.0
    ask, key = weights["w_query_2"], weights["w_key_2"]
    ask[at["query"], 0] = READ * sharp * scale
    key[[at["source"], at["found"]], 0], key[at["query"], 0] = 1.0, 1.5
    for layer, written in ((1, "found"), (2, "answer")):
        weights[f"w_value_{layer}"][[at["source"], at["target"]], 0] = 1.0
        weights[f"w_out_{layer}"][0, at[written]] = 1.0
    weights["readout"][at["answer"]], weights["readout"][at["query"]] = 1.0, -0.5
    return weights


def _places(config: TwoLayerConfig) -> dict[str, int]:
    least = built_width(config.intermediates)
    if config.width < least or config.heads != 1 or not config.edges_meet:
        raise InputError(
            f"width {config.width}, {config.heads} heads, edges_meet {config.edges_meet}: the built weights need width "
            f"{least} or more for r = {config.intermediates}, 1 head and edges that meet."
        )
    return {name: place for place, name in enumerate(NAMED, start=ceil_log2(config.intermediates))}
