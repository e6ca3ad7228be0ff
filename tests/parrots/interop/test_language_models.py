"""Counts of language models from their config.json against transformers' own models, published and random ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

transformers = pytest.importorskip("transformers")

import torch  # noqa: E402
from hypothesis import Phase, given, settings  # noqa: E402
from model_families import PARTS, PUBLISHED, built, configurations, counted  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402
from transformers.models.auto.configuration_auto import CONFIG_MAPPING  # noqa: E402

from parrots.interop.families import FAMILIES  # noqa: E402
from parrots.interop.language_models import language_model  # noqa: E402
from theory.accounting import language_model_flops, language_model_parameters  # noqa: E402

TOKENS = 5
PHASES = (Phase.generate, Phase.shrink)
"""Without the search for an explanation, which runs a model hundreds of times."""
SAID = {
    "deepseek-v2-lite": (15.7, 2.4),
    "deepseek-v3": (671, 37),
    "gpt-oss-20b": (20.9, 3.6),
    "llama-3-8b": (8.0, 8.0),
    "mixtral-8x7b": (46.7, 12.9),
    "olmoe-1b-7b": (6.9, 1.3),
    "phi-3.5-moe": (41.9, 6.6),
    "qwen1.5-moe-a2.7b": (14.3, 2.7),
    "qwen2-57b-a14b": (57.4, 14),
    "qwen3-30b-a3b": (30.5, 3.3),
}
"""Thousand millions of parameters, total and active, that their authors give."""


def agrees(plain: dict[str, Any]) -> None:
    ours = language_model_parameters(language_model(plain))
    parts, active = counted(built(plain))
    assert {part: getattr(ours, part) for part in PARTS} == parts
    assert ours.total == sum(parts.values())
    assert ours.active == active


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_models_have_the_parameters_of_transformers(name: str) -> None:
    agrees(PUBLISHED[name])


@pytest.mark.parametrize("kind", FAMILIES)
def test_so_do_random_ones_of_every_family(kind: str) -> None:
    @settings(max_examples=10, phases=PHASES)
    @given(configurations(kind))
    def check(plain: dict[str, Any]) -> None:
        agrees(plain)

    check()


@pytest.mark.parametrize("name", SAID)
def test_authors_say_the_same(name: str) -> None:
    """Authors differ in whether the embedding and the head are active; what they say lies in between."""
    total, active = SAID[name]
    ours = language_model_parameters(language_model(PUBLISHED[name]))
    assert ours.total / 1e9 == pytest.approx(total, abs=0.051)
    assert ours.active_inner / 1e9 - 0.05 <= active <= ours.active / 1e9 + 0.05


def torch_flops(plain: dict[str, Any], tokens: int, device: str, experts: str) -> int:
    """Of a forward pass whose attention is written out; torch's counter knows no fused kernel of a CPU."""
    model = built(plain, device, attn_implementation="eager", experts_implementation=experts)
    words, mask = (
        torch.ones(1, tokens, dtype=torch.long, device=device),
        torch.zeros(1, 1, tokens, tokens, device=device),
    )
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(words, attention_mask=mask, use_cache=False)
    return counter.get_total_flops()


@pytest.mark.parametrize("name", PUBLISHED)
def test_flops_of_published_models_are_those_that_torch_counts(name: str) -> None:
    """Their first layers: the others are like the last of these."""
    plain = PUBLISHED[name] | {"num_hidden_layers": 4}
    if "layer_types" in plain:
        plain["layer_types"] = plain["layer_types"][:4]
    ours = language_model_flops(language_model(plain), TOKENS)
    assert TOKENS * ours.total == torch_flops(plain, TOKENS, "meta", "batched_mm")


@pytest.mark.parametrize("kind", FAMILIES)
def test_so_are_those_of_random_ones_of_every_family(kind: str) -> None:
    @settings(max_examples=2, phases=PHASES)
    @given(configurations(kind))
    def check(plain: dict[str, Any]) -> None:
        ours = language_model_flops(language_model(plain), TOKENS)
        assert TOKENS * ours.total == torch_flops(plain, TOKENS, "cpu", "eager")

    check()


def attended(plain: dict[str, Any], tokens: int) -> list[int]:
    """How many tokens the last one attends to in each layer of transformers' model."""
    model = built(plain, "cpu", attn_implementation="eager", experts_implementation="eager")
    with torch.no_grad():
        weights = model(torch.ones(1, tokens, dtype=torch.long), use_cache=False, output_attentions=True).attentions
    return [int((layer[0, :, -1] > 0).any(0).sum()) for layer in weights]


WINDOW = {"sliding_window": 3, "use_sliding_window": True, "max_window_layers": 2}
FULL, SLIDING = "full_attention", "sliding_attention"
WINDOWS = {
    "by rule": WINDOW,
    "listed": WINDOW | {"layer_types": [FULL, FULL, SLIDING, SLIDING, FULL]},
    "none": {"sliding_window": None, "use_sliding_window": False},
    "none listed": WINDOW | {"layer_types": [FULL] * 5},
}
LISTED = ("olmo3", "qwen2", "qwen2_moe", "qwen3", "gemma2", "gpt_oss")
"""Families whose layers may differ in what they read."""
NEED_A_SIZE = ("olmo3", "gemma2", "gpt_oss")
"""Those whose code makes a mask for the window even if no layer has one."""


def fits(kind: str, name: str) -> bool:
    if "listed" in name:
        return kind in LISTED
    return name != "none" or kind not in NEED_A_SIZE


@pytest.mark.parametrize(
    ("kind", "window"), [(kind, name) for kind in FAMILIES for name in WINDOWS if fits(kind, name)]
)
def test_a_token_reads_what_transformers_lets_it_read(kind: str, window: str) -> None:
    @settings(max_examples=1, phases=PHASES)
    @given(configurations(kind))
    def check(plain: dict[str, Any]) -> None:
        given_window = plain | {"num_hidden_layers": 5} | WINDOWS[window]
        keys = [layer.window or TOKENS for layer in language_model(given_window).layers]
        assert keys == attended(given_window, TOKENS)
        assert min(keys) == TOKENS or "none" not in window

    check()


@pytest.mark.parametrize("kind", FAMILIES)
def test_fields_left_out_have_the_values_of_transformers(kind: str) -> None:
    theirs = CONFIG_MAPPING[kind]
    for name, value in FAMILIES[kind].defaults.items():
        if name != "moe_layer_freq":  # a field of DeepSeek's own code, which transformers does not read
            assert getattr(theirs, theirs.attribute_map.get(name, name)) == value, name


@pytest.mark.parametrize("kind", FAMILIES)
def test_other_names_that_transformers_reads_are_read(kind: str) -> None:
    names = CONFIG_MAPPING[kind].attribute_map.items()
    pairs = {tuple(sorted(pair)) for pair in names if "num_mtp_layers" not in pair}  # those layers are not built
    assert pairs == {tuple(sorted(pair)) for pair in FAMILIES[kind].respelt.items()}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_file_that_transformers_has_written_again_describes_the_same(name: str) -> None:
    config = CONFIG_MAPPING[PUBLISHED[name]["model_type"]].from_dict(PUBLISHED[name])
    assert language_model(json.loads(config.to_json_string())) == language_model(PUBLISHED[name])


def test_heads_that_predict_further_tokens_are_not_counted_as_transformers_does_not_build_them() -> None:
    plain = PUBLISHED["deepseek-v3"]
    assert plain["num_nextn_predict_layers"] == 1
    assert language_model(plain) == language_model(plain | {"num_nextn_predict_layers": 0})
