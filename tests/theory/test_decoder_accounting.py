"""Parameters and FLOPs of decoder models: by hand, by ``numel``, by torch's counter and by transformers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from parrots.decoder import Decoder, DecoderConfig
from parrots.decoder.routers import ROUTERS
from parrots.decoder.routers.expert_choice import ExpertChoice
from parrots.decoder.routers.soft import Soft
from parrots.decoder.routers.token_choice import TokenChoice
from parrots.decoder.routers.unequal import Unequal
from theory.accounting import (
    FeedForward,
    decoder_flops,
    decoder_memory,
    decoder_parameters,
    decoder_training_flops,
)

DENSE = DecoderConfig(vocabulary=11, width=8, layers=2, heads=2, positions=16)
CONFIGS = {
    "dense": DENSE,
    "grouped queries, wide, tied": replace(DENSE, heads=4, kv_heads=2, hidden=12, tied=True),
    **{f"{name} and shared": replace(DENSE, router=kind(experts=4), shared=5) for name, kind in ROUTERS.items()},
    "top-1": replace(DENSE, router=TokenChoice(experts=3, top_k=1)),
    "noise": replace(DENSE, router=TokenChoice(experts=4, noise=1.0)),
    "capacity": replace(DENSE, router=TokenChoice(experts=4, top_k=2, capacity=0.5)),
    "expert choice in a sequence": replace(DENSE, router=ExpertChoice(experts=4, over="sequence")),
    "slots of a sequence": replace(DENSE, router=Soft(experts=4, slots=2, over="sequence")),
}


def test_a_small_mixture_by_hand() -> None:
    """V = 11, D = 8, one layer, 2 heads, 4 experts of 6 units of which 2 are used, 5 shared units."""
    config = replace(DENSE, layers=1, hidden=6, router=TokenChoice(experts=4, top_k=2), shared=5)
    counts = decoder_parameters(config)
    assert counts.embedding == counts.head == 11 * 8
    assert (counts.attention, counts.norms, counts.router, counts.shared) == (4 * 64, 3 * 8, 8 * 4, 3 * 8 * 5)
    assert (counts.experts, counts.active_experts) == (4 * 3 * 8 * 6, 2 * 3 * 8 * 6)
    assert counts.inner == 256 + 24 + 32 + 576 + 120
    assert counts.total - counts.active == counts.inner - counts.active_inner == 2 * 144
    # 3 tokens, only the last wanted: keys and values of 3, the rest of 1; scores and reading of 3 pairs in 8 numbers.
    products = 3 * 2 * 64 + 2 * 64 + 2 * 3 * 8 + 32 + 2 * 144 + 120 + 88
    assert decoder_flops(config, 3, sequences=7, last=1) == 7 * 2 * products
    assert decoder_training_flops(config, 3, 7, 1, steps=10) == 10 * 3 * 7 * 2 * products


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_counts_are_those_of_the_built_model(config: DecoderConfig) -> None:
    parts, model = decoder_parameters(config), Decoder(config)
    assert parts.total == sum(parameter.numel() for parameter in model.parameters())
    assert parts.embedding == model.embedding.weight.numel()
    assert parts.inner == sum(parameter.numel() for parameter in model.layers.parameters()) + config.width
    assert parts.attention == sum(p.numel() for layer in model.layers for p in layer.attention.parameters())
    assert parts.active <= parts.total


@pytest.mark.parametrize("last", [None, 3])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_flops_are_those_that_torch_counts(config: DecoderConfig, last: int | None) -> None:
    """Experts one by one (float64) and attention written out: torch's counter does not know the CPU's fused kernels.

    Eight sequences of eight tokens, which all capacities divide; what experts of unequal size cost hangs on the tokens.
    """
    if isinstance(config.router, Unequal):
        config = replace(config, router=replace(config.router, spreads=(0.0,)))
    model, tokens = Decoder(config).double(), torch.randint(config.vocabulary, (8, 8))
    for layer in model.layers:
        layer.attention.fused = False
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(tokens, last=last)
    assert decoder_flops(config, 8, sequences=8, last=last) == counter.get_total_flops()


@pytest.mark.parametrize("name", ["Mistral", "Mixtral"])
def test_parameters_are_those_of_transformers(name: str) -> None:
    transformers = pytest.importorskip("transformers")
    sizes = {"vocab_size": 50, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": False}  # fmt: skip
    if name == "Mixtral":
        sizes |= {"num_local_experts": 4, "num_experts_per_tok": 2}
    with torch.device("meta"):
        model = getattr(transformers, f"{name}ForCausalLM")(getattr(transformers, f"{name}Config")(**sizes))
    router = TokenChoice(experts=4, top_k=2) if name == "Mixtral" else None
    ours = DecoderConfig(50, 16, layers=2, heads=4, positions=8, kv_heads=2, hidden=24, router=router)
    assert decoder_parameters(ours).total == model.num_parameters()
    assert decoder_parameters(ours).embedding == model.get_input_embeddings().weight.numel()


def test_the_published_counts_of_mixtral() -> None:
    """Mixtral 8x7B: 46.7 B parameters, 12.9 B active (Jiang et al. 2024)."""
    router = TokenChoice(experts=8, top_k=2)
    config = DecoderConfig(32_000, 4096, layers=32, heads=32, positions=8, kv_heads=8, hidden=14_336, router=router)
    counts = decoder_parameters(config)
    assert round(counts.total / 1e9, 1) == 46.7
    assert round(counts.active / 1e9, 1) == 12.9


def test_a_router_of_ones_own_counts_itself() -> None:
    class Own:
        name, experts, token_wise = "own", 3, True

        def count(self, width: int, hidden: int, tokens: int) -> FeedForward:
            return FeedForward(router=1, experts=30, active=20, flops=100 * tokens)

    config = replace(DENSE, layers=1)
    object.__setattr__(config, "router", Own())
    assert decoder_parameters(config).experts == 30
    assert decoder_flops(config, 4) - decoder_flops(replace(DENSE, layers=1), 4) == 4 * (100 - 2 * 3 * 64)


def test_memory_holds_weights_and_grows_with_the_batch() -> None:
    config = CONFIGS["top-1"]
    weights = 4 * 4 * decoder_parameters(config).total
    one, two = (decoder_memory(config, 7, sequences) for sequences in (1, 2))
    assert weights < one < two
    assert two - one == one - weights
    assert decoder_memory(config, 7, 1, last=2) < one
