"""Which ``config.json`` files are understood: an entry for each ``model_type``, put together from readers.

A family says how its class in transformers reads the file: which fields may be left out, what its attention, its
feed-forward layers and its norms hold.  A new one is one more entry of :data:`FAMILIES`, from the readers in
:mod:`parrots.interop.family_parts`; the tests hold every entry against the class itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from parrots.interop.config_fields import Fields, shown
from parrots.interop.family_parts import (
    FeedForwards,
    Slides,
    all_heads,
    always,
    cut_from_token,
    deepseek_experts,
    dense,
    each_head,
    early_even,
    experts,
    grouped,
    if_used,
    late,
    latent,
    listed,
    never,
    olmo_experts,
    qwen_experts,
    qwen_experts_and_shared,
)
from theory.accounting.attention import Attention
from theory.errors import InputError

RMS, LAYER_NORM, NO_GAINS = 1, 2, 0
"""Numbers that a norm holds for each of a token's: a gain, a gain and a shift, nothing."""


_DENSE = dense()


@dataclass(frozen=True)
class Family:
    """How one ``model_type`` is read."""

    architectures: tuple[str, ...]
    """The class in transformers, and other names of it in published files."""
    attention: Callable[[Fields], Attention]
    feed_forward: FeedForwards = _DENSE
    norm: int = RMS
    norms: int = 2
    """Norms of whole tokens in a layer."""
    slides: Slides = never
    head_bias: str | bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Of the fields that its configuration files may leave out."""
    respelt: Mapping[str, str] = field(default_factory=dict)
    """Other names that transformers reads, and some releases write -> the name here, which published files have."""

    def fields(self, plain: Mapping[str, Any]) -> Fields:
        """The file's fields under the names here.

        Raises:
            InputError: two names of one field with different values.
        """
        for theirs, ours in self.respelt.items():
            if theirs in plain and ours in plain and plain[theirs] != plain[ours]:
                raise InputError(
                    f"{theirs} {shown(plain[theirs])} and {ours} {shown(plain[ours])} name the same number: keep one."
                )
        respelt = {ours: plain[theirs] for theirs, ours in self.respelt.items() if theirs in plain}
        return Fields({**respelt, **plain}, self.defaults)

    def check_class(self, named: Any) -> None:
        """Refuses a file whose ``architectures`` names other classes: heads that classify, say.

        Raises:
            InputError: as said.
        """
        if named is None or (isinstance(named, list) and any(name in self.architectures for name in named)):
            return
        raise InputError(f"architectures {shown(named)}: allowed is {self.architectures[0]}.")

    def window(self, fields: Fields) -> list[int | None]:
        """Of each layer: how many tokens a token attends to, if not to all."""
        slides = self.slides(fields)
        size = fields.optional("sliding_window") if any(slides) else None  # what is not used may be 0
        return [size if one else None for one in slides]


_BIASED = grouped("attention_bias", "attention_bias")
_WINDOW = {"use_sliding_window": False, "sliding_window": 4096}
_QWEN = _WINDOW | {"max_window_layers": 28}
_QWEN_MOE = {"decoder_sparse_step": 1, "mlp_only_layers": None}
_DEEPSEEK = {"attention_bias": False, "moe_layer_freq": 1, "kv_lora_rank": 512, "q_lora_rank": 1536}

FAMILIES = {
    "mistral": Family(
        ("MistralForCausalLM",),
        grouped(),
        slides=always,
        defaults={"num_key_value_heads": 8, "sliding_window": 4096},
    ),
    "mixtral": Family(
        ("MixtralForCausalLM",),
        grouped(),
        experts(),
        slides=always,
        defaults={"num_key_value_heads": 8, "num_local_experts": 8, "num_experts_per_tok": 2},
        respelt={"num_experts": "num_local_experts"},
    ),
    "llama": Family(("LlamaForCausalLM",), _BIASED, dense("mlp_bias")),
    "olmo": Family(("OlmoForCausalLM",), _BIASED, norm=NO_GAINS),
    "olmo2": Family(("Olmo2ForCausalLM",), grouped("attention_bias", "attention_bias", all_heads)),
    "olmo3": Family(
        ("Olmo3ForCausalLM",),
        grouped("attention_bias", "attention_bias", all_heads),
        slides=listed(lambda fields, layer: layer % 4 != 3),
        defaults={"sliding_window": 4096},
    ),
    "olmoe": Family(
        ("OlmoeForCausalLM",),
        cut_from_token(grouped("attention_bias", "attention_bias", all_heads)),
        olmo_experts,
        respelt={"num_local_experts": "num_experts"},
    ),
    "qwen2": Family(
        ("Qwen2ForCausalLM",), grouped(bias=True), slides=listed(late), defaults=_QWEN | {"num_key_value_heads": 32}
    ),
    "qwen2_moe": Family(
        ("Qwen2MoeForCausalLM",),
        grouped(bias="qkv_bias"),
        qwen_experts_and_shared,
        slides=listed(early_even),
        defaults=_QWEN | _QWEN_MOE | {"qkv_bias": True, "num_key_value_heads": 16},
    ),
    "qwen3": Family(
        ("Qwen3ForCausalLM",),
        grouped("attention_bias", "attention_bias", each_head),
        slides=listed(late),
        defaults=_QWEN | {"num_key_value_heads": 32, "head_dim": 128},
    ),
    "qwen3_moe": Family(
        ("Qwen3MoeForCausalLM",),
        grouped("attention_bias", "attention_bias", each_head),
        qwen_experts,
        slides=if_used,
        defaults=_WINDOW | _QWEN_MOE | {"num_key_value_heads": 4},
        respelt={"num_local_experts": "num_experts"},  # release 5
    ),
    "deepseek_v2": Family(
        ("DeepseekV2ForCausalLM",),
        latent,
        deepseek_experts,
        defaults=_DEEPSEEK | {"first_k_dense_replace": 0, "n_shared_experts": 2},
        respelt={"num_experts": "n_routed_experts"},
    ),
    "deepseek_v3": Family(
        ("DeepseekV3ForCausalLM",),
        latent,
        deepseek_experts,
        defaults=_DEEPSEEK | {"first_k_dense_replace": 3, "n_shared_experts": 1},
        respelt={"num_local_experts": "n_routed_experts"},
    ),
    "gemma": Family(
        ("GemmaForCausalLM",),
        _BIASED,
        defaults={"num_key_value_heads": 16, "head_dim": 256, "tie_word_embeddings": True},
    ),
    "gemma2": Family(
        ("Gemma2ForCausalLM",),
        _BIASED,
        norms=4,
        slides=listed(lambda fields, layer: layer % 2 == 0),
        defaults={"num_key_value_heads": 4, "head_dim": 256, "tie_word_embeddings": True, "sliding_window": 4096},
    ),
    "phimoe": Family(
        ("PhimoeForCausalLM", "PhiMoEForCausalLM"),
        _BIASED,
        experts(),
        norm=LAYER_NORM,
        slides=always,
        head_bias="lm_head_bias",
        defaults={"num_key_value_heads": 8, "num_local_experts": 16, "num_experts_per_tok": 2},
    ),
    "gpt_oss": Family(
        ("GptOssForCausalLM",),
        grouped("attention_bias", "attention_bias", sinks=True),
        experts(bias=True),
        slides=listed(lambda fields, layer: layer % 2 == 0),
        defaults={"num_key_value_heads": 8, "head_dim": 64, "attention_bias": True, "sliding_window": 128},
        respelt={"num_experts": "num_local_experts"},
    ),
    "granitemoe": Family(("GraniteMoeForCausalLM",), _BIASED, experts()),
}
"""By ``model_type``."""
