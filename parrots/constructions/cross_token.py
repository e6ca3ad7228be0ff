"""Attention that flags edges with a partner, and cross-token routing that carries the flag to the query."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import torch
from torch import Tensor

from parrots.constructions.mixed import MixedDesign, model_of, most_slots, precision_of, sign_codes
from parrots.mixing import MixingConfig, MixingModel
from theory.bounds.cross_token import GAIN, code_length, cross_token_beta, cross_token_width, soft_beta2
from theory.errors import InputError


@dataclass(frozen=True)
class CrossToken(MixedDesign):
    """Answer length-2 path by one layer of width ``c + 4``, ``c = max(1, ceil(log2 r))`` (`own-cross-token`).

    *Residual coordinates.*  ``code`` ``[0, c)``: the signs of an intermediate vertex; ``type``: 1 at edges (s, i), -1
    at (i, d); ``one``: 1 everywhere; ``sink``: 1 at the query (full mask) or at a first token of its own (causal mask);
    ``flag``.  Other edges and null tokens hold ``one`` alone.  The ``answer`` is the query's ``type``, 0 so far.

    *Attention.*  The logit of a token at another is ``beta (<code, code'> - c type type' + (2c-1) one sink')``: between
    (s, i) and (j, d) ``beta (2c - 2k)`` if the codes differ in k places; at most 0 between edges of one type; 0 to any
    token without code; ``beta (2c-1)`` to the sink.  The value is ``one - sink``, so that the flag is
    ``f = W / (W + 1)``, W the weight of all tokens but the sink, in units of the sink's.  With ``y = e^-beta``: if the
    partner is seen, ``W >= 1/y``.  If not, at most ``binom(c, k)`` edges of the other type differ in k places, each of
    weight ``y^(2k-1)``, and every other token weighs at most ``y^(2c-1)``, no more than any of these.  So
    ``W <= R = ((1 + y^2)^c - 1) / y + max(0, N - 2^c) y^(2c-1)``.  Hence ``f >= 1/(1+y)`` or ``f <= R/(1+R)``.  A token
    without code has ``W <= E = (N-1) y^(2c-1) <= R``.  Under the causal mask a token sees fewer tokens and the later
    edge of a pair sees the other, so exactly one of the two is flagged; a sink before the edges sees itself: f = 0.

    *Forms.*  ``soft``: one slot, dispatch logit ``beta2 f``; it holds a mean z of the flags, at most R/(1+R) without a
    path and at least ``F / (1 + N e^(-beta2 (F - R/(1+R))))``, F = 1/(1+y), with one; the logit is z - 1/2.
    ``expert-choice``: capacity 1, score the softmax of (2 flag, 0) over two experts; the query starts with flag 1/2 and
    is taken iff no edge is flagged.  ``capacity``: token choice, logits (2 flag - 1, 0), position priority; the query,
    last, starts with flag 1, wants the first expert and is dropped from it iff flagged edges fill it: capacity 1, or C
    with C - 1 tokens before the edges that start with flag 1.  In both the first expert adds -1 times its gate, which
    is at least 1/2, to the answer, and the logit is the answer plus 1/4.

    *Exact range.*  ``R < 1`` for ``capacity``; for ``expert-choice`` also ``E/(1+E) < F - 1/2``; for ``soft`` the
    inequality above.  ``R < 1`` is sharp at r = 2^c for ``capacity`` under the full mask, and with N - 1 for N under
    the causal mask, where no edge sees the query (tested); ``beta >= ln(2c) + 1`` gives it as long as N <= 4^c, so
    ``beta = Theta(log log V)``.  Logits are integers times beta, exact for beta a power of two; the other roundings are
    bounded in :mod:`theory.bounds.cross_token`.  Null tokens need the value 1: without it they would pull flags to 0.

    *Cost.*  One head, at most two neurons.  Source and target are fixed.
    """

    statement: ClassVar[str] = "own-cross-token"

    @property
    def form(self) -> str:
        """``soft``, ``expert-choice`` or ``capacity``."""
        return "capacity" if self.config.routing == "token-choice" else self.config.routing

    @property
    def name(self) -> str:
        return f"cross-token-{self.form}"

    def scales(self, dtype: torch.dtype = torch.float32) -> tuple[Fraction, Fraction]:
        """``beta`` and ``beta2``, the least powers of two that the error bounds show to be enough in ``dtype``."""
        precision, tokens = precision_of(dtype), self.config.tokens
        beta = cross_token_beta(self.form, self._code, tokens, precision)
        beta2 = soft_beta2(self._code, tokens, beta, precision) if self.form == "soft" else GAIN
        assert beta2 is not None  # as cross_token_beta has made sure
        return beta, beta2

    def unchecked(self, *scales: Fraction | float, dtype: torch.dtype = torch.float32) -> MixingModel:
        """The weights for any ``beta`` and ``beta2`` (what the router multiplies the flag by), right or wrong."""
        beta, beta2 = scales
        parameters = self._tokens() | self._attention(float(beta)) | self._block(float(beta2))
        return model_of(self.config, parameters, dtype)

    @property
    def _code(self) -> int:
        return code_length(self.config.intermediates)

    def _vector(self, **entries: float) -> Tensor:
        """``[width]`` with the named coordinates set."""
        vector = torch.zeros(self.width, dtype=torch.float64)
        for name, value in entries.items():
            vector[self._code + ("type", "one", "sink", "flag").index(name)] = value
        return vector

    def _tokens(self) -> dict[str, Tensor]:
        r, c = self.config.intermediates, self._code
        codes = torch.zeros(r, self.width, dtype=torch.float64)
        codes[:, :c] = sign_codes(r, c)
        plain = self._vector(one=1)
        first = codes + self._vector(type=1, one=1)
        second = codes + self._vector(type=-1, one=1)
        causal = self.config.attention == "causal"
        start = {"soft": 0.0, "expert-choice": 0.5, "capacity": 1.0}[self.form]
        prefix = [self._vector(one=1, sink=1)] if causal else []
        prefix += [self._vector(one=1, flag=1)] * (self.config.prefix - len(prefix))
        return {
            "edges": torch.cat((first, second, plain[None])),
            "null": plain,
            "query": self._vector(one=1, sink=0 if causal else 1, flag=start),
            **({"prefix": torch.stack(prefix)} if prefix else {}),
        }

    def _attention(self, beta: float) -> dict[str, Tensor]:
        c, kind, one, sink, flag = self._code, *range(self._code, self._code + 4)
        query, key, value, out = (torch.zeros(self.width, self.width, dtype=torch.float64) for _ in range(4))
        query[range(c), range(c)] = beta
        query[kind, kind] = -c * beta
        query[one, sink] = (2 * c - 1) * beta
        key[range(c), range(c)] = 1
        key[kind, kind] = key[sink, sink] = 1
        value[one, flag], value[sink, flag] = 1, -1
        out[flag, flag] = 1
        return {"w_query": query, "w_key": key, "w_value": value, "w_out": out}

    def _block(self, beta2: float) -> dict[str, Tensor]:
        if self.form == "soft":
            return {
                "slot_vectors": self._vector(flag=beta2)[:, None],
                "inner": self._vector(flag=1)[None, :, None],
                "outer": self._vector(type=1)[None, None],
                "readout": self._vector(type=1, one=-0.5),
            }
        nothing = torch.zeros(self.width, dtype=torch.float64)
        threshold = -beta2 / 2 if self.form == "capacity" else 0.0
        return {
            "router": torch.stack((self._vector(flag=beta2), nothing), -1),
            "router_bias": torch.tensor((threshold, 0.0), dtype=torch.float64),
            "outer_bias": torch.stack((self._vector(type=-1), nothing)),
            "readout": self._vector(type=1, one=0.25),
        }


def cross_token_soft(vertices: int, causal: int = 0, slots: int | None = None) -> CrossToken:
    """Form a: a Soft MoE with one slot.  ``causal`` 1 for the causal mask; ``slots``: the most edges of a graph.

    Raises :class:`~theory.errors.InputError` for V < 3, too few slots or another ``causal``.
    """
    return _design(vertices, causal, slots, {"routing": "soft"})


def cross_token_expert_choice(vertices: int, causal: int = 0, slots: int | None = None) -> CrossToken:
    """Form b: expert choice of capacity 1; options as in :func:`cross_token_soft`."""
    return _design(vertices, causal, slots, {"routing": "expert-choice", "experts": 2, "capacity": 1})


def cross_token_capacity(vertices: int, causal: int = 0, capacity: int = 1, slots: int | None = None) -> CrossToken:
    """Form c: token choice of ``capacity`` C, with C - 1 filler tokens; options as in :func:`cross_token_soft`."""
    if capacity < 1:
        raise InputError(f"capacity {capacity}: an expert takes at least 1 token; give 1 or more.")
    block = {"routing": "token-choice", "experts": 2, "capacity": capacity}
    return _design(vertices, causal, slots, block, fillers=capacity - 1)


def _design(vertices: int, causal: int, slots: int | None, block: dict[str, Any], fillers: int = 0) -> CrossToken:
    if causal not in (0, 1):
        raise InputError(f"causal {causal}: give 1 for the causal mask or 0 for the full one.")
    edge_slots = most_slots(vertices, slots)
    config = MixingConfig(
        vertices=vertices,
        width=cross_token_width(vertices - 2),
        hidden=1,
        attention="causal" if causal else "full",
        prefix=causal + fillers,
        slots=edge_slots,
        **block,
    )
    return CrossToken(config)
