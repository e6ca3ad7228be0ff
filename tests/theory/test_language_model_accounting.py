"""Parameters and FLOPs of published kinds of layers, by hand and against the count of the decoders here."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrots.decoder.config import DecoderConfig
from parrots.decoder.routers.token_choice import TokenChoice
from theory.accounting import (
    LanguageModel,
    decoder_flops,
    decoder_parameters,
    language_model_flops,
    language_model_parameters,
)
from theory.accounting.attention import GroupedAttention, LatentAttention
from theory.accounting.feed_forward import Mixture
from theory.accounting.language_model import Dense, Layer

D, V = 8, 11
GROUPED = GroupedAttention(heads=4, key_value_heads=2, head_width=3)
LATENT = LatentAttention(heads=2, latent=5, unrotated=3, rotated=2, value=4, query_latent=6)
MIXTURE = Mixture(experts=6, top_k=2, hidden=7, shared=9, shared_gate=True)
DENSE = Dense(hidden=10)


def model(*layers: Layer, tied: bool = False) -> LanguageModel:
    return LanguageModel(V, D, layers, positions=64, tied=tied, head_bias=False, norms=D)


MIXED = model(Layer(GROUPED, DENSE, norms=2 * D), Layer(LATENT, MIXTURE, norms=2 * D))


def test_parameters_by_hand() -> None:
    grouped = 8 * 12 + 2 * 8 * 6 + 12 * 8
    latent = 8 * 6 + 6 * 2 * 5 + 8 * (5 + 2) + 5 * 2 * (3 + 4) + 2 * 4 * 8
    counts = language_model_parameters(MIXED)
    assert (counts.embedding, counts.head) == (88, 88)
    assert counts.attention == grouped + latent
    assert counts.norms == 5 * 8 + 6 + 5
    assert (counts.dense, counts.router) == (3 * 8 * 10, 8 * 6)
    assert (counts.experts, counts.active_experts) == (6 * 3 * 8 * 7, 2 * 3 * 8 * 7)
    assert counts.shared == 3 * 8 * 9 + 8
    assert counts.total == 2 * 88 + grouped + latent + 51 + 240 + 48 + 1008 + 224
    assert counts.total - counts.active == 4 * 3 * 8 * 7


def test_flops_by_hand() -> None:
    flops = language_model_flops(MIXED, context=20)
    grouped, latent = 2 * 8 * 12 + 2 * 8 * 6, 8 * 6 + 6 * 10 + 8 * 7 + 5 * 2 * 7 + 8 * 8
    assert flops.projections == 2 * (grouped + latent)
    assert flops.reading == 2 * 20 * (4 * 3 * 2 + 2 * (3 + 2 + 4))
    assert (flops.dense, flops.router, flops.shared) == (2 * 240, 2 * 48, 2 * 224)
    assert (flops.experts, flops.head) == (2 * 2 * 168, 2 * 88)
    assert flops.total == sum(vars(flops).values())


def test_biases_gains_and_sinks_are_parameters_but_no_products() -> None:
    plain = language_model_parameters(MIXED)
    attention = replace(GROUPED, bias=True, output_bias=True, norms=6, sinks=True)
    mixture = replace(MIXTURE, bias=True, router_bias=True)
    more = model(
        Layer(attention, replace(DENSE, bias=True), norms=4 * D), Layer(replace(LATENT, bias=True), mixture, 2 * D)
    )
    counts = language_model_parameters(more)
    assert counts.attention - plain.attention == (12 + 2 * 6) + 8 + 4 + (6 + 5 + 2 + 8)
    assert counts.norms - plain.norms == 6 + 2 * D
    assert counts.dense - plain.dense == 2 * 10 + 8
    assert counts.router - plain.router == 6
    assert counts.experts - plain.experts == 6 * (2 * 7 + 8)
    assert counts.active_experts - plain.active_experts == 2 * (2 * 7 + 8)
    assert language_model_flops(more, 20) == language_model_flops(MIXED, 20)


def test_a_head_that_is_the_embedding_holds_nothing_and_costs_the_same() -> None:
    tied = replace(MIXED, tied=True)
    assert language_model_parameters(tied).head == 0
    assert language_model_parameters(replace(tied, head_bias=True)).head == V
    assert language_model_flops(tied, 3) == language_model_flops(MIXED, 3)


@pytest.mark.parametrize(("context", "keys"), [(1, 1), (7, 7), (8, 8), (9, 8), (1000, 8)])
def test_a_window_bounds_what_a_token_reads(context: int, keys: int) -> None:
    layer = Layer(GROUPED, DENSE, norms=0, window=8)
    assert language_model_flops(model(layer), context).reading == 2 * keys * GROUPED.pair


@given(
    heads=st.integers(1, 4), kv=st.integers(1, 3), hidden=st.integers(1, 9), layers=st.integers(1, 3),
    experts=st.integers(2, 6), shared=st.integers(0, 5), tokens=st.integers(1, 9), routed=st.booleans(),
    tied=st.booleans(),
)  # fmt: skip
def test_it_counts_decoders_as_their_own_count_does(heads, kv, hidden, layers, tied, experts, shared, tokens, routed):
    heads *= kv
    width = 4 * heads
    router = TokenChoice(experts=experts, top_k=2) if routed else None
    config = DecoderConfig(
        V, width, layers=layers, heads=heads, kv_heads=kv, positions=16, hidden=hidden, router=router, tied=tied,
        shared=shared if routed else 0,
    )  # fmt: skip
    block = Mixture(experts, 2, hidden, shared=shared) if routed else Dense(hidden)
    layer = Layer(GroupedAttention(heads, kv, 4), block, norms=2 * width)
    same = LanguageModel(V, width, (layer,) * layers, 16, tied, head_bias=False, norms=width)
    assert language_model_parameters(same) == decoder_parameters(config)
    assert tokens * language_model_flops(same, tokens).total == decoder_flops(config, tokens)
