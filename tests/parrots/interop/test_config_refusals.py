"""A config.json that cannot be counted is refused in one line that says what was given and what is allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from parrots.interop.config_fields import MOST_BYTES
from parrots.interop.families import FAMILIES
from parrots.interop.language_models import language_model, read_language_model
from theory.errors import InputError

CONFIGS = Path(__file__).parents[2] / "configs"


def published(name: str) -> dict[str, Any]:
    return json.loads((CONFIGS / f"{name}.json").read_text(encoding="utf-8"))


def refused(plain: dict[str, Any]) -> str:
    with pytest.raises(InputError) as raised:
        language_model(plain)
    (line,) = str(raised.value).splitlines()
    assert len(line) < 400
    return line


GONE = object()


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("llama-3-8b", {"model_type": "lama"}, "model_type 'lama': allowed are mistral, mixtral, llama"),
        ("llama-3-8b", {"model_type": GONE}, "no model_type: give the config.json of a language model"),
        ("llama-3-8b", {"model_type": ["llama"]}, "model_type ['llama']"),
        ("llama-3-8b", {"model_type": "x" * 10_000}, "allowed are"),
        ("llama-3-8b", {"model_type": "llama4", "text_config": {"model_type": "llama"}}, "with a text_config"),
        ("llama-3-8b", {"architectures": ["LlamaForSequenceClassification"]}, "allowed is LlamaForCausalLM"),
        ("llama-3-8b", {"architectures": "LlamaForCausalLM"}, "architectures 'LlamaForCausalLM'"),
        ("llama-3-8b", {"hidden_size": GONE}, "no hidden_size: give the whole config.json"),
        ("llama-3-8b", {"hidden_size": "4096"}, "hidden_size '4096': give a whole number from 1"),
        ("llama-3-8b", {"hidden_size": 4096.0}, "hidden_size 4096.0: give a whole number"),
        ("llama-3-8b", {"hidden_size": True}, "hidden_size True: give a whole number"),
        ("llama-3-8b", {"hidden_size": None}, "hidden_size None"),
        ("llama-3-8b", {"hidden_size": -4096}, "hidden_size -4096: give a whole number from 1 to 1000000000"),
        ("llama-3-8b", {"vocab_size": 10**30}, "vocab_size 1000000000"),
        ("llama-3-8b", {"num_hidden_layers": 0}, "num_hidden_layers 0: give a whole number from 1 to 10000"),
        ("llama-3-8b", {"num_hidden_layers": 10**9}, "num_hidden_layers 1000000000: give a whole"),
        ("llama-3-8b", {"num_attention_heads": 33}, "num_key_value_heads 8 does not divide num_attention_heads 33"),
        ("llama-3-8b", {"num_attention_heads": 24}, "num_attention_heads 24 does not divide hidden_size 4096"),
        ("llama-3-8b", {"num_key_value_heads": [8]}, "num_key_value_heads [8]"),
        ("llama-3-8b", {"attention_bias": "no"}, "attention_bias 'no': give true or false"),
        ("llama-3-8b", {"tie_word_embeddings": 0}, "tie_word_embeddings 0: give true or false"),
        ("llama-3-8b", {"mlp_bias": {"a": [7] * 9}}, "mlp_bias {'a': [7, 7, 7, 7, 7, 7, ...]}"),
        ("mistral-7b", {"sliding_window": 0}, "sliding_window 0: give a whole number from 1"),
        ("mixtral-8x7b", {"num_experts_per_tok": 9}, "number from 1 to 8, of 8 experts"),
        ("mixtral-8x7b", {"num_local_experts": 0}, "num_local_experts 0"),
        ("olmoe-1b-7b", {"num_experts": GONE}, "no num_experts"),
        ("qwen3-30b-a3b", {"decoder_sparse_step": 0}, "decoder_sparse_step 0"),
        ("qwen3-30b-a3b", {"mlp_only_layers": [48]}, "mlp_only_layers with 48 in it: allowed are 0 to 47"),
        ("qwen3-30b-a3b", {"mlp_only_layers": [True]}, "mlp_only_layers with True in it"),
        ("qwen3-30b-a3b", {"mlp_only_layers": 3}, "mlp_only_layers 3: give a list"),
        ("qwen3-30b-a3b", {"moe_intermediate_size": GONE}, "no moe_intermediate_size"),
        ("deepseek-v3", {"moe_layer_freq": 2}, "moe_layer_freq 2: give a whole number from 1 to 1, a mixture in every"),
        ("deepseek-v2-lite", {"mlp_bias": True}, "mlp_bias True: allowed is false"),
        ("mixtral-8x7b", {"num_experts": 4}, "num_experts 4 and num_local_experts 8 name the same number"),
        ("olmoe-1b-7b", {"head_dim": 64}, "head_dim 64 times num_attention_heads 16 is not hidden_size 2048"),
        ("deepseek-v3", {"q_lora_rank": 0}, "q_lora_rank 0"),
        ("deepseek-v3", {"num_experts_per_tok": GONE}, "no num_experts_per_tok"),
        ("gpt-oss-20b", {"layer_types": ["full_attention"]}, "give a list of 24 entries"),
        ("gpt-oss-20b", {"layer_types": ["linear_attention"] * 24}, "layer_types with 'linear_attention' in it"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_fields_that_cannot_be(name: str, changes: dict[str, Any], said: str) -> None:
    plain = {**published(name), **changes}
    assert said in refused({field: value for field, value in plain.items() if value is not GONE})


def test_what_is_not_used_may_be_anything() -> None:
    """A window of 0 with ``use_sliding_window`` false is what transformers itself writes for Qwen2-MoE."""
    plain = published("qwen1.5-moe-a2.7b")
    assert language_model(plain | {"sliding_window": 0, "hidden_act": 3}) == language_model(plain)


def test_every_field_is_needed_or_has_a_default() -> None:
    """Without any one of its fields a file is counted as before, differently, or refused: never an unforeseen error."""
    for path in sorted(CONFIGS.glob("*.json")):
        plain = published(path.stem)
        for gone in plain:
            rest = {field: value for field, value in plain.items() if field != gone}
            try:
                language_model(rest)
            except InputError as error:
                assert gone in str(error) or gone in ("hidden_size", "num_attention_heads"), (path.stem, gone)


@pytest.mark.parametrize("value", [None, -1, 0, 1.5, "x", True, [], [[]], {}, {"a": {}}, 10**40])
def test_no_value_of_any_field_is_an_unforeseen_error(value: Any) -> None:
    for path in sorted(CONFIGS.glob("*.json")):
        plain = published(path.stem)
        for field in {*plain, *FAMILIES[plain["model_type"]].defaults}:
            try:
                language_model(plain | {field: value})
            except InputError as error:
                assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no readable config.json"),
        (b"{", "no readable config.json"),
        (b"\xff\xfe", "no readable config.json"),
        (b"[]", "config.json is no object"),
        (b"null", "config.json is no object"),
        (b"{}", "no model_type"),
        (b'{"model_type": "llama", "vocab_size": 9, "vocab_size": 7}', "^'vocab_size' is there twice"),
        (b"[" * 100_000, "no readable config.json"),
        (b'{"vocab_size": ' + b"1" * 5000 + b"}", "no readable config.json"),
        (b" " * (MOST_BYTES + 1), "more than 1048576 bytes"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_files_that_are_no_configuration(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "config.json").write_bytes(content)
    for path in (tmp_path, tmp_path / "config.json"):
        with pytest.raises(InputError, match=said):
            read_language_model(path)


def test_no_file_and_no_regular_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.json", Path("/dev/zero")):
        with pytest.raises(InputError, match=r"no readable|is no file"):
            read_language_model(path)
