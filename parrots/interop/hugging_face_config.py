"""Configurations of decoders and of the model classes of transformers that compute the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parrots.decoder.config import DecoderConfig
from parrots.decoder.routers.token_choice import TokenChoice
from parrots.interop.families import FAMILIES
from theory.errors import InputError

EXCHANGED: dict[str, dict[str, Any]] = {
    "mistral": {"rms_norm_eps": 1e-6, "rope_theta": 1e4},
    "mixtral": {"rms_norm_eps": 1e-5, "rope_theta": 1e6, "sliding_window": None},
    "llama": {"num_key_value_heads": None, "rms_norm_eps": 1e-6, "rope_theta": 1e4, "sliding_window": None},
}
"""The families that decoders are exchanged with, and of the fields that their files may leave out those that are no
matter of size; the others are in :data:`parrots.interop.families.FAMILIES`."""

_FIELDS = {
    "vocabulary": "vocab_size",
    "width": "hidden_size",
    "hidden": "intermediate_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "positions": "max_position_embeddings",
    "tied": "tie_word_embeddings",
    "norm_epsilon": "rms_norm_eps",
}
"""Ours -> theirs."""

_ONLY = {
    "hidden_act": ("silu", "swish"),
    "attention_bias": (False, None),
    "mlp_bias": (False, None),
    "partial_rotary_factor": (1, None),
    "quantization_config": (None,),
}
"""What these fields may be: this package has SwiGLU only, no biases, and no part of a head left unrotated."""


def to_hugging_face(config: DecoderConfig, dtype: str) -> dict[str, Any]:
    """``config.json`` for weights of ``dtype``: Mistral for a dense decoder, Mixtral for a mixture.

    What acts in training only, capacity and noise of the router, is left out.

    Raises :class:`theory.errors.InputError` for a decoder that neither class can express.
    """
    _check_expressible(config)
    kind = "mistral" if config.router is None else "mixtral"
    values = {
        "vocabulary": config.vocabulary,
        "width": config.width,
        "hidden": config.feed_forward,
        "layers": config.layers,
        "heads": config.heads,
        "kv_heads": config.key_value_heads,
        "positions": config.positions,
        "tied": config.tied,
        "norm_epsilon": config.norm_epsilon,
    }
    plain: dict[str, Any] = {"architectures": [FAMILIES[kind].architectures[0]], "model_type": kind, "dtype": dtype}
    plain |= {_FIELDS[name]: value for name, value in values.items()}
    plain |= {"hidden_act": "silu", "head_dim": config.head_width, "sliding_window": None, "attention_dropout": 0.0}
    # Both spellings: releases before 5 read the first one only.
    plain |= {"rope_theta": config.rope_base}
    plain |= {"rope_parameters": {"rope_type": "default", "rope_theta": config.rope_base}}
    plain |= {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    if isinstance(config.router, TokenChoice):
        plain |= {"num_local_experts": config.router.experts, "num_experts_per_tok": config.router.top_k}
    return plain


def _check_expressible(config: DecoderConfig) -> None:
    router = config.router
    if router is None:
        return
    if type(router) is not TokenChoice:
        raise _inexpressible(f"router {router.name}", "has token choice among equal experts only")
    if config.shared:
        raise _inexpressible(f"shared {config.shared}", "has no shared expert")
    if router.balance_rate:
        raise _inexpressible(f"balance_rate {router.balance_rate}", "has no bias in the choice of experts")
    if not _gates_sum_to_one(router):
        raise _inexpressible(
            f"top_k {router.top_k} with renormalise {router.renormalise}", "makes the gates of the chosen sum to 1"
        )


def _inexpressible(what: str, why: str) -> InputError:
    return InputError(
        f"{what} cannot be exported, because Mixtral in transformers {why}: export a dense decoder, or token-choice "
        "with top_k 2 or more, renormalised gates, and no shared expert or bias."
    )


def _gates_sum_to_one(router: TokenChoice) -> bool:
    if router.experts == 1:
        return True
    return router.top_k > 1 if router.renormalise is None else router.renormalise


def from_hugging_face(plain: Mapping[str, Any]) -> DecoderConfig:
    """The decoder that a ``config.json`` describes.

    Dropout and router noise, which act in training only, are left out.

    Raises :class:`theory.errors.InputError` for a class or a setting that this package does not have.
    """
    try:
        return _parsed(plain)
    except InputError:
        raise
    except (TypeError, ValueError, AttributeError) as error:  # values of other types than the fields have
        raise InputError(f"no readable configuration ({str(error)[:200]}): give an unchanged config.json.") from error


def _parsed(plain: Mapping[str, Any]) -> DecoderConfig:
    kind = plain.get("model_type")
    if kind not in [*EXCHANGED]:
        raise InputError(f"model_type {str(kind)[:80]!r}: allowed are {', '.join(EXCHANGED)}.")
    family = FAMILIES[kind]
    family.check_class(plain.get("architectures") or None)
    common = {"hidden_act": "silu", "tie_word_embeddings": False}
    given = {**common, **family.defaults, **EXCHANGED[kind], **plain}
    for name, allowed in _ONLY.items():
        if given.get(name) not in allowed:
            raise InputError(f"{name} {str(given[name])[:80]!r}: decoders here have {name} {allowed[0]!r} only.")
    missing = sorted(name for name in _FIELDS.values() if name not in given)
    if missing:
        raise InputError(f"a configuration without {', '.join(missing)}: give the whole config.json.")
    fields = {ours: given[theirs] for ours, theirs in _FIELDS.items()}
    router = _router(given) if kind == "mixtral" else None
    config = DecoderConfig(**fields, router=router, rope_base=_rope_base(given))
    _check_reach(given, config)
    return config


def _router(given: Mapping[str, Any]) -> TokenChoice:
    router = TokenChoice(given["num_local_experts"], given["num_experts_per_tok"])
    if not _gates_sum_to_one(router):
        raise InputError(
            "num_experts_per_tok 1: transformers makes the gate of a single expert 1, here it is its probability; "
            "give a model with 2 or more experts a token."
        )
    return router


def _rope_base(given: Mapping[str, Any]) -> float:
    """Of plain rotary positions, in the spelling of transformers 5 or an earlier one."""
    rope = given.get("rope_parameters") or given.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default" or any(isinstance(value, Mapping) for value in rope.values()):
        raise InputError(f"rope scaling {str(dict(rope))[:120]}: decoders here have plain rotary positions only.")
    if rope.get("partial_rotary_factor") not in _ONLY["partial_rotary_factor"]:
        raise InputError(
            f"partial_rotary_factor {rope['partial_rotary_factor']}: decoders here rotate whole heads only."
        )
    base = rope.get("rope_theta")
    return float(given["rope_theta"] if base is None else base)


def _check_reach(given: Mapping[str, Any], config: DecoderConfig) -> None:
    head_width = given.get("head_dim")
    if head_width not in (None, config.head_width):
        raise InputError(
            f"head_dim {head_width}: heads here are width / heads = {config.head_width} wide; give a model whose heads "
            "are."
        )
    window = given["sliding_window"]
    if window is not None and window < config.positions:
        raise InputError(
            f"sliding_window {window} below {config.positions} positions: decoders here attend to every position; "
            "give a model without a window."
        )
