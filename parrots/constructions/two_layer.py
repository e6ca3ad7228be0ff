"""The two-layer construction: edges look for their partners, the query looks for an edge that found one.

With source and target named only by the query there is one layer more, in which edges learn what the query names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import torch
from torch import Tensor, nn

from parrots.constructions.floats import UNIT_ROUNDOFF
from parrots.constructions.layout import MEMORY_LIMIT, in_gib
from parrots.graph_transformer import GraphTransformer, GraphTransformerConfig
from theory.bounds.two_layer import (
    READ,
    code_length,
    float_beta,
    largest_tokens,
    three_layer_width,
    two_layer_width,
)
from theory.errors import InputError

COPIES = 8
"""Token arrays alive at once in a layer: tokens, queries, keys, values, heads' outputs, sums, and two on the way."""
MAPS = ("w_query", "w_key", "w_value", "w_out")
STATE_BITS = 2
"""Bits of a coordinate of a token between layers, which may be rounded to -1, 0 or 1."""


@dataclass(frozen=True)
class TwoLayer:
    """Answer length-2 path with width 2c + 7, c = ceil(log2 V), in two layers (`own-two-layer`).

    *Tokens.*  Vertex i has a code a(i) of c signs: the bits of i.  An edge (u, v) carries a(u), a(v) and the flags
    ``source`` = [u = s] and ``target`` = [v = d]; it is marked by ``edge`` = 1.  Every token has ``one`` = 1, the sink
    ``sink`` = 1; the query and an empty slot have nothing else.  N counts slots, sink and query.

    *Layer 1, match.*  A token with head code b gives an edge (u', v') the score ``beta (<b, a(u')> + 2 target')`` and
    the sink ``beta (c + 1)``.  For an edge (u, v) the *partner* (v, d), if there, scores ``beta (c + 2)``.  No other
    token but the sink exceeds ``beta c``: a different tail loses 2 in the product of the codes, a different head the 2
    of the flag; the query and empty slots score 0.  ``found`` = attention to edges.  At most one edge is the partner,
    so

        with partner    1/found - 1 <= e^-beta + N e^(-2 beta),
        without         found <= N e^-beta.

    *Layer 2, read.*  The query gives the score ``3 beta (source + found)`` to edges and ``3 beta · 3/2`` to the sink;
    ``answer`` = attention to edges, the logit ``answer - 1/2``.  With a path s, i, d the edge (s, i) has
    ``source + found`` close to 2.  Without one an edge at s has no partner, ``source + found <= 1 + N e^-beta``, and
    any other edge has at most 1: all of them together have odds of at most ``N e^(-3 beta (1/2 - N e^-beta))``
    against the sink.  The edge (s, d) has no partner, since a graph has no loops (a loop is read as an empty slot).

    *Exact range.*  ``beta >= ln(8 N)`` suffices, and beta is the least such integer for the largest number of slots, by
    default V^2, or one more where float32 asks for it: then ``answer`` is at least 2/3 or at most 1/3 on every digraph
    (:func:`theory.bounds.two_layer.attention` evaluates the chain with intervals).  All scores of layer 1 are integers
    and exact; what float32 adds in exponentials and sums is bounded by
    :func:`theory.bounds.two_layer.float_error`, and more slots than it carries are refused (with 2^19 tokens it does,
    with 2^20 it is not shown to).  The range is sharp up to a factor of about 3/2: where M edges find a partner and
    none is at s, the answer is wrong once ``3/2 beta`` is below ln M by about ``3 beta e^-beta`` (tested).

    *Ends named by the query* (``names_ends``, `three-layer`): the query carries a(s), a(d), and a mark of its own.  A
    layer before the others, with two heads, gives an edge its flags: head 1 gives the query the score
    ``beta <a(u), a(s)>``, the sink ``beta (c - 1)``, edges at most ``-beta c``; ``source`` = attention to the query.
    Head 2 likewise with a(v), a(d).  These flags are off by at most ``e^-beta + N e^(-2 beta)``.  In the other layers
    the query's mark keeps it from being taken for an edge.  Width 2c + 8.

    *The edge (s, d) as a path of its own* (``direct``): the read-out's scores are ``3 beta (2 source + found +
    target)`` and ``3 beta · 5/2``: at least 3 for (s, d) and for an edge at s with a partner, at most 2 (and what is
    above) for the others.

    *Precision.*  Between layers a token's coordinates may be rounded to -1, 0 or 1 (``bits`` = 2): every flag is within
    1/6 of 0 or 1.  The softmax itself needs exponents up to ``3 beta · 5/2``.  One head (two with named ends), no
    hidden neurons.  Source: a two-layer model of logarithmic width for disjointness is in Bhattamishra et al. 2024.
    """

    vertices: int
    slots: int
    beta: int
    names_ends: bool = False
    direct: bool = False

    statement: ClassVar[str] = "own-two-layer"
    neurons: ClassVar[int] = 0
    bits: ClassVar[int] = STATE_BITS

    @property
    def name(self) -> str:
        return "three-layer" if self.names_ends else "two-layer"

    @property
    def depth(self) -> int:
        return 3 if self.names_ends else 2

    @property
    def width(self) -> int:
        return self.config.width

    @property
    def heads(self) -> int:
        return self.config.heads

    @property
    def config(self) -> GraphTransformerConfig:
        width = _width(self.vertices, self.names_ends)
        heads = 2 if self.names_ends else 1
        return GraphTransformerConfig(self.vertices, width, self.depth, heads, self.names_ends)

    def build(self, dtype: torch.dtype = torch.float32) -> GraphTransformer:
        """The weights, rounded to ``dtype``, in the model class of several layers."""
        return GraphTransformer(self.config, {name: value.to(dtype) for name, value in self.parameters().items()})

    def slots_for(self, edges: int) -> int:
        """As many slots as edges, up to the number that beta was chosen for."""
        if edges > self.slots:
            raise InputError(
                f"a graph of {edges} edges: `{self.name}` with beta = {self.beta} is right for up to {self.slots} edge "
                f"slots; build it with slots {edges} or more."
            )
        return max(edges, 1)

    def with_slots(self, model: nn.Module, slots: int) -> nn.Module:
        """The same model: no weight depends on N."""
        return model

    def graph_bytes(self, slots: int) -> int:
        """Bytes of one graph's float32 tokens in a layer, linear in the slots."""
        return COPIES * 4 * (slots + 2) * self.width

    def parameters(self) -> dict[str, Tensor]:
        """Float64 weights in the shapes that ``config`` names."""
        parameters = {name: torch.zeros(shape, dtype=torch.float64) for name, shape in self.config.shapes().items()}
        at, c = self._places(), code_length(self.vertices)
        tail, head = slice(0, c), slice(c, 2 * c)
        code = torch.arange(self.vertices)[:, None] >> torch.arange(c) & 1
        parameters["tail"][:, tail] = parameters["head"][:, head] = 2.0 * code - 1
        parameters["tail"][:, [at["one"], at["edge"]]] = 1.0
        for token in ("null", "sink", "query"):
            parameters[token][at["one"]] = 1.0
        parameters["sink"][at["sink"]] = 1.0
        if self.names_ends:
            parameters["query"][at["query"]] = 1.0
            parameters["source"][:, tail] = parameters["target"][:, head] = parameters["tail"][:, tail]
            self._flag_layer(parameters, at)
        else:
            parameters["tail"][0, at["source"]] = 1.0
            parameters["head"][self.vertices - 1, at["target"]] = 1.0
        self._match_layer(parameters, at)
        self._read_layer(parameters, at)
        parameters["readout"][[at["answer"], at["one"]]] = torch.tensor([1.0, -0.5], dtype=torch.float64)
        return parameters

    def _places(self) -> dict[str, int]:
        """Named coordinates of a token, after the codes of tail and head."""
        names = ("one", "edge", "sink", "source", "target", "found", "answer", *(("query",) if self.names_ends else ()))
        return {name: place for place, name in enumerate(names, start=2 * code_length(self.vertices))}

    def _flag_layer(self, parameters: dict[str, Tensor], at: dict[str, int]) -> None:
        """Layer 0 of named ends: head 1 compares tails with the source, head 2 heads with the target."""
        c, half = code_length(self.vertices), self.width // 2
        ask, key, value, out = (parameters[name][0] for name in MAPS)
        for first, begin, flag in ((0, 0, "source"), (c, half, "target")):
            for sign in range(c):
                ask[first + sign, begin + sign], key[first + sign, begin + sign] = self.beta, 1.0
            ask[at["one"], begin + c], key[at["edge"], begin + c] = -2.0 * c * self.beta, 1.0
            ask[at["one"], begin + c + 1], key[at["sink"], begin + c + 1] = (c - 1.0) * self.beta, 1.0
            value[at["query"], begin], out[begin, at[flag]] = 1.0, 1.0

    def _match_layer(self, parameters: dict[str, Tensor], at: dict[str, int]) -> None:
        """The head's code against the tails' codes, the target flag worth 2, the sink just below a match."""
        c, layer = code_length(self.vertices), self.depth - 2
        ask, key, value, out = (parameters[name][layer] for name in MAPS)
        for sign in range(c):
            ask[c + sign, sign], key[sign, sign] = self.beta, 1.0
        ask[at["one"], c], key[at["target"], c] = 2.0 * self.beta, 1.0
        if self.names_ends:
            key[at["query"], c] = -1.0
        ask[at["one"], c + 1], key[at["sink"], c + 1] = (c + 1.0) * self.beta, 1.0
        value[at["edge"], 0], out[0, at["found"]] = 1.0, 1.0

    def _read_layer(self, parameters: dict[str, Tensor], at: dict[str, int]) -> None:
        """The query reads the flags of edges, the sink half a unit below a path's."""
        ask, key, value, out = (parameters[name][self.depth - 1] for name in MAPS)
        weights = {"source": 2.0, "found": 1.0, "target": 1.0} if self.direct else {"source": 1.0, "found": 1.0}
        sharp = float(READ * self.beta)
        for name, weight in weights.items():
            key[at[name], 0] = weight
        if self.names_ends:
            key[at["query"], 0] = -sum(weights.values())
        ask[at["one"], 0] = sharp
        ask[at["one"], 1], key[at["sink"], 1] = sharp * (weights["source"] + 0.5), 1.0
        value[at["edge"], 0], out[0, at["answer"]] = 1.0, 1.0


