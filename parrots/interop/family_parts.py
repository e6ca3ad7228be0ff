"""Readers of the parts of a configuration, attention, feed-forward layers and windows, that families share."""

from __future__ import annotations

from collections.abc import Callable

from parrots.interop.config_fields import MOST_LAYERS, Fields
from theory.accounting.attention import Attention, GroupedAttention, LatentAttention
from theory.accounting.feed_forward import Mixture
from theory.accounting.language_model import Dense
from theory.errors import InputError


def layers_of(fields: Fields) -> int:
    """L."""
    return fields.count("num_hidden_layers", most=MOST_LAYERS)


# Attention.


def grouped(
    bias: str | bool = False,
    output_bias: str | bool = False,
    norm: Callable[[int, int, int], int] = lambda heads, shared, width: 0,
    sinks: bool = False,
) -> Callable[[Fields], GroupedAttention]:
    """Grouped heads; a bias is there always, never, or if the field of that name says so."""

    def read(fields: Fields) -> GroupedAttention:
        width, heads = fields.count("hidden_size"), fields.count("num_attention_heads")
        shared = fields.optional("num_key_value_heads") or heads
        if heads % shared:
            raise InputError(
                f"num_key_value_heads {shared} does not divide num_attention_heads {heads}: give one that does."
            )
        head_width = fields.optional("head_dim")
        if head_width is None and width % heads:
            raise InputError(
                f"num_attention_heads {heads} does not divide hidden_size {width}: give one that does, or head_dim."
            )
        head_width = head_width or width // heads
        return GroupedAttention(
            heads,
            shared,
            head_width,
            bias=_says(fields, bias),
            output_bias=_says(fields, output_bias),
            norms=norm(heads, shared, head_width),
            sinks=sinks,
        )

    return read


def cut_from_token(read: Callable[[Fields], GroupedAttention]) -> Callable[[Fields], Attention]:
    """Heads that are cut from a token: the norms of all heads together are as wide as a token, so no head is wider."""

    def checked(fields: Fields) -> Attention:
        attention, width = read(fields), fields.count("hidden_size")
        if attention.value_width != width:
            raise InputError(
                f"head_dim {attention.head_width} times num_attention_heads {attention.heads} is not hidden_size "
                f"{width}: leave head_dim out."
            )
        return attention

    return checked


def _says(fields: Fields, flag: str | bool) -> bool:
    return fields.flag(flag) if isinstance(flag, str) else flag


def each_head(heads: int, shared: int, width: int) -> int:
    """Gains of norms over one query and one key, the same for all heads."""
    return 2 * width


def all_heads(heads: int, shared: int, width: int) -> int:
    """Gains of norms over the queries of all heads together, and their keys."""
    return (heads + shared) * width


def latent(fields: Fields) -> Attention:
    """DeepSeek's."""
    return LatentAttention(
        heads=fields.count("num_attention_heads"),
        latent=fields.count("kv_lora_rank"),
        unrotated=fields.count("qk_nope_head_dim"),
        rotated=fields.count("qk_rope_head_dim"),
        value=fields.count("v_head_dim"),
        query_latent=fields.optional("q_lora_rank"),
        bias=fields.flag("attention_bias"),
    )


# Feed-forward layers: one for each of L.

FeedForwards = Callable[[Fields], "list[Dense | Mixture]"]


def dense(bias: str | bool = False) -> FeedForwards:
    """The same dense layer everywhere."""
    return lambda fields: [Dense(fields.count("intermediate_size"), _says(fields, bias))] * layers_of(fields)


def experts(bias: bool = False) -> FeedForwards:
    """Experts in every layer, as Mixtral has them."""

    def read(fields: Fields) -> list[Dense | Mixture]:
        number = fields.count("num_local_experts")
        mixture = Mixture(number, _chosen(fields, number), fields.count("intermediate_size"), bias, router_bias=bias)
        return [mixture] * layers_of(fields)

    return read


def qwen_experts(fields: Fields, shared: int = 0) -> list[Dense | Mixture]:
    """Experts in every ``decoder_sparse_step``-th layer that ``mlp_only_layers`` does not name."""
    layers, step, number = layers_of(fields), fields.count("decoder_sparse_step"), fields.count("num_experts", least=0)
    named = fields.each("mlp_only_layers", range(layers)) or []
    plain: list[Dense | Mixture] = [Dense(fields.count("intermediate_size"))] * layers
    sparse = [i for i in range(layers) if number and (i + 1) % step == 0 and i not in set(named)]
    if sparse:
        hidden = fields.count("moe_intermediate_size")
        mixture = Mixture(number, _chosen(fields, number), hidden, shared=shared, shared_gate=shared > 0)
    for layer in sparse:
        plain[layer] = mixture
    return plain


def qwen_experts_and_shared(fields: Fields) -> list[Dense | Mixture]:
    """The same, with one expert that every token passes and a gate before it."""
    return qwen_experts(fields, fields.count("shared_expert_intermediate_size"))


def olmo_experts(fields: Fields) -> list[Dense | Mixture]:
    """Experts in every layer."""
    number = fields.count("num_experts")
    return [Mixture(number, _chosen(fields, number), fields.count("intermediate_size"))] * layers_of(fields)


def deepseek_experts(fields: Fields) -> list[Dense | Mixture]:
    """Dense layers first, then experts with shared ones."""
    layers, number = layers_of(fields), fields.count("n_routed_experts")
    fields.count("moe_layer_freq", 1, 1, ", a mixture in every layer after the first")
    if fields.flag("mlp_bias"):
        raise InputError("mlp_bias True: allowed is false, as in published models of DeepSeek.")
    first = min(layers, fields.count("first_k_dense_replace", least=0))
    hidden = fields.count("moe_intermediate_size")
    shared = hidden * (fields.optional("n_shared_experts", least=0) or 0)
    plain: list[Dense | Mixture] = [Dense(fields.count("intermediate_size"))] * first
    return plain + [Mixture(number, _chosen(fields, number), hidden, shared=shared)] * (layers - first)


def _chosen(fields: Fields, number: int) -> int:
    return fields.count("num_experts_per_tok", 1, number, f", of {number} experts")


# Windows: which of the L layers attend to the last ``sliding_window`` tokens only.

Slides = Callable[[Fields], "list[bool]"]


def never(fields: Fields) -> list[bool]:
    """Whatever ``sliding_window`` says."""
    return [False] * layers_of(fields)


def always(fields: Fields) -> list[bool]:
    """If there is a ``sliding_window``."""
    return [True] * layers_of(fields)


def if_used(fields: Fields) -> list[bool]:
    """If ``use_sliding_window`` says so."""
    return [fields.flag("use_sliding_window")] * layers_of(fields)


def listed(otherwise: Callable[[Fields, int], bool]) -> Slides:
    """As ``layer_types`` says, or a rule for each layer where the file does not have it."""

    def read(fields: Fields) -> list[bool]:
        layers = layers_of(fields)
        types = fields.each("layer_types", ("sliding_attention", "full_attention"), layers)
        if types is not None:
            return [kind == "sliding_attention" for kind in types]
        return [otherwise(fields, layer) for layer in range(layers)]

    return read


def late(fields: Fields, layer: int) -> bool:
    """From layer ``max_window_layers`` on, if ``use_sliding_window`` says so."""
    return fields.flag("use_sliding_window") and layer >= fields.count("max_window_layers", least=0)


def early_even(fields: Fields, layer: int) -> bool:
    """Every other layer before that."""
    even = fields.flag("use_sliding_window") and layer % 2 == 0
    return even and layer < fields.count("max_window_layers", least=0)
