"""Small configurations of every family, and counts of transformers' own model by the names of its parameters."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
import transformers
from hypothesis import strategies as st
from torch import nn
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from parrots.interop.families import FAMILIES

CONFIGS = Path(__file__).parents[2] / "configs"
PUBLISHED = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(CONFIGS.glob("*.json"))}
"""Name -> config.json as published."""

PARTS = {
    "embedding": r"embed_tokens\.",
    "head": r"lm_head\.",
    "norms": r"norm\.(weight|bias)$|layernorm\.(weight|bias)$|_norm\.weight$",
    "attention": r"self_attn\.",
    "shared": r"mlp\.shared_expert",
    "experts": r"(mlp|block_sparse_moe)\.experts\.",
    "router": r"(mlp|block_sparse_moe)\.(gate|router)\.",
    "dense": r"mlp\.(gate|up|down)_proj\.",
}
"""Part -> names of its parameters in transformers; the first that fits."""
OWN_HEAD_WIDTH = ("llama", "mistral", "mixtral", "qwen3", "qwen3_moe", "gemma", "gemma2", "gpt_oss")
"""Whose heads may be of any width."""
# DeepSeek-V2's code turns pairs of numbers by complex ones and needs even strides.
LATENT = {
    "kv_lora_rank": st.sampled_from([2, 4, 6, 8]),
    "q_lora_rank": st.none() | st.integers(1, 9),
    "qk_nope_head_dim": st.sampled_from([2, 4, 6]),
    "qk_rope_head_dim": st.sampled_from([2, 4]),
    "v_head_dim": st.integers(1, 6),
}
DEEPSEEK = LATENT | {
    "n_routed_experts": st.integers(3, 6),
    "n_shared_experts": st.integers(1, 3),
    "first_k_dense_replace": st.integers(0, 4),
    "n_group": st.just(1),
    "topk_group": st.just(1),
    "moe_intermediate_size": st.integers(1, 9),
    "attention_bias": st.booleans(),
}
QWEN_MOE = {
    "num_experts": st.integers(3, 6),
    "moe_intermediate_size": st.integers(1, 9),
    "decoder_sparse_step": st.integers(1, 3),
    "mlp_only_layers": st.lists(st.integers(0, 1), unique=True),
}
LOCAL = {"num_local_experts": st.integers(3, 6)}
BIAS = {"attention_bias": st.booleans()}
OF_FAMILY: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "llama": BIAS | {"mlp_bias": st.booleans()},
    "mixtral": LOCAL,
    "olmo": BIAS,
    "olmo2": BIAS,
    "olmo3": BIAS,
    "olmoe": BIAS | {"num_experts": st.integers(3, 6)},
    "qwen2_moe": QWEN_MOE | {"shared_expert_intermediate_size": st.integers(1, 9), "qkv_bias": st.booleans()},
    "qwen3": BIAS,
    "qwen3_moe": QWEN_MOE | BIAS,
    "deepseek_v2": DEEPSEEK,
    "deepseek_v3": DEEPSEEK,
    "gemma": BIAS,
    "gemma2": BIAS,
    "phimoe": LOCAL | BIAS | {"lm_head_bias": st.booleans()},
    "gpt_oss": LOCAL | BIAS,
    "granitemoe": LOCAL | BIAS,
}
"""What a family has beyond the fields of all."""


@st.composite
def configurations(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """A small config.json of one family."""
    shared = draw(st.integers(1, 2))
    heads = shared * draw(st.integers(1, 3))
    plain = {
        "model_type": kind,
        "architectures": [FAMILIES[kind].architectures[0]],
        "hidden_size": heads * draw(st.sampled_from([2, 4, 6])),
        "num_attention_heads": heads,
        "num_key_value_heads": shared,
        "num_hidden_layers": draw(st.integers(2, 4)),
        "intermediate_size": draw(st.integers(1, 9)),
        "vocab_size": draw(st.integers(4, 11)),
        "max_position_embeddings": draw(st.integers(16, 64)),
        "tie_word_embeddings": draw(st.booleans()),
        "num_experts_per_tok": draw(st.integers(1, 3)),
        "pad_token_id": 0,
    }
    if kind == "phimoe":
        plain["num_experts_per_tok"] = 2  # its router knows no other number
    if kind in OWN_HEAD_WIDTH:
        plain["head_dim"] = draw(st.sampled_from([2, 4, 8]))
    if kind in ("deepseek_v2", "deepseek_v3"):
        plain["num_key_value_heads"] = heads
    return plain | draw(st.fixed_dictionaries(OF_FAMILY.get(kind, {})))


def built(plain: dict[str, Any], device: str = "meta", **how: str) -> nn.Module:
    """transformers' model of a configuration."""
    config = CONFIG_MAPPING[plain["model_type"]].from_dict(plain)
    with torch.device(device):
        model = transformers.AutoModelForCausalLM.from_config(config, **how)
    model.tie_weights()
    return model


def counted(model: nn.Module) -> tuple[dict[str, int], Fraction]:
    """Part -> parameters, a tied matrix once; and those that one token uses."""
    config, parts, active = model.config, dict.fromkeys(PARTS, 0), Fraction(0)
    for name, weight in model.named_parameters():
        part = next(part for part, pattern in PARTS.items() if re.search(pattern, name))
        parts[part] += weight.numel()
        used = Fraction(config.num_experts_per_tok, weight.shape[0]) if part == "experts" else 1
        active += weight.numel() * used
    return parts, active