def two_layer(vertices: int, slots: int | None = None, direct: bool = False) -> TwoLayer:
    """:class:`TwoLayer` with source 0 and target V - 1 fixed in the weights, right for up to ``slots`` edge slots.

    Raises :class:`~theory.errors.InputError` for V < 3, no slots, or more than float32 carries.
    """
    return _checked(vertices, slots, direct, names_ends=False)


def three_layer(vertices: int, slots: int | None = None, direct: bool = False) -> TwoLayer:
    """:class:`TwoLayer` with ends that the query names, right for up to ``slots`` edge slots; raises as `two_layer`."""
    return _checked(vertices, slots, direct, names_ends=True)


def _checked(vertices: int, slots: int | None, direct: bool, names_ends: bool) -> TwoLayer:
    if vertices < 3:
        raise InputError(f"{vertices} vertices: a length-2 path needs at least 3; give a larger graph.")
    most = carried_slots(vertices, names_ends, direct)
    chosen = min(vertices**2, most) if slots is None else slots
    if chosen < 1:
        raise InputError(f"slots {chosen}: a graph needs at least 1; give 1 to {most}.")
    if chosen > most:
        raise InputError(
            f"slots {chosen} for {vertices} vertices: beyond {most} the rounding of a float32 softmax is not shown to "
            f"leave the answer right; give 1 to {most}."
        )
    beta = float_beta(
        chosen + 2, code_length(vertices), _width(vertices, names_ends), UNIT_ROUNDOFF, names_ends, direct
    )
    design = TwoLayer(vertices, chosen, beta, names_ends, direct)
    needed = sum(4 * math.prod(shape) for shape in design.config.shapes().values())
    if needed > MEMORY_LIMIT:
        raise InputError(
            f"the weights of `{design.name}` for {vertices} vertices (width {design.width}) take {in_gib(needed)}, the "
            f"limit is {in_gib(MEMORY_LIMIT)}: give a smaller graph."
        )
    return design


@cache
def carried_slots(vertices: int, names_ends: bool, direct: bool) -> int:
    """Edge slots up to which float32 is shown right."""
    width = _width(vertices, names_ends)
    return largest_tokens(code_length(vertices), width, UNIT_ROUNDOFF, names_ends, direct) - 2


def _width(vertices: int, names_ends: bool) -> int:
    return three_layer_width(vertices) if names_ends else two_layer_width(vertices)
